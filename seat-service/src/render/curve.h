/* curve.h: where the seats of a row are along one axis, told as a curve. Rows are straight or bend
 * evenly, and a row looks much like the one before it; so most of a stadium's rows are two or three
 * small numbers, where each seat's step came to two thirds of all bytes of the plan.
 *
 *   [4558, 116, -24]    then    [-63, 6, 1]    then    [0, 6, 1]
 *
 * All in halves of the plan's unit, of which neighbours stand 20 apart. The first number is the
 * first seat's place; the second how far from it the last one is (the span); the third how far the
 * seat in the middle, (first + last) / 2 rounded down, lies off the straight line between those
 * two, at its share of the way (the bulge). Then the middles of the two halves follow, of the four
 * quarters, and so on, those left out that have no seat between their ends: of each how far it lies
 * off the parabola on which everything so far would have it. That is
 *
 *   a + (b - a) * (m - i) / (j - i) + bend * (m - i) * (j - m)
 *
 * between the seats i and j at a and b, with the bend of all the corrections c above it added up,
 * each as c / ((m - i) * (j - m)) of its own. Noughts at the end are left out.
 *
 * From the second row of a section on, the first three say how they differ from what the row before
 * leads to expect: its place, from the third row on moved as far as that one was from its own
 * predecessor; its span, stretched to this row's number of seats and rounded down; its bulge. A row
 * of one seat has no span, one of two no bulge: these are 0.
 *
 * A distance of a half or less is written as 0: a fortieth of the way to the neighbour, a pixel
 * where the page shows a seat as large as it ever does. */
#ifndef FG_SEAT_SERVICE_CURVE_H
#define FG_SEAT_SERVICE_CURVE_H

#include "base/err.h"
#include "base/text.h"

struct curve_pen; /* memory for rows of a certain length */

/* On success *out is taken by the caller, to end with curve_pen_destroy(). */
int curve_pen_create(uint32_t seats_max, struct err_slot *err, struct curve_pen **out);
void curve_pen_destroy(struct curve_pen *pen);

/* What is known of the rows of a section so far, along one axis; {0} before its first. */
struct curve {
    uint32_t rows;  /* told so far */
    uint32_t seats; /* of the last one, as all below */
    int64_t first, moved, span, bulge;
};

/* The next row, as an element: `places` has 1..seats_max of them, in halves. */
void curve_put(struct curve *curve, struct text *text, struct curve_pen *pen, const double *places,
               uint32_t seats);

#endif
