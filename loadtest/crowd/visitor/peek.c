/* peek.c: finds "key": by searching the text.
 *
 * This is enough here: the answers are our own services', their relevant parts are flat, and each
 * name occurs once. A load generator that parsed each answer into a tree would mostly measure
 * itself. If nested objects have a member of the same name, callers first cut the text to the right
 * part. */
#include "visitor/peek.h"

#include <stdio.h>

/* The text after "key": (spaces skipped), to the end. A value that equals the key is not followed
 * by a colon. */
static struct span behind(struct span json, const char *key)
{
    char quoted[64];
    int len = snprintf(quoted, sizeof(quoted), "\"%s\":", key);
    const char *at = json.len > 0 ? memmem(json.ptr, json.len, quoted, (size_t)len) : NULL;
    if (at == NULL)
        return (struct span){NULL, 0};
    struct span rest = span_skip(json, (size_t)(at - json.ptr) + (size_t)len);
    while (rest.len > 0 && *rest.ptr == ' ')
        rest = span_skip(rest, 1);
    return rest;
}

bool peek_u64(struct span json, const char *key, uint64_t *out)
{
    struct span rest = behind(json, key);
    size_t digits = 0;
    while (digits < rest.len && rest.ptr[digits] >= '0' && rest.ptr[digits] <= '9')
        digits++;
    return span_u64((struct span){rest.ptr, digits}, UINT64_MAX, out);
}

bool peek_bool(struct span json, const char *key, bool *out)
{
    struct span rest = behind(json, key);
    *out = span_starts(rest, SPAN("true"));
    return *out || span_starts(rest, SPAN("false"));
}

static struct span string_at(struct span rest)
{
    if (rest.len == 0 || *rest.ptr != '"')
        return (struct span){NULL, 0};
    struct span text;
    struct span after = span_cut(span_skip(rest, 1), '"', &text);
    return after.ptr != NULL ? text : (struct span){NULL, 0};
}

bool peek_str(struct span json, const char *key, struct span *out)
{
    struct span text = string_at(behind(json, key));
    if (text.ptr == NULL)
        return false;
    *out = text;
    return true;
}

uint32_t peek_strs(struct span json, const char *key, struct span *out, uint32_t max)
{
    struct span rest = behind(json, key);
    uint32_t count = 0;
    if (rest.len == 0 || *rest.ptr != '[')
        return 0;
    rest = span_skip(rest, 1);
    while (count < max) {
        while (rest.len > 0 && (*rest.ptr == ',' || *rest.ptr == ' '))
            rest = span_skip(rest, 1);
        struct span text = string_at(rest);
        if (text.ptr == NULL)
            break;
        out[count++] = text;
        rest = span_skip(rest, text.len + 2);
    }
    return count;
}

bool peek_step(struct span json, const char *step, const char *result)
{
    struct span name, came_to;
    while (peek_str(json, "step", &name)) {
        json = span_skip(json, (size_t)(name.ptr - json.ptr) + name.len);
        /* an entry names its step first, so the next result belongs to it */
        if (span_eq(name, span_of(step)) && peek_str(json, "result", &came_to) &&
            span_eq(came_to, span_of(result)))
            return true;
    }
    return false;
}
