/* engine_steps_test.c: lock-free code, with another request between any two of its instructions:
 * holds, seats, buyers, areas, pictures of the hall and readers (steps.h). */
#include "core/engine/engine_internal.h"
#include "steps.h"
#include "test_hall.h"
#include "unit.h"

/* A step takes microseconds. Short code is interrupted at every second instruction, long code at
 * PLACES places; sanitizers add instructions, so a hall gets fewer places there. */
#if defined(__SANITIZE_ADDRESS__)
enum { SHORT = 60, PLACES = 60, PLACES_IN_HALL = 3 };
#else
enum { SHORT = 300, PLACES = 60, PLACES_IN_HALL = 60 };
#endif

/* The first act is interrupted, and the second one runs in between. */
struct row {
    const char *name;
    void (*begin)(void);
    void (*acts[2])(unsigned who);
    void (*end)(void);
    uint32_t rows, seats; /* of the hall, if there is one */
    uint32_t want[2][2];
    enum orphans orphans;
};

static struct {
    const struct row *row;
    bool came; /* the second act ran */
    /* slots of holds */
    struct hold_slots slots;
    uint32_t given[2];
    uint64_t id;
    enum hold_own owned[2];
    /* places of late holds */
    struct late_pool pool;
    /* seats */
    struct plan *plan;
    struct seats seats;
    enum claim claimed[2];
    struct claim_result results[2];
    /* areas, buyers */
    _Atomic uint64_t area;
    bool took[2];
    struct buyers buyers;
    enum buyers_answer answers[2];
    /* engines and their readers */
    struct engine *engine;
    uint64_t hold, version, since;
    struct engine_op ops[2];
    enum engine_verdict verdicts[2];
    uint8_t picture[32];
    struct engine_count counts[2];
    struct engine_delta deltas[64];
    int deltas_len;
    struct engine_hold_view view;
    struct engine_seat seat;
} now;

static void act_first(void *ctx)
{
    (void)ctx;
    now.row->acts[0](0);
}

static void act_second(void *ctx)
{
    (void)ctx;
    now.row->acts[1](1);
}

static void free_all(void)
{
    hold_slots_deinit(&now.slots);
    free(now.pool.list);
    seats_deinit(&now.seats);
    buyers_deinit(&now.buyers);
    engine_destroy(now.engine);
}

static void interrupt_everywhere(void **state)
{
    memset(&now, 0, sizeof(now));
    now.row = *state;
    struct plan_limits limits = test_limits();
    limits.orphan_rule = now.row->orphans == ORPHANS_REFUSED;
    if (now.row->seats > 0)
        now.plan = test_hall_block(now.row->rows, now.row->seats, limits, 0);
    now.row->begin();
    unsigned len = steps_of(act_first, NULL), places = now.plan ? PLACES_IN_HALL : PLACES;
    unsigned stride = len <= SHORT ? 2 : len / places;
    now.row->end();
    free_all();
    bool came = true;
    for (unsigned n = 1; came; n += stride) {
        now.row->begin();
        now.came = came = steps_until(n, act_first, act_second, NULL);
        now.row->end();
        free_all();
    }
    plan_destroy(now.plan);
}

/* ---- slots of holds ---- */

static uint64_t make(void)
{
    uint32_t slot = hold_give(&now.slots, 0);
    hold_write_begin(&now.slots, slot);
    hold_write_end(&now.slots, slot);
    return hold_id(&now.slots, slot);
}

static void begin_slots(void)
{
    now.given[0] = now.given[1] = 0;
    assert_int_equal(hold_slots_init(&now.slots, 8), 0);
}

static void begin_owned_slots(void)
{
    begin_slots();
    for (int i = 0; i < 2; i++) {
        now.given[i] = hold_slot_of(make());
        assert_int_equal(hold_own(&now.slots, hold_id(&now.slots, now.given[i])), HOLD_OWNED);
    }
}

static void begin_used_slots(void)
{
    begin_owned_slots();
    for (int i = 0; i < 2; i++) {
        hold_end(&now.slots, now.given[i], 0);
        now.given[i] = 0;
    }
}

static void begin_hold(void)
{
    begin_slots();
    now.id = make();
    now.owned[0] = now.owned[1] = HOLD_NOT_THERE;
}

static void give(unsigned who)
{
    now.given[who] = hold_give(&now.slots, 0);
}

/* The top of the stack is the same again, but not the slot below. */
static void give_two_and_give_back_the_first(unsigned who)
{
    uint32_t first = hold_give(&now.slots, 0);
    give(who);
    hold_end(&now.slots, first, 0);
}

static void give_back(unsigned who)
{
    hold_end(&now.slots, now.given[who], 0);
}

static void own(unsigned who)
{
    now.owned[who] = hold_own(&now.slots, now.id);
}

static void end_given(void)
{
    assert_int_not_equal(now.given[0], 0);
    assert_int_equal(now.given[1] != 0, now.came);
    assert_int_not_equal(now.given[0], now.given[1]);
    assert_int_not_equal(hold_give(&now.slots, 0), now.given[1]);
}

static void end_given_again(void)
{
    if (!now.came)
        give_back(1);
    uint32_t first = hold_give(&now.slots, 0), second = hold_give(&now.slots, 0);
    assert_int_equal(first + second, now.given[0] + now.given[1]);
    assert_int_not_equal(first, second);
}

static void end_owned(void)
{
    if (now.came)
        assert_int_equal((now.owned[0] == HOLD_OWNED) + (now.owned[1] == HOLD_OWNED), 1);
}

/* ---- places of late holds ---- */

static void begin_pool(void)
{
    now.pool = (struct late_pool){.max = 2};
    now.pool.list = calloc(3, sizeof(*now.pool.list));
}

static void remember(unsigned who)
{
    now.given[who] = late_give(&now.pool);
}

static void forget(unsigned who)
{
    late_end(&now.pool, now.given[who]);
}

static void begin_full_pool(void)
{
    begin_pool();
    remember(0);
    remember(1);
}

static void begin_used_pool(void)
{
    begin_full_pool();
    forget(0);
    forget(1);
}

/* Each of the two has a place, and there is no third. */
static void check_pool(void)
{
    assert_int_equal(now.given[0] + now.given[1], 3);
    assert_int_not_equal(now.given[0], 0);
    assert_int_not_equal(now.given[1], 0);
    assert_int_equal(late_give(&now.pool), 0);
}

static void end_remembered(void)
{
    if (!now.came)
        remember(1);
    check_pool();
}

static void end_forgotten(void)
{
    if (!now.came)
        forget(1);
    remember(0);
    remember(1);
    check_pool();
}

/* ---- seats ---- */

static void begin_seats(void)
{
    assert_int_equal(seats_init(&now.seats, plan_facts(now.plan)), 0);
    now.claimed[0] = now.claimed[1] = CLAIM_BUSY;
}

static void claim(unsigned who)
{
    struct take take;
    seats_take_init(&take);
    for (int i = 0; i < 2; i++)
        seats_take_seat(&take, &now.seats, now.row->want[who][i], TAKE_ADD);
    now.claimed[who] = seats_claim(&now.seats, &take, SEAT_HELD, 7 + who, now.row->orphans, false,
                                   &now.results[who]);
}

static void begin_held(void)
{
    begin_seats();
    claim(0);
    assert_int_equal(now.claimed[0], CLAIM_DONE);
}

static void seize(unsigned who)
{
    enum seat_state to = who == 0 ? SEAT_SOLD : SEAT_BLOCKED;
    now.claimed[who] = seats_seize(&now.seats, 1, SEAT_HELD, 7, to, 7) ? CLAIM_DONE : CLAIM_LOST;
}

static bool is_free(uint32_t seat)
{
    return seat < now.row->seats && seat_state(seats_read(&now.seats, seat)) == SEAT_FREE;
}

/* A winner has both seats (I1) and a loser none. A lost take reports no single seat that it would
 * have left. Where single seats are refused, the two takes together leave none either. */
static void end_claimed(void)
{
    for (unsigned who = 0; who < 1 + (unsigned)now.came; who++) {
        assert_int_not_equal(now.claimed[who], CLAIM_BUSY);
        if (now.claimed[who] == CLAIM_LOST)
            assert_int_equal(now.results[who].orphan, UINT32_MAX);
        for (int i = 0; i < 2; i++)
            assert_int_equal(seat_hold(seats_read(&now.seats, now.row->want[who][i])) == 7 + who,
                             now.claimed[who] == CLAIM_DONE);
    }
    for (uint32_t s = 0; s < now.row->seats && now.row->orphans == ORPHANS_REFUSED; s++)
        assert_true(!is_free(s) || is_free(s - 1) || is_free(s + 1));
}

static void end_seized(void)
{
    if (now.came)
        assert_int_equal((now.claimed[0] == CLAIM_DONE) + (now.claimed[1] == CLAIM_DONE), 1);
    assert_int_equal(seat_state(seats_read(&now.seats, 1)),
                     now.claimed[0] == CLAIM_DONE ? SEAT_SOLD : SEAT_BLOCKED);
}

/* ---- areas, buyers ---- */

static void begin_area(void)
{
    now.area = 0;
    now.took[0] = now.took[1] = false;
}

static void take_three(unsigned who)
{
    now.took[who] = area_turn(&now.area, 5, AREA_FREE, AREA_HELD, 3);
}

static void end_area(void)
{
    assert_int_equal(now.took[0] + now.took[1], 1);
    assert_int_equal(now.area >> area_shift(AREA_HELD) & ((1u << AREA_BITS) - 1), 3);
}

enum { BUYER = 5, LIMIT = 4 };

static void begin_buyers(void)
{
    assert_int_equal(buyers_init(&now.buyers, 8, 7), 0);
    now.answers[0] = now.answers[1] = BUYERS_OVER;
}

static void begin_known_buyer(void)
{
    uint32_t has;
    begin_buyers();
    assert_int_equal(buyers_add(&now.buyers, BUYER, 1, LIMIT, &has), BUYERS_ADDED);
}

static void add_two(unsigned who)
{
    uint32_t has;
    now.answers[who] = buyers_add(&now.buyers, BUYER, 2, LIMIT, &has);
}

static void end_buyers(void)
{
    uint32_t granted = now.row->begin == begin_known_buyer ? 1 : 0;
    for (int i = 0; i < 2; i++)
        granted += now.answers[i] == BUYERS_ADDED ? 2 : 0;
    assert_true(granted <= LIMIT);
    assert_int_equal(buyers_count(&now.buyers, BUYER), granted);
}

/* ---- readers ---- */

/* Five seats are held in the newest picture, three in the previous one. */
static void begin_engine(void)
{
    now.engine = test_hall_engine(now.plan);
    now.hold = test_hold(now.engine, 1, TEST_SEATS(0, 1, 2));
    now.since = test_publish(now.engine);
    test_hold(now.engine, 2, TEST_SEATS(40, 41));
    now.version = test_publish(now.engine);
}

static void hold_more_and_publish(unsigned who)
{
    struct engine_ask ask = test_ask_seats(3, TEST_SEATS(50, 51));
    engine_hold(now.engine, &ask, TEST_NOW_MS, &now.ops[who]);
    engine_settle(now.engine, &now.ops[who]);
    test_publish(now.engine);
}

static void copy(unsigned who)
{
    (void)who;
    now.version = engine_avail_copy(now.engine, now.picture);
}

static void count(unsigned who)
{
    (void)who;
    now.version = engine_counts(now.engine, now.counts);
}

static void read_deltas(unsigned who)
{
    (void)who;
    now.deltas_len = engine_avail_since(now.engine, now.since, now.deltas, 64, &now.version);
}

static void read_hold(unsigned who)
{
    (void)who;
    now.verdicts[0] = engine_hold_read(now.engine, now.hold, &now.view);
}

static void read_seat(unsigned who)
{
    (void)who;
    now.seat = engine_seat(now.engine, 1);
}

static void release_hold(unsigned who)
{
    engine_release(now.engine, now.hold, 1, TEST_NOW_MS, &now.ops[who]);
    engine_settle(now.engine, &now.ops[who]);
}

/* The next hold links one of the same seats again. */
static void release_hold_and_take_one(unsigned who)
{
    struct engine_ask ask = test_ask_seats(3, TEST_SEATS(0));
    release_hold(who);
    engine_hold(now.engine, &ask, TEST_NOW_MS, &now.ops[who]);
    engine_settle(now.engine, &now.ops[who]);
}

static void change_hold(unsigned who)
{
    static const uint32_t add[] = {3, 4}, remove[] = {0, 1};
    struct engine_who buyer = test_who(1);
    struct engine_edit edit = {.add = add, .add_count = 2, .remove = remove, .remove_count = 2};
    engine_change(now.engine, now.hold, &buyer, &edit, TEST_NOW_MS, &now.ops[who]);
    engine_settle(now.engine, &now.ops[who]);
}

static bool is_older(void)
{
    return now.version == now.since + 1;
}

static void end_copy(void)
{
    unsigned held = 0;
    for (uint32_t seat = 0; seat < plan_seat_count(now.plan); seat++)
        held += (now.picture[seat / 4] >> (seat % 4 * 2) & 3) == ENGINE_HELD;
    assert_int_equal(held, is_older() ? 5 : 7);
}

static void end_count(void)
{
    assert_int_equal(now.counts[0].held, is_older() ? 5 : 7);
}

static void end_deltas(void)
{
    assert_int_equal(now.deltas_len, is_older() ? 2 : 4);
}

static void end_whole_or_gone(void)
{
    if (now.verdicts[0] == ENGINE_OK) {
        assert_int_equal(now.view.seat_count, 3);
        assert_int_equal(now.view.buyer, 1);
    } else {
        assert_int_equal(now.verdicts[0], ENGINE_NO_HOLD);
    }
}

static void end_before_or_after(void)
{
    unsigned before = 0, after = 0;
    assert_int_equal(now.verdicts[0], ENGINE_OK);
    assert_int_equal(now.view.seat_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        before += now.view.seats[i] < 3;
        after += now.view.seats[i] >= 2;
    }
    assert_true(before == 3 || after == 3);
}

static void end_read_or_busy(void)
{
    if (now.came && now.verdicts[0] != ENGINE_BUSY)
        end_before_or_after();
}

static void end_held_or_free(void)
{
    assert_int_equal(now.seat.hold, now.seat.state == ENGINE_HELD ? now.hold : 0);
}

/* ---- whole requests ---- */

static void begin_requests(void)
{
    now.engine = test_hall_engine(now.plan);
    now.verdicts[0] = now.verdicts[1] = ENGINE_BUSY;
}

static void request(unsigned who, struct engine_ask ask)
{
    now.verdicts[who] = engine_hold(now.engine, &ask, TEST_NOW_MS, &now.ops[who]);
    if (now.verdicts[who] == ENGINE_OK)
        engine_settle(now.engine, &now.ops[who]);
}

static void hold_seats(unsigned who)
{
    request(who, test_ask_seats(1 + who, now.row->want[who], 2));
}

static void hold_seats_as_one(unsigned who)
{
    request(who, test_ask_seats(1, now.row->want[who], 2));
}

static void hold_best(unsigned who)
{
    request(who, test_ask_best(1 + who, 0, 2, true));
}

static void hold_best_apart(unsigned who)
{
    request(who, test_ask_best(1 + who, 0, 2, false));
}

/* The seats of both requests are held, by these requests; no other seat is held (I1). */
static void end_requests(void)
{
    struct engine_count counts[PLAN_CATEGORIES_MAX];
    uint32_t held = 0;
    for (unsigned who = 0; who < 1 + (unsigned)now.came; who++) {
        const struct change *change = &now.ops[who].change;
        if (now.verdicts[who] != ENGINE_OK)
            continue;
        held += change->add_count;
        for (uint32_t i = 0; i < change->add_count; i++)
            assert_int_equal(engine_seat(now.engine, change->seats[i]).hold, change->hold);
    }
    assert_true(held > 0);
    test_publish(now.engine);
    engine_counts(now.engine, counts);
    assert_int_equal(counts[0].held, held);
}

/* Seats 0 and 3 may be held; seats 1 and 2 may not, since giving back the others would leave both
 * of them single. */
static void end_between(void)
{
    for (unsigned who = 0; who < 1 + (unsigned)now.came; who++)
        assert_int_equal(now.verdicts[who], now.row->want[who][0] == 0 ? ENGINE_OK : ENGINE_ORPHAN);
}

/* ---- the table ---- */

#define SMALL(NAME, BEGIN, ACT, END)                                                               \
    {                                                                                              \
        NAME, BEGIN, {ACT, ACT}, END, 0, 0, {{0}}, ORPHANS_IGNORED                                 \
    }
#define CLAIM(NAME, SEATS, A, B, C, D, ORPHANS)                                                    \
    {                                                                                              \
        NAME, begin_seats, {claim, claim}, end_claimed, 1, SEATS, {{A, B}, {C, D}}, ORPHANS        \
    }
#define READ(NAME, SEATS, ACT, OTHER, END)                                                         \
    {                                                                                              \
        NAME, begin_engine, {ACT, OTHER}, END, 1, SEATS, {{0}}, ORPHANS_IGNORED                    \
    }
#define HOLD(NAME, ACT, OTHER, A, B, C, D)                                                         \
    {                                                                                              \
        NAME, begin_requests, {ACT, OTHER}, end_requests, 1, 10, {{A, B}, {C, D}}, ORPHANS_IGNORED \
    }

/* clang-format off */
static const struct row rows[] = {
    SMALL("two who take fresh slots get two", begin_slots, give, end_given),
    SMALL("two who take used slots get two", begin_used_slots, give, end_given),
    {"a slot that was taken and given back meanwhile has another one below it", begin_used_slots,
     {give, give_two_and_give_back_the_first}, end_given, 0, 0, {{0}}, ORPHANS_IGNORED},
    SMALL("of two slots given back none is lost", begin_owned_slots, give_back, end_given_again),
    SMALL("one of two owns a hold", begin_hold, own, end_owned),
    SMALL("two late holds have two fresh places", begin_pool, remember, end_remembered),
    SMALL("two late holds have two used places", begin_used_pool, remember, end_remembered),
    SMALL("of two forgotten places none is lost", begin_full_pool, forget, end_forgotten),
    SMALL("two do not get three of five places each", begin_area, take_three, end_area),
    SMALL("a new buyer's requests are both counted", begin_buyers, add_two, end_buyers),
    SMALL("a known buyer's requests are both counted", begin_known_buyer, add_two, end_buyers),
    CLAIM("two claim seats next to each other", 8, 1, 2, 4, 5, ORPHANS_IGNORED),
    CLAIM("two claim the same seat", 8, 1, 2, 2, 3, ORPHANS_IGNORED),
    CLAIM("two claims would leave a seat between them", 8, 0, 1, 3, 4, ORPHANS_REFUSED),
    CLAIM("two claim neighbours in a long row", 200, 62, 63, 60, 61, ORPHANS_REFUSED),
    CLAIM("two claim on both sides of a bitmap's end", 200, 62, 63, 65, 66, ORPHANS_REFUSED),
    CLAIM("two claims would leave a seat before a bitmap's end", 200, 61, 62, 64, 65, ORPHANS_REFUSED),
    CLAIM("two claim there, and single seats are named", 200, 62, 63, 65, 66, ORPHANS_TOLD),
    CLAIM("two claim the same seat across a bitmap's end", 200, 63, 64, 64, 65, ORPHANS_IGNORED),
    CLAIM("a lost claim names no single seat", 8, 1, 2, 2, 3, ORPHANS_TOLD),
    CLAIM("a lost claim in a long row names no single seat", 200, 1, 2, 2, 3, ORPHANS_TOLD),
    CLAIM("a claim loses its second bitmap", 200, 10, 100, 100, 11, ORPHANS_IGNORED),
    {"one of two seizes a seat", begin_held, {seize, seize}, end_seized, 1, 8, {{1, 2}}, 0},
    READ("a copy is of its version", 70, copy, hold_more_and_publish, end_copy),
    READ("deltas are of their version", 70, read_deltas, hold_more_and_publish, end_deltas),
    READ("counts are of their version", 60, count, hold_more_and_publish, end_count),
    READ("a hold is read whole or is gone", 70, read_hold, release_hold, end_whole_or_gone),
    READ("a hold whose seats are held again is read whole or is gone", 70,
         read_hold, release_hold_and_take_one, end_whole_or_gone),
    READ("a hold is read before or after a change", 70, read_hold, change_hold, end_before_or_after),
    READ("a hold that is being written is busy", 70, change_hold, read_hold, end_read_or_busy),
    READ("a seat is read held or free", 70, read_seat, release_hold, end_held_or_free),
    HOLD("two hold seats of one row", hold_seats, hold_seats, 2, 3, 3, 4),
    HOLD("two hold the best", hold_best, hold_best, 0, 0, 0, 0),
    HOLD("the best are held by name meanwhile", hold_best_apart, hold_seats, 0, 0, 2, 3),
    HOLD("one buyer holds twice", hold_seats_as_one, hold_seats_as_one, 2, 3, 6, 7),
    {"a visit holds seats and those between them", begin_requests,
     {hold_seats_as_one, hold_seats_as_one}, end_between, 2, 4, {{0, 3}, {1, 2}}, ORPHANS_REFUSED},
    {"a visit holds seats and those around them", begin_requests,
     {hold_seats_as_one, hold_seats_as_one}, end_between, 2, 4, {{1, 2}, {0, 3}}, ORPHANS_REFUSED},
};
/* clang-format on */

/* ---- no interruptions ---- */

TEST_CASE(an_id_without_a_slot_is_not_found)
{
    bool busy;
    begin_hold();
    const uint64_t ids[] = {0, now.id & ~UINT64_C(0xffffff), (now.id & ~UINT64_C(0xffffff)) | 9,
                            now.id + (1 << 24)};
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        assert_int_equal(hold_own(&now.slots, ids[i]), HOLD_NOT_THERE);
        assert_int_equal(hold_read_begin(&now.slots, ids[i], &busy), 0);
        assert_false(busy);
    }
    free_all();
}

TEST_CASE(a_read_fails_while_a_hold_is_written_and_afterwards)
{
    bool busy;
    begin_hold();
    uint64_t begun = hold_read_begin(&now.slots, now.id, &busy);
    assert_int_not_equal(begun, 0);
    assert_true(hold_read_end(&now.slots, now.id, begun));
    assert_int_equal(hold_own(&now.slots, now.id), HOLD_OWNED);
    assert_true(hold_read_end(&now.slots, now.id, begun)); /* nothing is written yet */
    hold_write_begin(&now.slots, hold_slot_of(now.id));
    assert_int_equal(hold_read_begin(&now.slots, now.id, &busy), 0);
    assert_true(busy);
    assert_false(hold_read_end(&now.slots, now.id, begun));
    hold_write_end(&now.slots, hold_slot_of(now.id));
    assert_false(hold_read_end(&now.slots, now.id, begun));
    begun = hold_read_begin(&now.slots, now.id, &busy);
    assert_int_equal(hold_own(&now.slots, now.id), HOLD_OWNED);
    hold_end(&now.slots, hold_slot_of(now.id), 0);
    assert_false(hold_read_end(&now.slots, now.id, begun));
    free_all();
}

UNIT_ROWS(rows, interrupt_everywhere)
