/* crash_point.c: see crash_point.h. */
#include "saga/crash_point.h"

#include <signal.h>
#include <unistd.h>

void crash_point_pass(struct crash_point *crash_point)
{
    crash_point->passed++;
    if (crash_point->at != 0 && crash_point->passed == crash_point->at)
        kill(getpid(), SIGKILL);
}
