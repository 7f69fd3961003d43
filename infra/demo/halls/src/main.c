/* halls: writes one of three halls as an import body for the seat service, and what one sees from
 * each of its sections.
 *
 *     halls theatre | arena | stadium  > body.json
 *     halls views DIR                  one SVG for each section of all halls: DIR/S1.svg, ...
 *
 * theatre    1,000 seats: stalls and balcony, curved rows around a stage, two aisles
 * arena     15,000: a bowl of two tiers around a floor with 3,000 standing places
 * stadium   66,000: three tiers around a pitch, sections behind the stage closed
 *
 * All shapes come from one idea (bowl.h): a row is a curve at some distance outside a base curve,
 * its seats are half a metre apart, and a section is a stretch of it between two aisles. The same
 * call writes the same bytes: nothing is random, and numbers are written with one decimal. A hall
 * gets its exact number of seats by shortening the last rows. */
#include "bowl.h"
#include "view.h"

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
    PX_PER_M = 40, /* pretix draws a seat with radius 10: half a metre apart they touch */
};

static const double SEAT_PITCH_M = 0.5;
static const double AISLE_M = 1.2;

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
    struct bowl bowl;
    double focal_x_m, focal_y_m;
    unsigned seats;
    struct category categories[6];
    unsigned category_count; /* the last one for seats; those of standing areas follow */
    struct standing areas[2];
    unsigned area_count;
};

static const struct hall halls[] = {
    {.file = "theatre",
     .name = "City Theatre",
     .title = "An Evening at the City Theatre",
     .seats = 1000,
     .bowl.tiers = {{"Stalls", "Ground floor", 'S', 7, 0.95, 16, 3, 0.13, 0.37, 0.2, 0.15},
                    {"Balcony", "First floor", 'B', 24, 0.95, 7, 4, 0.135, 0.365, 5.5, 0.45}},
     .bowl.tier_count = 2,
     .categories = {{"A", "#b23a48", 99000, 13},
                    {"B", "#3a6ea5", 77000, 22},
                    {"C", "#4f8a5b", 55000, 1000}},
     .category_count = 3,
     .bowl.stage_m = {-8, -6, 16, 7}},
    {.file = "arena",
     .name = "River Arena",
     .title = "Live at the River Arena",
     .bowl.base = {30, 14, 6},
     .focal_x_m = -30,
     .seats = 12000,
     .bowl.tiers = {{"Lower", "Level 1", 'L', 3, 0.85, 15, 24, 0.05, 0.95, 1.2, 0.35},
                    {"Upper", "Level 3", 'U', 19, 0.8, 11, 28, 0.05, 0.95, 9, 0.5}},
     .bowl.tier_count = 2,
     .categories = {{"VIP", "#b23a48", 220000, 28},
                    {"R", "#8e5aa8", 165000, 44},
                    {"S", "#3a6ea5", 132000, 62},
                    {"A", "#4f8a5b", 99000, 1000},
                    {"Standing", "#c98a2b", 154000, 0}},
     .category_count = 4,
     .areas = {{"front", "Front of stage", "Standing", 1000}, {"floor", "Floor", "Standing", 2000}},
     .area_count = 2,
     .bowl.stage_m = {-36, -9, 10, 18}},
    {.file = "stadium",
     .name = "Harbour Stadium",
     .title = "World Tour at the Harbour Stadium",
     .bowl.base = {50, 32, 14},
     .focal_x_m = -52,
     .seats = 66000,
     .bowl.tiers = {{"Lower", "Level 1", '1', 6, 0.8, 30, 44, 0.07, 0.93, 1.5, 0.35},
                    {"Club", "Level 2", '2', 33, 0.85, 11, 44, 0.07, 0.93, 15, 0.5},
                    {"Upper", "Level 4", '3', 44, 0.8, 28, 52, 0.07, 0.93, 23, 0.6}},
     .bowl.tier_count = 3,
     .categories = {{"VIP", "#b23a48", 264000, 50},
                    {"R", "#8e5aa8", 198000, 75},
                    {"S", "#3a6ea5", 165000, 105},
                    {"A", "#4f8a5b", 132000, 135},
                    {"B", "#7a7a7a", 99000, 1000}},
     .category_count = 5,
     .bowl.stage_m = {-64, -16, 14, 32}},
};

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

static struct point seat_at(const struct hall *hall, const struct row *row, unsigned seat)
{
    double s = row->middle_m + ((double)seat - (double)(row->seats - 1) / 2) * SEAT_PITCH_M;
    return bowl_point(&hall->bowl.base, row->distance_m, s);
}

static void lay_rows(const struct hall *hall, struct rows *rows)
{
    rows->count = 0;
    for (unsigned t = 0; t < hall->bowl.tier_count; t++) {
        const struct tier *tier = &hall->bowl.tiers[t];
        for (unsigned s = 0; s < tier->sections; s++) {
            for (unsigned r = 0; r < tier->rows; r++) {
                double distance = tier->distance_m + r * tier->row_m;
                double length = bowl_perimeter(&hall->bowl.base, distance);
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
        if (rows->list[i].number + 4 >= hall->bowl.tiers[rows->list[i].tier].rows)
            spare += rows->list[i].seats - 4;
    assert(have - hall->seats <= spare); /* the table above is nearly right, and must stay so */
    for (unsigned depth = 0; have > hall->seats; depth++) {
        for (unsigned i = rows->count; i-- > 0 && have > hall->seats;) {
            struct row *row = &rows->list[i];
            if (row->number + depth % 4 + 1 == hall->bowl.tiers[row->tier].rows && row->seats > 4) {
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
    double left = hall->bowl.stage_m[0], top = hall->bowl.stage_m[1];
    double right = left + hall->bowl.stage_m[2], bottom = top + hall->bowl.stage_m[3];
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
    return hall->bowl.base.half_length_m > 0 ? first : first + row / 5 * 5;
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
    return hall->bowl.tier_count > 1 && hall->bowl.base.half_length_m > 0
               ? (row->tier + 1) * 100 + row->section + 1
               : row->section + 1;
}

static void write_guid(const struct hall *hall, const struct row *row, unsigned seat)
{
    char name[8];
    printf("\"%c%u-%s-%u\"", hall->bowl.tiers[row->tier].prefix, section_number(hall, row),
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
    const struct tier *tier = &hall->bowl.tiers[row->tier];
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
           px(hall->bowl.stage_m[0] - frame.left), px(hall->bowl.stage_m[1] - frame.top),
           px(hall->bowl.stage_m[2]), px(hall->bowl.stage_m[3]), hall->seats > 2000 ? 120 : 48,
           px(hall->bowl.stage_m[2] / 2), px(hall->bowl.stage_m[3] / 2));
    for (unsigned i = 0; i < rows->count; i += hall->bowl.tiers[rows->list[i].tier].rows) {
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

/* Floors, entrances and pictures by section. */
static void write_zones(const struct hall *hall, const struct rows *rows)
{
    printf(",\n\"zones\":[");
    for (unsigned i = 0; i < rows->count; i += hall->bowl.tiers[rows->list[i].tier].rows) {
        const struct row *row = &rows->list[i];
        const struct tier *tier = &hall->bowl.tiers[row->tier];
        printf("%s{\"zone\":\"%c%u\",\"floor\":\"%s\",\"entrance\":\"Gate %c\","
               "\"view\":\"/views/%c%u.svg\"}",
               i > 0 ? ",\n" : "", tier->prefix, section_number(hall, row), tier->floor,
               (char)('A' + row->section * 8 / tier->sections), tier->prefix,
               section_number(hall, row));
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
        if (row->number + 1 == hall->bowl.tiers[0].rows) {
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

static int write_hall(const struct hall *hall, struct rows *rows)
{
    lay_rows(hall, rows);
    trim_rows(hall, rows);
    printf("{");
    write_terms(hall);
    write_plan(hall, rows);
    write_zones(hall, rows);
    write_seats(hall, rows);
    printf("}\n");
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}

/* From the middle seat of each section's middle row. */
static int write_views(const struct hall *hall, struct rows *rows, const char *dir)
{
    lay_rows(hall, rows);
    trim_rows(hall, rows);
    for (unsigned i = 0; i < rows->count; i += hall->bowl.tiers[rows->list[i].tier].rows) {
        const struct tier *tier = &hall->bowl.tiers[rows->list[i].tier];
        const struct row *row = &rows->list[i + tier->rows / 2];
        char path[4096];
        snprintf(path, sizeof(path), "%s/%c%u.svg", dir, tier->prefix, section_number(hall, row));
        FILE *file = fopen(path, "w");
        if (file == NULL) {
            fprintf(stderr, "halls: can't write %s\n", path);
            return 1;
        }
        view_write(file, &hall->bowl, seat_at(hall, row, row->seats / 2),
                   tier->height_m + row->number * tier->rise_m);
        bool failed = ferror(file) != 0;
        if (fclose(file) != 0 || failed) {
            fprintf(stderr, "halls: can't write %s\n", path);
            return 1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    static struct rows rows;
    const size_t count = sizeof(halls) / sizeof(halls[0]);
    if (argc == 3 && strcmp(argv[1], "views") == 0) {
        int rc = 0;
        for (size_t i = 0; i < count && rc == 0; i++)
            rc = write_views(&halls[i], &rows, argv[2]);
        return rc;
    }
    for (size_t i = 0; argc == 2 && i < count; i++)
        if (strcmp(argv[1], halls[i].file) == 0)
            return write_hall(&halls[i], &rows);
    fprintf(stderr, "usage: halls theatre | arena | stadium > body.json\n"
                    "       halls views DIR\n");
    return 2;
}
