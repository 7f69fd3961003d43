/* best_halls_test.c: properties of the best seats in random halls: seats are found if a
 * request that names them would be granted. */
#include "core/seats/best.h"
#include "test_hall.h"
#include "unit.h"

#define ROWS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const uint64_t times_ms[] = {0, TEST_NOW_MS, TEST_NOW_MS + 1};

static uint32_t roll(const struct rng *rng, uint32_t below)
{
    return (uint32_t)rng_below(rng, below);
}

/* A minimal draft: no channels, no kinds of rows, all seats in one point. */
TEST_CASE(all_seats_in_one_point_are_equally_good)
{
    struct plan_draft_seat seats[6];
    static const char *const guids[] = {"0", "1", "2", "3", "4", "5"};
    for (uint32_t i = 0; i < 6; i++)
        seats[i] = (struct plan_draft_seat){
            .guid = span_of(guids[i]), .companion = UINT32_MAX, .pos = 5 - i};
    const struct plan_category category = {.name = SPAN("a"), .price = 1};
    struct plan_draft draft = {.name = SPAN("Point"),
                               .currency = SPAN("KRW"),
                               .limits = test_limits(),
                               .categories = &category,
                               .category_count = 1,
                               .seats = seats,
                               .seat_count = 6,
                               .run_count = 1};
    struct plan *plan;
    assert_int_equal(plan_create(&draft, NULL, &plan), 0);
    assert_int_equal(plan_channel_count(plan), 1);
    assert_span(plan_channel(plan, 0)->id, "public");
    struct engine *engine = test_hall_engine(plan);
    struct engine_op op;
    assert_int_equal(engine_block(engine, TEST_SEATS(2), SPAN(""), TEST_NOW_MS, &op), ENGINE_OK);
    engine_settle(engine, &op);
    for (uint32_t n = 1; n <= 5; n++) {
        struct engine_ask ask = test_ask_best(1, 0, n, n < 4);
        assert_int_equal(engine_hold(engine, &ask, TEST_NOW_MS, &op), ENGINE_OK);
        assert_int_equal(op.change.add_count, n);
        assert_int_equal((op.change.flags & CHANGE_FLAG_ADJACENT) != 0, n < 4);
        engine_undo(engine, &op);
    }
    engine_destroy(engine);
    plan_destroy(plan);
}

/* ---- seats apart ---- */

enum { DEEP = 60, WIDE = 40 };

/* Blocks every second place and some more, except the `kept` seats from `from` on. */
static struct engine *open_chequered(const struct plan *plan, const struct rng *rng, uint32_t from,
                                     uint32_t kept)
{
    struct engine *engine = test_hall_engine(plan);
    struct engine_op op;
    for (uint32_t seat = 0; seat < DEEP * WIDE; seat++) {
        bool taken = (seat / WIDE + seat) % 2 == 0 || roll(rng, 4) == 0;
        if (!taken || (seat >= from && seat < from + kept))
            continue;
        assert_int_equal(engine_block(engine, &seat, 1, SPAN(""), TEST_NOW_MS, &op), ENGINE_OK);
        engine_settle(engine, &op);
    }
    return engine;
}

/* Marks the seats proposed for one request, neighbours or not. */
static void choose(struct engine *engine, uint32_t count, bool *chosen)
{
    struct engine_op op;
    struct engine_ask ask = test_ask_best(1, 0, count, false);
    assert_int_equal(engine_hold(engine, &ask, TEST_NOW_MS, &op), ENGINE_OK);
    assert_int_equal(op.change.add_count, count);
    memset(chosen, 0, DEEP * WIDE);
    for (uint32_t i = 0; i < count; i++)
        chosen[op.change.seats[i]] = true;
    engine_undo(engine, &op);
}

static int far_apart(uint32_t one, uint32_t other)
{
    int x = (int)(one % WIDE) - (int)(other % WIDE), y = (int)(one / WIDE) - (int)(other / WIDE);
    return x * x + y * y;
}

TEST_CASE(single_seats_are_those_around_the_nearest_to_the_stage)
{
    const struct rng *rng = unit_rng();
    struct plan_limits limits = test_limits();
    limits.max_per_hold = HOLD_SEATS_MAX;
    struct plan *plan = test_hall_block(DEEP, WIDE, limits, 0);
    char states[DEEP * WIDE + 1];
    bool first[DEEP * WIDE], chosen[DEEP * WIDE];
    for (uint32_t round = 0; round < 16; round++) {
        struct engine *engine = open_chequered(plan, rng, 0, 0);
        test_states(engine, DEEP * WIDE, states);
        choose(engine, 1, first);
        choose(engine, HOLD_SEATS_MAX - round, chosen);
        uint32_t middle = (uint32_t)((bool *)memchr(first, true, sizeof(first)) - first);
        int farthest = 0, nearest = DEEP * DEEP + WIDE * WIDE;
        for (uint32_t seat = 0; seat < DEEP * WIDE; seat++) {
            int far = far_apart(middle, seat);
            if (chosen[seat])
                farthest = far > farthest ? far : farthest;
            else if (states[seat] == '.')
                nearest = far < nearest ? far : nearest;
        }
        assert_true(chosen[middle] && farthest <= nearest);
        engine_destroy(engine);
    }
    plan_destroy(plan);
}

TEST_CASE(first_alternative_is_the_nearest_seat_wherever_the_lost_one_is)
{
    const struct rng *rng = unit_rng();
    struct plan *plan = test_hall_block(DEEP, WIDE, test_limits(), 0);
    struct engine *engine = open_chequered(plan, rng, 0, 0);
    char states[DEEP * WIDE + 1];
    test_states(engine, DEEP * WIDE, states);
    for (uint32_t round = 0; round < 200; round++) {
        uint32_t lost = roll(rng, DEEP * WIDE);
        if (states[lost] == '.')
            continue;
        struct engine_ask ask = test_ask_seats(1, &lost, 1);
        struct engine_offer offers[ALTERNATIVES_MAX];
        uint32_t searched;
        assert_true(engine_alternatives(engine, &ask, TEST_NOW_MS, offers, &searched) > 0);
        for (uint32_t seat = 0; seat < DEEP * WIDE; seat++)
            assert_true(states[seat] != '.' ||
                        far_apart(lost, seat) >= far_apart(lost, offers[0].seats[0]));
    }
    engine_destroy(engine);
    plan_destroy(plan);
}

TEST_CASE(longest_run_is_chosen_wherever_it_is)
{
    const struct rng *rng = unit_rng();
    struct plan_limits limits = test_limits();
    limits.max_per_hold = HOLD_SEATS_MAX;
    struct plan *plan = test_hall_block(DEEP, WIDE, limits, 0);
    bool chosen[DEEP * WIDE];
    for (uint32_t round = 0; round < 32; round++) {
        uint32_t kept = 4 + roll(rng, 8);
        uint32_t from = roll(rng, DEEP) * WIDE + roll(rng, WIDE - kept);
        struct engine *engine = open_chequered(plan, rng, from, kept);
        choose(engine, WIDE, chosen); /* no row has that many free */
        for (uint32_t seat = from; seat < from + kept; seat++)
            assert_true(chosen[seat]);
        engine_destroy(engine);
    }
    plan_destroy(plan);
}

/* ---- who may get which seats ---- */

enum { GROUP_MAX = 5 };

struct sale {
    struct plan *plan;
    struct engine *engine;
    struct engine_who who;
};

static struct sale open_sale(const struct rng *rng)
{
    const char *const *const halls[] = {ROWS("a2A+3a", "b2b_A+aa", "33+A22"),
                                        ROWS("A+aa2", "_22+A33", "bb2bb", "=aa", "~22"),
                                        ROWS("2233", "aA+a", "+A2b2", "a_A+_a"),
                                        ROWS("3a+_Aa", "A+A+22", "a23bb"),
                                        ROWS("A_+aA_+aaa", "a+_Aa_+_A+aa", "bbb+_A_+bb"),
                                        ROWS("A+A+A+A+", "+Aa_aaA+aa", "bb+A+bbb")};
    struct plan_category categories[2] = {{.name = SPAN("a"), .price = 1},
                                          {.name = SPAN("b"), .price = 1}};
    struct plan_channel channels[3] = {{.id = SPAN("p")}, {.id = SPAN("c")}, {.id = SPAN("d")}};
    for (unsigned i = 0; i < 2; i++)
        categories[i].on_sale_ms = times_ms[roll(rng, 3)];
    categories[0].off_sale_ms = roll(rng, 5) == 0 ? TEST_NOW_MS : 0;
    for (unsigned i = 1; i < 3; i++)
        channels[i].on_sale_ms = times_ms[roll(rng, 3)];
    struct test_hall hall = {.rows = halls[roll(rng, sizeof(halls) / sizeof(halls[0]))],
                             .limits = test_limits(),
                             .categories = categories,
                             .channels = channels,
                             .channel_count = 3,
                             .shuffled = roll(rng, 2) * (1 + roll(rng, 1000))};
    hall.limits.access_until_ms = times_ms[roll(rng, 3)];
    hall.limits.orphan_rule = roll(rng, 2);
    struct sale sale = {.plan = test_hall_plan(&hall), .who = test_who(1)};
    sale.engine = test_hall_engine(sale.plan);
    sale.who.channels = 1 | roll(rng, 4) << 1;
    sale.who.access_need = roll(rng, 2);
    uint32_t crowd = roll(rng, 5);
    for (uint32_t seat = 0; seat < plan_seat_count(sale.plan); seat++) {
        struct engine_op op;
        if (roll(rng, 8) >= crowd)
            continue;
        assert_int_equal(engine_block(sale.engine, &seat, 1, SPAN(""), 1, &op), ENGINE_OK);
        engine_settle(sale.engine, &op);
    }
    return sale;
}

/* Named seats may be refused because they leave one single. Best available leaves it as a last
 * resort. */
static bool is_had_by_name(const struct sale *sale, const uint32_t *seats, uint32_t n)
{
    struct engine_op op;
    struct engine_ask ask = test_ask_seats(1, seats, n);
    ask.who = sale->who;
    enum engine_verdict verdict = engine_hold(sale->engine, &ask, TEST_NOW_MS, &op);
    if (verdict == ENGINE_OK)
        engine_undo(sale->engine, &op);
    return verdict == ENGINE_OK || verdict == ENGINE_ORPHAN;
}

static bool meets_the_need(const struct sale *sale, const uint32_t *seats, uint32_t n)
{
    bool meets = !sale->who.access_need;
    for (uint32_t i = 0; i < n; i++)
        meets |= (plan_flags_of(plan_facts(sale->plan), seats[i]) & PLAN_SEAT_ACCESSIBLE) != 0;
    return meets;
}

/* A companion seat is had with its accessible seat. Tables that are sold whole do not count. */
static bool are_seats_had_by_name(const struct sale *sale, uint32_t n)
{
    uint32_t had[64], count = 0;
    for (uint32_t seat = 0; seat < plan_seat_count(sale->plan); seat++) {
        bool companion = plan_flags_of(plan_facts(sale->plan), seat) & PLAN_SEAT_COMPANION;
        uint32_t both[] = {seat, companion ? plan_companion_of(sale->plan, seat) : seat};
        if (is_had_by_name(sale, both, 1 + companion))
            had[count++] = seat;
    }
    return count >= n && meets_the_need(sale, had, count);
}

static bool is_any_window_had_by_name(const struct sale *sale, uint32_t n)
{
    const struct plan_facts *facts = plan_facts(sale->plan);
    for (uint32_t run = 0; run < facts->run_count; run++)
        for (uint32_t pos = 0; pos + n <= facts->runs[run].count; pos++) {
            uint32_t seats[GROUP_MAX];
            bool alike = true;
            for (uint32_t i = 0; i < n; i++) {
                seats[i] = plan_seat_at(facts, run, pos + i);
                alike = alike && facts->category[seats[i]] == facts->category[seats[0]];
            }
            if (alike && meets_the_need(sale, seats, n) && is_had_by_name(sale, seats, n))
                return true;
        }
    return false;
}

static enum engine_verdict try_best(const struct sale *sale, uint32_t n, bool adjacent)
{
    struct engine_op op;
    struct engine_ask ask = test_ask_best(1, ENGINE_CATEGORY_ANY, n, adjacent);
    ask.who = sale->who;
    enum engine_verdict verdict = engine_hold(sale->engine, &ask, TEST_NOW_MS, &op);
    if (verdict == ENGINE_OK) {
        engine_undo(sale->engine, &op);
        assert_int_equal(op.change.add_count, n);
        assert_true(meets_the_need(sale, op.change.seats, n));
        assert_true(is_had_by_name(sale, op.change.seats, n));
    }
    return verdict;
}

TEST_CASE(seats_are_found_where_named_seats_are_granted)
{
    const struct rng *rng = unit_rng();
    for (unsigned round = 0; round < 1000; round++) {
        struct sale sale = open_sale(rng);
        for (uint32_t n = 1; n <= GROUP_MAX; n++) {
            bool any = is_any_window_had_by_name(&sale, n);
            enum engine_verdict best = try_best(&sale, n, true), pieces = try_best(&sale, n, false);
            assert_int_equal(best == ENGINE_OK, any);
            assert_true(pieces == ENGINE_OK || !(any || are_seats_had_by_name(&sale, n)));
            /* No rule refuses proposed seats. */
            assert_true(pieces == ENGINE_OK || pieces == ENGINE_SOLD_OUT ||
                        pieces == ENGINE_NOT_ON_SALE);
        }
        engine_destroy(sale.engine);
        plan_destroy(sale.plan);
    }
}
