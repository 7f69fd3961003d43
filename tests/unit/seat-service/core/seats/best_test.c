/* best_test.c: which seats are the best, how the search gives way, and what is offered instead.
 * That it finds the very best is also what engine_model_test.c checks, over random halls. */
#include "base/rng.h"
#include "core/seats/best.h"
#include "core/seats/seats.h"
#include "test_hall.h"

#include "plan_body.h" /* after the verdicts, whose list has a ROW, too */

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

static struct fixture *open_hall(const struct test_hall *hall)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->plan = test_hall_plan(hall);
    f->engine = test_hall_engine(f->plan);
    return f;
}

static struct fixture *open_rows(const char *const *rows, bool orphan_rule)
{
    struct plan_limits limits = test_limits();
    limits.orphan_rule = orphan_rule;
    limits.max_per_hold = 64;
    return open_hall(&(struct test_hall){.rows = rows, .limits = limits});
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

static void unblock(struct fixture *f, const uint32_t *seats, uint32_t count)
{
    struct engine_op op;
    assert_int_equal(engine_unblock(f->engine, seats, count, SPAN(""), 1, &op), ENGINE_OK);
    engine_settle(f->engine, &op);
}

/* What is found, drawn as the hall: 'h' where it is. */
static const char *best_for(struct fixture *f, const struct engine_ask *ask)
{
    enum engine_verdict verdict = engine_hold(f->engine, ask, TEST_NOW_MS, &f->op);
    if (verdict != ENGINE_OK)
        return engine_verdict_name(verdict);
    test_states(f->engine, plan_seat_count(f->plan), f->text);
    engine_undo(f->engine, &f->op);
    return f->text;
}

static const char *best(struct fixture *f, uint8_t category, uint32_t n, bool adjacent)
{
    struct engine_ask ask = test_ask_best(1, category, n, adjacent);
    return best_for(f, &ask);
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

static void of_two_that_are_as_near_the_first_is_taken_and_none_before_the_seat_itself(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaaa"), false); /* the stage is between the third and */
    assert_string_equal(best(f, 0, 1, true), "..h..");   /* the fourth */
    assert_string_equal(offers_for(f, TEST_SEATS(2)), ".213.");
    close_rows(f);
}

/* ---- accessible seats and companions ---- */

static const char *best_with_access(struct fixture *f, uint32_t n, bool adjacent)
{
    struct engine_ask ask = test_ask_best(1, ENGINE_CATEGORY_ANY, n, adjacent);
    ask.who.access_need = true;
    return best_for(f, &ask);
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

/* A row of two bitmaps, of which only these seats are free: a place, its companion two further on,
 * in both halves, and a neighbour. Answers where the first of what was found is. */
static ptrdiff_t place_in_a_long_row(uint32_t left, uint32_t right, uint32_t beside, bool orphan)
{
    enum { LEN = 112 };
    char row[LEN + 1];
    memset(row, 'a', LEN);
    row[LEN] = '\0';
    row[left] = row[right] = 'A';
    row[left + 2] = row[right + 2] = '+';
    struct fixture *f = open_rows(ROWS(row), orphan);
    for (uint32_t seat = 0; seat < LEN; seat++)
        if (row[seat] == 'a' && seat != beside)
            block(f, &seat, 1);
    const char *got = best_with_access(f, 2, false), *first = strchr(got, 'h');
    assert_non_null(first);
    ptrdiff_t at = first - got;
    close_rows(f);
    return at;
}

static void
in_a_long_row_the_nearest_place_is_found_and_nobody_left_single_at_its_border(void **state)
{
    (void)state;
    assert_int_equal(place_in_a_long_row(10, 70, 112, true), 70);
    assert_int_equal(place_in_a_long_row(40, 100, 112, true), 40);
    assert_int_equal(place_in_a_long_row(60, 100, 63, false), 60);
    assert_int_equal(place_in_a_long_row(60, 100, 63, true), 100); /* 63 would be left alone */
    /* So would be whoever sits across the border of the bitmaps. */
    assert_int_equal(place_in_a_long_row(61, 100, 112, true), 61);
    assert_int_equal(place_in_a_long_row(61, 100, 64, true), 100);
    assert_int_equal(place_in_a_long_row(64, 100, 112, true), 64);
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

static void whoever_needs_access_is_refused_only_when_nothing_legal_is_left(void **state)
{
    (void)state;
    const char *given = getenv("FAIRGATE_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : rng_u64(rng_system()) >> 32;
    struct rng_seeded rng;
    printf("seed %llu\n", (unsigned long long)seed);
    rng_seeded_init(&rng, seed);
    /* An engine has room for a whole hall's holds: to make one takes longer than all that it is
     * asked here. */
    struct fixture *halls[4];
    for (unsigned i = 0; i < 4; i++) {
        halls[i] = i & 2 ? open_rows(ROWS("A+A+A+A+", "+Aa_aaA+aa", "bb+A+bbb"), i & 1)
                         : open_rows(ROWS("A_+aA_+aaa", "a+_Aa_+_A+aa", "bbb+_A_+bb"), i & 1);
        assert_int_equal(plan_seat_count(halls[i]->plan), ACCESS_SEATS);
    }
    for (unsigned round = 0; round < 3000; round++) {
        struct fixture *f = halls[round & 3];
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
        for (uint32_t s = 0; s < ACCESS_SEATS; s++)
            if ((free >> s & 1) == 0)
                unblock(f, &s, 1);
    }
    for (unsigned i = 0; i < 4; i++)
        close_rows(halls[i]);
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

/* ---- seats that not everybody may have ---- */

static const char *best_of_channels(struct fixture *f, uint32_t channels, uint32_t n)
{
    struct engine_ask ask = test_ask_best(1, ENGINE_CATEGORY_ANY, n, true);
    ask.who.channels = channels;
    return best_for(f, &ask);
}

static void
who_needs_one_accessible_seat_leaves_the_others_even_if_a_single_seat_stays(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("AA_AA__aa"), true);
    assert_string_equal(best_with_access(f, 3, false), "..hhh."); /* the first pair is nearer */
    assert_true((f->op.change.flags & CHANGE_FLAG_LAST_RESORT) != 0);
    block(f, TEST_SEATS(4, 5));
    assert_string_equal(best_with_access(f, 3, false), ".hhh##"); /* or there are no others */
    close_rows(f);
}

static void a_row_of_an_allocation_is_found_by_those_who_have_it(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("2233", "aaaa"), false);
    block(f, TEST_SEATS(4, 7));
    assert_string_equal(best_of_channels(f, 1, 2), "....#hh#");
    assert_string_equal(best_of_channels(f, 1, 3), "sold-out");
    assert_string_equal(best_of_channels(f, 3, 2), "hh..#..#");
    assert_string_equal(best_of_channels(f, 5, 2), "..hh#..#");
    assert_string_equal(best_of_channels(f, 5, 3), "sold-out");
    assert_string_equal(best_of_channels(f, 7, 4), "hhhh#..#");
    close_rows(f);
}

/* A row with all seats blocked but these. */
static struct fixture *open_row_of(uint32_t len, const char *seats, const uint32_t *free,
                                   uint32_t count)
{
    char row[PLAN_ROW_SEATS_MAX + 1];
    memset(row, 'a', len);
    row[len] = '\0';
    for (uint32_t i = 0; i < count; i++)
        row[free[i]] = seats[i];
    struct fixture *f = open_rows(ROWS(row), false);
    for (uint32_t seat = 0; seat < len; seat++) {
        bool stays = false;
        for (uint32_t i = 0; i < count; i++)
            stays = stays || free[i] == seat;
        if (!stays)
            block(f, &seat, 1);
    }
    return f;
}

static struct fixture *open_long_row(const char *seats, const uint32_t *free, uint32_t count)
{
    return open_row_of(70, seats, free, count);
}

static void an_allocation_may_lie_across_two_bitmaps(void **state)
{
    (void)state;
    struct fixture *f = open_long_row("222222", TEST_SEATS(62, 63, 64, 65, 66, 67));
    assert_string_equal(best_of_channels(f, 1, 1), "sold-out");
    assert_true(strspn(best_of_channels(f, 3, 6), "#") == 62);
    assert_string_equal(best_of_channels(f, 3, 7), "sold-out");
    close_rows(f);
    f = open_long_row("aaa2", TEST_SEATS(63, 64, 65, 66));
    assert_string_equal(best_of_channels(f, 1, 4), "sold-out");
    assert_true(strspn(best_of_channels(f, 1, 3), "#") == 63);
    assert_true(strspn(best_of_channels(f, 3, 4), "#") == 63);
    close_rows(f);
}

static void an_accessible_seat_and_its_companion_may_lie_in_two_bitmaps(void **state)
{
    (void)state;
    struct fixture *f = open_long_row("aA+", TEST_SEATS(62, 63, 64));
    assert_int_equal(strspn(best_with_access(f, 3, true), "#"), 62);
    assert_int_equal(f->op.change.seats[2], 64);
    assert_string_equal(best_with_access(f, 4, true), "sold-out");
    close_rows(f);
    f = open_long_row("a+A", TEST_SEATS(62, 63, 64));
    assert_int_equal(strspn(best_with_access(f, 2, true), "#."), 63);
    assert_int_equal(f->op.change.seats[1], 64);
    close_rows(f);
}

static void a_companion_across_the_bitmaps_is_not_left_alone(void **state)
{
    (void)state;
    /* Of the second bitmap the three without a gap between them and their need would do, but for
     * the companion, whose accessible seat is in the first. */
    struct fixture *f = open_long_row("A+aa", TEST_SEATS(63, 64, 66, 68));
    (void)best_with_access(f, 3, false);
    assert_int_equal(f->op.change.add_count, 3);
    assert_int_equal(f->op.change.seats[0], 63);
    close_rows(f);
    f = open_long_row("A+aA", TEST_SEATS(63, 64, 66, 68));
    (void)best_with_access(f, 3, false);
    assert_int_equal(f->op.change.seats[0], 63);
    block(f, TEST_SEATS(63)); /* now nobody may have the companion's seat */
    (void)best_with_access(f, 2, false);
    assert_int_equal(f->op.change.seats[0], 66);
    assert_string_equal(best_with_access(f, 3, false), "sold-out");
    close_rows(f);
}

/* The accessible seat has in the first bitmap the place that a seat of the second has there. */
static void a_seat_in_the_same_place_of_another_bitmap_is_no_accessible_seat(void **state)
{
    (void)state;
    struct fixture *f = open_row_of(128, "A+Aa", TEST_SEATS(63, 64, 125, 127));
    (void)best_with_access(f, 3, false);
    assert_int_equal(f->op.change.add_count, 3);
    assert_int_equal(f->op.change.seats[0], 63);
    assert_int_equal(f->op.change.seats[1], 64);
    close_rows(f);
    f = open_row_of(128, "Aaa", TEST_SEATS(0, 63, 64));
    assert_string_equal(best_with_access(f, 2, true), "sold-out");
    close_rows(f);
    f = open_row_of(128, "2Aa", TEST_SEATS(0, 1, 64)); /* nor is one that anybody may have */
    assert_string_equal(best_with_access(f, 2, true), "sold-out");
    close_rows(f);
}

/* ---- one row with gaps ---- */

static void a_companion_beside_its_own_seat_is_no_reason_to_leave_the_row(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aA", "A+aa"), false);
    block(f, TEST_SEATS(4));
    assert_string_equal(best_with_access(f, 3, false), "..hh#h");
    close_rows(f);
}

static void of_several_ways_to_sit_in_one_row_the_closest_is_taken(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaaaaaaa"), false);
    block(f, TEST_SEATS(1, 3, 4, 7));
    assert_string_equal(best(f, 0, 3, false), ".#.##hh#h");
    block(f, TEST_SEATS(5));
    assert_string_equal(best(f, 0, 3, false), "h#h###h#.");
    close_rows(f);
    f = open_rows(ROWS("aaaaaaa"), false);
    block(f, TEST_SEATS(2, 4));
    assert_string_equal(best(f, 0, 3, false), "hh#h#.."); /* as close as the other end: the first */
    close_rows(f);
}

static void at_a_table_nobody_is_single_with_a_gap_either(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("~aaaaa", "aaaaa"), true);
    block(f, TEST_SEATS(2, 7, 9));
    assert_string_equal(best(f, 0, 3, false), "hh#h."
                                              "..#.#");
    close_rows(f);
}

static void a_gap_weighs_more_than_a_row_further_back(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaaaa", "aaaaaa"), false);
    block(f, TEST_SEATS(0, 2, 3, 5, 6, 9, 11));
    assert_string_equal(best(f, 0, 3, false), "#.##.#"
                                              "#hh#h#");
    close_rows(f);
}

/* A gap of two places, or one of one place three rows further back, in drawings large and small. */
static void the_smaller_gap_is_worth_some_rows_however_the_hall_is_drawn(void **state)
{
    (void)state;
    for (unsigned drawing = 0; drawing < 8; drawing++) {
        struct fixture *f =
            open_hall(&(struct test_hall){.rows = ROWS("aaaaa", "aaaaa", "aaaaa", "aaaaa"),
                                          .limits = test_limits(),
                                          .turns = drawing % 4,
                                          .apart = drawing < 4 ? 10 : 0.1F});
        block(f, TEST_SEATS(1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 17, 19));
        assert_string_equal(best(f, 0, 3, false), ".##.."
                                                  "#####"
                                                  "#####"
                                                  "hh#h#");
        close_rows(f);
    }
}

static void seats_with_a_gap_are_those_of_the_second_bitmap_too(void **state)
{
    (void)state;
    struct fixture *f = open_long_row("aaa", TEST_SEATS(64, 66, 67));
    (void)best(f, 0, 3, false);
    assert_int_equal(f->op.change.add_count, 3);
    assert_int_equal(f->op.change.seats[0], 64);
    assert_int_equal(f->op.change.seats[1], 66);
    assert_int_equal(f->op.change.seats[2], 67);
    close_rows(f);
}

/* Two rows of two bitmaps. In the first only these are free, with a gap; the nearer three of them
 * would leave the one beside them single if the border were not there. In the second there are
 * three further away. */
static bool a_gap_is_left_alone(const uint32_t free[4])
{
    enum { LEN = 112 };
    const uint32_t second[] = {LEN + 100, LEN + 101, LEN + 103};
    char row[LEN + 1];
    memset(row, 'a', LEN);
    row[LEN] = '\0';
    struct fixture *f = open_rows(ROWS(row, row), true);
    for (uint32_t seat = 0; seat < 2 * LEN; seat++) {
        bool left = false;
        for (unsigned i = 0; i < 4; i++)
            left = left || seat == free[i] || (i < 3 && seat == second[i]);
        if (!left)
            block(f, &seat, 1);
    }
    const char *got = best(f, 0, 3, false);
    assert_int_equal(strspn(got, "#.h"), 2 * LEN); /* or nothing was found */
    bool alone = memchr(got, 'h', LEN) == NULL;
    assert_int_equal(f->op.change.flags, CHANGE_FLAG_BEST);
    close_rows(f);
    return alone;
}

static void
a_gap_that_leaves_somebody_single_across_the_border_of_bitmaps_is_not_offered(void **state)
{
    (void)state;
    assert_true(a_gap_is_left_alone((const uint32_t[]){63, 64, 66, 68}));
    assert_true(a_gap_is_left_alone((const uint32_t[]){59, 61, 63, 64}));
    assert_false(a_gap_is_left_alone((const uint32_t[]){62, 64, 66, 68})); /* single as it was */
    assert_false(a_gap_is_left_alone((const uint32_t[]){59, 61, 63, 65}));
}

static void more_neighbours_than_a_window_holds_are_found_as_one_row(void **state)
{
    (void)state;
    struct fixture *f =
        open_rows(ROWS("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), false);
    assert_int_equal(plan_seat_count(f->plan), 64);
    assert_int_equal(strspn(best(f, 0, 62, true), "h."), 64);
    assert_string_equal(best(f, 0, 63, true), "sold-out");
    assert_int_equal(strspn(best(f, 0, 63, false), "h."), 64);
    assert_int_equal(strspn(best(f, 0, 64, false), "h"), 64);
    close_rows(f);
}

/* ---- several pieces ---- */

static void more_than_any_row_has_are_taken_from_several(void **state)
{
    (void)state;
    static const char row[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"; /* 40 */
    struct fixture *f = open_rows(ROWS(row, row), false);
    for (uint32_t n = BEST_ADJACENT_MAX; n <= HOLD_SEATS_MAX; n++) {
        const char *got = best(f, 0, n, false);
        assert_int_equal(strspn(got, "h"), 40); /* the first row, and of the second what is near */
        assert_int_equal(f->op.change.add_count, n);
    }
    close_rows(f);
}

static void the_next_piece_is_near_the_first_and_not_near_the_stage(void **state)
{
    (void)state;
    struct fixture *f = open_rows(
        ROWS("____aa____", "bbbbbbbbbb", "bbbbbbbbbb", "aaa_aa____", "aa________"), false);
    /* The first are the three in the last row but one: behind them it is nearer than beside them,
     */
    assert_string_equal(best(f, 0, 5, false), "......................hhh..hh");
    block(f, TEST_SEATS(27, 28));
    assert_string_equal(best(f, 0, 5, false),
                        "......................hhhhh##"); /* or at the stage */
    close_rows(f);
}

static void tables_are_proposed_whole_or_not_at_all(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("=aaa", "=aa", "a_a"), true);
    assert_string_equal(best(f, 0, 3, true), "hhh....");
    assert_string_equal(best(f, 0, 2, true), "...hh..");
    assert_int_equal(strspn(best(f, 0, 1, true), "."), 6); /* none of a table */
    assert_string_equal(best(f, 0, 4, true), "sold-out");
    block(f, TEST_SEATS(1));
    assert_string_equal(best(f, 0, 3, true), "sold-out");
    assert_string_equal(best(f, 0, 3, false), ".#.hh.h"); /* in pieces: the table, and another */
    close_rows(f);
}

/* ---- a crowd ---- */

/* How many different places are proposed to a hundred who ask one after the other. */
static uint32_t proposed(struct best *best, unsigned attempt, uint32_t *furthest)
{
    struct best_ask ask = {
        .categories = 1, .on_sale = 1, .channels = 1, .quantity = 4, .adjacent = true};
    bool seen[50 * 10] = {false};
    uint32_t count = 0;
    *furthest = 0;
    for (unsigned i = 0; i < 400; i++) {
        struct best_pick pick;
        assert_int_equal(best_find(best, &ask, attempt, &pick), BEST_ADJACENT);
        assert_int_equal(pick.count, 4);
        count += !seen[pick.seats[0]];
        seen[pick.seats[0]] = true;
        *furthest = pick.seats[0] > *furthest ? pick.seats[0] : *furthest;
    }
    return count;
}

static void a_crowd_is_spread_over_the_nearest_and_no_further(void **state)
{
    (void)state;
    struct plan *plan = test_hall_block(50, 10, test_limits(), 0);
    struct seats seats;
    struct best *best;
    assert_int_equal(seats_init(&seats, plan_facts(plan)), 0);
    assert_int_equal(best_create(plan, &seats, 7, &best), 0);
    uint32_t furthest;
    assert_int_equal(proposed(best, 0, &furthest), 1);
    assert_int_equal(proposed(best, 1, &furthest), 16); /* whoever has lost once looks further, */
    assert_int_equal(furthest / 10, 15);
    assert_int_equal(proposed(best, 2, &furthest), BEST_SPREAD_MAX); /* but not for ever */
    assert_int_equal(furthest / 10, BEST_SPREAD_MAX - 1);
    assert_int_equal(proposed(best, BEST_RETRIES_MAX - 1, &furthest), BEST_SPREAD_MAX);
    best_enter(best);
    assert_int_equal(proposed(best, 0, &furthest), 1); /* alone */
    best_enter(best);
    assert_int_equal(proposed(best, 0, &furthest), 8);
    assert_int_equal(furthest / 10, 7);
    best_enter(best);
    assert_int_equal(proposed(best, 0, &furthest), 12);
    best_leave(best);
    best_leave(best);
    best_leave(best);
    assert_int_equal(proposed(best, 0, &furthest), 1);
    best_destroy(best);
    seats_deinit(&seats);
    plan_destroy(plan);
}

static void offers_from_few_rows_are_as_many_as_there_is_room_for(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaaaaaaaa", "aaaaaaaaaa"), false);
    block(f, TEST_SEATS(4, 5));
    struct engine_ask ask = test_ask_seats(1, TEST_SEATS(4, 5));
    struct engine_offer offers[ALTERNATIVES_MAX];
    assert_int_equal(engine_alternatives(f->engine, &ask, TEST_NOW_MS, offers), ALTERNATIVES_MAX);
    uint64_t seen = 0;
    for (unsigned i = 0; i < ALTERNATIVES_MAX; i++) {
        assert_int_equal(offers[i].count, 2);
        for (unsigned j = 0; j < 2; j++) {
            assert_true((seen & UINT64_C(1) << offers[i].seats[j]) == 0);
            seen |= UINT64_C(1) << offers[i].seats[j];
        }
    }
    assert_true((seen & (3 << 4)) == 0);
    close_rows(f);
}

/* Three seats free, in a row whose places do not fit one word: whichever two are taken, one stays
 * single, and that is said. */
static void in_a_long_row_a_single_seat_is_seen_before_the_border_and_behind_it(void **state)
{
    (void)state;
    enum { SEATS = 100 };
    char row[SEATS + 1];
    memset(row, 'a', SEATS);
    row[SEATS] = '\0';
    static const uint32_t firsts[] = {0, 30, 61, 62, 63, 64, 97};
    for (unsigned i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
        struct fixture *f = open_rows(ROWS(row), true);
        uint32_t taken[SEATS], count = 0;
        for (uint32_t seat = 0; seat < SEATS; seat++) {
            if (seat < firsts[i] || seat > firsts[i] + 2)
                taken[count++] = seat;
        }
        block(f, taken, count);
        struct engine_ask ask = test_ask_best(1, 0, 2, true);
        assert_int_equal(engine_hold(f->engine, &ask, TEST_NOW_MS, &f->op), ENGINE_OK);
        assert_true((f->op.change.flags & CHANGE_FLAG_LAST_RESORT) != 0);
        engine_undo(f->engine, &f->op);
        ask = test_ask_best(1, 0, 3, true);
        assert_int_equal(engine_hold(f->engine, &ask, TEST_NOW_MS, &f->op), ENGINE_OK);
        assert_int_equal(f->op.change.flags, CHANGE_FLAG_BEST | CHANGE_FLAG_ADJACENT);
        assert_int_equal(f->op.change.seats[0], firsts[i]);
        engine_undo(f->engine, &f->op);
        close_rows(f);
    }
}

static void what_was_offered_behind_the_border_of_bitmaps_is_not_offered_before_it(void **state)
{
    (void)state;
    struct fixture *f = open_long_row("aaaaaaaa", TEST_SEATS(60, 61, 62, 63, 64, 65, 66, 67));
    struct engine_ask ask = test_ask_seats(1, TEST_SEATS(64, 65, 66, 67));
    struct engine_offer offers[ALTERNATIVES_MAX];
    assert_int_equal(engine_alternatives(f->engine, &ask, TEST_NOW_MS, offers), 2);
    assert_int_equal(offers[0].seats[0], 64);
    assert_int_equal(offers[1].seats[0], 60); /* 63 is nearer, with three of the first offer */
    close_rows(f);
}

static void a_large_group_has_as_many_offers_as_a_small_one(void **state)
{
    (void)state;
    enum { GROUP = 40 };
    struct plan *plan = test_hall_block(5, GROUP, test_limits(), 0);
    struct engine *engine = test_hall_engine(plan);
    uint32_t seats[GROUP];
    for (uint32_t i = 0; i < GROUP; i++)
        seats[i] = i;
    struct engine_ask ask = test_ask_seats(1, seats, GROUP);
    struct engine_offer offers[ALTERNATIVES_MAX];
    assert_int_equal(engine_alternatives(engine, &ask, TEST_NOW_MS, offers), 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(offers[i].count, GROUP);
        assert_int_equal(offers[i].seats[0], i * GROUP);
    }
    engine_destroy(engine);
    plan_destroy(plan);
}

static void what_was_offered_in_one_row_is_still_offered_in_another(void **state)
{
    (void)state;
    enum { LEN = 70 };
    char row[LEN + 1];
    memset(row, 'a', LEN);
    row[LEN] = '\0';
    struct fixture *f = open_rows(ROWS(row, row), false);
    for (uint32_t seat = 0; seat < 2 * LEN; seat++) {
        uint32_t pos = seat % LEN;
        bool front = pos >= 64 && pos <= 67, back = pos >= 57 && pos <= 65 && pos != 61;
        if (seat < LEN ? !front : !back)
            block(f, &seat, 1);
    }
    struct engine_ask ask = test_ask_seats(1, TEST_SEATS(57, 58, 59, 60));
    struct engine_offer offers[ALTERNATIVES_MAX];
    assert_int_equal(engine_alternatives(f->engine, &ask, TEST_NOW_MS, offers), 3);
    assert_int_equal(offers[0].seats[0], LEN + 57);
    assert_int_equal(offers[1].seats[0], 64);
    assert_int_equal(offers[2].seats[0], LEN + 62); /* across the border of its bitmaps */
    close_rows(f);
}

static void accessible_seats_are_like_others_from_their_time_on(void **state)
{
    (void)state;
    for (unsigned open = 0; open < 2; open++) {
        for (unsigned need = 0; need < 2; need++) {
            struct fixture *f = calloc(1, sizeof(*f));
            struct plan_limits limits = test_limits();
            limits.access_until_ms = open ? TEST_NOW_MS : TEST_NOW_MS + 1;
            f->plan = test_hall_plan(&(struct test_hall){.rows = ROWS("aA+a"), .limits = limits});
            f->engine = test_hall_engine(f->plan);
            struct engine_ask ask = test_ask_best(1, 0, 4, true);
            ask.who.access_need = need;
            assert_string_equal(best_for(f, &ask), open || need ? "hhhh" : "sold-out");
            ask = test_ask_best(1, 0, 2, true);
            ask.who.access_need = need;
            const char *got = best_for(f, &ask); /* a need is met by the seat for it, till then */
            if (need && !open)
                assert_string_equal(got, ".hh.");
            else if (open)
                assert_non_null(strchr(got, 'h'));
            else
                assert_string_equal(got, "sold-out"); /* two that are not side by side */
            close_rows(f);
        }
    }
}

/* Two seats may lie nearer in their middle than either does by itself. */
static void a_pair_on_both_sides_of_the_middle_is_nearer_than_its_seats(void **state)
{
    (void)state;
    struct fixture *f = calloc(1, sizeof(*f));
    f->plan = plan_body_taken(
        BODY(PLAN(ROW(SEAT("a", "1.55") "," SEAT(
                 "b", "2.55")) ","
                               "{'row_number':'2','position':{'x':0,'y':2},'seats':[" SEAT(
                                   "c", "-0.5") "," SEAT("d", "0.5") "]}"),
             ",'focal_point':{'x':100,'y':50}"));
    f->engine = test_hall_engine(f->plan);
    assert_string_equal(best(f, 0, 1, true), "h...");
    assert_string_equal(best(f, 0, 2, true), "..hh");
    close_rows(f);
}

/* A seat alone, in the middle of its row, may be nearer than any pair with it. */
static void a_single_seat_in_the_middle_is_nearer_than_a_pair_with_it(void **state)
{
    (void)state;
    struct fixture *f = calloc(1, sizeof(*f));
    f->plan = plan_body_taken(
        BODY(PLAN(ROW(SEAT("a", "0.3")) ","
                                        "{'row_number':'2','position':{'x':0,'y':0},'seats':[" SEAT(
                                            "b", "-1") "," SEAT("c", "0") "," SEAT("d", "1") "]}"),
             ",'limits':{'orphan_rule':false},'focal_point':{'x':100,'y':50}"));
    f->engine = test_hall_engine(f->plan);
    assert_string_equal(best(f, 0, 1, true), "..h.");
    close_rows(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_to_the_focal_point_are_the_best),
        cmocka_unit_test(a_pair_on_both_sides_of_the_middle_is_nearer_than_its_seats),
        cmocka_unit_test(a_single_seat_in_the_middle_is_nearer_than_a_pair_with_it),
        cmocka_unit_test(it_gives_way_in_the_stated_steps_and_says_so),
        cmocka_unit_test(one_row_with_a_gap_comes_before_two_rows),
        cmocka_unit_test(a_category_is_kept_to_and_aisles_are_not_crossed),
        cmocka_unit_test(a_window_reaches_over_the_bitmaps_of_a_long_row),
        cmocka_unit_test(three_offers_near_the_lost_seats_are_free_adjacent_and_near),
        cmocka_unit_test(in_a_hall_that_is_nearly_full_one_row_has_several_offers),
        cmocka_unit_test(offers_from_one_long_row_share_no_seat),
        cmocka_unit_test(an_offer_leaves_nobody_single_whatever_the_others_take),
        cmocka_unit_test(
            of_two_that_are_as_near_the_first_is_taken_and_none_before_the_seat_itself),
        cmocka_unit_test(a_wheelchair_place_and_its_companion_are_found_whatever_went_before),
        cmocka_unit_test(
            in_a_long_row_the_nearest_place_is_found_and_nobody_left_single_at_its_border),
        cmocka_unit_test(whoever_needs_access_is_refused_only_when_nothing_legal_is_left),
        cmocka_unit_test(whoever_asks_alone_gets_the_best_and_who_loses_looks_further),
        cmocka_unit_test(
            who_needs_one_accessible_seat_leaves_the_others_even_if_a_single_seat_stays),
        cmocka_unit_test(a_row_of_an_allocation_is_found_by_those_who_have_it),
        cmocka_unit_test(an_allocation_may_lie_across_two_bitmaps),
        cmocka_unit_test(an_accessible_seat_and_its_companion_may_lie_in_two_bitmaps),
        cmocka_unit_test(a_companion_across_the_bitmaps_is_not_left_alone),
        cmocka_unit_test(a_seat_in_the_same_place_of_another_bitmap_is_no_accessible_seat),
        cmocka_unit_test(a_companion_beside_its_own_seat_is_no_reason_to_leave_the_row),
        cmocka_unit_test(of_several_ways_to_sit_in_one_row_the_closest_is_taken),
        cmocka_unit_test(at_a_table_nobody_is_single_with_a_gap_either),
        cmocka_unit_test(a_gap_weighs_more_than_a_row_further_back),
        cmocka_unit_test(the_smaller_gap_is_worth_some_rows_however_the_hall_is_drawn),
        cmocka_unit_test(seats_with_a_gap_are_those_of_the_second_bitmap_too),
        cmocka_unit_test(
            a_gap_that_leaves_somebody_single_across_the_border_of_bitmaps_is_not_offered),
        cmocka_unit_test(more_neighbours_than_a_window_holds_are_found_as_one_row),
        cmocka_unit_test(more_than_any_row_has_are_taken_from_several),
        cmocka_unit_test(the_next_piece_is_near_the_first_and_not_near_the_stage),
        cmocka_unit_test(tables_are_proposed_whole_or_not_at_all),
        cmocka_unit_test(a_crowd_is_spread_over_the_nearest_and_no_further),
        cmocka_unit_test(offers_from_few_rows_are_as_many_as_there_is_room_for),
        cmocka_unit_test(in_a_long_row_a_single_seat_is_seen_before_the_border_and_behind_it),
        cmocka_unit_test(what_was_offered_behind_the_border_of_bitmaps_is_not_offered_before_it),
        cmocka_unit_test(a_large_group_has_as_many_offers_as_a_small_one),
        cmocka_unit_test(what_was_offered_in_one_row_is_still_offered_in_another),
        cmocka_unit_test(accessible_seats_are_like_others_from_their_time_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
