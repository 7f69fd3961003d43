/* look.h: one look at an event or at a whole installation: the answers of all three services at the
 * same moment. */
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
    LOOK_EVENTS, /* live numbers of all the line's events */
    LOOK_HALL,   /* the event's hall */
    LOOK_ORDERS, /* the event's order counts */
    LOOK_SAGAS,  /* needs a valid token, as LOOK_HALLS does for the seats */
    LOOK_HALLS,
    LOOK_SETUP, /* settings that are not fit for a sale */
    LOOK_COUNT,
};

struct look {
    struct call call[LOOK_COUNT]; /* only calls with a url are made */
    uint64_t at_ms;               /* since 1970, when all had answered */
};

/* Makes the calls in `which` (bits of enum look_at) for the event among the words. False: it ended
 * early because stop_fd became readable. */
bool look_take(struct job *job, unsigned which, uint64_t timeout_ms, int stop_fd,
               struct look *look);
void look_free(struct look *look);

bool look_asked(const struct look *look, enum look_at at);
bool look_good(const struct look *look, enum look_at at);

/* The live numbers of an event; NULL: unknown. Borrowed from the look. */
const json_t *look_event(const struct look *look, const char *event);

/* The series of a metric ("name", or one series as "name{label=..}") with the largest value, or
 * with the smallest; false: there is no series. */
struct look_metric {
    double value;
    char labels[160]; /* of that series; "" if the name included them */
};
bool look_metric(const struct call *page, const char *name, bool smallest, struct look_metric *out);

#endif
