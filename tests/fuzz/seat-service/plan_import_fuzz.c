/* plan_import_fuzz.c: an import body. An accepted plan is exported and imported again as the same
 * bytes. */
#include "../fuzz.h"
#include "core/hall/plan_import.h"

static void fuzz(struct span in)
{
    struct err_slot err;
    struct plan *plan, *again;
    if (plan_import(in, &err, &plan) < 0)
        return;
    int rc = plan_import(plan_export(plan), &err, &again);
    assert(rc == 0);
    assert(span_eq(plan_export(plan), plan_export(again)));
    plan_destroy(again);
    plan_destroy(plan);
}
