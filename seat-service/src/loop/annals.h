/* annals.h: what is kept beside the journal: sessions that were ended early, and counts over time.
 *
 * Ended sessions count at once and are answered when they are durable; whoever owns next reads them
 * in journal.c. Counts are a point in SERIES_MS for each event, in memory for whoever asks and in
 * PostgreSQL for the next life; they are also what /metrics says of each event.
 *
 * Threading: belongs to loop 0, which has the private listener. What is written goes by libuv's
 * pool, one transaction at a time: whatever comes meanwhile is the next one. */
#ifndef FG_SEAT_SERVICE_ANNALS_H
#define FG_SEAT_SERVICE_ANNALS_H

#include "loop/desk.h"
#include "observe/metrics.h"

struct annals;

struct annals_conf {
    const char *dsn; /* borrowed, as all here */
    struct pass_revoked *revoked;
    struct service *service; /* whose errors are counted with each point */
    struct metrics *metrics;
    struct logger *log;
};

int annals_create(const struct annals_conf *conf, struct err_slot *err, struct annals **out);
void annals_destroy(struct annals *annals); /* after the loop has ended */

/* Once a tick of the loop. */
void annals_tick(struct annals *annals, struct desk *desk);

/* The session's passes are good for nothing from here on. Answers the request: 204 once that is
 * durable, 503 if it could not be made so; to be repeated then. */
void annals_end_session(struct annals *annals, struct http_req *req, struct span session);

struct annals_point {
    uint64_t at_ms;
    uint32_t free, held, sold, blocked;
    uint64_t errors; /* visitors answered 5xx by the event's owners, of whatever event: rises */
};

/* How many points there are of an event, and one of them: age 1 is the newest. */
uint32_t annals_len(const struct annals *annals, const struct house_event *event);
struct annals_point annals_at(const struct annals *annals, const struct house_event *event,
                              uint32_t age);
struct annals_point annals_now(const struct annals *annals, const struct house_event *event,
                               uint64_t now_ms);

#endif
