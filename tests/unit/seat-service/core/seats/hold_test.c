/* hold_test.c: hold slots from the shared stack and from threads' stashes (concurrently:
 * engine_steps_test.c). */
#include "core/seats/hold.h"
#include "unit.h"

static uint64_t make(struct hold_slots *slots, unsigned stash)
{
    uint32_t slot = hold_give(slots, stash);
    if (slot == 0)
        return 0;
    hold_write_begin(slots, slot);
    hold_write_end(slots, slot);
    return hold_id(slots, slot);
}

static void end(struct hold_slots *slots, uint64_t id, unsigned stash)
{
    assert_int_equal(hold_own(slots, id), HOLD_OWNED);
    hold_end(slots, hold_slot_of(id), stash);
}

TEST_CASE(a_slot_given_out_again_has_another_id)
{
    for (unsigned stash = 0; stash < 2; stash++) {
        struct hold_slots slots;
        assert_int_equal(hold_slots_init(&slots, 4), 0);
        uint64_t first = make(&slots, stash);
        end(&slots, first, stash);
        uint64_t second = make(&slots, stash);
        assert_int_equal(hold_slot_of(second), hold_slot_of(first));
        assert_true(second != first);
        assert_int_equal(hold_own(&slots, first), HOLD_NOT_THERE);
        end(&slots, second, stash);
        hold_slots_deinit(&slots);
    }
}

TEST_CASE(a_stash_keeps_few_slots_and_shares_the_rest)
{
    enum { SLOTS = 4 * HOLD_STASH_MAX };
    struct hold_slots slots;
    uint64_t ids[SLOTS];
    assert_int_equal(hold_slots_init(&slots, SLOTS), 0);
    for (uint32_t i = 0; i < SLOTS; i++)
        ids[i] = make(&slots, 1);
    assert_int_equal(make(&slots, 1), 0);
    for (uint32_t i = 0; i < SLOTS; i++)
        end(&slots, ids[i], 1);
    uint32_t others = 0;
    while (make(&slots, 2) != 0)
        others++;
    assert_in_range(others, SLOTS - HOLD_STASH_MAX, SLOTS);
    uint32_t own = 0;
    while (make(&slots, 1) != 0)
        own++;
    assert_int_equal(others + own, SLOTS);
    hold_slots_deinit(&slots);
}

TEST_CASE(a_replay_gives_a_slot_in_use_to_nobody_else)
{
    const uint64_t life = UINT64_C(1) << 24;
    struct hold_slots slots;
    assert_int_equal(hold_slots_init(&slots, 4), 0);
    slots.live = false;
    assert_true(hold_adopt(&slots, 5 * life | 2));
    assert_false(hold_adopt(&slots, 5 * life | 2)); /* the same life */
    assert_false(hold_adopt(&slots, 6 * life | 2)); /* a later life before it has ended */
    assert_int_equal(hold_id(&slots, 2), 5 * life | 2);
    hold_end(&slots, 2, 0);
    assert_false(hold_adopt(&slots, 4 * life | 2));
    assert_true(hold_adopt(&slots, 6 * life | 2));
    hold_slots_deinit(&slots);
}

TEST_CASE(slots_that_a_replay_left_unused_are_given_out_first)
{
    const uint64_t life = UINT64_C(1) << 24;
    struct hold_slots slots;
    assert_int_equal(hold_slots_init(&slots, 6), 0);
    slots.live = false;
    assert_true(hold_adopt(&slots, 5 * life | 5));
    assert_true(hold_adopt(&slots, 6 * life | 2));
    assert_true(hold_adopt(&slots, 7 * life | 3));
    hold_end(&slots, 2, 0);
    hold_slots_go_live(&slots);
    static const uint32_t free[] = {1, 2, 4, 6, 0};
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(hold_give(&slots, 1), free[i]);
    hold_slots_deinit(&slots);
}
