/* call_times.h: figures of single calls. All requests together say how a program is; what was
 * promised to people is promised of a call: a join, a look at one's place, a hold, an order. */
#ifndef FG_SERVICE_CALL_TIMES_H
#define FG_SERVICE_CALL_TIMES_H

#include "http/http.h"
#include "observe/histogram.h"
#include "observe/metrics.h"

enum { CALL_TIMES_MAX = 4 }; /* each costs a histogram a loop, and a comparison a request */

/* One that has figures of its own, by the route that serves it. */
struct call_name {
    const char *name; /* the label: "join" */
    enum http_method method;
    const char *pattern; /* as the router was given it */
};

/* Of one loop, which alone writes it. */
struct call_times {
    uint32_t len;
    const struct http_route *route[CALL_TIMES_MAX];
    struct histogram took[CALL_TIMES_MAX];   /* of calls that were served: not 5xx */
    _Atomic uint64_t failed[CALL_TIMES_MAX]; /* 5xx */
};

/* `names` ends with one that has none; NULL: there are none. Each has to be a route. */
int call_times_begin(struct call_times *calls, const struct call_name *names,
                     const struct http_router *routes, struct metrics *metrics,
                     struct err_slot *err);
void call_times_answered(struct call_times *calls, const struct http_req *req, unsigned status,
                         uint64_t took_us);

#endif
