/* sql.c: the statements of seat-service/sql/statements, as C on a few arrays, linked instead of the
 * generated ones. All layers above are the service's own: store.c with its packs and its chain, and
 * the journal.
 *
 * The tables: event and document (a row), owner, journal, sold, sold_area, snapshot, ended_session
 * (empty: passes are not part of this world). sql-history/ compares the owners, locks, sleep,
 * journals, sales and snapshots here with PostgreSQL. Cases that no caller uses, and that
 * PostgreSQL would decide by its plan, are asserted not to happen. The checker sees each write at
 * the moment it happens. */
#include "postgres/sql.h"

#include "postgres/server.h"
#include "stage/invariant.h"
#include "stage/probes.h"

#include "base/bug.h"
#include "journal/chain.h"
#include "journal/pack.h"
#include "journal/store.h"
#include "tables/statements.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EVENTS = SERVER_ROWS,
    ROWS_MAX = 1 << 16,
    SEATS_MAX = 256,
    AREAS_MAX = 256,
    SNAPSHOTS_MAX = 2,
    INSTANCE_MAX = 128,
    PARTS_MAX = 4
};

struct row {
    uint64_t seq, epoch, at_ms;
    uint16_t kind, changes;
    struct span body;
    uint8_t chain[CHAIN_BYTES];
};

static struct event {
    const char *id; /* NULL: no event has this number */
    const char *document;
    uint64_t document_bytes;
    const struct sql_ears *ears; /* NULL: nobody checks it */
    uint64_t refused_until_us;   /* rows of its journal */
    struct owner {
        uint64_t epoch, seq;
        struct store_line line;
        uint8_t chain[CHAIN_BYTES];
        char instance[INSTANCE_MAX], wanted[INSTANCE_MAX], ready[INSTANCE_MAX];
        struct store_address address;
        uint64_t wanted_until_ms;
    } owner;
    uint32_t rows_len;
    int64_t changed; /* of the event's row: number of the transaction */
    bool asleep, retired;
    uint64_t due_ms, asked_ms; /* of the owner's row; 0: NULL */
    struct sold {
        uint64_t seq, hold; /* seq 0: not sold */
        struct span order;
    } sold[SEATS_MAX];
    struct sql_append_areas areas[AREAS_MAX]; /* by hold, ascending */
    uint32_t areas_len;
    struct snapshot {
        uint64_t seq;
        uint8_t chain[CHAIN_BYTES];
        struct span body;
    } snapshots[SNAPSHOTS_MAX]; /* newest first; seq 0: empty */
} events[EVENTS];
static struct row journals[EVENTS][ROWS_MAX];

static struct event *event_of(int32_t no)
{
    return no >= 1 && no <= EVENTS && events[no - 1].id != NULL ? &events[no - 1] : NULL;
}

static struct event *event_named(struct span id)
{
    for (struct event *event = events; event < events + EVENTS; event++)
        if (event->id != NULL && span_eq(id, span_of(event->id)))
            return event;
    return NULL;
}

static int32_t no_of(const struct event *event)
{
    return (int32_t)(event - events) + 1;
}

static struct row *journal_of(const struct event *event)
{
    return journals[event - events];
}

/* Its owner row is not locked by another transaction. */
static bool is_free(const struct server_ask *ask, const struct event *event)
{
    return server_row_is_free(ask, (unsigned)(event - events));
}

static unsigned row_if(bool finds, const struct event *event)
{
    return finds ? 1u << (event - events) : 0;
}

static int64_t transactions; /* those that wrote an event's row */

void sql_begin(const char *id, const char *document, const struct sql_ears *ears)
{
    struct event *event = events;
    while (event->id != NULL)
        event += 1;
    assert(event < events + EVENTS);
    event->id = id;
    event->document = document;
    event->document_bytes = strlen(document);
    event->ears = ears;
    struct chain first = chain_first(span_of(id));
    memcpy(event->owner.chain, first.bytes, CHAIN_BYTES);
    event->changed = ++transactions;
}

void sql_raise_epoch(unsigned which)
{
    struct event *event = &events[which];
    if (event->owner.epoch == 0 || !server_row_is_free(NULL, which))
        return;
    event->owner.epoch += 1;
    sim_note("somebody raises the epoch of %s to %llu", event->id,
             (unsigned long long)event->owner.epoch);
}

void sql_refuse_rows(unsigned which, uint64_t us)
{
    events[which].refused_until_us = sim_us() + us;
    sim_note("rows of %s are refused for %llu ms", events[which].id,
             (unsigned long long)us / SIM_MS);
}

void sql_enlarge(unsigned which, uint64_t document_bytes)
{
    events[which].document_bytes = document_bytes;
}

static void mark_retired(struct event *event, bool retired)
{
    event->retired = retired;
    event->changed = ++transactions;
    sim_note("%s is %s", event->id, retired ? "about to be retired" : "not retired after all");
}

static void end_retirement(void *ctx)
{
    mark_retired(ctx, false);
}

void sql_retire(unsigned which, uint64_t us)
{
    if (events[which].retired)
        return;
    mark_retired(&events[which], true);
    sim_after(NULL, us, end_retirement, &events[which]);
}

static struct span bytes_of(const void *bytes, size_t len)
{
    return (struct span){bytes, len};
}

static struct span copy_of(struct span bytes)
{
    return bytes_of(sim_copy(bytes.ptr, bytes.len), bytes.len);
}

static void *copied(const void *array, size_t bytes)
{
    return bytes > 0 ? sim_copy(array, bytes) : NULL;
}

/* ---- results ---- */

struct pg_result {
    int rows;
    char touched[16];
    uint8_t snapshot[CHAIN_BYTES]; /* a row's span points here */
    union {
        struct sql_events_changed_row changed;
        struct sql_document_of_row document;
        struct sql_lock_try_row lock;
        struct sql_owners_raise_row raised;
        struct sql_owners_read_row owner;
        struct sql_owners_free_row free;
        struct sql_locks_shared_row shared;
        struct sql_locks_held_row held;
        struct sql_owners_where_row where;
        struct sql_owners_heads_row heads;
        struct sql_journal_link_row link;
        struct sql_snapshot_newest_row snapshot;
        struct sql_sold_list_row sold;
        struct sql_append_areas area;
    } row[];
};

static PGresult *result(int rows)
{
    PGresult *res = sim_new(sizeof(*res) + (size_t)rows * sizeof(res->row[0]));
    res->rows = rows;
    return res;
}

int PQntuples(const PGresult *res)
{
    return res->rows;
}

char *PQcmdTuples(PGresult *res)
{
    return res->touched;
}

void PQclear(PGresult *res)
{
    free(res);
}

/* A statement with its arguments and result. */
struct query {
    struct server_ask ask;
    void (*act)(struct query *asks); /* NULL: it does nothing */
    union {
        struct sql_lock_try_args lock;
        struct sql_lock_give_back_args unlock;
        struct sql_owners_raise_args raise;
        struct sql_owners_read_args owner;
        struct sql_owner_prove_args prove;
        struct sql_lock_end_silent_args silent;
        struct sql_lock_end_backends_args backends;
        struct sql_journal_link_args link;
        struct sql_snapshot_newest_args snapshot;
        struct sql_snapshot_write_args snapshot_write;
        struct sql_sold_list_args sold;
        struct sql_sold_area_list_args areas;
        struct sql_owners_free_args free;
        struct sql_events_changed_args changed;
        struct sql_document_of_args document;
        struct sql_events_wake_args wake;
        struct sql_event_sleep_args sleep;
        struct sql_lock_share_args share;
        struct sql_locks_shared_args shared;
        struct sql_locks_held_args held;
        struct sql_owner_want_args want;
        struct sql_owner_ready_args ready;
    } args;
    int32_t keys[16];
    uint32_t keys_len;
    PGresult *res; /* not set by act(): no row */
};

/* An empty result, to which act() adds rows. */
static PGresult *room_for(struct query *asks, uint32_t rows)
{
    asks->res = result((int)rows);
    asks->res->rows = 0;
    return asks->res;
}

static void act_query(struct server_ask *ask)
{
    struct query *asks = (struct query *)ask;
    if (asks->act != NULL)
        asks->act(asks);
    if (asks->res == NULL)
        asks->res = result(0);
}

static struct query *query(void (*act)(struct query *asks), const void *args, size_t bytes)
{
    struct query *made = sim_new(sizeof(*made));
    assert(bytes <= sizeof(made->args));
    made->ask.act = act_query;
    made->act = act;
    if (bytes > 0)
        memcpy(&made->args, args, bytes);
    return made;
}

static int run(struct pg *pg, struct query *asks, struct err_slot *err, PGresult **out)
{
    int rc = server_ask(pg, &asks->ask, err);
    if (rc == 0 && out != NULL)
        *out = asks->res;
    else if (rc == 0)
        PQclear(asks->res);
    return rc;
}

static struct query *with_keys(struct query *asks, const int32_t *keys, uint32_t len)
{
    assert(len <= sizeof(asks->keys) / sizeof(asks->keys[0]));
    asks->keys_len = len;
    if (len > 0)
        memcpy(asks->keys, keys, len * sizeof(*keys));
    return asks;
}

/* The functions of a statement that only passes its arguments on; then, that has an array of keys
 * among them; then, the reader of a result's row. */
#define ASKS(NAME, ACT)                                                                            \
    int NAME(struct pg *pg, const struct NAME##_args *args, struct err_slot *err, PGresult **out)  \
    {                                                                                              \
        return run(pg, query(ACT, args, sizeof(*args)), err, out);                                 \
    }
#define ASKS_WITH(NAME, ACT, KEYS)                                                                 \
    int NAME(struct pg *pg, const struct NAME##_args *args, struct err_slot *err, PGresult **out)  \
    {                                                                                              \
        struct query *asks = query(ACT, args, sizeof(*args));                                      \
        return run(pg, with_keys(asks, args->KEYS, args->KEYS##_len), err, out);                   \
    }
#define ROW_OF(NAME, MEMBER)                                                                       \
    struct NAME##_row NAME##_row(const PGresult *res, int row)                                     \
    {                                                                                              \
        return res->row[row].MEMBER;                                                               \
    }

ROW_OF(sql_events_changed, changed)
ROW_OF(sql_document_of, document)
ROW_OF(sql_lock_try, lock)
ROW_OF(sql_locks_shared, shared)
ROW_OF(sql_locks_held, held)
ROW_OF(sql_owners_raise, raised)
ROW_OF(sql_owners_free, free)
ROW_OF(sql_owners_read, owner)
ROW_OF(sql_owners_where, where)
ROW_OF(sql_owners_heads, heads)
ROW_OF(sql_journal_link, link)
ROW_OF(sql_snapshot_newest, snapshot)
ROW_OF(sql_sold_list, sold)

/* ---- events ---- */

int sql_prepare(struct pg *pg, struct err_slot *err)
{
    return pg_run(pg, "", err);
}

static const struct event *changed_after(int64_t changed, int32_t no)
{
    const struct event *next = NULL;
    for (const struct event *event = events; event < events + EVENTS && event->id != NULL; event++)
        if ((event->changed > changed || (event->changed == changed && no_of(event) > no)) &&
            (next == NULL || event->changed < next->changed))
            next = event;
    return next;
}

static void do_changed(struct query *asks)
{
    const struct sql_events_changed_args *args = &asks->args.changed;
    PGresult *res = room_for(asks, EVENTS);
    const struct event *event = changed_after(args->changed, args->after);
    for (; event != NULL && (uint32_t)res->rows < args->room;
         event = changed_after(event->changed, no_of(event)))
        res->row[res->rows++].changed =
            (struct sql_events_changed_row){.no = no_of(event),
                                            .id = span_of(event->id),
                                            .retired = event->retired,
                                            .asleep = event->asleep,
                                            .due_ms = event->due_ms,
                                            .asked = event->asked_ms != 0,
                                            .document = (uint32_t)event->document_bytes,
                                            .changed = event->changed,
                                            .horizon = transactions + 1};
}

ASKS(sql_events_changed, do_changed)

static bool is_among(int32_t no, const int32_t *nos, uint32_t len)
{
    while (len > 0 && nos[len - 1] != no)
        len -= 1;
    return len > 0;
}

/* The double runs one statement at a time, so nobody else wakes events meanwhile. */
static bool may_wake(const struct query *asks)
{
    for (const struct event *event = events; event < events + EVENTS && event->id != NULL; event++)
        if (event->changed >= asks->args.wake.since && !event->asleep && !event->retired &&
            !is_among(no_of(event), asks->args.wake.known, asks->args.wake.known_len))
            return false;
    return true;
}

/* Skips rows that are locked. */
static void do_wake(struct query *asks)
{
    const bool may = may_wake(asks);
    transactions += 1;
    for (uint32_t i = 0; i < asks->args.wake.rows_len; i++) {
        const struct sql_events_wake_rows *row = &asks->args.wake.rows[i];
        struct event *event = event_of(row->event);
        bool wakes = is_among(row->event, asks->keys, asks->keys_len);
        if (event == NULL || (wakes && !may) || (row->asked_ms > 0 && !is_free(&asks->ask, event)))
            continue;
        event->asked_ms = event->asked_ms == 0 ? row->asked_ms : event->asked_ms;
        event->asleep = event->asleep && !wakes;
        event->changed = transactions;
        sim_note("%s is %s", event->id, event->asleep ? "asked for" : "awake");
    }
}

int sql_events_wake(struct pg *pg, const struct sql_events_wake_args *args, struct err_slot *err,
                    uint64_t *rows)
{
    struct query *asks = query(do_wake, args, sizeof(*args));
    (void)rows;
    assert(args->rows_len <= 2 * EVENTS); /* per event one refused and one woken */
    assert(args->known_len <= EVENTS);
    asks->args.wake.known = copied(args->known, args->known_len * sizeof(*args->known));
    asks->args.wake.rows = copied(args->rows, args->rows_len * sizeof(*args->rows));
    return run(pg, with_keys(asks, args->woken, args->woken_len), err, NULL);
}

/* Skips rows that are locked. */
static unsigned sleep_finds(const struct server_ask *ask)
{
    const struct sql_event_sleep_args *args = &((const struct query *)ask)->args.sleep;
    const struct event *event = event_of(args->event);
    bool finds = event != NULL && !event->asleep && !event->retired && is_free(ask, event) &&
                 args->epoch == event->owner.epoch &&
                 (args->due_ms == 0 || args->due_ms > sim_wall_ms());
    return row_if(finds, event);
}

static void do_sleep(struct query *asks)
{
    if (!asks->ask.wrote)
        return;
    struct event *event = event_of(asks->args.sleep.event);
    event->asleep = true;
    event->due_ms = asks->args.sleep.due_ms;
    event->asked_ms = 0;
    event->changed = ++transactions;
    sim_note("%s falls asleep until %llu", event->id, (unsigned long long)event->due_ms);
    if (event->ears != NULL)
        event->ears->on_slept((unsigned)(event - events), event->due_ms);
}

int sql_event_sleep(struct pg *pg, const struct sql_event_sleep_args *args, struct err_slot *err,
                    uint64_t *rows)
{
    struct query *asks = query(do_sleep, args, sizeof(*args));
    asks->ask.finds = sleep_finds;
    int rc = run(pg, asks, err, NULL);
    *rows = rc == 0 && asks->ask.wrote;
    return rc;
}

static void do_document(struct query *asks)
{
    asks->res = result(1);
    asks->res->row[0].document.body = span_of(event_of(asks->args.document.event)->document);
}

ASKS(sql_document_of, do_document)

/* ---- locks ---- */

static void do_lock(struct query *asks)
{
    uint32_t len = asks->args.lock.keys_len;
    asks->res = result((int)len);
    for (uint32_t i = 0; i < len; i++)
        asks->res->row[i].lock = (struct sql_lock_try_row){
            i + 1, server_lock(asks->ask.session, asks->args.lock.class, asks->keys[i])};
}

ASKS_WITH(sql_lock_try, do_lock, keys)

static void do_unlock(struct query *asks)
{
    asks->res = result(1);
    (void)server_unlock(asks->ask.session, asks->args.unlock.class, asks->args.unlock.key);
}

ASKS(sql_lock_give_back, do_unlock)

static void do_share(struct query *asks)
{
    for (uint32_t i = 0; i < asks->keys_len; i++)
        server_share(asks->ask.session, asks->args.share.class, asks->keys[i],
                     asks->args.share.take);
}

ASKS_WITH(sql_lock_share, do_share, keys)

static void do_shared(struct query *asks)
{
    int32_t keys[SERVER_SHARED_MAX];
    uint32_t len = server_shared(asks->ask.session, asks->args.shared.class,
                                 asks->args.shared.silent_ms, keys);
    PGresult *res = asks->res = result((int)len);
    for (uint32_t i = 0; i < len; i++)
        res->row[i].shared.key = keys[i];
}

ASKS(sql_locks_shared, do_shared)

static void do_held(struct query *asks)
{
    struct sql_locks_held_row held[SERVER_LOCKS_MAX];
    uint32_t len = server_held(asks->ask.session, asks->args.held.silent_ms, held);
    PGresult *res = room_for(asks, len);
    for (uint32_t i = 0; i < len; i++)
        if (is_among(held[i].class, asks->keys, asks->keys_len))
            res->row[res->rows++].held = held[i];
}

ASKS_WITH(sql_locks_held, do_held, classes)

static void do_end_silent(struct query *asks)
{
    int ended = 0;
    for (uint32_t i = 0; i < asks->args.silent.keys_len; i++)
        ended += server_end(asks->ask.session, asks->args.silent.class, asks->keys[i],
                            asks->args.silent.silent_ms, NULL, 0);
    asks->res = result(ended);
}

ASKS_WITH(sql_lock_end_silent, do_end_silent, keys)

static void do_end_backends(struct query *asks)
{
    const struct sql_lock_end_backends_args *args = &asks->args.backends;
    asks->res = result(
        server_end(asks->ask.session, args->class, args->key, 0, asks->keys, args->pids_len));
}

ASKS_WITH(sql_lock_end_backends, do_end_backends, pids)

/* ---- the owner row ---- */

/* A returned row's spans point into the copy. */
static struct owner *copy_of_owner(const struct event *event)
{
    return copied(&event->owner, sizeof(event->owner));
}

static struct span chain_of(const struct owner *owner)
{
    return bytes_of(owner->chain, CHAIN_BYTES);
}

static void put_text(char to[INSTANCE_MAX], struct span text)
{
    assert(span_to_cstr(text, to, INSTANCE_MAX));
}

/* Skips rows that are locked. */
static unsigned raise_finds(const struct server_ask *ask)
{
    const struct sql_owners_raise_args *args = &((const struct query *)ask)->args.raise;
    unsigned rows = 0;
    for (uint32_t i = 0; i < args->rows_len; i++) {
        const struct event *event = event_of(args->rows[i].event);
        bool finds = event != NULL && is_free(ask, event);
        rows |= row_if(finds && event->owner.epoch == args->rows[i].was, event);
    }
    return rows;
}

static void raise_owner(struct event *event, const struct sql_owners_raise_args *args,
                        const struct sql_owners_raise_rows *raise)
{
    struct owner *owner = &event->owner;
    owner->epoch += 1;
    if (event->asleep)
        event->changed = ++transactions;
    event->asleep = false; /* an event that has an owner is awake */
    event->due_ms = event->asked_ms = 0;
    if (owner->line.now != raise->kept)
        owner->line = (struct store_line){raise->fresh, owner->line.now, owner->seq};
    put_text(owner->instance, args->instance);
    put_text(owner->address.open, args->address);
    put_text(owner->address.within, args->private_address);
    if (strcmp(owner->instance, owner->ready) == 0)
        probe_reached(PROBE_MOVED);
    owner->wanted[0] = owner->ready[0] = '\0';
    sim_note("epoch %llu of %s for %s", (unsigned long long)owner->epoch, event->id,
             owner->instance);
}

static void do_raise(struct query *asks)
{
    const struct sql_owners_raise_args *args = &asks->args.raise;
    PGresult *res = room_for(asks, args->rows_len);
    for (uint32_t i = 0; i < args->rows_len; i++) {
        const struct sql_owners_raise_rows *raise = &args->rows[i];
        struct event *event = event_of(raise->event);
        if (event == NULL || !is_free(&asks->ask, event))
            continue;
        struct sql_owners_raise_row *row = &res->row[res->rows++].raised;
        row->event = raise->event;
        if (event->owner.epoch != raise->was)
            continue;
        raise_owner(event, args, raise);
        const struct owner *owner = copy_of_owner(event);
        *row = (struct sql_owners_raise_row){raise->event,     owner->epoch,    owner->seq,
                                             chain_of(owner),  owner->line.now, owner->line.before,
                                             owner->line.began};
    }
}

int sql_owners_raise(struct pg *pg, const struct sql_owners_raise_args *args, struct err_slot *err,
                     PGresult **out)
{
    struct query *asks = query(do_raise, args, sizeof(*args));
    assert(args->rows_len <= EVENTS);
    asks->ask.finds = raise_finds;
    asks->args.raise.rows = copied(args->rows, args->rows_len * sizeof(*args->rows));
    asks->args.raise.instance = copy_of(args->instance);
    asks->args.raise.address = copy_of(args->address);
    asks->args.raise.private_address = copy_of(args->private_address);
    return run(pg, asks, err, out);
}

static unsigned prove_finds(const struct server_ask *ask)
{
    const struct sql_owner_prove_args *args = &((const struct query *)ask)->args.prove;
    const struct event *event = event_of(args->event);
    bool finds =
        event != NULL && event->owner.epoch == args->epoch && event->owner.seq == args->seq;
    return row_if(finds, event);
}

static void do_prove(struct query *asks)
{
    asks->res = result(asks->ask.wrote);
}

int sql_owner_prove(struct pg *pg, const struct sql_owner_prove_args *args, struct err_slot *err,
                    PGresult **out)
{
    struct query *asks = query(do_prove, args, sizeof(*args));
    asks->ask.finds = prove_finds;
    return run(pg, asks, err, out);
}

static void do_free(struct query *asks)
{
    PGresult *res = room_for(asks, asks->args.free.events_len);
    for (uint32_t i = 0; i < asks->args.free.events_len; i++) {
        const struct event *event = event_of(asks->keys[i]);
        bool finds = event != NULL && is_free(&asks->ask, event);
        probe_reached(finds ? PROBE_ROW_FREE : PROBE_ROW_LOCKED);
        if (finds)
            res->row[res->rows++].free.event = asks->keys[i];
    }
}

ASKS_WITH(sql_owners_free, do_free, events)

static void do_owner(struct query *asks)
{
    const uint64_t since_ms = asks->args.owner.since_ms;
    PGresult *res = room_for(asks, asks->keys_len);
    for (uint32_t i = 0; i < asks->keys_len; i++) {
        const struct event *event = event_of(asks->keys[i]);
        if (event == NULL)
            continue;
        const struct owner *owner = copy_of_owner(event);
        bool had_end = event->due_ms != 0;
        bool unknown = since_ms == 0 || (had_end && event->due_ms < since_ms);
        res->row[res->rows++].owner = (struct sql_owners_read_row){
            no_of(event),
            owner->epoch,
            owner->seq,
            chain_of(owner),
            span_eq(asks->args.owner.instance, span_of(owner->instance)),
            unknown                                            ? 0
            : event->asked_ms != 0                             ? event->asked_ms
            : had_end && event->due_ms <= sim_wall_ms() + 1000 ? INT64_MAX
                                                               : 0};
    }
}

int sql_owners_read(struct pg *pg, const struct sql_owners_read_args *args, struct err_slot *err,
                    PGresult **out)
{
    struct query *asks = query(do_owner, args, sizeof(*args));
    asks->args.owner.instance = copy_of(args->instance);
    return run(pg, with_keys(asks, args->events, args->events_len), err, out);
}

/* ---- where events are to be ---- */

static unsigned want_finds(const struct server_ask *ask)
{
    const struct event *event = event_named(((const struct query *)ask)->args.want.event);
    return row_if(event != NULL, event);
}

static void do_want(struct query *asks)
{
    if (!asks->ask.wrote)
        return;
    struct owner *owner = &event_named(asks->args.want.event)->owner;
    put_text(owner->wanted, asks->args.want.wanted);
    owner->ready[0] = '\0';
    owner->wanted_until_ms = sim_wall_ms() + asks->args.want.wait_ms;
}

int sql_owner_want(struct pg *pg, const struct sql_owner_want_args *args, struct err_slot *err,
                   uint64_t *rows)
{
    struct query *asks = query(do_want, args, sizeof(*args));
    asks->ask.finds = want_finds;
    asks->args.want.event = copy_of(args->event);
    asks->args.want.wanted = copy_of(args->wanted);
    int rc = run(pg, asks, err, NULL);
    *rows = rc == 0 && asks->ask.wrote;
    return rc;
}

static unsigned ready_finds(const struct server_ask *ask)
{
    const struct sql_owner_ready_args *args = &((const struct query *)ask)->args.ready;
    const struct event *event = event_of(args->event);
    bool finds = event != NULL && span_eq(args->wanted, span_of(event->owner.wanted)) &&
                 !span_eq(args->instance, span_of(event->owner.ready));
    return row_if(finds, event);
}

static void do_ready(struct query *asks)
{
    if (asks->ask.wrote)
        put_text(event_of(asks->args.ready.event)->owner.ready, asks->args.ready.instance);
}

int sql_owner_ready(struct pg *pg, const struct sql_owner_ready_args *args, struct err_slot *err,
                    uint64_t *rows)
{
    struct query *asks = query(do_ready, args, sizeof(*args));
    (void)rows;
    asks->ask.finds = ready_finds;
    asks->args.ready.wanted = copy_of(args->wanted);
    asks->args.ready.instance = copy_of(args->instance);
    return run(pg, asks, err, NULL);
}

static void do_where(struct query *asks)
{
    PGresult *res = room_for(asks, asks->keys_len);
    for (const struct event *event = events; event < events + EVENTS; event++) {
        if (event->id == NULL || !is_among(no_of(event), asks->keys, asks->keys_len))
            continue;
        struct owner *owner = copy_of_owner(event);
        if (owner->wanted_until_ms <= sim_wall_ms())
            owner->wanted[0] = '\0';
        res->row[res->rows++].where = (struct sql_owners_where_row){
            no_of(event),
            owner->epoch,
            span_of(owner->instance),
            span_of(owner->address.open),
            span_of(owner->address.within),
            span_of(owner->wanted),
            span_of(owner->ready),
        };
    }
}

ASKS_WITH(sql_owners_where, do_where, events)

static void do_heads(struct query *asks)
{
    PGresult *res = room_for(asks, asks->keys_len);
    for (const struct event *event = events; event < events + EVENTS; event++) {
        const struct owner *owner = &event->owner;
        if (event->id != NULL && is_among(no_of(event), asks->keys, asks->keys_len))
            res->row[res->rows++].heads = (struct sql_owners_heads_row){
                no_of(event), owner->seq, owner->line.now, owner->line.before, owner->line.began};
    }
}

ASKS_WITH(sql_owners_heads, do_heads, events)

/* ---- writing ---- */

/* A transaction of appends, with copied arguments: the caller may be dead when it commits. */
struct append {
    struct server_ask ask;
    uint32_t parts_len;
    struct part {
        struct sql_append_args args;
        uint64_t rows;
    } parts[PARTS_MAX];
};

static bool part_finds(const struct part *part)
{
    const struct sql_batch_args *batch = &part->args.batch;
    const struct event *event = event_of(batch->event);
    return event != NULL && event->owner.epoch == batch->epoch &&
           event->owner.seq == batch->before_seq;
}

static unsigned append_finds(const struct server_ask *ask)
{
    const struct append *append = (const struct append *)ask;
    unsigned rows = 0;
    for (uint32_t i = 0; i < append->parts_len; i++)
        rows |= row_if(part_finds(&append->parts[i]), event_of(append->parts[i].args.batch.event));
    return rows;
}

static struct append *filling; /* the pipeline being filled; no fiber pauses meanwhile */

static void write_row(struct event *event, const struct sql_batch_args *batch,
                      const struct sql_batch_rows *from)
{
    assert(event->rows_len < ROWS_MAX);
    struct row *row = &journal_of(event)[event->rows_len++];
    *row = (struct row){.seq = from->seq,
                        .epoch = batch->epoch,
                        .at_ms = from->at_ms,
                        .kind = from->kind,
                        .changes = from->changes,
                        .body = from->body};
    memcpy(row->chain, from->chain.ptr, CHAIN_BYTES);
    event->owner.seq = row->seq;
    memcpy(event->owner.chain, row->chain, CHAIN_BYTES);
}

static void each_change(const struct row *row, void (*on_change)(void *ctx, struct change *change),
                        void *ctx)
{
    struct pack pack = pack_open(row->body);
    while (pack_has_more(&pack)) {
        struct change change;
        struct span idem;
        if (pack_next(&pack, NULL, &change, &idem) < 0)
            invariant_broken(INVARIANT_3, "a row of the journal cannot be read");
        on_change(ctx, &change);
    }
}

static void on_written(void *ctx, struct change *change)
{
    const struct event *event = ctx;
    if (event->ears != NULL)
        event->ears->on_written((unsigned)(event - events), change);
}

static bool sell_seat(struct event *event, uint32_t seat, struct sold sold)
{
    assert(seat < SEATS_MAX);
    if (event->sold[seat].seq != 0) {
        if (event->ears != NULL)
            event->ears->on_walled(seat);
        return false;
    }
    event->sold[seat] = sold;
    return true;
}

/* PostgreSQL decides by its plan whether a seat can move to one that another leaves in the same
 * statement. Here it cannot. */
static bool move_seats(struct event *event, const struct sql_append_args *args)
{
    struct sold before[SEATS_MAX];
    memcpy(before, event->sold, sizeof(before));
    for (uint32_t i = 0; i < args->moves_len; i++) {
        const struct sql_append_moves *move = &args->moves[i];
        for (uint32_t k = 0; k < i; k++)
            assert(args->moves[k].was != move->was);
        struct sold sold = before[move->was];
        sold.seq = move->seq;
        if (before[move->was].seq != 0 && !sell_seat(event, move->seat, sold))
            return false;
    }
    for (uint32_t i = 0; i < args->moves_len; i++)
        if (before[args->moves[i].was].seq != 0)
            event->sold[args->moves[i].was].seq = 0;
    return true;
}

/* The first area whose hold is this one or a later one. */
static uint32_t area_at(const struct event *event, uint64_t hold)
{
    uint32_t at = 0;
    while (at < event->areas_len && event->areas[at].hold < hold)
        at += 1;
    return at;
}

static bool sell_area(struct event *event, const struct sql_append_areas *area)
{
    uint32_t at = area_at(event, area->hold);
    struct sql_append_areas *to = &event->areas[at];
    if (at < event->areas_len && to->hold == area->hold)
        return false;
    assert(event->areas_len < AREAS_MAX);
    memmove(to + 1, to, (event->areas_len - at) * sizeof(*to));
    event->areas_len += 1;
    *to = *area;
    return true;
}

static void free_area(struct event *event, const struct sql_append_area_frees *back)
{
    uint32_t at = area_at(event, back->hold);
    struct sql_append_areas *area = &event->areas[at];
    if (at == event->areas_len || area->hold != back->hold || area->places < back->places)
        return;
    area->places -= back->places;
    area->total -= back->total;
    if (area->places > 0)
        return;
    event->areas_len -= 1;
    memmove(area, area + 1, (event->areas_len - at) * sizeof(*area));
}

/* Returns the SQLSTATE of the violated constraint, or NULL. */
static const char *append_part(struct part *part)
{
    const struct sql_append_args *args = &part->args;
    const struct sql_batch_args *batch = &args->batch;
    part->rows = 0;
    if (!part_finds(part))
        return NULL;
    struct event *event = event_of(batch->event);
    if (event->refused_until_us > sim_us())
        return "23514";
    for (uint32_t i = 0; i < args->frees_len; i++)
        event->sold[args->frees[i]].seq = 0;
    for (uint32_t i = 0; i < args->area_frees_len; i++) {
        for (uint32_t k = 0; k < i; k++)
            assert(args->area_frees[k].hold != args->area_frees[i].hold);
        free_area(event, &args->area_frees[i]);
    }
    for (uint32_t i = 0; i < args->sells_len; i++) {
        const struct sql_append_sells *sell = &args->sells[i];
        if (!sell_seat(event, sell->seat, (struct sold){sell->seq, sell->hold, sell->order_id}))
            return "23505";
    }
    for (uint32_t i = 0; i < args->areas_len; i++)
        if (!sell_area(event, &args->areas[i]))
            return "23505";
    if (!move_seats(event, args))
        return "23505";
    for (uint32_t i = 0; i < batch->rows_len; i++)
        write_row(event, batch, &batch->rows[i]);
    part->rows = batch->rows_len;
    return NULL;
}

static void do_append(struct server_ask *ask)
{
    struct append *append = (struct append *)ask;
    static struct event before[EVENTS];
    memcpy(before, events, sizeof(events));
    for (uint32_t i = 0; i < append->parts_len; i++) {
        const char *violated = append_part(&append->parts[i]);
        if (violated == NULL)
            continue;
        memcpy(events, before, sizeof(events));
        ask->rc = ERR_PEER;
        memcpy(ask->sqlstate, violated, sizeof(ask->sqlstate));
        return;
    }
    for (uint32_t i = 0; i < EVENTS; i++)
        for (uint32_t k = before[i].rows_len; k < events[i].rows_len; k++)
            each_change(&journals[i][k], on_written, &events[i]);
}

int pg_pipeline_begin(struct pg *pg, struct err_slot *err)
{
    (void)pg;
    (void)err;
    filling = sim_new(sizeof(*filling));
    filling->ask.act = do_append;
    filling->ask.finds = append_finds;
    return 0;
}

int sql_append(struct pg *pg, struct pg_args *bound, const struct sql_append_args *args,
               struct err_slot *err)
{
    (void)pg;
    (void)bound;
    (void)err;
    assert(filling->parts_len < PARTS_MAX);
    struct sql_append_args *to = &filling->parts[filling->parts_len++].args;
    *to = *args;
    const struct sql_batch_args *batch = &args->batch;
    struct sql_batch_rows *rows = copied(batch->rows, batch->rows_len * sizeof(*rows));
    struct sql_append_sells *sells = copied(args->sells, args->sells_len * sizeof(*sells));
    for (uint32_t i = 0; i < batch->rows_len; i++) {
        rows[i].body = copy_of(rows[i].body);
        rows[i].chain = copy_of(rows[i].chain);
    }
    struct sql_append_areas *areas = copied(args->areas, args->areas_len * sizeof(*areas));
    for (uint32_t i = 0; i < args->sells_len; i++)
        sells[i].order_id = copy_of(sells[i].order_id);
    for (uint32_t i = 0; i < args->areas_len; i++)
        areas[i].order_id = copy_of(areas[i].order_id);
    to->batch.rows = rows;
    to->sells = sells;
    to->frees = copied(args->frees, args->frees_len * sizeof(*args->frees));
    to->moves = copied(args->moves, args->moves_len * sizeof(*args->moves));
    to->areas = areas;
    to->area_frees = copied(args->area_frees, args->area_frees_len * sizeof(*args->area_frees));
    return 0;
}

int sql_append_plain(struct pg *pg, struct pg_args *bound, const struct sql_batch_args *args,
                     struct err_slot *err)
{
    return sql_append(pg, bound, &(struct sql_append_args){.batch = *args}, err);
}

int pg_pipeline_end(struct pg *pg, void (*on_result)(void *ctx, unsigned nth, const PGresult *res),
                    void *ctx, struct err_slot *err)
{
    struct append *append = filling;
    filling = NULL;
    int rc = server_ask(pg, &append->ask, err);
    for (uint32_t i = 0; rc == 0 && i < append->parts_len; i++) {
        PGresult *res = result(0);
        snprintf(res->touched, sizeof(res->touched), "%u", (unsigned)append->parts[i].rows);
        on_result(ctx, i, res);
        PQclear(res);
    }
    return rc;
}

/* ---- reading back ---- */

static void do_link(struct query *asks)
{
    const struct event *event = event_of(asks->args.link.event);
    for (uint32_t i = event != NULL ? event->rows_len : 0; i > 0; i--) {
        const struct row *row = &journal_of(event)[i - 1];
        if (row->seq != asks->args.link.seq)
            continue;
        asks->res = result(1);
        asks->res->row[0].link.chain = bytes_of(row->chain, CHAIN_BYTES);
        return;
    }
}

ASKS(sql_journal_link, do_link)

/* The journal's length when the query begins: later rows are left for the next query. */
struct follow {
    struct server_ask ask;
    const struct event *event;
    uint32_t rows_len;
};

static void do_follow(struct server_ask *ask)
{
    struct follow *follow = (struct follow *)ask;
    follow->rows_len = follow->event != NULL ? follow->event->rows_len : 0;
}

int sql_journal_follow(struct pg *pg, const struct sql_journal_follow_args *args,
                       int (*on_row)(void *ctx, struct span row), void *ctx, struct err_slot *err)
{
    struct follow *follow = sim_new(sizeof(*follow));
    follow->ask.act = do_follow;
    follow->event = event_of(args->event);
    int rc = server_ask(pg, &follow->ask, err);
    uint32_t sent = 0, from = 0;
    const struct row *rows = follow->rows_len > 0 ? journal_of(follow->event) : NULL;
    while (from < follow->rows_len && rows[from].seq <= args->after)
        from += 1;
    for (uint32_t i = from; rc == 0 && i < follow->rows_len && sent < args->room; i++, sent++)
        rc = on_row(ctx, bytes_of(&rows[i], sizeof(rows[i])));
    return rc;
}

bool sql_journal_follow_row(struct span bytes, struct sql_journal_follow_row *out)
{
    const struct row *row = (const struct row *)(const void *)bytes.ptr;
    *out = (struct sql_journal_follow_row){
        .seq = row->seq,
        .at_ms = row->at_ms,
        .epoch = (uint32_t)row->epoch,
        .kind = row->kind,
        .body = row->body,
        .chain = bytes_of(row->chain, CHAIN_BYTES),
        .changes = row->changes,
    };
    return true;
}

/* ---- snapshots ---- */

static void do_snapshot(struct query *asks)
{
    const struct event *event = event_of(asks->args.snapshot.event);
    for (uint32_t i = 0; event != NULL && i < SNAPSHOTS_MAX; i++) {
        const struct snapshot *found = &event->snapshots[i];
        if (found->seq == 0 || found->seq > asks->args.snapshot.seq_max)
            continue;
        asks->res = result(1);
        memcpy(asks->res->snapshot, found->chain, CHAIN_BYTES);
        asks->res->row[0].snapshot = (struct sql_snapshot_newest_row){
            found->seq, bytes_of(asks->res->snapshot, CHAIN_BYTES), found->body};
        return;
    }
}

ASKS(sql_snapshot_newest, do_snapshot)

/* Writes and sweeps in one step: only the auditor reads, so no reader comes between the two. */
static void keep_snapshot(struct event *event, struct snapshot made)
{
    assert(event != NULL);
    struct snapshot *kept = event->snapshots;
    uint32_t at = 0;
    while (at < SNAPSHOTS_MAX && kept[at].seq > made.seq)
        at += 1;
    if (at == SNAPSHOTS_MAX || kept[at].seq == made.seq)
        return;
    memmove(&kept[at + 1], &kept[at], (SNAPSHOTS_MAX - 1 - at) * sizeof(*kept));
    kept[at] = made;
}

static void do_snapshot_write(struct query *asks)
{
    const struct sql_snapshot_write_args *args = &asks->args.snapshot_write;
    struct snapshot made = {.seq = args->seq, .body = args->body};
    memcpy(made.chain, args->chain.ptr, CHAIN_BYTES);
    keep_snapshot(event_of(args->event), made);
}

int sql_snapshot_write(struct pg *pg, const struct sql_snapshot_write_args *args,
                       struct err_slot *err, uint64_t *out)
{
    (void)out;
    struct query *asks = query(do_snapshot_write, args, sizeof(*args));
    asks->args.snapshot_write.chain = copy_of(args->chain);
    asks->args.snapshot_write.body = copy_of(args->body);
    return run(pg, asks, err, NULL);
}

int sql_snapshot_sweep(struct pg *pg, const struct sql_snapshot_sweep_args *args,
                       struct err_slot *err, uint64_t *out)
{
    (void)args, (void)out;
    return pg_run(pg, "", err);
}

void sql_keep_snapshot(unsigned which, uint64_t seq, uint8_t *body, size_t len)
{
    struct event *event = &events[which];
    struct snapshot made = {.seq = seq, .body = bytes_of(body, len)};
    for (uint32_t i = 0; i < event->rows_len; i++) {
        if (journal_of(event)[i].seq != seq)
            continue;
        memcpy(made.chain, journal_of(event)[i].chain, CHAIN_BYTES);
        keep_snapshot(event, made);
        sim_note("a snapshot of %llu", (unsigned long long)seq);
    }
}

/* ---- what is sold ---- */

static void do_sold(struct query *asks)
{
    const struct sql_sold_list_args *args = &asks->args.sold;
    const struct event *event = event_named(args->event);
    PGresult *res = room_for(asks, SEATS_MAX);
    for (uint32_t i = 0; event != NULL && i < SEATS_MAX && (uint64_t)res->rows < args->most; i++) {
        const struct sold *sold = &event->sold[i];
        if (sold->seq != 0 && (int64_t)i > args->after)
            res->row[res->rows++].sold =
                (struct sql_sold_list_row){i, sold->hold, sold->seq, sold->order};
    }
}

ASKS(sql_sold_list, do_sold)

static void do_areas(struct query *asks)
{
    const struct sql_sold_area_list_args *args = &asks->args.areas;
    const struct event *event = event_named(args->event);
    PGresult *res = room_for(asks, AREAS_MAX);
    for (uint32_t i = event != NULL ? area_at(event, args->after + 1) : 0;
         event != NULL && i < event->areas_len && (uint64_t)res->rows < args->most; i++)
        res->row[res->rows++].area = event->areas[i];
}

ASKS(sql_sold_area_list, do_areas)

struct sql_sold_area_list_row sql_sold_area_list_row(const PGresult *res, int row)
{
    const struct sql_append_areas *area = &res->row[row].area;
    return (struct sql_sold_area_list_row){area->hold, area->area, area->places, area->total,
                                           area->order_id};
}

/* ---- what else there is ---- */

int sql_server_wal(struct pg *pg, struct err_slot *err, PGresult **out)
{
    return run(pg, query(NULL, NULL, 0), err, out);
}

struct sql_server_wal_row sql_server_wal_row(const PGresult *res, int row)
{
    (void)res;
    (void)row;
    return (struct sql_server_wal_row){.now_ms = sim_wall_ms()};
}

int sql_ended_read(struct pg *pg, const struct sql_ended_read_args *args, struct err_slot *err,
                   PGresult **out)
{
    (void)args;
    return run(pg, query(NULL, NULL, 0), err, out);
}

/* Not called in this world; store.c and reader.c refer to them. */
#define ABSENT(NAME, RESULT)                                                                       \
    int NAME(struct pg *pg, const struct NAME##_args *args, struct err_slot *err, RESULT *out)     \
    {                                                                                              \
        (void)pg;                                                                                  \
        (void)args;                                                                                \
        (void)err;                                                                                 \
        (void)out;                                                                                 \
        BUG_STOP("nobody asks " #NAME " here");                                                    \
    }

ABSENT(sql_event_create, PGresult *)
ABSENT(sql_document_offer, uint64_t)
ABSENT(sql_document_turn, uint64_t)

#define ABSENT_ROW(NAME)                                                                           \
    struct NAME##_row NAME##_row(const PGresult *res, int row)                                     \
    {                                                                                              \
        (void)res;                                                                                 \
        (void)row;                                                                                 \
        BUG_STOP("nobody reads " #NAME " here");                                                   \
    }

ABSENT_ROW(sql_event_create)
ABSENT_ROW(sql_ended_read)

/* ---- from outside ---- */

static void apply(void *ctx, struct change *change)
{
    struct err_slot err;
    if (engine_apply(ctx, change, &err) < 0)
        invariant_broken(INVARIANT_3, "the journal cannot be applied: %s", err.text);
}

void sql_replay(unsigned event, struct engine *engine)
{
    for (uint32_t i = 0; i < events[event].rows_len; i++)
        each_change(&journals[event][i], apply, engine);
}

uint64_t sql_epoch(unsigned event)
{
    return events[event].owner.epoch;
}

bool sql_is_asleep(unsigned event)
{
    return events[event].asleep;
}

uint64_t sql_journal_len(unsigned event)
{
    return events[event].owner.seq;
}
