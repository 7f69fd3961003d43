/* archived.h: how the archive of PostgreSQL's log is doing, from which a lost server is restored
 * (docs/operate/recover.md). On one connection and the thread that owns it; errors are pg.h's. */
#ifndef FG_SEAT_SERVICE_ARCHIVED_H
#define FG_SEAT_SERVICE_ARCHIVED_H

#include "pg/pg.h"

struct archived {
    uint64_t failures; /* ever; starts again when the server's statistics do */
    uint64_t late_ms; /* since the last file was kept, while there is one to keep; 0: there is none,
                       * or the server keeps no archive */
};

int archived_read(struct pg *pg, struct err_slot *err, struct archived *out);

#endif
