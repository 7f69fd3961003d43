/* chain.h: the hash that links each row of a journal to the previous one.
 *
 * link(n) = BLAKE2b-256(link(n-1) | seq | epoch | at_ms | kind | length of body | body), integers
 * as 8 bytes big-endian; link(0) depends on the event's id, so rows of one event do not fit
 * another. A changed, missing, duplicated or moved row breaks the chain at its position. */
#ifndef FG_SEAT_SERVICE_CHAIN_H
#define FG_SEAT_SERVICE_CHAIN_H

#include "base/span.h"

enum { CHAIN_BYTES = 32 };

struct chain {
    uint8_t bytes[CHAIN_BYTES];
};

struct chain chain_first(struct span event);
struct chain chain_next(const struct chain *last, uint64_t seq, uint64_t epoch, uint64_t at_ms,
                        unsigned kind, struct span body);
static inline bool chain_eq(const struct chain *chain, struct span bytes)
{
    return bytes.len == CHAIN_BYTES && memcmp(chain->bytes, bytes.ptr, CHAIN_BYTES) == 0;
}

#endif
