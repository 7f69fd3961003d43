/* commit_queue.h: lock-free queues from the loops to the committer and back.
 *
 * Each loop has a port with a fixed number of entries. To make a change durable it takes an entry,
 * fills it and submits it; all ports feed one ring. The committer takes entries out in order of
 * arrival, and returns each exactly once, with its outcome, through the ring of the entry's port;
 * the loop is woken once per batch. Nothing allocates after creation. Only a port's entries can run
 * out: that is the back-pressure (I5).
 *
 * Threading: commit_port_*() on the port's own thread, commit_queue_take/give/wait() on the
 * committer's, creation and destruction while neither runs. */
#ifndef FG_SEAT_SERVICE_COMMIT_QUEUE_H
#define FG_SEAT_SERVICE_COMMIT_QUEUE_H

#include "base/err.h"
#include "base/span.h"
#include "core/engine/engine.h"
#include "journal/pack.h"
#include "shell_limits.h"

#include <stdbool.h>
#include <stdint.h>

struct commit_queue;
struct commit_port;

struct commit_entry {
    /* Set by the loop: a change of an event. */
    uint32_t event;      /* the event's number in this process */
    struct engine_op op; /* op.change is written; the rest is the loop's until on_done */
    bool has_idem;       /* the request had an idempotency key */
    uint8_t idem[PACK_IDEM_BYTES];
    bool proof; /* writes nothing; checks that the event is still ours; op is the loop's */

    /* On the loop. on_soon() prefetches what on_done() will read, and may be NULL; after on_done()
     * the entry is free. */
    void (*on_soon)(const struct commit_entry *entry);
    void (*on_done)(struct commit_entry *entry);
    void *ctx;

    /* Set by the committer. */
    /* 0: it is in the journal; for a proof: the event was ours after the submit. ERR_UNKNOWN: the
     * process ended before it could read the outcome back. Otherwise it is not in the journal and
     * never will be. */
    int rc;

    /* The queue's own. */
    uint64_t submitted_us;
    struct commit_port *port;
    struct commit_entry *next;
};

struct commit_queue_conf {
    uint32_t ports;
    uint32_t entries_per_port; /* 1..COMMIT_ENTRIES_PER_PORT_MAX */
};

int commit_queue_create(const struct commit_queue_conf *conf, struct err_slot *err,
                        struct commit_queue **out);
void commit_queue_destroy(struct commit_queue *queue); /* once every entry is back */

/* ---- a loop's side ---- */

/* `wake` is called on the committer's thread after it returned entries: uv_async_send(). Call this
 * before the first submit of the port. */
struct commit_port *commit_queue_port(struct commit_queue *queue, uint32_t nth,
                                      void (*wake)(void *ctx), void *ctx);
struct commit_entry *commit_port_take(struct commit_port *port); /* NULL: none left */
uint32_t commit_entry_nth(const struct commit_entry *entry); /* its number in the port, from 0 */
void commit_port_return(struct commit_entry *entry);         /* taken, but not submitted */
void commit_port_submit(struct commit_entry *entry, uint64_t now_us);
/* Calls on_done for returned entries, at most `max`, so that a loop stays fair; returns how many.
 * If it returns max, call again. */
uint32_t commit_port_collect(struct commit_port *port, uint32_t max);
uint32_t commit_port_open(const struct commit_port *port); /* entries taken and not yet returned */

/* ---- the committer's side ---- */

struct commit_entry *commit_queue_take(struct commit_queue *queue); /* NULL: empty */
void commit_queue_give(struct commit_queue *queue, struct commit_entry *entry);
void commit_queue_wake_ports(struct commit_queue *queue); /* ports with entries returned since */
/* Sleeps until an entry may have arrived, commit_queue_nudge() was called, or `ms` have passed. */
void commit_queue_wait(struct commit_queue *queue, uint32_t ms);
void commit_queue_nudge(struct commit_queue *queue);         /* any thread */
uint32_t commit_queue_len(const struct commit_queue *queue); /* waiting now; any thread */

#endif
