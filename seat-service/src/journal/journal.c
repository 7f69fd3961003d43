/* journal.c: group commit, ownership, and open outcomes.
 *
 * Group commit: while one transaction runs, changes gather in the ring; its end starts the next. A
 * lone change finds the committer asleep and is written at once; under load a batch is whatever
 * came during the last flush, so a slower database means larger batches and not a longer queue of
 * small ones. Where the disk is so fast that batches would stay small in a rush, commits keep a
 * distance of JOURNAL_PACE_US from beginning to beginning.
 *
 * Ownership: the lock of an event (a session's advisory lock) says who may try, the epoch in its
 * owner row says who may write. The lock alone would not do: it dies with the session, and a
 * process that was stopped for a minute believes that it still has it. So each commit moves the
 * owner row under the condition that epoch and seq are what the committer believes. An owner that
 * has been replaced changes no row, and learns it from that.
 *
 * Each event is taken for itself, so one that cannot be read, or is owned elsewhere, is no reason
 * to leave the others. That two processes which start together do not end up with half of the
 * events each is what the lock of the house is for: of those that serve the same list, the one that
 * has it takes events, the others follow.
 *
 * All that takes long, reading plans and journals, the reader does (reader.c), with a connection of
 * its own. Nothing here waits for anything but the rows of events that are ours.
 *
 * Open outcomes: a connection that breaks after a batch was sent leaves it open whether the batch
 * was written. The committer keeps the batch, connects again, takes the lock again (old backends of
 * ours that still have it are ended), raises the epoch, which waits for whatever they are still
 * doing and shuts them out, and then reads the row with the batch's last seq. Is it there
 * with our link of the chain, the batch was written and its callers are told so. Is it not, the
 * batch is written again under the same numbers. Only a journal that went on without us, or lost
 * its end, makes us give up: then nothing in memory counts any more, and the process ends.
 *
 * Threading: all of this is one thread, but for what journal_internal.h shares with the reader.
 * Other threads read atomics. */
#include "journal/journal_internal.h"

#include "tables/migrate.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const role_names[] = {
    [JOURNAL_CONNECTING] = "connecting",
    [JOURNAL_LOADING] = "loading",
    [JOURNAL_STANDBY] = "standby",
    [JOURNAL_OWNER] = "owner",
    [JOURNAL_CUT] = "cut",
    [JOURNAL_FENCED] = "fenced",
};

static const char *const state_names[] = {
    [JOURNAL_EVENT_LOADING] = "loading",
    [JOURNAL_EVENT_FOLLOWING] = "following",
    [JOURNAL_EVENT_OWNED] = "owned",
    [JOURNAL_EVENT_OUT] = "out",
};
static_assert(sizeof(state_names) / sizeof(state_names[0]) == JOURNAL_STATES, "a name for each");

const char *journal_role_name(enum journal_role role)
{
    return role_names[role];
}

const char *journal_state_name(enum journal_state state)
{
    return state_names[state];
}

/* ---- what the process is, and its events ---- */

/* Below the lock. */
static void set_role(struct journal *journal, enum journal_role role, const char *reason)
{
    /* release: whoever reads the role finds what was done before it, such as an opened event */
    atomic_store_explicit(&journal->reason, reason, memory_order_relaxed);
    enum journal_role was = atomic_exchange_explicit(&journal->role, role, memory_order_release);
    if (was == role)
        return;
    struct log_line line;
    log_begin(&line, journal->conf.log, LOG_LEVEL_INFO, "role");
    log_cstr(&line, "was", role_names[was]);
    log_cstr(&line, "is", role_names[role]);
    if (reason != NULL)
        log_cstr(&line, "reason", reason);
    log_end(&line);
}

/* An owner is who has an event, or has the house and there is none in sight. Who has none and waits
 * for one is loading; who sees that others have them is a standby. */
void journal_judge(struct journal *journal)
{
    uint64_t count[JOURNAL_STATES] = {0}, ours = 0;
    if (journal_role(journal) == JOURNAL_FENCED)
        return;
    for (uint32_t nth = 0; nth < journal_len(journal); nth++) {
        const struct journal_event *event = &journal->events[nth];
        enum journal_state state = journal_state_of(event);
        count[state] += 1;
        ours += state == JOURNAL_EVENT_FOLLOWING && event->locked;
    }
    for (unsigned state = 0; state < JOURNAL_STATES; state++)
        atomic_store_explicit(&journal->stats.events[state], count[state], memory_order_relaxed);
    uint64_t followed = count[JOURNAL_EVENT_FOLLOWING];
    if (!journal->connected)
        set_role(journal, count[JOURNAL_EVENT_OWNED] > 0 ? JOURNAL_CUT : JOURNAL_CONNECTING,
                 journal->unreachable);
    else if (count[JOURNAL_EVENT_OWNED] > 0)
        set_role(journal, JOURNAL_OWNER, NULL);
    else if (!journal->looked || count[JOURNAL_EVENT_LOADING] > 0 || ours > 0)
        set_role(journal, JOURNAL_LOADING, "loading");
    else if (followed == 0 && count[JOURNAL_EVENT_OUT] > 0)
        set_role(journal, JOURNAL_LOADING, "journal-unusable");
    else if (followed == 0 && journal->house)
        set_role(journal, JOURNAL_OWNER, NULL);
    else
        set_role(journal, JOURNAL_STANDBY, "standby");
}

void journal_move(struct journal *journal, struct journal_event *event, enum journal_state state)
{
    /* release: partner of journal_state_of() */
    atomic_store_explicit(&event->state, state, memory_order_release);
    journal_judge(journal);
}

static void set_connected(struct journal *journal, bool connected, const char *unreachable)
{
    pthread_mutex_lock(&journal->lock);
    journal->connected = connected;
    journal->usable = journal->usable || connected;
    journal->unreachable = unreachable;
    if (!connected) { /* with the session go its locks */
        journal->house = false;
        for (uint32_t nth = 0; nth < journal_len(journal); nth++)
            journal->events[nth].locked = false;
    }
    journal_judge(journal);
    pthread_mutex_unlock(&journal->lock);
}

bool journal_is_broken(int rc)
{
    return rc == ERR_CLOSED || rc == ERR_TIMEOUT || rc == ERR_IO;
}

bool journal_same_place(const struct store_head *a, const struct store_head *b)
{
    return a->seq == b->seq &&
           chain_eq(&a->chain, (struct span){(const char *)b->chain.bytes, CHAIN_BYTES});
}

/* "a,b" names it, or nothing is named. */
bool journal_names(const struct journal *journal, const char *id)
{
    struct span rest = span_of(journal->conf.events);
    if (rest.len == 0)
        return true;
    while (rest.ptr != NULL) {
        struct span name;
        rest = span_cut(rest, ',', &name);
        if (span_eq(span_trim(name), span_of(id)))
            return true;
    }
    return false;
}

/* The key of the house: processes that serve the same list are of one. */
static int32_t house_key(const struct journal *journal)
{
    uint32_t hash = UINT32_C(2166136261);
    for (const char *c = journal->conf.events; *c != '\0'; c++)
        hash = (hash ^ (uint8_t)*c) * UINT32_C(16777619);
    return (int32_t)(hash & INT32_MAX);
}

static uint64_t now_us(const struct journal *journal)
{
    return clock_mono_us(journal->conf.clock);
}

static void add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* ---- entries in and out ---- */

static void answer(struct journal *journal, struct commit_entry *entry, int rc)
{
    assert(rc <= 0);
    entry->rc = rc;
    add(rc == 0 ? &journal->stats.changes : &journal->stats.refused, 1);
    commit_queue_give(journal->conf.queue, entry);
}

static void take_from_ring(struct journal *journal)
{
    struct commit_entry *entry;
    while ((entry = commit_queue_take(journal->conf.queue)) != NULL) {
        entry->next = NULL;
        *journal->pending_end = entry;
        journal->pending_end = &entry->next;
    }
}

static struct commit_entry *pop_pending(struct journal *journal)
{
    struct commit_entry *entry = journal->pending;
    journal->pending = entry->next;
    if (journal->pending == NULL)
        journal->pending_end = &journal->pending;
    return entry;
}

/* Refuses what has waited for longer than ms: nothing of it was sent to anybody. */
static void refuse_older(struct journal *journal, uint64_t ms)
{
    uint64_t now = now_us(journal);
    take_from_ring(journal);
    while (journal->pending != NULL && now - journal->pending->submitted_us >= ms * 1000)
        answer(journal, pop_pending(journal), ERR_TIMEOUT);
    commit_queue_wake_ports(journal->conf.queue);
}

static void answer_batch(struct journal *journal, int rc)
{
    for (uint32_t i = 0; i < journal->batch.len; i++)
        answer(journal, journal->batch.entries[i], rc);
    journal->batch.len = 0;
    commit_queue_wake_ports(journal->conf.queue);
}

static bool owned(const struct journal *journal, uint32_t nth)
{
    return nth < journal_len(journal) &&
           journal_state_of(&journal->events[nth]) == JOURNAL_EVENT_OWNED;
}

static bool owns_any(const struct journal *journal)
{
    bool any = false;
    for (uint32_t nth = 0; nth < journal_len(journal); nth++)
        any = any || owned(journal, nth);
    return any;
}

/* Takes from the head of the pending ones what fits one transaction. */
static void gather(struct journal *journal)
{
    struct batch *batch = &journal->batch;
    struct commit_entry *chosen[JOURNAL_BATCH_MAX];
    enum store_wall wall = STORE_WALL_NONE;
    size_t bytes = (size_t)STORE_BATCH_BYTES * EVENTS_MAX;
    uint32_t n = 0;
    assert(batch->len == 0);
    while (journal->pending != NULL && n < journal->conf.batch_max) {
        struct commit_entry *entry = journal->pending;
        if (!owned(journal, entry->event)) {
            answer(journal, pop_pending(journal), ERR_STATE);
            continue;
        }
        enum store_wall its = store_wall_of(&entry->op.change);
        size_t needs = store_change_bytes(&entry->op.change);
        bool mixes = its != STORE_WALL_NONE && wall != STORE_WALL_NONE && its != wall;
        if (mixes || bytes + needs > JOURNAL_BATCH_BYTES)
            break;
        wall = its != STORE_WALL_NONE ? its : wall;
        bytes += needs;
        chosen[n++] = pop_pending(journal);
    }

    batch->parts_len = 0;
    for (uint32_t event = 0; event < journal_len(journal) && batch->len < n; event++) {
        uint32_t from = batch->len;
        for (uint32_t i = 0; i < n; i++)
            if (chosen[i]->event == event)
                batch->entries[batch->len++] = chosen[i];
        if (batch->len == from)
            continue;
        batch->part_event[batch->parts_len] = event;
        batch->parts[batch->parts_len++] = (struct store_batch){
            .event = journal->events[event].id.no,
            .head = journal->events[event].head,
            .entries = &batch->entries[from],
            .len = batch->len - from,
        };
    }
    assert(batch->len == n);
}

/* ---- the connection ---- */

static void disconnect(struct journal *journal, const struct err_slot *err)
{
    log_failure(journal->conf.log, "PostgreSQL connection lost", err);
    pg_close(journal->pg);
    journal->pg = NULL;
    set_connected(journal, false, "postgres-unreachable");
}

static void fence(struct journal *journal, const char *reason)
{
    if (journal_role(journal) == JOURNAL_FENCED)
        return;
    pthread_mutex_lock(&journal->lock);
    set_role(journal, JOURNAL_FENCED, reason);
    pthread_mutex_unlock(&journal->lock);
    journal->conf.host.fenced(journal->conf.host.ctx, reason);
}

static int connect_once(struct journal *journal, struct err_slot *err)
{
    struct pg_conf conf = {
        .dsn = journal->conf.dsn,
        .app = "fairgate seat-service journal",
        .schema = MIGRATE_SCHEMA,
        .connect_ms = JOURNAL_CONNECT_MS,
        .query_ms = JOURNAL_ANSWER_MS,
    };
    int rc = pg_open(&conf, err, &journal->pg);
    if (rc < 0)
        return rc;
    rc = migrate_run(journal->pg, err);
    if (rc == 0)
        rc = store_prepare(journal->pg, err);
    if (rc < 0) {
        pg_close(journal->pg);
        journal->pg = NULL;
    }
    return rc;
}

/* Sleeps between two attempts, with jitter, and refuses meanwhile what gets too old. */
static void back_off(struct journal *journal)
{
    uint64_t ms = journal->retry_ms / 2 + rng_below(journal->conf.rng, journal->retry_ms / 2 + 1);
    uint64_t until_us = now_us(journal) + ms * 1000;
    journal->retry_ms =
        journal->retry_ms * 2 > JOURNAL_RETRY_MAX_MS ? JOURNAL_RETRY_MAX_MS : journal->retry_ms * 2;
    while (!atomic_load_explicit(&journal->stopping, memory_order_acquire)) {
        refuse_older(journal, journal_writes(journal) ? JOURNAL_WAIT_MS : 0);
        uint64_t now = now_us(journal);
        if (now >= until_us)
            break;
        commit_queue_wait(journal->conf.queue, (uint32_t)((until_us - now) / 1000 + 1));
    }
}

/* ---- open outcomes and regained ownership ---- */

static struct store_batch *part_of(struct journal *journal, uint32_t event)
{
    struct batch *batch = &journal->batch;
    for (uint32_t i = 0; journal->open && i < batch->parts_len; i++)
        if (batch->part_event[i] == event)
            return &batch->parts[i];
    return NULL;
}

/* Whether the epoch that is in the owner row is one that we raised, be it by a connection that
 * broke before it could say so. ERR_STATE: another process has taken the event. */
static int look_at_epoch(struct journal *journal, const struct journal_event *event,
                         struct err_slot *err, uint64_t *epoch)
{
    struct store_head head;
    bool ours = false;
    int rc =
        store_head_read(journal->pg, event->id.no, span_of(journal->instance), err, &head, &ours);
    if (rc < 0)
        return rc;
    *epoch = head.epoch;
    return ours ? 0
                : err_set(err, ERR_STATE, "%s: epoch %" PRIu64 " has begun", event->id.id,
                          head.epoch);
}

static int end_own(struct journal *journal, enum store_lock lock, int32_t key, struct err_slot *err)
{
    return store_end_backends(journal->pg, lock, key, journal->backends, journal->backends_len,
                              err);
}

/* Gets the lock back, or finds that another epoch has begun: ERR_STATE. */
static int lock_again(struct journal *journal, struct journal_event *event, struct err_slot *err,
                      uint64_t *epoch)
{
    while (!atomic_load_explicit(&journal->stopping, memory_order_acquire)) {
        bool got = false;
        int rc = store_lock(journal->pg, STORE_LOCK_EVENT, &event->id.no, 1, err, &got);
        if (rc == 0)
            rc = look_at_epoch(journal, event, err, epoch);
        if (rc < 0 || got)
            return rc;
        /* Our epoch: the lock is with an old backend of ours, or with a standby that is about to
         * raise the epoch. */
        rc = end_own(journal, STORE_LOCK_EVENT, event->id.no, err);
        if (rc < 0)
            return rc;
        refuse_older(journal, JOURNAL_WAIT_MS);
        commit_queue_wait(journal->conf.queue, JOURNAL_RETRY_MIN_MS);
    }
    return err_set(err, ERR_CLOSED, "stopping");
}

/* The house goes first: who is next in line would take the events one after the other. Should it
 * have it already it has their epochs soon, and regain() finds that. */
static int house_again(struct journal *journal, struct err_slot *err)
{
    int32_t key = house_key(journal);
    uint64_t until_us = now_us(journal) + OWNER_SILENT_MS * UINT64_C(1000);
    while (!atomic_load_explicit(&journal->stopping, memory_order_acquire)) {
        bool got = false, over = now_us(journal) >= until_us;
        int rc = store_lock(journal->pg, STORE_LOCK_HOUSE, &key, 1, err, &got);
        for (uint32_t nth = 0; rc == 0 && nth < journal_len(journal); nth++) {
            uint64_t epoch;
            rc = owned(journal, nth) ? look_at_epoch(journal, &journal->events[nth], err, &epoch)
                                     : 0;
        }
        if (rc < 0 || got || over) {
            pthread_mutex_lock(&journal->lock);
            journal->house = got;
            pthread_mutex_unlock(&journal->lock);
            return rc;
        }
        rc = end_own(journal, STORE_LOCK_HOUSE, key, err);
        if (rc < 0)
            return rc;
        refuse_older(journal, JOURNAL_WAIT_MS);
        commit_queue_wait(journal->conf.queue, JOURNAL_RETRY_MIN_MS);
    }
    return err_set(err, ERR_CLOSED, "stopping");
}

/* Whether the row with the batch's last seq is there and is ours. */
static int part_is_written(struct journal *journal, const struct store_batch *part,
                           struct err_slot *err, bool *written)
{
    struct chain chain = {0};
    int rc = store_link(journal->pg, part->event, part->after.seq, err, &chain);
    *written = rc == 0 && memcmp(chain.bytes, part->after.chain.bytes, CHAIN_BYTES) == 0;
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

/* Owner again of one event, under a new epoch; an open part of the batch is settled into
 * part->written. ERR_STATE: the journal is not where it can be after what we did. */
static int regain(struct journal *journal, uint32_t nth, struct err_slot *err)
{
    struct journal_event *event = &journal->events[nth];
    struct store_batch *part = part_of(journal, nth);
    uint64_t epoch = 0;
    int rc = lock_again(journal, event, err, &epoch);
    struct store_head head;
    if (rc == 0)
        rc = store_raise(journal->pg, event->id.no, epoch, span_of(journal->instance), err, &head);
    if (rc == 0 && part != NULL)
        rc = part_is_written(journal, part, err, &part->written);
    if (rc != 0)
        return rc;
    const struct store_head *expected = part != NULL && part->written ? &part->after : &event->head;
    if (!journal_same_place(&head, expected))
        return err_set(err, ERR_STATE, "the journal of %s ends at %" PRIu64 " instead of %" PRIu64,
                       event->id.id, head.seq, expected->seq);
    event->head = head;
    return 0;
}

/* We are owner no more, or stop. What was written before the other epoch began is true
 * nevertheless. Without a connection to ask by, the outcome stays open, and that is the answer. */
static void settle_fenced(struct journal *journal)
{
    for (uint32_t i = 0; journal->open && i < journal->batch.parts_len; i++) {
        struct store_batch *part = &journal->batch.parts[i];
        bool written = false;
        int asked =
            journal->pg == NULL ? ERR_CLOSED : part_is_written(journal, part, NULL, &written);
        int rc = asked < 0 ? ERR_UNKNOWN : written ? 0 : ERR_STATE;
        for (uint32_t k = 0; k < part->len; k++)
            answer(journal, part->entries[k], rc);
    }
    journal->open = false;
    journal->batch.len = 0;
    commit_queue_wake_ports(journal->conf.queue);
}

static int commit(struct journal *journal, struct err_slot *err);

static int regain_events(struct journal *journal, struct err_slot *err)
{
    int rc = owns_any(journal) ? house_again(journal, err) : 0;
    for (uint32_t nth = 0; rc == 0 && nth < journal_len(journal); nth++)
        if (owned(journal, nth))
            rc = regain(journal, nth, err);
    return rc;
}

/* After a reconnect: every event that was ours, then the batch whose outcome is open. All parts of
 * a batch were one transaction, so they have one outcome. */
static int regain_all(struct journal *journal, struct err_slot *err)
{
    int rc = regain_events(journal, err);
    if (rc == ERR_STATE || rc == ERR_NOT_FOUND) {
        log_failure(journal->conf.log, "ownership is lost", err);
        settle_fenced(journal);
        fence(journal, "another-owner");
    }
    if (rc < 0)
        return rc;
    if (!journal->open)
        return 0;
    bool written = journal->batch.parts[0].written;
    add(written ? &journal->stats.settled_written : &journal->stats.settled_again, 1);
    for (uint32_t i = 0; i < journal->batch.parts_len; i++) {
        assert(journal->batch.parts[i].written == written);
        journal->batch.parts[i].head = journal->events[journal->batch.part_event[i]].head;
    }
    journal->open = false;
    if (!written)
        return commit(journal, err);
    answer_batch(journal, 0);
    return 0;
}

/* ---- committing ---- */

/* Parts that the fence stopped wrote nothing, the others did. */
static void judge_parts(struct journal *journal)
{
    struct batch *batch = &journal->batch;
    bool fenced = false;
    for (uint32_t i = 0; i < batch->parts_len; i++) {
        struct store_batch *part = &batch->parts[i];
        if (part->written)
            journal->events[batch->part_event[i]].head = part->after;
        else
            fenced = true;
        for (uint32_t k = 0; k < part->len; k++)
            answer(journal, part->entries[k], part->written ? 0 : ERR_STATE);
    }
    batch->len = 0;
    commit_queue_wake_ports(journal->conf.queue);
    if (fenced)
        fence(journal, "another-owner");
}

/* The server refused the transaction: none of it is written. If a unique key was the reason, one of
 * the changes would sell a seat twice; the others should not suffer for it. */
static int refuse_or_part(struct journal *journal, struct err_slot *err)
{
    struct batch *batch = &journal->batch;
    bool wall = strcmp(pg_sqlstate(journal->pg), "23505") == 0;
    log_failure(journal->conf.log, wall ? "a seat would have been sold twice" : "commit refused",
                err);
    add(&journal->stats.errors, 1);
    /* The server has become a replica: the primary is elsewhere. */
    bool elsewhere = strcmp(pg_sqlstate(journal->pg), "25006") == 0;
    if (!wall || batch->len == 1) {
        answer_batch(journal, wall ? ERR_EXISTS : ERR_PEER);
        return elsewhere ? err_set(err, ERR_CLOSED, "the server is read-only") : 0;
    }
    /* One by one: back to the head of the line, and batches of one until these are through. */
    for (uint32_t i = batch->len; i > 0; i--) {
        struct commit_entry *entry = batch->entries[i - 1];
        entry->next = journal->pending;
        if (journal->pending == NULL)
            journal->pending_end = &entry->next;
        journal->pending = entry;
    }
    uint32_t singles = batch->len, batch_max = journal->conf.batch_max;
    batch->len = 0;
    journal->conf.batch_max = 1;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < singles; i++) {
        gather(journal);
        if (batch->len > 0)
            rc = commit(journal, err);
    }
    journal->conf.batch_max = batch_max;
    return rc;
}

/* Writes the batch. 0: its entries have been answered. Broken: they are open until the next
 * connection. */
static int commit(struct journal *journal, struct err_slot *err)
{
    struct batch *batch = &journal->batch;
    assert(batch->len > 0);
    assert(!journal->open);
    uint64_t began_us = now_us(journal);
    journal->commit_at_us = batch->len < JOURNAL_PACED_FROM ? 0 : began_us + JOURNAL_PACE_US;
    journal->open = true;
    histogram_record(&journal->stats.batch, batch->len);
    int rc = store_commit(journal->pg, batch->parts, batch->parts_len, journal->memory,
                          JOURNAL_BATCH_BYTES, err);
    if (journal_is_broken(rc))
        return rc;
    journal->open = false;
    if (rc < 0)
        return refuse_or_part(journal, err);
    add(&journal->stats.commits, 1);
    histogram_record(&journal->stats.commit_us, now_us(journal) - began_us);
    judge_parts(journal);
    return 0;
}

/* ---- locks ---- */

/* Which events are to be tried: those that are read and those that are being read, and not ours
 * yet. Of one that is out the lock is given back, since somebody else may be able to read it. */
static int choose(struct journal *journal, struct err_slot *err, uint32_t *chosen, uint32_t *len)
{
    int rc = 0;
    *len = 0;
    for (uint32_t nth = 0; rc == 0 && nth < journal_len(journal); nth++) {
        struct journal_event *event = &journal->events[nth];
        pthread_mutex_lock(&journal->lock);
        enum journal_state state = journal_state_of(event);
        bool locked = event->locked;
        if (state == JOURNAL_EVENT_OUT)
            event->locked = false;
        pthread_mutex_unlock(&journal->lock);
        if (state == JOURNAL_EVENT_OUT && locked)
            rc = store_unlock(journal->pg, STORE_LOCK_EVENT, event->id.no, err);
        if (!locked && (state == JOURNAL_EVENT_LOADING || state == JOURNAL_EVENT_FOLLOWING))
            chosen[(*len)++] = nth;
    }
    return rc;
}

/* The lock is ours: the reader may take the event over from the epoch that is there now. */
static int note_lock(struct journal *journal, struct journal_event *event, struct err_slot *err)
{
    struct store_head head;
    bool ours;
    int rc =
        store_head_read(journal->pg, event->id.no, span_of(journal->instance), err, &head, &ours);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&journal->lock);
    event->locked = true;
    event->locked_epoch = head.epoch;
    journal_judge(journal);
    pthread_mutex_unlock(&journal->lock);
    return 0;
}

static int try_events(struct journal *journal, struct err_slot *err)
{
    uint32_t chosen[EVENTS_MAX], len;
    int32_t keys[EVENTS_MAX];
    bool got[EVENTS_MAX] = {false}, ended = false, any = false;
    int rc = choose(journal, err, chosen, &len);
    if (rc < 0 || len == 0)
        return rc;
    for (uint32_t i = 0; i < len; i++)
        keys[i] = journal->events[chosen[i]].id.no;
    rc = store_lock(journal->pg, STORE_LOCK_EVENT, keys, len, err, got);
    uint32_t others = 0;
    for (uint32_t i = 0; rc == 0 && i < len; i++) {
        if (got[i])
            rc = note_lock(journal, &journal->events[chosen[i]], err);
        else
            keys[others++] = keys[i];
        any = any || got[i];
    }
    if (rc == 0 && others > 0)
        rc = store_end_silent(journal->pg, STORE_LOCK_EVENT, keys, others, OWNER_SILENT_MS, err,
                              &ended);
    if (any)
        reader_nudge(journal);
    if (ended)
        journal->watch_at_us = 0;
    return rc;
}

/* The house, and who has it while it hangs. */
static int try_house(struct journal *journal, struct err_slot *err)
{
    int32_t key = house_key(journal);
    bool got = false, ended = false;
    int rc = store_lock(journal->pg, STORE_LOCK_HOUSE, &key, 1, err, &got);
    if (rc == 0 && !got)
        rc = store_end_silent(journal->pg, STORE_LOCK_HOUSE, &key, 1, OWNER_SILENT_MS, err, &ended);
    if (rc == 0 && ended)
        rc = store_lock(journal->pg, STORE_LOCK_HOUSE, &key, 1, err, &got);
    if (rc == 0 && got) {
        pthread_mutex_lock(&journal->lock);
        journal->house = true;
        journal_judge(journal);
        pthread_mutex_unlock(&journal->lock);
    }
    return rc;
}

/* Looks for locks that are free. */
static int watch(struct journal *journal, struct err_slot *err)
{
    journal->watch_at_us = now_us(journal) + STANDBY_POLL_MS * 1000;
    int rc = journal->house ? 0 : try_house(journal, err);
    if (rc == 0 && (journal->house || owns_any(journal)))
        rc = try_events(journal, err);
    return rc;
}

/* ---- the thread ---- */

/* Something to say to the server now and then, so that it is not silent; it answers what its log
 * has cost. */
static int beat(struct journal *journal, struct err_slot *err)
{
    uint64_t bytes = 0, flushes = 0;
    int rc = store_wal(journal->pg, err, &bytes, &flushes);
    if (rc < 0)
        return rc;
    atomic_store_explicit(&journal->stats.wal_bytes, bytes, memory_order_relaxed);
    atomic_store_explicit(&journal->stats.wal_flushes, flushes, memory_order_relaxed);
    return 0;
}

/* The backend of a connection that breaks may go on, and with it its locks. */
static void remember_backend(struct journal *journal)
{
    uint32_t len = journal->backends_len;
    if (len == JOURNAL_BACKENDS_MAX)
        memmove(&journal->backends[0], &journal->backends[1], --len * sizeof(journal->backends[0]));
    journal->backends[len] = pg_backend_pid(journal->pg);
    journal->backends_len = len + 1;
}

static int reconnect(struct journal *journal, struct err_slot *err)
{
    int rc = connect_once(journal, err);
    if (rc < 0) {
        log_failure(journal->conf.log, "PostgreSQL cannot be used yet", err);
        bool newer = rc == ERR_STATE;
        set_connected(journal, false, newer ? "schema-mismatch" : "postgres-unreachable");
        return rc;
    }
    add(&journal->stats.reconnects, 1);
    remember_backend(journal);
    rc = regain_all(journal, err);
    if (rc < 0)
        return rc;
    journal->backends[0] = pg_backend_pid(journal->pg);
    journal->backends_len = 1;
    journal->retry_ms = JOURNAL_RETRY_MIN_MS;
    journal->watch_at_us = 0;
    set_connected(journal, true, NULL);
    reader_nudge(journal);
    return 0;
}

/* In a rush commits keep their distance: the callers of the last batch have just been answered, and
 * with a fast disk the next would begin with the few who asked first. What a commit costs the
 * server beside its rows would then be paid several times over for the same changes. */
static void keep_pace(struct journal *journal)
{
    uint64_t now = now_us(journal);
    if (now >= journal->commit_at_us)
        return;
    uint64_t us = journal->commit_at_us - now;
    struct timespec rest = {.tv_sec = (time_t)(us / 1000000),
                            .tv_nsec = (long)(us % 1000000) * 1000};
    (void)nanosleep(&rest, NULL);
    take_from_ring(journal);
}

/* What the server refuses here is no reason to leave changes unwritten. */
static int look_around(struct journal *journal, struct err_slot *err)
{
    int rc = 0;
    uint64_t now = now_us(journal);
    if (now >= journal->watch_at_us)
        rc = watch(journal, err);
    if (!journal_is_broken(rc) && now >= journal->beat_at_us) {
        int beaten = beat(journal, err);
        rc = beaten < 0 ? beaten : rc;
        journal->beat_at_us = now_us(journal) + OWNER_BEAT_MS * 1000;
    }
    if (rc == 0 || journal_is_broken(rc))
        return rc;
    log_failure(journal->conf.log, "PostgreSQL refuses", err);
    return 0;
}

/* One turn: look around if it is time, write what is there, otherwise sleep. */
static int turn(struct journal *journal, struct err_slot *err)
{
    int rc = look_around(journal, err);
    if (rc < 0)
        return rc;
    take_from_ring(journal);
    atomic_store_explicit(&journal->stats.lag, commit_queue_len(journal->conf.queue),
                          memory_order_relaxed);
    if (journal->pending == NULL) {
        commit_queue_wait(journal->conf.queue, STANDBY_POLL_MS);
        return 0;
    }
    keep_pace(journal);
    gather(journal);
    if (journal->batch.len == 0) {
        commit_queue_wake_ports(journal->conf.queue);
        return 0;
    }
    return commit(journal, err);
}

static void *run(void *arg)
{
    struct journal *journal = arg;
    struct err_slot err;
    while (!atomic_load_explicit(&journal->stopping, memory_order_acquire)) {
        int rc = 0;
        if (journal_role(journal) == JOURNAL_FENCED) {
            refuse_older(journal, 0);
            commit_queue_wait(journal->conf.queue, STANDBY_POLL_MS);
            continue;
        }
        if (journal->pg == NULL)
            rc = reconnect(journal, &err);
        if (rc == 0)
            rc = turn(journal, &err);
        if (rc == 0 || journal_role(journal) == JOURNAL_FENCED)
            continue;
        /* Nor is a connection good over which not all was regained. */
        if (journal->pg != NULL && (journal_is_broken(rc) || !journal->connected))
            disconnect(journal, &err);
        else if (journal->pg != NULL)
            log_failure(journal->conf.log, "PostgreSQL refuses", &err);
        back_off(journal);
    }
    if (journal->open)
        settle_fenced(journal);
    refuse_older(journal, 0);
    pg_close(journal->pg); /* and with it every lock */
    journal->pg = NULL;
    return NULL;
}

static int start_threads(struct journal *journal, struct err_slot *err)
{
    int rc = pthread_create(&journal->thread, NULL, run, journal);
    if (rc != 0)
        return err_set(err, ERR_IO, "the committer's thread: %s", strerror(rc));
    pthread_setname_np(journal->thread, "committer");
    rc = reader_start(journal, err);
    if (rc < 0) {
        atomic_store_explicit(&journal->stopping, true, memory_order_release);
        commit_queue_nudge(journal->conf.queue);
        pthread_join(journal->thread, NULL);
    }
    return rc;
}

int journal_start(const struct journal_conf *conf, struct err_slot *err, struct journal **out)
{
    assert(conf->batch_max > 0);
    assert(conf->batch_max <= JOURNAL_BATCH_MAX);
    struct journal *journal = calloc(1, sizeof(*journal));
    if (journal == NULL)
        return err_set(err, ERR_NOMEM, "the journal");
    journal->conf = *conf;
    snprintf(journal->instance, sizeof(journal->instance), "%.64s#%016" PRIx64, conf->instance,
             rng_below(conf->rng, UINT64_MAX));
    journal->pending_end = &journal->pending;
    journal->retry_ms = JOURNAL_RETRY_MIN_MS;
    journal->unreachable = "starting";
    atomic_store(&journal->reason, "starting");
    journal->memory = malloc(JOURNAL_BATCH_BYTES);
    if (journal->memory == NULL) {
        free(journal);
        return err_set(err, ERR_NOMEM, "%d bytes for batches", JOURNAL_BATCH_BYTES);
    }
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&journal->look, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&journal->lock, NULL);
    int rc = start_threads(journal, err);
    if (rc < 0) {
        journal_destroy(journal);
        return rc;
    }
    *out = journal;
    return 0;
}

void journal_stop(struct journal *journal)
{
    atomic_store_explicit(&journal->stopping, true, memory_order_release);
    reader_stop(journal);
    commit_queue_nudge(journal->conf.queue);
    pthread_join(journal->thread, NULL);
}

void journal_destroy(struct journal *journal)
{
    if (journal == NULL)
        return;
    pthread_cond_destroy(&journal->look);
    pthread_mutex_destroy(&journal->lock);
    free(journal->memory);
    free(journal);
}

enum journal_role journal_role(const struct journal *journal)
{
    /* acquire: partner of set_role() */
    return atomic_load_explicit(&journal->role, memory_order_acquire);
}

const char *journal_reason(const struct journal *journal)
{
    return atomic_load_explicit(&journal->reason, memory_order_relaxed);
}

/* While the connection is cut, a change may still wait for it for a moment. */
bool journal_writes(const struct journal *journal)
{
    enum journal_role role = journal_role(journal);
    return role == JOURNAL_OWNER || role == JOURNAL_CUT;
}

const struct journal_stats *journal_stats(const struct journal *journal)
{
    return &journal->stats;
}

/* ---- events ---- */

static void show(const struct journal *journal, uint32_t nth, struct journal_view *out)
{
    const struct journal_event *event = &journal->events[nth];
    *out = (struct journal_view){.nth = nth, .state = journal_state_of(event)};
    memcpy(out->id, event->id.id, sizeof(out->id));
    if (out->state == JOURNAL_EVENT_OUT)
        memcpy(out->reason, event->reason, sizeof(out->reason));
}

bool journal_nth(struct journal *journal, uint32_t nth, struct journal_view *out)
{
    if (nth >= journal_len(journal))
        return false;
    pthread_mutex_lock(&journal->lock);
    show(journal, nth, out);
    pthread_mutex_unlock(&journal->lock);
    return true;
}

bool journal_find(struct journal *journal, struct span id, struct journal_view *out)
{
    for (uint32_t nth = 0; nth < journal_len(journal); nth++)
        if (span_eq(span_of(journal->events[nth].id.id), id))
            return journal_nth(journal, nth, out);
    return false;
}

int journal_may_import(struct journal *journal, const char *id, struct err_slot *err)
{
    pthread_mutex_lock(&journal->lock);
    bool may = journal->connected && (journal->house || owns_any(journal));
    pthread_mutex_unlock(&journal->lock);
    if (!may)
        return err_set(err, ERR_STATE, "this instance is not the owner");
    if (!journal_names(journal, id))
        return err_set(err, ERR_STATE, "this instance does not serve events of that name");
    if (journal_len(journal) == EVENTS_MAX)
        return err_set(err, ERR_FULL, "%d events are served already", EVENTS_MAX);
    return 0;
}

void journal_look(struct journal *journal)
{
    reader_nudge(journal);
}
