/* pace.h: how fast all loops of the process together call the payment providers, and what goes
 * first when that is not fast enough: capturing and refunding, then creating payments, then polling
 * whether somebody has paid. Atomic words, no lock, any thread.
 *
 * A caller that is held back is given a turn: a time at which to try again. Turns follow each other
 * at the allowed rate, so a thousand waiting callers retry a thousand times in all, instead of each
 * retrying all the time. */
#ifndef FG_PAY_CORE_PACE_H
#define FG_PAY_CORE_PACE_H

#include "core/pace/gate.h"

enum pace_purpose {
    PACE_POLL,
    PACE_MAKE, /* and canceling what was created */
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
/* A call leaves. It is paid for even though it did not ask: one try may make three calls. */
void pace_pay(struct pace *pace, uint64_t now_us);

#endif
