/* admin_draw.h: what an operator's action means for the draw. Each function returns false if it
 * answered the request; the action must then be ended. */
#ifndef FG_QUEUE_FRONT_ADMIN_DRAW_H
#define FG_QUEUE_FRONT_ADMIN_DRAW_H

#include "admin/act.h"

/* The promise in act->doc. Which round the draw waits for follows from when the entries close; once
 * they have, nothing of it changes. `event` as it is now, NULL: it is being created. */
bool admin_draw_settle(struct act *act, const struct front_line *event);
/* The event is scheduled: from here on the round is promised. */
bool admin_draw_promise(struct act *act, const struct front_line *event);
/* What a draw by hand needs; `value` is the beacon's as the operator named it, or empty. */
bool admin_draw_make(struct act *act, const struct front_line *event, struct span value);

#endif
