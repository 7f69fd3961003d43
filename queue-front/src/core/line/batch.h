/* batch.h: when the joins of one shard go out as a batch.
 *
 * A call costs Redis as much as some twenty joins, and of each turn of the loop a shard gets only
 * its part. So while joins come close behind each other, a small batch is held back and takes those
 * of the next turn along. A join on a quiet front is never held back. Pure. */
#ifndef FG_QUEUE_FRONT_CORE_BATCH_H
#define FG_QUEUE_FRONT_CORE_BATCH_H

#include <stdint.h>

enum {
    BATCH_ENOUGH = 64,     /* joins that are worth a call of their own */
    BATCH_HOLD_US = 2000,  /* at most. A join waits for its cut for some 20 ms anyway */
    BATCH_CLOSE_US = 4000, /* between two joins, so that a hold is likely to gather another */
    BATCH_PACE_MAX = 16,   /* joins of the newest batch that count: what was 64 ms ago is over */
};

/* Zero at first. */
struct batch_pace {
    uint64_t sent_us;    /* the newest batch; 0: none yet */
    uint32_t sent_joins; /* that it carried */
    uint64_t held_us;    /* since when the next is held back; 0: it is not */
};

/* So many joins could go out now. 0: they do; else in how many ms to ask again: they are held. */
uint32_t batch_hold_ms(struct batch_pace *pace, uint32_t joins, uint64_t now_us);

#endif
