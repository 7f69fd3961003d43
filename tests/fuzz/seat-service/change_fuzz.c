/* change_fuzz.c: bytes from a journal. Whatever is accepted has exactly these bytes again; what an
 * older format told is written in today's, and from then on stays the same. */
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
    if (again[0] == data[0]) {
        assert(len == size && memcmp(again, data, size) == 0);
        return 0;
    }
    uint8_t third[CHANGE_BYTES_MAX];
    assert(again[0] > data[0]);
    int rc = change_decode(again, len, &err, &change);
    assert(rc == 0);
    assert(change_encode(&change, third) == len && memcmp(third, again, len) == 0);
    return 0;
}
