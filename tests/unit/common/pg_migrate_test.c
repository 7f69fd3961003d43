/* pg_migrate_test.c: steps of a schema, against a real server. */
#include "script.h"

#include "base/clock.h"
#include "pg/pg_migrate.h"
#include "pg_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

enum { PATIENCE_MS = 5000, PROGRAM_MS = 600000 };

static const struct pg_migrate_step steps[] = {
    {"001_hall", "CREATE TABLE shop.hall (id integer)", 0},
    {"002_door", "ALTER TABLE shop.hall ADD COLUMN door text; INSERT INTO shop.hall VALUES (1)", 0},
    {"003_wrong", "CREATE TABLE shop.garden (id integer); SELECT 1/0", 0},
};

/* The second step only adds; the third removes what programs of the first use. */
static const struct pg_migrate_step expands[] = {
    {"001_hall", "CREATE TABLE shop.hall (id integer)", 0},
    {"002_door", "ALTER TABLE shop.hall ADD COLUMN door text", 1},
    {"003_doors", "ALTER TABLE shop.hall DROP COLUMN id", 2},
};

/* From here on this session does not find the server's unlock function. */
static const struct pg_migrate_step unlocking_fails[] = {
    {"001_hall",
     "CREATE TABLE shop.hall (id integer);"
     "CREATE FUNCTION shop.pg_advisory_unlock(integer, integer) RETURNS boolean"
     " LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$;"
     "SET search_path = shop, pg_catalog",
     0},
};

/* ---- scripts: the connections are "one", on which programs run, and "two" ---- */

struct program {
    pthread_t thread;
    struct pg_migrate migrate;
    int rc;
};

static struct {
    struct pg *one, *two;
    struct program programs[2];
    struct err_slot err;
} test;

static char words[512]; /* the last wait that was reported */
static atomic_uint reports;
static bool gives_way; /* the second connection closes on the first report */

static void on_wait(const char *text)
{
    snprintf(words, sizeof(words), "%s", text);
    reports += 1;
    if (gives_way) {
        pg_close(test.two);
        test.two = NULL;
    }
}

static struct pg *open_pg(uint32_t query_ms)
{
    struct pg_conf conf = {pg_fixture_dsn(), "test", NULL, 5000, query_ms};
    struct err_slot err = {0};
    struct pg *pg = NULL;
    unit_must(pg_open(&conf, &err, &pg), &err);
    return pg;
}

SCRIPT_DOES("one", pg_fixture_run(test.one, script_rest(line, 0)))

SCRIPT_VERB(run_two, "two")
{
    if (test.two == NULL)
        test.two = open_pg(PATIENCE_MS);
    if (line->len > 1)
        pg_fixture_run(test.two, script_rest(line, 0));
}

SCRIPT_VERB(run_close, "close")
{
    pg_close(test.two);
    test.two = NULL;
}

static uint64_t number(const char *sql)
{
    return (uint64_t)pg_fixture_number(test.one, sql);
}

/* is NUMBER SQL; await NUMBER SQL: for a minute */
SCRIPT_DOES("is", script_expect(line, script_word(line, 1), number(script_rest(line, 1))))

SCRIPT_VERB(run_await, "await")
{
    uint64_t until_us = clock_mono_us(clock_system()) + 60 * UINT64_C(1000000);
    uint64_t want = script_number_at(line, 1);
    bool report = strcmp(script_word(line, 2), "reports") == 0;
    while ((report ? reports : number(script_rest(line, 1))) != want) {
        assert_true(clock_mono_us(clock_system()) < until_us);
        pg_fixture_run(test.one, "SELECT pg_sleep(0.01)");
    }
}

/* STEPS | expand-STEPS | locked */
static struct pg_migrate migrate_of(const struct script_line *line, unsigned at)
{
    const char *word = script_word(line, at);
    if (strncmp(word, "expand-", 7) == 0)
        return (struct pg_migrate){"shop", 99, expands, (unsigned)script_number(word + 7), on_wait};
    if (strcmp(word, "locked") == 0)
        return (struct pg_migrate){"shop", 99, unlocking_fails, 1, on_wait};
    return (struct pg_migrate){"shop", 99, steps, (unsigned)script_number(word), on_wait};
}

/* migrate STEPS [CODE] [two] [silent]: code is "ok" if it is missing; then "says" and "sqlstate" */
SCRIPT_VERB(run_migrate, "migrate")
{
    struct pg_migrate migrate = migrate_of(line, 1);
    struct err_slot *err = script_has(line, "silent") ? NULL : &test.err;
    test.err.text[0] = '\0';
    int rc = pg_migrate_run(script_has(line, "two") ? test.two : test.one, &migrate, err);
    if (strcmp(err_name(rc), line->len > 2 ? line->words[2] : "ok") != 0)
        fail_msg("%s: \"%s\": %s", line->row, line->text, test.err.text);
}

SCRIPT_DOES("says", assert_says(&test.err, script_rest(line, 0)))
SCRIPT_DOES("sqlstate", script_expect_text(line, script_word(line, 1), pg_sqlstate(test.one)))

/* patience MS: another first connection, which waits so long for an answer */
SCRIPT_VERB(run_patience, "patience")
{
    pg_close(test.one);
    test.one = open_pg((uint32_t)script_number_at(line, 1));
}

static void *run_program(void *ctx)
{
    struct program *program = ctx;
    struct pg *pg = open_pg(PROGRAM_MS);
    struct err_slot err;
    program->rc = pg_migrate_run(pg, &program->migrate, &err);
    pg_close(pg);
    return NULL;
}

/* start INDEX STEPS: another program; end INDEX good|bad */
SCRIPT_VERB(run_start, "start")
{
    struct program *program = &test.programs[script_number_at(line, 1)];
    program->migrate = migrate_of(line, 2);
    assert_int_equal(0, pthread_create(&program->thread, NULL, run_program, program));
}

SCRIPT_VERB(run_end, "end")
{
    struct program *program = &test.programs[script_number_at(line, 1)];
    assert_int_equal(0, pthread_join(program->thread, NULL));
    script_expect_text(line, script_word(line, 2), program->rc == 0 ? "good" : "bad");
}

SCRIPT_DOES("gives-way", gives_way = true)

/* reported SECONDS WHAT: once, with the process of the second connection */
SCRIPT_VERB(run_reported, "reported")
{
    char want[512];
    snprintf(want, sizeof(want), "schema shop: %s %d (test). Retrying for up to %s s.",
             script_rest(line, 1), pg_backend_pid(test.two), script_word(line, 1));
    script_expect_text(line, want, words);
    script_expect(line, "1", reports);
}

static void set_up(void)
{
    test.one = open_pg(PATIENCE_MS);
    pg_fixture_run(test.one, "DROP SCHEMA IF EXISTS shop CASCADE");
    gives_way = false;
    reports = 0;
}

static void tear_down(void)
{
    run_close(NULL);
    pg_close(test.one);
}

#define COUNT  "SELECT count(*)::integer FROM "
#define LOCKED COUNT "pg_locks WHERE locktype = 'advisory' AND classid = 4606785;"
#define WAITING                                                                                    \
    "SELECT least(count(*), 1)::integer FROM pg_locks"                                             \
    " WHERE relation = 'shop.hall'::regclass AND NOT granted;"
#define LAST_STEP "SELECT max(step) FROM shop.migration;"
/* An open transaction has read the table, like a backup. */
#define READ_AND_STAY "two; migrate 1; two BEGIN; two SELECT FROM shop.hall;"

static const struct script_row rows[] = {
    {"a step is applied once, and later ones after it",
     "migrate 1; migrate 2; migrate 2; is 1 " COUNT "shop.hall; is 2 " LAST_STEP},
    {"a failed step is rolled back with the steps before it",
     "migrate 3 peer; says 003_wrong; is 1 SELECT (to_regnamespace('shop') IS NULL)::integer;"
     "migrate 2"},
    {"a database that is newer is refused",
     "migrate 2; migrate 1 state; says newer than this program"},
    {"an older program runs where later steps only added",
     "migrate expand-2; migrate expand-1; is 2 " LAST_STEP "migrate expand-2;"
     "one UPDATE shop.migration SET checksum = '\\x00' WHERE step = 1; migrate expand-1 state"},
    {"a program older than a contracting step is refused",
     "migrate expand-3; migrate expand-1 state; says would have to know 2; migrate expand-2"},
    {"a caller without an error slot gets the code",
     "migrate 3 peer silent; migrate 2; migrate 1 state silent"},
    {"a table in use is tried again until it is free",
     READ_AND_STAY "gives-way; patience 60000; migrate 2 ok silent; await 1 reports"},
    {"a step whose text has changed is refused",
     "migrate 2; one UPDATE shop.migration SET checksum = '\\x00' WHERE step = 2;"
     "migrate 2 state; says another 002_door: use the version that made it"},
    {"a program that keeps the lock for too long is reported",
     "two SELECT pg_advisory_lock(4606785, 99); patience 1000; migrate 1 timeout;"
     "says another program; reported 1 another program is still applying its steps: process; close;"
     "patience 5000; migrate 1"},
    /* A connection that kept the lock would keep all other programs from starting. */
    {"a lock that cannot be released ends with its connection",
     "two; migrate locked peer two; says not now; is 1 " LOCKED "close; await 0 " LOCKED
     "one DROP FUNCTION shop.pg_advisory_unlock; migrate locked; is 0 " LOCKED},
    {"writers do not wait for a step that waits for a reader",
     READ_AND_STAY "patience 60000; start 0 2; await 1 " WAITING
                   "one INSERT INTO shop.hall VALUES (2); is 1 " LAST_STEP "await 1 reports;"
                   "await 1 " WAITING "two COMMIT; end 0 good;"
                   "reported 600 step 002_door waits for a table that is in use: hall, by process;"
                   "is 2 " LAST_STEP},
    {"a step that waits for a table for too long fails", READ_AND_STAY
     "patience 2000; migrate 2 peer; says 002_door; sqlstate 55P03; close; migrate 2"},
};

SCRIPT_TESTS_IN(rows, script_verbs, set_up, tear_down)
