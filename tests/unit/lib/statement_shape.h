/* statement_shape.h: a statement's argument and column types according to a real server. */
#ifndef FG_TEST_STATEMENT_SHAPE_H
#define FG_TEST_STATEMENT_SHAPE_H

#include <libpq-fe.h>

/* The server accepts the statement, and describes it as `takes` ("bigint, text[]") and `gives`
 * ("id bigint, key text"); otherwise the test fails and prints both. */
void statement_shape_assert(PGconn *pq, const char *name, const char *sql, const char *takes,
                            const char *gives);

#endif
