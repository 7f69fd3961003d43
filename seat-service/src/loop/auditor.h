/* auditor.h: a thread that replays every journal into its own engines, with some delay.
 *
 * It produces snapshots, which are made by replay and never from live memory, so that each proves
 * that the journal replays; the projection `holds`; a continuous check of the chain; and the
 * compressed plans after a recovery. It decides nothing and can fall behind or fail without harm,
 * so it pauses during a rush, until it is AUDITOR_BEHIND_MAX snapshots behind. */
#ifndef FG_SEAT_SERVICE_AUDITOR_H
#define FG_SEAT_SERVICE_AUDITOR_H

#include "loop/events.h"
#include "observe/log.h"

struct auditor;

struct auditor_conf {
    const char *dsn; /* borrowed */
    uint64_t snapshot_every;
    const _Atomic uint64_t *changes; /* written by the journal so far; borrowed */
    struct events *events;           /* borrowed */
    const struct clock *clock;
    struct logger *log;
};

struct auditor_stats {
    _Atomic uint64_t changes, snapshots, failures;
};

int auditor_start(const struct auditor_conf *conf, struct err_slot *err, struct auditor **out);
const struct auditor_stats *auditor_stats(const struct auditor *auditor);
/* An event that it uses may have been closed: checks at once. Any thread. */
void auditor_nudge(struct auditor *auditor);
void auditor_stop(struct auditor *auditor);
void auditor_destroy(struct auditor *auditor);

#endif
