/* tracer.h: tells a collector (OpenTelemetry, OTLP/HTTP in JSON) what was done for a trace and how
 * long it took. What is done is copied into a queue; one thread of the tracer's sends it. Nobody
 * waits for a collector: what does not fit is dropped and counted.
 *
 * Told are traces whose caller wants them told (the flag in their traceparent), so many in a
 * thousand, chosen by their id so that all programs choose the same; and besides, whatever failed
 * or was slow, with all that this program still knows of its trace. For that the last spans of
 * traces that were not chosen are held for a while, and what comes later of a trace of which
 * something was told is told, too. Attributes are ids, names of the program's own and numbers:
 * nothing of a person.
 *
 * Threading: any thread adds. Create and destroy from one. */
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
    uint32_t sample_milli; /* of a thousand traces, as many are told */
    uint64_t slow_us;      /* what takes as long is told in any case */
};

struct tracer_stats {
    _Atomic uint64_t sent, dropped, failed; /* spans; failed: the collector did not take them */
};

/* http:// or https://, a host, perhaps a port and a path. */
bool tracer_endpoint_ok(struct span endpoint);
int tracer_create(const struct tracer_conf *conf, struct err_slot *err, struct tracer **out);
const struct tracer_stats *tracer_stats(const struct tracer *tracer);
/* Would a span be told, now or perhaps later? Asked before it is put together. `alone`: nothing
 * else of its trace can be known here, so nothing later can make it worth telling. */
bool tracer_wants(const struct tracer *tracer, const struct trace *trace, bool failed,
                  uint64_t took_us, bool alone);
void tracer_add(struct tracer *tracer, const struct tracer_span *span);

/* Something that begins now and causes something elsewhere. */
struct tracer_work {
    struct trace trace;
    uint8_t parent[8];
    uint64_t began_us; /* monotonic; 0: nobody is told */
};

/* `above` is a traceparent, or ""; `below` becomes the one to pass on: the work's own id, or what
 * stands above if nobody is told (`tracer` may be NULL). */
void tracer_begin(const struct tracer *tracer, const char *above, const struct clock *clock,
                  const struct rng *rng, struct tracer_work *work, char below[TRACE_TEXT_LEN + 1]);
/* False: nobody is told. Otherwise a span that ends now, for a name and attributes to be added. */
bool tracer_end(const struct tracer_work *work, enum tracer_kind kind, const struct clock *clock,
                struct tracer_span *span);
/* Sends what waits, for as long as one call may take, then frees. */
void tracer_destroy(struct tracer *tracer);

#endif
