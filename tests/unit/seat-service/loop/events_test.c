/* events_test.c: what the table of events tells of its events from one owner to the next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop/events.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static const char BODY[] =
    "{\"name\":\"Hall\",\"currency\":\"KRW\",\"plan\":{\"name\":\"Hall\",\"categories\":"
    "[{\"name\":\"A\",\"color\":\"#ffffff\"}],\"size\":{\"width\":100,\"height\":100},\"zones\":["
    "{\"name\":\"Z\",\"position\":{\"x\":0,\"y\":0},\"areas\":[],\"rows\":[{\"row_number\":\"1\","
    "\"position\":{\"x\":0,\"y\":0},\"seats\":["
    "{\"seat_guid\":\"a\",\"seat_number\":\"1\",\"position\":{\"x\":0,\"y\":0},\"category\":\"A\"},"
    "{\"seat_guid\":\"b\",\"seat_number\":\"2\",\"position\":{\"x\":20,\"y\":0},\"category\":\"A\"}"
    "]}]}]},\"categories\":[{\"name\":\"A\",\"price\":1000}]}";

static void must(int rc, const struct err_slot *err)
{
    if (rc < 0)
        fail_msg("%s", err->text);
}

/* The events of one process, with the event in it, read and not yet its own. */
struct process {
    struct idem *idem;
    struct events *events;
    struct journal_host host;
};

static void open_process_with(struct process *process, const struct clock *clock, uint32_t loops)
{
    struct err_slot err = {0};
    struct events_conf conf = {.clock = clock, .loops = loops};
    must(idem_create(1 << 20, &err, &process->idem), &err);
    conf.idem = process->idem;
    must(events_create(&conf, &err, &process->events), &err);
    process->host = events_host(process->events);
    must(process->host.found(process->events, 0, SPAN("night"), SPAN(BODY), &err), &err);
    must(process->host.load(process->events, 0, (struct span){NULL, 0}, &err), &err);
}

static void open_process(struct process *process, const struct clock *clock)
{
    open_process_with(process, clock, 0);
}

static void close_process(struct process *process)
{
    events_destroy(process->events);
    idem_destroy(process->idem);
}

/* The owner makes one picture after the other, by blocking a seat and unblocking it, and the
 * standby follows. */
static void go_on(struct process *owner, struct process *standby, unsigned rounds)
{
    struct err_slot err = {0};
    struct engine *engine = events_nth(owner->events, 0)->engine;
    struct engine_op *op = calloc(1, sizeof(*op));
    uint32_t seat = 0;
    for (unsigned i = 0; i < rounds; i++) {
        uint64_t now_ms = events_now_ms(owner->events);
        enum engine_verdict verdict = i % 2 == 0
                                          ? engine_block(engine, &seat, 1, SPAN("x"), now_ms, op)
                                          : engine_unblock(engine, &seat, 1, SPAN("x"), now_ms, op);
        assert_int_equal(ENGINE_OK, verdict);
        op->change.seq = i + 2;
        engine_settle(engine, op);
        must(standby->host.apply(standby->events, 0, &op->change, (struct span){NULL, 0}, &err),
             &err);
        engine_publish(engine, op->change.seq, NULL, NULL);
    }
    free(op);
}

static void begin(struct process *process)
{
    struct err_slot err = {0};
    struct change first;
    process->host.first(process->events, 0, &first);
    first.seq = 1;
    must(process->host.apply(process->events, 0, &first, (struct span){NULL, 0}, &err), &err);
}

static void a_version_means_the_same_to_the_next_owner(void **state)
{
    (void)state;
    struct clock_fake clock;
    struct process owner, standby;
    clock_fake_init(&clock, UINT64_C(1700000000000000));
    open_process(&owner, &clock.clock);
    open_process(&standby, &clock.clock); /* loaded when the owner was */
    begin(&owner);
    begin(&standby);
    owner.host.own(owner.events, 0, 1, 1);
    go_on(&owner, &standby, 15);
    const struct engine *was = events_nth(owner.events, 0)->engine;
    uint64_t last = engine_avail_version(was);
    assert_int_equal(16, last); /* as many changes as the journal has */

    standby.host.own(standby.events, 0, 2, last);
    const struct engine *next = events_nth(standby.events, 0)->engine;
    struct engine_delta deltas[8];
    uint64_t version;
    uint8_t a = 0xff, b = 0xff;
    assert_int_equal(last, engine_avail_copy(was, &a));
    assert_int_equal(last, engine_avail_copy(next, &b));
    assert_int_equal(a, b);
    assert_int_equal(0, engine_avail_since(next, last, deltas, 8, &version));
    assert_int_equal(-1,
                     engine_avail_since(next, last - 1, deltas, 8, &version)); /* unknown here */
    close_process(&standby);
    close_process(&owner);
}

/* Two loops settle what is theirs, each at its own pace. */
static void a_picture_is_named_by_what_every_loop_has_settled(void **state)
{
    (void)state;
    struct clock_fake clock;
    struct process owner;
    clock_fake_init(&clock, UINT64_C(1700000000000000));
    open_process_with(&owner, &clock.clock, 2);
    begin(&owner);
    owner.host.own(owner.events, 0, 1, 1);
    struct event *event = events_nth(owner.events, 0);
    events_settles(event, 1, 3);
    events_settled(event, 1, 3);
    events_publish(owner.events, event);
    assert_int_equal(1, engine_avail_version(event->engine)); /* the other may have the second */
    events_settled(event, 0, 2);
    events_publish(owner.events, event);
    assert_int_equal(2, engine_avail_version(event->engine));
    events_settles(event, 0, 4); /* given back after the look at what was answered */
    events_settled(event, 0, 3);
    events_settled(event, 1, 4);
    events_publish(owner.events, event);
    assert_int_equal(4, engine_avail_version(event->engine));
    close_process(&owner);
}

static void what_others_have_is_shown_until_it_is_too_old(void **state)
{
    (void)state;
    struct clock_fake clock;
    struct process standby;
    clock_fake_init(&clock, UINT64_C(1700000000000000));
    open_process(&standby, &clock.clock);
    begin(&standby);
    struct events *events = standby.events;
    struct event *event = events_nth(events, 0);
    assert_false(events_shows(events, event));
    standby.host.shown(events, 0, 0, clock_mono_us(&clock.clock)); /* nobody has owned it yet */
    assert_false(events_shows(events, event));
    standby.host.shown(events, 0, 1, clock_mono_us(&clock.clock));
    assert_int_equal(1, engine_avail_version(event->engine));
    clock_fake_step(&clock, STANDBY_FRESH_MS * UINT64_C(1000));
    assert_true(events_shows(events, event));
    assert_false(events_is_open(event));
    clock_fake_step(&clock, 1);
    assert_false(events_shows(events, event));
    assert_true(events_streams(events, event));
    events_age(events);
    assert_int_equal(STANDBY_FRESH_MS, atomic_load(events_behind_ms(events)));
    clock_fake_step(&clock, STANDBY_STREAM_MS * UINT64_C(1000));
    assert_false(events_streams(events, event));
    standby.host.shown(events, 0, 1, clock_mono_us(&clock.clock)); /* no news are news, too */
    assert_true(events_shows(events, event));
    standby.host.own(events, 0, 1, 1);
    assert_false(events_follows(event));
    assert_true(events_shows(events, event));
    clock_fake_step(&clock, STANDBY_STREAM_MS * UINT64_C(2000));
    assert_true(events_shows(events, event));
    close_process(&standby);
}

static void whoever_is_ahead_waits_for_a_look_that_began_after_the_question(void **state)
{
    (void)state;
    struct clock_fake clock;
    struct process standby;
    clock_fake_init(&clock, UINT64_C(1700000000000000));
    open_process(&standby, &clock.clock);
    begin(&standby);
    struct events *events = standby.events;
    struct event *event = events_nth(events, 0);
    standby.host.shown(events, 0, 1, clock_mono_us(&clock.clock));
    uint64_t asked_us = clock_mono_us(&clock.clock);
    assert_true(events_lags(event, 2, asked_us)); /* the look may have been before the change */
    assert_false(events_lags(event, 1, asked_us));
    clock_fake_step(&clock, 1);
    standby.host.shown(events, 0, 1, clock_mono_us(&clock.clock));
    assert_false(events_lags(event, 2, asked_us)); /* there is no such change */
    standby.host.own(events, 0, 1, 1);
    assert_false(events_lags(event, 2, clock_mono_us(&clock.clock))); /* an owner knows */
    close_process(&standby);
}

static void whoever_looks_at_what_others_have_is_known_for_as_long_as_asked(void **state)
{
    (void)state;
    struct clock_fake clock;
    struct process standby;
    clock_fake_init(&clock, UINT64_C(1700000000000000));
    open_process(&standby, &clock.clock);
    begin(&standby);
    struct events *events = standby.events;
    assert_false(standby.host.asked(events, 0, EVENT_ASKED_MS)); /* nobody has looked yet */
    events_used(events, events_nth(events, 0));
    clock_fake_step(&clock, EVENT_ASKED_MS * UINT64_C(1000));
    assert_true(standby.host.asked(events, 0, EVENT_ASKED_MS));
    clock_fake_step(&clock, 1000);
    assert_false(standby.host.asked(events, 0, EVENT_ASKED_MS));
    events_used(events, events_nth(events, 0));
    assert_true(standby.host.leave(events, 0));
    standby.host.drop(events, 0);
    assert_false(standby.host.asked(events, 0, EVENT_ASKED_MS)); /* the place is another's */
    close_process(&standby);
}

static void what_was_shown_is_loaded_again_once_no_loop_looks_at_it(void **state)
{
    (void)state;
    struct clock_fake clock;
    struct process standby;
    struct err_slot err = {0};
    clock_fake_init(&clock, UINT64_C(1700000000000000));
    open_process_with(&standby, &clock.clock, 1);
    begin(&standby);
    struct events *events = standby.events;
    assert_true(standby.host.hide(events, 0)); /* nobody has been shown it */
    uint64_t look = events_look(events);
    standby.host.shown(events, 0, 1, clock_mono_us(&clock.clock));
    assert_false(standby.host.hide(events, 0));
    assert_false(events_streams(events, events_nth(events, 0)));
    events_looked(events, 0, look); /* which began before it was hidden */
    assert_false(standby.host.hide(events, 0));
    events_looked(events, 0, events_look(events));
    assert_true(standby.host.hide(events, 0));
    must(standby.host.load(events, 0, (struct span){NULL, 0}, &err), &err);
    begin(&standby);
    standby.host.shown(events, 0, 1, clock_mono_us(&clock.clock));
    assert_true(events_shows(events, events_nth(events, 0)));
    close_process(&standby);
}

/* Its last picture is from before. */
static void closed_while_a_seat_is_held_it_stays_in_use_until_that_is_counted(void **state)
{
    (void)state;
    struct clock_fake clock;
    struct process owner;
    clock_fake_init(&clock, UINT64_C(1700000000000000));
    open_process_with(&owner, &clock.clock, 1);
    begin(&owner);
    owner.host.own(owner.events, 0, 1, 1);
    struct events *events = owner.events;
    struct event *event = events_nth(events, 0);
    const uint32_t seat = 0;
    struct engine_op *op = calloc(1, sizeof(*op));
    struct engine_ask ask = {.who = {.buyer = 1, .session = 1, .channels = 1},
                             .seats = &seat,
                             .seat_count = 1,
                             .area = ENGINE_AREA_NONE};
    assert_int_equal(ENGINE_OK, engine_hold(event->engine, &ask, events_now_ms(events), op));
    op->change.seq = 2;
    engine_settle(event->engine, op);
    clock_fake_step(&clock, 1000 * 1000);
    assert_int_equal(1000, owner.host.idle_ms(events, 0));
    assert_false(owner.host.leave(events, 0));
    assert_false(events_is_open(event));
    events_looked(events, 0, events_look(events));
    assert_true(owner.host.leave(events, 0));
    assert_true(owner.host.stays(events, 0));
    assert_true(events_is_open(event));
    assert_int_equal(0, owner.host.idle_ms(events, 0)); /* or it would be closed at once */
    events_settles(event, 0, 2);
    events_settled(event, 0, 2);
    events_publish(events, event);
    assert_int_equal(0, owner.host.idle_ms(events, 0)); /* it is held */
    assert_int_equal(ENGINE_OK,
                     engine_release(event->engine, op->change.hold, 1, events_now_ms(events), op));
    op->change.seq = 3;
    engine_settle(event->engine, op);
    events_settles(event, 0, 3);
    events_settled(event, 0, 3);
    events_publish(events, event);
    assert_int_equal(1000, owner.host.idle_ms(events, 0));
    free(op);
    close_process(&owner);
}

static void an_event_whose_document_cannot_be_read_is_not_there_and_its_number_is_kept(void **state)
{
    (void)state;
    struct clock_fake clock;
    struct process process;
    struct err_slot err = {0};
    clock_fake_init(&clock, UINT64_C(1700000000000000));
    open_process(&process, &clock.clock);
    struct events *events = process.events;
    assert_true(process.host.found(events, 1, SPAN("bad"), SPAN("no plan"), &err) < 0);
    must(process.host.found(events, 2, SPAN("good"), SPAN(BODY), &err), &err);
    assert_null(events_nth(events, 1));
    assert_null(events_find(events, SPAN("bad")));
    assert_int_equal(2, events_find(events, SPAN("good"))->nth);
    struct event *event = events_next(events, NULL);
    assert_int_equal(0, event->nth);
    event = events_next(events, event);
    assert_int_equal(2, event->nth);
    assert_null(events_next(events, event));
    must(process.host.found(events, 1, SPAN("bad"), SPAN(BODY), &err), &err); /* mended */
    assert_int_equal(1, events_find(events, SPAN("bad"))->nth);
    close_process(&process);
}

static int start(void **state)
{
    (void)state;
    return sodium_init() < 0 ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_means_the_same_to_the_next_owner),
        cmocka_unit_test(a_picture_is_named_by_what_every_loop_has_settled),
        cmocka_unit_test(what_others_have_is_shown_until_it_is_too_old),
        cmocka_unit_test(whoever_is_ahead_waits_for_a_look_that_began_after_the_question),
        cmocka_unit_test(whoever_looks_at_what_others_have_is_known_for_as_long_as_asked),
        cmocka_unit_test(what_was_shown_is_loaded_again_once_no_loop_looks_at_it),
        cmocka_unit_test(closed_while_a_seat_is_held_it_stays_in_use_until_that_is_counted),
        cmocka_unit_test(
            an_event_whose_document_cannot_be_read_is_not_there_and_its_number_is_kept),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
