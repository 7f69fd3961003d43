/* order_watch.h: requests that wait for an order to change: a POST that wants to answer with the
 * payment, and streams. Moves stored by this loop's worker are seen at once, those of other
 * processes by polling. Bounded by ORDER_WATCH_MAX. */
#ifndef FG_PAY_ORDER_WATCH_H
#define FG_PAY_ORDER_WATCH_H

#include "core/saga/saga_engine.h"
#include "http/http.h"
#include "pg/pg_pool.h"
#include "web/site.h"

struct watches;

struct order_watches_conf {
    struct pg_pool *pg; /* borrowed, as is `site` */
    const struct site *site;
    const struct clock *clock;
};

struct order_watches_stats {
    _Atomic uint64_t looks; /* statements that polled for changes */
};

int order_watches_create(const struct order_watches_conf *conf, struct err_slot *err,
                         struct watches **out);
void order_watches_close(struct watches *watches);

/* on_ready is called once: when the saga reaches the point where the buyer can pay, when it has
 * turned back, or after timeout_ms. ERR_FULL: too many waiters; on_ready is not called. */
int order_watches_payment(struct watches *watches, uint64_t saga, uint32_t timeout_ms,
                          void (*on_ready)(void *ctx), void *ctx);
/* Answers the request with a stream of the order that starts with `first`. */
void order_watches_stream(struct watches *watches, struct http_req *req, const char *order,
                          struct http_blob *first);
void order_watches_on_stored(struct watches *watches, const struct saga_row *row,
                             const struct saga_move *move);
const struct order_watches_stats *order_watches_stats(const struct watches *watches);
/* Every 100 ms. */
void order_watches_tick(struct watches *watches);

#endif
