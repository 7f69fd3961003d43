/* line_sim_test.c: a line in virtual time, with the rules of tick.lua. Visitors are shown their
 * wait by the code of production, and what they were shown is compared with what happened, in every
 * scenario.
 *
 * One picture each 100 ms of virtual time. The line obeys what tick.lua obeys: a bucket
 * refilled by time, slots among `max_active` with the measured share of those who come, ghosts
 * stepped over once a whole epoch has passed without a sign of them, and nobody new judged while a
 * front is silent. People who are called come after some seconds or never; sessions last as long as
 * people take.
 *
 * Two in three people arrive in the first third of the time, so the line grows and then shrinks.
 * Every WATCHED-th of those who stay asks again at the time it was given, and writes down what it
 * is shown. */
#include "core/line/ghosts.h"
#include "core/wait/odds.h"
#include "core/wait/poll.h"
#include "core/wait/promise.h"
#include "unit.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum line_sim_scenario {
    LINE_SIM_STEADY,
    LINE_SIM_SURGE,
    LINE_SIM_HALVED,
    LINE_SIM_PAUSE,
    LINE_SIM_GHOSTS,   /* 40 % go without a word, and a front is killed */
    LINE_SIM_SCHEDULE, /* the rate by schedule, known from the beginning */
    LINE_SIM_SELLOUT,  /* the hall has seats for two thirds of those who come */
    LINE_SIM_SCENARIOS,
};

struct line_sim_ask {
    enum line_sim_scenario scenario;
    uint64_t seed;
    uint32_t seconds; /* how long people arrive; then all are served */
};

struct line_sim_result {
    uint64_t visitors; /* called, of those who were watched */
    uint64_t polls;
    double wait_s;    /* median */
    double p50_error; /* median over polls after the first tenth of a wait, of the whole wait */
    double p50_error_join; /* at join */
    double coverage;       /* of polls: called by the p90 that was shown */
    uint64_t jumps;        /* of more than a fifth between two polls */
    uint64_t unexplained;  /* of these, without a cause named */
    /* Odds of being sold out before one's turn, where seats are fed: how many polls were shown that
     * it is likely, unlikely, and for how many of either it was so. */
    uint64_t likely, likely_true, unlikely, unlikely_true, unsure, unsure_true;
    uint64_t
        wavered; /* visitors who were shown something, then something else, then the first again */
};

enum {
    TICK_MS = 100,
    EPOCH_MS = 90000,
    PEOPLE_MAX = 60000,
    WATCHED = 11,
    POLLS_MAX = 1000000,
    START_MS = 1000000,
    SLOTS_RING_MS = 3600000, /* no session lasts longer */
    FEED_MS = 5000,
};

static const double RATE = 10.0;
static const double NO_SHOWS = 0.1; /* in every scenario: called, and do not come */
static const double GHOSTS = 0.4;   /* in one: go while they wait, and are not heard again */
static const double SESSION_MEAN_S = 120.0;

struct person {
    uint64_t joined_ms, called_ms, gone_ms; /* 0: not */
    uint64_t asked_ms, asks_ms;             /* last, and next */
    double p50_s;                           /* as it was shown last; 0: not */
    uint64_t seats_when_called;
    int8_t odds, odds_before; /* as they were shown last, and the other ones before; -1: not */
    bool wavered;
};

struct told {
    uint32_t person;
    uint64_t at_ms;
    double p50_s, p90_s;
    int8_t odds; /* -1: none */
};

struct sim {
    struct line_sim_ask ask;
    uint64_t random, random_seats, now_ms; /* what is bought moves nobody in the line */
    struct person *people;
    struct told *told;
    uint32_t told_len;
    uint32_t *ends;  /* sessions that end in a tick, by tick */
    uint32_t *takes; /* seats taken in a tick, by tick */
    uint64_t seats;
    struct odds odds;
    bool fed;
    uint8_t away[HEARD_PAGE_BYTES];
    uint64_t judged, changes;
    double tokens, arrivals;
    uint32_t active, outstanding;
    double show_came, show_of;
    uint64_t heard_upto, heard_next, silent_until_ms;
    struct line_view view;
    struct ghosts ghosts;
    struct eta_meter meter;
    struct eta_watch watch;
    struct promise_book book;
    struct eta_model model;
    struct line_sim_result result;
};

static const char *line_sim_name(enum line_sim_scenario scenario)
{
    static const char *const names[LINE_SIM_SCENARIOS] = {
        [LINE_SIM_STEADY] = "steady",
        [LINE_SIM_SURGE] = "surge",
        [LINE_SIM_HALVED] = "rate halved",
        [LINE_SIM_PAUSE] = "pause of 2 minutes",
        [LINE_SIM_GHOSTS] = "40 % gone, a front killed",
        [LINE_SIM_SCHEDULE] = "rate by schedule",
        [LINE_SIM_SELLOUT] = "seats run out",
    };
    assert(scenario < LINE_SIM_SCENARIOS);
    return names[scenario];
}

static double chance_of(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(*random >> 11) / 9007199254740992.0;
}

static double chance(struct sim *sim)
{
    return chance_of(&sim->random);
}

static uint64_t since_start_ms(const struct sim *sim)
{
    return sim->now_ms - START_MS;
}

/* ---- who comes ---- */

static double arrivals_per_s(const struct sim *sim)
{
    double part = (double)since_start_ms(sim) / 1000.0 / (double)sim->ask.seconds;
    if (part >= 1.0)
        return 0.0;
    if (sim->ask.scenario == LINE_SIM_SURGE && part >= 0.4 && part < 0.45)
        return 8.0 * RATE;
    return part < 0.33 ? 2.0 * RATE : 0.7 * RATE;
}

static void arrive(struct sim *sim)
{
    /* Jittered, so that no two runs are alike; on average as the scenario says. */
    sim->arrivals += arrivals_per_s(sim) * TICK_MS / 1000.0 * 2.0 * chance(sim);
    while (sim->arrivals >= 1.0 && sim->view.issued + 1 < PEOPLE_MAX) {
        sim->arrivals -= 1.0;
        struct person *person = &sim->people[++sim->view.issued];
        person->joined_ms = sim->now_ms;
        person->odds = person->odds_before = -1;
        if (sim->ask.scenario == LINE_SIM_GHOSTS && chance(sim) < GHOSTS)
            person->gone_ms = sim->now_ms + (uint64_t)(chance(sim) * 60000.0);
    }
}

/* ---- who is there ---- */

static bool is_ghost(const struct sim *sim, uint64_t place)
{
    return (sim->away[place / 8] & (0x80u >> place % 8)) != 0;
}

/* Once an epoch, for those who could be heard during the whole epoch before. False: no memory. */
static bool judge(struct sim *sim)
{
    if (sim->now_ms % EPOCH_MS == 0) {
        sim->heard_upto = sim->heard_next;
        sim->heard_next = sim->view.issued;
        for (uint64_t place = sim->view.serving + 1;
             place <= sim->heard_upto && sim->now_ms >= sim->silent_until_ms; place++) {
            uint64_t gone_ms = sim->people[place].gone_ms;
            if (gone_ms != 0 && gone_ms < sim->now_ms - EPOCH_MS)
                sim->away[place / 8] |= (uint8_t)(0x80u >> place % 8);
            sim->judged = place;
        }
        struct span bits = {(const char *)sim->away, sizeof(sim->away)};
        if (!ghosts_take_page(&sim->ghosts, 0, bits))
            return false;
        sim->ghosts.seq = ++sim->changes;
    }
    struct ghosts_told told = {.judged = sim->judged, .seq = sim->changes, .whole = sim->changes};
    for (uint64_t place = sim->view.serving + 1; place <= sim->judged; place++)
        told.waiting += is_ghost(sim, place);
    ghosts_take(&sim->ghosts, told, sim->now_ms);
    return true;
}

/* ---- who is called ---- */

static void call(struct sim *sim, uint64_t place)
{
    struct person *person = &sim->people[place];
    person->called_ms = sim->now_ms;
    person->seats_when_called = sim->seats;
    sim->outstanding++;
    bool comes = person->gone_ms == 0 && chance(sim) >= NO_SHOWS;
    sim->show_came = sim->show_came * 0.998 + (comes ? 1.0 : 0.0);
    sim->show_of = sim->show_of * 0.998 + 1.0;
    if (!comes)
        return;
    double stays_s = -SESSION_MEAN_S * log(1.0 - chance(sim) * 0.999);
    uint64_t tick = (since_start_ms(sim) + (uint64_t)(stays_s * 1000.0)) / TICK_MS + 1;
    sim->active++;
    sim->view.admitted++;
    sim->ends[tick % (SLOTS_RING_MS / TICK_MS)]++;
    /* One in four buys nothing, the others one to four seats, at some moment of the visit. */
    uint64_t since = since_start_ms(sim) / TICK_MS;
    uint64_t takes = since + (uint64_t)(chance_of(&sim->random_seats) * (double)(tick - since));
    if (chance_of(&sim->random_seats) >= 0.25)
        sim->takes[takes % (SLOTS_RING_MS / TICK_MS)] +=
            1 + (uint32_t)(chance_of(&sim->random_seats) * 4.0);
}

static void sell(struct sim *sim)
{
    uint32_t *takes = &sim->takes[since_start_ms(sim) / TICK_MS % (SLOTS_RING_MS / TICK_MS)];
    sim->seats -= *takes < sim->seats ? *takes : sim->seats;
    *takes = 0;
}

static void advance(struct sim *sim)
{
    struct line_view *view = &sim->view;
    uint32_t *ends = &sim->ends[since_start_ms(sim) / TICK_MS % (SLOTS_RING_MS / TICK_MS)];
    sim->active -= *ends;
    *ends = 0;
    sim->tokens = fmin(sim->tokens + (double)view->knobs.rate_milli / 1000.0 * TICK_MS / 1000.0,
                       (double)view->knobs.burst);
    while (view->state == LINE_OPEN && view->serving < view->issued && sim->tokens >= 1.0 &&
           sim->active < view->knobs.max_active) {
        uint64_t place = ++view->serving;
        if (is_ghost(sim, place)) {
            view->skipped++;
            continue;
        }
        sim->tokens -= 1.0;
        call(sim, place);
    }
}

/* ---- what is done to the line ---- */

/* Steps that are due leave the document, as schedule_take_due() has it. */
static void follow_schedule(struct sim *sim)
{
    const uint64_t third_ms = UINT64_C(1000) * sim->ask.seconds / 3;
    const struct line_rate_at steps[] = {
        {START_MS + third_ms, (uint64_t)(RATE * 600.0)},
        {START_MS + 2 * third_ms, (uint64_t)(RATE * 1000.0)},
    };
    enum { STEPS = sizeof(steps) / sizeof(steps[0]) };
    uint32_t due = 0;
    while (due < STEPS && steps[due].at_ms <= sim->now_ms)
        sim->view.knobs.rate_milli = steps[due++].rate_milli;
    eta_meter_plan(&sim->meter, steps + due, STEPS - due);
}

static void operate(struct sim *sim)
{
    uint64_t at_s = since_start_ms(sim) / 1000, third_s = sim->ask.seconds / 3;
    struct line_view *view = &sim->view;
    view->state = LINE_OPEN;
    if (sim->ask.scenario == LINE_SIM_PAUSE && at_s >= third_s && at_s < third_s + 120)
        view->state = LINE_PAUSED;
    if (sim->ask.scenario == LINE_SIM_HALVED && at_s >= third_s)
        view->knobs.rate_milli = (uint64_t)(RATE * 500.0);
    if (sim->ask.scenario == LINE_SIM_SCHEDULE)
        follow_schedule(sim);
    if (sim->ask.scenario == LINE_SIM_GHOSTS && at_s == 2 * third_s)
        sim->silent_until_ms = sim->now_ms + UINT64_C(2) * EPOCH_MS;
}

/* ---- what is shown ---- */

static void look(struct sim *sim)
{
    struct line_view *view = &sim->view;
    view->redis_ms = sim->now_ms;
    view->active = sim->active;
    view->show_up_milli =
        sim->show_of > 0.0 ? (uint32_t)(1000.0 * sim->show_came / sim->show_of) : 1000;
    uint64_t ghosts = ghosts_waiting(&sim->ghosts), line = view->issued - view->serving;
    view->waiting = line > ghosts ? line - ghosts : 0;
    eta_meter_observe(&sim->meter, view);
    sim->model = eta_model(&sim->meter, view, sim->now_ms);
    sim->model.scale = promise_scale(&sim->book);
    eta_watch_observe(&sim->watch, view, &sim->model);
    promise_observe(&sim->book, view, &sim->model);
    if (sim->ask.scenario == LINE_SIM_SELLOUT && sim->now_ms % FEED_MS == 0) {
        const struct odds_line whole = {view, &sim->model};
        sim->odds = odds_feed(sim->fed ? &sim->odds : NULL, &whole, 1, sim->seats, SEATS_PER_BUYER);
        sim->fed = true;
    }
}

/* The odds that a visitor is shown; -1: nothing. */
static int8_t tell_odds(const struct sim *sim, struct person *person, uint64_t place)
{
    if (!sim->odds.known || sim->seats == 0) /* with none left there is nothing to predict */
        return -1;
    int8_t odds = (int8_t)odds_at(&sim->odds, 0, place);
    if (odds != person->odds) {
        person->wavered = person->wavered || odds == person->odds_before;
        person->odds_before = person->odds;
        person->odds = odds;
    }
    return odds;
}

static void poll(struct sim *sim, uint64_t place)
{
    const struct line_view *view = &sim->view;
    uint64_t ahead = place - view->serving - 1 - ghosts_before(&sim->ghosts, view->serving, place);
    struct eta eta = eta_at(&sim->model, ahead);
    struct person *person = &sim->people[place];
    struct poll_ask ask = {
        .line = view->state,
        .place = PLACE_WAITING,
        .ahead = ahead,
        .eta = eta,
        .random = (uint32_t)(chance(sim) * 1000000.0),
    };
    person->asks_ms = sim->now_ms + poll_after_ms(&ask);
    if (eta.basis == ETA_UNKNOWN || sim->told_len == POLLS_MAX)
        return;
    double now_s = (double)eta.p50_s, since_s = (double)(sim->now_ms - person->asked_ms) / 1000.0;
    double off_s = fabs(now_s - fmax(0.0, person->p50_s - since_s));
    /* A second of rounding on either side, and the tick itself, are no jump. */
    if (person->p50_s > 0.0 && off_s > fmax(0.2 * person->p50_s, 2.5)) {
        sim->result.jumps++;
        sim->result.unexplained += eta_reason_at(&sim->model, &eta) == ETA_REASON_NONE;
    }
    person->p50_s = now_s;
    person->asked_ms = sim->now_ms;
    int8_t odds = tell_odds(sim, person, place);
    sim->told[sim->told_len++] =
        (struct told){(uint32_t)place, sim->now_ms, now_s, (double)eta.p90_s, odds};
}

static void poll_all(struct sim *sim)
{
    uint64_t first = (sim->view.serving / WATCHED + 1) * WATCHED;
    for (uint64_t place = first; place <= sim->view.issued; place += WATCHED) {
        const struct person *person = &sim->people[place];
        if (person->gone_ms == 0 && sim->now_ms >= person->asks_ms)
            poll(sim, place);
    }
}

/* ---- the reckoning ---- */

static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double *values, size_t len)
{
    if (len == 0)
        return 0.0;
    qsort(values, len, sizeof(*values), by_size);
    return values[len / 2];
}

static void reckon_odds(struct line_sim_result *result, const struct told *told,
                        const struct person *person)
{
    bool sold_out = person->seats_when_called == 0;
    if (told->odds == ODDS_LIKELY) {
        result->likely++;
        result->likely_true += sold_out;
    } else if (told->odds == ODDS_UNLIKELY) {
        result->unlikely++;
        result->unlikely_true += sold_out;
    } else if (told->odds == ODDS_UNSURE) {
        result->unsure++;
        result->unsure_true += sold_out;
    }
}

static bool reckon(struct sim *sim)
{
    double *later = calloc(sim->told_len + 1, sizeof(*later));
    double *joins = calloc(sim->told_len + 1, sizeof(*joins));
    double *waits = calloc(sim->told_len + 1, sizeof(*waits));
    size_t laters = 0, joined = 0;
    uint64_t kept = 0;
    for (uint32_t i = 0; i < sim->told_len && later != NULL && joins != NULL && waits != NULL;
         i++) {
        const struct told *told = &sim->told[i];
        const struct person *person = &sim->people[told->person];
        if (person->called_ms == 0)
            continue;
        double wait_s = (double)(person->called_ms - person->joined_ms) / 1000.0;
        double real_s = (double)(person->called_ms - told->at_ms) / 1000.0;
        double error = fabs(told->p50_s - real_s) / fmax(wait_s, 1.0);
        if (told->at_ms == person->joined_ms) {
            waits[joined] = wait_s;
            joins[joined++] = error;
        } else if (wait_s - real_s >= wait_s / 10.0) {
            later[laters++] = error;
        }
        kept += real_s <= told->p90_s;
        reckon_odds(&sim->result, told, person);
        sim->result.polls++;
    }
    bool ok = later != NULL && joins != NULL && waits != NULL;
    if (ok && sim->result.polls > 0) {
        sim->result.visitors = joined;
        sim->result.wait_s = median(waits, joined);
        sim->result.p50_error = median(later, laters);
        sim->result.p50_error_join = median(joins, joined);
        sim->result.coverage = (double)kept / (double)sim->result.polls;
    }
    for (uint64_t place = 1; ok && place <= sim->view.issued; place++)
        sim->result.wavered += sim->people[place].wavered;
    free(later);
    free(joins);
    free(waits);
    return ok;
}

static bool line_sim_run(const struct line_sim_ask *ask, struct line_sim_result *out)
{
    struct sim *sim = calloc(1, sizeof(*sim));
    if (sim == NULL)
        return false;
    sim->ask = *ask;
    sim->random = sim->random_seats = ask->seed;
    sim->people = calloc(PEOPLE_MAX + 1, sizeof(*sim->people));
    sim->told = calloc(POLLS_MAX, sizeof(*sim->told));
    sim->ends = calloc(SLOTS_RING_MS / TICK_MS, sizeof(*sim->ends));
    sim->takes = calloc(SLOTS_RING_MS / TICK_MS, sizeof(*sim->takes));
    bool ok = sim->people != NULL && sim->told != NULL && sim->ends != NULL && sim->takes != NULL;
    /* 10 a second come; 0.9 of them show up and take 1.875 seats on average. */
    sim->seats = (uint64_t)(RATE * 1.13 * (double)ask->seconds * 0.9 * 1.875 * 2.0 / 3.0);
    sim->view = (struct line_view){
        .state = LINE_OPEN,
        .ghosts = &sim->ghosts,
        /* Not quite enough slots for the rate: chance decides how fast the hall empties. */
        .knobs = {.rate_milli = (uint64_t)(RATE * 1000.0),
                  .burst = 20,
                  .max_active = (uint64_t)(RATE * SESSION_MEAN_S * 0.85),
                  .session_ttl_ms = 120000,
                  .session_max_ms = 600000},
    };
    eta_meter_init(&sim->meter);
    promise_init(&sim->book);
    uint64_t arrive_until_ms = START_MS + UINT64_C(1000) * ask->seconds;
    for (sim->now_ms = START_MS;
         ok && (sim->now_ms < arrive_until_ms || sim->view.serving < sim->view.issued);
         sim->now_ms += TICK_MS) {
        operate(sim);
        arrive(sim);
        advance(sim);
        sell(sim);
        if (sim->now_ms % 1000 == 0)
            ok = judge(sim);
        look(sim);
        poll_all(sim);
    }
    ok = ok && reckon(sim);
    *out = sim->result;
    free(sim->people);
    free(sim->told);
    free(sim->ends);
    free(sim->takes);
    ghosts_deinit(&sim->ghosts);
    free(sim);
    return ok;
}

/* ---- tests ---- */

enum { SECONDS = 3600, SEED = 2, SEEDS_SOAKED = 16 };

static void shown_is_what_comes(struct line_sim_ask ask)
{
    struct line_sim_result got = {0};
    assert_true(line_sim_run(&ask, &got));
    print_message("seed %u, %s: error %.1f %%, coverage %.1f %%\n", (unsigned)ask.seed,
                  line_sim_name(ask.scenario), 100 * got.p50_error, 100 * got.coverage);
    assert_true(got.visitors > 1000);
    assert_true(got.p50_error <= 0.10);
    assert_true(got.coverage >= 0.85);
    assert_true(got.coverage <= 0.95);
    assert_int_equal(got.unexplained, 0);
}

static void the_shown_wait_is_the_real_wait(void **state)
{
    (void)state;
    bool soak = getenv("FAIRGATE_SOAK") != NULL;
    for (unsigned seed = soak ? 1 : SEED; seed <= (soak ? SEEDS_SOAKED : SEED); seed++) {
        for (unsigned i = 0; i < LINE_SIM_SCENARIOS; i++)
            shown_is_what_comes((struct line_sim_ask){(enum line_sim_scenario)i, seed, SECONDS});
    }
    /* A hall that comes into play only when a step of the schedule falls due. */
    shown_is_what_comes((struct line_sim_ask){LINE_SIM_SCHEDULE, 3, SECONDS});
}

/* "Likely" and "unlikely" promise nine in ten, and a visitor who saw one does not see the other and
 * it again. */
static void the_shown_odds_come_true_and_are_steady(void **state)
{
    (void)state;
    struct line_sim_ask ask = {LINE_SIM_SELLOUT, 2, SECONDS};
    struct line_sim_result got = {0};
    assert_true(line_sim_run(&ask, &got));
    assert_true(got.likely > 1000);
    assert_true(got.unlikely > 1000);
    assert_true(got.likely_true * 10 >= got.likely * 9);
    assert_true(got.unlikely_true * 10 <= got.unlikely);
    assert_true(got.unsure_true * 10 > got.unsure); /* which is not said to be on the safe side, */
    assert_true(got.unsure_true * 10 < got.unsure * 9); /* nor of more than is unsure */
    assert_true(got.unsure * 10 < got.likely + got.unlikely);
    assert_true(got.wavered * 500 <= got.visitors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shown_wait_is_the_real_wait),
        cmocka_unit_test(the_shown_odds_come_true_and_are_steady),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
