/* schedule_test.c: which step is due, and when the last visitor enters. */
#include "core/event/schedule.h"
#include "unit.h"

static struct event_doc doc; /* too big for a sanitized stack */

static void fill(void)
{
    doc = (struct event_doc){.rate_milli = 10000, .schedule_len = 3};
    doc.schedule[0] = (struct line_rate_at){100000, 20000};
    doc.schedule[1] = (struct line_rate_at){200000, 0};
    doc.schedule[2] = (struct line_rate_at){300000, 50000};
}

TEST_CASE(a_step_is_taken_when_its_time_has_come_and_only_once)
{
    fill();
    assert_false(schedule_take_due(&doc, 99999));
    assert_int_equal(doc.rate_milli, 10000);
    assert_true(schedule_take_due(&doc, 100000));
    assert_int_equal(doc.rate_milli, 20000);
    assert_int_equal(doc.schedule_len, 2);
    doc.rate_milli = 7000; /* changed by hand meanwhile */
    assert_false(schedule_take_due(&doc, 150000));
    assert_int_equal(doc.rate_milli, 7000);
}

TEST_CASE(a_late_front_takes_the_newest_missed_step)
{
    fill();
    assert_true(schedule_take_due(&doc, 1000000));
    assert_int_equal(doc.rate_milli, 50000);
    assert_int_equal(doc.schedule_len, 0);
    assert_false(schedule_take_due(&doc, 2000000));
}

TEST_CASE(the_last_visitor_enters_at_the_scheduled_rates)
{
    fill();
    assert_int_equal(schedule_reach_ms(&doc, 10000, 0, 500), 50000);
    assert_int_equal(schedule_reach_ms(&doc, 10000, 0, 1000 + 500), 125000);
    /* 3,000 by 200 s, nobody until 300 s, then 50 a second. */
    assert_int_equal(schedule_reach_ms(&doc, 10000, 0, 3000 + 500), 310000);
    assert_int_equal(schedule_reach_ms(&doc, 10000, 250000, 0), 250000);
    doc.schedule_len = 2;
    assert_int_equal(schedule_reach_ms(&doc, 10000, 0, 3001), 0);
}

TEST_CASE(a_step_more_than_a_year_away_is_not_reported)
{
    const uint64_t year_s = 366 * 86400;
    doc = (struct event_doc){.schedule_len = 0};
    assert_true(schedule_reach_ms(&doc, 1000, 5000, 1000) > 5000); /* one a second */
    assert_int_equal(schedule_reach_ms(&doc, 1000, 5000, 2 * year_s), 0);
    assert_int_equal(schedule_reach_ms(&doc, 0, 5000, 1), 0);
    assert_int_equal(schedule_reach_ms(&doc, 0, 5000, 0), 5000);
}
