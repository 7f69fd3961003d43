/* schema_test.c: the payment adapter's schema, made and found again; and one that a program made
 * which did not yet keep checksums. */
#include "unit.h"

#include "pg/pg.h"
#include "pg_fixture.h"
#include "store/schema.h"

static struct pg *open_pg(const struct pg_fixture *server)
{
    struct pg_conf conf = {pg_fixture_dsn(server), "test", NULL, 5000, 5000};
    struct err_slot err = {0};
    struct pg *pg = NULL;
    if (pg_open(&conf, &err, &pg) < 0)
        fail_msg("%s", err.text);
    return pg;
}

static void apply(const struct pg_fixture *server)
{
    struct err_slot err;
    if (schema_apply(pg_fixture_dsn(server), &err) < 0)
        fail_msg("%s", err.text);
}

static void run(struct pg *pg, const char *sql)
{
    struct err_slot err;
    if (pg_run(pg, sql, &err) < 0)
        fail_msg("%s", err.text);
}

static int number(struct pg *pg, const char *sql)
{
    struct err_slot err;
    PGresult *res;
    if (pg_query(pg, sql, NULL, &err, &res) < 0)
        fail_msg("%s", err.text);
    int n = pg_i32(res, 0, 0);
    PQclear(res);
    return n;
}

static void a_database_from_before_checksums_goes_on(void **state)
{
    (void)state;
    struct pg_fixture *server = pg_fixture_start();
    apply(server);
    struct pg *pg = open_pg(server);
    int steps = number(pg, "SELECT max(step) FROM pay.migration");
    run(pg, "CREATE TABLE before AS SELECT step, applied_at FROM pay.migration;"
            "DROP TABLE pay.migration;"
            "CREATE TABLE pay.migration ("
            "  step integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());"
            "INSERT INTO pay.migration SELECT * FROM before");
    apply(server);
    apply(server);
    assert_int_equal(steps, number(pg, "SELECT count(*)::integer FROM pay.migration m JOIN before b"
                                       " USING (step, applied_at)"
                                       " WHERE octet_length(m.checksum) = 32"));
    pg_close(pg);
    pg_fixture_end(server);
}

static void a_database_that_is_newer_is_refused(void **state)
{
    (void)state;
    struct pg_fixture *server = pg_fixture_start();
    struct err_slot err;
    apply(server);
    struct pg *pg = open_pg(server);
    run(pg, "INSERT INTO pay.migration SELECT max(step) + 1, 'later', '\\x00' FROM pay.migration");
    assert_int_equal(ERR_STATE, schema_apply(pg_fixture_dsn(server), &err));
    assert_says(&err, "newer than this program");
    pg_close(pg);
    pg_fixture_end(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_database_from_before_checksums_goes_on),
        cmocka_unit_test(a_database_that_is_newer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
