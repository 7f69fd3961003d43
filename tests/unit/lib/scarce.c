/* scarce.c: see scarce.h. */
#include "scarce.h"

#include "base/json_in.h"

#include <errno.h>
#include <stdlib.h>

static unsigned asked, fails_from;
static bool fails_on;

static void *lend(size_t size)
{
    unsigned nth = asked++;
    if (nth != fails_from && (nth < fails_from || !fails_on))
        return malloc(size);
    errno = ENOMEM;
    return NULL;
}

static void begin(unsigned nth, bool on)
{
    asked = 0;
    fails_from = nth;
    fails_on = on;
    json_in_allocate(lend);
}

void scarce_nth(unsigned nth)
{
    begin(nth, false);
}

void scarce_from(unsigned nth)
{
    begin(nth, true);
}

bool scarce_end(void)
{
    bool failed = asked > fails_from;
    asked = fails_from = 0;
    json_in_allocate(malloc);
    return failed;
}
