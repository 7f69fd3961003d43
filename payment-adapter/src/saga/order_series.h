/* order_series.h: orders and errors over time, for the operator's charts. They are stored in the
 * database, so they survive restarts and every process shows the same. */
#ifndef FG_PAY_ORDER_SERIES_H
#define FG_PAY_ORDER_SERIES_H

#include "pg/pg_pool.h"

struct order_series;

struct order_series_conf { /* all borrowed until order_series_destroy() */
    struct pg_pool *pg;
    struct logger *log;
    /* This loop's own counters: 5xx answers, and messages without an answer from the shop. */
    const _Atomic uint64_t *errors, *unanswered;
    bool counts_sagas; /* true on one loop */
};

int order_series_create(const struct order_series_conf *conf, struct err_slot *err,
                        struct order_series **out);
void order_series_tick(struct order_series *series);    /* every 100 ms */
void order_series_destroy(struct order_series *series); /* after the database was closed */

#endif
