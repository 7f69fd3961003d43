/* commit_queue.c: one Concurrency Kit ring in, one ring per port back.
 *
 * The ring in has room for every entry of every port, so a submit never fails and never waits. The
 * number of entries is bounded, and a loop without free entries rejects the request at once. The
 * same holds for the way back.
 *
 * The committer sleeps on a bell. To save a system call per submit, it sets `asleep` before it
 * sleeps; a submitter who sees the flag clears it and rings. Both sides put a full fence between
 * their own write and the read of the other's, so at least one sees the other: either the committer
 * finds the entry when it checks again, or the submitter finds it asleep.
 *
 * Thread sanitizer does not understand Concurrency Kit's assembler. The functions that touch a ring
 * are hidden from it, and the hand-over of an entry is annotated by hand. */
#include "journal/commit_queue.h"

#include "system/system.h"

#include <assert.h>
#include <ck_ring.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_THREAD__)
#define HAND_OVER_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAND_OVER_SANITIZED 1
#endif
#endif

#ifdef HAND_OVER_SANITIZED
#include <sanitizer/tsan_interface.h>
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);

static void hand_release(void *entry)
{
    __tsan_release(entry);
}

static void hand_acquire(void *entry)
{
    __tsan_acquire(entry);
}

static void unseen_begin(void)
{
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
}

static void unseen_end(void)
{
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
}
#else
static void hand_release(void *entry)
{
    (void)entry;
}

static void hand_acquire(void *entry)
{
    (void)entry;
}

static void unseen_begin(void)
{
}

static void unseen_end(void)
{
}
#endif

struct commit_port {
    struct commit_queue *queue;
    struct commit_entry *entries;
    struct commit_entry *unused; /* the loop's own list */
    uint32_t open;
    void (*wake)(void *ctx);
    void *wake_ctx;
    bool given; /* the committer's: entries were returned since the last wake */
    ck_ring_t back;
    ck_ring_buffer_t *back_slots;
};

struct commit_queue {
    ck_ring_t in;
    ck_ring_buffer_t *in_slots;
    _Atomic bool asleep;
    int bell;
    uint32_t ports_len;
    struct commit_port *ports;
};

/* A ring of n slots holds n - 1 and n is a power of two. */
static uint32_t ring_slots_for(uint32_t entries)
{
    uint32_t slots = 2;
    while (slots - 1 < entries)
        slots *= 2;
    return slots;
}

static bool ring_put_mpsc(ck_ring_t *ring, ck_ring_buffer_t *slots, void *entry)
{
    unseen_begin();
    bool done = ck_ring_enqueue_mpsc(ring, slots, entry);
    unseen_end();
    return done;
}

static bool ring_take_mpsc(ck_ring_t *ring, ck_ring_buffer_t *slots, void *out)
{
    unseen_begin();
    bool done = ck_ring_dequeue_mpsc(ring, slots, out);
    unseen_end();
    return done;
}

static bool ring_put_spsc(ck_ring_t *ring, ck_ring_buffer_t *slots, void *entry)
{
    unseen_begin();
    bool done = ck_ring_enqueue_spsc(ring, slots, entry);
    unseen_end();
    return done;
}

static bool ring_take_spsc(ck_ring_t *ring, ck_ring_buffer_t *slots, void *out)
{
    unseen_begin();
    bool done = ck_ring_dequeue_spsc(ring, slots, out);
    unseen_end();
    return done;
}

static int port_init(struct commit_queue *queue, struct commit_port *port, uint32_t entries)
{
    uint32_t slots = ring_slots_for(entries);
    port->queue = queue;
    port->entries = calloc(entries, sizeof(*port->entries));
    port->back_slots = calloc(slots, sizeof(*port->back_slots));
    if (port->entries == NULL || port->back_slots == NULL)
        return ERR_NOMEM;
    ck_ring_init(&port->back, slots);
    for (uint32_t i = entries; i > 0; i--) {
        struct commit_entry *entry = &port->entries[i - 1];
        entry->port = port;
        entry->next = port->unused;
        port->unused = entry;
    }
    return 0;
}

int commit_queue_create(const struct commit_queue_conf *conf, struct err_slot *err,
                        struct commit_queue **out)
{
    assert(conf->ports > 0);
    if (conf->entries_per_port == 0 || conf->entries_per_port > COMMIT_ENTRIES_PER_PORT_MAX)
        return err_set(err, ERR_RANGE, "%u entries a port", conf->entries_per_port);

    struct commit_queue *queue = calloc(1, sizeof(*queue));
    if (queue == NULL)
        return err_set(err, ERR_NOMEM, "the commit queue");
    queue->bell = system_bell_open();
    int rc = queue->bell < 0
                 ? err_set(err, ERR_IO, "the committer's bell: %s", strerror(-queue->bell))
                 : 0;

    uint32_t slots = ring_slots_for(conf->ports * conf->entries_per_port);
    ck_ring_init(&queue->in, slots);
    queue->in_slots = calloc(slots, sizeof(*queue->in_slots));
    queue->ports = calloc(conf->ports, sizeof(*queue->ports));
    if (rc == 0 && (queue->in_slots == NULL || queue->ports == NULL))
        rc = err_set(err, ERR_NOMEM, "the commit queue's ring");
    for (uint32_t i = 0; rc == 0 && i < conf->ports; i++) {
        queue->ports_len = i + 1;
        if (port_init(queue, &queue->ports[i], conf->entries_per_port) < 0)
            rc = err_set(err, ERR_NOMEM, "%u entries of a port", conf->entries_per_port);
    }
    if (rc < 0) {
        commit_queue_destroy(queue);
        return rc;
    }
    *out = queue;
    return 0;
}

void commit_queue_destroy(struct commit_queue *queue)
{
    if (queue == NULL)
        return;
    for (uint32_t i = 0; i < queue->ports_len; i++) {
        assert(queue->ports[i].open == 0);
        free(queue->ports[i].entries);
        free(queue->ports[i].back_slots);
    }
    free(queue->ports);
    free(queue->in_slots);
    if (queue->bell >= 0)
        system_bell_close(queue->bell);
    free(queue);
}

/* ---- a loop's side ---- */

struct commit_port *commit_queue_port(struct commit_queue *queue, uint32_t nth,
                                      void (*wake)(void *ctx), void *ctx)
{
    assert(nth < queue->ports_len);
    assert(wake != NULL);
    struct commit_port *port = &queue->ports[nth];
    assert(port->wake == NULL); /* no two loops share a port */
    port->wake = wake;
    port->wake_ctx = ctx;
    return port;
}

struct commit_entry *commit_port_take(struct commit_port *port)
{
    struct commit_entry *entry = port->unused;
    if (entry == NULL)
        return NULL;
    port->unused = entry->next;
    port->open += 1;
    entry->has_idem = false;
    entry->proof = false;
    return entry;
}

void commit_port_return(struct commit_entry *entry)
{
    struct commit_port *port = entry->port;
    assert(port->open > 0);
    port->open -= 1;
    entry->next = port->unused;
    port->unused = entry;
}

void commit_port_submit(struct commit_entry *entry, uint64_t now_us)
{
    struct commit_queue *queue = entry->port->queue;
    assert(entry->port->wake != NULL);
    assert(entry->on_done != NULL);
    entry->submitted_us = now_us;
    entry->rc = ERR_UNKNOWN;
    hand_release(entry);
    bool fits = ring_put_mpsc(&queue->in, queue->in_slots, entry);
    assert(fits); /* the ring has a slot for every entry */

    /* seq_cst: pairs with the fence in commit_queue_wait(); see the top of this file */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&queue->asleep, memory_order_relaxed))
        commit_queue_nudge(queue);
}

/* In groups, so that entries the committer has just written on another core are prefetched while
 * earlier ones are handled. */
uint32_t commit_port_collect(struct commit_port *port, uint32_t max)
{
    struct commit_entry *some[8];
    const uint32_t room = sizeof(some) / sizeof(some[0]);
    uint32_t n = 0, len;
    do {
        for (len = 0; len < room && n < max; len++, n++) {
            if (!ring_take_spsc(&port->back, port->back_slots, &some[len]))
                break;
            hand_acquire(some[len]);
            __builtin_prefetch(&some[len]->rc);
            __builtin_prefetch(&some[len]->op.change);
            __builtin_prefetch(some[len]->op.change.seats);
        }
        for (uint32_t i = 0; i < len; i++) {
            assert(some[i]->port == port);
            assert(some[i]->rc <= 0);
            if (i + 1 < len)
                __builtin_prefetch(some[i + 1]->ctx);
            some[i]->on_done(some[i]);
            commit_port_return(some[i]);
        }
    } while (len == room);
    return n;
}

uint32_t commit_port_open(const struct commit_port *port)
{
    return port->open;
}

/* ---- the committer's side ---- */

struct commit_entry *commit_queue_take(struct commit_queue *queue)
{
    struct commit_entry *entry;
    if (!ring_take_mpsc(&queue->in, queue->in_slots, &entry))
        return NULL;
    hand_acquire(entry);
    return entry;
}

void commit_queue_give(struct commit_queue *queue, struct commit_entry *entry)
{
    struct commit_port *port = entry->port;
    assert(port->queue == queue);
    assert(entry->rc <= 0);
    port->given = true;
    hand_release(entry);
    bool fits = ring_put_spsc(&port->back, port->back_slots, entry);
    assert(fits);
}

void commit_queue_wake_ports(struct commit_queue *queue)
{
    for (uint32_t i = 0; i < queue->ports_len; i++) {
        struct commit_port *port = &queue->ports[i];
        if (port->given) {
            port->given = false;
            port->wake(port->wake_ctx);
        }
    }
}

void commit_queue_wait(struct commit_queue *queue, uint32_t ms)
{
    atomic_store_explicit(&queue->asleep, true, memory_order_relaxed);
    /* seq_cst: pairs with the fence in commit_port_submit() */
    atomic_thread_fence(memory_order_seq_cst);
    system_bell_wait(queue->bell, commit_queue_len(queue) == 0 ? ms : 0);
    atomic_store_explicit(&queue->asleep, false, memory_order_relaxed);
}

void commit_queue_nudge(struct commit_queue *queue)
{
    /* The submitter that clears the flag wakes the committer; others need not. A nudge from
     * elsewhere must not be lost while the committer is awake, so it always rings. */
    atomic_store_explicit(&queue->asleep, false, memory_order_relaxed);
    system_bell_ring(queue->bell);
}

uint32_t commit_queue_len(const struct commit_queue *queue)
{
    unseen_begin();
    uint32_t len = ck_ring_size(&queue->in);
    unseen_end();
    return len;
}
