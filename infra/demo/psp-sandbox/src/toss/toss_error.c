/* toss_error.c: an error discards whatever the answer already holds, so a half-written object never
 * goes out with it. Most callers name Toss's code and sentence themselves; for a bare status (a
 * fault, a refusal in front of the API) the table has what Toss answers with it. */
#include "toss/toss_error.h"

void toss_error_put(struct text *out, const char *code, const char *message)
{
    json_open(out, '{');
    json_member_cstr(out, "code", code);
    json_member_cstr(out, "message", message);
    json_close(out, '}');
}

void toss_fail(struct desk_call *at, unsigned status, const char *code, const char *message)
{
    struct text *out = at->out;
    *out = text_on(out->ptr, out->cap);
    toss_error_put(out, code, message);
    at->answer->status = status;
}

void toss_fail_status(struct desk_call *at, unsigned status)
{
    static const struct {
        unsigned status;
        const char *code, *message;
    } known[] = {
        {400, "PROVIDER_ERROR", "This is a temporary error. Try again in a few minutes."},
        {401, "UNAUTHORIZED_KEY", "The key is not known."},
        {403, "FORBIDDEN_REQUEST", "The request is not allowed."},
        {404, "NOT_FOUND_PAYMENT", "No such payment."},
        {429, "TOO_MANY_REQUESTS", "Too many requests. Try again later."},
    };
    size_t i = 0;
    while (i < sizeof(known) / sizeof(known[0]) && known[i].status != status)
        i++;
    if (i < sizeof(known) / sizeof(known[0]))
        toss_fail(at, status, known[i].code, known[i].message);
    else
        toss_fail(at, status, "FAILED_INTERNAL_SYSTEM_PROCESSING",
                  "The internal system failed. Try again in a while.");
}
