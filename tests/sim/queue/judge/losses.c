/* losses.c: see losses.h. */
#include "queue/judge/losses.h"

#include "queue/front/fronts.h"

enum { SILENT_S = 10 };

static struct {
    bool any;
    uint64_t last_us;
    uint64_t before_last_us;
    uint64_t silent_us[FRONTS]; /* when each was last silenced */
} losses;

void losses_happened(void)
{
    losses.any = true;
    losses.before_last_us = losses.last_us;
    losses.last_us = sim_us();
}

void losses_silenced(unsigned front)
{
    losses.silent_us[front] = sim_us();
}

bool losses_was_silenced(unsigned front, uint64_t since_us)
{
    return losses.silent_us[front] >= since_us;
}

bool losses_any(void)
{
    return losses.any;
}

uint64_t losses_last_us(void)
{
    return losses.last_us;
}

bool losses_came_twice(uint64_t since_us)
{
    return losses.before_last_us > since_us;
}

bool losses_may_forget(unsigned front, uint64_t at_us)
{
    uint64_t silent_us = losses.silent_us[front];
    return losses.any && losses.last_us + LOSSES_UNSEEN_MS * SIM_MS > at_us &&
           silent_us + SILENT_S * (uint64_t)SIM_S > at_us && silent_us > 0;
}
