/* eta_test.c: what a meter makes of the line's pictures, what a model makes of a meter, and when a
 * watch reports that the wait has changed. Figures are worked out by hand from the top of eta.c.
 *
 * Each row starts with an open line at twenty a second, a meter that has long measured ten, a
 * watch, and a model of one place a second. See script.h for rows with cases ("||").
 *
 *   line FIELD=VALUE ...     sets fields (slots.h); [3] is one of an array, [*] all of it
 *   state NAME, after MS     the state of the line; time passes
 *   fresh, measured          an empty meter, or one that has long measured ten a second
 *   new                      a line of ten a second, with an empty meter and watch
 *   plan +MS:MILLI ...       the steps of the schedule, from now
 *   observe, model [MS], watch   updates the meter, the model (its clock MS ahead), the watch
 *   run RATE S, enter RATE S     the line serves RATE places a second; enter: visitors come in
 *   follow RATE S, look      as run, with a look (model and watch) every five seconds; one look
 *   is FIELD VALUE ...       expects figures; the verbs below expect what the model gives */
#include "core/line/ghosts.h"
#include "core/wait/eta.h"
#include "core/wait/poll.h"
#include "outcomes.h"
#include "slots.h"

#include <math.h>

enum { NOW_MS = 50000000 };

static const double now_ms = NOW_MS;

static struct {
    struct line_view view;
    struct eta_meter meter;
    struct eta_watch watch;
    struct eta_model model;
    struct ghosts ghosts;
} live;

static const struct line_view new_line = {
    .id = "show",
    .state = LINE_OPEN,
    .knobs = {.rate_milli = 10000, .session_ttl_ms = 60000, .session_max_ms = 600000},
    .issued = 100000,
    .redis_ms = NOW_MS,
};

static void start(void)
{
    memset(&live, 0, sizeof(live));
    live.view = (struct line_view){.state = LINE_OPEN,
                                   .knobs = {.rate_milli = 20000},
                                   .issued = 100000,
                                   .serving = 1000,
                                   .show_up_milli = 1000,
                                   .ghosts = &live.ghosts,
                                   .redis_ms = NOW_MS};
    eta_meter_init(&live.meter);
    live.meter.windows = ETA_WINDOWS_KEPT;
    live.meter.rate = 10.0;
    live.watch = (struct eta_watch){.rate_milli = 20000, .next_at_ms = NOW_MS + 1};
    live.model = (struct eta_model){.basis = ETA_MEASURED, .scale = 1.0, .pace = {1.0, 1.0, 1.0}};
}

static const struct slot slots[] = {
    SLOT("now", SLOT_REAL, now_ms),
    SLOT("knob", SLOT_U64, live.view.knobs.rate_milli),
    SLOT("lane", SLOT_U8, live.view.lane),
    SLOT("shares", SLOT_U64, live.view.knobs.shares),
    SLOT("cap", SLOT_U64, live.view.knobs.max_active),
    SLOT("opens", SLOT_U64, live.view.knobs.opens_at_ms),
    SLOT("ceiling", SLOT_U64, live.view.knobs.pilot_ceiling_milli),
    SLOT("ttl", SLOT_U64, live.view.knobs.session_ttl_ms),
    SLOT("issued", SLOT_U64, live.view.issued),
    SLOT("serving", SLOT_U64, live.view.serving),
    SLOT("active", SLOT_U64, live.view.active),
    SLOT("outstanding", SLOT_U64, live.view.outstanding),
    SLOT("admitted", SLOT_U64, live.view.admitted),
    SLOT("skipped", SLOT_U64, live.view.skipped),
    SLOT("nobodys", SLOT_U64, live.view.nobodys),
    SLOT("nobodys_passed", SLOT_U64, live.view.nobodys_passed),
    SLOT("service", SLOT_U64, live.view.service_rate_milli),
    SLOT("show_up", SLOT_U32, live.view.show_up_milli),
    SLOT("stale", SLOT_FLAG, live.view.stale),
    SLOT("judged", SLOT_U64, live.ghosts.judged),
    SLOT("ghosts", SLOT_U64, live.ghosts.waiting),
    SLOT("windows", SLOT_U32, live.meter.windows),
    SLOT("rate", SLOT_REAL, live.meter.rate),
    SLOT("variance", SLOT_REAL, live.meter.variance),
    SLOT("available", SLOT_REAL, live.meter.available),
    SLOT("inside", SLOT_REAL, live.meter.inside),
    SLOT("entered", SLOT_REAL, live.meter.entered),
    SLOT("left", SLOT_REAL, live.meter.left),
    SLOT("gone_share", SLOT_REAL, live.meter.gone_share),
    SLOT("window_open", SLOT_FLAG, live.meter.window_open),
    SLOT("window_at", SLOT_U64, live.meter.window_at_ms),
    SLOT("seen_at", SLOT_U64, live.meter.seen_at_ms),
    SLOT("paused_since", SLOT_U64, live.meter.paused_since_ms),
    SLOT("plan_changes", SLOT_U32, live.meter.plan_changes),
    SLOT("old_knob", SLOT_U64, live.meter.knob_rate_milli),
    SLOT("old_cap", SLOT_U64, live.meter.knob_max_active),
    SLOT("watched_knob", SLOT_U64, live.watch.rate_milli),
    SLOT("watched_cap", SLOT_U64, live.watch.max_active),
    SLOT("watched_plan", SLOT_U32, live.watch.plan_changes),
    SLOT("next", SLOT_U64, live.watch.next_at_ms),
    SLOT("resumed", SLOT_U64, live.watch.resumed_ms),
    SLOT("changed", SLOT_U64, live.watch.rate_changed_ms),
    SLOT("idle", SLOT_U64, live.watch.idle_ms),
    SLOT("slot", SLOT_U32, live.watch.at),
    SLOT_LIST("was_pace", SLOT_REAL, live.watch.s_per_place, ),
    SLOT_LIST("was_basis", SLOT_U8, live.watch.basis, ),
    SLOT_LIST("was_at", SLOT_U64, live.watch.at_ms, ),
    SLOT_LIST("was_served", SLOT_U64, live.watch.served, ),
    SLOT_LIST("was_ghosts", SLOT_REAL, live.watch.crowd, .ghosts),
    SLOT_LIST("was_judged", SLOT_REAL, live.watch.crowd, .judged),
    SLOT_LIST("was_gone", SLOT_REAL, live.watch.crowd, .gone_share),
    SLOT("basis", SLOT_U32, live.model.basis),
    SLOT("because", SLOT_U32, live.model.reason),
    SLOT("lag", SLOT_REAL, live.model.lag_s),
    SLOT("judged_ahead", SLOT_REAL, live.model.judged_ahead),
    SLOT("gone", SLOT_REAL, live.model.gone_share),
    SLOT("scale", SLOT_REAL, live.model.scale),
    SLOT("delay50", SLOT_REAL, live.model.delay_p50_s),
    SLOT("delay90", SLOT_REAL, live.model.delay_p90_s),
    SLOT("quick", SLOT_REAL, live.model.pace.quick),
    SLOT("p50", SLOT_REAL, live.model.pace.p50),
    SLOT("p90", SLOT_REAL, live.model.pace.p90),
    SLOT("places", SLOT_REAL, live.model.quick_places),
    SLOT("steps", SLOT_U32, live.model.steps_len),
    SLOT("plan", SLOT_U32, live.model.plan_changes),
    SLOT("wander", SLOT_REAL, live.model.wander_s2),
    SLOT("doubt2", SLOT_REAL, live.model.doubt2),
    SLOT_LIST("from", SLOT_REAL, live.model.step, .from_s),
    SLOT_LIST("step_quick", SLOT_REAL, live.model.step, .pace.quick),
    SLOT_LIST("step", SLOT_REAL, live.model.step, .pace.p50),
    SLOT_LIST("step_p90", SLOT_REAL, live.model.step, .pace.p90),
    {.name = NULL},
};

SCRIPT_DOES("state", live.view.state = state_named(script_word(line, 1)))

SCRIPT_DOES("line", slots_set(line, slots))

SCRIPT_VERB(set_meter, "fresh|measured")
{
    eta_meter_init(&live.meter);
    if (strcmp(line->words[0], "fresh") == 0)
        return;
    live.meter.windows = ETA_WINDOWS_KEPT;
    live.meter.rate = 10.0;
}

SCRIPT_VERB(begin_line, "new")
{
    live.view = new_line;
    live.watch = (struct eta_watch){.at = 0};
    eta_meter_init(&live.meter);
}

SCRIPT_DOES("after", live.view.redis_ms += (uint64_t)strtoll(script_word(line, 1), NULL, 10))
SCRIPT_DOES("observe", eta_meter_observe(&live.meter, &live.view))

SCRIPT_VERB(make_model, "model")
{
    bool is_apart = strcmp(line->words[0], "model") == 0 && line->len > 1;
    int64_t ahead_ms = is_apart ? strtoll(line->words[1], NULL, 10) : 0;
    live.model = eta_model(&live.meter, &live.view, live.view.redis_ms + (uint64_t)ahead_ms);
}

SCRIPT_VERB(watch, "watch")
{
    eta_watch_observe(&live.watch, &live.view, &live.model);
}

SCRIPT_VERB(look, "look")
{
    make_model(line);
    watch(line);
}

/* The meter observes ten ticks a second. */
SCRIPT_VERB(run, "run|enter|follow")
{
    bool follows = strcmp(line->words[0], "follow") == 0;
    bool enters = strcmp(line->words[0], "enter") == 0;
    uint64_t rate = script_number_at(line, 1);
    uint64_t ticks = 10 * script_number_at(line, 2), before = live.view.serving;
    for (uint64_t tick = 1; tick <= ticks; tick++) {
        live.view.redis_ms += 100;
        live.view.serving = before + rate * tick / 10;
        live.view.admitted += enters && tick % 10 == 1 ? rate : 0;
        eta_meter_observe(&live.meter, &live.view);
        if (follows && tick % 50 == 0)
            look(line);
    }
    if (!follows)
        make_model(line);
}

SCRIPT_VERB(plan, "plan")
{
    struct line_rate_at steps[EVENT_SCHEDULE_MAX];
    for (unsigned i = 1; i < line->len; i++) {
        unsigned long long after_ms, milli;
        assert_int_equal(sscanf(line->words[i], "+%llu:%llu", &after_ms, &milli), 2);
        steps[i - 1] = (struct line_rate_at){live.view.redis_ms + after_ms, milli};
    }
    eta_meter_plan(&live.meter, steps, line->len - 1);
}

/* ---- expectations ---- */

SCRIPT_DOES("is", slots_expect(line, slots))

static void expect_figure(const struct script_line *line, unsigned at, double got)
{
    slots_expect_figure(line, slots, script_word(line, at), got);
}

static uint64_t ahead_of(const struct script_line *line)
{
    return script_number_at(line, 1);
}

static void expect_reason_name(const struct script_line *line, unsigned at, enum eta_reason got)
{
    const char *name = eta_reason_name(got);
    script_expect_text(line, script_word(line, at), name != NULL ? name : "");
}

SCRIPT_VERB(expect_reason, "reason")
{
    expect_reason_name(line, 1, live.model.reason);
}

/* "reason_at P50 BASIS NAME": for a wait of P50 seconds. */
SCRIPT_VERB(expect_reason_at, "reason_at")
{
    struct eta eta = {.p50_s = (uint32_t)script_number_at(line, 1),
                      .basis = strcmp(script_word(line, 2), "unknown") == 0 ? ETA_UNKNOWN
                                                                            : ETA_MEASURED};
    expect_reason_name(line, 3, eta_reason_at(&live.model, &eta));
}

/* Any one of the remembered moments is enough, from the oldest to the newest. */
SCRIPT_VERB(expect_reason_by_any_moment, "any_moment")
{
    const struct eta_crowd before = live.watch.crowd[0];
    const struct eta_crowd now = {
        .ghosts = (double)(live.ghosts.waiting - live.view.nobodys + live.view.skipped),
        .judged = (double)live.ghosts.judged};
    for (unsigned moment = 0; moment < ETA_WATCH_STEPS; moment++) {
        for (unsigned step = 0; step < ETA_WATCH_STEPS; step++)
            live.watch.crowd[step] = step == moment ? before : now;
        watch(line);
        expect_reason(line);
    }
}

SCRIPT_VERB(expect_range, "range")
{
    struct eta_range range = eta_range(&live.model, ahead_of(line));
    bool is_known = strcmp(script_word(line, 2), "unknown") != 0;
    assert_int_equal(range.known, is_known);
    if (!is_known)
        return;
    expect_figure(line, 2, range.p50_s);
    if (line->len > 3)
        expect_figure(line, 3, range.p90_s);
}

/* "wait AHEAD [BASIS] FIGURE=N ..." */
SCRIPT_VERB(expect_wait, "wait")
{
    struct eta eta = eta_at(&live.model, ahead_of(line));
    const struct script_field fields[] = {SCRIPT_TEXT("basis", eta_basis_name(eta.basis)),
                                          SCRIPT_NUMBER("p50", eta.p50_s),
                                          SCRIPT_NUMBER("p90", eta.p90_s),
                                          SCRIPT_NUMBER("move", eta.move_s),
                                          {.name = NULL}};
    script_expect_values(line, 2, fields);
}

SCRIPT_DOES("people", expect_figure(line, 2, eta_people(&live.model, ahead_of(line))))

SCRIPT_VERB(expect_hall, "hall")
{
    struct eta_hall hall = eta_hall(&live.meter, &live.view);
    expect_figure(line, 1, hall.free);
    expect_figure(line, 2, hall.per_s);
}

/* "table WAITING ROWS [JSON]", "json AHEAD JSON" */
SCRIPT_VERB(expect_json, "table|json")
{
    bool is_table = strcmp(line->words[0], "table") == 0;
    unsigned json_at = is_table ? 3 : 2;
    char memory[1024];
    struct text text = text_on(memory, sizeof(memory) - 1);
    if (is_table)
        eta_table_json(&text, &live.model, ahead_of(line));
    else
        eta_json(&text, eta_at(&live.model, ahead_of(line)));
    assert_false(text.overflown);
    memory[text.len] = '\0';
    uint64_t rows = 0;
    for (const char *at = memory + 1; is_table && (at = strchr(at, '[')) != NULL; at++)
        rows++;
    if (is_table)
        script_expect(line, script_word(line, 2), rows);
    if (line->len > json_at)
        script_expect_text(line, script_json(line->words[json_at]), memory);
}

/* $a ghosts and $b judged places, after 100 and 5000 before; a thousand people wait. */
#define CROWD(NOBODYS)                                                                             \
    "line issued=2000+" NOBODYS " nobodys=" NOBODYS " ghosts=$a+" NOBODYS " judged=$b skipped=$c;" \
    "model; is judged_ahead $b-1000-$a; line basis=2 p50=1 gone=$d was_ghosts[*]=100"              \
    " was_judged[*]=5000; watch; reason $e; any_moment $e ||"
#define CROWDS                                                                                     \
    "100 5000 0 0 - | 103 5000 0 0 - | 104 5000 0 0 people-left | 97 5000 0 0 - |"                 \
    "96 5000 0 0 people-back | 50 5000 54 0 people-left | 100 5006 0 0.5 - |"                      \
    "100 5008 0 0.5 people-back | 104 5008 0 0.5 people-left | 102 5010 0 0.5 - |"                 \
    "102 5012 0 0.5 people-back | 103 5014 0 0.5 people-back"

/* A line that has moved at ten a second for so long that nothing counts as a change. */
#define SETTLED "new; line issued=1000000; follow 10 300; reason -;"

static const struct script_row rows[] = {
    /* Five seconds with sixty places, ten of them ghosts; forty visitors came in, thirty left. */
    {"a window counts by the number of windows",
     "fresh; line skipped=100 admitted=50 active=20; observe; after 4999; observe; is windows 0;"
     "after 1; line serving=1060 skipped=110 admitted=90 active=30; observe;"
     "is windows 1 rate 10 variance 0 entered 8 left 6 inside 30;"
     "after 10000; line serving=1120 active=50; observe;"
     "is windows 2 rate 7 variance 3 entered 2 left 1.5 inside 45;"
     "after 5000; line admitted=10 active=40; observe;"
     "is windows 3 rate 14/3 variance 116/9 entered 4/3 left 5/3;"
     "line windows=12 rate=0 serving=1180; after 5000; observe; is windows 12 rate 1"},
    {"a pause counts by its share of half an hour",
     "fresh; observe; state paused; after 180000; observe;"
     "is available 0.9 paused_since now+180000; after -5000; observe;"
     "is available 0.9 paused_since now+180000; after 180000; observe;"
     "is available 0.81 paused_since now+180000; state frozen; observe;"
     "is available 0.81 paused_since now+180000; state open; after 180000; observe;"
     "is available 0.829 paused_since 0; state paused; after 180000000; observe;"
     "is available 0.05 paused_since now+180535000 window_open 0;"
     "state open; line issued=1001; after 2160000; observe; is available 1 window_open 1;"
     "state sold-out; after 1; observe;"
     "is available 1 paused_since 0 seen_at 0 window_open 0;"
     "state paused; observe; is available 1"},
    /* A line that reaches four fifths of its knob is held back by it. */
    {"the rate follows a knob that holds the line back",
     "line windows=$a rate=$b variance=4 old_knob=$c knob=$d window_open=1 window_at=now-1000;"
     "observe; is rate $e variance $f windows $g window_at $h old_knob $d"
     " || 12 10 10000 5000 5 1 3 now | 2 10 10000 5000 5 1 2 now | 12 3 10000 5000 1.5 1 3 now |"
     "12 8 10000 20000 16 16 3 now | 12 7.9 10000 20000 7.9 4 12 now-1000 |"
     "12 10 10000 10000 10 4 12 now-1000 | 12 10 0 5000 10 4 12 now-1000 |"
     "0 10 10000 5000 10 4 0 now-1000 |"
     "3 10 10000 10001 10.001 4*1.0001*1.0001 3 now | 12 7.9 10000 12000 7.9 4 12 now-1000"},
    {"a line held at rate 0 is measured no further",
     "new; run 10 60; line knob=0; run 0 60; is rate 10 windows 11 window_open 0 old_knob 10000;"
     "line knob=20000; observe; is rate 20 windows 3; model; wait 999 basis=measured p50=50;"
     "new; line knob=0; run 0 60; line knob=10000; observe; is windows 0; model; wait 999 "
     "basis=knobs"},
    {"the rate follows the size of a full hall up to the knob",
     "line inside=$a old_cap=$b cap=$c knob=$d rate=$e; observe; is rate $f old_cap $c;"
     "measured; line windows=0 inside=$a old_cap=$b rate=$e; observe; is rate $e"
     " || 95 100 200 30000 10 20 | 94.9 100 200 30000 10 10 | 95 100 50 30000 10 5 |"
     "95 100 200 15000 10 15 | 95 100 0 15000 10 15 | 95 100 1 30000 10 0.1 |"
     "95 0 200 30000 10 10 | 95 100 100 30000 10 10 | 95 100 200 0 10 10 |"
     "95 100 200 30000 1e-4 1e-4 | 95 100 50 30000 2e-4 2e-4"},
    {"more windows that agree make the rate surer",
     "line windows=$a rate=$b variance=1 service=2000; model;"
     "is basis $c wander $d doubt2 $e p50 $f scale 1"
     " || 4 2 2 1.25 0.25/4+0.01 0.5 | 3 2 2 1.25 0.25/3+0.01 0.5 | 2 9 2 1.25 0.25/3+0.01 0.5 |"
     "12 1e-4 0 0 0.01 inf"},
    /* A knob of 30 a second; 100 slots, 60 taken, 10 called. Visits of ten seconds free ten slots a
     * second. The last figures are for thirty free slots and for one. */
    {"a line moves as its knob, its visits and its hall allow",
     "line knob=30000 cap=100 active=60 outstanding=10 rate=$a inside=$b entered=$c left=$d"
     " show_up=$e; model; is quick 1/$f p50 1/$g p90 $h/$g places $i; line active=89; model;"
     "is places $j; line active=90; model; is places 0"
     " || 20 50 10 5 1000 20 10 1.05 52.4728528935 1.99006617063 |"
     "20 50 10 2 1000 20 10 1.05 52.4728528935 1.99006617063 |"
     "20 50 10 8 1000 20 16 1.05 98.5571700455 4.90258914416 |"
     "40 50 10 5 500 30 20 1.05 141.001088774 5.94078818885 |"
     "25 50 1 0.5 20 25 20 1.05 1971.14340091 98.0517828832 |"
     "20 50 1e-4 5 1000 20 10 1.05 52.4728528935 1.99006617063 |"
     "20 50 0.9e-4 5 1000 20 20 1 0 0 | 20 1 0.1 0.1 1000 20 10 1.05 52.4728528935 1.99006617063 |"
     "20 0.9 0.1 0.1 1000 20 20 1 0 0 | 10.7 98 10 10 1000 10.7 10.7 1 0 0 |"
     "10.8 98 10 10 1000 10.8 10.20408163265306 1.05 192.029088468 16.7287459786"},
    {"a hall that is nearly full limits the cautious pace",
     "line knob=30000 cap=100 active=60 outstanding=10 rate=10 inside=97.9 entered=10 left=10;"
     "model; is quick 0.1 p50 0.1 p90 0.0979*1.05 places 0"},
    {"a later step of the plan does not change how a hall fills",
     "line rate=20 knob=30000 cap=100 inside=50 entered=5 left=5; model; is places 138.629436112;"
     "plan +60000:15000; model; is places 138.629436112"},
    {"a hall counts once its visits were measured",
     "line windows=$a rate=20 knob=30000 service=20000 cap=100 inside=50 entered=5 left=5; model;"
     "is p50 $b"
     " || 2 0.05 | 3 0.1"},
    /* One pause in ten lasts nine times longer than it already has. */
    {"a line that does not move yet adds its time to the wait",
     "state $a; line opens=$b paused_since=$c; model; is delay50 $d delay90 $e"
     " || scheduled now+2500 0 2.5 2.5 | pre-queue now-5000 0 0 0 | paused 0 now-60000 60 540 |"
     "frozen 0 now+5000 0 0"},
    {"nobody is called until an overfull hall has emptied",
     "line knob=30000 inside=50 entered=5 left=5 active=$a cap=$b; model; is delay50 $c delay90 $c"
     " || 100 100 0 | 99 100 0 | 200 100 6.931471805599 | 200 0 0"},
    {"a step of the plan moves a line that its knob holds back",
     "line rate=$a available=$b knob=$c; plan +2500:$d +5000:$d; model;"
     "is steps 2 from[0] 2.5 from[1] 5 step[0] 1/$e step[1] 1/$e; model 2600; is from[0] 0"
     " || 8 1 10000 20000 16 | 7.9 1 10000 20000 7.9 | 7.9 1 10000 5000 5 | 8 1 10000 5000 4 |"
     "12 1 10000 5000 5 | 10 1 0 20000 20 | 10 0.5 10000 20000 10 | 7.9 0.5 10000 20000 3.95 |"
     "8 1 10000 0 0"},
    /* Two a second of ten, then ten of fifty. */
    {"a lane has its share of a planned rate",
     "new; line lane=1 shares=20; plan +60000:50000; model; wait 999 p50=148"},
    /* Without a crowd in the other line, a lane is faster than its share. */
    {"a lane that uses its share of the knob follows the knob",
     "line lane=1 shares=20 rate=$a knob=10000; plan +2500:$b; model; is step[0] 1/$c;"
     "line old_knob=10000 knob=$b; observe; is rate $d"
     " || 1.7 20000 3.4 3.4 | 1.5 20000 1.5 1.5 | 10 20000 20 20 | 10 5000 5 5"},
    /* Eight places a second while slots are free, then two; twice as fast after the step. */
    {"a wait goes through free slots and the steps of a plan",
     "line basis=1 quick=0.125 p50=0.5 p90=0.5 places=$a steps=1 from[0]=$b step_quick[0]=0.0625"
     " step[0]=0.25 step_p90[0]=0.25; range $c $d"
     " || 80 20 79 10 | 80 20 99 20 | 80 20 100 20.25 | 80 10 80 10.25 | 80 5 40 5.0625 |"
     "80 5 79 7.5 | 80 0.5 3 0.5 | 80 0.5 4 0.5625"},
    {"the range grows with variance and doubt",
     "line basis=$a quick=2 p50=2 p90=2 scale=$b wander=$c doubt2=$d delay50=$e delay90=$f;"
     "range 99 $g $h; wait 99 basis=$i p50=$g p90=$j move=200"
     " || 2 1 20 0.01 0 0 200 285.011726626 measured 286 |"
     "2 2 20 0.01 0 0 200 370.023453253 measured 371 |"
     "2 1 0 0.01 0 0 200 225.632 measured 226 | 2 1 20 0 0 0 200 281.055500985 measured 282 |"
     "1 1 20 0.01 0 0 200 300 knobs 300 | 2 1 0 0.01 30 270 230 495.632 measured 496"},
    {"a wait of more than a week is unknown",
     "wait 604799 basis=measured p50=604800 p90=604800 move=604800; wait 604800 basis=unknown;"
     "line delay50=1 delay90=1; wait 604798 p50=604800 p90=604800 move=604799;"
     "wait 604799 basis=unknown"},
    {"a hall has its free slots and then those of ended visits",
     "fresh; line ttl=60000; hall inf inf; line cap=100 active=70 outstanding=10; hall 20 100/60;"
     "line active=100 outstanding=1; hall 0 100/60; line outstanding=0; measured;"
     "line inside=100 entered=10 left=10; hall 0 10; line active=0 inside=0.5; hall 100 100/60;"
     "line inside=50 entered=0; hall 100 100/60"},
    {"known ghosts are not waited for",
     "fresh; line serving=0 judged=50000 ghosts=10000; observe; model;"
     "is judged_ahead 40000 gone 0.2; people 40000 40000; people 50000 48000;"
     "line nobodys=4000; observe; model; is gone 0.12 judged_ahead 44000;"
     "line nobodys=20000 ghosts=20000; observe; model; is gone 0;"
     "line serving=50000; model; is judged_ahead 0;"
     "line serving=49990 nobodys=0; model; is judged_ahead 0"},
    {"too few judged places give no share",
     "fresh; line judged=1023 ghosts=512; observe; is gone_share 0; line judged=1024; observe;"
     "is gone_share 0.5; line ghosts=1024; observe; is gone_share 0.9"},
    {"places not judged have the share of the others",
     "line judged_ahead=40 gone=0.25; people 0 0; people 40 40; people 100 85"},

    /* ---- the watch ---- */
    {"a cause is named for as long as the watch remembers",
     "line resumed=$a changed=$b; watch; reason $c"
     " || now-64999 0 resumed | now-65000 0 - | 0 now-64999 rate-changed | 0 now-65000 -"},
    {"an unchanged knob is no reason",
     "line cap=300 watched_knob=$a watched_cap=$b next=$c watched_plan=$d plan=4; watch; reason $e;"
     "is changed $f; after 1; line because=0; watch; reason $e; is changed $f"
     " || 0 0 0 0 - 0 | 20000 0 0 0 - 0 | 20000 300 now 4 - 0 | 20001 300 now 4 rate-changed now |"
     "20000 301 now 4 rate-changed now | 20000 300 now 3 rate-changed now"},
    {"a pace that has changed by a tenth is a reason",
     "line was_pace[0]=$a was_pace[12]=$b p50=$c; watch; reason $d; line basis=0 because=4; watch;"
     "reason -"
     " || 1 1 1.1 - | 1 1 1.2 slower | 1 1 1/1.1 - | 1 1 0.8 faster | 1 1.2 1.2 slower |"
     "1.2 1 1.2 slower | 0.8 1.3 1 faster | 0.7 1.2 1 slower | 0 0 1.5 -"},
    {"people who leave or come back are a reason", CROWD("0") CROWDS},
    {"places without owners do not count as people who leave", CROWD("500") CROWDS},
    {"one person in a hundred who leaves is a reason",
     "line issued=1100 skipped=1; watch; reason people-left"},
    {"a line is behind by the most since any busy moment",
     "line was_at[0]=now-$a was_served[0]=1000-$b was_at[12]=now-$c was_served[12]=1000-$d"
     " idle=now-$e; watch; is lag $f; line p50=inf; watch; is lag 0"
     " || 10000 5 10000 5 20000 5 | 10000 5 10000 17 20000 -7 | 10000 17 9000 1 20000 8 |"
     "10000 1 9000 5 10000 4 | 10000 1 9000 5 10001 9 | 10000 -1 9000 5 20000 4 |"
     "10000 0 9000 5 20000 10"},
    {"a lag of a tenth of the wait is a reason",
     "line lag=$a; reason_at $b measured $c; line because=2; reason_at $b measured resumed;"
     "line because=0; reason_at $b unknown -; line because=1; reason_at $b unknown paused"
     " || 1 10 - | 1.01 10 slower | -1 10 - | -1.01 10 faster | 0.01 0 slower | 0 0 -"},
    {"the watch stores a moment every five seconds",
     "line skipped=10 nobodys=1 nobodys_passed=2 gone=0.25 slot=12; watch; is slot 12; after 1;"
     "watch; is slot 0 next now+5001 was_pace[12] 1 was_at[12] now+1 was_served[12] 990;"
     "is was_basis[12] 2 was_ghosts[12] 7 was_gone[12] 0.25; after 5000; line p50=inf nobodys=9;"
     "watch; is slot 1 was_pace[0] 0 was_ghosts[0] 0"},
    {"a wait by the knobs is remembered as long as others are",
     "line was_basis[$a]=1; watch; reason measured"
     " || 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12"},
    {"nobody waits in a line that is empty or calls nobody",
     "state $a; line issued=$b nobodys=$c; watch; is idle $d"
     " || open 1001 0 0 | open 1000 0 now | open 999 0 now | open 1001 1 now | open 1001 2 now |"
     "paused 1001 0 0 | pre-queue 1001 0 now | paused 1000 0 now"},

    /* ---- whole lines ---- */
    {"the knobs give a range before any measurement",
     "new; line cap=$a active=$b; model; wait $c basis=knobs p50=$d p90=$e"
     " || 0 0 999 100 150 | 100 60 139 64 906 | 100 60 39 4 6 | 1 0 0 0 1 | 1 0 1 60 901"},
    {"an empty line does not change the measured rate",
     "new; run 10 60; wait 999 basis=measured p50=100; line issued=600; run 0 600; wait 999 "
     "p50=100"},
    {"stale and older pictures are ignored",
     "new; run 10 60; is windows 11 rate 10 window_at now+55100; line stale=1; run 99 60;"
     "is windows 11 rate 10 window_at now+55100; line stale=0 serving=600; after -180000; observe;"
     "is windows 11 window_at now-60000"},
    {"a plan with other times or rates is another plan",
     "plan +1000:5000; is plan_changes 1; plan +1000:5000; is plan_changes 1; plan +1001:5000;"
     "is plan_changes 2; plan +1001:5000 +2000:6000; is plan_changes 3; plan +1001:5000 +2000:6001;"
     "is plan_changes 4; plan +1002:5000 +2000:6001; is plan_changes 5"},
    {"a step that falls due leaves the plan and the wait as they were",
     "new; run 10 120; plan +50000:5000 +150000:20000; after 50000; line serving=1700 knob=5000;"
     "plan +100000:20000; observe; model; wait 1499 p50=146..154; is plan_changes 1;"
     "plan +100000:30000; is plan_changes 2"},
    {"a schedule may stop the line and start it again",
     "new; line knob=0; plan +60000:10000 +120000:0; model; wait 99 p50=69..71;"
     "wait 599 basis=knobs; wait 600 basis=unknown; plan; model; wait 0 basis=unknown"},
    {"no step of the plan is faster than the autopilot's ceiling",
     "new; line knob=0 ceiling=$a; plan +10000:50000; model; wait $b p50=$c"
     " || 0 999 30 | 10000 999 110 | 50000 999 30 | 60000 999 30 | 1 0 1010"},
    {"a changed plan is named as the reason",
     "new; follow 10 105; reason -; follow 10 45; reason -; plan +50000:1000; look;"
     "reason rate-changed"},
    {"a planned rate that fills the hall slows the line",
     "new; line show_up=1000 cap=1000 active=600; enter 10 720; plan +0:20000; model;"
     "wait 9999 p50=582..592"},
    /* 20 a second into 500 free slots; visits of a minute free 16.7 a second. The knob is at ten
     * for ten seconds, during which no slot is used up. */
    {"free slots may last beyond a step of the plan",
     "new; line knob=20000 cap=1000 active=500; plan +5000:10000 +15000:20000; model;"
     "wait 99 p50=5; wait 199 p50=15; wait 499 p50=30; wait 599 p50=35; wait 699 p50=41;"
     "line active=950; model; wait 49 p50=3; wait 99 p50=6"},
    {"a pause before any measurement has no known wait",
     "new; state paused; model; wait 5 basis=unknown"},
    {"a pause whose start is unknown adds nothing",
     "new; state paused; line service=5000; model; wait 99 p50=20; observe; model -5000;"
     "wait 99 p50=20; model 7000; wait 99 p50=27 move=20"},
    {"the time to the opening is part of the wait",
     "new; state scheduled; model; wait 0 basis=unknown; range 0 unknown; line opens=now+600000; "
     "model;"
     "wait 99 p50=610; state pre-queue; model; wait 99 p50=610; state sold-out; model;"
     "wait 99 basis=unknown"},
    {"a new front uses the rate that Redis has",
     "new; line service=2000; model; wait 199 basis=measured p50=100 p90=131..604800;"
     "line service=1; model; wait 0 basis=measured p50=1000"},
    {"a pause and its end are named for a while",
     SETTLED "state paused; follow 0 30; reason paused; state open; follow 10 60;"
             "reason resumed; follow 10 60; reason -"},
    {"a short wait names a line that falls behind or gets ahead",
     SETTLED "run $a 1; look; reason_at 2 measured $b; reason_at 10000 measured - || 0 slower |"
             "40 faster | 10 -"},
    {"a line that was set back has not fallen behind",
     SETTLED "line serving=10; run 0 1; look; is lag 0"},
    {"an empty line has not slowed down",
     "new; line issued=0; follow 0 60; line issued=1; after 100; look; reason_at 0 measured -"},
    {"the first measurement is named",
     "new; follow 10 15; wait 0 basis=knobs; follow 10 5; wait 0 basis=measured; reason measured"},
    {"the first measurement is not named in a pause",
     "new; follow 10 15; run 10 30; state paused; follow 0 5; wait 0 basis=measured; reason "
     "paused"},

    /* ---- as JSON ---- */
    {"the table ends at the end of the line",
     "new; model; table $a $b $c || 12 6 [[0,0,1],[1,0,1],[2,0,1],[5,1,1],[10,1,2],[20,2,4]] |"
     "0 1 [[0,0,1]] | 1 2 [[0,0,1],[1,0,1]]"},
    {"the table ends where the wait is unknown", /* only the first ten are ever called */
     "new; plan +1000:0; model; table 12 4 [[0,0,1],[1,0,1],[2,0,1],[5,1,1]]"},
    {"the table is bounded",
     "line basis=1 quick=1e-6 p50=1e-6 p90=1e-6; table 18446744073709551615 32"},
    {"an unknown wait is null and not zero",
     "json 9 {'p50_s':10,'p90_s':10,'basis':'measured'}; line basis=0;"
     "json 7 {'p50_s':null,'p90_s':null,'basis':'unknown'}"},
};

/* ---- properties ---- */

static uint64_t pick(const struct rng *rng, unsigned bits_max)
{
    uint64_t bits = rng_below(rng, bits_max + 1);
    return bits == 0 ? 0 : rng_u64(rng) >> (64 - bits);
}

static void random_line(const struct rng *rng, struct eta_meter *meter, struct line_view *view)
{
    eta_meter_init(meter);
    *view = new_line;
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
TEST_CASE(the_wait_never_falls_with_the_place)
{
    const struct rng *rng = unit_rng();
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
                assert_int_not_equal(last.basis, ETA_UNKNOWN); /* not known again further back */
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

SCRIPT_TESTS_IN(rows, script_verbs, start, NULL)
