/* pending.c: a fixed number of calls, one per entry of the loop's port to the journal.
 *
 * The call on a handler's stack is copied here with its request, and finishes when its change is
 * durable or refused. While the outcome is unknown, no final response is sent; after a while the
 * request is answered with an open outcome, and the change goes on without it. Its idempotency key
 * returns the result later. */
#include "loop/pending.h"

#include "base/magic.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct slot {
    uint32_t magic; /* 0: no call waits here for its commit */
    struct call call;
};

MAGIC(slot, 0x5ea70003);

struct pending {
    struct loop *loop;
    struct commit_port *port;
    struct slot slots[COMMIT_ENTRIES_PER_PORT]; /* by the entries' numbers */
};

struct commit_entry *pending_entry(struct call *call)
{
    struct loop *loop = call->loop;
    struct commit_entry *entry = NULL;
    if (!journal_writes(loop->conf.journal)) {
        if (call->req != NULL)
            call_refuse(call, REFUSAL_NO_JOURNAL);
    } else if ((entry = commit_port_take(loop->pending->port)) == NULL) {
        if (call->req != NULL)
            call_refuse(call, REFUSAL_CHANGES);
    }
    return entry;
}

void pending_drop(struct commit_entry *entry)
{
    commit_port_return(entry);
}

static void on_soon(const struct commit_entry *entry)
{
    const struct call *call = &MAGIC_OF(slot, entry->ctx)->call;
    if (call->req != NULL)
        http_req_prefetch(call->req);
    if (!entry->proof)
        engine_prefetch(call->event->engine, &entry->op.change);
}

static void on_done(struct commit_entry *entry)
{
    struct slot *slot = MAGIC_OF(slot, entry->ctx);
    struct call *call = &slot->call;
    struct loop *loop = call->loop;
    bool replies = call->finish != NULL && !loop->closed;
    if (call->on_outcome != NULL)
        call->on_outcome(call->outcome_ctx, entry->rc, &entry->op.change);
    if (entry->rc == 0) {
        if (!entry->proof) {
            events_settles(call->event, loop->conf.nth, entry->op.change.seq);
            engine_settle(call->event->engine, &entry->op);
        }
        if (replies)
            call->finish(call, &entry->op);
    } else {
        /* If the outcome could not be read, the process is ending, and the next owner reads it from
         * the journal. */
        if (!entry->proof)
            engine_undo(call->event->engine, &entry->op);
        atomic_fetch_add_explicit(&loop->conf.stats->refused, 1, memory_order_relaxed);
        if (replies)
            call_refuse(call,
                        entry->rc == ERR_UNKNOWN ? REFUSAL_OUTCOME_UNKNOWN : REFUSAL_UNWRITTEN);
    }
    events_let_go(call->event);
    MAGIC_END(slot, slot);
}

void pending_commit(struct call *call, struct commit_entry *entry)
{
    uint32_t nth = commit_entry_nth(entry);
    assert(nth < COMMIT_ENTRIES_PER_PORT);
    struct slot *slot = &call->loop->pending->slots[nth];
    assert(slot->magic == 0); /* the entry's last call is done */
    slot->call = *call;
    MAGIC_BEGIN(slot, slot);
    call->has_idem = false; /* the kept call owns it now */
    events_keep(call->event);
    entry->event = call->event->nth;
    entry->ctx = slot;
    entry->on_soon = on_soon;
    entry->on_done = on_done;
    if (slot->call.has_idem) {
        entry->has_idem = true;
        static_assert(sizeof(call->idem) == PACK_IDEM_BYTES, "the journal keeps all of it");
        memcpy(entry->idem, &slot->call.idem, sizeof(slot->call.idem));
    }
    commit_port_submit(entry, clock_mono_us(call->loop->conf.clock));
}

void pending_prove(struct call *call, struct commit_entry *entry)
{
    entry->proof = true;
    pending_commit(call, entry);
}

unsigned pending_collect(struct pending *pending, unsigned max)
{
    return commit_port_collect(pending->port, max);
}

void pending_answer_patient(struct pending *pending)
{
    uint64_t now_us = clock_mono_us(pending->loop->conf.clock);
    for (uint32_t i = 0; i < COMMIT_ENTRIES_PER_PORT; i++) {
        struct call *call = &pending->slots[i].call;
        if (pending->slots[i].magic == 0 || call->req == NULL ||
            now_us - http_req_started_us(call->req) < OUTCOME_TELL_MS * UINT64_C(1000))
            continue;
        bool has_idem = call->has_idem;
        call->has_idem = false; /* this response is not final */
        call_refuse(call, REFUSAL_OUTCOME_UNKNOWN);
        call->has_idem = has_idem;
        call->req = NULL;
    }
}

void pending_answer_all(struct pending *pending)
{
    for (uint32_t i = 0; i < COMMIT_ENTRIES_PER_PORT; i++) {
        struct call *call = &pending->slots[i].call;
        call->has_idem = false; /* not final, as above */
        if (pending->slots[i].magic != 0 && call->finish != NULL)
            call_refuse(call, REFUSAL_OUTCOME_UNKNOWN);
        call->finish = NULL;
    }
}

int pending_create(struct loop *loop, void (*wake)(void *ctx), void *ctx, struct err_slot *err,
                   struct pending **out)
{
    struct pending *pending = calloc(1, sizeof(*pending));
    if (pending == NULL)
        return err_set(err, ERR_NOMEM, "a loop's pending calls");
    pending->loop = loop;
    pending->port = commit_queue_port(loop->conf.queue, loop->conf.nth, wake, ctx);
    *out = pending;
    return 0;
}

void pending_destroy(struct pending *pending)
{
    if (pending == NULL)
        return;
    while (commit_port_collect(pending->port, COMMIT_ENTRIES_PER_PORT) > 0)
        ;
    assert(commit_port_open(pending->port) == 0);
    free(pending);
}
