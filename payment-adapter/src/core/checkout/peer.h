/* peer.h: what the sagas of this service ask of the world: questions to three peers, each answered
 * by one verdict. HTTP or a test's fake stands behind one function. */
#ifndef FG_PAY_CORE_PEER_H
#define FG_PAY_CORE_PEER_H

#include "core/checkout/moving.h"
#include "core/checkout/order.h"
#include "core/saga/saga.h"

#include <assert.h>

/* The provider counts as three peers: a failure for one purpose (slow reads, refused creates) says
 * nothing about the others, and captures do not wait for polls. */
enum peer {
    PEER_SEATS,
    PEER_PSP, /* creating payments, and canceling them */
    PEER_PSP_POLL,
    PEER_PSP_TAKE, /* captures and refunds */
    PEER_QUEUE,
    PEER_COUNT,
};

static_assert((int)PEER_COUNT <= (int)SAGA_PEERS_MAX, "each peer has a breaker");

/* The questions, a row each, which make the enum and the table: its name on the wire, who
 * answers, how long they may take, and what else there is to say about it (struct peer_question).
 */
/* clang-format off */
#define PEER_QUESTIONS(ROW) \
    /* the hold lives on, for the time of the payment */ \
    ROW(SEATS_EXTEND, "extend", HOLD, TRY, .tells_member = true, .tells_purchase = true, \
        .reads_expiry = true) \
    /* held becomes sold; an expired hold gets its seats again, or FAILED */ \
    ROW(SEATS_CONFIRM, "confirm", HOLD, TRY, .tells_purchase = true, .only_no = "seats-gone") \
    /* sold seats become others, all or none */ \
    ROW(SEATS_MOVE, "move", HOLD, TRY, .tells_seats = true, .reads_places = true) \
    /* held becomes free */ \
    ROW(SEATS_RELEASE, "release", HOLD, TRY, .gives_back = true) \
    /* sold becomes free */ \
    ROW(SEATS_REFUND, "refund", HOLD, TRY, .gives_back = true) \
    /* some of the sold seats become free */ \
    ROW(SEATS_RETURN, "refund", HOLD, TRY, .tells_back = true, .gives_back = true) \
    /* would MOVE succeed? Asked by no saga: before one begins */ \
    ROW(SEATS_MOVABLE, "movable", HOLD, TRY, .tells_seats = true, .reads_category = true) \
    ROW(PSP_CREATE, "create", PAYMENT, TRY, ) \
    ROW(PSP_READ, "read", PAYMENT, TRY, ) \
    ROW(PSP_CAPTURE, "capture", PAYMENT, TRY, ) \
    /* an authorisation is released */ \
    ROW(PSP_CANCEL, "cancel", PAYMENT, TRY, ) \
    /* order_refund() of it */ \
    ROW(PSP_REFUND, "refund", PAYMENT, TRY, ) \
    /* this visit's passes hold no more seats */ \
    ROW(SEATS_SESSION_END, "end", SEATS_VISIT, COURTESY, .gives_back = true) \
    /* its slot is free */ \
    ROW(SESSION_END, "end", LINE_VISIT, COURTESY, .gives_back = true)
/* clang-format on */

enum peer_op {
#define PEER_OP(NAME, WIRE, ABOUT, TIME, ...) PEER_##NAME,
    PEER_QUESTIONS(PEER_OP)
#undef PEER_OP
        PEER_OP_COUNT
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
    uint32_t most_ms;    /* the longest that a peer may take */
    bool tells_member;   /* whose limit it counts against from now on */
    bool tells_purchase; /* what was bought, to be compared */
    bool tells_seats;    /* the old and the new ones */
    bool tells_back;     /* those that are given back, or how many places stay */
    bool gives_back;     /* not found means: it has been given back */
    /* What is read of an answer that is DONE. */
    bool reads_expiry, reads_places, reads_category;
    const char *only_no; /* the code of every no, whatever its reason; NULL: the peer's code */
};

const struct peer_question *peer_question(enum peer_op op);

/* What an answer of the seat service or the waiting room means to a saga. Status 0: there is none.
 * *code: the answer's own, or NULL, becomes the verdict's; NULL: it has none. */
enum saga_verdict peer_judge(enum peer_op op, unsigned status, const char **code);

enum payment_state {
    PAYMENT_OPEN,       /* waits for the buyer */
    PAYMENT_AUTHORISED, /* the buyer said yes; the money is reserved, not moved */
    PAYMENT_CAPTURED,
    PAYMENT_CANCELED,
    /* Somebody brought a key that the provider does not show: only a capture can tell whether the
     * buyer has agreed. Of reads alone: no list has it. */
    PAYMENT_HINTED,
};

/* Money that goes back, or that the buyer's bank claims. It only ever moves up, because the
 * provider's list comes in any order. */
enum payment_return {
    PAYMENT_RETURN_OPEN,
    PAYMENT_RETURN_DONE,   /* of a dispute: won */
    PAYMENT_RETURN_FAILED, /* of a dispute: lost */
};

/* A capture's FAILED: this buyer's agreement is not there, or no longer, and no money moves. */
#define PEER_CODE_NOT_AUTHORISED "authorisation-gone"

/* As the provider reports it. */
struct payment {
    enum payment_state state;
    char id[ORDER_PAYMENT_MAX];
    char secret[ORDER_SECRET_MAX];
    char url[ORDER_URL_MAX]; /* where the buyer pays */
    uint64_t amount, captured, refunded;
    char currency[4];     /* ISO 4217; "": unknown */
    const char *unwanted; /* a literal: why we don't accept it; NULL: we do */
};

/* The caller's memory until on_done, which is called exactly once, and never from within start. */
struct peer_call {
    enum peer_op op;
    const struct order *order;   /* borrowed */
    const struct moving *moving; /* of a MOVE or RETURN; borrowed */
    uint64_t given_back;         /* of a REFUND: how much was refunded already, as read before */
    uint32_t timeout_ms;
    const char *trace;
    void (*on_done)(struct peer_call *call);
    void *ctx;
    void *answerer; /* belongs to the answerer */
    bool again;     /* the same: it was asked elsewhere before */
    /* answer */
    enum saga_verdict verdict;
    uint32_t retry_ms; /* the peer's Retry-After */
    bool key_burnt;    /* the provider keeps an error under our idempotency key */
    bool answered;     /* with UNKNOWN: it did answer, and we had no memory to read it */
    bool unasked;      /* with UNKNOWN: not sent, or cut off, for want of room or memory here */
    char code[SAGA_CODE_MAX];
    char detail[SAGA_DETAIL_MAX];
    struct payment payment; /* DONE of a PSP call */
    uint64_t expires_ms;    /* reads_expiry; 0: unknown */
    bool same_category;     /* reads_category: each new seat is as dear as its old one */
    char *places;           /* reads_places: a JSON array of what the hold has now, as seat_names.h;
                             * malloc()ed, for the asker to free() */
};

struct peers {
    void (*start)(void *ctx, struct peer_call *call);
    void *ctx;
};

#endif
