/* tracer.h: sends spans to a collector (OpenTelemetry, OTLP/HTTP in JSON). Spans are copied into a
 * queue, which a thread of the tracer sends; those that do not fit are dropped and counted.
 *
 * Of the traces that their caller has sampled, a share (per thousand) is sent, chosen by id. A span
 * that failed or was slow is always sent, with all spans of its trace that are still held.
 * Attributes are ids, names from the program and numbers. Any thread adds spans. */
#ifndef FG_OBSERVE_TRACER_H
#define FG_OBSERVE_TRACER_H

#include "base/clock.h"
#include "base/err.h"
#include "observe/trace.h"

#include <stdatomic.h>

enum {
    TRACER_QUEUE = 2048,   /* waiting spans of half a kilobyte: some seconds of a busy program */
    TRACER_BATCH = 128,    /* spans per request to the collector */
    TRACER_HELD = 4096,    /* spans of unsampled traces, two megabytes: some minutes of orders; the
                              oldest are replaced */
    TRACER_TROUBLED = 256, /* traces with a failed or slow span; likewise */
    TRACER_EVERY_MS = 500, /* longest wait until a span is sent */
    TRACER_CALL_MS = 3000, /* for a collector that does not answer */
    TRACER_END_MS = 5000,  /* at the program's end, for all batches that are begun */
    TRACER_NAME_MAX = 80,
    TRACER_ATTRIBUTES = 6,
    TRACER_TEXT_MAX = 48, /* of an attribute: a route, an event's id */
};

struct tracer;

enum tracer_kind { TRACER_INTERNAL = 1, TRACER_SERVER = 2, TRACER_CLIENT = 3 }; /* OTLP's numbers */

struct tracer_attribute {
    const char *key;            /* a literal; NULL: none */
    char text[TRACER_TEXT_MAX]; /* "": the number counts */
    uint64_t number;
};

/* A piece of work: a plain value. */
struct tracer_span {
    struct trace trace; /* its trace, with its own id */
    uint8_t parent[8];  /* all zero: none */
    enum tracer_kind kind;
    bool failed;
    uint64_t began_us; /* since 1970 */
    uint64_t took_us;
    char name[TRACER_NAME_MAX];
    struct tracer_attribute attribute[TRACER_ATTRIBUTES];
};

/* Text that is too long is cut; attributes without room are left out. */
void tracer_span_name(struct tracer_span *span, const char *first, const char *second);
void tracer_span_text(struct tracer_span *span, const char *key, struct span value);
void tracer_span_number(struct tracer_span *span, const char *key, uint64_t value);

struct tracer_conf {
    const char *endpoint; /* "http://127.0.0.1:4318"; copied */
    const char *service;  /* borrowed until tracer_destroy(), as the version */
    const char *version;
    uint32_t sample_milli; /* how many traces of a thousand are sent */
    uint64_t slow_us;      /* slower spans are always sent */
};

struct tracer_stats {
    _Atomic uint64_t sent, dropped, failed; /* spans; failed: refused by the collector */
};

/* http:// or https://, a host, perhaps a port and a path. */
bool tracer_endpoint_ok(struct span endpoint);
int tracer_create(const struct tracer_conf *conf, struct err_slot *err, struct tracer **out);
const struct tracer_stats *tracer_stats(const struct tracer *tracer);
/* Might this span be sent, now or later? Call it before building the span. `alone`: no other span
 * of its trace can arrive here, so none can cause it to be sent later. */
bool tracer_wants(const struct tracer *tracer, const struct trace *trace, bool failed,
                  uint64_t took_us, bool alone);
void tracer_add(struct tracer *tracer, const struct tracer_span *span);

/* Work that begins now and calls other programs. */
struct tracer_work {
    struct trace trace;
    uint8_t parent[8];
    uint64_t began_us; /* monotonic; 0: no span is sent */
};

/* `above` is the caller's traceparent, or ""; `below` becomes the one to pass on: with the work's
 * own id, or `above` if no span is sent (`tracer` may be NULL). */
void tracer_begin(const struct tracer *tracer, const char *above, const struct clock *clock,
                  const struct rng *rng, struct tracer_work *work, char below[TRACE_TEXT_LEN + 1]);
/* Returns false if no span is sent. Otherwise *span, a client's, ends now; add a name and
 * attributes. */
bool tracer_end(const struct tracer_work *work, const struct clock *clock,
                struct tracer_span *span);
/* Sends the waiting spans until the collector refuses a batch, for TRACER_END_MS and one call at
 * most; then frees. */
void tracer_destroy(struct tracer *tracer);

#endif
