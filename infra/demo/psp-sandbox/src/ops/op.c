/* op.c: the table of all calls, which the router, the faults and the journal share. The journal
 * stores an op by its place in the table, so new ones go at the end and none is ever removed. */
#include "ops/op.h"

#include "stripe/stripe.h"
#include "toss/toss.h"

#include <assert.h>

const struct op ops[] = {
    {"/v1/payment_intents", "create", OP_POST, OP_STRIPE, true, stripe_intent_create},
    {"/v1/payment_intents", "list", OP_GET, OP_STRIPE, false, stripe_intent_list},
    {"/v1/payment_intents/{id}", "get", OP_GET, OP_STRIPE, false, stripe_intent_get},
    {"/v1/payment_intents/{id}", "update", OP_POST, OP_STRIPE, true, stripe_intent_update},
    {"/v1/payment_intents/{id}/confirm", "confirm", OP_POST, OP_STRIPE, true,
     stripe_intent_confirm},
    {"/v1/payment_intents/{id}/capture", "capture", OP_POST, OP_STRIPE, true,
     stripe_intent_capture},
    {"/v1/payment_intents/{id}/cancel", "cancel", OP_POST, OP_STRIPE, true, stripe_intent_cancel},
    {"/v1/refunds", "refund", OP_POST, OP_STRIPE, true, stripe_refund_create},
    {"/v1/refunds", "list", OP_GET, OP_STRIPE, false, stripe_refund_list},
    {"/v1/refunds/{id}", "refund_get", OP_GET, OP_STRIPE, false, stripe_refund_get},
    {"/v1/charges", "list", OP_GET, OP_STRIPE, false, stripe_charge_list},
    {"/v1/charges/{id}", "charge", OP_GET, OP_STRIPE, false, stripe_charge_get},
    {"/v1/events", "list", OP_GET, OP_STRIPE, false, stripe_event_list},
    {"/v1/events/{id}", "event", OP_GET, OP_STRIPE, false, stripe_event_get},
    {"/v1/webhook_endpoints", "webhook_endpoint", OP_POST, OP_STRIPE, true, stripe_endpoint_create},
    {"/v1/webhook_endpoints", "list", OP_GET, OP_STRIPE, false, stripe_endpoint_list},
    {"/v1/webhook_endpoints/{id}", "webhook_endpoint", OP_GET, OP_STRIPE, false,
     stripe_endpoint_get},
    {"/v1/webhook_endpoints/{id}", "webhook_endpoint", OP_DELETE, OP_STRIPE, true,
     stripe_endpoint_delete},
    {"/v1/payments/confirm", "toss_confirm", OP_POST, OP_TOSS, true, toss_confirm},
    {"/v1/payments/{id}", "toss_get", OP_GET, OP_TOSS, false, toss_get},
    {"/v1/payments/orders/{id}", "toss_get", OP_GET, OP_TOSS, false, toss_get_order},
    {"/v1/payments/{id}/cancel", "toss_cancel", OP_POST, OP_TOSS, true, toss_cancel},
    {NULL, "hosted", OP_INTERNAL, OP_PAGE, true, stripe_hosted_pay},
    {NULL, "hosted", OP_INTERNAL, OP_PAGE, true, stripe_hosted_authenticate},
    {NULL, "toss_hosted", OP_INTERNAL, OP_PAGE, true, toss_hosted},
    {NULL, "expire", OP_INTERNAL, OP_PAGE, true, stripe_expire},
    {"/v1/balance", "balance", OP_GET, OP_STRIPE, false, stripe_balance_get},
    {"/v1/transactions", "toss_list", OP_GET, OP_TOSS, false, toss_list},
    {NULL, "toss_deposit", OP_INTERNAL, OP_PAGE, true, toss_deposit},
    {NULL, "refund_fail", OP_INTERNAL, OP_PAGE, true, stripe_refund_fail},
    {NULL, "dispute", OP_INTERNAL, OP_PAGE, true, stripe_dispute},
    {"/v1/checkout/sessions", "create", OP_POST, OP_STRIPE, true, stripe_session_create},
    {"/v1/checkout/sessions", "list", OP_GET, OP_STRIPE, false, stripe_session_list},
    {"/v1/checkout/sessions/{id}", "get", OP_GET, OP_STRIPE, false, stripe_session_get},
    {"/v1/checkout/sessions/{id}/expire", "expire", OP_POST, OP_STRIPE, true,
     stripe_session_expire},
    {NULL, "run_out", OP_INTERNAL, OP_PAGE, true, stripe_session_run_out},
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
