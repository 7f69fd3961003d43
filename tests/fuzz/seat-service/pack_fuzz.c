/* pack_fuzz.c: the body of a row. An accepted body is written as exactly these bytes. */
#include "../fuzz.h"
#include "journal/pack.h"

static void fuzz(struct span in)
{
    struct pack pack = pack_open(in);
    struct change_before before = {0};
    const char *began = in.ptr;
    struct change change;
    struct err_slot err;
    struct span idem;
    while (pack_has_more(&pack) && pack_next(&pack, &err, &change, &idem) == 0) {
        assert(idem.ptr == NULL || idem.len == PACK_IDEM_BYTES);
        uint8_t again[PACK_ENTRY_BYTES_MAX];
        size_t len = pack_put(again, began == in.ptr, &before, &change, (const uint8_t *)idem.ptr);
        assert(began + len == (const char *)pack.wire.at);
        assert(memcmp(again, began, len) == 0);
        began += len;
    }
}
