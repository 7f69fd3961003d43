/* read.c: every GET of Stripe's subset. Objects are stored in the order of their creation, so a
 * page is a walk from the cursor's place, down for starting_after and up for ending_before;
 * has_more is found by looking for one more. A filter that matches little makes the walk long, so
 * LIST_SCAN_MAX bounds it; such a page may be short although has_more is true, which auto-paging
 * clients handle. */
#include "core/must.h"
#include "stripe/pay.h"
#include "stripe/stripe.h"
#include "stripe/wire/param.h"
#include "stripe/wire/stripe_error.h"

#include <assert.h>

#define LIST_PARAMS                                                                                \
    {"limit", PARAM_NUMBER, .min = 1, .max = LIST_LIMIT_MAX},                                      \
        {"starting_after", .kind = PARAM_TEXT}, {"ending_before", .kind = PARAM_TEXT},             \
    {                                                                                              \
        "expand[#]", .kind = PARAM_LIST_EXPAND                                                     \
    }

static const char *const session_statuses[] = {"open", "complete", "expired", NULL};

/* What may be asked of a list beyond LIST_PARAMS; of objects the member of that name must be the
 * same. */
static const struct reading {
    const char *url;
    const struct param *params;
} readings[KIND_COUNT] = {
    [INTENT] = {"/v1/payment_intents", (const struct param[]){LIST_PARAMS, {.pattern = NULL}}},
    [CHARGE] = {"/v1/charges", (const struct param[]){LIST_PARAMS,
                                                      {"payment_intent", .kind = PARAM_TEXT},
                                                      {.pattern = NULL}}},
    [REFUND] = {"/v1/refunds", (const struct param[]){LIST_PARAMS,
                                                      {"payment_intent", .kind = PARAM_TEXT},
                                                      {"charge", .kind = PARAM_TEXT},
                                                      {.pattern = NULL}}},
    [SESSION] = {"/v1/checkout/sessions",
                 (const struct param[]){LIST_PARAMS,
                                        {"payment_intent", .kind = PARAM_TEXT},
                                        {"status", PARAM_WORD, .words = session_statuses},
                                        {.pattern = NULL}}},
    [EVENT] = {"/v1/events", (const struct param[]){LIST_PARAMS,
                                                    {"type", .kind = PARAM_TEXT},
                                                    {.pattern = NULL}}},
};

static void put(struct desk_call *at, const void *item, const struct expand *expand)
{
    if (at->call->kind == EVENT)
        bank_put_event(at->out, item);
    else
        bank_put(at->out, at->bank, item, expand);
}

void stripe_get(struct desk_call *at)
{
    static const struct param params[] = {
        {"client_secret", .kind = PARAM_TEXT}, /* of an intent */
        {"expand[#]", .kind = PARAM_EXPAND},
        {.pattern = NULL},
    };
    struct expand expand;
    const void *item = bank_find(at->bank, at->call->kind, at->call->id);
    if (item == NULL) {
        stripe_fail_missing(at, kinds[at->call->kind].name, at->call->id, NULL);
        return;
    }
    if (!param_check(at, at->call->kind == INTENT ? params : params + 1))
        return;
    param_expand(at, &expand);
    put(at, item, &expand);
    at->answer->status = 200;
}

/* ---- lists ---- */

struct page {
    unsigned limit;
    bool upwards;  /* ending_before: from the cursor to newer ones */
    uint32_t from; /* the first place to look at; count of items or UINT32_MAX: none */
};

static bool read_cursor(struct desk_call *at, const struct list *list, struct page *page)
{
    bool after = param_given(at, "starting_after");
    page->upwards = param_given(at, "ending_before");
    if (after && page->upwards) {
        stripe_fail(at, NULL, "ending_before",
                    "You may only specify one of these parameters: starting_after, ending_before.");
        return false;
    }
    page->from = list->count - 1; /* of an empty list: UINT32_MAX, none */
    if (!after && !page->upwards)
        return true;
    const char *name = page->upwards ? "ending_before" : "starting_after";
    const struct kind_info *kind = &kinds[at->call->kind];
    struct span id = param_get(at, name);
    uint32_t place;
    if (bank_find(at->bank, at->call->kind, id) == NULL || !ident_place(id, kind->prefix, &place)) {
        stripe_fail_missing(at, kind->name, id, name);
        return false;
    }
    page->from = page->upwards ? place + 1 : place - 1; /* below 0: UINT32_MAX, none */
    return true;
}

static bool fits(const struct desk_call *at, const void *item)
{
    static const char *const filters[] = {"payment_intent", "charge", "status"};
    const struct object *object = item;
    if (item == NULL) /* dropped */
        return false;
    if (at->call->kind == EVENT) {
        const struct event *event = item;
        return !param_given(at, "type") || param_is(at, "type", event->type);
    }
    for (unsigned i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        if (param_given(at, filters[i]) &&
            !span_eq(param_get(at, filters[i]), span_of(object_text(object, filters[i]))))
            return false;
    }
    return true;
}

/* Fills `found` in walking order; true if there is more behind the last one. */
static bool walk(const struct desk_call *at, const struct list *list, const struct page *page,
                 const void *found[LIST_LIMIT_MAX], unsigned *count)
{
    uint32_t place = page->from;
    unsigned looked = 0;
    *count = 0;
    while (place < list->count) {
        const void *item = list->items[place];
        if (looked++ == LIST_SCAN_MAX)
            return *count > 0; /* an empty page has no cursor to continue from */
        if (fits(at, item)) {
            if (*count == page->limit)
                return true;
            found[(*count)++] = item;
        }
        place += page->upwards ? 1u : UINT32_MAX; /* up or down; below 0 wraps past the end */
    }
    return false;
}

/* Stripe indents what it answers: a page of objects with much metadata is megabytes. */
static void indent(struct text *out)
{
    json_t *list = NULL;
    if (out->overflown)
        return;
    (void)json_in_read(text_span(out), &list); /* NULL: no memory */
    char *text = must(json_in_text(must(list), JSON_INDENT(2)));
    json_decref(list);
    *out = text_on(out->ptr, out->cap);
    text_str(out, text);
    free(text);
}

void stripe_list(struct desk_call *at)
{
    const struct reading *reading = &readings[at->call->kind];
    const struct list *list = &at->bank->lists[at->call->kind];
    struct page page;
    struct span intent = param_get(at, "payment_intent");
    if (!param_check(at, reading->params) || !read_cursor(at, list, &page))
        return;
    if (intent.ptr != NULL && bank_find(at->bank, INTENT, intent) == NULL) {
        stripe_fail_missing(at, "payment_intent", intent, "payment_intent");
        return;
    }
    page.limit = (unsigned)param_number(at, "limit", LIST_LIMIT_DEFAULT);
    const void *found[LIST_LIMIT_MAX];
    unsigned count;
    bool more = walk(at, list, &page, found, &count);

    struct expand expand;
    param_expand(at, &expand);
    json_open(at->out, '{');
    json_member_cstr(at->out, "object", "list");
    json_key(at->out, "data");
    json_open(at->out, '[');
    for (unsigned i = 0; i < count; i++) /* newest first in any case */
        put(at, found[page.upwards ? count - 1 - i : i], &expand);
    json_close(at->out, ']');
    json_member_bool(at->out, "has_more", more);
    json_member_cstr(at->out, "url", reading->url);
    json_close(at->out, '}');
    indent(at->out);
    at->answer->status = 200;
}
