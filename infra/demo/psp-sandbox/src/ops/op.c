/* op.c: the table of all calls, which the router, the faults and the journal share. The journal
 * stores an op by its place in the table, so new ones go at the end and none is ever removed. */
#include "ops/op.h"

#include "stripe/stripe.h"
#include "toss/toss.h"

#include <assert.h>

const struct op ops[] = {
    {"/v1/payment_intents", "create", OP_POST, OP_STRIPE, stripe_intent_create, INTENT},
    {"/v1/payment_intents", "list", OP_GET, OP_STRIPE, stripe_list, INTENT},
    {"/v1/payment_intents/{id}", "get", OP_GET, OP_STRIPE, stripe_get, INTENT},
    {"/v1/payment_intents/{id}/confirm", "confirm", OP_POST, OP_STRIPE, stripe_intent_confirm,
     INTENT},
    {"/v1/payment_intents/{id}/capture", "capture", OP_POST, OP_STRIPE, stripe_intent_capture,
     INTENT},
    {"/v1/payment_intents/{id}/cancel", "cancel", OP_POST, OP_STRIPE, stripe_intent_cancel, INTENT},
    {"/v1/checkout/sessions", "create", OP_POST, OP_STRIPE, stripe_session_create, SESSION},
    {"/v1/checkout/sessions", "list", OP_GET, OP_STRIPE, stripe_list, SESSION},
    {"/v1/checkout/sessions/{id}", "get", OP_GET, OP_STRIPE, stripe_get, SESSION},
    {"/v1/checkout/sessions/{id}/expire", "expire", OP_POST, OP_STRIPE, stripe_session_expire,
     SESSION},
    {"/v1/refunds", "refund", OP_POST, OP_STRIPE, stripe_refund_create, REFUND},
    {"/v1/refunds", "list", OP_GET, OP_STRIPE, stripe_list, REFUND},
    {"/v1/refunds/{id}", "refund_get", OP_GET, OP_STRIPE, stripe_get, REFUND},
    {"/v1/charges", "list", OP_GET, OP_STRIPE, stripe_list, CHARGE},
    {"/v1/charges/{id}", "charge", OP_GET, OP_STRIPE, stripe_get, CHARGE},
    {"/v1/events", "list", OP_GET, OP_STRIPE, stripe_list, EVENT},
    {"/v1/events/{id}", "event", OP_GET, OP_STRIPE, stripe_get, EVENT},
    {"/v1/payments/confirm", "toss_confirm", OP_POST, OP_TOSS, toss_confirm, PAYMENT},
    {"/v1/payments/{id}", "toss_get", OP_GET, OP_TOSS, toss_get, PAYMENT},
    {"/v1/payments/orders/{id}", "toss_get", OP_GET, OP_TOSS, toss_get_order, PAYMENT},
    {"/v1/payments/{id}/cancel", "toss_cancel", OP_POST, OP_TOSS, toss_cancel, PAYMENT},
    {"/v1/transactions", "toss_list", OP_GET, OP_TOSS, toss_list, TRANSACTION},
    {NULL, "hosted", OP_INTERNAL, OP_STRIPE, stripe_hosted_pay, INTENT},
    {NULL, "hosted", OP_INTERNAL, OP_STRIPE, stripe_hosted_authenticate, INTENT},
    {NULL, "toss_hosted", OP_INTERNAL, OP_TOSS, toss_hosted, PAYMENT},
    {NULL, "toss_deposit", OP_INTERNAL, OP_TOSS, toss_deposit, PAYMENT},
    {NULL, "refund_fail", OP_INTERNAL, OP_STRIPE, stripe_refund_fail, REFUND},
    {NULL, "dispute", OP_INTERNAL, OP_STRIPE, stripe_dispute, INTENT},
    {NULL, "authorisation_end", OP_INTERNAL, OP_STRIPE, stripe_authorisation_end, INTENT},
    {NULL, "session_end", OP_INTERNAL, OP_STRIPE, stripe_session_end, SESSION},
};

const unsigned ops_len = sizeof(ops) / sizeof(ops[0]);

unsigned op_number(const struct op *op)
{
    assert(op >= ops && op < ops + ops_len);
    return (unsigned)(op - ops);
}

const struct op *op_running(void (*run)(struct desk_call *at))
{
    unsigned i = 0;
    while (ops[i].run != run) {
        i++;
        assert(i < ops_len);
    }
    return &ops[i];
}
