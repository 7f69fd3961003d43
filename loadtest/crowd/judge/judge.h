/* judge.h: checks whether all answers to all visitors can be true together, and whether enough
 * visitors got through: a service that refuses every request contradicts nothing. */
#ifndef FG_CROWD_JUDGE_H
#define FG_CROWD_JUDGE_H

#include "scenario/record.h"
#include "scenario/scenario.h"

#include <stdbool.h>
#include <stddef.h>

struct judge_conf {
    bool rate_known;     /* whether the next two are checked */
    uint64_t rate_milli; /* calls a second that the operator allowed, thousandths */
    uint64_t burst;
    uint64_t active_max; /* how many may be inside at the same time; 0: not checked */
    uint64_t
        session_ttl_ms; /* a visit surely lasts no longer without a heartbeat; the crowd has none */
    uint64_t seats_max; /* that one visit may hold; 0: not checked */
    uint64_t gone_after_ms; /* a visitor silent for this long may count as gone; 0: 90 s */
    struct expect expect;
};

/* Findings by name, for tests that look for one. */
/* clang-format off */
#define JUDGE_KINDS(ROW) \
    ROW(TWO_OWNERS, "two-owners")         /* a place, an entry, an order or a seat of two visitors */ \
    ROW(CHANGED, "changed")               /* a number differs from the one returned before */ \
    ROW(ORDER, "order-of-joins")          /* the later of two joins got the lower number */ \
    ROW(JUMP, "jump")                     /* called or let in before the people in front */ \
    ROW(UNCALLED, "uncalled-pass")        /* a pass without a call */ \
    ROW(TWO_VISITS, "two-visits")         /* of one ticket */ \
    ROW(RATE, "rate")                     /* the line moved faster than the operator allowed */ \
    ROW(CROWDED, "too-many-inside")       /* more inside than the operator allowed */ \
    ROW(AHEAD, "ahead-rose")              /* more people ahead, and too few who could have come back */ \
    ROW(ETA, "eta")                       /* fewer waits than expected were as long as promised */ \
    ROW(OVERLAP, "overlapping-holds")     /* a seat held for two at the same time */ \
    ROW(TOO_MANY, "too-many-seats")       /* in one hold */ \
    ROW(UNPAID, "ticket-not-paid")        /* tickets for another sum than was paid */ \
    ROW(NO_TICKET, "paid-no-ticket")      /* paid, and got no ticket */ \
    ROW(GONE_EARLY, "gone-early")         /* a hold or a call ended before its announced time */ \
    ROW(TRICK, "trick")                   /* one that worked */ \
    ROW(NO_END, "no-end")                 /* a visitor without one end */ \
    ROW(FAILED, "failed")                 /* answers that should not be */ \
    ROW(LOST, "lost-answers")             /* answers that never came */ \
    ROW(FEW_PLACED, "few-placed") \
    ROW(FEW_PASSED, "few-passed") \
    ROW(FEW_DONE, "few-done") \
    ROW(LEFT_WAITING, "left-waiting") \
    ROW(TURNED_AWAY, "turned-away")
/* clang-format on */

enum judge_kind {
#define JUDGE_KIND(NAME, WORD) FOUND_##NAME,
    JUDGE_KINDS(JUDGE_KIND)
#undef JUDGE_KIND
        FOUND_KINDS
};

extern const char *const judge_kind_names[FOUND_KINDS];

enum {
    JUDGE_EXAMPLES_MAX = 4, /* written out of each kind; all are counted */
    JUDGE_FINDINGS_MAX = FOUND_KINDS * JUDGE_EXAMPLES_MAX,
    JUDGE_PLAIN = MANNERS, /* the tally of those who behave in no particular way */
};

/* clang-format off */
/* What the people of one manner got. Those of several manners count in each. */
#define JUDGE_TALLIES(ROW) \
    ROW(visitors, "people") ROW(places, "places") ROW(passes, "passes") ROW(visits, "visits") \
    ROW(tickets, "tickets") ROW(seats, "seats") \
    ROW(held_most, "held<=") /* seats that one of them held */ \
    ROW(tried, "tried") ROW(worked, "worked")

/* Sums over the whole run, in the order in which the JSON has them. */
#define JUDGE_SUMS(ROW) \
    ROW(visitors) ROW(places) ROW(passes) ROW(orders) ROW(tickets) ROW(seats) ROW(paid) \
    ROW(active_most)   /* how many were surely inside at the same time */ \
    ROW(payers) \
    ROW(voided)        /* payers whose order was turned back without their doing */ \
    ROW(unfinished)    /* payers shortly before the end, without a ticket yet */ \
    ROW(answered) \
    ROW(lost)          /* answers that never came */ \
    ROW(ahead_rose)    /* polls that showed more people ahead than before */ \
    ROW(held_until_ms) /* when the last hold that was not sold runs out */ \
    ROW(eta_judged) ROW(eta_within_p50) ROW(eta_within_p90) \
    ROW(eta_off_p50_milli) ROW(eta_off_p90_milli)
/* clang-format on */

struct judge_tally {
#define JUDGE_MEMBER(NAME, TITLE) uint64_t NAME;
    JUDGE_TALLIES(JUDGE_MEMBER)
#undef JUDGE_MEMBER
};

struct judge_finding {
    enum judge_kind kind;
    char text[160];
};

struct judge_verdict {
#define JUDGE_MEMBER(NAME) uint64_t NAME;
    JUDGE_SUMS(JUDGE_MEMBER)
#undef JUDGE_MEMBER
    uint64_t ended[ENDS];
    uint64_t answers[RECORD_KINDS][6]; /* by class of status; [0]: none came */
    struct judge_tally tally[MANNERS + 1];
    uint32_t findings; /* all of them */
    uint32_t found[FOUND_KINDS];
    uint32_t written; /* findings that are written out below */
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
