/* event_state.h: the life of an event: which state may follow which, and what an operator's action
 * does in each. The only such table; the scripts in Redis only compare states. */
#ifndef FG_QUEUE_FRONT_CORE_EVENT_STATE_H
#define FG_QUEUE_FRONT_CORE_EVENT_STATE_H

#include "base/span.h"
#include "base/text.h"
#include "core/line/line.h"

#include <stdbool.h>

enum event_action {
    EVENT_SCHEDULE, /* opens by itself at opens_at */
    EVENT_OPEN,
    EVENT_PAUSE,
    EVENT_RESUME,
    EVENT_DRAW,
    EVENT_SELL_OUT,
    EVENT_CLOSE,
    EVENT_FREEZE,
    EVENT_UNFREEZE, /* to the previous state: callers may know better than the table */
    EVENT_ACTION_COUNT,
};

const char *event_state_name(enum line_state state); /* "draft", ..., as on the wire */

const char *event_action_name(enum event_action action); /* "open", ..., the last path segment */
bool event_action_parse(struct span name, enum event_action *out);

/* Whether `to` may follow `from`, by an action or by the clock. A state never follows itself. */
bool event_state_may(enum line_state from, enum line_state to);

/* The state after the action in `from`. False, and nothing written: the action is illegal there. */
bool event_state_move(enum line_state from, enum event_action action, enum line_state *to);

/* Writes the names of the actions that are legal in `from` as a JSON array, for rejected
 * callers. */
void event_state_legal(enum line_state from, struct text *out);

/* Whether new visitors may join: in open, paused and frozen lines and in pre-queues. */
bool event_state_takes_joins(enum line_state state);

#endif
