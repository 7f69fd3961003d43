/* pg_pool_test.c: the pool on a real loop, against a real server that is stopped and started. */
#include "script.h"

#include "observe/log.h"
#include "pg/pg.h"
#include "pg/pg_link.h"
#include "pg/pg_pool.h"
#include "pg_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MOMENT,
    DIVIDE,
    READERS,
    SHARE = READERS,
    END_ITSELF,
    SHARERS_END,
    KINDS = SHARERS_END,
    NUMBER,
    INSERT,
    COUNT,
    SLEEP,
    STATEMENTS
};

static const struct pg_statement statements[STATEMENTS] = {
    [MOMENT] = {"moment", "SELECT (extract(epoch FROM now()) * 1000000)::bigint"
                          " FROM pg_sleep($1::float8)"},
    [DIVIDE] = {"divide", "SELECT 60 / $1::bigint"},
    /* Its result is bigger than what the server buffers until the transaction ends. */
    [SHARE] = {"share", "INSERT INTO t SELECT $1::integer FROM"
                        " pg_sleep(CASE WHEN $1::integer < 0 THEN 600 ELSE 0 END)"
                        " RETURNING (extract(epoch FROM now()) * 1000000)::bigint,"
                        " repeat('x', 10000)"},
    [KINDS] = {"kinds", "SELECT $1::bigint, $2::text, $3::boolean, $4::text"},
    [NUMBER] = {"echo", "SELECT $1::bigint"},
    [INSERT] = {"insert", "INSERT INTO t VALUES ($1::integer)"},
    [COUNT] = {"count", "SELECT count(*) FROM t"},
    [SLEEP] = {"sleep", "SELECT pg_sleep($1::float8)"},
    [END_ITSELF] = {"end_itself", "SELECT pg_terminate_backend(pg_backend_pid())"},
};

enum { ANSWERS_MAX = 64, CONNECTIONS = 6 };

static struct world {
    uv_loop_t loop;
    struct pg_pool_conf conf;
    struct pg_pool *pool, *first; /* a second pool may follow the first */
    unsigned answers;
    int rc[ANSWERS_MAX];
    int64_t number[ANSWERS_MAX]; /* first field of the first result, if it is a bigint */
    char sqlstate[PG_SQLSTATE_BYTES];
    unsigned ready, fallen;
    const char *next; /* the next response sends another job, with this number */
    int silent;       /* a listener that never responds, or -1 */
    char dsn[512];
    struct clock_fake still;
} world;

static void on_ready(void *ctx, bool ready)
{
    (void)ctx;
    *(ready ? &world.ready : &world.fallen) += 1;
}

static void on_done(void *ctx, const struct pg_answer *answer)
{
    (void)ctx;
    assert_in_range(world.answers, 0, ANSWERS_MAX - 1);
    unsigned nth = world.answers++;
    world.rc[nth] = answer->rc;
    if (answer->rc < 0) {
        struct err_slot err;
        pg_say_failure(answer, &err);
        assert_true(err.text[0] > ' ');
    }
    if (answer->rc == ERR_PEER)
        strcpy(world.sqlstate, answer->sqlstate);
    if (answer->rc == 0 && PQntuples(answer->results[0]) > 0 &&
        PQftype(answer->results[0], 0) == 20)
        world.number[nth] = pg_i64(answer->results[0], 0, 0);
    if (world.next != NULL) {
        pg_pool_query(world.pool, NUMBER, 1, &world.next, on_done, NULL);
        world.next = NULL;
        assert_int_equal(nth + 1, world.answers); /* never from within a send */
    }
}

static void begin(void)
{
    struct err_slot err = {0};
    if (pg_pool_create(&world.conf, &err, &world.pool) < 0)
        fail_msg("%s", err.text);
}

static void turn(void)
{
    uv_run(&world.loop, UV_RUN_ONCE);
}

static void await_connected(uint64_t count)
{
    while (pg_pool_stats(world.pool)->connected < count)
        turn();
}

static void await_answers(uint64_t count)
{
    while (world.answers < count)
        turn();
    assert_int_equal(count, world.answers);
}

/* The pool tries a host that never responds before the fixture. Returns its address. */
static struct sockaddr_in put_silent_host_first(void)
{
    struct sockaddr_in at = {0};
    socklen_t len = sizeof(at);
    pg_fixture_behind_silence(world.dsn, sizeof(world.dsn), &world.silent);
    assert_int_equal(0, getsockname(world.silent, (struct sockaddr *)&at, &len));
    world.conf.conninfo = world.dsn;
    return at;
}

/* ---- scripts ---- */

/* open depth=N queue=N wait=MS deadline=MS connections=N silent fast still */
SCRIPT_VERB(run_open, "open")
{
    world.conf.depth = (uint32_t)script_value_or(line, "depth", 8);
    world.conf.queue_max = (uint32_t)script_value_or(line, "queue", 64);
    world.conf.wait_ms = (uint32_t)script_value_or(line, "wait", 0);
    world.conf.deadline_ms = (uint32_t)script_value_or(line, "deadline", 10000);
    world.conf.connections = (uint32_t)script_value_or(line, "connections", 1);
    world.conf.fail_fast = script_has(line, "fast");
    if (script_has(line, "still"))
        world.conf.clock = &world.still.clock;
    if (script_has(line, "silent"))
        put_silent_host_first();
    world.first = world.pool;
    begin();
}

/* job STATEMENT PARAMETER...: a statement for each parameter, in one transaction; -: without */
SCRIPT_VERB(run_job, "job")
{
    static const char *const names[] = {"moment", "divide", "share", "end_itself", "kinds",
                                        "echo",   "insert", "count", "sleep",      NULL};
    uint32_t statement = script_choice(line, script_word(line, 1), names);
    struct pg_job *job = pg_job_create(world.pool, on_done, NULL);
    assert_non_null(job);
    for (unsigned i = 2; i < line->len; i++) {
        bool none = strcmp(line->words[i], "-") == 0;
        pg_job_add(job, statement, none ? 0 : 1, &line->words[i]);
    }
    pg_job_send(job);
}

SCRIPT_VERB(run_next, "next")
{
    static char number[8];
    world.next = strcpy(number, script_word(line, 1));
}

/* answers COUNT: waits for the last; connected COUNT: waits for this many connections */
SCRIPT_DOES("answers", await_answers(script_number_at(line, 1)))
SCRIPT_DOES("connected", await_connected(script_number_at(line, 1)))

/* answer NTH CODE [NUMBER] */
SCRIPT_VERB(run_answer, "answer")
{
    uint64_t nth = script_number_at(line, 1);
    script_expect_text(line, script_word(line, 2), err_name(world.rc[nth]));
    if (line->len > 3)
        script_expect(line, line->words[3], (uint64_t)world.number[nth]);
}

/* together NTH OTHER, apart NTH OTHER: the moments of their transactions */
SCRIPT_VERB(run_together, "together|apart")
{
    bool same = world.number[script_number_at(line, 1)] == world.number[script_number_at(line, 2)];
    assert_int_equal(same, strcmp(line->words[0], "together") == 0);
}

SCRIPT_VERB(run_is, "is")
{
    const struct pg_pool_stats *stats = world.pool != NULL ? pg_pool_stats(world.pool) : NULL;
    const struct script_field fields[SCRIPT_FIELDS] = {
        SCRIPT_NUMBER("answered", world.answers),
        SCRIPT_NUMBER("ready", world.ready),
        SCRIPT_NUMBER("fallen", world.fallen),
        SCRIPT_NUMBER("reconnects", stats != NULL ? stats->reconnects : 0),
        SCRIPT_NUMBER("unknown", stats != NULL ? stats->unknown : 0),
        SCRIPT_TEXT("sqlstate", world.sqlstate),
    };
    script_expect_field(line, 1, fields);
}

SCRIPT_DOES("turn", uv_run(&world.loop, UV_RUN_NOWAIT))
SCRIPT_DOES("later", clock_fake_step(&world.still, script_number_at(line, 1)))

SCRIPT_VERB(run_stop, "stop")
{
    pg_fixture_stop();
    while (pg_pool_ready(world.pool))
        turn();
}

SCRIPT_DOES("again", pg_fixture_again())

SCRIPT_VERB(run_close, "close")
{
    if (world.first != NULL)
        pg_pool_close(world.first);
    if (world.pool != NULL)
        pg_pool_close(world.pool);
    world.first = world.pool = NULL;
    uv_run(&world.loop, UV_RUN_DEFAULT); /* returns: the loop is empty */
}

static void make_world(void)
{
    world = (struct world){.conf = {.loop = &world.loop,
                                    .what = "test",
                                    .conninfo = pg_fixture_dsn(),
                                    .app = "pool-test",
                                    .setup = "CREATE TEMP TABLE t (v integer PRIMARY KEY)",
                                    .connections = 1,
                                    .depth = 8,
                                    .queue_max = 64,
                                    .deadline_ms = 10000,
                                    .statements = statements,
                                    .statements_len = STATEMENTS,
                                    .readers_len = READERS,
                                    .sharers_len = SHARERS_END - READERS,
                                    .clock = clock_system(),
                                    .rng = rng_system(),
                                    .on_ready = on_ready},
                           .silent = -1};
    clock_fake_init(&world.still, 1000000);
    assert_int_equal(0, uv_loop_init(&world.loop));
}

static void drop_world(void)
{
    run_close(NULL);
    if (world.silent >= 0)
        close(world.silent);
    assert_int_equal(0, uv_loop_close(&world.loop));
}

UNIT_BETWEEN(make_world, drop_world)

static const struct script_row rows[] = {
    {"a job is one transaction",
     "open; job insert 1 2 1; job count -; answers 2; answer 0 peer; is sqlstate 23505;"
     "answer 1 ok 0"},
    {"jobs on one connection are answered in order",
     "open depth=2; job echo 10; job echo 11; job echo 12; job echo 13; job echo 14; job echo 15;"
     "answers 6; answer 0 ok 10; answer 1 ok 11; answer 2 ok 12; answer 3 ok 13; answer 4 ok 14;"
     "answer 5 ok 15"},
    {"readers that come together share a transaction",
     "open; connected 1; job moment 0; job moment 0 0; job moment 0; answers 3; together 0 1;"
     "together 0 2; job moment 0; answers 4; apart 0 3"},
    {"readers gather while others are under way",
     "open still connections=2; connected 2; job moment 600; turn; job moment 0; turn; close;"
     "answer 0 unknown; answer 1 closed"},
    {"readers do not wait for others that are stuck",
     "open connections=2; connected 2; job moment 600; turn; job divide 2; answers 1;"
     "answer 0 ok 30; close; answer 1 unknown"},
    {"a reader that fails leaves the others alone",
     "open; connected 1; job divide 5; job divide 0 1; job divide 6 0; job divide 4; answers 4;"
     "answer 0 ok 12; answer 1 peer; is sqlstate 22012; answer 2 peer; answer 3 ok 15"},
    {"more readers than a connection takes go in several groups",
     "open depth=2; connected 1; job divide 1; job divide 2; job divide 3; job divide 4;"
     "job divide 5; answers 5; answer 0 ok 60; answer 1 ok 30; answer 2 ok 20; answer 3 ok 15;"
     "answer 4 ok 12"},
    {"readers wait behind no writer that came later",
     "open depth=1; connected 1; job sleep 0.5; turn; job divide 6; turn; turn; job insert 1;"
     "answers 3; answer 1 ok 10; answer 2 ok"},
    {"jobs that share gather while others are under way, and leave together",
     "open; connected 1; job share 1; turn; job share 2; job share 3 4; answers 3; apart 0 1;"
     "together 1 2; open still connections=2; connected 2; job share -1; turn; job share 1; turn;"
     "close; answer 3 unknown; answer 4 closed"},
    {"a failed job of a shared transaction fails alone",
     "open; connected 1; job share 1; job share 2 1; job share 1 3; job share 4; answers 4;"
     "answer 0 ok; answer 1 peer; is sqlstate 23505; answer 2 peer; answer 3 ok; job count -;"
     "answers 5; answer 4 ok 2"},
    {"jobs whose shared transaction breaks have an unknown outcome",
     "open; connected 1; job share 1; job share 2; job end_itself -; answers 3; answer 0 unknown;"
     "answer 1 unknown; answer 2 unknown; is unknown 3"},
    {"a job that also writes shares no transaction",
     "open; connected 1; job insert 1; job insert 1; job divide 6; job divide 5; answers 4;"
     "answer 0 ok; answer 1 peer; answer 2 ok 10; answer 3 ok 12"},
    {"a callback may send the next job", "open; next 77; job echo 5; answers 2; answer 1 ok 77"},
    {"a job that finds the queue full is refused in a later turn",
     "open queue=2; job echo 1; job echo 1; job echo 1; is answered 0; answers 3; answer 0 full;"
     "answer 1 ok; answer 2 ok"},
    {"a job that waits for too long is never sent",
     "open still depth=1 wait=100; connected 1; job sleep 600; turn; job insert 1; later 100ms;"
     "answers 1; answer 0 timeout; open; job count -; answers 2; answer 1 ok 0; close;"
     "answer 2 unknown"},
    {"jobs on a connection that breaks have an unknown outcome",
     "open; connected 1; job end_itself -; job echo 1; answers 2; answer 0 unknown;"
     "answer 1 unknown; is fallen 1; job echo 9; answers 3; answer 2 ok 9; is ready 2;"
     "is reconnects 1; is unknown 2"},
    {"a missing answer ends its connection",
     "open deadline=2000; connected 1; job sleep 600; answers 1; answer 0 unknown; connected 1;"
     "job echo 4; answers 2; answer 1 ok 4"},
    {"without a server a job waits, or is refused at once",
     "open; connected 1; stop; job echo 3; open fast; job echo 1; answers 1; answer 0 closed;"
     "again; answers 2; answer 1 ok 3"},
    {"a silent host does not hold up the next host",
     "open silent; job echo 5; answers 1; answer 0 ok 5"},
    {"all connections come back",
     "open connections=6; connected 6; stop; again; connected 6; is fallen 1"},
    {"the other connections follow the first",
     "open silent connections=6; connected 6; is ready 1"},
    {"closing answers all jobs and reports nothing",
     "open depth=1; connected 1; job sleep 600; turn; job echo 1; close; is answered 2;"
     "answer 0 unknown; answer 1 closed; is fallen 0"},
};

/* ---- what a script cannot say ---- */

static void on_kinds(void *ctx, const struct pg_answer *answer)
{
    (void)ctx;
    assert_int_equal(0, answer->rc);
    const PGresult *res = answer->results[0];
    assert_true(pg_i64(res, 0, 0) == INT64_MIN);
    assert_span(pg_text(res, 0, 1), "h\xc3\xa9");
    assert_true(pg_bool(res, 0, 2));
    assert_true(pg_null(res, 0, 3));
    assert_null(pg_text(res, 0, 3).ptr);
    world.answers++;
}

TEST_CASE(values_in_text_are_read_as_in_binary)
{
    const char *const params[] = {"-9223372036854775808", "h\xc3\xa9", "t", NULL};
    begin();
    pg_pool_query(world.pool, KINDS, 4, params, on_kinds, NULL);
    await_answers(1);
}

TEST_CASE(two_connections_try_a_silent_host)
{
    struct sockaddr_in at = put_silent_host_first();
    snprintf(world.dsn, sizeof(world.dsn), "host=127.0.0.1 port=%d user=postgres",
             ntohs(at.sin_port));
    world.conf.connections = CONNECTIONS;
    begin();
    turn();
    unsigned came = 0;
    fcntl(world.silent, F_SETFL, O_NONBLOCK);
    for (int fd; (fd = accept(world.silent, NULL, NULL)) >= 0; came++)
        close(fd);
    assert_int_equal(PG_TRYING, came);
}

TEST_CASE(an_unreachable_host_has_a_short_timeout)
{
    struct sockaddr_in at = put_silent_host_first();
    int fills = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(0, listen(world.silent, 0)); /* the kernel drops all but the first */
    assert_int_equal(0, connect(fills, (struct sockaddr *)&at, sizeof(at)));
    world.conf.clock = &world.still.clock;
    begin();
    turn();
    clock_fake_step(&world.still, PG_LINK_REACH_MS * 1000);
    turn();
    clock_fake_step(&world.still, PG_RECONNECT_FIRST_MS * 1000);
    for (unsigned i = 0; i < 100 && pg_pool_stats(world.pool)->connected == 0; i++)
        turn();
    assert_int_equal(1, pg_pool_stats(world.pool)->connected);
    close(fills);
}

TEST_CASE(the_next_host_follows_one_that_refuses)
{
    put_silent_host_first();
    close(world.silent);
    world.silent = -1;
    begin();
    await_connected(1);
    assert_int_equal(0, pg_pool_stats(world.pool)->reconnects);
}

/* Draws the longest pause each time: 0 to 100 ms, to 200, and so on to the cap. The bytes are one
 * less than the product of the ranges. */
static void fill_for_longest(void *ctx, void *out, size_t len)
{
    const uint64_t drawn =
        UINT64_C(101) * 201 * 401 * 801 * 1601 * (*(const uint64_t *)ctx + 1) - 1;
    assert_int_equal(sizeof(drawn), len);
    memcpy(out, &drawn, sizeof(drawn));
}

static void tries_come_to(uint64_t tries)
{
    while (pg_pool_stats(world.pool)->reconnects < tries)
        turn();
}

/* A connection that failed often while others were up waits long before its next try. */
TEST_CASE(the_loss_of_the_last_connection_ends_long_pauses)
{
    uint64_t cap_ms = PG_RECONNECT_CAP_MS;
    const struct rng longest = {.fill = fill_for_longest, .ctx = &cap_ms};
    static const char *const none[1];
    char dir[] = "/tmp/fairgate-pool-XXXXXX", door[64], behind[256];
    assert_non_null(mkdtemp(dir));
    snprintf(door, sizeof(door), "%s/.s.PGSQL.5432", dir);
    snprintf(behind, sizeof(behind), "%s/.s.PGSQL.5432", pg_fixture_dir());
    snprintf(world.dsn, sizeof(world.dsn), "host=%s user=postgres dbname=postgres", dir);
    assert_int_equal(0, symlink(behind, door));
    world.conf.conninfo = world.dsn;
    world.conf.connections = PG_TRYING;
    world.conf.clock = &world.still.clock;
    world.conf.rng = &longest;
    begin();
    await_connected(PG_TRYING);

    assert_int_equal(0, unlink(door)); /* no new connections from here on */
    pg_pool_query(world.pool, END_ITSELF, 0, none, on_done, NULL);
    await_answers(1);
    assert_int_equal(PG_TRYING - 1, pg_pool_stats(world.pool)->connected);
    for (uint64_t tries = 1; tries <= 6; tries++) {
        clock_fake_step(&world.still, PG_RECONNECT_CAP_MS * 1000);
        tries_come_to(tries);
    }
    pg_pool_query(world.pool, END_ITSELF, 0, none, on_done, NULL);
    await_answers(2);
    assert_false(pg_pool_ready(world.pool));
    clock_fake_step(&world.still, PG_TRY_CAP_MS * 1000);
    tries_come_to(7);
    assert_int_equal(6 + PG_TRYING, pg_pool_stats(world.pool)->reconnects);
    run_close(NULL);
    assert_int_equal(0, rmdir(dir));
}

/* Waits until the only connection waits for a lock and its time is almost over. */
static void waits_long(struct pg *holder, const char *count)
{
    while (pg_fixture_number(holder, count) == 0)
        turn();
    turn(); /* reads earlier responses */
    clock_fake_step(&world.still, (PG_CONNECT_MS - 1) * 1000);
    turn();
}

/* Each response restarts the timeout: on a busy machine all statements take longer than it. */
TEST_CASE(a_server_that_prepares_slowly_is_kept)
{
    static const struct pg_statement slow[] = {{"slow", "SELECT v FROM slow"}};
    struct pg *holder = pg_fixture_open(NULL);
    pg_fixture_run(holder, "CREATE TABLE slow (v integer)");
    pg_fixture_run(holder, "BEGIN");
    pg_fixture_run(holder, "LOCK TABLE slow");
    pg_fixture_number(holder, "SELECT count(pg_advisory_lock(1))");
    world.conf.setup = "SELECT pg_advisory_lock(1)";
    world.conf.statements = slow;
    world.conf.statements_len = 1;
    world.conf.readers_len = world.conf.sharers_len = 0;
    world.conf.clock = &world.still.clock;
    begin();
    waits_long(holder, "SELECT count(*) FROM pg_locks WHERE NOT granted AND objid = 1");
    pg_fixture_number(holder, "SELECT count(pg_advisory_unlock(1))");
    waits_long(holder, "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation > 0");
    pg_fixture_run(holder, "COMMIT");
    for (; pg_pool_stats(world.pool)->connected == 0; turn())
        clock_fake_step(&world.still, 1000); /* a closed connection retries */
    assert_int_equal(0, pg_pool_stats(world.pool)->reconnects);
    run_close(NULL);
    pg_fixture_run(holder, "DROP TABLE slow");
    pg_close(holder);
}

static unsigned lines;

static void count_line(void *ctx, struct span line)
{
    (void)ctx;
    (void)line;
    lines++;
}

TEST_CASE(a_guest_retries_and_logs_rarely_on_one_connection)
{
    uint64_t cap_ms = PG_GUEST_CAP_MS, after = 0;
    const struct rng longest = {.fill = fill_for_longest, .ctx = &cap_ms};
    const struct logger_conf log = {.service = "t", .sink = count_line};
    assert_int_equal(0, logger_create(&log, NULL, &world.conf.log));
    world.conf.conninfo = "host=/nowhere user=postgres";
    world.conf.connections = CONNECTIONS;
    world.conf.guest = true;
    world.conf.clock = &world.still.clock;
    world.conf.rng = &longest;
    begin();
    while (lines < 1)
        turn();
    for (; after < 29; after++) {
        clock_fake_step(&world.still, PG_GUEST_CAP_MS * UINT64_C(1000));
        tries_come_to(after + 1);
        turn();
    }
    assert_int_equal(after, pg_pool_stats(world.pool)->reconnects);
    assert_int_equal(3, lines); /* the first one, and two in 29 s */
    run_close(NULL);
    logger_destroy(world.conf.log);
}

SCRIPT_TESTS(rows, script_verbs)
