/* engine_model_test.c: random histories of the engine, compared with a plain model of it.
 *
 * The hall has four rows of sixteen seats, so a set of seats is one 64-bit number and the model can
 * afford to be naive: it loops where the engine shifts and scans everything where the engine keeps
 * counts. Ops stay uncommitted for a while and end in a commit or an undo. A follower replays each
 * committed change from its bytes. It must refuse altered changes without a trace, and have the
 * owner's state whenever no op is uncommitted. Sometimes the follower, or a reader of its snapshot,
 * becomes the owner. */
#include "one_change.h"
#include "test_hall.h"
#include "unit.h"

enum { ROWS = 4, ROW = 16, SEATS = ROWS * ROW, PLACES = 30, BUYERS = 6, HOLDS = 4096, PENDING = 4 };
enum { CHANNELS = 3 };

/* Every other hall has seats of a channel. */
static const char *const kept_rows[] = {"2aaaaa22aaa2aaaa", "aaaaaaaa2aaaaaaa", "22222aaa2a2aa2aa",
                                        "aaaaaaaaaaaaaaaa", NULL};

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
    struct model_hold *hold; /* NULL: no hold of the model */
    uint64_t claimed;        /* seats */
};

struct world {
    struct plan *plan;
    struct engine *engine, *follower;
    uint32_t late_max;
    struct rng_seeded rng;
    struct plan_limits limits;
    uint64_t now_ms;
    /* the model */
    uint64_t kept; /* seats of a channel that all buyers here have */
    uint64_t free, blocked;
    uint32_t places_free;
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

static bool is_single(const struct world *w, uint64_t free, uint32_t seat)
{
    uint64_t alike = free & (w->kept >> seat & 1 ? w->kept : ~w->kept);
    uint32_t pos = seat % ROW;
    bool left = pos > 0 && (alike >> (seat - 1) & 1);
    bool right = pos < ROW - 1 && (alike >> (seat + 1) & 1);
    return (free >> seat & 1) && !left && !right;
}

static bool leaves_single(const struct world *w, uint64_t before, uint64_t after)
{
    for (uint32_t s = 0; s < SEATS; s++)
        if (is_single(w, after, s) && !is_single(w, before, s))
            return true;
    return false;
}

/* The seats of an unsold hold, plus those that any hold is about to get, which an undo frees. */
static uint64_t unsold(const struct world *w, const struct model_hold *hold)
{
    uint64_t seats = hold->status == OPEN ? hold->seats : 0;
    for (int i = 0; i < w->pending_count; i++)
        if (w->pending[i].hold == hold)
            seats |= w->pending[i].claimed;
    return seats;
}

/* Would the change leave a seat single, now or after another hold of the visit is given back?
 * `own`: the hold that takes and gives, or NULL. */
static bool breaks_rule(const struct world *w, uint32_t session, const struct model_hold *own,
                        uint64_t adds, uint64_t removes)
{
    uint64_t had = own != NULL ? own->seats : 0, before = w->free | had;
    bool breaks = leaves_single(w, before, before & ~((had & ~removes) | adds));
    uint64_t back[HOLDS + PENDING];
    int count = 0;
    for (int i = 0; i < w->hold_count; i++)
        if (&w->holds[i] != own && w->holds[i].session == session)
            back[count++] = unsold(w, &w->holds[i]);
    for (int i = 0; i < w->pending_count; i++)
        if (w->pending[i].hold == NULL && w->pending[i].op.change.session == session)
            back[count++] = w->pending[i].claimed;
    for (int i = 0; i < count; i++)
        for (uint64_t rest = back[i]; rest != 0; rest &= rest - 1) {
            uint32_t s = (uint32_t)__builtin_ctzll(rest);
            uint64_t free = w->free | back[i];
            breaks |= is_single(w, (free | removes) & ~adds, s) && !is_single(w, free, s);
        }
    return breaks && w->limits.orphan_rule;
}

static uint64_t window(uint32_t first, uint32_t n)
{
    return (n == 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1) << first;
}

/* The cost of the best n neighbours for a visit, or -1; visit 0 ignores the rule. */
static float best_window(const struct world *w, uint32_t n, uint32_t session)
{
    float lowest = -1;
    for (uint32_t s = 0; s < SEATS; s++) {
        if (s % ROW + n > ROW || (w->free & window(s, n)) != window(s, n))
            continue;
        if (session != 0 && breaks_rule(w, session, NULL, window(s, n), 0))
            continue;
        float x = (float)(s % ROW) - ROW / 2.0F + (float)(n - 1) / 2, y = (float)(s / ROW);
        float fx = 0, fy = -1;
        float cost = (x - fx) * (x - fx) + (y - fy) * (y - fy);
        if (lowest < 0 || cost < lowest)
            lowest = cost;
    }
    return lowest;
}

static uint32_t size_of(uint64_t seats)
{
    return (uint32_t)__builtin_popcountll(seats);
}

static uint64_t set_of(const uint32_t *seats, uint32_t count)
{
    uint64_t set = 0;
    for (uint32_t i = 0; i < count; i++)
        set |= UINT64_C(1) << seats[i];
    return set;
}

static bool is_window(uint64_t seats)
{
    uint32_t first = (uint32_t)__builtin_ctzll(seats), n = size_of(seats);
    return first % ROW + n <= ROW && seats == window(first, n);
}

/* Does best available find better seats than these, which leave one single? */
static bool is_outdone(const struct world *w, uint32_t session, uint64_t seats)
{
    uint32_t n = size_of(seats);
    struct engine_ask ask = test_ask_best(session, 0, n, false);
    struct engine_op op;
    struct engine_offer offer;
    ask.who.channels = CHANNELS;
    if (engine_propose(w->engine, &ask, w->now_ms, &op, &offer) != ENGINE_OK) {
        assert_true(size_of(w->free) < n);
        return false;
    }
    uint64_t better = set_of(offer.seats, offer.count);
    bool single = breaks_rule(w, session, NULL, better, 0);
    assert_true(best_window(w, n, session) < 0 || (is_window(better) && !single));
    return is_window(seats) ? is_window(better) && !single : is_window(better) || !single;
}

/* Seats and places that count for a buyer: held, sold, or claimed by a pending op. */
static uint32_t buyer_has(const struct world *w, uint32_t buyer)
{
    uint32_t has = 0;
    for (int i = 0; i < w->hold_count; i++) {
        const struct model_hold *hold = &w->holds[i];
        if (hold->buyer == buyer && (hold->status == OPEN || hold->status == SOLD))
            has += size_of(hold->seats) + hold->places;
    }
    for (int i = 0; i < w->pending_count; i++) {
        const struct pending *p = &w->pending[i];
        if (p->op.change.buyer == buyer)
            has += p->op.own.buyer_places;
    }
    return has;
}

static bool is_over(const struct world *w, uint32_t buyer, uint32_t more)
{
    uint32_t most = w->limits.max_per_buyer;
    return most != 0 && more > 0 && buyer_has(w, buyer) + more > most;
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

/* Returns whether the op has begun. */
static bool expect_at(enum engine_verdict got, enum engine_verdict want, int line)
{
    if (got != want)
        fail_msg("line %d: %s instead of %s", line, engine_verdict_name(got),
                 engine_verdict_name(want));
    return got == ENGINE_OK;
}

#define expect(got, want) expect_at(got, want, __LINE__)

static void begun(struct world *w, struct model_hold *hold, uint64_t claimed)
{
    struct pending *p = &w->pending[w->pending_count++];
    p->hold = hold;
    p->claimed = claimed;
    w->free &= ~claimed;
    if (hold != NULL)
        hold->busy = true;
}

/* ---- steps: each calls the engine, checks its verdict and updates the model ---- */

/* The verdict on a buyer's request, as far as the hold decides it. */
static enum engine_verdict buyer_may(const struct world *w, const struct model_hold *hold)
{
    if (hold->busy)
        return ENGINE_BUSY;
    if (hold->status == DEAD)
        return ENGINE_NO_HOLD;
    if (hold->status == SOLD)
        return ENGINE_SOLD;
    if (hold->status == LATE || w->now_ms >= hold->expires_ms)
        return ENGINE_EXPIRED;
    return hold->order != 0 ? ENGINE_PAYING : ENGINE_OK;
}

/* The same for an order's request. */
static enum engine_verdict order_may(const struct model_hold *hold, unsigned order)
{
    if (hold->busy)
        return ENGINE_BUSY;
    if (hold->status == DEAD)
        return ENGINE_NO_HOLD;
    return hold->order != 0 && hold->order != order ? ENGINE_OTHER_ORDER : ENGINE_OK;
}

static void step_hold(struct world *w, struct engine_op *op, struct model_hold *none)
{
    (void)none;
    uint32_t seats[SEATS];
    uint64_t wanted = some_seats(w, 5);
    uint32_t n = list(wanted, seats), buyer = 1 + roll(w, BUYERS);
    struct engine_ask ask = test_ask_seats(buyer, seats, n);
    ask.who.channels = CHANNELS;
    bool single = breaks_rule(w, buyer, NULL, wanted, 0);
    enum engine_verdict want = ENGINE_OK;
    if (wanted & ~w->free)
        want = ENGINE_TAKEN;
    else if (is_over(w, buyer, n))
        want = ENGINE_BUYER_LIMIT;
    else if (single && is_outdone(w, buyer, wanted))
        want = ENGINE_ORPHAN;
    if (expect(engine_hold(w->engine, &ask, w->now_ms, op), want)) {
        assert_int_equal((op->change.flags & CHANGE_FLAG_LAST_RESORT) != 0, single);
        begun(w, NULL, wanted);
    }
    if (want == ENGINE_TAKEN)
        assert_int_equal(op->lost_count, size_of(wanted & ~w->free));
}

static void step_best(struct world *w, struct engine_op *op, struct model_hold *none)
{
    (void)none;
    uint32_t n = 1 + roll(w, 6), buyer = 1 + roll(w, BUYERS);
    struct engine_ask ask = test_ask_best(buyer, 0, n, roll(w, 2));
    ask.who.channels = CHANNELS;
    float legal = best_window(w, n, buyer), any = best_window(w, n, 0);
    enum engine_verdict verdict = engine_hold(w->engine, &ask, w->now_ms, op);
    if (is_over(w, buyer, n)) {
        expect(verdict, ENGINE_BUYER_LIMIT);
        return;
    }
    if (verdict == ENGINE_SOLD_OUT) {
        assert_true(any < 0);
        assert_true(ask.adjacent || size_of(w->free) < n);
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
    assert_int_equal(size_of(got), n);
    assert_int_equal(got & ~w->free, 0);
    bool single = w->limits.orphan_rule && leaves_single(w, w->free, w->free & ~got);
    assert_int_equal((op->change.flags & CHANGE_FLAG_ORPHAN) != 0, single);
    if (any >= 0) { /* expects the nearest neighbours, if possible without a single seat */
        assert_true(op->change.flags & CHANGE_FLAG_ADJACENT);
        float cost = x * x + (y + 1) * (y + 1), want = legal >= 0 ? legal : any;
        assert_true(cost <= want + 0.01F && cost >= want - 0.01F);
        assert_int_equal(breaks_rule(w, buyer, NULL, got, 0), legal < 0);
    }
    begun(w, NULL, got);
}

static void step_area(struct world *w, struct engine_op *op, struct model_hold *none)
{
    (void)none;
    uint32_t n = 1 + roll(w, 8), buyer = 1 + roll(w, BUYERS);
    struct engine_ask ask = test_ask_area(buyer, n);
    enum engine_verdict want = ENGINE_OK;
    if (is_over(w, buyer, n))
        want = ENGINE_BUYER_LIMIT;
    else if (n > w->places_free)
        want = ENGINE_SOLD_OUT;
    if (expect(engine_hold(w->engine, &ask, w->now_ms, op), want)) {
        w->places_free -= n;
        begun(w, NULL, 0);
    }
}

static void step_block(struct world *w, struct engine_op *op, struct model_hold *none)
{
    (void)none;
    uint32_t seats[SEATS];
    uint64_t wanted = some_seats(w, 3);
    if (roll(w, 2)) {
        uint32_t n = list(wanted, seats);
        if (expect(engine_block(w->engine, seats, n, SPAN("test"), w->now_ms, op),
                   wanted & ~w->free ? ENGINE_TAKEN : ENGINE_OK))
            begun(w, NULL, wanted);
        return;
    }
    wanted = w->blocked & (wanted | w->blocked >> 1);
    uint32_t n = list(wanted, seats);
    if (n == 0)
        return;
    expect(engine_unblock(w->engine, seats, n, SPAN("test"), w->now_ms, op), ENGINE_OK);
    w->blocked &= ~wanted;
    begun(w, NULL, 0);
}

/* The verdict on changing seats. */
static enum engine_verdict seats_may_change(const struct world *w, const struct model_hold *hold,
                                            uint64_t adds, uint64_t removes)
{
    uint64_t kept = (hold->seats & ~removes) | adds;
    uint32_t n = size_of(kept), had = size_of(hold->seats);
    if (n == 0 || (adds | removes) == 0)
        return ENGINE_NO_SEATS;
    if (n > w->limits.max_per_hold)
        return ENGINE_TOO_MANY;
    if (adds & ~w->free)
        return ENGINE_TAKEN;
    if (is_over(w, hold->buyer, n > had ? n - had : 0))
        return ENGINE_BUYER_LIMIT;
    /* Rows outside the hold and its change are the same before and after. */
    return breaks_rule(w, hold->session, hold, adds, removes) && is_outdone(w, hold->session, kept)
               ? ENGINE_ORPHAN
               : ENGINE_OK;
}

static void step_change(struct world *w, struct engine_op *op, struct model_hold *hold)
{
    uint32_t add[SEATS], remove[SEATS], more = 0;
    uint64_t adds = some_seats(w, 3) & ~hold->seats;
    uint64_t removes = hold->seats & some_seats(w, 30);
    struct engine_edit edit = {.add = add, .remove = remove};
    struct engine_who who = test_who(hold->session);
    who.channels = CHANNELS;
    enum engine_verdict want = buyer_may(w, hold);
    if (hold->places > 0) {
        edit.quantity = 1 + roll(w, 8);
        more = edit.quantity > hold->places ? edit.quantity - hold->places : 0;
        adds = removes = 0;
        if (want == ENGINE_OK && is_over(w, hold->buyer, more))
            want = ENGINE_BUYER_LIMIT;
        else if (want == ENGINE_OK && more > w->places_free)
            want = ENGINE_SOLD_OUT;
    } else {
        edit.add_count = list(adds, add);
        edit.remove_count = list(removes, remove);
        want = want == ENGINE_OK ? seats_may_change(w, hold, adds, removes) : want;
    }
    if (expect(engine_change(w->engine, hold->id, &who, &edit, w->now_ms, op), want)) {
        w->places_free -= more;
        begun(w, hold, adds);
    }
}

static void step_release(struct world *w, struct engine_op *op, struct model_hold *hold)
{
    if (expect(engine_release(w->engine, hold->id, hold->session, w->now_ms, op),
               buyer_may(w, hold)))
        begun(w, hold, 0);
}

static struct span order_name(unsigned order)
{
    static const char *const names[] = {"none", "order-1", "order-2", "order-3"};
    return span_of(names[order]);
}

static enum engine_verdict order_may_extend(const struct world *w, const struct model_hold *hold,
                                            unsigned order, uint32_t to)
{
    if (order_may(hold, order) != ENGINE_OK)
        return order_may(hold, order);
    if (hold->status == LATE)
        return ENGINE_EXPIRED;
    if (hold->order == order)
        return ENGINE_SAME;
    if (w->now_ms >= hold->expires_ms)
        return ENGINE_EXPIRED;
    bool hands_over = to != 0 && to != hold->buyer;
    return hands_over && is_over(w, to, hold->places + size_of(hold->seats)) ? ENGINE_BUYER_LIMIT
                                                                             : ENGINE_OK;
}

static void step_extend(struct world *w, struct engine_op *op, struct model_hold *hold)
{
    unsigned order = 1 + roll(w, 3);
    uint32_t to = roll(w, 2) ? 1 + roll(w, BUYERS) : 0;
    struct engine_order by = {.id = order_name(order), .buyer = to};
    if (expect(engine_extend(w->engine, hold->id, &by, 200000, w->now_ms, op),
               order_may_extend(w, hold, order, to)))
        begun(w, hold, 0);
}

static enum engine_verdict order_may_confirm(const struct world *w, const struct model_hold *hold,
                                             unsigned order)
{
    if (order_may(hold, order) != ENGINE_OK)
        return order_may(hold, order);
    if (hold->order == 0)
        return ENGINE_NO_ORDER;
    if (hold->status == SOLD)
        return ENGINE_SAME;
    bool gone = (hold->seats & ~w->free) || hold->places > w->places_free;
    return hold->status == LATE && gone ? ENGINE_GONE : ENGINE_OK;
}

static void step_confirm(struct world *w, struct engine_op *op, struct model_hold *hold)
{
    unsigned order = roll(w, 4) ? hold->order : 1 + roll(w, 3);
    bool late = hold->status == LATE;
    if (!expect(engine_confirm(w->engine, hold->id, order_name(order), NULL, w->now_ms, op),
                order_may_confirm(w, hold, order)))
        return;
    assert_int_equal(op->change.verdict, late ? CHANGE_VERDICT_RETAKEN : CHANGE_VERDICT_CONFIRMED);
    w->places_free -= late ? hold->places : 0;
    begun(w, hold, late ? hold->seats : 0);
}

/* Refund, or release: they differ where the hold is sold. */
static void step_give_back(struct world *w, struct engine_op *op, struct model_hold *hold)
{
    unsigned order = roll(w, 4) && hold->order != 0 ? hold->order : 1 + roll(w, 3);
    bool refund = roll(w, 2);
    enum engine_verdict want = order_may(hold, order);
    if (want == ENGINE_OK && hold->order == 0 && refund)
        want = ENGINE_NO_ORDER;
    else if (want == ENGINE_OK && hold->status == SOLD && !refund)
        want = ENGINE_SOLD;
    if (!expect((refund ? engine_refund : engine_order_release)(w->engine, hold->id,
                                                                order_name(order), w->now_ms, op),
                want))
        return;
    assert_int_equal(op->change.kind, hold->status == SOLD   ? CHANGE_REFUNDED
                                      : hold->status == OPEN ? CHANGE_RELEASED
                                                             : CHANGE_FORGOTTEN);
    begun(w, hold, 0);
}

static void step_give_back_part(struct world *w, struct engine_op *op, struct model_hold *hold)
{
    uint32_t seats[SEATS], keep = 1 + roll(w, 3);
    if (hold->status != SOLD || hold->busy)
        return;
    uint32_t has = list(hold->seats, seats);
    bool same = hold->places > 0 && keep >= hold->places;
    if (expect(engine_refund_part(w->engine, hold->id, order_name(hold->order), seats,
                                  has > 0 ? 1 + roll(w, has) : 0, keep, w->now_ms, op),
               same ? ENGINE_SAME : ENGINE_OK))
        begun(w, hold, 0);
}

static void step_move(struct world *w, struct engine_op *op, struct model_hold *hold)
{
    uint32_t from[SEATS], to;
    if (hold->status != SOLD || hold->busy || hold->places > 0)
        return;
    list(hold->seats, from);
    to = roll(w, SEATS);
    if (expect(
            engine_move(w->engine, hold->id, order_name(hold->order), from, &to, 1, w->now_ms, op),
            w->free >> to & 1 ? ENGINE_OK : ENGINE_TAKEN))
        begun(w, hold, UINT64_C(1) << to);
}

static void step_expire(struct world *w, struct engine_op *op, struct model_hold *none)
{
    (void)none;
    if (!engine_expire_next(w->engine, w->now_ms, op))
        return;
    for (int i = 0; i < w->hold_count; i++) {
        struct model_hold *hold = &w->holds[i];
        if (hold->id != op->change.hold || hold->status == DEAD)
            continue;
        assert_int_equal(hold->status, op->change.kind == CHANGE_FORGOTTEN ? LATE : OPEN);
        assert_false(hold->busy);
        assert_true(w->now_ms >= hold->expires_ms);
        begun(w, hold, 0);
        return;
    }
    fail_msg("what expired was no open hold");
}

/* ---- the follower ---- */

/* Alters a byte of the next change, or gives it another life of some hold. */
static void try_altered(struct world *w, const uint8_t *bytes, size_t len)
{
    struct change wrong;
    struct err_slot err;
    uint8_t altered[CHANGE_BYTES_MAX];
    memcpy(altered, bytes, len);
    if (roll(w, 3) > 0)
        altered[roll(w, (uint32_t)len)] = (uint8_t)roll(w, 256);
    if (change_decode(altered, len, &err, &wrong) < 0)
        return;
    if (w->hold_count > 0 && roll(w, 2) == 0)
        wrong.hold = w->holds[roll(w, (uint32_t)w->hold_count)].id + ((uint64_t)roll(w, 3) << 24);
    uint64_t hash = engine_state_hash(w->follower);
    struct test_bytes before = test_snapshot(w->follower);
    if (engine_apply(w->follower, &wrong, &err) == 0) { /* valid, but a different history */
        engine_destroy(w->follower);
        w->follower = test_snapshot_read(w->plan, w->late_max, before);
    } else {
        struct test_bytes after = test_snapshot(w->follower);
        assert_int_equal(after.len, before.len);
        assert_memory_equal(after.at, before.at, before.len);
        free(after.at);
        w->refused++;
    }
    assert_int_equal(engine_state_hash(w->follower), hash);
    free(before.at);
}

static void take_over(struct world *w)
{
    struct test_bytes bytes = test_snapshot(w->follower);
    struct engine *next = test_snapshot_read(w->plan, w->late_max, bytes);
    engine_destroy(w->engine);
    bool by_snapshot = roll(w, 2);
    w->engine = by_snapshot ? next : w->follower;
    w->follower = by_snapshot ? w->follower : next;
    engine_replay_end(w->engine);
    free(bytes.at);
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
    if (p->hold != NULL)
        p->hold->busy = false;
    if (change->area == CHANGE_AREA_NONE)
        return;
    uint32_t was = p->hold != NULL ? p->hold->places : 0;
    if (change->kind == CHANGE_TAKEN)
        w->places_free += change->quantity;
    if (change->kind == CHANGE_CHANGED && change->quantity > was)
        w->places_free += change->quantity - was;
    if (change->kind == CHANGE_CONFIRMED && change->verdict == CHANGE_VERDICT_RETAKEN)
        w->places_free += was;
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
    case CHANGE_REFUNDED:
        hold->seats &= ~removed;
        hold->places -= change->quantity;
        w->free |= removed;
        w->places_free += change->quantity;
        if (hold->seats == 0 && hold->places == 0)
            hold->status = DEAD;
        break;
    case CHANGE_RELEASED:
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
    test_apply(w->follower, bytes, len);
    engine_settle(w->engine, &p.op);
    if (p.hold != NULL)
        p.hold->busy = false;
    follow(w, &p.op.change, p.hold);
}

/* ---- a life ---- */

/* Each step is as frequent as it is listed. The first ones need no hold. */
static void (*const steps[])(struct world *w, struct engine_op *op, struct model_hold *hold) = {
    step_hold,           step_hold,   step_hold,    step_best,    step_area,
    step_block,          step_change, step_change,  step_release, step_release,
    step_extend,         step_extend, step_confirm, step_confirm, step_give_back,
    step_give_back_part, step_move,   step_expire,  step_expire};
enum { STEPS = sizeof(steps) / sizeof(steps[0]), STEPS_WITHOUT_A_HOLD = 5, RECENT = 12 };

static void step(struct world *w)
{
    uint32_t recent = w->hold_count < RECENT ? (uint32_t)w->hold_count : RECENT;
    struct model_hold *hold =
        recent > 0 ? &w->holds[w->hold_count - 1 - (int)roll(w, recent)] : NULL;
    uint32_t which = roll(w, hold != NULL ? STEPS : STEPS_WITHOUT_A_HOLD);
    w->now_ms += roll(w, 150) == 0 ? roll(w, 3 * 3600 * 1000) : roll(w, 20000);
    steps[which](w, &w->pending[w->pending_count].op, hold);
}

static unsigned live(uint64_t seed, unsigned turns)
{
    struct world *w = calloc(1, sizeof(*w));
    rng_seeded_init(&w->rng, seed);
    w->limits = test_limits();
    w->limits.orphan_rule = seed & 1;
    w->limits.max_per_buyer = seed & 2 ? 12 : 0;
    w->late_max = seed & 4 ? 1 + (uint32_t)(seed % 4) : 100;
    w->plan = seed & 8 ? test_hall_plan(&(struct test_hall){
                             .rows = kept_rows, .limits = w->limits, .area_capacity = PLACES})
                       : test_hall_block(ROWS, ROW, w->limits, PLACES);
    for (uint32_t s = 0; s < SEATS; s++)
        if (plan_channel_of(plan_facts(w->plan), s) != 0)
            w->kept |= UINT64_C(1) << s;
    w->engine = test_hall_engine_late(w->plan, w->late_max);
    w->follower = test_hall_engine_late(w->plan, w->late_max);
    engine_replay_begin(w->follower);
    w->now_ms = TEST_NOW_MS;
    w->free = ~UINT64_C(0);
    w->places_free = PLACES;
    for (unsigned i = 0; i < turns && w->hold_count < HOLDS; i++) {
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

TEST_CASE(random_histories_agree_with_the_model_and_with_their_replay)
{
    const char *more = getenv("FAIRGATE_TEST_ROUNDS");
    uint64_t seed = unit_seed();
    unsigned rounds = more != NULL ? (unsigned)strtoul(more, NULL, 10) : 40;
    unsigned refused = 0;
    for (unsigned i = 0; i < rounds; i++)
        refused += live(seed + i, 600);
    assert_true(refused > rounds);
}
