/* stream.c: a connection, a request, and after that only reading. */
#include "wire/stream.h"

#include "base/magic.h"
#include "wire/sse.h"

#include <assert.h>
#include <stdlib.h>

struct stream {
    uint32_t magic;
    struct link link;
    void (*on_data)(void *ctx, struct span data);
    void (*on_end)(void *ctx, unsigned status);
    void *ctx;
    struct sse sse;
    char *request; /* until it is sent and an answer begins */
    size_t request_len;
    bool closed, ended;
};

MAGIC(stream, 0x10ad0002);

static void on_closed(void *ctx)
{
    struct stream *stream = MAGIC_OF(stream, ctx);
    MAGIC_END(stream, stream);
    sse_deinit(&stream->sse);
    free(stream->request);
    free(stream);
}

void stream_close(struct stream *stream)
{
    if (stream == NULL)
        return;
    assert(!stream->closed);
    stream->closed = true;
    link_close(&stream->link);
}

static void on_open(void *ctx)
{
    struct stream *stream = MAGIC_OF(stream, ctx);
    link_send(&stream->link, (struct span){stream->request, stream->request_len});
}

static void on_event(void *ctx, struct span data)
{
    struct stream *stream = ctx;
    if (!stream->closed)
        stream->on_data(stream->ctx, data);
}

static void on_end(void *ctx, bool opened)
{
    struct stream *stream = MAGIC_OF(stream, ctx);
    (void)opened;
    if (!stream->ended) {
        stream->ended = true;
        stream->on_end(stream->ctx, stream->sse.status);
    }
}

static void on_data(void *ctx, struct span data)
{
    struct stream *stream = MAGIC_OF(stream, ctx);
    if (stream->ended)
        return;
    if (stream->link.unsent.len == 0) {
        free(stream->request);
        stream->request = NULL;
    }
    bool good = sse_feed(&stream->sse, data, on_event, stream);
    if (!stream->closed && !good)
        on_end(stream, true);
}

struct stream *stream_open(const struct stream_conf *conf)
{
    static const struct link_calls calls = {on_open, on_data, on_end, on_closed};
    struct stream *stream = calloc(1, sizeof(*stream));
    char *request = malloc(conf->request.len);
    if (stream == NULL || request == NULL ||
        !link_open(&stream->link, &conf->link, &calls, stream)) {
        free(request);
        free(stream);
        return NULL;
    }
    MAGIC_BEGIN(stream, stream);
    memcpy(request, conf->request.ptr, conf->request.len);
    stream->request = request;
    stream->request_len = conf->request.len;
    stream->on_data = conf->on_data;
    stream->on_end = conf->on_end;
    stream->ctx = conf->ctx;
    return stream;
}

void stream_doze(struct stream *stream)
{
    link_read(&stream->link, false);
}

void stream_wake(struct stream *stream)
{
    link_read(&stream->link, true);
}
