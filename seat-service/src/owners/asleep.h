/* asleep.h: the names of the listed events that this process does not have in memory, and which
 * of them were requested. A name costs a hundred bytes, so a database may hold thousands.
 *
 * Threading: any thread may look up and request events; only the reader adds and removes them. */
#ifndef FG_SEAT_SERVICE_ASLEEP_H
#define FG_SEAT_SERVICE_ASLEEP_H

#include "base/err.h"
#include "base/span.h"
#include "shell_limits.h"

#include <stdbool.h>
#include <stdint.h>

struct asleep;

/* All sleeping events, and all awake ones, each of which may briefly have no place in memory. */
enum { ASLEEP_NAMES_MAX = EVENTS_ASLEEP_MAX + EVENTS_MAX };

int asleep_create(struct err_slot *err, struct asleep **out);
void asleep_destroy(struct asleep *asleep); /* NULL is fine */

struct asleep_event {
    int32_t no;
    const char *id;       /* borrowed during the call */
    uint64_t incarnation; /* the newest known one (access/pass.h) */
    uint64_t due_ms;      /* end of its next hold to end; 0: it has none */
    bool asked;           /* its row records a request */
    uint64_t bytes;       /* its size in memory */
};

/* Adds or updates the event. `awake`: it is not asleep, and only lacks a place in memory here. A
 * sleeping event stays requested if it was requested since it fell asleep. ERR_FULL: there are
 * ASLEEP_NAMES_MAX; ERR_NOMEM. */
int asleep_put(struct asleep *asleep, const struct asleep_event *event, bool awake,
               struct err_slot *err);
void asleep_remove(struct asleep *asleep, const char *id);
/* Memory for this many events, which together take at most `bytes`. */
struct asleep_room {
    uint32_t places;
    uint64_t bytes;
};
/* Awake; or asleep and not requested, with a hold that has ended; or asleep and requested. */
enum asleep_kind { ASLEEP_AWAKE, ASLEEP_DUE, ASLEEP_WANTED };
/* Picks the events of a kind that have waited longest, as far as they fit, and deducts them from
 * `room`. Returns their number. asked_ms[i]: the first request for nos[i]; 0: none. */
uint32_t asleep_take(struct asleep *asleep, enum asleep_kind kind, uint64_t now_ms, int32_t *nos,
                     uint64_t *asked_ms, struct asleep_room *room);
/* Lists the requested sleeping events that have a hold to end and whose rows do not record the
 * request yet. Returns their number, at most `len`. */
uint32_t asleep_refused(struct asleep *asleep, int32_t *nos, uint64_t *asked_ms, uint32_t len);
/* The number of events that are awake, requested, or due (at most EVENTS_DUE_MAX of these count).
 * *largest: the size in memory of the largest. */
uint32_t asleep_waiting(struct asleep *asleep, uint64_t now_ms, uint64_t *largest);

/* ---- any thread ---- */

/* Whether the event is listed. *incarnation and *asked, whether asleep_want() would change nothing,
 * are written only if it is; NULL is fine. */
bool asleep_knows(struct asleep *asleep, struct span id, uint64_t *incarnation, bool *asked);
/* Requests the event if it is listed and asleep. The first request's time is kept. */
void asleep_want(struct asleep *asleep, struct span id, uint64_t now_ms);
uint32_t asleep_len(const struct asleep *asleep);

#endif
