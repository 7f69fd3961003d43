/* pg_link.c: two decisions about libpq that must be the same in pg.c and pg_pool.c: how a
 * connection is set up, and what a result means.
 *
 * Setup: the character set is fixed, and notices are dropped instead of printed. TCP keepalives and
 * a limit on unacknowledged data detect within seconds that a server has vanished. Of several hosts
 * libpq tries the next one only when one refuses. A host that accepts but never answers (stopped,
 * or its machine gone) would block each attempt: so each attempt begins at another host, and its
 * caller bounds its time.
 *
 * Results: an error of the server is an answer, but one of class 57P announces the end of the
 * connection, and the outcome of the last statement is unknown. So it counts as closed. The same
 * goes for an error that libpq makes itself, since it had no memory for the answer or could not
 * read it: the server may have executed the statement. */
#include "pg/pg_link.h"

#include "base/err.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* "Relation exists, skipping", or a last message before the server ends: nothing to act on, and
 * must not reach stderr. */
static void on_notice(void *ctx, const PGresult *res)
{
    (void)ctx;
    (void)res;
}

static unsigned commas(const char *list)
{
    unsigned count = 0;
    for (; *list != '\0'; list++)
        count += *list == ',';
    return count;
}

/* The value of a keyword in the connection string; NULL if it is not set. */
static const char *said_of(const PQconninfoOption *said, const char *keyword)
{
    for (; said != NULL && said->keyword != NULL; said++) {
        if (strcmp(said->keyword, keyword) == 0)
            return said->val;
    }
    return NULL;
}

static unsigned hosts_in(const PQconninfoOption *said)
{
    const char *hosts = said_of(said, "hostaddr");
    if (hosts == NULL)
        hosts = said_of(said, "host");
    return hosts != NULL ? commas(hosts) + 1 : 1;
}

/* The list rotated to begin at item number `first`. Returns NULL to leave it unchanged: `first` is
 * 0, it does not have one item per host, or there is no room. */
static const char *turned(const char *list, unsigned hosts, unsigned first, char *out, size_t cap)
{
    if (list == NULL || commas(list) + 1 != hosts || strlen(list) >= cap)
        return NULL;
    const char *from = list;
    for (unsigned i = 0; i < first; i++)
        from = strchr(from, ',') + 1;
    if (from == list)
        return NULL;
    snprintf(out, cap, "%s,%.*s", from, (int)(from - list - 1), list);
    return out;
}

unsigned pg_link_hosts(const char *conninfo)
{
    PQconninfoOption *said = PQconninfoParse(conninfo, NULL);
    unsigned hosts = hosts_in(said);
    PQconninfoFree(said);
    return hosts <= PG_LINK_HOSTS_MAX ? hosts : PG_LINK_HOSTS_MAX;
}

/* Parameters after the connection string override it; NULL ones do not. TCP detects a peer that
 * vanished without a FIN within a second while connecting (the SYN is not acknowledged) or during a
 * statement, and within two when idle; on a unix socket these settings are ignored. */
PGconn *pg_link_start(const char *conninfo, const char *app, const char *options, unsigned first)
{
    char host[1024], hostaddr[1024], port[256];
    PQconninfoOption *said = PQconninfoParse(conninfo, NULL);
    unsigned hosts = hosts_in(said);
    first %= hosts;
    static const char *const keys[] = {"dbname",
                                       "application_name",
                                       "options",
                                       "client_encoding",
                                       "keepalives",
                                       "keepalives_idle",
                                       "keepalives_interval",
                                       "keepalives_count",
                                       "tcp_user_timeout",
                                       "host",
                                       "hostaddr",
                                       "port",
                                       NULL};
    const char *const values[] = {
        conninfo,
        app,
        options,
        "UTF8",
        "1",
        "1",
        "1",
        "2",
        "1000",
        turned(said_of(said, "host"), hosts, first, host, sizeof(host)),
        turned(said_of(said, "hostaddr"), hosts, first, hostaddr, sizeof(hostaddr)),
        turned(said_of(said, "port"), hosts, first, port, sizeof(port)),
        NULL};
    PQconninfoFree(said);
    PGconn *conn = PQconnectStartParams(keys, values, 1);
    if (conn != NULL)
        PQsetNoticeReceiver(conn, on_notice, NULL);
    return conn;
}

/* An error of its own, not one caused by another statement of the pipeline. */
static bool is_error(const PGresult *res)
{
    ExecStatusType status = PQresultStatus(res);
    return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE;
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
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    if (PQstatus(conn) == CONNECTION_BAD || (state == NULL && is_error(res)))
        return ERR_CLOSED;
    snprintf(sqlstate, PG_SQLSTATE_BYTES, "%s", state != NULL ? state : "XX000");
    /* Class 57P: the backend is being ended (by an operator, a crash elsewhere, a shutdown). The
     * message arrives before the end of the stream; the outcome of statements under way is
     * unknown. */
    return strncmp(sqlstate, "57P", 3) == 0 ? ERR_CLOSED : ERR_PEER;
}
