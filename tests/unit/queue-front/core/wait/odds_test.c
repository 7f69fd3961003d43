/* odds_test.c: the odds of a sell-out before one's turn, and that they are steady. */
#include "core/wait/odds.h"

#include "core/line/ghosts.h"
#include "line/line_limits.h"
#include "unit.h"

static struct line_view open_line(void)
{
    return (struct line_view){.state = LINE_OPEN,
                              .issued = 10000,
                              .serving = 1000,
                              .admitted = 1000,
                              .show_up_milli = 1000};
}

enum { MOST = 4 };

static const struct eta_model everybody = {.judged_ahead = 0.0, .gone_share = 0.0};

static struct odds feed(const struct odds *before, const struct line_view *view, uint64_t seats)
{
    const struct odds_line line = {view, &everybody};
    return odds_feed(before, &line, 1, seats, MOST);
}

/* A thousand came and took two seats each; so many are left. */
static struct odds after_a_thousand(const struct line_view *view, uint64_t left)
{
    struct line_view before = *view;
    before.admitted = 0;
    struct odds first = feed(NULL, &before, left + 2000);
    assert_false(first.known);
    return feed(&first, view, left);
}

static void the_line_is_cut_where_the_seats_end(void **state)
{
    (void)state;
    struct line_view view = open_line();
    struct odds odds = after_a_thousand(&view, 4000);
    assert_true(odds.known);
    assert_int_equal(odds_seats_milli(&odds), 2000);
    /* 2000 more visitors: place 3000, with a good tenth of doubt to either side. */
    assert_in_range(odds.cut[0].unlikely_upto, 2700, 2950);
    assert_in_range(odds.cut[0].likely_from, 3050, 3350);
    assert_int_equal(odds_at(&odds, 0, 1001), ODDS_UNLIKELY);
    assert_int_equal(odds_at(&odds, 0, 3000), ODDS_UNSURE);
    assert_int_equal(odds_at(&odds, 0, 10000), ODDS_LIKELY);
}

static void a_no_show_takes_no_seat(void **state)
{
    (void)state;
    struct line_view view = open_line();
    view.show_up_milli = 500;
    struct odds odds = after_a_thousand(&view, 4000);
    assert_in_range(odds.cut[0].unlikely_upto, 4500, 4950);
    assert_in_range(odds.cut[0].likely_from, 5050, 5700);
    view.outstanding = 1000; /* called already, half of whom come first */
    struct odds sooner = after_a_thousand(&view, 4000);
    assert_int_equal(sooner.cut[0].likely_from, odds.cut[0].likely_from - 1000);
    view = open_line();
    view.show_up_milli = 0; /* of a hundred who are called one comes, at least */
    odds = after_a_thousand(&view, 4000);
    assert_in_range(odds.cut[0].likely_from, 1000 + 218401, 1000 + 218501);
}

static void few_visitors_give_no_odds_and_no_seats_are_a_sell_out(void **state)
{
    (void)state;
    struct line_view view = open_line();
    view.admitted = 49;
    struct odds odds = after_a_thousand(&view, 4000);
    assert_false(odds.known);
    view.admitted = 80;
    view.active = 62; /* by half */
    odds = after_a_thousand(&view, 4000);
    assert_false(odds.known);
    view = open_line();
    odds = after_a_thousand(&view, 0);
    assert_int_equal(odds.cut[0].likely_from, view.serving + 1);
    assert_int_equal(odds.cut[0].unlikely_upto, view.serving); /* called visitors may buy */
}

static void blocked_seats_are_no_demand(void **state)
{
    (void)state;
    struct line_view view = open_line();
    view.active = 400;
    struct odds odds = after_a_thousand(&view, 64850);
    uint64_t before = odds_seats_milli(&odds);
    assert_in_range(before, 2000, 2600); /* those inside are counted by half */
    assert_int_equal(odds_at(&odds, 0, view.serving + 284), ODDS_UNLIKELY);
    view.admitted += 10;
    odds = feed(&odds, &view, 64850 - 51808);
    assert_int_equal(odds_seats_milli(&odds), before);
    assert_int_equal(odds_at(&odds, 0, view.serving + 284), ODDS_UNLIKELY);
    odds = feed(&odds, &view, 64850); /* and free again */
    assert_int_equal(odds_seats_milli(&odds), before);
    assert_int_equal(odds_at(&odds, 0, view.serving + 284), ODDS_UNLIKELY);
}

/* Odds that wobble by a few percent move no place from one word to another and back. */
static void a_small_change_is_not_shown(void **state)
{
    (void)state;
    struct rng_seeded seeded;
    rng_seeded_init(&seeded, unit_seed());
    struct line_view view = open_line();
    view.active = 100;
    struct odds odds = after_a_thousand(&view, 4000);
    uint64_t left = 4000, turns[10001] = {0};
    enum odds_sold_out told[10001];
    for (uint64_t place = 1001; place <= 10000; place++)
        told[place] = odds_at(&odds, 0, place);
    for (int n = 0; n < 200; n++) {
        /* Nine come and take 18 seats; but the number fed wobbles by two percent. */
        view.admitted += 9;
        view.serving += 9;
        left -= 18;
        odds = feed(&odds, &view, left + rng_below(&seeded.rng, left / 50 + 1));
        for (uint64_t place = view.serving + 1; place <= 10000; place++) {
            enum odds_sold_out now = odds_at(&odds, 0, place);
            turns[place] += now != told[place];
            told[place] = now;
        }
    }
    for (uint64_t place = view.serving + 1; place <= 10000; place++)
        assert_true(turns[place] <= 2); /* unsure, and then what it came to */
}

/* ---- lanes ---- */

enum { FANS = 500, CROWD = 9000 };

/* A thousand of both came and took two seats each; 30 of 100 calls are the second's. */
static void two_lanes(struct line_view views[2])
{
    views[0] = open_line();
    views[0].admitted = 600;
    views[0].waiting = CROWD;
    views[0].knobs.shares = 30;
    views[1] = views[0];
    views[1].lane = 1;
    views[1].admitted = 400;
    views[1].serving = 400;
    views[1].waiting = FANS;
    views[1].issued = 400 + FANS;
}

static struct odds feed_two(const struct line_view views[2], uint64_t left)
{
    struct line_view before[2] = {views[0], views[1]};
    before[0].admitted = before[1].admitted = 0;
    const struct odds_line then[2] = {{&before[0], &everybody}, {&before[1], &everybody}};
    const struct odds_line now[2] = {{&views[0], &everybody}, {&views[1], &everybody}};
    struct odds first = odds_feed(NULL, then, 2, left + 2000, MOST);
    return odds_feed(&first, now, 2, left, MOST);
}

/* Feeds once more, with nothing new, after this was shown of the first. */
static struct odds_cut told_again(const struct line_view views[2], struct odds odds,
                                  struct odds_cut told)
{
    const struct odds_line lines[2] = {{&views[0], &everybody}, {&views[1], &everybody}};
    odds.cut[0] = told;
    return odds_feed(&odds, lines, 2, odds.seats, MOST).cut[0];
}

static void each_lane_is_cut_where_its_share_of_the_seats_ends(void **state)
{
    (void)state;
    struct line_view views[2];
    two_lanes(views);
    struct odds odds = feed_two(views, 2000); /* for a thousand more, of whom 300 are fans */
    assert_int_equal(odds_seats_milli(&odds), 2000);
    assert_int_equal(odds.lanes, 2);
    assert_in_range(odds.cut[0].unlikely_upto, 1000 + 700 * 85 / 100, 1000 + 700);
    assert_in_range(odds.cut[0].likely_from, 1000 + 700, 1000 + 700 * 115 / 100);
    assert_in_range(odds.cut[1].unlikely_upto, 400 + 300 * 85 / 100, 400 + 300);
    assert_in_range(odds.cut[1].likely_from, 400 + 300, 400 + 300 * 115 / 100);
    assert_int_equal(odds_at(&odds, 1, 400 + 200), ODDS_UNLIKELY);
    assert_int_equal(odds_at(&odds, 0, 1000 + 900), ODDS_LIKELY);
}

/* The fans are through before the seats are: who comes to them yet, nobody knows. */
static void a_lane_that_ends_leaves_the_others_unsure(void **state)
{
    (void)state;
    struct line_view views[2];
    two_lanes(views);
    views[1].waiting = 30;
    views[1].issued = 430;
    struct odds odds = feed_two(views, 2000);
    /* With these thirty fans 970 of the general lane come, with an endless row of them 700. */
    assert_in_range(odds.cut[0].unlikely_upto, 1000 + 700 * 85 / 100, 1000 + 700 * 95 / 100);
    assert_in_range(odds.cut[0].likely_from, 1000 + 970 * 105 / 100, 1000 + 970 * 115 / 100);
    assert_int_equal(odds_at(&odds, 0, 1000 + 800), ODDS_UNSURE);
    /* And of the fans themselves even a newcomer is safe. */
    assert_int_equal(odds_at(&odds, 1, 431), ODDS_UNLIKELY);
    /* A word is kept until it is even: "likely" with those thirty, "unlikely" with the endless. */
    struct odds_cut cut = told_again(views, odds, (struct odds_cut){1750, 1850});
    assert_int_equal(cut.unlikely_upto, 1000 + 700);
    assert_int_equal(cut.likely_from, 1000 + 970 + 1);
}

static void stored_odds_read_back_and_other_texts_do_not(void **state)
{
    (void)state;
    struct line_view view = open_line();
    struct odds odds = after_a_thousand(&view, 4000), back;
    char memory[LINE_ODDS_MAX];
    struct text text = text_on(memory, sizeof(memory));
    odds_put(&text, &odds);
    assert_true(odds_parse(text_span(&text), &back));
    assert_memory_equal(&back, &odds, sizeof(odds));
    static const char *const bad[] = {"",
                                      ":",
                                      "1:2:3:4:1:5",
                                      "1:2:3:4:1:5:5",
                                      "1:2:3:4:2:5:6",
                                      "1:2:3:0:1:5:6",
                                      "1:2:3:4:1:5:6:7",
                                      "1:2:3:4:1:5:6:7:7",
                                      "1:2:3:4:1:1:2:1:2:1:2:1:2:1:2:1:2",
                                      "1:2:3:4:1:5:x",
                                      "1:2:3:4:1:x:6",
                                      "1:2:3:4:1:6:5:7:8",
                                      "-1:2:3:4:0:5:6"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(odds_parse(span_of(bad[i]), &back));
    /* The most that can be: seats as fed, a billion visits, places as far as the search goes. */
    struct odds most = {.seats = SEATS_LEFT_MAX,
                        .came_milli = 5 * LINE_PLACE_MAX * 1000,
                        .taken_sum_milli = INT64_MAX,
                        .came_sum_milli = INT64_MAX,
                        .known = true,
                        .lanes = LANES_ALL};
    for (unsigned i = 0; i < LANES_ALL; i++)
        most.cut[i] = (struct odds_cut){99999999999998, 99999999999999};
    text = text_on(memory, sizeof(memory));
    odds_put(&text, &most);
    assert_false(text.overflown);
}

static uint64_t pick(const struct rng *rng, uint64_t bits)
{
    return rng_u64(rng) >> (64 - 1 - rng_below(rng, bits));
}

/* Whatever is fed to whatever line: two bounds in their order, and they can be kept. */
static void no_feed_breaks_it(void **state)
{
    (void)state;
    struct rng_seeded seeded;
    rng_seeded_init(&seeded, unit_seed());
    const struct rng *rng = &seeded.rng;
    for (int round = 0; round < 2000; round++) {
        struct odds odds, back;
        struct eta_model model = {.judged_ahead = (double)pick(rng, 20),
                                  .gone_share = (double)rng_below(rng, 90) / 100.0};
        uint64_t shares[LANES_MAX];
        unsigned lanes = (unsigned)rng_below(rng, LANES_MAX + 1);
        for (unsigned i = 0; i < lanes; i++)
            shares[i] = 1 + rng_below(rng, 24);
        for (int n = 0; n < 10; n++) {
            struct line_view view[LANES_ALL];
            struct odds_line lines[LANES_ALL];
            for (unsigned i = 0; i <= lanes; i++) {
                view[i] = (struct line_view){.issued = pick(rng, 30),
                                             .outstanding = pick(rng, 20),
                                             .admitted = pick(rng, 30),
                                             .active = pick(rng, 20),
                                             .show_up_milli = (uint32_t)rng_below(rng, 1001)};
                view[i].serving = rng_below(rng, view[i].issued + 1);
                view[i].waiting = rng_below(rng, view[i].issued - view[i].serving + 1);
                view[i].knobs.shares = line_lanes_pack(shares, lanes);
                lines[i] = (struct odds_line){&view[i], &model};
            }
            odds =
                odds_feed(n == 0 ? NULL : &odds, lines, lanes + 1, rng_below(rng, 10000001), MOST);
            for (unsigned i = 0; i <= lanes; i++)
                assert_true(!odds.known || odds.cut[i].unlikely_upto < odds.cut[i].likely_from);
            char memory[LINE_ODDS_MAX];
            struct text text = text_on(memory, sizeof(memory));
            odds_put(&text, &odds);
            assert_true(odds_parse(text_span(&text), &back));
            assert_int_equal(back.lanes, lanes + 1);
        }
    }
}

/* ---- figures ---- */

/* Of so many who came and took so many seats, with so many left. */
static struct odds after(uint64_t came, uint64_t taken, uint64_t left)
{
    struct line_view view = open_line();
    view.admitted = 0;
    struct odds first = feed(NULL, &view, left + taken);
    view.admitted = came;
    return feed(&first, &view, left);
}

/* By the formula at the top of odds.c. */
static void the_line_is_cut_at_nine_in_ten_and_one_in_ten(void **state)
{
    (void)state;
    static const struct {
        uint64_t came, taken, left, unlikely_upto, likely_from;
    } rows[] = {
        {1000, 2000, 4000, 2843, 3186},
        {100, 100, 50, 1036, 1075},
        {50, 200, 3000, 1646, 1895},
        {3000, 3000, 1, 1001, 1007},
        {60, 4, 10, 1000, UINT64_C(1000000001001)}, /* too few seats to be sure of anything */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct odds odds = after(rows[i].came, rows[i].taken, rows[i].left);
        assert_true(odds.known);
        assert_int_equal(odds.cut[0].unlikely_upto, rows[i].unlikely_upto);
        assert_int_equal(odds.cut[0].likely_from, rows[i].likely_from);
    }
}

/* By 2184 and 1843 people, who stand that much further back where some have gone. */
static void places_of_those_who_have_gone_take_no_seats(void **state)
{
    (void)state;
    static const struct {
        double gone_share;
        uint64_t issued, outstanding;
        struct line_gap gone; /* known by place */
        uint64_t unlikely_upto, likely_from;
    } rows[] = {
        {0.0, 10000, 0, {1501, 2000}, 2843 + 500, 3186 + 500},
        {0.0, 10000, 0, {4001, 9000}, 2843, 3186},                /* they come too late */
        {0.0, 10000, 0, {1501, 10000}, 2843 + 8500, 3186 + 8500}, /* newcomers as well */
        {0.0, 1000, 0, {0, 0}, 2843, 3186},                       /* and of them alone */
        {0.5, 1000, 0, {0, 0}, 1000 + 3686, 1000 + 4370},
        {0.5, 2000, 0, {1001, 2000}, 2000 + 3686, 2000 + 4370},
        {0.8, 1000, 0, {0, 0}, 1000 + 9215, 1000 + 10922},
        {0.0, 10000, 5000, {2001, 2100}, 1000, 1001}, /* enough are called already */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct eta_model model = {.gone_share = rows[i].gone_share};
        struct ghosts ghosts = {.pages = 0};
        struct line_view view = open_line();
        const struct odds_line line = {&view, &model};
        struct odds told = after(1000, 2000, 4000);
        told.known = false; /* by the odds alone, without the shown bounds */
        if (rows[i].gone.upto > 0)
            ghosts_add_gap(&ghosts, rows[i].gone);
        view.ghosts = &ghosts;
        view.issued = rows[i].issued;
        view.outstanding = rows[i].outstanding;
        struct odds odds = odds_feed(&told, &line, 1, 4000, MOST);
        assert_int_equal(odds.cut[0].unlikely_upto, rows[i].unlikely_upto);
        assert_int_equal(odds.cut[0].likely_from, rows[i].likely_from);
        ghosts_deinit(&ghosts);
    }
}

/* A place keeps its word until its odds are even: here the 2000th from now. */
static void a_shown_bound_moves_no_further_than_it_must(void **state)
{
    (void)state;
    static const struct {
        uint64_t unlikely_upto, likely_from, then_unlikely, then_likely;
    } rows[] = {
        {2900, 3100, 2900, 3100}, {2843, 3186, 2843, 3186}, {2842, 3187, 2843, 3186},
        {3000, 3001, 3000, 3001}, {2700, 3000, 2843, 3001}, {3001, 3300, 3000, 3186},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct line_view view = open_line();
        struct odds told = after(1000, 2000, 4000);
        told.cut[0] = (struct odds_cut){rows[i].unlikely_upto, rows[i].likely_from};
        struct odds odds = feed(&told, &view, 4000);
        assert_int_equal(odds.cut[0].unlikely_upto, rows[i].then_unlikely);
        assert_int_equal(odds.cut[0].likely_from, rows[i].then_likely);
        told.known = false; /* nothing was shown yet */
        odds = feed(&told, &view, 4000);
        assert_int_equal(odds.cut[0].unlikely_upto, 2843);
        assert_int_equal(odds.cut[0].likely_from, 3186);
        told.known = true;
        told.lanes = 2; /* or of other lanes */
        assert_int_equal(feed(&told, &view, 4000).cut[0].likely_from, 3186);
    }
}

/* After a thousand who took two seats each, with 4000 left, of which nobody may have more than
 * four. Older visitors count the less the more have come, as if four thousand were remembered. */
static void impossible_purchases_are_not_counted(void **state)
{
    (void)state;
    static const struct {
        uint64_t taken_before, admitted, active, left, taken, came;
    } rows[] = {
        {2000000, 2000, 0, 1000, 4600000, 1800000},
        {2000000, 1100, 0, 3600, 2351220, 1075610}, /* four each, and that is the most */
        {2000000, 1100, 0, 3599, 2000000, 1000000},
        {2000000, 1100, 20, 3560, 2395990, 1067995}, /* of twenty inside half have come */
        {2000000, 1100, 20, 3559, 2000000, 1000000},
        {2000000, 1100, 20, 4080, 1875990, 1067995}, /* they may give back what they hold */
        {2000000, 1100, 20, 4081, 2000000, 1000000},
        {10000, 1100, 20, 4080, 0, 1067995},
        {4000000, 1100, 20, 3560, 4271980, 1067995},
        {2000000, 1000, 0, 4000, 2000000, 1000000}, /* nobody has come */
        {2000000, 999, 0, 4000, 0, 0},              /* a line that was healed */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct line_view view = open_line();
        struct odds before = after(1000, 2000, 4000);
        before.taken_sum_milli = rows[i].taken_before;
        view.admitted = rows[i].admitted;
        view.active = rows[i].active;
        struct odds odds = feed(&before, &view, rows[i].left);
        assert_int_equal(odds.seats, rows[i].left);
        assert_int_equal(odds.came_milli, 1000 * rows[i].admitted - 500 * rows[i].active);
        assert_int_equal(odds.taken_sum_milli, rows[i].taken);
        assert_int_equal(odds.came_sum_milli, rows[i].came);
        assert_int_equal(odds.known, rows[i].taken > 0);
    }
}

static void fifty_visitors_are_enough_for_odds(void **state)
{
    (void)state;
    assert_false(after(49, 100, 10).known);
    assert_true(after(50, 100, 10).known);
    struct line_view view = open_line();
    for (view.admitted = 4; view.admitted <= 6; view.admitted++) {
        view.active = 10;
        assert_int_equal(feed(NULL, &view, 10).came_milli, view.admitted > 5 ? 1000 : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_is_cut_where_the_seats_end),
        cmocka_unit_test(a_no_show_takes_no_seat),
        cmocka_unit_test(few_visitors_give_no_odds_and_no_seats_are_a_sell_out),
        cmocka_unit_test(blocked_seats_are_no_demand),
        cmocka_unit_test(a_small_change_is_not_shown),
        cmocka_unit_test(each_lane_is_cut_where_its_share_of_the_seats_ends),
        cmocka_unit_test(a_lane_that_ends_leaves_the_others_unsure),
        cmocka_unit_test(stored_odds_read_back_and_other_texts_do_not),
        cmocka_unit_test(no_feed_breaks_it),
        cmocka_unit_test(the_line_is_cut_at_nine_in_ten_and_one_in_ten),
        cmocka_unit_test(places_of_those_who_have_gone_take_no_seats),
        cmocka_unit_test(a_shown_bound_moves_no_further_than_it_must),
        cmocka_unit_test(impossible_purchases_are_not_counted),
        cmocka_unit_test(fifty_visitors_are_enough_for_odds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
