/* ahead.h: checks the order of a line by what visitors see: the number of places called before them
 * never rises, and the number ahead rises only by visitors who came back. */
#ifndef FG_SIM_QUEUE_JUDGE_AHEAD_H
#define FG_SIM_QUEUE_JUDGE_AHEAD_H

#include "queue/front/ask.h"

/* Call it for each response that shows a place. */
void ahead_on_answer(unsigned front, const struct ask *ask);
/* A front showed a place; the line was last healed at `heal_us`. */
void ahead_on_shown(uint64_t number, uint64_t heal_us);
/* Fronts learn who is gone some time before they show it. A front that could not learn it in that
 * time shows it later, and reports more visitors ahead than the others until then. */
bool ahead_all_know(void);

#endif
