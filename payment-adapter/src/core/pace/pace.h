/* pace.h: how fast all processes together call the payment providers, and what goes first when that
 * is not fast enough: capturing and refunding, then creating payments, then polling whether
 * somebody has paid. Atomic words, no lock, any thread.
 *
 * The count is kept in our own database, as a moment up to which calls are paid for
 * (`pay.pace_psp`). It is paid afterwards: a process calls on trust, up to a small number of calls
 * that it has not reported yet, and each report tells it how far all of them have come. So a call
 * asks no database and waits for none. No second sees more than per_s, the burst, and the trust of
 * each process. A process that dies leaves nothing taken, and no more unreported than its trust.
 *
 * While no report is answered, a process goes on at the pace it had last.
 *
 * A caller that is held back is given a turn: a time at which to try again. Turns follow each other
 * at the allowed rate, so a thousand waiting callers of a process retry a thousand times in all,
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
    struct gate house;                       /* all processes, as far as we know */
    uint32_t trust;                          /* so many calls may be unreported */
    _Atomic uint32_t owed;                   /* calls that no answered report has told of */
    _Atomic bool reporting, lost;            /* a report is out; the last one was not answered */
    _Atomic uint64_t report_ns;              /* when the last report left */
    _Atomic uint64_t share_ns, alone_ns;     /* our own pace, and what is paid at it while lost */
    _Atomic uint64_t since_ns, since_len;    /* from when, and from which call on, it is measured */
    _Atomic uint64_t turn_ns[PACE_PURPOSES]; /* the last turn that was given */
    _Atomic uint64_t held_back[PACE_PURPOSES]; /* metrics */
    _Atomic uint64_t calls, unheard;
};

void pace_init(struct pace *pace, uint32_t per_s); /* at least 1 */
/* 0: go now. Otherwise how long to wait before asking again. */
uint32_t pace_wait_ms(struct pace *pace, enum pace_purpose purpose, uint64_t now_us);
/* A call leaves. It is paid for even though it did not ask: one try may make three calls. */
void pace_pay(struct pace *pace, uint64_t now_us);

/* The report, which any loop may make. True: `calls` have to be added to the common moment, an
 * interval each, and pace_reported() or pace_unheard() must follow. */
bool pace_report(struct pace *pace, uint64_t now_us, uint32_t *calls);
uint32_t pace_interval_us(const struct pace *pace);
/* They were added, and the moment is now so far ahead of the database's clock. */
void pace_reported(struct pace *pace, uint32_t calls, uint64_t ahead_us, uint64_t now_us);
/* They may have been added or not: they are reported again, so they may count twice, but are never
 * left out. */
void pace_unheard(struct pace *pace);

#endif
