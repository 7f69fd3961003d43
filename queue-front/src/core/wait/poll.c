/* poll.c: whoever waits asks again after half of the time that surely still passes: the wait is
 * halved again and again, so a long wait costs few polls and the last ones are close together. What
 * surely passes is the tenth percentile of the wait (as far below p50 as p90 is above it), but at
 * least a third of p50: a wide range alone must not make a whole line poll fast.
 *
 * A pause is left out of the reckoning: it may end now, and then the front is called at once. Load
 * stretches the far intervals up to twofold, and never the near ones: those were promised. */
#include "core/wait/poll.h"

static uint32_t waiting_ms(const struct poll_ask *ask)
{
    if (ask->eta.basis == ETA_UNKNOWN)
        return POLL_UNKNOWN_MS;
    uint64_t p50_s = line_stands_still(ask->line) ? ask->eta.move_s : ask->eta.p50_s;
    uint64_t above_s = ask->eta.p90_s - ask->eta.p50_s;
    uint64_t surely_s = p50_s > above_s ? p50_s - above_s : 0;
    if (surely_s < p50_s / 3)
        surely_s = p50_s / 3;
    uint64_t wait_ms = surely_s * 1000 / 2;
    if (wait_ms < POLL_NEAR_MS)
        return POLL_NEAR_MS;
    return wait_ms < POLL_FAR_MS ? (uint32_t)wait_ms : POLL_FAR_MS;
}

static uint32_t calm_ms(const struct poll_ask *ask)
{
    if (ask->line == LINE_SOLD_OUT || ask->line == LINE_CLOSED)
        return POLL_FAR_MS;
    switch (ask->place) {
    case PLACE_CALLED:
    case PLACE_LATE:
        return POLL_CALLED_MS;
    case PLACE_WAITING:
        return waiting_ms(ask);
    default:
        return POLL_FAR_MS;
    }
}

uint32_t poll_after_ms(const struct poll_ask *ask)
{
    uint32_t ms = calm_ms(ask);
    uint32_t load = ask->load_milli < POLL_LOAD_MAX ? ask->load_milli : POLL_LOAD_MAX;
    if (ms > POLL_CALLED_MS)
        ms += (uint32_t)((uint64_t)ms * load / POLL_LOAD_MAX);
    uint32_t jitter_ms = ms / 100 * POLL_JITTER_PERCENT;
    return ms - (jitter_ms > 0 ? ask->random % (jitter_ms + 1) : 0);
}
