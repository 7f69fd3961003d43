/* peer.h: the requests that sagas send to three peers, each answered by one verdict. One function
 * hides whether HTTP or a test's fake answers. */
#ifndef FG_PAY_CORE_PEER_H
#define FG_PAY_CORE_PEER_H

#include "core/checkout/moving.h"
#include "core/checkout/order.h"
#include "core/saga/saga.h"

#include <assert.h>

/* The provider counts as three peers: a failure of one purpose (slow reads, refused creates) says
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

/* The requests, one row each, from which the enum and the table are made: its name on the wire, who
 * answers, how long that may take, and its other properties (struct peer_question). */
/* clang-format off */
#define PEER_QUESTIONS(ROW) \
    /* extends the hold for the payment */ \
    ROW(SEATS_EXTEND, "extend", HOLD, TRY, .sends_member = true, .sends_purchase = true, \
        .reads_expiry = true) \
    /* held becomes sold; an expired hold gets its seats again, or FAILED */ \
    ROW(SEATS_CONFIRM, "confirm", HOLD, TRY, .sends_purchase = true, .only_no = "seats-gone") \
    /* sold seats become others, all or none */ \
    ROW(SEATS_MOVE, "move", HOLD, TRY, .sends_seats = true, .reads_places = true) \
    /* held becomes free */ \
    ROW(SEATS_RELEASE, "release", HOLD, TRY, .gives_back = true) \
    /* sold becomes free */ \
    ROW(SEATS_REFUND, "refund", HOLD, TRY, .gives_back = true) \
    /* some of the sold seats become free */ \
    ROW(SEATS_RETURN, "refund", HOLD, TRY, .sends_returned = true, .gives_back = true) \
    /* would MOVE succeed? Sent before a saga begins */ \
    ROW(SEATS_MOVABLE, "movable", HOLD, TRY, .sends_seats = true, .reads_category = true) \
    ROW(PSP_CREATE, "create", PAYMENT, TRY, ) \
    ROW(PSP_READ, "read", PAYMENT, TRY, ) \
    ROW(PSP_CAPTURE, "capture", PAYMENT, TRY, ) \
    /* releases an authorisation */ \
    ROW(PSP_CANCEL, "cancel", PAYMENT, TRY, ) \
    /* returns the sum of order_refund() */ \
    ROW(PSP_REFUND, "refund", PAYMENT, TRY, ) \
    /* the visit's passes can hold no more seats */ \
    ROW(SEATS_SESSION_END, "end", SEATS_VISIT, COURTESY, .gives_back = true) \
    /* frees the visit's slot */ \
    ROW(SESSION_END, "end", LINE_VISIT, COURTESY, .gives_back = true)
/* clang-format on */

enum peer_op {
#define PEER_OP(NAME, WIRE, ABOUT, TIME, ...) PEER_##NAME,
    PEER_QUESTIONS(PEER_OP)
#undef PEER_OP
        PEER_OP_COUNT
};

/* Who answers, and what the request is about. */
enum peer_about {
    PEER_ABOUT_HOLD,        /* seat-service */
    PEER_ABOUT_SEATS_VISIT, /* seat-service, of a visit's pass */
    PEER_ABOUT_LINE_VISIT,  /* queue-front, of a visit's slot */
    PEER_ABOUT_PAYMENT,     /* the order's provider */
};

/* A row of the table of requests. */
struct peer_question {
    const char *name; /* on the wire */
    enum peer_about about;
    uint32_t most_ms;    /* timeout */
    bool sends_member;   /* sends the member, whose seat limit now applies */
    bool sends_purchase; /* sends what was bought, to be compared */
    bool sends_seats;    /* sends the old and the new seats */
    bool sends_returned; /* sends the returned seats, or how many places stay */
    bool gives_back;     /* not found means: already given back */
    /* What is read from an answer that is DONE. */
    bool reads_expiry, reads_places, reads_category;
    const char *only_no; /* the code of every refusal, whatever its reason; NULL: the peer's code */
};

const struct peer_question *peer_question(enum peer_op op);

/* What an answer of the seat service or the waiting room means to a saga. Status 0: no answer.
 * *code: in, the answer's own code or NULL; out, the verdict's code or NULL. */
enum saga_verdict peer_judge(enum peer_op op, unsigned status, const char **code);

enum payment_state {
    PAYMENT_OPEN,       /* waits for the buyer */
    PAYMENT_AUTHORISED, /* the buyer agreed; the money is reserved, not moved */
    PAYMENT_CAPTURED,
    PAYMENT_CANCELED,
    /* The browser brought a key that the provider does not show: only a capture can tell whether
     * the buyer has agreed. Only reads return this; no list contains it. */
    PAYMENT_HINTED,
};

/* Money that goes back, or that the buyer's bank claims. States only move up, because the
 * provider's list is unordered. */
enum payment_return {
    PAYMENT_RETURN_OPEN,
    PAYMENT_RETURN_DONE,   /* for a dispute: won */
    PAYMENT_RETURN_FAILED, /* for a dispute: lost */
};

/* Code of a FAILED capture: the buyer's agreement is missing or has lapsed, and no money moves. */
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

/* Owned by the caller and kept until on_done, which is called exactly once, and never from within
 * start. */
struct peer_call {
    enum peer_op op;
    const struct order *order;   /* borrowed */
    const struct moving *moving; /* for MOVE or RETURN; borrowed */
    uint64_t given_back;         /* for REFUND: how much was refunded already, as read before */
    uint32_t timeout_ms;
    const char *trace;
    void (*on_done)(struct peer_call *call);
    void *ctx;
    void *answerer; /* belongs to the answerer */
    bool again;     /* also the answerer's: the request was sent elsewhere before */
    /* answer */
    enum saga_verdict verdict;
    uint32_t retry_ms; /* the peer's Retry-After */
    bool key_burnt;    /* the provider keeps an error under our idempotency key */
    bool answered;     /* with UNKNOWN: the peer answered, but we had no memory to read it */
    bool unasked;      /* with UNKNOWN: not sent or cut off, for lack of room or memory here */
    char code[SAGA_CODE_MAX];
    char detail[SAGA_DETAIL_MAX];
    struct payment payment; /* a PSP call that is DONE */
    uint64_t expires_ms;    /* reads_expiry; 0: unknown */
    bool same_category;     /* reads_category: each new seat costs as much as its old one */
    char *places; /* reads_places: the places the hold has now, a JSON array as in seat_names.h;
                   * malloc()ed, the caller frees it */
};

struct peers {
    void (*start)(void *ctx, struct peer_call *call);
    void *ctx;
};

#endif
