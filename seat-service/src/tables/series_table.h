/* series_table.h: counts over time, as stored in PostgreSQL. On one connection and the thread that
 * owns it; errors are pg.h's. */
#ifndef FG_SEAT_SERVICE_SERIES_TABLE_H
#define FG_SEAT_SERVICE_SERIES_TABLE_H

#include "pg/pg.h"
#include "rim_limits.h"

struct counted_row {
    const char *event; /* its id; borrowed. Not set by series_table_read() */
    uint64_t at_ms;
    uint32_t free, held, sold, blocked;
    uint64_t errors;
};

/* One point each of several events. Of each the newest `keep` times SERIES_MS stay. */
int series_table_write(struct pg *pg, const struct counted_row *rows, uint32_t len, uint32_t keep,
                       struct err_slot *err);
/* The newest `room` of an event, in order of time. */
int series_table_read(struct pg *pg, struct span event, struct counted_row *out, uint32_t room,
                      struct err_slot *err, uint32_t *len);

#endif
