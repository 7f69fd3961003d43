/* redis_scout.h: finds the current masters and keeps polling: the nodes of a cluster for their
 * slots, or sentinels for the master's address. It asks one of them at a time, over its own
 * connection, and moves on to the next when that one is lost or has no answer.
 *
 * Belongs to one loop; all calls are made on its thread. */
#ifndef FG_QUEUE_FRONT_REDIS_SCOUT_H
#define FG_QUEUE_FRONT_REDIS_SCOUT_H

#include "base/clock.h"
#include "base/err.h"
#include "base/rng.h"
#include "redis/redis_link.h"
#include "redis/redis_map.h"

#include <uv.h>

struct redis_scout;

/* All pointers are borrowed until redis_scout_close(). */
struct redis_scout_conf {
    uv_loop_t *loop;
    const struct redis_seeds *seeds;
    const char *master;          /* the master's name; NULL: the seeds are cluster nodes */
    struct tls_client *tls;      /* NULL: no TLS */
    struct redis_login login;    /* for the servers asked: sentinels have their own users */
    const struct redis_map *map; /* the newest: its nodes are asked if no seed answers */
    const struct clock *clock;
    const struct rng *rng;
    void (*on_map)(void *ctx, const struct redis_map *map); /* often unchanged */
    void (*on_lost)(void *ctx, const char *why);            /* another whole round failed */
    void (*on_dirty)(void *ctx);                            /* flush before the loop waits */
    void *ctx;
};

int redis_scout_create(const struct redis_scout_conf *conf, struct err_slot *err,
                       struct redis_scout **out);
/* The map seems wrong: asks now, and often for some seconds. */
void redis_scout_hurry(struct redis_scout *scout);
/* A server in the map has no majority in its part of the cluster. The server that named it may be
 * in that part, too: the next one is asked. */
void redis_scout_move_on(struct redis_scout *scout);
void redis_scout_flush(struct redis_scout *scout);
void redis_scout_close(struct redis_scout *scout); /* no more callbacks; the loop frees it */

#endif
