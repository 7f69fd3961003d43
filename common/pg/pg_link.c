/* pg_link.c: the two decisions about libpq that must not differ between pg.c and pg_pool.c: how
 * a connection is set up, and what a result means.
 *
 * Setting up: the character set is fixed, notices are dropped instead of printed, and TCP
 * keepalives, and a bound on what stays unacknowledged, notice within seconds that a server has
 * vanished without a word. Of several hosts libpq turns to the next one only when one refuses. One
 * that takes the connection and says nothing (stopped, or its machine gone) would be waited for,
 * again at each attempt: so each attempt begins at another host, and its caller gives it a bounded
 * time.
 *
 * Judging: an error of the server is an answer, but one of class 57P announces the end of the
 * connection, and after it nobody knows whether the last statement took effect. That is why it
 * counts as closed. So does an error that libpq makes by itself, since it had no memory for the
 * answer or could not read it: the server may have done what it was asked. */
#include "pg/pg_link.h"

#include "base/err.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* "Relation exists, skipping", or a last word before the server ends: nothing to act on, and never
 * for stderr. */
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

/* The value of a word of the connection string; NULL where it says nothing about it. */
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

/* The list from its item number `first` on, then what stood before. NULL: it is to stay as it is,
 * for it has not one item for each host, or there is no room. */
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

/* What follows the connection string wins over what it says; what is NULL leaves it alone. A peer
 * that vanished without a FIN is noticed by TCP within a second, be it asked to connect (a SYN is
 * not acknowledged either) or under a statement, and within two at rest; on a unix socket these
 * settings are ignored. */
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

/* Of its own, and not because another statement of the pipeline failed. */
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
     * message arrives before the end of the stream does; what was under way is open. */
    return strncmp(sqlstate, "57P", 3) == 0 ? ERR_CLOSED : ERR_PEER;
}
