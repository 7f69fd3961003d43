/* psp.c: what the drivers share. */
#include "psp.h"

#include <stdio.h>

void psp_tell(struct peer_call *call, enum saga_verdict verdict, const char *code,
              const char *detail)
{
    call->verdict = verdict;
    snprintf(call->code, sizeof(call->code), "%s", code != NULL ? code : "");
    snprintf(call->detail, sizeof(call->detail), "%s", detail != NULL ? detail : "");
}

void psp_tell_unknown(struct peer_call *call, const struct outcall_answer *answer)
{
    if (answer->rc < 0) {
        psp_tell(call, SAGA_UNKNOWN, err_name(answer->rc), answer->why);
    } else {
        char code[24];
        snprintf(code, sizeof(code), "http-%u", answer->status);
        psp_tell(call, SAGA_UNKNOWN, code, "");
    }
    call->retry_ms = answer->retry_after_s * 1000;
    /* An error that is kept under our key comes back for ever; the next try needs another key. */
    call->key_burnt = answer->rc == 0 && answer->status >= 500 && answer->replayed;
}

/* ---- lists ---- */

struct list_call {
    void (*read)(const json_t *list, struct psp_events *events);
    void (*on_done)(void *ctx, const struct psp_events *events);
    void *ctx;
    struct psp_events events;
};

static void on_list(void *ctx, const struct outcall_answer *answer)
{
    struct list_call *call = ctx;
    call->events.rc = answer->rc < 0 ? answer->rc : answer->status == 200 ? 0 : ERR_PEER;
    if (call->events.rc == 0) {
        json_t *list = json_loadb(answer->body.ptr, answer->body.len, 0, NULL);
        call->events.rc = list != NULL ? 0 : ERR_SYNTAX;
        call->read(list, &call->events);
        json_decref(list);
    }
    call->on_done(call->ctx, &call->events);
    free(call);
}

void psp_list_get(struct psp *psp, const char *url, const char *auth,
                  void (*read)(const json_t *list, struct psp_events *events),
                  void (*on_done)(void *ctx, const struct psp_events *events), void *ctx)
{
    struct list_call *call = calloc(1, sizeof(*call));
    if (call == NULL)
        abort(); /* as elsewhere: without a few kilobytes nothing of this can go on */
    call->read = read;
    call->on_done = on_done;
    call->ctx = ctx;
    struct outcall out = {.url = url,
                          .timeout_ms = psp->conf.timeout_ms,
                          .on_done = on_list,
                          .ctx = call,
                          .headers = {auth}};
    outcall_send(psp->conf.outcalls, &out);
}
