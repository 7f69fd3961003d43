/* plan_shape.c: the stage, words and outlines that are drawn in addition to the seats. Their bytes
 * delay the seats, so their number is bounded; the import reports what it left out. The schema says
 * how a document writes a shape. This is how it is served:
 *
 *   {"shape": "rectangle", "x", "y", "width", "height", "rotation", "color", "border_color",
 *    "text": {"text", "x", "y", "color", "size"}}
 *
 * x and y are in the plan's coordinates, all else is relative to them. They are a rectangle's upper
 * left corner, the middle of a circle ("radius") or an ellipse ("radius_x", "radius_y"), or the
 * origin of a polygon's "points", which alternate x and y. Absent members and 0 are left out. */
#include "core/hall/plan_shape.h"

#include <assert.h>
#include <math.h>

static const char *const names[] = {"polygon", "rectangle", "ellipse", "circle", "text", NULL};

/* The members of a shape of any kind. */
struct shape {
    unsigned kind;
    float x, y, rotation, width, height, radius, radius_x, radius_y;
    struct span color, border;
    struct span text, text_color;
    float text_x, text_y, text_size;
    json_t *points; /* in the document; borrowed */
};

/* ---- reading ---- */

static void read_polygon(struct json_in *item, struct shape *shape)
{
    struct json_in part, point;
    if (!json_in_has(item, "polygon") || !json_in_child(item, "polygon", &part))
        return;
    json_in_require(&part, "points");
    if (json_in_array(&part, "points", 0, PLAN_POLYGON_POINTS_MAX, &shape->points)) {
        for (size_t i = 0; i < json_array_size(shape->points); i++) {
            float x = 0, y = 0;
            if (!json_in_item_child(&part, "points", shape->points, i, &point))
                break;
            plan_read_number(&point, "x", &x);
            plan_read_number(&point, "y", &y);
            json_in_end(&point);
        }
    }
    json_in_end(&part);
}

static void read_sizes(struct json_in *item, struct shape *shape)
{
    struct json_in part;
    plan_read_number(item, "width", &shape->width); /* old schema */
    plan_read_number(item, "height", &shape->height);
    if (json_in_has(item, "rectangle") && json_in_child(item, "rectangle", &part)) {
        plan_read_number(&part, "width", &shape->width);
        plan_read_number(&part, "height", &shape->height);
        json_in_end(&part);
    }
    if (json_in_has(item, "ellipse") && json_in_child(item, "ellipse", &part)) {
        plan_read_position(&part, "radius", &shape->radius_x, &shape->radius_y);
        json_in_end(&part);
    }
    if (json_in_has(item, "circle") && json_in_child(item, "circle", &part)) {
        plan_read_number(&part, "radius", &shape->radius);
        json_in_end(&part);
    }
}

static void read_words(struct json_in *item, struct shape *shape)
{
    struct json_in part;
    if (!json_in_has(item, "text"))
        return;
    if (json_is_string(json_object_get(item->object, "text"))) {
        plan_read_text(item, "text", &shape->text); /* old schema */
    } else if (json_in_child(item, "text", &part)) {
        plan_read_text(&part, "text", &shape->text);
        plan_read_text(&part, "color", &shape->text_color);
        plan_read_number(&part, "size", &shape->text_size);
        plan_read_position(&part, "position", &shape->text_x, &shape->text_y);
        json_in_end(&part);
    }
}

/* ---- as it is served ---- */

static json_t *number(float value)
{
    assert(isfinite(value)); /* plan_read.c rejects all others */
    double exact = (double)value;
    return floor(exact) == exact ? json_integer((json_int_t)exact) : json_real(exact);
}

/* These, and functions built on them, return 0, or -1 without memory. */
static int put_number(json_t *object, const char *key, float value)
{
    return value == 0 ? 0 : json_object_set_new(object, key, number(value));
}

static int put_text(json_t *object, const char *key, struct span value)
{
    return value.len == 0 ? 0
                          : json_object_set_new(object, key, json_stringn(value.ptr, value.len));
}

static int put_points(json_t *object, const json_t *points)
{
    assert(json_array_size(points) <= PLAN_POLYGON_POINTS_MAX);
    json_t *flat = json_array();
    int failed = json_object_set_new(object, "points", flat);
    for (size_t i = 0; failed == 0 && i < json_array_size(points); i++) {
        const json_t *point = json_array_get(points, i);
        double x = json_number_value(json_object_get(point, "x"));
        double y = json_number_value(json_object_get(point, "y"));
        failed |= json_array_append_new(flat, number((float)x));
        failed |= json_array_append_new(flat, number((float)y));
    }
    return failed;
}

static int put_words(json_t *object, const struct shape *shape)
{
    if (shape->text.len == 0)
        return 0;
    json_t *text = json_object();
    int failed = json_object_set_new(object, "text", text);
    if (failed != 0)
        return failed;
    failed |= put_text(text, "text", shape->text);
    failed |= put_number(text, "x", shape->text_x);
    failed |= put_number(text, "y", shape->text_y);
    failed |= put_text(text, "color", shape->text_color);
    failed |= put_number(text, "size", shape->text_size);
    return failed;
}

static int put_shape(json_t *object, const struct shape *shape)
{
    assert(shape->kind < sizeof(names) / sizeof(names[0]) - 1);
    int failed = put_text(object, "shape", span_of(names[shape->kind]));
    failed |= json_object_set_new(object, "x", number(shape->x));
    failed |= json_object_set_new(object, "y", number(shape->y));
    failed |= put_number(object, "rotation", shape->rotation);
    failed |= put_number(object, "width", shape->width);
    failed |= put_number(object, "height", shape->height);
    failed |= put_number(object, "radius", shape->radius);
    failed |= put_number(object, "radius_x", shape->radius_x);
    failed |= put_number(object, "radius_y", shape->radius_y);
    if (shape->points != NULL)
        failed |= put_points(object, shape->points);
    failed |= put_text(object, "color", shape->color);
    failed |= put_text(object, "border_color", shape->border);
    failed |= put_words(object, shape);
    return failed;
}

static bool keep(struct plan_shapes *shapes, const struct json_in *item, const struct shape *shape)
{
    assert(json_array_size(shapes->list) <= PLAN_SHAPES_MAX);
    assert(shapes->points <= PLAN_SHAPE_POINTS_MAX);
    uint32_t points = shapes->points + (uint32_t)json_array_size(shape->points);
    if (json_array_size(shapes->list) == PLAN_SHAPES_MAX || points > PLAN_SHAPE_POINTS_MAX) {
        plan_drop(&shapes->left_out, item, NULL);
        return true;
    }
    assert(!shapes->no_memory); /* reading stops when memory runs out */
    if (shapes->list == NULL)
        shapes->list = json_array();
    json_t *object = json_object();
    shapes->points = points;
    shapes->no_memory =
        json_array_append_new(shapes->list, object) < 0 || put_shape(object, shape) != 0;
    return !shapes->no_memory;
}

bool plan_shape_read(struct plan_shapes *shapes, struct json_in *zone, const json_t *list, size_t i,
                     float x, float y)
{
    struct json_in item;
    struct span ignored;
    struct shape shape = {.kind = 1}; /* old plans have only rectangles, without "shape" */
    assert(i < json_array_size(list));
    if (!json_in_item_child(zone, "areas", list, i, &item))
        return false;
    json_in_word(&item, "shape", names, &shape.kind);
    plan_read_text(&item, "color", &shape.color);
    plan_read_text(&item, "border_color", &shape.border);
    plan_read_text(&item, "uuid", &ignored);
    plan_read_number(&item, "rotation", &shape.rotation);
    plan_read_position(&item, "position", &shape.x, &shape.y);
    shape.x += x;
    shape.y += y;
    read_polygon(&item, &shape);
    read_sizes(&item, &shape);
    read_words(&item, &shape);
    return json_in_end(&item) == 0 && keep(shapes, &item, &shape);
}

char *plan_shapes_text(const struct plan_shapes *shapes)
{
    assert(json_array_size(shapes->list) <= PLAN_SHAPES_MAX);
    json_t *none = shapes->list == NULL ? json_array() : NULL;
    char *text = json_in_text(none != NULL ? none : shapes->list, JSON_REAL_PRECISION(7));
    json_decref(none);
    return text;
}

void plan_shapes_deinit(struct plan_shapes *shapes)
{
    json_decref(shapes->list);
    shapes->list = NULL;
}
