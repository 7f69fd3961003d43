/* journal_recovery_test.c: many changes of a hall, written as the committer writes them, then read
 * by a process that starts from nothing. The long form (FAIRGATE_SOAK=1) has 66,000 seats and a
 * million changes and prints how long it takes; with a release build that is the figure of the
 * README. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hall_body.h"
#include "journal/commit_queue.h"
#include "journal/follower.h"
#include "journal/journal.h"
#include "loop/events.h"
#include "pg_fixture.h"
#include "tables/migrate.h"
#include "tables/statements.h"

#include <inttypes.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct pg_fixture *server;

enum { PER_ROW = 250, BATCH = 1000, OPEN_MAX = 4000, MEMORY = 4 << 20 };

struct scale {
    uint32_t rows, changes;
};

static struct scale scale_of_run(void)
{
    return getenv("FAIRGATE_SOAK") != NULL ? (struct scale){264, 1000000} : (struct scale){8, 6000};
}

static void must(int rc, const struct err_slot *err)
{
    if (rc < 0)
        fail_msg("%s", err->text);
}

/* ---- the changes ---- */

struct life {
    struct engine *engine;
    struct pg *pg;
    struct store_batch batch;
    struct commit_entry *entries[BATCH];
    uint64_t open[OPEN_MAX]; /* holds that may be given back */
    uint32_t open_len;
    void *memory;
};

static void write_batch(struct life *life)
{
    struct err_slot err = {0};
    if (life->batch.len == 0)
        return;
    must(store_commit(life->pg, &life->batch, 1, life->memory, MEMORY, &err), &err);
    assert_true(life->batch.written);
    for (uint32_t i = 0; i < life->batch.len; i++)
        if (life->entries[i]->op.change.kind != CHANGE_IMPORTED)
            engine_settle(life->engine, &life->entries[i]->op);
    life->batch.head = life->batch.after;
    life->batch.len = 0;
}

/* One more change: a hold of one or two seats, or one of the older holds given back. */
static void live_once(struct life *life, const struct rng *rng, uint32_t seats, uint64_t now_ms)
{
    struct engine_op *op = &life->entries[life->batch.len]->op;
    uint32_t full = seats / 4 < OPEN_MAX ? seats / 4 : OPEN_MAX;
    enum engine_verdict verdict;
    if (life->open_len == full || (life->open_len > full / 2 && rng_below(rng, 2) == 0)) {
        uint32_t nth = (uint32_t)rng_below(rng, life->open_len);
        verdict = engine_release(life->engine, life->open[nth], 7, now_ms, op);
        if (verdict == ENGINE_OK)
            life->open[nth] = life->open[--life->open_len];
        else /* taken in this very batch: not there before it is settled */
            assert_true(verdict == ENGINE_NO_HOLD || verdict == ENGINE_BUSY);
    } else {
        uint32_t chosen[2] = {(uint32_t)rng_below(rng, seats - 1)};
        chosen[1] = chosen[0] + 1;
        struct engine_ask ask = {.who = {.buyer = 9, .session = 7, .channels = 1},
                                 .area = ENGINE_AREA_NONE,
                                 .category = ENGINE_CATEGORY_ANY,
                                 .seats = chosen,
                                 .seat_count = 1 + (uint32_t)rng_below(rng, 2)};
        verdict = engine_hold(life->engine, &ask, now_ms, op);
        if (verdict == ENGINE_OK)
            life->open[life->open_len++] = op->change.hold;
        else
            assert_int_equal(ENGINE_TAKEN, verdict);
    }
    life->batch.len += verdict == ENGINE_OK ? 1 : 0;
    if (life->batch.len == BATCH || verdict == ENGINE_NO_HOLD || verdict == ENGINE_BUSY)
        write_batch(life);
}

static uint64_t live(const struct shown_plan *plan, int32_t event, struct pg *pg, uint32_t changes,
                     struct store_head *head)
{
    static struct life life;
    struct err_slot err = {0};
    struct rng_seeded rng;
    rng_seeded_init(&rng, 1);
    uint64_t now_ms = clock_wall_us(clock_system()) / 1000 - 1000;
    struct engine_conf conf = {.plan = plan->plan, .seed = 3, .now_ms = now_ms};
    memset(&life, 0, sizeof(life));
    must(engine_create(&conf, &err, &life.engine), &err);
    life.pg = pg;
    life.memory = malloc(MEMORY);
    for (uint32_t i = 0; i < BATCH; i++)
        life.entries[i] = calloc(1, sizeof(struct commit_entry));
    life.batch = (struct store_batch){.event = event, .entries = life.entries};
    static const struct store_address nowhere;
    struct store_line line;
    const struct store_claim claim = {SPAN("test"), &nowhere, 1, 1};
    must(store_raise(pg, event, 0, &claim, &err, &life.batch.head, &line), &err);
    change_init(&life.entries[0]->op.change, CHANGE_IMPORTED, now_ms);
    memcpy(life.entries[0]->op.change.plan_hash, plan_hash(plan->plan), CHANGE_HASH_BYTES);
    life.batch.len = 1;
    write_batch(&life);
    while (life.batch.head.seq + life.batch.len < changes)
        live_once(&life, &rng.rng, plan_seat_count(plan->plan), now_ms);
    write_batch(&life);
    *head = life.batch.head;
    uint64_t hash = engine_state_hash(life.engine);
    engine_destroy(life.engine);
    for (uint32_t i = 0; i < BATCH; i++)
        free(life.entries[i]);
    free(life.memory);
    return hash;
}

/* ---- recovery ---- */

static void no_wake(void *ctx)
{
    (void)ctx;
}

static void no_fence(void *ctx, const char *reason)
{
    (void)ctx;
    fail_msg("fenced: %s", reason);
}

/* Returns the time from the start to owning the event. */
static uint64_t recover(uint64_t expected_hash)
{
    struct err_slot err = {0};
    struct commit_queue *queue;
    struct idem *idem;
    struct events *events;
    struct journal *journal;
    must(commit_queue_create(&(struct commit_queue_conf){1, 16}, &err, &queue), &err);
    commit_queue_port(queue, 0, no_wake, NULL);
    must(idem_create(1 << 20, &err, &idem), &err);
    struct events_conf events_conf = {.clock = clock_system(), .idem = idem, .fenced = no_fence};
    must(events_create(&events_conf, &err, &events), &err);
    struct journal_conf conf = {
        .dsn = pg_fixture_dsn(server),
        .instance = "recovered",
        .events = "",
        .batch_max = JOURNAL_BATCH_MAX,
        .queue = queue,
        .clock = clock_system(),
        .rng = rng_system(),
        .host = events_host(events),
    };
    uint64_t began_us = clock_mono_us(clock_system());
    must(journal_start(&conf, &err, &journal), &err);
    struct event *event;
    while ((event = events_nth(events, 0)) == NULL || !events_is_open(event)) {
        assert_true(clock_mono_us(clock_system()) - began_us < 120000000);
        poll(NULL, 0, 1);
    }
    uint64_t took_us = clock_mono_us(clock_system()) - began_us;
    assert_true(engine_state_hash(event->engine) == expected_hash);
    journal_stop(journal);
    journal_destroy(journal);
    commit_queue_destroy(queue);
    events_destroy(events);
    idem_destroy(idem);
    return took_us;
}

static int apply(void *ctx, const struct change *change, const struct store_row *row,
                 struct err_slot *err)
{
    (void)row;
    return engine_apply(ctx, change, err);
}

/* As the auditor makes one. */
static void write_snapshot(const struct shown_plan *plan, int32_t event, struct pg *pg)
{
    struct err_slot err = {0};
    struct engine *engine;
    struct engine_conf conf = {.plan = plan->plan, .seed = 5, .now_ms = 1};
    struct store_event id = {.no = event, .id = "life"};
    struct follower follower;
    must(engine_create(&conf, &err, &engine), &err);
    engine_replay_begin(engine);
    follower_init(&follower, &id);
    follower.apply = apply;
    follower.ctx = engine;
    must(follower_read(&follower, pg, &err), &err);
    size_t room = engine_snapshot_size(engine);
    uint8_t *body = malloc(room);
    struct span snapshot = {(const char *)body, engine_snapshot_write(engine, body, room)};
    must(store_snapshot_write(pg, event, &follower.head, snapshot, &err), &err);
    free(body);
    engine_destroy(engine);
}

static void new_process_recovers_the_state_with_and_without_a_snapshot(void **state)
{
    (void)state;
    struct err_slot err = {0};
    struct scale scale = scale_of_run();
    struct shown_plan *plan;
    struct pg *pg;
    struct store_head head;
    int32_t event;
    struct span body = hall_body(scale.rows, PER_ROW);
    uint64_t import_us = clock_mono_us(clock_system());
    must(shown_plan_create(body, &err, &plan), &err);
    import_us = clock_mono_us(clock_system()) - import_us;
    must(pg_open(&(struct pg_conf){pg_fixture_dsn(server), "test", MIGRATE_SCHEMA, 5000, 60000},
                 &err, &pg),
         &err);
    must(migrate_run(pg, &err), &err);
    must(sql_prepare(pg, &err), &err);
    struct span hash = {(const char *)plan_hash(plan->plan), PLAN_HASH_BYTES};
    must(store_event_create(pg, SPAN("life"), hash, body, SPAN(""), &err, &event), &err);
    uint64_t began_us = clock_mono_us(clock_system());
    uint64_t state_hash = live(plan, event, pg, scale.changes, &head);
    print_message("%" PRIu64 " changes of %u seats written in %" PRIu64 " ms\n", head.seq,
                  plan_seat_count(plan->plan), (clock_mono_us(clock_system()) - began_us) / 1000);
    print_message("reading the plan takes %" PRIu64 " ms of each of the following\n",
                  import_us / 1000);
    print_message("found again without a snapshot in %" PRIu64 " ms\n", recover(state_hash) / 1000);
    write_snapshot(plan, event, pg);
    print_message("and from a snapshot in %" PRIu64 " ms\n", recover(state_hash) / 1000);
    pg_close(pg);
    shown_plan_destroy(plan);
    free((char *)(uintptr_t)body.ptr);
}

static int start(void **state)
{
    (void)state;
    server = pg_fixture_start();
    return sodium_init() < 0 ? -1 : 0;
}

static int end(void **state)
{
    (void)state;
    pg_fixture_end(server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_process_recovers_the_state_with_and_without_a_snapshot),
    };
    return cmocka_run_group_tests(tests, start, end);
}
