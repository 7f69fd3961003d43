/* pace.h: how often the house, all its processes and loops together, asks somebody for something.
 *
 * The count is kept by our own database: a row is the moment up to which what was done has been
 * paid for (pay.pace), and who does something moves it an interval on, in the statement that takes
 * the work or in one before the question. A process that dies owes nothing and holds nothing. */
#ifndef FG_PAY_PACE_H
#define FG_PAY_PACE_H

#include <stdint.h>

/* No second, wherever it begins, sees more than per_s: seven tenths steadily, two tenths may be
 * taken at once, and one tenth is for what reaches its place a little late. */
void pace_of(uint32_t per_s, uint32_t *interval_us, uint32_t *burst_us);

/* The shares of the questions to the user database: what only this one may use, so that none of
 * them takes the others' place, and what is everybody's. Too small a cap has no shares. */
enum pace_share { PACE_LOGIN, PACE_MAIL, PACE_SHARES };

struct pace_users {
    struct {
        uint32_t interval_us, burst_us; /* 0: none */
    } own[PACE_SHARES], common;
};

struct pace_users pace_users_of(uint32_t per_s);
const char *pace_share_name(enum pace_share share); /* of its row */

#endif
