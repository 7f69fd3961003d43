/* ledger.h: checks I6, that nobody enters except by the rules, with books of its own. It records
 * what Redis writes and what visitors are answered, and trusts no counter of the scripts.
 *
 *   places    none is given twice; a visitor who comes again gets the same one (holders.h)
 *   order     `ahead` rises only by visitors who left and came back; a called visitor never waits
 *             again; nobody enters without having been called; a draw is kept (lots.h)
 *   rate      in any window of T seconds, all lanes call at most rate * (T + 0.25) + burst
 *   slots     nobody enters beyond max_active, and no member twice
 *   length    no join makes a line longer than line_max
 *   work      where it is required, no place is given without it, and none buys two places
 *   promises  no visitor is turned away before the promised time
 *
 * When Redis loses data, what only one front knew is lost too if that front is silent during the
 * heal. A promise of that front is then no longer checked. All other promises hold. */
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
