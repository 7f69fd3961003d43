/* operators.c: one fiber per event. All its requests may be lost or refused. Some events have two
 * lanes and the general one, some begin with a pre-queue and a draw, and some have a presale, whose
 * codes are loaded, reloaded and dropped. */
#include "queue/operators.h"

#include "queue/front/fronts.h"
#include "queue/front/keeper.h"
#include "stage/faults.h"

#include "base/rfc3339.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

enum { PATIENCE_S = 10 };

/* A rate between 3 and 12 a second, while at most HELD_MAX of proc.c are held. */
#define PILOT "{\"autopilot\":{\"on\":true,\"floor\":3,\"ceiling\":12,\"held_max\":100}}"

struct run {
    unsigned event;
    struct operators_ways ways;
    bool shards, keeps_slots;
    const char *rate;
    unsigned slots;      /* both at first */
    uint64_t unknown_us; /* since when all fronts report no such event; 0: they do not */
    bool deletes;        /* a deletion was sent since it was made */
    struct sim_gate desk;
};

static struct {
    struct run shows[EVENTS];
    bool sells; /* the world sells seats inside */
    bool calm;
} operators;

static int act(unsigned event, const struct ask *asked)
{
    struct ask *ask = fronts_copy(&operators.shows[event].desk, asked);
    ask->line = (struct line_ref){event, 0};
    if (!fronts_await(ask))
        return ask->outcome;
    if (ask->outcome != LINE_UNKNOWN)
        operators.shows[event].unknown_us = 0;
    else if (operators.shows[event].unknown_us == 0)
        operators.shows[event].unknown_us = sim_us();
    return ask->outcome;
}

/* Waits for paused fronts, too: those may know the event. */
static bool is_lost(const struct run *show)
{
    return show->unknown_us != 0 && show->unknown_us + PATIENCE_S * (uint64_t)SIM_S < sim_us();
}

static const struct line_view *view_of(unsigned event)
{
    return fronts_view((struct line_ref){event, 0});
}

/* The number of the act is the name of the event that it makes or changes. */
static struct ask numbered(enum ask_kind kind, const char *members)
{
    static unsigned acts;
    struct ask ask = {.kind = kind, .act = ++acts};
    int len = snprintf(ask.patch, sizeof(ask.patch), "{\"name\":\"%u\",%s", ask.act, members);
    assert(len < (int)sizeof(ask.patch));
    return ask;
}

/* Sometimes two operators change the version that both have read: one of them is refused. */
static void change(unsigned event, const char *patch)
{
    static struct sim_gate nobody;
    struct ask ask = numbered(ASK_CHANGE, patch + 1);
    sim_note("the operator of %s sets %s", lines_event(event), patch);
    if (view_of(event) != NULL && sim_chance(20)) {
        struct ask other = numbered(ASK_CHANGE, patch + 1);
        other.line.event = event;
        ask.if_version = other.if_version = view_of(event)->version;
        fronts_ask(fronts_copy(&nobody, &other));
    }
    (void)act(event, &ask);
}

/* What is over, out of range or fixed. */
static void slip(const struct run *show)
{
    static const char *const slips[] = {
        "\"closes_at\":\"2001-01-01T00:00:00Z\"}", "\"burst\":0}", "\"shards\":3}",
        /* of events with lanes: */
        "\"lanes\":[]}",
        "\"lanes\":[{\"id\":\"fans\",\"share\":20},{\"id\":\"club\",\"share\":30}]}"};
    size_t len = sizeof(slips) / sizeof(slips[0]) - (show->ways.lanes ? 0 : 2);
    struct ask ask = numbered(ASK_CHANGE, slips[sim_below(SIM_CHOICES, len)]);
    ask.is_slip = true;
    sim_note("the operator of %s slips: %s", lines_event(show->event), ask.patch);
    (void)act(show->event, &ask);
}

static void take_action(unsigned event, const char *action)
{
    const struct ask ask = {.kind = ASK_MOVE, .action = action};
    (void)act(event, &ask);
}

static int end(unsigned event, uint64_t if_version, bool unarchived, bool is_slip)
{
    const struct ask ask = {.kind = ASK_DELETE,
                            .patch = "it is deleted",
                            .if_version = if_version,
                            .unarchived = unarchived,
                            .is_slip = is_slip};
    return act(event, &ask);
}

/* The wrong event, in its sale. First it cannot be deleted, since it is not closed. */
static void close_wrongly(unsigned event)
{
    const struct line_view *view = view_of(event);
    if (view == NULL || view->state == LINE_CLOSED)
        return;
    sim_note("the operator of %s closes it instead of another", lines_event(event));
    if (view->state != LINE_DRAFT && sim_chance(50))
        (void)end(event, view->version, true, true);
    for (uint64_t times = 1 + sim_below(SIM_CHOICES, 2); times > 0; times--)
        take_action(event, "close");
}

/* Nothing opens a closed event again. It is deleted, though it is in no archive. */
static bool is_buried(struct run *show)
{
    unsigned event = show->event;
    const struct line_view *view = view_of(event);
    if (view == NULL || view->state != LINE_CLOSED)
        return false;
    const uint64_t version = view->version;
    const struct ask undo = {.kind = ASK_MOVE, .action = "undo", .if_version = version};
    sim_note("the operator of %s deletes it", lines_event(event));
    if (sim_chance(50))
        (void)act(event, &undo);
    if (!show->deletes && sim_chance(50))
        (void)end(event, version, false, true);
    show->deletes = true; /* from here on a deletion may be under way, which is answered as done */
    return end(event, version, true, false) == LINE_OK;
}

static void turn_a_knob(unsigned event)
{
    static const char *const knobs[] = {
        "{\"rate_per_s\":1}",
        "{\"rate_per_s\":4}",
        "{\"rate_per_s\":20}",
        "{\"rate_per_s\":0}",
        "{\"burst\":1}",
        "{\"burst\":6}",
        "{\"max_active\":1}",
        "{\"max_active\":5}",
        "{\"max_active\":0}",
        "{\"line_max\":6}",
        "{\"line_max\":20}",
        "{\"line_max\":0}",
        "{\"pow_bits\":8}",
        "{\"pow_bits\":0}",
        "{\"call_ttl_s\":3}",
        "{\"call_ttl_s\":6}",
        "{\"grace_s\":2}",
        "{\"grace_s\":5}",
        PILOT,
        "{\"autopilot\":{\"on\":false}}",
        "{\"joins_per_ip_per_min\":5}",
        "{\"joins_per_ip_per_min\":0}",
    };
    change(event, knobs[sim_below(SIM_CHOICES, sizeof(knobs) / sizeof(knobs[0]))]);
}

/* Plans up to two steps of the rate, soon. No step removes the pending ones. */
static void plan_rates(unsigned event)
{
    char memory[ASK_PATCH_MAX] = "";
    struct text patch = text_on(memory, sizeof(memory) - 1);
    uint64_t at_ms = keeper_event_ms(event);
    json_open(&patch, '{');
    json_member_open(&patch, "schedule", '[');
    for (uint64_t left = sim_below(SIM_CHOICES, 3); left > 0; left--) {
        at_ms += 1000 + sim_below(SIM_CHOICES, 8000);
        char at[RFC3339_LEN + 1] = "";
        struct text time = text_on(at, sizeof(at) - 1);
        rfc3339_put(&time, at_ms);
        json_open(&patch, '{');
        json_member_cstr(&patch, "at", at);
        json_member_u64(&patch, "rate_per_s", 1 + sim_below(SIM_CHOICES, 20));
        json_close(&patch, '}');
    }
    json_close(&patch, ']');
    json_close(&patch, '}');
    assert(!patch.overflown);
    change(event, memory);
}

/* Each attempt of a draw has its own beacon. */
static void open_line(unsigned event)
{
    const struct line_view *view = view_of(event);
    enum line_state state = view != NULL ? view->state : LINE_DRAFT;
    if (state == LINE_FROZEN) {
        take_action(event, "unfreeze");
        return;
    }
    const struct ask ask = {.kind = ASK_MOVE,
                            .action = state == LINE_PRE_QUEUE ? "draw" : "open",
                            .lot =
                                state == LINE_PRE_QUEUE ? 1 + sim_below(SIM_CHOICES, 1000000) : 0};
    (void)act(event, &ask);
}

/* With a presale all lines need a code except the second lane. */
static void put_lanes(struct text *out, const struct run *show)
{
    for (unsigned lane = 1; show->ways.lanes && lane <= EVENT_LANES; lane++)
        text_printf(out, "%s{\"id\":\"%s\",\"share\":%u,\"invitations\":%d%s}",
                    lane == 1 ? ",\"lanes\":[" : ",", lines_lane(lane), 40 - 10 * lane,
                    ASK_INVITATIONS,
                    lane == 1 && show->ways.presale ? ",\"code_required\":true" : "");
    if (show->ways.lanes)
        text_char(out, ']');
}

/* People gather soon, and are drawn by hand, or once the clock closes the entries. */
static void put_draw(struct text *out, unsigned event)
{
    uint64_t gathers_ms = keeper_event_ms(event) + 500 + sim_below(SIM_CHOICES, 3000);
    TEXT_LIT(out, ",\"beacon\":{\"kind\":\"text\",\"words\":\"the lot\"},\"prequeue_at\":\"");
    rfc3339_put(out, gathers_ms);
    TEXT_LIT(out, "\",\"opens_at\":\"");
    rfc3339_put(out, gathers_ms + 1000 + sim_below(SIM_CHOICES, 20000));
    text_char(out, '"');
}

static void make(const struct run *show)
{
    char memory[ASK_PATCH_MAX] = "";
    struct text doc = text_on(memory, sizeof(memory) - 1);
    text_printf(&doc,
                "\"rate_per_s\":%s,\"burst\":2,\"max_active\":%u,"
                "\"session_ttl_s\":%d,\"session_max_s\":30,\"call_ttl_s\":4,\"grace_s\":%d,"
                "\"joins_per_ip_per_min\":0%s%s",
                show->rate, show->slots, operators.sells ? 15 : 5,
                operators_are_slow(show->event) ? 6 : 3,
                show->ways.members ? ",\"member_required\":true" : "",
                show->ways.presale ? ",\"code_required\":true" : "");
    put_lanes(&doc, show);
    if (show->shards)
        TEXT_LIT(&doc, ",\"shards\":2");
    if (show->ways.draws)
        put_draw(&doc, show->event);
    text_char(&doc, '}');
    assert(!doc.overflown);
    const struct ask ask = numbered(ASK_CREATE, memory);
    (void)act(show->event, &ask);
}

/* ---- presale codes ---- */

static unsigned lanes_len(const struct run *show)
{
    return show->ways.lanes ? 1 + EVENT_LANES : 1;
}

/* Loads one lane's codes. Returns true if that is done as far as known. */
static bool load_lane(const struct run *show, unsigned lane, uint64_t uses)
{
    struct ask ask = {.kind = ASK_PRESALE};
    unsigned lanes = lanes_len(show);
    ask.load = (struct ask_load){
        .lane = lane, .first = lane > 0 ? lane : lanes, .step = lanes, .uses = uses};
    sim_note("the operator of %s loads codes of lane %u, good for %" PRIu64,
             lines_event(show->event), lane, uses);
    return act(show->event, &ask) == LINE_OK;
}

static void load_all(const struct run *show)
{
    for (unsigned lane = 0; lane < lanes_len(show); lane++)
        while (!load_lane(show, lane, 1 + lane) && !operators.calm && !is_lost(show))
            sim_sleep_ms(100, 500);
}

static void drop_all(const struct run *show)
{
    struct ask ask = {.kind = ASK_PRESALE};
    sim_note("the operator of %s takes all codes away", lines_event(show->event));
    (void)act(show->event, &ask);
}

static void turn_codes(const struct run *show)
{
    const struct line_view *view = view_of(show->event);
    if (view != NULL && line_codes_missing(view) > 0)
        load_all(show);
    else if (sim_chance(20))
        (void)load_lane(show, (unsigned)sim_below(SIM_CHOICES, lanes_len(show)),
                        1 + sim_below(SIM_CHOICES, 3));
    else if (sim_chance(5)) {
        drop_all(show);
        load_all(show);
    }
}

/* ---- a day ---- */

static void set_up(const struct run *show)
{
    do {
        make(show);
        sim_sleep_ms(200, 500);
    } while (view_of(show->event) == NULL);
    if (show->ways.presale)
        load_all(show);
}

/* Redis may have lost the event with all fronts that knew it, or it was closed by mistake. Then its
 * places are void, and visitors join again. */
static void look_after(struct run *show)
{
    if (!is_lost(show) && !is_buried(show))
        return;
    sim_note("nobody knows %s any more", lines_event(show->event));
    show->unknown_us = 0;
    show->deletes = false;
    set_up(show);
}

#define LET_IN                                                                                     \
    "{\"rate_per_s\":20,\"burst\":4,\"line_max\":0,\"pow_bits\":0,\"code_required\":false,"        \
    "\"schedule\":[],"                                                                             \
    "\"joins_per_ip_per_min\":0"

/* Each request may be lost or refused, so it is repeated until it shows effect. */
static void let_all_in(struct run *show)
{
    unsigned event = show->event;
    for (;;) {
        look_after(show);
        const struct line_view *view = view_of(event);
        bool has_rate = view != NULL && (view->pilot.on ? view->pilot.rate_milli > 0
                                                        : view->knobs.rate_milli == 20000);
        if (has_rate && !view->stale && view->state == LINE_OPEN && view->knobs.line_max == 0) {
            sim_sleep_ms(5000, 5000);
            continue;
        }
        if (view != NULL && view->state != LINE_OPEN)
            open_line(event);
        change(event,
               show->keeps_slots ? LET_IN ",\"max_active\":3}" : LET_IN ",\"max_active\":8}");
        sim_sleep_ms(300, 600);
    }
}

static bool is_at(unsigned event, enum line_state state)
{
    const struct line_view *view = view_of(event);
    return view != NULL && view->state >= state;
}

static void open_doors(struct run *show)
{
    unsigned event = show->event;
    while (show->ways.draws && !is_at(event, LINE_PRE_QUEUE) && !operators.calm) {
        look_after(show);
        take_action(event, "schedule");
        sim_sleep_ms(100, 300);
    }
    if (show->ways.draws)
        sim_sleep_ms(1000, 15000);
    while (!is_at(event, LINE_OPEN) && !operators.calm) {
        look_after(show);
        open_line(event);
        sim_sleep_ms(100, 300);
    }
}

static void operate(void *ctx)
{
    static const char *const acts[] = {"pause", "sold-out", "freeze", "undo"};
    struct run *show = ctx;
    unsigned event = show->event;
    set_up(show);
    open_doors(show);
    while (!operators.calm) {
        sim_sleep_ms(1000, 8000);
        look_after(show);
        if (operators_are_slow(event) && sim_chance(80))
            continue;
        if (show->ways.presale)
            turn_codes(show);
        if (!operators.sells && fault_now(FAULT_EVENT_CLOSED))
            close_wrongly(event);
        else if (sim_chance(10))
            slip(show);
        else if (sim_chance(5))
            make(show); /* over the running event */
        else if (sim_chance(75))
            turn_a_knob(event);
        else if (sim_chance(25))
            plan_rates(event);
        else if (sim_chance(60))
            open_line(event);
        else
            take_action(event, acts[sim_below(SIM_CHOICES, sizeof(acts) / sizeof(acts[0]))]);
    }
    let_all_in(show);
}

void operators_begin(bool sells)
{
    /* A line pauses for lack of tokens, of slots, or of both. */
    static const char *const rates[] = {"5", "5", "2", "1", "0.2"};
    static const unsigned slots[] = {5, 3, 1, 0};
    operators.sells = sells;
    for (unsigned i = 0; i < fronts_events(); i++) {
        struct run *show = &operators.shows[i];
        *show =
            (struct run){.event = i,
                         .ways.lanes = sim_chance(33),
                         .ways.draws = sim_chance(50),
                         .ways.presale = sim_chance(33),
                         .keeps_slots = !sells && sim_chance(40),
                         .rate = rates[sim_below(SIM_CHOICES, sizeof(rates) / sizeof(rates[0]))],
                         .slots = slots[sim_below(SIM_CHOICES, sizeof(slots) / sizeof(slots[0]))]};
        if (operators_are_slow(i)) /* late visitors, who owe a token, meet those in time */
            show->slots = 1;
        show->shards = sim_chance(30);
        show->ways.members = sim_chance(show->ways.lanes ? 60 : 20);
        (void)sim_spawn(NULL, operate, show);
    }
}

void operators_calm_down(void)
{
    operators.calm = true;
}

const struct operators_ways *operators_ways(unsigned event)
{
    return &operators.shows[event].ways;
}

bool operators_are_slow(unsigned event)
{
    return operators.shows[event].rate[0] == '0';
}
