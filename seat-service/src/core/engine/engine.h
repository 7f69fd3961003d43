/* engine.h: the seats of one event, who holds them, and what may be done to them.
 *
 * No lock, no clock, no I/O: time is an argument, and what must outlive the process goes to the
 * journal by way of struct change. Any number of threads may call at the same time, except where a
 * call says otherwise.
 *
 * Each step has two phases:
 *
 *     verdict = engine_hold(engine, &ask, now_ms, &op);     1. claimed: others see the seats held
 *     if (verdict == ENGINE_OK)
 *         give op.change to the journal                     2. answer nobody yet
 *     on commit:   engine_settle(engine, &op);                 it is final now: answer
 *     on refusal:  engine_undo(engine, &op);                   it never happened: answer 503
 *
 * What is taken is taken in phase 1; what is given back is free only after engine_settle(). So
 * between the phases a seat belongs to the buyer who may end up with it, whichever way the journal
 * decides (I1), and no change can reach the journal before the one it depends on was committed.
 * That is why the journal's order is a valid order for replay.
 *
 * While an op is under way its hold answers ENGINE_BUSY to everybody else. Each op that began with
 * ENGINE_OK must end in exactly one settle or undo, on any thread. ENGINE_SAME means that it was
 * done before: op.change holds the answer given then, and there is nothing to journal or to end.
 */
#ifndef FG_SEAT_CORE_ENGINE_H
#define FG_SEAT_CORE_ENGINE_H

#include "base/err.h"
#include "base/span.h"
#include "core/engine/change.h"
#include "core/engine/engine_delta.h"
#include "core/engine/verdicts.h"

#include <stdbool.h>
#include <stdint.h>

struct engine;
struct plan; /* plan.h: the hall and the terms of sale, immutable */

struct engine_conf {
    const struct plan *plan; /* borrowed until engine_destroy() */
    uint64_t seed;           /* for the spreading of best-available and the buyer table's hash */
    uint64_t now_ms;         /* wall clock at the start; the timer wheel begins here */
    /* Where the plan was corrected: the change from which it counts, and the one from which the
     * journal is about its seats; those before are skipped. 0, 1: it was imported so. */
    uint64_t since, base;
    uint32_t places;   /* of the largest hall that the journal was about; 0: of the plan's */
    uint32_t late_max; /* late holds that are remembered; 0: LATE_HOLDS_MAX */
};

enum { ENGINE_THREAD_SLOTS_MAX = 64 };

/* Optional: the calling thread claims slot `slot`, 1..ENGINE_THREAD_SLOTS_MAX, which no other
 * thread using the same engines may have at the same time. It then keeps the hold slots that it
 * took back at hand, and gives them out again without contention. 0: the thread gives up its
 * slot. */
void engine_use_thread_slot(unsigned slot);

/* All memory is taken here; ERR_NOMEM. */
int engine_create(const struct engine_conf *conf, struct err_slot *err, struct engine **out);
void engine_destroy(struct engine *engine);
const struct plan *engine_plan(const struct engine *engine);
/* Seats and standing places, of the plan or of conf.places. */
uint32_t engine_places(const struct engine *engine);
/* Bytes used by seats, rows, all holds ever used, buyers, wheel and availability. */
size_t engine_memory(const struct engine *engine);

const char *engine_verdict_name(enum engine_verdict verdict); /* "seats-taken", ...: stable codes */

/* An op from begin to settle or undo. The caller owns the memory and must not touch `own`. */
struct engine_op {
    struct change change; /* for the journal, which sets its seq */
    uint32_t searched;    /* the work of best available, whatever the verdict is (best_pick.work) */

    /* Filled with verdicts other than ENGINE_OK. */
    uint32_t seat;
    uint32_t limit, has;
    uint64_t opens_ms;
    uint64_t price; /* today's, of one place */
    uint16_t lost_count;
    uint32_t lost[CHANGE_SEATS_MAX];

    struct {
        uint32_t slot;
        uint8_t phase;
        uint32_t buyer_places; /* counted for the buyer in phase 1 */
        uint32_t quantity_was; /* of an area's hold, before the change */
        uint32_t late;         /* where an expiring hold will be remembered, or 0 */
    } own;
};

/* The buyer of a request. */
struct engine_who {
    uint64_t buyer;    /* hash of the member, or of the session where the pass names none */
    uint64_t session;  /* hash of the admission pass's session; must match for later calls */
    uint32_t channels; /* bit 0 is the public and always set; others: plan_channel_by_code() */
    bool access_need;  /* has stated that an accessible seat is needed */
};

enum { ENGINE_AREA_NONE = CHANGE_AREA_NONE, ENGINE_CATEGORY_ANY = 0xff };

struct engine_ask {
    struct engine_who who;
    /* Either seats, */
    const uint32_t *seats; /* places in plan order, in any order here */
    uint32_t seat_count;
    /* or an area, */
    uint16_t area; /* ENGINE_AREA_NONE otherwise */
    /* or the best available of a category. */
    bool best;
    bool adjacent;     /* neighbours or nothing */
    uint8_t category;  /* or ENGINE_CATEGORY_ANY: not those of areas */
    uint32_t quantity; /* for area and best */
};

enum engine_verdict engine_hold(struct engine *engine, const struct engine_ask *ask,
                                uint64_t now_ms, struct engine_op *op);

struct engine_edit {
    const uint32_t *add;
    uint32_t add_count;
    const uint32_t *remove;
    uint32_t remove_count;
    uint32_t quantity; /* of a hold in an area: the new number; 0 with seats */
};

/* Adds and removes in one step; the rules judge the result. What is added has to cost today what it
 * costs by the hold's price list: otherwise ENGINE_PRICE_CHANGED. */
enum engine_verdict engine_change(struct engine *engine, uint64_t hold,
                                  const struct engine_who *who, const struct engine_edit *edit,
                                  uint64_t now_ms, struct engine_op *op);

/* By the buyer; a hold that an order has is ENGINE_PAYING. */
enum engine_verdict engine_release(struct engine *engine, uint64_t hold, uint64_t session,
                                   uint64_t now_ms, struct engine_op *op);

/* What the order's buyer agreed to: a sale/purchase.h whose lines are the hold's. */
struct engine_purchase {
    struct span event;
    struct span terms;
    uint64_t fees;
    uint8_t digest[CHANGE_HASH_BYTES];
};

struct engine_order {
    struct span id;                         /* at most CHANGE_TEXT_MAX bytes */
    uint64_t buyer;                         /* the hold is theirs from now on; 0: its owner stays */
    const struct engine_purchase *purchase; /* NULL: unknown, nothing is compared */
};

/* For the saga: each call names its order, and may be repeated. Extend: the hold belongs to the
 * order from now on and lasts pay_ttl_ms more, up to its hard end; once. With a buyer, it counts
 * against that buyer's limit instead of the taker's: ENGINE_BUYER_LIMIT. With a purchase, that is
 * compared with what is held and what it costs now, and stored: ENGINE_DIFFERS. Confirm: sells,
 * even if the order's hold has expired, provided all its seats are still free (op.change.verdict);
 * a digest, if not NULL, is compared with the stored one. Release: before the sale, even for a hold
 * that no order has yet. Refund: after the sale and, because it settles what a confirm may have
 * done, before it too, where it is a release. ENGINE_NO_HOLD from the last two means that there is
 * nothing left to give back.
 *
 * A part of a sale is given back by naming its seats; of standing places, those that stay are
 * counted. ENGINE_SAME: the hold has none of these seats, or no more places.
 *
 * Giving back is final: from the commit on the id is dead, for good and for every later owner, so a
 * confirm or extend that was delayed finds no hold, however late it comes. The same goes for a hold
 * that had expired and was only remembered. */
enum engine_verdict engine_extend(struct engine *engine, uint64_t hold,
                                  const struct engine_order *order, uint64_t pay_ttl_ms,
                                  uint64_t now_ms, struct engine_op *op);
enum engine_verdict engine_confirm(struct engine *engine, uint64_t hold, struct span order,
                                   const uint8_t *digest, uint64_t now_ms, struct engine_op *op);
enum engine_verdict engine_order_release(struct engine *engine, uint64_t hold, struct span order,
                                         uint64_t now_ms, struct engine_op *op);
enum engine_verdict engine_refund(struct engine *engine, uint64_t hold, struct span order,
                                  uint64_t now_ms, struct engine_op *op);
enum engine_verdict engine_refund_part(struct engine *engine, uint64_t hold, struct span order,
                                       const uint32_t *seats, uint32_t count, uint32_t keep,
                                       uint64_t now_ms, struct engine_op *op);

/* By the operator. At most CHANGE_SEATS_MAX seats (move: HOLD_SEATS_MAX) a call, all or nothing. */
enum engine_verdict engine_block(struct engine *engine, const uint32_t *seats, uint32_t count,
                                 struct span reason, uint64_t now_ms, struct engine_op *op);
enum engine_verdict engine_unblock(struct engine *engine, const uint32_t *seats, uint32_t count,
                                   struct span reason, uint64_t now_ms, struct engine_op *op);
enum engine_verdict engine_block_area(struct engine *engine, uint16_t area, uint32_t quantity,
                                      struct span reason, uint64_t now_ms, struct engine_op *op);
enum engine_verdict engine_unblock_area(struct engine *engine, uint16_t area, uint32_t quantity,
                                        struct span reason, uint64_t now_ms, struct engine_op *op);
/* from[i] of a sold hold becomes to[i]; the price stays what was paid. A ticket names the seat, so
 * only the caller that replaces the ticket may ask, by naming the order: otherwise ENGINE_BY_ORDER.
 * Repeated after it is done: ENGINE_SAME. */
enum engine_verdict engine_move(struct engine *engine, uint64_t hold, struct span order,
                                const uint32_t *from, const uint32_t *to, uint32_t count,
                                uint64_t now_ms, struct engine_op *op);
/* Holds taken after the commit pay the new prices, of the categories whose bit is set; prices[] is
 * by category. One price change at a time, otherwise ENGINE_BUSY. */
enum engine_verdict engine_price(struct engine *engine, uint64_t categories, const uint64_t *prices,
                                 struct span reason, uint64_t now_ms, struct engine_op *op);

/* Expiry: one thread owns the wheel. Each true fills an op to be journaled like any other; call
 * until false. An undone expiry is due again after a second. */
bool engine_expire_next(struct engine *engine, uint64_t now_ms, struct engine_op *op);
/* Until `until_ms` no hold that an order has expires: the journal was unavailable, confirms were
 * refused, and will be tried again. What ended before `from_ms` does: none was by then. Any thread.
 */
void engine_spare_orders(struct engine *engine, uint64_t from_ms, uint64_t until_ms);
/* When the next hold that has seats or places ends; 0: there is none. True where no op is under
 * way. */
uint64_t engine_next_end_ms(const struct engine *engine);

/* The second phase. Never fails. */
void engine_settle(struct engine *engine, struct engine_op *op);
void engine_undo(struct engine *engine, struct engine_op *op);

/* ---- reading; never stops a writer ---- */

enum engine_seat_state { ENGINE_FREE, ENGINE_HELD, ENGINE_SEAT_SOLD, ENGINE_BLOCKED };

struct engine_seat {
    enum engine_seat_state state;
    uint64_t hold; /* 0 if nobody holds it */
};

struct engine_seat engine_seat(const struct engine *engine, uint32_t seat);

enum engine_hold_state { ENGINE_HOLD_OPEN, ENGINE_HOLD_SOLD, ENGINE_HOLD_EXPIRED };

struct engine_hold_view {
    enum engine_hold_state state;
    uint32_t version;
    uint64_t buyer, session, order_hash; /* order_hash 0: no order yet */
    uint64_t expires_ms, hard_end_ms, total;
    uint8_t purchase[CHANGE_HASH_BYTES]; /* what the order bought; zeros: not known */
    uint16_t price_list;
    uint16_t area;
    uint32_t quantity; /* places in the area, or number of seats */
    uint16_t seat_count;
    uint32_t seats[HOLD_SEATS_MAX]; /* ascending */
};

/* One consistent view. ENGINE_OK, ENGINE_NO_HOLD, or ENGINE_BUSY if it kept changing. */
enum engine_verdict engine_hold_read(const struct engine *engine, uint64_t hold,
                                     struct engine_hold_view *out);
/* The session's next unsold hold that has seats or places: after *hold, which is 0 to begin with
 * and then the one found. ENGINE_NO_HOLD: no more. Looks at two bytes of each slot that was ever
 * used.
 */
enum engine_verdict engine_hold_next(const struct engine *engine, uint64_t session, uint64_t *hold,
                                     struct engine_hold_view *out);

uint64_t engine_price_of(const struct engine *engine, uint16_t price_list, uint8_t category);
uint16_t engine_price_list(const struct engine *engine); /* the newest */
/* The newest prices by category; 0 where there is no category. */
void engine_prices(const struct engine *engine, uint64_t out[PLAN_CATEGORIES_MAX]);

struct engine_area {
    uint32_t capacity, free, held, sold, blocked;
};

struct engine_area engine_area(const struct engine *engine, uint16_t area);

/* Up to ALTERNATIVES_MAX offers of the same size near the seats that were lost, in the same
 * categories, next to each other; not held for anybody. Returns how many. *searched: as of an op.
 */
struct engine_offer {
    uint32_t seats[HOLD_SEATS_MAX];
    uint32_t count;
};

uint32_t engine_alternatives(struct engine *engine, const struct engine_ask *ask, uint64_t now_ms,
                             struct engine_offer out[ALTERNATIVES_MAX], uint32_t *searched);

/* What best available would take for this ask right now; nothing is held, and `out` is written only
 * on ENGINE_OK. Refuses as engine_hold() does, but for limits of the buyer. */
enum engine_verdict engine_propose(struct engine *engine, const struct engine_ask *ask,
                                   uint64_t now_ms, struct engine_op *op, struct engine_offer *out);

/* ---- availability ----
 *
 * Writers touch nothing but seat words. engine_publish() publishes a picture of them; any thread
 * may call it as often as it likes, and the service does so every 200 ms. Readers only see
 * pictures. What is claimed and not settled is shown as it was. */

/* All changes of the journal up to number `version` are settled; later ones may be, too, up to the
 * one that `latest` returns, which is called after the seats were read (NULL: none).
 * Unless a picture of that version or a later one is there already, one is made and the seats that
 * changed join the ring of deltas. Returns the version that is current after the call. If two
 * threads call at once, one publishes and the other returns the previous version. */
uint64_t engine_publish(struct engine *engine, uint64_t version, uint64_t (*latest)(void *ctx),
                        void *ctx);
uint64_t engine_avail_version(const struct engine *engine); /* 0: nothing has been published */
/* 2 bits a seat: (seats + 3) / 4 bytes into out. Returns the version of what was copied. */
uint64_t engine_avail_copy(const struct engine *engine, uint8_t *out);

/* What changed after `since`, each seat once with its newest state, ascending. Returns the number,
 * or -1: too old, too many or later than ours, so take the whole picture. *version is what
 * the reader has afterwards, who may have `since` from another process. */
int engine_avail_since(const struct engine *engine, uint64_t since, struct engine_delta *out,
                       uint32_t room, uint64_t *version);
/* Seats as published, areas as of now: out has one entry for each category. */
uint64_t engine_counts(const struct engine *engine, struct engine_count *out);

/* ---- replay ----
 *
 * Single-threaded, on an engine that nobody else uses yet: a recovering owner, a standby that
 * follows, or the committer's shadow from which snapshots are taken. */

/* Between these two: apply and snapshot_read, and nothing that takes or gives back. Before the
 * first change of a fresh event neither is needed. A shadow stays in replay for good. */
void engine_replay_begin(struct engine *engine);
void engine_replay_end(struct engine *engine);

/* Applies a change as the journal has it. A change that does not fit the state is ERR_STATE: then
 * the journal or the plan does not belong to this engine. ERR_NOT_FOUND: from this change on
 * another plan counts; it was not applied. */
int engine_apply(struct engine *engine, const struct change *change, struct err_slot *err);

/* Seats, areas, holds and prices as bytes; no op may be under way (asserted). */
size_t engine_snapshot_size(const struct engine *engine);
size_t engine_snapshot_write(const struct engine *engine, uint8_t *out, size_t room);
/* Into an engine that was just created from the same plan (its hash is checked), or from a
 * correction of it that keeps the seats. */
int engine_snapshot_read(struct engine *engine, const uint8_t *bytes, size_t len,
                         struct err_slot *err);

/* The same for two engines whose seats, holds, areas and prices are the same, however they got
 * there. No op may be under way. */
uint64_t engine_state_hash(const struct engine *engine);

/* ---- counters for /metrics ---- */

struct engine_stats {
    uint64_t row_retries;  /* the row changed while it was being judged */
    uint64_t best_retries; /* a chosen place was lost before it was claimed */
    uint64_t undone;       /* ops that the journal refused */
    uint64_t late_dropped; /* holds that expired while being paid and were not remembered */
    uint32_t holds_used;   /* slots in use */
    uint32_t holds_max;
};

struct engine_stats engine_stats(const struct engine *engine);

#endif
