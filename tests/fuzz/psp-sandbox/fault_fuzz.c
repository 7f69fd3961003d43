/* fault_fuzz.c: any bytes as a list of faults, as the control API takes it. */
#include "../fuzz.h"
#include "fault.h"

static void fuzz(struct span in)
{
    static struct faults faults;
    struct err_slot err = {.text = ""};
    faults.len = 0;
    if (fault_add(&faults, in, &err) < 0) {
        assert(strlen(err.text) > 3 && faults.len == 0);
        return;
    }
    assert(faults.len > 0 && faults.len <= FAULT_RULES_MAX);
    for (unsigned i = 0; i < faults.len; i++) {
        const struct fault *rule = &faults.rules[i];
        assert(rule->kind > FAULT_NONE && rule->kind < FAULT_KIND_COUNT);
        assert(rule->count > 0 && rule->count <= FAULT_COUNT_MAX);
    }
}
