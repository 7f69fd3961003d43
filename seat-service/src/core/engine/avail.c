/* avail.c: two pictures: one is read while the other is built.
 *
 * A picture has two bits per seat, in plan order, 32 seats per word. Publishing copies the current
 * picture into the unread one, updates the seats written since, appends these to the ring of
 * deltas, and then makes it current by storing its number. It costs a pass over the seats' words
 * (66,000 seats: half a megabyte) five times a second while seats change; in exchange, taking a
 * seat writes only the seat.
 *
 * A picture's version is the number of a change in the journal: all changes up to it are in the
 * picture, perhaps some later ones, and none that the journal does not have (seat_shown()). So
 * pictures of one event are comparable across processes: a delta has a seat's current state, so the
 * deltas of one process bring a picture of another up to date. Therefore a written seat gets a
 * delta even if its state equals our last picture's: another process may have published in between.
 * Its entry in the ring has the picture's mark, the number of the latest change that can have
 * touched it. A reader who has this version from another process, without a change that our picture
 * shows early, gets the seat with the next picture. If one loop settles everything, no change is
 * shown early.
 *
 * Publication n is in picture n % 2, with its version. A reader loads n, copies, and loads it
 * again: the picture of n is written to only after n + 1 is current, so an unchanged number means
 * an untorn copy. Words are stored with release and loaded with acquire, so a reader who saw a word
 * of a later picture also sees the later number. A reader starts again only when the number rises
 * while it copies: it rises five times a second, a copy takes microseconds.
 *
 * An entry of the ring is the seat (20 bits) and the mark (44 bits), which rises with each picture.
 * A reader walks back from the head to the first entry that it already has. If a publication has
 * begun to overwrite the tail, or more seats changed than the ring holds, it reaches the end of the
 * ring first and takes the whole picture. */
#include "core/engine/engine_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SEAT_BITS = 20, SEATS_A_WORD = 32 };
static_assert(PLAN_SEATS_MAX <= 1 << SEAT_BITS, "a ring entry names any seat");

struct avail {
    const struct plan *plan;
    const struct plan_facts *facts;
    struct seats *seats;
    uint32_t words, ring_size, categories;
    _Atomic uint64_t *pictures[2];
    _Atomic uint32_t *counts[2]; /* by category and state */
    _Atomic uint64_t *ring;
    uint32_t *touched;            /* by word: a bit per seat; the publisher's */
    _Atomic uint64_t heads[2];    /* entries ever written, as of the picture of this parity */
    _Atomic uint64_t versions[2]; /* of the pictures; 0: none has been published */
    _Atomic uint64_t marks[2];
    _Atomic uint64_t first; /* oldest version whose later changes are all in the ring */
    _Atomic uint64_t nth;   /* number of the current publication */
    _Atomic bool publishing;
};

void avail_destroy(struct avail *avail)
{
    if (avail == NULL)
        return;
    for (int i = 0; i < 2; i++) {
        free(avail->pictures[i]);
        free(avail->counts[i]);
    }
    free(avail->ring);
    free(avail->touched);
    free(avail);
}

static void put(_Atomic uint64_t *at, uint64_t value)
{
    atomic_store_explicit(at, value, memory_order_release); /* partner: get() */
}

static uint64_t get(const _Atomic uint64_t *at)
{
    return atomic_load_explicit(at, memory_order_acquire);
}

/* The current states of one word's seats; `was`: those of the last picture. *touched: a bit for
 * each seat written since. */
static uint64_t look(struct avail *avail, uint32_t word, uint64_t was, uint32_t *touched)
{
    assert(word < avail->words);
    uint32_t from = word * SEATS_A_WORD;
    uint32_t to = from + SEATS_A_WORD;
    if (to > avail->facts->seat_count)
        to = avail->facts->seat_count;
    uint64_t picture = 0, all = 0;
    *touched = 0;
    for (uint32_t seat = from; seat < to; seat++)
        all |= seats_read(avail->seats, seat);
    if ((all & seat_written()) == 0) /* the usual, cheap case: few seats change in 200 ms */
        return was;
    for (uint32_t seat = to; seat-- > from;) {
        uint64_t now = seats_look(avail->seats, seat);
        picture = picture << 2 | seat_shown(now);
        *touched = *touched << 1 | ((now & seat_written()) != 0);
    }
    return picture;
}

static unsigned state_in(const struct avail *avail, unsigned which, uint32_t seat)
{
    return get(&avail->pictures[which][seat / SEATS_A_WORD]) >> (2 * (seat % SEATS_A_WORD)) & 3;
}

/* The counts of picture `next`: those of `now`, with the touched seats updated. */
static void count_states(struct avail *avail, unsigned now, unsigned next)
{
    uint32_t counts[PLAN_CATEGORIES_MAX * 4], total = 0;
    for (uint32_t i = 0; i < avail->categories * 4; i++)
        counts[i] = atomic_load_explicit(&avail->counts[now][i], memory_order_relaxed); /* ours */
    for (uint32_t word = 0; word < avail->words; word++) {
        for (uint32_t rest = avail->touched[word]; rest != 0; rest &= rest - 1) {
            uint32_t seat = word * SEATS_A_WORD + (uint32_t)__builtin_ctz(rest);
            uint32_t *of = &counts[avail->facts->category[seat] * 4];
            assert(of[state_in(avail, now, seat)] > 0);
            of[state_in(avail, now, seat)]--;
            of[state_in(avail, next, seat)]++;
        }
    }
    for (uint32_t i = 0; i < avail->categories * 4; i++) {
        total += counts[i];
        atomic_store_explicit(&avail->counts[next][i], counts[i],
                              memory_order_release); /* partner: avail_counts() */
    }
    assert(total == avail->facts->seat_count); /* each seat has one category and one state */
}

int avail_create(const struct plan *plan, struct seats *seats, struct avail **out)
{
    struct avail *avail = calloc(1, sizeof(*avail));
    if (avail == NULL)
        return ERR_NOMEM;
    avail->plan = plan;
    avail->facts = plan_facts(plan);
    avail->seats = seats;
    avail->categories = plan_category_count(plan);
    avail->words = (avail->facts->seat_count + SEATS_A_WORD - 1) / SEATS_A_WORD;
    avail->ring_size = 256;
    while (avail->ring_size < avail->facts->seat_count / 8 && avail->ring_size < AVAIL_RING_MAX)
        avail->ring_size *= 2;
    avail->ring = calloc(avail->ring_size, sizeof(*avail->ring));
    for (int i = 0; i < 2; i++) {
        avail->pictures[i] = calloc(avail->words + 1, sizeof(*avail->pictures[i]));
        avail->counts[i] = calloc(avail->categories * 4 + 1, sizeof(*avail->counts[i]));
        if (!avail->pictures[i] || !avail->counts[i])
            goto no_memory;
    }
    avail->touched = calloc(avail->words + 1, sizeof(*avail->touched));
    if (avail->ring == NULL || avail->touched == NULL)
        goto no_memory;
    assert((avail->ring_size & (avail->ring_size - 1)) == 0); /* indices are masked */
    assert((uint64_t)avail->words * SEATS_A_WORD >= avail->facts->seat_count);
    for (uint32_t i = 0; i < avail->words; i++) {
        put(&avail->pictures[0][i], look(avail, i, 0, &avail->touched[i]));
        assert(avail->touched[i] == 0); /* no seat has been taken yet */
    }
    uint32_t free_of[PLAN_CATEGORIES_MAX] = {0};
    for (uint32_t seat = 0; seat < avail->facts->seat_count; seat++)
        free_of[avail->facts->category[seat]]++;
    for (uint32_t i = 0; i < avail->categories; i++)
        atomic_init(&avail->counts[0][i * 4 + SEAT_FREE], free_of[i]);
    *out = avail;
    return 0;

no_memory:
    avail_destroy(avail);
    return ERR_NOMEM;
}

/* ---- publishing ---- */

static uint64_t push_deltas(struct avail *avail, uint64_t head, uint32_t word, uint32_t touched,
                            uint64_t mark)
{
    assert(touched != 0);
    for (; touched != 0; touched &= touched - 1) {
        uint64_t seat = (uint64_t)word * SEATS_A_WORD + (uint64_t)__builtin_ctz(touched);
        assert(seat < avail->facts->seat_count); /* no bit beyond the last seat */
        put(&avail->ring[head++ & (avail->ring_size - 1)], mark << SEAT_BITS | seat);
    }
    return head;
}

static void publish(struct avail *avail, uint64_t version, uint64_t (*latest)(void *ctx), void *ctx)
{
    uint64_t nth = atomic_load_explicit(&avail->nth, memory_order_relaxed);
    unsigned now = nth & 1, next = now ^ 1;
    for (uint32_t i = 0; i < avail->words; i++)
        put(&avail->pictures[next][i],
            look(avail, i, get(&avail->pictures[now][i]), &avail->touched[i]));
    uint64_t mark = latest != NULL ? latest(ctx) : version; /* after all seats were read */
    uint64_t last = get(&avail->marks[now]);
    mark = mark < version ? version : mark;
    mark = mark <= last ? last + 1 : mark;
    assert(mark < UINT64_C(1) << (64 - SEAT_BITS)); /* fits next to a seat number */
    uint64_t head = get(&avail->heads[now]);
    uint64_t before = head;
    for (uint32_t i = 0; i < avail->words; i++) {
        if (avail->touched[i] != 0)
            head = push_deltas(avail, head, i, avail->touched[i], mark);
    }
    assert(head - before <= avail->facts->seat_count);
    assert(head >= before);
    count_states(avail, now, next);
    put(&avail->heads[next], head);
    put(&avail->versions[next], version);
    put(&avail->marks[next], mark);
    if (nth == 0)
        put(&avail->first, version);
    put(&avail->nth, nth + 1); /* release: a reader that sees it sees the whole new picture */
}

uint64_t engine_publish(struct engine *engine, uint64_t version, uint64_t (*latest)(void *ctx),
                        void *ctx)
{
    struct avail *avail = engine->avail;
    /* acquire: pairs with the previous publisher's release below */
    if (atomic_exchange_explicit(&avail->publishing, true, memory_order_acquire))
        return engine_avail_version(engine);
    if (version > engine_avail_version(engine))
        publish(avail, version, latest, ctx);
    atomic_store_explicit(&avail->publishing, false, memory_order_release);
    return engine_avail_version(engine);
}

/* ---- reading ---- */

uint64_t engine_avail_version(const struct engine *engine)
{
    const struct avail *avail = engine->avail;
    for (;;) {
        uint64_t nth = get(&avail->nth);
        uint64_t version = get(&avail->versions[nth & 1]);
        if (get(&avail->nth) == nth)
            return version;
    }
}

uint64_t engine_avail_copy(const struct engine *engine, uint8_t *out)
{
    const struct avail *avail = engine->avail;
    size_t bytes = (avail->facts->seat_count + 3) / 4;
    assert(bytes <= avail->words * sizeof(uint64_t));
    for (;;) {
        uint64_t nth = get(&avail->nth);
        const _Atomic uint64_t *picture = avail->pictures[nth & 1];
        uint64_t version = get(&avail->versions[nth & 1]);
        for (size_t i = 0; i < bytes; i += 8) {
            uint64_t word = get(&picture[i / 8]);
            memcpy(out + i, &word,
                   bytes - i < 8 ? bytes - i : 8); /* little-endian, as on x86, ARM */
        }
        if (get(&avail->nth) == nth)
            return version;
    }
}

static int by_seat(const void *a, const void *b)
{
    const struct engine_delta *x = a, *y = b;
    return x->seat < y->seat ? -1 : x->seat > y->seat;
}

/* The seats changed from mark `since` to publication `nth`. */
static int try_since(const struct avail *avail, uint64_t since, uint64_t nth,
                     struct engine_delta *out, uint32_t room)
{
    uint64_t head = get(&avail->heads[nth & 1]), mark = get(&avail->marks[nth & 1]);
    uint32_t count = 0;
    for (uint64_t back = 1;; back++) {
        if (back > head)
            break; /* the ring was never full */
        if (back > avail->ring_size)
            return -1;
        uint64_t entry = get(&avail->ring[(head - back) & (avail->ring_size - 1)]);
        uint64_t changed = entry >> SEAT_BITS;
        if (changed > mark)
            return -1; /* overwritten by the next publication */
        if (changed <= since)
            break;
        if (count == room)
            return -1;
        assert(count < room);
        out[count++].seat = (uint32_t)entry & ((1u << SEAT_BITS) - 1);
    }
    /* Sorted, each seat once, with its state in the picture of publication `nth`. */
    if (count == 0)
        return 0;
    qsort(out, count, sizeof(*out), by_seat);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (kept > 0 && out[kept - 1].seat == out[i].seat)
            continue;
        uint32_t seat = out[i].seat;
        assert(seat < avail->facts->seat_count); /* push_deltas() wrote it */
        uint64_t word = get(&avail->pictures[nth & 1][seat / SEATS_A_WORD]);
        out[kept++] = (struct engine_delta){
            .seat = seat, .state = (uint8_t)(word >> (2 * (seat % SEATS_A_WORD)) & 3)};
    }
    assert(kept > 0);
    assert(kept <= count);
    return (int)kept;
}

int engine_avail_since(const struct engine *engine, uint64_t since, struct engine_delta *out,
                       uint32_t room, uint64_t *version)
{
    const struct avail *avail = engine->avail;
    for (;;) {
        uint64_t nth = get(&avail->nth);
        *version = get(&avail->versions[nth & 1]);
        bool known = nth > 0 && since >= get(&avail->first) && since <= *version;
        int count = known ? try_since(avail, since, nth, out, room) : -1;
        if (get(&avail->nth) == nth)
            return count;
    }
}

uint64_t avail_counts(const struct avail *avail, struct engine_count *out)
{
    for (;;) {
        uint64_t nth = get(&avail->nth);
        uint64_t version = get(&avail->versions[nth & 1]);
        const _Atomic uint32_t *counts = avail->counts[nth & 1];
        uint32_t total = 0;
        for (uint32_t i = 0; i < avail->categories; i++) {
            out[i] = (struct engine_count){
                atomic_load_explicit(&counts[i * 4 + SEAT_FREE], memory_order_acquire),
                atomic_load_explicit(&counts[i * 4 + SEAT_HELD], memory_order_acquire),
                atomic_load_explicit(&counts[i * 4 + SEAT_SOLD], memory_order_acquire),
                atomic_load_explicit(&counts[i * 4 + SEAT_BLOCKED], memory_order_acquire)};
            total += out[i].free + out[i].held + out[i].sold + out[i].blocked;
        }
        if (get(&avail->nth) != nth)
            continue;
        assert(total == avail->facts->seat_count); /* count_states() ensures it */
        return version;
    }
}
