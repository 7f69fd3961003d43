/* operators.h: tokens of the private listener, one per operator, so that the audit trail holds a
 * name that a token proved and not one that somebody typed.
 *
 * Threading: read on any thread, then only looked at. */
#ifndef FG_SERVICE_OPERATORS_H
#define FG_SERVICE_OPERATORS_H

#include "base/err.h"
#include "base/span.h"

enum {
    OPERATORS_MAX = 64, /* tokens; each is compared with what a request shows */
    OPERATORS_NAME_BYTES_MAX = 64,
    OPERATORS_TOKEN_BYTES_MIN = 16, /* shorter can be guessed */
    OPERATORS_TOKEN_BYTES_MAX = 256,
};

struct operators;

/* Of a secret file: "NAME TOKEN" a line, a name of letters, digits and "._@-". A name may have two
 * tokens, so that one can follow the other; no token has two names. */
int operators_read(const char *path, struct err_slot *err, struct operators **out);
void operators_destroy(struct operators *operators); /* wipes them */

/* Whose token it is; NULL: nobody's. Borrowed until operators_destroy(). */
const char *operators_name(const struct operators *operators, struct span shown);

#endif
