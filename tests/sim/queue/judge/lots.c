/* lots.c: see lots.h. A draw is read from Redis. If Redis lost a draw, it may be held again in
 * another order, unless a running front has shown the first one. */
#include "queue/judge/lots.h"

#include "queue/front/fronts.h"
#include "queue/front/keeper.h"
#include "queue/judge/losses.h"
#include "stage/invariant.h"
#include "stage/probes.h"

#include "core/event/draw_seal.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRIES_JUDGED = 4096 };

struct lot {
    bool promised, drawn;
    uint8_t commitment[DRAW_COMMITMENT_BYTES];
    uint8_t seed[DRAW_SEED_BYTES];
    char beacon[DRAW_BEACON_MAX];
    size_t beacon_len;
    uint64_t entries;
    struct draw order;
    uint64_t shown_us[FRONTS]; /* when each first showed this draw; 0: not yet */
};

static struct lot lots[EVENTS][1 + EVENT_LANES];

/* ---- the promise ---- */

/* The commitments of all lines of the event. From the pre-queue on they are fixed. */
static void read_promise(unsigned event, struct span sealed, uint64_t state)
{
    struct draw_seal seal;
    if (sealed.len == 0 || !draw_seal_parse(sealed, &seal))
        return;
    for (unsigned lane = 0; lane <= EVENT_LANES; lane++) {
        struct lot *lot = &lots[event][lane];
        bool same = memcmp(lot->commitment, seal.commitment[lane], sizeof(lot->commitment)) == 0;
        if (lot->promised && !same && state >= LINE_PRE_QUEUE)
            invariant_broken(INVARIANT_6, "the seed of %s's draw is promised anew",
                             lines_event(event));
        memcpy(lot->commitment, seal.commitment[lane], sizeof(lot->commitment));
        lot->promised = true;
    }
}

/* ---- the draw ---- */

static bool may_be_drawn_again(const struct lot *lot)
{
    for (unsigned i = 0; i < FRONTS; i++)
        if (lot->shown_us[i] != 0 && !losses_may_forget(i, lot->shown_us[i]))
            return false;
    return true;
}

/* Each position belongs to one entry. With shards most entries are gaps, so a sample is enough. */
static void judge_order(struct line_ref line, const struct lot *lot)
{
    bool *taken = sim_new((lot->entries + 1) * sizeof(*taken));
    for (uint64_t entry = 1; entry <= lot->entries && entry <= ENTRIES_JUDGED; entry++) {
        uint64_t position = draw_position(&lot->order, entry);
        if (position == 0 || position > lot->entries || taken[position])
            invariant_broken(INVARIANT_6,
                             "entry %" PRIu64 " of lane %u is drawn to position %" PRIu64
                             " of %" PRIu64,
                             entry, line.lane, position, lot->entries);
        taken[position] = true;
    }
    free(taken);
}

static void judge_seed(struct line_ref line, const struct lot *lot)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, lot->seed, sizeof(lot->seed));
    if (!lot->promised || memcmp(hash, lot->commitment, sizeof(hash)) != 0)
        invariant_broken(INVARIANT_6, "the draw of lane %u has another seed than was promised",
                         line.lane);
}

static bool is_same(const struct lot *a, const struct lot *b)
{
    return a->entries == b->entries && a->beacon_len == b->beacon_len &&
           memcmp(a->seed, b->seed, sizeof(a->seed)) == 0 &&
           memcmp(a->beacon, b->beacon, a->beacon_len) == 0;
}

static void read_draw(struct line_ref line, const char *cfg)
{
    struct lot *lot = &lots[line.event][line.lane];
    struct span seed = keeper_field(cfg, "seed"), beacon = keeper_field(cfg, "beacon");
    struct span entries = keeper_field(cfg, "entries");
    struct lot now = {.drawn = true, .entries = lines_u64(entries)};
    if (entries.len == 0 || seed.len != 2 * DRAW_SEED_BYTES)
        return;
    sodium_hex2bin(now.seed, sizeof(now.seed), seed.ptr, seed.len, NULL, NULL, NULL);
    assert(beacon.len <= sizeof(now.beacon));
    if (beacon.len > 0)
        memcpy(now.beacon, beacon.ptr, beacon.len);
    now.beacon_len = beacon.len;
    if (lot->drawn && is_same(lot, &now))
        return;
    if (lot->drawn && !may_be_drawn_again(lot))
        invariant_broken(INVARIANT_6, "lane %u of %s is drawn twice", line.lane,
                         lines_event(line.event));
    if (lot->drawn)
        probe_reached(PROBE_LINE_DRAWN_AGAIN);
    probe_reached(PROBE_LINE_DRAWN);
    now.promised = lot->promised;
    memcpy(now.commitment, lot->commitment, sizeof(now.commitment));
    draw_init(&now.order, now.seed, (struct span){now.beacon, now.beacon_len}, now.entries);
    *lot = now;
    judge_seed(line, lot);
    judge_order(line, lot);
}

void lots_on_fields(struct line_ref line)
{
    const char *cfg = lines_key(line, "cfg");
    if (line.lane == 0)
        read_promise(line.event, keeper_field(cfg, "sealed"),
                     lines_u64(keeper_field(cfg, "state")));
    read_draw(line, lines_key(line, "cfg"));
}

void lots_forget(unsigned event)
{
    memset(lots[event], 0, sizeof(lots[event]));
}

void lots_on_shown(unsigned front, struct line_ref line, uint64_t entry, uint64_t position)
{
    struct lot *lot = &lots[line.event][line.lane];
    uint64_t expected = lot->drawn ? draw_position(&lot->order, entry) : entry;
    if (position != expected)
        invariant_broken(INVARIANT_6,
                         "entry %s sees position %" PRIu64 ", and was drawn to %" PRIu64,
                         lines_says(lines_number(line, entry)), position, expected);
    if (lot->drawn && lot->shown_us[front] == 0)
        lot->shown_us[front] = sim_us();
}
