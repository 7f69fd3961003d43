/* checkout.h: the sagas of this service, as tables of steps over the peers.
 *
 *   checkout.1   extend_hold -> create_payment -> await_buyer -> confirm_seats -> CAPTURE
 *                -> issue_tickets -> end_session -> hand_over
 *   refund.2     REVOKE_TICKETS -> free_seats -> refund_payment -> tell_shop
 *   refund.1     the same in another order, for refunds that began under it
 *   move.1       revoke_tickets -> MOVE_SEATS -> issue_tickets -> tell_shop
 *
 * What has to be written with a step (the order's status, the tickets, the letter to the shop) goes
 * along with the step's move as an effect, in the same commit. */
#ifndef FG_PAY_CORE_CHECKOUT_H
#define FG_PAY_CORE_CHECKOUT_H

#include "base/clock.h"
#include "core/checkout/effect.h"
#include "core/checkout/peer.h"
#include "core/checkout/ticket.h"
#include "core/saga/saga_engine.h"

#define CHECKOUT_REFUND "refund.2" /* what a refund begins under now */
#define CHECKOUT_MOVE   "move.1"

struct checkout;

struct checkout_conf {
    struct peers peers;
    const struct clock *clock;          /* wall time: until when seats are held */
    const struct rng *rng;              /* ticket ids */
    const struct ticket_signer *signer; /* borrowed */
    /* How often the provider is asked while the buyer pays: first, at most this far apart, and this
     * far while its webhooks come in. */
    uint32_t poll_first_ms, poll_cap_ms, poll_rare_ms;
    /* Have webhooks of this provider come in lately? NULL: never. */
    bool (*heard)(void *ctx, const char *provider);
    void *heard_ctx;
};

int checkout_create(const struct checkout_conf *conf, struct err_slot *err, struct checkout **out);
void checkout_destroy(struct checkout *checkout);
/* Tickets are signed by another one from here on; borrowed. */
void checkout_use_signer(struct checkout *checkout, const struct ticket_signer *signer);

/* For saga_engine_conf.defs; borrowed until checkout_destroy(). */
enum { CHECKOUT_DEFS = 4 };
const struct saga_def *const *checkout_defs(const struct checkout *checkout);

/* What the buyer is told while a saga of this table stands there. */
enum order_status checkout_status(const char *def_key, enum saga_state state, uint8_t step,
                                  bool parked, const char *cause);
/* Above this step a buyer's cancel is heard. */
uint8_t checkout_pivot(void);

#endif
