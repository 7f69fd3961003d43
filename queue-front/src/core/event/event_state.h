/* event_state.h: the life of an event: which state may follow which, and what an operator's action
 * means in each. This is the only table of it; the scripts in Redis only compare states. */
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
    EVENT_UNFREEZE, /* back to the state before: the table says open, the caller may know better */
    EVENT_ACTION_COUNT,
};

const char *event_state_name(enum line_state state); /* "draft", ..., as on the wire */
bool event_state_parse(struct span name, enum line_state *out);

const char *event_action_name(enum event_action action); /* "open", ..., the last path segment */
bool event_action_parse(struct span name, enum event_action *out);

/* May `to` follow `from`, by an action or by the clock? A state never follows itself. */
bool event_state_may(enum line_state from, enum line_state to);

/* Where the action leads from `from`. False, and nothing written: it is not legal there. */
bool event_state_move(enum line_state from, enum event_action action, enum line_state *to);

/* Writes the names of the actions that are legal in `from` as a JSON array, for callers who were
 * just refused. */
void event_state_legal(enum line_state from, struct text *out);

/* May new visitors join? Open, paused and frozen lines and pre-queues take people in. */
bool event_state_takes_joins(enum line_state state);

#endif
