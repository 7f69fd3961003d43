/* event_state.c: two tables. The first says which state may follow which, whatever causes it: the
 * store's clock opens a scheduled event through the same rows as an operator does. The second says
 * to which state an action leads and in which states it has a meaning. An action is legal where
 * both tables agree, so a new action cannot invent a move.
 *
 * Why the rows are as they are:
 * - a sold-out event may open again with everybody's order kept, since seats do come back;
 * - closed is the end: tickets of a closed event are void, and reviving them would be a new sale;
 * - an incident freezes what moves or could move, and unfreezing is an action of its own, so that
 *   nobody opens a frozen line by habit;
 * - resume undoes pause and nothing else, so a late click on "resume" cannot open a draft. */
#include "core/event/event_state.h"

#include <assert.h>

#define BIT(n) (uint8_t)(1u << (n))

static_assert(LINE_STATE_COUNT <= 8, "a set of states is one byte");

static const char *const state_names[LINE_STATE_COUNT] = {
    [LINE_DRAFT] = "draft",   [LINE_SCHEDULED] = "scheduled", [LINE_PRE_QUEUE] = "pre-queue",
    [LINE_OPEN] = "open",     [LINE_PAUSED] = "paused",       [LINE_SOLD_OUT] = "sold-out",
    [LINE_CLOSED] = "closed", [LINE_FROZEN] = "frozen",
};

static const uint8_t state_next[LINE_STATE_COUNT] = {
    [LINE_DRAFT] = BIT(LINE_SCHEDULED) | BIT(LINE_OPEN) | BIT(LINE_CLOSED),
    [LINE_SCHEDULED] = BIT(LINE_PRE_QUEUE) | BIT(LINE_OPEN) | BIT(LINE_CLOSED),
    [LINE_PRE_QUEUE] = BIT(LINE_OPEN) | BIT(LINE_CLOSED),
    [LINE_OPEN] = BIT(LINE_FROZEN) | BIT(LINE_PAUSED) | BIT(LINE_SOLD_OUT) | BIT(LINE_CLOSED),
    [LINE_PAUSED] = BIT(LINE_FROZEN) | BIT(LINE_OPEN) | BIT(LINE_SOLD_OUT) | BIT(LINE_CLOSED),
    [LINE_SOLD_OUT] = BIT(LINE_OPEN) | BIT(LINE_CLOSED),
    [LINE_CLOSED] = 0,
    [LINE_FROZEN] = BIT(LINE_OPEN) | BIT(LINE_PAUSED) | BIT(LINE_SOLD_OUT) | BIT(LINE_CLOSED),
};

static const struct {
    const char *name;
    uint8_t from; /* states in which the action is meaningful */
    enum line_state to;
} actions[EVENT_ACTION_COUNT] = {
    [EVENT_SCHEDULE] = {"schedule", BIT(LINE_DRAFT), LINE_SCHEDULED},
    [EVENT_OPEN] = {"open",
                    BIT(LINE_DRAFT) | BIT(LINE_SCHEDULED) | BIT(LINE_PRE_QUEUE) | BIT(LINE_PAUSED) |
                        BIT(LINE_SOLD_OUT),
                    LINE_OPEN},
    [EVENT_PAUSE] = {"pause", BIT(LINE_OPEN), LINE_PAUSED},
    [EVENT_RESUME] = {"resume", BIT(LINE_PAUSED), LINE_OPEN},
    [EVENT_DRAW] = {"draw", BIT(LINE_PRE_QUEUE), LINE_OPEN},
    [EVENT_SELL_OUT] = {"sold-out", BIT(LINE_OPEN) | BIT(LINE_PAUSED) | BIT(LINE_FROZEN),
                        LINE_SOLD_OUT},
    [EVENT_CLOSE] = {"close", 0xFF, LINE_CLOSED},
    [EVENT_FREEZE] = {"freeze", BIT(LINE_OPEN) | BIT(LINE_PAUSED), LINE_FROZEN},
    [EVENT_UNFREEZE] = {"unfreeze", BIT(LINE_FROZEN), LINE_OPEN},
};

const char *event_state_name(enum line_state state)
{
    assert(state < LINE_STATE_COUNT);
    return state_names[state];
}

const char *event_action_name(enum event_action action)
{
    assert(action < EVENT_ACTION_COUNT);
    return actions[action].name;
}

bool event_action_parse(struct span name, enum event_action *out)
{
    for (unsigned i = 0; i < EVENT_ACTION_COUNT; i++) {
        if (span_eq(name, span_of(actions[i].name))) {
            *out = (enum event_action)i;
            return true;
        }
    }
    return false;
}

bool event_state_may(enum line_state from, enum line_state to)
{
    assert(from < LINE_STATE_COUNT);
    assert(to < LINE_STATE_COUNT);
    assert((state_next[from] & BIT(from)) == 0); /* no state follows itself */
    return (state_next[from] & BIT(to)) != 0;
}

bool event_state_move(enum line_state from, enum event_action action, enum line_state *to)
{
    assert(action < EVENT_ACTION_COUNT && from < LINE_STATE_COUNT);
    if ((actions[action].from & BIT(from)) == 0 || !event_state_may(from, actions[action].to))
        return false;
    *to = actions[action].to;
    assert(*to != from && event_state_may(from, *to));
    return true;
}

void event_state_legal(enum line_state from, struct text *out)
{
    json_open(out, '[');
    for (unsigned i = 0; i < EVENT_ACTION_COUNT; i++) {
        enum line_state to;
        if (event_state_move(from, (enum event_action)i, &to))
            json_str(out, span_of(actions[i].name));
    }
    json_close(out, ']');
}

bool event_state_takes_joins(enum line_state state)
{
    assert(state < LINE_STATE_COUNT);
    return state == LINE_PRE_QUEUE || state == LINE_OPEN || state == LINE_PAUSED ||
           state == LINE_FROZEN;
}
