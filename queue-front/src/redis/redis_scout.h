/* redis_scout.h: finds out which servers are in charge, and keeps asking: the nodes of a cluster
 * for their slots, or sentinels for the master's address. It asks one of them at a time, over a
 * connection of its own, and goes on to the next when that one is gone or has nothing to say.
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

/* What it points to is borrowed until redis_scout_close(). */
struct redis_scout_conf {
    uv_loop_t *loop;
    const struct redis_seeds *seeds;
    const char *master;       /* what sentinels call it; NULL: the seeds are nodes of a cluster */
    struct tls_client *tls;   /* NULL: plain */
    struct redis_login login; /* for the servers asked: sentinels have users of their own */
    const struct redis_map *map; /* the newest: its nodes are asked when no seed answers */
    const struct clock *clock;
    const struct rng *rng;
    void (*on_map)(void *ctx, const struct redis_map *map); /* often the same as before */
    void (*on_lost)(void *ctx, const char *why);            /* all were asked once more, in vain */
    void (*on_dirty)(void *ctx); /* to be flushed before the loop waits */
    void *ctx;
};

int redis_scout_create(const struct redis_scout_conf *conf, struct err_slot *err,
                       struct redis_scout **out);
/* Something is wrong with the map: ask now, and often for some seconds. */
void redis_scout_hurry(struct redis_scout *scout);
/* A server that the map names is in a part of the cluster that has no majority. The server that
 * named it may be in that part, too: another one is asked next. */
void redis_scout_move_on(struct redis_scout *scout);
void redis_scout_flush(struct redis_scout *scout);
void redis_scout_close(struct redis_scout *scout); /* silent from here on; the loop frees it */

#endif
