/* attempt.h: one try of one step of a checkout: the order it is about, the questions it asks its
 * peers, and the outcome that the step returns. An attempt frees itself when it finishes. */
#ifndef FG_PAY_CORE_ATTEMPT_H
#define FG_PAY_CORE_ATTEMPT_H

#include "base/magic.h"
#include "core/checkout/checkout_conf.h"
#include "core/checkout/moving.h"
#include "core/checkout/order.h"
#include "core/checkout/peer.h"
#include "core/saga/saga_engine.h"

struct attempt {
    uint32_t magic;
    struct saga_call *call;
    const struct checkout_conf *conf;
    struct moving *moving; /* of a move or credit; owned */
    uint64_t given_back;   /* of a refund, by the last read */
    bool patient;          /* no seats wait for it, so the peer gets all the time it asks for */
    bool asked;            /* a peer, */
    bool answered;         /* and the one that was asked last has answered */
    struct peer_call peer;
    void (*then)(struct attempt *attempt); /* what to make of the peer's answer */
    struct order order;                    /* last, as it is large */
};

MAGIC(attempt, 0x3a70000b);

/* `conf`: what a step's run and undo get as ctx. NULL: the order cannot be read, or not now for
 * want of memory, and the step has been finished as UNKNOWN. */
struct attempt *attempt_begin(struct saga_call *call, const struct checkout_conf *conf);
/* With the saga's part of a move or credit. */
struct attempt *attempt_begin_moving(struct saga_call *call, const struct checkout_conf *conf);
void attempt_ask(struct attempt *attempt, enum peer_op op, void (*then)(struct attempt *attempt));
/* Both at once, for steps that start by asking. */
void attempt_begin_by(struct saga_call *call, const struct checkout_conf *conf, enum peer_op op,
                      void (*then)(struct attempt *attempt));

/* A ticket of the order with a new id, signed. */
int attempt_sign(struct attempt *attempt, const char *seat, const char *member, struct ticket *out,
                 char token[TICKET_TOKEN_MAX]);

/* Stores the changed order as the saga's data; false when out of memory. */
bool attempt_keep_order(struct attempt *attempt);

/* Each ends the attempt. */
void attempt_finish(struct attempt *attempt, enum saga_verdict verdict, const char *code);
/* ONGOING, until the next look; or DONE, and the next step may wait so long. */
void attempt_finish_later(struct attempt *attempt, enum saga_verdict verdict, uint32_t retry_ms);
/* Finishes with the peer's own verdict, code and detail. Unless it is done its Retry-After is
 * honoured too, but not beyond the seats' time. */
void attempt_finish_as_told(struct attempt *attempt);

#endif
