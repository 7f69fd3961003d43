/* holders.h: checks by the responses which visitor holds which entry of a line: an entry has one
 * visitor, a visitor has one living entry in a line, and none that was given up; work and
 * invitations are good for one place; the last device that a place moved to holds it. */
#ifndef FG_SIM_QUEUE_HOLDERS_H
#define FG_SIM_QUEUE_HOLDERS_H

#include "queue/front/fronts.h"

/* A join got a place. `may_be_over`: whether the ledger allows that a place was used, missed or
 * given up. */
void holders_on_join(const struct ask *ask, bool had_to_work, bool (*may_be_over)(uint64_t number));
/* A join got "moved". `is_over`: the place was certainly over by then. */
void holders_on_moved(const struct ask *ask, bool (*is_over)(uint64_t entry, uint64_t before_us));
/* A join was refused since the line, or what its address may have, is full. */
void holders_on_full(const struct ask *ask, bool (*may_be_over)(uint64_t number));
/* Another request with a ticket succeeded; a take says whose the place is now. */
void holders_on_done(const struct ask *ask);
void holders_on_taken(unsigned front, const struct ask *ask);
void holders_on_left(const struct ask *ask);
bool holders_has_left(const struct ask *ask);
bool holders_has_left_for_good(const struct ask *ask); /* and Redis has lost nothing since */
uint32_t holders_len(void);

#endif
