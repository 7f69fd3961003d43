/* webhooks.h: stores providers' events, many in one commit: those of one loop turn go together, and
 * the next ones gather meanwhile. One per loop, on that loop's thread. */
#ifndef FG_PAY_WEBHOOKS_H
#define FG_PAY_WEBHOOKS_H

#include "pg/pg_pool.h"
#include "psp/psp.h"

#include <uv.h>

struct webhooks;

struct webhooks_conf {
    uv_loop_t *loop; /* borrowed, as are the pointers below */
    struct pg_pool *pg;
    const struct clock *clock;
    struct psp_shared *psp;      /* records when each provider was last heard */
    void (*on_woken)(void *ctx); /* the saga worker has work */
    void *ctx;
};

struct webhooks_stats {
    _Atomic uint64_t good, bad, repeated, strange;
};

int webhooks_create(const struct webhooks_conf *conf, struct err_slot *err, struct webhooks **out);
/* Call it before closing the database, whose last answers may still arrive; NULL is fine. */
void webhooks_close(struct webhooks *webhooks);
const struct webhooks_stats *webhooks_stats(const struct webhooks *webhooks);

#endif
