/* plan_import.c: from JSON to a plan, in four steps.
 *
 *   read      each object by its members, unknown ones refused; both versions of the schema and our
 *             extensions are allowed. The old schema (whole coordinates, rows that count their
 *             seats, areas of width and height with a text) is recognised member by member, as
 *             real files mix the two.
 *   relate    what no schema can say: guids unique, categories exist and are priced, companions
 *             next to accessible seats, extensions name existing things, sizes are plausible
 *   seat      rows become runs of neighbours (plan_row.h)
 *   make      plan_create() copies all of it, so that a failure up to here leaves nothing behind
 *
 * The export is the document itself, brought to the new schema and written with sorted keys; so
 * importing and exporting it again gives the same bytes. */
#include "core/hall/plan_import.h"
#include "base/json_in.h"
#include "base/table.h"
#include "base/tag.h"
#include "core/hall/plan_row.h"
#include "core/hall/plan_shape.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>

/* Far beyond any hall, and small enough that "/plan/zones/1999/rows/59999/seats/1999/position" fits
 * into an error. */
enum {
    ZONES_MAX = 2000,
    DRAWN_AREAS_MAX = 2000,    /* a zone */
    LIST_MAX = PLAN_SEATS_MAX, /* extensions: one for each seat */
};

/* Members that are not used. plan_shape.c counts shapes beyond the limit. */
enum dropped { DROPPED_RADIUS, DROPPED_DIRECTION, DROPPED_HIDING, DROPPED_SHAPES, DROPPED_KINDS };

/* A row of the document, which may become several runs. */
struct row {
    struct span number;
    uint32_t zone, first, count;
    bool table, whole;
    char *label; /* made from a form, else NULL; owned */
};

struct zone {
    struct span name, id;
};

struct import {
    struct err_slot *err;
    struct plan_draft draft;
    struct plan_draft_seat *seats;
    uint32_t seat_room;
    struct row *rows;
    uint32_t row_count, row_room;
    struct plan_row *words; /* rows with labels or row ends of their own */
    uint32_t words_room;
    struct zone *zones;
    uint32_t zone_count;
    struct plan_category categories[PLAN_CATEGORIES_MAX];
    struct plan_area areas[PLAN_AREAS_MAX];
    struct plan_channel channels[PLAN_CHANNELS_MAX];
    struct span plan_categories[PLAN_CATEGORIES_MAX];
    uint32_t plan_category_count;
    struct table by_guid;
    uint8_t *run_flags;
    uint64_t (*parts)[PLAN_ROW_SEATS_MAX / 64]; /* by run and bitmap: bit by category */
    uint32_t part_count;
    struct plan_view views[PLAN_VIEWS_MAX];
    struct plan_shapes shapes;
    struct plan_drop_count dropped[DROPPED_KINDS];
    bool no_memory;
};

/* ---- small readers ---- */

static void read_name(struct json_in *in, const char *key, struct span *out)
{
    json_in_require(in, key);
    json_in_chars(in, key, 1, PLAN_TEXT_MAX, out);
}

static void read_id(struct json_in *in, const char *key, struct span *out)
{
    json_in_require(in, key);
    json_in_str(in, key, 1, PLAN_ID_MAX, out);
}

static void read_time(struct json_in *in, const char *key, uint64_t *out)
{
    if (json_in_has(in, key))
        json_in_time(in, key, out);
}

/* Returns the array with twice the room; without memory NULL, and the old one stays valid. */
static void *grow(struct import *import, void *array, uint32_t *room, size_t size)
{
    uint32_t more = *room == 0 ? 256 : *room * 2;
    assert(more > *room);
    char *grown = realloc(array, more * size);
    if (grown == NULL) {
        import->no_memory = true;
        return NULL;
    }
    *room = more;
    return grown;
}

static bool seat_room(struct import *import)
{
    assert(import->draft.seat_count <= import->seat_room);
    if (import->draft.seat_count < import->seat_room)
        return true;
    void *grown = grow(import, import->seats, &import->seat_room, sizeof(*import->seats));
    import->seats = grown != NULL ? grown : import->seats;
    return grown != NULL;
}

static bool row_room(struct import *import)
{
    assert(import->row_count <= import->row_room);
    if (import->row_count < import->row_room)
        return true;
    void *grown = grow(import, import->rows, &import->row_room, sizeof(*import->rows));
    import->rows = grown != NULL ? grown : import->rows;
    return grown != NULL;
}

static bool words_room(struct import *import)
{
    if (import->draft.row_count < import->words_room)
        return true;
    void *grown = grow(import, import->words, &import->words_room, sizeof(*import->words));
    import->words = grown != NULL ? grown : import->words;
    assert(grown == NULL || import->draft.row_count < import->words_room);
    return grown != NULL;
}

/* ---- terms of sale ---- */

static int find_category(const struct import *import, struct span name)
{
    for (uint32_t i = 0; i < import->draft.category_count; i++)
        if (span_eq(import->categories[i].name, name))
            return (int)i;
    return -1;
}

static void read_categories(struct import *import, struct json_in *in)
{
    json_t *list;
    json_in_require(in, "categories");
    if (!json_in_array(in, "categories", 1, PLAN_CATEGORIES_MAX, &list))
        return;
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct json_in item;
        struct plan_category category = {.name = {NULL, 0}};
        if (!json_in_item_child(in, "categories", list, i, &item))
            return;
        read_name(&item, "name", &category.name);
        plan_read_text(&item, "color", &category.color);
        json_in_require(&item, "price");
        json_in_u64(&item, "price", 0, PLAN_PRICE_MAX, &category.price);
        read_time(&item, "on_sale_at", &category.on_sale_ms);
        read_time(&item, "off_sale_at", &category.off_sale_ms);
        if (category.off_sale_ms != 0 && category.off_sale_ms <= category.on_sale_ms)
            json_in_refuse(&item, "off_sale_at", "must be later than on_sale_at");
        if (find_category(import, category.name) >= 0)
            json_in_refuse(&item, "name", "is the name of an earlier category");
        if (json_in_end(&item) < 0)
            return;
        assert(import->draft.category_count < PLAN_CATEGORIES_MAX);
        import->categories[import->draft.category_count++] = category;
    }
}

static int find_channel(const struct import *import, struct span id)
{
    for (uint32_t i = 0; i < import->draft.channel_count; i++)
        if (span_eq(import->channels[i].id, id))
            return (int)i;
    return -1;
}

static unsigned letters_of(struct span code)
{
    unsigned letters = 0;
    for (size_t i = 0; i < code.len; i++) { /* UTF-8: bytes that begin a character */
        if (((unsigned char)code.ptr[i] & 0xc0) != 0x80 && code.ptr[i] != ' ')
            letters++;
    }
    return letters;
}

static void read_channels(struct import *import, struct json_in *in)
{
    json_t *list;
    import->channels[0] = (struct plan_channel){.id = SPAN("public"), .name = SPAN("public")};
    import->draft.channel_count = 1;
    if (!json_in_has(in, "channels") ||
        !json_in_array(in, "channels", 0, PLAN_CHANNELS_MAX - 1, &list))
        return;
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct json_in item;
        struct plan_channel channel = {.id = {NULL, 0}};
        if (!json_in_item_child(in, "channels", list, i, &item))
            return;
        read_id(&item, "id", &channel.id);
        plan_read_text(&item, "name", &channel.name);
        if (json_in_has(&item, "code") &&
            json_in_str(&item, "code", PLAN_CODE_MIN, PLAN_ID_MAX, &channel.code) &&
            letters_of(channel.code) < PLAN_CODE_MIN)
            json_in_refuse(&item, "code", "must have at least %d characters other than spaces",
                           PLAN_CODE_MIN);
        read_time(&item, "on_sale_at", &channel.on_sale_ms);
        if (find_channel(import, channel.id) >= 0)
            json_in_refuse(&item, "id", "is the id of an earlier channel, or \"public\"");
        if (json_in_end(&item) < 0)
            return;
        assert(import->draft.channel_count < PLAN_CHANNELS_MAX);
        import->channels[import->draft.channel_count++] = channel;
    }
}

static void read_channel_of(const struct import *import, struct json_in *in, uint8_t *out)
{
    assert(import->draft.channel_count > 0); /* at least the public */
    struct span id;
    if (!json_in_has(in, "channel") || !json_in_str(in, "channel", 1, PLAN_ID_MAX, &id))
        return;
    int channel = find_channel(import, id);
    if (channel < 0)
        json_in_refuse(in, "channel", "is not the id of a channel");
    else
        *out = (uint8_t)channel;
}

static void read_areas(struct import *import, struct json_in *in)
{
    json_t *list;
    if (!json_in_has(in, "areas") || !json_in_array(in, "areas", 0, PLAN_AREAS_MAX, &list))
        return;
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct json_in item;
        struct plan_area area = {.id = {NULL, 0}};
        struct span category = {NULL, 0};
        uint64_t capacity = 0;
        if (!json_in_item_child(in, "areas", list, i, &item))
            return;
        read_id(&item, "id", &area.id);
        read_name(&item, "category", &category);
        plan_read_text(&item, "name", &area.name);
        json_in_require(&item, "capacity");
        json_in_u64(&item, "capacity", 1, PLAN_AREA_CAPACITY_MAX, &capacity);
        read_channel_of(import, &item, &area.channel);
        int found = find_category(import, category);
        if (found < 0)
            json_in_refuse(&item, "category", "is not the name of a category");
        for (uint32_t j = 0; j < import->draft.area_count; j++)
            if (span_eq(import->areas[j].id, area.id))
                json_in_refuse(&item, "id", "is the id of an earlier area");
        if (json_in_end(&item) < 0)
            return;
        assert(found >= 0); /* otherwise refused before */
        assert(import->draft.area_count < PLAN_AREAS_MAX);
        area.capacity = (uint32_t)capacity;
        area.category = (uint8_t)found;
        import->areas[import->draft.area_count++] = area;
    }
}

static void read_limit(struct json_in *in, struct plan_limits *limits,
                       const struct plan_limit *limit)
{
    assert(limit->least <= limit->most);
    uint64_t value = plan_limit_get(limits, limit);
    bool flag = value != 0;
    switch (limit->kind) {
    case PLAN_LIMIT_FLAG:
        json_in_bool(in, limit->name, &flag);
        value = flag;
        break;
    case PLAN_LIMIT_TIME:
        read_time(in, limit->name, &value);
        break;
    default:
        json_in_u64(in, limit->name, limit->least, limit->most, &value);
        break;
    }
    plan_limit_set(limits, limit, value);
}

static void read_limits(struct import *import, struct json_in *in)
{
    struct plan_limits limits = plan_limits_usual();
    struct json_in child;
    if (json_in_has(in, "limits") && json_in_child(in, "limits", &child)) {
        for (unsigned i = 0; i < plan_limit_count; i++)
            read_limit(&child, &limits, &plan_limit_table[i]);
        /* A buyer may have a hold of the largest size. */
        if (!json_in_has(&child, "max_per_buyer") && limits.max_per_buyer < limits.max_per_hold)
            limits.max_per_buyer = limits.max_per_hold;
        /* A longer hold TTL extends the hard end if that is not given. */
        if (!json_in_has(&child, "hold_max_s") && limits.hold_max_ms < limits.hold_ttl_ms)
            limits.hold_max_ms = limits.hold_ttl_ms;
        if (limits.hold_max_ms < limits.hold_ttl_ms)
            json_in_refuse(&child, "hold_max_s", "must not be less than hold_ttl_s");
        json_in_end(&child);
    }
    import->draft.limits = limits;
}

static void read_charges(struct import *import, struct json_in *in)
{
    struct plan_charges *charges = &import->draft.charges;
    struct fees *fees = &charges->fees;
    struct json_in child;
    if (json_in_has(in, "fees") && json_in_child(in, "fees", &child)) {
        json_in_u64(&child, "per_seat", 0, FEES_MINOR_MAX, &fees->per_seat);
        json_in_u64(&child, "per_order", 0, FEES_MINOR_MAX, &fees->per_order);
        json_in_u64(&child, "basis_points", 0, FEES_BASIS_POINTS_MAX, &fees->basis_points);
        json_in_end(&child);
    }
    json_in_u64(in, "vat_basis_points", 0, FEES_VAT_MAX, &charges->vat_basis_points);
}

/* ---- the plan ---- */

static void read_plan_categories(struct import *import, struct json_in *plan)
{
    json_t *list;
    json_in_require(plan, "categories");
    if (!json_in_array(plan, "categories", 0, PLAN_CATEGORIES_MAX, &list))
        return;
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct json_in item;
        struct span name = {NULL, 0}, color = {NULL, 0};
        if (!json_in_item_child(plan, "categories", list, i, &item))
            return;
        read_name(&item, "name", &name);
        plan_read_text(&item, "color", &color);
        for (uint32_t j = 0; j < import->plan_category_count; j++)
            if (span_eq(import->plan_categories[j], name))
                json_in_refuse(&item, "name", "is the name of an earlier category");
        int priced = find_category(import, name);
        if (priced < 0)
            json_in_refuse(&item, "name", "has no entry with a price in /categories");
        if (json_in_end(&item) < 0)
            return;
        assert(priced >= 0); /* otherwise refused before */
        assert(import->plan_category_count < import->draft.category_count); /* each once */
        if (import->categories[priced].color.ptr == NULL)
            import->categories[priced].color = color;
        import->plan_categories[import->plan_category_count++] = name;
    }
}

static bool read_seat(struct import *import, struct json_in *row, const json_t *list, size_t i,
                      struct plan_draft_seat *seat)
{
    static const char *const directions[] = {"<", ">", "<>", NULL};
    struct json_in item;
    struct span category = {NULL, 0}, ignored;
    float radius = 0, x = 0, y = 0;
    unsigned direction;
    if (!json_in_item_child(row, "seats", list, i, &item))
        return false;
    read_id(&item, "seat_guid", &seat->guid);
    if (span_has_any(seat->guid, "#")) /* floor#1: the first place of an order in area "floor" */
        json_in_refuse(&item, "seat_guid", "must not have a #");
    json_in_require(&item, "seat_number");
    json_in_chars(&item, "seat_number", 0, PLAN_TEXT_MAX, &seat->number);
    json_in_require(&item, "position");
    plan_read_position(&item, "position", &x, &y);
    read_name(&item, "category", &category);
    plan_read_number(&item, "radius", &radius);
    if (radius > 0)
        plan_drop(&import->dropped[DROPPED_RADIUS], &item, "radius");
    if (json_in_has(&item, "start_direction") &&
        json_in_word(&item, "start_direction", directions, &direction))
        plan_drop(&import->dropped[DROPPED_DIRECTION], &item, "start_direction");
    plan_read_text(&item, "uuid", &ignored);
    if (radius < 0)
        json_in_refuse(&item, "radius", "must not be negative");
    bool known = false;
    for (uint32_t j = 0; j < import->plan_category_count; j++)
        known = known || span_eq(import->plan_categories[j], category);
    if (!known && category.ptr != NULL)
        json_in_refuse(&item, "category", "is not the name of a category in /plan/categories");
    if (json_in_end(&item) < 0)
        return false;
    assert(known);
    assert(find_category(import, category) >= 0); /* the plan's categories are priced */
    seat->category = (uint8_t)find_category(import, category);
    seat->x += x;
    seat->y += y;
    return true;
}

static bool has_gap(struct span form)
{
    return form.len > 0 && memmem(form.ptr, form.len, "%s", 2) != NULL;
}

/* A name made from a form, such as "Row %s", has the same maximum length as any other. */
static void judge_form(struct json_in *row, const char *key, struct span form, struct span number)
{
    if (has_gap(form) && span_chars(form) - 2 + span_chars(number) > PLAN_TEXT_MAX)
        json_in_refuse(row, key, "makes more than %d characters with a number", PLAN_TEXT_MAX);
}

/* Fills the row's number into its label. */
static bool fill_label(struct import *import, struct row *row, struct span form)
{
    enum { LABEL_BYTES = 4 * PLAN_TEXT_MAX };
    if (!has_gap(form))
        return true;
    assert(row->label == NULL);
    row->label = malloc(LABEL_BYTES);
    if (row->label == NULL) {
        import->no_memory = true;
        return false;
    }
    struct text text = text_on(row->label, LABEL_BYTES);
    plan_label_put(&text, form, row->number);
    assert(!text.overflown); /* judge_form() */
    for (uint32_t seat = row->first; seat < row->first + row->count; seat++)
        import->seats[seat].row_label = text_span(&text);
    return true;
}

static bool keep_words(struct import *import, const struct row *row, struct span form,
                       enum plan_row_ends ends)
{
    if (row->count == 0 || (form.len == 0 && ends == PLAN_ROW_BOTH))
        return true;
    if (!words_room(import))
        return false;
    assert(import->draft.row_count < import->words_room);
    import->words[import->draft.row_count++] =
        (struct plan_row){row->first, row->count, form, ends};
    return true;
}

static bool read_row(struct import *import, struct json_in *zone, const json_t *list, size_t i,
                     uint32_t zone_number, float x, float y)
{
    static const char *const positions[] = {
        [PLAN_ROW_START] = "start", [PLAN_ROW_END] = "end", [PLAN_ROW_BOTH] = "both", NULL};
    struct json_in item;
    struct row row = {.zone = zone_number, .first = import->draft.seat_count};
    struct span label = {NULL, 0}, form = {NULL, 0}, ignored;
    json_t *seats = NULL;
    unsigned position = PLAN_ROW_BOTH;
    uint64_t count;
    float spacing, row_x = 0, row_y = 0;
    if (!json_in_item_child(zone, "rows", list, i, &item))
        return false;
    json_in_require(&item, "row_number");
    json_in_chars(&item, "row_number", 0, PLAN_TEXT_MAX, &row.number);
    plan_read_text(&item, "row_label", &label);
    plan_read_text(&item, "seat_label", &form);
    judge_form(&item, "row_label", label, row.number);
    if (json_in_has(&item, "row_number_position"))
        json_in_word(&item, "row_number_position", positions, &position);
    plan_read_position(&item, "position", &row_x, &row_y);
    plan_read_text(&item, "uuid", &ignored);
    json_in_require(&item, "seats");
    json_in_array(&item, "seats", 0, PLAN_ROW_MAX, &seats);
    plan_read_number(&item, "seats_spacing", &spacing); /* old schema */
    if (json_in_u64(&item, "number_of_seats", 0, PLAN_ROW_MAX, &count) && seats != NULL &&
        count != json_array_size(seats)) /* old schema */
        json_in_refuse(&item, "number_of_seats", "is not the number of seats in the row");
    for (size_t j = 0; j < json_array_size(seats); j++) {
        uint32_t at = import->draft.seat_count;
        if (at == PLAN_SEATS_MAX) {
            json_in_refuse(&item, "seats", "go beyond the %d that a plan may have", PLAN_SEATS_MAX);
            break;
        }
        if (!seat_room(import))
            return false;
        struct plan_draft_seat *seat = &import->seats[at];
        *seat = (struct plan_draft_seat){.x = x + row_x,
                                         .y = y + row_y,
                                         .companion = UINT32_MAX,
                                         .row_label = label.ptr != NULL ? label : row.number,
                                         .zone = import->zones[zone_number].name};
        if (!read_seat(import, &item, seats, j, seat))
            break;
        judge_form(&item, "seat_label", form, seat->number);
        import->draft.seat_count++;
        row.count++;
    }
    if (json_in_end(&item) < 0)
        return false;
    if (!row_room(import) || !keep_words(import, &row, form, position) ||
        !fill_label(import, &row, label))
        return false;
    assert(row.first + row.count == import->draft.seat_count);
    import->rows[import->row_count++] = row;
    return true;
}

static bool read_zone(struct import *import, struct json_in *plan, const json_t *list, size_t i)
{
    assert(i < import->zone_count);
    struct json_in item;
    struct zone *zone = &import->zones[i];
    struct span ignored;
    json_t *rows = NULL, *areas = NULL;
    bool displayed = true;
    float x = 0, y = 0;
    if (!json_in_item_child(plan, "zones", list, i, &item))
        return false;
    plan_read_text(&item, "name", &zone->name);
    plan_read_text(&item, "zone_id", &zone->id);
    plan_read_text(&item, "uuid", &ignored);
    json_in_bool(&item, "displayed", &displayed); /* old schema */
    if (!displayed)
        plan_drop(&import->dropped[DROPPED_HIDING], &item, "displayed");
    json_in_require(&item, "position");
    plan_read_position(&item, "position", &x, &y);
    json_in_require(&item, "rows");
    json_in_array(&item, "rows", 0, PLAN_ROWS_MAX, &rows);
    if (json_in_has(&item, "areas"))
        json_in_array(&item, "areas", 0, DRAWN_AREAS_MAX, &areas);
    bool good = true;
    for (size_t j = 0; j < json_array_size(rows) && good; j++)
        good = read_row(import, &item, rows, j, (uint32_t)i, x, y);
    for (size_t j = 0; j < json_array_size(areas) && good; j++)
        good = plan_shape_read(&import->shapes, &item, areas, j, x, y);
    return json_in_end(&item) == 0 && good;
}

static void read_plan(struct import *import, struct json_in *in)
{
    struct json_in plan, size;
    struct span name;
    json_t *zones = NULL;
    if (!json_in_child(in, "plan", &plan))
        return;
    json_in_require(&plan, "name");
    json_in_chars(&plan, "name", 0, PLAN_TEXT_MAX, &name);
    if (json_in_has(&plan, "size") && json_in_child(&plan, "size", &size)) {
        uint64_t ignored;
        json_in_require(&size, "width");
        json_in_require(&size, "height");
        json_in_u64(&size, "width", 1, 10000000, &ignored);
        json_in_u64(&size, "height", 1, 10000000, &ignored);
        json_in_end(&size);
    }
    read_plan_categories(import, &plan);
    json_in_require(&plan, "zones");
    if (plan.rc == 0 && json_in_array(&plan, "zones", 0, ZONES_MAX, &zones)) {
        import->zones = calloc(json_array_size(zones) + 1, sizeof(*import->zones));
        import->no_memory = import->zones == NULL;
        for (size_t i = 0; i < json_array_size(zones) && !import->no_memory; i++) {
            import->zone_count++;
            if (!read_zone(import, &plan, zones, i))
                break;
        }
    }
    json_in_end(&plan);
}

/* ---- relations ---- */

static bool is_of_guid(const void *ctx, uint32_t seat, const void *guid)
{
    const struct import *import = ctx;
    assert(seat < import->draft.seat_count);
    return span_eq(import->seats[seat].guid, *(const struct span *)guid);
}

static uint32_t find_guid(const struct import *import, struct span guid)
{
    uint32_t found = table_find(&import->by_guid, tag_hash(guid), is_of_guid, import, &guid);
    assert(found == TABLE_NONE || found < import->draft.seat_count);
    return found;
}

/* Reports a seat by its JSON pointer, for rules that are checked after reading. */
static int refuse_seat(const struct import *import, uint32_t seat, const char *member,
                       const char *rule)
{
    assert(seat < import->draft.seat_count);
    uint32_t row = 0, in_zone = 0;
    while (seat - import->rows[row].first >= import->rows[row].count)
        row++;
    for (uint32_t i = row; i > 0 && import->rows[i - 1].zone == import->rows[row].zone; i--)
        in_zone++;
    return err_set(import->err, ERR_RANGE,
                   "/plan/zones/%" PRIu32 "/rows/%" PRIu32 "/seats/%" PRIu32 "/%s: %s",
                   import->rows[row].zone, in_zone, seat - import->rows[row].first, member, rule);
}

static int find_all_guids(struct import *import)
{
    int rc = table_reserve(&import->by_guid, import->draft.seat_count, import->err);
    for (uint32_t i = 0; rc == 0 && i < import->draft.seat_count; i++) {
        struct span guid = import->seats[i].guid;
        if (find_guid(import, guid) != TABLE_NONE)
            return refuse_seat(import, i, "seat_guid", "is used twice");
        rc = table_add(&import->by_guid, tag_hash(guid), i, import->err);
    }
    return rc;
}

struct labels { /* of zones, rows and seats; the closest one wins */
    struct span entrance, floor, sight;
    uint8_t channel;
    bool has_channel;
};

static void read_labels(const struct import *import, struct json_in *in, struct labels *labels)
{
    plan_read_text(in, "entrance", &labels->entrance);
    plan_read_text(in, "floor", &labels->floor);
    plan_read_text(in, "sight", &labels->sight);
    labels->has_channel = json_in_has(in, "channel");
    read_channel_of(import, in, &labels->channel);
}

static void apply_labels(struct plan_draft_seat *seat, const struct labels *labels)
{
    assert(labels->channel < PLAN_CHANNELS_MAX);
    if (labels->entrance.ptr != NULL)
        seat->entrance = labels->entrance;
    if (labels->floor.ptr != NULL)
        seat->floor = labels->floor;
    if (labels->sight.ptr != NULL)
        seat->sight = labels->sight;
    if (labels->has_channel)
        seat->channel = labels->channel;
}

static bool is_zone(const struct import *import, const struct row *row, struct span name)
{
    assert(row->zone < import->zone_count);
    const struct zone *zone = &import->zones[row->zone];
    return span_eq(zone->name, name) || (zone->id.ptr != NULL && span_eq(zone->id, name));
}

/* For a zone of the plan, given by its name or its id; the last entry for a zone wins. */
static void read_view(struct import *import, struct json_in *in, struct span view)
{
    struct span path = {NULL, 0}, zone = view;
    plan_read_text(in, "view", &path);
    if (path.ptr == NULL)
        return;
    for (uint32_t i = 0; i < import->zone_count; i++)
        if (import->zones[i].id.ptr != NULL && span_eq(import->zones[i].id, view))
            zone = import->zones[i].name;
    uint32_t at = 0;
    while (at < import->draft.view_count && !span_eq(import->views[at].zone, zone))
        at++;
    if (!show_is_own_path(path)) {
        json_in_refuse(in, "view", "must be a path of this origin, such as /views/stalls.webp");
        return;
    }
    if (at == PLAN_VIEWS_MAX) {
        json_in_refuse(in, "view", "is one too many for a plan");
        return;
    }
    import->views[at] = (struct plan_view){zone, path};
    if (at == import->draft.view_count)
        import->draft.view_count++;
}

/* Reads "zones" or "rows": applies each entry to its rows. */
static void read_group(struct import *import, struct json_in *in, const char *key, bool by_row)
{
    static const char *const tables[] = {"seat", "whole", NULL};
    json_t *list;
    if (!json_in_has(in, key) || !json_in_array(in, key, 0, LIST_MAX, &list))
        return;
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct json_in item;
        struct labels labels = {.has_channel = false};
        struct span zone = {NULL, 0}, number = {NULL, 0};
        unsigned table = 0;
        bool is_table = false, found = false;
        if (!json_in_item_child(in, key, list, i, &item))
            return;
        read_name(&item, "zone", &zone);
        read_labels(import, &item, &labels);
        if (by_row) {
            read_name(&item, "row", &number);
            is_table = json_in_has(&item, "table") && json_in_word(&item, "table", tables, &table);
        }
        for (uint32_t j = 0; j < import->row_count; j++) {
            struct row *row = &import->rows[j];
            if (!is_zone(import, row, zone) || (by_row && !span_eq(row->number, number)))
                continue;
            found = true;
            assert(row->first + row->count <= import->draft.seat_count);
            row->table = row->table || is_table;
            row->whole = row->whole || (is_table && table == 1);
            for (uint32_t s = row->first; s < row->first + row->count; s++)
                apply_labels(&import->seats[s], &labels);
        }
        if (!found)
            json_in_refuse(&item, by_row ? "row" : "zone", "is not in the plan");
        else if (!by_row)
            read_view(import, &item, zone);
        if (json_in_end(&item) < 0)
            return;
    }
}

static void read_flag(struct json_in *in, const char *key, uint8_t flag, uint8_t *flags)
{
    assert(flag != 0);
    bool on = false;
    if (json_in_has(in, key) && json_in_bool(in, key, &on) && on)
        *flags |= flag;
}

static void read_seat_extension(struct import *import, struct json_in *item)
{
    struct labels labels = {.has_channel = false};
    struct span guid = {NULL, 0}, with = {NULL, 0};
    uint8_t flags = 0;
    read_name(item, "guid", &guid);
    read_labels(import, item, &labels);
    read_flag(item, "accessible", PLAN_SEAT_ACCESSIBLE, &flags);
    read_flag(item, "restricted_view", PLAN_SEAT_RESTRICTED, &flags);
    read_flag(item, "aisle", PLAN_SEAT_AISLE, &flags);
    plan_read_text(item, "companion_of", &with);
    uint32_t seat = guid.ptr != NULL ? find_guid(import, guid) : TABLE_NONE;
    if (seat == TABLE_NONE) {
        json_in_refuse(item, "guid", "is not a seat of the plan");
        return;
    }
    struct plan_draft_seat *at = &import->seats[seat];
    apply_labels(at, &labels);
    at->flags |= flags;
    if (with.ptr == NULL)
        return;
    uint32_t accessible = find_guid(import, with);
    if (accessible == TABLE_NONE || accessible == seat)
        json_in_refuse(item, "companion_of", "is not another seat of the plan");
    else if (flags & PLAN_SEAT_ACCESSIBLE)
        json_in_refuse(item, "companion_of", "is for a seat that is not accessible itself");
    else
        at->companion = accessible;
    assert(at->companion != seat); /* plan_create() asserts it again */
    at->flags |= PLAN_SEAT_COMPANION;
}

static void read_seat_extensions(struct import *import, struct json_in *in)
{
    json_t *list;
    if (!json_in_has(in, "seats") || !json_in_array(in, "seats", 0, LIST_MAX, &list))
        return;
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct json_in item;
        if (!json_in_item_child(in, "seats", list, i, &item))
            return;
        read_seat_extension(import, &item);
        if (json_in_end(&item) < 0)
            return;
    }
    for (size_t i = 0; i < json_array_size(list); i++) { /* companions may come first */
        json_t *item = json_array_get(list, i);
        struct span guid = {json_string_value(json_object_get(item, "guid")),
                            json_string_length(json_object_get(item, "guid"))};
        uint32_t found = find_guid(import, guid);
        assert(found != TABLE_NONE); /* otherwise refused above */
        const struct plan_draft_seat *seat = &import->seats[found];
        struct json_in child;
        if (seat->companion == UINT32_MAX ||
            (import->seats[seat->companion].flags & PLAN_SEAT_ACCESSIBLE) != 0)
            continue;
        bool is_object = json_in_item_child(in, "seats", list, i, &child);
        assert(is_object); /* it was when it was read */
        json_in_refuse(&child, "companion_of", "is not an accessible seat");
    }
}

/* ---- runs of neighbours ---- */

static int seat_row(struct import *import, struct row *row, float hall_gap)
{
    struct plan_draft_seat *seats = &import->seats[row->first];
    uint32_t first = import->draft.run_count;
    if (row->count == 0)
        return 0;
    row->table = row->table || plan_row_is_round(seats, row->count);
    /* Two or three seats do not show the usual distance; the hall does. */
    uint32_t runs =
        plan_row_cut(seats, row->count, row->table, row->count > 3 ? 0 : hall_gap, first);
    assert(runs <= row->count);
    if (first + runs > PLAN_ROWS_MAX)
        return refuse_seat(import, row->first, "position", "begins one row too many for a plan");
    for (uint32_t i = 0; i < row->count; i++) {
        if (seats[i].pos >= PLAN_ROW_SEATS_MAX)
            return refuse_seat(import, row->first + i, "position",
                               "is beyond the 256th neighbour in a row without an aisle");
        if (row->whole && seats[i].pos >= HOLD_SEATS_MAX)
            return refuse_seat(import, row->first + i, "position",
                               "makes a table of more seats than a hold may have");
        uint64_t *part = &import->parts[seats[i].run][seats[i].pos / 64];
        uint64_t bit = UINT64_C(1) << seats[i].category;
        if ((*part & bit) == 0 && ++import->part_count > PLAN_ROWS_MAX)
            return refuse_seat(import, row->first + i, "position",
                               "begins one part too many for a plan; a part of a row has at most "
                               "64 seats of one category");
        *part |= bit;
    }
    for (uint32_t i = 0; i < runs; i++)
        import->run_flags[first + i] =
            (uint8_t)((row->table ? PLAN_RUN_TABLE : 0) | (row->whole ? PLAN_RUN_WHOLE : 0));
    import->draft.run_count += runs;
    assert(import->draft.run_count <= PLAN_ROWS_MAX);
    return 0;
}

static int by_value(const void *a, const void *b)
{
    const float *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int seat_all(struct import *import)
{
    float *gaps = calloc(import->row_count + 1, sizeof(*gaps));
    import->run_flags = calloc(PLAN_ROWS_MAX, 1);
    import->parts = calloc(PLAN_ROWS_MAX, sizeof(*import->parts));
    int rc = gaps == NULL || import->run_flags == NULL || import->parts == NULL
                 ? err_set(import->err, ERR_NOMEM, "plan's rows")
                 : 0;
    uint32_t known = 0;
    for (uint32_t i = 0; i < import->row_count && rc == 0; i++) {
        const struct row *row = &import->rows[i];
        if (row->count >= 2)
            gaps[known++] = plan_row_gap(&import->seats[row->first], row->count);
    }
    float hall_gap = 1e9F;
    if (known > 0) {
        assert(known <= import->row_count);
        qsort(gaps, known, sizeof(gaps[0]), by_value);
        hall_gap = gaps[known / 2];
        assert(hall_gap >= 0);
    }
    for (uint32_t i = 0; i < import->row_count && rc == 0; i++)
        rc = seat_row(import, &import->rows[i], hall_gap);
    free(gaps);
    return rc;
}

static void set_focal(struct import *import, struct json_in *in)
{
    float left = 0, right = 0, top = 0;
    for (uint32_t i = 0; i < import->draft.seat_count; i++) {
        const struct plan_draft_seat *seat = &import->seats[i];
        left = i == 0 || seat->x < left ? seat->x : left;
        right = i == 0 || seat->x > right ? seat->x : right;
        top = i == 0 || seat->y < top ? seat->y : top;
    }
    assert(left <= right);
    import->draft.focal_x = (left + right) / 2; /* a stage is usually at the top */
    import->draft.focal_y = top;
    plan_read_position(in, "focal_point", &import->draft.focal_x, &import->draft.focal_y);
}

/* ---- the document in the new schema ---- */

static void drop_nulls(json_t *object)
{
    const char *key;
    json_t *value;
    void *next;
    assert(json_is_object(object)); /* read before */
    json_object_foreach_safe(object, next, key, value)
    {
        if (json_is_null(value))
            json_object_del(object, key);
    }
}

static bool renew_area(json_t *area)
{
    static const char *const sizes[] = {"width", "height"};
    int failed = 0;
    assert(json_is_object(area));
    json_t *text = json_object_get(area, "text");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        json_t *size = json_object_get(area, sizes[i]);
        if (size == NULL)
            continue;
        if (json_object_get(area, "rectangle") == NULL)
            failed |= json_object_set_new(area, "rectangle", json_object());
        if (json_object_get(area, "shape") == NULL)
            failed |= json_object_set_new(area, "shape", json_string("rectangle"));
        json_t *rectangle = json_object_get(area, "rectangle");
        if (json_object_get(rectangle, sizes[i]) == NULL) /* the new schema's size wins */
            failed |= json_object_set(rectangle, sizes[i], size);
        json_object_del(area, sizes[i]);
    }
    if (json_is_string(text))
        failed |= json_object_set_new(
            area, "text", json_pack("{sOs{sisi}}", "text", text, "position", "x", 0, "y", 0));
    return failed == 0;
}

static bool renew(json_t *doc)
{
    size_t i, j, k;
    json_t *zone, *row, *seat, *area;
    bool good = true;
    drop_nulls(doc);
    json_array_foreach(json_object_get(json_object_get(doc, "plan"), "zones"), i, zone)
    {
        drop_nulls(zone);
        json_object_del(zone, "displayed");
        json_array_foreach(json_object_get(zone, "rows"), j, row)
        {
            drop_nulls(row);
            json_object_del(row, "number_of_seats");
            json_object_del(row, "seats_spacing");
            json_array_foreach(json_object_get(row, "seats"), k, seat)
            {
                drop_nulls(seat);
            }
        }
        json_array_foreach(json_object_get(zone, "areas"), j, area)
        {
            drop_nulls(area);
            good = renew_area(area) && good;
        }
    }
    return good;
}

/* ---- what is left out ---- */

static char *dropped_text(struct import *import)
{
    static const char *const why[DROPPED_KINDS] = {
        [DROPPED_RADIUS] = "the map draws seats as large as their distance allows",
        [DROPPED_DIRECTION] = "nothing shows it",
        [DROPPED_HIDING] = "the zone is shown and sold",
        [DROPPED_SHAPES] = "is one shape, or polygon, more than a plan may show",
    };
    json_t *list = json_array();
    int failed = 0;
    import->dropped[DROPPED_SHAPES] = import->shapes.left_out;
    for (unsigned i = 0; i < DROPPED_KINDS; i++) {
        const struct plan_drop_count *each = &import->dropped[i];
        assert((each->count > 0) == (each->path[0] != '\0'));
        if (each->count > 0)
            failed |= json_array_append_new(list, json_pack("{sssssi}", "path", each->path, "why",
                                                            why[i], "count", (int)each->count));
    }
    char *text = failed == 0 ? json_in_text(list, 0) : NULL;
    json_decref(list);
    return text;
}

/* ---- all of it ---- */

static void read_body(struct import *import, struct json_in *in)
{
    struct plan_draft *draft = &import->draft;
    if (!json_in_has(in, "plan")) /* people often try the plan alone first */
        json_in_refuse(
            in, "plan",
            "is missing; the body is {\"name\", \"currency\", \"categories\": [{\"name\", "
            "\"price\"}], \"plan\"}");
    read_name(in, "name", &draft->name);
    json_in_require(in, "currency");
    if (json_in_str(in, "currency", 3, 3, &draft->currency))
        for (size_t i = 0; i < 3; i++)
            if (draft->currency.ptr[i] < 'A' || draft->currency.ptr[i] > 'Z')
                json_in_refuse(in, "currency", "must be three capital letters, as in ISO 4217");
    show_read(in, &draft->show);
    read_limits(import, in);
    read_charges(import, in);
    read_channels(import, in);
    read_categories(import, in);
    if (in->rc == 0)
        read_areas(import, in);
    if (in->rc == 0)
        read_plan(import, in);
}

static int relate(struct import *import, struct json_in *in)
{
    int rc = find_all_guids(import);
    if (rc < 0)
        return rc;
    read_group(import, in, "zones", false);
    read_group(import, in, "rows", true);
    read_seat_extensions(import, in);
    set_focal(import, in);
    if (import->draft.seat_count == 0 && import->draft.area_count == 0)
        json_in_refuse(in, "plan", "has no seats, and there are no areas");
    rc = json_in_end(in);
    return rc < 0 ? rc : seat_all(import);
}

static void point_draft(struct import *import)
{
    import->draft.categories = import->categories;
    import->draft.areas = import->areas;
    import->draft.channels = import->channels;
    import->draft.views = import->views;
    import->draft.rows = import->words;
    import->draft.seats = import->seats;
    import->draft.run_flags = import->run_flags;
    assert(import->draft.run_flags != NULL); /* the rows have been cut into runs */
    assert(import->draft.run_count <= import->draft.seat_count);
}

int plan_import(struct span body, struct err_slot *err, struct plan **out)
{
    json_t *doc;
    char *text = NULL, *shapes = NULL, *dropped = NULL;
    struct json_in in;
    if (body.len > PLAN_JSON_MAX)
        return err_set(err, ERR_RANGE, "plan of %zu bytes; %d are allowed", body.len,
                       PLAN_JSON_MAX);
    int rc = json_in_parse(body, err, &doc);
    if (rc < 0)
        return rc;
    struct import *import = calloc(1, sizeof(*import));
    if (import == NULL) {
        rc = err_set(err, ERR_NOMEM, "plan import");
        goto unload;
    }
    import->err = err;
    json_in_object(&in, doc, err);
    read_body(import, &in);
    import->no_memory = import->no_memory || import->shapes.no_memory;
    rc = import->no_memory ? err_set(err, ERR_NOMEM, "plan import") : in.rc;
    if (rc == 0)
        rc = relate(import, &in);
    if (rc < 0)
        goto free_import;

    crypto_hash_sha256(import->draft.hash, (const uint8_t *)body.ptr, body.len);
    point_draft(import);
    /* Names are spans into the document. They stay valid, since renew() deletes only nulls and
     * members of the old schema that are no names. */
    text = renew(doc) ? json_in_text(doc, JSON_SORT_KEYS | JSON_REAL_PRECISION(15)) : NULL;
    shapes = plan_shapes_text(&import->shapes);
    dropped = dropped_text(import);
    if (text == NULL || shapes == NULL || dropped == NULL) {
        rc = err_set(err, ERR_NOMEM, "plan's text");
        goto free_import;
    }
    import->draft.text = span_of(text);
    import->draft.shapes = span_of(shapes);
    import->draft.dropped = span_of(dropped);
    crypto_hash_sha256(import->draft.content, (const uint8_t *)text, import->draft.text.len);
    rc = plan_create(&import->draft, err, out);

free_import:
    free(dropped);
    free(shapes);
    free(text);
    plan_shapes_deinit(&import->shapes);
    free(import->run_flags);
    free(import->parts);
    table_deinit(&import->by_guid);
    free(import->zones);
    free(import->words);
    for (uint32_t i = 0; i < import->row_count; i++)
        free(import->rows[i].label);
    free(import->rows);
    free(import->seats);
    free(import);
unload:
    json_decref(doc);
    return rc;
}
