/* database.h: a connection to the test's own PostgreSQL with our schema; each call fails the test
 * with the server's words. */
#ifndef FG_TEST_DATABASE_H
#define FG_TEST_DATABASE_H

#include "pg/pg.h"
#include "pg_fixture.h"

void database_apply(const struct pg_fixture *server); /* the schema */
struct pg *database_open(const struct pg_fixture *server);
void database_run(struct pg *pg, const char *sql);
/* To be cleared by the caller. */
PGresult *database_query(struct pg *pg, const char *sql);
/* The only integer of the only row. */
int64_t database_number(struct pg *pg, const char *sql);
void database_prepare(struct pg *pg, int statement); /* enum statement */

#endif
