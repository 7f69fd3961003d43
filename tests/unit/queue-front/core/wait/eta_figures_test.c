/* eta_figures_test.c: figure by figure, what a meter makes of what it sees, what a model makes of a
 * meter, and when a watch says that the wait has changed. Worked out by hand from the essay of
 * eta.c; eta_test.c has whole lines. */
#include "core/line/ghosts.h"
#include "core/wait/eta.h"

#include "unit.h"

#include <math.h>

enum { NOW_MS = 50000000 };

static bool same(double got, double want)
{
    return (isinf(got) && isinf(want)) || fabs(got - want) <= 1e-9 * fmax(1.0, fabs(want));
}

#define assert_figure(got, want)                                                                   \
    do {                                                                                           \
        if (!same((got), (want)))                                                                  \
            fail_msg("%s is %.12g, not %.12g", #got, (double)(got), (double)(want));               \
    } while (0)

static struct line_view moving(uint64_t knob_milli)
{
    return (struct line_view){.state = LINE_OPEN,
                              .knobs = {.rate_milli = knob_milli},
                              .issued = 100000,
                              .serving = 1000,
                              .show_up_milli = 1000,
                              .redis_ms = NOW_MS};
}

static struct eta_meter measured(double rate)
{
    struct eta_meter meter;
    eta_meter_init(&meter);
    meter.windows = ETA_WINDOWS_KEPT;
    meter.rate = rate;
    return meter;
}

/* ---- what is seen ---- */

static void what_a_window_has_seen_counts_by_how_many_there_were(void **state)
{
    (void)state;
    struct eta_meter meter;
    struct line_view view = moving(20000);
    eta_meter_init(&meter);
    view.skipped = 100;
    view.admitted = 50;
    view.active = 20;
    eta_meter_observe(&meter, &view);

    view.redis_ms += 4999;
    eta_meter_observe(&meter, &view);
    assert_int_equal(meter.windows, 0);
    view.redis_ms++; /* five seconds: 60 places, of which ten were ghosts; 40 came in, 30 left */
    view.serving += 60;
    view.skipped += 10;
    view.admitted += 40;
    view.active = 30;
    eta_meter_observe(&meter, &view);
    assert_int_equal(meter.windows, 1);
    assert_figure(meter.rate, 10.0);
    assert_figure(meter.variance, 0.0); /* the first says nothing of the spread */
    assert_figure(meter.entered, 8.0);
    assert_figure(meter.left, 6.0);
    assert_figure(meter.inside, 30.0);

    view.redis_ms += 10000; /* as long as two windows, so three quarters of the weight */
    view.serving += 60;
    view.active = 50; /* more than came in: nobody has left */
    eta_meter_observe(&meter, &view);
    assert_int_equal(meter.windows, 2);
    assert_figure(meter.rate, 7.0);
    assert_figure(meter.variance, 0.25 * 0.75 * 16.0);
    assert_figure(meter.entered, 2.0);
    assert_figure(meter.left, 1.5);
    assert_figure(meter.inside, 45.0);

    view.redis_ms += 5000;
    view.admitted = 10; /* Redis has lost some: nobody has come in, ten have left */
    view.active = 40;
    eta_meter_observe(&meter, &view);
    assert_int_equal(meter.windows, 3);
    assert_figure(meter.rate, 7.0 * 2.0 / 3.0);
    assert_figure(meter.variance, (3.0 + 49.0 / 3.0) * 2.0 / 3.0);
    assert_figure(meter.entered, 2.0 * 2.0 / 3.0);
    assert_figure(meter.left, 1.5 + 0.5 / 3.0);

    meter.windows = ETA_WINDOWS_KEPT; /* from then on each is a twelfth */
    meter.rate = 0.0;
    view.redis_ms += 5000;
    view.serving += 60;
    eta_meter_observe(&meter, &view);
    assert_int_equal(meter.windows, ETA_WINDOWS_KEPT);
    assert_figure(meter.rate, 1.0);
}

static void a_pause_counts_by_its_share_of_half_an_hour(void **state)
{
    (void)state;
    struct eta_meter meter;
    struct line_view view = moving(20000);
    eta_meter_init(&meter);
    eta_meter_observe(&meter, &view);
    static const struct {
        enum line_state line;
        uint64_t after_ms;
        double available;
        uint64_t paused_since_ms; /* after NOW_MS; 0: it is not */
    } rows[] = {
        {LINE_PAUSED, 180000, 0.9, 180000},          /* three minutes are a tenth */
        {LINE_PAUSED, (uint64_t)-5000, 0.9, 180000}, /* Redis's clock was set back: no time */
        {LINE_PAUSED, 180000, 0.81, 180000},
        {LINE_FROZEN, 0, 0.81, 180000},
        {LINE_OPEN, 180000, 0.829, 0},
        {LINE_PAUSED, 180000000, 0.05, 180535000},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        view.state = rows[i].line;
        view.redis_ms += rows[i].after_ms;
        eta_meter_observe(&meter, &view);
        assert_figure(meter.available, rows[i].available);
        assert_int_equal(meter.paused_since_ms,
                         rows[i].paused_since_ms > 0 ? NOW_MS + rows[i].paused_since_ms : 0);
    }
    assert_false(meter.window_open); /* nothing is measured in it */
    view.state = LINE_OPEN;
    view.issued = view.serving + 1; /* one waits, which is enough */
    view.redis_ms += 2160000;
    eta_meter_observe(&meter, &view);
    assert_figure(meter.available, 1.0);
    assert_true(meter.window_open);
    view.state = LINE_SOLD_OUT; /* neither open nor paused */
    view.redis_ms += 1;
    eta_meter_observe(&meter, &view);
    assert_figure(meter.available, 1.0);
    assert_int_equal(meter.paused_since_ms, 0);
    assert_int_equal(meter.seen_at_ms, 0);
    assert_false(meter.window_open);
    view.state = LINE_PAUSED; /* nobody saw what was before */
    eta_meter_observe(&meter, &view);
    assert_figure(meter.available, 1.0);
}

/* Four fifths of the knob are as much as a line shows that the knob holds back. */
static void the_rate_follows_a_knob_that_holds_the_line_back(void **state)
{
    (void)state;
    static const struct {
        uint32_t windows;
        double rate;
        uint64_t before_milli, now_milli;
        double factor; /* 1: nothing follows */
    } rows[] = {
        {12, 10.0, 10000, 5000, 0.5},    {2, 10.0, 10000, 5000, 0.5}, {12, 3.0, 10000, 5000, 0.5},
        {12, 8.0, 10000, 20000, 2.0},    {12, 7.9, 10000, 20000, 1},  {12, 10.0, 10000, 10000, 1},
        {12, 10.0, 0, 5000, 1},          {12, 10.0, 10000, 0, 1},     {0, 10.0, 10000, 5000, 1},
        {3, 10.0, 10000, 10001, 1.0001}, {12, 7.9, 10000, 12000, 1}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct eta_meter meter = measured(rows[i].rate);
        struct line_view view = moving(rows[i].now_milli);
        bool follows = rows[i].factor != 1;
        meter.windows = rows[i].windows;
        meter.variance = 4.0;
        meter.knob_rate_milli = rows[i].before_milli;
        meter.window_open = true;
        meter.window_at_ms = NOW_MS - 1000;
        eta_meter_observe(&meter, &view);
        assert_figure(meter.rate, rows[i].rate * rows[i].factor);
        assert_figure(meter.variance, 4.0 * rows[i].factor * rows[i].factor);
        assert_int_equal(meter.windows, follows && rows[i].windows > 3 ? 3 : rows[i].windows);
        assert_int_equal(meter.window_at_ms, follows ? NOW_MS : NOW_MS - 1000); /* begun anew */
        assert_int_equal(meter.knob_rate_milli, rows[i].now_milli);
    }
}

static void the_rate_follows_the_size_of_a_full_hall_up_to_the_knob(void **state)
{
    (void)state;
    static const struct {
        double inside;
        uint64_t before, now, knob_milli;
        double rate, then;
    } rows[] = {
        {95.0, 100, 200, 30000, 10.0, 20.0},
        {94.9, 100, 200, 30000, 10.0, 10.0},
        {95.0, 100, 50, 30000, 10.0, 5.0},
        {95.0, 100, 200, 15000, 10.0, 15.0},
        {95.0, 100, 0, 15000, 10.0, 15.0}, /* without a cap */
        {95.0, 100, 1, 30000, 10.0, 0.1},
        {95.0, 0, 200, 30000, 10.0, 10.0},
        {95.0, 100, 100, 30000, 10.0, 10.0},
        {95.0, 100, 200, 0, 10.0, 10.0}, /* what stands still has no pace to follow with */
        {95.0, 100, 200, 30000, 1e-4, 1e-4},
        {95.0, 100, 50, 30000, 2e-4, 2e-4},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct eta_meter meter = measured(rows[i].rate);
        struct line_view view = moving(rows[i].knob_milli);
        meter.inside = rows[i].inside;
        meter.knob_max_active = rows[i].before;
        view.knobs.max_active = rows[i].now;
        eta_meter_observe(&meter, &view);
        assert_figure(meter.rate, rows[i].then);
        assert_int_equal(meter.knob_max_active, rows[i].now);
        meter = measured(rows[i].rate);
        meter.windows = 0; /* nothing is measured yet that could follow */
        meter.inside = rows[i].inside;
        meter.knob_max_active = rows[i].before;
        eta_meter_observe(&meter, &view);
        assert_figure(meter.rate, rows[i].rate);
    }
}

/* ---- what is reckoned ---- */

static void a_rate_is_known_as_well_as_its_windows_agree_and_there_are_many(void **state)
{
    (void)state;
    static const struct {
        uint32_t windows;
        double rate, variance, wander_s2, doubt2;
    } rows[] = {
        {4, 2.0, 1.0, 0.25 * 5.0, 0.25 / 4.0 + 0.01}, /* rates drift by a tenth besides */
        {3, 2.0, 1.0, 0.25 * 5.0, 0.25 / 3.0 + 0.01},
        {2, 9.0, 1.0, 0.25 * 5.0, 0.25 / 3.0 + 0.01}, /* of Redis, taken to be off by half */
        {12, 1e-4, 1.0, 0.0, 0.01},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct eta_meter meter = measured(rows[i].rate);
        struct line_view view = moving(20000);
        meter.windows = rows[i].windows;
        meter.variance = rows[i].variance;
        view.service_rate_milli = 2000;
        struct eta_model model = eta_model(&meter, &view, NOW_MS);
        assert_int_equal(model.basis, rows[i].rate > 1e-4 ? ETA_MEASURED : ETA_UNKNOWN);
        assert_figure(model.wander_s2, rows[i].wander_s2);
        assert_figure(model.doubt2, rows[i].doubt2);
        assert_figure(model.pace.p50, rows[i].rate > 1e-4 ? 0.5 : HUGE_VAL);
        assert_figure(model.scale, 1.0);
    }
}

/* With a knob of 30 a second and room for a hundred, of whom sixty are inside and ten called. A
 * visit of ten seconds frees ten places a second. */
static void a_line_moves_as_its_knob_its_habit_and_its_hall_allow(void **state)
{
    (void)state;
    static const struct {
        double rate, inside, entered, left;
        uint32_t show_up_milli;
        double quick, p50, p90; /* a second */
    } rows[] = {
        {20.0, 50.0, 10.0, 5.0, 1000, 20.0, 10.0, 10.0 / 1.05},
        {20.0, 50.0, 10.0, 2.0, 1000, 20.0, 10.0, 10.0 / 1.05}, /* half of those who came leave */
        {20.0, 50.0, 10.0, 8.0, 1000, 20.0, 16.0, 16.0 / 1.05},
        {40.0, 50.0, 10.0, 5.0, 500, 30.0, 20.0, 20.0 / 1.05},
        {25.0, 50.0, 1.0, 0.5, 20, 25.0, 20.0, 20.0 / 1.05}, /* one in twenty comes, at least */
        {20.0, 50.0, 1e-4, 5.0, 1000, 20.0, 10.0, 10.0 / 1.05},
        {20.0, 50.0, 0.9e-4, 5.0, 1000, 20.0, 20.0, 20.0}, /* nobody came in: nothing is known */
        {20.0, 1.0, 0.1, 0.1, 1000, 20.0, 10.0, 10.0 / 1.05},
        {20.0, 0.9, 0.1, 0.1, 1000, 20.0, 20.0, 20.0},
        /* What was measured in a full hall has its limit in it, if that is near. */
        {10.7, 98.0, 10.0, 10.0, 1000, 10.7, 10.7, 10.7},
        {10.8, 98.0, 10.0, 10.0, 1000, 10.8, 1000.0 / 98.0, 1000.0 / 98.0 / 1.05},
        {10.0, 97.9, 10.0, 10.0, 1000, 10.0, 10.0, 1000.0 / 97.9 / 1.05},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct eta_meter meter = measured(rows[i].rate);
        struct line_view view = moving(30000);
        meter.inside = rows[i].inside;
        meter.entered = rows[i].entered;
        meter.left = rows[i].left;
        view.knobs.max_active = 100;
        view.active = 60;
        view.outstanding = 10;
        view.show_up_milli = rows[i].show_up_milli;
        struct eta_model model = eta_model(&meter, &view, NOW_MS);
        assert_figure(model.pace.quick, 1.0 / rows[i].quick);
        assert_figure(model.pace.p50, 1.0 / rows[i].p50);
        assert_figure(model.pace.p90, 1.0 / rows[i].p90);
        /* Free places fill the more slowly the more leave meanwhile. */
        double stay_s = rows[i].inside / fmax(rows[i].left, rows[i].entered / 2.0);
        double beyond = 100.0 * (rows[i].quick / rows[i].p50 - 1.0);
        static const unsigned free[] = {30, 1, 0};
        for (unsigned f = 0; f < 3; f++) {
            view.active = 90 - free[f];
            model = eta_model(&meter, &view, NOW_MS);
            assert_figure(model.quick_places,
                          beyond > 1e-9 ? rows[i].quick * stay_s * log1p(free[f] / beyond) : 0.0);
        }
    }
}

static void a_later_step_of_the_plan_does_not_change_how_a_hall_fills(void **state)
{
    (void)state;
    struct eta_meter meter = measured(20.0);
    struct line_view view = moving(30000);
    meter.inside = 50.0;
    meter.entered = meter.left = 5.0;
    view.knobs.max_active = 100;
    double quick_places = eta_model(&meter, &view, NOW_MS).quick_places;
    assert_true(quick_places > 0.0);
    eta_meter_plan(&meter, &(struct line_rate_at){NOW_MS + 60000, 15000}, 1);
    assert_figure(eta_model(&meter, &view, NOW_MS).quick_places, quick_places);
}

static void a_hall_is_reckoned_with_once_its_visits_were_measured(void **state)
{
    (void)state;
    for (uint32_t windows = 2; windows <= 3; windows++) {
        struct eta_meter meter = measured(20.0);
        struct line_view view = moving(30000);
        meter.windows = windows;
        meter.inside = 50.0;
        meter.entered = meter.left = 5.0;
        view.service_rate_milli = 20000;
        view.knobs.max_active = 100;
        assert_figure(eta_model(&meter, &view, NOW_MS).pace.p50, windows < 3 ? 0.05 : 0.1);
    }
}

static void a_line_that_does_not_move_yet_adds_its_time_to_the_wait(void **state)
{
    (void)state;
    static const struct {
        enum line_state line;
        uint64_t opens_at_ms, paused_since_ms;
        double p50_s, p90_s;
    } rows[] = {
        {LINE_SCHEDULED, NOW_MS + 2500, 0, 2.5, 2.5},
        {LINE_PRE_QUEUE, NOW_MS - 5000, 0, 0.0, 0.0},
        {LINE_PAUSED, 0, NOW_MS - 60000, 60.0, 540.0}, /* one pause in ten goes on as nine do */
        {LINE_FROZEN, 0, NOW_MS + 5000, 0.0, 0.0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct eta_meter meter = measured(10.0);
        struct line_view view = moving(20000);
        view.state = rows[i].line;
        view.knobs.opens_at_ms = rows[i].opens_at_ms;
        meter.paused_since_ms = rows[i].paused_since_ms;
        struct eta_model model = eta_model(&meter, &view, NOW_MS);
        assert_figure(model.delay_p50_s, rows[i].p50_s);
        assert_figure(model.delay_p90_s, rows[i].p90_s);
    }
}

static void nobody_is_called_until_a_hall_that_is_too_full_has_emptied(void **state)
{
    (void)state;
    static const struct {
        uint64_t active, max_active;
        double delay_s;
    } rows[] = {{100, 100, 0.0}, {99, 100, 0.0}, {200, 100, 6.931471805599453}, {200, 0, 0.0}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct eta_meter meter = measured(10.0);
        struct line_view view = moving(30000);
        meter.inside = 50.0;
        meter.entered = meter.left = 5.0; /* visits of ten seconds */
        view.active = rows[i].active;
        view.knobs.max_active = rows[i].max_active;
        struct eta_model model = eta_model(&meter, &view, NOW_MS);
        assert_figure(model.delay_p50_s, rows[i].delay_s);
        assert_figure(model.delay_p90_s, rows[i].delay_s);
    }
}

static void a_step_of_the_plan_moves_a_line_that_its_knob_holds_back(void **state)
{
    (void)state;
    static const struct {
        double rate, available;
        uint64_t knob_milli, then_milli;
        double then;
    } rows[] = {
        {8.0, 1.0, 10000, 20000, 16.0},  {7.9, 1.0, 10000, 20000, 7.9},
        {7.9, 1.0, 10000, 5000, 5.0},    {8.0, 1.0, 10000, 5000, 4.0},
        {12.0, 1.0, 10000, 5000, 5.0},   {10.0, 1.0, 0, 20000, 20.0},
        {10.0, 0.5, 10000, 20000, 10.0}, {7.9, 0.5, 10000, 20000, 3.95},
        {8.0, 1.0, 10000, 0, 0.0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct eta_meter meter = measured(rows[i].rate);
        struct line_view view = moving(rows[i].knob_milli);
        meter.available = rows[i].available;
        struct line_rate_at plan[] = {{NOW_MS + 2500, rows[i].then_milli},
                                      {NOW_MS + 5000, rows[i].then_milli}};
        eta_meter_plan(&meter, plan, 2);
        struct eta_model model = eta_model(&meter, &view, NOW_MS);
        assert_int_equal(model.steps_len, 2);
        for (unsigned step = 0; step < 2; step++) {
            assert_figure(model.step[step].from_s, 2.5 * (step + 1));
            assert_figure(model.step[step].pace.p50, 1.0 / rows[i].then);
        }
        assert_figure(eta_model(&meter, &view, NOW_MS + 2600).step[0].from_s, 0.0);
    }
}

/* Eight places a second while slots are free, two then; from a step on twice as fast. */
static void a_wait_goes_through_free_slots_and_the_steps_of_a_plan(void **state)
{
    (void)state;
    static const struct {
        double slots, step_s;
        uint64_t ahead;
        double p50_s;
    } rows[] = {
        {80, 20, 79, 10.0},   {80, 20, 99, 20.0}, /* the rest of the slots' time, at two a second */
        {80, 20, 100, 20.25}, {80, 10, 80, 10.25}, /* the slots and the time end together */
        {80, 5, 40, 5.0625},                       /* forty slots are left, at twice the pace */
        {80, 5, 79, 7.5},     {80, 0.5, 3, 0.5},   {80, 0.5, 4, 0.5625},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct eta_model model = {
            .basis = ETA_KNOBS,
            .scale = 1.0,
            .pace = {0.125, 0.5, 0.5},
            .quick_places = rows[i].slots,
            .steps_len = 1,
            .step = {{.from_s = rows[i].step_s, .pace = {0.0625, 0.25, 0.25}}},
        };
        assert_figure(eta_range(&model, rows[i].ahead).p50_s, rows[i].p50_s);
    }
}

/* ---- what has changed ---- */

/* One place a second, known for long. */
static struct eta_model steady(void)
{
    return (struct eta_model){.basis = ETA_MEASURED, .scale = 1.0, .pace = {1.0, 1.0, 1.0}};
}

static struct eta_watch watching(const struct line_view *view)
{
    return (struct eta_watch){.rate_milli = view->knobs.rate_milli,
                              .max_active = view->knobs.max_active,
                              .next_at_ms = NOW_MS + 1};
}

static void a_cause_is_named_for_as_long_as_the_watch_remembers(void **state)
{
    (void)state;
    for (unsigned cause = 0; cause < 2; cause++) {
        for (unsigned over = 0; over < 2; over++) {
            struct line_view view = moving(20000);
            struct eta_watch watch = watching(&view);
            struct eta_model model = steady();
            uint64_t since_ms = NOW_MS - 65000 + 1 - over;
            *(cause == 0 ? &watch.resumed_ms : &watch.rate_changed_ms) = since_ms;
            eta_watch_observe(&watch, &view, &model);
            assert_int_equal(model.reason, over         ? ETA_REASON_NONE
                                           : cause == 0 ? ETA_REASON_RESUMED
                                                        : ETA_REASON_RATE_CHANGED);
        }
    }
}

static void an_unchanged_knob_is_no_reason(void **state)
{
    (void)state;
    static const struct {
        uint64_t rate_milli, max_active, next_at_ms;
        uint32_t plan_changes;
        enum eta_reason reason;
    } rows[] = {
        {0, 0, 0, 0, ETA_REASON_NONE}, /* the first look */
        {20000, 0, 0, 0, ETA_REASON_NONE},
        {20000, 300, NOW_MS, 4, ETA_REASON_NONE},
        {20001, 300, NOW_MS, 4, ETA_REASON_RATE_CHANGED},
        {20000, 301, NOW_MS, 4, ETA_REASON_RATE_CHANGED},
        {20000, 300, NOW_MS, 3, ETA_REASON_RATE_CHANGED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct line_view view = moving(20000);
        view.knobs.max_active = 300;
        struct eta_watch watch = {.rate_milli = rows[i].rate_milli,
                                  .max_active = rows[i].max_active,
                                  .next_at_ms = rows[i].next_at_ms,
                                  .plan_changes = rows[i].plan_changes};
        struct eta_model model = steady();
        model.plan_changes = 4;
        for (unsigned look = 0; look < 2; look++) {
            model.reason = ETA_REASON_NONE;
            eta_watch_observe(&watch, &view, &model);
            assert_int_equal(model.reason, rows[i].reason);
            assert_int_equal(watch.rate_changed_ms, rows[i].reason == ETA_REASON_NONE ? 0 : NOW_MS);
            view.redis_ms++;
        }
    }
}

/* By more than a tenth, against whichever of the remembered moments it is most. */
static void a_pace_that_has_changed_by_a_tenth_is_a_reason(void **state)
{
    (void)state;
    static const struct {
        double first, last, pace;
        enum eta_reason reason;
    } rows[] = {
        {1.0, 1.0, 1.1, ETA_REASON_NONE},       {1.0, 1.0, 1.2, ETA_REASON_SLOWER},
        {1.0, 1.0, 1.0 / 1.1, ETA_REASON_NONE}, {1.0, 1.0, 0.8, ETA_REASON_FASTER},
        {1.0, 1.2, 1.2, ETA_REASON_SLOWER},     {1.2, 1.0, 1.2, ETA_REASON_SLOWER},
        {0.8, 1.3, 1.0, ETA_REASON_FASTER},     {0.7, 1.2, 1.0, ETA_REASON_SLOWER},
        {0.0, 0.0, 1.5, ETA_REASON_NONE}, /* no pace was shown */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct line_view view = moving(20000);
        struct eta_watch watch = watching(&view);
        struct eta_model model = steady();
        watch.s_per_place[0] = rows[i].first;
        watch.s_per_place[ETA_WATCH_STEPS - 1] = rows[i].last;
        model.pace.p50 = rows[i].pace;
        eta_watch_observe(&watch, &view, &model);
        assert_int_equal(model.reason, rows[i].reason);
        model.basis = ETA_UNKNOWN;
        model.reason = ETA_REASON_SLOWER;
        eta_watch_observe(&watch, &view, &model);
        assert_int_equal(model.reason, ETA_REASON_NONE); /* an unknown wait has no reason */
    }
}

/* Three in a thousand of those who wait, here a thousand. */
static void people_who_leave_or_come_back_are_a_reason_from_a_number_on(void **state)
{
    (void)state;
    static const struct {
        uint64_t waiting, judged, skipped; /* ghosts, and before: a hundred, of 5000 judged */
        double gone_share;
        enum eta_reason reason;
    } rows[] = {
        {100, 5000, 0, 0.0, ETA_REASON_NONE},        {103, 5000, 0, 0.0, ETA_REASON_NONE},
        {104, 5000, 0, 0.0, ETA_REASON_PEOPLE_LEFT}, {97, 5000, 0, 0.0, ETA_REASON_NONE},
        {96, 5000, 0, 0.0, ETA_REASON_PEOPLE_BACK},  {50, 5000, 54, 0.0, ETA_REASON_PEOPLE_LEFT},
        {100, 5006, 0, 0.5, ETA_REASON_NONE},        {100, 5008, 0, 0.5, ETA_REASON_PEOPLE_BACK},
        {104, 5008, 0, 0.5, ETA_REASON_PEOPLE_LEFT}, {102, 5010, 0, 0.5, ETA_REASON_NONE},
        {102, 5012, 0, 0.5, ETA_REASON_PEOPLE_BACK}, {103, 5014, 0, 0.5, ETA_REASON_PEOPLE_BACK},
    };
    const size_t len = sizeof(rows) / sizeof(rows[0]);
    for (size_t at = 0; at < 2 * len; at++) { /* the second time among places that nobody owns */
        size_t i = at % len;
        uint64_t nobodys = at < len ? 0 : 500;
        struct line_view view = moving(20000);
        struct ghosts ghosts = {.waiting = rows[i].waiting + nobodys, .judged = rows[i].judged};
        struct eta_watch watch = watching(&view);
        struct eta_model model = steady();
        view.ghosts = &ghosts;
        view.issued = 2000 + nobodys;
        view.nobodys = nobodys;
        view.skipped = rows[i].skipped;
        model.gone_share = rows[i].gone_share;
        for (unsigned step = 0; step < ETA_WATCH_STEPS; step++)
            watch.crowd[step] = (struct eta_crowd){.ghosts = 100.0, .judged = 5000.0};
        struct eta_meter meter = measured(10.0);
        assert_figure(eta_model(&meter, &view, NOW_MS).judged_ahead, /* a thousand were called */
                      (double)(rows[i].judged - 1000 - rows[i].waiting));
        eta_watch_observe(&watch, &view, &model);
        if (model.reason != rows[i].reason)
            fail_msg("row %zu: %d", i, (int)model.reason);
        /* Each of the moments that are remembered counts, the oldest as the newest does. */
        const struct eta_crowd before = watch.crowd[0];
        const struct eta_crowd now = {.ghosts = (double)(rows[i].waiting + rows[i].skipped),
                                      .judged = (double)rows[i].judged};
        for (unsigned moment = 0; moment < ETA_WATCH_STEPS; moment++) {
            for (unsigned step = 0; step < ETA_WATCH_STEPS; step++)
                watch.crowd[step] = step == moment ? before : now;
            eta_watch_observe(&watch, &view, &model);
            assert_int_equal(model.reason, rows[i].reason);
        }
    }
}

static void of_a_hundred_one_who_leaves_is_a_reason(void **state)
{
    (void)state;
    struct line_view view = moving(20000);
    struct eta_watch watch = watching(&view);
    struct eta_model model = steady();
    view.issued = view.serving + 100;
    view.skipped = 1;
    eta_watch_observe(&watch, &view, &model);
    assert_int_equal(model.reason, ETA_REASON_PEOPLE_LEFT);
}

static void a_line_is_behind_by_the_most_since_any_busy_moment(void **state)
{
    (void)state;
    static const struct {
        uint64_t ago_ms[2], served[2]; /* since then */
        uint64_t idle_ago_ms;
        double lag_s;
    } rows[] = {
        {{10000, 10000}, {5, 5}, 20000, 5.0}, {{10000, 10000}, {5, 17}, 20000, -7.0},
        {{10000, 9000}, {17, 1}, 20000, 8.0}, {{10000, 9000}, {1, 5}, 10000, 4.0},
        {{10000, 9000}, {1, 5}, 10001, 9.0},  {{10000, 9000}, {(uint64_t)-1, 5}, 20000, 4.0},
        {{10000, 9000}, {0, 5}, 20000, 10.0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct line_view view = moving(20000);
        struct eta_watch watch = watching(&view);
        struct eta_model model = steady();
        for (unsigned at = 0; at < 2; at++) {
            unsigned step = at * (ETA_WATCH_STEPS - 1);
            watch.at_ms[step] = NOW_MS - rows[i].ago_ms[at];
            watch.served[step] = view.serving - rows[i].served[at];
        }
        watch.idle_ms = NOW_MS - rows[i].idle_ago_ms;
        eta_watch_observe(&watch, &view, &model);
        assert_figure(model.lag_s, rows[i].lag_s);
        model.pace.p50 = HUGE_VAL; /* a line that is to stand still is not behind */
        eta_watch_observe(&watch, &view, &model);
        assert_figure(model.lag_s, 0.0);
    }
}

static void a_lag_is_named_from_a_tenth_of_the_wait_on(void **state)
{
    (void)state;
    static const struct {
        double lag_s;
        uint32_t p50_s;
        enum eta_reason reason;
    } rows[] = {{1.0, 10, ETA_REASON_NONE},   {1.01, 10, ETA_REASON_SLOWER},
                {-1.0, 10, ETA_REASON_NONE},  {-1.01, 10, ETA_REASON_FASTER},
                {0.01, 0, ETA_REASON_SLOWER}, {0.0, 0, ETA_REASON_NONE}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct eta_model model = steady();
        struct eta eta = {.basis = ETA_MEASURED, .p50_s = rows[i].p50_s};
        model.lag_s = rows[i].lag_s;
        assert_int_equal(eta_reason_at(&model, &eta), rows[i].reason);
        model.reason = ETA_REASON_RESUMED;
        assert_int_equal(eta_reason_at(&model, &eta), ETA_REASON_RESUMED);
        model.reason = ETA_REASON_NONE;
        eta.basis = ETA_UNKNOWN;
        assert_int_equal(eta_reason_at(&model, &eta), ETA_REASON_NONE);
        model.reason = ETA_REASON_PAUSED; /* the line's own comes first */
        assert_int_equal(eta_reason_at(&model, &eta), ETA_REASON_PAUSED);
    }
}

static void the_watch_stores_a_moment_every_five_seconds(void **state)
{
    (void)state;
    struct line_view view = moving(20000);
    struct eta_watch watch = watching(&view);
    struct eta_model model = steady();
    view.skipped = 10;
    view.nobodys = 1; /* places that nobody owns, ahead and stepped over: no ghosts */
    view.nobodys_passed = 2;
    model.gone_share = 0.25;
    watch.at = ETA_WATCH_STEPS - 1;
    for (unsigned ms = 0; ms < 2; ms++, view.redis_ms++) {
        eta_watch_observe(&watch, &view, &model);
        assert_int_equal(watch.at, ms == 0 ? ETA_WATCH_STEPS - 1 : 0);
    }
    assert_int_equal(watch.next_at_ms, NOW_MS + 1 + 5000);
    unsigned last = ETA_WATCH_STEPS - 1;
    assert_figure(watch.s_per_place[last], 1.0);
    assert_int_equal(watch.at_ms[last], NOW_MS + 1);
    assert_int_equal(watch.served[last], 990);
    assert_int_equal(watch.basis[last], ETA_MEASURED);
    assert_figure(watch.crowd[last].ghosts, 7.0);
    assert_figure(watch.crowd[last].gone_share, 0.25);
    view.redis_ms = NOW_MS + 1 + 5000;
    model.pace.p50 = HUGE_VAL; /* it stands still, and no pace is shown */
    view.nobodys = 9;
    eta_watch_observe(&watch, &view, &model);
    assert_int_equal(watch.at, 1);
    assert_figure(watch.s_per_place[0], 0.0);
    assert_figure(watch.crowd[0].ghosts, 0.0);
}

static void a_wait_by_the_knobs_is_remembered_as_long_as_others_are(void **state)
{
    (void)state;
    for (unsigned step = 0; step < ETA_WATCH_STEPS; step++) {
        struct line_view view = moving(20000);
        struct eta_watch watch = watching(&view);
        struct eta_model model = steady();
        watch.basis[step] = ETA_KNOBS;
        eta_watch_observe(&watch, &view, &model);
        assert_int_equal(model.reason, ETA_REASON_MEASURED);
    }
}

static void nobody_waits_in_a_line_that_is_empty_or_calls_nobody(void **state)
{
    (void)state;
    static const struct {
        enum line_state line;
        uint64_t issued, nobodys;
        bool idle;
    } rows[] = {{LINE_OPEN, 1001, 0, false},     {LINE_OPEN, 1000, 0, true},
                {LINE_OPEN, 999, 0, true},       {LINE_OPEN, 1001, 1, true},
                {LINE_OPEN, 1001, 2, true},      {LINE_PAUSED, 1001, 0, false},
                {LINE_PRE_QUEUE, 1001, 0, true}, {LINE_PAUSED, 1000, 0, true}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct line_view view = moving(20000);
        struct eta_watch watch = watching(&view);
        struct eta_model model = steady();
        view.state = rows[i].line;
        view.issued = rows[i].issued;
        view.nobodys = rows[i].nobodys;
        eta_watch_observe(&watch, &view, &model);
        assert_int_equal(watch.idle_ms, rows[i].idle ? NOW_MS : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_window_has_seen_counts_by_how_many_there_were),
        cmocka_unit_test(a_pause_counts_by_its_share_of_half_an_hour),
        cmocka_unit_test(the_rate_follows_a_knob_that_holds_the_line_back),
        cmocka_unit_test(the_rate_follows_the_size_of_a_full_hall_up_to_the_knob),
        cmocka_unit_test(a_rate_is_known_as_well_as_its_windows_agree_and_there_are_many),
        cmocka_unit_test(a_line_moves_as_its_knob_its_habit_and_its_hall_allow),
        cmocka_unit_test(a_later_step_of_the_plan_does_not_change_how_a_hall_fills),
        cmocka_unit_test(a_hall_is_reckoned_with_once_its_visits_were_measured),
        cmocka_unit_test(a_line_that_does_not_move_yet_adds_its_time_to_the_wait),
        cmocka_unit_test(nobody_is_called_until_a_hall_that_is_too_full_has_emptied),
        cmocka_unit_test(a_step_of_the_plan_moves_a_line_that_its_knob_holds_back),
        cmocka_unit_test(a_wait_goes_through_free_slots_and_the_steps_of_a_plan),
        cmocka_unit_test(a_cause_is_named_for_as_long_as_the_watch_remembers),
        cmocka_unit_test(an_unchanged_knob_is_no_reason),
        cmocka_unit_test(a_pace_that_has_changed_by_a_tenth_is_a_reason),
        cmocka_unit_test(people_who_leave_or_come_back_are_a_reason_from_a_number_on),
        cmocka_unit_test(of_a_hundred_one_who_leaves_is_a_reason),
        cmocka_unit_test(a_line_is_behind_by_the_most_since_any_busy_moment),
        cmocka_unit_test(a_lag_is_named_from_a_tenth_of_the_wait_on),
        cmocka_unit_test(the_watch_stores_a_moment_every_five_seconds),
        cmocka_unit_test(a_wait_by_the_knobs_is_remembered_as_long_as_others_are),
        cmocka_unit_test(nobody_waits_in_a_line_that_is_empty_or_calls_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
