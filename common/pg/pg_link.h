/* pg_link.h: what one connection on a thread (pg.h) and many on a loop (pg_pool.h) have in common:
 * how a connection is begun, and what an answer of the server means. For them alone. */
#ifndef FG_PG_LINK_H
#define FG_PG_LINK_H

#include <libpq-fe.h>

enum { PG_SQLSTATE_BYTES = 6 };

enum { PG_LINK_HOSTS_MAX = 8 }; /* of one connection string: primary, replicas, and room */

/* How long a host may leave a connection unanswered, before any word of PostgreSQL: a machine that
 * is gone says nothing, one that is there answers within a round trip. */
enum { PG_LINK_REACH_MS = 500 };

/* How many hosts the connection string names: 1 if it is invalid. */
unsigned pg_link_hosts(const char *conninfo);

/* Begins to connect, without waiting, to host number `first` modulo their number, and goes on from
 * there round the list. `app` is how pg_stat_activity shows us, `options` are settings of the
 * session (each "-c name=value"); either may be NULL. The result is libpq's: NULL without memory,
 * else to be looked at with PQstatus() and to end with PQfinish(). */
PGconn *pg_link_start(const char *conninfo, const char *app, const char *options, unsigned first);

/* 0; ERR_PEER with the sqlstate where the server said no; ERR_CLOSED where it is gone, or its
 * answer could not be taken, and with it the outcome of everything that was under way. */
int pg_link_judge(const PGconn *conn, const PGresult *res, char sqlstate[PG_SQLSTATE_BYTES]);

#endif
