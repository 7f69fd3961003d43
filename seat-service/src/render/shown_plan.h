/* shown_plan.h: a plan with everything that is derived from it once: the documents that visitors
 * are served. Immutable, except for codings that are added later.
 *
 * Threading: made on one thread; afterwards any thread reads it without asking. */
#ifndef FG_SEAT_SERVICE_SHOWN_PLAN_H
#define FG_SEAT_SERVICE_SHOWN_PLAN_H

#include "core/hall/plan.h"
#include "http/http.h"
#include "render/render.h"

#include <stdatomic.h>

enum shown_plan_coding { SHOWN_IDENTITY, SHOWN_GZIP, SHOWN_BROTLI, SHOWN_CODINGS };

/* A plan with everything that is derived from it once. Immutable, except for codings that are added
 * later. */
struct shown_plan {
    struct plan *plan;
    char hash[2 * PLAN_HASH_BYTES + 1]; /* of its content, as in links and requests */
    _Atomic(struct http_blob *) geometry[RENDER_FORMS][SHOWN_CODINGS]; /* body of GET .../plan */
};

/* Imports the body and renders what is served; slow: not for a loop. ERR_SYNTAX, ERR_RANGE with
 * JSON pointer and rule. On success *out is the caller's, to end with shown_plan_destroy(). The
 * plain geometry is there at once, the compressed ones after shown_plan_pack(). */
int shown_plan_create(struct span body, struct err_slot *err, struct shown_plan **out);
int shown_plan_pack(struct shown_plan *plan, struct err_slot *err); /* slower still */
void shown_plan_destroy(struct shown_plan *plan);
/* The geometry in this coding, or NULL while it does not exist. Borrowed. */
static inline struct http_blob *shown_plan_geometry(const struct shown_plan *plan,
                                                    enum render_form form,
                                                    enum shown_plan_coding coding)
{
    /* acquire: partner of shown_plan_pack() */
    return atomic_load_explicit(&plan->geometry[form][coding], memory_order_acquire);
}

#endif
