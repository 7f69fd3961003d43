/* database.h: the adapter's schema in the test's own PostgreSQL. */
#ifndef FG_TEST_DATABASE_H
#define FG_TEST_DATABASE_H

#include "pg/pg.h"
#include "pg_fixture.h"

void database_apply(void);      /* creates the schema */
struct pg *database_open(void); /* all statements are prepared on it */

#endif
