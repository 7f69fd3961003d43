/* admin_draw.h: the effect of an operator's action on the draw. Each function returns false if it
 * answered the request; the action must then end. */
#ifndef FG_QUEUE_FRONT_ADMIN_DRAW_H
#define FG_QUEUE_FRONT_ADMIN_DRAW_H

#include "admin/act.h"

/* Settles the promise in act->doc. The round follows from the time when the entries close; once
 * they have, the promise is fixed. `event` is the current one; NULL: being created. */
bool admin_draw_settle(struct act *act, const struct front_line *event);
/* The event is scheduled: from here on the round is promised. */
bool admin_draw_promise(struct act *act, const struct front_line *event);
/* The arguments of a draw by hand; `value` is the beacon's, named by the operator, or empty. */
bool admin_draw_make(struct act *act, const struct front_line *event, struct span value);

#endif
