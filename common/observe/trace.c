/* trace.c: the format is fixed to the byte (https://www.w3.org/TR/trace-context/), so it is read at
 * fixed places. A header that is not exactly right is treated as if it were absent, as the standard
 * asks: a broken client must not be able to join strangers' traces. */
#include "observe/trace.h"

#include <assert.h>
#include <sodium.h>

enum {
    TRACE_ID_AT = 3,
    SPAN_ID_AT = 36,
    FLAGS_AT = 53,
    FLAG_SAMPLED = 1, /* the only flag of version 00; others are not passed on */
};

/* Lower case only. */
static bool read_hex(const char *hex, uint8_t *out, size_t len)
{
    struct span text = {hex, 2 * len};
    return span_is_of(text, SPAN_HEX) && span_hex(text, out, len);
}

bool trace_parse(struct span traceparent, struct trace *out)
{
    uint8_t version;
    struct trace trace;
    const char *at = traceparent.ptr;
    if (traceparent.len < TRACE_TEXT_LEN || at[2] != '-' || at[SPAN_ID_AT - 1] != '-' ||
        at[FLAGS_AT - 1] != '-' || !read_hex(at, &version, 1) || version == 0xFF)
        return false;
    /* A later version may append more, after another dash. */
    if (traceparent.len > TRACE_TEXT_LEN && (version == 0 || at[TRACE_TEXT_LEN] != '-'))
        return false;
    if (!read_hex(at + TRACE_ID_AT, trace.trace_id, sizeof(trace.trace_id)) ||
        !read_hex(at + SPAN_ID_AT, trace.span_id, sizeof(trace.span_id)) ||
        !read_hex(at + FLAGS_AT, &trace.flags, 1))
        return false;
    if (sodium_is_zero(trace.trace_id, sizeof(trace.trace_id)) ||
        sodium_is_zero(trace.span_id, sizeof(trace.span_id)))
        return false;
    trace.flags &= FLAG_SAMPLED;
    *out = trace;
    return true;
}

static void fill_id(const struct rng *rng, uint8_t *id, size_t len)
{
    do {
        rng_fill(rng, id, len);
    } while (sodium_is_zero(id, len));
}

struct trace trace_new(const struct rng *rng)
{
    struct trace trace = {.flags = FLAG_SAMPLED};
    fill_id(rng, trace.trace_id, sizeof(trace.trace_id));
    fill_id(rng, trace.span_id, sizeof(trace.span_id));
    return trace;
}

struct trace trace_continue(struct span traceparent, const struct rng *rng)
{
    struct trace trace;
    if (!trace_parse(traceparent, &trace))
        return trace_new(rng);
    fill_id(rng, trace.span_id, sizeof(trace.span_id));
    return trace;
}

void trace_put(struct text *text, const struct trace *trace)
{
    char out[TRACE_TEXT_LEN + 1] = "00-";
    assert(!sodium_is_zero(trace->trace_id, sizeof(trace->trace_id))); /* as trace_parse() */
    sodium_bin2hex(out + TRACE_ID_AT, SPAN_ID_AT - TRACE_ID_AT, trace->trace_id,
                   sizeof(trace->trace_id));
    sodium_bin2hex(out + SPAN_ID_AT, FLAGS_AT - SPAN_ID_AT, trace->span_id, sizeof(trace->span_id));
    sodium_bin2hex(out + FLAGS_AT, sizeof(out) - FLAGS_AT, &trace->flags, 1);
    out[SPAN_ID_AT - 1] = out[FLAGS_AT - 1] = '-'; /* instead of the NULs */
    static_assert(FLAGS_AT + 2 == TRACE_TEXT_LEN, "the flags are the end");
    text_add(text, out, TRACE_TEXT_LEN);
}
