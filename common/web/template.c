/* template.c: a page is a list of fixed stretches, each but the last followed by a part: a gap, or
 * the begin or end of a block. All stretches are in one allocation, so that rendering reads memory
 * once, front to back, except for repeated blocks. */
#include "template.h"

#include <assert.h>
#include <stdlib.h>

enum { PARTS_MAX = 160, DEPTH_MAX = 8 };

enum part_kind { PART_GAP, PART_OPEN, PART_CLOSE };

struct template
{
    uint32_t parts_len;
    struct {
        enum part_kind kind;
        unsigned gap;
        uint32_t close; /* for PART_OPEN: the part that ends its block */
        size_t upto;    /* the fixed bytes before it end here */
    } part[PARTS_MAX];
    struct text fixed;
};

static bool gap_of(const char *const *gaps, struct span name, unsigned *out)
{
    for (unsigned i = 0; gaps[i] != NULL; i++) {
        if (span_eq(span_of(gaps[i]), name)) {
            *out = i;
            return true;
        }
    }
    return false;
}

struct names { /* all names allowed between braces */
    const struct phrases *phrases;
    const struct template_fixed *fixed;
    const char *const *gaps;
    uint32_t open[DEPTH_MAX]; /* the open blocks, outermost first */
    uint32_t depth;
};

static int add_part(struct template *page, enum part_kind kind, struct span name,
                    const struct names *names, struct err_slot *err)
{
    unsigned gap;
    if (!gap_of(names->gaps, name, &gap))
        return err_set(err, ERR_NOT_FOUND, "nothing fills {{%.*s}}", (int)name.len, name.ptr);
    if (page->parts_len == PARTS_MAX)
        return err_set(err, ERR_FULL, "more than %d gaps", PARTS_MAX);
    page->part[page->parts_len].kind = kind;
    page->part[page->parts_len].gap = gap;
    page->part[page->parts_len++].upto = page->fixed.len;
    return 0;
}

static int close_block(struct template *page, struct span name, struct names *names,
                       struct err_slot *err)
{
    int rc = add_part(page, PART_CLOSE, name, names, err);
    if (rc < 0)
        return rc;
    uint32_t close = page->parts_len - 1;
    uint32_t open = names->depth > 0 ? names->open[names->depth - 1] : close;
    if (open == close || page->part[open].gap != page->part[close].gap)
        return err_set(err, ERR_SYNTAX, "{{/%.*s}} closes another block", (int)name.len, name.ptr);
    assert(open < close && page->part[open].kind == PART_OPEN);
    names->depth--;
    page->part[open].close = close;
    return 0;
}

static int add_name(struct template *page, struct span name, struct names *names,
                    struct err_slot *err)
{
    if (span_starts(name, SPAN("t."))) {
        struct span value = phrases_find(names->phrases, span_skip(name, 2));
        if (value.ptr == NULL)
            return err_set(err, ERR_NOT_FOUND, "no phrase for {{%.*s}}", (int)name.len, name.ptr);
        html_put(&page->fixed, value);
        return 0;
    }
    if (span_starts(name, SPAN("#"))) {
        if (names->depth == DEPTH_MAX)
            return err_set(err, ERR_FULL, "more than %d blocks within each other", DEPTH_MAX);
        names->open[names->depth++] = page->parts_len;
        return add_part(page, PART_OPEN, span_skip(name, 1), names, err);
    }
    if (span_starts(name, SPAN("/")))
        return close_block(page, span_skip(name, 1), names, err);
    const struct template_fixed *fixed = names->fixed;
    for (; fixed != NULL && fixed->name != NULL; fixed++) {
        if (span_eq(span_of(fixed->name), name)) {
            text_put(&page->fixed, fixed->html);
            return 0;
        }
    }
    return add_part(page, PART_GAP, name, names, err);
}

static int add_all(struct template *page, struct span source, struct names *names,
                   struct err_slot *err)
{
    for (;;) {
        const char *open = memmem(source.ptr, source.len, "{{", 2);
        if (open == NULL)
            break;
        size_t before = (size_t)(open - source.ptr);
        text_put(&page->fixed, (struct span){source.ptr, before});
        source = span_skip(source, before + 2);
        const char *close = memmem(source.ptr, source.len, "}}", 2);
        if (close == NULL)
            return err_set(err, ERR_SYNTAX, "a {{ without its }}");
        struct span name = {source.ptr, (size_t)(close - source.ptr)};
        int rc = add_name(page, name, names, err);
        if (rc < 0)
            return rc;
        source = span_skip(source, name.len + 2);
    }
    if (names->depth > 0)
        return err_set(err, ERR_SYNTAX, "a {{# without its {{/");
    text_put(&page->fixed, source);
    return page->fixed.overflown ? err_set(err, ERR_FULL, "page too long") : 0;
}

int template_create(struct span source, const struct phrases *phrases,
                    const struct template_fixed *fixed, const char *const *gaps,
                    struct err_slot *err, struct template **out)
{
    /* A phrase may occur several times; none is longer than all of them together. */
    size_t cap = source.len + 4 * PHRASES_SOURCE_MAX;
    for (const struct template_fixed *row = fixed; row != NULL && row->name != NULL; row++)
        cap += 8 * row->html.len; /* each file has the folder's name */
    struct names names = {.phrases = phrases, .fixed = fixed, .gaps = gaps};
    struct template *page = calloc(1, sizeof(*page) + cap);
    if (page == NULL)
        return err_set(err, ERR_NOMEM, "page of %zu bytes", cap);
    page->fixed = text_on((char *)(page + 1), cap);
    int rc = add_all(page, source, &names, err);
    if (rc < 0) {
        free(page);
        return rc;
    }
    *out = page;
    return 0;
}

struct render {
    struct text *out;
    const struct template *page;
    void (*fill)(struct text *out, unsigned gap, void *ctx);
    bool (*more)(unsigned block, unsigned turn, void *ctx);
    void *ctx;
};

/* Renders from part `first` to the end of its block or page; recurses as deep as blocks nest. */
static void put_parts(const struct render *render, uint32_t first)
{
    const struct template *page = render->page;
    for (uint32_t i = first;; i++) {
        /* The fixed stretch before part i, or after the last one. */
        size_t from = i > 0 ? page->part[i - 1].upto : 0;
        size_t upto = i < page->parts_len ? page->part[i].upto : page->fixed.len;
        assert(from <= upto);
        text_add(render->out, page->fixed.ptr + from, upto - from);
        if (i == page->parts_len || page->part[i].kind == PART_CLOSE)
            return;
        if (page->part[i].kind == PART_GAP) {
            render->fill(render->out, page->part[i].gap, render->ctx);
            continue;
        }
        assert(render->more != NULL); /* a page without `more` has no blocks */
        for (unsigned turn = 0; render->more(page->part[i].gap, turn, render->ctx); turn++)
            put_parts(render, i + 1);
        assert(page->part[page->part[i].close].kind == PART_CLOSE);
        i = page->part[i].close;
    }
}

void template_put_blocks(struct text *out, const struct template *page,
                         void (*fill)(struct text *out, unsigned gap, void *ctx),
                         bool (*more)(unsigned block, unsigned turn, void *ctx), void *ctx)
{
    const struct render render = {out, page, fill, more, ctx};
    put_parts(&render, 0);
}

struct span template_text(const struct template *page)
{
    return text_span(&page->fixed);
}

void template_destroy(struct template *page)
{
    free(page);
}
