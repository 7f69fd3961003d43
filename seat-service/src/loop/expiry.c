/* expiry.c: holds expire in batches.
 *
 * A rush that arrives within one second expires within one second. So at most EXPIRE_OPEN_MAX
 * expired holds wait for their commit, and while there are more, the end of one batch starts the
 * next, without waiting for a tick. That is half a batch of the journal, so a confirm that arrives
 * meanwhile waits only for the current batch and is in the next. While an event's journal cannot be
 * written none of its holds expire, and its pending expiries, which may stay so as long, do not
 * count against the limit; afterwards its holds that are being paid get extra time. */
#include "loop/expiry.h"

#include "base/magic.h"
#include "loop/pending.h"

#include <assert.h>

MAGIC(expiry, 0x5ea7000a);

static void set_away(struct expiry_event *its, bool away)
{
    struct expiry *expiry = its->expiry;
    if (away && !its->away)
        expiry->open -= its->open;
    else if (!away && its->away)
        expiry->open += its->open;
    its->away = away;
}

static void on_outcome(void *ctx, int rc, const struct change *change)
{
    struct expiry_event *its = ctx;
    struct expiry *expiry = MAGIC_OF(expiry, its->expiry);
    struct counter_stats *stats = expiry->loop->conf.stats;
    assert(its->open > 0);
    assert(its->away || expiry->open > 0);
    its->open -= 1;
    expiry->open -= !its->away;
    if (rc != 0) {
        set_away(its, true);
        return;
    }
    bool late = change->kind == CHANGE_LATE;
    if (late || change->kind == CHANGE_EXPIRED)
        atomic_fetch_add_explicit(&stats->expired, 1, memory_order_relaxed);
    if (late && (change->flags & CHANGE_FLAG_REMEMBERED) == 0)
        atomic_fetch_add_explicit(&stats->unremembered, 1, memory_order_relaxed);
}

/* Expires holds up to the limit; false: there may be more. */
static bool expire_event(struct expiry *expiry, struct event *event)
{
    struct call call = {
        .loop = expiry->loop,
        .event = event,
        .now_ms = events_now_ms(expiry->loop->conf.events),
        .on_outcome = on_outcome,
        .outcome_ctx = &expiry->events[event->nth],
    };
    while (expiry->open < EXPIRE_OPEN_MAX) {
        struct commit_entry *entry = pending_entry(&call);
        if (entry == NULL)
            return false;
        if (!engine_expire_next(event->engine, call.now_ms, &entry->op)) {
            pending_drop(entry);
            return true;
        }
        expiry->events[event->nth].open += 1;
        expiry->open += 1;
        pending_commit(&call, entry);
    }
    return false;
}

/* Visits each event at most once, starting after the one that reached the limit last time. By
 * number: any of them may leave meanwhile. */
static void expire(struct expiry *expiry)
{
    const uint32_t from = expiry->next;
    expiry->more = false;
    for (uint32_t i = 0; i < EVENTS_MAX && !expiry->more; i++) {
        uint32_t nth = (from + i) % EVENTS_MAX;
        struct event *event = events_nth(expiry->loop->conf.events, nth);
        bool may = event != NULL && events_is_open(event) && !expiry->events[nth].away;
        if (may && !expire_event(expiry, event)) {
            expiry->next = nth + 1;
            expiry->more = true;
        }
    }
}

void expiry_tick(struct expiry *expiry)
{
    const struct loop_conf *conf = &expiry->loop->conf;
    struct event *event = NULL;
    bool owns = journal_role(conf->journal) == JOURNAL_OWNER;
    uint64_t until_ms = events_now_ms(conf->events) + CONFIRM_SPARED_MS;
    while ((event = events_next(conf->events, event)) != NULL) {
        struct expiry_event *its = &expiry->events[event->nth];
        bool writes = owns && !journal_is_stuck(conf->journal, event->nth);
        bool is_open = events_is_open(event);
        bool ours = is_open || its->open > 0; /* not while it is loaded, or only followed */
        if (writes && its->away && is_open)
            engine_spare_orders(event->engine, 0, until_ms);
        set_away(its, ours && !writes);
    }
    if (owns)
        expire(expiry);
}

void expiry_go_on(struct expiry *expiry)
{
    if (expiry->more && expiry->open == 0)
        expire(expiry);
}

void expiry_init(struct expiry *expiry, struct loop *loop)
{
    assert(loop->conf.nth == 0);
    *expiry = (struct expiry){.loop = loop};
    for (uint32_t i = 0; i < EVENTS_MAX; i++)
        expiry->events[i].expiry = expiry;
    MAGIC_BEGIN(expiry, expiry);
}
