/* discover.c: finds events.
 *
 * At each poll the reader reads the rows of the table of events that have changed since the last
 * one; at first all of them. So an import needs no announcement. An event that is new, in our list
 * and awake gets a free number; if it is asleep, or no number is free, only its name is stored
 * (owners/asleep.h). An event is counted only once its id is set, since other threads read up to
 * the count.
 *
 * An event's document is read once. If it is long, the host parses it on another thread, and the
 * reader keeps showing the other events. */
#include "journal/journal_internal.h"
#include "system/system.h"

#include <assert.h>
#include <stdlib.h>

/* Whether the list "a,b" names the event, or is empty. */
bool discover_names(const struct journal *journal, const char *id)
{
    struct span rest = span_of(journal->conf.events);
    if (rest.len == 0)
        return true;
    while (rest.ptr != NULL) {
        struct span name;
        rest = span_cut(rest, ',', &name);
        if (span_eq(span_trim(name), span_of(id)))
            return true;
    }
    return false;
}

static uint32_t nth_of(const struct journal *journal, int32_t no)
{
    uint32_t nth = 0;
    while (nth < journal_len(journal) &&
           (journal_is_free(&journal->events[nth]) || journal->events[nth].id.no != no))
        nth += 1;
    return nth;
}

static uint32_t free_nth(const struct journal *journal)
{
    uint32_t nth = 0;
    while (nth < journal_len(journal) && !journal_is_free(&journal->events[nth]))
        nth += 1;
    return nth;
}

/* An event larger than the whole memory is loaded only if it is alone. */
struct asleep_room discover_room(const struct journal *journal, struct asleep_room room)
{
    bool alone = true;
    for (uint32_t nth = 0; nth < journal_len(journal); nth++) {
        const struct journal_event *event = &journal->events[nth];
        if (journal_is_free(event))
            continue;
        alone = false;
        room.places -= room.places > 0;
        room.bytes -= event->id.bytes < room.bytes ? event->id.bytes : room.bytes;
    }
    if (alone)
        room.bytes = UINT64_MAX;
    return room;
}

/* Gives the event the free number nth. */
static void add_event(struct journal *journal, uint32_t nth, const struct store_event *found)
{
    struct journal_event *event = &journal->events[nth];
    bool is_new = nth == journal_len(journal);
    assert(nth < journal->conf.places);
    assert(nth_of(journal, found->no) == journal_len(journal));
    pthread_mutex_lock(&journal->lock);
    if (is_new) {
        event->id = *found;
        /* release: pairs with journal_len() */
        atomic_store_explicit(&journal->events_len, nth + 1, memory_order_release);
        assert(journal_state_of(event) == JOURNAL_EVENT_LOADING);
        role_judge(journal);
    } else {
        assert(event->lock == LOCK_NONE);
        assert(!event->given);
        assert(!event->stuck);
        event->id = *found;
        event->head = (struct store_head){0};
        event->end_seq = 0;
        /* relaxed: a loop reads these only for an event that it has found */
        atomic_store_explicit(&event->sent, 0, memory_order_relaxed);
        atomic_store_explicit(&event->answered, 0, memory_order_relaxed);
        event->begun = false;
        event->end_line = (struct store_line){0};
        journal_set_line(event, &event->end_line);
        event->claimed = 0;
        event->place = (struct journal_place){0};
        event->tries = 0;
        event->free_since_us = 0;
        event->was_owned = event->retired = event->asleep = false;
        event->placed = event->seen_free = event->moves = event->ready = false;
        event->wish = PLACING_WISH_NONE;
        role_move_event(journal, event, JOURNAL_EVENT_LOADING);
    }
    pthread_mutex_unlock(&journal->lock);
}

/* For an event without a number here. */
static int take_new(struct journal *journal, const struct store_event *found, struct err_slot *err)
{
    const struct asleep_room own = {journal->conf.places, journal->conf.memory};
    const struct asleep_room room = discover_room(journal, own);
    if (found->retired || !discover_names(journal, found->id)) {
        asleep_remove(journal->asleep, found->id);
        return 0;
    }
    if (found->asleep || room.places == 0 || room.bytes < found->bytes)
        return asleep_put(journal->asleep,
                          &(struct asleep_event){found->no, found->id, found->incarnation,
                                                 found->due_ms, found->asked, found->bytes},
                          !found->asleep, err);
    add_event(journal, free_nth(journal), found);
    asleep_remove(journal->asleep, found->id);
    return 0;
}

static void take_row(struct journal *journal, const struct store_event *found)
{
    struct err_slot err = {0};
    uint32_t nth = nth_of(journal, found->no);
    if (nth < journal_len(journal)) {
        /* Update the event's row; reader.c puts it out, or has it leave. */
        pthread_mutex_lock(&journal->lock);
        journal->events[nth].retired = found->retired;
        journal->events[nth].asleep = found->asleep;
        journal->events[nth].id.incarnation = found->incarnation;
        journal->events[nth].id.due_ms = found->due_ms;
        pthread_mutex_unlock(&journal->lock);
    } else if (take_new(journal, found, &err) < 0)
        log_failure(journal->conf.log, "an event is not known here", &err);
    const struct journal_host *host = &journal->conf.host;
    if (host->renewed != NULL && nth < journal_len(journal) && found->incarnation != 0)
        host->renewed(host->ctx, nth, found->incarnation);
}

int discover_events(struct journal *journal, struct err_slot *err)
{
    struct store_event found[EVENTS_MAX];
    uint32_t len = 0, more = 0;
    do {
        int rc = store_events_changed(journal->reader_pg, &journal->changes, found, EVENTS_MAX, err,
                                      &len);
        if (rc < 0)
            return rc;
        for (uint32_t i = 0; i < len; i++)
            take_row(journal, &found[i]);
        more += len;
    } while (len == EVENTS_MAX);
    if (more == 0 && journal->looked)
        return 0;
    pthread_mutex_lock(&journal->lock);
    journal->looked = true;
    role_judge(journal);
    pthread_mutex_unlock(&journal->lock);
    journal_watch(journal); /* their locks can be tried now */
    return 0;
}

/* ---- documents ---- */

static void *prepare(void *arg)
{
    struct journal *journal = MAGIC_OF(journal, arg);
    struct preparing *preparing = &journal->preparing;
    const struct journal_host *host = &journal->conf.host;
    assert(preparing->document.len >= JOURNAL_LONG_BYTES);
    host->prepare(host->ctx, (struct span){preparing->document.body, preparing->document.len});
    /* release: pairs with discover_document() */
    atomic_store_explicit(&preparing->done, true, memory_order_release);
    system_bell_ring(journal->look);
    return NULL;
}

void discover_forget_document(struct journal *journal)
{
    struct preparing *preparing = &journal->preparing;
    if (preparing->no == 0)
        return;
    system_thread_join(preparing->thread);
    assert(atomic_load_explicit(&preparing->done, memory_order_relaxed));
    free(preparing->document.body);
    preparing->no = 0;
}

/* Whether the event still needs the document being prepared. */
static bool is_awaited(const struct journal *journal, int32_t no)
{
    uint32_t nth = nth_of(journal, no);
    if (nth == journal_len(journal) || journal->events[nth].why != LEAVE_STAYS)
        return false;
    enum journal_state state = journal_state_of(&journal->events[nth]);
    return state == JOURNAL_EVENT_LOADING || state == JOURNAL_EVENT_OUT;
}

/* On success the thread owns the document. */
static bool begin_preparing(struct journal *journal, int32_t no,
                            const struct store_document *document)
{
    struct preparing *preparing = &journal->preparing;
    assert(preparing->no == 0);
    if (journal->conf.host.prepare == NULL || document->len < JOURNAL_LONG_BYTES)
        return false;
    preparing->document = *document;
    atomic_store_explicit(&preparing->done, false, memory_order_relaxed);
    if (system_thread_start("plans", prepare, journal, &preparing->thread) != 0)
        return false; /* then the reader parses it itself */
    preparing->no = no;
    return true;
}

int discover_document(struct journal *journal, uint32_t nth, struct err_slot *err,
                      struct store_document *document)
{
    struct preparing *preparing = &journal->preparing;
    int32_t no = journal->events[nth].id.no;
    assert(!journal_owns(journal, nth));
    document->body = NULL;
    /* acquire: pairs with prepare() */
    bool busy = preparing->no != 0 && !atomic_load_explicit(&preparing->done, memory_order_acquire);
    if (busy || (preparing->no != 0 && preparing->no != no && is_awaited(journal, preparing->no)))
        return 0;
    if (preparing->no == no) {
        *document = preparing->document;
        assert(document->body != NULL);
        preparing->document.body = NULL;
        discover_forget_document(journal);
        return 0;
    }
    discover_forget_document(journal);
    int rc = store_document(journal->reader_pg, no, UINT64_MAX, err, document);
    if (rc == 0 && begin_preparing(journal, no, document))
        document->body = NULL;
    return rc;
}

/* ---- owners of events ---- */

/* "NAME#RUN": others know a process by its name; for locks the run that wrote the row matters. */
static struct span name_of(struct span instance)
{
    struct span name;
    (void)span_cut(instance, '#', &name);
    return name;
}

static void on_where(void *ctx, const struct sql_owners_where_row *where)
{
    struct journal *journal = MAGIC_OF(journal, ctx);
    struct journal_place place = {.epoch = where->epoch};
    uint32_t nth = nth_of(journal, where->event);
    struct span name = span_of(journal->conf.instance);
    bool ours = span_eq(where->wanted, name);
    bool fits =
        span_to_cstr(name_of(where->instance), place.instance, sizeof(place.instance)) &&
        span_to_cstr(where->address, place.address.open, sizeof(place.address.open)) &&
        span_to_cstr(where->private_address, place.address.within, sizeof(place.address.within));
    if (nth == journal_len(journal) || !fits)
        return;
    pthread_mutex_lock(&journal->lock);
    struct journal_event *event = &journal->events[nth];
    event->place = place;
    event->placed = true;
    event->wish = where->wanted.len == 0 ? PLACING_WISH_NONE
                  : ours                 ? PLACING_WISH_US
                                         : PLACING_WISH_OTHER;
    event->moves = event->wish == PLACING_WISH_OTHER &&
                   span_eq(name_of(where->ready), where->wanted) &&
                   journal_state_of(event) == JOURNAL_EVENT_OWNED;
    event->ready = ours && span_eq(where->ready, span_of(journal->instance));
    pthread_mutex_unlock(&journal->lock);
}

int discover_places(struct journal *journal, struct err_slot *err)
{
    int32_t asked[EVENTS_MAX];
    uint32_t len = 0;
    if (journal->conf.address.open[0] == '\0')
        return 0;
    for (uint32_t nth = 0; nth < journal_len(journal); nth++)
        if (!journal_is_free(&journal->events[nth]))
            asked[len++] = journal->events[nth].id.no;
    return len == 0 ? 0 : store_where(journal->reader_pg, asked, len, err, on_where, journal);
}
