/* people.c: each of them is a fiber. A visitor comes, joins (some twice at once, some without the
 * work that is asked for, some with another's), asks how it stands, goes away for a while or for
 * good, enters when called or too late or not at all, and leaves in one way or another. What is not
 * answered is asked again, by the same name. The operator turns knobs. */
#include "queue/people.h"

#include "queue/fronts.h"
#include "queue/keeper.h"
#include "stage/invariant.h"
#include "stage/probes.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VISITORS_MAX = 256, ANSWER_S = 10, STAYS_S = 8, WORKS_MAX = 4096, TURNS_OF_ONE = 2 };

struct visitor {
    uint32_t n, turn;
    uint64_t comes_us, work, work_minute;
    struct sim_gate bell;
    char ticket[TICKET_LEN_MAX + 1];
    uint64_t ends_ms;
    bool is_gone;
};

static struct {
    struct visitor all[VISITORS_MAX];
    uint32_t len;
    struct sim_gate desk;
    uint64_t works, minute_of[WORKS_MAX]; /* done so far, and when it was given out */
    bool calm;
} people;

static bool chance(unsigned percent)
{
    return sim_below(SIM_CHOICES, 100) < percent;
}

static void wait_ms(uint64_t least, uint64_t most)
{
    sim_sleep((least + sim_below(SIM_CHOICES, most - least + 1)) * SIM_MS);
}

/* One request; the answer, or silence. */
static struct ask *ask_at(struct sim_gate *bell, const struct ask *asked)
{
    struct ask *ask = malloc(sizeof(*ask));
    assert(ask != NULL);
    *ask = *asked;
    ask->bell = bell;
    bell->rung = false;
    fronts_ask(ask);
    uint64_t until_us = sim_us() + ANSWER_S * (uint64_t)SIM_S;
    while (!ask->over && sim_us() < until_us)
        (void)sim_gate_wait(bell, until_us - sim_us());
    if (!ask->over)
        ask->outcome = ANSWER_NONE;
    ask->over = true; /* later nobody listens */
    return ask;
}

static struct ask *ask_with_place(struct visitor *visitor, enum ask_kind kind)
{
    struct ask ask = {.kind = kind, .ends_ms = visitor->ends_ms};
    memcpy(ask.ticket, visitor->ticket, sizeof(ask.ticket));
    return ask_at(&visitor->bell, &ask);
}

/* ---- joining ---- */

static uint64_t name_of(const struct visitor *visitor)
{
    return (uint64_t)visitor->n * TURNS_OF_ONE + visitor->turn + 1;
}

/* The same join once more at the same moment, from another tab. */
static void join_beside(const struct visitor *visitor)
{
    struct ask *ask = calloc(1, sizeof(*ask));
    static struct sim_gate nobody;
    assert(ask != NULL);
    *ask = (struct ask){.kind = ASK_JOIN,
                        .bell = &nobody,
                        .who = name_of(visitor),
                        .work = visitor->work,
                        .work_minute = visitor->work_minute};
    fronts_ask(ask);
}

static void work(struct visitor *visitor)
{
    bool cheats = people.works > 0 && chance(15) && !people.calm;
    if (!cheats) {
        assert(people.works + 1 < WORKS_MAX);
        people.minute_of[++people.works] = keeper_now_us() / SIM_S / 60;
    }
    visitor->work = cheats ? 1 + sim_below(SIM_CHOICES, people.works) : people.works;
    visitor->work_minute = people.minute_of[visitor->work];
    wait_ms(50, 2000);
}

/* False: the visitor has given up. */
static bool join(struct visitor *visitor)
{
    for (;;) {
        const struct ask asked = {.kind = ASK_JOIN,
                                  .who = name_of(visitor),
                                  .work = visitor->work,
                                  .work_minute = visitor->work_minute};
        if (chance(20))
            join_beside(visitor);
        const struct ask *ask = ask_at(&visitor->bell, &asked);
        if (ask->outcome == LINE_OK || ask->outcome == LINE_SAME) {
            memcpy(visitor->ticket, ask->ticket, sizeof(visitor->ticket));
            sim_note("visitor %u has place %" PRIu64, visitor->n, ask->entry);
            return true;
        }
        if (ask->outcome == ANSWER_WORK || ask->outcome == LINE_WORK_SPENT)
            work(visitor);
        else if (chance(2) && !people.calm)
            return false;
        wait_ms(300, 2000);
    }
}

/* ---- waiting ---- */

/* True: called. False: over, or given up. */
static bool stand_in_line(struct visitor *visitor)
{
    for (;;) {
        wait_ms(300, 2500);
        if (chance(3) && !people.calm)
            wait_ms(5000, 40000); /* gone without a word, and back again */
        if (chance(1) && !people.calm)
            return false;
        const struct ask *ask = ask_with_place(visitor, ASK_ME);
        if (ask->outcome == ANSWER_TICKET)
            return false;
        if (ask->outcome != LINE_OK)
            continue;
        if (place_is_over(ask->place))
            return false;
        if (ask->place.state != PLACE_WAITING)
            return true;
    }
}

static bool enter(struct visitor *visitor)
{
    if (chance(10) && !people.calm)
        wait_ms(1000, 20000);
    if (chance(10))
        (void)ask_with_place(visitor, ASK_EXTEND);
    for (;;) {
        const struct ask *ask = ask_with_place(visitor, ASK_PASS);
        if (ask->outcome == LINE_OK || ask->outcome == LINE_SAME) {
            visitor->ends_ms = ask->visit_ends_ms;
            sim_note("visitor %u is inside with place %" PRIu64, visitor->n, ask->entry);
            return true;
        }
        if (ask->outcome == LINE_EXPIRED || ask->outcome == LINE_GONE ||
            ask->outcome == ANSWER_TICKET)
            return false;
        wait_ms(300, 1500);
    }
}

static void be_inside(struct visitor *visitor)
{
    uint64_t until_us = sim_us() + sim_below(SIM_CHOICES, STAYS_S) * SIM_S;
    while (sim_us() < until_us) {
        wait_ms(500, 1500);
        const struct ask *ask = ask_with_place(visitor, ASK_BEAT);
        if (ask->outcome == LINE_EXPIRED || ask->outcome == LINE_GONE)
            return;
    }
    if (chance(20))
        return; /* the window is closed: silence ends it */
    (void)ask_with_place(visitor, chance(60) ? ASK_DONE : ASK_LEAVE);
}

static bool take_turn(struct visitor *visitor)
{
    if (!join(visitor))
        return false;
    if (!stand_in_line(visitor)) {
        (void)ask_with_place(visitor, ASK_LEAVE);
        return false;
    }
    if (!enter(visitor))
        return false;
    be_inside(visitor);
    return true;
}

static void live(void *ctx)
{
    struct visitor *visitor = ctx;
    sim_sleep(visitor->comes_us);
    for (visitor->turn = 0; visitor->turn < TURNS_OF_ONE; visitor->turn++) {
        visitor->work = visitor->ends_ms = 0;
        if (take_turn(visitor) || chance(50))
            break;
    }
    visitor->is_gone = true;
}

/* ---- the operator ---- */

static int act(const struct ask *asked)
{
    return ask_at(&people.desk, asked)->outcome;
}

static void change(const char *patch)
{
    struct ask ask = {.kind = ASK_CHANGE};
    snprintf(ask.patch, sizeof(ask.patch), "%s", patch);
    sim_note("the operator sets %s", patch);
    (void)act(&ask);
}

static void turn_a_knob(void)
{
    static const char *const knobs[] = {
        "{\"rate_per_s\":1}", "{\"rate_per_s\":4}", "{\"rate_per_s\":20}", "{\"rate_per_s\":0}",
        "{\"burst\":1}",      "{\"burst\":6}",      "{\"max_active\":2}",  "{\"max_active\":5}",
        "{\"max_active\":0}", "{\"line_max\":6}",   "{\"line_max\":20}",   "{\"line_max\":0}",
        "{\"pow_bits\":8}",   "{\"pow_bits\":0}",   "{\"call_ttl_s\":3}",  "{\"call_ttl_s\":6}",
        "{\"grace_s\":2}",    "{\"grace_s\":5}",
    };
    change(knobs[sim_below(SIM_CHOICES, sizeof(knobs) / sizeof(knobs[0]))]);
}

static void move_to(enum line_state to)
{
    (void)act(&(struct ask){.kind = ASK_MOVE, .to = to});
}

/* All of it may be lost or refused, so it is said until it is so. */
static void let_all_in(void)
{
    for (;;) {
        const struct line_view *view = fronts_view();
        if (view != NULL && !view->stale && view->state == LINE_OPEN &&
            view->knobs.rate_milli == 20000 && view->knobs.line_max == 0) {
            wait_ms(5000, 5000);
            continue;
        }
        if (view != NULL && view->state != LINE_OPEN)
            move_to(LINE_OPEN);
        change("{\"rate_per_s\":20,\"burst\":4,\"max_active\":8,\"line_max\":0,\"pow_bits\":0}");
        wait_ms(300, 600);
    }
}

static void operate(void *ctx)
{
    (void)ctx;
    struct ask make = {.kind = ASK_CREATE};
    snprintf(make.patch, sizeof(make.patch),
             "{\"name\":\"Show\",\"rate_per_s\":5,\"burst\":2,\"max_active\":5,\"session_ttl_s\":5,"
             "\"session_max_s\":30,\"call_ttl_s\":4,\"grace_s\":3,\"joins_per_ip_per_min\":0}");
    while (fronts_view() == NULL) {
        (void)act(&make);
        wait_ms(200, 500);
    }
    while (fronts_view()->state != LINE_OPEN && !people.calm) {
        move_to(LINE_OPEN);
        wait_ms(100, 300);
    }
    while (!people.calm) {
        wait_ms(1000, 8000);
        if (chance(75))
            turn_a_knob();
        else
            move_to(chance(60) ? LINE_OPEN : chance(50) ? LINE_PAUSED : LINE_SOLD_OUT);
    }
    let_all_in();
}

void people_begin(uint32_t visitors, uint64_t sale_us)
{
    assert(visitors <= VISITORS_MAX);
    people.len = visitors;
    (void)sim_spawn(NULL, operate, NULL);
    for (uint32_t i = 0; i < visitors; i++) {
        struct visitor *visitor = &people.all[i];
        visitor->n = i;
        /* Half of them at once, at the opening. */
        visitor->comes_us = chance(50) ? sim_below(SIM_CHOICES, 4 * (uint64_t)SIM_S)
                                       : sim_below(SIM_CHOICES, sale_us);
        (void)sim_spawn(NULL, live, visitor);
    }
}

void people_calm_down(void)
{
    people.calm = true;
}

uint32_t people_left(void)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < people.len; i++)
        n += !people.all[i].is_gone;
    return n;
}

bool people_gone(void)
{
    return people_left() == 0;
}
