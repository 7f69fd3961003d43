/* autopilot.h: the rate that the services behind the line can bear: additive increase while they
 * are at ease, multiplicative decrease while they are not, the floor when they are silent. Pure. */
#ifndef FG_QUEUE_FRONT_CORE_AUTOPILOT_H
#define FG_QUEUE_FRONT_CORE_AUTOPILOT_H

#include "core/event/event_doc.h"
#include "core/load/health.h"

enum autopilot_reason {
    AUTOPILOT_SET,      /* switched on, or rate set by hand or schedule: start from here */
    AUTOPILOT_CLIMB,    /* all at ease */
    AUTOPILOT_CEILING,  /* all at ease, and already at the ceiling */
    AUTOPILOT_STEADY,   /* close to a limit: unchanged */
    AUTOPILOT_UNUSED,   /* the line does not use its rate, so a higher one proves nothing */
    AUTOPILOT_SETTLING, /* waits for the effect of a cut */
    AUTOPILOT_LATENCY,  /* cut because of this limit */
    AUTOPILOT_ERRORS,
    AUTOPILOT_HELD,
    AUTOPILOT_BACKLOG,
    AUTOPILOT_SILENT, /* to the floor: no reading for too long */
    AUTOPILOT_REASON_COUNT,
};

const char *autopilot_reason_name(enum autopilot_reason reason);
bool autopilot_reason_parse(struct span name, enum autopilot_reason *out);

enum {
    AUTOPILOT_SILENT_INTERVALS = 3, /* silent after this long without a reading */
    AUTOPILOT_SETTLE_INTERVALS = 2, /* after a cut */
};

struct autopilot_ask {
    const struct event_doc *doc;          /* limits, floor and ceiling */
    const struct health_reading *reading; /* NULL: silent */
    uint64_t rate_milli;                  /* the effective rate */
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

/* Whether this reading has any value with a limit. */
bool autopilot_hears(const struct event_doc *doc, const struct health_reading *reading);

/* A sentence for the audit trail: "p99 812 ms, target 300 ms". */
void autopilot_why(struct text *out, const struct autopilot_ask *ask,
                   const struct autopilot_move *move);

/* The same for programs: {"reason":"latency","measured":812,"limit":300}, nulls if nothing was
 * compared. Milliseconds, a share of the answers, or a count. */
void autopilot_because(struct text *out, const struct autopilot_ask *ask,
                       const struct autopilot_move *move);

/* Whether to log this move in the audit trail: each cut; the beginning and the end of a climb. */
bool autopilot_is_notable(const struct autopilot_ask *ask, const struct autopilot_move *move,
                          enum autopilot_reason before);

#endif
