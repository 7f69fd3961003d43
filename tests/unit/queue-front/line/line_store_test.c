/* line_store_test.c: the line store on a real loop and a real Redis: sockets, deadlines, batches,
 * closing, and data that only this front knew when Redis lost it. The simulator
 * (tests/sim/world --line) runs the same store with all its neighbours.
 *
 *   set F=N ..., password TEXT      options, before `start` or for a change of the event
 *   server, kill, stop, cont, lose  starts, kills, stops, continues Redis; restarts it without data
 *   open, event, start, close       opens the store; creates the event; Redis and both; closes it
 *   join OUTCOME F=N ...            one join and its outcome
 *   pass, beat, end, done, leave, extend PLACE OUTCOME F=N ...   the same for a visit
 *   send N newer, send_pass PLACE   N joins in one turn of the loop, a pass; does not wait for them
 *   trickle N                       N joins in N turns; no call may follow another too soon
 *   follow N MS                     N joins, placed by another of many fronts in at least MS
 *   answered N OUTCOME F=N ...      expects the responses so far; entry: of the first one
 *   await F=N ..., expect F=N ...   the state of the store and its picture of the line
 *   sweep                           closes and sweeps the event during an operator's requests
 *   redis N COMMAND                 expects this number, or a text of this length */
#include "line/line_store.h"

#include "base/clock.h"
#include "core/line/batch.h"
#include "line/line_limits.h"
#include "outcomes.h"
#include "redis_server.h"

#include <signal.h>
#include <stdatomic.h>

enum { AWAIT_US = 30000000, PLACES = 8, FIRST = 10 };

static const char event_id[] = "gala-2027", lane_id[] = "gala-2027@1";

static struct {
    uv_loop_t loop;
    uv_timer_t pulse; /* keeps the loop turning while nothing happens */
    struct redis_server server;
    char password[64];
    struct line_store *store;
    unsigned events; /* reported by the store and not withdrawn */
    bool stale_seen;
    bool close_in_view, close_in_join, close_in_pass;
    unsigned when_closed; /* joins answered when that close returned */
    struct line_knobs knobs;
    uint32_t tick_ms;
    struct line_join *crowd;
    size_t crowd_len, answered, lowest; /* lowest index of the first ten answered */
    struct line_visit visits[PLACES];   /* by place: the last one granted */
    struct line_visit late;
    bool late_done;
    size_t joins_before; /* answered before the late pass was */
} rig;

static uint64_t now_us(void)
{
    return clock_mono_us(clock_system());
}

static void close_store(void)
{
    if (rig.store != NULL)
        line_store_close(rig.store);
    rig.store = NULL;
}

static const struct line_view *view_of(void)
{
    static const struct line_view none;
    const struct line_view *view =
        rig.store != NULL ? line_store_view(rig.store, span_of(event_id)) : NULL;
    return view != NULL ? view : &none;
}

static void on_view(void *ctx, const struct line_view *view)
{
    (void)ctx;
    rig.stale_seen = view->stale;
    if (rig.close_in_view)
        close_store();
    rig.close_in_view = false;
}

static void on_event(void *ctx, const char *id, bool here)
{
    (void)ctx;
    assert_true(span_eq(span_of(event_id), line_event_of(span_of(id))));
    rig.events = here ? rig.events + 1 : rig.events - 1;
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

static void tear_down(void)
{
    close_store();
    uv_close((uv_handle_t *)&rig.pulse, NULL);
    uv_run(&rig.loop, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&rig.loop);
    redis_server_remove(&rig.server);
    free(rig.crowd);
    assert_int_equal(0, rc);
    assert_int_equal(0, rig.events);
}

static void set_up(void)
{
    signal(SIGPIPE, SIG_IGN); /* as the service does */
    memset(&rig, 0, sizeof(rig));
    rig.tick_ms = 20;
    rig.knobs = (struct line_knobs){.rate_milli = 1000000,
                                    .burst = 50,
                                    .session_ttl_ms = 60000,
                                    .session_max_ms = 600000,
                                    .call_ttl_ms = 60000,
                                    .grace_ms = 10000};
    assert_int_equal(0, uv_loop_init(&rig.loop));
    uv_timer_init(&rig.loop, &rig.pulse);
    uv_timer_start(&rig.pulse, on_pulse, 5, 5);
}

/* Runs the loop until `condition` holds; fails the test if that takes too long. */
#define AWAIT(condition)                                                                           \
    do {                                                                                           \
        uint64_t give_up_us = now_us() + AWAIT_US;                                                 \
        while (!(condition)) {                                                                     \
            if (now_us() > give_up_us)                                                             \
                fail_msg("waited in vain for " #condition);                                        \
            uv_run(&rig.loop, UV_RUN_ONCE);                                                        \
        }                                                                                          \
    } while (0)

static const struct line_store_stats *stats(void)
{
    static const struct line_store_stats none;
    return rig.store != NULL ? line_store_stats(rig.store) : &none;
}

/* ---- the store ---- */

static void open_store(void)
{
    struct err_slot err = {0};
    bool by_tcp = rig.server.port > 0;
    struct line_store_conf conf = {
        .loop = &rig.loop,
        .redis_path = by_tcp ? NULL : rig.server.socket,
        .redis_host = by_tcp ? "127.0.0.1" : NULL,
        .redis_port = rig.server.port,
        .redis_login.password = span_of(rig.password),
        .tick_period_ms = rig.tick_ms,
        .gone_after_ms = 90000, /* longer than any test */
        .clock = clock_system(),
        .rng = rng_system(),
        .on_view = on_view,
        .on_event = on_event,
        .describe = describe,
    };
    assert_int_equal(0, line_store_create(&conf, &err, &rig.store));
}

static void on_admin(struct line_admin *admin)
{
    *(bool *)admin->ctx = true;
}

static void admin_run(struct line_admin admin)
{
    bool done = false;
    admin.on_done = on_admin;
    admin.ctx = &done;
    admin.audit = SPAN("{\"who\":\"test\",\"why\":\"to see\"}");
    strcpy(admin.event, event_id);
    line_store_admin(rig.store, &admin);
    assert_false(done);
    AWAIT(done);
    assert_int_equal(LINE_OK, admin.outcome);
}

static void change(void)
{
    admin_run((struct line_admin){
        .call = LINE_CHANGE, .doc = SPAN("{\"id\":\"gala-2027\"}"), .knobs = rig.knobs});
}

static void move(enum line_state from, enum line_state to)
{
    admin_run((struct line_admin){.call = LINE_TRANSITION, .from = from, .to = to});
    AWAIT(view_of()->state == to);
}

static void create_event(void)
{
    AWAIT(line_store_ready(rig.store));
    admin_run((struct line_admin){
        .call = LINE_CREATE, .doc = SPAN("{\"id\":\"gala-2027\"}"), .knobs = rig.knobs});
    move(LINE_DRAFT, LINE_OPEN);
}

SCRIPT_VERB(set, "set")
{
    rig.knobs.rate_milli = script_value_or(line, "rate", rig.knobs.rate_milli);
    rig.knobs.burst = script_value_or(line, "burst", rig.knobs.burst);
    rig.knobs.max_active = script_value_or(line, "active", rig.knobs.max_active);
    rig.knobs.shards = script_value_or(line, "shards", rig.knobs.shards);
    rig.knobs.shares = script_value_or(line, "shares", rig.knobs.shares);
    rig.knobs.session_ttl_ms = script_value_or(line, "session", rig.knobs.session_ttl_ms);
    rig.knobs.call_ttl_ms = script_value_or(line, "call", rig.knobs.call_ttl_ms);
    rig.tick_ms = (uint32_t)script_value_or(line, "tick", rig.tick_ms);
    rig.close_in_view = script_has(line, "close_in_view");
    rig.close_in_join = script_has(line, "close_in_join");
    rig.close_in_pass = script_has(line, "close_in_pass");
    if (script_has(line, "tcp"))
        rig.server.port = redis_server_free_port();
}

/* For the store, and for servers started from now on. */
SCRIPT_VERB(set_password, "password")
{
    snprintf(rig.password, sizeof(rig.password), "%s", script_rest(line, 0));
    rig.server.password = rig.password;
}

SCRIPT_DOES("redis", script_expect(line, script_word(line, 1),
                                   (uint64_t)redis_server_ask(&rig.server, script_rest(line, 1))))

/* Repeats the request at once until that time, so that one is always under way. */
static void on_asked(struct line_admin *admin)
{
    uint64_t *until_us = admin->ctx;
    assert_int_equal(LINE_OK, admin->outcome);
    if (now_us() < *until_us)
        line_store_admin(rig.store, admin);
    else
        *until_us = 0;
}

SCRIPT_VERB(sweep, "sweep")
{
    uint64_t until_us = UINT64_MAX;
    struct line_admin asked = {
        .call = LINE_SERIES, .limit = 1, .on_done = on_asked, .ctx = &until_us};
    strcpy(asked.event, event_id);
    move(LINE_OPEN, LINE_CLOSED);
    AWAIT(redis_server_ask(&rig.server, "ZCARD {fg:events}:rests") == 1);
    line_store_admin(rig.store, &asked);
    redis_server_ask(&rig.server, "ZADD {fg:events}:chores 1 sweep:gala-2027");
    AWAIT(redis_server_ask(&rig.server, "ZCARD {fg:events}:rests") == 0);
    until_us = now_us() + 3 * STORE_DISCOVER_MS * 1000;
    AWAIT(until_us == 0);
}

/* Changes the event until Redis returns the number. */
SCRIPT_VERB(change_until, "change_until")
{
    do
        change();
    while (redis_server_ask(&rig.server, script_rest(line, 1)) !=
           (long long)script_number_at(line, 1));
}

/* ---- requests ---- */

static void on_join(struct line_join *join)
{
    *(bool *)join->ctx = true;
}

static void on_visit(struct line_visit *visit)
{
    *(bool *)visit->ctx = true;
}

static const char *line_of(const struct script_line *line)
{
    const char *id = script_value(line, "of");
    return id == NULL ? event_id : strcmp(id, "lane") == 0 ? lane_id : id;
}

static struct line_join join_once(const char *id)
{
    bool done = false;
    struct line_join join = {.on_done = on_join, .ctx = &done};
    snprintf(join.event, sizeof(join.event), "%s", id);
    line_store_join(rig.store, &join);
    assert_false(done);
    AWAIT(done);
    return join;
}

SCRIPT_VERB(join, "join")
{
    uint64_t start_us = now_us();
    struct line_join got = join_once(line_of(line));
    script_expect_text(line, script_word(line, 1), outcome_names[got.outcome]);
    const struct script_field fields[SCRIPT_FIELDS] = {
        SCRIPT_NUMBER("entry", got.entry),
        SCRIPT_NUMBER("open", got.state == LINE_OPEN),
        SCRIPT_NUMBER("ms", (now_us() - start_us) / 1000),
        SCRIPT_TEXT("of", script_value(line, "of")),
    };
    script_expect_values(line, 2, fields);
}

/* The event's name is in the set, but there is no event. */
SCRIPT_DOES("await_refusal", AWAIT(join_once(script_word(line, 1)).outcome == LINE_UNAVAILABLE))

SCRIPT_VERB(visit, "pass|beat|end|done|leave|extend")
{
    static const char *const names[] = {"pass", "beat", "end", "done", "leave", "extend", NULL};
    static const enum line_visit_call calls[] = {LINE_PASS, LINE_HEARTBEAT, LINE_END,
                                                 LINE_DONE, LINE_LEAVE,     LINE_EXTEND};
    bool done = false;
    uint64_t place = script_number_at(line, 1);
    struct line_visit *last = &rig.visits[place % PLACES];
    struct line_visit got = {.call = calls[script_choice(line, line->words[0], names)],
                             .place = place,
                             .on_done = on_visit,
                             .ctx = &done};
    if (script_has(line, "with_pass")) {
        got.shown_ms = last->expires_ms;
        got.ends_ms = last->ends_ms;
    }
    strcpy(got.event, line_of(line));
    line_store_visit(rig.store, &got);
    assert_false(done);
    AWAIT(done);
    script_expect_text(line, script_word(line, 2), outcome_names[got.outcome]);
    const struct script_field fields[SCRIPT_FIELDS] = {
        SCRIPT_NUMBER("left", got.expires_ms - view_of()->redis_ms),
        SCRIPT_NUMBER("more", got.ends_ms - got.expires_ms),
        SCRIPT_NUMBER("later", got.expires_ms - last->expires_ms),
        SCRIPT_NUMBER("retry", got.retry_after_ms),
        SCRIPT_NUMBER("times", got.times),
        SCRIPT_NUMBER("ended", got.turn == TURN_ENDED),
        SCRIPT_NUMBER("done", got.turn == TURN_DONE),
        SCRIPT_TEXT("of", script_value(line, "of")),
    };
    script_expect_values(line, 3 + script_has(line, "with_pass"), fields);
    if (got.outcome == LINE_OK)
        *last = got;
}

/* Redis must keep the slots of lost sessions as long as the pass of this place. */
SCRIPT_VERB(expect_phantoms, "phantoms_until_pass")
{
    static const char script[] =
        "return tonumber(redis.call('HGET', 'fg:{gala-2027}:bucket', 'phantom_until_ms'))";
    assert_int_equal(rig.visits[script_number_at(line, 1)].expires_ms,
                     redis_server_ask(&rig.server, "EVAL %s 0", script));
}

/* Another store ends this place's visit. No tick reports it. */
SCRIPT_VERB(end_elsewhere, "end_elsewhere")
{
    const char *place = script_word(line, 1);
    assert_int_equal(1, redis_server_ask(&rig.server, "ZREM fg:{gala-2027}:active %s", place));
    assert_int_equal(0, redis_server_ask(&rig.server, "SETBIT fg:{gala-2027}:ended %s 1", place));
}

static void on_crowd_join(struct line_join *join)
{
    size_t at = (size_t)(join - rig.crowd);
    if (rig.answered < FIRST && at < rig.lowest)
        rig.lowest = at;
    if (rig.close_in_join) {
        rig.close_in_join = false;
        close_store();
        rig.when_closed = (unsigned)rig.answered;
    }
    rig.answered++;
}

static void begin_crowd(size_t len)
{
    free(rig.crowd);
    rig.answered = 0;
    rig.crowd_len = rig.lowest = len;
    rig.crowd = calloc(rig.crowd_len, sizeof(*rig.crowd));
    assert_non_null(rig.crowd);
    for (size_t i = 0; i < rig.crowd_len; i++) {
        rig.crowd[i].on_done = on_crowd_join;
        strcpy(rig.crowd[i].event, event_id);
    }
}

/* newer: checked against the event's next document. */
SCRIPT_VERB(send_joins, "send")
{
    begin_crowd(script_number_at(line, 1));
    for (size_t i = 0; i < rig.crowd_len; i++) {
        rig.crowd[i].version = script_has(line, "newer") ? view_of()->version + 1 : 0;
        rig.crowd[i].era = view_of()->era;
        line_store_join(rig.store, &rig.crowd[i]);
    }
}

/* All joins go to one shard, and only the first call is sent without a hold. */
SCRIPT_VERB(trickle, "trickle")
{
    uint64_t start_us = now_us(), before = atomic_load(&stats()->join_calls);
    begin_crowd(script_number_at(line, 1));
    for (size_t i = 0; i < rig.crowd_len; i++) {
        line_store_join(rig.store, &rig.crowd[i]);
        for (uint64_t end_us = now_us() + 100; now_us() < end_us;)
            uv_run(&rig.loop, UV_RUN_NOWAIT);
    }
    uint64_t calls = atomic_load(&stats()->join_calls) - before;
    assert_in_range(calls, 2, 1 + (now_us() - start_us) / BATCH_HOLD_US);
    AWAIT(rig.answered == rig.crowd_len);
}

/* One of many other fronts has the claim. It places one join of this store at a time, which is
 * answered when the store has read the cut. */
SCRIPT_VERB(follow, "follow")
{
    enum { FRONTS = STORE_PERIODS_MAX * STORE_TICKERS };
    static const char come[] = "for i = 1, ARGV[1] do "
                               "    redis.call('ZADD', 'fg:{gala-2027}:contacts', 'inf', i) "
                               "    redis.call('ZADD', 'fg:{gala-2027}:tellers', 'inf', i) "
                               "end "
                               "redis.call('SET', 'fg:{gala-2027}:cutter', 'another front')";
    static const char cut[] =
        "local cuts = 'fg:{gala-2027}:cuts' "
        "local newest = redis.call('XREVRANGE', cuts, '+', '-', 'COUNT', 1)[1] "
        "local sum = newest[2][4] "
        "for _, number in ipairs({ 1, 1, 0 }) do "
        "    sum = (sum * ARGV[1] + number) % ARGV[2] "
        "end "
        "redis.call('XADD', cuts, string.match(newest[1], '%d+') + 1 .. '-0', "
        "    'c', '1c1,', 's', string.format('%d', sum))";
    redis_server_ask(&rig.server, "EVAL %s 0 %d", come, FRONTS);
    AWAIT(view_of()->fronts >= FRONTS);
    begin_crowd(script_number_at(line, 1));
    for (size_t i = 0; i < rig.crowd_len; i++)
        line_store_join(rig.store, &rig.crowd[i]);
    uint64_t start_us = now_us();
    for (size_t placed = 1; placed <= rig.crowd_len; placed++) {
        redis_server_ask(&rig.server, "EVAL %s 0 %d %d", cut, CUT_SUM_BASE, CUT_SUM_PRIME);
        AWAIT(rig.answered == placed);
    }
    assert_in_range((now_us() - start_us) / 1000, script_number_at(line, 2), AWAIT_US / 1000);
}

SCRIPT_VERB(expect_answered, "answered")
{
    script_expect(line, script_word(line, 1), rig.answered);
    for (size_t i = 0; i < rig.answered; i++) {
        const struct script_field fields[SCRIPT_FIELDS] = {
            SCRIPT_NUMBER("entry", rig.crowd[i].entry - i),
            SCRIPT_NUMBER("retry", rig.crowd[i].retry_after_ms),
        };
        script_expect_text(line, script_word(line, 2), outcome_names[rig.crowd[i].outcome]);
        script_expect_values(line, 3, fields);
    }
}

static void on_late_pass(struct line_visit *visit)
{
    (void)visit;
    rig.late_done = true;
    rig.joins_before = rig.answered;
    if (rig.close_in_pass) {
        close_store();
        rig.when_closed = (unsigned)rig.answered;
    }
}

/* Requests the pass of a called visitor. */
SCRIPT_VERB(send_pass, "send_pass")
{
    rig.late = (struct line_visit){.call = LINE_PASS, .on_done = on_late_pass};
    rig.late.place = script_number_at(line, 1);
    rig.late_done = false;
    strcpy(rig.late.event, event_id);
    line_store_visit(rig.store, &rig.late);
}

/* ---- what the store knows ---- */

/* Joins, and returns whether no script was sent as text meanwhile. A rarely called script, such as
 * the one that lists events, may still be sent as text. */
static bool joins_by_name(void)
{
    redis_server_ask(&rig.server, "CONFIG RESETSTAT");
    assert_int_equal(LINE_OK, join_once(event_id).outcome);
    return redis_server_ask(&rig.server, "EVAL %s 0",
                            "return string.find(redis.call('INFO', 'commandstats'), "
                            "'cmdstat_eval:') and 1 or 0") == 0;
}

static bool fits(const struct script_line *line, bool must)
{
    const struct line_view *view = view_of();
    const struct script_field fields[SCRIPT_FIELDS] = {
        SCRIPT_NUMBER("store", rig.store != NULL),
        SCRIPT_NUMBER("named", script_has(line, "named=1") && joins_by_name()),
        SCRIPT_NUMBER("ready", rig.store != NULL && line_store_ready(rig.store)),
        SCRIPT_NUMBER("lane",
                      rig.store != NULL && line_store_view(rig.store, span_of(lane_id)) != NULL),
        SCRIPT_NUMBER("issued", view->issued),
        SCRIPT_NUMBER("serving", view->serving),
        SCRIPT_NUMBER("waiting", view->waiting),
        SCRIPT_NUMBER("active", view->active),
        SCRIPT_NUMBER("admitted", view->admitted),
        SCRIPT_NUMBER("stale", view->stale),
        SCRIPT_NUMBER("seen_stale", rig.stale_seen),
        SCRIPT_NUMBER("session", view->knobs.session_ttl_ms),
        SCRIPT_NUMBER("calls", view->calls_len),
        SCRIPT_NUMBER("upto", view->calls_len > 0 ? view->calls[0].upto : 0),
        SCRIPT_NUMBER("answered", rig.answered),
        SCRIPT_NUMBER("lowest", rig.lowest),
        SCRIPT_NUMBER("when_closed", rig.when_closed),
        SCRIPT_NUMBER("pass", rig.late_done && rig.late.outcome == LINE_OK),
        SCRIPT_NUMBER("before_pass", rig.joins_before),
        SCRIPT_NUMBER("join_calls", atomic_load(&stats()->join_calls)),
        SCRIPT_NUMBER("timeouts", atomic_load(&stats()->timeouts)),
        SCRIPT_NUMBER("reconnects", atomic_load(&stats()->reconnects)),
    };
    if (must)
        script_expect_values(line, 1, fields);
    return must || script_values_fit(line, 1, fields);
}

SCRIPT_DOES("expect", fits(line, true))

SCRIPT_VERB(await, "await")
{
    uint64_t give_up_us = now_us() + AWAIT_US;
    while (!fits(line, now_us() > give_up_us))
        uv_run(&rig.loop, UV_RUN_ONCE);
}

/* Runs the loop for `count` turns or for `time`. */
SCRIPT_VERB(turn_loop, "turn")
{
    uint64_t count = script_value_or(line, "count", 0);
    uint64_t end_us = now_us() + script_value_or(line, "time", 0);
    for (uint64_t i = 0; i < count || now_us() < end_us; i++)
        uv_run(&rig.loop, script_has(line, "nowait") ? UV_RUN_NOWAIT : UV_RUN_ONCE);
}

/* Reads the picture this many microseconds after its maximum age. */
SCRIPT_VERB(look, "look")
{
    const struct line_view *view = view_of();
    line_store_look(rig.store, view,
                    view->asked_us + STORE_STALE_MS * 1000 + script_number_at(line, 1));
}

SCRIPT_VERB(lose, "lose")
{
    uint64_t heals = atomic_load(&stats()->heals);
    redis_server_kill(&rig.server);
    redis_server_wipe(&rig.server);
    redis_server_start(&rig.server);
    AWAIT(atomic_load(&stats()->heals) > heals && line_store_ready(rig.store) && !view_of()->stale);
}

SCRIPT_VERB(start, "start")
{
    redis_server_start(&rig.server);
    open_store();
    create_event();
}

SCRIPT_DOES("server", redis_server_start(&rig.server))
SCRIPT_DOES("kill", redis_server_kill(&rig.server))
SCRIPT_DOES("stop", kill(rig.server.pid, SIGSTOP))
SCRIPT_DOES("cont", kill(rig.server.pid, SIGCONT))
SCRIPT_DOES("open", open_store())
SCRIPT_DOES("event", create_event())
SCRIPT_DOES("close", close_store())
SCRIPT_DOES("change", change())
SCRIPT_DOES("pause", move(LINE_OPEN, LINE_PAUSED))

/* The only visitor is called; has entered. */
#define CALLED "start; join ok entry=1; await serving=1;"
#define INSIDE CALLED "pass 1 ok;"

static const struct script_row rows[] = {
    {"a visitor joins, is called, comes in and ends",
     "start; join ok entry=1 open=1; await serving=1; expect calls=1 upto=1;"
     "pass 1 ok left=1..90000 more=1..600000; pass 1 same later=0; beat 1 ok; await active=1;"
     "end 1 ok; end 1 same; pass 1 gone; await active=0 admitted=1"},
    {"an unknown event is refused without a call to Redis",
     "start; join unknown of=nothing; expect join_calls=0"},
    {"a name in the set without an event does no harm",
     "start; redis 3 SADD fg:events ghost no{braces} UPPER; await_refusal ghost; await ready=1;"
     "turn time=500ms; expect ready=1; join unknown of=ghost; join ok"},
    {"joins of one turn are sent in bounded batches, in order",
     "start; send 500; await answered=500; answered 500 ok entry=1; expect join_calls=1; send 700;"
     "await answered=700; answered 700 ok entry=501; expect join_calls=3"},
    {"a turn answers some joins of a batch, and the next turns answer the others",
     "start; send 200; await answered=64; turn count=1; expect answered=128; await answered=200;"
     "answered 200 ok entry=1; expect join_calls=1"},
    {"small batches of a shard in quick succession are held back",
     "set shards=2; start; join ok; trickle 200; expect answered=200"},
    /* As by a lane whose picture is a tick behind its event's. */
    {"a join of a shard waits for the document it was checked against",
     "set shards=2; start; join ok; send 9 newer; turn time=100ms; expect answered=0; change;"
     "await answered=9; answered 9 ok"},
    /* Four pauses of 60 ms, one of 20, and so on. */
    {"one of hundreds of fronts reads the cuts of another less often",
     "set shards=2; start; join ok; follow 10 400; answered 10 ok entry=2"},
    {"a pass overtakes the only join of its turn",
     CALLED "send 1; send_pass 1; await answered=1 pass=1; expect before_pass=0"},
    {"a pass overtakes a batch of joins of its turn",
     CALLED "send 511; send_pass 1; await answered=511 pass=1; expect before_pass=0"},
    {"a pass waits for at most one batch of joins",
     CALLED "send 1536; send_pass 1; await answered=1536 pass=1; expect before_pass=0..512"},
    /* A process that was stopped reads requests before its overdue timers fire. */
    {"a picture read too late is stale",
     "start; await stale=0; look 0; expect stale=0; look 1; expect stale=1 seen_stale=0;"
     "await seen_stale=1; await stale=0 seen_stale=0"},
    {"a stopped Redis is answered for within the deadline",
     CALLED "stop; join unavailable ms=0..5799; pass 1 unavailable retry=1..99999;"
            "await stale=1; expect serving=1 ready=0; cont; await ready=1 stale=0; pass 1 ok;"
            "expect timeouts=1..999 reconnects=1..999"},
    {"requests beyond the bound are refused at once, others at the deadline",
     "start; stop; send 32778; await answered=10..32778; expect lowest=32768;"
     "await answered=32778; answered 32778 unavailable retry=1..99999; cont"},
    {"a store made before Redis runs finds it later",
     "server; kill; open; join unavailable; server; event; join ok"},
    {"an operator's calls reach an event while it leaves memory", "start; sweep"},
    {"scripts that Redis forgot are loaded again and travel by name",
     "start; redis 2 SCRIPT FLUSH; join ok entry=1; await serving=1; redis 2 SCRIPT FLUSH;"
     "pass 1 ok; redis 2 SCRIPT FLUSH; pause; await named=1"},
    {"closing answers the joins that were not sent",
     "start; send 600; close; answered 600 unavailable"},
    {"closing answers the joins that Redis has not answered",
     "start; stop; send 600; turn count=2 nowait; expect answered=0; close;"
     "answered 600 unavailable; cont"},
    {"a store may be closed from its own callback",
     "start; set close_in_view; send 5; await store=0; expect answered=5"},
    /* Both responses arrive in one turn of the loop. */
    {"closing inside an answer answers all others before it returns",
     "start; join ok; stop; set close_in_pass; send_pass 1; send 1; turn count=2 nowait; cont;"
     "await store=0; expect when_closed=1; answered 1 unavailable"},
    {"closing inside the answer of a join answers the rest of its batch",
     "start; set close_in_join; send 3; await store=0; expect when_closed=2;"
     "answered 3 ok entry=1"},
    {"TCP and a password work", "set tcp; password hunter2 with spaces; start; join ok entry=1"},
    {"a wrong password neither crashes nor connects",
     "password right; server; password wrong; open; turn count=40; expect ready=0;"
     "join unavailable"},
    {"at rate 0 saved tokens call nobody",
     "set rate=1000000 burst=500 active=1;" INSIDE "turn time=700ms; set rate=0; change; send 300;"
     "await answered=300; set active=5000; change; turn time=500ms; expect serving=1 waiting=300"},
    {"a lower burst limits saved tokens",
     "set rate=1000000 burst=500 active=1;" INSIDE "turn time=700ms; send 300; await answered=300;"
     "set rate=1000 burst=5 active=5000; change; turn time=500ms; expect serving=6..9"},
    {"a visitor in time does not wait for a late one who cannot enter",
     "set active=1 call=300;" CALLED "turn time=600ms; set call=60000; change; join ok;"
     "await serving=2; set rate=0; change; pass 1 not-yet; pass 2 ok"},
    /* Both visits end a second time. The sessions that were lost keep their slots. */
    {"after a wipe an ended visit frees no slot and does not begin again",
     "set active=2; start; join ok; join ok; join ok; join ok; join ok; await serving=2; pass 1 ok;"
     "end 1 ok; pass 2 ok; end 2 ok; await serving=4; pass 3 ok; pass 4 ok; await active=2; lose;"
     "expect active=2; end 1 same; leave 2 same; pass 1 gone ended=1; beat 1 gone; turn time=100ms;"
     "expect active=2 serving=4; beat 3 ok; end 4 ok; await serving=5"},
    /* Visits became shorter, so no newer pass ends that late. */
    {"after a wipe slots stay taken until the latest end of a pass",
     "start; join ok entry=1; join ok entry=2; await serving=2; pass 1 ok; pass 2 ok;"
     "set session=1000; change; await session=1000; lose; phantoms_until_pass 2"},
    /* No tick has reported the end: only this store knows it. */
    {"after a wipe a pass does not begin an ended visit again",
     "set tick=1500;" INSIDE "leave 1 ok; lose; beat 1 gone with_pass"},
    {"after a wipe a visit ended by another front stays over",
     "start; join ok; join ok; join ok; await serving=3; pass 1 ok; end_elsewhere 1; leave 1 same;"
     "pass 2 ok; end_elsewhere 2; pass 2 gone; pass 3 ok; end_elsewhere 3; beat 3 gone; lose;"
     "beat 1 gone with_pass; beat 2 gone with_pass; beat 3 gone with_pass"},
    {"after a wipe an order completed at another front stays completed",
     INSIDE "end_elsewhere 1; redis 0 SETBIT fg:{gala-2027}:done 1 1; end 1 same; lose;"
            "pass 1 gone done=1"},
    /* The visit had ended before its order was completed, and Redis lost only that order. */
    {"after a rollback a completed order stays completed",
     INSIDE "end 1 ok ended=1; done 1 ok done=1; redis 1 SETBIT fg:{gala-2027}:done 1 0;"
            "pass 1 gone done=1; redis 1 GETBIT fg:{gala-2027}:done 1"},
    {"after a wipe an extended call keeps its length and its count",
     CALLED "extend 1 ok times=1; extend 1 ok times=2; extend 1 ok times=3; lose;"
            "extend 1 ok times=4 later=60000"},
    {"... and every front hears of it once more",
     "set active=2; start; join ok; join ok; await serving=2; pass 1 ok; extend 2 ok times=1;"
     "await active=1; set active=1; change; pass 2 not-yet; lose; pass 2 not-yet;"
     "redis 1 EXISTS fg:{gala-2027}:kept"},
    /* Ticks are slow here, so none reports the pass before the loss. */
    {"after a wipe a lane's session newer than the last tick keeps its slot",
     "set active=3 shares=30 tick=1500; start; await lane=1; join ok of=lane;"
     "change_until 1 ZCARD fg:{gala-2027}:@1:hist; pass 1 ok of=lane; lose; expect active=1"},
    /* More places than the safety gap covers. */
    {"after a wipe places newer than the last tick are not given again",
     "set tick=1500; start; send 384; await answered=384; lose; join ok entry=385..999999"},
};

_Static_assert(STORE_JOIN_BATCH_MAX == 512 && STORE_ANSWERS_PER_TURN == 64 && HEAL_GAP_MIN == 128 &&
                   STORE_REQUESTS_MAX == 32768,
               "rows name them");

UNIT_BETWEEN(set_up, tear_down)
SCRIPT_TESTS(rows, script_verbs)
