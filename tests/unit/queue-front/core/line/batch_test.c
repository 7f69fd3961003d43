/* batch_test.c: which batches are held back, and for how long. */
#include "core/line/batch.h"

#include "unit.h"

enum { BEGIN_US = 1000000, CLOSE_US = BATCH_CLOSE_US, OVER_US = BATCH_PACE_MAX * BATCH_CLOSE_US };

TEST_CASE(a_batch_close_behind_another_is_held_back)
{
    static const struct {
        const char *name;
        uint32_t sent; /* joins of the batch before, sent at BEGIN_US */
        struct {
            uint32_t joins, after_us, hold_ms;
        } then[6];
    } rows[] = {
        {"a join on a quiet front is not held back",
         1,
         {{1, CLOSE_US - 1, 2}, {1, CLOSE_US, 0}, {5, 2 * CLOSE_US, 0}, {1, 7 * CLOSE_US - 1, 2}}},
        {"a join close behind another is held back for two milliseconds",
         1,
         {{1, 500, 2},
          {2, 1400, 2},
          {3, 1500, 1},
          {3, 2499, 1},
          {3, 500 + BATCH_HOLD_US, 0},
          {1, 500 + BATCH_HOLD_US, 2}}}, /* the next batch gets a hold of its own */
        {"a batch that is large enough is sent at once",
         BATCH_ENOUGH,
         {{BATCH_ENOUGH - 1, 0, 2}, {BATCH_ENOUGH, 1, 0}}},
        {"a past crowd causes a hold for a while", 500, {{1, OVER_US - 1, 2}}},
        {"... and no longer", 500, {{1, OVER_US, 0}}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct batch_pace pace = {0};
        assert_int_equal(0, batch_hold_ms(&pace, rows[i].sent, BEGIN_US));
        assert_int_equal(BEGIN_US, pace.sent_us);
        for (unsigned n = 0; n < 6 && rows[i].then[n].joins > 0; n++) {
            uint32_t hold_ms =
                batch_hold_ms(&pace, rows[i].then[n].joins, BEGIN_US + rows[i].then[n].after_us);
            if (hold_ms != rows[i].then[n].hold_ms)
                fail_msg("%s: %u: %u ms", rows[i].name, n, hold_ms);
        }
    }
}
