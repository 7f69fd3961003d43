/* trace.h: W3C Trace Context: the traceparent header that connects the work of several programs for
 * one visit. No call allocates. */
#ifndef FG_OBSERVE_TRACE_H
#define FG_OBSERVE_TRACE_H

#include "base/rng.h"
#include "base/span.h"
#include "base/text.h"

enum { TRACE_TEXT_LEN = 55 };

struct trace {
    uint8_t trace_id[16];
    uint8_t span_id[8];
    uint8_t flags;
};

/* Strictly "00-32 hex-16 hex-2 hex", in lower case, ids not all zero; of a later version the known
 * part, as the standard requires. */
bool trace_parse(struct span traceparent, struct trace *out);

/* A new trace. `rng` need not be the kernel's: an id has to be unique, not secret. */
struct trace trace_new(const struct rng *rng);

/* The same trace with a span id of our own, if `traceparent` is valid; otherwise a new trace. */
struct trace trace_continue(struct span traceparent, const struct rng *rng);

void trace_put(struct text *text, const struct trace *trace); /* TRACE_TEXT_LEN bytes */

#endif
