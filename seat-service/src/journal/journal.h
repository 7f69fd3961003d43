/* journal.h: makes changes durable, and proves ownership: the committer and the reader.
 *
 * The reader loads every event from its last snapshot and follows its journal. An event without an
 * owner is taken over as soon as it has been read: lock, epoch, the rest of the journal, open. From
 * then on the committer writes its changes from the commit queue in batches; each returns with rc 0
 * once it is durable, or with an error once it is certain that it never will be.
 *
 * An unused event may be asleep: no process has it in memory, only its name. The process that gets
 * a request for it wakes it. An owner without free places puts its longest idle events to sleep.
 *
 * Callbacks are in struct journal_host. They run on the reader's thread, except fenced(), which
 * runs on the committer's, and prepare(). */
#ifndef FG_SEAT_SERVICE_JOURNAL_H
#define FG_SEAT_SERVICE_JOURNAL_H

#include "base/clock.h"
#include "base/rng.h"
#include "core/time/sale_clock.h"
#include "journal/commit_queue.h"
#include "journal/store.h"
#include "observe/histogram.h"
#include "observe/log.h"

struct journal;

/* Callbacks per event. `nth` is an event's number here, below EVENTS_MAX, until it is dropped. A
 * negative result puts the event out: the reason is reported, and the event is retried from found()
 * on. */
struct journal_host {
    void *ctx;
    /* The slow part of found(), called before it for documents of JOURNAL_LONG_BYTES or more. On
     * its own thread, one at a time. May be NULL. */
    void (*prepare)(void *ctx, struct span document);
    /* A new event, or one that is read again, with its document. ERR_NOT_FOUND: it was found with
     * another document, so it leaves and is found again. */
    int (*found)(void *ctx, uint32_t nth, const struct store_event *row,
                 const struct store_document *document, struct err_slot *err);
    /* Starts over, from a snapshot, or empty if there is no snapshot. */
    int (*load)(void *ctx, uint32_t nth, struct span snapshot, struct err_slot *err);
    /* One change, in sequence; `idem` may be absent. ERR_NOT_FOUND: another document counts from
     * this change on, so the event leaves and is found again. */
    int (*apply)(void *ctx, uint32_t nth, const struct change *change, struct span idem,
                 struct err_slot *err);
    /* Sets the change that begins the event's journal. */
    void (*first)(void *ctx, uint32_t nth, struct change *change);
    /* A session (its hash) that any process ended early, and when its passes would have expired;
     * may be repeated. May be NULL. */
    void (*ended)(void *ctx, uint64_t session, uint64_t until_s);
    /* The event was created again in the waiting room, as any process reported; may be repeated,
     * even before found(). May be NULL. */
    void (*renewed)(void *ctx, uint32_t nth, uint64_t incarnation);
    /* The event is ours and its state complete, up to change `seq`: open it. The epoch is new.
     * `asked_ms`: until then it was asleep and no request was refused; 0: some may have been;
     * INT64_MAX: none was, and it was woken because a hold had ended. */
    void (*own)(void *ctx, uint32_t nth, uint64_t epoch, uint64_t seq, uint64_t asked_ms);
    /* Another owner's event is applied up to change `seq`, which was its end at `as_of_us` by the
     * clock. Called at each poll, until own(), hide() or leave(). May be NULL. */
    void (*shown)(void *ctx, uint32_t nth, uint64_t seq, uint64_t as_of_us);
    /* Whether another owner's event was requested within the last `ms`. May be NULL. */
    bool (*asked)(void *ctx, uint32_t nth, uint64_t ms);
    /* The event will be loaded again. Called until it returns true: then nothing here reads what
     * was shown. May be NULL. */
    bool (*hide)(void *ctx, uint32_t nth);
    /* Close the event. Called until it returns true: then nothing here uses it. May be NULL, as may
     * the next four. */
    bool (*leave)(void *ctx, uint32_t nth);
    /* It was ours and was closed, but stays: open it again. */
    void (*reopen)(void *ctx, uint32_t nth);
    /* When the next hold of our event ends; 0: no seat is held. */
    uint64_t (*next_end_ms)(void *ctx, uint32_t nth);
    /* Forget the closed event: its number is free for another. */
    void (*drop)(void *ctx, uint32_t nth);
    /* How long our event has had no requests. */
    uint64_t (*idle_ms)(void *ctx, uint32_t nth);
    /* revises() returns whether the document is to be corrected. If so, our event leaves; once it
     * is unused here, revise() checks the correction and sets the change, or rejects it; revised()
     * gets the outcome; then the event is found again. The three may be NULL. */
    bool (*revises)(void *ctx, uint32_t nth);
    int (*revise)(void *ctx, uint32_t nth, struct change *change, struct err_slot *err);
    void (*revised)(void *ctx, uint32_t nth, int rc);
    /* Another process leads and owns our events, or acknowledged changes are lost. Nothing in
     * memory is valid: the process must end and restart as a standby. */
    void (*fenced)(void *ctx, const char *reason);
};

struct journal_conf {
    const char *dsn;      /* borrowed */
    const char *instance; /* borrowed; shown in the owner row */
    const char *events;   /* borrowed; "a,b": serve only these; "": all */
    uint32_t owners;      /* processes that share them; 0 and 1: one owns all, others follow */
    struct store_address address; /* ours, in the registry; empty: no address */
    uint32_t places;              /* for events in memory, above EVENTS_SPARE; 0: EVENTS_MAX */
    uint64_t memory;              /* bytes for all of them; 0: no limit */
    uint64_t idle_ms;             /* our event may sleep after this time without use */
    uint32_t batch_max;           /* 1..JOURNAL_BATCH_MAX */
    struct commit_queue *queue;   /* borrowed */
    const struct clock *clock;
    struct sale_clock *sale; /* borrowed; gets the server's time */
    const struct rng *rng;   /* used on the committer's thread and at start */
    struct logger *log;
    struct journal_host host;
};

/* Starts the thread. */
int journal_start(const struct journal_conf *conf, struct err_slot *err, struct journal **out);
/* Refuses queued changes, releases every lock, ends the thread. The loops must then collect once
 * more, before journal_destroy(). */
void journal_stop(struct journal *journal);
void journal_destroy(struct journal *journal);

enum journal_role {
    JOURNAL_CONNECTING, /* no PostgreSQL yet */
    JOURNAL_LOADING,
    JOURNAL_STANDBY, /* others own; we follow */
    JOURNAL_OWNER,   /* owns at least one event, or leads and there are no events */
    JOURNAL_CUT,     /* owner without a connection: serves reads, refuses writes */
    JOURNAL_FENCED,  /* was owner; the process is about to end */
    JOURNAL_ROLES,
};

/* Why the process owns nothing, has lost its connection, or takes no more events. Each row gives
 * the enum, the word in /readyz and the refusal (loop/refusals.h). ROW(WITH, NAME, word, detail for
 * operators; others get JOURNAL_AWAY) */
/* clang-format off */
#define JOURNAL_AWAY "this instance does not serve the event at the moment"
#define JOURNAL_REASONS(ROW, WITH) \
    ROW(WITH, STARTING, "starting", JOURNAL_AWAY) \
    ROW(WITH, LOADING, "loading", JOURNAL_AWAY) \
    ROW(WITH, STANDBY, "standby", JOURNAL_AWAY) \
    ROW(WITH, NAMESAKE, "instance-taken", "another process has the same name and lives: " \
        "[journal] instance has to differ from process to process") \
    ROW(WITH, CLOCK, "clock-apart", "the clocks of this machine and of PostgreSQL are apart: one " \
        "of them is wrong, and until it is right this instance takes no event") \
    ROW(WITH, UNUSABLE, "journal-unusable", JOURNAL_AWAY) /* no event can be read */ \
    ROW(WITH, UNREACHABLE, "postgres-unreachable", JOURNAL_AWAY) \
    ROW(WITH, SCHEMA, "schema-mismatch", JOURNAL_AWAY) /* written by a newer program */ \
    ROW(WITH, LOST, "another-owner", JOURNAL_AWAY)

/* clang-format on */
enum journal_reason {
    JOURNAL_REASON_NONE,
#define ROW(WITH, NAME, WORD, AWAY) JOURNAL_REASON_##NAME,
    JOURNAL_REASONS(ROW, )
#undef ROW
        JOURNAL_REASON_COUNT
};

/* Of one event. */
enum journal_state {
    JOURNAL_EVENT_LOADING,   /* being read for the first time */
    JOURNAL_EVENT_FOLLOWING, /* read to its end; another process owns it, or we are about to */
    JOURNAL_EVENT_OWNED,
    JOURNAL_EVENT_OUT,    /* cannot be read or taken over; or was ours and will be read again; or
                           * is ours but cannot be written (OUT in a view, OWNED here); retried */
    JOURNAL_EVENT_ASLEEP, /* not in memory */
    JOURNAL_STATES,
};

/* ---- any thread ---- */

enum journal_role journal_role(const struct journal *journal);
const char *journal_role_name(enum journal_role role);
/* Why it is not the owner; of an owner, why it takes no more events. */
enum journal_reason journal_reason(const struct journal *journal);
const char *journal_reason_name(enum journal_reason reason); /* NULL: owner, no reason */
/* Whether it believes to be an owner although PostgreSQL has not confirmed that for
 * OWNER_SILENT_MS, after which a standby may take over: our events may have another owner by now.
 */
bool journal_is_unproven(const struct journal *journal);
/* Our event cannot be written in PostgreSQL, so its changes are refused, and its state in memory is
 * not proven. */
bool journal_is_stuck(const struct journal *journal, uint32_t nth);
/* Whether a change submitted now may succeed. */
bool journal_writes(const struct journal *journal);

/* Of our event: changes up to this one have been returned to their loops. */
uint64_t journal_answered(const struct journal *journal, uint32_t nth);
/* Changes up to this one were sent: they may be in the journal before PostgreSQL has responded. */
uint64_t journal_sent(const struct journal *journal, uint32_t nth);

struct journal_stats {
    _Atomic uint64_t commits, changes, refused, errors, reconnects, takeovers;
    _Atomic uint64_t settled_written, settled_again; /* open outcomes: had been written; had not */
    _Atomic uint64_t wal_bytes, wal_flushes;         /* of the whole server */
    _Atomic uint64_t clock_apart_ms;         /* gauge: between this machine and the server */
    _Atomic uint64_t lag;                    /* queued at the last batch */
    _Atomic uint64_t events[JOURNAL_STATES]; /* number of events in each state */
    _Atomic uint64_t events_refused;         /* wanted events without room */
    struct histogram batch;                  /* changes a commit */
    struct histogram commit_us;
};

const struct journal_stats *journal_stats(const struct journal *journal);

/* Whether pg.h's result means that the connection is unusable. */
static inline bool journal_is_broken(int rc)
{
    return rc == ERR_CLOSED || rc == ERR_TIMEOUT || rc == ERR_IO;
}

/* ---- events: any thread ---- */

struct journal_view {
    char id[EVENT_ID_MAX + 1];
    uint32_t nth;
    enum journal_state state;
    uint64_t incarnation;      /* of a sleeping event: the newest known (access/pass.h) */
    bool asked;                /* ... it wakes, or waits for room */
    char reason[ERR_TEXT_MAX]; /* why it is out; empty otherwise */
};

const char *journal_state_name(enum journal_state state);
/* False: no event in memory has that number. */
bool journal_nth(struct journal *journal, uint32_t nth, struct journal_view *out);
/* Iterates over the events in memory; *nth starts with 0. */
bool journal_next(struct journal *journal, uint32_t *nth, struct journal_view *out);
/* Also finds sleeping events; they have no number. */
bool journal_find(struct journal *journal, struct span id, struct journal_view *out);
/* How many are asleep. */
uint32_t journal_asleep(const struct journal *journal);
/* Requests a sleeping event, which wakes once there is room. False: that may take long. */
bool journal_wake(struct journal *journal, struct span id);

/* The process that owns an event, from its owner row. */
struct journal_place {
    char instance[JOURNAL_INSTANCE_MAX]; /* [journal] instance */
    uint64_t epoch;
    struct store_address address;
};

/* The branch of the shown or owned journal. Read it after the version it is sent with. */
struct store_line journal_line(struct journal *journal, uint32_t nth);
/* False: no owner is known, or it is this process. A dead owner is returned until the next one. */
bool journal_elsewhere(struct journal *journal, uint32_t nth, struct journal_place *out);
/* Whether several processes share the events. */
bool journal_is_shared(const struct journal *journal);
/* This process's. */
const char *journal_name(const struct journal *journal);
const struct store_address *journal_address(const struct journal *journal);

/* All places are in use, and none of their events has been idle for long enough. */
bool journal_is_full(const struct journal *journal);
/* Whether this process, or one it shares with, would own a new event of that name. ERR_STATE: no.
 * ERR_FULL: no room, or too many are asleep. */
int journal_may_import(struct journal *journal, const char *id, struct err_slot *err);
/* An event was created: discover it now. */
void journal_look(struct journal *journal);

#endif
