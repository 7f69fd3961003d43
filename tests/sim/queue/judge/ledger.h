/* ledger.h: I6, that nobody enters except by the rules, judged by books of its own: it hears what
 * Redis writes and the answers to visitors, and believes no counter of the scripts.
 *
 *   places      none is given twice; a visitor who comes again gets the same (holders.h)
 *   order       `ahead` rises only by visitors who left and came back; visitors who were called
 * never wait again; nobody enters without having been called; a draw is kept (lots.h) rate in any
 * window of T seconds at most rate * (T + 0.25) + burst are called, of all lanes slots       nobody
 * enters beyond max_active, and no member twice length      no join makes a line longer than
 * line_max work        where it is required no place is given without it, and none buys two places
 *   promises    no visitor is turned away before the promised time
 *
 * What Redis loses is lost with what only one front knew of it, if that front is silent when the
 * line is made whole: then a promise of that front's is no longer judged. All others hold. */
#ifndef FG_SIM_QUEUE_LEDGER_H
#define FG_SIM_QUEUE_LEDGER_H

#include "queue/front/fronts.h"
#include "queue/front/keeper.h"

void ledger_begin(struct keeper_ears *keeper, struct ask_ears *fronts);
/* Call it when all visitors are gone: nothing of them may be left. */
void ledger_judge_end(void);
/* Whether `ahead` of this response is reliable, for checks elsewhere. */
bool ledger_is_sure(const struct ask *ask);
/* The seats let this visitor choose. */
void ledger_on_shopping(uint64_t number);
uint32_t ledger_entered(void);
uint32_t ledger_joined(void);

#endif
