/* plan_row.c: the order in which people sit, and where the aisles are.
 *
 * A row is followed in the document's order if that is (nearly) the shortest way along it, which it
 * is for nearly all plans, horseshoes and round tables included. Where the document jumps, seats
 * are sorted along the line between the two that are furthest apart. A gap of more than AISLE times
 * the usual one ends a run; it is less than the width of one missing seat, and more than any curve
 * or wobble of a drawn row. */
#include "core/hall/plan_row.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static const float AISLE = 1.7F;

static float distance(const struct plan_draft_seat *a, const struct plan_draft_seat *b)
{
    return hypotf(a->x - b->x, a->y - b->y);
}

static float path_length(const struct plan_draft_seat *seats, const uint16_t *order, uint32_t count)
{
    assert(count <= PLAN_ROW_MAX);
    float length = 0;
    for (uint32_t i = 1; i < count; i++)
        length += distance(&seats[order[i - 1]], &seats[order[i]]);
    return length;
}

struct along {
    float at;
    uint16_t seat;
};

static int by_place(const void *a, const void *b)
{
    const struct along *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return (x->seat > y->seat) - (x->seat < y->seat);
}

/* The seating order: the document's if that is (nearly) the shortest path, otherwise along the line
 * between the two seats that are furthest apart. */
static void order_row(const struct plan_draft_seat *seats, uint32_t count, uint16_t *order)
{
    assert(count <= PLAN_ROW_MAX);
    struct along along[PLAN_ROW_MAX];
    uint16_t sorted[PLAN_ROW_MAX];
    uint32_t a = 0, b = 0;
    for (uint32_t i = 0; i < count; i++)
        order[i] = (uint16_t)i;
    for (uint32_t i = 0; i < count; i++) /* the seat furthest from any other is one end */
        a = distance(&seats[i], &seats[0]) > distance(&seats[a], &seats[0]) ? i : a;
    for (uint32_t i = 0; i < count; i++)
        b = distance(&seats[i], &seats[a]) > distance(&seats[b], &seats[a]) ? i : b;
    if (a > b) { /* the document's first seat stays first */
        uint32_t swap = a;
        a = b;
        b = swap;
    }
    float dx = seats[b].x - seats[a].x, dy = seats[b].y - seats[a].y;
    for (uint32_t i = 0; i < count; i++)
        along[i] = (struct along){(seats[i].x - seats[a].x) * dx + (seats[i].y - seats[a].y) * dy,
                                  (uint16_t)i};
    qsort(along, count, sizeof(along[0]), by_place);
    assert(along[0].at <= along[count - 1].at);
    for (uint32_t i = 0; i < count; i++)
        sorted[i] = along[i].seat;
    if (path_length(seats, order, count) > 1.05F * path_length(seats, sorted, count))
        memcpy(order, sorted, count * sizeof(sorted[0]));
}

static int by_value(const void *a, const void *b)
{
    const float *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static float usual_gap(const struct plan_draft_seat *seats, const uint16_t *order, uint32_t count)
{
    assert(count >= 2);
    float gaps[PLAN_ROW_MAX];
    for (uint32_t i = 1; i < count; i++)
        gaps[i - 1] = distance(&seats[order[i - 1]], &seats[order[i]]);
    qsort(gaps, count - 1, sizeof(gaps[0]), by_value);
    return gaps[(count - 1) / 2];
}

float plan_row_gap(const struct plan_draft_seat *seats, uint32_t count)
{
    uint16_t order[PLAN_ROW_MAX];
    assert(count >= 2);
    assert(count <= PLAN_ROW_MAX);
    order_row(seats, count, order);
    return usual_gap(seats, order, count);
}

bool plan_row_is_round(const struct plan_draft_seat *seats, uint32_t count)
{
    static const float TURN = 6.2831853F;
    float angles[PLAN_ROUND_SEATS_MAX], x = 0, y = 0, nearest = 0, furthest = 0;
    if (count < 3 || count > PLAN_ROUND_SEATS_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        x += seats[i].x / (float)count;
        y += seats[i].y / (float)count;
    }
    for (uint32_t i = 0; i < count; i++) {
        float dx = seats[i].x - x, dy = seats[i].y - y, radius = hypotf(dx, dy);
        angles[i] = atan2f(dy, dx);
        nearest = i == 0 || radius < nearest ? radius : nearest;
        furthest = radius > furthest ? radius : furthest;
    }
    if (nearest <= 0 || furthest > 1.2F * nearest) /* a table drawn by hand is not quite round */
        return false;
    assert(nearest <= furthest);
    qsort(angles, count, sizeof(angles[0]), by_value);
    float widest = angles[0] + TURN - angles[count - 1];
    for (uint32_t i = 1; i < count; i++)
        widest = fmaxf(widest, angles[i] - angles[i - 1]);
    return widest <= AISLE * TURN / (float)count;
}

uint32_t plan_row_cut(struct plan_draft_seat *seats, uint32_t count, bool table, float gap,
                      uint32_t first_run)
{
    uint16_t order[PLAN_ROW_MAX];
    assert(count >= 1);
    assert(count <= PLAN_ROW_MAX);
    order_row(seats, count, order);
    if (gap <= 0 && count >= 2)
        gap = usual_gap(seats, order, count);
    uint32_t runs = 0, pos = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool aisle =
            i > 0 && !table && distance(&seats[order[i - 1]], &seats[order[i]]) > AISLE * gap;
        if (i == 0 || aisle) {
            runs++;
            pos = 0;
        }
        seats[order[i]].run = first_run + runs - 1;
        seats[order[i]].pos = pos++;
    }
    assert(runs >= 1);
    assert(runs <= count);
    return runs;
}
