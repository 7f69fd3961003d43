/* statements_test.c: the schema and the statements against a real server. The server must describe
 * each statement as the structs of sql/statements do: argument types, column names and types. */
#include "engine_script.h"
#include "pg_fixture.h"
#include "statement_shape.h"
#include "tables/migrate.h"
#include "tables/projection.h"
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

TEST_CASE(projection_has_the_last_price_of_holds_and_notices_another_writer)
{
    static const char *const steps[] = {
        "block 4",       "hold c u2 2",       "extend c o",
        "hold a u1 1,3", "change a u1 add=0", "release a u1",
        "expire c",      "hold b u1 1",       "change b u1 add=0 remove=1"};
    struct projection *table;
    struct err_slot err = {0};
    unit_must(projection_create(&err, &table), &err);
    pg_fixture_run(pg, "INSERT INTO event (no, id) OVERRIDING SYSTEM VALUE VALUES (1, 'e')");
    engine_script("hall a bbbb; price 0 0");
    struct engine *engine = engine_world.follower;
    for (uint32_t i = 0; i < 9; i++) {
        engine_script("at %us; begin %s", 100 * i, steps[i]);
        assert_true(projection_add(table, engine, &engine_world.op->change));
        engine_script("commit");
        if (i == 0) /* an act alone, and the table is not at change 9 */
            assert_int_equal(projection_write(table, pg, 1, engine, 9, 10, &err), ERR_STATE);
        if (i >= 7)
            unit_must(projection_write(table, pg, 1, engine, i == 7 ? 0 : 8, i + 1, &err), &err);
    }
    assert_int_equal(pg_fixture_number(pg, "SELECT sum(places + total)::int FROM holds"), 6005);
    projection_destroy(table);
    engine_script_end();
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
