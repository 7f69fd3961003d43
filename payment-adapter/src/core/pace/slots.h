/* slots.h: a pace for each of many callers, in memory that does not grow: a number of gates, and a
 * key (a token, a member, an address) always comes to the same one. Two keys that meet at a gate
 * share its pace, which takes some luck and costs a second. Any thread. */
#ifndef FG_PAY_CORE_SLOTS_H
#define FG_PAY_CORE_SLOTS_H

#include "base/span.h"
#include "core/pace/gate.h"

enum { SLOTS_LEN = 2048 }; /* more gates than a venue has scanners, or a second has transfers */

struct slots {
    struct gate gates[SLOTS_LEN];
};

void slots_init(struct slots *slots, uint32_t per_s, uint32_t burst);
bool slots_take(struct slots *slots, struct span key, uint64_t now_us);

#endif
