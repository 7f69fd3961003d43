/* payment_steps.c: see payment_steps.h.
 *
 * A step that was tried before reads first and acts only on what it finds. The same idempotency key
 * alone is not enough: providers forget keys after a day, and keep a 500 under a key for ever. For
 * the latter `key_round` is part of every key and rises when a provider says that the error it
 * gives us is an old one.
 *
 * An undo settles what was done, may have been done, and never was. To undo a payment that nobody
 * knows whether it was created, it is created once more under the same key, and then canceled.
 *
 * Waiting for the buyer is a step like any other: it reads the payment, and answers ONGOING. A
 * webhook only wakes the saga, it decides nothing. When the seats' time is over and the provider
 * says that nothing was paid, the step fails with "expired"; when the provider does not answer, the
 * saga goes on asking, because the buyer may have paid in the last second.
 *
 * A capture that is refused for good (the reservation ran out) is a failure like others: the seats
 * are freed, the buyer is told. */
#include "core/payment_steps.h"

#include "core/attempt.h"
#include "core/checkout.h"

#include <assert.h>

/* Answered for the caller unless the provider has told how the payment stands. */
static bool has_payment(struct attempt *attempt)
{
    if (attempt->peer.verdict == SAGA_DONE)
        return true;
    attempt_finish_as_told(attempt);
    return false;
}

/* The same where the money may have moved: that the provider cannot find the payment any more is no
 * proof that it never took the money; a person has to look. */
static bool has_payment_still(struct attempt *attempt)
{
    if (attempt->peer.verdict == SAGA_FAILED)
        attempt->peer.verdict = SAGA_UNKNOWN;
    return has_payment(attempt);
}

/* ---- creating ---- */

static bool keep_payment(struct attempt *attempt)
{
    const struct payment *payment = &attempt->peer.payment;
    static_assert(sizeof(attempt->order.payment) == sizeof(payment->id), "the same bound");
    memcpy(attempt->order.payment, payment->id, sizeof(attempt->order.payment));
    if (attempt_keep_order(attempt))
        return true;
    attempt_finish(attempt, SAGA_UNKNOWN, "no-memory");
    return false;
}

static void then_created(struct attempt *attempt)
{
    if (!has_payment(attempt) || !keep_payment(attempt))
        return;
    const struct payment *payment = &attempt->peer.payment;
    effect_payment(saga_call_effects(attempt->call), attempt->order.id, payment->id,
                   payment->secret, payment->url);
    attempt_finish_as_told(attempt);
}

void payment_create(struct saga_call *call, void *ctx)
{
    attempt_begin_by(call, ctx, PEER_PSP_CREATE, then_created);
}

/* ---- letting go ---- */

static void then_read_to_void(struct attempt *attempt)
{
    if (!has_payment(attempt))
        return;
    const struct payment *payment = &attempt->peer.payment;
    switch (payment->state) {
    case PAYMENT_CANCELED:
        attempt_finish(attempt, SAGA_DONE, NULL);
        return;
    case PAYMENT_OPEN:
    case PAYMENT_AUTHORISED:
        attempt_ask(attempt, PEER_PSP_CANCEL, attempt_finish_as_told);
        return;
    case PAYMENT_CAPTURED: /* it was taken after all; so it is given back */
        if (payment->refunded >= payment->captured)
            attempt_finish(attempt, SAGA_DONE, "refunded");
        else
            attempt_ask(attempt, PEER_PSP_REFUND, attempt_finish_as_told);
        return;
    }
    assert(!"a payment state out of its range");
}

static void then_created_to_void(struct attempt *attempt)
{
    if (attempt->peer.verdict == SAGA_FAILED)
        attempt_finish(attempt, SAGA_DONE, "never-created");
    else if (has_payment(attempt) && keep_payment(attempt))
        attempt_ask(attempt, PEER_PSP_READ, then_read_to_void);
}

void payment_void(struct saga_call *call, void *ctx)
{
    struct attempt *attempt = attempt_begin(call, ctx);
    if (attempt == NULL)
        return;
    if (attempt->order.payment[0] == '\0')
        attempt_ask(attempt, PEER_PSP_CREATE, then_created_to_void);
    else
        attempt_ask(attempt, PEER_PSP_READ, then_read_to_void);
}

/* ---- waiting for the buyer ---- */

/* Spread evenly, so that the buyers of one minute do not all ask at its end; and never past the
 * moment when the seats' time is over, because that is when the answer decides. */
static uint32_t poll_ms(const struct attempt *attempt, uint64_t now_ms)
{
    const struct checkout_conf *conf = attempt->conf;
    uint64_t left_ms = attempt->order.expires_ms - now_ms;
    uint64_t pause_ms =
        conf->poll_first_ms + rng_below(conf->rng, conf->poll_cap_ms - conf->poll_first_ms + 1);
    return (uint32_t)(pause_ms < left_ms ? pause_ms : left_ms);
}

static void then_waited(struct attempt *attempt)
{
    if (!has_payment(attempt))
        return;
    uint64_t now_ms = clock_wall_us(attempt->conf->clock) / 1000;
    switch (attempt->peer.payment.state) {
    case PAYMENT_AUTHORISED:
    case PAYMENT_CAPTURED:
        /* A payment of another amount than the order's is nobody's consent to the order. */
        if (attempt->peer.payment.amount != attempt->order.amount)
            attempt_finish(attempt, SAGA_FAILED, "amount-mismatch");
        else
            attempt_finish(attempt, SAGA_DONE, NULL);
        return;
    case PAYMENT_CANCELED:
        attempt_finish(attempt, SAGA_FAILED, "payment-canceled");
        return;
    case PAYMENT_OPEN:
        if (now_ms >= attempt->order.expires_ms)
            attempt_finish(attempt, SAGA_FAILED, "expired");
        else
            attempt_finish_later(attempt, poll_ms(attempt, now_ms));
        return;
    }
    assert(!"a payment state out of its range");
}

void payment_await(struct saga_call *call, void *ctx)
{
    attempt_begin_by(call, ctx, PEER_PSP_READ, then_waited);
}

/* ---- taking, and giving back ---- */

static void then_read_to_capture(struct attempt *attempt)
{
    if (!has_payment_still(attempt))
        return;
    switch (attempt->peer.payment.state) {
    case PAYMENT_CAPTURED:
        attempt_finish(attempt, SAGA_DONE, "was-captured");
        return;
    case PAYMENT_AUTHORISED:
        attempt_ask(attempt, PEER_PSP_CAPTURE, attempt_finish_as_told);
        return;
    case PAYMENT_OPEN:
    case PAYMENT_CANCELED:
        attempt_finish(attempt, SAGA_FAILED, "authorisation-gone");
        return;
    }
    assert(!"a payment state out of its range");
}

void payment_capture(struct saga_call *call, void *ctx)
{
    if (call->tries > 0)
        attempt_begin_by(call, ctx, PEER_PSP_READ, then_read_to_capture);
    else
        attempt_begin_by(call, ctx, PEER_PSP_CAPTURE, attempt_finish_as_told);
}

static void then_read_to_refund(struct attempt *attempt)
{
    if (!has_payment_still(attempt))
        return;
    const struct payment *payment = &attempt->peer.payment;
    if (payment->captured > 0 && payment->refunded >= payment->captured)
        attempt_finish(attempt, SAGA_DONE, "was-refunded");
    else
        attempt_ask(attempt, PEER_PSP_REFUND, attempt_finish_as_told);
}

void payment_refund(struct saga_call *call, void *ctx)
{
    if (call->tries > 0)
        attempt_begin_by(call, ctx, PEER_PSP_READ, then_read_to_refund);
    else
        attempt_begin_by(call, ctx, PEER_PSP_REFUND, attempt_finish_as_told);
}
