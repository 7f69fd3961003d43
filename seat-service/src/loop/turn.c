/* turn.c: creates a loop's parts, drives them, and takes them down.
 *
 * Each loop ticks every PUBLISH_MS. It settles everything committed so far, so that a picture has
 * an exact version. Loop 0 expires holds and publishes the availability of each event. Each loop
 * sends its streams the changes since the last tick, and ends streams of events that are neither
 * open nor shown any longer. Between ticks the committer wakes a loop once per batch, from its own
 * thread. It may do so while the loop is closing: a lock keeps it from using a closed handle. */
#include "loop/turn.h"

#include "base/magic.h"
#include "loop/avail_view.h"
#include "loop/expiry.h"
#include "loop/pending.h"
#include "loop/retry.h"
#include "loop/stream.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct turn {
    uint32_t magic;
    struct turn_conf conf;
    struct loop loop;
    struct expiry expiry; /* loop 0's */
    uv_async_t wake;
    uv_timer_t tick;
    pthread_mutex_t wake_lock; /* the committer may wake us during close */
};

MAGIC(turn, 0x5ea70001);

struct loop *turn_loop(struct turn *turn)
{
    return &turn->loop;
}

static void on_wake_thread(void *ctx)
{
    struct turn *turn = MAGIC_OF(turn, ctx);
    pthread_mutex_lock(&turn->wake_lock);
    if (!turn->loop.closed)
        uv_async_send(&turn->wake);
    pthread_mutex_unlock(&turn->wake_lock);
}

enum { COLLECT_MAX = 1024 };

static void on_wake(uv_async_t *async)
{
    struct turn *turn = MAGIC_OF(turn, async->data);
    if (pending_collect(turn->loop.pending, COLLECT_MAX) == COLLECT_MAX)
        uv_async_send(&turn->wake);
    if (turn->loop.conf.nth == 0)
        expiry_go_on(&turn->expiry);
    retry_look(turn->loop.retry);
}

static void show_events(struct loop *loop)
{
    struct events *events = loop->conf.events;
    uint64_t look = events_look(events);
    for (uint32_t nth = 0; nth < EVENTS_MAX; nth++) {
        struct event *event = events_nth(events, nth);
        if (event == NULL || !events_streams(events, event)) {
            stream_end(loop->streams, nth);
            avail_view_forget(loop->avail, nth);
            continue;
        }
        if (loop->conf.nth == 0 && events_is_open(event))
            events_publish(events, event);
        stream_send(loop->streams, event);
    }
    if (loop->conf.nth == 0)
        events_age(events);
    events_looked(events, loop->conf.nth, look);
}

/* Changes of a stuck event may be open while others are written. */
static bool has_stuck(const struct journal *journal)
{
    return atomic_load_explicit(&journal_stats(journal)->events[JOURNAL_EVENT_OUT],
                                memory_order_relaxed) > 0;
}

static void on_tick(uv_timer_t *timer)
{
    struct turn *turn = MAGIC_OF(turn, timer->data);
    const struct loop_conf *conf = &turn->loop.conf;
    /* Everything the committer has returned so far: at most the port's entries. */
    struct loop *loop = &turn->loop;
    /* 0: an event that opens from here on, perhaps in the place of another, is settled up to its
     * opening. */
    uint64_t answered[EVENTS_MAX] = {0};
    for (uint32_t nth = 0; nth < EVENTS_MAX; nth++) {
        const struct event *event = events_nth(loop->conf.events, nth);
        if (event != NULL && events_is_open(event))
            answered[nth] = journal_answered(loop->conf.journal, nth);
    }
    for (unsigned got = 0; got < COMMIT_ENTRIES_PER_PORT; got += COLLECT_MAX)
        if (pending_collect(loop->pending, COLLECT_MAX) < COLLECT_MAX)
            break;
    for (uint32_t nth = 0; nth < EVENTS_MAX; nth++) {
        struct event *event = events_nth(loop->conf.events, nth);
        if (event != NULL && events_is_open(event))
            events_settled(event, loop->conf.nth, answered[nth]);
    }
    if (conf->nth == 0)
        expiry_tick(&turn->expiry);
    show_events(&turn->loop);
    if (journal_role(conf->journal) != JOURNAL_OWNER || has_stuck(conf->journal))
        pending_answer_patient(turn->loop.pending);
    retry_look(turn->loop.retry);
    if (turn->conf.on_tick != NULL)
        turn->conf.on_tick(turn->conf.ctx, journal_reason_name(journal_reason(conf->journal)));
}

static void free_parts(struct loop *loop)
{
    pending_destroy(loop->pending);
    stream_destroy(loop->streams);
    avail_view_destroy(loop->avail);
    retry_destroy(loop->retry);
    pass_cache_destroy(loop->passes);
    free(loop->text_memory);
}

int turn_create(const struct turn_conf *conf, struct err_slot *err, struct turn **out)
{
    struct turn *turn = calloc(1, sizeof(*turn));
    if (turn == NULL)
        return err_set(err, ERR_NOMEM, "a loop");
    MAGIC_BEGIN(turn, turn);
    turn->conf = *conf;
    turn->loop.conf = conf->loop;
    turn->wake.data = turn;
    turn->tick.data = turn;
    engine_use_thread_slot(1 + conf->loop.nth);
    tally_init(&turn->loop.passes_wrong);
    tally_init(&turn->loop.codes_wrong);
    tally_init(&turn->loop.codes_wrong_of_address);
    pthread_mutex_init(&turn->wake_lock, NULL);
    struct loop *loop = &turn->loop;
    loop->text_memory = malloc(API_ANSWER_MAX);
    int rc = loop->text_memory != NULL ? 0 : err_set(err, ERR_NOMEM, "room for answers");
    if (rc == 0)
        rc = pass_cache_create(&loop->conf.passes, err, &loop->passes);
    if (rc == 0)
        rc = retry_create(loop, err, &loop->retry);
    if (rc == 0)
        rc = avail_view_create(err, &loop->avail);
    if (rc == 0)
        rc = stream_create(loop, err, &loop->streams);
    if (rc == 0)
        rc = pending_create(loop, on_wake_thread, turn, err, &loop->pending);
    if (rc < 0)
        goto free_turn;
    if (conf->loop.nth == 0)
        expiry_init(&turn->expiry, &turn->loop);
    rc = uv_async_init(conf->loop.uv, &turn->wake, on_wake);
    if (rc < 0) {
        rc = err_set(err, ERR_LOOP, "a loop's wake-up: %s", uv_strerror(rc));
        goto free_turn;
    }
    uv_timer_init(conf->loop.uv, &turn->tick);
    uv_timer_start(&turn->tick, on_tick, PUBLISH_MS, PUBLISH_MS);
    *out = turn;
    return 0;

free_turn:
    free_parts(&turn->loop);
    pthread_mutex_destroy(&turn->wake_lock);
    MAGIC_END(turn, turn);
    free(turn);
    return rc;
}

void turn_close(struct turn *turn)
{
    assert(!turn->loop.closed);
    pending_answer_all(turn->loop.pending);
    retry_answer_all(turn->loop.retry);
    pthread_mutex_lock(&turn->wake_lock);
    turn->loop.closed = true;
    pthread_mutex_unlock(&turn->wake_lock);
    stream_close(turn->loop.streams);
    uv_timer_stop(&turn->tick);
    uv_close((uv_handle_t *)&turn->tick, NULL);
    uv_close((uv_handle_t *)&turn->wake, NULL);
}

void turn_destroy(struct turn *turn)
{
    if (turn == NULL)
        return;
    free_parts(&turn->loop);
    pthread_mutex_destroy(&turn->wake_lock);
    MAGIC_END(turn, turn);
    free(turn);
}
