/* curve.c: encodes the positions of a row's seats as a few numbers. The reader is web/plan.js.
 *
 * Each correction is relative to the position that the reader computes from the numbers before it,
 * not to the real one, so that small errors do not add up. Both sides calculate in the same order
 * and so round alike. Stretches to halve wait in a queue, so coarse corrections come before fine
 * ones; a smooth row needs only the coarse ones, and its zeros at the end are omitted. */
#include "render/curve.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static const double OFF_MAX = 1; /* half units */

struct stretch {
    uint32_t from, to; /* the seats at its ends, with at least one between them */
    double bend;
};

struct curve_pen {
    uint32_t seats_max;
    double *placed;            /* where the reader places each seat */
    int64_t *numbers;          /* of the current row */
    struct stretch *stretches; /* in the order of writing */
};

int curve_pen_create(uint32_t seats_max, struct err_slot *err, struct curve_pen **out)
{
    size_t len = (size_t)seats_max + 1;
    struct curve_pen *pen = calloc(1, sizeof(*pen));
    if (pen == NULL)
        return err_set(err, ERR_NOMEM, "the curves of a plan");
    pen->seats_max = seats_max;
    pen->placed = calloc(len, sizeof(*pen->placed));
    pen->numbers = calloc(len, sizeof(*pen->numbers));
    pen->stretches = calloc(len, sizeof(*pen->stretches));
    if (pen->placed == NULL || pen->numbers == NULL || pen->stretches == NULL) {
        curve_pen_destroy(pen);
        return err_set(err, ERR_NOMEM, "curves of %u seats", seats_max);
    }
    *out = pen;
    return 0;
}

void curve_pen_destroy(struct curve_pen *pen)
{
    if (pen == NULL)
        return;
    free(pen->placed);
    free(pen->numbers);
    free(pen->stretches);
    free(pen);
}

/* Sets numbers[]: first seat, span, and corrections. Returns how many. */
static uint32_t draw(struct curve_pen *pen, const double *places, uint32_t seats)
{
    uint32_t len = 0, stretches = 0;
    uint32_t last = seats - 1;
    int64_t first = llround(places[0]);
    pen->placed[0] = (double)first;
    pen->numbers[len++] = first;
    if (last == 0)
        return len;
    pen->placed[last] = round(places[last]);
    pen->numbers[len++] = (int64_t)pen->placed[last] - first;
    if (last > 1)
        pen->stretches[stretches++] = (struct stretch){0, last, 0};
    for (uint32_t s = 0; s < stretches; s++) {
        struct stretch at = pen->stretches[s];
        uint32_t middle = (at.from + at.to) / 2;
        double before = middle - at.from, after = at.to - middle;
        double a = pen->placed[at.from], b = pen->placed[at.to];
        double expected = a + (b - a) * before / (before + after) + at.bend * before * after;
        double off = places[middle] - expected;
        double rounded = fabs(off) <= OFF_MAX ? 0 : round(off);
        pen->placed[middle] = expected + rounded;
        pen->numbers[len++] = (int64_t)rounded;
        double bend = at.bend + rounded / (before * after);
        if (before > 1)
            pen->stretches[stretches++] = (struct stretch){at.from, middle, bend};
        if (after > 1)
            pen->stretches[stretches++] = (struct stretch){middle, at.to, bend};
    }
    assert(len == seats);
    return len;
}

/* The last row's span, scaled to this number of seats. */
static int64_t expected_span(const struct curve *curve, uint32_t seats)
{
    if (curve->seats < 2)
        return 0;
    double stretched = (double)curve->span * (double)(seats - 1) / (double)(curve->seats - 1);
    return (int64_t)floor(stretched);
}

void curve_put(struct curve *curve, struct text *text, struct curve_pen *pen, const double *places,
               uint32_t seats)
{
    assert(seats > 0 && seats <= pen->seats_max);
    uint32_t len = draw(pen, places, seats);
    struct curve row = {.rows = curve->rows + 1,
                        .seats = seats,
                        .first = pen->numbers[0],
                        .moved = curve->rows > 0 ? pen->numbers[0] - curve->first : 0,
                        .span = len > 1 ? pen->numbers[1] : 0,
                        .bulge = len > 2 ? pen->numbers[2] : 0};
    pen->numbers[0] -= curve->first + curve->moved;
    if (len > 1)
        pen->numbers[1] -= expected_span(curve, seats);
    if (len > 2)
        pen->numbers[2] -= curve->bulge;
    while (len > 0 && pen->numbers[len - 1] == 0)
        len--;
    json_open(text, '[');
    for (uint32_t i = 0; i < len; i++)
        json_i64(text, pen->numbers[i]);
    json_close(text, ']');
    *curve = row;
}
