/* engine_revise.h: checks what a corrected plan may change once the event has a journal. */
#ifndef FG_SEAT_CORE_ENGINE_REVISE_H
#define FG_SEAT_CORE_ENGINE_REVISE_H

#include "core/engine/engine.h"
#include "core/hall/plan.h"

#include <assert.h>

/* A reason against a correction: a place in the document, and a sentence about it. */
struct engine_clash {
    char path[sizeof("/categories/4294967295/price")];
    char why[64 + 4 * PLAN_TEXT_MAX]; /* with a name, or two guids */
};
static_assert(4 * PLAN_TEXT_MAX >= 2 * PLAN_ID_MAX, "both fit");

struct engine_clashes {
    uint32_t len;
    struct engine_clash list[ENGINE_CLASHES_MAX]; /* the first ones */
};

/* Returns whether `next` may replace the engine's plan; false: `out` has the reasons. *whole: the
 * event restarts, because seats, areas or categories differ, other than by new ones at the end.
 * That is allowed only while nothing is held, sold or blocked. Otherwise all of them keep
 * their numbers, so the whole journal fits the new plan. Other threads may use the engine
 * meanwhile, but then the result may be outdated. */
bool engine_revise(const struct engine *engine, const struct plan *next, bool *whole,
                   struct engine_clashes *out);

#endif
