/* autopilot.h: the rate that the services behind the line can bear: additive increase while they
 * are at ease, multiplicative decrease while they are not, the floor when nothing is heard from
 * them. Pure. */
#ifndef FG_QUEUE_FRONT_CORE_AUTOPILOT_H
#define FG_QUEUE_FRONT_CORE_AUTOPILOT_H

#include "core/event/event_doc.h"
#include "core/load/health.h"

enum autopilot_reason {
    AUTOPILOT_SET,      /* switched on, or a rate set by hand or schedule: it starts from here */
    AUTOPILOT_CLIMB,    /* all at ease */
    AUTOPILOT_CEILING,  /* all at ease, and nothing above */
    AUTOPILOT_STEADY,   /* close to a limit: neither more nor less */
    AUTOPILOT_UNUSED,   /* the line does not use the rate it has, so a higher one proves nothing */
    AUTOPILOT_SETTLING, /* a cut has not had its effect yet */
    AUTOPILOT_LATENCY,  /* cut, for the limit named */
    AUTOPILOT_ERRORS,
    AUTOPILOT_HELD,
    AUTOPILOT_BACKLOG,
    AUTOPILOT_SILENT, /* to the floor: nothing was heard for too long */
    AUTOPILOT_REASON_COUNT,
};

const char *autopilot_reason_name(enum autopilot_reason reason);
bool autopilot_reason_parse(struct span name, enum autopilot_reason *out);

enum {
    AUTOPILOT_SILENT_INTERVALS = 3, /* nothing heard for this long: silent */
    AUTOPILOT_SETTLE_INTERVALS = 2, /* after a cut */
};

struct autopilot_ask {
    const struct event_doc *doc;          /* limits, floor and ceiling */
    const struct health_reading *reading; /* NULL: silent */
    uint64_t rate_milli;                  /* in force */
    bool used;                            /* people wait and are called at about this rate */
    uint64_t since_cut_ms;                /* UINT64_MAX: never */
    uint64_t interval_ms;
};

struct autopilot_move {
    enum autopilot_reason reason;
    uint64_t rate_milli;
};

/* Never above the ceiling and never below the floor (or the ceiling, if that is lower). */
struct autopilot_move autopilot_decide(const struct autopilot_ask *ask);

/* Does this reading hold anything to steer by? */
bool autopilot_hears(const struct event_doc *doc, const struct health_reading *reading);

/* A sentence for the trail: "p99 812 ms, target 300 ms". */
void autopilot_why(struct text *out, const struct autopilot_ask *ask,
                   const struct autopilot_move *move);

/* The same for programs: {"reason":"latency","measured":812,"limit":300}, nulls where nothing was
 * compared. Milliseconds, a share of the answers, or a count. */
void autopilot_because(struct text *out, const struct autopilot_ask *ask,
                       const struct autopilot_move *move);

/* Is this move worth a line on the trail? Each cut is; of a climb the beginning and the end are. */
bool autopilot_worth_telling(const struct autopilot_ask *ask, const struct autopilot_move *move,
                             enum autopilot_reason before);

#endif
