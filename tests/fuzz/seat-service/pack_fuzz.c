/* pack_fuzz.c: a row's body that says it is a pack. Whatever is taken off it lies within, and put
 * together again is the same. */
#include "journal/pack.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = {(const char *)data, size}, record, idem;
    while (rest.len > 0) {
        const char *began = rest.ptr;
        if (!pack_next(&rest, &record, &idem))
            return 0;
        assert(idem.len == 0 || idem.len == PACK_IDEM_BYTES);
        assert(rest.ptr == began + 2 + record.len + idem.len);
        assert(rest.ptr + rest.len == (const char *)data + size);
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
    return 0;
}
