/* shown.h: a wait as people read it: one number, and times of day. Each is rounded here, once.
 * web/shown.js does the same for the script; a test compares the page before and after it has run.
 */
#ifndef FG_QUEUE_FRONT_CORE_SHOWN_H
#define FG_QUEUE_FRONT_CORE_SHOWN_H

#include "core/wait/eta.h"

/* What a waiting visitor should do. Each has a sentence of its own. */
enum shown_advice {
    SHOWN_UNKNOWN, /* nobody knows how long it takes */
    SHOWN_NEAR,    /* stay: it is close */
    SHOWN_UNSURE,  /* stay: it may come much sooner than expected */
    SHOWN_BACK,    /* go, and be back by back_ms */
    SHOWN_LATER,   /* go for a day */
    SHOWN_COUNT,
};

struct shown {
    enum shown_advice advice;
    uint32_t minutes, hours, days; /* one of them, at least 1; none: unknown */
    /* On whole minutes, back <= likely <= latest. 0: none, as the hour says nothing a day ahead. */
    uint64_t back_ms, likely_ms, latest_ms;
};

struct shown shown_wait(struct eta eta, uint64_t now_ms);
const char *shown_advice_name(enum shown_advice advice);

#endif
