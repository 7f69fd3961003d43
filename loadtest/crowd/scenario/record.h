/* record.h: every answer of a run, 40 bytes each, for the judge; and of what ends a right of the
 * visitor's own (an order, seats given back), or may begin one (a hold), also the sending, since
 * its answer may be lost. */
#ifndef FG_CROWD_RECORD_H
#define FG_CROWD_RECORD_H

#include "base/err.h"

#include <stdint.h>
#include <stdio.h>

enum record_kind {
    RECORD_WHO,   /* value: the manners, a bit each; the visitor is here */
    RECORD_ENTRY, /* value: number in a draw to come */
    RECORD_JOIN,  /* value: place; more: promised p50 << 32 | p90, seconds (0: none); took_us counts
                     from the first time it was asked for. Also the place that a draw made of an
                     entry */
    RECORD_WAIT,  /* value: place as returned again (0: not drawn); more: people ahead; flags */
    RECORD_CALLED, /* value: place; more: when the call ends, us (0: unknown) */
    RECORD_PASS,   /* value: place; more: hash of the session's name; flags */
    RECORD_HOLD,   /* value: seats held; more: amount */
    RECORD_SEAT,   /* value: hash of the seat's id; one for each seat of a hold */
    RECORD_UNTIL,  /* behind the seats of a hold: value: when it runs out, us; more: hash of its id
                    */
    RECORD_SENT,   /* value: enum record_sent; about to be asked for the first time */
    RECORD_WANT,   /* behind a hold that was sent: value: hash of the id of a seat that it names */
    RECORD_TAKEN,  /* before an answer that refuses a hold: value: hash of the id of a seat that it
                      names as somebody else's */
    RECORD_ORDER,  /* value: amount; more: hash of the order's id */
    RECORD_BY,     /* value: until when the order may be paid, us; more: hash of its id */
    RECORD_PAID,   /* value: amount */
    RECORD_TICKET, /* value: tickets; more: hash of the order's id */
    RECORD_SOLD,   /* value: seats; confirmed without money, where the journey ends so */
    RECORD_GONE,   /* value: enum record_gone; an answer says that it is not there any more */
    RECORD_VOID,   /* value: enum record_void; the order ended, and not with tickets */
    RECORD_TRICK,  /* value: which (enum record_trick); status says how it was met */
    RECORD_STREAM, /* value: events that came; more: 1 if the service ended it */
    RECORD_STEP,   /* value: the phase; an answer that moved the visitor on */
    RECORD_OTHER,  /* value: the phase; an answer that did not move the visitor on */
    RECORD_END,    /* value: enum record_end */
    RECORD_KINDS,
};

/* What may be so from the sending on, whether or not an answer comes. */
enum record_sent {
    SENT_ORDER, /* the saga has the hold now, and may end it */
    SENT_DROP,  /* the seats may be anybody's */
    SENT_HOLD,  /* seats may be held, whether or not an answer names them */
};

enum record_gone { GONE_CALL, GONE_HOLD };

enum record_void { VOID_EXPIRED, VOID_CANCELLED, VOID_FAILED, VOID_REFUNDED, VOIDS };

enum record_flag {
    RECORD_WAITING = 1, /* the place waits: it is not called, nor late, nor run out */
    RECORD_STALE = 2,   /* the front said that its picture of the line is old */
    RECORD_EARLY = 4,   /* the pass was requested, and given, before the visitor saw a call */
};

enum record_trick {
    TRICK_JUMP,
    TRICK_FORGE,
    TRICK_TAB,    /* more: the place that was returned; a second one would be a trick that worked */
    TRICK_REJOIN, /* more: likewise */
    TRICK_REUSE,  /* more: hash of the session's name; another than the first would have worked */
    TRICK_RETURN, /* a ticket whose visit was ended asks for another */
    TRICK_SHARE,  /* another account orders a hold that was ordered */
    TRICK_SECOND, /* another account holds seats with a pass whose visit was ended */
    TRICK_HOARD,  /* more: seats held altogether */
    TRICKS,
};

/* Every visitor ends in one of these. */
enum record_end {
    END_DONE,     /* went as far as the journey goes */
    END_LEFT,     /* left the line, or the seats, of his own will */
    END_NO_SHOW,  /* was called and did not come, of his own will */
    END_SOLD_OUT, /* got the honest answer that nothing is left */
    END_TOO_LATE, /* the call, the session or the hold ran out */
    END_VOIDED,   /* paid, and the order was turned back all the same */
    END_TURNED,   /* over a limit, got a time to come back, and did not */
    END_PATIENCE, /* still waiting when the run was over */
    END_FAILED,   /* an answer that should not be */
    ENDS,
};

extern const char *const record_trick_names[TRICKS];
extern const char *const record_end_names[ENDS];
extern const char *const record_void_names[VOIDS]; /* as an order's status has them */

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

/* Writes to a file by large pieces. NULL as a recorder records nothing. */
FILE *recorder_open(const char *path, struct err_slot *err); /* NULL: a failure */
void recorder_put(FILE *recorder, const struct record *record);
int recorder_close(FILE *recorder, struct err_slot *err); /* NULL is fine */

#endif
