/* avail_test.c: pictures of the hall and the way from one to the next. */
#include "test_hall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct engine *open_hall(struct plan **plan, uint32_t rows, uint32_t seats)
{
    struct engine *engine;
    *plan = test_hall_block(rows, seats, test_limits(), 30);
    struct engine_conf conf = {.plan = *plan, .now_ms = TEST_NOW_MS, .avail_base = 5000};
    assert_int_equal(engine_create(&conf, NULL, &engine), 0);
    return engine;
}

static void close_hall(struct engine *engine, struct plan *plan)
{
    engine_destroy(engine);
    plan_destroy(plan);
}

static void a_picture_has_four_seats_a_byte_lowest_bits_first(void **state)
{
    (void)state;
    struct plan *plan;
    struct engine *engine = open_hall(&plan, 1, 6);
    struct engine_op op;
    uint8_t picture[3] = {0, 0, 0xee};
    uint64_t id = test_hold(engine, 1, TEST_SEATS(1));
    test_hold(engine, 1, TEST_SEATS(4));
    assert_int_equal(
        engine_extend(engine, id, &(struct engine_order){.id = SPAN("o")}, 1, TEST_NOW_MS, &op),
        ENGINE_OK);
    engine_settle(engine, &op);
    assert_int_equal(engine_confirm(engine, id, SPAN("o"), NULL, TEST_NOW_MS, &op), ENGINE_OK);
    engine_settle(engine, &op);
    assert_int_equal(engine_block(engine, TEST_SEATS(3), SPAN(""), 1, &op), ENGINE_OK);
    engine_settle(engine, &op);
    assert_int_equal(engine_publish(engine), 5001);
    assert_int_equal(engine_avail_copy(engine, picture), 5001);
    assert_int_equal(picture[0], 2 << 2 | 3 << 6);
    assert_int_equal(picture[1], 1);
    assert_int_equal(picture[2], 0xee); /* not written beyond its length */
    struct engine_count counts[2];
    assert_int_equal(engine_counts(engine, counts), 5001);
    assert_int_equal(counts[0].free, 3);
    assert_int_equal(counts[0].held, 1);
    assert_int_equal(counts[0].sold, 1);
    assert_int_equal(counts[0].blocked, 1);
    assert_int_equal(counts[1].free, 30); /* the standing area's */
    close_hall(engine, plan);
}

static void the_version_rises_only_if_something_changed(void **state)
{
    (void)state;
    struct plan *plan;
    struct engine *engine = open_hall(&plan, 1, 8);
    assert_int_equal(engine_avail_version(engine), 5000);
    assert_int_equal(engine_publish(engine), 5000);
    test_hold(engine, 1, TEST_SEATS(1));
    assert_int_equal(engine_avail_version(engine), 5000);
    assert_int_equal(engine_publish(engine), 5001);
    assert_int_equal(engine_publish(engine), 5001);
    close_hall(engine, plan);
}

static void since_tells_each_seat_once_with_its_newest_state(void **state)
{
    (void)state;
    struct plan *plan;
    struct engine *engine = open_hall(&plan, 2, 8);
    struct engine_delta deltas[16];
    struct engine_op op;
    uint64_t version;
    uint64_t id = test_hold(engine, 1, TEST_SEATS(9, 2));
    engine_publish(engine);
    assert_int_equal(engine_release(engine, id, 1, TEST_NOW_MS, &op), ENGINE_OK);
    engine_settle(engine, &op);
    test_hold(engine, 1, TEST_SEATS(2, 5));
    engine_publish(engine);
    assert_int_equal(engine_avail_since(engine, 5000, deltas, 16, &version), 3);
    assert_int_equal(version, 5002);
    assert_int_equal(deltas[0].seat, 2);
    assert_int_equal(deltas[0].state, ENGINE_HELD);
    assert_int_equal(deltas[1].seat, 5);
    assert_int_equal(deltas[2].seat, 9);
    assert_int_equal(deltas[2].state, ENGINE_FREE);
    assert_int_equal(engine_avail_since(engine, 5001, deltas, 16, &version), 2);
    assert_int_equal(engine_avail_since(engine, 5002, deltas, 16, &version), 0);
    close_hall(engine, plan);
}

static void who_is_too_far_behind_or_ahead_takes_the_whole_picture(void **state)
{
    (void)state;
    struct plan *plan;
    struct engine *engine = open_hall(&plan, 10, 60);
    struct engine_delta deltas[600];
    struct engine_op op;
    uint64_t version;
    assert_int_equal(engine_avail_since(engine, 4999, deltas, 600, &version), -1);
    assert_int_equal(engine_avail_since(engine, 5001, deltas, 600, &version), -1);
    assert_int_equal(version, 5000);
    for (uint32_t i = 0; i < 300; i++) { /* more than the ring of a small hall keeps */
        uint64_t id = test_hold(engine, 1, &i, 1);
        engine_publish(engine);
        assert_int_equal(engine_release(engine, id, 1, TEST_NOW_MS, &op), ENGINE_OK);
        engine_settle(engine, &op);
    }
    engine_publish(engine);
    uint64_t now = engine_avail_version(engine);
    assert_int_equal(engine_avail_since(engine, 5000, deltas, 600, &version), -1);
    assert_int_equal(version, now);
    assert_true(engine_avail_since(engine, now - 10, deltas, 600, &version) > 0);
    assert_int_equal(engine_avail_since(engine, now - 10, deltas, 3, &version), -1);
    close_hall(engine, plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_has_four_seats_a_byte_lowest_bits_first),
        cmocka_unit_test(the_version_rises_only_if_something_changed),
        cmocka_unit_test(since_tells_each_seat_once_with_its_newest_state),
        cmocka_unit_test(who_is_too_far_behind_or_ahead_takes_the_whole_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
