/* acts_table.h: operators' changes to an event's seats and prices, stored in the table `act`.
 * Called on the thread that owns the connection; errors are pg.h's. */
#ifndef FG_SEAT_SERVICE_ACTS_TABLE_H
#define FG_SEAT_SERVICE_ACTS_TABLE_H

#include "core/engine/engine.h"
#include "tables/statements.h"

#include <assert.h>

enum { ACTS_WRITE_MAX = 64 };

struct act_row {
    struct sql_acts_write_acts row; /* the texts' addresses are set when it is written */
    char reason[CHANGE_TEXT_MAX], who[CHANGE_WHO_MAX];
};

static_assert((int)ACTS_WRITE_MAX >= (int)PLAN_CATEGORIES_MAX, "a change fits");

/* Returns the number of rows for the change: one for each new price, otherwise one; 0: not an
 * operator's act. Called before the engine applies the change, so the previous prices are known. */
uint32_t act_rows_of(const struct engine *engine, const struct change *change,
                     struct act_row out[PLAN_CATEGORIES_MAX]);

/* Writes at most ACTS_WRITE_MAX rows. Existing rows stay as they are. */
int acts_table_write(struct pg *pg, int32_t event, const struct act_row *rows, uint32_t len,
                     struct err_slot *err);

#endif
