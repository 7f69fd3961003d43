/* poll.c: a visitor polls again after half of the certain remaining wait. This halves the wait
 * again and again, so a long wait costs few polls and the last ones are close together. The certain
 * wait is the tenth percentile (as far below p50 as p90 is above it), but at least a third of p50:
 * a wide range alone must not make a whole line poll fast.
 *
 * A pause does not count: it may end now, and then the head of the line is called at once. Load
 * stretches the long intervals up to twofold and never the short ones: those were promised. */
#include "core/wait/poll.h"

#include <assert.h>

static uint32_t waiting_ms(const struct poll_ask *ask)
{
    if (ask->eta.basis == ETA_UNKNOWN)
        return POLL_UNKNOWN_MS;
    uint64_t p50_s = line_stands_still(ask->line) ? ask->eta.move_s : ask->eta.p50_s;
    assert(ask->eta.p90_s >= ask->eta.p50_s); /* as eta_at() guarantees */
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
    assert(ask->line < LINE_STATE_COUNT && ask->place < PLACE_STATE_COUNT);
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
    ms -= ask->random % (jitter_ms + 1);
    assert(ms > 0 && ms <= 2 * POLL_FAR_MS);
    return ms;
}
