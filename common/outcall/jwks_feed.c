/* jwks_feed.c: a timer, a call (a file is read on the thread pool), and the last good set.
 *
 * The set is fetched at start and then at each interval, with jitter, so that loops and programs do
 * not ask in step; after a failure sooner, with pauses that double up to retry_max_ms. Anything
 * that is not a key set (an error page, an empty list, a book) changes nothing: the last good set
 * stays in use, because a signed token stays signed, and a signer that is down must not close the
 * line.
 *
 * Invariant: the timer is armed or a call is under way, never both, until closed. Threading: none,
 * one loop owns it; the scrape reads atomics. */
#include "outcall/jwks_feed.h"

#include "base/magic.h"
#include "observe/log.h"
#include "system/plain_file.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    RETRY_MIN_MS = 500,        /* a program that starts together with its signer retries soon */
    RETRY_MAX_MS = 60000,      /* a missing set is retried at least this often */
    TIMEOUT_MS = 3000,         /* no request waits for it */
    SET_BYTES_MAX = 16 * 1024, /* fits an issuer with many keys */
};

/* A file being read. */
struct reading {
    uv_work_t work;
    int rc;
    struct err_slot err;
    char bytes[SET_BYTES_MAX];
    size_t len;
};

struct jwks_feed {
    uint32_t magic;
    struct jwks_feed_conf conf;
    struct outcalls *outcalls; /* NULL: it is a file */
    uv_timer_t timer;
    struct reading reading;
    struct jwks *set;
    char text[SET_BYTES_MAX]; /* what the set was made of */
    size_t text_len;
    uint64_t generation;
    uint64_t asked_us;
    uint64_t retry_ms;
    bool asking, closing, failing;
    bool closed; /* the timer is closed on the loop */
    struct jwks_feed_stats stats;
};

MAGIC(jwks_feed, 0x0c7c0004);

static void free_if_over(struct jwks_feed *feed)
{
    if (feed->asking || !feed->closed)
        return;
    MAGIC_END(jwks_feed, feed);
    jwks_destroy(feed->set);
    free(feed);
}

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed); /* relaxed: a statistic */
}

static bool is_file(const struct jwks_feed *feed)
{
    return feed->conf.file != NULL && feed->conf.file[0] != '\0';
}

static void on_timer(uv_timer_t *timer);

static void arm(struct jwks_feed *feed, uint64_t wait_ms)
{
    assert(!feed->asking && !feed->closing);
    uint64_t jittered_ms = wait_ms / 2 + rng_below(feed->conf.rng, wait_ms + 1) / 2;
    uv_timer_start(&feed->timer, on_timer, jittered_ms, 0);
}

static int use_set(struct jwks_feed *feed, struct span text, struct err_slot *err)
{
    struct jwks *set = NULL;
    if (feed->set != NULL && span_eq(text, (struct span){feed->text, feed->text_len}))
        return 0;
    assert(text.len <= sizeof(feed->text));
    unsigned algs = feed->conf.algs != 0 ? feed->conf.algs : JWKS_ES256;
    int rc = jwks_parse(text, algs, err, &set);
    if (rc < 0)
        return rc;
    jwks_destroy(feed->set);
    feed->set = set;
    memcpy(feed->text, text.ptr, text.len);
    feed->text_len = text.len;
    feed->generation++;
    return 0;
}

/* Takes the fetched text, or the error `rc`. */
static void take(struct jwks_feed *feed, int rc, struct err_slot *err, struct span text)
{
    uint64_t max_ms = feed->conf.retry_max_ms > 0 ? feed->conf.retry_max_ms : RETRY_MAX_MS;
    uint64_t retry_max_ms = max_ms < feed->conf.refresh_ms ? max_ms : feed->conf.refresh_ms;
    uint64_t generation = feed->generation;
    if (rc == 0)
        rc = use_set(feed, text, err);
    if (rc == 0) {
        feed->retry_ms = RETRY_MIN_MS;
        feed->failing = false;
        count(&feed->stats.fetched);
        arm(feed, feed->conf.refresh_ms);
        if (generation == 0 && feed->conf.on_first != NULL)
            feed->conf.on_first(feed->conf.ctx); /* last: the callback may close the feed */
        return;
    }
    count(&feed->stats.failed);
    if (!feed->failing) { /* log only the first failure */
        struct log_line line;
        log_begin(&line, feed->conf.log, LOG_LEVEL_WARN, "a key set did not come");
        log_cstr(&line, "whose", feed->conf.whose);
        log_cstr(&line, "from", is_file(feed) ? feed->conf.file : feed->conf.url);
        log_cstr(&line, "why", err->text);
        log_bool(&line, "have_older", feed->set != NULL);
        log_end(&line);
    }
    feed->failing = true;
    arm(feed, feed->retry_ms < retry_max_ms ? feed->retry_ms : retry_max_ms);
    feed->retry_ms = feed->retry_ms * 2 < retry_max_ms ? feed->retry_ms * 2 : retry_max_ms;
}

static void on_answer(void *ctx, const struct outcall_answer *answer)
{
    struct jwks_feed *feed = MAGIC_OF(jwks_feed, ctx);
    assert(feed->asking);
    feed->asking = false;
    if (feed->closing) {
        free_if_over(feed);
        return;
    }
    struct err_slot err;
    int rc = 0;
    if (answer->rc < 0)
        rc = err_set(&err, (enum err_code)answer->rc, "%s", answer->why);
    else if (answer->status != 200)
        rc = err_set(&err, ERR_PEER, "status %u", answer->status);
    take(feed, rc, &err, answer->body);
}

/* Runs on the thread pool; nothing else touches the reading meanwhile. */
static void read_file(uv_work_t *work)
{
    struct jwks_feed *feed = MAGIC_OF(jwks_feed, work->data);
    struct reading *reading = &feed->reading;
    const char *why =
        plain_file_read(feed->conf.file, reading->bytes, sizeof(reading->bytes), &reading->len);
    reading->rc = why == NULL ? 0 : err_set(&reading->err, ERR_IO, "%s", why);
}

static void on_read(uv_work_t *work, int status)
{
    struct jwks_feed *feed = MAGIC_OF(jwks_feed, work->data);
    assert(feed->asking && status == 0); /* it is never canceled */
    feed->asking = false;
    if (feed->closing)
        free_if_over(feed);
    else
        take(feed, feed->reading.rc, &feed->reading.err,
             (struct span){feed->reading.bytes, feed->reading.len});
}

static void ask(struct jwks_feed *feed)
{
    assert(!feed->asking && !feed->closing);
    uv_timer_stop(&feed->timer);
    feed->asking = true;
    feed->asked_us = clock_mono_us(feed->conf.clock);
    if (!is_file(feed)) {
        const struct outcall call = {
            .url = feed->conf.url,
            .headers = {"Accept: application/jwk-set+json, application/json"},
            .timeout_ms = TIMEOUT_MS,
            .reply_max = SET_BYTES_MAX,
            .on_done = on_answer,
            .ctx = feed,
        };
        outcall_send(feed->outcalls, &call);
        return;
    }
    feed->reading.work.data = feed;
    int rc = uv_queue_work(feed->conf.loop, &feed->reading.work, read_file, on_read);
    assert(rc == 0); /* fails only without a callback */
}

static void on_timer(uv_timer_t *timer)
{
    ask(MAGIC_OF(jwks_feed, timer->data));
}

int jwks_feed_create(const struct jwks_feed_conf *conf, struct err_slot *err,
                     struct jwks_feed **out)
{
    struct jwks_feed *feed = calloc(1, sizeof(*feed));
    if (feed == NULL)
        return err_set(err, ERR_NOMEM, "%s keys", conf->whose);
    MAGIC_BEGIN(jwks_feed, feed);
    feed->conf = *conf;
    assert(is_file(feed) != (conf->url != NULL && conf->url[0] != '\0'));
    int rc = is_file(feed) ? 0 : outcalls_create(conf->loop, conf->ca_file, err, &feed->outcalls);
    if (rc < 0) {
        free(feed);
        return rc;
    }
    feed->retry_ms = RETRY_MIN_MS;
    uv_timer_init(conf->loop, &feed->timer);
    feed->timer.data = feed;
    ask(feed);
    *out = feed;
    return 0;
}

const struct jwks *jwks_feed_keys(const struct jwks_feed *feed)
{
    return feed->set;
}

uint64_t jwks_feed_generation(const struct jwks_feed *feed)
{
    return feed->generation;
}

bool jwks_feed_doubt(struct jwks_feed *feed)
{
    uint64_t now_us = clock_mono_us(feed->conf.clock);
    if (!feed->asking && !feed->closing &&
        now_us - feed->asked_us >= feed->conf.doubt_ms * UINT64_C(1000))
        ask(feed);
    return feed->asking;
}

const struct jwks_feed_stats *jwks_feed_stats(const struct jwks_feed *feed)
{
    return &feed->stats;
}

static void on_closed(uv_handle_t *handle)
{
    struct jwks_feed *feed = MAGIC_OF(jwks_feed, handle->data);
    feed->closed = true;
    free_if_over(feed);
}

void jwks_feed_close(struct jwks_feed *feed)
{
    if (feed == NULL)
        return;
    assert(!feed->closing);
    feed->closing = true;
    outcalls_close(feed->outcalls); /* ends a running fetch at once */
    uv_close((uv_handle_t *)&feed->timer, on_closed);
}
