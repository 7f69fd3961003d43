/* fault_fuzz.c: any bytes as a list of faults, as the control API and the configuration take it. */
#include "core/fault.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err_slot err = {.text = ""};
    struct fault faults[FAULT_SPECS_MAX];
    unsigned count = 0;
    if (fault_parse((struct span){(const char *)data, size}, &err, faults, &count) < 0) {
        assert(strlen(err.text) > 3);
        return 0;
    }
    assert(count > 0 && count <= FAULT_SPECS_MAX);
    for (unsigned i = 0; i < count; i++) {
        assert(faults[i].kind > FAULT_NONE && faults[i].kind < FAULT_KIND_COUNT);
        assert(faults[i].count > 0 && faults[i].count <= FAULT_COUNT_MAX);
    }
    return 0;
}
