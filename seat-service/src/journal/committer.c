/* committer.c: group commit, and commits whose outcome is unknown. Guarantees I3: no request is
 * answered before its commit, and an unknown outcome is read back, not guessed.
 *
 * Group commit: while one transaction runs, changes gather in the ring; its end starts the next. A
 * single change finds the committer asleep and is written at once. Under load a batch is what
 * arrived during the last flush, so a slower database means larger batches, not a longer queue of
 * small ones. With a disk so fast that batches would stay small in a rush, commits start at least
 * JOURNAL_PACE_US apart.
 *
 * Open outcomes: when a connection breaks after a batch was sent, it is unknown whether the batch
 * was written. Each event keeps its part of it. The committer reconnects, regains what it owned
 * (ownership.c), and reads the row with the part's last seq. If it exists with our chain link, the
 * part was written, and its callers get success. If not, it is written again under the same
 * numbers. If the journal has continued without us, we give up the event. If it has lost its end,
 * nothing in memory is valid, and the process ends.
 *
 * An event is a unit of failure. Events share a transaction, but a refused transaction is retried
 * event by event, so only the bad event fails. Locks are waited for briefly. An event that blocks
 * is then stuck: its changes are refused at once, and it is kept out of the others' transactions
 * until its row is free, or briefly.
 *
 * Proofs: a response that uses only memory, and on which money moves, waits until PostgreSQL
 * confirms that the event is still ours. A process that was stopped while another took its event
 * would otherwise respond from stale memory until its next write. A clock or our own role is no
 * check: both are as old as the stop. Waiting proofs of an event share one query.
 *
 * Slow work, such as reading plans and journals, is left to the reader (reader.c), which has its
 * own connection. Nothing here waits for anything except the rows of our own events.
 *
 * Threading: all of this is one thread. */
#include "journal/journal_internal.h"
#include "pace/backoff.h"

#include "system/system.h"

#include <assert.h>
#include <string.h>

/* Records that PostgreSQL has answered over the session that holds our locks. The session held them
 * when the query was sent; later they may have been lost. */
static void proven(struct journal *journal, uint64_t asked_us)
{
    atomic_store_explicit(&journal->proven_at_us, asked_us, memory_order_relaxed);
}

/* ---- open outcomes ---- */

/* We are no longer the owner, or are stopping. A part written before the other epoch began still
 * counts. Without a connection the outcome stays unknown. */
static void settle_fenced(struct journal *journal)
{
    for (uint32_t nth = 0; nth < journal_len(journal); nth++) {
        struct journal_event *event = &journal->events[nth];
        bool written = false;
        if (event->open == NULL)
            continue;
        int asked = journal->pg == NULL
                        ? ERR_CLOSED
                        : ownership_is_written(journal, event, &event->open_head, NULL, &written);
        batch_settle(journal, event, asked < 0 ? ERR_UNKNOWN : written ? 0 : ERR_STATE);
    }
}

/* Handles the result of regaining or giving up events: the process may have to end. */
static int fence_if_over(struct journal *journal, int rc, struct err_slot *err)
{
    if (rc == ERR_STATE || rc == ERR_NOT_FOUND) {
        log_failure(journal->conf.log, "ownership is lost", err);
        settle_fenced(journal);
        role_fence(journal, JOURNAL_REASON_LOST);
    }
    return rc;
}

/* ---- committing ---- */

/* The event's journal does not end where we left it. */
static int lose(struct journal *journal, uint32_t nth, struct err_slot *err)
{
    (void)err_set(err, ERR_STATE, "%s: another epoch has begun", journal->events[nth].id.id);
    return fence_if_over(journal, ownership_lose(journal, nth, err), err);
}

/* Parts that were fenced wrote nothing; the others did. */
static int judge_parts(struct journal *journal, struct err_slot *err)
{
    struct batch *batch = &journal->batch;
    uint32_t lost[EVENTS_MAX], lost_len = 0;
    int rc = 0;
    for (uint32_t i = 0; i < batch->parts_len; i++) {
        struct store_batch *part = &batch->parts[i];
        struct journal_event *event = &journal->events[batch->part_event[i]];
        assert(part->after.seq == part->head.seq + part->len);
        assert(journal_same_place(&event->head, &part->head)); /* only this thread moves it */
        assert(part->rows <= part->len);
        if (part->written)
            event->head = part->after;
        else
            lost[lost_len++] = batch->part_event[i];
        for (uint32_t k = 0; k < part->len; k++)
            batch_answer_one(journal, part->entries[k], part->written ? 0 : ERR_STATE);
        assert(event->head.seq >= journal_answered(journal, batch->part_event[i]));
        batch_answered(journal, batch->part_event[i], event->head.seq);
    }
    batch->len = 0;
    commit_queue_wake_ports(journal->conf.queue);
    for (uint32_t i = 0; rc == 0 && i < lost_len; i++)
        rc = lose(journal, lost[i], err);
    return rc;
}

/* The server has become a replica: the primary is elsewhere. */
static bool is_elsewhere(const struct journal *journal)
{
    return strcmp(pg_sqlstate(journal->pg), "25006") == 0;
}

static int refuse_elsewhere(struct err_slot *err)
{
    return err_set(err, ERR_CLOSED, "the server is read-only");
}

/* A lock wait has exceeded JOURNAL_LOCK_MS. */
static bool is_locked(const struct journal *journal)
{
    return strcmp(pg_sqlstate(journal->pg), "55P03") == 0;
}

static int commit(struct journal *journal, struct err_slot *err);

/* Puts the batch back at the head of the queue, grouped by event, and commits it in pieces: by
 * event, or change by change within one event. */
static int commit_in_pieces(struct journal *journal, struct err_slot *err)
{
    struct batch *batch = &journal->batch;
    bool by_event = batch->parts_len > 1, within = batch->by_event;
    uint32_t pieces = by_event ? batch->parts_len : batch->len;
    uint32_t lens[EVENTS_MAX], batch_max = journal->conf.batch_max;
    int rc = 0;
    assert(pieces > 1); /* otherwise the same batch would repeat */
    for (uint32_t i = 0; i < batch->parts_len; i++)
        lens[i] = batch->parts[i].len;
    batch_put_back(journal);
    if (by_event) {
        batch->by_event = true;
        batch->waits = 0;
    }
    for (uint32_t i = 0; rc == 0 && i < pieces; i++) {
        journal->conf.batch_max = by_event ? lens[i] : 1;
        batch_gather(journal);
        if (batch->len > 0 && by_event && batch->waits >= JOURNAL_LOCK_WAITS_MAX)
            batch_answer(journal, ERR_PEER);
        else if (batch->len > 0)
            rc = commit(journal, err);
    }
    assert(batch->len == 0);
    batch->by_event = within;
    journal->conf.batch_max = batch_max;
    return rc;
}

/* Refuses the changes of events whose rows are locked, and commits the rest. *any: there were some.
 */
static int commit_the_others(struct journal *journal, struct err_slot *err, bool *any)
{
    struct batch *batch = &journal->batch;
    struct err_slot why = {0};
    int rc = ownership_stick_locked(journal, batch->part_event, batch->parts_len, &why, any);
    if (journal_is_broken(rc)) {
        *err = why;
        *any = true;
        batch_put_back(journal);
        return rc;
    }
    if (!*any)
        return 0;
    if (batch->by_event) { /* the piece has no other event */
        batch_answer(journal, ERR_PEER);
        return 0;
    }
    batch_put_back(journal);
    batch_gather(journal);
    if (batch->len > 0)
        return commit(journal, err);
    commit_queue_wake_ports(journal->conf.queue);
    return 0;
}

/* The server refused the transaction: nothing was written. The other events should not fail because
 * of the one at fault; nor, for a violated unique key, the other changes because of the one that
 * would sell a seat twice. */
static int refuse_or_part(struct journal *journal, struct err_slot *err)
{
    struct batch *batch = &journal->batch;
    bool wall = strcmp(pg_sqlstate(journal->pg), "23505") == 0, locked = is_locked(journal);
    assert(!batch->by_event || batch->parts_len == 1);
    log_failure(journal->conf.log, wall ? "a seat would have been sold twice" : "commit refused",
                err);
    journal_count(&journal->stats.errors, 1);
    if (is_elsewhere(journal)) {
        batch_answer(journal, ERR_PEER);
        return refuse_elsewhere(err);
    }
    bool parted = false;
    int rc = locked ? commit_the_others(journal, err, &parted) : 0;
    if (parted)
        return rc;
    if (batch->parts_len > 1 || (wall && batch->len > 1))
        return commit_in_pieces(journal, err);
    batch->waits += locked;
    if (batch->by_event && !wall)
        role_stick(journal, &journal->events[batch->part_event[0]], err->text, EVENT_RETRY_MIN_MS);
    batch_answer(journal, wall ? ERR_EXISTS : ERR_PEER);
    return 0;
}

/* Writes the batch. 0: its entries have been answered. Broken connection: their outcome is open
 * until their events are regained. */
static int commit(struct journal *journal, struct err_slot *err)
{
    struct batch *batch = &journal->batch;
    assert(batch->len > 0);
    for (uint32_t i = 0; i < batch->parts_len; i++) {
        struct journal_event *event = &journal->events[batch->part_event[i]];
        assert(journal_owns(journal, batch->part_event[i]));
        assert(!event->cut); /* its epoch may be outdated */
        /* relaxed: compared with what others have read through PostgreSQL */
        atomic_store_explicit(&event->sent, event->head.seq + batch->parts[i].len,
                              memory_order_relaxed);
    }
    uint64_t began_us = journal_now_us(journal);
    journal->commit_at_us = batch->len < JOURNAL_PACED_FROM ? 0 : began_us + JOURNAL_PACE_US;
    histogram_record(&journal->stats.batch, batch->len);
    int rc = store_commit(journal->pg, batch->parts, batch->parts_len, journal->memory,
                          JOURNAL_BATCH_BYTES, err);
    if (journal_is_broken(rc)) {
        batch_leave_open(journal);
        return rc;
    }
    proven(journal, began_us);
    if (rc < 0)
        return refuse_or_part(journal, err);
    journal_count(&journal->stats.commits, 1);
    histogram_record(&journal->stats.commit_us, journal_now_us(journal) - began_us);
    return judge_parts(journal, err);
}

/* ---- proofs ---- */

/* After one lock wait has timed out, marks all locked events as stuck, so that they cause no
 * further waits. */
static int stick_locked(struct journal *journal, struct err_slot *err)
{
    uint32_t events[EVENTS_MAX], len = 0;
    bool any;
    for (uint32_t nth = 0; nth < journal_len(journal); nth++)
        if (journal_owns(journal, nth) && !journal_is_stuck(journal, nth))
            events[len++] = nth;
    int rc = ownership_stick_locked(journal, events, len, err, &any);
    for (uint32_t i = 0; rc == ERR_PEER && i < len; i++) /* the whole table is locked */
        role_stick(journal, &journal->events[events[i]], err->text, 0);
    return rc == ERR_PEER ? 0 : rc;
}

/* Answers one event's proofs. Proofs left by a broken connection are retried over the next one, or
 * time out. */
static int prove_one(struct journal *journal, uint32_t nth, struct err_slot *err)
{
    struct journal_event *event = &journal->events[nth];
    bool stands = false, ours = journal_owns(journal, nth);
    if (!ours || event->stuck) {
        batch_answer_proofs(journal, nth, ours ? ERR_PEER : ERR_STATE);
        return 0;
    }
    int rc = store_prove(journal->pg, event->id.no, &event->head, err, &stands);
    if (journal_is_broken(rc))
        return rc;
    if (rc < 0) {
        log_failure(journal->conf.log, "ownership cannot be proven", err);
        journal_count(&journal->stats.errors, 1);
        batch_answer_proofs(journal, nth, ERR_PEER);
        if (is_elsewhere(journal))
            return refuse_elsewhere(err);
        return is_locked(journal) ? stick_locked(journal, err) : 0;
    }
    batch_answer_proofs(journal, nth, stands ? 0 : ERR_STATE);
    return stands ? 0 : lose(journal, nth, err);
}

/* ---- the thread ---- */

/* Reads the server's WAL statistics and time. */
static int ask_server(struct journal *journal, struct err_slot *err)
{
    struct journal_stats *stats = &journal->stats;
    PGresult *res;
    uint64_t asked_us = journal_now_us(journal);
    int rc = sql_server_wal(journal->pg, err, &res);
    if (rc < 0)
        return rc;
    const struct sql_server_wal_row server = sql_server_wal_row(res, 0);
    PQclear(res);
    uint64_t apart_ms = clock_apart_ms(journal->conf.clock, asked_us, server.now_ms * 1000);
    sale_clock_sample(journal->conf.sale, asked_us, journal_now_us(journal), server.now_ms * 1000);
    atomic_store_explicit(&stats->wal_bytes, server.bytes, memory_order_relaxed);
    atomic_store_explicit(&stats->wal_flushes, server.flushes, memory_order_relaxed);
    atomic_store_explicit(&stats->clock_apart_ms, apart_ms, memory_order_relaxed);
    return 0;
}

/* Periodic, so that the connection is never silent for long. */
static int beat(struct journal *journal, struct err_slot *err)
{
    uint64_t asked_us = journal_now_us(journal);
    int rc = ask_server(journal, err);
    if (rc == 0)
        proven(journal, asked_us);
    return rc;
}

static int reconnect(struct journal *journal, struct err_slot *err)
{
    int rc = store_connect(journal->conf.dsn, "fairgate seat-service journal", JOURNAL_LOCK_MS,
                           true, err, &journal->pg);
    if (rc < 0) {
        log_failure(journal->conf.log, "PostgreSQL cannot be used yet", err);
        bool newer = rc == ERR_STATE;
        role_set_connected(journal, false,
                           newer ? JOURNAL_REASON_SCHEMA : JOURNAL_REASON_UNREACHABLE);
        return rc;
    }
    journal_count(&journal->stats.reconnects, 1);
    /* The backend of a broken connection may live on with its locks. */
    uint32_t len = journal->backends_len;
    if (len == JOURNAL_BACKENDS_MAX)
        memmove(&journal->backends[0], &journal->backends[1], --len * sizeof(journal->backends[0]));
    assert(len < JOURNAL_BACKENDS_MAX);
    journal->backends[len] = pg_backend_pid(journal->pg);
    journal->backends_len = len + 1;
    rc = ask_server(journal, err);
    if (rc == 0 && !sale_clock_is_set(journal->conf.sale)) /* nothing is read before that */
        rc = err_set(err, ERR_TIMEOUT, "the time at the server: no answer within %d ms",
                     SALE_CLOCK_WAIT_MAX_MS);
    uint64_t asked_us = journal_now_us(journal);
    if (rc == 0)
        rc = fence_if_over(journal, ownership_regain(journal, err), err);
    if (rc < 0)
        return rc;
    proven(journal, asked_us);
    journal->tries = 0;
    journal->watch_at_us = 0;
    role_set_connected(journal, true, JOURNAL_REASON_NONE);
    reader_nudge(journal);
    return 0;
}

/* In a rush commits are spaced out: the callers of the last batch have just been answered, and on a
 * fast disk the next batch would start with only the first of their new changes, paying the fixed
 * cost of a commit several times. */
static void keep_pace(struct journal *journal)
{
    uint64_t now = journal_now_us(journal);
    if (now >= journal->commit_at_us)
        return;
    assert(journal->commit_at_us - now <= JOURNAL_PACE_US);
    system_sleep_us(journal->commit_at_us - now);
    batch_take_ring(journal);
}

/* An error from the server here must not keep changes from being written. */
static int look_around(struct journal *journal, struct err_slot *err)
{
    int rc = 0;
    uint64_t now = journal_now_us(journal);
    /* acquire: pairs with journal_watch() */
    bool looks = atomic_exchange_explicit(&journal->watch_now, false, memory_order_acquire) ||
                 now >= journal->watch_at_us;
    if (looks)
        rc = ownership_watch(journal, err);
    if (!journal_is_broken(rc) && looks) {
        int freed = fence_if_over(journal, ownership_free(journal, err), err);
        rc = freed < 0 ? freed : rc;
    }
    if (!journal_is_broken(rc) && now >= journal->beat_at_us) {
        int beaten = beat(journal, err);
        rc = beaten < 0 ? beaten : rc;
        journal->beat_at_us = journal_now_us(journal) + OWNER_BEAT_MS * 1000;
    }
    if (rc == 0 || journal_is_broken(rc) || journal_role(journal) == JOURNAL_FENCED)
        return rc;
    log_failure(journal->conf.log, "PostgreSQL refuses", err);
    return 0;
}

/* One round: poll locks if due, prove and write what is queued, otherwise sleep. */
static int turn(struct journal *journal, struct err_slot *err)
{
    int rc = look_around(journal, err);
    if (rc < 0)
        return rc;
    batch_take_ring(journal);
    while (rc == 0 && journal->proofs != NULL)
        rc = prove_one(journal, journal->proofs->event, err);
    if (rc < 0)
        return rc;
    atomic_store_explicit(&journal->stats.lag, commit_queue_len(journal->conf.queue),
                          memory_order_relaxed);
    if (journal->pending == NULL) {
        commit_queue_wait(journal->conf.queue, STANDBY_POLL_MS);
        return 0;
    }
    keep_pace(journal);
    batch_gather(journal);
    if (journal->batch.len == 0) {
        commit_queue_wake_ports(journal->conf.queue);
        return 0;
    }
    return commit(journal, err);
}

static void *run(void *arg)
{
    struct journal *journal = MAGIC_OF(journal, arg);
    struct err_slot err;
    while (!atomic_load_explicit(&journal->stopping, memory_order_acquire)) {
        int rc = 0;
        if (journal_role(journal) == JOURNAL_FENCED) {
            batch_refuse_older(journal, 0);
            commit_queue_wait(journal->conf.queue, STANDBY_POLL_MS);
            continue;
        }
        if (journal->pg == NULL)
            rc = reconnect(journal, &err);
        if (rc == 0)
            rc = turn(journal, &err);
        if (rc == 0 || journal_role(journal) == JOURNAL_FENCED)
            continue;
        /* A connection that failed to regain everything is not used either. */
        if (journal->pg != NULL && (journal_is_broken(rc) || !journal->connected)) {
            log_failure(journal->conf.log, "PostgreSQL connection lost", &err);
            pg_close(journal->pg);
            journal->pg = NULL;
            role_set_connected(journal, false, JOURNAL_REASON_UNREACHABLE);
        } else if (journal->pg != NULL)
            log_failure(journal->conf.log, "PostgreSQL refuses", &err);
        /* Sleeps before the next attempt, with jitter, and refuses entries that get too old. */
        uint64_t half_ms =
            backoff_bound_ms(JOURNAL_RETRY_MIN_MS, JOURNAL_RETRY_MAX_MS, ++journal->tries) / 2;
        assert(half_ms > 0 && half_ms <= JOURNAL_RETRY_MAX_MS / 2);
        uint64_t ms = half_ms + rng_below(journal->conf.rng, half_ms + 1);
        uint64_t until_us = journal_now_us(journal) + ms * 1000;
        while (!atomic_load_explicit(&journal->stopping, memory_order_acquire)) {
            batch_refuse_older(journal, journal_writes(journal) ? JOURNAL_WAIT_MS : 0);
            uint64_t now = journal_now_us(journal);
            if (now >= until_us)
                break;
            commit_queue_wait(journal->conf.queue, (uint32_t)((until_us - now) / 1000 + 1));
        }
    }
    settle_fenced(journal);
    batch_refuse_older(journal, 0);
    pg_close(journal->pg); /* this releases every lock */
    journal->pg = NULL;
    return NULL;
}

int committer_start(struct journal *journal, struct err_slot *err)
{
    int rc = system_thread_start("committer", run, journal, &journal->thread);
    return rc == 0 ? 0 : err_set(err, ERR_IO, "the committer's thread: %s", strerror(rc));
}

void committer_stop(struct journal *journal)
{
    assert(atomic_load_explicit(&journal->stopping, memory_order_acquire));
    commit_queue_nudge(journal->conf.queue);
    system_thread_join(journal->thread);
}
