/* plan_read.c: an absent member leaves *out unchanged, so each caller sets its default first; so
 * does a text or a position that is null. Numbers are bounded so that sums of a hall's coordinates
 * stay exact enough in a float. Anything that is not a number, null included, is refused with its
 * JSON pointer. */
#include "core/hall/plan_read.h"

#include <math.h>
#include <stdio.h>

void plan_drop(struct plan_drop_count *dropped, const struct json_in *in, const char *key)
{
    const char *slash = key != NULL ? "/" : "";
    if (dropped->count++ == 0)
        snprintf(dropped->path, sizeof(dropped->path), "%s%s%s", in->pointer, slash,
                 key != NULL ? key : "");
}

void plan_read_text(struct json_in *in, const char *key, struct span *out)
{
    if (json_in_has(in, key))
        json_in_chars(in, key, 0, PLAN_TEXT_MAX, out);
}

void plan_read_number(struct json_in *in, const char *key, float *out)
{
    json_t *value;
    if (!json_in_any(in, key, &value))
        return;
    double number = json_number_value(value);
    if (!json_is_number(value) || !(fabs(number) <= 1e7))
        json_in_refuse(in, key, "must be a number from -10000000 to 10000000");
    else
        *out = (float)number;
}

void plan_read_position(struct json_in *in, const char *key, float *x, float *y)
{
    struct json_in at;
    if (!json_in_has(in, key) || !json_in_child(in, key, &at))
        return;
    json_in_require(&at, "x");
    json_in_require(&at, "y");
    plan_read_number(&at, "x", x);
    plan_read_number(&at, "y", y);
    json_in_end(&at);
}
