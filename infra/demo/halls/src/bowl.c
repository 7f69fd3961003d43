/* bowl.c: rows are curves at some distance outside a base curve. For the theatre the base is a
 * point (rows are arcs), for the bowls a rectangle with round corners. */
#include "bowl.h"

#include <math.h>

double bowl_perimeter(const struct base *base, double distance)
{
    return 4 * (base->half_length_m + base->half_width_m) + 2 * M_PI * (base->corner_m + distance);
}

/* The point s metres along the curve at this distance, clockwise on the screen (y grows downwards)
 * from the middle of the left side, where the stage is. The theatre has its stage at the top:
 * around a point the way also begins there, a quarter turn to its right. */
static struct point way_at(const struct base *base, double distance, double s)
{
    double a = base->half_length_m, b = base->half_width_m, r = base->corner_m + distance;
    double arc = M_PI / 2 * r;
    if (s < b)
        return (struct point){-a - r, -s};
    s -= b;
    const struct { /* corners in order, with the straight that follows each */
        double x, y, angle, dx, dy, length;
    } parts[4] = {{-a, -b, M_PI, 1, 0, 2 * a},
                  {a, -b, 1.5 * M_PI, 0, 1, 2 * b},
                  {a, b, 0, -1, 0, 2 * a},
                  {-a, b, 0.5 * M_PI, 0, -1, b}};
    for (unsigned i = 0; i < 4; i++) {
        if (s < arc || (i == 3 && s - arc > parts[i].length)) {
            double angle = parts[i].angle + s / r;
            return (struct point){parts[i].x + r * cos(angle), parts[i].y + r * sin(angle)};
        }
        s -= arc;
        if (s <= parts[i].length) {
            double angle = parts[i].angle + M_PI / 2;
            return (struct point){parts[i].x + r * cos(angle) + parts[i].dx * s,
                                  parts[i].y + r * sin(angle) + parts[i].dy * s};
        }
        s -= parts[i].length;
    }
    return (struct point){-a - r, 0};
}

/* For the theatre the way starts at the left: the fractions 0 .. 0.5 should mean the half circle
 * below the stage, so its rows are turned by half a circle. */
struct point bowl_point(const struct base *base, double distance, double s)
{
    struct point at = way_at(base, distance, s);
    if (base->half_length_m > 0)
        return at;
    return (struct point){-at.x, -at.y};
}
