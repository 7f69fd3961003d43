/* tag.h: a short hash of a sequence of bytes, to tell versions apart, not to protect secrets:
 * FNV-1a of 64 bits. */
#ifndef FG_BASE_TAG_H
#define FG_BASE_TAG_H

#include "base/span.h"

enum { TAG_LEN = 16 };

static inline uint64_t tag_hash(struct span bytes)
{
    uint64_t value = 14695981039346656037u;
    for (size_t i = 0; i < bytes.len; i++)
        value = (value ^ (unsigned char)bytes.ptr[i]) * 1099511628211u;
    return value;
}

/* Writes TAG_LEN hex digits, without a NUL. */
static inline void tag_write(struct span bytes, char out[TAG_LEN])
{
    uint64_t value = tag_hash(bytes);
    for (int i = 0; i < TAG_LEN; i++)
        out[i] = "0123456789abcdef"[value >> (60 - 4 * i) & 15];
}

#endif
