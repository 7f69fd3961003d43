/* row_fuzz.c: a journal as PostgreSQL sends it, row by row, from the bytes of COPY to an engine and
 * to the memory of repeated requests. Rows that do not fit are refused; no row breaks an assert or
 * is read past its end, and a refused row leaves the follower and the engine as they were.
 *
 * A row follows its length, two bytes, and a byte whose lowest bit says to give the row the right
 * link: otherwise no random row would pass the chain's check. */
#include "../fuzz.h"
#include "access/idem.h"
#include "core/engine/engine.h"
#include "journal/follower.h"
#include "small_hall.h"

struct replay {
    struct engine *engine;
    struct idem *idem;
    uint64_t applied;
};

static int apply(void *ctx, const struct change *change, const struct store_row *row,
                 struct err_slot *err)
{
    struct replay *replay = ctx;
    uint64_t before = engine_state_hash(replay->engine);
    int rc = engine_apply(replay->engine, change, err);
    if (rc < 0) {
        assert(engine_state_hash(replay->engine) == before);
        return rc;
    }
    assert(change->seq == replay->applied + 1);
    replay->applied = change->seq;
    if (row->idem.ptr != NULL)
        idem_restore(replay->idem, change->session, row->idem, change, change->at_ms);
    return 0;
}

static void follow(struct follower *follower, struct span bytes, bool fits)
{
    struct store_row row;
    if (!store_row_read(bytes, &row))
        return;
    struct chain link =
        chain_next(&follower->head.chain, row.seq, row.epoch, row.at_ms, row.kind, row.body);
    if (fits)
        row.chain = (struct span){(const char *)link.bytes, CHAIN_BYTES};
    const struct store_head before = follower->head;
    const uint64_t read = follower_seq(follower); /* beyond the head after a row refused halfway */
    int rc = follower_row(follower, &row);
    assert(rc <= 0);
    if (rc == 0) {
        assert(follower->head.seq == before.seq + row.changes);
        assert(follower_seq(follower) == (read > row.seq ? read : row.seq));
    } else {
        assert(memcmp(&before, &follower->head, sizeof(before)) == 0);
    }
}

static void fuzz(struct span in)
{
    static struct plan *plan;
    static struct idem *idem;
    struct err_slot err = {.text = ""};
    if (plan == NULL) {
        plan = small_hall();
        int rc = idem_create(1 << 20, &err, &idem);
        assert(rc == 0);
    }
    struct replay replay = {.idem = idem};
    struct engine_conf conf = {.plan = plan, .now_ms = 1, .late_max = 2};
    if (engine_create(&conf, &err, &replay.engine) < 0)
        return;
    engine_replay_begin(replay.engine);
    struct follower follower;
    follower_init(&follower, 1, "night");
    follower.apply = apply;
    follower.ctx = &replay;
    follower.err = &err;
    while (in.len >= 3) {
        const uint8_t *head = (const uint8_t *)in.ptr;
        size_t len = (size_t)head[0] | (size_t)head[1] << 8;
        bool fits = (head[2] & 1) != 0;
        in = span_skip(in, 3);
        if (len > in.len)
            break;
        follow(&follower, (struct span){in.ptr, len}, fits);
        in = span_skip(in, len);
    }
    engine_state_hash(replay.engine);
    engine_replay_end(replay.engine);
    engine_destroy(replay.engine);
}
