/* shown.h: a wait for people to read: one number, and times of day. All rounding is done here.
 * web/shown.js does the same for the script; a test compares the page before and after it has
 * run. */
#ifndef FG_QUEUE_FRONT_CORE_SHOWN_H
#define FG_QUEUE_FRONT_CORE_SHOWN_H

#include "core/wait/eta.h"

/* Advice to a waiting visitor. Each has its own sentence. */
enum shown_advice {
    SHOWN_UNKNOWN, /* the wait is unknown */
    SHOWN_NEAR,    /* stay: it is close */
    SHOWN_UNSURE,  /* stay: it may come much sooner than expected */
    SHOWN_BACK,    /* go, and be back by back_ms */
    SHOWN_LATER,   /* go for the day */
    SHOWN_COUNT,
};

struct shown {
    enum shown_advice advice;
    uint32_t minutes, hours, days; /* one is at least 1; all 0: unknown */
    /* On whole minutes, back <= likely <= latest. 0: more than a day ahead, or unknown. */
    uint64_t back_ms, likely_ms, latest_ms;
};

struct shown shown_wait(struct eta eta, uint64_t now_ms);
const char *shown_advice_name(enum shown_advice advice);

#endif
