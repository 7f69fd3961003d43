/* journal.h: makes changes durable, and proves who may: the committer, and the reader beside it.
 *
 * The reader loads every event from its last snapshot and follows its journal. Events without an
 * owner are taken over, each as soon as it has been read: lock, epoch, the rest of the journal,
 * open. From then on the committer takes changes out of the commit queue and writes them in
 * batches; each comes back with rc 0 once it is durable, or with an error once it is certain that
 * it never will be.
 *
 * An unused event may be asleep: then it is in no process's memory, and costs a name. The process
 * that gets a request for it wakes it. An owner whose places are all taken puts those of its events
 * to sleep that have been idle for longest.
 *
 * The process is called back through struct journal_host, on the reader's thread, except for
 * fenced(), which comes on the committer's, and prepare(). */
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

/* What an event was imported from, or corrected to. */
struct journal_document {
    struct span body;
    uint64_t since, base; /* as engine_conf has them */
    uint32_t places;
};

/* The events as the process has them. `nth` is an event's number here, below EVENTS_MAX, until it
 * is dropped. A negative result means that the event is out: its reason is reported, and it is
 * tried again from found() on. */
struct journal_host {
    void *ctx;
    /* What of found() takes long, for a document of JOURNAL_LONG_BYTES or more, which found() is
     * given afterwards. On a thread of its own, one at a time. May be NULL. */
    void (*prepare)(void *ctx, struct span document);
    /* A new event, or one that is read again, and its document. ERR_NOT_FOUND: it was found with
     * another, so it leaves and is found again. */
    int (*found)(void *ctx, uint32_t nth, struct span id, const struct journal_document *document,
                 struct err_slot *err);
    /* Start over: from a snapshot, or empty if there is none. */
    int (*load)(void *ctx, uint32_t nth, struct span snapshot, struct err_slot *err);
    /* One change, in sequence; `idem` is absent if it had none. ERR_NOT_FOUND: another document
     * counts from this change on, so the event leaves and is found again. */
    int (*apply)(void *ctx, uint32_t nth, const struct change *change, struct span idem,
                 struct err_slot *err);
    /* Fills the change that begins the event's journal. */
    void (*first)(void *ctx, uint32_t nth, struct change *change);
    /* A session that some process ended early, by its hash, and until when its passes would have
     * counted; may be repeated. May be NULL. */
    void (*ended)(void *ctx, uint64_t session, uint64_t until_s);
    /* The event was created again in the waiting room, as some process learnt; may be repeated,
     * even before found(). May be NULL. */
    void (*renewed)(void *ctx, uint32_t nth, uint64_t incarnation);
    /* The event is ours and its state is complete, up to the `seq`th change: open it. The epoch has
     * never been used before. `asked_ms`: until then it was asleep and nobody was refused; 0: some
     * may have been; INT64_MAX: nobody was, and it was woken because a hold of it had ended. */
    void (*own)(void *ctx, uint32_t nth, uint64_t epoch, uint64_t seq, uint64_t asked_ms);
    /* An event of another process is applied up to its `seq`th change, and these were all at
     * `as_of_us` by the clock. Told at each look, until own(), hide() or leave(). May be NULL. */
    void (*shown)(void *ctx, uint32_t nth, uint64_t seq, uint64_t as_of_us);
    /* Was somebody shown an event of another process within the last `ms`? May be NULL. */
    bool (*asked)(void *ctx, uint32_t nth, uint64_t ms);
    /* It is about to be loaded again: called again and again until it returns true: then nothing
     * here looks at what was shown. May be NULL. */
    bool (*hide)(void *ctx, uint32_t nth);
    /* Close the event. Called again and again until it returns true: then nothing here uses it any
     * more. May be NULL, as the next four. */
    bool (*leave)(void *ctx, uint32_t nth);
    /* It was ours and closed, and stays: open it again. */
    void (*reopen)(void *ctx, uint32_t nth);
    /* When the next hold of an event of ours ends; 0: no seat of it is held. */
    uint64_t (*next_end_ms)(void *ctx, uint32_t nth);
    /* Forget it, after that: its number is free for another event. */
    void (*drop)(void *ctx, uint32_t nth);
    /* For how long nobody has asked for an event of ours. */
    uint64_t (*idle_ms)(void *ctx, uint32_t nth);
    /* Is the document of this event to be corrected? If it is ours it leaves: once nothing here
     * uses it, revise() judges and fills the change, or refuses it, and revised() says what became
     * of it; then it is found again. The three may be NULL. */
    bool (*revises)(void *ctx, uint32_t nth);
    int (*revise)(void *ctx, uint32_t nth, struct change *change, struct err_slot *err);
    void (*revised)(void *ctx, uint32_t nth, int rc);
    /* Another process leads and owns what was ours, or what was answered is lost. Nothing in memory
     * counts any more: the process has to end and start again as a standby. */
    void (*fenced)(void *ctx, const char *reason);
};

struct journal_conf {
    const char *dsn;      /* borrowed */
    const char *instance; /* borrowed; shown in the owner row */
    const char *events;   /* borrowed; "a,b": the only ones to serve; "": all */
    uint32_t owners; /* how many share them; 0 and 1: one process has them all, others follow */
    struct store_address address; /* ours, in the registry; empty: there is none */
    uint32_t places;              /* for events in memory, above EVENTS_SPARE; 0: EVENTS_MAX */
    uint64_t memory;              /* bytes that they may take together; 0: any number */
    uint64_t idle_ms;             /* an event of ours that is unused for this long may sleep */
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
/* Refuses what is still in the queue, releases every lock, ends the thread. The loops must then
 * collect once more, and then call journal_destroy(). */
void journal_stop(struct journal *journal);
void journal_destroy(struct journal *journal);

enum journal_role {
    JOURNAL_CONNECTING, /* no PostgreSQL yet */
    JOURNAL_LOADING,
    JOURNAL_STANDBY, /* others own; followed */
    JOURNAL_OWNER,   /* of at least one event, or there is none */
    JOURNAL_CUT,     /* owner without a connection: reads go on, writes are refused */
    JOURNAL_FENCED,  /* was owner; the process is about to end */
    JOURNAL_ROLES,
};

/* Why the process owns nothing, or is cut off from what it owns, or gets nothing besides that: a
 * row each, from which the enum, the words of /readyz and the refusals (loop/refusals.h) are made.
 * ROW(WITH, NAME, word, what a refusal says to operators; others hear JOURNAL_AWAY) */
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
    ROW(WITH, SCHEMA, "schema-mismatch", JOURNAL_AWAY) /* of a newer program */ \
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
    JOURNAL_EVENT_LOADING,   /* is being read for the first time */
    JOURNAL_EVENT_FOLLOWING, /* read to its end; somebody else has it, or we are about to */
    JOURNAL_EVENT_OWNED,
    JOURNAL_EVENT_OUT,    /* cannot be read or taken over, or was ours and is about to be read
                           * again, or is ours and cannot be written: a view says so of the latter,
                           * which is OWNED here; tried again */
    JOURNAL_EVENT_ASLEEP, /* not in memory */
    JOURNAL_STATES,
};

/* ---- any thread ---- */

enum journal_role journal_role(const struct journal *journal);
const char *journal_role_name(enum journal_role role);
/* Why it is not the owner; or, of an owner, why it gets nothing else. */
enum journal_reason journal_reason(const struct journal *journal);
const char *journal_reason_name(enum journal_reason reason); /* NULL: there is none, it is */
/* Whether it takes itself for an owner and PostgreSQL has not confirmed that for as long as a
 * standby lets it be (OWNER_SILENT_MS): another may own by now what is in memory here. */
bool journal_is_unproven(const struct journal *journal);
/* Of an event of ours: PostgreSQL does not let it be written, so its changes are refused, and what
 * is in memory is not proven. */
bool journal_is_stuck(const struct journal *journal, uint32_t nth);
/* Does a change submitted now have a chance? */
bool journal_writes(const struct journal *journal);

/* Of an event of ours: its changes up to this one have been given back to their loops. */
uint64_t journal_answered(const struct journal *journal, uint32_t nth);
/* Changes up to this one were sent: they may be in the journal though PostgreSQL has not answered.
 */
uint64_t journal_sent(const struct journal *journal, uint32_t nth);

struct journal_stats {
    _Atomic uint64_t commits, changes, refused, errors, reconnects, takeovers;
    _Atomic uint64_t settled_written,
        settled_again;                       /* open outcomes that had been written; that had not */
    _Atomic uint64_t wal_bytes, wal_flushes; /* of the whole server */
    _Atomic uint64_t clock_apart_ms;         /* gauge: between this machine and the server */
    _Atomic uint64_t lag;                    /* waiting in the queue at the last batch */
    _Atomic uint64_t events[JOURNAL_STATES]; /* how many are in each state */
    _Atomic uint64_t events_refused;         /* that are wanted, and there is no room for any */
    struct histogram batch;                  /* changes a commit */
    struct histogram commit_us;
};

const struct journal_stats *journal_stats(const struct journal *journal);

/* Of a call of pg.h: the connection is no longer good. */
static inline bool journal_is_broken(int rc)
{
    return rc == ERR_CLOSED || rc == ERR_TIMEOUT || rc == ERR_IO;
}

/* ---- events: any thread ---- */

struct journal_view {
    char id[EVENT_ID_MAX + 1];
    uint32_t nth;
    enum journal_state state;
    uint64_t incarnation;      /* of one that is asleep: the newest that is known (access/pass.h) */
    char reason[ERR_TEXT_MAX]; /* why it is out; empty otherwise */
};

const char *journal_state_name(enum journal_state state);
/* False: nothing in memory has that number. */
bool journal_nth(struct journal *journal, uint32_t nth, struct journal_view *out);
/* One after the other, of those in memory; *nth begins with 0. */
bool journal_next(struct journal *journal, uint32_t *nth, struct journal_view *out);
/* Finds those that are asleep, too; they have no number. */
bool journal_find(struct journal *journal, struct span id, struct journal_view *out);
/* How many are asleep. */
uint32_t journal_asleep(const struct journal *journal);
/* It is asleep and asked for, and has its turn once there is a place. False: that may be long. */
bool journal_wake(struct journal *journal, struct span id);

/* Which process owns an event, as its owner row says. */
struct journal_place {
    char instance[JOURNAL_INSTANCE_MAX]; /* [journal] instance */
    uint64_t epoch;
    struct store_address address;
};

/* The branch of the shown or owned journal. Read it after the version that is sent with it. */
struct store_line journal_line(struct journal *journal, uint32_t nth);
/* False: no owner is known, or it is this process. A dead owner is named until the next one. */
bool journal_elsewhere(struct journal *journal, uint32_t nth, struct journal_place *out);
/* Whether several processes share the events. */
bool journal_is_shared(const struct journal *journal);
/* Ours. */
const char *journal_name(const struct journal *journal);
const struct store_address *journal_address(const struct journal *journal);

/* All places are in use, and none of their events has been idle for long enough. */
bool journal_is_full(const struct journal *journal);
/* Whether this process, or one that it shares with, would own a new event of that name. ERR_STATE,
 * ERR_FULL: the same, or too many are asleep. */
int journal_may_import(struct journal *journal, const char *id, struct err_slot *err);
/* An event was created: look for it at once. */
void journal_look(struct journal *journal);

#endif
