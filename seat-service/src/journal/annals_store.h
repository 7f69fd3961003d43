/* annals_store.h: what is kept beside the journal, as PostgreSQL has it: rows of `ended_session`
 * and of `counted`. All on one connection and the thread that owns it; errors are pg.h's. */
#ifndef FG_SEAT_SERVICE_ANNALS_STORE_H
#define FG_SEAT_SERVICE_ANNALS_STORE_H

#include "pg/pg.h"
#include "rim_limits.h"

struct ended_row {
    uint64_t session; /* hash */
    uint64_t until_s; /* since 1970 */
};

/* At most ENDINGS_MAX; again is no mistake. */
int ended_write(struct pg *pg, const struct ended_row *rows, uint32_t len, struct err_slot *err);
/* Those that still count and came after *seen, which moves on; the first time 0. Some come twice:
 * two processes that write at once are not seen in the order of their numbers. */
int ended_read(struct pg *pg, uint64_t *seen,
               void (*on_row)(void *ctx, const struct ended_row *row), void *ctx,
               struct err_slot *err);

struct counted_row {
    const char *event; /* its id; borrowed. Not set by counted_read() */
    uint64_t at_ms;
    uint32_t free, held, sold, blocked;
    uint64_t errors;
};

/* One point each of several events. Of each the newest `keep` times SERIES_MS stay. */
int counted_write(struct pg *pg, const struct counted_row *rows, uint32_t len, uint32_t keep,
                  struct err_slot *err);
/* The newest `room` of an event, in order of time. */
int counted_read(struct pg *pg, struct span event, struct counted_row *out, uint32_t room,
                 struct err_slot *err, uint32_t *len);

#endif
