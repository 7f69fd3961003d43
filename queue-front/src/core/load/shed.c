/* shed.c: three measurements decide on each join.
 *
 * The first is the number of joins answered per second. It follows a faster Redis at once and a
 * slower one over a few ticks, so that one slow moment refuses nobody.
 *
 * The second is how long answered joins have waited. While that is short enough, the room for
 * waiting joins grows with each refusal; if it is too long, the room falls to as many as are
 * answered in time. The rate alone is not enough: a loop with long turns answers few because it
 * accepts few, and would accept fewer and fewer.
 *
 * The third is how many rejected visitors will come back. It rises with each refusal and falls with
 * each place given, since returning visitors are served as well; the rest fades within half a
 * minute. It determines how far the returns must be spread. */
#include "core/load/shed.h"

#include <assert.h>

enum {
    RATE_MEMORY = 4, /* in ticks, as the next one */
    AWAY_MEMORY = 300,
    ROOM_SHARE = 4, /* the room changes per tick by this part of itself or of the excess */
};

static uint64_t calm_rate_milli(const struct shed *shed)
{
    return (uint64_t)shed->calm_max * 1000 * 1000 / SHED_WAIT_MS;
}

void shed_init(struct shed *shed, uint32_t calm_max)
{
    assert(calm_max > 0);
    *shed = (struct shed){.calm_max = calm_max, .pending_max = calm_max};
    shed->rate_milli = calm_rate_milli(shed);
    assert(shed_allows(shed, 0)); /* a start must not refuse everybody */
}

void shed_answered(struct shed *shed, uint32_t waited_ms)
{
    assert(shed->answered < UINT32_MAX);
    shed->answered++;
    shed->waited_ms += waited_ms;
}

static void room_tick(struct shed *shed, uint64_t pending)
{
    uint32_t least = shed->calm_max < SHED_PENDING_MIN ? shed->calm_max : SHED_PENDING_MIN;
    uint32_t fit = (uint32_t)(shed->rate_milli * SHED_WAIT_MS / 1000 / 1000);
    bool in_time =
        shed->answered > 0 ? shed->waited_ms / shed->answered <= SHED_WAIT_MS : pending == 0;
    if (fit < least)
        fit = least;
    if (in_time && shed->refused > 0)
        shed->pending_max += shed->pending_max / ROOM_SHARE;
    if (fit > shed->pending_max)
        shed->pending_max = fit;
    else if (!in_time)
        shed->pending_max -= (shed->pending_max - fit + ROOM_SHARE - 1) / ROOM_SHARE;
    assert(shed->pending_max >= least && least > 0);
}

void shed_tick(struct shed *shed, uint64_t pending)
{
    /* Faster at once, slower gradually. A moment without joins says nothing about Redis. */
    uint64_t now_milli = (uint64_t)shed->answered * 1000 * 1000 / SHED_TICK_MS;
    uint64_t calm_milli = calm_rate_milli(shed);
    if (pending == 0 && now_milli < calm_milli)
        now_milli = calm_milli;
    if (now_milli >= shed->rate_milli)
        shed->rate_milli = now_milli;
    else
        shed->rate_milli -= (shed->rate_milli - now_milli) / RATE_MEMORY;

    room_tick(shed, pending);
    uint64_t served_milli = (uint64_t)shed->answered * 1000;
    shed->away_milli -= shed->away_milli / AWAY_MEMORY;
    shed->away_milli = shed->away_milli > served_milli ? shed->away_milli - served_milli : 0;
    shed->away_milli += (uint64_t)shed->refused * 1000;
    shed->answered = shed->refused = 0;
    shed->waited_ms = 0;
    assert(shed->rate_milli > 0 && shed->pending_max > 0);
    assert(shed->away_milli <= UINT64_MAX / 2); /* it fades faster than refusals can add to it */
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
