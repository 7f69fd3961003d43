/* auditor.c: a round every SNAPSHOT_LOOK_MS. Only events that this process owns are audited: a
 * standby's own replay already checks the same rows, and two writers of one table would conflict
 * (which projection_write() would notice). The auditor's engine uses the event's plan, so it keeps
 * a reference to the event, and releases it as soon as the event is no longer owned, even in a
 * rush. An event that fails starts over in the next round; the others go on. */
#include "loop/auditor.h"

#include "base/magic.h"
#include "journal/follower.h"
#include "tables/migrate.h"
#include "tables/projection.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct audited {
    uint32_t magic;        /* 0: the place is free */
    struct event *event;   /* kept */
    struct engine *engine; /* the auditor's own; its state is that of follower.head */
    struct follower follower;
    struct projection *projection;
    uint64_t projected; /* the change up to which `holds` is written */
    uint64_t snapshot;  /* seq of the newest */
    struct auditor *auditor;
};

struct auditor {
    uint32_t magic;
    struct auditor_conf conf;
    struct pg *pg;
    struct audited events[EVENTS_MAX];
    struct auditor_stats stats;
    uint64_t seen, audited; /* conf.changes at the last poll, and at the last round */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping, nudged;
};

MAGIC(audited, 0x5ea70005);
MAGIC(auditor, 0x5ea70006);

static bool is_stopping(struct auditor *auditor)
{
    pthread_mutex_lock(&auditor->lock);
    bool stopping = auditor->stopping;
    pthread_mutex_unlock(&auditor->lock);
    return stopping;
}

static int write_projection(struct audited *audited, struct err_slot *err)
{
    uint64_t seq = follower_seq(&audited->follower);
    if (seq <= audited->projected)
        return 0;
    int rc = projection_write(audited->projection, audited->auditor->pg, audited->event->no,
                              audited->engine, audited->projected, seq, err);
    if (rc == 0)
        audited->projected = seq;
    return rc;
}

/* The connection is busy while rows are read, so a full projection stops the reading; it resumes
 * after the last applied change, even in the middle of a row. */
static int apply(void *ctx, const struct change *change, const struct store_row *row,
                 struct err_slot *err)
{
    struct audited *audited = MAGIC_OF(audited, ctx);
    (void)row;
    if (change->seq > audited->projected &&
        !projection_add(audited->projection, audited->engine, change))
        return err_set(err, ERR_FULL, "the projection is full");
    int rc = engine_apply(audited->engine, change, err);
    if (rc == 0)
        atomic_fetch_add_explicit(&audited->auditor->stats.changes, 1, memory_order_relaxed);
    return rc;
}

static int new_engine(struct audited *audited, struct err_slot *err)
{
    struct engine_conf conf = {
        .plan = audited->event->plan->plan,
        .seed = 1,
        .now_ms = events_now_ms(audited->auditor->conf.events),
        .since = audited->event->since,
        .base = audited->event->base,
        .places = audited->event->places,
    };
    engine_destroy(audited->engine);
    audited->engine = NULL;
    int rc = engine_create(&conf, err, &audited->engine);
    if (rc == 0)
        engine_replay_begin(audited->engine);
    return rc;
}

/* Starts from the newest snapshot not ahead of the projection, or from the first row. */
static int begin(struct audited *audited, struct err_slot *err)
{
    struct pg *pg = audited->auditor->pg;
    uint8_t *body = NULL;
    size_t len = 0;
    follower_init(&audited->follower, audited->event->no, audited->event->id);
    audited->follower.apply = apply;
    audited->follower.ctx = audited;
    projection_clear(audited->projection);
    int rc = projection_read(pg, audited->event->no, err, &audited->projected);
    if (rc == 0)
        rc = new_engine(audited, err);
    if (rc < 0)
        return rc;
    struct store_head head;
    rc = store_snapshot(pg, audited->event->no, audited->projected, audited->event->since, err,
                        &head, &body, &len);
    if (rc == ERR_NOT_FOUND)
        return 0;
    if (rc == 0)
        rc = engine_snapshot_read(audited->engine, body, len, err);
    if (rc == 0) {
        audited->follower.head = head;
        audited->snapshot = head.seq;
    } else if (rc == ERR_SYNTAX) { /* another format: start from the first row */
        rc = new_engine(audited, err);
    }
    free(body);
    return rc;
}

static int write_snapshot(struct audited *audited, struct err_slot *err)
{
    size_t room = engine_snapshot_size(audited->engine);
    uint8_t *body = malloc(room);
    if (body == NULL)
        return err_set(err, ERR_NOMEM, "a snapshot of %zu bytes", room);
    size_t len = engine_snapshot_write(audited->engine, body, room);
    int rc = store_snapshot_write(audited->auditor->pg, audited->event->no, &audited->follower.head,
                                  (struct span){(const char *)body, len}, err);
    free(body);
    if (rc < 0)
        return rc;
    audited->snapshot = audited->follower.head.seq;
    atomic_fetch_add_explicit(&audited->auditor->stats.snapshots, 1, memory_order_relaxed);
    return 0;
}

static int audit(struct audited *audited, struct err_slot *err)
{
    if (audited->engine != NULL &&
        follower_seq(&audited->follower) >= events_settling(audited->event))
        return 0; /* each leaving event triggers a round, so a quiet one costs no statement */
    int rc = audited->engine == NULL ? begin(audited, err) : 0;
    if (rc < 0)
        return rc;
    do {
        rc = follower_read(&audited->follower, audited->auditor->pg, err);
        int written = rc == 0 || rc == ERR_FULL ? write_projection(audited, err) : 0;
        rc = written < 0 ? written : rc;
    } while (rc == ERR_FULL && !is_stopping(audited->auditor));
    if (rc < 0)
        return rc;
    bool corrected = audited->event->since > 1 && audited->snapshot < audited->event->since;
    if (corrected ||
        audited->follower.head.seq - audited->snapshot >= audited->auditor->conf.snapshot_every)
        return write_snapshot(audited, err);
    return 0;
}

static struct audited *find(struct auditor *auditor, const struct event *event)
{
    for (uint32_t i = 0; i < EVENTS_MAX; i++)
        if (auditor->events[i].event == event)
            return &auditor->events[i];
    return NULL;
}

static void drop_event(struct audited *audited)
{
    engine_destroy(audited->engine);
    audited->engine = NULL;
}

/* The event is no longer ours, or the auditor ends. */
static void let_go(struct audited *audited)
{
    struct event *event = audited->event;
    drop_event(audited);
    projection_destroy(audited->projection);
    MAGIC_END(audited, audited);
    *audited = (struct audited){0};
    events_let_go(event);
}

/* Adds an event that has become ours, and keeps it. */
static int take(struct auditor *auditor, struct event *event, struct err_slot *err)
{
    if (find(auditor, event) != NULL || !events_try_keep(event))
        return 0;
    int rc = 0;
    if (!events_is_open(event))
        goto fail;
    struct audited *audited = find(auditor, NULL);
    assert(audited != NULL); /* there is a place for each event */
    *audited = (struct audited){.auditor = auditor};
    rc = projection_create(err, &audited->projection);
    if (rc < 0)
        goto fail;
    MAGIC_BEGIN(audited, audited);
    audited->event = event;
    return 0;
fail:
    events_let_go(event);
    return rc;
}

/* Closes the connection and drops everything built on it. */
static void drop(struct auditor *auditor)
{
    pg_close(auditor->pg);
    auditor->pg = NULL;
    for (uint32_t i = 0; i < EVENTS_MAX; i++)
        drop_event(&auditor->events[i]);
}

/* The auditor's tables can be rebuilt from the journal, and each transaction records its position.
 * So none waits for the disk, which would delay commits that buyers wait for. A power failure loses
 * the last of them, and they are redone. */
static int open_connection(struct auditor *auditor, struct err_slot *err)
{
    struct pg_conf conf = {auditor->conf.dsn, "fairgate seat-service auditor", MIGRATE_SCHEMA,
                           JOURNAL_CONNECT_MS, AUDITOR_ANSWER_MS};
    int rc = pg_open(&conf, err, &auditor->pg);
    return rc == 0 ? pg_run(auditor->pg, "SET synchronous_commit = off", err) : rc;
}

static void failed(struct auditor *auditor, struct err_slot *err)
{
    log_failure(auditor->conf.log, "the auditor starts over", err);
    atomic_fetch_add_explicit(&auditor->stats.failures, 1, memory_order_relaxed);
}

/* Whether an open event is not audited yet. */
static bool has_new(struct auditor *auditor)
{
    struct event *event = NULL;
    while ((event = events_next(auditor->conf.events, event)) != NULL)
        if (events_is_open(event) && find(auditor, event) == NULL)
            return true;
    return false;
}

/* Releases events that are not open; returns how many are left. */
static uint32_t let_go_of_others(struct auditor *auditor)
{
    uint32_t ours = 0;
    for (uint32_t i = 0; i < EVENTS_MAX; i++) {
        struct audited *audited = &auditor->events[i];
        bool open = audited->event != NULL && events_is_open(audited->event);
        if (audited->event != NULL && !open)
            let_go(audited);
        ours += open;
    }
    return ours;
}

/* Runs a round. A negative result concerns the connection. */
static int round_of(struct auditor *auditor, uint32_t ours, struct err_slot *err)
{
    bool new = has_new(auditor);
    if (!new &&ours == 0)
        return 0;
    int rc = auditor->pg == NULL ? open_connection(auditor, err) : 0;
    if (rc == 0 && new) {
        struct event *event = NULL;
        while (rc == 0 && (event = events_next(auditor->conf.events, event)) != NULL)
            rc = take(auditor, event, err);
    }
    for (uint32_t i = 0; rc == 0 && i < EVENTS_MAX && !is_stopping(auditor); i++) {
        struct audited *audited = &auditor->events[i];
        bool open = audited->event != NULL && events_is_open(audited->event);
        rc = open ? audit(audited, err) : 0;
        if (rc < 0 && !journal_is_broken(rc)) { /* an error of this event only */
            failed(auditor, err);
            drop_event(audited);
            rc = 0;
        }
    }
    return rc;
}

/* During a rush the CPU is needed elsewhere. The delay is bounded by how long a recovery from
 * AUDITOR_BEHIND_MAX snapshots' worth of rows may take. */
static bool is_time(struct auditor *auditor)
{
    uint64_t now = atomic_load_explicit(auditor->conf.changes, memory_order_relaxed);
    uint64_t fresh = now - auditor->seen;
    auditor->seen = now;
    bool rush = fresh > (uint64_t)AUDITOR_BUSY_PER_S * SNAPSHOT_LOOK_MS / 1000;
    if (rush && now - auditor->audited < AUDITOR_BEHIND_MAX * auditor->conf.snapshot_every)
        return false;
    auditor->audited = now;
    return true;
}

static void *run(void *arg)
{
    struct auditor *auditor = MAGIC_OF(auditor, arg);
    pthread_mutex_lock(&auditor->lock);
    while (!auditor->stopping) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += SNAPSHOT_LOOK_MS / 1000;
        int timed = 0;
        while (timed == 0 && !auditor->stopping && !auditor->nudged)
            timed = pthread_cond_timedwait(&auditor->wake, &auditor->lock, &until);
        if (auditor->stopping)
            break;
        auditor->nudged = false;
        pthread_mutex_unlock(&auditor->lock);
        struct err_slot err = {0};
        events_pack(auditor->conf.events);
        uint32_t ours = let_go_of_others(auditor); /* in a rush, too: closed events wait for this */
        if (is_time(auditor) && round_of(auditor, ours, &err) < 0) {
            failed(auditor, &err);
            drop(auditor);
        }
        pthread_mutex_lock(&auditor->lock);
    }
    pthread_mutex_unlock(&auditor->lock);
    return NULL;
}

int auditor_start(const struct auditor_conf *conf, struct err_slot *err, struct auditor **out)
{
    struct auditor *auditor = calloc(1, sizeof(*auditor));
    if (auditor == NULL)
        return err_set(err, ERR_NOMEM, "the auditor");
    MAGIC_BEGIN(auditor, auditor);
    auditor->conf = *conf;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&auditor->wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&auditor->lock, NULL);
    int rc = pthread_create(&auditor->thread, NULL, run, auditor);
    if (rc != 0) {
        rc = err_set(err, ERR_IO, "the auditor's thread: %s", strerror(rc));
        pthread_cond_destroy(&auditor->wake);
        pthread_mutex_destroy(&auditor->lock);
        free(auditor);
        return rc;
    }
    pthread_setname_np(auditor->thread, "auditor");
    *out = auditor;
    return 0;
}

void auditor_nudge(struct auditor *auditor)
{
    pthread_mutex_lock(&auditor->lock);
    auditor->nudged = true;
    pthread_cond_signal(&auditor->wake);
    pthread_mutex_unlock(&auditor->lock);
}

const struct auditor_stats *auditor_stats(const struct auditor *auditor)
{
    return &auditor->stats;
}

void auditor_stop(struct auditor *auditor)
{
    pthread_mutex_lock(&auditor->lock);
    auditor->stopping = true;
    pthread_cond_signal(&auditor->wake);
    pthread_mutex_unlock(&auditor->lock);
    pthread_join(auditor->thread, NULL);
}

void auditor_destroy(struct auditor *auditor)
{
    if (auditor == NULL)
        return;
    drop(auditor);
    for (uint32_t i = 0; i < EVENTS_MAX; i++)
        if (auditor->events[i].event != NULL)
            let_go(&auditor->events[i]);
    pthread_cond_destroy(&auditor->wake);
    pthread_mutex_destroy(&auditor->lock);
    MAGIC_END(auditor, auditor);
    free(auditor);
}
