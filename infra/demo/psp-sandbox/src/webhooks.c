/* webhooks.c: a delivery is one event on its way to its address. A fault may turn one into a
 * hundred; the first outcome counts. A delivery is in an open call or waits for its timer: at
 * first, before a retry, or held back until later deliveries have overtaken it. */
#include "webhooks.h"

#include "must.h"
#include "outcall/outcall.h"
#include "pace/backoff.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/queue.h>

/* All calls that the peer has connections for, and some that wait for one: libcurl checks each
 * waiting call whenever another one ends. */
enum { BODY_BYTES_MAX = 300 * 1024, CALLS_MAX = 2 * OUTCALL_PER_HOST_MAX, FULL_MS = 20 };

struct delivery {
    LIST_ENTRY(delivery) link;
    struct webhooks *webhooks;
    uv_timer_t timer;
    uint32_t event;
    bool of_toss;
    bool badsig;
    unsigned attempt;
    uint32_t overtakers; /* held until this many others are confirmed; 0: not held */
    int64_t skew_s;
};

struct webhooks {
    struct webhooks_conf conf;
    struct outcalls *outcalls;
    LIST_HEAD(, delivery) deliveries;
    uint32_t held, calls; /* held back, and in open calls */
    struct webhooks_stats stats;
    struct text body;
};

static struct object *event_at(const struct webhooks *webhooks, uint32_t place)
{
    const struct list *list = &webhooks->conf.bank->lists[EVENT];
    assert(place < list->count);
    return list->items[place]; /* dropped: too many newer events have come since */
}

/* Counts the outcome; there is no further attempt. */
static void settle(struct webhooks *webhooks, uint32_t place, _Atomic uint64_t *count)
{
    struct object *event = event_at(webhooks, place);
    (*count)++;
    if (event == NULL || !event->pending)
        return;
    event->pending = false;
    webhooks->conf.on_over(webhooks->conf.ctx, place);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void delivery_end(struct delivery *delivery)
{
    LIST_REMOVE(delivery, link);
    delivery->webhooks->held -= delivery->overtakers > 0;
    delivery->webhooks->stats.waiting--;
    uv_close((uv_handle_t *)&delivery->timer, on_closed);
}

/* A confirmed delivery counts as overtaking those to its address that are held back. */
static void release_overtaken(const struct delivery *by, uv_timer_cb send)
{
    struct delivery *one;
    if (by->webhooks->held == 0)
        return;
    LIST_FOREACH(one, &by->webhooks->deliveries, link)
    {
        if (one->overtakers == 0 || one->of_toss != by->of_toss || one->event == by->event ||
            --one->overtakers > 0)
            continue;
        by->webhooks->held--;
        uv_timer_start(&one->timer, send, 0, 0);
    }
}

/* ---- one attempt ---- */

static void send_it(uv_timer_t *timer);

static void on_done(void *ctx, const struct outcall_answer *answer)
{
    struct delivery *delivery = ctx;
    struct webhooks *webhooks = delivery->webhooks;
    struct webhooks_stats *stats = &webhooks->stats;
    const struct settings *set = webhooks->conf.bank->settings;
    bool of_toss = delivery->of_toss;
    uint64_t most = of_toss ? TOSS_RETRIES_MAX : set->webhook_attempts_max;
    uint64_t first_ms = of_toss ? set->toss_retry_ms : set->webhook_retry_ms;
    bool confirmed = answer->rc == 0 && answer->status >= 200 && answer->status < 300;
    assert(webhooks->calls > 0);
    webhooks->calls--;
    if (answer->rc == ERR_CLOSED) {
        delivery_end(delivery);
    } else if (!confirmed && delivery->attempt < most) {
        /* Stripe doubles its pauses. Toss quadruples them, that is, doubles twice. */
        unsigned doubled = of_toss ? 2 * delivery->attempt - 1 : delivery->attempt;
        uv_timer_start(&delivery->timer, send_it,
                       backoff_bound_ms((uint32_t)first_ms, WEBHOOK_RETRY_MS_MAX, doubled), 0);
    } else {
        if (confirmed)
            release_overtaken(delivery, send_it);
        settle(webhooks, delivery->event, confirmed ? &stats->confirmed : &stats->given_up);
        delivery_end(delivery);
    }
}

/* Stripe's scheme: the time is signed too, so an old webhook cannot be replayed with a new time.
 * The key is the whole secret including whsec_, as in Stripe's libraries. */
static void sign(const struct delivery *delivery, char *header, size_t cap)
{
    const struct webhooks *webhooks = delivery->webhooks;
    int64_t at_s = (int64_t)(clock_wall_us(webhooks->conf.clock) / 1000000) + delivery->skew_s;
    struct span secret = delivery->badsig ? SPAN("whsec_of_somebody_else") : webhooks->conf.secret;
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    char hex[2 * sizeof(mac) + 1], time[24];
    int len = snprintf(time, sizeof(time), "%" PRIi64 ".", at_s);
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, (const uint8_t *)secret.ptr, secret.len);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)time, (unsigned)len);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)webhooks->body.ptr, webhooks->body.len);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac));
    snprintf(header, cap, "Stripe-Signature: t=%" PRIi64 ",v1=%s", at_s, hex);
}

static void send_it(uv_timer_t *timer)
{
    struct delivery *delivery = timer->data;
    struct webhooks *webhooks = delivery->webhooks;
    const struct settings *set = webhooks->conf.bank->settings;
    const struct object *event = event_at(webhooks, delivery->event);
    struct text *body = &webhooks->body;
    char signature[128];
    webhooks->held -= delivery->overtakers > 0; /* no longer held back */
    delivery->overtakers = 0;
    if (event == NULL) {
        webhooks->stats.given_up++;
        delivery_end(delivery);
        return;
    }
    if (webhooks->calls == CALLS_MAX) {
        uv_timer_start(timer, send_it, FULL_MS, 0);
        return;
    }
    webhooks->calls++;
    *body = text_on(body->ptr, body->cap);
    if (delivery->of_toss)
        text_str(body, event->text);
    else
        bank_put(body, webhooks->conf.bank, event, NULL);
    assert(!body->overflown);
    sign(delivery, signature, sizeof(signature));
    delivery->attempt++;
    struct outcall call = {
        .url = delivery->of_toss ? set->toss_webhook_url : set->webhook_url,
        .headers = {"Content-Type: application/json", delivery->of_toss ? NULL : signature},
        .body = text_span(body),
        .timeout_ms = WEBHOOK_TIMEOUT_MS,
        .on_done = on_done,
        .ctx = delivery};
    outcall_send(webhooks->outcalls, &call);
}

/* ---- new events ---- */

static void add_delivery(struct webhooks *webhooks, const struct object *event,
                         const struct fault *fault)
{
    if (webhooks->stats.waiting >= WEBHOOK_QUEUE_MAX) {
        webhooks->stats.given_up++;
        return;
    }
    struct delivery *delivery = must(calloc(1, sizeof(*delivery)));
    uint64_t wait_ms = 0;
    delivery->webhooks = webhooks;
    delivery->event = event->place;
    delivery->of_toss = event->of_toss;
    delivery->badsig = fault->kind == FAULT_HOOK_BADSIG;
    if (fault->kind == FAULT_HOOK_FUTURE)
        delivery->skew_s = fault->value;
    if (fault->kind == FAULT_HOOK_STALE)
        delivery->skew_s = -(int64_t)fault->value;
    if (fault->kind == FAULT_HOOK_REORDER) {
        delivery->overtakers = fault->value;
        webhooks->held++;
        wait_ms = WEBHOOK_REORDER_MS;
    }
    LIST_INSERT_HEAD(&webhooks->deliveries, delivery, link);
    webhooks->stats.waiting++;
    uv_timer_init(webhooks->conf.loop, &delivery->timer); /* never fails */
    delivery->timer.data = delivery;
    uv_timer_start(&delivery->timer, send_it, wait_ms, 0);
}

void webhooks_send(struct webhooks *webhooks, uint32_t from)
{
    for (uint32_t place = from; place < webhooks->conf.bank->lists[EVENT].count; place++) {
        const struct object *event = event_at(webhooks, place);
        char operation[FAULT_NAME_MAX * 2];
        struct fault fault = {.kind = FAULT_NONE};
        if (event == NULL || !event->pending)
            continue;
        snprintf(operation, sizeof(operation), "webhook/%s", event->type);
        (void)fault_take(webhooks->conf.faults, span_of(operation), &fault);
        if (fault.kind == FAULT_HOOK_LOST) {
            settle(webhooks, place, &webhooks->stats.lost_on_command);
            continue;
        }
        uint32_t copies = fault.kind == FAULT_HOOK_DUPLICATE ? fault.value : 1;
        for (uint32_t i = 0; i < copies; i++)
            add_delivery(webhooks, event, &fault);
    }
}

const struct webhooks_stats *webhooks_stats(const struct webhooks *webhooks)
{
    return &webhooks->stats;
}

/* ---- life ---- */

int webhooks_create(const struct webhooks_conf *conf, struct err_slot *err, struct webhooks **out)
{
    struct webhooks *webhooks = must(calloc(1, sizeof(*webhooks)));
    webhooks->conf = *conf;
    int rc = outcalls_create(conf->loop, NULL, err, &webhooks->outcalls);
    if (rc < 0) {
        free(webhooks);
        return rc;
    }
    webhooks->body = text_on(must(malloc(BODY_BYTES_MAX)), BODY_BYTES_MAX);
    LIST_INIT(&webhooks->deliveries);
    *out = webhooks;
    return 0;
}

void webhooks_close(struct webhooks *webhooks)
{
    struct delivery *one, *next;
    outcalls_close(webhooks->outcalls); /* ends the deliveries of open calls: on_done() */
    for (one = LIST_FIRST(&webhooks->deliveries); one != NULL; one = next) {
        next = LIST_NEXT(one, link);
        delivery_end(one);
    }
    free(webhooks->body.ptr);
    free(webhooks);
}
