/* slots.c: the key's hash picks the gate; nothing is stored per key, so nothing grows, expires or
 * is locked. FNV-1a spreads well enough, and it need not resist attack: someone who finds keys that
 * share a gate only slows themselves down. */
#include "core/pace/slots.h"

#include <assert.h>

void slots_init(struct slots *slots, uint32_t per_s, uint32_t burst)
{
    assert(per_s >= 1);
    for (int i = 0; i < SLOTS_LEN; i++)
        gate_init(&slots->gates[i], per_s, burst);
}

bool slots_take(struct slots *slots, struct span key, uint64_t now_us)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (uint8_t)key.ptr[i]) * UINT64_C(1099511628211);
    return gate_take(&slots->gates[(hash >> 32) % SLOTS_LEN], now_us);
}
