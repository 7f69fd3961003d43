/* eta_test.c: the expected wait of whole lines, from knobs and from measurement. Each row starts
 * with an open line of 100,000 at ten a second, and a meter that has seen nothing.
 *
 *   line FIELD=N ..., state NAME   changes the line (slots.h)
 *   run RATE S, enter RATE S  serves RATE places a second; enter: visitors come in as well
 *   watch RATE S, look        the same, with a watch that looks every five seconds, or once
 *   plan +MS:MILLI ...        the steps of the schedule, from now
 *   clock ahead|behind MS     moves the clock of the model against that of the line
 *   wait AHEAD FIELD=N ...    expects a wait; reason, reason_at AHEAD, is FIELD N: the model's */
#include "base/rng.h"
#include "core/event/event_state.h"
#include "core/wait/eta.h"
#include "core/wait/poll.h"
#include "slots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct line_view open_line(void)
{
    return (struct line_view){
        .id = "show",
        .state = LINE_OPEN,
        .knobs = {.rate_milli = 10000, .session_ttl_ms = 60000, .session_max_ms = 600000},
        .issued = 100000,
        .waiting = 100000,
        .redis_ms = 1000000,
    };
}

/* Lets the line run: `rate` served a second, seen at each of ten ticks a second. */
static void run(struct eta_meter *meter, struct line_view *view, double rate, unsigned seconds)
{
    double served = (double)view->serving;
    for (unsigned tick = 0; tick < seconds * 10; tick++) {
        view->redis_ms += 100;
        served += rate / 10;
        view->serving = (uint64_t)served;
        eta_meter_observe(meter, view);
    }
}

/* ---- rows ---- */

static struct {
    struct eta_meter meter;
    struct eta_watch watch;
    struct line_view view;
    struct eta_model model;
    int64_t clock_ms;
} line;

static const struct slot slots[] = {
    SLOT("now", SLOT_U64, line.view.redis_ms),
    SLOT("rate", SLOT_U64, line.view.knobs.rate_milli),
    SLOT("max_active", SLOT_U64, line.view.knobs.max_active),
    SLOT("ceiling", SLOT_U64, line.view.knobs.pilot_ceiling_milli),
    SLOT("opens", SLOT_U64, line.view.knobs.opens_at_ms),
    SLOT("active", SLOT_U64, line.view.active),
    SLOT("issued", SLOT_U64, line.view.issued),
    SLOT("serving", SLOT_U64, line.view.serving),
    SLOT("waiting", SLOT_U64, line.view.waiting),
    SLOT("service", SLOT_U64, line.view.service_rate_milli),
    SLOT("show_up", SLOT_U32, line.view.show_up_milli),
    SLOT("lag", SLOT_REAL, line.model.lag_s),
    SLOT("changes", SLOT_U32, line.meter.plan_changes),
    {.name = NULL},
};

static void set_state(const struct script_line *words)
{
    assert_true(event_state_parse(span_of(script_word(words, 1)), &line.view.state));
}

static void set_line(const struct script_line *words)
{
    slots_set(words, slots);
}

static void expect(const struct script_line *words)
{
    slots_expect(words, slots);
}

static void look(const struct script_line *words)
{
    (void)words;
    line.model = eta_model(&line.meter, &line.view, line.view.redis_ms);
    eta_watch_observe(&line.watch, &line.view, &line.model);
}

static void run_for(const struct script_line *words)
{
    double rate = (double)script_number(script_word(words, 1));
    unsigned seconds = (unsigned)script_number(script_word(words, 2));
    bool watches = strcmp(words->words[0], "watch") == 0;
    unsigned step = watches ? ETA_WATCH_STEP_MS / 1000 : 1;
    for (unsigned i = 0; i < seconds; i += step) {
        if (strcmp(words->words[0], "enter") == 0)
            line.view.admitted += (uint64_t)rate;
        run(&line.meter, &line.view, rate, step);
        if (watches)
            look(words);
    }
}

static void set_plan(const struct script_line *words)
{
    struct line_rate_at plan[EVENT_SCHEDULE_MAX];
    for (unsigned i = 1; i < words->len; i++) {
        unsigned long long after_ms, milli;
        assert_int_equal(sscanf(words->words[i], "+%llu:%llu", &after_ms, &milli), 2);
        plan[i - 1] = (struct line_rate_at){line.view.redis_ms + after_ms, milli};
    }
    eta_meter_plan(&line.meter, plan, words->len - 1);
}

static void observe(const struct script_line *words)
{
    (void)words;
    eta_meter_observe(&line.meter, &line.view);
}

static void set_clock(const struct script_line *words)
{
    int64_t ms = (int64_t)script_number(script_word(words, 2));
    line.clock_ms = strcmp(script_word(words, 1), "behind") == 0 ? -ms : ms;
}

static void expect_wait(const struct script_line *words)
{
    uint64_t ahead = script_number(script_word(words, 1));
    uint64_t now_ms = line.view.redis_ms + (uint64_t)line.clock_ms;
    struct eta_model model = eta_model(&line.meter, &line.view, now_ms);
    struct eta eta = eta_at(&model, ahead);
    const struct script_field fields[] = {
        SCRIPT_TEXT("basis", eta_basis_name(eta.basis)),
        SCRIPT_NUMBER("p50", eta.p50_s),
        SCRIPT_NUMBER("p90", eta.p90_s),
        SCRIPT_NUMBER("move", eta.move_s),
        SCRIPT_NUMBER("known", eta_range(&model, ahead).known),
    };
    unsigned found = 2;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const char *want = script_value(words, fields[i].name);
        if (want != NULL && fields[i].text != NULL)
            script_expect_text(words, want, fields[i].text);
        else if (want != NULL)
            script_expect(words, want, fields[i].number);
        found += want != NULL;
    }
    assert_int_equal(found, words->len);
}

static void expect_reason_name(const struct script_line *words, unsigned at, enum eta_reason got)
{
    const char *name = eta_reason_name(got);
    script_expect_text(words, script_word(words, at), name != NULL ? name : "");
}

static void expect_reason(const struct script_line *words)
{
    expect_reason_name(words, 1, line.model.reason);
}

static void expect_reason_at(const struct script_line *words)
{
    struct eta eta = eta_at(&line.model, script_number(script_word(words, 1)));
    expect_reason_name(words, 2, eta_reason_at(&line.model, &eta));
}

static const struct script_verb verbs[] = {
    {"state", set_state},
    {"line", set_line},
    {"run", run_for},
    {"enter", run_for},
    {"watch", run_for},
    {"look", look},
    {"plan", set_plan},
    {"observe", observe},
    {"clock", set_clock},
    {"wait", expect_wait},
    {"reason", expect_reason},
    {"reason_at", expect_reason_at},
    {"is", expect},
    {NULL, NULL},
};

/* A line that has moved at ten a second for so long that nothing of it is news. */
#define SETTLED "line issued=1000000; watch 10 300; reason -;"

static const struct script_row waits[] = {
    {"the knobs give a range before any measurement", "wait 999 basis=knobs p50=100 p90=150"},
    /* 40 free slots at 10 a second, the rest at one session end in 0.6 s, or 6 s at worst. */
    {"a full hall moves as fast as sessions end",
     "line max_active=100 active=60; wait 139 p50=64 p90=906; wait 39 p50=4"},
    {"a hall for one lets the first in at once",
     "line max_active=1 active=0; wait 0 p50=0; wait 1 p50=60"},
    {"an empty line does not change the measured rate",
     "run 10 60; wait 999 basis=measured p50=100; line issued=600; run 0 600; wait 999 p50=100"},
    /* 500 in 50 s, then 5 a second; 1000 by the second step, then 20 a second. */
    {"a wait includes the steps of the schedule",
     "run 10 120; plan +50000:5000 +150000:20000; wait 399 p50=39..41; wait 749 p50=98..102;"
     "wait 1999 p50=196..204"},
    {"a step that falls due leaves the wait as it was",
     "run 10 120; plan +50000:5000 +150000:20000; line now=now+50000 serving=1700 rate=5000;"
     "plan +100000:20000; observe; wait 1499 p50=146..154; is changes 1; plan +100000:30000;"
     "is changes 2"},
    {"a schedule may stop the line and start it again",
     "line rate=0; plan +60000:10000 +120000:0; wait 99 p50=69..71; wait 599 basis=knobs;"
     "wait 600 basis=unknown; plan; wait 0 basis=unknown"},
    {"only those called before a stop have a wait",
     "plan +1000:0; wait 9 p50=1; wait 10 basis=unknown"},
    {"a plan with other times or rates is another plan",
     "plan +1000:5000; is changes 1; plan +1000:5000; is changes 1; plan +1001:5000; is changes 2;"
     "plan +1001:5000 +2000:6000; is changes 3; plan +1001:5000 +2000:6001; is changes 4;"
     "plan +1002:5000 +2000:6001; is changes 5"},
    {"no step of the plan is faster than the autopilot's ceiling",
     "line rate=0; plan +10000:50000; wait 999 p50=30; line ceiling=10000; wait 999 p50=110;"
     "line ceiling=50000; wait 999 p50=30; line ceiling=60000; wait 999 p50=30; line ceiling=1;"
     "wait 0 p50=1010"},
    {"a changed plan is named as the reason",
     "watch 10 105; reason -; watch 10 45; reason -; plan +50000:1000; look; reason rate-changed"},
    {"an empty line has not slowed down", "line issued=0 serving=0 waiting=0; watch 0 60; line "
                                          "issued=1 now=now+100; look; reason_at 0 -"},
    /* 10 a second stay for 40 s, and then for 60 s. */
    {"a hall that never fills does not slow the line",
     "line show_up=1000 max_active=600 active=400; enter 10 120; wait 999 p50=98..102;"
     "line active=600 max_active=1000; enter 10 600; wait 999 p50=98..102"},
    /* It bears 16.7 a second once 400 free slots are taken, which is after 60 s * ln 3. */
    {"a planned rate that fills the hall slows the line",
     "line show_up=1000 max_active=1000 active=600; enter 10 720; plan +0:20000;"
     "wait 9999 p50=582..592"},
    /* 60 s * ln 2, then 5 a second. */
    {"a hall above its bound first has to empty",
     "line show_up=1000 max_active=1000 active=600; enter 10 720; line max_active=300;"
     "wait 999 p50=236..246"},
    {"a pause is expected to last as long again",
     "run 10 120; wait 999 p50=100; state paused; run 0 60;"
     "wait 999 p50=155..170 p90=571..604800 move=100..110; state open; run 10 6;"
     "wait 999 p50=101..110"},
    {"a pause before any measurement has no known wait", "state paused; wait 5 basis=unknown"},
    {"a pause whose start nobody saw adds nothing",
     "state paused; line service=5000; wait 99 p50=20; observe; clock behind 5000; wait 99 p50=20;"
     "clock ahead 7000; wait 99 p50=27 move=20"},
    {"the time to the opening is part of the wait",
     "state scheduled; wait 0 basis=unknown known=0; line opens=now+600000; wait 99 p50=610;"
     "state pre-queue; wait 99 p50=610; state sold-out; wait 99 basis=unknown"},
    {"a new front uses the rate that Redis has",
     "line service=2000; wait 199 basis=measured p50=100 p90=131..604800; line service=1;"
     "wait 0 basis=measured p50=1000"},
    {"a pause and its end are named for a while",
     SETTLED "state paused; watch 0 30; reason paused; state open; watch 10 60;"
             "reason resumed; watch 10 60; reason -"},
    {"a short wait names a line that falls behind",
     SETTLED "run 0 1; look; reason_at 20 slower; reason_at 100000 -"},
    {"a short wait names a line that gets ahead",
     SETTLED "run 40 1; look; reason_at 20 faster; reason_at 100000 -"},
    {"a steady line has no reason", SETTLED "run 10 1; look; reason_at 20 -; reason_at 100000 -"},
    {"the first measurement is named",
     "watch 10 15; wait 0 basis=knobs; watch 10 5; wait 0 basis=measured; reason measured"},
    {"the first measurement is not named in a pause",
     "watch 10 15; run 10 30; state paused; watch 0 5; wait 0 basis=measured; reason paused"},
    {"a line that was set back has not fallen behind", SETTLED "line serving=10; run 0 1; look;"
                                                               "is lag 0"},
    /* 20 a second into 500 free slots; visits of a minute free 16.7 a second. For ten seconds the
     * knob is at ten, and no slot is used up. */
    {"free slots may last beyond a step of the plan",
     "line rate=20000 max_active=1000 active=500; plan +5000:10000 +15000:20000; wait 99 p50=5;"
     "wait 199 p50=15; wait 499 p50=30; wait 599 p50=35; wait 699 p50=41; line active=950;"
     "wait 49 p50=3; wait 99 p50=6"},
};

static void run_row(void **state)
{
    memset(&line, 0, sizeof(line));
    line.view = open_line();
    eta_meter_init(&line.meter);
    script_run(*state, verbs);
}

/* ---- laws and figures ---- */

static uint64_t pick(const struct rng *rng, unsigned bits_max)
{
    uint64_t bits = rng_below(rng, bits_max + 1);
    return bits == 0 ? 0 : rng_u64(rng) >> (64 - bits);
}

static void random_line(const struct rng *rng, struct eta_meter *meter, struct line_view *view)
{
    eta_meter_init(meter);
    *view = open_line();
    view->knobs.rate_milli = pick(rng, 27);
    view->knobs.max_active = pick(rng, 23);
    view->knobs.session_ttl_ms = 1000 + pick(rng, 26);
    view->knobs.session_max_ms = view->knobs.session_ttl_ms + pick(rng, 26);
    view->active = pick(rng, 23);
    view->outstanding = pick(rng, 23);
    view->issued = pick(rng, 48);
    view->service_rate_milli = pick(rng, 27);
    view->knobs.opens_at_ms = pick(rng, 1) == 0 ? 0 : view->redis_ms + pick(rng, 32);
    struct line_rate_at plan[EVENT_SCHEDULE_MAX];
    uint32_t plan_len = (uint32_t)rng_below(rng, 5);
    for (uint32_t i = 0; i < plan_len; i++) {
        uint64_t after_ms = i > 0 ? plan[i - 1].at_ms : view->redis_ms;
        plan[i] = (struct line_rate_at){after_ms + 1 + pick(rng, 26), pick(rng, 27)};
    }
    eta_meter_plan(meter, plan, plan_len);
    view->show_up_milli = (uint32_t)rng_below(rng, 1001);
    uint64_t steps = rng_below(rng, 40);
    for (uint64_t i = 0; i < steps; i++) {
        view->redis_ms += pick(rng, 16);
        view->serving += pick(rng, 18);
        view->admitted += pick(rng, 18);
        if (rng_below(rng, 8) == 0)
            view->knobs.max_active = pick(rng, 23);
        view->state = (enum line_state)rng_below(rng, LINE_STATE_COUNT);
        if (rng_below(rng, 8) == 0)
            view->knobs.rate_milli = pick(rng, 27);
        if (rng_below(rng, 16) == 0)
            view->serving /= 2; /* Redis lost its memory */
        eta_meter_observe(meter, view);
    }
}

/* The property: for any history, the wait never falls with the place, p50 <= p90 <= a week, and the
 * poll interval is sane. */
static void the_wait_never_falls_with_the_place(void **state)
{
    (void)state;
    const char *given = getenv("FAIRGATE_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : rng_u64(rng_system());
    printf("seed %llu (FAIRGATE_SEED)\n", (unsigned long long)seed);
    struct rng_seeded seeded;
    rng_seeded_init(&seeded, seed);
    const struct rng *rng = &seeded.rng;
    for (unsigned round = 0; round < 2000; round++) {
        struct eta_meter meter;
        struct line_view view;
        random_line(rng, &meter, &view);
        struct eta_model model = eta_model(&meter, &view, view.redis_ms);
        struct eta last = {.basis = model.basis};
        uint64_t ahead = 0;
        while (ahead < (UINT64_C(1) << 48)) {
            struct eta eta = eta_at(&model, ahead);
            if (eta.basis != ETA_UNKNOWN) {
                assert_int_not_equal(last.basis, ETA_UNKNOWN); /* known again further back? */
                assert_true(eta.p50_s >= last.p50_s);
                assert_true(eta.p90_s >= last.p90_s);
                assert_true(eta.p50_s <= eta.p90_s);
                assert_true(eta.p90_s <= ETA_MAX_S);
                assert_true(eta.move_s <= eta.p50_s);
            }
            struct poll_ask poll = {.line = view.state,
                                    .place = PLACE_WAITING,
                                    .ahead = ahead,
                                    .eta = eta,
                                    .load_milli = (uint32_t)rng_below(rng, 1001),
                                    .random = (uint32_t)rng_u64(rng)};
            assert_in_range(poll_after_ms(&poll), 1600, 2 * POLL_FAR_MS);
            last = eta;
            ahead += 1 + pick(rng, 44);
        }
    }
}

static void the_table_ends_at_the_end_of_the_line(void **state)
{
    (void)state;
    struct eta_meter meter;
    struct line_view view = open_line();
    eta_meter_init(&meter);
    struct eta_model model = eta_model(&meter, &view, view.redis_ms);
    char memory[1024];
    struct text text = text_on(memory, sizeof(memory));
    eta_table_json(&text, &model, 12);
    assert_true(
        span_eq(text_span(&text), SPAN("[[0,0,1],[1,0,1],[2,0,1],[5,1,1],[10,1,2],[20,2,4]]")));
    text = text_on(memory, sizeof(memory));
    eta_table_json(&text, &model, 0);
    assert_true(span_eq(text_span(&text), SPAN("[[0,0,1]]")));
    text = text_on(memory, sizeof(memory));
    eta_table_json(&text, &model, 1);
    assert_true(span_eq(text_span(&text), SPAN("[[0,0,1],[1,0,1]]")));
    eta_meter_plan(&meter, &(struct line_rate_at){view.redis_ms + 1000, 0}, 1);
    model = eta_model(&meter, &view, view.redis_ms); /* only the first ten are called at all */
    text = text_on(memory, sizeof(memory));
    eta_table_json(&text, &model, 12);
    assert_true(span_eq(text_span(&text), SPAN("[[0,0,1],[1,0,1],[2,0,1],[5,1,1]]")));
    /* Bounded, whatever is said to wait and however fast. */
    const struct eta_model fast = {.basis = ETA_KNOBS, .scale = 1.0, .pace = {1e-6, 1e-6, 1e-6}};
    text = text_on(memory, sizeof(memory));
    eta_table_json(&text, &fast, UINT64_MAX);
    assert_false(text.overflown);
    unsigned rows = 0;
    for (size_t i = 1; i < text.len; i++)
        rows += memory[i] == '[';
    assert_int_equal(rows, ETA_TABLE_ROWS_MAX);
}

static void an_unknown_wait_is_null_and_not_zero(void **state)
{
    (void)state;
    char memory[128];
    struct text text = text_on(memory, sizeof(memory));
    eta_json(&text, (struct eta){.basis = ETA_UNKNOWN, .p50_s = 7});
    assert_true(
        span_eq(text_span(&text), SPAN("{\"p50_s\":null,\"p90_s\":null,\"basis\":\"unknown\"}")));
}

static void a_basis_and_a_reason_have_names(void **state)
{
    (void)state;
    assert_string_equal(eta_basis_name(ETA_KNOBS), "knobs");
    assert_string_equal(eta_basis_name(ETA_MEASURED), "measured");
    assert_string_equal(eta_basis_name(ETA_UNKNOWN), "unknown");
    assert_null(eta_reason_name(ETA_REASON_NONE));
    for (unsigned i = ETA_REASON_NONE + 1; i < ETA_REASON_COUNT; i++)
        assert_non_null(eta_reason_name((enum eta_reason)i));
}

static void stale_and_older_pictures_are_ignored(void **state)
{
    (void)state;
    struct eta_meter meter;
    struct line_view view = open_line();
    eta_meter_init(&meter);
    run(&meter, &view, 10.0, 60);
    struct eta_meter before = meter;
    view.stale = true;
    run(&meter, &view, 99.0, 60);
    assert_memory_equal(&meter, &before, sizeof(meter));
    view.stale = false;
    view.serving = 600;
    view.redis_ms = 1000000; /* Redis's clock was set back: the window begins anew */
    eta_meter_observe(&meter, &view);
    assert_int_equal(meter.windows, before.windows);
    assert_int_equal(meter.window_at_ms, 1000000);
}

int main(void)
{
    const struct CMUnitTest functions[] = {
        cmocka_unit_test(the_wait_never_falls_with_the_place),
        cmocka_unit_test(the_table_ends_at_the_end_of_the_line),
        cmocka_unit_test(an_unknown_wait_is_null_and_not_zero),
        cmocka_unit_test(a_basis_and_a_reason_have_names),
        cmocka_unit_test(stale_and_older_pictures_are_ignored),
    };
    return script_tests(SCRIPT_LIST(functions), SCRIPT_LIST(waits), run_row);
}
