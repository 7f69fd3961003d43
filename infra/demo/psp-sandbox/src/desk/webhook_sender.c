/* webhook_sender.c: a delivery is one event on its way to its address; a fault may turn one into a
 * hundred. It is ready (sent as soon as fewer than WEBHOOK_ACTIVE_MAX calls are open), waiting (for
 * its time, or until later deliveries have overtaken it), or in an open call. The timer runs while
 * any delivery waits. */
#include "desk/webhook_sender.h"

#include "core/must.h"
#include "outcall/outcall.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/queue.h>

enum { BODY_BYTES_MAX = 300 * 1024, TICK_MS = 5 };

struct delivery {
    TAILQ_ENTRY(delivery) link; /* in ready or waiting */
    struct webhook_sender *sender;
    bool notice;
    bool copy; /* a duplicate: its outcome says nothing about the event */
    bool badsig;
    uint32_t event;
    unsigned attempt;
    uint32_t overtakers; /* held until this many others are confirmed; 0: not held */
    int64_t skew_s;
    uint64_t due_ms; /* while it waits */
};

TAILQ_HEAD(deliveries, delivery);

struct webhook_sender {
    struct webhook_sender_conf conf;
    struct outcalls *outcalls;
    uv_timer_t timer;
    struct deliveries ready, waiting;
    uint32_t queued; /* in both */
    unsigned active; /* open calls */
    bool closing;
    struct webhook_sender_stats stats;
    struct text body;
    char secret[IDENT_SECRET_MAX];
};

static uint64_t now_ms(const struct webhook_sender *sender)
{
    return clock_mono_us(sender->conf.clock) / 1000;
}

static void put_into(struct deliveries *list, struct delivery *delivery)
{
    TAILQ_INSERT_TAIL(list, delivery, link);
    delivery->sender->queued++;
}

static void take_from(struct deliveries *list, struct delivery *delivery)
{
    TAILQ_REMOVE(list, delivery, link);
    delivery->sender->queued--;
}

/* NULL: too many newer ones have come since. */
static struct event *event_of(const struct delivery *delivery)
{
    const struct bank *bank = delivery->sender->conf.bank;
    const struct list *list = &bank->lists[delivery->notice ? NOTICE : EVENT];
    assert(delivery->event < list->count);
    return list->items[delivery->event];
}

/* Confirmed or given up: there is no further attempt. */
static void settle(const struct delivery *delivery)
{
    const struct webhook_sender *sender = delivery->sender;
    struct event *event = event_of(delivery);
    if (delivery->copy)
        return;
    if (event != NULL)
        event->pending = false;
    sender->conf.on_over(sender->conf.ctx,
                         &(struct journal_delivery){delivery->notice, delivery->event});
}

/* ---- waiting ---- */

static void release(struct delivery *delivery)
{
    struct webhook_sender *sender = delivery->sender;
    take_from(&sender->waiting, delivery);
    delivery->overtakers = 0;
    put_into(&sender->ready, delivery);
}

static void send_ready(struct webhook_sender *sender);

static void on_tick(uv_timer_t *timer)
{
    struct webhook_sender *sender = timer->data;
    struct delivery *next;
    uint64_t now = now_ms(sender);
    for (struct delivery *one = TAILQ_FIRST(&sender->waiting); one != NULL; one = next) {
        next = TAILQ_NEXT(one, link);
        if (one->due_ms <= now)
            release(one);
    }
    if (TAILQ_EMPTY(&sender->waiting))
        uv_timer_stop(timer);
    send_ready(sender);
}

static void wait_for(struct delivery *delivery, uint64_t ms)
{
    struct webhook_sender *sender = delivery->sender;
    delivery->due_ms = now_ms(sender) + ms;
    put_into(&sender->waiting, delivery);
    if (!uv_is_active((uv_handle_t *)&sender->timer))
        uv_timer_start(&sender->timer, on_tick, TICK_MS, TICK_MS);
}

/* A confirmed delivery counts for those to its address that are held back. */
static void release_overtaken(struct webhook_sender *sender, const struct delivery *by)
{
    struct delivery *next;
    for (struct delivery *held = TAILQ_FIRST(&sender->waiting); held != NULL; held = next) {
        next = TAILQ_NEXT(held, link);
        if (held->overtakers == 0 || held->notice != by->notice || held->event == by->event)
            continue;
        if (--held->overtakers == 0)
            release(held);
    }
}

/* Stripe doubles its pauses, Toss quadruples them. */
static uint64_t pause_ms(const struct delivery *delivery)
{
    const struct webhook_sender_conf *conf = &delivery->sender->conf;
    uint64_t pause = delivery->notice ? conf->toss_retry_ms : conf->retry_ms;
    for (unsigned i = 1; i < delivery->attempt && pause < WEBHOOK_RETRY_MS_MAX; i++)
        pause *= delivery->notice ? 4 : 2;
    return pause < WEBHOOK_RETRY_MS_MAX ? pause : WEBHOOK_RETRY_MS_MAX;
}

/* ---- one attempt ---- */

static void on_done(void *ctx, const struct outcall_answer *answer)
{
    struct delivery *delivery = ctx;
    struct webhook_sender *sender = delivery->sender;
    if (sender->closing) {
        free(delivery);
        return;
    }
    unsigned most = delivery->notice ? TOSS_RETRIES_MAX : sender->conf.attempts_max;
    bool confirmed = answer->rc == 0 && answer->status >= 200 && answer->status < 300;
    sender->active--;
    if (!confirmed && delivery->attempt < most) {
        sender->stats.retries++;
        wait_for(delivery, pause_ms(delivery));
    } else {
        (*(confirmed ? &sender->stats.confirmed : &sender->stats.given_up))++;
        if (confirmed)
            release_overtaken(sender, delivery);
        settle(delivery);
        free(delivery);
    }
    send_ready(sender);
}

/* Stripe's scheme: the time is part of what is signed, so an old webhook cannot be replayed with a
 * new time. The whole secret is the key, its whsec_ included, as in Stripe's libraries. */
static void sign(const struct delivery *delivery, struct text *header)
{
    const struct webhook_sender *sender = delivery->sender;
    int64_t now_s = (int64_t)(clock_wall_us(sender->conf.clock) / 1000000);
    struct span secret = span_of(delivery->badsig ? "whsec_of_somebody_else" : sender->secret);
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    char hex[2 * sizeof(mac) + 1], time[24];
    int len = snprintf(time, sizeof(time), "%" PRIi64 ".", now_s + delivery->skew_s);
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, (const uint8_t *)secret.ptr, secret.len);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)time, (unsigned)len);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)sender->body.ptr, sender->body.len);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac));
    text_printf(header, "Stripe-Signature: t=%" PRIi64 ",v1=%s", now_s + delivery->skew_s, hex);
    text_char(header, '\0');
    assert(!header->overflown);
}

static void send_one(struct webhook_sender *sender, struct delivery *delivery)
{
    const struct event *event = event_of(delivery);
    const char *url = delivery->notice ? sender->conf.toss_url : sender->conf.url;
    if (event == NULL || url == NULL) {
        sender->stats.given_up++;
        settle(delivery);
        free(delivery);
        return;
    }
    char memory[256];
    struct text signature = text_on(memory, sizeof(memory));
    sender->body = text_on(sender->body.ptr, sender->body.cap);
    if (delivery->notice) {
        text_str(&sender->body, event->text);
    } else {
        bank_put_event(&sender->body, event);
        sign(delivery, &signature);
    }
    assert(!sender->body.overflown);
    delivery->attempt++;
    sender->stats.attempts++;
    sender->active++;
    struct outcall call = {
        .url = url,
        .headers = {"Content-Type: application/json", delivery->notice ? NULL : memory},
        .body = text_span(&sender->body),
        .timeout_ms = WEBHOOK_TIMEOUT_MS,
        .on_done = on_done,
        .ctx = delivery};
    outcall_send(sender->outcalls, &call);
}

static void send_ready(struct webhook_sender *sender)
{
    struct delivery *delivery;
    while (sender->active < WEBHOOK_ACTIVE_MAX &&
           (delivery = TAILQ_FIRST(&sender->ready)) != NULL) {
        take_from(&sender->ready, delivery);
        send_one(sender, delivery);
    }
    sender->stats.waiting = sender->queued + sender->active;
}

/* ---- new events ---- */

static void add_delivery(const struct delivery *like, const struct fault *fault)
{
    struct webhook_sender *sender = like->sender;
    if (sender->queued >= WEBHOOK_QUEUE_MAX) {
        sender->stats.overflow++;
        return;
    }
    struct delivery *delivery = must(malloc(sizeof(*delivery)));
    *delivery = *like;
    delivery->badsig = fault->kind == FAULT_HOOK_BADSIG;
    if (fault->kind == FAULT_HOOK_FUTURE)
        delivery->skew_s = fault->value;
    if (fault->kind == FAULT_HOOK_STALE)
        delivery->skew_s = -(int64_t)fault->value;
    if (fault->kind == FAULT_HOOK_REORDER) {
        delivery->overtakers = fault->value;
        wait_for(delivery, WEBHOOK_REORDER_MS);
    } else if (fault->kind == FAULT_HOOK_LATE) {
        wait_for(delivery, fault->value);
    } else {
        put_into(&sender->ready, delivery);
    }
}

static void dispatch(struct webhook_sender *sender, bool notice, uint32_t place)
{
    struct delivery like = {.sender = sender, .notice = notice, .event = place};
    const struct event *event = event_of(&like);
    if (event == NULL || !event->pending)
        return;
    char memory[FAULT_NAME_MAX * 2];
    struct text operation = text_on(memory, sizeof(memory));
    text_printf(&operation, "webhook/%s", event->type);
    struct fault fault = {.kind = FAULT_NONE};
    (void)fault_list_take(sender->conf.faults, text_span(&operation), &fault);
    if (fault.kind == FAULT_HOOK_LOST) {
        sender->stats.faulted++;
        settle(&like);
        return;
    }
    uint32_t copies = fault.kind == FAULT_HOOK_DUPLICATE ? fault.value : 1;
    for (uint32_t i = 0; i < copies; i++) {
        like.copy = i > 0;
        add_delivery(&like, &fault);
    }
}

void webhook_sender_send(struct webhook_sender *sender, bool notices, uint32_t from, uint32_t to)
{
    for (uint32_t place = from; place < to; place++)
        dispatch(sender, notices, place);
    send_ready(sender);
}

const struct webhook_sender_stats *webhook_sender_stats(const struct webhook_sender *sender)
{
    return &sender->stats;
}

/* ---- life ---- */

int webhook_sender_create(const struct webhook_sender_conf *conf, struct err_slot *err,
                          struct webhook_sender **out)
{
    struct webhook_sender *sender = must(calloc(1, sizeof(*sender)));
    sender->conf = *conf;
    if (conf->secret != NULL)
        snprintf(sender->secret, sizeof(sender->secret), "%s", conf->secret);
    int rc = outcalls_create(conf->loop, NULL, err, &sender->outcalls);
    if (rc < 0) {
        free(sender);
        return rc;
    }
    sender->body = text_on(must(malloc(BODY_BYTES_MAX)), BODY_BYTES_MAX);
    TAILQ_INIT(&sender->ready);
    TAILQ_INIT(&sender->waiting);
    uv_timer_init(conf->loop, &sender->timer); /* never fails */
    sender->timer.data = sender;
    *out = sender;
    return 0;
}

static void drop_all(struct deliveries *list)
{
    struct delivery *delivery;
    while ((delivery = TAILQ_FIRST(list)) != NULL) {
        take_from(list, delivery);
        free(delivery);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct webhook_sender *sender = handle->data;
    free(sender->body.ptr);
    free(sender);
}

void webhook_sender_close(struct webhook_sender *sender)
{
    if (sender == NULL)
        return;
    assert(!sender->closing);
    sender->closing = true;
    outcalls_close(sender->outcalls); /* frees the deliveries of open calls: on_done() */
    drop_all(&sender->ready);
    drop_all(&sender->waiting);
    uv_close((uv_handle_t *)&sender->timer, on_timer_closed);
}
