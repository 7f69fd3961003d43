/* operators.h: tokens of the private listener, one per operator, so that the audit trail has a name
 * that a token proved and not one that somebody typed.
 *
 * Threading: created on any thread, read-only afterwards. */
#ifndef FG_SERVICE_OPERATORS_H
#define FG_SERVICE_OPERATORS_H

#include "base/err.h"
#include "base/span.h"

enum {
    OPERATORS_MAX = 64, /* tokens; each is compared with the request's token */
    OPERATORS_NAME_BYTES_MAX = 64,
    OPERATORS_TOKEN_BYTES_MIN = 16, /* shorter ones can be guessed */
    OPERATORS_TOKEN_BYTES_MAX = 256,
};

struct operators;

/* Reads a secret file: "NAME TOKEN" per line; a name has letters, digits and "._@-". A name may
 * have two tokens, for rotation; no token has two names. */
int operators_read(const char *path, struct err_slot *err, struct operators **out);
void operators_destroy(struct operators *operators); /* wipes them */

/* The name of the token's owner; NULL if unknown. Borrowed until operators_destroy(). */
const char *operators_name(const struct operators *operators, struct span shown);

#endif
