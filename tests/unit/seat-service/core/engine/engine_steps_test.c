/* engine_steps_test.c: what is written without locks, with another request between any two of its
 * instructions: holds, seats, buyers, areas, pictures of the hall and readers. */
#include "core/engine/engine_internal.h"
#include "steps.h"
#include "test_hall.h"
#include "unit.h"

#include <stdlib.h>

/* A step takes microseconds: short pieces are gone through by twos, long ones at so many places, of
 * which the sanitizers, under which there are many more, get fewer. */
#if defined(__SANITIZE_ADDRESS__)
enum { SHORT = 60, PLACES = 3 };
#else
enum { SHORT = 300, PLACES = 60 };
#endif

/* Places in `piece` where `other` can come in, with `begin` before and `end` after. */
static void between(void (*begin)(void *), void (*piece)(void *), void (*other)(void *),
                    void (*end)(void *, bool came), void *ctx)
{
    begin(ctx);
    unsigned len = steps_of(piece, ctx), stride = len <= SHORT ? 2 : len / PLACES;
    end(ctx, false);
    bool came = true;
    for (unsigned n = 1; came; n += stride) {
        begin(ctx);
        came = steps_until(n, piece, other, ctx);
        end(ctx, came);
    }
}

/* ---- slots of holds ---- */

struct slots {
    struct hold_slots slots;
    uint32_t given[3];
    uint64_t id;
    enum hold_own owned[2];
    bool reads_again, ended;
};

static uint64_t make(struct slots *all)
{
    uint32_t slot = hold_give(&all->slots, 0);
    hold_write_begin(&all->slots, slot);
    hold_write_end(&all->slots, slot);
    return hold_id(&all->slots, slot);
}

static void begin_slots(void *ctx)
{
    struct slots *all = ctx;
    *all = (struct slots){.id = 0};
    assert_int_equal(hold_slots_init(&all->slots, 8), 0);
}

static void give_one(void *ctx)
{
    struct slots *all = ctx;
    all->given[0] = hold_give(&all->slots, 0);
}

static void give_another(void *ctx)
{
    struct slots *all = ctx;
    all->given[1] = hold_give(&all->slots, 0);
}

static void nobody_has_the_same(void *ctx, bool came)
{
    struct slots *all = ctx;
    assert_int_not_equal(all->given[0], 0);
    assert_int_equal(all->given[1] != 0, came);
    assert_int_not_equal(all->given[0], all->given[1]);
    hold_slots_deinit(&all->slots);
}

static void of_fresh_slots_two_get_two(void **state)
{
    (void)state;
    struct slots all;
    between(begin_slots, give_one, give_another, nobody_has_the_same, &all);
}

/* Two slots that were used lie on the stack. */
static void begin_used_slots(void *ctx)
{
    struct slots *all = ctx;
    begin_slots(ctx);
    uint64_t ids[2] = {make(all), make(all)};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(hold_own(&all->slots, ids[i]), HOLD_OWNED);
        hold_end(&all->slots, hold_slot_of(ids[i]), 0);
    }
}

static void of_used_slots_two_get_two(void **state)
{
    (void)state;
    struct slots all;
    between(begin_used_slots, give_one, give_another, nobody_has_the_same, &all);
}

static void begin_owned(void *ctx)
{
    struct slots *all = ctx;
    begin_slots(ctx);
    for (int i = 0; i < 2; i++) {
        all->given[i] = hold_slot_of(make(all));
        assert_int_equal(hold_own(&all->slots, hold_id(&all->slots, all->given[i])), HOLD_OWNED);
    }
}

static void end_one(void *ctx)
{
    struct slots *all = ctx;
    hold_end(&all->slots, all->given[0], 0);
}

static void end_another(void *ctx)
{
    struct slots *all = ctx;
    hold_end(&all->slots, all->given[1], 0);
    all->ended = true;
}

static void both_are_given_again(void *ctx, bool came)
{
    struct slots *all = ctx;
    if (!came)
        end_another(ctx);
    uint32_t first = hold_give(&all->slots, 0), second = hold_give(&all->slots, 0);
    assert_int_equal(first + second, all->given[0] + all->given[1]);
    assert_int_not_equal(first, second);
    hold_slots_deinit(&all->slots);
}

static void of_two_slots_that_end_at_once_none_is_lost(void **state)
{
    (void)state;
    struct slots all;
    between(begin_owned, end_one, end_another, both_are_given_again, &all);
}

static void begin_hold(void *ctx)
{
    struct slots *all = ctx;
    begin_slots(ctx);
    all->id = make(all);
    all->owned[0] = all->owned[1] = HOLD_NOT_THERE;
}

static void own_one(void *ctx)
{
    struct slots *all = ctx;
    all->owned[0] = hold_own(&all->slots, all->id);
}

static void own_another(void *ctx)
{
    struct slots *all = ctx;
    all->owned[1] = hold_own(&all->slots, all->id);
}

static void one_owns_it(void *ctx, bool came)
{
    struct slots *all = ctx;
    if (came)
        assert_int_equal((all->owned[0] == HOLD_OWNED) + (all->owned[1] == HOLD_OWNED), 1);
    hold_slots_deinit(&all->slots);
}

static void of_two_who_want_a_hold_one_gets_it(void **state)
{
    (void)state;
    struct slots all;
    between(begin_hold, own_one, own_another, one_owns_it, &all);
}

static void ids_that_name_no_slot_are_nobodys(void **state)
{
    (void)state;
    struct slots all;
    bool busy;
    begin_hold(&all);
    const uint64_t ids[] = {0, all.id & ~UINT64_C(0xffffff), (all.id & ~UINT64_C(0xffffff)) | 9,
                            all.id + (1 << 24)};
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        assert_int_equal(hold_own(&all.slots, ids[i]), HOLD_NOT_THERE);
        assert_int_equal(hold_read_begin(&all.slots, ids[i], &busy), 0);
        assert_false(busy);
    }
    hold_slots_deinit(&all.slots);
}

static void a_hold_that_is_written_is_read_later_and_one_that_was_is_read_again(void **state)
{
    (void)state;
    struct slots all;
    bool busy;
    begin_hold(&all);
    uint64_t begun = hold_read_begin(&all.slots, all.id, &busy);
    assert_int_not_equal(begun, 0);
    assert_true(hold_read_end(&all.slots, all.id, begun));
    assert_int_equal(hold_own(&all.slots, all.id), HOLD_OWNED);
    assert_true(hold_read_end(&all.slots, all.id, begun)); /* nothing was written yet */
    hold_write_begin(&all.slots, hold_slot_of(all.id));
    assert_int_equal(hold_read_begin(&all.slots, all.id, &busy), 0);
    assert_true(busy);
    assert_false(hold_read_end(&all.slots, all.id, begun));
    hold_write_end(&all.slots, hold_slot_of(all.id));
    assert_false(hold_read_end(&all.slots, all.id, begun));
    begun = hold_read_begin(&all.slots, all.id, &busy);
    assert_int_equal(hold_own(&all.slots, all.id), HOLD_OWNED);
    hold_end(&all.slots, hold_slot_of(all.id), 0);
    assert_false(hold_read_end(&all.slots, all.id, begun));
    hold_slots_deinit(&all.slots);
}

/* ---- memory of late holds ---- */

struct memory {
    struct late_pool pool;
    uint32_t numbers[2];
};

static void begin_memory(void *ctx)
{
    struct memory *memory = ctx;
    *memory = (struct memory){.pool = {.max = 2}};
    memory->pool.list = calloc(3, sizeof(*memory->pool.list));
}

static void remember_one(void *ctx)
{
    struct memory *memory = ctx;
    memory->numbers[0] = late_give(&memory->pool);
}

static void remember_another(void *ctx)
{
    struct memory *memory = ctx;
    memory->numbers[1] = late_give(&memory->pool);
}

static void forget_one(void *ctx)
{
    struct memory *memory = ctx;
    late_end(&memory->pool, memory->numbers[0]);
}

static void forget_another(void *ctx)
{
    struct memory *memory = ctx;
    late_end(&memory->pool, memory->numbers[1]);
}

static void begin_full_memory(void *ctx)
{
    begin_memory(ctx);
    remember_one(ctx);
    remember_another(ctx);
}

static void begin_used_memory(void *ctx)
{
    begin_full_memory(ctx);
    forget_one(ctx);
    forget_another(ctx);
}

/* Of the two places each has one, and there is no third. */
static void each_has_a_place(void *ctx, bool came)
{
    struct memory *memory = ctx;
    if (!came)
        remember_another(ctx);
    assert_int_equal(memory->numbers[0] + memory->numbers[1], 3);
    assert_int_not_equal(memory->numbers[0], 0);
    assert_int_not_equal(memory->numbers[1], 0);
    assert_int_equal(late_give(&memory->pool), 0);
    free(memory->pool.list);
}

static void both_places_are_free(void *ctx, bool came)
{
    if (!came)
        forget_another(ctx);
    remember_one(ctx);
    remember_another(ctx);
    each_has_a_place(ctx, true);
}

static void of_two_late_holds_each_has_a_place_of_its_own(void **state)
{
    (void)state;
    struct memory memory;
    between(begin_memory, remember_one, remember_another, each_has_a_place, &memory);
    between(begin_used_memory, remember_one, remember_another, each_has_a_place, &memory);
    between(begin_full_memory, forget_one, forget_another, both_places_are_free, &memory);
}

/* ---- seats ---- */

struct rows {
    struct plan *plan;
    struct seats seats;
    uint32_t want[2][2];
    enum claim claimed[2];
    struct claim_result results[2];
    enum orphans orphans;
};

static enum claim claim(struct rows *rows, unsigned who)
{
    struct take take;
    seats_take_init(&take);
    for (int i = 0; i < 2; i++)
        seats_take_seat(&take, &rows->seats, rows->want[who][i], TAKE_ADD);
    return seats_claim(&rows->seats, &take, SEAT_HELD, 7 + who, rows->orphans, &rows->results[who]);
}

static void begin_rows(void *ctx)
{
    struct rows *rows = ctx;
    assert_int_equal(seats_init(&rows->seats, plan_facts(rows->plan)), 0);
    rows->claimed[0] = rows->claimed[1] = CLAIM_BUSY;
}

static void claim_one(void *ctx)
{
    struct rows *rows = ctx;
    rows->claimed[0] = claim(rows, 0);
}

static void claim_another(void *ctx)
{
    struct rows *rows = ctx;
    rows->claimed[1] = claim(rows, 1);
}

/* Whoever got something has all of it, and whoever did not has none (I1), and is told of no seat
 * that their take would have left single. */
static void each_has_all_or_none(void *ctx, bool came)
{
    struct rows *rows = ctx;
    for (unsigned who = 0; who < 1 + (unsigned)came; who++) {
        assert_int_not_equal(rows->claimed[who], CLAIM_BUSY);
        if (rows->claimed[who] == CLAIM_LOST)
            assert_int_equal(rows->results[who].orphan, UINT32_MAX);
        for (int i = 0; i < 2; i++)
            assert_int_equal(seat_hold(seats_read(&rows->seats, rows->want[who][i])) == 7 + who,
                             rows->claimed[who] == CLAIM_DONE);
    }
    seats_deinit(&rows->seats);
}

static void two_who_claim_in_one_row_get_what_the_rule_and_the_other_leave(void **state)
{
    (void)state;
    static const struct {
        uint32_t rows, seats;
        uint32_t want[2][2];
        enum orphans orphans;
    } cases[] = {
        {1, 8, {{1, 2}, {4, 5}}, ORPHANS_IGNORED},       /* beside each other */
        {1, 8, {{1, 2}, {2, 3}}, ORPHANS_IGNORED},       /* the same seat */
        {1, 8, {{0, 1}, {3, 4}}, ORPHANS_REFUSED},       /* one would leave 2 alone */
        {1, 200, {{62, 63}, {60, 61}}, ORPHANS_REFUSED}, /* of a long row */
        {1, 200, {{62, 63}, {65, 66}}, ORPHANS_REFUSED}, /* on both sides of its bitmaps */
        {1, 200, {{62, 63}, {65, 66}}, ORPHANS_TOLD},
        {1, 200, {{63, 64}, {64, 65}}, ORPHANS_IGNORED},
        {1, 8, {{1, 2}, {2, 3}}, ORPHANS_TOLD}, /* the first leaves 0 alone, if it gets that far */
        {1, 200, {{1, 2}, {2, 3}}, ORPHANS_TOLD},
        {1, 200, {{10, 100}, {100, 11}}, ORPHANS_IGNORED}, /* the second word is gone */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rows rows = {
            .plan = test_hall_block(cases[i].rows, cases[i].seats, test_limits(), 0),
            .orphans = cases[i].orphans,
        };
        memcpy(rows.want, cases[i].want, sizeof(rows.want));
        between(begin_rows, claim_one, claim_another, each_has_all_or_none, &rows);
        plan_destroy(rows.plan);
    }
}

/* Whoever always comes in between is waited for a few times, not forever. */
static void seize_one(void *ctx)
{
    struct rows *rows = ctx;
    rows->claimed[0] =
        seats_seize(&rows->seats, 1, SEAT_HELD, 7, SEAT_SOLD, 7) ? CLAIM_DONE : CLAIM_LOST;
}

static void seize_another(void *ctx)
{
    struct rows *rows = ctx;
    rows->claimed[1] =
        seats_seize(&rows->seats, 1, SEAT_HELD, 7, SEAT_BLOCKED, 7) ? CLAIM_DONE : CLAIM_LOST;
}

static void begin_held(void *ctx)
{
    struct rows *rows = ctx;
    begin_rows(ctx);
    assert_int_equal(claim(rows, 0), CLAIM_DONE);
}

static void one_has_seized_it(void *ctx, bool came)
{
    struct rows *rows = ctx;
    if (came)
        assert_int_equal((rows->claimed[0] == CLAIM_DONE) + (rows->claimed[1] == CLAIM_DONE), 1);
    enum seat_state is = seat_state(seats_read(&rows->seats, 1));
    assert_int_equal(is, rows->claimed[0] == CLAIM_DONE ? SEAT_SOLD : SEAT_BLOCKED);
    seats_deinit(&rows->seats);
}

static void of_two_who_seize_a_seat_one_has_it(void **state)
{
    (void)state;
    struct rows rows = {.plan = test_hall_block(1, 8, test_limits(), 0), .want = {{1, 2}}};
    between(begin_held, seize_one, seize_another, one_has_seized_it, &rows);
    begin_held(&rows);
    assert_false(seats_turn(&rows.seats, 1, SEAT_SOLD, 7, SEAT_FREE, 0)); /* it is not sold, */
    assert_false(seats_turn(&rows.seats, 1, SEAT_HELD, 8, SEAT_FREE, 0)); /* and not theirs */
    assert_true(seats_turn(&rows.seats, 1, SEAT_HELD, 7, SEAT_FREE, 0));
    seats_deinit(&rows.seats);
    plan_destroy(rows.plan);
}

/* ---- areas, buyers ---- */

struct crowd {
    _Atomic uint64_t area;
    struct buyers buyers;
    bool took[2];
    enum buyers_answer answers[2];
};

static void begin_area(void *ctx)
{
    struct crowd *crowd = ctx;
    crowd->area = 0;
    crowd->took[0] = crowd->took[1] = false;
}

static void take_three(void *ctx)
{
    struct crowd *crowd = ctx;
    crowd->took[0] = area_turn(&crowd->area, 5, AREA_FREE, AREA_HELD, 3);
}

static void take_three_more(void *ctx)
{
    struct crowd *crowd = ctx;
    crowd->took[1] = area_turn(&crowd->area, 5, AREA_FREE, AREA_HELD, 3);
}

static void one_took_three(void *ctx, bool came)
{
    struct crowd *crowd = ctx;
    (void)came;
    assert_int_equal(crowd->took[0] + crowd->took[1], 1);
    assert_int_equal(crowd->area >> area_shift(AREA_HELD) & ((1u << AREA_BITS) - 1), 3);
}

static void of_five_places_two_do_not_get_three_each(void **state)
{
    (void)state;
    struct crowd crowd;
    between(begin_area, take_three, take_three_more, one_took_three, &crowd);
}

enum { BUYER = 5, LIMIT = 4 };

static void begin_buyers(void *ctx)
{
    struct crowd *crowd = ctx;
    assert_int_equal(buyers_init(&crowd->buyers, 8, 7), 0);
    crowd->answers[0] = crowd->answers[1] = BUYERS_OVER;
}

static void begin_known_buyer(void *ctx)
{
    struct crowd *crowd = ctx;
    uint32_t has;
    begin_buyers(ctx);
    assert_int_equal(buyers_add(&crowd->buyers, BUYER, 1, LIMIT, &has), BUYERS_ADDED);
}

static void add_two(void *ctx)
{
    struct crowd *crowd = ctx;
    uint32_t has;
    crowd->answers[0] = buyers_add(&crowd->buyers, BUYER, 2, LIMIT, &has);
}

static void add_two_more(void *ctx)
{
    struct crowd *crowd = ctx;
    uint32_t has;
    crowd->answers[1] = buyers_add(&crowd->buyers, BUYER, 2, LIMIT, &has);
}

static void what_was_granted_is_counted(struct crowd *crowd, uint32_t before)
{
    uint32_t granted = before;
    for (int i = 0; i < 2; i++)
        granted += crowd->answers[i] == BUYERS_ADDED ? 2 : 0;
    assert_true(granted <= LIMIT);
    assert_int_equal(buyers_count(&crowd->buyers, BUYER), granted);
    buyers_deinit(&crowd->buyers);
}

static void a_new_buyers_share_is_counted(void *ctx, bool came)
{
    (void)came;
    what_was_granted_is_counted(ctx, 0);
}

static void a_known_buyers_share_is_counted(void *ctx, bool came)
{
    (void)came;
    what_was_granted_is_counted(ctx, 1);
}

static void a_buyer_who_asks_twice_at_once_has_what_was_granted(void **state)
{
    (void)state;
    struct crowd crowd;
    between(begin_buyers, add_two, add_two_more, a_new_buyers_share_is_counted, &crowd);
    between(begin_known_buyer, add_two, add_two_more, a_known_buyers_share_is_counted, &crowd);
}

/* ---- what is read ---- */

struct reading {
    struct plan *plan;
    struct engine *engine;
    uint64_t holds[2], version, since;
    struct engine_op op;
    uint8_t picture[32];
    struct engine_count counts[2];
    struct engine_delta deltas[64];
    int deltas_len;
    struct engine_hold_view view;
    struct engine_seat seat;
    enum engine_verdict verdict;
};

static void begin_reading(void *ctx)
{
    struct reading *reading = ctx;
    reading->engine = test_hall_engine(reading->plan);
    reading->holds[0] = test_hold(reading->engine, 1, TEST_SEATS(0, 1, 2));
    reading->since = test_publish(reading->engine);
    reading->holds[1] = test_hold(reading->engine, 2, TEST_SEATS(40, 41));
    reading->version = test_publish(reading->engine);
}

static void hold_more_and_publish(void *ctx)
{
    struct reading *reading = ctx;
    struct engine_ask ask = test_ask_seats(3, TEST_SEATS(50, 51));
    engine_hold(reading->engine, &ask, TEST_NOW_MS, &reading->op);
    engine_settle(reading->engine, &reading->op);
    test_publish(reading->engine);
}

static void copy(void *ctx)
{
    struct reading *reading = ctx;
    reading->version = engine_avail_copy(reading->engine, reading->picture);
}

static unsigned held_in(const struct reading *reading)
{
    unsigned held = 0;
    for (uint32_t seat = 0; seat < plan_seat_count(reading->plan); seat++)
        held += (reading->picture[seat / 4] >> (seat % 4 * 2) & 3) == ENGINE_HELD;
    return held;
}

static void a_copy_is_of_its_version(void *ctx, bool came)
{
    struct reading *reading = ctx;
    (void)came;
    assert_int_equal(held_in(reading), reading->version == reading->since + 1 ? 5 : 7);
    engine_destroy(reading->engine);
}

static void count(void *ctx)
{
    struct reading *reading = ctx;
    reading->version = engine_counts(reading->engine, reading->counts);
}

static void counts_are_of_their_version(void *ctx, bool came)
{
    struct reading *reading = ctx;
    (void)came;
    assert_int_equal(reading->counts[0].held, reading->version == reading->since + 1 ? 5 : 7);
    engine_destroy(reading->engine);
}

static void ask_since(void *ctx)
{
    struct reading *reading = ctx;
    reading->deltas_len =
        engine_avail_since(reading->engine, reading->since, reading->deltas, 64, &reading->version);
}

static void deltas_are_of_their_version(void *ctx, bool came)
{
    struct reading *reading = ctx;
    (void)came;
    assert_int_equal(reading->deltas_len, reading->version == reading->since + 1 ? 2 : 4);
    engine_destroy(reading->engine);
}

static void a_picture_is_whole_whenever_the_next_is_published(void **state)
{
    (void)state;
    struct reading reading = {.plan = test_hall_block(2, 35, test_limits(), 0)};
    between(begin_reading, copy, hold_more_and_publish, a_copy_is_of_its_version, &reading);
    between(begin_reading, ask_since, hold_more_and_publish, deltas_are_of_their_version, &reading);
    plan_destroy(reading.plan);
    reading.plan = test_hall_block(1, 60, test_limits(), 0);
    between(begin_reading, count, hold_more_and_publish, counts_are_of_their_version, &reading);
    plan_destroy(reading.plan);
}

static void read_hold(void *ctx)
{
    struct reading *reading = ctx;
    reading->verdict = engine_hold_read(reading->engine, reading->holds[0], &reading->view);
}

static void release_hold(void *ctx)
{
    struct reading *reading = ctx;
    engine_release(reading->engine, reading->holds[0], 1, TEST_NOW_MS, &reading->op);
    engine_settle(reading->engine, &reading->op);
}

/* The next hold links the same seats anew: a reader of the old one walks into nothing. */
static void release_hold_and_take_one(void *ctx)
{
    struct reading *reading = ctx;
    struct engine_ask ask = test_ask_seats(3, TEST_SEATS(0));
    release_hold(ctx);
    engine_hold(reading->engine, &ask, TEST_NOW_MS, &reading->op);
    engine_settle(reading->engine, &reading->op);
}

static void it_is_whole_or_gone(void *ctx, bool came)
{
    struct reading *reading = ctx;
    (void)came;
    if (reading->verdict == ENGINE_OK) {
        assert_int_equal(reading->view.seat_count, 3);
        assert_int_equal(reading->view.buyer, 1);
    } else {
        assert_int_equal(reading->verdict, ENGINE_NO_HOLD);
    }
    engine_destroy(reading->engine);
}

static void change_hold(void *ctx)
{
    struct reading *reading = ctx;
    static const uint32_t add[] = {3, 4}, remove[] = {0, 1};
    struct engine_who who = test_who(1);
    struct engine_edit edit = {.add = add, .add_count = 2, .remove = remove, .remove_count = 2};
    engine_change(reading->engine, reading->holds[0], &who, &edit, TEST_NOW_MS, &reading->op);
    engine_settle(reading->engine, &reading->op);
}

static void it_is_as_before_or_after(void *ctx, bool came)
{
    struct reading *reading = ctx;
    (void)came;
    assert_int_equal(reading->verdict, ENGINE_OK);
    assert_int_equal(reading->view.seat_count, 3);
    unsigned before = 0, after = 0;
    for (unsigned i = 0; i < 3; i++) {
        before += reading->view.seats[i] < 3;
        after += reading->view.seats[i] >= 2;
    }
    assert_true(before == 3 || after == 3);
    engine_destroy(reading->engine);
}

static void read_seat(void *ctx)
{
    struct reading *reading = ctx;
    reading->seat = engine_seat(reading->engine, 1);
}

static void it_is_held_or_free(void *ctx, bool came)
{
    struct reading *reading = ctx;
    (void)came;
    assert_int_equal(reading->seat.hold,
                     reading->seat.state == ENGINE_HELD ? reading->holds[0] : 0);
    engine_destroy(reading->engine);
}

static void what_is_read_of_a_hold_is_as_it_was_at_one_moment(void **state)
{
    (void)state;
    struct reading reading = {.plan = test_hall_block(2, 35, test_limits(), 0)};
    between(begin_reading, read_hold, release_hold, it_is_whole_or_gone, &reading);
    between(begin_reading, read_hold, release_hold_and_take_one, it_is_whole_or_gone, &reading);
    between(begin_reading, read_hold, change_hold, it_is_as_before_or_after, &reading);
    between(begin_reading, read_seat, release_hold, it_is_held_or_free, &reading);
    plan_destroy(reading.plan);
}

/* ---- whole requests ---- */

struct takers {
    struct plan *plan;
    struct engine *engine;
    struct engine_op ops[2];
    enum engine_verdict verdicts[2];
    struct engine_ask asks[2];
};

static void begin_takers(void *ctx)
{
    struct takers *takers = ctx;
    takers->engine = test_hall_engine(takers->plan);
    takers->verdicts[0] = takers->verdicts[1] = ENGINE_BUSY;
}

static void take(struct takers *takers, unsigned who)
{
    struct engine_op *op = &takers->ops[who];
    takers->verdicts[who] = engine_hold(takers->engine, &takers->asks[who], TEST_NOW_MS, op);
    if (takers->verdicts[who] == ENGINE_OK)
        engine_settle(takers->engine, op);
}

static void take_one_hold(void *ctx)
{
    take(ctx, 0);
}

static void take_another_hold(void *ctx)
{
    take(ctx, 1);
}

/* The seats of both are held, and by them; nobody else's are (I1). */
static void what_was_taken_is_held_once(void *ctx, bool came)
{
    struct takers *takers = ctx;
    struct engine_count counts[PLAN_CATEGORIES_MAX];
    uint32_t held = 0;
    for (unsigned who = 0; who < 1 + (unsigned)came; who++) {
        const struct change *change = &takers->ops[who].change;
        if (takers->verdicts[who] != ENGINE_OK)
            continue;
        held += change->add_count;
        for (uint32_t i = 0; i < change->add_count; i++)
            assert_int_equal(engine_seat(takers->engine, change->seats[i]).hold, change->hold);
    }
    assert_true(held > 0);
    test_publish(takers->engine);
    engine_counts(takers->engine, counts);
    assert_int_equal(counts[0].held, held);
    engine_destroy(takers->engine);
}

static void two_who_take_at_once_have_seats_of_their_own(void **state)
{
    (void)state;
    static const uint32_t front[] = {2, 3}, beside[] = {3, 4};
    struct takers takers = {.plan = test_hall_block(1, 10, test_limits(), 0)};
    const struct engine_ask asks[][2] = {
        {test_ask_seats(1, front, 2), test_ask_seats(2, beside, 2)},
        {test_ask_best(1, 0, 2, true), test_ask_best(2, 0, 2, true)},
        {test_ask_best(1, 0, 2, false), test_ask_seats(2, front, 2)},
        {test_ask_seats(1, front, 2), test_ask_seats(1, TEST_SEATS(6, 7))}, /* of one buyer */
    };
    for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
        memcpy(takers.asks, asks[i], sizeof(takers.asks));
        between(begin_takers, take_one_hold, take_another_hold, what_was_taken_is_held_once,
                &takers);
    }
    plan_destroy(takers.plan);
}

static void what_is_proposed_is_free_and_stays_so(void **state)
{
    (void)state;
    struct plan *plan = test_hall_block(1, 6, test_limits(), 0);
    struct engine *engine = test_hall_engine(plan);
    struct engine_op op;
    struct engine_offer offer;
    struct engine_ask ask = test_ask_best(1, 0, 4, true);
    assert_int_equal(engine_propose(engine, &ask, TEST_NOW_MS, &op, &offer), ENGINE_OK);
    assert_int_equal(offer.count, 4);
    for (uint32_t i = 0; i < offer.count; i++)
        assert_int_equal(engine_seat(engine, offer.seats[i]).state, ENGINE_FREE);
    test_hold(engine, 2, TEST_SEATS(0, 1, 2));
    assert_int_equal(engine_propose(engine, &ask, TEST_NOW_MS, &op, &offer), ENGINE_SOLD_OUT);
    ask = test_ask_best(1, 0, 9, true); /* more than a hold may have */
    assert_int_not_equal(engine_propose(engine, &ask, TEST_NOW_MS, &op, &offer), ENGINE_OK);
    const struct engine_ask nobody = test_ask_seats(1, NULL, 0);
    struct engine_offer others[ALTERNATIVES_MAX];
    assert_int_equal(engine_alternatives(engine, &nobody, TEST_NOW_MS, others), 0);
    const struct engine_ask beyond = test_ask_seats(1, TEST_SEATS(99));
    assert_int_equal(engine_alternatives(engine, &beyond, TEST_NOW_MS, others), 0);
    engine_destroy(engine);
    plan_destroy(plan);
}

static void it_was_read_or_busy(void *ctx, bool came)
{
    struct reading *reading = ctx;
    if (came && reading->verdict != ENGINE_BUSY)
        it_is_as_before_or_after(ctx, came);
    else
        engine_destroy(reading->engine);
}

/* A reader does not wait for a writer who has stopped in the middle: it says so. */
static void a_hold_that_is_being_written_is_told_to_be_busy(void **state)
{
    (void)state;
    struct reading reading = {.plan = test_hall_block(2, 35, test_limits(), 0)};
    between(begin_reading, change_hold, read_hold, it_was_read_or_busy, &reading);
    plan_destroy(reading.plan);
}

static void a_hold_of_standing_places_is_bought_and_given_back(void **state)
{
    (void)state;
    struct plan *plan = test_hall_block(1, 4, test_limits(), 30);
    struct engine *engine = test_hall_engine(plan);
    struct engine_op op;
    struct engine_hold_view view;
    const struct engine_order order = {.id = SPAN("o")};
    struct engine_ask ask = test_ask_area(1, 3);
    assert_int_equal(engine_hold(engine, &ask, TEST_NOW_MS, &op), ENGINE_OK);
    engine_settle(engine, &op);
    uint64_t hold = op.change.hold;
    assert_int_equal(engine_hold_read(engine, hold, &view), ENGINE_OK);
    assert_int_equal(view.area, 0);
    assert_int_equal(view.quantity, 3);
    assert_int_equal(view.seat_count, 0);
    assert_int_equal(view.total, engine_area_total(engine, view.price_list, 0, 3));
    assert_int_equal(engine_extend(engine, hold, &order, 1, TEST_NOW_MS, &op), ENGINE_OK);
    engine_settle(engine, &op);
    assert_int_equal(engine_confirm(engine, hold, SPAN("o"), NULL, TEST_NOW_MS, &op), ENGINE_OK);
    engine_settle(engine, &op);
    assert_int_equal(engine_hold_read(engine, hold, &view), ENGINE_OK);
    assert_int_equal(view.state, ENGINE_HOLD_SOLD);
    assert_int_equal(engine_refund(engine, hold, SPAN("o"), TEST_NOW_MS, &op), ENGINE_OK);
    engine_settle(engine, &op);
    assert_int_equal(engine_hold_read(engine, hold, &view), ENGINE_NO_HOLD);
    struct engine_count counts[PLAN_CATEGORIES_MAX];
    test_publish(engine);
    engine_counts(engine, counts);
    assert_int_equal(counts[1].free, 30);
    engine_destroy(engine);
    plan_destroy(plan);
}

static void a_hold_lives_no_longer_than_any_may(void **state)
{
    (void)state;
    struct plan_limits limits = test_limits();
    limits.hold_ttl_ms = 480000;
    for (limits.hold_max_ms = 479999; limits.hold_max_ms <= 480001; limits.hold_max_ms++) {
        struct plan *plan = test_hall_block(1, 4, limits, 0);
        struct engine *engine = test_hall_engine(plan);
        struct engine_hold_view view;
        uint64_t hold = test_hold(engine, 1, TEST_SEATS(1));
        assert_int_equal(engine_hold_read(engine, hold, &view), ENGINE_OK);
        uint64_t least = limits.hold_max_ms < 480000 ? limits.hold_max_ms : 480000;
        assert_int_equal(view.expires_ms, TEST_NOW_MS + least);
        assert_int_equal(view.hard_end_ms, TEST_NOW_MS + limits.hold_max_ms);
        engine_destroy(engine);
        plan_destroy(plan);
    }
}

static void nobody_gives_back_what_they_do_not_have(void **state)
{
    (void)state;
    static const uint32_t others[][1] = {{1}, {3}, {5}};
    struct plan *plan = test_hall_block(1, 8, test_limits(), 0);
    struct engine *engine = test_hall_engine(plan);
    struct engine_op op;
    struct engine_who who = test_who(1);
    uint64_t hold = test_hold(engine, 1, TEST_SEATS(2, 4));
    for (size_t i = 0; i < 3; i++) {
        struct engine_edit edit = {.remove = others[i], .remove_count = 1};
        assert_int_not_equal(engine_change(engine, hold, &who, &edit, TEST_NOW_MS, &op), ENGINE_OK);
        assert_int_equal(engine_seat(engine, 2).hold, hold);
        assert_int_equal(engine_seat(engine, 4).hold, hold);
    }
    engine_destroy(engine);
    plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_fresh_slots_two_get_two),
        cmocka_unit_test(of_used_slots_two_get_two),
        cmocka_unit_test(of_two_slots_that_end_at_once_none_is_lost),
        cmocka_unit_test(of_two_who_want_a_hold_one_gets_it),
        cmocka_unit_test(ids_that_name_no_slot_are_nobodys),
        cmocka_unit_test(a_hold_that_is_written_is_read_later_and_one_that_was_is_read_again),
        cmocka_unit_test(of_two_late_holds_each_has_a_place_of_its_own),
        cmocka_unit_test(two_who_claim_in_one_row_get_what_the_rule_and_the_other_leave),
        cmocka_unit_test(of_two_who_seize_a_seat_one_has_it),
        cmocka_unit_test(of_five_places_two_do_not_get_three_each),
        cmocka_unit_test(a_buyer_who_asks_twice_at_once_has_what_was_granted),
        cmocka_unit_test(a_picture_is_whole_whenever_the_next_is_published),
        cmocka_unit_test(what_is_read_of_a_hold_is_as_it_was_at_one_moment),
        cmocka_unit_test(two_who_take_at_once_have_seats_of_their_own),
        cmocka_unit_test(what_is_proposed_is_free_and_stays_so),
        cmocka_unit_test(a_hold_that_is_being_written_is_told_to_be_busy),
        cmocka_unit_test(a_hold_of_standing_places_is_bought_and_given_back),
        cmocka_unit_test(a_hold_lives_no_longer_than_any_may),
        cmocka_unit_test(nobody_gives_back_what_they_do_not_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
