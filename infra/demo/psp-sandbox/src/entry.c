/* entry.c: a run is one call in progress. It may wait twice: a fault's delay before the bank
 * does its work, and a fault's slowness after. Meanwhile its idempotency key is in use: another
 * call with the same key gets a 409. The run lives exactly as long as its request is unanswered,
 * so it can borrow the request's bytes.
 *
 * The provider's clock is the machine's plus an offset, and never goes back: after a restart it
 * continues from the last record if that is later.
 *
 * A journal record is a call, or the place of an event whose webhook needs no more attempts. */
#include "entry.h"

#include "journal.h"
#include "must.h"

#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

enum { EXPIRE_EVERY_MS = 250, EXPIRE_STEP = 20000 };

struct run {
    LIST_ENTRY(run) link;
    struct entry *entry;
    struct http_req *req;
    entry_on_answered *on_answered;
    struct fault fault;
    struct call call; /* with a body owned by this run */
    uv_timer_t timer; /* delays the run for a fault */
};

uint64_t entry_now_us(const struct entry *entry)
{
    uint64_t now_us = clock_wall_us(entry->loop->clock) + entry->offset_us;
    return now_us > entry->last_us ? now_us : entry->last_us;
}

/* ---- a run's end ---- */

static void on_run_closed(uv_handle_t *handle)
{
    struct run *run = handle->data;
    json_decref(run->call.in);
    free((char *)(uintptr_t)run->call.body.ptr);
    free(run);
}

static void run_end(struct run *run)
{
    LIST_REMOVE(run, link);
    uv_close((uv_handle_t *)&run->timer, on_run_closed);
}

static void reply(struct run *run)
{
    if (run->req != NULL && run->fault.kind == FAULT_LOST)
        http_reply_cut(run->req, (struct span){0}, 500);
    else if (run->req != NULL)
        run->on_answered(run->req, &run->call, run->fault.kind == FAULT_CUT);
    run_end(run);
}

static void on_slow(uv_timer_t *timer)
{
    reply(timer->data);
}

/* ---- doing it ---- */

/* Takes the record. False: the answer must not be sent. */
static bool keep(struct entry *entry, json_t *record)
{
    struct err_slot err;
    if (entry->broken) {
        json_decref(record);
    } else if (journal_append(entry->journal, record, &err) < 0) {
        entry->broken = true;
        log_failure(entry->loop->log, "the journal cannot be written", &err);
        service_fail(entry->loop->service, "the journal cannot be written");
    }
    return !entry->broken;
}

static json_t *record_of(const struct call *call)
{
    return json_pack("{s:i,s:I,s:I,s:s%,s:s%,s:O,s:i,s:i}", "op", (int)(call->op - calls_ops),
                     "at_us", (json_int_t)call->at_us, "seed", (json_int_t)call->seed, "id",
                     call->id.ptr != NULL ? call->id.ptr : "", call->id.len, "key",
                     call->key.ptr != NULL ? call->key.ptr : "", call->key.len, "in", call->in,
                     "instead", (int)call->instead, "afterwards", (int)call->afterwards);
}

static void execute(struct run *run)
{
    struct entry *entry = run->entry;
    struct fault *fault = &run->fault;
    struct call *call = &run->call;
    uint32_t events = entry->bank->lists[EVENT].count;
    call->at_us = entry_now_us(entry);
    call->seed = rng_u64(rng_system());
    call->instead = fault->kind == FAULT_ERROR ? fault->value : 0;
    call->afterwards = fault->kind == FAULT_ERROR_AFTER ? fault->value : 0;
    entry->last_us = call->at_us;
    calls_run(entry->bank, call);
    char *body = must(malloc(call->body.len + 1));
    memcpy(body, call->body.ptr, call->body.len);
    call->body.ptr = body;
    if (call->executed && !keep(entry, record_of(call)))
        fault->kind = FAULT_LOST;
    else
        webhooks_send(entry->webhooks, events);
    if (fault->kind == FAULT_SLOW)
        uv_timer_start(&run->timer, on_slow, fault->value, 0);
    else
        reply(run);
}

static void on_delayed(uv_timer_t *timer)
{
    execute(timer->data);
}

/* ---- taking it in ---- */

static bool key_in_use(const struct entry *entry, const struct call *call)
{
    struct run *run;
    if (call->key.len == 0 || call->op->method == CALL_GET)
        return false;
    LIST_FOREACH(run, &entry->runs, link)
    {
        if (run->call.op->flavour == call->op->flavour && span_eq(run->call.key, call->key))
            return true;
    }
    return false;
}

void entry_submit(struct entry *entry, struct http_req *req, const struct call *call,
                  entry_on_answered *on_answered)
{
    if (key_in_use(entry, call)) {
        char memory[1024];
        struct text body = text_on(memory, sizeof(memory));
        calls_refuse(&body, call->op->flavour, 409, NULL, NULL);
        const struct call refused = {.status = 409, .body = text_span(&body)};
        on_answered(req, &refused, false);
        json_decref(call->in);
        return;
    }
    struct run *run = must(calloc(1, sizeof(*run)));
    *run = (struct run){.entry = entry, .req = req, .call = *call, .on_answered = on_answered};
    uv_timer_init(entry->loop->uv, &run->timer); /* never fails */
    run->timer.data = run;
    LIST_INSERT_HEAD(&entry->runs, run, link);
    /* The sandbox's own runs never fail. */
    if (req == NULL || !fault_take(&entry->faults, span_of(call->op->name), &run->fault))
        run->fault.kind = FAULT_NONE;
    if (run->fault.kind == FAULT_DELAY)
        uv_timer_start(&run->timer, on_delayed, run->fault.value, 0);
    else
        execute(run);
}

/* ---- what runs out ---- */

/* Submits the call for one expired object; searches from *cursor on in a bounded step. */
static void expire_one(struct entry *entry, enum kind kind, uint32_t *cursor, const char *route)
{
    const struct list *list = &entry->bank->lists[kind];
    uint64_t now_s = entry_now_us(entry) / 1000000;
    for (unsigned looked = 0; looked < EXPIRE_STEP && looked < list->count; looked++) {
        const struct object *object = list->items[*cursor < list->count ? *cursor : 0];
        *cursor = object->place + 1;
        if (object->until_s == 0 || now_s < object->until_s)
            continue;
        const struct call call = {
            .op = calls_op(route), .id = span_of(object->id), .in = must(json_object())};
        entry_submit(entry, NULL, &call, NULL);
        return;
    }
}

static void on_expire_timer(uv_timer_t *timer)
{
    struct entry *entry = timer->data;
    expire_one(entry, CHARGE, &entry->charge_cursor, "authorisation_end");
    expire_one(entry, SESSION, &entry->session_cursor, "session_end");
}

/* ---- life ---- */

static void on_over(void *ctx, uint32_t event)
{
    (void)keep(ctx, json_pack("{s:i}", "over", (int)event));
}

static bool on_record(void *ctx, json_t *record)
{
    struct entry *entry = ctx;
    const struct list *events = &entry->bank->lists[EVENT];
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
    calls_run(entry->bank, &call);
    if (call.at_us > entry->last_us)
        entry->last_us = call.at_us;
    return true;
}

static int open_all(struct entry *entry, struct err_slot *err)
{
    const struct settings *set = entry->settings;
    int rc = secret_file_read(set->secret_key, err, &entry->key);
    if (rc == 0 && set->webhook_url[0] != '\0')
        rc = secret_file_read(set->webhook_secret, err, &entry->webhook_secret);
    if (rc == 0)
        rc = journal_open(set->journal, on_record, entry, err, &entry->journal);
    if (rc < 0)
        return rc;
    char pair[DESK_AUTH_MAX / 2];
    struct span key = secret_file_span(entry->key);
    int len = snprintf(pair, sizeof(pair), "%.*s:", (int)key.len, key.ptr);
    if ((size_t)len >= sizeof(pair))
        return err_set(err, ERR_RANGE, "a key of %zu bytes", key.len);
    strcpy(entry->basic, "Basic ");
    sodium_bin2base64(entry->basic + 6, sizeof(entry->basic) - 6, (const uint8_t *)pair,
                      (size_t)len, sodium_base64_VARIANT_ORIGINAL);
    const struct webhooks_conf webhooks = {.loop = entry->loop->uv,
                                           .clock = entry->loop->clock,
                                           .bank = entry->bank,
                                           .faults = &entry->faults,
                                           .secret = entry->webhook_secret != NULL
                                                         ? secret_file_span(entry->webhook_secret)
                                                         : SPAN(""),
                                           .on_over = on_over,
                                           .ctx = entry};
    return webhooks_create(&webhooks, err, &entry->webhooks);
}

static void desk_free(struct entry *entry)
{
    if (entry->journal >= 0)
        close(entry->journal);
    bank_destroy(entry->bank);
    secret_file_destroy(entry->key);
    secret_file_destroy(entry->webhook_secret);
    free(entry);
}

int entry_create(struct service_loop *loop, struct err_slot *err, struct entry **out)
{
    struct entry *entry = must(calloc(1, sizeof(*entry)));
    entry->loop = loop;
    entry->settings = loop->config;
    entry->bank = bank_create(entry->settings);
    entry->journal = -1;
    LIST_INIT(&entry->runs);
    int rc = open_all(entry, err);
    if (rc < 0) {
        desk_free(entry);
        return rc;
    }
    uv_timer_init(loop->uv, &entry->expire_timer); /* never fails */
    entry->expire_timer.data = entry;
    uv_timer_start(&entry->expire_timer, on_expire_timer, EXPIRE_EVERY_MS, EXPIRE_EVERY_MS);
    webhooks_send(entry->webhooks, 0);
    *out = entry;
    return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    desk_free(handle->data);
}

void entry_close(struct entry *entry)
{
    struct run *run;
    while ((run = LIST_FIRST(&entry->runs)) != NULL) {
        if (run->req != NULL)
            http_reply_cut(run->req, (struct span){0}, 500);
        run_end(run);
    }
    webhooks_close(entry->webhooks);
    uv_close((uv_handle_t *)&entry->expire_timer, on_timer_closed);
}
