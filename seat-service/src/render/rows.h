/* rows.h: the seats of a plan row by row, for a phone on a slow line: a fifteenth of the bytes of
 * the plan seat by seat. A section is written in columns, an element for each row:
 *
 *   {"name":"Lower 101","rows":["A","B"],"seats":[15,16],
 *    "x":[[4558,116,-24],[-63,6,1]],"y":[[6473,-545],[-32,1]],
 *    "number":[1,1],"id":["1101-A-","1101-B-"],
 *    "category":[0,31],"notes":[{"entrance":"Gate A"},31]}
 *
 * `rows` are their labels, `seats` how many there are in each. x and y are curves (curve.h).
 * `number` is that of the first seat if they count up by one, else a list; `id` is what stands
 * before the number in each seat's guid, else a list. `category` and `notes` are values, each
 * followed by how many seats of the section have it. All that is left out is which companion's seat
 * goes with which accessible one. */
#ifndef FG_SEAT_SERVICE_ROWS_H
#define FG_SEAT_SERVICE_ROWS_H

#include "base/err.h"
#include "base/text.h"
#include "core/hall/plan.h"

/* The member "zones" of an open object. Seats follow each other in plan order. */
int rows_put_zones(struct text *text, const struct plan *plan, struct err_slot *err);

/* {"flags":[...],"channel":..,"entrance":..,"floor":..,"sight":..,"seat_label":..,
 * "row_number_position":..}, without absent ones. Members of
 * an open object; both forms of a plan have them. */
void rows_put_notes(struct text *text, const struct plan *plan, const struct plan_seat *seat);

#endif
