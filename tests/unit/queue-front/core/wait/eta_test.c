/* eta_test.c: the wait that is told: from knobs, from measurement, and its laws in any case. */
#include "base/rng.h"
#include "core/line/ghosts.h"
#include "core/wait/eta.h"
#include "core/wait/poll.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

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

static struct eta ask(const struct eta_meter *meter, const struct line_view *view, uint64_t ahead)
{
    struct eta_model model = eta_model(meter, view, view->redis_ms);
    return eta_at(&model, ahead);
}

static void before_any_measurement_the_knobs_give_a_range(void **state)
{
    (void)state;
    struct eta_meter meter;
    struct line_view view = open_line();
    eta_meter_init(&meter);
    struct eta eta = ask(&meter, &view, 999);
    assert_int_equal(eta.basis, ETA_KNOBS);
    assert_int_equal(eta.p50_s, 100);
    assert_int_equal(eta.p90_s, 150);
}

static void a_full_hall_moves_as_fast_as_sessions_end(void **state)
{
    (void)state;
    struct eta_meter meter;
    struct line_view view = open_line();
    eta_meter_init(&meter);
    view.knobs.max_active = 100;
    view.active = 60;
    /* 40 free slots at 10 a second, the rest at one session end in 0.6 s, or 6 s at worst. */
    struct eta eta = ask(&meter, &view, 139);
    assert_int_equal(eta.p50_s, 64);
    assert_int_equal(eta.p90_s, 906);
    assert_int_equal(ask(&meter, &view, 39).p50_s, 4);
    view.knobs.max_active = 1; /* a hall for one, who goes in at once */
    view.active = 0;
    assert_int_equal(ask(&meter, &view, 0).p50_s, 0);
    assert_int_equal(ask(&meter, &view, 1).p50_s, 60);
}

static void an_empty_line_teaches_nothing(void **state)
{
    (void)state;
    struct eta_meter meter;
    struct line_view view = open_line();
    eta_meter_init(&meter);
    run(&meter, &view, 10.0, 60);
    struct eta before = ask(&meter, &view, 999);
    view.issued = view.serving; /* nobody waits: nothing moves, and that is not slowness */
    run(&meter, &view, 0.0, 600);
    struct eta after = ask(&meter, &view, 999);
    assert_int_equal(before.basis, ETA_MEASURED);
    assert_int_equal(after.p50_s, before.p50_s);
}

/* Measured at 10 a second with a knob of 10: in 50 s the knob is halved, in 150 s it is 20. */
static void a_schedule_known_beforehand_is_in_the_wait(void **state)
{
    (void)state;
    struct eta_meter meter;
    struct line_view view = open_line();
    eta_meter_init(&meter);
    run(&meter, &view, 10.0, 120);
    struct line_rate_at plan[] = {{view.redis_ms + 50000, 5000}, {view.redis_ms + 150000, 20000}};
    eta_meter_plan(&meter, plan, 2);
    assert_in_range(ask(&meter, &view, 399).p50_s, 39, 41);    /* over before it begins */
    assert_in_range(ask(&meter, &view, 749).p50_s, 98, 102);   /* 500 in 50 s, 250 at 5 a second */
    assert_in_range(ask(&meter, &view, 1999).p50_s, 196, 204); /* 1000 by then, 1000 at 20 */
    /* A step that falls due changes nothing of what was told. */
    view.redis_ms += 50000;
    view.serving += 500;
    view.knobs.rate_milli = 5000;
    eta_meter_plan(&meter, plan + 1, 1);
    eta_meter_observe(&meter, &view);
    assert_in_range(ask(&meter, &view, 1499).p50_s, 146, 154);
    assert_int_equal(meter.plan_changes, 1);
    struct line_rate_at other = {plan[1].at_ms, 30000};
    eta_meter_plan(&meter, &other, 1);
    assert_int_equal(meter.plan_changes, 2);
}

static void a_schedule_may_stop_the_line_and_start_it_again(void **state)
{
    (void)state;
    struct eta_meter meter;
    struct line_view view = open_line();
    eta_meter_init(&meter);
    view.knobs.rate_milli = 0;
    struct line_rate_at plan[] = {{view.redis_ms + 60000, 10000}, {view.redis_ms + 120000, 0}};
    eta_meter_plan(&meter, plan, 2);
    assert_in_range(ask(&meter, &view, 99).p50_s, 69, 71);
    assert_int_equal(ask(&meter, &view, 599).basis, ETA_KNOBS);
    assert_int_equal(ask(&meter, &view, 600).basis, ETA_UNKNOWN); /* nobody beyond is ever called */
    eta_meter_plan(&meter, plan, 0);
    assert_int_equal(ask(&meter, &view, 0).basis, ETA_UNKNOWN);
    view.knobs.rate_milli = 10000; /* ten go on, in the one second before it stops */
    eta_meter_plan(&meter, &(struct line_rate_at){view.redis_ms + 1000, 0}, 1);
    assert_int_equal(ask(&meter, &view, 9).p50_s, 1);
    assert_int_equal(ask(&meter, &view, 10).basis, ETA_UNKNOWN);
}

static void a_changed_plan_is_a_cause_that_is_named(void **state)
{
    (void)state;
    struct eta_meter meter;
    struct eta_watch watch = {0};
    struct line_view view = open_line();
    eta_meter_init(&meter);
    for (int i = 0; i < 30; i++) {
        run(&meter, &view, 10.0, 5);
        struct eta_model model = eta_model(&meter, &view, view.redis_ms);
        eta_watch_observe(&watch, &view, &model);
        assert_true(i < 20 || model.reason == ETA_REASON_NONE);
    }
    struct line_rate_at plan = {view.redis_ms + 50000, 1000};
    eta_meter_plan(&meter, &plan, 1);
    struct eta_model model = eta_model(&meter, &view, view.redis_ms);
    eta_watch_observe(&watch, &view, &model);
    assert_int_equal(model.reason, ETA_REASON_RATE_CHANGED);
}

/* What the watch says of a place after this many seconds without a call. */
static enum eta_reason reason_after(struct line_view view, unsigned seconds)
{
    struct eta_meter meter;
    struct eta_watch watch = {0};
    eta_meter_init(&meter);
    for (unsigned i = 0; i < seconds; i++) {
        run(&meter, &view, 0.0, 1);
        struct eta_model model = eta_model(&meter, &view, view.redis_ms);
        eta_watch_observe(&watch, &view, &model);
    }
    view.state = LINE_OPEN;
    view.issued = view.serving + 1; /* somebody comes */
    view.redis_ms += 100;
    struct eta_model model = eta_model(&meter, &view, view.redis_ms);
    eta_watch_observe(&watch, &view, &model);
    struct eta eta = eta_at(&model, 0);
    return eta_reason_at(&model, &eta);
}

static void a_line_that_nobody_stood_in_has_not_slowed_down(void **state)
{
    (void)state;
    struct line_view view = open_line();
    view.issued = view.serving = view.waiting = 0;
    assert_int_equal(reason_after(view, 60), ETA_REASON_NONE);
}

/* Lets people in as the line runs; `stay_s` each on average, so that `inside` are there. */
static void run_hall(struct eta_meter *meter, struct line_view *view, double rate, unsigned seconds)
{
    for (unsigned tick = 0; tick < seconds; tick++) {
        view->admitted += (uint64_t)rate;
        run(meter, view, rate, 1);
    }
}

static void a_hall_that_fills_slows_the_line_and_that_is_known_before(void **state)
{
    (void)state;
    struct eta_meter meter;
    struct line_view view = open_line();
    eta_meter_init(&meter);
    view.show_up_milli = 1000;
    view.knobs.max_active = 600;
    view.active = 400; /* 10 a second come and stay for 40 s: full at 15 a second, never at 10 */
    run_hall(&meter, &view, 10.0, 120);
    assert_in_range(ask(&meter, &view, 999).p50_s, 98, 102);
    view.active = 600;
    view.knobs.max_active = 1000; /* 60 s: at 10 a second never more than 600 */
    run_hall(&meter, &view, 10.0, 600);
    assert_in_range(ask(&meter, &view, 999).p50_s, 98, 102);
    /* The operator thinks of 20 a second: the hall bears 16.7, once the 400 free slots are taken,
     * which they are after 60 s * ln 3, since the more are inside the more leave. */
    struct line_rate_at plan = {view.redis_ms, 20000};
    eta_meter_plan(&meter, &plan, 1);
    assert_in_range(ask(&meter, &view, 9999).p50_s, 582, 592);
    /* max_active is lowered below those inside: first some must go. */
    eta_meter_plan(&meter, &plan, 0);
    view.knobs.max_active = 300;
    uint64_t eta_s = ask(&meter, &view, 999).p50_s;
    assert_in_range(eta_s, 236, 246); /* 60 s * ln 2, then 5 a second */
}

static void a_pause_is_taken_to_last_as_long_again(void **state)
{
    (void)state;
    struct eta_meter meter;
    struct line_view view = open_line();
    eta_meter_init(&meter);
    run(&meter, &view, 10.0, 120);
    uint64_t moving_s = ask(&meter, &view, 999).p50_s;
    view.state = LINE_PAUSED;
    run(&meter, &view, 0.0, 60);
    struct eta paused = ask(&meter, &view, 999);
    assert_in_range(paused.p50_s, moving_s + 55, moving_s + 70);
    assert_true(paused.p90_s > paused.p50_s + 400);
    assert_in_range(paused.move_s, moving_s, moving_s + 10);
    view.state = LINE_OPEN;
    run(&meter, &view, 10.0, 6);
    /* Over: but a line that was paused once is a little less believed. */
    assert_in_range(ask(&meter, &view, 999).p50_s, moving_s + 1, moving_s + 10);
}

static void a_pause_before_any_measurement_is_not_guessed_at(void **state)
{
    (void)state;
    struct eta_meter meter;
    struct line_view view = open_line();
    eta_meter_init(&meter);
    view.state = LINE_PAUSED;
    assert_int_equal(ask(&meter, &view, 5).basis, ETA_UNKNOWN);
}

static void before_the_opening_the_time_to_it_is_added(void **state)
{
    (void)state;
    struct eta_meter meter;
    struct line_view view = open_line();
    eta_meter_init(&meter);
    view.state = LINE_SCHEDULED;
    assert_int_equal(ask(&meter, &view, 0).basis, ETA_UNKNOWN); /* opens by hand: nobody knows */
    struct eta_model model = eta_model(&meter, &view, view.redis_ms);
    assert_false(eta_range(&model, 0).known);
    view.knobs.opens_at_ms = view.redis_ms + 600000;
    assert_int_equal(ask(&meter, &view, 99).p50_s, 610);
    view.state = LINE_PRE_QUEUE;
    assert_int_equal(ask(&meter, &view, 99).p50_s, 610);
    view.state = LINE_SOLD_OUT;
    assert_int_equal(ask(&meter, &view, 99).basis, ETA_UNKNOWN);
}

static void a_front_that_just_started_uses_what_redis_remembers(void **state)
{
    (void)state;
    struct eta_meter meter;
    struct line_view view = open_line();
    eta_meter_init(&meter);
    view.service_rate_milli = 2000;
    struct eta eta = ask(&meter, &view, 199);
    assert_int_equal(eta.basis, ETA_MEASURED);
    assert_int_equal(eta.p50_s, 100);
    assert_true(eta.p90_s > 130);
    view.service_rate_milli = 1; /* so slow, and known all the same */
    assert_int_equal(ask(&meter, &view, 0).basis, ETA_MEASURED);
    assert_int_equal(ask(&meter, &view, 0).p50_s, 1000);
}

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

static void the_table_ends_where_the_line_does(void **state)
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

static void what_is_unknown_is_null_and_not_zero(void **state)
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

static void a_plan_of_the_same_rates_at_other_times_is_another(void **state)
{
    (void)state;
    struct eta_meter meter;
    eta_meter_init(&meter);
    eta_meter_plan(&meter, &(struct line_rate_at){1000, 5000}, 1);
    uint32_t changes = meter.plan_changes;
    eta_meter_plan(&meter, &(struct line_rate_at){1000, 5000}, 1);
    assert_int_equal(meter.plan_changes, changes);
    eta_meter_plan(&meter, &(struct line_rate_at){1001, 5000}, 1);
    assert_int_equal(meter.plan_changes, changes + 1);
    struct line_rate_at two[] = {{1001, 5000}, {2000, 6000}};
    eta_meter_plan(&meter, two, 2);
    two[1].rate_milli++; /* the last alone, and then the first */
    eta_meter_plan(&meter, two, 2);
    assert_int_equal(meter.plan_changes, changes + 3);
    two[0].at_ms++;
    eta_meter_plan(&meter, two, 2);
    assert_int_equal(meter.plan_changes, changes + 4);
}

static void a_stale_picture_and_one_from_before_teach_nothing(void **state)
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

static void a_hall_takes_as_many_as_are_free_and_then_as_visits_end(void **state)
{
    (void)state;
    struct eta_meter meter;
    struct line_view view = open_line();
    eta_meter_init(&meter);
    struct eta_hall hall = eta_hall(&meter, &view);
    assert_true(isinf(hall.free) && isinf(hall.per_s)); /* without max_active */
    view.knobs.max_active = 100;
    view.active = 70;
    view.outstanding = 10;
    hall = eta_hall(&meter, &view); /* nothing measured: by session_ttl_s, of a minute */
    assert_true(hall.free == 20.0);
    assert_true(fabs(hall.per_s - 100.0 / 60.0) < 1e-9);
    view.active = 100;
    view.outstanding = 1;
    assert_true(eta_hall(&meter, &view).free == 0.0);
    view.outstanding = 0;
    view.show_up_milli = 1000;
    run_hall(&meter, &view, 10.0, 600); /* a hundred, ten a second: ten seconds each */
    hall = eta_hall(&meter, &view);
    assert_true(hall.per_s > 9.0 && hall.per_s < 11.0);
    view.active = 0; /* a hall that nobody is in says nothing of how long visits take */
    struct eta_meter alone = meter;
    alone.inside = 0.5;
    assert_true(fabs(eta_hall(&alone, &view).per_s - 100.0 / 60.0) < 1e-9);
    alone.inside = 50.0;
    alone.entered = 0.0;
    assert_true(fabs(eta_hall(&alone, &view).per_s - 100.0 / 60.0) < 1e-9);
}

static void no_step_of_the_plan_is_faster_than_the_pilots_ceiling(void **state)
{
    (void)state;
    struct eta_meter meter;
    struct line_view view = open_line();
    eta_meter_init(&meter);
    view.knobs.rate_milli = 0;
    struct line_rate_at plan = {view.redis_ms + 10000, 50000};
    eta_meter_plan(&meter, &plan, 1);
    assert_int_equal(ask(&meter, &view, 999).p50_s, 10 + 20);
    view.knobs.pilot_ceiling_milli = 10000;
    assert_int_equal(ask(&meter, &view, 999).p50_s, 10 + 100);
    view.knobs.pilot_ceiling_milli = 50000;
    assert_int_equal(ask(&meter, &view, 999).p50_s, 10 + 20);
    view.knobs.pilot_ceiling_milli = 60000;
    assert_int_equal(ask(&meter, &view, 999).p50_s, 10 + 20);
    view.knobs.pilot_ceiling_milli = 1;
    assert_int_equal(ask(&meter, &view, 0).p50_s, 10 + 1000);
}

/* Places that are known to be empty: all before `judged` have been looked at. */
static void whoever_is_known_to_be_gone_is_not_waited_for(void **state)
{
    (void)state;
    struct eta_meter meter;
    struct ghosts ghosts = {.judged = 50000, .waiting = 10000};
    struct line_view view = open_line();
    view.ghosts = &ghosts;
    eta_meter_init(&meter);
    eta_meter_observe(&meter, &view);
    struct eta_model model = eta_model(&meter, &view, view.redis_ms);
    assert_true(model.judged_ahead == 40000.0);
    assert_true(fabs(model.gone_share - 0.2) < 1e-9);
    assert_true(eta_people(&model, 40000) == 40000.0);
    assert_true(fabs(eta_people(&model, 50000) - 48000.0) < 1e-6); /* a fifth of the rest, too */
    view.nobodys = 4000; /* which are no ghosts: they are in nobody's way */
    eta_meter_observe(&meter, &view);
    model = eta_model(&meter, &view, view.redis_ms);
    assert_true(fabs(model.gone_share - 0.12) < 1e-9);
    assert_true(model.judged_ahead == 44000.0);
    view.nobodys = 20000; /* more than are known to be away */
    ghosts.waiting = 20000;
    eta_meter_observe(&meter, &view);
    assert_true(eta_model(&meter, &view, view.redis_ms).gone_share == 0.0);
    view.serving = 50000; /* they have all been called */
    assert_true(eta_model(&meter, &view, view.redis_ms).judged_ahead == 0.0);
    view.serving = 49990; /* of the last ten all are away, and others behind them */
    view.nobodys = 0;
    assert_true(eta_model(&meter, &view, view.redis_ms).judged_ahead == 0.0);
}

static void too_few_judged_places_say_nothing_of_the_others(void **state)
{
    (void)state;
    struct eta_meter meter;
    struct ghosts ghosts = {.judged = GHOSTS_BLOCK_PLACES - 1, .waiting = GHOSTS_BLOCK_PLACES / 2};
    struct line_view view = open_line();
    view.ghosts = &ghosts;
    eta_meter_init(&meter);
    eta_meter_observe(&meter, &view);
    assert_true(meter.gone_share == 0.0);
    ghosts.judged++;
    eta_meter_observe(&meter, &view);
    assert_true(meter.gone_share == 0.5);
    ghosts.waiting = ghosts.judged;
    eta_meter_observe(&meter, &view);
    assert_true(meter.gone_share < 1.0); /* somebody is always believed to come */
}

/* ---- why it moved ---- */

struct watched {
    struct eta_meter meter;
    struct eta_watch watch;
    struct line_view view;
    struct eta_model model;
};

static void look(struct watched *line)
{
    line->model = eta_model(&line->meter, &line->view, line->view.redis_ms);
    eta_watch_observe(&line->watch, &line->view, &line->model);
}

/* Looked at every five seconds, as fast as is said. */
static void go_on(struct watched *line, double rate, unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i += 5) {
        run(&line->meter, &line->view, rate, 5);
        look(line);
    }
}

/* A line that has moved at ten a second for so long that nothing of it is news. */
static void settle(struct watched *line)
{
    *line = (struct watched){.view = open_line()};
    eta_meter_init(&line->meter);
    line->view.issued = 1000000;
    go_on(line, 10.0, 300);
    assert_int_equal(line->model.reason, ETA_REASON_NONE);
}

static void a_pause_and_its_end_are_named_for_a_while(void **state)
{
    (void)state;
    struct watched line;
    settle(&line);
    line.view.state = LINE_PAUSED;
    go_on(&line, 0.0, 30);
    assert_int_equal(line.model.reason, ETA_REASON_PAUSED);
    line.view.state = LINE_OPEN;
    go_on(&line, 10.0, 60);
    assert_int_equal(line.model.reason, ETA_REASON_RESUMED);
    go_on(&line, 10.0, 60);
    assert_int_not_equal(line.model.reason, ETA_REASON_RESUMED);
}

/* People are called later, or earlier, than they were told, by a part of a short wait. */
static void a_short_wait_says_that_the_line_fell_behind(void **state)
{
    (void)state;
    static const struct {
        double rate;
        unsigned seconds;
        enum eta_reason near, far;
    } rows[] = {{0.0, 1, ETA_REASON_SLOWER, ETA_REASON_NONE},
                {40.0, 1, ETA_REASON_FASTER, ETA_REASON_NONE},
                {10.0, 1, ETA_REASON_NONE, ETA_REASON_NONE}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct watched line;
        settle(&line);
        run(&line.meter, &line.view, rows[i].rate, rows[i].seconds);
        look(&line);
        struct eta near = eta_at(&line.model, 20), far = eta_at(&line.model, 100000);
        assert_int_equal(eta_reason_at(&line.model, &near), rows[i].near);
        assert_int_equal(eta_reason_at(&line.model, &far), rows[i].far);
    }
}

static void the_first_measurement_is_named_but_not_in_a_pause(void **state)
{
    (void)state;
    for (unsigned paused = 0; paused < 2; paused++) {
        struct watched line = {.view = open_line()};
        eta_meter_init(&line.meter);
        go_on(&line, 10.0, 15);
        assert_int_equal(line.model.basis, ETA_KNOBS);
        if (paused) {
            run(&line.meter, &line.view, 10.0, 30);
            line.view.state = LINE_PAUSED;
        }
        go_on(&line, paused ? 0.0 : 10.0, 5);
        assert_int_equal(line.model.basis, ETA_MEASURED);
        assert_int_equal(line.model.reason, paused ? ETA_REASON_PAUSED : ETA_REASON_MEASURED);
    }
}

/* Redis lost its memory: what was served before is no measure of how far the line fell behind. */
static void a_line_that_was_set_back_has_not_fallen_behind(void **state)
{
    (void)state;
    struct watched line;
    settle(&line);
    line.view.serving = 10;
    run(&line.meter, &line.view, 0.0, 1);
    look(&line);
    assert_true(line.model.lag_s == 0.0);
}

/* Twenty a second into 500 free slots, which a thousand visits of a minute would free at 16.7 a
 * second; for ten seconds of them the knob is at ten, at which no slot is used up. */
static void free_slots_may_last_beyond_a_step_of_the_plan(void **state)
{
    (void)state;
    struct eta_meter meter;
    struct line_view view = open_line();
    eta_meter_init(&meter);
    view.knobs.rate_milli = 20000;
    view.knobs.max_active = 1000;
    view.active = 500;
    struct line_rate_at plan[] = {{view.redis_ms + 5000, 10000}, {view.redis_ms + 15000, 20000}};
    eta_meter_plan(&meter, plan, 2);
    assert_int_equal(ask(&meter, &view, 99).p50_s, 5);
    assert_int_equal(ask(&meter, &view, 199).p50_s, 15); /* 100 in 5 s, 100 in 10 */
    assert_int_equal(ask(&meter, &view, 499).p50_s, 30);
    assert_int_equal(ask(&meter, &view, 599).p50_s, 35); /* 100 and 400 slots, at 20 a second */
    assert_int_equal(ask(&meter, &view, 699).p50_s, 41); /* and then as visits end */
    view.active = 950;
    assert_int_equal(ask(&meter, &view, 49).p50_s, 3); /* 50 slots in 2.5 s */
    assert_int_equal(ask(&meter, &view, 99).p50_s, 6); /* and then 16.7 a second, or 10 */
}

/* As the essay of eta.c has it, worked out by hand. */
static void the_range_is_as_wide_as_chance_and_doubt_make_it(void **state)
{
    (void)state;
    static const struct {
        struct eta_model model;
        double p50_s, p90_s;
    } rows[] = {
        /* 200 s; 1.2816 times the root of 200 * 20 and of 200 squared * 0.01 */
        {{.basis = ETA_MEASURED, .scale = 1.0, .wander_s2 = 20.0, .doubt2 = 0.01}, 200.0, 285.011},
        {{.basis = ETA_MEASURED, .scale = 2.0, .wander_s2 = 20.0, .doubt2 = 0.01}, 200.0, 370.023},
        {{.basis = ETA_MEASURED, .scale = 1.0, .wander_s2 = 0.0, .doubt2 = 0.01}, 200.0, 225.632},
        {{.basis = ETA_MEASURED, .scale = 1.0, .wander_s2 = 20.0, .doubt2 = 0.0}, 200.0, 281.055},
        {{.basis = ETA_KNOBS, .scale = 1.0, .wander_s2 = 20.0, .doubt2 = 0.01}, 200.0, 300.0},
        {{.basis = ETA_MEASURED,
          .scale = 1.0,
          .delay_p50_s = 30.0,
          .delay_p90_s = 270.0,
          .doubt2 = 0.01},
         230.0,
         495.632},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct eta_model model = rows[i].model;
        model.pace = (struct eta_pace){2.0, 2.0, 2.0};
        struct eta_range range = eta_range(&model, 99);
        assert_true(range.known);
        assert_true(fabs(range.p50_s - rows[i].p50_s) < 0.001);
        if (fabs(range.p90_s - rows[i].p90_s) > 0.001)
            fail_msg("row %zu: %f", i, range.p90_s);
        struct eta eta = eta_at(&model, 99);
        assert_int_equal(eta.p50_s, (uint32_t)rows[i].p50_s);
        assert_int_equal(eta.p90_s, (uint32_t)ceil(rows[i].p90_s));
        assert_int_equal(eta.move_s, 200);
    }
}

/* Of those ahead who were judged all are there, of the others a share has gone. */
static void whoever_was_not_judged_is_expected_to_be_there_as_others_were(void **state)
{
    (void)state;
    const struct eta_model model = {
        .basis = ETA_MEASURED, .scale = 1.0, .judged_ahead = 40.0, .gone_share = 0.25};
    assert_true(eta_people(&model, 0) == 0.0);
    assert_true(eta_people(&model, 40) == 40.0);
    assert_true(eta_people(&model, 100) == 40.0 + 45.0);
}

static void a_wait_beyond_all_bounds_is_not_told(void **state)
{
    (void)state;
    struct eta_model model = {.basis = ETA_MEASURED, .scale = 1.0, .pace = {1.0, 1.0, 1.0}};
    assert_int_equal(eta_at(&model, ETA_MAX_S - 1).p50_s, ETA_MAX_S);
    assert_int_equal(eta_at(&model, ETA_MAX_S).basis, ETA_UNKNOWN);
    model.delay_p50_s = model.delay_p90_s = 1.0; /* before it opens */
    assert_int_equal(eta_at(&model, ETA_MAX_S - 2).p50_s, ETA_MAX_S);
    assert_int_equal(eta_at(&model, ETA_MAX_S - 1).basis, ETA_UNKNOWN);
}

static void a_pause_whose_begin_nobody_saw_adds_nothing_to_the_wait(void **state)
{
    (void)state;
    struct eta_meter meter;
    struct line_view view = open_line();
    eta_meter_init(&meter);
    view.state = LINE_PAUSED;
    view.service_rate_milli = 5000;
    assert_int_equal(ask(&meter, &view, 99).p50_s, 20);
    eta_meter_observe(&meter, &view);
    struct eta_model model = eta_model(&meter, &view, view.redis_ms - 5000);
    assert_int_equal(eta_at(&model, 99).p50_s, 20); /* by a clock that is behind */
    model = eta_model(&meter, &view, view.redis_ms + 7000);
    struct eta eta = eta_at(&model, 99);
    assert_int_equal(eta.p50_s, eta.move_s + 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_any_measurement_the_knobs_give_a_range),
        cmocka_unit_test(a_full_hall_moves_as_fast_as_sessions_end),
        cmocka_unit_test(an_empty_line_teaches_nothing),
        cmocka_unit_test(a_schedule_known_beforehand_is_in_the_wait),
        cmocka_unit_test(a_schedule_may_stop_the_line_and_start_it_again),
        cmocka_unit_test(a_changed_plan_is_a_cause_that_is_named),
        cmocka_unit_test(a_line_that_nobody_stood_in_has_not_slowed_down),
        cmocka_unit_test(a_hall_that_fills_slows_the_line_and_that_is_known_before),
        cmocka_unit_test(a_pause_is_taken_to_last_as_long_again),
        cmocka_unit_test(a_pause_before_any_measurement_is_not_guessed_at),
        cmocka_unit_test(before_the_opening_the_time_to_it_is_added),
        cmocka_unit_test(a_front_that_just_started_uses_what_redis_remembers),
        cmocka_unit_test(the_wait_never_falls_with_the_place),
        cmocka_unit_test(the_table_ends_where_the_line_does),
        cmocka_unit_test(what_is_unknown_is_null_and_not_zero),
        cmocka_unit_test(a_basis_and_a_reason_have_names),
        cmocka_unit_test(a_plan_of_the_same_rates_at_other_times_is_another),
        cmocka_unit_test(a_stale_picture_and_one_from_before_teach_nothing),
        cmocka_unit_test(a_hall_takes_as_many_as_are_free_and_then_as_visits_end),
        cmocka_unit_test(no_step_of_the_plan_is_faster_than_the_pilots_ceiling),
        cmocka_unit_test(whoever_is_known_to_be_gone_is_not_waited_for),
        cmocka_unit_test(too_few_judged_places_say_nothing_of_the_others),
        cmocka_unit_test(a_pause_and_its_end_are_named_for_a_while),
        cmocka_unit_test(a_short_wait_says_that_the_line_fell_behind),
        cmocka_unit_test(the_first_measurement_is_named_but_not_in_a_pause),
        cmocka_unit_test(a_line_that_was_set_back_has_not_fallen_behind),
        cmocka_unit_test(free_slots_may_last_beyond_a_step_of_the_plan),
        cmocka_unit_test(a_pause_whose_begin_nobody_saw_adds_nothing_to_the_wait),
        cmocka_unit_test(the_range_is_as_wide_as_chance_and_doubt_make_it),
        cmocka_unit_test(whoever_was_not_judged_is_expected_to_be_there_as_others_were),
        cmocka_unit_test(a_wait_beyond_all_bounds_is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
