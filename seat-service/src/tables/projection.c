/* projection.c: the table `holds`, for reports and `retire`: one row per hold, made by replay and
 * never read by the running service. Chunks are written behind the journal, each only if the table
 * is where the last one left it. Fields that a chunk lacks, such as those of a hold taken long
 * before, come from the engine, as it is before each change and after the chunk. Fields that
 * neither has keep the table's value. Operators' changes to seats and prices are written first,
 * into the table `act`. */
#include "tables/projection.h"

#include "tables/acts_table.h"
#include "tables/statements.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 2 * PROJECTION_HOLDS_MAX, UNSAID = -1 };

struct row {
    uint64_t hold; /* 0: unused */
    const char *state;
    uint64_t buyer;
    int64_t places, total; /* UNSAID: keep the table's value */
    uint16_t area;
    uint64_t taken_ms, changed_ms, seq;
    bool has_buyer;
    uint8_t order_len;
    char order[CHANGE_TEXT_MAX];
};

struct projection {
    struct row rows[SLOTS];
    uint32_t len;
    struct act_row acts[ACTS_WRITE_MAX];
    uint32_t acts_len;
    struct sql_holds_write_holds written[PROJECTION_HOLDS_MAX];
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
    projection->acts_len = 0;
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
    case CHANGE_EXTENDED: /* also names the new buyer, if the order's member differs */
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
    default: /* a move: only the time changes here */
        row->state = "sold";
        break;
    }
}

/* Sets the fields of a live hold from the engine, which also knows earlier changes. */
static void complete(struct row *row, const struct engine *engine)
{
    struct engine_hold_view view;
    if (engine_hold_read(engine, row->hold, &view) != ENGINE_OK)
        return;
    if (view.state == ENGINE_HOLD_SOLD) /* even if its last change refunded a part */
        row->state = "sold";
    row->places = view.quantity;
    if (view.state != ENGINE_HOLD_EXPIRED) /* whose seats the engine no longer prices */
        row->total = (int64_t)view.total;
    row->area = view.area;
    row->buyer = view.buyer;
    row->has_buyer = true;
}

/* For a change without a hold: an operator's act, or the import, which makes no row. */
static bool add_act(struct projection *projection, const struct engine *engine,
                    const struct change *change)
{
    struct act_row rows[PLAN_CATEGORIES_MAX];
    uint32_t len = act_rows_of(engine, change, rows);
    if (projection->acts_len + len > ACTS_WRITE_MAX)
        return false;
    memcpy(projection->acts + projection->acts_len, rows, len * sizeof(*rows));
    projection->acts_len += len;
    return true;
}

bool projection_add(struct projection *projection, const struct engine *engine,
                    const struct change *change)
{
    if (change->hold == 0)
        return add_act(projection, engine, change);
    uint64_t hold = change->hold;
    uint64_t at = hold * UINT64_C(0x9e3779b97f4a7c15) % SLOTS;
    while (projection->rows[at].hold != 0 && projection->rows[at].hold != hold)
        at = (at + 1) % SLOTS;
    struct row *row = &projection->rows[at];
    if (row->hold == 0) {
        if (projection->len == PROJECTION_HOLDS_MAX)
            return false;
        *row = (struct row){
            .hold = change->hold, .places = UNSAID, .total = UNSAID, .area = CHANGE_AREA_NONE};
        projection->len += 1;
    }
    complete(row, engine); /* the change may end the hold, which is then no longer known */
    take_change(row, change);
    row->changed_ms = change->at_ms;
    row->seq = change->seq;
    return true;
}

int projection_read(struct pg *pg, int32_t event, struct err_slot *err, uint64_t *seq)
{
    PGresult *res;
    int rc = sql_projected_seq(pg, &(struct sql_projected_seq_args){event}, err, &res);
    if (rc < 0)
        return rc;
    *seq = PQntuples(res) == 1 ? sql_projected_seq_row(res, 0).seq : 0;
    PQclear(res);
    return 0;
}

int projection_write(struct projection *projection, struct pg *pg, int32_t event,
                     const struct engine *engine, uint64_t was, uint64_t seq, struct err_slot *err)
{
    uint32_t len = 0;
    for (uint32_t i = 0; i < SLOTS; i++) {
        if (projection->rows[i].hold == 0)
            continue;
        complete(&projection->rows[i], engine);
        const struct row *row = &projection->rows[i];
        projection->written[len++] = (struct sql_holds_write_holds){
            .hold = row->hold,
            .state = span_of(row->state),
            .has_buyer = row->has_buyer,
            .buyer = row->buyer,
            .has_places = row->places != UNSAID,
            .places = (uint32_t)row->places,
            .has_area = row->area != CHANGE_AREA_NONE,
            .area = row->area,
            .has_total = row->total != UNSAID,
            .total = (uint64_t)row->total,
            .order_id = {row->order, row->order_len},
            .has_taken = row->taken_ms != 0,
            .taken_ms = row->taken_ms,
            .changed_ms = row->changed_ms,
            .seq = row->seq,
        };
    }
    assert(len == projection->len);
    if (projection->acts_len >
        0) { /* first: writing a row twice does no harm, but omitting it would */
        int done = acts_table_write(pg, event, projection->acts, projection->acts_len, err);
        if (done < 0)
            return done;
    }
    struct sql_holds_write_args args = {event, was, seq, projection->written, len};
    PGresult *stand;
    int rc = sql_holds_write(pg, &args, err, &stand);
    if (rc < 0)
        return err_wrap(err, "writing `holds`");
    bool ours = PQntuples(stand) == 1; /* even if the chunk has no hold */
    PQclear(stand);
    if (!ours)
        return err_set(err, ERR_STATE, "`holds` is written by somebody else");
    projection_clear(projection);
    return 0;
}
