/* rows.h: the seats of a plan told row by row, for a phone on a slow line: an eighth of the bytes
 * of the plan that tells seat by seat, and a fourteenth of the JSON to parse.
 *
 *   {"label":"A","x":[22788,9,6],"y":[32364,-200,1],"category":[0,17],"number":1,"id":"1101-A-",
 *    "notes":[{"entrance":"Gate A"},17]}
 *
 * x and y are tenths: of the first seat its place, of the second the step to it, of all others by
 * how much the step to it differs from the step before; in a row that is straight or an even curve
 * these are next to nothing. `category` and `notes` are values, each followed by how many seats in
 * a row have it. `number` is that of the first seat if they count up by one, else a list; `id` is
 * what stands before the number in each seat's guid, else a list. Nothing is left out but what goes
 * together with whom. */
#ifndef FG_SEAT_SERVICE_ROWS_H
#define FG_SEAT_SERVICE_ROWS_H

#include "base/text.h"
#include "core/plan.h"

/* The member "zones" of an open object. Seats follow each other in plan order. */
void rows_put_zones(struct text *text, const struct plan *plan);

/* {"flags":[...],"channel":..,"entrance":..,"floor":..,"sight":..} of what is there. Members of an
 * open object; both ways to tell a plan have them. */
void rows_put_notes(struct text *text, const struct plan *plan, const struct plan_seat *seat);

#endif
