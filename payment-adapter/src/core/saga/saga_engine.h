/* saga_engine.h: drives many sagas at once: leases rows, calls steps, makes their moves durable.
 *
 * It knows no clock, socket, thread or database: the store and the steps answer when they like,
 * through the calls below; the owner calls saga_engine_turn() after each of them, and when
 * saga_engine_due_us() has come. The answering calls never call back. One engine belongs to one
 * thread. Any number of engines may share a store; a lease decides who acts.
 *
 * Group commit: while one commit is under way, the moves of all other sagas gather, and leave
 * together when it is back. So many sagas share a commit, and a slow disk makes for bigger batches.
 */
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
    /* The usual outage is a takeover of the seats, two seconds, and a saga that finds the breaker
     * open comes back after this to twice this. A probe twice a second is nothing to a peer. */
    SAGA_BREAKER_OPEN_MS = 500,
    /* Each saga that waits is stored each time, so of an outage that lasts, fewer of them knock. */
    SAGA_BREAKER_OPEN_MAX_MS = 2000,
};

/* The store's answer to a move. */
enum saga_stored {
    SAGA_STORED,
    SAGA_FENCED, /* the lease was lost: another engine acts for this saga now */
    /* The store takes the others, but never this one, because of its contents (`why`): the saga is
     * parked. If even that is refused, its lease is left to run out. */
    SAGA_REFUSED,
};

struct saga_store_reply {
    enum saga_stored stored;
    bool cancel;
    uint32_t wake;
    uint64_t lease_us; /* the renewed lease, on the engine's clock */
    const char *why;   /* SAGA_REFUSED: the store's error; borrowed during the answer */
};

struct saga_store {
    /* Leases up to max sagas that are due; answered once by saga_engine_on_leased(). A commit may
     * follow in the same turn. */
    void (*lease)(void *ctx, uint32_t max);
    /* Stores all moves in one commit; they are borrowed until the single answer,
     * saga_engine_on_committed(). Must be safe to repeat with the same moves: what was stored
     * before counts as stored. */
    void (*commit)(void *ctx, const struct saga_move *const *moves, uint32_t len);
    void *ctx;
};

struct saga_engine_conf {
    const struct saga_def *const *defs; /* borrowed; each with a key of its own */
    uint32_t defs_len;
    uint32_t slots;     /* 1..SAGA_SLOTS_MAX */
    uint32_t calls_max; /* steps running at a time, 1..slots */
    uint32_t idle_ms;   /* how often to look for due sagas without a nudge */
    uint32_t breaker_trip, breaker_open_ms, breaker_open_max_ms;
    uint32_t budget_share_milli, budget_per_s, budget_cap;
    struct saga_store store;
    const struct rng *rng;
    /* May this peer be called now? 0: yes; otherwise how long to wait. May be NULL. */
    uint32_t (*admit)(void *ctx, uint8_t peer);
    /* A step is about to be tried; `trace` is the saga's traceparent and becomes that of the try.
     * May be NULL. */
    void (*on_try)(void *ctx, char trace[SAGA_TRACE_MAX]);
    /* A move was stored: for logs, metrics, and those waiting for the saga. May be NULL. */
    void (*on_stored)(void *ctx, const struct saga_row *row, const struct saga_move *move);
    void *ctx;
};

int saga_engine_create(const struct saga_engine_conf *conf, uint64_t now_us, struct err_slot *err,
                       struct saga_engine **out);
/* Forgets what is under way, as a crash would; calls that are still out may finish later, and are
 * then freed without effect. */
void saga_engine_destroy(struct saga_engine *engine);

/* Does everything that can be done now. */
void saga_engine_turn(struct saga_engine *engine, uint64_t now_us);
/* The latest time to call it again if nothing else happens. */
uint64_t saga_engine_due_us(const struct saga_engine *engine);
/* Something may be due: look during the next turn. */
void saga_engine_nudge(struct saga_engine *engine);
/* Leases no more sagas; those in hand go on to their next stored move and are then given back. */
void saga_engine_drain(struct saga_engine *engine);
bool saga_engine_idle(const struct saga_engine *engine); /* nothing is under way */

/* The store's answers. Rows are copied; their lease_us and step_us are on the caller's clock. */
const struct saga_def *saga_engine_def(const struct saga_engine *engine, struct span key);
void saga_engine_on_leased(struct saga_engine *engine, const struct saga_row *rows, uint32_t len);
/* ok = false: it was not stored, or nobody knows; replies is then NULL. */
void saga_engine_on_committed(struct saga_engine *engine, bool ok,
                              const struct saga_store_reply *replies);

/* ---- one try of one step ---- */

struct saga_call {
    uint64_t saga;
    enum saga_way way;
    const char *step;
    uint32_t tries;      /* UNKNOWNs before this try; above 0, it may have happened */
    uint32_t timeout_ms; /* of the calls that the step makes */
    uint64_t age_ms;     /* since the saga reached this step */
    const char *trace;   /* traceparent of the calls that the step makes; "" if none */
    const char *cause;   /* why the saga turned back, or "" */
    struct span data;    /* valid until the finish */
    void *scratch;       /* the step's own, NULL at first; the step frees it before the finish */
};

/* Ends the try, exactly once, from anywhere except within saga_engine_destroy(). */
void saga_call_finish(struct saga_call *call, const struct saga_outcome *outcome);
/* Before the finish: the saga's data from here on; copied. */
void saga_call_set_data(struct saga_call *call, struct span data);
/* Before the finish: what else the move will write. */
struct saga_effects *saga_call_effects(struct saga_call *call);

/* ---- what it looks like from outside ---- */

struct saga_engine_stats {
    uint64_t leases, leased, lease_errors;
    uint64_t commits, moves, fenced, refused, commits_unknown;
    uint64_t tries[SAGA_VERDICT_COUNT];
    uint64_t timeouts, deferred, parked, completed, undone;
    uint32_t in_flight, calling;
};

const struct saga_engine_stats *saga_engine_stats(const struct saga_engine *engine);

#endif
