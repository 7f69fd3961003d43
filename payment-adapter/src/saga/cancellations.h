/* cancellations.h: refunds all orders of cancelled events. Each process looks for such an event
 * once a second. The event's row stores the progress, so any process continues where another one
 * stopped. */
#ifndef FG_PAY_CANCELLATIONS_H
#define FG_PAY_CANCELLATIONS_H

#include "core/checkout/checkout.h"
#include "pg/pg_pool.h"
#include "saga/worker.h"

/* How long a group of statements may take: all of its statements in turn. */
enum { CANCELLATIONS_GROUPS_MS = 150000 };

struct cancellations;

struct cancellations_conf { /* all borrowed until cancellations_destroy() */
    struct pg_pool *pg;
    const struct checkout *checkout;
    struct worker *worker;
    struct logger *log;
    uint32_t per_s; /* refunds that may begin per second */
};

int cancellations_create(const struct cancellations_conf *conf, struct err_slot *err,
                         struct cancellations **out);
void cancellations_tick(struct cancellations *all);    /* every 100 ms */
void cancellations_close(struct cancellations *all);   /* begins nothing more */
void cancellations_destroy(struct cancellations *all); /* after the database was closed */

#endif
