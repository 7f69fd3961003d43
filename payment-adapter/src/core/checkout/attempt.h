/* attempt.h: one try of one step of a checkout: the order it is about, its requests to peers, and
 * the outcome that the step returns. An attempt frees itself when it finishes. */
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
    struct moving *moving; /* for a move or credit; owned */
    uint64_t given_back;   /* for a refund: the refunded sum, as read last */
    bool patient;          /* no seats wait for it, so any Retry-After of the peer is honoured */
    bool asked;            /* a peer was called, */
    bool answered;         /* and the last call was answered */
    struct peer_call peer;
    void (*then)(struct attempt *attempt); /* continues with the peer's answer */
    struct order order;                    /* last, as it is large */
};

MAGIC(attempt, 0x3a70000b);

/* `conf`: the ctx of a step's run and undo. NULL: the order is unreadable or memory ran out, and
 * the step has been finished as UNKNOWN. */
struct attempt *attempt_begin(struct saga_call *call, const struct checkout_conf *conf);
/* Also parses the saga's part of a move or credit. */
struct attempt *attempt_begin_moving(struct saga_call *call, const struct checkout_conf *conf);
void attempt_ask(struct attempt *attempt, enum peer_op op, void (*then)(struct attempt *attempt));
/* attempt_begin() and attempt_ask(), for steps that start with a request. */
void attempt_begin_by(struct saga_call *call, const struct checkout_conf *conf, enum peer_op op,
                      void (*then)(struct attempt *attempt));

/* A ticket of the order with a new id, signed. */
int attempt_sign(struct attempt *attempt, const char *seat, const char *member, struct ticket *out,
                 char token[TICKET_TOKEN_MAX]);

/* Stores the changed order as the saga's data; false when out of memory. */
bool attempt_keep_order(struct attempt *attempt);

/* Each ends the attempt. */
void attempt_finish(struct attempt *attempt, enum saga_verdict verdict, const char *code);
/* ONGOING: reads again after retry_ms. DONE: the next step may wait that long. */
void attempt_finish_later(struct attempt *attempt, enum saga_verdict verdict, uint32_t retry_ms);
/* Finishes with the peer's verdict, code and detail. Unless DONE, its Retry-After is honoured too,
 * but not beyond the end of the hold. */
void attempt_finish_replied(struct attempt *attempt);

#endif
