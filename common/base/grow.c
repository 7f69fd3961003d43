/* grow.c: a buffer that doubles.
 *
 * It is for batches to the database, whose size is not known in advance. A failed allocation marks
 * the whole text as failed, so writers need no check between the parts. The array calls write
 * PostgreSQL's literal syntax and quote every element: cheaper than finding out which ones need it,
 * and never wrong. */
#include "base/grow.h"

#include "base/text.h"

#include <assert.h>
#include <stdlib.h>

void grow_clear(struct grow *grow)
{
    grow->len = 0;
    grow->failed = false;
}

void grow_free(struct grow *grow)
{
    free(grow->ptr);
    *grow = (struct grow){0};
}

static bool make_room(struct grow *grow, size_t more)
{
    assert(grow->len <= grow->cap && more <= SIZE_MAX / 4);
    if (grow->failed)
        return false;
    if (grow->len + more <= grow->cap)
        return true;
    size_t cap = grow->cap > 0 ? grow->cap : 256;
    while (cap < grow->len + more)
        cap *= 2;
    char *ptr = realloc(grow->ptr, cap);
    if (ptr == NULL) {
        grow->failed = true;
        return false;
    }
    grow->ptr = ptr;
    grow->cap = cap;
    return true;
}

void grow_add(struct grow *grow, struct span bytes)
{
    if (bytes.len == 0 || !make_room(grow, bytes.len))
        return;
    memcpy(grow->ptr + grow->len, bytes.ptr, bytes.len);
    grow->len += bytes.len;
}

/* A failed text may have no bytes either, but is not empty. */
bool grow_is_empty(const struct grow *grow)
{
    return grow->len == 0 && !grow->failed;
}

void grow_u64(struct grow *grow, uint64_t value)
{
    char memory[24];
    struct text text = text_on(memory, sizeof(memory));
    text_u64(&text, value);
    grow_add(grow, text_span(&text));
}

const char *grow_cstr(struct grow *grow)
{
    if (!make_room(grow, 1))
        return NULL;
    assert(grow->len < grow->cap);
    grow->ptr[grow->len] = '\0';
    return grow->ptr;
}

void grow_array_open(struct grow *grow)
{
    grow_clear(grow);
    grow_add(grow, SPAN("{"));
}

static void separate(struct grow *grow)
{
    if (grow->len > 1)
        grow_add(grow, SPAN(","));
}

void grow_array_i64(struct grow *grow, int64_t value)
{
    separate(grow);
    char memory[24];
    struct text text = text_on(memory, sizeof(memory));
    text_i64(&text, value);
    grow_add(grow, text_span(&text));
}

void grow_array_bool(struct grow *grow, bool value)
{
    separate(grow);
    grow_add(grow, value ? SPAN("t") : SPAN("f"));
}

void grow_array_text(struct grow *grow, struct span text)
{
    separate(grow);
    if (text.len == 0) {
        grow_add(grow, SPAN("NULL"));
        return;
    }
    if (!make_room(grow, 2 * text.len + 2))
        return;
    char *at = grow->ptr + grow->len;
    *at++ = '"';
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\')
            *at++ = '\\';
        *at++ = text.ptr[i];
    }
    *at++ = '"';
    grow->len = (size_t)(at - grow->ptr);
    assert(grow->len <= grow->cap);
}

void grow_array_close(struct grow *grow)
{
    grow_add(grow, SPAN("}"));
}
