/* slots.h: a rate limit for each of many callers, in memory that does not grow: a fixed set of
 * gates, where a key (a token, a member, an address) always maps to the same one. Two keys that
 * share a gate share its rate, which is rare and costs them a second. Any thread. */
#ifndef FG_PAY_CORE_SLOTS_H
#define FG_PAY_CORE_SLOTS_H

#include "base/span.h"
#include "core/pace/gate.h"

enum { SLOTS_LEN = 2048 }; /* more gates than a venue has scanners, or a second sees transfers */

struct slots {
    struct gate gates[SLOTS_LEN];
};

void slots_init(struct slots *slots, uint32_t per_s, uint32_t burst);
bool slots_take(struct slots *slots, struct span key, uint64_t now_us);

#endif
