/* desk.c: an errand is one call in progress. It may wait twice: a fault's delay before the bank
 * does its work, and a fault's slowness after. Meanwhile its idempotency key is in use: another
 * call with the same key gets a 409. The errand lives exactly as long as its request is unanswered,
 * so it can borrow the request's bytes.
 *
 * The provider's clock is the machine's plus an offset, and never goes back: after a restart it
 * continues from the last record if that is later.
 *
 * A journal record is a call, or the place of an event whose webhook needs no more attempts. */
#include "desk.h"

#include "journal.h"
#include "must.h"

#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

enum { EXPIRE_EVERY_MS = 250, EXPIRE_STEP = 20000 };

struct errand {
    LIST_ENTRY(errand) link;
    struct desk *desk;
    struct http_req *req;
    desk_on_answered *on_answered;
    struct fault fault;
    struct call call; /* with a body owned by this errand */
    uv_timer_t timer; /* delays the errand for a fault */
};

uint64_t desk_now_us(const struct desk *desk)
{
    uint64_t now_us = clock_wall_us(desk->loop->clock) + desk->offset_us;
    return now_us > desk->last_us ? now_us : desk->last_us;
}

/* ---- an errand's end ---- */

static void on_errand_closed(uv_handle_t *handle)
{
    struct errand *errand = handle->data;
    json_decref(errand->call.in);
    free((char *)(uintptr_t)errand->call.body.ptr);
    free(errand);
}

static void errand_end(struct errand *errand)
{
    LIST_REMOVE(errand, link);
    uv_close((uv_handle_t *)&errand->timer, on_errand_closed);
}

static void reply(struct errand *errand)
{
    if (errand->req != NULL && errand->fault.kind == FAULT_LOST)
        http_reply_cut(errand->req, (struct span){0}, 500);
    else if (errand->req != NULL)
        errand->on_answered(errand->req, &errand->call, errand->fault.kind == FAULT_CUT);
    errand_end(errand);
}

static void on_slow(uv_timer_t *timer)
{
    reply(timer->data);
}

/* ---- doing it ---- */

/* Takes the record. False: the answer must not be sent. */
static bool keep(struct desk *desk, json_t *record)
{
    struct err_slot err;
    if (desk->broken) {
        json_decref(record);
    } else if (journal_append(desk->journal, record, &err) < 0) {
        desk->broken = true;
        log_failure(desk->loop->log, "the journal cannot be written", &err);
        service_fail(desk->loop->service, "the journal cannot be written");
    }
    return !desk->broken;
}

static json_t *record_of(const struct call *call)
{
    return json_pack("{s:i,s:I,s:I,s:s%,s:s%,s:O,s:i,s:i}", "op", (int)(call->op - calls_ops),
                     "at_us", (json_int_t)call->at_us, "seed", (json_int_t)call->seed, "id",
                     call->id.ptr != NULL ? call->id.ptr : "", call->id.len, "key",
                     call->key.ptr != NULL ? call->key.ptr : "", call->key.len, "in", call->in,
                     "instead", (int)call->instead, "afterwards", (int)call->afterwards);
}

static void execute(struct errand *errand)
{
    struct desk *desk = errand->desk;
    struct fault *fault = &errand->fault;
    struct call *call = &errand->call;
    uint32_t events = desk->bank->lists[EVENT].count;
    call->at_us = desk_now_us(desk);
    call->seed = rng_u64(rng_system());
    call->instead = fault->kind == FAULT_ERROR ? fault->value : 0;
    call->afterwards = fault->kind == FAULT_ERROR_AFTER ? fault->value : 0;
    desk->last_us = call->at_us;
    calls_run(desk->bank, call);
    char *body = must(malloc(call->body.len + 1));
    memcpy(body, call->body.ptr, call->body.len);
    call->body.ptr = body;
    if (call->executed && !keep(desk, record_of(call)))
        fault->kind = FAULT_LOST;
    else
        webhooks_send(desk->webhooks, events);
    if (fault->kind == FAULT_SLOW)
        uv_timer_start(&errand->timer, on_slow, fault->value, 0);
    else
        reply(errand);
}

static void on_delayed(uv_timer_t *timer)
{
    execute(timer->data);
}

/* ---- taking it in ---- */

static bool key_in_use(const struct desk *desk, const struct call *call)
{
    struct errand *errand;
    if (call->key.len == 0 || call->op->method == CALL_GET)
        return false;
    LIST_FOREACH(errand, &desk->errands, link)
    {
        if (errand->call.op->flavour == call->op->flavour && span_eq(errand->call.key, call->key))
            return true;
    }
    return false;
}

void desk_submit(struct desk *desk, struct http_req *req, const struct call *call,
                 desk_on_answered *on_answered)
{
    if (key_in_use(desk, call)) {
        char memory[1024];
        struct text body = text_on(memory, sizeof(memory));
        calls_refuse(&body, call->op->flavour, 409, NULL, NULL);
        const struct call refused = {.status = 409, .body = text_span(&body)};
        on_answered(req, &refused, false);
        json_decref(call->in);
        return;
    }
    struct errand *errand = must(calloc(1, sizeof(*errand)));
    *errand = (struct errand){.desk = desk, .req = req, .call = *call, .on_answered = on_answered};
    uv_timer_init(desk->loop->uv, &errand->timer); /* never fails */
    errand->timer.data = errand;
    LIST_INSERT_HEAD(&desk->errands, errand, link);
    /* The sandbox's own errands never fail. */
    if (req == NULL || !fault_take(&desk->faults, span_of(call->op->name), &errand->fault))
        errand->fault.kind = FAULT_NONE;
    if (errand->fault.kind == FAULT_DROP) {
        errand->fault.kind = FAULT_LOST;
        reply(errand);
    } else if (errand->fault.kind == FAULT_DELAY) {
        uv_timer_start(&errand->timer, on_delayed, errand->fault.value, 0);
    } else {
        execute(errand);
    }
}

/* ---- what runs out ---- */

/* Submits the call for one expired object; searches from *cursor on in a bounded step. */
static void expire_one(struct desk *desk, enum kind kind, uint32_t *cursor, const char *route)
{
    const struct list *list = &desk->bank->lists[kind];
    uint64_t now_s = desk_now_us(desk) / 1000000;
    for (unsigned looked = 0; looked < EXPIRE_STEP && looked < list->count; looked++) {
        const struct object *object = list->items[*cursor < list->count ? *cursor : 0];
        *cursor = object->place + 1;
        if (object->until_s == 0 || now_s < object->until_s)
            continue;
        const struct call call = {
            .op = calls_op(route), .id = span_of(object->id), .in = must(json_object())};
        desk_submit(desk, NULL, &call, NULL);
        return;
    }
}

static void on_expire_timer(uv_timer_t *timer)
{
    struct desk *desk = timer->data;
    expire_one(desk, CHARGE, &desk->charge_cursor, "authorisation_end");
    expire_one(desk, SESSION, &desk->session_cursor, "session_end");
}

/* ---- life ---- */

static void on_over(void *ctx, uint32_t event)
{
    (void)keep(ctx, json_pack("{s:i}", "over", (int)event));
}

static bool on_record(void *ctx, json_t *record)
{
    struct desk *desk = ctx;
    const struct list *events = &desk->bank->lists[EVENT];
    int op, over;
    json_int_t at_us, seed;
    const char *id, *key;
    struct call call = {.op = NULL};
    if (json_unpack(record, "{s:i}", "over", &over) == 0) {
        if (over >= 0 && (uint32_t)over < events->count && events->items[over] != NULL)
            events->items[over]->pending = false;
        return true;
    }
    if (json_unpack(record, "{s:i,s:I,s:I,s:s,s:s,s:o,s:i,s:i}", "op", &op, "at_us", &at_us, "seed",
                    &seed, "id", &id, "key", &key, "in", &call.in, "instead", &call.instead,
                    "afterwards", &call.afterwards) < 0 ||
        op < 0 || (unsigned)op >= calls_len)
        return false;
    call.op = &calls_ops[op];
    call.at_us = (uint64_t)at_us;
    call.seed = (uint64_t)seed;
    call.id = span_of(id);
    call.key = span_of(key);
    calls_run(desk->bank, &call);
    if (call.at_us > desk->last_us)
        desk->last_us = call.at_us;
    return true;
}

static int open_all(struct desk *desk, struct err_slot *err)
{
    const struct settings *set = desk->settings;
    int rc = secret_file_read(set->secret_key, err, &desk->key);
    if (rc == 0 && set->webhook_url[0] != '\0')
        rc = secret_file_read(set->webhook_secret, err, &desk->webhook_secret);
    if (rc == 0)
        rc = journal_open(set->journal, on_record, desk, err, &desk->journal);
    if (rc < 0)
        return rc;
    char pair[DESK_AUTH_MAX / 2];
    struct span key = secret_file_span(desk->key);
    int len = snprintf(pair, sizeof(pair), "%.*s:", (int)key.len, key.ptr);
    if ((size_t)len >= sizeof(pair))
        return err_set(err, ERR_RANGE, "a key of %zu bytes", key.len);
    strcpy(desk->basic, "Basic ");
    sodium_bin2base64(desk->basic + 6, sizeof(desk->basic) - 6, (const uint8_t *)pair, (size_t)len,
                      sodium_base64_VARIANT_ORIGINAL);
    const struct webhooks_conf webhooks = {
        .loop = desk->loop->uv,
        .clock = desk->loop->clock,
        .bank = desk->bank,
        .faults = &desk->faults,
        .secret = desk->webhook_secret != NULL ? secret_file_span(desk->webhook_secret) : SPAN(""),
        .on_over = on_over,
        .ctx = desk};
    return webhooks_create(&webhooks, err, &desk->webhooks);
}

static void desk_free(struct desk *desk)
{
    if (desk->journal >= 0)
        close(desk->journal);
    bank_destroy(desk->bank);
    secret_file_destroy(desk->key);
    secret_file_destroy(desk->webhook_secret);
    free(desk);
}

int desk_create(struct service_loop *loop, struct err_slot *err, struct desk **out)
{
    struct desk *desk = must(calloc(1, sizeof(*desk)));
    desk->loop = loop;
    desk->settings = loop->config;
    desk->bank = bank_create(desk->settings);
    desk->journal = -1;
    LIST_INIT(&desk->errands);
    int rc = open_all(desk, err);
    if (rc < 0) {
        desk_free(desk);
        return rc;
    }
    uv_timer_init(loop->uv, &desk->expire_timer); /* never fails */
    desk->expire_timer.data = desk;
    uv_timer_start(&desk->expire_timer, on_expire_timer, EXPIRE_EVERY_MS, EXPIRE_EVERY_MS);
    webhooks_send(desk->webhooks, 0);
    *out = desk;
    return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    desk_free(handle->data);
}

void desk_close(struct desk *desk)
{
    struct errand *errand;
    while ((errand = LIST_FIRST(&desk->errands)) != NULL) {
        if (errand->req != NULL)
            http_reply_cut(errand->req, (struct span){0}, 500);
        errand_end(errand);
    }
    webhooks_close(desk->webhooks);
    uv_close((uv_handle_t *)&desk->expire_timer, on_timer_closed);
}
