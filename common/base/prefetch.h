/* prefetch.h: asks for memory that is needed soon. With hundreds of requests under way, what one
 * wrote has left the processor's caches when its answer comes, and each line of it costs as much as
 * some hundred instructions. Worth it only where a profile shows that wait. */
#ifndef FG_BASE_PREFETCH_H
#define FG_BASE_PREFETCH_H

#include <stddef.h>

/* Reads nothing: `memory` may be anything but NULL. */
static inline void prefetch(const void *memory, size_t len)
{
    for (size_t at = 0; at < len; at += 64) /* the length of a line, on all that we run on */
        __builtin_prefetch((const char *)memory + at);
}

#endif
