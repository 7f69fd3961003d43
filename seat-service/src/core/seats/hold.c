/* hold.c: gives out slots, owns them, reads them.
 *
 * Free slots are a stack whose head carries a tag that rises with each push and pop, so a
 * compare-and-swap from an old value of the head fails even if the same slot is on top again. Slots
 * never used come from a counter: their memory stays untouched until the hall sells. A thread uses
 * its stash first, a few slots that it took back itself: a thread whose buyers come and go never
 * needs the stack, so threads do not contend there. A full stash moves half of its slots to the
 * stack. Stashed slots are not available to other threads, so the engine has that many more slots
 * than the maximum of holds.
 *
 * A slot's word decides (I1). IDLE -> BUSY is a compare-and-swap on the whole word, generation
 * included, so of a concurrent expiry, release, confirm and change exactly one gets the hold, and
 * an id of an earlier generation gets none. Only the owner makes the other moves, so they need no
 * compare.
 *
 * Readers follow Boehm's seqlock. The owner stores WRITING before the fields, and IDLE with the
 * next turn after them. Fields are stored with release and loaded with acquire: a reader that sees
 * a new field has acquired what came before it, so its second load of the word sees WRITING or
 * something later, and it retries. A turn has 16 bits; a reader would have to sleep through exactly
 * 65,536 ops on one hold to be fooled. */
#include "core/seats/hold.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BIT(n) (1u << (n))

static_assert(sizeof(struct hold_slot) == 64, "one slot is one cache line");
static_assert(sizeof(struct hold_stash) == 128, "no two threads share a line of their stashes");

static const uint8_t hold_next[HOLD_STATE_COUNT] = {
    [HOLD_UNUSED] = BIT(HOLD_MAKING),
    [HOLD_MAKING] = BIT(HOLD_WRITING) | BIT(HOLD_UNUSED), /* settled; undone */
    [HOLD_IDLE] = BIT(HOLD_BUSY),
    [HOLD_BUSY] = BIT(HOLD_IDLE) | BIT(HOLD_WRITING) | BIT(HOLD_UNUSED),
    [HOLD_WRITING] = BIT(HOLD_IDLE) | BIT(HOLD_UNUSED),
};

static uint64_t word_of(uint64_t generation, uint64_t turn, enum hold_state state)
{
    return generation << 24 | (turn & 0xffff) << 8 | (uint64_t)state;
}

static uint64_t generation_of(uint64_t word)
{
    return word >> 24;
}

static uint64_t turn_of(uint64_t word)
{
    return word >> 8 & 0xffff;
}

/* The moves that only a slot's owner makes. */
static void move(struct hold_slot *slot, enum hold_state to, uint64_t turns)
{
    /* relaxed: only the owner writes the word now */
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);
    assert(hold_next[hold_state_of(word)] & BIT(to));
    /* release: partner of the acquire in hold_own() and hold_read_begin(): the next owner sees all
     * that we wrote */
    atomic_store_explicit(&slot->word, word_of(generation_of(word), turn_of(word) + turns, to),
                          memory_order_release);
}

int hold_slots_init(struct hold_slots *slots, uint32_t max)
{
    assert(max > 0);
    assert(max <= HOLD_SLOTS_MAX);
    memset(slots, 0, sizeof(*slots));
    /* calloc of this size uses fresh pages, which cost nothing until they are written. */
    slots->slots = calloc((size_t)max + 1, sizeof(*slots->slots));
    slots->max = max;
    slots->live = true;
    return slots->slots != NULL ? 0 : ERR_NOMEM;
}

void hold_slots_deinit(struct hold_slots *slots)
{
    free(slots->slots);
}

/* ---- giving out ---- */

static uint32_t pop(struct hold_slots *slots)
{
    /* acquire: partner of push()'s release, so the link of the top slot is complete */
    uint64_t head = atomic_load_explicit(&slots->free_head, memory_order_acquire);
    for (;;) {
        uint32_t slot = (uint32_t)head;
        if (slot == 0)
            return 0;
        assert(slot <= slots->max);
        /* The slot may be given out meanwhile. The link is garbage then, but the tag differs. */
        uint32_t next = HOLD_GET(&slots->slots[slot], first);
        uint64_t want = ((head >> 32) + 1) << 32 | next;
        if (atomic_compare_exchange_weak_explicit(&slots->free_head, &head, want,
                                                  memory_order_acq_rel, memory_order_acquire))
            return slot;
    }
}

static void push(struct hold_slots *slots, uint32_t slot)
{
    assert(slot > 0);
    assert(slot <= slots->max);
    uint64_t head = atomic_load_explicit(&slots->free_head, memory_order_relaxed);
    uint64_t want;
    do {
        HOLD_SET(&slots->slots[slot], first, (uint32_t)head);
        want = ((head >> 32) + 1) << 32 | slot;
        /* release: partner of pop()'s acquire */
    } while (!atomic_compare_exchange_weak_explicit(&slots->free_head, &head, want,
                                                    memory_order_release, memory_order_relaxed));
}

static uint32_t take_fresh(struct hold_slots *slots)
{
    assert(slots->live); /* replay names its slots */
    /* relaxed: only the number is shared; the slots' memory was zeroed before any thread ran */
    uint32_t fresh = atomic_load_explicit(&slots->fresh, memory_order_relaxed);
    do {
        if (fresh == slots->max)
            return 0;
        /* seq_cst: engine_lists_used() looks at all slots up to here */
    } while (!atomic_compare_exchange_weak_explicit(&slots->fresh, &fresh, fresh + 1,
                                                    memory_order_seq_cst, memory_order_relaxed));
    return fresh + 1;
}

uint32_t hold_give(struct hold_slots *slots, unsigned stash)
{
    assert(slots->live);
    assert(stash < HOLD_STASHES);
    struct hold_stash *own = &slots->stashes[stash];
    uint32_t number = own->len > 0 ? own->slots[--own->len] : pop(slots);
    if (number == 0)
        number = take_fresh(slots);
    if (number == 0)
        return 0;

    struct hold_slot *slot = &slots->slots[number];
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed); /* pop acquired it */
    assert(hold_state_of(word) == HOLD_UNUSED);
    assert(number <= slots->max);
    uint64_t generation = generation_of(word);
    if (generation < slots->generation_base)
        generation = slots->generation_base;
    /* release: a reader with the old id sees that it is dead before any new field */
    atomic_store_explicit(&slot->word, word_of(generation + 1, turn_of(word), HOLD_MAKING),
                          memory_order_release);
    return number;
}

bool hold_is_later(const struct hold_slots *slots, uint64_t id)
{
    uint32_t number = hold_slot_of(id);
    if (number == 0 || number > slots->max || hold_generation_of(id) == 0)
        return false;
    return hold_generation_of(id) > generation_of(HOLD_GET(&slots->slots[number], word));
}

bool hold_adopt(struct hold_slots *slots, uint64_t id)
{
    uint32_t number = hold_slot_of(id);
    assert(!slots->live);
    if (!hold_is_later(slots, id))
        return false;
    struct hold_slot *slot = &slots->slots[number];
    /* relaxed throughout: a replay is single-threaded */
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);
    if (hold_state_of(word) != HOLD_UNUSED)
        return false;
    atomic_store_explicit(&slot->word, word_of(hold_generation_of(id), turn_of(word), HOLD_MAKING),
                          memory_order_relaxed);
    if (atomic_load_explicit(&slots->fresh, memory_order_relaxed) < number)
        atomic_store_explicit(&slots->fresh, number, memory_order_relaxed);
    assert(hold_id(slots, number) == id);
    return true;
}

static void keep(struct hold_slots *slots, struct hold_stash *own, uint32_t number)
{
    if (own->len == HOLD_STASH_MAX)
        while (own->len > HOLD_STASH_MAX / 2)
            push(slots, own->slots[--own->len]);
    assert(own->len < HOLD_STASH_MAX);
    own->slots[own->len++] = number;
}

void hold_end(struct hold_slots *slots, uint32_t number, unsigned stash)
{
    assert(number > 0);
    assert(number <= slots->max);
    assert(stash < HOLD_STASHES);
    move(&slots->slots[number], HOLD_UNUSED, 1);
    if (slots->live && stash != 0)
        keep(slots, &slots->stashes[stash], number);
    else if (slots->live)
        push(slots, number);
}

void hold_slots_go_live(struct hold_slots *slots)
{
    assert(!slots->live);
    slots->live = true;
    memset(slots->stashes, 0, sizeof(slots->stashes));
    atomic_store_explicit(&slots->free_head, 0, memory_order_relaxed);
    uint32_t fresh = atomic_load_explicit(&slots->fresh, memory_order_relaxed);
    assert(fresh <= slots->max);
    for (uint32_t i = fresh; i > 0; i--) /* the lowest ends on top */
        if (hold_state_of(HOLD_GET(&slots->slots[i], word)) == HOLD_UNUSED)
            push(slots, i);
}

uint64_t hold_id(const struct hold_slots *slots, uint32_t number)
{
    assert(number > 0);
    assert(number <= slots->max);
    return generation_of(HOLD_GET(&slots->slots[number], word)) << 24 | number;
}

/* ---- owning ---- */

static bool is_alive(uint64_t word, uint64_t id)
{
    return generation_of(word) == hold_generation_of(id) && hold_state_of(word) >= HOLD_IDLE;
}

enum hold_own hold_own(struct hold_slots *slots, uint64_t id)
{
    uint32_t number = hold_slot_of(id);
    if (number == 0 || number > slots->max)
        return HOLD_NOT_THERE;
    struct hold_slot *slot = &slots->slots[number];
    uint64_t word = HOLD_GET(slot, word);
    if (!is_alive(word, id))
        return HOLD_NOT_THERE;
    if (hold_state_of(word) != HOLD_IDLE)
        return HOLD_IS_BUSY;
    /* acquire: partner of move()'s release: we see all that the previous owner wrote. A failure
     * means that somebody else owns it, or that it ended: both are reported as busy, and a retry
     * shows which. */
    return atomic_compare_exchange_strong_explicit(
               &slot->word, &word, word_of(generation_of(word), turn_of(word), HOLD_BUSY),
               memory_order_acquire, memory_order_relaxed)
               ? HOLD_OWNED
               : HOLD_IS_BUSY;
}

void hold_disown(struct hold_slots *slots, uint32_t number)
{
    move(&slots->slots[number], HOLD_IDLE, 0);
}

void hold_write_begin(struct hold_slots *slots, uint32_t number)
{
    move(&slots->slots[number], HOLD_WRITING, 1);
}

void hold_write_end(struct hold_slots *slots, uint32_t number)
{
    move(&slots->slots[number], HOLD_IDLE, 1);
}

/* ---- reading ---- */

uint64_t hold_read_begin(const struct hold_slots *slots, uint64_t id, bool *busy)
{
    *busy = false;
    uint32_t number = hold_slot_of(id);
    if (number == 0 || number > slots->max)
        return 0;
    uint64_t word = HOLD_GET(&slots->slots[number], word);
    if (!is_alive(word, id))
        return 0;
    *busy = hold_state_of(word) == HOLD_WRITING;
    return *busy ? 0 : word;
}

/* An owner that did not write has not changed the turn, and does not matter. */
bool hold_read_end(const struct hold_slots *slots, uint64_t id, uint64_t begun)
{
    assert(begun != 0);
    uint64_t word = HOLD_GET(&slots->slots[hold_slot_of(id)], word);
    return is_alive(word, id) && turn_of(word) == turn_of(begun);
}
