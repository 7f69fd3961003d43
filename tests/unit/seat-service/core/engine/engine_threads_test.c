/* engine_threads_test.c: many threads use one engine. The result of each call is recorded and
 * checked afterwards.
 *
 * The checker of holds treats each seat as a register that is taken when free and freed by its
 * taker. One counter gives each call the times of its call and its return. A seat's history is
 * linearizable if each take and each free can be given a point between its call and its return such
 * that lifetimes do not overlap. A holder frees only after its take has returned, so lifetimes
 * follow each other in the order in which the takes returned, and giving each point the earliest
 * possible time finds an assignment if there is one. All or nothing means that all seats of a hold
 * share one call. A refusal is right if another thread may have had one of its seats during the
 * call. */
#include "core/engine/engine_internal.h"
#include "one_change.h"
#include "test_hall.h"
#include "unit.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { THREADS_MAX = 8, CALLS_MAX = 4000, JOURNAL_BYTES = 16 << 20, OFFERED = 2 };

struct call {
    uint64_t called, returned;
    uint32_t hold; /* number of the take, 1..; a free names the take that it frees */
    bool free, refused;
    uint8_t count;
    uint8_t seats[8];
};

struct shared;

struct thread {
    pthread_t id;
    struct shared *shared;
    unsigned number;
    struct rng_seeded rng;
    struct call *calls;
    unsigned count;
    uint64_t counted; /* by the test */
};

/* What all threads do concurrently, in a new hall each round, and the check afterwards. */
struct race {
    const char *name;
    void (*acts[THREADS_MAX])(struct thread *t); /* threads beyond the last act do that one */
    void (*check)(struct shared *shared);
    unsigned threads, rounds, calls;
    uint32_t rows, seats, places; /* of the hall */
    uint32_t asked;               /* only the first `asked` seats are requested; 0: all */
    uint32_t first;               /* first seat that two threads race for */
    bool no_single_seats;
    uint16_t max_per_buyer;
    uint32_t late_max;
};

struct shared {
    const struct race *race;
    struct plan *plan;
    struct engine *engine;
    struct thread threads[THREADS_MAX];
    uint32_t seats; /* number of requested seats */
    unsigned calls;
    _Atomic bool go, stop;
    _Atomic uint64_t time;
    _Atomic uint32_t number;
    /* a journal shared by the threads */
    pthread_mutex_t lock;
    uint8_t *journal;
    size_t journal_len;
    _Atomic uint64_t now_ms, offered[OFFERED];
    _Atomic unsigned remembered, dropped, retaken;
};

static uint32_t roll(struct thread *t, uint32_t below)
{
    return (uint32_t)rng_below(&t->rng.rng, below);
}

/* The op must have begun. */
static void settle(struct engine *engine, enum engine_verdict verdict, struct engine_op *op)
{
    assert(verdict == ENGINE_OK);
    engine_settle(engine, op);
}

static uint64_t tick(struct shared *shared)
{
    return atomic_fetch_add(&shared->time, 1);
}

/* ---- holds are linearizable ---- */

static void hold_and_release(struct thread *t)
{
    struct shared *shared = t->shared;
    struct engine_op op;
    for (unsigned i = 0; i < shared->calls; i++) {
        uint32_t seats[4], count = 0;
        uint32_t first = roll(t, shared->seats), most = 1 + roll(t, 4);
        for (uint32_t s = first; s < shared->seats && count < most; s += 1 + roll(t, 2))
            seats[count++] = s;
        struct engine_ask ask = test_ask_seats(t->number + 1, seats, count);
        struct call *take = &t->calls[t->count++];
        take->count = (uint8_t)count;
        for (uint32_t s = 0; s < count; s++)
            take->seats[s] = (uint8_t)seats[s];
        take->called = tick(shared);
        enum engine_verdict verdict = engine_hold(shared->engine, &ask, TEST_NOW_MS, &op);
        take->returned = tick(shared);
        take->refused = verdict != ENGINE_OK;
        if (take->refused) {
            assert(verdict == ENGINE_TAKEN);
            continue;
        }
        take->hold = atomic_fetch_add(&shared->number, 1) + 1;
        uint64_t id = op.change.hold;
        bool undone = roll(t, 4) == 0; /* the journal refuses a quarter */
        if (!undone)
            engine_settle(shared->engine, &op);
        for (uint32_t s = 0; s < count; s++)
            assert(engine_seat(shared->engine, seats[s]).hold == id);
        if (roll(t, 2))
            sched_yield();
        struct call *back = &t->calls[t->count++];
        *back = *take;
        back->free = true;
        back->called = tick(shared);
        if (undone) {
            engine_undo(shared->engine, &op);
        } else {
            settle(shared->engine,
                   engine_release(shared->engine, id, t->number + 1, TEST_NOW_MS, &op), &op);
        }
        back->returned = tick(shared);
    }
    shared->stop = true;
}

struct life {
    const struct call *take, *free;
};

static int by_return_of_take(const void *a, const void *b)
{
    const struct life *x = a, *y = b;
    return x->take->returned < y->take->returned ? -1 : x->take->returned > y->take->returned;
}

static bool names(const struct call *call, uint32_t seat)
{
    for (unsigned i = 0; i < call->count; i++)
        if (call->seats[i] == seat)
            return true;
    return false;
}

static unsigned lives_of(const struct thread *threads, unsigned count, uint32_t seat,
                         struct life *lives)
{
    unsigned n = 0;
    for (unsigned t = 0; t < count; t++)
        for (unsigned i = 0; i + 1 < threads[t].count; i++) {
            const struct call *call = &threads[t].calls[i];
            if (!call->free && !call->refused && names(call, seat))
                lives[n++] = (struct life){call, call + 1};
        }
    qsort(lives, n, sizeof(*lives), by_return_of_take);
    return n;
}

static bool is_linearizable(const struct life *lives, unsigned n)
{
    uint64_t now = 0;
    for (unsigned i = 0; i < n; i++) {
        now = now > lives[i].take->called ? now : lives[i].take->called;
        if (now > lives[i].take->returned)
            return false;
        now = now > lives[i].free->called ? now : lives[i].free->called;
        if (now > lives[i].free->returned)
            return false;
    }
    return true;
}

/* May another thread have had one of the seats of a refused call during it? That thread's call
 * counts even if it was refused: it may have had the seat for an instant. */
static bool is_justified(const struct thread *threads, unsigned count, const struct call *refused)
{
    for (unsigned t = 0; t < count; t++)
        for (unsigned i = 0; i < threads[t].count; i++) {
            const struct call *call = &threads[t].calls[i];
            if (call == refused || call->free || call->called > refused->returned)
                continue;
            uint64_t until = call->refused ? call->returned : call[1].returned;
            if (until < refused->called)
                continue;
            for (unsigned s = 0; s < refused->count; s++)
                if (names(call, refused->seats[s]))
                    return true;
        }
    return false;
}

static void check_linearizable(struct shared *shared)
{
    static struct life lives[THREADS_MAX * CALLS_MAX];
    unsigned threads = shared->race->threads;
    for (uint32_t seat = 0; seat < shared->seats; seat++) {
        assert_true(is_linearizable(lives, lives_of(shared->threads, threads, seat, lives)));
        assert_int_equal(engine_seat(shared->engine, seat).state, ENGINE_FREE);
    }
    for (unsigned t = 0; t < threads; t++)
        for (unsigned i = 0; i < shared->threads[t].count; i++) {
            const struct call *call = &shared->threads[t].calls[i];
            if (call->refused)
                assert_true(is_justified(shared->threads, threads, call));
        }
}

TEST_CASE(the_checker_notices_a_seat_that_two_held_at_once)
{
    struct call calls[] = {{.called = 1, .returned = 2},
                           {.called = 10, .returned = 11, .free = true},
                           {.called = 3, .returned = 4},
                           {.called = 12, .returned = 13, .free = true}};
    struct life overlapping[] = {{&calls[0], &calls[1]}, {&calls[2], &calls[3]}};
    assert_false(is_linearizable(overlapping, 2));
    calls[2].returned = 11; /* may have taken effect after the free */
    assert_true(is_linearizable(overlapping, 2));
}

/* ---- no two takes leave a single seat together ---- */

/* A thread is refused only because of the other's seats, never because both gave back too often in
 * favour of each other. */
static void fight_for_a_side(struct thread *t)
{
    struct engine *engine = t->shared->engine;
    struct engine_op op;
    const uint32_t first = t->shared->race->first + 3 * t->number, side[] = {first, first + 1};
    struct engine_ask ask = test_ask_seats(t->number + 1, side, 2);
    for (unsigned i = 0; i < t->shared->calls; i++) {
        enum engine_verdict verdict = engine_hold(engine, &ask, TEST_NOW_MS, &op);
        assert(verdict == ENGINE_OK || verdict == ENGINE_ORPHAN);
        if (verdict == ENGINE_ORPHAN)
            continue;
        engine_settle(engine, &op);
        assert(tick(t->shared) == 0); /* the other side is free */
        atomic_fetch_sub(&t->shared->time, 1);
        settle(engine, engine_release(engine, op.change.hold, t->number + 1, TEST_NOW_MS, &op),
               &op);
    }
}

/* ---- what many threads journal replays ---- */

/* A change is committed when it is written here. Its thread settles it some time later, so changes
 * are settled in a different order than the journal's, as with several loops. */
static void commit(struct thread *t, struct engine_op *op)
{
    struct shared *shared = t->shared;
    uint8_t bytes[CHANGE_BYTES_MAX];
    size_t len = change_encode(&op->change, bytes);
    pthread_mutex_lock(&shared->lock);
    assert(shared->journal_len + sizeof(len) + len <= JOURNAL_BYTES);
    memcpy(shared->journal + shared->journal_len, &len, sizeof(len));
    memcpy(shared->journal + shared->journal_len + sizeof(len), bytes, len);
    shared->journal_len += sizeof(len) + len;
    pthread_mutex_unlock(&shared->lock);
    if (op->change.kind == CHANGE_LATE)
        *(op->change.flags & CHANGE_FLAG_REMEMBERED ? &shared->remembered : &shared->dropped) += 1;
    if (op->change.kind == CHANGE_CONFIRMED && op->change.verdict == CHANGE_VERDICT_RETAKEN)
        shared->retaken += 1;
    if (roll(t, 2))
        sched_yield();
    engine_settle(shared->engine, op);
}

/* Takes a hold, then pays for it, or for one that another thread offers, or gives it up. Meanwhile
 * the hold may expire or be forgotten. */
static void buy_late(struct thread *t)
{
    struct shared *shared = t->shared;
    struct engine *engine = shared->engine;
    const struct engine_order order = {.id = SPAN("o")};
    static _Thread_local struct engine_op op;
    uint32_t seat = roll(t, shared->seats);
    uint64_t now_ms = shared->now_ms;
    struct engine_ask ask =
        roll(t, 3) == 0 ? test_ask_area(1, 1 + roll(t, 2)) : test_ask_seats(1, &seat, 1);
    if (engine_hold(engine, &ask, now_ms, &op) != ENGINE_OK)
        return;
    commit(t, &op);
    uint64_t hold = op.change.hold;
    if (engine_extend(engine, hold, &order, 1, now_ms, &op) != ENGINE_OK)
        return;
    commit(t, &op);
    shared->offered[roll(t, OFFERED)] = hold;
    for (unsigned i = roll(t, 20); i > 0; i--)
        sched_yield();
    if (roll(t, 3) == 0)
        hold = shared->offered[roll(t, OFFERED)];
    enum engine_verdict verdict;
    do {
        now_ms = shared->now_ms;
        verdict = roll(t, 3) == 0 ? engine_order_release(engine, hold, order.id, now_ms, &op)
                                  : engine_confirm(engine, hold, order.id, NULL, now_ms, &op);
    } while (verdict == ENGINE_BUSY);
    if (verdict != ENGINE_OK)
        return;
    commit(t, &op);
    if (op.change.kind != CHANGE_CONFIRMED)
        return;
    do {
        verdict = engine_refund(engine, hold, order.id, now_ms, &op);
    } while (verdict == ENGINE_BUSY);
    if (verdict == ENGINE_OK)
        commit(t, &op);
}

/* A hold was remembered when it expired, another was not, and one was retaken. */
static bool has_come_about(const struct shared *shared)
{
    return shared->remembered > 0 && shared->dropped > 0 && shared->retaken > 0;
}

static void expire_late(struct thread *t)
{
    struct shared *shared = t->shared;
    struct engine_op op;
    while (!shared->stop) {
        shared->now_ms += roll(t, 8) == 0 ? LATE_KEEP_MS / 2 : 500000;
        while (engine_expire_next(shared->engine, shared->now_ms, &op))
            commit(t, &op);
        sched_yield();
    }
}

static void buy_often(struct thread *t)
{
    for (unsigned i = 0; i < t->shared->calls || !has_come_about(t->shared); i++)
        buy_late(t);
    t->shared->stop = true;
}

static void check_replayed(struct shared *shared)
{
    struct engine *again = test_hall_engine(shared->plan);
    size_t len;
    engine_replay_begin(again);
    for (size_t at = 0; at < shared->journal_len; at += sizeof(len) + len) {
        memcpy(&len, shared->journal + at, sizeof(len));
        test_apply(again, shared->journal + at + sizeof(len), len);
    }
    assert_int_equal(engine_state_hash(again), engine_state_hash(shared->engine));
    assert_int_equal(engine_area(again, 0).free, engine_area(shared->engine, 0).free);
    assert_int_equal(buyers_count(&again->buyers, 1), buyers_count(&shared->engine->buyers, 1));
    engine_destroy(again);
}

/* ---- price lists ---- */

enum { PRICE_CHANGES = 4 * PRICE_LISTS_MAX, LISTS_LEFT = 3 };

/* Holds use all price lists but LISTS_LEFT, so that freed lists are reused at once. */
static void change_prices(struct thread *t)
{
    struct engine *engine = t->shared->engine;
    struct engine_op op;
    struct engine_ask ask = test_ask_area(2, 1);
    for (uint64_t price = 1; price <= PRICE_CHANGES; price++) {
        if (price <= PRICE_LISTS_MAX - LISTS_LEFT) {
            enum engine_verdict verdict = engine_hold(engine, &ask, TEST_NOW_MS, &op);
            assert(verdict == ENGINE_OK);
            commit(t, &op);
        }
        if (engine_price(engine, 1, &price, SPAN("why"), TEST_NOW_MS, &op) == ENGINE_OK)
            commit(t, &op);
        sched_yield();
    }
    t->shared->stop = true;
}

/* A hold keeps the price at which it was taken. */
static void hold_at_a_price(struct thread *t)
{
    struct engine *engine = t->shared->engine;
    struct engine_op op;
    struct engine_hold_view view;
    uint32_t seat = t->number;
    struct engine_ask ask = test_ask_seats(1, &seat, 1);
    for (unsigned i = 0; i < t->shared->calls && !t->shared->stop; i++) {
        enum engine_verdict verdict = engine_hold(engine, &ask, TEST_NOW_MS, &op);
        assert(verdict == ENGINE_OK); /* no other thread requests this seat */
        uint64_t hold = op.change.hold, total = op.change.total;
        commit(t, &op);
        for (unsigned n = roll(t, 8); n > 0; n--)
            sched_yield();
        verdict = engine_hold_read(engine, hold, &view);
        assert(verdict == ENGINE_OK);
        assert(view.total == total);
        verdict = engine_release(engine, hold, 1, TEST_NOW_MS, &op);
        assert(verdict == ENGINE_OK);
        commit(t, &op);
    }
}

/* ---- reading while others write ---- */

enum { LONG_HOLD = 63, MOVES = 40 };

/* Takes all seats of a row but the last, moves by one seat and back, and gives them back. A hold's
 * seats are linked through the seats, and a seat's links belong to the next holder as soon as it
 * has the seat. */
static void hold_move_and_release(struct thread *t)
{
    struct engine *engine = t->shared->engine;
    struct engine_op op;
    struct engine_who who = test_who(1);
    uint32_t seats[LONG_HOLD];
    for (uint32_t i = 0; i < LONG_HOLD; i++)
        seats[i] = i;
    struct engine_ask ask = test_ask_seats(1, seats, LONG_HOLD);
    for (unsigned done = 0; done < t->shared->calls;) {
        if (engine_hold(engine, &ask, TEST_NOW_MS, &op) != ENGINE_OK)
            continue;
        uint64_t hold = op.change.hold;
        engine_settle(engine, &op);
        t->shared->time = hold;
        for (unsigned i = 0; i < MOVES; i++) {
            const uint32_t ends[] = {LONG_HOLD, 0};
            struct engine_edit edit = {&ends[i % 2], 1, &ends[1 - i % 2], 1, 0};
            settle(engine, engine_change(engine, hold, &who, &edit, TEST_NOW_MS, &op), &op);
        }
        t->shared->time = 0;
        settle(engine, engine_release(engine, hold, 1, TEST_NOW_MS, &op), &op);
        done++;
    }
    t->shared->stop = true;
}

static void hold_two_and_release(struct thread *t)
{
    struct engine *engine = t->shared->engine;
    struct engine_op op;
    struct engine_ask ask = test_ask_seats(2, TEST_SEATS(1, 2));
    while (!t->shared->stop)
        if (engine_hold(engine, &ask, TEST_NOW_MS, &op) == ENGINE_OK) {
            engine_settle(engine, &op);
            settle(engine, engine_release(engine, op.change.hold, 2, TEST_NOW_MS, &op), &op);
        }
}

/* A hold is read whole: neighbours, from the first seat in odd versions, else from the second. */
static void read_the_hold(struct thread *t)
{
    while (!t->shared->stop) {
        struct engine_hold_view view;
        uint64_t hold = t->shared->time;
        enum engine_verdict verdict = engine_hold_read(t->shared->engine, hold, &view);
        if (verdict != ENGINE_OK) { /* it is being changed or has ended */
            assert(verdict == ENGINE_BUSY || hold == 0 || t->shared->time != hold);
            continue;
        }
        assert(view.seat_count == LONG_HOLD);
        for (uint32_t i = 0; i < LONG_HOLD; i++)
            assert(view.seats[i] == (view.version - 1) % 2 + i);
        t->counted++;
    }
}

static void check_read(struct shared *shared)
{
    assert_true(shared->threads[2].counted > 0);
}

enum { AVAIL_ROWS = 4, AVAIL_ROW = 200, AVAIL_SEATS = AVAIL_ROWS * AVAIL_ROW };

static void follow_deltas(struct thread *t)
{
    struct shared *shared = t->shared;
    static _Thread_local uint8_t mine[AVAIL_SEATS], whole[AVAIL_SEATS / 4];
    static _Thread_local struct engine_delta deltas[AVAIL_SEATS];
    uint64_t version = 0;
    for (bool last = false;;) {
        uint64_t now;
        int n = version == 0
                    ? -1
                    : engine_avail_since(shared->engine, version, deltas, AVAIL_SEATS, &now);
        if (n < 0) {
            now = engine_avail_copy(shared->engine, whole);
            for (uint32_t s = 0; s < AVAIL_SEATS; s++)
                mine[s] = whole[s / 4] >> (2 * (s % 4)) & 3;
        }
        for (int i = 0; i < n; i++)
            mine[deltas[i].seat] = deltas[i].state;
        assert(now >= version);
        version = now;
        /* The deltas must lead to exactly the picture of this version. */
        if (engine_avail_copy(shared->engine, whole) == version) {
            for (uint32_t s = 0; s < AVAIL_SEATS; s++)
                assert(mine[s] == (whole[s / 4] >> (2 * (s % 4)) & 3));
            t->counted++;
        }
        if (last)
            return;
        last = atomic_load(&shared->stop);
    }
}

static void publish(struct thread *t)
{
    while (!t->shared->stop)
        test_publish(t->shared->engine);
}

/* ---- the herd ---- */

enum { HERD_CALLS = 250, HERD_THREADS = 8 };

static void ask_for_the_best(struct thread *t)
{
    struct engine_op op;
    for (unsigned i = 0; i < t->shared->calls; i++) {
        struct engine_ask ask = test_ask_best(t->number * 1000 + i, 0, 4, true);
        enum engine_verdict verdict = engine_hold(t->shared->engine, &ask, TEST_NOW_MS, &op);
        sched_yield(); /* lets other threads run between claim and commit */
        settle(t->shared->engine, verdict, &op);
    }
}

/* Two thousand buyers get four seats each, and few of them lost a race between choice and claim. */
static void check_herd(struct shared *shared)
{
    uint32_t held = 0;
    for (uint32_t s = 0; s < shared->seats; s++)
        held += engine_seat(shared->engine, s).state == ENGINE_HELD;
    assert_int_equal(held, 4 * HERD_THREADS * HERD_CALLS);
    assert_true(engine_stats(shared->engine).best_retries < 400);
}

/* ---- the table ---- */

/* clang-format off */
static const struct race races[] = {
    {.name = "holds at once are linearizable", .acts = {hold_and_release}, .check = check_linearizable,
     .threads = 4, .rounds = 15, .calls = 600, .rows = 3, .seats = 8},
    {.name = "two takes at once leave no single seat before a bitmap's end", .acts = {fight_for_a_side},
     .threads = 2, .rounds = 1, .calls = 100000, .rows = 2, .seats = 130, .first = 61, .no_single_seats = true},
    {.name = "nor one behind it, nor do they stop each other for good", .acts = {fight_for_a_side},
     .threads = 2, .rounds = 1, .calls = 100000, .rows = 2, .seats = 130, .first = 62, .no_single_seats = true},
    {.name = "a journal of many threads replays to the same state", .acts = {expire_late, buy_often},
     .check = check_replayed, .threads = 4, .rounds = 1, .calls = 1800, .rows = 2, .seats = 16,
     .places = 3, .max_per_buyer = 1000, .late_max = 1},
    {.name = "a hold keeps its price while lists are used again", .acts = {change_prices, hold_at_a_price},
     .check = check_replayed, .threads = 4, .rounds = 1, .calls = 20000, .rows = 1, .seats = 16,
     .places = PRICE_LISTS_MAX},
    {.name = "a hold is read whole while it changes and ends", .acts = {hold_move_and_release, hold_two_and_release, read_the_hold},
     .threads = 4, .rounds = 1, .calls = 1000, .rows = 1, .seats = LONG_HOLD + 1},
    {.name = "deltas lead from any picture to the newest", .acts = {hold_and_release, publish, follow_deltas},
     .check = check_read, .threads = 4, .rounds = 1, .calls = 1900, .rows = AVAIL_ROWS, .seats = AVAIL_ROW, .asked = 255},
    {.name = "two thousand buyers of the best rarely collide", .acts = {ask_for_the_best}, .check = check_herd,
     .threads = HERD_THREADS, .rounds = 1, .calls = HERD_CALLS, .rows = 200, .seats = 60},
};
/* clang-format on */

static void *begin(void *arg)
{
    struct thread *t = arg;
    unsigned act = t->number;
    while (t->shared->race->acts[act] == NULL)
        act--;
    while (!t->shared->go)
        sched_yield();
    t->shared->race->acts[act](t);
    return NULL;
}

static void run(const struct race *race, uint64_t seed)
{
    struct shared shared = {.race = race, .calls = race->calls, .now_ms = TEST_NOW_MS};
    struct plan_limits limits = test_limits();
    limits.max_per_hold = HOLD_SEATS_MAX;
    limits.orphan_rule = race->no_single_seats;
    limits.max_per_buyer = race->max_per_buyer;
    shared.plan = test_hall_block(race->rows, race->seats, limits, race->places);
    shared.engine = test_hall_engine_late(shared.plan, race->late_max);
    shared.seats = race->asked != 0 ? race->asked : race->rows * race->seats;
    shared.journal = malloc(JOURNAL_BYTES);
    pthread_mutex_init(&shared.lock, NULL);
    for (unsigned i = 0; i < race->threads; i++) {
        struct thread *t = &shared.threads[i];
        *t = (struct thread){.shared = &shared, .number = i};
        rng_seeded_init(&t->rng, seed + i);
        t->calls = calloc(CALLS_MAX, sizeof(struct call));
        assert_int_equal(pthread_create(&t->id, NULL, begin, t), 0);
    }
    shared.go = true;
    for (unsigned i = 0; i < race->threads; i++)
        pthread_join(shared.threads[i].id, NULL);
    if (race->check != NULL)
        race->check(&shared);
    for (unsigned i = 0; i < race->threads; i++)
        free(shared.threads[i].calls);
    pthread_mutex_destroy(&shared.lock);
    free(shared.journal);
    engine_destroy(shared.engine);
    plan_destroy(shared.plan);
}

static void run_race(void **state)
{
    const struct race *race = *state;
    const char *more = getenv("FAIRGATE_TEST_ROUNDS"); /* 10: ten times as many */
    unsigned times = more != NULL ? (unsigned)strtoul(more, NULL, 10) : 1;
    uint64_t seed = unit_seed();
    for (unsigned round = 0; round < race->rounds * times; round++)
        run(race, seed + 100 * (uint64_t)round);
}

UNIT_ROWS(races, run_race)
