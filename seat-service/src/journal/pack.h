/* pack.h: encodes the changes of a journal row as its body.
 *
 * A head, then each change (change.h): a byte with its kind, whose highest bit is set if there is
 * an idempotency key; its fields; then the key's PACK_IDEM_BYTES. */
#ifndef FG_SEAT_SERVICE_PACK_H
#define FG_SEAT_SERVICE_PACK_H

#include "base/span.h"
#include "core/engine/change.h"
#include "core/engine/wire.h"

#include <assert.h>

enum {
    /* The column `kind` of a row with several changes: no change has this kind. */
    PACK_KIND = 0,
    /* A row fits a page of PostgreSQL (8,160 bytes for a tuple, about 100 of them for the other
     * columns), so nothing is stored out of line. About 250 holds of one seat. */
    PACK_BYTES_MAX = 8000,
    PACK_IDEM_BYTES = 13,
    PACK_ENTRY_BYTES_MAX = CHANGE_BYTES_MAX + PACK_IDEM_BYTES, /* with a head */
};

static_assert((int)PACK_ENTRY_BYTES_MAX <= (int)PACK_BYTES_MAX, "the longest change fits a row");

/* Appends a change, PACK_ENTRY_BYTES_MAX at most, and returns its length. `first`: it begins a
 * body, and sets `before`; otherwise `before` is from the last call. `idem` may be NULL. */
size_t pack_put(uint8_t *out, bool first, struct change_before *before, const struct change *change,
                const uint8_t *idem);

/* A body being read. */
struct pack {
    struct wire wire;
    struct change_before before;
};

struct pack pack_open(struct span body);
/* Whether there are bytes left. */
bool pack_has_more(const struct pack *pack);
/* The next change; `idem` is absent without a key. ERR_SYNTAX: the body is malformed. */
int pack_next(struct pack *pack, struct err_slot *err, struct change *change, struct span *idem);

#endif
