/* acts_table.h: what operators did to an event's seats and prices, and who, as stored in
 * PostgreSQL. On one connection and the thread that owns it; errors are pg.h's. */
#ifndef FG_SEAT_SERVICE_ACTS_TABLE_H
#define FG_SEAT_SERVICE_ACTS_TABLE_H

#include "core/engine/engine.h"
#include "pg/pg.h"

#include <assert.h>

enum { ACTS_WRITE_MAX = 64, ACTS_READ_MAX = 200 };

struct act_row {
    uint64_t seq, at_ms;
    enum change_kind kind; /* CHANGE_BLOCKED, _UNBLOCKED, _PRICED, _REVISED; CHANGE_IMPORTED */
    uint32_t quantity;     /* of seats or places; 0: it is about none */
    uint32_t first_seat, last_seat; /* in plan order; where there is no area */
    uint16_t area;                  /* or CHANGE_AREA_NONE */
    uint8_t category;               /* of a price */
    uint64_t price, price_was;
    uint8_t reason_len;
    char reason[CHANGE_TEXT_MAX];
    uint8_t who_len; /* 0: nobody's name is known */
    char who[CHANGE_WHO_MAX];
};

static_assert((int)ACTS_WRITE_MAX >= (int)PLAN_CATEGORIES_MAX, "a change fits");

/* How many rows the change makes: one for each new price, otherwise one; 0: no act of an operator.
 * The engine has not taken in the change yet. */
uint32_t act_rows_of(const struct engine *engine, const struct change *change,
                     struct act_row out[PLAN_CATEGORIES_MAX]);

/* ACTS_WRITE_MAX at most. Rows that are there already stay. */
int acts_table_write(struct pg *pg, int32_t event, const struct act_row *rows, uint32_t len,
                     struct err_slot *err);
/* The newest rows of an event with a `seq` less than `before`, newest first; the last of all is its
 * import. Where there are more than ACTS_READ_MAX, the last change may lack some of its rows. */
int acts_table_read(struct pg *pg, struct span event, uint64_t before,
                    struct act_row out[ACTS_READ_MAX], struct err_slot *err, uint32_t *len);

#endif
