/* schedule.h: the rate by time, as an operator wrote it: which step is due, and when so many people
 * will have been called at the rates to come. Pure. */
#ifndef FG_QUEUE_FRONT_CORE_SCHEDULE_H
#define FG_QUEUE_FRONT_CORE_SCHEDULE_H

#include "core/event/event_doc.h"

/* Takes the steps that are due: the newest of them is the rate, and all of them leave the schedule,
 * so that what stands in a document is always what holds. False, and nothing changed: none is. */
bool schedule_take_due(struct event_doc *doc, uint64_t now_ms);

/* When the last of `people` is called if the line goes at `rate_milli` until the first step and by
 * the schedule from then on. 0: never, or not within a year. */
uint64_t schedule_reach_ms(const struct event_doc *doc, uint64_t rate_milli, uint64_t now_ms,
                           uint64_t people);

#endif
