/* checkout.h: the sagas of this service, each with all its versions:
 *
 *   checkout.1   extend_hold -> create_payment -> await_buyer -> confirm_seats -> CAPTURE
 *                -> issue_tickets -> end_session -> hand_over
 *   refund.2     REVOKE_TICKETS -> free_seats -> refund_payment -> tell_shop
 *   credit.1     the steps of refund.2, for a part of an order, often of money alone
 *   move.1       revoke_tickets -> MOVE_SEATS -> issue_tickets -> tell_shop
 *
 * A saga's row names the definition under which it began, and it ends under the same one; a new
 * saga takes the latest version of its kind. Whatever a step has to write (the order's status, the
 * tickets, the message to the shop) travels with the step's move as an effect, in the same commit.
 */
#ifndef FG_PAY_CORE_CHECKOUT_H
#define FG_PAY_CORE_CHECKOUT_H

#include "core/checkout/checkout_conf.h"
#include "core/checkout/effect.h"
#include "core/saga/saga_engine.h"

enum checkout_kind {
    CHECKOUT_SALE,
    CHECKOUT_REFUND,
    CHECKOUT_CREDIT,
    CHECKOUT_MOVE,
    CHECKOUT_KINDS
};

/* A row of the table of steps: everything about one step. */
struct checkout_step {
    struct saga_step saga;   /* must come first: definitions list these */
    enum order_status shown; /* the buyer's status while a sale runs this step forward */
    /* From here on the payment may have begun, so a buyer whose order fails gets a mail. */
    bool begins_payment;
    bool answers_buyer; /* from here on the buyer can be answered with how to pay */
};

/* A row of the table of definitions. */
struct checkout_def {
    enum checkout_kind kind;
    const char *key; /* the kind's name and the version: "checkout.1" */
    const struct checkout_step *const *steps;
    uint8_t steps_len;
    uint8_t pivot; /* its index among the steps */
};

struct checkout;

int checkout_create(const struct checkout_conf *conf, struct err_slot *err, struct checkout **out);
void checkout_destroy(struct checkout *checkout);
/* Signs tickets with this one from now on; borrowed. */
void checkout_use_signer(struct checkout *checkout, const struct ticket_signer *signer);

/* For saga_engine_conf.defs; borrowed until checkout_destroy(). */
const struct saga_def *const *checkout_defs(const struct checkout *checkout, uint32_t *len);
/* The definition that a row names. NULL: this program lacks it and leaves the row alone. */
const struct saga_def *checkout_find(const struct checkout *checkout, struct span key);
/* The definition for a saga that begins now. */
const struct saga_def *checkout_now(const struct checkout *checkout, enum checkout_kind kind);
enum checkout_kind checkout_kind(const struct saga_def *def); /* of our own definitions only */

/* The buyer's status while a saga of this definition is at that point. */
enum order_status checkout_status(const struct saga_def *def, enum saga_state state, uint8_t step,
                                  bool parked, const char *cause);
bool checkout_answers(const struct saga_def *def, uint8_t step);
/* Whether an operator may abandon the step at which the saga is parked (refunding a part). */
bool checkout_gives_up(const struct saga_def *def, uint8_t step);
/* The pivots of all versions of the sale, {"checkout.1":4}: a buyer may cancel until the saga
 * reaches its version's pivot. */
const char *checkout_pivots(const struct checkout *checkout);

#endif
