/* saga_engine_test.c: what a step is told and what becomes of what it says, and when an engine
 * wants to be turned again. Whatever it waits for will turn it; an engine that is due at once
 * meanwhile would keep a processor busy with nothing. */
#include "core/saga/saga_engine.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>

enum { SLOTS = 12, IDLE_MS = 500 };

static struct saga_call *called[SLOTS];
static uint32_t called_len;
static uint32_t leases, commits, moved_len;
static const struct saga_move *moved; /* the first of the last commit */

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
static const struct saga_step asking_step = {.name = "b",
                                             .run = never_answers,
                                             .peer = 0,
                                             .timeout_ms = 10000,
                                             .deadline_ms = 20000,
                                             .retry_first_ms = 100,
                                             .retry_cap_ms = 1000};
static const struct saga_step *const asking_steps[] = {&asking_step};
static const struct saga_def asking = {.key = "test.2", .steps = asking_steps, .steps_len = 1};
static const struct saga_def *const defs[] = {&def, &asking};

static void lease(void *ctx, uint32_t max)
{
    (void)ctx;
    (void)max;
    leases++;
}

static void commit(void *ctx, const struct saga_move *const *moves, uint32_t len)
{
    (void)ctx;
    assert_true(len > 0);
    moved = moves[0];
    moved_len = len;
    commits++;
}

static struct rng_seeded rng;

static struct saga_engine_conf conf_of(uint32_t slots, uint32_t calls_max)
{
    return (struct saga_engine_conf){.defs = defs,
                                     .defs_len = 2,
                                     .slots = slots,
                                     .calls_max = calls_max,
                                     .idle_ms = IDLE_MS,
                                     .breaker_trip = 10,
                                     .breaker_open_ms = 1000,
                                     .breaker_open_max_ms = 1000,
                                     .budget_share_milli = 100,
                                     .budget_per_s = 1,
                                     .budget_cap = 10,
                                     .store = {lease, commit, NULL},
                                     .rng = &rng.rng};
}

static struct saga_engine *create_by(const struct saga_engine_conf *conf)
{
    struct saga_engine *engine;
    rng_seeded_init(&rng, 1);
    called_len = leases = commits = 0;
    assert_int_equal(saga_engine_create(conf, 0, NULL, &engine), 0);
    return engine;
}

static struct saga_engine *create(void)
{
    struct saga_engine_conf conf = conf_of(SLOTS, SLOTS);
    return create_by(&conf);
}

static void give(struct saga_engine *engine, const struct saga_row *rows, uint32_t len)
{
    uint64_t leased = saga_engine_stats(engine)->leased;
    saga_engine_on_leased(engine, rows, len);
    assert_int_equal(saga_engine_stats(engine)->leased, leased + len);
}

static void answer_lease(struct saga_engine *engine, uint32_t len, uint64_t now_us)
{
    struct saga_row rows[SLOTS] = {0};
    for (uint32_t i = 0; i < len; i++)
        rows[i] =
            (struct saga_row){.id = i + 1, .token = 1, .def = &def, .lease_us = now_us + 60000000};
    give(engine, rows, len);
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
        const char *says; /* NULL: good */
    } cases[] = {
        {0, 1, "saga slots: 0"},           {1, 0, "saga calls at a time: 0"},          {1, 1, NULL},
        {1, 2, "saga calls at a time: 2"}, {8, 9, "saga calls at a time: 9"},          {8, 8, NULL},
        {SAGA_SLOTS_MAX, 1, NULL},         {SAGA_SLOTS_MAX + 1, 1, "saga slots: 4097"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct saga_engine *engine = NULL;
        struct saga_engine_conf conf = conf_of(cases[i].slots, cases[i].calls_max);
        struct err_slot err;
        int rc = saga_engine_create(&conf, 0, &err, &engine);
        assert_int_equal(rc, cases[i].says == NULL ? 0 : ERR_RANGE);
        if (cases[i].says != NULL)
            assert_says(&err, cases[i].says);
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
    assert_int_equal(leases, 1);
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
    assert_int_equal(leases, 1);
    uint64_t due_us = saga_engine_due_us(engine);
    assert_int_equal(due_us, 3000 + 100000); /* a tenth of a second after it failed */
    saga_engine_turn(engine, due_us);
    assert_int_equal(commits, 2);
    destroy(engine);
}

/* Of a saga whose lease ends at 60001000, half a second of which nobody counts on. */
enum { LEASED_US = 1000, OVER_US = 60001000 - 500000 };

static struct saga_engine *create_leased(void)
{
    struct saga_engine *engine = create();
    saga_engine_turn(engine, LEASED_US);
    answer_lease(engine, 1, LEASED_US);
    return engine;
}

/* Its step is over, and the move on its way to the store. */
static struct saga_engine *create_committing(enum saga_verdict verdict)
{
    struct saga_engine *engine = create_leased();
    saga_engine_turn(engine, 2000);
    saga_call_finish(called[0], &(struct saga_outcome){.verdict = verdict});
    called_len = 0;
    saga_engine_turn(engine, 3000);
    assert_int_equal(commits, 1);
    return engine;
}

static void answer_commit(struct saga_engine *engine, enum saga_stored stored)
{
    struct saga_store_reply reply = {
        .stored = stored, .why = "too-long", .lease_us = OVER_US + 500000};
    saga_engine_on_committed(engine, true, &reply);
}

static void a_move_that_the_store_refuses_is_parked_then_bare_then_dropped(void **state)
{
    (void)state;
    struct saga_engine *engine = create_committing(SAGA_DONE);
    for (uint32_t refused = 1; refused <= 2; refused++) {
        answer_commit(engine, SAGA_REFUSED);
        saga_engine_turn(engine, 3000 + refused);
        assert_int_equal(commits, 1 + refused);
        assert_true(moved->parked);
        assert_true(moved->release);
        assert_string_equal(moved->code, "bad-row");
    }
    answer_commit(engine, SAGA_REFUSED);
    saga_engine_turn(engine, 4000);
    assert_int_equal(commits, 3);
    assert_int_equal(saga_engine_stats(engine)->refused, 3);
    assert_int_equal(saga_engine_stats(engine)->in_flight, 0);
    destroy(engine);
}

static void a_move_after_one_that_was_stored_may_be_refused_as_often(void **state)
{
    (void)state;
    static const struct saga_step *const two_steps[] = {&step, &step};
    static const struct saga_def two = {.key = "test.4", .steps = two_steps, .steps_len = 2};
    static const struct saga_def *const two_defs[] = {&two};
    struct saga_engine_conf conf = conf_of(SLOTS, SLOTS);
    conf.defs = two_defs;
    conf.defs_len = 1;
    struct saga_engine *engine = create_by(&conf);
    saga_engine_turn(engine, LEASED_US);
    struct saga_row row = {.id = 1, .token = 1, .def = &two, .lease_us = OVER_US + 500000};
    give(engine, &row, 1);
    for (uint32_t moves = 1; moves <= 2; moves++) {
        saga_engine_turn(engine, 2000 * moves);
        saga_call_finish(called[0], &(struct saga_outcome){.verdict = SAGA_DONE});
        called_len = 0;
        saga_engine_turn(engine, 2000 * moves + 1000);
        assert_int_equal(commits, moves);
        answer_commit(engine, moves == 1 ? SAGA_STORED : SAGA_REFUSED);
    }
    saga_engine_turn(engine, 6000);
    assert_int_equal(commits, 3);
    answer_commit(engine, SAGA_REFUSED);
    saga_engine_turn(engine, 7000);
    assert_int_equal(commits, 4); /* parked, then bare, as at first */
    answer_commit(engine, SAGA_REFUSED);
    saga_engine_turn(engine, 8000);
    assert_int_equal(commits, 4);
    assert_int_equal(saga_engine_stats(engine)->in_flight, 0);
    destroy(engine);
}

static void a_saga_whose_lease_is_over_is_not_touched(void **state)
{
    (void)state;
    for (unsigned over = 0; over < 2; over++) {
        struct saga_engine *engine = create_leased();
        saga_engine_turn(engine, OVER_US - 1 + over);
        assert_int_equal(called_len, 1 - over);
        assert_int_equal(saga_engine_stats(engine)->in_flight, 1 - over);
        destroy(engine);
    }
}

static void a_move_whose_lease_is_over_is_not_stored(void **state)
{
    (void)state;
    for (unsigned over = 0; over < 2; over++) {
        struct saga_engine *engine = create_leased();
        saga_engine_turn(engine, 2000);
        saga_call_finish(called[0], &(struct saga_outcome){.verdict = SAGA_DONE});
        called_len = 0;
        saga_engine_turn(engine, OVER_US - 1 + over);
        assert_int_equal(commits, 1 - over);
        assert_int_equal(saga_engine_stats(engine)->in_flight, 1 - over);
        destroy(engine);
    }
}

static void a_commit_is_sent_again_until_the_lease_is_over(void **state)
{
    (void)state;
    for (unsigned over = 0; over < 2; over++) {
        struct saga_engine *engine = create_committing(SAGA_DONE);
        saga_engine_on_committed(engine, false, NULL);
        saga_engine_turn(engine, OVER_US - 1 + over);
        assert_int_equal(commits, 2 - over);
        assert_int_equal(saga_engine_stats(engine)->in_flight, 1 - over);
        assert_int_equal(saga_engine_stats(engine)->commits_unknown, 1);
        destroy(engine);
    }
}

static void what_somebody_else_has_meanwhile_is_let_go(void **state)
{
    (void)state;
    struct saga_engine *engine = create_committing(SAGA_DONE);
    answer_commit(engine, SAGA_FENCED);
    saga_engine_turn(engine, 4000);
    assert_int_equal(saga_engine_stats(engine)->fenced, 1);
    assert_int_equal(saga_engine_stats(engine)->in_flight, 0);
    destroy(engine);
}

static void a_saga_that_has_ended_is_counted_by_how_it_ended(void **state)
{
    (void)state;
    static const struct {
        enum saga_verdict verdict;
        uint64_t completed, undone;
    } rows[] = {{SAGA_DONE, 1, 0}, {SAGA_FAILED, 0, 1}, {SAGA_ONGOING, 0, 0}, {SAGA_UNKNOWN, 0, 0}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct saga_engine *engine = create_committing(rows[i].verdict);
        answer_commit(engine, SAGA_STORED);
        assert_int_equal(saga_engine_stats(engine)->moves, 1);
        assert_int_equal(saga_engine_stats(engine)->completed, rows[i].completed);
        assert_int_equal(saga_engine_stats(engine)->undone, rows[i].undone);
        assert_int_equal(saga_engine_stats(engine)->parked, 0);
        destroy(engine);
    }
}

static void a_saga_that_is_leased_while_draining_is_given_back_at_once(void **state)
{
    (void)state;
    struct saga_engine *engine = create();
    saga_engine_turn(engine, LEASED_US);
    saga_engine_drain(engine);
    answer_lease(engine, 1, LEASED_US);
    saga_engine_turn(engine, 2000);
    assert_int_equal(called_len, 0);
    assert_int_equal(commits, 1);
    assert_true(moved->release);
    assert_int_equal(moved->delay_ms, 0);
    assert_int_equal(moved->mark, SAGA_MARK_DEFERRED);
    assert_false(saga_engine_idle(engine));
    answer_commit(engine, SAGA_STORED);
    assert_true(saga_engine_idle(engine));
    destroy(engine);
}

static uint32_t told_to_wait_ms, admitted_peer;

static uint32_t admit(void *ctx, uint8_t peer)
{
    (void)ctx;
    admitted_peer = peer;
    return told_to_wait_ms;
}

static void lease_asking(struct saga_engine *engine, uint32_t len, uint32_t tries)
{
    struct saga_row rows[SLOTS] = {0};
    for (uint32_t i = 0; i < len; i++)
        rows[i] = (struct saga_row){
            .id = i + 1, .token = 1, .def = &asking, .tries = tries, .lease_us = OVER_US + 500000};
    give(engine, rows, len);
}

static void a_peer_that_is_not_to_be_asked_yet_is_left_alone_as_long_as_told(void **state)
{
    (void)state;
    struct saga_engine_conf conf = conf_of(SLOTS, SLOTS);
    conf.admit = admit;
    static const uint32_t told_ms[] = {0, 1, 700};
    for (size_t i = 0; i < sizeof(told_ms) / sizeof(told_ms[0]); i++) {
        told_to_wait_ms = told_ms[i];
        struct saga_engine *engine = create_by(&conf);
        saga_engine_turn(engine, LEASED_US);
        lease_asking(engine, 1, 0);
        saga_engine_turn(engine, 2000);
        assert_int_equal(called_len, told_to_wait_ms == 0);
        assert_int_equal(commits, told_to_wait_ms != 0);
        assert_int_equal(saga_engine_stats(engine)->deferred, told_to_wait_ms != 0);
        if (told_to_wait_ms != 0)
            assert_int_equal(moved->delay_ms, told_to_wait_ms);
        destroy(engine);
    }
}

static void retries_beyond_their_budget_wait_their_turn(void **state)
{
    (void)state;
    struct saga_engine_conf conf = conf_of(SLOTS, SLOTS);
    conf.budget_cap = 2;
    conf.budget_share_milli = 500; /* which retries do not earn */
    struct saga_engine *engine = create_by(&conf);
    saga_engine_turn(engine, LEASED_US);
    lease_asking(engine, 4, 1);
    saga_engine_turn(engine, 2000);
    assert_int_equal(called_len, 2);
    assert_int_equal(moved_len, 2);
    assert_in_range(moved->delay_ms, 500, 1499);
    destroy(engine);
}

static uint32_t stored;

static void on_stored(void *ctx, const struct saga_row *row, const struct saga_move *move)
{
    (void)ctx;
    assert_int_equal(row->id, move->id);
    stored++;
}

static void whoever_wants_to_know_hears_of_each_move_that_is_stored(void **state)
{
    (void)state;
    static const enum saga_stored answers[] = {SAGA_STORED, SAGA_FENCED};
    for (unsigned i = 0; i < 2; i++) {
        struct saga_engine_conf conf = conf_of(SLOTS, SLOTS);
        conf.on_stored = on_stored;
        stored = 0;
        struct saga_engine *engine = create_by(&conf);
        saga_engine_turn(engine, LEASED_US);
        answer_lease(engine, 1, LEASED_US);
        saga_engine_turn(engine, 2000);
        saga_call_finish(called[0], &(struct saga_outcome){.verdict = SAGA_DONE});
        called_len = 0;
        saga_engine_turn(engine, 3000);
        answer_commit(engine, answers[i]);
        assert_int_equal(stored, 1 - i);
        destroy(engine);
    }
}

static void name_try(void *ctx, char trace[SAGA_TRACE_MAX])
{
    (void)ctx;
    assert_string_equal("row", trace);
    snprintf(trace, SAGA_TRACE_MAX, "try");
}

static void a_try_has_a_trace_of_its_own_for_what_it_calls_and_its_move_names_it(void **state)
{
    (void)state;
    struct saga_engine_conf conf = conf_of(SLOTS, SLOTS);
    for (unsigned named = 0; named < 2; named++) {
        conf.on_try = named ? name_try : NULL;
        struct saga_engine *engine = create_by(&conf);
        saga_engine_turn(engine, LEASED_US);
        struct saga_row rows[2] = {
            {.id = 1, .token = 1, .def = &def, .lease_us = 60000000, .trace = "row"}};
        rows[1] = rows[0];
        rows[1].id = 2;
        give(engine, rows, 2);
        saga_engine_turn(engine, 2000);
        for (unsigned i = 0; i < 2; i++)
            assert_string_equal(named ? "try" : "row", called[i]->trace);
        saga_call_finish(called[0], &(struct saga_outcome){.verdict = SAGA_DONE});
        saga_engine_turn(engine, 3000);
        assert_string_equal(named ? "try" : "row", moved->trace);
        answer_commit(engine, SAGA_STORED);
        saga_engine_turn(engine, 2000 + 10000000); /* the other's time is up */
        assert_string_equal("timeout", moved->code);
        assert_string_equal(named ? "try" : "row", moved->trace);
        called[0] = called[1];
        called_len = 1;
        destroy(engine);
    }
}

static void a_lease_that_failed_is_tried_again_and_counted(void **state)
{
    (void)state;
    struct saga_engine *engine = create();
    saga_engine_turn(engine, LEASED_US);
    saga_engine_on_leased(engine, NULL, 0);
    assert_int_equal(saga_engine_stats(engine)->lease_errors, 1);
    uint64_t due_us = saga_engine_due_us(engine);
    assert_int_equal(due_us, LEASED_US + 200000); /* a fifth of a second */
    saga_engine_turn(engine, due_us - 1);
    assert_int_equal(leases, 1);
    saga_engine_turn(engine, due_us);
    assert_int_equal(leases, 2);
    destroy(engine);
}

/* ---- what a step may do to its saga ---- */

static void (*does)(struct saga_call *call); /* before it is done */

static void acts(struct saga_call *call, void *ctx)
{
    (void)ctx;
    does(call);
    saga_call_finish(call, &(struct saga_outcome){.verdict = SAGA_DONE});
}

static void stores_too_much(struct saga_call *call)
{
    static char large[SAGA_DATA_MAX + 1];
    saga_call_set_data(call, (struct span){large, sizeof(large)});
}

static void stores_too_much_and_then_a_little(struct saga_call *call)
{
    stores_too_much(call);
    saga_call_set_data(call, SPAN("{}"));
}

static void stores_as_much_as_it_may(struct saga_call *call)
{
    static char large[SAGA_DATA_MAX];
    saga_call_set_data(call, (struct span){large, sizeof(large)});
}

static void stores_a_little(struct saga_call *call)
{
    saga_call_set_data(call, SPAN("{}"));
}

static void add_too_much(struct saga_effects *effects)
{
    static char large[SAGA_EFFECTS_MAX];
    saga_effects_add(effects, 1, (struct span){large, sizeof(large)});
}

static void writes_too_much(struct saga_call *call)
{
    add_too_much(saga_call_effects(call));
}

static void does_nothing(struct saga_call *call)
{
    (void)call;
}

static void write_too_much(void *ctx, const struct saga_row *row, const struct saga_move *move,
                           struct saga_effects *effects)
{
    (void)ctx, (void)row;
    if (move->mark == SAGA_MARK_DONE)
        add_too_much(effects);
}

static size_t data_len; /* of the saga, once its move is stored */

static void keep_data(void *ctx, const struct saga_row *row, const struct saga_move *move)
{
    (void)ctx, (void)move;
    data_len = row->data.len;
}

static void what_cannot_be_stored_whole_is_not_stored_and_is_tried_again(void **state)
{
    (void)state;
    static const struct {
        void (*does)(struct saga_call *call);
        bool on_move;
        enum saga_mark mark;
        size_t stored;
        enum saga_verdict counted;
    } rows[] = {
        {does_nothing, false, SAGA_MARK_DONE, 0, SAGA_DONE},
        {stores_as_much_as_it_may, false, SAGA_MARK_DONE, SAGA_DATA_MAX, SAGA_DONE},
        {stores_too_much, false, SAGA_MARK_UNKNOWN, 0, SAGA_UNKNOWN},
        {stores_too_much_and_then_a_little, false, SAGA_MARK_UNKNOWN, 0, SAGA_UNKNOWN},
        {writes_too_much, false, SAGA_MARK_UNKNOWN, 0, SAGA_UNKNOWN},
        {does_nothing, true, SAGA_MARK_UNKNOWN, 0, SAGA_DONE},
        {stores_a_little, true, SAGA_MARK_UNKNOWN, 0, SAGA_DONE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct saga_step acting_step = step;
        acting_step.run = acts;
        const struct saga_step *const acting_steps[] = {&acting_step};
        const struct saga_def acting = {.key = "test.3",
                                        .steps = acting_steps,
                                        .steps_len = 1,
                                        .on_move = rows[i].on_move ? write_too_much : NULL};
        const struct saga_def *const acting_defs[] = {&acting};
        struct saga_engine_conf conf = conf_of(1, 1);
        conf.defs = acting_defs;
        conf.defs_len = 1;
        conf.on_stored = keep_data;
        struct saga_engine *engine = create_by(&conf);
        saga_engine_turn(engine, LEASED_US);
        does = rows[i].does;
        struct saga_row row = {.id = 1,
                               .token = 1,
                               .def = &acting,
                               .lease_us = OVER_US + 500000,
                               .data = SPAN("as it was")};
        give(engine, &row, 1);
        saga_engine_turn(engine, 2000);
        assert_int_equal(commits, 1);
        assert_int_equal(moved->mark, rows[i].mark);
        assert_int_equal(moved->data.len, rows[i].stored);
        assert_null(moved->effects);
        if (moved->mark == SAGA_MARK_UNKNOWN)
            assert_string_equal(moved->code, "no-memory");
        assert_int_equal(saga_engine_stats(engine)->tries[rows[i].counted], 1);
        answer_commit(engine, SAGA_STORED);
        assert_int_equal(data_len, rows[i].stored > 0 ? rows[i].stored : strlen("as it was"));
        destroy(engine);
    }
}

/* ---- when it is due ---- */

static void no_more_calls_are_out_than_may_be_and_the_others_wait_for_an_answer(void **state)
{
    (void)state;
    struct saga_engine_conf conf = conf_of(4, 2);
    struct saga_engine *engine = create_by(&conf);
    saga_engine_turn(engine, LEASED_US);
    answer_lease(engine, 4, LEASED_US);
    assert_int_equal(saga_engine_due_us(engine), LEASED_US);
    saga_engine_turn(engine, 2000);
    assert_int_equal(called_len, 2);
    /* Two are ready, and may not be called. */
    assert_int_equal(saga_engine_due_us(engine), 2000 + IDLE_MS * 1000);
    saga_call_finish(called[0], &(struct saga_outcome){.verdict = SAGA_DONE});
    assert_int_equal(saga_engine_due_us(engine), 2000);
    saga_engine_turn(engine, 3000);
    assert_int_equal(called_len, 3);
    called[0] = called[2];
    called_len = 2;
    destroy(engine);
}

static void an_engine_is_due_when_a_call_has_taken_too_long(void **state)
{
    (void)state;
    struct saga_engine_conf conf = conf_of(1, 1);
    conf.idle_ms = 20000;
    struct saga_engine *engine = create_by(&conf);
    saga_engine_turn(engine, LEASED_US);
    answer_lease(engine, 1, LEASED_US);
    saga_engine_turn(engine, 2000);
    assert_int_equal(saga_engine_due_us(engine), 2000 + 10000000);
    saga_engine_turn(engine, 2000 + 10000000 - 1);
    assert_int_equal(saga_engine_stats(engine)->timeouts, 0);
    saga_engine_turn(engine, 2000 + 10000000);
    assert_int_equal(saga_engine_stats(engine)->timeouts, 1);
    assert_string_equal(moved->code, "timeout");
    assert_int_equal(moved->took_us, 10000000);
    assert_int_equal(moved->mark, SAGA_MARK_UNKNOWN);
    destroy(engine);
}

/* The calls hang together: the first one goes from the end, the last one from the front. */
static void calls_come_back_in_any_order(void **state)
{
    (void)state;
    static const uint8_t orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {1, 2, 0}};
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        struct saga_engine *engine = create();
        saga_engine_turn(engine, LEASED_US);
        answer_lease(engine, 3, LEASED_US);
        saga_engine_turn(engine, 2000);
        assert_int_equal(called_len, 3);
        for (uint32_t n = 0; n < 3; n++) {
            saga_call_finish(called[orders[i][n]], &(struct saga_outcome){.verdict = SAGA_DONE});
            saga_engine_turn(engine, 3000 + n);
            assert_int_equal(saga_engine_stats(engine)->calling, 2 - n);
        }
        called_len = 0;
        destroy(engine);
    }
}

static void a_call_that_finished_goes_with_the_engine(void **state)
{
    (void)state;
    struct saga_engine *engine = create_leased();
    saga_engine_turn(engine, 2000);
    saga_call_finish(called[0], &(struct saga_outcome){.verdict = SAGA_DONE});
    called_len = 0;
    destroy(engine);
}

static void while_a_commit_is_out_nothing_is_sent_and_few_are_leased(void **state)
{
    (void)state;
    struct saga_engine *engine = create();
    saga_engine_turn(engine, LEASED_US);
    answer_lease(engine, SLOTS - 1, LEASED_US);
    saga_engine_turn(engine, 2000);
    saga_call_finish(called[0], &(struct saga_outcome){.verdict = SAGA_DONE});
    called[0] = called[--called_len];
    saga_engine_turn(engine, 3000);
    assert_int_equal(commits, 1);
    saga_engine_nudge(engine);
    saga_call_finish(called[0], &(struct saga_outcome){.verdict = SAGA_DONE});
    called[0] = called[--called_len];
    saga_engine_turn(engine, 4000); /* that one gathers, and one free slot is too few to fill */
    assert_int_equal(commits, 1);
    assert_int_equal(leases, 1);
    assert_true(saga_engine_due_us(engine) > 4000);
    struct saga_store_reply reply = {.stored = SAGA_STORED, .lease_us = OVER_US + 500000};
    saga_engine_on_committed(engine, true, &reply);
    saga_engine_turn(engine, 5000);
    assert_int_equal(commits, 2);
    assert_int_equal(leases, 1); /* nor are two */
    saga_call_finish(called[0], &(struct saga_outcome){.verdict = SAGA_DONE});
    called[0] = called[--called_len];
    saga_engine_on_committed(engine, true, &reply);
    saga_engine_turn(engine, 6000);
    assert_int_equal(commits, 3);
    assert_int_equal(leases, 2); /* three slots are a quarter */
    destroy(engine);
}

static void of_few_slots_one_is_leased_for_unless_a_commit_is_out(void **state)
{
    (void)state;
    struct saga_engine *engine = create();
    saga_engine_turn(engine, LEASED_US);
    answer_lease(engine, SLOTS - 1, LEASED_US);
    saga_engine_nudge(engine);
    assert_int_equal(saga_engine_due_us(engine), LEASED_US);
    saga_engine_turn(engine, 2000);
    assert_int_equal(leases, 2);
    destroy(engine);
}

static void an_engine_is_idle_when_nothing_is_out(void **state)
{
    (void)state;
    struct saga_engine *engine = create();
    assert_true(saga_engine_idle(engine));
    saga_engine_turn(engine, LEASED_US);
    assert_false(saga_engine_idle(engine)); /* a lease is asked for */
    answer_lease(engine, 1, LEASED_US);
    assert_false(saga_engine_idle(engine));
    saga_engine_turn(engine, 2000);
    saga_call_finish(called[0], &(struct saga_outcome){.verdict = SAGA_DONE});
    called_len = 0;
    saga_engine_nudge(engine);
    saga_engine_turn(engine, 3000);
    saga_engine_on_leased(engine, NULL, 0); /* that was asked for meanwhile */
    assert_false(saga_engine_idle(engine));
    answer_commit(engine, SAGA_STORED);
    assert_true(saga_engine_idle(engine));
    destroy(engine);
}

/* ---- what a step is told, and what becomes of what it says ---- */

static uint32_t undoes;

static void never_undoes(struct saga_call *call, void *ctx)
{
    never_answers(call, ctx);
    undoes++;
}

static struct saga_step with_undo(void)
{
    struct saga_step two_ways = step;
    two_ways.undo = never_undoes;
    undoes = 0;
    return two_ways;
}

static void a_step_is_told_all_that_is_known_of_its_try(void **state)
{
    (void)state;
    static const struct {
        int64_t step_us;
        uint64_t age_ms;
    } rows[] = {{2000000, 3000}, {5000000, 0}, {5000001, 0}, {-1000000, 6000}, {4998001, 1}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct saga_engine *engine = create();
        saga_engine_turn(engine, LEASED_US);
        char data[] = "{\"seats\":2}";
        struct saga_row row = {.id = 77,
                               .token = 1,
                               .def = &def,
                               .tries = 3,
                               .step_us = rows[i].step_us,
                               .lease_us = OVER_US,
                               .cause = "late",
                               .data = span_of(data)};
        give(engine, &row, 1);
        memset(data, 'x', strlen(data)); /* rows are copied */
        saga_engine_turn(engine, 5000000);
        assert_int_equal(called_len, 1);
        assert_int_equal(called[0]->saga, 77);
        assert_int_equal(called[0]->way, SAGA_DO);
        assert_string_equal(called[0]->step, "a");
        assert_int_equal(called[0]->tries, 3);
        assert_int_equal(called[0]->timeout_ms, 10000);
        assert_int_equal(called[0]->age_ms, rows[i].age_ms);
        assert_string_equal(called[0]->cause, "late");
        assert_true(span_eq(called[0]->data, SPAN("{\"seats\":2}")));
        assert_null(called[0]->scratch);
        destroy(engine);
    }
}

static void what_a_step_stores_the_next_one_finds_and_it_stays_until_another_is_stored(void **state)
{
    (void)state;
    static const struct saga_step *const three_steps[] = {&step, &step, &step};
    static const struct saga_def three = {.key = "test.5", .steps = three_steps, .steps_len = 3};
    static const struct saga_def *const three_defs[] = {&three};
    struct saga_engine_conf conf = conf_of(SLOTS, SLOTS);
    conf.defs = three_defs;
    conf.defs_len = 1;
    struct saga_engine *engine = create_by(&conf);
    saga_engine_turn(engine, LEASED_US);
    struct saga_row row = {
        .id = 1, .token = 1, .def = &three, .lease_us = OVER_US + 500000, .data = SPAN("o")};
    give(engine, &row, 1);
    for (uint32_t i = 0; i < 3; i++) {
        saga_engine_turn(engine, 2000 * (i + 1));
        assert_int_equal(called_len, 1);
        assert_span(called[0]->data, i == 0 ? "o" : "newest");
        if (i == 0) {
            saga_call_set_data(called[0], SPAN("new"));
            saga_call_set_data(called[0], SPAN("newest"));
        }
        saga_call_finish(called[0], &(struct saga_outcome){.verdict = SAGA_DONE});
        called_len = 0;
        saga_engine_turn(engine, 2000 * (i + 1) + 1000);
        if (i == 0)
            assert_span(moved->data, "newest");
        else
            assert_null(moved->data.ptr);
        assert_int_equal(moved->took_us, 1000);
        answer_commit(engine, SAGA_STORED);
    }
    assert_int_equal(saga_engine_stats(engine)->completed, 1);
    destroy(engine);
}

static void
what_a_step_writes_besides_goes_with_its_move_unless_nobody_knows_what_came_of_it(void **state)
{
    (void)state;
    static const enum saga_verdict verdicts[] = {SAGA_DONE, SAGA_FAILED, SAGA_ONGOING,
                                                 SAGA_UNKNOWN};
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
        struct saga_engine *engine = create_leased();
        saga_engine_turn(engine, 2000);
        saga_effects_add(saga_call_effects(called[0]), 9, SPAN("{}"));
        saga_call_finish(called[0], &(struct saga_outcome){.verdict = verdicts[i],
                                                           .code = "the-code",
                                                           .detail = "A sentence."});
        called_len = 0;
        saga_engine_turn(engine, 3000);
        assert_string_equal(moved->code, "the-code");
        assert_string_equal(moved->detail, "A sentence.");
        assert_int_equal(moved->effects != NULL, verdicts[i] != SAGA_UNKNOWN);
        for (unsigned v = 0; v < SAGA_VERDICT_COUNT; v++)
            assert_int_equal(saga_engine_stats(engine)->tries[v], v == verdicts[i]);
        uint32_t at = 0;
        uint8_t kind = 0;
        struct span json;
        if (moved->effects != NULL) {
            assert_true(saga_effects_next(moved->effects, &at, &kind, &json));
            assert_int_equal(kind, 9);
            assert_span(json, "{}");
            assert_false(saga_effects_next(moved->effects, &at, &kind, &json));
        }
        destroy(engine);
    }
}

static void words_that_are_too_long_are_cut(void **state)
{
    (void)state;
    char code[SAGA_CODE_MAX + 2], detail[SAGA_DETAIL_MAX + 2];
    memset(code, 'c', sizeof(code));
    memset(detail, 'd', sizeof(detail));
    code[sizeof(code) - 1] = detail[sizeof(detail) - 1] = '\0';
    struct saga_engine *engine = create_leased();
    saga_engine_turn(engine, 2000);
    saga_call_finish(
        called[0], &(struct saga_outcome){.verdict = SAGA_FAILED, .code = code, .detail = detail});
    called_len = 0;
    memset(code, 'x', sizeof(code) - 1); /* they are copied */
    memset(detail, 'x', sizeof(detail) - 1);
    saga_engine_turn(engine, 3000);
    assert_int_equal(strspn(moved->code, "c"), SAGA_CODE_MAX - 1);
    assert_int_equal(strspn(moved->detail, "d"), SAGA_DETAIL_MAX - 1);
    destroy(engine);
}

static void what_one_saga_writes_is_never_written_for_another(void **state)
{
    (void)state;
    static const enum saga_stored answers[] = {SAGA_STORED, SAGA_FENCED};
    for (unsigned i = 0; i < 2; i++) {
        struct saga_engine_conf conf = conf_of(1, 1);
        struct saga_engine *engine = create_by(&conf);
        saga_engine_turn(engine, LEASED_US);
        answer_lease(engine, 1, LEASED_US);
        saga_engine_turn(engine, 2000);
        saga_effects_add(saga_call_effects(called[0]), 9, SPAN("{}"));
        saga_call_set_data(called[0], SPAN("mine"));
        saga_call_finish(called[0], &(struct saga_outcome){.verdict = SAGA_DONE});
        called_len = 0;
        saga_engine_turn(engine, 3000);
        assert_non_null(moved->effects);
        answer_commit(engine, answers[i]);
        saga_engine_nudge(engine);
        saga_engine_turn(engine, 4000);
        struct saga_row other = {.id = 2, .token = 1, .def = &def, .lease_us = OVER_US + 500000};
        give(engine, &other, 1);
        saga_engine_turn(engine, 5000);
        assert_int_equal(called[0]->data.len, 0);
        saga_call_finish(called[0], &(struct saga_outcome){.verdict = SAGA_UNKNOWN});
        called_len = 0;
        saga_engine_turn(engine, 6000);
        assert_int_equal(moved->id, 2);
        assert_null(moved->effects);
        assert_null(moved->data.ptr);
        destroy(engine);
    }
}

static void a_saga_that_goes_back_is_undone_step_by_step(void **state)
{
    (void)state;
    const struct saga_step two_ways = with_undo();
    const struct saga_step *const back_steps[] = {&two_ways, &step};
    const struct saga_def back = {.key = "test.6", .steps = back_steps, .steps_len = 2, .pivot = 1};
    const struct saga_def *const back_defs[] = {&back};
    struct saga_engine_conf conf = conf_of(SLOTS, SLOTS);
    conf.defs = back_defs;
    conf.defs_len = 1;
    struct saga_engine *engine = create_by(&conf);
    saga_engine_turn(engine, LEASED_US);
    struct saga_row row = {
        .id = 1, .token = 1, .def = &back, .step = 1, .lease_us = OVER_US + 500000};
    give(engine, &row, 1);
    saga_engine_turn(engine, 2000);
    assert_int_equal(called[0]->way, SAGA_DO);
    saga_call_finish(called[0], &(struct saga_outcome){.verdict = SAGA_FAILED, .code = "no"});
    called_len = 0;
    saga_engine_turn(engine, 3000);
    answer_commit(engine, SAGA_STORED);
    saga_engine_turn(engine, 4000);
    assert_int_equal(called_len, 1);
    assert_int_equal(called[0]->way, SAGA_UNDO);
    assert_int_equal(undoes, 1);
    assert_string_equal(called[0]->cause, "no");
    saga_call_finish(called[0], &(struct saga_outcome){.verdict = SAGA_DONE});
    called_len = 0;
    saga_engine_turn(engine, 5000);
    answer_commit(engine, SAGA_STORED);
    assert_int_equal(saga_engine_stats(engine)->undone, 1);
    destroy(engine);
}

static void a_saga_that_is_cancelled_turns_back_before_its_next_step(void **state)
{
    (void)state;
    static const struct saga_step *const two_steps[] = {&step, &step};
    static const struct saga_def two = {
        .key = "test.7", .steps = two_steps, .steps_len = 2, .pivot = 1};
    static const struct saga_def *const two_defs[] = {&two};
    struct saga_engine_conf conf = conf_of(SLOTS, SLOTS);
    conf.defs = two_defs;
    conf.defs_len = 1;
    struct saga_engine *engine = create_by(&conf);
    saga_engine_turn(engine, LEASED_US);
    struct saga_row row = {.id = 1, .token = 1, .def = &two, .lease_us = OVER_US + 500000};
    give(engine, &row, 1);
    saga_engine_turn(engine, 2000);
    saga_call_finish(called[0], &(struct saga_outcome){.verdict = SAGA_DONE});
    called_len = 0;
    saga_engine_turn(engine, 3000);
    struct saga_store_reply reply = {
        .stored = SAGA_STORED, .cancel = true, .wake = 5, .lease_us = OVER_US + 500000};
    saga_engine_on_committed(engine, true, &reply);
    saga_engine_turn(engine, 4000);
    assert_int_equal(called_len, 0);
    assert_int_equal(moved->mark, SAGA_MARK_TURNED);
    assert_string_equal(moved->code, "cancelled");
    assert_int_equal(moved->wake, 5);
    answer_commit(engine, SAGA_STORED);
    assert_int_equal(saga_engine_stats(engine)->undone, 1);
    destroy(engine);
}

/* ---- when it leases ---- */

static void after_a_full_lease_there_may_be_more_and_after_another_it_waits(void **state)
{
    (void)state;
    struct saga_engine *engine = create();
    saga_engine_turn(engine, LEASED_US);
    assert_int_equal(leases, 1);
    answer_lease(engine, SLOTS, LEASED_US);
    saga_engine_turn(engine, 2000);
    for (uint32_t i = 0; i < SLOTS; i++)
        saga_call_finish(called[i], &(struct saga_outcome){.verdict = SAGA_DONE});
    called_len = 0;
    saga_engine_turn(engine, 3000);
    assert_int_equal(moved_len, SLOTS);
    struct saga_store_reply replies[SLOTS] = {0};
    saga_engine_on_committed(engine, true, replies);
    saga_engine_turn(engine, 4000);
    assert_int_equal(leases, 2);
    saga_engine_on_leased(engine, (struct saga_row[1]){0}, 0); /* there is nothing */
    assert_int_equal(saga_engine_due_us(engine), 4000 + IDLE_MS * 1000);
    saga_engine_turn(engine, 4000 + IDLE_MS * 1000 - 1);
    assert_int_equal(leases, 2);
    saga_engine_turn(engine, 4000 + IDLE_MS * 1000);
    assert_int_equal(leases, 3);
    assert_int_equal(saga_engine_stats(engine)->leases, 3);
    assert_int_equal(saga_engine_stats(engine)->leased, SLOTS);
    assert_int_equal(saga_engine_stats(engine)->commits, 1);
    destroy(engine);
}

/* Its step wants to be asked again after a while, so the store has it until then. */
static struct saga_engine *create_sleeping(uint32_t retry_ms, uint32_t wake)
{
    struct saga_engine *engine = create_leased();
    saga_engine_turn(engine, 2000);
    saga_call_finish(called[0],
                     &(struct saga_outcome){.verdict = SAGA_ONGOING, .retry_ms = retry_ms});
    called_len = 0;
    saga_engine_turn(engine, 3000);
    assert_true(moved->release);
    struct saga_store_reply reply = {
        .stored = SAGA_STORED, .wake = wake, .lease_us = OVER_US + 500000};
    saga_engine_on_committed(engine, true, &reply);
    return engine;
}

static void a_saga_that_sleeps_is_looked_for_when_it_is_due(void **state)
{
    (void)state;
    static const struct {
        uint32_t retry_ms, wake;
        uint64_t due_us;
    } rows[] = {{100, 0, 3000 + 100000},
                {IDLE_MS + 100, 0, LEASED_US + IDLE_MS * 1000}, /* it is looked anyway */
                {100, 1, 3000}};                                /* somebody has woken it */
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct saga_engine *engine = create_sleeping(rows[i].retry_ms, rows[i].wake);
        assert_int_equal(saga_engine_stats(engine)->moves, 1);
        assert_int_equal(saga_engine_due_us(engine), rows[i].due_us);
        if (rows[i].due_us > 3000) {
            saga_engine_turn(engine, rows[i].due_us - 1);
            assert_int_equal(leases, 1);
        }
        saga_engine_turn(engine, rows[i].due_us);
        assert_int_equal(leases, 2);
        destroy(engine);
    }
}

static void an_engine_is_due_as_soon_as_it_is_made(void **state)
{
    (void)state;
    struct saga_engine *engine = NULL;
    struct saga_engine_conf conf = conf_of(SLOTS, SLOTS);
    leases = 0;
    assert_int_equal(saga_engine_create(&conf, 7000, NULL, &engine), 0);
    assert_int_equal(saga_engine_due_us(engine), 7000);
    saga_engine_turn(engine, 7000);
    assert_int_equal(leases, 1);
    saga_engine_destroy(engine);
}

static void a_row_is_of_the_definition_that_has_its_key(void **state)
{
    (void)state;
    struct saga_engine *engine = create();
    assert_ptr_equal(saga_engine_def(engine, SPAN("test.1")), &def);
    assert_ptr_equal(saga_engine_def(engine, SPAN("test.2")), &asking);
    assert_null(saga_engine_def(engine, SPAN("test.3")));
    assert_null(saga_engine_def(engine, SPAN("test")));
    saga_engine_destroy(engine);
}

/* ---- peers ---- */

static void a_peer_that_is_silent_is_left_alone_for_a_while_and_then_asked_once(void **state)
{
    (void)state;
    struct saga_engine_conf conf = conf_of(SLOTS, SLOTS);
    conf.breaker_trip = 2;
    struct saga_engine *engine = create_by(&conf);
    saga_engine_turn(engine, LEASED_US);
    lease_asking(engine, 2, 0);
    saga_engine_turn(engine, 2000);
    assert_int_equal(called_len, 2);
    for (uint32_t i = 0; i < 2; i++)
        saga_call_finish(called[i], &(struct saga_outcome){.verdict = SAGA_UNKNOWN});
    called_len = 0;
    saga_engine_turn(engine, 3000);
    struct saga_store_reply replies[SLOTS] = {0};
    saga_engine_on_committed(engine, true, replies);
    saga_engine_nudge(engine);
    saga_engine_turn(engine, 4000);
    lease_asking(engine, 2, 0);
    saga_engine_turn(engine, 5000);
    assert_int_equal(called_len, 0);
    assert_int_equal(saga_engine_stats(engine)->deferred, 2);
    assert_int_equal(moved->mark, SAGA_MARK_DEFERRED);
    assert_in_range(moved->delay_ms, 998 + 1, 2 * 998 + 1);
    saga_engine_on_committed(engine, true, replies);
    saga_engine_nudge(engine);
    saga_engine_turn(engine, 1003000);
    lease_asking(engine, 2, 0);
    saga_engine_turn(engine, 1003001);
    assert_int_equal(called_len, 1);
    saga_call_finish(called[0], &(struct saga_outcome){.verdict = SAGA_DONE}); /* it is back */
    called_len = 0;
    saga_engine_turn(engine, 1004000);
    saga_engine_on_committed(engine, true, replies);
    saga_engine_turn(engine, 1005000);
    saga_engine_on_committed(engine, true, replies);
    saga_engine_nudge(engine);
    saga_engine_turn(engine, 1006000);
    lease_asking(engine, 2, 0);
    saga_engine_turn(engine, 1007000);
    assert_int_equal(called_len, 2);
    destroy(engine);
}

static void first_tries_earn_retries(void **state)
{
    (void)state;
    struct saga_engine_conf conf = conf_of(SLOTS, SLOTS);
    conf.budget_cap = 1;
    conf.budget_per_s = 0;
    conf.budget_share_milli = 500;
    struct saga_row rows[5] = {0};
    static const uint32_t tries[5] = {1, 0, 0, 1, 1}; /* the one there is, and one that is earned */
    for (uint32_t i = 0; i < 5; i++)
        rows[i] = (struct saga_row){.id = i + 1,
                                    .token = 1,
                                    .def = &asking,
                                    .tries = tries[i],
                                    .lease_us = OVER_US + 500000};
    struct saga_engine *engine = create_by(&conf);
    saga_engine_turn(engine, LEASED_US);
    give(engine, rows, 5);
    saga_engine_turn(engine, 2000);
    assert_int_equal(called_len, 4);
    assert_int_equal(moved_len, 1);
    assert_int_equal(moved->id, 5);
    destroy(engine);
}

static void a_saga_is_refused_as_often_whoever_had_its_slot_before(void **state)
{
    (void)state;
    struct saga_engine_conf conf = conf_of(1, 1);
    struct saga_engine *engine = create_by(&conf);
    saga_engine_turn(engine, LEASED_US);
    for (uint32_t saga = 1; saga <= 2; saga++) {
        uint64_t now_us = 10000 * saga;
        answer_lease(engine, 1, LEASED_US);
        saga_engine_turn(engine, now_us);
        saga_call_finish(called[0], &(struct saga_outcome){.verdict = SAGA_DONE});
        called_len = 0;
        for (uint32_t refused = 0; refused < 3; refused++) {
            saga_engine_turn(engine, now_us + refused + 1);
            assert_int_equal(commits, 3 * (saga - 1) + refused + 1);
            answer_commit(engine, SAGA_REFUSED);
        }
        saga_engine_nudge(engine);
        saga_engine_turn(engine, now_us + 10);
        assert_int_equal(commits, 3 * saga);
        assert_int_equal(leases, 1 + saga);
    }
    destroy(engine);
}

static void a_saga_that_is_parked_is_counted_and_not_looked_for(void **state)
{
    (void)state;
    struct saga_engine *engine = create_committing(SAGA_DONE);
    answer_commit(engine, SAGA_REFUSED);
    saga_engine_turn(engine, 4000);
    assert_true(moved->parked);
    struct saga_store_reply reply = {.stored = SAGA_STORED, .wake = 7};
    saga_engine_on_committed(engine, true, &reply);
    assert_int_equal(saga_engine_stats(engine)->parked, 1);
    assert_int_equal(saga_engine_stats(engine)->in_flight, 1); /* as of the last turn */
    assert_int_equal(saga_engine_due_us(engine), LEASED_US + IDLE_MS * 1000);
    saga_engine_turn(engine, 5000);
    assert_int_equal(saga_engine_stats(engine)->in_flight, 0);
    assert_int_equal(leases, 1);
    destroy(engine);
}

static void a_saga_that_has_ended_is_not_looked_for_though_somebody_wakes_it(void **state)
{
    (void)state;
    struct saga_engine *engine = create_committing(SAGA_DONE);
    struct saga_store_reply reply = {.stored = SAGA_STORED, .wake = 7};
    saga_engine_on_committed(engine, true, &reply);
    assert_int_equal(saga_engine_due_us(engine), LEASED_US + IDLE_MS * 1000);
    destroy(engine);
}

static void add_a_little(void *ctx, const struct saga_row *row, const struct saga_move *move,
                         struct saga_effects *effects)
{
    assert_ptr_equal(ctx, &stored);
    assert_int_equal(row->state, SAGA_RUNNING); /* as it was */
    assert_int_equal(move->state, SAGA_COMPLETED);
    saga_effects_add(effects, 3, SPAN("[]"));
}

static void a_definition_adds_to_what_its_step_writes(void **state)
{
    (void)state;
    for (unsigned of_step = 0; of_step < 2; of_step++) {
        const struct saga_def adding = {.key = "test.8",
                                        .steps = steps,
                                        .steps_len = 1,
                                        .on_move = add_a_little,
                                        .ctx = &stored};
        const struct saga_def *const adding_defs[] = {&adding};
        struct saga_engine_conf conf = conf_of(1, 1);
        conf.defs = adding_defs;
        conf.defs_len = 1;
        struct saga_engine *engine = create_by(&conf);
        saga_engine_turn(engine, LEASED_US);
        struct saga_row row = {.id = 1, .token = 1, .def = &adding, .lease_us = OVER_US + 500000};
        give(engine, &row, 1);
        saga_engine_turn(engine, 2000);
        if (of_step)
            saga_effects_add(saga_call_effects(called[0]), 2, SPAN("{}"));
        saga_call_finish(called[0], &(struct saga_outcome){.verdict = SAGA_DONE});
        called_len = 0;
        saga_engine_turn(engine, 3000);
        uint32_t at = 0;
        uint8_t kind = 0;
        struct span json;
        assert_non_null(moved->effects);
        if (of_step) {
            assert_true(saga_effects_next(moved->effects, &at, &kind, &json));
            assert_int_equal(kind, 2);
        }
        assert_true(saga_effects_next(moved->effects, &at, &kind, &json));
        assert_int_equal(kind, 3);
        assert_false(saga_effects_next(moved->effects, &at, &kind, &json));
        destroy(engine);
    }
}

/* Dice that always fall as they are told. */
static uint64_t fallen;

static void fall(void *ctx, void *out, size_t len)
{
    (void)ctx;
    assert_int_equal(len, sizeof(fallen));
    memcpy(out, &fallen, len);
}

static const struct rng dice = {.fill = fall};

static void a_wait_for_a_peer_is_drawn_from_its_least_to_its_most(void **state)
{
    (void)state;
    static const struct {
        uint64_t retry, silence; /* the least and the most of what they are drawn from */
        uint32_t retry_ms, silence_ms;
    } rows[] = {{1000000, 1998, 500, 999}, {1000999, 1997, 1499, 1997}};
    for (unsigned i = 0; i < 2; i++) {
        struct saga_engine_conf conf = conf_of(SLOTS, SLOTS);
        conf.rng = &dice;
        conf.budget_cap = 1;
        fallen = rows[i].retry;
        struct saga_engine *engine = create_by(&conf);
        saga_engine_turn(engine, LEASED_US);
        lease_asking(engine, 2, 1); /* and the budget is for one */
        saga_engine_turn(engine, 2000);
        assert_int_equal(moved->delay_ms, rows[i].retry_ms);
        destroy(engine);

        conf.breaker_trip = 1;
        fallen = rows[i].silence;
        engine = create_by(&conf);
        saga_engine_turn(engine, LEASED_US);
        lease_asking(engine, 2, 0);
        saga_engine_turn(engine, 2000);
        saga_call_finish(called[0], &(struct saga_outcome){.verdict = SAGA_UNKNOWN});
        called[0] = called[1];
        called_len = 1;
        saga_engine_turn(engine, 3000);
        answer_commit(engine, SAGA_STORED);
        saga_engine_nudge(engine);
        saga_engine_turn(engine, 4000);
        lease_asking(engine, 1, 0);
        saga_engine_turn(engine, 5000); /* 998 ms before it may be asked again */
        assert_int_equal(moved->mark, SAGA_MARK_DEFERRED);
        assert_int_equal(moved->delay_ms, rows[i].silence_ms);
        destroy(engine);
    }
}

/* Each with a silence as the first that opens a breaker, and one more saga behind it. */
static void a_peer_is_silent_only_if_it_was_asked_and_did_not_answer(void **state)
{
    (void)state;
    static const struct {
        struct saga_outcome outcome;
        bool too_long, deferred; /* what it wants to store; the next one */
    } rows[] = {
        {{.verdict = SAGA_UNKNOWN}, false, true},
        {{.verdict = SAGA_UNKNOWN}, true, true},
        {{.verdict = SAGA_UNKNOWN, .heard = SAGA_HEARD_ANSWER}, false, false},
        {{.verdict = SAGA_UNKNOWN, .heard = SAGA_HEARD_NOTHING}, false, false},
        {{.verdict = SAGA_UNKNOWN, .heard = SAGA_HEARD_NOTHING}, true, false},
        {{.verdict = SAGA_DONE}, true, false},
        {{.verdict = SAGA_DONE, .heard = SAGA_HEARD_ANSWER}, true, false},
    };
    static char long_data[SAGA_DATA_MAX + 1];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct saga_engine_conf conf = conf_of(SLOTS, SLOTS);
        conf.breaker_trip = 1;
        struct saga_engine *engine = create_by(&conf);
        saga_engine_turn(engine, LEASED_US);
        lease_asking(engine, 1, 0);
        saga_engine_turn(engine, 2000);
        if (rows[i].too_long)
            saga_call_set_data(called[0], (struct span){long_data, sizeof(long_data)});
        saga_call_finish(called[0], &rows[i].outcome);
        called_len = 0;
        saga_engine_turn(engine, 3000);
        if (rows[i].too_long)
            assert_string_equal(moved->code, "no-memory");
        answer_commit(engine, SAGA_STORED);
        saga_engine_nudge(engine);
        saga_engine_turn(engine, 4000);
        lease_asking(engine, 1, 0);
        saga_engine_turn(engine, 5000);
        assert_int_equal(called_len, !rows[i].deferred);
        assert_int_equal(saga_engine_stats(engine)->deferred, rows[i].deferred);
        destroy(engine);
    }
}

/* The budget is for two, and two retries ask nobody: two others may, and no third. */
static void a_retry_that_asked_nobody_leaves_its_turn_to_another(void **state)
{
    (void)state;
    static const enum saga_heard heard[] = {SAGA_HEARD_NOTHING, SAGA_HEARD_ANSWER};
    for (unsigned i = 0; i < 2; i++) {
        struct saga_engine_conf conf = conf_of(SLOTS, SLOTS);
        conf.budget_cap = 2;
        conf.budget_per_s = 0;
        struct saga_engine *engine = create_by(&conf);
        saga_engine_turn(engine, LEASED_US);
        lease_asking(engine, 2, 1);
        saga_engine_turn(engine, 2000);
        assert_int_equal(called_len, 2);
        for (unsigned n = 0; n < 2; n++)
            saga_call_finish(called[n],
                             &(struct saga_outcome){.verdict = SAGA_UNKNOWN, .heard = heard[i]});
        called_len = 0;
        saga_engine_turn(engine, 3000);
        struct saga_store_reply replies[2] = {0};
        saga_engine_on_committed(engine, true, replies);
        saga_engine_nudge(engine);
        saga_engine_turn(engine, 4000);
        lease_asking(engine, 3, 1);
        saga_engine_turn(engine, 5000);
        assert_int_equal(called_len, heard[i] == SAGA_HEARD_NOTHING ? 2 : 0);
        destroy(engine);
    }
}

/* As an order that costs nothing is done without its provider: that one may still be away. */
static void a_peer_that_was_not_asked_is_not_back(void **state)
{
    (void)state;
    struct saga_engine_conf conf = conf_of(SLOTS, SLOTS);
    conf.breaker_trip = 1;
    struct saga_engine *engine = create_by(&conf);
    saga_engine_turn(engine, LEASED_US);
    lease_asking(engine, 1, 0);
    saga_engine_turn(engine, 2000);
    saga_call_finish(called[0], &(struct saga_outcome){.verdict = SAGA_UNKNOWN});
    uint64_t now_us = 3000;
    for (unsigned probe = 0; probe < 2; probe++) {
        called_len = 0;
        saga_engine_turn(engine, now_us);
        struct saga_store_reply replies[SLOTS] = {0};
        saga_engine_on_committed(engine, true, replies);
        now_us += 1000000 * (1 - probe); /* the second one goes at once */
        saga_engine_nudge(engine);
        saga_engine_turn(engine, now_us);
        lease_asking(engine, 2, 0);
        saga_engine_turn(engine, now_us);
        assert_int_equal(called_len, 1);
        saga_call_finish(called[0],
                         &(struct saga_outcome){.verdict = SAGA_DONE, .heard = SAGA_HEARD_NOTHING});
        if (probe == 0) { /* and the other one was told to wait */
            assert_int_equal(moved->mark, SAGA_MARK_DEFERRED);
            saga_engine_on_committed(engine, true, replies);
        }
    }
    called_len = 0;
    destroy(engine);
}

/* From the first to the last that there may be. */
static void each_peer_has_a_breaker_and_a_budget_of_its_own(void **state)
{
    (void)state;
    for (uint8_t silent = 0; silent < SAGA_PEERS_MAX; silent += SAGA_PEERS_MAX - 1) {
        struct saga_step peer_steps[2] = {asking_step, asking_step};
        peer_steps[0].peer = silent;
        peer_steps[1].peer = SAGA_PEERS_MAX - 1 - silent;
        const struct saga_step *const lists[2][1] = {{&peer_steps[0]}, {&peer_steps[1]}};
        const struct saga_def peers[2] = {{.key = "test.9", .steps = lists[0], .steps_len = 1},
                                          {.key = "test.10", .steps = lists[1], .steps_len = 1}};
        const struct saga_def *const peer_defs[] = {&peers[0], &peers[1]};
        struct saga_engine_conf conf = conf_of(SLOTS, SLOTS);
        conf.defs = peer_defs;
        conf.breaker_trip = conf.budget_cap = 1;
        struct saga_row rows[3] = {
            {.id = 1, .token = 1, .def = &peers[0], .tries = 1, .lease_us = OVER_US + 500000}};
        rows[2] = rows[1] = rows[0];
        rows[1].id = 2;
        rows[2].id = 3;
        rows[2].def = &peers[1];
        struct saga_engine *engine = create_by(&conf);
        saga_engine_turn(engine, LEASED_US);
        give(engine, rows, 3);
        saga_engine_turn(engine, 2000);
        assert_int_equal(called_len, 2); /* a retry of each: one waits for its budget */
        assert_int_equal(called[0]->saga, 1);
        assert_int_equal(called[1]->saga, 3);
        assert_int_equal(moved_len, 1);
        answer_commit(engine, SAGA_STORED);
        saga_call_finish(called[0], &(struct saga_outcome){.verdict = SAGA_UNKNOWN});
        saga_call_finish(called[1], &(struct saga_outcome){.verdict = SAGA_DONE});
        called_len = 0;
        saga_engine_turn(engine, 3000);
        struct saga_store_reply replies[2] = {0};
        saga_engine_on_committed(engine, true, replies);
        saga_engine_nudge(engine);
        saga_engine_turn(engine, 4000);
        for (unsigned i = 0; i < 3; i++)
            rows[i].tries = 0;
        give(engine, rows, 3);
        saga_engine_turn(engine, 5000);
        assert_int_equal(called_len, 1);
        assert_int_equal(called[0]->saga, 3);
        assert_int_equal(saga_engine_stats(engine)->deferred, 1 + 2);
        destroy(engine);
    }
}

/* A probe is no retry among others: it goes out though the budget is spent. */
static void a_peer_that_was_silent_is_asked_again_by_a_retry_as_well(void **state)
{
    (void)state;
    struct saga_engine_conf conf = conf_of(SLOTS, SLOTS);
    conf.breaker_trip = conf.budget_cap = 1;
    conf.budget_per_s = 0;
    struct saga_engine *engine = create_by(&conf);
    saga_engine_turn(engine, LEASED_US);
    lease_asking(engine, 1, 1);
    saga_engine_turn(engine, 2000);
    saga_call_finish(called[0], &(struct saga_outcome){.verdict = SAGA_UNKNOWN});
    called_len = 0;
    saga_engine_turn(engine, 3000);
    answer_commit(engine, SAGA_STORED);
    saga_engine_nudge(engine);
    saga_engine_turn(engine, 3000 + 1000000);
    lease_asking(engine, 1, 1);
    saga_engine_turn(engine, 3000 + 1000000);
    assert_int_equal(called_len, 1);
    destroy(engine);
}

static void a_lease_that_was_renewed_is_gone_on_with(void **state)
{
    (void)state;
    static const struct saga_step *const two_steps[] = {&step, &step};
    static const struct saga_def two = {.key = "test.12", .steps = two_steps, .steps_len = 2};
    static const struct saga_def *const two_defs[] = {&two};
    for (unsigned renewed = 0; renewed < 2; renewed++) {
        struct saga_engine_conf conf = conf_of(1, 1);
        conf.defs = two_defs;
        conf.defs_len = 1;
        struct saga_engine *engine = create_by(&conf);
        saga_engine_turn(engine, LEASED_US);
        struct saga_row row = {.id = 1, .token = 1, .def = &two, .lease_us = 2000000};
        give(engine, &row, 1);
        saga_engine_turn(engine, 2000);
        saga_call_finish(called[0], &(struct saga_outcome){.verdict = SAGA_DONE});
        called_len = 0;
        saga_engine_turn(engine, 3000);
        struct saga_store_reply reply = {.stored = SAGA_STORED,
                                         .lease_us = renewed ? 9000000 : 2000000};
        saga_engine_on_committed(engine, true, &reply);
        saga_engine_turn(engine, 5000000);
        assert_int_equal(called_len, renewed);
        destroy(engine);
    }
}

/* ---- several at a time ---- */

static void what_was_sent_together_is_sent_again_together_but_for_what_is_over(void **state)
{
    (void)state;
    for (unsigned over = 0; over < 2; over++) {
        struct saga_engine *engine = create();
        saga_engine_turn(engine, LEASED_US);
        struct saga_row rows[3] = {{.id = 1, .token = 1, .def = &def, .lease_us = 60000000}};
        rows[2] = rows[1] = rows[0];
        rows[1].id = 2;
        rows[2].id = 3;
        rows[0].lease_us = over ? 30000000 : 60000000;
        give(engine, rows, 3);
        saga_engine_turn(engine, 2000);
        for (uint32_t i = 0; i < 3; i++)
            saga_call_finish(called[i], &(struct saga_outcome){.verdict = SAGA_DONE});
        called_len = 0;
        saga_engine_turn(engine, 3000);
        assert_int_equal(moved_len, 3);
        saga_engine_on_committed(engine, false, NULL);
        saga_engine_turn(engine, 30000000);
        assert_int_equal(commits, 2);
        assert_int_equal(moved_len, 3 - over);
        assert_int_equal(moved->id, 1 + over);
        saga_engine_turn(engine, 31000000); /* and not once more while it is out */
        assert_int_equal(commits, 2);
        struct saga_store_reply replies[3] = {0};
        saga_engine_on_committed(engine, true, replies);
        assert_int_equal(saga_engine_stats(engine)->completed, 3 - over);
        destroy(engine);
    }
}

/* Whichever call it is that ends first, or is over first. */
static void of_several_calls_the_first_that_ends_makes_the_engine_due(void **state)
{
    (void)state;
    struct saga_step quick_step = step;
    quick_step.timeout_ms = 400;
    const struct saga_step *const quick_steps[] = {&quick_step};
    const struct saga_def quick = {.key = "test.11", .steps = quick_steps, .steps_len = 1};
    const struct saga_def *const both[] = {&def, &quick};
    struct saga_engine_conf conf = conf_of(3, 3);
    conf.defs = both;
    for (uint32_t which = 0; which < 3; which++) {
        struct saga_row rows[3];
        for (uint32_t i = 0; i < 3; i++)
            rows[i] = (struct saga_row){.id = i + 1,
                                        .token = 1,
                                        .def = i == which ? &quick : &def,
                                        .lease_us = OVER_US + 500000};
        struct saga_engine *engine = create_by(&conf);
        saga_engine_turn(engine, LEASED_US);
        give(engine, rows, 3);
        saga_engine_turn(engine, 2000);
        assert_int_equal(saga_engine_due_us(engine), 2000 + 400000);
        saga_call_finish(called[which], &(struct saga_outcome){.verdict = SAGA_DONE});
        assert_int_equal(saga_engine_due_us(engine), 2000);
        called[which] = called[2];
        called_len = 2;
        destroy(engine);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_and_calls_have_their_bounds),
        cmocka_unit_test(a_nudge_during_a_lease_waits_for_its_answer),
        cmocka_unit_test(a_nudge_waits_for_a_slot),
        cmocka_unit_test(an_engine_that_is_drained_leases_no_more_and_is_not_due),
        cmocka_unit_test(after_a_commit_that_failed_a_nudge_waits_as_the_commit_does),
        cmocka_unit_test(a_move_that_the_store_refuses_is_parked_then_bare_then_dropped),
        cmocka_unit_test(a_move_after_one_that_was_stored_may_be_refused_as_often),
        cmocka_unit_test(a_saga_whose_lease_is_over_is_not_touched),
        cmocka_unit_test(a_move_whose_lease_is_over_is_not_stored),
        cmocka_unit_test(a_commit_is_sent_again_until_the_lease_is_over),
        cmocka_unit_test(what_somebody_else_has_meanwhile_is_let_go),
        cmocka_unit_test(a_saga_that_has_ended_is_counted_by_how_it_ended),
        cmocka_unit_test(a_saga_that_is_leased_while_draining_is_given_back_at_once),
        cmocka_unit_test(a_peer_that_is_not_to_be_asked_yet_is_left_alone_as_long_as_told),
        cmocka_unit_test(retries_beyond_their_budget_wait_their_turn),
        cmocka_unit_test(a_try_has_a_trace_of_its_own_for_what_it_calls_and_its_move_names_it),
        cmocka_unit_test(whoever_wants_to_know_hears_of_each_move_that_is_stored),
        cmocka_unit_test(a_lease_that_failed_is_tried_again_and_counted),
        cmocka_unit_test(what_cannot_be_stored_whole_is_not_stored_and_is_tried_again),
        cmocka_unit_test(no_more_calls_are_out_than_may_be_and_the_others_wait_for_an_answer),
        cmocka_unit_test(an_engine_is_due_when_a_call_has_taken_too_long),
        cmocka_unit_test(calls_come_back_in_any_order),
        cmocka_unit_test(a_call_that_finished_goes_with_the_engine),
        cmocka_unit_test(while_a_commit_is_out_nothing_is_sent_and_few_are_leased),
        cmocka_unit_test(of_few_slots_one_is_leased_for_unless_a_commit_is_out),
        cmocka_unit_test(an_engine_is_idle_when_nothing_is_out),
        cmocka_unit_test(a_step_is_told_all_that_is_known_of_its_try),
        cmocka_unit_test(
            what_a_step_stores_the_next_one_finds_and_it_stays_until_another_is_stored),
        cmocka_unit_test(
            what_a_step_writes_besides_goes_with_its_move_unless_nobody_knows_what_came_of_it),
        cmocka_unit_test(words_that_are_too_long_are_cut),
        cmocka_unit_test(what_one_saga_writes_is_never_written_for_another),
        cmocka_unit_test(a_saga_that_goes_back_is_undone_step_by_step),
        cmocka_unit_test(a_saga_that_is_cancelled_turns_back_before_its_next_step),
        cmocka_unit_test(after_a_full_lease_there_may_be_more_and_after_another_it_waits),
        cmocka_unit_test(a_saga_that_sleeps_is_looked_for_when_it_is_due),
        cmocka_unit_test(an_engine_is_due_as_soon_as_it_is_made),
        cmocka_unit_test(a_row_is_of_the_definition_that_has_its_key),
        cmocka_unit_test(a_peer_that_is_silent_is_left_alone_for_a_while_and_then_asked_once),
        cmocka_unit_test(first_tries_earn_retries),
        cmocka_unit_test(a_saga_is_refused_as_often_whoever_had_its_slot_before),
        cmocka_unit_test(a_saga_that_is_parked_is_counted_and_not_looked_for),
        cmocka_unit_test(a_saga_that_has_ended_is_not_looked_for_though_somebody_wakes_it),
        cmocka_unit_test(a_definition_adds_to_what_its_step_writes),
        cmocka_unit_test(a_wait_for_a_peer_is_drawn_from_its_least_to_its_most),
        cmocka_unit_test(a_peer_is_silent_only_if_it_was_asked_and_did_not_answer),
        cmocka_unit_test(a_peer_that_was_not_asked_is_not_back),
        cmocka_unit_test(a_retry_that_asked_nobody_leaves_its_turn_to_another),
        cmocka_unit_test(each_peer_has_a_breaker_and_a_budget_of_its_own),
        cmocka_unit_test(a_peer_that_was_silent_is_asked_again_by_a_retry_as_well),
        cmocka_unit_test(a_lease_that_was_renewed_is_gone_on_with),
        cmocka_unit_test(what_was_sent_together_is_sent_again_together_but_for_what_is_over),
        cmocka_unit_test(of_several_calls_the_first_that_ends_makes_the_engine_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
