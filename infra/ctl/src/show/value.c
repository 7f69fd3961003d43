/* value.c: an answer is shown either as a table of an array's objects or as the members of one
 * object. So a new command needs only the names of its columns. */
#include "show/value.h"

#include "base/json_in.h"
#include "base/rfc3339.h"
#include "ctl_limits.h"
#include "show/plain.h"

#include <assert.h>
#include <stdlib.h>

enum { PATH_MAX_BYTES = 64, TIME_SHOWN = 19, GAP = 2 /* spaces between columns */ };

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

double value_sum(const json_t *array, const char *path)
{
    double sum = 0;
    for (size_t i = 0; i < json_array_size(array); i++)
        sum += value_number(json_array_get(array, i), path);
    return sum;
}

struct span value_text(const json_t *doc, const char *path)
{
    struct span text = json_in_words(value_at(doc, path));
    return text.ptr != NULL ? text : SPAN("");
}

uint64_t value_time_ms(const json_t *doc, const char *path)
{
    uint64_t ms = 0;
    return rfc3339_parse(value_text(doc, path), &ms) ? ms : 0;
}

void value_put_time(struct grow *out, uint64_t ms)
{
    char memory[RFC3339_LEN];
    struct text time = text_on(memory, sizeof(memory));
    rfc3339_put(&time, ms);
    memory[10] = ' '; /* UTC, as help and manual say */
    grow_add(out, (struct span){memory, TIME_SHOWN});
}

void value_put(struct grow *out, const json_t *value)
{
    char *json = NULL;
    uint64_t ms = 0;
    struct span text = json_in_words(value);
    switch (value == NULL ? JSON_NULL : json_typeof(value)) {
    case JSON_STRING:
        if (text.len < RFC3339_LEN - 4 || !rfc3339_parse(text, &ms) || ms > RFC3339_MS_MAX)
            grow_add(out, text);
        else
            value_put_time(out, ms);
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

void value_fill(struct grow *out, const char *text, const json_t *doc)
{
    struct span rest = span_of(text);
    while (rest.ptr != NULL) {
        struct span head, inside, name;
        char path[PATH_MAX_BYTES] = "";
        rest = span_cut(rest, '{', &head);
        grow_add(out, head);
        if (rest.ptr == NULL)
            return;
        rest = span_cut(rest, '}', &inside);
        struct span decimals = span_cut(inside, ':', &name);
        span_to_cstr_cut(name, path, sizeof(path));
        if (decimals.len == 0)
            value_show(out, value_at(doc, path));
        else
            plain_format(out, "%.*f", decimals.ptr[0] - '0', value_number(doc, path));
    }
}

/* ---- rows of cells ---- */

/* Cells are stored one after another in one text, separated by NULs, and measured as they come. So
 * a table of a hundred thousand seats is one allocation. */
struct grid {
    size_t columns, cells_len;
    size_t width[CTL_COLUMNS_MAX];
    bool words[CTL_COLUMNS_MAX]; /* columns with anything but numbers are left-aligned */
    struct grow cells;           /* each as it is shown, then a NUL */
};

static void add_cell(struct grid *grid, size_t column, struct span text, bool number)
{
    size_t begin = grid->cells.len;
    grid->cells_len++;
    plain_put(&grid->cells, text.len > 0 ? text : SPAN("-"));
    if (grid->cells.failed)
        return;
    size_t width = plain_width((struct span){grid->cells.ptr + begin, grid->cells.len - begin});
    if (width > grid->width[column])
        grid->width[column] = width;
    if (!number && text.len > 0)
        grid->words[column] = true;
    grow_add(&grid->cells, (struct span){"", 1});
}

static void add_value(struct grid *grid, size_t column, const json_t *value, bool number)
{
    struct grow text = {.ptr = NULL};
    value_put(&text, value);
    if (value == NULL || json_is_null(value))
        text.len = 0; /* so it does not count for the column's alignment */
    add_cell(grid, column, (struct span){text.ptr, text.len}, number);
    grow_free(&text);
}

static void put_spaces(struct grow *out, size_t len)
{
    while (len-- > 0)
        grow_add(out, SPAN(" "));
}

/* Writes one cell of a line that has `*left` columns free. */
static void put_cell(const struct grid *grid, size_t column, struct span cell, size_t *left,
                     struct grow *out)
{
    struct span shown = plain_cut(cell, *left);
    size_t width = plain_width(shown);
    size_t pad = grid->width[column] > width ? grid->width[column] - width : 0;
    bool last = column + 1 == grid->columns;
    if (width + pad > *left)
        pad = *left - width;
    if (!grid->words[column])
        put_spaces(out, pad);
    grow_add(out, shown);
    if (grid->words[column] && !last)
        put_spaces(out, pad);
    *left -= width + pad;
    size_t gap = last ? 0 : *left < GAP ? *left : GAP;
    put_spaces(out, gap);
    *left -= gap;
}

/* Writes and frees the grid. Each line is cut to `width` columns; 0: not cut. */
static void put_grid(struct grid *grid, size_t width, struct grow *out)
{
    assert(grid->columns > 0 && grid->columns <= CTL_COLUMNS_MAX);
    assert(grid->cells_len % grid->columns == 0);
    out->failed = out->failed || grid->cells.failed;
    for (size_t at = 0; !out->failed && at < grid->cells.len;) {
        size_t left = width > 0 ? width : SIZE_MAX;
        for (size_t i = 0; i < grid->columns; i++) {
            struct span cell = span_of(grid->cells.ptr + at);
            put_cell(grid, i, cell, &left, out);
            at += cell.len + 1;
        }
        grow_add(out, SPAN("\n"));
    }
    grow_free(&grid->cells);
}

/* A '_' in a column's heading is shown as a space. */
void value_rows(struct grow *out, const json_t *array, const char *columns, size_t width)
{
    struct grid grid = {.columns = 0};
    char path[CTL_COLUMNS_MAX][PATH_MAX_BYTES], head[PATH_MAX_BYTES];
    struct span rest = span_of(columns);
    while (rest.ptr != NULL && grid.columns < CTL_COLUMNS_MAX) {
        struct span one, name;
        rest = span_cut(rest, ' ', &one);
        struct span title = span_cut(one, ':', &name);
        if (!span_to_cstr(name, path[grid.columns], PATH_MAX_BYTES) ||
            !span_to_cstr(title.ptr != NULL ? title : name, head, sizeof(head)))
            continue;
        for (char *c = head; *c != '\0'; c++)
            if (*c == '_')
                *c = ' ';
        add_cell(&grid, grid.columns++, span_of(head), true);
    }
    for (size_t row = 0; row < json_array_size(array); row++)
        for (size_t i = 0; i < grid.columns; i++) {
            const json_t *value = value_at(json_array_get(array, row), path[i]);
            add_value(&grid, i, value, json_is_number(value));
        }
    put_grid(&grid, width, out);
}

void value_members(struct grow *out, const json_t *object, size_t width)
{
    struct grid grid = {.columns = 2};
    void *at = json_object_iter((json_t *)(uintptr_t)object);
    for (; at != NULL; at = json_object_iter_next((json_t *)(uintptr_t)object, at)) {
        add_cell(&grid, 0, span_of(json_object_iter_key(at)), false);
        add_value(&grid, 1, json_object_iter_value(at), false);
    }
    put_grid(&grid, width, out);
}
