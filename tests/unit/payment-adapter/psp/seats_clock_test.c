/* Whatever this machine's clock says, a hold lasts for as long as the seat service says. */
#include "psp/seats_clock.h"

#include "unit.h"

enum { NOW_S = 1795159953, EXACT_MS = 1000 + 1 };

struct rig {
    struct clock_fake own;
    struct seats_clock seats;
};

static void begin(struct rig *rig)
{
    clock_fake_init(&rig->own, (uint64_t)NOW_S * 1000000 + 400000);
    seats_clock_init(&rig->seats, &rig->own.clock);
}

/* It answers that it is so much later there, and took so long for it. */
static void hear(struct rig *rig, int64_t ahead_s, uint32_t took_ms)
{
    const struct outcall_answer answer = {
        .status = 200,
        .date_s = (uint64_t)((int64_t)(rig->own.now_wall_us / 1000000) + ahead_s),
        .took_us = took_ms * 1000,
    };
    seats_clock_heard(&rig->seats, &answer);
}

static int64_t ahead_ms(const struct rig *rig)
{
    return ((int64_t)clock_wall_us(&rig->seats.clock) - (int64_t)rig->own.now_wall_us) / 1000;
}

static void clocks_that_agree_to_a_second_are_one(void **state)
{
    (void)state;
    struct rig rig;
    begin(&rig);
    assert_int_equal(0, ahead_ms(&rig));
    hear(&rig, 0, 3); /* whole seconds: behind by 0.4 s, as it looks */
    assert_int_equal(0, ahead_ms(&rig));
    hear(&rig, -1, 500); /* it was written before the second turned */
    assert_int_equal(0, ahead_ms(&rig));
    assert_int_equal(0, atomic_load(&rig.seats.apart_ms));
    assert_int_equal(clock_mono_us(&rig.own.clock), clock_mono_us(&rig.seats.clock));
}

static void clock_of_the_seats_wins_where_they_differ(void **state)
{
    (void)state;
    static const int64_t ahead_s[] = {-60, 60, -2, 3};
    struct rig rig;
    begin(&rig);
    for (size_t i = 0; i < sizeof(ahead_s) / sizeof(ahead_s[0]); i++) {
        hear(&rig, ahead_s[i], 3);
        /* By up to a second too early, so that no order ends before its seats do. */
        assert_true(ahead_ms(&rig) <= ahead_s[i] * 1000);
        assert_true(ahead_ms(&rig) > ahead_s[i] * 1000 - EXACT_MS);
        uint64_t apart_ms = (uint64_t)(ahead_s[i] < 0 ? -ahead_ms(&rig) : ahead_ms(&rig));
        assert_int_equal(apart_ms, atomic_load(&rig.seats.apart_ms));
    }
    hear(&rig, 0, 3); /* set right */
    assert_int_equal(0, ahead_ms(&rig));
}

static void slow_answer_does_not_undo_a_known_offset(void **state)
{
    (void)state;
    struct rig rig;
    begin(&rig);
    hear(&rig, -4, 3);
    int64_t known_ms = ahead_ms(&rig);
    hear(&rig, -4, 5000);
    assert_int_equal(known_ms, ahead_ms(&rig));
}

static void answer_without_a_date_changes_nothing(void **state)
{
    (void)state;
    struct rig rig;
    begin(&rig);
    hear(&rig, -60, 3);
    int64_t known_ms = ahead_ms(&rig);
    const struct outcall_answer dateless = {.status = 200}, lost = {.rc = ERR_TIMEOUT, .date_s = 1};
    seats_clock_heard(&rig.seats, &dateless);
    seats_clock_heard(&rig.seats, &lost);
    assert_int_equal(known_ms, ahead_ms(&rig));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_that_agree_to_a_second_are_one),
        cmocka_unit_test(clock_of_the_seats_wins_where_they_differ),
        cmocka_unit_test(slow_answer_does_not_undo_a_known_offset),
        cmocka_unit_test(answer_without_a_date_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
