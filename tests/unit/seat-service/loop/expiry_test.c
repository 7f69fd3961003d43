/* expiry_test.c: tens of thousands of holds expire, through a real loop and committer to a real
 * PostgreSQL. The tests do not measure time. They count the changes per commit, and the commits
 * that a payment waits for. */
#include "cut_proxy.h"
#include "loop/expiry.h"
#include "loop/pending.h"
#include "loop/turn.h"
#include "pg_fixture.h"
#include "plan_body.h"
#include "tables/migrate.h"
#include "tables/statements.h"
#include "test_hall.h"
#include "unit.h"

#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>

/* One hold per place of an area, plus four seats. */
enum { HOLDS_USUAL = 30000, HOLDS_FEW = 7500 };
#define HALL                                                                                       \
    BODY(PLAN(ROW(SEAT("a", "0") "," SEAT("b", "20") "," SEAT("c", "40") "," SEAT("d", "60"))),    \
         ",'areas':[{'id':'floor','category':'A','capacity':30000}],"                              \
         "'limits':{'max_per_buyer':0,'max_per_hold':8,'rate_per_session_per_s':0,'hold_ttl_s':"   \
         "3600,'hold_max_s':7200,'orphan_rule':false}")

/* Fewer with FAIRGATE_SHORT: a fourth of the holds takes the same paths. */
static uint32_t holds;

static const uint64_t MINUTE_MS = UINT64_C(60) * 1000, HOUR_MS = 60 * MINUTE_MS,
                      HOUR_US = 1000 * HOUR_MS;

/* Added to the system's time. */
static _Atomic uint64_t added_us;

static uint64_t mono_us(void *ctx)
{
    (void)ctx;
    return clock_mono_us(clock_system()) + atomic_load(&added_us);
}

/* Whenever this thread reads the time, the first event leaves. */
static _Thread_local const struct journal_host *leaving;
static unsigned reads;

static uint64_t wall_us(void *ctx)
{
    (void)ctx;
    if (leaving != NULL) {
        assert_true(++reads < 100);
        (void)leaving->leave(leaving->ctx, 0);
    }
    return clock_wall_us(clock_system()) + atomic_load(&added_us);
}

static const struct clock test_clock = {mono_us, wall_us, NULL};
static struct err_slot err;

struct process {
    uv_loop_t uv;
    struct idem *idem;
    struct events *events;
    struct commit_queue *queue;
    struct journal *journal;
    struct sale_clock sale; /* used by the journal only; events use the test's clock */
    struct turn *turn;
    struct counter_stats stats;
    struct event *event;
    uint64_t ticks;
    /* the watched call */
    uint64_t asked_at_commit, answered_at_commit;
    uint8_t kind, verdict;
    bool answered;
    uint64_t hold;
    void (*then)(struct process *process); /* after the answer; may be NULL */
};

static void on_fenced(void *ctx, const char *reason)
{
    (void)ctx;
    fail_msg("fenced: %s", reason);
}

static void on_tick(void *ctx, const char *reason)
{
    struct process *process = ctx;
    (void)reason;
    process->ticks += 1;
}

static uint64_t commits(const struct process *process)
{
    return atomic_load(&journal_stats(process->journal)->commits);
}

/* Runs the loop until the condition holds; on a timeout the assert prints the caller's line. */
#define UNTIL(process, condition)                                                                  \
    do {                                                                                           \
        uint64_t until_us = clock_mono_us(clock_system()) + 60000000;                              \
        while (!(condition)) {                                                                     \
            assert_true(clock_mono_us(clock_system()) < until_us);                                 \
            uv_run(&(process)->uv, UV_RUN_ONCE);                                                   \
        }                                                                                          \
    } while (0)

static void import_halls(void)
{
    holds = getenv("FAIRGATE_SHORT") != NULL ? HOLDS_FEW : HOLDS_USUAL;
    struct shown_plan *plan;
    int32_t event;
    char *body = plan_body_quoted(HALL);
    unit_must(shown_plan_create(span_of(body), &err, &plan), &err);
    struct pg *pg = pg_fixture_open(MIGRATE_SCHEMA);
    unit_must(migrate_run(pg, &err), &err);
    unit_must(sql_prepare(pg, &err), &err);
    struct span hash = {(const char *)plan_hash(plan->plan), PLAN_HASH_BYTES};
    unit_must(store_event_create(pg, SPAN("night"), hash, span_of(body), SPAN(""), &err, &event),
              &err);
    unit_must(store_event_create(pg, SPAN("other"), hash, span_of(body), SPAN(""), &err, &event),
              &err);
    pg_close(pg);
    shown_plan_destroy(plan);
    free(body);
}

static struct event *opened(const struct process *process, struct span id)
{
    struct event *event = events_find(process->events, id);
    return event != NULL && events_is_open(event) ? event : NULL;
}

static struct process *start_process(const char *dsn)
{
    struct process *process = calloc(1, sizeof(*process));
    uv_loop_init(&process->uv);
    process->uv.data = process;
    unit_must(idem_create(1 << 20, &err, &process->idem), &err);
    struct events_conf events = {.clock = &test_clock,
                                 .loops = 1,
                                 .idem = process->idem,
                                 .fenced = on_fenced,
                                 .ctx = process};
    unit_must(events_create(&events, &err, &process->events), &err);
    sale_clock_init(&process->sale, &test_clock);
    process->sale.has_agreed = true; /* though the test's clock is ahead of the server's */
    struct commit_queue_conf queue = {1, COMMIT_ENTRIES_PER_PORT};
    unit_must(commit_queue_create(&queue, &err, &process->queue), &err);
    struct journal_conf journal = {
        .dsn = dsn,
        .instance = "test",
        .events = "",
        .batch_max = JOURNAL_BATCH_MAX,
        .queue = process->queue,
        .clock = &test_clock,
        .sale = &process->sale,
        .rng = rng_system(),
        .host = events_host(process->events),
    };
    unit_must(journal_start(&journal, &err, &process->journal), &err);
    struct turn_conf turn = {.on_tick = on_tick,
                             .ctx = process,
                             .loop = {.uv = &process->uv,
                                      .events = process->events,
                                      .journal = process->journal,
                                      .queue = process->queue,
                                      .idem = process->idem,
                                      .clock = &test_clock,
                                      .stats = &process->stats}};
    unit_must(turn_create(&turn, &err, &process->turn), &err);
    return process;
}

static struct process *open_process(const char *dsn)
{
    struct process *process = start_process(dsn);
    UNTIL(process, (process->event = opened(process, SPAN("night"))) != NULL &&
                       opened(process, SPAN("other")) != NULL && journal_writes(process->journal));
    return process;
}

static void close_process(struct process *process)
{
    turn_close(process->turn);
    uv_run(&process->uv, UV_RUN_DEFAULT);
    journal_stop(process->journal);
    turn_destroy(process->turn);
    journal_destroy(process->journal);
    commit_queue_destroy(process->queue);
    events_destroy(process->events);
    idem_destroy(process->idem);
    assert_int_equal(uv_loop_close(&process->uv), 0);
    free(process);
}

static uint32_t count_held(const struct process *process)
{
    return engine_area(process->event->engine, 0).held;
}

/* ---- requests, as the calls make them ---- */

/* A cmocka assert inside a loop callback cannot end the test, so the result is stored for later. */
static void finish(struct call *call, const struct engine_op *op)
{
    struct process *process = call->loop->conf.uv->data;
    process->answered = true;
    process->kind = op->change.kind;
    process->verdict = op->change.verdict;
    process->answered_at_commit = commits(process);
    process->hold = op->change.hold;
    if (process->then != NULL)
        process->then(process);
}

static struct call call_of(struct process *process)
{
    return (struct call){.loop = turn_loop(process->turn),
                         .event = process->event,
                         .now_ms = events_now_ms(process->events)};
}

/* Takes one seat, or a place of the area, for one buyer; returns false if too many are waiting. */
static bool take(struct process *process, uint64_t buyer, const uint32_t *seat)
{
    struct call call = call_of(process);
    struct commit_entry *entry = pending_entry(&call);
    if (entry == NULL)
        return false;
    struct engine_ask ask = seat != NULL ? test_ask_seats(buyer, seat, 1) : test_ask_area(buyer, 1);
    assert_int_equal(engine_hold(process->event->engine, &ask, call.now_ms, &entry->op), ENGINE_OK);
    call.finish = seat != NULL ? finish : NULL;
    process->answered = false;
    pending_commit(&call, entry);
    return true;
}

static uint64_t hold_seat(struct process *process, uint32_t seat)
{
    assert_true(take(process, 1 + seat, &seat));
    UNTIL(process, process->answered);
    return process->hold;
}

static enum engine_seat_state state_of(const struct process *process, uint32_t seat)
{
    return engine_seat(process->event->engine, seat).state;
}

enum step { EXTEND, CONFIRM };

static void ask_for(struct process *process, enum step step, uint64_t hold, uint64_t pay_ttl_ms)
{
    struct call call = call_of(process);
    struct commit_entry *entry = pending_entry(&call);
    assert_non_null(entry);
    struct engine *engine = process->event->engine;
    const struct engine_order order = {.id = SPAN("o")};
    enum engine_verdict verdict =
        step == EXTEND ? engine_extend(engine, hold, &order, pay_ttl_ms, call.now_ms, &entry->op)
                       : engine_confirm(engine, hold, order.id, NULL, call.now_ms, &entry->op);
    assert_int_equal(verdict, ENGINE_OK);
    call.finish = finish;
    process->answered = false;
    process->asked_at_commit = commits(process);
    pending_commit(&call, entry);
}

static uint64_t hold_in_payment(struct process *process, uint32_t seat, uint64_t pay_ttl_ms)
{
    uint64_t hold = hold_seat(process, seat);
    ask_for(process, EXTEND, hold, pay_ttl_ms);
    UNTIL(process, process->answered);
    return hold;
}

static void ticks_pass(struct process *process, unsigned ticks)
{
    uint64_t until = process->ticks + ticks;
    UNTIL(process, process->ticks >= until);
}

/* ---- the tests ---- */

TEST_CASE(expired_holds_are_released_in_batches_and_delay_no_payment)
{
    struct process *process = open_process(pg_fixture_dsn());
    const struct journal_stats *stats = journal_stats(process->journal);
    uint64_t paying = hold_in_payment(process, 0, 2 * HOUR_MS);
    for (uint32_t taken = 0; taken < holds;) {
        if (take(process, 10 + taken, NULL))
            taken += 1;
        else
            uv_run(&process->uv, UV_RUN_ONCE);
    }
    UNTIL(process, atomic_load(&stats->changes) > holds && atomic_load(&stats->lag) == 0);
    assert_int_equal(count_held(process), holds);
    uint64_t ticks = process->ticks, made = commits(process);
    atomic_fetch_add(&added_us, HOUR_US + 1000000);
    UNTIL(process, atomic_load(&process->stats.expired) > holds / 2);
    ask_for(process, CONFIRM, paying, 0);
    UNTIL(process, process->answered);
    UNTIL(process, atomic_load(&process->stats.expired) == holds);
    assert_int_equal(count_held(process), 0);
    made = commits(process) - made;
    /* The end of one batch starts the next; no batch waits for a tick. */
    assert_true(process->ticks - ticks < made / 2);
    /* A payment during the expiry is in the next commit or the one after it. On a slow thread more
     * commits pass before it sees the response. Behind the expiries it would see half of them. */
    assert_int_equal(process->kind, CHANGE_CONFIRMED);
    assert_true(process->answered_at_commit - process->asked_at_commit <= 2 + made / 8);
    assert_int_equal(state_of(process, 0), ENGINE_SEAT_SOLD);
    close_process(process);
}

/* PostgreSQL stops. `for_us` pass after the loop noticed it, then PostgreSQL returns. */
static void cut(struct process *process, uint64_t for_us)
{
    pg_fixture_stop();
    UNTIL(process, journal_role(process->journal) != JOURNAL_OWNER);
    ticks_pass(process, 2);
    atomic_fetch_add(&added_us, for_us);
    pg_fixture_again();
    UNTIL(process, journal_role(process->journal) == JOURNAL_OWNER);
}

TEST_CASE(payment_survives_a_cut_that_outlasts_its_hold)
{
    struct process *process = open_process(pg_fixture_dsn());
    /* Long enough not to expire before PostgreSQL is gone, even on a slow machine. */
    uint64_t paying = hold_in_payment(process, 1, MINUTE_MS);
    hold_seat(process, 2);
    cut(process, HOUR_US + 1000000);
    /* A cart expires at once. The refused confirm of a payment will be retried. */
    UNTIL(process, state_of(process, 2) == ENGINE_FREE);
    ticks_pass(process, 3);
    assert_int_equal(state_of(process, 1), ENGINE_HELD);
    ask_for(process, CONFIRM, paying, 0);
    UNTIL(process, process->answered);
    assert_int_equal(process->verdict, CHANGE_VERDICT_CONFIRMED);

    /* Payments are spared for a limited time. */
    hold_in_payment(process, 3, MINUTE_MS);
    cut(process, HOUR_US);
    ticks_pass(process, 3);
    assert_int_equal(state_of(process, 3), ENGINE_HELD);
    atomic_fetch_add(&added_us, UINT64_C(1000) * CONFIRM_SPARED_MS);
    UNTIL(process, state_of(process, 3) == ENGINE_FREE);
    close_process(process);
}

/* The first request for the event comes after the payment's end. A process that owns nothing has
 * the role `loading` while it opens its first event, which takes some ticks here. */
TEST_CASE(payment_that_ended_in_a_sleeping_event_gets_no_extra_time)
{
    struct process *process = open_process(pg_fixture_dsn());
    hold_in_payment(process, 3, HOUR_MS);
    char sleep[256];
    snprintf(sleep, sizeof(sleep),
             "UPDATE event SET asleep_at = now();"
             "UPDATE owner SET due_at = to_timestamp(%" PRIu64 " / 1000.0);"
             "UPDATE owner SET asked_at = due_at + interval '1 second'",
             engine_next_end_ms(process->event->engine));
    close_process(process);
    struct pg *pg = pg_fixture_open(MIGRATE_SCHEMA);
    int32_t night = (int32_t)pg_fixture_number(pg, "SELECT no FROM event WHERE id = 'night'");
    pg_fixture_run(pg, sleep);
    /* Before the start: a process that owns nothing waits while its clock leaves the server's. */
    atomic_fetch_add(&added_us, 2 * HOUR_US);
    process = start_process(pg_fixture_dsn());
    UNTIL(process, journal_asleep(process->journal) == 2);
    bool locked = false;
    unit_must(store_lock(pg, STORE_LOCK_EVENT, &night, 1, &err, &locked), &err);
    assert_true(locked);
    journal_wake(process->journal, SPAN("night"));
    UNTIL(process, events_find(process->events, SPAN("night")) != NULL);
    ticks_pass(process, 3);
    unit_must(store_unlock(pg, STORE_LOCK_EVENT, night, &err), &err);
    UNTIL(process, (process->event = opened(process, SPAN("night"))) != NULL);
    ticks_pass(process, 30);
    assert_int_equal(state_of(process, 3), ENGINE_FREE);
    close_process(process);
    pg_fixture_run(pg, "UPDATE event SET asleep_at = NULL");
    pg_close(pg);
}

/* A stalled commit gathers a full batch of "night" behind it. The connection breaks while that
 * batch is under way, and after the reconnect another session has locked the event's row. */
TEST_CASE(batch_of_a_locked_event_takes_no_room_from_others)
{
    char dsn[256];
    snprintf(dsn, sizeof(dsn), "host=%s port=5433 user=postgres dbname=postgres", pg_fixture_dir());
    struct cut_proxy *proxy = cut_proxy_start(pg_fixture_dir(), 5433);
    struct process *process = open_process(dsn);
    struct event *night = process->event, *other = opened(process, SPAN("other"));
    for (uint32_t taken = 0; taken < EXPIRE_OPEN_MAX; taken++)
        assert_true(take(process, 1 + taken, NULL));
    UNTIL(process, count_held(process) == EXPIRE_OPEN_MAX &&
                       atomic_load(&journal_stats(process->journal)->changes) >= EXPIRE_OPEN_MAX);
    atomic_fetch_add(&added_us, 10 * MINUTE_MS * 1000);
    process->event = other;
    hold_seat(process, 1);

    struct pg *pg = pg_fixture_open(MIGRATE_SCHEMA);
    pg_fixture_run(pg,
                   "CREATE TABLE stall AS SELECT 1;"
                   "CREATE FUNCTION stalls() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                   " WHILE EXISTS (SELECT FROM seats.stall) LOOP PERFORM pg_sleep(0.002); END LOOP;"
                   " RETURN NULL; END $$;"
                   "CREATE TRIGGER stall BEFORE INSERT ON journal EXECUTE FUNCTION stalls()");
    assert_true(take(process, 2, &(uint32_t){2}));
    UNTIL(process,
          pg_fixture_number(
              pg, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") > 0);
    atomic_fetch_add(&added_us, HOUR_US - 10 * MINUTE_MS * 1000 + 1000000);
    ticks_pass(process, 2);
    proxy->shut = true;
    proxy->armed = true;
    pg_fixture_run(pg, "DELETE FROM stall");
    UNTIL(process, proxy->cuts == 1 && journal_role(process->journal) == JOURNAL_CUT);
    pg_fixture_run(pg, "BEGIN; SELECT FROM owner o, event e WHERE e.no = o.event"
                       " AND e.id = 'night' FOR UPDATE OF o");
    proxy->shut = false;
    UNTIL(process, journal_role(process->journal) == JOURNAL_OWNER &&
                       journal_is_stuck(process->journal, night->nth));
    atomic_fetch_add(&added_us, HOUR_US);
    UNTIL(process, state_of(process, 1) == ENGINE_FREE);
    assert_true(journal_is_stuck(process->journal, night->nth));

    pg_fixture_run(pg,
                   "COMMIT; DROP TRIGGER stall ON journal; DROP FUNCTION stalls; DROP TABLE stall");
    process->event = night;
    UNTIL(process, count_held(process) == 0);
    pg_close(pg);
    close_process(process);
    cut_proxy_end(proxy);
}

TEST_CASE(each_event_is_visited_once_though_the_first_leaves_meanwhile)
{
    static struct expiry expiry;
    struct process *process = open_process(pg_fixture_dsn());
    const struct journal_host host = events_host(process->events);
    expiry_init(&expiry, turn_loop(process->turn));
    expiry.more = true;
    leaving = &host;
    expiry_go_on(&expiry);
    leaving = NULL;
    assert_int_equal(2, reads);
    close_process(process);
}

/* Another event opens in the place of "night", which has left. */
static void replace_night(struct process *process)
{
    const struct journal_host host = events_host(process->events);
    char *body = plan_body_quoted(HALL);
    assert_true(host.leave(host.ctx, 0));
    host.drop(host.ctx, 0);
    unit_must(host.found(host.ctx, 0, &(struct store_event){.id = "third"},
                         &(struct store_document){
                             .body = body, .len = strlen(body), .since = 1, .base = 1},
                         &err),
              &err);
    unit_must(host.load(host.ctx, 0, (struct span){NULL, 0}, &err), &err);
    host.own(host.ctx, 0, 1, 0, 0);
    free(body);
}

/* Runs the tick alone, which then collects the answers. */
static void tick(uv_handle_t *handle, void *turn)
{
    if (handle->type == UV_TIMER && handle->data == turn)
        ((uv_timer_t *)handle)->timer_cb((uv_timer_t *)handle);
}

TEST_CASE(event_that_opens_during_a_tick_gets_no_version_of_the_last_in_its_place)
{
    struct process *process = open_process(pg_fixture_dsn());
    const struct event *night = process->event;
    assert_true(engine_avail_version(night->engine) > 0);
    process->event = opened(process, SPAN("other"));
    (void)events_host(process->events).leave(process->events, 0);
    uv_walk(&process->uv, tick, process->turn);
    process->then = replace_night;
    assert_true(take(process, 1, &(uint32_t){0}));
    for (unsigned ms = 0; !process->answered; ms += 2) {
        assert_true(ms < 60000);
        poll(NULL, 0, 2);
        uv_walk(&process->uv, tick, process->turn);
    }
    assert_int_equal(0, engine_avail_version(night->engine));
    close_process(process);
}

UNIT_ONCE(import_halls, NULL)
