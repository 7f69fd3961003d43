/* world.c: a sale with faults; then the faults stop, and everything has to end within SETTLE_S. */
#include "world.h"

#include "core/time/sale_clock.h"

#include "adapters.h"
#include "bank.h"
#include "books.h"
#include "buyers.h"
#include "gate/gate.h"
#include "invariants.h"
#include "postgres/server.h"
#include "postgres/sql.h"
#include "queue/people.h"
#include "queue/queue.h"
#include "seats.h"
#include "stage/history.h"
#include "stage/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    FAULTS_MS = 100,
    DELIVER_MS = 1000,
    SNAPSHOT_MS = 20000,
    REST_S = 90,     /* until even an abandoned visit is over */
    SETTLE_S = 1800, /* sagas pause for at most half a minute, breakers for less */
    SESSIONS_MAX = 2 * SEATS_PROCS,
};

void world_draw(uint64_t seed, bool line, struct world_conf *conf)
{
    struct rng_seeded dice;
    rng_seeded_init(&dice, seed ^ UINT64_C(0x776f726c64));
    *conf = (struct world_conf){
        .seed = seed,
        .line = line,
        .rows = (uint32_t)(1 + rng_below(&dice.rng, 6)),
        .row_seats = (uint32_t)(4 + rng_below(&dice.rng, 9)),
        .buyers = (uint32_t)(5 + rng_below(&dice.rng, 60)),
        .sale_s = (uint32_t)(20 + rng_below(&dice.rng, 100)),
    };
    conf->undisturbed = !line && rng_below(&dice.rng, 4) == 0;
    fault_draw(&conf->mix, seed, conf->undisturbed);
}

static void unlock_row(void *ctx)
{
    server_unlock_row((unsigned)(uintptr_t)ctx);
}

/* Of one event's rows. */
static void disturb(const struct world_conf *conf)
{
    unsigned event = conf->undisturbed ? BALL : (unsigned)sim_below(SIM_CHOICES, HALLS);
    if (fault_within(FAULT_PG_ROW_LOCKED, FAULTS_MS) && server_lock_row(event))
        sim_after(NULL, sim_between(0, 6 * SIM_S), unlock_row, (void *)(uintptr_t)event);
    if (fault_within(FAULT_PG_ROWS_REFUSED, FAULTS_MS))
        sql_refuse_rows(event, sim_between(0, 6 * SIM_S));
    if (fault_within(FAULT_PG_EPOCH, FAULTS_MS))
        sql_raise_epoch(event);
    if (fault_within(FAULT_EVENT_RETIRED, FAULTS_MS))
        sql_retire(event, sim_between(0, 20 * (uint64_t)SIM_S));
}

static void go_wrong(void *ctx)
{
    seats_fault(FAULTS_MS);
    adapters_fault(FAULTS_MS);
    disturb(ctx);
    if (fault_within(FAULT_PG_RESTART, FAULTS_MS))
        server_restart(NULL);
    sim_after(NULL, FAULTS_MS * SIM_MS, go_wrong, ctx);
}

static void deliver(void *ctx)
{
    books_deliver();
    sim_after(NULL, DELIVER_MS * SIM_MS, deliver, ctx);
}

static void snapshot(void *ctx)
{
    for (unsigned event = 0; event < HALLS; event++)
        seats_snapshot(event);
    sim_after(NULL, SNAPSHOT_MS * SIM_MS, snapshot, ctx);
}

/* A webhook: it may be lost or arrive twice, and comes again if it is not answered; the saga also
 * polls by itself. */
static void wake_order(void *ctx)
{
    bool fails = fault_now(FAULT_BOOK_FAILS);
    if (!fails)
        book_wake(ctx);
    if (!fails && !fault_now(FAULT_BOOK_LOST))
        adapters_nudge();
    else
        sim_after(NULL, sim_between(SIM_S, 60 * (uint64_t)SIM_S), wake_order, ctx);
}

static void on_hook(const char *order)
{
    if (fault_now(FAULT_HOOK_LOST))
        return;
    sim_after(NULL, sim_between(SIM_MS, 500 * SIM_MS), wake_order, strdup(order));
    if (fault_now(FAULT_HOOK_TWICE))
        sim_after(NULL, sim_between(SIM_MS, 60 * (uint64_t)SIM_S), wake_order, strdup(order));
}

static bool has_line;

static bool is_quiet(void)
{
    return (!has_line || people_gone()) && buyers_gone() && books_quiet() && seats_quiet() &&
           invariant_held() == 0 && server_sessions() <= SESSIONS_MAX;
}

static void judge(void)
{
    if (!is_quiet())
        invariant_broken(INVARIANT_4, "after %d s without a fault: %s%s%s%s%s%u connections",
                         SETTLE_S, !has_line || people_gone() ? "" : "visitors stand in line, ",
                         buyers_gone() ? "" : "buyers wait, ",
                         books_quiet() ? "" : "sagas or letters are open, ",
                         seats_quiet() ? "" : "no owner is at rest, ",
                         invariant_held() == 0 ? "" : "seats are held, ", server_sessions());
    invariants_record_sold();
    books_judge();
    history_fact("'fact':'end','books':['orders','provider','seats','shop','tickets']");
    seats_judge();
}

static void count(struct world_end *end)
{
    for (unsigned i = 0; i < FAULT_COUNT; i++)
        end->faults[i] = fault_count((enum fault)i);
    for (unsigned i = 0; i < PROBE_COUNT; i++)
        end->probes[i] = probe_count((enum probe)i);
    end->hash = sim_hash();
    end->events = sim_events();
    end->us = sim_us();
}

static void run_line(const struct world_conf *conf, struct world_end *end)
{
    queue_run(conf->buyers, conf->sale_s, conf->canary);
    count(end);
    end->orders = queue_joined();
    end->completed = queue_entered();
}

static void run_sale(const struct world_conf *conf, struct world_end *end)
{
    has_line = conf->whole;
    if (has_line)
        gate_begin(buyers_come);
    bank_begin(on_hook);
    seats_begin(conf->rows, conf->row_seats, conf->undisturbed);
    adapters_begin();
    if (conf->whole)
        queue_begin(conf->buyers, conf->sale_s * (uint64_t)SIM_S, 1);
    else
        buyers_begin(GALA, conf->buyers, conf->sale_s * (uint64_t)SIM_S);
    buyers_begin(BALL, conf->buyers / 2, conf->sale_s * (uint64_t)SIM_S);
    go_wrong((void *)(uintptr_t)conf);
    deliver(NULL);
    sim_after(NULL, SNAPSHOT_MS * SIM_MS, snapshot, NULL);
    uint64_t sale_us = (conf->sale_s + 30) * (uint64_t)SIM_S;
    (void)sim_run(sale_us, sale_us, NULL);
    sim_note("nothing goes wrong any more");
    fault_end();
    if (has_line)
        people_calm_down();
    if (conf->canary)
        (void)bank_takes_twice();
    (void)sim_run(sale_us + SETTLE_S * (uint64_t)SIM_S, SIM_S, is_quiet);
    judge();
    seats_drill();
    if (has_line) {
        uint64_t now_us = sim_us();
        (void)sim_run(now_us + REST_S * (uint64_t)SIM_S, REST_S * (uint64_t)SIM_S, NULL);
        queue_judge();
    }
    count(end);
    end->orders = books_orders();
    end->completed = books_completed();
}

/* A seat service knows the server's time to within half of the longest wait for it. */
static void begin_history(const struct world_conf *conf)
{
    char settings[160];
    snprintf(settings, sizeof(settings),
             "'of':'the world, seed %" PRIu64 "','slack_us':%d,'gone_after_us':%d", conf->seed,
             SALE_CLOCK_WAIT_MAX_MS / 2 * SIM_MS + 2 * SIM_MS, FRONTS_GONE_AFTER_MS * SIM_MS);
    history_begin(conf->history, settings);
}

void world_run(const struct world_conf *conf, struct world_end *end)
{
    sim_begin(conf->seed, conf->tells);
    sim_platform_begin();
    fault_begin(&conf->mix);
    begin_history(conf);
    if (conf->line)
        run_line(conf, end);
    else
        run_sale(conf, end);
    history_end();
}
