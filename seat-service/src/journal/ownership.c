/* ownership.c: locks and epochs: which events are ours, and whether they still are.
 *
 * The lock of an event (a session's advisory lock) says who may try; the epoch in its owner row
 * says who may write: it is a fencing token. The lock alone is not enough: it ends with the
 * session, and a process that was stopped for a minute believes that it still has it. So a commit
 * writes only if the row has its own epoch and the journal ends where the committer expects. A
 * replaced owner writes no row, notices that, and gives up the event.
 *
 * Each event is taken separately, so one that cannot be read, or is owned elsewhere, does not
 * affect the others. A second lock keeps two processes that start together from taking half of the
 * events each: among processes that serve the same list, its holder leads and takes events, and the
 * others follow.
 *
 * If several processes share the events ([owner] owners), there is no leader. Each has a place,
 * which is a lock as well. So one query of the locks shows who is alive and who owns what, without
 * a clock or heartbeats. From it each process computes which free events it should take
 * (owners/placing.h). If two saw different states, the event's lock decides.
 *
 * After a broken connection, old backends of ours may still have our locks. They are ended, the
 * locks are taken again, and the epoch is raised, which fences those backends off; that is not done
 * while one of them is at work. Each event is regained separately: if its row is locked, the event
 * is stuck, so its changes are refused until it is regained. Its part of an unfinished batch stays
 * open until then.
 *
 * Threading: the committer's; taking an event over is the reader's part (reader.c). */
#include "journal/journal_internal.h"
#include "owners/placing.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* Processes that serve the same list share a key; one of them leads. */
static int32_t list_key(const struct journal *journal)
{
    return (int32_t)(journal_list_hash(journal) & INT32_MAX);
}

/* A process in the registry first needs the lock of its name. */
static bool may_join(const struct journal *journal)
{
    return journal->named || journal->conf.address.open[0] == '\0';
}

/* ---- regaining ownership ---- */

/* Checks that the epoch in the owner row is one that we raised, perhaps over a connection that
 * broke before the result arrived. ERR_STATE: another process has taken the event. */
static int look_at_epoch(struct journal *journal, const struct journal_event *event,
                         struct err_slot *err, uint64_t *epoch)
{
    struct store_owner owner;
    int rc = store_owners_read(journal->pg, &event->id.no, 1, span_of(journal->instance), 0, err,
                               &owner);
    rc = rc == 0 ? owner.rc : rc;
    if (rc < 0)
        return rc;
    *epoch = owner.head.epoch;
    return owner.its ? 0
                     : err_set(err, ERR_STATE, "%s: epoch %" PRIu64 " has begun", event->id.id,
                               owner.head.epoch);
}

/* Unless an event is cut, all locks of our old backends are ours again or have another owner. */
static void forget_backends(struct journal *journal)
{
    for (uint32_t nth = 0; nth < journal_len(journal); nth++)
        if (journal->events[nth].cut)
            return;
    journal->backends[0] = pg_backend_pid(journal->pg);
    journal->backends_len = 1;
}

static int end_own(struct journal *journal, enum store_lock lock, int32_t key, struct err_slot *err)
{
    assert(journal->backends_len > 0); /* includes this session's own */
    return store_end_backends(journal->pg, lock, key, journal->backends, journal->backends_len,
                              err);
}

/* One statement for all events; waits for no lock. */
static int look_at_rows(struct journal *journal, const uint32_t *events, uint32_t len,
                        struct err_slot *err, bool *is_free)
{
    int32_t keys[EVENTS_MAX] = {0};
    for (uint32_t i = 0; i < len; i++)
        keys[i] = journal->events[events[i]].id.no;
    int rc = store_free(journal->pg, keys, len, err, is_free);
    for (uint32_t i = 0; rc == 0 && i < len; i++)
        if (!is_free[i])
            role_stick(journal, &journal->events[events[i]],
                       "another session of PostgreSQL has locked its row in seats.owner", 0);
    return rc;
}

/* Takes the lock again. ERR_STATE: another epoch has begun. ERR_EXISTS: not yet; the lock is held
 * by an old backend of ours, which is about to end, or by a standby that is about to raise the
 * epoch. */
static int lock_again(struct journal *journal, struct journal_event *event, struct err_slot *err,
                      uint64_t *epoch)
{
    /* From an earlier attempt: locking it twice would need two unlocks. */
    bool got = event->lock == LOCK_OURS;
    assert(event->cut);
    int rc = got ? 0 : store_lock(journal->pg, STORE_LOCK_EVENT, &event->id.no, 1, err, &got);
    if (rc == 0 && got) {
        pthread_mutex_lock(&journal->lock);
        event->lock = LOCK_OURS;
        pthread_mutex_unlock(&journal->lock);
    }
    if (rc == 0)
        rc = look_at_epoch(journal, event, err, epoch);
    if (rc < 0 || got)
        return rc;
    rc = end_own(journal, STORE_LOCK_EVENT, event->id.no, err);
    return rc < 0 ? rc : err_set(err, ERR_EXISTS, "another session has its lock");
}

/* The lead goes first: otherwise the next process would take the events one by one. If another
 * process leads already, it will soon have raised their epochs. */
static int lead_again(struct journal *journal, struct err_slot *err)
{
    int32_t key = list_key(journal);
    uint64_t until_us = journal_now_us(journal) + OWNER_SILENT_MS * UINT64_C(1000);
    assert(!journal_shares(journal));
    while (!atomic_load_explicit(&journal->stopping, memory_order_acquire)) {
        bool got = false, over = journal_now_us(journal) >= until_us;
        int rc = store_lock(journal->pg, STORE_LOCK_LEAD, &key, 1, err, &got);
        for (uint32_t nth = 0; rc == 0 && !got && nth < journal_len(journal); nth++) {
            uint64_t epoch;
            rc = journal_owns(journal, nth)
                     ? look_at_epoch(journal, &journal->events[nth], err, &epoch)
                     : 0;
        }
        if (rc < 0 || got || over) {
            pthread_mutex_lock(&journal->lock);
            journal->leads = got;
            pthread_mutex_unlock(&journal->lock);
            return rc;
        }
        rc = end_own(journal, STORE_LOCK_LEAD, key, err);
        if (rc < 0)
            return rc;
        batch_refuse_older(journal, JOURNAL_WAIT_MS);
        commit_queue_wait(journal->conf.queue, JOURNAL_RETRY_MIN_MS);
    }
    return err_set(err, ERR_CLOSED, "stopping");
}

int ownership_is_written(struct journal *journal, const struct journal_event *event,
                         const struct store_head *head, struct err_slot *err, bool *written)
{
    struct chain chain = {0};
    int rc = store_link(journal->pg, event->id.no, head->seq, err, &chain);
    *written = rc == 0 && memcmp(chain.bytes, head->chain.bytes, CHAIN_BYTES) == 0;
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

/* Answers the event's open changes, or queues them again under the same numbers. */
static void settle(struct journal *journal, uint32_t nth, bool written)
{
    struct journal_event *event = &journal->events[nth];
    assert(!written || event->open != NULL);
    if (event->open == NULL)
        return;
    journal_count(written ? &journal->stats.settled_written : &journal->stats.settled_again, 1);
    if (!written) {
        batch_reopen(journal, event);
        return;
    }
    batch_settle(journal, event, 0);
    batch_answered(journal, nth, event->head.seq);
}

/* Regains one event under a new epoch and settles its open part. ERR_EXISTS: not yet, because its
 * lock or row is held: waiting for the row here would delay the others. ERR_STATE: the journal's
 * end does not match what we wrote. Without an open part the branch continues, so no reader has to
 * start over. An open part may have been shown by a standby and then lost by a fail-over, and other
 * changes may get its numbers: these are in another branch. */
static int regain(struct journal *journal, uint32_t nth, struct err_slot *err)
{
    struct journal_event *event = &journal->events[nth];
    struct store_raise raise = {0};
    bool written = false, is_free = false;
    if (event->open == NULL)
        event->claimed = event->line.now;
    int rc = lock_again(journal, event, err, &raise.was);
    if (rc == 0)
        rc = look_at_rows(journal, &nth, 1, err, &is_free);
    if (rc == 0 && is_free)
        rc = journal_raise(journal, journal->pg, &nth, &raise, 1, err);
    if (rc == 0 && (!is_free || raise.rc == ERR_EXISTS))
        rc = err_set(err, ERR_EXISTS, "another session has its row");
    rc = rc == 0 ? raise.rc : rc;
    const struct store_head head = raise.head;
    if (rc == 0 && event->open != NULL)
        rc = ownership_is_written(journal, event, &event->open_head, err, &written);
    if (rc != 0)
        return rc;
    const struct store_head *expected = written ? &event->open_head : &event->head;
    if (!journal_same_place(&head, expected))
        return err_set(err, ERR_STATE, "the journal of %s ends at %" PRIu64 " instead of %" PRIu64,
                       event->id.id, head.seq, expected->seq);
    event->head = head;
    event->claimed = 0;
    event->cut = false;
    pthread_mutex_lock(&journal->lock);
    journal_set_line(event, &raise.line);
    pthread_mutex_unlock(&journal->lock);
    settle(journal, nth, written);
    role_unstick(journal, event);
    return 0;
}

/* A part written before the other epoch began still counts. If the journal has everything we
 * acknowledged, the rest of memory is right. If not, cached results of requests are wrong as well;
 * and if one process leads, another has or will have all events. */
int ownership_lose(struct journal *journal, uint32_t nth, struct err_slot *err)
{
    struct journal_event *event = &journal->events[nth];
    struct err_slot other = {0};
    bool open_written = false, all_there = false;
    assert(journal_owns(journal, nth));
    int rc = ownership_is_written(journal, event, &event->head, &other, &all_there);
    if (rc == 0 && event->open != NULL)
        rc = ownership_is_written(journal, event, &event->open_head, &other, &open_written);
    if (rc < 0) {
        *err = other;
        return rc;
    }
    if (event->open != NULL)
        batch_settle(journal, event, open_written ? 0 : ERR_STATE);
    if (!all_there || !(journal->leads || journal_shares(journal)))
        return ERR_STATE;
    role_lose(journal, event, err->text);
    reader_nudge(journal);
    return 0;
}

static int regain_or_lose(struct journal *journal, uint32_t nth, struct err_slot *err)
{
    int rc = regain(journal, nth, err);
    return rc == ERR_STATE || rc == ERR_NOT_FOUND ? ownership_lose(journal, nth, err) : rc;
}

/* One round. An error of one event only means that it stays cut, or is lost. */
static int regain_each(struct journal *journal, struct err_slot *err, uint32_t *regained,
                       uint32_t *waiting)
{
    int refused = 0;
    *regained = *waiting = 0;
    for (uint32_t nth = 0; nth < journal_len(journal); nth++) {
        if (!journal->events[nth].cut)
            continue;
        int rc = regain_or_lose(journal, nth, err);
        if (rc < 0 && rc != ERR_EXISTS && rc != ERR_PEER)
            return rc;
        *regained += rc == 0;
        *waiting += rc == ERR_EXISTS;
        refused = rc == ERR_PEER ? rc : refused;
    }
    return *regained + *waiting > 0 ? 0 : refused;
}

/* All locks belonged to one session: until one is free, that session lives. Afterwards each is
 * free, or another process has it. */
int ownership_regain(struct journal *journal, struct err_slot *err)
{
    bool any = false, goes_on = journal_owns_any(journal);
    assert(!journal->connected);
    int rc = goes_on && !journal_shares(journal) ? lead_again(journal, err) : 0;
    for (uint32_t nth = 0; nth < journal_len(journal); nth++)
        journal->events[nth].cut = journal_owns(journal, nth);
    while (rc == 0 && goes_on) {
        uint32_t regained, waiting;
        rc = regain_each(journal, err, &regained, &waiting);
        any = any || regained > 0;
        goes_on = waiting > 0 && (regained > 0 || !any);
        if (rc == 0 && goes_on && atomic_load_explicit(&journal->stopping, memory_order_acquire))
            return err_set(err, ERR_CLOSED, "stopping");
        if (rc == 0 && goes_on && regained == 0) {
            batch_refuse_older(journal, JOURNAL_WAIT_MS);
            commit_queue_wait(journal->conf.queue, JOURNAL_RETRY_MIN_MS);
        }
    }
    if (any && rc == ERR_PEER)
        rc = 0;
    for (uint32_t nth = 0; rc == 0 && nth < journal_len(journal); nth++)
        if (journal->events[nth].cut)
            role_stick(journal, &journal->events[nth], "it was not regained yet", 0);
    return rc;
}

/* ---- events that cannot be written ---- */

int ownership_stick_locked(struct journal *journal, const uint32_t *events, uint32_t len,
                           struct err_slot *err, bool *any)
{
    bool is_free[EVENTS_MAX];
    int rc = look_at_rows(journal, events, len, err, is_free);
    *any = false;
    for (uint32_t i = 0; rc == 0 && i < len; i++)
        *any = *any || !is_free[i];
    return rc;
}

int ownership_free(struct journal *journal, struct err_slot *err)
{
    uint32_t events[EVENTS_MAX], len = 0;
    bool is_free[EVENTS_MAX];
    uint64_t now_us = journal_now_us(journal);
    for (uint32_t nth = 0; nth < journal_len(journal); nth++)
        if (journal_owns(journal, nth) && journal_is_stuck(journal, nth) &&
            now_us >= journal->events[nth].stuck_until_us)
            events[len++] = nth;
    int rc = len > 0 ? look_at_rows(journal, events, len, err, is_free) : 0;
    for (uint32_t i = 0; i < len; i++) {
        struct journal_event *event = &journal->events[events[i]];
        int its = rc;
        if (its == 0 && !is_free[i])
            continue;
        if (its == 0 && event->cut)
            its = regain_or_lose(journal, events[i], err);
        if (its == 0 && journal_owns(journal, events[i]))
            role_unstick(journal, event);
        else if (its == ERR_PEER || its == ERR_EXISTS)
            role_stick(journal, event, err->text, EVENT_RETRY_MIN_MS);
        else if (its < 0)
            return its;
    }
    return 0;
}

/* ---- locks ---- */

/* Chooses the events to lock: read or being read, and not ours yet. Releases the lock of an event
 * that is out, since another process may be able to read it, and a stale lock before it is taken
 * again: the session would have it twice. */
static int choose(struct journal *journal, struct err_slot *err, uint32_t *chosen, uint32_t *len)
{
    int rc = 0;
    *len = 0;
    for (uint32_t nth = 0; rc == 0 && nth < journal_len(journal); nth++) {
        struct journal_event *event = &journal->events[nth];
        pthread_mutex_lock(&journal->lock);
        enum journal_state state = journal_state_of(event);
        bool tries = state == JOURNAL_EVENT_LOADING || state == JOURNAL_EVENT_FOLLOWING;
        bool ours = event->lock == LOCK_OURS && state != JOURNAL_EVENT_OUT;
        bool back = event->lock != LOCK_NONE && !ours;
        bool stays =
            !event->asleep && !event->retired && (event->placed || !journal_shares(journal));
        event->lock = ours ? LOCK_OURS : LOCK_NONE;
        pthread_mutex_unlock(&journal->lock);
        if (back)
            rc = store_unlock(journal->pg, STORE_LOCK_EVENT, event->id.no, err);
        if (!ours && stays && tries)
            chosen[(*len)++] = nth;
    }
    return rc;
}

/* Releases an event that the reader has found unused. Its lock goes before its place, so that a
 * lock is never recorded for another event: only this thread frees places and records locks. */
static int let_go(struct journal *journal, struct journal_event *event, struct err_slot *err)
{
    pthread_mutex_lock(&journal->lock);
    enum journal_state state = journal_state_of(event);
    bool goes = event->given && state != JOURNAL_EVENT_ASLEEP;
    bool locked = event->lock != LOCK_NONE || state == JOURNAL_EVENT_OWNED;
    pthread_mutex_unlock(&journal->lock);
    int rc = goes && locked ? store_unlock(journal->pg, STORE_LOCK_EVENT, event->id.no, err) : 0;
    if (!goes || rc < 0)
        return rc;
    assert(event->open == NULL); /* the host waits for everything it has submitted */
    pthread_mutex_lock(&journal->lock);
    event->lock = LOCK_NONE;
    event->cut = false;
    atomic_store_explicit(&event->stuck, false, memory_order_relaxed);
    role_move_event(journal, event, JOURNAL_EVENT_ASLEEP);
    pthread_mutex_unlock(&journal->lock);
    reader_nudge(journal);
    return 0;
}

/* Tries the locks of these events. The reader may take over those we get, from the epochs read
 * here. others[]: keys that other sessions hold. */
static int lock_events(struct journal *journal, const uint32_t *chosen, uint32_t len,
                       struct err_slot *err, int32_t *others, uint32_t *others_len)
{
    int32_t keys[EVENTS_MAX];
    uint32_t ours[EVENTS_MAX], ours_len = 0;
    bool got[EVENTS_MAX] = {false};
    struct store_owner owners[EVENTS_MAX];
    for (uint32_t i = 0; i < len; i++)
        keys[i] = journal->events[chosen[i]].id.no;
    int rc = len > 0 ? store_lock(journal->pg, STORE_LOCK_EVENT, keys, len, err, got) : 0;
    *others_len = 0;
    for (uint32_t i = 0; rc == 0 && i < len; i++) {
        if (!got[i])
            others[(*others_len)++] = keys[i];
        else
            ours[ours_len++] = chosen[i];
    }
    if (rc < 0 || ours_len == 0)
        return rc;
    for (uint32_t i = 0; i < ours_len; i++)
        keys[i] = journal->events[ours[i]].id.no;
    pthread_mutex_lock(&journal->lock);
    uint64_t since_ms = journal->led_since_ms;
    pthread_mutex_unlock(&journal->lock);
    rc = store_owners_read(journal->pg, keys, ours_len, span_of(journal->instance), since_ms, err,
                           owners);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&journal->lock);
    for (uint32_t i = 0; i < ours_len; i++) {
        struct journal_event *event = &journal->events[ours[i]];
        assert(event->lock == LOCK_NONE);
        rc = owners[i].rc < 0 ? owners[i].rc : rc;
        event->lock = owners[i].rc == 0 ? LOCK_OURS : LOCK_NONE;
        event->locked_epoch = owners[i].head.epoch;
        event->asked_ms = owners[i].asked_ms;
    }
    role_judge(journal);
    pthread_mutex_unlock(&journal->lock);
    reader_nudge(journal);
    return rc;
}

static int try_events(struct journal *journal, struct err_slot *err)
{
    uint32_t chosen[EVENTS_MAX], len, others_len;
    int32_t others[EVENTS_MAX];
    bool ended = false;
    int rc = choose(journal, err, chosen, &len);
    if (rc == 0)
        rc = lock_events(journal, chosen, len, err, others, &others_len);
    if (rc == 0 && others_len > 0)
        rc = store_end_silent(journal->pg, STORE_LOCK_EVENT, others, others_len, OWNER_SILENT_MS,
                              err, &ended);
    if (ended)
        journal->watch_at_us = 0;
    return rc;
}

/* Tries the lead, and ends a leader that hangs. */
static int try_lead(struct journal *journal, struct err_slot *err)
{
    int32_t key = list_key(journal);
    bool got = false, ended = false;
    assert(!journal->leads); /* otherwise the session would have the lock twice */
    int rc = store_lock(journal->pg, STORE_LOCK_LEAD, &key, 1, err, &got);
    if (rc == 0 && !got)
        rc = store_end_silent(journal->pg, STORE_LOCK_LEAD, &key, 1, OWNER_SILENT_MS, err, &ended);
    if (rc == 0 && ended)
        rc = store_lock(journal->pg, STORE_LOCK_LEAD, &key, 1, err, &got);
    if (rc == 0 && got) {
        pthread_mutex_lock(&journal->lock);
        journal->leads = true;
        role_judge(journal);
        pthread_mutex_unlock(&journal->lock);
    }
    return rc;
}

/* ---- several owners ---- */

/* Processes that serve the same list share OWNERS_MAX places. */
static int32_t place_key(const struct journal *journal, uint32_t place)
{
    static_assert((OWNERS_MAX & (OWNERS_MAX - 1)) == 0, "a power of two");
    assert(place < OWNERS_MAX); /* otherwise it would belong to another list */
    return (int32_t)(((uint32_t)list_key(journal) & ~(uint32_t)(OWNERS_MAX - 1)) | place);
}

/* Results of one query of the locks. */
struct look {
    struct journal *journal;
    struct placing placing;
    int32_t pid[OWNERS_MAX]; /* of the members */
    int32_t owner[EVENTS_MAX];
    bool owned[EVENTS_MAX], owned_by_others[EVENTS_MAX];
    int32_t silent[EVENTS_MAX], silent_places[OWNERS_MAX]; /* keys */
    uint32_t silent_len, silent_places_len;
};

static void on_held(void *ctx, const struct store_held *held)
{
    struct look *look = ctx;
    if (held->lock == STORE_LOCK_PLACE) {
        for (uint32_t place = 0; place < OWNERS_MAX; place++) {
            if (held->key != place_key(look->journal, place))
                continue;
            look->placing.alive[place] = true;
            look->pid[place] = held->pid;
            if (held->silent && !held->ours)
                look->silent_places[look->silent_places_len++] = held->key;
        }
    } else {
        const struct journal *journal = look->journal;
        for (uint32_t nth = 0; nth < journal_len(journal); nth++) {
            const struct journal_event *event = &journal->events[nth];
            if (journal_state_of(event) == JOURNAL_EVENT_ASLEEP || held->key != event->id.no)
                continue;
            look->owned[nth] = true;
            look->owned_by_others[nth] = !held->ours;
            look->owner[nth] = held->pid;
            if (held->silent && !held->ours)
                look->silent[look->silent_len++] = held->key;
        }
    }
}

/* Takes a free place, if we have none. If there is none, the next poll tries again. */
static int join(struct journal *journal, struct look *look, struct err_slot *err)
{
    bool got = false;
    int rc = 0;
    bool joins = !journal->leads && may_join(journal);
    for (uint32_t place = 0; joins && rc == 0 && !got && place < OWNERS_MAX; place++) {
        int32_t key = place_key(journal, place);
        if (look->placing.alive[place])
            continue;
        rc = store_lock(journal->pg, STORE_LOCK_PLACE, &key, 1, err, &got);
        journal->place = place;
    }
    if (!got)
        return rc;
    look->placing.alive[journal->place] = true;
    journal->rejoined_at_us = journal_now_us(journal);
    if (journal->joined_at_us == 0)
        journal->joined_at_us = journal->rejoined_at_us;
    pthread_mutex_lock(&journal->lock);
    journal->leads = true;
    role_judge(journal);
    pthread_mutex_unlock(&journal->lock);
    return 0;
}

/* The awake events by their number in the database: the same order in every process. Numbers in
 * memory differ. */
static uint32_t in_order(struct journal *journal, uint32_t *order)
{
    uint32_t len = 0;
    for (uint32_t nth = 0; nth < journal_len(journal); nth++) {
        uint32_t at = len;
        pthread_mutex_lock(&journal->lock);
        bool awake = journal_state_of(&journal->events[nth]) != JOURNAL_EVENT_ASLEEP &&
                     !journal->events[nth].asleep && !journal->events[nth].retired;
        pthread_mutex_unlock(&journal->lock);
        if (!awake)
            continue;
        for (; at > 0 && journal->events[order[at - 1]].id.no > journal->events[nth].id.no; at--)
            order[at] = order[at - 1];
        order[at] = nth;
        len += 1;
    }
    return len;
}

/* Reduces the chosen events to those that we should take. */
static uint32_t take_turns(struct journal *journal, struct look *look, uint32_t *chosen,
                           uint32_t len)
{
    struct placing_event judged[EVENTS_MAX];
    bool turn[EVENTS_MAX], mine[EVENTS_MAX] = {false}, placed[EVENTS_MAX];
    uint32_t order[EVENTS_MAX], kept = 0;
    uint32_t awake = in_order(journal, order);
    assert(journal->joined_at_us != 0);
    assert(journal->rejoined_at_us >= journal->joined_at_us);
    /* How long each event has been free, and what follows from it. */
    uint64_t now_us = journal_now_us(journal);
    for (uint32_t i = 0; i < awake; i++) {
        uint32_t nth = order[i];
        struct journal_event *event = &journal->events[nth];
        event->was_owned = event->was_owned || look->owned_by_others[nth];
        if (look->owned[nth] || event->free_since_us == 0)
            event->free_since_us = now_us;
        pthread_mutex_lock(&journal->lock);
        /* A wish may be newer than one read while the event had an owner. */
        event->placed = event->placed && (look->owned[nth] || event->seen_free);
        event->seen_free = !look->owned[nth];
        placed[nth] = event->placed;
        enum placing_wish wish = event->wish;
        pthread_mutex_unlock(&journal->lock);
        if (!placed[nth])
            reader_nudge(journal);
        judged[i] = placing_judge(&(struct placing_seen){
            .wish = wish,
            .owned = look->owned[nth],
            .was_owned = event->was_owned,
            .free_ms = (now_us - event->free_since_us) / 1000,
            .here_ms = (now_us - journal->joined_at_us) / 1000,
            .again_ms = (now_us - journal->rejoined_at_us) / 1000,
        });
    }
    look->placing.self = journal->place;
    look->placing.expected = journal->conf.owners;
    placing_choose(&look->placing, judged, awake, turn);
    for (uint32_t i = 0; i < awake; i++)
        mine[order[i]] = turn[i] && placed[order[i]];
    for (uint32_t i = 0; i < len; i++) {
        /* If we still have the lock while another process took the event meanwhile, record it
         * again. */
        bool kept_lock = look->owned[chosen[i]] && !look->owned_by_others[chosen[i]];
        if (mine[chosen[i]] || kept_lock)
            chosen[kept++] = chosen[i];
    }
    return kept;
}

static int share_events(struct journal *journal, struct err_slot *err)
{
    struct look look = {.journal = journal};
    uint32_t chosen[EVENTS_MAX], len = 0, others_len;
    int32_t others[EVENTS_MAX];
    int rc = store_held(journal->pg, OWNER_SILENT_MS, err, on_held, &look);
    if (rc == 0) {
        bool ended = false, places_ended = false;
        if (look.silent_len > 0)
            rc = store_end_silent(journal->pg, STORE_LOCK_EVENT, look.silent, look.silent_len,
                                  OWNER_SILENT_MS, err, &ended);
        if (rc == 0 && look.silent_places_len > 0)
            rc = store_end_silent(journal->pg, STORE_LOCK_PLACE, look.silent_places,
                                  look.silent_places_len, OWNER_SILENT_MS, err, &places_ended);
        if (ended || places_ended)
            journal->watch_at_us = 0;
    }
    if (rc == 0)
        rc = join(journal, &look, err);
    if (rc < 0 || !journal->leads)
        return rc;
    for (uint32_t nth = 0; nth < EVENTS_MAX; nth++)
        for (uint32_t place = 0; look.owned[nth] && place < OWNERS_MAX; place++)
            if (look.placing.alive[place] && look.pid[place] == look.owner[nth])
                look.placing.load[place] += 1;
    rc = choose(journal, err, chosen, &len);
    len = rc == 0 ? take_turns(journal, &look, chosen, len) : 0;
    return rc == 0 ? lock_events(journal, chosen, len, err, others, &others_len) : rc;
}

/* ---- the process's name ---- */

/* `got`: we have the lock of our name. If not for too long, two processes have the same name. */
static void note_name(struct journal *journal, bool got)
{
    uint64_t now_us = journal_now_us(journal);
    if (got || journal->name_asked_us == 0)
        journal->name_asked_us = got ? 0 : now_us;
    bool namesake = !got && now_us - journal->name_asked_us >= NAMESAKE_MS * UINT64_C(1000);
    pthread_mutex_lock(&journal->lock);
    bool was_namesake = journal->namesake;
    journal->named = got;
    journal->namesake = namesake;
    role_judge(journal);
    pthread_mutex_unlock(&journal->lock);
    if (got || namesake)
        forget_backends(journal);
    if (namesake && !was_namesake) {
        const char *why = journal_owns_any(journal)
                              ? "this one keeps what it owns, and gets nothing else until each has "
                                "a name of its own"
                              : "this one owns nothing until each has a name of its own";
        struct log_line line;
        log_begin(&line, journal->conf.log, LOG_LEVEL_ERROR, "another process has our name");
        log_cstr(&line, "setting", "[journal] instance");
        log_cstr(&line, "instance", journal->conf.instance);
        log_cstr(&line, "address", journal->conf.address.open);
        log_cstr(&line, "why", why);
        log_end(&line);
    }
}

/* A process is identified by its name in the registry, in moves, at the edge and in redirects. The
 * second process of a name takes no events until the first is gone. An old backend of ours that has
 * the lock is ended, as is a silent one. */
static int claim_name(struct journal *journal, struct err_slot *err)
{
    /* The list's processes get one key per name. */
    uint32_t hash = journal_hash_on((journal_list_hash(journal) ^ '#') * UINT32_C(16777619),
                                    journal->conf.instance);
    int32_t key = (int32_t)(hash & INT32_MAX);
    bool got = false, ended = false;
    if (may_join(journal)) {
        forget_backends(journal);
        return 0;
    }
    int rc = end_own(journal, STORE_LOCK_NAME, key, err);
    if (rc == 0)
        rc = store_lock(journal->pg, STORE_LOCK_NAME, &key, 1, err, &got);
    if (rc == 0 && !got)
        rc = store_end_silent(journal->pg, STORE_LOCK_NAME, &key, 1, OWNER_SILENT_MS, err, &ended);
    if (rc == 0)
        note_name(journal, got);
    if (ended)
        journal->watch_at_us = 0;
    return rc;
}

/* ---- the process's clock ---- */

/* Seats use the server's clock. But if this machine's clock, or the sale's time, is far from it,
 * one of them is wrong, and a process that owns nothing leaves events to others. */
static int note_clock(struct journal *journal, struct err_slot *err)
{
    bool apart = !journal_owns_any(journal) && !sale_clock_is_trusted(journal->conf.sale);
    if (apart && journal->leads) { /* another process may take its place */
        bool shares = journal_shares(journal);
        int32_t key = shares ? place_key(journal, journal->place) : list_key(journal);
        int rc = store_unlock(journal->pg, shares ? STORE_LOCK_PLACE : STORE_LOCK_LEAD, key, err);
        if (rc < 0)
            return rc;
    }
    pthread_mutex_lock(&journal->lock);
    bool was_apart = journal->apart;
    journal->apart = apart;
    journal->leads = journal->leads && !apart;
    role_judge(journal);
    pthread_mutex_unlock(&journal->lock);
    if (apart && !was_apart) {
        struct log_line line;
        log_begin(&line, journal->conf.log, LOG_LEVEL_ERROR,
                  "the clocks of this machine and of PostgreSQL are apart");
        log_u64(&line, "apart_ms",
                atomic_load_explicit(&journal->stats.clock_apart_ms, memory_order_relaxed));
        log_u64(&line, "sale_apart_ms",
                atomic_load_explicit(&journal->conf.sale->apart_ms, memory_order_relaxed));
        log_cstr(&line, "why", "this one owns nothing until they agree");
        log_end(&line);
    }
    return 0;
}

/* Polls for free locks. */
int ownership_watch(struct journal *journal, struct err_slot *err)
{
    int rc = 0;
    assert(journal->connected);
    journal->watch_at_us = journal_now_us(journal) + STANDBY_POLL_MS * 1000;
    for (uint32_t nth = 0; rc == 0 && nth < journal_len(journal); nth++)
        rc = let_go(journal, &journal->events[nth], err);
    if (rc == 0)
        rc = claim_name(journal, err);
    if (rc == 0)
        rc = note_clock(journal, err);
    if (rc < 0 || journal->apart)
        return rc;
    if (journal_shares(journal))
        return share_events(journal, err);
    rc = journal->leads || !may_join(journal) ? 0 : try_lead(journal, err);
    if (rc == 0 && !journal->namesake && (journal->leads || journal_owns_any(journal)))
        rc = try_events(journal, err);
    return rc;
}
