/* hasher.h: password checks on libuv's worker threads, so that no loop waits for a hash. The queue
 * is bounded: a crowd that logs in at once is told to come back, rather than made to wait for
 * longer than it would. One hasher a loop; the threads are shared, and so is the queue's bound. */
#ifndef FG_PAY_HASHER_H
#define FG_PAY_HASHER_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdint.h>
#include <uv.h>

struct hasher;

/* Of the process: outlives its hashers. */
struct hash_queue {
    uint32_t max;
    _Atomic uint64_t len; /* waiting or being worked on; a gauge */
};

int hasher_create(uv_loop_t *loop, struct hash_queue *queue, struct err_slot *err,
                  struct hasher **out);
/* What is under way still comes back, to nobody; the last one frees the memory. */
void hasher_close(struct hasher *hasher);

/* Copies both. ERR_FULL: the queue is as long as it may be; then on_done is not called. Otherwise
 * it is called once, on the loop, with what password_check() said. */
int hasher_check(struct hasher *hasher, const char *hash, const char *password,
                 void (*on_done)(void *ctx, int rc), void *ctx, struct err_slot *err);

const _Atomic uint64_t *hasher_refused(const struct hasher *hasher); /* counter */

#endif
