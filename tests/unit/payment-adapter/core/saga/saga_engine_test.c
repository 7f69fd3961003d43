/* saga_engine_test.c: when an engine wants to be turned again. Whatever it waits for will turn it;
 * an engine that is due at once meanwhile would keep a processor busy with nothing. */
#include "core/saga/saga_engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { SLOTS = 4, IDLE_MS = 500 };

static struct saga_call *called[SLOTS];
static uint32_t called_len;
static uint32_t leases, commits;

static void never_answers(struct saga_call *call, void *ctx)
{
    (void)ctx;
    called[called_len++] = call;
}

static const struct saga_step step = {.name = "a",
                                      .run = never_answers,
                                      .peer = SAGA_PEER_NONE,
                                      .timeout_ms = 10000,
                                      .deadline_ms = 20000,
                                      .retry_first_ms = 100,
                                      .retry_cap_ms = 1000};
static const struct saga_step *const steps[] = {&step};
static const struct saga_def def = {.key = "test.1", .steps = steps, .steps_len = 1};
static const struct saga_def *const defs[] = {&def};

static void lease(void *ctx, uint32_t max)
{
    (void)ctx;
    (void)max;
    leases++;
}

static void commit(void *ctx, const struct saga_move *const *moves, uint32_t len)
{
    (void)ctx;
    (void)moves;
    (void)len;
    commits++;
}

static struct rng_seeded rng;

static struct saga_engine_conf conf_of(uint32_t slots, uint32_t calls_max)
{
    return (struct saga_engine_conf){.defs = defs,
                                     .defs_len = 1,
                                     .slots = slots,
                                     .calls_max = calls_max,
                                     .idle_ms = IDLE_MS,
                                     .breaker_trip = 10,
                                     .breaker_open_ms = 1000,
                                     .budget_share_milli = 100,
                                     .budget_per_s = 1,
                                     .budget_cap = 10,
                                     .store = {lease, commit, NULL},
                                     .rng = &rng.rng};
}

static struct saga_engine *create(void)
{
    struct saga_engine *engine;
    rng_seeded_init(&rng, 1);
    called_len = leases = commits = 0;
    struct saga_engine_conf conf = conf_of(SLOTS, SLOTS);
    assert_int_equal(saga_engine_create(&conf, 0, NULL, &engine), 0);
    return engine;
}

static void answer_lease(struct saga_engine *engine, uint32_t len, uint64_t now_us)
{
    struct saga_row rows[SLOTS] = {0};
    for (uint32_t i = 0; i < len; i++)
        rows[i] =
            (struct saga_row){.id = i + 1, .token = 1, .def = &def, .lease_us = now_us + 60000000};
    saga_engine_on_leased(engine, rows, len);
}

/* What a call has left goes with it. */
static void destroy(struct saga_engine *engine)
{
    saga_engine_destroy(engine);
    for (uint32_t i = 0; i < called_len; i++)
        saga_call_finish(called[i], &(struct saga_outcome){.verdict = SAGA_UNKNOWN});
}

static void slots_and_calls_have_their_bounds(void **state)
{
    (void)state;
    const struct {
        uint32_t slots, calls_max;
        int rc;
    } cases[] = {{0, 1, ERR_RANGE},
                 {1, 0, ERR_RANGE},
                 {1, 1, 0},
                 {1, 2, ERR_RANGE},
                 {8, 9, ERR_RANGE},
                 {8, 8, 0},
                 {SAGA_SLOTS_MAX, 1, 0},
                 {SAGA_SLOTS_MAX + 1, 1, ERR_RANGE}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct saga_engine *engine = NULL;
        struct saga_engine_conf conf = conf_of(cases[i].slots, cases[i].calls_max);
        assert_int_equal(saga_engine_create(&conf, 0, NULL, &engine), cases[i].rc);
        saga_engine_destroy(engine);
    }
}

static void a_nudge_during_a_lease_waits_for_its_answer(void **state)
{
    (void)state;
    struct saga_engine *engine = create();
    saga_engine_turn(engine, 1000);
    assert_int_equal(leases, 1);
    saga_engine_nudge(engine);
    uint64_t now_us = 2000;
    for (; now_us < 3 * IDLE_MS * 1000; now_us += 100000) {
        saga_engine_turn(engine, now_us);
        assert_true(saga_engine_due_us(engine) > now_us);
    }
    assert_int_equal(leases, 1);
    answer_lease(engine, 0, now_us);
    assert_true(saga_engine_due_us(engine) <= now_us);
    saga_engine_turn(engine, now_us);
    assert_int_equal(leases, 2);
    destroy(engine);
}

static void a_nudge_waits_for_a_slot(void **state)
{
    (void)state;
    struct saga_engine *engine = create();
    saga_engine_turn(engine, 1000);
    answer_lease(engine, SLOTS, 1000);
    saga_engine_turn(engine, 2000);
    assert_int_equal(called_len, SLOTS);
    saga_engine_nudge(engine);
    saga_engine_turn(engine, 3000);
    assert_true(saga_engine_due_us(engine) > 3000);
    assert_int_equal(leases, 1);
    destroy(engine);
}

static void an_engine_that_is_drained_leases_no_more_and_is_not_due(void **state)
{
    (void)state;
    struct saga_engine *engine = create();
    saga_engine_turn(engine, 1000);
    answer_lease(engine, 1, 1000);
    saga_engine_turn(engine, 2000);
    saga_engine_drain(engine);
    saga_engine_nudge(engine); /* as worker_drain() does */
    saga_engine_turn(engine, 3000);
    assert_true(saga_engine_due_us(engine) > 3000);
    destroy(engine);
}

static void after_a_commit_that_failed_a_nudge_waits_as_the_commit_does(void **state)
{
    (void)state;
    struct saga_engine *engine = create();
    saga_engine_turn(engine, 1000);
    answer_lease(engine, 1, 1000);
    saga_engine_turn(engine, 2000);
    saga_call_finish(called[0], &(struct saga_outcome){.verdict = SAGA_DONE});
    called_len = 0;
    saga_engine_turn(engine, 3000);
    assert_int_equal(commits, 1);
    saga_engine_on_committed(engine, false, NULL);
    saga_engine_nudge(engine);
    saga_engine_turn(engine, 4000);
    uint64_t due_us = saga_engine_due_us(engine);
    assert_true(due_us > 4000);
    saga_engine_turn(engine, due_us);
    assert_int_equal(commits, 2);
    destroy(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_and_calls_have_their_bounds),
        cmocka_unit_test(a_nudge_during_a_lease_waits_for_its_answer),
        cmocka_unit_test(a_nudge_waits_for_a_slot),
        cmocka_unit_test(an_engine_that_is_drained_leases_no_more_and_is_not_due),
        cmocka_unit_test(after_a_commit_that_failed_a_nudge_waits_as_the_commit_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
