/* magic.h: a struct that is passed as void * carries a number unique to its type. MAGIC_BEGIN()
 * sets it, MAGIC_OF() checks it, MAGIC_TAKE() also clears the owner's pointer, MAGIC_END() clears
 * it before the memory is freed. A pointer to anything else panics where it arrives. Numbers are
 * chosen by hand, each once in the tree (`make check` looks). */
#ifndef FG_BASE_MAGIC_H
#define FG_BASE_MAGIC_H

#include "system/panic.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MAGIC(NAME, VALUE) enum { NAME##_magic = (VALUE) }

#define MAGIC_BEGIN(NAME, PTR) ((void)((PTR)->magic = NAME##_magic))

#define MAGIC_OF(NAME, PTR)                                                                        \
    ((struct NAME *)magic_check((PTR), offsetof(struct NAME, magic), NAME##_magic,                 \
                                "this is no struct " #NAME, __FILE__, __LINE__))

#define MAGIC_TAKE(NAME, FROM)                                                                     \
    ((struct NAME *)magic_take((FROM), offsetof(struct NAME, magic), NAME##_magic,                 \
                               "this is no struct " #NAME, __FILE__, __LINE__))

/* Volatile, because the compiler may drop a store just before free(). */
#define MAGIC_END(NAME, PTR) ((void)(*(volatile uint32_t *)&MAGIC_OF(NAME, PTR)->magic = 0))

/* By memcpy(), since a cast to another type would break the aliasing rules. */
static inline void *magic_check(const void *ptr, size_t offset, uint32_t want, const char *what,
                                const char *file, unsigned line)
{
    uint32_t found = 0;
    if (ptr != NULL)
        memcpy(&found, (const char *)ptr + offset, sizeof(found));
    if (__builtin_expect(found != want, 0))
        panic(what, file, line, NULL);
    void *same;
    memcpy(&same, &ptr, sizeof(same));
    return same;
}

static inline void *magic_take(void *from, size_t offset, uint32_t want, const char *what,
                               const char *file, unsigned line)
{
    void *ptr;
    memcpy(&ptr, from, sizeof(ptr));
    memset(from, 0, sizeof(ptr));
    return magic_check(ptr, offset, want, what, file, line);
}

#endif
