/* statements_test.c: the schema and the statements against a real server. The server must describe
 * each statement as the structs of sql/statements do: argument types, column names and types. */
#include "pg_fixture.h"
#include "statement_shape.h"
#include "tables/migrate.h"
#include "tables/statements.h"
#include "unit.h"

static struct pg *pg;

TEST_CASE(schema_is_migrated_only_once)
{
    struct err_slot err;
    unit_must(migrate_run(pg, &err), &err);
    assert_int_equal(1, pg_fixture_number(pg, "SELECT count(*) FROM migration"));
}

TEST_CASE(journal_is_append_only)
{
    static const char *const attempts[] = {"UPDATE journal SET kind = 0", "DELETE FROM journal",
                                           "TRUNCATE journal"};
    for (unsigned i = 0; i < 3; i++) {
        struct err_slot err = {0};
        assert_int_equal(ERR_PEER, pg_run(pg, attempts[i], &err));
        assert_says(&err, "append-only");
    }
}

TEST_CASE(statement_parameters_and_columns_match_its_structs)
{
    PGconn *pq = PQconnectdb(pg_fixture_dsn());
    PQclear(PQexec(pq, "SET search_path = " MIGRATE_SCHEMA));
#define STATEMENT(NAME, SQL, TAKES, GIVES) statement_shape_assert(pq, NAME, SQL, TAKES, GIVES);
#include "seat-service/sql/statements.test.inc"
    PQfinish(pq);
}

static void open_database(void)
{
    struct err_slot err;
    pg = pg_fixture_open(MIGRATE_SCHEMA);
    unit_must(migrate_run(pg, &err), &err);
}

static void close_database(void)
{
    pg_close(pg);
}

UNIT_BETWEEN(open_database, close_database)
