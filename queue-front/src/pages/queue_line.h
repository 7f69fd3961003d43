/* queue_line.h: the line as a picture. A row has 20 dots; in the row at the gate a dot is one
 * person, then 10, 100 and so on. A dot's place depends only on the number of people before it.
 * web/queue.js draws the same. */
#ifndef FG_QUEUE_FRONT_QUEUE_LINE_H
#define FG_QUEUE_FRONT_QUEUE_LINE_H

#include "base/text.h"

enum { QUEUE_DOTS = 20, QUEUE_ROWS_MIN = 4, QUEUE_ROWS_MAX = 6 }; /* six rows hold two million */

/* Neighbours in a row, all ahead of the visitor or all behind. */
struct queue_run {
    unsigned row, from, to; /* dots; the gate is before the first */
    bool behind;
};

struct queue_line {
    unsigned rows;
    unsigned row, dot; /* the visitor */
    unsigned runs_len;
    struct queue_run run[2 * QUEUE_ROWS_MAX];
};

struct queue_line queue_line(uint64_t ahead, uint64_t waiting);
unsigned queue_x(unsigned row, unsigned dot);
unsigned queue_y(unsigned row);
uint64_t queue_each(unsigned row); /* people per dot */
void queue_put_run(struct text *out, struct queue_run run);
void queue_put_rope(struct text *out, unsigned rows);

#endif
