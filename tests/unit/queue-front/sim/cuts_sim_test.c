/* cuts_sim_test.c: how far from their order of arrival people stand in a line that is kept in
 * shards: a tenth of a second of a million joins a second, in virtual time, by the cuts and places
 * of production.
 *
 * People arrive at random moments at random fronts. A front gathers for a turn of its
 * loop, 1 to 3 ms, and sends what it has for each shard in one call; a shard works off its calls
 * one after the other and numbers their joins. Each 20 ms some front reads the lengths of all
 * shards, each after a way of its own, so that no cut is of one moment; what it read is the cut.
 *
 * Turns, ways and work are as measured on one machine (a way of 0.1 to 0.3 ms, 1.8 us a join, 20 us
 * a call). What a join waits for is the end of the turn, its shard and the cut. */
#include "base/rng.h"
#include "core/line/cuts.h"
#include "unit.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

struct cuts_sim_ask {
    uint64_t seed;
    uint32_t joins, joins_per_s;
    uint8_t shards; /* 1: places are numbers of the one shard, as ever, and nothing is cut */
    uint32_t fronts;
    uint32_t late_us; /* of one shard: by how much later joins reach it, while its length is read in
                         time */
};

struct cuts_sim_result {
    /* Between where somebody stands and would stand by the moment of arrival, as the time in which
     * so many arrive. */
    double moved_p50_ms, moved_p99_ms, moved_max_ms;
    double answered_p50_ms, answered_p99_ms; /* from arrival until the place is known */
    uint32_t cuts;
    bool whole; /* all places were given, each once */
};

static const double TURN_US = 2000, WAY_US = 200, CALL_US = 20, JOIN_US = 1.8, STEP_US = 20000;

struct call {
    double at_us;        /* when the shard has it, and later when it is done with it */
    uint32_t first, len; /* of `joins`, in the order of arrival */
    uint8_t shard;
};

struct sim {
    struct cuts_sim_ask ask;
    struct rng_seeded seeded;
    uint32_t turns;      /* that each front may need */
    double *turn_end_us; /* by front and turn */
    double *arrived_us;  /* by join */
    uint32_t *call_of;   /* by join */
    uint32_t *joins;     /* by call */
    struct call *call;   /* by front, turn and shard; then by shard and time */
    uint32_t calls;
    uint32_t *numbered;                    /* joins by shard and number */
    uint32_t first_of[CUT_SHARDS_MAX + 1]; /* of a shard in `numbered` */
    uint32_t calls_from[CUT_SHARDS_MAX + 1];
    uint32_t at[CUT_SHARDS_MAX]; /* the first call of a shard that no cut has */
    double *moved_ms, *answered_ms;
    uint8_t *taken; /* by place */
    struct cuts *cuts;
};

static double chance(struct sim *sim)
{
    return (double)(rng_u64(&sim->seeded.rng) >> 11) / 9007199254740992.0;
}

/* Half to one and a half times as long, on average so long. */
static double about(struct sim *sim, double us)
{
    return us * (0.5 + chance(sim));
}

/* ---- who arrives where ---- */

static void take_turns(struct sim *sim)
{
    for (uint32_t front = 0; front < sim->ask.fronts; front++) {
        double now_us = TURN_US * chance(sim);
        for (uint32_t turn = 0; turn < sim->turns; turn++) {
            sim->turn_end_us[front * sim->turns + turn] = now_us;
            now_us += about(sim, TURN_US);
        }
    }
}

/* The turn of this front in which somebody arrives now; they come in the order of time. */
static uint32_t turn_at(struct sim *sim, uint32_t *turn_of, uint32_t front, double now_us)
{
    while (sim->turn_end_us[front * sim->turns + turn_of[front]] < now_us)
        turn_of[front]++;
    assert(turn_of[front] < sim->turns);
    return turn_of[front];
}

static void arrive(struct sim *sim, uint32_t *turn_of)
{
    double now_us = 0;
    for (uint32_t i = 0; i < sim->ask.joins; i++) {
        now_us -= log(1.0 - chance(sim)) * 1e6 / sim->ask.joins_per_s;
        uint32_t front = (uint32_t)rng_below(&sim->seeded.rng, sim->ask.fronts);
        uint8_t shard = (uint8_t)rng_below(&sim->seeded.rng, sim->ask.shards);
        uint32_t turn = front * sim->turns + turn_at(sim, turn_of, front, now_us);
        sim->arrived_us[i] = now_us;
        sim->call_of[i] = turn * sim->ask.shards + shard;
        sim->call[sim->call_of[i]].len++;
    }
}

/* What each call carries, in the order of arrival. */
static void gather(struct sim *sim)
{
    uint32_t first = 0;
    for (uint32_t c = 0; c < sim->calls; c++) {
        struct call *call = &sim->call[c];
        call->shard = (uint8_t)(c % sim->ask.shards);
        call->at_us = sim->turn_end_us[c / sim->ask.shards] + about(sim, WAY_US) +
                      (call->shard == 0 ? sim->ask.late_us : 0);
        call->first = first;
        first += call->len;
        call->len = 0;
    }
    for (uint32_t i = 0; i < sim->ask.joins; i++) {
        struct call *call = &sim->call[sim->call_of[i]];
        sim->joins[call->first + call->len++] = i;
    }
}

/* ---- what shards and cuts make of it ---- */

static int by_shard_and_time(const void *a, const void *b)
{
    const struct call *one = a, *other = b;
    if (one->shard != other->shard)
        return one->shard < other->shard ? -1 : 1;
    return (one->at_us > other->at_us) - (one->at_us < other->at_us);
}

static void number(struct sim *sim)
{
    qsort(sim->call, sim->calls, sizeof(*sim->call), by_shard_and_time);
    uint32_t numbered = 0, c = 0;
    for (uint8_t k = 0; k < sim->ask.shards; k++) {
        sim->first_of[k] = numbered;
        sim->calls_from[k] = sim->at[k] = c;
        for (double free_us = 0; c < sim->calls && sim->call[c].shard == k; c++) {
            struct call *call = &sim->call[c];
            for (uint32_t i = 0; i < call->len; i++)
                sim->numbered[numbered++] = sim->joins[call->first + i];
            free_us =
                fmax(free_us, call->at_us) + (call->len > 0 ? CALL_US + JOIN_US * call->len : 0);
            call->at_us = free_us;
        }
    }
    sim->first_of[sim->ask.shards] = numbered;
    sim->calls_from[sim->ask.shards] = c;
    assert(numbered == sim->ask.joins);
}

static void note(struct sim *sim, uint32_t join, uint64_t place, double known_us)
{
    assert(place >= 1 && place <= sim->ask.joins);
    sim->taken[place - 1]++;
    sim->moved_ms[join] = fabs((double)place - 1 - join) * 1e3 / sim->ask.joins_per_s;
    sim->answered_ms[join] = (known_us - sim->arrived_us[join]) / 1e3;
}

/* A front reads all lengths and publishes them. */
static bool cut_now(struct sim *sim, double now_us)
{
    struct cut cut = {.kind = CUT_JOINS};
    double read_us = now_us;
    for (uint8_t k = 0; k < sim->ask.shards; k++) {
        double at_us = now_us + about(sim, WAY_US);
        read_us = fmax(read_us, at_us + about(sim, WAY_US));
        for (; sim->at[k] < sim->calls_from[k + 1] && sim->call[sim->at[k]].at_us <= at_us;
             sim->at[k]++)
            cut.grown[k] += sim->call[sim->at[k]].len;
    }
    double known_us = read_us + about(sim, WAY_US) + about(sim, WAY_US);
    if (cut_places(&cut, sim->ask.shards) == 0)
        return true;
    if (cuts_add(sim->cuts, cuts_count(sim->cuts) + 1, &cut, NULL) < 0)
        return false;
    for (uint8_t k = 0; k < sim->ask.shards; k++) {
        uint64_t upto = cuts_upto(sim->cuts, k);
        for (uint64_t n = upto - cut.grown[k] + 1; n <= upto; n++)
            note(sim, sim->numbered[sim->first_of[k] + n - 1], cuts_place(sim->cuts, k, n),
                 known_us);
    }
    return true;
}

static bool cut_all(struct sim *sim)
{
    double now_us = STEP_US * chance(sim);
    while (cuts_places(sim->cuts) < sim->ask.joins) {
        if (!cut_now(sim, now_us))
            return false;
        now_us += STEP_US;
    }
    return true;
}

static void place_as_numbered(struct sim *sim)
{
    uint64_t place = 0;
    for (uint32_t c = 0; c < sim->calls; c++) {
        for (uint32_t i = 0; i < sim->call[c].len; i++, place++)
            note(sim, sim->numbered[place], place + 1, sim->call[c].at_us + about(sim, WAY_US));
    }
}

/* ---- the outcome ---- */

static int by_size(const void *a, const void *b)
{
    double one = *(const double *)a, other = *(const double *)b;
    return (one > other) - (one < other);
}

static void judge(struct sim *sim, struct cuts_sim_result *out)
{
    uint32_t n = sim->ask.joins;
    qsort(sim->moved_ms, n, sizeof(double), by_size);
    qsort(sim->answered_ms, n, sizeof(double), by_size);
    *out = (struct cuts_sim_result){
        .moved_p50_ms = sim->moved_ms[n / 2],
        .moved_p99_ms = sim->moved_ms[n - 1 - n / 100],
        .moved_max_ms = sim->moved_ms[n - 1],
        .answered_p50_ms = sim->answered_ms[n / 2],
        .answered_p99_ms = sim->answered_ms[n - 1 - n / 100],
        .cuts = cuts_count(sim->cuts),
        .whole = true,
    };
    for (uint32_t i = 0; i < n; i++)
        out->whole = out->whole && sim->taken[i] == 1;
}

static void sim_free(struct sim *sim)
{
    free(sim->turn_end_us);
    free(sim->arrived_us);
    free(sim->call_of);
    free(sim->joins);
    free(sim->call);
    free(sim->numbered);
    free(sim->moved_ms);
    free(sim->answered_ms);
    free(sim->taken);
    cuts_destroy(sim->cuts);
}

static bool sim_alloc(struct sim *sim)
{
    uint32_t joins = sim->ask.joins;
    double arrival_us = 2e6 * joins / sim->ask.joins_per_s; /* twice as long as it takes */
    sim->turns = (uint32_t)(arrival_us / TURN_US) + 16;
    sim->calls = sim->ask.fronts * sim->turns * sim->ask.shards;
    sim->turn_end_us = calloc((size_t)sim->ask.fronts * sim->turns, sizeof(double));
    sim->arrived_us = calloc(joins, sizeof(double));
    sim->call_of = calloc(joins, sizeof(uint32_t));
    sim->joins = calloc(joins, sizeof(uint32_t));
    sim->call = calloc(sim->calls, sizeof(struct call));
    sim->numbered = calloc(joins, sizeof(uint32_t));
    sim->moved_ms = calloc(joins, sizeof(double));
    sim->answered_ms = calloc(joins, sizeof(double));
    sim->taken = calloc(joins, 1);
    sim->cuts = cuts_create(sim->ask.shards);
    return sim->turn_end_us != NULL && sim->arrived_us != NULL && sim->call_of != NULL &&
           sim->joins != NULL && sim->call != NULL && sim->numbered != NULL &&
           sim->moved_ms != NULL && sim->answered_ms != NULL && sim->taken != NULL &&
           sim->cuts != NULL;
}

static bool cuts_sim_run(const struct cuts_sim_ask *ask, struct cuts_sim_result *out)
{
    assert(ask->joins > 0 && ask->joins_per_s > 0 && ask->fronts > 0);
    assert(ask->shards >= 1 && ask->shards <= CUT_SHARDS_MAX);
    struct sim sim = {.ask = *ask};
    rng_seeded_init(&sim.seeded, ask->seed);
    uint32_t *turn_of = calloc(ask->fronts, sizeof(*turn_of));
    bool ok = sim_alloc(&sim) && turn_of != NULL;
    if (ok) {
        take_turns(&sim);
        arrive(&sim, turn_of);
        gather(&sim);
        number(&sim);
        if (ask->shards == 1)
            place_as_numbered(&sim);
        else
            ok = cut_all(&sim);
    }
    if (ok)
        judge(&sim, out);
    free(turn_of);
    sim_free(&sim);
    return ok;
}

/* ---- tests ---- */

enum { SEED = 7, JOINS = 100000, JOINS_PER_S = 1000000, FRONTS = 16, LATE_US = 10000 };

static struct cuts_sim_result run(uint8_t shards, uint32_t late_us)
{
    struct cuts_sim_ask ask = {SEED, JOINS, JOINS_PER_S, shards, FRONTS, late_us};
    struct cuts_sim_result got;
    assert_true(cuts_sim_run(&ask, &got));
    print_message("%u shards: p50 %.2f ms, p99 %.2f ms, max %.2f ms\n", shards, got.moved_p50_ms,
                  got.moved_p99_ms, got.moved_max_ms);
    assert_true(got.whole);
    return got;
}

static void over_shards_hardly_anybody_stands_five_ms_from_where_they_came(void **state)
{
    (void)state;
    for (uint8_t shards = 2; shards <= 16; shards *= 2)
        assert_true(run(shards, 0).moved_p99_ms <= 5.0);
}

static void a_late_shard_moves_people_by_how_late_it_is_and_no_more(void **state)
{
    (void)state;
    struct cuts_sim_result got = run(8, LATE_US);
    assert_true(got.moved_p50_ms <= 5.0);
    assert_true(got.moved_max_ms <= LATE_US / 1e3 + 5.0);
}

static void the_same_seed_is_the_same_line(void **state)
{
    (void)state;
    assert_true(run(4, 0).moved_max_ms == run(4, 0).moved_max_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_shards_hardly_anybody_stands_five_ms_from_where_they_came),
        cmocka_unit_test(a_late_shard_moves_people_by_how_late_it_is_and_no_more),
        cmocka_unit_test(the_same_seed_is_the_same_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
