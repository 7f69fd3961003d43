/* acts_table.h: seats that an operator blocked and unblocked, and who, as stored in PostgreSQL. On
 * one connection and the thread that owns it; errors are pg.h's. */
#ifndef FG_SEAT_SERVICE_ACTS_TABLE_H
#define FG_SEAT_SERVICE_ACTS_TABLE_H

#include "core/engine/change.h"
#include "pg/pg.h"

enum { ACTS_WRITE_MAX = 64, ACTS_READ_MAX = 200 };

struct act_row {
    uint64_t seq, at_ms;
    enum change_kind kind; /* CHANGE_BLOCKED or CHANGE_UNBLOCKED */
    uint32_t quantity;
    uint32_t first_seat, last_seat; /* in plan order; where there is no area */
    uint16_t area;                  /* or CHANGE_AREA_NONE */
    uint8_t reason_len;
    char reason[CHANGE_TEXT_MAX];
    uint8_t who_len; /* 0: nobody's name is known */
    char who[CHANGE_WHO_MAX];
};

/* False: no act of an operator on seats. */
bool act_row_of(const struct change *change, struct act_row *out);

/* ACTS_WRITE_MAX at most. Rows that are there already stay. */
int acts_table_write(struct pg *pg, int32_t event, const struct act_row *rows, uint32_t len,
                     struct err_slot *err);
/* The newest ACTS_READ_MAX of an event, newest first. */
int acts_table_read(struct pg *pg, struct span event, struct act_row out[ACTS_READ_MAX],
                    struct err_slot *err, uint32_t *len);

#endif
