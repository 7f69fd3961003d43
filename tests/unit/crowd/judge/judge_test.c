/* judge_test.c: a true story passes, and each way of lying is found. */
#include "judge/judge.h"

#include "refuse_realloc.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

struct story {
    struct record record[256];
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
    tell(story, visitor, RECORD_UNTIL, story->now_us + 60000000, 2000 + visitor);
    tell(story, visitor, RECORD_SENT, SENT_ORDER, 0);
    tell(story, visitor, RECORD_ORDER, 9900, 1000 + visitor);
    tell(story, visitor, RECORD_BY, story->now_us + 60000000, 1000 + visitor);
    tell(story, visitor, RECORD_PAID, 9900, 0);
    tell(story, visitor, RECORD_TICKET, 1, 1000 + visitor);
    tell(story, visitor, RECORD_END, END_DONE, 0);
}

static const struct judge_conf usual = {
    .rate_known = true,
    .rate_milli = 2000,
    .session_ttl_ms = 60000,
    .active_max = 2,
    .seats_max = 4,
    .expect = {.waiting_max = 100, .turned_max = 100, .ticket_within_ms = 60000},
};

static struct judge_verdict judged_by(struct story *story, const struct judge_conf *conf)
{
    static struct judge_verdict verdict;
    struct err_slot err;
    assert_int_equal(judge(story->record, story->len, conf, &err, &verdict), 0);
    return verdict;
}

static struct judge_verdict judged(struct story *story)
{
    return judged_by(story, &usual);
}

/* The only kind of thing that was found, FOUND_KINDS if nothing was. */
static enum judge_kind only_found(struct story *story, const struct judge_conf *conf)
{
    struct judge_verdict verdict = judged_by(story, conf);
    enum judge_kind only = FOUND_KINDS;
    for (uint32_t i = 0; i < verdict.told; i++) {
        if (only != FOUND_KINDS && verdict.finding[i].kind != only)
            fail_msg("%s, and %s as well", judge_kind_names[only], verdict.finding[i].text);
        only = verdict.finding[i].kind;
    }
    return only;
}

#define EXPECT_ONLY(story_, kind_)                                                                 \
    assert_string_equal(name_of(only_found(story_, &usual)), name_of(kind_))

static const char *name_of(enum judge_kind kind)
{
    return kind < FOUND_KINDS ? judge_kind_names[kind] : "nothing";
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
        assert_non_null(strstr(verdict_.finding[0].text, part_));                                  \
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

static void a_visitor_who_is_given_ever_other_places_is_found(void **state)
{
    (void)state;
    enum { TIMES = 200 };
    struct story story = honest();
    for (uint64_t i = 0; i < TIMES; i++)
        tell(&story, 0, RECORD_JOIN, 1000 + i, 0);
    EXPECT(&story, "visitor 0 got place 1 and later 1000");
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
    EXPECT(&story, "from 899 at most to 903: 4 calls");
    EXPECT_ONLY(&story, FOUND_RATE);
    find(&story, 0, RECORD_END)->value = END_LEFT; /* the line moves past those for nothing */
    find(&story, 1, RECORD_END)->value = END_LEFT;
    find(&story, 2, RECORD_END)->value = END_LEFT;
    EXPECT_ONLY(&story, FOUND_RATE); /* half a token has come */
    for (size_t i = 4; i < story.len; i++)
        story.record[i].at_us += 250000;
    EXPECT_ONLY(&story, FOUND_KINDS);
}

/* Somebody asks and is told how many are ahead. */
static struct record *waits(struct story *story, uint32_t visitor, uint64_t place, uint64_t ahead)
{
    struct record *record = tell(story, visitor, RECORD_WAIT, place, ahead);
    record->flags = RECORD_WAITING;
    return record;
}

static void sleeps(struct story *story, uint64_t seconds)
{
    story->now_us += seconds * 1000000;
}

static void all_end(struct story *story, uint32_t visitors)
{
    for (uint32_t visitor = 0; visitor < visitors; visitor++)
        tell(story, visitor, RECORD_END, END_PATIENCE, 0);
}

/* Ten a second for a minute would do no harm at the end of it; in one second it is found. */
static void the_rate_holds_in_every_window(void **state)
{
    (void)state;
    struct story story = {.now_us = 1700000000000000};
    for (uint32_t visitor = 0; visitor < 40; visitor++)
        tell(&story, visitor, RECORD_JOIN, 1 + visitor, 0);
    sleeps(&story, 60); /* the line stands still, though 120 could have been called */
    waits(&story, 39, 40, 39);
    for (uint32_t visitor = 0; visitor < 40; visitor++)
        tell(&story, visitor, RECORD_CALLED, 1 + visitor, 0);
    all_end(&story, 40);
    EXPECT_ONLY(&story, FOUND_RATE);
    struct judge_conf conf = usual;
    conf.burst = 40;
    assert_int_equal(only_found(&story, &conf), FOUND_KINDS);
}

static void whoever_comes_in_before_those_in_front_is_found_by_whatever_name(void **state)
{
    (void)state;
    struct story story = {.now_us = 1700000000000000};
    for (uint32_t visitor = 0; visitor < 20; visitor++)
        tell(&story, visitor, RECORD_JOIN, 1 + visitor, 0);
    sleeps(&story, 10);
    struct record *pass = tell(&story, 9, RECORD_PASS, 10, 0); /* in time: the ten first are in */
    pass->flags = RECORD_EARLY;
    sleeps(&story, 3);
    struct record *told = waits(&story, 19, 20, 9);
    all_end(&story, 20);
    EXPECT_ONLY(&story, FOUND_KINDS);
    told->more = 10; /* but only nine are called */
    EXPECT_ONLY(&story, FOUND_JUMP);
    pass->kind = RECORD_CALLED;
    EXPECT_ONLY(&story, FOUND_JUMP);
    told->flags |= RECORD_STALE; /* an old picture proves nothing */
    EXPECT_ONLY(&story, FOUND_KINDS);
    told->flags = RECORD_WAITING;
    told->at_us -= 2500000; /* nor does one that may be of before */
    EXPECT_ONLY(&story, FOUND_KINDS);
}

static void a_pass_before_the_draw_is_found(void **state)
{
    (void)state;
    struct story story = {.now_us = 1700000000000000};
    tell(&story, 0, RECORD_ENTRY, 1, 0);
    tell(&story, 0, RECORD_PASS, 1, 0)->flags = RECORD_EARLY;
    tell(&story, 0, RECORD_END, END_DONE, 0);
    EXPECT_ONLY(&story, FOUND_JUMP);
}

static void more_ahead_than_before_is_found_unless_somebody_may_have_come_back(void **state)
{
    (void)state;
    struct story story = {.now_us = 1700000000000000};
    for (uint32_t visitor = 0; visitor < 6; visitor++)
        tell(&story, visitor, RECORD_JOIN, 1 + visitor, 0);
    waits(&story, 5, 6, 5);
    sleeps(&story, 3);
    struct record *low = waits(&story, 5, 6, 3); /* two are taken for gone */
    sleeps(&story, 3);
    waits(&story, 5, 6, 5);
    for (uint32_t visitor = 0; visitor < 6; visitor++)
        waits(&story, visitor, 1 + visitor, 0);
    all_end(&story, 6);
    EXPECT(&story, "visitor 5 with place 6 had 3 ahead and later 5; 0 could have come back");
    EXPECT_ONLY(&story, FOUND_AHEAD);
    struct judge_conf conf = usual;
    conf.gone_after_ms = 6000; /* all were silent this long */
    assert_int_equal(only_found(&story, &conf), FOUND_KINDS);
    low->flags |= RECORD_STALE;
    EXPECT_ONLY(&story, FOUND_KINDS);
}

static void a_place_of_a_stranger_may_come_back(void **state)
{
    (void)state;
    struct story story = {.now_us = 1700000000000000};
    tell(&story, 0, RECORD_JOIN, 1, 0);
    tell(&story, 1, RECORD_JOIN, 4, 0);
    waits(&story, 1, 4, 1);
    sleeps(&story, 3);
    struct record *last = waits(&story, 1, 4, 3);
    all_end(&story, 2);
    EXPECT_ONLY(&story, FOUND_KINDS);
    last->more = 4;
    EXPECT_ONLY(&story, FOUND_AHEAD);
}

/* A hold of one seat that is told of until `seconds` later. */
static void holds(struct story *story, uint32_t visitor, uint32_t seat, uint64_t seconds)
{
    tell(story, visitor, RECORD_HOLD, 1, 0);
    tell(story, visitor, RECORD_SEAT, seat, 0);
    tell(story, visitor, RECORD_UNTIL, story->now_us + seconds * 1000000, 100 + visitor);
}

static void a_seat_that_is_held_for_two_is_found_though_none_of_them_buys_it(void **state)
{
    (void)state;
    struct story story = {.now_us = 1700000000000000};
    holds(&story, 0, 7, 10);
    sleeps(&story, 5);
    holds(&story, 1, 7, 10);
    all_end(&story, 2);
    EXPECT_ONLY(&story, FOUND_OVERLAP);
    story.record[2].value -= 6000000; /* the first one's time ran out before */
    EXPECT_ONLY(&story, FOUND_KINDS);
    assert_int_equal(judged(&story).held_until_us, story.record[5].value);
    story.record[2].value += 6000000;
    struct record *end = find(&story, 0, RECORD_END);
    end->at_us = story.record[2].at_us + 1;
    *end = (struct record){.at_us = end->at_us, .kind = RECORD_SENT, .value = SENT_DROP};
    tell(&story, 0, RECORD_END, END_LEFT, 0);
    EXPECT_ONLY(&story, FOUND_KINDS); /* given back before */
}

static void a_sold_seat_that_is_held_for_another_is_found(void **state)
{
    (void)state;
    struct story story = {.now_us = 1700000000000000};
    buys(&story, 0, 1, 10);
    sleeps(&story, 600); /* the hold's own time is over: it is sold */
    holds(&story, 1, 10, 10);
    tell(&story, 1, RECORD_END, END_LEFT, 0);
    EXPECT_ONLY(&story, FOUND_OVERLAP);
    find(&story, 1, RECORD_SEAT)->value = 11;
    EXPECT_ONLY(&story, FOUND_KINDS);
}

static void seats_confirmed_without_money_are_sold_too(void **state)
{
    (void)state;
    struct story story = {.now_us = 1700000000000000};
    for (uint32_t visitor = 0; visitor < 2; visitor++) {
        holds(&story, visitor, 7, 1);
        sleeps(&story, 2);
        tell(&story, visitor, RECORD_SENT, SENT_ORDER, 0);
        tell(&story, visitor, RECORD_SOLD, 1, 0);
        tell(&story, visitor, RECORD_END, END_DONE, 0);
    }
    EXPECT(&story, "seat #7 was sold to visitors 0 and 1");
    assert_int_equal(judged(&story).found[FOUND_OVERLAP], 1);
    find(&story, 1, RECORD_SEAT)->value = 8;
    EXPECT_ONLY(&story, FOUND_KINDS);
    assert_int_equal(judged(&story).seats, 2);
}

static void whoever_paid_in_time_and_has_no_ticket_is_found(void **state)
{
    (void)state;
    struct story story = honest();
    struct record *ticket = find(&story, 1, RECORD_TICKET);
    ticket->kind = RECORD_VOID;
    ticket->value = VOID_CANCELLED;
    find(&story, 1, RECORD_END)->value = END_VOIDED;
    EXPECT(&story, "visitor 1 paid 9900 and has no ticket: the order was turned back");
    EXPECT_ONLY(&story, FOUND_NO_TICKET);
    struct judge_conf conf = usual;
    conf.expect.void_max = 500;
    assert_int_equal(only_found(&story, &conf), FOUND_KINDS);
    find(&story, 1, RECORD_BY)->value -= 120000000; /* it was paid too late */
    EXPECT_ONLY(&story, FOUND_KINDS);
}

static void whoever_paid_shortly_before_the_end_may_have_a_ticket_yet(void **state)
{
    (void)state;
    struct story story = honest();
    struct record *ticket = find(&story, 1, RECORD_TICKET);
    ticket->kind = RECORD_STEP;
    find(&story, 1, RECORD_END)->value = END_PATIENCE;
    assert_int_equal(judged(&story).unfinished, 1);
    EXPECT_ONLY(&story, FOUND_KINDS);
    find(&story, 1, RECORD_END)->at_us += 61000000;
    EXPECT_ONLY(&story, FOUND_NO_TICKET);
    find(&story, 1, RECORD_END)->at_us -= 61000000;
    find(&story, 1, RECORD_END)->value = END_TOO_LATE;
    EXPECT_ONLY(&story, FOUND_NO_TICKET);
}

static void what_was_gone_before_its_time_is_found(void **state)
{
    (void)state;
    struct story story = {.now_us = 1700000000000000};
    holds(&story, 0, 7, 10);
    sleeps(&story, 8);
    struct record *gone = tell(&story, 0, RECORD_GONE, GONE_HOLD, 0);
    tell(&story, 0, RECORD_END, END_LEFT, 0);
    EXPECT(&story, "visitor 0's hold was gone 2.0 s before");
    EXPECT_ONLY(&story, FOUND_GONE_EARLY);
    gone->at_us += 3000000;
    story.record[story.len - 1].at_us += 3000000;
    EXPECT_ONLY(&story, FOUND_KINDS);

    story = (struct story){.now_us = 1700000000000000};
    tell(&story, 0, RECORD_JOIN, 1, 0);
    sleeps(&story, 2);
    tell(&story, 0, RECORD_CALLED, 1, story.now_us + 60000000);
    gone = tell(&story, 0, RECORD_GONE, GONE_CALL, 0);
    tell(&story, 0, RECORD_END, END_TOO_LATE, 0);
    EXPECT_ONLY(&story, FOUND_GONE_EARLY);
    find(&story, 0, RECORD_CALLED)->more = 0; /* until when was not told */
    EXPECT_ONLY(&story, FOUND_KINDS);
}

static void a_service_that_answers_nobody_is_found(void **state)
{
    (void)state;
    struct story story = {.now_us = 1700000000000000};
    struct judge_conf conf = usual;
    conf.expect = (struct expect){.placed_min = 90, .waiting_max = 100, .turned_max = 100};
    for (uint32_t visitor = 0; visitor < 10; visitor++) {
        tell(&story, visitor, RECORD_OTHER, 0, 0)->status = 503;
        tell(&story, visitor, RECORD_END, END_TURNED, 0);
    }
    assert_int_equal(only_found(&story, &conf), FOUND_FEW_PLACED);
    conf.expect = (struct expect){.passed_min = 1, .waiting_max = 100, .turned_max = 100};
    assert_int_equal(only_found(&story, &conf), FOUND_FEW_PASSED);
    conf.expect = (struct expect){.done_min = 1, .waiting_max = 100, .turned_max = 100};
    assert_int_equal(only_found(&story, &conf), FOUND_FEW_DONE);
    conf.expect = (struct expect){.waiting_max = 100, .turned_max = 50};
    assert_int_equal(only_found(&story, &conf), FOUND_TURNED_AWAY);
    for (size_t i = 0; i < story.len; i++)
        story.record[i].value = story.record[i].kind == RECORD_END ? END_PATIENCE : 0;
    conf.expect = (struct expect){.waiting_max = 99, .turned_max = 100};
    assert_int_equal(only_found(&story, &conf), FOUND_LEFT_WAITING);
    for (size_t i = 0; i < story.len; i++)
        story.record[i].status = 0;
    conf.expect = (struct expect){.waiting_max = 100, .turned_max = 100, .lost_max = 999};
    assert_int_equal(only_found(&story, &conf), FOUND_LOST);
    assert_int_equal(judged(&story).lost, 10);
}

static void waits_that_are_longer_than_told_are_found_though_nobody_is_ever_called(void **state)
{
    (void)state;
    struct story story = {.now_us = 1700000000000000};
    struct judge_conf conf = usual;
    conf.expect.eta_p90_min = 80;
    for (uint32_t visitor = 0; visitor < 20; visitor++)
        tell(&story, visitor, RECORD_JOIN, 1 + visitor, UINT64_C(2) << 32 | 4);
    sleeps(&story, 6);
    for (uint32_t visitor = 0; visitor < 20; visitor++)
        waits(&story, visitor, 1 + visitor, visitor);
    all_end(&story, 20);
    assert_int_equal(only_found(&story, &conf), FOUND_KINDS); /* a picture of before, perhaps */
    for (uint32_t visitor = 0; visitor < 20; visitor++)
        find(&story, visitor, RECORD_WAIT)->at_us += 2000000;
    assert_int_equal(only_found(&story, &conf), FOUND_ETA);
    struct judge_verdict verdict = judged(&story);
    assert_int_equal(verdict.eta_judged, 20);
    assert_int_equal(verdict.eta_within_p90, 0);
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
    struct judge_conf conf = usual;
    conf.expect.void_max = 1000; /* no matter what became of the order */
    conf.rate_known = false;
    for (uint32_t visitor = 0; visitor < 3; visitor++) {
        story.now_us += 1000000;
        tell(&story, visitor, RECORD_JOIN, 1 + visitor, 0);
        tell(&story, visitor, RECORD_CALLED, 1 + visitor, 0);
        tell(&story, visitor, RECORD_PASS, 1 + visitor, 77 + visitor);
        if (visitor == 0) /* from when it paid, its visit may be over */
            tell(&story, visitor, RECORD_PAID, 0, 0);
        tell(&story, visitor, RECORD_END, END_DONE, 0);
    }
    assert_int_equal(judged_by(&story, &conf).findings, 0);
    assert_int_equal(judged(&story).active_most, 2);
    find(&story, 0, RECORD_PAID)->kind = RECORD_OTHER;
    assert_int_equal(only_found(&story, &conf), FOUND_CROWDED);
    assert_int_equal(judged(&story).active_most, 3);
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
        waits(&story, visitor, 1 + visitor, 0);
        tell(&story, visitor, RECORD_CALLED, 1 + visitor, 0);
        tell(&story, visitor, RECORD_END, END_NO_SHOW, 0);
    }
    struct judge_verdict verdict = judged(&story);
    assert_int_equal(verdict.findings, 0);
    assert_int_equal(verdict.eta_judged, 2);
    assert_int_equal(verdict.eta_within_p50, 1); /* surely longer than 10 s is only the other one */
    assert_int_equal(verdict.eta_within_p90, 1);
    assert_in_range(verdict.eta_off_p90_milli, 700, 800); /* 10 s for 40 s */
}

/* What it could not keep it cannot judge, so it says that rather than finding nothing. */
static void a_judge_without_memory_says_so(void **state)
{
    (void)state;
    static struct judge_verdict verdict;
    unsigned refused = 0;
    for (refused_at = 1;; refused_at++) {
        struct story story = honest();
        struct err_slot err;
        grown = 0;
        int rc = judge(story.record, story.len, &usual, &err, &verdict);
        if (grown < refused_at)
            break;
        assert_int_equal(rc, ERR_NOMEM);
        refused++;
    }
    refused_at = 0;
    assert_true(refused >= 3); /* whose, where, and until when */
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
        cmocka_unit_test(a_judge_without_memory_says_so),
        cmocka_unit_test(two_owners_of_one_thing_are_found),
        cmocka_unit_test(a_visitor_who_is_given_ever_other_places_is_found),
        cmocka_unit_test(a_pass_without_a_call_is_found),
        cmocka_unit_test(tickets_that_were_not_paid_are_found),
        cmocka_unit_test(a_line_that_moves_too_fast_is_found),
        cmocka_unit_test(the_rate_holds_in_every_window),
        cmocka_unit_test(whoever_comes_in_before_those_in_front_is_found_by_whatever_name),
        cmocka_unit_test(a_pass_before_the_draw_is_found),
        cmocka_unit_test(more_ahead_than_before_is_found_unless_somebody_may_have_come_back),
        cmocka_unit_test(a_place_of_a_stranger_may_come_back),
        cmocka_unit_test(a_seat_that_is_held_for_two_is_found_though_none_of_them_buys_it),
        cmocka_unit_test(a_sold_seat_that_is_held_for_another_is_found),
        cmocka_unit_test(seats_confirmed_without_money_are_sold_too),
        cmocka_unit_test(whoever_paid_in_time_and_has_no_ticket_is_found),
        cmocka_unit_test(whoever_paid_shortly_before_the_end_may_have_a_ticket_yet),
        cmocka_unit_test(what_was_gone_before_its_time_is_found),
        cmocka_unit_test(a_service_that_answers_nobody_is_found),
        cmocka_unit_test(waits_that_are_longer_than_told_are_found_though_nobody_is_ever_called),
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
