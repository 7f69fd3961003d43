/* pg_migrate_test.c: steps of a schema, against a real server. */
#include "unit.h"

#include "pg/pg_migrate.h"
#include "pg_fixture.h"

#include <string.h>

static struct pg_fixture *server;

static const struct pg_migrate_step steps[] = {
    {"001_house", "CREATE TABLE shop.house (id integer)"},
    {"002_door", "ALTER TABLE shop.house ADD COLUMN door text; INSERT INTO shop.house VALUES (1)"},
    {"003_wrong", "CREATE TABLE shop.garden (id integer); SELECT 1/0"},
};

static struct pg_migrate first(unsigned len)
{
    return (struct pg_migrate){"shop", 99, steps, len};
}

static struct pg *open_pg(void)
{
    struct pg_conf conf = {pg_fixture_dsn(server), "test", NULL, 5000, 5000};
    struct err_slot err = {0};
    struct pg *pg = NULL;
    if (pg_open(&conf, &err, &pg) < 0)
        fail_msg("%s", err.text);
    return pg;
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

static int migrate(struct pg *pg, unsigned len, struct err_slot *err)
{
    struct pg_migrate known = first(len);
    return pg_migrate_run(pg, &known, err);
}

static void must_migrate(struct pg *pg, unsigned len)
{
    struct err_slot err;
    if (migrate(pg, len, &err) < 0)
        fail_msg("%s", err.text);
}

static void a_step_is_applied_once_and_later_ones_after_it(void **state)
{
    struct pg *pg = *state;
    must_migrate(pg, 1);
    must_migrate(pg, 2);
    must_migrate(pg, 2);
    assert_int_equal(1, number(pg, "SELECT count(*)::integer FROM shop.house"));
    assert_int_equal(2, number(pg, "SELECT max(step) FROM shop.migration"));
}

static void a_step_that_fails_leaves_nothing_of_its_own_nor_of_those_before(void **state)
{
    struct pg *pg = *state;
    struct err_slot err;
    assert_int_equal(ERR_PEER, migrate(pg, 3, &err));
    assert_says(&err, "003_wrong");
    assert_int_equal(1, number(pg, "SELECT (to_regnamespace('shop') IS NULL)::integer"));
    must_migrate(pg, 2);
}

static void a_database_that_is_newer_is_refused(void **state)
{
    struct pg *pg = *state;
    struct err_slot err;
    must_migrate(pg, 2);
    assert_int_equal(ERR_STATE, migrate(pg, 1, &err));
    assert_says(&err, "newer than this program");
}

static void a_step_whose_text_has_changed_is_refused(void **state)
{
    struct pg *pg = *state;
    struct err_slot err;
    must_migrate(pg, 2);
    run(pg, "UPDATE shop.migration SET checksum = '\\x00' WHERE step = 2");
    assert_int_equal(ERR_STATE, migrate(pg, 2, &err));
    assert_says(&err, "002_door");
}

static void numbers_without_checksums_are_believed_once_and_held_from_then_on(void **state)
{
    struct pg *pg = *state;
    struct err_slot err;
    must_migrate(pg, 1);
    run(pg, "ALTER TABLE shop.migration DROP COLUMN name, DROP COLUMN checksum");
    must_migrate(pg, 2);
    assert_int_equal(2, number(pg, "SELECT count(*)::integer FROM shop.migration"
                                   " WHERE octet_length(checksum) = 32 AND name <> ''"));
    assert_int_equal(1, number(pg, "SELECT count(*)::integer FROM shop.house"));
    run(pg, "UPDATE shop.migration SET checksum = '\\x00' WHERE step = 1");
    assert_int_equal(ERR_STATE, migrate(pg, 2, &err));
    assert_says(&err, "001_house");
}

static int start(void **state)
{
    (void)state;
    server = pg_fixture_start();
    return 0;
}

static int end(void **state)
{
    (void)state;
    pg_fixture_end(server);
    return 0;
}

static int open_empty(void **state)
{
    *state = open_pg();
    run(*state, "DROP SCHEMA IF EXISTS shop CASCADE");
    return 0;
}

static int close_it(void **state)
{
    pg_close(*state);
    return 0;
}

#define ON_EMPTY(test) cmocka_unit_test_setup_teardown(test, open_empty, close_it)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EMPTY(a_step_is_applied_once_and_later_ones_after_it),
        ON_EMPTY(a_step_that_fails_leaves_nothing_of_its_own_nor_of_those_before),
        ON_EMPTY(a_database_that_is_newer_is_refused),
        ON_EMPTY(a_step_whose_text_has_changed_is_refused),
        ON_EMPTY(numbers_without_checksums_are_believed_once_and_held_from_then_on),
    };
    return cmocka_run_group_tests(tests, start, end);
}
