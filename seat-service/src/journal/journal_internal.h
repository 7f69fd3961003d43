/* journal_internal.h: state shared by the journal's parts, above all its two threads, the committer
 * (committer.c) and the reader (reader.c).
 *
 * An event's head belongs to the reader until the event is owned, and to the committer from then
 * on. Fields that both write are under `lock`, which is held briefly and never during a commit. */
#ifndef FG_SEAT_SERVICE_JOURNAL_INTERNAL_H
#define FG_SEAT_SERVICE_JOURNAL_INTERNAL_H

#include "base/magic.h"
#include "journal/journal.h"
#include "owners/asleep.h"
#include "owners/placing.h"

#include <pthread.h>
#include <stdatomic.h>

/* An event's journal branch, which loops read without a lock: two copies; `shown` selects the
 * current one, and the other is written next. */
struct journal_line_shown {
    _Atomic uint32_t latest;
    struct {
        _Atomic uint64_t now, before, began;
    } place[2];
};

/* Why an event is leaving our memory. */
enum leave_why {
    LEAVE_STAYS,     /* it is not leaving */
    LEAVE_STALE,     /* our state is void: another epoch, or another document */
    LEAVE_ASLEEP,    /* its row says so */
    LEAVE_MOVES,     /* the process that will own it waits */
    LEAVE_RETIRED,   /* its row says so, and no seat is held */
    LEAVE_CORRECTED, /* its document is corrected before its place is freed */
    LEAVE_IDLE,      /* unused, and its room is needed: it is put to sleep */
};

struct journal_event {
    struct store_event id; /* set before events_len counts the event */
    struct store_head head;
    uint64_t retry_at_us; /* the reader's, as the next: retries while it is out */
    uint32_t tries;
    uint64_t end_seq;           /* the reader's: the journal's end at the last poll */
    struct store_line end_line; /* ... and its branch */
    uint64_t claimed;        /* as the head: the branch in which we began to take it over or regain
                              * it, until it is ours; 0: none */
    int32_t announced_asked; /* the reader's: number of the event whose requests we have announced
                              * to its owner; 0: none */
    bool begun;              /* the reader's: loaded, and partly read */
    bool asked;              /* the reader's: ours, and requested at other processes */
    enum leave_why why;      /* the reader's */
    _Atomic(enum journal_state) state;
    atomic_bool stuck; /* ours, but cannot be written now, see `reason`; role_stick(). OUT: lost */
    _Atomic uint64_t answered, sent; /* change numbers; see journal_answered() */
    struct journal_line_shown line_shown;
    /* Under journal->lock. */
    bool given;  /* it leaves, unused here: the committer releases its lock */
    bool asleep; /* as its row says */
    /* OURS: the committer's session has its lock, and found this epoch and asked_ms (store_owner).
     * STALE: another epoch had begun, and the lock is still to be released. */
    enum { LOCK_NONE, LOCK_OURS, LOCK_STALE } lock;
    uint64_t locked_epoch, asked_ms;
    char reason[ERR_TEXT_MAX];
    bool placed; /* its owner and wish were read since it was freed */
    bool seen_free;
    enum placing_wish wish;
    bool moves;                 /* ours, and the process that will own it waits */
    bool ready;                 /* it will be ours, and we have written that we wait */
    bool retired;               /* as its row says */
    struct journal_place place; /* written by the reader */
    struct store_line line;     /* branch of the shown or owned journal: journal_set_line() */
    /* The committer's: */
    bool cut;                    /* ours, but not regained since the connection broke; stuck,
                                  * once others are regained */
    struct commit_entry *open;   /* its part of the batch under way when the connection broke */
    struct store_head open_head; /* its journal's end if that was written */
    uint64_t stuck_until_us;
    /* The committer's, if several share: */
    uint64_t free_since_us; /* when its lock was last seen held; 0: not polled yet */
    bool was_owned;         /* its lock has been seen held */
};

/* A long document whose plan is being read on its own thread. */
struct preparing {
    int32_t no; /* of the event; 0: none */
    struct store_document document;
    atomic_bool done;
    pthread_t thread;
};

/* A transaction, from gathering to its outcome. */
struct batch {
    struct commit_entry *entries[JOURNAL_BATCH_MAX]; /* by event, in order of arrival */
    uint32_t len;
    struct store_batch parts[EVENTS_MAX];
    uint32_t part_event[EVENTS_MAX]; /* index in journal->events */
    uint32_t parts_len;
    bool by_event;  /* together they were refused, so events are written one by one */
    uint32_t waits; /* ... and this many waits for a lock have failed */
};

struct journal {
    uint32_t magic; /* checked by its threads */
    struct journal_conf conf;
    char instance[JOURNAL_INSTANCE_MAX]; /* unique to this run of the process */

    struct journal_event events[EVENTS_MAX]; /* a free place is ASLEEP */
    _Atomic uint32_t events_len;             /* raised by the reader */
    struct asleep *asleep;                   /* all other events of our list */
    atomic_bool full;                        /* no place is left, and none of our events is idle */

    pthread_mutex_t lock;
    /* Under lock, as are the following. */
    bool connected, leads; /* the committer has a connection; the process leads its list, or has
                            * a place among the processes that share it */
    uint64_t led_since_ms; /* by the sale's clock; 0: not leading */
    bool named, namesake;  /* the committer's session has the lock of our name; another process
                            * has held it for longer than a dying or cut-off one would */
    bool apart;            /* our clock is too far from the server's to own anything */
    bool usable;           /* the schema is up to date */
    bool looked;           /* every existing event was seen once */
    enum journal_reason unreachable; /* why there is no connection */

    /* ---- the committer's ---- */
    struct pg *pg;
    int backends[JOURNAL_BACKENDS_MAX]; /* our backends that may still live and hold our locks */
    uint32_t backends_len;
    uint32_t tries;               /* since the last success */
    struct commit_entry *pending; /* taken from the ring, not yet in a batch; oldest first */
    struct commit_entry **pending_end;
    struct commit_entry *proofs; /* taken from the ring, not yet answered; unordered */
    struct batch batch;
    uint64_t commit_at_us; /* earliest time of the next commit; 0: now */
    uint8_t *memory;
    uint64_t watch_at_us;    /* next poll of the locks */
    atomic_bool watch_now;   /* ... requested by the reader */
    uint64_t name_asked_us;  /* when our name was first found taken; 0: it was not */
    uint32_t place;          /* place among the processes that share, while it `leads` */
    uint64_t joined_at_us;   /* when it first had a place; 0: not yet */
    uint64_t rejoined_at_us; /* when it got its current place */
    uint64_t beat_at_us;
    pthread_t thread;

    /* ---- the reader's ---- */
    int look; /* a bell: there is work */
    struct pg *reader_pg;
    struct preparing preparing;
    struct store_changes changes; /* of the table of events */
    uint64_t ended_seen;          /* ended sessions up to this number are known */
    uint32_t reader_tries;        /* since the last success */
    uint64_t shown_at_us;         /* last poll of other owners' events */
    bool room_announced;          /* by this session */
    uint64_t room_at_us;          /* last poll of what others announce */
    struct asleep_room room;      /* for events: the smallest of the list's processes */
    pthread_t reader;

    _Atomic uint64_t lines; /* source of branch numbers; random, rises */
    atomic_bool stopping;
    _Atomic(enum journal_role) role;
    _Atomic(enum journal_reason) reason;
    _Atomic uint64_t
        proven_at_us; /* when the session with our locks was last confirmed; the committer's */
    struct journal_stats stats;
};

MAGIC(journal, 0x5ea70007);

static inline uint32_t journal_len(const struct journal *journal)
{
    /* acquire: pairs with discover.c's add_event(): the id is set */
    return atomic_load_explicit(&journal->events_len, memory_order_acquire);
}

static inline enum journal_state journal_state_of(const struct journal_event *event)
{
    /* acquire: pairs with role_move_event(): a reader that sees an event owned also sees its head
     */
    return atomic_load_explicit(&event->state, memory_order_acquire);
}

/* Call under journal->lock. */
static inline void journal_set_line(struct journal_event *event, const struct store_line *line)
{
    struct journal_line_shown *shown = &event->line_shown;
    const uint32_t next = atomic_load(&shown->latest) + 1;
    event->line = *line;
    atomic_store(&shown->place[next % 2].now, line->now);
    atomic_store(&shown->place[next % 2].before, line->before);
    atomic_store(&shown->place[next % 2].began, line->began);
    atomic_store(&shown->latest, next);
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

/* Raises the epochs of these events from raises[i].was, each in the branch `claimed`, or in a new
 * one. A failed attempt may have begun a branch in which nothing was written. The next attempt
 * reuses it; otherwise readers of the previous branch would see two successors. */
static inline int journal_raise(struct journal *journal, struct pg *pg, const uint32_t *events,
                                struct store_raise *raises, uint32_t len, struct err_slot *err)
{
    for (uint32_t i = 0; i < len; i++) {
        struct journal_event *event = &journal->events[events[i]];
        /* relaxed: only uniqueness matters; an odd step visits all numbers */
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
/* Moves an event, and the process's role accordingly. */
void role_move_event(struct journal *journal, struct journal_event *event,
                     enum journal_state state);
/* Recomputes the role after one of its inputs has changed. */
void role_judge(struct journal *journal);

/* The committer's: until role_unstick() the event's changes are refused; retried after `ms`. */
void role_stick(struct journal *journal, struct journal_event *event, const char *reason,
                uint64_t ms);
void role_unstick(struct journal *journal, struct journal_event *event);
/* The committer's: the event is no longer ours, and is read again like other owners' events. */
void role_lose(struct journal *journal, struct journal_event *event, const char *reason);
/* The committer's: `unreachable` is why there is no connection. */
void role_set_connected(struct journal *journal, bool connected, enum journal_reason unreachable);
/* Nothing in memory is valid; the process must end. */
void role_fence(struct journal *journal, enum journal_reason reason);

/* ---- batch.c; the committer's ---- */

void batch_take_ring(struct journal *journal);
/* Refuses entries older than ms: none of them was written. */
void batch_refuse_older(struct journal *journal, uint64_t ms);
/* Fills the empty batch; it stays empty if no waiting entry can be written. */
void batch_gather(struct journal *journal);
/* Puts the batch's entries back at the head of the waiting ones, in order. */
void batch_put_back(struct journal *journal);
/* The batch was sent, and its outcome is unknown: each event keeps its part. */
void batch_leave_open(struct journal *journal);
/* Ends an event's open part with this outcome; or, as it was not written, puts it back. */
void batch_settle(struct journal *journal, struct journal_event *event, int rc);
void batch_reopen(struct journal *journal, struct journal_event *event);
void batch_answer(struct journal *journal, int rc); /* all entries */
void batch_answer_one(struct journal *journal, struct commit_entry *entry, int rc);
/* Records that all changes of an event up to this one have been answered. */
void batch_answered(struct journal *journal, uint32_t event, uint64_t seq);
void batch_answer_proofs(struct journal *journal, uint32_t event, int rc);

/* ---- ownership.c; the committer's ---- */

/* Polls for free locks. */
int ownership_watch(struct journal *journal, struct err_slot *err);
/* After a reconnect: regains the lead and our events, under new epochs, and settles their open
 * parts. An event that cannot be regained is stuck, unless none can. ERR_STATE, ERR_NOT_FOUND: the
 * process must end. */
int ownership_regain(struct journal *journal, struct err_slot *err);
/* Checks whether stuck events can be written again, and regains cut ones. Errors as above. */
int ownership_free(struct journal *journal, struct err_slot *err);
/* Marks those of our events as stuck whose row another transaction has locked. *any: there was one.
 */
int ownership_stick_locked(struct journal *journal, const uint32_t *events, uint32_t len,
                           struct err_slot *err, bool *any);
/* Our event's journal does not end where we left it: settles its open part, and gives this event
 * up. ERR_STATE: the process must end. */
int ownership_lose(struct journal *journal, uint32_t nth, struct err_slot *err);
/* Whether the row with `head`'s seq exists and is ours. */
int ownership_is_written(struct journal *journal, const struct journal_event *event,
                         const struct store_head *head, struct err_slot *err, bool *written);

/* ---- committer.c ---- */

int committer_start(struct journal *journal, struct err_slot *err);
void committer_stop(struct journal *journal); /* once `stopping` is set */

/* The reader's: whether the place is free for another event. */
static inline bool journal_is_free(const struct journal_event *event)
{
    return journal_state_of(event) == JOURNAL_EVENT_ASLEEP && event->why == LEAVE_STAYS;
}

/* The reader's: the committer should try or release locks now. */
static inline void journal_watch(struct journal *journal)
{
    /* release: pairs with committer.c's look_around(), which sees what there is to lock */
    atomic_store_explicit(&journal->watch_now, true, memory_order_release);
    commit_queue_nudge(journal->conf.queue);
}

/* ---- discover.c; the reader's, except for the first ---- */

bool discover_names(const struct journal *journal, const char *id); /* in our list */
int discover_events(struct journal *journal, struct err_slot *err);
/* What the events in memory leave of `room`. */
struct asleep_room discover_room(const struct journal *journal, struct asleep_room room);
/* The event's document, for the host's found(); the caller owns it. Body NULL: not ready, because
 * this long document or another is being prepared. */
int discover_document(struct journal *journal, uint32_t nth, struct err_slot *err,
                      struct store_document *document);
void discover_forget_document(struct journal *journal); /* waits for the one being prepared */
/* Reads who owns and will own events. Does nothing unless this process is in the registry. */
int discover_places(struct journal *journal, struct err_slot *err);

/* ---- reader.c ---- */

int reader_start(struct journal *journal, struct err_slot *err);
void reader_nudge(struct journal *journal); /* any thread */
void reader_stop(struct journal *journal);

#endif
