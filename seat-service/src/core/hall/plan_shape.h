/* plan_shape.h: what a plan draws in addition to its seats: a stage, a playing field, bars, words.
 * It is not for sale; it shows people where they are. */
#ifndef FG_SEAT_CORE_PLAN_SHAPE_H
#define FG_SEAT_CORE_PLAN_SHAPE_H

#include "core/hall/plan_read.h"

/* A plan's shapes as they will be served: an array of objects in the plan's own coordinates. */
struct plan_shapes {
    json_t *list;    /* NULL: none */
    uint32_t points; /* in all polygons */
    struct plan_drop_count left_out;
    bool no_memory;
};

/* Reads one "area" of a zone at x, y. Returns false if it is refused, or without memory. Shapes
 * beyond PLAN_SHAPES_MAX or PLAN_SHAPE_POINTS_MAX are read, checked, and counted as left out. */
bool plan_shape_read(struct plan_shapes *shapes, struct json_in *zone, const json_t *list, size_t i,
                     float x, float y);
/* As compact JSON, "[]" for none; malloced, or NULL without memory. */
char *plan_shapes_text(const struct plan_shapes *shapes);
void plan_shapes_deinit(struct plan_shapes *shapes);

#endif
