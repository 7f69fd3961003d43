/* store.c: the journal's PostgreSQL operations, from changes to rows and back; the statements are
 * in sql/statements. The last guard of I1 is here: `sold(event, seat)` is a primary key, written
 * with the change that sells.
 *
 * One statement writes an event's part of a batch, provided that the epoch is ours and the journal
 * ends where the committer expects. An owner with an outdated epoch, or one that repeats a batch,
 * writes nothing. The owner row is locked for share until the commit, so no epoch is raised
 * meanwhile; only one session writes within an epoch.
 *
 * The changes of a batch are packed into as few rows as possible (pack.h): with a row per change,
 * most of a backend's time and half of the WAL would go into tuple headers, index entries and chain
 * links. The arrays, mostly of one element, are unnested in the select list, in parallel; as
 * functions in FROM each would be materialised first.
 *
 * The same statement updates `sold` and `sold_area`. Data-modifying WITH clauses of one statement
 * run in no defined order, so a batch has either sales, refunds or moves: then no clause touches
 * the rows of another. */
#include "journal/store.h"

#include "journal/commit_queue.h"
#include "journal/pack.h"
#include "tables/migrate.h"
#include "tables/statements.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOCK_CLASS = 4606786, /* class of our advisory locks; the key is the event's number */
};

int store_connect(const char *dsn, const char *app, int lock_ms, bool migrates,
                  struct err_slot *err, struct pg **out)
{
    const struct pg_conf conf = {
        .dsn = dsn,
        .app = app,
        .schema = MIGRATE_SCHEMA,
        .connect_ms = JOURNAL_CONNECT_MS,
        .query_ms = JOURNAL_ANSWER_MS,
    };
    char wait[64];
    assert(*out == NULL);
    snprintf(wait, sizeof(wait), "SET lock_timeout = %d", lock_ms);
    int rc = pg_open(&conf, err, out);
    if (rc == 0 && migrates)
        rc = migrate_run(*out, err);
    if (rc == 0)
        rc = sql_prepare(*out, err);
    if (rc == 0)
        rc = pg_run(*out, wait, err);
    if (rc < 0) {
        pg_close(*out);
        *out = NULL;
    }
    return rc;
}

static struct span chain_span(const struct chain *chain)
{
    return (struct span){(const char *)chain->bytes, CHAIN_BYTES};
}

/* ---- events ---- */

static int read_changed(struct pg *pg, struct store_changes *changes, struct store_event *out,
                        uint32_t room, struct err_slot *err, uint32_t *good)
{
    struct sql_events_changed_args args = {changes->since, changes->changed, changes->no, room};
    PGresult *res;
    int rc = sql_events_changed(pg, &args, err, &res);
    if (rc < 0)
        return rc;
    int got = PQntuples(res);
    assert((uint32_t)got <= room); /* LIMIT :room */
    for (int i = 0; i < got; i++) {
        struct sql_events_changed_row row = sql_events_changed_row(res, i);
        struct store_event *event = &out[*good];
        if (!changes->begun)
            changes->next = row.horizon; /* as of the beginning of the walk */
        changes->begun = true;
        changes->changed = row.changed;
        changes->no = row.no;
        *event =
            (struct store_event){.no = row.no,
                                 .incarnation = row.incarnation,
                                 .retired = row.retired,
                                 .asleep = row.asleep,
                                 .due_ms = row.due_ms,
                                 .asked = row.asked,
                                 .bytes = EVENT_BYTES + EVENT_BYTES_TIMES * (uint64_t)row.document};
        *good += span_to_cstr(row.id, event->id, sizeof(event->id)); /* imports allow no other */
    }
    PQclear(res);
    return got;
}

int store_events_changed(struct pg *pg, struct store_changes *changes, struct store_event *out,
                         uint32_t room, struct err_slot *err, uint32_t *len)
{
    *len = 0;
    while (*len < room) {
        if (!changes->begun) {
            changes->changed = changes->since - 1;
            changes->no = INT32_MAX;
        }
        uint32_t asked = room - *len;
        int got = read_changed(pg, changes, out, asked, err, len);
        if (got < 0)
            return got;
        if ((uint32_t)got == asked)
            continue;
        if (changes->begun)
            changes->since = changes->next;
        changes->begun = false;
        break;
    }
    return 0;
}

static int32_t class_of(enum store_lock lock)
{
    return LOCK_CLASS + (int32_t)lock;
}

int store_wake(struct pg *pg, const struct store_known *known, const int32_t *events,
               const uint64_t *asked_ms, uint32_t len, uint32_t refused_len, struct err_slot *err)
{
    struct sql_events_wake_rows rows[EVENTS_MAX];
    assert(len + refused_len <= EVENTS_MAX);
    assert(known->list.ptr != NULL && known->awake_len <= 2 * EVENTS_MAX); /* NULL: no text */
    for (uint32_t i = 0; i < len + refused_len; i++) {
        assert(i < len || asked_ms[i] > 0);
        rows[i] = (struct sql_events_wake_rows){events[i], asked_ms[i]};
    }
    struct sql_events_wake_args args = {class_of(STORE_LOCK_WAKE), known->list,  known->awake,
                                        known->awake_len,          known->since, rows,
                                        len + refused_len,         events,       len};
    int rc = sql_events_wake(pg, &args, err, NULL);
    return rc < 0 ? err_wrap(err, "waking events") : 0;
}

int store_sleep(struct pg *pg, int32_t event, uint64_t epoch, uint64_t due_ms, struct err_slot *err,
                bool *done)
{
    struct sql_event_sleep_args args = {event, epoch, due_ms};
    uint64_t rows = 0;
    int rc = sql_event_sleep(pg, &args, err, &rows);
    *done = rows > 0;
    return rc < 0 ? err_wrap(err, "putting event %" PRId32 " to sleep", event) : 0;
}

int store_document(struct pg *pg, int32_t event, uint64_t seq, struct err_slot *err,
                   struct store_document *out)
{
    PGresult *res;
    struct sql_document_of_args args = {event, seq < INT64_MAX ? seq : INT64_MAX};
    int rc = sql_document_of(pg, &args, err, &res);
    if (rc < 0)
        return rc;
    if (PQntuples(res) != 1) {
        rc = err_set(err, ERR_NOT_FOUND, "event %" PRId32 " has no document", event);
        goto clear;
    }
    struct sql_document_of_row found = sql_document_of_row(res, 0);
    char *copy = malloc(found.body.len + 1);
    if (copy == NULL) {
        rc = err_set(err, ERR_NOMEM, "a document of %zu bytes", found.body.len);
        goto clear;
    }
    memcpy(copy, found.body.ptr, found.body.len);
    copy[found.body.len] = '\0';
    *out = (struct store_document){copy,       found.body.len, found.since,
                                   found.base, found.places,   found.at_ms};
clear:
    PQclear(res);
    return rc;
}

int store_offer(struct pg *pg, struct span id, struct span hash, struct span body,
                struct err_slot *err)
{
    return sql_document_offer(pg, &(struct sql_document_offer_args){id, hash, body}, err, NULL);
}

int store_event_create(struct pg *pg, struct span id, struct span hash, struct span body,
                       struct span who, struct err_slot *err, int32_t *no)
{
    struct chain first = chain_first(id);
    struct sql_event_create_args args = {id, hash, body, chain_span(&first), who};
    PGresult *res;
    int rc = sql_event_create(pg, &args, err, &res);
    if (rc < 0)
        return rc;
    if (PQntuples(res) == 1)
        *no = sql_event_create_row(res, 0).no;
    else
        rc = err_set(err, ERR_EXISTS, "the event exists");
    PQclear(res);
    return rc;
}

/* ---- ownership ---- */

int store_lock(struct pg *pg, enum store_lock lock, const int32_t *keys, uint32_t len,
               struct err_slot *err, bool *got)
{
    PGresult *res;
    assert(len <= EVENTS_MAX);
    int rc = sql_lock_try(pg, &(struct sql_lock_try_args){class_of(lock), keys, len}, err, &res);
    if (rc < 0)
        return err_wrap(err, "locks of events");
    for (int i = 0; i < PQntuples(res); i++) {
        struct sql_lock_try_row row = sql_lock_try_row(res, i);
        assert(row.nth > 0);
        assert(row.nth <= len);
        got[row.nth - 1] = row.got;
    }
    PQclear(res);
    return 0;
}

int store_unlock(struct pg *pg, enum store_lock lock, int32_t key, struct err_slot *err)
{
    return sql_lock_give_back(pg, &(struct sql_lock_give_back_args){class_of(lock), key}, err,
                              NULL);
}

int store_share(struct pg *pg, enum store_lock lock, const int32_t *keys, uint32_t len, bool take,
                struct err_slot *err)
{
    assert(len <= EVENTS_MAX);
    return sql_lock_share(pg, &(struct sql_lock_share_args){class_of(lock), keys, len, take}, err,
                          NULL);
}

int store_shared(struct pg *pg, enum store_lock lock, struct err_slot *err,
                 void (*on_key)(void *ctx, int32_t key), void *ctx)
{
    PGresult *res;
    int rc = sql_locks_shared(pg, &(struct sql_locks_shared_args){class_of(lock), READER_SILENT_MS},
                              err, &res);
    if (rc < 0)
        return err_wrap(err, "what other processes show");
    for (int i = 0; i < PQntuples(res); i++)
        on_key(ctx, sql_locks_shared_row(res, i).key);
    PQclear(res);
    return 0;
}

static int take_head(int32_t event, uint64_t epoch, uint64_t seq, struct span chain,
                     struct err_slot *err, struct store_head *head)
{
    if (chain.len != CHAIN_BYTES)
        return err_set(err, ERR_STATE, "event %" PRId32 " has a chain of %zu bytes", event,
                       chain.len);
    head->epoch = epoch;
    head->seq = seq;
    memcpy(head->chain.bytes, chain.ptr, CHAIN_BYTES);
    return 0;
}

int store_held(struct pg *pg, uint32_t silent_ms, struct err_slot *err,
               void (*on_held)(void *ctx, const struct store_held *held), void *ctx)
{
    const int32_t classes[] = {class_of(STORE_LOCK_EVENT), class_of(STORE_LOCK_PLACE)};
    PGresult *res;
    int rc = sql_locks_held(
        pg, &(struct sql_locks_held_args){classes, sizeof(classes) / sizeof(classes[0]), silent_ms},
        err, &res);
    if (rc < 0)
        return err_wrap(err, "who holds the locks");
    for (int i = 0; i < PQntuples(res); i++) {
        struct sql_locks_held_row row = sql_locks_held_row(res, i);
        struct store_held held = {.lock = (enum store_lock)(row.class - LOCK_CLASS),
                                  .key = row.key,
                                  .pid = row.pid,
                                  .ours = row.its,
                                  .silent = row.silent};
        on_held(ctx, &held);
    }
    PQclear(res);
    return 0;
}

int store_where(struct pg *pg, const int32_t *events, uint32_t len, struct err_slot *err,
                void (*on_where)(void *ctx, const struct sql_owners_where_row *where), void *ctx)
{
    PGresult *res;
    assert(len <= EVENTS_MAX);
    int rc = sql_owners_where(pg, &(struct sql_owners_where_args){events, len}, err, &res);
    if (rc < 0)
        return err_wrap(err, "where events are");
    for (int i = 0; i < PQntuples(res); i++) {
        struct sql_owners_where_row row = sql_owners_where_row(res, i);
        on_where(ctx, &row);
    }
    PQclear(res);
    return 0;
}

int store_heads(struct pg *pg, const int32_t *events, uint32_t len, struct err_slot *err,
                void (*on_head)(void *ctx, int32_t event, uint64_t seq,
                                const struct store_line *line),
                void *ctx)
{
    PGresult *res;
    assert(len <= EVENTS_MAX);
    int rc = sql_owners_heads(pg, &(struct sql_owners_heads_args){events, len}, err, &res);
    if (rc < 0)
        return err_wrap(err, "how far events are");
    for (int i = 0; i < PQntuples(res); i++) {
        struct sql_owners_heads_row row = sql_owners_heads_row(res, i);
        struct store_line line = {row.line, row.line_before, row.line_began};
        on_head(ctx, row.event, row.seq, &line);
    }
    PQclear(res);
    return 0;
}

int store_want(struct pg *pg, struct span event, struct span wanted, uint32_t wait_ms,
               struct err_slot *err)
{
    uint64_t rows = 0;
    int rc = sql_owner_want(pg, &(struct sql_owner_want_args){event, wanted, wait_ms}, err, &rows);
    if (rc < 0)
        return err_wrap(err, "who is to own an event");
    return rows > 0 ? 0 : err_set(err, ERR_NOT_FOUND, "there is no such event");
}

int store_ready(struct pg *pg, int32_t event, struct span wanted, struct span instance,
                struct err_slot *err)
{
    struct sql_owner_ready_args args = {event, wanted, instance};
    int rc = sql_owner_ready(pg, &args, err, NULL);
    return rc < 0 ? err_wrap(err, "who is to own event %" PRId32, event) : 0;
}

int store_raise(struct pg *pg, struct span instance, const struct store_address *address,
                struct store_raise *raises, uint32_t len, struct err_slot *err)
{
    struct sql_owners_raise_rows rows[EVENTS_MAX];
    struct sql_owners_raise_args args = {instance, span_of(address->open), span_of(address->within),
                                         rows, len};
    PGresult *res;
    assert(len <= EVENTS_MAX);
    for (uint32_t i = 0; i < len; i++) {
        struct store_raise *raise = &raises[i];
        assert(raise->kept != 0 && raise->fresh != 0);
        rows[i] =
            (struct sql_owners_raise_rows){raise->event, raise->was, raise->kept, raise->fresh};
        raise->rc = ERR_EXISTS;
    }
    int rc = sql_owners_raise(pg, &args, err, &res);
    if (rc < 0)
        return err_wrap(err, "owners of events");
    for (int k = 0; k < PQntuples(res); k++) {
        struct sql_owners_raise_row row = sql_owners_raise_row(res, k);
        struct store_raise *raise = raises;
        while (raise < raises + len && raise->event != row.event)
            raise += 1;
        assert(raise < raises + len);
        raise->line = (struct store_line){row.line, row.line_before, row.line_began};
        raise->rc = row.epoch == 0
                        ? err_set(err, ERR_NOT_FOUND, "another epoch has begun")
                        : take_head(row.event, row.epoch, row.seq, row.chain, err, &raise->head);
        assert(raise->rc < 0 || row.epoch == raise->was + 1);
    }
    PQclear(res);
    return 0;
}

int store_prove(struct pg *pg, int32_t event, const struct store_head *head, struct err_slot *err,
                bool *stands)
{
    struct sql_owner_prove_args args = {event, head->epoch, head->seq};
    PGresult *res;
    int rc = sql_owner_prove(pg, &args, err, &res);
    if (rc < 0)
        return err_wrap(err, "the owner of event %" PRId32, event);
    assert(PQntuples(res) <= 1);
    *stands = PQntuples(res) == 1;
    PQclear(res);
    return 0;
}

int store_free(struct pg *pg, const int32_t *events, uint32_t len, struct err_slot *err,
               bool *is_free)
{
    PGresult *res;
    assert(len <= EVENTS_MAX);
    int rc = sql_owners_free(pg, &(struct sql_owners_free_args){events, len}, err, &res);
    if (rc < 0)
        return err_wrap(err, "which events can be written");
    for (uint32_t i = 0; i < len; i++) {
        is_free[i] = false;
        for (int row = 0; row < PQntuples(res); row++)
            is_free[i] = is_free[i] || sql_owners_free_row(res, row).event == events[i];
    }
    PQclear(res);
    return 0;
}

int store_owners_read(struct pg *pg, const int32_t *events, uint32_t len, struct span instance,
                      uint64_t since_ms, struct err_slot *err, struct store_owner *out)
{
    PGresult *res;
    assert(len <= EVENTS_MAX);
    int rc = sql_owners_read(pg, &(struct sql_owners_read_args){events, len, instance, since_ms},
                             err, &res);
    if (rc < 0)
        return err_wrap(err, "owners of events");
    for (uint32_t i = 0; i < len; i++)
        out[i] = (struct store_owner){.rc = ERR_NOT_FOUND};
    for (int k = 0; k < PQntuples(res); k++) {
        struct sql_owners_read_row row = sql_owners_read_row(res, k);
        struct store_owner *owner = out;
        while (owner < out + len && events[owner - out] != row.event)
            owner += 1;
        assert(owner < out + len);
        owner->its = row.its;
        owner->asked_ms = row.asked_ms;
        owner->rc = take_head(row.event, row.epoch, row.seq, row.chain, err, &owner->head);
    }
    PQclear(res);
    for (uint32_t i = 0; i < len; i++)
        if (out[i].rc == ERR_NOT_FOUND)
            (void)err_set(err, ERR_NOT_FOUND, "event %" PRId32 " has no owner row", events[i]);
    return 0;
}

int store_end_silent(struct pg *pg, enum store_lock lock, const int32_t *keys, uint32_t len,
                     uint32_t silent_ms, struct err_slot *err, bool *ended)
{
    struct sql_lock_end_silent_args args = {class_of(lock), keys, len, silent_ms};
    PGresult *res;
    assert(len <= EVENTS_MAX);
    int rc = sql_lock_end_silent(pg, &args, err, &res);
    if (rc < 0)
        return err_wrap(err, "ending a silent owner");
    *ended = PQntuples(res) > 0;
    PQclear(res);
    return 0;
}

int store_end_backends(struct pg *pg, enum store_lock lock, int32_t key, const int32_t *pids,
                       uint32_t len, struct err_slot *err)
{
    struct sql_lock_end_backends_args args = {class_of(lock), key, pids, len};
    assert(len <= JOURNAL_BACKENDS_MAX);
    return sql_lock_end_backends(pg, &args, err, NULL);
}

/* ---- writing ---- */

enum store_wall store_wall_of(const struct change *change)
{
    bool area = change->area != CHANGE_AREA_NONE;
    switch (change->kind) {
    case CHANGE_CONFIRMED:
        return area || change->add_count > 0 ? STORE_WALL_SELL : STORE_WALL_NONE;
    case CHANGE_REFUNDED:
        return area || change->remove_count > 0 ? STORE_WALL_FREE : STORE_WALL_NONE;
    case CHANGE_MOVED:
        return STORE_WALL_MOVE;
    default:
        return STORE_WALL_NONE;
    }
}

/* A batch's parameters, in the caller's memory. */
struct sheet {
    struct sql_batch_rows *rows; /* room for one per change */
    uint32_t rows_len;
    struct change_before before; /* of the last row */
    void *wall;                  /* room for changes of `sold` */
    void *areas;                 /* and of `sold_area` */
    uint8_t *at;                 /* end of the encoded changes */
};

/* Per seat of a change that affects `sold`. */
enum { WALL_SEAT_BYTES = sizeof(struct sql_append_sells) };
static_assert(WALL_SEAT_BYTES >= sizeof(struct sql_append_moves), "a move takes no more");
static_assert(sizeof(struct sql_append_areas) >= sizeof(struct sql_append_area_frees),
              "what an area gets back takes no more");
static_assert(WALL_SEAT_BYTES % _Alignof(struct sql_append_areas) == 0,
              "areas lie behind the seats");

/* The most bytes that a change takes in a row's body. */
static size_t entry_bytes(const struct change *change)
{
    size_t seats = (size_t)change->add_count + change->remove_count;
    size_t prices = (size_t)__builtin_popcountll(change->categories);
    return 160 + 5 * seats + 6 * prices + change->text_len + change->who_len + PACK_IDEM_BYTES;
}

/* Completes the last row and links it to the chain. */
static void end_row(struct sheet *sheet, struct store_batch *batch, struct chain *links)
{
    struct sql_batch_rows *row = &sheet->rows[sheet->rows_len - 1];
    struct chain *link = &links[sheet->rows_len - 1];
    assert(row->changes > 0);
    assert(row->body.len <= PACK_BYTES_MAX);
    *link = chain_next(&batch->after.chain, row->seq, batch->after.epoch, row->at_ms, row->kind,
                       row->body);
    batch->after.chain = *link;
    row->chain = chain_span(link);
}

/* Encodes each change once, numbers it, and splits the batch into rows. */
static void fill_sheet(struct sheet *sheet, struct store_batch *batch, struct chain *links)
{
    struct sql_batch_rows *row = NULL;
    assert(sheet->rows != NULL);
    assert(batch->len > 0);
    batch->after = batch->head;
    for (uint32_t i = 0; i < batch->len; i++) {
        struct commit_entry *entry = batch->entries[i];
        struct change *change = &entry->op.change;
        change->seq = ++batch->after.seq;
        if (row == NULL || row->body.len + entry_bytes(change) > PACK_BYTES_MAX) {
            if (row != NULL)
                end_row(sheet, batch, links);
            row = &sheet->rows[sheet->rows_len++];
            *row = (struct sql_batch_rows){.body = {(const char *)sheet->at, 0}};
        }
        size_t len = pack_put(sheet->at, row->changes == 0, &sheet->before, change,
                              entry->has_idem ? entry->idem : NULL);
        assert(len <= entry_bytes(change));
        sheet->at += len;
        row->body.len += len;
        row->kind = row->changes == 0 ? change->kind : PACK_KIND;
        row->changes += 1;
        row->seq = change->seq;
        row->at_ms = change->at_ms;
    }
    end_row(sheet, batch, links);
    assert(batch->after.seq == batch->head.seq + batch->len);
}

/* Only some changes of a batch affect `sold`; others, such as new holds, are in the same batch. */
static void put_sells(struct sql_append_args *args, const struct change *change,
                      struct sql_append_sells *sells)
{
    for (uint32_t k = 0; k < change->add_count; k++)
        sells[args->sells_len++] = (struct sql_append_sells){
            .seat = change->seats[k],
            .seq = change->seq,
            .hold = change->hold,
            .order_id = {change->text, change->text_len},
        };
}

static void put_frees(struct sql_append_args *args, const struct change *change, uint32_t *frees)
{
    for (uint32_t k = 0; k < change->remove_count; k++)
        frees[args->frees_len++] = change->seats[change->add_count + k];
}

/* Both groups of a move are ascending, so seats are paired by rank. The caller's pairs may differ,
 * but all seats belong to one hold and one order. */
static void put_moves(struct sql_append_args *args, const struct change *change,
                      struct sql_append_moves *moves)
{
    assert(change->add_count == change->remove_count);
    for (uint32_t k = 0; k < change->add_count; k++)
        moves[args->moves_len++] = (struct sql_append_moves){
            .was = change->seats[change->add_count + k],
            .seat = change->seats[k],
            .seq = change->seq,
        };
}

static void put_area(struct sql_append_args *args, const struct change *change,
                     struct sql_append_areas *sells, struct sql_append_area_frees *frees)
{
    if (change->kind == CHANGE_REFUNDED) {
        frees[args->area_frees_len++] = (struct sql_append_area_frees){
            .hold = change->hold, .places = change->quantity, .total = change->total};
        return;
    }
    sells[args->areas_len++] = (struct sql_append_areas){
        .hold = change->hold,
        .area = change->area,
        .places = change->quantity,
        .total = change->total,
        .order_id = {change->text, change->text_len},
    };
}

static void put_wall(struct sql_append_args *args, const struct store_batch *batch,
                     const struct sheet *sheet)
{
    void *memory = sheet->wall;
    args->sells = memory;
    args->frees = memory;
    args->moves = memory;
    args->areas = sheet->areas;
    args->area_frees = sheet->areas;
    for (uint32_t i = 0; i < batch->len; i++) {
        const struct change *change = &batch->entries[i]->op.change;
        enum store_wall wall = store_wall_of(change);
        if (wall != STORE_WALL_NONE && change->area != CHANGE_AREA_NONE)
            put_area(args, change, sheet->areas, sheet->areas);
        else if (wall == STORE_WALL_SELL)
            put_sells(args, change, memory);
        else if (wall == STORE_WALL_FREE)
            put_frees(args, change, memory);
        else if (wall == STORE_WALL_MOVE)
            put_moves(args, change, memory);
    }
    bool sells = args->sells_len + args->areas_len > 0, moves = args->moves_len > 0,
         frees = args->frees_len + args->area_frees_len > 0;
    assert(sells + moves + frees == 1);
}

static int batch_add(struct pg *pg, struct store_batch *batch, struct pg_args *bound,
                     struct sheet *sheet, struct chain *links, struct err_slot *err)
{
    bool touches_wall = false;
    for (uint32_t i = 0; i < batch->len && !touches_wall; i++)
        touches_wall = store_wall_of(&batch->entries[i]->op.change) != STORE_WALL_NONE;
    fill_sheet(sheet, batch, links);
    batch->rows = sheet->rows_len;
    struct sql_append_args args = {
        .batch =
            {
                .event = batch->event,
                .epoch = batch->head.epoch,
                .before_seq = batch->head.seq,
                .rows = sheet->rows,
                .rows_len = sheet->rows_len,
            },
    };
    if (!touches_wall)
        return sql_append_plain(pg, bound, &args.batch, err);
    put_wall(&args, batch, sheet);
    return sql_append(pg, bound, &args, err);
}

static size_t area_bytes(const struct change *change)
{
    bool sold = store_wall_of(change) != STORE_WALL_NONE && change->area != CHANGE_AREA_NONE;
    return sold ? sizeof(struct sql_append_areas) : 0;
}

static size_t wall_bytes(const struct change *change)
{
    if (store_wall_of(change) == STORE_WALL_NONE)
        return 0;
    return ((size_t)change->add_count + change->remove_count) * WALL_SEAT_BYTES;
}

size_t store_change_bytes(const struct change *change)
{
    size_t seats = (size_t)change->add_count + change->remove_count;
    /* The entry twice, in the sheet and as a parameter, and a row of its own with all columns. */
    size_t needs = 2 * entry_bytes(change) + sizeof(struct sql_batch_rows) + sizeof(struct chain) +
                   wall_bytes(change) + 12 + 12 + 6 + 4 + 36 + 6;
    if (store_wall_of(change) == STORE_WALL_NONE)
        return needs;
    if (change->area != CHANGE_AREA_NONE)
        return needs + area_bytes(change) + 12 + 8 + 8 + 12 + 4 + CHANGE_TEXT_MAX;
    return needs + seats * (8 + 12 + 12 + 4 + CHANGE_TEXT_MAX);
}

struct commit_results {
    struct store_batch *batches;
    uint32_t len;
};

static void on_appended(void *ctx, unsigned nth, const PGresult *res)
{
    struct commit_results *results = ctx;
    assert(nth < results->len);
    struct store_batch *batch = &results->batches[nth];
    uint64_t rows = strtoull(PQcmdTuples((PGresult *)(uintptr_t)res), NULL, 10);
    assert(rows == 0 || rows == batch->rows);
    batch->written = rows > 0;
}

/* Places a batch's sheet in the remaining memory, and updates what is left. */
static struct sheet sheet_on(const struct store_batch *batch, struct chain **links, uint8_t **rest,
                             size_t *rest_len)
{
    size_t rows = batch->len * sizeof(struct sql_batch_rows), wall = 0, areas = 0, entries = 0;
    size_t skip = (size_t)(-(uintptr_t)*rest & (_Alignof(struct sql_batch_rows) - 1));
    for (uint32_t i = 0; i < batch->len; i++) {
        wall += wall_bytes(&batch->entries[i]->op.change);
        areas += area_bytes(&batch->entries[i]->op.change);
        entries += entry_bytes(&batch->entries[i]->op.change);
    }
    size_t needs = skip + rows + wall + areas + batch->len * sizeof(struct chain) + entries;
    assert(needs < *rest_len);
    uint8_t *at = *rest + skip;
    *rest += needs;
    *rest_len -= needs;
    *links = (struct chain *)(void *)(at + rows + wall + areas);
    return (struct sheet){.rows = (struct sql_batch_rows *)(void *)at,
                          .wall = at + rows,
                          .areas = at + rows + wall,
                          .at = at + rows + wall + areas + batch->len * sizeof(struct chain)};
}
static_assert(_Alignof(struct chain) == 1, "links lie wherever the wall ends");

int store_commit(struct pg *pg, struct store_batch *batches, uint32_t len, void *memory,
                 size_t memory_len, struct err_slot *err)
{
    uint8_t *rest = memory;
    size_t rest_len = memory_len;
    int rc = pg_pipeline_begin(pg, err);
    for (uint32_t i = 0; rc == 0 && i < len; i++) {
        assert(batches[i].len > 0);
        batches[i].written = false;
        struct chain *links;
        struct sheet sheet = sheet_on(&batches[i], &links, &rest, &rest_len);
        struct pg_args bound;
        pg_args_init(&bound, rest, rest_len);
        rc = batch_add(pg, &batches[i], &bound, &sheet, links, err);
        rest += bound.len;
        rest_len -= bound.len;
    }
    assert(rc != ERR_FULL);
    if (rc < 0)
        return rc;
    struct commit_results results = {batches, len};
    return pg_pipeline_end(pg, on_appended, &results, err);
}

int store_revise(struct pg *pg, struct store_batch *batch, void *memory, size_t memory_len,
                 struct err_slot *err)
{
    const struct change *change = &batch->entries[0]->op.change;
    uint64_t rows = 0;
    assert(batch->len == 1);
    assert(change->kind == CHANGE_REVISED);
    int rc = pg_run(pg, "BEGIN", err);
    if (rc < 0)
        return rc;
    rc = store_commit(pg, batch, 1, memory, memory_len, err);
    if (rc == 0 && batch->written) {
        struct sql_document_turn_args args = {
            batch->event,
            {(const char *)change->plan_hash, sizeof(change->plan_hash)},
            batch->after.seq,
            (change->flags & CHANGE_FLAG_WHOLE) != 0,
            change->quantity};
        rc = sql_document_turn(pg, &args, err, &rows);
    }
    if (rc == 0 && rows == 1)
        return pg_run(pg, "COMMIT", err);
    if (rc == 0)
        rc = err_set(err, ERR_STATE, "another process was faster");
    if (rc == ERR_PEER || rc == ERR_STATE) {
        int undone = pg_run(pg, "ROLLBACK", NULL);
        rc = undone < 0 ? undone : rc;
    }
    return rc;
}

/* ---- reading back ---- */

int store_link(struct pg *pg, int32_t event, uint64_t seq, struct err_slot *err,
               struct chain *chain)
{
    PGresult *res;
    int rc = sql_journal_link(pg, &(struct sql_journal_link_args){event, seq}, err, &res);
    if (rc < 0)
        return err_wrap(err, "journal row %" PRIu64, seq);
    struct span link = {NULL, 0};
    if (PQntuples(res) == 1)
        link = sql_journal_link_row(res, 0).chain;
    if (link.len == CHAIN_BYTES)
        memcpy(chain->bytes, link.ptr, CHAIN_BYTES);
    else
        rc = err_set(err, ERR_NOT_FOUND, "no journal row %" PRIu64, seq);
    PQclear(res);
    return rc;
}

struct follow {
    int (*on_row)(void *ctx, const struct store_row *row);
    void *ctx;
    struct err_slot *err;
    uint32_t rows;
};

bool store_row_read(struct span bytes, struct store_row *row)
{
    struct sql_journal_follow_row found;
    if (!sql_journal_follow_row(bytes, &found))
        return false;
    *row = (struct store_row){
        .seq = found.seq,
        .epoch = found.epoch,
        .at_ms = found.at_ms,
        .kind = found.kind,
        .changes = found.changes,
        .body = found.body,
        .chain = found.chain,
    };
    return true;
}

static int on_copied(void *ctx, struct span bytes)
{
    struct follow *follow = ctx;
    struct store_row row;
    if (!store_row_read(bytes, &row))
        return err_set(follow->err, ERR_SYNTAX, "a journal row that is not one");
    follow->rows += 1;
    return follow->on_row(follow->ctx, &row);
}

int store_follow(struct pg *pg, int32_t event, uint64_t after, uint32_t room,
                 int (*on_row)(void *ctx, const struct store_row *row), void *ctx,
                 struct err_slot *err, bool *more)
{
    struct follow follow = {on_row, ctx, err, 0};
    struct sql_journal_follow_args args = {event, after, room};
    int rc = sql_journal_follow(pg, &args, on_copied, &follow, err);
    *more = rc == 0 && follow.rows == room;
    return rc;
}

int store_snapshot(struct pg *pg, int32_t event, uint64_t seq_max, uint64_t since,
                   struct err_slot *err, struct store_head *head, uint8_t **body, size_t *len)
{
    struct sql_snapshot_newest_args args = {event, seq_max > INT64_MAX ? INT64_MAX : seq_max,
                                            since};
    PGresult *res;
    int rc = sql_snapshot_newest(pg, &args, err, &res);
    if (rc < 0)
        return err_wrap(err, "a snapshot of event %" PRId32, event);
    if (PQntuples(res) == 0) {
        rc = err_set(err, ERR_NOT_FOUND, "no snapshot");
        goto clear;
    }
    struct sql_snapshot_newest_row row = sql_snapshot_newest_row(res, 0);
    rc = take_head(event, 0, row.seq, row.chain, err, head);
    if (rc < 0)
        goto clear;
    struct span found = row.body;
    uint8_t *copy = malloc(found.len + 1);
    if (copy == NULL) {
        rc = err_set(err, ERR_NOMEM, "a snapshot of %zu bytes", found.len);
        goto clear;
    }
    memcpy(copy, found.ptr, found.len);
    *body = copy;
    *len = found.len;
clear:
    PQclear(res);
    return rc;
}

int store_snapshot_write(struct pg *pg, int32_t event, const struct store_head *head,
                         struct span body, struct err_slot *err)
{
    struct sql_snapshot_write_args args = {event, head->seq, chain_span(&head->chain), body};
    int rc = sql_snapshot_write(pg, &args, err, NULL);
    if (rc < 0)
        return err_wrap(err, "writing a snapshot");
    return sql_snapshot_sweep(pg, &(struct sql_snapshot_sweep_args){event}, err, NULL);
}

int store_sold_read(struct pg *pg, struct span event, int64_t after, uint32_t most,
                    int (*on_sold)(void *ctx, const struct sql_sold_list_row *sold), void *ctx,
                    struct err_slot *err)
{
    PGresult *res;
    int rc =
        sql_sold_list(pg, &(struct sql_sold_list_args){event, (int32_t)after, most}, err, &res);
    if (rc < 0)
        return rc;
    for (int i = 0; rc == 0 && i < PQntuples(res); i++) {
        struct sql_sold_list_row row = sql_sold_list_row(res, i);
        rc = on_sold(ctx, &row);
    }
    PQclear(res);
    return rc;
}

int store_sold_areas_read(struct pg *pg, struct span event, uint64_t after, uint32_t most,
                          int (*on_sold)(void *ctx, const struct sql_sold_area_list_row *sold),
                          void *ctx, struct err_slot *err)
{
    PGresult *res;
    int rc =
        sql_sold_area_list(pg, &(struct sql_sold_area_list_args){event, after, most}, err, &res);
    if (rc < 0)
        return rc;
    for (int i = 0; rc == 0 && i < PQntuples(res); i++) {
        struct sql_sold_area_list_row row = sql_sold_area_list_row(res, i);
        rc = on_sold(ctx, &row);
    }
    PQclear(res);
    return rc;
}
