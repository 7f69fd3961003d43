/* stripe_error.h: errors in Stripe's form: a status, a type that follows from it, a code. */
#ifndef FG_PSP_SANDBOX_STRIPE_ERROR_H
#define FG_PSP_SANDBOX_STRIPE_ERROR_H

#include "bank/bank.h"

struct stripe_error {
    unsigned status;
    const char *type; /* NULL: what the status says */
    const char *code; /* NULL: none, as the next three */
    const char *param;
    const struct card *refusal;  /* a card error: its code and words; the format is "%s" of them */
    const struct charge *charge; /* of a card error */
    const struct intent *intent; /* written whole, inside the error */
};

/* Discards what the answer holds and writes the error. */
void stripe_fail(struct desk_call *at, const struct stripe_error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Stripe's words for a status that says it all: 401, 409, 429, 500, ... */
void stripe_fail_status(struct desk_call *at, unsigned status);

/* 404 for an id (in the path), 400 where it came as a parameter. */
void stripe_fail_missing(struct desk_call *at, const char *what, struct span id, const char *param);

/* The same body without a call: for what is refused before there is one. */
void stripe_error_put(struct text *out, unsigned status, const char *type, const char *code,
                      const char *message);

#endif
