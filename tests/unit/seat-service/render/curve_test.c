/* curve_test.c: rows as curves: smooth rows are few numbers, and what is not smooth is told all the
 * same. That the page reads what is written here is held by the tests of GET .../plan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "render/curve.h"

#include <string.h>

enum { SEATS_MAX = 9 };

struct row {
    uint32_t seats;
    double places[SEATS_MAX];
};

/* The rows of one section, and what is told of them. */
static void expect(const struct row *rows, size_t len, const char *told)
{
    char memory[512];
    struct text text = text_on(memory, sizeof(memory));
    struct curve curve = {0};
    struct curve_pen *pen;
    struct err_slot err = {0};
    assert_int_equal(0, curve_pen_create(SEATS_MAX, &err, &pen));
    for (size_t i = 0; i < len; i++)
        curve_put(&curve, &text, pen, rows[i].places, rows[i].seats);
    curve_pen_destroy(pen);
    assert_false(text.overflown);
    assert_int_equal(strlen(told), text.len);
    assert_memory_equal(told, text.ptr, text.len);
}

static void a_straight_row_is_two_numbers(void **state)
{
    (void)state;
    expect(&(struct row){5, {1000, 1200, 1400, 1600, 1800}}, 1, "[1000,800]");
}

static void an_even_bend_is_one_more(void **state)
{
    (void)state;
    expect(&(struct row){9, {0, 7, 12, 15, 16, 15, 12, 7, 0}}, 1, "[0,0,16]");
}

static void a_row_as_expected_is_nothing(void **state)
{
    (void)state;
    const struct row rows[] = {{5, {0, 230, 440, 630, 800}},
                               {5, {50, 280, 490, 680, 850}},
                               {5, {100, 330, 540, 730, 900}}};
    expect(rows, 3, "[0,800,40],[50],[]");
}

static void a_longer_row_is_expected_to_be_longer(void **state)
{
    (void)state;
    const struct row rows[] = {
        {3, {0, 205, 410}}, {8, {-100, 105, 310, 515, 720, 925, 1130, 1335}}, {2, {-200, 10}}};
    expect(rows, 3, "[0,410],[-100],[0,5]");
}

static void a_seat_apart_is_told_and_half_a_unit_is_not(void **state)
{
    (void)state;
    expect(&(struct row){5, {0, 201, 399, 601, 800}}, 1, "[0,800]");
    expect(&(struct row){5, {0, 200, 400, 650, 800}}, 1, "[0,800,0,0,50]");
}

static void the_shortest_rows_have_neither_bulge_nor_span(void **state)
{
    (void)state;
    const struct row rows[] = {{3, {0, 30, 40}}, {1, {7}}, {2, {9, 29}}, {3, {11, 41, 51}}};
    expect(rows, 4, "[0,40,10],[7],[-5,20],[0,0,10]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_straight_row_is_two_numbers),
        cmocka_unit_test(an_even_bend_is_one_more),
        cmocka_unit_test(a_row_as_expected_is_nothing),
        cmocka_unit_test(a_longer_row_is_expected_to_be_longer),
        cmocka_unit_test(a_seat_apart_is_told_and_half_a_unit_is_not),
        cmocka_unit_test(the_shortest_rows_have_neither_bulge_nor_span),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
