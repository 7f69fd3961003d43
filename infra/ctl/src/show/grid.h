/* grid.h: rows of cells in columns as wide as their widest cell. */
#ifndef FG_CTL_SHOW_GRID_H
#define FG_CTL_SHOW_GRID_H

#include "base/grow.h"

struct grid;

/* The heads are shown in capitals as they are; `heads` is borrowed until the grid is destroyed.
 * NULL where there is no memory. */
struct grid *grid_create(const char *const *heads, size_t heads_len);
void grid_destroy(struct grid *grid);

/* The next cell, row by row; numbers stand at the right. The text is shown by plain_put(). */
void grid_cell(struct grid *grid, struct span text, bool number);

/* Appends head and rows. `width`: columns of the terminal, to which each line is cut; 0: none. A
 * grid without heads has no line of heads. False: there was no memory. */
bool grid_put(const struct grid *grid, size_t width, struct grow *out);

#endif
