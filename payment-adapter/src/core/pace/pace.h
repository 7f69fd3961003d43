/* pace.h: how fast the payment providers are asked, by all loops of the process together, and who
 * goes first when that is not fast enough: taking and giving back money, then making payments, then
 * looking whether somebody has paid. Atomic words, no lock, any thread.
 *
 * Whoever is held back is given a turn, a time at which to try again; turns follow each other at
 * the allowed rate. So a thousand who wait try a thousand times, not once a moment each. */
#ifndef FG_PAY_CORE_PACE_H
#define FG_PAY_CORE_PACE_H

#include "core/pace/gate.h"

enum pace_purpose {
    PACE_POLL,
    PACE_MAKE, /* and letting go of what was made */
    PACE_TAKE, /* captures and refunds */
    PACE_PURPOSES,
};

struct pace {
    struct gate gate;
    _Atomic uint64_t turn_ns[PACE_PURPOSES];   /* the last turn that was given */
    _Atomic uint64_t held_back[PACE_PURPOSES]; /* metrics */
    _Atomic uint64_t calls;
};

void pace_init(struct pace *pace, uint32_t per_s); /* at least 1 */
/* 0: go now. Otherwise how long to wait before asking again. */
uint32_t pace_wait_ms(struct pace *pace, enum pace_purpose purpose, uint64_t now_us);
/* A call leaves. It is paid for though nobody was asked: one try may call three times. */
void pace_pay(struct pace *pace, uint64_t now_us);

#endif
