/* event_state_test.c: the life of an event, move by move. */
#include "core/event/event_state.h"
#include "unit.h"

/* Rows: from; columns: to; in the order of the enum. Deliberately written out a second time. */
static const struct {
    const char *moves, *legal; /* actions */
    bool joins;
} rows[LINE_STATE_COUNT] = {
    [LINE_DRAFT] = {".s.o..c.", "[\"schedule\",\"open\",\"close\"]", false},
    [LINE_SCHEDULED] = {"..po..c.", "[\"open\",\"close\"]", false},
    [LINE_PRE_QUEUE] = {"...o..c.", "[\"open\",\"draw\",\"close\"]", true},
    [LINE_OPEN] = {"....pScf", "[\"pause\",\"sold-out\",\"close\",\"freeze\"]", true},
    [LINE_PAUSED] = {"...o.Scf", "[\"open\",\"resume\",\"sold-out\",\"close\",\"freeze\"]", true},
    [LINE_SOLD_OUT] = {"...o..c.", "[\"open\",\"close\"]", false},
    [LINE_CLOSED] = {"........", "[]", false},
    [LINE_FROZEN] = {"...opSc.", "[\"sold-out\",\"close\",\"unfreeze\"]", true},
};

TEST_CASE(each_state_has_its_moves_actions_and_joins)
{
    unsigned legal = 0;
    for (unsigned i = 0; i < LINE_STATE_COUNT; i++) {
        enum line_state from = (enum line_state)i, to;
        for (unsigned t = 0; t < LINE_STATE_COUNT; t++)
            assert_int_equal(event_state_may(from, (enum line_state)t), rows[i].moves[t] != '.');
        for (unsigned action = 0; action < EVENT_ACTION_COUNT; action++) {
            to = from;
            bool moved = event_state_move(from, (enum event_action)action, &to);
            legal += moved;
            assert_int_equal(moved, to != from);
            assert_true(!moved || event_state_may(from, to));
        }
        assert_int_equal(event_state_move(from, EVENT_RESUME, &to), from == LINE_PAUSED);
        assert_int_equal(event_state_takes_joins(from), rows[i].joins);
        char memory[256];
        struct text text = text_on(memory, sizeof(memory));
        event_state_legal(from, &text);
        assert_span(text_span(&text), rows[i].legal);
    }
    assert_int_equal(legal, 22);
}

TEST_CASE(names_of_actions_read_back)
{
    enum event_action action;
    for (unsigned i = 0; i < EVENT_ACTION_COUNT; i++) {
        assert_true(event_action_parse(span_of(event_action_name((enum event_action)i)), &action));
        assert_int_equal(action, i);
    }
    assert_false(event_action_parse(SPAN("opens"), &action) ||
                 event_action_parse(SPAN(""), &action));
}
