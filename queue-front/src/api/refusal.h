/* refusal.h: answers a request with a row of refusals.h. */
#ifndef FG_QUEUE_FRONT_REFUSAL_H
#define FG_QUEUE_FRONT_REFUSAL_H

#include "api/refusals.h"
#include "http/http.h"

struct refusal_row {
    unsigned status;
    const char *code;
    unsigned retry_after_s; /* 0: no Retry-After */
    const char *notice;     /* "": not shown on the waiting page */
    const char *detail;     /* "": supplied by the caller */
};
const struct refusal_row *refusal_row(enum refusal refusal);

void refusal_reply(struct http_req *req, enum refusal refusal);
/* For a row without a detail. */
void refusal_say(struct http_req *req, enum refusal refusal, const char *detail, ...)
    __attribute__((format(printf, 3, 4)));

struct refusal_more { /* details of this request; 0 and NULL: use the row's */
    const char *detail;
    struct span members; /* as in http_problem */
    struct span headers;
    unsigned retry_after_s;
};
void refusal_reply_more(struct http_req *req, enum refusal refusal,
                        const struct refusal_more *more);

#endif
