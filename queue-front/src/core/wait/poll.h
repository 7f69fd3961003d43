/* poll.h: when a visitor should poll again: every two seconds near the head of the line, so that a
 * call is noticed at once, and every thirty far behind, so that 250,000 waiting visitors cost
 * little. */
#ifndef FG_QUEUE_FRONT_CORE_POLL_H
#define FG_QUEUE_FRONT_CORE_POLL_H

#include "core/line/place.h"
#include "core/wait/eta.h"

enum {
    POLL_NEAR_MS = 2000,      /* a call is noticed this late at most */
    POLL_FAR_MS = 30000,      /* before load stretches it */
    POLL_CALLED_MS = 5000,    /* the page knows its state and only confirms it */
    POLL_UNKNOWN_MS = 10000,  /* the wait is unknown: often enough to see a change of state */
    POLL_JITTER_PERCENT = 20, /* downwards, so that people who came together drift apart */
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
