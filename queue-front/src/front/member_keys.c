/* member_keys.c: a timer, a call, and the last good set.
 *
 * The set is asked for at start, then at each interval with some chance in it, so that fronts do
 * not ask in step; after a failure sooner, the pause doubling up to the interval. What is no key
 * set (an error page, an empty list, a book) changes nothing: the last good set goes on being
 * believed, for a shop that is down must not close the line. A token by an unknown key makes us ask
 * at once, though not more often than each DOUBT_MS, whoever makes up names.
 *
 * Invariant: the timer is armed or a call is under way, never both, until closed. Threading: none,
 * one loop owns it; the scrape reads atomics. */
#include "front/member_keys.h"

#include "front/front.h"

#include "outcall/outcall.h"

#include <assert.h>
#include <stdlib.h>

enum {
    RETRY_MIN_MS = 500, /* a front that starts with its shop need not wait long for it */
    DOUBT_MS = 5000,
    TIMEOUT_MS = 3000, /* nobody waits for it */
};

struct member_keys {
    uv_timer_t timer;
    struct front *front;
    struct outcalls *outcalls;
    struct jwks *set; /* the last good one; NULL: none yet */
    uint64_t asked_us;
    uint64_t retry_ms;
    bool asking;
    bool closed;
    struct member_keys_stats stats;
};

bool member_keys_check(const char *url, struct err_slot *err)
{
    struct span text = span_of(url);
    if (text.len == 0 || span_starts(text, SPAN("http://")) || span_starts(text, SPAN("https://")))
        return true;
    err_set(err, ERR_RANGE, "members.keys_url: must begin with http:// or https://");
    return false;
}

static void on_timer(uv_timer_t *timer);

static void arm(struct member_keys *keys, uint64_t wait_ms)
{
    uint64_t jittered_ms = wait_ms / 2 + rng_below(keys->front->loop->rng, wait_ms + 1) / 2;
    uv_timer_start(&keys->timer, on_timer, jittered_ms, 0);
}

static void log_failed(struct member_keys *keys, const char *why)
{
    struct log_line line;
    log_begin(&line, keys->front->loop->log, LOG_LEVEL_WARN, "the shop's member keys did not come");
    log_cstr(&line, "why", why);
    log_bool(&line, "have_older", member_keys_now(keys->front) != NULL);
    log_end(&line);
}

static void take_set(struct member_keys *keys, struct jwks *set)
{
    jwks_destroy(keys->set);
    keys->set = set;
    front_count(&keys->stats.fetched);
    atomic_store_explicit(&keys->stats.usable, jwks_len(set), memory_order_relaxed);
}

static void on_answer(void *ctx, const struct outcall_answer *answer)
{
    struct member_keys *keys = ctx;
    keys->asking = false;
    if (keys->closed)
        return;
    struct err_slot err;
    struct jwks *set;
    int rc = answer->rc;
    if (rc < 0)
        err_set(&err, (enum err_code)rc, "%s", answer->why);
    else if (answer->status != 200)
        rc = err_set(&err, ERR_PEER, "status %u", answer->status);
    else
        rc = jwks_parse(answer->body, &err, &set);
    uint64_t refresh_ms = keys->front->config->members_refresh_ms;
    if (rc == 0) {
        take_set(keys, set);
        keys->retry_ms = RETRY_MIN_MS;
        arm(keys, refresh_ms);
        return;
    }
    front_count(&keys->stats.failed);
    log_failed(keys, err.text);
    arm(keys, keys->retry_ms < refresh_ms ? keys->retry_ms : refresh_ms);
    keys->retry_ms = keys->retry_ms * 2 < refresh_ms ? keys->retry_ms * 2 : refresh_ms;
}

static void ask(struct member_keys *keys)
{
    assert(!keys->asking);
    uv_timer_stop(&keys->timer);
    keys->asking = true;
    keys->asked_us = clock_mono_us(keys->front->loop->clock);
    const struct outcall call = {
        .url = keys->front->config->members_keys_url,
        .headers = {"Accept: application/jwk-set+json, application/json"},
        .timeout_ms = TIMEOUT_MS,
        .reply_max = MEMBER_KEYS_BYTES_MAX,
        .on_done = on_answer,
        .ctx = keys,
    };
    outcall_send(keys->outcalls, &call);
}

static void on_timer(uv_timer_t *timer)
{
    ask(timer->data);
}

const struct jwks *member_keys_now(const struct front *front)
{
    if (front->member_keys != NULL && front->member_keys->set != NULL)
        return front->member_keys->set;
    return front->keys->members;
}

bool member_keys_doubt(const struct front *front)
{
    struct member_keys *keys = front->member_keys;
    if (keys == NULL)
        return false;
    uint64_t now_us = clock_mono_us(front->loop->clock);
    if (!keys->asking && now_us - keys->asked_us >= DOUBT_MS * UINT64_C(1000))
        ask(keys);
    return keys->asking;
}

bool member_keys_awaited(const struct front *front)
{
    return front->member_keys != NULL && member_keys_now(front) == NULL;
}

const struct member_keys_stats *member_keys_stats(const struct member_keys *keys)
{
    return &keys->stats;
}

/* ---- a life ---- */

int member_keys_create(struct front *front, struct err_slot *err)
{
    if (front->config->members_keys_url[0] == '\0')
        return 0;
    struct member_keys *keys = calloc(1, sizeof(*keys));
    if (keys == NULL)
        return err_set(err, ERR_NOMEM, "member keys");
    keys->front = front;
    keys->retry_ms = RETRY_MIN_MS;
    int rc = outcalls_create(front->loop->uv, front->config->members_tls_ca, err, &keys->outcalls);
    if (rc < 0) {
        free(keys);
        return err_wrap(err, "member keys");
    }
    uv_timer_init(front->loop->uv, &keys->timer);
    keys->timer.data = keys;
    front->member_keys = keys;
    ask(keys);
    return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct member_keys *keys = handle->data;
    jwks_destroy(keys->set);
    free(keys);
}

void member_keys_close(struct member_keys *keys)
{
    if (keys == NULL)
        return;
    keys->closed = true;
    outcalls_close(keys->outcalls);
    uv_close((uv_handle_t *)&keys->timer, on_timer_closed);
}
