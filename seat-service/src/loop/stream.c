/* stream.c: one channel per event, one delta per tick.
 *
 * All readers of an event share each delta, so a stream gets at most five a second, however many
 * seats change. A reader that was too slow is asked to fetch the availability again, and continues
 * from there. A version without changes is not sent. Prices and the plan's hash are sent to new or
 * restarting readers, and to all when a price changes. */
#include "loop/stream.h"

#include "base/magic.h"
#include "loop/avail_view.h"
#include "render/render.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct viewing {
    uint32_t magic;
    struct http_channel *channel;
    uint64_t sent_version;              /* of the last delta */
    uint32_t sent_free[PLAN_AREAS_MAX]; /* of the areas */
    uint64_t sent_prices[PLAN_CATEGORIES_MAX];
    bool gave_free, gave_prices; /* a reader began with other values than were sent: note_given() */
    struct stream *stream;
    const struct event *event;
};

MAGIC(viewing, 0x5ea70009);

struct stream {
    struct loop *loop;
    struct engine_delta *deltas; /* DELTA_MAX */
    struct viewing viewings[EVENTS_MAX];
};

/* `count` changes after `since`; -1: the reader has to start over. `prices` NULL: not needed. */
static struct http_blob *sse_event(struct stream *stream, const struct event *event, int count,
                                   uint64_t since, uint64_t version, const uint64_t *prices)
{
    struct text text = loop_text(stream->loop);
    uint64_t line = mark_line(stream->loop, event);
    text_printf(&text, "event: %s\nid: ", count < 0 ? "resync" : "seats");
    mark_put(&text, (struct mark){version, line});
    TEXT_LIT(&text, "\ndata: ");
    json_open(&text, '{');
    json_member_u64(&text, "version", version);
    mark_member(&text, line);
    if (count >= 0) {
        json_member_u64(&text, "since", since);
        render_changes(&text, stream->deltas, count);
    }
    render_areas_free(&text, event->plan->plan, event->engine);
    if (prices != NULL) {
        render_prices(&text, event->plan->plan, prices);
        json_member_cstr(&text, "plan", event->plan->hash);
    }
    json_close(&text, '}');
    TEXT_LIT(&text, "\n\n");
    assert(!text.overflown);
    return http_blob_create(text_span(&text));
}

static bool areas_differ(const struct viewing *viewing)
{
    const struct event *event = viewing->event;
    bool differ = false;
    for (uint32_t i = 0; i < plan_area_count(event->plan->plan); i++)
        differ = differ || engine_area(event->engine, (uint16_t)i).free != viewing->sent_free[i];
    return differ;
}

static bool prices_differ(const struct viewing *viewing, const uint64_t *prices)
{
    return memcmp(prices, viewing->sent_prices, sizeof(viewing->sent_prices)) != 0;
}

/* Records that a new reader got current values that differ from those last sent: even if they have
 * changed back by the next tick, they must be sent again. */
static void note_given(struct viewing *viewing, const uint64_t *prices)
{
    viewing->gave_free = viewing->gave_free || areas_differ(viewing);
    viewing->gave_prices = viewing->gave_prices || prices_differ(viewing, prices);
}

struct http_blob *stream_delta(struct stream *stream, const struct event *event,
                               const struct mark *since)
{
    uint64_t version, from = since->version, prices[PLAN_CATEGORIES_MAX];
    engine_prices(event->engine, prices);
    note_given(&stream->viewings[event->nth], prices);
    int count = avail_view_since(stream->loop, event, since, stream->deltas, DELTA_MAX, &version);
    return sse_event(stream, event, count, from < version ? from : version, version, prices);
}

static struct http_blob *on_catch_up(void *ctx)
{
    struct viewing *viewing = MAGIC_OF(viewing, ctx);
    uint64_t prices[PLAN_CATEGORIES_MAX];
    engine_prices(viewing->event->engine, prices);
    note_given(viewing, prices);
    return sse_event(viewing->stream, viewing->event, -1, 0,
                     engine_avail_version(viewing->event->engine), prices);
}

struct http_channel *stream_channel(struct stream *stream, const struct event *event)
{
    struct viewing *viewing = &stream->viewings[event->nth];
    if (viewing->channel != NULL)
        return viewing->channel;
    MAGIC_BEGIN(viewing, viewing);
    viewing->stream = stream;
    viewing->event = event;
    viewing->sent_version = engine_avail_version(event->engine);
    engine_prices(event->engine, viewing->sent_prices);
    struct http_channel_conf conf = {.catch_up = on_catch_up, .ctx = viewing};
    if (http_channel_create(stream->loop->conf.server, &conf, NULL, &viewing->channel) < 0)
        return NULL;
    return viewing->channel;
}

void stream_end(struct stream *stream, uint32_t nth)
{
    struct viewing *viewing = &stream->viewings[nth];
    if (viewing->channel == NULL)
        return;
    http_channel_close(viewing->channel);
    MAGIC_END(viewing, viewing);
    *viewing = (struct viewing){0};
}

void stream_send(struct stream *stream, struct event *event)
{
    struct viewing *viewing = &stream->viewings[event->nth];
    if (viewing->channel == NULL || http_channel_streams(viewing->channel) == 0)
        return;
    bool areas = viewing->gave_free || areas_differ(viewing);
    uint64_t prices[PLAN_CATEGORIES_MAX];
    engine_prices(event->engine, prices);
    bool priced = viewing->gave_prices || prices_differ(viewing, prices);
    if (!areas && !priced && engine_avail_version(event->engine) == viewing->sent_version)
        return;
    uint64_t version, since = viewing->sent_version;
    int count = engine_avail_since(event->engine, since, stream->deltas, DELTA_MAX, &version);
    if (count == 0 && !areas && !priced)
        return;
    struct http_blob *blob =
        sse_event(stream, event, count, since, version, priced || count < 0 ? prices : NULL);
    if (blob == NULL)
        return;
    viewing->sent_version = version;
    memcpy(viewing->sent_prices, prices, sizeof(prices));
    for (uint32_t i = 0; i < plan_area_count(event->plan->plan); i++)
        viewing->sent_free[i] = engine_area(event->engine, (uint16_t)i).free;
    viewing->gave_free = viewing->gave_prices = false;
    http_channel_publish(viewing->channel, blob);
    http_blob_unref(blob);
}

int stream_create(struct loop *loop, struct err_slot *err, struct stream **out)
{
    struct stream *stream = calloc(1, sizeof(*stream));
    struct engine_delta *deltas = calloc(DELTA_MAX, sizeof(*deltas));
    if (stream == NULL || deltas == NULL) {
        free(deltas);
        free(stream);
        return err_set(err, ERR_NOMEM, "a loop's streams");
    }
    stream->loop = loop;
    stream->deltas = deltas;
    *out = stream;
    return 0;
}

void stream_close(struct stream *stream)
{
    for (uint32_t i = 0; i < EVENTS_MAX; i++)
        if (stream->viewings[i].channel != NULL)
            http_channel_close(stream->viewings[i].channel);
}

void stream_destroy(struct stream *stream)
{
    if (stream == NULL)
        return;
    for (uint32_t i = 0; i < EVENTS_MAX; i++)
        if (stream->viewings[i].channel != NULL)
            MAGIC_END(viewing, &stream->viewings[i]);
    free(stream->deltas);
    free(stream);
}
