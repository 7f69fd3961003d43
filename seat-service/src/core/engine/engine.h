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
 * Seats are claimed in phase 1 but freed only by engine_settle(). So between the phases a seat
 * belongs to the buyer who may end up with it, whichever way the journal decides (I1), and no
 * change reaches the journal before the change it depends on is committed. The journal's order is
 * therefore a valid replay order.
 *
 * While an op is under way, other ops on its hold return ENGINE_BUSY. Each op that began with
 * ENGINE_OK must end in exactly one settle or undo, on any thread. ENGINE_SAME means that the
 * request is a repeat: op.change has the earlier result, and there is nothing to journal, settle or
 * undo. */
#ifndef FG_SEAT_CORE_ENGINE_H
#define FG_SEAT_CORE_ENGINE_H

#include "base/err.h"
#include "base/span.h"
#include "core/engine/change.h"
#include "core/engine/verdicts.h"

#include <stdbool.h>
#include <stdint.h>

struct engine;
struct plan; /* plan.h: the hall and the terms of sale, immutable */

struct engine_conf {
    const struct plan *plan; /* borrowed until engine_destroy() */
    uint64_t seed;           /* seeds the spread of best-available and the buyer table's hash */
    uint64_t now_ms;         /* wall clock at the start; the timer wheel begins here */
    /* For a corrected plan: the change from which this plan counts, and the first change that
     * concerns its seats; earlier ones are skipped. 0, 1: the plan as first imported. */
    uint64_t since, base;
    uint32_t places;   /* of the largest hall the journal has had; 0: the plan's */
    uint32_t late_max; /* late holds to remember; 0: LATE_HOLDS_MAX */
};

enum { ENGINE_THREAD_SLOTS_MAX = 64 };

/* Optional: the calling thread claims slot `slot`, 1..ENGINE_THREAD_SLOTS_MAX, which no other
 * thread using the same engines may have at the same time. It then caches the hold slots that it
 * frees and reuses them without contention. 0: the thread gives up its slot. */
void engine_use_thread_slot(unsigned slot);

/* All memory is allocated here; ERR_NOMEM. */
int engine_create(const struct engine_conf *conf, struct err_slot *err, struct engine **out);
void engine_destroy(struct engine *engine);
const struct plan *engine_plan(const struct engine *engine);
/* Seats and standing places, of the plan or of conf.places. */
uint32_t engine_places(const struct engine *engine);

const char *engine_verdict_name(enum engine_verdict verdict); /* "seats-taken", ...: stable codes */

/* An op from begin to settle or undo. The caller owns the memory and must not touch `own`. */
struct engine_op {
    struct change change; /* for the journal, which sets its seq */
    uint32_t searched;    /* work of best available, whatever the verdict (best_pick.work) */

    /* Set with verdicts other than ENGINE_OK. */
    uint32_t seat;
    uint32_t limit, has;
    uint64_t opens_ms;
    uint64_t price; /* the current price of one place */
    uint16_t lost_count;
    uint32_t lost[CHANGE_SEATS_MAX];

    struct {
        uint32_t slot;
        uint8_t phase;
        uint32_t buyer_places; /* counted for the buyer in phase 1 */
        uint32_t quantity_was; /* of an area hold, before the change */
        uint32_t late;         /* late-pool entry of an expiring hold, or 0 */
    } own;
};

/* The buyer of a request. */
struct engine_who {
    uint64_t buyer;    /* hash of the member, or of the session where the pass names none */
    uint64_t session;  /* hash of the admission pass's session; must match for later calls */
    uint32_t channels; /* bit 0, the public, is always set; others: plan_channel_by_code() */
    bool access_need;  /* has stated a need for an accessible seat */
};

enum { ENGINE_AREA_NONE = CHANGE_AREA_NONE, ENGINE_CATEGORY_ANY = 0xff };

struct engine_ask {
    struct engine_who who;
    /* Either seats, */
    const uint32_t *seats; /* indices in plan order; may be unsorted */
    uint32_t seat_count;
    /* or an area, */
    uint16_t area; /* ENGINE_AREA_NONE otherwise */
    /* or the best available of a category. */
    bool best;
    bool adjacent;     /* neighbours or nothing */
    uint8_t category;  /* or ENGINE_CATEGORY_ANY; area categories do not count */
    uint32_t quantity; /* for area and best */
};

enum engine_verdict engine_hold(struct engine *engine, const struct engine_ask *ask,
                                uint64_t now_ms, struct engine_op *op);

struct engine_edit {
    const uint32_t *add;
    uint32_t add_count;
    const uint32_t *remove;
    uint32_t remove_count;
    uint32_t quantity; /* of an area hold: the new number; 0 for holds of seats */
};

/* Adds and removes in one step; the rules apply to the result. Added places must cost the same in
 * the hold's price list as today, otherwise ENGINE_PRICE_CHANGED. */
enum engine_verdict engine_change(struct engine *engine, uint64_t hold,
                                  const struct engine_who *who, const struct engine_edit *edit,
                                  uint64_t now_ms, struct engine_op *op);

/* By the buyer. Returns ENGINE_PAYING if an order has the hold. */
enum engine_verdict engine_release(struct engine *engine, uint64_t hold, uint64_t session,
                                   uint64_t now_ms, struct engine_op *op);

/* The purchase that the order's buyer agreed to: a sale/purchase.h with the hold's lines. */
struct engine_purchase {
    struct span event;
    struct span terms;
    uint64_t fees;
    uint8_t digest[CHANGE_HASH_BYTES];
};

struct engine_order {
    struct span id;                         /* at most CHANGE_TEXT_MAX bytes */
    uint64_t buyer;                         /* becomes the hold's buyer; 0: the buyer stays */
    const struct engine_purchase *purchase; /* NULL: unknown, no comparison */
};

/* For the saga: each call names its order, and may be repeated.
 *
 * Extend: gives the hold to the order and lengthens it by pay_ttl_ms, up to its hard end; once.
 * With a buyer, the hold counts against that buyer's limit instead of the taker's:
 * ENGINE_BUYER_LIMIT. With a purchase, it is compared with the held seats and their price, and
 * stored: ENGINE_DIFFERS. Confirm: sells, even if the order's hold has expired, provided all its
 * seats are still free (op.change.verdict); a digest, if not NULL, is compared with the stored one.
 * Release: before the sale, even for a hold without an order. Refund: after the sale; before it,
 * too, as a release, because an earlier confirm may or may not have succeeded. From release and
 * refund, ENGINE_NO_HOLD means that nothing is left to give back.
 *
 * A partial refund names its seats; for standing places, the caller passes the number to keep.
 * ENGINE_SAME: the hold has none of these seats, or no more places.
 *
 * Giving back is final: after the commit the id is dead for every later owner, too, so a delayed
 * confirm or extend finds no hold. The same goes for a remembered expired hold. */
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

/* By the operator. At most CHANGE_SEATS_MAX seats per call, all or nothing. */
enum engine_verdict engine_block(struct engine *engine, const uint32_t *seats, uint32_t count,
                                 struct span reason, uint64_t now_ms, struct engine_op *op);
enum engine_verdict engine_unblock(struct engine *engine, const uint32_t *seats, uint32_t count,
                                   struct span reason, uint64_t now_ms, struct engine_op *op);
enum engine_verdict engine_block_area(struct engine *engine, uint16_t area, uint32_t quantity,
                                      struct span reason, uint64_t now_ms, struct engine_op *op);
enum engine_verdict engine_unblock_area(struct engine *engine, uint16_t area, uint32_t quantity,
                                        struct span reason, uint64_t now_ms, struct engine_op *op);
/* For the order that bought the hold: replaces from[i] by to[i], at most HOLD_SEATS_MAX, all or
 * nothing; the price stays what was paid. A repeat returns ENGINE_SAME. */
enum engine_verdict engine_move(struct engine *engine, uint64_t hold, struct span order,
                                const uint32_t *from, const uint32_t *to, uint32_t count,
                                uint64_t now_ms, struct engine_op *op);
/* Sets new prices for the categories whose bit is set, for holds taken after the commit; prices[]
 * is by category. One price change at a time, otherwise ENGINE_BUSY. */
enum engine_verdict engine_price(struct engine *engine, uint64_t categories, const uint64_t *prices,
                                 struct span reason, uint64_t now_ms, struct engine_op *op);

/* Expiry: one thread owns the wheel. Each true fills an op to be journaled like any other; call
 * until false. An undone expiry is retried after a second. */
bool engine_expire_next(struct engine *engine, uint64_t now_ms, struct engine_op *op);
/* Until `until_ms` no hold with an order expires: the journal was unavailable, and refused confirms
 * will be retried. A hold that ended before `from_ms` expires anyway. Any thread. */
void engine_spare_orders(struct engine *engine, uint64_t from_ms, uint64_t until_ms);
/* In replay, before the event is owned: an unsold hold that no right clock can have written,
 * because more than `hold_max_s` of it are left (in a corrected event, HOLD_LIFE_MAX_MS), ends
 * `hold_max_s` from now, or at once. The journal keeps the wrong end until then, so each owner that
 * begins earlier counts anew. The other loaders learn of the end by its change. */
void engine_bound_holds(struct engine *engine, uint64_t now_ms, bool at_once);
/* The earliest end of an unsold hold that has seats or places; 0: there is no such hold. Exact if
 * no op is under way. */
uint64_t engine_next_end_ms(const struct engine *engine);

/* The second phase. Never fails. */
void engine_settle(struct engine *engine, struct engine_op *op);
void engine_undo(struct engine *engine, struct engine_op *op);

/* ---- reading; never blocks a writer ---- */

enum engine_seat_state { ENGINE_FREE, ENGINE_HELD, ENGINE_SEAT_SOLD, ENGINE_BLOCKED };

struct engine_seat {
    enum engine_seat_state state;
    uint64_t hold; /* 0: not held */
};

struct engine_seat engine_seat(const struct engine *engine, uint32_t seat);

enum engine_hold_state { ENGINE_HOLD_OPEN, ENGINE_HOLD_SOLD, ENGINE_HOLD_EXPIRED };

struct engine_hold_view {
    enum engine_hold_state state;
    uint32_t version;
    uint64_t buyer, session, order_hash; /* order_hash 0: no order yet */
    uint64_t expires_ms, hard_end_ms, total;
    uint8_t purchase[CHANGE_HASH_BYTES]; /* digest of the order's purchase; zeros: unknown */
    uint16_t price_list;
    uint16_t area;
    uint32_t quantity; /* places in the area, or number of seats */
    uint16_t seat_count;
    uint32_t seats[HOLD_SEATS_MAX]; /* ascending */
    uint8_t paid[HOLD_SEATS_MAX];   /* the category whose price each costs: moves keep it */
};

/* Prefetch what a hold of the seat, and the settling of a change with its response, read. */
void engine_seat_prefetch(const struct engine *engine, uint32_t seat);
void engine_prefetch(const struct engine *engine, const struct change *change);

/* One consistent view. ENGINE_OK, ENGINE_NO_HOLD, or ENGINE_BUSY if it kept changing. */
enum engine_verdict engine_hold_read(const struct engine *engine, uint64_t hold,
                                     struct engine_hold_view *out);
/* The session's next unsold hold that has seats or places, after *hold (0 at first); sets *hold to
 * it. ENGINE_NO_HOLD: no more. Reads two bytes per slot that was ever used. */
enum engine_verdict engine_hold_next(const struct engine *engine, uint64_t session, uint64_t *hold,
                                     struct engine_hold_view *out);

uint64_t engine_price_of(const struct engine *engine, uint16_t price_list, uint8_t category);
uint16_t engine_price_list(const struct engine *engine); /* the newest */
/* The newest prices by category; 0 for unused categories. */
void engine_prices(const struct engine *engine, uint64_t out[PLAN_CATEGORIES_MAX]);

struct engine_area {
    uint32_t capacity, free, held, sold, blocked;
};

struct engine_area engine_area(const struct engine *engine, uint16_t area);

/* Up to ALTERNATIVES_MAX offers of the same size and categories near the lost seats, each of
 * adjacent seats; nothing is held. Returns their number. *searched: as in engine_op. */
struct engine_offer {
    uint32_t seats[HOLD_SEATS_MAX];
    uint32_t count;
    uint64_t total; /* by the newest prices */
};

uint32_t engine_alternatives(struct engine *engine, const struct engine_ask *ask, uint64_t now_ms,
                             struct engine_offer out[ALTERNATIVES_MAX], uint32_t *searched);

/* The seats that best available would take now; nothing is held, and `out` is written only on
 * ENGINE_OK. Rejects as engine_hold() does, except for the buyer's limit. */
enum engine_verdict engine_propose(struct engine *engine, const struct engine_ask *ask,
                                   uint64_t now_ms, struct engine_op *op, struct engine_offer *out);

/* ---- availability ----
 *
 * Writers touch nothing but seat words. engine_publish() publishes a picture of them; any thread
 * may call it as often as it likes, and the service does so every 200 ms. Readers only see
 * pictures. A seat that is claimed but not settled is shown in its previous state. */

struct engine_delta {
    uint32_t seat;
    uint8_t state; /* enum engine_seat_state */
};

struct engine_count {
    uint32_t free, held, sold, blocked;
};

/* All changes of the journal up to number `version` are settled; later ones may be, too, up to the
 * number that `latest` returns, which is called after the seats were read (NULL: none). Unless that
 * version or a later one is already published, makes a picture and appends the changed seats to the
 * ring of deltas. Returns the current version. If two threads call at once, one publishes and the
 * other returns the previous version. */
uint64_t engine_publish(struct engine *engine, uint64_t version, uint64_t (*latest)(void *ctx),
                        void *ctx);
uint64_t engine_avail_version(const struct engine *engine); /* 0: nothing has been published */
/* 2 bits a seat: (seats + 3) / 4 bytes into out. Returns the version copied. */
uint64_t engine_avail_copy(const struct engine *engine, uint8_t *out);

/* The seats that changed after `since`, each once with its newest state, ascending. Returns their
 * number, or -1 if `since` is too old or newer than ours, or too many changed: then take the whole
 * picture. *version is the reader's version afterwards; `since` may come from another process. */
int engine_avail_since(const struct engine *engine, uint64_t since, struct engine_delta *out,
                       uint32_t room, uint64_t *version);
/* Seats as published, areas as of now; out has one entry per category. */
uint64_t engine_counts(const struct engine *engine, struct engine_count *out);
/* Checks whether a category is on sale to buyers of a channel (0: the public). op->opens_ms: when
 * it will be, or 0. */
enum engine_verdict engine_on_sale(const struct engine *engine, uint32_t category, uint32_t channel,
                                   uint64_t now_ms, struct engine_op *op);

/* ---- replay ----
 *
 * Single-threaded, on an engine that nobody else uses yet: a recovering owner, a following standby,
 * or the auditor's shadow from which snapshots are taken. */

/* Between these two only apply and snapshot_read are allowed. A fresh event needs neither before
 * its first change. A shadow stays in replay for good. */
void engine_replay_begin(struct engine *engine);
void engine_replay_end(struct engine *engine);

/* Applies a change from the journal. ERR_STATE: the change does not fit the state, so the journal
 * or the plan does not belong to this engine. ERR_NOT_FOUND: from this change on another plan
 * counts; it was not applied. */
int engine_apply(struct engine *engine, const struct change *change, struct err_slot *err);

/* Seats, areas, holds and prices as bytes; no op may be under way (asserted). */
size_t engine_snapshot_size(const struct engine *engine);
size_t engine_snapshot_write(const struct engine *engine, uint8_t *out, size_t room);
/* Into an engine newly created from the same plan (its hash is checked), or from a correction of it
 * that keeps the seats. */
int engine_snapshot_read(struct engine *engine, const uint8_t *bytes, size_t len,
                         struct err_slot *err);

/* Equal for two engines with the same seats, holds, areas and prices, however they got there. No op
 * may be under way. */
uint64_t engine_state_hash(const struct engine *engine);

/* ---- counters ---- */

struct engine_stats {
    uint64_t best_retries; /* a chosen place was taken before it was claimed */
    uint32_t holds_used;   /* slots in use */
};

struct engine_stats engine_stats(const struct engine *engine);

#endif
