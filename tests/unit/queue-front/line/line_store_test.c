/* The line store on a real loop and a real Redis: sockets, deadlines, batches and closing. The
 * simulation (tests/sim/world --line) runs the same store with everything else that it does. */
#include "line/line_store.h"

#include "base/clock.h"
#include "core/line/ghosts.h"
#include "core/line/heard.h"
#include "core/line/place.h"
#include "line/line_limits.h"
#include "redis_server.h"
#include "unit.h"

#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rig {
    uv_loop_t loop;
    uv_timer_t pulse; /* so that the loop turns while nothing happens */
    struct redis_server server;
    struct line_store *store;
    unsigned events; /* here, less gone */
    bool stale_seen;
    bool close_in_view;
    struct line_knobs knobs;
    uint32_t tick_ms, gone_after_ms;
};

static const char event_id[] = "gala-2027";

static void close_store(struct rig *rig)
{
    if (rig->store != NULL)
        line_store_close(rig->store);
    rig->store = NULL;
}

static void on_view(void *ctx, const struct line_view *view)
{
    struct rig *rig = ctx;
    rig->stale_seen = view->stale;
    if (rig->close_in_view) {
        rig->close_in_view = false;
        close_store(rig);
    }
}

static void on_event(void *ctx, const char *id, bool here)
{
    struct rig *rig = ctx;
    assert_true(span_eq(span_of(event_id), line_event_of(span_of(id))));
    rig->events = here ? rig->events + 1 : rig->events - 1;
}

static void describe(void *ctx, const struct line_view *view, struct text *card)
{
    (void)ctx;
    json_open(card, '{');
    json_member_u64(card, "issued", view->issued);
    json_close(card, '}');
}

static void on_pulse(uv_timer_t *timer)
{
    (void)timer;
}

static void open_store(struct rig *rig)
{
    struct err_slot err = {0};
    struct span password = {rig->server.password, 0};
    if (password.ptr != NULL)
        password.len = strlen(password.ptr);
    struct line_store_conf conf = {
        .loop = &rig->loop,
        .redis_path = rig->server.port == 0 ? rig->server.socket : NULL,
        .redis_host = rig->server.port == 0 ? NULL : "127.0.0.1",
        .redis_port = rig->server.port,
        .redis_login.password = password,
        .tick_period_ms = rig->tick_ms,
        .gone_after_ms = rig->gone_after_ms,
        .clock = clock_system(),
        .rng = rng_system(),
        .on_view = on_view,
        .on_event = on_event,
        .describe = describe,
        .ctx = rig,
    };
    assert_int_equal(0, line_store_create(&conf, &err, &rig->store));
}

static int setup(void **state)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    assert_non_null(rig);
    rig->tick_ms = 20;
    rig->gone_after_ms = 90000; /* longer than any test */
    rig->knobs = (struct line_knobs){.rate_milli = 1000000,
                                     .burst = 50,
                                     .session_ttl_ms = 60000,
                                     .session_max_ms = 600000,
                                     .call_ttl_ms = 60000,
                                     .grace_ms = 10000};
    assert_int_equal(0, uv_loop_init(&rig->loop));
    uv_timer_init(&rig->loop, &rig->pulse);
    uv_timer_start(&rig->pulse, on_pulse, 5, 5);
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;
    close_store(rig);
    uv_close((uv_handle_t *)&rig->pulse, NULL);
    uv_run(&rig->loop, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&rig->loop);
    redis_server_remove(&rig->server);
    unsigned events = rig->events;
    free(rig);
    assert_int_equal(0, rc);
    assert_int_equal(0, events);
    return 0;
}

/* Turns the loop until `condition` holds; fails the test if it does not within ten seconds. */
#define AWAIT(rig, condition)                                                                      \
    do {                                                                                           \
        uint64_t give_up_us = clock_mono_us(clock_system()) + 30000000;                            \
        while (!(condition)) {                                                                     \
            if (clock_mono_us(clock_system()) > give_up_us)                                        \
                fail_msg("waited in vain for " #condition);                                        \
            uv_run(&(rig)->loop, UV_RUN_ONCE);                                                     \
        }                                                                                          \
    } while (0)

static void run_for(struct rig *rig, uint64_t ms)
{
    uint64_t end_us = clock_mono_us(clock_system()) + ms * 1000;
    while (clock_mono_us(clock_system()) < end_us)
        uv_run(&rig->loop, UV_RUN_ONCE);
}

/* ---- requests that are waited for ---- */

static void set_flag(void *ctx)
{
    *(bool *)ctx = true;
}

static void on_join(struct line_join *join)
{
    set_flag(join->ctx);
}

static void on_visit(struct line_visit *visit)
{
    set_flag(visit->ctx);
}

static void on_admin(struct line_admin *admin)
{
    set_flag(admin->ctx);
}

static struct line_join join_once(struct rig *rig, const char *id)
{
    bool done = false;
    struct line_join join = {.on_done = on_join, .ctx = &done};
    snprintf(join.event, sizeof(join.event), "%s", id);
    line_store_join(rig->store, &join);
    assert_false(done);
    AWAIT(rig, done);
    return join;
}

static struct line_visit visit_as(struct rig *rig, const char *id, struct line_visit visit)
{
    bool done = false;
    visit.on_done = on_visit;
    visit.ctx = &done;
    snprintf(visit.event, sizeof(visit.event), "%s", id);
    line_store_visit(rig->store, &visit);
    assert_false(done);
    AWAIT(rig, done);
    return visit;
}

static struct line_visit visit_once(struct rig *rig, enum line_visit_call call, uint64_t place)
{
    return visit_as(rig, event_id, (struct line_visit){.call = call, .place = place});
}

static void admin_run(struct rig *rig, struct line_admin admin)
{
    bool done = false;
    admin.on_done = on_admin;
    admin.ctx = &done;
    admin.audit = SPAN("{\"who\":\"test\",\"why\":\"to see\"}");
    snprintf(admin.event, sizeof(admin.event), "%s", event_id);
    line_store_admin(rig->store, &admin);
    assert_false(done);
    AWAIT(rig, done);
    assert_int_equal(LINE_OK, admin.outcome);
}

static void move(struct rig *rig, enum line_state from, enum line_state to)
{
    admin_run(rig, (struct line_admin){.call = LINE_TRANSITION, .from = from, .to = to});
}

static const struct line_view *view_of(struct rig *rig)
{
    return line_store_view(rig->store, span_of(event_id));
}

static void open_event(struct rig *rig)
{
    AWAIT(rig, line_store_ready(rig->store));
    admin_run(rig, (struct line_admin){.call = LINE_CREATE,
                                       .doc = SPAN("{\"id\":\"gala-2027\"}"),
                                       .knobs = rig->knobs});
    move(rig, LINE_DRAFT, LINE_OPEN);
    AWAIT(rig, view_of(rig) != NULL && view_of(rig)->state == LINE_OPEN);
}

static void start_one(struct rig *rig)
{
    redis_server_start(&rig->server);
    open_store(rig);
    open_event(rig);
}

/* ---- the path of one visitor ---- */

static void a_visitor_joins_is_called_comes_in_and_ends(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    struct line_join join = join_once(rig, event_id);
    assert_int_equal(LINE_OK, join.outcome);
    assert_int_equal(1, join.entry);
    assert_int_equal(LINE_OPEN, join.state);

    AWAIT(rig, view_of(rig)->serving == 1);
    assert_int_equal(1, view_of(rig)->calls_len);
    assert_int_equal(1, view_of(rig)->calls[0].upto);

    struct line_visit pass = visit_once(rig, LINE_PASS, 1);
    assert_int_equal(LINE_OK, pass.outcome);
    assert_true(pass.expires_ms > view_of(rig)->redis_ms);
    assert_true(pass.ends_ms > pass.expires_ms);
    struct line_visit again = visit_once(rig, LINE_PASS, 1);
    assert_int_equal(LINE_SAME, again.outcome);
    assert_int_equal(pass.expires_ms, again.expires_ms);
    assert_int_equal(LINE_OK, visit_once(rig, LINE_HEARTBEAT, 1).outcome);
    AWAIT(rig, view_of(rig)->active == 1);

    assert_int_equal(LINE_OK, visit_once(rig, LINE_END, 1).outcome);
    assert_int_equal(LINE_SAME, visit_once(rig, LINE_END, 1).outcome);
    assert_int_equal(LINE_GONE, visit_once(rig, LINE_PASS, 1).outcome);
    AWAIT(rig, view_of(rig)->active == 0 && view_of(rig)->admitted == 1);
}

static void an_unknown_event_is_refused_without_a_call_to_redis(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    uint64_t calls = atomic_load(&line_store_stats(rig->store)->join_calls);
    assert_int_equal(LINE_UNKNOWN, join_once(rig, "nothing").outcome);
    assert_int_equal(calls, atomic_load(&line_store_stats(rig->store)->join_calls));
}

static void a_name_in_the_set_without_an_event_harms_nobody(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    redis_server_ask(&rig->server, "SADD fg:events ghost no{braces} %s", "UPPER");
    struct line_join join;
    do { /* until the name was seen, and asked for in vain */
        join = join_once(rig, "ghost");
    } while (join.outcome == LINE_UNKNOWN);
    assert_int_equal(LINE_UNAVAILABLE, join.outcome);
    AWAIT(rig, line_store_ready(rig->store));
    run_for(rig, 500);
    assert_true(line_store_ready(rig->store));
    assert_int_equal(LINE_UNKNOWN, join_once(rig, "ghost").outcome);
    assert_int_equal(LINE_OK, join_once(rig, event_id).outcome);
}

/* ---- batching ---- */

struct crowd {
    struct line_join joins[3 * STORE_JOIN_BATCH_MAX];
    unsigned done;
};

static void on_crowd_join(struct line_join *join)
{
    struct crowd *crowd = join->ctx;
    crowd->done++;
}

static void crowd_join(struct rig *rig, struct crowd *crowd, unsigned count)
{
    memset(crowd, 0, sizeof(*crowd));
    for (unsigned i = 0; i < count; i++) {
        struct line_join *join = &crowd->joins[i];
        join->on_done = on_crowd_join;
        join->ctx = crowd;
        strcpy(join->event, event_id);
        line_store_join(rig->store, join);
    }
}

static void joins_of_one_turn_are_sent_in_bounded_batches_in_order(void **state)
{
    static const struct {
        unsigned joins, calls;
    } rows[] = {{500, 1}, {700, 2}};
    struct rig *rig = *state;
    static struct crowd crowd;
    start_one(rig);
    const struct line_store_stats *stats = line_store_stats(rig->store);
    uint64_t before = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t calls = atomic_load(&stats->join_calls);
        crowd_join(rig, &crowd, rows[i].joins);
        AWAIT(rig, crowd.done == rows[i].joins);
        assert_int_equal(calls + rows[i].calls, atomic_load(&stats->join_calls));
        for (unsigned nth = 0; nth < rows[i].joins; nth++)
            assert_int_equal(before + nth + 1, crowd.joins[nth].entry);
        before += rows[i].joins;
    }
}

/* ---- who goes first ---- */

struct late_pass {
    const struct crowd *crowd;
    bool done;
    unsigned joins_before; /* answered when the pass was */
};

static void on_late_pass(struct line_visit *visit)
{
    struct late_pass *pass = visit->ctx;
    pass->done = true;
    pass->joins_before = pass->crowd->done;
}

/* In one turn of the loop that many joins come, and after them the pass of somebody who was called.
 * How many of those joins were answered before it. */
static unsigned joins_before_a_pass(struct rig *rig, unsigned count)
{
    static struct crowd crowd;
    uint64_t place = join_once(rig, event_id).entry;
    assert_true(place > 0);
    AWAIT(rig, view_of(rig)->serving >= place);
    struct late_pass order = {.crowd = &crowd};
    struct line_visit visit = {.call = LINE_PASS, .on_done = on_late_pass, .ctx = &order};
    snprintf(visit.event, sizeof(visit.event), "%s", event_id);
    visit.place = place;
    crowd_join(rig, &crowd, count);
    line_store_visit(rig->store, &visit);
    AWAIT(rig, order.done && crowd.done == count);
    assert_int_equal(LINE_OK, visit.outcome);
    return order.joins_before;
}

static void a_pass_overtakes_the_joins_of_its_turn(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    assert_int_equal(0, joins_before_a_pass(rig, 1));
    assert_int_equal(0, joins_before_a_pass(rig, STORE_JOIN_BATCH_MAX - 1));
}

static void a_pass_waits_for_one_batch_of_joins_however_many_come(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    assert_in_range(joins_before_a_pass(rig, 3 * STORE_JOIN_BATCH_MAX), 0, STORE_JOIN_BATCH_MAX);
}

/* ---- bad luck ---- */

/* A process that stood still reads what visitors ask before its timers are due. */
static void a_picture_read_too_late_is_stale(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    AWAIT(rig, !view_of(rig)->stale);
    const struct line_view *view = view_of(rig);
    line_store_look(rig->store, view, view->asked_us + STORE_STALE_MS * 1000);
    assert_false(view->stale);
    line_store_look(rig->store, view, view->asked_us + STORE_STALE_MS * 1000 + 1);
    assert_true(view->stale);
    assert_false(rig->stale_seen); /* never from within the call */
    AWAIT(rig, rig->stale_seen);
    AWAIT(rig, !view->stale && !rig->stale_seen);
}

static void a_paused_redis_is_answered_for_within_the_deadline(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    uint64_t place = join_once(rig, event_id).entry;
    AWAIT(rig, view_of(rig)->serving == place);
    kill(rig->server.pid, SIGSTOP);
    uint64_t start_us = clock_mono_us(clock_system());
    assert_int_equal(LINE_UNAVAILABLE, join_once(rig, event_id).outcome);
    /* The deadline, and room for a machine that does other things besides. */
    assert_true(clock_mono_us(clock_system()) - start_us < (STORE_DEADLINE_MS + 5000) * 1000);
    struct line_visit pass = visit_once(rig, LINE_PASS, place);
    assert_int_equal(LINE_UNAVAILABLE, pass.outcome);
    assert_true(pass.retry_after_ms > 0);
    AWAIT(rig, view_of(rig)->stale);
    assert_int_equal(place, view_of(rig)->serving); /* told from memory */
    assert_false(line_store_ready(rig->store));

    kill(rig->server.pid, SIGCONT);
    AWAIT(rig, line_store_ready(rig->store) && !view_of(rig)->stale);
    assert_int_equal(LINE_OK, visit_once(rig, LINE_PASS, place).outcome);
    assert_true(atomic_load(&line_store_stats(rig->store)->timeouts) > 0);
    assert_true(atomic_load(&line_store_stats(rig->store)->reconnects) > 0);
}

enum { TOO_MANY = 10 };

struct queue_of_joins {
    const struct line_join *beyond; /* the first of those that are too many */
    unsigned done, turned_away;
    bool overtaken; /* one that waits was answered before them */
};

static void on_queued_join(struct line_join *join)
{
    struct queue_of_joins *queue = join->ctx;
    queue->done++;
    if (join >= queue->beyond)
        queue->turned_away++;
    else if (queue->turned_away < TOO_MANY)
        queue->overtaken = true;
}

static void more_requests_than_the_bound_are_turned_away_at_once(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    kill(rig->server.pid, SIGSTOP);
    size_t count = STORE_REQUESTS_MAX + TOO_MANY;
    struct line_join *joins = calloc(count, sizeof(*joins));
    assert_non_null(joins);
    struct queue_of_joins queue = {.beyond = joins + STORE_REQUESTS_MAX};
    for (size_t i = 0; i < count; i++) {
        joins[i].on_done = on_queued_join;
        joins[i].ctx = &queue;
        strcpy(joins[i].event, event_id);
        line_store_join(rig->store, &joins[i]);
    }
    AWAIT(rig, queue.turned_away == TOO_MANY);
    assert_false(queue.overtaken);
    for (size_t i = STORE_REQUESTS_MAX; i < count; i++) {
        assert_int_equal(LINE_UNAVAILABLE, joins[i].outcome);
        assert_true(joins[i].retry_after_ms > 0);
    }
    AWAIT(rig, queue.done == count); /* and the others by their deadline */
    kill(rig->server.pid, SIGCONT);
    free(joins);
}

static void a_store_made_before_redis_runs_finds_it_later(void **state)
{
    struct rig *rig = *state;
    redis_server_start(&rig->server);
    redis_server_kill(&rig->server);
    open_store(rig);
    assert_int_equal(LINE_UNAVAILABLE, join_once(rig, event_id).outcome);
    redis_server_start(&rig->server);
    open_event(rig);
    assert_int_equal(LINE_OK, join_once(rig, event_id).outcome);
}

/* Joins, and sees whether any script has travelled as a text meanwhile. A script that is rarely
 * asked, such as the one for the list of events, may still travel as a text then. */
static bool joins_by_name(struct rig *rig)
{
    redis_server_ask(&rig->server, "CONFIG RESETSTAT");
    assert_int_equal(LINE_OK, join_once(rig, event_id).outcome);
    return redis_server_ask(&rig->server, "EVAL %s 0",
                            "return string.find(redis.call('INFO', 'commandstats'), "
                            "'cmdstat_eval:') and 1 or 0") == 0;
}

static void scripts_that_redis_forgot_are_taught_again(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    redis_server_ask(&rig->server, "SCRIPT FLUSH");
    struct line_join join = join_once(rig, event_id);
    assert_int_equal(LINE_OK, join.outcome);
    AWAIT(rig, view_of(rig)->serving == join.entry);
    redis_server_ask(&rig->server, "SCRIPT FLUSH");
    assert_int_equal(LINE_OK, visit_once(rig, LINE_PASS, join.entry).outcome);
    redis_server_ask(&rig->server, "SCRIPT FLUSH");
    move(rig, LINE_OPEN, LINE_PAUSED);
    /* And from then on they travel by their names again. */
    AWAIT(rig, view_of(rig)->state == LINE_PAUSED);
    AWAIT(rig, joins_by_name(rig));
}

static void closing_answers_what_is_open(void **state)
{
    struct rig *rig = *state;
    static struct crowd crowd;
    start_one(rig);
    crowd_join(rig, &crowd, 600); /* none is sent yet */
    close_store(rig);
    assert_int_equal(600, crowd.done);
    assert_int_equal(LINE_UNAVAILABLE, crowd.joins[599].outcome);
}

static void closing_answers_what_redis_has_not(void **state)
{
    struct rig *rig = *state;
    static struct crowd crowd;
    start_one(rig);
    kill(rig->server.pid, SIGSTOP);
    crowd_join(rig, &crowd, 600); /* one batch sent, the rest gathered */
    uv_run(&rig->loop, UV_RUN_NOWAIT);
    uv_run(&rig->loop, UV_RUN_NOWAIT);
    assert_int_equal(0, crowd.done);
    close_store(rig);
    assert_int_equal(600, crowd.done);
    kill(rig->server.pid, SIGCONT);
}

static void a_store_may_be_closed_from_its_own_callback(void **state)
{
    struct rig *rig = *state;
    static struct crowd crowd;
    start_one(rig);
    rig->close_in_view = true;
    crowd_join(rig, &crowd, 5);
    AWAIT(rig, rig->store == NULL);
    assert_int_equal(5, crowd.done);
}

struct closer {
    struct rig *rig;
    unsigned others; /* answered */
    unsigned others_when_closed;
    enum line_outcome outcome; /* of the last of them */
};

static void close_inside(struct closer *closer)
{
    close_store(closer->rig);
    closer->others_when_closed = closer->others;
}

static void on_visit_close(struct line_visit *visit)
{
    close_inside(visit->ctx);
}

static void on_join_close(struct line_join *join)
{
    close_inside(join->ctx);
}

static void on_other_join(struct line_join *join)
{
    struct closer *closer = join->ctx;
    closer->others++;
    closer->outcome = join->outcome;
}

static void closing_inside_an_answer_answers_all_others_before_it_returns(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    struct closer closer = {.rig = rig};
    struct line_visit visit = {
        .call = LINE_PASS, .place = 1, .on_done = on_visit_close, .ctx = &closer};
    struct line_join join = {.on_done = on_other_join, .ctx = &closer};
    strcpy(join.event, event_id);
    strcpy(visit.event, event_id);
    join_once(rig, event_id);
    kill(rig->server.pid, SIGSTOP); /* so that both answers come in one turn */
    line_store_visit(rig->store, &visit);
    line_store_join(rig->store, &join);
    uv_run(&rig->loop, UV_RUN_NOWAIT);
    uv_run(&rig->loop, UV_RUN_NOWAIT);
    kill(rig->server.pid, SIGCONT);
    AWAIT(rig, rig->store == NULL);
    assert_int_equal(1, closer.others_when_closed);
    assert_int_equal(LINE_UNAVAILABLE, closer.outcome);
}

static void closing_inside_the_answer_of_a_join_answers_the_rest_of_its_batch(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    struct closer closer = {.rig = rig};
    struct line_join joins[3] = {0};
    for (unsigned i = 0; i < 3; i++) {
        joins[i].on_done = i == 0 ? on_join_close : on_other_join;
        joins[i].ctx = &closer;
        strcpy(joins[i].event, event_id);
        line_store_join(rig->store, &joins[i]);
    }
    AWAIT(rig, rig->store == NULL);
    assert_int_equal(2, closer.others_when_closed);
    assert_int_equal(LINE_OK, closer.outcome);
    assert_int_equal(3, joins[2].entry);
}

static void tcp_and_a_password_work_too(void **state)
{
    struct rig *rig = *state;
    rig->server.port = redis_server_free_port();
    rig->server.password = "hunter2 with spaces";
    start_one(rig);
    assert_int_equal(1, join_once(rig, event_id).entry);
}

static void a_wrong_password_is_no_crash_and_no_connection(void **state)
{
    struct rig *rig = *state;
    rig->server.password = "right";
    redis_server_start(&rig->server);
    rig->server.password = "wrong";
    open_store(rig);
    for (int i = 0; i < 40; i++)
        uv_run(&rig->loop, UV_RUN_ONCE);
    assert_false(line_store_ready(rig->store));
    assert_int_equal(LINE_UNAVAILABLE, join_once(rig, event_id).outcome);
}

static void lose_everything(struct rig *rig)
{
    const struct line_store_stats *stats = line_store_stats(rig->store);
    uint64_t heals = atomic_load(&stats->heals);
    redis_server_kill(&rig->server);
    redis_server_wipe(&rig->server);
    redis_server_start(&rig->server);
    AWAIT(rig, atomic_load(&stats->heals) > heals && line_store_ready(rig->store) &&
                   !view_of(rig)->stale);
}

/* After Redis has lost everything, both visits end a second time. The other sessions are lost as
 * well, and keep their slots. */
static void after_a_wipe_an_ended_visit_frees_no_slot_and_does_not_begin_again(void **state)
{
    struct rig *rig = *state;
    rig->knobs.max_active = 2;
    start_one(rig);
    for (int i = 0; i < 5; i++)
        join_once(rig, event_id);
    AWAIT(rig, view_of(rig)->serving == 2);
    for (uint64_t place = 1; place <= 2; place++) {
        assert_int_equal(LINE_OK, visit_once(rig, LINE_PASS, place).outcome);
        assert_int_equal(LINE_OK, visit_once(rig, LINE_END, place).outcome);
    }
    AWAIT(rig, view_of(rig)->serving == 4);
    for (uint64_t place = 3; place <= 4; place++)
        assert_int_equal(LINE_OK, visit_once(rig, LINE_PASS, place).outcome);
    AWAIT(rig, view_of(rig)->active == 2);
    lose_everything(rig);
    assert_int_equal(2, view_of(rig)->active);
    assert_int_equal(LINE_SAME, visit_once(rig, LINE_END, 1).outcome);
    assert_int_equal(LINE_SAME, visit_once(rig, LINE_LEAVE, 2).outcome);
    struct line_visit again = visit_once(rig, LINE_PASS, 1);
    assert_int_equal(LINE_GONE, again.outcome);
    assert_int_equal(TURN_ENDED, again.turn);
    assert_int_equal(LINE_GONE, visit_once(rig, LINE_HEARTBEAT, 1).outcome);
    run_for(rig, 100);
    assert_int_equal(2, view_of(rig)->active);
    assert_int_equal(4, view_of(rig)->serving);
    assert_int_equal(LINE_OK, visit_once(rig, LINE_HEARTBEAT, 3).outcome);
    assert_int_equal(LINE_OK, visit_once(rig, LINE_END, 4).outcome);
    AWAIT(rig, view_of(rig)->serving == 5);
}

static void change(struct rig *rig)
{
    admin_run(rig, (struct line_admin){.call = LINE_CHANGE,
                                       .doc = SPAN("{\"id\":\"gala-2027\"}"),
                                       .knobs = rig->knobs});
}

/* Visits became shorter, so no newer pass ends as late. */
static void after_a_wipe_slots_stay_taken_until_the_latest_end_of_a_pass(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    for (uint64_t place = 1; place <= 2; place++)
        assert_int_equal(place, join_once(rig, event_id).entry);
    AWAIT(rig, view_of(rig)->serving == 2);
    assert_int_equal(LINE_OK, visit_once(rig, LINE_PASS, 1).outcome);
    struct line_visit late = visit_once(rig, LINE_PASS, 2);
    rig->knobs.session_ttl_ms = 1000;
    change(rig);
    AWAIT(rig, view_of(rig)->knobs.session_ttl_ms == 1000);
    lose_everything(rig);
    long long until_ms = redis_server_ask(&rig->server, "EVAL %s 0",
                                          "return tonumber(redis.call("
                                          "'HGET', 'fg:{gala-2027}:bucket', 'phantom_until_ms'))");
    assert_int_equal(late.expires_ms, until_ms);
}

/* A pass outlasts a visit that was ended. No tick has reported the end: only this store knows it.
 */
static void after_a_wipe_a_pass_does_not_begin_an_ended_visit_again(void **state)
{
    struct rig *rig = *state;
    rig->tick_ms = 1500;
    start_one(rig);
    assert_int_equal(1, join_once(rig, event_id).entry);
    AWAIT(rig, view_of(rig)->serving == 1);
    struct line_visit inside = visit_once(rig, LINE_PASS, 1);
    assert_int_equal(LINE_OK, inside.outcome);
    assert_int_equal(LINE_OK, visit_once(rig, LINE_LEAVE, 1).outcome);
    lose_everything(rig);
    const struct line_visit beat = {.call = LINE_HEARTBEAT,
                                    .place = 1,
                                    .told_ms = inside.expires_ms,
                                    .ends_ms = inside.ends_ms};
    assert_int_equal(LINE_GONE, visit_as(rig, event_id, beat).outcome);
}

/* Another store ended these visits, and no tick will report that. */
static void after_a_wipe_a_visit_ended_by_another_front_stays_over(void **state)
{
    static const struct {
        enum line_visit_call call;
        enum line_outcome outcome;
    } asked[] = {{LINE_LEAVE, LINE_SAME}, {LINE_PASS, LINE_GONE}, {LINE_HEARTBEAT, LINE_GONE}};
    enum { PLACES = sizeof(asked) / sizeof(asked[0]) };
    struct rig *rig = *state;
    struct line_visit inside[PLACES];
    start_one(rig);
    for (int i = 0; i < PLACES; i++)
        join_once(rig, event_id);
    AWAIT(rig, view_of(rig)->serving == PLACES);
    for (uint64_t i = 0; i < PLACES; i++) {
        inside[i] = visit_once(rig, LINE_PASS, i + 1);
        assert_int_equal(LINE_OK, inside[i].outcome);
        assert_int_equal(
            1, redis_server_ask(&rig->server, "ZREM fg:{gala-2027}:active %" PRIu64, i + 1));
        assert_int_equal(
            0, redis_server_ask(&rig->server, "SETBIT fg:{gala-2027}:ended %" PRIu64 " 1", i + 1));
        assert_int_equal(asked[i].outcome, visit_once(rig, asked[i].call, i + 1).outcome);
    }
    lose_everything(rig);
    for (uint64_t i = 0; i < PLACES; i++) {
        const struct line_visit beat = {.call = LINE_HEARTBEAT,
                                        .place = i + 1,
                                        .told_ms = inside[i].expires_ms,
                                        .ends_ms = inside[i].ends_ms};
        assert_int_equal(LINE_GONE, visit_as(rig, event_id, beat).outcome);
    }
}

/* The same for an order that was completed. */
static void after_a_wipe_an_order_completed_at_another_front_stays_completed(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    join_once(rig, event_id);
    AWAIT(rig, view_of(rig)->serving == 1);
    assert_int_equal(LINE_OK, visit_once(rig, LINE_PASS, 1).outcome);
    assert_int_equal(1, redis_server_ask(&rig->server, "ZREM fg:{gala-2027}:active 1"));
    assert_int_equal(0, redis_server_ask(&rig->server, "SETBIT fg:{gala-2027}:ended 1 1"));
    assert_int_equal(0, redis_server_ask(&rig->server, "SETBIT fg:{gala-2027}:done 1 1"));
    assert_int_equal(LINE_SAME, visit_once(rig, LINE_END, 1).outcome);
    lose_everything(rig);
    struct line_visit again = visit_once(rig, LINE_PASS, 1);
    assert_int_equal(LINE_GONE, again.outcome);
    assert_int_equal(TURN_DONE, again.turn);
}

/* The visit had ended before its order was completed, and Redis lost only that order. */
static void after_a_rollback_a_completed_order_stays_completed(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    join_once(rig, event_id);
    AWAIT(rig, view_of(rig)->serving == 1);
    assert_int_equal(LINE_OK, visit_once(rig, LINE_PASS, 1).outcome);
    assert_int_equal(TURN_ENDED, visit_once(rig, LINE_END, 1).turn);
    assert_int_equal(TURN_DONE, visit_once(rig, LINE_DONE, 1).turn);
    assert_int_equal(1, redis_server_ask(&rig->server, "SETBIT fg:{gala-2027}:done 1 0"));
    struct line_visit again = visit_once(rig, LINE_PASS, 1);
    assert_int_equal(LINE_GONE, again.outcome);
    assert_int_equal(TURN_DONE, again.turn);
    assert_int_equal(1, redis_server_ask(&rig->server, "GETBIT fg:{gala-2027}:done 1"));
}

/* As long and as often as the store remembers. */
static void after_a_wipe_an_extended_call_keeps_its_length(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    assert_int_equal(1, join_once(rig, event_id).entry);
    AWAIT(rig, view_of(rig)->serving == 1);
    struct line_visit told = {0};
    for (unsigned times = 1; times <= 3; times++) {
        told = visit_once(rig, LINE_EXTEND, 1);
        assert_int_equal(LINE_OK, told.outcome);
        assert_int_equal(times, told.times);
    }
    lose_everything(rig);
    struct line_visit again = visit_once(rig, LINE_EXTEND, 1);
    assert_int_equal(LINE_OK, again.outcome);
    assert_int_equal(4, again.times);
    assert_int_equal(told.expires_ms + rig->knobs.call_ttl_ms, again.expires_ms);
}

/* Ticks are slow here: none reports the pass before the loss. */
static void after_a_wipe_a_lane_session_newer_than_the_last_tick_keeps_its_slot(void **state)
{
    struct rig *rig = *state;
    rig->knobs.max_active = 3;
    rig->knobs.shares = 30;
    rig->tick_ms = 1500;
    start_one(rig);
    AWAIT(rig, line_store_view(rig->store, SPAN("gala-2027@1")) != NULL);
    assert_int_equal(LINE_OK, join_once(rig, "gala-2027@1").outcome);
    do
        change(rig);
    while (redis_server_ask(&rig->server, "ZCARD fg:{gala-2027}:@1:hist") != 1);
    assert_int_equal(
        LINE_OK,
        visit_as(rig, "gala-2027@1", (struct line_visit){.call = LINE_PASS, .place = 1}).outcome);
    lose_everything(rig);
    assert_int_equal(1, view_of(rig)->active);
}

/* ---- places and ghosts that a heal restores ---- */

static uint64_t ahead_of(struct rig *rig, uint64_t place)
{
    const struct line_view *view = view_of(rig);
    return place_at(view, place, view->redis_ms).ahead;
}

/* A rush of joins, so that the gap is wide; all of them have left. Returns how many there were. */
static uint64_t rush_and_leave(struct rig *rig)
{
    enum { RUSH = 300 };
    static struct crowd crowd;
    rig->knobs.rate_milli = 100000000;
    rig->knobs.burst = 1000;
    start_one(rig);
    crowd_join(rig, &crowd, RUSH);
    AWAIT(rig, crowd.done == RUSH && view_of(rig)->serving == RUSH);
    for (uint64_t place = 1; place <= RUSH; place++)
        assert_int_equal(LINE_OK, visit_once(rig, LINE_LEAVE, place).outcome);
    AWAIT(rig, view_of(rig)->outstanding == 0);
    return RUSH;
}

/* A slow line with a small hall and a gap that nobody waits in. Returns its last place. */
static uint64_t slow_line_with_a_gap(struct rig *rig, uint64_t *first)
{
    uint64_t issued = rush_and_leave(rig);
    rig->knobs.rate_milli = 100000;
    rig->knobs.burst = 100;
    rig->knobs.max_active = 100;
    rig->knobs.call_ttl_ms = 120000;
    change(rig);
    move(rig, LINE_OPEN, LINE_PAUSED);
    AWAIT(rig, view_of(rig)->state == LINE_PAUSED); /* or nobody knows it after the loss */
    lose_everything(rig);
    *first = issued + 1;
    assert_int_equal(issued, view_of(rig)->serving);
    assert_true(view_of(rig)->issued >= issued + HEAL_GAP_MIN);
    return view_of(rig)->issued;
}

static void after_two_wipes_the_places_of_both_gaps_are_stepped_over(void **state)
{
    struct rig *rig = *state;
    uint64_t first, last = slow_line_with_a_gap(rig, &first);
    lose_everything(rig);
    uint64_t between = join_once(rig, event_id).entry;
    assert_true(between > last);
    assert_int_equal(0, ahead_of(rig, between));
    AWAIT(rig, view_of(rig)->issued == between);
    lose_everything(rig); /* an empty Redis, which gets all gaps */
    uint64_t newcomer = join_once(rig, event_id).entry;
    assert_true(newcomer > between);
    assert_int_equal(1, ahead_of(rig, newcomer));
    AWAIT(rig, view_of(rig)->waiting == 2);
    assert_true(redis_server_ask(&rig->server, "GET fg:{%s}:gaps", event_id) < 32); /* two */
    move(rig, LINE_PAUSED, LINE_OPEN);
    AWAIT(rig, view_of(rig)->serving == newcomer);
    assert_int_equal(2, view_of(rig)->outstanding);
    assert_int_equal(0, redis_server_ask(&rig->server, "EXISTS fg:{%s}:gaps", event_id));
}

enum { GHOST_LINE = 100, GONE_AFTER_MS = 1500 };

/* A paused line of a hundred. */
static void start_paused(struct rig *rig)
{
    rig->knobs.burst = 1;
    rig->gone_after_ms = GONE_AFTER_MS;
    start_one(rig);
    move(rig, LINE_OPEN, LINE_PAUSED);
    for (int i = 0; i < GHOST_LINE; i++)
        join_once(rig, event_id);
    AWAIT(rig, view_of(rig)->issued == GHOST_LINE);
}

static bool shows_half(struct rig *rig)
{
    const struct line_view *view = view_of(rig);
    return ghosts_before(view->ghosts, view->serving, GHOST_LINE + 1) >= GHOST_LINE / 2;
}

/* All odd places poll at this front. */
static bool odd_poll(struct rig *rig)
{
    for (uint64_t place = 1; place <= GHOST_LINE; place += 2)
        heard_mark(view_of(rig)->heard, place);
    return true;
}

/* The number of people ahead never rises by a wipe. */
static void after_a_wipe_ghosts_stay_ghosts_until_they_return(void **state)
{
    struct rig *rig = *state;
    start_paused(rig);
    AWAIT(rig, odd_poll(rig) && shows_half(rig));
    redis_server_kill(&rig->server);
    redis_server_wipe(&rig->server);
    AWAIT(rig, view_of(rig)->stale);
    redis_server_start(&rig->server);
    do {
        odd_poll(rig);
        uv_run(&rig->loop, UV_RUN_ONCE);
        assert_true(shows_half(rig));
    } while (view_of(rig)->stale || view_of(rig)->waiting != GHOST_LINE / 2);
    heard_mark(view_of(rig)->heard, 2); /* back, as any ghost */
    AWAIT(rig, odd_poll(rig) && view_of(rig)->waiting == GHOST_LINE / 2 + 1);
    AWAIT(rig, odd_poll(rig) && !shows_half(rig));
}

static void after_a_wipe_places_newer_than_the_last_tick_are_not_given_again(void **state)
{
    enum { COUNT = 3 * HEAL_GAP_MIN }; /* more than the safety gap would cover */
    struct rig *rig = *state;
    static struct crowd crowd;
    rig->tick_ms = 1500;
    start_one(rig);
    crowd_join(rig, &crowd, COUNT);
    AWAIT(rig, crowd.done == COUNT);
    redis_server_kill(&rig->server);
    redis_server_wipe(&rig->server);
    redis_server_start(&rig->server);
    struct line_join join;
    do
        join = join_once(rig, event_id);
    while (join.outcome != LINE_OK);
    assert_true(join.entry > COUNT);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* as the service does */
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_visitor_joins_is_called_comes_in_and_ends),
        TEST(an_unknown_event_is_refused_without_a_call_to_redis),
        TEST(a_name_in_the_set_without_an_event_harms_nobody),
        TEST(joins_of_one_turn_are_sent_in_bounded_batches_in_order),
        TEST(a_pass_overtakes_the_joins_of_its_turn),
        TEST(a_pass_waits_for_one_batch_of_joins_however_many_come),
        TEST(a_picture_read_too_late_is_stale),
        TEST(a_paused_redis_is_answered_for_within_the_deadline),
        TEST(more_requests_than_the_bound_are_turned_away_at_once),
        TEST(a_store_made_before_redis_runs_finds_it_later),
        TEST(scripts_that_redis_forgot_are_taught_again),
        TEST(closing_answers_what_is_open),
        TEST(closing_answers_what_redis_has_not),
        TEST(a_store_may_be_closed_from_its_own_callback),
        TEST(closing_inside_an_answer_answers_all_others_before_it_returns),
        TEST(closing_inside_the_answer_of_a_join_answers_the_rest_of_its_batch),
        TEST(tcp_and_a_password_work_too),
        TEST(a_wrong_password_is_no_crash_and_no_connection),
        TEST(after_a_wipe_an_ended_visit_frees_no_slot_and_does_not_begin_again),
        TEST(after_a_wipe_slots_stay_taken_until_the_latest_end_of_a_pass),
        TEST(after_a_wipe_a_pass_does_not_begin_an_ended_visit_again),
        TEST(after_a_wipe_a_visit_ended_by_another_front_stays_over),
        TEST(after_a_wipe_an_order_completed_at_another_front_stays_completed),
        TEST(after_a_rollback_a_completed_order_stays_completed),
        TEST(after_a_wipe_an_extended_call_keeps_its_length),
        TEST(after_a_wipe_a_lane_session_newer_than_the_last_tick_keeps_its_slot),
        TEST(after_two_wipes_the_places_of_both_gaps_are_stepped_over),
        TEST(after_a_wipe_ghosts_stay_ghosts_until_they_return),
        TEST(after_a_wipe_places_newer_than_the_last_tick_are_not_given_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
