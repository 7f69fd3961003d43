/* archived.c: the archiver's statistics, by common/pg/archive.sql. */
#include "tables/archived.h"

#include "tables/statements.h"

int archived_read(struct pg *pg, struct err_slot *err, struct archived *out)
{
    PGresult *res;
    int rc = sql_server_archive(pg, err, &res);
    if (rc < 0)
        return err_wrap(err, "looking at the archive of the log");
    struct sql_server_archive_row row = sql_server_archive_row(res, 0);
    *out = (struct archived){.failures = row.failures, .late_ms = row.late_ms};
    PQclear(res);
    return 0;
}
