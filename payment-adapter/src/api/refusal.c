/* refusal.c: answers with a row of the list plus what the request adds. No other file of this
 * service writes a problem document, so a code means the same everywhere. */
#include "api/refusal.h"

#include "api/plain.h"
#include "base/bug.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum { DETAIL_MAX = 512 };

static const struct refusal_row rows[REFUSAL_COUNT] = {
#define ROW(NAME, CODE, STATUS, RETRY_S, WHO, DETAIL)                                              \
    [REFUSAL_##NAME] = {STATUS, CODE, RETRY_S, REFUSAL_MEETS_##WHO, DETAIL},
    REFUSALS(ROW)
#undef ROW
};

const struct refusal_row *refusal_row(enum refusal refusal)
{
    assert(refusal < REFUSAL_COUNT);
    return &rows[refusal];
}

static void answer(struct http_req *req, const struct refusal_row *row, const char *detail,
                   unsigned retry_after_s)
{
    assert(detail[0] != '\0');
    assert((retry_after_s > 0) == (row->retry_after_s > 0));
    if (plain_refuse(req, row->code, retry_after_s))
        return;
    http_problem_reply(req, &(struct http_problem){.status = row->status,
                                                   .code = row->code,
                                                   .detail = detail,
                                                   .retry_after_s = retry_after_s});
}

void refusal_reply(struct http_req *req, enum refusal refusal)
{
    const struct refusal_row *row = refusal_row(refusal);
    answer(req, row, row->detail, row->retry_after_s);
}

void refusal_say(struct http_req *req, enum refusal refusal, const char *detail, ...)
{
    const struct refusal_row *row = refusal_row(refusal);
    char text[DETAIL_MAX];
    va_list args;
    assert(row->detail[0] == '\0');
    va_start(args, detail);
    vsnprintf(text, sizeof(text), detail, args);
    va_end(args);
    answer(req, row, text, row->retry_after_s);
}

void refusal_wait(struct http_req *req, enum refusal refusal, unsigned retry_after_s)
{
    const struct refusal_row *row = refusal_row(refusal);
    answer(req, row, row->detail, retry_after_s);
}

enum refusal refusal_of(struct span code, const enum refusal *of, unsigned len)
{
    assert(len > 0);
    for (unsigned i = 0; i < len; i++) {
        if (span_eq(code, span_of(refusal_row(of[i])->code)))
            return of[i];
    }
    BUG_COUNT("refusal-of-unknown-code");
    return of[0];
}
