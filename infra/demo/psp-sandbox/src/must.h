/* must.h: memory that a test double cannot do without. Without it the process ends: whatever was
 * answered is in the journal. */
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
