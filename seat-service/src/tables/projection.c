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

enum { SLOTS = 2 * PROJECTION_HOLDS_MAX };

struct slot {
    struct sql_holds_write_holds row; /* hold 0: unused */
    char order[CHANGE_TEXT_MAX];      /* row.order_id */
};

struct projection {
    struct slot slots[SLOTS];
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
    memset(projection->slots, 0, sizeof(projection->slots));
    projection->len = 0;
    projection->acts_len = 0;
}

static void take_order(struct slot *slot, const struct change *change)
{
    memcpy(slot->order, change->text, change->text_len);
    slot->row.order_id = (struct span){slot->order, change->text_len};
}

static void take_change(struct slot *slot, const struct change *change)
{
    struct sql_holds_write_holds *row = &slot->row;
    switch (change->kind) {
    case CHANGE_TAKEN:
        row->state = SPAN("open");
        row->buyer = change->buyer;
        row->area = change->area;
        row->has_area = change->area != CHANGE_AREA_NONE;
        row->places = row->has_area ? change->quantity : change->add_count;
        row->total = change->total;
        row->taken_ms = change->at_ms;
        row->has_buyer = row->has_places = row->has_total = row->has_taken = true;
        break;
    case CHANGE_CHANGED:
        row->state = SPAN("open");
        row->total = change->total;
        row->has_total = true;
        break;
    case CHANGE_EXTENDED: /* also names the new buyer, if the order's member differs */
        row->state = SPAN("paying");
        row->buyer = change->buyer;
        row->has_buyer = true;
        take_order(slot, change);
        break;
    case CHANGE_RELEASED:
        row->state = SPAN("released");
        break;
    case CHANGE_FORGOTTEN:
        row->state = change->text_len > 0 ? SPAN("released") : SPAN("expired");
        break;
    case CHANGE_EXPIRED:
    case CHANGE_LATE:
        row->state = SPAN("expired");
        break;
    case CHANGE_CONFIRMED:
        row->state = SPAN("sold");
        row->total = change->total;
        row->has_total = true;
        take_order(slot, change);
        break;
    case CHANGE_REFUNDED:
        row->state = SPAN("refunded");
        break;
    default: /* a move: only the time changes here */
        row->state = SPAN("sold");
        break;
    }
}

/* Sets the fields of a live hold from the engine, which also knows earlier changes. */
static void complete(struct sql_holds_write_holds *row, const struct engine *engine)
{
    struct engine_hold_view view;
    if (engine_hold_read(engine, row->hold, &view) != ENGINE_OK)
        return;
    if (view.state == ENGINE_HOLD_SOLD) /* even if its last change refunded a part */
        row->state = SPAN("sold");
    row->places = view.quantity;
    if (view.state != ENGINE_HOLD_EXPIRED) { /* whose seats the engine no longer prices */
        row->total = view.total;
        row->has_total = true;
    }
    row->area = view.area;
    row->has_area = view.area != CHANGE_AREA_NONE;
    row->buyer = view.buyer;
    row->has_buyer = row->has_places = true;
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
    while (projection->slots[at].row.hold != 0 && projection->slots[at].row.hold != hold)
        at = (at + 1) % SLOTS;
    struct slot *slot = &projection->slots[at];
    struct sql_holds_write_holds *row = &slot->row;
    if (row->hold == 0) {
        if (projection->len == PROJECTION_HOLDS_MAX)
            return false;
        *row = (struct sql_holds_write_holds){.hold = hold, .order_id = SPAN("")};
        projection->len += 1;
    }
    complete(row, engine); /* the change may end the hold, which is then no longer known */
    take_change(slot, change);
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
        if (projection->slots[i].row.hold == 0)
            continue;
        complete(&projection->slots[i].row, engine);
        projection->written[len++] = projection->slots[i].row;
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
