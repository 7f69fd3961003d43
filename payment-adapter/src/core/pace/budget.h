/* budget.h: a retry budget: a share of the first tries, plus a trickle that is always there.
 * Without it, an outage turns N calls into N times the retries just when the peer comes back. */
#ifndef FG_PAY_CORE_BUDGET_H
#define FG_PAY_CORE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct budget {
    uint64_t milli;       /* thousandths of a retry that may be taken now */
    uint64_t cap_milli;   /* no more than this is saved */
    uint32_t share_milli; /* each first try earns this much */
    uint32_t per_s;       /* and each second this many whole retries */
    uint64_t at_us;
};

void budget_init(struct budget *budget, uint32_t share_milli, uint32_t per_s, uint32_t cap,
                 uint64_t now_us);
void budget_earn(struct budget *budget);                  /* a first try was made */
bool budget_take(struct budget *budget, uint64_t now_us); /* may a retry be made? */
void budget_give_back(struct budget *budget);             /* one was taken, and not made */

#endif
