/* wheel.c: a hierarchical timing wheel (Varghese and Lauck) of four levels with 64 slots each.
 *
 * Level 0 has a slot for each of the next 64 ticks, level 1 one for each of the next 64 times 64,
 * and so on; when level 0 has gone round, the next slot of level 1 is spread over it. A hold moves
 * at most three times, so putting in, taking out and coming due cost the same for ten holds and for
 * a million.
 *
 * Only the owner touches the rings. Other threads leave a mark for the hold; the owner collects the
 * marks and reads the holds' times again, so holds come into the wheel by the tick and not one by
 * one. There is no queue that could run full, a hold that changes ten times between two ticks is
 * looked at once, and a hold released in the meantime costs nothing: when it comes due its time
 * says that there is nothing to do.
 *
 * A mark is a byte of its own, because leaving one is part of every hold: a byte is stored, while a
 * bit of a shared word would be a locked operation. The owner pays for that: it looks at the bytes
 * of all blocks that were ever used, some 20 us for a stadium, and removes a mark by an exchange,
 * which reads the newest mark and with it the newest time; a load and a store could wipe out a mark
 * that came between them. */
#include "core/seats/wheel.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { HEADS = WHEEL_LEVELS * WHEEL_SLOTS };

int wheel_init(struct wheel *wheel, uint32_t max, uint64_t now_ms,
               uint64_t (*due_ms)(void *ctx, uint32_t hold), void *ctx)
{
    assert(max > 0);
    assert(due_ms != NULL);
    memset(wheel, 0, sizeof(*wheel));
    wheel->max = max;
    wheel->blocks = max / WHEEL_BLOCK + 1;
    wheel->tick = now_ms / WHEEL_TICK_MS;
    wheel->due_ms = due_ms;
    wheel->ctx = ctx;
    size_t nodes = (size_t)max + 1 + HEADS;
    wheel->touched = calloc((size_t)wheel->blocks * WHEEL_BLOCK, sizeof(*wheel->touched));
    wheel->used = calloc(wheel->blocks, sizeof(*wheel->used));
    wheel->next = calloc(nodes, sizeof(*wheel->next));
    wheel->prev = calloc(nodes, sizeof(*wheel->prev));
    if (!wheel->touched || !wheel->used || !wheel->next || !wheel->prev) {
        wheel_deinit(wheel);
        return ERR_NOMEM;
    }
    for (uint32_t i = max + 1; i < nodes; i++) /* a head alone is an empty ring */
        wheel->next[i] = wheel->prev[i] = i;
    return 0;
}

void wheel_deinit(struct wheel *wheel)
{
    free(wheel->prev);
    free(wheel->next);
    free(wheel->used);
    free(wheel->touched);
    wheel->prev = wheel->next = NULL; /* as in seats_deinit() */
    wheel->used = NULL;
    wheel->touched = NULL;
}

void wheel_touch(struct wheel *wheel, uint32_t hold)
{
    assert(hold > 0 && hold <= wheel->max);
    /* release: partner of the exchange in collect(), which then reads the hold's new time */
    atomic_store_explicit(&wheel->touched[hold], 1, memory_order_release);
    /* relaxed: it is never reset, so it is seen sooner or later */
    _Atomic uint8_t *used = &wheel->used[hold / WHEEL_BLOCK];
    if (atomic_load_explicit(used, memory_order_relaxed) == 0)
        atomic_store_explicit(used, 1, memory_order_relaxed);
}

/* ---- the owner's rings ---- */

static void unlink_hold(struct wheel *wheel, uint32_t hold)
{
    assert(hold > 0);
    assert(hold <= wheel->max); /* heads stay where they are */
    if (wheel->next[hold] == 0)
        return; /* 0 is no node: the hold is in no ring */
    wheel->next[wheel->prev[hold]] = wheel->next[hold];
    wheel->prev[wheel->next[hold]] = wheel->prev[hold];
    wheel->next[hold] = wheel->prev[hold] = 0;
    assert(wheel->count > 0);
    wheel->count--;
}

static uint32_t head_for(const struct wheel *wheel, uint64_t tick)
{
    assert(tick >= wheel->tick);
    uint64_t ahead = tick - wheel->tick;
    unsigned level = 0;
    while (level < WHEEL_LEVELS - 1 && ahead >= UINT64_C(1) << (6 * (level + 1)))
        level++;
    if (ahead >= UINT64_C(1) << (6 * WHEEL_LEVELS)) /* beyond: looked at when the wheel is round */
        tick = wheel->tick + (UINT64_C(1) << (6 * WHEEL_LEVELS)) - 1;
    return wheel->max + 1 + level * WHEEL_SLOTS + (uint32_t)(tick >> (6 * level) & 63);
}

static void link_hold(struct wheel *wheel, uint32_t hold, uint64_t earliest)
{
    assert(wheel->next[hold] == 0);
    uint64_t due_ms = wheel->due_ms(wheel->ctx, hold);
    if (due_ms == 0)
        return;
    uint64_t tick = (due_ms + WHEEL_TICK_MS - 1) / WHEEL_TICK_MS; /* never before its time */
    uint32_t head = head_for(wheel, tick > earliest ? tick : earliest);
    assert(head > wheel->max);
    assert(wheel->next[head] != 0);
    wheel->next[hold] = head;
    wheel->prev[hold] = wheel->prev[head];
    wheel->next[wheel->prev[head]] = hold;
    wheel->prev[head] = hold;
    wheel->count++;
}

enum { GLANCE = 16 }; /* marks looked at together */
static_assert(WHEEL_BLOCK % GLANCE == 0, "a block is whole glances");

/* The first group of GLANCE holds, from `from` on, that has a mark; or `end`. */
static uint32_t next_marked(const struct wheel *wheel, uint32_t from, uint32_t end)
{
    assert(from % GLANCE == 0);
    assert(end <= wheel->blocks * WHEEL_BLOCK);
    for (uint32_t at = from; at < end; at += GLANCE) {
        unsigned some = 0;
        for (uint32_t i = 0; i < GLANCE; i++)
            some |= atomic_load_explicit(&wheel->touched[at + i], memory_order_relaxed);
        if (some != 0)
            return at;
    }
    return end;
}

static bool is_used(const struct wheel *wheel, uint32_t block)
{
    return atomic_load_explicit(&wheel->used[block], memory_order_relaxed) != 0;
}

static void collect_block(struct wheel *wheel, uint32_t from, uint32_t end)
{
    assert(from < end);
    for (uint32_t at = next_marked(wheel, from, end); at < end;
         at = next_marked(wheel, at + GLANCE, end)) {
        for (uint32_t hold = at; hold < at + GLANCE; hold++) {
            if (atomic_load_explicit(&wheel->touched[hold], memory_order_relaxed) == 0)
                continue;
            (void)atomic_exchange_explicit(&wheel->touched[hold], 0, memory_order_acquire);
            unlink_hold(wheel, hold);
            link_hold(wheel, hold, wheel->tick);
        }
    }
}

static void collect(struct wheel *wheel)
{
    for (uint32_t i = 0; i < wheel->blocks; i++)
        if (is_used(wheel, i))
            collect_block(wheel, i * WHEEL_BLOCK, (i + 1) * WHEEL_BLOCK);
}

/* Takes all holds out of a slot of an upper level and puts them where they belong now. */
static void spread(struct wheel *wheel, unsigned level)
{
    assert(level > 0); /* level 0 comes due, it is not spread */
    assert(level < WHEEL_LEVELS);
    uint32_t head =
        wheel->max + 1 + level * WHEEL_SLOTS + (uint32_t)(wheel->tick >> (6 * level) & 63);
    uint32_t hold = wheel->next[head];
    wheel->next[head] = wheel->prev[head] = head;
    while (hold != head) {
        uint32_t next = wheel->next[hold];
        assert(hold <= wheel->max);
        wheel->next[hold] = wheel->prev[hold] = 0;
        assert(wheel->count > 0);
        wheel->count--;
        link_hold(wheel, hold, wheel->tick);
        hold = next;
    }
}

uint32_t wheel_due(struct wheel *wheel, uint64_t now_ms)
{
    uint64_t now = now_ms / WHEEL_TICK_MS;
    if (now != wheel->collected) { /* once a tick: what is marked within it is due in a later one */
        collect(wheel);
        wheel->collected = now;
    }
    for (;;) {
        uint32_t head = wheel->max + 1 + (uint32_t)(wheel->tick & 63);
        while (wheel->next[head] != head) {
            uint32_t hold = wheel->next[head];
            assert(hold <= wheel->max);
            unlink_hold(wheel, hold);
            uint64_t due_ms = wheel->due_ms(wheel->ctx, hold);
            if (due_ms != 0 && due_ms <= now_ms)
                return hold;
            /* It was extended, or its slot has a new hold, or the wall clock was set back. It must
             * not go into this slot again, which we would never leave. */
            link_hold(wheel, hold, wheel->tick + 1);
        }
        if (wheel->tick >= now)
            return 0;
        if (wheel->count == 0) {
            wheel->tick = now; /* nothing to find on the way */
            return 0;
        }
        wheel->tick++;
        for (unsigned level = WHEEL_LEVELS - 1; level > 0; level--)
            if ((wheel->tick & ((UINT64_C(1) << (6 * level)) - 1)) == 0)
                spread(wheel, level);
    }
}
