/* seats.c: see seats.h. Events, calls that wait for their commit, expiry and the loop's turn are
 * the service's own; here verdicts become responses, as in api/order_api.c and api/verdict.c.
 *
 * A killed or fenced process is restarted after a while, as runit does. Calls are routed as by the
 * edge: to the process that reports being the owner. */
#include "seats.h"

#include "invariants.h"
#include "postgres/server.h"
#include "postgres/sql.h"
#include "stage/faults.h"
#include "stage/probes.h"

#include "base/bug.h"
#include "base/text.h"
#include "journal/journal.h"
#include "loop/pending.h"
#include "loop/turn.h"
#include "render/shown_plan.h"
#include "sale/purchase.h"
#include "shell_limits.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROW_SEATS_MAX = 16,
    SEATS_MAX = 256,
    ENTRIES = 256,
    DOCUMENT_MAX = 32 * 1024,
    HOLD_TTL_S = 20,
    HOLD_MAX_S = 120,
    PAY_TTL_MS = 30 * 1000,
    CALM_MS = 2 * JOURNAL_ANSWER_MS, /* statements that hung are given up */
    READY_MS = 60 * 1000,
    TAKEN_MS = 2000,   /* as README.md promises */
    IN_TIME_MS = 2000, /* for a call of an event whose neighbours alone are disturbed */
    MEMORY_BYTES = 4 * EVENT_BYTES,                 /* enough for the two that sell */
    LARGE_BYTES = MEMORY_BYTES / EVENT_BYTES_TIMES, /* of a document that needs more */
};

struct seat_service {
    struct sim_proc proc;
    char name[16];
    /* valid for this life of the process: */
    struct clock clock;
    int64_t wall_ahead_us;
    uint64_t wrong_until_us;
    struct sale_clock sale;
    uv_loop_t uv;
    struct counter_stats stats;
    struct events *events;
    struct journal_host host; /* the events' */
    struct journal *journal;
    struct turn *turn; /* NULL: it is not running */
};

static struct {
    char document[DOCUMENT_MAX];
    struct shown_plan *plan; /* of the document */
    uint64_t undisturbed_us; /* from then on no fault hits the gala; UINT64_MAX: any does */
    struct seat_service services[SEATS_PROCS];
    unsigned services_len;
    bool shared, large; /* large: the third event needs more than the memory */
} seats;

/* The third sells nothing: its document cannot be read, or it is large. */
static const char *const ids[HALLS + 1] = {"gala", "ball", "fair"};

static bool is_running(const struct seat_service *service)
{
    return service->turn != NULL && !turn_loop(service->turn)->closed;
}

static unsigned which_is(const struct event *event)
{
    unsigned which = 0;
    while (strcmp(event->id, ids[which]) != 0) {
        assert(which < HALLS);
        which += 1;
    }
    return which;
}

/* NULL: it is not open there. */
static struct event *opened(const struct seat_service *service, unsigned which)
{
    struct event *event =
        is_running(service) ? events_find(service->events, span_of(ids[which])) : NULL;
    return event != NULL && events_is_open(event) ? event : NULL;
}

/* ---- the hall ---- */

/* With ' for ". */
static void write_seats(struct text *text, uint32_t rows, uint32_t row_seats)
{
    for (uint32_t i = 0; i < rows * row_seats; i++) {
        uint32_t row = i / row_seats, pos = i % row_seats;
        if (pos == 0)
            text_printf(text, "%s{'row_number':'r','position':{'x':0,'y':%u},'seats':[",
                        row > 0 ? "]}," : "", row);
        text_printf(text,
                    "%s{'seat_guid':'s%u','seat_number':'s%u','category':'a',"
                    "'position':{'x':%u,'y':0}}",
                    pos > 0 ? "," : "", i, i, pos);
    }
}

static void make_plan(uint32_t rows, uint32_t row_seats)
{
    struct text text = text_on(seats.document, sizeof(seats.document));
    text_printf(&text,
                "{'name':'Gala','currency':'KRW','categories':[{'name':'a','price':%d}],"
                "'limits':{'max_per_buyer':8,'max_per_hold':%d,'hold_ttl_s':%d,'hold_max_s':%d,"
                "'orphan_rule':false},"
                "'plan':{'name':'Hall','categories':[{'name':'a','color':'#f00'}],"
                "'size':{'width':%u,'height':%u},"
                "'zones':[{'name':'z','zone_id':'z','position':{'x':0,'y':0},'rows':[",
                SEAT_PRICE, SEAT_CALL_SEATS, HOLD_TTL_S, HOLD_MAX_S, row_seats, rows);
    write_seats(&text, rows, row_seats);
    text_printf(&text, "]}]}]}}");
    assert(!text.overflown);
    for (size_t i = 0; i < text.len; i++)
        if (seats.document[i] == '\'')
            seats.document[i] = '"';
    struct err_slot err = {0};
    int rc = shown_plan_create(text_span(&text), &err, &seats.plan);
    if (rc < 0)
        BUG_STOP(err.text);
}

uint32_t seats_count(void)
{
    return plan_seat_count(seats.plan->plan);
}

const char *seats_event(unsigned event)
{
    return ids[event];
}

void seats_price(unsigned event, const uint32_t *which, uint32_t len,
                 uint8_t digest[CHANGE_HASH_BYTES])
{
    struct purchase_line lines[SEAT_CALL_SEATS];
    assert(len <= SEAT_CALL_SEATS);
    for (uint32_t i = 0; i < len; i++)
        lines[i] = (struct purchase_line){plan_seat(seats.plan->plan, which[i]).guid, SPAN("a"),
                                          SEAT_PRICE, 1};
    purchase_digest(&(struct purchase){.event = span_of(ids[event]),
                                       .currency = SPAN("KRW"),
                                       .lines = lines,
                                       .lines_len = len,
                                       .total = len * (uint64_t)SEAT_PRICE},
                    digest);
}

/* ---- time ---- */

static uint64_t wall_us(void *ctx)
{
    const struct seat_service *service = ctx;
    int64_t ahead_us = sim_us() < service->wrong_until_us ? service->wall_ahead_us : 0;
    return sim_wall_us(NULL) + (uint64_t)ahead_us;
}

/* Perhaps wrong, for up to a minute. */
static void set_clock(struct seat_service *service)
{
    service->wall_ahead_us = fault_clock_us();
    service->wrong_until_us = sim_us() + sim_between(0, 60 * SIM_S);
    service->clock = (struct clock){sim_mono_us, wall_us, service};
    sale_clock_init(&service->sale, &service->clock);
}

/* ---- the journal's host: the events', watched ---- */

static struct seat_service *current(void)
{
    return (struct seat_service *)sim_current();
}

static int on_load(void *ctx, uint32_t nth, struct span snapshot, struct err_slot *err)
{
    if (snapshot.ptr != NULL)
        probe_reached(PROBE_FROM_SNAPSHOT);
    return current()->host.load(ctx, nth, snapshot, err);
}

static int on_apply(void *ctx, uint32_t nth, const struct change *change, struct span idem,
                    struct err_slot *err)
{
    int rc = current()->host.apply(ctx, nth, change, idem, err);
    if (rc < 0)
        invariant_broken(INVARIANT_3, "%s cannot apply the journal: %s", current()->name,
                         err != NULL ? err->text : "");
    return rc;
}

/* What needs more than the memory is alone there. */
static void judge_room(const struct seat_service *service, unsigned which)
{
    if (!seats.large)
        return;
    for (unsigned other = 0; other <= HALLS; other++)
        if (other != which && (which == HALLS || other == HALLS) && opened(service, other) != NULL)
            invariant_broken(INVARIANT_4, "%s opens %s next to %s, without the memory",
                             service->name, ids[which], ids[other]);
    if (which == HALLS)
        probe_reached(PROBE_OPENED_LARGE);
}

static void on_own(void *ctx, uint32_t nth, uint64_t epoch, uint64_t seq, uint64_t asked_ms)
{
    struct seat_service *service = current();
    const struct event *event = events_nth(service->events, nth);
    unsigned which = which_is(event);
    sim_note("owns %s, with epoch %llu", event->id, (unsigned long long)epoch);
    for (unsigned i = 0; i < SEATS_PROCS; i++) {
        const struct event *other = opened(&seats.services[i], which);
        if (other != NULL && other->epoch == epoch)
            invariant_broken(INVARIANT_1, "%s and %s own %s", service->name, seats.services[i].name,
                             event->id);
    }
    judge_room(service, which);
    service->host.own(ctx, nth, epoch, seq, asked_ms);
    /* A process that was paused between its last look and now may be too late. It may answer buyers
     * from memory for a moment, but cannot write or prove anything. */
    if (epoch != sql_epoch(which))
        probe_reached(PROBE_OPENED_LATE);
    else if (which != HALLS)
        invariant_engine(which, event->engine, service->name);
    if (which == GALA && seats.undisturbed_us == 0)
        seats.undisturbed_us = sim_us();
    if (asked_ms != 0)
        probe_reached(asked_ms == INT64_MAX ? PROBE_WOKEN_DUE : PROBE_WOKEN_ASKED);
}

static bool on_leave(void *ctx, uint32_t nth)
{
    probe_reached(PROBE_GIVEN_UP);
    return current()->host.leave(ctx, nth);
}

static void on_reopen(void *ctx, uint32_t nth)
{
    probe_reached(PROBE_REOPENED);
    current()->host.reopen(ctx, nth);
}

static struct journal_host watched(const struct seat_service *service)
{
    struct journal_host host = service->host;
    host.load = on_load;
    host.apply = on_apply;
    host.own = on_own;
    host.leave = on_leave;
    host.reopen = on_reopen;
    return host;
}

static void be_killed(void *ctx)
{
    sim_proc_kill(ctx, "ending");
}

static void on_fenced(void *ctx, const char *reason)
{
    struct seat_service *service = ctx;
    sim_note("fenced: %s", reason);
    probe_reached(PROBE_FENCED);
    sim_after(&service->proc, sim_between(SIM_MS, 300 * SIM_MS), be_killed, &service->proc);
}

/* ---- calls ---- */

static void hear(void *ctx)
{
    struct seat_call *call = ctx;
    if (call->over)
        return;
    call->over = true;
    call_record_answer(call);
    if (call->on_done != NULL)
        call->on_done(call);
    if (call->gate != NULL)
        sim_gate_ring(call->gate);
}

/* Nothing but a fault of another event could delay or refuse it. */
static void judge_in_time(const struct seat_call *call, enum seat_answer answer)
{
    uint64_t took_us = sim_us() - call->asked_us;
    bool is_late = answer <= SEAT_LATER || took_us > IN_TIME_MS * (uint64_t)SIM_MS;
    bool is_judged = seats.undisturbed_us > 0 && call->asked_us > seats.undisturbed_us;
    if (call->event == GALA && is_judged && !call->is_answered && is_late)
        invariant_broken(INVARIANT_4, "the gala, which nothing disturbs, answers %d in %u ms",
                         (int)answer, (unsigned)(took_us / SIM_MS));
}

static void time_out(void *ctx)
{
    struct seat_call *call = ctx;
    if (call->over)
        return;
    judge_in_time(call, SEAT_SILENT);
    call->answer = SEAT_SILENT;
    hear(call);
}

static void reply(struct seat_call *call, enum seat_answer answer)
{
    judge_in_time(call, answer);
    call->is_answered = true;
    if (call->over || fault_now(FAULT_NET_ANSWER_LOST))
        return;
    call->answer = answer;
    if (answer == SEAT_DONE)
        call->date_s = clock_wall_us(&call->at->sale.clock) / SIM_S;
    call->from_memory = answer == SEAT_REFUSED && journal_is_unproven(call->at->journal);
    sim_after(call->from, sim_between(50, 2000), hear, call);
}

static bool gives_back(const struct seat_call *call)
{
    return call->op == SEAT_ORDER_RELEASE || call->op == SEAT_REFUND;
}

static bool is_of_order(const struct seat_call *call)
{
    return gives_back(call) || call->op == SEAT_EXTEND || call->op == SEAT_CONFIRM;
}

/* Responds without a journal entry: the request changes nothing, or is impossible. */
static void reply_unwritten(struct seat_call *call, const struct event *event)
{
    struct engine_hold_view view;
    enum engine_verdict verdict = call->verdict;
    if (verdict == ENGINE_GONE)
        probe_reached(PROBE_GONE);
    if (call->op == SEAT_EXTEND && verdict == ENGINE_SAME &&
        engine_hold_read(event->engine, call->hold, &view) == ENGINE_OK)
        call->expires_ms = view.expires_ms;
    bool done = verdict == ENGINE_SAME || (gives_back(call) && verdict == ENGINE_NO_HOLD);
    if (gives_back(call) && verdict == ENGINE_NO_HOLD)
        invariant_nothing_left(call->event, call->hold, call->at->name);
    reply(call, verdict == ENGINE_FULL ? SEAT_LATER : done ? SEAT_DONE : SEAT_REFUSED);
}

/* Hears a refusal here, because a refused call without a request of HTTP ends silently. */
static void on_outcome(void *ctx, int rc, const struct change *change)
{
    struct seat_call *call = ctx;
    bool proof = call->verdict != ENGINE_OK;
    if (rc == 0 && !proof)
        invariant_answered(call->event, change);
    if (rc != 0 && rc != ERR_UNKNOWN && !proof)
        invariant_refused(call->event, change);
    if (rc != 0 && is_running(call->at))
        reply(call, rc == ERR_UNKNOWN ? SEAT_SILENT : SEAT_LATER);
}

static void finish(struct call *its, const struct engine_op *op)
{
    struct seat_call *call = its->outcome_ctx;
    const struct change *change = &op->change;
    if (call->verdict != ENGINE_OK) {
        reply_unwritten(call, its->event);
        return;
    }
    if (call->op == SEAT_HOLD) {
        call->hold = change->hold;
        call->seats_len = change->add_count;
        memcpy(call->seats, change->seats, change->add_count * sizeof(change->seats[0]));
    }
    call->expires_ms = change->expires_ms;
    reply(call, SEAT_DONE);
}

static enum engine_verdict act(const struct call *its, struct engine_op *op)
{
    const struct seat_call *call = its->outcome_ctx;
    struct engine *engine = its->event->engine;
    struct engine_who who = {.buyer = call->buyer, .session = call->buyer, .channels = 1};
    struct span order = span_of(call->order);
    struct engine_purchase purchase = {.event = span_of(ids[call->event])};
    uint64_t now = its->now_ms;
    memcpy(purchase.digest, call->digest, sizeof(purchase.digest));
    switch (call->op) {
    case SEAT_HOLD:
        return engine_hold(engine,
                           &(struct engine_ask){.who = who,
                                                .seats = call->seats,
                                                .seat_count = call->seats_len,
                                                .area = ENGINE_AREA_NONE,
                                                .best = call->seats_len == 0,
                                                .category = ENGINE_CATEGORY_ANY,
                                                .quantity = call->quantity},
                           now, op);
    case SEAT_CHANGE:
        return engine_change(engine, call->hold, &who,
                             &(struct engine_edit){.add = call->seats,
                                                   .add_count = call->seats_len,
                                                   .remove = call->remove,
                                                   .remove_count = call->remove_len},
                             now, op);
    case SEAT_RELEASE:
        return engine_release(engine, call->hold, call->buyer, now, op);
    case SEAT_EXTEND:
        return engine_extend(engine, call->hold,
                             &(struct engine_order){.id = order, .purchase = &purchase}, PAY_TTL_MS,
                             now, op);
    case SEAT_CONFIRM:
        return engine_confirm(engine, call->hold, order, call->digest, now, op);
    case SEAT_ORDER_RELEASE:
        return engine_order_release(engine, call->hold, order, now, op);
    case SEAT_REFUND:
        return engine_refund(engine, call->hold, order, now, op);
    }
    BUG_STOP("an op out of its range");
}

static void arrive(void *ctx)
{
    struct seat_call *call = ctx;
    struct seat_service *service = call->at;
    struct event *event = opened(service, call->event);
    if (event == NULL) {
        if (service->journal != NULL) /* the event may be asleep */
            (void)journal_wake(service->journal, span_of(ids[call->event]));
        reply(call, SEAT_LATER);
        return;
    }
    events_used(service->events, event);
    if (!gate_admits((unsigned)(service - seats.services), call->guest, call->pass)) {
        call->verdict = ENGINE_NO_HOLD;
        reply(call, SEAT_REFUSED);
        return;
    }
    struct call its = {.loop = turn_loop(service->turn),
                       .event = event,
                       .now_ms = events_now_ms(service->events),
                       .finish = finish,
                       .on_outcome = on_outcome,
                       .outcome_ctx = call};
    struct commit_entry *entry = pending_entry(&its);
    if (entry == NULL) {
        reply(call, SEAT_LATER);
        return;
    }
    call->verdict = act(&its, &entry->op);
    if (call->verdict == ENGINE_OK) {
        pending_commit(&its, entry);
    } else if (is_of_order(call)) {
        pending_prove(&its, entry);
    } else {
        pending_drop(entry);
        reply_unwritten(call, event);
    }
}

static bool says_it_owns(const struct seat_service *service, unsigned which)
{
    if (!service->proc.alive || opened(service, which) == NULL)
        return false;
    enum journal_role role = journal_role(service->journal);
    return role == JOURNAL_OWNER || role == JOURNAL_CUT;
}

static struct seat_service *any_service(void)
{
    return &seats.services[sim_below(SIM_CHOICES, seats.services_len)];
}

/* Routes like the edge: to an owner; to any process if none or several report being one. */
static struct seat_service *choose(unsigned event)
{
    struct seat_service *chosen = any_service();
    if (says_it_owns(chosen, event) || fault_now(FAULT_NET_ASTRAY))
        return chosen;
    for (unsigned i = 0; i < SEATS_PROCS; i++)
        if (says_it_owns(&seats.services[i], event))
            chosen = &seats.services[i];
    return chosen;
}

void seat_send(struct seat_call *call)
{
    struct seat_service *service = choose(call->event);
    call->at = service;
    call->asked_us = sim_us();
    if (call->event == GALA) /* the checker of histories expects orders */
        call_record_ask(call);
    sim_after(call->from, call->timeout_us, time_out, call);
    if (!service->proc.alive) {
        reply(call, SEAT_LATER);
        return;
    }
    if (fault_now(FAULT_NET_LOST))
        return;
    uint64_t us = fault_now(FAULT_NET_SLOW) ? sim_between(0, 15 * SIM_S) : sim_between(50, 2000);
    sim_after(&service->proc, us, arrive, call);
}

enum seat_answer seat_ask(struct seat_call *call)
{
    struct sim_gate gate = {0};
    call->gate = &gate;
    seat_send(call);
    (void)sim_gate_wait(&gate, call->timeout_us + SIM_S);
    assert(call->over);
    call->gate = NULL;
    return call->answer;
}

/* ---- a life ---- */

static void live(void *ctx)
{
    struct seat_service *service = ctx;
    struct commit_queue *queue;
    int rc = commit_queue_create(&(struct commit_queue_conf){1, ENTRIES}, NULL, &queue);
    assert(rc == 0);
    struct events_conf events = {
        .clock = &service->sale.clock, .loops = 1, .fenced = on_fenced, .ctx = service};
    rc = events_create(&events, NULL, &service->events);
    assert(rc == 0);
    service->host = events_host(service->events);
    struct journal_conf journal = {
        .dsn = "",
        .instance = service->name,
        .events = "",
        .owners = seats.shared ? SEATS_PROCS : 0,
        .places = fault_now(FAULT_EVENT_SLEEPS) ? 1 : 0,
        .memory = seats.large ? MEMORY_BYTES : 0,
        .idle_ms = sim_between(100, 3000),
        .batch_max = (uint32_t)(1 + sim_below(SIM_CHOICES, 8)),
        .queue = queue,
        .clock = &service->clock,
        .sale = &service->sale,
        .rng = sim_rng(SIM_SYSTEM),
        .host = watched(service),
    };
    if (seats.shared)
        memcpy(journal.address.open, service->name, sizeof(service->name));
    rc = journal_start(&journal, NULL, &service->journal);
    assert(rc == 0);
    service->uv.data = &service->proc;
    struct turn_conf turn = {.loop = {.uv = &service->uv,
                                      .events = service->events,
                                      .journal = service->journal,
                                      .queue = queue,
                                      .clock = &service->sale.clock,
                                      .stats = &service->stats}};
    rc = turn_create(&turn, NULL, &service->turn);
    assert(rc == 0);
}

static void start(void *ctx)
{
    struct seat_service *service = ctx;
    service->journal = NULL;
    set_clock(service);
    gate_open((unsigned)(service - seats.services), &service->sale.clock);
    sim_proc_start(&service->proc);
    sim_after(&service->proc, 0, live, service);
}

static void read_stats(const struct seat_service *service)
{
    if (service->journal == NULL)
        return;
    const struct journal_stats *stats = journal_stats(service->journal);
    if (stats->settled_written > 0)
        probe_reached(PROBE_SETTLED_WRITTEN);
    if (stats->settled_again > 0)
        probe_reached(PROBE_SETTLED_AGAIN);
}

/* Drops the memory and connections of the dead process and schedules its restart. */
static void on_death(struct sim_proc *proc)
{
    struct seat_service *service = (struct seat_service *)proc;
    service->turn = NULL;
    read_stats(service);
    server_lost(proc);
    sim_after(NULL, sim_between(200 * SIM_MS, 5 * SIM_S), start, service);
}

static bool dies_here(void)
{
    return fault_now(FAULT_SEAT_KILL_AT);
}

/* Stops accepting, leaves open calls without a response, releases the locks and exits. */
static void leave(void *ctx)
{
    struct seat_service *service = ctx;
    if (!is_running(service))
        return; /* it is starting, or was asked to leave twice while it was paused */
    sim_note("ends in good order");
    turn_close(service->turn);
    journal_stop(service->journal);
    turn_destroy(service->turn); /* asserts that no change is without an outcome */
    sim_proc_kill(&service->proc, "gone");
}

static void on_slept(unsigned event, uint64_t due_ms)
{
    invariant_slept(event, due_ms, CONFIRM_SPARED_MS + SALE_CLOCK_WAIT_MAX_MS);
}

void seats_begin(uint32_t rows, uint32_t row_seats, bool undisturbed)
{
    static const struct sql_ears ears = {invariant_written, invariant_walled, on_slept};
    assert(row_seats <= ROW_SEATS_MAX);
    seats.undisturbed_us = undisturbed ? 0 : UINT64_MAX;
    seats.shared = fault_now(FAULT_SEATS_SHARE);
    seats.services_len = seats.shared ? SEATS_PROCS : 2;
    make_plan(rows, row_seats);
    invariants_begin(seats_count(), SEAT_PRICE, undisturbed);
    for (unsigned i = 0; i < HALLS; i++)
        sql_begin(ids[i], seats.document, &ears);
    seats.large = !undisturbed && fault_now(FAULT_HALL_LARGE);
    if (undisturbed || seats.large)
        sql_begin(ids[HALLS], seats.large ? seats.document : "{}", NULL);
    if (seats.large)
        sql_enlarge(HALLS, LARGE_BYTES);
    for (unsigned i = 0; i < seats.services_len; i++) {
        struct seat_service *service = &seats.services[i];
        snprintf(service->name, sizeof(service->name), "seats-%c", 'a' + (char)i);
        service->proc.name = service->name;
        service->proc.on_death = on_death;
        service->proc.dies_here = dies_here;
        sim_after(NULL, sim_between(0, 200 * SIM_MS), start, service);
    }
}

static bool wish_written; /* the latest */

struct wish {
    unsigned which;
    const char *to;
};

/* Stores an operator's wish, as the API of any process does. */
static void write_wish(void *ctx)
{
    const struct wish *wish = ctx;
    struct err_slot err;
    struct pg *pg = NULL;
    sim_note("%s is wanted at %s", ids[wish->which], wish->to);
    if (store_connect("", "place", JOURNAL_ANSWER_MS, false, &err, &pg) == 0)
        wish_written =
            store_want(pg, span_of(ids[wish->which]), span_of(wish->to), MOVE_WAIT_MS, &err) == 0;
    pg_close(pg);
}

static void move(struct seat_service *at, unsigned which, const struct seat_service *to)
{
    struct wish *wish = sim_new(sizeof(*wish));
    *wish = (struct wish){which, to->name};
    wish_written = false;
    sim_spawn(&at->proc, write_wish, wish);
}

static void ask_for_large(struct seat_service *at)
{
    struct event *event = opened(at, HALLS);
    if (event != NULL)
        events_used(at->events, event);
    else if (at->proc.alive && at->journal != NULL)
        (void)journal_wake(at->journal, span_of(ids[HALLS]));
}

void seats_fault(uint32_t ms)
{
    if (seats.large && fault_within(FAULT_HALL_ASKED, ms))
        ask_for_large(any_service());
    for (unsigned i = 0; i < SEATS_PROCS; i++) {
        struct seat_service *service = &seats.services[i];
        if (!service->proc.alive)
            continue;
        if (fault_within(FAULT_SEAT_KILL, ms))
            sim_proc_kill(&service->proc, "killed");
        else if (fault_within(FAULT_SEAT_STOP, ms))
            sim_proc_stop(&service->proc, sim_between(100 * SIM_MS, 6 * SIM_S));
        else if (fault_within(FAULT_SEAT_LEAVE, ms))
            sim_spawn(&service->proc, leave, service);
        else if (seats.shared && fault_within(FAULT_SEATS_MOVE, ms)) {
            move(service, (unsigned)sim_below(SIM_CHOICES, HALLS), any_service());
            if (fault_now(FAULT_MOVE_KILLED))
                sim_after(NULL, sim_between(0, SIM_S), be_killed, &any_service()->proc);
        }
    }
}

static struct engine *make_engine(void)
{
    struct engine_conf conf = {.plan = seats.plan->plan, .seed = sim_below(SIM_SYSTEM, UINT64_MAX)};
    struct engine *engine;
    int rc = engine_create(&conf, NULL, &engine);
    assert(rc == 0);
    engine_replay_begin(engine);
    return engine;
}

void seats_snapshot(unsigned event)
{
    struct engine *engine = make_engine();
    sql_replay(event, engine);
    size_t room = engine_snapshot_size(engine);
    uint8_t *body = malloc(room);
    assert(body != NULL);
    size_t len = engine_snapshot_write(engine, body, room);
    sql_keep_snapshot(event, sql_journal_len(event), body, len);
    engine_destroy(engine);
}

static struct seat_service *owner_of(unsigned which)
{
    struct seat_service *found = NULL;
    for (unsigned i = 0; i < SEATS_PROCS; i++)
        if (says_it_owns(&seats.services[i], which) &&
            journal_role(seats.services[i].journal) == JOURNAL_OWNER)
            found = &seats.services[i];
    return found;
}

/* Follows the event and can take it over. */
static bool is_second(const struct seat_service *service, unsigned which)
{
    struct journal_view view; /* reasons behind STANDBY keep a process from owning */
    return service->proc.alive && service->proc.stopped_until_us <= sim_us() &&
           service->journal != NULL && journal_find(service->journal, span_of(ids[which]), &view) &&
           view.state == JOURNAL_EVENT_FOLLOWING &&
           journal_reason(service->journal) <= JOURNAL_REASON_STANDBY;
}

static unsigned seconds_of(unsigned which)
{
    unsigned n = 0;
    for (unsigned i = 0; i < SEATS_PROCS; i++)
        n += is_second(&seats.services[i], which);
    return n;
}

static bool rests(unsigned which)
{
    const struct seat_service *found = owner_of(which);
    if (found == NULL)
        return sql_is_asleep(which);
    bool stands = found->proc.stopped_until_us > sim_us(); /* a paused process may have lost it */
    return !stands && atomic_load(&opened(found, which)->kept) == 0 && seconds_of(which) > 0;
}

bool seats_quiet(void)
{
    return rests(GALA) && rests(BALL);
}

void seats_judge(void)
{
    seats.undisturbed_us = UINT64_MAX;
    for (unsigned i = 0; i < HALLS; i++) {
        struct seat_service *found = owner_of(i);
        if (found != NULL) {
            invariant_engine(i, opened(found, i)->engine, found->name);
            read_stats(found);
        }
        struct engine *again = make_engine();
        sql_replay(i, again);
        engine_replay_end(again);
        invariant_engine(i, again, "the journal read again");
        engine_destroy(again);
    }
}

/* ---- when all is well ---- */

static const struct seat_service *awaited; /* NULL: any */

/* Keeps the gala in use meanwhile, so that it does not sleep. */
static bool has_come(void)
{
    struct seat_service *found = owner_of(GALA), *asked = any_service();
    if (found != NULL)
        events_used(found->events, opened(found, GALA));
    else if (sql_is_asleep(GALA) && asked->journal != NULL)
        (void)journal_wake(asked->journal, span_of(ids[GALA]));
    return found != NULL && (awaited == NULL || found == awaited);
}

static bool is_read_by_all(void)
{
    return has_come() && sim_us() >= fault_ended_us() + CALM_MS * SIM_MS &&
           seconds_of(GALA) == seats.services_len - 1;
}

static bool is_wished(void)
{
    return wish_written && has_come();
}

static void await(bool (*over)(void), uint32_t ms, const char *what)
{
    uint64_t until_us = sim_us() + ms * (uint64_t)SIM_MS;
    if (!sim_run(until_us, 10 * SIM_MS, over))
        invariant_broken(INVARIANT_4, "%s in %u ms", what, ms);
}

void seats_drill(void)
{
    await(is_read_by_all, READY_MS, "the gala is not opened, and read by all");
    if (seats.shared) {
        struct seat_service *from = owner_of(GALA);
        while (awaited == NULL || awaited == from)
            awaited = any_service();
        move(from, GALA, awaited);
        await(has_come, MOVE_WAIT_MS, "the gala does not come where it is wanted");
        awaited = NULL;
        await(is_read_by_all, READY_MS, "the gala is not read by all after its move");
    }
    /* Others take it over even if they have just reconnected, or it is wanted where it was. */
    struct seat_service *owner = owner_of(GALA);
    if (seats.shared) {
        move(owner, GALA, owner);
        await(is_wished, READY_MS, "a wish is not written");
        owner = owner_of(GALA);
    }
    for (unsigned i = 0; i < SEATS_PROCS; i++)
        if (&seats.services[i] != owner)
            server_cut(&seats.services[i].proc);
    sim_proc_kill(&owner->proc, "killed");
    await(has_come, TAKEN_MS, "no process takes the gala over from one that died");
}
