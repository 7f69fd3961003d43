/* refuse_realloc.h: a realloc() that fails once: in the call that makes `grown` `refused_at`. It
 * replaces libc's for the whole program. A header, since an archive would bring it into every
 * program. */
#ifndef FG_REFUSE_REALLOC_H
#define FG_REFUSE_REALLOC_H

#include <malloc.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static _Atomic unsigned grown, refused_at;

/* The thread sanitizer knows nothing yet of a thread that asks as it begins. */
__attribute__((no_sanitize("thread"))) void *realloc(void *memory, size_t size)
{
    void *moved = NULL;
    if (++grown == refused_at || posix_memalign(&moved, alignof(max_align_t), size) != 0)
        return NULL; /* not malloc(), which `make nth` has ask for more memory */
    if (memory == NULL)
        return moved;
    size_t had = malloc_usable_size(memory);
    memcpy(moved, memory, had < size ? had : size);
    free(memory);
    return moved;
}

#endif
