/* bank.h: the payment provider of the world. It is as awkward as real ones: it caches its first
 * response under each idempotency key, errors included; a call may take effect long after its
 * caller gave up; and a second capture under another key takes the money again. */
#ifndef FG_SIM_BANK_H
#define FG_SIM_BANK_H

#include "stage/sim.h"

#include "core/checkout/peer.h"

void bank_begin(
    void (*hook)(const char *order)); /* called on every change of the order's payment */
/* Executes a PEER_PSP_* call. Returns false if the caller gets no response. The bank copies
 * `key_round` and the order, so the call may take effect later. */
struct bank_call {
    enum peer_op op;
    char order[ORDER_ID_MAX], payment[ORDER_PAYMENT_MAX];
    uint64_t amount;
    uint64_t refund; /* amount to refund; 0: all that is left */
    uint32_t key_round;
    char key[ORDER_PAYMENT_MAX]; /* payment key that the buyer or an attacker sent */
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
/* The canary: captures an already captured payment again. Returns false if there is none. */
bool bank_takes_twice(void);
/* Whether the payment is hidden before its capture, as with Toss. The buyer sends its key. */
#define BANK_KEY "key"
bool bank_hides(const char *order);
bool bank_pay(const char *payment); /* by the buyer; false: no longer payable */

#endif
