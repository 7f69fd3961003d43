/* reconcile.h: does everybody agree? Each minute it compares the provider's own list of events, the
 * seats that seat-service has sold, our orders, tickets and sagas, and what the shop has accepted:
 * what has changed since the last run, what disagreed then, and the next slice of everything.
 * Whatever disagrees, and has had time to agree, is drift: counted in a metric, listed and
 * explained. The right number is 0. Of all processes of a database one compares at a time; what
 * it found is in the database, for all of them. */
#ifndef FG_PAY_RECONCILE_H
#define FG_PAY_RECONCILE_H

#include "outcall/outcall.h"
#include "pg/pg_pool.h"
#include "psp/psp.h"
#include "psp/seats_map.h"
#include "settings.h"

enum {
    DRIFT_NAME_LEN = 16,    /* what pay.drift_name() gives */
    DRIFT_REASON_MAX = 200, /* as any reason of an operator */
};

struct reconcile_stats {
    _Atomic uint64_t drift;        /* gauge: found by the last run, whichever process made it */
    _Atomic uint64_t accepted;     /* gauge: found besides, and accepted by an operator */
    _Atomic uint64_t last_s;       /* gauge: when that ended, unix time */
    _Atomic uint64_t seats_age_s;  /* gauge: how long ago the last event in turn was compared */
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
    const char *instance;               /* of this process, never "" */
    uint32_t shop_per_s;
    const struct clock *clock;
    struct logger *log;
};

int reconcile_create(const struct reconcile_conf *conf, struct err_slot *err,
                     struct reconcile **out);
/* From now on, this many calls to the shop a second, together with its messages. */
void reconcile_use_pace(struct reconcile *reconcile, uint32_t shop_per_s);
void reconcile_tick(struct reconcile *reconcile); /* each 100 ms */
void reconcile_close(struct reconcile *reconcile);
const struct reconcile_stats *reconcile_stats(const struct reconcile *reconcile);

/* Starts a run now; on_done is called when its report is stored (sql_reconcile_report). ERR_STATE,
 * from here or there: another run is under way, or has taken over. */
int reconcile_now(struct reconcile *reconcile, void (*on_done)(void *ctx, int rc), void *ctx);

#endif
