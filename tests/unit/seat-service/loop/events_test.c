/* events_test.c: the event table of an owner and of a standby that follows it. */
#include "loop/events.h"
#include "plan_body.h"
#include "test_hall.h"
#include "unit.h"

/* The events of one process: "night" is loaded and not yet owned. */
struct process {
    struct idem *idem;
    struct events *events;
    struct journal_host host;
};

static struct clock_fake fake;
static struct process one;       /* used by most tests */
static struct process others[4]; /* opened by the current test */
static unsigned others_len;
static struct events *events;
static struct event *event;
static struct engine_op op;
static struct err_slot err;
static char *body;

static int find(struct process *process, uint32_t nth, const char *id, const char *text,
                uint64_t since)
{
    struct store_event row = {0};
    struct store_document document = {
        .body = (char *)text, .len = strlen(text), .since = since, .base = 1};
    snprintf(row.id, sizeof(row.id), "%s", id);
    return process->host.found(process->events, nth, &row, &document, &err);
}

static void load(struct process *process, uint32_t nth)
{
    unit_must(process->host.load(process->events, nth, (struct span){NULL, 0}, &err), &err);
}

static void apply(struct process *process, const struct change *change)
{
    unit_must(process->host.apply(process->events, 0, change, (struct span){NULL, 0}, &err), &err);
}

static void begin(struct process *process)
{
    struct change first;
    process->host.first(process->events, 0, &first);
    first.seq = 1;
    apply(process, &first);
}

static void open_process(struct process *process, uint32_t loops)
{
    struct events_conf conf = {.clock = &fake.clock, .loops = loops};
    unit_must(idem_create(1 << 20, &err, &process->idem), &err);
    conf.idem = process->idem;
    unit_must(events_create(&conf, &err, &process->events), &err);
    process->host = events_host(process->events);
    assert_int_equal(0, find(process, 0, "night", body, 1));
    load(process, 0);
    begin(process);
}

static struct process *open_other(void)
{
    open_process(&others[others_len], 0);
    return &others[others_len++];
}

static void close_process(struct process *process)
{
    events_destroy(process->events);
    idem_destroy(process->idem);
}

/* Each round the owner blocks or unblocks a seat and publishes a picture; the standby follows. */
static void make_changes(struct process *owner, struct process *standby, unsigned rounds)
{
    struct engine *engine = events_nth(owner->events, 0)->engine;
    uint32_t seat = 0;
    for (unsigned i = 0; i < rounds; i++) {
        uint64_t now_ms = events_now_ms(owner->events);
        enum engine_verdict verdict =
            i % 2 == 0 ? engine_block(engine, &seat, 1, SPAN("x"), now_ms, &op)
                       : engine_unblock(engine, &seat, 1, SPAN("x"), now_ms, &op);
        assert_int_equal(ENGINE_OK, verdict);
        op.change.seq = i + 2;
        engine_settle(engine, &op);
        apply(standby, &op.change);
        engine_publish(engine, op.change.seq, NULL, NULL);
    }
}

static void open_with(uint32_t loops)
{
    clock_fake_init(&fake, UINT64_C(1700000000000000));
    open_process(&one, loops);
    events = one.events;
    event = events_nth(events, 0);
}

static void open_one(void)
{
    open_with(0);
}

static void close_all(void)
{
    while (others_len > 0)
        close_process(&others[--others_len]);
    close_process(&one);
}

/* The same with this many loops. */
static void reopen_with(uint32_t loops)
{
    close_process(&one);
    open_with(loops);
}

/* The follower has read up to this change. */
static void shown(uint64_t seq)
{
    one.host.shown(events, 0, seq, clock_mono_us(&fake.clock));
}

/* A loop has settled its responses up to this change, and the picture is published. */
static void settle(uint32_t loop, uint64_t seq)
{
    events_settled(event, loop, seq);
    events_publish(events, event);
}

TEST_CASE(version_means_the_same_to_the_next_owner)
{
    struct process *next = open_other(); /* loaded at the same time as the owner */
    one.host.own(one.events, 0, 1, 1, 0);
    make_changes(&one, next, 15);
    const struct engine *was = events_nth(one.events, 0)->engine;
    uint64_t last = engine_avail_version(was);
    assert_int_equal(16, last); /* the number of changes in the journal */

    next->host.own(next->events, 0, 2, last, 0);
    const struct engine *is = events_nth(next->events, 0)->engine;
    struct engine_delta deltas[8];
    uint64_t version;
    uint8_t a = 0xff, b = 0xff;
    assert_int_equal(last, engine_avail_copy(was, &a));
    assert_int_equal(last, engine_avail_copy(is, &b));
    assert_int_equal(a, b);
    assert_int_equal(0, engine_avail_since(is, last, deltas, 8, &version));
    assert_int_equal(-1, engine_avail_since(is, last - 1, deltas, 8, &version)); /* unknown here */
}

/* Takes a seat and settles it. */
static void take_hold(uint64_t now_ms)
{
    const uint32_t seat = 0;
    struct engine_ask ask = test_ask_seats(1, &seat, 1);
    assert_int_equal(ENGINE_OK, engine_hold(event->engine, &ask, now_ms, &op));
    op.change.seq = 2;
    engine_settle(event->engine, &op);
}

/* The change was written by a program that used its machine's clock. */
TEST_CASE(change_with_a_wrong_time_moves_no_clock_and_locks_no_seat)
{
    struct process *next = open_other();
    one.host.own(one.events, 0, 1, 1, 0);
    uint64_t now_ms = events_now_ms(events), hour_ms = 3600 * 1000;
    take_hold(now_ms + hour_ms);
    assert_int_equal(now_ms + hour_ms, op.change.at_ms);
    apply(next, &op.change);
    next->host.own(next->events, 0, 2, 2, now_ms); /* requested while it slept */
    assert_int_equal(now_ms, events_now_ms(events));
    assert_int_equal(now_ms, events_now_ms(next->events));

    struct engine *engine = events_nth(next->events, 0)->engine;
    uint64_t end_ms = next->host.next_end_ms(next->events, 0);
    assert_int_equal(now_ms + plan_limits(event->plan->plan)->hold_max_ms, end_ms);

    struct process *woken = open_other();
    apply(woken, &op.change);
    clock_fake_step(&fake, (end_ms - now_ms) * 1000);
    woken->host.own(woken->events, 0, 3, 2, INT64_MAX); /* ... or woken by that end */
    assert_int_equal(end_ms, woken->host.next_end_ms(woken->events, 0));

    struct process *paid = open_other(); /* an order's extension has a right end, and is kept */
    op.change.expires_ms = end_ms + 60000;
    apply(paid, &op.change);
    paid->host.own(paid->events, 0, 3, 2, INT64_MAX);
    assert_int_equal(end_ms + 60000, paid->host.next_end_ms(paid->events, 0));

    assert_false(engine_expire_next(engine, end_ms - 1, &op));
    assert_true(engine_expire_next(engine, end_ms + 1000, &op));
    engine_settle(engine, &op);
    assert_int_equal(0, next->host.next_end_ms(next->events, 0));
}

TEST_CASE(hold_of_a_longer_limit_keeps_its_end_in_a_corrected_event)
{
    struct process *next = open_other();
    struct change revised;
    next->host.drop(next->events, 0);
    assert_int_equal(0, find(next, 0, "night", body, 2));
    load(next, 0);
    next->host.first(next->events, 0, &revised);
    revised.seq = 2;
    apply(next, &revised);
    one.host.own(one.events, 0, 1, 1, 0);
    take_hold(events_now_ms(events));
    op.change.expires_ms = op.change.at_ms + HOLD_LIFE_MAX_MS;
    op.change.hard_end_ms = op.change.expires_ms;
    apply(next, &op.change);
    next->host.own(next->events, 0, 2, 2, INT64_MAX);
    assert_int_equal(op.change.expires_ms, next->host.next_end_ms(next->events, 0));
}

/* Two loops settle their changes at different speeds. */
TEST_CASE(picture_has_the_version_that_every_loop_has_settled)
{
    reopen_with(2);
    one.host.own(events, 0, 1, 1, 0);
    events_settles(event, 1, 3);
    settle(1, 3);
    assert_int_equal(1, engine_avail_version(event->engine)); /* loop 0 may still have change 2 */
    settle(0, 2);
    assert_int_equal(2, engine_avail_version(event->engine));
    events_settles(event, 0, 4); /* submitted after the responses were read */
    events_settled(event, 0, 3);
    settle(1, 4);
    assert_int_equal(4, engine_avail_version(event->engine));
}

TEST_CASE(event_of_another_process_is_shown_until_it_is_too_old)
{
    assert_false(events_shows(events, event));
    shown(0); /* the event has no owner yet */
    assert_false(events_shows(events, event));
    shown(1);
    assert_int_equal(1, engine_avail_version(event->engine));
    clock_fake_step(&fake, STANDBY_FRESH_MS * UINT64_C(1000));
    assert_true(events_shows(events, event));
    assert_false(events_is_open(event));
    clock_fake_step(&fake, 1);
    assert_false(events_shows(events, event));
    assert_true(events_streams(events, event));
    events_age(events);
    assert_int_equal(STANDBY_FRESH_MS, atomic_load(events_behind_ms(events)));
    clock_fake_step(&fake, STANDBY_STREAM_MS * UINT64_C(1000));
    assert_false(events_streams(events, event));
    shown(1); /* a sign of life without changes counts too */
    assert_true(events_shows(events, event));
    one.host.own(events, 0, 1, 1, 0);
    assert_false(events_follows(event));
    assert_true(events_shows(events, event));
    clock_fake_step(&fake, STANDBY_STREAM_MS * UINT64_C(2000));
    assert_true(events_shows(events, event));
}

TEST_CASE(reader_that_is_ahead_waits_for_a_look_after_its_request)
{
    shown(1);
    uint64_t asked_us = clock_mono_us(&fake.clock);
    assert_true(events_lags(event, 2, asked_us)); /* the reader may have looked before the change */
    assert_false(events_lags(event, 1, asked_us));
    clock_fake_step(&fake, 1);
    shown(1);
    assert_false(events_lags(event, 2, asked_us)); /* no such change exists */
    one.host.own(events, 0, 1, 1, 0);
    assert_false(events_lags(event, 2, clock_mono_us(&fake.clock))); /* an owner is never behind */
}

TEST_CASE(use_of_an_event_of_another_process_is_known_for_a_while)
{
    assert_false(one.host.asked(events, 0, EVENT_ASKED_MS)); /* no reader yet */
    events_used(events, event);
    clock_fake_step(&fake, EVENT_ASKED_MS * UINT64_C(1000));
    assert_true(one.host.asked(events, 0, EVENT_ASKED_MS));
    clock_fake_step(&fake, 1000);
    assert_false(one.host.asked(events, 0, EVENT_ASKED_MS));
    events_used(events, event);
    assert_true(one.host.leave(events, 0));
    one.host.drop(events, 0);
    assert_false(one.host.asked(events, 0, EVENT_ASKED_MS)); /* the slot has another event now */
}

TEST_CASE(shown_event_is_loaded_again_once_no_loop_reads_it)
{
    reopen_with(1);
    assert_true(one.host.hide(events, 0)); /* it was never shown */
    uint64_t look = events_look(events);
    shown(1);
    assert_false(one.host.hide(events, 0));
    assert_false(events_streams(events, event));
    events_looked(events, 0, look); /* this look began before the event was hidden */
    assert_false(one.host.hide(events, 0));
    events_looked(events, 0, events_look(events));
    assert_true(one.host.hide(events, 0));
    load(&one, 0);
    begin(&one);
    shown(1);
    assert_true(events_shows(events, event));
}

TEST_CASE(event_that_was_closed_is_open_again_and_in_use)
{
    reopen_with(1);
    one.host.own(events, 0, 1, 1, 0);
    assert_int_equal(0, one.host.next_end_ms(events, 0));
    take_hold(events_now_ms(events));
    clock_fake_step(&fake, 1000 * 1000);
    assert_int_equal(1000, one.host.idle_ms(events, 0));
    assert_false(one.host.leave(events, 0));
    assert_false(events_is_open(event));
    events_looked(events, 0, events_look(events));
    assert_true(one.host.leave(events, 0));
    assert_int_equal(op.change.expires_ms, one.host.next_end_ms(events, 0));
    one.host.reopen(events, 0);
    assert_true(events_is_open(event));
    assert_int_equal(0, one.host.idle_ms(events, 0)); /* otherwise it would be closed at once */
}

TEST_CASE(woken_event_is_in_use_until_its_first_request_or_a_while_later)
{
    struct process *next = open_other();
    one.host.own(events, 0, 1, 1, 1);
    next->host.own(next->events, 0, 2, 1, 1);
    clock_fake_step(&fake, 1000 * 1000);
    events_used(next->events, events_nth(next->events, 0));
    clock_fake_step(&fake, (EVENT_AWAITED_MS - 1000) * UINT64_C(1000));
    assert_int_equal(0, one.host.idle_ms(events, 0));
    assert_int_equal(EVENT_AWAITED_MS - 1000, next->host.idle_ms(next->events, 0));
    clock_fake_step(&fake, 1000 * 1000);
    assert_int_equal(1000, one.host.idle_ms(events, 0));
}

/* Payments that the last owner refused to confirm get extra time, and so do payments refused while
 * the event was closed. While an event sleeps, nothing is refused before the first request. */
TEST_CASE(next_owner_spares_holds_being_paid_unless_they_ended_before_requests)
{
    const struct engine_order order = {.id = SPAN("order-1")};
    one.host.own(events, 0, 1, 1, 0);
    take_hold(events_now_ms(events));
    uint64_t now_ms = events_now_ms(events);
    for (unsigned i = 0; i < 4; i++)
        apply(open_other(), &op.change);
    assert_int_equal(ENGINE_OK,
                     engine_extend(event->engine, op.change.hold, &order, 1000, now_ms, &op));
    op.change.seq = 3;
    engine_settle(event->engine, &op);
    clock_fake_step(&fake, (op.change.expires_ms - now_ms) * 1000);
    const uint64_t end_ms = op.change.expires_ms;
    const uint64_t asked_ms[4] = {0, INT64_MAX, end_ms, end_ms + 1};
    clock_fake_step(&fake, 1000 * 1000);
    for (unsigned i = 0; i < 4; i++) {
        struct process *next = &others[i];
        const bool spared = i % 2 == 0;
        apply(next, &op.change);
        next->host.own(next->events, 0, 2, 3, asked_ms[i]);
        assert_int_equal(spared ? end_ms + 1000 + CONFIRM_SPARED_MS : end_ms,
                         next->host.next_end_ms(next->events, 0));
        assert_true(next->host.leave(next->events, 0));
        next->host.reopen(next->events, 0);
        assert_int_equal(end_ms + 1000 + CONFIRM_SPARED_MS,
                         next->host.next_end_ms(next->events, 0));
    }
}

TEST_CASE(event_with_an_unreadable_document_is_absent_and_keeps_its_number)
{
    assert_true(find(&one, 1, "bad", "no plan", 1) < 0);
    assert_int_equal(0, find(&one, 2, "good", body, 1));
    assert_null(events_nth(events, 1));
    assert_null(events_find(events, SPAN("bad")));
    assert_int_equal(2, events_find(events, SPAN("good"))->nth);
    event = events_next(events, NULL);
    assert_int_equal(0, event->nth);
    event = events_next(events, event);
    assert_int_equal(2, event->nth);
    assert_null(events_next(events, event));
    assert_int_equal(0, find(&one, 1, "bad", body, 1)); /* corrected */
    assert_int_equal(1, events_find(events, SPAN("bad"))->nth);
}

/* For example, it was corrected or restored to an earlier moment while it was not loaded here. */
TEST_CASE(event_that_is_read_again_has_the_current_document)
{
    char *other = plan_body_quoted(BODY(PLAN(ROW(SEAT("a", "0"))), ""));
    assert_int_equal(0, find(&one, 0, "night", body, 1));
    assert_int_equal(ERR_NOT_FOUND, find(&one, 0, "night", body, 2));
    assert_int_equal(ERR_NOT_FOUND, find(&one, 0, "night", other, 1));
    assert_true(one.host.leave(events, 0));
    one.host.drop(events, 0);
    assert_int_equal(0, find(&one, 0, "night", other, 2));
    assert_int_equal(2, event->since);
    assert_int_equal(1, plan_seat_count(event->plan->plan));
    free(other);
}

static void correct(uint32_t nth)
{
    struct shown_plan *plan;
    unit_must(shown_plan_create(span_of(body), &err, &plan), &err);
    assert_true(events_revise(events, events_nth(events, nth), plan, SPAN(""), SPAN("")));
    assert_true(one.host.revises(events, nth));
}

TEST_CASE(abandoned_correction_does_not_affect_the_next)
{
    struct engine_clashes why;
    struct change change;
    assert_int_equal(0, find(&one, 1, "other", body, 1));
    load(&one, 1);
    one.host.own(events, 1, 1, 1, 0);
    correct(0);
    shown_plan_destroy(
        events_revise_end(events)); /* timed out while event 0 is still being closed */
    correct(1);
    assert_int_equal(ERR_STATE, one.host.revise(events, 0, &change, &err));
    one.host.revised(events, 0, ERR_STATE);
    assert_true(one.host.leave(events, 1));
    unit_must(one.host.revise(events, 1, &change, &err), &err);
    one.host.revised(events, 1, 0);
    assert_int_equal(EVENTS_REVISED_DONE, events_revised(events, &why));
    shown_plan_destroy(events_revise_end(events));
}

TEST_CASE(correction_of_a_dropped_event_does_not_pass_to_the_next)
{
    struct engine_clashes why;
    correct(0);
    assert_true(one.host.leave(events, 0));
    one.host.drop(events, 0);
    assert_int_equal(0, find(&one, 0, "other", body, 1));
    assert_false(one.host.revises(events, 0));
    assert_int_equal(EVENTS_REVISED_FAILED, events_revised(events, &why));
    shown_plan_destroy(events_revise_end(events));
}

static void write_body(void)
{
    body = plan_body_quoted(BODY(PLAN(ROW(SEAT("a", "0") "," SEAT("b", "20"))), ""));
}

static void free_body(void)
{
    free(body);
}

UNIT_ONCE(write_body, free_body)
UNIT_BETWEEN(open_one, close_all)
