/* pace.c: each purpose may use up the bucket down to a reserve of its own, so what polls must leave
 * is there for captures, however many poll. A caller that is held back gets the next turn of its
 * purpose, one interval after the last; turns are handed out by compare-and-swap on one word per
 * purpose. */
#include "core/pace/pace.h"

#include <assert.h>

enum {
    BURST_MIN = 8,       /* a few whole tries, even at a low rate */
    TURN_MAX_MS = 30000, /* a longer queue is not worth a place in it */
};

static const uint32_t share_milli[PACE_PURPOSES] = {
    [PACE_POLL] = 500,
    [PACE_MAKE] = 800,
    [PACE_TAKE] = 1000,
};

void pace_init(struct pace *pace, uint32_t per_s)
{
    assert(per_s >= 1);
    gate_init(&pace->gate, per_s, per_s / 4 > BURST_MIN ? per_s / 4 : BURST_MIN);
    for (int i = 0; i < PACE_PURPOSES; i++) {
        atomic_init(&pace->turn_ns[i], 0);
        atomic_init(&pace->held_back[i], 0);
    }
    atomic_init(&pace->calls, 0);
}

uint32_t pace_wait_ms(struct pace *pace, enum pace_purpose purpose, uint64_t now_us)
{
    assert(purpose < PACE_PURPOSES);
    static_assert(sizeof(share_milli) / sizeof(share_milli[0]) == PACE_PURPOSES, "each has one");
    const struct gate *gate = &pace->gate;
    uint64_t now_ns = now_us * 1000;
    uint64_t may_ns = gate->burst_ns * share_milli[purpose] / 1000;
    uint64_t ahead_ns = gate_ahead_ns(gate, now_us) + gate->interval_ns;
    if (ahead_ns <= may_ns)
        return 0;
    atomic_fetch_add_explicit(&pace->held_back[purpose], 1, memory_order_relaxed);
    uint64_t first_ns = now_ns + ahead_ns - may_ns;
    /* relaxed: the words guard nothing but themselves */
    uint64_t last_ns = atomic_load_explicit(&pace->turn_ns[purpose], memory_order_relaxed);
    uint64_t turn_ns;
    do {
        turn_ns = last_ns + gate->interval_ns;
        if (turn_ns < first_ns)
            turn_ns = first_ns;
        if (turn_ns > now_ns + TURN_MAX_MS * UINT64_C(1000000))
            return TURN_MAX_MS;
    } while (!atomic_compare_exchange_weak_explicit(&pace->turn_ns[purpose], &last_ns, turn_ns,
                                                    memory_order_relaxed, memory_order_relaxed));
    assert(turn_ns >= first_ns);
    assert(first_ns > now_ns);
    return (uint32_t)((turn_ns - now_ns + 999999) / 1000000);
}

void pace_pay(struct pace *pace, uint64_t now_us)
{
    assert(pace->gate.interval_ns > 0); /* it was inited */
    atomic_fetch_add_explicit(&pace->calls, 1, memory_order_relaxed);
    gate_pay(&pace->gate, now_us);
}
