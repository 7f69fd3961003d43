/* intent.c: one table says which states follow which, another which act is allowed in which state,
 * and one function moves. After every change the amounts are checked against the state: money that
 * does not add up stops the sandbox at once, rather than a test much later. */
#include "core/intent.h"

#include <assert.h>
#include <stdlib.h>

#define BIT(n) (uint8_t)(1u << (n))

static const uint8_t intent_next[INTENT_STATUS_COUNT] = {
    [INTENT_REQUIRES_PAYMENT_METHOD] = BIT(INTENT_REQUIRES_CONFIRMATION) |
                                       BIT(INTENT_REQUIRES_PAYMENT_METHOD) | BIT(INTENT_CANCELED),
    [INTENT_REQUIRES_CONFIRMATION] = BIT(INTENT_REQUIRES_CONFIRMATION) |
                                     BIT(INTENT_REQUIRES_ACTION) | BIT(INTENT_REQUIRES_CAPTURE) |
                                     BIT(INTENT_SUCCEEDED) | BIT(INTENT_REQUIRES_PAYMENT_METHOD) |
                                     BIT(INTENT_CANCELED),
    [INTENT_REQUIRES_ACTION] = BIT(INTENT_REQUIRES_CONFIRMATION) | BIT(INTENT_REQUIRES_CAPTURE) |
                               BIT(INTENT_SUCCEEDED) | BIT(INTENT_REQUIRES_PAYMENT_METHOD) |
                               BIT(INTENT_CANCELED),
    [INTENT_REQUIRES_CAPTURE] = BIT(INTENT_SUCCEEDED) | BIT(INTENT_CANCELED),
    [INTENT_SUCCEEDED] = 0, /* refunds change amounts, not the state */
    [INTENT_CANCELED] = 0,
};

static const uint8_t act_in[INTENT_ACT_COUNT] = {
    [INTENT_ACT_UPDATE] = BIT(INTENT_REQUIRES_PAYMENT_METHOD) | BIT(INTENT_REQUIRES_CONFIRMATION) |
                          BIT(INTENT_REQUIRES_ACTION),
    [INTENT_ACT_CONFIRM] = BIT(INTENT_REQUIRES_PAYMENT_METHOD) | BIT(INTENT_REQUIRES_CONFIRMATION) |
                           BIT(INTENT_REQUIRES_ACTION),
    [INTENT_ACT_AUTHENTICATE] = BIT(INTENT_REQUIRES_ACTION),
    [INTENT_ACT_CAPTURE] = BIT(INTENT_REQUIRES_CAPTURE),
    [INTENT_ACT_CANCEL] = BIT(INTENT_REQUIRES_PAYMENT_METHOD) | BIT(INTENT_REQUIRES_CONFIRMATION) |
                          BIT(INTENT_REQUIRES_ACTION) | BIT(INTENT_REQUIRES_CAPTURE),
};

const char *intent_status_name(enum intent_status status)
{
    static const char *const names[INTENT_STATUS_COUNT] = {
        "requires_payment_method",
        "requires_confirmation",
        "requires_action",
        "requires_capture",
        "succeeded",
        "canceled",
    };
    assert(status < INTENT_STATUS_COUNT);
    return names[status];
}

const char *intent_capture_name(enum intent_capture method)
{
    static const char *const names[] = {"automatic", "automatic_async", "manual"};
    assert(method <= INTENT_MANUAL);
    return names[method];
}

bool intent_may(const struct intent *intent, enum intent_act act)
{
    assert(act < INTENT_ACT_COUNT);
    return (act_in[act] & BIT(intent->status)) != 0;
}

static void check(const struct intent *intent)
{
    assert(intent->amount > 0);
    assert((intent->capturable > 0) == (intent->status == INTENT_REQUIRES_CAPTURE));
    assert((intent->received > 0) == (intent->status == INTENT_SUCCEEDED));
    assert(intent->capturable <= intent->amount);
    assert(intent->received <= intent->amount);
    assert(intent->refunded >= 0 && intent->refunded <= intent->received);
    assert((intent->card != NULL) == (intent->payment_method[0] != '\0'));
    assert((intent->canceled_s != 0) == (intent->status == INTENT_CANCELED));
}

static void move(struct intent *intent, enum intent_status to)
{
    assert((intent_next[intent->status] & BIT(to)) != 0);
    intent->status = to;
}

void intent_use_card(struct intent *intent, const struct card *card, const char *payment_method)
{
    assert(intent_may(intent, INTENT_ACT_UPDATE));
    assert(strlen(payment_method) < sizeof(intent->payment_method));
    move(intent, INTENT_REQUIRES_CONFIRMATION);
    intent->card = card;
    strcpy(intent->payment_method, payment_method);
    check(intent);
}

void intent_ask(struct intent *intent)
{
    assert(intent->card != NULL && intent->card->asks);
    move(intent, INTENT_REQUIRES_ACTION);
    intent->refusal = NULL;
    intent->authentication_failed = false;
    check(intent);
}

void intent_approve(struct intent *intent)
{
    bool manual = intent->capture_method == INTENT_MANUAL;
    move(intent, manual ? INTENT_REQUIRES_CAPTURE : INTENT_SUCCEEDED);
    intent->refusal = NULL;
    intent->authentication_failed = false;
    *(manual ? &intent->capturable : &intent->received) = intent->amount;
    check(intent);
}

void intent_refuse(struct intent *intent, const struct card *refusal)
{
    move(intent, INTENT_REQUIRES_PAYMENT_METHOD);
    intent->refusal = refusal;
    intent->authentication_failed = refusal == NULL;
    intent->card = NULL;
    intent->payment_method[0] = '\0';
    check(intent);
}

void intent_capture(struct intent *intent, int64_t amount)
{
    assert(amount > 0);
    assert(amount <= intent->capturable);
    move(intent, INTENT_SUCCEEDED);
    intent->capturable = 0;
    intent->received = amount;
    check(intent);
}

void intent_cancel(struct intent *intent, const char *reason, uint64_t now_s)
{
    assert(now_s > 0);
    move(intent, INTENT_CANCELED);
    intent->capturable = 0;
    intent->canceled_s = now_s;
    intent->cancellation_reason = reason;
    check(intent);
}

int64_t intent_refundable(const struct intent *intent)
{
    return intent->received - intent->refunded;
}

void intent_refund(struct intent *intent, int64_t amount)
{
    assert(amount > 0);
    assert(amount <= intent_refundable(intent));
    intent->refunded += amount;
    check(intent);
}

void intent_deinit(struct intent *intent)
{
    meta_deinit(&intent->meta);
    free(intent->description);
    free(intent->descriptor);
    free(intent->return_url);
}
