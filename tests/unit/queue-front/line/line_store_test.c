/* The line store on a real loop and a real Redis, which these tests pause, restart, kill and wipe.
 */
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

enum { STORES = 2, TICK_MS = 20 };

struct rig {
    uv_loop_t loop;
    uv_timer_t pulse; /* so that the loop turns while nothing happens */
    struct redis_server server;
    struct line_store *store[STORES];
    struct watcher {
        struct rig *rig;
        unsigned events; /* here, less gone */
        uint64_t serving_seen;
        bool stale_seen;
    } watcher[STORES];
    bool serving_fell; /* in the eyes of any store */
    bool close_in_view;
    uint32_t tick_ms;       /* 0: TICK_MS */
    uint32_t gone_after_ms; /* 0: longer than any test */
};

static const char event_id[] = "gala-2027";

static void on_view(void *ctx, const struct line_view *view)
{
    struct watcher *watcher = ctx;
    struct rig *rig = watcher->rig;
    rig->serving_fell = rig->serving_fell || view->serving < watcher->serving_seen;
    watcher->serving_seen = view->serving;
    watcher->stale_seen = view->stale;
    if (rig->close_in_view) {
        rig->close_in_view = false;
        line_store_close(rig->store[0]);
        rig->store[0] = NULL;
    }
}

static void on_event(void *ctx, const char *id, bool here)
{
    struct watcher *watcher = ctx;
    assert_true(span_eq(span_of(event_id), line_event_of(span_of(id))));
    watcher->events = here ? watcher->events + 1 : watcher->events - 1;
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

static void open_store(struct rig *rig, int which)
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
        .tick_period_ms = rig->tick_ms > 0 ? rig->tick_ms : TICK_MS,
        .gone_after_ms = rig->gone_after_ms > 0 ? rig->gone_after_ms : 90000,
        .clock = clock_system(),
        .rng = rng_system(),
        .on_view = on_view,
        .on_event = on_event,
        .describe = describe,
        .ctx = &rig->watcher[which],
    };
    rig->watcher[which].rig = rig;
    assert_int_equal(0, line_store_create(&conf, &err, &rig->store[which]));
}

static void close_store(struct rig *rig, int which)
{
    if (rig->store[which] != NULL)
        line_store_close(rig->store[which]);
    rig->store[which] = NULL;
}

static int setup(void **state)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    assert_non_null(rig);
    assert_int_equal(0, uv_loop_init(&rig->loop));
    uv_timer_init(&rig->loop, &rig->pulse);
    uv_timer_start(&rig->pulse, on_pulse, 5, 5);
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;
    for (int i = 0; i < STORES; i++)
        close_store(rig, i);
    uv_close((uv_handle_t *)&rig->pulse, NULL);
    uv_run(&rig->loop, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&rig->loop);
    redis_server_remove(&rig->server);
    unsigned events = rig->watcher[0].events + rig->watcher[1].events;
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

struct admin_answer {
    bool done;
    char reply[8192];
};

static void on_admin(struct line_admin *admin)
{
    struct admin_answer *answer = admin->ctx;
    answer->done = true;
    if (admin->reply.len > 0)
        assert_true(span_to_cstr(admin->reply, answer->reply, sizeof(answer->reply)));
}

static struct line_join join_once(struct rig *rig, int which, const char *id, const char *key)
{
    bool done = false;
    struct line_join join = {.on_done = on_join, .ctx = &done};
    snprintf(join.event, sizeof(join.event), "%s", id);
    if (key != NULL) {
        join.has_idem = true;
        memcpy(join.idem, key, strlen(key));
    }
    line_store_join(rig->store[which], &join);
    assert_false(done);
    AWAIT(rig, done);
    return join;
}

static struct line_visit visit_as(struct rig *rig, int which, const char *id,
                                  struct line_visit visit)
{
    assert_true(visit.place > 0); /* whoever visits has joined */
    bool done = false;
    visit.on_done = on_visit;
    visit.ctx = &done;
    snprintf(visit.event, sizeof(visit.event), "%s", id);
    line_store_visit(rig->store[which], &visit);
    assert_false(done);
    AWAIT(rig, done);
    return visit;
}

static struct line_visit visit_to(struct rig *rig, int which, const char *id,
                                  enum line_visit_call call, uint64_t place)
{
    return visit_as(rig, which, id, (struct line_visit){.call = call, .place = place});
}

static struct line_visit visit_once(struct rig *rig, int which, enum line_visit_call call,
                                    uint64_t place)
{
    return visit_to(rig, which, event_id, call, place);
}

static const struct line_knobs fast = {
    .rate_milli = 1000000,
    .burst = 50,
    .max_active = 0,
    .session_ttl_ms = 60000,
    .session_max_ms = 600000,
    .call_ttl_ms = 60000,
    .grace_ms = 10000,
};

static struct line_admin admin_begin(enum line_admin_call call)
{
    struct line_admin admin = {.call = call, .knobs = fast, .on_done = on_admin};
    snprintf(admin.event, sizeof(admin.event), "%s", event_id);
    admin.audit = SPAN("{\"who\":\"test\",\"why\":\"to see\"}");
    return admin;
}

static struct admin_answer admin_run(struct rig *rig, int which, struct line_admin *admin)
{
    struct admin_answer answer = {0};
    admin->ctx = &answer;
    line_store_admin(rig->store[which], admin);
    assert_false(answer.done);
    AWAIT(rig, answer.done);
    return answer;
}

static void move(struct rig *rig, int which, enum line_state from, enum line_state to)
{
    struct line_admin admin = admin_begin(LINE_TRANSITION);
    admin.from = from;
    admin.to = to;
    admin_run(rig, which, &admin);
    assert_int_equal(LINE_OK, admin.outcome);
    assert_int_equal(to, admin.state);
}

static const struct line_view *view_of(struct rig *rig, int which)
{
    return line_store_view(rig->store[which], span_of(event_id));
}

static void create_event(struct rig *rig, int which, const struct line_knobs *knobs)
{
    AWAIT(rig, line_store_ready(rig->store[which]));
    struct line_admin admin = admin_begin(LINE_CREATE);
    admin.doc = SPAN("{\"id\":\"gala-2027\"}");
    admin.knobs = *knobs;
    admin_run(rig, which, &admin);
    assert_int_equal(LINE_OK, admin.outcome);
    assert_int_equal(1, admin.version);
}

static void open_event(struct rig *rig, const struct line_knobs *knobs)
{
    create_event(rig, 0, knobs);
    move(rig, 0, LINE_DRAFT, LINE_OPEN);
    AWAIT(rig, view_of(rig, 0) != NULL && view_of(rig, 0)->state == LINE_OPEN);
}

static void start_one(struct rig *rig)
{
    redis_server_start(&rig->server);
    open_store(rig, 0);
    open_event(rig, &fast);
}

/* ---- the path of one visitor ---- */

static void a_visitor_joins_is_called_comes_in_and_ends(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    struct line_join join = join_once(rig, 0, event_id, NULL);
    assert_int_equal(LINE_OK, join.outcome);
    assert_int_equal(1, join.entry);
    assert_int_equal(LINE_OPEN, join.state);

    AWAIT(rig, view_of(rig, 0)->serving == 1);
    assert_int_equal(1, view_of(rig, 0)->calls_len);
    assert_int_equal(1, view_of(rig, 0)->calls[0].upto);

    struct line_visit pass = visit_once(rig, 0, LINE_PASS, 1);
    assert_int_equal(LINE_OK, pass.outcome);
    assert_true(pass.expires_ms > view_of(rig, 0)->redis_ms);
    assert_true(pass.ends_ms > pass.expires_ms);
    struct line_visit again = visit_once(rig, 0, LINE_PASS, 1);
    assert_int_equal(LINE_SAME, again.outcome);
    assert_int_equal(pass.expires_ms, again.expires_ms);
    assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_HEARTBEAT, 1).outcome);
    AWAIT(rig, view_of(rig, 0)->active == 1);

    assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_END, 1).outcome);
    assert_int_equal(LINE_SAME, visit_once(rig, 0, LINE_END, 1).outcome);
    assert_int_equal(LINE_GONE, visit_once(rig, 0, LINE_PASS, 1).outcome);
    AWAIT(rig, view_of(rig, 0)->active == 0 && view_of(rig, 0)->admitted == 1);
}

static void whoever_is_not_called_is_told_when_to_ask_again(void **state)
{
    struct rig *rig = *state;
    struct line_knobs slow = fast;
    slow.rate_milli = 1;
    redis_server_start(&rig->server);
    open_store(rig, 0);
    open_event(rig, &slow);
    uint64_t place = join_once(rig, 0, event_id, NULL).entry;
    struct line_visit pass = visit_once(rig, 0, LINE_PASS, place);
    assert_int_equal(LINE_NOT_YET, pass.outcome);
    assert_true(pass.retry_after_ms >= 1000 && pass.retry_after_ms <= 30000);
}

static void a_repeated_join_gets_the_same_place_from_any_front(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    open_store(rig, 1);
    AWAIT(rig, view_of(rig, 1) != NULL);
    struct line_join first = join_once(rig, 0, event_id, "a key, hashed");
    assert_int_equal(LINE_OK, first.outcome);
    struct line_join other = join_once(rig, 1, event_id, "another, as well");
    assert_int_equal(first.entry + 1, other.entry);
    struct line_join again = join_once(rig, 1, event_id, "a key, hashed");
    assert_int_equal(LINE_SAME, again.outcome);
    assert_int_equal(first.entry, again.entry);
}

static void an_unknown_event_is_told_as_unknown_and_costs_redis_nothing(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    uint64_t calls = atomic_load(&line_store_stats(rig->store[0])->join_calls);
    assert_int_equal(LINE_UNKNOWN, join_once(rig, 0, "nothing", NULL).outcome);
    assert_int_equal(calls, atomic_load(&line_store_stats(rig->store[0])->join_calls));
}

static void a_name_in_the_set_without_an_event_harms_nobody(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    redis_server_ask(&rig->server, "SADD fg:events ghost no{braces} %s", "UPPER");
    struct line_join join;
    do { /* until the name was seen, and asked for in vain */
        join = join_once(rig, 0, "ghost", NULL);
    } while (join.outcome == LINE_UNKNOWN);
    assert_int_equal(LINE_UNAVAILABLE, join.outcome);
    AWAIT(rig, line_store_ready(rig->store[0]));
    run_for(rig, 500);
    assert_true(line_store_ready(rig->store[0]));
    assert_int_equal(LINE_UNKNOWN, join_once(rig, 0, "ghost", NULL).outcome);
    assert_int_equal(LINE_OK, join_once(rig, 0, event_id, NULL).outcome);
}

static void a_closed_event_takes_nobody_and_says_its_state(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    move(rig, 0, LINE_OPEN, LINE_CLOSED);
    struct line_join join = join_once(rig, 0, event_id, NULL);
    assert_int_equal(LINE_WRONG_STATE, join.outcome);
    assert_int_equal(LINE_CLOSED, join.state);
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
        line_store_join(rig->store[0], join);
    }
}

static void joins_of_one_turn_are_one_script_call(void **state)
{
    struct rig *rig = *state;
    static struct crowd crowd;
    start_one(rig);
    const struct line_store_stats *stats = line_store_stats(rig->store[0]);
    uint64_t calls = atomic_load(&stats->join_calls);
    crowd_join(rig, &crowd, 500);
    AWAIT(rig, crowd.done == 500);
    assert_int_equal(calls + 1, atomic_load(&stats->join_calls));
    for (unsigned i = 0; i < 500; i++)
        assert_int_equal(i + 1, crowd.joins[i].entry);
}

static void a_batch_is_bounded_and_the_rest_follows_in_order(void **state)
{
    struct rig *rig = *state;
    static struct crowd crowd;
    start_one(rig);
    const struct line_store_stats *stats = line_store_stats(rig->store[0]);
    uint64_t calls = atomic_load(&stats->join_calls);
    crowd_join(rig, &crowd, 700);
    AWAIT(rig, crowd.done == 700);
    assert_int_equal(calls + 2, atomic_load(&stats->join_calls));
    assert_int_equal(700, crowd.joins[699].entry);
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
    uint64_t place = join_once(rig, 0, event_id, NULL).entry;
    assert_true(place > 0);
    AWAIT(rig, view_of(rig, 0)->serving >= place);
    struct late_pass order = {.crowd = &crowd};
    struct line_visit visit = {.call = LINE_PASS, .on_done = on_late_pass, .ctx = &order};
    snprintf(visit.event, sizeof(visit.event), "%s", event_id);
    visit.place = place;
    crowd_join(rig, &crowd, count);
    line_store_visit(rig->store[0], &visit);
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

static void joins_over_the_limit_of_their_address_get_no_place(void **state)
{
    struct rig *rig = *state;
    static struct crowd crowd;
    struct line_knobs strict = fast;
    strict.joins_per_ip_per_min = 3;
    redis_server_start(&rig->server);
    open_store(rig, 0);
    open_event(rig, &strict);
    /* Within one minute, whenever the test runs: its six joins are one call. */
    crowd_join(rig, &crowd, 6);
    AWAIT(rig, crowd.done == 6);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(i < 3 ? LINE_OK : LINE_LIMITED, crowd.joins[i].outcome);
    assert_true(crowd.joins[5].retry_after_ms > 0 && crowd.joins[5].retry_after_ms <= 60000);
}

/* ---- the operator ---- */

static void a_change_is_seen_by_the_other_front(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    open_store(rig, 1);
    AWAIT(rig, view_of(rig, 1) != NULL);
    struct line_admin admin = admin_begin(LINE_CHANGE);
    admin.doc = SPAN("{\"id\":\"gala-2027\",\"message\":\"soon\"}");
    admin.knobs.rate_milli = 123000;
    admin_run(rig, 0, &admin);
    assert_int_equal(LINE_OK, admin.outcome);
    AWAIT(rig, view_of(rig, 1)->version == admin.version);
    assert_int_equal(123000, view_of(rig, 1)->knobs.rate_milli);
    assert_span(view_of(rig, 1)->doc, "{\"id\":\"gala-2027\",\"message\":\"soon\"}");
}

static void of_two_changes_to_one_version_the_second_is_a_conflict(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    struct line_admin first = admin_begin(LINE_CHANGE), second = admin_begin(LINE_CHANGE);
    first.doc = second.doc = SPAN("{}");
    first.if_version = second.if_version = view_of(rig, 0)->version;
    admin_run(rig, 0, &first);
    admin_run(rig, 0, &second);
    assert_int_equal(LINE_OK, first.outcome);
    assert_int_equal(LINE_CONFLICT, second.outcome);
    assert_int_equal(first.version, second.version);
}

static void a_move_from_a_state_that_is_no_more_is_refused(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    struct line_admin admin = admin_begin(LINE_TRANSITION);
    admin.from = LINE_PAUSED;
    admin.to = LINE_OPEN;
    admin_run(rig, 0, &admin);
    assert_int_equal(LINE_WRONG_STATE, admin.outcome);
    assert_int_equal(LINE_OPEN, admin.state);
}

static void an_event_is_created_once(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    struct line_admin admin = admin_begin(LINE_CREATE);
    admin.doc = SPAN("{\"id\":\"gala-2027\",\"name\":\"other\"}");
    admin_run(rig, 0, &admin);
    assert_int_equal(LINE_SAME, admin.outcome);
    assert_int_equal(LINE_OPEN, admin.state);
    assert_span(view_of(rig, 0)->doc, "{\"id\":\"gala-2027\"}");
}

static void the_audit_trail_tells_who_and_when_newest_first(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    struct line_admin admin = admin_begin(LINE_AUDIT);
    admin.limit = 1;
    struct admin_answer answer = admin_run(rig, 0, &admin);
    assert_int_equal(LINE_OK, admin.outcome);
    assert_true(strncmp(answer.reply, "[{\"at\":\"20", 10) == 0);
    assert_non_null(strstr(answer.reply, "\"version\":2,\"who\":\"test\",\"why\":\"to see\"}]"));
}

static void the_series_tells_how_the_line_went(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    struct line_admin admin = admin_begin(LINE_SERIES);
    struct admin_answer answer = admin_run(rig, 0, &admin);
    assert_int_equal(LINE_OK, admin.outcome);
    assert_non_null(strstr(answer.reply, "\"issued\":0,\"serving\":0,"));
    assert_non_null(strstr(answer.reply, "\"rate_per_s\":1000,\"show_up\":"));
}

/* ---- bad luck ---- */

static uint64_t heals_of(struct rig *rig, int which)
{
    return atomic_load(&line_store_stats(rig->store[which])->heals);
}

static void await_healed(struct rig *rig, int which)
{
    AWAIT(rig, heals_of(rig, which) > 0 && line_store_ready(rig->store[which]) &&
                   !view_of(rig, which)->stale);
}

/* A process that stood still reads what visitors ask before its timers are due. */
static void a_picture_is_stale_to_whoever_looks_too_late(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    AWAIT(rig, !view_of(rig, 0)->stale);
    const struct line_view *view = view_of(rig, 0);
    line_store_look(rig->store[0], view, view->asked_us + STORE_STALE_MS * 1000);
    assert_false(view->stale);
    line_store_look(rig->store[0], view, view->asked_us + STORE_STALE_MS * 1000 + 1);
    assert_true(view->stale);
    assert_false(rig->watcher[0].stale_seen); /* never from within the call */
    AWAIT(rig, rig->watcher[0].stale_seen);
    AWAIT(rig, !view->stale && !rig->watcher[0].stale_seen);
}

static void a_paused_redis_is_answered_for_within_the_deadline(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    uint64_t place = join_once(rig, 0, event_id, NULL).entry;
    AWAIT(rig, view_of(rig, 0)->serving == place);
    kill(rig->server.pid, SIGSTOP);
    uint64_t start_us = clock_mono_us(clock_system());
    assert_int_equal(LINE_UNAVAILABLE, join_once(rig, 0, event_id, NULL).outcome);
    /* The deadline, and room for a machine that does other things besides. */
    assert_true(clock_mono_us(clock_system()) - start_us < (STORE_DEADLINE_MS + 5000) * 1000);
    struct line_visit pass = visit_once(rig, 0, LINE_PASS, place);
    assert_int_equal(LINE_UNAVAILABLE, pass.outcome);
    assert_true(pass.retry_after_ms > 0);
    AWAIT(rig, view_of(rig, 0)->stale);
    assert_int_equal(place, view_of(rig, 0)->serving); /* told from memory */
    assert_false(line_store_ready(rig->store[0]));

    kill(rig->server.pid, SIGCONT);
    AWAIT(rig, line_store_ready(rig->store[0]) && !view_of(rig, 0)->stale);
    assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_PASS, place).outcome);
    assert_true(atomic_load(&line_store_stats(rig->store[0])->timeouts) > 0);
    assert_true(atomic_load(&line_store_stats(rig->store[0])->reconnects) > 0);
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
        line_store_join(rig->store[0], &joins[i]);
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
    open_store(rig, 0);
    assert_int_equal(LINE_UNAVAILABLE, join_once(rig, 0, event_id, NULL).outcome);
    redis_server_start(&rig->server);
    open_event(rig, &fast);
    assert_int_equal(LINE_OK, join_once(rig, 0, event_id, NULL).outcome);
}

/* Joins, and sees whether any script has travelled as a text meanwhile. A script that is rarely
 * asked, such as the one for the list of events, may still travel as a text then. */
static bool joins_by_name(struct rig *rig)
{
    redis_server_ask(&rig->server, "CONFIG RESETSTAT");
    assert_int_equal(LINE_OK, join_once(rig, 0, event_id, NULL).outcome);
    return redis_server_ask(&rig->server, "EVAL %s 0",
                            "return string.find(redis.call('INFO', 'commandstats'), "
                            "'cmdstat_eval:') and 1 or 0") == 0;
}

static void scripts_that_redis_forgot_are_taught_again(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    redis_server_ask(&rig->server, "SCRIPT FLUSH");
    struct line_join join = join_once(rig, 0, event_id, NULL);
    assert_int_equal(LINE_OK, join.outcome);
    AWAIT(rig, view_of(rig, 0)->serving == join.entry);
    redis_server_ask(&rig->server, "SCRIPT FLUSH");
    assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_PASS, join.entry).outcome);
    redis_server_ask(&rig->server, "SCRIPT FLUSH");
    move(rig, 0, LINE_OPEN, LINE_PAUSED);
    /* And from then on they travel by their names again. */
    AWAIT(rig, view_of(rig, 0)->state == LINE_PAUSED);
    AWAIT(rig, joins_by_name(rig));
}

static void a_redis_that_restarts_with_its_data_is_healed_and_goes_on(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    uint64_t place = join_once(rig, 0, event_id, NULL).entry;
    AWAIT(rig, view_of(rig, 0)->serving == place);
    redis_server_kill(&rig->server);
    redis_server_start(&rig->server);
    await_healed(rig, 0);
    assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_PASS, place).outcome);
    assert_true(join_once(rig, 0, event_id, NULL).entry > place);
    assert_false(rig->serving_fell);
}

enum { HOUR_MS = 3600000 };

/* That one has ended, an hour passes as far as anybody can tell, and another one starts. */
static void start_other(struct rig *rig, int one, int other)
{
    uint64_t ended_ms = view_of(rig, one)->redis_ms;
    close_store(rig, one);
    redis_server_ask(&rig->server, "HINCRBY fg:{gala-2027}:cfg clock_off_us 3600000000");
    open_store(rig, other);
    AWAIT(rig, line_store_ready(rig->store[other]) && view_of(rig, other) != NULL);
    assert_true(view_of(rig, other)->redis_ms >= ended_ms + HOUR_MS);
}

static void a_front_that_starts_alone_believes_a_clock_that_may_have_jumped(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    start_other(rig, 0, 1);
    assert_int_equal(0, heals_of(rig, 1));
    redis_server_kill(&rig->server);
    redis_server_start(&rig->server);
    start_other(rig, 1, 0); /* and has to make the line whole */
    assert_int_equal(1, heals_of(rig, 0));
}

static void closing_answers_what_is_open(void **state)
{
    struct rig *rig = *state;
    static struct crowd crowd;
    start_one(rig);
    crowd_join(rig, &crowd, 600); /* none is sent yet */
    close_store(rig, 0);
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
    close_store(rig, 0);
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
    AWAIT(rig, rig->store[0] == NULL);
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
    close_store(closer->rig, 0);
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
    join_once(rig, 0, event_id, NULL);
    kill(rig->server.pid, SIGSTOP); /* so that both answers come in one turn */
    line_store_visit(rig->store[0], &visit);
    line_store_join(rig->store[0], &join);
    uv_run(&rig->loop, UV_RUN_NOWAIT);
    uv_run(&rig->loop, UV_RUN_NOWAIT);
    kill(rig->server.pid, SIGCONT);
    AWAIT(rig, rig->store[0] == NULL);
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
        line_store_join(rig->store[0], &joins[i]);
    }
    AWAIT(rig, rig->store[0] == NULL);
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
    assert_int_equal(1, join_once(rig, 0, event_id, NULL).entry);
}

static void a_wrong_password_is_no_crash_and_no_connection(void **state)
{
    struct rig *rig = *state;
    rig->server.password = "right";
    redis_server_start(&rig->server);
    rig->server.password = "wrong";
    open_store(rig, 0);
    for (int i = 0; i < 40; i++)
        uv_run(&rig->loop, UV_RUN_ONCE);
    assert_false(line_store_ready(rig->store[0]));
    assert_int_equal(LINE_UNAVAILABLE, join_once(rig, 0, event_id, NULL).outcome);
}

/* ---- everything lost ---- */

enum { LOAD_MAX = 1000000 };

struct load {
    struct rig *rig;
    struct line_join join;
    int which;
    bool running;
    uint64_t *places; /* told to somebody, by all loads together */
    unsigned *count;
};

static void load_next(struct load *load);

static void on_load_join(struct line_join *join)
{
    struct load *load = join->ctx;
    if (join->outcome == LINE_OK) {
        assert_true(*load->count < LOAD_MAX);
        load->places[(*load->count)++] = join->entry;
    }
    if (load->running)
        load_next(load);
}

static void load_next(struct load *load)
{
    load->join = (struct line_join){.on_done = on_load_join, .ctx = load};
    strcpy(load->join.event, event_id);
    line_store_join(load->rig->store[load->which], &load->join);
}

static uint64_t highest_of(const uint64_t *places, unsigned count)
{
    uint64_t highest = 0;
    for (unsigned i = 0; i < count; i++)
        highest = places[i] > highest ? places[i] : highest;
    return highest;
}

static int compare_places(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static void a_wiped_redis_under_load_gives_no_place_twice_and_loses_none(void **state)
{
    enum { LOADS = 20 };
    struct rig *rig = *state;
    static struct load loads[LOADS];
    static uint64_t places[LOAD_MAX];
    unsigned count = 0;
    struct line_knobs knobs = fast;
    knobs.rate_milli = 100000;
    redis_server_start(&rig->server);
    open_store(rig, 0);
    open_event(rig, &knobs);
    open_store(rig, 1);
    AWAIT(rig, view_of(rig, 1) != NULL && line_store_ready(rig->store[1]));
    for (int i = 0; i < LOADS; i++) {
        loads[i] = (struct load){
            .rig = rig, .which = i % 2, .running = true, .places = places, .count = &count};
        load_next(&loads[i]);
    }
    AWAIT(rig, count > 100 && rig->watcher[0].serving_seen > 0);
    unsigned before = count;
    uint64_t serving = rig->watcher[0].serving_seen;

    redis_server_kill(&rig->server); /* while calls of both stores are under way */
    redis_server_wipe(&rig->server);
    run_for(rig, 100);
    redis_server_start(&rig->server);
    await_healed(rig, 0);
    await_healed(rig, 1);
    AWAIT(rig, count > before + 100);
    for (int i = 0; i < LOADS; i++)
        loads[i].running = false;
    AWAIT(rig, highest_of(places, count) <= view_of(rig, 0)->issued);

    qsort(places, count, sizeof(places[0]), compare_places);
    for (unsigned i = 1; i < count; i++)
        assert_true(places[i - 1] < places[i]); /* no place twice */
    assert_false(rig->serving_fell);
    assert_true(rig->watcher[1].serving_seen >= serving);
    assert_span(view_of(rig, 1)->doc, "{\"id\":\"gala-2027\"}");
    assert_int_equal(100000, view_of(rig, 1)->knobs.rate_milli);
    /* Those called before may still come. */
    assert_int_equal(LINE_OK, visit_once(rig, 1, LINE_PASS, serving).outcome);
    assert_int_equal(1, redis_server_ask(&rig->server, "SISMEMBER fg:events %s", event_id));
}

static void places_told_since_the_last_tick_are_not_told_again_after_a_wipe(void **state)
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
        join = join_once(rig, 0, event_id, NULL);
    while (join.outcome != LINE_OK);
    assert_true(join.entry > COUNT);
}

/* One store, and a line of `joins` people of whom `called` are. */
static void start_line(struct rig *rig, const struct line_knobs *knobs, int joins, uint64_t called)
{
    redis_server_start(&rig->server);
    open_store(rig, 0);
    open_event(rig, knobs);
    for (int i = 0; i < joins; i++)
        join_once(rig, 0, event_id, NULL);
    AWAIT(rig, view_of(rig, 0)->serving == called);
}

static void after_a_wipe_sessions_keep_their_slots_and_nobody_takes_them(void **state)
{
    struct rig *rig = *state;
    struct line_knobs knobs = fast;
    knobs.max_active = 3;
    start_line(rig, &knobs, 6, 3);
    for (uint64_t place = 1; place <= 3; place++)
        assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_PASS, place).outcome);
    AWAIT(rig, view_of(rig, 0)->active == 3);
    redis_server_kill(&rig->server);
    redis_server_wipe(&rig->server);
    redis_server_start(&rig->server);
    await_healed(rig, 0);
    assert_int_equal(3, view_of(rig, 0)->active);
    assert_int_equal(3, view_of(rig, 0)->serving);
    assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_HEARTBEAT, 1).outcome);
    assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_HEARTBEAT, 2).outcome);
    assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_HEARTBEAT, 3).outcome);
    run_for(rig, 5 * TICK_MS);
    assert_int_equal(3, view_of(rig, 0)->active);
    assert_int_equal(3, view_of(rig, 0)->serving);
    assert_int_equal(LINE_EXPIRED, visit_once(rig, 0, LINE_HEARTBEAT, 4).outcome);
    assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_END, 2).outcome);
    AWAIT(rig, view_of(rig, 0)->serving == 4);
}

static void change(struct rig *rig, const struct line_knobs *knobs)
{
    struct line_admin admin = admin_begin(LINE_CHANGE);
    admin.doc = SPAN("{\"id\":\"gala-2027\"}");
    admin.knobs = *knobs;
    admin_run(rig, 0, &admin);
    assert_int_equal(LINE_OK, admin.outcome);
}

static void lose_everything(struct rig *rig)
{
    uint64_t heals = heals_of(rig, 0);
    redis_server_kill(&rig->server);
    redis_server_wipe(&rig->server);
    redis_server_start(&rig->server);
    AWAIT(rig,
          heals_of(rig, 0) > heals && line_store_ready(rig->store[0]) && !view_of(rig, 0)->stale);
}

/* The end of a visit is told again after Redis has forgotten it, as is one whose answer was lost.
 * The other sessions are forgotten as well, and keep their slots. */
static void after_a_wipe_a_visit_that_was_over_frees_no_slot_and_does_not_begin_again(void **state)
{
    struct rig *rig = *state;
    struct line_knobs knobs = fast;
    knobs.max_active = 2;
    start_line(rig, &knobs, 5, 2);
    for (uint64_t place = 1; place <= 2; place++) {
        assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_PASS, place).outcome);
        assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_END, place).outcome);
    }
    AWAIT(rig, view_of(rig, 0)->serving == 4);
    for (uint64_t place = 3; place <= 4; place++)
        assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_PASS, place).outcome);
    AWAIT(rig, view_of(rig, 0)->active == 2);
    lose_everything(rig);
    assert_int_equal(2, view_of(rig, 0)->active);
    assert_int_equal(LINE_SAME, visit_once(rig, 0, LINE_END, 1).outcome);
    assert_int_equal(LINE_SAME, visit_once(rig, 0, LINE_LEAVE, 2).outcome);
    struct line_visit again = visit_once(rig, 0, LINE_PASS, 1);
    assert_int_equal(LINE_GONE, again.outcome);
    assert_int_equal(TURN_ENDED, again.turn);
    assert_int_equal(LINE_GONE, visit_once(rig, 0, LINE_HEARTBEAT, 1).outcome);
    run_for(rig, 5 * TICK_MS);
    assert_int_equal(2, view_of(rig, 0)->active);
    assert_int_equal(4, view_of(rig, 0)->serving);
    assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_HEARTBEAT, 3).outcome);
    assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_END, 4).outcome);
    AWAIT(rig, view_of(rig, 0)->serving == 5);
}

/* Visits are shorter since, so no newer promise is as late. */
static void after_a_wipe_slots_are_kept_until_the_latest_time_that_was_promised(void **state)
{
    struct rig *rig = *state;
    struct line_knobs shorter = fast;
    shorter.session_ttl_ms = 1000;
    start_line(rig, &fast, 2, 2);
    assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_PASS, 1).outcome);
    struct line_visit late = visit_once(rig, 0, LINE_PASS, 2);
    change(rig, &shorter);
    AWAIT(rig, view_of(rig, 0)->knobs.session_ttl_ms == 1000);
    lose_everything(rig);
    long long until_ms = redis_server_ask(&rig->server, "EVAL %s 0",
                                          "return tonumber(redis.call("
                                          "'HGET', 'fg:{gala-2027}:bucket', 'phantom_until_ms'))");
    assert_int_equal(late.expires_ms, until_ms);
}

/* A pass is longer than its visit, if that is ended. No tick has told of it: the store that ended
 * it knows. */
static void after_a_wipe_a_visit_that_was_ended_is_not_begun_again_by_its_pass(void **state)
{
    struct rig *rig = *state;
    rig->tick_ms = 1500;
    redis_server_start(&rig->server);
    open_store(rig, 0);
    open_event(rig, &fast);
    assert_int_equal(1, join_once(rig, 0, event_id, NULL).entry);
    AWAIT(rig, view_of(rig, 0)->serving == 1);
    struct line_visit inside = visit_once(rig, 0, LINE_PASS, 1);
    assert_int_equal(LINE_OK, inside.outcome);
    assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_LEAVE, 1).outcome);
    lose_everything(rig);
    const struct line_visit beat = {.call = LINE_HEARTBEAT,
                                    .place = 1,
                                    .told_ms = inside.expires_ms,
                                    .ends_ms = inside.ends_ms};
    assert_int_equal(LINE_GONE, visit_as(rig, 0, event_id, beat).outcome);
}

/* Another store ended these visits, and no tick will tell of that. */
static void after_a_wipe_a_visit_is_over_that_an_answer_said_had_been_ended(void **state)
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
        join_once(rig, 0, event_id, NULL);
    AWAIT(rig, view_of(rig, 0)->serving == PLACES);
    for (uint64_t i = 0; i < PLACES; i++) {
        inside[i] = visit_once(rig, 0, LINE_PASS, i + 1);
        assert_int_equal(LINE_OK, inside[i].outcome);
        assert_int_equal(
            1, redis_server_ask(&rig->server, "ZREM fg:{gala-2027}:active %" PRIu64, i + 1));
        assert_int_equal(
            0, redis_server_ask(&rig->server, "SETBIT fg:{gala-2027}:ended %" PRIu64 " 1", i + 1));
        assert_int_equal(asked[i].outcome, visit_once(rig, 0, asked[i].call, i + 1).outcome);
    }
    lose_everything(rig);
    for (uint64_t i = 0; i < PLACES; i++) {
        const struct line_visit beat = {.call = LINE_HEARTBEAT,
                                        .place = i + 1,
                                        .told_ms = inside[i].expires_ms,
                                        .ends_ms = inside[i].ends_ms};
        assert_int_equal(LINE_GONE, visit_as(rig, 0, event_id, beat).outcome);
    }
}

/* ... nor that the order of this one is through. */
static void after_a_wipe_an_order_is_through_that_the_answer_to_another_end_said_was(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    join_once(rig, 0, event_id, NULL);
    AWAIT(rig, view_of(rig, 0)->serving == 1);
    assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_PASS, 1).outcome);
    assert_int_equal(1, redis_server_ask(&rig->server, "ZREM fg:{gala-2027}:active 1"));
    assert_int_equal(0, redis_server_ask(&rig->server, "SETBIT fg:{gala-2027}:ended 1 1"));
    assert_int_equal(0, redis_server_ask(&rig->server, "SETBIT fg:{gala-2027}:done 1 1"));
    assert_int_equal(LINE_SAME, visit_once(rig, 0, LINE_END, 1).outcome);
    lose_everything(rig);
    struct line_visit again = visit_once(rig, 0, LINE_PASS, 1);
    assert_int_equal(LINE_GONE, again.outcome);
    assert_int_equal(TURN_DONE, again.turn);
}

/* The visit had been ended before its order was through, and Redis lost no more than that order. */
static void after_a_rollback_an_order_is_through_whose_visit_redis_still_has_as_ended(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    join_once(rig, 0, event_id, NULL);
    AWAIT(rig, view_of(rig, 0)->serving == 1);
    assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_PASS, 1).outcome);
    assert_int_equal(TURN_ENDED, visit_once(rig, 0, LINE_END, 1).turn);
    assert_int_equal(TURN_DONE, visit_once(rig, 0, LINE_DONE, 1).turn);
    assert_int_equal(1, redis_server_ask(&rig->server, "SETBIT fg:{gala-2027}:done 1 0"));
    struct line_visit again = visit_once(rig, 0, LINE_PASS, 1);
    assert_int_equal(LINE_GONE, again.outcome);
    assert_int_equal(TURN_DONE, again.turn);
    assert_int_equal(1, redis_server_ask(&rig->server, "GETBIT fg:{gala-2027}:done 1"));
}

/* So long, and so often: the store tells Redis what it knows. */
static void after_a_wipe_a_call_is_as_long_as_was_told(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    assert_int_equal(1, join_once(rig, 0, event_id, NULL).entry);
    AWAIT(rig, view_of(rig, 0)->serving == 1);
    struct line_visit told = {0};
    for (unsigned times = 1; times <= 3; times++) {
        told = visit_once(rig, 0, LINE_EXTEND, 1);
        assert_int_equal(LINE_OK, told.outcome);
        assert_int_equal(times, told.times);
    }
    lose_everything(rig);
    struct line_visit again = visit_once(rig, 0, LINE_EXTEND, 1);
    assert_int_equal(LINE_OK, again.outcome);
    assert_int_equal(4, again.times);
    assert_int_equal(told.expires_ms + fast.call_ttl_ms, again.expires_ms);
}

/* Ticks are slow here, and one after the pass would only tell of it. */
static void after_a_wipe_a_session_of_a_lane_that_no_tick_has_told_keeps_its_slot(void **state)
{
    struct rig *rig = *state;
    struct line_knobs knobs = fast;
    knobs.max_active = 3;
    knobs.shares = 30;
    rig->tick_ms = 1500;
    redis_server_start(&rig->server);
    open_store(rig, 0);
    open_event(rig, &knobs);
    AWAIT(rig, line_store_view(rig->store[0], SPAN("gala-2027@1")) != NULL);
    assert_int_equal(LINE_OK, join_once(rig, 0, "gala-2027@1", NULL).outcome);
    do
        change(rig, &knobs);
    while (redis_server_ask(&rig->server, "ZCARD fg:{gala-2027}:@1:hist") != 1);
    assert_int_equal(LINE_OK, visit_to(rig, 0, "gala-2027@1", LINE_PASS, 1).outcome);
    lose_everything(rig);
    assert_int_equal(1, view_of(rig, 0)->active);
}

static void a_front_that_saw_more_raises_a_redis_that_was_rolled_back(void **state)
{
    struct rig *rig = *state;
    start_one(rig);
    for (int i = 0; i < 5; i++)
        join_once(rig, 0, event_id, NULL);
    AWAIT(rig, view_of(rig, 0)->serving == 5);
    redis_server_ask(&rig->server, "MSET fg:{gala-2027}:seq 2 fg:{gala-2027}:serving 1");
    struct line_join join = {0};
    do
        join = join_once(rig, 0, event_id, NULL);
    while (join.outcome == LINE_UNAVAILABLE);
    assert_true(join.entry > 5);
    AWAIT(rig, !view_of(rig, 0)->stale);
    assert_false(rig->serving_fell);
    assert_true(atomic_load(&line_store_stats(rig->store[0])->heals) > 0);
}

/* ---- the gap that a heal leaves out ---- */

static uint64_t ahead_of(struct rig *rig, uint64_t place)
{
    const struct line_view *view = view_of(rig, 0);
    return place_at(view, place, view->redis_ms).ahead;
}

/* A rush of joins, so that the gap is wide; all of them have left. Answers how many there were. */
static uint64_t rush_and_leave(struct rig *rig)
{
    enum { RUSH = 300 };
    static struct crowd crowd;
    struct line_knobs knobs = fast;
    knobs.rate_milli = 100000000;
    knobs.burst = 1000;
    redis_server_start(&rig->server);
    open_store(rig, 0);
    open_event(rig, &knobs);
    crowd_join(rig, &crowd, RUSH);
    AWAIT(rig, crowd.done == RUSH && view_of(rig, 0)->serving == RUSH);
    for (uint64_t place = 1; place <= RUSH; place++)
        assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_LEAVE, place).outcome);
    AWAIT(rig, view_of(rig, 0)->outstanding == 0);
    return RUSH;
}

/* A slow line with a small hall, in which nobody waits but for the gap. Answers its last place. */
static uint64_t slow_line_with_a_gap(struct rig *rig, uint64_t *first)
{
    uint64_t issued = rush_and_leave(rig);
    struct line_knobs knobs = fast;
    knobs.rate_milli = 100000;
    knobs.burst = 100;
    knobs.max_active = 100;
    knobs.call_ttl_ms = 120000;
    change(rig, &knobs);
    move(rig, 0, LINE_OPEN, LINE_PAUSED);
    AWAIT(rig, view_of(rig, 0)->state == LINE_PAUSED); /* or nobody knows it after the loss */
    lose_everything(rig);
    *first = issued + 1;
    assert_int_equal(issued, view_of(rig, 0)->serving);
    assert_true(view_of(rig, 0)->issued >= issued + HEAL_GAP_MIN);
    return view_of(rig, 0)->issued;
}

static void
who_joins_behind_a_gap_is_told_the_people_ahead_and_called_as_if_it_were_not(void **state)
{
    enum { NEWCOMERS = 40 };
    struct rig *rig = *state;
    uint64_t first, last = slow_line_with_a_gap(rig, &first);
    assert_int_equal(0, view_of(rig, 0)->waiting);
    for (uint64_t i = 0; i < NEWCOMERS; i++) {
        assert_int_equal(last + 1 + i, join_once(rig, 0, event_id, NULL).entry);
        assert_int_equal(i, ahead_of(rig, last + 1 + i));
    }
    uint64_t no_shows = view_of(rig, 0)->no_shows;
    move(rig, 0, LINE_PAUSED, LINE_OPEN);
    AWAIT(rig, view_of(rig, 0)->serving == last + NEWCOMERS);
    /* Not a slot, nor a call that nobody answered. */
    assert_int_equal(NEWCOMERS, view_of(rig, 0)->outstanding);
    assert_int_equal(no_shows, view_of(rig, 0)->no_shows);
    assert_int_equal(1000, view_of(rig, 0)->show_up_milli);
    assert_int_equal(0, view_of(rig, 0)->waiting);
    assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_PASS, last + NEWCOMERS).outcome);
}

static void a_ticket_of_the_gap_is_honoured_before_and_after_it_was_stepped_over(void **state)
{
    struct rig *rig = *state;
    uint64_t first, last = slow_line_with_a_gap(rig, &first);
    uint64_t newcomer = join_once(rig, 0, event_id, NULL).entry;
    assert_int_equal(last + 1, newcomer);
    /* One is heard of by a poll, one by what they ask for, one leaves. */
    AWAIT(rig, (heard_mark(view_of(rig, 0)->heard, first + 4), view_of(rig, 0)->waiting == 2));
    assert_int_equal(LINE_NOT_YET, visit_once(rig, 0, LINE_PASS, first + 9).outcome);
    AWAIT(rig, view_of(rig, 0)->waiting == 3);
    assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_LEAVE, first + 11).outcome);
    assert_int_equal(LINE_SAME, visit_once(rig, 0, LINE_LEAVE, first + 11).outcome);
    heard_mark(view_of(rig, 0)->heard, first + 9);
    AWAIT(rig, ahead_of(rig, newcomer) == 2);
    assert_int_equal(3, view_of(rig, 0)->waiting);

    move(rig, 0, LINE_PAUSED, LINE_OPEN);
    AWAIT(rig, view_of(rig, 0)->serving == newcomer);
    assert_int_equal(3, view_of(rig, 0)->outstanding);
    assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_PASS, first + 4).outcome);
    assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_PASS, first + 9).outcome);
    assert_int_equal(LINE_GONE, visit_once(rig, 0, LINE_PASS, first + 11).outcome);
    /* And one whom nobody had heard of: next, for a token of their own. */
    struct line_visit pass;
    do
        pass = visit_once(rig, 0, LINE_PASS, first + 20);
    while (pass.outcome == LINE_NOT_YET);
    assert_int_equal(LINE_OK, pass.outcome);
    AWAIT(rig, view_of(rig, 0)->admitted == 3 && view_of(rig, 0)->outstanding == 1);
}

static void gaps_of_losses_that_follow_each_other_are_all_nobodys(void **state)
{
    struct rig *rig = *state;
    uint64_t first, last = slow_line_with_a_gap(rig, &first);
    lose_everything(rig);
    uint64_t between = join_once(rig, 0, event_id, NULL).entry;
    assert_true(between > last);
    assert_int_equal(0, ahead_of(rig, between));
    AWAIT(rig, view_of(rig, 0)->issued == between);
    lose_everything(rig); /* a fresh Redis, which is told of all gaps */
    uint64_t newcomer = join_once(rig, 0, event_id, NULL).entry;
    assert_true(newcomer > between);
    assert_int_equal(1, ahead_of(rig, newcomer));
    AWAIT(rig, view_of(rig, 0)->waiting == 2);
    assert_true(redis_server_ask(&rig->server, "GET fg:{%s}:gaps", event_id) < 32); /* two */
    move(rig, 0, LINE_PAUSED, LINE_OPEN);
    AWAIT(rig, view_of(rig, 0)->serving == newcomer);
    assert_int_equal(2, view_of(rig, 0)->outstanding);
    assert_int_equal(0, redis_server_ask(&rig->server, "EXISTS fg:{%s}:gaps", event_id));
}

/* ---- ghosts ---- */

enum { GHOST_LINE = 100, GONE_AFTER_MS = 1500 };

/* A paused line of a hundred; `rate` goes on once it is resumed. */
static void start_paused(struct rig *rig, int stores, uint64_t rate_milli)
{
    struct line_knobs knobs = fast;
    knobs.rate_milli = rate_milli;
    knobs.burst = 1;
    rig->gone_after_ms = GONE_AFTER_MS;
    redis_server_start(&rig->server);
    for (int i = 0; i < stores; i++)
        open_store(rig, i);
    open_event(rig, &knobs);
    move(rig, 0, LINE_OPEN, LINE_PAUSED);
    for (int i = 0; i < GHOST_LINE; i++)
        join_once(rig, 0, event_id, NULL);
    for (int i = 0; i < stores; i++)
        AWAIT(rig, view_of(rig, i) != NULL && view_of(rig, i)->issued == GHOST_LINE);
}

static bool shows_half(struct rig *rig, int which)
{
    const struct line_view *view = view_of(rig, which);
    return ghosts_before(view->ghosts, view->serving, GHOST_LINE + 1) >= GHOST_LINE / 2;
}

/* All odd places poll at this front. */
static bool odd_poll(struct rig *rig, int which)
{
    for (uint64_t place = 1; place <= GHOST_LINE; place += 2)
        heard_mark(view_of(rig, which)->heard, place);
    return true;
}

static void ghosts_are_stepped_over_without_a_token_and_enter_next_when_they_return(void **state)
{
    struct rig *rig = *state;
    start_paused(rig, 1, 20000);
    assert_int_equal(GHOST_LINE, view_of(rig, 0)->waiting);
    AWAIT(rig, odd_poll(rig, 0) && view_of(rig, 0)->waiting == GHOST_LINE / 2);

    uint64_t began_us = clock_mono_us(clock_system()), took_ms = 0;
    bool further = false; /* than by a token for each, ghosts too */
    move(rig, 0, LINE_PAUSED, LINE_OPEN);
    while (view_of(rig, 0)->serving < GHOST_LINE - 1) {
        odd_poll(rig, 0);
        uv_run(&rig->loop, UV_RUN_ONCE);
        const struct line_view *view = view_of(rig, 0);
        took_ms = (clock_mono_us(clock_system()) - began_us) / 1000;
        uint64_t tokens = 1 + 20 * (took_ms + 250) / 1000;
        assert_true(view->serving - view->skipped <= tokens);
        further = further || view->serving > tokens;
    }
    assert_true(further || took_ms > 4500); /* a machine as slow as that shows nothing */
    assert_in_range(view_of(rig, 0)->skipped, GHOST_LINE / 2 - 1, GHOST_LINE / 2);
    assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_PASS, 1).outcome);

    /* Two ghosts come back: each pays a token of its own, and neither goes to the end. */
    unsigned entered = 0;
    for (uint64_t place = 2; place <= 4; place += 2) {
        struct line_visit pass;
        do {
            pass = visit_once(rig, 0, LINE_PASS, place);
            assert_true(pass.outcome == LINE_OK || pass.outcome == LINE_NOT_YET);
        } while (pass.outcome == LINE_NOT_YET);
        assert_int_equal(LINE_SAME, visit_once(rig, 0, LINE_PASS, place).outcome);
        entered++;
    }
    AWAIT(rig, view_of(rig, 0)->admitted == 1 + entered);
    AWAIT(rig, view_of(rig, 0)->outstanding == GHOST_LINE / 2 - 1);
    /* One that leaves instead is no call that was ever open. */
    assert_int_equal(LINE_OK, visit_once(rig, 0, LINE_LEAVE, 6).outcome);
    run_for(rig, 100);
    assert_int_equal(GHOST_LINE / 2 - 1, view_of(rig, 0)->outstanding);
}

static void whoever_is_heard_by_any_front_is_there_and_counts_once(void **state)
{
    struct rig *rig = *state;
    start_paused(rig, 2, 1000);
    AWAIT(rig, odd_poll(rig, 0) && odd_poll(rig, 1) &&
                   (heard_mark(view_of(rig, 1)->heard, 2), true) &&
                   view_of(rig, 0)->waiting == GHOST_LINE / 2 + 1 &&
                   view_of(rig, 1)->waiting == GHOST_LINE / 2 + 1);
}

/* How often it has changed who is away. */
static long long away_changes(struct rig *rig)
{
    return redis_server_ask(&rig->server, "EVAL %s 1 fg:{gala-2027}:bucket",
                            "return tonumber(redis.call('HGET', KEYS[1], 'away_seq') or 0)");
}

static void a_front_that_leaves_tells_what_it_has_heard_and_is_not_waited_for(void **state)
{
    struct rig *rig = *state;
    start_paused(rig, 2, 1000000);
    AWAIT(rig, odd_poll(rig, 0) && view_of(rig, 0)->waiting == GHOST_LINE / 2);
    long long before = away_changes(rig);
    heard_mark(view_of(rig, 1)->heard, 2); /* its last word */
    close_store(rig, 1);
    AWAIT(rig, odd_poll(rig, 0) && away_changes(rig) > before);
    AWAIT(rig, redis_server_ask(&rig->server, "ZCARD fg:{gala-2027}:tellers") == 1);
    while (view_of(rig, 0)->waiting != GHOST_LINE / 2) { /* it was heard only once */
        odd_poll(rig, 0);
        uv_run(&rig->loop, UV_RUN_ONCE);
        assert_in_range(view_of(rig, 0)->waiting, GHOST_LINE / 2, GHOST_LINE / 2 + 1);
    }
    move(rig, 0, LINE_PAUSED, LINE_OPEN);
    AWAIT(rig, odd_poll(rig, 0) && view_of(rig, 0)->serving >= GHOST_LINE - 1);
    assert_in_range(view_of(rig, 0)->skipped, GHOST_LINE / 2 - 1, GHOST_LINE / 2);
}

static void whoever_is_a_ghost_stays_one_when_a_front_dies(void **state)
{
    struct rig *rig = *state;
    start_paused(rig, 1, 1000000);
    AWAIT(rig, odd_poll(rig, 0) && view_of(rig, 0)->waiting == GHOST_LINE / 2);
    /* One that called a moment ago and will not call again. */
    static const char dead[] = "local now, line = redis.call('TIME'), 'fg:{gala-2027}:' "
                               "redis.call('ZADD', line .. 'contacts', now[1] * 1000, 'dead') "
                               "return redis.call('ZADD', line .. 'tellers', 1, 'dead')";
    assert_int_equal(1, redis_server_ask(&rig->server, "EVAL %s 0", dead));
    uint64_t began_ms = view_of(rig, 0)->redis_ms;
    while (view_of(rig, 0)->redis_ms < began_ms + 4 * GONE_AFTER_MS) {
        odd_poll(rig, 0);
        uv_run(&rig->loop, UV_RUN_ONCE);
        assert_int_equal(GHOST_LINE / 2, view_of(rig, 0)->waiting);
    }
    AWAIT(rig, redis_server_ask(&rig->server, "ZCARD fg:{gala-2027}:tellers") == 1);
}

static void a_redis_that_stalled_makes_no_ghosts(void **state)
{
    struct rig *rig = *state;
    start_paused(rig, 1, 1000000);
    AWAIT(rig, odd_poll(rig, 0) && view_of(rig, 0)->waiting == GHOST_LINE / 2);
    redis_server_kill(&rig->server);
    AWAIT(rig, view_of(rig, 0)->stale);
    redis_server_start(&rig->server);
    /* Nobody could be heard for longer than an epoch, perhaps. Of what the kill has cost Redis this
     * front knows who was away; until it has said so, more are taken to be there, never fewer. */
    AWAIT(rig, odd_poll(rig, 0) && !view_of(rig, 0)->stale);
    uint64_t began_ms = view_of(rig, 0)->redis_ms;
    while (view_of(rig, 0)->redis_ms < began_ms + 3 * GONE_AFTER_MS ||
           view_of(rig, 0)->waiting != GHOST_LINE / 2) { /* nor people of the gap */
        assert_true(view_of(rig, 0)->redis_ms < began_ms + 30 * GONE_AFTER_MS);
        assert_true(view_of(rig, 0)->waiting >= GHOST_LINE / 2);
        odd_poll(rig, 0);
        uv_run(&rig->loop, UV_RUN_ONCE);
    }
}

/* Whoever waits has been told how many are ahead, and is not told more. */
static void whoever_is_away_is_away_after_a_wipe(void **state)
{
    struct rig *rig = *state;
    start_paused(rig, 2, 1000000);
    AWAIT(rig, odd_poll(rig, 0) && shows_half(rig, 0) && shows_half(rig, 1));
    redis_server_kill(&rig->server);
    redis_server_wipe(&rig->server);
    AWAIT(rig, view_of(rig, 0)->stale && view_of(rig, 1)->stale);
    redis_server_start(&rig->server);
    do {
        odd_poll(rig, 0);
        uv_run(&rig->loop, UV_RUN_ONCE);
        assert_true(shows_half(rig, 0) && shows_half(rig, 1));
    } while (view_of(rig, 0)->stale || view_of(rig, 1)->stale ||
             view_of(rig, 0)->waiting != GHOST_LINE / 2);
    heard_mark(view_of(rig, 1)->heard, 2); /* back, as any ghost */
    AWAIT(rig, odd_poll(rig, 0) && view_of(rig, 0)->waiting == GHOST_LINE / 2 + 1);
    AWAIT(rig, odd_poll(rig, 0) && !shows_half(rig, 0) && !shows_half(rig, 1));
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* as the service does */
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_visitor_joins_is_called_comes_in_and_ends),
        TEST(whoever_is_not_called_is_told_when_to_ask_again),
        TEST(a_repeated_join_gets_the_same_place_from_any_front),
        TEST(an_unknown_event_is_told_as_unknown_and_costs_redis_nothing),
        TEST(a_name_in_the_set_without_an_event_harms_nobody),
        TEST(a_closed_event_takes_nobody_and_says_its_state),
        TEST(joins_of_one_turn_are_one_script_call),
        TEST(a_batch_is_bounded_and_the_rest_follows_in_order),
        TEST(a_pass_overtakes_the_joins_of_its_turn),
        TEST(a_pass_waits_for_one_batch_of_joins_however_many_come),
        TEST(joins_over_the_limit_of_their_address_get_no_place),
        TEST(a_change_is_seen_by_the_other_front),
        TEST(of_two_changes_to_one_version_the_second_is_a_conflict),
        TEST(a_move_from_a_state_that_is_no_more_is_refused),
        TEST(an_event_is_created_once),
        TEST(the_audit_trail_tells_who_and_when_newest_first),
        TEST(the_series_tells_how_the_line_went),
        TEST(a_picture_is_stale_to_whoever_looks_too_late),
        TEST(a_paused_redis_is_answered_for_within_the_deadline),
        TEST(more_requests_than_the_bound_are_turned_away_at_once),
        TEST(a_store_made_before_redis_runs_finds_it_later),
        TEST(scripts_that_redis_forgot_are_taught_again),
        TEST(a_redis_that_restarts_with_its_data_is_healed_and_goes_on),
        TEST(a_front_that_starts_alone_believes_a_clock_that_may_have_jumped),
        TEST(closing_answers_what_is_open),
        TEST(closing_answers_what_redis_has_not),
        TEST(a_store_may_be_closed_from_its_own_callback),
        TEST(closing_inside_an_answer_answers_all_others_before_it_returns),
        TEST(closing_inside_the_answer_of_a_join_answers_the_rest_of_its_batch),
        TEST(tcp_and_a_password_work_too),
        TEST(a_wrong_password_is_no_crash_and_no_connection),
        TEST(a_wiped_redis_under_load_gives_no_place_twice_and_loses_none),
        TEST(places_told_since_the_last_tick_are_not_told_again_after_a_wipe),
        TEST(after_a_wipe_sessions_keep_their_slots_and_nobody_takes_them),
        TEST(after_a_wipe_a_visit_that_was_over_frees_no_slot_and_does_not_begin_again),
        TEST(after_a_wipe_slots_are_kept_until_the_latest_time_that_was_promised),
        TEST(after_a_wipe_a_visit_that_was_ended_is_not_begun_again_by_its_pass),
        TEST(after_a_wipe_a_visit_is_over_that_an_answer_said_had_been_ended),
        TEST(after_a_wipe_an_order_is_through_that_the_answer_to_another_end_said_was),
        TEST(after_a_rollback_an_order_is_through_whose_visit_redis_still_has_as_ended),
        TEST(after_a_wipe_a_call_is_as_long_as_was_told),
        TEST(after_a_wipe_a_session_of_a_lane_that_no_tick_has_told_keeps_its_slot),
        TEST(a_front_that_saw_more_raises_a_redis_that_was_rolled_back),
        TEST(a_redis_that_stalled_makes_no_ghosts),
        TEST(whoever_is_away_is_away_after_a_wipe),
        TEST(a_front_that_leaves_tells_what_it_has_heard_and_is_not_waited_for),
        TEST(whoever_is_a_ghost_stays_one_when_a_front_dies),
        TEST(whoever_is_heard_by_any_front_is_there_and_counts_once),
        TEST(ghosts_are_stepped_over_without_a_token_and_enter_next_when_they_return),
        TEST(who_joins_behind_a_gap_is_told_the_people_ahead_and_called_as_if_it_were_not),
        TEST(a_ticket_of_the_gap_is_honoured_before_and_after_it_was_stepped_over),
        TEST(gaps_of_losses_that_follow_each_other_are_all_nobodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
