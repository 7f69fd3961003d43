/* plan_row_test.c: straight rows, drawn as text in any direction and listed in any order. Seats
 * that are neighbours in the drawing are neighbours in the plan. */
#include "core/hall/plan_row.h"
#include "unit.h"

enum { WIDTH = 20 };

/* The step from one place to the next: 10 long, in any direction. */
struct way {
    float x, y;
};

static const struct way right = {10, 0};

/* An 'x' is a seat. Returns how many there are. */
static uint32_t draw(const char *row, struct way way, struct plan_draft_seat *seats)
{
    uint32_t count = 0;
    for (uint32_t i = 0; row[i] != '\0'; i++)
        if (row[i] == 'x')
            seats[count++] = (struct plan_draft_seat){
                .x = 5 + way.x * (float)i, .y = 3 + way.y * (float)i, .run = 99, .pos = 99};
    return count;
}

static struct way looked;

static int by_place(const void *a, const void *b)
{
    const struct plan_draft_seat *one = a, *other = b;
    float ahead = (one->x - other->x) * looked.x + (one->y - other->y) * looked.y;
    return (ahead > 0) - (ahead < 0);
}

TEST_CASE(aisles_are_much_wider_than_what_is_usual)
{
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
        uint32_t count = draw(cases[i].row, right, seats);
        assert_int_equal(plan_row_cut(seats, count, cases[i].table, cases[i].gap, 7),
                         cases[i].runs);
        for (uint32_t seat = 0; seat < count; seat++) {
            assert_in_range(seats[seat].run, 7, 7 + cases[i].runs - 1);
            bool first = seat == 0 || seats[seat].run != seats[seat - 1].run;
            assert_int_equal(seats[seat].pos, first ? 0 : seats[seat - 1].pos + 1);
        }
    }
}

TEST_CASE(neighbours_are_the_same_in_any_order_of_the_document)
{
    const struct rng *rng = unit_rng();
    static const struct way ways[] = {{10, 0}, {0, 10}, {6, 8}, {-6, 8}, {8, -6}, {-10, 0}};
    for (unsigned round = 0; round < 500; round++) {
        looked = ways[round % 6];
        char row[WIDTH + 1] = "";
        for (uint32_t i = 0; i < WIDTH; i++)
            row[i] = rng_below(rng, 5) > 0 ? 'x' : ' ';
        row[0] = row[1] = 'x';
        struct plan_draft_seat drawn[WIDTH], written[WIDTH];
        uint32_t count = draw(row, looked, drawn);
        memcpy(written, drawn, sizeof(written));
        for (uint32_t i = count - 1; i > 0; i--) {
            uint32_t other = (uint32_t)rng_below(rng, i + 1);
            struct plan_draft_seat seat = written[i];
            written[i] = written[other];
            written[other] = seat;
        }
        uint32_t runs = plan_row_cut(drawn, count, false, 0, 0);
        assert_true(plan_row_gap(written, count) == plan_row_gap(drawn, count));
        assert_int_equal(plan_row_cut(written, count, false, 0, 0), runs);
        qsort(written, count, sizeof(written[0]), by_place);
        for (uint32_t i = 1; i < count; i++) {
            bool neighbours = drawn[i].run == drawn[i - 1].run;
            assert_int_equal(written[i].run == written[i - 1].run, neighbours);
            if (neighbours) /* from whichever end they are counted */
                assert_int_equal(abs((int)written[i].pos - (int)written[i - 1].pos), 1);
        }
    }
}

/* Seats at these places, in the document's order. */
static uint32_t cut_at(const float *places, uint32_t count, struct plan_draft_seat *seats)
{
    for (uint32_t i = 0; i < count; i++)
        seats[i] = (struct plan_draft_seat){.x = places[i], .y = -places[i]};
    return plan_row_cut(seats, count, false, 0, 0);
}

TEST_CASE(the_documents_order_holds_unless_its_way_is_a_twentieth_longer)
{
    static const struct {
        float places[4];
        uint32_t pos[4];
    } rows[] = {
        {{0, 10.4F, 10, 20}, {0, 1, 2, 3}}, /* 20.8, and not 20 */
        {{0, 10.6F, 10, 20}, {0, 2, 1, 3}}, /* 21.2 */
        {{20, 0, 10, 13}, {0, 3, 2, 1}},    /* the first stays first, from whichever end */
        {{0, 20, 10, 13}, {0, 3, 1, 2}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct plan_draft_seat seats[4];
        cut_at(rows[i].places, 4, seats);
        for (uint32_t seat = 0; seat < 4; seat++)
            assert_int_equal(seats[seat].pos, rows[i].pos[seat]);
    }
}

TEST_CASE(an_aisle_is_seven_tenths_wider_than_what_is_usual)
{
    static const struct {
        float places[4];
        uint32_t runs;
    } rows[] = {{{0, 10, 20, 36.9F}, 1}, {{0, 10, 20, 37.1F}, 2}, {{0, 10, 27.1F, 37.1F}, 2}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct plan_draft_seat seats[4];
        assert_int_equal(cut_at(rows[i].places, 4, seats), rows[i].runs);
    }
}
