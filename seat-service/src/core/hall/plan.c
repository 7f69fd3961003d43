/* plan.c: a plan in memory, made once and read by every thread. What the engine reads often is in
 * arrays by seat; texts are spans into one block, in which equal neighbours (row labels, zones,
 * floors) are stored once. A table of seat numbers finds a seat by its guid. */
#include "core/hall/plan.h"

#include "base/prefetch.h"
#include "base/table.h"
#include "base/tag.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

struct labels {
    struct span guid, number, row_label, zone, entrance, floor, sight;
};

struct companion {
    uint32_t seat, with;
};

struct plan {
    struct span name, currency, text, shapes, dropped;
    struct show show;
    struct plan_limits limits;
    struct plan_charges charges;
    float focal_x, focal_y;
    uint8_t hash[PLAN_HASH_BYTES], content[PLAN_HASH_BYTES];
    bool has_accessible;
    uint32_t category_count, area_count, channel_count;
    struct plan_category categories[PLAN_CATEGORIES_MAX];
    struct plan_area areas[PLAN_AREAS_MAX];
    struct plan_channel channels[PLAN_CHANNELS_MAX];
    struct plan_facts facts;
    struct labels *labels;
    struct plan_view *views;
    uint32_t view_count;
    struct plan_row *rows; /* ascending by seat */
    uint32_t row_count;
    struct companion *companions; /* ascending by seat */
    uint32_t companion_count;
    struct table by_guid;
    /* what `facts` points to */
    uint16_t *run;
    uint8_t *pos, *category, *kind;
    float *x, *y;
    struct plan_run *runs;
    uint32_t *order;
    char *strings;
    size_t strings_len, strings_room;
};

void plan_destroy(struct plan *plan)
{
    if (plan == NULL)
        return;
    free(plan->strings);
    free(plan->order);
    free(plan->runs);
    free(plan->y);
    free(plan->x);
    free(plan->kind);
    free(plan->category);
    free(plan->pos);
    free(plan->run);
    table_deinit(&plan->by_guid);
    free(plan->companions);
    free(plan->rows);
    free(plan->views);
    free(plan->labels);
    free(plan);
}

/* ---- making ---- */

/* Called twice for each text: the first pass counts (strings is NULL), the second one copies. */
static void keep(struct plan *plan, struct span *span, const struct span *before)
{
    if (span->ptr == NULL)
        return;
    if (before != NULL && span_eq(*span, *before)) {
        span->ptr = before->ptr; /* the neighbour's copy */
        return;
    }
    if (plan->strings != NULL) {
        assert(span->len <= plan->strings_room - plan->strings_len);
        memcpy(plan->strings + plan->strings_len, span->ptr, span->len);
        span->ptr = plan->strings + plan->strings_len;
    }
    plan->strings_len += span->len;
}

static void keep_all(struct plan *plan, const struct plan_draft *draft)
{
    plan->strings_len = 0;
    keep(plan, &plan->name, NULL);
    keep(plan, &plan->currency, NULL);
    keep(plan, &plan->text, NULL);
    keep(plan, &plan->shapes, NULL);
    keep(plan, &plan->dropped, NULL);
    for (uint32_t i = 0; i < plan->category_count; i++) {
        keep(plan, &plan->categories[i].name, NULL);
        keep(plan, &plan->categories[i].color, NULL);
    }
    for (uint32_t i = 0; i < plan->area_count; i++) {
        keep(plan, &plan->areas[i].id, NULL);
        keep(plan, &plan->areas[i].name, NULL);
    }
    for (uint32_t i = 0; i < plan->channel_count; i++) {
        keep(plan, &plan->channels[i].id, NULL);
        keep(plan, &plan->channels[i].name, NULL);
        keep(plan, &plan->channels[i].code, NULL);
    }
    for (uint32_t i = 0; i < plan->view_count; i++) {
        keep(plan, &plan->views[i].zone, NULL);
        keep(plan, &plan->views[i].address, NULL);
    }
    for (uint32_t i = 0; i < plan->row_count; i++)
        keep(plan, &plan->rows[i].label_form, i > 0 ? &plan->rows[i - 1].label_form : NULL);
    const struct labels none = {.guid = {NULL, 0}};
    for (uint32_t i = 0; i < draft->seat_count; i++) {
        const struct labels *before = i > 0 ? &plan->labels[i - 1] : &none;
        struct labels *labels = &plan->labels[i];
        assert(labels->guid.len > 0);
        keep(plan, &labels->guid, NULL);
        keep(plan, &labels->number, NULL);
        keep(plan, &labels->row_label, &before->row_label);
        keep(plan, &labels->zone, &before->zone);
        keep(plan, &labels->entrance, &before->entrance);
        keep(plan, &labels->floor, &before->floor);
        keep(plan, &labels->sight, &before->sight);
    }
}

static bool allocate(struct plan *plan, const struct plan_draft *draft)
{
    uint32_t seats = draft->seat_count;
    plan->labels = calloc(seats + 1, sizeof(*plan->labels));
    plan->run = calloc(seats + 1, sizeof(*plan->run));
    plan->pos = calloc(seats + 1, 1);
    plan->category = calloc(seats + 1, 1);
    plan->kind = calloc(seats + 1, 1);
    plan->x = calloc(seats + 1, sizeof(*plan->x));
    plan->y = calloc(seats + 1, sizeof(*plan->y));
    plan->runs = calloc(draft->run_count + 1, sizeof(*plan->runs));
    plan->order = calloc(seats + 1, sizeof(*plan->order));
    plan->views = calloc(draft->view_count + 1, sizeof(*plan->views));
    plan->rows = calloc(draft->row_count + 1, sizeof(*plan->rows));
    return table_reserve(&plan->by_guid, seats, NULL) == 0 && plan->labels && plan->run &&
           plan->pos && plan->category && plan->kind && plan->x && plan->y && plan->runs &&
           plan->order && plan->views && plan->rows;
}

static void set_runs(struct plan *plan, const struct plan_draft *draft)
{
    for (uint32_t i = 0; i < draft->seat_count; i++) {
        assert(draft->seats[i].run < draft->run_count);
        plan->runs[draft->seats[i].run].count++;
    }
    uint32_t base = 0;
    for (uint32_t i = 0; i < draft->run_count; i++) {
        assert(plan->runs[i].count > 0 && plan->runs[i].count <= PLAN_ROW_SEATS_MAX);
        plan->runs[i].base = base;
        plan->runs[i].flags = draft->run_flags != NULL ? draft->run_flags[i] : 0;
        base += plan->runs[i].count;
    }
    assert(base == draft->seat_count); /* each seat is in one run */
    bool identity = true;
    for (uint32_t i = 0; i < draft->seat_count; i++) {
        const struct plan_run *run = &plan->runs[draft->seats[i].run];
        assert(draft->seats[i].pos < run->count);
        plan->order[run->base + draft->seats[i].pos] = i;
        identity = identity && run->base + draft->seats[i].pos == i;
    }
    if (identity) { /* most halls are numbered in seating order, which needs no array */
        free(plan->order);
        plan->order = NULL;
        free(plan->pos);
        plan->pos = NULL;
    }
}

static void set_seat(struct plan *plan, const struct plan_draft *draft, uint32_t i)
{
    const struct plan_draft_seat *seat = &draft->seats[i];
    assert(seat->category < draft->category_count);
    assert(seat->channel < plan->channel_count);
    assert(seat->flags <= 15); /* four bits next to the channel */
    assert(seat->companion == UINT32_MAX || seat->companion < draft->seat_count);
    assert(seat->companion != i);
    plan->run[i] = (uint16_t)seat->run;
    if (plan->pos != NULL)
        plan->pos[i] = (uint8_t)seat->pos;
    plan->category[i] = seat->category;
    plan->kind[i] = (uint8_t)(seat->channel << 4 | seat->flags);
    plan->x[i] = seat->x;
    plan->y[i] = seat->y;
    plan->categories[seat->category].seats++;
    plan->has_accessible = plan->has_accessible || (seat->flags & PLAN_SEAT_ACCESSIBLE) != 0;
    plan->labels[i] = (struct labels){seat->guid,     seat->number, seat->row_label, seat->zone,
                                      seat->entrance, seat->floor,  seat->sight};
    if (seat->companion != UINT32_MAX)
        plan->companions[plan->companion_count++] = (struct companion){i, seat->companion};
}

static void set_terms(struct plan *plan, const struct plan_draft *draft)
{
    assert(draft->category_count <= PLAN_CATEGORIES_MAX);
    assert(draft->area_count <= PLAN_AREAS_MAX);
    assert(draft->view_count <= PLAN_VIEWS_MAX);
    assert(draft->channel_count <= PLAN_CHANNELS_MAX);
    plan->name = draft->name;
    plan->currency = draft->currency;
    plan->text = draft->text;
    plan->shapes = draft->shapes;
    plan->dropped = draft->dropped;
    plan->show = draft->show;
    plan->limits = draft->limits;
    plan->charges = draft->charges;
    plan->focal_x = draft->focal_x;
    plan->focal_y = draft->focal_y;
    memcpy(plan->hash, draft->hash, sizeof(plan->hash));
    memcpy(plan->content, draft->content, sizeof(plan->content));
    assert(draft->charges.fees.basis_points <= FEES_BASIS_POINTS_MAX); /* fees_of() asserts too */
    assert(draft->charges.vat_basis_points <= FEES_VAT_MAX);
    plan->category_count = draft->category_count;
    for (uint32_t i = 0; i < draft->category_count; i++) {
        assert(draft->categories[i].price <= PLAN_PRICE_MAX);
        plan->categories[i] = draft->categories[i];
        plan->categories[i].seats = 0;
    }
    plan->area_count = draft->area_count;
    for (uint32_t i = 0; i < draft->area_count; i++) {
        assert(draft->areas[i].category < draft->category_count);
        assert(draft->areas[i].capacity <= PLAN_AREA_CAPACITY_MAX);
        plan->areas[i] = draft->areas[i];
    }
    plan->channel_count = draft->channel_count > 0 ? draft->channel_count : 1;
    for (uint32_t i = 0; i < draft->channel_count; i++)
        plan->channels[i] = draft->channels[i];
    plan->view_count = draft->view_count;
    for (uint32_t i = 0; i < draft->view_count; i++)
        plan->views[i] = draft->views[i];
    plan->row_count = draft->row_count;
    for (uint32_t i = 0; i < draft->row_count; i++)
        plan->rows[i] = draft->rows[i];
    if (draft->channel_count == 0)
        plan->channels[0] = (struct plan_channel){.id = SPAN("public"), .name = SPAN("public")};
}

int plan_create(const struct plan_draft *draft, struct err_slot *err, struct plan **out)
{
    assert(draft->seat_count <= PLAN_SEATS_MAX);
    assert(draft->run_count <= PLAN_ROWS_MAX);
    struct plan *plan = calloc(1, sizeof(*plan));
    if (plan == NULL || !allocate(plan, draft))
        goto no_memory;
    uint32_t companions = 0;
    for (uint32_t i = 0; i < draft->seat_count; i++)
        companions += draft->seats[i].companion != UINT32_MAX;
    plan->companions = calloc(companions + 1, sizeof(*plan->companions));
    if (plan->companions == NULL)
        goto no_memory;

    set_terms(plan, draft);
    set_runs(plan, draft);
    for (uint32_t i = 0; i < draft->seat_count; i++) {
        set_seat(plan, draft, i);
        int rc = table_add(&plan->by_guid, tag_hash(draft->seats[i].guid), i, NULL);
        assert(rc == 0);
    }

    keep_all(plan, draft);
    size_t counted = plan->strings_len;
    char *strings = malloc(plan->strings_len + 1);
    if (strings == NULL)
        goto no_memory;
    plan->strings = strings;
    plan->strings_room = counted;
    keep_all(plan, draft);

    assert(plan->strings_len == plan->strings_room); /* both passes saw the same */
    assert(plan->companion_count == companions);
    uint32_t seats = 0;
    for (uint32_t i = 0; i < plan->category_count; i++)
        seats += plan->categories[i].seats;
    assert(seats == draft->seat_count); /* each is in one category */
    plan->facts = (struct plan_facts){
        .seat_count = draft->seat_count,
        .run_count = draft->run_count,
        .run = plan->run,
        .pos = plan->pos,
        .category = plan->category,
        .kind = plan->kind,
        .x = plan->x,
        .y = plan->y,
        .runs = plan->runs,
        .order = plan->order,
    };
    *out = plan;
    return 0;

no_memory:
    plan_destroy(plan);
    return err_set(err, ERR_NOMEM, "plan of %" PRIu32 " seats", draft->seat_count);
}

/* ---- asking ---- */

const uint8_t *plan_hash(const struct plan *plan)
{
    return plan->hash;
}

const uint8_t *plan_content(const struct plan *plan)
{
    return plan->content;
}

struct span plan_shapes(const struct plan *plan)
{
    return plan->shapes;
}

struct span plan_dropped(const struct plan *plan)
{
    return plan->dropped;
}

struct span plan_name(const struct plan *plan)
{
    return plan->name;
}

struct span plan_currency(const struct plan *plan)
{
    return plan->currency;
}

struct span plan_export(const struct plan *plan)
{
    return plan->text;
}

const struct show *plan_show(const struct plan *plan)
{
    return &plan->show;
}

const struct plan_limits *plan_limits(const struct plan *plan)
{
    return &plan->limits;
}

const struct plan_charges *plan_charges(const struct plan *plan)
{
    return &plan->charges;
}

uint32_t plan_category_count(const struct plan *plan)
{
    return plan->category_count;
}

const struct plan_category *plan_category(const struct plan *plan, uint32_t category)
{
    assert(category < plan->category_count);
    return &plan->categories[category];
}

int plan_category_find(const struct plan *plan, struct span name)
{
    for (uint32_t i = 0; i < plan->category_count; i++)
        if (span_eq(plan->categories[i].name, name))
            return (int)i;
    return -1;
}

uint32_t plan_area_count(const struct plan *plan)
{
    return plan->area_count;
}

const struct plan_area *plan_area(const struct plan *plan, uint32_t area)
{
    assert(area < plan->area_count);
    return &plan->areas[area];
}

int plan_area_find(const struct plan *plan, struct span id)
{
    for (uint32_t i = 0; i < plan->area_count; i++)
        if (span_eq(plan->areas[i].id, id))
            return (int)i;
    return -1;
}

uint32_t plan_channel_count(const struct plan *plan)
{
    assert(plan->channel_count > 0);
    return plan->channel_count;
}

const struct plan_channel *plan_channel(const struct plan *plan, uint32_t channel)
{
    assert(channel < plan->channel_count);
    return &plan->channels[channel];
}

bool plan_has_codes(const struct plan *plan)
{
    for (uint32_t i = 1; i < plan->channel_count; i++)
        if (plan->channels[i].code.ptr != NULL)
            return true;
    return false;
}

bool plan_has_accessible(const struct plan *plan)
{
    return plan->has_accessible;
}

int plan_channel_by_code(const struct plan *plan, struct span code)
{
    int found = -1;
    for (uint32_t i = 1; i < plan->channel_count; i++) /* check them all: timing gives no hint */
        if (plan->channels[i].code.ptr != NULL && span_eq_secret(plan->channels[i].code, code))
            found = (int)i;
    assert(found != 0); /* the public needs no code */
    return found;
}

const struct plan_facts *plan_facts(const struct plan *plan)
{
    return &plan->facts;
}

uint32_t plan_seat_count(const struct plan *plan)
{
    return plan->facts.seat_count;
}

/* Finds the last row that begins at or before the seat, if it contains the seat. */
static struct plan_row row_of(const struct plan *plan, uint32_t seat)
{
    uint32_t low = 0, high = plan->row_count;
    assert(seat < plan_seat_count(plan));
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (plan->rows[middle].first <= seat)
            low = middle + 1;
        else
            high = middle;
    }
    if (low > 0 && seat - plan->rows[low - 1].first < plan->rows[low - 1].count)
        return plan->rows[low - 1];
    return (struct plan_row){.ends = PLAN_ROW_BOTH};
}

struct plan_seat plan_seat(const struct plan *plan, uint32_t seat)
{
    assert(seat < plan->facts.seat_count);
    assert(plan->category[seat] < plan->category_count); /* set_seat() checked it */
    assert(plan->kind[seat] >> 4 < plan->channel_count);
    const struct labels *labels = &plan->labels[seat];
    const struct plan_row row = row_of(plan, seat);
    return (struct plan_seat){
        .guid = labels->guid,
        .number = labels->number,
        .row_label = labels->row_label,
        .zone = labels->zone,
        .entrance = labels->entrance,
        .floor = labels->floor,
        .sight = labels->sight,
        .label_form = row.label_form,
        .row_ends = row.ends,
        .category = plan->category[seat],
        .channel = plan->kind[seat] >> 4,
        .flags = plan->kind[seat] & 15,
        .companion = plan_companion_of(plan, seat),
    };
}

void plan_seat_prefetch(const struct plan *plan, uint32_t seat)
{
    assert(seat < plan->facts.seat_count);
    prefetch(&plan->labels[seat], sizeof(plan->labels[seat]));
    prefetch(&plan->run[seat], 1);
    prefetch(&plan->category[seat], 1);
    prefetch(&plan->kind[seat], 1);
}

void plan_label_put(struct text *text, struct span form, struct span number)
{
    const char *gap = form.len > 0 ? memmem(form.ptr, form.len, "%s", 2) : NULL;
    size_t before = gap != NULL ? (size_t)(gap - form.ptr) : form.len;
    assert(before <= form.len);
    text_put(text, (struct span){form.ptr, before});
    if (gap == NULL)
        return;
    text_put(text, number);
    text_put(text, span_skip(form, before + 2));
}

struct span plan_view_of(const struct plan *plan, struct span zone)
{
    assert(plan->view_count <= PLAN_VIEWS_MAX);
    for (uint32_t i = 0; i < plan->view_count; i++)
        if (span_eq(plan->views[i].zone, zone))
            return plan->views[i].address;
    return (struct span){NULL, 0};
}

static bool is_of_guid(const void *ctx, uint32_t seat, const void *guid)
{
    const struct plan *plan = ctx;
    assert(seat < plan->facts.seat_count);
    return span_eq(plan->labels[seat].guid, *(const struct span *)guid);
}

/* Guids are few, and collisions gain nobody anything. */
bool plan_seat_find(const struct plan *plan, struct span guid, uint32_t *seat)
{
    uint32_t found = table_find(&plan->by_guid, tag_hash(guid), is_of_guid, plan, &guid);
    assert(found == TABLE_NONE || found < plan->facts.seat_count);
    if (found != TABLE_NONE)
        *seat = found;
    return found != TABLE_NONE;
}

uint32_t plan_companion_of(const struct plan *plan, uint32_t seat)
{
    assert(seat < plan->facts.seat_count);
    uint32_t low = 0, high = plan->companion_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (plan->companions[middle].seat < seat)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < plan->companion_count && plan->companions[low].seat == seat;
    assert(!found || plan->companions[low].with < plan->facts.seat_count);
    return found ? plan->companions[low].with : UINT32_MAX;
}

void plan_focal(const struct plan *plan, float *x, float *y)
{
    *x = plan->focal_x;
    *y = plan->focal_y;
}
