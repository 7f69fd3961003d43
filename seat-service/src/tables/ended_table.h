/* ended_table.h: what invalidates passes before they expire, as stored in PostgreSQL: sessions that
 * were ended, and events that were created again. On one connection and the thread that owns it;
 * errors are pg.h's. */
#ifndef FG_SEAT_SERVICE_ENDED_TABLE_H
#define FG_SEAT_SERVICE_ENDED_TABLE_H

#include "pg/pg.h"
#include "rim_limits.h"

struct ended_row {
    uint64_t session; /* hash */
    uint64_t until_s; /* since 1970 */
};

/* At most ENDINGS_MAX; repeating is harmless. */
int ended_table_write(struct pg *pg, const struct ended_row *rows, uint32_t len,
                      struct err_slot *err);
/* Those that still count and came after *seen, which moves on; 0 the first time. Some come twice,
 * because rows of concurrent writers do not appear in the order of their numbers. */
int ended_table_read(struct pg *pg, uint64_t *seen,
                     void (*on_row)(void *ctx, const struct ended_row *row), void *ctx,
                     struct err_slot *err);

struct renewed_row {
    const char *event; /* its id; borrowed */
    uint64_t incarnation;
};

/* Events that were created again, at most EVENTS_MAX. An incarnation older than the table's changes
 * nothing. */
int ended_table_renew(struct pg *pg, const struct renewed_row *rows, uint32_t len,
                      struct err_slot *err);

#endif
