/* pace.h: how often all processes and loops of the deployment together may call an external system.
 *
 * The count is kept in our own database: a sequence pay.pace_NAME is the moment up to which past
 * calls are paid for. Each call moves it one interval onward, either in the statement that claims
 * the work or in one before the request. A process that dies owes nothing and holds nothing. */
#ifndef FG_PAY_PACE_H
#define FG_PAY_PACE_H

#include <stdint.h>

/* No second, wherever it starts, sees more than per_s: seven tenths come steadily, two tenths may
 * come at once, and one tenth allows for calls that arrive a little late. */
void pace_of(uint32_t per_s, uint32_t *interval_us, uint32_t *burst_us);

/* How long all calls to a system pause after this answer, 429 or 503; 0: no pause. */
uint32_t pace_pause_ms(unsigned status, uint32_t retry_after_s);

/* How the queries to the user database are shared out: a reserve for each purpose, so that none
 * crowds out the others, and a common part. A very small cap has no shares. */
enum pace_share { PACE_LOGIN, PACE_MAIL, PACE_SHARES };

struct pace_users {
    struct {
        uint32_t interval_us, burst_us; /* 0: no share */
    } own[PACE_SHARES], common;
};

struct pace_users pace_users_of(uint32_t per_s);
const char *pace_share_name(enum pace_share share); /* NAME of its sequence */

#endif
