/* op.c: the table of all calls, which the router, the faults and the journal share. The journal
 * stores an op by its place in the table, so new ones go at the end and none is ever removed. */
#include "ops/op.h"

#include "stripe/stripe.h"
#include "toss/toss.h"

#include <assert.h>

#define GET(route, name, run, kind)                                                                \
    {                                                                                              \
        route, name, OP_GET, OP_STRIPE, false, run, kind                                           \
    }
#define POST(route, name, run, kind)                                                               \
    {                                                                                              \
        route, name, OP_POST, OP_STRIPE, true, run, kind                                           \
    }
#define INTERNAL(name, flavour, run, kind)                                                         \
    {                                                                                              \
        NULL, name, OP_INTERNAL, flavour, true, run, kind                                          \
    }

const struct op ops[] = {
    POST("/v1/payment_intents", "create", stripe_intent_create, INTENT),
    GET("/v1/payment_intents", "list", stripe_list, INTENT),
    GET("/v1/payment_intents/{id}", "get", stripe_get, INTENT),
    POST("/v1/payment_intents/{id}/confirm", "confirm", stripe_intent_confirm, INTENT),
    POST("/v1/payment_intents/{id}/capture", "capture", stripe_intent_capture, INTENT),
    POST("/v1/payment_intents/{id}/cancel", "cancel", stripe_intent_cancel, INTENT),
    POST("/v1/checkout/sessions", "create", stripe_session_create, SESSION),
    GET("/v1/checkout/sessions", "list", stripe_list, SESSION),
    GET("/v1/checkout/sessions/{id}", "get", stripe_get, SESSION),
    POST("/v1/checkout/sessions/{id}/expire", "expire", stripe_session_expire, SESSION),
    POST("/v1/refunds", "refund", stripe_refund_create, REFUND),
    GET("/v1/refunds", "list", stripe_list, REFUND),
    GET("/v1/refunds/{id}", "refund_get", stripe_get, REFUND),
    GET("/v1/charges", "list", stripe_list, CHARGE),
    GET("/v1/charges/{id}", "charge", stripe_get, CHARGE),
    GET("/v1/events", "list", stripe_list, EVENT),
    GET("/v1/events/{id}", "event", stripe_get, EVENT),
    {"/v1/payments/confirm", "toss_confirm", OP_POST, OP_TOSS, true, toss_confirm, PAYMENT},
    {"/v1/payments/{id}", "toss_get", OP_GET, OP_TOSS, false, toss_get, PAYMENT},
    {"/v1/payments/orders/{id}", "toss_get", OP_GET, OP_TOSS, false, toss_get_order, PAYMENT},
    {"/v1/payments/{id}/cancel", "toss_cancel", OP_POST, OP_TOSS, true, toss_cancel, PAYMENT},
    {"/v1/transactions", "toss_list", OP_GET, OP_TOSS, false, toss_list, TRANSACTION},
    INTERNAL("hosted", OP_STRIPE, stripe_hosted_pay, INTENT),
    INTERNAL("hosted", OP_STRIPE, stripe_hosted_authenticate, INTENT),
    INTERNAL("toss_hosted", OP_TOSS, toss_hosted, PAYMENT),
    INTERNAL("toss_deposit", OP_TOSS, toss_deposit, PAYMENT),
    INTERNAL("refund_fail", OP_STRIPE, stripe_refund_fail, REFUND),
    INTERNAL("dispute", OP_STRIPE, stripe_dispute, INTENT),
    INTERNAL("authorisation_end", OP_STRIPE, stripe_authorisation_end, INTENT),
    INTERNAL("session_end", OP_STRIPE, stripe_session_end, SESSION),
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
