/* journal.c: start and stop of the journal, and its calls for any thread.
 *
 * Two threads do the work. The committer (committer.c) writes batches (batch.c) and holds the locks
 * (ownership.c). The reader (reader.c) finds events (discover.c), reads them to their end
 * (follower.c), and hands over those that are ours. Fields that both write are under one lock, held
 * briefly; fields that any thread reads, above all the role (role.c), are atomic. */
#include "journal/journal_internal.h"

#include "system/system.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- life ---- */

static int start_threads(struct journal *journal, struct err_slot *err)
{
    int rc = committer_start(journal, err);
    if (rc < 0)
        return rc;
    rc = reader_start(journal, err);
    if (rc < 0) {
        atomic_store_explicit(&journal->stopping, true, memory_order_release);
        committer_stop(journal);
    }
    return rc;
}

int journal_start(const struct journal_conf *conf, struct err_slot *err, struct journal **out)
{
    assert(conf->batch_max > 0);
    assert(conf->batch_max <= JOURNAL_BATCH_MAX);
    assert(conf->places <= EVENTS_MAX);
    assert(conf->host.next_end_ms == NULL || conf->host.reopen != NULL);
    assert(conf->host.idle_ms == NULL || conf->host.reopen != NULL);    /* some stay awake */
    assert(conf->host.revises == NULL || conf->host.reopen != NULL);    /* it may be withdrawn */
    assert(conf->address.open[0] == '\0' || conf->host.reopen != NULL); /* so may a move */
    assert((conf->host.revises == NULL) == (conf->host.revise == NULL));
    assert((conf->host.revises == NULL) == (conf->host.revised == NULL));
    struct journal *journal = calloc(1, sizeof(*journal));
    if (journal == NULL)
        return err_set(err, ERR_NOMEM, "the journal");
    MAGIC_BEGIN(journal, journal);
    journal->conf = *conf;
    if (conf->places == 0)
        journal->conf.places = EVENTS_MAX;
    if (conf->memory == 0)
        journal->conf.memory = UINT64_MAX;
    journal->room = (struct asleep_room){journal->conf.places, journal->conf.memory};
    snprintf(journal->instance, sizeof(journal->instance), "%.64s#%016" PRIx64, conf->instance,
             rng_below(conf->rng, UINT64_MAX));
    atomic_store_explicit(&journal->lines, rng_below(conf->rng, UINT64_MAX), memory_order_relaxed);
    journal->pending_end = &journal->pending;
    journal->unreachable = JOURNAL_REASON_STARTING;
    atomic_store(&journal->reason, JOURNAL_REASON_STARTING);
    journal->memory = malloc(JOURNAL_BATCH_BYTES);
    if (journal->memory == NULL) {
        free(journal);
        return err_set(err, ERR_NOMEM, "%d bytes for batches", JOURNAL_BATCH_BYTES);
    }
    pthread_mutex_init(&journal->lock, NULL);
    journal->look = system_bell_open();
    int rc = journal->look < 0
                 ? err_set(err, ERR_IO, "the reader's bell: %s", strerror(-journal->look))
                 : asleep_create(err, &journal->asleep);
    if (rc == 0)
        rc = start_threads(journal, err);
    if (rc < 0) {
        journal_destroy(journal);
        return rc;
    }
    *out = journal;
    return 0;
}

void journal_stop(struct journal *journal)
{
    assert(!atomic_load_explicit(&journal->stopping, memory_order_relaxed));
    atomic_store_explicit(&journal->stopping, true, memory_order_release);
    reader_stop(journal);
    committer_stop(journal);
}

void journal_destroy(struct journal *journal)
{
    if (journal == NULL)
        return;
    assert(journal->pg == NULL);
    assert(journal->pending == NULL);
    assert(journal->proofs == NULL);
    assert(journal->preparing.no == 0);
    if (journal->look >= 0)
        system_bell_close(journal->look);
    pthread_mutex_destroy(&journal->lock);
    asleep_destroy(journal->asleep);
    free(journal->memory);
    MAGIC_END(journal, journal);
    free(journal);
}

const struct journal_stats *journal_stats(const struct journal *journal)
{
    return &journal->stats;
}

/* ---- events ---- */

bool journal_nth(struct journal *journal, uint32_t nth, struct journal_view *out)
{
    if (nth >= journal_len(journal))
        return false;
    pthread_mutex_lock(&journal->lock);
    const struct journal_event *event = &journal->events[nth];
    *out = (struct journal_view){.nth = nth, .state = journal_state_of(event)};
    memcpy(out->id, event->id.id, sizeof(out->id));
    if (event->stuck)
        out->state = JOURNAL_EVENT_OUT;
    if (out->state == JOURNAL_EVENT_OUT)
        memcpy(out->reason, event->reason, sizeof(out->reason));
    pthread_mutex_unlock(&journal->lock);
    return out->state != JOURNAL_EVENT_ASLEEP;
}

bool journal_next(struct journal *journal, uint32_t *nth, struct journal_view *out)
{
    bool found = false;
    while (!found && *nth < journal_len(journal))
        found = journal_nth(journal, (*nth)++, out);
    return found;
}

static bool find_awake(struct journal *journal, struct span id, struct journal_view *out)
{
    uint32_t nth = 0;
    while (journal_next(journal, &nth, out))
        if (span_eq(span_of(out->id), id))
            return true;
    return false;
}

/* An event on its way from one place to the other is briefly in both, never in neither. So an event
 * found in neither was woken between the two lookups. */
bool journal_find(struct journal *journal, struct span id, struct journal_view *out)
{
    if (find_awake(journal, id, out))
        return true;
    struct journal_view view = {.state = JOURNAL_EVENT_ASLEEP, .nth = EVENTS_MAX};
    if (!asleep_knows(journal->asleep, id, &view.incarnation, &view.asked))
        return find_awake(journal, id, out);
    *out = view;
    return span_to_cstr(id, out->id, sizeof(out->id));
}

uint32_t journal_asleep(const struct journal *journal)
{
    return asleep_len(journal->asleep);
}

bool journal_is_full(const struct journal *journal)
{
    /* relaxed: a hint that may be outdated */
    return atomic_load_explicit(&journal->full, memory_order_relaxed);
}

bool journal_wake(struct journal *journal, struct span id)
{
    asleep_want(journal->asleep, id, clock_wall_us(&journal->conf.sale->clock) / 1000);
    reader_nudge(journal);
    return !journal_is_full(journal);
}

bool journal_elsewhere(struct journal *journal, uint32_t nth, struct journal_place *out)
{
    if (nth >= journal_len(journal) || journal_owns(journal, nth))
        return false;
    pthread_mutex_lock(&journal->lock);
    *out = journal->events[nth].place;
    bool namesake = journal->namesake; /* otherwise it is an earlier run of this process */
    pthread_mutex_unlock(&journal->lock);
    return out->address.open[0] != '\0' &&
           (namesake || strcmp(out->instance, journal->conf.instance) != 0);
}

/* A copy is rewritten only after the other has become current: if `shown` is unchanged, the copy
 * read is consistent. */
struct store_line journal_line(struct journal *journal, uint32_t nth)
{
    assert(nth < EVENTS_MAX);
    const struct journal_line_shown *shown = &journal->events[nth].line_shown;
    struct store_line line;
    uint32_t now;
    do {
        now = atomic_load(&shown->latest);
        line.now = atomic_load(&shown->place[now % 2].now);
        line.before = atomic_load(&shown->place[now % 2].before);
        line.began = atomic_load(&shown->place[now % 2].began);
    } while (atomic_load(&shown->latest) != now);
    return line;
}

bool journal_is_shared(const struct journal *journal)
{
    return journal_shares(journal);
}

const char *journal_name(const struct journal *journal)
{
    return journal->conf.instance;
}

const struct store_address *journal_address(const struct journal *journal)
{
    return &journal->conf.address;
}

int journal_may_import(struct journal *journal, const char *id, struct err_slot *err)
{
    pthread_mutex_lock(&journal->lock);
    bool may =
        journal->connected && !journal->namesake && (journal->leads || journal_owns_any(journal));
    pthread_mutex_unlock(&journal->lock);
    if (!may)
        return err_set(err, ERR_STATE, "this instance is not the owner");
    if (!discover_names(journal, id))
        return err_set(err, ERR_STATE, "this instance does not serve events of that name");
    if (journal_is_full(journal))
        return err_set(err, ERR_FULL, "the memory for events is in use, and none of them is idle");
    if (asleep_len(journal->asleep) >= EVENTS_ASLEEP_MAX)
        return err_set(err, ERR_FULL, "%d events are asleep already", EVENTS_ASLEEP_MAX);
    return 0;
}

void journal_look(struct journal *journal)
{
    reader_nudge(journal);
}
