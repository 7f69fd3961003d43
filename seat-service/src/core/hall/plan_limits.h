/* plan_limits.h: the limits of a sale, from the import's `limits`. One row of the table per limit
 * says how it is read, checked and shown to buyers. The engine uses the struct. */
#ifndef FG_SEAT_CORE_PLAN_LIMITS_H
#define FG_SEAT_CORE_PLAN_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plan_limits {
    uint32_t max_per_buyer; /* seats and places, held and sold; 0: no limit */
    uint32_t max_per_hold;
    uint64_t hold_ttl_ms;
    uint64_t hold_max_ms;            /* from the first seat to the hard end */
    uint32_t rate_per_session_per_s; /* 0: no limit */
    bool orphan_rule;
    uint64_t access_until_ms; /* from then on accessible seats are for everybody; 0: never */
};

enum plan_limit_kind {
    PLAN_LIMIT_NUMBER,  /* uint32_t */
    PLAN_LIMIT_SECONDS, /* uint64_t of milliseconds */
    PLAN_LIMIT_FLAG,    /* bool */
    PLAN_LIMIT_TIME,    /* uint64_t of milliseconds since 1970; absent: 0 */
};

struct plan_limit {
    const char *name; /* in the import, and shown to buyers */
    enum plan_limit_kind kind;
    size_t field;
    uint64_t least, most; /* of a number, or of seconds */
    uint64_t usual;       /* the default */
    bool shown;           /* to buyers */
};

extern const struct plan_limit plan_limit_table[];
extern const unsigned plan_limit_count;

/* A number as it is, a duration in seconds, a flag as 0 or 1, a time in milliseconds. */
uint64_t plan_limit_get(const struct plan_limits *limits, const struct plan_limit *limit);
bool plan_limit_is_off(const struct plan_limits *limits, const struct plan_limit *limit);
void plan_limit_set(struct plan_limits *limits, const struct plan_limit *limit, uint64_t value);
struct plan_limits plan_limits_usual(void);

#endif
