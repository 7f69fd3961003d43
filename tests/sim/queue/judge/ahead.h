/* ahead.h: the order of a line, checked by what visitors see: how many are called before them
 * never rises, how many are ahead rises only by those who have come back. */
#ifndef FG_SIM_QUEUE_JUDGE_AHEAD_H
#define FG_SIM_QUEUE_JUDGE_AHEAD_H

#include "queue/front/ask.h"

/* Of an answer that says where its place stands. */
void ahead_on_told(unsigned front, const struct ask *ask);
/* A place was shown at a front, where the line was last made whole at `heal_us`. */
void ahead_on_shown(uint64_t number, uint64_t heal_us);
/* All fronts learn who is gone some time before they show it. One that could not hear
 * of it in that time shows it later; until then it tells more ahead than the others. */
bool ahead_all_have_heard(void);

#endif
