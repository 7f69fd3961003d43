/* pg_link.c: the two decisions about libpq that must not differ between pg.c and pg_pool.c: how
 * a connection is set up, and what a result means.
 *
 * Setting up: the character set is fixed, notices are dropped instead of printed, and TCP
 * keepalives notice within seconds that a server has vanished without a word. Judging: an error
 * of the server is an answer, but one of class 57P announces the end of the connection, and
 * after it nobody knows whether the last statement took effect. That is why it counts as closed. */
#include "pg/pg_link.h"

#include "base/err.h"

#include <stdio.h>
#include <string.h>

/* "Relation exists, skipping", or a last word before the server ends: nothing to act on, and never
 * for stderr. */
static void on_notice(void *ctx, const PGresult *res)
{
    (void)ctx;
    (void)res;
}

/* What follows the connection string wins over what it says; what is NULL leaves it alone. A peer
 * that vanished without a FIN is noticed by TCP within some seconds; on a unix socket these
 * settings are ignored. */
PGconn *pg_link_start(const char *conninfo, const char *app, const char *options)
{
    static const char *const keys[] = {"dbname",
                                       "application_name",
                                       "options",
                                       "client_encoding",
                                       "keepalives",
                                       "keepalives_idle",
                                       "keepalives_interval",
                                       "keepalives_count",
                                       NULL};
    const char *const values[] = {conninfo, app, options, "UTF8", "1", "1", "1", "2", NULL};
    PGconn *conn = PQconnectStartParams(keys, values, 1);
    if (conn != NULL)
        PQsetNoticeReceiver(conn, on_notice, NULL);
    return conn;
}

int pg_link_judge(const PGconn *conn, const PGresult *res, char sqlstate[PG_SQLSTATE_BYTES])
{
    switch (PQresultStatus(res)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_PIPELINE_SYNC:
    case PGRES_COPY_OUT:
        return 0;
    default:
        break;
    }
    if (PQstatus(conn) == CONNECTION_BAD)
        return ERR_CLOSED;
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    snprintf(sqlstate, PG_SQLSTATE_BYTES, "%s", state != NULL ? state : "XX000");
    /* Class 57P: the backend is being ended (by an operator, a crash elsewhere, a shutdown). The
     * message arrives before the end of the stream does; what was under way is open. */
    return strncmp(sqlstate, "57P", 3) == 0 ? ERR_CLOSED : ERR_PEER;
}
