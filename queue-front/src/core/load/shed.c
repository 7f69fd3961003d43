/* shed.c: two measurements that decide on each join.
 *
 * The first is how many joins Redis answers a second. It follows a faster Redis at once and a
 * slower one over a few ticks, so that one slow moment refuses nobody. From it follows how many
 * joins may wait without waiting too long.
 *
 * The second is how many visitors were sent away and will come back. It rises with each refusal and
 * falls with each place given, since those who come back are served as well; whatever is left over
 * fades within half a minute. From it follows how far the returns must be spread. */
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
    assert(shed_allows(shed, 0)); /* it never starts by refusing everybody */
}

void shed_answered(struct shed *shed)
{
    assert(shed->answered < UINT32_MAX);
    shed->answered++;
}

void shed_tick(struct shed *shed, uint64_t pending)
{
    /* Faster at once, slower by and by. A moment without joins says nothing about Redis. */
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
    assert(shed->pending_max >= least && least > 0);
    uint64_t served_milli = (uint64_t)shed->answered * 1000;
    shed->away_milli -= shed->away_milli / AWAY_MEMORY;
    shed->away_milli = shed->away_milli > served_milli ? shed->away_milli - served_milli : 0;
    shed->away_milli += (uint64_t)shed->refused * 1000;
    shed->answered = shed->refused = 0;
    assert(shed->rate_milli > 0 && shed->pending_max > 0);
    assert(shed->away_milli <= UINT64_MAX / 2); /* it fades faster than refusals can fill it */
}

bool shed_allows(struct shed *shed, uint64_t pending)
{
    assert(shed->pending_max > 0);
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
