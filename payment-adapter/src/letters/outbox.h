/* outbox.h: finished orders on their way to the shop: at its pace, each at least once with an
 * idempotency key that makes it exactly once, and in sequence for each customer. What the shop does
 * not take today it gets tomorrow; rows wait in the database, not in memory. */
#ifndef FG_PAY_OUTBOX_H
#define FG_PAY_OUTBOX_H

#include "outcall/outcall.h"
#include "pg/pg_pool.h"
#include "settings.h"

struct outbox_stats {
    _Atomic uint64_t sent, refused, unanswered;
};

struct outbox;

struct outbox_conf { /* all borrowed until outbox_close() */
    struct pg_pool *pg;
    struct outcalls *outcalls;
    const struct settings *settings;
    const char *key; /* the shop's, current */
    uint32_t per_s;
    const struct clock *clock;
    const struct rng *rng;
    struct logger *log;
    struct tracer *tracer; /* NULL: not traced */
};

int outbox_create(const struct outbox_conf *conf, struct err_slot *err, struct outbox **out);
/* From now on, this many orders a second. */
void outbox_use_pace(struct outbox *outbox, uint32_t per_s);
void outbox_tick(struct outbox *outbox); /* each 100 ms */
void outbox_close(struct outbox *outbox);
const struct outbox_stats *outbox_stats(const struct outbox *outbox);

#endif
