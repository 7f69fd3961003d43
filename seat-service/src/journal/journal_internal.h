/* journal_internal.h: what the committer (journal.c) and the reader (reader.c) share.
 *
 * An event's head is the reader's until the event is owned, and the committer's from then on. What
 * both write is below `lock`, which is taken for a few words and never on the way of a commit. */
#ifndef FG_SEAT_SERVICE_JOURNAL_INTERNAL_H
#define FG_SEAT_SERVICE_JOURNAL_INTERNAL_H

#include "journal/journal.h"

#include <pthread.h>
#include <stdatomic.h>

struct journal_event {
    struct store_event id; /* there before events_len counts the event */
    struct store_head head;
    uint64_t retry_at_us, retry_ms; /* the reader's: while it is out */
    _Atomic(enum journal_state) state;
    /* Below journal->lock. */
    bool locked;           /* the committer's session has the lock ... */
    uint64_t locked_epoch; /* ... and found this epoch */
    char reason[ERR_TEXT_MAX];
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
    char instance[JOURNAL_INSTANCE_MAX]; /* of this life: no other process writes this name */

    struct journal_event events[EVENTS_MAX];
    _Atomic uint32_t events_len; /* raised by the reader */

    pthread_mutex_t lock;
    pthread_cond_t look;     /* the reader's: there is something to do */
    bool look_asked;         /* below lock, as are the following */
    bool connected, house;   /* the committer has a connection; it is first among its like */
    bool usable;             /* the schema is up to date */
    bool looked;             /* every event that was there has been seen once */
    const char *unreachable; /* why there is no connection; a literal */

    /* ---- the committer's ---- */
    struct pg *pg;
    int backends[JOURNAL_BACKENDS_MAX]; /* of ours that may not have ended */
    uint32_t backends_len;
    uint64_t retry_ms;
    struct commit_entry *pending; /* out of the ring, not yet in a batch; oldest first */
    struct commit_entry **pending_end;
    struct batch batch;
    bool open;             /* the batch was sent and its outcome is not known */
    uint64_t commit_at_us; /* the next one not before; 0: at once */
    uint8_t *memory;
    uint64_t watch_at_us; /* next look for locks */
    uint64_t beat_at_us;
    pthread_t thread;

    /* ---- the reader's ---- */
    struct pg *reader_pg;
    uint64_t ended_seen; /* ended sessions up to this number are known */
    uint64_t reader_retry_ms;
    pthread_t reader;

    atomic_bool stopping;
    _Atomic(enum journal_role) role;
    _Atomic(const char *) reason;
    struct journal_stats stats;
};

static inline uint32_t journal_len(const struct journal *journal)
{
    /* acquire: partner of the reader's discover(): the id is there */
    return atomic_load_explicit(&journal->events_len, memory_order_acquire);
}

static inline enum journal_state journal_state_of(const struct journal_event *event)
{
    /* acquire: partner of journal_move(): whoever finds an event owned finds its head */
    return atomic_load_explicit(&event->state, memory_order_acquire);
}

/* Below journal->lock: moves an event, and with it what the process is. */
void journal_move(struct journal *journal, struct journal_event *event, enum journal_state state);
/* Below journal->lock: the role anew, after something that it hangs on has changed. */
void journal_judge(struct journal *journal);

bool journal_names(const struct journal *journal, const char *id); /* "" names all */
bool journal_same_place(const struct store_head *a, const struct store_head *b);

/* ---- reader.c ---- */

int reader_start(struct journal *journal, struct err_slot *err);
void reader_nudge(struct journal *journal); /* any thread */
void reader_stop(struct journal *journal);

#endif
