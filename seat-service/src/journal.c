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
 * Locks are taken in the order of the events' numbers and never the second without the first, so
 * that two processes that start together cannot end up with half of the events each.
 *
 * Open outcomes: a connection that breaks after a batch was sent leaves it open whether the batch
 * was written. The committer keeps the batch, connects again, takes the lock again (an old backend
 * of ours that still has it is ended), raises the epoch, which waits for whatever the old backend
 * is still doing and shuts it out, and then reads the row with the batch's last seq. Is it there
 * with our link of the chain, the batch was written and its callers are told so. Is it not, the
 * batch is written again under the same numbers. Only a journal that went on without us, or lost
 * its end, makes us give up: then nothing in memory counts any more, and the process ends.
 *
 * Threading: all of this is one thread. Other threads read atomics. */
#include "journal.h"

#include "follower.h"
#include "migrate.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum event_state {
    EVENT_NEW,       /* its document has to be read */
    EVENT_FOLLOWING, /* applied up to head */
    EVENT_OWNED,
};

struct journal_event {
    struct store_event id;
    enum event_state state;
    struct store_head head; /* what has been applied or committed; the epoch once it is ours */
};

/* A transaction, from gathering to its outcome. */
struct batch {
    struct commit_entry *entries[JOURNAL_BATCH_MAX]; /* grouped by event, in order within */
    uint32_t len;
    struct store_batch parts[EVENTS_MAX];
    uint32_t part_event[EVENTS_MAX]; /* which of journal->events */
    uint32_t parts_len;
};

struct journal {
    struct journal_conf conf;
    struct pg *pg;
    int backend_pid; /* of the connection that was ours last */
    uint64_t retry_ms;

    struct journal_event events[EVENTS_MAX];
    uint32_t events_len;

    struct commit_entry *pending; /* out of the ring, not yet in a batch; oldest first */
    struct commit_entry **pending_end;
    struct batch batch;
    bool open;             /* the batch was sent and its outcome is not known */
    uint64_t commit_at_us; /* the next one not before; 0: at once */
    uint8_t *memory;

    uint64_t ended_seen;  /* ended sessions up to this number are known */
    uint64_t watch_at_us; /* next look for events, locks and the journal's end */
    uint64_t beat_at_us;
    pthread_t thread;
    atomic_bool stopping;
    _Atomic(enum journal_role) role;
    _Atomic(const char *) reason;
    struct journal_stats stats;
};

static const char *const role_names[] = {
    [JOURNAL_CONNECTING] = "connecting",
    [JOURNAL_LOADING] = "loading",
    [JOURNAL_STANDBY] = "standby",
    [JOURNAL_OWNER] = "owner",
    [JOURNAL_CUT] = "cut",
    [JOURNAL_FENCED] = "fenced",
};

const char *journal_role_name(enum journal_role role)
{
    return role_names[role];
}

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

static uint64_t now_us(const struct journal *journal)
{
    return clock_mono_us(journal->conf.clock);
}

static bool is_broken(int rc)
{
    return rc == ERR_CLOSED || rc == ERR_TIMEOUT || rc == ERR_IO;
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
    return nth < journal->events_len && journal->events[nth].state == EVENT_OWNED;
}

/* Takes from the head of the pending ones what fits one transaction. A job ends a batch: it is done
 * alone, between two. */
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
        if (entry->job != NULL)
            break;
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
    for (uint32_t event = 0; event < journal->events_len && batch->len < n; event++) {
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
    bool owns = owned(journal, 0);
    set_role(journal, owns ? JOURNAL_CUT : JOURNAL_CONNECTING, "postgres-unreachable");
}

static void fence(struct journal *journal, const char *reason)
{
    if (journal_role(journal) == JOURNAL_FENCED)
        return;
    set_role(journal, JOURNAL_FENCED, reason);
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

/* Gets the lock back, or finds that another epoch has begun: ERR_STATE. */
static int lock_again(struct journal *journal, struct journal_event *event, struct err_slot *err)
{
    while (!atomic_load_explicit(&journal->stopping, memory_order_acquire)) {
        bool got = false;
        int rc = store_lock(journal->pg, event->id.no, err, &got);
        if (rc < 0 || got)
            return rc;
        struct store_head head;
        rc = store_head_read(journal->pg, event->id.no, err, &head);
        if (rc < 0)
            return rc;
        if (head.epoch != event->head.epoch)
            return err_set(err, ERR_STATE, "epoch %" PRIu64 " has begun", head.epoch);
        /* The same epoch: the lock is with our own old backend, or with a standby that is about to
         * raise the epoch. */
        rc = store_end_backend(journal->pg, event->id.no, journal->backend_pid, err);
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

static bool same_place(const struct store_head *a, const struct store_head *b)
{
    return a->seq == b->seq && memcmp(a->chain.bytes, b->chain.bytes, CHAIN_BYTES) == 0;
}

/* Owner again of one event, under a new epoch; an open part of the batch is settled into
 * part->written. ERR_STATE: the journal is not where it can be after what we did. */
static int regain(struct journal *journal, uint32_t nth, struct err_slot *err)
{
    struct journal_event *event = &journal->events[nth];
    struct store_batch *part = part_of(journal, nth);
    int rc = lock_again(journal, event, err);
    struct store_head head;
    if (rc == 0)
        rc = store_raise(journal->pg, event->id.no, span_of(journal->conf.instance), err, &head);
    if (rc == 0 && part != NULL)
        rc = part_is_written(journal, part, err, &part->written);
    if (rc != 0)
        return rc;
    const struct store_head *expected = part != NULL && part->written ? &part->after : &event->head;
    if (!same_place(&head, expected))
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

/* After a reconnect: every event that was ours, then the batch whose outcome is open. All parts of
 * a batch were one transaction, so they have one outcome. */
static int regain_all(struct journal *journal, struct err_slot *err)
{
    for (uint32_t nth = 0; nth < journal->events_len; nth++) {
        if (journal->events[nth].state != EVENT_OWNED)
            continue;
        int rc = regain(journal, nth, err);
        if (rc == ERR_STATE || rc == ERR_NOT_FOUND) {
            log_failure(journal->conf.log, "ownership is lost", err);
            settle_fenced(journal);
            fence(journal, "another-owner");
        }
        if (rc < 0)
            return rc;
    }
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
    if (is_broken(rc))
        return rc;
    journal->open = false;
    if (rc < 0)
        return refuse_or_part(journal, err);
    add(&journal->stats.commits, 1);
    histogram_record(&journal->stats.commit_us, now_us(journal) - began_us);
    judge_parts(journal);
    return 0;
}

/* ---- following and taking over ---- */

/* Where a row goes that the follower has found good. */
struct target {
    const struct journal_host *host;
    uint32_t nth;
};

static int apply_row(void *ctx, const struct change *change, const struct store_row *row,
                     struct err_slot *err)
{
    const struct target *target = ctx;
    return target->host->apply(target->host->ctx, target->nth, change, row->idem, err);
}

static int follow(struct journal *journal, uint32_t nth, struct err_slot *err)
{
    struct journal_event *event = &journal->events[nth];
    struct target target = {&journal->conf.host, nth};
    struct follower follower = {
        .event = event->id.no,
        .id = event->id.id,
        .head = event->head,
        .apply = apply_row,
        .ctx = &target,
    };
    int rc = follower_read(&follower, journal->pg, err);
    event->head.seq = follower.head.seq;
    event->head.chain = follower.head.chain;
    return rc;
}

/* The document, then the newest snapshot that this program can read; without one the journal is
 * replayed from its first row. */
static int load(struct journal *journal, uint32_t nth, struct err_slot *err)
{
    struct journal_event *event = &journal->events[nth];
    const struct journal_host *host = &journal->conf.host;
    char *document;
    size_t len;
    int rc = store_document(journal->pg, event->id.no, err, &document, &len);
    if (rc < 0)
        return rc;
    rc = host->found(host->ctx, nth, span_of(event->id.id), (struct span){document, len}, err);
    free(document);
    uint8_t *snapshot = NULL;
    struct store_head at = {.chain = chain_first(span_of(event->id.id))};
    size_t snapshot_len = 0;
    if (rc == 0)
        rc = store_snapshot(journal->pg, event->id.no, UINT64_MAX, err, &at, &snapshot,
                            &snapshot_len);
    if (rc == 0)
        rc = host->load(host->ctx, nth, (struct span){(char *)snapshot, snapshot_len}, err);
    free(snapshot);
    if (rc == ERR_NOT_FOUND || rc == ERR_SYNTAX) { /* none, or of another format */
        at = (struct store_head){.chain = chain_first(span_of(event->id.id))};
        rc = host->load(host->ctx, nth, (struct span){NULL, 0}, err);
    }
    if (rc < 0)
        return err_wrap(err, "loading %s", event->id.id);
    event->head = at;
    event->state = EVENT_FOLLOWING;
    return 0;
}

/* The first row of a journal names the plan. It is written like any other change, but nobody waits
 * for it, so it needs no entry of a loop. */
static int write_first(struct journal *journal, uint32_t nth, struct err_slot *err)
{
    struct journal_event *event = &journal->events[nth];
    struct commit_entry *entry = calloc(1, sizeof(*entry));
    if (entry == NULL)
        return err_set(err, ERR_NOMEM, "a change");
    journal->conf.host.first(journal->conf.host.ctx, nth, &entry->op.change);
    struct store_batch part = {.event = event->id.no, .head = event->head, .entries = &entry, 1};
    int rc = store_commit(journal->pg, &part, 1, journal->memory, JOURNAL_BATCH_BYTES, err);
    if (rc == 0 && !part.written)
        rc = err_set(err, ERR_STATE, "another epoch has begun");
    if (rc == 0)
        event->head = part.after;
    free(entry);
    return rc;
}

/* Sessions that other processes ended, or an earlier life of this one. */
static int follow_ended(struct journal *journal, struct err_slot *err)
{
    const struct journal_host *host = &journal->conf.host;
    return host->ended == NULL
               ? 0
               : ended_read(journal->pg, &journal->ended_seen, host->ended, host->ctx, err);
}

/* Lock, epoch, the rest of the journal, open. *got false: it has an owner. */
static int take_over(struct journal *journal, uint32_t nth, struct err_slot *err, bool *got)
{
    struct journal_event *event = &journal->events[nth];
    int rc = store_lock(journal->pg, event->id.no, err, got);
    if (rc < 0 || !*got)
        return rc;
    struct store_head head;
    rc = store_raise(journal->pg, event->id.no, span_of(journal->conf.instance), err, &head);
    if (rc == 0)
        rc = follow(journal, nth, err);
    if (rc == 0)
        rc = follow_ended(journal, err);
    if (rc == 0 && !same_place(&head, &event->head))
        rc = err_set(err, ERR_SYNTAX,
                     "%s: the journal ends at %" PRIu64 ", its owner row says %" PRIu64,
                     event->id.id, event->head.seq, head.seq);
    if (rc < 0)
        return rc;
    event->head.epoch = head.epoch;
    if (head.seq == 0) {
        rc = write_first(journal, nth, err);
        if (rc == 0) {
            struct change change;
            journal->conf.host.first(journal->conf.host.ctx, nth, &change);
            change.seq = 1;
            rc = journal->conf.host.apply(journal->conf.host.ctx, nth, &change,
                                          (struct span){NULL, 0}, err);
        }
        if (rc < 0)
            return rc;
    }
    event->state = EVENT_OWNED;
    add(&journal->stats.takeovers, 1);
    struct log_line line;
    log_begin(&line, journal->conf.log, LOG_LEVEL_INFO, "owner");
    log_cstr(&line, "event", event->id.id);
    log_u64(&line, "epoch", head.epoch);
    log_u64(&line, "seq", event->head.seq);
    log_end(&line);
    journal->conf.host.own(journal->conf.host.ctx, nth, head.epoch);
    return 0;
}

/* "a,b" names it, or nothing is named. */
static bool is_ours(const struct journal *journal, const char *id)
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

static int discover(struct journal *journal, struct err_slot *err)
{
    struct store_event found[EVENTS_MAX];
    uint32_t len = 0;
    int32_t after = 0;
    do {
        int rc = store_events(journal->pg, after, found, EVENTS_MAX, err, &len);
        if (rc < 0)
            return rc;
        for (uint32_t i = 0; i < len; i++) {
            after = found[i].no;
            bool known = false;
            for (uint32_t k = 0; k < journal->events_len; k++)
                known = known || journal->events[k].id.no == found[i].no;
            if (known || !is_ours(journal, found[i].id) || journal->events_len == EVENTS_MAX)
                continue;
            journal->events[journal->events_len++] =
                (struct journal_event){.id = found[i], .state = EVENT_NEW};
        }
    } while (len == EVENTS_MAX);
    return 0;
}

/* Looks around: new events, the ends of journals that others write, locks that are free. */
static int watch(struct journal *journal, struct err_slot *err)
{
    int rc = discover(journal, err);
    bool all = true;
    if (rc == 0)
        rc = follow_ended(journal, err);
    for (uint32_t nth = 0; rc == 0 && nth < journal->events_len; nth++) {
        struct journal_event *event = &journal->events[nth];
        if (event->state == EVENT_OWNED)
            continue;
        if (event->state == EVENT_NEW)
            rc = load(journal, nth, err);
        if (rc == 0)
            rc = follow(journal, nth, err);
        bool got = false;
        if (rc == 0 && all)
            rc = take_over(journal, nth, err, &got);
        if (rc == 0 && all && !got) {
            bool ended = false;
            rc = store_end_silent(journal->pg, event->id.no, OWNER_SILENT_MS, err, &ended);
            if (rc == 0 && ended)
                rc = take_over(journal, nth, err, &got);
        }
        all = all && got;
    }
    if (rc == 0)
        set_role(journal, all ? JOURNAL_OWNER : JOURNAL_STANDBY, all ? NULL : "standby");
    return rc;
}

int journal_import(struct journal *journal, struct span id, struct span hash, struct span document,
                   struct err_slot *err, uint32_t *nth)
{
    if (journal->pg == NULL || journal_role(journal) != JOURNAL_OWNER)
        return err_set(err, ERR_STATE, "this instance is not the owner");
    if (journal->events_len == EVENTS_MAX)
        return err_set(err, ERR_FULL, "%d events are served already", EVENTS_MAX);
    char name[EVENT_ID_MAX + 1];
    if (!span_to_cstr(id, name, sizeof(name)) || !is_ours(journal, name))
        return err_set(err, ERR_STATE, "this instance does not serve events of that name");
    int32_t no;
    int rc = store_event_create(journal->pg, id, hash, document, err, &no);
    if (rc == 0)
        rc = watch(journal, err);
    if (rc < 0) {
        if (is_broken(rc))
            disconnect(journal, err);
        return rc;
    }
    for (uint32_t i = 0; i < journal->events_len; i++) {
        if (journal->events[i].id.no != no)
            continue;
        *nth = i;
        return 0;
    }
    return err_set(err, ERR_STATE, "the event was made and is not there");
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

static int reconnect(struct journal *journal, struct err_slot *err)
{
    int rc = connect_once(journal, err);
    if (rc < 0) {
        log_failure(journal->conf.log, "PostgreSQL cannot be used yet", err);
        bool newer = rc == ERR_STATE;
        set_role(journal, owned(journal, 0) ? JOURNAL_CUT : JOURNAL_CONNECTING,
                 newer ? "schema-mismatch" : "postgres-unreachable");
        return rc;
    }
    add(&journal->stats.reconnects, 1);
    rc = regain_all(journal, err);
    if (rc < 0)
        return rc;
    journal->backend_pid = pg_backend_pid(journal->pg);
    journal->retry_ms = JOURNAL_RETRY_MIN_MS;
    journal->watch_at_us = 0;
    if (!owned(journal, 0))
        set_role(journal, JOURNAL_LOADING, "loading");
    return 0;
}

static void run_job(struct journal *journal)
{
    struct commit_entry *entry = pop_pending(journal);
    entry->rc = ERR_UNKNOWN;
    entry->job(entry, journal);
    commit_queue_give(journal->conf.queue, entry);
    commit_queue_wake_ports(journal->conf.queue);
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

/* One turn: look around if it is time, write what is there, otherwise sleep. */
static int turn(struct journal *journal, struct err_slot *err)
{
    int rc = 0;
    uint64_t now = now_us(journal);
    if (now >= journal->watch_at_us) {
        rc = watch(journal, err);
        journal->watch_at_us = now_us(journal) + STANDBY_POLL_MS * 1000;
    }
    if (rc == 0 && now >= journal->beat_at_us) {
        rc = beat(journal, err);
        journal->beat_at_us = now_us(journal) + OWNER_BEAT_MS * 1000;
    }
    if (rc < 0)
        return rc;
    take_from_ring(journal);
    atomic_store_explicit(&journal->stats.lag, commit_queue_len(journal->conf.queue),
                          memory_order_relaxed);
    if (journal->pending == NULL) {
        commit_queue_wait(journal->conf.queue, STANDBY_POLL_MS);
        return 0;
    }
    if (journal->pending->job != NULL) {
        run_job(journal);
        return journal->pg == NULL ? err_set(err, ERR_CLOSED, "lost during a job") : 0;
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
        /* A journal that cannot be followed is no reason to leave PostgreSQL, but one to wait. */
        if (journal->pg != NULL && is_broken(rc))
            disconnect(journal, &err);
        else if (journal->pg != NULL)
            log_failure(journal->conf.log, "the journal cannot be used", &err);
        if (journal->pg != NULL && !owned(journal, 0))
            set_role(journal, JOURNAL_LOADING, "journal-unusable");
        back_off(journal);
    }
    if (journal->open)
        settle_fenced(journal);
    refuse_older(journal, 0);
    pg_close(journal->pg); /* and with it every lock */
    journal->pg = NULL;
    return NULL;
}

int journal_start(const struct journal_conf *conf, struct err_slot *err, struct journal **out)
{
    assert(conf->batch_max > 0);
    assert(conf->batch_max <= JOURNAL_BATCH_MAX);
    struct journal *journal = calloc(1, sizeof(*journal));
    if (journal == NULL)
        return err_set(err, ERR_NOMEM, "the journal");
    journal->conf = *conf;
    journal->pending_end = &journal->pending;
    journal->retry_ms = JOURNAL_RETRY_MIN_MS;
    atomic_store(&journal->reason, "starting");
    int rc = 0;
    journal->memory = malloc(JOURNAL_BATCH_BYTES);
    if (journal->memory == NULL) {
        rc = err_set(err, ERR_NOMEM, "%d bytes for batches", JOURNAL_BATCH_BYTES);
        goto free_journal;
    }
    rc = pthread_create(&journal->thread, NULL, run, journal);
    if (rc != 0) {
        rc = err_set(err, ERR_IO, "the committer's thread: %s", strerror(rc));
        goto free_memory;
    }
    pthread_setname_np(journal->thread, "committer");
    *out = journal;
    return 0;

free_memory:
    free(journal->memory);
free_journal:
    free(journal);
    return rc;
}

void journal_stop(struct journal *journal)
{
    atomic_store_explicit(&journal->stopping, true, memory_order_release);
    commit_queue_nudge(journal->conf.queue);
    pthread_join(journal->thread, NULL);
}

void journal_destroy(struct journal *journal)
{
    if (journal == NULL)
        return;
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
