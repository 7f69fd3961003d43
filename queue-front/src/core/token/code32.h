/* code32.h: codes for people: letters and digits that are not mistaken for each other (Crockford's
 * 32). The last one is a check that detects every single wrong letter and every swapped pair. */
#ifndef FG_QUEUE_FRONT_CORE_CODE32_H
#define FG_QUEUE_FRONT_CORE_CODE32_H

#include "base/text.h"
#include "crypto/mac.h"

enum { CODE32_LEN_MAX = 30 }; /* in a longer code a swapped pair could go unnoticed */

/* Letters for `len - 1` values below 32, and their check. */
void code32_make(const uint8_t *values, size_t len, char *code);

/* Appends the code in groups separated by hyphens. */
void code32_put(struct text *out, const char *code, size_t len, size_t group);

/* Reads exactly `len` letters. Ignores case, spaces and hyphens; O is 0, I and L are 1. False:
 * mistyped. `values` may be NULL. */
bool code32_parse(struct span text, size_t len, char *code, uint8_t *values);

/* The first eight bytes of a MAC over purpose, event and the readable part of the code, with one
 * key of a ring. */
uint64_t code32_sign(const struct mac_ring_key *key, const char *purpose, struct span event,
                     uint32_t head);

#endif
