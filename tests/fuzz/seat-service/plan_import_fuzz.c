/* plan_import_fuzz.c: an import body. What is taken goes out and comes in again as the same bytes.
 */
#include "core/hall/plan_import.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err_slot err;
    struct plan *plan, *again;
    if (plan_import((struct span){(const char *)data, size}, &err, &plan) < 0)
        return 0;
    int rc = plan_import(plan_export(plan), &err, &again);
    assert(rc == 0);
    assert(span_eq(plan_export(plan), plan_export(again)));
    plan_destroy(again);
    plan_destroy(plan);
    return 0;
}
