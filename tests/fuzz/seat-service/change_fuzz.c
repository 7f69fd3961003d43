/* change_fuzz.c: bytes from a journal. An accepted change is written as exactly these bytes. */
#include "core/engine/change.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct change change;
    struct err_slot err;
    uint8_t again[CHANGE_BYTES_MAX];
    if (change_decode(data, size, &err, &change) < 0)
        return 0;
    size_t len = change_encode(&change, again);
    assert(len == size);
    assert(memcmp(again, data, size) == 0);
    return 0;
}
