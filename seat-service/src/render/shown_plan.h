/* shown_plan.h: a plan and the documents for visitors that are rendered from it once. Immutable,
 * except that compressed codings are added later.
 *
 * Threading: created on one thread; then any thread may read it without a lock. */
#ifndef FG_SEAT_SERVICE_SHOWN_PLAN_H
#define FG_SEAT_SERVICE_SHOWN_PLAN_H

#include "core/hall/plan.h"
#include "http/http.h"
#include "render/render.h"

#include <stdatomic.h>

enum shown_plan_coding { SHOWN_IDENTITY, SHOWN_GZIP, SHOWN_BROTLI, SHOWN_CODINGS };

struct shown_plan {
    struct plan *plan;
    char hash[2 * PLAN_HASH_BYTES + 1]; /* of its content; names the plan in links and requests */
    _Atomic(struct http_blob *) geometry[RENDER_FORMS][SHOWN_CODINGS]; /* body of GET .../plan */
};

/* Imports the body and renders the plain documents. Too slow for a loop. ERR_SYNTAX and ERR_RANGE
 * name JSON pointer and rule. On success the caller owns *out (shown_plan_destroy()). */
int shown_plan_create(struct span body, struct err_slot *err, struct shown_plan **out);
/* Adds the missing compressed documents; slower still. */
int shown_plan_pack(struct shown_plan *plan, struct err_slot *err);
void shown_plan_destroy(struct shown_plan *plan);
/* The geometry in this coding, borrowed; NULL: not compressed yet. */
static inline struct http_blob *shown_plan_geometry(const struct shown_plan *plan,
                                                    enum render_form form,
                                                    enum shown_plan_coding coding)
{
    /* acquire: partner of the releases in make_geometry() and pack() */
    return atomic_load_explicit(&plan->geometry[form][coding], memory_order_acquire);
}

#endif
