/* must.h: allocations that must succeed in a test double. If one fails the process ends; every
 * answered call is in the journal. */
#ifndef FG_PSP_SANDBOX_MUST_H
#define FG_PSP_SANDBOX_MUST_H

#include "base/bug.h"

#include <stdlib.h>

static inline void *must(void *memory)
{
    if (memory == NULL)
        BUG_STOP("no memory");
    return memory;
}

#endif
