/* shards_test.c: the turns of a front, step by step as rows, and a random world: several fronts
 * give each visitor one place although calls, replies, shards, cuts and fronts are lost. The Redis
 * of that world is a short model of what the headers of shard.lua and cut.lua promise; the scripts
 * have their own tests (tests/integration/line/shards.test.js).
 *
 * A row starts with a front of a line with two shards.
 *
 *   shards N             the front has so many shards
 *   begin, next CALL F=N a turn begins; expects the next call. `hurry`: a visitor waits here
 *   turn CALL F=N        both, at a front that is at rest
 *   of K F=N             what the next reply says of a shard
 *   learn NTH GROWN      a cut in the reply of cut.lua, or a range of cuts
 *   reply OUTCOME F=N    the reply itself; `lost`: it did not come
 *   read K OUTCOME       the reply of a shard
 *   find, hear NTH GROWN a cut of a plain read, or of another loop; `wrong`: of its checksum
 *   looked whole more claimed   the plain read is over
 *   doubt, refuse K, saw K N    what else the caller reports
 *   room, full           expect the room of the line, and the number at which a shard is full
 *   known K F=N, expect F=N     expect what the front knows */
#include "core/line/shards.h"

#include "script.h"

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
    uint32_t holes, places, conflicts, looks;
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

/* False: the front has cuts that differ from those of Redis. */
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

static void take_epochs(struct world *world, const struct shards *shards)
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
    take_epochs(world, shards);
    if (call.seals)
        return seal(world, call.shard, call.epoch,
                    strtoull(shards_read(shards, call.shard)->opening, NULL, 10));
    return is_next ? make_cut(world, shards) : LINE_SAME;
}

enum { REPLY = 7 }; /* cuts in one reply: few, so that it takes several */

/* cut.lua, and the front, which takes the reply unless it is lost. */
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

/* A plain read of the cuts, which may differ from the front's, and the claim. */
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

static void want_seal(struct server *server)
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
            want_seal(server);
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
        want_seal(server);
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
    bool is_full = server->number[key] == 0 && server->issued == server->lease;
    if (!server->good || server->issued < shards_known(front->shards, k)->issued || is_full) {
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
        return; /* the reply is lost, and the visitor may join again */
    shards_saw(front->shards, k, number);
    front->visitor[k][key].waits = true;
    front->visitor[k][key].number = number;
}

static void give_places(struct world *world, struct front *front)
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
            world->places += world->whose[place] == 0;
            world->whose[place] = name;
            front->visitor[k][key].waits = false;
        }
    }
}

/* ---- what happens ---- */

static void call_on(struct world *world, struct front *front, struct shards_call call, bool arrives)
{
    if (call.ask == SHARDS_ASK_CUT)
        run_cut(world, front, call, arrives);
    else if (call.ask == SHARDS_ASK_LOOK)
        run_read(world, front, call, arrives);
    else
        run_look(world, front, call.shard, arrives);
    give_places(world, front);
}

/* A random number of the calls of a turn. The rest follows later, after other events. */
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

/* The event's slot comes back empty. heal.lua leaves out as many places as there may have been,
 * except those that the reachable fronts know. */
static void lose_cuts(struct world *world)
{
    static const struct slot none;
    uint64_t places = world->slot.places, known = 0;
    world->slot = none;
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
    catch_up(world); /* before another front sends a cut of that number */
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
        world->slot.places += below(world, 100); /* by a heal */
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

/* Nothing breaks any longer. After a few turns each visitor has a place. */
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

/* Each place of a cut of joins has a number that a visitor got. */
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

static void each_visitor_gets_one_place_although_data_is_lost(void **state)
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
    print_message("%u places, %u cuts, %u holes, %u conflicts, %u plain reads\n", world->places,
                  world->slot.count, world->holes, world->conflicts, world->looks);
    assert_true(world->places > 0 && world->holes > 0 && world->looks > 0);
    for (unsigned i = 0; i < FRONTS; i++)
        shards_destroy(world->front[i].shards);
    free(world->whose);
    free(world);
}
/* ---- rows ---- */

static struct shards *shards;
static struct shards_told reply;

static uint32_t known_cuts(void)
{
    return cuts_count(shards_cuts(shards));
}

static struct cut cut_of(const char *grown)
{
    struct cut cut = {.kind = CUT_JOINS};
    for (uint8_t k = 0; *grown != '\0'; k++) {
        char *end;
        cut.grown[k] = (uint32_t)strtoul(grown, &end, 10);
        grown = end + (*end == ',');
    }
    return cut;
}

static void set_shards(const struct script_line *line)
{
    shards_destroy(shards);
    shards = shards_create((uint8_t)script_number(script_word(line, 1)));
    assert_int_equal(script_number(script_word(line, 1)), shards_count(shards));
}

static void begin(const struct script_line *line)
{
    shards_begin(shards, script_has(line, "hurry"));
}

static void expect_call(const struct script_line *line, unsigned at)
{
    static const char *const names[] = {"nothing", "look", "shard", "cut"};
    struct shards_call call = shards_next(shards);
    script_expect_text(line, script_word(line, at), names[call.ask]);
    const struct script_field fields[] = {
        SCRIPT_NUMBER("of", call.shard),     SCRIPT_NUMBER("seals", call.seals),
        SCRIPT_NUMBER("epoch", call.epoch),  SCRIPT_NUMBER("nth", call.nth),
        SCRIPT_NUMBER("slot", call.slot_ms), SCRIPT_NUMBER("first", call.first),
        SCRIPT_NUMBER("sent", call.told),    {.name = NULL},
    };
    script_expect_values(line, at + 1, fields);
}

static void expect_next(const struct script_line *line)
{
    expect_call(line, 1);
}

static void turn(const struct script_line *line)
{
    assert_true(shards_is_resting(shards));
    begin(line);
    expect_call(line, script_has(line, "hurry") ? 2 : 1);
}

static void set_shard(const struct script_line *line)
{
    struct shards_known *of = &reply.shard[script_number(script_word(line, 1))];
    of->epoch = script_value_or(line, "epoch", 0);
    of->upto = script_value_or(line, "upto", 0);
    of->lease = script_value_or(line, "lease", 0);
    of->issued = script_value_or(line, "issued", 0);
    strcpy(of->opening, "run@1");
}

static void learn(const struct script_line *line)
{
    const char *first = script_word(line, 1), *to = strstr(first, "..");
    uint64_t last = script_number(to != NULL ? to + 2 : first);
    struct cut cut = cut_of(script_word(line, 2));
    for (uint64_t nth = strtoul(first, NULL, 10); nth <= last; nth++)
        assert_int_equal(0, shards_learn(shards, (uint32_t)nth, &cut, NULL));
}

static enum line_outcome outcome_of(const struct script_line *line, unsigned at)
{
    static const char *const names[] = {"ok", "same", "unavailable", "conflict", "unknown", NULL};
    static const enum line_outcome outcomes[] = {LINE_OK, LINE_SAME, LINE_UNAVAILABLE,
                                                 LINE_CONFLICT, LINE_UNKNOWN};
    return outcomes[script_choice(line, script_word(line, at), names)];
}

static void take_reply(const struct script_line *line)
{
    if (script_has(line, "lost")) {
        assert_true(shards_take_cut(shards, NULL));
        return;
    }
    reply.outcome = outcome_of(line, 1);
    reply.count = (uint32_t)script_value_or(line, "count", 0);
    reply.retry_ms = (uint32_t)script_value_or(line, "retry", 0);
    reply.due = script_has(line, "due");
    assert_int_equal(reply.outcome != LINE_CONFLICT, shards_take_cut(shards, &reply));
    reply = (struct shards_told){0};
}

static void take_shard(const struct script_line *line)
{
    uint8_t k = (uint8_t)script_number(script_word(line, 1));
    struct shards_read read = {.issued = script_value_or(line, "issued", 0), .opening = "run@1"};
    if (script_has(line, "lost"))
        shards_take_shard(shards, k, LINE_OK, NULL);
    else
        shards_take_shard(shards, k, outcome_of(line, 2), &read);
}

static void find(const struct script_line *line)
{
    const char *at = script_word(line, 1);
    uint32_t count = known_cuts();
    uint32_t nth = strcmp(at, "next") == 0 ? count + 1 : (uint32_t)script_number(at);
    struct cut cut = cut_of(script_word(line, 2));
    uint32_t sum = cut_sum(cuts_sum(shards_cuts(shards), count), &cut, shards_count(shards)) +
                   script_has(line, "wrong");
    bool (*take)(struct shards *, uint32_t, const struct cut *, uint32_t) =
        strcmp(line->words[0], "hear") == 0 ? shards_heard : shards_found;
    assert_int_equal(!script_has(line, "refused"), take(shards, nth, &cut, sum));
}

static void looked(const struct script_line *line)
{
    shards_take_look(shards, script_has(line, "whole"), script_has(line, "more"),
                     script_has(line, "claimed"));
}

static void doubt(const struct script_line *line)
{
    (void)line;
    shards_doubt(shards);
}

static void refuse(const struct script_line *line)
{
    shards_refused(shards, (uint8_t)script_number(script_word(line, 1)));
}

static void saw(const struct script_line *line)
{
    shards_saw(shards, (uint8_t)script_number(script_word(line, 1)),
               script_number(script_word(line, 2)));
}

static void expect_room(const struct script_line *line)
{
    uint64_t room =
        shards_room(shards, script_value_or(line, "max", 0), script_value_or(line, "waiting", 0),
                    script_value_or(line, "issued", 0));
    script_expect(line, script_word(line, 1), room);
}

static void expect_full(const struct script_line *line)
{
    uint8_t k = (uint8_t)script_value_or(line, "of", 0);
    script_expect(line, script_word(line, 1),
                  shards_full_from(shards, k, script_value_or(line, "room", 0)));
}

static void expect_known(const struct script_line *line)
{
    const struct shards_known *known =
        shards_known(shards, (uint8_t)script_number(script_word(line, 1)));
    const struct script_field fields[] = {
        SCRIPT_NUMBER("epoch", known->epoch),   SCRIPT_NUMBER("upto", known->upto),
        SCRIPT_NUMBER("lease", known->lease),   SCRIPT_NUMBER("issued", known->issued),
        SCRIPT_TEXT("opening", known->opening), {.name = NULL},
    };
    script_expect_values(line, 2, fields);
}

static void expect_state(const struct script_line *line)
{
    const struct script_field fields[] = {
        SCRIPT_NUMBER("resting", shards_is_resting(shards)),
        SCRIPT_NUMBER("sure", shards_is_sure(shards)),
        SCRIPT_NUMBER("led", shards_is_led(shards)),
        SCRIPT_NUMBER("pause", shards_pause_ms(shards, true)),
        SCRIPT_NUMBER("idle", shards_pause_ms(shards, false)),
        SCRIPT_NUMBER("cuts", known_cuts()),
        SCRIPT_NUMBER("places", cuts_places(shards_cuts(shards))),
        SCRIPT_NUMBER("open0", shards_open(shards, 0)),
        SCRIPT_NUMBER("open1", shards_open(shards, 1)),
        SCRIPT_NUMBER("read0", shards_read(shards, 0)->there),
        SCRIPT_NUMBER("read1", shards_read(shards, 1)->there),
        {.name = NULL},
    };
    script_expect_values(line, 1, fields);
}

static const struct script_verb verbs[] = {
    {"shards", set_shards},
    {"begin", begin},
    {"next", expect_next},
    {"turn", turn},
    {"of", set_shard},
    {"learn", learn},
    {"reply", take_reply},
    {"read", take_shard},
    {"find", find},
    {"hear", find},
    {"looked", looked},
    {"doubt", doubt},
    {"refuse", refuse},
    {"saw", saw},
    {"room", expect_room},
    {"full", expect_full},
    {"known", expect_known},
    {"expect", expect_state},
    {NULL, NULL},
};

/* The front knows all cuts: none, or two. */
#define SURE        "turn hurry cut; reply same; next nothing;"
#define SURE_OF_TWO "turn hurry cut; learn 1..2 3,4; reply same count=2; next nothing;"
/* It has asked both shards. */
#define READING SURE "doubt; turn hurry cut; reply same due; next shard of=0; next shard of=1;"
/* It does so, and neither replies. */
#define IN_VAIN      "next shard; next shard; read 0 lost; read 1 lost; next nothing; expect resting=1;"
#define QUIET        "turn look slot=0; looked whole; turn hurry look slot=15; looked whole;"
#define QUIET_5      QUIET QUIET QUIET QUIET QUIET
#define FINDS(LOOK)  "turn hurry look " LOOK "; find next 5,0; looked whole; expect resting=1;"
#define LEFT         "expect led=1;" FINDS("slot=0")
#define CLAIMS_AGAIN LEFT LEFT LEFT LEFT "expect led=0;" FINDS("slot=15")
/* The first shard has to be sealed. The front seals it, and reads it again. */
#define SEALED                                                                                     \
    "read 0 unavailable issued=5; next cut seals=1 of=0; reply ok; next shard of=0; next nothing;"
#define SEALED_THRICE                                                                              \
    SEALED SEALED SEALED "read 0 unavailable issued=5; next nothing; expect resting=1;"

static const struct script_row rows[] = {
    {"a front that is not chosen only reads",
     "next nothing; expect pause=20 idle=1000; begin hurry; next cut nth=0 sent=0 slot=40;"
     "next nothing; begin hurry; learn 1 3,4; reply same count=2; next cut sent=0; learn 2 3,4;"
     "reply same count=2; next nothing; expect resting=1 places=14"},
    {"a turn without news is one plain read, and every 65th asks cut.lua",
     SURE_OF_TWO QUIET_5 QUIET_5 QUIET_5 QUIET_5 QUIET_5 QUIET_5 QUIET
     "turn look slot=0; next nothing; looked whole; next nothing; turn hurry look slot=15;"
     "looked whole more; next look; looked whole; next nothing;"
     "turn hurry cut; reply lost; turn hurry cut"},
    {"a plain read finds cuts and claims the next",
     SURE_OF_TWO "turn hurry look; find 3 5,0; find 4 5,0; looked whole more claimed;"
                 "next look slot=0; looked whole; expect places=24; next cut slot=10 sent=0;"
                 "reply same count=4 due;" IN_VAIN},
    {"a claim with fresh cuts leads straight to the shards",
     SURE_OF_TWO "turn hurry look; looked whole claimed;" IN_VAIN
                 "turn hurry look; find next 5,0; looked whole claimed;" IN_VAIN
                 "turn hurry look slot=15; looked claimed; next cut"},
    {"a front leaves the claim to the front that makes cuts, and tries again",
     SURE_OF_TWO FINDS("slot=15") CLAIMS_AGAIN CLAIMS_AGAIN CLAIMS_AGAIN},
    {"a front claims again when no cut comes or a new visitor waits",
     SURE_OF_TWO FINDS("slot=15") "turn hurry look slot=0; looked whole;" FINDS(
         "slot=15") "turn look slot=0; find next 5,0; looked whole; turn hurry look slot=15"},
    {"cuts from another loop need no turn",
     "expect sure=0;" SURE_OF_TWO "expect sure=1; hear 3 0,6 wrong refused; hear 3 0,6;"
     "expect places=20 sure=1; turn look; looked whole; expect resting=1"},
    {"a cut of another past is left to cut.lua",
     SURE_OF_TWO "turn look; find 3 5,0 wrong refused; find 4 5,0 refused; looked more;"
                 "expect sure=0 cuts=2; next cut"},
    {"another Redis is asked for its cuts", SURE "doubt; turn cut"},
    {"a shard that another front has opened is sealed by its old epoch",
     READING "next nothing; read 0 unavailable; next nothing; read 1 unavailable;"
             "next cut seals=1 of=0 epoch=0; of 0 epoch=1 lease=100; of 1 epoch=1 lease=100;"
             "reply ok due; next cut seals=1 of=1 epoch=0"},
    {"a sealed shard is read again, then the next cut is made",
     READING "read 0 unavailable; read 1 conflict; next cut seals=1 of=0; reply ok;"
             "next shard of=0; next nothing; read 0 ok issued=1; next cut seals=0 nth=0; reply ok;"
             "next shard of=1; next nothing; read 1 ok issued=1; next cut nth=1"},
    {"a shown shard is read again, then the next cut is made",
     READING "read 0 conflict; read 1 unavailable; next cut seals=1 of=1; reply ok;"
             "next shard of=1; next nothing; read 1 ok issued=1; next cut seals=0 nth=0; reply ok;"
             "next shard of=0; next nothing; read 0 ok issued=1; next cut nth=1"},
    {"a shard that refused rests until the turn is over",
     "expect open0=1 open1=1 resting=1; refuse 0; begin hurry; next cut; expect resting=0;"
     "expect open0=0 open1=1; reply lost;"
     "expect open0=1; refuse 1; begin hurry; next cut; expect open0=1 open1=0; reply lost;"
     "expect open1=1"},
    {"all shards share the room left by the cuts",
     "shards 3; learn 1 7,1,2; room 12 max=20 waiting=6 issued=8; full 11 of=0 room=12;"
     "full 5 of=1 room=12; full 3 of=2 room=1; full 7 of=0 room=0; room 0 max=8 waiting=6 issued=8;"
     "room 0 max=7 waiting=6 issued=8; room 1 max=9 waiting=8 issued=40"},
    {"lost cuts are sent, and a front with other cuts forgets them",
     "learn 1..3 1; begin hurry; next cut first=1 sent=3; reply unavailable count=3 retry=700 due;"
     "expect resting=1 pause=700; turn hurry cut sent=0 first=0; reply conflict; expect cuts=0;"
     "turn hurry cut sent=0; reply same; expect pause=20"},
    {"a call sends a bounded number of cuts",
     "learn 1..600 1; turn hurry cut first=1 sent=512; reply same count=512 due;"
     "next cut first=513 sent=88; reply same count=512 due; expect resting=1;"
     "turn hurry cut sent=88"},
    {"a reply without the cuts that it counts ends the turn",
     SURE_OF_TWO "doubt; turn hurry cut; reply same count=4 due; turn hurry cut"},
    {"a reply that knows no event ends the turn",
     SURE_OF_TWO "doubt; turn hurry cut; reply unknown count=2 due; turn hurry cut"},
    {"no cut is made without joins",
     READING "begin hurry; read 0 ok; read 1 ok; next nothing; expect resting=1"},
    {"joins of the first shard are one cut, which ends the turn",
     READING "read 0 ok issued=5; read 1 ok; known 0 issued=5; known 1 issued=0; next cut nth=1;"
             "learn 1 5,0; reply ok count=1; expect resting=1"},
    {"joins of the second shard are one cut, which ends the turn",
     READING "read 0 ok; read 1 ok issued=5; known 0 issued=0; known 1 issued=5; next cut nth=1;"
             "learn 1 0,5; reply ok count=2; expect resting=1"},
    {"a shard without a good reply is left out",
     READING "read 0 unknown issued=5; read 1 ok issued=5; expect read0=0 read1=1; next cut nth=1;"
             "reply lost; turn hurry cut"},
    {"a seal names the epoch that was read", READING
     "read 1 ok; read 0 unavailable; expect read0=1; next cut seals=1 of=0 epoch=0;"
     "of 0 epoch=4; reply ok; next shard; read 0 unavailable; next cut seals=1 of=0 epoch=4;"
     "of 0 epoch=4; reply ok; next shard; read 0 lost; expect read0=0; next nothing"},
    {"a front keeps the state and the highest number of each shard",
     SURE "saw 0 9; saw 0 7; saw 1 9; saw 1 7; of 0 epoch=1 upto=20 lease=50 issued=3;"
          "of 1 epoch=1 upto=21 lease=51 issued=3; doubt; turn hurry cut; reply same; doubt;"
          "turn hurry cut; reply unavailable;"
          "known 0 epoch=1 upto=20 lease=50 opening=run@1 issued=9;"
          "known 1 epoch=1 upto=21 lease=51 opening=run@1 issued=9"},
    {"a shard that does not open is sealed three times a turn",
     READING "read 1 ok;" SEALED_THRICE "turn hurry look; looked whole claimed;"
             "next shard; next shard; read 1 ok;" SEALED_THRICE},
    {"a shard that does not open is not sealed while cuts are collected",
     READING "read 1 ok; read 0 unavailable issued=5; next cut seals=1; reply unavailable retry=1;"
             "expect resting=1 pause=1"},
};

static void run_row(void **state)
{
    shards = shards_create(2);
    script_run(*state, verbs);
    shards_destroy(shards);
    shards = NULL;
}

static void visitors_are_spread_evenly_over_the_shards(void **state)
{
    (void)state;
    struct rng_seeded seeded;
    rng_seeded_init(&seeded, unit_seed());
    struct shards *five = shards_create(5);
    unsigned of[5] = {0};
    uint8_t idem[LINE_IDEM_BYTES];
    for (unsigned i = 0; i < 50000; i++) {
        for (size_t at = 0; at < sizeof(idem); at++)
            idem[at] = (uint8_t)rng_below(&seeded.rng, 256);
        uint8_t k = shards_of(five, idem);
        assert_true(k < 5);
        of[k]++;
    }
    for (unsigned k = 0; k < 5; k++)
        assert_in_range(of[k], 9000, 11000);
    memset(idem, 0xFF, sizeof(idem));
    assert_int_equal(4, shards_of(five, idem));
    shards_destroy(five);
}

/* Two versions of a front count the same address in the same shard. */
static void an_address_keeps_its_shard(void **state)
{
    (void)state;
    static const uint8_t first[] = {0, 1, 6, 7, 4, 5, 2, 3, 0, 1, 5, 6, 3, 4, 1, 2};
    struct shards *eight = shards_create(8);
    unsigned of[8] = {0};
    for (unsigned i = 0; i < 256; i++) {
        const char address[4] = {(char)198, 51, 100, (char)i};
        uint8_t k = shards_of_address(eight, (struct span){address, sizeof(address)});
        if (i < sizeof(first))
            assert_int_equal(first[i], k);
        of[k]++;
    }
    for (unsigned k = 0; k < 8; k++)
        assert_in_range(of[k], 12, 64);
    shards_destroy(eight);
}

int main(void)
{
    const struct CMUnitTest functions[] = {
        cmocka_unit_test(each_visitor_gets_one_place_although_data_is_lost),
        cmocka_unit_test(visitors_are_spread_evenly_over_the_shards),
        cmocka_unit_test(an_address_keeps_its_shard),
    };
    _Static_assert(SHARDS_LOOKS_MAX == 64 && SHARDS_TELL_MAX == 512 && SHARDS_LEFT_TURNS == 4,
                   "rows name them");
    return script_tests(SCRIPT_LIST(functions), SCRIPT_LIST(rows), run_row);
}
