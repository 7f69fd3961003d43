/* avail.c: two pictures, one that is read and one that is being made.
 *
 * A picture has two bits per seat, in plan order, 32 seats per word. Publishing reads all seat
 * words into the picture that nobody reads, compares it with the other one a word at a time, puts
 * the seats that differ into the ring of deltas, and then makes it the current one by storing the
 * version. It costs a pass over the words (66,000 seats: half a megabyte) five times a second; in
 * exchange, taking a seat writes nothing but the seat.
 *
 * Version v lies in picture v % 2. A reader loads the version, copies, and loads it again: the
 * picture of v is written to only after v + 1 is current, so an unchanged version means an untorn
 * copy. Words are stored with release and loaded with acquire, so a reader who saw a word of a
 * later picture also sees the later version. A reader starts again only when the version rises
 * while it copies: the version rises five times a second, a copy takes microseconds.
 *
 * An entry of the ring is the seat (20 bits) and the low 44 bits of the version that it changed in,
 * counted from the base. A reader walks back from the head until it meets a version that it has. If
 * a publication has begun to overwrite the ring's tail, or more changed than the ring holds, it
 * reaches its end of the ring first and takes the whole picture. */
#include "core/engine/avail.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SEAT_BITS = 20, SEATS_A_WORD = 32 };
static_assert(PLAN_SEATS_MAX <= 1 << SEAT_BITS, "a ring entry names any seat");

struct avail {
    const struct plan *plan;
    const struct plan_facts *facts;
    const struct seats *seats;
    uint64_t base;
    uint32_t words, ring_size, categories;
    _Atomic uint64_t *pictures[2];
    _Atomic uint32_t *counts[2]; /* by category and state */
    _Atomic uint64_t *ring;
    _Atomic uint64_t heads[2]; /* entries ever written, as of the version of this parity */
    _Atomic uint64_t version;  /* from 0; readers see base + version */
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

/* The seats of one word as they are now. */
static uint64_t picture_word(const struct avail *avail, uint32_t word)
{
    assert(word < avail->words);
    uint32_t from = word * SEATS_A_WORD;
    uint32_t to = from + SEATS_A_WORD;
    if (to > avail->facts->seat_count)
        to = avail->facts->seat_count;
    uint64_t picture = 0;
    for (uint32_t seat = to; seat-- > from;) /* state is the top two bits of a seat's word */
        picture = picture << 2 | seats_read(avail->seats, seat) >> 62;
    return picture;
}

static void count_all(struct avail *avail, unsigned which)
{
    uint32_t counts[PLAN_CATEGORIES_MAX][4];
    memset(counts, 0, sizeof(counts));
    for (uint32_t seat = 0; seat < avail->facts->seat_count; seat++) {
        uint64_t word = get(&avail->pictures[which][seat / SEATS_A_WORD]);
        counts[avail->facts->category[seat]][word >> (2 * (seat % SEATS_A_WORD)) & 3]++;
    }
    uint32_t total = 0;
    for (uint32_t i = 0; i < avail->categories * 4; i++) {
        total += counts[i / 4][i % 4];
        atomic_store_explicit(&avail->counts[which][i], counts[i / 4][i % 4],
                              memory_order_release); /* partner: avail_counts() */
    }
    assert(total == avail->facts->seat_count); /* each seat is in one category, in one state */
}

int avail_create(const struct plan *plan, const struct seats *seats, uint64_t base,
                 struct avail **out)
{
    struct avail *avail = calloc(1, sizeof(*avail));
    if (avail == NULL)
        return ERR_NOMEM;
    avail->plan = plan;
    avail->facts = plan_facts(plan);
    avail->seats = seats;
    avail->base = base;
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
    if (avail->ring == NULL)
        goto no_memory;
    assert((avail->ring_size & (avail->ring_size - 1)) == 0); /* places are found by a mask */
    assert((uint64_t)avail->words * SEATS_A_WORD >= avail->facts->seat_count);
    for (uint32_t i = 0; i < avail->words; i++)
        put(&avail->pictures[0][i], picture_word(avail, i));
    count_all(avail, 0);
    *out = avail;
    return 0;

no_memory:
    avail_destroy(avail);
    return ERR_NOMEM;
}

size_t avail_memory(const struct avail *avail)
{
    return sizeof(*avail) + avail->ring_size * sizeof(*avail->ring) +
           2 * (avail->words * sizeof(uint64_t) + avail->categories * 4 * sizeof(uint32_t));
}

/* ---- publishing ---- */

static uint64_t push_deltas(struct avail *avail, uint64_t head, uint32_t word, uint64_t differ,
                            uint64_t version)
{
    assert(differ != 0);
    differ = (differ | differ >> 1) & UINT64_C(0x5555555555555555);
    for (; differ != 0; differ &= differ - 1) {
        uint64_t seat = (uint64_t)word * SEATS_A_WORD + (uint64_t)__builtin_ctzll(differ) / 2;
        assert(seat < avail->facts->seat_count); /* no bit beyond the last seat differs */
        put(&avail->ring[head++ & (avail->ring_size - 1)], version << SEAT_BITS | seat);
    }
    return head;
}

uint64_t avail_publish(struct avail *avail)
{
    /* acquire: takes over from the publisher before us; partner of the release below */
    if (atomic_exchange_explicit(&avail->publishing, true, memory_order_acquire))
        return avail_version(avail);
    uint64_t version = atomic_load_explicit(&avail->version, memory_order_relaxed);
    assert(version + 1 < UINT64_C(1) << (64 - SEAT_BITS)); /* it fits beside a seat */
    unsigned now = version & 1, next = now ^ 1;
    uint64_t head = get(&avail->heads[now]);
    uint64_t before = head;
    for (uint32_t i = 0; i < avail->words; i++) {
        uint64_t picture = picture_word(avail, i);
        uint64_t was = get(&avail->pictures[now][i]);
        put(&avail->pictures[next][i], picture);
        if (picture != was)
            head = push_deltas(avail, head, i, picture ^ was, version + 1);
    }
    assert(head - before <= avail->facts->seat_count);
    assert(head >= before);
    if (head != before) {
        count_all(avail, next);
        put(&avail->heads[next], head);
        version++;
        put(&avail->version, version); /* release: the new picture is whole for who sees this */
    }
    atomic_store_explicit(&avail->publishing, false, memory_order_release);
    return avail->base + version;
}

/* ---- reading ---- */

void avail_begin(struct avail *avail, uint64_t base)
{
    assert(base >= avail->base); /* no version is given two meanings */
    avail->base = base;
}

uint64_t avail_version(const struct avail *avail)
{
    return avail->base + get(&avail->version);
}

uint64_t avail_copy(const struct avail *avail, uint8_t *out)
{
    size_t bytes = (avail->facts->seat_count + 3) / 4;
    assert(bytes <= avail->words * sizeof(uint64_t));
    for (;;) {
        uint64_t version = get(&avail->version);
        const _Atomic uint64_t *picture = avail->pictures[version & 1];
        for (size_t i = 0; i < bytes; i += 8) {
            uint64_t word = get(&picture[i / 8]);
            memcpy(out + i, &word,
                   bytes - i < 8 ? bytes - i : 8); /* little-endian, as on x86, ARM */
        }
        if (get(&avail->version) == version)
            return avail->base + version;
    }
}

static int by_seat(const void *a, const void *b)
{
    const struct engine_delta *x = a, *y = b;
    return x->seat < y->seat ? -1 : x->seat > y->seat;
}

/* Sorted, each seat once, with its state in the picture of `version`. */
static int finish(const struct avail *avail, uint64_t version, struct engine_delta *out,
                  uint32_t count)
{
    if (count == 0)
        return 0;
    qsort(out, count, sizeof(*out), by_seat);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (kept > 0 && out[kept - 1].seat == out[i].seat)
            continue;
        uint32_t seat = out[i].seat;
        assert(seat < avail->facts->seat_count); /* as push_deltas() wrote it */
        uint64_t word = get(&avail->pictures[version & 1][seat / SEATS_A_WORD]);
        out[kept++] = (struct engine_delta){
            .seat = seat, .state = (uint8_t)(word >> (2 * (seat % SEATS_A_WORD)) & 3)};
    }
    assert(kept > 0);
    assert(kept <= count);
    return (int)kept;
}

static int try_since(const struct avail *avail, uint64_t since, uint64_t version,
                     struct engine_delta *out, uint32_t room)
{
    assert(since <= version);
    uint64_t head = get(&avail->heads[version & 1]);
    uint32_t count = 0;
    for (uint64_t back = 1;; back++) {
        if (back > head)
            break; /* the ring's very beginning */
        if (back > avail->ring_size)
            return -1;
        uint64_t entry = get(&avail->ring[(head - back) & (avail->ring_size - 1)]);
        uint64_t changed = entry >> SEAT_BITS;
        if (changed > version)
            return -1; /* overwritten by the next publication */
        if (changed <= since)
            break;
        if (count == room)
            return -1;
        assert(count < room);
        out[count++].seat = (uint32_t)entry & ((1u << SEAT_BITS) - 1);
    }
    return finish(avail, version, out, count);
}

int avail_since(const struct avail *avail, uint64_t since, struct engine_delta *out, uint32_t room,
                uint64_t *version)
{
    for (;;) {
        uint64_t current = get(&avail->version);
        *version = avail->base + current;
        if (since < avail->base || since > *version)
            return -1;
        assert(since - avail->base <= current);
        int count = try_since(avail, since - avail->base, current, out, room);
        if (get(&avail->version) == current)
            return count;
    }
}

uint64_t avail_counts(const struct avail *avail, struct engine_count *out)
{
    for (;;) {
        uint64_t version = get(&avail->version);
        const _Atomic uint32_t *counts = avail->counts[version & 1];
        uint32_t total = 0;
        for (uint32_t i = 0; i < avail->categories; i++) {
            out[i] = (struct engine_count){
                atomic_load_explicit(&counts[i * 4 + SEAT_FREE], memory_order_acquire),
                atomic_load_explicit(&counts[i * 4 + SEAT_HELD], memory_order_acquire),
                atomic_load_explicit(&counts[i * 4 + SEAT_SOLD], memory_order_acquire),
                atomic_load_explicit(&counts[i * 4 + SEAT_BLOCKED], memory_order_acquire)};
            total += out[i].free + out[i].held + out[i].sold + out[i].blocked;
        }
        if (get(&avail->version) != version)
            continue;
        assert(total == avail->facts->seat_count); /* as count_all() counted them */
        return avail->base + version;
    }
}
