/* bank.h: every object there is, and the call and the answer from which the two APIs are built.
 *
 * The bank is a pure function with a memory: counter_run(call) changes it and says what to answer;
 * the time and the randomness for ids are part of the call. The same calls in the same sequence
 * give the same bank, bit for bit; that is how the journal restores it. One thread. */
#ifndef FG_PSP_SANDBOX_BANK_H
#define FG_PSP_SANDBOX_BANK_H

#include "bank/form.h"
#include "bank/object.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/text.h"
#include "core/idem.h"

struct op;

#define BANK_API_VERSION "2026-10-28.endive" /* what events are written as */

struct event {
    char id[IDENT_MAX];
    const char *type; /* a literal */
    bool pending;     /* its webhook is not confirmed */
    char *text;       /* JSON as it was then; of an event without its closing brace */
};

/* Oldest first; an object's place is in its id. Of events and notices the newest are kept, and an
 * older one's place is NULL. */
struct list {
    void **items;
    uint32_t count;
    uint32_t cap;
};

/* Totals of everything that happened, for the ledger. */
struct bank_counts {
    uint64_t calls;
    uint64_t replays;
    uint64_t captures;
    uint64_t refunds;
    uint64_t declines;
};

struct bank_conf {
    uint64_t capture_window_s;
    const char *public_url; /* borrowed: where the hosted pages are, without a slash at the end */
    bool has_webhook;       /* events go to an address that the configuration names */
};

struct bank {
    struct bank_conf conf;
    struct list lists[KIND_COUNT];
    json_t *orders;      /* Toss: orderId -> the places of its payments, oldest first */
    struct idem idem[2]; /* by enum op_flavour */
    struct bank_counts counts;
    struct text scratch; /* the answer being written */
};

struct call {
    const struct op *op;
    enum kind kind;      /* what the op reads, if it reads one kind */
    uint64_t at_us;      /* wall clock */
    uint64_t seed;       /* of every id this call makes */
    struct span id;      /* the path's parameter, or absent */
    struct span key;     /* Idempotency-Key, or absent */
    json_t *in;          /* the form, or Toss's JSON body; borrowed */
    unsigned instead;    /* 0, or a status: do nothing and answer so */
    unsigned afterwards; /* 0, or a status: do it, but answer so */
};

struct answer {
    unsigned status;
    struct span body;        /* JSON; borrowed until the next counter_run() */
    bool replayed;           /* it was given before, under the same key */
    bool executed;           /* something may have changed: this call belongs in the journal */
    struct object *about;    /* the Toss payment that the buyer agreed to; or NULL */
    char request[IDENT_MAX]; /* req_...: for the Request-Id header and the events */
};

/* What an op works with: ids come from rng, times from now_s. */
struct desk_call {
    struct bank *bank;
    const struct call *call;
    const struct rng *rng;
    uint64_t now_s;
    struct text *out; /* the answer's body */
    struct answer *answer;
};

struct bank *bank_create(const struct bank_conf *conf);
void bank_destroy(struct bank *bank);

/* ---- objects ---- */

/* A new object with its id and time; takes `shown`, which json_pack() made. */
struct object *bank_make(struct desk_call *at, enum kind kind, json_t *shown);
/* By id; NULL if unknown. Events and notices have the place only. */
void *bank_find(const struct bank *bank, enum kind kind, struct span id);
/* The one whose id is in this member; NULL: the member is null. */
struct object *bank_linked(const struct bank *bank, const struct object *object,
                           const char *member);
/* The intent with this client secret, compared in constant time; or NULL. */
struct object *bank_find_secret(const struct bank *bank, struct span secret);

/* The members to expand: "payment_intent", "payment_intent.latest_charge". */
struct expand {
    unsigned len;
    struct span paths[8];
};

void bank_put(struct text *out, const struct bank *bank, const struct object *object,
              const struct expand *expand); /* expand may be NULL */
void bank_put_event(struct text *out, const struct event *event);

/* ---- webhooks ---- */

/* An event of this type about the object. */
void bank_emit(struct desk_call *at, const char *type, const struct object *object);
/* The same about an object that is kept nowhere; takes it. */
void bank_emit_json(struct desk_call *at, const char *type, json_t *object);
/* A Toss webhook, for the one address that the configuration names; takes the body. */
void bank_notice(struct desk_call *at, json_t *body);

#endif
