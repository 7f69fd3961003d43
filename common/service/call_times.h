/* call_times.h: figures of single calls. Totals over all requests show how a program is doing;
 * service levels are promised per call: joining, reading one's place, holding seats, ordering. */
#ifndef FG_SERVICE_CALL_TIMES_H
#define FG_SERVICE_CALL_TIMES_H

#include "http/http.h"
#include "observe/histogram.h"
#include "observe/metrics.h"

enum { CALL_TIMES_MAX = 4 }; /* each costs a histogram per loop and a comparison per request */

/* A call with figures of its own, identified by its route. */
struct call_name {
    const char *name; /* the label: "join" */
    enum http_method method;
    const char *pattern; /* as given to the router */
};

/* For one loop, its only writer. */
struct call_times {
    uint32_t len;
    const struct http_route *route[CALL_TIMES_MAX];
    struct histogram took[CALL_TIMES_MAX];   /* of served calls: not 5xx */
    _Atomic uint64_t failed[CALL_TIMES_MAX]; /* 5xx */
};

/* `names` ends with an entry without a name; NULL: there are none. Each must be a route. */
int call_times_begin(struct call_times *calls, const struct call_name *names,
                     const struct http_router *routes, struct metrics *metrics,
                     struct err_slot *err);
void call_times_answered(struct call_times *calls, const struct http_req *req, unsigned status,
                         uint64_t took_us);

#endif
