/* tracer.h: sends spans to a collector (OpenTelemetry, OTLP/HTTP in JSON). Spans are copied into a
 * queue, which one thread of the tracer sends; those that do not fit are dropped and counted.
 *
 * Of the traces whose caller wants them so many in a thousand are sent, chosen by their id. A span
 * that failed or was slow is sent in any case, with all spans of its trace that are still held.
 * Attributes are ids, names of the program's own and numbers. Any thread adds. */
#ifndef FG_OBSERVE_TRACER_H
#define FG_OBSERVE_TRACER_H

#include "base/clock.h"
#include "base/err.h"
#include "observe/trace.h"

#include <stdatomic.h>

enum {
    TRACER_QUEUE = 2048, /* spans that wait, of half a kilobyte: some seconds of a busy program's */
    TRACER_BATCH = 128,  /* spans of a request to the collector */
    TRACER_HELD = 4096,  /* spans of traces that were not chosen, two megabytes: some minutes of
                          * orders; the oldest make room */
    TRACER_TROUBLED = 256, /* traces of which something failed or was slow; the same */
    TRACER_EVERY_MS = 500, /* a span waits no longer to be sent */
    TRACER_CALL_MS = 3000, /* for a collector that does not answer */
    TRACER_NAME_MAX = 80,
    TRACER_ATTRIBUTES = 6,
    TRACER_TEXT_MAX = 48, /* of an attribute: a route, an event's id */
};

struct tracer;

enum tracer_kind {
    TRACER_INTERNAL = 1,
    TRACER_SERVER = 2,
    TRACER_CLIENT = 3
}; /* as OTLP numbers them */

struct tracer_attribute {
    const char *key;            /* a literal; NULL: none */
    char text[TRACER_TEXT_MAX]; /* "": it is the number */
    uint64_t number;
};

/* Something that was done: a plain value. */
struct tracer_span {
    struct trace trace; /* whose, and its own id */
    uint8_t parent[8];  /* all zero: none */
    enum tracer_kind kind;
    bool failed;
    uint64_t began_us; /* since 1970 */
    uint64_t took_us;
    char name[TRACER_NAME_MAX];
    struct tracer_attribute attribute[TRACER_ATTRIBUTES];
};

/* Cut if they are too long; an attribute more than there is room for is left out. */
void tracer_span_name(struct tracer_span *span, const char *first, const char *second);
void tracer_span_text(struct tracer_span *span, const char *key, struct span value);
void tracer_span_number(struct tracer_span *span, const char *key, uint64_t value);

struct tracer_conf {
    const char *endpoint; /* "http://127.0.0.1:4318"; copied */
    const char *service;  /* borrowed until tracer_destroy(), as the version */
    const char *version;
    uint32_t sample_milli; /* of a thousand traces, as many are sent */
    uint64_t slow_us;      /* a span that takes as long is sent in any case */
};

struct tracer_stats {
    _Atomic uint64_t sent, dropped, failed; /* spans; failed: the collector did not take them */
};

/* http:// or https://, a host, perhaps a port and a path. */
bool tracer_endpoint_ok(struct span endpoint);
int tracer_create(const struct tracer_conf *conf, struct err_slot *err, struct tracer **out);
const struct tracer_stats *tracer_stats(const struct tracer *tracer);
/* Would a span be sent, now or perhaps later? To be called before it is built. `alone`: no other
 * span of its trace can come here, so none can make it worth sending later. */
bool tracer_wants(const struct tracer *tracer, const struct trace *trace, bool failed,
                  uint64_t took_us, bool alone);
void tracer_add(struct tracer *tracer, const struct tracer_span *span);

/* Something that begins now and causes something elsewhere. */
struct tracer_work {
    struct trace trace;
    uint8_t parent[8];
    uint64_t began_us; /* monotonic; 0: no span is sent */
};

/* `above` is a traceparent, or ""; `below` becomes the one to pass on: the work's own id, or
 * `above` if no span is sent (`tracer` may be NULL). */
void tracer_begin(const struct tracer *tracer, const char *above, const struct clock *clock,
                  const struct rng *rng, struct tracer_work *work, char below[TRACE_TEXT_LEN + 1]);
/* False: no span is sent. Otherwise a span that ends now, for a name and attributes to be added. */
bool tracer_end(const struct tracer_work *work, enum tracer_kind kind, const struct clock *clock,
                struct tracer_span *span);
/* Sends what waits, for as long as one call may take, then frees. */
void tracer_destroy(struct tracer *tracer);

#endif
