/* stripe_endpoint.c: /v1/webhook_endpoints. Deleted ones keep their place, so that the bits in the
 * events' words keep their meaning. */
#include "stripe/stripe.h"
#include "stripe/wire/list.h"
#include "stripe/wire/object.h"
#include "stripe/wire/param.h"
#include "stripe/wire/stripe_error.h"

#include <stdlib.h>

enum { EVENTS_TEXT_MAX = ENDPOINT_EVENTS_MAX * 65 };

/* enabled_events[] as "a,b,c"; false after an error. */
static bool read_events(struct desk_call *at, struct text *events)
{
    unsigned place = 0;
    unsigned count = 0;
    struct span inner;
    struct span type;
    while (form_next(at->form, "enabled_events", &place, &inner, &type)) {
        bool good = type.len > 0 && type.len <= 64 && memchr(type.ptr, ',', type.len) == NULL;
        if (!good || ++count > ENDPOINT_EVENTS_MAX) {
            stripe_fail(at, &(struct stripe_error){.status = 400, .param = "enabled_events"},
                        "Invalid enabled_events: %s", good ? "too many" : "not the name of a type");
            return false;
        }
        if (count > 1)
            text_char(events, ',');
        text_put(events, type);
    }
    if (count > 0)
        return true;
    stripe_fail(at,
                &(struct stripe_error){
                    .status = 400, .code = "parameter_missing", .param = "enabled_events"},
                "Missing required param: enabled_events.");
    return false;
}

static struct endpoint *add_endpoint(struct desk_call *at, struct span url, struct span events,
                                     struct span description)
{
    struct bank *bank = at->bank;
    struct endpoint *endpoint = calloc(1, sizeof(*endpoint));
    if (endpoint == NULL)
        return NULL;
    ident_make(endpoint->id, "we_", bank->endpoints.count, at->rng);
    char secret[IDENT_MAX];
    ident_random(secret, "whsec_", at->rng);
    strcpy(endpoint->secret, secret);
    endpoint->created_s = at->now_s;
    endpoint->url = bank_copy(url);
    endpoint->events = bank_copy(events);
    endpoint->description = description.len > 0 ? bank_copy(description) : NULL;
    bool lacking = endpoint->url == NULL || endpoint->events == NULL ||
                   (description.len > 0 && endpoint->description == NULL);
    if (lacking || meta_merge(&endpoint->meta, at->form, NULL) < 0 ||
        bank_add(&bank->endpoints, endpoint, NULL) < 0) {
        free(endpoint->url);
        free(endpoint->events);
        free(endpoint->description);
        meta_deinit(&endpoint->meta);
        free(endpoint);
        return NULL;
    }
    return endpoint;
}

void stripe_endpoint_create(struct desk_call *at)
{
    static const char *const known[] = {"url",      "enabled_events", "api_version", "description",
                                        "metadata", "expand",         NULL};
    struct span url = {0};
    struct span description = {0};
    char memory[EVENTS_TEXT_MAX];
    struct text events = text_on(memory, sizeof(memory));
    if (!param_only(at, known) || !param_require(at, "url") ||
        !param_text(at, "url", URL_MAX, &url) ||
        !param_text(at, "description", DESCRIPTION_MAX, &description) || !param_meta(at, NULL) ||
        !read_events(at, &events))
        return;
    if (!span_starts(url, SPAN("http://")) && !span_starts(url, SPAN("https://"))) {
        stripe_fail(at,
                    &(struct stripe_error){.status = 400, .code = "url_invalid", .param = "url"},
                    "Invalid URL: An explicit scheme (such as https) must be provided.");
        return;
    }
    if (at->bank->endpoints.count == ENDPOINTS_MAX) {
        stripe_fail(at, &(struct stripe_error){.status = 400},
                    "You have reached the maximum of %d test webhook endpoints.", ENDPOINTS_MAX);
        return;
    }
    struct endpoint *endpoint = add_endpoint(at, url, text_span(&events), description);
    if (endpoint == NULL) {
        stripe_fail_status(at, 500);
        return;
    }
    at->answer->executed = true;
    object_put_endpoint(at->out, endpoint, true);
    at->answer->status = 200;
}

static struct endpoint *of_path(struct desk_call *at)
{
    struct endpoint *endpoint = bank_find_endpoint(at->bank, at->call->id, NULL);
    if (endpoint == NULL)
        stripe_fail_missing(at, "webhook endpoint", at->call->id, NULL);
    return endpoint;
}

void stripe_endpoint_get(struct desk_call *at)
{
    struct endpoint *endpoint = of_path(at);
    if (endpoint == NULL)
        return;
    object_put_endpoint(at->out, endpoint, false);
    at->answer->status = 200;
}

void stripe_endpoint_delete(struct desk_call *at)
{
    struct endpoint *endpoint = of_path(at);
    if (endpoint == NULL)
        return;
    at->answer->executed = true;
    endpoint->deleted = true;
    json_open(at->out, '{');
    json_member_cstr(at->out, "id", endpoint->id);
    json_member_cstr(at->out, "object", "webhook_endpoint");
    json_member_bool(at->out, "deleted", true);
    json_close(at->out, '}');
    at->answer->status = 200;
}

static bool matches(const struct bank *bank, const void *item, const void *filter)
{
    (void)bank;
    (void)filter;
    return !((const struct endpoint *)item)->deleted;
}

static void put(struct text *out, const struct bank *bank, const void *item, unsigned expand)
{
    (void)bank;
    (void)expand;
    object_put_endpoint(out, item, false);
}

void stripe_endpoint_list(struct desk_call *at)
{
    static const char *const known[] = {LIST_PARAMS, NULL};
    struct list_kind kind = {.url = "/v1/webhook_endpoints",
                             .what = "webhook_endpoint",
                             .items = &at->bank->endpoints,
                             .prefix = "we_",
                             .matches = matches,
                             .put = put};
    if (param_only(at, known) && param_expand(at, true, 0, &kind.expand))
        list_answer(at, &kind);
}
