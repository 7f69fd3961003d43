/* pace.c: a token bucket. Tokens are kept in millionths, so that rate times elapsed microseconds is
 * exact and no fraction is lost however often it is asked. Elapsed time is capped at what fills the
 * bucket, which also keeps the product from overflowing after a long pause. */
#include "pace.h"

#include <assert.h>

#define TOKEN UINT64_C(1000000)

void pace_init(struct pace *pace, uint64_t per_s, uint64_t burst, uint64_t now_us)
{
    assert(per_s > 0 && burst > 0);
    *pace = (struct pace){.per_s = per_s, .burst = burst, .micros = burst * TOKEN, .at_us = now_us};
}

bool pace_take(struct pace *pace, uint64_t now_us, uint64_t *wait_us)
{
    uint64_t full = pace->burst * TOKEN;
    uint64_t passed_us = now_us > pace->at_us ? now_us - pace->at_us : 0;
    uint64_t most_us =
        full / pace->per_s + 1; /* fills it from empty; counting more would only overflow */
    uint64_t gained = (passed_us < most_us ? passed_us : most_us) * pace->per_s;
    pace->at_us = now_us;
    pace->micros = pace->micros + gained < full ? pace->micros + gained : full;
    if (pace->micros < TOKEN) {
        *wait_us = (TOKEN - pace->micros + pace->per_s - 1) / pace->per_s;
        return false;
    }
    pace->micros -= TOKEN;
    return true;
}
