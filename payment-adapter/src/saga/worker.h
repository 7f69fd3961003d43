/* worker.h: a saga engine on a loop, with its rows in PostgreSQL. One per loop; all loops and
 * processes share the rows. */
#ifndef FG_PAY_WORKER_H
#define FG_PAY_WORKER_H

#include "core/saga/saga_engine.h"
#include "pg/pg_pool.h"
#include "saga/crash_point.h"

struct worker;

struct worker_conf {
    uv_loop_t *loop;
    struct pg_pool *pg;                 /* borrowed until worker_close() */
    const struct saga_def *const *defs; /* borrowed */
    uint32_t defs_len;
    uint32_t slots, calls_max;
    uint32_t idle_ms;
    uint32_t lease_ms; /* longer than the longest try, or a try could run twice */
    const char *owner; /* in leases: unique among all engines; borrowed */
    const struct clock *clock;
    const struct rng *rng;
    struct logger *log;
    struct crash_point *crash_point; /* borrowed; NULL: none */
    /* As saga_engine_conf.admit. */
    uint32_t (*admit)(void *ctx, uint8_t peer);
    /* As saga_engine_conf.on_try. */
    void (*on_try)(void *ctx, char trace[SAGA_TRACE_MAX]);
    /* A move was stored. May be NULL. */
    void (*on_stored)(void *ctx, const struct saga_row *row, const struct saga_move *move);
    void *ctx;
};

/* Run at process start, before the workers: makes sagas that the instance had leased when it died
 * due at once, instead of when the lease ends. Its owners are LOOP/INSTANCE. If two processes share
 * a name, each ends leases of the other, whose moves are rejected: steps run twice. Blocks. */
int worker_reclaim(const char *conninfo, const char *instance, struct err_slot *err);

int worker_create(const struct worker_conf *conf, struct err_slot *err, struct worker **out);
/* This process knows that something may be due: lease now rather than at the next idle poll. */
void worker_nudge(struct worker *worker);
/* Looks for sagas with definitions that this program lacks, because a newer program wrote them or a
 * version was removed. They are left alone: a wrong guess might sell a seat twice. Called
 * occasionally, by one worker of a process. */
void worker_look_for_unknown(struct worker *worker);
/* How many the last look found; above 0, raise an alarm. */
const _Atomic uint64_t *worker_unknown(const struct worker *worker);
/* Leases no more sagas; each leased one runs to its next stored move and is released. */
void worker_drain(struct worker *worker);
/* Calls back no more. Other workers get its leased sagas when their leases expire. */
void worker_close(struct worker *worker);

#endif
