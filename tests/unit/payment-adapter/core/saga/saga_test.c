/* saga_test.c: each cell of the table at the top of saga.c. */
#include "core/saga/saga.h"

#include "unit.h"

#include <string.h>

static void nothing(struct saga_call *call, void *ctx)
{
    (void)call;
    (void)ctx;
}

#define STEP(NAME, UNDO, OPTIONAL)                                                                 \
    {                                                                                              \
        .name = NAME, .run = nothing, .undo = UNDO, .peer = SAGA_PEER_NONE, .optional = OPTIONAL,  \
        .timeout_ms = 1000, .deadline_ms = 10000, .retry_first_ms = 100, .retry_cap_ms = 1000      \
    }

static const struct saga_step rows[] = {
    STEP("a", nothing, false), STEP("b", NULL, false), STEP("c", nothing, false),
    STEP("d", NULL, false),    STEP("e", NULL, true),  STEP("f", NULL, false),
};
static const struct saga_step *const steps[] = {&rows[0], &rows[1], &rows[2],
                                                &rows[3], &rows[4], &rows[5]};
static const struct saga_def def = {.key = "test.1", .steps = steps, .steps_len = 6, .pivot = 3};

enum { A, B, C, PIVOT, OPTIONAL, LAST };

static struct rng_seeded rng;

static struct saga_row row_at(enum saga_state state, uint8_t step)
{
    return (struct saga_row){
        .id = 7, .token = 3, .moves = 9, .def = &def, .state = state, .step = step, .tries = 2};
}

/* A cell of the table: where this verdict leads at this time. */
static const struct cell {
    enum saga_state state;
    uint8_t step;
    enum saga_verdict verdict;
    uint32_t now_ms;
    enum saga_state to;
    uint8_t to_step; /* unless it has ended */
    bool parked;
    enum saga_mark mark;
    const char *cause;
} cells[] = {
    /* done: down to the bottom, and up past steps without undo */
    {SAGA_RUNNING, A, SAGA_DONE, 0, SAGA_RUNNING, B, false, SAGA_MARK_DONE, ""},
    {SAGA_RUNNING, PIVOT, SAGA_DONE, 0, SAGA_RUNNING, OPTIONAL, false, SAGA_MARK_DONE, ""},
    {SAGA_RUNNING, LAST, SAGA_DONE, 0, SAGA_COMPLETED, 0, false, SAGA_MARK_DONE, ""},
    {SAGA_UNDOING, C, SAGA_DONE, 0, SAGA_UNDOING, A, false, SAGA_MARK_DONE, ""},
    {SAGA_UNDOING, A, SAGA_DONE, 0, SAGA_UNDONE, 0, false, SAGA_MARK_DONE, ""},
    /* failed: back from the step above; parked or skipped below the pivot; parked on the way back
     */
    {SAGA_RUNNING, PIVOT, SAGA_FAILED, 0, SAGA_UNDOING, C, false, SAGA_MARK_FAILED, "why"},
    {SAGA_RUNNING, C, SAGA_FAILED, 0, SAGA_UNDOING, A, false, SAGA_MARK_FAILED, "why"},
    {SAGA_RUNNING, A, SAGA_FAILED, 0, SAGA_UNDONE, 0, false, SAGA_MARK_FAILED, "why"},
    {SAGA_RUNNING, LAST, SAGA_FAILED, 0, SAGA_RUNNING, LAST, true, SAGA_MARK_FAILED, "why"},
    {SAGA_RUNNING, OPTIONAL, SAGA_FAILED, 0, SAGA_RUNNING, LAST, false, SAGA_MARK_SKIPPED, ""},
    {SAGA_UNDOING, A, SAGA_FAILED, 0, SAGA_UNDOING, A, true, SAGA_MARK_FAILED, "why"},
    /* ongoing: until the deadline, and no longer */
    {SAGA_RUNNING, B, SAGA_ONGOING, 0, SAGA_RUNNING, B, false, SAGA_MARK_ONGOING, ""},
    {SAGA_RUNNING, A, SAGA_ONGOING, 9999, SAGA_RUNNING, A, false, SAGA_MARK_ONGOING, ""},
    {SAGA_RUNNING, A, SAGA_ONGOING, 10000, SAGA_UNDOING, A, false, SAGA_MARK_TURNED, "deadline"},
    {SAGA_RUNNING, PIVOT, SAGA_ONGOING, 10000, SAGA_RUNNING, PIVOT, true, SAGA_MARK_ONGOING,
     "deadline"},
    {SAGA_RUNNING, OPTIONAL, SAGA_ONGOING, 10000, SAGA_RUNNING, LAST, false, SAGA_MARK_SKIPPED, ""},
    /* unknown: stays before the deadline; at it, back from this very step, but not from the pivot
     */
    {SAGA_RUNNING, A, SAGA_UNKNOWN, 9000, SAGA_RUNNING, A, false, SAGA_MARK_UNKNOWN, ""},
    {SAGA_RUNNING, B, SAGA_UNKNOWN, 9000, SAGA_RUNNING, B, false, SAGA_MARK_UNKNOWN, ""},
    {SAGA_RUNNING, C, SAGA_UNKNOWN, 9000, SAGA_RUNNING, C, false, SAGA_MARK_UNKNOWN, ""},
    {SAGA_RUNNING, PIVOT, SAGA_UNKNOWN, 9000, SAGA_RUNNING, PIVOT, false, SAGA_MARK_UNKNOWN, ""},
    {SAGA_RUNNING, OPTIONAL, SAGA_UNKNOWN, 9000, SAGA_RUNNING, OPTIONAL, false, SAGA_MARK_UNKNOWN,
     ""},
    {SAGA_RUNNING, LAST, SAGA_UNKNOWN, 9000, SAGA_RUNNING, LAST, false, SAGA_MARK_UNKNOWN, ""},
    {SAGA_RUNNING, C, SAGA_UNKNOWN, 10000, SAGA_UNDOING, C, false, SAGA_MARK_TURNED, "deadline"},
    {SAGA_RUNNING, B, SAGA_UNKNOWN, 10000, SAGA_UNDOING, A, false, SAGA_MARK_TURNED, "deadline"},
    {SAGA_RUNNING, A, SAGA_UNKNOWN, 10000, SAGA_UNDOING, A, false, SAGA_MARK_TURNED, "deadline"},
    {SAGA_RUNNING, PIVOT, SAGA_UNKNOWN, 10000, SAGA_RUNNING, PIVOT, true, SAGA_MARK_UNKNOWN,
     "deadline"},
    {SAGA_RUNNING, LAST, SAGA_UNKNOWN, 10000, SAGA_RUNNING, LAST, true, SAGA_MARK_UNKNOWN,
     "deadline"},
    {SAGA_UNDOING, C, SAGA_UNKNOWN, 10000, SAGA_UNDOING, C, true, SAGA_MARK_UNKNOWN, "deadline"},
    {SAGA_RUNNING, OPTIONAL, SAGA_UNKNOWN, 10000, SAGA_RUNNING, LAST, false, SAGA_MARK_SKIPPED, ""},
};

static void expect(struct saga_move move, enum saga_state state, uint8_t step, bool parked)
{
    assert_int_equal(move.state, state);
    if (!saga_ended(state))
        assert_int_equal(move.step, step);
    else
        assert_int_equal(move.tries, 0);
    assert_int_equal(move.parked, parked);
}

static struct saga_move decide(const struct saga_row *row, enum saga_verdict verdict,
                               uint64_t now_us, const char *code)
{
    struct saga_outcome outcome = {.verdict = verdict, .retry_ms = 400, .code = code};
    struct saga_move move;
    saga_decide(row, &outcome, now_us, &rng.rng, &move);
    return move;
}

static void verdict_leads_where_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
        const struct cell *cell = &cells[i];
        struct saga_row row = row_at(cell->state, cell->step);
        struct saga_move move = decide(&row, cell->verdict, cell->now_ms * 1000, "why");
        expect(move, cell->to, cell->to_step, cell->parked);
        assert_int_equal(move.mark, cell->mark);
        assert_string_equal(move.cause, cell->cause);
        assert_int_equal(move.id, 7);
        assert_int_equal(move.token, 3);
        assert_int_equal(move.moves, 9);
        assert_int_equal(move.at_step, cell->step);
        assert_int_equal(move.tried, 3);
        bool sleeps = cell->now_ms < 10000 && cell->verdict >= SAGA_ONGOING;
        if (cell->state == SAGA_RUNNING && cell->to == SAGA_RUNNING && !cell->parked)
            assert_int_equal(move.release, sleeps);
        if (!sleeps)
            continue;
        /* What the peer asks for is the least; earlier silence counts only if it goes on. */
        bool silent = cell->verdict == SAGA_UNKNOWN;
        assert_in_range(move.delay_ms, 400, silent ? 1000 : 400);
        assert_int_equal(move.tries, silent ? 3 : 0);
    }
    struct saga_row row = row_at(SAGA_RUNNING, A);
    assert_int_equal(decide(&row, SAGA_DONE, 0, "").tries, 0);
}

/* How long the longest pause after this many silences is, of a step with so many near ones. */
static uint32_t longest_ms(uint32_t near, uint32_t tries)
{
    struct saga_step step = rows[A];
    step.retry_near = near;
    const struct saga_step *const one[] = {&step};
    const struct saga_def near_def = {.key = "test.3", .steps = one, .steps_len = 1};
    struct saga_row row = row_at(SAGA_RUNNING, 0);
    row.def = &near_def;
    row.tries = tries - 1;
    struct saga_outcome outcome = {.verdict = SAGA_UNKNOWN};
    struct saga_move move;
    uint32_t most_ms = 0;
    for (int i = 0; i < 1000; i++) {
        saga_decide(&row, &outcome, 0, &rng.rng, &move);
        most_ms = move.delay_ms > most_ms ? move.delay_ms : most_ms;
    }
    return most_ms;
}

static void near_pauses_stay_short_and_later_ones_double(void **state)
{
    (void)state;
    static const struct {
        uint32_t near, tries, ms;
    } expected[] = {
        {0, 1, 100}, {0, 2, 200},  {0, 3, 400},     {0, 4, 800}, {0, 5, 1000},
        {3, 1, 100}, {3, 2, 200},  {3, 3, 200},     {3, 5, 200}, {3, 6, 400},
        {3, 7, 800}, {3, 8, 1000}, {3, 9000, 1000},
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        assert_in_range(longest_ms(expected[i].near, expected[i].tries), expected[i].ms * 9 / 10,
                        expected[i].ms);
}

static void pause_ends_at_the_deadline(void **state)
{
    (void)state;
    struct saga_row row = row_at(SAGA_RUNNING, OPTIONAL);
    struct saga_outcome outcome = {.verdict = SAGA_UNKNOWN, .retry_ms = 3600000};
    struct saga_move move;
    saga_decide(&row, &outcome, 4000 * 1000, &rng.rng, &move);
    assert_int_equal(move.delay_ms, 6000);
    saga_decide(&row, &outcome, 9999 * 1000 + 1, &rng.rng, &move);
    assert_int_equal(move.delay_ms, 1);
}

/* No statement writes such a cancel, but a person can: it must not end each process that leases the
 * row. */
static void cancel_below_the_pivot_turns_nothing_back(void **state)
{
    (void)state;
    struct saga_row row = row_at(SAGA_RUNNING, LAST);
    row.cancel = true;
    assert_false(saga_must_turn(&row));
    row.step = PIVOT;
    assert_true(saga_must_turn(&row));
}

static void cancel_turns_back_from_the_current_step(void **state)
{
    (void)state;
    struct saga_row row = row_at(SAGA_RUNNING, C);
    assert_false(saga_must_turn(&row));
    row.cancel = true;
    assert_true(saga_must_turn(&row));
    struct saga_move move;
    saga_turn_back(&row, "cancelled", &move);
    expect(move, SAGA_UNDOING, C, false);
    assert_string_equal(move.cause, "cancelled");
    /* On the way back the cancel has been obeyed already. */
    row.state = SAGA_UNDOING;
    assert_false(saga_must_turn(&row));
}

static void deferred_saga_sleeps_unchanged(void **state)
{
    (void)state;
    struct saga_row row = row_at(SAGA_RUNNING, C);
    struct saga_move move;
    saga_defer(&row, 777, &move);
    expect(move, SAGA_RUNNING, C, false);
    assert_int_equal(move.tries, 2);
    assert_int_equal(move.delay_ms, 777);
    saga_apply(&row, &move, 5);
    assert_int_equal(row.moves, 10);
    assert_int_equal(row.step_us, 0); /* the step's time goes on */
}

static void effects_are_read_back_in_order(void **state)
{
    (void)state;
    struct saga_effects effects = {0};
    saga_effects_add(&effects, 3, SPAN("{\"a\":1}"));
    saga_effects_add(&effects, 1, SPAN("{}"));
    uint32_t at = 0;
    uint8_t kind;
    struct span json;
    assert_true(saga_effects_next(&effects, &at, &kind, &json));
    assert_int_equal(kind, 3);
    assert_true(span_eq(json, SPAN("{\"a\":1}")));
    assert_true(saga_effects_next(&effects, &at, &kind, &json));
    assert_true(span_eq(json, SPAN("{}")));
    assert_false(saga_effects_next(&effects, &at, &kind, &json));
    saga_effects_clear(&effects);
}

static void effects_beyond_their_bound_fail(void **state)
{
    (void)state;
    struct saga_effects effects = {0};
    char big[SAGA_EFFECTS_MAX / 2];
    memset(big, 'x', sizeof(big));
    saga_effects_add(&effects, 0, (struct span){big, sizeof(big)});
    assert_false(effects.failed);
    saga_effects_add(&effects, 0, (struct span){big, sizeof(big)});
    assert_true(effects.failed);
    saga_effects_clear(&effects);
}

static void failure_without_a_code_is_refused_and_keeps_an_earlier_cause(void **state)
{
    (void)state;
    struct saga_row row = row_at(SAGA_RUNNING, B);
    assert_string_equal(decide(&row, SAGA_FAILED, 0, NULL).cause, "refused");
    row = row_at(SAGA_UNDOING, C);
    struct saga_move move = decide(&row, SAGA_FAILED, 0, NULL);
    assert_true(move.parked);
    assert_string_equal(move.cause, "refused");
    strcpy(row.cause, "expired"); /* why it turned back */
    move = decide(&row, SAGA_FAILED, 0, NULL);
    assert_true(move.parked);
    assert_string_equal(move.cause, "expired");
}

static void refused_move_counts_as_a_try_and_is_parked(void **state)
{
    (void)state;
    struct saga_row row = row_at(SAGA_RUNNING, B);
    struct saga_move move;
    saga_refuse(&row, "too-long", &move);
    expect(move, SAGA_RUNNING, B, true);
    assert_int_equal(move.tries, 3);
    assert_string_equal(move.code, "bad-row");
    assert_string_equal(move.detail, "too-long");
    assert_string_equal(move.cause, "bad-row");
    assert_true(move.release);
}

int main(void)
{
    rng_seeded_init(&rng, 3);
    saga_def_check(&def);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdict_leads_where_the_table_says),
        cmocka_unit_test(near_pauses_stay_short_and_later_ones_double),
        cmocka_unit_test(pause_ends_at_the_deadline),
        cmocka_unit_test(cancel_below_the_pivot_turns_nothing_back),
        cmocka_unit_test(cancel_turns_back_from_the_current_step),
        cmocka_unit_test(deferred_saga_sleeps_unchanged),
        cmocka_unit_test(effects_are_read_back_in_order),
        cmocka_unit_test(effects_beyond_their_bound_fail),
        cmocka_unit_test(failure_without_a_code_is_refused_and_keeps_an_earlier_cause),
        cmocka_unit_test(refused_move_counts_as_a_try_and_is_parked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
