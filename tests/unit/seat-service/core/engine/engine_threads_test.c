/* engine_threads_test.c: many threads at one engine. What each call returned is recorded and
 * checked afterwards.
 *
 * The checker of holds takes each seat as a register that can be taken when free and freed by its
 * taker. Every call has its time of call and of return, from one counter. A seat's history is
 * linearizable if a point can be given to each take and each free, between its call and its return,
 * such that lifetimes do not overlap. As a holder frees only after the take has returned, lifetimes
 * must follow each other in the order in which the takes returned, so giving each point the
 * earliest possible time finds an assignment if there is one. All or nothing means that all seats
 * of a hold share one call. A refusal is right if each seat that it names may have been another
 * thread's at some point of the call. */
#include "test_hall.h"
#include "unit.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS_MAX = 8, CALLS_MAX = 4000 };

static unsigned scale(unsigned n) /* FAIRGATE_TEST_ROUNDS=10: ten times as much */
{
    const char *more = getenv("FAIRGATE_TEST_ROUNDS");
    return more != NULL ? n * (unsigned)strtoul(more, NULL, 10) : n;
}

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

struct shared {
    struct plan *plan;
    struct engine *engine;
    uint32_t late_max;
    _Atomic uint64_t time;
    _Atomic uint32_t number;
    _Atomic bool go, stop;
    uint32_t seats;
    unsigned calls;
    struct thread threads[THREADS_MAX];
};

static uint32_t roll(struct thread *t, uint32_t below)
{
    return (uint32_t)rng_below(&t->rng.rng, below);
}

static void open_shared(struct shared *shared, uint32_t rows, uint32_t seats,
                        struct plan_limits limits, uint32_t places)
{
    shared->plan = test_hall_block(rows, seats, limits, places);
    struct engine_conf conf = {
        .plan = shared->plan, .seed = 7, .now_ms = TEST_NOW_MS, .late_max = shared->late_max};
    assert_int_equal(engine_create(&conf, NULL, &shared->engine), 0);
}

static void run(struct shared *shared, unsigned count, void *(*body)(void *), uint64_t seed)
{
    for (unsigned i = 0; i < count; i++) {
        struct thread *thread = &shared->threads[i];
        *thread = (struct thread){.shared = shared, .number = i};
        rng_seeded_init(&thread->rng, seed + i);
        thread->calls = calloc(CALLS_MAX, sizeof(struct call));
        pthread_create(&thread->id, NULL, body, thread);
    }
    atomic_store(&shared->go, true);
    for (unsigned i = 0; i < count; i++)
        pthread_join(shared->threads[i].id, NULL);
}

static void close_shared(struct shared *shared)
{
    for (unsigned i = 0; i < THREADS_MAX; i++)
        free(shared->threads[i].calls);
    engine_destroy(shared->engine);
    plan_destroy(shared->plan);
}

/* The op must have begun. */
static void settle(struct engine *engine, enum engine_verdict verdict, struct engine_op *op)
{
    assert(verdict == ENGINE_OK);
    engine_settle(engine, op);
}

static void wait_for_go(struct shared *shared)
{
    while (!atomic_load(&shared->go))
        sched_yield();
}

static uint64_t tick(struct shared *shared)
{
    return atomic_fetch_add(&shared->time, 1);
}

/* ---- holds are linearizable ---- */

static void *hold_and_release(void *arg)
{
    struct thread *t = arg;
    struct shared *shared = t->shared;
    struct engine_op op;
    wait_for_go(shared);
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
    return NULL;
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

/* May one of the seats of a refused call have been another thread's during it? A call that was
 * refused itself counts too: it may have had the seat for an instant. */
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

static void recorded_concurrent_holds_are_linearizable(void **state)
{
    (void)state;
    uint64_t seed = rng_u64(rng_system()) >> 32;
    printf("seed %llu\n", (unsigned long long)seed);
    for (unsigned round = 0; round < scale(15); round++) {
        struct shared shared = {.seats = 24, .calls = 600};
        open_shared(&shared, 3, 8, test_limits(), 0);
        run(&shared, 4, hold_and_release, seed + round * 100);
        static struct life lives[4 * CALLS_MAX];
        for (uint32_t seat = 0; seat < 24; seat++)
            assert_true(is_linearizable(lives, lives_of(shared.threads, 4, seat, lives)));
        unsigned refused = 0, taken = 0;
        for (unsigned t = 0; t < 4; t++)
            for (unsigned i = 0; i < shared.threads[t].count; i++) {
                const struct call *call = &shared.threads[t].calls[i];
                refused += call->refused;
                taken += !call->refused && !call->free;
                if (call->refused)
                    assert_true(is_justified(shared.threads, 4, call));
            }
        printf("%u taken, %u refused\n", taken, refused);
        char text[32];
        assert_string_equal(test_states(shared.engine, 24, text), "........................");
        close_shared(&shared);
    }
}

static void the_checker_notices_a_seat_that_two_held_at_once(void **state)
{
    (void)state;
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

struct pair {
    struct shared shared;
    uint32_t left[2], right[2];
    _Atomic uint64_t held[2];
    pthread_barrier_t barrier;
    unsigned rounds;
    unsigned both;
};

static void *take_a_side(void *arg)
{
    struct thread *t = arg;
    struct pair *pair = (struct pair *)(void *)t->shared;
    struct engine_op op;
    for (unsigned i = 0; i < pair->rounds; i++) {
        struct engine_ask ask =
            test_ask_seats(t->number + 1, t->number == 0 ? pair->left : pair->right, 2);
        pthread_barrier_wait(&pair->barrier);
        enum engine_verdict verdict = engine_hold(pair->shared.engine, &ask, TEST_NOW_MS, &op);
        assert(verdict == ENGINE_OK || verdict == ENGINE_ORPHAN);
        if (verdict == ENGINE_OK)
            engine_settle(pair->shared.engine, &op);
        atomic_store(&pair->held[t->number], verdict == ENGINE_OK ? op.change.hold : 0);
        pthread_barrier_wait(&pair->barrier);
        if (t->number == 0 && pair->held[0] != 0 && pair->held[1] != 0)
            pair->both++;
        pthread_barrier_wait(&pair->barrier);
        if (verdict == ENGINE_OK) {
            settle(pair->shared.engine,
                   engine_release(pair->shared.engine, op.change.hold, t->number + 1, TEST_NOW_MS,
                                  &op),
                   &op);
        }
    }
    return NULL;
}

static void race_for_sides(uint32_t row, uint32_t first)
{
    struct plan_limits limits = test_limits();
    limits.orphan_rule = true;
    struct pair pair = {
        .left = {first, first + 1}, .right = {first + 3, first + 4}, .rounds = scale(8000)};
    open_shared(&pair.shared, 2, row, limits, 0);
    pthread_barrier_init(&pair.barrier, NULL, 2);
    run(&pair.shared, 2, take_a_side, 1);
    assert_int_equal(pair.both, 0);
    pthread_barrier_destroy(&pair.barrier);
    close_shared(&pair.shared);
}

static void two_takes_at_once_do_not_leave_a_single_seat_between_them(void **state)
{
    (void)state;
    race_for_sides(20, 4);
}

static void two_takes_in_a_long_row_leave_no_single_seat_between_them(void **state)
{
    (void)state;
    race_for_sides(130, 62); /* 62 63 | 64 65 66: the single seat is in the other bitmap */
    race_for_sides(130, 61); /* 61 62 63 | 64 65 */
}

/* ---- expiry, confirm, release: one of them ---- */

enum { RACE_HOLDS = 64 };

struct race {
    struct shared shared;
    uint64_t holds[RACE_HOLDS];
    pthread_barrier_t barrier;
    _Atomic unsigned confirmed, retaken, gone, expired, released;
    unsigned rounds;
};

static void confirm_all(struct race *race, unsigned from)
{
    struct engine_op op;
    for (unsigned i = 0; i < RACE_HOLDS; i++) {
        uint64_t id = race->holds[(from + i) % RACE_HOLDS];
        enum engine_verdict verdict;
        do {
            verdict = engine_confirm(race->shared.engine, id, SPAN("o"), NULL, TEST_NOW_MS, &op);
        } while (verdict == ENGINE_BUSY);
        if (verdict == ENGINE_OK) {
            atomic_fetch_add(
                op.change.verdict == CHANGE_VERDICT_RETAKEN ? &race->retaken : &race->confirmed, 1);
            engine_settle(race->shared.engine, &op);
        } else if (verdict == ENGINE_GONE || verdict == ENGINE_NO_HOLD) {
            atomic_fetch_add(&race->gone, 1);
        } else {
            assert(verdict == ENGINE_SAME);
        }
    }
}

static void *race_body(void *arg)
{
    struct thread *t = arg;
    struct race *race = (struct race *)(void *)t->shared;
    struct engine *engine = race->shared.engine;
    struct engine_op op;
    for (unsigned i = 0; i < race->rounds; i++) {
        if (t->number == 0)
            for (uint32_t h = 0; h < RACE_HOLDS; h++) {
                struct engine_ask ask = test_ask_seats(1, &h, 1);
                settle(engine, engine_hold(engine, &ask, TEST_NOW_MS, &op), &op);
                race->holds[h] = op.change.hold;
                settle(engine,
                       engine_extend(engine, race->holds[h],
                                     &(struct engine_order){.id = SPAN("o")}, 1, TEST_NOW_MS, &op),
                       &op);
            }
        pthread_barrier_wait(&race->barrier);
        if (t->number == 0) {
            while (engine_expire_next(engine, TEST_NOW_MS + 2000000, &op)) {
                atomic_fetch_add(&race->expired, 1);
                engine_settle(engine, &op);
            }
        } else if (t->number == 1) {
            confirm_all(race, roll(t, RACE_HOLDS));
        } else {
            for (unsigned h = 0; h < RACE_HOLDS; h++)
                if (engine_order_release(engine, race->holds[roll(t, RACE_HOLDS)], SPAN("o"),
                                         TEST_NOW_MS, &op) == ENGINE_OK) {
                    atomic_fetch_add(&race->released, 1);
                    engine_settle(engine, &op);
                }
        }
        pthread_barrier_wait(&race->barrier);
        if (t->number != 0)
            continue;
        /* Each seat is sold or free now, and the hold agrees. */
        for (uint32_t h = 0; h < RACE_HOLDS; h++) {
            struct engine_seat seat = engine_seat(engine, h);
            assert(seat.state == ENGINE_SEAT_SOLD || seat.state == ENGINE_FREE ||
                   seat.state == ENGINE_HELD);
            if (seat.state == ENGINE_HELD) { /* the wheel was too early for a busy hold */
                settle(engine, engine_confirm(engine, seat.hold, SPAN("o"), NULL, TEST_NOW_MS, &op),
                       &op);
            }
            if (engine_seat(engine, h).state == ENGINE_SEAT_SOLD) {
                settle(engine, engine_refund(engine, race->holds[h], SPAN("o"), TEST_NOW_MS, &op),
                       &op);
            }
        }
    }
    return NULL;
}

static void expiry_confirm_and_release_race_to_one_outcome(void **state)
{
    (void)state;
    struct plan_limits limits = test_limits();
    limits.max_per_buyer = 1000;
    struct race race = {.rounds = scale(100)};
    open_shared(&race.shared, 8, 8, limits, 0);
    pthread_barrier_init(&race.barrier, NULL, 3);
    run(&race.shared, 3, race_body, 11);
    printf("%u expired, %u confirmed, %u retaken, %u gone, %u released\n", race.expired,
           race.confirmed, race.retaken, race.gone, race.released);
    char text[65];
    for (const char *c = test_states(race.shared.engine, 64, text); *c != '\0'; c++)
        assert_int_equal(*c, '.');
    /* What was counted for the buyer was counted off again. */
    uint32_t all[64];
    for (uint32_t i = 0; i < 64; i++)
        all[i] = i;
    for (uint32_t i = 0; i < 64; i += 8)
        test_hold(race.shared.engine, 1, all + i, 8);
    pthread_barrier_destroy(&race.barrier);
    close_shared(&race.shared);
}

/* ---- what many threads journal replays ---- */

enum { LATE_ROOM = 1, SCENES = 15 };

/* One lets holds run out, the others hold, pay and give up. A change is committed when it is
 * written here, and settled some time later, on the thread that made it: so changes are settled in
 * another order than the journal's, as with several loops. */
struct scene {
    struct shared shared;
    pthread_mutex_t lock;
    uint8_t *journal;
    size_t len;
    _Atomic uint64_t now_ms;
    _Atomic unsigned remembered, dropped, retaken, busy;
};

static void commit(struct scene *scene, struct thread *t, struct engine_op *op)
{
    uint8_t bytes[CHANGE_BYTES_MAX];
    size_t len = change_encode(&op->change, bytes);
    pthread_mutex_lock(&scene->lock);
    memcpy(scene->journal + scene->len, &len, sizeof(len));
    memcpy(scene->journal + scene->len + sizeof(len), bytes, len);
    scene->len += sizeof(len) + len;
    pthread_mutex_unlock(&scene->lock);
    if (op->change.kind == CHANGE_LATE)
        (op->change.flags & CHANGE_FLAG_REMEMBERED ? &scene->remembered : &scene->dropped)[0] += 1;
    if (op->change.kind == CHANGE_CONFIRMED && op->change.verdict == CHANGE_VERDICT_RETAKEN)
        scene->retaken += 1;
    if (roll(t, 2))
        sched_yield();
    engine_settle(scene->shared.engine, op);
}

static void buy_late(struct scene *scene, struct thread *t)
{
    struct engine *engine = scene->shared.engine;
    static _Thread_local struct engine_op op;
    uint32_t seat = roll(t, scene->shared.seats);
    uint64_t now_ms = scene->now_ms;
    struct engine_ask ask =
        roll(t, 3) == 0 ? test_ask_area(1, 1 + roll(t, 2)) : test_ask_seats(1, &seat, 1);
    if (engine_hold(engine, &ask, now_ms, &op) != ENGINE_OK)
        return;
    commit(scene, t, &op);
    uint64_t hold = op.change.hold;
    const struct engine_order order = {.id = SPAN("o")};
    if (engine_extend(engine, hold, &order, 1, now_ms, &op) != ENGINE_OK)
        return;
    commit(scene, t, &op);
    for (unsigned i = roll(t, 20); i > 0; i--)
        sched_yield();
    enum engine_verdict verdict;
    do { /* the hold runs out meanwhile, or is forgotten, or has not yet */
        now_ms = scene->now_ms;
        verdict = roll(t, 3) == 0 ? engine_order_release(engine, hold, order.id, now_ms, &op)
                                  : engine_confirm(engine, hold, order.id, NULL, now_ms, &op);
        scene->busy += verdict == ENGINE_BUSY;
    } while (verdict == ENGINE_BUSY);
    if (verdict != ENGINE_OK)
        return;
    commit(scene, t, &op);
    if (op.change.kind == CHANGE_CONFIRMED &&
        engine_refund(engine, hold, order.id, now_ms, &op) == ENGINE_OK)
        commit(scene, t, &op);
}

static void *play(void *arg)
{
    struct thread *t = arg;
    struct scene *scene = (struct scene *)(void *)t->shared;
    struct engine_op op;
    wait_for_go(t->shared);
    if (t->number > 0) {
        for (unsigned i = 0; i < t->shared->calls; i++)
            buy_late(scene, t);
        t->shared->stop = true;
        return NULL;
    }
    while (!atomic_load(&t->shared->stop)) {
        scene->now_ms += roll(t, 8) == 0 ? LATE_KEEP_MS / 2 : 500000;
        while (engine_expire_next(t->shared->engine, scene->now_ms, &op))
            commit(scene, t, &op);
        sched_yield();
    }
    return NULL;
}

static void check_replayed(const struct scene *scene)
{
    struct engine *again = test_hall_engine(scene->shared.plan);
    engine_replay_begin(again);
    for (size_t at = 0; at < scene->len;) {
        size_t len;
        struct change change;
        struct err_slot err = {.text = ""};
        memcpy(&len, scene->journal + at, sizeof(len));
        int rc = change_decode(scene->journal + at + sizeof(len), len, &err, &change);
        if (rc == 0)
            rc = engine_apply(again, &change, &err);
        assert_string_equal(err.text, "");
        assert_int_equal(rc, 0);
        at += sizeof(len) + len;
    }
    assert_int_equal(engine_state_hash(again), engine_state_hash(scene->shared.engine));
    engine_destroy(again);
}

static void a_journal_of_many_threads_replays_to_the_same_state(void **state)
{
    (void)state;
    uint64_t seed = rng_u64(rng_system()) >> 32;
    unsigned remembered = 0, dropped = 0, retaken = 0;
    printf("seed %llu\n", (unsigned long long)seed);
    for (unsigned round = 0; round < scale(SCENES); round++) {
        struct scene scene = {.shared = {.late_max = LATE_ROOM, .seats = 32, .calls = 120},
                              .now_ms = TEST_NOW_MS};
        open_shared(&scene.shared, 2, 16, test_limits(), 30);
        pthread_mutex_init(&scene.lock, NULL);
        scene.journal = malloc((size_t)16 * 1024 * 1024);
        run(&scene.shared, 4, play, seed + round * 100);
        check_replayed(&scene);
        remembered += scene.remembered;
        dropped += scene.dropped;
        retaken += scene.retaken;
        pthread_mutex_destroy(&scene.lock);
        free(scene.journal);
        close_shared(&scene.shared);
    }
    printf("%u remembered, %u not, %u retaken\n", remembered, dropped, retaken);
    assert_true(remembered > 0);
    assert_true(dropped > 0);
    assert_true(retaken > 0);
}

/* ---- limits, areas ---- */

static void *grab_as_one_buyer(void *arg)
{
    struct thread *t = arg;
    struct engine_op op;
    wait_for_go(t->shared);
    for (unsigned i = 0; i < t->shared->calls; i++) {
        uint32_t seat = roll(t, t->shared->seats);
        bool area = roll(t, 2);
        struct engine_ask ask = area ? test_ask_area(77, 1) : test_ask_seats(77, &seat, 1);
        if (engine_hold(t->shared->engine, &ask, TEST_NOW_MS, &op) != ENGINE_OK)
            continue;
        engine_settle(t->shared->engine, &op);
        uint64_t now = atomic_fetch_add(&t->shared->time, 1) + 1;
        t->counted = now > t->counted ? now : t->counted;
        sched_yield();
        atomic_fetch_sub(&t->shared->time, 1);
        settle(t->shared->engine,
               engine_release(t->shared->engine, op.change.hold, 77, TEST_NOW_MS, &op), &op);
    }
    return NULL;
}

static void one_buyer_with_many_requests_stays_within_the_limit(void **state)
{
    (void)state;
    struct plan_limits limits = test_limits();
    limits.max_per_buyer = 3;
    struct shared shared = {.seats = 32, .calls = scale(5000)};
    open_shared(&shared, 4, 8, limits, 50);
    run(&shared, 6, grab_as_one_buyer, 5);
    for (unsigned i = 0; i < 6; i++)
        assert_true(shared.threads[i].counted <= 3);
    close_shared(&shared);
}

static void *sell_places(void *arg)
{
    struct thread *t = arg;
    struct engine_op op;
    wait_for_go(t->shared);
    for (unsigned i = 0; i < t->shared->calls; i++) {
        struct engine_ask ask = test_ask_area(t->number, 1 + roll(t, 4));
        if (engine_hold(t->shared->engine, &ask, TEST_NOW_MS, &op) != ENGINE_OK)
            continue;
        t->counted += ask.quantity;
        engine_settle(t->shared->engine, &op);
    }
    return NULL;
}

static void an_area_sells_exactly_its_capacity_to_many_threads(void **state)
{
    (void)state;
    struct shared shared = {.calls = 2500};
    open_shared(&shared, 1, 8, test_limits(), 5000);
    run(&shared, 4, sell_places, 5);
    uint64_t sold = 0;
    for (unsigned i = 0; i < 4; i++)
        sold += shared.threads[i].counted;
    struct engine_area area = engine_area(shared.engine, 0);
    assert_int_equal(sold, area.held);
    assert_int_equal(area.held + area.free, 5000);
    assert_true(area.free < 4);
    close_shared(&shared);
}

/* ---- reading while others write ---- */

static void *shift_a_hold(void *arg)
{
    struct thread *t = arg;
    struct shared *shared = t->shared;
    struct engine_op op;
    uint32_t at = 0;
    wait_for_go(shared);
    uint64_t id = atomic_load(&shared->time);
    if (t->number > 0) { /* a reader: always three neighbours, ascending */
        struct engine_hold_view view;
        while (!atomic_load(&shared->stop)) {
            enum engine_verdict verdict = engine_hold_read(shared->engine, id, &view);
            if (verdict == ENGINE_BUSY)
                continue;
            assert(verdict == ENGINE_OK && view.seat_count == 3);
            assert(view.seats[1] == view.seats[0] + 1 && view.seats[2] == view.seats[0] + 2);
            assert(view.seats[0] == (view.version - 1) % 30);
            t->counted++;
        }
        return NULL;
    }
    struct engine_who who = test_who(1);
    for (unsigned i = 0; i < shared->calls; i++) {
        uint32_t next = (at + 1) % 30;
        uint32_t add[3], remove[3], adds = 0, removes = 0;
        for (uint32_t s = 0; s < 3; s++) {
            if (next + s < at || next + s > at + 2)
                add[adds++] = next + s;
            if (at + s < next || at + s > next + 2)
                remove[removes++] = at + s;
        }
        struct engine_edit edit = {add, adds, remove, removes, 0};
        settle(shared->engine, engine_change(shared->engine, id, &who, &edit, TEST_NOW_MS, &op),
               &op);
        at = next;
    }
    atomic_store(&shared->stop, true);
    return NULL;
}

static void a_hold_is_read_whole_while_it_changes(void **state)
{
    (void)state;
    struct shared shared = {.calls = scale(20000)};
    open_shared(&shared, 1, 32, test_limits(), 0);
    shared.time = test_hold(shared.engine, 1, TEST_SEATS(0, 1, 2));
    run(&shared, 3, shift_a_hold, 5);
    printf("%llu read\n",
           (unsigned long long)(shared.threads[1].counted + shared.threads[2].counted));
    close_shared(&shared);
}

/* One takes sixty-four seats and gives them back; a second is after the first two of them; the
 * others read the hold that ends. What a hold has is in links through its seats, and the links
 * of a seat are the second's as soon as it is his. */
enum { LONG_HOLD = 64 };

static void *end_a_hold(void *arg)
{
    struct thread *t = arg;
    struct shared *shared = t->shared;
    struct engine_op op;
    uint32_t seats[LONG_HOLD];
    for (uint32_t i = 0; i < LONG_HOLD; i++)
        seats[i] = i;
    wait_for_go(shared);
    if (t->number > 1) {
        struct engine_hold_view view;
        while (!atomic_load(&shared->stop)) {
            if (engine_hold_read(shared->engine, atomic_load(&shared->time), &view) != ENGINE_OK)
                continue;
            assert(view.seat_count == LONG_HOLD);
            assert(memcmp(view.seats, seats, sizeof(seats)) == 0);
            t->counted++;
        }
        return NULL;
    }
    const uint32_t begin[] = {0, 1};
    struct engine_ask ask =
        t->number == 0 ? test_ask_seats(1, seats, LONG_HOLD) : test_ask_seats(2, begin, 2);
    while (t->number == 0 ? t->counted < shared->calls : !atomic_load(&shared->stop)) {
        if (engine_hold(shared->engine, &ask, TEST_NOW_MS, &op) != ENGINE_OK)
            continue;
        t->counted++;
        engine_settle(shared->engine, &op);
        if (t->number == 0)
            atomic_store(&shared->time, op.change.hold);
        settle(shared->engine,
               engine_release(shared->engine, op.change.hold, t->number + 1, TEST_NOW_MS, &op),
               &op);
    }
    if (t->number == 0)
        atomic_store(&shared->stop, true);
    return NULL;
}

static void a_hold_is_read_whole_or_not_at_all_while_it_ends(void **state)
{
    (void)state;
    struct plan_limits limits = test_limits();
    limits.max_per_hold = LONG_HOLD;
    struct shared shared = {.calls = scale(20000)};
    open_shared(&shared, 1, LONG_HOLD, limits, 0);
    run(&shared, 4, end_a_hold, 5);
    printf("%llu read, %llu times another thread took two of its seats\n",
           (unsigned long long)(shared.threads[2].counted + shared.threads[3].counted),
           (unsigned long long)shared.threads[1].counted);
    close_shared(&shared);
}

enum { AVAIL_SEATS = 4 * 200 };

static void *follow_deltas(struct thread *t)
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
        /* Deltas lead to the very picture that has this version. */
        if (engine_avail_copy(shared->engine, whole) == version) {
            for (uint32_t s = 0; s < AVAIL_SEATS; s++)
                assert(mine[s] == (whole[s / 4] >> (2 * (s % 4)) & 3));
            t->counted++;
        }
        if (last)
            return NULL;
        last = atomic_load(&shared->stop);
    }
}

static void *publish_or_follow(void *arg)
{
    struct thread *t = arg;
    struct shared *shared = t->shared;
    wait_for_go(shared);
    if (t->number == 0) {
        hold_and_release(t);
        atomic_store(&shared->stop, true);
    } else if (t->number == 1) {
        while (!atomic_load(&shared->stop))
            test_publish(shared->engine);
    } else {
        follow_deltas(t);
    }
    return NULL;
}

static void deltas_lead_from_any_picture_to_the_newest(void **state)
{
    (void)state;
    struct shared shared = {.seats = 255, .calls = 1900};
    open_shared(&shared, 4, 200, test_limits(), 0);
    run(&shared, 4, publish_or_follow, 5);
    printf("%llu pictures, %llu compared\n",
           (unsigned long long)engine_avail_version(shared.engine),
           (unsigned long long)(shared.threads[2].counted + shared.threads[3].counted));
    assert_true(shared.threads[2].counted > 0);
    close_shared(&shared);
}

/* ---- the herd ---- */

static void *ask_for_the_best(void *arg)
{
    struct thread *t = arg;
    struct engine_op op;
    wait_for_go(t->shared);
    for (unsigned i = 0; i < t->shared->calls; i++) {
        struct engine_ask ask = test_ask_best(t->number * 1000 + i, 0, 4, true);
        enum engine_verdict verdict = engine_hold(t->shared->engine, &ask, TEST_NOW_MS, &op);
        assert(verdict == ENGINE_OK);
        sched_yield(); /* others come in between claim and commit */
        engine_settle(t->shared->engine, &op);
    }
    return NULL;
}

static void two_thousand_buyers_of_the_best_get_four_each_and_rarely_collide(void **state)
{
    (void)state;
    struct shared shared = {.calls = 250};
    open_shared(&shared, 200, 60, test_limits(), 0);
    run(&shared, 8, ask_for_the_best, 5);
    struct engine_stats stats = engine_stats(shared.engine);
    printf(
        "2000 buyers, %llu lost a place between choosing and claiming, %llu rows checked again\n",
        (unsigned long long)stats.best_retries, (unsigned long long)stats.row_retries);
    assert_true(stats.best_retries < 400);
    uint32_t held = 0;
    for (uint32_t s = 0; s < 200 * 60; s++)
        held += engine_seat(shared.engine, s).state == ENGINE_HELD;
    assert_int_equal(held, 8000);
    close_shared(&shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_concurrent_holds_are_linearizable),
        cmocka_unit_test(the_checker_notices_a_seat_that_two_held_at_once),
        cmocka_unit_test(two_takes_at_once_do_not_leave_a_single_seat_between_them),
        cmocka_unit_test(two_takes_in_a_long_row_leave_no_single_seat_between_them),
        cmocka_unit_test(expiry_confirm_and_release_race_to_one_outcome),
        cmocka_unit_test(a_journal_of_many_threads_replays_to_the_same_state),
        cmocka_unit_test(one_buyer_with_many_requests_stays_within_the_limit),
        cmocka_unit_test(an_area_sells_exactly_its_capacity_to_many_threads),
        cmocka_unit_test(a_hold_is_read_whole_while_it_changes),
        cmocka_unit_test(a_hold_is_read_whole_or_not_at_all_while_it_ends),
        cmocka_unit_test(deltas_lead_from_any_picture_to_the_newest),
        cmocka_unit_test(two_thousand_buyers_of_the_best_get_four_each_and_rarely_collide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
