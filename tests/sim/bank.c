/* bank.c: see bank.h. */
#include "bank.h"

#include "invariants.h"
#include "stage/faults.h"
#include "stage/probes.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAYMENTS_MAX = 4096, KEYS_MAX = 1 << 15, KEY_MAX = 80 };

static struct {
    struct deposit {
        char id[24], order[ORDER_ID_MAX];
        uint64_t amount, captured, refunded;
        enum payment_state state;
        /* not always shown before its capture, as with Toss: then read as a hint */
        bool hidden;
    } payments[PAYMENTS_MAX];
    uint32_t payments_len;
    struct key {
        char text[KEY_MAX];
        bool burnt;       /* an error is cached under this key */
        uint32_t payment; /* the payment it created */
    } keys[KEYS_MAX];
    uint32_t keys_len;
    void (*hook)(const char *order);
} bank;

void bank_begin(void (*hook)(const char *order))
{
    bank.hook = hook;
}

bool bank_hides(const char *order)
{
    return strtoull(order + 2, NULL, 10) % 4 == 0;
}

static struct deposit *payment_of(const char *id)
{
    for (uint32_t i = bank.payments_len; i > 0; i--)
        if (strcmp(bank.payments[i - 1].id, id) == 0)
            return &bank.payments[i - 1];
    return NULL;
}

/* Finds or creates the key of the call; *known says whether it was used before. */
static struct key *key_of(const struct bank_call *call, bool *known)
{
    char text[KEY_MAX];
    snprintf(text, sizeof(text), "%s-%d-%u", call->order, (int)call->op, call->key_round);
    *known = true;
    for (uint32_t i = bank.keys_len; i > 0; i--)
        if (strcmp(bank.keys[i - 1].text, text) == 0)
            return &bank.keys[i - 1];
    assert(bank.keys_len < KEYS_MAX);
    struct key *key = &bank.keys[bank.keys_len++];
    memcpy(key->text, text, sizeof(text));
    *known = false;
    return key;
}

static struct deposit *create(const struct bank_call *call, struct key *key)
{
    assert(bank.payments_len < PAYMENTS_MAX);
    struct deposit *payment = &bank.payments[bank.payments_len];
    key->payment = bank.payments_len++;
    snprintf(payment->id, sizeof(payment->id), "pi_%u", bank.payments_len);
    memcpy(payment->order, call->order, sizeof(payment->order));
    payment->amount = call->amount;
    payment->state = PAYMENT_OPEN;
    payment->hidden = bank_hides(call->order);
    return payment;
}

static void no(struct bank_answer *answer, const char *code)
{
    answer->verdict = SAGA_FAILED;
    answer->code = code;
}

/* A hidden payment is captured at most once. */
static void capture(struct deposit *payment, struct bank_answer *answer)
{
    if (payment->hidden && payment->state == PAYMENT_CAPTURED)
        return;
    if (payment->state != PAYMENT_AUTHORISED && payment->state != PAYMENT_CAPTURED) {
        no(answer, "authorisation-gone");
        return;
    }
    payment->state = PAYMENT_CAPTURED;
    payment->captured += payment->amount;
    invariant_captured(payment->order, payment->amount, payment->hidden);
    bank.hook(payment->order);
}

/* A hidden payment cannot be canceled; it expires by itself. If it may have been captured, captures
 * it so that it can be refunded. */
static void cancel(const struct bank_call *call, struct deposit *payment,
                   struct bank_answer *answer)
{
    if (payment->hidden && payment->state == PAYMENT_AUTHORISED && call->checked &&
        strcmp(call->key, BANK_KEY) == 0)
        capture(payment, answer);
    if (payment->state == PAYMENT_CAPTURED) {
        answer->verdict = SAGA_UNKNOWN;
        return;
    }
    if (payment->hidden)
        return;
    if (payment->state == PAYMENT_AUTHORISED)
        invariant_reserved(payment->order, false);
    payment->state = PAYMENT_CANCELED;
}

static void refund(const struct bank_call *call, struct deposit *payment,
                   struct bank_answer *answer)
{
    if (payment->state != PAYMENT_CAPTURED) {
        no(answer, "charge_not_refundable");
        return;
    }
    uint64_t left = payment->captured - payment->refunded;
    uint64_t back = call->refund > 0 && call->refund < left ? call->refund : left;
    if (back > 0)
        invariant_refunded(payment->order, back);
    payment->refunded += back;
    probe_reached(call->refund > 0 ? PROBE_CREDITED : PROBE_REFUNDED);
}

static void finish(const struct bank_call *call, const struct deposit *payment,
                   struct bank_answer *answer)
{
    answer->payment = (struct payment){.state = payment->state,
                                       .amount = payment->amount,
                                       .captured = payment->captured,
                                       .refunded = payment->refunded};
    bool dark = payment->state == PAYMENT_OPEN || payment->state == PAYMENT_AUTHORISED;
    bool shown = payment->state == PAYMENT_AUTHORISED && call->checked &&
                 strcmp(call->key, BANK_KEY) == 0 && sim_below(SIM_CHOICES, 2) == 0;
    if (payment->hidden && dark && !shown)
        answer->payment.state = call->key[0] != '\0' ? PAYMENT_HINTED : PAYMENT_OPEN;
    snprintf(answer->payment.id, sizeof(answer->payment.id), "%s", payment->id);
    snprintf(answer->payment.secret, sizeof(answer->payment.secret), "%s_secret", payment->id);
    snprintf(answer->payment.url, sizeof(answer->payment.url), "https://bank.example/%s",
             payment->id);
}

/* Caches an error of the provider's own under the key, whether the call took effect or not. */
static bool burns(const struct bank_call *call, struct key *key, bool known,
                  struct bank_answer *answer)
{
    if (!known && fault_now(FAULT_BANK_BURNT)) {
        key->burnt = true;
        if (call->op == PEER_PSP_CREATE && sim_below(SIM_CHOICES, 2) == 0)
            (void)create(call, key);
        answer->verdict = SAGA_UNKNOWN;
        answer->code = "http-500";
    } else if (known && key->burnt) {
        answer->verdict = SAGA_UNKNOWN;
        answer->code = "http-500";
        answer->key_burnt = true;
    }
    return key->burnt;
}

void bank_act(const struct bank_call *call, struct bank_answer *answer)
{
    bool known = false;
    struct key *key = NULL;
    *answer = (struct bank_answer){.verdict = SAGA_DONE};
    if (call->op != PEER_PSP_READ) {
        key = key_of(call, &known);
        if (known)
            probe_reached(PROBE_KEY_KNOWN);
        else if (call->key_round > 0)
            probe_reached(PROBE_KEY_RAISED);
        if (burns(call, key, known, answer))
            return;
    }
    struct deposit *payment = call->op == PEER_PSP_CREATE
                                  ? known ? &bank.payments[key->payment] : create(call, key)
                                  : payment_of(call->payment);
    if (payment == NULL) {
        answer->verdict = SAGA_UNKNOWN;
        answer->code = "resource_missing";
        return;
    }
    /* The payment key is invented, or was when this idempotency key was first used. */
    bool unknown = payment->hidden && payment->state != PAYMENT_CAPTURED &&
                   (known || strcmp(call->key, BANK_KEY) != 0);
    if (call->op == PEER_PSP_CAPTURE && unknown)
        answer->key_burnt = true;
    else if (call->op == PEER_PSP_CAPTURE && !known)
        capture(payment, answer);
    else if (call->op == PEER_PSP_CANCEL)
        cancel(call, payment, answer);
    else if (call->op == PEER_PSP_REFUND && !known)
        refund(call, payment, answer);
    if (call->op == PEER_PSP_CAPTURE && known && !unknown && payment->state != PAYMENT_CAPTURED)
        no(answer, "authorisation-gone");
    finish(call, payment, answer);
}

bool bank_takes_twice(void)
{
    struct bank_answer answer;
    for (uint32_t i = 0; i < bank.payments_len; i++) {
        if (bank.payments[i].state != PAYMENT_CAPTURED)
            continue;
        capture(&bank.payments[i], &answer);
        return true;
    }
    return false;
}

bool bank_pay(const char *id)
{
    struct deposit *payment = payment_of(id);
    if (payment == NULL || payment->state != PAYMENT_OPEN)
        return false;
    payment->state = PAYMENT_AUTHORISED;
    if (!payment->hidden)
        invariant_reserved(payment->order, true);
    sim_note("%s is paid (%s)", payment->order, id);
    bank.hook(payment->order);
    return true;
}
