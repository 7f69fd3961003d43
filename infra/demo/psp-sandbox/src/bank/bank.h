/* bank.h: every object there is, and the call and the answer from which the two APIs are built.
 *
 * The bank is a pure function with a memory: counter_run(call) changes it and says what to answer;
 * the time and the randomness for ids are part of the call. The same calls in the same sequence
 * give the same bank, bit for bit; that is how the journal restores it. One thread. */
#ifndef FG_PSP_SANDBOX_BANK_H
#define FG_PSP_SANDBOX_BANK_H

#include "base/err.h"
#include "base/rng.h"
#include "base/text.h"
#include "core/form.h"
#include "core/intent.h"

struct op;
struct idem;
struct strmap;

#define BANK_API_VERSION "2026-10-28.endive" /* what events are written as */

/* Objects of one kind, oldest first; an object's place is in its id. */
struct list {
    void **items;
    uint32_t count;
    uint32_t cap;
};

/* What every Stripe object begins with. */
struct object {
    char id[IDENT_MAX];
    uint64_t created_s;
};

struct charge {
    char id[IDENT_MAX];
    uint64_t created_s;
    char payment_method[IDENT_MAX];
    uint32_t intent;
    int64_t amount;
    int64_t captured_amount;
    int64_t refunded;
    uint64_t capture_before_s; /* 0: captured at once, or refused */
    const struct card *card;
    bool approved;
    bool captured;
    bool released; /* given back before it was captured */
    bool expired;
    bool disputed; /* the buyer's bank has the money, for the time being or for good */
};

enum session_status { SESSION_OPEN, SESSION_COMPLETE, SESSION_EXPIRED };

/* A page on which one payment is made: what it is for, and where its buyer goes afterwards. */
struct session {
    char id[IDENT_MAX];
    uint64_t created_s;
    enum session_status status;
    uint32_t intent; /* created when the page is first submitted; or INTENT_NONE */
    enum intent_capture capture_method;
    char currency[4];
    int64_t amount; /* of all its lines */
    uint64_t expires_s;
    const char *locale; /* a literal, or NULL */
    struct meta meta, intent_meta;
    char *name; /* of its first line; malloced, as the next three */
    char *success_url;
    char *cancel_url; /* or NULL */
    char *reference;  /* or NULL */
};

struct refund {
    char id[IDENT_MAX];
    uint64_t created_s;
    uint32_t charge;
    int64_t amount;
    const char *reason; /* a literal, or NULL */
    struct meta meta;
    bool failed; /* it bounced: the money is the shop's again */
};

struct event {
    char id[IDENT_MAX];
    uint64_t created_s;
    const char *type; /* a literal */
    uint32_t intent;
    uint16_t pending;        /* endpoints that have not confirmed it; a bit is a place */
    uint16_t undelivered;    /* endpoints that were given up on, or that a fault skipped */
    uint16_t owed;           /* endpoints for whose webhook there was no memory yet */
    char request_key[64];    /* the call's idempotency key, cut; empty: none */
    char request[IDENT_MAX]; /* the call's id */
    uint32_t object_len;
    char object[]; /* data.object as it was then */
};

struct endpoint {
    char id[IDENT_MAX];
    uint64_t created_s;
    char secret[IDENT_SECRET_MAX];
    char *url;
    char *description; /* or NULL */
    char *events;      /* "a,b,c", or "*" */
    struct meta meta;
    bool deleted;
};

enum payment_status {
    PAYMENT_IN_PROGRESS, /* the buyer has agreed, nothing is taken yet */
    PAYMENT_DONE,
    PAYMENT_PARTIAL_CANCELED,
    PAYMENT_CANCELED,
    PAYMENT_ABORTED, /* the card was refused at confirm */
    PAYMENT_EXPIRED,
    PAYMENT_WAITING_FOR_DEPOSIT, /* an account was opened, and nothing has come in yet */
    PAYMENT_STATUS_COUNT,
};

struct payment {
    char key[IDENT_MAX];
    char order[TOSS_ORDER_ID_MAX + 1];
    char *order_name;
    enum payment_status status;
    const struct card *card; /* NULL: by transfer to a virtual account */
    int64_t amount;
    int64_t balance; /* what is left of it after cancels */
    uint64_t requested_ms;
    uint64_t approved_ms;        /* 0: not */
    uint32_t older;              /* the same order's attempt before this, or PAYMENT_NONE */
    char transaction[IDENT_MAX]; /* of the latest change */
    char secret[IDENT_MAX];      /* proves its deposit webhook */
    unsigned cancels_len;
    struct payment_cancel {
        char transaction[IDENT_MAX];
        int64_t amount;
        int64_t left;
        uint64_t at_ms;
        char *reason;
    } * cancels;
};

/* Toss: money was taken, or some of it given back. */
struct transaction {
    char key[IDENT_MAX];
    const struct payment *payment; /* borrowed: payments live as long as the bank */
    enum payment_status status;    /* as it was then */
    int64_t amount;                /* of this one */
    uint64_t at_ms;
};

#define PLACE_NONE   UINT32_MAX /* in any list */
#define PAYMENT_NONE PLACE_NONE

/* Totals of everything that happened, for the ledger and the metrics. */
struct bank_counts {
    uint64_t calls;
    uint64_t replays;
    uint64_t captures;
    uint64_t refunds;
    uint64_t declines;
    uint64_t toss_confirms;
    uint64_t toss_cancels;
};

struct bank_conf {
    uint64_t capture_window_s;
    const char *public_url; /* borrowed: where the hosted pages are, without a slash at the end */
    /* The endpoint that the configuration names; it has place 0 even if there is none (NULL), so
     * that the others keep their places when the configuration changes. */
    const char *webhook_url;
    const char *webhook_secret; /* borrowed until bank_create() is through */
};

struct bank {
    struct bank_conf conf;
    struct list intents, charges, refunds, events, endpoints, sessions;
    struct list payments, notices; /* Toss: payments, and what its webhooks say of them */
    struct list transactions;      /* Toss: what moved money */
    struct strmap *orders;         /* Toss: orderId -> its newest payment */
    struct idem *idem[2];          /* Stripe's keys and Toss's */
    struct bank_counts counts;
    struct text scratch; /* the answer being written */
    struct text object;  /* an event's object being written */
    struct form form;    /* the call being read */
};

struct call {
    const struct op *op;
    uint64_t at_us; /* wall clock */
    uint64_t seed;  /* of every id this call makes */
    struct span id; /* the path's parameter, or absent */
    struct span query;
    struct span body;
    struct span key;     /* Idempotency-Key, or absent */
    unsigned instead;    /* 0, or a status: do nothing and answer so */
    unsigned afterwards; /* 0, or a status: do it, but answer so */
    int fault_slot;      /* which fault of the intent's metadata struck; -1: none */
};

struct answer {
    unsigned status;
    struct span body;        /* JSON; borrowed until the next counter_run() */
    bool replayed;           /* it was given before, under the same key */
    bool executed;           /* something may have changed: this call belongs in the journal */
    uint32_t intent;         /* the one that it was about, or INTENT_NONE */
    uint32_t payment;        /* the Toss payment that it was about, or PAYMENT_NONE */
    char request[IDENT_MAX]; /* req_...: for the Request-Id header and the events */
};

int bank_create(const struct bank_conf *conf, struct err_slot *err, struct bank **out);
void bank_destroy(struct bank *bank);

/* ---- for the APIs ---- */

/* What an op works with: ids come from rng, times from now_s. */
struct desk_call {
    struct bank *bank;
    const struct call *call;
    const struct form *form; /* query and body, if the op reads forms */
    const struct rng *rng;
    uint64_t now_s;
    struct text *out; /* the answer's body */
    struct answer *answer;
};

struct intent *bank_intent(const struct bank *bank, uint32_t place);
struct session *bank_session(const struct bank *bank, uint32_t place);
struct charge *bank_charge(const struct bank *bank, uint32_t place);
struct event *bank_event(const struct bank *bank, uint32_t place); /* NULL: dropped */
struct endpoint *bank_endpoint(const struct bank *bank, uint32_t place);
struct payment *bank_payment(const struct bank *bank, uint32_t place);

/* By id; NULL if unknown. *place may be NULL. The prefix is that of the list's ids. */
void *bank_find(const struct list *list, struct span id, const char *prefix, uint32_t *place);
struct intent *bank_find_intent(const struct bank *bank, struct span id, uint32_t *place);
struct session *bank_find_session(const struct bank *bank, struct span id, uint32_t *place);
struct charge *bank_find_charge(const struct bank *bank, struct span id, uint32_t *place);
struct refund *bank_find_refund(const struct bank *bank, struct span id, uint32_t *place);
struct event *bank_find_event(const struct bank *bank, struct span id, uint32_t *place);
struct endpoint *bank_find_endpoint(const struct bank *bank, struct span id, uint32_t *place);
struct payment *bank_find_payment(const struct bank *bank, struct span key, uint32_t *place);
struct transaction *bank_find_transaction(const struct bank *bank, struct span key,
                                          uint32_t *place);
/* By the client secret, compared in constant time. */
struct intent *bank_find_secret(const struct bank *bank, struct span secret, uint32_t *place);

void bank_session_free(struct session *session); /* NULL is fine */

/* Takes `item`, whose id names the place `list->count`. */
int bank_add(struct list *list, void *item, struct err_slot *err);

/* The place of an item that is due by now_s, searched from *cursor on in a bounded step;
 * PLACE_NONE: none among those. */
uint32_t bank_sweep(const struct bank *bank, const struct list *list, uint32_t *cursor,
                    uint64_t now_s,
                    bool (*is_due)(const struct bank *bank, uint32_t place, uint64_t now_s));

/* The text in which the object of the next event is written. */
struct text *bank_object(struct desk_call *at);
/* An event of this type about that object, for every endpoint that wants it. */
void bank_emit(struct desk_call *at, const char *type, uint32_t intent);
/* A Toss webhook about that object, for the one address that the configuration names. */
void bank_notice(struct desk_call *at);

/* A NUL-terminated copy, or NULL when out of memory. */
char *bank_copy(struct span text);

#endif
