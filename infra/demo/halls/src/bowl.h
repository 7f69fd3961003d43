/* bowl.h: the shape of a hall, in metres: where its rows are, how high, and where the stage is. */
#ifndef HALLS_BOWL_H
#define HALLS_BOWL_H

enum { TIERS_MAX = 4 };

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
    double from, to;         /* the part of the way round that has seats, as fractions */
    double height_m, rise_m; /* of the first row above the floor, and of each over the one before */
};

struct bowl {
    struct base base;
    struct tier tiers[TIERS_MAX];
    unsigned tier_count;
    double stage_m[4]; /* x, y, width, height */
};

struct point {
    double x, y;
};

/* How long the curve at this distance from the base is. */
double bowl_perimeter(const struct base *base, double distance);

/* The point s metres along that curve. */
struct point bowl_point(const struct base *base, double distance, double s);

#endif
