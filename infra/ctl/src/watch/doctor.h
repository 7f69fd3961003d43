/* doctor.h: is the installation in order, and if not, what is to be mended? */
#ifndef FG_CTL_WATCH_DOCTOR_H
#define FG_CTL_WATCH_DOCTOR_H

#include "acts/job.h"

/* An alert of infra/observe/alerts.yml that a single look can judge. */
struct doctor_alert {
    const char *name, *metric;
    enum command_service service;
    bool below;   /* fires below `limit`; else above */
    double limit; /* the figure of the rule */
    double floor; /* with `below`: what is not above it does not count */
    const char *mend;
};
extern const struct doctor_alert doctor_alerts[];
extern const size_t doctor_alerts_len;

/* What of an event's document makes no sense, as findings {"level", "what", "mend"} appended to the
 * array. `now_ms` is the time. */
void doctor_knobs(const json_t *document, uint64_t now_ms, json_t *findings);

#endif
