/* reconcile.h: compares all books every minute: the provider's own list of events, the seats sold
 * by seat-service, our orders, tickets and sagas, and what the shop has accepted. A run covers what
 * changed since the last run, what disagreed then, and the next slice of everything. A disagreement
 * that outlasts the grace period is drift: counted in a metric, listed and explained. The right
 * number is 0. One process per database compares at a time; its results are in the database, for
 * all of them. */
#ifndef FG_PAY_RECONCILE_H
#define FG_PAY_RECONCILE_H

#include "outcall/outcall.h"
#include "pg/pg_pool.h"
#include "psp/psp.h"
#include "psp/seats_map.h"
#include "settings.h"

enum {
    DRIFT_NAME_LEN = 16,    /* length of pay.drift_name() */
    DRIFT_REASON_MAX = 200, /* as for every operator's reason */
};

struct reconcile_stats {
    _Atomic uint64_t drift;        /* gauge: found by the last run, whichever process made it */
    _Atomic uint64_t accepted;     /* gauge: also found, and accepted by an operator */
    _Atomic uint64_t last_s;       /* gauge: when the last run ended, unix time */
    _Atomic uint64_t seats_age_s;  /* gauge: age of the oldest comparison of an event */
    _Atomic uint64_t runs, broken; /* of this process */
};

struct reconcile;

struct reconcile_conf { /* all borrowed until reconcile_close() */
    struct pg_pool *pg;
    struct outcalls *outcalls;
    const struct settings *settings;
    struct seats_map *seats_map;
    struct psp *psps; /* the providers in use */
    uint32_t psps_len;
    const char *seats_token, *shop_key; /* current; "": none */
    const char *instance;               /* of this process; not "" */
    uint32_t shop_per_s;
    const struct clock *clock;
    struct logger *log;
};

int reconcile_create(const struct reconcile_conf *conf, struct err_slot *err,
                     struct reconcile **out);
/* Limits calls to the shop to this many per second, together with its messages. */
void reconcile_use_pace(struct reconcile *reconcile, uint32_t shop_per_s);
void reconcile_tick(struct reconcile *reconcile); /* every 100 ms */
void reconcile_close(struct reconcile *reconcile);
const struct reconcile_stats *reconcile_stats(const struct reconcile *reconcile);

/* Starts a run now; on_done is called when its report is stored (sql_reconcile_report). ERR_STATE,
 * returned or passed to on_done: another run is in progress, or has taken over. */
int reconcile_now(struct reconcile *reconcile, void (*on_done)(void *ctx, int rc), void *ctx);

#endif
