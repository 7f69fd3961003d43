/* autopilot_test.c: what is decided, the two laws that hold whatever is asked, and a plant in
 * virtual time that it has to fly. */
#include "core/load/autopilot.h"

#include "unit.h"

#include <math.h>

enum { INTERVAL_MS = 5000 };

static const struct event_doc limits = {
    .autopilot_on = true,
    .autopilot_ceiling_milli = 50000,
    .autopilot_floor_milli = 2000,
    .autopilot_target_p99_ms = 300,
    .autopilot_errors_max_milli = 20,
    .autopilot_held_max = 1000,
    .autopilot_backlog_max = 500,
};

static const struct health_reading calm = {
    .has_p99 = true,
    .has_errors = true,
    .has_held = true,
    .has_backlog = true,
    .p99_ms = 100,
    .held = 100,
    .backlog = 50,
};

static struct autopilot_ask ask_of(const struct health_reading *reading, uint64_t rate_milli)
{
    return (struct autopilot_ask){
        .doc = &limits,
        .reading = reading,
        .rate_milli = rate_milli,
        .used = true,
        .since_cut_ms = UINT64_MAX,
        .interval_ms = INTERVAL_MS,
    };
}

static void at_ease_it_climbs_by_steps_up_to_the_ceiling(void **state)
{
    (void)state;
    struct autopilot_ask ask = ask_of(&calm, 10000);
    struct autopilot_move move = autopilot_decide(&ask);
    assert_int_equal(move.reason, AUTOPILOT_CLIMB);
    assert_int_equal(move.rate_milli, 11001);
    ask.rate_milli = 49500;
    move = autopilot_decide(&ask);
    assert_int_equal(move.reason, AUTOPILOT_CEILING);
    assert_int_equal(move.rate_milli, 50000);
}

static void each_limit_cuts_and_names_itself(void **state)
{
    (void)state;
    const struct {
        struct health_reading reading;
        enum autopilot_reason reason;
        const char *why, *because;
    } cases[] = {
        {{.has_p99 = true, .p99_ms = 412},
         AUTOPILOT_LATENCY,
         "p99 412 ms, target 300 ms",
         "{\"reason\":\"latency\",\"measured\":412,\"limit\":300}"},
        {{.has_errors = true, .errors_milli = 35},
         AUTOPILOT_ERRORS,
         "errors 3.5 %, at most 2 %",
         "{\"reason\":\"errors\",\"measured\":0.035,\"limit\":0.02}"},
        {{.has_held = true, .held = 1500},
         AUTOPILOT_HELD,
         "held seats 1500, at most 1000",
         "{\"reason\":\"held-seats\",\"measured\":1500,\"limit\":1000}"},
        {{.has_backlog = true, .backlog = 600},
         AUTOPILOT_BACKLOG,
         "open sagas 600, at most 500",
         "{\"reason\":\"saga-backlog\",\"measured\":600,\"limit\":500}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct autopilot_ask ask = ask_of(&cases[i].reading, 20000);
        struct autopilot_move move = autopilot_decide(&ask);
        assert_int_equal(move.reason, cases[i].reason);
        assert_int_equal(move.rate_milli, 14000);
        assert_true(autopilot_worth_telling(&ask, &move, move.reason));
        char memory[LINE_PILOT_WHY_MAX];
        struct text why = text_on(memory, sizeof(memory));
        autopilot_why(&why, &ask, &move);
        assert_span(text_span(&why), cases[i].why);
        char json[LINE_PILOT_BECAUSE_MAX];
        struct text because = text_on(json, sizeof(json));
        autopilot_because(&because, &ask, &move);
        assert_span(text_span(&because), cases[i].because);
    }
}

static void a_cut_is_given_time_but_not_in_trouble_twice_over(void **state)
{
    (void)state;
    struct health_reading slow = {.has_p99 = true, .p99_ms = 500};
    struct autopilot_ask ask = ask_of(&slow, 20000);
    ask.since_cut_ms = INTERVAL_MS;
    assert_int_equal(autopilot_decide(&ask).reason, AUTOPILOT_SETTLING);
    assert_int_equal(autopilot_decide(&ask).rate_milli, 20000);
    slow.p99_ms = 700;
    assert_int_equal(autopilot_decide(&ask).rate_milli, 10000);
    ask.reading = &calm; /* nor does it climb at once */
    assert_int_equal(autopilot_decide(&ask).reason, AUTOPILOT_SETTLING);
}

static void close_to_a_limit_or_without_use_it_stays(void **state)
{
    (void)state;
    struct health_reading close = {.has_p99 = true, .p99_ms = 280};
    struct autopilot_ask ask = ask_of(&close, 20000);
    assert_int_equal(autopilot_decide(&ask).reason, AUTOPILOT_STEADY);
    assert_int_equal(autopilot_decide(&ask).rate_milli, 20000);
    ask.reading = &calm;
    ask.used = false;
    assert_int_equal(autopilot_decide(&ask).reason, AUTOPILOT_UNUSED);
    assert_int_equal(autopilot_decide(&ask).rate_milli, 20000);
}

static void silence_is_the_floor_and_so_is_a_page_with_nothing_to_steer_by(void **state)
{
    (void)state;
    struct autopilot_ask ask = ask_of(NULL, 40000);
    struct autopilot_move move = autopilot_decide(&ask);
    assert_int_equal(move.reason, AUTOPILOT_SILENT);
    assert_int_equal(move.rate_milli, 2000);
    struct health_reading nothing = {0};
    ask.reading = &nothing;
    assert_int_equal(autopilot_decide(&ask).reason, AUTOPILOT_SILENT);
    struct event_doc unlimited = limits;
    unlimited.autopilot_held_max = 0;
    struct health_reading held = {.has_held = true, .held = 5};
    ask.doc = &unlimited;
    ask.reading = &held; /* told, but no limit was set: nothing to steer by */
    assert_int_equal(autopilot_decide(&ask).reason, AUTOPILOT_SILENT);
}

static void a_climb_is_reported_at_its_start_and_end(void **state)
{
    (void)state;
    struct autopilot_ask ask = ask_of(&calm, 10000);
    struct autopilot_move move = autopilot_decide(&ask);
    assert_true(autopilot_worth_telling(&ask, &move, AUTOPILOT_SETTLING));
    assert_false(autopilot_worth_telling(&ask, &move, AUTOPILOT_CLIMB));
    ask.rate_milli = 49900;
    move = autopilot_decide(&ask);
    assert_true(autopilot_worth_telling(&ask, &move, AUTOPILOT_CLIMB));
    ask.rate_milli = 50000;
    move = autopilot_decide(&ask);
    assert_false(autopilot_worth_telling(&ask, &move, AUTOPILOT_CEILING));
}

static uint64_t pick(const struct rng *rng, uint64_t below)
{
    return rng_u64(rng) % below;
}

/* Whatever is asked: between the floor and the ceiling, and down to the floor in silence. */
static void never_above_the_ceiling_nor_below_the_floor(void **state)
{
    (void)state;
    struct rng_seeded seeded;
    rng_seeded_init(&seeded, unit_seed());
    const struct rng *rng = &seeded.rng;
    for (int i = 0; i < 200000; i++) {
        struct event_doc doc = {
            .autopilot_ceiling_milli = 1 + pick(rng, 100000000),
            .autopilot_floor_milli = 1 + pick(rng, 100000000),
            .autopilot_target_p99_ms = 1 + pick(rng, 60000),
            .autopilot_errors_max_milli = pick(rng, 1001),
            .autopilot_held_max = pick(rng, 3) * pick(rng, 100000),
            .autopilot_backlog_max = pick(rng, 3) * pick(rng, 100000),
        };
        struct health_reading reading = {
            .has_p99 = pick(rng, 2) == 0,
            .has_errors = pick(rng, 2) == 0,
            .has_held = pick(rng, 2) == 0,
            .has_backlog = pick(rng, 2) == 0,
            .p99_ms = pick(rng, 120000),
            .errors_milli = pick(rng, 1001),
            .held = pick(rng, UINT64_C(1) << pick(rng, 40)),
            .backlog = pick(rng, UINT64_C(1) << pick(rng, 40)),
        };
        struct autopilot_ask ask = {
            .doc = &doc,
            .reading = pick(rng, 5) == 0 ? NULL : &reading,
            .rate_milli = pick(rng, UINT64_C(1) << pick(rng, 30)),
            .used = pick(rng, 2) == 0,
            .since_cut_ms = pick(rng, 3) == 0 ? UINT64_MAX : pick(rng, 60000),
            .interval_ms = 200 + pick(rng, 59801),
        };
        struct autopilot_move move = autopilot_decide(&ask);
        uint64_t floor = doc.autopilot_floor_milli < doc.autopilot_ceiling_milli
                             ? doc.autopilot_floor_milli
                             : doc.autopilot_ceiling_milli;
        assert_in_range(move.rate_milli, floor, doc.autopilot_ceiling_milli);
        if (ask.reading == NULL)
            assert_int_equal(move.rate_milli, floor);
        char memory[LINE_PILOT_WHY_MAX];
        struct text why = text_on(memory, sizeof(memory));
        autopilot_why(&why, &ask, &move);
        assert_false(why.overflown);
        char json[LINE_PILOT_BECAUSE_MAX];
        struct text because = text_on(json, sizeof(json));
        autopilot_because(&because, &ask, &move);
        assert_false(because.overflown);
    }
}

/* A shop that bears this many people inside: beyond it latency rises steeply. Those let in stay for
 * two minutes on average, so what is done now is felt for that long. */
struct plant {
    double inside, bears, stays_s;
};

static uint64_t plant_p99_ms(const struct plant *plant)
{
    double load = plant->inside / plant->bears;
    return (uint64_t)(60.0 + 240.0 * pow(load, 6.0)); /* the target at a load of 1 */
}

static void it_converges_on_what_the_shop_bears_and_follows_it_when_that_changes(void **state)
{
    (void)state;
    struct plant plant = {.bears = 20.0 * 30.0, .stays_s = 30.0}; /* 20 a second */
    uint64_t rate_milli = 2000, cut_at_ms = 0;
    double sum = 0.0, over_s = 0.0, judged_s = 0.0, worst_ms = 0.0;
    for (uint64_t now_ms = 1000; now_ms <= 3600000; now_ms += 1000) {
        if (now_ms == 1800000)
            plant.bears = 10.0 * 30.0; /* half of it is gone */
        double capacity = plant.bears / plant.stays_s;
        plant.inside += (double)rate_milli / 1000.0 - plant.inside / plant.stays_s;
        /* Ten minutes to find it, five after the change. */
        bool judged = now_ms > 600000 && (now_ms < 1800000 || now_ms > 2100000);
        if (judged) {
            judged_s += 1.0;
            sum += (double)rate_milli / 1000.0 / capacity;
            over_s += plant_p99_ms(&plant) > limits.autopilot_target_p99_ms ? 1.0 : 0.0;
            worst_ms = fmax(worst_ms, (double)plant_p99_ms(&plant));
        }
        if (now_ms % INTERVAL_MS != 0)
            continue;
        struct health_reading reading = {.has_p99 = true, .p99_ms = plant_p99_ms(&plant)};
        struct autopilot_ask ask = ask_of(&reading, rate_milli);
        ask.since_cut_ms = cut_at_ms > 0 ? now_ms - cut_at_ms : UINT64_MAX;
        struct autopilot_move move = autopilot_decide(&ask);
        if (move.rate_milli != rate_milli)
            cut_at_ms = move.rate_milli < rate_milli ? now_ms : 0;
        rate_milli = move.rate_milli;
    }
    print_message(
        "used %.1f %% of what it bears, %.1f %% of the time over the target, worst %.0f ms\n",
        100.0 * sum / judged_s, 100.0 * over_s / judged_s, worst_ms);
    assert_true(sum / judged_s > 0.80);
    assert_true(sum / judged_s < 1.05);
    assert_true(over_s / judged_s < 0.20);
    assert_true(worst_ms < 2.0 * 300.0);
}

static void a_reason_is_known_by_its_name_and_no_other(void **state)
{
    (void)state;
    enum autopilot_reason reason;
    for (unsigned i = 0; i < AUTOPILOT_REASON_COUNT; i++) {
        struct span name = span_of(autopilot_reason_name((enum autopilot_reason)i));
        assert_true(autopilot_reason_parse(name, &reason));
        assert_int_equal(reason, i);
    }
    assert_false(autopilot_reason_parse(SPAN("bored"), &reason));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_ease_it_climbs_by_steps_up_to_the_ceiling),
        cmocka_unit_test(each_limit_cuts_and_names_itself),
        cmocka_unit_test(a_cut_is_given_time_but_not_in_trouble_twice_over),
        cmocka_unit_test(close_to_a_limit_or_without_use_it_stays),
        cmocka_unit_test(silence_is_the_floor_and_so_is_a_page_with_nothing_to_steer_by),
        cmocka_unit_test(a_climb_is_reported_at_its_start_and_end),
        cmocka_unit_test(never_above_the_ceiling_nor_below_the_floor),
        cmocka_unit_test(it_converges_on_what_the_shop_bears_and_follows_it_when_that_changes),
        cmocka_unit_test(a_reason_is_known_by_its_name_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
