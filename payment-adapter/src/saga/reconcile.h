/* reconcile.h: does everybody agree? Each minute it compares the provider's own list of events, the
 * seats that seat-service has sold, our orders, tickets and sagas, and what the shop has accepted:
 * what has changed since the last run, what disagreed then, and the next slice of everything.
 * Whatever disagrees, and has had time to agree, is drift: counted in a metric, listed and
 * explained. The right number is 0. */
#ifndef FG_PAY_RECONCILE_H
#define FG_PAY_RECONCILE_H

#include "base/text.h"
#include "outcall/outcall.h"
#include "pg/pg_pool.h"
#include "psp/psp.h"
#include "psp/seats_map.h"
#include "settings.h"

struct reconcile_stats {
    _Atomic uint64_t drift; /* gauge: found by the last run */
    _Atomic uint64_t runs, broken;
    _Atomic uint64_t last_s; /* gauge: when the last complete run ended, unix time */
};

struct reconcile;

struct reconcile_conf { /* all borrowed until reconcile_close() */
    struct pg_pool *pg;
    struct outcalls *outcalls;
    const struct settings *settings;
    struct seats_map *seats_map;
    struct psp *const *psps; /* the providers in use */
    uint32_t psps_len;
    const char *seats_token, *shop_key; /* current; "": none */
    const struct clock *clock;
    struct logger *log;
};

int reconcile_create(const struct reconcile_conf *conf, struct err_slot *err,
                     struct reconcile **out);
void reconcile_tick(struct reconcile *reconcile); /* each 100 ms */
void reconcile_close(struct reconcile *reconcile);
const struct reconcile_stats *reconcile_stats(const struct reconcile *reconcile);

/* Starts a run now; on_done is called when it has ended. ERR_FULL: one is under way. */
int reconcile_now(struct reconcile *reconcile, void (*on_done)(void *ctx), void *ctx);
/* {"at","passed_at","drift":n,"items":[{"kind","order","payment","detail","means","todo"}],
 * "foreign":{"payments","amount"},"not_reached":[...]} */
void reconcile_put(const struct reconcile *reconcile, struct text *text);

#endif
