/* store.h: what the journal asks of PostgreSQL, as calls. Besides store.c only the migrations and
 * the auditor know a table's name.
 *
 * All calls use one connection, on the thread that owns it; errors are pg.h's. */
#ifndef FG_SEAT_SERVICE_STORE_H
#define FG_SEAT_SERVICE_STORE_H

#include "core/engine/change.h"
#include "journal/chain.h"
#include "pg/pg.h"
#include "rim_limits.h"
#include "tables/statements.h"

struct commit_entry;

/* A connection that waits for locks for lock_ms. `migrates`: the schema is brought up to date
 * first.
 */
int store_connect(const char *dsn, const char *app, int lock_ms, bool migrates,
                  struct err_slot *err, struct pg **out);

struct store_event {
    int32_t no;
    char id[EVENT_ID_MAX + 1];
    uint64_t incarnation; /* see access/pass.h */
    bool retired;         /* it is about to leave for an archive: nobody takes it any more */
    bool asleep;          /* no process has it in memory */
    uint64_t due_ms;      /* of one that is asleep: when the next of its holds ends; 0: none does */
    bool asked;           /* ... and it was asked for */
    uint64_t bytes;       /* that it takes in memory, about */
};

/* Where an event's journal ends. */
struct store_head {
    uint64_t epoch;
    uint64_t seq;
    struct chain chain;
};

/* Events with a number above `after`; *len says how many. Less than `room`: there are no more. */
int store_events(struct pg *pg, int32_t after, struct store_event *out, uint32_t room,
                 struct err_slot *err, uint32_t *len);
/* Where a walk through the rows that have changed stands. All zeros: before the first row. */
struct store_changes {
    int64_t since;   /* rows that were changed by earlier transactions are known */
    int64_t changed; /* the last row that was read in this walk, below */
    int32_t no;
    bool begun;   /* a walk is under way */
    int64_t next; /* `since` of the next one */
};
/* The next ones that have changed since the last walk, `room` at most; *len says how many. Less
 * than `room`: the walk is over, and the next call begins another. An event may come twice. */
int store_events_changed(struct pg *pg, struct store_changes *changes, struct store_event *out,
                         uint32_t room, struct err_slot *err, uint32_t *len);
/* Wakes these and has every process look at them again. asked_ms[i]: since when it has been asked
 * for; 0: it is woken since a hold of it ends, or is awake. Behind these come refused_len that were
 * asked for and for which there is no room: only that is noted, unless they are woken as
 * well. 1..EVENTS_MAX in all. */
int store_wake(struct pg *pg, const int32_t *events, const uint64_t *asked_ms, uint32_t len,
               uint32_t refused_len, struct err_slot *err);
/* Puts the event to sleep, if this is its epoch and due_ms, as above, is still to come. */
int store_sleep(struct pg *pg, int32_t event, uint64_t epoch, uint64_t due_ms, struct err_slot *err,
                bool *done);
/* The number of an event; ERR_NOT_FOUND: there is none of that id. */
int store_event_no(struct pg *pg, struct span id, struct err_slot *err, int32_t *no);
/* What the event was imported from, or corrected to. */
struct store_document {
    char *body; /* malloced */
    size_t len;
    uint64_t since, base; /* as engine_conf has them */
    uint32_t places;
    uint64_t at_ms; /* of the change `since`; 0: it is not written yet */
};
/* The one that counted at change `seq`, UINT64_MAX: the newest. */
int store_document(struct pg *pg, int32_t event, uint64_t seq, struct err_slot *err,
                   struct store_document *out);
/* Puts a document aside for store_revise(), in the place of any other. */
int store_offer(struct pg *pg, struct span id, struct span hash, struct span body,
                struct err_slot *err);
/* Creates an event with its document; `who` imports it ("": nobody's name is known). ERR_EXISTS if
 * the id is taken. */
int store_event_create(struct pg *pg, struct span id, struct span hash, struct span body,
                       struct span who, struct err_slot *err, int32_t *no);

/* ---- ownership ---- */

/* The session's advisory locks: of an event, by its number; of the lead among all processes that
 * serve the same list of events, by a hash of the list; of a place among those that share them;
 * one that is shared, which a process holds while visitors ask it for an event that another process
 * owns; of a name that stands in the registry, by a hash of list and name. All of them end with the
 * session. */
enum store_lock {
    STORE_LOCK_EVENT,
    STORE_LOCK_LEAD,
    STORE_LOCK_PLACE,
    STORE_LOCK_ASKED,
    STORE_LOCK_NAME,
    STORE_LOCK_ROOM
};
/* Tries `len` of them, 1..EVENTS_MAX; got[i] false: somebody else has it. */
int store_lock(struct pg *pg, enum store_lock lock, const int32_t *keys, uint32_t len,
               struct err_slot *err, bool *got);
int store_unlock(struct pg *pg, enum store_lock lock, int32_t key, struct err_slot *err);
/* Of a shared one: takes those of these keys, 1..EVENTS_MAX, or gives them back. */
int store_share(struct pg *pg, enum store_lock lock, const int32_t *keys, uint32_t len, bool take,
                struct err_slot *err);
/* Each key that another session has, if it was not silent for READER_SILENT_MS. */
int store_shared(struct pg *pg, enum store_lock lock, struct err_slot *err,
                 void (*on_key)(void *ctx, int32_t key), void *ctx);
/* A lock that somebody holds. */
struct store_held {
    enum store_lock lock;
    int32_t key, pid;
    bool ours;   /* this session's */
    bool silent; /* store_end_silent() would end that backend */
};
/* Every lock of events and of places that is held. */
int store_held(struct pg *pg, uint32_t silent_ms, struct err_slot *err,
               void (*on_held)(void *ctx, const struct store_held *held), void *ctx);

/* How others reach an owner, HOST:PORT each; empty: it does not tell. */
struct store_address {
    char open[OWNER_ADDRESS_MAX], within[OWNER_ADDRESS_MAX];
};
/* What the owner rows of these say, 1..EVENTS_MAX: who owns each, who is to have it by name (empty:
 * no such wish), and the life of a process that waits for it. */
int store_where(struct pg *pg, const int32_t *events, uint32_t len, struct err_slot *err,
                void (*on_where)(void *ctx, const struct sql_owners_where_row *where), void *ctx);

/* For the next `wait_ms` the process of that name is wanted as the event's owner. ERR_NOT_FOUND:
 * there is no such event. */
int store_want(struct pg *pg, struct span event, struct span wanted, uint32_t wait_ms,
               struct err_slot *err);
/* Writes that `instance`, of the name `wanted`, has read the journal. */
int store_ready(struct pg *pg, int32_t event, struct span wanted, struct span instance,
                struct err_slot *err);

/* The lines of a journal: changes after the `began`th are sent under the name `now`, those up to it
 * were last sent under `before`. After a restore a number may come again, but in another line. All
 * zeros: unknown, or no process has raised the epoch yet. */
struct store_line {
    uint64_t now, before, began;
};
/* The epoch of an event that is to be raised. */
struct store_raise {
    int32_t event;
    uint64_t was;
    /* Lines: the one that goes on if the journal is in it, else another begins, `fresh`: a random
     * number. Neither is 0; both are below 2^63. */
    uint64_t kept, fresh;
    /* Filled by store_raise(). rc: 0; ERR_NOT_FOUND: `was` is over; ERR_EXISTS: another transaction
     * has its row, such as a commit that is under way. Neither is raised. */
    int rc;
    struct store_head head; /* final */
    struct store_line line;
};
/* From now on only the returned epochs can commit. No row is waited for. */
int store_raise(struct pg *pg, struct span instance, const struct store_address *address,
                struct store_raise *raises, uint32_t len, struct err_slot *err);
/* Whether the journal ends where `head` says, in its epoch: what a commit would find. Waits for a
 * raise that is under way, and counts only once it is as durable as a commit. */
int store_prove(struct pg *pg, int32_t event, const struct store_head *head, struct err_slot *err,
                bool *stands);
/* is_free[i]: no other transaction has locked the owner row of events[i], 1..EVENTS_MAX. */
int store_free(struct pg *pg, const int32_t *events, uint32_t len, struct err_slot *err,
               bool *is_free);
/* How many changes each of these events has in its journal, and in which line. */
int store_heads(struct pg *pg, const int32_t *events, uint32_t len, struct err_slot *err,
                void (*on_head)(void *ctx, int32_t event, uint64_t seq,
                                const struct store_line *line),
                void *ctx);
/* its: whether `instance` was the last to raise the epoch. asked_ms: holds that ended before
 * this ended while nobody had been refused; 0: some may have been in any case; INT64_MAX: nobody
 * has been. since_ms: this
 * process has been there to be asked since then; 0: it was not. */
struct store_owner {
    int rc; /* ERR_NOT_FOUND, ERR_STATE: it has no such row */
    struct store_head head;
    bool its;
    uint64_t asked_ms;
};
/* Of each of these events, 1..EVENTS_MAX. */
int store_owners_read(struct pg *pg, const int32_t *events, uint32_t len, struct span instance,
                      uint64_t since_ms, struct err_slot *err, struct store_owner *out);
/* Ends the backends that hold the locks and have been idle, or waiting for their programs, for
 * longer than silent_ms: those programs hang, are stopped, or are cut off. *ended: there was one.
 */
int store_end_silent(struct pg *pg, enum store_lock lock, const int32_t *keys, uint32_t len,
                     uint32_t silent_ms, struct err_slot *err, bool *ended);
/* Ends those of these backends that hold the lock, except this session's own. */
int store_end_backends(struct pg *pg, enum store_lock lock, int32_t key, const int32_t *pids,
                       uint32_t len, struct err_slot *err);

/* ---- writing ---- */

/* One event's part of a transaction. `entries` are consecutive: their changes get the seqs head.seq
 * + 1 ... here. */
struct store_batch {
    int32_t event;
    struct store_head head; /* before the batch; its epoch is ours */
    struct commit_entry **entries;
    uint32_t len;
    /* Filled by store_commit(). */
    struct store_head after;
    uint32_t rows; /* that its changes are packed into */
    bool written;  /* false: fenced, nothing was written */
};

/* What a batch does to the tables of what is sold. Batches of different kinds do not mix: store.c.
 */
enum store_wall { STORE_WALL_NONE, STORE_WALL_SELL, STORE_WALL_FREE, STORE_WALL_MOVE };
enum store_wall store_wall_of(const struct change *change);

/* The most parameter memory that a change needs. */
size_t store_change_bytes(const struct change *change);

/* Writes all batches in one transaction, through the pipeline. `memory` is for the parameters and
 * has room for STORE_BATCH_BYTES per batch and store_change_bytes() for each of its changes.
 * ERR_PEER: nothing was written. ERR_CLOSED, ERR_TIMEOUT: unknown. */
enum { STORE_BATCH_BYTES = 1024 };
int store_commit(struct pg *pg, struct store_batch *batches, uint32_t len, void *memory,
                 size_t memory_len, struct err_slot *err);

/* Writes a batch whose only change is CHANGE_REVISED, and has the document count that it names and
 * that was put aside. Results as of store_commit(); ERR_STATE: fenced, or another document was put
 * aside meanwhile, and nothing was written. */
int store_revise(struct pg *pg, struct store_batch *batch, void *memory, size_t memory_len,
                 struct err_slot *err);

/* ---- reading back ---- */

/* The link of the row that ends with this seq; ERR_NOT_FOUND if there is none. */
int store_link(struct pg *pg, int32_t event, uint64_t seq, struct err_slot *err,
               struct chain *chain);

struct store_row {
    uint64_t seq, epoch, at_ms; /* seq and time of its last change */
    unsigned kind, changes;     /* PACK_KIND, or the kind of its only change */
    struct span body, chain;    /* borrowed during the call */
    struct span idem;           /* set by the follower: of the change that it hands on */
};

/* A row as COPY sends it, in binary; false: it is not one. */
bool store_row_read(struct span bytes, struct store_row *row);

/* The next rows that end after `after`, in sequence, `room` at most; *more: there may be others
 * behind them. A negative result of on_row ends the walk and is returned. With a limit PostgreSQL
 * walks the primary key, even if the table was never analysed; without one it sorted a rush's whole
 * journal each time. */
int store_follow(struct pg *pg, int32_t event, uint64_t after, uint32_t room,
                 int (*on_row)(void *ctx, const struct store_row *row), void *ctx,
                 struct err_slot *err, bool *more);

/* The newest snapshot not above `seq_max`, while the document of change `since` counts.
 * ERR_NOT_FOUND if there is none. *body is malloced. */
int store_snapshot(struct pg *pg, int32_t event, uint64_t seq_max, uint64_t since,
                   struct err_slot *err, struct store_head *head, uint8_t **body, size_t *len);
/* Writes one and drops all but the newest two. */
int store_snapshot_write(struct pg *pg, int32_t event, const struct store_head *head,
                         struct span body, struct err_slot *err);

/* The sold seats of an event that stand behind seat `after` in its plan (-1: all), in that order,
 * at most `most`. */
int store_sold_read(struct pg *pg, struct span event, int64_t after, uint32_t most,
                    int (*on_sold)(void *ctx, const struct sql_sold_list_row *sold), void *ctx,
                    struct err_slot *err);

/* The standing places of an event that were sold, of the holds behind `after` (0: all), in that
 * order, at most `most`. */
int store_sold_areas_read(struct pg *pg, struct span event, uint64_t after, uint32_t most,
                          int (*on_sold)(void *ctx, const struct sql_sold_area_list_row *sold),
                          void *ctx, struct err_slot *err);

#endif
