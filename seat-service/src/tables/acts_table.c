/* acts_table.c: the table `act`, the audit trail of seats and prices. The auditor makes its rows
 * from the journal's changes. A round that was interrupted and repeated makes the same rows, so the
 * second write is ignored. The row of the import is read from the table `event`: the journal does
 * not name the operator, because its first owner begins it. */
#include "tables/acts_table.h"

#include "core/hall/plan.h"
#include "tables/statements.h"

#include <assert.h>
#include <string.h>

uint32_t act_rows_of(const struct engine *engine, const struct change *change,
                     struct act_row out[PLAN_CATEGORIES_MAX])
{
    bool prices = change->categories != 0, revised = change->kind == CHANGE_REVISED;
    if (!prices && !revised && change->kind != CHANGE_BLOCKED && change->kind != CHANGE_UNBLOCKED)
        return 0;
    struct act_row row = {
        .seq = change->seq,
        .at_ms = change->at_ms,
        .kind = (enum change_kind)change->kind,
        .area = change->area,
        .reason_len = change->text_len,
        .who_len = change->who_len,
    };
    memcpy(row.reason, change->text, change->text_len);
    memcpy(row.who, change->who, change->who_len);
    if (prices) {
        uint32_t len = 0;
        row.kind = CHANGE_PRICED;
        for (uint64_t left = change->categories; left != 0; out[len++] = row) {
            row.category = (uint8_t)change_category(&left);
            row.price = change->prices[row.category];
            if (row.category < plan_category_count(engine_plan(engine))) /* else of an old plan */
                row.price_was = engine_price_of(engine, engine_price_list(engine), row.category);
        }
        return len;
    }
    if (!revised) {
        uint32_t seats = (uint32_t)change->add_count + change->remove_count;
        bool in_area = change->area != CHANGE_AREA_NONE;
        assert(in_area || seats > 0);
        row.quantity = in_area ? change->quantity : seats;
        row.first_seat = in_area ? 0 : change->seats[0];
        row.last_seat = in_area ? 0 : change->seats[seats - 1];
    }
    *out = row;
    return 1;
}

int acts_table_write(struct pg *pg, int32_t event, const struct act_row *rows, uint32_t len,
                     struct err_slot *err)
{
    struct sql_acts_write_acts acts[ACTS_WRITE_MAX];
    assert(len <= ACTS_WRITE_MAX);
    for (uint32_t i = 0; i < len; i++) {
        bool prices = rows[i].kind == CHANGE_PRICED, in_area = rows[i].area != CHANGE_AREA_NONE;
        bool seats = !in_area && rows[i].quantity > 0;
        acts[i] = (struct sql_acts_write_acts){
            .seq = rows[i].seq,
            .at_ms = rows[i].at_ms,
            .kind = (uint16_t)rows[i].kind,
            .quantity = rows[i].quantity,
            .has_first_seat = seats,
            .first_seat = rows[i].first_seat,
            .has_last_seat = seats,
            .last_seat = rows[i].last_seat,
            .has_area = in_area,
            .area = rows[i].area,
            .has_category = prices,
            .category = rows[i].category,
            .has_price = prices,
            .price = rows[i].price,
            .has_price_was = prices,
            .price_was = rows[i].price_was,
            .reason = {rows[i].reason, rows[i].reason_len},
            .who = {rows[i].who_len > 0 ? rows[i].who : NULL, rows[i].who_len},
        };
    }
    int rc = sql_acts_write(pg, &(struct sql_acts_write_args){event, acts, len}, err, NULL);
    return rc < 0 ? err_wrap(err, "writing `act`") : 0;
}
