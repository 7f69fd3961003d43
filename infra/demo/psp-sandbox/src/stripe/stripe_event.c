/* stripe_event.c: /v1/events: what a receiver of webhooks can read when it has missed some. */
#include "stripe/stripe.h"
#include "stripe/wire/list.h"
#include "stripe/wire/object.h"
#include "stripe/wire/param.h"
#include "stripe/wire/stripe_error.h"

void stripe_event_get(struct desk_call *at)
{
    static const char *const none[] = {NULL};
    struct event *event = bank_find_event(at->bank, at->call->id, NULL);
    if (event == NULL) {
        stripe_fail_missing(at, "event", at->call->id, NULL);
        return;
    }
    at->answer->intent = event->intent;
    if (!param_only(at, none))
        return;
    object_put_event(at->out, event);
    at->answer->status = 200;
}

static void put(struct text *out, const struct bank *bank, const void *item, unsigned expand)
{
    (void)bank;
    (void)expand;
    object_put_event(out, item);
}

struct filter {
    const struct form *form;
    struct span type; /* absent: any */
    bool typed;       /* types[] is there */
    bool by_delivery;
    bool delivered;
};

static bool is_listed(const struct form *form, const char *type)
{
    unsigned place = 0;
    struct span inner;
    struct span listed;
    while (form_next(form, "types", &place, &inner, &listed)) {
        if (span_eq(listed, span_of(type)))
            return true;
    }
    return false;
}

static bool matches(const struct bank *bank, const void *item, const void *of)
{
    (void)bank;
    const struct filter *filter = of;
    const struct event *event = item;
    if (filter->type.ptr != NULL && !span_eq(filter->type, span_of(event->type)))
        return false;
    if (filter->typed && !is_listed(filter->form, event->type))
        return false;
    bool delivered = event->pending == 0 && event->undelivered == 0;
    return !filter->by_delivery || delivered == filter->delivered;
}

void stripe_event_list(struct desk_call *at)
{
    static const char *const known[] = {LIST_PARAMS, "type", "types", "delivery_success", NULL};
    struct filter filter = {.form = at->form};
    struct list_kind kind = {.url = "/v1/events",
                             .what = "event",
                             .items = &at->bank->events,
                             .prefix = "evt_",
                             .matches = matches,
                             .put = put,
                             .filter = &filter};
    filter.typed = form_has_root(at->form, "types");
    filter.by_delivery = form_has_root(at->form, "delivery_success");
    if (param_only(at, known) && param_bool(at, "delivery_success", &filter.delivered) &&
        param_text(at, "type", FORM_KEY_MAX, &filter.type) &&
        param_expand(at, true, 0, &kind.expand))
        list_answer(at, &kind);
}
