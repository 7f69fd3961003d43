/* store.h: the journal's PostgreSQL operations. Apart from store.c, only the migrations and the
 * auditor know table names.
 *
 * Calls use one connection, on the thread that owns it; errors are pg.h's. */
#ifndef FG_SEAT_SERVICE_STORE_H
#define FG_SEAT_SERVICE_STORE_H

#include "core/engine/change.h"
#include "journal/chain.h"
#include "pg/pg.h"
#include "shell_limits.h"
#include "tables/statements.h"

struct commit_entry;

/* Connects, with a lock timeout of lock_ms. `migrates`: brings the schema up to date first. */
int store_connect(const char *dsn, const char *app, int lock_ms, bool migrates,
                  struct err_slot *err, struct pg **out);

struct store_event {
    int32_t no;
    char id[EVENT_ID_MAX + 1];
    uint64_t incarnation; /* see access/pass.h */
    bool retired;         /* about to be archived: no process takes it over */
    bool asleep;          /* in no process's memory */
    uint64_t due_ms;      /* of a sleeping event: when its next hold ends; 0: no hold */
    bool asked;           /* ... and it was requested */
    uint64_t bytes;       /* approximate memory it takes */
};

/* Where an event's journal ends. */
struct store_head {
    uint64_t epoch;
    uint64_t seq;
    struct chain chain;
};

/* Position of a walk over the changed rows. All zeros: before the first row. */
struct store_changes {
    int64_t since;   /* changes by earlier transactions are known */
    int64_t changed; /* the last row read in this walk, with `no` */
    int32_t no;
    bool begun;   /* a walk is under way */
    int64_t next; /* `since` of the next one */
};
/* The next rows that changed since the last walk, at most `room`; *len is their number. Less than
 * `room`: the walk is over, and the next call begins another. An event may occur twice. */
int store_events_changed(struct pg *pg, struct store_changes *changes, struct store_event *out,
                         uint32_t room, struct err_slot *err, uint32_t *len);
struct store_known {
    struct span list;     /* "a,b"; "": all events */
    const int32_t *awake; /* the awake events of the list that this process knows */
    uint32_t awake_len;   /* at most 2 * EVENTS_MAX */
    int64_t since;        /* of store_changes */
};
/* Wakes events and makes every process read their rows again. asked_ms[i]: since when it was
 * requested; 0: it wakes because a hold ends, or is awake. They are followed by refused_len events
 * that were requested but have no room: that is only recorded, unless they are woken as well.
 * 1..EVENTS_MAX in all. If another process wakes events, or there is one awake that this one does
 * not know, none is woken. */
int store_wake(struct pg *pg, const struct store_known *known, const int32_t *events,
               const uint64_t *asked_ms, uint32_t len, uint32_t refused_len, struct err_slot *err);
/* Puts the event to sleep if this is its epoch and due_ms (see store_event) is not over. */
int store_sleep(struct pg *pg, int32_t event, uint64_t epoch, uint64_t due_ms, struct err_slot *err,
                bool *done);
/* A document that an event was imported from or corrected to. */
struct store_document {
    char *body; /* malloced */
    size_t len;
    uint64_t since, base; /* as in engine_conf */
    uint32_t places;
    uint64_t at_ms; /* time of the change `since`; 0: not written yet */
};
/* The document at change `seq`; UINT64_MAX: the newest. */
int store_document(struct pg *pg, int32_t event, uint64_t seq, struct err_slot *err,
                   struct store_document *out);
/* Stores a document for store_revise(), replacing an earlier one. */
int store_offer(struct pg *pg, struct span id, struct span hash, struct span body,
                struct err_slot *err);
/* Creates an event with its document; `who` imports it ("": unknown). ERR_EXISTS: the id is taken.
 */
int store_event_create(struct pg *pg, struct span id, struct span hash, struct span body,
                       struct span who, struct err_slot *err, int32_t *no);

/* ---- ownership ---- */

/* The session's advisory locks; all end with the session. EVENT: by event number. LEAD: the lead
 * among processes that serve the same list of events, by the list's hash. PLACE: a place among
 * those that share them. ASKED: shared, held while requests arrive for an event that another
 * process owns. NAME: a name in the registry, by the hash of list and name. ROOM: shared, its key
 * announces the room for events. WAKE: while a statement wakes events (may_wake()). */
enum store_lock {
    STORE_LOCK_EVENT,
    STORE_LOCK_LEAD,
    STORE_LOCK_PLACE,
    STORE_LOCK_ASKED,
    STORE_LOCK_NAME,
    STORE_LOCK_ROOM,
    STORE_LOCK_WAKE
};
/* Tries `len` locks, 1..EVENTS_MAX; got[i] false: another session has it. */
int store_lock(struct pg *pg, enum store_lock lock, const int32_t *keys, uint32_t len,
               struct err_slot *err, bool *got);
int store_unlock(struct pg *pg, enum store_lock lock, int32_t key, struct err_slot *err);
/* Shared locks: takes or releases these keys, 1..EVENTS_MAX. */
int store_share(struct pg *pg, enum store_lock lock, const int32_t *keys, uint32_t len, bool take,
                struct err_slot *err);
/* Each key held by another session that was active within READER_SILENT_MS. */
int store_shared(struct pg *pg, enum store_lock lock, struct err_slot *err,
                 void (*on_key)(void *ctx, int32_t key), void *ctx);
/* A held lock. */
struct store_held {
    enum store_lock lock;
    int32_t key, pid;
    bool ours;   /* this session's */
    bool silent; /* store_end_silent() would end its backend */
};
/* All held locks of events and places. */
int store_held(struct pg *pg, uint32_t silent_ms, struct err_slot *err,
               void (*on_held)(void *ctx, const struct store_held *held), void *ctx);

/* An owner's addresses, HOST:PORT each; empty: not published. */
struct store_address {
    char open[OWNER_ADDRESS_MAX], within[OWNER_ADDRESS_MAX];
};
/* Reads the owner rows of events, 1..EVENTS_MAX: the owner, the wanted owner's name (empty: no
 * wish), and the run of a process that waits to take over. */
int store_where(struct pg *pg, const int32_t *events, uint32_t len, struct err_slot *err,
                void (*on_where)(void *ctx, const struct sql_owners_where_row *where), void *ctx);

/* Wants the process of that name as the event's owner for `wait_ms`. ERR_NOT_FOUND: unknown event.
 */
int store_want(struct pg *pg, struct span event, struct span wanted, uint32_t wait_ms,
               struct err_slot *err);
/* Records that `instance`, of the name `wanted`, has read the journal. */
int store_ready(struct pg *pg, int32_t event, struct span wanted, struct span instance,
                struct err_slot *err);

/* The branches of a journal: changes after number `began` are sent under the name `now`, earlier
 * ones were last sent under `before`. After a restore a number may be reused, but in another
 * branch. All zeros: unknown, or the epoch was never raised. */
struct store_line {
    uint64_t now, before, began;
};
/* An event whose epoch is to be raised. */
struct store_raise {
    int32_t event;
    uint64_t was;
    /* Branches: `kept` continues if the journal is in it, otherwise `fresh`, a random number,
     * begins. Neither is 0; both are below 2^63. */
    uint64_t kept, fresh;
    /* Set by store_raise(). rc: 0; ERR_NOT_FOUND: `was` is outdated; ERR_EXISTS: another
     * transaction, such as a commit, has its row. With an error the epoch is not raised. */
    int rc;
    struct store_head head; /* final: nobody else can append */
    struct store_line line;
};
/* From now on only the returned epochs can commit. Waits for no row. */
int store_raise(struct pg *pg, struct span instance, const struct store_address *address,
                struct store_raise *raises, uint32_t len, struct err_slot *err);
/* Whether the journal ends at `head`, in its epoch: what a commit would find. Waits for a raise
 * that is under way; the result is as durable as a commit. */
int store_prove(struct pg *pg, int32_t event, const struct store_head *head, struct err_slot *err,
                bool *stands);
/* is_free[i]: no other transaction has locked the owner row of events[i], 1..EVENTS_MAX. */
int store_free(struct pg *pg, const int32_t *events, uint32_t len, struct err_slot *err,
               bool *is_free);
/* The number of changes in each event's journal, and its branch. */
int store_heads(struct pg *pg, const int32_t *events, uint32_t len, struct err_slot *err,
                void (*on_head)(void *ctx, int32_t event, uint64_t seq,
                                const struct store_line *line),
                void *ctx);
/* its: `instance` was the last to raise the epoch. asked_ms: until then holds ended while no
 * request was refused; 0: some may have been; INT64_MAX: none was. since_ms: this process could
 * have received requests since then; 0: it could not. */
struct store_owner {
    int rc; /* ERR_NOT_FOUND, ERR_STATE: no such row */
    struct store_head head;
    bool its;
    uint64_t asked_ms;
};
/* For each of these events, 1..EVENTS_MAX. */
int store_owners_read(struct pg *pg, const int32_t *events, uint32_t len, struct span instance,
                      uint64_t since_ms, struct err_slot *err, struct store_owner *out);
/* Ends the backends that hold these locks and have been idle, or waiting for their client, for
 * longer than silent_ms: the client hangs, is stopped, or is cut off. *ended: there was one. */
int store_end_silent(struct pg *pg, enum store_lock lock, const int32_t *keys, uint32_t len,
                     uint32_t silent_ms, struct err_slot *err, bool *ended);
/* Ends those of the backends `pids` that hold the lock, except this session's own. */
int store_end_backends(struct pg *pg, enum store_lock lock, int32_t key, const int32_t *pids,
                       uint32_t len, struct err_slot *err);

/* ---- writing ---- */

/* One event's part of a transaction. `entries` are consecutive: their changes get the seqs head.seq
 * + 1 and so on. */
struct store_batch {
    int32_t event;
    struct store_head head; /* before the batch; its epoch is ours */
    struct commit_entry **entries;
    uint32_t len;
    /* Set by store_commit(). */
    struct store_head after;
    uint32_t rows; /* number of rows for its changes */
    bool written;  /* false: fenced, nothing written */
};

/* How a batch affects the tables of sold places. Batches of different kinds do not mix: store.c. */
enum store_wall { STORE_WALL_NONE, STORE_WALL_SELL, STORE_WALL_FREE, STORE_WALL_MOVE };
enum store_wall store_wall_of(const struct change *change);

/* The parameter memory that a change needs at most. */
size_t store_change_bytes(const struct change *change);

/* Writes all batches in one transaction, through the pipeline. `memory` is for the parameters and
 * needs STORE_BATCH_BYTES per batch and store_change_bytes() per change. ERR_PEER: nothing was
 * written. ERR_CLOSED, ERR_TIMEOUT: unknown. */
enum { STORE_BATCH_BYTES = 1024 };
int store_commit(struct pg *pg, struct store_batch *batches, uint32_t len, void *memory,
                 size_t memory_len, struct err_slot *err);

/* Writes a batch whose only change is CHANGE_REVISED, and makes the stored document that it names
 * current. Results as of store_commit(); ERR_STATE: fenced, or another document was stored
 * meanwhile; nothing was written. */
int store_revise(struct pg *pg, struct store_batch *batch, void *memory, size_t memory_len,
                 struct err_slot *err);

/* ---- reading back ---- */

/* The chain link of the row that ends with this seq; ERR_NOT_FOUND: no such row. */
int store_link(struct pg *pg, int32_t event, uint64_t seq, struct err_slot *err,
               struct chain *chain);

struct store_row {
    uint64_t seq, epoch, at_ms; /* seq and time of its last change */
    unsigned kind, changes;     /* PACK_KIND, or its only change's kind */
    struct span body, chain;    /* borrowed during the call */
    struct span idem;           /* set by the follower: the current change's key */
};

/* Parses a row from a binary COPY; false: malformed. */
bool store_row_read(struct span bytes, struct store_row *row);

/* The next rows that end after `after`, in sequence, at most `room`; *more: there may be more. A
 * negative result of on_row ends the walk and is returned. With a limit PostgreSQL walks the
 * primary key, even if the table was never analysed; without one it sorted a rush's whole journal
 * each time. */
int store_follow(struct pg *pg, int32_t event, uint64_t after, uint32_t room,
                 int (*on_row)(void *ctx, const struct store_row *row), void *ctx,
                 struct err_slot *err, bool *more);

/* The newest snapshot up to seq_max, of the document of change `since`. ERR_NOT_FOUND: no snapshot.
 * *body is malloced. */
int store_snapshot(struct pg *pg, int32_t event, uint64_t seq_max, uint64_t since,
                   struct err_slot *err, struct store_head *head, uint8_t **body, size_t *len);
/* Writes a snapshot and deletes all but the newest two. */
int store_snapshot_write(struct pg *pg, int32_t event, const struct store_head *head,
                         struct span body, struct err_slot *err);

/* The sold seats of an event after seat `after` in plan order (-1: all), at most `most`. */
int store_sold_read(struct pg *pg, struct span event, int64_t after, uint32_t most,
                    int (*on_sold)(void *ctx, const struct sql_sold_list_row *sold), void *ctx,
                    struct err_slot *err);

/* The sold standing places of an event, of holds after `after` (0: all), in order, at most `most`.
 */
int store_sold_areas_read(struct pg *pg, struct span event, uint64_t after, uint32_t most,
                          int (*on_sold)(void *ctx, const struct sql_sold_area_list_row *sold),
                          void *ctx, struct err_slot *err);

#endif
