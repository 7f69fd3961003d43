/* discover.c: which events there are.
 *
 * The table of events is read to its end each time the reader looks around; an event that is new
 * and on our list gets the next number, which it keeps for the life of the process. So an import
 * needs no announcement: its row is found. Numbers are given in the order of discovery, and an
 * event is counted only once its id is in place, since other threads go by the count. */
#include "journal/journal_internal.h"

#include <assert.h>

/* "a,b" names it, or nothing is named. */
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
    while (nth < journal_len(journal) && journal->events[nth].id.no != no)
        nth += 1;
    return nth;
}

static void tell_incarnation(struct journal *journal, const struct store_event *found)
{
    const struct journal_host *host = &journal->conf.host;
    uint32_t nth = nth_of(journal, found->no);
    if (host->renewed != NULL && nth < journal_len(journal) && found->incarnation != 0)
        host->renewed(host->ctx, nth, found->incarnation);
}

/* Of an event that is known here; reader.c puts it out. */
static void tell_retired(struct journal *journal, const struct store_event *found)
{
    uint32_t nth = nth_of(journal, found->no);
    if (nth == journal_len(journal))
        return;
    pthread_mutex_lock(&journal->lock);
    journal->events[nth].retired = found->retired;
    pthread_mutex_unlock(&journal->lock);
}

static void add_event(struct journal *journal, const struct store_event *found)
{
    uint32_t nth = journal_len(journal);
    if (nth == EVENTS_MAX || found->retired || !discover_names(journal, found->id) ||
        nth_of(journal, found->no) < nth)
        return;
    journal->events[nth].id = *found;
    pthread_mutex_lock(&journal->lock);
    /* release: partner of journal_len() */
    atomic_store_explicit(&journal->events_len, nth + 1, memory_order_release);
    assert(journal_state_of(&journal->events[nth]) == JOURNAL_EVENT_LOADING);
    role_judge(journal);
    pthread_mutex_unlock(&journal->lock);
}

int discover_events(struct journal *journal, struct err_slot *err)
{
    struct store_event found[EVENTS_MAX];
    uint32_t len = 0, before = journal_len(journal);
    int32_t after = 0;
    do {
        int rc = store_events(journal->reader_pg, after, found, EVENTS_MAX, err, &len);
        if (rc < 0)
            return rc;
        for (uint32_t i = 0; i < len; i++) {
            after = found[i].no;
            add_event(journal, &found[i]);
            tell_incarnation(journal, &found[i]);
            tell_retired(journal, &found[i]);
        }
    } while (len == EVENTS_MAX);
    pthread_mutex_lock(&journal->lock);
    journal->looked = true;
    role_judge(journal);
    pthread_mutex_unlock(&journal->lock);
    if (journal_len(journal) > before)
        commit_queue_nudge(journal->conf.queue); /* their locks can be tried meanwhile */
    return 0;
}

/* "NAME#LIFE": a process is known by its name; which life of it wrote the row matters to locks. */
static struct span name_of(struct span instance)
{
    struct span name;
    (void)span_cut(instance, '#', &name);
    return name;
}

static void on_where(void *ctx, const struct store_where *where)
{
    struct journal *journal = MAGIC_OF(journal, ctx);
    struct journal_place place = {.epoch = where->epoch};
    uint32_t nth = nth_of(journal, where->event);
    bool fits = span_to_cstr(name_of(where->instance), place.instance, sizeof(place.instance)) &&
                span_to_cstr(where->open, place.address.open, sizeof(place.address.open)) &&
                span_to_cstr(where->within, place.address.within, sizeof(place.address.within));
    if (nth == journal_len(journal) || !fits)
        return;
    pthread_mutex_lock(&journal->lock);
    journal->events[nth].place = place;
    pthread_mutex_unlock(&journal->lock);
}

int discover_places(struct journal *journal, struct err_slot *err)
{
    int32_t asked[EVENTS_MAX];
    uint32_t len = 0;
    if (journal->conf.address.open[0] == '\0')
        return 0;
    for (uint32_t nth = 0; nth < journal_len(journal); nth++)
        if (!journal_owns(journal, nth))
            asked[len++] = journal->events[nth].id.no;
    return len == 0 ? 0 : store_where(journal->reader_pg, asked, len, err, on_where, journal);
}
