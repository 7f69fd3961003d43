/* poll.h: when a visitor should ask again. Near the front every two seconds, so that a call is
 * noticed at once; far behind every twenty, so that a quarter of a million who wait cost little. */
#ifndef FG_QUEUE_FRONT_CORE_POLL_H
#define FG_QUEUE_FRONT_CORE_POLL_H

#include "core/line/place.h"
#include "core/wait/eta.h"

enum {
    POLL_NEAR_MS = 2000,      /* a call is noticed at most so late */
    POLL_FAR_MS = 30000,      /* before load stretches it */
    POLL_CALLED_MS = 5000,    /* the page knows what to do; it asks only whether that still holds */
    POLL_UNKNOWN_MS = 10000,  /* no idea when: often enough to see a state change */
    POLL_JITTER_PERCENT = 20, /* downwards, so that a crowd that came at once drifts apart */
    POLL_LOAD_MAX = 1000,
};

struct poll_ask {
    enum line_state line;
    enum place_state place;
    uint64_t ahead;
    struct eta eta;
    uint32_t load_milli; /* 0 idle .. 1000 the loop has no time left */
    uint32_t random;
};

uint32_t poll_after_ms(const struct poll_ask *ask);

#endif
