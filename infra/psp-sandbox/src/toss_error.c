/* toss_error.c: see toss_error.h. */
#include "toss_error.h"

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
    if (status == 429)
        toss_fail(at, status, "TOO_MANY_REQUESTS", "Too many requests. Try again later.");
    else
        toss_fail(at, status, "FAILED_INTERNAL_SYSTEM_PROCESSING",
                  "The internal system failed. Try again in a while.");
}
