/* follower.c: a row is believed only after it has proved itself: its number is the next one, its
 * link of the chain fits, its record decodes; only then are its changes handed on. A pack is taken
 * apart change by change, so a reader that stops in the middle of one knows how far it got and can
 * resume there. A row that does not fit is an error and not an assert, since rows come off a disk.
 */
#include "journal/follower.h"

#include "journal/pack.h"

#include <inttypes.h>

void follower_init(struct follower *follower, const struct store_event *event)
{
    follower->event = event->no;
    follower->id = event->id;
    follower->head = (struct store_head){.chain = chain_first(span_of(event->id))};
    follower->applied = 0;
}

/* One change of a row. */
static int on_record(struct follower *follower, const struct store_row *row, struct span record,
                     uint64_t seq)
{
    struct err_slot *err = follower->err;
    struct change change;
    int rc = change_decode((const uint8_t *)record.ptr, record.len, err, &change);
    if (rc == 0 && (change.seq != seq || (row->kind != PACK_KIND && change.kind != row->kind)))
        rc = err_set(err, ERR_SYNTAX, "the record belongs to another row");
    if (rc < 0 || seq <= follower->applied)
        return rc;
    rc = follower->apply(follower->ctx, &change, row, err);
    if (rc == 0)
        follower->applied = seq;
    return rc;
}

static int on_lone(struct follower *follower, const struct store_row *row)
{
    if (row->changes != 1)
        return err_set(follower->err, ERR_SYNTAX, "is no pack, and counts %u changes",
                       row->changes);
    return on_record(follower, row, row->body, row->seq);
}

static int on_pack(struct follower *follower, const struct store_row *row)
{
    struct store_row one = *row; /* with the key of one change after the other */
    struct span rest = row->body, record;
    uint64_t seq = follower->head.seq;
    while (rest.len > 0) {
        if (seq == row->seq || !pack_next(&rest, &record, &one.idem))
            return err_set(follower->err, ERR_SYNTAX, "is no pack of %u changes", row->changes);
        int rc = on_record(follower, &one, record, ++seq);
        if (rc < 0)
            return rc;
    }
    if (seq != row->seq)
        return err_set(follower->err, ERR_SYNTAX, "is no pack of %u changes", row->changes);
    return 0;
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
    int rc = row->kind == PACK_KIND ? on_pack(follower, row) : on_lone(follower, row);
    if (rc < 0)
        return err_wrap(err, "%s, journal row %" PRIu64, id, row->seq);
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
    struct err_slot unheard;
    follower->err = err != NULL ? err : &unheard;
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
