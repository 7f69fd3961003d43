/* reader.c: the thread that reads documents and journals to their end, repeatedly while others
 * write them. It has its own connection, so that neither slow work nor waiting for a lock delays
 * the committer's next transaction.
 *
 * Both threads take part in taking an event over. The committer tries the lock, which belongs to
 * its session, and records the epoch that it found. The reader raises the epoch if it has not
 * changed, reads the rest of the journal, and hands the event to the committer if that still has
 * the lock. The lock says who may try, the epoch who may write: if the lock is lost in between, the
 * worst case is that another owner has to be found.
 *
 * An event that cannot be read is out: the reason is reported, its lock released, and reading is
 * retried from the document on, with exponential backoff. The others go on.
 *
 * Rejected: reading on the committer's thread. It saved a connection, but reading one event's plan
 * paused the sales of all others. */
#include "journal/follower.h"
#include "journal/journal_internal.h"
#include "pace/backoff.h"
#include "system/system.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static uint64_t sale_ms(const struct journal *journal)
{
    return clock_wall_us(&journal->conf.sale->clock) / 1000;
}

static bool is_stopping(const struct journal *journal)
{
    return atomic_load_explicit(&journal->stopping, memory_order_acquire);
}

static void move(struct journal *journal, struct journal_event *event, enum journal_state state)
{
    pthread_mutex_lock(&journal->lock);
    role_move_event(journal, event, state);
    pthread_mutex_unlock(&journal->lock);
}

/* ---- reading ---- */

/* Applies a change that the follower has verified. */
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

/* *whole: read to the journal's end; otherwise its time slice is over, or it has to leave because
 * another document counts now. */
static int follow(struct journal *journal, uint32_t nth, struct err_slot *err, bool *whole)
{
    const uint64_t until_us = journal_now_us(journal) + READER_PIECE_MS * UINT64_C(1000);
    struct journal_event *event = &journal->events[nth];
    assert(!journal_owns(journal, nth)); /* otherwise its head belongs to the committer */
    struct target target = {&journal->conf.host, nth};
    struct follower follower = {
        .event = event->id.no,
        .id = event->id.id,
        .head = event->head,
        .apply = apply_row,
        .ctx = &target,
    };
    bool more = true;
    int rc = 0;
    do {
        rc = follower_read_some(&follower, journal->reader_pg, READER_ROWS, err, &more);
    } while (rc == 0 && more && journal_now_us(journal) < until_us && !is_stopping(journal));
    assert(follower.head.seq >= event->head.seq);
    event->head.seq = follower.head.seq;
    event->head.chain = follower.head.chain;
    *whole = rc == 0 && !more;
    if (rc == ERR_NOT_FOUND) {
        event->why = LEAVE_STALE;
        rc = 0;
    }
    if (rc == 0 && !*whole)
        reader_nudge(journal); /* there is more to read */
    return rc;
}

/* Reads the rest of an event that was recently read to its end. */
static int follow_whole(struct journal *journal, uint32_t nth, struct err_slot *err)
{
    const struct journal_event *event = &journal->events[nth];
    bool whole = false;
    int rc = 0;
    while (rc == 0 && !whole && event->why == LEAVE_STAYS)
        rc = is_stopping(journal) ? err_set(err, ERR_CLOSED, "stopping")
                                  : follow(journal, nth, err, &whole);
    return rc;
}

/* Loads the document, then the newest snapshot that this program can read; without one the journal
 * is replayed from its first row. *there: it is loaded; otherwise try again soon. */
static int load(struct journal *journal, uint32_t nth, struct err_slot *err, bool *there)
{
    struct journal_event *event = &journal->events[nth];
    const struct journal_host *host = &journal->conf.host;
    struct pg *pg = journal->reader_pg;
    struct store_document document;
    assert(!event->begun);
    int rc = discover_document(journal, nth, err, &document);
    if (rc < 0 || document.body == NULL)
        return rc;
    rc = host->found(host->ctx, nth, &event->id, &document, err);
    free(document.body);
    uint8_t *snapshot = NULL;
    struct store_head at = {.chain = chain_first(span_of(event->id.id))};
    size_t snapshot_len = 0;
    if (rc == ERR_NOT_FOUND) { /* read before, and corrected since */
        event->why = LEAVE_STALE;
        return 0;
    }
    if (rc < 0)
        return err_wrap(err, "the document of %s", event->id.id);
    rc = store_snapshot(pg, event->id.no, UINT64_MAX, document.since, err, &at, &snapshot,
                        &snapshot_len);
    if (rc == 0)
        rc = host->load(host->ctx, nth, (struct span){(char *)snapshot, snapshot_len}, err);
    free(snapshot);
    if (rc == ERR_NOT_FOUND || rc == ERR_SYNTAX) { /* no snapshot, or another format */
        at = (struct store_head){.chain = chain_first(span_of(event->id.id))};
        rc = host->load(host->ctx, nth, (struct span){NULL, 0}, err);
    }
    if (rc < 0)
        return err_wrap(err, "loading %s", event->id.id);
    event->head = at;
    pthread_mutex_lock(&journal->lock);
    journal_set_line(event, &(struct store_line){0});
    pthread_mutex_unlock(&journal->lock);
    *there = true;
    return 0;
}

/* Reads sessions ended by other processes, or by an earlier run of this one. The database numbers
 * rows before the commit that shows them, so rows of two writers may appear out of order: each read
 * repeats the last few. */
static int follow_ended(struct journal *journal, struct err_slot *err)
{
    enum { ENDED_AGAIN = 64 };
    const struct journal_host *host = &journal->conf.host;
    uint64_t *seen = &journal->ended_seen;
    struct sql_ended_read_args args = {*seen > ENDED_AGAIN ? *seen - ENDED_AGAIN : 0,
                                       PASS_REVOKED_MAX};
    PGresult *res;
    if (host->ended == NULL)
        return 0;
    int rc = sql_ended_read(journal->reader_pg, &args, err, &res);
    if (rc < 0)
        return err_wrap(err, "reading ended sessions");
    for (int i = PQntuples(res); i-- > 0;) {
        struct sql_ended_read_row row = sql_ended_read_row(res, i);
        *seen = row.no > *seen ? row.no : *seen;
        host->ended(host->ctx, row.session, row.until_ms / 1000);
    }
    PQclear(res);
    return 0;
}

/* ---- taking over ---- */

/* The first row of a journal names the plan. It is written like any other change, but no request
 * waits for it, so it needs no loop's entry. */
static int write_first(struct journal *journal, uint32_t nth, struct err_slot *err)
{
    struct journal_event *event = &journal->events[nth];
    const struct journal_host *host = &journal->conf.host;
    struct commit_entry *entry = calloc(1, sizeof(*entry));
    uint8_t *memory = malloc(JOURNAL_FIRST_BYTES);
    int rc = entry == NULL || memory == NULL ? err_set(err, ERR_NOMEM, "a change") : 0;
    if (rc == 0) {
        host->first(host->ctx, nth, &entry->op.change);
        assert(event->head.seq == 0);
        assert(entry->op.change.kind == CHANGE_IMPORTED);
        struct store_batch part = {
            .event = event->id.no, .head = event->head, .entries = &entry, 1};
        rc = store_commit(journal->reader_pg, &part, 1, memory, JOURNAL_FIRST_BYTES, err);
        if (rc == 0 && !part.written)
            rc = err_set(err, ERR_STATE, "another epoch has begun");
        if (rc == 0)
            rc = host->apply(host->ctx, nth, &entry->op.change, (struct span){NULL, 0}, err);
        if (rc == 0)
            event->head = part.after;
    }
    free(memory);
    free(entry);
    return rc;
}

static void log_owner(struct journal *journal, const struct journal_event *event,
                      const struct store_head *head)
{
    struct log_line line;
    log_begin(&line, journal->conf.log, LOG_LEVEL_INFO, "owner");
    log_cstr(&line, "event", event->id.id);
    log_u64(&line, "epoch", head->epoch);
    log_u64(&line, "seq", head->seq);
    log_end(&line);
}

/* Hands the event to the committer, if that still has the lock. */
static void give(struct journal *journal, uint32_t nth, const struct store_line *line)
{
    struct journal_event *event = &journal->events[nth];
    const struct store_head head = event->head;
    assert(head.epoch > 0); /* it was raised */
    assert(head.seq > 0);   /* and the plan is in the journal */
    pthread_mutex_lock(&journal->lock);
    bool taken = event->lock == LOCK_OURS && event->locked_epoch <= head.epoch &&
                 journal_role(journal) != JOURNAL_FENCED;
    uint64_t asked_ms = event->asked_ms;
    if (taken) {
        batch_answered(journal, nth, head.seq);
        journal_set_line(event, line);
        event->claimed = 0;
        role_move_event(journal, event, JOURNAL_EVENT_OWNED);
    }
    pthread_mutex_unlock(&journal->lock);
    if (!taken)
        return;
    event->tries = 0;
    atomic_fetch_add_explicit(&journal->stats.takeovers, 1, memory_order_relaxed);
    log_owner(journal, event, &head);
    journal->conf.host.own(journal->conf.host.ctx, nth, head.epoch, head.seq, asked_ms);
}

static void forget_lock(struct journal *journal, struct journal_event *event)
{
    pthread_mutex_lock(&journal->lock);
    event->lock = event->lock == LOCK_OURS ? LOCK_STALE : event->lock;
    pthread_mutex_unlock(&journal->lock);
}

/* ---- one event ---- */

static void put_out(struct journal *journal, struct journal_event *event,
                    const struct err_slot *err)
{
    assert(journal_state_of(event) != JOURNAL_EVENT_OWNED); /* role_lose() handles that */
    assert(!event->stuck);
    uint32_t retry_ms = backoff_bound_ms(EVENT_RETRY_MIN_MS, EVENT_RETRY_MAX_MS, ++event->tries);
    assert(retry_ms <= EVENT_RETRY_MAX_MS);
    event->retry_at_us = journal_now_us(journal) + (uint64_t)retry_ms * 1000;
    event->begun = false;
    pthread_mutex_lock(&journal->lock);
    memcpy(event->reason, err->text, sizeof(event->reason));
    role_move_event(journal, event, JOURNAL_EVENT_OUT);
    pthread_mutex_unlock(&journal->lock);
    struct log_line line;
    log_begin(&line, journal->conf.log, LOG_LEVEL_ERROR, "an event is out");
    log_cstr(&line, "event", event->id.id);
    log_cstr(&line, "reason", err->text);
    log_u64(&line, "again_ms", retry_ms);
    log_end(&line);
}

/* Puts the event out, unless the error concerns only the connection: a lost connection is not the
 * event's fault, unless it timed out on the event's rows. */
static int fail_event(struct journal *journal, struct journal_event *event, int rc,
                      const struct err_slot *err)
{
    if (rc < 0 && (!journal_is_broken(rc) || rc == ERR_TIMEOUT))
        put_out(journal, event, err);
    return journal_is_broken(rc) ? rc : 0;
}

/* ---- leaving ---- */

static uint64_t next_end_ms(struct journal *journal, uint32_t nth)
{
    const struct journal_host *host = &journal->conf.host;
    return host->next_end_ms == NULL ? 0 : host->next_end_ms(host->ctx, nth);
}

/* It was ours, and another epoch has begun. */
static bool is_lost(const struct journal_event *event)
{
    return journal_state_of(event) == JOURNAL_EVENT_OUT && event->stuck;
}

/* Returns the first reason that applies. */
static enum leave_why why_now(struct journal *journal, uint32_t nth)
{
    const struct journal_event *event = &journal->events[nth];
    const struct journal_host *host = &journal->conf.host;
    bool ours = journal_owns(journal, nth);
    assert(journal_state_of(event) != JOURNAL_EVENT_ASLEEP);
    if (is_lost(event))
        return LEAVE_STALE;
    if (event->asleep)
        return LEAVE_ASLEEP;
    if (event->moves)
        return LEAVE_MOVES;
    if (event->retired && (!ours || next_end_ms(journal, nth) == 0))
        return LEAVE_RETIRED;
    if (ours && host->revises != NULL && host->revises(host->ctx, nth))
        return LEAVE_CORRECTED;
    return event->why == LEAVE_IDLE && !event->retired ? LEAVE_IDLE : LEAVE_STAYS;
}

/* Whether the event has to leave or is leaving. An event lost meanwhile leaves for that reason. */
static bool leaves(struct journal *journal, uint32_t nth)
{
    struct journal_event *event = &journal->events[nth];
    if (event->why == LEAVE_STAYS || is_lost(event))
        event->why = why_now(journal, nth);
    return event->why != LEAVE_STAYS;
}

/* From now on only its name is known, or nothing if it is retired. If it is awake, because it was
 * woken meanwhile or moves, it is wanted at once: then it is read and followed like any other. */
static void name_alone(struct journal *journal, const struct journal_event *event, bool awake)
{
    struct err_slot err = {0};
    const struct asleep_event name = {event->id.no,     event->id.id, event->id.incarnation,
                                      event->id.due_ms, false,        event->id.bytes};
    if (!event->retired && asleep_put(journal->asleep, &name, awake, &err) < 0)
        log_failure(journal->conf.log, "an event is not known here", &err);
}

/* Forgets the event, whose lock the committer has released. */
static void forget_event(struct journal *journal, uint32_t nth)
{
    struct journal_event *event = &journal->events[nth];
    const struct journal_host *host = &journal->conf.host;
    assert(event->given);
    if (host->drop != NULL)
        host->drop(host->ctx, nth);
    name_alone(journal, event, !event->asleep);
    event->why = LEAVE_STAYS;
    pthread_mutex_lock(&journal->lock);
    event->given = false;
    role_judge(journal);
    pthread_mutex_unlock(&journal->lock);
}

/* The event was closed here to be put to sleep; it stays if that fails, unless another epoch has
 * begun. A negative result concerns the connection. */
static int fall_asleep(struct journal *journal, uint32_t nth, struct err_slot *err)
{
    struct journal_event *event = &journal->events[nth];
    const uint64_t due_ms = next_end_ms(journal, nth);
    bool done = false, stands = true;
    assert(event->why == LEAVE_IDLE);
    int rc = store_sleep(journal->reader_pg, event->id.no, event->head.epoch, due_ms, err, &done);
    if (rc == 0 && !done) { /* otherwise nobody looks at the epoch before the next write */
        struct store_owner now;
        rc = store_owners_read(journal->reader_pg, &event->id.no, 1, span_of(journal->instance), 0,
                               err, &now);
        stands = rc < 0 || (now.rc == 0 && now.head.epoch == event->head.epoch);
    }
    pthread_mutex_lock(&journal->lock);
    event->asleep = done;
    event->id.due_ms = due_ms;
    pthread_mutex_unlock(&journal->lock);
    if (journal_is_broken(rc))
        return rc;
    if (rc < 0)
        log_failure(journal->conf.log, "an event is not put to sleep", err);
    event->why = done ? LEAVE_ASLEEP : stands ? LEAVE_STAYS : LEAVE_STALE;
    return 0;
}

/* The event is unused here, and its head is ours again. If another process has taken it over by
 * now, the epoch keeps us from writing. A negative result concerns the connection. */
static int revise(struct journal *journal, uint32_t nth, struct err_slot *err)
{
    struct journal_event *event = &journal->events[nth];
    const struct journal_host *host = &journal->conf.host;
    struct commit_entry *entry = calloc(1, sizeof(*entry));
    uint8_t *memory = malloc(JOURNAL_FIRST_BYTES);
    int rc = entry == NULL || memory == NULL ? err_set(err, ERR_NOMEM, "a change") : 0;
    assert(event->why == LEAVE_CORRECTED);
    assert(journal_state_of(event) == JOURNAL_EVENT_ASLEEP);
    if (rc == 0)
        rc = host->revise(host->ctx, nth, &entry->op.change, err);
    if (rc == 0) {
        struct store_batch part = {
            .event = event->id.no, .head = event->head, .entries = &entry, .len = 1};
        rc = store_revise(journal->reader_pg, &part, memory, JOURNAL_FIRST_BYTES, err);
        if (rc < 0)
            log_failure(journal->conf.log, "a document was not corrected", err);
    }
    host->revised(host->ctx, nth, rc);
    free(memory);
    free(entry);
    return journal_is_broken(rc) ? rc : 0;
}

/* One step of leaving memory: closed by its users, released by the committer, forgotten. Our event
 * stays if no reason applies any longer once it is closed. */
static int leave(struct journal *journal, uint32_t nth, struct err_slot *err)
{
    struct journal_event *event = &journal->events[nth];
    const struct journal_host *host = &journal->conf.host;
    if (journal_state_of(event) == JOURNAL_EVENT_ASLEEP) {
        int rc = event->why == LEAVE_CORRECTED ? revise(journal, nth, err) : 0;
        forget_event(journal, nth);
        return rc;
    }
    if (event->given || (host->leave != NULL && !host->leave(host->ctx, nth)))
        return 0;
    bool ours = journal_owns(journal, nth);
    if (ours)
        event->why = why_now(journal, nth);
    int rc = ours && event->why == LEAVE_IDLE ? fall_asleep(journal, nth, err) : 0;
    if (rc < 0)
        return rc;
    if (event->why == LEAVE_STAYS) {
        assert(ours);
        host->reopen(host->ctx, nth);
        return 0;
    }
    name_alone(journal, event, false);
    pthread_mutex_lock(&journal->lock);
    event->given = true;
    pthread_mutex_unlock(&journal->lock);
    journal_watch(journal);
    return 0;
}

/* ---- room ---- */

/* The key of a shared lock announces the places of this process, or its memory in MB, and ends with
 * the session: [31..17] of the list [16] it is memory [15..0] the number, all ones: any */
enum { ROOM_MAX = 0xffff, ROOM_MEMORY = 1 << 16 };

static int32_t room_list(const struct journal *journal)
{
    return (int32_t)(journal_list_hash(journal) << 17);
}

static int announce_room(struct journal *journal, struct err_slot *err)
{
    const uint64_t mb = journal->conf.memory >> 20;
    const int32_t list = room_list(journal);
    const int32_t keys[] = {list | (int32_t)journal->conf.places,
                            list | ROOM_MEMORY | (int32_t)(mb < ROOM_MAX ? mb : ROOM_MAX)};
    if (journal->room_announced)
        return 0;
    journal->room_announced = true;
    return store_share(journal->reader_pg, STORE_LOCK_ROOM, keys, 2, true, err);
}

static void on_room(void *ctx, int32_t key)
{
    struct journal *journal = MAGIC_OF(journal, ctx);
    struct asleep_room *room = &journal->room;
    const uint64_t number = (uint64_t)(key & ROOM_MAX);
    if ((key & ~(ROOM_MEMORY | ROOM_MAX)) != room_list(journal) || number == ROOM_MAX)
        return;
    if ((key & ROOM_MEMORY) == 0)
        room->places = number < room->places ? (uint32_t)number : room->places;
    else
        room->bytes = number << 20 < room->bytes ? number << 20 : room->bytes;
}

/* All processes of a list have the same events in memory, so the smallest room of one counts. */
static int look_for_room(struct journal *journal, bool now, struct err_slot *err)
{
    uint64_t at_us = journal_now_us(journal);
    now = now || !journal->room_announced;
    if (journal->conf.host.idle_ms == NULL ||
        (!now && at_us < journal->room_at_us + ROOM_LOOK_MS * UINT64_C(1000)))
        return 0;
    journal->room_at_us = at_us;
    journal->room = (struct asleep_room){journal->conf.places, journal->conf.memory};
    int rc = announce_room(journal, err);
    return rc < 0 ? rc : store_shared(journal->reader_pg, STORE_LOCK_ROOM, err, on_room, journal);
}

/* The awake events of our list: those in memory, and those that lack a place there. */
static uint32_t list_awake(struct journal *journal, int32_t nos[2 * EVENTS_MAX])
{
    struct asleep_room any = {EVENTS_MAX, UINT64_MAX};
    uint64_t asked_ms[EVENTS_MAX];
    uint32_t len = asleep_take(journal->asleep, ASLEEP_AWAKE, 0, nos, asked_ms, &any);
    for (uint32_t nth = 0; nth < journal_len(journal); nth++)
        if (!journal_is_free(&journal->events[nth]))
            nos[len++] = journal->events[nth].id.no;
    assert(len <= 2 * EVENTS_MAX);
    return len;
}

/* Wakes requested events, and events with an ended hold, as far as there is room: their rows are
 * found like new events' rows. Events with ended holds are woken a few at a time, in at most half
 * of the places: the next request finds that the hold ended in time. Awake events come first: one
 * that is loaded again has just freed that room. Requested events without room are recorded:
 * another process may wake them, and does not know who was refused here. */
static int wake(struct journal *journal, struct err_slot *err)
{
    int32_t nos[EVENTS_MAX];
    uint64_t asked_ms[EVENTS_MAX];
    uint64_t now_ms = sale_ms(journal), largest;
    bool any = asleep_waiting(journal->asleep, now_ms, &largest) > 0;
    int rc = look_for_room(journal, any, err);
    if (rc < 0 || !any)
        return rc;
    rc = discover_events(journal, err); /* with it this process knows what others have woken */
    if (rc < 0)
        return rc;
    /* Our own room decides what we load, the smallest one what is woken besides. */
    struct asleep_room own = {journal->conf.places, journal->conf.memory};
    struct asleep_room here = discover_room(journal, own), left = here;
    struct asleep_room room = discover_room(journal, journal->room);
    uint32_t len = asleep_take(journal->asleep, ASLEEP_AWAKE, now_ms, nos, asked_ms, &left);
    assert(left.bytes <= here.bytes);
    uint64_t taken = here.bytes - left.bytes;
    room.bytes -= taken < room.bytes ? taken : room.bytes;
    uint32_t places = room.places > len ? room.places - len : 0, due_len = 0;
    pthread_mutex_lock(&journal->lock);
    bool leads = journal->leads;
    pthread_mutex_unlock(&journal->lock);
    room.places = (places + 1) / 2 < EVENTS_DUE_MAX ? (places + 1) / 2 : EVENTS_DUE_MAX;
    if (leads)
        due_len =
            asleep_take(journal->asleep, ASLEEP_DUE, now_ms, nos + len, asked_ms + len, &room);
    assert(due_len <= places);
    len += due_len;
    room.places = places - due_len;
    len += asleep_take(journal->asleep, ASLEEP_WANTED, now_ms, nos + len, asked_ms + len, &room);
    assert(len <= EVENTS_MAX);
    uint32_t refused_len =
        asleep_refused(journal->asleep, nos + len, asked_ms + len, EVENTS_MAX - len);
    if (len + refused_len == 0)
        return 0;
    int32_t awake[2 * EVENTS_MAX];
    const struct store_known known = {span_of(journal->conf.events), awake,
                                      list_awake(journal, awake), journal->changes.since};
    return store_wake(journal->reader_pg, &known, nos, asked_ms, len, refused_len, err);
}

/* A hold has ended: if the event were closed now, it would have to be opened again. */
static bool is_overdue(struct journal *journal, uint32_t nth)
{
    uint64_t end_ms = next_end_ms(journal, nth);
    return end_ms != 0 && end_ms <= sale_ms(journal);
}

/* Our longest idle event that has been idle long enough. */
static struct journal_event *idlest(struct journal *journal)
{
    const struct journal_host *host = &journal->conf.host;
    struct journal_event *found = NULL;
    uint64_t longest_ms = journal->conf.idle_ms;
    for (uint32_t nth = 0; host->idle_ms != NULL && nth < journal_len(journal); nth++) {
        struct journal_event *event = &journal->events[nth];
        if (!journal_owns(journal, nth) || event->why != LEAVE_STAYS || event->asked ||
            event->stuck)
            continue;
        uint64_t idle_ms = host->idle_ms(host->ctx, nth);
        if (idle_ms >= longest_ms && !is_overdue(journal, nth)) {
            longest_ms = idle_ms;
            found = event;
        }
    }
    return found;
}

static void on_asked(void *ctx, int32_t no)
{
    struct journal *journal = MAGIC_OF(journal, ctx);
    for (uint32_t nth = 0; nth < journal_len(journal); nth++)
        if (!journal_is_free(&journal->events[nth]) && journal->events[nth].id.no == no)
            journal->events[nth].asked = true;
}

/* Finds our event that is unused here and at processes that show it. Their requests are queried
 * only if one is unused here. */
static int find_unused(struct journal *journal, struct err_slot *err, struct journal_event **out)
{
    for (uint32_t nth = 0; nth < journal_len(journal); nth++)
        journal->events[nth].asked = false;
    *out = idlest(journal);
    int rc = *out == NULL
                 ? 0
                 : store_shared(journal->reader_pg, STORE_LOCK_ASKED, err, on_asked, journal);
    *out = rc == 0 ? idlest(journal) : NULL;
    return rc;
}

/* Keeps some room for future requests, and makes enough for each waiting event. */
static int make_room(struct journal *journal, struct err_slot *err)
{
    struct asleep_room room = discover_room(journal, journal->room);
    uint64_t spare = journal->room.bytes / EVENTS_SPARE_PART, largest;
    uint32_t waiting = asleep_waiting(journal->asleep, sale_ms(journal), &largest), leaving = 0;
    const uint32_t free_min = waiting > EVENTS_SPARE ? waiting : EVENTS_SPARE;
    bool none = room.places == 0 || room.bytes == 0 || room.bytes < largest;
    for (uint32_t nth = 0; nth < journal_len(journal); nth++) {
        struct journal_event *event = &journal->events[nth];
        leaving += event->why != LEAVE_STAYS;
        room.bytes += event->why != LEAVE_STAYS ? event->id.bytes : 0;
    }
    spare = largest > spare ? largest : spare;
    bool lacks = room.places + leaving < free_min || room.bytes < spare;
    struct journal_event *event = NULL;
    int rc = lacks ? find_unused(journal, err, &event) : 0;
    if (rc < 0)
        return rc;
    bool full = leaving == 0 && event == NULL && none;
    /* relaxed: a hint for the next request */
    atomic_store_explicit(&journal->full, full, memory_order_relaxed);
    while (lacks && event != NULL && asleep_len(journal->asleep) + leaving < EVENTS_ASLEEP_MAX) {
        event->why = LEAVE_IDLE;
        leaving += 1;
        room.bytes += event->id.bytes;
        reader_nudge(journal);
        lacks = room.places + leaving < free_min || room.bytes < spare;
        event = idlest(journal);
    }
    /* An event that leaves makes room for another one; the others are still refused. */
    uint64_t fits = room.places + leaving;
    if (largest > 0 && room.bytes / largest < fits)
        fits = room.bytes / largest;
    atomic_store_explicit(&journal->stats.events_refused, waiting > fits ? waiting - fits : 0,
                          memory_order_relaxed);
    return 0;
}

/* Records that we will own the event and have read its journal: its owner may release it. */
static int say_ready(struct journal *journal, struct journal_event *event, struct err_slot *err)
{
    pthread_mutex_lock(&journal->lock);
    bool says = event->wish == PLACING_WISH_US && !event->ready && journal->leads;
    pthread_mutex_unlock(&journal->lock);
    if (!says || journal_state_of(event) != JOURNAL_EVENT_FOLLOWING)
        return 0;
    return store_ready(journal->reader_pg, event->id.no, span_of(journal->conf.instance),
                       span_of(journal->instance), err);
}

/* ---- events of others ---- */

static void on_head(void *ctx, int32_t no, uint64_t seq, const struct store_line *line)
{
    struct journal *journal = MAGIC_OF(journal, ctx);
    for (uint32_t nth = 0; nth < journal_len(journal); nth++) {
        struct journal_event *event = &journal->events[nth];
        if (!journal_is_free(event) && event->id.no == no) {
            event->end_seq = seq;
            event->end_line = *line;
        }
    }
}

static bool is_followed(struct journal *journal, uint32_t nth)
{
    const struct journal_event *event = &journal->events[nth];
    return journal_state_of(event) == JOURNAL_EVENT_FOLLOWING && event->why == LEAVE_STAYS;
}

/* A branch that continues where the known one ended is the journal's next owner. Any other may come
 * from a restore: checks that what was read is still in the journal. */
static int judge_line(struct journal *journal, const struct journal_event *event,
                      struct err_slot *err)
{
    const struct store_line *known = &event->line, *seen = &event->end_line;
    bool goes_on = known->now != 0 && seen->before == known->now && event->head.seq <= seen->began;
    struct chain chain = {0};
    if (seen->now == known->now || goes_on || event->head.seq == 0)
        return 0;
    int rc = store_link(journal->reader_pg, event->id.no, event->head.seq, err, &chain);
    struct span read = {(const char *)event->head.chain.bytes, CHAIN_BYTES};
    if (rc == ERR_NOT_FOUND || (rc == 0 && !chain_eq(&chain, read)))
        rc = err_set(err, ERR_STATE,
                     "%s: the journal was put back behind change %" PRIu64 ", and went on",
                     event->id.id, event->head.seq);
    return rc;
}

/* An unchanged journal costs only its row in the result. A shorter one was restored to an earlier
 * state, and is read again. The branch is set before the picture is published, so no version is
 * sent with a branch that it was not in yet. */
static int show_one(struct journal *journal, uint32_t nth, uint64_t as_of_us, struct err_slot *err)
{
    struct journal_event *event = &journal->events[nth];
    const struct journal_host *host = &journal->conf.host;
    int rc = 0;
    assert(is_followed(journal, nth));
    if (event->end_seq < event->head.seq)
        rc =
            err_set(err, ERR_STATE, "%s: the journal ends at %" PRIu64 ", and was read to %" PRIu64,
                    event->id.id, event->end_seq, event->head.seq);
    if (rc == 0)
        rc = judge_line(journal, event, err);
    bool whole = true;
    if (rc == 0 && event->end_seq > event->head.seq)
        rc = follow(journal, nth, err, &whole);
    if (rc == 0 && event->head.seq >= event->end_seq) {
        pthread_mutex_lock(&journal->lock);
        journal_set_line(event, &event->end_line);
        pthread_mutex_unlock(&journal->lock);
        host->shown(host->ctx, nth, event->head.seq, as_of_us);
    }
    return fail_event(journal, event, rc, err);
}

static bool is_far_behind(const struct journal_event *event)
{
    return event->end_seq > event->head.seq + READER_FAR_CHANGES;
}

/* Queries the ends of other owners' journals, and shows events that are not far behind. */
static int show_near(struct journal *journal, struct err_slot *err)
{
    int32_t nos[EVENTS_MAX];
    uint32_t len = 0;
    uint64_t as_of_us = journal_now_us(journal);
    journal->shown_at_us = as_of_us;
    for (uint32_t nth = 0; nth < journal_len(journal); nth++)
        if (is_followed(journal, nth))
            nos[len++] = journal->events[nth].id.no;
    if (len == 0 || journal->conf.host.shown == NULL)
        return 0;
    int rc = store_heads(journal->reader_pg, nos, len, err, on_head, journal);
    for (uint32_t nth = 0; rc == 0 && nth < journal_len(journal) && !is_stopping(journal); nth++)
        if (is_followed(journal, nth) && !is_far_behind(&journal->events[nth]))
            rc = show_one(journal, nth, as_of_us, err);
    return rc;
}

/* Another event may have taken long: shown events do not wait for it. */
static int show_again(struct journal *journal, struct err_slot *err)
{
    bool due = journal_now_us(journal) - journal->shown_at_us >= STANDBY_POLL_MS * UINT64_C(1000);
    return due ? show_near(journal, err) : 0;
}

/* Reads on in all journals of others that have grown, and reports how old the pictures are. Each
 * event that is far behind gets a time slice, and the others have their turn between them. */
static int show_followed(struct journal *journal, struct err_slot *err)
{
    bool shows = journal->conf.host.shown != NULL;
    int rc = show_near(journal, err);
    for (uint32_t nth = 0; shows && nth < journal_len(journal) && !is_stopping(journal); nth++) {
        if (rc < 0 || !is_followed(journal, nth) || !is_far_behind(&journal->events[nth]))
            continue;
        rc = show_one(journal, nth, journal->shown_at_us, err);
        if (rc == 0)
            rc = show_again(journal, err);
    }
    return rc;
}

/* The owner of an event that is requested here must not put it to sleep. Each process with such
 * requests holds a lock that the owner sees. So a process that dies leaves nothing behind, and only
 * changes need a statement. */
static int announce_asked(struct journal *journal, struct err_slot *err)
{
    const struct journal_host *host = &journal->conf.host;
    int32_t begun[EVENTS_MAX], ended[EVENTS_MAX];
    uint32_t begun_len = 0, ended_len = 0;
    uint64_t idle_ms = journal->conf.idle_ms;
    uint64_t ms = idle_ms > EVENT_ASKED_MS ? idle_ms : EVENT_ASKED_MS;
    for (uint32_t nth = 0; host->asked != NULL && nth < journal_len(journal); nth++) {
        struct journal_event *event = &journal->events[nth];
        bool asked = is_followed(journal, nth) && host->asked(host->ctx, nth, ms);
        int32_t was = event->announced_asked;
        event->announced_asked = asked ? event->id.no : 0;
        if (was != 0 && was != event->announced_asked)
            ended[ended_len++] = was;
        if (was != event->announced_asked && event->announced_asked != 0)
            begun[begun_len++] = event->announced_asked;
    }
    struct pg *pg = journal->reader_pg;
    int rc = ended_len > 0 ? store_share(pg, STORE_LOCK_ASKED, ended, ended_len, false, err) : 0;
    if (rc == 0 && begun_len > 0)
        rc = store_share(pg, STORE_LOCK_ASKED, begun, begun_len, true, err);
    return rc;
}

/* Whether the pictures of an event that is out are gone, so that it can be loaded again. */
static bool is_hidden(struct journal *journal, uint32_t nth)
{
    const struct journal_host *host = &journal->conf.host;
    return host->hide == NULL || host->hide(host->ctx, nth);
}

/* ---- taking over several ---- */

/* Reads the rest of a journal whose epoch was raised. */
static int read_rest(struct journal *journal, uint32_t nth, const struct store_raise *raise,
                     struct err_slot *err)
{
    struct journal_event *event = &journal->events[nth];
    int rc = 0;
    assert(raise->rc == 0);
    assert(raise->event == event->id.no);
    if (!journal_same_place(&raise->head, &event->head))
        rc = follow_whole(journal, nth, err);
    if (rc < 0 || event->why != LEAVE_STAYS)
        return rc;
    if (!journal_same_place(&raise->head, &event->head))
        return err_set(err, ERR_SYNTAX,
                       "%s: the journal was read to %" PRIu64 " and ends at %" PRIu64, event->id.id,
                       event->head.seq, raise->head.seq);
    event->head.epoch = raise->head.epoch;
    return event->head.seq == 0 ? write_first(journal, nth, err) : 0;
}

/* Reading may have taken long, or the process was stopped meanwhile: checks that our epochs are
 * still current. A later stop is caught by the first commit or proof. */
static int give_raised(struct journal *journal, const uint32_t *events,
                       const struct store_raise *raises, uint32_t len, struct err_slot *err)
{
    int32_t nos[EVENTS_MAX];
    struct store_owner now[EVENTS_MAX];
    for (uint32_t i = 0; i < len; i++)
        nos[i] = raises[i].event;
    int rc = len == 0 ? 0
                      : store_owners_read(journal->reader_pg, nos, len, span_of(journal->instance),
                                          0, err, now);
    for (uint32_t i = 0; rc == 0 && i < len; i++) {
        struct journal_event *event = &journal->events[events[i]];
        assert(raises[i].event == event->id.no);
        if (now[i].rc == 0 && now[i].its && now[i].head.epoch == event->head.epoch)
            give(journal, events[i], &raises[i].line);
        else
            forget_lock(journal, event);
    }
    return rc;
}

/* Adds the event if the committer has its lock. */
static void add_locked(struct journal *journal, uint32_t nth, uint32_t *events,
                       struct store_raise *raises, uint32_t *len)
{
    struct journal_event *event = &journal->events[nth];
    assert(*len < EVENTS_MAX);
    pthread_mutex_lock(&journal->lock);
    events[*len] = nth;
    raises[*len].was = event->locked_epoch;
    *len += event->lock == LOCK_OURS;
    pthread_mutex_unlock(&journal->lock);
}

/* This event, and all others that can be taken over now. An event that is far behind is taken over
 * alone: the others would wait for it. */
static uint32_t choose_locked(struct journal *journal, uint32_t nth, uint32_t *events,
                              struct store_raise *raises)
{
    uint32_t len = 0;
    add_locked(journal, nth, events, raises, &len);
    if (len == 0 || is_far_behind(&journal->events[nth]))
        return len;
    for (uint32_t other = 0; other < journal_len(journal); other++)
        if (other != nth && is_followed(journal, other) &&
            !is_far_behind(&journal->events[other]) && !leaves(journal, other))
            add_locked(journal, other, events, raises, &len);
    return len;
}

/* For events whose locks the committer has: raises epochs, reads the rest of the journals, opens.
 * Failing to get one is no error; it is retried. */
static int take_over(struct journal *journal, uint32_t nth, struct err_slot *err)
{
    uint32_t events[EVENTS_MAX], ready = 0;
    struct store_raise raises[EVENTS_MAX];
    uint32_t len = choose_locked(journal, nth, events, raises);
    if (len == 0)
        return 0;
    int rc = journal_raise(journal, journal->reader_pg, events, raises, len, err);
    if (rc == ERR_PEER && len > 1) { /* the refused event must not block the others */
        len = 1;
        rc = journal_raise(journal, journal->reader_pg, events, raises, len, err);
    }
    if (rc == ERR_PEER && strcmp(pg_sqlstate(journal->reader_pg), "55P03") == 0)
        return 0; /* its row in seats.event is locked */
    if (rc < 0)
        return fail_event(journal, &journal->events[nth], rc, err);
    for (uint32_t i = 0; rc == 0 && i < len; i++) {
        struct journal_event *event = &journal->events[events[i]];
        int its = raises[i].rc;
        if (its == ERR_NOT_FOUND) /* another epoch has begun: the committer reads it */
            forget_lock(journal, event);
        if (its == ERR_NOT_FOUND || its == ERR_EXISTS)
            continue;
        if (its == 0)
            its = read_rest(journal, events[i], &raises[i], err);
        rc = fail_event(journal, event, its, err);
        if (its < 0 || event->why != LEAVE_STAYS)
            continue;
        assert(ready <= i); /* overwrites only entries already read */
        events[ready] = events[i];
        raises[ready++] = raises[i];
    }
    if (rc == 0 && ready > 0)
        rc = follow_ended(journal, err);
    return rc == 0 ? give_raised(journal, events, raises, ready, err) : rc;
}

/* ---- one event's turn ---- */

/* Advances an event as far as possible now. A negative result concerns the connection. */
static int attend(struct journal *journal, uint32_t nth, struct err_slot *err)
{
    struct journal_event *event = &journal->events[nth];
    enum journal_state state = journal_state_of(event);
    if (journal_is_free(event))
        return 0;
    if (leaves(journal, nth))
        return leave(journal, nth, err);
    if (state == JOURNAL_EVENT_OWNED ||
        (state == JOURNAL_EVENT_OUT && journal_now_us(journal) < event->retry_at_us))
        return 0;
    /* An event that is out stays out until it has been read. */
    bool follows = state == JOURNAL_EVENT_FOLLOWING;
    if (!follows && !is_hidden(journal, nth))
        return 0;
    bool there = follows || event->begun, whole = true;
    int rc = there ? 0 : load(journal, nth, err, &there);
    if (rc == 0 && !there)
        return 0;
    event->begun = rc == 0 && !follows;
    if (rc == 0 && (!follows || journal->conf.host.shown == NULL))
        rc = follow(journal, nth, err, &whole);
    if (rc == 0 && !whole)
        return 0; /* continued at our next turn */
    if (rc == 0 && !follows) {
        event->begun = false;
        move(journal, event, JOURNAL_EVENT_FOLLOWING);
    }
    if (rc == 0)
        rc = say_ready(journal, event, err);
    rc = fail_event(journal, event, rc, err);
    return rc == 0 && is_followed(journal, nth) ? take_over(journal, nth, err) : rc;
}

/* ---- all events ---- */

static int look_around(struct journal *journal, struct err_slot *err)
{
    int rc = wake(journal, err);
    if (rc == 0)
        rc = discover_events(journal, err);
    if (rc == 0)
        rc = discover_places(journal, err);
    if (rc == 0)
        rc = follow_ended(journal, err);
    if (rc == 0)
        rc = show_followed(journal, err);
    if (rc == 0)
        rc = announce_asked(journal, err);
    for (uint32_t nth = 0; rc == 0 && nth < journal_len(journal) && !is_stopping(journal); nth++) {
        rc = attend(journal, nth, err);
        if (rc == 0)
            rc = show_again(journal, err);
    }
    return rc == 0 ? make_room(journal, err) : rc;
}

/* ---- the thread ---- */

static void drop_connection(struct journal *journal)
{
    pg_close(journal->reader_pg);
    journal->reader_pg = NULL;
    for (uint32_t nth = 0; nth < journal_len(journal); nth++)
        journal->events[nth].announced_asked = 0; /* the locks ended with it */
    journal->room_announced = false;
    /* After a fail-over the next server may count transactions slightly differently. */
    journal->changes = (struct store_changes){0};
}

static int turn(struct journal *journal, struct err_slot *err)
{
    int rc = journal->reader_pg != NULL
                 ? 0
                 : store_connect(journal->conf.dsn, "fairgate seat-service reader", READER_LOCK_MS,
                                 false, err, &journal->reader_pg);
    if (rc == 0)
        rc = look_around(journal, err);
    if (rc == 0)
        journal->reader_tries = 0;
    else
        log_failure(journal->conf.log, "journals cannot be read now", err);
    if (rc < 0)
        drop_connection(journal);
    return rc;
}

/* The committer brings the schema up to date first. */
static bool may_read(struct journal *journal)
{
    pthread_mutex_lock(&journal->lock);
    bool may = journal->usable && journal_role(journal) != JOURNAL_FENCED;
    pthread_mutex_unlock(&journal->lock);
    return may;
}

static void *run(void *arg)
{
    struct journal *journal = MAGIC_OF(journal, arg);
    while (!is_stopping(journal)) {
        struct err_slot err = {0};
        int rc = may_read(journal) ? turn(journal, &err) : 0;
        uint32_t ms = STANDBY_POLL_MS;
        if (rc < 0)
            ms = backoff_bound_ms(JOURNAL_RETRY_MIN_MS, JOURNAL_RETRY_MAX_MS,
                                  ++journal->reader_tries);
        system_bell_wait(journal->look, ms); /* or until reader_nudge() */
    }
    discover_forget_document(journal);
    drop_connection(journal);
    return NULL;
}

int reader_start(struct journal *journal, struct err_slot *err)
{
    int rc = system_thread_start("reader", run, journal, &journal->reader);
    return rc == 0 ? 0 : err_set(err, ERR_IO, "the reader's thread: %s", strerror(rc));
}

void reader_nudge(struct journal *journal)
{
    system_bell_ring(journal->look);
}

void reader_stop(struct journal *journal)
{
    assert(is_stopping(journal));
    reader_nudge(journal);
    system_thread_join(journal->reader);
}
