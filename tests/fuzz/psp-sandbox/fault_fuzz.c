/* fault_fuzz.c: any bytes as a list of faults, as the control API and the configuration take it. */
#include "../fuzz.h"
#include "core/fault.h"

static void fuzz(struct span in)
{
    struct err_slot err = {.text = ""};
    struct fault faults[FAULT_SPECS_MAX];
    unsigned count = 0;
    if (fault_parse(in, &err, faults, &count) < 0) {
        assert(strlen(err.text) > 3);
        return;
    }
    assert(count > 0 && count <= FAULT_SPECS_MAX);
    for (unsigned i = 0; i < count; i++) {
        assert(faults[i].kind > FAULT_NONE && faults[i].kind < FAULT_KIND_COUNT);
        assert(faults[i].count > 0 && faults[i].count <= FAULT_COUNT_MAX);
    }
}
