/* pack.c: a change is encoded in place, after its length, so that packing copies nothing. Unpacking
 * checks each length before it believes it: what is left of the row decides, never what the entry
 * claims. */
#include "journal/pack.h"

#include <string.h>

enum { HAS_IDEM = 0x8000, HEAD_BYTES = 2 };

static_assert((int)CHANGE_BYTES_MAX < (int)HAS_IDEM, "a length leaves the highest bit free");

size_t pack_put(uint8_t *out, const struct change *change, const uint8_t *idem, struct span *record)
{
    size_t len = change_encode(change, out + HEAD_BYTES);
    unsigned head = (unsigned)len | (idem != NULL ? HAS_IDEM : 0);
    out[0] = (uint8_t)(head >> 8);
    out[1] = (uint8_t)head;
    *record = (struct span){(const char *)out + HEAD_BYTES, len};
    if (idem == NULL)
        return HEAD_BYTES + len;
    memcpy(out + HEAD_BYTES + len, idem, PACK_IDEM_BYTES);
    return HEAD_BYTES + len + PACK_IDEM_BYTES;
}

bool pack_next(struct span *rest, struct span *record, struct span *idem)
{
    if (rest->len < HEAD_BYTES)
        return false;
    unsigned head = (unsigned)(uint8_t)rest->ptr[0] << 8 | (uint8_t)rest->ptr[1];
    size_t len = head & ~(unsigned)HAS_IDEM;
    size_t idem_len = (head & HAS_IDEM) != 0 ? PACK_IDEM_BYTES : 0;
    if (rest->len - HEAD_BYTES < len + idem_len)
        return false;
    *record = (struct span){rest->ptr + HEAD_BYTES, len};
    *idem = (struct span){idem_len > 0 ? record->ptr + len : NULL, idem_len};
    *rest = span_skip(*rest, HEAD_BYTES + len + idem_len);
    return true;
}
