/* desk.c: see desk.h.
 *
 * Every PUBLISH_MS a desk looks around: the first one lets holds run out and publishes the picture
 * of each event; each sends to its own streams what has changed since the last time. So a stream
 * gets five deltas a second at most, however many seats change hands, and a reader that was too
 * slow is told to take the whole picture.
 *
 * A rush that comes in one second runs out in one second. So holds run out by the lot: never more
 * than EXPIRE_OPEN_MAX of them wait for their commit, and while there are more, the end of one lot
 * begins the next, without a tick. They are as many as half a batch of the journal, so that whoever
 * confirms meanwhile waits for the batch under way and is in the next. While the journal cannot be
 * written nothing runs out; afterwards those that are being paid have some time more. */
#include "loop/desk.h"

#include "web/squeeze.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const char OUTCOME_UNKNOWN[] =
    "it is not known whether this was done; ask again with the same key";

struct desk_event {
    struct http_channel *channel;
    uint64_t sent_version;              /* of the last delta */
    uint32_t sent_free[PLAN_AREAS_MAX]; /* of the areas, which have no version */
    /* The others once somebody has asked for them. */
    struct http_blob *picture, *picture_gzip, *picture_letters;
    uint64_t picture_version;
    struct desk *desk;
    struct house_event *event;
};

/* A repetition that waits for what came of the first. */
struct waiter {
    struct http_req *req;
    void (*again)(struct http_req *req, void *ctx);
};

struct desk {
    struct desk_conf conf;
    struct commit_port *port;
    struct pass_cache *passes;
    struct tally passes_wrong; /* by address */
    uv_async_t wake;
    uv_timer_t tick;
    struct call *calls;
    struct call *unused;
    struct desk_event events[EVENTS_MAX];
    struct waiter waiters[IDEM_WAITERS_MAX];
    uint32_t waiters_len;
    uint64_t resumed_us;
    bool resuming;
    /* loop 0: */
    uint32_t expiring; /* wait for their commit */
    const struct house_event *expired_last;
    bool expire_more; /* some were left for want of room */
    bool away;        /* the journal could not be written since orders were spared last */
    char *memory;     /* API_ANSWER_MAX, for answers */
    struct engine_delta *deltas;
    pthread_mutex_t wake_lock; /* the committer may wake us while we close */
    bool closed;
};

struct pass_cache *desk_passes(struct desk *desk)
{
    return desk->passes;
}

struct tally *desk_passes_wrong(struct desk *desk)
{
    return &desk->passes_wrong;
}

bool desk_is_closed(const struct desk *desk)
{
    return desk->closed;
}

const struct desk_conf *desk_conf(const struct desk *desk)
{
    return &desk->conf;
}

struct text desk_text(struct desk *desk)
{
    return text_on(desk->memory, API_ANSWER_MAX);
}

struct render_event desk_view(const struct call *call)
{
    return (struct render_event){
        .id = span_of(call->event->id),
        .plan = call->event->plan->plan,
        .plan_hash = call->event->plan->hash,
        .engine = call->event->engine,
        .now_ms = house_now_ms(call->desk->conf.house),
    };
}

/* ---- replies ---- */

static void remember(struct call *call)
{
    if (!call->has_idem)
        return;
    call->has_idem = false;
    struct idem *idem = call->desk->conf.idem;
    if (call->done.kind != 0)
        idem_finish(idem, call->who.session, &call->idem, &call->done);
    else
        idem_forget(idem, call->who.session, &call->idem);
}

static void put_common(struct text *lines, const struct call *call)
{
    TEXT_LIT(lines, "Cache-Control: no-store\r\n");
    if (call->replayed)
        TEXT_LIT(lines, "Idempotent-Replayed: true\r\n");
}

void call_reply(struct call *call, unsigned status, const struct text *json, struct span headers)
{
    struct span body = json != NULL ? text_span(json) : (struct span){NULL, 0};
    assert(json == NULL || !json->overflown);
    remember(call);
    if (call->req == NULL) /* see answer_the_patient() */
        return;
    char lines[320];
    struct text all = text_on(lines, sizeof(lines));
    put_common(&all, call);
    text_put(&all, headers);
    assert(!all.overflown);
    http_reply(call->req, &(struct http_reply){
                              .status = status,
                              .type = json != NULL ? "application/json" : NULL,
                              .headers = text_span(&all),
                              .body = body,
                          });
}

static void problem(struct call *call, unsigned status, const char *code, const char *detail,
                    struct span members, unsigned retry_after_s)
{
    char lines[128];
    struct text headers = text_on(lines, sizeof(lines));
    struct text body = desk_text(call->desk);
    /* `members` may lie in the same memory: it is then already where it has to be. */
    char head_memory[1024];
    struct text head = text_on(head_memory, sizeof(head_memory));
    json_open(&head, '{');
    json_member_cstr(&head, "type", "about:blank");
    json_member_cstr(&head, "title", http_status_text(status));
    json_member_u64(&head, "status", status);
    json_member_cstr(&head, "code", code);
    json_member_cstr(&head, "detail", detail);
    render_times(&head, house_now_ms(call->desk->conf.house));
    if (retry_after_s > 0)
        json_member_u64(&head, "retry_after_s", retry_after_s);
    assert(!head.overflown);
    size_t more = members.len > 0 ? 1 + members.len : 0;
    assert(head.len + more + 1 <= body.cap);
    if (members.len > 0) {
        memmove(body.ptr + head.len + 1, members.ptr, members.len);
        body.ptr[head.len] = ',';
    }
    memcpy(body.ptr, head.ptr, head.len);
    body.len = head.len + more;
    text_char(&body, '}');

    remember(call);
    if (call->req == NULL)
        return;
    put_common(&headers, call);
    if (status == 401)
        TEXT_LIT(&headers, "WWW-Authenticate: Bearer\r\n");
    if (retry_after_s > 0) {
        TEXT_LIT(&headers, "Retry-After: ");
        text_u64(&headers, retry_after_s);
        TEXT_LIT(&headers, "\r\n");
    }
    http_reply(call->req, &(struct http_reply){
                              .status = status,
                              .type = "application/problem+json",
                              .headers = text_span(&headers),
                              .body = text_span(&body),
                          });
}

void call_problem(struct call *call, unsigned status, const char *code, const char *detail,
                  struct span members)
{
    problem(call, status, code, detail, members, 0);
}

void call_unavailable(struct call *call, const char *code, const char *detail)
{
    problem(call, 503, code, detail, (struct span){NULL, 0}, 1);
}

/* ---- commits ---- */

static struct call *keep(const struct call *call)
{
    struct desk *desk = call->desk;
    struct call *kept = desk->unused;
    assert(kept != NULL); /* there is one for each entry of the port */
    desk->unused = kept->next;
    *kept = *call;
    kept->kept = true;
    return kept;
}

static void let_go(struct call *call)
{
    struct desk *desk = call->desk;
    call->kept = false;
    call->next = desk->unused;
    desk->unused = call;
}

struct commit_entry *desk_entry(struct call *call)
{
    struct desk *desk = call->desk;
    struct counter_stats *stats = desk->conf.stats;
    struct commit_entry *entry = NULL;
    if (!journal_writes(desk->conf.journal)) {
        if (call->req != NULL)
            call_unavailable(call, "journal-unavailable",
                             "nothing can be made durable at the moment; try again");
    } else if ((entry = commit_port_take(desk->port)) == NULL) {
        atomic_fetch_add_explicit(&stats->full, 1, memory_order_relaxed);
        if (call->req != NULL)
            call_unavailable(call, "overloaded", "too many changes are waiting; try again");
    }
    return entry;
}

void desk_drop(struct commit_entry *entry)
{
    commit_port_return(entry);
}

static void count_time(struct desk *desk, const struct commit_entry *entry)
{
    const struct change *change = &entry->op.change;
    desk->expiring -= 1;
    if (entry->rc != 0) {
        desk->away = true;
        return;
    }
    bool late = change->kind == CHANGE_LATE;
    if (late || change->kind == CHANGE_EXPIRED)
        atomic_fetch_add_explicit(&desk->conf.stats->expired, 1, memory_order_relaxed);
    if (late && (change->flags & CHANGE_FLAG_REMEMBERED) == 0)
        atomic_fetch_add_explicit(&desk->conf.stats->unremembered, 1, memory_order_relaxed);
}

static void on_done(struct commit_entry *entry)
{
    struct call *call = entry->ctx;
    struct desk *desk = call->desk;
    struct engine *engine = call->event->engine;
    if (call->time_asks)
        count_time(desk, entry);
    if (entry->rc == 0) {
        engine_settle(engine, &entry->op);
        if (call->finish != NULL && !desk->closed)
            call->finish(call, &entry->op);
    } else {
        /* An outcome that could not be asked for: the process ends, and whoever owns next reads in
         * the journal what became of it. */
        engine_undo(engine, &entry->op);
        atomic_fetch_add_explicit(&desk->conf.stats->refused, 1, memory_order_relaxed);
        if (call->finish != NULL && !desk->closed) {
            bool open = entry->rc == ERR_UNKNOWN;
            call_unavailable(call, open ? "outcome-unknown" : "journal-unavailable",
                             open ? OUTCOME_UNKNOWN
                                  : "this could not be made durable and was not done; try again");
        }
    }
    let_go(call);
}

void desk_commit(struct call *call, struct commit_entry *entry)
{
    struct call *kept = keep(call);
    call->has_idem = false; /* it is the kept one's now */
    entry->event = call->event->nth;
    entry->ctx = kept;
    entry->on_done = on_done;
    if (kept->has_idem) {
        entry->has_idem = true;
        static_assert(sizeof(kept->idem) == COMMIT_IDEM_BYTES, "the journal keeps both hashes");
        memcpy(entry->idem, &kept->idem, sizeof(kept->idem));
    }
    commit_port_submit(entry, clock_mono_us(call->desk->conf.clock));
}

static void on_wake_thread(void *ctx)
{
    struct desk *desk = ctx;
    pthread_mutex_lock(&desk->wake_lock);
    if (!desk->closed)
        uv_async_send(&desk->wake);
    pthread_mutex_unlock(&desk->wake_lock);
}

/* ---- repetitions that wait ---- */

bool desk_resumes(const struct desk *desk)
{
    return desk->resuming;
}

bool desk_wait(struct desk *desk, struct http_req *req,
               void (*again)(struct http_req *req, void *ctx))
{
    uint64_t waited_us = clock_mono_us(desk->conf.clock) - http_req_started_us(req);
    if (desk->waiters_len == IDEM_WAITERS_MAX || waited_us >= IDEM_WAIT_MS * UINT64_C(1000))
        return false;
    desk->waiters[desk->waiters_len++] = (struct waiter){req, again};
    return true;
}

/* Those whose first is still under way put themselves back. The first may be another loop's, so the
 * tick looks too. */
static void resume(struct desk *desk)
{
    struct waiter waiters[IDEM_WAITERS_MAX];
    uint32_t len = desk->waiters_len;
    uint64_t now_us = clock_mono_us(desk->conf.clock);
    if (len == 0 || now_us - desk->resumed_us < IDEM_LOOK_US)
        return;
    desk->resumed_us = now_us;
    memcpy(waiters, desk->waiters, len * sizeof(waiters[0]));
    desk->waiters_len = 0;
    desk->resuming = true;
    for (uint32_t i = 0; i < len; i++)
        waiters[i].again(waiters[i].req, NULL);
    desk->resuming = false;
}

/* ---- what runs out ---- */

/* What there is room for; false: there may be more. */
static bool expire_event(struct desk *desk, struct house_event *event)
{
    struct call call = {
        .desk = desk,
        .event = event,
        .now_ms = house_now_ms(desk->conf.house),
        .time_asks = true,
    };
    while (desk->expiring < EXPIRE_OPEN_MAX) {
        struct commit_entry *entry = desk_entry(&call);
        if (entry == NULL)
            return false;
        if (!engine_expire_next(event->engine, call.now_ms, &entry->op)) {
            desk_drop(entry);
            return true;
        }
        desk->expiring += 1;
        desk_commit(&call, entry);
    }
    return false;
}

/* Round the events, beginning behind the one that had all the room the last time. */
static void expire(struct desk *desk)
{
    struct house *house = desk->conf.house;
    struct house_event *first = house_next(house, desk->expired_last);
    if (first == NULL)
        first = house_next(house, NULL);
    desk->expire_more = false;
    for (struct house_event *event = first; event != NULL;) {
        if (house_is_open(event) && !expire_event(desk, event)) {
            desk->expired_last = event;
            desk->expire_more = true;
            return;
        }
        event = house_next(house, event);
        if (event == NULL)
            event = house_next(house, NULL);
        if (event == first)
            return;
    }
}

/* Each tick: nothing runs out while it could not be written. */
static void look_at_time(struct desk *desk)
{
    struct house_event *event = NULL;
    if (journal_role(desk->conf.journal) != JOURNAL_OWNER) {
        desk->away = true;
        return;
    }
    uint64_t until_ms = house_now_ms(desk->conf.house) + CONFIRM_SPARED_MS;
    while (desk->away && (event = house_next(desk->conf.house, event)) != NULL)
        if (house_is_open(event))
            engine_spare_orders(event->engine, until_ms);
    desk->away = false;
    expire(desk);
}

static void on_wake(uv_async_t *async)
{
    struct desk *desk = async->data;
    enum { COLLECT_MAX = 1024 };
    if (commit_port_collect(desk->port, COLLECT_MAX) == COLLECT_MAX)
        uv_async_send(&desk->wake);
    if (desk->expire_more && !desk->away && desk->expiring == 0)
        expire(desk);
    resume(desk);
}

/* ---- pictures and streams ---- */

struct http_blob *desk_picture(struct desk *desk, const struct house_event *event,
                               uint64_t *version)
{
    struct desk_event *here = &desk->events[event->nth];
    uint64_t now = engine_avail_version(event->engine);
    if (here->picture == NULL || here->picture_version != now) {
        size_t len = (plan_seat_count(event->plan->plan) + 3) / 4;
        uint8_t *bytes = malloc(len + 1);
        if (bytes != NULL) {
            now = engine_avail_copy(event->engine, bytes);
            http_blob_unref(here->picture);
            http_blob_unref(here->picture_gzip);
            http_blob_unref(here->picture_letters);
            here->picture_gzip = NULL;
            here->picture_letters = NULL;
            here->picture = http_blob_create((struct span){(const char *)bytes, len});
            here->picture_version = now;
        }
        free(bytes);
    }
    *version = here->picture_version;
    return here->picture;
}

/* Quickly: a tenth of a millisecond for a stadium, five times a second at most. An hour of opening
 * doors is mostly free seats, which take next to nothing. */
struct http_blob *desk_picture_gzip(struct desk *desk, const struct house_event *event)
{
    struct desk_event *here = &desk->events[event->nth];
    if (here->picture_gzip == NULL && here->picture != NULL)
        here->picture_gzip =
            squeeze_gzip((struct span){here->picture->bytes, here->picture->len}, PICTURE_LEVEL);
    return here->picture_gzip;
}

struct http_blob *desk_picture_letters(struct desk *desk, const struct house_event *event)
{
    struct desk_event *here = &desk->events[event->nth];
    if (here->picture_letters != NULL || here->picture == NULL)
        return here->picture_letters;
    uint32_t seats = plan_seat_count(event->plan->plan);
    char *letters = malloc((size_t)seats + 1);
    for (uint32_t i = 0; letters != NULL && i < seats; i++)
        letters[i] = "fhsb"[(uint8_t)here->picture->bytes[i / 4] >> (i % 4 * 2) & 3];
    if (letters != NULL)
        here->picture_letters = http_blob_create((struct span){letters, seats});
    free(letters);
    return here->picture_letters;
}

struct http_blob *desk_delta(struct desk *desk, const struct house_event *event, uint64_t since,
                             uint64_t *version)
{
    int count = engine_avail_since(event->engine, since, desk->deltas, DELTA_MAX, version);
    struct text text = desk_text(desk);
    text_printf(&text, "event: %s\nid: %" PRIu64 "\ndata: ", count < 0 ? "resync" : "seats",
                *version);
    json_open(&text, '{');
    json_member_u64(&text, "version", *version);
    if (count >= 0) {
        json_member_u64(&text, "since", since);
        render_changes(&text, desk->deltas, count);
    }
    render_areas_free(&text, event->plan->plan, event->engine);
    json_close(&text, '}');
    TEXT_LIT(&text, "\n\n");
    assert(!text.overflown);
    return http_blob_create(text_span(&text));
}

/* A reader that has missed something cannot be told what: it takes the picture anew. */
static struct http_blob *on_catch_up(void *ctx)
{
    const struct desk_event *here = ctx;
    const struct house_event *event = here->event;
    struct text text = desk_text(here->desk);
    uint64_t version = engine_avail_version(event->engine);
    text_printf(&text, "event: resync\nid: %" PRIu64 "\ndata: ", version);
    json_open(&text, '{');
    json_member_u64(&text, "version", version);
    render_areas_free(&text, event->plan->plan, event->engine);
    json_close(&text, '}');
    TEXT_LIT(&text, "\n\n");
    assert(!text.overflown);
    return http_blob_create(text_span(&text));
}

struct http_channel *desk_channel(struct desk *desk, const struct house_event *event)
{
    struct desk_event *here = &desk->events[event->nth];
    if (here->channel != NULL)
        return here->channel;
    here->desk = desk;
    here->event = house_nth(desk->conf.house, event->nth);
    here->sent_version = engine_avail_version(event->engine);
    struct http_channel_conf conf = {.catch_up = on_catch_up, .ctx = here};
    if (http_channel_create(desk->conf.server, &conf, NULL, &here->channel) < 0)
        return NULL;
    return here->channel;
}

static bool areas_have_changed(struct desk_event *here, const struct house_event *event)
{
    bool changed = false;
    for (uint32_t i = 0; i < plan_area_count(event->plan->plan); i++) {
        uint32_t free = engine_area(event->engine, (uint16_t)i).free;
        changed = changed || free != here->sent_free[i];
        here->sent_free[i] = free;
    }
    return changed;
}

static void send_deltas(struct desk *desk, struct house_event *event)
{
    struct desk_event *here = &desk->events[event->nth];
    if (here->channel == NULL || http_channel_streams(here->channel) == 0)
        return;
    bool changed = areas_have_changed(here, event);
    if (!changed && engine_avail_version(event->engine) == here->sent_version)
        return;
    struct http_blob *blob = desk_delta(desk, event, here->sent_version, &here->sent_version);
    if (blob == NULL)
        return;
    http_channel_publish(here->channel, blob);
    http_blob_unref(blob);
}

/* ---- the tick ---- */

/* Whose outcome stays open because the database is gone: it is settled before anything is said
 * about it, but nobody is left without a word for ever. The change goes on without its request; the
 * key that came with it finds the answer later. */
static void answer_the_patient(struct desk *desk)
{
    uint64_t now_us = clock_mono_us(desk->conf.clock);
    for (uint32_t i = 0; i < COMMIT_ENTRIES_PER_PORT; i++) {
        struct call *call = &desk->calls[i];
        if (!call->kept || call->req == NULL ||
            now_us - http_req_started_us(call->req) < OUTCOME_TELL_MS * UINT64_C(1000))
            continue;
        bool has_idem = call->has_idem;
        call->has_idem = false; /* nothing final is said */
        call_unavailable(call, "outcome-unknown", OUTCOME_UNKNOWN);
        call->has_idem = has_idem;
        call->req = NULL;
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct desk *desk = timer->data;
    struct house_event *event = NULL;
    if (desk->conf.nth == 0)
        look_at_time(desk);
    while ((event = house_next(desk->conf.house, event)) != NULL) {
        if (!house_is_open(event))
            continue;
        if (desk->conf.nth == 0)
            engine_publish(event->engine);
        send_deltas(desk, event);
    }
    if (journal_role(desk->conf.journal) != JOURNAL_OWNER)
        answer_the_patient(desk);
    resume(desk);
    if (desk->conf.on_role != NULL)
        desk->conf.on_role(desk->conf.ctx, journal_reason(desk->conf.journal));
}

/* ---- life ---- */

int desk_create(const struct desk_conf *conf, struct err_slot *err, struct desk **out)
{
    struct desk *desk = calloc(1, sizeof(*desk));
    if (desk == NULL)
        return err_set(err, ERR_NOMEM, "a desk");
    desk->conf = *conf;
    engine_lane(1 + conf->nth); /* this is the loop's thread */
    desk->memory = malloc(API_ANSWER_MAX);
    desk->deltas = calloc(DELTA_MAX, sizeof(*desk->deltas));
    desk->calls = calloc(COMMIT_ENTRIES_PER_PORT, sizeof(*desk->calls));
    int rc = 0;
    if (desk->memory == NULL || desk->deltas == NULL || desk->calls == NULL) {
        rc = err_set(err, ERR_NOMEM, "a desk's memory");
        goto free_desk;
    }
    for (uint32_t i = 0; i < COMMIT_ENTRIES_PER_PORT; i++) {
        desk->calls[i].desk = desk;
        let_go(&desk->calls[i]);
    }
    tally_init(&desk->passes_wrong);
    rc = pass_cache_create(&conf->passes, err, &desk->passes);
    if (rc < 0)
        goto free_desk;
    pthread_mutex_init(&desk->wake_lock, NULL);
    desk->wake.data = desk;
    desk->tick.data = desk;
    desk->port = commit_queue_port(conf->queue, conf->nth, on_wake_thread, desk);
    rc = uv_async_init(conf->loop, &desk->wake, on_wake);
    if (rc < 0) {
        rc = err_set(err, ERR_LOOP, "a desk's wake-up: %s", uv_strerror(rc));
        goto destroy_passes;
    }
    uv_timer_init(conf->loop, &desk->tick);
    uv_timer_start(&desk->tick, on_tick, PUBLISH_MS, PUBLISH_MS);
    *out = desk;
    return 0;

destroy_passes:
    pass_cache_destroy(desk->passes);
free_desk:
    free(desk->calls);
    free(desk->deltas);
    free(desk->memory);
    free(desk);
    return rc;
}

/* The process ends before the journal has answered. */
static void answer_unknown(struct desk *desk)
{
    for (uint32_t i = 0; i < COMMIT_ENTRIES_PER_PORT; i++) {
        struct call *call = &desk->calls[i];
        if (call->kept && call->finish != NULL)
            call_unavailable(call, "outcome-unknown", OUTCOME_UNKNOWN);
        call->finish = NULL;
    }
    for (uint32_t i = 0; i < desk->waiters_len; i++) {
        struct call call = {.req = desk->waiters[i].req, .desk = desk};
        call_unavailable(&call, "outcome-unknown", OUTCOME_UNKNOWN);
    }
    desk->waiters_len = 0;
}

void desk_close(struct desk *desk)
{
    answer_unknown(desk);
    pthread_mutex_lock(&desk->wake_lock);
    desk->closed = true;
    pthread_mutex_unlock(&desk->wake_lock);
    for (uint32_t i = 0; i < EVENTS_MAX; i++)
        if (desk->events[i].channel != NULL)
            http_channel_close(desk->events[i].channel);
    uv_timer_stop(&desk->tick);
    uv_close((uv_handle_t *)&desk->tick, NULL);
    uv_close((uv_handle_t *)&desk->wake, NULL);
}

void desk_destroy(struct desk *desk)
{
    if (desk == NULL)
        return;
    while (commit_port_collect(desk->port, COMMIT_ENTRIES_PER_PORT) > 0)
        ;
    assert(commit_port_open(desk->port) == 0);
    for (uint32_t i = 0; i < EVENTS_MAX; i++) {
        http_blob_unref(desk->events[i].picture);
        http_blob_unref(desk->events[i].picture_gzip);
        http_blob_unref(desk->events[i].picture_letters);
    }
    pthread_mutex_destroy(&desk->wake_lock);
    pass_cache_destroy(desk->passes);
    free(desk->calls);
    free(desk->deltas);
    free(desk->memory);
    free(desk);
}
