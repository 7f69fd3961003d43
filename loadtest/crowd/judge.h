/* judge.h: looks at what all visitors were told and says whether it can all be true. */
#ifndef FG_CROWD_JUDGE_H
#define FG_CROWD_JUDGE_H

#include "record.h"
#include "scenario.h"

#include <stdbool.h>
#include <stddef.h>

struct judge_conf {
    uint64_t rate_milli; /* calls a second that the operator allowed, thousandths; 0: not judged */
    uint64_t burst;
    uint64_t failed_max; /* visitors who may have met an answer that should not be */
    uint64_t active_max; /* who may be inside at the same time; 0: not judged */
    uint64_t
        session_ttl_ms; /* a visit surely lasts no longer without a heartbeat; the crowd has none */
    uint64_t seats_max; /* that one visit may hold; 0: not judged */
};

enum {
    JUDGE_FINDINGS_MAX = 20,
    JUDGE_PLAIN = MANNERS, /* the tally of those who behave in no particular way */
};

/* What the people of one manner got. Who has several counts in each. */
struct judge_tally {
    uint64_t visitors, places, passes, visits, tickets, seats;
    uint64_t held_most; /* seats that one of them held */
    uint64_t tried, worked;
};

struct judge_verdict {
    uint64_t visitors, places, passes, orders, tickets, seats, paid;
    uint64_t ended[ENDS];
    uint64_t answers[RECORD_KINDS][6]; /* by class of status; [0]: none came */
    uint64_t active_most;              /* who were surely inside at the same time */
    uint64_t ahead_rose; /* polls that told of more people ahead than the one before */
    uint64_t eta_judged, eta_within_p90, eta_off_p50_milli, eta_off_p90_milli;
    struct judge_tally tally[MANNERS + 1];
    uint32_t findings; /* all of them; the first JUDGE_FINDINGS_MAX are told */
    char finding[JUDGE_FINDINGS_MAX][160];
};

/* Sorts the records by time in place. */
int judge(struct record *records, size_t len, const struct judge_conf *conf, struct err_slot *err,
          struct judge_verdict *verdict);

#endif
