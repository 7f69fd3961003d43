/* follower.h: reads one event's journal in order and checks each row. Shared by the reader, the
 * auditor and `replay`. */
#ifndef FG_SEAT_SERVICE_FOLLOWER_H
#define FG_SEAT_SERVICE_FOLLOWER_H

#include "journal/store.h"

struct follower {
    int32_t event;
    const char *id;         /* borrowed */
    struct store_head head; /* of the last fully applied row */
    uint64_t applied;       /* the last applied change; beyond head within a row */
    /* One change of a verified row; row->idem is the change's. A negative result stops the reading,
     * which can be resumed after the previous change. */
    int (*apply)(void *ctx, const struct change *change, const struct store_row *row,
                 struct err_slot *err);
    void *ctx;
    struct err_slot *err; /* of the current read */
};

/* Starts at the beginning of the journal. */
void follower_init(struct follower *follower, int32_t event, const char *id);

/* Processes one row: follower_read() without a database. The caller sets `err`. */
int follower_row(struct follower *follower, const struct store_row *row);

/* The last change that was applied, or was in the snapshot. */
uint64_t follower_seq(const struct follower *follower);

/* Reads from head to the journal's end. ERR_SYNTAX names the first row that is missing, breaks the
 * chain, or is malformed. */
int follower_read(struct follower *follower, struct pg *pg, struct err_slot *err);
/* The same with at most `rows` rows; *more: there may be more. */
int follower_read_some(struct follower *follower, struct pg *pg, uint32_t rows,
                       struct err_slot *err, bool *more);

#endif
