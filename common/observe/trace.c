/* trace.c: the format is fixed to the byte (https://www.w3.org/TR/trace-context/), so it is read at
 * fixed places. A header that is not exactly right is treated as if it were absent, as the standard
 * asks: a broken client must not be able to join strangers' traces. */
#include "observe/trace.h"

#include <assert.h>

enum {
    TRACE_ID_AT = 3,
    SPAN_ID_AT = 36,
    FLAGS_AT = 53,
    FLAG_SAMPLED = 1, /* the only flag of version 00; others are not passed on */
};

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

static bool read_hex(const char *hex, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        int high = hex_value(hex[2 * i]), low = hex_value(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
    uint8_t bits = 0;
    for (size_t i = 0; i < len; i++)
        bits |= bytes[i];
    return bits == 0;
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
    if (is_zero(trace.trace_id, sizeof(trace.trace_id)) ||
        is_zero(trace.span_id, sizeof(trace.span_id)))
        return false;
    trace.flags &= FLAG_SAMPLED;
    *out = trace;
    return true;
}

static void fill_id(const struct rng *rng, uint8_t *id, size_t len)
{
    do {
        rng_fill(rng, id, len);
    } while (is_zero(id, len));
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

static void put_hex(char *at, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    assert(len <= sizeof(((struct trace *)0)->trace_id));
    for (size_t i = 0; i < len; i++) {
        at[2 * i] = digits[bytes[i] >> 4];
        at[2 * i + 1] = digits[bytes[i] & 15];
    }
}

void trace_put(struct text *text, const struct trace *trace)
{
    char out[TRACE_TEXT_LEN];
    assert(!is_zero(trace->trace_id, sizeof(trace->trace_id))); /* what trace_parse() refuses */
    memset(out, '-', sizeof(out));
    out[0] = '0';
    out[1] = '0';
    put_hex(out + TRACE_ID_AT, trace->trace_id, sizeof(trace->trace_id));
    put_hex(out + SPAN_ID_AT, trace->span_id, sizeof(trace->span_id));
    put_hex(out + FLAGS_AT, &trace->flags, 1);
    static_assert(FLAGS_AT + 2 == TRACE_TEXT_LEN, "the flags are the end");
    text_add(text, out, sizeof(out));
}
