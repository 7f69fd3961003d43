/* gate.c: an inverted token bucket (GCRA): instead of counting tokens it remembers the moment
 * up to which the past and the burst are paid for. Taking is one compare-and-swap that moves the
 * moment one interval onward; a refusal writes nothing, so a crowd that is turned away costs a
 * load. All orders are relaxed, because the word guards nothing but itself. */
#include "core/pace/gate.h"

#include "base/table.h"
#include "base/tag.h"

#include <assert.h>

void gate_init(struct gate *gate, uint32_t per_s, uint32_t burst)
{
    assert(per_s >= 1);
    assert(burst >= 1);
    atomic_init(&gate->paid_ns, 0);
    gate->interval_ns = (UINT64_C(1000000000) + per_s - 1) / per_s; /* never faster than per_s */
    gate->burst_ns = gate->interval_ns * burst;
}

bool gate_take(struct gate *gate, uint64_t now_us)
{
    assert(gate->interval_ns > 0); /* it was initialised */
    assert(gate->burst_ns >= gate->interval_ns);
    uint64_t now_ns = now_us * 1000;
    uint64_t paid_ns = atomic_load_explicit(&gate->paid_ns, memory_order_relaxed);
    uint64_t next_ns;
    do {
        next_ns = (paid_ns > now_ns ? paid_ns : now_ns) + gate->interval_ns;
        if (next_ns - now_ns > gate->burst_ns)
            return false;
        /* relaxed: the word guards nothing but itself */
    } while (!atomic_compare_exchange_weak_explicit(&gate->paid_ns, &paid_ns, next_ns,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

uint64_t gate_ahead_ns(const struct gate *gate, uint64_t now_us)
{
    uint64_t paid_ns = atomic_load_explicit(&gate->paid_ns, memory_order_relaxed);
    return paid_ns > now_us * 1000 ? paid_ns - now_us * 1000 : 0;
}

void gate_move(_Atomic uint64_t *word, uint64_t now_ns, uint64_t by_ns)
{
    uint64_t paid_ns = atomic_load_explicit(word, memory_order_relaxed);
    uint64_t next_ns;
    do {
        next_ns = (paid_ns > now_ns ? paid_ns : now_ns) + by_ns;
        /* relaxed: the word guards nothing but itself */
    } while (!atomic_compare_exchange_weak_explicit(word, &paid_ns, next_ns, memory_order_relaxed,
                                                    memory_order_relaxed));
}

void gate_pay(struct gate *gate, uint64_t now_us)
{
    assert(gate->interval_ns > 0); /* it was initialised */
    assert(gate->burst_ns >= gate->interval_ns);
    gate_move(&gate->paid_ns, now_us * 1000, gate->interval_ns);
}

void gate_set_init(struct gate_set *set, uint32_t per_s, uint32_t burst)
{
    for (int i = 0; i < GATE_SET_LEN; i++)
        gate_init(&set->gates[i], per_s, burst);
}

/* The key's hash picks the gate. It need not resist attacks: a caller who finds keys that share a
 * gate only slows itself down. But FNV-1a alone leaves short keys close together. */
bool gate_set_take(struct gate_set *set, struct span key, uint64_t now_us)
{
    uint64_t spread = table_hash_u64(tag_hash(key)) >> 32;
    return gate_take(&set->gates[spread % GATE_SET_LEN], now_us);
}
