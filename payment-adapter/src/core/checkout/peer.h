/* peer.h: what the sagas of this service ask of the world: questions to three peers, each with
 * one verdict. Who answers (HTTP, a test's fake) is behind one function. */
#ifndef FG_PAY_CORE_PEER_H
#define FG_PAY_CORE_PEER_H

#include "core/checkout/moving.h"
#include "core/checkout/order.h"
#include "core/saga/saga.h"

#include <assert.h>

/* The provider is three: what fails for one purpose (a list of reads that is slow, a create that is
 * refused) says nothing about the others, and captures do not wait for polls. */
enum peer {
    PEER_SEATS,
    PEER_PSP, /* making payments, and letting go of them */
    PEER_PSP_POLL,
    PEER_PSP_TAKE, /* captures and refunds */
    PEER_QUEUE,
    PEER_COUNT,
};

static_assert((int)PEER_COUNT <= (int)SAGA_PEERS_MAX, "each peer has a breaker");

enum peer_op {
    PEER_SEATS_EXTEND,  /* the hold lives on, for the time of the payment */
    PEER_SEATS_CONFIRM, /* held becomes sold; an expired hold gets the same seats again, or FAILED
                         */
    PEER_SEATS_MOVE,    /* sold seats become others, all or none */
    PEER_SEATS_RELEASE, /* held becomes free */
    PEER_SEATS_REFUND,  /* sold becomes free */
    PEER_SEATS_MOVABLE, /* would MOVE succeed? Asked by no saga: before one begins */
    PEER_PSP_CREATE,
    PEER_PSP_READ,
    PEER_PSP_CAPTURE,
    PEER_PSP_CANCEL,        /* an authorisation is let go */
    PEER_PSP_REFUND,        /* order_refund() of it */
    PEER_SEATS_SESSION_END, /* no more seats with the passes of this visit */
    PEER_SESSION_END,       /* its slot is free */
    PEER_OP_COUNT,
};

/* Who answers, and what about. */
enum peer_about {
    PEER_ABOUT_HOLD,        /* seat-service */
    PEER_ABOUT_SEATS_VISIT, /* seat-service, of a visit's pass */
    PEER_ABOUT_LINE_VISIT,  /* queue-front, of a visit's slot */
    PEER_ABOUT_PAYMENT,     /* the order's provider */
};

/* A row of the table of questions. */
struct peer_question {
    const char *name; /* as it is asked on the wire */
    enum peer_about about;
    uint32_t most_ms;    /* a peer is given no longer for it */
    bool tells_member;   /* whose limits count from now on */
    bool tells_purchase; /* what was bought, to be compared */
    bool tells_seats;    /* from which to which */
    bool gives_back;     /* what is not there any more has been given back */
};

const struct peer_question *peer_question(enum peer_op op);

enum payment_state {
    PAYMENT_OPEN,       /* waits for the buyer */
    PAYMENT_AUTHORISED, /* the buyer said yes; the money is reserved, not moved */
    PAYMENT_CAPTURED,
    PAYMENT_CANCELED,
};

/* Money that goes back, or that the buyer's bank asks back. It only rises, as the provider's list
 * tells it in any order. */
enum payment_return {
    PAYMENT_RETURN_OPEN,
    PAYMENT_RETURN_DONE,   /* of a dispute: won */
    PAYMENT_RETURN_FAILED, /* of a dispute: lost */
};

/* As the provider tells it. */
struct payment {
    enum payment_state state;
    char id[ORDER_PAYMENT_MAX];
    char secret[ORDER_SECRET_MAX];
    char url[ORDER_URL_MAX]; /* where the buyer pays */
    uint64_t amount, captured, refunded;
    char currency[4];     /* ISO 4217; "": not told */
    const char *unwanted; /* a literal, why we don't take it; NULL: we do */
};

/* The caller's memory until on_done, which is called once, never from within the start. */
struct peer_call {
    enum peer_op op;
    const struct order *order;   /* borrowed */
    const struct moving *moving; /* of a MOVE; borrowed */
    uint64_t given_back; /* of a REFUND: how much of it is back already, as was read before */
    uint32_t timeout_ms;
    const char *trace;
    void (*on_done)(struct peer_call *call);
    void *ctx;
    /* answer */
    enum saga_verdict verdict;
    uint32_t retry_ms; /* the peer asked for that much patience */
    bool key_burnt;    /* the provider keeps an error under our idempotency key */
    char code[SAGA_CODE_MAX];
    char detail[SAGA_DETAIL_MAX];
    struct payment payment; /* DONE of a PSP call */
    uint64_t expires_ms;    /* DONE of EXTEND; 0: not told */
    bool same_category;     /* DONE of MOVABLE: each new seat is as dear as its old one */
    char *places;           /* DONE of MOVE: a JSON array of what the hold has now, as seat_names.h;
                             * malloc()ed,           for the asker to free() */
};

struct peers {
    void (*start)(void *ctx, struct peer_call *call);
    void *ctx;
};

#endif
