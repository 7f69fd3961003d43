/* record.h: every answer of a run, 40 bytes each, for the checker. Requests that end a right of the
 * visitor (an order, returned seats) or may begin one (a hold) are also recorded when sent, since
 * the answer may be lost. */
#ifndef FG_CROWD_RECORD_H
#define FG_CROWD_RECORD_H

#include "base/err.h"

#include <stdint.h>
#include <stdio.h>

enum record_kind {
    RECORD_WHO,   /* value: the manners, one bit each; the visitor has arrived */
    RECORD_ENTRY, /* value: number in a coming draw */
    RECORD_JOIN,  /* value: place; more: promised p50 << 32 | p90, seconds (0: none); took_us counts
                     from the first request. Also the place that a draw made of an entry */
    RECORD_WAIT,  /* value: place as returned again (0: not drawn); more: people ahead; flags */
    RECORD_CALLED, /* value: place; more: when the call ends, us (0: unknown) */
    RECORD_PASS,   /* value: place; more: hash of the session's name; flags */
    RECORD_HOLD,   /* value: seats held; more: amount */
    RECORD_SEAT,   /* value: hash of the seat's id; one for each seat of a hold */
    RECORD_UNTIL,  /* after the seats of a hold: value: when it expires, us; more: hash of its id */
    RECORD_SENT,   /* value: enum record_sent; about to be sent for the first time */
    RECORD_WANT,   /* after a sent hold: value: hash of the id of a requested seat */
    RECORD_TAKEN,  /* before an answer that refuses a hold: value: hash of the id of a seat that it
                      reports as taken */
    RECORD_ORDER,  /* value: amount; more: hash of the order's id */
    RECORD_BY,     /* value: payment deadline of the order, us; more: hash of its id */
    RECORD_PAID,   /* value: amount */
    RECORD_TICKET, /* value: tickets; more: hash of the order's id */
    RECORD_SOLD,   /* value: seats; confirmed without money, if the journey ends there */
    RECORD_GONE,   /* value: enum record_gone; an answer says that it no longer exists */
    RECORD_VOID,   /* value: enum record_void; the order ended without tickets */
    RECORD_TRICK,  /* value: which (enum record_trick); status is the service's answer */
    RECORD_STREAM, /* value: events received; more: 1 if the service ended it */
    RECORD_STEP,   /* value: the phase; an answer that led to the next phase */
    RECORD_OTHER,  /* value: the phase; an answer that did not */
    RECORD_END,    /* value: enum record_end */
    RECORD_KINDS,
};

/* Changes that may take effect once sent, whether or not an answer arrives. */
enum record_sent {
    SENT_ORDER, /* the saga has the hold now and may end it */
    SENT_DROP,  /* the seats may be sold to others */
    SENT_HOLD,  /* seats may be held, whether or not an answer names them */
};

enum record_gone { GONE_CALL, GONE_HOLD };

enum record_void { VOID_EXPIRED, VOID_CANCELLED, VOID_FAILED, VOID_REFUNDED, VOIDS };

enum record_flag {
    RECORD_WAITING = 1, /* the place is waiting: not called, late or expired */
    RECORD_STALE = 2,   /* the front said that its picture of the line is old */
    RECORD_EARLY = 4,   /* the pass was requested, and given, before the visitor saw a call */
};

enum record_trick {
    TRICK_JUMP,
    TRICK_FORGE,
    TRICK_TAB,    /* more: the returned place; a second one means that the trick worked */
    TRICK_REJOIN, /* more: the same */
    TRICK_REUSE,  /* more: hash of the session's name; a second one means that it worked */
    TRICK_RETURN, /* the ticket of an ended visit requests another */
    TRICK_SHARE,  /* another account orders a hold that is already ordered */
    TRICK_SECOND, /* another account holds seats with the pass of an ended visit */
    TRICK_HOARD,  /* more: seats held in all */
    TRICKS,
};

/* The outcomes; every visitor has one. */
enum record_end {
    END_DONE,     /* completed the journey */
    END_LEFT,     /* left the line, or the seats, voluntarily */
    END_NO_SHOW,  /* was called and did not enter, voluntarily */
    END_SOLD_OUT, /* got the correct answer that nothing is left */
    END_TOO_LATE, /* the call, the session or the hold expired */
    END_VOIDED,   /* paid, but the order was cancelled */
    END_TURNED,   /* refused by a limit with a time to come back, and did not */
    END_PATIENCE, /* still waiting at the end of the run */
    END_FAILED,   /* an answer that must not occur */
    ENDS,
};

extern const char *const record_trick_names[TRICKS];
extern const char *const record_end_names[ENDS];
extern const char *const record_void_names[VOIDS]; /* as in an order's status */

struct record {
    uint64_t at_us; /* wall clock */
    uint64_t value, more;
    uint32_t visitor;
    uint32_t took_us;
    uint16_t status;
    uint8_t kind;
    uint8_t flags;
    uint32_t unused;
};

/* Writes to a file in large pieces. A NULL recorder records nothing. */
FILE *recorder_open(const char *path, struct err_slot *err); /* NULL: failed */
void recorder_put(FILE *recorder, const struct record *record);
int recorder_close(FILE *recorder, struct err_slot *err); /* NULL is fine */

#endif
