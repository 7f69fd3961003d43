/* error.c: an error discards whatever the answer already holds, so a half-written object never goes
 * out with a 4xx. The type follows from the status unless the error names one. */
#include "must.h"
#include "stripe/stripe_internal.h"

#include <stdarg.h>
#include <stdio.h>

static json_t *error_json(const struct stripe_error *error, const char *message)
{
    const struct card *refusal = error->refusal;
    unsigned status = error->status;
    const char *type = status == 402   ? "card_error"
                       : status == 429 ? "rate_limit_error"
                       : status >= 500 ? "api_error"
                                       : "invalid_request_error";
    json_t *json = json_pack("{s:s*,s:s*,s:s*,s:s*,s:s,s:s}", "charge",
                             error->charge != NULL ? error->charge->id : NULL, "code",
                             refusal != NULL ? refusal->code : error->code, "decline_code",
                             refusal != NULL ? refusal->decline : NULL, "param", error->param,
                             "message", message, "type", error->type != NULL ? error->type : type);
    if (json == NULL) /* the caller sent invalid UTF-8 */
        return error_json(error, "The request is not valid.");
    if (error->intent != NULL)
        json_object_set(json, "payment_intent", error->intent->shown);
    return json;
}

json_t *error_refusal(const struct card *refusal)
{
    return error_json(&(struct stripe_error){.status = 402, .refusal = refusal}, refusal->says);
}

void stripe_error_put(struct text *out, const struct stripe_error *error, const char *message)
{
    json_t *json = must(json_pack("{s:o}", "error", error_json(error, message)));
    json_in_put(out, json);
    json_decref(json);
}

bool stripe_fail_with(struct call *call, const struct stripe_error *error, const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    *call->out = text_on(call->out->ptr, call->out->cap);
    stripe_error_put(call->out, error, message);
    call->status = error->status;
    return false;
}

bool error_missing(struct call *call, const char *what, struct span id, const char *param)
{
    char shown[100];
    const struct stripe_error error = {
        .status = param == NULL ? 404 : 400,
        .code = "resource_missing",
        .param = param != NULL ? param : "id",
    };
    span_to_cstr_cut(id, shown, sizeof(shown));
    return stripe_fail_with(call, &error, "No such %s: '%s'", what, shown);
}
