/* engine_edges_test.c: what an engine seldom meets: tables that are full, somebody who comes
 * between the wheel's look and the expiry, orders with odd names, halls without seats, the end of a
 * sale. Some of it is brought about by hand, in the engine's own memory. */
#include "core/engine/engine_internal.h"
#include "sale/purchase.h"
#include "test_hall.h"
#include "unit.h"

#include "plan_body.h" /* after the verdicts, whose list has a ROW, too */

#include <stdlib.h>

enum { PLACES = 10, PAY_MS = 300000 };

struct fixture {
    struct plan *plan;
    struct engine *engine;
    struct engine_op op;
    char text[128];
};

#define ROWS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct fixture *open_hall(const struct test_hall *hall)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->plan = test_hall_plan(hall);
    f->engine = test_hall_engine(f->plan);
    return f;
}

/* Four seats, and places. */
static struct fixture *open_small(void)
{
    return open_hall(&(struct test_hall){
        .rows = ROWS("aaaa"), .limits = test_limits(), .area_capacity = PLACES});
}

static void close_hall(struct fixture *f)
{
    engine_destroy(f->engine);
    plan_destroy(f->plan);
    free(f);
}

static const char *end(struct fixture *f, enum engine_verdict verdict)
{
    if (verdict == ENGINE_OK)
        engine_settle(f->engine, &f->op);
    return engine_verdict_name(verdict);
}

static const char *ask_now(struct fixture *f, struct engine_ask ask)
{
    return end(f, engine_hold(f->engine, &ask, TEST_NOW_MS, &f->op));
}

static const char *extend(struct fixture *f, uint64_t id, const char *order)
{
    const struct engine_order of = {.id = span_of(order)};
    return end(f, engine_extend(f->engine, id, &of, PAY_MS, TEST_NOW_MS, &f->op));
}

static const char *confirm(struct fixture *f, uint64_t id, const char *order)
{
    return end(f,
               engine_confirm(f->engine, id, span_of(order), NULL, TEST_NOW_MS + PAY_MS, &f->op));
}

static uint64_t end_of(const struct fixture *f, uint64_t id)
{
    struct engine_hold_view view;
    assert_int_equal(engine_hold_read(f->engine, id, &view), ENGINE_OK);
    return view.expires_ms;
}

/* Expires one hold, if one is due. */
static bool expire(struct fixture *f, uint64_t now_ms)
{
    bool due = engine_expire_next(f->engine, now_ms, &f->op);
    if (due)
        engine_settle(f->engine, &f->op);
    return due;
}

static uint64_t hold_places(struct fixture *f, uint64_t buyer, uint32_t count)
{
    assert_string_equal(ask_now(f, test_ask_area(buyer, count)), "ok");
    return f->op.change.hold;
}

/* ---- tables that are full ---- */

static void fill_with_strangers(struct buyers *buyers)
{
    for (uint32_t i = 0; i < buyers->size; i++)
        buyers->entries[i] = (uint64_t)(i + 1) << 17 | 1;
}

static void empty(struct buyers *buyers)
{
    for (uint32_t i = 0; i < buyers->size; i++)
        buyers->entries[i] = 0;
}

static void without_room_to_count_a_buyer_nothing_is_taken_and_nothing_kept(void **state)
{
    (void)state;
    struct plan_limits limits = test_limits();
    limits.max_per_buyer = 4;
    struct fixture *f = open_hall(
        &(struct test_hall){.rows = ROWS("aaaa"), .limits = limits, .area_capacity = PLACES});
    uint64_t late[2] = {test_hold(f->engine, 1, TEST_SEATS(0, 1)), hold_places(f, 1, 2)};
    for (unsigned i = 0; i < 2; i++)
        assert_string_equal(extend(f, late[i], "o"), "ok");
    assert_true(expire(f, TEST_NOW_MS + 600000) && expire(f, TEST_NOW_MS + 600000));
    uint64_t before = engine_state_hash(f->engine);
    fill_with_strangers(&f->engine->buyers);
    assert_string_equal(ask_now(f, test_ask_seats(2, TEST_SEATS(0, 1))), "full");
    assert_string_equal(ask_now(f, test_ask_area(2, 3)), "full");
    for (unsigned i = 0; i < 2; i++) /* also of somebody who has paid */
        assert_string_equal(confirm(f, late[i], "o"), "full");
    assert_int_equal(engine_state_hash(f->engine), before);
    empty(&f->engine->buyers);
    for (unsigned i = 0; i < 2; i++)
        assert_string_equal(confirm(f, late[i], "o"), "ok");
    assert_string_equal(ask_now(f, test_ask_area(1, 1)), "buyer-limit");
    assert_int_equal(f->op.has, 4);
    close_hall(f);
}

static void without_a_slot_a_hold_is_refused_and_counts_for_nobody(void **state)
{
    (void)state;
    struct plan_limits limits = test_limits();
    limits.max_per_buyer = 4;
    struct fixture *f = open_hall(
        &(struct test_hall){.rows = ROWS("aaaaaa"), .limits = limits, .area_capacity = PLACES});
    struct hold_slots *slots = &f->engine->holds;
    test_hold(f->engine, 1, TEST_SEATS(0));
    uint32_t fresh = slots->fresh;
    const struct engine_ask asks[] = {test_ask_seats(1, TEST_SEATS(2, 3, 4)), test_ask_area(1, 3),
                                      test_ask_best(1, 0, 3, true)};
    for (unsigned i = 0; i < 3; i++) {
        slots->fresh = slots->max;
        assert_string_equal(ask_now(f, asks[i]), "full");
        slots->fresh = fresh;
        assert_string_equal(test_states(f->engine, 6, f->text), "h.....");
        assert_int_equal(engine_area(f->engine, 0).free, PLACES);
        assert_int_equal(buyers_count(&f->engine->buyers, 1), 1);
    }
    assert_string_equal(ask_now(f, asks[0]), "ok");
    close_hall(f);
}

/* ---- between the wheel's look and the expiry ---- */

/* In place of the engine's own answer to the wheel: at the nth time that it is asked, somebody else
 * has acted right after it. */
struct meddler {
    struct fixture *f;
    uint64_t (*due_ms)(void *ctx, uint32_t slot);
    void (*act)(struct fixture *f, uint64_t id);
    uint64_t id;
    unsigned at, asked;
};

static uint64_t due_then_act(void *ctx, uint32_t slot)
{
    struct meddler *meddler = ctx;
    uint64_t due_ms = meddler->due_ms(meddler->f->engine, slot);
    if (++meddler->asked == meddler->at)
        meddler->act(meddler->f, meddler->id);
    return due_ms;
}

static void is_being_changed(struct fixture *f, uint64_t id)
{
    assert_int_equal(hold_own(&f->engine->holds, id), HOLD_OWNED);
}

static void is_sold(struct fixture *f, uint64_t id)
{
    assert_string_equal(confirm(f, id, "o"), "ok");
}

static void is_spared(struct fixture *f, uint64_t id)
{
    engine_spare_orders(f->engine, end_of(f, id) + 2000);
}

static void a_hold_that_is_no_longer_due_is_left_alone(void **state)
{
    (void)state;
    const struct {
        void (*act)(struct fixture *f, uint64_t id);
        bool frees, expires;
    } cases[] = {{is_being_changed, true, true}, {is_sold, false, false}, {is_spared, false, true}};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool acted = true;
        for (unsigned at = 1; acted; at++) {
            struct fixture *f = open_small();
            struct wheel *wheel = &f->engine->wheel;
            uint64_t id = test_hold(f->engine, 1, TEST_SEATS(1, 2));
            assert_string_equal(extend(f, id, "o"), "ok");
            uint64_t end_ms = end_of(f, id);
            struct meddler meddler = {
                .f = f, .due_ms = wheel->due_ms, .act = cases[i].act, .id = id, .at = at};
            wheel->due_ms = due_then_act;
            wheel->ctx = &meddler;
            bool expired = engine_expire_next(f->engine, end_ms + 1000, &f->op);
            acted = meddler.asked >= at;
            assert_int_equal(expired, !acted);
            wheel->due_ms = meddler.due_ms;
            wheel->ctx = f->engine;
            if (acted && cases[i].frees)
                hold_disown(&f->engine->holds, hold_slot_of(id));
            if (acted)
                assert_int_equal(expire(f, end_ms + 3000), cases[i].expires);
            close_hall(f);
        }
    }
}

static void a_hold_that_is_written_when_its_time_is_up_ends_a_moment_later(void **state)
{
    (void)state;
    struct fixture *f = open_small();
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(1, 2)), end_ms = end_of(f, id);
    assert_false(expire(f, TEST_NOW_MS)); /* in the wheel by now */
    assert_int_equal(hold_own(&f->engine->holds, id), HOLD_OWNED);
    hold_write_begin(&f->engine->holds, hold_slot_of(id));
    assert_false(expire(f, end_ms + WHEEL_TICK_MS));
    hold_write_end(&f->engine->holds, hold_slot_of(id));
    assert_true(expire(f, end_ms + EXPIRE_BUSY_MS + 3 * WHEEL_TICK_MS));
    assert_string_equal(test_states(f->engine, 4, f->text), "....");
    close_hall(f);
}

static void what_orders_have_is_spared_while_the_journal_is_away_and_nothing_else(void **state)
{
    (void)state;
    struct fixture *f = open_small();
    uint64_t paid = test_hold(f->engine, 1, TEST_SEATS(0)), other_end_ms;
    uint64_t other = test_hold(f->engine, 2, TEST_SEATS(2));
    assert_string_equal(extend(f, paid, "o"), "ok");
    other_end_ms = end_of(f, other);
    uint64_t until_ms = end_of(f, paid) + 10000;
    engine_spare_orders(f->engine, until_ms);
    assert_true(expire(f, other_end_ms + WHEEL_TICK_MS));
    assert_int_equal(f->op.change.hold, other);
    assert_false(expire(f, until_ms - WHEEL_TICK_MS));
    assert_true(expire(f, until_ms + WHEEL_TICK_MS));
    assert_int_equal(f->op.change.hold, paid);
    close_hall(f);
}

static void the_timer_waits_for_the_wheel_and_after_a_refusal_for_a_second(void **state)
{
    (void)state;
    struct fixture *f = open_small();
    assert_int_equal(engine_expire_wait_ms(f->engine, TEST_NOW_MS), EXPIRE_RETRY_MS);
    uint64_t end_ms = end_of(f, test_hold(f->engine, 1, TEST_SEATS(1))) + WHEEL_TICK_MS;
    assert_int_equal(engine_expire_wait_ms(f->engine, TEST_NOW_MS), 0); /* to be collected */
    assert_true(engine_expire_next(f->engine, end_ms, &f->op));
    engine_undo(f->engine, &f->op);
    assert_int_equal(engine_expire_wait_ms(f->engine, end_ms), EXPIRE_RETRY_MS);
    assert_int_equal(engine_expire_wait_ms(f->engine, end_ms + EXPIRE_RETRY_MS - 1), 1);
    assert_int_equal(engine_expire_wait_ms(f->engine, end_ms + EXPIRE_RETRY_MS), 0);
    assert_false(expire(f, end_ms + EXPIRE_RETRY_MS - 1));
    assert_true(expire(f, end_ms + EXPIRE_RETRY_MS));
    close_hall(f);
}

/* ---- orders ---- */

static void an_order_whose_name_hashes_to_nothing_has_its_hold(void **state)
{
    (void)state;
    static const char odd[] = "77kepQFQ8Kl"; /* of FNV-1a, the known word whose hash is 0 */
    struct fixture *f = open_small();
    assert_int_equal(engine_hash_text(span_of(odd)), 1); /* 0 would be: no order */
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(1, 2));
    assert_string_equal(extend(f, id, odd), "ok");
    assert_string_equal(extend(f, id, "o"), "other-order");
    assert_string_equal(end(f, engine_release(f->engine, id, 1, TEST_NOW_MS, &f->op)),
                        "hold-paying");
    assert_string_equal(confirm(f, id, "o"), "other-order");
    assert_string_equal(confirm(f, id, odd), "ok");
    close_hall(f);
}

static void an_order_of_places_gets_what_it_was_told_the_price_of(void **state)
{
    (void)state;
    struct fixture *f = open_small();
    uint64_t id = hold_places(f, 1, 3);
    for (uint32_t count = 2; count <= 3; count++) {
        struct purchase_line line = {SPAN("floor"), SPAN("b"), 2000, count};
        struct engine_purchase purchase = {.event = SPAN("gala")};
        struct purchase told = {.event = purchase.event,
                                .currency = SPAN("KRW"),
                                .lines = &line,
                                .lines_len = 1,
                                .total = 2000 * (uint64_t)count};
        purchase_digest(&told, purchase.digest);
        const struct engine_order order = {.id = SPAN("o"), .purchase = &purchase};
        assert_string_equal(
            end(f, engine_extend(f->engine, id, &order, PAY_MS, TEST_NOW_MS, &f->op)),
            count == 3 ? "ok" : "purchase-differs");
    }
    close_hall(f);
}

static void an_order_that_said_nothing_of_its_purchase_is_not_held_to_one(void **state)
{
    (void)state;
    static const uint8_t digest[CHANGE_HASH_BYTES] = {1};
    struct fixture *f = open_small();
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(1));
    assert_string_equal(extend(f, id, "o"), "ok");
    assert_string_equal(
        end(f, engine_confirm(f->engine, id, SPAN("o"), digest, TEST_NOW_MS, &f->op)), "ok");
    close_hall(f);
}

/* No engine writes such a journal, and no order can be made to fit it. */
static void what_a_journal_sold_without_an_order_is_nobodys_to_pay(void **state)
{
    (void)state;
    struct fixture *f = open_small();
    uint64_t id = UINT64_C(1) << 24 | 1;
    struct change change;
    engine_replay_begin(f->engine);
    change_init(&change, CHANGE_TAKEN, TEST_NOW_MS);
    change.hold = id;
    change.hold_version = change.add_count = 1;
    change.seats[0] = 2;
    change.expires_ms = change.hard_end_ms = TEST_NOW_MS + PAY_MS;
    assert_int_equal(engine_apply(f->engine, &change, NULL), 0);
    change.kind = CHANGE_CONFIRMED;
    change.hold_version = 2;
    change.verdict = CHANGE_VERDICT_CONFIRMED;
    assert_int_equal(engine_apply(f->engine, &change, NULL), 0);
    engine_replay_end(f->engine);
    assert_string_equal(extend(f, id, "o"), "hold-sold");
    assert_string_equal(confirm(f, id, "o"), "order-unknown");
    close_hall(f);
}

static void a_hold_that_ran_out_with_its_order_is_read_with_what_it_had(void **state)
{
    (void)state;
    struct fixture *f = open_small();
    uint64_t ids[2] = {test_hold(f->engine, 1, TEST_SEATS(1, 2)), hold_places(f, 1, 3)};
    for (unsigned i = 0; i < 2; i++) {
        assert_string_equal(extend(f, ids[i], "o"), "ok");
        assert_true(expire(f, TEST_NOW_MS + 600000));
        struct engine_hold_view view;
        assert_int_equal(engine_hold_read(f->engine, ids[i], &view), ENGINE_OK);
        assert_int_equal(view.state, ENGINE_HOLD_EXPIRED);
        assert_int_equal(view.quantity, i == 0 ? 2 : 3);
        assert_int_equal(view.seat_count, 0); /* they may be somebody else's by now */
        assert_int_equal(view.total, i == 0 ? 0 : 3 * 2000);
    }
    close_hall(f);
}

/* ---- the operator ---- */

static void an_unblocking_names_what_is_not_blocked_and_nothing_else(void **state)
{
    (void)state;
    struct fixture *f = open_small();
    assert_string_equal(
        end(f, engine_block(f->engine, TEST_SEATS(1, 3), SPAN(""), TEST_NOW_MS, &f->op)), "ok");
    const struct {
        uint32_t seats[3], count, lost[3], lost_count;
    } cases[] = {{{0, 1}, 2, {0}, 1}, {{1, 2, 3}, 3, {2}, 1}, {{0, 2, 3}, 3, {0, 2}, 2}};
    for (unsigned i = 0; i < 3; i++) {
        enum engine_verdict verdict = engine_unblock(f->engine, cases[i].seats, cases[i].count,
                                                     SPAN(""), TEST_NOW_MS, &f->op);
        assert_int_equal(verdict, ENGINE_TAKEN);
        assert_int_equal(f->op.lost_count, cases[i].lost_count);
        assert_memory_equal(f->op.lost, cases[i].lost, cases[i].lost_count * sizeof(uint32_t));
        assert_string_equal(test_states(f->engine, 4, f->text), ".#.#");
    }
    close_hall(f);
}

static void places_that_were_blocked_or_unblocked_come_back_with_an_undo(void **state)
{
    (void)state;
    struct fixture *f = open_small();
    for (unsigned blocked = 0; blocked <= 4; blocked += 4) {
        uint64_t before = engine_state_hash(f->engine);
        assert_int_equal(engine_block_area(f->engine, 0, 3, SPAN(""), TEST_NOW_MS, &f->op),
                         ENGINE_OK);
        engine_undo(f->engine, &f->op);
        assert_int_equal(engine_unblock_area(f->engine, 0, 3, SPAN(""), TEST_NOW_MS, &f->op),
                         blocked == 0 ? ENGINE_SOLD_OUT : ENGINE_OK);
        if (blocked != 0)
            engine_undo(f->engine, &f->op);
        assert_int_equal(engine_state_hash(f->engine), before);
        assert_string_equal(
            end(f, engine_block_area(f->engine, 0, 4, SPAN(""), TEST_NOW_MS, &f->op)), "ok");
    }
    close_hall(f);
}

static void a_move_is_of_seats_into_seats_that_are_free(void **state)
{
    (void)state;
    struct fixture *f = open_small();
    uint64_t seats = test_hold(f->engine, 1, TEST_SEATS(0, 1)), places = hold_places(f, 1, 2);
    test_hold(f->engine, 2, TEST_SEATS(3));
    for (unsigned i = 0; i < 2; i++) {
        assert_string_equal(extend(f, i ? places : seats, "o"), "ok");
        assert_string_equal(confirm(f, i ? places : seats, "o"), "ok");
    }
    uint64_t before = engine_state_hash(f->engine);
    const struct {
        uint64_t hold;
        uint32_t from[2], to[2], count;
        const char *verdict;
    } cases[] = {{seats, {0, 1}, {2, 3}, 2, "seats-taken"},
                 {seats, {0}, {1}, 1, "seats-taken"},
                 {seats, {0, 0}, {2, 2}, 2, "seat-twice"},
                 {seats, {0, 0}, {2, 3}, 2, "seat-twice"},
                 {seats, {0}, {4}, 1, "seat-unknown"},
                 {seats, {4}, {2}, 1, "seat-unknown"},
                 {seats + (1 << 24), {0}, {2}, 1, "no-such-hold"},
                 {seats, {3}, {2}, 1, "not-in-hold"},
                 {places, {0}, {2}, 1, "seats-and-area"}};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum engine_verdict verdict =
            engine_move(f->engine, cases[i].hold, SPAN("o"), cases[i].from, cases[i].to,
                        cases[i].count, TEST_NOW_MS, &f->op);
        assert_string_equal(engine_verdict_name(verdict), cases[i].verdict);
        assert_int_equal(engine_state_hash(f->engine), before);
    }
    close_hall(f);
}

/* ---- halls and terms ---- */

static void a_hall_of_standing_places_alone_sells_them(void **state)
{
    (void)state;
    struct plan_limits limits = test_limits();
    limits.max_per_hold = 0; /* no limit but the one of memory */
    struct fixture *f =
        open_hall(&(struct test_hall){.rows = ROWS(NULL), .limits = limits, .area_capacity = 2000});
    struct engine_count counts[2];
    assert_int_equal(plan_seat_count(f->plan), 0);
    assert_string_equal(ask_now(f, test_ask_area(1, HOLD_AREA_QUANTITY_MAX + 1)), "too-many");
    assert_int_equal(f->op.limit, HOLD_AREA_QUANTITY_MAX);
    uint64_t id = hold_places(f, 1, HOLD_AREA_QUANTITY_MAX);
    assert_string_equal(ask_now(f, test_ask_best(1, ENGINE_CATEGORY_ANY, 1, true)), "sold-out");
    assert_string_equal(extend(f, id, "o"), "ok");
    assert_string_equal(confirm(f, id, "o"), "ok");
    test_publish(f->engine);
    engine_counts(f->engine, counts);
    assert_int_equal(counts[1].sold, HOLD_AREA_QUANTITY_MAX);
    assert_int_equal(counts[1].free, 2000 - HOLD_AREA_QUANTITY_MAX);
    close_hall(f);
}

static void places_of_a_channel_are_for_those_who_come_with_it(void **state)
{
    (void)state;
    struct fixture *f = open_hall(&(struct test_hall){
        .rows = ROWS("a2"), .limits = test_limits(), .area_capacity = PLACES, .area_channel = 1});
    struct engine_ask ask = test_ask_area(1, 2);
    assert_string_equal(ask_now(f, ask), "channel");
    ask.who.channels = 1 | 1 << 1;
    assert_string_equal(ask_now(f, ask), "ok");
    uint64_t id = f->op.change.hold;
    const struct engine_edit edit = {.quantity = 3};
    for (unsigned channels = 1; channels <= 3; channels += 2) { /* and so are more of them */
        ask.who.channels = channels;
        enum engine_verdict verdict =
            engine_change(f->engine, id, &ask.who, &edit, TEST_NOW_MS, &f->op);
        assert_int_equal(verdict, channels == 1 ? ENGINE_CHANNEL : ENGINE_OK);
    }
    engine_undo(f->engine, &f->op);
    close_hall(f);
}

static void each_area_counts_in_the_state_of_an_event_and_is_in_its_snapshot(void **state)
{
    (void)state;
    struct plan *plan = plan_body_taken(
        "{'name':'S','currency':'KRW','categories':[{'name':'A','price':1}],'areas':["
        "{'id':'a','category':'A','capacity':9},{'id':'b','category':'A','capacity':9},"
        "{'id':'c','category':'A','capacity':9}],'plan':{'name':'','categories':[],'zones':[]}}");
    struct engine *engine = test_hall_engine(plan), *other = test_hall_engine(plan);
    struct engine_op op;
    uint64_t empty = engine_state_hash(engine), last = empty;
    for (uint16_t area = 0; area < 3; area++) {
        assert_int_equal(engine_block_area(engine, area, area + 1u, SPAN(""), TEST_NOW_MS, &op),
                         ENGINE_OK);
        engine_settle(engine, &op);
        assert_int_not_equal(engine_state_hash(engine), last);
        last = engine_state_hash(engine);
    }
    struct engine_count count;
    test_publish(engine);
    engine_counts(engine, &count);
    assert_int_equal(count.blocked, 1 + 2 + 3);
    assert_int_equal(count.free, 3 * 9 - 6);
    size_t room = engine_snapshot_size(engine);
    uint8_t *bytes = malloc(room);
    size_t len = engine_snapshot_write(engine, bytes, room);
    engine_replay_begin(other);
    assert_int_equal(engine_snapshot_read(other, bytes, len, NULL), 0);
    for (uint16_t area = 0; area < 3; area++)
        assert_int_equal(engine_area(other, area).blocked, area + 1);
    assert_int_equal(engine_state_hash(other), last);
    free(bytes);
    engine_destroy(other);
    engine_destroy(engine);
    plan_destroy(plan);
}

static void after_the_end_of_a_sale_the_rule_of_single_seats_keeps_none_for_nobody(void **state)
{
    (void)state;
    enum { ENDS_MS = TEST_NOW_MS + 1000 };
    const struct plan_category category = {.name = SPAN("a"), .price = 1, .off_sale_ms = ENDS_MS};
    struct plan_limits limits = test_limits();
    limits.orphan_rule = true;
    struct fixture *f = open_hall(&(struct test_hall){
        .rows = ROWS("aaaa", "aaaaa"), .limits = limits, .categories = &category});
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0, 1, 2, 3));
    const struct engine_who who = test_who(1);
    const uint32_t second = 1;
    const struct engine_edit edit = {.remove = &second, .remove_count = 1};
    assert_int_equal(engine_change(f->engine, id, &who, &edit, ENDS_MS - 1, &f->op), ENGINE_ORPHAN);
    assert_int_equal(f->op.seat, second);
    assert_int_equal(engine_change(f->engine, id, &who, &edit, ENDS_MS, &f->op), ENGINE_OK);
    assert_true((f->op.change.flags & CHANGE_FLAG_LAST_RESORT) != 0);
    engine_settle(f->engine, &f->op);
    assert_string_equal(test_states(f->engine, 9, f->text), "h.hh.....");
    /* And nothing is offered any more. */
    struct engine_offer offers[ALTERNATIVES_MAX];
    struct engine_ask ask = test_ask_seats(2, TEST_SEATS(2, 3));
    assert_int_equal(engine_alternatives(f->engine, &ask, ENDS_MS - 1, offers), 2);
    assert_int_equal(engine_alternatives(f->engine, &ask, ENDS_MS, offers), 0);
    close_hall(f);
}

static void a_change_beside_one_bitmap_of_a_long_row_leaves_the_others_alone(void **state)
{
    (void)state;
    struct plan_limits limits = test_limits();
    limits.orphan_rule = true;
    struct plan *plan = test_hall_block(1, 130, limits, 0);
    struct engine *engine = test_hall_engine(plan);
    struct engine_op op;
    struct engine_who who = test_who(1);
    const struct {
        uint32_t add, remove;
        enum engine_verdict verdict;
    } cases[] = {{61, UINT32_MAX, ENGINE_OK}, /* before the border */
                 {66, UINT32_MAX, ENGINE_OK}, /* behind it */
                 {UINT32_MAX, 62, ENGINE_ORPHAN},
                 {UINT32_MAX, 66, ENGINE_OK},
                 {128, UINT32_MAX, ENGINE_ORPHAN}, /* leaves the last one */
                 {129, 61, ENGINE_OK}};
    uint64_t id = test_hold(engine, 1, TEST_SEATS(62, 63, 64, 65));
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct engine_edit edit = {.add = &cases[i].add,
                                   .add_count = cases[i].add != UINT32_MAX,
                                   .remove = &cases[i].remove,
                                   .remove_count = cases[i].remove != UINT32_MAX};
        uint64_t before = engine_state_hash(engine);
        enum engine_verdict verdict = engine_change(engine, id, &who, &edit, TEST_NOW_MS, &op);
        assert_string_equal(engine_verdict_name(verdict), engine_verdict_name(cases[i].verdict));
        if (verdict == ENGINE_OK)
            engine_settle(engine, &op);
        else
            assert_int_equal(engine_state_hash(engine), before);
    }
    struct engine_hold_view view;
    assert_int_equal(engine_hold_read(engine, id, &view), ENGINE_OK);
    assert_int_equal(view.seat_count, 5);
    const uint32_t left[] = {62, 63, 64, 65, 129};
    assert_memory_equal(view.seats, left, sizeof(left));
    engine_destroy(engine);
    plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_room_to_count_a_buyer_nothing_is_taken_and_nothing_kept),
        cmocka_unit_test(without_a_slot_a_hold_is_refused_and_counts_for_nobody),
        cmocka_unit_test(a_hold_that_is_no_longer_due_is_left_alone),
        cmocka_unit_test(a_hold_that_is_written_when_its_time_is_up_ends_a_moment_later),
        cmocka_unit_test(what_orders_have_is_spared_while_the_journal_is_away_and_nothing_else),
        cmocka_unit_test(the_timer_waits_for_the_wheel_and_after_a_refusal_for_a_second),
        cmocka_unit_test(an_order_whose_name_hashes_to_nothing_has_its_hold),
        cmocka_unit_test(an_order_of_places_gets_what_it_was_told_the_price_of),
        cmocka_unit_test(an_order_that_said_nothing_of_its_purchase_is_not_held_to_one),
        cmocka_unit_test(what_a_journal_sold_without_an_order_is_nobodys_to_pay),
        cmocka_unit_test(a_hold_that_ran_out_with_its_order_is_read_with_what_it_had),
        cmocka_unit_test(an_unblocking_names_what_is_not_blocked_and_nothing_else),
        cmocka_unit_test(places_that_were_blocked_or_unblocked_come_back_with_an_undo),
        cmocka_unit_test(a_move_is_of_seats_into_seats_that_are_free),
        cmocka_unit_test(a_hall_of_standing_places_alone_sells_them),
        cmocka_unit_test(places_of_a_channel_are_for_those_who_come_with_it),
        cmocka_unit_test(each_area_counts_in_the_state_of_an_event_and_is_in_its_snapshot),
        cmocka_unit_test(after_the_end_of_a_sale_the_rule_of_single_seats_keeps_none_for_nobody),
        cmocka_unit_test(a_change_beside_one_bitmap_of_a_long_row_leaves_the_others_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
