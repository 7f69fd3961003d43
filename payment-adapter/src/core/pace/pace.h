/* pace.h: how fast all processes together call the payment providers, and which calls go first when
 * that is not fast enough: captures and refunds, then creating payments, then polling for payment.
 * Atomic words, no lock, any thread.
 *
 * The count is kept in our own database, as a moment up to which calls are paid for
 * (`pay.pace_psp`). Calls are paid afterwards: a process may make a small number of calls, its
 * trust, before it reports them, and each report returns how far all processes have come. So no
 * call queries or waits for the database. No second sees more than per_s, the burst, and the trust
 * of each process. A process that dies holds nothing, and leaves at most its trust unreported.
 *
 * While reports go unanswered, a process keeps the pace it had last.
 *
 * A caller that is held back gets a turn: a time at which to try again. Turns follow each other at
 * the allowed rate, so a thousand waiting callers of a process retry a thousand times in all,
 * instead of each retrying all the time. */
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
    struct gate fleet;                         /* all processes, as far as we know */
    uint32_t trust;                            /* how many calls may be unreported */
    _Atomic uint32_t owed;                     /* calls not covered by an answered report */
    _Atomic bool reporting, lost;              /* a report is in flight; the last was unanswered */
    _Atomic uint64_t report_ns;                /* when the last report left */
    _Atomic uint64_t share_ns, alone_ns;       /* our pace, and what is paid at it while lost */
    _Atomic uint64_t since_ns, since_len;      /* when measuring began, and the calls since */
    _Atomic uint64_t turn_ns[PACE_PURPOSES];   /* the last turn that was given */
    _Atomic uint64_t held_back[PACE_PURPOSES]; /* metrics */
    _Atomic uint64_t calls, unanswered;
};

void pace_init(struct pace *pace, uint32_t per_s); /* at least 1 */
/* Returns 0: go now; otherwise how long to wait before asking again. */
uint32_t pace_wait_ms(struct pace *pace, enum pace_purpose purpose, uint64_t now_us);
/* A call leaves and must be paid, admitted or not: one try may make three calls. */
void pace_pay(struct pace *pace, uint64_t now_us);

/* Any loop may report. If true, `calls` must be added to the shared moment, an interval each, and
 * pace_reported() or pace_unanswered() must follow. */
bool pace_report(struct pace *pace, uint64_t now_us, uint32_t *calls);
uint32_t pace_interval_us(const struct pace *pace);
/* The calls were added, and the moment is now this far ahead of the database's clock. */
void pace_reported(struct pace *pace, uint32_t calls, uint64_t ahead_us, uint64_t now_us);
/* The calls may or may not have been added. They are reported again, so they may count twice but
 * are never left out. */
void pace_unanswered(struct pace *pace);

#endif
