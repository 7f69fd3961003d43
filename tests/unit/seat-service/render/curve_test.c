/* curve_test.c: rows as curves. A smooth row takes few numbers; deviations are written in full. The
 * tests of GET .../plan check that the page reads this format. */
#include "render/curve.h"
#include "unit.h"

enum { SEATS_MAX = 9, ROWS_MAX = 4 };

struct row {
    uint32_t seats;
    double places[SEATS_MAX];
};

static const struct {
    const char *name;
    struct row rows[ROWS_MAX]; /* of one section; unused rows have no seats */
    const char *want;
} sections[] = {
    {"a straight row is two numbers", {{5, {1000, 1200, 1400, 1600, 1800}}}, "[1000,800]"},
    {"an even bend is one more", {{9, {0, 7, 12, 15, 16, 15, 12, 7, 0}}}, "[0,0,16]"},
    {"a row as expected is nothing",
     {{5, {0, 230, 440, 630, 800}}, {5, {50, 280, 490, 680, 850}}, {5, {100, 330, 540, 730, 900}}},
     "[0,800,40],[50],[]"},
    {"a row with more seats is expected to be longer",
     {{3, {0, 205, 410}}, {8, {-100, 105, 310, 515, 720, 925, 1130, 1335}}, {2, {-200, 10}}},
     "[0,410],[-100],[0,5]"},
    {"half a unit is not written", {{5, {0, 201, 399, 601, 800}}}, "[0,800]"},
    {"a seat further off is", {{5, {0, 200, 400, 650, 800}}}, "[0,800,0,0,50]"},
    {"the shortest rows have neither bulge nor span",
     {{3, {0, 30, 40}}, {1, {7}}, {2, {9, 29}}, {3, {11, 41, 51}}},
     "[0,40,10],[7],[-5,20],[0,0,10]"},
};

TEST_CASE(rows_become_curves)
{
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        char memory[512];
        struct text text = text_on(memory, sizeof(memory) - 1);
        struct curve curve = {0};
        struct curve_pen *pen;
        struct err_slot err = {0};
        assert_int_equal(0, curve_pen_create(SEATS_MAX, &err, &pen));
        for (unsigned r = 0; r < ROWS_MAX && sections[i].rows[r].seats > 0; r++)
            curve_put(&curve, &text, pen, sections[i].rows[r].places, sections[i].rows[r].seats);
        curve_pen_destroy(pen);
        memory[text.len] = '\0';
        if (strcmp(memory, sections[i].want) != 0)
            fail_msg("%s: %s", sections[i].name, memory);
    }
}
