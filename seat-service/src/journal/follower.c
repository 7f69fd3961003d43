/* follower.c: a row is applied only after it is verified: its number is next, its chain link fits,
 * its changes decode. Changes are passed on one by one, so a reader that stops in the middle of a
 * row can resume there. A row that does not fit is an error and not an assert, since rows come from
 * disk. */
#include "journal/follower.h"

#include "journal/pack.h"

#include <assert.h>
#include <inttypes.h>

void follower_init(struct follower *follower, int32_t event, const char *id)
{
    follower->event = event;
    follower->id = id;
    follower->head = (struct store_head){.chain = chain_first(span_of(id))};
    follower->applied = 0;
}

static int on_changes(struct follower *follower, const struct store_row *row)
{
    struct err_slot *err = follower->err;
    assert(row->changes > 0);
    assert(row->seq == follower->head.seq + row->changes);
    struct store_row one = *row; /* with the key of the current change */
    struct pack pack = pack_open(row->body);
    if ((row->kind == PACK_KIND) == (row->changes == 1))
        return err_set(err, ERR_SYNTAX, "kind %u with %u changes", row->kind, row->changes);
    for (uint64_t seq = follower->head.seq + 1; seq <= row->seq; seq++) {
        struct change change;
        int rc = pack_next(&pack, err, &change, &one.idem);
        if (rc == 0 && (change.seq != seq || (row->kind != PACK_KIND && change.kind != row->kind)))
            rc = err_set(err, ERR_SYNTAX, "the record belongs to another row");
        if (rc == 0 && seq > follower->applied)
            rc = follower->apply(follower->ctx, &change, &one, err);
        if (rc < 0)
            return rc;
        follower->applied = seq > follower->applied ? seq : follower->applied;
    }
    return pack_has_more(&pack)
               ? err_set(err, ERR_SYNTAX, "it has more than its %u changes", row->changes)
               : 0;
}

int follower_row(struct follower *follower, const struct store_row *row)
{
    struct err_slot *err = follower->err;
    const char *id = follower->id;
    if (row->changes == 0 || row->seq != follower->head.seq + row->changes)
        return err_set(err, ERR_SYNTAX, "%s: journal row %" PRIu64 " is missing", id,
                       follower->head.seq + 1);
    struct chain chain =
        chain_next(&follower->head.chain, row->seq, row->epoch, row->at_ms, row->kind, row->body);
    if (!chain_eq(&chain, row->chain))
        return err_set(err, ERR_SYNTAX, "%s: the chain breaks at row %" PRIu64, id, row->seq);
    int rc = on_changes(follower, row);
    if (rc < 0)
        return err_wrap(err, "%s, journal row %" PRIu64, id, row->seq);
    assert(follower->applied >= row->seq);
    follower->head.epoch = row->epoch;
    follower->head.seq = row->seq;
    follower->head.chain = chain;
    return 0;
}

uint64_t follower_seq(const struct follower *follower)
{
    return follower->applied > follower->head.seq ? follower->applied : follower->head.seq;
}

static int on_row(void *ctx, const struct store_row *row)
{
    return follower_row(ctx, row);
}

int follower_read_some(struct follower *follower, struct pg *pg, uint32_t rows,
                       struct err_slot *err, bool *more)
{
    struct err_slot unread;
    assert(rows > 0); /* with 0 rows *more would stay true */
    follower->err = err != NULL ? err : &unread;
    return store_follow(pg, follower->event, follower->head.seq, rows, on_row, follower,
                        follower->err, more);
}

int follower_read(struct follower *follower, struct pg *pg, struct err_slot *err)
{
    bool more = true;
    int rc = 0;
    while (rc == 0 && more)
        rc = follower_read_some(follower, pg, FOLLOW_ROWS, err, &more);
    return rc;
}
