/* wheel.h: when each hold expires. Any thread may say that a hold's time has changed (wheel_touch);
 * one thread owns the wheel and asks which are due. */
#ifndef FG_SEAT_CORE_WHEEL_H
#define FG_SEAT_CORE_WHEEL_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    WHEEL_TICK_MS = 64, /* how late a hold may end; a minute of holds is a thousand ticks */
    WHEEL_LEVELS = 4, /* 64^4 ticks are twelve days; anything further off is looked at again then */
    WHEEL_SLOTS = 64,
    WHEEL_BLOCK = 4096,
};

struct wheel {
    /* shared */
    _Atomic uint8_t *touched; /* by hold: 1 if its time is to be read again */
    _Atomic uint8_t *used;    /* by block of WHEEL_BLOCK holds: 1 once one of them was touched */
    /* the owner's */
    uint32_t *next, *prev; /* rings: holds 1..max, then the heads of the wheel's slots */
    uint32_t max, blocks;
    uint64_t tick;      /* all ticks up to this one have been dealt with */
    uint64_t collected; /* the tick at which marks were looked at last */
    uint32_t count;
    uint64_t (*due_ms)(void *ctx, uint32_t hold); /* 0: no longer expires */
    void *ctx;
};

int wheel_init(struct wheel *wheel, uint32_t max, uint64_t now_ms,
               uint64_t (*due_ms)(void *ctx, uint32_t hold), void *ctx);
void wheel_deinit(struct wheel *wheel);

/* From any thread, after the hold's new time can be read. */
void wheel_touch(struct wheel *wheel, uint32_t hold);

/* For the owner: a hold whose time has come, or 0. It has left the wheel; touch it to put it back.
 */
uint32_t wheel_due(struct wheel *wheel, uint64_t now_ms);

#endif
