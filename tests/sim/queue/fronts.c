/* fronts.c: see fronts.h. A front that was killed or has left is started again after a while, as
 * runit does; the edge sends each request to some front that lives. */
#include "queue/fronts.h"

#include "queue/route.h"
#include "queue/timers.h"
#include "stage/faults.h"
#include "stage/probes.h"

#include "core/event/event_state.h"
#include "core/line/heard.h"
#include "crypto/mac.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TICK_MS = 100,
    JUDGED_MAX = 10,
    JUDGED_EVERY_MS = 50,
    DOC_BYTES = 16 * 1024,
    LEAVE_MS = 400,
    TICKET_LIFE_S = 3 * 86400,
};

struct front {
    struct sim_proc proc;
    char name[16];
    /* of this life: */
    uv_loop_t loop;
    struct clock clock;
    uint64_t mono_base_us;
    int64_t wall_ahead_us;
    struct line_store *store;
    bool leaving, serves;
};

static struct {
    struct fronts_ears ears;
    struct front all[FRONTS];
    struct mac_ring keys;
} fronts;

static uint64_t mono_us(void *ctx)
{
    return sim_us() + ((const struct front *)ctx)->mono_base_us;
}

static uint64_t wall_us(void *ctx)
{
    return (uint64_t)((int64_t)((uint64_t)SIM_EPOCH_S * SIM_S + sim_us()) +
                      ((const struct front *)ctx)->wall_ahead_us);
}

static unsigned number_of(const struct front *front)
{
    return (unsigned)(front - fronts.all);
}

static const struct line_view *view_of(const struct front *front)
{
    return line_store_view(front->store, SPAN(FRONTS_EVENT));
}

const struct line_view *fronts_view(void)
{
    for (unsigned i = 0; i < FRONTS; i++) {
        const struct front *front = &fronts.all[i];
        if (front->proc.alive && !front->leaving && view_of(front) != NULL)
            return view_of(front);
    }
    return NULL;
}

/* ---- answers ---- */

static void arrive_back(void *ctx)
{
    struct ask *ask = ctx;
    if (!ask->over) {
        ask->over = true;
        sim_gate_ring(ask->bell);
    }
}

static void answer(struct front *front, struct ask *ask, int outcome)
{
    const struct line_view *view = view_of(front);
    ask->outcome = outcome;
    ask->stale = view == NULL || view->stale;
    ask->state = view != NULL ? view->state : LINE_DRAFT;
    fronts.ears.on_answer(number_of(front), ask);
    if (fault_now(FAULT_ASK_ANSWER_LOST)) {
        ask->outcome = ANSWER_NONE;
        return;
    }
    sim_after(NULL, sim_between(SIM_MS, 40 * SIM_MS), arrive_back, ask);
}

/* ---- with a place ---- */

/* As caller_ticket(). */
static bool read_ticket(struct front *front, struct ask *ask, struct ticket *out)
{
    const struct line_view *view = view_of(front);
    int rc = ticket_parse(&fronts.keys, SPAN(FRONTS_EVENT), span_of(ask->ticket),
                          clock_wall_us(&front->clock) / SIM_S, TICKET_LIFE_S, out);
    if (view == NULL || rc < 0 || out->tag != view->tag) {
        answer(front, ask, view == NULL ? (int)LINE_UNAVAILABLE : (int)ANSWER_TICKET);
        return false;
    }
    if (out->entry > view->issued)
        line_store_saw_place(front->store, view->id, out->entry);
    ask->entry = out->entry;
    return true;
}

/* As standing_of(). */
static void stand(struct front *front, struct ask *ask)
{
    const struct line_view *view = view_of(front);
    struct place place =
        place_at(view, ask->entry, place_now_ms(view, clock_mono_us(&front->clock)));
    ask->place = place;
    ask->before = place.position > view->serving ? place.position - view->serving : 0;
    if (place.position != 0) {
        heard_mark(view->heard, place.position);
        fronts.ears.on_shown(place.position);
    }
}

static void handle_me(struct front *front, struct ask *ask)
{
    struct ticket ticket;
    if (!read_ticket(front, ask, &ticket))
        return;
    stand(front, ask);
    answer(front, ask, LINE_OK);
}

struct visiting {
    struct line_visit line; /* first: the store hands back a pointer to it */
    struct front *front;
    struct ask *ask;
};

static void on_visited(struct line_visit *line)
{
    struct visiting *visit = (struct visiting *)line;
    struct ask *ask = visit->ask;
    ask->expires_ms = line->expires_ms;
    ask->visit_ends_ms = line->ends_ms;
    ask->retry_ms = line->retry_after_ms;
    answer(visit->front, ask, (int)line->outcome);
    free(visit);
}

static void handle_visit(struct front *front, struct ask *ask)
{
    static const enum line_visit_call calls[] = {[ASK_PASS] = LINE_PASS,
                                                 [ASK_BEAT] = LINE_HEARTBEAT,
                                                 [ASK_LEAVE] = LINE_LEAVE,
                                                 [ASK_DONE] = LINE_DONE,
                                                 [ASK_EXTEND] = LINE_EXTEND};
    struct ticket ticket;
    if (!read_ticket(front, ask, &ticket))
        return;
    bool by_pass = ask->kind == ASK_BEAT || ask->kind == ASK_DONE;
    struct visiting *visit = calloc(1, sizeof(*visit));
    assert(visit != NULL);
    visit->front = front;
    visit->ask = ask;
    visit->line.call = calls[ask->kind];
    snprintf(visit->line.event, sizeof(visit->line.event), FRONTS_EVENT);
    visit->line.place = place_position(view_of(front), ticket.entry);
    visit->line.entry = by_pass ? 0 : ticket.entry;
    visit->line.ends_ms = ask->ends_ms;
    visit->line.on_done = on_visited;
    line_store_visit(front->store, &visit->line);
}

/* ---- joins ---- */

struct joining {
    struct line_join line; /* first: the store hands back a pointer to it */
    struct front *front;
    struct ask *ask;
    uint64_t serial; /* of the document that it was judged by */
};

static void handle_join(struct front *front, struct ask *ask);

static void put_ticket(struct front *front, struct ask *ask)
{
    const struct line_view *view = view_of(front);
    uint64_t wall_ms = clock_wall_us(&front->clock) / SIM_MS;
    const struct ticket ticket = {.tag = view->tag,
                                  .entry = ask->entry,
                                  .issued_s = (uint32_t)(wall_ms / 1000),
                                  .issued_ms = (uint16_t)(wall_ms % 1000)};
    struct text text = text_on(ask->ticket, sizeof(ask->ticket) - 1);
    ticket_put(&text, &fronts.keys, SPAN(FRONTS_EVENT), &ticket);
    assert(!text.overflown);
    ask->ticket[text.len] = '\0';
}

/* As judge_again(): by the document that holds, once it is here. */
static void judge_again(void *ctx)
{
    struct joining *join = ctx;
    const struct line_view *view = view_of(join->front);
    struct ask *ask = join->ask;
    if (view != NULL && view->doc_serial != join->serial) {
        probe_reached(PROBE_LINE_JUDGED_AGAIN);
        handle_join(join->front, ask);
        free(join);
    } else if (++ask->judged > JUDGED_MAX) {
        answer(join->front, ask, LINE_UNAVAILABLE);
        free(join);
    } else {
        sim_after(&join->front->proc, JUDGED_EVERY_MS * SIM_MS, judge_again, join);
    }
}

static void on_joined(struct line_join *line)
{
    struct joining *join = (struct joining *)line;
    struct ask *ask = join->ask;
    if ((line->outcome == LINE_CONFLICT || line->outcome == LINE_RENEWED) &&
        ask->judged <= JUDGED_MAX) {
        judge_again(join);
        return;
    }
    ask->retry_ms = line->retry_after_ms;
    if (line->outcome == LINE_OK || line->outcome == LINE_SAME) {
        ask->entry = line->entry;
        put_ticket(join->front, ask);
        stand(join->front, ask);
    }
    answer(join->front, ask, (int)line->outcome);
    free(join);
}

/* Is work asked for? As event_doc.h reads the document. */
static bool asks_work(const struct line_view *view)
{
    struct event_doc_fault fault;
    struct event_doc *doc = calloc(1, sizeof(*doc));
    assert(doc != NULL);
    int rc = event_doc_load(view->doc, SPAN(FRONTS_EVENT), &fault, doc);
    assert(rc == 0);
    bool asks = doc->pow_bits > 0;
    free(doc);
    return asks;
}

static void spread(uint64_t number, uint8_t out[LINE_IDEM_BYTES])
{
    for (unsigned i = 0; i < 2; i++) { /* evenly, as a hash would be */
        number = (number + i) * UINT64_C(0x9E3779B97F4A7C15);
        number ^= number >> 29;
        memcpy(out + 8 * i, &number, 8);
    }
}

static void handle_join(struct front *front, struct ask *ask)
{
    const struct line_view *view = view_of(front);
    if (view == NULL ||
        (event_state_takes_joins(view->state) && ask->work == 0 && asks_work(view))) {
        answer(front, ask, view == NULL ? (int)LINE_UNAVAILABLE : (int)ANSWER_WORK);
        return;
    }
    struct joining *join = calloc(1, sizeof(*join));
    assert(join != NULL);
    join->front = front;
    join->ask = ask;
    join->serial = view->doc_serial;
    join->line.version = view->version;
    join->line.era = view->era;
    snprintf(join->line.event, sizeof(join->line.event), FRONTS_EVENT);
    join->line.has_idem = ask->who != 0;
    spread(ask->who, join->line.idem);
    join->line.has_work = ask->work != 0;
    join->line.work_minute = ask->work_minute;
    spread(ask->work, join->line.work);
    join->line.on_done = on_joined;
    line_store_join(front->store, &join->line);
}

/* ---- operators ---- */

struct acting {
    struct line_admin line; /* first: the store hands back a pointer to it */
    struct front *front;
    struct ask *ask;
    char doc[DOC_BYTES];
};

static void on_acted(struct line_admin *line)
{
    struct acting *act = (struct acting *)line;
    answer(act->front, act->ask, (int)line->outcome);
    free(act);
}

static bool write_document(struct acting *act, const struct line_view *view)
{
    struct event_doc_fault fault;
    struct event_doc *doc = calloc(1, sizeof(*doc));
    assert(doc != NULL);
    struct span patch = span_of(act->ask->patch), id = SPAN(FRONTS_EVENT);
    const struct event_doc_now now = {.state = view != NULL ? view->state : LINE_DRAFT,
                                      .version = view != NULL ? view->version : 0};
    int rc = view == NULL ? event_doc_parse(patch, id, &fault, doc)
                          : event_doc_patch(view->doc, patch, id, &now, &fault, doc);
    struct text text = text_on(act->doc, sizeof(act->doc));
    if (rc == 0) {
        event_doc_json(&text, doc);
        act->line.doc = text_span(&text);
        act->line.knobs = event_doc_knobs(doc);
    }
    assert(!text.overflown);
    free(doc);
    return rc == 0;
}

static void handle_act(struct front *front, struct ask *ask)
{
    const struct line_view *view = view_of(front);
    struct acting *act = calloc(1, sizeof(*act));
    assert(act != NULL);
    act->front = front;
    act->ask = ask;
    act->line.on_done = on_acted;
    snprintf(act->line.event, sizeof(act->line.event), FRONTS_EVENT);
    act->line.audit = SPAN("{\"who\":\"kim\",\"what\":\"knobs\"}");
    act->line.call = ask->kind == ASK_CREATE   ? LINE_CREATE
                     : ask->kind == ASK_CHANGE ? LINE_CHANGE
                                               : LINE_TRANSITION;
    bool knows = ask->kind == ASK_CREATE || view != NULL;
    if (!knows || (ask->kind == ASK_MOVE && !event_state_may(view->state, ask->to)) ||
        (ask->kind != ASK_MOVE && !write_document(act, ask->kind == ASK_CREATE ? NULL : view))) {
        answer(front, ask, LINE_UNAVAILABLE);
        free(act);
        return;
    }
    if (ask->kind == ASK_MOVE) {
        act->line.from = view->state;
        act->line.to = ask->to;
    }
    act->line.if_version = ask->kind == ASK_CHANGE ? view->version : 0;
    line_store_admin(front->store, &act->line);
}

/* ---- requests on their way ---- */

static void handle(void *ctx)
{
    struct ask *ask = ctx;
    struct front *front = NULL;
    for (unsigned i = 0; i < FRONTS; i++)
        if (sim_current() == &fronts.all[i].proc)
            front = &fronts.all[i];
    assert(front != NULL);
    if (front->leaving)
        return; /* it takes no more, and the visitor's browser sees a connection end */
    if (ask->kind == ASK_JOIN)
        handle_join(front, ask);
    else if (ask->kind == ASK_ME)
        handle_me(front, ask);
    else if (ask->kind >= ASK_CREATE)
        handle_act(front, ask);
    else
        handle_visit(front, ask);
}

/* The edge sends nothing to a front that has just started, before that is ready. */
static bool is_served(struct front *front)
{
    if (!front->proc.alive || front->leaving)
        return false;
    front->serves = front->serves || line_store_ready(front->store);
    return front->serves;
}

static void arrive(void *ctx)
{
    struct front *alive[FRONTS];
    unsigned len = 0;
    for (unsigned i = 0; i < FRONTS; i++)
        if (is_served(&fronts.all[i]))
            alive[len++] = &fronts.all[i];
    if (len > 0 && !fault_now(FAULT_ASK_LOST))
        sim_after(&alive[sim_below(SIM_CHOICES, len)]->proc, 0, handle, ctx);
}

void fronts_ask(struct ask *ask)
{
    ask->outcome = ANSWER_NONE;
    ask->asked_us = sim_us();
    sim_after(NULL, sim_between(SIM_MS, 40 * SIM_MS), arrive, ask);
}

/* ---- the life of a front ---- */

static void on_view(void *ctx, const struct line_view *view)
{
    (void)ctx;
    (void)view;
}

static void on_event(void *ctx, const char *id, bool here)
{
    (void)ctx;
    sim_note("%s %s", here ? "knows" : "forgets", id);
}

static void describe(void *ctx, const struct line_view *view, struct text *card)
{
    (void)ctx;
    (void)view;
    TEXT_LIT(card, "{}");
}

static void start(void *ctx)
{
    struct front *front = ctx;
    struct err_slot err;
    sim_proc_start(&front->proc);
    front->leaving = front->serves = false;
    front->loop = (uv_loop_t){.data = &front->proc};
    front->mono_base_us = sim_below(SIM_SYSTEM, 1000 * (uint64_t)SIM_S);
    front->wall_ahead_us = fault_now(FAULT_CLOCKS)
                               ? (int64_t)sim_below(SIM_FAULTS, 6 * (uint64_t)SIM_S) - 3 * SIM_S
                               : 0;
    front->clock = (struct clock){mono_us, wall_us, front};
    const struct line_store_conf conf = {.loop = &front->loop,
                                         .redis_host = "redis",
                                         .redis_port = 6379,
                                         .tick_period_ms = TICK_MS,
                                         .identity = "1-0123abcd",
                                         .gone_after_ms = FRONTS_GONE_AFTER_MS,
                                         .clock = &front->clock,
                                         .rng = sim_rng(SIM_SYSTEM),
                                         .on_view = on_view,
                                         .on_event = on_event,
                                         .describe = describe,
                                         .ctx = front};
    int rc = line_store_create(&conf, &err, &front->store);
    assert(rc == 0);
}

static void start_again(struct front *front)
{
    sim_after(NULL, sim_between(200 * SIM_MS, 5 * (uint64_t)SIM_S), start, front);
}

static void on_death(struct sim_proc *proc)
{
    struct front *front = (struct front *)(void *)((char *)proc - offsetof(struct front, proc));
    fronts.ears.on_silenced(number_of(front));
    start_again(front);
}

/* As main.c does on SIGTERM: no more requests, what is under way is answered, then the end. */
static void close_store(void *ctx)
{
    struct front *front = ctx;
    line_store_close(front->store);
    sim_proc_kill(&front->proc, "gone in good order");
}

static void leave(void *ctx)
{
    struct front *front = ctx;
    sim_note("leaves");
    front->leaving = true;
    line_store_leave(front->store);
    sim_after(&front->proc, LEAVE_MS * SIM_MS, close_store, front);
}

void fronts_fault(uint32_t ms)
{
    for (unsigned i = 0; i < FRONTS; i++) {
        struct front *front = &fronts.all[i];
        if (!front->proc.alive || front->leaving)
            continue;
        if (fault_within(FAULT_FRONT_KILL, ms)) {
            sim_proc_kill(&front->proc, "killed");
        } else if (fault_within(FAULT_FRONT_STOP, ms)) {
            fronts.ears.on_silenced(i);
            sim_proc_stop(&front->proc, sim_between(100 * SIM_MS, 6 * (uint64_t)SIM_S));
        } else if (fault_within(FAULT_FRONT_LEAVE, ms)) {
            sim_after(&front->proc, 0, leave, front);
        }
    }
}

void fronts_begin(const struct fronts_ears *ears)
{
    struct err_slot err;
    fronts.ears = *ears;
    route_begin();
    timers_begin();
    int rc = mac_ring_parse(SPAN("1 000102030405060708090a0b0c0d0e0f\n"), &err, &fronts.keys);
    assert(rc == 0);
    for (unsigned i = 0; i < FRONTS; i++) {
        struct front *front = &fronts.all[i];
        snprintf(front->name, sizeof(front->name), "front%u", i + 1);
        front->proc = (struct sim_proc){.name = front->name, .on_death = on_death};
        start(front);
    }
}
