/* zone.h: the clocks of a place, by the name of its time zone ("Asia/Seoul"). The zones and their
 * rules for times to come are those that tzdata had when this program was built, so this reads no
 * file, changes no environment, and any thread may ask. */
#ifndef FG_SALE_ZONE_H
#define FG_SALE_ZONE_H

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum { ZONE_NAME_MAX = 40 };

struct zone_clock {
    int32_t east_s;   /* ahead of UTC; negative west of it */
    const char *name; /* "KST"; "+03" where the clock has no name */
};

/* Within the year of `at_ms` by the rule of today: a zone may have had another in earlier years.
 * False: there is no such zone. */
bool zone_clock_at(struct span zone, uint64_t at_ms, struct zone_clock *out);

#endif
