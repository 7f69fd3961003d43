/* plan_import.h: turns an import body into a plan, or reports where it is wrong and why.
 *
 * The body: {name, currency, starts_at, doors_at, time_zone, venue, plan: <pretix seating plan, old
 * or new schema>, categories, areas, limits} and our extensions, for which the plan's own schema
 * has no place: {channels, seats, rows, focal_point}. infra/demo/halls/README.md describes them.
 * Unknown members are errors. */
#ifndef FG_SEAT_CORE_PLAN_IMPORT_H
#define FG_SEAT_CORE_PLAN_IMPORT_H

#include "base/err.h"
#include "base/span.h"
#include "core/hall/plan.h"

/* ERR_SYNTAX if it is not JSON; ERR_RANGE if it breaks a rule, with JSON pointer and rule in err:
 * "/plan/zones/0/rows/3/seats/1/seat_guid: is used twice". On success the caller ends *out with
 * plan_destroy(). */
int plan_import(struct span body, struct err_slot *err, struct plan **out);

#endif
