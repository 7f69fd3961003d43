/* prefetch.h: prefetches memory that is needed soon. With hundreds of requests in flight, the
 * memory of one has left the processor's caches when its answer arrives, and each cache line costs
 * as much as hundreds of instructions. Worth it only where a profile shows that wait. */
#ifndef FG_BASE_PREFETCH_H
#define FG_BASE_PREFETCH_H

#include <stddef.h>

/* Only a hint: `memory` may be any pointer but NULL. */
static inline void prefetch(const void *memory, size_t len)
{
    for (size_t at = 0; at < len; at += 64) /* the cache line on all supported machines */
        __builtin_prefetch((const char *)memory + at);
}

#endif
