/* bank.h: all objects, and the call on which both APIs are built.
 *
 * The bank is deterministic: calls_run() changes it and returns the answer; the time and the
 * randomness for ids are part of the call. The same sequence of calls gives the same bank, bit for
 * bit; that is how the journal restores it. One thread. */
#ifndef FG_PSP_SANDBOX_BANK_H
#define FG_PSP_SANDBOX_BANK_H

#include "base/json_in.h"
#include "base/rng.h"
#include "card.h"
#include "form.h"
#include "settings.h"

enum {
    BANK_ID_RANDOM = 24, /* characters behind an id's prefix; the last six are its place */
    BANK_ID_MAX = 40,    /* the longest prefix, the rest, a NUL */
    BANK_SECRET_MAX = 80,
};

enum kind {
    INTENT,
    CHARGE,
    REFUND,
    SESSION,
    EVENT,       /* Stripe's; or Toss's, which no API shows */
    PAYMENT,     /* Toss: a payment, */
    TRANSACTION, /* and what moved its money */
    KIND_COUNT,
};

struct kind_info {
    const char *name; /* Stripe's `object`; NULL: one of Toss's */
    const char *prefix;
    const char *id_member;
    /* Members that hold the id of another object, and may be expanded to it; ended by NULL. */
    struct kind_link {
        const char *member;
        enum kind to;
    } links[3];
};

extern const struct kind_info bank_kinds[KIND_COUNT];

struct object {
    char id[BANK_ID_MAX];
    uint32_t place; /* index in the list of its kind */
    enum kind kind;
    uint64_t created_s;
    unsigned status;         /* intent, session, payment: the enum of its module */
    json_t *shown;           /* as the API writes it; NULL: an event */
    json_t *hidden;          /* what the API does not show */
    const struct card *card; /* intent: for the next attempt; charge, payment: its own; or NULL */
    uint64_t until_s;        /* it runs out at this time (charge, session); 0: never */
    /* Only for an event: */
    const char *type; /* a literal */
    bool of_toss;
    bool pending; /* its webhook is not confirmed */
    char *text;   /* JSON at the time of the event; Stripe's without its closing brace */
};

/* Oldest first. Of events the newest are kept, and an older one's place is NULL. */
struct list {
    struct object **items;
    uint32_t count;
    uint32_t cap;
};

enum flavour {
    STRIPE, /* bearer key, form bodies, Stripe's errors */
    TOSS,   /* basic auth, JSON bodies, Toss's errors */
};

struct bank {
    const struct settings *settings;
    struct list lists[KIND_COUNT];
    json_t *orders;  /* Toss: orderId -> the keys of its payments, oldest first */
    json_t *kept[2]; /* by flavour: idempotency key -> {at, status, digest, body}, oldest first */
    struct text scratch; /* the answer being written */
};

struct call;

struct op {
    /* Pattern of the router; or a word for calls by the pages, the timer and the control API, which
     * have no key and build their forms here. */
    const char *route;
    const char *name; /* its name in faults */
    /* Any but CALL_GET may change the bank: idempotency keys apply, and it is journaled. */
    enum call_method { CALL_GET, CALL_POST, CALL_INTERNAL } method;
    enum flavour flavour;
    /* First checks, and may refuse without a trace (false). Then it changes things for good, or
     * refuses because of their state (true): the answer is stored under the key, and the call
     * belongs in the journal. */
    bool (*run)(struct call *call);
    enum kind kind; /* what stripe_get and stripe_list read, and what may be expanded */
};

struct call {
    const struct op *op;
    uint64_t at_us;      /* wall clock */
    uint64_t seed;       /* of every id this call makes */
    struct span id;      /* the path's parameter, or absent */
    struct span key;     /* Idempotency-Key, or absent */
    json_t *in;          /* the form, or Toss's JSON body */
    unsigned instead;    /* 0, or a status: answer so without running the call */
    unsigned afterwards; /* 0, or a status: run the call, but answer so */
    /* Set while it runs: */
    struct bank *bank;
    struct rng_seeded rng;
    uint64_t now_s;
    struct text *out; /* the answer's body */
    /* The result: */
    unsigned status;
    struct span body;          /* JSON; borrowed until the next call runs */
    bool replayed;             /* an earlier answer, under the same key */
    bool executed;             /* something may have changed: this call belongs in the journal */
    struct object *about;      /* the Toss payment that the buyer agreed to; or NULL */
    char request[BANK_ID_MAX]; /* req_...: for the Request-Id header and the events */
};

struct bank *bank_create(const struct settings *settings);
void bank_destroy(struct bank *bank);

/* ---- objects ---- */

/* Writes `prefix` and random characters, with room for both; for ids that are never looked up. */
void bank_id(struct call *call, const char *prefix, char *out);
/* A new object with its id and time; takes `shown`, which json_pack() made. */
struct object *bank_make(struct call *call, enum kind kind, json_t *shown);
struct object *bank_find(const struct bank *bank, enum kind kind, struct span id); /* or NULL */
/* The object whose id is in this member; NULL: the member is null. */
struct object *bank_linked(const struct bank *bank, const struct object *object,
                           const char *member);
/* The intent with this client secret, compared in constant time; or NULL. */
struct object *bank_find_secret(const struct bank *bank, struct span secret);

const char *bank_text(const struct object *object, const char *member); /* NULL: null */
int64_t bank_number(const struct object *object, const char *member);
const char *bank_hidden(const struct object *object, const char *member);
/* Changes these members; takes `members`, which json_pack() made. */
void bank_set(struct object *object, json_t *members);
void bank_hide(struct object *object, json_t *members);

/* The members to expand: "payment_intent", "payment_intent.latest_charge". */
struct expand {
    unsigned len;
    struct span paths[8];
};

/* `expand` may be NULL. */
void bank_put(struct text *out, const struct bank *bank, const struct object *object,
              const struct expand *expand);

/* ---- webhooks ---- */

/* Emits an event of this type about the object. */
void bank_emit(struct call *call, const char *type, const struct object *object);
/* The same about an object that is not stored; takes it. */
void bank_emit_json(struct call *call, const char *type, json_t *object);
/* Emits a Toss webhook; takes the body. */
void bank_notice(struct call *call, json_t *body);

/* ---- answers under idempotency keys ---- */

/* {status, digest, body} of a key that was used before; NULL: unused. */
const json_t *bank_kept(struct bank *bank, enum flavour flavour, struct span key, uint64_t now_s);
/* Stores the answer under the key, which must be unused. */
void bank_keep(struct call *call, enum flavour flavour, struct span key, const char *digest);

#endif
