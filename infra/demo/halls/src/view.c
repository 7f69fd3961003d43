/* view.c: what one sees of the stage from a seat, as a small SVG.
 *
 * The hall's own numbers are projected as a camera at the seat sees them, so a far seat shows a
 * small stage and one at the side shows it from the side. Painted from far to near: what lies
 * behind the stage, the floor, the stage, the tiers nearer than it. A tier is drawn as bands of
 * some rows; a piece of a band that reaches behind the eye, or lies beside the picture, is left
 * out. The stage's people are as tall as people are. It is meant for a hall of the demo: nobody's
 * sight is promised by it, and pillars and rails are not there. */
#include "view.h"

#include <math.h>
#include <stdbool.h>

enum {
    WIDTH = 640,
    HEIGHT = 360,
    PIECES = 60, /* of a band, all the way round */
    BANDS = 3,
};

static const double EYE_M = 1.2;     /* of somebody who sits */
static const double FOCUS = 560;     /* some 60 degrees are seen, as with two eyes at rest */
static const double NEAREST_M = 1.5; /* what is nearer is not drawn */

struct place {
    double x, y, z;
};

struct eye {
    FILE *out;
    struct place at, ahead, right, up;
    double stage_m; /* away */
};

static double dot(struct place a, struct place b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

static struct place minus(struct place a, struct place b)
{
    return (struct place){a.x - b.x, a.y - b.y, a.z - b.z};
}

/* Looks at the stage. North is up on the plan and y grows to the south, so what is right of
 * somebody who looks along (x, y) is (-y, x). */
static struct eye eye_at(FILE *out, struct place at, struct place target)
{
    struct place way = minus(target, at);
    double far = sqrt(dot(way, way)), level = hypot(way.x, way.y);
    struct place ahead = {way.x / far, way.y / far, way.z / far};
    struct place right = {-way.y / level, way.x / level, 0};
    struct place up = {-ahead.z * way.x / level, -ahead.z * way.y / level, level / far};
    return (struct eye){out, at, ahead, right, up, far};
}

static double depth_of(const struct eye *eye, struct place at)
{
    return dot(minus(at, eye->at), eye->ahead);
}

static struct point seen(const struct eye *eye, struct place at)
{
    struct place way = minus(at, eye->at);
    double scale = FOCUS / dot(way, eye->ahead);
    return (struct point){WIDTH / 2.0 + scale * dot(way, eye->right),
                          HEIGHT * 0.46 - scale * dot(way, eye->up)};
}

/* A flat face. What lies behind the eye is cut off. */
static void draw_face(const struct eye *eye, const struct place *corners, unsigned count,
                      const char *colour)
{
    char next = 'M';
    fprintf(eye->out, "<path fill=\"%s\" d=\"", colour);
    for (unsigned i = 0; i < count; i++) {
        struct place a = corners[i], b = corners[(i + 1) % count];
        double from = depth_of(eye, a) - NEAREST_M, to = depth_of(eye, b) - NEAREST_M;
        if (from >= 0) {
            struct point at = seen(eye, a);
            fprintf(eye->out, "%c%.1f %.1f", next, at.x, at.y);
            next = 'L';
        }
        if ((from >= 0) != (to >= 0)) {
            double t = from / (from - to);
            struct place cut = {a.x + t * (b.x - a.x), a.y + t * (b.y - a.y),
                                a.z + t * (b.z - a.z)};
            struct point at = seen(eye, cut);
            fprintf(eye->out, "%c%.1f %.1f", next, at.x, at.y);
            next = 'L';
        }
    }
    fprintf(eye->out, "z\"/>");
}

static struct place on_curve(const struct bowl *bowl, double distance, double share, double z)
{
    double length = bowl_perimeter(&bowl->base, distance);
    struct point at = bowl_point(&bowl->base, distance, share * length);
    return (struct place){at.x, at.y, z};
}

static bool beside(const struct point at[4])
{
    double left = WIDTH, right = 0, top = HEIGHT, bottom = 0;
    for (unsigned i = 0; i < 4; i++) {
        left = fmin(left, at[i].x), right = fmax(right, at[i].x);
        top = fmin(top, at[i].y), bottom = fmax(bottom, at[i].y);
    }
    return right < 0 || left > WIDTH || bottom < 0 || top > HEIGHT;
}

/* Along its front, and back along its end. Whole numbers, each from the last point: half the bytes.
 */
static void draw_stretch(const struct eye *eye, const struct point *front, const struct point *back,
                         unsigned count)
{
    long x = 0, y = 0;
    for (unsigned n = 0; n < 2 * count; n++) {
        struct point at = n < count ? front[n] : back[2 * count - 1 - n];
        long to_x = lround(at.x), to_y = lround(at.y);
        fprintf(eye->out, "%s%ld %ld", n == 0 ? "M" : n == 1 ? "l" : " ", to_x - x, to_y - y);
        x = to_x, y = to_y;
    }
    fprintf(eye->out, "z");
}

/* Some rows of a tier, all the way round, of which only what lies behind the stage or before it is
 * wanted. Pieces side by side become one shape. */
static void draw_band(const struct eye *eye, const struct bowl *bowl, const struct tier *tier,
                      unsigned band, bool behind)
{
    static const char *const colours[BANDS] = {"#3b4152", "#333949", "#2b303e"};
    struct point front[PIECES + 1], back[PIECES + 1];
    unsigned count = 0;
    double first = (double)band / BANDS * tier->rows,
           last = (double)(band + 1) / BANDS * tier->rows;
    fprintf(eye->out, "<path fill=\"%s\" d=\"", colours[band]);
    for (unsigned i = 0; i <= PIECES; i++) {
        struct point at[4];
        bool shown = i < PIECES;
        for (unsigned k = 0; shown && k < 4; k++) {
            double share = tier->from + (tier->to - tier->from) * (k < 2 ? i : i + 1) / PIECES;
            double row = k % 2 == 0 ? first : last;
            struct place corner = on_curve(bowl, tier->distance_m + row * tier->row_m, share,
                                           tier->height_m + row * tier->rise_m);
            double depth = depth_of(eye, corner);
            shown = depth > NEAREST_M && (depth > eye->stage_m) == behind;
            if (shown)
                at[k] = seen(eye, corner);
        }
        if (shown && !beside(at)) {
            front[count] = at[0], back[count++] = at[1];
            front[count] = at[2], back[count] = at[3];
            continue;
        }
        if (count > 0)
            draw_stretch(eye, front, back, count + 1);
        count = 0;
    }
    fprintf(eye->out, "\"/>\n");
}

static void draw_tiers(const struct eye *eye, const struct bowl *bowl, bool behind)
{
    for (unsigned t = 0; t < bowl->tier_count; t++)
        for (unsigned band = 0; band < BANDS; band++)
            draw_band(eye, bowl, &bowl->tiers[t], band, behind);
}

static void draw_floor(const struct eye *eye, const struct bowl *bowl)
{
    struct place edge[48];
    for (unsigned i = 0; i < 48; i++)
        edge[i] = on_curve(bowl, bowl->tiers[0].distance_m, i / 48.0, 0);
    draw_face(eye, edge, 48, "#20242e");
    double x = bowl->base.half_length_m, y = bowl->base.half_width_m;
    if (x > 0) {
        const struct place field[4] = {{-x, -y, 0}, {x, -y, 0}, {x, y, 0}, {-x, y, 0}};
        draw_face(eye, field, 4, "#234233");
        for (int stripe = 0; stripe < 4; stripe++) {
            double line = -0.6 + 0.4 * stripe;
            const struct place lighter[4] = {{x * line, -y, 0},
                                             {x * (line + 0.2), -y, 0},
                                             {x * (line + 0.2), y, 0},
                                             {x * line, y, 0}};
            draw_face(eye, lighter, 4, "#294c3b");
        }
    }
    fprintf(eye->out, "\n");
}

/* A wall that stands on the line from a to b. */
static void draw_wall(const struct eye *eye, struct point a, struct point b, double z0, double z1,
                      const char *colour)
{
    const struct place corners[4] = {
        {a.x, a.y, z0}, {b.x, b.y, z0}, {b.x, b.y, z1}, {a.x, a.y, z1}};
    draw_face(eye, corners, 4, colour);
}

static struct point between(struct point a, struct point b, double share)
{
    return (struct point){a.x + share * (b.x - a.x), a.y + share * (b.y - a.y)};
}

static void draw_people(const struct eye *eye, struct point left, struct point right)
{
    for (unsigned i = 0; i < 3; i++) {
        struct point at = between(left, right, 0.38 + 0.12 * i);
        struct point feet = seen(eye, (struct place){at.x, at.y, 1.5});
        struct point head = seen(eye, (struct place){at.x, at.y, 3.15});
        double tall = feet.y - head.y;
        fprintf(eye->out,
                "<path stroke=\"#17181d\" stroke-width=\"%.1f\" stroke-linecap=\"round\" "
                "d=\"M%.1f %.1fV%.1f\"/>",
                tall * 0.26, feet.x, feet.y - tall * 0.13, head.y + tall * 0.32);
        fprintf(eye->out,
                "<path stroke=\"#17181d\" stroke-width=\"%.1f\" stroke-linecap=\"round\" "
                "d=\"M%.1f %.1fh0\"/>",
                tall * 0.2, head.x, head.y + tall * 0.06);
    }
}

/* A deck, a wall of light behind it with a screen on each side, and people. The audience is on the
 * other side of the wall: in a bowl right of the stage, in the theatre below it. */
static void draw_stage(const struct eye *eye, const struct bowl *bowl)
{
    const double *s = bowl->stage_m;
    bool sideways = bowl->base.half_length_m > 0;
    double x0 = s[0], y0 = s[1], x1 = s[0] + s[2], y1 = s[1] + s[3];
    struct point left = {x0, sideways ? y1 : y0}, right = {sideways ? x0 : x1, y0};
    struct point before_left = sideways ? (struct point){x1, y1} : (struct point){x0, y1};
    struct point before_right = sideways ? (struct point){x1, y0} : (struct point){x1, y1};
    double wide = sideways ? s[3] : s[2], high = 1.5 + wide * 0.42;
    draw_wall(eye, left, right, 0, high + wide * 0.05, "#0e0f13");
    static const char *const light[] = {"#ffe2a8", "#ffd29a", "#ffc18b", "#ffb07a", "#ff9f68"};
    for (int band = 0; band < 5; band++)
        draw_wall(eye, between(left, right, 0.25), between(left, right, 0.75),
                  2 + (high - 2) * band / 5, high, light[band]);
    draw_wall(eye, between(left, right, 0.03), between(left, right, 0.22), high * 0.35, high,
              "#8fb4ff");
    draw_wall(eye, between(left, right, 0.78), between(left, right, 0.97), high * 0.35, high,
              "#8fb4ff");
    const struct place deck[4] = {{left.x, left.y, 1.5},
                                  {right.x, right.y, 1.5},
                                  {before_right.x, before_right.y, 1.5},
                                  {before_left.x, before_left.y, 1.5}};
    draw_face(eye, deck, 4, "#a8814e");
    draw_wall(eye, left, before_left, 0, 1.5, "#54402a");
    draw_wall(eye, right, before_right, 0, 1.5, "#54402a");
    draw_wall(eye, before_left, before_right, 0, 1.5, "#6d5436");
    draw_people(eye, between(left, before_left, 0.7), between(right, before_right, 0.7));
    fprintf(eye->out, "\n");
}

void view_write(FILE *out, const struct bowl *bowl, struct point seat, double height_m)
{
    const double *s = bowl->stage_m;
    struct place target = {s[0] + s[2] / 2, s[1] + s[3] / 2, 4};
    struct eye eye = eye_at(out, (struct place){seat.x, seat.y, height_m + EYE_M}, target);
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
            "height=\"%d\">",
            WIDTH, HEIGHT, WIDTH, HEIGHT);
    static const char *const sky[] = {"#0b0d13", "#11141c", "#171b26", "#1d2230", "#232939"};
    for (int band = 0; band < 5; band++) /* down to the bottom: no seam shows */
        fprintf(out, "<path fill=\"%s\" d=\"M0 %dh%dv%dH0z\"/>", sky[band], band * HEIGHT / 5,
                WIDTH, HEIGHT);
    fprintf(out, "\n");
    draw_tiers(&eye, bowl, true);
    draw_floor(&eye, bowl);
    draw_stage(&eye, bowl);
    draw_tiers(&eye, bowl, false);
    fprintf(out, "</svg>\n");
}
