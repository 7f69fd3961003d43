/* payment_steps.c: a step that was tried before reads the payment first and acts only on what it
 * finds. The same idempotency key alone is not enough: providers forget keys after a day, and keep
 * a 500 under a key for good. That is why `key_round` is part of every key; it rises when a
 * provider says that the error it returns is an old one.
 *
 * An undo settles what was done, what may have been done, and what never was. To undo a payment
 * that may or may not have been created, it is created once more under the same key and then
 * canceled.
 *
 * Waiting for the buyer is a step like any other: it reads the payment and answers ONGOING. A
 * webhook decides nothing, it only wakes the saga. When the seats' time is up and the provider says
 * that nothing was paid, the step fails with "expired"; when the provider does not answer, the saga
 * keeps asking, because the buyer may have paid in the last second.
 *
 * A hint that only a capture can prove is captured while the order still waits, and the seats stay
 * held: nothing is sold by what anybody can type into an address. That it is asked is stored first,
 * so an undo settles it: if the capture may have happened, it is asked for once more, and the money
 * goes back. A hint that is unknown at the provider is asked about until the hold ends; one that is
 * refused is forgotten, and the buyer may pay again.
 *
 * An order that costs nothing has no payment: each of these steps is then done at once, without
 * asking anybody.
 *
 * A capture that is refused for good (the reservation ran out) is an ordinary failure: the seats
 * are freed and the buyer gets a mail. */
#include "core/checkout/payment_steps.h"

#include "core/checkout/attempt.h"
#include "core/checkout/effect.h"

#include <assert.h>
#include <string.h>

/* NULL: the step has been finished, because the order cannot be read or there is nothing to pay. */
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

/* True if the provider has told the payment's state; otherwise finishes the step. */
static bool has_payment(struct attempt *attempt)
{
    assert(attempt->order.amount > 0); /* what costs nothing asks nobody */
    if (attempt->peer.verdict == SAGA_DONE)
        return true;
    attempt_finish_as_told(attempt);
    return false;
}

/* The same where money may have moved. That the provider can no longer find the payment does not
 * prove that it never took the money, so a person has to look. */
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

/* The same sum in the same currency: the buyer agreed to no other. */
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
static bool tell_payment(struct attempt *attempt)
{
    const struct payment *payment = &attempt->peer.payment;
    if (!keep_payment(attempt))
        return false;
    effect_payment(saga_call_effects(attempt->call), attempt->order.id, payment->id,
                   payment->secret, payment->url);
    return true;
}

/* What was created may be only a way to the payment (Stripe's checkout session). Once the payment
 * itself exists, it is what counts, and it has another id. */
static bool has_another_id(const struct attempt *attempt)
{
    assert(attempt->peer.verdict == SAGA_DONE);
    const char *id = attempt->peer.payment.id;
    return id[0] != '\0' && strcmp(id, attempt->order.payment) != 0;
}

/* The id is stored before anything is done under it, so that whatever an unanswered call leaves
 * behind can be found by the same id here and in the provider's list. True: the step has been
 * finished. */
static bool kept_another_id(struct attempt *attempt)
{
    if (!has_another_id(attempt))
        return false;
    if (tell_payment(attempt))
        attempt_finish_later(attempt, SAGA_ONGOING, 1);
    return true;
}

/* The pause equals the age of the step, so each is about twice the one before, up to the cap. The
 * cap is wide while webhooks arrive, since a poll then only makes up for a lost one. Pauses are
 * jittered, so that the buyers of one minute do not all poll at its end, and never go past the end
 * of the seats' time, because that is when the answer decides. */
static uint32_t poll_ms(const struct attempt *attempt, uint64_t now_ms)
{
    assert(now_ms < attempt->order.expires_ms);
    const struct checkout_conf *conf = attempt->conf;
    bool heard = conf->heard != NULL && conf->heard(conf->heard_ctx, attempt->order.provider);
    uint64_t cap_ms = heard ? conf->poll_rare_ms : conf->poll_cap_ms;
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

/* The buyer has yet to see where to pay: the first look is a poll's pause away, or a webhook's. */
static void then_created(struct attempt *attempt)
{
    assert(attempt->peer.op == PEER_PSP_CREATE);
    uint64_t now_ms = clock_wall_us(attempt->conf->clock) / 1000;
    if (!has_payment(attempt) || !tell_payment(attempt))
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
    case PAYMENT_HINTED: /* the provider's driver settles what was asked */
        attempt_ask(attempt, PEER_PSP_CANCEL, attempt_finish_as_told);
        return;
    case PAYMENT_CAPTURED: /* it was captured after all, so it is refunded */
        if (is_given_back(payment))
            attempt_finish(attempt, SAGA_DONE, "refunded");
        else
            attempt_ask(attempt, PEER_PSP_REFUND, attempt_finish_as_told);
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

static void wait_on(struct attempt *attempt, uint64_t now_ms)
{
    if (now_ms >= attempt->order.expires_ms)
        attempt_finish(attempt, SAGA_FAILED, "expired");
    else
        attempt_finish_later(attempt, SAGA_ONGOING, poll_ms(attempt, now_ms));
}

/* The check is about the order's hint, or about an older one that waits for the provider's answer.
 */
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

/* While the hold lasts: at its end the order gets another status in the same commit. False when out
 * of memory; the step has then been finished. */
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
            wait_on(attempt, now_ms);
    } else if (peer->verdict != SAGA_DONE) {
        attempt_finish_as_told(attempt);
    } else if (peer->payment.state != PAYMENT_CAPTURED) { /* unknown there, perhaps not for long */
        if (now_ms >= attempt->order.expires_ms ||
            keep_check(attempt, ORDER_CHECK_NONE, ORDER_CAUSE_CHECKING))
            wait_on(attempt, now_ms);
    } else {
        finish_agreed(attempt);
    }
}

/* What was known of this hint, and what is known next:
 *
 *   nothing    ASKED, before the provider is asked
 *   ASKED      PROVED: captured; REFUSED: a no; ASKED: no answer;
 *              nothing: unknown there, or shown and not paid
 *   REFUSED    the same: the order waits for its buyer
 *
 * Another hint starts with nothing, once this one is no longer ASKED. */
static void check_hint(struct attempt *attempt, uint64_t now_ms)
{
    const struct order *order = &attempt->order;
    if (now_ms >= order->expires_ms || order_is_checked(order, ORDER_CHECK_REFUSED))
        wait_on(attempt, now_ms);
    else if (order_is_checked(order, ORDER_CHECK_ASKED))
        attempt_ask(attempt, PEER_PSP_CAPTURE, then_checked);
    else if (keep_check(attempt, ORDER_CHECK_ASKED, ORDER_CAUSE_CHECKING))
        attempt_finish_later(attempt, SAGA_ONGOING, 1);
}

static void then_waited(struct attempt *attempt)
{
    assert(attempt->peer.op == PEER_PSP_READ);
    if (!has_payment(attempt) || (has_another_id(attempt) && !tell_payment(attempt)))
        return;
    uint64_t now_ms = clock_wall_us(attempt->conf->clock) / 1000;
    switch (attempt->peer.payment.state) {
    case PAYMENT_AUTHORISED:
    case PAYMENT_CAPTURED:
        /* A capture that was asked for may have begun what we do not want; the next one ends it. */
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
    case PAYMENT_OPEN: /* it is shown, and a capture that was asked for has taken nothing */
        if (!order_is_checked(&attempt->order, ORDER_CHECK_ASKED) ||
            now_ms >= attempt->order.expires_ms || keep_check(attempt, ORDER_CHECK_NONE, ""))
            wait_on(attempt, now_ms);
        return;
    }
    assert(false && "a payment state out of its range");
}

void payment_await(struct saga_call *call, void *ctx)
{
    begin_paying_by(call, ctx, PEER_PSP_READ, then_waited);
}

/* ---- taking, and giving back ---- */

/* The provider says that the money was captured; how much of it, and is it still there? Somebody
 * may have refunded it by hand meanwhile: if all of it, there is no order; if a part, a person has
 * to look. */
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
        attempt_finish_as_told(attempt);
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
    if (payment->captured > 0 &&
        payment->refunded >= order_refund(&attempt->order, payment->captured)) {
        attempt_finish(attempt, SAGA_DONE, "was-refunded");
        return;
    }
    attempt->given_back = payment->refunded;
    attempt_ask(attempt, PEER_PSP_REFUND, attempt_finish_as_told);
}

void payment_refund(struct saga_call *call, void *ctx)
{
    struct attempt *attempt = begin_paying(call, ctx);
    if (attempt == NULL)
        return;
    attempt->patient = true;
    /* A partial refund needs a sum, and somebody may have refunded some of it by hand. */
    if (call->tries > 0 || attempt->order.refund > 0 || attempt->order.credit > 0)
        attempt_ask(attempt, PEER_PSP_READ, then_read_to_refund);
    else
        attempt_ask(attempt, PEER_PSP_REFUND, attempt_finish_as_told);
}
