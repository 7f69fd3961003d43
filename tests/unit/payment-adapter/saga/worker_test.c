/* worker_test.c: sagas in a real PostgreSQL across a change of the program: a saga ends under the
 * version under which it began, and one with an unknown definition is left alone. */
#include "unit.h"

#include "base/clock.h"
#include "core/checkout/checkout.h"
#include "next_version.h"
#include "saga/worker.h"
#include "store/database.h"
#include "store/statements.h"

#include <unistd.h>

enum { AMOUNT = 5000, CALLS_MAX = 64, TURN_MS = 10, LONG_MS = 60000 };

/* Shared by all programs. */
static struct pg *pg; /* for the test's own queries */
static bool buyer_pays;

/* One program: a loop with its worker. */
static struct program {
    uv_loop_t loop;
    uv_timer_t tick;
    struct ticket_signer *signer;
    struct checkout *checkout;
    struct pg_pool *pool;
    struct worker *worker;
    struct peer_call *calls[CALLS_MAX]; /* open calls */
    uint32_t calls_len;
    bool (*until)(void);
    uint64_t end_us;
} program;

/* ---- the peers: they succeed, but the buyer may be slow ---- */

static void start(void *ctx, struct peer_call *call)
{
    (void)ctx;
    assert_true(program.calls_len < CALLS_MAX);
    program.calls[program.calls_len++] = call;
}

static void answer(struct peer_call *call)
{
    bool taken = call->op == PEER_PSP_CAPTURE;
    call->verdict = SAGA_DONE;
    if (peer_question(call->op)->about == PEER_ABOUT_PAYMENT)
        call->payment = (struct payment){.state = taken        ? PAYMENT_CAPTURED
                                                  : buyer_pays ? PAYMENT_AUTHORISED
                                                               : PAYMENT_OPEN,
                                         .id = "pi_1",
                                         .amount = AMOUNT,
                                         .captured = taken ? AMOUNT : 0};
    call->on_done(call);
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
    struct peer_call *calls[CALLS_MAX];
    uint32_t len = program.calls_len;
    memcpy(calls, program.calls, len * sizeof(calls[0]));
    program.calls_len = 0;
    for (uint32_t i = 0; i < len; i++)
        answer(calls[i]);
    assert_true(clock_mono_us(clock_system()) < program.end_us);
    if (program.until())
        uv_stop(&program.loop);
}

/* ---- programs ---- */

static void program_start(const struct checkout_def *next, uint32_t next_len)
{
    struct err_slot err = {0};
    uint8_t seed[TICKET_SEED_BYTES] = {1};
    program = (struct program){.calls_len = 0};
    assert_int_equal(0, uv_loop_init(&program.loop));
    uv_timer_init(&program.loop, &program.tick);
    assert_int_equal(0, ticket_signer_create(seed, NULL, &program.signer));
    const struct checkout_conf checkout = {.peers = {start, NULL},
                                           .clock = clock_system(),
                                           .rng = rng_system(),
                                           .signer = program.signer,
                                           .poll_first_ms = 10,
                                           .poll_cap_ms = 50,
                                           .poll_rare_ms = 50,
                                           .next = next,
                                           .next_len = next_len};
    assert_int_equal(0, checkout_create(&checkout, &err, &program.checkout));
    const struct pg_pool_conf pool = {.loop = &program.loop,
                                      .what = "sagas",
                                      .conninfo = pg_fixture_dsn(),
                                      .setup = statements_setup,
                                      .connections = 2,
                                      .depth = 8,
                                      .queue_max = 64,
                                      .deadline_ms = LONG_MS,
                                      .statements = statements,
                                      .statements_len = SQL_STATEMENTS,
                                      .clock = clock_system(),
                                      .rng = rng_system()};
    assert_int_equal(0, pg_pool_create(&pool, &err, &program.pool));
    struct worker_conf worker = {.loop = &program.loop,
                                 .pg = program.pool,
                                 .slots = 16,
                                 .calls_max = 16,
                                 .idle_ms = 20,
                                 .lease_ms = 45000,
                                 .instance = "test",
                                 .clock = clock_system(),
                                 .rng = rng_system()};
    worker.defs = checkout_defs(program.checkout, &worker.defs_len);
    assert_int_equal(0, worker_reclaim(pg_fixture_dsn(), "test", &err));
    assert_int_equal(0, worker_create(&worker, &err, &program.worker));
}

static void program_run(bool (*until)(void))
{
    program.until = until;
    program.end_us = clock_mono_us(clock_system()) + LONG_MS * UINT64_C(1000);
    uv_timer_start(&program.tick, on_tick, TURN_MS, TURN_MS);
    uv_run(&program.loop, UV_RUN_DEFAULT);
}

/* Like a kill: leased sagas stay leased. */
static void program_end(void)
{
    worker_close(program.worker);
    pg_pool_close(program.pool);
    uv_close((uv_handle_t *)&program.tick, NULL);
    for (uint32_t i = 0; i < program.calls_len; i++) {
        program.calls[i]->verdict = SAGA_UNKNOWN;
        program.calls[i]->on_done(program.calls[i]);
    }
    uv_run(&program.loop, UV_RUN_DEFAULT);
    assert_int_equal(0, uv_loop_close(&program.loop));
    checkout_destroy(program.checkout);
    ticket_signer_destroy(program.signer);
}

/* ---- what lies in the database ---- */

static void order(const char *id, const char *key)
{
    struct order order = {.event = "gala",
                          .member = "42",
                          .lang = "ko",
                          .provider = "stripe",
                          .currency = "KRW",
                          .amount = AMOUNT,
                          .expires_ms = clock_wall_us(clock_system()) / 1000 + LONG_MS * 10,
                          .seats_len = 1,
                          .seats = {"s0"}};
    struct err_slot err = {0};
    char *data, sql[4096];
    snprintf(order.id, sizeof(order.id), "%s", id);
    snprintf(order.hold, sizeof(order.hold), "h_%s", id);
    assert_int_equal(0, order_dump(&order, &err, &data));
    snprintf(sql, sizeof(sql),
             "INSERT INTO orders (id, event, hold, member, lang, provider, currency, amount, seats,"
             " status, idem_key, idem_body, expires_at) VALUES ('%s', 'gala', 'h_%s', '42', 'ko',"
             " 'stripe', 'KRW', %d, '[\"s0\"]', 'pending_payment', '%s', '', now());"
             "INSERT INTO saga (key, subject, data) VALUES ('%s', '%s', '%s')",
             id, id, AMOUNT, id, key, id, data);
    free(data);
    pg_fixture_run(pg, sql);
}

static void begin(void)
{
    buyer_pays = false;
    pg = pg_fixture_open(NULL);
    /* A killed program may have left statements that are still running. */
    pg_fixture_run(pg, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                       " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid();"
                       "DROP SCHEMA IF EXISTS pay CASCADE");
    database_apply();
    pg_fixture_run(pg, statements_setup);
}

static void end(void)
{
    pg_close(pg);
}

UNIT_BETWEEN(begin, end)

/* ---- tests ---- */

static bool first_waits_for_its_buyer(void)
{
    return pg_fixture_number(pg, "SELECT step::bigint FROM saga WHERE subject = 'o_1'") == 2;
}

static bool both_have_ended(void)
{
    return pg_fixture_number(pg, "SELECT count(*) FROM saga WHERE subject IN ('o_1', 'o_2')"
                                 " AND state = 2") == 2;
}

static bool unknown_are_reported(void)
{
    worker_look_for_unknown(program.worker);
    return atomic_load(worker_unknown(program.worker)) > 0;
}

#define STEPS_OF(ORDER)                                                                            \
    "SELECT count(*) FROM saga_step t JOIN saga s ON s.id = t.saga"                                \
    " WHERE t.attempt = 0 AND NOT t.undo AND s.subject = '" ORDER "'"

/* Ended sagas have written everything, or reported why not. */
static void expect_all_written(void)
{
    static const struct {
        const char *sql;
        int64_t rows;
        const char *what;
    } facts[] = {
        {"SELECT count(*) FROM orders WHERE status = 'completed'", 2,
         "an order without its status"},
        {"SELECT count(*) FROM orders WHERE payment = 'pi_1'", 1, "an order without its payment"},
        {"SELECT count(*) FROM ticket", 1, "a sale without its ticket"},
        {"SELECT count(*) FROM shop_outbox WHERE order_id = 'o_1'", 1,
         "a sale without its letter to the shop"},
        {"SELECT count(*) FROM mail_outbox WHERE order_id = 'o_1'", 1, "a sale without its mail"},
    }; /* the next version makes neither tickets nor letters */
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        unit_never(pg_fixture_number(pg, facts[i].sql) < facts[i].rows, facts[i].what);
        assert_int_equal(facts[i].rows, pg_fixture_number(pg, facts[i].sql));
    }
}

TEST_CASE(sagas_of_two_versions_end_under_their_own_version)
{
    program_start(NULL, 0);
    order("o_1", checkout_now(program.checkout, CHECKOUT_SALE)->key);
    program_run(first_waits_for_its_buyer);
    program_end();

    program_start(&next_version, 1);
    order("o_2", checkout_now(program.checkout, CHECKOUT_SALE)->key);
    buyer_pays = true;
    program_run(both_have_ended);
    program_end();

    assert_int_equal(1, pg_fixture_number(pg, "SELECT count(*) FROM saga WHERE key = 'checkout.1'"
                                              " AND subject = 'o_1' AND step = 7"));
    assert_int_equal(1, pg_fixture_number(pg, "SELECT count(*) FROM saga WHERE key = 'checkout.2'"
                                              " AND subject = 'o_2' AND step = 3"));
    assert_int_equal(8, pg_fixture_number(pg, STEPS_OF("o_1")));
    assert_int_equal(NEXT_VERSION_STEPS, pg_fixture_number(pg, STEPS_OF("o_2")));
    expect_all_written();
}

TEST_CASE(saga_of_an_unknown_version_is_left_alone_and_reported)
{
    order("o_3", "checkout.2");
    program_start(NULL, 0);
    program_run(unknown_are_reported);
    assert_int_equal(1, atomic_load(worker_unknown(program.worker)));
    program_end();
    assert_int_equal(1, pg_fixture_number(pg, "SELECT count(*) FROM saga WHERE subject = 'o_3'"
                                              " AND state = 0 AND moves = 0 AND token = 0"));
}

/* An order at its third step may be canceled under version 1, whose pivot is the fifth, and is past
 * its pivot under version 2. */
TEST_CASE(cancel_works_above_the_pivot_of_the_orders_own_version)
{
    char sql[256];
    program_start(&next_version, 1);
    order("o_1", "checkout.1");
    order("o_2", "checkout.2");
    order("o_3", "checkout.3");
    pg_fixture_run(pg, "UPDATE saga SET step = 3");
    database_prepare(pg, SQL_ORDER_CANCEL);
    for (int i = 1; i <= 3; i++) {
        snprintf(sql, sizeof(sql), "EXECUTE order_cancel ('o_%d', '%s')", i,
                 checkout_pivots(program.checkout));
        pg_fixture_run(pg, sql);
    }
    assert_int_equal(1, pg_fixture_number(pg, "SELECT count(*) FROM saga WHERE cancel"));
    assert_int_equal(
        1, pg_fixture_number(pg, "SELECT count(*) FROM saga WHERE cancel AND subject = 'o_1'"));
    program_end();
}
