/* engine-bench: the cost of the seat engine alone: no network or database, one or two threads.
 *
 *     engine-bench HALL.json        (build/halls/stadium.json; `make VARIANT=release halls`)
 *
 * Prints each figure relative to a baseline from the same run: pairs of hold and release against
 * bare pairs of compare-and-swap, two threads on one block against two on separate blocks. Noisy
 * figures are medians of several rounds in which both sides take turns. */
#include "base/clock.h"
#include "base/rng.h"
#include "core/engine/engine_internal.h"
#include "core/engine/wire.h"
#include "core/hall/plan_import.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 9, PAIRS = 400000, NOW_MS = 1000000 };

/* Not system.h's clock: one search takes ten microseconds, so this one counts nanoseconds. */
static double now_ns(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec * 1e9 + (double)at.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static double median(double *values, unsigned count)
{
    qsort(values, count, sizeof(*values), by_value);
    return values[count / 2];
}

static void __attribute__((noreturn)) die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static struct plan *read_plan(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *body = malloc(PLAN_JSON_MAX);
    if (file == NULL || body == NULL)
        die(path, strerror(errno));
    size_t len = fread(body, 1, PLAN_JSON_MAX, file);
    fclose(file);
    struct err_slot err;
    struct plan *plan;
    if (plan_import((struct span){body, len}, &err, &plan) < 0)
        die(path, err.text);
    free(body);
    return plan;
}

static struct engine *new_engine(const struct plan *plan)
{
    struct engine_conf conf = {.plan = plan, .seed = 1, .now_ms = NOW_MS};
    struct engine *engine;
    struct err_slot err;
    if (engine_create(&conf, &err, &engine) < 0)
        die("engine", err.text);
    return engine;
}

/* A request for these seats; without seats, the caller fills in the rest. */
static struct engine_ask ask_for(uint64_t buyer, const uint32_t *seats, uint32_t seat_count)
{
    return (struct engine_ask){.who = {.buyer = buyer, .session = buyer, .channels = 1},
                               .seats = seats,
                               .seat_count = seat_count,
                               .area = ENGINE_AREA_NONE};
}

/* ---- pairs ---- */

static double bare_pairs_ns(_Atomic uint64_t *word)
{
    double began = now_ns();
    for (unsigned i = 0; i < PAIRS; i++) {
        uint64_t old = atomic_load_explicit(word, memory_order_relaxed);
        bool ours = atomic_compare_exchange_strong_explicit(
            word, &old, old + 1, memory_order_acq_rel, memory_order_relaxed);
        old = atomic_load_explicit(word, memory_order_relaxed);
        ours = ours && atomic_compare_exchange_strong_explicit(
                           word, &old, old + 1, memory_order_acq_rel, memory_order_relaxed);
        assert(ours);
    }
    return (now_ns() - began) / PAIRS;
}

/* Claims and frees through the row's bitmap: the cost of the protocol alone. */
static double seat_pairs_ns(struct engine *engine, uint32_t seat)
{
    double began = now_ns();
    for (unsigned i = 0; i < PAIRS; i++) {
        struct take_word word;
        struct claim_result result;
        bool within = seats_take_within(&word, &engine->seats, &seat, 1);
        assert(within);
        enum claim claim =
            seats_claim_word(&engine->seats, &word, SEAT_HELD, 7, ORPHANS_IGNORED, false, &result);
        bool ours = seats_turn(&engine->seats, seat, SEAT_HELD, 7, SEAT_FREE, 0);
        assert(claim == CLAIM_DONE && ours);
    }
    return (now_ns() - began) / PAIRS;
}

/* Holds and releases as a buyer with all rules, and settles both. */
static double hold_pairs_ns(struct engine *engine, uint32_t seat, uint64_t buyer)
{
    struct engine_op op;
    struct engine_ask ask = ask_for(buyer, &seat, 1);
    double began = now_ns();
    for (unsigned i = 0; i < PAIRS; i++) {
        enum engine_verdict verdict = engine_hold(engine, &ask, NOW_MS, &op);
        assert(verdict == ENGINE_OK);
        engine_settle(engine, &op);
        verdict = engine_release(engine, op.change.hold, buyer, NOW_MS, &op);
        assert(verdict == ENGINE_OK);
        engine_settle(engine, &op);
    }
    return (now_ns() - began) / PAIRS;
}

/* Returns a plain seat at the beginning of a row: taking it leaves no single seat. */
static uint32_t row_begin(const struct plan *plan, uint32_t skip)
{
    const struct plan_facts *facts = plan_facts(plan);
    for (uint32_t i = 0;; i++) {
        uint32_t run = (skip + i) % facts->run_count;
        uint32_t seat = plan_seat_at(facts, run, 0);
        if (facts->runs[run].count > 4 && plan_flags_of(facts, seat) == 0 &&
            plan_channel_of(facts, seat) == 0)
            return seat;
        assert(i < facts->run_count);
    }
}

static void bench_pairs(const struct plan *plan)
{
    struct engine *engine = new_engine(plan);
    uint32_t seat = row_begin(plan, 100);
    _Alignas(64) static _Atomic uint64_t word;
    double bare[ROUNDS], seats[ROUNDS], holds[ROUNDS];
    for (unsigned i = 0; i < ROUNDS; i++) {
        bare[i] = bare_pairs_ns(&word);
        seats[i] = seat_pairs_ns(engine, seat);
        holds[i] = hold_pairs_ns(engine, seat, 1);
    }
    double base = median(bare, ROUNDS), claim = median(seats, ROUNDS), hold = median(holds, ROUNDS);
    printf("bare CAS pair     %6.1f ns  %5.1f M/s\n", base, 1e3 / base);
    printf("claim + free      %6.1f ns  %5.1f M/s  %.2f x bare\n", claim, 1e3 / claim,
           claim / base);
    printf("hold + release    %6.1f ns  %5.1f M/s  %.2f x bare  (slot, limit, rules, wheel, two "
           "changes)\n",
           hold, 1e3 / hold, hold / base);
    engine_destroy(engine);
}

/* ---- two threads ---- */

struct worker {
    pthread_t id;
    struct engine *engine;
    uint32_t seats[8];
    uint64_t buyer, done;
    _Atomic bool *stop;
};

static void *fight(void *arg)
{
    struct worker *worker = arg;
    struct engine_op op;
    engine_use_thread_slot((unsigned)worker->buyer);
    for (uint32_t i = 0; !atomic_load_explicit(worker->stop, memory_order_relaxed); i++) {
        struct engine_ask ask = ask_for(worker->buyer, &worker->seats[i % 8], 1);
        if (engine_hold(worker->engine, &ask, NOW_MS, &op) != ENGINE_OK)
            continue;
        engine_settle(worker->engine, &op);
        enum engine_verdict verdict =
            engine_release(worker->engine, op.change.hold, worker->buyer, NOW_MS, &op);
        assert(verdict == ENGINE_OK);
        engine_settle(worker->engine, &op);
        worker->done++;
    }
    return NULL;
}

static double pairs_a_second(struct engine *engine, const uint32_t seats[2][8])
{
    _Atomic bool stop = false;
    struct worker workers[2];
    double began = now_ns();
    for (unsigned i = 0; i < 2; i++) {
        workers[i] = (struct worker){.engine = engine, .buyer = i + 1, .stop = &stop};
        for (unsigned s = 0; s < 8; s++)
            workers[i].seats[s] = seats[i][(s + 4 * i) % 8];
        pthread_create(&workers[i].id, NULL, fight, &workers[i]);
    }
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    atomic_store(&stop, true);
    uint64_t done = 0;
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(workers[i].id, NULL);
        done += workers[i].done;
    }
    return (double)done * 1e9 / (now_ns() - began);
}

static void bench_threads(const struct plan *plan)
{
    struct engine *engine = new_engine(plan);
    uint32_t hot[2][8], apart[2][8];
    for (unsigned s = 0; s < 8; s++) { /* the first seats of eight consecutive rows */
        hot[0][s] = hot[1][s] = row_begin(plan, 100 + s);
        apart[0][s] = hot[0][s];
        apart[1][s] = row_begin(plan, 900 + s);
    }
    double two[5], both[5];
    for (unsigned i = 0; i < 5; i++) {
        two[i] = pairs_a_second(engine, (const uint32_t(*)[8])hot);
        both[i] = pairs_a_second(engine, (const uint32_t(*)[8])apart);
    }
    double same = median(two, 5), parted = median(both, 5);
    printf("two, same block   %5.2f M pairs/s  %.2f x two apart\n", same / 1e6, same / parted);
    engine_destroy(engine);
}

/* ---- best available ---- */

/* Fills the hall as a crowd does: pairs and fours at random places. */
static uint32_t fill(struct engine *engine, uint32_t percent)
{
    const struct plan *plan = engine_plan(engine);
    struct rng_seeded rng;
    rng_seeded_init(&rng, 4);
    uint32_t want = plan_seat_count(plan) / 100 * percent, have = 0;
    struct engine_op op;
    for (uint64_t buyer = 1; have < want; buyer++) {
        uint32_t first = (uint32_t)rng_below(&rng.rng, plan_seat_count(plan) - 4);
        uint32_t seats[4] = {first, first + 1, first + 2, first + 3};
        struct engine_ask ask = ask_for(buyer, seats, 2 + 2 * (uint32_t)rng_below(&rng.rng, 2));
        if (engine_hold(engine, &ask, NOW_MS, &op) != ENGINE_OK)
            continue;
        have += op.change.add_count;
        engine_settle(engine, &op);
    }
    return have;
}

/* Each request first undoes an older hold, then takes the best available seats, so that the hall
 * stays as full while the free seats move around. */
static void bench_best(const struct plan *plan)
{
    enum { ASKS = 20000, KEPT = 512 };
    static double took[ASKS];
    static struct engine_op kept[KEPT];
    struct engine *engine = new_engine(plan);
    uint32_t have = fill(engine, 70), categories = plan_category_count(plan);
    unsigned found = 0;
    for (unsigned i = 0; found < ASKS; i++) {
        struct engine_op *op = &kept[found % KEPT];
        if (op->own.slot != 0)
            engine_undo(engine, op);
        uint32_t which = i % (categories + 1);
        uint64_t buyer = UINT64_C(1) << 40 | i; /* not one of fill()'s buyers */
        struct engine_ask ask = ask_for(buyer, NULL, 0);
        ask.best = ask.adjacent = true;
        ask.category = (uint8_t)(which < categories ? which : ENGINE_CATEGORY_ANY);
        ask.quantity = 4;
        double began = now_ns();
        enum engine_verdict verdict = engine_hold(engine, &ask, NOW_MS, op);
        double took_ns = now_ns() - began;
        if (verdict == ENGINE_OK)
            took[found++] = took_ns;
        assert(verdict == ENGINE_OK ||
               verdict == ENGINE_SOLD_OUT); /* a small category may have no four left */
    }
    qsort(took, ASKS, sizeof(took[0]), by_value);
    printf(
        "best available    p50 %.1f us  p99 %.1f us  max %.1f us  (4 adjacent, %u%% of %u taken, "
        "%u holds)\n",
        took[ASKS / 2] / 1e3, took[ASKS / 100 * 99] / 1e3, took[ASKS - 1] / 1e3,
        have * 100 / plan_seat_count(plan), plan_seat_count(plan), found);
    for (unsigned i = 0; i < KEPT; i++)
        engine_undo(engine, &kept[i]);
    engine_destroy(engine);
}

/* ---- memory and recovery ---- */

/* jemalloc's: it returns freed memory at once, so what is resident is in use. */
extern const char *malloc_conf;
const char *malloc_conf = "dirty_decay_ms:0,muzzy_decay_ms:0";

static double resident_bytes(void)
{
    unsigned long pages;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL || fscanf(file, "%*u %lu", &pages) != 1)
        die("/proc/self/statm", "not readable");
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* Comes first: an engine may reuse memory of an earlier one that is still resident. */
static void bench_memory(const struct plan *plan)
{
    double before = resident_bytes();
    struct engine *engine = new_engine(plan);
    double seats = plan_seat_count(plan);
    printf("memory            %.1f bytes a seat empty", (resident_bytes() - before) / seats);
    uint32_t have = 0;
    struct engine_op op;
    /* 2.2 seats a hold: 66,000 seats to 30,000 buyers. */
    for (uint64_t buyer = 1; have < plan_seat_count(plan); buyer++) {
        struct engine_ask ask = ask_for(buyer, NULL, 0);
        ask.who.channels = ~0u;
        ask.best = true;
        ask.category = ENGINE_CATEGORY_ANY;
        ask.quantity = buyer % 5 == 0 ? 3 : 2;
        if (engine_hold(engine, &ask, NOW_MS, &op) != ENGINE_OK)
            break;
        engine_settle(engine, &op);
        have += op.change.add_count;
    }
    printf(", %.1f with %u seats held in %u holds\n", (resident_bytes() - before) / seats, have,
           engine_stats(engine).holds_used);
    engine_destroy(engine);
}

static void bench_recovery(const struct plan *plan)
{
    enum { CHANGES = 1000000 };
    struct engine *engine = new_engine(plan);
    uint8_t *journal = malloc((size_t)CHANGES * 100), *end = journal;
    struct change_before before;
    struct rng_seeded rng;
    rng_seeded_init(&rng, 4);
    static uint64_t holds[1 << 14], owners[1 << 14];
    uint64_t seq = 0;
    while (seq < CHANGES) {
        struct engine_op op;
        uint32_t at = (uint32_t)rng_below(&rng.rng, 1 << 14);
        if (holds[at] != 0) {
            enum engine_verdict verdict =
                engine_release(engine, holds[at], owners[at], NOW_MS, &op);
            assert(verdict == ENGINE_OK);
            holds[at] = 0;
        } else {
            uint32_t first = (uint32_t)rng_below(&rng.rng, plan_seat_count(plan) - 2);
            uint32_t seats[2] = {first, first + 1};
            struct engine_ask ask = ask_for(seq, seats, 2);
            if (engine_hold(engine, &ask, NOW_MS, &op) != ENGINE_OK)
                continue;
            holds[at] = op.change.hold;
            owners[at] = seq;
        }
        op.change.seq = ++seq;
        if (seq == 1)
            end = change_put_head(journal, 1, &before);
        *end++ = op.change.kind;
        end = change_put(end, &op.change, &before);
        engine_settle(engine, &op);
    }
    double began = now_ns();
    struct engine *again = new_engine(plan);
    engine_replay_begin(again);
    struct wire wire = {.at = journal, .end = end};
    change_get_head(&wire, &before);
    while (wire.at != wire.end) {
        struct change change;
        struct err_slot err = {.text = "a change that cannot be read"};
        uint8_t kind = wire_get_byte(&wire);
        change_get(&wire, kind, &before, &change);
        if (wire.bad != NULL || engine_apply(again, &change, &err) < 0)
            die("replay", err.text);
    }
    engine_replay_end(again);
    double took = now_ns() - began;
    bool same = engine_state_hash(again) == engine_state_hash(engine);
    printf("recovery          %u seats + %d changes (%.1f bytes each) in %.2f s, state %s\n",
           plan_seat_count(plan), CHANGES, (double)(end - journal) / CHANGES, took / 1e9,
           same ? "the same" : "DIFFERENT");
    engine_destroy(again);
    free(journal);
    engine_destroy(engine);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: engine-bench HALL.json\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    engine_use_thread_slot(3); /* the worker threads use 1 and 2 */
    struct plan *plan = read_plan(argv[1]);
    bench_memory(plan);
    bench_pairs(plan);
    bench_threads(plan);
    bench_best(plan);
    bench_recovery(plan);
    plan_destroy(plan);
    return 0;
}
