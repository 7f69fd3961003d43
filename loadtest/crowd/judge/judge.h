/* judge.h: looks at what all visitors were told and says whether it can all be true, and whether
 * enough came of it: a service that refuses everybody tells no lie. */
#ifndef FG_CROWD_JUDGE_H
#define FG_CROWD_JUDGE_H

#include "scenario/record.h"
#include "scenario/scenario.h"

#include <stdbool.h>
#include <stddef.h>

struct judge_conf {
    bool rate_known;     /* whether the next two are judged */
    uint64_t rate_milli; /* calls a second that the operator allowed, thousandths */
    uint64_t burst;
    uint64_t active_max; /* how many may be inside at the same time; 0: not judged */
    uint64_t
        session_ttl_ms; /* a visit surely lasts no longer without a heartbeat; the crowd has none */
    uint64_t seats_max; /* that one visit may hold; 0: not judged */
    uint64_t gone_after_ms; /* a visitor silent for this long may count as gone; 0: 90 s */
    struct expect expect;
};

/* Findings by name, for tests that look for one. */
enum judge_kind {
    FOUND_TWO_OWNERS, /* a place, an entry, an order or a seat of two visitors */
    FOUND_CHANGED,    /* what was told is told otherwise later */
    FOUND_ORDER,      /* a higher number for the one who was told it before the other asked */
    FOUND_JUMP,       /* somebody called or let in before those who stood in front of them */
    FOUND_UNCALLED,   /* a pass without a call */
    FOUND_TWO_VISITS, /* of one ticket */
    FOUND_RATE,       /* the line moved faster than the operator allowed */
    FOUND_CROWDED,    /* more inside than the operator allowed */
    FOUND_AHEAD,      /* more people ahead than before, and nobody who could have come back */
    FOUND_ETA,        /* fewer waits than expected were as long as was told */
    FOUND_OVERLAP,    /* a seat held for two at the same time */
    FOUND_TOO_MANY,   /* seats in one hold */
    FOUND_UNPAID,     /* tickets for another sum than was paid */
    FOUND_NO_TICKET,  /* paid, and got no ticket */
    FOUND_GONE_EARLY, /* a hold or a call that was over before the time that was told */
    FOUND_TRICK,      /* one that worked */
    FOUND_NO_END,     /* a visitor without one end */
    FOUND_FAILED,     /* answers that should not be */
    FOUND_LOST,       /* answers that never came */
    FOUND_FEW_PLACED,
    FOUND_FEW_PASSED,
    FOUND_FEW_DONE,
    FOUND_LEFT_WAITING,
    FOUND_TURNED_AWAY,
    FOUND_KINDS,
};

extern const char *const judge_kind_names[FOUND_KINDS];

enum {
    JUDGE_EXAMPLES_MAX = 4, /* told of each kind; all are counted */
    JUDGE_FINDINGS_MAX = FOUND_KINDS * JUDGE_EXAMPLES_MAX,
    JUDGE_PLAIN = MANNERS, /* the tally of those who behave in no particular way */
};

/* What the people of one manner got. Those of several manners count in each. */
struct judge_tally {
    uint64_t visitors, places, passes, visits, tickets, seats;
    uint64_t held_most; /* seats that one of them held */
    uint64_t tried, worked;
};

struct judge_finding {
    enum judge_kind kind;
    char text[160];
};

struct judge_verdict {
    uint64_t visitors, places, passes, orders, tickets, seats, paid;
    uint64_t payers, voided; /* who paid; whose order was turned back without their doing */
    uint64_t unfinished;     /* who paid shortly before the end, and have no ticket yet */
    uint64_t ended[ENDS];
    uint64_t answers[RECORD_KINDS][6]; /* by class of status; [0]: none came */
    uint64_t answered, lost;           /* answers in all, and those that never came */
    uint64_t active_most;              /* how many were surely inside at the same time */
    uint64_t rises;                    /* polls that told of more people ahead than before */
    uint64_t held_until_us;            /* when the last hold that was not sold runs out */
    uint64_t eta_judged, eta_within_p50, eta_within_p90, eta_off_p50_milli, eta_off_p90_milli;
    struct judge_tally tally[MANNERS + 1];
    uint32_t findings; /* all of them */
    uint32_t found[FOUND_KINDS];
    uint32_t told; /* findings that are written out below */
    struct judge_finding finding[JUDGE_FINDINGS_MAX];
};

/* Records in the order of their time, as judge() leaves them, written for tests/history/check.js.
 */
int judge_history(const struct record *records, size_t len, const struct judge_conf *conf,
                  const char *path, struct err_slot *err);

/* Sorts the records by time in place. */
int judge(struct record *records, size_t len, const struct judge_conf *conf, struct err_slot *err,
          struct judge_verdict *verdict);

#endif
