/* hasher.h: password checks on libuv's worker threads, so that no loop waits for a hash. The queue
 * is bounded: when a crowd logs in at once, some are refused for now rather than kept waiting too
 * long. One hasher per loop; all share the threads and the queue's bound. */
#ifndef FG_PAY_HASHER_H
#define FG_PAY_HASHER_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdint.h>
#include <uv.h>

struct hasher;

/* One per process; outlives its hashers. */
struct hash_queue {
    uint32_t max;
    _Atomic uint64_t len; /* waiting or running; a gauge */
};

int hasher_create(uv_loop_t *loop, struct hash_queue *queue, struct err_slot *err,
                  struct hasher **out);
/* Waiting checks end with ERR_CLOSED at once. Running ones finish, without an answer; the last one
 * frees the memory. */
void hasher_close(struct hasher *hasher);

/* Copies both. ERR_FULL: the queue is full, and on_done is not called. Otherwise on_done is called
 * once, on the loop, with the result of password_check(), or with ERR_CLOSED if it did not run. */
int hasher_check(struct hasher *hasher, const char *hash, const char *password,
                 void (*on_done)(void *ctx, int rc), void *ctx, struct err_slot *err);

const _Atomic uint64_t *hasher_refused(const struct hasher *hasher); /* counter */

#endif
