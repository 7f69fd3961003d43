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
    const char *detail; /* "": the caller says it */
};

const struct refusal_row *refusal_row(enum refusal refusal);

void refusal_reply(struct http_req *req, enum refusal refusal);
/* For a row without a detail. */
void refusal_say(struct http_req *req, enum refusal refusal, const char *detail, ...)
    __attribute__((format(printf, 3, 4)));
/* For a row with a Retry-After, where the request knows it better. */
void refusal_wait(struct http_req *req, enum refusal refusal, unsigned retry_after_s);

/* The first row of `rows`, of which there are `len`, with this code, as a statement returns it;
 * what is none of them is the first. */
enum refusal refusal_of(struct span code, const enum refusal *rows, unsigned len);

#endif
