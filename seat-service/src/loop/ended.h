/* ended.h: invalidates passes before they expire: sessions ended by the waiting room or the
 * operator, and events that were created again.
 *
 * It takes effect at once. The end of a session is acknowledged once it is durable. An event's new
 * incarnation is written within a tick or two; if that is lost, the next pass carries it again. The
 * next owner reads both.
 *
 * Threading: belongs to loop 0, which has the private listener. libuv's pool writes one transaction
 * at a time; requests that arrive meanwhile go into the next. */
#ifndef FG_SEAT_SERVICE_ENDED_H
#define FG_SEAT_SERVICE_ENDED_H

#include "loop/call.h"

struct ended;

struct ended_conf {
    const char *dsn; /* borrowed, as all fields here */
    struct pass_revoked *revoked;
    struct logger *log;
};

int ended_create(const struct ended_conf *conf, struct err_slot *err, struct ended **out);
void ended_destroy(struct ended *ended); /* after the loop has ended */

/* Call once per tick of the loop: writes the incarnations that passes have shown. */
void ended_tick(struct ended *ended, struct loop *loop);

/* Invalidates the session's passes. Answers the request: 204 once that is durable; 503: repeat it.
 */
void ended_session(struct ended *ended, struct http_req *req, struct span session);

/* Call before the loop is closed: answers waiting calls with "not durable yet". */
void ended_answer_all(struct ended *ended);

#endif
