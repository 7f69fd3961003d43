/* render.c: events, seats and holds as JSON members.
 *
 * Each member is written in one place, so a hold looks the same in responses to its buyer, the
 * checkout and operators. Texts of a bounded size go into the caller's memory. The geometry of a
 * hall is written once per plan, into memory that is doubled until it fits. A hold is read from the
 * engine before it is rendered, in one consistent view; counts of seats are those that the engine
 * last published, those of areas are current. */
#include "render/render.h"

#include "base/json_time.h"
#include "render/rows.h"
#include "sale/purchase.h"

#include <assert.h>
#include <stdlib.h>

enum { GEOMETRY_BYTES_PER_SEAT = 160, GEOMETRY_BYTES_MORE = 65536 };

void render_times(struct text *text, uint64_t now_ms)
{
    json_member_time(text, "server_time", now_ms);
}

/* ---- geometry ---- */

static int64_t milli(float value)
{
    double scaled = (double)value * 1000.0;
    return (int64_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

/* Consecutive seats in plan order with the same zone and row label form one row. */
static void put_zones(struct text *text, const struct plan *plan)
{
    uint32_t count = plan_seat_count(plan);
    struct plan_seat last = {0};
    json_member_open(text, "zones", '[');
    for (uint32_t i = 0; i < count; i++) {
        struct plan_seat seat = plan_seat(plan, i);
        bool zone = i == 0 || !span_eq(seat.zone, last.zone);
        bool row = zone || !span_eq(seat.row_label, last.row_label);
        if (row && i > 0) {
            json_close(text, ']');
            json_close(text, '}');
        }
        if (zone && i > 0) {
            json_close(text, ']');
            json_close(text, '}');
        }
        if (zone) {
            json_open(text, '{');
            json_member_str(text, "name", seat.zone);
            json_member_open(text, "rows", '[');
        }
        if (row) {
            json_open(text, '{');
            json_member_str(text, "label", seat.row_label);
            json_member_open(text, "seats", '[');
        }
        json_open(text, '{');
        json_member_str(text, "id", seat.guid);
        json_member_str(text, "number", seat.number);
        json_member_milli(text, "x", milli(plan_facts(plan)->x[i]));
        json_member_milli(text, "y", milli(plan_facts(plan)->y[i]));
        json_member_u64(text, "category", seat.category);
        rows_put_notes(text, plan, &seat);
        if (seat.companion != UINT32_MAX)
            json_member_str(text, "companion_of", plan_seat(plan, seat.companion).guid);
        json_close(text, '}');
        last = seat;
    }
    if (count > 0) {
        json_close(text, ']');
        json_close(text, '}');
        json_close(text, ']');
        json_close(text, '}');
    }
    json_close(text, ']');
}

static int put_geometry(struct text *text, const struct plan *plan, const char *hash,
                        enum render_form form, struct err_slot *err)
{
    int rc = 0;
    float x, y;
    plan_focal(plan, &x, &y);
    json_open(text, '{');
    json_member_cstr(text, "hash", hash);
    json_member_str(text, "name", plan_name(plan));
    json_member_u64(text, "seats", plan_seat_count(plan));
    json_member_open(text, "focal_point", '{');
    json_member_milli(text, "x", milli(x));
    json_member_milli(text, "y", milli(y));
    json_close(text, '}');
    json_member_open(text, "categories", '[');
    for (uint32_t i = 0; i < plan_category_count(plan); i++) {
        const struct plan_category *category = plan_category(plan, i);
        json_open(text, '{');
        json_member_str(text, "name", category->name);
        json_member_some(text, "color", category->color);
        json_close(text, '}');
    }
    json_close(text, ']');
    if (form == RENDER_ROWS)
        rc = rows_put_zones(text, plan, err);
    else
        put_zones(text, plan);
    const struct plan_facts *facts = plan_facts(plan);
    uint32_t seats[PLAN_ROW_SEATS_MAX];
    json_member_open(text, "tables", '[');
    for (uint32_t run = 0; run < facts->run_count; run++) {
        const struct plan_run *table = &facts->runs[run];
        if ((table->flags & (PLAN_RUN_TABLE | PLAN_RUN_WHOLE)) == 0)
            continue;
        for (uint32_t pos = 0; pos < table->count; pos++)
            seats[pos] = plan_seat_at(facts, run, pos);
        json_open(text, '{');
        json_member_bool(text, "whole", (table->flags & PLAN_RUN_WHOLE) != 0);
        json_key(text, "seats");
        render_guids(text, plan, seats, table->count);
        json_close(text, '}');
    }
    json_close(text, ']');
    json_member_open(text, "areas", '[');
    for (uint32_t i = 0; i < plan_area_count(plan); i++) {
        const struct plan_area *area = plan_area(plan, i);
        json_open(text, '{');
        json_member_str(text, "id", area->id);
        json_member_str(text, "name", area->name);
        json_member_u64(text, "category", area->category);
        json_member_u64(text, "capacity", area->capacity);
        json_close(text, '}');
    }
    json_close(text, ']');
    struct span shapes = plan_shapes(plan);
    json_member_raw(text, "shapes", shapes.len > 0 ? shapes : SPAN("[]"));
    json_close(text, '}');
    return rc;
}

int render_geometry(const struct plan *plan, const char *hash, enum render_form form,
                    struct err_slot *err, char **out, size_t *len)
{
    size_t cap = (size_t)plan_seat_count(plan) * GEOMETRY_BYTES_PER_SEAT + GEOMETRY_BYTES_MORE;
    for (;; cap *= 2) {
        char *memory = malloc(cap);
        if (memory == NULL)
            return err_set(err, ERR_NOMEM, "a plan of %zu bytes", cap);
        struct text text = text_on(memory, cap);
        int rc = put_geometry(&text, plan, hash, form, err);
        if (rc == 0 && !text.overflown) {
            *out = memory;
            *len = text.len;
            return 0;
        }
        free(memory);
        if (rc < 0)
            return rc;
    }
}

/* ---- events ---- */

void render_count(struct text *text, uint32_t free, uint32_t held, uint32_t sold, uint32_t blocked)
{
    json_member_u64(text, "free", free);
    json_member_u64(text, "held", held);
    json_member_u64(text, "sold", sold);
    json_member_u64(text, "blocked", blocked);
}

void render_counts(struct text *text, const struct render_event *event)
{
    const struct plan *plan = event->plan;
    struct engine_count counts[PLAN_CATEGORIES_MAX];
    uint16_t prices = engine_price_list(event->engine);
    engine_counts(event->engine, counts);
    json_member_open(text, "categories", '[');
    for (uint32_t i = 0; i < plan_category_count(plan); i++) {
        const struct plan_category *category = plan_category(plan, i);
        json_open(text, '{');
        json_member_str(text, "name", category->name);
        json_member_some(text, "color", category->color);
        json_member_u64(text, "price", engine_price_of(event->engine, prices, (uint8_t)i));
        json_member_time(text, "on_sale_at", category->on_sale_ms);
        json_member_time(text, "off_sale_at", category->off_sale_ms);
        render_count(text, counts[i].free, counts[i].held, counts[i].sold, counts[i].blocked);
        json_close(text, '}');
    }
    json_close(text, ']');
    json_member_open(text, "areas", '[');
    for (uint32_t i = 0; i < plan_area_count(plan); i++) {
        const struct plan_area *area = plan_area(plan, i);
        struct engine_area now = engine_area(event->engine, (uint16_t)i);
        json_open(text, '{');
        json_member_str(text, "id", area->id);
        json_member_str(text, "name", area->name);
        json_member_str(text, "category", plan_category(plan, area->category)->name);
        json_member_u64(text, "capacity", now.capacity);
        render_count(text, now.free, now.held, now.sold, now.blocked);
        json_close(text, '}');
    }
    json_close(text, ']');
}

static void put_fees(struct text *text, const struct fees *fees)
{
    if (fees->per_seat == 0 && fees->per_order == 0 && fees->basis_points == 0)
        return;
    json_member_open(text, "fees", '{');
    json_member_u64(text, "per_seat", fees->per_seat);
    json_member_u64(text, "per_order", fees->per_order);
    json_member_u64(text, "basis_points", fees->basis_points);
    json_close(text, '}');
}

static void put_show(struct text *text, const struct show *show)
{
    if (show->starts_ms == 0)
        json_member_null(text, "starts_at");
    show_put(text, show);
}

void render_info(struct text *text, const struct render_event *event)
{
    const struct plan *plan = event->plan;
    const struct plan_limits *limits = plan_limits(plan);
    json_member_str(text, "event", event->id);
    json_member_str(text, "name", plan_name(plan));
    json_member_str(text, "currency", plan_currency(plan));
    put_show(text, plan_show(plan));
    json_member_cstr(text, "plan", event->plan_hash);
    json_member_u64(text, "seats", plan_seat_count(plan));
    json_member_bool(text, "accessible", plan_has_accessible(plan));
    json_member_bool(text, "codes", plan_has_codes(plan));
    json_member_open(text, "limits", '{');
    for (unsigned i = 0; i < plan_limit_count; i++) {
        const struct plan_limit *limit = &plan_limit_table[i];
        if (limit->shown && limit->kind == PLAN_LIMIT_TIME)
            json_member_time(text, limit->name, plan_limit_get(limits, limit));
        else if (limit->shown)
            json_member_u64(text, limit->name, plan_limit_get(limits, limit));
    }
    json_close(text, '}');
    put_fees(text, &plan_charges(plan)->fees);
    if (plan_charges(plan)->vat_basis_points > 0)
        json_member_u64(text, "vat_basis_points", plan_charges(plan)->vat_basis_points);
    render_counts(text, event);
    json_member_u64(text, "version", engine_avail_version(event->engine));
    render_times(text, event->now_ms);
}

void render_changes(struct text *text, const struct engine_delta *deltas, int count)
{
    static const char *const names[] = {
        [ENGINE_FREE] = "free",
        [ENGINE_HELD] = "held",
        [ENGINE_SEAT_SOLD] = "sold",
        [ENGINE_BLOCKED] = "blocked",
    };
    for (unsigned state = 0; state < sizeof(names) / sizeof(names[0]); state++) {
        json_member_open(text, names[state], '[');
        for (int i = 0; i < count; i++)
            if (deltas[i].state == state)
                json_u64(text, deltas[i].seat);
        json_close(text, ']');
    }
}

void render_prices(struct text *text, const struct plan *plan,
                   const uint64_t prices[PLAN_CATEGORIES_MAX])
{
    json_member_open(text, "prices", '[');
    for (uint32_t i = 0; i < plan_category_count(plan); i++)
        json_u64(text, prices[i]);
    json_close(text, ']');
}

void render_areas_free(struct text *text, const struct plan *plan, const struct engine *engine)
{
    json_member_open(text, "areas", '[');
    for (uint32_t i = 0; i < plan_area_count(plan); i++) {
        json_open(text, '{');
        json_member_str(text, "id", plan_area(plan, i)->id);
        json_member_u64(text, "free", engine_area(engine, (uint16_t)i).free);
        json_close(text, '}');
    }
    json_close(text, ']');
}

/* ---- holds ---- */

void render_guids(struct text *text, const struct plan *plan, const uint32_t *seats, uint32_t count)
{
    json_open(text, '[');
    for (uint32_t i = 0; i < count; i++)
        json_str(text, plan_seat(plan, seats[i]).guid);
    json_close(text, ']');
}

static const char *state_name(const struct engine_hold_view *view, uint64_t now_ms)
{
    switch (view->state) {
    case ENGINE_HOLD_SOLD:
        return "sold";
    case ENGINE_HOLD_EXPIRED:
        return "expired";
    case ENGINE_HOLD_OPEN:
        break;
    }
    if (view->expires_ms <= now_ms)
        return "expired";
    return view->order_hash != 0 ? "paying" : "open";
}

/* `total` is the price of the seats, without the fees. The VAT is included in the sum of both.
 */
static void put_charges(struct text *text, const struct plan_charges *charges,
                        const struct engine_hold_view *view)
{
    uint64_t fees = view->quantity > 0 ? fees_of(&charges->fees, view->total, view->quantity) : 0;
    json_member_u64(text, "fees", fees);
    if (charges->vat_basis_points == 0)
        return;
    json_member_u64(text, "vat_basis_points", charges->vat_basis_points);
    json_member_u64(text, "vat", fees_vat(view->total + fees, charges->vat_basis_points));
}

/* The rank by price, 1 for the highest, sets the colour on maps and tickets (web/paint.js). */
static void put_category(struct text *text, const struct render_event *event,
                         const struct engine_hold_view *view, uint8_t category)
{
    uint64_t price = engine_price_of(event->engine, view->price_list, category);
    uint32_t rank = 1;
    for (uint32_t i = 0; i < plan_category_count(event->plan); i++) {
        uint64_t other = engine_price_of(event->engine, view->price_list, (uint8_t)i);
        rank += other > price || (other == price && i < category);
    }
    json_member_str(text, "category", plan_category(event->plan, category)->name);
    json_member_u64(text, "category_rank", rank);
}

void render_hold(struct text *text, const struct render_event *event, const char *name,
                 const struct engine_hold_view *view)
{
    json_member_cstr(text, "hold", name);
    json_member_str(text, "event", event->id);
    json_member_str(text, "event_name", plan_name(event->plan));
    put_show(text, plan_show(event->plan));
    json_member_cstr(text, "state", state_name(view, event->now_ms));
    json_member_u64(text, "version", view->version);
    json_key(text, "seats");
    render_guids(text, event->plan, view->seats, view->seat_count);
    json_member_open(text, "places", '[');
    for (uint32_t i = 0; i < view->seat_count; i++) {
        struct plan_seat seat = plan_seat(event->plan, view->seats[i]);
        json_open(text, '{');
        json_member_str(text, "id", seat.guid);
        json_member_str(text, "number", seat.number);
        json_member_str(text, "row", seat.row_label);
        json_member_str(text, "zone", seat.zone);
        put_category(text, event, view, seat.category);
        if (seat.label_form.len > 0) {
            char memory[4 * PLAN_TEXT_MAX];
            struct text label = text_on(memory, sizeof(memory));
            plan_label_put(&label, seat.label_form, seat.number);
            assert(!label.overflown); /* the import bounds the label's length */
            json_member_str(text, "label", text_span(&label));
        }
        json_member_some(text, "entrance", seat.entrance);
        json_member_some(text, "floor", seat.floor);
        json_member_u64(text, "price",
                        engine_price_of(event->engine, view->price_list, view->paid[i]));
        json_close(text, '}');
    }
    json_close(text, ']');
    if (view->area != ENGINE_AREA_NONE) {
        const struct plan_area *area = plan_area(event->plan, view->area);
        json_member_str(text, "area", area->id);
        json_member_str(text, "area_name", area->name);
        put_category(text, event, view, area->category);
    }
    json_member_u64(text, "quantity", view->quantity);
    json_member_u64(text, "total", view->total);
    put_charges(text, plan_charges(event->plan), view);
    json_member_str(text, "currency", plan_currency(event->plan));
    if (!purchase_digest_is_none(view->purchase)) {
        char digest[PURCHASE_DIGEST_CHARS + 1];
        purchase_digest_text(view->purchase, digest);
        json_member_cstr(text, "purchase", digest);
    }
    json_member_time(text, "expires_at", view->expires_ms);
    json_member_time(text, "ends_at", view->hard_end_ms);
    render_times(text, event->now_ms);
}

void render_choice(struct text *text, unsigned flags)
{
    json_member_bool(text, "adjacent", (flags & CHANGE_FLAG_ADJACENT) != 0);
    json_member_bool(text, "orphan", (flags & CHANGE_FLAG_ORPHAN) != 0);
    json_member_bool(text, "last_resort", (flags & CHANGE_FLAG_LAST_RESORT) != 0);
}
