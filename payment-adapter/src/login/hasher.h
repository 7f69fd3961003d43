/* hasher.h: password checks on libuv's worker threads, so that no loop waits for a hash. The queue
 * is bounded: when a crowd logs in at once, some are refused for the moment rather than kept
 * waiting too long. One hasher per loop; the threads are shared, and so is the queue's bound. */
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
    _Atomic uint64_t len; /* waiting or running; a gauge */
};

int hasher_create(uv_loop_t *loop, struct hash_queue *queue, struct err_slot *err,
                  struct hasher **out);
/* Waiting checks end with ERR_CLOSED at once. Running ones still finish, without an answer; the
 * last one frees the memory. */
void hasher_close(struct hasher *hasher);

/* Copies both. ERR_FULL: the queue is full, and on_done is not called. Otherwise it is called once,
 * on the loop, with the result of password_check(), or ERR_CLOSED: it was not checked. */
int hasher_check(struct hasher *hasher, const char *hash, const char *password,
                 void (*on_done)(void *ctx, int rc), void *ctx, struct err_slot *err);

const _Atomic uint64_t *hasher_refused(const struct hasher *hasher); /* counter */

#endif
