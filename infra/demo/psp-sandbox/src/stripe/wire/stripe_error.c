/* stripe_error.c: an error throws away whatever the answer already holds, so a half-written object
 * never goes out under a 4xx. The type follows from the status unless the error names one; a card's
 * refusal brings its codes and its sentence from the table of cards. */
#include "stripe/wire/stripe_error.h"

#include "stripe/wire/object.h"

#include <stdarg.h>

static const char *type_of(unsigned status)
{
    if (status == 402)
        return "card_error";
    if (status == 429)
        return "rate_limit_error";
    return status >= 500 ? "api_error" : "invalid_request_error";
}

static void put_code(struct text *out, const char *code)
{
    json_member_cstr(out, "code", code);
    text_printf(out, ",\"doc_url\":\"https://stripe.com/docs/error-codes/%s\"", code);
}

void stripe_fail(struct desk_call *at, const struct stripe_error *error, const char *format, ...)
{
    char words[1024];
    struct text message = text_on(words, sizeof(words));
    va_list args;
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    if (message.overflown)
        TEXT_LIT(&message, "The request is not valid.");

    struct text *out = at->out;
    *out = text_on(out->ptr, out->cap);
    json_open(out, '{');
    json_key(out, "error");
    json_open(out, '{');
    if (error->charge != NULL)
        json_member_cstr(out, "charge", error->charge->id);
    if (error->refusal != NULL) {
        object_put_refusal(out, error->refusal);
    } else {
        if (error->code != NULL)
            put_code(out, error->code);
        json_member_str(out, "message", text_span(&message));
        json_member_cstr(out, "type", error->type != NULL ? error->type : type_of(error->status));
    }
    if (error->param != NULL)
        json_member_cstr(out, "param", error->param);
    if (error->intent != NULL) {
        json_key(out, "payment_intent");
        object_put_intent(out, at->bank, error->intent, 0);
    }
    json_close(out, '}');
    json_close(out, '}');
    at->answer->status = error->status;
}

void stripe_error_put(struct text *out, unsigned status, const char *type, const char *code,
                      const char *message)
{
    json_open(out, '{');
    json_key(out, "error");
    json_open(out, '{');
    if (code != NULL)
        put_code(out, code);
    json_member_cstr(out, "message", message);
    json_member_cstr(out, "type", type != NULL ? type : type_of(status));
    json_close(out, '}');
    json_close(out, '}');
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
    stripe_fail(at, &error, "%s", words);
}

void stripe_fail_missing(struct desk_call *at, const char *what, struct span id, const char *param)
{
    struct stripe_error error = {
        .status = param == NULL ? 404 : 400,
        .code = "resource_missing",
        .param = param != NULL ? param : "id",
    };
    size_t shown = id.len < 100 ? id.len : 100;
    stripe_fail(at, &error, "No such %s: '%.*s'", what, (int)shown, id.ptr);
}
