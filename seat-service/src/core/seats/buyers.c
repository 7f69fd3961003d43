/* buyers.c: a hash table with one word per entry; an entry is reused once its count is zero.
 *
 * A buyer's entry is in one of three buckets of two cache lines each, chosen by hash. An add raises
 * the entry with the buyer's tag, or else takes an entry whose count is zero: from the first bucket
 * while SPARE_MIN are unused there, after that from the bucket with the most of them. Three choices
 * fill the buckets so evenly that even in a hall where every seat has a different buyer, and buyers
 * come and go, a table a fifth larger refused none of eighteen million (a sixth larger: one in
 * eight hundred thousand). Buckets of eight refused one in thirty thousand at seven tenths of that.
 *
 * A bucket that overflows is marked for good (`spilled`) before the entry is made elsewhere. Until
 * then lookups skip the other two.
 *
 * A buyer has one valid entry, so a request of a known buyer is one compare-and-swap, which checks
 * the limit as well. The first entry is the hard case: two concurrent first requests may take
 * different words. So a new entry is a try. The thread that made it, or added to it, then looks for
 * others with the same tag. If it finds one, it takes its share back and starts over; if not, it
 * makes the entry the buyer's. Making, adding and looking are sequentially consistent: of two tries
 * the later one sees the earlier, so at most one becomes the buyer's, and what was granted was
 * granted there. Two tries that see each other both start over, BUYERS_TRIES_MAX times at most.
 *
 * The tag is 47 bits of a seeded hash, and two buyers share an entry only if their buckets match
 * too: in a hall of 66,000 buyers the chance that any two ever do is below one in a million, and
 * they would share a limit, not a seat.
 *
 * Dropped: adding up all entries of a buyer after each addition. It needed no tries, but each
 * request had to read all three buckets, a fifth of the cost of a hold. */
#include "core/seats/buyers.h"
#include "core/limits.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 3, BUCKET = 16, SPARE_MIN = 4 };

/* [63..17] tag  [16] try  [15..0] count; 0: never used */
enum { TRY = 1 << 16, COUNT_MASK = 0xffff };

int buyers_init(struct buyers *buyers, uint32_t most, uint64_t seed)
{
    uint32_t buckets = (most + most / 5) / BUCKET + BUCKET;
    buyers->size = buckets * BUCKET;
    assert(buyers->size >= most);
    assert(buyers->size % BUCKET == 0);
    buyers->seed = seed;
    buyers->entries = aligned_alloc(64, buyers->size * sizeof(*buyers->entries));
    buyers->spilled = calloc(buckets, sizeof(*buyers->spilled));
    if (buyers->entries == NULL || buyers->spilled == NULL) {
        buyers_deinit(buyers);
        return ERR_NOMEM;
    }
    memset(buyers->entries, 0, buyers->size * sizeof(*buyers->entries));
    return 0;
}

void buyers_deinit(struct buyers *buyers)
{
    free(buyers->entries);
    free(buyers->spilled);
    buyers->entries = NULL; /* as in seats_deinit() */
    buyers->spilled = NULL;
}

static uint64_t mix(uint64_t x) /* splitmix64's */
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

struct where {
    struct buyers *buyers;
    uint64_t hash;
    uint64_t tag;   /* shifted into place, count 0 */
    uint32_t first; /* bucket */
};

static inline struct where where_of(struct buyers *buyers, uint64_t buyer)
{
    uint64_t hash = mix(buyer ^ buyers->seed);
    uint64_t tag = hash << 17; /* the lower bits; the upper ones choose the bucket */
    return (struct where){
        .buyers = buyers,
        .hash = hash,
        .tag = tag != 0 ? tag : 2 * TRY, /* 0 is an entry that was never used */
        .first = (uint32_t)((hash >> 32) * (buyers->size / BUCKET) >> 32),
    };
}

static inline _Atomic uint64_t *bucket_of(const struct where *where, unsigned choice)
{
    uint64_t bucket = where->first;
    if (choice > 0) {
        uint64_t more = mix(where->hash + 1);
        more = choice == 1 ? more >> 32 : more & UINT32_MAX;
        bucket = more * (where->buyers->size / BUCKET) >> 32;
    }
    return &where->buyers->entries[bucket * BUCKET];
}

/* The number of buckets that may have the buyer's entry. */
static inline unsigned choices(const struct where *where)
{
    /* seq_cst: partner of the store in go_on(), as with the entries */
    return atomic_load_explicit(&where->buyers->spilled[where->first], memory_order_seq_cst) != 0
               ? BUCKETS
               : 1;
}

static inline bool is_tagged(uint64_t entry, uint64_t tag) /* a try or not */
{
    return ((entry ^ tag) & ~(uint64_t)(TRY | COUNT_MASK)) == 0;
}

/* The buyer's entry, else a pending try with the buyer's tag, else NULL. */
static inline _Atomic uint64_t *find(const struct where *where, uint64_t *was)
{
    _Atomic uint64_t *tried = NULL;
    unsigned buckets = choices(where);
    for (unsigned b = 0; b < buckets; b++) {
        _Atomic uint64_t *bucket = bucket_of(where, b);
        for (unsigned i = 0; i < BUCKET; i++) {
            uint64_t entry = atomic_load_explicit(&bucket[i], memory_order_relaxed);
            if (!is_tagged(entry, where->tag))
                continue;
            if ((entry & TRY) == 0) {
                *was = entry;
                return &bucket[i];
            }
            if ((entry & COUNT_MASK) != 0) {
                *was = entry;
                tried = &bucket[i];
            }
        }
    }
    return tried;
}

/* Is there another entry with this tag: valid, or a pending try? */
static bool has_other(const struct where *where, const _Atomic uint64_t *mine)
{
    assert(mine != NULL);
    unsigned buckets = choices(where);
    for (unsigned b = 0; b < buckets; b++) {
        const _Atomic uint64_t *bucket = bucket_of(where, b);
        for (unsigned i = 0; i < BUCKET; i++) {
            /* seq_cst: partner of the swap in buyers_add() by another request of this buyer */
            uint64_t entry = atomic_load_explicit(&bucket[i], memory_order_seq_cst);
            if (is_tagged(entry, where->tag) && &bucket[i] != mine &&
                ((entry & TRY) == 0 || (entry & COUNT_MASK) != 0))
                return true;
        }
    }
    return false;
}

/* Counts the bucket's entries with count zero; *one is the first of them. */
static unsigned unused_of(_Atomic uint64_t *bucket, _Atomic uint64_t **one, uint64_t *was)
{
    unsigned unused = 0;
    for (unsigned i = BUCKET; i-- > 0;) {
        uint64_t entry = atomic_load_explicit(&bucket[i], memory_order_relaxed);
        if ((entry & COUNT_MASK) != 0)
            continue;
        unused++;
        *one = &bucket[i];
        *was = entry;
    }
    assert(unused <= BUCKET);
    return unused;
}

static void go_on(const struct where *where)
{
    _Atomic uint8_t *spilled = &where->buyers->spilled[where->first];
    /* seq_cst: a thread with a try in the first bucket either sees this store when it looks, and
     * then searches all buckets; or its try came earlier, and the thread that goes elsewhere sees
     * the try */
    if (atomic_load_explicit(spilled, memory_order_relaxed) == 0)
        atomic_store_explicit(spilled, 1, memory_order_seq_cst);
}

/* An entry with count zero for a new buyer, or NULL. */
static _Atomic uint64_t *spare(const struct where *where, uint64_t *was)
{
    _Atomic uint64_t *found = NULL;
    unsigned most = unused_of(bucket_of(where, 0), &found, was);
    if (most >= SPARE_MIN)
        return found;
    go_on(where);
    for (unsigned b = 1; b < BUCKETS; b++) {
        _Atomic uint64_t *one = NULL;
        uint64_t one_was = 0;
        unsigned unused = unused_of(bucket_of(where, b), &one, &one_was);
        if (unused > most) {
            most = unused;
            found = one;
            *was = one_was;
        }
    }
    assert((found != NULL) == (most > 0));
    return found;
}

static void take_back(_Atomic uint64_t *at, uint32_t n)
{
    /* relaxed is enough: a thread that still sees the old count at worst refuses or starts over */
    uint64_t was = atomic_fetch_sub_explicit(at, n, memory_order_relaxed);
    assert((was & COUNT_MASK) >= n);
}

/* The try includes our share. Returns true if it is now the buyer's entry. */
static bool make_his(const struct where *where, _Atomic uint64_t *at, uint32_t n)
{
    assert(n <= HOLD_AREA_QUANTITY_MAX);
    if (has_other(where, at)) {
        take_back(at, n);
        return false;
    }
    /* seq_cst, like the swap that made the try: it stays, so later threads find it */
    atomic_fetch_and_explicit(at, ~(uint64_t)TRY, memory_order_seq_cst);
    return true;
}

enum buyers_answer buyers_add(struct buyers *buyers, uint64_t buyer, uint32_t n, uint32_t limit,
                              uint32_t *has)
{
    assert(n > 0);
    assert(n <= HOLD_AREA_QUANTITY_MAX);
    assert(limit <= BUYERS_NO_LIMIT);
    struct where where = where_of(buyers, buyer);
    for (unsigned tries = 0; tries < BUYERS_TRIES_MAX; tries++) {
        uint64_t was = 0, want;
        _Atomic uint64_t *at = find(&where, &was);
        *has = at != NULL ? (uint32_t)(was & COUNT_MASK) : 0;
        if (at == NULL)
            at = spare(&where, &was);
        if (*has + n > limit)
            return BUYERS_OVER;
        if (at == NULL)
            return BUYERS_FULL;
        want = is_tagged(was, where.tag) && ((was & TRY) == 0 || *has > 0) ? was + n
                                                                           : where.tag | TRY | n;
        assert((want & COUNT_MASK) == *has + n); /* no carry into the tag */
        /* seq_cst: see make_his() */
        if (!atomic_compare_exchange_strong_explicit(at, &was, want, memory_order_seq_cst,
                                                     memory_order_relaxed))
            continue;
        if ((want & TRY) == 0 || make_his(&where, at, n))
            return BUYERS_ADDED;
    }
    return BUYERS_FULL;
}

void buyers_sub(struct buyers *buyers, uint64_t buyer, uint32_t n)
{
    assert(n > 0);
    struct where where = where_of(buyers, buyer);
    uint64_t was = 0;
    _Atomic uint64_t *at = find(&where, &was);
    assert(at != NULL); /* n were added, and the entry stays the buyer's while it has a count */
    assert((was & TRY) == 0);
    take_back(at, n);
}

uint32_t buyers_count(struct buyers *buyers, uint64_t buyer)
{
    struct where where = where_of(buyers, buyer);
    uint64_t was = 0;
    return find(&where, &was) != NULL ? (uint32_t)(was & COUNT_MASK) : 0;
}
