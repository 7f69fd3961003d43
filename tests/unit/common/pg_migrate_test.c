/* pg_migrate_test.c: steps of a schema, against a real server. */
#include "unit.h"

#include "base/clock.h"
#include "pg/pg_migrate.h"
#include "pg_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static struct pg_fixture *server;

static const struct pg_migrate_step steps[] = {
    {"001_house", "CREATE TABLE shop.house (id integer)"},
    {"002_door", "ALTER TABLE shop.house ADD COLUMN door text; INSERT INTO shop.house VALUES (1)"},
    {"003_wrong", "CREATE TABLE shop.garden (id integer); SELECT 1/0"},
};

/* What it said last of what it waits for, and how often it said something. */
static char told[512];
static atomic_uint told_times;
static struct pg *in_the_way; /* until it was told of */

static void on_wait(const char *words)
{
    snprintf(told, sizeof(told), "%s", words);
    told_times += 1;
    pg_close(in_the_way);
    in_the_way = NULL;
}

static struct pg_migrate first(unsigned len)
{
    return (struct pg_migrate){"shop", 99, steps, len, on_wait};
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

static void a_caller_that_wants_no_words_gets_the_code(void **state)
{
    struct pg *pg = *state;
    assert_int_equal(ERR_PEER, migrate(pg, 3, NULL));
    must_migrate(pg, 2);
    assert_int_equal(ERR_STATE, migrate(pg, 1, NULL));
    run(pg, "DROP SCHEMA shop CASCADE");
    must_migrate(pg, 1);
    in_the_way = open_pg(); /* and a table that is in use is asked for again */
    run(in_the_way, "BEGIN; SELECT FROM shop.house");
    pg_wait_up_to(pg, 60000);
    told_times = 0;
    assert_int_equal(0, migrate(pg, 2, NULL));
    assert_int_equal(1, told_times);
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

/* ---- steps apart ---- */

static const struct pg_migrate_step indexed[] = {
    {"001_house", "CREATE TABLE shop.house (id integer)"},
    {"002_found", "-- outside a transaction\n"
                  "-- People look for houses; the text says why.\n"
                  "SET client_min_messages = warning;\n"
                  "DROP INDEX CONCURRENTLY IF EXISTS shop.house_id;\n"
                  "CREATE INDEX CONCURRENTLY house_id ON shop.house (id);\n"},
    {"003_door", "ALTER TABLE shop.house ADD COLUMN door text"},
};

static const struct pg_migrate with_door = {"shop", 99, steps, 2, on_wait};
static const struct pg_migrate with_index = {"shop", 99, indexed, 3, NULL};

#define BUILDING "SELECT count(*)::integer FROM pg_index WHERE NOT indisvalid"
#define BUILT                                                                                      \
    "SELECT count(*)::integer FROM pg_index"                                                       \
    " WHERE indisvalid AND indexrelid = to_regclass('shop.house_id')"

struct program {
    pthread_t thread;
    const struct pg_migrate *migrate;
    int rc;
};

static void *start_up(void *ctx)
{
    struct program *program = ctx;
    struct pg *pg = open_pg();
    struct err_slot err;
    pg_wait_up_to(pg, 600000);
    program->rc = pg_migrate_run(pg, program->migrate, &err);
    pg_close(pg);
    return NULL;
}

static void begin_program(struct program *program, const struct pg_migrate *migrate)
{
    program->migrate = migrate;
    assert_int_equal(0, pthread_create(&program->thread, NULL, start_up, program));
}

static int end_program(struct program *program)
{
    assert_int_equal(0, pthread_join(program->thread, NULL));
    return program->rc;
}

/* For a minute: a program that has failed never comes to it. */
static void await(struct pg *pg, const char *sql, int want)
{
    uint64_t until_us = clock_mono_us(clock_system()) + 60 * UINT64_C(1000000);
    while (number(pg, sql) != want) {
        assert_true(clock_mono_us(clock_system()) < until_us);
        run(pg, "SELECT pg_sleep(0.01)");
    }
}

static void await_told(struct pg *pg)
{
    uint64_t until_us = clock_mono_us(clock_system()) + 60 * UINT64_C(1000000);
    while (told_times == 0) {
        assert_true(clock_mono_us(clock_system()) < until_us);
        run(pg, "SELECT pg_sleep(0.01)");
    }
}

/* Once, and in these words, with the process that is in the way. */
static void assert_told(const char *what, const struct pg *other, unsigned s)
{
    char words[512];
    snprintf(words, sizeof(words), "schema shop: %s %d (test). Retrying for up to %u s.", what,
             pg_backend_pid(other), s);
    assert_string_equal(words, told);
    assert_int_equal(1, told_times);
}

/* The build of an index waits for the writer; the test for the build. */
static struct pg *hold_up_the_build(struct pg *pg, struct program *program)
{
    struct pg *writer = open_pg();
    must_migrate(pg, 1);
    run(writer, "BEGIN; INSERT INTO shop.house VALUES (1)");
    begin_program(program, &with_index);
    await(pg, BUILDING, 1);
    return writer;
}

static void nobody_who_writes_waits_for_an_index(void **state)
{
    struct pg *pg = *state;
    struct program program;
    struct pg *writer = hold_up_the_build(pg, &program);
    run(pg, "INSERT INTO shop.house VALUES (2); UPDATE shop.house SET id = 3 WHERE id = 2;"
            "DELETE FROM shop.house WHERE id = 3");
    assert_int_equal(1, number(pg, BUILDING));
    run(writer, "COMMIT");
    assert_int_equal(0, end_program(&program));
    assert_int_equal(1, number(pg, BUILT));
    assert_int_equal(3, number(pg, "SELECT count(*)::integer FROM shop.migration"));
    pg_close(writer);
}

static void an_index_whose_program_died_is_built_by_the_next(void **state)
{
    struct pg *pg = *state;
    struct program program;
    struct pg *writer = hold_up_the_build(pg, &program);
    run(pg, "SELECT pg_terminate_backend(pid) FROM pg_stat_progress_create_index");
    assert_true(end_program(&program) < 0);
    run(writer, "COMMIT");
    pg_close(writer);
    assert_int_equal(1, number(pg, BUILDING));
    assert_int_equal(1, number(pg, "SELECT max(step) FROM shop.migration"));
    begin_program(&program, &with_index);
    assert_int_equal(0, end_program(&program));
    assert_int_equal(0, number(pg, BUILDING));
    assert_int_equal(1, number(pg, BUILT));
}

/* One that waited with a snapshot would be waited for by the index. */
static void programs_that_start_meanwhile_wait_for_the_index_and_it_not_for_them(void **state)
{
    struct pg *pg = *state;
    struct program programs[2];
    struct pg *writer = hold_up_the_build(pg, &programs[0]);
    begin_program(&programs[1], &with_index);
    await(pg,
          "SELECT count(*)::integer FROM pg_stat_activity"
          " WHERE application_name = 'test' AND query LIKE '%try_advisory%'",
          2); /* the other one, and this question */
    run(writer, "COMMIT");
    assert_int_equal(0, end_program(&programs[0]));
    assert_int_equal(0, end_program(&programs[1]));
    assert_int_equal(1, number(pg, BUILT));
    assert_int_equal(1, number(pg, "SELECT count(*)::integer FROM shop.migration WHERE step = 2"));
    pg_close(writer);
}

static void whoever_has_the_lock_for_too_long_is_told_of(void **state)
{
    struct pg *pg = *state;
    struct pg *other = open_pg();
    struct err_slot err;
    run(other, "SELECT pg_advisory_lock(4606785, 99)");
    told_times = 0;
    pg_wait_up_to(pg, 1000);
    assert_int_equal(ERR_TIMEOUT, migrate(pg, 1, &err));
    assert_says(&err, "another program");
    assert_told("another program is still applying its steps: process", other, 1);
    pg_close(other);
    pg_wait_up_to(pg, 5000);
    must_migrate(pg, 1);
}

/* From here on this session does not find the server's function. */
static const struct pg_migrate_step unlocking_fails[] = {
    {"001_house", "CREATE TABLE shop.house (id integer);"
                  "CREATE FUNCTION shop.pg_advisory_unlock(integer, integer) RETURNS boolean"
                  " LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$;"
                  "SET search_path = shop, pg_catalog"},
};

#define LOCKED                                                                                     \
    "SELECT count(*)::integer FROM pg_locks WHERE locktype = 'advisory' AND classid = 4606785"

/* A connection that goes on with the lock would keep all other programs from starting. */
static void a_lock_that_cannot_be_given_back_is_told_and_ends_with_its_connection(void **state)
{
    struct pg *pg = *state;
    struct pg *other = open_pg();
    const struct pg_migrate migrate = {"shop", 99, unlocking_fails, 1, on_wait};
    struct err_slot err;
    assert_int_equal(ERR_PEER, pg_migrate_run(other, &migrate, &err));
    assert_says(&err, "not now");
    assert_int_equal(1, number(pg, LOCKED));
    pg_close(other);
    await(pg, LOCKED, 0);
    run(pg, "DROP FUNCTION shop.pg_advisory_unlock");
    assert_int_equal(0, pg_migrate_run(pg, &migrate, &err)); /* nothing is left to be done */
    assert_int_equal(0, number(pg, LOCKED));
}

/* ---- tables that others have ---- */

#define WAITING                                                                                    \
    "SELECT least(count(*), 1)::integer FROM pg_locks"                                             \
    " WHERE relation = 'shop.house'::regclass AND NOT granted"

/* Somebody has looked into the table and not ended the transaction, as a backup does. */
static struct pg *read_and_stay(void)
{
    struct pg *reader = open_pg();
    must_migrate(reader, 1);
    run(reader, "BEGIN; SELECT FROM shop.house");
    return reader;
}

static void nobody_who_writes_waits_for_a_step_that_waits_for_somebody(void **state)
{
    struct pg *pg = *state;
    told_times = 0;
    struct pg *reader = read_and_stay();
    struct program program;
    pg_wait_up_to(pg, 60000);
    begin_program(&program, &with_door);
    await(pg, WAITING, 1);
    run(pg, "INSERT INTO shop.house VALUES (2)");
    assert_int_equal(1, number(pg, "SELECT max(step) FROM shop.migration"));
    await_told(pg);
    await(pg, WAITING, 1); /* it was undone, and is tried again */
    run(reader, "COMMIT");
    assert_int_equal(0, end_program(&program));
    assert_told("step 002_door waits for a table that is in use: house, by process", reader, 600);
    assert_int_equal(2, number(pg, "SELECT max(step) FROM shop.migration"));
    pg_close(reader);
}

static void whoever_has_a_table_for_too_long_is_told_of(void **state)
{
    struct pg *pg = *state;
    struct pg *reader = read_and_stay();
    struct err_slot err;
    pg_wait_up_to(pg, 2000);
    assert_int_equal(ERR_PEER, migrate(pg, 2, &err));
    assert_says(&err, "002_door");
    assert_string_equal("55P03", pg_sqlstate(pg));
    pg_close(reader);
    must_migrate(pg, 2);
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
        ON_EMPTY(a_caller_that_wants_no_words_gets_the_code),
        ON_EMPTY(a_step_whose_text_has_changed_is_refused),
        ON_EMPTY(numbers_without_checksums_are_believed_once_and_held_from_then_on),
        ON_EMPTY(nobody_who_writes_waits_for_an_index),
        ON_EMPTY(an_index_whose_program_died_is_built_by_the_next),
        ON_EMPTY(programs_that_start_meanwhile_wait_for_the_index_and_it_not_for_them),
        ON_EMPTY(whoever_has_the_lock_for_too_long_is_told_of),
        ON_EMPTY(a_lock_that_cannot_be_given_back_is_told_and_ends_with_its_connection),
        ON_EMPTY(nobody_who_writes_waits_for_a_step_that_waits_for_somebody),
        ON_EMPTY(whoever_has_a_table_for_too_long_is_told_of),
    };
    return cmocka_run_group_tests(tests, start, end);
}
