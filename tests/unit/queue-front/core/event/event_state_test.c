/* event_state_test.c: the life of an event, move by move. */
#include "core/event/event_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Row: from; column: to; in the order of the enum. Written out a second time on purpose. */
static const char *const may[LINE_STATE_COUNT] = {
    [LINE_DRAFT] = ".s.o..c.",  [LINE_SCHEDULED] = "..po..c.", [LINE_PRE_QUEUE] = "...o..c.",
    [LINE_OPEN] = "....pScf",   [LINE_PAUSED] = "...o.Scf",    [LINE_SOLD_OUT] = "...o..c.",
    [LINE_CLOSED] = "........", [LINE_FROZEN] = "...opSc.",
};

static void only_the_moves_of_the_table_are_allowed(void **state)
{
    (void)state;
    for (unsigned from = 0; from < LINE_STATE_COUNT; from++) {
        for (unsigned to = 0; to < LINE_STATE_COUNT; to++)
            assert_int_equal(event_state_may((enum line_state)from, (enum line_state)to),
                             may[from][to] != '.');
    }
}

static void an_act_only_leads_where_its_state_may_go(void **state)
{
    (void)state;
    unsigned legal = 0;
    for (unsigned from = 0; from < LINE_STATE_COUNT; from++) {
        for (unsigned action = 0; action < EVENT_ACTION_COUNT; action++) {
            enum line_state to = (enum line_state)from;
            bool moved = event_state_move((enum line_state)from, (enum event_action)action, &to);
            legal += moved;
            assert_int_equal(moved, to != from);
            if (moved)
                assert_true(event_state_may((enum line_state)from, to));
        }
    }
    assert_int_equal(legal, 22);
}

static void a_sold_out_event_opens_again_and_a_closed_one_never(void **state)
{
    (void)state;
    enum line_state to;
    assert_true(event_state_move(LINE_SOLD_OUT, EVENT_OPEN, &to));
    assert_int_equal(to, LINE_OPEN);
    for (unsigned action = 0; action < EVENT_ACTION_COUNT; action++)
        assert_false(event_state_move(LINE_CLOSED, (enum event_action)action, &to));
}

static void resume_answers_a_pause_and_nothing_else(void **state)
{
    (void)state;
    enum line_state to;
    for (unsigned from = 0; from < LINE_STATE_COUNT; from++)
        assert_int_equal(event_state_move((enum line_state)from, EVENT_RESUME, &to),
                         from == LINE_PAUSED);
}

static void the_legal_acts_are_named(void **state)
{
    (void)state;
    char memory[256];
    struct text text = text_on(memory, sizeof(memory));
    event_state_legal(LINE_OPEN, &text);
    assert_true(span_eq(text_span(&text), SPAN("[\"pause\",\"sold-out\",\"close\",\"freeze\"]")));
    text = text_on(memory, sizeof(memory));
    event_state_legal(LINE_CLOSED, &text);
    assert_true(span_eq(text_span(&text), SPAN("[]")));
}

static void names_are_read_as_they_are_written(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LINE_STATE_COUNT; i++) {
        enum line_state read = LINE_STATE_COUNT;
        assert_true(event_state_parse(span_of(event_state_name((enum line_state)i)), &read));
        assert_int_equal(read, i);
    }
    for (unsigned i = 0; i < EVENT_ACTION_COUNT; i++) {
        enum event_action read = EVENT_ACTION_COUNT;
        assert_true(event_action_parse(span_of(event_action_name((enum event_action)i)), &read));
        assert_int_equal(read, i);
    }
    enum line_state read;
    assert_false(event_state_parse(SPAN("opened"), &read));
    assert_false(event_state_parse(SPAN(""), &read));
}

static void a_paused_line_accepts_joins(void **state)
{
    (void)state;
    assert_true(event_state_takes_joins(LINE_OPEN));
    assert_true(event_state_takes_joins(LINE_PAUSED));
    assert_true(event_state_takes_joins(LINE_PRE_QUEUE));
    assert_false(event_state_takes_joins(LINE_DRAFT));
    assert_false(event_state_takes_joins(LINE_SCHEDULED));
    assert_false(event_state_takes_joins(LINE_SOLD_OUT));
    assert_false(event_state_takes_joins(LINE_CLOSED));
}

static void an_act_is_known_by_its_name_and_no_other(void **state)
{
    (void)state;
    enum event_action action;
    for (unsigned i = 0; i < EVENT_ACTION_COUNT; i++) {
        assert_true(event_action_parse(span_of(event_action_name((enum event_action)i)), &action));
        assert_int_equal(action, i);
    }
    assert_false(event_action_parse(SPAN("opens"), &action));
    assert_false(event_action_parse(SPAN(""), &action));
}

static void people_join_a_line_that_is_to_move_some_day(void **state)
{
    (void)state;
    static const bool joins[LINE_STATE_COUNT] = {
        [LINE_PRE_QUEUE] = true, [LINE_OPEN] = true, [LINE_PAUSED] = true, [LINE_FROZEN] = true};
    for (unsigned i = 0; i < LINE_STATE_COUNT; i++)
        assert_int_equal(event_state_takes_joins((enum line_state)i), joins[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_moves_of_the_table_are_allowed),
        cmocka_unit_test(an_act_only_leads_where_its_state_may_go),
        cmocka_unit_test(a_sold_out_event_opens_again_and_a_closed_one_never),
        cmocka_unit_test(resume_answers_a_pause_and_nothing_else),
        cmocka_unit_test(the_legal_acts_are_named),
        cmocka_unit_test(names_are_read_as_they_are_written),
        cmocka_unit_test(a_paused_line_accepts_joins),
        cmocka_unit_test(an_act_is_known_by_its_name_and_no_other),
        cmocka_unit_test(people_join_a_line_that_is_to_move_some_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
