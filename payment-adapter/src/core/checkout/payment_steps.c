/* payment_steps.c: a step that was tried before reads the payment first and acts only on what it
 * finds. The same idempotency key alone is not enough: providers forget keys after a day, and keep
 * a 500 under a key for good. So every key contains `key_round`, which rises when a provider says
 * that the error it returns is an old one.
 *
 * An undo settles what was done, what may have been done, and what never was. To undo a payment
 * that may have been created, the step creates it again under the same key and then cancels it.
 *
 * Waiting for the buyer is a step like any other: it reads the payment and answers ONGOING. A
 * webhook decides nothing, it only wakes the saga. When the hold ends and the provider says that
 * nothing was paid, the step fails with "expired". While the provider does not answer, the saga
 * retries, because the buyer may have paid in the last second.
 *
 * A hint is a key from the browser that only a capture can prove. It is captured while the order
 * still waits, and the seats stay held: a key that anybody can type into a URL must not sell seats.
 * The attempt is stored first, so an undo settles it: if the capture may have happened, it is
 * repeated, and the money goes back. A hint unknown to the provider is retried until the hold ends;
 * a refused one is forgotten, and the buyer may pay again.
 *
 * An order that costs nothing has no payment: each of these steps is then done at once, without a
 * request.
 *
 * A capture that is refused for good (the reservation expired) is an ordinary failure: the seats
 * are freed and the buyer gets a mail. */
#include "core/checkout/payment_steps.h"

#include "core/checkout/attempt.h"
#include "core/checkout/effect.h"

#include <assert.h>
#include <string.h>

/* NULL: the step has been finished, because the order is unreadable or there is nothing to pay. */
static struct attempt *begin_paying(struct saga_call *call, void *ctx)
{
    struct attempt *attempt = attempt_begin(call, ctx);
    if (attempt == NULL)
        return NULL;
    assert(attempt->call == call);
    if (attempt->order.amount > 0)
        return attempt;
    attempt_finish(attempt, SAGA_DONE, "nothing-to-pay");
    return NULL;
}

static void begin_paying_by(struct saga_call *call, void *ctx, enum peer_op op,
                            void (*then)(struct attempt *attempt))
{
    struct attempt *attempt = begin_paying(call, ctx);
    if (attempt != NULL)
        attempt_ask(attempt, op, then);
}

/* True if the provider has returned the payment; otherwise finishes the step. */
static bool has_payment(struct attempt *attempt)
{
    assert(attempt->order.amount > 0); /* orders that cost nothing make no requests */
    if (attempt->peer.verdict == SAGA_DONE)
        return true;
    attempt_finish_replied(attempt);
    return false;
}

/* The same where money may have moved. If the provider no longer finds the payment, it may still
 * have taken the money, so an operator has to look. */
static bool has_payment_still(struct attempt *attempt)
{
    if (attempt->peer.verdict == SAGA_FAILED)
        attempt->peer.verdict = SAGA_UNKNOWN;
    return has_payment(attempt);
}

/* The order's whole amount was captured, and none of it has been refunded. */
static bool is_whole(const struct attempt *attempt)
{
    assert(attempt->peer.verdict == SAGA_DONE); /* or there is no payment */
    const struct payment *payment = &attempt->peer.payment;
    return payment->captured == attempt->order.amount && payment->refunded == 0;
}

static bool is_given_back(const struct payment *payment)
{
    return payment->captured > 0 && payment->refunded >= payment->captured;
}

/* The same sum in the same currency: the buyer agreed to nothing else. */
static bool is_of_order(const struct attempt *attempt)
{
    assert(attempt->peer.verdict == SAGA_DONE);
    const struct payment *payment = &attempt->peer.payment;
    const struct order *order = &attempt->order;
    return payment->amount == order->amount &&
           (payment->currency[0] == '\0' || strcmp(payment->currency, order->currency) == 0);
}

/* ---- creating ---- */

static bool keep_payment(struct attempt *attempt)
{
    assert(attempt->peer.verdict == SAGA_DONE);
    const struct payment *payment = &attempt->peer.payment;
    static_assert(sizeof(attempt->order.payment) == sizeof(payment->id), "the same bound");
    memcpy(attempt->order.payment, payment->id, sizeof(attempt->order.payment));
    if (attempt_keep_order(attempt))
        return true;
    attempt_finish(attempt, SAGA_UNKNOWN, "no-memory");
    return false;
}

/* False when out of memory; the step has then been finished. */
static bool put_payment(struct attempt *attempt)
{
    const struct payment *payment = &attempt->peer.payment;
    if (!keep_payment(attempt))
        return false;
    effect_payment(saga_call_effects(attempt->call), attempt->order.id, payment->id,
                   payment->secret, payment->url);
    return true;
}

/* What was created may be only a way to the payment (Stripe's checkout session). Once the payment
 * itself exists, it counts, under an id of its own. */
static bool has_another_id(const struct attempt *attempt)
{
    assert(attempt->peer.verdict == SAGA_DONE);
    const char *id = attempt->peer.payment.id;
    return id[0] != '\0' && strcmp(id, attempt->order.payment) != 0;
}

/* Stores the new id before anything is done under it, so that the effects of an unanswered call can
 * be found by the same id here and in the provider's list. True: the step has been finished. */
static bool kept_another_id(struct attempt *attempt)
{
    if (!has_another_id(attempt))
        return false;
    if (put_payment(attempt))
        attempt_finish_later(attempt, SAGA_ONGOING, 1);
    return true;
}

/* The pause equals the age of the step, so each is about twice the previous one, up to the cap. The
 * cap is large while webhooks arrive, since a poll then only makes up for a lost one. Pauses are
 * jittered, so that the buyers of one minute do not all poll at its end. They never go past the end
 * of the hold, because the answer at that time decides. */
static uint32_t poll_ms(const struct attempt *attempt, uint64_t now_ms)
{
    assert(now_ms < attempt->order.expires_ms);
    const struct checkout_conf *conf = attempt->conf;
    bool come =
        conf->webhooks_come != NULL && conf->webhooks_come(conf->ctx, attempt->order.provider);
    uint64_t cap_ms = come ? conf->poll_rare_ms : conf->poll_cap_ms;
    uint64_t pause_ms = attempt->call->age_ms;
    if (pause_ms < conf->poll_first_ms)
        pause_ms = conf->poll_first_ms;
    if (pause_ms > cap_ms)
        pause_ms = cap_ms;
    pause_ms = pause_ms / 2 + rng_below(conf->rng, pause_ms + 1);
    assert(pause_ms <= 2 * cap_ms);
    uint64_t left_ms = attempt->order.expires_ms - now_ms;
    return (uint32_t)(pause_ms < left_ms ? pause_ms : left_ms);
}

/* The buyer has yet to see where to pay: the first read comes after a poll's pause or a webhook. */
static void then_created(struct attempt *attempt)
{
    assert(attempt->peer.op == PEER_PSP_CREATE);
    uint64_t now_ms = clock_wall_us(attempt->conf->clock) / 1000;
    if (!has_payment(attempt) || !put_payment(attempt))
        return;
    uint32_t pause_ms = now_ms < attempt->order.expires_ms ? poll_ms(attempt, now_ms) : 0;
    attempt_finish_later(attempt, SAGA_DONE, pause_ms);
}

void payment_create(struct saga_call *call, void *ctx)
{
    begin_paying_by(call, ctx, PEER_PSP_CREATE, then_created);
}

/* ---- letting go ---- */

static void then_read_to_void(struct attempt *attempt)
{
    assert(attempt->peer.op == PEER_PSP_READ);
    if (!has_payment(attempt) || kept_another_id(attempt))
        return;
    const struct payment *payment = &attempt->peer.payment;
    switch (payment->state) {
    case PAYMENT_CANCELED:
        attempt_finish(attempt, SAGA_DONE, NULL);
        return;
    case PAYMENT_OPEN:
    case PAYMENT_AUTHORISED:
    case PAYMENT_HINTED: /* the provider's driver settles a capture in progress */
        attempt_ask(attempt, PEER_PSP_CANCEL, attempt_finish_replied);
        return;
    case PAYMENT_CAPTURED: /* captured after all, so it is refunded */
        if (is_given_back(payment))
            attempt_finish(attempt, SAGA_DONE, "refunded");
        else
            attempt_ask(attempt, PEER_PSP_REFUND, attempt_finish_replied);
        return;
    }
    assert(false && "a payment state out of its range");
}

static void then_created_to_void(struct attempt *attempt)
{
    assert(attempt->peer.op == PEER_PSP_CREATE);
    if (attempt->peer.verdict == SAGA_FAILED)
        attempt_finish(attempt, SAGA_DONE, "never-created");
    else if (has_payment(attempt) && keep_payment(attempt))
        attempt_ask(attempt, PEER_PSP_READ, then_read_to_void);
}

void payment_void(struct saga_call *call, void *ctx)
{
    assert(call->way == SAGA_UNDO);
    struct attempt *attempt = begin_paying(call, ctx);
    if (attempt == NULL)
        return;
    if (attempt->order.payment[0] == '\0')
        attempt_ask(attempt, PEER_PSP_CREATE, then_created_to_void);
    else
        attempt_ask(attempt, PEER_PSP_READ, then_read_to_void);
}

/* ---- waiting for the buyer ---- */

static void wait_on(struct attempt *attempt)
{
    const struct checkout_conf *conf = attempt->conf;
    bool known = conf->knows_time == NULL || conf->knows_time(conf->ctx);
    uint64_t now_ms = clock_wall_us(conf->clock) / 1000; /* read after `known` */
    if (now_ms < attempt->order.expires_ms)
        attempt_finish_later(attempt, SAGA_ONGOING, poll_ms(attempt, now_ms));
    else if (known)
        attempt_finish(attempt, SAGA_FAILED, "expired");
    else
        attempt_finish_later(attempt, SAGA_ONGOING, conf->poll_first_ms);
}

/* Sets `check` for the order's hint, or for the older hint that waits for the provider's answer. */
static void set_check(struct order *order, enum order_check check)
{
    if (order_payment_key(order) != order->checked_key)
        memcpy(order->checked_key, order->payment_key, sizeof(order->checked_key));
    order->check = check;
}

/* The provider shows that the buyer has agreed. */
static void finish_agreed(struct attempt *attempt)
{
    const struct payment *payment = &attempt->peer.payment;
    struct order *order = &attempt->order;
    if (payment->unwanted != NULL) {
        attempt_finish(attempt, SAGA_FAILED, payment->unwanted);
    } else if (!is_of_order(attempt)) {
        attempt_finish(attempt, SAGA_FAILED, "amount-mismatch");
    } else if (payment->refunded > 0) {
        attempt_finish(attempt, SAGA_FAILED, "given-back");
    } else if (order_payment_key(order)[0] == '\0') {
        attempt_finish(attempt, SAGA_DONE, NULL);
    } else {
        set_check(order, ORDER_CHECK_PROVED);
        bool kept = attempt_keep_order(attempt);
        attempt_finish(attempt, kept ? SAGA_DONE : SAGA_UNKNOWN, kept ? NULL : "no-memory");
    }
}

/* Called while the hold lasts; at its end the order gets another status in the same commit. False
 * when out of memory; the step has then been finished. */
static bool keep_check(struct attempt *attempt, enum order_check check, const char *cause)
{
    struct order *order = &attempt->order;
    set_check(order, check);
    if (!attempt_keep_order(attempt)) {
        attempt_finish(attempt, SAGA_UNKNOWN, "no-memory");
        return false;
    }
    effect_status(saga_call_effects(attempt->call), order->id, ORDER_PENDING_PAYMENT, cause);
    return true;
}

static void then_checked(struct attempt *attempt)
{
    const struct peer_call *peer = &attempt->peer;
    assert(peer->op == PEER_PSP_CAPTURE);
    uint64_t now_ms = clock_wall_us(attempt->conf->clock) / 1000;
    if (peer->verdict == SAGA_FAILED && strcmp(peer->code, PEER_CODE_NOT_AUTHORISED) == 0) {
        if (now_ms >= attempt->order.expires_ms || keep_check(attempt, ORDER_CHECK_REFUSED, ""))
            wait_on(attempt);
    } else if (peer->verdict != SAGA_DONE) {
        attempt_finish_replied(attempt);
    } else if (peer->payment.state != PAYMENT_CAPTURED) { /* unknown there, perhaps not for long */
        if (now_ms >= attempt->order.expires_ms ||
            keep_check(attempt, ORDER_CHECK_NONE, ORDER_CAUSE_CHECKING))
            wait_on(attempt);
    } else {
        finish_agreed(attempt);
    }
}

/* The state of this hint, and the next:
 *
 *   nothing    ASKED, before the capture is requested
 *   ASKED      PROVED: captured; REFUSED: a no; ASKED: no answer;
 *              nothing: unknown there, or shown and not paid
 *   REFUSED    the same: the order waits for its buyer
 *
 * Another hint starts with nothing, once this one is no longer ASKED. */
static void check_hint(struct attempt *attempt, uint64_t now_ms)
{
    const struct order *order = &attempt->order;
    if (now_ms >= order->expires_ms || order_is_checked(order, ORDER_CHECK_REFUSED))
        wait_on(attempt);
    else if (order_is_checked(order, ORDER_CHECK_ASKED))
        attempt_ask(attempt, PEER_PSP_CAPTURE, then_checked);
    else if (keep_check(attempt, ORDER_CHECK_ASKED, ORDER_CAUSE_CHECKING))
        attempt_finish_later(attempt, SAGA_ONGOING, 1);
}

static void then_waited(struct attempt *attempt)
{
    assert(attempt->peer.op == PEER_PSP_READ);
    if (!has_payment(attempt) || (has_another_id(attempt) && !put_payment(attempt)))
        return;
    uint64_t now_ms = clock_wall_us(attempt->conf->clock) / 1000;
    switch (attempt->peer.payment.state) {
    case PAYMENT_AUTHORISED:
    case PAYMENT_CAPTURED:
        /* An earlier capture may have begun what we do not accept; the next one ends it. */
        if (attempt->peer.payment.unwanted != NULL &&
            order_is_checked(&attempt->order, ORDER_CHECK_ASKED))
            attempt_ask(attempt, PEER_PSP_CAPTURE, then_checked);
        else
            finish_agreed(attempt);
        return;
    case PAYMENT_CANCELED:
        attempt_finish(attempt, SAGA_FAILED, "payment-canceled");
        return;
    case PAYMENT_HINTED:
        check_hint(attempt, now_ms);
        return;
    case PAYMENT_OPEN: /* the provider shows it, and a requested capture has taken nothing */
        if (!order_is_checked(&attempt->order, ORDER_CHECK_ASKED) ||
            now_ms >= attempt->order.expires_ms || keep_check(attempt, ORDER_CHECK_NONE, ""))
            wait_on(attempt);
        return;
    }
    assert(false && "a payment state out of its range");
}

void payment_await(struct saga_call *call, void *ctx)
{
    begin_paying_by(call, ctx, PEER_PSP_READ, then_waited);
}

/* ---- taking, and giving back ---- */

/* The provider says that the money was captured; how much of it, and is it still there? An operator
 * may have refunded it at the provider meanwhile: if all of it, there is no order; if a part, an
 * operator has to look. */
static void finish_captured(struct attempt *attempt, const char *code)
{
    assert(attempt->peer.verdict == SAGA_DONE);
    const struct payment *payment = &attempt->peer.payment;
    if (payment->state == PAYMENT_CAPTURED && is_of_order(attempt) && is_whole(attempt))
        attempt_finish(attempt, SAGA_DONE, code);
    else if (payment->state == PAYMENT_CAPTURED && is_given_back(payment))
        attempt_finish(attempt, SAGA_FAILED, "given-back");
    else
        attempt_finish(attempt, SAGA_UNKNOWN, "amount-mismatch");
}

static void then_captured(struct attempt *attempt)
{
    assert(attempt->peer.op == PEER_PSP_CAPTURE);
    if (attempt->peer.verdict == SAGA_DONE)
        finish_captured(attempt, NULL);
    else
        attempt_finish_replied(attempt);
}

static void then_read_to_capture(struct attempt *attempt)
{
    assert(attempt->peer.op == PEER_PSP_READ);
    if (!has_payment_still(attempt) || kept_another_id(attempt))
        return;
    switch (attempt->peer.payment.state) {
    case PAYMENT_CAPTURED:
        finish_captured(attempt, "was-captured");
        return;
    case PAYMENT_HINTED:
    case PAYMENT_AUTHORISED:
        attempt_ask(attempt, PEER_PSP_CAPTURE, then_captured);
        return;
    case PAYMENT_OPEN:
    case PAYMENT_CANCELED:
        attempt_finish(attempt, SAGA_FAILED, PEER_CODE_NOT_AUTHORISED);
        return;
    }
    assert(false && "a payment state out of its range");
}

void payment_capture(struct saga_call *call, void *ctx)
{
    assert(call->way == SAGA_DO); /* the pivot has no undo */
    if (call->tries > 0)
        begin_paying_by(call, ctx, PEER_PSP_READ, then_read_to_capture);
    else
        begin_paying_by(call, ctx, PEER_PSP_CAPTURE, then_captured);
}

static void then_read_to_refund(struct attempt *attempt)
{
    assert(attempt->peer.op == PEER_PSP_READ);
    assert(attempt->patient);
    if (!has_payment_still(attempt) || kept_another_id(attempt))
        return;
    const struct payment *payment = &attempt->peer.payment;
    bool whole = order_refund(&attempt->order, attempt->order.amount) == attempt->order.amount;
    /* The provider shows that it never had the money: a refund would be refused for good. An
     * operator has to look at a refund of a part: releasing it all would return too much. */
    if (payment->state != PAYMENT_CAPTURED && whole && is_of_order(attempt)) {
        then_read_to_void(attempt);
        return;
    }
    if (payment->captured > 0 &&
        payment->refunded >= order_refund(&attempt->order, payment->captured)) {
        attempt_finish(attempt, SAGA_DONE, "was-refunded");
        return;
    }
    attempt->given_back = payment->refunded;
    attempt_ask(attempt, PEER_PSP_REFUND, attempt_finish_replied);
}

void payment_refund(struct saga_call *call, void *ctx)
{
    struct attempt *attempt = begin_paying(call, ctx);
    if (attempt == NULL)
        return;
    attempt->patient = true;
    attempt_ask(attempt, PEER_PSP_READ, then_read_to_refund); /* may be refunded there already */
}
