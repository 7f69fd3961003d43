/* pg_fixture.h: a PostgreSQL of the test's own, on a unix socket in a temporary folder. */
#ifndef FG_TEST_PG_FIXTURE_H
#define FG_TEST_PG_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

struct pg_fixture;

/* Fails the test if there is no server to be had. */
struct pg_fixture *pg_fixture_start(void);
void pg_fixture_end(struct pg_fixture *fixture); /* and removes the folder */
const char *pg_fixture_dsn(const struct pg_fixture *fixture);
const char *pg_fixture_dir(const struct pg_fixture *fixture); /* where its socket is */
/* A connection string of two hosts: one that takes connections and never says a word, as a stopped
 * server does, and the fixture. `silent` is to be closed in the end. */
void pg_fixture_behind_silence(const struct pg_fixture *fixture, char *dsn, size_t cap,
                               int *silent);
void pg_fixture_stop(struct pg_fixture *fixture);  /* "fast" */
void pg_fixture_again(struct pg_fixture *fixture); /* after a stop: answers when it answers */

#endif
