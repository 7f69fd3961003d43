/* doctor.h: checks whether the installation is in order, and says what to fix. */
#ifndef FG_CTL_WATCH_DOCTOR_H
#define FG_CTL_WATCH_DOCTOR_H

#include "acts/job.h"

/* An alert of infra/observe/alerts.js that a single look can evaluate. */
struct doctor_alert {
    const char *name, *metric;
    enum command_service service;
    bool below;   /* fires below `limit`; else above */
    double limit; /* the threshold in the rule */
    double floor; /* with `below`: values up to this are ignored */
    const char *mend;
};
extern const struct doctor_alert doctor_alerts[];
extern const size_t doctor_alerts_len;

/* Checks an event's document for settings that make no sense; appends findings {"level", "what",
 * "mend"} to the array. `now_ms` is the current time. */
void doctor_knobs(const json_t *document, uint64_t now_ms, json_t *findings);

#endif
