/* holders.h: which visitor holds which entry of a line, checked by the answers to visitors: an
 * entry has one visitor, a visitor has one living entry in a line, and none that was given up; work
 * and invitations are good for one place; of all the devices that a place has been on, the last one
 * holds it. */
#ifndef FG_SIM_QUEUE_HOLDERS_H
#define FG_SIM_QUEUE_HOLDERS_H

#include "queue/front/fronts.h"

/* A join that was answered with a place. `may_be_over`: whether a place may have been used, missed
 * or given up, as far as the ledger knows. */
void holders_on_join(const struct ask *ask, bool had_to_work, bool (*may_be_over)(uint64_t number));
/* A join that was answered with "moved". `is_over`: that place was over by then, for sure. */
void holders_on_moved(const struct ask *ask, bool (*is_over)(uint64_t entry, uint64_t before_us));
/* Anything else that is asked with a ticket and was done; a take says whose the place is now. */
void holders_on_done(const struct ask *ask);
void holders_on_taken(unsigned front, const struct ask *ask);
void holders_on_left(const struct ask *ask);
bool holders_has_left(const struct ask *ask);
bool holders_has_left_for_good(const struct ask *ask); /* Redis has lost nothing since */
uint32_t holders_len(void);

#endif
