/* endpoint.c: /v1/webhook_endpoints. Deleted ones keep their place, so that the bits in the events'
 * words keep their meaning. */
#include "core/must.h"
#include "stripe/pay.h"
#include "stripe/stripe.h"
#include "stripe/wire/param.h"
#include "stripe/wire/stripe_error.h"

static json_t *enabled_events(const struct desk_call *at)
{
    const char *name;
    json_t *value;
    json_t *events = must(json_array());
    json_object_foreach(at->call->in, name, value)
    {
        struct span inner;
        if (form_inner(name, "enabled_events", &inner))
            json_array_append(events, value);
    }
    return events;
}

void stripe_endpoint_create(struct desk_call *at)
{
    static const struct param params[] = {
        {"url", PARAM_URL, .required = true},
        {"enabled_events[#]", PARAM_TEXT, .max = 64},
        {"api_version", .kind = PARAM_TEXT},
        {"description", PARAM_TEXT, .max = DESCRIPTION_MAX},
        PARAM_METADATA,
        {.pattern = NULL},
    };
    if (!param_check(at, params))
        return;
    if (at->bank->lists[ENDPOINT].count == ENDPOINTS_MAX) {
        stripe_fail(at, NULL, NULL, "You have reached the maximum of %d test webhook endpoints.",
                    ENDPOINTS_MAX);
        return;
    }
    json_t *events = enabled_events(at);
    json_t *metadata = param_metadata(at, "metadata", NULL);
    if (metadata == NULL || json_array_size(events) == 0) {
        if (metadata != NULL)
            stripe_fail(at, "parameter_missing", "enabled_events",
                        "Missing required param: enabled_events.");
        json_decref(events);
        json_decref(metadata);
        return;
    }
    json_t *shown = json_pack("{s:n,s:n,s:s,s:s?,s:o,s:o,s:s,s:s}", "id", "object", "api_version",
                              BANK_API_VERSION, "description", param_text(at, "description"),
                              "enabled_events", events, "metadata", metadata, "status", "enabled",
                              "url", param_get(at, "url").ptr);
    struct object *endpoint = bank_make(at, ENDPOINT, shown);
    char secret[IDENT_MAX];
    ident_random(secret, "whsec_", at->rng);
    object_hide(endpoint, "secret", json_string(secret));
    at->answer->executed = true;
    /* This answer alone shows the secret. */
    object_set_text(endpoint, "secret", secret);
    pay_answer(at, endpoint);
    json_object_del(endpoint->shown, "secret");
}

void stripe_endpoint_delete(struct desk_call *at)
{
    struct object *endpoint = bank_find(at->bank, ENDPOINT, at->call->id);
    if (endpoint == NULL) {
        stripe_fail_missing(at, "webhook_endpoint", at->call->id, NULL);
        return;
    }
    at->answer->executed = true;
    endpoint->deleted = true;
    text_printf(at->out, "{\"id\":\"%s\",\"object\":\"webhook_endpoint\",\"deleted\":true}",
                endpoint->id);
    at->answer->status = 200;
}
