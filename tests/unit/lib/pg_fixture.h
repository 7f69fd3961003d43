/* pg_fixture.h: the test program's own PostgreSQL, on a unix socket in a temporary folder. It runs
 * from before the first test until after the last; without a server the tests do not run. */
#ifndef FG_TEST_PG_FIXTURE_H
#define FG_TEST_PG_FIXTURE_H

#include <libpq-fe.h>
#include <stddef.h>
#include <stdint.h>

const char *pg_fixture_dsn(void);
const char *pg_fixture_dir(void); /* the folder of its socket */
/* A connection string of two hosts: one that accepts connections and never responds, like a stopped
 * server, and the fixture. The caller closes `silent`. */
void pg_fixture_behind_silence(char *dsn, size_t cap, int *silent);
void pg_fixture_stop(void);  /* "fast" */
void pg_fixture_again(void); /* after a stop; returns before it responds */

/* Opens a connection with this search path; NULL: the default. These calls fail the test with the
 * server's error. */
struct pg *pg_fixture_open(const char *schema);
void pg_fixture_run(struct pg *pg, const char *sql);
PGresult *pg_fixture_query(struct pg *pg, const char *sql); /* cleared by the caller */
int64_t pg_fixture_number(struct pg *pg, const char *sql);  /* the only value; 0 if it is null */

#endif
