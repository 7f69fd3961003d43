/* desk.c: an errand is one call on its way. It may wait twice (a fault's delay before, the journal
 * and a fault's slowness after); in between, the bank does its work at once. While an errand is on
 * its way its idempotency key is in use: another call with the same key gets a 409. The errand
 * lives exactly as long as its request is unanswered, so it can borrow the request's bytes.
 *
 * The provider's clock is the machine's plus an offset, and never goes back: after a restart it
 * continues from the last record if that lies ahead. */
#include "desk/desk.h"

#include "core/idem.h"
#include "desk/journal.h"
#include "observe/log.h"
#include "ops/counter.h"
#include "ops/op.h"
#include "stripe/stripe.h"
#include "stripe/wire/stripe_error.h"
#include "toss/toss_error.h"

#include <assert.h>
#include <stdlib.h>

enum { EXPIRE_EVERY_MS = 250 };

struct errand {
    struct desk *desk;
    struct errand *prev, *next;
    struct desk_order order;
    struct fault fault;
    int fault_slot;              /* -1: not from an intent's metadata */
    struct intent *fault_intent; /* whose metadata it is; NULL: of one about to be created */
    uv_timer_t timer;
    bool timer_inited;
    unsigned status;
    bool replayed;
    uint32_t intent;
    uint32_t payment;
    char request[IDENT_MAX];
    char *body; /* of the answer; malloced */
    size_t body_len;
    uint32_t events_from, events_to;
    uint32_t notices_from, notices_to;
    char *own_body;
};

struct desk {
    struct desk_conf conf;
    struct bank *bank;
    struct journal *journal;
    struct webhook_sender *webhooks;
    struct fault_list faults;
    struct errand *errands; /* those on their way */
    uv_timer_t expire_timer;
    uint32_t expire_cursor, session_cursor;
    uint64_t last_us;   /* the latest time that any call has seen */
    uint64_t offset_us; /* of the provider's clock */
    struct form form;   /* for looking into a body before the bank does */
    bool closing;
    unsigned handles;
};

uint64_t desk_now_us(const struct desk *desk)
{
    uint64_t now_us = clock_wall_us(desk->conf.clock) + desk->offset_us;
    return now_us > desk->last_us ? now_us : desk->last_us;
}

/* ---- an errand's end ---- */

static void let_go(struct desk *desk)
{
    assert(desk->handles > 0);
    if (--desk->handles == 0 && desk->closing)
        free(desk);
}

static void errand_free(struct errand *errand)
{
    free(errand->own_body);
    free(errand->body);
    free(errand);
}

static void on_errand_closed(uv_handle_t *handle)
{
    struct errand *errand = handle->data;
    struct desk *desk = errand->desk;
    errand_free(errand);
    let_go(desk);
}

static void errand_end(struct errand *errand)
{
    struct desk *desk = errand->desk;
    *(errand->prev != NULL ? &errand->prev->next : &desk->errands) = errand->next;
    if (errand->next != NULL)
        errand->next->prev = errand->prev;
    if (errand->timer_inited)
        uv_close((uv_handle_t *)&errand->timer, on_errand_closed);
    else
        errand_free(errand);
}

static void wait_then(struct errand *errand, uint64_t ms, uv_timer_cb then)
{
    if (!errand->timer_inited) {
        uv_timer_init(errand->desk->conf.loop, &errand->timer); /* never fails */
        errand->timer.data = errand;
        errand->timer_inited = true;
        errand->desk->handles++;
    }
    uv_timer_start(&errand->timer, then, ms, 0);
}

static void tell(struct errand *errand)
{
    struct desk_answer answer = {
        .status = errand->status,
        .body = {errand->body, errand->body_len},
        .replayed = errand->replayed,
        .intent = errand->intent,
        .payment = errand->payment,
        .request = errand->request,
    };
    struct http_req *req = errand->order.req;
    if (req == NULL) {
        errand_end(errand);
        return;
    }
    if (errand->fault.kind == FAULT_LOST)
        http_reply_cut(req, (struct span){0}, 500);
    else
        errand->order.on_answered(req, &answer, errand->fault.kind == FAULT_CUT);
    errand_end(errand);
}

static void on_slow(uv_timer_t *timer)
{
    tell(timer->data);
}

/* The effect is on disk: now it may be reported. */
static void on_written(void *ctx)
{
    struct errand *errand = ctx;
    struct desk *desk = errand->desk;
    webhook_sender_events(desk->webhooks, errand->events_from, errand->events_to);
    webhook_sender_notices(desk->webhooks, errand->notices_from, errand->notices_to);
    if (errand->fault.kind == FAULT_SLOW)
        wait_then(errand, errand->fault.value, on_slow);
    else
        tell(errand);
}

/* ---- doing it ---- */

/* The call reaches the bank, which then counts the fault as part of the call. */
static bool comes_through(enum fault_kind kind)
{
    return kind != FAULT_DELAY && kind != FAULT_DROP && kind != FAULT_ERROR;
}

static void keep_answer(struct errand *errand, const struct answer *answer)
{
    errand->status = answer->status;
    errand->replayed = answer->replayed;
    errand->intent = answer->intent;
    errand->payment = answer->payment;
    memcpy(errand->request, answer->request, sizeof(errand->request));
    errand->body = bank_copy(answer->body);
    errand->body_len = errand->body != NULL ? answer->body.len : 0;
}

static void execute(struct errand *errand)
{
    struct desk *desk = errand->desk;
    const struct desk_order *order = &errand->order;
    enum fault_kind kind = errand->fault.kind;
    struct call call = {.op = order->op,
                        .at_us = desk_now_us(desk),
                        .seed = rng_u64(desk->conf.rng),
                        .id = order->id,
                        .query = order->query,
                        .body = order->body,
                        .key = order->key,
                        .instead = kind == FAULT_ERROR ? errand->fault.value : 0,
                        .afterwards = kind == FAULT_ERROR_AFTER ? errand->fault.value : 0,
                        .fault_slot = comes_through(kind) ? errand->fault_slot : -1};
    desk->last_us = call.at_us;
    errand->events_from = desk->bank->events.count;
    errand->notices_from = desk->bank->notices.count;
    struct answer answer;
    counter_run(desk->bank, &call, &answer);
    errand->events_to = desk->bank->events.count;
    errand->notices_to = desk->bank->notices.count;
    keep_answer(errand, &answer);
    if (answer.replayed && errand->fault_intent != NULL && call.fault_slot >= 0)
        errand->fault_intent->fault_used[call.fault_slot]++; /* the bank counts what it executes */
    if (answer.executed)
        journal_call(desk->journal, &call, on_written, errand);
    else
        on_written(errand);
}

static void on_delayed(uv_timer_t *timer)
{
    execute(timer->data);
}

/* ---- which fault strikes ---- */

/* The payment that a call is about, if its id says so. */
static struct intent *target_of(struct desk *desk, const struct desk_order *order)
{
    struct span id = order->id;
    if (id.len == 0 && order->op->run == stripe_refund_create) {
        form_clear(&desk->form);
        if (form_parse(&desk->form, order->body, NULL) < 0 ||
            !form_get(&desk->form, "payment_intent", &id))
            return NULL;
    }
    struct intent *intent = bank_find_intent(desk->bank, id, NULL);
    return intent != NULL ? intent : bank_find_secret(desk->bank, id, NULL);
}

/* For a payment that does not exist yet: the faults in the creating call. Only the first call under
 * a key is struck; its repetitions cannot be told apart from each other. */
static bool fault_of_create(struct desk *desk, const struct desk_order *order, struct fault *fault,
                            int *slot)
{
    static const uint32_t unused[FAULT_SPECS_MAX];
    struct span spec;
    if (order->body.len == 0 || memmem(order->body.ptr, order->body.len, FAULT_META_KEY,
                                       sizeof(FAULT_META_KEY) - 1) == NULL)
        return false;
    if (order->key.len > 0 && idem_has(desk->bank->idem[0], order->key))
        return false;
    form_clear(&desk->form);
    if (form_parse(&desk->form, order->body, NULL) < 0 ||
        !form_get(&desk->form, "metadata[" FAULT_META_KEY "]", &spec))
        return false;
    char *text = bank_copy(spec);
    bool strikes = fault_in_text(text, unused, span_of(order->op->name), fault, slot);
    free(text);
    return strikes;
}

static bool fault_of_meta(struct errand *errand)
{
    struct desk *desk = errand->desk;
    const struct desk_order *order = &errand->order;
    if (order->op->run == stripe_intent_create)
        return fault_of_create(desk, order, &errand->fault, &errand->fault_slot);
    struct intent *intent = target_of(desk, order);
    if (intent == NULL)
        return false;
    const char *text = meta_get(&intent->meta, FAULT_META_KEY);
    if (!fault_in_text(text, intent->fault_used, span_of(order->op->name), &errand->fault,
                       &errand->fault_slot))
        return false;
    errand->fault_intent = intent;
    /* A fault that leaves no trace in the journal is counted here, until the next restart. */
    if (!comes_through(errand->fault.kind) || !order->op->changes) {
        intent->fault_used[errand->fault_slot]++;
        errand->fault_slot = -1;
    }
    return true;
}

static void choose_fault(struct errand *errand)
{
    struct desk *desk = errand->desk;
    errand->fault_slot = -1;
    if (errand->order.req == NULL)
        return; /* the sandbox's own errands never fail */
    if (fault_of_meta(errand))
        return;
    errand->fault_slot = -1;
    if (!fault_list_take(&desk->faults, span_of(errand->order.op->name), &errand->fault))
        errand->fault.kind = FAULT_NONE;
}

/* ---- taking it in ---- */

static bool key_in_use(const struct desk *desk, const struct desk_order *order)
{
    if (order->key.len == 0 || !order->op->changes)
        return false;
    for (const struct errand *errand = desk->errands; errand != NULL; errand = errand->next) {
        if (errand->order.op->flavour == order->op->flavour &&
            span_eq(errand->order.key, order->key))
            return true;
    }
    return false;
}

/* What is refused before it reaches the bank. */
static void refuse(const struct desk_order *order, unsigned status, const char *type,
                   const char *code, const char *toss_code, const char *words)
{
    char memory[1024];
    struct text body = text_on(memory, sizeof(memory));
    if (order->op->flavour == OP_TOSS)
        toss_error_put(&body, toss_code, words);
    else
        stripe_error_put(&body, status, type, code, words);
    struct desk_answer answer = {.status = status,
                                 .body = text_span(&body),
                                 .intent = INTENT_NONE,
                                 .payment = PAYMENT_NONE,
                                 .request = ""};
    order->on_answered(order->req, &answer, false);
}

void desk_submit(struct desk *desk, const struct desk_order *order)
{
    if (key_in_use(desk, order)) {
        refuse(order, 409, "idempotency_error", "idempotency_key_in_use",
               "IDEMPOTENT_REQUEST_PROCESSING",
               "There is currently another in-progress request using this Idempotent Key (that "
               "probably means you submitted twice, and the other request is still going "
               "through). Please try again later.");
        return;
    }
    struct errand *errand = calloc(1, sizeof(*errand));
    if (errand == NULL)
        goto no_memory;
    errand->desk = desk;
    errand->order = *order;
    if (order->own_body) {
        errand->own_body = bank_copy(order->body);
        if (errand->own_body == NULL)
            goto no_memory;
        errand->order.body.ptr = errand->own_body;
    }
    choose_fault(errand);
    if (errand->fault.kind == FAULT_DROP) {
        http_reply_cut(order->req, (struct span){0}, 500);
        errand_free(errand);
        return;
    }
    errand->next = desk->errands;
    if (desk->errands != NULL)
        desk->errands->prev = errand;
    desk->errands = errand;
    if (errand->fault.kind == FAULT_DELAY)
        wait_then(errand, errand->fault.value, on_delayed);
    else
        execute(errand);
    return;

no_memory:
    free(errand);
    if (order->req != NULL)
        refuse(order, 500, NULL, NULL, "FAILED_INTERNAL_SYSTEM_PROCESSING", "Out of memory.");
}

/* ---- authorisations that run out ---- */

static void on_expire_timer(uv_timer_t *timer)
{
    struct desk *desk = timer->data;
    const struct intent *intent =
        stripe_next_expired(desk->bank, &desk->expire_cursor, desk_now_us(desk) / 1000000);
    if (intent != NULL) {
        struct desk_order order = {.op = op_running(stripe_expire), .id = span_of(intent->id)};
        desk_submit(desk, &order); /* the id lives as long as the bank */
    }
    const struct session *session =
        stripe_session_next_over(desk->bank, &desk->session_cursor, desk_now_us(desk) / 1000000);
    if (session != NULL) {
        struct desk_order order = {.op = op_running(stripe_session_run_out),
                                   .id = span_of(session->id)};
        desk_submit(desk, &order);
    }
}

/* ---- coming back ---- */

static void on_read_call(void *ctx, const struct call *call)
{
    struct desk *desk = ctx;
    struct answer answer;
    counter_run(desk->bank, call, &answer);
    if (call->at_us > desk->last_us)
        desk->last_us = call->at_us;
}

static void on_read_delivery(void *ctx, const struct journal_delivery *delivery)
{
    struct desk *desk = ctx;
    const struct list *list = delivery->notice ? &desk->bank->notices : &desk->bank->events;
    if (delivery->event >= list->count || delivery->endpoint >= ENDPOINTS_MAX)
        return;
    struct event *event = list->items[delivery->event];
    uint16_t bit = (uint16_t)(1u << delivery->endpoint);
    if (event == NULL)
        return;
    event->pending = (uint16_t)(event->pending & ~bit);
    if (!delivery->confirmed)
        event->undelivered = (uint16_t)(event->undelivered | bit);
}

static void on_over(void *ctx, const struct journal_delivery *delivery)
{
    struct desk *desk = ctx;
    if (desk->journal != NULL)
        journal_delivery(desk->journal, delivery);
}

static void on_journal_broken(void *ctx, const struct err_slot *err)
{
    struct desk *desk = ctx;
    desk->conf.on_broken(desk->conf.ctx, err);
}

static void tell_start(const struct desk *desk)
{
    struct log_line line;
    log_begin(&line, desk->conf.log, LOG_LEVEL_INFO, "journal read");
    log_u64(&line, "bytes", journal_bytes(desk->journal));
    log_u64(&line, "intents", desk->bank->intents.count);
    log_u64(&line, "payments", desk->bank->payments.count);
    log_end(&line);
}

int desk_create(const struct desk_conf *conf, struct err_slot *err, struct desk **out)
{
    struct desk *desk = calloc(1, sizeof(*desk));
    if (desk == NULL)
        return err_set(err, ERR_NOMEM, "desk");
    desk->conf = *conf;
    int rc = bank_create(&conf->bank, err, &desk->bank);
    if (rc < 0)
        goto free_desk;
    struct journal_conf journal = {.loop = conf->loop,
                                   .path = conf->journal_path,
                                   .fsync = conf->journal_fsync,
                                   .on_call = on_read_call,
                                   .on_delivery = on_read_delivery,
                                   .on_broken = on_journal_broken,
                                   .ctx = desk};
    rc = journal_open(&journal, err, &desk->journal);
    if (rc < 0)
        goto destroy_bank;
    struct webhook_sender_conf webhooks = {.loop = conf->loop,
                                           .bank = desk->bank,
                                           .faults = &desk->faults,
                                           .clock = conf->clock,
                                           .retry_ms = conf->webhook_retry_ms,
                                           .attempts_max = conf->webhook_attempts_max,
                                           .toss_url = conf->toss_webhook_url,
                                           .toss_retry_ms = conf->toss_retry_ms,
                                           .on_over = on_over,
                                           .ctx = desk};
    rc = webhook_sender_create(&webhooks, err, &desk->webhooks);
    if (rc < 0)
        goto close_journal;
    uv_timer_init(conf->loop, &desk->expire_timer); /* never fails */
    desk->expire_timer.data = desk;
    desk->handles = 1;
    uv_timer_start(&desk->expire_timer, on_expire_timer, EXPIRE_EVERY_MS, EXPIRE_EVERY_MS);
    tell_start(desk);
    webhook_sender_events(desk->webhooks, 0, desk->bank->events.count);
    webhook_sender_notices(desk->webhooks, 0, desk->bank->notices.count);
    *out = desk;
    return 0;

close_journal:
    journal_close(desk->journal);
destroy_bank:
    bank_destroy(desk->bank);
free_desk:
    free(desk);
    return rc;
}

struct bank *desk_bank(struct desk *desk)
{
    return desk->bank;
}

struct fault_list *desk_faults(struct desk *desk)
{
    return &desk->faults;
}

struct webhook_sender *desk_webhooks(struct desk *desk)
{
    return desk->webhooks;
}

void desk_advance(struct desk *desk, uint64_t us)
{
    desk->offset_us += us;
}

static void on_timer_closed(uv_handle_t *handle)
{
    let_go(handle->data);
}

void desk_close(struct desk *desk)
{
    if (desk == NULL)
        return;
    desk->closing = true;
    struct errand *next;
    for (struct errand *errand = desk->errands; errand != NULL; errand = next) {
        next = errand->next;
        if (errand->order.req != NULL)
            http_reply_cut(errand->order.req, (struct span){0}, 500);
        errand_end(errand);
    }
    webhook_sender_close(desk->webhooks);
    journal_close(desk->journal);
    bank_destroy(desk->bank);
    uv_close((uv_handle_t *)&desk->expire_timer, on_timer_closed);
}
