/* health.h: the state of the services behind the line, read from their own /metrics.
 * Pure: text in, numbers out. */
#ifndef FG_QUEUE_FRONT_CORE_HEALTH_H
#define FG_QUEUE_FRONT_CORE_HEALTH_H

#include "base/span.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    HEALTH_BUCKETS_MAX = 64,  /* of one latency histogram; our services have about twenty */
    HEALTH_REQUESTS_MIN = 20, /* fewer give no 99th percentile */
};

struct health_bucket {
    double le_s; /* HUGE_VAL: the last one */
    double count;
};

/* One page at one moment. Counters need an earlier look to compare with. */
struct health_look {
    struct health_bucket bucket[HEALTH_BUCKETS_MAX]; /* rising by le_s */
    uint32_t buckets_len;
    bool has_answers, has_held, has_backlog;
    double answers, failures; /* counters */
    double held, backlog;     /* gauges */
};

/* These series of a page are read. All series of a name are added up, except those with
 * the label of another event:
 *
 *     fairgate_http_request_duration_seconds_bucket{le=..}    latency
 *     fairgate_http_responses_total{listener="public",class=..}    errors: class 5xx of all
 *     fairgate_seats_held                                      held seats
 *     fairgate_sagas_open                                      saga backlog
 *
 * False: no usable value. */
bool health_parse(struct span body, struct span event, struct health_look *out);

/* The next line of such a page that says whether an event is served:
 *
 *     fairgate_seats_open{event="show"} 1
 *
 * False: no more lines. `rest` starts as the whole page. */
bool health_next_served(struct span *rest, struct span *event, bool *served);

/* Several services combined: the worst latency and share of errors, the sums of held seats and open
 * sagas. */
struct health_reading {
    bool has_p99, has_errors, has_held, has_backlog;
    uint64_t p99_ms;
    uint64_t errors_milli; /* share of the answers, thousandths */
    uint64_t held, backlog;
};

/* Whether two looks have enough answers between them for a percentile, or no counters at all. */
bool health_ripe(const struct health_look *before, const struct health_look *now);
/* Adds one service. `before` NULL, or counters that fell (a restart): only gauges count. */
void health_add(struct health_reading *reading, const struct health_look *before,
                const struct health_look *now);

/* {"p99_ms":..,"error_share":..,"held":..,"backlog":..}; null if unknown. */
void health_json(struct text *out, const struct health_reading *reading);

#endif
