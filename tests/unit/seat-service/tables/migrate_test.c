/* migrate_test.c: the schema, against a real server. */
#include "pg/pg.h"
#include "pg_fixture.h"
#include "tables/migrate.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

static struct pg_fixture *server;

static struct pg *open_pg(uint32_t query_ms)
{
    struct pg_conf conf = {pg_fixture_dsn(server), "test", MIGRATE_SCHEMA, 5000, query_ms};
    struct err_slot err = {0};
    struct pg *pg = NULL;
    if (pg_open(&conf, &err, &pg) < 0)
        fail_msg("%s", err.text);
    return pg;
}

static void must(int rc, const struct err_slot *err)
{
    if (rc < 0)
        fail_msg("%s", err->text);
}

static int count(struct pg *pg, const char *sql)
{
    struct err_slot err;
    PGresult *res;
    must(pg_query(pg, sql, NULL, &err, &res), &err);
    int n = pg_i32(res, 0, 0);
    PQclear(res);
    return n;
}

static void the_schema_is_made_once_and_found_again(void **state)
{
    (void)state;
    struct pg *pg = open_pg(5000);
    struct err_slot err;
    must(migrate_run(pg, &err), &err);
    must(migrate_run(pg, &err), &err);
    assert_int_equal(migrate_newest(), count(pg, "SELECT count(*)::integer FROM migration"));
    assert_int_equal(0, count(pg, "SELECT count(*)::integer FROM journal"));
    pg_close(pg);
}

static void a_database_that_is_newer_than_the_program_is_refused(void **state)
{
    (void)state;
    struct pg *pg = open_pg(5000);
    struct err_slot err;
    must(migrate_run(pg, &err), &err);
    must(pg_run(pg, "INSERT INTO migration SELECT max(step) + 1, 'later', '\\x00' FROM migration",
                &err),
         &err);
    assert_int_equal(ERR_STATE, migrate_run(pg, &err));
    assert_non_null(strstr(err.text, "newer than this program"));
    must(pg_run(pg, "DELETE FROM migration WHERE name = 'later'", &err), &err);
    must(migrate_run(pg, &err), &err);
    pg_close(pg);
}

static void a_step_whose_text_has_changed_is_refused(void **state)
{
    (void)state;
    struct pg *pg = open_pg(5000);
    struct err_slot err;
    must(migrate_run(pg, &err), &err);
    must(pg_run(pg,
                "CREATE TEMP TABLE kept AS SELECT * FROM migration;"
                "UPDATE migration SET checksum = '\\x00' WHERE step = 1",
                &err),
         &err);
    assert_int_equal(ERR_STATE, migrate_run(pg, &err));
    assert_non_null(strstr(err.text, "001_seats"));
    must(pg_run(pg,
                "UPDATE migration m SET checksum = k.checksum FROM kept k WHERE k.step = m.step",
                &err),
         &err);
    must(migrate_run(pg, &err), &err);
    pg_close(pg);
}

static void the_journal_can_be_added_to_and_nothing_else(void **state)
{
    (void)state;
    struct pg *pg = open_pg(5000);
    struct err_slot err;
    must(migrate_run(pg, &err), &err);
    static const char *const attempts[] = {"UPDATE journal SET kind = 0", "DELETE FROM journal",
                                           "TRUNCATE journal"};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(ERR_PEER, pg_run(pg, attempts[i], &err));
        assert_non_null(strstr(err.text, "append-only"));
    }
    pg_close(pg);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_schema_is_made_once_and_found_again),
        cmocka_unit_test(a_database_that_is_newer_than_the_program_is_refused),
        cmocka_unit_test(a_step_whose_text_has_changed_is_refused),
        cmocka_unit_test(the_journal_can_be_added_to_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, start, end);
}
