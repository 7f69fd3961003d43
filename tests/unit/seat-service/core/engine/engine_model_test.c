/* engine_model_test.c: random histories of the engine, compared with a plain model of it.
 *
 * The hall has four rows of sixteen seats, so that a set of seats is one 64-bit number and the
 * model can afford to be naive: loops where the engine shifts, a scan of everything where it keeps
 * counts. Ops stay uncommitted for a while and end in a commit or an undo. A follower replays each
 * committed change from its bytes: it refuses altered changes without a trace, and has the owner's
 * state whenever no op is uncommitted. Now and then the follower, or a reader of its snapshot,
 * becomes the owner. */
#include "test_hall.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 4, ROW = 16, SEATS = ROWS * ROW, PLACES = 30, BUYERS = 6, HOLDS = 4096, PENDING = 4 };

struct model_hold {
    uint64_t id, seats, expires_ms, hard_end_ms;
    uint32_t places;         /* in the area */
    uint32_t buyer, session; /* the buyer changes when an order hands the hold over */
    unsigned order;          /* 0: none */
    bool busy;
    enum { OPEN, SOLD, LATE, DEAD } status;
};

struct pending {
    struct engine_op op;
    int hold;         /* of the model, or -1 */
    uint64_t claimed; /* seats */
};

struct world {
    struct plan *plan;
    struct engine *engine, *follower;
    uint32_t late_max;
    struct rng_seeded rng;
    struct plan_limits limits;
    uint64_t now_ms;
    /* the model */
    uint64_t free, blocked;
    uint32_t places_free, places_blocked;
    struct model_hold holds[HOLDS];
    int hold_count;
    struct pending pending[PENDING];
    int pending_count;
    uint64_t seq;
    unsigned refused; /* altered changes that the follower refused */
};

static uint32_t roll(struct world *w, uint32_t below)
{
    return (uint32_t)rng_below(&w->rng.rng, below);
}

/* ---- the naive rules ---- */

static bool is_single(uint64_t free, uint32_t seat)
{
    uint32_t pos = seat % ROW;
    bool left = pos > 0 && (free >> (seat - 1) & 1);
    bool right = pos < ROW - 1 && (free >> (seat + 1) & 1);
    return (free >> seat & 1) && !left && !right;
}

static bool leaves_single(uint64_t before, uint64_t after)
{
    for (uint32_t s = 0; s < SEATS; s++)
        if (is_single(after, s) && !is_single(before, s))
            return true;
    return false;
}

static uint64_t window(uint32_t first, uint32_t n)
{
    return (n == 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1) << first;
}

/* The cost of the best n neighbours, or -1. */
static float best_window(const struct world *w, uint32_t n, bool orphans)
{
    float lowest = -1;
    for (uint32_t s = 0; s < SEATS; s++) {
        if (s % ROW + n > ROW || (w->free & window(s, n)) != window(s, n))
            continue;
        if (!orphans && w->limits.orphan_rule && leaves_single(w->free, w->free & ~window(s, n)))
            continue;
        float x = (float)(s % ROW) - ROW / 2.0F + (float)(n - 1) / 2, y = (float)(s / ROW);
        float fx = 0, fy = -1;
        float cost = (x - fx) * (x - fx) + (y - fy) * (y - fy);
        if (lowest < 0 || cost < lowest)
            lowest = cost;
    }
    return lowest;
}

/* Seats and places that count for a buyer: held, sold, and claimed by what is under way. */
static uint32_t buyer_has(const struct world *w, uint32_t buyer)
{
    uint32_t has = 0;
    for (int i = 0; i < w->hold_count; i++) {
        const struct model_hold *hold = &w->holds[i];
        if (hold->buyer == buyer && (hold->status == OPEN || hold->status == SOLD))
            has += (uint32_t)__builtin_popcountll(hold->seats) + hold->places;
    }
    for (int i = 0; i < w->pending_count; i++) {
        const struct pending *p = &w->pending[i];
        if (p->op.change.buyer == buyer)
            has += p->op.own.buyer_places;
    }
    return has;
}

static uint32_t list(uint64_t seats, uint32_t *out)
{
    uint32_t count = 0;
    for (uint32_t s = 0; s < SEATS; s++)
        if (seats >> s & 1)
            out[count++] = s;
    return count;
}

static uint64_t some_seats(struct world *w, uint32_t most)
{
    uint64_t seats = 0;
    uint32_t n = 1 + roll(w, most);
    uint32_t first = roll(w, SEATS);
    for (uint32_t i = 0; i < n; i++)
        seats |= UINT64_C(1) << (roll(w, 8) == 0 ? roll(w, SEATS) : (first + i) % SEATS);
    return seats;
}

/* ---- checks ---- */

static void check_state(const struct world *w)
{
    uint64_t held = 0, sold = 0;
    uint32_t places_held = 0, places_sold = 0;
    for (int i = 0; i < w->hold_count; i++) {
        const struct model_hold *hold = &w->holds[i];
        if (hold->status == OPEN) {
            held |= hold->seats;
            places_held += hold->places;
        } else if (hold->status == SOLD) {
            sold |= hold->seats;
            places_sold += hold->places;
        }
    }
    for (uint32_t s = 0; s < SEATS; s++) {
        enum engine_seat_state state = engine_seat(w->engine, s).state;
        bool free = w->free >> s & 1;
        assert_int_equal(state == ENGINE_FREE, free);
        if (sold >> s & 1)
            assert_int_equal(state, ENGINE_SEAT_SOLD);
        if (held >> s & 1)
            assert_int_equal(state, ENGINE_HELD);
    }
    struct engine_area area = engine_area(w->engine, 0);
    assert_int_equal(area.free, w->places_free);
    assert_int_equal(area.sold, places_sold);
    assert_true(area.held >= places_held);
}

static void expect_at(enum engine_verdict got, enum engine_verdict want, int line)
{
    if (got != want)
        fail_msg("line %d: %s instead of %s", line, engine_verdict_name(got),
                 engine_verdict_name(want));
}

#define expect(got, want) expect_at(got, want, __LINE__)

static void begun(struct world *w, int hold, uint64_t claimed)
{
    struct pending *p = &w->pending[w->pending_count++];
    p->hold = hold;
    p->claimed = claimed;
    w->free &= ~claimed;
    if (hold >= 0)
        w->holds[hold].busy = true;
}

/* ---- steps: each calls the engine, checks its verdict, and follows ---- */

static void step_hold(struct world *w, struct engine_op *op)
{
    uint32_t seats[SEATS];
    uint64_t wanted = some_seats(w, 5);
    uint32_t n = list(wanted, seats);
    uint32_t buyer = 1 + roll(w, BUYERS);
    struct engine_ask ask = test_ask_seats(buyer, seats, n);
    enum engine_verdict verdict = engine_hold(w->engine, &ask, w->now_ms, op);
    if ((w->free & wanted) != wanted) {
        expect(verdict, ENGINE_TAKEN);
        assert_int_equal(op->lost_count, __builtin_popcountll(wanted & ~w->free));
    } else if (w->limits.max_per_buyer != 0 && buyer_has(w, buyer) + n > w->limits.max_per_buyer) {
        expect(verdict, ENGINE_BUYER_LIMIT);
    } else if (w->limits.orphan_rule && leaves_single(w->free, w->free & ~wanted)) {
        if (best_window(w, n, false) >= 0) {
            expect(verdict, ENGINE_ORPHAN);
        } else {
            expect(verdict, ENGINE_OK);
            assert_true(op->change.flags & CHANGE_FLAG_LAST_RESORT);
            begun(w, -1, wanted);
        }
    } else {
        expect(verdict, ENGINE_OK);
        assert_false(op->change.flags & CHANGE_FLAG_LAST_RESORT);
        begun(w, -1, wanted);
    }
}

static void step_best(struct world *w, struct engine_op *op)
{
    uint32_t n = 1 + roll(w, 6), buyer = 1 + roll(w, BUYERS);
    struct engine_ask ask = test_ask_best(buyer, 0, n, roll(w, 2));
    float legal = best_window(w, n, false), any = best_window(w, n, true);
    enum engine_verdict verdict = engine_hold(w->engine, &ask, w->now_ms, op);
    if (w->limits.max_per_buyer != 0 && buyer_has(w, buyer) + n > w->limits.max_per_buyer) {
        expect(verdict, ENGINE_BUYER_LIMIT);
        return;
    }
    if (verdict == ENGINE_SOLD_OUT) {
        assert_true(any < 0);
        assert_true(ask.adjacent || (uint32_t)__builtin_popcountll(w->free) < n);
        return;
    }
    expect(verdict, ENGINE_OK);
    uint64_t got = 0;
    float x = 0, y = 0;
    for (uint32_t i = 0; i < op->change.add_count; i++) {
        uint32_t s = op->change.seats[i];
        got |= UINT64_C(1) << s;
        x += ((float)(s % ROW) - ROW / 2.0F) / (float)n;
        y += (float)(s / ROW) / (float)n;
    }
    assert_int_equal(__builtin_popcountll(got), n);
    assert_int_equal(got & ~w->free, 0);
    bool single = w->limits.orphan_rule && leaves_single(w->free, w->free & ~got);
    assert_int_equal((op->change.flags & CHANGE_FLAG_ORPHAN) != 0, single);
    if (any >= 0) { /* neighbours if there are any, and the nearest; without a single seat if so */
        assert_true(op->change.flags & CHANGE_FLAG_ADJACENT);
        float cost = x * x + (y + 1) * (y + 1), want = legal >= 0 ? legal : any;
        assert_true(cost <= want + 0.01F && cost >= want - 0.01F);
        assert_int_equal(single, legal < 0);
    }
    begun(w, -1, got);
}

static void step_area(struct world *w, struct engine_op *op)
{
    uint32_t n = 1 + roll(w, 8), buyer = 1 + roll(w, BUYERS);
    struct engine_ask ask = test_ask_area(buyer, n);
    enum engine_verdict verdict = engine_hold(w->engine, &ask, w->now_ms, op);
    if (w->limits.max_per_buyer != 0 && buyer_has(w, buyer) + n > w->limits.max_per_buyer) {
        expect(verdict, ENGINE_BUYER_LIMIT);
    } else if (n > w->places_free) {
        expect(verdict, ENGINE_SOLD_OUT);
    } else {
        expect(verdict, ENGINE_OK);
        w->places_free -= n;
        begun(w, -1, 0);
    }
}

static void step_block(struct world *w, struct engine_op *op)
{
    uint32_t seats[SEATS];
    uint64_t wanted = some_seats(w, 3);
    uint32_t n = list(wanted, seats);
    if (roll(w, 2)) {
        enum engine_verdict verdict =
            engine_block(w->engine, seats, n, SPAN("test"), w->now_ms, op);
        expect(verdict, (w->free & wanted) == wanted ? ENGINE_OK : ENGINE_TAKEN);
        if (verdict == ENGINE_OK)
            begun(w, -1, wanted);
        return;
    }
    wanted = w->blocked & (wanted | w->blocked >> 1);
    n = list(wanted, seats);
    if (n == 0)
        return;
    expect(engine_unblock(w->engine, seats, n, SPAN("test"), w->now_ms, op), ENGINE_OK);
    w->blocked &= ~wanted;
    begun(w, -1, 0);
}

static void step_change(struct world *w, struct engine_op *op, int h)
{
    struct model_hold *hold = &w->holds[h];
    uint32_t add[SEATS], remove[SEATS];
    uint64_t adds = some_seats(w, 3) & ~hold->seats;
    uint64_t removes = hold->seats & some_seats(w, 30);
    struct engine_edit edit = {.add = add, .remove = remove};
    struct engine_who who = test_who(hold->session);
    if (hold->places > 0)
        edit.quantity = 1 + roll(w, 8);
    else
        edit.add_count = list(adds, add), edit.remove_count = list(removes, remove);
    uint32_t n = (uint32_t)__builtin_popcountll((hold->seats & ~removes) | adds);
    enum engine_verdict verdict = engine_change(w->engine, hold->id, &who, &edit, w->now_ms, op);
    if (hold->busy)
        expect(verdict, ENGINE_BUSY);
    else if (hold->status == DEAD)
        expect(verdict, ENGINE_NO_HOLD);
    else if (hold->status == SOLD)
        expect(verdict, ENGINE_SOLD);
    else if (hold->status == LATE || w->now_ms >= hold->expires_ms)
        expect(verdict, ENGINE_EXPIRED);
    else if (hold->order != 0)
        expect(verdict, ENGINE_PAYING);
    else if (hold->places > 0) {
        uint32_t more = edit.quantity > hold->places ? edit.quantity - hold->places : 0;
        if (w->limits.max_per_buyer != 0 && more > 0 &&
            buyer_has(w, hold->buyer) + more > w->limits.max_per_buyer)
            expect(verdict, ENGINE_BUYER_LIMIT);
        else
            expect(verdict, more <= w->places_free ? ENGINE_OK : ENGINE_SOLD_OUT);
        if (verdict == ENGINE_OK) {
            w->places_free -= more;
            begun(w, h, 0);
        }
    } else if (n == 0 || (adds | removes) == 0)
        expect(verdict, ENGINE_NO_SEATS);
    else if (n > w->limits.max_per_hold)
        expect(verdict, ENGINE_TOO_MANY);
    else if (adds & ~w->free)
        expect(verdict, ENGINE_TAKEN);
    else if (w->limits.max_per_buyer != 0 && n > (uint32_t)__builtin_popcountll(hold->seats) &&
             buyer_has(w, hold->buyer) + n - (uint32_t)__builtin_popcountll(hold->seats) >
                 w->limits.max_per_buyer)
        expect(verdict, ENGINE_BUYER_LIMIT);
    else {
        /* Rows that the hold and its change do not touch do not differ. */
        uint64_t before = w->free | hold->seats;
        uint64_t after = before & ~((hold->seats & ~removes) | adds);
        bool refused =
            w->limits.orphan_rule && leaves_single(before, after) && best_window(w, n, false) >= 0;
        expect(verdict, refused ? ENGINE_ORPHAN : ENGINE_OK);
        if (!refused)
            begun(w, h, adds);
    }
}

static void step_release(struct world *w, struct engine_op *op, int h)
{
    struct model_hold *hold = &w->holds[h];
    enum engine_verdict verdict = engine_release(w->engine, hold->id, hold->session, w->now_ms, op);
    if (hold->busy)
        expect(verdict, ENGINE_BUSY);
    else if (hold->status == DEAD)
        expect(verdict, ENGINE_NO_HOLD);
    else if (hold->status == SOLD)
        expect(verdict, ENGINE_SOLD);
    else if (hold->status == LATE || w->now_ms >= hold->expires_ms)
        expect(verdict, ENGINE_EXPIRED);
    else if (hold->order != 0)
        expect(verdict, ENGINE_PAYING);
    else {
        expect(verdict, ENGINE_OK);
        begun(w, h, 0);
    }
}

static struct span order_name(unsigned order)
{
    static const char *const names[] = {"none", "order-1", "order-2", "order-3"};
    return span_of(names[order]);
}

static void step_extend(struct world *w, struct engine_op *op, int h)
{
    struct model_hold *hold = &w->holds[h];
    unsigned order = 1 + roll(w, 3);
    uint32_t to = roll(w, 2) ? 1 + roll(w, BUYERS) : 0;
    uint32_t size = hold->places + (uint32_t)__builtin_popcountll(hold->seats);
    bool too_many = to != 0 && to != hold->buyer && w->limits.max_per_buyer != 0 &&
                    buyer_has(w, to) + size > w->limits.max_per_buyer;
    enum engine_verdict verdict = engine_extend(
        w->engine, hold->id, &(struct engine_order){.id = order_name(order), .buyer = to}, 200000,
        w->now_ms, op);
    if (hold->busy)
        expect(verdict, ENGINE_BUSY);
    else if (hold->status == DEAD)
        expect(verdict, ENGINE_NO_HOLD);
    else if (hold->order != 0 && hold->order != order)
        expect(verdict, ENGINE_OTHER_ORDER);
    else if (hold->status == LATE)
        expect(verdict, ENGINE_EXPIRED);
    else if (hold->order == order)
        expect(verdict, ENGINE_SAME);
    else if (w->now_ms >= hold->expires_ms)
        expect(verdict, ENGINE_EXPIRED);
    else if (too_many)
        expect(verdict, ENGINE_BUYER_LIMIT);
    else {
        expect(verdict, ENGINE_OK);
        begun(w, h, 0);
    }
}

static void step_confirm(struct world *w, struct engine_op *op, int h)
{
    struct model_hold *hold = &w->holds[h];
    unsigned order = roll(w, 4) ? hold->order : 1 + roll(w, 3);
    enum engine_verdict verdict =
        engine_confirm(w->engine, hold->id, order_name(order), NULL, w->now_ms, op);
    if (hold->busy)
        expect(verdict, ENGINE_BUSY);
    else if (hold->status == DEAD)
        expect(verdict, ENGINE_NO_HOLD);
    else if (hold->order == 0)
        expect(verdict, ENGINE_NO_ORDER);
    else if (hold->order != order)
        expect(verdict, ENGINE_OTHER_ORDER);
    else if (hold->status == SOLD)
        expect(verdict, ENGINE_SAME);
    else if (hold->status == OPEN) {
        expect(verdict, ENGINE_OK);
        assert_int_equal(op->change.verdict, CHANGE_VERDICT_CONFIRMED);
        begun(w, h, 0);
    } else if ((hold->seats & ~w->free) || hold->places > w->places_free)
        expect(verdict, ENGINE_GONE);
    else {
        expect(verdict, ENGINE_OK);
        assert_int_equal(op->change.verdict, CHANGE_VERDICT_RETAKEN);
        w->places_free -= hold->places;
        begun(w, h, hold->seats);
    }
}

/* Refund, or release: they differ where the hold is sold. */
static void step_give_back(struct world *w, struct engine_op *op, int h)
{
    struct model_hold *hold = &w->holds[h];
    unsigned order = roll(w, 4) && hold->order != 0 ? hold->order : 1 + roll(w, 3);
    bool refund = roll(w, 2);
    enum engine_verdict verdict = (refund ? engine_refund : engine_order_release)(
        w->engine, hold->id, order_name(order), w->now_ms, op);
    if (hold->busy)
        expect(verdict, ENGINE_BUSY);
    else if (hold->status == DEAD)
        expect(verdict, ENGINE_NO_HOLD);
    else if (hold->order != 0 && hold->order != order)
        expect(verdict, ENGINE_OTHER_ORDER);
    else if (hold->order == 0 && refund)
        expect(verdict, ENGINE_NO_ORDER);
    else if (hold->status == SOLD && !refund)
        expect(verdict, ENGINE_SOLD);
    else {
        expect(verdict, ENGINE_OK);
        assert_int_equal(op->change.kind, hold->status == SOLD   ? CHANGE_REFUNDED
                                          : hold->status == OPEN ? CHANGE_RELEASED
                                                                 : CHANGE_FORGOTTEN);
        begun(w, h, 0);
    }
}

static void step_move(struct world *w, struct engine_op *op, int h)
{
    struct model_hold *hold = &w->holds[h];
    uint32_t from[SEATS], to[SEATS];
    if (hold->status != SOLD || hold->busy || hold->places > 0)
        return;
    list(hold->seats, from);
    to[0] = roll(w, SEATS);
    enum engine_verdict verdict =
        engine_move(w->engine, hold->id, order_name(hold->order), from, to, 1, w->now_ms, op);
    bool free = w->free >> to[0] & 1;
    expect(verdict, free ? ENGINE_OK : ENGINE_TAKEN);
    if (free)
        begun(w, h, UINT64_C(1) << to[0]);
}

static void step_expire(struct world *w, struct engine_op *op)
{
    if (!engine_expire_next(w->engine, w->now_ms, op))
        return;
    for (int i = 0; i < w->hold_count; i++)
        if (w->holds[i].id == op->change.hold && w->holds[i].status != DEAD) {
            assert_int_equal(w->holds[i].status, op->change.kind == CHANGE_FORGOTTEN ? LATE : OPEN);
            assert_false(w->holds[i].busy);
            assert_true(w->now_ms >= w->holds[i].expires_ms);
            begun(w, i, 0);
            return;
        }
    fail_msg("what expired was no open hold");
}

/* ---- the follower ---- */

static struct engine *make_engine(const struct world *w)
{
    struct engine_conf conf = {
        .plan = w->plan, .seed = 7, .now_ms = TEST_NOW_MS, .late_max = w->late_max};
    struct engine *engine;
    assert_int_equal(engine_create(&conf, NULL, &engine), 0);
    return engine;
}

static uint8_t *written(const struct engine *engine, size_t *len)
{
    size_t room = engine_snapshot_size(engine);
    uint8_t *bytes = malloc(room);
    *len = engine_snapshot_write(engine, bytes, room);
    return bytes;
}

static struct engine *read_back(const struct world *w, const uint8_t *bytes, size_t len)
{
    struct engine *engine = make_engine(w);
    struct err_slot err = {.text = ""};
    engine_replay_begin(engine);
    int rc = engine_snapshot_read(engine, bytes, len, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(rc, 0);
    return engine;
}

static void apply(struct engine *engine, const uint8_t *bytes, size_t len)
{
    struct change change;
    struct err_slot err = {.text = ""};
    int rc = change_decode(bytes, len, &err, &change);
    if (rc == 0)
        rc = engine_apply(engine, &change, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(rc, 0);
}

/* The change that comes next with a wrong byte, or of another life of some hold. */
static void try_altered(struct world *w, const uint8_t *bytes, size_t len)
{
    struct change wrong;
    struct err_slot err;
    uint8_t altered[CHANGE_BYTES_MAX];
    size_t before_len, after_len;
    memcpy(altered, bytes, len);
    if (roll(w, 3) > 0)
        altered[roll(w, (uint32_t)len)] = (uint8_t)roll(w, 256);
    if (change_decode(altered, len, &err, &wrong) < 0)
        return;
    if (w->hold_count > 0 && roll(w, 2) == 0)
        wrong.hold = w->holds[roll(w, (uint32_t)w->hold_count)].id + ((uint64_t)roll(w, 3) << 24);
    uint64_t hash = engine_state_hash(w->follower);
    uint8_t *before = written(w->follower, &before_len);
    if (engine_apply(w->follower, &wrong, &err) == 0) { /* it fits, and is another history */
        engine_destroy(w->follower);
        w->follower = read_back(w, before, before_len);
    } else {
        uint8_t *after = written(w->follower, &after_len);
        assert_int_equal(after_len, before_len);
        assert_memory_equal(after, before, before_len);
        free(after);
        w->refused++;
    }
    assert_int_equal(engine_state_hash(w->follower), hash);
    free(before);
}

static void take_over(struct world *w)
{
    size_t len;
    uint8_t *bytes = written(w->follower, &len);
    struct engine *next = read_back(w, bytes, len);
    engine_destroy(w->engine);
    bool by_snapshot = roll(w, 2);
    w->engine = by_snapshot ? next : w->follower;
    w->follower = by_snapshot ? w->follower : next;
    engine_replay_end(w->engine);
    free(bytes);
}

/* ---- ends of ops ---- */

static void undo(struct world *w, struct pending *p)
{
    const struct change *change = &p->op.change;
    engine_undo(w->engine, &p->op);
    w->free |= p->claimed;
    if (change->kind == CHANGE_UNBLOCKED)
        for (uint32_t i = 0; i < change->remove_count; i++)
            w->blocked |= UINT64_C(1) << change->seats[i];
    if (p->hold >= 0)
        w->holds[p->hold].busy = false;
    if (change->area == CHANGE_AREA_NONE)
        return;
    uint32_t was = p->hold >= 0 ? w->holds[p->hold].places : 0;
    if (change->kind == CHANGE_TAKEN)
        w->places_free += change->quantity;
    if (change->kind == CHANGE_CHANGED && change->quantity > was)
        w->places_free += change->quantity - was;
    if (change->kind == CHANGE_CONFIRMED && change->verdict == CHANGE_VERDICT_RETAKEN)
        w->places_free += was;
}

static uint64_t set_of(const uint32_t *seats, uint32_t count)
{
    uint64_t set = 0;
    for (uint32_t i = 0; i < count; i++)
        set |= UINT64_C(1) << seats[i];
    return set;
}

static void follow(struct world *w, const struct change *change, struct model_hold *hold)
{
    uint64_t added = set_of(change->seats, change->add_count);
    uint64_t removed = set_of(change->seats + change->add_count, change->remove_count);
    uint32_t was = hold != NULL ? hold->places : 0;
    switch ((enum change_kind)change->kind) {
    case CHANGE_TAKEN:
        w->holds[w->hold_count++] = (struct model_hold){.id = change->hold,
                                                        .seats = added,
                                                        .places = change->quantity,
                                                        .buyer = (uint32_t)change->buyer,
                                                        .session = (uint32_t)change->session,
                                                        .expires_ms = change->expires_ms,
                                                        .hard_end_ms = change->hard_end_ms};
        break;
    case CHANGE_CHANGED:
        hold->seats = (hold->seats | added) & ~removed;
        w->free |= removed;
        if (change->quantity < was)
            w->places_free += was - change->quantity;
        hold->places = change->quantity;
        break;
    case CHANGE_MOVED:
        hold->seats = (hold->seats | added) & ~removed;
        w->free |= removed;
        break;
    case CHANGE_EXTENDED:
        for (hold->order = 1; !span_eq(order_name(hold->order), span_of(change->text));)
            hold->order++;
        hold->buyer = (uint32_t)change->buyer;
        hold->expires_ms = change->expires_ms;
        break;
    case CHANGE_RELEASED:
    case CHANGE_REFUNDED:
    case CHANGE_EXPIRED:
    case CHANGE_LATE:
        w->free |= hold->seats;
        w->places_free += hold->places;
        if (change->kind == CHANGE_EXPIRED || change->kind == CHANGE_LATE)
            assert_int_equal(change->kind == CHANGE_LATE, hold->order != 0);
        hold->status = change->flags & CHANGE_FLAG_REMEMBERED ? LATE : DEAD;
        hold->expires_ms = change->at_ms + LATE_KEEP_MS;
        break;
    case CHANGE_FORGOTTEN:
        hold->status = DEAD;
        break;
    case CHANGE_CONFIRMED:
        hold->status = SOLD;
        break;
    case CHANGE_BLOCKED:
        w->blocked |= added;
        break;
    case CHANGE_UNBLOCKED:
        w->free |= removed;
        break;
    default:
        fail();
    }
}

static void end_op(struct world *w, int which)
{
    struct pending p = w->pending[which];
    w->pending[which] = w->pending[--w->pending_count];
    if (roll(w, 6) == 0) {
        undo(w, &p);
        return;
    }
    uint8_t bytes[CHANGE_BYTES_MAX];
    p.op.change.seq = ++w->seq;
    size_t len = change_encode(&p.op.change, bytes);
    if (roll(w, 4) == 0)
        try_altered(w, bytes, len);
    apply(w->follower, bytes, len);
    engine_settle(w->engine, &p.op);
    if (p.hold >= 0)
        w->holds[p.hold].busy = false;
    follow(w, &p.op.change, p.hold >= 0 ? &w->holds[p.hold] : NULL);
}

/* ---- a life ---- */

static void step(struct world *w)
{
    struct engine_op *op = &w->pending[w->pending_count].op;
    int h =
        w->hold_count > 0
            ? w->hold_count - 1 - (int)roll(w, (uint32_t)(w->hold_count < 12 ? w->hold_count : 12))
            : -1;
    uint32_t what = roll(w, h >= 0 ? 18 : 5);
    w->now_ms += roll(w, 150) == 0 ? roll(w, 3 * 3600 * 1000) : roll(w, 20000);
    switch (what) {
    case 0:
    case 1:
    case 2:
        step_hold(w, op);
        break;
    case 3:
        step_best(w, op);
        break;
    case 4:
        step_area(w, op);
        break;
    case 5:
        step_block(w, op);
        break;
    case 6:
    case 7:
        step_change(w, op, h);
        break;
    case 8:
    case 9:
        step_release(w, op, h);
        break;
    case 10:
    case 11:
        step_extend(w, op, h);
        break;
    case 12:
    case 13:
        step_confirm(w, op, h);
        break;
    case 14:
        step_give_back(w, op, h);
        break;
    case 15:
        step_move(w, op, h);
        break;
    default:
        step_expire(w, op);
        break;
    }
}

static unsigned live(uint64_t seed, unsigned steps)
{
    struct world *w = calloc(1, sizeof(*w));
    rng_seeded_init(&w->rng, seed);
    w->limits = test_limits();
    w->limits.orphan_rule = seed & 1;
    w->limits.max_per_buyer = seed & 2 ? 12 : 0;
    w->late_max = seed & 4 ? 1 + (uint32_t)(seed % 4) : 100;
    w->plan = test_hall_block(ROWS, ROW, w->limits, PLACES);
    w->engine = make_engine(w);
    w->follower = make_engine(w);
    engine_replay_begin(w->follower);
    w->now_ms = TEST_NOW_MS;
    w->free = ~UINT64_C(0);
    w->places_free = PLACES;
    for (unsigned i = 0; i < steps && w->hold_count < HOLDS; i++) {
        step(w);
        while (w->pending_count > 0 && (i % 97 == 96 || w->pending_count == PENDING || roll(w, 2)))
            end_op(w, (int)roll(w, (uint32_t)w->pending_count));
        check_state(w);
        if (w->pending_count == 0)
            assert_int_equal(engine_state_hash(w->follower), engine_state_hash(w->engine));
        if (i % 97 == 96)
            take_over(w);
    }
    while (w->pending_count > 0)
        end_op(w, 0);
    unsigned refused = w->refused;
    engine_destroy(w->engine);
    engine_destroy(w->follower);
    plan_destroy(w->plan);
    free(w);
    return refused;
}

static void random_histories_agree_with_the_model_and_with_their_replay(void **state)
{
    (void)state;
    const char *more = getenv("FAIRGATE_TEST_ROUNDS");
    uint64_t seed = unit_seed();
    unsigned rounds = more != NULL ? (unsigned)strtoul(more, NULL, 10) : 40;
    unsigned refused = 0;
    for (unsigned i = 0; i < rounds; i++)
        refused += live(seed + i, 600);
    assert_true(refused > rounds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_histories_agree_with_the_model_and_with_their_replay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
