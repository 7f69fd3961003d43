/* psp.c: what the drivers share: how a verdict is reported, how a call is counted and paid for, and
 * how a provider's list is fetched. One rule for all drivers: whatever is not a definite yes or no
 * is UNKNOWN, and a refusal that is about us (key, account, contract) never counts as a refusal of
 * the order. */
#include "psp/psp.h"

#include "base/bug.h"
#include "base/json_in.h"
#include "observe/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two arrays from one list, so a provider has the same index in both. */
#define PSP_NAME(NAME) #NAME,
const char *const psp_names[PSP_PROVIDERS + 1] = {PSP_LIST(PSP_NAME) NULL};
#define PSP_DRIVER(NAME) &psp_##NAME,
const struct psp_driver *const psp_drivers[PSP_PROVIDERS] = {PSP_LIST(PSP_DRIVER)};

void psp_answer(struct peer_call *call, enum saga_verdict verdict, const char *code,
                const char *detail)
{
    call->verdict = verdict;
    span_to_cstr_cut(span_of(code), call->code, sizeof(call->code));
    span_to_cstr_cut(span_of(detail), call->detail, sizeof(call->detail));
}

void psp_send(struct psp *psp, const struct outcall *call)
{
    pace_pay(&psp->conf.shared->pace, clock_mono_us(psp->conf.clock));
    outcall_send(psp->conf.outcalls, call);
}

/* 403 is about a right of the key or about one payment, 429 and 5xx about the moment. */
void psp_note_key(struct psp *psp, const struct outcall_answer *answer)
{
    unsigned status = answer->rc == 0 ? answer->status : 0;
    bool refused = status == 401;
    if (!refused && (status < 200 || status == 403 || status == 429 || status >= 500))
        return;
    atomic_store_explicit(&psp->conf.shared->seen[psp->place].refused_us,
                          refused ? clock_mono_us(psp->conf.clock) : 0, memory_order_relaxed);
}

/* `order`: "" for a list. */
static void report_stranger(struct psp *psp, const char *order, const char *detail)
{
    atomic_fetch_add_explicit(&psp->conf.shared->seen[psp->place].strangers, 1,
                              memory_order_relaxed);
    struct log_line line;
    log_begin(&line, psp->conf.log, LOG_LEVEL_ERROR,
              "the payment provider rejects our credentials: check its key and account");
    log_cstr(&line, "provider", psp->driver->name);
    log_cstr(&line, "order", order);
    log_cstr(&line, "detail", detail != NULL ? detail : "");
    log_end(&line);
}

void psp_answer_stranger(struct psp *psp, struct peer_call *call, const char *detail)
{
    report_stranger(psp, call->order->id, detail);
    psp_answer(call, SAGA_UNKNOWN, "provider-refuses-us", detail);
}

void psp_answer_unknown(struct peer_call *call, const struct outcall_answer *answer)
{
    int rc = answer->rc;
    if (rc < 0) {
        psp_answer(call, SAGA_UNKNOWN, err_name(rc), answer->why);
        call->unasked = rc == ERR_FULL || rc == ERR_CLOSED || rc == ERR_NOMEM;
    } else {
        char code[24];
        snprintf(code, sizeof(code), "http-%u", answer->status);
        psp_answer(call, SAGA_UNKNOWN, code, "");
    }
    call->retry_ms = answer->retry_after_s * 1000;
    /* An error stored under our idempotency key would come back for good, so the next try needs
     * another key. */
    call->key_burnt = rc == 0 && answer->status >= 500 && answer->replayed;
}

bool psp_read_body(struct peer_call *call, const struct outcall_answer *answer, json_t **out)
{
    *out = NULL;
    if (answer->rc < 0 || json_in_read(answer->body, out) == 0)
        return true;
    psp_answer_unknown(call, answer);
    psp_answer(call, SAGA_UNKNOWN, "no-memory", NULL);
    call->answered = answer->status < 500;
    return false;
}

/* ---- lists ---- */

enum { LIST_SHORT_MAX = 32768 }; /* parsed on the loop, in half a millisecond */

struct list_call {
    uv_work_t work;
    struct psp *psp; /* may end while a long list is parsed */
    const struct psp_driver *driver;
    void (*read)(const json_t *list, struct psp_events *events);
    void (*on_done)(void *ctx, const struct psp_events *events);
    void *ctx;
    unsigned status;
    struct span body;
    char *copy; /* of the body; NULL: borrowed */
    struct psp_events events;
};

static void read_list(uv_work_t *work)
{
    struct list_call *call = work->data;
    struct psp_events *events = &call->events;
    json_t *list = NULL;
    if (events->rc == 0)
        events->rc = json_in_read(call->body, &list);
    if (events->rc == 0)
        events->rc = call->status != 200 ? ERR_PEER : list == NULL ? ERR_SYNTAX : 0;
    if (events->rc == 0)
        call->read(list, events);
    else
        events->lost = call->driver->is_lost(list);
    json_decref(list);
    free(call->copy);
}

static void on_list_read(uv_work_t *work, int status)
{
    struct list_call *call = work->data;
    (void)status; /* never cancelled */
    call->on_done(call->ctx, &call->events);
    free(call);
}

static void report_list(struct psp *psp, const struct outcall_answer *answer)
{
    if (answer->rc == 0 && (answer->status == 401 || answer->status == 403)) {
        report_stranger(psp, "", "");
        return;
    }
    struct log_line line;
    log_begin(&line, psp->conf.log, LOG_LEVEL_WARN, "reconciliation did not get a provider's list");
    log_cstr(&line, "provider", psp->driver->name);
    log_u64(&line, "status", answer->status);
    log_cstr(&line, "why", answer->why);
    log_end(&line);
}

/* A page that is too long is requested again in parts, a forgotten position is reported as that,
 * and a shutdown is no failure. */
static bool has_failed(const struct list_call *call, int rc)
{
    if (rc == 0)
        return call->status != 200 && !call->events.lost;
    return rc != ERR_CLOSED && (rc != ERR_RANGE || call->events.limit == 1);
}

/* A long list is parsed here, too, if a copy does not fit into memory. */
static void on_list(void *ctx, const struct outcall_answer *answer)
{
    struct list_call *call = ctx;
    call->work.data = call;
    call->events.rc = answer->rc;
    call->status = answer->status;
    call->body = answer->body;
    if (call->body.len > LIST_SHORT_MAX)
        call->copy = malloc(call->body.len);
    bool here = call->copy == NULL;
    if (here)
        read_list(&call->work);
    if (has_failed(call, answer->rc))
        report_list(call->psp, answer);
    psp_note_key(call->psp, answer);
    if (here) {
        on_list_read(&call->work, 0);
        return;
    }
    memcpy(call->copy, call->body.ptr, call->body.len);
    call->body.ptr = call->copy;
    uv_queue_work(call->psp->conf.uv, &call->work, read_list,
                  on_list_read); /* fails only without a job */
}

void psp_list_get(struct psp *psp, const char *url, const char *auth, uint32_t limit,
                  void (*read)(const json_t *list, struct psp_events *events),
                  void (*on_done)(void *ctx, const struct psp_events *events), void *ctx)
{
    struct list_call *call = calloc(1, sizeof(*call));
    if (call == NULL)
        BUG_STOP("no memory for a call"); /* without a few kilobytes nothing here can continue */
    call->psp = psp;
    call->driver = psp->driver;
    call->events.limit = limit;
    call->read = read;
    call->on_done = on_done;
    call->ctx = ctx;
    struct outcall out = {.url = url,
                          .timeout_ms = psp->conf.timeout_ms,
                          .on_done = on_list,
                          .ctx = call,
                          .headers = {auth, psp->driver->version}};
    psp_send(psp, &out);
}
