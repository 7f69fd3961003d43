/* engine_rules_test.c: the rules of a hold, each at its bounds and for the last of several seats: a
 * rule that is right for the first seat alone looks right until somebody takes two. */
#include "test_hall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
    struct plan *plan;
    struct engine *engine;
    struct engine_op op;
};

#define ROWS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct fixture *open_hall(struct test_hall hall)
{
    struct fixture *f = calloc(1, sizeof(*f));
    if (hall.limits.max_per_hold == 0)
        hall.limits = test_limits();
    f->plan = test_hall_plan(&hall);
    f->engine = test_hall_engine(f->plan);
    return f;
}

static void close_hall(struct fixture *f)
{
    engine_destroy(f->engine);
    plan_destroy(f->plan);
    free(f);
}

/* What an ask comes to; nothing stays taken. */
static const char *asked(struct fixture *f, const struct engine_ask *ask, uint64_t now_ms)
{
    f->op = (struct engine_op){.seat = UINT32_MAX};
    enum engine_verdict verdict = engine_hold(f->engine, ask, now_ms, &f->op);
    if (verdict == ENGINE_OK)
        engine_undo(f->engine, &f->op);
    return engine_verdict_name(verdict);
}

static const char *seats_at(struct fixture *f, uint64_t now_ms, uint32_t channels,
                            const uint32_t *seats, uint32_t count)
{
    struct engine_ask ask = test_ask_seats(1, seats, count);
    ask.who.channels = channels;
    return asked(f, &ask, now_ms);
}

static const char *best_at(struct fixture *f, uint64_t now_ms, uint32_t channels, uint8_t category)
{
    struct engine_ask ask = test_ask_best(1, category, 1, true);
    ask.who.channels = channels;
    return asked(f, &ask, now_ms);
}

static const char *with_need(struct fixture *f, const uint32_t *seats, uint32_t count)
{
    struct engine_ask ask = test_ask_seats(1, seats, count);
    ask.who.access_need = true;
    return asked(f, &ask, TEST_NOW_MS);
}

enum { EARLY_MS = 1000, OPENS_MS = 2000, LATER_MS = 3000, ENDS_MS = 9000 };

/* a: OPENS to ENDS; b: always; c: from LATER. Channels: fans from EARLY, friends when the category
 * opens. */
static struct fixture *open_by_the_clock(const char *const *rows, uint32_t area_capacity)
{
    static const struct plan_category categories[] = {
        {.name = SPAN("a"), .price = 1, .on_sale_ms = OPENS_MS, .off_sale_ms = ENDS_MS},
        {.name = SPAN("b"), .price = 1},
        {.name = SPAN("c"), .price = 1, .on_sale_ms = LATER_MS},
        {.name = SPAN("d"), .price = 1, .on_sale_ms = OPENS_MS, .off_sale_ms = ENDS_MS},
    };
    static const struct plan_channel channels[] = {
        {.id = SPAN("public")},
        {.id = SPAN("fans"), .on_sale_ms = EARLY_MS},
        {.id = SPAN("friends")},
    };
    return open_hall((struct test_hall){.rows = rows,
                                        .categories = categories,
                                        .channels = channels,
                                        .channel_count = 3,
                                        .area_capacity = area_capacity});
}

static void each_seat_is_judged_not_the_first_alone(void **state)
{
    (void)state;
    struct fixture *f = open_by_the_clock(ROWS("bba2"), 0);
    assert_string_equal(seats_at(f, OPENS_MS - 1, 1, TEST_SEATS(0, 1)), "ok");
    assert_string_equal(seats_at(f, OPENS_MS - 1, 1, TEST_SEATS(0, 1, 2)), "not-on-sale");
    assert_int_equal(f->op.seat, 2);
    assert_int_equal(f->op.opens_ms, OPENS_MS);
    assert_string_equal(seats_at(f, OPENS_MS, 1, TEST_SEATS(0, 1, 2)), "ok");
    assert_string_equal(seats_at(f, OPENS_MS, 1, TEST_SEATS(0, 2, 3)), "channel");
    assert_int_equal(f->op.seat, 3);
    assert_string_equal(seats_at(f, OPENS_MS, 3, TEST_SEATS(0, 2, 3)), "ok");
    close_hall(f);
}

static void a_sale_begins_and_ends_at_its_millisecond(void **state)
{
    (void)state;
    struct fixture *f = open_by_the_clock(ROWS("a23bc"), 0);
    enum { PUBLIC = 1, FANS = 3, FRIENDS = 5 };
    static const struct {
        uint32_t seat, channels;
        uint64_t now_ms;
        const char *verdict;
        uint64_t opens_ms;
    } cases[] = {
        {0, PUBLIC, OPENS_MS - 1, "not-on-sale", OPENS_MS},
        {0, PUBLIC, OPENS_MS, "ok", 0},
        {0, PUBLIC, ENDS_MS - 1, "ok", 0},
        {0, PUBLIC, ENDS_MS, "not-on-sale", 0},
        {0, FANS, OPENS_MS - 1, "not-on-sale", OPENS_MS}, /* it is not the fans' */
        {1, FANS, EARLY_MS - 1, "not-on-sale", EARLY_MS},
        {1, FANS, EARLY_MS, "ok", 0},
        {1, FANS, ENDS_MS, "not-on-sale", 0},
        {1, PUBLIC, OPENS_MS, "channel", 0},
        {2, FRIENDS, OPENS_MS - 1, "not-on-sale", OPENS_MS}, /* no time of its own */
        {2, FRIENDS, OPENS_MS, "ok", 0},
        {2, FANS, OPENS_MS, "channel", 0},
        {3, PUBLIC, 0, "ok", 0},
        {3, PUBLIC, ENDS_MS, "ok", 0},
        {4, PUBLIC, LATER_MS - 1, "not-on-sale", LATER_MS},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(seats_at(f, cases[i].now_ms, cases[i].channels, &cases[i].seat, 1),
                            cases[i].verdict);
        assert_int_equal(f->op.opens_ms, cases[i].opens_ms);
    }
    close_hall(f);
}

static void an_area_has_the_times_of_its_category(void **state)
{
    (void)state;
    struct fixture *f = open_by_the_clock(ROWS("abc"), 10);
    struct engine_ask ask = test_ask_area(1, 2);
    assert_string_equal(asked(f, &ask, OPENS_MS - 1), "not-on-sale");
    assert_int_equal(f->op.opens_ms, OPENS_MS);
    assert_string_equal(asked(f, &ask, OPENS_MS), "ok");
    assert_string_equal(asked(f, &ask, ENDS_MS - 1), "ok");
    assert_string_equal(asked(f, &ask, ENDS_MS), "not-on-sale");
    close_hall(f);
}

static void best_available_looks_where_the_sale_is_on(void **state)
{
    (void)state;
    struct fixture *f = open_by_the_clock(ROWS("a23", "c"), 0);
    enum { PUBLIC = 1, FANS = 3, ALL = 7 };
    assert_string_equal(best_at(f, OPENS_MS - 1, PUBLIC, 0), "not-on-sale");
    assert_int_equal(f->op.opens_ms, OPENS_MS);
    assert_string_equal(best_at(f, OPENS_MS, PUBLIC, 0), "ok");
    assert_int_equal(f->op.change.seats[0], 0);
    assert_string_equal(best_at(f, ENDS_MS - 1, PUBLIC, 0), "ok");
    assert_string_equal(best_at(f, ENDS_MS, PUBLIC, 0), "not-on-sale");
    assert_int_equal(f->op.opens_ms, 0); /* it comes no more */
    assert_string_equal(best_at(f, ENDS_MS, ALL, 0), "not-on-sale");

    assert_string_equal(best_at(f, EARLY_MS - 1, FANS, 0), "not-on-sale");
    assert_string_equal(best_at(f, EARLY_MS, FANS, 0), "ok");
    assert_int_equal(f->op.change.seats[0], 1);
    assert_string_equal(best_at(f, EARLY_MS, ALL, 0), "ok");
    assert_int_equal(f->op.change.seats[0], 1); /* the friends' turn is not yet */
    close_hall(f);

    f = open_by_the_clock(ROWS("ac"), 0);
    struct engine_op op;
    assert_int_equal(engine_block(f->engine, TEST_SEATS(0), SPAN(""), 1, &op), ENGINE_OK);
    assert_string_equal(best_at(f, OPENS_MS - 1, PUBLIC, 2), "not-on-sale");
    assert_int_equal(f->op.opens_ms, LATER_MS);
    assert_string_equal(best_at(f, OPENS_MS, PUBLIC, 2), "not-on-sale");
    engine_undo(f->engine, &op);
    close_hall(f);
}

static void the_soonest_of_several_sales_is_told(void **state)
{
    (void)state;
    for (int turned = 0; turned < 2; turned++) {
        struct plan_category categories[] = {
            {.name = SPAN("a"), .price = 1, .on_sale_ms = turned ? OPENS_MS : LATER_MS},
            {.name = SPAN("b"), .price = 1, .on_sale_ms = turned ? LATER_MS : OPENS_MS},
            {.name = SPAN("c"), .price = 1, .on_sale_ms = EARLY_MS, .off_sale_ms = EARLY_MS},
        };
        struct fixture *f =
            open_hall((struct test_hall){.rows = ROWS("abc"), .categories = categories});
        assert_string_equal(best_at(f, EARLY_MS, 1, ENGINE_CATEGORY_ANY), "not-on-sale");
        assert_int_equal(f->op.opens_ms, OPENS_MS);
        assert_string_equal(best_at(f, OPENS_MS, 1, ENGINE_CATEGORY_ANY), "ok");
        assert_int_equal(f->op.change.seats[0], turned ? 0 : 1);
        close_hall(f);
    }
}

static void accessible_seats_open_to_all_at_their_millisecond(void **state)
{
    (void)state;
    struct plan_limits limits = test_limits();
    limits.access_until_ms = TEST_NOW_MS;
    struct fixture *f = open_hall((struct test_hall){.rows = ROWS("aaA+"), .limits = limits});
    assert_string_equal(seats_at(f, TEST_NOW_MS - 1, 1, TEST_SEATS(0, 1, 2)), "accessible-seat");
    assert_int_equal(f->op.seat, 2);
    assert_string_equal(seats_at(f, TEST_NOW_MS, 1, TEST_SEATS(0, 1, 2)), "ok");
    assert_string_equal(seats_at(f, TEST_NOW_MS - 1, 1, TEST_SEATS(3)), "companion-seat");
    assert_string_equal(seats_at(f, TEST_NOW_MS, 1, TEST_SEATS(3)), "ok");
    close_hall(f);

    f = open_hall((struct test_hall){.rows = ROWS("aaA+")}); /* no time: never */
    assert_string_equal(seats_at(f, UINT64_C(1) << 60, 1, TEST_SEATS(2)), "accessible-seat");
    close_hall(f);
}

static void every_companion_stays_with_its_own(void **state)
{
    (void)state;
    struct fixture *f = open_hall((struct test_hall){.rows = ROWS("A+aaA+", "+A", "+a")});
    assert_string_equal(with_need(f, TEST_SEATS(0, 1)), "ok");
    assert_string_equal(with_need(f, TEST_SEATS(0, 1, 4, 5)), "ok");
    assert_string_equal(with_need(f, TEST_SEATS(0, 1, 2, 5)), "companion-seat");
    assert_int_equal(f->op.seat, 5);
    assert_string_equal(with_need(f, TEST_SEATS(2, 3, 5)), "companion-seat");
    assert_string_equal(with_need(f, TEST_SEATS(6, 7)), "ok"); /* whichever comes first */
    assert_string_equal(with_need(f, TEST_SEATS(0, 2, 6)), "companion-seat");
    assert_int_equal(f->op.seat, 6);
    assert_string_equal(with_need(f, TEST_SEATS(8)), "ok"); /* a plan may name none */
    close_hall(f);
}

static void every_table_is_taken_whole(void **state)
{
    (void)state;
    struct fixture *f = open_hall((struct test_hall){.rows = ROWS("aaaa", "=aa", "=aaa", "~aa")});
    assert_string_equal(seats_at(f, TEST_NOW_MS, 1, TEST_SEATS(4, 5)), "ok");
    assert_string_equal(seats_at(f, TEST_NOW_MS, 1, TEST_SEATS(0, 2, 4, 5)), "ok");
    assert_string_equal(seats_at(f, TEST_NOW_MS, 1, TEST_SEATS(4, 5, 6, 7, 8)), "ok");
    assert_string_equal(seats_at(f, TEST_NOW_MS, 1, TEST_SEATS(0, 1, 4)), "whole-table");
    assert_int_equal(f->op.seat, 4);
    assert_string_equal(seats_at(f, TEST_NOW_MS, 1, TEST_SEATS(4, 5, 6, 8)), "whole-table");
    assert_int_equal(f->op.seat, 6);
    assert_string_equal(seats_at(f, TEST_NOW_MS, 1, TEST_SEATS(8)), "whole-table");
    assert_string_equal(seats_at(f, TEST_NOW_MS, 1, TEST_SEATS(0, 9)), "ok"); /* by seat */
    close_hall(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_seat_is_judged_not_the_first_alone),
        cmocka_unit_test(a_sale_begins_and_ends_at_its_millisecond),
        cmocka_unit_test(an_area_has_the_times_of_its_category),
        cmocka_unit_test(best_available_looks_where_the_sale_is_on),
        cmocka_unit_test(the_soonest_of_several_sales_is_told),
        cmocka_unit_test(accessible_seats_open_to_all_at_their_millisecond),
        cmocka_unit_test(every_companion_stays_with_its_own),
        cmocka_unit_test(every_table_is_taken_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
