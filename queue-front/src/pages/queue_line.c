/* queue_line.c: every second row runs the other way, like a rope between posts. */
#include "pages/queue_line.h"

#include <assert.h>

unsigned queue_x(unsigned row, unsigned dot)
{
    assert(dot < QUEUE_DOTS);
    return 14 + 14 * (row % 2 == 1 ? dot : QUEUE_DOTS - 1 - dot);
}

unsigned queue_y(unsigned row)
{
    return 20 + 34 * row;
}

uint64_t queue_each(unsigned row)
{
    uint64_t each = 1;
    assert(row < QUEUE_ROWS_MAX);
    while (row-- > 0)
        each *= 10;
    return each;
}

struct dot {
    unsigned row, dot;
};

/* The nearest dot to somebody with this many people ahead; at the end if beyond the last row. */
static struct dot dot_of(uint64_t people)
{
    for (unsigned row = 0; row < QUEUE_ROWS_MAX; row++) {
        uint64_t each = queue_each(row), dot = (people + each / 2) / each;
        if (dot < QUEUE_DOTS)
            return (struct dot){row, (unsigned)dot};
        people -= people < QUEUE_DOTS * each ? people : QUEUE_DOTS * each;
    }
    return (struct dot){QUEUE_ROWS_MAX - 1, QUEUE_DOTS - 1};
}

static void add_run(struct queue_line *line, struct queue_run run, unsigned end)
{
    if (run.from >= end)
        return;
    run.to = end - 1;
    assert(line->runs_len < sizeof(line->run) / sizeof(line->run[0]));
    line->run[line->runs_len++] = run;
}

struct queue_line queue_line(uint64_t ahead, uint64_t waiting)
{
    struct dot me = dot_of(ahead), last = dot_of(waiting > ahead ? waiting - 1 : ahead);
    struct queue_line line = {.row = me.row, .dot = me.dot, .rows = last.row + 1};
    for (unsigned row = 0; row <= last.row; row++) {
        unsigned end = row < last.row ? QUEUE_DOTS : last.dot + 1;
        if (row <= me.row)
            add_run(&line, (struct queue_run){.row = row}, row < me.row ? QUEUE_DOTS : me.dot);
        if (row >= me.row)
            add_run(&line, (struct queue_run){row, row > me.row ? 0 : me.dot + 1, 0, true}, end);
    }
    if (line.rows < QUEUE_ROWS_MIN)
        line.rows = QUEUE_ROWS_MIN;
    return line;
}

/* A dash of zero length is a dot; the extra tenth draws the last one. */
void queue_put_run(struct text *out, struct queue_run run)
{
    bool right = run.row % 2 == 1;
    text_printf(out, "M%u %uH%u.%u", queue_x(run.row, run.from), queue_y(run.row),
                queue_x(run.row, run.to) - (right ? 0 : 1), right ? 1U : 9U);
}

void queue_put_rope(struct text *out, unsigned rows)
{
    TEXT_LIT(out, "M280 20");
    for (unsigned row = 0; row < rows; row++)
        text_printf(out, "%s%s",
                    row > 0 ? row % 2 == 1 ? "a17 17 0 0 0 0 34" : "a17 17 0 0 1 0 34" : "",
                    row % 2 == 1 ? "H280" : "H14");
}
