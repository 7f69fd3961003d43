/* saga_test.c: each cell of the table at the top of saga.c. */
#include "core/saga/saga.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
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

static struct saga_move decide(enum saga_state state, uint8_t step, enum saga_verdict verdict,
                               uint64_t now_ms)
{
    struct saga_row row = row_at(state, step);
    struct saga_outcome outcome = {.verdict = verdict, .retry_ms = 400, .code = "why"};
    struct saga_move move;
    saga_decide(&row, &outcome, now_ms * 1000, &rng.rng, &move);
    assert_int_equal(move.id, 7);
    assert_int_equal(move.token, 3);
    assert_int_equal(move.moves, 9);
    assert_int_equal(move.at_step, step);
    assert_int_equal(move.tried, 3);
    return move;
}

static void expect(struct saga_move move, enum saga_state state, uint8_t step, bool parked)
{
    assert_int_equal(move.state, state);
    if (!saga_ended(state))
        assert_int_equal(move.step, step);
    else
        assert_int_equal(move.tries, 0);
    assert_int_equal(move.parked, parked);
}

static void done_goes_down_and_ends_at_the_bottom(void **state)
{
    (void)state;
    expect(decide(SAGA_RUNNING, A, SAGA_DONE, 0), SAGA_RUNNING, B, false);
    expect(decide(SAGA_RUNNING, PIVOT, SAGA_DONE, 0), SAGA_RUNNING, OPTIONAL, false);
    expect(decide(SAGA_RUNNING, LAST, SAGA_DONE, 0), SAGA_COMPLETED, 0, false);
    assert_false(decide(SAGA_RUNNING, A, SAGA_DONE, 0).release);
    assert_int_equal(decide(SAGA_RUNNING, A, SAGA_DONE, 0).tries, 0);
}

static void done_goes_up_past_steps_without_undo(void **state)
{
    (void)state;
    expect(decide(SAGA_UNDOING, C, SAGA_DONE, 0), SAGA_UNDOING, A, false);
    expect(decide(SAGA_UNDOING, A, SAGA_DONE, 0), SAGA_UNDONE, 0, false);
}

static void failed_turns_back_above_the_failed_step(void **state)
{
    (void)state;
    struct saga_move move = decide(SAGA_RUNNING, PIVOT, SAGA_FAILED, 0);
    expect(move, SAGA_UNDOING, C, false);
    assert_string_equal(move.cause, "why");
    expect(decide(SAGA_RUNNING, C, SAGA_FAILED, 0), SAGA_UNDOING, A, false);
    expect(decide(SAGA_RUNNING, A, SAGA_FAILED, 0), SAGA_UNDONE, 0, false);
}

static void failed_below_the_pivot_is_parked_or_skipped(void **state)
{
    (void)state;
    expect(decide(SAGA_RUNNING, LAST, SAGA_FAILED, 0), SAGA_RUNNING, LAST, true);
    struct saga_move move = decide(SAGA_RUNNING, OPTIONAL, SAGA_FAILED, 0);
    expect(move, SAGA_RUNNING, LAST, false);
    assert_int_equal(move.mark, SAGA_MARK_SKIPPED);
}

static void failed_on_the_way_back_is_parked(void **state)
{
    (void)state;
    expect(decide(SAGA_UNDOING, A, SAGA_FAILED, 0), SAGA_UNDOING, A, true);
}

static void ongoing_waits_and_forgets_earlier_silence(void **state)
{
    (void)state;
    struct saga_move move = decide(SAGA_RUNNING, B, SAGA_ONGOING, 0);
    expect(move, SAGA_RUNNING, B, false);
    assert_true(move.release);
    assert_int_equal(move.delay_ms, 400);
    assert_int_equal(move.tries, 0);
}

static void unknown_never_turns_back_before_its_deadline(void **state)
{
    (void)state;
    for (unsigned step = A; step <= LAST; step++) {
        struct saga_move move = decide(SAGA_RUNNING, (uint8_t)step, SAGA_UNKNOWN, 9000);
        expect(move, SAGA_RUNNING, (uint8_t)step, false);
        assert_true(move.release);
        assert_int_equal(move.tries, 3);
        assert_in_range(move.delay_ms, 400, 1000); /* the peer's wish is the least */
    }
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

static void pauses_stay_short_for_as_long_as_the_step_says_and_then_double(void **state)
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

static void nobody_is_waited_for_beyond_the_deadline(void **state)
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

static void unknown_at_its_deadline_goes_back_from_this_very_step(void **state)
{
    (void)state;
    expect(decide(SAGA_RUNNING, C, SAGA_UNKNOWN, 10000), SAGA_UNDOING, C, false);
    expect(decide(SAGA_RUNNING, B, SAGA_UNKNOWN, 10000), SAGA_UNDOING, A, false);
    expect(decide(SAGA_RUNNING, A, SAGA_UNKNOWN, 10000), SAGA_UNDOING, A, false);
}

static void a_saga_that_is_older_than_the_machine_is_overdue_too(void **state)
{
    (void)state;
    struct saga_row row = row_at(SAGA_RUNNING, C);
    row.step_us = -20000 * 1000;
    struct saga_outcome outcome = {.verdict = SAGA_UNKNOWN};
    struct saga_move move;
    saga_decide(&row, &outcome, 5000, &rng.rng, &move);
    expect(move, SAGA_UNDOING, C, false);
}

static void unknown_at_the_pivot_is_parked_and_never_turned(void **state)
{
    (void)state;
    expect(decide(SAGA_RUNNING, PIVOT, SAGA_UNKNOWN, 10000), SAGA_RUNNING, PIVOT, true);
    expect(decide(SAGA_RUNNING, LAST, SAGA_UNKNOWN, 10000), SAGA_RUNNING, LAST, true);
    expect(decide(SAGA_UNDOING, C, SAGA_UNKNOWN, 10000), SAGA_UNDOING, C, true);
    expect(decide(SAGA_RUNNING, OPTIONAL, SAGA_UNKNOWN, 10000), SAGA_RUNNING, LAST, false);
}

/* Statements never write it, but a person can: it must not end every process that leases the row.
 */
static void a_cancel_that_somebody_wrote_below_the_pivot_turns_nothing_back(void **state)
{
    (void)state;
    struct saga_row row = row_at(SAGA_RUNNING, LAST);
    row.cancel = true;
    assert_false(saga_must_turn(&row));
    row.step = PIVOT;
    assert_true(saga_must_turn(&row));
}

static void a_cancel_turns_back_from_the_step_that_may_have_happened(void **state)
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
    /* On the way back it has been heard already. */
    row.state = SAGA_UNDOING;
    assert_false(saga_must_turn(&row));
}

static void a_deferred_saga_sleeps_as_it_was(void **state)
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

static void effects_come_out_as_they_went_in(void **state)
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

static void effects_beyond_their_bound_are_told(void **state)
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

static void a_no_without_a_word_is_called_refused_and_an_earlier_cause_stays(void **state)
{
    (void)state;
    struct saga_row row = row_at(SAGA_RUNNING, B);
    struct saga_outcome outcome = {.verdict = SAGA_FAILED};
    struct saga_move move;
    saga_decide(&row, &outcome, 0, &rng.rng, &move);
    assert_string_equal(move.cause, "refused");
    row = row_at(SAGA_UNDOING, C);
    saga_decide(&row, &outcome, 0, &rng.rng, &move);
    assert_true(move.parked);
    assert_string_equal(move.cause, "refused");
    strcpy(row.cause, "expired"); /* why it turned back; that it is stuck stands beside it */
    saga_decide(&row, &outcome, 0, &rng.rng, &move);
    assert_true(move.parked);
    assert_string_equal(move.cause, "expired");
}

static void ongoing_is_waited_for_until_the_deadline_and_not_beyond(void **state)
{
    (void)state;
    expect(decide(SAGA_RUNNING, A, SAGA_ONGOING, 9999), SAGA_RUNNING, A, false);
    struct saga_move move = decide(SAGA_RUNNING, A, SAGA_ONGOING, 10000);
    expect(move, SAGA_UNDOING, A, false);
    assert_string_equal(move.cause, "deadline");
    expect(decide(SAGA_RUNNING, PIVOT, SAGA_ONGOING, 10000), SAGA_RUNNING, PIVOT, true);
    expect(decide(SAGA_RUNNING, OPTIONAL, SAGA_ONGOING, 10000), SAGA_RUNNING, LAST, false);
}

static void where_nothing_above_can_be_undone_it_is_undone_at_once(void **state)
{
    (void)state;
    static const struct saga_step *const bare_steps[] = {&rows[1], &rows[2], &rows[3]};
    static const struct saga_def bare = {
        .key = "test.2", .steps = bare_steps, .steps_len = 3, .pivot = 2};
    saga_def_check(&bare);
    assert_int_equal(saga_undo_step(&bare, 0), -1);
    assert_int_equal(saga_undo_step(&bare, 1), 1);
    assert_int_equal(saga_undo_step(&bare, 2), 1);
    struct saga_row row = row_at(SAGA_RUNNING, 1);
    row.def = &bare;
    struct saga_move move;
    struct saga_outcome outcome = {.verdict = SAGA_FAILED, .code = "why"};
    saga_decide(&row, &outcome, 0, &rng.rng, &move);
    expect(move, SAGA_UNDONE, 0, false);
}

static void what_cannot_be_stored_counts_as_a_try_and_waits_for_a_person(void **state)
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
        cmocka_unit_test(done_goes_down_and_ends_at_the_bottom),
        cmocka_unit_test(done_goes_up_past_steps_without_undo),
        cmocka_unit_test(failed_turns_back_above_the_failed_step),
        cmocka_unit_test(failed_below_the_pivot_is_parked_or_skipped),
        cmocka_unit_test(failed_on_the_way_back_is_parked),
        cmocka_unit_test(ongoing_waits_and_forgets_earlier_silence),
        cmocka_unit_test(unknown_never_turns_back_before_its_deadline),
        cmocka_unit_test(pauses_stay_short_for_as_long_as_the_step_says_and_then_double),
        cmocka_unit_test(nobody_is_waited_for_beyond_the_deadline),
        cmocka_unit_test(unknown_at_its_deadline_goes_back_from_this_very_step),
        cmocka_unit_test(a_saga_that_is_older_than_the_machine_is_overdue_too),
        cmocka_unit_test(unknown_at_the_pivot_is_parked_and_never_turned),
        cmocka_unit_test(a_cancel_turns_back_from_the_step_that_may_have_happened),
        cmocka_unit_test(a_cancel_that_somebody_wrote_below_the_pivot_turns_nothing_back),
        cmocka_unit_test(a_deferred_saga_sleeps_as_it_was),
        cmocka_unit_test(effects_come_out_as_they_went_in),
        cmocka_unit_test(effects_beyond_their_bound_are_told),
        cmocka_unit_test(a_no_without_a_word_is_called_refused_and_an_earlier_cause_stays),
        cmocka_unit_test(ongoing_is_waited_for_until_the_deadline_and_not_beyond),
        cmocka_unit_test(where_nothing_above_can_be_undone_it_is_undone_at_once),
        cmocka_unit_test(what_cannot_be_stored_counts_as_a_try_and_waits_for_a_person),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
