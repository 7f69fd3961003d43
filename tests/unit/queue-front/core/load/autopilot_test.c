/* autopilot_test.c: each decision, its bounds with any reading, and a plant in virtual time that
 * the autopilot has to steer. Rows start at 20 a second with calm figures.
 *
 *   reading FIELD=N ...   sets these figures and no others; silent: no reading at all
 *   ask FIELD=N ...       changes the input: rate, used, since (the last cut), held_max
 *   is REASON RATE        expects the decision; why TEXT, because JSON: its wording
 *   worth N BEFORE        expects whether it is reported after that reason */
#include "core/load/autopilot.h"
#include "script.h"

#include <math.h>

enum { INTERVAL_MS = 5000, TARGET_MS = 300 };

static struct {
    struct event_doc doc;
    struct health_reading reading;
    struct autopilot_ask ask;
} it;

static void start(void)
{
    memset(&it, 0, sizeof(it));
    it.doc = (struct event_doc){.autopilot_on = true,
                                .autopilot_ceiling_milli = 50000,
                                .autopilot_floor_milli = 2000,
                                .autopilot_target_p99_ms = TARGET_MS,
                                .autopilot_errors_max_milli = 20,
                                .autopilot_held_max = 1000,
                                .autopilot_backlog_max = 500};
    it.reading = (struct health_reading){.has_p99 = true,
                                         .has_errors = true,
                                         .has_held = true,
                                         .has_backlog = true,
                                         .p99_ms = 100,
                                         .held = 100,
                                         .backlog = 50};
    it.ask = (struct autopilot_ask){.doc = &it.doc,
                                    .reading = &it.reading,
                                    .rate_milli = 20000,
                                    .used = true,
                                    .since_cut_ms = UINT64_MAX,
                                    .interval_ms = INTERVAL_MS};
}

SCRIPT_VERB(read_figures, "reading")
{
    it.reading = (struct health_reading){
        .has_p99 = script_value(line, "p99") != NULL,
        .has_errors = script_value(line, "errors") != NULL,
        .has_held = script_value(line, "held") != NULL,
        .has_backlog = script_value(line, "backlog") != NULL,
        .p99_ms = script_value_or(line, "p99", 0),
        .errors_milli = script_value_or(line, "errors", 0),
        .held = script_value_or(line, "held", 0),
        .backlog = script_value_or(line, "backlog", 0),
    };
}

SCRIPT_DOES("silent", it.ask.reading = NULL)

SCRIPT_VERB(ask, "ask")
{
    it.ask.rate_milli = script_value_or(line, "rate", it.ask.rate_milli);
    it.ask.used = script_value_or(line, "used", it.ask.used) != 0;
    it.ask.since_cut_ms = script_value_or(line, "since", it.ask.since_cut_ms);
    it.doc.autopilot_held_max = script_value_or(line, "held_max", it.doc.autopilot_held_max);
}

SCRIPT_VERB(expect, "is")
{
    struct autopilot_move move = autopilot_decide(&it.ask);
    script_expect_text(line, script_word(line, 1), autopilot_reason_name(move.reason));
    script_expect(line, script_word(line, 2), move.rate_milli);
}

SCRIPT_VERB(expect_words, "why|because")
{
    struct autopilot_move move = autopilot_decide(&it.ask);
    char memory[LINE_PILOT_BECAUSE_MAX + LINE_PILOT_WHY_MAX];
    struct text text = text_on(memory, sizeof(memory) - 1);
    if (strcmp(line->words[0], "why") == 0)
        autopilot_why(&text, &it.ask, &move);
    else
        autopilot_because(&text, &it.ask, &move);
    memory[text.len] = '\0';
    script_expect_text(line, script_json(script_rest(line, 0)), memory);
}

SCRIPT_VERB(expect_worth, "worth")
{
    struct autopilot_move move = autopilot_decide(&it.ask);
    enum autopilot_reason before;
    assert_true(autopilot_reason_parse(span_of(script_word(line, 2)), &before));
    script_expect(line, script_word(line, 1), autopilot_is_notable(&it.ask, &move, before));
}

static const struct script_row rows[] = {
    {"at ease it climbs by steps up to the ceiling",
     "ask rate=10000; is climb 11001; ask rate=49500; is ceiling 50000"},
    {"high latency cuts the rate",
     "reading p99=412; is latency 14000; worth 1 latency; why p99 412 ms, target 300 ms;"
     "because {'reason':'latency','measured':412,'limit':300}"},
    {"errors cut the rate",
     "reading errors=35; is errors 14000; worth 1 errors; why errors 3.5 %, at most 2 %;"
     "because {'reason':'errors','measured':0.035,'limit':0.02}"},
    {"many held seats cut the rate",
     "reading held=1500; is held-seats 14000; worth 1 held-seats;"
     "why held seats 1500, at most 1000;"
     "because {'reason':'held-seats','measured':1500,'limit':1000}"},
    {"many open sagas cut the rate",
     "reading backlog=600; is saga-backlog 14000; worth 1 saga-backlog;"
     "why open sagas 600, at most 500;"
     "because {'reason':'saga-backlog','measured':600,'limit':500}"},
    {"a cut is given time unless the trouble is twice the limit",
     "ask since=5000; reading p99=500; is settling 20000; reading p99=700; is latency 10000"},
    {"after a cut the rate does not climb at once", "ask since=5000; is settling 20000"},
    {"close to a limit the rate stays", "reading p99=280; is steady 20000"},
    {"a rate that is not used stays",
     "ask used=0; is unused 20000; reading p99=239; is unused 20000"},
    {"silence is the floor", "ask rate=40000; silent; is no-feedback 2000"},
    {"a page without a limited figure is silence",
     "ask rate=40000; reading; is no-feedback 2000; ask held_max=0; reading held=5; is no-feedback "
     "2000"},
    {"a climb is reported at its start and end",
     "ask rate=10000; worth 1 settling; worth 0 climb; ask rate=49900; worth 1 climb;"
     "ask rate=50000; worth 0 ceiling"},
};

TEST_CASE(the_rate_stays_between_floor_and_ceiling)
{
    const struct rng *rng = unit_rng();
    for (int i = 0; i < 200000; i++) {
        struct event_doc doc = {
            .autopilot_ceiling_milli = 1 + rng_below(rng, 100000000),
            .autopilot_floor_milli = 1 + rng_below(rng, 100000000),
            .autopilot_target_p99_ms = 1 + rng_below(rng, 60000),
            .autopilot_errors_max_milli = rng_below(rng, 1001),
            .autopilot_held_max = rng_below(rng, 3) * rng_below(rng, 100000),
            .autopilot_backlog_max = rng_below(rng, 3) * rng_below(rng, 100000),
        };
        struct health_reading reading = {
            .has_p99 = rng_below(rng, 2) == 0,
            .has_errors = rng_below(rng, 2) == 0,
            .has_held = rng_below(rng, 2) == 0,
            .has_backlog = rng_below(rng, 2) == 0,
            .p99_ms = rng_below(rng, 120000),
            .errors_milli = rng_below(rng, 1001),
            .held = rng_below(rng, UINT64_C(1) << rng_below(rng, 40)),
            .backlog = rng_below(rng, UINT64_C(1) << rng_below(rng, 40)),
        };
        struct autopilot_ask any = {
            .doc = &doc,
            .reading = rng_below(rng, 5) == 0 ? NULL : &reading,
            .rate_milli = rng_below(rng, UINT64_C(1) << rng_below(rng, 30)),
            .used = rng_below(rng, 2) == 0,
            .since_cut_ms = rng_below(rng, 3) == 0 ? UINT64_MAX : rng_below(rng, 60000),
            .interval_ms = 200 + rng_below(rng, 59801),
        };
        struct autopilot_move move = autopilot_decide(&any);
        uint64_t floor = doc.autopilot_floor_milli < doc.autopilot_ceiling_milli
                             ? doc.autopilot_floor_milli
                             : doc.autopilot_ceiling_milli;
        assert_in_range(move.rate_milli, floor, doc.autopilot_ceiling_milli);
        if (any.reading == NULL)
            assert_int_equal(move.rate_milli, floor);
        char memory[LINE_PILOT_WHY_MAX];
        struct text why = text_on(memory, sizeof(memory));
        autopilot_why(&why, &any, &move);
        assert_false(why.overflown);
        char json[LINE_PILOT_BECAUSE_MAX];
        struct text because = text_on(json, sizeof(json));
        autopilot_because(&because, &any, &move);
        assert_false(because.overflown);
    }
}

/* A shop that can serve `bears` people inside; beyond that latency rises steeply. Visits last
 * `stays_s` on average, so a decision has effects for that long. */
struct plant {
    double inside, bears, stays_s;
};

static uint64_t plant_p99_ms(const struct plant *plant)
{
    double load = plant->inside / plant->bears;
    return (uint64_t)(60.0 + 240.0 * pow(load, 6.0)); /* the target at a load of 1 */
}

TEST_CASE(the_rate_converges_on_the_capacity_of_the_shop_and_follows_it)
{
    struct plant plant = {.bears = 20.0 * 30.0, .stays_s = 30.0}; /* 20 a second */
    uint64_t rate_milli = 2000, cut_at_ms = 0;
    double sum = 0.0, over_s = 0.0, judged_s = 0.0, worst_ms = 0.0;
    for (uint64_t now_ms = 1000; now_ms <= 3600000; now_ms += 1000) {
        if (now_ms == 1800000)
            plant.bears = 10.0 * 30.0; /* half of the capacity is gone */
        double capacity = plant.bears / plant.stays_s;
        plant.inside += (double)rate_milli / 1000.0 - plant.inside / plant.stays_s;
        /* Ten minutes to find the rate, five after the change. */
        bool judged = now_ms > 600000 && (now_ms < 1800000 || now_ms > 2100000);
        if (judged) {
            judged_s += 1.0;
            sum += (double)rate_milli / 1000.0 / capacity;
            over_s += plant_p99_ms(&plant) > TARGET_MS ? 1.0 : 0.0;
            worst_ms = fmax(worst_ms, (double)plant_p99_ms(&plant));
        }
        if (now_ms % INTERVAL_MS != 0)
            continue;
        start();
        it.reading = (struct health_reading){.has_p99 = true, .p99_ms = plant_p99_ms(&plant)};
        it.ask.rate_milli = rate_milli;
        it.ask.since_cut_ms = cut_at_ms > 0 ? now_ms - cut_at_ms : UINT64_MAX;
        struct autopilot_move move = autopilot_decide(&it.ask);
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
    assert_true(worst_ms < 2.0 * TARGET_MS);
}

TEST_CASE(each_reason_is_parsed_from_its_name_alone)
{
    enum autopilot_reason reason;
    for (unsigned i = 0; i < AUTOPILOT_REASON_COUNT; i++) {
        struct span name = span_of(autopilot_reason_name((enum autopilot_reason)i));
        assert_true(autopilot_reason_parse(name, &reason));
        assert_int_equal(reason, i);
    }
    assert_false(autopilot_reason_parse(SPAN("bored"), &reason));
}

SCRIPT_TESTS_IN(rows, script_verbs, start, NULL)
