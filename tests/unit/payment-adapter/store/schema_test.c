/* schema_test.c: the payment adapter's schema, made and found again; and one that a program made
 * which did not yet keep checksums. */
#include "unit.h"

#include "store/database.h"
#include "store/schema.h"

static void database_without_checksums_is_upgraded(void **state)
{
    (void)state;
    struct pg_fixture *server = pg_fixture_start();
    database_apply(server);
    struct pg *pg = database_open(server);
    int64_t steps = database_number(pg, "SELECT max(step) FROM pay.migration");
    database_run(pg, "CREATE TABLE before AS SELECT step, applied_at FROM pay.migration;"
                     "DROP TABLE pay.migration;"
                     "CREATE TABLE pay.migration ("
                     "  step integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());"
                     "INSERT INTO pay.migration SELECT * FROM before");
    database_apply(server);
    database_apply(server);
    assert_int_equal(steps, database_number(pg, "SELECT count(*) FROM pay.migration m JOIN before b"
                                                " USING (step, applied_at)"
                                                " WHERE octet_length(m.checksum) = 32"));
    pg_close(pg);
    pg_fixture_end(server);
}

static void newer_database_is_refused(void **state)
{
    (void)state;
    struct pg_fixture *server = pg_fixture_start();
    struct err_slot err;
    database_apply(server);
    struct pg *pg = database_open(server);
    database_run(
        pg, "INSERT INTO pay.migration SELECT max(step) + 1, 'later', '\\x00' FROM pay.migration");
    assert_int_equal(ERR_STATE, schema_apply(pg_fixture_dsn(server), &err));
    assert_says(&err, "newer than this program");
    pg_close(pg);
    pg_fixture_end(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(database_without_checksums_is_upgraded),
        cmocka_unit_test(newer_database_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
