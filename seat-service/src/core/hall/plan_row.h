/* plan_row.h: decides by position which seats of a row are neighbours. Printed numbers play no
 * part: odd and even sides, and rows numbered from the middle, are common. */
#ifndef FG_SEAT_CORE_PLAN_ROW_H
#define FG_SEAT_CORE_PLAN_ROW_H

#include "core/hall/plan.h"

enum { PLAN_ROW_MAX = 2000 }; /* seats of a row in a document; runs of neighbours are shorter */

/* The usual distance between neighbours of a row; count is 2..PLAN_ROW_MAX. */
float plan_row_gap(const struct plan_draft_seat *seats, uint32_t count);

/* Are the seats on a circle, all the way around? Then people sit at a table. */
bool plan_row_is_round(const struct plan_draft_seat *seats, uint32_t count);

/* Cuts a row into runs of neighbours and numbers them from first_run on: sets run and pos of each
 * seat. A gap much wider than `gap` is an aisle; 0: the row's own usual gap. A table is not cut.
 * Returns the number of runs. */
uint32_t plan_row_cut(struct plan_draft_seat *seats, uint32_t count, bool table, float gap,
                      uint32_t first_run);

#endif
