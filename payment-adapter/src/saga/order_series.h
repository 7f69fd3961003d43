/* order_series.h: orders and errors over time, for the operator's charts. They are kept in the
 * database, so they survive restarts and every process shows the same. */
#ifndef FG_PAY_ORDER_SERIES_H
#define FG_PAY_ORDER_SERIES_H

#include "pg/pg_pool.h"

struct order_series;

struct order_series_conf { /* all borrowed until order_series_destroy() */
    struct pg_pool *pg;
    struct logger *log;
    /* What this loop counts itself: 5xx answers, and letters that the shop did not answer. */
    const _Atomic uint64_t *errors, *unanswered;
    bool counts_sagas; /* one loop does */
};

int order_series_create(const struct order_series_conf *conf, struct err_slot *err,
                        struct order_series **out);
void order_series_tick(struct order_series *series);    /* each 100 ms */
void order_series_destroy(struct order_series *series); /* after the database was closed */

#endif
