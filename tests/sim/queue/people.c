/* people.c: one fiber per visitor. A visitor arrives, joins (some twice at once, some without the
 * required work, some with another's), polls, goes away for a while or for good, enters in time,
 * late or never, and leaves in some way. Requests without a response are repeated under the same
 * name. Each event has an operator, who changes settings.
 *
 * Some events have lanes, and some want members: where both, two visitors are one member of the
 * shop, who waits in two lines, and members send invitations, some of them another's. Some events
 * begin with a pre-queue and a draw. Everywhere some visitors move their place to another device,
 * while the old one keeps polling and a third one may have read the code. */
#include "queue/people.h"

#include "queue/front/fronts.h"
#include "queue/judge/ledger.h"
#include "queue/operators.h"
#include "stage/history.h"
#include "stage/probes.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum {
    VISITORS_MAX = 256,
    STAYS_S = 8,
    SLEEPS_S = 10,
    WORKS_MAX = 4096,
    TURNS_OF_ONE = 3,
    JOINS_AGAIN = 5,
    TAKES_MAX = 5,
    OLD_ASKS = 4,
    CODES_TRIED = 6,
    GUESSES = 5
};

struct visitor {
    uint32_t n, turn, as, devices, codes_tried; /* `as`: the turn whose name it uses */
    struct line_ref line;
    uint64_t member, invitation, presale;
    uint64_t comes_us, work, device; /* the device has done the work */
    struct sim_gate bell;
    char ticket[TICKET_LEN + 1];
    uint64_t shown_ms; /* from the newest pass */
    char pass[GUEST_PASS_MAX], session[GUEST_SESSION_MAX];
    struct guest *guest;
    bool is_gone;
};

static struct {
    struct visitor all[VISITORS_MAX];
    uint32_t len;
    const struct guest_host *host; /* NULL: nothing is sold inside */
    uint64_t works;                /* solved so far: */
    char solutions[WORKS_MAX][POW_SOLUTION_MAX + 1];
    bool calm;
} people;

static uint64_t name_of(const struct visitor *visitor)
{
    uint64_t n = visitor->member != 0 ? VISITORS_MAX + visitor->member : visitor->n;
    return n * TURNS_OF_ONE + visitor->as + 1;
}

static struct ask ask_of(const struct visitor *visitor, enum ask_kind kind)
{
    struct ask ask = {.kind = kind,
                      .who = name_of(visitor),
                      .line = visitor->line,
                      .member = visitor->member != 0 ? name_of(visitor) : 0,
                      .invitation = visitor->invitation,
                      .presale = visitor->presale,
                      .work = visitor->work,
                      .device = visitor->work != 0 ? visitor->device : sim_us(),
                      .shown_ms = visitor->shown_ms};
    memcpy(ask.ticket, visitor->ticket, sizeof(ask.ticket));
    memcpy(ask.pass, visitor->pass, sizeof(ask.pass));
    memcpy(ask.session, visitor->session, sizeof(ask.session));
    memcpy(ask.solution, people.solutions[visitor->work], sizeof(ask.solution));
    return ask;
}

/* The checker of histories expects one place per name. */
static bool is_checked(const struct visitor *visitor)
{
    return visitor->line.event == 0 && visitor->line.lane == 0;
}

/* ---- the history ---- */

/* The checker knows one line of one event, without a draw. */
static bool is_recorded(const struct ask *ask)
{
    return ask->kind <= ASK_PASS && ask->line.event == 0 && ask->line.lane == 0 &&
           !operators_ways(0)->draws && !operators_ways(0)->presale && !lines_was_made_again(0);
}

static void record_asked(const struct ask *ask)
{
    static const char *const names[] = {
        [ASK_JOIN] = "join", [ASK_ME] = "look", [ASK_PASS] = "enter"};
    if (is_recorded(ask))
        history_ask(ask, "'op':'%s','by':'visitor-%" PRIu64 "'", names[ask->kind], ask->who);
}

static void record_answered(const struct ask *ask)
{
    uint64_t place = ask->place.position != 0 ? ask->place.position : ask->entry;
    if (!is_recorded(ask))
        return;
    if (ask->outcome != LINE_OK && ask->outcome != LINE_SAME)
        history_answer(ask, "refused", ",'why':%d", ask->outcome);
    else if (ask->kind == ASK_ME)
        history_answer(ask, "ok",
                       ",'place':%" PRIu64 ",'ahead':%" PRIu64 ",'waiting':%s,'stale':%s", place,
                       ask->place.ahead, ask->place.state == PLACE_WAITING ? "true" : "false",
                       ask->stale || !ledger_is_sure(ask) ? "true" : "false");
    else
        history_answer(ask, "ok", ",'place':%" PRIu64, place);
}

static struct ask *ask_at(struct sim_gate *bell, const struct ask *asked)
{
    struct ask *ask = fronts_copy(bell, asked);
    record_asked(ask);
    if (fronts_await(ask))
        record_answered(ask);
    return ask;
}

static struct ask *ask_with_place(struct visitor *visitor, enum ask_kind kind)
{
    struct ask ask = ask_of(visitor, kind);
    ask.shows_ticket = true;
    return ask_at(&visitor->bell, &ask);
}

/* A pass has whole seconds. */
static uint64_t in_seconds(uint64_t ms)
{
    return ms / 1000 * 1000;
}

static void read_pass(struct visitor *visitor, const struct ask *ask)
{
    visitor->shown_ms = in_seconds(ask->expires_ms);
    memcpy(visitor->pass, ask->pass, sizeof(visitor->pass));
    memcpy(visitor->session, ask->session, sizeof(visitor->session));
}

static const struct ask *beat(struct visitor *visitor)
{
    const struct ask *ask = ask_with_place(visitor, ASK_BEAT);
    if (ask->outcome == LINE_OK)
        read_pass(visitor, ask);
    return ask;
}

/* ---- joining ---- */

/* Sends the same request in parallel and ignores the response. */
static void ask_beside(const struct ask *asked)
{
    static struct sim_gate nobody;
    struct ask *ask = fronts_copy(&nobody, asked);
    record_asked(ask);
    fronts_ask(ask);
}

/* A member without an invitation uses somebody else's, or their own, which others may have used
 * before. The next attempt finds one that nobody else has seen. Where nobody needs to be a member,
 * the invitation is the visitor's name. */
static void find_invitation(struct visitor *visitor)
{
    if (visitor->line.lane == 0)
        return;
    uint64_t number = 1 + visitor->n, turn = visitor->turn;
    if (visitor->member == 0) {
        turn = visitor->as;
    } else if (visitor->invitation != 0) {
        number += VISITORS_MAX;
    } else if (sim_chance(30)) {
        number = 1 + sim_below(SIM_CHOICES, visitor->n + 1);
        turn = 0;
    }
    visitor->invitation = number * TURNS_OF_ONE + turn;
}

static void work(struct visitor *visitor, const struct ask *refused)
{
    bool cheats = people.works > 0 && sim_chance(15) && !people.calm;
    if (!cheats) {
        assert(people.works + 1 < WORKS_MAX);
        ask_solve(refused, people.solutions[++people.works]);
    }
    visitor->device = refused->device;
    visitor->work = cheats ? 1 + sim_below(SIM_CHOICES, people.works) : people.works;
    sim_sleep_ms(50, 2000);
}

/* Some share a popular code, some have another one, and some guess. */
static void find_presale(struct visitor *visitor)
{
    if (!operators_ways(visitor->line.event)->presale)
        return;
    visitor->presale = sim_chance(10)   ? 1 + ASK_PRESALES + sim_below(SIM_CHOICES, GUESSES)
                       : sim_chance(40) ? 1 + sim_below(SIM_CHOICES, 3)
                                        : 1 + sim_below(SIM_CHOICES, ASK_PRESALES);
}

/* Finds a replacement for what was rejected. Returns false if the visitor gives up. */
static bool bring(struct visitor *visitor, const struct ask *refused)
{
    switch (refused->outcome) {
    case LINE_INVITATION_SPENT:
        find_invitation(visitor);
        return true;
    case ANSWER_WORK:
    case LINE_WORK_SPENT:
        work(visitor, refused);
        return true;
    case ANSWER_CODE:
    case LINE_PRESALE_UNKNOWN:
    case LINE_PRESALE_USED_UP:
        find_presale(visitor);
        return ++visitor->codes_tried < CODES_TRIED;
    case LINE_PRESALE_GUESSES:
    case LINE_PRESALE_MISSING:
        return !sim_chance(people.calm ? 50 : 10);
    default:
        return people.calm || !sim_chance(2);
    }
}

/* Returns false if the visitor gives up. Who returns under an old name sends several joins at once,
 * some with the old ticket: a join that finds a place that is over needs two answers of Redis, and
 * much can happen between them. */
static bool join(struct visitor *visitor)
{
    bool returns = visitor->turn > visitor->as;
    bool shows_ticket = returns && sim_chance(50);
    for (;;) {
        struct ask asked = ask_of(visitor, ASK_JOIN);
        asked.shows_ticket = shows_ticket;
        for (unsigned n = returns ? JOINS_AGAIN : sim_chance(20); n > 0; n--)
            ask_beside(&asked);
        const struct ask *ask = ask_at(&visitor->bell, &asked);
        if (ask->outcome == LINE_OK || ask->outcome == LINE_SAME) {
            memcpy(visitor->ticket, ask->ticket, sizeof(visitor->ticket));
            sim_note("visitor %u has place %s", visitor->n,
                     lines_says(lines_number(ask->line, ask->entry)));
            return true;
        }
        if (ask->outcome == ANSWER_MOVED)
            return false;
        if (!bring(visitor, ask))
            return false;
        sim_sleep_ms(300, 2000);
    }
}

/* ---- to another device ---- */

/* Requests of the old device, which does not know of the move. */
static void ask_on(void *ctx)
{
    static const enum ask_kind kinds[] = {ASK_ME,    ASK_PASS, ASK_PASS,
                                          ASK_LEAVE, ASK_CODE, ASK_JOIN};
    struct visitor *old = ctx;
    for (unsigned i = 0; i < OLD_ASKS; i++) {
        enum ask_kind kind = kinds[sim_below(SIM_CHOICES, sizeof(kinds) / sizeof(kinds[0]))];
        if (kind != ASK_JOIN || !is_checked(old))
            (void)ask_with_place(old, kind);
        sim_sleep_ms(10, 4000);
    }
}

static void forget_old_device(const struct visitor *visitor)
{
    struct visitor *old = sim_copy(visitor, sizeof(*visitor));
    old->bell = (struct sim_gate){0};
    (void)sim_spawn(NULL, ask_on, old);
}

static void carry(struct visitor *visitor)
{
    const struct ask *made = ask_with_place(visitor, ASK_CODE);
    if (made->outcome != LINE_OK)
        return;
    struct ask take = ask_of(visitor, ASK_TAKE);
    take.who = (name_of(visitor) << 16) + 2 * (uint64_t)++visitor->devices;
    memcpy(take.code, made->code, sizeof(take.code));
    if (sim_chance(30)) {
        struct ask other = take;
        other.who += 1;
        ask_beside(&other);
    }
    for (unsigned i = 0; i < TAKES_MAX; i++) {
        const struct ask *taken = ask_at(&visitor->bell, &take);
        if (taken->outcome == LINE_CODE_USED)
            probe_reached(PROBE_LINE_CODE_LOST);
        if (taken->outcome == LINE_OK || taken->outcome == LINE_SAME) {
            forget_old_device(visitor);
            memcpy(visitor->ticket, taken->ticket, sizeof(visitor->ticket));
            return;
        }
        sim_sleep_ms(100, 1500);
    }
}

/* ---- waiting ---- */

/* A reloaded page joins again. Where two visitors are one member, one may have given the place up;
 * `me` still shows the other that it waits. */
static void load_again(struct visitor *visitor)
{
    const struct ask *ask = ask_with_place(visitor, ASK_JOIN);
    if (ask->outcome == LINE_OK || ask->outcome == LINE_SAME)
        memcpy(visitor->ticket, ask->ticket, sizeof(visitor->ticket));
}

/* Returns true if called, false if the place is over or given up. */
static bool stand_in_line(struct visitor *visitor)
{
    for (;;) {
        sim_sleep_ms(300, 2500);
        if (sim_chance(3) && !people.calm)
            sim_sleep_ms(5000, 40000); /* silent for a while */
        if (sim_chance(1) && !people.calm)
            return false;
        if (sim_chance(3))
            carry(visitor);
        if (sim_chance(3))
            load_again(visitor);
        const struct ask *ask = ask_with_place(visitor, ASK_ME);
        if (ask->outcome == ANSWER_TICKET || ask->outcome == ANSWER_MOVED)
            return false;
        if (ask->outcome != LINE_OK)
            continue;
        if (place_is_over(ask->place))
            return false;
        if (ask->place.state != PLACE_WAITING)
            return true;
    }
}

static void keep_pass(struct guest *guest, const struct ask *ask)
{
    memcpy(guest->pass, ask->pass, sizeof(guest->pass));
}

static void receive(struct visitor *visitor, const struct ask *ask)
{
    struct guest *guest = sim_new(sizeof(*guest));
    guest->number = lines_number(ask->line, ask->position);
    memcpy(guest->ticket, visitor->ticket, sizeof(visitor->ticket));
    memcpy(guest->session, ask->session, sizeof(guest->session));
    memcpy(guest->foreign, ask->foreign, sizeof(guest->foreign));
    keep_pass(guest, ask);
    visitor->guest = guest;
}

/* According to its front. */
static bool is_over(struct visitor *visitor)
{
    const struct ask *ask = ask_with_place(visitor, ASK_ME);
    return ask->outcome == LINE_OK && place_is_over(ask->place);
}

static bool enter(struct visitor *visitor)
{
    if (operators_are_slow(visitor->line.event) && sim_chance(50))
        sim_sleep_ms(3000, 8000); /* about as long as a call */
    if (sim_chance(10) && !people.calm)
        sim_sleep_ms(1000, 20000);
    if (sim_chance(10))
        (void)ask_with_place(visitor, ASK_EXTEND);
    if (sim_chance(10))
        carry(visitor);
    for (;;) {
        const struct ask *ask = ask_with_place(visitor, ASK_PASS);
        if (ask->outcome == LINE_OK || ask->outcome == LINE_SAME) {
            read_pass(visitor, ask);
            if (people.host != NULL)
                receive(visitor, ask);
            sim_note("visitor %u is inside with place %s", visitor->n,
                     lines_says(lines_number(ask->line, ask->position)));
            return true;
        }
        if (ask->outcome == LINE_EXPIRED || ask->outcome == LINE_GONE ||
            ask->outcome == LINE_MOVED || ask->outcome == ANSWER_MOVED ||
            ask->outcome == ANSWER_TICKET)
            return false;
        sim_sleep_ms(300, 1500);
        if (sim_chance(20) && is_over(visitor))
            return false;
    }
}

/* A second window may not know that the visit is over. */
static void look_in(struct visitor *visitor)
{
    for (uint64_t looks = sim_below(SIM_CHOICES, 4); looks > 0 && !people.calm; looks--) {
        sim_sleep_ms(100, 4000);
        (void)beat(visitor);
    }
}

/* Runs until the guest is done or the visit is over. Some windows fall asleep and no longer renew
 * their passes. */
static void be_guest(struct visitor *visitor)
{
    struct guest *guest = visitor->guest;
    uint64_t asleep_us =
        sim_chance(20) ? sim_us() + sim_below(SIM_CHOICES, SLEEPS_S) * SIM_S : UINT64_MAX;
    people.host->comes(guest);
    while (!guest->done) {
        sim_sleep_ms(500, 1500);
        if (sim_us() >= asleep_us)
            continue;
        const struct ask *ask = beat(visitor);
        if (ask->outcome == LINE_EXPIRED || ask->outcome == LINE_GONE)
            return;
        if (ask->outcome == LINE_OK)
            keep_pass(guest, ask);
    }
    if (sim_chance(50))
        (void)ask_with_place(visitor, ASK_LEAVE);
    look_in(visitor);
}

static void be_inside(struct visitor *visitor)
{
    uint64_t until_us = sim_us() + sim_below(SIM_CHOICES, STAYS_S) * SIM_S;
    while (sim_us() < until_us) {
        sim_sleep_ms(500, 1500);
        const struct ask *ask = beat(visitor);
        if (ask->outcome == LINE_EXPIRED || ask->outcome == LINE_GONE)
            return;
    }
    if (sim_chance(20))
        return; /* the window is closed: only its silence ends the visit */
    (void)ask_with_place(visitor, sim_chance(60) ? ASK_DONE : ASK_LEAVE);
    look_in(visitor);
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
    if (people.host != NULL)
        be_guest(visitor);
    else
        be_inside(visitor);
    return true;
}

/* Some return under their old name, whether its place is over or not. */
static uint32_t name_turn(const struct visitor *visitor)
{
    return is_checked(visitor) || sim_chance(50) ? visitor->turn : visitor->as;
}

static void live(void *ctx)
{
    struct visitor *visitor = ctx;
    sim_sleep(visitor->comes_us);
    for (visitor->turn = 0; visitor->turn < TURNS_OF_ONE; visitor->turn++) {
        visitor->as = visitor->turn == 0 ? 0 : name_turn(visitor);
        visitor->work = visitor->invitation = visitor->presale = 0;
        visitor->shown_ms = 0;
        visitor->pass[0] = '\0';
        visitor->codes_tried = 0;
        find_invitation(visitor);
        if (sim_chance(80))
            find_presale(visitor);
        if (take_turn(visitor) && (people.host != NULL || !sim_chance(20)))
            break;
        if (sim_chance(30))
            break;
    }
    visitor->is_gone = true;
}

/* ---- all of them ---- */

static void settle(struct visitor *visitor)
{
    unsigned event = visitor->n % fronts_events();
    bool lanes = operators_ways(event)->lanes;
    uint32_t nth = visitor->n / fronts_events();
    visitor->line = (struct line_ref){event, 0};
    if (operators_ways(event)->members)
        visitor->member = lanes && sim_chance(70) ? 1 + nth / 2 : VISITORS_MAX + nth;
    if (lanes && nth % 2 == 1)
        visitor->line.lane = (unsigned)(1 + sim_below(SIM_CHOICES, EVENT_LANES));
}

void people_begin(uint32_t visitors, uint64_t sale_us)
{
    assert(visitors <= VISITORS_MAX);
    people.len = visitors;
    operators_begin(people.host != NULL);
    for (uint32_t i = 0; i < visitors; i++) {
        struct visitor *visitor = &people.all[i];
        visitor->n = i;
        settle(visitor);
        /* Half of them arrive together, at the opening. */
        visitor->comes_us = sim_chance(50) ? sim_below(SIM_CHOICES, 4 * (uint64_t)SIM_S)
                                           : sim_below(SIM_CHOICES, sale_us);
        (void)sim_spawn(NULL, live, visitor);
    }
}

void people_host(const struct guest_host *host)
{
    people.host = host;
}

void people_calm_down(void)
{
    people.calm = true;
    operators_calm_down();
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
