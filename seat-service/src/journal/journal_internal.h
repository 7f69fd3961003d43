/* journal_internal.h: what the parts of the journal share, above all its two threads, the committer
 * (committer.c) and the reader (reader.c).
 *
 * An event's head is the reader's until the event is owned, and the committer's from then on. What
 * both write is under `lock`, which is held for a few words and never during a commit. */
#ifndef FG_SEAT_SERVICE_JOURNAL_INTERNAL_H
#define FG_SEAT_SERVICE_JOURNAL_INTERNAL_H

#include "base/magic.h"
#include "journal/journal.h"
#include "owners/asleep.h"
#include "owners/placing.h"

#include <pthread.h>
#include <stdatomic.h>

/* An event's line as loops read it, without a lock: two places, of which `told` says the one that
 * counts, and the other is written next. */
struct journal_line_told {
    _Atomic uint32_t told;
    struct {
        _Atomic uint64_t now, before, began;
    } place[2];
};

/* Why an event is on its way out of our memory. */
enum leave_why {
    LEAVE_STAYS,     /* it is not */
    LEAVE_STALE,     /* what is here counts no more: another epoch has begun, or another document */
    LEAVE_ASLEEP,    /* as its row says */
    LEAVE_MOVES,     /* the process that is to have it waits */
    LEAVE_RETIRED,   /* as its row says, and no seat of it is held */
    LEAVE_CORRECTED, /* its document is, before its place is free */
    LEAVE_IDLE,      /* nobody asks for it, and another needs its room: it is put to sleep */
};

struct journal_event {
    struct store_event id; /* in place before events_len counts the event */
    struct store_head head;
    uint64_t retry_at_us; /* the reader's, as the next: while it is out */
    uint32_t tries;
    uint64_t end_seq;           /* the reader's: how far its journal was at the last look */
    struct store_line end_line; /* ... and in which line */
    uint64_t claimed;           /* as the head: the line in which we began to take it over, or to
                                 * regain it, until it is ours; 0: none */
    int32_t told_asked;         /* the reader's: the number of the event that we have told its
                                 * owner we are asked for; 0: none */
    bool begun;                 /* the reader's: loaded, and read in part */
    bool asked;                 /* the reader's: ours, and others are asked for it */
    enum leave_why why;         /* the reader's */
    _Atomic(enum journal_state) state;
    atomic_bool stuck; /* ours, and not to be written now, for `reason`; role_stick(). OUT: lost */
    _Atomic uint64_t answered, sent; /* numbers of changes; see journal_answered() */
    struct journal_line_told line_told;
    /* Below journal->lock. */
    bool given;  /* it leaves, and nobody here uses it: the committer gives its lock back */
    bool asleep; /* as its row says */
    /* The committer's session has its lock, and found this epoch and since when somebody may have
     * been refused; or has it still, to give back, since another epoch had begun. */
    enum { LOCK_NONE, LOCK_OURS, LOCK_STALE } lock;
    uint64_t locked_epoch, asked_ms;
    char reason[ERR_TEXT_MAX];
    bool placed; /* it has been looked for where it is and who is to have it, since it was freed */
    bool seen_free;
    enum placing_wish wish;
    bool moves;                 /* ours, and the process that is to have it waits */
    bool ready;                 /* we are to have it, and have said that we wait for it */
    bool retired;               /* as its row says */
    struct journal_place place; /* the reader writes it */
    struct store_line line;     /* of the shown or owned journal: journal_set_line() */
    /* The committer's: */
    bool cut;                    /* ours, and not regained since the connection broke; stuck, once
                                  * others are */
    struct commit_entry *open;   /* its part of a batch that was sent when the connection broke */
    struct store_head open_head; /* where its journal ends if that was written */
    uint64_t stuck_until_us;
    /* The committer's, where several share: */
    uint64_t free_since_us; /* when somebody was last seen with its lock; 0: not looked yet */
    bool was_owned;         /* somebody has had its lock */
};

/* A long document whose plan is being read on a thread of its own. */
struct preparing {
    int32_t no; /* of the event; 0: there is none */
    struct store_document document;
    atomic_bool done;
    pthread_t thread;
};

/* A transaction, from gathering to its outcome. */
struct batch {
    struct commit_entry *entries[JOURNAL_BATCH_MAX]; /* grouped by event, in order within */
    uint32_t len;
    struct store_batch parts[EVENTS_MAX];
    uint32_t part_event[EVENTS_MAX]; /* which of journal->events */
    uint32_t parts_len;
    bool by_event;  /* its events are written one by one, since together they were refused */
    uint32_t waits; /* ... and so many of them have waited for a lock in vain */
};

struct journal {
    uint32_t magic; /* its threads look */
    struct journal_conf conf;
    char instance[JOURNAL_INSTANCE_MAX]; /* of this process's life: no other one writes this name */

    struct journal_event events[EVENTS_MAX]; /* a place that is free is ASLEEP */
    _Atomic uint32_t events_len;             /* raised by the reader */
    struct asleep *asleep;                   /* all others of our list */
    atomic_bool full; /* there is no place left, and none of our events is idle */

    pthread_mutex_t lock;
    /* Below lock, as are the following. */
    bool connected, leads; /* the committer has a connection; it leads the processes of its list,
                            * or has a place among those that share */
    uint64_t led_since_ms; /* by the sale's clock; 0: it does not lead */
    bool named, namesake;  /* the committer's session has the lock of our name; another process has
                            * had it for longer than one that ends or is cut off keeps it */
    bool apart;            /* our machine's clock is too far from the server's to own anything */
    bool usable;           /* the schema is up to date */
    bool looked;           /* every existing event has been seen once */
    enum journal_reason unreachable; /* why there is no connection */

    /* ---- the committer's ---- */
    struct pg *pg;
    int backends[JOURNAL_BACKENDS_MAX]; /* ours that may still be alive and have locks of ours */
    uint32_t backends_len;
    uint32_t tries;               /* since the last success */
    struct commit_entry *pending; /* out of the ring, not yet in a batch; oldest first */
    struct commit_entry **pending_end;
    struct commit_entry *proofs; /* out of the ring and not answered; in no order */
    struct batch batch;
    uint64_t commit_at_us; /* the earliest time for the next one; 0: now */
    uint8_t *memory;
    uint64_t watch_at_us;    /* next look for locks */
    atomic_bool watch_now;   /* ... which the reader has asked for */
    uint64_t name_asked_us;  /* when our name was first found taken; 0: it was not */
    uint32_t place;          /* among those that share, while it `leads` */
    uint64_t joined_at_us;   /* when it first had one; 0: not yet */
    uint64_t rejoined_at_us; /* when it got the one that it has */
    uint64_t beat_at_us;
    pthread_t thread;

    /* ---- the reader's ---- */
    int look; /* a bell: there is something to do */
    struct pg *reader_pg;
    struct preparing preparing;
    struct store_changes changes; /* of the table of events */
    uint64_t ended_seen;          /* ended sessions up to this number are known */
    uint32_t reader_tries;        /* since the last success */
    uint64_t shown_at_us;         /* when the events of others were last asked for */
    int32_t told_room;            /* the key by which others see what room there is here; 0: none */
    struct {
        bool any, lack;     /* there is one; one has no room for an event that it should have */
        uint64_t bytes;     /* the most that one of them has room for */
        uint64_t at_us;     /* of the last look */
        uint64_t helped_us; /* when an event was last put to sleep for their sake */
    } others;               /* that serve the same list */
    pthread_t reader;

    _Atomic uint64_t lines; /* names of lines are made from it; random, and rises */
    atomic_bool stopping;
    _Atomic(enum journal_role) role;
    _Atomic(enum journal_reason) reason;
    _Atomic uint64_t
        proven_at_us; /* the session that holds the locks stood then; the committer's */
    struct journal_stats stats;
};

MAGIC(journal, 0x5ea70007);

static inline uint32_t journal_len(const struct journal *journal)
{
    /* acquire: partner of discover.c's add_event(): the id is there */
    return atomic_load_explicit(&journal->events_len, memory_order_acquire);
}

static inline enum journal_state journal_state_of(const struct journal_event *event)
{
    /* acquire: partner of role_move_event(): a reader that finds an event owned finds its head */
    return atomic_load_explicit(&event->state, memory_order_acquire);
}

/* Below journal->lock. */
static inline void journal_set_line(struct journal_event *event, const struct store_line *line)
{
    struct journal_line_told *told = &event->line_told;
    const uint32_t next = atomic_load(&told->told) + 1;
    event->line = *line;
    atomic_store(&told->place[next % 2].now, line->now);
    atomic_store(&told->place[next % 2].before, line->before);
    atomic_store(&told->place[next % 2].began, line->began);
    atomic_store(&told->told, next);
}

static inline void journal_count(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline uint64_t journal_now_us(const struct journal *journal)
{
    return clock_mono_us(journal->conf.clock);
}

static inline uint32_t journal_hash_on(uint32_t hash, const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        hash = (hash ^ (uint8_t)*c) * UINT32_C(16777619);
    return hash;
}

/* The same for all processes of one list. */
static inline uint32_t journal_list_hash(const struct journal *journal)
{
    return journal_hash_on(UINT32_C(2166136261), journal->conf.events);
}

static inline bool journal_shares(const struct journal *journal)
{
    return journal->conf.owners > 1;
}

static inline bool journal_same_place(const struct store_head *a, const struct store_head *b)
{
    return a->seq == b->seq &&
           chain_eq(&a->chain, (struct span){(const char *)b->chain.bytes, CHAIN_BYTES});
}

/* Raises the epochs of these events from raises[i].was, each in the line `claimed`, or a new one if
 * there is none. An attempt that fails behind this may have begun a line, which nothing was written
 * in: the next one goes on with it, or readers of the line before would have two of them behind it.
 */
static inline int journal_raise(struct journal *journal, struct pg *pg, const uint32_t *events,
                                struct store_raise *raises, uint32_t len, struct err_slot *err)
{
    for (uint32_t i = 0; i < len; i++) {
        struct journal_event *event = &journal->events[events[i]];
        /* relaxed: only that each is another; an odd step meets all numbers */
        uint64_t nth = atomic_fetch_add_explicit(&journal->lines, UINT64_C(0x9e3779b97f4a7c15),
                                                 memory_order_relaxed);
        raises[i].event = event->id.no;
        raises[i].fresh = nth >> 1 == 0 ? 1 : nth >> 1;
        event->claimed = event->claimed != 0 ? event->claimed : raises[i].fresh;
        raises[i].kept = event->claimed;
    }
    int rc = store_raise(pg, span_of(journal->instance), &journal->conf.address, raises, len, err);
    for (uint32_t i = 0; rc == 0 && i < len; i++)
        if (raises[i].rc == 0)
            journal->events[events[i]].claimed = raises[i].line.now;
    return rc;
}

/* ---- role.c ---- */

bool journal_owns(const struct journal *journal, uint32_t nth);
bool journal_owns_any(const struct journal *journal);

/* These two are called under journal->lock: */
/* Moves an event, and the process's role with it. */
void role_move_event(struct journal *journal, struct journal_event *event,
                     enum journal_state state);
/* Recomputes the role after something that it depends on has changed. */
void role_judge(struct journal *journal);

/* The committer's: until role_unstick() its changes are refused; it is tried again after `ms`. */
void role_stick(struct journal *journal, struct journal_event *event, const char *reason,
                uint64_t ms);
void role_unstick(struct journal *journal, struct journal_event *event);
/* The committer's: it is not ours any more, and is read again as others' events are. */
void role_lose(struct journal *journal, struct journal_event *event, const char *reason);
/* The committer's: `unreachable` is why there is no connection. */
void role_set_connected(struct journal *journal, bool connected, enum journal_reason unreachable);
/* Nothing in memory counts any more; the process has to end. */
void role_fence(struct journal *journal, enum journal_reason reason);

/* ---- batch.c; the committer's ---- */

void batch_take_ring(struct journal *journal);
/* Refuses what has waited for longer than ms: nothing of it was written. */
void batch_refuse_older(struct journal *journal, uint64_t ms);
/* Fills the empty batch; it stays empty if nothing that waits is ours to write. */
void batch_gather(struct journal *journal);
/* Puts entries back at the head of the waiting ones, in their order. */
void batch_put_back(struct journal *journal);
/* The batch was sent, and whether it was written is not known: each event keeps its part. */
void batch_leave_open(struct journal *journal);
/* What an event kept: its outcome is this; or it was not written, and is put back. */
void batch_settle(struct journal *journal, struct journal_event *event, int rc);
void batch_reopen(struct journal *journal, struct journal_event *event);
void batch_answer(struct journal *journal, int rc); /* all of it */
void batch_answer_one(struct journal *journal, struct commit_entry *entry, int rc);
/* All changes of an event up to this one have been answered. */
void batch_answered(struct journal *journal, uint32_t event, uint64_t seq);
void batch_answer_proofs(struct journal *journal, uint32_t event, int rc);

/* ---- ownership.c; the committer's ---- */

/* Looks for locks that are free. */
int ownership_watch(struct journal *journal, struct err_slot *err);
/* After a reconnect: the lead and the events that were ours, under new epochs; what they have open
 * is settled. One that cannot be regained is stuck, unless none can. ERR_STATE, ERR_NOT_FOUND: the
 * process has to end. */
int ownership_regain(struct journal *journal, struct err_slot *err);
/* Looks whether events that are stuck can be written again, and regains those that are cut. Errors
 * as above. */
int ownership_free(struct journal *journal, struct err_slot *err);
/* Of events that are ours: those whose row another transaction has locked are stuck from now on.
 * *any: there is one. */
int ownership_stick_locked(struct journal *journal, const uint32_t *events, uint32_t len,
                           struct err_slot *err, bool *any);
/* An event of ours is no longer where we left it: what it has open is settled, and it is given up
 * alone. ERR_STATE: the process has to end. */
int ownership_lose(struct journal *journal, uint32_t nth, struct err_slot *err);
/* Whether the event's row with the seq of `head` is there and is ours. */
int ownership_is_written(struct journal *journal, const struct journal_event *event,
                         const struct store_head *head, struct err_slot *err, bool *written);

/* ---- committer.c ---- */

int committer_start(struct journal *journal, struct err_slot *err);
void committer_stop(struct journal *journal); /* once `stopping` is set */

/* The reader's: may another event have this place? */
static inline bool journal_is_free(const struct journal_event *event)
{
    return journal_state_of(event) == JOURNAL_EVENT_ASLEEP && event->why == LEAVE_STAYS;
}

/* The reader's: there are locks for the committer to try, or to give back, now. */
static inline void journal_watch(struct journal *journal)
{
    /* release: partner of committer.c's look_around(), which finds what there is to lock */
    atomic_store_explicit(&journal->watch_now, true, memory_order_release);
    commit_queue_nudge(journal->conf.queue);
}

/* ---- discover.c; the reader's, but for the first ---- */

bool discover_names(const struct journal *journal, const char *id); /* on our list */
int discover_events(struct journal *journal, struct err_slot *err);
struct asleep_room discover_room(const struct journal *journal);
/* The event's document, for the host's found(): taken. Its body is NULL: not yet, since it is long
 * and being prepared, or another is. */
int discover_document(struct journal *journal, uint32_t nth, struct err_slot *err,
                      struct store_document *document);
void discover_forget_document(struct journal *journal); /* waits for the one being prepared */
/* Where events are, and which are to move. Asks only if this process is in the registry itself. */
int discover_places(struct journal *journal, struct err_slot *err);

/* ---- reader.c ---- */

int reader_start(struct journal *journal, struct err_slot *err);
void reader_nudge(struct journal *journal); /* any thread */
void reader_stop(struct journal *journal);

#endif
