/* engine_formats_test.c: snapshots written by hand, byte by byte as engine_replay.c describes them:
 * what the engine writes is that, what is read gives the same state, and what no engine would have
 * written is refused by name. */
#include "core/engine/engine_internal.h"
#include "core/engine/wire.h"
#include "test_hall.h"
#include "unit.h"

#include <stdlib.h>

enum { PLACES = 10, FORMAT = 1, HOUR_MS = 3600 * 1000 };

/* A hold as a snapshot has it. */
struct kept {
    uint64_t id, buyer, session, order, expires_ms, hard_end_ms;
    uint32_t version, quantity, seats[4], count;
    uint16_t price_list, area;
    uint8_t status, verdict, purchase[CHANGE_HASH_BYTES];
};

struct snapshot {
    uint32_t lists, places_blocked;
    struct kept holds[5];
    uint32_t len;
    uint64_t hash;
};

static uint8_t *put_hold(const struct kept *hold, uint8_t *at)
{
    at = wire_put_hash(at, hold->id);
    at = wire_put_number(at, hold->version);
    *at++ = hold->status;
    *at++ = hold->verdict;
    at = wire_put_number(at, hold->price_list);
    at = wire_put_hash(at, hold->buyer);
    at = wire_put_hash(at, hold->session);
    at = wire_put_hash(at, hold->order);
    if (hold->order != 0) {
        memcpy(at, hold->purchase, sizeof(hold->purchase));
        at += sizeof(hold->purchase);
    }
    at = wire_put_number(at, hold->expires_ms);
    at = wire_put_number(at, hold->hard_end_ms);
    at = wire_put_number(at, hold->area == CHANGE_AREA_NONE ? 0 : hold->area + 1u);
    if (hold->area != CHANGE_AREA_NONE)
        return wire_put_number(at, hold->quantity);
    if (hold->status == HOLD_LATE)
        at = wire_put_number(at, hold->quantity);
    return wire_put_seats(at, hold->seats, hold->count);
}

/* Of a plan whose hash is zeros, with two categories; nothing but places is blocked. */
static size_t put(const struct snapshot *snapshot, uint8_t *out)
{
    static const uint8_t magic[] = {'F', 'G', 'S', 'N'}, plan[PLAN_HASH_BYTES];
    uint8_t *at = out;
    memcpy(at, magic, sizeof(magic));
    at += sizeof(magic);
    *at++ = FORMAT;
    memcpy(at, plan, sizeof(plan));
    at += sizeof(plan);
    at = wire_put_number(at, 1); /* the highest generation */
    at = wire_put_number(at, snapshot->lists);
    for (uint32_t i = 0; i < snapshot->lists; i++) {
        at = wire_put_number(at, 1000);
        at = wire_put_number(at, 2000);
    }
    at = wire_put_number(at, snapshot->places_blocked);
    at = wire_put_number(at, 0);
    at = wire_put_number(at, snapshot->len);
    for (uint32_t i = 0; i < snapshot->len; i++)
        at = put_hold(&snapshot->holds[i], at);
    return (size_t)(wire_put_hash(at, snapshot->hash) - out);
}

/* ---- a state, by its journal ---- */

enum { OPEN, SOLD, LATE, LATE_PLACES, LATE_UNKNOWN, KINDS };

static void apply(struct engine *engine, struct change *change, enum change_kind kind)
{
    struct err_slot err = {.text = ""};
    change->kind = (uint8_t)kind;
    change->hold_version++;
    int rc = engine_apply(engine, change, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(rc, 0);
}

static void add_hold(struct engine *engine, unsigned kind)
{
    bool in_area = kind == LATE_PLACES;
    struct change change;
    change_init(&change, CHANGE_TAKEN, TEST_NOW_MS);
    change.hold = UINT64_C(1) << 24 | (kind + 1);
    change.buyer = change.session = kind + 1;
    change.expires_ms = TEST_NOW_MS + HOUR_MS;
    change.hard_end_ms = TEST_NOW_MS + 2 * HOUR_MS;
    change.price_list = engine_price_list(engine);
    change.area = in_area ? 0 : CHANGE_AREA_NONE;
    change.quantity = in_area ? 3 : 0;
    change.add_count = in_area ? 0 : 2;
    for (uint32_t i = 0; i < change.add_count; i++)
        change.seats[i] = 2 * kind + i;
    apply(engine, &change, CHANGE_TAKEN);
    if (kind == OPEN)
        return;
    engine_set_text(&change, SPAN("o"));
    apply(engine, &change, CHANGE_EXTENDED);
    change.verdict = CHANGE_VERDICT_CONFIRMED;
    if (kind != SOLD) {
        change.remove_count = change.add_count;
        change.add_count = 0;
        change.verdict = CHANGE_VERDICT_NONE;
        change.flags = CHANGE_FLAG_REMEMBERED;
    }
    apply(engine, &change, kind == SOLD ? CHANGE_CONFIRMED : CHANGE_LATE);
}

/* An engine in replay with a hold of each of these kinds; of late ones two are remembered. */
static struct engine *make_engine(const struct plan *plan, unsigned kinds)
{
    struct engine_conf conf = {.plan = plan, .seed = 7, .now_ms = TEST_NOW_MS, .late_max = 2};
    struct engine *engine;
    assert_int_equal(engine_create(&conf, NULL, &engine), 0);
    engine_replay_begin(engine);
    for (unsigned kind = 0; kind < KINDS; kind++)
        if (kinds >> kind & 1)
            add_hold(engine, kind);
    return engine;
}

static struct kept kept_of(struct engine *engine, uint32_t number)
{
    const struct hold_slot *slot = engine_slot(engine, number);
    struct kept kept = {.id = hold_id(&engine->holds, number),
                        .buyer = slot->buyer,
                        .session = slot->session,
                        .order = slot->order,
                        .expires_ms = slot->expires_ms,
                        .hard_end_ms = slot->hard_end_ms,
                        .version = slot->version,
                        .quantity = slot->count,
                        .price_list = slot->price_list,
                        .area = slot->area,
                        .status = slot->status,
                        .verdict = slot->verdict};
    bool known = kept.status != HOLD_LATE || slot->first != 0;
    if (kept.area == CHANGE_AREA_NONE && known) {
        kept.count = slot->count;
        for (uint32_t i = 0; i < kept.count; i++)
            kept.seats[i] = 2 * (number - 1) + i;
    }
    return kept;
}

static struct snapshot snapshot_of(struct engine *engine, unsigned kinds)
{
    struct snapshot snapshot = {.lists = engine_price_list(engine) + 1u,
                                .hash = engine_state_hash(engine)};
    for (uint32_t number = 1; number <= KINDS; number++)
        if (kinds >> (number - 1) & 1)
            snapshot.holds[snapshot.len++] = kept_of(engine, number);
    return snapshot;
}

/* The hash of what is read, or what is wrong with it. */
static int read_back(const struct plan *plan, const struct snapshot *snapshot, uint64_t *hash,
                     struct err_slot *err)
{
    uint8_t bytes[2048];
    struct engine *engine = make_engine(plan, 0);
    size_t len = put(snapshot, bytes);
    int rc = engine_snapshot_read(engine, bytes, len, err);
    *hash = engine_state_hash(engine);
    engine_destroy(engine);
    return rc;
}

/* ---- tests ---- */

static void what_an_engine_writes_is_what_is_described(void **state)
{
    (void)state;
    struct plan *plan = test_hall_block(1, 12, test_limits(), PLACES);
    for (unsigned kinds = 0; kinds < 1u << KINDS; kinds++) {
        struct engine *engine = make_engine(plan, kinds);
        struct snapshot snapshot = snapshot_of(engine, kinds);
        uint8_t by_hand[2048];
        size_t room = engine_snapshot_size(engine);
        uint8_t *bytes = malloc(room);
        size_t len = engine_snapshot_write(engine, bytes, room);
        if (kinds != 0) { /* without a hold there is no generation */
            assert_int_equal(put(&snapshot, by_hand), len);
            assert_memory_equal(bytes, by_hand, len);
        }
        free(bytes);
        engine_destroy(engine);
    }
    plan_destroy(plan);
}

static void snapshot_gives_the_state_of_its_hash_or_is_refused(void **state)
{
    (void)state;
    struct plan *plan = test_hall_block(1, 12, test_limits(), PLACES);
    for (unsigned kinds = 0; kinds < 1u << KINDS; kinds++) {
        struct engine *engine = make_engine(plan, kinds);
        struct snapshot snapshot = snapshot_of(engine, kinds);
        struct err_slot err = {.text = ""};
        uint64_t hash;
        int rc = read_back(plan, &snapshot, &hash, &err);
        assert_string_equal(err.text, "");
        assert_int_equal(rc, 0);
        assert_true(hash == engine_state_hash(engine));
        snapshot.hash++;
        assert_int_equal(read_back(plan, &snapshot, &hash, &err), ERR_STATE);
        assert_says(&err, "does not give the state");
        engine_destroy(engine);
    }
    plan_destroy(plan);
}

static void a_hold_by_the_last_of_all_price_lists_is_read(void **state)
{
    (void)state;
    struct plan *plan = test_hall_block(1, 12, test_limits(), PLACES);
    struct engine *engine = make_engine(plan, 0);
    for (uint16_t list = 1; list < PRICE_LISTS_MAX; list++) {
        struct change change;
        change_init(&change, CHANGE_PRICED, TEST_NOW_MS);
        change.price_list = list;
        change.total = 1000;
        apply(engine, &change, CHANGE_PRICED);
    }
    add_hold(engine, OPEN);
    struct snapshot snapshot = snapshot_of(engine, 1 << OPEN);
    struct err_slot err = {.text = ""};
    uint64_t hash;
    assert_int_equal(snapshot.holds[0].price_list, PRICE_LISTS_MAX - 1);
    assert_int_equal(read_back(plan, &snapshot, &hash, &err), 0);
    assert_true(hash == engine_state_hash(engine));
    engine_destroy(engine);
    plan_destroy(plan);
}

/* Snapshots that lie in a database name the hash of their state: another would make them void. */
static void a_state_has_the_hash_that_it_always_had(void **state)
{
    (void)state;
    static const struct {
        unsigned kinds;
        uint64_t hash;
    } cases[] = {{0, UINT64_C(0x373870fd0ea934cd)},
                 {1 << OPEN, UINT64_C(0xde49b8e428774fe2)},
                 {(1 << KINDS) - 1, UINT64_C(0xe9c662d1253134c6)}};
    struct plan *plan = test_hall_block(1, 12, test_limits(), PLACES);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct engine *engine = make_engine(plan, cases[i].kinds);
        assert_true(engine_state_hash(engine) == cases[i].hash);
        engine_destroy(engine);
    }
    plan_destroy(plan);
}

static void no_prices(struct snapshot *s)
{
    s->lists = 0;
}

static void too_many_blocked(struct snapshot *s)
{
    s->places_blocked = PLACES + 1;
}

static void all_blocked(struct snapshot *s)
{
    s->places_blocked = PLACES; /* of which none is left to be held; the late hold has none */
}

static void a_late_seat_beyond(struct snapshot *s)
{
    s->holds[2].seats[1] = 12;
}

static void a_late_area_beyond(struct snapshot *s)
{
    s->holds[3].area = 1;
}

static void a_late_price_beyond(struct snapshot *s)
{
    s->holds[2].price_list = 1;
}

static void a_price_beyond(struct snapshot *s)
{
    s->holds[0].price_list = 1;
}

static void a_late_seat_less(struct snapshot *s)
{
    s->holds[2].count = 1;
}

static void a_late_hold_twice(struct snapshot *s)
{
    s->holds[3] = s->holds[2];
}

static void a_late_hold_in_a_slot_in_use(struct snapshot *s)
{
    s->holds[2].id = s->holds[0].id + (UINT64_C(1) << 24);
}

static void a_hold_in_a_slot_in_use(struct snapshot *s)
{
    s->holds[1].id = s->holds[0].id + (UINT64_C(1) << 24);
}

static void no_such_status(struct snapshot *s)
{
    s->holds[0].status = HOLD_LATE + 1;
}

static void what_no_engine_would_have_written_is_refused_by_name(void **state)
{
    (void)state;
    enum { ALL = (1 << KINDS) - 1 };
    static const struct {
        void (*spoil)(struct snapshot *snapshot);
        int rc;
        const char *says;
    } cases[] = {
        {no_prices, ERR_SYNTAX, "has no prices"},
        {too_many_blocked, ERR_SYNTAX, "blocks more places than an area has"},
        {all_blocked, ERR_STATE, "does not give the state"},
        {a_late_seat_beyond, ERR_STATE, "a seat or area that the plan does not have"},
        {a_late_area_beyond, ERR_SYNTAX, "has a number that is too large"},
        {a_late_price_beyond, ERR_STATE, "its prices are not known"},
        {a_price_beyond, ERR_STATE, "its prices are not known"},
        {a_late_seat_less, ERR_SYNTAX, "another number of seats than it had"},
        {a_late_hold_twice, ERR_STATE, "its hold exists already"},
        {a_late_hold_in_a_slot_in_use, ERR_STATE, "its hold exists already"},
        {a_hold_in_a_slot_in_use, ERR_STATE, "its hold exists already"},
        {no_such_status, ERR_SYNTAX, "has a wrong status"},
    };
    struct plan *plan = test_hall_block(1, 12, test_limits(), PLACES);
    struct engine *engine = make_engine(plan, ALL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct snapshot snapshot = snapshot_of(engine, ALL);
        struct err_slot err = {.text = ""};
        uint64_t hash;
        cases[i].spoil(&snapshot);
        assert_int_equal(read_back(plan, &snapshot, &hash, &err), cases[i].rc);
        assert_says(&err, cases[i].says);
    }
    engine_destroy(engine);
    plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_engine_writes_is_what_is_described),
        cmocka_unit_test(snapshot_gives_the_state_of_its_hash_or_is_refused),
        cmocka_unit_test(a_hold_by_the_last_of_all_price_lists_is_read),
        cmocka_unit_test(a_state_has_the_hash_that_it_always_had),
        cmocka_unit_test(what_no_engine_would_have_written_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
