/* change_fuzz.c: bytes from a journal. An accepted change is written as exactly these bytes. */
#include "../../unit/seat-service/one_change.h"
#include "../fuzz.h"

static void fuzz(struct span in)
{
    struct change change;
    struct err_slot err;
    uint8_t again[CHANGE_BYTES_MAX];
    if (change_decode((const uint8_t *)in.ptr, in.len, &err, &change) < 0)
        return;
    size_t len = change_encode(&change, again);
    assert(len == in.len);
    assert(memcmp(again, in.ptr, in.len) == 0);
}
