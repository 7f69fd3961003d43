/* template.c: a page is a list of fixed stretches with a gap after each but the last. All stretches
 * lie in one allocation, so that rendering reads memory once, from front to back. */
#include "template.h"

#include <assert.h>
#include <stdlib.h>

/* The console says the most: five hundred phrases. */
enum { PHRASES_MAX = 1024, GAPS_MAX = 64, PHRASE_SOURCE_MAX = 64 * 1024 };

struct phrases {
    uint32_t len;
    struct {
        struct span key, value;
        bool overridden;
    } row[PHRASES_MAX];
    char source[]; /* what the spans point into */
};

/* A phrase with '<' in it would end the script's element early; none needs one. */
static int check_phrase(struct span value, struct err_slot *err)
{
    if (memchr(value.ptr, '<', value.len) != NULL)
        return err_set(err, ERR_SYNTAX, "phrases are text, without '<'");
    return 0;
}

static int parse_line(struct phrases *phrases, struct span line, struct err_slot *err)
{
    struct span key;
    line = span_trim(line);
    if (line.len == 0 || line.ptr[0] == '#')
        return 0;
    struct span value = span_cut(line, '=', &key);
    if (value.ptr == NULL)
        return err_set(err, ERR_SYNTAX, "no '=' in \"%.*s\"", (int)line.len, line.ptr);
    key = span_trim(key);
    if (phrases_find(phrases, key).ptr != NULL)
        return err_set(err, ERR_EXISTS, "%.*s is there twice", (int)key.len, key.ptr);
    if (phrases->len == PHRASES_MAX)
        return err_set(err, ERR_FULL, "more than %d phrases", PHRASES_MAX);
    phrases->row[phrases->len].key = key;
    phrases->row[phrases->len].value = span_trim(value);
    return check_phrase(phrases->row[phrases->len++].value, err);
}

int phrases_parse(struct span source, struct err_slot *err, struct phrases **out)
{
    if (source.len > PHRASE_SOURCE_MAX)
        return err_set(err, ERR_RANGE, "phrases of %zu bytes", source.len);
    struct phrases *phrases = calloc(1, sizeof(*phrases) + source.len);
    if (phrases == NULL)
        return err_set(err, ERR_NOMEM, "phrases of %zu bytes", source.len);
    memcpy(phrases->source, source.ptr, source.len);
    struct span rest = {phrases->source, source.len};
    while (rest.ptr != NULL) {
        struct span line;
        rest = span_cut(rest, '\n', &line);
        int rc = parse_line(phrases, line, err);
        if (rc < 0) {
            free(phrases);
            return rc;
        }
    }
    *out = phrases;
    return 0;
}

struct span phrases_find(const struct phrases *phrases, struct span key)
{
    for (uint32_t i = 0; i < phrases->len; i++) {
        if (span_eq(phrases->row[i].key, key))
            return phrases->row[i].value;
    }
    return (struct span){NULL, 0};
}

static int override_line(struct phrases *phrases, struct span line, bool ours, struct err_slot *err)
{
    struct span key;
    struct span value = span_cut(line, '=', &key);
    key = span_trim(key);
    if (value.ptr == NULL)
        return err_set(err, ERR_SYNTAX, "no '=' in \"%.*s\"", (int)line.len, line.ptr);
    for (uint32_t i = 0; i < phrases->len; i++) {
        if (!span_eq(phrases->row[i].key, key))
            continue;
        phrases->row[i].value = span_trim(value);
        phrases->row[i].overridden = true;
        return check_phrase(phrases->row[i].value, err);
    }
    if (ours)
        return err_set(err, ERR_NOT_FOUND, "there is no phrase \"%.*s\"", (int)key.len, key.ptr);
    return 0;
}

/* Takes the next line that says something off an operator's text; empty: there is none. */
static struct span next_line(struct span *text)
{
    struct span line = {"", 0};
    while (text->ptr != NULL && (line.len == 0 || line.ptr[0] == '#')) {
        *text = span_cut(*text, '\n', &line);
        line = span_trim(line);
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
    }
    return line.len > 0 && line.ptr[0] == '#' ? (struct span){"", 0} : line;
}

static bool is_section(struct span line, struct span *name)
{
    if (line.len < 2 || line.ptr[0] != '[' || line.ptr[line.len - 1] != ']')
        return false;
    *name = (struct span){line.ptr + 1, line.len - 2};
    return true;
}

bool phrases_name(struct span text, struct span service)
{
    for (struct span line = next_line(&text), name; line.len > 0; line = next_line(&text)) {
        if (is_section(line, &name) && span_eq(name, service))
            return true;
    }
    return false;
}

int phrases_override(struct phrases *phrases, struct span text, struct span service,
                     struct err_slot *err)
{
    bool for_all = true, ours = false;
    for (struct span line = next_line(&text), name; line.len > 0; line = next_line(&text)) {
        if (is_section(line, &name)) {
            for_all = false;
            ours = span_eq(name, service);
            continue;
        }
        int rc = for_all || ours ? override_line(phrases, line, ours, err) : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

struct span phrases_untouched(const struct phrases *phrases)
{
    for (uint32_t i = 0; i < phrases->len; i++) {
        if (!phrases->row[i].overridden)
            return phrases->row[i].key;
    }
    return (struct span){NULL, 0};
}

void phrases_fill(struct text *out, struct span phrase, const struct span values[3],
                  void (*put)(struct text *out, struct span span))
{
    for (size_t i = 0; i < phrase.len; i++) {
        bool hole = i + 2 < phrase.len && phrase.ptr[i] == '{' && phrase.ptr[i + 1] >= '0' &&
                    phrase.ptr[i + 1] <= '2' && phrase.ptr[i + 2] == '}';
        if (hole) {
            put(out, values[phrase.ptr[i + 1] - '0']);
            i += 2;
        } else {
            put(out, (struct span){phrase.ptr + i, 1});
        }
    }
}

void phrases_json(struct text *out, const struct phrases *phrases, struct span prefix,
                  struct span except)
{
    json_open(out, '{');
    for (uint32_t i = 0; i < phrases->len; i++) {
        struct span key = phrases->row[i].key;
        if (!span_starts(key, prefix) || (except.len > 0 && span_starts(key, except)))
            continue;
        json_str(out, key);
        TEXT_LIT(out, ":");
        out->comma = false;
        json_str(out, phrases->row[i].value);
    }
    json_close(out, '}');
}

void phrases_destroy(struct phrases *phrases)
{
    free(phrases);
}

/* ---- pages ---- */

struct template
{
    uint32_t gaps_len;
    struct {
        unsigned gap;
        size_t upto; /* the fixed bytes before it end here */
    } part[GAPS_MAX];
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

static bool add_fixed(struct template *page, const struct template_fixed *fixed, struct span name)
{
    for (; fixed != NULL && fixed->name != NULL; fixed++) {
        if (span_eq(span_of(fixed->name), name)) {
            text_put(&page->fixed, fixed->html);
            return true;
        }
    }
    return false;
}

struct names { /* all that may stand between braces */
    const struct phrases *phrases;
    const struct template_fixed *fixed;
    const char *const *gaps;
};

static int add_name(struct template *page, struct span name, const struct names *names,
                    struct err_slot *err)
{
    unsigned gap;
    if (span_starts(name, SPAN("t."))) {
        struct span value = phrases_find(names->phrases, span_skip(name, 2));
        if (value.ptr == NULL)
            return err_set(err, ERR_NOT_FOUND, "no phrase for {{%.*s}}", (int)name.len, name.ptr);
        html_put(&page->fixed, value);
        return 0;
    }
    if (add_fixed(page, names->fixed, name))
        return 0;
    if (!gap_of(names->gaps, name, &gap))
        return err_set(err, ERR_NOT_FOUND, "nothing fills {{%.*s}}", (int)name.len, name.ptr);
    if (page->gaps_len == GAPS_MAX)
        return err_set(err, ERR_FULL, "more than %d gaps", GAPS_MAX);
    page->part[page->gaps_len].gap = gap;
    page->part[page->gaps_len++].upto = page->fixed.len;
    return 0;
}

static int add_all(struct template *page, struct span source, const struct names *names,
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
    text_put(&page->fixed, source);
    return page->fixed.overflown ? err_set(err, ERR_FULL, "page too long") : 0;
}

int template_create(struct span source, const struct phrases *phrases,
                    const struct template_fixed *fixed, const char *const *gaps,
                    struct err_slot *err, struct template **out)
{
    /* Each phrase may stand several times, none longer than all of them together. */
    size_t cap = source.len + 4 * PHRASE_SOURCE_MAX;
    for (const struct template_fixed *row = fixed; row != NULL && row->name != NULL; row++)
        cap += 8 * row->html.len; /* the folder of the files stands at each file */
    const struct names names = {phrases, fixed, gaps};
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

void template_put(struct text *out, const struct template *page,
                  void (*fill)(struct text *out, unsigned gap, void *ctx), void *ctx)
{
    struct span fixed = text_span(&page->fixed);
    size_t from = 0;
    for (uint32_t i = 0; i < page->gaps_len; i++) {
        assert(page->part[i].upto >= from);
        text_add(out, fixed.ptr + from, page->part[i].upto - from);
        fill(out, page->part[i].gap, ctx);
        from = page->part[i].upto;
    }
    text_add(out, fixed.ptr + from, fixed.len - from);
}

struct span template_text(const struct template *page)
{
    return text_span(&page->fixed);
}

void template_destroy(struct template *page)
{
    free(page);
}

void html_put(struct text *out, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        switch (text.ptr[i]) {
        case '&':
            TEXT_LIT(out, "&amp;");
            break;
        case '<':
            TEXT_LIT(out, "&lt;");
            break;
        case '>':
            TEXT_LIT(out, "&gt;");
            break;
        case '"':
            TEXT_LIT(out, "&quot;");
            break;
        case '\'':
            TEXT_LIT(out, "&#39;");
            break;
        default:
            text_char(out, text.ptr[i]);
        }
    }
}
