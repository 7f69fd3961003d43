/* ended_table.h: what shuts passes out before their time, as PostgreSQL keeps it: sessions that
 * were ended, and events that were made again. On one connection and the thread that owns it;
 * errors are pg.h's. */
#ifndef FG_SEAT_SERVICE_ENDED_TABLE_H
#define FG_SEAT_SERVICE_ENDED_TABLE_H

#include "pg/pg.h"
#include "rim_limits.h"

struct ended_row {
    uint64_t session; /* hash */
    uint64_t until_s; /* since 1970 */
};

/* At most ENDINGS_MAX; again is no mistake. */
int ended_table_write(struct pg *pg, const struct ended_row *rows, uint32_t len,
                      struct err_slot *err);
/* Those that still count and came after *seen, which moves on; the first time 0. Some come twice:
 * two processes that write at once are not seen in the order of their numbers. */
int ended_table_read(struct pg *pg, uint64_t *seen,
                     void (*on_row)(void *ctx, const struct ended_row *row), void *ctx,
                     struct err_slot *err);

struct renewed_row {
    const char *event; /* its id; borrowed */
    uint64_t incarnation;
};

/* Events that were made again, at most EVENTS_MAX. An earlier incarnation than the table has
 * changes nothing. */
int ended_table_renew(struct pg *pg, const struct renewed_row *rows, uint32_t len,
                      struct err_slot *err);

#endif
