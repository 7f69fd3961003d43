/* redis_scout.h: finds out who is in charge, and goes on asking: the nodes of a cluster for their
 * slots, or sentinels for the master's address. One of them is asked at a time, over one connection
 * of its own; when it is gone or has nothing to say it is the next one's turn.
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
    struct redis_login login; /* to whom is asked: sentinels have users of their own */
    const struct redis_map *map; /* the newest: its nodes are asked when no seed answers */
    const struct clock *clock;
    const struct rng *rng;
    void (*on_map)(void *ctx, const struct redis_map *map); /* often the same as before */
    void (*on_lost)(void *ctx, const char *why);            /* all were asked in vain, once more */
    void (*on_dirty)(void *ctx); /* to be flushed before the loop waits */
    void *ctx;
};

int redis_scout_create(const struct redis_scout_conf *conf, struct err_slot *err,
                       struct redis_scout **out);
/* Something is amiss with the map: ask now, and often for some seconds. */
void redis_scout_hurry(struct redis_scout *scout);
void redis_scout_flush(struct redis_scout *scout);
void redis_scout_close(struct redis_scout *scout); /* silent from here on; the loop frees it */

#endif
