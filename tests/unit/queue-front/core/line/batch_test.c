/* batch_test.c: which batches are held back, and for how long. */
#include "core/line/batch.h"

#include "unit.h"

enum { BEGIN_US = 1000000 };

/* After a batch of `joins` was sent at BEGIN_US. */
static struct batch_pace sent(uint32_t joins)
{
    struct batch_pace pace = {0};
    assert_int_equal(0, batch_hold_ms(&pace, joins, BEGIN_US));
    assert_int_equal(BEGIN_US, pace.sent_us);
    return pace;
}

TEST_CASE(a_join_on_a_quiet_front_is_not_held_back)
{
    struct batch_pace pace = sent(1);
    assert_int_equal(2, batch_hold_ms(&pace, 1, BEGIN_US + BATCH_CLOSE_US - 1));
    assert_int_equal(0, batch_hold_ms(&pace, 1, BEGIN_US + BATCH_CLOSE_US));
    assert_int_equal(0, batch_hold_ms(&pace, 5, BEGIN_US + 2 * BATCH_CLOSE_US));
    assert_int_equal(2, batch_hold_ms(&pace, 1, BEGIN_US + 7 * BATCH_CLOSE_US - 1));
}

TEST_CASE(a_join_close_behind_another_is_held_back_for_two_milliseconds)
{
    struct batch_pace pace = sent(1);
    uint64_t now_us = BEGIN_US + 500;
    assert_int_equal(2, batch_hold_ms(&pace, 1, now_us));
    assert_int_equal(2, batch_hold_ms(&pace, 2, now_us + 900));
    assert_int_equal(1, batch_hold_ms(&pace, 3, now_us + 1000));
    assert_int_equal(1, batch_hold_ms(&pace, 3, now_us + 1999));
    assert_int_equal(0, batch_hold_ms(&pace, 3, now_us + BATCH_HOLD_US));
    /* The next batch gets a hold of its own. */
    assert_int_equal(2, batch_hold_ms(&pace, 1, now_us + BATCH_HOLD_US));
}

TEST_CASE(a_batch_that_is_large_enough_is_sent_at_once)
{
    struct batch_pace pace = sent(BATCH_ENOUGH);
    assert_int_equal(2, batch_hold_ms(&pace, BATCH_ENOUGH - 1, BEGIN_US));
    assert_int_equal(0, batch_hold_ms(&pace, BATCH_ENOUGH, BEGIN_US + 1));
}

TEST_CASE(a_past_crowd_no_longer_causes_a_hold)
{
    uint64_t over_us = BEGIN_US + (uint64_t)BATCH_PACE_MAX * BATCH_CLOSE_US;
    struct batch_pace pace = sent(500);
    assert_int_equal(2, batch_hold_ms(&pace, 1, over_us - 1));
    pace = sent(500);
    assert_int_equal(0, batch_hold_ms(&pace, 1, over_us));
}
