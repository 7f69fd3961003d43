/* pg_pool_test.c: the pool on a real loop, against a real server that is stopped and started. */
#include "unit.h"

#include "pg/pg_pool.h"
#include "pg_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOK, LOOK_TWO, INSERT, COUNT, SLEEP, END_ITSELF, STATEMENTS };

static const struct pg_statement statements[STATEMENTS] = {
    [LOOK] = {"look", "SELECT $1::bigint, $2::text, $3::boolean, $4::text"},
    [LOOK_TWO] = {"look_two", "SELECT $1::bigint"},
    [INSERT] = {"insert", "INSERT INTO t VALUES ($1::integer)"},
    [COUNT] = {"count", "SELECT count(*) FROM t"},
    [SLEEP] = {"sleep", "SELECT pg_sleep($1::float8)"},
    [END_ITSELF] = {"end_itself", "SELECT pg_terminate_backend(pg_backend_pid())"},
};

enum { HEARD_MAX = 64 };

struct world {
    uv_loop_t loop;
    struct pg_pool *pool;
    unsigned answers;
    int rc[HEARD_MAX];
    int64_t number[HEARD_MAX]; /* first field of the first result, where there is one */
    char sqlstate[PG_SQLSTATE_BYTES];
    unsigned ready, fallen;
    bool ask_again; /* the next answer sends another job */
};

static struct pg_fixture *server;

static void on_ready(void *ctx, bool ready)
{
    struct world *world = ctx;
    *(ready ? &world->ready : &world->fallen) += 1;
}

static void on_done(void *ctx, const struct pg_answer *answer)
{
    struct world *world = ctx;
    assert_in_range(world->answers, 0, HEARD_MAX - 1);
    unsigned nth = world->answers++;
    world->rc[nth] = answer->rc;
    if (answer->rc == ERR_PEER)
        strcpy(world->sqlstate, answer->sqlstate);
    if (answer->rc == 0 && PQntuples(answer->results[0]) > 0 &&
        PQftype(answer->results[0], 0) == 20)
        world->number[nth] = pg_i64(answer->results[0], 0, 0);
    if (world->ask_again) {
        world->ask_again = false;
        pg_pool_query(world->pool, LOOK_TWO, 1, (const char *[]){"77"}, on_done, world);
        assert_int_equal(nth + 1, world->answers); /* never from within a send */
    }
}

static struct pg_pool_conf usual(struct world *world)
{
    return (struct pg_pool_conf){.loop = &world->loop,
                                 .what = "test",
                                 .conninfo = pg_fixture_dsn(server),
                                 .app = "pool-test",
                                 .setup = "CREATE TEMP TABLE t (v integer PRIMARY KEY)",
                                 .connections = 1,
                                 .depth = 8,
                                 .queue_max = 64,
                                 .deadline_ms = 10000,
                                 .statements = statements,
                                 .statements_len = STATEMENTS,
                                 .clock = clock_system(),
                                 .rng = rng_system(),
                                 .on_ready = on_ready,
                                 .ctx = world};
}

static void begin(struct world *world, const struct pg_pool_conf *conf)
{
    struct err_slot err = {0};
    if (pg_pool_create(conf, &err, &world->pool) < 0)
        fail_msg("%s", err.text);
}

static void end(struct world *world)
{
    pg_pool_close(world->pool);
    world->pool = NULL;
    uv_run(&world->loop, UV_RUN_DEFAULT); /* returns: nothing is left on the loop */
}

static void answered(struct world *world, unsigned answers)
{
    while (world->answers < answers)
        uv_run(&world->loop, UV_RUN_ONCE);
    assert_int_equal(answers, world->answers);
}

static void stands(struct world *world)
{
    while (!pg_pool_ready(world->pool))
        uv_run(&world->loop, UV_RUN_ONCE);
}

static void ask(struct world *world, uint32_t statement, const char *param)
{
    const char *const params[] = {param};
    pg_pool_query(world->pool, statement, param != NULL ? 1 : 0, params, on_done, world);
}

/* ---- what comes back ---- */

static void on_look(void *ctx, const struct pg_answer *answer)
{
    struct world *world = ctx;
    assert_int_equal(0, answer->rc);
    const PGresult *res = answer->results[0];
    assert_true(pg_i64(res, 0, 0) == INT64_MIN);
    assert_span(pg_text(res, 0, 1), "h\xc3\xa9");
    assert_true(pg_bool(res, 0, 2));
    assert_true(pg_null(res, 0, 3));
    assert_null(pg_text(res, 0, 3).ptr);
    world->answers++;
}

static void values_are_read_as_text_as_they_are_in_binary(void **state)
{
    struct world *world = *state;
    struct pg_pool_conf conf = usual(world);
    begin(world, &conf);
    const char *const params[] = {"-9223372036854775808", "h\xc3\xa9", "t", NULL};
    pg_pool_query(world->pool, LOOK, 4, params, on_look, world);
    answered(world, 1);
    end(world);
}

static void a_job_is_one_transaction(void **state)
{
    struct world *world = *state;
    struct pg_pool_conf conf = usual(world);
    begin(world, &conf);
    struct pg_job *job = pg_job_create(world->pool, on_done, world);
    assert_non_null(job);
    pg_job_add(job, INSERT, 1, (const char *[]){"1"});
    pg_job_add(job, INSERT, 1, (const char *[]){"2"});
    pg_job_add(job, INSERT, 1, (const char *[]){"1"});
    pg_job_send(job);
    ask(world, COUNT, NULL);
    answered(world, 2);
    assert_int_equal(ERR_PEER, world->rc[0]);
    assert_string_equal("23505", world->sqlstate);
    assert_int_equal(0, world->rc[1]);
    assert_int_equal(0, world->number[1]);
    end(world);
}

static void jobs_on_one_connection_are_answered_in_their_order(void **state)
{
    struct world *world = *state;
    struct pg_pool_conf conf = usual(world);
    begin(world, &conf);
    for (int i = 0; i < 40; i++) {
        char number[16];
        snprintf(number, sizeof(number), "%d", i);
        ask(world, LOOK_TWO, number);
    }
    answered(world, 40);
    for (int i = 0; i < 40; i++)
        assert_int_equal(i, world->number[i]);
    end(world);
}

static void an_answer_may_ask_the_next_question(void **state)
{
    struct world *world = *state;
    struct pg_pool_conf conf = usual(world);
    world->ask_again = true;
    begin(world, &conf);
    ask(world, LOOK_TWO, "5");
    answered(world, 2);
    assert_int_equal(77, world->number[1]);
    end(world);
}

/* ---- bounds ---- */

static void what_finds_the_queue_full_is_refused_in_a_later_turn(void **state)
{
    struct world *world = *state;
    struct pg_pool_conf conf = usual(world);
    conf.queue_max = 2;
    begin(world, &conf);
    for (int i = 0; i < 3; i++)
        ask(world, LOOK_TWO, "1");
    assert_int_equal(0, world->answers);
    answered(world, 3);
    assert_int_equal(ERR_FULL, world->rc[0]);
    assert_int_equal(0, world->rc[1]);
    assert_int_equal(0, world->rc[2]);
    end(world);
}

static void what_waits_for_too_long_was_never_sent(void **state)
{
    struct world *world = *state;
    struct pg_pool_conf conf = usual(world);
    conf.depth = 1;
    conf.wait_ms = 100;
    begin(world, &conf);
    stands(world);
    ask(world, SLEEP, "0.5");
    uv_run(&world->loop, UV_RUN_NOWAIT);
    ask(world, INSERT, "1");
    answered(world, 2);
    assert_int_equal(ERR_TIMEOUT, world->rc[0]);
    assert_int_equal(0, world->rc[1]);
    ask(world, COUNT, NULL);
    answered(world, 3);
    assert_int_equal(0, world->number[2]);
    end(world);
}

/* ---- a connection that breaks ---- */

static void what_was_under_way_when_it_broke_is_unknown(void **state)
{
    struct world *world = *state;
    struct pg_pool_conf conf = usual(world);
    begin(world, &conf);
    stands(world);
    ask(world, END_ITSELF, NULL);
    ask(world, LOOK_TWO, "1");
    answered(world, 2);
    assert_int_equal(ERR_UNKNOWN, world->rc[0]);
    assert_int_equal(ERR_UNKNOWN, world->rc[1]);
    assert_int_equal(1, world->fallen);
    ask(world, LOOK_TWO, "9");
    answered(world, 3);
    assert_int_equal(9, world->number[2]);
    assert_int_equal(2, world->ready);
    assert_int_equal(1, pg_pool_stats(world->pool)->reconnects);
    assert_int_equal(2, pg_pool_stats(world->pool)->unknown);
    end(world);
}

static void an_answer_that_does_not_come_costs_its_connection(void **state)
{
    struct world *world = *state;
    struct pg_pool_conf conf = usual(world);
    begin(world, &conf);
    stands(world);
    struct pg_job *job = pg_job_create(world->pool, on_done, world);
    assert_non_null(job);
    pg_job_add(job, SLEEP, 1, (const char *[]){"600"});
    pg_job_deadline(job, 100);
    pg_job_send(job);
    answered(world, 1);
    assert_int_equal(ERR_UNKNOWN, world->rc[0]);
    ask(world, LOOK_TWO, "4");
    answered(world, 2);
    assert_int_equal(4, world->number[1]);
    end(world);
}

static void without_a_server_a_job_waits_or_is_refused_as_was_wished(void **state)
{
    struct world *world = *state;
    struct pg_pool_conf conf = usual(world);
    begin(world, &conf);
    stands(world);
    pg_fixture_stop(server);
    while (pg_pool_ready(world->pool))
        uv_run(&world->loop, UV_RUN_ONCE);
    ask(world, LOOK_TWO, "3"); /* waits */
    struct pg_pool *patient = world->pool;
    conf.fail_fast = true;
    begin(world, &conf);
    ask(world, LOOK_TWO, "1");
    answered(world, 1);
    assert_int_equal(ERR_CLOSED, world->rc[0]);
    pg_fixture_again(server);
    answered(world, 2);
    assert_int_equal(3, world->number[1]);
    pg_pool_close(patient);
    end(world);
}

static void a_host_that_says_nothing_keeps_no_job_from_the_next_one(void **state)
{
    struct world *world = *state;
    struct pg_pool_conf conf = usual(world);
    char dsn[512];
    int silent;
    pg_fixture_behind_silence(server, dsn, sizeof(dsn), &silent);
    conf.conninfo = dsn;
    begin(world, &conf);
    ask(world, LOOK_TWO, "5");
    answered(world, 1);
    assert_int_equal(0, world->rc[0]);
    assert_int_equal(5, world->number[0]);
    end(world);
    close(silent);
}

static void all_stand(struct world *world, uint64_t connections)
{
    while (pg_pool_stats(world->pool)->connected < connections)
        uv_run(&world->loop, UV_RUN_ONCE);
}

static void all_connections_come_back(void **state)
{
    struct world *world = *state;
    struct pg_pool_conf conf = usual(world);
    conf.connections = 6;
    begin(world, &conf);
    all_stand(world, 6);
    pg_fixture_stop(server);
    while (pg_pool_ready(world->pool))
        uv_run(&world->loop, UV_RUN_ONCE);
    pg_fixture_again(server);
    all_stand(world, 6);
    assert_int_equal(1, world->fallen);
    end(world);
}

static void where_nothing_answers_two_connections_try(void **state)
{
    struct world *world = *state;
    struct pg_pool_conf conf = usual(world);
    char dsn[512];
    int silent;
    pg_fixture_behind_silence(server, dsn, sizeof(dsn), &silent);
    struct sockaddr_in at = {0};
    socklen_t len = sizeof(at);
    assert_int_equal(0, getsockname(silent, (struct sockaddr *)&at, &len));
    snprintf(dsn, sizeof(dsn), "host=127.0.0.1 port=%d user=postgres", ntohs(at.sin_port));
    conf.conninfo = dsn;
    conf.connections = 6;
    begin(world, &conf);
    uv_run(&world->loop, UV_RUN_ONCE);
    unsigned came = 0;
    fcntl(silent, F_SETFL, O_NONBLOCK);
    for (int fd; (fd = accept(silent, NULL, NULL)) >= 0; came++)
        close(fd);
    assert_int_equal(PG_KNOCKING, came);
    end(world);
    close(silent);
}

static void the_rest_follow_the_first_that_is_let_in(void **state)
{
    struct world *world = *state;
    struct pg_pool_conf conf = usual(world);
    char dsn[512];
    int silent;
    pg_fixture_behind_silence(server, dsn, sizeof(dsn), &silent);
    conf.conninfo = dsn;
    conf.connections = 6;
    begin(world, &conf);
    all_stand(world, 6);
    assert_int_equal(1, world->ready);
    end(world);
    close(silent);
}

/* Draws the longest pause that may be, of 0 to 100 ms, to 200, and so on: one less than a multiple
 * of how many there are. */
static void fill_for_longest(void *ctx, void *out, size_t len)
{
    static const uint64_t drawn = UINT64_C(101) * 201 * 401 * 801 * 1601 * 2001 - 1;
    (void)ctx;
    assert_int_equal(sizeof(drawn), len);
    memcpy(out, &drawn, sizeof(drawn));
}

static void tries_come_to(struct world *world, uint64_t tries)
{
    while (pg_pool_stats(world->pool)->reconnects < tries)
        uv_run(&world->loop, UV_RUN_ONCE);
}

/* One that has tried for long while others stood has a long pause before it. */
static void whoever_waits_as_the_last_one_falls_tries_as_soon_as_any(void **state)
{
    struct world *world = *state;
    struct pg_pool_conf conf = usual(world);
    const struct rng longest = {.fill = fill_for_longest};
    struct clock_fake clock;
    char dir[] = "/tmp/fairgate-pool-XXXXXX", door[64], behind[256], dsn[128];
    clock_fake_init(&clock, 1000000);
    assert_non_null(mkdtemp(dir));
    snprintf(door, sizeof(door), "%s/.s.PGSQL.5432", dir);
    snprintf(behind, sizeof(behind), "%s/.s.PGSQL.5432", pg_fixture_dir(server));
    snprintf(dsn, sizeof(dsn), "host=%s user=postgres dbname=postgres", dir);
    assert_int_equal(0, symlink(behind, door));
    conf.conninfo = dsn;
    conf.connections = PG_KNOCKING;
    conf.clock = &clock.clock;
    conf.rng = &longest;
    begin(world, &conf);
    all_stand(world, PG_KNOCKING);

    assert_int_equal(0, unlink(door)); /* nobody is let in any more */
    ask(world, END_ITSELF, NULL);
    answered(world, 1);
    assert_int_equal(PG_KNOCKING - 1, pg_pool_stats(world->pool)->connected);
    for (uint64_t tries = 1; tries <= 6; tries++) {
        clock_fake_step(&clock, PG_RECONNECT_CAP_MS * 1000);
        tries_come_to(world, tries);
    }
    ask(world, END_ITSELF, NULL);
    answered(world, 2);
    assert_false(pg_pool_ready(world->pool));
    clock_fake_step(&clock, PG_KNOCK_CAP_MS * 1000);
    tries_come_to(world, 7);
    assert_int_equal(6 + PG_KNOCKING, pg_pool_stats(world->pool)->reconnects);
    end(world);
    assert_int_equal(0, rmdir(dir));
}

static void closing_answers_everything(void **state)
{
    struct world *world = *state;
    struct pg_pool_conf conf = usual(world);
    conf.depth = 1;
    begin(world, &conf);
    stands(world);
    ask(world, SLEEP, "600");
    uv_run(&world->loop, UV_RUN_NOWAIT);
    ask(world, LOOK_TWO, "1");
    end(world);
    assert_int_equal(2, world->answers);
    assert_int_equal(ERR_UNKNOWN, world->rc[0]);
    assert_int_equal(ERR_CLOSED, world->rc[1]);
    assert_int_equal(0, world->fallen); /* whoever closes needs no telling */
}

static int make_world(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    assert_non_null(world);
    assert_int_equal(0, uv_loop_init(&world->loop));
    *state = world;
    return 0;
}

static int drop_world(void **state)
{
    struct world *world = *state;
    assert_int_equal(0, uv_loop_close(&world->loop));
    free(world);
    return 0;
}

static int start(void **state)
{
    (void)state;
    server = pg_fixture_start();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pg_fixture_end(server);
    return 0;
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, make_world, drop_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_are_read_as_text_as_they_are_in_binary),
        TEST(a_job_is_one_transaction),
        TEST(jobs_on_one_connection_are_answered_in_their_order),
        TEST(an_answer_may_ask_the_next_question),
        TEST(what_finds_the_queue_full_is_refused_in_a_later_turn),
        TEST(what_waits_for_too_long_was_never_sent),
        TEST(what_was_under_way_when_it_broke_is_unknown),
        TEST(an_answer_that_does_not_come_costs_its_connection),
        TEST(without_a_server_a_job_waits_or_is_refused_as_was_wished),
        TEST(a_host_that_says_nothing_keeps_no_job_from_the_next_one),
        TEST(all_connections_come_back),
        TEST(where_nothing_answers_two_connections_try),
        TEST(the_rest_follow_the_first_that_is_let_in),
        TEST(whoever_waits_as_the_last_one_falls_tries_as_soon_as_any),
        TEST(closing_answers_everything),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
