/* ended.h: what shuts passes out before their time: sessions that the waiting room or the operator
 * ends, and events that were made again.
 *
 * It counts at once. An ended session is answered when it is durable; that an event was made again
 * is written within a tick or two, and told again by the next pass if that was lost. Whoever owns
 * next reads both.
 *
 * Threading: belongs to loop 0, which has the private listener. What is written goes by libuv's
 * pool, one transaction at a time: whatever comes meanwhile is the next one. */
#ifndef FG_SEAT_SERVICE_ENDED_H
#define FG_SEAT_SERVICE_ENDED_H

#include "loop/call.h"

struct ended;

struct ended_conf {
    const char *dsn; /* borrowed, as all here */
    struct pass_revoked *revoked;
    struct logger *log;
};

int ended_create(const struct ended_conf *conf, struct err_slot *err, struct ended **out);
void ended_destroy(struct ended *ended); /* after the loop has ended */

/* Once a tick of the loop: writes what passes have told of events. */
void ended_tick(struct ended *ended, struct loop *loop);

/* The session's passes are good for nothing from here on. Answers the request: 204 once that is
 * durable, 503 if it could not be made so; to be repeated then. */
void ended_session(struct ended *ended, struct http_req *req, struct span session);

#endif
