/* queue_line_test.c: the positions of a line's dots. */
#include "pages/queue_line.h"
#include "unit.h"

TEST_CASE(a_place_depends_on_the_people_ahead_and_rows_on_all)
{
    static const struct {
        uint64_t ahead, waiting;
        const char *line; /* rows, row and dot of the visitor, then the runs */
    } rows[] = {
        {0, 1, "4 0:0"},
        {19, 19, "4 0:19 a0:0-18"},
        {20, 21, "4 1:0 a0:0-19"},
        {24, 25, "4 1:0 a0:0-19"}, /* to the nearest dot */
        {39, 40, "4 1:2 a0:0-19 a1:0-1"},
        {214, 215, "4 1:19 a0:0-19 a1:0-18"},
        {215, 216, "4 2:0 a0:0-19 a1:0-19"},
        {0, 31, "4 0:0 b0:1-19 b1:0-1"},
        {1680, 9600, "4 2:15 a0:0-19 a1:0-19 a2:0-14 b2:16-19 b3:0-7"},
        {3000000, 3000001, "6 5:19 a0:0-19 a1:0-19 a2:0-19 a3:0-19 a4:0-19 a5:0-18"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct queue_line line = queue_line(rows[i].ahead, rows[i].waiting);
        char memory[256];
        struct text text = text_on(memory, sizeof(memory));
        text_printf(&text, "%u %u:%u", line.rows, line.row, line.dot);
        for (unsigned n = 0; n < line.runs_len; n++)
            text_printf(&text, " %c%u:%u-%u", line.run[n].behind ? 'b' : 'a', line.run[n].row,
                        line.run[n].from, line.run[n].to);
        assert_span(text_span(&text), rows[i].line);
    }
}

TEST_CASE(rows_run_to_and_fro)
{
    char memory[256];
    struct text text = text_on(memory, sizeof(memory));
    queue_put_run(&text, (struct queue_run){.row = 0, .from = 0, .to = 19});
    text_char(&text, ' ');
    queue_put_run(&text, (struct queue_run){.row = 1, .from = 0, .to = 0});
    text_char(&text, ' ');
    queue_put_rope(&text, 3);
    assert_span(text_span(&text), "M280 20H13.9 M14 54H14.1 "
                                  "M280 20H14a17 17 0 0 0 0 34H280a17 17 0 0 1 0 34H14");
}
