/* budget.h: a retry budget: a share of the first tries, plus a constant trickle. Without it, an
 * outage multiplies calls by retries just when the peer comes back. */
#ifndef FG_PAY_CORE_BUDGET_H
#define FG_PAY_CORE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct budget {
    uint64_t milli;       /* thousandths of a retry available now */
    uint64_t cap_milli;   /* at most this much is saved */
    uint32_t share_milli; /* each first try earns this much */
    uint32_t per_s;       /* plus this many whole retries per second */
    uint64_t at_us;
};

void budget_init(struct budget *budget, uint32_t share_milli, uint32_t per_s, uint32_t cap,
                 uint64_t now_us);
void budget_earn(struct budget *budget);                  /* a first try was made */
bool budget_take(struct budget *budget, uint64_t now_us); /* may a retry be made? */
void budget_give_back(struct budget *budget);             /* a retry was taken but not made */

#endif
