/* pack.h: several changes as the body of one row of the journal.
 *
 * One after the other, each as two bytes (big-endian: the length of its record, and the highest bit
 * if an idempotency key follows), its record (change.h) and, if so, the 32 bytes of the key.
 * Records carry their own number and time, so a pack is as readable as its changes are. */
#ifndef FG_SEAT_SERVICE_PACK_H
#define FG_SEAT_SERVICE_PACK_H

#include "base/span.h"
#include "core/engine/change.h"

#include <assert.h>

enum {
    /* What the column `kind` says of a pack: no change has this kind. */
    PACK_KIND = 0,
    /* A row stays on one page of PostgreSQL (8,160 bytes for a tuple, about 100 of them for the
     * other columns), so that nothing is ever moved out of line. About 130 holds of one seat. */
    PACK_BYTES_MAX = 8000,
    PACK_IDEM_BYTES = 32,
    PACK_ENTRY_BYTES_MAX = 2 + CHANGE_BYTES_MAX + PACK_IDEM_BYTES,
};

static_assert((int)PACK_ENTRY_BYTES_MAX <= (int)PACK_BYTES_MAX, "the longest change fits a row");

/* Writes one entry, PACK_ENTRY_BYTES_MAX at most; `idem` may be NULL. Answers its length. *record
 * is where its record lies in `out`. */
size_t pack_put(uint8_t *out, const struct change *change, const uint8_t *idem,
                struct span *record);

/* The next entry of a pack, taken off *rest; `idem` is not there if it has none. False: *rest is
 * not the rest of a pack. */
bool pack_next(struct span *rest, struct span *record, struct span *idem);

#endif
