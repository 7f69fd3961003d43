/* grid.c: cells lie one after the other in one text, closed by NULs, and are measured as they come;
 * so a table of a hundred thousand seats is two allocations. */
#include "show/grid.h"

#include "ctl_limits.h"
#include "show/plain.h"

#include <assert.h>
#include <stdlib.h>

enum { GAP = 2 }; /* spaces between columns */

struct grid {
    const char *const *heads; /* borrowed */
    size_t heads_len;
    size_t width[CTL_COLUMNS_MAX];
    bool words[CTL_COLUMNS_MAX]; /* a column that holds anything but numbers stands at the left */
    struct grow cells;           /* each as it is shown, then a NUL */
    size_t cells_len;
};

struct grid *grid_create(const char *const *heads, size_t heads_len)
{
    assert(heads_len > 0 && heads_len <= CTL_COLUMNS_MAX);
    struct grid *grid = calloc(1, sizeof(*grid));
    if (grid == NULL)
        return NULL;
    grid->heads = heads;
    grid->heads_len = heads_len;
    for (size_t i = 0; i < heads_len; i++)
        grid->width[i] = heads[i] == NULL ? 0 : plain_width(span_of(heads[i]));
    return grid;
}

void grid_destroy(struct grid *grid)
{
    if (grid == NULL)
        return;
    grow_free(&grid->cells);
    free(grid);
}

void grid_cell(struct grid *grid, struct span text, bool number)
{
    size_t column = grid->cells_len++ % grid->heads_len;
    size_t begin = grid->cells.len;
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

static void put_spaces(struct grow *out, size_t len)
{
    while (len-- > 0)
        grow_add(out, SPAN(" "));
}

/* One cell of a line, of which `*left` columns are free. */
static void put_cell(const struct grid *grid, size_t column, struct span cell, size_t *left,
                     struct grow *out)
{
    struct span shown = plain_cut(cell, *left);
    size_t width = plain_width(shown);
    size_t pad = grid->width[column] > width ? grid->width[column] - width : 0;
    bool last = column + 1 == grid->heads_len;
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

bool grid_put(const struct grid *grid, size_t width, struct grow *out)
{
    assert(grid->cells.failed || grid->cells_len % grid->heads_len == 0);
    if (grid->cells.failed)
        return false;
    if (grid->heads[0] != NULL) {
        size_t left = width > 0 ? width : SIZE_MAX;
        for (size_t i = 0; i < grid->heads_len; i++)
            put_cell(grid, i, span_of(grid->heads[i]), &left, out);
        grow_add(out, SPAN("\n"));
    }
    const char *at = grid->cells.ptr;
    for (size_t row = 0; row < grid->cells_len / grid->heads_len; row++) {
        size_t left = width > 0 ? width : SIZE_MAX;
        for (size_t i = 0; i < grid->heads_len; i++) {
            struct span cell = span_of(at);
            put_cell(grid, i, cell, &left, out);
            at += cell.len + 1;
        }
        grow_add(out, SPAN("\n"));
    }
    return !out->failed;
}
