/* object.h: one object of the bank: what an API writes of it as JSON, and what no API shows. */
#ifndef FG_PSP_SANDBOX_OBJECT_H
#define FG_PSP_SANDBOX_OBJECT_H

#include "base/json_in.h"
#include "core/card.h"
#include "core/ident.h"
#include "core/psp_limits.h"

enum kind {
    INTENT,
    CHARGE,
    REFUND,
    SESSION,
    EVENT,
    PAYMENT,     /* Toss: a payment, */
    TRANSACTION, /* what moved its money, */
    NOTICE,      /* and a webhook about it */
    KIND_COUNT,
    NO_KIND,
};

/* A member that holds the id of another object, and may be expanded to it. */
struct kind_link {
    const char *member;
    enum kind to;
};

struct kind_info {
    const char *name; /* Stripe's `object`; NULL: one of Toss's */
    const char *prefix;
    const char *id_member;
    struct kind_link links[3]; /* ended by NULL */
};

extern const struct kind_info kinds[KIND_COUNT];

/* An object of any kind but EVENT and NOTICE. */
struct object {
    char id[IDENT_MAX];
    uint64_t created_s;
    enum kind kind;
    unsigned status;         /* intent, session, payment: the enum of its module */
    json_t *shown;           /* as the API writes it */
    json_t *hidden;          /* what the API does not write: an object, or NULL */
    const struct card *card; /* intent: for the next attempt; charge, payment: its own; or NULL */
    uint64_t until_s;        /* it runs out at this time (charge, session); 0: never */
};

const char *object_text(const struct object *object, const char *member); /* NULL: null */
int64_t object_number(const struct object *object, const char *member);
void object_set(struct object *object, const char *member, json_t *value); /* takes the value */
void object_set_text(struct object *object, const char *member, const char *value);
void object_set_number(struct object *object, const char *member, int64_t value);
void object_set_null(struct object *object, const char *member);
const char *object_meta(const struct object *object, const char *key); /* NULL: not there */
const char *object_hidden(const struct object *object, const char *member);
void object_hide(struct object *object, const char *member, json_t *value); /* takes it */

#endif
