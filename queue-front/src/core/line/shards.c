/* shards.c: the steps of a turn.
 *
 *   LOOK   a plain read of the cuts after the known ones, with the claim of the next. Most turns
 *          do only this. Each cut has a checksum, so cuts that differ from those known here are
 *          noticed with the next one. If a read found a cut, another front makes them, and most of
 *          the following turns leave the claim to it. Not all, since that front may not reach a
 *          shard that this one does.
 *   NEWS   one call of cut.lua: new cuts, and whether this front makes the next. Repeated while
 *          there are more cuts than fit into a reply. Skipped by a front that has the claim and
 *          got the shards with this cut or the previous one, as a front that makes several does.
 *   READ   all shards at once. A shard that has to be sealed is sealed by a call of cut.lua and
 *          read again, which opens it; one in a later epoch than the cuts know is shown to cut.lua
 *          and read again. So each front can finish the work of another.
 *   MAKE   the next cut from these readings, unless nobody has joined.
 *
 * At most one call of cut.lua is under way, so its replies come in order. Each sends the checksum
 * of all cuts known here: if Redis had other cuts, fronts would compute different places. If Redis
 * has fewer cuts, it has lost some, and gets them back.
 *
 * A shard that refuses joins is left alone until the end of the turn that may have opened it; so a
 * shard at its lease costs one call per turn and front.
 *
 * Invariants: READING is the state of exactly `reading` shards; a call of cut.lua is under way only
 * in a phase that waits for it. */
#include "core/line/shards.h"

#include "base/tag.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Attempts to open one shard in one turn: sealed, opened, and lost again meanwhile. */
enum { TRIES_MAX = 4 };

enum phase { REST, LOOK, NEWS, READ, MAKE };
enum step { TO_READ, READING, IS_READ, TO_SEAL, TO_SHOW, LOST };

struct shard {
    struct shards_known known;
    struct shards_read read;
    enum step step;
    uint64_t asked_epoch; /* of its last request: the reply is about this epoch */
    uint8_t tries;
    bool refused;
};

struct shards {
    uint8_t count;
    struct cuts *cuts;
    struct shard shard[CUT_SHARDS_MAX];
    enum phase phase;
    bool looking;       /* a plain read is under way, */
    uint32_t looked_at; /* number of cuts known before it */
    uint32_t looks;     /* plain reads left before the next call of cut.lua */
    bool hurry;         /* this turn claims the next cut */
    bool waits;         /* a join was waiting when it began */
    uint32_t left;      /* turns that still leave the claim to the front that makes cuts */
    bool cutting;       /* a call of cut.lua is under way, */
    uint8_t sealing;    /* which seals this shard; `count`: none */
    uint32_t had;       /* cuts known here at its request, */
    uint32_t redis_had; /* and cuts in Redis as last reported */
    bool claimed;       /* this turn has the claim, */
    bool due;           /* or has to make the next cut */
    uint32_t read_at;   /* number of cuts when the shards arrived */
    uint8_t reading;
    uint32_t redis_has; /* cuts in Redis, as last reported */
    uint32_t retry_ms;  /* as last reported: cuts are being collected; 0: they are not */
};

struct shards *shards_create(uint8_t count)
{
    assert(count >= 2 && count <= CUT_SHARDS_MAX);
    struct shards *shards = calloc(1, sizeof(*shards));
    if (shards == NULL)
        return NULL;
    shards->count = count;
    shards->cuts = cuts_create(count);
    if (shards->cuts == NULL) {
        free(shards);
        return NULL;
    }
    return shards;
}

void shards_destroy(struct shards *shards)
{
    if (shards == NULL)
        return;
    cuts_destroy(shards->cuts);
    free(shards);
}

uint8_t shards_count(const struct shards *shards)
{
    return shards->count;
}

const struct cuts *shards_cuts(const struct shards *shards)
{
    return shards->cuts;
}

static struct shard *shard_of(struct shards *shards, uint8_t k)
{
    assert(k < shards->count);
    return &shards->shard[k];
}

const struct shards_known *shards_known(const struct shards *shards, uint8_t k)
{
    assert(k < shards->count);
    return &shards->shard[k].known;
}

const struct shards_read *shards_read(const struct shards *shards, uint8_t k)
{
    assert(k < shards->count);
    return &shards->shard[k].read;
}

/* ---- joins ---- */

static uint8_t shard_by(const struct shards *shards, uint32_t word)
{
    uint8_t k = (uint8_t)((uint64_t)word * shards->count >> 32);
    assert(k < shards->count);
    return k;
}

/* By its last bytes, since Redis names the key by its first ones. */
uint8_t shards_of(const struct shards *shards, const uint8_t idem[LINE_IDEM_BYTES])
{
    uint32_t word;
    memcpy(&word, idem + LINE_IDEM_BYTES - sizeof(word), sizeof(word));
    return shard_by(shards, word);
}

uint8_t shards_of_address(const struct shards *shards, struct span address)
{
    uint64_t mixed = tag_hash(address) * UINT64_C(0x9E3779B97F4A7C15); /* mixes in its last byte */
    return shard_by(shards, (uint32_t)(mixed >> 32));
}

/* ---- room ---- */

uint64_t shards_room(const struct shards *shards, uint64_t line_max, uint64_t waiting,
                     uint64_t issued)
{
    uint64_t places = cuts_places(shards->cuts);
    uint64_t wait = waiting + (places > issued ? places - issued : 0);
    return wait < line_max ? line_max - wait : 0;
}

uint64_t shards_full_from(const struct shards *shards, uint8_t k, uint64_t room)
{
    uint64_t share = (room + shards->count - 1) / shards->count;
    return cuts_upto(shards->cuts, k) + share;
}

bool shards_open(const struct shards *shards, uint8_t k)
{
    assert(k < shards->count);
    return !shards->shard[k].refused;
}

void shards_refused(struct shards *shards, uint8_t k)
{
    shard_of(shards, k)->refused = true;
}

void shards_saw(struct shards *shards, uint8_t k, uint64_t number)
{
    struct shards_known *known = &shard_of(shards, k)->known;
    known->issued = number > known->issued ? number : known->issued;
}

/* ---- a turn ---- */

bool shards_is_resting(const struct shards *shards)
{
    return shards->phase == REST;
}

uint32_t shards_pause_ms(const struct shards *shards, bool hurry)
{
    if (shards->retry_ms > 0)
        return shards->retry_ms;
    uint32_t step_ms = cuts_step_ms(shards->cuts);
    return hurry || step_ms > SHARDS_IDLE_MS ? step_ms : SHARDS_IDLE_MS;
}

bool shards_is_sure(const struct shards *shards)
{
    return shards->looks > 0 && shards->redis_has == cuts_count(shards->cuts);
}

bool shards_is_led(const struct shards *shards)
{
    return shards->left > 0;
}

void shards_begin(struct shards *shards, bool hurry)
{
    if (shards->phase != REST)
        return;
    assert(!shards->cutting); /* no call of the last turn is under way */
    assert(shards->reading == 0);
    shards->phase = shards_is_sure(shards) ? LOOK : NEWS;
    shards->hurry = hurry && shards->left == 0;
    shards->left -= shards->left > 0;
    shards->waits = hurry;
    shards->claimed = shards->due = false;
}

void shards_doubt(struct shards *shards)
{
    shards->looks = 0;
}

static void rest(struct shards *shards)
{
    assert(!shards->looking);
    assert(!shards->cutting);
    assert(shards->reading == 0);
    shards->phase = REST;
    for (uint8_t k = 0; k < shards->count; k++)
        shards->shard[k].refused = false;
}

/* The next shard in this step; `count`: none. */
static uint8_t in_step(const struct shards *shards, enum step step)
{
    uint8_t k = 0;
    while (k < shards->count && shards->shard[k].step != step)
        k++;
    return k;
}

static struct shards_call ask_cut(struct shards *shards, struct shards_call call)
{
    uint32_t known = cuts_count(shards->cuts);
    assert(!shards->cutting);     /* so replies come in order */
    assert(shards->reading == 0); /* the shards' replies go with it */
    call.ask = SHARDS_ASK_CUT;
    if (shards->redis_has < known) {
        call.first = shards->redis_has + 1;
        call.sent = known - shards->redis_has;
    }
    if (call.sent > SHARDS_SEND_MAX)
        call.sent = SHARDS_SEND_MAX;
    shards->cutting = true;
    shards->sealing = call.seals ? call.shard : shards->count;
    shards->had = known;
    shards->redis_had = shards->redis_has;
    return call;
}

static bool has_grown(const struct shards *shards)
{
    assert(in_step(shards, READING) == shards->count); /* with all readable shards */
    for (uint8_t k = 0; k < shards->count; k++) {
        const struct shard *shard = &shards->shard[k];
        if (shard->step == IS_READ && shard->read.issued > shard->known.upto)
            return true;
    }
    return false;
}

struct shards_call shards_next(struct shards *shards)
{
    if (shards->looking || shards->cutting || shards->phase == REST)
        return (struct shards_call){.ask = SHARDS_ASK_NOTHING};
    if (shards->phase == READ) {
        uint8_t to_seal = in_step(shards, TO_SEAL), to_read = in_step(shards, TO_READ);
        if (to_seal < shards->count && shards->reading == 0)
            return ask_cut(shards,
                           (struct shards_call){.seals = true,
                                                .shard = to_seal,
                                                .epoch = shards->shard[to_seal].asked_epoch});
        if (to_read < shards->count) {
            shards->shard[to_read].step = READING;
            shards->shard[to_read].asked_epoch = shards->shard[to_read].known.epoch;
            shards->reading++;
            assert(shards->reading <= shards->count);
            return (struct shards_call){.ask = SHARDS_ASK_SHARD, .shard = to_read};
        }
        if (shards->reading > 0)
            return (struct shards_call){.ask = SHARDS_ASK_NOTHING};
        if (in_step(shards, TO_SHOW) < shards->count)
            return ask_cut(shards, (struct shards_call){.nth = 0});
        if (!has_grown(shards)) {
            rest(shards);
            return (struct shards_call){.ask = SHARDS_ASK_NOTHING};
        }
        shards->phase = MAKE;
        return ask_cut(shards, (struct shards_call){.nth = cuts_count(shards->cuts) + 1});
    }
    uint32_t step_ms = cuts_step_ms(shards->cuts);
    if (shards->phase == LOOK) {
        shards->looking = true;
        shards->looked_at = cuts_count(shards->cuts);
        /* Longer than cut.lua's slot, so that the front with the claim makes the cut. */
        return (struct shards_call){.ask = SHARDS_ASK_LOOK,
                                    .slot_ms = shards->hurry ? step_ms * 3 / 4 : 0};
    }
    assert(shards->phase == NEWS);
    /* Without the claim it makes a cut only if nobody has for some time. */
    return ask_cut(shards,
                   (struct shards_call){.slot_ms = shards->claimed ? step_ms / 2 : 2 * step_ms});
}

/* ---- replies ---- */

void shards_take_shard(struct shards *shards, uint8_t k, enum line_outcome outcome,
                       const struct shards_read *read)
{
    struct shard *shard = shard_of(shards, k);
    assert(shards->phase == READ);
    assert(shard->step == READING);
    assert(shards->reading > 0);
    shards->reading--;
    shard->step = LOST;
    shard->read = (struct shards_read){.there = false};
    if (read == NULL ||
        (outcome != LINE_OK && outcome != LINE_UNAVAILABLE && outcome != LINE_CONFLICT))
        return;
    shard->read = *read;
    shard->read.there = true;
    if (outcome == LINE_OK) {
        shard->step = IS_READ;
        shards_saw(shards, k, read->issued);
        return;
    }
    /* The numbers of a shard to be sealed are below its lease; our marks do not bound them. */
    if (++shard->tries < TRIES_MAX)
        shard->step = outcome == LINE_UNAVAILABLE ? TO_SEAL : TO_SHOW;
}

int shards_learn(struct shards *shards, uint32_t nth, const struct cut *cut, struct err_slot *err)
{
    return cuts_add(shards->cuts, nth, cut, err);
}

static bool add_next(struct shards *shards, uint32_t nth, const struct cut *cut, uint32_t sum)
{
    uint32_t count = cuts_count(shards->cuts);
    struct err_slot err;
    return nth == count + 1 && cut_sum(cuts_sum(shards->cuts, count), cut, shards->count) == sum &&
           cuts_add(shards->cuts, nth, cut, &err) == 0;
}

bool shards_found(struct shards *shards, uint32_t nth, const struct cut *cut, uint32_t sum)
{
    assert(shards->looking);
    return add_next(shards, nth, cut, sum);
}

bool shards_noted(struct shards *shards, uint32_t nth, const struct cut *cut, uint32_t sum)
{
    assert(shards->phase == REST);
    assert(shards_is_sure(shards));
    if (!add_next(shards, nth, cut, sum))
        return false;
    shards->redis_has = cuts_count(shards->cuts);
    return true;
}

/* No place changes by that: cuts known here but not in Redis were lost there, and heal.lua has
 * raised the line beyond them. */
static void forget_cuts(struct shards *shards)
{
    struct cuts *fresh = cuts_create(shards->count);
    if (fresh == NULL)
        return; /* the next reply is the same, until there is memory */
    cuts_destroy(shards->cuts);
    shards->cuts = fresh;
    shards->redis_has = 0;
}

static void begin_reading(struct shards *shards)
{
    assert(shards->reading == 0);
    shards->phase = READ;
    for (uint8_t k = 0; k < shards->count; k++) {
        struct shard *shard = &shards->shard[k];
        shard->step = TO_READ;
        shard->tries = 0;
        shard->read.there = false;
    }
}

void shards_take_look(struct shards *shards, bool whole, bool more, bool claimed)
{
    assert(shards->looking);
    assert(shards->phase == LOOK);
    uint32_t count = cuts_count(shards->cuts);
    shards->looking = false;
    shards->redis_has = count;
    shards->looks -= shards->looks > 0;
    if (!whole)
        shards->looks = 0;
    /* A read while no join waited says nothing about the claim. */
    assert(cuts_count(shards->cuts) >= shards->looked_at); /* a read removes nothing */
    bool found = cuts_count(shards->cuts) > shards->looked_at;
    if (claimed || !found || !shards->waits)
        shards->left = 0;
    else if (shards->hurry)
        shards->left = SHARDS_LEFT_TURNS;
    shards->hurry &= !claimed; /* once per turn */
    shards->claimed |= claimed;
    if (whole && more)
        return;
    if (whole && shards->claimed && count - shards->read_at <= SHARDS_FRESH_CUTS)
        begin_reading(shards);
    else if (!whole || shards->claimed)
        shards->phase = NEWS;
    else
        rest(shards);
}

static void go_on(struct shards *shards, bool collecting)
{
    uint32_t count = cuts_count(shards->cuts);
    /* More cuts than fit into one reply or call, and the last one made progress. */
    bool is_behind = count < shards->redis_has
                         ? count > shards->had
                         : shards->redis_has < count && shards->redis_has != shards->redis_had;
    if (shards->phase == NEWS && is_behind)
        return;
    if (shards->phase == NEWS && !collecting && shards->due && count == shards->redis_has) {
        begin_reading(shards);
        return;
    }
    if (shards->phase != READ || collecting) {
        rest(shards);
        return;
    }
    /* A sealed or shown shard is read once more, which opens it. */
    assert(shards->reading == 0); /* a shard being read is neither sealed nor shown */
    for (uint8_t k = 0; k < shards->count; k++) {
        struct shard *shard = &shards->shard[k];
        bool shown = shard->step == TO_SHOW && shards->sealing == shards->count;
        if (shown || k == shards->sealing)
            shard->step = TO_READ;
    }
}

bool shards_take_cut(struct shards *shards, const struct shards_reply *reply)
{
    assert(shards->cutting);
    assert(shards->phase != REST); /* a turn waits for this */
    assert(shards->phase != LOOK);
    shards->cutting = false;
    shards->looks = 0;
    if (reply == NULL) {
        rest(shards);
        return true;
    }
    if (reply->outcome == LINE_CONFLICT) {
        forget_cuts(shards);
        rest(shards);
        return false;
    }
    bool collecting = reply->outcome == LINE_UNAVAILABLE;
    shards->retry_ms = collecting ? reply->retry_ms : 0;
    if (reply->outcome != LINE_OK && reply->outcome != LINE_SAME && !collecting) {
        rest(shards);
        return true;
    }
    shards->redis_has = reply->count;
    shards->looks = collecting ? 0 : SHARDS_LOOKS_MAX;
    if (!collecting) {
        for (uint8_t k = 0; k < shards->count; k++) {
            struct shards_known *known = &shards->shard[k].known;
            uint64_t issued = known->issued;
            *known = reply->shard[k];
            known->issued = issued;
        }
        shards->read_at = reply->count;
    }
    shards->due |= reply->due;
    go_on(shards, collecting);
    return true;
}
