/* zone.h: local time in a place, by the name of its time zone ("Asia/Seoul"). Zones and their rules
 * for the future are those of tzdata at build time, so this reads no file and no environment, and
 * any thread may call it. */
#ifndef FG_SALE_ZONE_H
#define FG_SALE_ZONE_H

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum { ZONE_NAME_MAX = 40 };

struct zone_clock {
    int32_t east_s;   /* ahead of UTC; negative west of it */
    const char *name; /* "KST"; "+03" if the zone has no abbreviation */
};

/* Uses today's rules of the zone for the year of `at_ms`, even for earlier years. Returns false for
 * an unknown zone. */
bool zone_clock_at(struct span zone, uint64_t at_ms, struct zone_clock *out);

#endif
