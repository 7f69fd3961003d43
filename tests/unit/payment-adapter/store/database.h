/* database.h: our schema in the test's own PostgreSQL. */
#ifndef FG_TEST_DATABASE_H
#define FG_TEST_DATABASE_H

#include "pg/pg.h"
#include "pg_fixture.h"

void database_apply(void);                           /* the schema */
void database_prepare(struct pg *pg, int statement); /* enum statement */

#endif
