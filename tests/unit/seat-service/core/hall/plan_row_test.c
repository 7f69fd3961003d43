/* plan_row_test.c: straight rows, drawn as text and named in any order: who sits beside whom is
 * what the drawing shows. */
#include "core/hall/plan_row.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

enum { WIDTH = 20 };

/* An 'x' is a seat, 10 wide. Answers how many there are. */
static uint32_t draw(const char *row, struct plan_draft_seat *seats)
{
    uint32_t count = 0;
    for (uint32_t i = 0; row[i] != '\0'; i++)
        if (row[i] == 'x')
            seats[count++] = (struct plan_draft_seat){.x = 10 * (float)i, .run = 99, .pos = 99};
    return count;
}

static int by_x(const void *a, const void *b)
{
    const struct plan_draft_seat *x = a, *y = b;
    return (x->x > y->x) - (x->x < y->x);
}

static void aisles_are_much_wider_than_what_is_usual(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        bool table;
        float gap; /* usual in the hall; 0: in the row */
        uint32_t runs;
    } cases[] = {
        {"x", false, 0, 1},        {"x", false, 10, 1},         {"xx", false, 0, 1},
        {"x    x", false, 0, 1},                             /* what else is there? */
        {"x    x", false, 10, 2},  {"x    x", false, 30, 1}, /* the hall says */
        {"x x x x", false, 0, 1},  {"x x xx", false, 0, 1},  /* two of three gaps are wide */
        {"xxx x", false, 0, 2},    {"xx  xx", false, 0, 2},     {"xx  xx xx", false, 0, 3},
        {"xx  xx xx", true, 0, 1}, {"x x x    x", false, 0, 2}, {"xxx xxx xxx", false, 0, 3},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct plan_draft_seat seats[WIDTH];
        uint32_t count = draw(cases[i].row, seats);
        assert_int_equal(plan_row_cut(seats, count, cases[i].table, cases[i].gap, 7),
                         cases[i].runs);
        for (uint32_t seat = 0; seat < count; seat++) {
            assert_in_range(seats[seat].run, 7, 7 + cases[i].runs - 1);
            bool first = seat == 0 || seats[seat].run != seats[seat - 1].run;
            assert_int_equal(seats[seat].pos, first ? 0 : seats[seat - 1].pos + 1);
        }
    }
}

static void neighbours_are_the_same_in_whatever_order_a_row_is_written(void **state)
{
    (void)state;
    struct rng_seeded rng;
    rng_seeded_init(&rng, unit_seed());
    for (unsigned round = 0; round < 500; round++) {
        char row[WIDTH + 1] = "";
        for (uint32_t i = 0; i < WIDTH; i++)
            row[i] = rng_below(&rng.rng, 5) > 0 ? 'x' : ' ';
        row[0] = row[1] = 'x';
        struct plan_draft_seat drawn[WIDTH], written[WIDTH];
        uint32_t count = draw(row, drawn);
        memcpy(written, drawn, sizeof(written));
        for (uint32_t i = count - 1; i > 0; i--) {
            uint32_t other = (uint32_t)rng_below(&rng.rng, i + 1);
            struct plan_draft_seat seat = written[i];
            written[i] = written[other];
            written[other] = seat;
        }
        uint32_t runs = plan_row_cut(drawn, count, false, 0, 0);
        assert_true(plan_row_gap(written, count) == plan_row_gap(drawn, count));
        assert_int_equal(plan_row_cut(written, count, false, 0, 0), runs);
        qsort(written, count, sizeof(written[0]), by_x);
        for (uint32_t i = 1; i < count; i++) {
            bool beside = drawn[i].run == drawn[i - 1].run;
            assert_int_equal(written[i].run == written[i - 1].run, beside);
            if (beside) /* from whichever end they are counted */
                assert_int_equal(abs((int)written[i].pos - (int)written[i - 1].pos), 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aisles_are_much_wider_than_what_is_usual),
        cmocka_unit_test(neighbours_are_the_same_in_whatever_order_a_row_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
