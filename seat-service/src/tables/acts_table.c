/* acts_table.c: the table `act`, the audit trail of seats and prices. The auditor makes its rows
 * from the journal's changes. A round that was interrupted and repeated makes the same rows, so the
 * second write is ignored. The row of the import is read from the table `event`: the journal does
 * not name the operator, because its first owner begins it. */
#include "tables/acts_table.h"

#include "core/hall/plan.h"

#include <assert.h>
#include <string.h>

uint32_t act_rows_of(const struct engine *engine, const struct change *change,
                     struct act_row out[PLAN_CATEGORIES_MAX])
{
    bool prices = change->categories != 0, revised = change->kind == CHANGE_REVISED;
    bool in_area = change->area != CHANGE_AREA_NONE;
    if (!prices && !revised && change->kind != CHANGE_BLOCKED && change->kind != CHANGE_UNBLOCKED)
        return 0;
    struct act_row act = {.row = {
                              .seq = change->seq,
                              .at_ms = change->at_ms,
                              .kind = (uint16_t)(prices ? CHANGE_PRICED : change->kind),
                              .has_area = in_area,
                              .area = change->area,
                              .reason.len = change->text_len,
                              .who.len = change->who_len,
                          }};
    struct sql_acts_write_acts *row = &act.row;
    memcpy(act.reason, change->text, change->text_len);
    memcpy(act.who, change->who, change->who_len);
    if (prices) {
        uint32_t len = 0;
        row->has_category = row->has_price = row->has_price_was = true;
        for (uint64_t left = change->categories; left != 0; out[len++] = act) {
            uint8_t category = (uint8_t)change_category(&left);
            row->category = category;
            row->price = change->prices[category];
            if (category < plan_category_count(engine_plan(engine))) /* else of an old plan */
                row->price_was = engine_price_of(engine, engine_price_list(engine), category);
        }
        return len;
    }
    if (!revised) {
        uint32_t seats = (uint32_t)change->add_count + change->remove_count;
        assert(in_area || seats > 0);
        row->quantity = in_area ? change->quantity : seats;
        row->has_first_seat = row->has_last_seat = !in_area;
        row->first_seat = in_area ? 0 : change->seats[0];
        row->last_seat = in_area ? 0 : change->seats[seats - 1];
    }
    *out = act;
    return 1;
}

int acts_table_write(struct pg *pg, int32_t event, const struct act_row *rows, uint32_t len,
                     struct err_slot *err)
{
    struct sql_acts_write_acts acts[ACTS_WRITE_MAX];
    assert(len <= ACTS_WRITE_MAX);
    for (uint32_t i = 0; i < len; i++) {
        acts[i] = rows[i].row;
        acts[i].reason.ptr = rows[i].reason;
        acts[i].who.ptr =
            acts[i].who.len > 0 ? rows[i].who : NULL; /* unknown, or the admin token */
    }
    int rc = sql_acts_write(pg, &(struct sql_acts_write_args){event, acts, len}, err, NULL);
    return rc < 0 ? err_wrap(err, "writing `act`") : 0;
}
