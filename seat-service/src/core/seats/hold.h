/* hold.h: the holds, each in a slot of fixed size that is found by its number.
 *
 * A hold's id is its slot's number (24 bits, what seat words carry) and the slot's generation (40
 * bits, which rises each time the slot is given out): an id that outlived its hold no longer fits
 * any slot. The id is not a secret; the shell makes it unguessable with a MAC.
 *
 * A slot is owned by one op at a time: the one that moves it from IDLE to BUSY decides its
 * next state, and all others have to try again. Reading needs no ownership (hold_read_begin). */
#ifndef FG_SEAT_CORE_HOLD_H
#define FG_SEAT_CORE_HOLD_H

#include "base/err.h"
#include "core/limits.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Life of a slot. */
enum hold_state {
    HOLD_UNUSED,
    HOLD_MAKING,  /* given out; nobody knows its id yet */
    HOLD_IDLE,    /* a hold, with no op under way */
    HOLD_BUSY,    /* owned by an op; its fields do not change */
    HOLD_WRITING, /* ... and is writing its fields */
    HOLD_STATE_COUNT
};

/* The public status of a hold; valid while the slot is IDLE or BUSY. */
enum hold_status {
    HOLD_OPEN, /* its seats are held */
    HOLD_SOLD,
    HOLD_LATE, /* expired during an order; keeps no seats, but remembers which they were */
};

/* One cache line. Fields are atomic because readers (hold_read_begin) may load them while the owner
 * writes; the word shows whether they read a consistent copy. */
struct hold_slot {
    _Atomic uint64_t word; /* [63..24] generation  [23..8] turn  [7..0] enum hold_state */
    _Atomic uint64_t buyer;
    _Atomic uint64_t session;
    _Atomic uint64_t order;      /* hash; 0: none */
    _Atomic uint64_t expires_ms; /* LATE: when the record is dropped */
    _Atomic uint64_t hard_end_ms;
    _Atomic uint32_t first; /* OPEN, SOLD: first seat; LATE: number in the late pool, 0 if its seats
                               are no longer known; free slots: the next free one */
    _Atomic uint32_t version; /* rises with each change */
    _Atomic uint16_t count;   /* seats, or places in the area */
    _Atomic uint16_t area;    /* or CHANGE_AREA_NONE */
    _Atomic uint16_t price_list;
    _Atomic uint8_t status;  /* enum hold_status */
    _Atomic uint8_t verdict; /* of the confirm: enum change_verdict */
};

/* A thread's private free slots: giving one of them out, or taking one back, needs no shared atomic
 * operation. Two cache lines. */
struct hold_stash {
    _Alignas(64) uint32_t len;
    uint32_t slots[HOLD_STASH_MAX];
};

struct hold_slots {
    struct hold_stash stashes[HOLD_STASHES]; /* stashes[0] stays empty: threads without one */
    struct hold_slot *slots; /* [1..max]; memory of slots never used is never touched */
    uint32_t max;
    uint64_t generation_base;   /* generations given out are above it; set by replay */
    _Atomic uint64_t free_head; /* [63..32] tag against reuse  [31..0] slot, 0: empty */
    _Atomic uint32_t fresh;     /* slots up to here have been used */
    bool live;                  /* false during replay, which names its slots */
};

/* `stash`, here and below, is the calling thread's own, or 0. */
int hold_slots_init(struct hold_slots *slots, uint32_t max);
void hold_slots_deinit(struct hold_slots *slots);

static inline uint32_t hold_slot_of(uint64_t id)
{
    return (uint32_t)id & 0xffffff;
}

static inline uint64_t hold_generation_of(uint64_t id)
{
    return id >> 24;
}

static inline enum hold_state hold_state_of(uint64_t word)
{
    return (enum hold_state)(word & 0xff);
}

/* Returns a slot in state MAKING, or 0 if all are in use. */
uint32_t hold_give(struct hold_slots *slots, unsigned stash);
/* For replay: takes the slot that the id names, in state MAKING. Returns false if it is in use, was
 * given out under this id or a later one, or does not exist. */
bool hold_adopt(struct hold_slots *slots, uint64_t id);
/* Could the slot be given out under this id once it is unused? */
bool hold_is_later(const struct hold_slots *slots, uint64_t id);
/* From MAKING, BUSY or WRITING. The id becomes invalid; the slot may be given out again. */
void hold_end(struct hold_slots *slots, uint32_t slot, unsigned stash);
/* Ends replay: unused slots can be given out from now on. */
void hold_slots_go_live(struct hold_slots *slots);

uint64_t hold_id(const struct hold_slots *slots, uint32_t slot);

enum hold_own { HOLD_OWNED, HOLD_NOT_THERE, HOLD_IS_BUSY };

/* IDLE -> BUSY, if the id is valid. */
enum hold_own hold_own(struct hold_slots *slots, uint64_t id);
void hold_disown(struct hold_slots *slots, uint32_t slot); /* BUSY -> IDLE, nothing was written */

/* Begin: MAKING or BUSY -> WRITING. End: WRITING -> IDLE; hold_end() may replace it. */
void hold_write_begin(struct hold_slots *slots, uint32_t slot);
void hold_write_end(struct hold_slots *slots, uint32_t slot);

/* Reading without owning: begin, copy the hold's fields with HOLD_GET, and use the copy only if end
 * returns true. Begin returns 0 if the id is invalid or (*busy) the hold is being written. */
uint64_t hold_read_begin(const struct hold_slots *slots, uint64_t id, bool *busy);
bool hold_read_end(const struct hold_slots *slots, uint64_t id, uint64_t begun);

/* acquire and release: hold.c's head explains why a reader notices a torn copy */
#define HOLD_GET(slot, field) atomic_load_explicit(&(slot)->field, memory_order_acquire)
#define HOLD_SET(slot, field, value)                                                               \
    atomic_store_explicit(&(slot)->field, (value), memory_order_release)

#endif
