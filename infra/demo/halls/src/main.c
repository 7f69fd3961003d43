/* halls: writes one of three halls as an import body for the seat service.
 *
 *     halls theatre | arena | stadium  > body.json
 *
 * theatre    1,000 seats: stalls and balcony, curved rows around a stage, two aisles arena
 * 15,000: a bowl of two tiers around a floor with 3,000 standing places stadium   66,000: three
 * tiers around a pitch, sections behind the stage closed
 *
 * Both shapes come from one idea: a row is a curve at some distance outside a base curve, its seats
 * are half a metre apart, and a section is a stretch of it between two aisles. For the theatre the
 * base is a point (rows are arcs), for the bowls a rectangle with round corners. The same call
 * writes the same bytes: nothing is random, and numbers are written with one decimal. A hall gets
 * its exact number of seats by shortening the last rows. */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS_MAX = 8000,
    TIERS_MAX = 4,
    PX_PER_M = 40, /* pretix draws a seat with radius 10: half a metre apart they touch */
};

static const double SEAT_PITCH_M = 0.5;
static const double AISLE_M = 1.2;

/* A rectangle with round corners, around the origin. The theatre's is a point. */
struct base {
    double half_length_m, half_width_m, corner_m;
};

struct tier {
    const char *name; /* of the sections: "Stalls" gives "Stalls 1", "Stalls 2", ... */
    const char *floor;
    char prefix;       /* of the guids */
    double distance_m; /* of the first row from the base */
    double row_m;
    unsigned rows, sections;
    double from, to; /* the part of the way round that has seats, as fractions */
};

struct category {
    const char *name, *color;
    unsigned price;
    double upto_m; /* sections nearer to the focal point than this */
};

struct standing {
    const char *id, *name, *category;
    unsigned capacity;
};

struct hall {
    const char *file, *name, *title;
    struct base base;
    double focal_x_m, focal_y_m;
    unsigned seats;
    struct tier tiers[TIERS_MAX];
    unsigned tier_count;
    struct category categories[6];
    unsigned category_count; /* the last one for seats; those of standing areas follow */
    struct standing areas[2];
    unsigned area_count;
    double stage_m[4]; /* x, y, width, height */
};

static const struct hall halls[] = {
    {.file = "theatre",
     .name = "City Theatre",
     .title = "An Evening at the City Theatre",
     .seats = 1000,
     .tiers = {{"Stalls", "Ground floor", 'S', 7, 0.95, 16, 3, 0.13, 0.37},
               {"Balcony", "First floor", 'B', 24, 0.95, 7, 4, 0.135, 0.365}},
     .tier_count = 2,
     .categories = {{"A", "#b23a48", 99000, 13},
                    {"B", "#3a6ea5", 77000, 22},
                    {"C", "#4f8a5b", 55000, 1000}},
     .category_count = 3,
     .stage_m = {-8, -6, 16, 7}},
    {.file = "arena",
     .name = "River Arena",
     .title = "Live at the River Arena",
     .base = {30, 14, 6},
     .focal_x_m = -30,
     .seats = 12000,
     .tiers = {{"Lower", "Level 1", 'L', 3, 0.85, 15, 24, 0.05, 0.95},
               {"Upper", "Level 3", 'U', 19, 0.8, 11, 28, 0.05, 0.95}},
     .tier_count = 2,
     .categories = {{"VIP", "#b23a48", 220000, 28},
                    {"R", "#8e5aa8", 165000, 44},
                    {"S", "#3a6ea5", 132000, 62},
                    {"A", "#4f8a5b", 99000, 1000},
                    {"Standing", "#c98a2b", 154000, 0}},
     .category_count = 4,
     .areas = {{"front", "Front of stage", "Standing", 1000}, {"floor", "Floor", "Standing", 2000}},
     .area_count = 2,
     .stage_m = {-36, -9, 10, 18}},
    {.file = "stadium",
     .name = "Harbour Stadium",
     .title = "World Tour at the Harbour Stadium",
     .base = {50, 32, 14},
     .focal_x_m = -52,
     .seats = 66000,
     .tiers = {{"Lower", "Level 1", '1', 6, 0.8, 30, 44, 0.07, 0.93},
               {"Club", "Level 2", '2', 33, 0.85, 11, 44, 0.07, 0.93},
               {"Upper", "Level 4", '3', 44, 0.8, 28, 52, 0.07, 0.93}},
     .tier_count = 3,
     .categories = {{"VIP", "#b23a48", 264000, 50},
                    {"R", "#8e5aa8", 198000, 75},
                    {"S", "#3a6ea5", 165000, 105},
                    {"A", "#4f8a5b", 132000, 135},
                    {"B", "#7a7a7a", 99000, 1000}},
     .category_count = 5,
     .stage_m = {-64, -16, 14, 32}},
};

/* ---- curves ---- */

struct point {
    double x, y;
};

static double perimeter(const struct base *base, double distance)
{
    return 4 * (base->half_length_m + base->half_width_m) + 2 * M_PI * (base->corner_m + distance);
}

/* The point s metres along the curve at this distance, clockwise on the screen (y grows downwards)
 * from the middle of the left side, where the stage is. The theatre has its stage at the top:
 * around a point the way also begins there, a quarter turn to its right. */
static struct point point_at(const struct base *base, double distance, double s)
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

/* ---- rows ---- */

struct row {
    unsigned tier, section, number; /* from 0 */
    unsigned seats;
    double distance_m, middle_m; /* of the curve; seats lie on both sides of the middle */
};

struct rows {
    unsigned count;
    struct row list[ROWS_MAX];
};

/* For the theatre the way starts at the left: the fractions 0 .. 0.5 should mean the half circle
 * below the stage, so its rows are turned by half a circle. */
static struct point seat_at(const struct hall *hall, const struct row *row, unsigned seat)
{
    double s = row->middle_m + ((double)seat - (double)(row->seats - 1) / 2) * SEAT_PITCH_M;
    struct point at = point_at(&hall->base, row->distance_m, s);
    if (hall->base.half_length_m > 0)
        return at;
    return (struct point){-at.x, -at.y};
}

static void lay_rows(const struct hall *hall, struct rows *rows)
{
    rows->count = 0;
    for (unsigned t = 0; t < hall->tier_count; t++) {
        const struct tier *tier = &hall->tiers[t];
        for (unsigned s = 0; s < tier->sections; s++) {
            for (unsigned r = 0; r < tier->rows; r++) {
                double distance = tier->distance_m + r * tier->row_m;
                double length = perimeter(&hall->base, distance);
                double width = length * (tier->to - tier->from) / tier->sections;
                assert(rows->count < ROWS_MAX);
                rows->list[rows->count++] = (struct row){
                    .tier = t,
                    .section = s,
                    .number = r,
                    .seats = (unsigned)((width - AISLE_M) / SEAT_PITCH_M),
                    .distance_m = distance,
                    .middle_m = length * tier->from + ((double)s + 0.5) * width,
                };
            }
        }
    }
}

/* Shortens rows, the last ones of each section first, until the hall has as many as it should. */
static void trim_rows(const struct hall *hall, struct rows *rows)
{
    unsigned have = 0;
    for (unsigned i = 0; i < rows->count; i++)
        have += rows->list[i].seats;
    if (have < hall->seats) {
        fprintf(stderr, "halls: %s has room for %u seats only\n", hall->file, have);
        exit(1);
    }
    unsigned spare = 0;
    for (unsigned i = 0; i < rows->count; i++)
        if (rows->list[i].number + 4 >= hall->tiers[rows->list[i].tier].rows)
            spare += rows->list[i].seats - 4;
    assert(have - hall->seats <= spare); /* the table above is nearly right, and must stay so */
    for (unsigned depth = 0; have > hall->seats; depth++) {
        for (unsigned i = rows->count; i-- > 0 && have > hall->seats;) {
            struct row *row = &rows->list[i];
            if (row->number + depth % 4 + 1 == hall->tiers[row->tier].rows && row->seats > 4) {
                row->seats--;
                have--;
            }
        }
    }
}

/* ---- writing ---- */

static double px(double metres)
{
    return round(metres * PX_PER_M * 10) / 10;
}

/* All coordinates are positive: pretix draws from the top left corner. */
struct frame {
    double left, top, width, height;
};

static struct frame frame_of(const struct hall *hall, const struct rows *rows)
{
    double left = hall->stage_m[0], top = hall->stage_m[1];
    double right = left + hall->stage_m[2], bottom = top + hall->stage_m[3];
    for (unsigned i = 0; i < rows->count; i++) {
        for (unsigned s = 0; s < rows->list[i].seats; s++) {
            struct point at = seat_at(hall, &rows->list[i], s);
            left = fmin(left, at.x), right = fmax(right, at.x);
            top = fmin(top, at.y), bottom = fmax(bottom, at.y);
        }
    }
    return (struct frame){left - 2, top - 2, right - left + 4, bottom - top + 4};
}

static const char *category_of(const struct hall *hall, const struct rows *rows, unsigned first)
{
    const struct row *row = &rows->list[first]; /* a section has one price, that of its first row */
    struct point at = seat_at(hall, row, row->seats / 2);
    double distance = hypot(at.x - hall->focal_x_m, at.y - hall->focal_y_m);
    unsigned c = 0;
    while (c + 1 < hall->category_count && distance > hall->categories[c].upto_m)
        c++;
    return hall->categories[c].name;
}

/* In the theatre a few rows share a price; in a bowl all of a section. */
static unsigned price_group(const struct hall *hall, unsigned first, unsigned row)
{
    return hall->base.half_length_m > 0 ? first : first + row / 5 * 5;
}

static const char *row_name(unsigned number, char out[8])
{
    unsigned first = number / 26;
    if (first > 0)
        snprintf(out, 8, "%c%c", (char)('A' + first - 1), (char)('A' + number % 26));
    else
        snprintf(out, 8, "%c", (char)('A' + number % 26));
    return out;
}

static unsigned section_number(const struct hall *hall, const struct row *row)
{
    return hall->tier_count > 1 && hall->base.half_length_m > 0
               ? (row->tier + 1) * 100 + row->section + 1
               : row->section + 1;
}

static void write_guid(const struct hall *hall, const struct row *row, unsigned seat)
{
    char name[8];
    printf("\"%c%u-%s-%u\"", hall->tiers[row->tier].prefix, section_number(hall, row),
           row_name(row->number, name), seat + 1);
}

static void write_row(const struct hall *hall, const struct rows *rows, unsigned first,
                      unsigned index, struct point origin, const struct frame *frame)
{
    const struct row *row = &rows->list[index];
    const char *category = category_of(hall, rows, price_group(hall, first, index - first));
    char name[8];
    printf("{\"row_number\":\"%s\",\"row_number_position\":\"both\",\"seats\":[",
           row_name(row->number, name));
    for (unsigned s = 0; s < row->seats; s++) {
        struct point at = seat_at(hall, row, s);
        printf("%s{\"seat_guid\":", s > 0 ? "," : "");
        write_guid(hall, row, s);
        printf(",\"seat_number\":\"%u\",\"category\":\"%s\",\"position\":{\"x\":%.1f,\"y\":%.1f}}",
               s + 1, category, px(at.x - frame->left) - origin.x,
               px(at.y - frame->top) - origin.y);
    }
    printf("]}");
}

static void write_section(const struct hall *hall, const struct rows *rows, unsigned first,
                          const struct frame *frame)
{
    const struct row *row = &rows->list[first];
    const struct tier *tier = &hall->tiers[row->tier];
    struct point middle = seat_at(hall, row, row->seats / 2);
    struct point origin = {round(px(middle.x - frame->left)), round(px(middle.y - frame->top))};
    printf("{\"name\":\"%s %u\",\"zone_id\":\"%c%u\",\"position\":{\"x\":%.0f,\"y\":%.0f},"
           "\"rows\":[",
           tier->name, section_number(hall, row), tier->prefix, section_number(hall, row), origin.x,
           origin.y);
    for (unsigned i = 0; i < tier->rows; i++) {
        if (i > 0)
            printf(",\n");
        write_row(hall, rows, first, first + i, origin, frame);
    }
    printf("]}");
}

static void write_plan(const struct hall *hall, const struct rows *rows)
{
    struct frame frame = frame_of(hall, rows);
    printf("\"plan\":{\"name\":\"%s\",\"size\":{\"width\":%.0f,\"height\":%.0f},\"categories\":[",
           hall->name, ceil(px(frame.width)), ceil(px(frame.height)));
    for (unsigned i = 0; i < hall->category_count; i++)
        printf("%s{\"name\":\"%s\",\"color\":\"%s\"}", i > 0 ? "," : "", hall->categories[i].name,
               hall->categories[i].color);
    printf("],\"zones\":[\n{\"name\":\"Stage\",\"position\":{\"x\":0,\"y\":0},\"rows\":[],"
           "\"areas\":[{\"shape\":\"rectangle\",\"color\":\"#2b2b33\",\"border_color\":\"#2b2b33\","
           "\"position\":{\"x\":%.1f,\"y\":%.1f},\"rectangle\":{\"width\":%.1f,\"height\":%.1f},"
           "\"text\":{\"text\":\"STAGE\",\"color\":\"#ffffff\",\"size\":%d,"
           "\"position\":{\"x\":%.1f,\"y\":%.1f}}}]}",
           px(hall->stage_m[0] - frame.left), px(hall->stage_m[1] - frame.top),
           px(hall->stage_m[2]), px(hall->stage_m[3]), hall->seats > 2000 ? 120 : 48,
           px(hall->stage_m[2] / 2), px(hall->stage_m[3] / 2));
    for (unsigned i = 0; i < rows->count; i += hall->tiers[rows->list[i].tier].rows) {
        printf(",\n");
        write_section(hall, rows, i, &frame);
    }
    printf("]},\n\"focal_point\":{\"x\":%.1f,\"y\":%.1f}", px(hall->focal_x_m - frame.left),
           px(hall->focal_y_m - frame.top));
}

static void write_terms(const struct hall *hall)
{
    printf("\"name\":\"%s\",\"currency\":\"KRW\",\"starts_at\":\"2030-05-01T10:00:00Z\","
           "\"categories\":[",
           hall->title);
    unsigned standing = hall->area_count > 0;
    for (unsigned i = 0; i < hall->category_count + standing; i++)
        printf("%s{\"name\":\"%s\",\"color\":\"%s\",\"price\":%u}", i > 0 ? "," : "",
               hall->categories[i].name, hall->categories[i].color, hall->categories[i].price);
    printf("],\n\"areas\":[");
    for (unsigned i = 0; i < hall->area_count; i++)
        printf("%s{\"id\":\"%s\",\"name\":\"%s\",\"category\":\"%s\",\"capacity\":%u}",
               i > 0 ? "," : "", hall->areas[i].id, hall->areas[i].name, hall->areas[i].category,
               hall->areas[i].capacity);
    printf(
        "],\n\"channels\":[{\"id\":\"house\",\"name\":\"House seats\",\"code\":\"house-seats\"}],"
        "\n\"limits\":{\"max_per_buyer\":4,\"max_per_hold\":4,\"hold_ttl_s\":480,"
        "\"hold_max_s\":1200,\"rate_per_session_per_s\":10},\n");
}

/* Floors and entrances by section. */
static void write_zones(const struct hall *hall, const struct rows *rows)
{
    printf(",\n\"zones\":[");
    for (unsigned i = 0; i < rows->count; i += hall->tiers[rows->list[i].tier].rows) {
        const struct row *row = &rows->list[i];
        const struct tier *tier = &hall->tiers[row->tier];
        printf("%s{\"zone\":\"%c%u\",\"floor\":\"%s\",\"entrance\":\"Gate %c\"}",
               i > 0 ? ",\n" : "", tier->prefix, section_number(hall, row), tier->floor,
               (char)('A' + row->section * 8 / tier->sections));
    }
    printf("]");
}

/* The last row of each section in the lowest tier has two wheelchair places, each with a
 * companion's seat; the first four seats of the first section's row C are house seats. */
static void write_seats(const struct hall *hall, const struct rows *rows)
{
    printf(",\n\"seats\":[");
    bool first = true;
    for (unsigned i = 0; i < rows->count; i++) {
        const struct row *row = &rows->list[i];
        if (row->tier > 0)
            break;
        if (row->number + 1 == hall->tiers[0].rows) {
            for (unsigned s = 0; s < 4 && s < row->seats; s += 2) {
                printf("%s{\"guid\":", first ? "" : ",\n");
                write_guid(hall, row, s);
                printf(",\"accessible\":true},\n{\"guid\":");
                write_guid(hall, row, s + 1);
                printf(",\"companion_of\":");
                write_guid(hall, row, s);
                printf("}");
                first = false;
            }
        }
        for (unsigned s = 0; row->section == 0 && row->number == 2 && s < 4; s++) {
            printf("%s{\"guid\":", first ? "" : ",\n");
            write_guid(hall, row, s);
            printf(",\"channel\":\"house\"}");
            first = false;
        }
    }
    printf("]");
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof(halls) / sizeof(halls[0]); i++) {
        if (strcmp(argv[1], halls[i].file) != 0)
            continue;
        struct rows *rows = malloc(sizeof(*rows));
        if (rows == NULL)
            break;
        lay_rows(&halls[i], rows);
        trim_rows(&halls[i], rows);
        printf("{");
        write_terms(&halls[i]);
        write_plan(&halls[i], rows);
        write_zones(&halls[i], rows);
        write_seats(&halls[i], rows);
        printf("}\n");
        free(rows);
        return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
    }
    fprintf(stderr, "usage: halls theatre | arena | stadium > body.json\n");
    return 2;
}
