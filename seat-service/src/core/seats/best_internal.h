/* best_internal.h: what best_spots.c builds once and best.c searches. Nobody else includes it. */
#ifndef FG_SEAT_CORE_BEST_INTERNAL_H
#define FG_SEAT_CORE_BEST_INTERNAL_H

#include "core/seats/best.h"

#include <stdbool.h>

struct spot {
    uint64_t plain;    /* seats of the category that anybody may have */
    uint32_t word;     /* index of its bitmap */
    float cost_min;    /* no window that starts here costs less */
    float x, y, reach; /* middles of its windows are within `reach` of x, y */
    uint16_t row;
    uint8_t chunk;  /* word - row's first word */
    bool mixed : 1; /* has seats of the category that are not plain */
    bool last : 1;  /* this is the last bitmap of its row */
};

struct row_shape { /* a row's beginning, middle and end */
    float x[3], y[3];
};

struct best {
    const struct plan *plan;
    const struct plan_facts *facts;
    const struct seats *seats;
    struct row_shape *shapes;
    struct spot *spots;
    uint32_t first[PLAN_CATEGORIES_MAX + 1]; /* spots of a category: first[c] .. first[c + 1] */
    float focal_x, focal_y, pitch;
    bool tables; /* some tables are sold whole */
    uint64_t seed;
    /* Every search writes these, so they stay out of the cache line that every search reads. */
    _Alignas(64) _Atomic uint32_t inside;
    _Atomic uint64_t turn;
};

/* The middle of n places from pos on, on the parabola through the three points. */
static inline void best_middle(const struct best *best, uint32_t row, uint32_t pos, uint32_t n,
                               float *x, float *y)
{
    const struct row_shape *shape = &best->shapes[row];
    float last = (float)(best->facts->runs[row].count - 1);
    float t = last > 0 ? ((float)pos + (float)(n - 1) / 2) / last : 0.5F;
    float a = (2 * t - 1) * (t - 1);
    float b = 4 * t * (1 - t);
    float c = t * (2 * t - 1);
    *x = a * shape->x[0] + b * shape->x[1] + c * shape->x[2];
    *y = a * shape->y[0] + b * shape->y[1] + c * shape->y[2];
}

static inline float best_cost_from(const struct best *best, uint32_t row, uint32_t pos, uint32_t n,
                                   float x, float y)
{
    float at_x, at_y;
    best_middle(best, row, pos, n, &at_x, &at_y);
    return (at_x - x) * (at_x - x) + (at_y - y) * (at_y - y);
}

#endif
