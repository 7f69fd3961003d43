/* rows.h: a plan row by row, for phones on slow connections: a fifteenth of the size of the form
 * with an object for each seat. A section is written in columns, with an element for each row:
 *
 *   {"name":"Lower 101","rows":["A","B"],"seats":[15,16],
 *    "x":[[4558,116,-24],[-63,6,1]],"y":[[6473,-545],[-32,1]],
 *    "number":[1,1],"id":["1101-A-","1101-B-"],
 *    "category":[0,31],"notes":[{"entrance":"Gate A"},31]}
 *
 * `rows` has the labels, `seats` the number of seats in each row. x and y are curves (curve.h).
 * `number` is the first seat's number if the numbers count up by one, else a list of all. `id` is
 * the text before the number in each seat's guid if they share it, else a list of all guids.
 * `category` and `notes` alternate between a value and the number of consecutive seats that have
 * it. Only the link from a companion seat to its accessible seat is omitted. */
#ifndef FG_SEAT_SERVICE_ROWS_H
#define FG_SEAT_SERVICE_ROWS_H

#include "base/err.h"
#include "base/text.h"
#include "core/hall/plan.h"

/* Writes the member "zones" of an open object. Seats are in plan order. */
int rows_put_zones(struct text *text, const struct plan *plan, struct err_slot *err);

/* Writes a seat's members of an open object, except absent ones; both forms of a plan have them:
 * "channel", "flags":[...], "entrance", "floor", "sight", "seat_label", "row_number_position". */
void rows_put_notes(struct text *text, const struct plan *plan, const struct plan_seat *seat);

#endif
