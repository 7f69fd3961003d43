/* finding.h: one result of doctor about an installation. */
#ifndef FG_CTL_WATCH_FINDING_H
#define FG_CTL_WATCH_FINDING_H

#include <jansson.h>

/* Adds {"level", "what", "mend"} to the array: "bad", "note" or "ok", and how to fix it (NULL:
 * nothing to do). */
void finding_add(json_t *findings, const char *level, const char *mend, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
