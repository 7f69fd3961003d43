/* events.c: a table with a place per event number of the journal.
 *
 * Only the reader's thread finds, loads, replays and opens an event, on an engine that no other
 * thread can see; two flags say what others may use. `found` is set once id and plan are set,
 * `open` last, when the engine is complete and ours. Both are cleared when the event leaves; plan
 * and engine are freed once every loop has ticked since and no references are left. Places are
 * reused: a pointer to one stays valid, its contents do not. */
#include "loop/events.h"

#include "base/magic.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct events {
    uint32_t magic;
    struct events_conf conf;
    struct event all[EVENTS_MAX];
    _Atomic uint64_t look;                      /* rises whenever an event leaves */
    _Atomic uint64_t looked[SERVICE_LOOPS_MAX]; /* the last value that a loop has seen */
    _Atomic uint64_t behind_ms;
    pthread_mutex_t offer_lock;
    struct shown_plan *offered;
    struct {
        _Atomic uint32_t nth; /* of the event to be corrected; EVENTS_MAX: none */
        /* Under offer_lock. */
        bool begun;                       /* by events_revise(), and not ended */
        struct shown_plan *plan, *judged; /* one of them; `judged` is the reader's */
        uint8_t who_len, reason_len;
        char who[CHANGE_WHO_MAX], reason[CHANGE_TEXT_MAX];
        enum events_revised outcome;
        struct engine_clashes why;
    } revision;
};

MAGIC(events, 0x5ea70008);

/* ---- plans ---- */

void events_offer(struct events *events, struct shown_plan *plan)
{
    pthread_mutex_lock(&events->offer_lock);
    struct shown_plan *was = events->offered;
    events->offered = plan;
    pthread_mutex_unlock(&events->offer_lock);
    shown_plan_destroy(was);
}

/* The offered plan, if it is this document's. */
static struct shown_plan *take_offer(struct events *events, struct span document)
{
    uint8_t hash[PLAN_HASH_BYTES];
    crypto_hash_sha256(hash, (const uint8_t *)document.ptr, document.len);
    pthread_mutex_lock(&events->offer_lock);
    struct shown_plan *plan = events->offered;
    if (plan != NULL && memcmp(plan_hash(plan->plan), hash, sizeof(hash)) == 0)
        events->offered = NULL;
    else
        plan = NULL;
    pthread_mutex_unlock(&events->offer_lock);
    return plan;
}

static void on_prepare(void *ctx, struct span document)
{
    struct events *events = MAGIC_OF(events, ctx);
    struct shown_plan *plan = take_offer(events, document); /* from an import in this process */
    if (plan != NULL || shown_plan_create(document, NULL, &plan) == 0)
        events_offer(events, plan); /* if it is unreadable, on_found() reports why */
}

bool events_admit(struct event *event, uint64_t incarnation)
{
    /* relaxed: a number that is only compared with itself, and only rises */
    uint64_t known = atomic_load_explicit(&event->incarnation, memory_order_relaxed);
    while (incarnation > known) {
        if (atomic_compare_exchange_weak_explicit(&event->incarnation, &known, incarnation,
                                                  memory_order_relaxed, memory_order_relaxed))
            return true;
    }
    return incarnation == known;
}

/* ---- journal callbacks; reader's thread ---- */

/* After a restore change numbers repeat with other documents. */
static bool is_known(const struct event *event, const struct store_document *document)
{
    uint8_t hash[PLAN_HASH_BYTES];
    crypto_hash_sha256(hash, (const uint8_t *)document->body, document->len);
    return document->since == event->since &&
           memcmp(plan_hash(event->plan->plan), hash, sizeof(hash)) == 0;
}

static int on_found(void *ctx, uint32_t nth, const struct store_event *row,
                    const struct store_document *document, struct err_slot *err)
{
    struct events *events = MAGIC_OF(events, ctx);
    assert(nth < EVENTS_MAX);
    struct event *event = &events->all[nth];
    if (event->plan != NULL && !is_known(event, document))
        return err_set(err, ERR_NOT_FOUND, "another document counts by now");
    if (event->plan == NULL) {
        struct span body = {document->body, document->len};
        struct shown_plan *plan = take_offer(events, body);
        int rc = plan != NULL ? 0 : shown_plan_create(body, err, &plan);
        if (rc < 0)
            return rc;
        memcpy(event->id, row->id, sizeof(event->id));
        event->no = row->no;
        event->nth = nth;
        event->plan = plan;
        event->since = document->since;
        event->base = document->base;
        event->places = document->places;
        /* release: pairs with events_nth(): id and plan are set */
        atomic_store_explicit(&event->found, true, memory_order_release);
    }
    return 0;
}

static int on_load(void *ctx, uint32_t nth, struct span snapshot, struct err_slot *err)
{
    struct events *events = MAGIC_OF(events, ctx);
    struct event *event = &events->all[nth];
    assert(!events_is_open(event));
    engine_destroy(event->engine);
    event->engine = NULL;
    uint64_t seed;
    randombytes_buf(&seed, sizeof(seed));
    struct engine_conf conf = {
        .plan = event->plan->plan,
        .seed = seed,
        .now_ms = events_now_ms(events),
        .since = event->since,
        .base = event->base,
        .places = event->places,
    };
    int rc = engine_create(&conf, err, &event->engine);
    if (rc == 0)
        engine_replay_begin(event->engine);
    if (rc == 0 && snapshot.ptr != NULL)
        rc = engine_snapshot_read(event->engine, (const uint8_t *)snapshot.ptr, snapshot.len, err);
    return rc;
}

static int on_apply(void *ctx, uint32_t nth, const struct change *change, struct span idem,
                    struct err_slot *err)
{
    struct events *events = MAGIC_OF(events, ctx);
    struct engine_hold_view view;
    uint64_t session = change->session;
    if (idem.ptr != NULL && change->kind != CHANGE_TAKEN &&
        engine_hold_read(events->all[nth].engine, change->hold, &view) == ENGINE_OK)
        session = view.session; /* only the change that takes a hold has its session */
    int rc = engine_apply(events->all[nth].engine, change, err);
    if (rc < 0)
        return rc;
    if (idem.ptr != NULL)
        idem_restore(events->conf.idem, session, idem, change, events_now_ms(events));
    return 0;
}

static void on_first(void *ctx, uint32_t nth, struct change *change)
{
    struct events *events = MAGIC_OF(events, ctx);
    change_init(change, CHANGE_IMPORTED, events_now_ms(events));
    memcpy(change->plan_hash, plan_hash(events->all[nth].plan->plan), CHANGE_HASH_BYTES);
}

/* Gives extra time to holds that had not ended by `from_ms`: payments may have been refused before
 * the event was opened. */
static void spare_orders(const struct events *events, struct event *event, uint64_t from_ms)
{
    if (engine_stats(event->engine).holds_used > 0)
        engine_spare_orders(event->engine, from_ms, events_now_ms(events) + CONFIRM_SPARED_MS);
}

static void on_own(void *ctx, uint32_t nth, uint64_t epoch, uint64_t seq, uint64_t asked_ms)
{
    struct events *events = MAGIC_OF(events, ctx);
    struct event *event = &events->all[nth];
    event->epoch = epoch;
    /* An end has woken it: the bound of such a hold, with which it would sleep again for ever. */
    engine_bound_holds(event->engine, events_now_ms(events), asked_ms == INT64_MAX);
    engine_replay_end(event->engine);
    engine_publish(event->engine, seq, NULL, NULL);
    for (uint32_t i = 0; i < SERVICE_LOOPS_MAX; i++) { /* relaxed: `open` is stored below */
        atomic_store_explicit(&event->settled[i].begun, seq, memory_order_relaxed);
        atomic_store_explicit(&event->settled[i].done, seq, memory_order_relaxed);
    }
    /* A sleeping event refuses nothing until it is requested, so its holds end in time; and an
     * event without requests makes room for the next requested one. A requested event waits for
     * its caller. */
    if (asked_ms != INT64_MAX) {
        uint64_t awaited_ms = asked_ms != 0 ? EVENT_AWAITED_MS : 0;
        spare_orders(events, event, asked_ms);
        atomic_store_explicit(&event->used_ms, events_now_ms(events) + awaited_ms,
                              memory_order_relaxed);
    }
    /* release: pairs with events_is_open() */
    atomic_store_explicit(&event->open, true, memory_order_release);
    /* release: a loop that finds it no longer shown finds it open */
    atomic_store_explicit(&event->shown_us, 0, memory_order_release);
}

/* ---- leaving ---- */

static bool has_looked(const struct events *events, uint64_t look)
{
    bool looked = true;
    for (uint32_t i = 0; i < events->conf.loops; i++)
        /* acquire: pairs with events_looked(): the loop has finished with the event */
        looked = looked && atomic_load_explicit(&events->looked[i], memory_order_acquire) >= look;
    return looked;
}

/* seq_cst: a loop that keeps it either finds it closed, or is counted here */
static bool on_leave(void *ctx, uint32_t nth)
{
    struct events *events = MAGIC_OF(events, ctx);
    struct event *event = &events->all[nth];
    if (event->leaves == 0) {
        atomic_store_explicit(&event->open, false, memory_order_seq_cst);
        atomic_store_explicit(&event->found, false, memory_order_seq_cst);
        atomic_store_explicit(&event->shown_us, 0, memory_order_seq_cst);
        event->leaves = atomic_fetch_add_explicit(&events->look, 1, memory_order_seq_cst) + 1;
        if (events->conf.leaves != NULL)
            events->conf.leaves(events->conf.ctx);
    }
    return has_looked(events, event->leaves) &&
           atomic_load_explicit(&event->kept, memory_order_seq_cst) == 0;
}

/* ---- corrections ---- */

bool events_revise(struct events *events, const struct event *event, struct shown_plan *plan,
                   struct span who, struct span reason)
{
    assert(who.len <= sizeof(events->revision.who));
    assert(reason.len <= sizeof(events->revision.reason));
    pthread_mutex_lock(&events->offer_lock);
    bool begins = !events->revision.begun && events->revision.judged == NULL;
    if (begins) {
        events->revision.begun = true;
        events->revision.plan = plan;
        events->revision.who_len = (uint8_t)who.len;
        events->revision.reason_len = (uint8_t)reason.len;
        memcpy(events->revision.who, who.ptr, who.len);
        memcpy(events->revision.reason, reason.ptr, reason.len);
        events->revision.outcome = EVENTS_REVISED_PENDING;
        /* release: pairs with on_revises() */
        atomic_store_explicit(&events->revision.nth, event->nth, memory_order_release);
    }
    pthread_mutex_unlock(&events->offer_lock);
    if (!begins)
        shown_plan_destroy(plan);
    return begins;
}

enum events_revised events_revised(struct events *events, struct engine_clashes *why)
{
    pthread_mutex_lock(&events->offer_lock);
    assert(events->revision.begun);
    enum events_revised outcome = events->revision.outcome;
    if (outcome == EVENTS_REVISED_REFUSED)
        *why = events->revision.why;
    pthread_mutex_unlock(&events->offer_lock);
    return outcome;
}

struct shown_plan *events_revise_end(struct events *events)
{
    pthread_mutex_lock(&events->offer_lock);
    assert(events->revision.begun);
    struct shown_plan *plan = events->revision.plan;
    events->revision.plan = NULL;
    events->revision.begun = false;
    atomic_store_explicit(&events->revision.nth, EVENTS_MAX, memory_order_release);
    pthread_mutex_unlock(&events->offer_lock);
    return plan;
}

static bool on_revises(void *ctx, uint32_t nth)
{
    const struct events *events = MAGIC_OF(events, ctx);
    /* acquire: pairs with events_revise() */
    return atomic_load_explicit(&events->revision.nth, memory_order_acquire) == nth;
}

/* Under offer_lock. */
static void end_revision(struct events *events, enum events_revised outcome)
{
    atomic_store_explicit(&events->revision.nth, EVENTS_MAX, memory_order_release);
    events->revision.outcome = outcome;
}

static int on_revise(void *ctx, uint32_t nth, struct change *change, struct err_slot *err)
{
    struct events *events = MAGIC_OF(events, ctx);
    bool whole = false;
    assert(!events_is_open(&events->all[nth]));
    pthread_mutex_lock(&events->offer_lock);
    const struct shown_plan *plan = on_revises(ctx, nth) ? events->revision.plan : NULL;
    if (plan != NULL) { /* otherwise it may be another event's */
        events->revision.judged = events->revision.plan;
        events->revision.plan = NULL;
    }
    pthread_mutex_unlock(&events->offer_lock);
    if (plan == NULL)
        return err_set(err, ERR_STATE, "nobody waits for it any longer");
    struct engine_clashes *why = &events->revision.why; /* ours until revised() */
    if (!engine_revise(events->all[nth].engine, plan->plan, &whole, why))
        return err_set(err, ERR_RANGE, "%s %s", why->list[0].path, why->list[0].why);
    change_init(change, CHANGE_REVISED, events_now_ms(events));
    change->flags = whole ? CHANGE_FLAG_WHOLE : 0;
    change->quantity = engine_places(events->all[nth].engine);
    memcpy(change->plan_hash, plan_hash(plan->plan), CHANGE_HASH_BYTES);
    memcpy(change->who, events->revision.who, events->revision.who_len);
    change->who_len = events->revision.who_len;
    memcpy(change->text, events->revision.reason, events->revision.reason_len);
    change->text_len = events->revision.reason_len;
    return 0;
}

static void on_revised(void *ctx, uint32_t nth, int rc)
{
    struct events *events = MAGIC_OF(events, ctx);
    pthread_mutex_lock(&events->offer_lock);
    if (on_revises(ctx, nth))
        end_revision(events, rc == 0                 ? EVENTS_REVISED_DONE
                             : rc == ERR_RANGE       ? EVENTS_REVISED_REFUSED
                             : journal_is_broken(rc) ? EVENTS_REVISED_UNKNOWN
                                                     : EVENTS_REVISED_FAILED);
    struct shown_plan *plan = events->revision.judged;
    events->revision.judged = NULL;
    pthread_mutex_unlock(&events->offer_lock);
    if (rc == 0)
        events_offer(events, plan);
    else
        shown_plan_destroy(plan);
}

static void on_drop(void *ctx, uint32_t nth)
{
    struct events *events = MAGIC_OF(events, ctx);
    struct event *event = &events->all[nth];
    engine_destroy(event->engine);
    shown_plan_destroy(event->plan);
    event->engine = NULL;
    event->plan = NULL;
    event->leaves = event->hides = event->epoch = event->since = event->base = event->places = 0;
    atomic_store_explicit(&event->used_ms, 0, memory_order_relaxed);
    atomic_store_explicit(&event->incarnation, 0, memory_order_relaxed);
    pthread_mutex_lock(&events->offer_lock);
    if (on_revises(ctx, nth)) /* it was not checked, and the place will be reused */
        end_revision(events, EVENTS_REVISED_FAILED);
    pthread_mutex_unlock(&events->offer_lock);
}

uint64_t events_unused_ms(const struct events *events, const struct event *event)
{
    uint64_t used_ms = atomic_load_explicit(&event->used_ms, memory_order_relaxed);
    uint64_t now_ms = events_now_ms(events);
    return now_ms > used_ms ? now_ms - used_ms : 0;
}

bool events_was_used(const struct event *event)
{
    return atomic_load_explicit(&event->used_ms, memory_order_relaxed) != 0; /* a hint */
}

static uint64_t on_idle(void *ctx, uint32_t nth)
{
    struct events *events = MAGIC_OF(events, ctx);
    return events_unused_ms(events, &events->all[nth]);
}

static uint64_t on_next_end(void *ctx, uint32_t nth)
{
    struct events *events = MAGIC_OF(events, ctx);
    return engine_next_end_ms(events->all[nth].engine);
}

static void on_reopen(void *ctx, uint32_t nth)
{
    struct events *events = MAGIC_OF(events, ctx);
    struct event *event = &events->all[nth];
    assert(event->leaves > 0);
    event->leaves = 0;
    spare_orders(events, event, 0);
    events_used(events, event); /* otherwise it might be closed again at once */
    atomic_store_explicit(&event->found, true, memory_order_seq_cst);
    /* release: as in on_own() */
    atomic_store_explicit(&event->open, true, memory_order_release);
}

void events_keep(struct event *event)
{
    atomic_fetch_add_explicit(&event->kept, 1, memory_order_seq_cst);
}

void events_let_go(struct event *event)
{
    /* release: pairs with on_leave(): all use of the event is over */
    uint32_t kept = atomic_fetch_sub_explicit(&event->kept, 1, memory_order_release);
    assert(kept > 0);
}

bool events_try_keep(struct event *event)
{
    events_keep(event);
    if (atomic_load_explicit(&event->found, memory_order_seq_cst))
        return true;
    events_let_go(event);
    return false;
}

void events_used(struct events *events, struct event *event)
{
    /* relaxed, and rarely stored: all loops share it. A later time is one until which the event is
     * awaited: that wait is over. */
    uint64_t now_ms = events_now_ms(events);
    uint64_t used_ms = atomic_load_explicit(&event->used_ms, memory_order_relaxed);
    if (used_ms > now_ms || now_ms - used_ms >= EVENT_USED_MS)
        atomic_store_explicit(&event->used_ms, now_ms, memory_order_relaxed);
}

uint64_t events_look(const struct events *events)
{
    /* acquire: pairs with on_leave(): the loop finds the event closed */
    return atomic_load_explicit(&events->look, memory_order_acquire);
}

void events_looked(struct events *events, uint32_t loop, uint64_t look)
{
    /* release: pairs with on_leave() */
    atomic_store_explicit(&events->looked[loop], look, memory_order_release);
}

/* ---- pictures ---- */

void events_settles(struct event *event, uint32_t loop, uint64_t seq)
{
    /* release: pairs with latest_settled(): a reader that sees the seats sees the number */
    atomic_store_explicit(&event->settled[loop].begun, seq, memory_order_release);
}

void events_settled(struct event *event, uint32_t loop, uint64_t seq)
{
    /* relaxed: the loop's own */
    uint64_t begun = atomic_load_explicit(&event->settled[loop].begun, memory_order_relaxed);
    /* release: pairs with events_publish(): these changes' seats are final */
    atomic_store_explicit(&event->settled[loop].done, begun > seq ? begun : seq,
                          memory_order_release);
}

uint64_t events_settling(const struct event *event)
{
    uint64_t latest = 0;
    for (uint32_t i = 0; i < SERVICE_LOOPS_MAX; i++) {
        /* acquire: pairs with events_settles() */
        uint64_t begun = atomic_load_explicit(&event->settled[i].begun, memory_order_acquire);
        latest = begun > latest ? begun : latest;
    }
    return latest;
}

static uint64_t latest_settled(void *ctx)
{
    return events_settling(ctx);
}

void events_publish(const struct events *events, struct event *event)
{
    uint64_t all = UINT64_MAX;
    assert(events->conf.loops > 0);
    for (uint32_t i = 0; i < events->conf.loops; i++) {
        /* acquire: pairs with events_settled() */
        uint64_t done = atomic_load_explicit(&event->settled[i].done, memory_order_acquire);
        all = done < all ? done : all;
    }
    engine_publish(event->engine, all, latest_settled, event);
}

/* ---- events of other owners ---- */

static void on_shown(void *ctx, uint32_t nth, uint64_t seq, uint64_t as_of_us)
{
    struct events *events = MAGIC_OF(events, ctx);
    struct event *event = &events->all[nth];
    assert(!events_is_open(event));
    assert(event->hides == 0);
    if (seq == 0) /* it has never had an owner */
        return;
    engine_publish(event->engine, seq, NULL, NULL);
    /* release: pairs with shown_us(): the engine exists and has a picture */
    atomic_store_explicit(&event->shown_us, as_of_us, memory_order_release);
}

static bool on_asked(void *ctx, uint32_t nth, uint64_t ms)
{
    struct events *events = MAGIC_OF(events, ctx);
    uint64_t used_ms = atomic_load_explicit(&events->all[nth].used_ms, memory_order_relaxed);
    uint64_t now_ms = events_now_ms(events);
    return used_ms != 0 && (now_ms < used_ms || now_ms - used_ms <= ms);
}

/* seq_cst: as in on_leave() */
static bool on_hide(void *ctx, uint32_t nth)
{
    struct events *events = MAGIC_OF(events, ctx);
    struct event *event = &events->all[nth];
    if (event->hides == 0 && !events_follows(event))
        return true;
    if (event->hides == 0) {
        atomic_store_explicit(&event->shown_us, 0, memory_order_seq_cst);
        event->hides = atomic_fetch_add_explicit(&events->look, 1, memory_order_seq_cst) + 1;
    }
    if (!has_looked(events, event->hides))
        return false;
    event->hides = 0;
    return true;
}

static uint64_t shown_us(const struct event *event)
{
    /* acquire: pairs with on_shown() */
    return atomic_load_explicit(&event->shown_us, memory_order_acquire);
}

bool events_follows(const struct event *event)
{
    return shown_us(event) != 0;
}

static bool is_younger(const struct events *events, const struct event *event, uint64_t ms)
{
    uint64_t us = shown_us(event); /* before the clock, so the age is not negative */
    return us != 0 && clock_mono_us(events->conf.clock) - us <= ms * 1000;
}

bool events_shows(const struct events *events, const struct event *event)
{
    /* In this order: an event is opened before it stops being shown. */
    return is_younger(events, event, STANDBY_FRESH_MS) || events_is_open(event);
}

bool events_streams(const struct events *events, const struct event *event)
{
    return is_younger(events, event, STANDBY_STREAM_MS) || events_is_open(event);
}

/* A poll that began after the request sees all changes acknowledged before it. */
bool events_lags(const struct event *event, uint64_t version, uint64_t asked_us)
{
    uint64_t us = shown_us(event); /* before the version, which rises first */
    return !events_is_open(event) && us <= asked_us &&
           version > engine_avail_version(event->engine);
}

void events_age(struct events *events)
{
    uint64_t oldest_ms = 0;
    struct event *event = NULL;
    while ((event = events_next(events, event)) != NULL) {
        uint64_t us = shown_us(event);
        uint64_t ms = us != 0 ? (clock_mono_us(events->conf.clock) - us) / 1000 : 0;
        oldest_ms = ms > oldest_ms ? ms : oldest_ms;
    }
    atomic_store_explicit(&events->behind_ms, oldest_ms, memory_order_relaxed);
}

const _Atomic uint64_t *events_behind_ms(const struct events *events)
{
    return &events->behind_ms;
}

/* ---- ended sessions and ownership ---- */

static void on_ended(void *ctx, uint64_t session, uint64_t until_s)
{
    const struct events *events = MAGIC_OF(events, ctx);
    pass_revoke(events->conf.revoked, session, until_s);
}

static void on_renewed(void *ctx, uint32_t nth, uint64_t incarnation)
{
    struct events *events = MAGIC_OF(events, ctx);
    assert(nth < EVENTS_MAX);
    (void)events_admit(&events->all[nth], incarnation);
}

static void on_fenced(void *ctx, const char *reason)
{
    struct events *events = MAGIC_OF(events, ctx);
    for (uint32_t i = 0; i < EVENTS_MAX; i++)
        atomic_store_explicit(&events->all[i].open, false, memory_order_release);
    events->conf.fenced(events->conf.ctx, reason);
}

struct journal_host events_host(struct events *events)
{
    return (struct journal_host){
        .ctx = events,
        .prepare = on_prepare,
        .found = on_found,
        .load = on_load,
        .apply = on_apply,
        .first = on_first,
        .ended = on_ended,
        .renewed = on_renewed,
        .own = on_own,
        .shown = on_shown,
        .asked = on_asked,
        .hide = on_hide,
        .leave = on_leave,
        .reopen = on_reopen,
        .next_end_ms = on_next_end,
        .drop = on_drop,
        .idle_ms = on_idle,
        .revises = on_revises,
        .revise = on_revise,
        .revised = on_revised,
        .fenced = on_fenced,
    };
}

/* ---- lookup, any thread ---- */

struct event *events_nth(struct events *events, uint32_t nth)
{
    /* acquire: pairs with on_found() */
    return nth < EVENTS_MAX && atomic_load_explicit(&events->all[nth].found, memory_order_acquire)
               ? &events->all[nth]
               : NULL;
}

struct event *events_next(struct events *events, const struct event *event)
{
    for (uint32_t nth = event == NULL ? 0 : event->nth + 1; nth < EVENTS_MAX; nth++) {
        struct event *next = events_nth(events, nth);
        if (next != NULL)
            return next;
    }
    return NULL;
}

struct event *events_find(struct events *events, struct span id)
{
    struct event *event = NULL;
    while ((event = events_next(events, event)) != NULL && !span_eq(span_of(event->id), id))
        ;
    return event;
}

void events_pack(struct events *events)
{
    struct event *event = NULL;
    while ((event = events_next(events, event)) != NULL) {
        if (!events_try_keep(event))
            continue;
        (void)shown_plan_pack(event->plan, NULL); /* if out of memory, retried later */
        events_let_go(event);
    }
}

uint64_t events_now_ms(const struct events *events)
{
    return clock_wall_us(events->conf.clock) / 1000;
}

int events_create(const struct events_conf *conf, struct err_slot *err, struct events **out)
{
    struct events *events = calloc(1, sizeof(*events));
    if (events == NULL)
        return err_set(err, ERR_NOMEM, "the table of events");
    MAGIC_BEGIN(events, events);
    events->conf = *conf;
    pthread_mutex_init(&events->offer_lock, NULL);
    atomic_init(&events->revision.nth, EVENTS_MAX);
    *out = events;
    return 0;
}

void events_destroy(struct events *events)
{
    if (events == NULL)
        return;
    for (uint32_t i = 0; i < EVENTS_MAX; i++) {
        engine_destroy(events->all[i].engine);
        shown_plan_destroy(events->all[i].plan);
    }
    shown_plan_destroy(events->offered);
    shown_plan_destroy(events->revision.plan);
    pthread_mutex_destroy(&events->offer_lock);
    MAGIC_END(events, events);
    free(events);
}
