/* poll_test.c: how often a visitor polls. */
#include "core/wait/poll.h"
#include "unit.h"

TEST_CASE(the_interval_depends_on_line_place_and_wait)
{
    static const struct {
        const char *name;
        enum line_state line;
        enum place_state place;
        uint32_t wait_s[3]; /* p50, p90, p50 without a pause; 0: unknown */
        uint32_t load_milli, random, after_ms;
    } rows[] = {
        {"far behind", LINE_OPEN, PLACE_WAITING, {3600, 4320, 3600}, 0, 0, 30000},
        {"spread", LINE_OPEN, PLACE_WAITING, {3600, 4320, 3600}, 0, 6000, 24000},
        {"full load", LINE_OPEN, PLACE_WAITING, {3600, 4320, 3600}, 1000, 0, 60000},
        {"too much load", LINE_OPEN, PLACE_WAITING, {3600, 4320, 3600}, 2000, 0, 60000},
        {"half load", LINE_OPEN, PLACE_WAITING, {30, 40, 30}, 500, 0, 15000},
        {"half of the sure part", LINE_OPEN, PLACE_WAITING, {30, 40, 4}, 0, 0, 10000},
        {"wide range", LINE_OPEN, PLACE_WAITING, {36, 360, 36}, 0, 0, 6000},
        {"a pause may end now", LINE_PAUSED, PLACE_WAITING, {600, 604, 4}, 0, 0, 2000},
        /* A call is noticed within two seconds, even under load. */
        {"near the front", LINE_OPEN, PLACE_WAITING, {4, 4, 4}, 1000, 0, 2000},
        {"near, spread", LINE_OPEN, PLACE_WAITING, {4, 4, 4}, 1000, 400, 1600},
        {"near, spread anew", LINE_OPEN, PLACE_WAITING, {4, 4, 4}, 1000, 401, 2000},
        {"sold out", LINE_SOLD_OUT, PLACE_WAITING, {1, 1, 1}, 0, 0, 30000},
        {"closed", LINE_CLOSED, PLACE_CALLED, {1, 1, 1}, 0, 0, 30000},
        {"called", LINE_OPEN, PLACE_CALLED, {1, 1, 1}, 1000, 0, 5000},
        {"late", LINE_OPEN, PLACE_LATE, {1, 1, 1}, 0, 0, 5000},
        {"expired", LINE_OPEN, PLACE_EXPIRED, {1, 1, 1}, 0, 0, 30000},
        {"unknown", LINE_OPEN, PLACE_WAITING, {0}, 0, 0, 10000},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const uint32_t *wait_s = rows[i].wait_s;
        struct poll_ask ask = {.line = rows[i].line,
                               .place = rows[i].place,
                               .eta = {.basis = wait_s[1] > 0 ? ETA_MEASURED : ETA_UNKNOWN,
                                       .p50_s = wait_s[0],
                                       .p90_s = wait_s[1],
                                       .move_s = wait_s[2]},
                               .load_milli = rows[i].load_milli,
                               .random = rows[i].random};
        uint32_t after_ms = poll_after_ms(&ask);
        if (after_ms != rows[i].after_ms)
            fail_msg("%s: %u", rows[i].name, after_ms);
    }
}
