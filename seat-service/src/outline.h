/* outline.h: a plan as it looks from afar: its sections, not their seats. Some kilobytes of a hall
 * of any size, so that on a slow line the hall is there to be looked at while its seats are still
 * on their way.
 *
 *   {"name":"Lower 101","seats":486,"category":0,"outline":[22788,32364,-200,1, ...]}
 *
 * Sections stand in plan order, `seats` of each: so a place in the availability picture tells its
 * section. `category` is that of most of them. `outline` is the smallest convex outline of the
 * seats in tenths, x and y in turn: of the first corner the place, of all others the step to it;
 * corners that hardly stand out are left out. */
#ifndef FG_SEAT_SERVICE_OUTLINE_H
#define FG_SEAT_SERVICE_OUTLINE_H

#include "base/err.h"
#include "base/text.h"
#include "core/plan.h"

/* The member "zones" of an open object. */
int outline_put_zones(struct text *text, const struct plan *plan, struct err_slot *err);

#endif
