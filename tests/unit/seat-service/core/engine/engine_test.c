/* engine_test.c: one behaviour of the engine a test, alone in a small hall. */
#include "sale/purchase.h"
#include "test_hall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct plan *plan;
    struct engine *engine;
    struct engine_op op;
    char text[128];
};

static struct fixture *open_hall(const struct test_hall *hall)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->plan = test_hall_plan(hall);
    f->engine = test_hall_engine(f->plan);
    return f;
}

static struct fixture *open_rows(const char *const *rows)
{
    return open_hall(&(struct test_hall){.rows = rows, .limits = test_limits()});
}

static void close_hall(struct fixture *f)
{
    engine_destroy(f->engine);
    plan_destroy(f->plan);
    free(f);
}

#define ROWS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char *hold_now(struct fixture *f, const struct engine_ask *ask, uint64_t now_ms)
{
    enum engine_verdict verdict = engine_hold(f->engine, ask, now_ms, &f->op);
    if (verdict == ENGINE_OK)
        engine_settle(f->engine, &f->op);
    return engine_verdict_name(verdict);
}

static const char *hold(struct fixture *f, uint64_t buyer, const uint32_t *seats, uint32_t count)
{
    struct engine_ask ask = test_ask_seats(buyer, seats, count);
    return hold_now(f, &ask, TEST_NOW_MS);
}

static const char *best(struct fixture *f, uint64_t buyer, uint32_t quantity, bool adjacent)
{
    struct engine_ask ask = test_ask_best(buyer, ENGINE_CATEGORY_ANY, quantity, adjacent);
    return hold_now(f, &ask, TEST_NOW_MS);
}

static const char *end(struct fixture *f, enum engine_verdict verdict)
{
    if (verdict == ENGINE_OK)
        engine_settle(f->engine, &f->op);
    return engine_verdict_name(verdict);
}

#define EXTEND(f, id, order, now)                                                                  \
    end(f, engine_extend((f)->engine, id, &(struct engine_order){.id = span_of(order)}, 300000,    \
                         now, &(f)->op))
#define CONFIRM(f, id, order, now)                                                                 \
    end(f, engine_confirm((f)->engine, id, span_of(order), NULL, now, &(f)->op))
#define RELEASE(f, id, who, now) end(f, engine_release((f)->engine, id, who, now, &(f)->op))
#define REFUND(f, id, order)                                                                       \
    end(f, engine_refund((f)->engine, id, span_of(order), TEST_NOW_MS, &(f)->op))
#define ORDER_RELEASE(f, id, order)                                                                \
    end(f, engine_order_release((f)->engine, id, span_of(order), TEST_NOW_MS, &(f)->op))
#define MOVE(f, id, order, from, to, count)                                                        \
    end(f, engine_move((f)->engine, id, span_of(order), from, to, count, TEST_NOW_MS, &(f)->op))
#define STATES(f, n) test_states((f)->engine, n, (f)->text)

/* ---- holding ---- */

static void a_hold_takes_all_its_seats(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaa", "bbbb"));
    assert_string_equal(hold(f, 1, TEST_SEATS(5, 1, 2)), "ok");
    assert_string_equal(STATES(f, 8), ".hh..h..");
    assert_int_equal(f->op.change.total, 1000 + 1000 + 2000);
    assert_int_equal(f->op.change.seats[0], 1); /* ascending */
    assert_int_equal(f->op.change.expires_ms, TEST_NOW_MS + 480000);
    assert_int_equal(engine_seat(f->engine, 5).hold, f->op.change.hold);
    close_hall(f);
}

static void a_hold_that_loses_one_seat_takes_none_and_names_all_that_are_lost(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaa", "aaaa"));
    test_hold(f->engine, 1, TEST_SEATS(2, 6));
    assert_string_equal(hold(f, 2, TEST_SEATS(1, 2, 5, 6)), "seats-taken");
    assert_int_equal(f->op.lost_count, 2);
    assert_int_equal(f->op.lost[0], 2);
    assert_int_equal(f->op.lost[1], 6);
    assert_string_equal(STATES(f, 8), "..h...h.");
    close_hall(f);
}

static void nonsense_is_refused_by_name(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaaaaaaaa"));
    assert_string_equal(hold(f, 1, NULL, 0), "no-seats");
    assert_string_equal(hold(f, 1, TEST_SEATS(3, 4, 3)), "seat-twice");
    assert_int_equal(f->op.seat, 3);
    assert_string_equal(hold(f, 1, TEST_SEATS(3, 10)), "seat-unknown");
    assert_int_equal(f->op.seat, 10);
    assert_string_equal(hold(f, 1, TEST_SEATS(0, 1, 2, 3, 4, 5, 6, 7, 8)), "too-many");
    assert_int_equal(f->op.limit, 8);
    assert_string_equal(best(f, 1, 0, true), "no-seats");
    assert_string_equal(best(f, 1, 9, true), "too-many");
    struct engine_ask ask = test_ask_area(1, 1);
    assert_string_equal(hold_now(f, &ask, TEST_NOW_MS), "seat-unknown");
    ask = test_ask_best(1, 7, 1, true);
    assert_string_equal(hold_now(f, &ask, TEST_NOW_MS), "seat-unknown");
    assert_string_equal(STATES(f, 10), "..........");
    close_hall(f);
}

static void until_the_journal_answers_a_hold_is_there_for_others_and_unknown_by_id(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaa"));
    struct engine_hold_view view;
    struct engine_ask ask = test_ask_seats(1, TEST_SEATS(0, 1));
    assert_int_equal(engine_hold(f->engine, &ask, TEST_NOW_MS, &f->op), ENGINE_OK);
    assert_string_equal(STATES(f, 4), "hh..");
    assert_int_equal(engine_hold_read(f->engine, f->op.change.hold, &view), ENGINE_NO_HOLD);
    engine_undo(f->engine, &f->op);
    assert_string_equal(STATES(f, 4), "....");
    assert_int_equal(engine_hold_read(f->engine, f->op.change.hold, &view), ENGINE_NO_HOLD);
    assert_string_equal(hold(f, 2, TEST_SEATS(0, 1)), "ok");
    close_hall(f);
}

static void what_is_given_back_is_free_after_the_commit_and_not_before(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaa"));
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0, 1));
    assert_int_equal(engine_release(f->engine, id, 1, TEST_NOW_MS, &f->op), ENGINE_OK);
    assert_string_equal(STATES(f, 4), "hh..");
    struct engine_op other;
    assert_int_equal(engine_release(f->engine, id, 1, TEST_NOW_MS, &other), ENGINE_BUSY);
    engine_undo(f->engine, &f->op);
    assert_string_equal(STATES(f, 4), "hh..");
    assert_string_equal(RELEASE(f, id, 1, TEST_NOW_MS), "ok");
    assert_string_equal(STATES(f, 4), "....");
    assert_string_equal(RELEASE(f, id, 1, TEST_NOW_MS), "no-such-hold");
    close_hall(f);
}

static void a_strangers_session_finds_no_hold(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaa"));
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0, 1));
    assert_string_equal(RELEASE(f, id, 2, TEST_NOW_MS), "no-such-hold");
    assert_string_equal(STATES(f, 4), "hh..");
    close_hall(f);
}

static void an_old_id_does_not_fit_the_slot_that_is_used_again(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaa"));
    uint64_t old = test_hold(f->engine, 1, TEST_SEATS(0, 1));
    assert_string_equal(RELEASE(f, old, 1, TEST_NOW_MS), "ok");
    uint64_t new = test_hold(f->engine, 1, TEST_SEATS(0, 1));
    assert_int_equal(old & 0xffffff, new & 0xffffff); /* the same slot */
    assert_int_not_equal(old, new);
    assert_string_equal(RELEASE(f, old, 1, TEST_NOW_MS), "no-such-hold");
    assert_string_equal(STATES(f, 4), "hh..");
    close_hall(f);
}

static void a_hold_reads_as_it_was_taken(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaa", "bbbb"));
    uint64_t id = test_hold(f->engine, 9, TEST_SEATS(6, 5, 0));
    struct engine_hold_view view;
    assert_int_equal(engine_hold_read(f->engine, id, &view), ENGINE_OK);
    assert_int_equal(view.state, ENGINE_HOLD_OPEN);
    assert_int_equal(view.seat_count, 3);
    assert_int_equal(view.seats[0], 0);
    assert_int_equal(view.seats[2], 6);
    assert_int_equal(view.total, 1000 + 2 * 2000);
    assert_int_equal(view.buyer, 9);
    assert_int_equal(view.order_hash, 0);
    close_hall(f);
}

/* ---- changing ---- */

static void a_change_adds_and_removes_in_one_step(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaaaa"));
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0, 1, 2));
    struct engine_who who = test_who(1);
    uint32_t add[] = {4, 3}, remove[] = {1, 0};
    struct engine_edit edit = {add, 2, remove, 2, 0};
    assert_int_equal(engine_change(f->engine, id, &who, &edit, TEST_NOW_MS, &f->op), ENGINE_OK);
    assert_string_equal(STATES(f, 6), "hhhhh."); /* both belong to it until the commit */
    engine_settle(f->engine, &f->op);
    assert_string_equal(STATES(f, 6), "..hhh.");
    struct engine_hold_view view;
    assert_int_equal(engine_hold_read(f->engine, id, &view), ENGINE_OK);
    assert_int_equal(view.seat_count, 3);
    assert_int_equal(view.version, 2);
    assert_int_equal(view.seats[0], 2);
    assert_int_equal(view.seats[2], 4);
    close_hall(f);
}

static void a_change_undone_leaves_the_hold_as_it_was(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaaaa"));
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0, 1, 2));
    uint64_t before = engine_state_hash(f->engine);
    struct engine_who who = test_who(1);
    uint32_t add[] = {4, 3}, remove[] = {1, 0};
    struct engine_edit edit = {add, 2, remove, 2, 0};
    assert_int_equal(engine_change(f->engine, id, &who, &edit, TEST_NOW_MS, &f->op), ENGINE_OK);
    engine_undo(f->engine, &f->op);
    assert_int_equal(engine_state_hash(f->engine), before);
    close_hall(f);
}

static void a_change_that_makes_no_sense_changes_nothing(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaaaa"));
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0, 1));
    test_hold(f->engine, 2, TEST_SEATS(4));
    struct engine_who who = test_who(1);
    const struct {
        uint32_t add[2], add_count, remove[2], remove_count;
        const char *verdict;
    } cases[] = {
        {{0}, 1, {0}, 0, "seat-twice"},  {{2, 2}, 2, {0}, 0, "seat-twice"},
        {{0}, 0, {2}, 1, "not-in-hold"}, {{0}, 0, {0, 5}, 2, "not-in-hold"},
        {{0}, 0, {0, 1}, 2, "no-seats"}, {{0}, 0, {0}, 0, "no-seats"},
        {{4}, 1, {0}, 1, "seats-taken"}, {{9}, 1, {0}, 1, "seat-unknown"},
        {{1}, 1, {1}, 1, "seat-twice"},
    };
    uint64_t before = engine_state_hash(f->engine);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct engine_edit edit = {cases[i].add, cases[i].add_count, cases[i].remove,
                                   cases[i].remove_count, 0};
        enum engine_verdict verdict =
            engine_change(f->engine, id, &who, &edit, TEST_NOW_MS, &f->op);
        assert_string_equal(engine_verdict_name(verdict), cases[i].verdict);
        assert_int_equal(engine_state_hash(f->engine), before);
    }
    close_hall(f);
}

/* ---- the saga ---- */

static void an_order_extends_once_confirms_and_refunds(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaa"));
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0, 1));
    uint64_t late_ms = TEST_NOW_MS + 400000;
    assert_string_equal(CONFIRM(f, id, "o1", TEST_NOW_MS), "order-unknown");
    assert_string_equal(EXTEND(f, id, "o1", late_ms), "ok");
    assert_int_equal(f->op.change.expires_ms, late_ms + 300000);
    assert_string_equal(EXTEND(f, id, "o1", late_ms + 5), "same");
    assert_int_equal(f->op.change.expires_ms, late_ms + 300000);
    assert_string_equal(EXTEND(f, id, "o2", late_ms), "other-order");
    assert_string_equal(RELEASE(f, id, 1, late_ms), "hold-paying");
    assert_string_equal(CONFIRM(f, id, "o2", late_ms), "other-order");
    assert_string_equal(CONFIRM(f, id, "o1", late_ms), "ok");
    assert_int_equal(f->op.change.verdict, CHANGE_VERDICT_CONFIRMED);
    assert_int_equal(f->op.change.total, 2000);
    assert_string_equal(STATES(f, 4), "ss..");
    assert_string_equal(CONFIRM(f, id, "o1", late_ms), "same");
    assert_int_equal(f->op.change.verdict, CHANGE_VERDICT_CONFIRMED);
    assert_string_equal(RELEASE(f, id, 1, late_ms), "hold-sold");
    assert_string_equal(REFUND(f, id, "o1"), "ok");
    assert_string_equal(STATES(f, 4), "....");
    assert_string_equal(REFUND(f, id, "o1"), "no-such-hold");
    close_hall(f);
}

/* The saga's undo of a confirm of which it does not know whether it came to anything. */
static void a_sale_is_taken_back_whether_or_not_it_came_to_be(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaa"));
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0, 1));
    assert_string_equal(EXTEND(f, id, "o1", TEST_NOW_MS), "ok");
    assert_string_equal(REFUND(f, id, "o2"), "other-order");
    assert_string_equal(REFUND(f, id, "o1"), "ok");
    assert_int_equal(f->op.change.kind, CHANGE_RELEASED);
    assert_string_equal(STATES(f, 4), "....");
    assert_string_equal(CONFIRM(f, id, "o1", TEST_NOW_MS), "no-such-hold");
    close_hall(f);
}

static void an_order_that_ends_before_it_has_the_hold_leaves_none_behind(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaa"));
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0, 1));
    assert_string_equal(ORDER_RELEASE(f, id, "o1"), "ok");
    assert_string_equal(EXTEND(f, id, "o1", TEST_NOW_MS), "no-such-hold");
    assert_string_equal(STATES(f, 4), "....");
    close_hall(f);
}

/* Lines are seats of category "a" at 1000; what is asked for is what the buyer was told. */
static struct engine_purchase bought_for(const char *const *seats, uint32_t count, uint64_t fees)
{
    struct purchase_line lines[4];
    struct engine_purchase purchase = {.event = SPAN("gala"), .fees = fees};
    for (uint32_t i = 0; i < count; i++)
        lines[i] = (struct purchase_line){span_of(seats[i]), SPAN("a"), 1000, 1};
    purchase_digest(&(struct purchase){.event = purchase.event,
                                       .currency = SPAN("KRW"),
                                       .lines = lines,
                                       .lines_len = count,
                                       .fees = fees,
                                       .total = 1000 * (uint64_t)count + fees},
                    purchase.digest);
    return purchase;
}

static struct engine_purchase bought(const char *const *seats, uint32_t count)
{
    return bought_for(seats, count, 0);
}

static const char *extend_bound(struct fixture *f, uint64_t id, const char *order,
                                const struct engine_purchase *purchase)
{
    struct engine_order who = {.id = span_of(order), .purchase = purchase};
    return end(f, engine_extend(f->engine, id, &who, 300000, TEST_NOW_MS, &f->op));
}

static const char *confirm_bound(struct fixture *f, uint64_t id, const char *order,
                                 const struct engine_purchase *purchase)
{
    return end(
        f, engine_confirm(f->engine, id, span_of(order), purchase->digest, TEST_NOW_MS, &f->op));
}

static void an_order_gets_what_it_was_told_the_price_of_or_nothing(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaa"));
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0, 1));
    struct engine_purchase one = bought((const char *[]){"s0"}, 1);
    struct engine_purchase other = bought((const char *[]){"s0", "s2"}, 2);
    struct engine_purchase both = bought((const char *[]){"s1", "s0"}, 2);
    uint64_t before = engine_state_hash(f->engine);
    assert_string_equal(extend_bound(f, id, "o1", &one), "purchase-differs");
    assert_string_equal(extend_bound(f, id, "o1", &other), "purchase-differs");
    assert_int_equal(engine_state_hash(f->engine), before);
    assert_string_equal(extend_bound(f, id, "o1", &both), "ok");
    assert_string_equal(extend_bound(f, id, "o1", &both), "same");
    assert_string_equal(extend_bound(f, id, "o1", &one), "purchase-differs");
    assert_string_equal(confirm_bound(f, id, "o1", &other), "purchase-differs");
    struct engine_hold_view view;
    assert_int_equal(engine_hold_read(f->engine, id, &view), ENGINE_OK);
    assert_memory_equal(view.purchase, both.digest, sizeof(view.purchase));
    assert_string_equal(confirm_bound(f, id, "o1", &both), "ok");
    assert_string_equal(confirm_bound(f, id, "o1", &both), "same");
    assert_string_equal(confirm_bound(f, id, "o1", &other), "purchase-differs");
    close_hall(f);
}

static void an_order_charges_the_fees_of_the_event_and_no_others(void **state)
{
    (void)state;
    struct fixture *f = open_hall(&(struct test_hall){
        .rows = ROWS("aaaa"),
        .limits = test_limits(),
        .charges = {.fees = {.per_seat = 50, .per_order = 7, .basis_points = 1000}}});
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0, 1));
    const char *const seats[] = {"s0", "s1"};
    struct engine_purchase none = bought_for(seats, 2, 0);
    struct engine_purchase less = bought_for(seats, 2, 306);
    struct engine_purchase right = bought_for(seats, 2, 2 * 50 + 7 + 200);
    assert_string_equal(extend_bound(f, id, "o1", &none), "purchase-differs");
    assert_string_equal(extend_bound(f, id, "o1", &less), "purchase-differs");
    assert_string_equal(extend_bound(f, id, "o1", &right), "ok");
    assert_string_equal(confirm_bound(f, id, "o1", &right), "ok");
    close_hall(f);
}

static void read_back(const struct fixture *f, const uint8_t *bytes, size_t len)
{
    struct engine *other = test_hall_engine(f->plan);
    engine_replay_begin(other);
    assert_int_equal(engine_snapshot_read(other, bytes, len, NULL), 0);
    assert_int_equal(engine_state_hash(other), engine_state_hash(f->engine));
    engine_destroy(other);
}

static void a_purchase_survives_a_snapshot_and_snapshots_from_before_are_read(void **state)
{
    (void)state;
    static const uint8_t none[CHANGE_HASH_BYTES];
    for (int with = 0; with < 2; with++) {
        struct fixture *f = open_rows(ROWS("aaaa"));
        uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0, 1));
        struct engine_purchase both = bought((const char *[]){"s0", "s1"}, 2);
        assert_string_equal(extend_bound(f, id, "o1", with ? &both : NULL), "ok");
        size_t room = engine_snapshot_size(f->engine);
        uint8_t *bytes = malloc(room);
        size_t len = engine_snapshot_write(f->engine, bytes, room);
        read_back(f, bytes, len);
        /* The format before knew no purchases. */
        uint8_t *at = memmem(bytes, len, with ? both.digest : none, CHANGE_HASH_BYTES);
        assert_non_null(at);
        at = with ? at : memmem(bytes + 64, len - 64, none, CHANGE_HASH_BYTES);
        if (!with) {
            memmove(at, at + CHANGE_HASH_BYTES, len - (size_t)(at + CHANGE_HASH_BYTES - bytes));
            bytes[4] = 2;
            read_back(f, bytes, len - CHANGE_HASH_BYTES);
        }
        free(bytes);
        close_hall(f);
    }
}

static void a_hold_keeps_its_prices_and_so_does_its_purchase(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaa"));
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0));
    struct engine_purchase told = bought((const char *[]){"s0"}, 1);
    assert_int_equal(engine_price(f->engine, 0, 5000, SPAN(""), TEST_NOW_MS, &f->op), ENGINE_OK);
    engine_settle(f->engine, &f->op);
    uint64_t later = test_hold(f->engine, 1, TEST_SEATS(2));
    struct engine_purchase stale = bought((const char *[]){"s2"}, 1);
    assert_string_equal(extend_bound(f, later, "o2", &stale), "purchase-differs");
    assert_string_equal(extend_bound(f, id, "o1", &told), "ok");
    close_hall(f);
}

static void no_extension_goes_beyond_the_hard_end(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaa"));
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0, 1));
    assert_int_equal(engine_extend(f->engine, id, &(struct engine_order){.id = SPAN("o1")}, 3600000,
                                   TEST_NOW_MS, &f->op),
                     ENGINE_OK);
    assert_int_equal(f->op.change.expires_ms, TEST_NOW_MS + 900000);
    engine_undo(f->engine, &f->op);
    assert_string_equal(EXTEND(f, id, "o1", TEST_NOW_MS + 480000), "hold-expired");
    close_hall(f);
}

static bool expire(struct fixture *f, uint64_t now_ms)
{
    bool due = engine_expire_next(f->engine, now_ms, &f->op);
    if (due)
        engine_settle(f->engine, &f->op);
    return due;
}

static void a_hold_runs_out_at_its_time_and_not_before(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaa"));
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0, 1));
    for (uint64_t ms = 0; ms < 480000; ms += 1000)
        assert_false(expire(f, TEST_NOW_MS + ms));
    assert_false(expire(f, TEST_NOW_MS + 479999));
    assert_true(expire(f, TEST_NOW_MS + 480064));
    assert_int_equal(f->op.change.hold, id);
    assert_int_equal(f->op.change.kind, CHANGE_EXPIRED);
    assert_string_equal(STATES(f, 4), "....");
    assert_false(expire(f, TEST_NOW_MS + 480128));
    close_hall(f);
}

static void an_expiry_that_the_journal_refused_comes_again_a_second_later(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaa"));
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0, 1));
    uint64_t now_ms = TEST_NOW_MS + 500000;
    assert_true(engine_expire_next(f->engine, now_ms, &f->op));
    engine_undo(f->engine, &f->op);
    assert_string_equal(STATES(f, 4), "hh..");
    assert_false(engine_expire_next(f->engine, now_ms + 999, &f->op));
    assert_int_equal(engine_expire_wait_ms(f->engine, now_ms + 900), 100);
    assert_true(expire(f, now_ms + 1100));
    assert_int_equal(f->op.change.hold, id);
    close_hall(f);
}

static void expiry_waits_for_the_op_that_has_the_hold(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaa"));
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0, 1));
    struct engine_op extend;
    uint64_t now_ms = TEST_NOW_MS + 479999;
    assert_int_equal(engine_extend(f->engine, id, &(struct engine_order){.id = SPAN("o1")}, 300000,
                                   now_ms, &extend),
                     ENGINE_OK);
    assert_false(expire(f, now_ms + 1000));
    engine_settle(f->engine, &extend);
    assert_false(expire(f, now_ms + 2000));
    assert_true(expire(f, now_ms + 300064));
    close_hall(f);
}

static uint64_t paying_hold_that_expired(struct fixture *f)
{
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0, 1));
    assert_string_equal(EXTEND(f, id, "o1", TEST_NOW_MS), "ok");
    assert_true(expire(f, TEST_NOW_MS + 600000));
    assert_string_equal(STATES(f, 4), "....");
    return id;
}

static void a_late_confirm_takes_the_same_seats_again_if_they_are_free(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaa"));
    uint64_t id = paying_hold_that_expired(f);
    /* Somebody had one of them in the meantime and gave it back. */
    uint64_t other = test_hold(f->engine, 2, TEST_SEATS(1, 2));
    assert_string_equal(RELEASE(f, other, 2, TEST_NOW_MS), "ok");
    assert_string_equal(CONFIRM(f, id, "o2", TEST_NOW_MS + 700000), "other-order");
    assert_string_equal(CONFIRM(f, id, "o1", TEST_NOW_MS + 700000), "ok");
    assert_int_equal(f->op.change.verdict, CHANGE_VERDICT_RETAKEN);
    assert_string_equal(STATES(f, 4), "ss..");
    assert_string_equal(CONFIRM(f, id, "o1", TEST_NOW_MS + 700000), "same");
    assert_int_equal(f->op.change.verdict, CHANGE_VERDICT_RETAKEN);
    assert_string_equal(REFUND(f, id, "o1"), "ok");
    close_hall(f);
}

static void a_late_confirm_of_seats_that_have_gone_says_gone(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaa"));
    uint64_t id = paying_hold_that_expired(f);
    uint64_t other = test_hold(f->engine, 2, TEST_SEATS(1, 2));
    assert_string_equal(CONFIRM(f, id, "o1", TEST_NOW_MS + 700000), "seats-gone");
    assert_int_equal(f->op.lost_count, 1);
    assert_int_equal(f->op.lost[0], 1);
    assert_string_equal(STATES(f, 4), ".hh.");
    assert_int_equal(engine_seat(f->engine, 1).hold, other);
    /* The answer may change for the better: the saga asks again with the same order. */
    assert_string_equal(RELEASE(f, other, 2, TEST_NOW_MS), "ok");
    assert_string_equal(CONFIRM(f, id, "o1", TEST_NOW_MS + 700000), "ok");
    close_hall(f);
}

static void a_hold_that_was_remembered_long_enough_is_forgotten(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaa"));
    uint64_t id = paying_hold_that_expired(f);
    assert_true(expire(f, TEST_NOW_MS + 600000 + LATE_KEEP_MS + 1000));
    assert_int_equal(f->op.change.kind, CHANGE_FORGOTTEN);
    assert_string_equal(CONFIRM(f, id, "o1", TEST_NOW_MS + 700000), "no-such-hold");
    close_hall(f);
}

static void the_saga_releases_what_is_not_sold(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaa"));
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0, 1));
    assert_string_equal(EXTEND(f, id, "o1", TEST_NOW_MS), "ok");
    enum engine_verdict verdict =
        engine_order_release(f->engine, id, SPAN("o2"), TEST_NOW_MS, &f->op);
    assert_int_equal(verdict, ENGINE_OTHER_ORDER);
    verdict = engine_order_release(f->engine, id, SPAN("o1"), TEST_NOW_MS, &f->op);
    assert_string_equal(end(f, verdict), "ok");
    assert_string_equal(STATES(f, 4), "....");
    assert_string_equal(CONFIRM(f, id, "o1", TEST_NOW_MS), "no-such-hold");
    close_hall(f);
}

/* ---- areas ---- */

static struct fixture *open_floor(uint32_t capacity)
{
    struct plan_limits limits = test_limits();
    return open_hall(
        &(struct test_hall){.rows = ROWS("aaaa"), .limits = limits, .area_capacity = capacity});
}

static void an_area_sells_its_capacity_and_no_more(void **state)
{
    (void)state;
    struct fixture *f = open_floor(10);
    struct engine_ask ask = test_ask_area(1, 6);
    assert_string_equal(hold_now(f, &ask, TEST_NOW_MS), "ok");
    uint64_t id = f->op.change.hold;
    assert_int_equal(f->op.change.total, 6 * 2000);
    ask = test_ask_area(2, 5);
    assert_string_equal(hold_now(f, &ask, TEST_NOW_MS), "sold-out");
    assert_int_equal(engine_area(f->engine, 0).free, 4);

    struct engine_who who = test_who(1);
    struct engine_edit edit = {.quantity = 2};
    assert_int_equal(engine_change(f->engine, id, &who, &edit, TEST_NOW_MS, &f->op), ENGINE_OK);
    assert_int_equal(engine_area(f->engine, 0).held, 6);
    engine_settle(f->engine, &f->op);
    assert_int_equal(engine_area(f->engine, 0).held, 2);
    edit.quantity = 8;
    assert_string_equal(end(f, engine_change(f->engine, id, &who, &edit, TEST_NOW_MS, &f->op)),
                        "ok");
    assert_string_equal(EXTEND(f, id, "o1", TEST_NOW_MS), "ok");
    assert_string_equal(CONFIRM(f, id, "o1", TEST_NOW_MS), "ok");
    assert_int_equal(engine_area(f->engine, 0).sold, 8);
    assert_string_equal(REFUND(f, id, "o1"), "ok");
    assert_int_equal(engine_area(f->engine, 0).free, 10);
    close_hall(f);
}

static void a_late_confirm_of_an_area_retakes_as_many_places(void **state)
{
    (void)state;
    struct fixture *f = open_floor(10);
    struct engine_ask ask = test_ask_area(1, 6);
    assert_string_equal(hold_now(f, &ask, TEST_NOW_MS), "ok");
    uint64_t id = f->op.change.hold;
    assert_string_equal(EXTEND(f, id, "o1", TEST_NOW_MS), "ok");
    assert_true(expire(f, TEST_NOW_MS + 600000));
    ask = test_ask_area(2, 5);
    assert_string_equal(hold_now(f, &ask, TEST_NOW_MS), "ok");
    uint64_t other = f->op.change.hold;
    assert_string_equal(CONFIRM(f, id, "o1", TEST_NOW_MS), "seats-gone");
    assert_string_equal(RELEASE(f, other, 2, TEST_NOW_MS), "ok");
    assert_string_equal(CONFIRM(f, id, "o1", TEST_NOW_MS), "ok");
    assert_int_equal(f->op.change.verdict, CHANGE_VERDICT_RETAKEN);
    assert_int_equal(engine_area(f->engine, 0).sold, 6);
    close_hall(f);
}

static void seats_and_area_do_not_mix(void **state)
{
    (void)state;
    struct fixture *f = open_floor(10);
    uint32_t seat = 1;
    struct engine_ask ask = test_ask_area(1, 6);
    ask.seats = &seat;
    ask.seat_count = 1;
    assert_string_equal(hold_now(f, &ask, TEST_NOW_MS), "seats-and-area");

    /* Nor in a journal, whoever wrote it. */
    static const enum change_kind kinds[] = {CHANGE_TAKEN, CHANGE_BLOCKED, CHANGE_UNBLOCKED};
    engine_replay_begin(f->engine);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        bool frees = kinds[i] == CHANGE_UNBLOCKED;
        struct change change = {.kind = (uint8_t)kinds[i],
                                .hold = 1,
                                .quantity = 2,
                                .seats = {seat},
                                .add_count = !frees,
                                .remove_count = frees};
        struct err_slot err;
        assert_int_equal(engine_apply(f->engine, &change, &err), ERR_STATE);
        assert_non_null(strstr(err.text, "seats and an area at once"));
    }
    engine_replay_end(f->engine);
    assert_int_equal(engine_area(f->engine, 0).free, 10);
    close_hall(f);
}

static void a_hold_of_places_takes_no_seats_by_a_change(void **state)
{
    (void)state;
    struct fixture *f = open_floor(10);
    uint32_t seat = 1;
    struct engine_ask ask = test_ask_area(1, 2);
    assert_string_equal(hold_now(f, &ask, TEST_NOW_MS), "ok");
    struct engine_who who = test_who(1);
    const struct engine_edit edits[] = {{.add = &seat, .add_count = 1, .quantity = 1},
                                        {.remove = &seat, .remove_count = 1, .quantity = 1},
                                        {&seat, 1, &seat, 1, 1}};
    uint64_t id = f->op.change.hold;
    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        enum engine_verdict verdict =
            engine_change(f->engine, id, &who, &edits[i], TEST_NOW_MS, &f->op);
        assert_string_equal(engine_verdict_name(verdict), "seats-and-area");
    }
    close_hall(f);
}

/* ---- the operator ---- */

static void the_operator_blocks_unblocks_and_moves(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaaaa"));
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0, 1));
    assert_int_equal(engine_block(f->engine, TEST_SEATS(1, 2), SPAN("camera"), TEST_NOW_MS, &f->op),
                     ENGINE_TAKEN);
    assert_int_equal(f->op.lost[0], 1);
    assert_string_equal(
        end(f, engine_block(f->engine, TEST_SEATS(3, 2), SPAN("camera"), TEST_NOW_MS, &f->op)),
        "ok");
    assert_string_equal(STATES(f, 6), "hh##..");
    assert_string_equal(hold(f, 2, TEST_SEATS(2)), "seats-taken");
    assert_int_equal(engine_unblock(f->engine, TEST_SEATS(2, 4), SPAN(""), TEST_NOW_MS, &f->op),
                     ENGINE_TAKEN);
    assert_int_equal(f->op.lost[0], 4);
    assert_string_equal(
        end(f, engine_unblock(f->engine, TEST_SEATS(2), SPAN(""), TEST_NOW_MS, &f->op)), "ok");
    assert_string_equal(STATES(f, 6), "hh.#..");

    uint32_t from[] = {1, 0}, to[] = {4, 5};
    assert_int_equal(engine_move(f->engine, id, SPAN("o1"), from, to, 2, TEST_NOW_MS, &f->op),
                     ENGINE_NOT_SOLD);
    assert_string_equal(EXTEND(f, id, "o1", TEST_NOW_MS), "ok");
    assert_string_equal(CONFIRM(f, id, "o1", TEST_NOW_MS), "ok");
    assert_string_equal(MOVE(f, id, "", from, to, 2), "sold-to-order");
    assert_string_equal(MOVE(f, id, "o2", from, to, 2), "other-order");
    assert_string_equal(STATES(f, 6), "ss.#..");
    assert_string_equal(MOVE(f, id, "o1", from, to, 2), "ok");
    assert_string_equal(STATES(f, 6), "...#ss");
    assert_string_equal(MOVE(f, id, "o1", from, to, 2), "same");
    assert_string_equal(MOVE(f, id, "o2", from, to, 2), "other-order");
    struct engine_hold_view view;
    assert_int_equal(engine_hold_read(f->engine, id, &view), ENGINE_OK);
    assert_int_equal(view.seats[0], 4);
    assert_int_equal(view.seats[1], 5);
    close_hall(f);
}

/* Neither order of block and unblock may reach the journal before the other is decided. */
static void what_is_only_being_blocked_cannot_be_unblocked(void **state)
{
    (void)state;
    struct fixture *f = open_floor(10);
    struct engine_op other;
    assert_int_equal(engine_block(f->engine, TEST_SEATS(1), SPAN(""), TEST_NOW_MS, &f->op),
                     ENGINE_OK);
    assert_int_equal(engine_unblock(f->engine, TEST_SEATS(1), SPAN(""), TEST_NOW_MS, &other),
                     ENGINE_TAKEN);
    assert_int_equal(other.lost[0], 1);
    engine_undo(f->engine, &f->op);
    assert_int_equal(engine_seat(f->engine, 1).state, ENGINE_FREE);
    assert_string_equal(
        end(f, engine_block(f->engine, TEST_SEATS(1), SPAN(""), TEST_NOW_MS, &f->op)), "ok");
    assert_string_equal(
        end(f, engine_unblock(f->engine, TEST_SEATS(1), SPAN(""), TEST_NOW_MS, &f->op)), "ok");

    assert_int_equal(engine_block_area(f->engine, 0, 4, SPAN(""), TEST_NOW_MS, &f->op), ENGINE_OK);
    assert_int_equal(engine_unblock_area(f->engine, 0, 4, SPAN(""), TEST_NOW_MS, &other),
                     ENGINE_SOLD_OUT);
    assert_int_equal(engine_area(f->engine, 0).free, 6);
    engine_undo(f->engine, &f->op);
    assert_int_equal(engine_area(f->engine, 0).free, 10);
    assert_string_equal(end(f, engine_block_area(f->engine, 0, 4, SPAN(""), TEST_NOW_MS, &f->op)),
                        "ok");
    assert_int_equal(engine_area(f->engine, 0).blocked, 4);
    close_hall(f);
}

static void operators_ops_undo_without_a_trace(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaaaa"));
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0, 1));
    assert_string_equal(EXTEND(f, id, "o1", TEST_NOW_MS), "ok");
    assert_string_equal(CONFIRM(f, id, "o1", TEST_NOW_MS), "ok");
    assert_string_equal(
        end(f, engine_block(f->engine, TEST_SEATS(2), SPAN(""), TEST_NOW_MS, &f->op)), "ok");
    uint64_t before = engine_state_hash(f->engine);
    uint32_t from[] = {0}, to[] = {5};
    assert_int_equal(engine_block(f->engine, TEST_SEATS(3), SPAN(""), TEST_NOW_MS, &f->op),
                     ENGINE_OK);
    engine_undo(f->engine, &f->op);
    assert_int_equal(engine_unblock(f->engine, TEST_SEATS(2), SPAN(""), TEST_NOW_MS, &f->op),
                     ENGINE_OK);
    engine_undo(f->engine, &f->op);
    assert_int_equal(engine_move(f->engine, id, SPAN("o1"), from, to, 1, TEST_NOW_MS, &f->op),
                     ENGINE_OK);
    engine_undo(f->engine, &f->op);
    assert_int_equal(engine_refund(f->engine, id, SPAN("o1"), TEST_NOW_MS, &f->op), ENGINE_OK);
    engine_undo(f->engine, &f->op);
    assert_int_equal(engine_price(f->engine, 0, 5, SPAN(""), TEST_NOW_MS, &f->op), ENGINE_OK);
    engine_undo(f->engine, &f->op);
    assert_int_equal(engine_state_hash(f->engine), before);
    close_hall(f);
}

static void a_new_price_is_for_new_holds(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaaaa"));
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0));
    assert_int_equal(engine_price(f->engine, 0, 7000, SPAN(""), TEST_NOW_MS, &f->op), ENGINE_OK);
    struct engine_op second;
    assert_int_equal(engine_price(f->engine, 0, 1, SPAN(""), TEST_NOW_MS, &second), ENGINE_BUSY);
    engine_settle(f->engine, &f->op);
    struct engine_who who = test_who(1);
    uint32_t add[] = {1};
    struct engine_edit edit = {.add = add, .add_count = 1};
    assert_string_equal(end(f, engine_change(f->engine, id, &who, &edit, TEST_NOW_MS, &f->op)),
                        "ok");
    assert_int_equal(f->op.change.total, 2000);
    assert_string_equal(hold(f, 2, TEST_SEATS(3)), "ok");
    assert_int_equal(f->op.change.total, 7000);
    close_hall(f);
}

/* ---- rules ---- */

static void a_buyer_has_at_most_his_limit_over_all_his_holds(void **state)
{
    (void)state;
    struct plan_limits limits = test_limits();
    limits.max_per_buyer = 4;
    struct fixture *f = open_hall(
        &(struct test_hall){.rows = ROWS("aaaaaaaa"), .limits = limits, .area_capacity = 10});
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0, 1, 2));
    assert_string_equal(hold(f, 1, TEST_SEATS(4, 5)), "buyer-limit");
    assert_int_equal(f->op.has, 3);
    assert_int_equal(f->op.limit, 4);
    struct engine_ask ask = test_ask_area(1, 2);
    assert_string_equal(hold_now(f, &ask, TEST_NOW_MS), "buyer-limit");
    struct engine_who who = test_who(1);
    uint32_t add[] = {4, 5}, remove[] = {0};
    struct engine_edit edit = {add, 2, remove, 0, 0};
    assert_int_equal(engine_change(f->engine, id, &who, &edit, TEST_NOW_MS, &f->op),
                     ENGINE_BUYER_LIMIT);
    edit.remove_count = 1;
    assert_string_equal(end(f, engine_change(f->engine, id, &who, &edit, TEST_NOW_MS, &f->op)),
                        "ok");
    assert_string_equal(hold(f, 1, TEST_SEATS(7)), "buyer-limit");
    assert_string_equal(RELEASE(f, id, 1, TEST_NOW_MS), "ok");
    assert_string_equal(hold(f, 1, TEST_SEATS(0, 1, 2, 3)), "ok");
    assert_string_equal(hold(f, 2, TEST_SEATS(4, 5, 6, 7)), "ok");
    close_hall(f);
}

static const char *extend_for(struct fixture *f, uint64_t id, const char *order, uint64_t buyer)
{
    return end(f, engine_extend(f->engine, id,
                                &(struct engine_order){.id = span_of(order), .buyer = buyer},
                                300000, TEST_NOW_MS, &f->op));
}

static void an_order_hands_its_hold_over_to_the_member_whose_limit_counts(void **state)
{
    (void)state;
    enum { MEMBER = 77, OTHER = 78 };
    struct plan_limits limits = test_limits();
    limits.max_per_buyer = 4;
    struct fixture *f =
        open_hall(&(struct test_hall){.rows = ROWS("aaaaaaaaaaaa"), .limits = limits});
    uint64_t first = test_hold(f->engine, 1, TEST_SEATS(0, 1, 2));
    assert_string_equal(extend_for(f, first, "o1", MEMBER), "ok");
    assert_string_equal(extend_for(f, first, "o1", MEMBER), "same");
    assert_string_equal(hold(f, 1, TEST_SEATS(4, 5, 6, 7)), "ok"); /* the visit has its own again */

    uint64_t second = test_hold(f->engine, 2, TEST_SEATS(8, 9));
    assert_string_equal(extend_for(f, second, "o2", MEMBER), "buyer-limit");
    assert_int_equal(f->op.limit, 4);
    assert_int_equal(f->op.has, 3);
    struct engine_hold_view view;
    assert_int_equal(engine_hold_read(f->engine, second, &view), ENGINE_OK);
    assert_int_equal(view.buyer, 2); /* nothing was changed */
    assert_int_equal(view.order_hash, 0);

    assert_string_equal(CONFIRM(f, first, "o1", TEST_NOW_MS), "ok");
    assert_string_equal(extend_for(f, second, "o2", MEMBER), "buyer-limit"); /* bought counts */
    assert_string_equal(extend_for(f, second, "o3", OTHER), "ok");
    assert_string_equal(REFUND(f, first, "o1"), "ok");
    assert_string_equal(hold(f, MEMBER, TEST_SEATS(0, 1, 2, 3)), "ok"); /* given back */
    close_hall(f);
}

static void a_hand_over_that_the_journal_refuses_counts_for_nobody(void **state)
{
    (void)state;
    struct plan_limits limits = test_limits();
    limits.max_per_buyer = 4;
    struct fixture *f = open_hall(&(struct test_hall){.rows = ROWS("aaaaaaaa"), .limits = limits});
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0, 1, 2));
    assert_int_equal(engine_extend(f->engine, id,
                                   &(struct engine_order){.id = SPAN("o"), .buyer = 77}, 300000,
                                   TEST_NOW_MS, &f->op),
                     ENGINE_OK);
    engine_undo(f->engine, &f->op);
    assert_string_equal(hold(f, 77, TEST_SEATS(4, 5, 6, 7)), "ok");
    assert_string_equal(hold(f, 1, TEST_SEATS(3)), "ok");
    assert_string_equal(RELEASE(f, id, 1, TEST_NOW_MS), "ok");
    close_hall(f);
}

static struct fixture *open_orphan_rule(const char *const *rows)
{
    struct plan_limits limits = test_limits();
    limits.orphan_rule = true;
    return open_hall(&(struct test_hall){.rows = rows, .limits = limits});
}

static void no_take_may_leave_a_single_seat_while_there_is_a_legal_choice(void **state)
{
    (void)state;
    struct fixture *f = open_orphan_rule(ROWS("aaaaaa", "aaaaaa"));
    assert_string_equal(hold(f, 1, TEST_SEATS(1, 2)), "single-seat-left");
    assert_int_equal(f->op.seat, 0);
    assert_string_equal(hold(f, 1, TEST_SEATS(0, 1, 3, 4)), "single-seat-left");
    assert_string_equal(hold(f, 1, TEST_SEATS(2, 3)), "ok"); /* two on either side */
    assert_string_equal(hold(f, 1, TEST_SEATS(0)), "single-seat-left");
    assert_string_equal(STATES(f, 12), "..hh........");
    close_hall(f);
}

static void the_rule_gives_way_when_no_legal_choice_is_left(void **state)
{
    (void)state;
    struct fixture *f = open_orphan_rule(ROWS("aaa", "aa"));
    assert_string_equal(hold(f, 1, TEST_SEATS(0, 1)), "single-seat-left"); /* row 2 is legal */
    assert_string_equal(hold(f, 2, TEST_SEATS(3, 4)), "ok");
    assert_string_equal(hold(f, 1, TEST_SEATS(0, 1)), "ok");
    assert_int_equal(f->op.change.flags,
                     CHANGE_FLAG_ADJACENT | CHANGE_FLAG_ORPHAN | CHANGE_FLAG_LAST_RESORT);
    close_hall(f);
}

static void a_change_is_judged_by_what_comes_out_of_it(void **state)
{
    (void)state;
    struct fixture *f = open_orphan_rule(ROWS("aaaaaaaa", "aaaaaaaa"));
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(2, 3, 4));
    struct engine_who who = test_who(1);
    uint32_t two = 2, one = 1, four = 4;
    struct engine_edit edit = {.remove = &two, .remove_count = 1, .add = &one, .add_count = 1};
    assert_int_equal(engine_change(f->engine, id, &who, &edit, TEST_NOW_MS, &f->op),
                     ENGINE_ORPHAN); /* 0 and 2 would be single */
    edit = (struct engine_edit){.remove = &four, .remove_count = 1};
    assert_string_equal(end(f, engine_change(f->engine, id, &who, &edit, TEST_NOW_MS, &f->op)),
                        "ok");
    assert_string_equal(STATES(f, 8), "..hh....");
    close_hall(f);
}

static void an_aisle_is_an_end_of_the_row(void **state)
{
    (void)state;
    struct fixture *f = open_orphan_rule(ROWS("aaa_aaa", "aaaa"));
    assert_string_equal(hold(f, 1, TEST_SEATS(0, 1)), "single-seat-left");
    assert_string_equal(hold(f, 1, TEST_SEATS(0, 1, 2)), "ok");
    close_hall(f);
}

static void channels_are_for_those_who_come_with_them(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aa22aa"));
    assert_string_equal(hold(f, 1, TEST_SEATS(1, 2)), "channel");
    assert_int_equal(f->op.seat, 2);
    struct engine_ask ask = test_ask_seats(1, TEST_SEATS(1, 2));
    ask.who.channels = 1 | 2;
    assert_string_equal(hold_now(f, &ask, TEST_NOW_MS), "ok");
    assert_string_equal(best(f, 2, 3, true), "sold-out"); /* 3, 4, 5 hold one of the channel */
    ask = test_ask_best(2, ENGINE_CATEGORY_ANY, 3, true);
    ask.who.channels = 3;
    assert_string_equal(hold_now(f, &ask, TEST_NOW_MS), "ok");
    close_hall(f);
}

static void each_category_has_its_time_and_a_channel_may_come_earlier(void **state)
{
    (void)state;
    struct plan_category categories[] = {
        {.name = SPAN("a"), .price = 1, .on_sale_ms = 2000, .off_sale_ms = 9000},
        {.name = SPAN("b"), .price = 1},
    };
    struct plan_channel channels[] = {{.id = SPAN("public")},
                                      {.id = SPAN("fans"), .on_sale_ms = 1000}};
    struct fixture *f = open_hall(&(struct test_hall){.rows = ROWS("a2a", "bbb"),
                                                      .limits = test_limits(),
                                                      .categories = categories,
                                                      .channels = channels,
                                                      .channel_count = 2});
    struct engine_ask ask = test_ask_seats(1, TEST_SEATS(0));
    assert_string_equal(hold_now(f, &ask, 1999), "not-on-sale");
    assert_int_equal(f->op.opens_ms, 2000);
    ask = test_ask_best(1, 0, 1, true);
    assert_string_equal(hold_now(f, &ask, 1999), "not-on-sale");
    ask.who.channels = 3;
    assert_string_equal(hold_now(f, &ask, 999), "not-on-sale");
    assert_string_equal(hold_now(f, &ask, 1000), "ok");
    assert_int_equal(f->op.change.seats[0], 1); /* the fans' seat, not the public's */
    assert_string_equal(hold_now(f, &ask, 1500), "sold-out");
    ask = test_ask_seats(1, TEST_SEATS(0));
    assert_string_equal(hold_now(f, &ask, 2000), "ok");
    ask = test_ask_seats(1, TEST_SEATS(2));
    assert_string_equal(hold_now(f, &ask, 9000), "not-on-sale");
    assert_int_equal(f->op.opens_ms, 0);
    ask = test_ask_best(1, ENGINE_CATEGORY_ANY, 1, true);
    assert_string_equal(hold_now(f, &ask, 500), "ok");
    assert_int_equal(f->op.change.seats[0] / 3, 1);
    close_hall(f);
}

static void accessible_seats_are_kept_and_companions_stay_with_them(void **state)
{
    (void)state;
    struct plan_limits limits = test_limits();
    limits.access_until_ms = TEST_NOW_MS + 5000;
    struct fixture *f = open_hall(&(struct test_hall){.rows = ROWS("aaA+aa"), .limits = limits});
    assert_string_equal(hold(f, 1, TEST_SEATS(2)), "accessible-seat");
    assert_string_equal(hold(f, 1, TEST_SEATS(3)), "companion-seat");
    assert_string_equal(best(f, 1, 3, true), "sold-out");
    struct engine_ask ask = test_ask_best(1, 0, 2, true);
    ask.who.access_need = true;
    assert_string_equal(hold_now(f, &ask, TEST_NOW_MS), "ok");
    uint64_t id = f->op.change.hold;
    if (f->op.change.seats[0] == 2) {
        uint32_t remove = 2;
        struct engine_edit edit = {.remove = &remove, .remove_count = 1};
        assert_int_equal(engine_change(f->engine, id, &ask.who, &edit, TEST_NOW_MS, &f->op),
                         ENGINE_COMPANION);
    }
    assert_string_equal(RELEASE(f, id, 1, TEST_NOW_MS), "ok");
    ask = test_ask_seats(1, TEST_SEATS(2, 3));
    ask.who.access_need = true;
    assert_string_equal(hold_now(f, &ask, TEST_NOW_MS), "ok");
    assert_string_equal(RELEASE(f, f->op.change.hold, 1, TEST_NOW_MS), "ok");
    ask = test_ask_seats(1, TEST_SEATS(2)); /* after a time they are for everybody */
    assert_string_equal(hold_now(f, &ask, TEST_NOW_MS + 5000), "ok");
    close_hall(f);
}

static void a_table_is_sold_whole_where_it_says_so(void **state)
{
    (void)state;
    struct fixture *f = open_orphan_rule(ROWS("=aaaa", "~aaaa"));
    assert_string_equal(hold(f, 1, TEST_SEATS(0, 1)), "whole-table");
    assert_string_equal(hold(f, 1, TEST_SEATS(5, 6)), "ok"); /* by seat; no orphans at a table */
    assert_string_equal(best(f, 2, 4, true), "ok");
    assert_string_equal(STATES(f, 8), "hhhh.hh.");
    close_hall(f);
}

static enum engine_verdict edit_now(struct fixture *f, uint64_t id, struct engine_edit edit)
{
    struct engine_who who = test_who(1);
    enum engine_verdict verdict = engine_change(f->engine, id, &who, &edit, TEST_NOW_MS, &f->op);
    if (verdict == ENGINE_OK)
        engine_settle(f->engine, &f->op);
    return verdict;
}

static void places_have_a_limit_and_an_area(void **state)
{
    (void)state;
    for (uint32_t limited = 0; limited < 2; limited++) {
        struct plan_limits limits = test_limits();
        limits.max_per_hold = limited ? 8 : 0;
        uint32_t most = limited ? 8 : HOLD_AREA_QUANTITY_MAX;
        struct fixture *f = open_hall(&(struct test_hall){
            .rows = ROWS("aaaa"), .limits = limits, .area_capacity = 2 * HOLD_AREA_QUANTITY_MAX});
        struct engine_ask ask = test_ask_area(1, 0);
        assert_int_equal(engine_hold(f->engine, &ask, TEST_NOW_MS, &f->op), ENGINE_NO_SEATS);
        ask.quantity = most + 1;
        assert_int_equal(engine_hold(f->engine, &ask, TEST_NOW_MS, &f->op), ENGINE_TOO_MANY);
        assert_int_equal(f->op.limit, most);
        ask.area = 1;
        ask.quantity = 1;
        assert_int_equal(engine_hold(f->engine, &ask, TEST_NOW_MS, &f->op), ENGINE_UNKNOWN);
        ask.area = 0;
        ask.quantity = most;
        assert_string_equal(hold_now(f, &ask, TEST_NOW_MS), "ok");
        uint64_t id = f->op.change.hold;
        assert_int_equal(edit_now(f, id, (struct engine_edit){.quantity = 0}), ENGINE_NO_SEATS);
        assert_int_equal(edit_now(f, id, (struct engine_edit){.quantity = most + 1}),
                         ENGINE_TOO_MANY);
        assert_int_equal(f->op.limit, most);
        assert_int_equal(edit_now(f, id, (struct engine_edit){.quantity = 1}), ENGINE_OK);
        assert_int_equal(edit_now(f, id, (struct engine_edit){.quantity = most}), ENGINE_OK);
        assert_int_equal(engine_area(f->engine, 0).held, most);
        close_hall(f);
    }
}

static void a_change_of_seats_has_a_limit_and_no_places(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaaaaaaaaaa"));
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0, 1));
    static const uint32_t seats[HOLD_SEATS_MAX + 1] = {2, 3, 4, 5, 6, 7, 8, 9, 10};
    uint64_t before = engine_state_hash(f->engine);
    assert_int_equal(edit_now(f, id, (struct engine_edit){seats, 1, NULL, 0, 1}), ENGINE_MIXED);
    assert_int_equal(edit_now(f, id, (struct engine_edit){seats, 9, NULL, 0, 0}), ENGINE_TOO_MANY);
    assert_int_equal(edit_now(f, id, (struct engine_edit){seats, 7, NULL, 0, 0}), ENGINE_TOO_MANY);
    assert_int_equal(edit_now(f, id, (struct engine_edit){NULL, 0, seats, HOLD_SEATS_MAX + 1, 0}),
                     ENGINE_TOO_MANY);
    assert_int_equal(engine_state_hash(f->engine), before);
    assert_int_equal(edit_now(f, id, (struct engine_edit){seats, 6, NULL, 0, 0}), ENGINE_OK);
    assert_string_equal(STATES(f, 12), "hhhhhhhh....");
    close_hall(f);
}

static void alternatives_are_for_seats_that_exist_and_in_their_number(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaa", "aaaa", "bbbb"));
    struct engine_offer offers[ALTERNATIVES_MAX];
    test_hold(f->engine, 2, TEST_SEATS(1, 2));
    struct engine_ask ask = test_ask_seats(1, TEST_SEATS(1, 2));
    uint32_t count = engine_alternatives(f->engine, &ask, TEST_NOW_MS, offers);
    assert_true(count > 0);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(offers[i].count, 2);
        assert_in_range(offers[i].seats[0], 4, 6); /* of their category */
    }
    ask.seat_count = 0;
    assert_int_equal(engine_alternatives(f->engine, &ask, TEST_NOW_MS, offers), 0);
    ask.seat_count = HOLD_SEATS_MAX + 1;
    assert_int_equal(engine_alternatives(f->engine, &ask, TEST_NOW_MS, offers), 0);
    ask = test_ask_seats(1, TEST_SEATS(4, 12));
    assert_int_equal(engine_alternatives(f->engine, &ask, TEST_NOW_MS, offers), 0);
    close_hall(f);
}

static void an_operator_names_seats_that_exist_and_each_once(void **state)
{
    (void)state;
    struct fixture *f = open_floor(10);
    static const uint32_t many[CHANGE_SEATS_MAX + 1] = {0};
    const struct span why = SPAN("");
    struct engine *e = f->engine;
    assert_int_equal(engine_block(e, many, 0, why, TEST_NOW_MS, &f->op), ENGINE_NO_SEATS);
    assert_int_equal(engine_block(e, many, CHANGE_SEATS_MAX + 1, why, TEST_NOW_MS, &f->op),
                     ENGINE_TOO_MANY);
    assert_int_equal(engine_block(e, TEST_SEATS(0, 999), why, TEST_NOW_MS, &f->op), ENGINE_UNKNOWN);
    assert_int_equal(f->op.seat, 999);
    assert_int_equal(engine_block(e, many, 2, why, TEST_NOW_MS, &f->op), ENGINE_TWICE);
    assert_int_equal(engine_unblock(e, many, 0, why, TEST_NOW_MS, &f->op), ENGINE_NO_SEATS);
    assert_int_equal(engine_unblock(e, TEST_SEATS(999), why, TEST_NOW_MS, &f->op), ENGINE_UNKNOWN);
    assert_int_equal(engine_block_area(e, 1, 1, why, TEST_NOW_MS, &f->op), ENGINE_UNKNOWN);
    assert_int_equal(engine_block_area(e, 0, 0, why, TEST_NOW_MS, &f->op), ENGINE_NO_SEATS);
    assert_int_equal(engine_block_area(e, 0, 11, why, TEST_NOW_MS, &f->op), ENGINE_SOLD_OUT);
    assert_int_equal(engine_unblock_area(e, 0, 1, why, TEST_NOW_MS, &f->op), ENGINE_SOLD_OUT);
    assert_int_equal(engine_price(e, 9, 5, SPAN(""), TEST_NOW_MS, &f->op), ENGINE_UNKNOWN);
    assert_int_equal(engine_area(e, 0).free, 10);
    close_hall(f);
}

static void prices_change_until_their_lists_are_full(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aa"));
    for (uint32_t i = 1; i < PRICE_LISTS_MAX; i++) {
        assert_int_equal(engine_price(f->engine, 0, i, SPAN(""), TEST_NOW_MS, &f->op), ENGINE_OK);
        engine_settle(f->engine, &f->op);
    }
    for (unsigned again = 0; again < 2; again++) /* and the refusal keeps nothing */
        assert_int_equal(engine_price(f->engine, 0, 5, SPAN(""), TEST_NOW_MS, &f->op), ENGINE_FULL);
    assert_string_equal(hold(f, 1, TEST_SEATS(0)), "ok");
    assert_int_equal(f->op.change.total, PRICE_LISTS_MAX - 1);
    close_hall(f);
}

static void only_seats_that_are_the_orders_move(void **state)
{
    (void)state;
    struct fixture *f = open_rows(ROWS("aaaaaa"));
    uint64_t id = test_hold(f->engine, 1, TEST_SEATS(0, 1, 2));
    assert_string_equal(EXTEND(f, id, "o1", TEST_NOW_MS), "ok");
    assert_string_equal(CONFIRM(f, id, "o1", TEST_NOW_MS), "ok");
    test_hold(f->engine, 2, TEST_SEATS(5));
    static const struct {
        uint32_t from[2], to[2];
        const char *verdict;
    } cases[] = {
        {{0, 3}, {3, 4}, "not-in-hold"},  {{0, 0}, {3, 4}, "seat-twice"},
        {{0, 1}, {3, 3}, "seat-twice"},   {{0, 1}, {3, 9}, "seat-unknown"},
        {{9, 1}, {3, 4}, "seat-unknown"}, {{0, 1}, {4, 5}, "seats-taken"},
        {{3, 4}, {0, 5}, "not-in-hold"},
    };
    uint64_t before = engine_state_hash(f->engine);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(MOVE(f, id, "o1", cases[i].from, cases[i].to, 2), cases[i].verdict);
        assert_int_equal(engine_state_hash(f->engine), before);
    }
    assert_string_equal(MOVE(f, id, "o1", cases[0].from, cases[0].to, 0), "no-seats");
    close_hall(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hold_takes_all_its_seats),
        cmocka_unit_test(a_hold_that_loses_one_seat_takes_none_and_names_all_that_are_lost),
        cmocka_unit_test(nonsense_is_refused_by_name),
        cmocka_unit_test(until_the_journal_answers_a_hold_is_there_for_others_and_unknown_by_id),
        cmocka_unit_test(what_is_given_back_is_free_after_the_commit_and_not_before),
        cmocka_unit_test(a_strangers_session_finds_no_hold),
        cmocka_unit_test(an_old_id_does_not_fit_the_slot_that_is_used_again),
        cmocka_unit_test(a_hold_reads_as_it_was_taken),
        cmocka_unit_test(a_change_adds_and_removes_in_one_step),
        cmocka_unit_test(a_change_undone_leaves_the_hold_as_it_was),
        cmocka_unit_test(a_change_that_makes_no_sense_changes_nothing),
        cmocka_unit_test(an_order_extends_once_confirms_and_refunds),
        cmocka_unit_test(a_sale_is_taken_back_whether_or_not_it_came_to_be),
        cmocka_unit_test(an_order_that_ends_before_it_has_the_hold_leaves_none_behind),
        cmocka_unit_test(an_order_gets_what_it_was_told_the_price_of_or_nothing),
        cmocka_unit_test(a_purchase_survives_a_snapshot_and_snapshots_from_before_are_read),
        cmocka_unit_test(an_order_charges_the_fees_of_the_event_and_no_others),
        cmocka_unit_test(a_hold_keeps_its_prices_and_so_does_its_purchase),
        cmocka_unit_test(no_extension_goes_beyond_the_hard_end),
        cmocka_unit_test(a_hold_runs_out_at_its_time_and_not_before),
        cmocka_unit_test(an_expiry_that_the_journal_refused_comes_again_a_second_later),
        cmocka_unit_test(expiry_waits_for_the_op_that_has_the_hold),
        cmocka_unit_test(a_late_confirm_takes_the_same_seats_again_if_they_are_free),
        cmocka_unit_test(a_late_confirm_of_seats_that_have_gone_says_gone),
        cmocka_unit_test(a_hold_that_was_remembered_long_enough_is_forgotten),
        cmocka_unit_test(the_saga_releases_what_is_not_sold),
        cmocka_unit_test(an_area_sells_its_capacity_and_no_more),
        cmocka_unit_test(a_late_confirm_of_an_area_retakes_as_many_places),
        cmocka_unit_test(seats_and_area_do_not_mix),
        cmocka_unit_test(a_hold_of_places_takes_no_seats_by_a_change),
        cmocka_unit_test(the_operator_blocks_unblocks_and_moves),
        cmocka_unit_test(what_is_only_being_blocked_cannot_be_unblocked),
        cmocka_unit_test(operators_ops_undo_without_a_trace),
        cmocka_unit_test(a_new_price_is_for_new_holds),
        cmocka_unit_test(a_buyer_has_at_most_his_limit_over_all_his_holds),
        cmocka_unit_test(an_order_hands_its_hold_over_to_the_member_whose_limit_counts),
        cmocka_unit_test(a_hand_over_that_the_journal_refuses_counts_for_nobody),
        cmocka_unit_test(no_take_may_leave_a_single_seat_while_there_is_a_legal_choice),
        cmocka_unit_test(the_rule_gives_way_when_no_legal_choice_is_left),
        cmocka_unit_test(a_change_is_judged_by_what_comes_out_of_it),
        cmocka_unit_test(an_aisle_is_an_end_of_the_row),
        cmocka_unit_test(channels_are_for_those_who_come_with_them),
        cmocka_unit_test(each_category_has_its_time_and_a_channel_may_come_earlier),
        cmocka_unit_test(accessible_seats_are_kept_and_companions_stay_with_them),
        cmocka_unit_test(a_table_is_sold_whole_where_it_says_so),
        cmocka_unit_test(places_have_a_limit_and_an_area),
        cmocka_unit_test(a_change_of_seats_has_a_limit_and_no_places),
        cmocka_unit_test(alternatives_are_for_seats_that_exist_and_in_their_number),
        cmocka_unit_test(an_operator_names_seats_that_exist_and_each_once),
        cmocka_unit_test(prices_change_until_their_lists_are_full),
        cmocka_unit_test(only_seats_that_are_the_orders_move),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
