/* batch.c: moves changes out of the ring, into a transaction, and back to their loops.
 *
 * Entries from the ring wait in a list for the next transaction. A batch takes as many from its
 * head as fit one transaction: a bounded number of changes and bytes, and only one kind of sales,
 * refunds and moves (store.c says why). Within a batch changes are grouped by event, in order of
 * arrival. Proofs wait in their own list until the committer has queried PostgreSQL (committer.c).
 * If the connection breaks during a batch, each event keeps its part until it is regained
 * (ownership.c).
 *
 * Threading: the committer's. */
#include "journal/journal_internal.h"

#include <assert.h>

void batch_answer_one(struct journal *journal, struct commit_entry *entry, int rc)
{
    assert(rc <= 0);
    entry->rc = rc;
    if (!entry->proof)
        journal_count(rc == 0 ? &journal->stats.changes : &journal->stats.refused, 1);
    commit_queue_give(journal->conf.queue, entry);
}

void batch_answered(struct journal *journal, uint32_t event, uint64_t seq)
{
    assert(event < journal_len(journal));
    /* release: pairs with journal_answered(): returned entries can be collected */
    atomic_store_explicit(&journal->events[event].answered, seq, memory_order_release);
}

void batch_take_ring(struct journal *journal)
{
    struct commit_entry *entry;
    assert(*journal->pending_end == NULL);
    while ((entry = commit_queue_take(journal->conf.queue)) != NULL) {
        assert(entry->event < journal_len(journal)); /* a loop submits only for open events */
        if (entry->proof) {
            entry->next = journal->proofs;
            journal->proofs = entry;
            continue;
        }
        entry->next = NULL;
        *journal->pending_end = entry;
        journal->pending_end = &entry->next;
    }
}

static struct commit_entry *pop(struct journal *journal)
{
    struct commit_entry *entry = journal->pending;
    journal->pending = entry->next;
    if (journal->pending == NULL)
        journal->pending_end = &journal->pending;
    return entry;
}

static struct commit_entry *cut_out(struct commit_entry **at)
{
    struct commit_entry *entry = *at;
    *at = entry->next;
    return entry;
}

void batch_answer_proofs(struct journal *journal, uint32_t event, int rc)
{
    for (struct commit_entry **at = &journal->proofs; *at != NULL;) {
        if ((*at)->event == event)
            batch_answer_one(journal, cut_out(at), rc);
        else
            at = &(*at)->next;
    }
    commit_queue_wake_ports(journal->conf.queue);
}

/* Refuses entries older than ms: none of them was written. The clock is read last, so that none is
 * younger than that. */
void batch_refuse_older(struct journal *journal, uint64_t ms)
{
    batch_take_ring(journal);
    uint64_t now = journal_now_us(journal);
    while (journal->pending != NULL && journal->pending->submitted_us + ms * 1000 <= now)
        batch_answer_one(journal, pop(journal), ERR_TIMEOUT);
    for (struct commit_entry **at = &journal->proofs; *at != NULL;) {
        if ((*at)->submitted_us + ms * 1000 <= now)
            batch_answer_one(journal, cut_out(at), ERR_TIMEOUT);
        else
            at = &(*at)->next;
    }
    commit_queue_wake_ports(journal->conf.queue);
}

void batch_answer(struct journal *journal, int rc)
{
    for (uint32_t i = 0; i < journal->batch.len; i++)
        batch_answer_one(journal, journal->batch.entries[i], rc);
    journal->batch.len = 0;
    commit_queue_wake_ports(journal->conf.queue);
}

/* Takes as many entries from the head as fit one transaction. */
void batch_gather(struct journal *journal)
{
    struct batch *batch = &journal->batch;
    struct commit_entry *chosen[JOURNAL_BATCH_MAX];
    enum store_wall wall = STORE_WALL_NONE;
    size_t bytes = (size_t)STORE_BATCH_BYTES * EVENTS_MAX;
    uint32_t n = 0;
    assert(batch->len == 0);
    while (journal->pending != NULL && n < journal->conf.batch_max) {
        struct commit_entry *entry = journal->pending;
        bool ours = journal_owns(journal, entry->event);
        if (!ours || journal_is_stuck(journal, entry->event)) {
            batch_answer_one(journal, pop(journal), ours ? ERR_PEER : ERR_STATE);
            continue;
        }
        enum store_wall its = store_wall_of(&entry->op.change);
        size_t needs = store_change_bytes(&entry->op.change);
        bool mixes = its != STORE_WALL_NONE && wall != STORE_WALL_NONE && its != wall;
        if (mixes || bytes + needs > JOURNAL_BATCH_BYTES)
            break;
        wall = its != STORE_WALL_NONE ? its : wall;
        bytes += needs;
        chosen[n++] = pop(journal);
    }
    assert(n > 0 || journal->pending == NULL); /* any single change fits */

    batch->parts_len = 0;
    for (uint32_t event = 0; event < journal_len(journal) && batch->len < n; event++) {
        uint32_t from = batch->len;
        for (uint32_t i = 0; i < n; i++)
            if (chosen[i]->event == event)
                batch->entries[batch->len++] = chosen[i];
        if (batch->len == from)
            continue;
        batch->part_event[batch->parts_len] = event;
        batch->parts[batch->parts_len++] = (struct store_batch){
            .event = journal->events[event].id.no,
            .head = journal->events[event].head,
            .entries = &batch->entries[from],
            .len = batch->len - from,
        };
    }
    assert(batch->len == n);
    assert(batch->parts_len <= n); /* no empty parts */
}

void batch_put_back(struct journal *journal)
{
    struct batch *batch = &journal->batch;
    for (uint32_t i = batch->len; i > 0; i--) {
        struct commit_entry *entry = batch->entries[i - 1];
        entry->next = journal->pending;
        if (journal->pending == NULL)
            journal->pending_end = &entry->next;
        journal->pending = entry;
    }
    batch->len = 0;
}

/* ---- open outcomes ---- */

void batch_leave_open(struct journal *journal)
{
    struct batch *batch = &journal->batch;
    assert(batch->len > 0);
    for (uint32_t i = 0; i < batch->parts_len; i++) {
        const struct store_batch *part = &batch->parts[i];
        struct journal_event *event = &journal->events[batch->part_event[i]];
        assert(event->open == NULL);
        /* Zeros: the connection broke before this part was sent. */
        assert(part->after.seq == 0 || part->after.seq == part->head.seq + part->len);
        event->open_head = part->after;
        for (uint32_t k = part->len; k > 0; k--) {
            part->entries[k - 1]->next = event->open;
            event->open = part->entries[k - 1];
        }
    }
    batch->len = 0;
}

void batch_settle(struct journal *journal, struct journal_event *event, int rc)
{
    assert(event->open != NULL);
    while (event->open != NULL)
        batch_answer_one(journal, cut_out(&event->open), rc);
    commit_queue_wake_ports(journal->conf.queue);
}

void batch_reopen(struct journal *journal, struct journal_event *event)
{
    struct commit_entry **end = &event->open;
    if (event->open == NULL)
        return;
    while (*end != NULL)
        end = &(*end)->next;
    *end = journal->pending;
    if (journal->pending == NULL)
        journal->pending_end = end;
    journal->pending = event->open;
    event->open = NULL;
}
