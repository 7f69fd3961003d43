/* best_spots.c: cuts the hall into spots: a spot is the part of one bitmap (up to 64 seats of a
 * row) that belongs to one category. Each category's spots are sorted by how near any window in
 * them can come to the focal point. Built once, with the engine; best.c walks down these lists.
 *
 * Places between the ends of a row are interpolated from three known points, which is exact for
 * straight rows and good to centimetres for curved ones; so the engine keeps no coordinates by
 * seat. */
#include "core/seats/best_internal.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- shapes and costs ---- */

static void shape_row(const struct plan_facts *facts, uint32_t row, struct row_shape *shape)
{
    assert(facts->runs[row].count > 0);
    assert(facts->runs[row].count <= PLAN_ROW_SEATS_MAX);
    uint32_t last = facts->runs[row].count - 1u;
    uint32_t low = plan_seat_at(facts, row, last / 2);
    uint32_t high = plan_seat_at(facts, row, last - last / 2);
    uint32_t ends[2] = {plan_seat_at(facts, row, 0), plan_seat_at(facts, row, last)};
    *shape = (struct row_shape){
        .x = {facts->x[ends[0]], (facts->x[low] + facts->x[high]) / 2, facts->x[ends[1]]},
        .y = {facts->y[ends[0]], (facts->y[low] + facts->y[high]) / 2, facts->y[ends[1]]},
    };
}

float best_cost(const struct best *best, uint32_t run, uint32_t pos, uint32_t n)
{
    assert(run < best->facts->run_count);
    assert(pos + n <= best->facts->runs[run].count);
    return best_cost_from(best, run, pos, n, best->focal_x, best->focal_y);
}

/* ---- the spots ---- */

static bool is_plain(const struct plan_facts *facts, uint32_t seat)
{
    return plan_channel_of(facts, seat) == 0 &&
           (plan_flags_of(facts, seat) & (PLAN_SEAT_ACCESSIBLE | PLAN_SEAT_COMPANION)) == 0;
}

static int by_cost(const void *a, const void *b)
{
    const struct spot *x = a, *y = b;
    if (x->cost_min != y->cost_min)
        return x->cost_min < y->cost_min ? -1 : 1;
    return (x->word > y->word) - (x->word < y->word);
}

/* Windows may reach into the next chunk. The middle of every window is the middle of one seat or of
 * two. */
static void measure(const struct best *best, uint32_t row, uint32_t chunk, struct spot *spot)
{
    uint32_t count = best->facts->runs[row].count;
    uint32_t from = chunk * 64;
    assert(from < count);
    uint32_t to =
        from + 64 + BEST_ADJACENT_MAX / 2 < count ? from + 64 + BEST_ADJACENT_MAX / 2 : count;
    best_middle(best, row, (from + to) / 2, 1, &spot->x, &spot->y);
    float min = best_cost(best, row, from, 1), far = 0;
    for (uint32_t pos = from; pos < to; pos++) {
        for (uint32_t n = 1; n <= 2 && pos + n <= to; n++) {
            float cost = best_cost(best, row, pos, n);
            float apart = best_cost_from(best, row, pos, n, spot->x, spot->y);
            min = cost < min ? cost : min;
            far = apart > far ? apart : far;
        }
    }
    assert(min >= 0);
    spot->cost_min = min;
    spot->reach = sqrtf(far);
}

/* Counts the spots of one category in one chunk, and writes them if there is room to write. */
static uint32_t cut_chunk(struct best *best, uint32_t row, uint32_t chunk, uint32_t category,
                          struct spot *out)
{
    struct spot spot = {.word = best->seats->rows[row].word + chunk,
                        .row = (uint16_t)row,
                        .chunk = (uint8_t)chunk,
                        .last = best->seats->rows[row].words == chunk + 1};
    uint32_t count = best->facts->runs[row].count;
    bool any = false;
    for (uint32_t pos = chunk * 64; pos < count && pos < chunk * 64 + 64; pos++) {
        uint32_t seat = plan_seat_at(best->facts, row, pos);
        if (best->facts->category[seat] != category)
            continue;
        any = true;
        if (is_plain(best->facts, seat))
            spot.plain |= UINT64_C(1) << (pos % 64);
        else
            spot.mixed = true;
    }
    assert(any == (spot.plain != 0 || spot.mixed));
    if (any && out != NULL) {
        measure(best, row, chunk, &spot);
        *out = spot;
    }
    return any;
}

static uint32_t cut_category(struct best *best, uint32_t category, struct spot *out)
{
    assert(category < PLAN_CATEGORIES_MAX);
    uint32_t count = 0;
    for (uint32_t row = 0; row < best->facts->run_count; row++)
        for (uint32_t chunk = 0; chunk < best->seats->rows[row].words; chunk++)
            count += cut_chunk(best, row, chunk, category, out != NULL ? &out[count] : NULL);
    if (out != NULL)
        qsort(out, count, sizeof(*out), by_cost);
    assert(out == NULL || count == 0 || out[0].cost_min <= out[count - 1].cost_min);
    return count;
}

/* How far neighbours sit from each other, on average: the measure of "near". */
static float pitch_of(const struct best *best)
{
    double sum = 0;
    uint64_t gaps = 0;
    for (uint32_t row = 0; row < best->facts->run_count; row++) {
        const struct row_shape *shape = &best->shapes[row];
        uint32_t count = best->facts->runs[row].count - 1u;
        float width =
            shape->x[2] > shape->x[0] ? shape->x[2] - shape->x[0] : shape->x[0] - shape->x[2];
        float depth =
            shape->y[2] > shape->y[0] ? shape->y[2] - shape->y[0] : shape->y[0] - shape->y[2];
        sum += (double)(width > depth ? width : depth);
        gaps += count;
    }
    return gaps > 0 && sum > 0 ? (float)(sum / (double)gaps) : 1;
}

int best_create(const struct plan *plan, const struct seats *seats, uint64_t seed,
                struct best **out)
{
    struct best *best = aligned_alloc(64, sizeof(*best));
    if (best == NULL)
        return ERR_NOMEM;
    memset(best, 0, sizeof(*best));
    best->plan = plan;
    best->facts = plan_facts(plan);
    best->seats = seats;
    best->seed = seed;
    plan_focal(plan, &best->focal_x, &best->focal_y);
    best->shapes = calloc(best->facts->run_count + 1, sizeof(*best->shapes));
    if (best->shapes == NULL)
        goto no_memory;
    for (uint32_t row = 0; row < best->facts->run_count; row++) {
        shape_row(best->facts, row, &best->shapes[row]);
        best->tables = best->tables || (best->facts->runs[row].flags & PLAN_RUN_WHOLE);
    }
    best->pitch = pitch_of(best);

    uint32_t categories = plan_category_count(plan);
    assert(best->pitch > 0);
    for (uint32_t c = 0; c < categories; c++)
        best->first[c + 1] = best->first[c] + cut_category(best, c, NULL);
    best->spots = calloc(best->first[categories] + 1, sizeof(*best->spots));
    if (best->spots == NULL)
        goto no_memory;
    for (uint32_t c = 0; c < categories; c++) {
        uint32_t cut = cut_category(best, c, &best->spots[best->first[c]]);
        assert(cut == best->first[c + 1] - best->first[c]); /* as counted */
    }
    *out = best;
    return 0;

no_memory:
    best_destroy(best);
    return ERR_NOMEM;
}

void best_destroy(struct best *best)
{
    if (best == NULL)
        return;
    free(best->spots);
    free(best->shapes);
    free(best);
}
