/* schedule.h: the rates that an operator scheduled: which step is due, and when a given number of
 * people will have been called at the coming rates. Pure. */
#ifndef FG_QUEUE_FRONT_CORE_SCHEDULE_H
#define FG_QUEUE_FRONT_CORE_SCHEDULE_H

#include "core/event/event_doc.h"

/* Takes the due steps: the newest becomes the rate, and all of them leave the schedule, so that the
 * document always has the effective rate. False, and nothing changed: no step is due. */
bool schedule_take_due(struct event_doc *doc, uint64_t now_ms);

/* When the last of `people` is called if the line moves at `rate_milli` until the first step and
 * then by the schedule. 0: never, or not within a year. */
uint64_t schedule_reach_ms(const struct event_doc *doc, uint64_t rate_milli, uint64_t now_ms,
                           uint64_t people);

#endif
