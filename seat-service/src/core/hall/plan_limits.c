/* plan_limits.c: the table, and functions that read and write a limit by its row. To add a limit,
 * add a field and a row: parser, validation, default and what buyers are shown follow from the row,
 * and a test checks the contract against it. The engine gives a limit its meaning, where it uses
 * the field. */
#include "core/hall/plan_limits.h"

#include "core/limits.h"

#include <assert.h>
#include <string.h>

#define FIELD(NAME) offsetof(struct plan_limits, NAME)
enum { DAY_S = 86400 };

/* The defaults are safe; an import must ask for no limit explicitly. They allow two families a
 * buyer, and a rate that the page stays below and a script does not. */
const struct plan_limit plan_limit_table[] = {
    {"max_per_buyer", PLAN_LIMIT_NUMBER, FIELD(max_per_buyer), 0, 10000, 8, true},
    {"max_per_hold", PLAN_LIMIT_NUMBER, FIELD(max_per_hold), 1, HOLD_SEATS_MAX, 8, true},
    {"hold_ttl_s", PLAN_LIMIT_SECONDS, FIELD(hold_ttl_ms), 1, DAY_S, 480, true},
    {"hold_max_s", PLAN_LIMIT_SECONDS, FIELD(hold_max_ms), 1, HOLD_LIFE_MAX_MS / 1000, 900, true},
    {"rate_per_session_per_s", PLAN_LIMIT_NUMBER, FIELD(rate_per_session_per_s), 0, 10000, 10,
     true},
    {"orphan_rule", PLAN_LIMIT_FLAG, FIELD(orphan_rule), 0, 1, true, false},
    {"access_until", PLAN_LIMIT_TIME, FIELD(access_until_ms), 0, UINT64_MAX, 0, true},
};
const unsigned plan_limit_count = sizeof(plan_limit_table) / sizeof(plan_limit_table[0]);

uint64_t plan_limit_get(const struct plan_limits *limits, const struct plan_limit *limit)
{
    assert(limit->field < sizeof(*limits));
    const char *at = (const char *)limits + limit->field;
    uint32_t number;
    uint64_t ms;
    bool flag;
    switch (limit->kind) {
    case PLAN_LIMIT_NUMBER:
        memcpy(&number, at, sizeof(number));
        return number;
    case PLAN_LIMIT_FLAG:
        memcpy(&flag, at, sizeof(flag));
        return flag;
    default:
        memcpy(&ms, at, sizeof(ms));
        return limit->kind == PLAN_LIMIT_SECONDS ? ms / 1000 : ms;
    }
}

bool plan_limit_is_off(const struct plan_limits *limits, const struct plan_limit *limit)
{
    return limit->kind == PLAN_LIMIT_NUMBER && plan_limit_get(limits, limit) == 0;
}

void plan_limit_set(struct plan_limits *limits, const struct plan_limit *limit, uint64_t value)
{
    char *at = (char *)limits + limit->field;
    uint32_t number = (uint32_t)value;
    uint64_t ms = limit->kind == PLAN_LIMIT_SECONDS ? value * 1000 : value;
    bool flag = value != 0;
    assert(value >= limit->least);
    assert(value <= limit->most);
    switch (limit->kind) {
    case PLAN_LIMIT_NUMBER:
        memcpy(at, &number, sizeof(number));
        break;
    case PLAN_LIMIT_FLAG:
        memcpy(at, &flag, sizeof(flag));
        break;
    default:
        memcpy(at, &ms, sizeof(ms));
        break;
    }
    assert(plan_limit_get(limits, limit) == value);
}

struct plan_limits plan_limits_usual(void)
{
    struct plan_limits limits = {0};
    for (unsigned i = 0; i < plan_limit_count; i++)
        plan_limit_set(&limits, &plan_limit_table[i], plan_limit_table[i].usual);
    assert(limits.hold_ttl_ms <= limits.hold_max_ms);
    return limits;
}
