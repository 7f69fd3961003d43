/* order_watch.c: see order_watch.h. Two short lists; both are walked, since waiting POSTs last a
 * fraction of a second and streams of buyers who pay are few beside everything else. */
#include "order_watch.h"

#include "order_view.h"
#include "statements.h"

#include <assert.h>
#include <stdlib.h>

enum { LOOK_EVERY_MS = 1000, STREAM_STEP_AWAIT = 2 };

struct waiter {
    struct waiter *next;
    uint64_t saga, until_us;
    bool ready;
    void (*on_ready)(void *ctx);
    void *ctx;
};

struct stream {
    struct stream *next;
    struct watches *watches;
    char order[ORDER_ID_MAX];
    struct http_channel *channel;
    uint64_t look_us;
    bool looking, over;
    uint32_t hash; /* of what was sent last */
};

struct watches {
    struct pay *pay;
    struct waiter *waiters;
    struct stream *streams;
    uint32_t len;
    uint32_t looking;
    bool closing;
};

static uint64_t now_us(const struct watches *watches)
{
    return clock_mono_us(watches->pay->loop->clock);
}

int watches_create(struct pay *pay, struct err_slot *err, struct watches **out)
{
    struct watches *watches = calloc(1, sizeof(*watches));
    if (watches == NULL)
        return err_set(err, ERR_NOMEM, "order watches");
    watches->pay = pay;
    *out = watches;
    return 0;
}

/* ---- waiting for a payment ---- */

int watches_payment(struct watches *watches, uint64_t saga, uint32_t timeout_ms,
                    void (*on_ready)(void *ctx), void *ctx)
{
    struct waiter *waiter = watches->len < ORDER_WATCH_MAX ? calloc(1, sizeof(*waiter)) : NULL;
    if (waiter == NULL)
        return ERR_FULL;
    *waiter = (struct waiter){.next = watches->waiters,
                              .saga = saga,
                              .until_us = now_us(watches) + (uint64_t)timeout_ms * 1000,
                              .on_ready = on_ready,
                              .ctx = ctx};
    watches->waiters = waiter;
    watches->len++;
    return 0;
}

static void serve_waiters(struct watches *watches, bool all)
{
    uint64_t now = now_us(watches);
    struct waiter *done = NULL;
    for (struct waiter **at = &watches->waiters; *at != NULL;) {
        struct waiter *waiter = *at;
        if (all || waiter->ready || now >= waiter->until_us) {
            *at = waiter->next;
            waiter->next = done;
            done = waiter;
            watches->len--;
        } else {
            at = &waiter->next;
        }
    }
    while (done != NULL) {
        struct waiter *waiter = done;
        done = waiter->next;
        waiter->on_ready(waiter->ctx);
        free(waiter);
    }
}

/* ---- streams ---- */

static void drop_over(struct watches *watches)
{
    for (struct stream **at = &watches->streams; *at != NULL;) {
        struct stream *stream = *at;
        bool gone = stream->over || http_channel_streams(stream->channel) == 0;
        if (gone && !stream->looking) {
            *at = stream->next;
            http_channel_close(stream->channel);
            watches->len--;
            free(stream);
        } else {
            at = &stream->next;
        }
    }
}

static uint32_t hash_of(struct span text)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.ptr[i]) * 16777619u;
    return hash;
}

static void on_look(void *ctx, const struct pg_answer *answer)
{
    struct stream *stream = ctx;
    struct watches *watches = stream->watches;
    stream->looking = false;
    watches->looking--;
    if (watches->closing) {
        free(stream);
        if (watches->looking == 0)
            free(watches);
        return;
    }
    if (answer->rc < 0 || PQntuples(answer->results[0]) == 0)
        return;
    struct order_row row;
    order_row_read(answer->results[0], 0, &row);
    char *memory = malloc(ORDER_VIEW_MAX);
    if (memory == NULL)
        return;
    struct text text = text_on(memory, ORDER_VIEW_MAX);
    TEXT_LIT(&text, "event: order\ndata: ");
    order_row_put(&text, &row, stream->watches->pay->keys->site);
    json_close(&text, '}');
    TEXT_LIT(&text, "\n\n");
    uint32_t hash = hash_of(text_span(&text));
    if (!text.overflown && hash != stream->hash) {
        struct http_blob *blob = http_blob_create(text_span(&text));
        if (blob != NULL) {
            http_channel_publish(stream->channel, blob);
            http_blob_unref(blob);
            stream->hash = hash;
        }
    }
    free(memory);
}

static void look(struct stream *stream)
{
    struct watches *watches = stream->watches;
    if (stream->looking)
        return;
    stream->looking = true;
    watches->looking++;
    stream->look_us = now_us(watches) + LOOK_EVERY_MS * UINT64_C(1000);
    const char *const params[] = {stream->order};
    pg_pool_query(watches->pay->pg, SQL_ORDER_READ, 1, params, on_look, stream);
}

static struct stream *stream_of(struct watches *watches, const char *order)
{
    for (struct stream *stream = watches->streams; stream != NULL; stream = stream->next) {
        if (strcmp(stream->order, order) == 0)
            return stream;
    }
    struct stream *stream = watches->len < ORDER_WATCH_MAX ? calloc(1, sizeof(*stream)) : NULL;
    if (stream == NULL)
        return NULL;
    stream->watches = watches;
    span_to_cstr(span_of(order), stream->order, sizeof(stream->order));
    return stream;
}

void watches_stream(struct watches *watches, struct http_req *req, const char *order,
                    struct http_blob *first)
{
    struct stream *stream = stream_of(watches, order);
    struct http_channel_conf conf = {0};
    if (stream != NULL && stream->channel == NULL) {
        if (http_channel_create(http_req_server(req), &conf, NULL, &stream->channel) < 0) {
            free(stream);
            stream = NULL;
        } else {
            stream->next = watches->streams;
            watches->streams = stream;
            watches->len++;
        }
    }
    if (stream == NULL) {
        http_problem_reply(req, &(struct http_problem){.status = 503,
                                                       .code = "too-many-streams",
                                                       .detail = "Please ask without a stream.",
                                                       .retry_after_s = 5});
        return;
    }
    http_reply_stream(req, stream->channel, first, (struct span){NULL, 0});
}

void watches_on_stored(struct watches *watches, const struct saga_row *row,
                       const struct saga_move *move)
{
    bool ready = false;
    for (struct waiter *waiter = watches->waiters; waiter != NULL; waiter = waiter->next) {
        if (waiter->saga == move->id &&
            (move->state != SAGA_RUNNING || move->step >= STREAM_STEP_AWAIT || move->parked))
            ready = waiter->ready = true;
    }
    if (ready)
        serve_waiters(watches, false);
    if (watches->streams == NULL)
        return;
    struct order order;
    if (order_parse(row->data, NULL, &order) < 0)
        return;
    for (struct stream *stream = watches->streams; stream != NULL; stream = stream->next) {
        if (strcmp(stream->order, order.id) == 0)
            stream->look_us = 0;
    }
}

void watches_tick(struct watches *watches)
{
    serve_waiters(watches, false);
    drop_over(watches);
    uint64_t now = now_us(watches);
    for (struct stream *stream = watches->streams; stream != NULL; stream = stream->next) {
        if (now >= stream->look_us)
            look(stream);
    }
}

void watches_close(struct watches *watches)
{
    if (watches == NULL)
        return;
    serve_waiters(watches, true);
    watches->closing = true;
    while (watches->streams != NULL) {
        struct stream *stream = watches->streams;
        watches->streams = stream->next;
        http_channel_close(stream->channel);
        if (!stream->looking)
            free(stream);
    }
    if (watches->looking == 0)
        free(watches);
}
