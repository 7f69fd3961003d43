/* cuts.c: a packed sequence of cuts, with a mark at every 32nd.
 *
 * A cut is a word with its kind and the shards that grew, and for each of these by how much, all in
 * groups of seven bits: 18 bytes per 20 ms at a million joins a second and eight shards, two or
 * three when few join. A mark has all lengths before its cut, so a lookup is a binary search over
 * marks and a walk over 32 cuts at most. Cuts are never changed or removed.
 *
 * Tried: a row of lengths per cut, with a binary search alone. It takes twice the memory during a
 * rush, and ten times in quiet hours. */
#include "core/line/cuts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    MARK_EVERY = 32,
    BYTES_MIN = 1024,
    MARKS_MIN = 16,
    GROUP_BITS = 7, /* per group; the eighth bit says that more follow */
    NUMBER_BYTES_MAX = 5,
    CUT_BYTES_MAX = NUMBER_BYTES_MAX * (1 + CUT_SHARDS_MAX),
    KIND_BITS = 2,
    KIND_MASK = (1 << KIND_BITS) - 1,
    STEP_MS = 20,
    STEP_DOUBLINGS_MAX = 6, /* 1,280 ms: the wait for a place in a line that lasts days */
    STEP_CUTS = 65536,      /* between two doublings: 22 minutes of a continuous rush */
};

/* The totals before a cut. */
struct mark {
    uint32_t at; /* offset in the bytes */
    uint32_t places;
    uint32_t sum;
    uint32_t upto[CUT_SHARDS_MAX];
};

struct cuts {
    uint8_t shards;
    uint8_t *bytes;
    uint32_t bytes_cap;
    struct mark *mark;
    uint32_t marks_cap; /* one per started stretch of MARK_EVERY cuts */
    uint32_t count;
    struct mark end; /* after the last cut */
};

/* ---- packed numbers ---- */

static uint32_t pack(uint8_t *bytes, uint32_t at, uint32_t number)
{
    for (; number >> GROUP_BITS != 0; number >>= GROUP_BITS)
        bytes[at++] = (uint8_t)(number | 1u << GROUP_BITS);
    bytes[at++] = (uint8_t)number;
    return at;
}

static uint32_t unpack(const uint8_t *bytes, uint32_t *at)
{
    uint32_t number = 0;
    for (unsigned shift = 0;; shift += GROUP_BITS) {
        assert(shift < GROUP_BITS * NUMBER_BYTES_MAX);
        uint8_t group = bytes[(*at)++];
        number |= (uint32_t)(group & ((1u << GROUP_BITS) - 1)) << shift;
        if (group >> GROUP_BITS == 0)
            return number;
    }
}

static uint32_t pack_cut(uint8_t *bytes, uint32_t at, const struct cut *cut, uint8_t shards)
{
    uint32_t head = cut->kind, from = at;
    for (uint8_t k = 0; k < shards; k++)
        head |= cut->grown[k] > 0 ? 1u << (KIND_BITS + k) : 0;
    at = pack(bytes, at, head);
    for (uint8_t k = 0; k < shards; k++) {
        if (cut->grown[k] > 0)
            at = pack(bytes, at, cut->grown[k]);
    }
    assert(at - from <= CUT_BYTES_MAX); /* as make_room() reserved */
    return at;
}

/* ---- a walk over cuts ---- */

struct walk {
    uint32_t nth;       /* index of the cut, from 1 */
    struct mark before; /* `at` is the end of the cut */
    struct cut cut;
};

static void walk_read(const struct cuts *cuts, struct walk *walk)
{
    assert(walk->before.at < cuts->end.at);
    uint32_t head = unpack(cuts->bytes, &walk->before.at);
    walk->cut.kind = (enum cut_kind)(head & KIND_MASK);
    for (uint8_t k = 0; k < cuts->shards; k++) {
        bool grew = (head & 1u << (KIND_BITS + k)) != 0;
        walk->cut.grown[k] = grew ? unpack(cuts->bytes, &walk->before.at) : 0;
    }
    assert(walk->before.at <= cuts->end.at);
}

/* The mark after this cut, except for its byte offset. */
static void count_in(struct mark *mark, const struct cut *cut, uint8_t shards)
{
    for (uint8_t k = 0; k < shards; k++) {
        mark->upto[k] += cut_grown(cut, k);
        mark->places += cut->grown[k];
    }
    assert(mark->places <= LINE_PLACE_MAX);
    mark->sum = cut_sum(mark->sum, cut, shards);
}

static void walk_next(const struct cuts *cuts, struct walk *walk)
{
    assert(walk->nth < cuts->count);
    count_in(&walk->before, &walk->cut, cuts->shards);
    walk->nth++;
    walk_read(cuts, walk);
}

static struct walk walk_from(const struct cuts *cuts, uint32_t mark)
{
    assert(mark * MARK_EVERY < cuts->count); /* a cut follows each mark */
    struct walk walk = {.nth = mark * MARK_EVERY + 1, .before = cuts->mark[mark]};
    walk_read(cuts, &walk);
    return walk;
}

/* The count before a cut: a shard's numbers or, with CUT_SHARDS_MAX, places. */
static uint32_t counted(const struct mark *mark, uint8_t what)
{
    assert(what <= CUT_SHARDS_MAX);
    return what < CUT_SHARDS_MAX ? mark->upto[what] : mark->places;
}

/* The cut in which the count reaches `number`; it must exist. */
static struct walk walk_to(const struct cuts *cuts, uint8_t what, uint64_t number)
{
    assert(number >= 1);
    assert(number <= counted(&cuts->end, what));
    /* Between the first mark and the last one that is below it. */
    uint32_t low = 0, high = (cuts->count + MARK_EVERY - 1) / MARK_EVERY - 1;
    while (low < high) {
        uint32_t mid = low + (high - low + 1) / 2;
        if (counted(&cuts->mark[mid], what) < number)
            low = mid;
        else
            high = mid - 1;
    }
    struct walk walk = walk_from(cuts, low);
    for (;;) {
        uint64_t grown = what < CUT_SHARDS_MAX ? cut_grown(&walk.cut, what)
                                               : cut_places(&walk.cut, cuts->shards);
        if (number <= counted(&walk.before, what) + grown)
            return walk;
        walk_next(cuts, &walk);
    }
}

/* ---- a life ---- */

struct cuts *cuts_create(uint8_t shards)
{
    assert(shards >= 1 && shards <= CUT_SHARDS_MAX);
    struct cuts *cuts = calloc(1, sizeof(*cuts));
    if (cuts != NULL)
        cuts->shards = shards;
    return cuts;
}

void cuts_destroy(struct cuts *cuts)
{
    if (cuts == NULL)
        return;
    free(cuts->bytes);
    free(cuts->mark);
    free(cuts);
}

uint32_t cuts_count(const struct cuts *cuts)
{
    return cuts->count;
}

uint64_t cuts_places(const struct cuts *cuts)
{
    return cuts->end.places;
}

uint64_t cuts_upto(const struct cuts *cuts, uint8_t shard)
{
    assert(shard < cuts->shards);
    return cuts->end.upto[shard];
}

size_t cuts_bytes(const struct cuts *cuts)
{
    return sizeof(*cuts) + cuts->bytes_cap + cuts->marks_cap * sizeof(*cuts->mark);
}

/* ---- adding ---- */

static int make_room(struct cuts *cuts, struct err_slot *err)
{
    if (cuts->bytes_cap - cuts->end.at < CUT_BYTES_MAX) {
        uint32_t cap = cuts->bytes_cap == 0 ? BYTES_MIN : cuts->bytes_cap / 2 * 3;
        uint8_t *bytes = realloc(cuts->bytes, cap);
        if (bytes == NULL)
            return err_set(err, ERR_NOMEM, "%u bytes of cuts", cap);
        cuts->bytes = bytes;
        cuts->bytes_cap = cap;
    }
    if (cuts->count == cuts->marks_cap * MARK_EVERY) {
        uint32_t cap = cuts->marks_cap == 0 ? MARKS_MIN : cuts->marks_cap * 2;
        struct mark *mark = realloc(cuts->mark, cap * sizeof(*mark));
        if (mark == NULL)
            return err_set(err, ERR_NOMEM, "%u marks of cuts", cap);
        cuts->mark = mark;
        cuts->marks_cap = cap;
    }
    assert(cuts->bytes_cap - cuts->end.at >= CUT_BYTES_MAX);
    assert(cuts->count < cuts->marks_cap * MARK_EVERY);
    return 0;
}

static bool is_there(const struct cuts *cuts, uint32_t nth, const struct cut *cut)
{
    struct cut there;
    return cuts_get(cuts, nth, &there) && there.kind == cut->kind &&
           memcmp(there.grown, cut->grown, sizeof(there.grown)) == 0;
}

int cuts_add(struct cuts *cuts, uint32_t nth, const struct cut *cut, struct err_slot *err)
{
    assert(cut_ok(cut, cuts->shards));
    assert(nth >= 1);
    if (nth <= cuts->count)
        return is_there(cuts, nth, cut)
                   ? 0
                   : err_set(err, ERR_EXISTS, "cut %u was another one before", nth);
    if (nth != cuts->count + 1)
        return err_set(err, ERR_STATE, "cut %u behind cut %u", nth, cuts->count);
    if (nth > CUTS_MAX || cuts->end.places + cut_places(cut, cuts->shards) > LINE_PLACE_MAX)
        return err_set(err, ERR_FULL, "cut %u behind %u places", nth, cuts->end.places);
    int rc = make_room(cuts, err);
    if (rc < 0)
        return rc;
    if (cuts->count % MARK_EVERY == 0)
        cuts->mark[cuts->count / MARK_EVERY] = cuts->end;
    cuts->end.at = pack_cut(cuts->bytes, cuts->end.at, cut, cuts->shards);
    cuts->count++;
    count_in(&cuts->end, cut, cuts->shards);
    assert(cuts->end.at <= cuts->bytes_cap);
    assert(cuts->end.places <= LINE_PLACE_MAX);
    return 0;
}

/* ---- lookups ---- */

bool cuts_get(const struct cuts *cuts, uint32_t nth, struct cut *out)
{
    if (nth < 1 || nth > cuts->count)
        return false;
    struct walk walk = walk_from(cuts, (nth - 1) / MARK_EVERY);
    while (walk.nth < nth)
        walk_next(cuts, &walk);
    assert(walk.nth == nth);
    *out = walk.cut;
    return true;
}

uint32_t cuts_sum(const struct cuts *cuts, uint32_t count)
{
    assert(count <= cuts->count);
    if (count == cuts->count)
        return cuts->end.sum;
    struct walk walk = walk_from(cuts, count / MARK_EVERY);
    while (walk.nth <= count)
        walk_next(cuts, &walk);
    return walk.before.sum;
}

uint64_t cuts_place(const struct cuts *cuts, uint8_t shard, uint64_t number)
{
    assert(shard < cuts->shards);
    assert(number >= 1);
    if (number > cuts->end.upto[shard])
        return 0;
    struct walk walk = walk_to(cuts, shard, number);
    assert(number > walk.before.upto[shard]); /* the first cut that reaches it */
    struct cut_join join = {shard, (uint32_t)number - walk.before.upto[shard]};
    uint64_t place = walk.before.places + cut_rank(&walk.cut, cuts->shards, join);
    assert(place <= cuts->end.places);
    return place;
}

bool cuts_spot(const struct cuts *cuts, uint64_t place, struct cuts_spot *out)
{
    if (place < 1 || place > cuts->end.places)
        return false;
    struct walk walk = walk_to(cuts, CUT_SHARDS_MAX, place);
    *out = (struct cuts_spot){.kind = walk.cut.kind};
    if (walk.cut.kind == CUT_GAP)
        return true;
    struct cut_join join = cut_at(&walk.cut, cuts->shards, place - walk.before.places);
    out->shard = join.shard;
    out->number = (uint64_t)walk.before.upto[join.shard] + join.nth;
    assert(out->number <= cuts->end.upto[join.shard]); /* cuts_place() is the inverse */
    return true;
}

uint32_t cuts_step_ms(const struct cuts *cuts)
{
    uint32_t doublings = cuts->count / STEP_CUTS;
    return (uint32_t)STEP_MS << (doublings < STEP_DOUBLINGS_MAX ? doublings : STEP_DOUBLINGS_MAX);
}
