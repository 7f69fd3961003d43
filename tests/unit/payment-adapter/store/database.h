/* database.h: the adapter's schema in the test's own PostgreSQL. */
#ifndef FG_TEST_DATABASE_H
#define FG_TEST_DATABASE_H

#include "pg/pg.h"
#include "pg_fixture.h"

void database_apply(void);                           /* creates the schema */
void database_prepare(struct pg *pg, int statement); /* statement is an enum statement */

#endif
