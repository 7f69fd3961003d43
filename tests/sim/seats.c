/* seats.c: see seats.h. The parts follow the service's files: the host of the journal is
 * loop/events.c, a call's two phases are loop/pending.c, expiry is loop/expiry.c, and verdicts
 * become responses as in api/order_api.c and api/verdict.c.
 *
 * A killed or fenced process is restarted after a while, as runit does. Calls are routed as by the
 * edge: to the process that reports being the owner. */
#include "seats.h"

#include "invariants.h"
#include "op_record.h"
#include "postgres/server.h"
#include "postgres/sql.h"
#include "stage/faults.h"
#include "stage/probes.h"

#include "base/bug.h"
#include "core/hall/plan.h"
#include "journal/journal.h"
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
    TICK_MS = 100,
    CALM_IDLE_MS = 6000,
    HOLD_TTL_MS = 20 * 1000,
    HOLD_MAX_MS = 120 * 1000,
    PAY_TTL_MS = 30 * 1000,
    CALM_MS = OWNERS_WAIT_MS + CALM_IDLE_MS,
    READY_MS = 60 * 1000,
    TAKEN_MS = 2000, /* as README.md promises */
};

/* Where several processes share the events there is a second one, which gets no requests. */
enum { GALA, BALL, HALLS };

struct hall {
    uint32_t nth;
    struct engine *engine;
    bool open;
    uint64_t epoch, used_us; /* when it was opened; when it was last requested */
};

struct seat_service {
    struct sim_proc proc;
    char name[16];
    /* valid for this life of the process: */
    struct clock clock;
    int64_t wall_ahead_us;
    uint64_t wrong_until_us;
    struct sale_clock sale;
    struct commit_queue *queue;
    struct commit_port *port;
    struct journal *journal;
    struct hall halls[HALLS];
    unsigned hall_of[HALLS]; /* hall by event number */
    bool fenced, collecting;
    bool away; /* as in struct expiry, for the gala */
    uint32_t expiring;
};

static struct {
    struct plan *plan;
    char guids[SEATS_MAX][16];
    struct seat_service services[SEATS_PROCS];
    unsigned services_len;
    bool calm, shared;
} seats;

static const char *const ids[HALLS] = {SQL_EVENT, "ball"};

static struct hall *hall_of(struct seat_service *service, uint32_t nth)
{
    assert(nth < HALLS);
    return &service->halls[service->hall_of[nth]];
}

static struct hall *gala(struct seat_service *service)
{
    return &service->halls[GALA];
}

/* ---- the hall ---- */

static struct plan *make_plan(uint32_t rows, uint32_t row_seats)
{
    static struct plan_draft_seat all[SEATS_MAX];
    struct plan_category category = {.name = SPAN("a"), .price = SEAT_PRICE};
    struct plan_channel channel = {.id = SPAN("public"), .name = SPAN("public")};
    for (uint32_t i = 0; i < rows * row_seats; i++) {
        uint32_t row = i / row_seats;
        snprintf(seats.guids[i], sizeof(seats.guids[i]), "s%u", i);
        all[i] = (struct plan_draft_seat){.guid = span_of(seats.guids[i]),
                                          .number = span_of(seats.guids[i]),
                                          .row_label = SPAN("r"),
                                          .zone = SPAN("z"),
                                          .x = (float)(i % row_seats),
                                          .y = (float)row,
                                          .run = row,
                                          .pos = i % row_seats,
                                          .companion = UINT32_MAX};
    }
    struct plan_draft draft = {
        .name = SPAN("Gala"),
        .currency = SPAN("KRW"),
        .limits = {.max_per_buyer = 8,
                   .max_per_hold = SEAT_CALL_SEATS,
                   .hold_ttl_ms = HOLD_TTL_MS,
                   .hold_max_ms = HOLD_MAX_MS},
        .focal_y = -1,
        .categories = &category,
        .category_count = 1,
        .channels = &channel,
        .channel_count = 1,
        .seats = all,
        .seat_count = rows * row_seats,
        .run_count = rows,
    };
    struct plan *plan;
    int rc = plan_create(&draft, NULL, &plan);
    assert(rc == 0);
    return plan;
}

uint32_t seats_count(void)
{
    return plan_seat_count(seats.plan);
}

void seats_price(const uint32_t *which, uint32_t len, uint8_t digest[CHANGE_HASH_BYTES])
{
    struct purchase_line lines[SEAT_CALL_SEATS];
    assert(len <= SEAT_CALL_SEATS);
    for (uint32_t i = 0; i < len; i++)
        lines[i] = (struct purchase_line){span_of(seats.guids[which[i]]), SPAN("a"), SEAT_PRICE, 1};
    purchase_digest(&(struct purchase){.event = SPAN(SQL_EVENT),
                                       .currency = SPAN("KRW"),
                                       .lines = lines,
                                       .lines_len = len,
                                       .total = len * (uint64_t)SEAT_PRICE},
                    digest);
}

/* ---- time ---- */

static uint64_t mono_us(void *ctx)
{
    (void)ctx;
    return sim_us();
}

static uint64_t wall_us(void *ctx)
{
    const struct seat_service *service = ctx;
    int64_t ahead_us = sim_us() < service->wrong_until_us ? service->wall_ahead_us : 0;
    return (uint64_t)SIM_EPOCH_S * SIM_S + sim_us() + (uint64_t)ahead_us;
}

/* Sets the clock wrong by seconds, an hour or years, for up to a minute. */
static void set_clock(struct seat_service *service)
{
    static const int64_t far_us[] = {3 * SIM_S, INT64_C(3600) * SIM_S,
                                     INT64_C(3650) * 86400 * SIM_S};
    service->wall_ahead_us = 0;
    service->wrong_until_us = 0;
    if (fault_now(FAULT_CLOCKS)) {
        int64_t far = far_us[sim_below(SIM_CHOICES, 3)];
        service->wall_ahead_us = sim_below(SIM_CHOICES, 2) == 0 ? far : -far;
        service->wrong_until_us = sim_us() + sim_between(0, 60 * SIM_S);
    }
    service->clock = (struct clock){mono_us, wall_us, service};
    sale_clock_init(&service->sale, &service->clock);
}

static uint64_t now_ms(const struct seat_service *service)
{
    return clock_wall_us(&service->sale.clock) / 1000;
}

/* ---- the journal's host ---- */

static int on_found(void *ctx, uint32_t nth, struct span id,
                    const struct journal_document *document, struct err_slot *err)
{
    struct seat_service *service = ctx;
    (void)document;
    (void)err;
    assert(nth < HALLS);
    service->hall_of[nth] = span_eq(id, SPAN(SQL_EVENT)) ? GALA : BALL;
    hall_of(service, nth)->nth = nth;
    return 0;
}

static struct engine *make_engine(uint64_t at_ms)
{
    struct engine_conf conf = {
        .plan = seats.plan, .seed = sim_below(SIM_SYSTEM, UINT64_MAX), .now_ms = at_ms};
    struct engine *engine;
    int rc = engine_create(&conf, NULL, &engine);
    assert(rc == 0);
    engine_replay_begin(engine);
    return engine;
}

static int on_load(void *ctx, uint32_t nth, struct span snapshot, struct err_slot *err)
{
    struct seat_service *service = ctx;
    struct hall *hall = hall_of(service, nth);
    assert(!hall->open);
    engine_destroy(hall->engine);
    hall->engine = make_engine(now_ms(service));
    if (snapshot.ptr != NULL)
        probe_reached(PROBE_FROM_SNAPSHOT);
    return snapshot.ptr == NULL ? 0
                                : engine_snapshot_read(hall->engine, (const uint8_t *)snapshot.ptr,
                                                       snapshot.len, err);
}

static int on_apply(void *ctx, uint32_t nth, const struct change *change, struct span idem,
                    struct err_slot *err)
{
    struct seat_service *service = ctx;
    (void)idem;
    int rc = engine_apply(hall_of(service, nth)->engine, change, err);
    if (rc < 0)
        invariant_broken(INVARIANT_3, "%s cannot apply the journal: %s", service->name,
                         err != NULL ? err->text : "");
    return rc;
}

static void on_first(void *ctx, uint32_t nth, struct change *change)
{
    (void)nth;
    change_init(change, CHANGE_IMPORTED, now_ms(ctx));
    memcpy(change->plan_hash, plan_hash(seats.plan), CHANGE_HASH_BYTES);
}

static void spare_orders(struct seat_service *service, struct hall *hall, uint64_t from_ms)
{
    if (engine_stats(hall->engine).holds_used > 0)
        engine_spare_orders(hall->engine, from_ms, now_ms(service) + CONFIRM_SPARED_MS);
}

static void on_own(void *ctx, uint32_t nth, uint64_t epoch, uint64_t seq, uint64_t asked_ms)
{
    struct seat_service *service = ctx;
    unsigned which = service->hall_of[nth];
    struct hall *hall = &service->halls[which];
    (void)seq;
    sim_note("owns %s, with epoch %llu", ids[which], (unsigned long long)epoch);
    for (unsigned i = 0; i < SEATS_PROCS; i++)
        if (seats.services[i].halls[which].open && seats.services[i].halls[which].epoch == epoch)
            invariant_broken(INVARIANT_1, "%s and %s own %s", service->name, seats.services[i].name,
                             ids[which]);
    hall->epoch = epoch;
    engine_replay_end(hall->engine);
    /* A process that was paused between its last look and now may be too late. It may answer buyers
     * from memory for a moment, but cannot write or prove anything. */
    if (epoch != sql_epoch(ids[which]))
        probe_reached(PROBE_OPENED_LATE);
    else if (which == GALA)
        invariant_engine(hall->engine, service->name);
    if (asked_ms != 0)
        probe_reached(asked_ms == INT64_MAX ? PROBE_WOKEN_DUE : PROBE_WOKEN_ASKED);
    if (asked_ms != INT64_MAX) {
        spare_orders(service, hall, asked_ms);
        hall->used_us = sim_us();
    }
    hall->open = true;
}

static bool on_leave(void *ctx, uint32_t nth)
{
    struct seat_service *service = ctx;
    struct hall *hall = hall_of(service, nth);
    hall->open = false;
    probe_reached(PROBE_GIVEN_UP);
    return hall != gala(service) || commit_port_open(service->port) == 0;
}

static void on_reopen(void *ctx, uint32_t nth)
{
    struct seat_service *service = ctx;
    struct hall *hall = hall_of(service, nth);
    probe_reached(PROBE_REOPENED);
    spare_orders(service, hall, 0);
    hall->used_us = sim_us();
    hall->open = true;
}

static uint64_t on_next_end(void *ctx, uint32_t nth)
{
    return engine_next_end_ms(hall_of(ctx, nth)->engine);
}

static void on_drop(void *ctx, uint32_t nth)
{
    struct hall *hall = hall_of(ctx, nth);
    assert(!hall->open);
    engine_destroy(hall->engine);
    hall->engine = NULL;
}

static uint64_t on_idle(void *ctx, uint32_t nth)
{
    uint64_t idle_ms = (sim_us() - hall_of(ctx, nth)->used_us) / SIM_MS;
    return seats.calm && idle_ms < CALM_IDLE_MS ? 0 : idle_ms;
}

static void close_halls(struct seat_service *service)
{
    for (unsigned i = 0; i < HALLS; i++)
        service->halls[i].open = false;
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
    close_halls(service);
    service->fenced = true;
    sim_after(&service->proc, sim_between(SIM_MS, 300 * SIM_MS), be_killed, &service->proc);
}

/* ---- calls ---- */

static void hear(void *ctx)
{
    struct seat_call *call = ctx;
    if (call->over)
        return;
    call->over = true;
    op_record_answer(call);
    if (call->on_done != NULL)
        call->on_done(call);
    if (call->gate != NULL)
        sim_gate_ring(call->gate);
}

static void time_out(void *ctx)
{
    struct seat_call *call = ctx;
    if (call->over)
        return;
    call->answer = SEAT_SILENT;
    hear(call);
}

static void reply(struct seat_call *call, enum seat_answer answer)
{
    if (call->over || fault_now(FAULT_NET_ANSWER_LOST))
        return;
    call->answer = answer;
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

static void collect(void *ctx)
{
    struct seat_service *service = ctx;
    service->collecting = false;
    (void)commit_port_collect(service->port, UINT32_MAX);
}

/* The committer has finished entries: wakes the loop. */
static void wake(void *ctx)
{
    struct seat_service *service = ctx;
    if (service->collecting)
        return;
    service->collecting = true;
    sim_after(&service->proc, sim_between(5, 100), collect, service);
}

/* Responds without a journal entry: the request changes nothing, or is impossible. */
static void reply_unwritten(struct seat_service *service, struct seat_call *call,
                            enum engine_verdict verdict)
{
    struct engine_hold_view view;
    call->verdict = verdict;
    if (verdict == ENGINE_GONE)
        probe_reached(PROBE_GONE);
    if (call->op == SEAT_EXTEND && verdict == ENGINE_SAME &&
        engine_hold_read(gala(service)->engine, call->hold, &view) == ENGINE_OK)
        call->expires_ms = view.expires_ms;
    bool done = verdict == ENGINE_SAME || (gives_back(call) && verdict == ENGINE_NO_HOLD);
    if (gives_back(call) && verdict == ENGINE_NO_HOLD)
        invariant_nothing_left(call->hold, service->name);
    reply(call, verdict == ENGINE_FULL ? SEAT_LATER : done ? SEAT_DONE : SEAT_REFUSED);
}

static void on_proven(struct commit_entry *entry)
{
    struct seat_call *call = entry->ctx;
    if (entry->rc == 0)
        reply_unwritten(call->at, call, call->verdict);
    else
        reply(call, entry->rc == ERR_UNKNOWN ? SEAT_SILENT : SEAT_LATER);
}

static void on_done(struct commit_entry *entry)
{
    struct seat_call *call = entry->ctx;
    struct seat_service *service = call->at;
    struct change *change = &entry->op.change;
    if (entry->rc != 0) {
        if (entry->rc != ERR_UNKNOWN)
            invariant_refused(change);
        engine_undo(gala(service)->engine, &entry->op);
        reply(call, entry->rc == ERR_UNKNOWN ? SEAT_SILENT : SEAT_LATER);
        return;
    }
    engine_settle(gala(service)->engine, &entry->op);
    invariant_answered(change);
    if (call->op == SEAT_HOLD) {
        call->hold = change->hold;
        call->seats_len = change->add_count;
        memcpy(call->seats, change->seats, change->add_count * sizeof(change->seats[0]));
    }
    call->verdict = ENGINE_OK;
    call->expires_ms = change->expires_ms;
    reply(call, SEAT_DONE);
}

static enum engine_verdict act(struct seat_service *service, struct seat_call *call,
                               struct engine_op *op)
{
    struct engine *engine = gala(service)->engine;
    struct engine_who who = {.buyer = call->buyer, .session = call->buyer, .channels = 1};
    struct span order = span_of(call->order);
    struct engine_purchase purchase = {.event = SPAN(SQL_EVENT)};
    uint64_t now = now_ms(service);
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
    struct hall *hall = gala(service);
    if (!hall->open && service->journal != NULL)
        (void)journal_wake(service->journal, SPAN(SQL_EVENT)); /* the event may be asleep */
    if (!hall->open || !journal_writes(service->journal)) {
        reply(call, SEAT_LATER);
        return;
    }
    hall->used_us = sim_us();
    if (!gate_admits((unsigned)(service - seats.services), call->guest, call->pass)) {
        call->verdict = ENGINE_NO_HOLD;
        reply(call, SEAT_REFUSED);
        return;
    }
    struct commit_entry *entry = commit_port_take(service->port);
    if (entry == NULL) {
        reply(call, SEAT_LATER);
        return;
    }
    enum engine_verdict verdict = act(service, call, &entry->op);
    if (verdict != ENGINE_OK && !is_of_order(call)) {
        commit_port_return(entry);
        reply_unwritten(service, call, verdict);
        return;
    }
    call->verdict = verdict;
    entry->event = hall->nth;
    entry->ctx = call;
    entry->proof = verdict != ENGINE_OK;
    entry->on_done = entry->proof ? on_proven : on_done;
    commit_port_submit(entry, sim_us());
}

static bool says_it_owns(const struct seat_service *service, unsigned which)
{
    if (!service->proc.alive || !service->halls[which].open)
        return false;
    enum journal_role role = journal_role(service->journal);
    return role == JOURNAL_OWNER || role == JOURNAL_CUT;
}

static struct seat_service *any_service(void)
{
    return &seats.services[sim_below(SIM_CHOICES, seats.services_len)];
}

/* Routes like the edge: to an owner; to any process if none or several report being one. */
static struct seat_service *choose(void)
{
    struct seat_service *chosen = any_service();
    if (says_it_owns(chosen, GALA) || fault_now(FAULT_NET_ASTRAY))
        return chosen;
    for (unsigned i = 0; i < SEATS_PROCS; i++)
        if (says_it_owns(&seats.services[i], GALA))
            chosen = &seats.services[i];
    return chosen;
}

void seat_send(struct seat_call *call)
{
    struct seat_service *service = choose();
    call->at = service;
    op_record_ask(call);
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

/* ---- expiry ---- */

static void on_expired(struct commit_entry *entry)
{
    struct seat_service *service = entry->ctx;
    assert(service->expiring > 0);
    service->expiring -= 1;
    if (entry->rc == 0) {
        engine_settle(gala(service)->engine, &entry->op);
    } else {
        service->away = true;
        engine_undo(gala(service)->engine, &entry->op);
    }
}

static void expire(struct seat_service *service)
{
    while (service->expiring < ENTRIES / 2) {
        struct commit_entry *entry = commit_port_take(service->port);
        if (entry == NULL)
            return;
        if (!engine_expire_next(gala(service)->engine, now_ms(service), &entry->op)) {
            commit_port_return(entry);
            return;
        }
        service->expiring += 1;
        entry->event = gala(service)->nth;
        entry->ctx = service;
        entry->on_done = on_expired;
        commit_port_submit(entry, sim_us());
    }
}

static void tick(void *ctx)
{
    struct seat_service *service = ctx;
    if (!gala(service)->open || journal_role(service->journal) != JOURNAL_OWNER) {
        service->away = true;
    } else {
        if (service->away)
            engine_spare_orders(gala(service)->engine, 0, now_ms(service) + CONFIRM_SPARED_MS);
        service->away = false;
        expire(service);
    }
    sim_after(&service->proc, TICK_MS * SIM_MS, tick, service);
}

/* ---- a life ---- */

static void live(void *ctx)
{
    struct seat_service *service = ctx;
    struct commit_queue_conf queue = {1, ENTRIES};
    int rc = commit_queue_create(&queue, NULL, &service->queue);
    assert(rc == 0);
    service->port = commit_queue_port(service->queue, 0, wake, service);
    struct journal_conf conf = {
        .dsn = "",
        .instance = service->name,
        .events = "",
        .owners = seats.shared ? SEATS_PROCS : 0,
        .places = fault_now(FAULT_EVENT_SLEEPS) ? 1 : 0,
        .idle_ms = sim_between(100, 3000),
        .batch_max = (uint32_t)(1 + sim_below(SIM_CHOICES, 8)),
        .queue = service->queue,
        .clock = &service->clock,
        .sale = &service->sale,
        .rng = sim_rng(SIM_SYSTEM),
        .host = {.ctx = service,
                 .found = on_found,
                 .load = on_load,
                 .apply = on_apply,
                 .first = on_first,
                 .own = on_own,
                 .leave = on_leave,
                 .reopen = on_reopen,
                 .next_end_ms = on_next_end,
                 .drop = on_drop,
                 .idle_ms = on_idle,
                 .fenced = on_fenced},
    };
    if (seats.shared)
        memcpy(conf.address.open, service->name, sizeof(service->name));
    rc = journal_start(&conf, NULL, &service->journal);
    assert(rc == 0);
    sim_after(&service->proc, TICK_MS * SIM_MS, tick, service);
}

static void start(void *ctx)
{
    struct seat_service *service = ctx;
    service->journal = NULL;
    memset(service->halls, 0, sizeof(service->halls));
    service->fenced = service->collecting = service->away = false;
    service->expiring = 0;
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
    close_halls(service);
    read_stats(service);
    server_lost(proc);
    sim_after(NULL, sim_between(200 * SIM_MS, 5 * SIM_S), start, service);
}

static bool dies_here(void)
{
    return fault_now(FAULT_SEAT_KILL_AT);
}

/* Stops accepting, responds to open calls, releases the locks and exits. */
static void leave(void *ctx)
{
    struct seat_service *service = ctx;
    if (!gala(service)->open && !service->halls[BALL].open)
        return; /* asked to leave twice while it was paused */
    sim_note("ends in good order");
    close_halls(service);
    journal_stop(service->journal);
    (void)commit_port_collect(service->port, UINT32_MAX);
    if (commit_port_open(service->port) > 0)
        invariant_broken(INVARIANT_5, "%s ends, and %u changes have no outcome", service->name,
                         commit_port_open(service->port));
    sim_proc_kill(&service->proc, "gone");
}

static void on_slept(uint64_t due_ms)
{
    invariant_slept(due_ms, CONFIRM_SPARED_MS + SALE_CLOCK_WAIT_MAX_MS);
}

/* A saga retries within five seconds of the time in a response. With a shorter idle time it would
 * find its event asleep each time. */
void seats_calm_down(void)
{
    seats.calm = true;
}

void seats_begin(uint32_t rows, uint32_t row_seats)
{
    assert(row_seats <= ROW_SEATS_MAX);
    seats.calm = false;
    seats.shared = fault_now(FAULT_SEATS_SHARE);
    seats.services_len = seats.shared ? SEATS_PROCS : 2;
    seats.plan = make_plan(rows, row_seats);
    invariants_begin(seats_count(), SEAT_PRICE);
    sql_begin(SQL_EVENT, invariant_written, invariant_walled, on_slept);
    if (seats.shared)
        sql_begin(ids[BALL], NULL, NULL, NULL);
    for (unsigned i = 0; i < seats.services_len; i++) {
        struct seat_service *service = &seats.services[i];
        snprintf(service->name, sizeof(service->name), "seats-%c", 'a' + (char)i);
        service->proc.name = service->name;
        service->proc.on_death = on_death;
        service->proc.dies_here = dies_here;
        sim_after(NULL, sim_between(0, 200 * SIM_MS), start, service);
    }
}

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
        (void)store_want(pg, span_of(ids[wish->which]), span_of(wish->to), MOVE_WAIT_MS, &err);
    pg_close(pg);
}

static void move(struct seat_service *at, unsigned which, const struct seat_service *to)
{
    struct wish *wish = calloc(1, sizeof(*wish));
    assert(wish != NULL);
    *wish = (struct wish){which, to->name};
    sim_spawn(&at->proc, write_wish, wish);
}

void seats_fault(uint32_t ms)
{
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

void seats_snapshot(void)
{
    struct engine *engine = make_engine(0);
    sql_replay(engine);
    size_t room = engine_snapshot_size(engine);
    uint8_t *body = malloc(room);
    assert(body != NULL);
    size_t len = engine_snapshot_write(engine, body, room);
    sql_keep_snapshot(sql_journal_len(), body, len);
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
        return sql_is_asleep(ids[which]);
    bool stands = found->proc.stopped_until_us > sim_us(); /* a paused process may have lost it */
    return !stands && commit_port_open(found->port) == 0 && seconds_of(which) > 0;
}

bool seats_quiet(void)
{
    return rests(GALA) && (!seats.shared || rests(BALL));
}

void seats_judge(void)
{
    struct seat_service *found = owner_of(GALA);
    if (found != NULL) {
        invariant_engine(gala(found)->engine, found->name);
        read_stats(found);
    }
    struct engine *again = make_engine(0);
    sql_replay(again);
    engine_replay_end(again);
    invariant_engine(again, "the journal read again");
    engine_destroy(again);
}

/* ---- when all is well ---- */

static const struct seat_service *awaited; /* NULL: any */
static uint64_t calm_us; /* until then, a restarted process leaves events to others */

/* Keeps the gala in use meanwhile, so that it does not sleep. */
static bool has_come(void)
{
    struct seat_service *found = owner_of(GALA);
    if (found != NULL)
        gala(found)->used_us = sim_us();
    else if (sql_is_asleep(SQL_EVENT))
        (void)journal_wake(any_service()->journal, SPAN(SQL_EVENT));
    return found != NULL && (awaited == NULL || found == awaited);
}

static bool is_read_by_all(void)
{
    return has_come() && sim_us() >= calm_us && seconds_of(GALA) == seats.services_len - 1;
}

static void await(bool (*over)(void), uint32_t ms, const char *what)
{
    uint64_t until_us = sim_us() + ms * (uint64_t)SIM_MS;
    if (!sim_run(until_us, 10 * SIM_MS, over))
        invariant_broken(INVARIANT_4, "%s in %u ms", what, ms);
}

void seats_drill(void)
{
    calm_us = sim_us() + CALM_MS * SIM_MS;
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
    sim_proc_kill(&owner_of(GALA)->proc, "killed");
    await(has_come, TAKEN_MS, "no process takes the gala over from one that died");
}
