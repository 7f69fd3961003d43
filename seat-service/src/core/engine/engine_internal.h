/* engine_internal.h: shared by the engine's own files, and by tests that need its memory.
 *
 * engine.c creation, and the buyers' ops: hold, change, release engine_rules.c what may be in one
 * hold engine_ops.c the saga's and the operator's ops, expiry engine_bond.c what the order of a
 * hold bought engine_settle.c the second phase of all of them engine_read.c reading engine_replay.c
 * from changes and snapshots back to a state */
#ifndef FG_SEAT_CORE_ENGINE_INTERNAL_H
#define FG_SEAT_CORE_ENGINE_INTERNAL_H

#include "core/engine/avail.h"
#include "core/engine/engine.h"
#include "core/hall/areas.h"
#include "core/seats/best.h"
#include "core/seats/buyers.h"
#include "core/seats/hold.h"
#include "core/seats/seats.h"
#include "core/seats/wheel.h"

#include <assert.h>
#include <string.h>

/* The seats of a hold that expired during payment. */
struct late {
    _Atomic uint32_t next_free;
    uint32_t seats[HOLD_SEATS_MAX];
};

struct late_pool {
    struct late *list; /* [1..max] */
    uint32_t max;
    _Atomic uint64_t free_head; /* [63..32] tag  [31..0] number, as in hold.c */
    _Atomic uint32_t fresh;
};

/* The digest of the order's purchase. Valid while the slot has an order, and written with it. */
struct bond {
    _Atomic uint64_t part[CHANGE_HASH_BYTES / sizeof(uint64_t)];
};

/* Call it while the slot is being written, or before another thread sees it. */
static inline void bond_set(struct bond *bond, const uint8_t purchase[CHANGE_HASH_BYTES])
{
    for (size_t i = 0; i < sizeof(bond->part) / sizeof(bond->part[0]); i++) {
        uint64_t part;
        memcpy(&part, purchase + i * sizeof(part), sizeof(part));
        /* release: as HOLD_SET; a reader who sees it also sees that the hold was being written */
        atomic_store_explicit(&bond->part[i], part, memory_order_release);
    }
}

static inline void bond_get(const struct bond *bond, uint8_t out[CHANGE_HASH_BYTES])
{
    for (size_t i = 0; i < sizeof(bond->part) / sizeof(bond->part[0]); i++) {
        /* acquire: as HOLD_GET; pairs with bond_set() */
        uint64_t part = atomic_load_explicit(&bond->part[i], memory_order_acquire);
        memcpy(out + i * sizeof(part), &part, sizeof(part));
    }
}

struct engine {
    const struct plan *plan;
    const struct plan_facts *facts;
    const struct plan_limits *limits;
    uint64_t since, base; /* from engine_conf */
    uint32_t places;
    bool fits; /* false while changes before `since` are replayed: the areas may have been larger */
    struct seats seats;
    struct hold_slots holds;
    struct buyers buyers;
    struct wheel wheel;
    struct best *best;
    struct avail *avail;
    struct late_pool late;

    _Atomic uint64_t *areas;
    _Atomic uint16_t *sessions; /* by slot: 16 bits of the session's hash, for engine_hold_next() */
    struct bond *bonds;         /* by slot; slots that never had an order stay untouched memory */

    /* A hold keeps the number of its price list. A list that a hold has never changes; once all
     * lists have been used, a list without holds is overwritten (engine_lists_used()). */
    _Atomic uint64_t *prices; /* [PRICE_LISTS_MAX][categories] */
    uint32_t categories;
    /* By seat: 1 + the category whose price was paid before a move; 0: its own category. */
    _Atomic uint8_t *paid;
    _Atomic uint32_t price_list;  /* the newest */
    _Atomic uint32_t price_lists; /* used so far */
    _Atomic bool pricing;

    _Atomic uint64_t expire_not_before_ms; /* the journal refused: no expiry before then */
    _Atomic uint64_t spare_until_ms;       /* holds of orders do not expire before ... */
    _Atomic uint64_t spare_from_ms;        /* ... unless they had by then */
    uint64_t expire_now_ms;                /* owned by the wheel's thread */

    _Atomic uint64_t best_retries;
};

enum { EXPIRE_RETRY_MS = 1000, EXPIRE_BUSY_MS = 256 };

enum op_phase { OP_NONE, OP_BEGUN, OP_ENDED };

static inline struct hold_slot *engine_slot(struct engine *engine, uint32_t slot)
{
    return &engine->holds.slots[slot];
}

/* When this unsold hold expires or is forgotten. */
static inline uint64_t engine_end_of(const struct engine *engine, const struct hold_slot *slot)
{
    uint64_t end_ms = HOLD_GET(slot, expires_ms);
    if (HOLD_GET(slot, status) != HOLD_OPEN || HOLD_GET(slot, order) == 0)
        return end_ms;
    /* relaxed: a slightly stale time is fine */
    uint64_t spare_ms = atomic_load_explicit(&engine->spare_until_ms, memory_order_relaxed);
    uint64_t from_ms = atomic_load_explicit(&engine->spare_from_ms, memory_order_relaxed);
    return end_ms > spare_ms || end_ms < from_ms ? end_ms : spare_ms;
}

static inline uint32_t engine_newest_list(const struct engine *engine)
{
    /* acquire: pairs with settle_priced(); the list is complete */
    uint32_t list = atomic_load_explicit(&engine->price_list, memory_order_acquire);
    assert(list < PRICE_LISTS_MAX);
    return list;
}

static inline uint64_t engine_price_at(const struct engine *engine, uint32_t list,
                                       uint32_t category)
{
    assert(list < PRICE_LISTS_MAX);
    assert(category < engine->categories);
    /* relaxed: a thread that has a list's number also sees its prices. A reader whose hold has just
     * ended may see those of the next list with this number; nobody pays them. */
    return atomic_load_explicit(&engine->prices[(size_t)list * engine->categories + category],
                                memory_order_relaxed);
}

/* What a category costs after this price change. */
static inline uint64_t engine_price_after(const struct engine *engine, const struct change *change,
                                          uint32_t category)
{
    assert(change->kind == CHANGE_PRICED || change->kind == CHANGE_REPRICED);
    return change->categories >> category & 1
               ? change->prices[category]
               : engine_price_at(engine, engine_newest_list(engine), category);
}

/* The category whose price a seat's hold pays for it. */
static inline uint8_t engine_paid(const struct engine *engine, uint32_t seat)
{
    assert(seat < engine->facts->seat_count);
    /* acquire: as HOLD_GET; pairs with engine_pay_as() */
    uint8_t paid = atomic_load_explicit(&engine->paid[seat], memory_order_acquire);
    return paid != 0 ? (uint8_t)(paid - 1) : engine->facts->category[seat];
}

static inline bool engine_knows(const struct engine *engine, uint64_t categories)
{
    assert(engine->categories > 0);
    return categories <= UINT64_MAX >> (PLAN_CATEGORIES_MAX - engine->categories);
}

static inline uint32_t engine_capacity(const struct engine *engine, uint16_t area)
{
    return engine->fits ? plan_area(engine->plan, area)->capacity : PLAN_AREA_CAPACITY_MAX;
}

static inline bool engine_turn(struct engine *engine, uint16_t area, enum area_part from,
                               enum area_part to, uint32_t n)
{
    return area_turn(&engine->areas[area], engine_capacity(engine, area), from, to, n);
}

/* ---- engine.c ---- */

unsigned engine_thread_slot(void);
/* The status a hold must have for a change of this kind; ops, replay and settling check it. */
enum hold_status engine_status_before(const struct change *change);
void engine_op_init(struct engine_op *op, enum change_kind kind, uint64_t now_ms);
static inline enum engine_verdict engine_op_begun(struct engine_op *op)
{
    assert(op->own.phase == OP_NONE);
    op->own.phase = OP_BEGUN;
    return ENGINE_OK;
}

uint64_t engine_hash_text(struct span text); /* never 0 */
/* The seats of an owned hold, ascending; returns their number. */
uint32_t engine_chain(const struct engine *engine, uint32_t slot, uint32_t *seats);
uint64_t engine_total(const struct engine *engine, uint32_t list, const uint32_t *seats,
                      uint32_t count);
uint64_t engine_area_total(const struct engine *engine, uint32_t list, uint16_t area,
                           uint32_t quantity);
/* Takes ownership of the hold and sets the op's slot and id, or returns the reason why not. */
enum engine_verdict engine_own(struct engine *engine, uint64_t hold, struct engine_op *op);
enum engine_verdict engine_disown(struct engine *engine, struct engine_op *op,
                                  enum engine_verdict verdict);
/* Adds `places` to the buyer's count if the limit allows; the op records it for an undo. */
enum engine_verdict engine_count_buyer(struct engine *engine, uint64_t buyer, uint32_t places,
                                       struct engine_op *op);
/* Sets the owned hold's seats, or area and quantity, as the change's removed part. */
void engine_fill_removed(struct engine *engine, struct engine_op *op);

/* Claims op's added seats for its slot, taking `own` and op's removed ones into account. */
enum engine_verdict engine_claim(struct engine *engine, struct engine_op *op, const uint32_t *own,
                                 uint32_t own_count, enum seat_state state, enum orphans orphans);
void engine_unclaim(struct engine *engine, struct engine_op *op, enum seat_state state);
/* Copies the seats that a request names to `out`, sorted. */
enum engine_verdict engine_named(const struct engine *engine, const uint32_t *seats, uint32_t count,
                                 struct engine_op *op, uint32_t *out);
/* `out` becomes `own` without the change's removed and with its added seats; all are ascending. If
 * one does not fit, it is *seat: ENGINE_TWICE, ENGINE_NOT_IN_HOLD. */
enum engine_verdict engine_merge(const struct change *change, const uint32_t *own,
                                 uint32_t own_count, uint32_t *out, uint32_t *out_count,
                                 uint32_t *seat);
void engine_set_text(struct change *change, struct span text);

/* ---- engine_ops.c ---- */

/* Marks the newest price list, and each list that a hold has or an op is about to give to one. */
void engine_lists_used(const struct engine *engine, bool used[PRICE_LISTS_MAX]);
/* Returns whether the list has the prices after this change. */
bool engine_list_fits(const struct engine *engine, const struct change *change, uint32_t list);

/* ---- engine_bond.c ---- */

/* Returns whether the owned hold costs what the purchase says. */
bool engine_costs(const struct engine *engine, const struct engine_op *op,
                  const struct engine_purchase *purchase);

/* ---- engine_rules.c ---- */

/* Returns whether seats reserved for people with access needs are on sale to everybody. */
static inline bool engine_access_is_open(const struct engine *engine, uint64_t now_ms)
{
    return engine->limits->access_until_ms != 0 && now_ms >= engine->limits->access_until_ms;
}

/* Checks whether `added` may be taken, so that the hold has `seats` (both ascending). */
enum engine_verdict engine_rules(const struct engine *engine, const struct engine_who *who,
                                 const uint32_t *seats, uint32_t count, const uint32_t *added,
                                 uint32_t added_count, uint64_t now_ms, struct engine_op *op);
enum engine_verdict engine_rules_area(const struct engine *engine, const struct engine_who *who,
                                      uint16_t area, uint64_t now_ms, struct engine_op *op);
/* Fills in what best-available may use; false if nothing is on sale for this buyer (op->opens_ms).
 */
bool engine_best_ask(const struct engine *engine, const struct engine_who *who, uint8_t category,
                     uint32_t quantity, bool adjacent, uint64_t now_ms, struct best_ask *out,
                     struct engine_op *op);

/* ---- engine_settle.c ---- */

/* Returns whether a hold that this change ends is remembered. */
bool engine_remembers(const struct change *change);
uint32_t late_give(struct late_pool *pool); /* 0: all in use */
void late_end(struct late_pool *pool, uint32_t number);
/* The owned seat costs its hold the price of this category. */
void engine_pay_as(struct engine *engine, uint32_t seat, uint8_t category);
/* Frees what phase 1 claimed: seats or places, and the buyer's count. */
void engine_undo_added(struct engine *engine, struct engine_op *op);

#endif
