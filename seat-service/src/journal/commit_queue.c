/* commit_queue.c: one ring in, one ring per port back.
 *
 * The ring in has room for every entry of every port, so a submit never fails and never waits. The
 * number of entries is bounded, and a loop without free entries rejects the request at once. The
 * same holds for the way back.
 *
 * The committer sleeps on a bell. To save a system call per submit, it sets `asleep` before it
 * sleeps; a submitter who sees the flag clears it and rings. Both sides put a full fence between
 * their own write and the read of the other's, so at least one sees the other: either the committer
 * finds the entry when it checks again, or the submitter finds it asleep. */
#include "journal/commit_queue.h"

#include "system/system.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Any thread puts an entry, one takes them. A slot is empty (NULL) until the entry of its ticket is
 * there, and again once that was taken. */
struct ring {
    _Atomic(struct commit_entry *) *slots;
    uint32_t mask;
    _Atomic uint32_t put;   /* the next ticket to put */
    uint8_t apart[64];      /* a cache line: the two sides write on two cores */
    _Atomic uint32_t taken; /* the next ticket to take */
};

struct commit_port {
    struct commit_queue *queue;
    struct commit_entry *entries;
    struct commit_entry *unused; /* the loop's own list */
    uint32_t open;
    void (*wake)(void *ctx);
    void *wake_ctx;
    bool given; /* the committer's: entries were returned since the last wake */
    struct ring back;
};

struct commit_queue {
    struct ring in;
    _Atomic bool asleep;
    int bell;
    uint32_t ports_len;
    struct commit_port *ports;
};

/* A slot for each entry that the ring will ever carry, so that it is never full. */
static int ring_init(struct ring *ring, uint32_t entries)
{
    uint32_t slots = 1;
    while (slots < entries)
        slots *= 2;
    ring->mask = slots - 1;
    ring->slots = calloc(slots, sizeof(*ring->slots));
    return ring->slots != NULL ? 0 : ERR_NOMEM;
}

/* A slot comes round only after an entry that was taken later than the slot's last one is put
 * again. So who puts the next one there has seen that it is empty. */
static void ring_put(struct ring *ring, uint32_t ticket, struct commit_entry *entry)
{
    /* release: pairs with ring_take() */
    atomic_store_explicit(&ring->slots[ticket & ring->mask], entry, memory_order_release);
}

/* NULL: none, or the next one's submitter is between its ticket and its slot. */
static struct commit_entry *ring_take(struct ring *ring)
{
    uint32_t ticket = atomic_load_explicit(&ring->taken, memory_order_relaxed);
    _Atomic(struct commit_entry *) *slot = &ring->slots[ticket & ring->mask];
    /* acquire: pairs with ring_put() */
    struct commit_entry *entry = atomic_load_explicit(slot, memory_order_acquire);
    if (entry == NULL)
        return NULL;
    atomic_store_explicit(slot, NULL, memory_order_relaxed);
    atomic_store_explicit(&ring->taken, ticket + 1, memory_order_relaxed);
    return entry;
}

static int port_init(struct commit_queue *queue, struct commit_port *port, uint32_t entries)
{
    port->queue = queue;
    port->entries = calloc(entries, sizeof(*port->entries));
    if (port->entries == NULL || ring_init(&port->back, entries) < 0)
        return ERR_NOMEM;
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

    queue->ports = calloc(conf->ports, sizeof(*queue->ports));
    bool room = ring_init(&queue->in, conf->ports * conf->entries_per_port) == 0;
    if (rc == 0 && (!room || queue->ports == NULL))
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
        free(queue->ports[i].back.slots);
    }
    free(queue->ports);
    free(queue->in.slots);
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

uint32_t commit_entry_nth(const struct commit_entry *entry)
{
    return (uint32_t)(entry - entry->port->entries);
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
    /* acq_rel: who draws a later ticket sees the slots emptied that we have seen empty */
    uint32_t ticket = atomic_fetch_add_explicit(&queue->in.put, 1, memory_order_acq_rel);
    ring_put(&queue->in, ticket, entry);

    /* seq_cst: pairs with the fence in commit_queue_wait(); see the top of this file */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&queue->asleep, memory_order_relaxed))
        commit_queue_nudge(queue);
}

/* In groups, so that the cache misses of entries that the committer has just written on another
 * core, and of their requests, which wait since the commit before, overlap. */
uint32_t commit_port_collect(struct commit_port *port, uint32_t max)
{
    struct commit_entry *some[8];
    const uint32_t room = sizeof(some) / sizeof(some[0]);
    uint32_t n = 0, len;
    do {
        for (len = 0; len < room && n < max; len++, n++) {
            some[len] = ring_take(&port->back);
            if (some[len] == NULL)
                break;
            __builtin_prefetch(&some[len]->rc);
            __builtin_prefetch(&some[len]->op.change);
            __builtin_prefetch(some[len]->op.change.seats);
        }
        for (uint32_t i = 0; i < len; i++)
            __builtin_prefetch(some[i]->ctx);
        for (uint32_t i = 0; i < len; i++)
            if (some[i]->on_soon != NULL)
                some[i]->on_soon(some[i]);
        for (uint32_t i = 0; i < len; i++) {
            assert(some[i]->port == port);
            assert(some[i]->rc <= 0);
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
    return ring_take(&queue->in);
}

void commit_queue_give(struct commit_queue *queue, struct commit_entry *entry)
{
    struct commit_port *port = entry->port;
    assert(port->queue == queue);
    assert(entry->rc <= 0);
    port->given = true;
    /* relaxed: only the committer puts entries here */
    uint32_t ticket = atomic_load_explicit(&port->back.put, memory_order_relaxed);
    atomic_store_explicit(&port->back.put, ticket + 1, memory_order_relaxed);
    ring_put(&port->back, ticket, entry);
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
    return atomic_load_explicit(&queue->in.put, memory_order_relaxed) -
           atomic_load_explicit(&queue->in.taken, memory_order_relaxed);
}
