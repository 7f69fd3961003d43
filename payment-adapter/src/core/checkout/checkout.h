/* checkout.h: the sagas of this service, each with all its versions:
 *
 *   checkout.1   extend_hold -> create_payment -> await_buyer -> confirm_seats -> CAPTURE
 *                -> issue_tickets -> end_session -> hand_over
 *   refund.2     REVOKE_TICKETS -> free_seats -> refund_payment -> tell_shop
 *   refund.1     the same in another order, for refunds that began under it
 *   move.1       revoke_tickets -> MOVE_SEATS -> issue_tickets -> tell_shop
 *
 * A saga's row names the definition that it began under, and ends under it; what begins takes the
 * last version of its kind. What has to be written with a step (the order's status, the tickets,
 * the letter to the shop) goes along with the step's move as an effect, in the same commit. */
#ifndef FG_PAY_CORE_CHECKOUT_H
#define FG_PAY_CORE_CHECKOUT_H

#include "core/checkout/checkout_conf.h"
#include "core/checkout/effect.h"
#include "core/saga/saga_engine.h"

enum checkout_kind { CHECKOUT_SALE, CHECKOUT_REFUND, CHECKOUT_MOVE, CHECKOUT_KINDS };

/* A row of the table of steps: all that is to be said of one. */
struct checkout_step {
    struct saga_step saga;  /* the first member: definitions list these */
    enum order_status told; /* what the buyer is told while a saga is at it on its way forward */
    /* From here on a buyer who gets nothing is told by mail: the payment may have begun. */
    bool begins_payment;
    bool answers_buyer; /* from here on whoever ordered has what to be answered: how to pay */
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
/* Tickets are signed by another one from here on; borrowed. */
void checkout_use_signer(struct checkout *checkout, const struct ticket_signer *signer);

/* For saga_engine_conf.defs; borrowed until checkout_destroy(). */
const struct saga_def *const *checkout_defs(const struct checkout *checkout, uint32_t *len);
/* The one that a row names; NULL: this program does not have it, and leaves the row alone. */
const struct saga_def *checkout_find(const struct checkout *checkout, struct span key);
/* What a saga begins under now. */
const struct saga_def *checkout_now(const struct checkout *checkout, enum checkout_kind kind);
enum checkout_kind checkout_kind(const struct saga_def *def); /* of one of ours */

/* What the buyer is told while a saga of this definition stands there. */
enum order_status checkout_status(const struct saga_def *def, enum saga_state state, uint8_t step,
                                  bool parked, const char *cause);
bool checkout_answers(const struct saga_def *def, uint8_t step);
/* The pivots of all versions of the sale, {"checkout.1":4}: above its own a buyer's cancel is
 * heard.
 */
const char *checkout_pivots(const struct checkout *checkout);

#endif
