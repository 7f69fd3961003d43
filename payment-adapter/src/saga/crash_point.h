/* crash_point.h: an edge at which a test may have the process killed. An edge is passed each time
 * the engine is about to act, has acted, is about to commit or has committed; they are counted from
 * the start of the process. `saga.halt_at = N` ends it with SIGKILL at the N-th: no destructor, no
 * flush, as a power cut for this process. Without the setting an edge costs one comparison. */
#ifndef FG_PAY_CRASH_POINT_H
#define FG_PAY_CRASH_POINT_H

#include <stdint.h>

struct crash_point {
    uint64_t at; /* 0: never */
    uint64_t passed;
};

void crash_point_pass(struct crash_point *crash_point);

#endif
