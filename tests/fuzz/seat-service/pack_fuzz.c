/* pack_fuzz.c: a row's body that says it is a pack. Whatever is taken off it lies within, and put
 * together again is the same. */
#include "../fuzz.h"
#include "journal/pack.h"

static void fuzz(struct span in)
{
    struct span rest = in, record, idem;
    while (rest.len > 0) {
        const char *began = rest.ptr;
        if (!pack_next(&rest, &record, &idem))
            return;
        assert(idem.len == 0 || idem.len == PACK_IDEM_BYTES);
        assert(rest.ptr == began + 2 + record.len + idem.len);
        assert(rest.ptr + rest.len == in.ptr + in.len);
        struct change change;
        struct err_slot err;
        if (change_decode((const uint8_t *)record.ptr, record.len, &err, &change) < 0)
            continue;
        uint8_t again[PACK_ENTRY_BYTES_MAX];
        struct span written;
        size_t len = pack_put(again, &change, (const uint8_t *)idem.ptr, &written);
        assert(len == 2 + record.len + idem.len);
        assert(memcmp(again, began, len) == 0);
    }
}
