/* bank.h: the payment provider of the world. It is as awkward as providers are: it remembers its
 * first answer under each idempotency key, errors included; a call may take effect when its caller
 * has long given up; and a second capture under another key takes the money again. */
#ifndef FG_SIM_BANK_H
#define FG_SIM_BANK_H

#include "stage/sim.h"

#include "core/checkout/peer.h"

void bank_begin(
    void (*hook)(const char *order)); /* called when something happened to its payment */
/* Answers a PEER_PSP_* call: true, or nothing that its caller could hear. `key_round` and order are
 * copied by then, so the call may take effect later. */
struct bank_call {
    enum peer_op op;
    char order[ORDER_ID_MAX], payment[ORDER_PAYMENT_MAX];
    uint64_t amount;
    uint64_t refund; /* how much goes back; 0: what is left */
    uint32_t key_round;
    char key[ORDER_PAYMENT_MAX]; /* that somebody brought */
    bool checked;                /* it may have been captured */
};
struct bank_answer {
    enum saga_verdict verdict;
    uint32_t retry_ms;
    bool key_burnt;
    const char *code;
    struct payment payment;
};
void bank_act(const struct bank_call *call, struct bank_answer *answer);
/* A canary: takes the money of a payment again. False: there is none. */
bool bank_takes_twice(void);
/* It does not show this order's payment before its capture, as Toss. The buyer brings its key. */
#define BANK_KEY "key"
bool bank_hides(const char *order);
bool bank_pay(const char *payment); /* the buyer does; false: it cannot be paid any more */

#endif
