/* plan_import.h: an import body becomes a plan, or a sentence that says where it is wrong and why.
 *
 * The body: {name, currency, starts_at, doors_at, time_zone, venue, plan: <pretix seating plan, old
 * or new schema>, categories, areas, limits} and our extensions, which the plan's own schema has no
 * room for: {channels, seats, rows, focal_point}. infra/demo/halls/README.md describes them.
 * Unknown members are errors. */
#ifndef FG_SEAT_CORE_PLAN_IMPORT_H
#define FG_SEAT_CORE_PLAN_IMPORT_H

#include "base/err.h"
#include "base/span.h"
#include "core/hall/plan.h"

/* ERR_SYNTAX for what is not JSON, ERR_RANGE for what breaks a rule, with JSON pointer and rule in
 * err: "/plan/zones/0/rows/3/seats/1/seat_guid: is used twice". On success *out ends with
 * plan_destroy(). */
int plan_import(struct span body, struct err_slot *err, struct plan **out);

#endif
