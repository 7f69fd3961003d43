/* crash_point.h: points at which a test can kill the process. One is passed each time the engine is
 * about to act, has acted, is about to commit or has committed; they are counted from the start of
 * the process. `saga.halt_at = N` ends it with SIGKILL at the N-th. Like a power cut, SIGKILL runs
 * no handler, destructor or flush; abort() would run handlers. Without the setting a point costs
 * one comparison. */
#ifndef FG_PAY_CRASH_POINT_H
#define FG_PAY_CRASH_POINT_H

#include <signal.h>
#include <stdint.h>
#include <unistd.h>

struct crash_point {
    uint64_t at; /* 0: never */
    uint64_t passed;
};

static inline void crash_point_pass(struct crash_point *crash_point)
{
    crash_point->passed++;
    if (crash_point->at != 0 && crash_point->passed == crash_point->at)
        kill(getpid(), SIGKILL);
}

#endif
