/* plan_draft.h: the parts of a plan, for code that makes one: the import, and tests that want a
 * hall without a document. */
#ifndef FG_SEAT_CORE_PLAN_DRAFT_H
#define FG_SEAT_CORE_PLAN_DRAFT_H

#include "base/err.h"
#include "core/hall/plan.h"

struct plan_draft_seat {
    struct span guid, number, row_label, zone, entrance, floor, sight;
    float x, y;
    uint8_t category, channel, flags;
    uint32_t companion; /* UINT32_MAX: none */
    uint32_t run;       /* seats of a run have ascending runs in plan order */
    uint32_t pos;       /* place in the run: 0.. without gaps */
};

/* Everything is borrowed while plan_create() copies it. */
struct plan_draft {
    struct span name, currency;
    uint64_t starts_ms;
    struct plan_limits limits;
    struct plan_charges charges;
    float focal_x, focal_y;
    const struct plan_category *categories;
    uint32_t category_count;
    const struct plan_area *areas;
    uint32_t area_count;
    const struct plan_channel *channels;
    uint32_t channel_count; /* 0: the public alone */
    const struct plan_view *views;
    uint32_t view_count;
    const struct plan_draft_seat *seats;
    uint32_t seat_count;
    const uint8_t *run_flags; /* NULL: all 0 */
    uint32_t run_count;
    uint8_t hash[PLAN_HASH_BYTES], content[PLAN_HASH_BYTES];
    struct span text;   /* of plan_export() */
    struct span shapes; /* of plan_shapes() */
};

/* Guids are unique, numbers in range, runs without gaps: asserted, the import has checked it.
 * ERR_NOMEM. */
int plan_create(const struct plan_draft *draft, struct err_slot *err, struct plan **out);

#endif
