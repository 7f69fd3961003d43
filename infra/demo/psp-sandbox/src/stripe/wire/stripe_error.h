/* stripe_error.h: errors in Stripe's form: a status, a type that follows from it, a code. */
#ifndef FG_PSP_SANDBOX_STRIPE_ERROR_H
#define FG_PSP_SANDBOX_STRIPE_ERROR_H

#include "bank/bank.h"

struct stripe_error {
    unsigned status;
    const char *type; /* NULL: what the status says */
    const char *code; /* NULL: none, as the next four */
    const char *param;
    const struct card *refusal;  /* a card error: its code */
    const struct object *charge; /* of a card error */
    const struct object *intent; /* written whole, inside the error */
};

/* Discards what the answer holds and writes the error. */
void stripe_fail_with(struct desk_call *at, const struct stripe_error *error, const char *format,
                      ...) __attribute__((format(printf, 3, 4)));
/* The same with 400. `code` and `param` may be NULL. */
void stripe_fail(struct desk_call *at, const char *code, const char *param, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Stripe's words for a status that says it all: 401, 429, 500, ... */
void stripe_fail_status(struct desk_call *at, unsigned status);
/* 404 for an id (in the path), 400 where it came as a parameter. */
void stripe_fail_missing(struct desk_call *at, const char *what, struct span id, const char *param);

/* The body without a call: for what is refused before there is one. */
void stripe_error_put(struct text *out, const struct stripe_error *error, const char *message);

/* A refused card, as in an error and as last_payment_error. */
json_t *stripe_refusal(const struct card *refusal);

#endif
