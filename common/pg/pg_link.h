/* pg_link.h: shared by one connection on a thread (pg.h) and many on a loop (pg_pool.h): how a
 * connection is opened, and what a result of the server means. For them alone. */
#ifndef FG_PG_LINK_H
#define FG_PG_LINK_H

#include <libpq-fe.h>

enum { PG_SQLSTATE_BYTES = 6 };

enum { PG_LINK_HOSTS_MAX = 8 }; /* in one connection string: primary, replicas, and spare */

/* How long a host may take to accept the connection, before the PostgreSQL protocol starts: a dead
 * machine stays silent, a live one answers within a round trip. */
enum { PG_LINK_REACH_MS = 500 };

/* The number of hosts in the connection string; 1 if it is invalid. */
unsigned pg_link_hosts(const char *conninfo);

/* Starts to connect, without waiting, at host number `first` modulo their count, then the following
 * ones in turn. `app` is the name in pg_stat_activity, `options` are session settings (each "-c
 * name=value"); either may be NULL. Returns libpq's connection, or NULL without memory; check
 * PQstatus() and end with PQfinish(). */
PGconn *pg_link_start(const char *conninfo, const char *app, const char *options, unsigned first);

/* Returns 0; ERR_PEER with the sqlstate for an error of the server; ERR_CLOSED if the connection is
 * gone or the result could not be read: the outcome of all statements under way is then unknown. */
int pg_link_judge(const PGconn *conn, const PGresult *res, char sqlstate[PG_SQLSTATE_BYTES]);

#endif
