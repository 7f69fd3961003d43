/* pace.h: how often something may happen, as a bucket that fills with time. */
#ifndef FG_DEMO_SHOP_PACE_H
#define FG_DEMO_SHOP_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
    uint64_t per_s;
    uint64_t burst;
    uint64_t micros; /* tokens in millionths: rate times microseconds is exact */
    uint64_t at_us;  /* when they were counted last */
};

void pace_init(struct pace *pace, uint64_t per_s, uint64_t burst, uint64_t now_us); /* full */
/* False: not now; *wait_us is when there will be one. */
bool pace_take(struct pace *pace, uint64_t now_us, uint64_t *wait_us);

#endif
