/* curve.h: the positions of a row's seats along one axis, written as a curve. Rows are straight or
 * bend evenly, and resemble the row before. So most rows of a stadium take two or three small
 * numbers, while a step for each seat would be two thirds of the plan's bytes. */
#ifndef FG_SEAT_SERVICE_CURVE_H
#define FG_SEAT_SERVICE_CURVE_H

#include "base/err.h"
#include "base/text.h"

struct curve_pen; /* working memory for rows of up to seats_max seats */

/* On success the caller owns *out and frees it with curve_pen_destroy(). */
int curve_pen_create(uint32_t seats_max, struct err_slot *err, struct curve_pen **out);
void curve_pen_destroy(struct curve_pen *pen);

/* The previous rows of a section along one axis; {0} before the first. */
struct curve {
    uint32_t rows;  /* written so far */
    uint32_t seats; /* of the last row, like the members below */
    int64_t first, moved, span, bulge;
};

/* Writes the next row as an element. `places` has 1..seats_max positions, in half units.
 *
 *   [4558, 116, -24]    then    [-63, 6, 1]    then    [0, 6, 1]
 *
 * All numbers are half units of the plan; neighbours are 20 units apart. They are, in this order:
 *
 * - the position of the first seat, and the span: the distance from there to the last seat;
 * - the bulge: the distance of the middle seat, (first + last) / 2 rounded down, from its point on
 *   the straight line between those two;
 * - for the middle seats of the halves, then of the quarters, and so on, if they have any: the
 *   distance from the parabola that the numbers so far describe. From seat i at a to seat j at b,
 *   that is for seat m
 *
 *       a + (b - a) * (m - i) / (j - i) + bend * (m - i) * (j - m)
 *   where `bend` is the sum of c / ((m - i) * (j - m)) of all enclosing stretches, with their own
 *   i, m and j, and c as their distance.
 *
 * Zeros at the end are omitted. From the second row of a section on, the first three numbers are
 * differences from the row before: from its position, moved on (from the third row) by its own
 * distance from its predecessor; from its span, scaled to this row's number of seats and rounded
 * down; from its bulge. A row of one seat has span 0, and one of one or two has bulge 0.
 *
 * A bulge or a later distance of up to half a unit counts as 0: a pixel at the highest zoom. */
void curve_put(struct curve *curve, struct text *text, struct curve_pen *pen, const double *places,
               uint32_t seats);

#endif
