/* refuse_realloc.h: realloc(), one call of which fails: the one that makes `grown` `refused_at`. In
 * the place of libc's, whoever's memory it is: the program's own comes first to all who call it. A
 * header, as an archive would bring it into every program. */
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
