/* cut_snapshot.h: the newest cuts known to any loop of this process, shared by all of its loops:
 * one of them asks Redis, and the others read them here. So the load on Redis depends on the number
 * of processes, not of loops.
 *
 * This is only a shortcut. Each cut comes with its checksum, and a reader checks it as if it came
 * from Redis; missing cuts are requested from there.
 *
 * May be used from all loops at once. */
#ifndef FG_QUEUE_FRONT_CUT_SNAPSHOT_H
#define FG_QUEUE_FRONT_CUT_SNAPSHOT_H

#include "core/line/cut.h"
#include "core/line/line.h"

enum {
    /* Sharded lines with news at the same time; the one silent longest is replaced. */
    SNAPSHOT_LINES_MAX = 32,
    /* Cuts per line: more than a second of them. A loop that was suspended longer asks Redis. */
    SNAPSHOT_CUTS_MAX = 64,
};

struct cut_snapshot;
struct line_view;

struct cut_note {
    uint32_t nth, sum;
    struct cut cut;
};

struct cut_snapshot *cut_snapshot_create(void); /* NULL: no memory */
void cut_snapshot_destroy(struct cut_snapshot *snapshot);

/* True: the caller has to ask Redis. No other loop gets true for `slot_us`. */
bool cut_snapshot_claim(struct cut_snapshot *snapshot, const struct line_view *view,
                        uint64_t now_us, uint64_t slot_us);
/* Publishes a cut that came from Redis. */
void cut_snapshot_put(struct cut_snapshot *snapshot, const struct line_view *view,
                      const struct cut_note *note);
/* Cut `nth` of this line. False: not here. */
bool cut_snapshot_get(struct cut_snapshot *snapshot, const struct line_view *view, uint32_t nth,
                      struct cut_note *out);

#endif
