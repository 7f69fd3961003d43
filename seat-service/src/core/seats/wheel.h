/* wheel.h: expiry times of holds. Any thread may report that a hold's time has changed
 * (wheel_touch); one thread owns the wheel and takes the holds that are due. */
#ifndef FG_SEAT_CORE_WHEEL_H
#define FG_SEAT_CORE_WHEEL_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    WHEEL_TICK_MS = 64, /* how late a hold may end; a minute of holds is a thousand ticks */
    WHEEL_BLOCK = 4096,
};

struct wheel {
    /* shared */
    _Atomic uint32_t *looks; /* by hold: the tick of its next check */
    _Atomic uint8_t *used;   /* by block of WHEEL_BLOCK holds: 1 once one of them was touched */
    /* the owner's */
    uint32_t max;
    uint32_t at;    /* the next hold of the current round; 0: no round is under way */
    uint64_t began; /* ticks count from here */
    uint64_t round; /* the tick in which the last round began */
    uint64_t (*due_ms)(void *ctx, uint32_t hold); /* 0: does not expire */
    void *ctx;
};

int wheel_init(struct wheel *wheel, uint32_t max, uint64_t now_ms,
               uint64_t (*due_ms)(void *ctx, uint32_t hold), void *ctx);
void wheel_deinit(struct wheel *wheel);

/* From any thread, after the hold's new time can be read. */
void wheel_touch(struct wheel *wheel, uint32_t hold);

/* For the owner: removes a due hold from the wheel and returns it, or 0. Touch it to put it
 * back. */
uint32_t wheel_due(struct wheel *wheel, uint64_t now_ms);

#endif
