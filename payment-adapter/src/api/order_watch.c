/* order_watch.c: requests that wait for an order to change. Waiting POSTs are a short list, since
 * each lasts a fraction of a second. Streams are hashed by their order's id. Instead of one query
 * per visitor, one statement per second takes all watched orders and returns those whose row has
 * changed (a row's xmin changes with each update). Another, at most every 100 ms, covers the orders
 * that this loop has just moved. */
#include "api/order_watch.h"

#include "api/order_view.h"
#include "api/refusal.h"
#include "base/grow.h"
#include "base/magic.h"
#include "base/tag.h"
#include "store/statements.h"

#include <assert.h>
#include <stdlib.h>

enum { LOOK_EVERY_MS = 1000, BUCKETS = 1024, ROW_VERSION_MAX = 16 };

struct waiter {
    struct waiter *next;
    uint64_t saga, until_us;
    bool ready;
    void (*on_ready)(void *ctx);
    void *ctx;
};

struct stream {
    struct stream *next;
    struct stream *next_in_bucket;
    char order[ORDER_ID_MAX];
    struct http_channel *channel;
    char seen[ROW_VERSION_MAX]; /* of the row sent last; "": none yet */
    bool hurry;                 /* it has just moved */
    uint64_t hash;              /* of the text sent last */
};

struct watches {
    uint32_t magic;
    struct order_watches_conf conf;
    struct waiter *waiters;
    struct stream *streams;
    struct stream *buckets[BUCKETS];
    uint32_t len;
    uint64_t look_us; /* when all streams are due for a poll */
    bool hurry;       /* some are due at once */
    bool looking;
    bool closing;
    struct grow ids, seen; /* parameters */
    struct order_watches_stats stats;
};

MAGIC(watches, 0x3a700008);

static uint64_t now_us(const struct watches *watches)
{
    return clock_mono_us(watches->conf.clock);
}

int order_watches_create(const struct order_watches_conf *conf, struct err_slot *err,
                         struct watches **out)
{
    assert(conf->site != NULL);
    struct watches *watches = calloc(1, sizeof(*watches));
    if (watches == NULL)
        return err_set(err, ERR_NOMEM, "order watches");
    MAGIC_BEGIN(watches, watches);
    watches->conf = *conf;
    *out = watches;
    return 0;
}

/* ---- waiting for a payment ---- */

int order_watches_payment(struct watches *watches, uint64_t saga, uint32_t timeout_ms,
                          void (*on_ready)(void *ctx), void *ctx)
{
    assert(!watches->closing);
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
            assert(watches->len > 0);
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

/* The slot of this order's stream, or the empty one where it belongs. */
static struct stream **place_of(struct watches *watches, struct span order)
{
    struct stream **at = &watches->buckets[tag_hash(order) % BUCKETS];
    while (*at != NULL && !span_eq(order, span_of((*at)->order)))
        at = &(*at)->next_in_bucket;
    return at;
}

/* False when out of memory: the next poll finds the same change again. */
static bool publish(struct watches *watches, struct stream *stream, const struct sql_order_row *row)
{
    char *memory = malloc(ORDER_VIEW_MAX);
    if (memory == NULL)
        return false;
    struct text text = text_on(memory, ORDER_VIEW_MAX);
    TEXT_LIT(&text, "event: order\ndata: ");
    bool good = order_row_put(&text, row, watches->conf.site) == 0;
    json_close(&text, '}');
    TEXT_LIT(&text, "\n\n");
    uint64_t hash = tag_hash(text_span(&text));
    if (good && !text.overflown && hash != stream->hash) {
        struct http_blob *blob = http_blob_create(text_span(&text));
        good = blob != NULL;
        if (good) {
            http_channel_publish(stream->channel, blob);
            http_blob_unref(blob);
            stream->hash = hash;
        }
    }
    free(memory);
    return good;
}

static void watches_free(struct watches *watches)
{
    assert(!watches->looking);
    assert(watches->waiters == NULL);
    assert(watches->streams == NULL);
    grow_free(&watches->ids);
    grow_free(&watches->seen);
    MAGIC_END(watches, watches);
    free(watches);
}

static void on_looked(void *ctx, const struct pg_answer *answer)
{
    struct watches *watches = MAGIC_OF(watches, ctx);
    assert(watches->looking);
    watches->looking = false;
    if (watches->closing) {
        watches_free(watches);
        return;
    }
    if (answer->rc < 0)
        return;
    const PGresult *res = answer->results[0];
    for (int i = 0; i < PQntuples(res); i++) {
        const struct sql_orders_changed_row row = sql_orders_changed_row(res, i);
        struct stream *stream = *place_of(watches, row.order.id);
        if (stream == NULL) /* no longer watched */
            continue;
        if (publish(watches, stream, &row.order))
            span_to_cstr(row.version, stream->seen, sizeof(stream->seen));
    }
}

const struct order_watches_stats *order_watches_stats(const struct watches *watches)
{
    return &watches->stats;
}

static struct stream *stream_create(struct watches *watches, struct http_server *server,
                                    const char *order)
{
    struct http_channel_conf conf = {0};
    struct stream *stream = watches->len < ORDER_WATCH_MAX ? calloc(1, sizeof(*stream)) : NULL;
    if (stream == NULL || http_channel_create(server, &conf, NULL, &stream->channel) < 0) {
        free(stream);
        return NULL;
    }
    span_to_cstr(span_of(order), stream->order, sizeof(stream->order));
    assert(*place_of(watches, span_of(order)) == NULL); /* a second list would hide the first */
    *place_of(watches, span_of(order)) = stream;
    stream->next = watches->streams;
    watches->streams = stream;
    watches->len++;
    return stream;
}

void order_watches_stream(struct watches *watches, struct http_req *req, const char *order,
                          struct http_blob *first)
{
    assert(!watches->closing);
    struct stream *stream = *place_of(watches, span_of(order));
    if (stream == NULL)
        stream = stream_create(watches, http_req_server(req), order);
    if (stream == NULL) {
        refusal_reply(req, REFUSAL_STREAMS);
        return;
    }
    http_reply_stream(req, stream->channel, first, (struct span){NULL, 0});
}

void order_watches_on_stored(struct watches *watches, const struct saga_row *row,
                             const struct saga_move *move)
{
    bool ready = false;
    for (struct waiter *waiter = watches->waiters; waiter != NULL; waiter = waiter->next) {
        if (waiter->saga == move->id &&
            (move->state != SAGA_RUNNING || checkout_answers(row->def, move->step) || move->parked))
            ready = waiter->ready = true;
    }
    if (ready)
        serve_waiters(watches, false);
    if (watches->streams == NULL)
        return;
    struct order order;
    if (order_parse(row->data, NULL, &order) < 0)
        return; /* also when out of memory: all streams are polled within a second */
    struct stream *stream = *place_of(watches, span_of(order.id));
    if (stream != NULL)
        stream->hurry = watches->hurry = true;
}

void order_watches_tick(struct watches *watches)
{
    serve_waiters(watches, false);
    for (struct stream **at = &watches->streams; *at != NULL;) {
        struct stream *stream = *at;
        if (http_channel_streams(stream->channel) > 0) {
            at = &stream->next;
            continue;
        }
        struct stream **place = place_of(watches, span_of(stream->order));
        assert(*place == stream);
        *at = stream->next;
        *place = stream->next_in_bucket;
        http_channel_close(stream->channel);
        watches->len--;
        free(stream);
    }
    if (watches->looking || watches->streams == NULL)
        return;
    uint64_t now = now_us(watches);
    bool all = now >= watches->look_us;
    if (all)
        watches->look_us = now + LOOK_EVERY_MS * UINT64_C(1000);
    if (all || watches->hurry) {
        grow_array_open(&watches->ids);
        grow_array_open(&watches->seen);
        for (struct stream *stream = watches->streams; stream != NULL; stream = stream->next) {
            if (!all && !stream->hurry)
                continue;
            stream->hurry = false;
            grow_array_text(&watches->ids, span_of(stream->order));
            grow_array_text(&watches->seen, span_of(stream->seen));
        }
        grow_array_close(&watches->ids);
        grow_array_close(&watches->seen);
        const struct sql_orders_changed_args args = {.ids = grow_cstr(&watches->ids),
                                                     .seen = grow_cstr(&watches->seen)};
        watches->hurry = false;
        if (args.ids == NULL || args.seen == NULL)
            return; /* out of memory: try again in a second */
        watches->looking = true;
        atomic_fetch_add_explicit(&watches->stats.looks, 1, memory_order_relaxed);
        sql_orders_changed(watches->conf.pg, &args, on_looked, watches);
    }
}

void order_watches_close(struct watches *watches)
{
    if (watches == NULL)
        return;
    assert(!watches->closing);
    serve_waiters(watches, true);
    watches->closing = true;
    while (watches->streams != NULL) {
        struct stream *stream = watches->streams;
        watches->streams = stream->next;
        http_channel_close(stream->channel);
        free(stream);
    }
    if (!watches->looking)
        watches_free(watches);
}
