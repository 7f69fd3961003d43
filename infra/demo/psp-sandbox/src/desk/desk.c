/* desk.c: an errand is one call on its way. It may wait twice: a fault's delay before the bank does
 * its work, and a fault's slowness after. While an errand is on its way its idempotency key is in
 * use: another call with the same key gets a 409. The errand lives exactly as long as its request
 * is unanswered, so it can borrow the request's bytes.
 *
 * The provider's clock is the machine's plus an offset, and never goes back: after a restart it
 * continues from the last record if that lies ahead. */
#include "desk/desk.h"

#include "core/must.h"
#include "desk/journal.h"
#include "observe/log.h"
#include "ops/counter.h"
#include "ops/op.h"
#include "stripe/stripe.h"
#include "stripe/wire/stripe_error.h"
#include "toss/toss.h"

#include <assert.h>
#include <sys/queue.h>

enum { EXPIRE_EVERY_MS = 250, EXPIRE_STEP = 20000 };

struct errand {
    LIST_ENTRY(errand) link;
    struct desk *desk;
    struct desk_order order;
    struct fault fault;
    struct answer answer; /* its body is this errand's own */
    uv_timer_t timer;
    bool timer_inited;
};

struct desk {
    struct desk_conf conf;
    struct bank *bank;
    struct journal *journal;
    struct webhook_sender *webhooks;
    struct fault_list faults;
    LIST_HEAD(, errand) errands;
    uv_timer_t expire_timer;
    uint32_t charge_cursor, session_cursor;
    uint64_t last_us;   /* the latest time that any call has seen */
    uint64_t offset_us; /* of the provider's clock */
    bool broken;        /* the journal cannot be written */
};

uint64_t desk_now_us(const struct desk *desk)
{
    uint64_t now_us = clock_wall_us(desk->conf.clock) + desk->offset_us;
    return now_us > desk->last_us ? now_us : desk->last_us;
}

/* ---- an errand's end ---- */

static void errand_free(struct errand *errand)
{
    json_decref(errand->order.in);
    free((char *)(uintptr_t)errand->answer.body.ptr);
    free(errand);
}

static void on_errand_closed(uv_handle_t *handle)
{
    errand_free(handle->data);
}

static void errand_end(struct errand *errand)
{
    LIST_REMOVE(errand, link);
    if (errand->timer_inited)
        uv_close((uv_handle_t *)&errand->timer, on_errand_closed);
    else
        errand_free(errand);
}

static void wait_then(struct errand *errand, uint64_t ms, uv_timer_cb then)
{
    if (!errand->timer_inited)
        uv_timer_init(errand->desk->conf.loop, &errand->timer); /* never fails */
    errand->timer_inited = true;
    errand->timer.data = errand;
    uv_timer_start(&errand->timer, then, ms, 0);
}

static void reply(struct errand *errand)
{
    struct http_req *req = errand->order.req;
    if (req != NULL && errand->fault.kind == FAULT_LOST)
        http_reply_cut(req, (struct span){0}, 500);
    else if (req != NULL)
        errand->order.on_answered(req, &errand->answer, errand->fault.kind == FAULT_CUT);
    errand_end(errand);
}

static void on_slow(uv_timer_t *timer)
{
    reply(timer->data);
}

/* ---- doing it ---- */

static void broken(struct desk *desk, const struct err_slot *err)
{
    if (!desk->broken)
        desk->conf.on_broken(desk->conf.ctx, err);
    desk->broken = true;
}

static void execute(struct errand *errand)
{
    struct desk *desk = errand->desk;
    const struct desk_order *order = &errand->order;
    const struct list *lists = desk->bank->lists;
    enum fault_kind kind = errand->fault.kind;
    struct answer *answer = &errand->answer;
    struct err_slot err;
    struct call call = {.op = order->op,
                        .kind = order->op->kind,
                        .at_us = desk_now_us(desk),
                        .seed = rng_u64(desk->conf.rng),
                        .id = order->id,
                        .key = order->key,
                        .in = order->in,
                        .instead = kind == FAULT_ERROR ? errand->fault.value : 0,
                        .afterwards = kind == FAULT_ERROR_AFTER ? errand->fault.value : 0};
    desk->last_us = call.at_us;
    uint32_t events = lists[EVENT].count, notices = lists[NOTICE].count;
    counter_run(desk->bank, &call, answer);
    char *body = must(malloc(answer->body.len + 1));
    memcpy(body, answer->body.ptr, answer->body.len);
    answer->body.ptr = body;
    if (answer->executed && (desk->broken || journal_call(desk->journal, &call, &err) < 0)) {
        broken(desk, &err);
        errand->fault.kind = FAULT_LOST; /* what is not written must not be answered */
        reply(errand);
        return;
    }
    webhook_sender_send(desk->webhooks, false, events, lists[EVENT].count);
    webhook_sender_send(desk->webhooks, true, notices, lists[NOTICE].count);
    if (kind == FAULT_SLOW)
        wait_then(errand, errand->fault.value, on_slow);
    else
        reply(errand);
}

static void on_delayed(uv_timer_t *timer)
{
    execute(timer->data);
}

/* ---- taking it in ---- */

static bool key_in_use(const struct desk *desk, const struct desk_order *order)
{
    struct errand *errand;
    if (order->key.len == 0 || order->op->method == OP_GET)
        return false;
    LIST_FOREACH(errand, &desk->errands, link)
    {
        if (errand->order.op->flavour == order->op->flavour &&
            span_eq(errand->order.key, order->key))
            return true;
    }
    return false;
}

static void refuse_key_in_use(const struct desk_order *order)
{
    static const char words[] =
        "There is currently another in-progress request using this Idempotent Key (that probably "
        "means you submitted twice, and the other request is still going through). Please try "
        "again later.";
    char memory[1024];
    struct text body = text_on(memory, sizeof(memory));
    if (order->op->flavour == OP_TOSS)
        toss_error_put(&body, "IDEMPOTENT_REQUEST_PROCESSING", words);
    else
        stripe_error_put(&body,
                         &(struct stripe_error){.status = 409,
                                                .type = "idempotency_error",
                                                .code = "idempotency_key_in_use"},
                         words);
    const struct answer answer = {.status = 409, .body = text_span(&body)};
    order->on_answered(order->req, &answer, false);
}

void desk_submit(struct desk *desk, const struct desk_order *order)
{
    if (key_in_use(desk, order)) {
        refuse_key_in_use(order);
        json_decref(order->in);
        return;
    }
    struct errand *errand = must(calloc(1, sizeof(*errand)));
    errand->desk = desk;
    errand->order = *order;
    LIST_INSERT_HEAD(&desk->errands, errand, link);
    /* The sandbox's own errands never fail. */
    if (order->req == NULL ||
        !fault_list_take(&desk->faults, span_of(order->op->name), &errand->fault))
        errand->fault.kind = FAULT_NONE;
    if (errand->fault.kind == FAULT_DROP) {
        errand->fault.kind = FAULT_LOST;
        reply(errand);
    } else if (errand->fault.kind == FAULT_DELAY) {
        wait_then(errand, errand->fault.value, on_delayed);
    } else {
        execute(errand);
    }
}

/* ---- what runs out ---- */

/* Submits the call for one object that has run out, searched from *cursor on in a bounded step. */
static void expire_one(struct desk *desk, enum kind kind, uint32_t *cursor,
                       void (*run)(struct desk_call *at))
{
    const struct list *list = &desk->bank->lists[kind];
    uint64_t now_s = desk_now_us(desk) / 1000000;
    for (unsigned looked = 0; looked < EXPIRE_STEP && looked < list->count; looked++) {
        const struct object *object = list->items[*cursor < list->count ? *cursor : 0];
        *cursor = (*cursor < list->count ? *cursor : 0) + 1;
        if (object->until_s == 0 || now_s < object->until_s)
            continue;
        struct desk_order order = {
            .op = op_running(run), .id = span_of(object->id), .in = must(json_object())};
        desk_submit(desk, &order);
        return;
    }
}

static void on_expire_timer(uv_timer_t *timer)
{
    struct desk *desk = timer->data;
    expire_one(desk, CHARGE, &desk->charge_cursor, stripe_authorisation_end);
    expire_one(desk, SESSION, &desk->session_cursor, stripe_session_end);
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
    const struct list *list = &desk->bank->lists[delivery->notice ? NOTICE : EVENT];
    struct event *event = delivery->event < list->count ? list->items[delivery->event] : NULL;
    if (event != NULL)
        event->pending = false;
}

static void on_over(void *ctx, const struct journal_delivery *delivery)
{
    struct desk *desk = ctx;
    struct err_slot err;
    if (!desk->broken && journal_delivery(desk->journal, delivery, &err) < 0)
        broken(desk, &err);
}

static void log_start(const struct desk *desk)
{
    struct log_line line;
    log_begin(&line, desk->conf.log, LOG_LEVEL_INFO, "journal read");
    log_u64(&line, "bytes", journal_bytes(desk->journal));
    log_u64(&line, "intents", desk->bank->lists[INTENT].count);
    log_u64(&line, "payments", desk->bank->lists[PAYMENT].count);
    log_end(&line);
}

int desk_create(const struct desk_conf *conf, struct err_slot *err, struct desk **out)
{
    struct desk *desk = must(calloc(1, sizeof(*desk)));
    desk->conf = *conf;
    LIST_INIT(&desk->errands);
    desk->bank = bank_create(&conf->bank);
    struct journal_conf journal = {.path = conf->journal_path,
                                   .fsync = conf->journal_fsync,
                                   .on_call = on_read_call,
                                   .on_delivery = on_read_delivery,
                                   .ctx = desk};
    int rc = journal_open(&journal, err, &desk->journal);
    if (rc < 0)
        goto destroy_bank;
    struct webhook_sender_conf webhooks = conf->webhooks;
    webhooks.loop = conf->loop;
    webhooks.bank = desk->bank;
    webhooks.faults = &desk->faults;
    webhooks.clock = conf->clock;
    webhooks.on_over = on_over;
    webhooks.ctx = desk;
    rc = webhook_sender_create(&webhooks, err, &desk->webhooks);
    if (rc < 0)
        goto close_journal;
    uv_timer_init(conf->loop, &desk->expire_timer); /* never fails */
    desk->expire_timer.data = desk;
    uv_timer_start(&desk->expire_timer, on_expire_timer, EXPIRE_EVERY_MS, EXPIRE_EVERY_MS);
    log_start(desk);
    webhook_sender_send(desk->webhooks, false, 0, desk->bank->lists[EVENT].count);
    webhook_sender_send(desk->webhooks, true, 0, desk->bank->lists[NOTICE].count);
    *out = desk;
    return 0;

close_journal:
    journal_close(desk->journal);
destroy_bank:
    bank_destroy(desk->bank);
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
    free(handle->data);
}

void desk_close(struct desk *desk)
{
    struct errand *errand;
    if (desk == NULL)
        return;
    while ((errand = LIST_FIRST(&desk->errands)) != NULL) {
        if (errand->order.req != NULL)
            http_reply_cut(errand->order.req, (struct span){0}, 500);
        errand_end(errand);
    }
    webhook_sender_close(desk->webhooks);
    journal_close(desk->journal);
    bank_destroy(desk->bank);
    uv_close((uv_handle_t *)&desk->expire_timer, on_timer_closed);
}
