/* budget.c: a token bucket in thousandths of a retry, so that shares stay exact in integers.
 * Elapsed time is credited in whole milliseconds, and at_us moves only by what was credited;
 * otherwise frequent callers would round the trickle away. */
#include "core/pace/budget.h"

#include <assert.h>

void budget_init(struct budget *budget, uint32_t share_milli, uint32_t per_s, uint32_t cap,
                 uint64_t now_us)
{
    assert(cap >= 1);
    *budget = (struct budget){.milli = (uint64_t)cap * 1000,
                              .cap_milli = (uint64_t)cap * 1000,
                              .share_milli = share_milli,
                              .per_s = per_s,
                              .at_us = now_us};
}

static void add(struct budget *budget, uint64_t milli)
{
    assert(budget->milli <= budget->cap_milli);
    uint64_t room = budget->cap_milli - budget->milli;
    budget->milli += milli < room ? milli : room;
    assert(budget->milli <= budget->cap_milli);
}

void budget_earn(struct budget *budget)
{
    add(budget, budget->share_milli);
}

bool budget_take(struct budget *budget, uint64_t now_us)
{
    assert(now_us >= budget->at_us);
    uint64_t elapsed_ms = (now_us - budget->at_us) / 1000;
    budget->at_us += elapsed_ms * 1000;
    assert(now_us - budget->at_us <
           1000);             /* the rest, under a millisecond, is credited next time */
    if (elapsed_ms > 3600000) /* an hour fills any possible cap; more could overflow */
        elapsed_ms = 3600000;
    add(budget, elapsed_ms * budget->per_s);
    if (budget->milli < 1000)
        return false;
    budget->milli -= 1000;
    return true;
}

void budget_give_back(struct budget *budget)
{
    add(budget, 1000);
}
