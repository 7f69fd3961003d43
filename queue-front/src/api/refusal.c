/* refusal.c: answers with a row of the list plus the request's details. No other file writes a
 * problem document, so a code means the same everywhere. */
#include "api/refusal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum { DETAIL_MAX = 512 };

static const struct refusal_row rows[REFUSAL_COUNT] = {
#define ROW(NAME, CODE, STATUS, RETRY_S, NOTICE, DETAIL)                                           \
    [REFUSAL_##NAME] = {STATUS, CODE, RETRY_S, NOTICE, DETAIL},
    REFUSALS(ROW)
#undef ROW
};

const struct refusal_row *refusal_row(enum refusal refusal)
{
    assert(refusal < REFUSAL_COUNT);
    return &rows[refusal];
}

void refusal_reply_more(struct http_req *req, enum refusal refusal, const struct refusal_more *more)
{
    const struct refusal_row *row = refusal_row(refusal);
    struct http_problem problem = {
        .status = row->status,
        .code = row->code,
        .detail = more->detail != NULL ? more->detail : row->detail,
        .members = more->members,
        .headers = more->headers,
        .retry_after_s = more->retry_after_s > 0 ? more->retry_after_s : row->retry_after_s,
    };
    assert(problem.detail[0] != '\0');
    http_problem_reply(req, &problem);
}

void refusal_reply(struct http_req *req, enum refusal refusal)
{
    refusal_reply_more(req, refusal, &(struct refusal_more){.detail = NULL});
}

void refusal_say(struct http_req *req, enum refusal refusal, const char *detail, ...)
{
    char text[DETAIL_MAX];
    va_list args;
    assert(refusal_row(refusal)->detail[0] == '\0');
    va_start(args, detail);
    vsnprintf(text, sizeof(text), detail, args);
    va_end(args);
    refusal_reply_more(req, refusal, &(struct refusal_more){.detail = text});
}
