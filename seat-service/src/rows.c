/* rows.c: see rows.h. A row is looked at once for each of its columns: halls are told once, at
 * import, and then only copied. */
#include "rows.h"

#include <math.h>

/* Seats [from, to) of one row. */
struct row {
    const struct plan *plan;
    uint32_t from, to;
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
    json_key(text, "flags");
    json_open(text, '[');
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if ((flags & names[i].flag) != 0)
            json_str(text, span_of(names[i].name));
    json_close(text, ']');
}

static void member_if_there(struct text *text, const char *key, struct span value)
{
    if (value.len > 0)
        json_member_str(text, key, value);
}

void rows_put_notes(struct text *text, const struct plan *plan, const struct plan_seat *seat)
{
    if (seat->channel != 0)
        json_member_str(text, "channel", plan_channel(plan, seat->channel)->id);
    put_flags(text, seat->flags);
    member_if_there(text, "entrance", seat->entrance);
    member_if_there(text, "floor", seat->floor);
    member_if_there(text, "sight", seat->sight);
}

static void put_places(struct text *text, const char *key, const struct row *row, bool y)
{
    int64_t last = 0, step = 0;
    json_key(text, key);
    json_open(text, '[');
    for (uint32_t i = row->from; i < row->to; i++) {
        struct plan_seat seat = plan_seat(row->plan, i);
        int64_t now = llround((double)(y ? seat.y : seat.x) * 10.0);
        json_i64(text, now - last - step);
        step = i == row->from ? 0 : now - last;
        last = now;
    }
    json_close(text, ']');
}

static bool same_category(const struct plan_seat *a, const struct plan_seat *b)
{
    return a->category == b->category;
}

static bool same_notes(const struct plan_seat *a, const struct plan_seat *b)
{
    return a->channel == b->channel && a->flags == b->flags && span_eq(a->entrance, b->entrance) &&
           span_eq(a->floor, b->floor) && span_eq(a->sight, b->sight);
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

/* value, how many, value, how many ... */
static void put_runs(struct text *text, const char *key, const struct row *row,
                     bool (*same)(const struct plan_seat *, const struct plan_seat *),
                     void (*put)(struct text *, const struct plan *, const struct plan_seat *))
{
    json_key(text, key);
    json_open(text, '[');
    for (uint32_t i = row->from; i < row->to;) {
        struct plan_seat first = plan_seat(row->plan, i);
        uint32_t from = i;
        for (bool alike = true; alike && i < row->to; i += alike) {
            struct plan_seat seat = plan_seat(row->plan, i);
            alike = same(&first, &seat);
        }
        put(text, row->plan, &first);
        json_u64(text, i - from);
    }
    json_close(text, ']');
}

/* 7, 8, 9 ...: written as people write numbers, so that 07 is not taken for 7. */
static bool counts_up(const struct row *row, uint64_t *first)
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

static bool has_prefix(const struct row *row, struct span *prefix)
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

static void put_names(struct text *text, const struct row *row)
{
    uint64_t first = 0;
    struct span prefix = {NULL, 0};
    bool counted = counts_up(row, &first), prefixed = has_prefix(row, &prefix);
    if (counted) {
        json_member_u64(text, "number", first);
    } else {
        json_key(text, "number");
        json_open(text, '[');
        for (uint32_t i = row->from; i < row->to; i++)
            json_str(text, plan_seat(row->plan, i).number);
        json_close(text, ']');
    }
    if (prefixed) {
        json_member_str(text, "id", prefix);
    } else {
        json_key(text, "id");
        json_open(text, '[');
        for (uint32_t i = row->from; i < row->to; i++)
            json_str(text, plan_seat(row->plan, i).guid);
        json_close(text, ']');
    }
}

static uint32_t end_of_row(const struct plan *plan, uint32_t from)
{
    struct plan_seat first = plan_seat(plan, from);
    uint32_t to = from + 1;
    for (; to < plan_seat_count(plan); to++) {
        struct plan_seat seat = plan_seat(plan, to);
        if (!span_eq(seat.zone, first.zone) || !span_eq(seat.row_label, first.row_label))
            break;
    }
    return to;
}

static void put_row(struct text *text, const struct row *row)
{
    json_open(text, '{');
    json_member_str(text, "label", plan_seat(row->plan, row->from).row_label);
    put_places(text, "x", row, false);
    put_places(text, "y", row, true);
    put_runs(text, "category", row, same_category, put_category);
    put_names(text, row);
    put_runs(text, "notes", row, same_notes, put_notes);
    json_close(text, '}');
}

void rows_put_zones(struct text *text, const struct plan *plan)
{
    uint32_t count = plan_seat_count(plan);
    json_key(text, "zones");
    json_open(text, '[');
    for (uint32_t i = 0; i < count;) {
        struct span zone = plan_seat(plan, i).zone;
        json_open(text, '{');
        json_member_str(text, "name", zone);
        json_key(text, "rows");
        json_open(text, '[');
        while (i < count && span_eq(plan_seat(plan, i).zone, zone)) {
            struct row row = {plan, i, end_of_row(plan, i)};
            put_row(text, &row);
            i = row.to;
        }
        json_close(text, ']');
        json_close(text, '}');
    }
    json_close(text, ']');
}
