/* refusal.h: answers a request with a row of refusals.h. */
#ifndef FG_PAY_REFUSAL_H
#define FG_PAY_REFUSAL_H

#include "api/refusals.h"
#include "http/http.h"

struct refusal_row {
    unsigned status;
    const char *code;
    unsigned retry_after_s; /* 0: no Retry-After */
    enum refusal_meets who;
    const char *detail; /* "": the caller writes it */
};

const struct refusal_row *refusal_row(enum refusal refusal);

void refusal_reply(struct http_req *req, enum refusal refusal);
/* For rows without a detail. */
void refusal_say(struct http_req *req, enum refusal refusal, const char *detail, ...)
    __attribute__((format(printf, 3, 4)));
/* For rows with a Retry-After, where the request has a better one. */
void refusal_wait(struct http_req *req, enum refusal refusal, unsigned retry_after_s);

/* The first of the `len` rows with this code, as returned by a statement; for an unknown code, the
 * first row. */
enum refusal refusal_of(struct span code, const enum refusal *rows, unsigned len);

#endif
