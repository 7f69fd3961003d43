/* read.c: every GET of Stripe's subset. Objects are stored in order of creation, so a page is a
 * walk from the cursor, down for starting_after and up for ending_before; reading one object more
 * than the page holds gives has_more. */
#include "must.h"
#include "stripe/stripe_internal.h"

#include <assert.h>
#include <stdlib.h>

/* A filter: only objects whose member of that name is equal. */
#define LIST "limit=number:1-100 starting_after=text ending_before=text expand[#]=list_expand "

static const char *const list_params[KIND_COUNT] = {
    [INTENT] = LIST,
    [CHARGE] = LIST "payment_intent=text",
    [REFUND] = LIST "payment_intent=text charge=text",
    [SESSION] = LIST "payment_intent=text status=open|complete|expired",
    [EVENT] = LIST "type=text",
};

bool stripe_get(struct call *call)
{
    const struct object *object = bank_find(call->bank, call->op->kind, call->id);
    if (object == NULL)
        return error_missing(call, bank_kinds[call->op->kind].name, call->id, NULL);
    if (param_check(call, "expand[#]=expand"))
        pay_answer(call, object);
    return false;
}

/* ---- lists ---- */

static bool fits(const struct call *call, const struct object *object)
{
    static const char *const filters[] = {"payment_intent", "charge", "status", "type"};
    if (object == NULL || object->of_toss) /* dropped, or not Stripe's */
        return false;
    for (unsigned i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        struct span want = param_get(call, filters[i]);
        const char *is = object->kind == EVENT ? object->type : bank_text(object, filters[i]);
        if (want.ptr != NULL && !span_eq(want, span_of(is)))
            return false;
    }
    return true;
}

/* Stripe indents its answers: a page of objects with much metadata is megabytes. */
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

static_assert(LIST_LIMIT_MAX == 100, "as the tables say");

bool stripe_list(struct call *call)
{
    const struct list *list = &call->bank->lists[call->op->kind];
    const struct object *found[LIST_LIMIT_MAX];
    struct span intent = param_get(call, "payment_intent");
    struct span older = param_get(call, "starting_after");
    struct span newer = param_get(call, "ending_before");
    const char *name = newer.ptr != NULL ? "ending_before" : "starting_after";
    bool more = false, upwards = newer.ptr != NULL; /* from the cursor to newer ones */
    struct expand expand;
    if (!param_check(call, list_params[call->op->kind]))
        return false;
    if (older.ptr != NULL && upwards)
        return stripe_fail(call, NULL, name,
                           "You may only specify one of these parameters: starting_after, "
                           "ending_before.");
    struct span id = upwards ? newer : older;
    const struct object *cursor = bank_find(call->bank, call->op->kind, id);
    if (id.ptr != NULL && cursor == NULL)
        return error_missing(call, bank_kinds[call->op->kind].name, id, name);
    if (intent.ptr != NULL && bank_find(call->bank, INTENT, intent) == NULL)
        return error_missing(call, "payment_intent", intent, "payment_intent");
    unsigned count = 0, limit = (unsigned)param_number(call, "limit", LIST_LIMIT_DEFAULT);
    uint32_t step = upwards ? 1u : UINT32_MAX; /* up or down; below 0 wraps past the end */
    uint32_t place = cursor != NULL ? cursor->place + step : list->count - 1;
    for (; place < list->count && !more; place += step) {
        if (!fits(call, list->items[place]))
            continue;
        more = count == limit;
        if (!more)
            found[count++] = list->items[place];
    }
    param_expand(call, &expand);
    json_open(call->out, '{');
    json_member_cstr(call->out, "object", "list");
    json_member_open(call->out, "data", '[');
    for (unsigned i = 0; i < count; i++) /* newest first in any case */
        bank_put(call->out, call->bank, found[upwards ? count - 1 - i : i], &expand);
    json_close(call->out, ']');
    json_member_bool(call->out, "has_more", more);
    json_member_cstr(call->out, "url", call->op->route);
    json_close(call->out, '}');
    indent(call->out);
    call->status = 200;
    return false;
}
