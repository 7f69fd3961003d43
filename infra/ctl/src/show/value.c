/* value.c: each answer is shown by one of two forms, a table of an array's objects or the members
 * of one object, so that a new command needs the names of its columns and nothing else. */
#include "show/value.h"

#include "base/json_in.h"
#include "base/rfc3339.h"
#include "ctl_limits.h"
#include "show/grid.h"
#include "show/plain.h"

#include <stdlib.h>

enum { PATH_MAX_BYTES = 64, TIME_SHOWN = 19 };

const json_t *value_at(const json_t *doc, const char *path)
{
    struct span rest = span_of(path);
    while (doc != NULL && rest.ptr != NULL) {
        struct span head;
        char key[PATH_MAX_BYTES];
        rest = span_cut(rest, '.', &head);
        if (!span_to_cstr(head, key, sizeof(key)))
            return NULL;
        doc = json_object_get(doc, key);
    }
    return doc;
}

double value_number(const json_t *doc, const char *path)
{
    return json_number_value(value_at(doc, path));
}

struct span value_text(const json_t *doc, const char *path)
{
    const json_t *value = value_at(doc, path);
    return json_is_string(value)
               ? (struct span){json_string_value(value), json_string_length(value)}
               : (struct span){"", 0};
}

void value_put_time(struct grow *out, uint64_t ms)
{
    char memory[RFC3339_LEN];
    struct text time = text_on(memory, sizeof(memory));
    rfc3339_put(&time, ms);
    memory[10] = ' '; /* UTC, as help and manual say */
    grow_add(out, (struct span){memory, TIME_SHOWN});
}

static void put_string(struct grow *out, const json_t *value)
{
    struct span text = {json_string_value(value), json_string_length(value)};
    uint64_t ms = 0;
    if (text.len < RFC3339_LEN - 4 || !rfc3339_parse(text, &ms) || ms > RFC3339_MS_MAX)
        grow_add(out, text);
    else
        value_put_time(out, ms);
}

void value_put(struct grow *out, const json_t *value)
{
    char *json = NULL;
    switch (value == NULL ? JSON_NULL : json_typeof(value)) {
    case JSON_STRING:
        put_string(out, value);
        break;
    case JSON_TRUE:
        grow_add(out, SPAN("yes"));
        break;
    case JSON_FALSE:
        grow_add(out, SPAN("no"));
        break;
    case JSON_INTEGER:
        plain_format(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        plain_format(out, "%.10g", json_real_value(value));
        break;
    case JSON_OBJECT:
    case JSON_ARRAY:
        json = json_in_text(value, JSON_COMPACT);
        if (json == NULL)
            out->failed = true;
        else
            grow_add(out, span_of(json));
        free(json);
        break;
    case JSON_NULL:
        grow_add(out, SPAN("-"));
        break;
    }
}

void value_show(struct grow *out, const json_t *value)
{
    struct grow text = {.ptr = NULL};
    value_put(&text, value);
    plain_put(out, (struct span){text.ptr, text.len});
    grow_free(&text);
}

/* "path:HEAD path:HEAD ..." taken apart; a '_' in a head is a space. */
struct columns {
    size_t len;
    char path[CTL_COLUMNS_MAX][PATH_MAX_BYTES];
    char head[CTL_COLUMNS_MAX][PATH_MAX_BYTES];
    const char *heads[CTL_COLUMNS_MAX];
};

static void columns_read(const char *text, struct columns *columns)
{
    struct span rest = span_of(text);
    columns->len = 0;
    while (rest.ptr != NULL && columns->len < CTL_COLUMNS_MAX) {
        struct span one, path;
        size_t i = columns->len;
        rest = span_cut(rest, ' ', &one);
        struct span head = span_cut(one, ':', &path);
        if (!span_to_cstr(path, columns->path[i], PATH_MAX_BYTES) ||
            !span_to_cstr(head.ptr != NULL ? head : path, columns->head[i], PATH_MAX_BYTES))
            continue;
        for (char *c = columns->head[i]; *c != '\0'; c++)
            if (*c == '_')
                *c = ' ';
        columns->heads[i] = columns->head[i];
        columns->len++;
    }
}

static void put_value_cell(struct grid *grid, const json_t *value)
{
    struct grow text = {.ptr = NULL};
    value_put(&text, value);
    if (value == NULL || json_is_null(value))
        text.len = 0; /* says nothing about where its column stands */
    grid_cell(grid, (struct span){text.ptr, text.len}, json_is_number(value));
    grow_free(&text);
}

bool value_rows(struct grow *out, const json_t *array, const char *columns_text, size_t width)
{
    struct columns columns;
    columns_read(columns_text, &columns);
    struct grid *grid = grid_create(columns.heads, columns.len);
    if (grid == NULL)
        return false;
    for (size_t row = 0; row < json_array_size(array); row++)
        for (size_t i = 0; i < columns.len; i++)
            put_value_cell(grid, value_at(json_array_get(array, row), columns.path[i]));
    bool good = grid_put(grid, width, out);
    grid_destroy(grid);
    return good;
}

bool value_members(struct grow *out, const json_t *object, size_t width)
{
    static const char *const no_heads[] = {NULL, NULL};
    struct grid *grid = grid_create(no_heads, 2);
    if (grid == NULL)
        return false;
    void *at = json_object_iter((json_t *)(uintptr_t)object);
    for (; at != NULL; at = json_object_iter_next((json_t *)(uintptr_t)object, at)) {
        struct grow text = {.ptr = NULL};
        value_put(&text, json_object_iter_value(at));
        grid_cell(grid, span_of(json_object_iter_key(at)), false);
        grid_cell(grid, (struct span){text.ptr, text.len}, false);
        grow_free(&text);
    }
    bool good = grid_put(grid, width, out);
    grid_destroy(grid);
    return good;
}
