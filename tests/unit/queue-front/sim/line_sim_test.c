/* line_sim_test.c: a line in virtual time, with the rules of tick.lua. Production code shows
 * visitors their wait, and every scenario compares it with the real wait.
 *
 * The line has one picture per 100 ms of virtual time. As in tick.lua, tokens accrue with time, at
 * most `max_active` visitors are inside, ghosts are skipped once a whole epoch has passed without a
 * sign of life, and no places are judged while a front is silent. Called visitors enter at once or
 * never; visits have random lengths.
 *
 * More than half of the people arrive in the first third of the time, so the line grows and then
 * shrinks. Every WATCHED-th visitor who stays polls at the given times; the test records what it
 * is shown. */
#include "core/line/ghosts.h"
#include "core/wait/odds.h"
#include "core/wait/poll.h"
#include "core/wait/promise.h"
#include "unit.h"

#include <math.h>

enum scenario {
    STEADY,
    SURGE,
    HALVED,
    PAUSE,
    GHOSTS,   /* 40 % leave silently, and a front is killed */
    SCHEDULE, /* the rate by schedule, known from the start */
    SELLOUT,  /* seats for two thirds of the visitors */
    SCENARIOS,
};

static const char *const names[SCENARIOS] = {
    [STEADY] = "steady",
    [SURGE] = "surge",
    [HALVED] = "rate halved",
    [PAUSE] = "pause of 2 minutes",
    [GHOSTS] = "40 % gone, a front killed",
    [SCHEDULE] = "rate by schedule",
    [SELLOUT] = "seats run out",
};

enum {
    SECONDS = 3600, /* how long people arrive; then the line is served to its end */
    TICK_MS = 100,
    EPOCH_MS = 90000,
    PEOPLE_MAX = 60000,
    WATCHED = 11,
    POLLS_MAX = 1000000,
    START_MS = 1000000,
    TICKS_OF_A_SESSION = 36000, /* no session lasts longer */
    FEED_MS = 5000,
    ODDS = ODDS_LIKELY + 1,
};

static const double RATE = 10.0;
static const double NO_SHOWS = 0.1; /* in every scenario: called visitors who never enter */
static const double LEAVE = 0.4;    /* in GHOSTS: visitors who leave silently while waiting */
static const double SESSION_MEAN_S = 120.0;

struct person {
    uint64_t joined_ms, called_ms, gone_ms; /* 0: not yet */
    uint64_t asked_ms, asks_ms;             /* last and next poll */
    double p50_s;                           /* shown last; 0: never */
    uint64_t seats_when_called;
    int8_t odds, odds_before; /* shown last, and before that; -1: none */
    bool wavered;
};

struct forecast {
    uint32_t person;
    uint64_t at_ms;
    double p50_s, p90_s;
    int8_t odds; /* -1: none */
};

static struct sim {
    enum scenario scenario;
    uint64_t random, random_seats, now_ms; /* purchases do not change the line */
    struct person people[PEOPLE_MAX + 1];
    struct forecast forecast[POLLS_MAX];
    uint32_t forecasts_len;
    uint32_t ends[TICKS_OF_A_SESSION];  /* sessions that end, by tick */
    uint32_t takes[TICKS_OF_A_SESSION]; /* seats taken, by tick */
    uint64_t seats;
    struct odds odds;
    bool fed;
    uint8_t away[SEEN_PAGE_BYTES];
    uint64_t judged, changes;
    double tokens, arrivals;
    uint32_t active;
    double show_came, show_of;
    uint64_t seen_upto, seen_next, silent_until_ms;
    struct line_view view;
    struct ghosts ghosts;
    struct eta_meter meter;
    struct eta_watch watch;
    struct promise_book book;
    struct eta_model model;
    uint64_t unexplained; /* changes by more than a fifth between two polls without a reason */
} sim;

static double chance_of(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(*random >> 11) / 9007199254740992.0;
}

static double chance(void)
{
    return chance_of(&sim.random);
}

static uint64_t since_start_ms(void)
{
    return sim.now_ms - START_MS;
}

/* ---- arrivals ---- */

static double arrivals_per_s(void)
{
    double part = (double)since_start_ms() / 1000.0 / SECONDS;
    if (part >= 1.0)
        return 0.0;
    if (sim.scenario == SURGE && part >= 0.4 && part < 0.45)
        return 8.0 * RATE;
    return part < 0.33 ? 2.0 * RATE : 0.7 * RATE;
}

static void arrive(void)
{
    /* Jittered, so that runs differ; the average is that of the scenario. */
    sim.arrivals += arrivals_per_s() * TICK_MS / 1000.0 * 2.0 * chance();
    while (sim.arrivals >= 1.0 && sim.view.issued + 1 < PEOPLE_MAX) {
        sim.arrivals -= 1.0;
        struct person *person = &sim.people[++sim.view.issued];
        person->joined_ms = sim.now_ms;
        person->odds = person->odds_before = -1;
        if (sim.scenario == GHOSTS && chance() < LEAVE)
            person->gone_ms = sim.now_ms + (uint64_t)(chance() * 60000.0);
    }
}

/* ---- ghosts ---- */

static bool is_ghost(uint64_t place)
{
    return (sim.away[place / 8] & (0x80u >> place % 8)) != 0;
}

/* Once per epoch, judges the places that could have been seen during the whole last epoch. */
static void judge(void)
{
    if (sim.now_ms % EPOCH_MS == 0) {
        sim.seen_upto = sim.seen_next;
        sim.seen_next = sim.view.issued;
        for (uint64_t place = sim.view.serving + 1;
             place <= sim.seen_upto && sim.now_ms >= sim.silent_until_ms; place++) {
            uint64_t gone_ms = sim.people[place].gone_ms;
            if (gone_ms != 0 && gone_ms < sim.now_ms - EPOCH_MS)
                sim.away[place / 8] |= (uint8_t)(0x80u >> place % 8);
            sim.judged = place;
        }
        struct span bits = {(const char *)sim.away, sizeof(sim.away)};
        assert_true(ghosts_take_page(&sim.ghosts, 0, bits));
        sim.ghosts.seq = ++sim.changes;
    }
    struct ghosts_reply reply = {.judged = sim.judged, .seq = sim.changes, .whole = sim.changes};
    for (uint64_t place = sim.view.serving + 1; place <= sim.judged; place++)
        reply.waiting += is_ghost(place);
    ghosts_take(&sim.ghosts, reply, sim.now_ms);
}

/* ---- calls ---- */

static void call(uint64_t place)
{
    struct person *person = &sim.people[place];
    person->called_ms = sim.now_ms;
    person->seats_when_called = sim.seats;
    bool comes = person->gone_ms == 0 && chance() >= NO_SHOWS;
    sim.show_came = sim.show_came * 0.998 + (comes ? 1.0 : 0.0);
    sim.show_of = sim.show_of * 0.998 + 1.0;
    if (!comes)
        return;
    double stays_s = -SESSION_MEAN_S * log(1.0 - chance() * 0.999);
    uint64_t tick = (since_start_ms() + (uint64_t)(stays_s * 1000.0)) / TICK_MS + 1;
    sim.active++;
    sim.view.admitted++;
    sim.ends[tick % TICKS_OF_A_SESSION]++;
    /* One in four buys nothing; the others buy one to four seats at some moment of the visit. */
    uint64_t since = since_start_ms() / TICK_MS;
    uint64_t takes = since + (uint64_t)(chance_of(&sim.random_seats) * (double)(tick - since));
    if (chance_of(&sim.random_seats) >= 0.25)
        sim.takes[takes % TICKS_OF_A_SESSION] += 1 + (uint32_t)(chance_of(&sim.random_seats) * 4.0);
}

static void sell(void)
{
    uint32_t *takes = &sim.takes[since_start_ms() / TICK_MS % TICKS_OF_A_SESSION];
    sim.seats -= *takes < sim.seats ? *takes : sim.seats;
    *takes = 0;
}

static void advance(void)
{
    struct line_view *view = &sim.view;
    uint32_t *ends = &sim.ends[since_start_ms() / TICK_MS % TICKS_OF_A_SESSION];
    sim.active -= *ends;
    *ends = 0;
    sim.tokens = fmin(sim.tokens + (double)view->knobs.rate_milli / 1000.0 * TICK_MS / 1000.0,
                      (double)view->knobs.burst);
    while (view->state == LINE_OPEN && view->serving < view->issued && sim.tokens >= 1.0 &&
           sim.active < view->knobs.max_active) {
        uint64_t place = ++view->serving;
        if (is_ghost(place)) {
            view->skipped++;
            continue;
        }
        sim.tokens -= 1.0;
        call(place);
    }
}

/* ---- the operator ---- */

/* Applies due steps and removes them from the plan, as schedule_take_due() does. */
static void follow_schedule(void)
{
    const uint64_t third_ms = UINT64_C(1000) * SECONDS / 3;
    const struct line_rate_at steps[] = {
        {START_MS + third_ms, (uint64_t)(RATE * 600.0)},
        {START_MS + 2 * third_ms, (uint64_t)(RATE * 1000.0)},
    };
    enum { STEPS = sizeof(steps) / sizeof(steps[0]) };
    uint32_t due = 0;
    while (due < STEPS && steps[due].at_ms <= sim.now_ms)
        sim.view.knobs.rate_milli = steps[due++].rate_milli;
    eta_meter_plan(&sim.meter, steps + due, STEPS - due);
}

static void operate(void)
{
    uint64_t at_s = since_start_ms() / 1000, third_s = SECONDS / 3;
    struct line_view *view = &sim.view;
    view->state = LINE_OPEN;
    if (sim.scenario == PAUSE && at_s >= third_s && at_s < third_s + 120)
        view->state = LINE_PAUSED;
    if (sim.scenario == HALVED && at_s >= third_s)
        view->knobs.rate_milli = (uint64_t)(RATE * 500.0);
    if (sim.scenario == SCHEDULE)
        follow_schedule();
    if (sim.scenario == GHOSTS && at_s == 2 * third_s)
        sim.silent_until_ms = sim.now_ms + UINT64_C(2) * EPOCH_MS;
}

/* ---- what visitors are shown ---- */

static void look(void)
{
    struct line_view *view = &sim.view;
    view->redis_ms = sim.now_ms;
    view->active = sim.active;
    view->show_up_milli =
        sim.show_of > 0.0 ? (uint32_t)(1000.0 * sim.show_came / sim.show_of) : 1000;
    uint64_t ghosts = ghosts_waiting(&sim.ghosts), line = view->issued - view->serving;
    view->waiting = line > ghosts ? line - ghosts : 0;
    eta_meter_observe(&sim.meter, view);
    sim.model = eta_model(&sim.meter, view, sim.now_ms);
    sim.model.scale = promise_scale(&sim.book);
    eta_watch_observe(&sim.watch, view, &sim.model);
    promise_observe(&sim.book, view, &sim.model);
    if (sim.scenario == SELLOUT && sim.now_ms % FEED_MS == 0) {
        const struct odds_line whole = {view, &sim.model};
        sim.odds = odds_feed(sim.fed ? &sim.odds : NULL, &whole, 1, sim.seats, SEATS_PER_BUYER);
        sim.fed = true;
    }
}

/* The odds shown to a visitor, or -1 for none. */
static int8_t tell_odds(struct person *person, uint64_t place)
{
    if (!sim.odds.known || sim.seats == 0) /* with no seats left there is nothing to predict */
        return -1;
    int8_t odds = (int8_t)odds_at(&sim.odds, 0, place);
    if (odds != person->odds) {
        person->wavered = person->wavered || odds == person->odds_before;
        person->odds_before = person->odds;
        person->odds = odds;
    }
    return odds;
}

static void poll(uint64_t place)
{
    const struct line_view *view = &sim.view;
    uint64_t ahead = place - view->serving - 1 - ghosts_before(&sim.ghosts, view->serving, place);
    struct eta eta = eta_at(&sim.model, ahead);
    struct person *person = &sim.people[place];
    struct poll_ask ask = {
        .line = view->state,
        .place = PLACE_WAITING,
        .ahead = ahead,
        .eta = eta,
        .random = (uint32_t)(chance() * 1000000.0),
    };
    person->asks_ms = sim.now_ms + poll_after_ms(&ask);
    if (eta.basis == ETA_UNKNOWN || sim.forecasts_len == POLLS_MAX)
        return;
    double now_s = (double)eta.p50_s, since_s = (double)(sim.now_ms - person->asked_ms) / 1000.0;
    double off_s = fabs(now_s - fmax(0.0, person->p50_s - since_s));
    /* Rounding to seconds on both sides, and the tick itself, are no jump. */
    if (person->p50_s > 0.0 && off_s > fmax(0.2 * person->p50_s, 2.5))
        sim.unexplained += eta_reason_at(&sim.model, &eta) == ETA_REASON_NONE;
    person->p50_s = now_s;
    person->asked_ms = sim.now_ms;
    int8_t odds = tell_odds(person, place);
    sim.forecast[sim.forecasts_len++] =
        (struct forecast){(uint32_t)place, sim.now_ms, now_s, (double)eta.p90_s, odds};
}

static void poll_all(void)
{
    uint64_t first = (sim.view.serving / WATCHED + 1) * WATCHED;
    for (uint64_t place = first; place <= sim.view.issued; place += WATCHED) {
        const struct person *person = &sim.people[place];
        if (person->gone_ms == 0 && sim.now_ms >= person->asks_ms)
            poll(place);
    }
}

/* ---- tests ---- */

static void run(enum scenario scenario, uint64_t seed)
{
    ghosts_deinit(&sim.ghosts); /* of the previous run */
    memset(&sim, 0, sizeof(sim));
    sim.scenario = scenario;
    sim.random = sim.random_seats = seed;
    /* 11.3 people arrive per second; 90 % of them enter and take 1.875 seats on average. */
    sim.seats = (uint64_t)(RATE * 1.13 * SECONDS * 0.9 * 1.875 * 2.0 / 3.0);
    sim.view = (struct line_view){
        .state = LINE_OPEN,
        .ghosts = &sim.ghosts,
        /* Slightly fewer slots than the rate needs: random visit lengths hold the line back. */
        .knobs = {.rate_milli = (uint64_t)(RATE * 1000.0),
                  .burst = 20,
                  .max_active = (uint64_t)(RATE * SESSION_MEAN_S * 0.85),
                  .session_ttl_ms = 120000,
                  .session_max_ms = 600000},
    };
    eta_meter_init(&sim.meter);
    promise_init(&sim.book);
    sim.now_ms = START_MS;
    for (; since_start_ms() < UINT64_C(1000) * SECONDS || sim.view.serving < sim.view.issued;
         sim.now_ms += TICK_MS) {
        operate();
        arrive();
        advance();
        sell();
        if (sim.now_ms % 1000 == 0)
            judge();
        look();
        poll_all();
    }
}

static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Errors after the first tenth of a wait, relative to the whole wait. */
static void shown_is_what_comes(enum scenario scenario, uint64_t seed)
{
    static double errors[POLLS_MAX];
    size_t len = 0, visitors = 0, polls = 0, kept = 0;
    run(scenario, seed);
    for (uint32_t i = 0; i < sim.forecasts_len; i++) {
        const struct forecast *forecast = &sim.forecast[i];
        const struct person *person = &sim.people[forecast->person];
        if (person->called_ms == 0)
            continue;
        double wait_s = (double)(person->called_ms - person->joined_ms) / 1000.0;
        double real_s = (double)(person->called_ms - forecast->at_ms) / 1000.0;
        if (forecast->at_ms == person->joined_ms)
            visitors++;
        else if (wait_s - real_s >= wait_s / 10.0)
            errors[len++] = fabs(forecast->p50_s - real_s) / fmax(wait_s, 1.0);
        kept += real_s <= forecast->p90_s;
        polls++;
    }
    assert_true(visitors > 1000 && len > 0);
    qsort(errors, len, sizeof(*errors), by_size);
    double error = errors[len / 2], coverage = (double)kept / (double)polls;
    print_message("seed %u, %s: error %.1f %%, coverage %.1f %%\n", (unsigned)seed, names[scenario],
                  100 * error, 100 * coverage);
    assert_true(error <= 0.10);
    assert_true(coverage >= 0.85);
    assert_true(coverage <= 0.95);
    assert_int_equal(sim.unexplained, 0);
}

TEST_CASE(the_shown_wait_is_the_real_wait)
{
    bool soak = getenv("FAIRGATE_SOAK") != NULL;
    for (unsigned seed = soak ? 1 : 2; seed <= (soak ? 16 : 2); seed++) {
        for (unsigned i = 0; i < SCENARIOS; i++)
            shown_is_what_comes((enum scenario)i, seed);
    }
    /* A hall that limits the line only once a step of the schedule is due. */
    shown_is_what_comes(SCHEDULE, 3);
}

/* "Likely" and "unlikely" are right nine times in ten, and a visitor is rarely shown one, then
 * something else, then the first again. */
TEST_CASE(the_shown_odds_come_true_and_are_steady)
{
    uint64_t shown[ODDS] = {0}, sold_out[ODDS] = {0}, visitors = 0, wavered = 0;
    run(SELLOUT, 2);
    for (uint32_t i = 0; i < sim.forecasts_len; i++) {
        const struct forecast *forecast = &sim.forecast[i];
        const struct person *person = &sim.people[forecast->person];
        visitors += forecast->at_ms == person->joined_ms;
        if (forecast->odds < 0 || person->called_ms == 0)
            continue;
        shown[forecast->odds]++;
        sold_out[forecast->odds] += person->seats_when_called == 0;
    }
    for (uint64_t place = 1; place <= sim.view.issued; place++)
        wavered += sim.people[place].wavered;
    assert_true(shown[ODDS_LIKELY] > 1000);
    assert_true(shown[ODDS_UNLIKELY] > 1000);
    assert_true(sold_out[ODDS_LIKELY] * 10 >= shown[ODDS_LIKELY] * 9);
    assert_true(sold_out[ODDS_UNLIKELY] * 10 <= shown[ODDS_UNLIKELY]);
    assert_true(sold_out[ODDS_UNSURE] * 10 > shown[ODDS_UNSURE]);
    assert_true(sold_out[ODDS_UNSURE] * 10 < shown[ODDS_UNSURE] * 9);
    assert_true(shown[ODDS_UNSURE] * 10 < shown[ODDS_LIKELY] + shown[ODDS_UNLIKELY]);
    assert_true(wavered * 500 <= visitors);
}
