/* stripe_error.c: an error throws away whatever the answer already holds, so a half-written object
 * never goes out under a 4xx. The type follows from the status unless the error names one. */
#include "stripe/wire/stripe_error.h"

#include "core/must.h"

#include <stdarg.h>
#include <stdio.h>

static const char *type_of(unsigned status)
{
    if (status == 402)
        return "card_error";
    if (status == 429)
        return "rate_limit_error";
    return status >= 500 ? "api_error" : "invalid_request_error";
}

static json_t *error_json(const struct stripe_error *error, const char *message)
{
    char doc_url[128];
    const struct card *refusal = error->refusal;
    const char *code = refusal != NULL ? refusal->code : error->code;
    snprintf(doc_url, sizeof(doc_url), "https://stripe.com/docs/error-codes/%s",
             code != NULL ? code : "");
    json_t *json =
        json_pack("{s:s*,s:s*,s:s*,s:s*,s:s*,s:s,s:s}", "charge",
                  error->charge != NULL ? error->charge->id : NULL, "code", code, "decline_code",
                  refusal != NULL ? refusal->decline : NULL, "doc_url",
                  code != NULL ? doc_url : NULL, "param", error->param, "message", message, "type",
                  error->type != NULL ? error->type : type_of(error->status));
    if (json == NULL) /* what the caller sent is no UTF-8 */
        return error_json(error, "The request is not valid.");
    if (error->intent != NULL)
        json_object_set(json, "payment_intent", error->intent->shown);
    return json;
}

json_t *stripe_refusal(const struct card *refusal)
{
    return error_json(&(struct stripe_error){.status = 402, .refusal = refusal}, refusal->says);
}

void stripe_error_put(struct text *out, const struct stripe_error *error, const char *message)
{
    json_t *json = must(json_pack("{s:o}", "error", error_json(error, message)));
    json_in_put(out, json);
    json_decref(json);
}

static void fail(struct desk_call *at, const struct stripe_error *error, const char *format,
                 va_list args)
{
    char message[1024];
    vsnprintf(message, sizeof(message), format, args);
    *at->out = text_on(at->out->ptr, at->out->cap);
    stripe_error_put(at->out, error, message);
    at->answer->status = error->status;
}

void stripe_fail_with(struct desk_call *at, const struct stripe_error *error, const char *format,
                      ...)
{
    va_list args;
    va_start(args, format);
    fail(at, error, format, args);
    va_end(args);
}

void stripe_fail(struct desk_call *at, const char *code, const char *param, const char *format, ...)
{
    const struct stripe_error error = {.status = 400, .code = code, .param = param};
    va_list args;
    va_start(args, format);
    fail(at, &error, format, args);
    va_end(args);
}

void stripe_fail_status(struct desk_call *at, unsigned status)
{
    struct stripe_error error = {.status = status};
    const char *words = "An unknown error occurred";
    if (status == 404) {
        error.code = "resource_missing";
        words = "No such object";
    } else if (status == 401 || status == 403) {
        words = "The key does not open this account.";
    } else if (status == 429) {
        error.code = "rate_limit";
        words = "Too many requests hit the API too quickly. We recommend an exponential backoff of "
                "your requests.";
    }
    stripe_fail_with(at, &error, "%s", words);
}

void stripe_fail_missing(struct desk_call *at, const char *what, struct span id, const char *param)
{
    char shown[100];
    const struct stripe_error error = {
        .status = param == NULL ? 404 : 400,
        .code = "resource_missing",
        .param = param != NULL ? param : "id",
    };
    span_to_cstr_cut(id, shown, sizeof(shown));
    stripe_fail_with(at, &error, "No such %s: '%s'", what, shown);
}
