/* poll_test.c: how often a visitor polls, at one moment and over a whole wait. */
#include "core/wait/poll.h"
#include "unit.h"

static struct poll_ask waiting(uint32_t p50_s)
{
    return (struct poll_ask){
        .line = LINE_OPEN,
        .place = PLACE_WAITING,
        .eta = {.basis = ETA_MEASURED, .p50_s = p50_s, .p90_s = p50_s + p50_s / 5, .move_s = p50_s},
    };
}

static void the_interval_depends_on_line_place_and_wait(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum line_state line;
        enum place_state place;
        struct eta eta;
        uint32_t load_milli, random, after_ms;
    } rows[] = {
        {"far behind", LINE_OPEN, PLACE_WAITING, {ETA_MEASURED, 3600, 4320, 3600}, 0, 0, 30000},
        {"spread", LINE_OPEN, PLACE_WAITING, {ETA_MEASURED, 3600, 4320, 3600}, 0, 6000, 24000},
        {"full load", LINE_OPEN, PLACE_WAITING, {ETA_MEASURED, 3600, 4320, 3600}, 1000, 0, 60000},
        {"wide range", LINE_OPEN, PLACE_WAITING, {ETA_MEASURED, 3600, 36000, 3600}, 0, 0, 30000},
        {"a pause may end now",
         LINE_PAUSED,
         PLACE_WAITING,
         {ETA_MEASURED, 600, 604, 4},
         0,
         0,
         2000},
        {"over", LINE_SOLD_OUT, PLACE_WAITING, {ETA_MEASURED, 1, 1, 1}, 0, 0, POLL_FAR_MS},
        {"called", LINE_OPEN, PLACE_CALLED, {ETA_MEASURED, 1, 1, 1}, 0, 0, POLL_CALLED_MS},
        {"unknown", LINE_OPEN, PLACE_WAITING, {ETA_UNKNOWN, 1, 1, 1}, 0, 0, POLL_UNKNOWN_MS},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct poll_ask ask = {.line = rows[i].line,
                               .place = rows[i].place,
                               .eta = rows[i].eta,
                               .load_milli = rows[i].load_milli,
                               .random = rows[i].random};
        uint32_t after_ms = (uint32_t)poll_after_ms(&ask);
        if (after_ms != rows[i].after_ms)
            fail_msg("%s: %u", rows[i].name, after_ms);
    }
}

/* Load never stretches the promise to those in front. */
static void near_the_front_a_call_is_noticed_within_two_seconds(void **state)
{
    (void)state;
    struct poll_ask ask = waiting(4);
    ask.load_milli = 1000;
    for (ask.random = 0; ask.random < 1000; ask.random++)
        assert_in_range(poll_after_ms(&ask), 1600, 2000);
}

static void a_wait_of_minutes_costs_at_most_six_requests_a_minute(void **state)
{
    (void)state;
    static const struct {
        uint32_t wait_s;
        double most; /* a minute */
    } rows[] = {{300, 6.0}, {600, 5.0}, {3600, 3.0}};
    struct rng_seeded seeded;
    rng_seeded_init(&seeded, 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned polls = 0;
        for (double left_ms = rows[i].wait_s * 1000.0; left_ms > 0; polls++) {
            struct poll_ask ask = waiting((uint32_t)(left_ms / 1000));
            ask.random = (uint32_t)rng_u64(&seeded.rng);
            left_ms -= poll_after_ms(&ask);
        }
        assert_true(polls * 60.0 / rows[i].wait_s <= rows[i].most);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_interval_depends_on_line_place_and_wait),
        cmocka_unit_test(near_the_front_a_call_is_noticed_within_two_seconds),
        cmocka_unit_test(a_wait_of_minutes_costs_at_most_six_requests_a_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
