/* pace.c: half of the cap is shared by all, a quarter is reserved for logins, and an eighth each
 * for mails and for ticket transfers. Shares need some room: below SHARES_FROM per second, a burst
 * of one for each would already exceed the cap, so a small cap has no shares. */
#include "login/pace.h"

#include <assert.h>

enum { SECOND_US = 1000000, SHARES_FROM = 16, PAUSE_DEFAULT_MS = 1000 };

void pace_of(uint32_t per_s, uint32_t *interval_us, uint32_t *burst_us)
{
    assert(per_s >= 1);
    uint32_t burst = per_s / 5 > 0 ? per_s / 5 : 1;
    /* Rounded up: never faster than allowed. */
    *interval_us =
        (uint32_t)((UINT64_C(10) * SECOND_US + 7 * (uint64_t)per_s - 1) / (7 * (uint64_t)per_s));
    *burst_us = burst * *interval_us;
}

uint32_t pace_pause_ms(unsigned status, uint32_t retry_after_s)
{
    if (status != 429 && status != 503)
        return 0;
    return retry_after_s > 0 ? retry_after_s * 1000 : PAUSE_DEFAULT_MS;
}

struct pace_users pace_users_of(uint32_t per_s)
{
    static const uint32_t parts[PACE_SHARES] = {[PACE_LOGIN] = 4, [PACE_MAIL] = 8};
    struct pace_users pace = {0};
    uint32_t left = per_s;
    for (int i = 0; i < PACE_SHARES && per_s >= SHARES_FROM; i++) {
        uint32_t own = per_s / parts[i];
        pace_of(own, &pace.own[i].interval_us, &pace.own[i].burst_us);
        left -= own;
    }
    pace_of(left, &pace.common.interval_us, &pace.common.burst_us);
    return pace;
}

const char *pace_share_name(enum pace_share share)
{
    static const char *const names[PACE_SHARES] = {
        [PACE_LOGIN] = "users_login",
        [PACE_MAIL] = "users_mail",
    };
    return names[share];
}
