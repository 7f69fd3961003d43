/* batch.c: the join rate is the newest batch's size over the time since then: nothing else has to
 * be stored, and a crowd that has gone does not count. */
#include "core/line/batch.h"

#include <assert.h>
#include <stdbool.h>

static bool is_close(const struct batch_pace *pace, uint64_t now_us)
{
    uint64_t joins = pace->sent_joins < BATCH_PACE_MAX ? pace->sent_joins : BATCH_PACE_MAX;
    return now_us - pace->sent_us < joins * BATCH_CLOSE_US;
}

uint32_t batch_hold_ms(struct batch_pace *pace, uint32_t joins, uint64_t now_us)
{
    assert(joins > 0);
    assert(now_us >= pace->sent_us);
    assert(now_us >= pace->held_us);
    uint64_t since_us = pace->held_us > 0 ? pace->held_us : now_us;
    uint64_t until_us = since_us + BATCH_HOLD_US;
    if (joins >= BATCH_ENOUGH || now_us >= until_us || !is_close(pace, now_us)) {
        *pace = (struct batch_pace){.sent_us = now_us, .sent_joins = joins};
        return 0;
    }
    pace->held_us = since_us;
    return (uint32_t)((until_us - now_us + 999) / 1000);
}
