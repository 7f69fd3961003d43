/* outline.c: the convex outline by Andrew's monotone chain: the points from left to right, and of
 * those the lower border, then the upper one, each a chain that always turns the same way. */
#include "outline.h"

#include <math.h>
#include <stdlib.h>

enum { OUTSTANDING = 20 }; /* tenths; a tenth of the way from a seat to its neighbour */

struct point {
    int32_t x, y; /* tenths */
};

struct zone {
    const struct plan *plan;
    uint32_t from, to;
};

static int by_place(const void *a_ptr, const void *b_ptr)
{
    const struct point *a = a_ptr, *b = b_ptr;
    if (a->x != b->x)
        return a->x < b->x ? -1 : 1;
    return (a->y > b->y) - (a->y < b->y);
}

/* Twice the area of the triangle; positive if it is walked to the left. */
static int64_t turn(struct point a, struct point b, struct point c)
{
    return (int64_t)(b.x - a.x) * (c.y - a.y) - (int64_t)(b.y - a.y) * (c.x - a.x);
}

/* The chain over `points` in their order, or backwards; without its last point, with which the
 * other one begins. */
static size_t chain(const struct point *points, size_t len, bool backwards, struct point *out)
{
    size_t made = 0;
    for (size_t i = 0; i < len; i++) {
        struct point next = points[backwards ? len - 1 - i : i];
        while (made > 1 && turn(out[made - 2], out[made - 1], next) <= 0)
            made--;
        out[made++] = next;
    }
    return made > 1 ? made - 1 : made;
}

/* How far a corner stands out over the line between those beside it, in tenths. */
static double height(struct point before, struct point at, struct point after)
{
    double base = hypot(after.x - before.x, after.y - before.y);
    return base > 0 ? fabs((double)turn(before, at, after)) / base
                    : hypot(at.x - before.x, at.y - before.y);
}

/* The corners that are seen, in place. */
static size_t simplify(struct point *corners, size_t len)
{
    size_t kept = 0;
    for (size_t i = 0; i < len; i++) {
        struct point after = corners[i + 1 < len ? i + 1 : 0];
        if (kept == 0 || height(corners[kept - 1], corners[i], after) >= OUTSTANDING)
            corners[kept++] = corners[i];
    }
    return kept;
}

static void put_corners(struct text *text, const struct point *corners, size_t len)
{
    struct point last = {0, 0};
    json_key(text, "outline");
    json_open(text, '[');
    for (size_t i = 0; i < len; i++) {
        json_i64(text, corners[i].x - last.x);
        json_i64(text, corners[i].y - last.y);
        last = corners[i];
    }
    json_close(text, ']');
}

static uint32_t main_category(const struct zone *zone)
{
    uint32_t counts[PLAN_CATEGORIES_MAX] = {0}, most = 0;
    for (uint32_t i = zone->from; i < zone->to; i++)
        counts[plan_seat(zone->plan, i).category]++;
    for (uint32_t c = 1; c < PLAN_CATEGORIES_MAX; c++)
        if (counts[c] > counts[most])
            most = c;
    return most;
}

/* `points` has room for the seats of the zone, `corners` for one more. */
static void put_zone(struct text *text, const struct zone *zone, struct point *points,
                     struct point *corners)
{
    size_t len = zone->to - zone->from;
    for (uint32_t i = zone->from; i < zone->to; i++) {
        struct plan_seat seat = plan_seat(zone->plan, i);
        points[i - zone->from] = (struct point){(int32_t)lround((double)seat.x * 10.0),
                                                (int32_t)lround((double)seat.y * 10.0)};
    }
    qsort(points, len, sizeof(*points), by_place);
    size_t lower = chain(points, len, false, corners);
    size_t all = len > 1 ? lower + chain(points, len, true, corners + lower) : lower;
    json_open(text, '{');
    json_member_str(text, "name", plan_seat(zone->plan, zone->from).zone);
    json_member_u64(text, "seats", len);
    json_member_u64(text, "category", main_category(zone));
    put_corners(text, corners, simplify(corners, all));
    json_close(text, '}');
}

int outline_put_zones(struct text *text, const struct plan *plan, struct err_slot *err)
{
    uint32_t count = plan_seat_count(plan);
    /* The seats, and the two chains: together they never have more than a corner over the seats. */
    struct point *memory = calloc(3 * ((size_t)count + 1), sizeof(*memory));
    if (memory == NULL)
        return err_set(err, ERR_NOMEM, "the outlines of %u seats", count);
    json_key(text, "zones");
    json_open(text, '[');
    for (struct zone zone = {plan, 0, 0}; zone.from < count; zone.from = zone.to) {
        struct span name = plan_seat(plan, zone.from).zone;
        while (zone.to < count && span_eq(plan_seat(plan, zone.to).zone, name))
            zone.to++;
        put_zone(text, &zone, memory, memory + count + 1);
    }
    json_close(text, ']');
    free(memory);
    return 0;
}
