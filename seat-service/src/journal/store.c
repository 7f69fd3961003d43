/* store.c: the SQL of the journal.
 *
 * One statement writes an event's part of a batch: it moves the owner row from the seq where the
 * committer believes it stands to the seq behind the batch, under the condition that the epoch is
 * ours, and everything else it writes hangs on that row having been found. An owner who has lost
 * its epoch, or who would write the same batch twice, finds no row and writes nothing. Because the
 * row is locked by the change, two owners cannot both pass.
 *
 * The changes of a batch are packed into as few rows as they fit (pack.h): with a row for each
 * change, most of a backend's time and half of the log went into tuple headers, index entries and
 * links of the chain. The arrays, mostly of one element, are unnested where columns are listed, in
 * step with each other; as a function in FROM each would be written to memory first.
 *
 * What a change does to `sold` travels in the same statement. The parts of a statement with several
 * writing WITH clauses run in no given order, so a batch holds sales, or give-backs, or moves,
 * never two of them: then no part meets the rows of another. */
#include "journal/store.h"

#include "journal/commit_queue.h"
#include "journal/pack.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOCK_CLASS = 4606786,         /* of our advisory locks; the event's number is the other half */
    ARGS_BYTES = 1024,            /* for statements with a handful of short parameters */
    CONTROL_CHARS_IN_NUMBERS = 32 /* room for two numbers in a query's text */
};

static const char SQL_APPEND[] =
    "WITH fence AS ("
    "  UPDATE owner SET seq = $4, chain = $5 WHERE event = $1 AND epoch = $2 AND seq = $3"
    "  RETURNING event, epoch"
    "), freed AS ("
    "  DELETE FROM sold USING fence WHERE sold.event = fence.event AND sold.seat = ANY ($13)"
    "), sells AS ("
    "  INSERT INTO sold (event, seat, seq, hold, order_id)"
    "  SELECT fence.event, s.seat, s.seq, s.hold, s.order_id FROM fence,"
    "  UNNEST($14::integer[], $15::bigint[], $16::bigint[], $17::text[])"
    "    AS s (seat, seq, hold, order_id)"
    "), moves AS ("
    "  UPDATE sold SET seat = m.seat, seq = m.seq FROM fence,"
    "  UNNEST($18::integer[], $19::integer[], $20::bigint[]) AS m (was, seat, seq)"
    "  WHERE sold.event = fence.event AND sold.seat = m.was"
    ") "
    "INSERT INTO journal (seq, at, epoch, event, kind, body, chain, idem, changes)"
    " SELECT unnest($6::bigint[]), unnest($7::timestamptz[]), fence.epoch, fence.event,"
    "   unnest($8::smallint[]), unnest($9::bytea[]), unnest($10::bytea[]), unnest($11::bytea[]),"
    "   unnest($12::smallint[])"
    " FROM fence";

/* The same for the usual batch, which sells nothing: a third less to plan and to start. */
static const char SQL_APPEND_PLAIN[] =
    "WITH fence AS ("
    "  UPDATE owner SET seq = $4, chain = $5 WHERE event = $1 AND epoch = $2 AND seq = $3"
    "  RETURNING event, epoch"
    ") "
    "INSERT INTO journal (seq, at, epoch, event, kind, body, chain, idem, changes)"
    " SELECT unnest($6::bigint[]), unnest($7::timestamptz[]), fence.epoch, fence.event,"
    "   unnest($8::smallint[]), unnest($9::bytea[]), unnest($10::bytea[]), unnest($11::bytea[]),"
    "   unnest($12::smallint[])"
    " FROM fence";

int store_prepare(struct pg *pg, struct err_slot *err)
{
    int rc = pg_prepare(pg, "append", SQL_APPEND, err);
    return rc < 0 ? rc : pg_prepare(pg, "append_plain", SQL_APPEND_PLAIN, err);
}

static struct span chain_span(const struct chain *chain)
{
    return (struct span){(const char *)chain->bytes, CHAIN_BYTES};
}

/* ---- events ---- */

int store_events(struct pg *pg, int32_t after, struct store_event *out, uint32_t room,
                 struct err_slot *err, uint32_t *len)
{
    uint8_t memory[ARGS_BYTES];
    struct pg_args args;
    PGresult *res;
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_i32(&args, after);
    pg_arg_i32(&args, (int32_t)room);
    int rc = pg_query(pg, "SELECT no, id FROM event WHERE no > $1 ORDER BY no LIMIT $2", &args, err,
                      &res);
    if (rc < 0)
        return rc;
    uint32_t n = 0;
    for (int i = 0; i < PQntuples(res); i++) {
        out[n].no = pg_i32(res, i, 0);
        if (span_to_cstr(pg_text(res, i, 1), out[n].id, sizeof(out[n].id)))
            n += 1;
    }
    PQclear(res);
    *len = n;
    return 0;
}

int store_document(struct pg *pg, int32_t event, struct err_slot *err, char **body, size_t *len)
{
    uint8_t memory[ARGS_BYTES];
    struct pg_args args;
    PGresult *res;
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_i32(&args, event);
    int rc = pg_query(pg, "SELECT body FROM document WHERE event = $1", &args, err, &res);
    if (rc < 0)
        return rc;
    if (PQntuples(res) != 1) {
        rc = err_set(err, ERR_NOT_FOUND, "event %" PRId32 " has no document", event);
        goto clear;
    }
    struct span found = pg_text(res, 0, 0);
    char *copy = malloc(found.len + 1);
    if (copy == NULL) {
        rc = err_set(err, ERR_NOMEM, "a document of %zu bytes", found.len);
        goto clear;
    }
    memcpy(copy, found.ptr, found.len);
    copy[found.len] = '\0';
    *body = copy;
    *len = found.len;
clear:
    PQclear(res);
    return rc;
}

int store_event_create(struct pg *pg, struct span id, struct span hash, struct span body,
                       struct err_slot *err, int32_t *no)
{
    uint8_t memory[ARGS_BYTES];
    struct pg_args args;
    struct chain first = chain_first(id);
    PGresult *res;
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_text(&args, id);
    pg_arg_bytea(&args, hash);
    pg_arg_bytea_borrow(&args, body);
    pg_arg_bytea(&args, chain_span(&first));
    int rc = pg_query(pg,
                      "WITH e AS (INSERT INTO event (id) VALUES ($1) ON CONFLICT DO NOTHING"
                      "  RETURNING no),"
                      " d AS (INSERT INTO document (event, hash, body) SELECT no, $2, $3 FROM e),"
                      " o AS (INSERT INTO owner (event, chain) SELECT no, $4 FROM e)"
                      " SELECT no FROM e",
                      &args, err, &res);
    if (rc < 0)
        return rc;
    if (PQntuples(res) == 1)
        *no = pg_i32(res, 0, 0);
    else
        rc = err_set(err, ERR_EXISTS, "the event exists");
    PQclear(res);
    return rc;
}

/* ---- ownership ---- */

static int32_t class_of(enum store_lock lock)
{
    return LOCK_CLASS + (int32_t)lock;
}

static void put_keys(struct pg_args *args, const int32_t *keys, uint32_t len)
{
    pg_array_open(args, PG_ARRAY_I32, len);
    for (uint32_t i = 0; i < len; i++)
        pg_array_i32(args, keys[i]);
    pg_array_close(args);
}

int store_lock(struct pg *pg, enum store_lock lock, const int32_t *keys, uint32_t len,
               struct err_slot *err, bool *got)
{
    uint8_t memory[ARGS_BYTES];
    struct pg_args args;
    PGresult *res;
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_i32(&args, class_of(lock));
    put_keys(&args, keys, len);
    int rc = pg_query(pg,
                      "SELECT nth, pg_try_advisory_lock($1, key)"
                      " FROM UNNEST($2::integer[]) WITH ORDINALITY AS k (key, nth)",
                      &args, err, &res);
    if (rc < 0)
        return err_wrap(err, "locks of events");
    for (int i = 0; i < PQntuples(res); i++)
        got[pg_i64(res, i, 0) - 1] = pg_bool(res, i, 1);
    PQclear(res);
    return 0;
}

int store_unlock(struct pg *pg, enum store_lock lock, int32_t key, struct err_slot *err)
{
    uint8_t memory[ARGS_BYTES];
    struct pg_args args;
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_i32(&args, class_of(lock));
    pg_arg_i32(&args, key);
    return pg_change(pg, "SELECT pg_advisory_unlock($1, $2)", &args, err, NULL);
}

static int take_head(const PGresult *res, int32_t event, struct err_slot *err,
                     struct store_head *head)
{
    if (PQntuples(res) != 1)
        return err_set(err, ERR_NOT_FOUND, "event %" PRId32 " has no owner row", event);
    struct span chain = pg_text(res, 0, 2);
    if (chain.len != CHAIN_BYTES)
        return err_set(err, ERR_STATE, "event %" PRId32 " has a chain of %zu bytes", event,
                       chain.len);
    head->epoch = (uint64_t)pg_i64(res, 0, 0);
    head->seq = (uint64_t)pg_i64(res, 0, 1);
    memcpy(head->chain.bytes, chain.ptr, CHAIN_BYTES);
    return 0;
}

static int query_head(struct pg *pg, const char *sql, const struct pg_args *args, int32_t event,
                      struct err_slot *err, struct store_head *head)
{
    PGresult *res;
    int rc = pg_query(pg, sql, args, err, &res);
    if (rc < 0)
        return err_wrap(err, "the owner of event %" PRId32, event);
    rc = take_head(res, event, err, head);
    PQclear(res);
    return rc;
}

int store_raise(struct pg *pg, int32_t event, uint64_t epoch, struct span instance,
                struct err_slot *err, struct store_head *head)
{
    uint8_t memory[ARGS_BYTES];
    struct pg_args args;
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_i32(&args, event);
    pg_arg_text(&args, instance);
    pg_arg_i64(&args, (int64_t)epoch);
    return query_head(pg,
                      "UPDATE owner SET epoch = epoch + 1, instance = $2, taken_at = now()"
                      " WHERE event = $1 AND epoch = $3 RETURNING epoch, seq, chain",
                      &args, event, err, head);
}

int store_head_read(struct pg *pg, int32_t event, struct span instance, struct err_slot *err,
                    struct store_head *head, bool *its)
{
    uint8_t memory[ARGS_BYTES];
    struct pg_args args;
    PGresult *res;
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_i32(&args, event);
    pg_arg_text(&args, instance);
    int rc = pg_query(pg, "SELECT epoch, seq, chain, instance = $2 FROM owner WHERE event = $1",
                      &args, err, &res);
    if (rc < 0)
        return err_wrap(err, "the owner of event %" PRId32, event);
    rc = take_head(res, event, err, head);
    if (rc == 0)
        *its = pg_bool(res, 0, 3);
    PQclear(res);
    return rc;
}

/* Who holds a lock and has been without a statement for so long that its program cannot be well, or
 * for so long in the middle of one, with nothing to do but to wait for the rest of it. A backend
 * that is at work is left alone: then it is PostgreSQL that is slow, and another owner would not be
 * faster. */
static const char SQL_END_SILENT[] =
    "SELECT pg_terminate_backend(a.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
    " WHERE l.locktype = 'advisory' AND l.classid = $1::integer::oid"
    "   AND l.objid = ANY ($2::integer[]::oid[]) AND l.objsubid = 2 AND l.granted"
    "   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    "   AND (a.state <> 'active' OR a.wait_event_type = 'Client')"
    "   AND clock_timestamp() - a.state_change > make_interval(secs => $3::integer / 1000.0)";

int store_end_silent(struct pg *pg, enum store_lock lock, const int32_t *keys, uint32_t len,
                     uint32_t silent_ms, struct err_slot *err, bool *ended)
{
    uint8_t memory[ARGS_BYTES];
    struct pg_args args;
    PGresult *res;
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_i32(&args, class_of(lock));
    put_keys(&args, keys, len);
    pg_arg_i32(&args, (int32_t)silent_ms);
    int rc = pg_query(pg, SQL_END_SILENT, &args, err, &res);
    if (rc < 0)
        return err_wrap(err, "ending a silent owner");
    *ended = PQntuples(res) > 0;
    PQclear(res);
    return 0;
}

int store_end_backends(struct pg *pg, enum store_lock lock, int32_t key, const int32_t *pids,
                       uint32_t len, struct err_slot *err)
{
    uint8_t memory[ARGS_BYTES];
    struct pg_args args;
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_i32(&args, class_of(lock));
    pg_arg_i32(&args, key);
    put_keys(&args, pids, len);
    return pg_change(pg,
                     "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                     " AND classid = $1::integer::oid AND objid = $2::integer::oid"
                     " AND objsubid = 2 AND granted AND pid = ANY ($3) AND pid <> pg_backend_pid()",
                     &args, err, NULL);
}

/* ---- writing ---- */

enum store_wall store_wall_of(const struct change *change)
{
    switch (change->kind) {
    case CHANGE_CONFIRMED:
        return change->add_count > 0 ? STORE_WALL_SELL : STORE_WALL_NONE;
    case CHANGE_REFUNDED:
        return change->remove_count > 0 ? STORE_WALL_FREE : STORE_WALL_NONE;
    case CHANGE_MOVED:
        return STORE_WALL_MOVE;
    default:
        return STORE_WALL_NONE;
    }
}

/* What a batch does to the wall is done by those of its changes that touch it; the others, holds
 * that were just taken, say, travel along. One group of their seats: the added or the removed. */
enum group { GROUP_ADDED, GROUP_REMOVED };

static uint32_t group_len(const struct change *change, enum store_wall wall, enum group group)
{
    if (store_wall_of(change) != wall)
        return 0;
    return group == GROUP_ADDED ? change->add_count : change->remove_count;
}

static uint32_t group_total(const struct store_batch *batch, enum store_wall wall, enum group group)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < batch->len; i++)
        total += group_len(&batch->entries[i]->op.change, wall, group);
    return total;
}

static void put_seats(struct pg_args *args, const struct store_batch *batch, enum store_wall wall,
                      enum group group)
{
    pg_array_open(args, PG_ARRAY_I32, group_total(batch, wall, group));
    for (uint32_t i = 0; i < batch->len; i++) {
        const struct change *change = &batch->entries[i]->op.change;
        const uint32_t *seats = change->seats + (group == GROUP_ADDED ? 0 : change->add_count);
        for (uint32_t k = 0; k < group_len(change, wall, group); k++)
            pg_array_i32(args, (int32_t)seats[k]);
    }
    pg_array_close(args);
}

/* One number, or text, for each added seat that put_seats() wrote. */
static void put_numbers(struct pg_args *args, const struct store_batch *batch, enum store_wall wall,
                        bool holds)
{
    pg_array_open(args, PG_ARRAY_I64, group_total(batch, wall, GROUP_ADDED));
    for (uint32_t i = 0; i < batch->len; i++) {
        const struct change *change = &batch->entries[i]->op.change;
        for (uint32_t k = 0; k < group_len(change, wall, GROUP_ADDED); k++)
            pg_array_i64(args, (int64_t)(holds ? change->hold : change->seq));
    }
    pg_array_close(args);
}

static void put_orders(struct pg_args *args, const struct store_batch *batch, enum store_wall wall)
{
    pg_array_open(args, PG_ARRAY_TEXT, group_total(batch, wall, GROUP_ADDED));
    for (uint32_t i = 0; i < batch->len; i++) {
        const struct change *change = &batch->entries[i]->op.change;
        for (uint32_t k = 0; k < group_len(change, wall, GROUP_ADDED); k++)
            pg_array_bytes(args, (struct span){change->text, change->text_len});
    }
    pg_array_close(args);
}

/* $13..$20. What the batch does not do gets empty arrays. */
static void put_wall(struct pg_args *args, const struct store_batch *batch, enum store_wall wall)
{
    const struct store_batch none = {0};
    const struct store_batch *frees = wall == STORE_WALL_FREE ? batch : &none;
    const struct store_batch *sells = wall == STORE_WALL_SELL ? batch : &none;
    const struct store_batch *moves = wall == STORE_WALL_MOVE ? batch : &none;
    put_seats(args, frees, wall, GROUP_REMOVED);
    put_seats(args, sells, wall, GROUP_ADDED);
    put_numbers(args, sells, wall, false);
    put_numbers(args, sells, wall, true);
    put_orders(args, sells, wall);
    /* Both groups of a move are ascending, so places are paired by rank. That pairs them otherwise
     * than the operator did, but all are of one hold and one order. */
    put_seats(args, moves, wall, GROUP_REMOVED);
    put_seats(args, moves, wall, GROUP_ADDED);
    put_numbers(args, moves, wall, false);
}

/* A row to be: one change, or a pack of several. */
struct row {
    uint64_t seq, at_ms; /* of its last change */
    uint32_t changes;
    const struct commit_entry *only; /* its entry, while there is one alone */
    struct span body;
    struct chain chain;
};

/* What a batch becomes, in memory of the caller's. */
struct sheet {
    struct row *rows; /* room for one a change */
    uint32_t rows_len;
    uint8_t *at; /* where the next entry is written */
};

/* Ends the last row and adds it to the chain. A change that is alone is written as itself. */
static void end_row(struct sheet *sheet, struct span record, struct store_batch *batch)
{
    struct row *row = &sheet->rows[sheet->rows_len - 1];
    if (row->changes == 1)
        row->body = record;
    unsigned kind = row->changes == 1 ? row->only->op.change.kind : PACK_KIND;
    batch->after.chain =
        chain_next(&batch->after.chain, row->seq, batch->after.epoch, row->at_ms, kind, row->body);
    row->chain = batch->after.chain;
}

/* Encodes each change once, gives it its number, and cuts the batch into rows. */
static void fill_sheet(struct sheet *sheet, struct store_batch *batch)
{
    struct span record = {NULL, 0};
    assert(sheet->rows != NULL);
    assert(batch->len > 0);
    batch->after = batch->head;
    for (uint32_t i = 0; i < batch->len; i++) {
        struct commit_entry *entry = batch->entries[i];
        struct change *change = &entry->op.change;
        struct span before = record;
        uint8_t bytes[PACK_ENTRY_BYTES_MAX];
        change->seq = ++batch->after.seq;
        size_t len = pack_put(bytes, change, entry->has_idem ? entry->idem : NULL, &record);
        struct row *row = sheet->rows_len > 0 ? &sheet->rows[sheet->rows_len - 1] : NULL;
        if (row == NULL || row->body.len + len > PACK_BYTES_MAX) {
            if (row != NULL)
                end_row(sheet, before, batch);
            row = &sheet->rows[sheet->rows_len++];
            *row = (struct row){.only = entry, .body = {(const char *)sheet->at, 0}};
        }
        memcpy(sheet->at, bytes, len);
        record.ptr = (const char *)sheet->at + ((const uint8_t *)record.ptr - bytes);
        sheet->at += len;
        row->body.len += len;
        row->changes += 1;
        row->seq = change->seq;
        row->at_ms = change->at_ms;
    }
    end_row(sheet, record, batch);
}

enum column { SEQ, AT, KIND, BODY, CHAIN, IDEM, CHANGES, COLUMNS };

static void put_cell(struct pg_args *args, const struct row *row, enum column column)
{
    const struct commit_entry *only = row->changes == 1 ? row->only : NULL;
    switch (column) {
    case SEQ:
        pg_array_i64(args, (int64_t)row->seq);
        break;
    case AT:
        pg_array_time(args, row->at_ms);
        break;
    case KIND:
        pg_array_i16(args, only != NULL ? only->op.change.kind : PACK_KIND);
        break;
    case BODY:
        pg_array_bytes(args, row->body);
        break;
    case CHAIN:
        pg_array_bytes(args, chain_span(&row->chain));
        break;
    case IDEM: /* a pack carries those of its changes */
        if (only != NULL && only->has_idem)
            pg_array_bytes(args, (struct span){(const char *)only->idem, COMMIT_IDEM_BYTES});
        else
            pg_array_null(args);
        break;
    default:
        pg_array_i16(args, (int16_t)row->changes);
        break;
    }
}

/* $6..$12 */
static void put_rows(struct pg_args *args, const struct sheet *sheet)
{
    static const enum pg_array types[COLUMNS] = {
        [SEQ] = PG_ARRAY_I64,     [AT] = PG_ARRAY_TIME,     [KIND] = PG_ARRAY_I16,
        [BODY] = PG_ARRAY_BYTEA,  [CHAIN] = PG_ARRAY_BYTEA, [IDEM] = PG_ARRAY_BYTEA,
        [CHANGES] = PG_ARRAY_I16,
    };
    for (unsigned column = 0; column < COLUMNS; column++) {
        pg_array_open(args, types[column], sheet->rows_len);
        for (uint32_t i = 0; i < sheet->rows_len; i++)
            put_cell(args, &sheet->rows[i], column);
        pg_array_close(args);
    }
}

static int batch_add(struct pg *pg, struct store_batch *batch, struct pg_args *args,
                     struct sheet *sheet, struct err_slot *err)
{
    enum store_wall wall = STORE_WALL_NONE;
    for (uint32_t i = 0; i < batch->len && wall == STORE_WALL_NONE; i++)
        wall = store_wall_of(&batch->entries[i]->op.change);
    fill_sheet(sheet, batch);
    batch->rows = sheet->rows_len;
    pg_arg_i32(args, batch->event);
    pg_arg_i64(args, (int64_t)batch->head.epoch);
    pg_arg_i64(args, (int64_t)batch->head.seq);
    pg_arg_i64(args, (int64_t)batch->after.seq);
    pg_arg_bytea(args, chain_span(&batch->after.chain));
    put_rows(args, sheet);
    if (wall != STORE_WALL_NONE)
        put_wall(args, batch, wall);
    return pg_pipeline_add(pg, wall == STORE_WALL_NONE ? "append_plain" : "append", args, err);
}

size_t store_change_bytes(const struct change *change)
{
    size_t seats = (size_t)change->add_count + change->remove_count;
    size_t entry = 2 + 160 + 5 * seats + change->text_len + PACK_IDEM_BYTES;
    /* Twice, in the sheet and as a parameter; and a row of its own with all its columns. */
    size_t needs = 2 * entry + sizeof(struct row) + 12 + 12 + 6 + 4 + 36 + 36 + 6;
    if (store_wall_of(change) == STORE_WALL_NONE)
        return needs;
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

/* Where the sheet of a batch lies in the memory that is left, and what is left behind it. */
static struct sheet sheet_on(const struct store_batch *batch, uint8_t **rest, size_t *rest_len)
{
    size_t rows_bytes = batch->len * sizeof(struct row), entries_bytes = 0;
    size_t skip = (size_t)(-(uintptr_t)*rest & (_Alignof(struct row) - 1));
    for (uint32_t i = 0; i < batch->len; i++) {
        const struct change *change = &batch->entries[i]->op.change;
        entries_bytes += 2 + 160 + 5 * ((size_t)change->add_count + change->remove_count) +
                         change->text_len + PACK_IDEM_BYTES;
    }
    assert(skip + rows_bytes + entries_bytes < *rest_len);
    struct sheet sheet = {.rows = (struct row *)(void *)(*rest + skip),
                          .at = *rest + skip + rows_bytes};
    *rest += skip + rows_bytes + entries_bytes;
    *rest_len -= skip + rows_bytes + entries_bytes;
    return sheet;
}

int store_commit(struct pg *pg, struct store_batch *batches, uint32_t len, void *memory,
                 size_t memory_len, struct err_slot *err)
{
    uint8_t *rest = memory;
    size_t rest_len = memory_len;
    int rc = pg_pipeline_begin(pg, err);
    for (uint32_t i = 0; rc == 0 && i < len; i++) {
        assert(batches[i].len > 0);
        batches[i].written = false;
        struct sheet sheet = sheet_on(&batches[i], &rest, &rest_len);
        struct pg_args args;
        pg_args_init(&args, rest, rest_len);
        rc = batch_add(pg, &batches[i], &args, &sheet, err);
        rest += args.len;
        rest_len -= args.len;
    }
    assert(rc != ERR_FULL);
    if (rc < 0)
        return rc;
    struct commit_results results = {batches, len};
    return pg_pipeline_end(pg, on_appended, &results, err);
}

/* ---- reading back ---- */

int store_link(struct pg *pg, int32_t event, uint64_t seq, struct err_slot *err,
               struct chain *chain)
{
    uint8_t memory[ARGS_BYTES];
    struct pg_args args;
    PGresult *res;
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_i32(&args, event);
    pg_arg_i64(&args, (int64_t)seq);
    int rc =
        pg_query(pg, "SELECT chain FROM journal WHERE event = $1 AND seq = $2", &args, err, &res);
    if (rc < 0)
        return err_wrap(err, "journal row %" PRIu64, seq);
    if (PQntuples(res) == 1 && PQgetlength(res, 0, 0) == CHAIN_BYTES)
        memcpy(chain->bytes, pg_text(res, 0, 0).ptr, CHAIN_BYTES);
    else
        rc = err_set(err, ERR_NOT_FOUND, "no journal row %" PRIu64, seq);
    PQclear(res);
    return rc;
}

struct follow {
    int (*on_row)(void *ctx, const struct store_row *row);
    void *ctx;
    struct err_slot *err;
    uint64_t last; /* seq of the last row */
    uint32_t rows;
};

static int on_copied(void *ctx, struct span bytes)
{
    struct follow *follow = ctx;
    struct span seq, at, epoch, kind, changes;
    struct store_row row = {0};
    if (!pg_field(&bytes, &seq) || !pg_field(&bytes, &at) || !pg_field(&bytes, &epoch) ||
        !pg_field(&bytes, &kind) || !pg_field(&bytes, &row.body) || !pg_field(&bytes, &row.chain) ||
        !pg_field(&bytes, &row.idem) || !pg_field(&bytes, &changes) || seq.len != 8 ||
        at.len != 8 || epoch.len != 4 || kind.len != 2 || changes.len != 2)
        return err_set(follow->err, ERR_SYNTAX, "a journal row that is not one");
    row.seq = (uint64_t)pg_field_int(seq);
    row.at_ms = pg_time_ms(pg_field_int(at));
    row.epoch = (uint64_t)pg_field_int(epoch);
    row.kind = (unsigned)pg_field_int(kind);
    row.changes = (unsigned)pg_field_int(changes);
    follow->last = row.seq;
    follow->rows += 1;
    return follow->on_row(follow->ctx, &row);
}

int store_follow(struct pg *pg, int32_t event, uint64_t after,
                 int (*on_row)(void *ctx, const struct store_row *row), void *ctx,
                 struct err_slot *err)
{
    struct follow follow = {on_row, ctx, err, after, 0};
    int rc;
    do {
        /* COPY takes no parameters; numbers cannot carry anything but themselves. */
        char query[192 + CONTROL_CHARS_IN_NUMBERS];
        snprintf(query, sizeof(query),
                 "COPY (SELECT seq, at, epoch, kind, body, chain, idem, changes FROM journal"
                 " WHERE event = %" PRId32 " AND seq > %" PRIu64 " ORDER BY seq LIMIT %d)"
                 " TO STDOUT (FORMAT binary)",
                 event, follow.last, STORE_FOLLOW_ROWS);
        follow.rows = 0;
        rc = pg_copy(pg, query, on_copied, &follow, err);
    } while (rc == 0 && follow.rows == STORE_FOLLOW_ROWS);
    return rc;
}

int store_snapshot(struct pg *pg, int32_t event, uint64_t seq_max, struct err_slot *err,
                   struct store_head *head, uint8_t **body, size_t *len)
{
    uint8_t memory[ARGS_BYTES];
    struct pg_args args;
    PGresult *res;
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_i32(&args, event);
    pg_arg_i64(&args, (int64_t)(seq_max > INT64_MAX ? INT64_MAX : seq_max));
    int rc = pg_query(pg,
                      "SELECT 0::bigint, seq, chain, body FROM snapshot"
                      " WHERE event = $1 AND seq <= $2 ORDER BY seq DESC LIMIT 1",
                      &args, err, &res);
    if (rc < 0)
        return err_wrap(err, "a snapshot of event %" PRId32, event);
    if (PQntuples(res) == 0) {
        rc = err_set(err, ERR_NOT_FOUND, "no snapshot");
        goto clear;
    }
    rc = take_head(res, event, err, head);
    if (rc < 0)
        goto clear;
    struct span found = pg_text(res, 0, 3);
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
    uint8_t memory[ARGS_BYTES];
    struct pg_args args;
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_i32(&args, event);
    pg_arg_i64(&args, (int64_t)head->seq);
    pg_arg_bytea(&args, chain_span(&head->chain));
    pg_arg_bytea_borrow(&args, body);
    int rc = pg_change(pg,
                       "INSERT INTO snapshot (event, seq, chain, body) VALUES ($1, $2, $3, $4)"
                       " ON CONFLICT DO NOTHING",
                       &args, err, NULL);
    if (rc < 0)
        return err_wrap(err, "writing a snapshot");
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_i32(&args, event);
    return pg_change(pg,
                     "DELETE FROM snapshot WHERE event = $1 AND seq NOT IN"
                     " (SELECT seq FROM snapshot WHERE event = $1 ORDER BY seq DESC LIMIT 2)",
                     &args, err, NULL);
}

int store_sold_read(struct pg *pg, struct span event,
                    int (*on_sold)(void *ctx, const struct store_sold *sold), void *ctx,
                    struct err_slot *err)
{
    uint8_t memory[ARGS_BYTES];
    struct pg_args args;
    PGresult *res;
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_text(&args, event);
    int rc = pg_query(pg,
                      "SELECT s.seat, s.hold, s.seq, s.order_id FROM sold s"
                      " JOIN event e ON e.no = s.event WHERE e.id = $1 ORDER BY s.seat",
                      &args, err, &res);
    if (rc < 0)
        return rc;
    for (int i = 0; rc == 0 && i < PQntuples(res); i++) {
        struct store_sold sold = {
            .seat = (uint32_t)pg_i32(res, i, 0),
            .hold = (uint64_t)pg_i64(res, i, 1),
            .seq = (uint64_t)pg_i64(res, i, 2),
            .order = pg_text(res, i, 3),
        };
        rc = on_sold(ctx, &sold);
    }
    PQclear(res);
    return rc;
}

int store_wal(struct pg *pg, struct err_slot *err, uint64_t *bytes, uint64_t *flushes)
{
    PGresult *res;
    int rc = pg_query(pg, "SELECT wal_bytes::bigint, wal_sync::bigint FROM pg_stat_wal", NULL, err,
                      &res);
    if (rc < 0)
        return rc;
    *bytes = (uint64_t)pg_i64(res, 0, 0);
    *flushes = (uint64_t)pg_i64(res, 0, 1);
    PQclear(res);
    return 0;
}
