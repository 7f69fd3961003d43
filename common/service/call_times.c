/* call_times.c: a call is identified by the route that the router found, without a second lookup.
 * Failed calls (5xx) are counted separately and not timed: a "not now" after a millisecond must not
 * count as a fast answer.
 *
 * Threading: a loop counts in memory of its own; a scrape adds up the loops (metrics.h). */
#include "service/call_times.h"

#include <assert.h>

int call_times_begin(struct call_times *calls, const struct call_name *names,
                     const struct http_router *routes, struct metrics *metrics,
                     struct err_slot *err)
{
    assert(calls->len == 0);
    for (const struct call_name *at = names; at != NULL && at->name != NULL; at++) {
        assert(calls->len < CALL_TIMES_MAX);
        const struct http_route *route =
            http_router_route(routes, at->method, span_of(at->pattern));
        assert(route != NULL && strcmp(route->pattern, at->pattern) == 0);
        calls->route[calls->len] = route;
        const char *name = at->name;
        const struct metrics_labels labels = metrics_one_label("call", span_of(name));
        const struct metrics_desc took = {
            "fairgate_call_duration_seconds",
            "From a call's first byte to its answer, of calls served.", labels.text};
        const struct metrics_desc failed = {"fairgate_call_failures_total",
                                            "Calls that could not be served: answers of 5xx.",
                                            labels.text};
        int rc =
            metrics_histogram(metrics, &took, METRICS_UNIT_SECONDS, &calls->took[calls->len], err);
        if (rc == 0)
            rc = metrics_counter(metrics, &failed, &calls->failed[calls->len], err);
        if (rc < 0)
            return rc;
        calls->len++;
    }
    return 0;
}

void call_times_answered(struct call_times *calls, const struct http_req *req, unsigned status,
                         uint64_t took_us)
{
    const struct http_route *route = http_req_route(req);
    assert(calls->len <= CALL_TIMES_MAX);
    for (uint32_t i = 0; i < calls->len; i++) {
        if (calls->route[i] != route)
            continue;
        if (status >= 500) /* relaxed: a statistic for a graph */
            atomic_fetch_add_explicit(&calls->failed[i], 1, memory_order_relaxed);
        else
            histogram_record(&calls->took[i], took_us);
        return;
    }
}
