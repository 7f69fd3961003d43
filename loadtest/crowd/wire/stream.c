/* stream.c: a connection, a request, and from then on only reading, into one buffer that all
 * streams of the process share (one read at a time on a loop, and nothing points into it
 * afterwards). */
#include "wire/stream.h"

#include "base/magic.h"
#include "limits.h"
#include "system/system.h"
#include "wire/dial.h"
#include "wire/sse.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

struct stream {
    uint32_t magic;
    uv_tcp_t tcp;
    void (*on_data)(void *ctx, struct span data);
    void (*on_end)(void *ctx, unsigned status);
    void *ctx;
    struct sse sse;
    uint64_t asked_us, first_us;
    struct asking *asking; /* until the request is written */
    bool closed, ended, dozing;
};

MAGIC(stream, 0x10ad0002);

/* What is needed only until the stream runs. */
struct asking {
    uv_connect_t connect;
    uv_write_t write;
    size_t len;
    char request[STREAM_REQUEST_MAX];
};

static void on_closed(uv_handle_t *handle)
{
    struct stream *stream = MAGIC_OF(stream, handle->data);
    MAGIC_END(stream, stream);
    sse_deinit(&stream->sse);
    free(stream->asking);
    free(stream);
}

void stream_close(struct stream *stream)
{
    if (stream == NULL)
        return;
    assert(!stream->closed);
    stream->closed = true;
    uv_close((uv_handle_t *)&stream->tcp, on_closed);
}

static void stream_ended(struct stream *stream)
{
    if (stream->closed || stream->ended)
        return;
    stream->ended = true;
    uv_read_stop((uv_stream_t *)&stream->tcp);
    stream->on_end(stream->ctx, stream->sse.status);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    static char shared[SSE_EVENT_MAX];
    (void)handle;
    (void)size;
    *buf = uv_buf_init(shared, sizeof(shared));
}

static void on_data(void *ctx, struct span data)
{
    struct stream *stream = ctx;
    if (stream->first_us == 0)
        stream->first_us = system_mono_us();
    if (!stream->closed)
        stream->on_data(stream->ctx, data);
}

static void on_read(uv_stream_t *tcp, ssize_t got, const uv_buf_t *buf)
{
    struct stream *stream = MAGIC_OF(stream, tcp->data);
    if (stream->closed || got == 0)
        return;
    if (got < 0 || !sse_feed(&stream->sse, (struct span){buf->base, (size_t)got}, on_data, stream))
        stream_ended(stream);
}

static void on_written(uv_write_t *write, int status)
{
    struct stream *stream = MAGIC_OF(stream, write->data);
    if (stream->closed)
        return;
    free(stream->asking);
    stream->asking = NULL;
    if (status < 0 || uv_read_start((uv_stream_t *)&stream->tcp, on_alloc, on_read) < 0)
        stream_ended(stream);
    else if (stream->dozing)
        uv_read_stop((uv_stream_t *)&stream->tcp);
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct stream *stream = MAGIC_OF(stream, connect->data);
    if (stream->closed)
        return;
    struct asking *asking = stream->asking;
    uv_buf_t buf = uv_buf_init(asking->request, (unsigned)asking->len);
    asking->write.data = stream;
    if (status < 0 ||
        uv_write(&asking->write, (uv_stream_t *)&stream->tcp, &buf, 1, on_written) < 0)
        stream_ended(stream);
}

struct stream *stream_open(const struct stream_conf *conf)
{
    struct stream *stream = calloc(1, sizeof(*stream));
    struct asking *asking = calloc(1, sizeof(*asking));
    if (stream == NULL || asking == NULL || conf->request.len > sizeof(asking->request) ||
        uv_tcp_init(conf->loop, &stream->tcp) < 0) {
        free(stream);
        free(asking);
        return NULL;
    }
    MAGIC_BEGIN(stream, stream);
    memcpy(asking->request, conf->request.ptr, conf->request.len);
    asking->len = conf->request.len;
    asking->connect.data = stream;
    stream->tcp.data = stream;
    stream->on_data = conf->on_data;
    stream->on_end = conf->on_end;
    stream->ctx = conf->ctx;
    stream->asking = asking;
    stream->asked_us = system_mono_us();
    if (dial_from(&stream->tcp, conf->from, conf->number, conf->receive_bytes) < 0 ||
        uv_tcp_connect(&asking->connect, &stream->tcp, (const struct sockaddr *)&conf->to,
                       on_connected) < 0) {
        stream_close(stream);
        return NULL;
    }
    return stream;
}

void stream_doze(struct stream *stream)
{
    stream->dozing = true;
    if (stream->asking == NULL && !stream->ended)
        uv_read_stop((uv_stream_t *)&stream->tcp);
}

void stream_wake(struct stream *stream)
{
    if (!stream->dozing)
        return;
    stream->dozing = false;
    if (stream->asking == NULL && !stream->ended &&
        uv_read_start((uv_stream_t *)&stream->tcp, on_alloc, on_read) < 0)
        stream_ended(stream);
}

uint64_t stream_first_us(const struct stream *stream)
{
    return stream->first_us > 0 ? stream->first_us - stream->asked_us : 0;
}
