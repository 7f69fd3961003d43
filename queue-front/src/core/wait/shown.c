/* shown.c: most visitors are called about p50. Nine in ten are called by p90, and nine in ten not
 * before the time as far before p50 as p90 is after it: so a visitor who is back by then is in
 * time. */
#include "core/wait/shown.h"

#include <assert.h>

enum {
    MINUTE_S = 60,
    HOUR_S = 3600,
    DAY_S = 86400,
    MINUTE_MS = 60 * 1000,
    IN_HOURS_FROM_S = 2 * HOUR_S - MINUTE_S / 2, /* would round to 120 minutes */
    NEAR_S = 180,
    FAR_S = 1800, /* from here on minutes do not matter */
};

static uint32_t nearest(uint32_t s, uint32_t unit_s)
{
    return (s + unit_s / 2) / unit_s;
}

const char *shown_advice_name(enum shown_advice advice)
{
    static const char *const names[SHOWN_COUNT] = {"unknown", "near", "unsure", "back", "later"};
    assert(advice < SHOWN_COUNT);
    return names[advice];
}

struct shown shown_wait(struct eta eta, uint64_t now_ms)
{
    struct shown shown = {.advice = SHOWN_UNKNOWN};
    if (eta.basis == ETA_UNKNOWN)
        return shown;
    assert(eta.p50_s <= eta.p90_s);
    if (eta.p50_s >= DAY_S)
        shown.days = nearest(eta.p50_s, DAY_S);
    else if (eta.p50_s >= IN_HOURS_FROM_S)
        shown.hours = nearest(eta.p50_s, HOUR_S);
    else
        shown.minutes = eta.p50_s < MINUTE_S ? 1 : nearest(eta.p50_s, MINUTE_S);
    int64_t back_s = 2 * (int64_t)eta.p50_s - eta.p90_s;
    shown.advice = eta.p50_s < NEAR_S ? SHOWN_NEAR
                   : back_s < NEAR_S  ? SHOWN_UNSURE
                   : back_s < DAY_S   ? SHOWN_BACK
                                      : SHOWN_LATER;
    uint64_t step_ms = back_s > FAR_S ? 5 * MINUTE_MS : MINUTE_MS;
    if (shown.advice == SHOWN_BACK)
        shown.back_ms = (now_ms + 1000 * (uint64_t)back_s) / step_ms * step_ms;
    if (eta.p90_s >= DAY_S)
        return shown;
    uint64_t likely_ms = now_ms + 1000 * (uint64_t)eta.p50_s + MINUTE_MS / 2;
    uint64_t latest_ms = now_ms + 1000 * (uint64_t)eta.p90_s + MINUTE_MS - 1;
    shown.likely_ms = likely_ms / MINUTE_MS * MINUTE_MS;
    shown.latest_ms = latest_ms / MINUTE_MS * MINUTE_MS;
    assert(shown.back_ms <= shown.likely_ms && shown.likely_ms <= shown.latest_ms);
    return shown;
}
