/* attempt.h: one try of one step of a checkout: the order that it is about, one or several
 * questions to peers, and what the step comes back with. An attempt frees itself when it is
 * finished. */
#ifndef FG_PAY_CORE_ATTEMPT_H
#define FG_PAY_CORE_ATTEMPT_H

#include "core/checkout/checkout_conf.h"
#include "core/checkout/moving.h"
#include "core/checkout/order.h"
#include "core/checkout/peer.h"
#include "core/saga/saga_engine.h"

struct attempt {
    struct saga_call *call;
    const struct checkout_conf *conf;
    struct order order;
    struct moving *moving; /* of a move; owned */
    uint64_t given_back;   /* of a refund, by the last read */
    bool patient;          /* no seats wait for it: however long the peer asks for is granted */
    struct peer_call peer;
    void (*then)(struct attempt *attempt); /* what to make of the peer's answer */
};

/* `conf`: as it comes to a step's run and undo. NULL: the order cannot be read, and the step has
 * been answered UNKNOWN. */
struct attempt *attempt_begin(struct saga_call *call, const struct checkout_conf *conf);
void attempt_ask(struct attempt *attempt, enum peer_op op, void (*then)(struct attempt *attempt));
/* Both in one, for steps that have nothing to think about first. */
void attempt_begin_by(struct saga_call *call, const struct checkout_conf *conf, enum peer_op op,
                      void (*then)(struct attempt *attempt));

/* A ticket of the order with a new id, signed. */
int attempt_sign(struct attempt *attempt, const char *seat, const char *member, struct ticket *out,
                 char token[TICKET_TOKEN_MAX]);

/* The order, as it has been changed, becomes the saga's data; false without memory. */
bool attempt_keep_order(struct attempt *attempt);

/* Each ends the attempt. */
void attempt_finish(struct attempt *attempt, enum saga_verdict verdict, const char *code);
void attempt_finish_later(struct attempt *attempt, uint32_t retry_ms); /* ONGOING */
/* The peer's own verdict and words become the step's; how long it wants to be left alone, too, but
 * not beyond the time of the seats. */
void attempt_finish_as_told(struct attempt *attempt);

#endif
