/* list.c: objects are stored in the order of their creation, so a page is a walk from the cursor's
 * place, down for starting_after and up for ending_before; has_more is found by looking for one
 * more. A filter that matches little makes the walk long, so LIST_SCAN_MAX bounds it; such a page
 * may be short although has_more is true, which auto-paging clients handle. */
#include "stripe/wire/list.h"

#include "stripe/wire/param.h"
#include "stripe/wire/stripe_error.h"

#include <assert.h>

struct page {
    uint64_t limit;
    bool upwards;  /* ending_before: from the cursor to newer ones */
    uint32_t from; /* the first place to look at; count of items or UINT32_MAX: none */
    uint64_t created_min_s;
    uint64_t created_max_s;
};

static bool read_created(struct desk_call *at, struct page *page)
{
    uint64_t value = UINT64_MAX;
    page->created_min_s = 0;
    page->created_max_s = UINT64_MAX;
    if (!param_u64(at, "created", 0, INT64_MAX, &value))
        return false;
    if (value != UINT64_MAX)
        page->created_min_s = page->created_max_s = value;
    static const struct {
        const char *name;
        bool lower;
        int step;
    } bounds[] = {
        {"created[gt]", true, 1},
        {"created[gte]", true, 0},
        {"created[lt]", false, -1},
        {"created[lte]", false, 0},
    };
    for (unsigned i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        value = UINT64_MAX;
        if (!param_u64(at, bounds[i].name, 1, INT64_MAX, &value))
            return false;
        if (value == UINT64_MAX)
            continue;
        value += (uint64_t)(int64_t)bounds[i].step;
        *(bounds[i].lower ? &page->created_min_s : &page->created_max_s) = value;
    }
    return true;
}

static bool read_cursor(struct desk_call *at, const struct list_kind *kind, struct page *page)
{
    struct span after = {0};
    struct span before = {0};
    (void)form_get(at->form, "starting_after", &after);
    (void)form_get(at->form, "ending_before", &before);
    if (after.ptr != NULL && before.ptr != NULL) {
        struct stripe_error error = {.status = 400, .param = "ending_before"};
        stripe_fail(at, &error,
                    "You may only specify one of these parameters: starting_after, ending_before.");
        return false;
    }
    page->upwards = before.ptr != NULL;
    page->from = kind->items->count - 1; /* of an empty list: UINT32_MAX, none */
    struct span id = page->upwards ? before : after;
    if (id.ptr == NULL)
        return true;
    uint32_t place;
    if (bank_find(kind->items, id, kind->prefix, &place) == NULL) {
        stripe_fail_missing(at, kind->what, id, page->upwards ? "ending_before" : "starting_after");
        return false;
    }
    page->from = page->upwards ? place + 1 : place - 1; /* below 0: UINT32_MAX, none */
    return true;
}

static bool fits(const struct bank *bank, const struct list_kind *kind, const struct page *page,
                 const void *item)
{
    if (item == NULL)
        return false; /* dropped */
    uint64_t created_s = ((const struct object *)item)->created_s;
    if (created_s < page->created_min_s || created_s > page->created_max_s)
        return false;
    return kind->matches == NULL || kind->matches(bank, item, kind->filter);
}

/* Fills `found` in walking order; true if there is more behind the last one. */
static bool walk(const struct bank *bank, const struct list_kind *kind, const struct page *page,
                 const void *found[LIST_LIMIT_MAX], unsigned *count)
{
    uint32_t at = page->from;
    unsigned looked = 0;
    *count = 0;
    while (at < kind->items->count) {
        const void *item = kind->items->items[at];
        if (looked++ == LIST_SCAN_MAX)
            return *count > 0; /* an empty page has no cursor to continue from */
        if (fits(bank, kind, page, item)) {
            if (*count == page->limit)
                return true;
            found[(*count)++] = item;
        }
        at += page->upwards ? 1u : UINT32_MAX; /* up or down; below 0 wraps past the end */
    }
    return false;
}

void list_answer(struct desk_call *at, const struct list_kind *kind)
{
    struct page page = {.limit = LIST_LIMIT_DEFAULT};
    if (!param_u64(at, "limit", 1, LIST_LIMIT_MAX, &page.limit) || !read_created(at, &page) ||
        !read_cursor(at, kind, &page))
        return;
    const void *found[LIST_LIMIT_MAX];
    unsigned count;
    bool more = walk(at->bank, kind, &page, found, &count);

    struct text *out = at->out;
    json_open(out, '{');
    json_member_cstr(out, "object", "list");
    json_key(out, "data");
    json_open(out, '[');
    for (unsigned i = 0; i < count; i++) {
        const void *item = found[page.upwards ? count - 1 - i : i]; /* newest first in any case */
        kind->put(out, at->bank, item, kind->expand);
    }
    json_close(out, ']');
    json_member_bool(out, "has_more", more);
    json_member_cstr(out, "url", kind->url);
    json_close(out, '}');
    at->answer->status = 200;
}
