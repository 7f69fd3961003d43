/* http_stream.c: streams (Server-Sent Events) and the channels that feed them.
 *
 * A channel has its newest blob and a version; a stream has the version it was sent last. Nothing
 * is queued per stream. Publishing raises the version and starts a pump, which walks the ring of
 * streams and sends to each that is behind: the newest blob if it misses only that one, otherwise
 * the blob from catch_up(). A stream with a full socket keeps the rest of one blob, is skipped
 * meanwhile, and checks for a newer version once that is sent. So a slow reader costs one blob
 * reference and misses versions, but costs no memory, and a fast one never waits for it.
 *
 * A broadcast to very many streams is spread: the pump serves HTTP_STREAM_PUMP of them, lets the
 * loop turn, and continues. A version published meanwhile simply puts all streams behind again.
 *
 * Streams end with the connection (no length, no chunks), so the same bytes serve all of them, and
 * one send() of a shared blob is the whole cost of a subscriber. */
#include "http/http_internal.h"
#include "http/http_peers.h"

#include <stdlib.h>

struct http_channel {
    uint32_t magic;
    struct http_server *server;
    struct http_channel *next;
    struct http_channel_conf conf;
    struct http_blob *newest;
    struct http_conn *cursor; /* any stream of the ring; the pump continues here */
    uint32_t streams;
    uint32_t to_visit; /* streams the pump has not visited since the last version */
    uint32_t version;
    uint32_t beat_version; /* this version is only a keepalive */
    uint64_t quiet_ms;     /* loop time of the last version */
    struct http_blob *beat;
};

MAGIC(http_channel, 0x6e7c0004);

int http_channel_create(struct http_server *server, const struct http_channel_conf *conf,
                        struct err_slot *err, struct http_channel **out)
{
    struct http_channel *channel = calloc(1, sizeof(*channel));
    if (channel == NULL)
        return err_set(err, ERR_NOMEM, "channel of %zu bytes", sizeof(*channel));
    channel->beat = http_blob_create(SPAN(":\n\n"));
    if (channel->beat == NULL) {
        free(channel);
        return err_set(err, ERR_NOMEM, "channel's sign of life");
    }
    MAGIC_BEGIN(http_channel, channel);
    channel->server = server;
    channel->conf = *conf;
    channel->quiet_ms = uv_now(server->conf.loop);
    channel->next = server->channels;
    server->channels = channel;
    *out = channel;
    return 0;
}

uint32_t http_channel_streams(const struct http_channel *channel)
{
    return channel->streams;
}

static void version_raise(struct http_channel *channel)
{
    channel->version++;
    channel->quiet_ms = uv_now(channel->server->conf.loop);
    channel->to_visit = channel->streams;
    assert((channel->streams > 0) == (channel->cursor != NULL));
    if (channel->streams > 0)
        http_server_more(channel->server);
}

void http_channel_publish(struct http_channel *channel, struct http_blob *blob)
{
    (void)MAGIC_OF(http_channel, channel); /* catches a publish after the channel was closed */
    http_blob_unref(channel->newest);
    channel->newest = http_blob_ref(blob);
    version_raise(channel);
}

/* Brings one stream up to date; the caller knows that its socket has room. */
static void stream_serve(struct http_channel *channel, struct http_conn *conn)
{
    assert(conn->channel == channel && conn->left == NULL);
    uint32_t missed = channel->version - conn->stream_version;
    bool beat_only = missed == 1 && channel->beat_version == channel->version;
    if (missed > 1)
        http_count(&channel->server->stats.stream_skips, missed - 1);
    conn->stream_version = channel->version;
    if (beat_only) {
        http_conn_send_blob(conn, channel->beat);
    } else if (missed > 1 && channel->conf.catch_up != NULL) {
        struct http_blob *blob = channel->conf.catch_up(channel->conf.ctx);
        if (blob != NULL)
            http_conn_send_blob(conn, blob);
        http_blob_unref(blob);
    } else if (channel->newest != NULL) {
        http_conn_send_blob(conn, channel->newest);
    }
}

static bool stream_is_behind(const struct http_channel *channel, const struct http_conn *conn)
{
    return conn->left == NULL && conn->stream_version != channel->version;
}

bool http_stream_pump(struct http_server *server)
{
    uint32_t budget = HTTP_STREAM_PUMP;
    bool more = false;
    struct http_channel *first = server->channels, **end = &server->channels;
    for (struct http_channel *channel = first; channel != NULL; channel = channel->next) {
        while (channel->to_visit > 0 && budget > 0) {
            struct http_conn *conn = channel->cursor;
            assert(conn != NULL && conn->channel == channel);
            channel->to_visit--;
            budget--;
            channel->cursor = conn->ring_next; /* before sending: a failed send removes it */
            if (stream_is_behind(channel, conn))
                stream_serve(channel, conn);
            if (channel->streams == 0)
                channel->to_visit = 0;
        }
        assert(channel->to_visit <= channel->streams);
        more = more || channel->to_visit > 0;
        end = &channel->next;
    }
    if (more && first->next != NULL) { /* so that no channel always takes the others' turn */
        server->channels = first->next;
        first->next = NULL;
        *end = first;
    }
    return more;
}

void http_stream_drained(struct http_conn *conn)
{
    if (stream_is_behind(conn->channel, conn))
        stream_serve(conn->channel, conn);
}

static void visitor_name(uint64_t visitor, uint8_t out[IP_BYTES])
{
    memset(out, 0, IP_BYTES);
    memcpy(out, &visitor, sizeof(visitor));
}

/* Counts one more stream; false if the visitor has `max` or there is no memory to count them. */
static bool visitor_add(struct http_server *server, uint64_t visitor, uint32_t max)
{
    uint8_t name[IP_BYTES];
    if (server->visitors == NULL)
        server->visitors = http_peers_create(server->conf.limits.connections_max);
    visitor_name(visitor, name);
    return server->visitors != NULL && http_peers_add(server->visitors, name, max);
}

static void visitor_remove(struct http_server *server, uint64_t visitor)
{
    uint8_t name[IP_BYTES];
    visitor_name(visitor, name);
    http_peers_remove(server->visitors, name);
}

void http_stream_left(struct http_conn *conn)
{
    struct http_channel *channel = conn->channel;
    assert(channel != NULL);
    assert(channel->streams > 0);
    conn->channel = NULL;
    if (conn->visitor != 0)
        visitor_remove(conn->server, conn->visitor);
    channel->streams--;
    http_count(&channel->server->stats.streams, UINT64_MAX); /* one less */
    http_ring_remove(&channel->cursor, conn);
    assert((channel->streams > 0) == (channel->cursor != NULL));
    if (channel->to_visit > channel->streams)
        channel->to_visit = channel->streams;
}

static void stream_join(struct http_channel *channel, struct http_conn *conn)
{
    assert(conn->channel == NULL && !conn->closing && !conn->in_again);
    conn->channel = channel;
    conn->stream_version = channel->version;
    http_count(&channel->server->stats.streams, 1);
    channel->streams++;
    http_ring_add(&channel->cursor, conn); /* the last one that a running pump visits */
}

static void reply_stream(struct http_req *req, struct http_answer *answer, uint64_t visitor,
                         struct http_channel *channel, struct http_blob *first, struct span headers)
{
    struct http_conn *conn = req->conn;
    struct http_batch *batch = &req->server->batch;
    static const char head[] = "HTTP/1.1 200 OK\r\n"
                               "Content-Type: text/event-stream\r\n"
                               "Cache-Control: no-store\r\n"
                               "X-Accel-Buffering: no\r\n"
                               "Connection: close\r\n"
                               "Date: ";
    http_batch_add(batch, head, sizeof(head) - 1);
    http_batch_add(batch, http_server_ok(req->server) + HTTP_OK_LEN, HTTP_DATE_LEN);
    http_batch_add(batch, "\r\n", 2);
    if (headers.len > 0)
        http_batch_add(batch, headers.ptr, headers.len);
    http_batch_add(batch, "\r\n", 2);
    bool head_only = req->parser.is_head;
    bool ends = head_only || req->server->draining; /* a client comes back, elsewhere */
    if (first != NULL && !head_only)
        http_batch_blob(batch, first, first->len);
    http_answer_stream(req, answer, ends);
    if (!ends) {
        conn->close_after = false; /* it ends when either side hangs up */
        conn->visitor = visitor;
        stream_join(channel, conn);
    }
    http_answer_end_turn(conn, answer);
}

void http_reply_stream(struct http_req *req, struct http_channel *channel, struct http_blob *first,
                       struct span headers)
{
    struct http_answer answer;
    if (http_answer_begin(req, &answer))
        reply_stream(req, &answer, 0, channel, first, headers);
}

bool http_reply_stream_to(struct http_req *req, uint64_t visitor, uint32_t max,
                          struct http_channel *channel, struct http_blob *first,
                          struct span headers)
{
    struct http_server *server = req->server;
    struct http_answer answer;
    assert(visitor != 0);
    if (req->parser.is_head || server->draining || req->conn == NULL)
        visitor = 0; /* no stream begins */
    else if (!visitor_add(server, visitor, max))
        return false;
    if (http_answer_begin(req, &answer))
        reply_stream(req, &answer, visitor, channel, first, headers);
    return true;
}

static void streams_end(struct http_channel *channel)
{
    while (channel->streams > 0) {
        struct http_conn *conn = channel->cursor;
        http_stream_left(conn);
        /* An ended stream sends its rest and closes. */
        if (conn->left == NULL)
            http_conn_close(conn);
        else
            conn->close_after = true;
    }
}

void http_stream_end_all(struct http_server *server)
{
    for (struct http_channel *channel = server->channels; channel != NULL; channel = channel->next)
        streams_end(channel);
}

void http_stream_beat(struct http_server *server)
{
    uint64_t now_ms = uv_now(server->conf.loop);
    for (struct http_channel *channel = server->channels; channel != NULL;
         channel = channel->next) {
        if (channel->streams == 0 || now_ms - channel->quiet_ms < HTTP_STREAM_KEEPALIVE_MS)
            continue;
        version_raise(channel);
        channel->beat_version = channel->version;
    }
}

void http_channel_close(struct http_channel *channel)
{
    if (channel == NULL)
        return;
    streams_end(channel);
    struct http_channel **at = &channel->server->channels;
    while (*at != channel) {
        assert(*at != NULL);
        at = &(*at)->next;
    }
    *at = channel->next;
    http_blob_unref(channel->newest);
    http_blob_unref(channel->beat);
    assert(channel->streams == 0);
    MAGIC_END(http_channel, channel);
    free(channel);
}
