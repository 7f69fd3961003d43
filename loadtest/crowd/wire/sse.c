/* sse.c: a head ends with an empty line, and so does an event: both are blocks. The bytes after the
 * last whole block are stored until the rest arrives. Our streams end with the connection and are
 * not chunked. */
#include "wire/sse.h"

#include "limits.h"

#include <stdlib.h>

static bool keep(struct sse *sse, struct span bytes)
{
    uint32_t len = sse->rest_len + (uint32_t)bytes.len;
    if (bytes.len > SSE_EVENT_MAX || len > SSE_EVENT_MAX)
        return false;
    if (sse->rest == NULL || len > sse->rest_cap) {
        char *grown = realloc(sse->rest, len + 512);
        if (grown == NULL)
            return false;
        sse->rest = grown;
        sse->rest_cap = len + 512;
    }
    memcpy(sse->rest + sse->rest_len, bytes.ptr, bytes.len);
    sse->rest_len = len;
    return true;
}

static void forget(struct sse *sse)
{
    free(sse->rest);
    sse->rest = NULL;
    sse->rest_len = sse->rest_cap = 0;
}

void sse_deinit(struct sse *sse)
{
    forget(sse);
}

static bool head_read(struct sse *sse, struct span block)
{
    uint64_t status;
    struct span line = block, version;
    line = span_cut(block, ' ', &version);
    if (!span_starts(version, SPAN("HTTP/1.")) || line.len < 3 ||
        !span_u64((struct span){line.ptr, 3}, 599, &status))
        return false;
    sse->status = (uint16_t)status;
    return status == 200;
}

static void event_read(struct sse *sse, struct span block, void (*on_data)(void *, struct span),
                       void *ctx)
{
    while (block.ptr != NULL && block.len > 0) {
        struct span line;
        block = span_cut(block, '\n', &line);
        if (!span_starts(line, SPAN("data:")))
            continue;
        sse->events++;
        on_data(ctx, span_trim(span_skip(line, 5)));
        return; /* ours have one data line each */
    }
}

/* Consumes whole blocks; returns the rest, or a missing span if it is not a stream. */
static struct span blocks_read(struct sse *sse, struct span bytes,
                               void (*on_data)(void *, struct span), void *ctx)
{
    for (;;) {
        bool in_head = sse->status == 0;
        struct span mark = in_head ? SPAN("\r\n\r\n") : SPAN("\n\n");
        const char *at = bytes.len > 0 ? memmem(bytes.ptr, bytes.len, mark.ptr, mark.len) : NULL;
        if (at == NULL)
            return bytes;
        struct span block = {bytes.ptr, (size_t)(at - bytes.ptr)};
        bytes = span_skip(bytes, block.len + mark.len);
        if (!in_head)
            event_read(sse, block, on_data, ctx);
        else if (!head_read(sse, block))
            return (struct span){NULL, 0};
    }
}

bool sse_feed(struct sse *sse, struct span bytes, void (*on_data)(void *ctx, struct span data),
              void *ctx)
{
    if (sse->rest == NULL) { /* the usual case: whole events, read in place */
        struct span left = blocks_read(sse, bytes, on_data, ctx);
        return left.ptr != NULL && (left.len == 0 || keep(sse, left));
    }
    if (!keep(sse, bytes))
        return false;
    struct span left = blocks_read(sse, (struct span){sse->rest, sse->rest_len}, on_data, ctx);
    if (left.ptr == NULL)
        return false;
    if (left.len == 0) {
        forget(sse);
    } else {
        memmove(sse->rest, left.ptr, left.len);
        sse->rest_len = (uint32_t)left.len;
    }
    return true;
}
