/* statements_test.c: a real server describes each statement as the structs of sql/statements do:
 * types of arguments, names and types of columns. */
#include "pg_fixture.h"
#include "statement_shape.h"
#include "tables/migrate.h"
#include "tables/statements.h"
#include "unit.h"

static void statement_takes_and_gives_what_its_structs_have(void **state)
{
    (void)state;
    struct pg_fixture *server = pg_fixture_start();
    struct err_slot err = {0};
    struct pg_conf conf = {pg_fixture_dsn(server), "test", MIGRATE_SCHEMA, 5000, 5000};
    struct pg *pg;
    assert_int_equal(0, pg_open(&conf, &err, &pg));
    assert_int_equal(0, migrate_run(pg, &err));
    PGconn *pq = PQconnectdb(pg_fixture_dsn(server));
    PQclear(PQexec(pq, "SET search_path = " MIGRATE_SCHEMA));
#define STATEMENT(NAME, SQL, TAKES, GIVES) statement_shape_assert(pq, NAME, SQL, TAKES, GIVES);
#include "seat-service/sql/statements.test.inc"
    PQfinish(pq);
    pg_close(pg);
    pg_fixture_end(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statement_takes_and_gives_what_its_structs_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
