/* rows.c: a hall row by row, in columns, so that a phone reads kilobytes instead of a megabyte.
 * Values that all seats of a row share are written once. Values that follow a rule (numbers that
 * count up, positions on a curve) are written as the rule. Each column is another pass over its
 * section. That is cheap enough: a plan is rendered once, and then only copied. */
#include "render/rows.h"

#include "render/curve.h"

#include <stdlib.h>

/* Seats [from, to) of a row or a section. */
struct range {
    const struct plan *plan;
    uint32_t from, to;
};

struct memory {
    struct curve_pen *pen;
    double *places; /* positions in a row along one axis, in half units */
};

static void put_flags(struct text *text, uint8_t flags)
{
    static const struct {
        enum plan_seat_flag flag;
        const char *name;
    } names[] = {
        {PLAN_SEAT_ACCESSIBLE, "accessible"},
        {PLAN_SEAT_COMPANION, "companion"},
        {PLAN_SEAT_RESTRICTED, "restricted-view"},
        {PLAN_SEAT_AISLE, "aisle"},
    };
    if (flags == 0)
        return;
    json_member_open(text, "flags", '[');
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if ((flags & names[i].flag) != 0)
            json_str(text, span_of(names[i].name));
    json_close(text, ']');
}

void rows_put_notes(struct text *text, const struct plan *plan, const struct plan_seat *seat)
{
    if (seat->channel != 0)
        json_member_str(text, "channel", plan_channel(plan, seat->channel)->id);
    put_flags(text, seat->flags);
    json_member_some(text, "entrance", seat->entrance);
    json_member_some(text, "floor", seat->floor);
    json_member_some(text, "sight", seat->sight);
    json_member_some(text, "seat_label", seat->label_form);
    if (seat->row_ends != PLAN_ROW_BOTH)
        json_member_cstr(text, "row_number_position",
                         seat->row_ends == PLAN_ROW_START ? "start" : "end");
}

static bool same_category(const struct plan_seat *a, const struct plan_seat *b)
{
    return a->category == b->category;
}

static bool same_notes(const struct plan_seat *a, const struct plan_seat *b)
{
    return a->channel == b->channel && a->flags == b->flags && span_eq(a->entrance, b->entrance) &&
           span_eq(a->floor, b->floor) && span_eq(a->sight, b->sight) &&
           span_eq(a->label_form, b->label_form) && a->row_ends == b->row_ends;
}

static void put_category(struct text *text, const struct plan *plan, const struct plan_seat *seat)
{
    (void)plan;
    json_u64(text, seat->category);
}

static void put_notes(struct text *text, const struct plan *plan, const struct plan_seat *seat)
{
    json_open(text, '{');
    rows_put_notes(text, plan, seat);
    json_close(text, '}');
}

/* Writes value, count, value, count ... */
static void put_runs(struct text *text, const char *key, const struct range *range,
                     bool (*same)(const struct plan_seat *, const struct plan_seat *),
                     void (*put)(struct text *, const struct plan *, const struct plan_seat *))
{
    json_member_open(text, key, '[');
    for (uint32_t i = range->from; i < range->to;) {
        struct plan_seat first = plan_seat(range->plan, i);
        uint32_t from = i;
        for (bool alike = true; alike && i < range->to; i += alike) {
            struct plan_seat seat = plan_seat(range->plan, i);
            alike = same(&first, &seat);
        }
        put(text, range->plan, &first);
        json_u64(text, i - from);
    }
    json_close(text, ']');
}

/* Whether the numbers are 7, 8, 9 ... The reader could not restore a leading zero, as in 07. */
static bool counts_up(const struct range *row, uint64_t *first)
{
    for (uint32_t i = row->from; i < row->to; i++) {
        struct span number = plan_seat(row->plan, i).number;
        uint64_t value;
        if (number.len == 0 || (number.len > 1 && number.ptr[0] == '0') ||
            !span_u64(number, UINT32_MAX, &value) ||
            (i > row->from && value != *first + (i - row->from)))
            return false;
        if (i == row->from)
            *first = value;
    }
    return true;
}

static bool has_prefix(const struct range *row, struct span *prefix)
{
    for (uint32_t i = row->from; i < row->to; i++) {
        struct plan_seat seat = plan_seat(row->plan, i);
        if (seat.guid.len < seat.number.len)
            return false;
        struct span before = {seat.guid.ptr, seat.guid.len - seat.number.len};
        if (!span_eq(span_skip(seat.guid, before.len), seat.number) ||
            (i > row->from && !span_eq(before, *prefix)))
            return false;
        *prefix = before;
    }
    return true;
}

/* The number of the row's first seat if they count up, else a list of all. */
static void put_number(struct text *text, const struct range *row)
{
    uint64_t first = 0;
    if (counts_up(row, &first)) {
        json_u64(text, first);
        return;
    }
    json_open(text, '[');
    for (uint32_t i = row->from; i < row->to; i++)
        json_str(text, plan_seat(row->plan, i).number);
    json_close(text, ']');
}

static void put_id(struct text *text, const struct range *row)
{
    struct span prefix = {NULL, 0};
    if (has_prefix(row, &prefix)) {
        json_str(text, prefix);
        return;
    }
    json_open(text, '[');
    for (uint32_t i = row->from; i < row->to; i++)
        json_str(text, plan_seat(row->plan, i).guid);
    json_close(text, ']');
}

static void put_label(struct text *text, const struct range *row)
{
    json_str(text, plan_seat(row->plan, row->from).row_label);
}

static void put_count(struct text *text, const struct range *row)
{
    json_u64(text, row->to - row->from);
}

static struct range next_row(const struct range *zone, uint32_t from)
{
    struct range row = {zone->plan, from, from + 1};
    struct span label = plan_seat(zone->plan, from).row_label;
    while (row.to < zone->to && span_eq(plan_seat(zone->plan, row.to).row_label, label))
        row.to++;
    return row;
}

static void put_column(struct text *text, const char *key, const struct range *zone,
                       void (*put)(struct text *, const struct range *))
{
    json_member_open(text, key, '[');
    for (uint32_t i = zone->from; i < zone->to;) {
        struct range row = next_row(zone, i);
        put(text, &row);
        i = row.to;
    }
    json_close(text, ']');
}

static void put_places(struct text *text, const char *key, const struct range *zone, bool y,
                       const struct memory *memory)
{
    struct curve curve = {0};
    const float *places = y ? plan_facts(zone->plan)->y : plan_facts(zone->plan)->x;
    json_member_open(text, key, '[');
    for (uint32_t i = zone->from; i < zone->to;) {
        struct range row = next_row(zone, i);
        for (; i < row.to; i++)
            memory->places[i - row.from] = 2.0 * (double)places[i];
        curve_put(&curve, text, memory->pen, memory->places, row.to - row.from);
    }
    json_close(text, ']');
}

int rows_put_zones(struct text *text, const struct plan *plan, struct err_slot *err)
{
    uint32_t count = plan_seat_count(plan);
    struct memory memory;
    int rc = curve_pen_create(count, err, &memory.pen);
    if (rc < 0)
        return rc;
    memory.places = calloc((size_t)count + 1, sizeof(*memory.places));
    if (memory.places == NULL) {
        curve_pen_destroy(memory.pen);
        return err_set(err, ERR_NOMEM, "the rows of %u seats", count);
    }
    json_member_open(text, "zones", '[');
    for (struct range zone = {plan, 0, 0}; zone.from < count; zone.from = zone.to) {
        struct span name = plan_seat(plan, zone.from).zone;
        while (zone.to < count && span_eq(plan_seat(plan, zone.to).zone, name))
            zone.to++;
        json_open(text, '{');
        struct span zone_name = plan_seat(zone.plan, zone.from).zone;
        json_member_str(text, "name", zone_name);
        json_member_some(text, "view", plan_view_of(zone.plan, zone_name));
        put_column(text, "rows", &zone, put_label);
        put_column(text, "seats", &zone, put_count);
        put_places(text, "x", &zone, false, &memory);
        put_places(text, "y", &zone, true, &memory);
        put_column(text, "number", &zone, put_number);
        put_column(text, "id", &zone, put_id);
        put_runs(text, "category", &zone, same_category, put_category);
        put_runs(text, "notes", &zone, same_notes, put_notes);
        json_close(text, '}');
    }
    json_close(text, ']');
    free(memory.places);
    curve_pen_destroy(memory.pen);
    return 0;
}
