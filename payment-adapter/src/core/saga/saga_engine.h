/* saga_engine.h: drives many sagas at once: leases rows, calls steps, makes their moves durable.
 *
 * The engine knows no clock, socket, thread or database. The store and the steps answer
 * asynchronously through the calls below. The owner calls saga_engine_turn() after each answer, and
 * when saga_engine_due_us() has come. The answering calls never call back. One engine belongs to
 * one thread. Any number of engines may share a store; a lease decides which one acts for a saga.
 *
 * Group commit: while one commit is in flight, the moves of all other sagas gather for the next. So
 * many sagas share a commit, and a slow disk means bigger batches. */
#ifndef FG_PAY_CORE_SAGA_ENGINE_H
#define FG_PAY_CORE_SAGA_ENGINE_H

#include "base/err.h"
#include "core/pace/breaker.h"
#include "core/pace/budget.h"
#include "core/saga/saga.h"

struct saga_engine;

enum {
    SAGA_SLOTS_MAX =
        4096, /* sagas in one engine at a time; more would cost memory without adding throughput */
    SAGA_DEFS_MAX = 16,
    SAGA_BREAKER_TRIP = 10, /* a single lost packet is not an outage */
    /* The usual outage is a takeover of the seats, which takes two seconds. A saga that finds the
     * breaker open retries after one to two times this. A peer can bear two probes per second. */
    SAGA_BREAKER_OPEN_MS = 500,
    /* Every wait of a saga is stored, so probes become rarer during a long outage. */
    SAGA_BREAKER_OPEN_MAX_MS = 2000,
    SAGA_BUDGET_SHARE_MILLI = 200, /* one retry per five first tries */
    SAGA_BUDGET_PER_S = 10,
    SAGA_BUDGET_CAP = 100,
};

/* The store's answer to a move. */
enum saga_stored {
    SAGA_STORED,
    SAGA_FENCED, /* the lease was lost: another engine owns this saga now */
    /* The store rejects this move because of its contents (`why`), and would never take it, so the
     * saga is parked. If the store rejects even that, the lease is left to expire. */
    SAGA_REFUSED,
};

struct saga_store_reply {
    enum saga_stored stored;
    bool cancel;
    uint32_t wake;
    uint64_t lease_us; /* the renewed lease, on the engine's clock */
    const char *why;   /* SAGA_REFUSED: the store's error; borrowed during the answer */
};

/* The leases that an engine has, by saga and token. */
struct saga_held {
    uint64_t *ids, *tokens;
    uint32_t len;
};

struct saga_store {
    /* Leases up to max due sagas; answered exactly once by saga_engine_on_leased(). A commit may
     * follow in the same turn. `held` is not NULL for a while after an answer was lost: first,
     * all other leases of this engine end, since nobody acts for them. */
    void (*lease)(void *ctx, uint32_t max, const struct saga_held *held);
    /* Stores all moves in one commit. They are borrowed until the single answer,
     * saga_engine_on_committed(). Must be idempotent: a move that was stored before counts as
     * stored. */
    void (*commit)(void *ctx, const struct saga_move *const *moves, uint32_t len);
    void *ctx;
};

struct saga_engine_conf {
    uint32_t lease_ms;                  /* what the store grants */
    const struct saga_def *const *defs; /* borrowed; their keys are unique */
    uint32_t defs_len;
    uint32_t slots;     /* 1..SAGA_SLOTS_MAX */
    uint32_t calls_max; /* steps running at a time, 1..slots */
    uint32_t idle_ms;   /* how often to look for due sagas without a nudge */
    uint32_t breaker_trip, breaker_open_ms, breaker_open_max_ms;
    uint32_t budget_share_milli, budget_per_s, budget_cap;
    struct saga_store store;
    const struct rng *rng;
    /* Returns 0 if this peer may be called now, otherwise how long to wait. May be NULL. */
    uint32_t (*admit)(void *ctx, uint8_t peer);
    /* Called before each try. `trace` is the saga's traceparent; the callback replaces it with that
     * of the try. May be NULL. */
    void (*on_try)(void *ctx, char trace[SAGA_TRACE_MAX]);
    /* A move was stored: for logs, metrics and waiting requests. May be NULL. */
    void (*on_stored)(void *ctx, const struct saga_row *row, const struct saga_move *move);
    void *ctx;
};

int saga_engine_create(const struct saga_engine_conf *conf, uint64_t now_us, struct err_slot *err,
                       struct saga_engine **out);
/* Forgets all work in progress, as a crash would. Calls in flight may finish later and are then
 * freed without effect. */
void saga_engine_destroy(struct saga_engine *engine);

/* Does everything that can be done now. */
void saga_engine_turn(struct saga_engine *engine, uint64_t now_us);
/* The latest time to call it again if nothing else happens. */
uint64_t saga_engine_due_us(const struct saga_engine *engine);
/* Sagas may be due: the next turn leases. */
void saga_engine_nudge(struct saga_engine *engine);
/* Leases no more sagas. Leased ones run to their next stored move, which releases them. */
void saga_engine_drain(struct saga_engine *engine);
bool saga_engine_idle(const struct saga_engine *engine);          /* no work is in progress */
uint32_t saga_engine_in_flight(const struct saga_engine *engine); /* leased sagas */

/* The store's answers. Rows are copied; their lease_us and step_us are on the caller's clock. */
const struct saga_def *saga_engine_def(const struct saga_engine *engine, struct span key);
void saga_engine_on_leased(struct saga_engine *engine, const struct saga_row *rows, uint32_t len);
/* ok = false: the commit failed, or its outcome is unknown; replies is then NULL. */
void saga_engine_on_committed(struct saga_engine *engine, bool ok,
                              const struct saga_store_reply *replies);

/* ---- one try of one step ---- */

struct saga_call {
    uint64_t saga;
    enum saga_way way;
    const char *step;
    uint32_t tries;      /* UNKNOWN tries before this one; above 0, the step may have happened */
    uint32_t timeout_ms; /* of the calls that the step makes */
    uint64_t age_ms;     /* since the saga reached this step */
    const char *trace;   /* traceparent of the calls that the step makes; "" if none */
    struct span data;    /* valid until the finish */
};

/* Ends the try, exactly once, from anywhere except within saga_engine_destroy(). */
void saga_call_finish(struct saga_call *call, const struct saga_outcome *outcome);
/* Only before the finish: replaces the saga's data; copied. */
void saga_call_set_data(struct saga_call *call, struct span data);
/* Only before the finish: what else the move will write. */
struct saga_effects *saga_call_effects(struct saga_call *call);

#endif
