/* look.h: one look at an event, or at a whole installation: what all three services say of it at
 * the same moment. */
#ifndef FG_CTL_WATCH_LOOK_H
#define FG_CTL_WATCH_LOOK_H

#include "acts/job.h"

enum look_at {
    LOOK_READY_LINE, /* /readyz of each service, in the order of enum command_service */
    LOOK_READY_SEATS,
    LOOK_READY_PAY,
    LOOK_METRICS_LINE, /* /metrics of each */
    LOOK_METRICS_SEATS,
    LOOK_METRICS_PAY,
    LOOK_EVENTS, /* live numbers of the line's events */
    LOOK_HALL,   /* the hall of the event */
    LOOK_ORDERS, /* its counts */
    LOOK_SAGAS,  /* a question that only a good token opens, at each of the two others */
    LOOK_HALLS,
    LOOK_SETUP, /* which settings are not fit for a sale */
    LOOK_COUNT,
};

struct look {
    struct call call[LOOK_COUNT]; /* asked: one whose url is not empty */
    uint64_t at_ms;               /* since 1970, when all had answered */
};

/* Asks those of `which` (bits of enum look_at), about the event of the words. Ends early where
 * stop_fd can be read. */
void look_take(struct job *job, unsigned which, uint64_t timeout_ms, int stop_fd,
               struct look *look);
void look_free(struct look *look);

bool look_asked(const struct look *look, enum look_at at);
bool look_good(const struct look *look, enum look_at at);

/* The live numbers of an event; NULL: they are not known. Borrowed from the look. */
const json_t *look_event(const struct look *look, const char *event);

/* Of all series of a metric ("name", or one series as "name{label=..}") the one with the largest
 * value, or with the smallest; false: there is none. */
struct look_metric {
    double value;
    char labels[160]; /* of that series; "" if the name had them */
};
bool look_metric(const struct call *page, const char *name, bool smallest, struct look_metric *out);

#endif
