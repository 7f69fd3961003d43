/* best_test.c: which seats are the best, how the search gives way, and what is offered instead.
 * That it finds the very best is also what engine_model_test.c checks, over random halls. */
#include "base/rng.h"
#include "test_hall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct plan *plan;
    struct engine *engine;
    struct engine_op op;
    char text[512];
};

#define ROWS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct fixture *open_rows(const char *const *rows, bool orphan_rule)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct plan_limits limits = test_limits();
    limits.orphan_rule = orphan_rule;
    limits.max_per_hold = 64;
    f->plan = test_hall_plan(&(struct test_hall){.rows = rows, .limits = limits});
    f->engine = test_hall_engine(f->plan);
    return f;
}

static void close_rows(struct fixture *f)
{
    engine_destroy(f->engine);
    plan_destroy(f->plan);
    free(f);
}

static void block(struct fixture *f, const uint32_t *seats, uint32_t count)
{
    struct engine_op op;
    assert_int_equal(engine_block(f->engine, seats, count, SPAN(""), 1, &op), ENGINE_OK);
    engine_settle(f->engine, &op);
}

/* The best n drawn as the hall: 'h' where they are. */
static const char *best(struct fixture *f, uint8_t category, uint32_t n, bool adjacent)
{
    struct engine_ask ask = test_ask_best(1, category, n, adjacent);
    enum engine_verdict verdict = engine_hold(f->engine, &ask, TEST_NOW_MS, &f->op);
    if (verdict != ENGINE_OK)
        return engine_verdict_name(verdict);
    test_states(f->engine, plan_seat_count(f->plan), f->text);
    engine_undo(f->engine, &f->op);
    return f->text;
}

static void the_nearest_to_the_focal_point_are_the_best(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaaaaaa", "aaaaaaaa"), false);
    assert_string_equal(best(f, 0, 2, true), "...hh..."
                                             "........");
    block(f, TEST_SEATS(3, 4));
    assert_string_equal(best(f, 0, 2, true), "...##hh."
                                             "........");
    block(f, TEST_SEATS(5, 2));
    assert_string_equal(best(f, 0, 2, true), "..####.."
                                             "...hh...");
    close_rows(f);
}

static void it_gives_way_in_the_stated_steps_and_says_so(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaaa", "aaaaa"), true);
    const unsigned single = CHANGE_FLAG_ORPHAN | CHANGE_FLAG_LAST_RESORT;
    block(f, TEST_SEATS(0, 6)); /* .aaaa and a.aaa */
    assert_string_equal(best(f, 0, 4, true), "#hhhh"
                                             ".#...");
    assert_int_equal(f->op.change.flags, CHANGE_FLAG_BEST | CHANGE_FLAG_ADJACENT);
    assert_string_equal(best(f, 0, 3, true), "#...."
                                             ".#hhh"); /* leaves nobody single */
    block(f, TEST_SEATS(9));
    assert_string_equal(best(f, 0, 3, true), "#hhh."
                                             ".#..#");
    assert_int_equal(f->op.change.flags, CHANGE_FLAG_BEST | CHANGE_FLAG_ADJACENT | single);
    assert_string_equal(best(f, 0, 5, true), "sold-out");
    assert_string_equal(best(f, 0, 6, false), "#hhhh"
                                              ".#hh#");
    assert_int_equal(f->op.change.flags, CHANGE_FLAG_BEST);
    assert_string_equal(best(f, 0, 8, false), "sold-out");
    close_rows(f);
}

static void one_row_with_a_gap_comes_before_two_rows(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaa", "aaaaa"), false);
    block(f, TEST_SEATS(0, 1, 6));
    assert_string_equal(best(f, 0, 4, false), "##.."
                                              "hh#hh");
    assert_int_equal(f->op.change.flags, CHANGE_FLAG_BEST);
    close_rows(f);
}

static void a_category_is_kept_to_and_aisles_are_not_crossed(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aa_bbb", "bbb_bb"), false);
    assert_string_equal(best(f, 0, 2, true), "hh..."
                                             ".....");
    assert_string_equal(best(f, 0, 3, true), "sold-out");
    assert_string_equal(best(f, 1, 3, true), "..hhh"
                                             ".....");
    assert_string_equal(best(f, 1, 4, true), "sold-out");
    assert_string_equal(best(f, ENGINE_CATEGORY_ANY, 4, true), "sold-out");
    close_rows(f);
}

static void a_window_reaches_over_the_bitmaps_of_a_long_row(void **state)
{
    (void)state;
    struct plan_limits limits = test_limits();
    limits.max_per_hold = 64;
    limits.orphan_rule = true;
    struct plan *plan = test_hall_block(1, 150, limits, 0);
    struct engine *engine = test_hall_engine(plan);
    struct engine_op op;
    for (uint32_t i = 0; i < 150; i++) { /* all but 60..68 and 127..129 */
        if ((i >= 60 && i <= 68) || (i >= 127 && i <= 129))
            continue;
        assert_int_equal(engine_block(engine, &i, 1, SPAN(""), 1, &op), ENGINE_OK);
        engine_settle(engine, &op);
    }
    const struct {
        uint32_t n, first;
    } cases[] = {{9, 60}, {7, 62}, {3, 66}};
    for (unsigned i = 0; i < 3; i++) {
        struct engine_ask ask = test_ask_best(1, 0, cases[i].n, true);
        assert_int_equal(engine_hold(engine, &ask, TEST_NOW_MS, &op), ENGINE_OK);
        assert_int_equal(op.change.seats[0], cases[i].first); /* nearest the middle, none single */
        assert_false(op.change.flags & CHANGE_FLAG_ORPHAN);
        engine_undo(engine, &op);
    }
    engine_destroy(engine);
    plan_destroy(plan);
}

static void three_offers_near_the_lost_seats_are_free_adjacent_and_near(void **state)
{
    (void)state;
    struct plan *plan = test_hall_block(20, 20, test_limits(), 0);
    struct engine *engine = test_hall_engine(plan);
    uint32_t lost[] = {10 * 20 + 5, 10 * 20 + 6};
    test_hold(engine, 1, lost, 2);
    struct engine_ask ask = test_ask_seats(2, lost, 2);
    struct engine_offer offers[ALTERNATIVES_MAX];
    assert_int_equal(engine_alternatives(engine, &ask, TEST_NOW_MS, offers), 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(offers[i].count, 2);
        assert_int_equal(offers[i].seats[1], offers[i].seats[0] + 1);
        assert_true(abs((int)(offers[i].seats[0] / 20) - 10) <= 2);
        assert_true(abs((int)(offers[i].seats[0] % 20) - 5) <= 3);
        assert_int_equal(engine_seat(engine, offers[i].seats[0]).state, ENGINE_FREE);
    }
    engine_destroy(engine);
    plan_destroy(plan);
}

/* What is offered to somebody who asked for `lost`, drawn: 1, 2, 3 where the offers are. */
static const char *offers_for(struct fixture *f, const uint32_t *lost, uint32_t count)
{
    struct engine_ask ask = test_ask_seats(2, lost, count);
    struct engine_offer offers[ALTERNATIVES_MAX];
    uint32_t len = engine_alternatives(f->engine, &ask, TEST_NOW_MS, offers);
    test_states(f->engine, plan_seat_count(f->plan), f->text);
    for (uint32_t i = 0; i < len; i++) {
        for (uint32_t j = 0; j < offers[i].count; j++) {
            assert_int_equal(f->text[offers[i].seats[j]], '.');
            f->text[offers[i].seats[j]] = (char)('1' + i);
        }
    }
    return f->text;
}

static void in_a_hall_that_is_nearly_full_one_row_has_several_offers(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaaaaaaaaaa", "aaaaaaaaaaaa"), true);
    block(f, TEST_SEATS(2, 3, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19, 22, 23));
    /* The nearest of each row, then what else there is. */
    assert_string_equal(offers_for(f, TEST_SEATS(6, 7)), "..##22####33"
                                                         "########11##");
    block(f, TEST_SEATS(20, 21));
    assert_string_equal(offers_for(f, TEST_SEATS(6, 7)), "33##11####22"
                                                         "############");
    block(f, TEST_SEATS(0, 1, 10, 11));
    assert_string_equal(offers_for(f, TEST_SEATS(6, 7)), "####11######"
                                                         "############");
    close_rows(f);
}

static void offers_from_one_long_row_share_no_seat(void **state)
{
    (void)state;
    struct plan *plan = test_hall_block(1, 100, test_limits(), 0);
    struct engine *engine = test_hall_engine(plan);
    struct engine_offer offers[ALTERNATIVES_MAX];
    /* All free, and the nearest windows from both bitmaps of the row reach over its 64th place. */
    uint32_t asked[] = {62, 63, 64, 65};
    bool offered[100] = {false};
    struct engine_ask ask = test_ask_seats(1, asked, 4);
    assert_int_equal(engine_alternatives(engine, &ask, TEST_NOW_MS, offers), 3);
    for (uint32_t i = 0; i < 3; i++) {
        for (uint32_t j = 0; j < 4; j++) {
            assert_false(offered[offers[i].seats[j]]);
            offered[offers[i].seats[j]] = true;
        }
    }
    engine_destroy(engine);
    plan_destroy(plan);
}

static void an_offer_leaves_nobody_single_whatever_the_others_take(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaaaaaa"), true);
    block(f, TEST_SEATS(4, 5, 6, 7));
    /* The second from either end would leave the one beside it. */
    assert_string_equal(offers_for(f, TEST_SEATS(4)), "2..1####");
    close_rows(f);
}

/* ---- accessible seats and companions ---- */

static const char *best_with_access(struct fixture *f, uint32_t n, bool adjacent)
{
    struct engine_ask ask = test_ask_best(1, ENGINE_CATEGORY_ANY, n, adjacent);
    ask.who.access_need = true;
    enum engine_verdict verdict = engine_hold(f->engine, &ask, TEST_NOW_MS, &f->op);
    if (verdict != ENGINE_OK)
        return engine_verdict_name(verdict);
    test_states(f->engine, plan_seat_count(f->plan), f->text);
    engine_undo(f->engine, &f->op);
    return f->text;
}

static void a_wheelchair_place_and_its_companion_are_found_whatever_went_before(void **state)
{
    (void)state;
    for (unsigned gone = 0; gone < 15; gone++) { /* sets of pairs */
        struct fixture *f = open_rows(ROWS("A+A+A+A+"), false);
        for (uint32_t pair = 0; pair < 4; pair++)
            if (gone >> pair & 1)
                block(f, TEST_SEATS(2 * pair, 2 * pair + 1));
        const char *got = best_with_access(f, 2, true);
        const char *first = strchr(got, 'h');
        assert_non_null(first);
        assert_int_equal((first - got) % 2, 0);
        assert_int_equal(first[1], 'h');
        close_rows(f);
    }
    /* A place that was taken without its companion is no reason to refuse the others theirs. */
    struct fixture *f = open_rows(ROWS("A+A+A+A+"), false);
    block(f, TEST_SEATS(4));
    assert_string_equal(best_with_access(f, 2, true), "..hh#...");
    assert_string_equal(best_with_access(f, 4, false), "hhhh#...");
    close_rows(f);
}

enum { ACCESS_SEATS = 25 };

static uint32_t set_of(const uint32_t *seats, uint32_t count)
{
    uint32_t set = 0;
    for (uint32_t i = 0; i < count; i++)
        set |= 1u << seats[i];
    return set;
}

/* A set of free seats without a companion whose accessible seat is missing. */
static bool is_legal(const struct plan *plan, uint32_t set)
{
    bool accessible = false;
    for (uint32_t s = 0; s < ACCESS_SEATS; s++) {
        if ((set >> s & 1) == 0)
            continue;
        unsigned flags = plan_flags_of(plan_facts(plan), s);
        if ((flags & PLAN_SEAT_COMPANION) && (set >> plan_companion_of(plan, s) & 1) == 0)
            return false;
        accessible = accessible || (flags & PLAN_SEAT_ACCESSIBLE) != 0;
    }
    return accessible;
}

static bool is_legal_window_left(const struct plan *plan, uint32_t free, uint32_t n)
{
    const struct plan_facts *facts = plan_facts(plan);
    for (uint32_t s = 0; s + n <= ACCESS_SEATS; s++) {
        uint32_t window = ((1u << n) - 1) << s;
        bool one = (free & window) == window; /* row, and category */
        for (uint32_t i = s; i < s + n; i++)
            one = one && facts->run[i] == facts->run[s] && facts->category[i] == facts->category[s];
        if (one && is_legal(plan, window))
            return true;
    }
    return false;
}

/* All that may be taken together: every free seat but companions whose accessible seat is gone. */
static bool is_legal_choice_left(const struct plan *plan, uint32_t free, uint32_t n)
{
    for (uint32_t s = 0; s < ACCESS_SEATS; s++)
        if ((plan_flags_of(plan_facts(plan), s) & PLAN_SEAT_COMPANION) &&
            (free >> plan_companion_of(plan, s) & 1) == 0)
            free &= ~(1u << s);
    return is_legal(plan, free) && (uint32_t)__builtin_popcount(free) >= n;
}

static void who_needs_access_is_refused_only_when_nothing_legal_is_left(void **state)
{
    (void)state;
    const char *given = getenv("FAIRGATE_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : rng_u64(rng_system()) >> 32;
    struct rng_seeded rng;
    printf("seed %llu\n", (unsigned long long)seed);
    rng_seeded_init(&rng, seed);
    for (unsigned round = 0; round < 3000; round++) {
        struct fixture *f = open_rows(ROWS("A+A+A+A+", "+Aa_aaA+aa", "bb+A+bbb"), round & 1);
        assert_int_equal(plan_seat_count(f->plan), ACCESS_SEATS);
        uint32_t free = (1u << (ACCESS_SEATS)) - 1, crowd = (uint32_t)rng_below(&rng.rng, 5);
        for (uint32_t s = 0; s < ACCESS_SEATS; s++)
            if (rng_below(&rng.rng, 5) < crowd) {
                block(f, &s, 1);
                free &= ~(1u << s);
            }
        for (uint32_t n = 1; n <= 5; n++)
            for (int adjacent = 0; adjacent < 2; adjacent++) {
                bool found = best_with_access(f, n, adjacent)[0] != 's';
                uint32_t set = set_of(f->op.change.seats, f->op.change.add_count);
                if (found) {
                    assert_int_equal(__builtin_popcount(set), n);
                    assert_int_equal(set & ~free, 0);
                    assert_true(is_legal(f->plan, set));
                }
                assert_int_equal(found, adjacent ? is_legal_window_left(f->plan, free, n)
                                                 : is_legal_choice_left(f->plan, free, n));
            }
        close_rows(f);
    }
}

static void whoever_asks_alone_gets_the_best_and_who_loses_looks_further(void **state)
{
    (void)state;
    struct plan *plan = test_hall_block(50, 20, test_limits(), 0);
    struct engine *engine = test_hall_engine(plan);
    struct engine_op op[40];
    /* Forty who ask one after the other: each gets four of the first rows that are left. */
    for (uint32_t i = 0; i < 40; i++) {
        struct engine_ask ask = test_ask_best(i, 0, 4, true);
        assert_int_equal(engine_hold(engine, &ask, TEST_NOW_MS, &op[i]), ENGINE_OK);
        assert_true(op[i].change.seats[0] / 20 < 17);
    }
    assert_int_equal(engine_stats(engine).best_retries, 0);
    for (uint32_t i = 0; i < 40; i++)
        engine_undo(engine, &op[i]);
    engine_destroy(engine);
    plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_to_the_focal_point_are_the_best),
        cmocka_unit_test(it_gives_way_in_the_stated_steps_and_says_so),
        cmocka_unit_test(one_row_with_a_gap_comes_before_two_rows),
        cmocka_unit_test(a_category_is_kept_to_and_aisles_are_not_crossed),
        cmocka_unit_test(a_window_reaches_over_the_bitmaps_of_a_long_row),
        cmocka_unit_test(three_offers_near_the_lost_seats_are_free_adjacent_and_near),
        cmocka_unit_test(in_a_hall_that_is_nearly_full_one_row_has_several_offers),
        cmocka_unit_test(offers_from_one_long_row_share_no_seat),
        cmocka_unit_test(an_offer_leaves_nobody_single_whatever_the_others_take),
        cmocka_unit_test(a_wheelchair_place_and_its_companion_are_found_whatever_went_before),
        cmocka_unit_test(who_needs_access_is_refused_only_when_nothing_legal_is_left),
        cmocka_unit_test(whoever_asks_alone_gets_the_best_and_who_loses_looks_further),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
