/* crash_point.c: counting and the kill. SIGKILL rather than abort(), because a test of recovery
 * wants what a power cut leaves behind: no handler runs, nothing is flushed. */
#include "saga/crash_point.h"

#include <signal.h>
#include <unistd.h>

void crash_point_pass(struct crash_point *crash_point)
{
    crash_point->passed++;
    if (crash_point->at != 0 && crash_point->passed == crash_point->at)
        kill(getpid(), SIGKILL);
}
