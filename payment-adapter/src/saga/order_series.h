/* order_series.h: orders and errors over time, for the operator's charts: in the database, so that
 * they are there for whoever asks after the service was started again, and the same from each
 * process. */
#ifndef FG_PAY_ORDER_SERIES_H
#define FG_PAY_ORDER_SERIES_H

#include "pg/pg_pool.h"

struct order_series;

struct order_series_conf { /* all borrowed until order_series_destroy() */
    struct pg_pool *pg;
    struct logger *log;
    /* What this loop counts for itself: answers of 5xx, and letters that the shop kept silent to.
     */
    const _Atomic uint64_t *errors, *unanswered;
    bool counts_sagas; /* one loop does */
};

int order_series_create(const struct order_series_conf *conf, struct err_slot *err,
                        struct order_series **out);
void order_series_tick(struct order_series *series);    /* each 100 ms */
void order_series_destroy(struct order_series *series); /* after the database was closed */

#endif
