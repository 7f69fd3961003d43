/* shards_test.c: several fronts keep one line going, whatever is lost on the way: calls, answers,
 * shards, cuts, fronts. The Redis here is a short model of what the headers of shard.lua and
 * cut.lua promise; the scripts have tests (tests/integration/line/shards.test.js). */
#include "core/line/shards.h"

#include "unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SHARDS = 3,
    FRONTS = 3,
    KEYS = 40, /* of visitors of one shard */
    STEPS = 4000,
    LEASE = 50,
    CUTS = 8192,
    NUMBERS = 400000,
};

/* ---- Redis ---- */

struct server {
    uint64_t run, epoch, issued, lease, opening, opened, seq;
    bool good; /* opened in this run */
    uint64_t number[KEYS];
};

struct slot { /* of the event */
    uint32_t count;
    struct cut cut[CUTS];
    uint64_t epoch[SHARDS], upto[SHARDS], lease[SHARDS], opening[SHARDS];
    uint64_t places; /* seq */
    uint64_t due_ms, claimed_until_ms;
};

struct front {
    struct shards *shards;
    struct {
        bool waits;
        uint64_t number;
    } visitor[SHARDS][KEYS];
};

struct world {
    struct rng_seeded seeded;
    struct server server[SHARDS], copy[SHARDS];
    struct slot slot;
    struct front front[FRONTS];
    uint64_t now_ms, runs;
    uint16_t holder[SHARDS][NUMBERS]; /* key + 1 */
    uint16_t *whose;                  /* by place: shard * KEYS + key + 1 */
    uint32_t holes, told, conflicts, looks;
    struct cut published[CUTS];
    uint32_t published_len;
};

static uint64_t below(struct world *world, uint64_t bound)
{
    return rng_below(&world->seeded.rng, bound);
}

static uint64_t sum_of(const struct slot *slot)
{
    uint64_t places = 0;
    for (uint32_t i = 0; i < slot->count; i++)
        places += cut_places(&slot->cut[i], SHARDS);
    return places;
}

static void write_cut(struct world *world, struct cut cut)
{
    struct slot *slot = &world->slot;
    assert_true(cut_ok(&cut, SHARDS) && slot->count < CUTS);
    slot->cut[slot->count++] = cut;
    for (uint8_t k = 0; k < SHARDS; k++)
        slot->upto[k] += cut_grown(&cut, k);
    slot->places = sum_of(slot) > slot->places ? sum_of(slot) : slot->places;
}

static void catch_up(struct world *world)
{
    struct slot *slot = &world->slot;
    uint64_t behind = slot->places - sum_of(slot);
    if (behind == 0)
        return;
    write_cut(world, (struct cut){.grown = {(uint32_t)behind}, .kind = CUT_GAP});
    for (uint8_t k = 0; k < SHARDS; k++)
        slot->lease[k] += behind;
}

static void raise_lease(struct slot *slot, uint8_t k)
{
    uint64_t lease = slot->upto[k] + LEASE;
    slot->lease[k] = lease > slot->lease[k] ? lease : slot->lease[k];
}

static enum line_outcome make_cut(struct world *world, const struct shards *shards)
{
    struct slot *slot = &world->slot;
    struct cut cut = {.kind = CUT_JOINS};
    for (uint8_t k = 0; k < SHARDS; k++) {
        const struct shards_read *read = shards_read(shards, k);
        uint64_t most = read->issued < slot->lease[k] ? read->issued : slot->lease[k];
        if (read->there && slot->epoch[k] > 0 && read->epoch == slot->epoch[k] &&
            most > slot->upto[k])
            cut.grown[k] = (uint32_t)(most - slot->upto[k]);
    }
    if (!cut_ok(&cut, SHARDS))
        return LINE_SAME;
    write_cut(world, cut);
    for (uint8_t k = 0; k < SHARDS; k++)
        raise_lease(slot, k);
    return LINE_OK;
}

static void leave_hole(struct world *world, uint8_t k, uint64_t upto)
{
    if (upto <= world->slot.upto[k])
        return;
    struct cut hole = {.kind = CUT_HOLE};
    hole.grown[k] = (uint32_t)(upto - world->slot.upto[k]);
    write_cut(world, hole);
    world->holes++;
}

static enum line_outcome seal(struct world *world, uint8_t k, uint64_t epoch, uint64_t opening)
{
    struct slot *slot = &world->slot;
    if (slot->epoch[k] != epoch)
        return LINE_SAME;
    slot->epoch[k] += slot->epoch[k] == 0 && slot->lease[k] > slot->upto[k] ? 2 : 1;
    leave_hole(world, k, slot->lease[k]);
    slot->opening[k] = opening;
    slot->lease[k] = slot->upto[k] + LEASE;
    return LINE_OK;
}

static bool is_same(const struct cut *a, const struct cut *b)
{
    return a->kind == b->kind && memcmp(a->grown, b->grown, sizeof(a->grown)) == 0;
}

static uint32_t sum_upto(const struct slot *slot, uint32_t count)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum = cut_sum(sum, &slot->cut[i], SHARDS);
    return sum;
}

/* False: a front tells other cuts than there are. */
static bool bring_back(struct world *world, const struct shards *shards, struct shards_call call)
{
    struct slot *slot = &world->slot;
    const struct cuts *cuts = shards_cuts(shards);
    uint32_t known = cuts_count(cuts);
    if (known <= slot->count && sum_upto(slot, known) != cuts_sum(cuts, known))
        return false;
    if (call.told == 0 || call.first > slot->count + 1)
        return true;
    if (sum_upto(slot, call.first - 1) != cuts_sum(cuts, call.first - 1))
        return false;
    for (uint32_t nth = call.first; nth < call.first + call.told; nth++) {
        struct cut cut;
        assert_true(cuts_get(cuts, nth, &cut));
        if (nth <= slot->count && !is_same(&cut, &slot->cut[nth - 1]))
            return false;
        if (nth <= slot->count)
            continue;
        write_cut(world, cut);
        for (uint8_t k = 0; k < SHARDS; k++) {
            if (cut.kind == CUT_HOLE && cut.grown[k] > 0) {
                slot->epoch[k] = (slot->epoch[k] > 1 ? slot->epoch[k] : 1) + 1;
                slot->opening[k] = 0;
            }
            if (cut.kind == CUT_GAP)
                slot->lease[k] += cut.grown[0];
            raise_lease(slot, k);
        }
    }
    return true;
}

static void believe_epochs(struct world *world, const struct shards *shards)
{
    struct slot *slot = &world->slot;
    for (uint8_t k = 0; k < SHARDS; k++) {
        const struct shards_read *read = shards_read(shards, k);
        if (!read->there || read->epoch < slot->epoch[k])
            continue;
        if (read->epoch == slot->epoch[k]) {
            slot->opening[k] =
                slot->opening[k] > 0 ? slot->opening[k] : strtoull(read->opened, NULL, 10);
            continue;
        }
        if (read->epoch > 1)
            leave_hole(world, k, read->issued);
        slot->epoch[k] = read->epoch;
        slot->opening[k] = strtoull(read->opened, NULL, 10);
        slot->lease[k] = read->lease > slot->lease[k] ? read->lease : slot->lease[k];
    }
}

static enum line_outcome cut_it(struct world *world, const struct shards *shards,
                                struct shards_call call)
{
    struct slot *slot = &world->slot;
    bool is_next = call.nth == slot->count + 1;
    if (!bring_back(world, shards, call))
        return LINE_CONFLICT;
    catch_up(world);
    believe_epochs(world, shards);
    if (call.seals)
        return seal(world, call.shard, call.epoch,
                    strtoull(shards_read(shards, call.shard)->opening, NULL, 10));
    return is_next ? make_cut(world, shards) : LINE_SAME;
}

enum { REPLY = 7 }; /* cuts in one answer: few, so that it takes several */

/* cut.lua, and what the front makes of its answer, unless that is lost. */
static void run_cut(struct world *world, struct front *front, struct shards_call call, bool arrives)
{
    struct slot *slot = &world->slot;
    struct shards *shards = front->shards;
    uint32_t known = cuts_count(shards_cuts(shards));
    struct shards_told told = {.outcome = cut_it(world, shards, call)};
    told.count = slot->count;
    told.due = call.slot_ms > 0 && world->now_ms - slot->due_ms >= call.slot_ms;
    if (told.due || (call.nth > 0 && told.outcome == LINE_OK))
        slot->due_ms = world->now_ms;
    for (uint8_t k = 0; k < SHARDS; k++) {
        told.shard[k] = (struct shards_known){
            .epoch = slot->epoch[k], .upto = slot->upto[k], .lease = slot->lease[k]};
        snprintf(told.shard[k].opening, sizeof(told.shard[k].opening), "%" PRIu64,
                 slot->opening[k]);
    }
    uint32_t upto = slot->count < known + REPLY ? slot->count : known + REPLY;
    bool tells = arrives && told.outcome != LINE_CONFLICT;
    for (uint32_t nth = known + 1; tells && nth <= upto; nth++)
        assert_int_equal(0, shards_learn(shards, nth, &slot->cut[nth - 1], NULL));
    bool kept = shards_take_cut(shards, arrives ? &told : NULL);
    assert_true(kept == !arrives || told.outcome != LINE_CONFLICT);
    world->conflicts += !kept;
}

/* A plain read of the cuts, which may come with other cuts than the front's, and the claim. */
static void run_read(struct world *world, struct front *front, struct shards_call call,
                     bool arrives)
{
    struct slot *slot = &world->slot;
    bool claimed = call.slot_ms > 0 && world->now_ms >= slot->claimed_until_ms;
    if (claimed)
        slot->claimed_until_ms = world->now_ms + call.slot_ms;
    uint32_t known = cuts_count(shards_cuts(front->shards)), nth = known;
    bool whole = arrives;
    while (whole && nth < slot->count && nth < known + REPLY) {
        nth++;
        whole = shards_found(front->shards, nth, &slot->cut[nth - 1], sum_upto(slot, nth));
    }
    world->looks++;
    shards_take_look(front->shards, whole, nth == known + REPLY, arrives && claimed);
}

static void ask_for_seal(struct server *server)
{
    server->good = false;
    if (server->opening / 1000 != server->run)
        server->opening = server->run * 1000 + ++server->seq;
}

static enum line_outcome look(struct server *server, const struct shards_known *known)
{
    if (server->epoch > known->epoch)
        return LINE_CONFLICT;
    uint64_t shown = strtoull(known->opening, NULL, 10);
    if (server->epoch < known->epoch) {
        if (server->opening == 0 || server->opening != shown ||
            server->opening / 1000 != server->run || server->issued > known->upto) {
            ask_for_seal(server);
            return LINE_UNAVAILABLE;
        }
        server->epoch = known->epoch;
        server->lease = known->lease;
        server->issued = known->upto;
        server->opening = 0;
        server->opened = shown;
        server->good = true;
    } else if (server->epoch == 0 || !server->good || server->issued < known->issued ||
               (shown != 0 && shown != server->opened)) {
        ask_for_seal(server);
        return LINE_UNAVAILABLE;
    } else if (known->lease > server->lease) {
        server->lease = known->lease;
    }
    return LINE_OK;
}

static void run_look(struct world *world, struct front *front, uint8_t k, bool arrives)
{
    struct server *server = &world->server[k];
    enum line_outcome outcome = look(server, shards_known(front->shards, k));
    struct shards_read read = {
        .epoch = server->epoch, .issued = server->issued, .lease = server->lease};
    snprintf(read.opening, sizeof(read.opening), "%" PRIu64, server->opening);
    snprintf(read.opened, sizeof(read.opened), "%" PRIu64, server->opened);
    shards_take_shard(front->shards, k, outcome, arrives ? &read : NULL);
}

/* ---- visitors ---- */

static void join(struct world *world, struct front *front, uint8_t k, uint64_t key)
{
    struct server *server = &world->server[k];
    if (!shards_open(front->shards, k))
        return;
    uint64_t seen = shards_known(front->shards, k)->issued;
    if (!server->good || server->issued < seen) {
        shards_refused(front->shards, k);
        return;
    }
    if (server->number[key] == 0 && server->issued == server->lease) {
        shards_refused(front->shards, k);
        return;
    }
    if (server->number[key] == 0)
        server->number[key] = ++server->issued;
    uint64_t number = server->number[key];
    assert_true(number < NUMBERS);
    uint16_t holder = world->holder[k][number];
    assert_true(holder == 0 || holder == key + 1);
    world->holder[k][number] = (uint16_t)(key + 1);
    if (below(world, 8) == 0)
        return; /* the answer is lost, and the visitor repeats it or not */
    shards_saw(front->shards, k, number);
    front->visitor[k][key].waits = true;
    front->visitor[k][key].number = number;
}

static void answer(struct world *world, struct front *front)
{
    for (uint8_t k = 0; k < SHARDS; k++) {
        for (uint64_t key = 0; key < KEYS; key++) {
            uint64_t place =
                front->visitor[k][key].waits
                    ? cuts_place(shards_cuts(front->shards), k, front->visitor[k][key].number)
                    : 0;
            if (place == 0)
                continue;
            uint16_t name = (uint16_t)(k * KEYS + key + 1);
            assert_true(world->whose[place] == 0 || world->whose[place] == name);
            world->told += world->whose[place] == 0;
            world->whose[place] = name;
            front->visitor[k][key].waits = false;
        }
    }
}

/* ---- what happens ---- */

static void look_at_cuts(struct world *world)
{
    for (uint32_t i = 0; i < world->slot.count && i < world->published_len; i++)
        assert_true(is_same(&world->published[i], &world->slot.cut[i]));
    for (uint32_t i = world->published_len; i < world->slot.count; i++)
        world->published[i] = world->slot.cut[i];
    world->published_len = world->slot.count;
}

static void call_on(struct world *world, struct front *front, struct shards_call call, bool arrives)
{
    if (call.ask == SHARDS_ASK_CUT)
        run_cut(world, front, call, arrives);
    else if (call.ask == SHARDS_ASK_LOOK)
        run_read(world, front, call, arrives);
    else
        run_look(world, front, call.shard, arrives);
    answer(world, front);
    look_at_cuts(world);
}

/* As many calls of a turn as luck has it; the rest goes on later, when all else may be different.
 */
static void go_on(struct world *world, struct front *front, bool always)
{
    if (below(world, 50) == 0)
        shards_doubt(front->shards);
    shards_begin(front->shards, always || below(world, 2) > 0);
    for (;;) {
        struct shards_call call = shards_next(front->shards);
        if (call.ask == SHARDS_ASK_NOTHING)
            return;
        call_on(world, front, call, always || below(world, 10) > 0);
        if (!always && below(world, 4) == 0)
            return;
    }
}

static void start(struct front *front)
{
    shards_destroy(front->shards);
    *front = (struct front){.shards = shards_create(SHARDS)};
    assert_non_null(front->shards);
}

static void restart(struct world *world, uint8_t k, const struct server *data)
{
    world->server[k] = *data;
    world->server[k].run = ++world->runs;
    world->server[k].good = false;
}

/* The event's slot comes back empty, and heal.lua has left out as many places as there may have
 * been besides those that fronts tell. One of these may be cut off meanwhile. */
static void lose_cuts(struct world *world)
{
    static const struct slot none;
    uint64_t places = world->slot.places, known = 0;
    world->slot = none;
    world->published_len = 0;
    uint64_t cut_off = below(world, 2 * FRONTS);
    for (unsigned i = 0; i < FRONTS; i++) {
        const struct shards *shards = world->front[i].shards;
        struct shards_call all = {.first = 1, .told = cuts_count(shards_cuts(shards))};
        if (i != cut_off)
            bring_back(world, shards, all);
    }
    known = sum_of(&world->slot);
    for (uint8_t k = 0; k < SHARDS; k++)
        raise_lease(&world->slot, k);
    world->slot.places = places > known ? places : known;
    catch_up(world); /* before anybody else tells a cut of that number */
    look_at_cuts(world);
}

static void happen(struct world *world)
{
    struct front *front = &world->front[below(world, FRONTS)];
    uint8_t k = (uint8_t)below(world, SHARDS);
    uint64_t luck = below(world, 1000);
    world->now_ms += below(world, 8);
    if (luck < 500)
        join(world, front, k, below(world, KEYS));
    else if (luck < 960)
        go_on(world, front, false);
    else if (luck < 975)
        start(front);
    else if (luck < 985)
        world->copy[k] = world->server[k];
    else if (luck < 990)
        restart(world, k, &world->server[k]);
    else if (luck < 994)
        restart(world, k, &world->copy[k]);
    else if (luck < 996)
        restart(world, k, &(struct server){.run = 0});
    else if (luck < 998)
        lose_cuts(world);
    else
        world->slot.places += below(world, 100); /* a heal has raised it */
}

static bool anybody_waits(const struct world *world)
{
    for (unsigned i = 0; i < FRONTS; i++) {
        for (unsigned k = 0; k < SHARDS; k++) {
            for (unsigned key = 0; key < KEYS; key++) {
                if (world->front[i].visitor[k][key].waits)
                    return true;
            }
        }
    }
    return false;
}

/* Nothing breaks any more: a few turns, and everybody is answered. */
static void settle(struct world *world)
{
    for (unsigned turn = 0; turn < 10; turn++) {
        for (unsigned i = 0; i < FRONTS; i++) {
            world->now_ms += cuts_step_ms(shards_cuts(world->front[i].shards));
            go_on(world, &world->front[i], true);
            assert_true(shards_is_resting(world->front[i].shards));
        }
    }
    assert_false(anybody_waits(world));
    assert_int_equal(world->slot.places, sum_of(&world->slot));
}

/* Each place of a cut of joins is of a number that somebody was given. */
static void check_people(const struct world *world)
{
    uint64_t upto[SHARDS] = {0};
    for (uint32_t i = 0; i < world->slot.count; i++) {
        const struct cut *cut = &world->slot.cut[i];
        for (uint8_t k = 0; k < SHARDS; k++) {
            for (uint32_t n = 1; n <= cut_grown(cut, k); n++)
                assert_true(cut->kind == CUT_HOLE || world->holder[k][upto[k] + n] > 0);
            upto[k] += cut_grown(cut, k);
        }
    }
}

static void each_visitor_gets_one_place_whatever_is_lost(void **state)
{
    (void)state;
    struct world *world = calloc(1, sizeof(*world));
    assert_non_null(world);
    world->whose = calloc(SHARDS * (size_t)NUMBERS, sizeof(*world->whose));
    assert_non_null(world->whose);
    rng_seeded_init(&world->seeded, unit_seed());
    world->now_ms = 1000;
    for (uint8_t k = 0; k < SHARDS; k++)
        restart(world, k, &(struct server){.run = 0});
    for (unsigned i = 0; i < FRONTS; i++)
        start(&world->front[i]);
    for (unsigned i = 0; i < STEPS; i++)
        happen(world);
    settle(world);
    check_people(world);
    print_message("%u places told, %u cuts, %u holes, %u times other cuts, %u plain reads\n",
                  world->told, world->slot.count, world->holes, world->conflicts, world->looks);
    assert_true(world->told > 0 && world->holes > 0 && world->looks > 0);
    for (unsigned i = 0; i < FRONTS; i++)
        shards_destroy(world->front[i].shards);
    free(world->whose);
    free(world);
}

static void visitors_are_spread_evenly_over_the_shards(void **state)
{
    (void)state;
    struct shards *shards = shards_create(5);
    struct rng_seeded seeded;
    rng_seeded_init(&seeded, unit_seed());
    unsigned of[5] = {0};
    for (unsigned i = 0; i < 50000; i++) {
        uint8_t idem[LINE_IDEM_BYTES];
        for (size_t at = 0; at < sizeof(idem); at++)
            idem[at] = (uint8_t)rng_below(&seeded.rng, 256);
        uint8_t k = shards_of(shards, idem);
        assert_int_equal(k, shards_of(shards, idem));
        assert_true(k < 5);
        of[k]++;
    }
    for (unsigned k = 0; k < 5; k++)
        assert_in_range(of[k], 9000, 11000);
    uint8_t most[LINE_IDEM_BYTES];
    memset(most, 0xFF, sizeof(most));
    assert_int_equal(4, shards_of(shards, most));
    shards_destroy(shards);
}

/* A front that starts late, and a turn that it is not chosen for. */
static void a_front_that_is_not_due_only_reads(void **state)
{
    (void)state;
    struct shards *shards = shards_create(2);
    assert_int_equal(SHARDS_ASK_NOTHING, shards_next(shards).ask);
    assert_int_equal(20, shards_pause_ms(shards, true));
    assert_int_equal(SHARDS_IDLE_MS, shards_pause_ms(shards, false));
    shards_begin(shards, true);
    struct shards_call call = shards_next(shards);
    assert_int_equal(SHARDS_ASK_CUT, call.ask);
    assert_int_equal(0, call.nth);
    assert_int_equal(0, call.told);
    assert_int_equal(40, call.slot_ms); /* unless no front has made one for so long */
    assert_int_equal(SHARDS_ASK_NOTHING, shards_next(shards).ask);
    shards_begin(shards, true); /* it is under way */
    struct cut cut = {.grown = {3, 4}};
    assert_int_equal(0, shards_learn(shards, 1, &cut, NULL));
    struct shards_told told = {.outcome = LINE_SAME, .count = 2};
    assert_true(shards_take_cut(shards, &told));
    call = shards_next(shards); /* one is missing */
    assert_int_equal(SHARDS_ASK_CUT, call.ask);
    assert_int_equal(0, call.told);
    assert_int_equal(0, shards_learn(shards, 2, &cut, NULL));
    assert_true(shards_take_cut(shards, &told));
    assert_int_equal(SHARDS_ASK_NOTHING, shards_next(shards).ask);
    assert_true(shards_is_resting(shards));
    assert_int_equal(14, cuts_places(shards_cuts(shards)));
    shards_destroy(shards);
}

static struct shards_call begun(struct shards *shards, bool hurry)
{
    assert_true(shards_is_resting(shards));
    shards_begin(shards, hurry);
    return shards_next(shards);
}

/* A front that has the state of the line. */
static struct shards *made_sure(uint32_t cuts)
{
    struct shards *shards = shards_create(2);
    struct cut cut = {.grown = {3, 4}};
    struct shards_told told = {.outcome = LINE_SAME, .count = cuts};
    assert_non_null(shards);
    assert_int_equal(SHARDS_ASK_CUT, begun(shards, true).ask);
    for (uint32_t nth = 1; nth <= cuts; nth++)
        assert_int_equal(0, shards_learn(shards, nth, &cut, NULL));
    assert_true(shards_take_cut(shards, &told));
    assert_int_equal(SHARDS_ASK_NOTHING, shards_next(shards).ask);
    return shards;
}

static void a_turn_without_news_is_one_plain_read(void **state)
{
    (void)state;
    struct shards *shards = made_sure(2);
    for (unsigned i = 0; i < SHARDS_LOOKS_MAX; i++) {
        struct shards_call call = begun(shards, i % 2 > 0);
        assert_int_equal(SHARDS_ASK_LOOK, call.ask);
        assert_int_equal(i % 2 > 0 ? 15 : 0, call.slot_ms);
        assert_int_equal(SHARDS_ASK_NOTHING, shards_next(shards).ask);
        if (i == SHARDS_LOOKS_MAX - 1) { /* one more look, in the last of these turns */
            shards_take_look(shards, true, true, false);
            assert_int_equal(SHARDS_ASK_LOOK, shards_next(shards).ask);
        }
        shards_take_look(shards, true, false, false);
        assert_int_equal(SHARDS_ASK_NOTHING, shards_next(shards).ask);
    }
    assert_int_equal(SHARDS_ASK_CUT, begun(shards, true).ask); /* once in a while it is asked */
    assert_true(shards_take_cut(shards, NULL));
    assert_int_equal(SHARDS_ASK_CUT, begun(shards, true).ask); /* which did not come */
    assert_true(shards_take_cut(shards, NULL));
    shards_destroy(shards);
}

static void reads_shards_in_vain(struct shards *shards)
{
    for (uint8_t k = 0; k < 2; k++)
        assert_int_equal(SHARDS_ASK_SHARD, shards_next(shards).ask);
    for (uint8_t k = 0; k < 2; k++)
        shards_take_shard(shards, k, LINE_UNKNOWN, NULL);
    assert_int_equal(SHARDS_ASK_NOTHING, shards_next(shards).ask);
    assert_true(shards_is_resting(shards));
}

/* One more cut, of five joins, by a plain read. */
static void finds_one(struct shards *shards)
{
    struct cut cut = {.grown = {5, 0}};
    const struct cuts *cuts = shards_cuts(shards);
    uint32_t count = cuts_count(cuts);
    assert_true(shards_found(shards, count + 1, &cut, cut_sum(cuts_sum(cuts, count), &cut, 2)));
}

static void a_plain_read_finds_cuts_and_may_claim_the_next(void **state)
{
    (void)state;
    struct shards *shards = made_sure(2);
    assert_int_equal(SHARDS_ASK_LOOK, begun(shards, true).ask);
    finds_one(shards);
    finds_one(shards);
    shards_take_look(shards, true, true, true);
    struct shards_call call = shards_next(shards); /* there may be more */
    assert_int_equal(SHARDS_ASK_LOOK, call.ask);
    assert_int_equal(0, call.slot_ms); /* claimed already */
    shards_take_look(shards, true, false, false);
    assert_int_equal(24, cuts_places(shards_cuts(shards)));
    call = shards_next(shards);
    assert_int_equal(SHARDS_ASK_CUT, call.ask);
    assert_int_equal(10, call.slot_ms);
    assert_int_equal(0, call.told);
    struct shards_told told = {.outcome = LINE_SAME, .count = 4, .due = true};
    assert_true(shards_take_cut(shards, &told));
    reads_shards_in_vain(shards);
    shards_destroy(shards);
}

/* As a front that makes several has them: of the next cut it hears by its claim, and asks nobody.
 */
static void a_claim_with_fresh_cuts_goes_straight_to_the_shards(void **state)
{
    (void)state;
    struct shards *shards = made_sure(2);
    assert_int_equal(SHARDS_ASK_LOOK, begun(shards, true).ask);
    shards_take_look(shards, true, false, true);
    reads_shards_in_vain(shards);
    assert_int_equal(SHARDS_ASK_LOOK, begun(shards, true).ask);
    finds_one(shards);
    shards_take_look(shards, true, false, true);
    reads_shards_in_vain(shards);
    struct shards_call call = begun(shards, true);
    assert_int_equal(SHARDS_ASK_LOOK, call.ask);
    assert_int_equal(15, call.slot_ms); /* a front that makes cuts goes on to claim them */
    shards_take_look(shards, false, false, true);
    assert_int_equal(SHARDS_ASK_CUT, shards_next(shards).ask); /* the read was not good */
    assert_true(shards_take_cut(shards, NULL));
    shards_destroy(shards);
}

/* One look in a turn, which finds one more cut or none; true: it claims the next. */
static bool looks_and_claims(struct shards *shards, bool hurry, bool finds)
{
    struct shards_call call = begun(shards, hurry);
    assert_int_equal(SHARDS_ASK_LOOK, call.ask);
    if (finds)
        finds_one(shards);
    shards_take_look(shards, true, false, false);
    assert_true(shards_is_resting(shards));
    return call.slot_ms > 0;
}

static void a_front_leaves_the_claim_to_the_one_that_makes_cuts(void **state)
{
    (void)state;
    struct shards *shards = made_sure(2);
    assert_true(looks_and_claims(shards, true, true));
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < SHARDS_LEFT_TURNS; i++) {
            assert_true(shards_is_led(shards));
            assert_false(looks_and_claims(shards, true, true));
        }
        assert_false(shards_is_led(shards));
        assert_true(looks_and_claims(shards, true, true)); /* it may not reach all that we do */
    }
    assert_false(looks_and_claims(shards, true, false)); /* no cut came: it has stopped */
    assert_true(looks_and_claims(shards, true, false));
    assert_true(looks_and_claims(shards, true, true));
    assert_false(looks_and_claims(shards, false, true)); /* nobody waits here any more */
    assert_true(looks_and_claims(shards, true, false));  /* and somebody new begins at once */
    shards_destroy(shards);
}

static void cuts_from_another_loop_need_no_turn(void **state)
{
    (void)state;
    struct shards *shards = shards_create(2);
    assert_false(shards_is_sure(shards));
    shards_destroy(shards);
    shards = made_sure(2);
    struct cut cut = {.grown = {0, 6}};
    uint32_t sum = cut_sum(cuts_sum(shards_cuts(shards), 2), &cut, 2);
    assert_true(shards_is_sure(shards));
    assert_false(shards_heard(shards, 3, &cut, sum + 1));
    assert_true(shards_heard(shards, 3, &cut, sum));
    assert_int_equal(20, cuts_places(shards_cuts(shards)));
    assert_true(shards_is_sure(shards));
    assert_int_equal(SHARDS_ASK_LOOK, begun(shards, false).ask);
    shards_take_look(shards, true, false, false);
    assert_true(shards_is_resting(shards));
    shards_destroy(shards);
}

static void unknown_cuts_are_left_to_redis(void **state)
{
    (void)state;
    struct shards *shards = made_sure(2);
    struct cut cut = {.grown = {5, 0}};
    uint32_t sum = cut_sum(cuts_sum(shards_cuts(shards), 2), &cut, 2);
    assert_int_equal(SHARDS_ASK_LOOK, begun(shards, false).ask);
    assert_false(shards_found(shards, 3, &cut, sum + 1)); /* of another past */
    assert_false(shards_found(shards, 4, &cut, sum));     /* one is missing */
    shards_take_look(shards, false, true, false);
    assert_false(shards_is_sure(shards));
    assert_int_equal(2, cuts_count(shards_cuts(shards)));
    assert_int_equal(SHARDS_ASK_CUT, shards_next(shards).ask);
    assert_true(shards_take_cut(shards, NULL));
    shards_destroy(shards);
    shards = made_sure(0);
    shards_doubt(shards); /* another Redis */
    assert_int_equal(SHARDS_ASK_CUT, begun(shards, false).ask);
    assert_true(shards_take_cut(shards, NULL));
    shards_destroy(shards);
}

/* A front that has just asked for both its shards. */
static struct shards *reading_both(void)
{
    struct shards *shards = made_sure(0);
    struct shards_told told = {.outcome = LINE_SAME, .due = true};
    shards_doubt(shards);
    assert_int_equal(SHARDS_ASK_CUT, begun(shards, true).ask);
    assert_true(shards_take_cut(shards, &told));
    for (uint8_t k = 0; k < 2; k++)
        assert_int_equal(SHARDS_ASK_SHARD, shards_next(shards).ask);
    return shards;
}

/* Two fronts open the shards at once, and nobody's epoch is sealed a second time. */
static void a_shard_is_not_sealed_twice(void **state)
{
    (void)state;
    struct shards *shards = reading_both();
    struct shards_read unopened = {.opening = "run@1"};
    struct shards_told told = {.outcome = LINE_SAME, .due = true};
    for (uint8_t k = 0; k < 2; k++) {
        assert_int_equal(SHARDS_ASK_NOTHING, shards_next(shards).ask); /* all are heard first */
        shards_take_shard(shards, k, LINE_UNAVAILABLE, &unopened);
    }
    struct shards_call call = shards_next(shards);
    assert_true(call.seals && call.shard == 0);
    assert_int_equal(0, call.epoch);
    for (unsigned k = 0; k < 2; k++) /* the other one by another front */
        told.shard[k] = (struct shards_known){.epoch = 1, .lease = 100, .opening = "run@1"};
    told.outcome = LINE_OK;
    assert_true(shards_take_cut(shards, &told));
    call = shards_next(shards);
    assert_true(call.seals && call.shard == 1);
    assert_int_equal(0, call.epoch); /* which is over, as Redis will say */
    assert_true(shards_take_cut(shards, NULL));
    shards_destroy(shards);
}

static void reads_alone(struct shards *shards, uint8_t k)
{
    struct shards_read opened = {.issued = 1};
    struct shards_call call = shards_next(shards);
    assert_int_equal(SHARDS_ASK_SHARD, call.ask);
    assert_int_equal(k, call.shard);
    assert_int_equal(SHARDS_ASK_NOTHING, shards_next(shards).ask);
    shards_take_shard(shards, k, LINE_OK, &opened);
}

static void only_what_was_sealed_or_shown_is_read_again(void **state)
{
    (void)state;
    for (uint8_t later = 0; later < 2; later++) {
        struct shards *shards = reading_both();
        struct shards_read read = {.opening = "run@1"};
        struct shards_told told = {.outcome = LINE_OK};
        for (uint8_t k = 0; k < 2; k++) /* one in a later epoch: to be shown */
            shards_take_shard(shards, k, k == later ? LINE_CONFLICT : LINE_UNAVAILABLE, &read);
        struct shards_call call = shards_next(shards);
        assert_true(call.seals && call.shard == 1 - later);
        assert_true(shards_take_cut(shards, &told));
        reads_alone(shards, (uint8_t)(1 - later));
        call = shards_next(shards);
        assert_int_equal(SHARDS_ASK_CUT, call.ask);
        assert_false(call.seals);
        assert_int_equal(0, call.nth);
        assert_true(shards_take_cut(shards, &told));
        reads_alone(shards, later);
        assert_int_equal(1, shards_next(shards).nth); /* and then the next cut is made */
        assert_true(shards_take_cut(shards, NULL));
        shards_destroy(shards);
    }
}

static void a_shard_that_refused_rests_until_the_turn_is_over(void **state)
{
    (void)state;
    struct shards *shards = shards_create(2);
    for (uint8_t k = 0; k < 2; k++) {
        assert_true(shards_open(shards, k));
        shards_refused(shards, k);
        shards_begin(shards, true);
        assert_int_equal(SHARDS_ASK_CUT, shards_next(shards).ask);
        assert_false(shards_open(shards, k));
        assert_true(shards_open(shards, (uint8_t)(1 - k)));
        assert_true(shards_take_cut(shards, NULL)); /* lost */
        assert_true(shards_open(shards, k));
    }
    shards_destroy(shards);
}

static void all_shards_share_the_room_left_by_the_cuts(void **state)
{
    (void)state;
    struct shards *shards = shards_create(3);
    struct cut cut = {.grown = {7, 1, 2}};
    assert_int_equal(0, shards_learn(shards, 1, &cut, NULL));
    /* Two of the last eight places are ghosts, and two were given since. */
    uint64_t room = shards_room(shards, 20, 6, 8);
    assert_int_equal(12, room);
    assert_int_equal(7 + 4, shards_full_from(shards, 0, room));
    assert_int_equal(1 + 4, shards_full_from(shards, 1, room));
    assert_int_equal(2 + 1, shards_full_from(shards, 2, 1)); /* each may give the last */
    assert_int_equal(7, shards_full_from(shards, 0, 0));
    assert_int_equal(0, shards_room(shards, 8, 6, 8));
    assert_int_equal(0, shards_room(shards, 7, 6, 8));  /* it was lowered below what waits */
    assert_int_equal(1, shards_room(shards, 9, 8, 40)); /* a picture newer than the cuts */
    shards_destroy(shards);
}

static void addresses_are_spread_over_the_shards_even_neighbours(void **state)
{
    (void)state;
    struct shards *shards = shards_create(8);
    uint32_t of[8] = {0};
    for (unsigned i = 0; i < 256; i++) {
        const char address[4] = {(char)198, 51, 100, (char)i};
        of[shards_of_address(shards, (struct span){address, sizeof(address)})]++;
    }
    for (unsigned k = 0; k < 8; k++)
        assert_in_range(of[k], 12, 64);
    shards_destroy(shards);
}

/* Two versions of a front count the same address in the same shard. */
static void an_address_keeps_its_shard(void **state)
{
    (void)state;
    static const uint8_t of[] = {0, 1, 6, 7, 4, 5, 2, 3, 0, 1, 5, 6, 3, 4, 1, 2};
    struct shards *shards = shards_create(8);
    for (unsigned i = 0; i < sizeof(of); i++) {
        const char address[4] = {(char)198, 51, 100, (char)i};
        assert_int_equal(shards_of_address(shards, (struct span){address, sizeof(address)}), of[i]);
    }
    assert_int_equal(8, shards_count(shards));
    shards_destroy(shards);
}

/* While cuts are collected nothing is made, and a front that has other cuts forgets them. */
static void lost_cuts_are_sent_and_those_of_redis_count(void **state)
{
    (void)state;
    struct shards *shards = shards_create(2);
    struct cut cut = {.grown = {1}};
    for (uint32_t nth = 1; nth <= 3; nth++)
        assert_int_equal(0, shards_learn(shards, nth, &cut, NULL));
    shards_begin(shards, true);
    struct shards_call call = shards_next(shards);
    assert_int_equal(1, call.first);
    assert_int_equal(3, call.told);
    struct shards_told told = {
        .outcome = LINE_UNAVAILABLE, .count = 3, .retry_ms = 700, .due = true};
    assert_true(shards_take_cut(shards, &told));
    assert_true(shards_is_resting(shards));
    assert_int_equal(700, shards_pause_ms(shards, true));
    call = begun(shards, true);
    assert_int_equal(SHARDS_ASK_CUT, call.ask); /* no plain read tells that they are */
    assert_int_equal(0, call.told);
    assert_int_equal(0, call.first);
    told = (struct shards_told){.outcome = LINE_CONFLICT};
    assert_false(shards_take_cut(shards, &told));
    assert_int_equal(0, cuts_count(shards_cuts(shards)));
    assert_int_equal(0, begun(shards, true).told);
    told = (struct shards_told){.outcome = LINE_SAME};
    assert_true(shards_take_cut(shards, &told));
    assert_int_equal(20, shards_pause_ms(shards, true)); /* all are collected */
    shards_destroy(shards);
}

static void a_call_sends_a_bounded_number_of_cuts(void **state)
{
    (void)state;
    struct shards *shards = shards_create(2);
    struct cut cut = {.grown = {1}};
    for (uint32_t nth = 1; nth <= SHARDS_TELL_MAX + 88; nth++)
        assert_int_equal(0, shards_learn(shards, nth, &cut, NULL));
    struct shards_call call = begun(shards, true);
    assert_int_equal(1, call.first);
    assert_int_equal(SHARDS_TELL_MAX, call.told);
    struct shards_told told = {.outcome = LINE_SAME, .count = SHARDS_TELL_MAX, .due = true};
    assert_true(shards_take_cut(shards, &told));
    call = shards_next(shards);
    assert_int_equal(SHARDS_TELL_MAX + 1, call.first);
    assert_int_equal(88, call.told);
    assert_true(shards_take_cut(shards, &told)); /* which has done nothing */
    assert_true(shards_is_resting(shards));
    call = begun(shards, true); /* still to be sent, which no plain read does */
    assert_int_equal(SHARDS_ASK_CUT, call.ask);
    assert_int_equal(88, call.told);
    assert_true(shards_take_cut(shards, NULL));
    shards_destroy(shards);
}

static void a_useless_answer_ends_the_turn(void **state)
{
    (void)state;
    static const struct shards_told answers[] = {
        {.outcome = LINE_SAME, .count = 4, .due = true},    /* without the cuts that it counts */
        {.outcome = LINE_UNKNOWN, .count = 2, .due = true}, /* of no event */
    };
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct shards *shards = made_sure(2);
        shards_doubt(shards);
        assert_int_equal(SHARDS_ASK_CUT, begun(shards, true).ask);
        assert_true(shards_take_cut(shards, &answers[i]));
        assert_true(shards_is_resting(shards));
        assert_int_equal(SHARDS_ASK_CUT, begun(shards, true).ask);
        assert_true(shards_take_cut(shards, NULL));
        shards_destroy(shards);
    }
}

static void no_cut_is_made_without_joins(void **state)
{
    (void)state;
    struct shards *shards = reading_both();
    struct shards_read read = {.issued = 0};
    shards_begin(shards, true); /* it is under way */
    for (uint8_t k = 0; k < 2; k++)
        shards_take_shard(shards, k, LINE_OK, &read);
    assert_int_equal(SHARDS_ASK_NOTHING, shards_next(shards).ask);
    assert_true(shards_is_resting(shards));
    shards_destroy(shards);
    for (uint8_t joined = 0; joined < 2; joined++) {
        shards = reading_both();
        for (uint8_t k = 0; k < 2; k++) {
            read.issued = k == joined ? 5 : 0;
            shards_take_shard(shards, k, LINE_OK, &read);
            assert_int_equal(read.issued, shards_known(shards, k)->issued);
        }
        assert_int_equal(1, shards_next(shards).nth);
        struct cut cut = {.grown = {[0] = joined == 0 ? 5 : 0, [1] = joined == 1 ? 5 : 0}};
        struct shards_told told = {.outcome = LINE_OK, .count = 1 + joined}; /* another's, too */
        assert_int_equal(0, shards_learn(shards, 1, &cut, NULL));
        assert_true(shards_take_cut(shards, &told));
        assert_true(shards_is_resting(shards)); /* one cut is enough for a turn */
        shards_destroy(shards);
    }
}

static void a_shard_without_an_answer_is_left_out(void **state)
{
    (void)state;
    struct shards *shards = reading_both();
    struct shards_read read = {.issued = 5};
    shards_take_shard(shards, 0, LINE_UNKNOWN, &read);
    shards_take_shard(shards, 1, LINE_OK, &read);
    assert_false(shards_read(shards, 0)->there);
    assert_true(shards_read(shards, 1)->there);
    assert_int_equal(1, shards_next(shards).nth); /* of the other's joins */
    assert_true(shards_take_cut(shards, NULL));
    assert_int_equal(SHARDS_ASK_CUT, begun(shards, true).ask); /* was it made? */
    assert_true(shards_take_cut(shards, NULL));
    shards_destroy(shards);
}

static void a_seal_names_the_epoch_that_was_read(void **state)
{
    (void)state;
    struct shards *shards = reading_both();
    struct shards_read unopened = {.opening = "run@1"}, empty = {.issued = 0};
    struct shards_told told = {.outcome = LINE_OK};
    told.shard[0].epoch = 4;
    shards_take_shard(shards, 1, LINE_OK, &empty);
    for (uint64_t epoch = 0; epoch <= 4; epoch += 4) {
        shards_take_shard(shards, 0, LINE_UNAVAILABLE, &unopened);
        assert_true(shards_read(shards, 0)->there);
        struct shards_call call = shards_next(shards);
        assert_true(call.seals && call.shard == 0);
        assert_int_equal(epoch, call.epoch);
        assert_true(shards_take_cut(shards, &told));
        assert_int_equal(SHARDS_ASK_SHARD, shards_next(shards).ask);
    }
    shards_take_shard(shards, 0, LINE_OK, NULL); /* it did not come: what it said before is old */
    assert_false(shards_read(shards, 0)->there);
    assert_int_equal(SHARDS_ASK_NOTHING, shards_next(shards).ask);
    shards_destroy(shards);
}

static void a_front_keeps_each_shards_state_and_highest_number(void **state)
{
    (void)state;
    struct shards *shards = made_sure(0);
    struct shards_told told = {.outcome = LINE_SAME};
    for (uint8_t k = 0; k < 2; k++) {
        shards_saw(shards, k, 9);
        shards_saw(shards, k, 7); /* a late answer */
        told.shard[k] = (struct shards_known){
            .epoch = 1, .upto = 20u + k, .lease = 50u + k, .issued = 3, .opening = "run@1"};
    }
    shards_doubt(shards);
    assert_int_equal(SHARDS_ASK_CUT, begun(shards, true).ask);
    assert_true(shards_take_cut(shards, &told));
    shards_doubt(shards);
    assert_int_equal(SHARDS_ASK_CUT, begun(shards, true).ask);
    told = (struct shards_told){.outcome = LINE_UNAVAILABLE}; /* collecting, it tells of none */
    assert_true(shards_take_cut(shards, &told));
    for (uint8_t k = 0; k < 2; k++) {
        const struct shards_known *known = shards_known(shards, k);
        assert_int_equal(1, known->epoch);
        assert_int_equal(20u + k, known->upto);
        assert_int_equal(50u + k, known->lease);
        assert_string_equal("run@1", known->opening);
        assert_int_equal(9, known->issued);
    }
    shards_destroy(shards);
}

/* The first shard, which comes back unopened each time. Answers how often it was sealed. */
static unsigned seals_in_vain(struct shards *shards, const struct shards_told *told)
{
    struct shards_read unopened = {.opening = "run@1", .issued = 5}, empty = {.issued = 0};
    unsigned seals = 0;
    shards_take_shard(shards, 1, LINE_OK, &empty);
    for (;;) {
        shards_take_shard(shards, 0, LINE_UNAVAILABLE, &unopened);
        struct shards_call call = shards_next(shards);
        if (call.ask == SHARDS_ASK_NOTHING)
            return seals;
        assert_true(call.seals && call.shard == 0 && seals < 10);
        seals++;
        assert_true(shards_take_cut(shards, told));
        if (shards_is_resting(shards))
            return seals;
        assert_int_equal(SHARDS_ASK_SHARD, shards_next(shards).ask);
    }
}

static void a_shard_that_does_not_open_is_tried_three_times_a_turn(void **state)
{
    (void)state;
    struct shards *shards = reading_both();
    struct shards_told told = {.outcome = LINE_OK};
    for (unsigned turn = 0; turn < 2; turn++) {
        assert_int_equal(3, seals_in_vain(shards, &told));
        assert_true(shards_is_resting(shards));
        assert_int_equal(SHARDS_ASK_LOOK, begun(shards, true).ask);
        shards_take_look(shards, true, false, true);
        for (uint8_t k = 0; k < 2; k++)
            assert_int_equal(SHARDS_ASK_SHARD, shards_next(shards).ask);
    }
    told = (struct shards_told){.outcome = LINE_UNAVAILABLE, .retry_ms = 1}; /* collecting */
    assert_int_equal(1, seals_in_vain(shards, &told));
    assert_true(shards_is_resting(shards));
    assert_int_equal(1, shards_pause_ms(shards, true));
    shards_destroy(shards);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_visitor_gets_one_place_whatever_is_lost),
        cmocka_unit_test(visitors_are_spread_evenly_over_the_shards),
        cmocka_unit_test(a_front_that_is_not_due_only_reads),
        cmocka_unit_test(a_turn_without_news_is_one_plain_read),
        cmocka_unit_test(a_plain_read_finds_cuts_and_may_claim_the_next),
        cmocka_unit_test(a_claim_with_fresh_cuts_goes_straight_to_the_shards),
        cmocka_unit_test(a_front_leaves_the_claim_to_the_one_that_makes_cuts),
        cmocka_unit_test(cuts_from_another_loop_need_no_turn),
        cmocka_unit_test(unknown_cuts_are_left_to_redis),
        cmocka_unit_test(a_shard_is_not_sealed_twice),
        cmocka_unit_test(only_what_was_sealed_or_shown_is_read_again),
        cmocka_unit_test(a_shard_that_refused_rests_until_the_turn_is_over),
        cmocka_unit_test(all_shards_share_the_room_left_by_the_cuts),
        cmocka_unit_test(addresses_are_spread_over_the_shards_even_neighbours),
        cmocka_unit_test(an_address_keeps_its_shard),
        cmocka_unit_test(lost_cuts_are_sent_and_those_of_redis_count),
        cmocka_unit_test(a_call_sends_a_bounded_number_of_cuts),
        cmocka_unit_test(a_useless_answer_ends_the_turn),
        cmocka_unit_test(no_cut_is_made_without_joins),
        cmocka_unit_test(a_shard_without_an_answer_is_left_out),
        cmocka_unit_test(a_seal_names_the_epoch_that_was_read),
        cmocka_unit_test(a_front_keeps_each_shards_state_and_highest_number),
        cmocka_unit_test(a_shard_that_does_not_open_is_tried_three_times_a_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
