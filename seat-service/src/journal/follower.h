/* follower.h: one event's journal, read in order and checked row by row. Shared by the reader, the
 * auditor and `replay`. */
#ifndef FG_SEAT_SERVICE_FOLLOWER_H
#define FG_SEAT_SERVICE_FOLLOWER_H

#include "journal/store.h"

struct follower {
    int32_t event;
    const char *id;         /* borrowed */
    struct store_head head; /* of the last row that was applied whole */
    uint64_t applied;       /* the last change applied; beyond head while a row is half applied */
    /* One change of a row whose chain and record are good; row->idem is the change's. A negative
     * result ends the reading, which can be resumed after the previous change. */
    int (*apply)(void *ctx, const struct change *change, const struct store_row *row,
                 struct err_slot *err);
    void *ctx;
    struct err_slot *err; /* of the reading under way */
};

/* At the beginning of the journal: no row applied yet. */
void follower_init(struct follower *follower, const struct store_event *event);

/* One row: follower_read() without a database. `err` is set by the caller. */
int follower_row(struct follower *follower, const struct store_row *row);

/* The number of the last change that was applied, or came with a snapshot. */
uint64_t follower_seq(const struct follower *follower);

/* Reads on from head to the journal's end. ERR_SYNTAX names the first row that is missing, does
 * not fit the chain, or is no record. */
int follower_read(struct follower *follower, struct pg *pg, struct err_slot *err);
/* The same with so many rows at most; *more: that was perhaps not the end. */
int follower_read_some(struct follower *follower, struct pg *pg, uint32_t rows,
                       struct err_slot *err, bool *more);

#endif
