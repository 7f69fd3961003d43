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
    struct engine_conf conf = {.plan = *plan, .now_ms = TEST_NOW_MS};
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
    assert_int_equal(engine_publish(engine, 40, NULL, NULL), 40);
    assert_int_equal(engine_avail_copy(engine, picture), 40);
    assert_int_equal(picture[0], 2 << 2 | 3 << 6);
    assert_int_equal(picture[1], 1);
    assert_int_equal(picture[2], 0xee); /* not written beyond its length */
    struct engine_count counts[2];
    assert_int_equal(engine_counts(engine, counts), 40);
    assert_int_equal(counts[0].free, 3);
    assert_int_equal(counts[0].held, 1);
    assert_int_equal(counts[0].sold, 1);
    assert_int_equal(counts[0].blocked, 1);
    assert_int_equal(counts[1].free, 30); /* the standing area's */
    close_hall(engine, plan);
}

static uint8_t state_of(const struct engine *engine, uint32_t seat)
{
    uint8_t picture[256];
    engine_avail_copy(engine, picture);
    return picture[seat / 4] >> (seat % 4 * 2) & 3;
}

static void a_picture_has_the_version_that_it_was_published_with(void **state)
{
    (void)state;
    struct plan *plan;
    struct engine *engine = open_hall(&plan, 1, 8);
    assert_int_equal(engine_avail_version(engine), 0);
    assert_int_equal(engine_publish(engine, 0, NULL, NULL), 0);
    assert_int_equal(engine_publish(engine, 5, NULL, NULL), 5); /* though nothing has changed */
    test_hold(engine, 1, TEST_SEATS(1));
    assert_int_equal(engine_publish(engine, 5, NULL, NULL), 5); /* none has two meanings */
    assert_int_equal(state_of(engine, 1), ENGINE_FREE);
    assert_int_equal(engine_publish(engine, 4, NULL, NULL), 5); /* and none is lower than before */
    assert_int_equal(engine_publish(engine, 9, NULL, NULL), 9);
    assert_int_equal(state_of(engine, 1), ENGINE_HELD);
    close_hall(engine, plan);
}

static void what_is_not_in_the_journal_yet_is_shown_as_it_was(void **state)
{
    (void)state;
    struct plan *plan;
    struct engine *engine = open_hall(&plan, 1, 8);
    struct engine_op taken, changed, blocked;
    struct engine_count counts[2];
    uint64_t id = test_hold(engine, 1, TEST_SEATS(1, 2));
    struct engine_ask ask = test_ask_seats(2, TEST_SEATS(4));
    struct engine_who who = test_who(1);
    static const uint32_t add[] = {3}, remove[] = {1};
    struct engine_edit edit = {.add = add, .add_count = 1, .remove = remove, .remove_count = 1};
    assert_int_equal(engine_hold(engine, &ask, TEST_NOW_MS, &taken), ENGINE_OK);
    assert_int_equal(engine_change(engine, id, &who, &edit, TEST_NOW_MS, &changed), ENGINE_OK);
    assert_int_equal(engine_block(engine, TEST_SEATS(6), SPAN(""), 1, &blocked), ENGINE_OK);
    test_publish(engine);
    static const uint8_t before[] = {ENGINE_FREE, ENGINE_HELD, ENGINE_HELD, ENGINE_FREE,
                                     ENGINE_FREE, ENGINE_FREE, ENGINE_FREE, ENGINE_FREE};
    for (uint32_t seat = 0; seat < 8; seat++)
        assert_int_equal(state_of(engine, seat), before[seat]);
    engine_counts(engine, counts);
    assert_int_equal(counts[0].free, 6);
    engine_settle(engine, &taken);
    engine_settle(engine, &changed);
    engine_undo(engine, &blocked);
    test_publish(engine);
    static const uint8_t after[] = {ENGINE_FREE, ENGINE_FREE, ENGINE_HELD, ENGINE_HELD,
                                    ENGINE_HELD, ENGINE_FREE, ENGINE_FREE, ENGINE_FREE};
    for (uint32_t seat = 0; seat < 8; seat++)
        assert_int_equal(state_of(engine, seat), after[seat]);
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
    engine_publish(engine, 10, NULL, NULL);
    uint64_t id = test_hold(engine, 1, TEST_SEATS(9, 2));
    engine_publish(engine, 15, NULL, NULL);
    assert_int_equal(engine_release(engine, id, 1, TEST_NOW_MS, &op), ENGINE_OK);
    engine_settle(engine, &op);
    test_hold(engine, 1, TEST_SEATS(2, 5));
    engine_publish(engine, 20, NULL, NULL);
    assert_int_equal(engine_avail_since(engine, 10, deltas, 16, &version), 3);
    assert_int_equal(version, 20);
    assert_int_equal(deltas[0].seat, 2);
    assert_int_equal(deltas[0].state, ENGINE_HELD);
    assert_int_equal(deltas[1].seat, 5);
    assert_int_equal(deltas[2].seat, 9);
    assert_int_equal(deltas[2].state, ENGINE_FREE);
    assert_int_equal(engine_avail_since(engine, 12, deltas, 16, &version), 3); /* of elsewhere */
    assert_int_equal(engine_avail_since(engine, 15, deltas, 16, &version), 3);
    assert_int_equal(engine_avail_since(engine, 17, deltas, 16, &version), 3);
    assert_int_equal(engine_avail_since(engine, 20, deltas, 16, &version), 0);
    close_hall(engine, plan);
}

/* Between two pictures of ours somebody else has shown it as held. */
static void a_seat_that_was_taken_and_given_back_is_told(void **state)
{
    (void)state;
    struct plan *plan;
    struct engine *engine = open_hall(&plan, 1, 8);
    struct engine_delta deltas[8];
    struct engine_op op;
    uint64_t version;
    engine_publish(engine, 1, NULL, NULL);
    uint64_t id = test_hold(engine, 1, TEST_SEATS(3));
    assert_int_equal(engine_release(engine, id, 1, TEST_NOW_MS, &op), ENGINE_OK);
    engine_settle(engine, &op);
    engine_publish(engine, 3, NULL, NULL);
    assert_int_equal(engine_avail_since(engine, 2, deltas, 8, &version), 1);
    assert_int_equal(deltas[0].seat, 3);
    assert_int_equal(deltas[0].state, ENGINE_FREE);
    close_hall(engine, plan);
}

/* In our last picture it was being taken, and shown as free; in this one it has been. */
static void a_seat_is_told_once_what_it_was_taken_by_is_written(void **state)
{
    (void)state;
    struct plan *plan;
    struct engine *engine = open_hall(&plan, 1, 8);
    struct engine_delta deltas[8];
    struct engine_op op;
    uint64_t version;
    struct engine_ask ask = test_ask_seats(2, TEST_SEATS(4));
    engine_publish(engine, 1, NULL, NULL);
    assert_int_equal(engine_hold(engine, &ask, TEST_NOW_MS, &op), ENGINE_OK);
    engine_publish(engine, 2, NULL, NULL);
    engine_settle(engine, &op);
    engine_publish(engine, 3, NULL, NULL);
    assert_int_equal(engine_avail_since(engine, 2, deltas, 8, &version), 1);
    assert_int_equal(deltas[0].state, ENGINE_HELD);
    close_hall(engine, plan);
}

static uint64_t number(void *ctx)
{
    return *(const uint64_t *)ctx;
}

/* One loop is further than the others, so its changes are seen before the version has come to
 * them. A reader who has that version from a process that shows no more than it says is told. */
static void what_is_seen_early_is_told_again(void **state)
{
    (void)state;
    struct plan *plan;
    struct engine *engine = open_hall(&plan, 1, 8);
    struct engine_delta deltas[8];
    uint64_t version, latest = 1;
    engine_publish(engine, 1, number, &latest);
    test_hold(engine, 1, TEST_SEATS(3));
    latest = 7;
    engine_publish(engine, 5, number, &latest);
    assert_int_equal(engine_avail_since(engine, 5, deltas, 8, &version), 1);
    assert_int_equal(deltas[0].seat, 3);
    assert_int_equal(engine_avail_since(engine, 1, deltas, 8, &version), 1);
    engine_publish(engine, 7, number, &latest);
    assert_int_equal(engine_avail_since(engine, 5, deltas, 8, &version), 1);
    assert_int_equal(engine_avail_since(engine, 7, deltas, 8, &version), 0);
    test_hold(engine, 1, TEST_SEATS(5));
    engine_publish(engine, 12, number, &latest); /* which is less: what is seen is of the version */
    assert_int_equal(engine_avail_since(engine, 11, deltas, 8, &version), 1);
    close_hall(engine, plan);
}

static void whoever_is_too_far_behind_or_ahead_takes_the_whole_picture(void **state)
{
    (void)state;
    struct plan *plan;
    struct engine *engine = open_hall(&plan, 10, 60);
    struct engine_delta deltas[600];
    struct engine_op op;
    uint64_t version;
    assert_int_equal(engine_avail_since(engine, 0, deltas, 600, &version), -1);
    engine_publish(engine, 100, NULL, NULL);
    assert_int_equal(engine_avail_since(engine, 0, deltas, 600, &version), -1);
    assert_int_equal(engine_avail_since(engine, 99, deltas, 600, &version), -1); /* not ours */
    assert_int_equal(engine_avail_since(engine, 101, deltas, 600, &version), -1);
    assert_int_equal(version, 100);
    assert_int_equal(engine_avail_since(engine, 100, deltas, 600, &version), 0); /* up to date */
    for (uint32_t i = 0; i < 300; i++) { /* more than the ring of a small hall keeps */
        uint64_t id = test_hold(engine, 1, &i, 1);
        test_publish(engine);
        assert_int_equal(engine_release(engine, id, 1, TEST_NOW_MS, &op), ENGINE_OK);
        engine_settle(engine, &op);
    }
    test_publish(engine);
    uint64_t now = engine_avail_version(engine);
    assert_int_equal(engine_avail_since(engine, 100, deltas, 600, &version), -1);
    assert_int_equal(version, now);
    assert_true(engine_avail_since(engine, now - 10, deltas, 600, &version) > 0);
    assert_int_equal(engine_avail_since(engine, now - 10, deltas, 3, &version), -1);
    close_hall(engine, plan);
}

/* Whatever their number: pictures are kept 32 seats a word, and copied eight bytes at a time. */
static void each_seat_of_a_hall_is_shown_counted_and_told_where_it_is(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 31, 32, 33, 64, 65, 128, 250};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct plan *plan;
        struct engine *engine = open_hall(&plan, 1, sizes[i]);
        struct engine_delta deltas[256];
        struct engine_count counts[2], kept[2];
        struct engine_op op;
        uint8_t picture[64];
        uint64_t version;
        uint32_t held = 0, blocked = 0;
        assert_int_equal(engine_counts(engine, counts), 0); /* before the first picture */
        assert_int_equal(counts[0].free, sizes[i]);
        engine_publish(engine, 1, NULL, NULL);
        for (uint32_t seat = 0; seat < sizes[i]; seat += 5, held++)
            test_hold(engine, 1, &seat, 1);
        for (uint32_t seat = 3; seat < sizes[i]; seat += 5, blocked++) {
            assert_int_equal(engine_block(engine, &seat, 1, SPAN(""), 1, &op), ENGINE_OK);
            engine_settle(engine, &op);
        }
        engine_publish(engine, 2, NULL, NULL);
        memset(picture, 0xee, sizeof(picture));
        assert_int_equal(engine_avail_copy(engine, picture), 2);
        assert_int_equal(picture[(sizes[i] + 3) / 4], 0xee);
        for (uint32_t seat = 0; seat < sizes[i]; seat++)
            assert_int_equal(picture[seat / 4] >> (seat % 4 * 2) & 3, seat % 5 == 0 ? ENGINE_HELD
                                                                      : seat % 5 == 3
                                                                          ? ENGINE_BLOCKED
                                                                          : ENGINE_FREE);
        engine_counts(engine, counts);
        assert_int_equal(counts[0].free, sizes[i] - held - blocked);
        assert_int_equal(counts[0].held, held);
        assert_int_equal(counts[0].blocked, blocked);
        uint32_t all = held + blocked;
        assert_int_equal(engine_avail_since(engine, 1, deltas, all, &version), all);
        for (uint32_t d = 0; d < all; d++) {
            assert_int_equal(deltas[d].seat, d / 2 * 5 + (d % 2) * 3);
            assert_int_equal(deltas[d].state, d % 2 == 0 ? ENGINE_HELD : ENGINE_BLOCKED);
        }
        assert_int_equal(engine_avail_since(engine, 1, deltas, all - 1, &version), -1);
        for (uint64_t later = 3; later < 5; later++) { /* with nothing changed */
            assert_int_equal(engine_publish(engine, later, NULL, NULL), later);
            assert_int_equal(engine_counts(engine, kept), later);
            assert_memory_equal(&kept[0], &counts[0], sizeof(kept[0]));
            assert_int_equal(engine_avail_since(engine, 1, deltas, all, &version), all);
        }
        close_hall(engine, plan);
    }
}

static void seats_are_counted_by_category(void **state)
{
    (void)state;
    static const char *const rows[] = {"abbccccc", "bbb", NULL};
    struct plan *plan = test_hall_plan(&(struct test_hall){.rows = rows, .limits = test_limits()});
    struct engine *engine = test_hall_engine(plan);
    struct engine_count counts[3];
    struct engine_op op;
    assert_int_equal(engine_block(engine, TEST_SEATS(1, 5, 6, 7, 9, 10), SPAN(""), 1, &op),
                     ENGINE_OK);
    engine_settle(engine, &op);
    test_hold(engine, 1, TEST_SEATS(3));
    static const uint32_t want[3][3] = {{1, 0, 0}, {2, 0, 3}, {1, 1, 3}};
    for (unsigned n = 0; n < 6; n++) { /* and so again, though nothing has changed */
        unsigned i = n % 3;
        test_publish(engine);
        engine_counts(engine, counts);
        assert_int_equal(counts[i].free, want[i][0]);
        assert_int_equal(counts[i].held, want[i][1]);
        assert_int_equal(counts[i].blocked, want[i][2]);
        assert_int_equal(counts[i].sold, 0);
    }
    close_hall(engine, plan);
}

/* A small hall's is of 256 changes, a large one's of an eighth of its seats and more. */
static void as_many_changes_are_told_as_the_ring_has(void **state)
{
    (void)state;
    static const struct {
        uint32_t rows, ring;
    } halls[] = {{8, 256}, {11, 512}};
    for (size_t i = 0; i < sizeof(halls) / sizeof(halls[0]); i++) {
        struct plan *plan;
        struct engine *engine = open_hall(&plan, halls[i].rows, 250);
        struct engine_delta deltas[600];
        uint64_t version;
        uint32_t ring = halls[i].ring;
        for (uint32_t seat = 0; seat < ring; seat++) {
            assert_int_equal(engine_publish(engine, 1 + seat, NULL, NULL), 1 + seat);
            test_hold(engine, 1, &seat, 1);
        }
        engine_publish(engine, 1 + ring, NULL, NULL);
        assert_int_equal(engine_avail_since(engine, 1, deltas, 600, &version), ring);
        test_hold(engine, 1, &ring, 1);
        engine_publish(engine, 2 + ring, NULL, NULL);
        assert_int_equal(engine_avail_since(engine, 2, deltas, 600, &version), -1);
        assert_int_equal(engine_avail_since(engine, 3, deltas, 600, &version), ring - 1);
        assert_int_equal(deltas[0].seat, 2);
        assert_int_equal(deltas[ring - 2].seat, ring);
        close_hall(engine, plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_has_four_seats_a_byte_lowest_bits_first),
        cmocka_unit_test(a_picture_has_the_version_that_it_was_published_with),
        cmocka_unit_test(since_tells_each_seat_once_with_its_newest_state),
        cmocka_unit_test(what_is_not_in_the_journal_yet_is_shown_as_it_was),
        cmocka_unit_test(a_seat_that_was_taken_and_given_back_is_told),
        cmocka_unit_test(a_seat_is_told_once_what_it_was_taken_by_is_written),
        cmocka_unit_test(what_is_seen_early_is_told_again),
        cmocka_unit_test(whoever_is_too_far_behind_or_ahead_takes_the_whole_picture),
        cmocka_unit_test(each_seat_of_a_hall_is_shown_counted_and_told_where_it_is),
        cmocka_unit_test(as_many_changes_are_told_as_the_ring_has),
        cmocka_unit_test(seats_are_counted_by_category),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
