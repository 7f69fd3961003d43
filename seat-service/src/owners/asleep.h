/* asleep.h: the events of the list that this process does not have in memory: their names, and
 * which of them somebody has asked for. A name costs a hundred bytes, so a database may hold
 * thousands of events of which a few are being sold.
 *
 * Threading: any thread may ask; the reader alone adds and removes. */
#ifndef FG_SEAT_SERVICE_ASLEEP_H
#define FG_SEAT_SERVICE_ASLEEP_H

#include "base/err.h"
#include "base/span.h"
#include "shell_limits.h"

#include <stdbool.h>
#include <stdint.h>

struct asleep;

/* Those that sleep, and all that are awake: each may be without a place here for a moment. */
enum { ASLEEP_NAMES_MAX = EVENTS_ASLEEP_MAX + EVENTS_MAX };

int asleep_create(struct err_slot *err, struct asleep **out);
void asleep_destroy(struct asleep *asleep); /* NULL is fine */

struct asleep_event {
    int32_t no;
    const char *id;       /* borrowed during the call */
    uint64_t incarnation; /* the newest that is known (access/pass.h) */
    uint64_t due_ms;      /* when the next of its holds ends; 0: none does */
    bool asked;           /* its row says that it was asked for */
    uint64_t bytes;       /* that it would take in memory */
};

/* It is there from now on; `awake`: other processes have it, and it is wanted here. Otherwise it
 * stays wanted if somebody has asked for it since it sleeps. ERR_FULL: there are ASLEEP_NAMES_MAX;
 * ERR_NOMEM. */
int asleep_put(struct asleep *asleep, const struct asleep_event *event, bool awake,
               struct err_slot *err);
/* It is there no more, if it ever was. */
void asleep_remove(struct asleep *asleep, const char *id);
/* For so many events in memory, which together take no more than this. */
struct asleep_room {
    uint32_t places;
    uint64_t bytes;
    uint64_t elsewhere; /* the same at another process, for those that are not awake there */
};
/* Awake elsewhere; or not, and a hold of it has ended by now, and it is not wanted; or wanted. */
enum asleep_kind { ASLEEP_AWAKE, ASLEEP_DUE, ASLEEP_WANTED };
/* Those of a kind that have waited longest, as far as there is room, which they take; returns how
 * many. asked_ms[i]: since when it has been asked for; 0: it has not. */
uint32_t asleep_take(struct asleep *asleep, enum asleep_kind kind, uint64_t now_ms, int32_t *nos,
                     uint64_t *asked_ms, struct asleep_room *room);
/* Those that are not awake, and wanted, which their rows do not say yet though a hold of them ends;
 * returns how many, at most `len`. */
uint32_t asleep_refused(struct asleep *asleep, int32_t *nos, uint64_t *asked_ms, uint32_t len);
/* How many are wanted or due, of which no more than EVENTS_DUE_MAX count; *largest: what the
 * largest of these would take. */
uint32_t asleep_waiting(struct asleep *asleep, uint64_t now_ms, uint64_t *largest);

/* ---- any thread ---- */

/* *incarnation is written if it is there; NULL is fine. */
bool asleep_knows(struct asleep *asleep, struct span id, uint64_t *incarnation);
/* From now on, or for longer already, it is wanted, if it is there and sleeps. */
void asleep_want(struct asleep *asleep, struct span id, uint64_t now_ms);
uint32_t asleep_len(const struct asleep *asleep);

#endif
