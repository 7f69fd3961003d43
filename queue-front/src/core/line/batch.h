/* batch.h: when the joins of one shard go out as a batch.
 *
 * A call costs Redis as much as some twenty joins, and a shard gets only its part of each turn's
 * joins. So while joins follow each other closely, a small batch is held back for those of the next
 * turn. A join on a quiet front is never held back. Pure. */
#ifndef FG_QUEUE_FRONT_CORE_BATCH_H
#define FG_QUEUE_FRONT_CORE_BATCH_H

#include <stdint.h>

enum {
    BATCH_ENOUGH = 64,     /* joins that are worth a call of their own */
    BATCH_HOLD_US = 2000,  /* at most; a join waits for its cut for some 20 ms anyway */
    BATCH_CLOSE_US = 4000, /* between two joins, so that a hold is likely to gather another */
    BATCH_PACE_MAX = 16,   /* joins of the newest batch that count: older than 64 ms does not */
};

/* Zero-initialised. */
struct batch_pace {
    uint64_t sent_us;    /* time of the newest batch; 0: none yet */
    uint32_t sent_joins; /* joins in it */
    uint64_t held_us;    /* since when the next one is held back; 0: it is not */
};

/* For a batch of `joins`: 0: send now; otherwise held back, ask again after this many ms. */
uint32_t batch_hold_ms(struct batch_pace *pace, uint32_t joins, uint64_t now_us);

#endif
