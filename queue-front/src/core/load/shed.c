/* shed.c: see shed.h.
 *
 * The number sent away goes up with each refusal and down with each place that is given, since
 * those who come back are served as well; what nobody comes back for fades within half a minute. */
#include "core/load/shed.h"

#include <assert.h>

enum { RATE_MEMORY = 4, AWAY_MEMORY = 300 }; /* in ticks */

static uint64_t calm_rate_milli(const struct shed *shed)
{
    return (uint64_t)shed->calm_max * 1000 * 1000 / SHED_WAIT_MS;
}

void shed_init(struct shed *shed, uint32_t calm_max)
{
    assert(calm_max > 0);
    *shed = (struct shed){.calm_max = calm_max, .pending_max = calm_max};
    shed->rate_milli = calm_rate_milli(shed);
}

void shed_answered(struct shed *shed)
{
    shed->answered++;
}

/* Faster at once, slower by and by. A moment without joins says nothing about Redis. */
static void measure(struct shed *shed, uint64_t pending)
{
    uint64_t now_milli = (uint64_t)shed->answered * 1000 * 1000 / SHED_TICK_MS;
    uint64_t calm_milli = calm_rate_milli(shed);
    if (pending == 0 && now_milli < calm_milli)
        now_milli = calm_milli;
    if (now_milli >= shed->rate_milli)
        shed->rate_milli = now_milli;
    else
        shed->rate_milli -= (shed->rate_milli - now_milli) / RATE_MEMORY;

    uint64_t least = shed->calm_max < SHED_PENDING_MIN ? shed->calm_max : SHED_PENDING_MIN;
    uint64_t fit = shed->rate_milli * SHED_WAIT_MS / 1000 / 1000;
    shed->pending_max = (uint32_t)(fit > least ? fit : least);
}

void shed_tick(struct shed *shed, uint64_t pending)
{
    measure(shed, pending);
    uint64_t served_milli = (uint64_t)shed->answered * 1000;
    shed->away_milli -= shed->away_milli / AWAY_MEMORY;
    shed->away_milli = shed->away_milli > served_milli ? shed->away_milli - served_milli : 0;
    shed->away_milli += (uint64_t)shed->refused * 1000;
    shed->answered = shed->refused = 0;
}

bool shed_allows(struct shed *shed, uint64_t pending)
{
    if (pending < shed->pending_max)
        return true;
    shed->refused++;
    return false;
}

uint32_t shed_retry_s(const struct shed *shed, uint32_t random)
{
    uint64_t away_milli = shed->away_milli + (uint64_t)shed->refused * 1000;
    uint64_t rate_milli = shed->rate_milli > 1000 ? shed->rate_milli : 1000;
    uint64_t within_s = SHED_BACK_MIN_S + away_milli / rate_milli;
    if (within_s > SHED_BACK_MAX_S)
        within_s = SHED_BACK_MAX_S;
    uint32_t back_s = 1 + (uint32_t)((random * within_s) >> 32);
    assert(back_s >= 1 && back_s <= SHED_BACK_MAX_S);
    return back_s;
}
