/* judge_test.c: a true story passes, and each way of lying is found. */
#include "judge.h"

#include "unit.h"

struct story {
    struct record record[64];
    size_t len;
    uint64_t now_us;
};

static struct record *tell(struct story *story, uint32_t visitor, enum record_kind kind,
                           uint64_t value, uint64_t more)
{
    story->now_us += 10000;
    story->record[story->len] = (struct record){.at_us = story->now_us,
                                                .visitor = visitor,
                                                .kind = (uint8_t)kind,
                                                .value = value,
                                                .more = more,
                                                .status = 200};
    return &story->record[story->len++];
}

static void buys(struct story *story, uint32_t visitor, uint64_t place, uint32_t seat)
{
    tell(story, visitor, RECORD_JOIN, place, 0);
    story->now_us += 1000000;
    tell(story, visitor, RECORD_CALLED, place, 0);
    tell(story, visitor, RECORD_PASS, place, 0);
    tell(story, visitor, RECORD_HOLD, 1, 9900);
    tell(story, visitor, RECORD_SEAT, seat, 0);
    tell(story, visitor, RECORD_ORDER, 9900, 1000 + visitor);
    tell(story, visitor, RECORD_PAID, 9900, 0);
    tell(story, visitor, RECORD_TICKET, 1, 1000 + visitor);
    tell(story, visitor, RECORD_END, END_DONE, 0);
}

static struct judge_verdict judged(struct story *story)
{
    struct judge_conf conf = {
        .rate_milli = 2000, .session_ttl_ms = 60000, .active_max = 2, .seats_max = 4};
    struct judge_verdict verdict;
    struct err_slot err;
    assert_int_equal(judge(story->record, story->len, &conf, &err, &verdict), 0);
    return verdict;
}

static struct story honest(void)
{
    struct story story = {.now_us = 1700000000000000};
    buys(&story, 0, 1, 10);
    buys(&story, 1, 2, 11);
    return story;
}

static struct record *find(struct story *story, uint32_t visitor, enum record_kind kind)
{
    for (size_t i = 0; i < story->len; i++) {
        if (story->record[i].visitor == visitor && story->record[i].kind == kind)
            return &story->record[i];
    }
    fail();
    return NULL;
}

static void a_true_story_passes(void **state)
{
    (void)state;
    struct story story = honest();
    struct judge_verdict verdict = judged(&story);
    assert_int_equal(verdict.findings, 0);
    assert_int_equal(verdict.tickets, 2);
    assert_int_equal(verdict.paid, 19800);
    assert_int_equal(verdict.ended[END_DONE], 2);
}

#define EXPECT(story_, part_)                                                                      \
    do {                                                                                           \
        struct judge_verdict verdict_ = judged(story_);                                            \
        assert_true(verdict_.findings > 0);                                                        \
        assert_non_null(strstr(verdict_.finding[0], part_));                                       \
    } while (0)

static void two_owners_of_one_thing_are_found(void **state)
{
    (void)state;
    struct story story = honest();
    find(&story, 1, RECORD_JOIN)->value = 1;
    EXPECT(&story, "place 1 was given to visitors 0 and 1");
    story = honest();
    find(&story, 1, RECORD_SEAT)->value = 10;
    EXPECT(&story, "seat #10 was sold to visitors 0 and 1");
    story = honest();
    find(&story, 1, RECORD_ORDER)->more = 1000;
    EXPECT(&story, "visitors 0 and 1 have the same order");
    story = honest();
    tell(&story, 0, RECORD_JOIN, 3, 0);
    EXPECT(&story, "visitor 0 got place 1 and later 3");
}

static void a_pass_without_a_call_is_found(void **state)
{
    (void)state;
    struct story story = honest();
    find(&story, 0, RECORD_CALLED)->kind = RECORD_OTHER;
    EXPECT(&story, "without being called");
}

static void tickets_that_were_not_paid_are_found(void **state)
{
    (void)state;
    struct story story = honest();
    find(&story, 1, RECORD_PAID)->value = 9800;
    EXPECT(&story, "tickets for an order of 9900 and paid 9800");
    story = honest();
    find(&story, 1, RECORD_PAID)->kind = RECORD_OTHER;
    EXPECT(&story, "paid 0");
}

static void a_line_that_moves_too_fast_is_found(void **state)
{
    (void)state;
    struct story story = {.now_us = 1700000000000000};
    for (uint32_t visitor = 0; visitor < 4; visitor++) /* a line that began at 900 */
        tell(&story, visitor, RECORD_JOIN, 900 + visitor, 0);
    tell(&story, 3, RECORD_CALLED, 903, 0);
    for (uint32_t visitor = 0; visitor < 4; visitor++)
        tell(&story, visitor, RECORD_END, END_NO_SHOW, 0);
    EXPECT(&story, "place 903 was called");
}

static void tricks_that_worked_and_visitors_without_an_end_are_found(void **state)
{
    (void)state;
    struct story story = honest();
    tell(&story, 0, RECORD_TRICK, TRICK_JUMP, 1)->status = 201;
    EXPECT(&story, "\"jump the line\" worked");
    story = honest();
    tell(&story, 0, RECORD_TRICK, TRICK_TAB, 7);
    EXPECT(&story, "\"second tab\" worked");
    story = honest();
    tell(&story, 0, RECORD_TRICK, TRICK_FORGE, 1)->status = 401;
    tell(&story, 0, RECORD_TRICK, TRICK_REJOIN, 1);
    assert_int_equal(judged(&story).findings, 0);
    story.len -= 3; /* the last word of visitor 1, and what came after */
    EXPECT(&story, "visitor 1 came to no end");
}

static void only_the_last_hold_counts_when_seats_were_changed(void **state)
{
    (void)state;
    struct story story = {.now_us = 1700000000000000};
    tell(&story, 0, RECORD_JOIN, 1, 0);
    tell(&story, 0, RECORD_HOLD, 1, 0);
    tell(&story, 0, RECORD_SEAT, 11, 0); /* given back later, and sold to the other one */
    tell(&story, 0, RECORD_HOLD, 1, 0);
    tell(&story, 0, RECORD_SEAT, 12, 0);
    tell(&story, 0, RECORD_END, END_LEFT, 0);
    buys(&story, 1, 2, 11);
    assert_int_equal(judged(&story).findings, 0);
}

static void a_number_that_went_to_a_later_one_first_is_found(void **state)
{
    (void)state;
    struct story story = {.now_us = 1700000000000000};
    tell(&story, 0, RECORD_JOIN, 7, 0);
    tell(&story, 1, RECORD_JOIN, 6, 0)->took_us = 9000; /* asked after the other was told */
    tell(&story, 0, RECORD_END, END_PATIENCE, 0);
    tell(&story, 1, RECORD_END, END_PATIENCE, 0);
    EXPECT(&story, "visitor 0 had place 7 before visitor 1 asked, who got 6");
    find(&story, 1, RECORD_JOIN)->took_us = 11000; /* both were under way: either may be first */
    assert_int_equal(judged(&story).findings, 0);
}

static void a_place_that_changes_on_the_way_is_found(void **state)
{
    (void)state;
    struct story story = honest();
    tell(&story, 0, RECORD_WAIT, 1, 5);
    assert_int_equal(judged(&story).findings, 0);
    tell(&story, 0, RECORD_WAIT, 2, 6);
    EXPECT(&story, "visitor 0 with place 1 was told 2");
    assert_int_equal(judged(&story).ahead_rose, 1);
}

static void a_draw_makes_places_of_entries_in_any_order(void **state)
{
    (void)state;
    struct story story = {.now_us = 1700000000000000};
    for (uint32_t visitor = 0; visitor < 3; visitor++)
        tell(&story, visitor, RECORD_ENTRY, 1 + visitor, 0);
    for (uint32_t visitor = 0; visitor < 3; visitor++)
        tell(&story, visitor, RECORD_JOIN, 3 - visitor, 0);
    for (uint32_t visitor = 0; visitor < 3; visitor++)
        tell(&story, visitor, RECORD_END, END_PATIENCE, 0);
    assert_int_equal(judged(&story).findings, 0);
    find(&story, 2, RECORD_JOIN)->value = 3;
    EXPECT(&story, "place 3 was given to visitors 0 and 2");
    find(&story, 2, RECORD_JOIN)->value = 1;
    find(&story, 2, RECORD_ENTRY)->value = 1;
    EXPECT(&story, "entry 1 was given to visitors 0 and 2");
}

static void more_inside_than_allowed_are_found(void **state)
{
    (void)state;
    struct story story = {.now_us = 1700000000000000};
    for (uint32_t visitor = 0; visitor < 3; visitor++) {
        story.now_us += 1000000;
        tell(&story, visitor, RECORD_JOIN, 1 + visitor, 0);
        tell(&story, visitor, RECORD_CALLED, 1 + visitor, 0);
        tell(&story, visitor, RECORD_PASS, 1 + visitor, 77 + visitor);
        if (visitor == 0) /* from when it paid, its visit may be over */
            tell(&story, visitor, RECORD_PAID, 0, 0);
        tell(&story, visitor, RECORD_END, END_DONE, 0);
    }
    assert_int_equal(judged(&story).findings, 0);
    assert_int_equal(judged(&story).active_most, 2);
    find(&story, 0, RECORD_PAID)->kind = RECORD_OTHER;
    EXPECT(&story, "3 were inside at the same time");
    find(&story, 0, RECORD_PASS)->at_us -= 59500000; /* run out by the time that the third comes */
    find(&story, 0, RECORD_CALLED)->at_us -= 60000000;
    find(&story, 0, RECORD_JOIN)->at_us -= 60000000;
    assert_int_equal(judged(&story).active_most, 2);
}

static void bots_that_got_something_are_found_and_counted(void **state)
{
    (void)state;
    struct story story = honest();
    story.record[story.len - 1].kind = RECORD_OTHER; /* its end comes below */
    tell(&story, 1, RECORD_WHO, 1u << MANNER_REUSER | 1u << MANNER_HOARDER, 0)->at_us -= 60000000;
    tell(&story, 1, RECORD_TRICK, TRICK_REUSE, 0);
    tell(&story, 1, RECORD_TRICK, TRICK_HOARD, 4);
    tell(&story, 1, RECORD_TRICK, TRICK_SHARE, 0)->status = 409;
    tell(&story, 1, RECORD_TRICK, TRICK_RETURN, 0)->status = 410;
    tell(&story, 1, RECORD_END, END_DONE, 0);
    struct judge_verdict verdict = judged(&story);
    assert_int_equal(verdict.findings, 0);
    const struct judge_tally *tally = &verdict.tally[MANNER_HOARDER];
    assert_int_equal(tally->visitors, 1);
    assert_int_equal(tally->tickets, 1);
    assert_int_equal(tally->held_most, 4);
    assert_int_equal(tally->tried, 4);
    assert_int_equal(tally->worked, 0);
    const struct {
        enum record_trick trick;
        uint64_t more;
        const char *says;
    } worked[] = {
        {TRICK_REUSE, 5, "\"second visit of a ticket\" worked"},
        {TRICK_HOARD, 5, "\"hoard seats\" worked"},
        {TRICK_SHARE, 0, "\"order somebody else's hold\" worked"},
        {TRICK_RETURN, 0, "\"come back after the order\" worked"},
        {TRICK_SECOND, 0, "\"pass used after its order\" worked"},
        {TRICK_FORGE, 0, "\"forged ticket\" worked"},
    };
    for (size_t i = 0; i < sizeof(worked) / sizeof(worked[0]); i++) {
        struct story bad = story;
        tell(&bad, 1, RECORD_TRICK, worked[i].trick, worked[i].more);
        EXPECT(&bad, worked[i].says);
        assert_int_equal(judged(&bad).tally[MANNER_HOARDER].worked, 1);
    }
}

static void two_visits_with_one_ticket_are_found(void **state)
{
    (void)state;
    struct story story = honest();
    tell(&story, 0, RECORD_PASS, 1, 0);
    assert_int_equal(judged(&story).findings, 0);
    tell(&story, 0, RECORD_PASS, 1, 99);
    EXPECT(&story, "visitor 0 has two visits with one ticket");
}

static void waits_that_were_told_are_compared_with_what_came(void **state)
{
    (void)state;
    struct story story = {.now_us = 1700000000000000};
    for (uint32_t visitor = 0; visitor < 2; visitor++) {
        tell(&story, visitor, RECORD_JOIN, 1 + visitor, UINT64_C(10) << 32 | 20);
        story.now_us += visitor == 0 ? 12500000 : 40000000;
        tell(&story, visitor, RECORD_CALLED, 1 + visitor, 0);
        tell(&story, visitor, RECORD_END, END_NO_SHOW, 0);
    }
    struct judge_verdict verdict = judged(&story);
    assert_int_equal(verdict.findings, 0);
    assert_int_equal(verdict.eta_judged, 2);
    assert_int_equal(verdict.eta_within_p90, 1);
    assert_in_range(verdict.eta_off_p90_milli, 700, 800); /* 10 s for 40 s */
}

static void bytes_that_are_no_records_are_refused(void **state)
{
    (void)state;
    struct record record = {.kind = RECORD_KINDS};
    struct judge_conf conf = {0};
    struct judge_verdict verdict;
    struct err_slot err;
    assert_int_equal(judge(&record, 1, &conf, &err, &verdict), ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_true_story_passes),
        cmocka_unit_test(two_owners_of_one_thing_are_found),
        cmocka_unit_test(a_pass_without_a_call_is_found),
        cmocka_unit_test(tickets_that_were_not_paid_are_found),
        cmocka_unit_test(a_line_that_moves_too_fast_is_found),
        cmocka_unit_test(tricks_that_worked_and_visitors_without_an_end_are_found),
        cmocka_unit_test(only_the_last_hold_counts_when_seats_were_changed),
        cmocka_unit_test(a_number_that_went_to_a_later_one_first_is_found),
        cmocka_unit_test(a_place_that_changes_on_the_way_is_found),
        cmocka_unit_test(a_draw_makes_places_of_entries_in_any_order),
        cmocka_unit_test(more_inside_than_allowed_are_found),
        cmocka_unit_test(bots_that_got_something_are_found_and_counted),
        cmocka_unit_test(two_visits_with_one_ticket_are_found),
        cmocka_unit_test(waits_that_were_told_are_compared_with_what_came),
        cmocka_unit_test(bytes_that_are_no_records_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
