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
    assert_int_equal(1, count(pg, "SELECT count(*)::integer FROM migration"));
    assert_int_equal(0, count(pg, "SELECT count(*)::integer FROM journal"));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_schema_is_made_once_and_found_again),
        cmocka_unit_test(the_journal_can_be_added_to_and_nothing_else),
    };
    server = pg_fixture_start();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pg_fixture_end(server);
    return failed;
}
