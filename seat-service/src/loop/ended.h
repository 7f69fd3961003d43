/* ended.h: what invalidates passes before they expire: sessions that the waiting room or the
 * operator ends, and events that were created again.
 *
 * It takes effect at once. The end of a session is answered when it is durable; an event's new
 * incarnation is written within a tick or two, and if that is lost, the next pass shows it again.
 * The next owner reads both.
 *
 * Threading: belongs to loop 0, which has the private listener. Writing is done on libuv's pool,
 * one transaction at a time: whatever arrives meanwhile is the next one. */
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

/* Once per tick of the loop: writes what passes have shown about events. */
void ended_tick(struct ended *ended, struct loop *loop);

/* The session's passes are worthless from now on. Answers the request: 204 once that is durable, or
 * 503, to be repeated. */
void ended_session(struct ended *ended, struct http_req *req, struct span session);

/* Before the loop is closed: waiting calls get the answer that it is not known to be durable. */
void ended_answer_all(struct ended *ended);

#endif
