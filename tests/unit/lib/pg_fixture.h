/* pg_fixture.h: a PostgreSQL of the test program's own, on a unix socket in a temporary folder. It
 * runs before the first test and until after the last; without a server there is no test. */
#ifndef FG_TEST_PG_FIXTURE_H
#define FG_TEST_PG_FIXTURE_H

#include <libpq-fe.h>
#include <stddef.h>
#include <stdint.h>

const char *pg_fixture_dsn(void);
const char *pg_fixture_dir(void); /* where its socket is */
/* A connection string of two hosts: one that takes connections and never says a word, as a stopped
 * server does, and the fixture. `silent` is to be closed in the end. */
void pg_fixture_behind_silence(char *dsn, size_t cap, int *silent);
void pg_fixture_stop(void);  /* "fast" */
void pg_fixture_again(void); /* after a stop: answers when it answers */

/* A connection of which this is the search path; NULL: the usual one. These calls fail the test
 * with the server's words. */
struct pg *pg_fixture_open(const char *schema);
void pg_fixture_run(struct pg *pg, const char *sql);
PGresult *pg_fixture_query(struct pg *pg, const char *sql); /* the caller clears it */
int64_t pg_fixture_number(struct pg *pg, const char *sql);  /* of the only row; 0: it is null */

#endif
