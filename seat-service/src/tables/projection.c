/* projection.c: one row a hold. What the changes of a chunk do not say (a hold that was taken long
 * before) is asked of the engine, which stands exactly behind the chunk; what neither knows (the
 * places of a hold that is gone) the table has already and keeps. */
#include "tables/projection.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 2 * PROJECTION_HOLDS_MAX, ROW_BYTES = 256, UNSAID = -1 };

struct row {
    uint64_t hold; /* 0: unused */
    const char *state;
    uint64_t buyer;
    int64_t places, total; /* UNSAID: not known here */
    uint16_t area;
    uint64_t taken_ms, changed_ms, seq;
    bool has_buyer;
    uint8_t order_len;
    char order[CHANGE_TEXT_MAX];
};

struct projection {
    struct row rows[SLOTS];
    uint32_t len;
    uint8_t memory[PROJECTION_HOLDS_MAX * ROW_BYTES + 4096];
};

int projection_create(struct err_slot *err, struct projection **out)
{
    struct projection *projection = calloc(1, sizeof(*projection));
    if (projection == NULL)
        return err_set(err, ERR_NOMEM, "a projection");
    *out = projection;
    return 0;
}

void projection_destroy(struct projection *projection)
{
    free(projection);
}

void projection_clear(struct projection *projection)
{
    memset(projection->rows, 0, sizeof(projection->rows));
    projection->len = 0;
}

static struct row *row_of(struct projection *projection, uint64_t hold)
{
    uint64_t at = hold * UINT64_C(0x9e3779b97f4a7c15) % SLOTS;
    while (projection->rows[at].hold != 0 && projection->rows[at].hold != hold)
        at = (at + 1) % SLOTS;
    return &projection->rows[at];
}

static void take_order(struct row *row, const struct change *change)
{
    row->order_len = change->text_len;
    memcpy(row->order, change->text, change->text_len);
}

static void take_change(struct row *row, const struct change *change)
{
    switch (change->kind) {
    case CHANGE_TAKEN:
        row->state = "open";
        row->buyer = change->buyer;
        row->has_buyer = true;
        row->area = change->area;
        row->places =
            change->area == CHANGE_AREA_NONE ? change->add_count : (int64_t)change->quantity;
        row->total = (int64_t)change->total;
        row->taken_ms = change->at_ms;
        break;
    case CHANGE_CHANGED:
        row->state = "open";
        row->total = (int64_t)change->total;
        break;
    case CHANGE_EXTENDED: /* handed over to who is logged in, maybe */
        row->state = "paying";
        row->buyer = change->buyer;
        row->has_buyer = true;
        take_order(row, change);
        break;
    case CHANGE_RELEASED:
        row->state = "released";
        break;
    case CHANGE_FORGOTTEN:
        row->state = change->text_len > 0 ? "released" : "expired";
        break;
    case CHANGE_EXPIRED:
    case CHANGE_LATE:
        row->state = "expired";
        break;
    case CHANGE_CONFIRMED:
        row->state = "sold";
        row->total = (int64_t)change->total;
        take_order(row, change);
        break;
    case CHANGE_REFUNDED:
        row->state = "refunded";
        break;
    default: /* a move changes no column of this table but the time */
        row->state = "sold";
        break;
    }
}

bool projection_add(struct projection *projection, const struct change *change)
{
    if (change->hold == 0)
        return true;
    struct row *row = row_of(projection, change->hold);
    if (row->hold == 0) {
        if (projection->len == PROJECTION_HOLDS_MAX)
            return false;
        *row = (struct row){
            .hold = change->hold, .places = UNSAID, .total = UNSAID, .area = CHANGE_AREA_NONE};
        projection->len += 1;
    }
    take_change(row, change);
    row->changed_ms = change->at_ms;
    row->seq = change->seq;
    return true;
}

int projection_read(struct pg *pg, int32_t event, struct err_slot *err, uint64_t *seq)
{
    uint8_t memory[64];
    struct pg_args args;
    PGresult *res;
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_i32(&args, event);
    int rc = pg_query(pg, "SELECT seq FROM projected WHERE event = $1", &args, err, &res);
    if (rc < 0)
        return rc;
    *seq = PQntuples(res) == 1 ? (uint64_t)pg_i64(res, 0, 0) : 0;
    PQclear(res);
    return 0;
}

/* What the engine knows better than the changes: how many places a living hold has now. */
static void complete(struct row *row, const struct engine *engine)
{
    struct engine_hold_view view;
    if (engine_hold_read(engine, row->hold, &view) != ENGINE_OK)
        return;
    row->places = view.quantity;
    row->total = (int64_t)view.total;
    row->area = view.area;
    row->buyer = view.buyer;
    row->has_buyer = true;
}

static const char SQL_WRITE[] =
    "WITH stand AS ("
    "  INSERT INTO projected (event, seq) SELECT $1, $3 WHERE $2 = 0 OR EXISTS"
    "    (SELECT FROM projected WHERE event = $1 AND seq = $2)"
    "  ON CONFLICT (event) DO UPDATE SET seq = excluded.seq WHERE projected.seq = $2"
    "  RETURNING event)"
    " INSERT INTO holds (event, hold, state, buyer, places, area, total, order_id, taken_at,"
    "   changed_at, seq)"
    " SELECT stand.event, r.hold, r.state, coalesce(r.buyer, 0), coalesce(r.places, 0), r.area,"
    "   coalesce(r.total, 0), coalesce(r.order_id, ''), coalesce(r.taken_at, r.changed_at),"
    "   r.changed_at, r.seq"
    " FROM stand, UNNEST($4::bigint[], $5::text[], $6::bigint[], $7::integer[], $8::integer[],"
    "   $9::bigint[], $10::text[], $11::timestamptz[], $12::timestamptz[], $13::bigint[])"
    "   AS r (hold, state, buyer, places, area, total, order_id, taken_at, changed_at, seq)"
    " ON CONFLICT (event, hold) DO UPDATE SET state = excluded.state,"
    "   buyer = CASE WHEN excluded.buyer <> 0 THEN excluded.buyer ELSE holds.buyer END,"
    "   places = CASE WHEN excluded.places > 0 THEN excluded.places ELSE holds.places END,"
    "   total = CASE WHEN excluded.total > 0 THEN excluded.total ELSE holds.total END,"
    "   order_id = CASE WHEN excluded.order_id <> '' THEN excluded.order_id"
    "     ELSE holds.order_id END,"
    "   changed_at = excluded.changed_at, seq = excluded.seq";

enum column { HOLD, STATE, BUYER, PLACES, AREA, TOTAL, ORDER, TAKEN, CHANGED, SEQ, COLUMNS };

static void put_cell(struct pg_args *args, const struct row *row, enum column column)
{
    switch (column) {
    case HOLD:
        pg_array_i64(args, (int64_t)row->hold);
        break;
    case STATE:
        pg_array_bytes(args, span_of(row->state));
        break;
    case BUYER:
        row->has_buyer ? pg_array_i64(args, (int64_t)row->buyer) : pg_array_null(args);
        break;
    case PLACES:
        row->places != UNSAID ? pg_array_i32(args, (int32_t)row->places) : pg_array_null(args);
        break;
    case AREA:
        row->area != CHANGE_AREA_NONE ? pg_array_i32(args, row->area) : pg_array_null(args);
        break;
    case TOTAL:
        row->total != UNSAID ? pg_array_i64(args, row->total) : pg_array_null(args);
        break;
    case ORDER:
        pg_array_bytes(args, (struct span){row->order, row->order_len});
        break;
    case TAKEN:
        row->taken_ms != 0 ? pg_array_time(args, row->taken_ms) : pg_array_null(args);
        break;
    case CHANGED:
        pg_array_time(args, row->changed_ms);
        break;
    default:
        pg_array_i64(args, (int64_t)row->seq);
        break;
    }
}

int projection_write(struct projection *projection, struct pg *pg, int32_t event,
                     const struct engine *engine, uint64_t was, uint64_t seq, struct err_slot *err)
{
    static const enum pg_array types[COLUMNS] = {
        [HOLD] = PG_ARRAY_I64,   [STATE] = PG_ARRAY_TEXT, [BUYER] = PG_ARRAY_I64,
        [PLACES] = PG_ARRAY_I32, [AREA] = PG_ARRAY_I32,   [TOTAL] = PG_ARRAY_I64,
        [ORDER] = PG_ARRAY_TEXT, [TAKEN] = PG_ARRAY_TIME, [CHANGED] = PG_ARRAY_TIME,
        [SEQ] = PG_ARRAY_I64,
    };
    for (uint32_t i = 0; i < SLOTS; i++)
        if (projection->rows[i].hold != 0)
            complete(&projection->rows[i], engine);
    struct pg_args args;
    pg_args_init(&args, projection->memory, sizeof(projection->memory));
    pg_arg_i32(&args, event);
    pg_arg_i64(&args, (int64_t)was);
    pg_arg_i64(&args, (int64_t)seq);
    for (unsigned column = 0; column < COLUMNS; column++) {
        pg_array_open(&args, types[column], projection->len);
        for (uint32_t i = 0; i < SLOTS; i++)
            if (projection->rows[i].hold != 0)
                put_cell(&args, &projection->rows[i], column);
        pg_array_close(&args);
    }
    uint64_t rows = 0;
    int rc = pg_change(pg, SQL_WRITE, &args, err, &rows);
    if (rc < 0)
        return err_wrap(err, "writing `holds`");
    if (rows != projection->len)
        return err_set(err, ERR_STATE, "`holds` is written by somebody else");
    projection_clear(projection);
    return 0;
}
