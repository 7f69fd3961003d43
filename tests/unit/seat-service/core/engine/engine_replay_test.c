/* engine_replay_test.c: an engine made from a journal or a snapshot. Both give back everything,
 * late holds and counts of buyers included; a change or a snapshot that does not fit is refused in
 * each of its parts and leaves the engine as it was. engine_script.h has the words of a row. */
#include "core/engine/wire.h"
#include "engine_script.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#define HALL "hall 2*(6)a floor=10 buyer=5; "

static const struct script_row rows[] = {
    /* ---- changes that do not fit ---- */
    {"a taking is refused whichever of its seats is not free",
     HALL "hold a u1 2,3; begin hold b u2 4,5,6; wrong add=3,5,6 says its seats are not free;"
          "wrong add=1,2,6 says its seats are not free;"
          "wrong add=0,1,2 says its seats are not free;"
          "wrong add=4,5,12 says a seat or area that the plan does not have;"
          "wrong add=12,5,11 says a seat or area that the plan does not have"},
    {"a taking that makes no sense is refused",
     HALL "begin hold a u1 0,1; wrong add=- says no seats, or too many;"
          "wrong list=1 says its prices are not known;"
          "wrong hold=none says its hold exists already;"
          "wrong hold=beyond says its hold exists already; commit; begin places b u2 4;"
          "wrong quantity=0 says no seats, or too many;"
          "wrong quantity=1025 says no seats, or too many;"
          "wrong quantity=11 says its seats are not free;"
          "wrong area=1 says a seat or area that the plan does not have; commit;"
          "begin places c u3 3; wrong quantity=7 says its seats are not free; commit;"
          "wrong says its hold exists already"},
    {"a refused taking does not forget the late hold whose slot it names",
     "hall (8)a late=2; hold a u1 0; extend a o; at 600s; expire a; hold b u2 3; begin hold c u3 5;"
     "wrong hold=a lives=1 add=3 says its hold exists already;"
     "wrong hold=a lives=1 says its hold exists already;"
     "wrong hold=a says its hold exists already; commit; confirm a o"},
    {"a release gives back all of the hold's own seats",
     HALL "hold a u1 2,3,4; hold b u2 1,5; begin release a u1;"
          "wrong remove=1,3,4 says its seats are not the hold's;"
          "wrong remove=2,3,5 says its seats are not the hold's;"
          "wrong remove=2,3,6 says its seats are not the hold's;"
          "wrong remove=2,3 says it names another number of places than the hold has;"
          "wrong remove=- area=0 says its area is another one;"
          "wrong hold=later says there is no such hold; commit; wrong says there is no such hold"},
    {"a sale, a move and a refund are of the hold's own seats",
     HALL "hold a u1 2,3; hold b u2 1,4; extend a o1; begin confirm a o1;"
          "wrong add=1,3 says its seats are not the hold's;"
          "wrong add=2,4 says its seats are not the hold's;"
          "wrong add=2 says it names another number of places than the hold has; commit;"
          "wrong says the hold is in another state; begin move a o1 2 8;"
          "wrong remove=1 says its seats are not the hold's;"
          "wrong add=4 says its seats are not free; commit; begin refund a o1;"
          "wrong remove=3,9 says its seats are not the hold's"},
    {"a change leaves a hold with seats, and not with too many",
     HALL "hold a u1 2,3; begin change a u1 add=8 remove=2;"
          "wrong add=- remove=2,3 says no seats would be left, or too many;"
          "wrong remove=9 says its seats are not the hold's;"
          "wrong add=3 says its seats are not free; commit; places b u2 3;"
          "begin change b u2 quantity=4; wrong quantity=0 says no places;"
          "wrong quantity=1025 says no places; wrong quantity=11 says its seats are not free;"
          "commit; change b u2 quantity=1; begin release b u2;"
          "wrong quantity=2 says it names another number of places than the hold has"},
    {"a hold may have as much as fits, and not one more",
     "hall 2*(40)a hold=0 floor=3072; begin hold a u1 0-63; wrong add=0-64 says no seats, or too "
     "many;"
     "commit; begin change a u1 add=64 remove=0;"
     "wrong remove=- says no seats would be left, or too many; commit; begin places b u2 1024;"
     "wrong quantity=1025 says no seats, or too many; commit; change b u2 quantity=1;"
     "begin change b u2 quantity=1024; wrong quantity=1025 says no places"},
    {"blocked seats and places are unblocked, and no others",
     HALL "hold a u1 1; begin block 2,3,4; wrong add=1,3,4 says seats are not free; commit;"
          "begin unblock 2,3; wrong remove=1,3 says its seats are not blocked;"
          "wrong remove=2,5 says its seats are not blocked; commit; begin block-places 4;"
          "wrong quantity=11 says seats are not free; commit; begin unblock-places 4;"
          "wrong quantity=5 says its places are not blocked; commit; area free 10"},
    {"a journal is of this plan, and its price lists follow each other",
     HALL "import; wrong plan=1 says it is of another plan; begin price 1 700;"
          "wrong category=2 says its category or price list is not the next one;"
          "wrong list=2 says its category or price list is not the next one;"
          "wrong list=0 says its category or price list is not the next one; commit;"
          "price-of 1 1 700; price-of 1 0 1000"},
    {"seats that an order takes again must exist",
     HALL "hold a u1 0,1,2; places b u2 2; extend a o; extend b o; at 600s; expire a; expire b;"
          "begin confirm a o; op verdict retaken;"
          "wrong add=0,1,12 says a seat or area that the plan does not have; commit; confirm b o;"
          "buyer 1 3; buyer 2 2"},

    /* ---- the next owner ---- */
    {"a follower takes over with the counts of buyers",
     HALL "hold a u1 0,1; places b u2 2; change a u1 add=2,3 remove=1; change b u2 quantity=4;"
          "takeover; buyer 1 3; buyer 2 4; places c u1 3 -> buyer-limit; op has 3;"
          "try places c u1 2; places c u2 2 -> buyer-limit; op has 4; try places c u2 1"},
    {"a hold that was handed over counts for its new buyer at the next owner",
     HALL "hold a u1 0,1,2; extend a o1 for=77; confirm a o1; takeover snapshot; buyer 1 0;"
          "buyer 77 3; places c u77 3 -> buyer-limit; op has 3; places c u1 5"},
    {"a late hold is paid at the next owner",
     HALL "hold a u1 0,1,2; extend a o; at 600s; expire a; takeover snapshot; confirm a o;"
          "op verdict retaken; buyer 1 3; takeover; refund a o; buyer 1 0"},

    /* ---- late holds ---- */
    {"beyond its room a late hold is over",
     "hall (8)a floor=20 late=2; hold a u1 0; extend a o; at 600s; expire a; hold b u3 2;"
     "extend b o; at 1200s; expire b; hold c u5 4; extend c o; at 1800s; expire c;"
     "op kind late flags -; stat late-dropped 1; confirm c o -> no-such-hold; confirm a o;"
     "hold d u7 6; extend d o; at 2400s; expire d; places e u9 3; extend e o; at 3000s; expire e;"
     "confirm e o -> no-such-hold; confirm d o; confirm b o"},
    {"room that two late holds gave back is for two",
     "hall (8)a late=2; hold a u1 0; extend a o; hold b u2 2; extend b o; at 600s; expire a;"
     "expire b; confirm a o; confirm b o; hold c u3 4; extend c o; hold d u4 6; extend d o;"
     "at 1200s; expire c; expire d; stat late-dropped 0; confirm c o; confirm d o"},
    {"an undone expiry keeps no room, and an undone forgetting keeps the hold",
     "hall (8)a late=1; hold a u1 0; extend a o; at 600s; begin expire a; op flags remembered; "
     "undo;"
     "at 1200s; begin expire a; op flags remembered; undo; at 1800s; expire a;"
     "op flags remembered; at 9060s; begin expire a; op kind forgotten; undo; confirm a o"},
    {"a late hold that its order gave up is not sold to it any more",
     "hall (8)a floor=20; hold a u1 0; extend a o; at 600s; expire a; give-up a p -> other-order;"
     "give-up a o; op kind forgotten; confirm a o -> no-such-hold; takeover;"
     "confirm a o -> no-such-hold; extend a o -> no-such-hold; give-up a o -> no-such-hold"},
    {"a late hold that its order refunded is not sold to it any more",
     "hall (8)a floor=20; hold a u1 0; extend a o; at 600s; expire a; refund a o;"
     "op kind forgotten; confirm a o -> no-such-hold; takeover snapshot;"
     "confirm a o -> no-such-hold; extend a o -> no-such-hold; give-up a o -> no-such-hold"},
    {"a refund before its confirm is final",
     "hall (8)a floor=20; hold a u1 3; extend a o; refund a p -> other-order; refund a o;"
     "op kind released; confirm a o -> no-such-hold; takeover snapshot;"
     "confirm a o -> no-such-hold; places b u1 4; extend b o; at 600s; expire b; refund b o;"
     "confirm b o -> no-such-hold"},
};

/* ---- long histories ---- */

static void two_hours_of_abandoned_payments_replay(void **state)
{
    (void)state;
    enum { ROW = 60, ROWS = LATE_HOLDS_MAX / ROW + 2, NOW_S = 600, FORGOTTEN_S = NOW_S + 7200 };
    struct engine_world *w = &engine_world;
    w->plan = test_hall_block(ROWS, ROW, test_limits(), 0);
    engine_script_open();
    for (uint32_t i = 0; i < LATE_HOLDS_MAX; i++)
        engine_script("hold a u%u %u; extend a o", i + 1, i);
    engine_script("at %ds; expire-all %d", NOW_S, LATE_HOLDS_MAX);
    engine_script("at %ds; hold b u1 %d; extend b o", FORGOTTEN_S - 450, LATE_HOLDS_MAX);
    engine_script("at %ds; expire-all %d", FORGOTTEN_S + 1, LATE_HOLDS_MAX);  /* forgets those, */
    engine_script("at %ds; expire b; op flags remembered", FORGOTTEN_S + 31); /* and has room */
    engine_script("confirm b o; op verdict retaken");
    engine_script_end();
}

static void abandoned_payments_of_places_do_not_use_up_the_slots(void **state)
{
    (void)state;
    enum { HOLDS = 1000 + LATE_HOLDS_MAX + 3000 }; /* more than such a hall has slots */
    engine_script("hall (8)a floor=1000 ttl=1s max=1s");
    for (uint32_t i = 0; i < HOLDS; i++) /* four a second, for an hour and a half */
        engine_script("at %ums; expire-all 0..9; places a u%u 1; extend a o ttl=1ms", 250 * i,
                      i % 90 + 1);
    engine_script_end();
}

/* Its seats are free, so only the hold itself shows what it remembers: each of its seats. */
static void late_holds_of_different_seats_are_different_states(void **state)
{
    (void)state;
    static const char *const seats[] = {"1,3", "1,4", "2,3", "1,3"};
    uint64_t hashes[4];
    for (size_t i = 0; i < 4; i++) {
        engine_script("hall (8)a; hold a u1 %s; extend a o; at 600s; expire a; seats ........",
                      seats[i]);
        hashes[i] = engine_state_hash(engine_world.engine);
        engine_script_end();
    }
    assert_int_not_equal(hashes[0], hashes[1]);
    assert_int_not_equal(hashes[0], hashes[2]);
    assert_int_not_equal(hashes[1], hashes[2]);
    assert_int_equal(hashes[0], hashes[3]);
}

/* An owner with more room wrote the journal. */
static void a_late_hold_beyond_the_reader_s_room_is_kept_without_its_seats(void **state)
{
    (void)state;
    engine_script("hall (8)a late=1; hold a u1 0; extend a o; hold b u2 2; extend b o; at 600s;"
                  "expire a; begin expire b; op flags -");
    struct change change = engine_world.op->change;
    change.flags = CHANGE_FLAG_REMEMBERED;
    assert_int_equal(engine_apply(engine_world.follower, &change, NULL), 0);
    engine_world.begun[0] = false; /* the owner that began it is gone */
    engine_script("takeover; confirm b o -> seats-gone; op lost -; takeover snapshot;"
                  "read b quantity 1; confirm b o -> seats-gone; at 7801s; expire-all 2;"
                  "confirm b o -> no-such-hold");
    engine_script_end();
}

/* ---- snapshots ---- */

/* Blocked, late, sold and held, by seat and by place. */
#define FULL                                                                                       \
    HALL "hold a u1 0,1; places b u2 3; extend a o; extend b o; at 600s; expire a; expire b;"      \
         "hold c u3 1,3; places d u4 2; extend c o for=77; confirm c o; extend d o; confirm d o;"  \
         "price 0 700; hold e u5 6,7,8; places f u6 4; block 9,11; block-places 2"

static int read_into(struct test_bytes bytes, uint64_t *hash, struct err_slot *err)
{
    struct engine *next = test_hall_engine(engine_world.plan);
    *err = (struct err_slot){.text = ""};
    engine_replay_begin(next);
    int rc = engine_snapshot_read(next, bytes.at, bytes.len, err);
    assert_int_equal(rc < 0, err->text[0] != '\0');
    *hash = engine_state_hash(next);
    engine_destroy(next);
    return rc;
}

static void a_snapshot_that_lost_or_gained_bytes_is_refused(void **state)
{
    (void)state;
    uint64_t hash;
    struct err_slot err;
    engine_script(FULL);
    struct test_bytes bytes = test_snapshot(engine_world.follower);
    for (size_t len = 0; len <= bytes.len + 1; len++)
        if (len != bytes.len)
            assert_int_equal(read_into((struct test_bytes){bytes.at, len}, &hash, &err),
                             ERR_SYNTAX);
    free(bytes.at);
    engine_script_end();
}

static void a_snapshot_with_a_wrong_byte_is_refused_or_means_the_same(void **state)
{
    (void)state;
    uint64_t hash;
    struct err_slot err;
    engine_script(FULL);
    struct test_bytes bytes = test_snapshot(engine_world.follower);
    for (size_t at = 0; at < bytes.len; at++) {
        bytes.at[at] ^= 1;
        int rc = read_into(bytes, &hash, &err);
        if (rc == 0) /* the highest generation is no part of the state */
            assert_int_equal(hash, engine_state_hash(engine_world.follower));
        if (at < 5) /* the magic and the format */
            assert_int_equal(rc, ERR_SYNTAX);
        if (at >= 5 && at < 5 + PLAN_HASH_BYTES)
            assert_int_equal(rc, ERR_STATE);
        if (at >= bytes.len - 8) /* the state's hash */
            assert_int_equal(rc, ERR_STATE);
        bytes.at[at] ^= 1;
    }
    free(bytes.at);
    engine_script_end();
}

/* A snapshot by hand, byte by byte as engine_replay.c describes it: of a plan whose hash is zeros,
 * with two categories; nothing but places is blocked. */
struct kept {
    uint64_t id, buyer, session, order, expires_ms, hard_end_ms, version, quantity, count;
    uint64_t price_list, area, status, verdict;
    uint32_t seats[4];
};

struct snapshot {
    uint64_t lists, places_blocked, len, hash;
    struct kept holds[4];
};

static uint8_t *put_hold(const struct kept *hold, uint8_t *at)
{
    static const uint8_t no_purchase[CHANGE_HASH_BYTES];
    at = wire_put_hash(at, hold->id);
    at = wire_put_number(at, hold->version);
    *at++ = (uint8_t)hold->status;
    *at++ = (uint8_t)hold->verdict;
    at = wire_put_number(at, hold->price_list);
    at = wire_put_hash(at, hold->buyer);
    at = wire_put_hash(at, hold->session);
    at = wire_put_hash(at, hold->order);
    if (hold->order != 0) {
        memcpy(at, no_purchase, sizeof(no_purchase));
        at += sizeof(no_purchase);
    }
    at = wire_put_number(at, hold->expires_ms);
    at = wire_put_number(at, hold->hard_end_ms);
    at = wire_put_number(at, hold->area == CHANGE_AREA_NONE ? 0 : hold->area + 1);
    if (hold->area != CHANGE_AREA_NONE)
        return wire_put_number(at, hold->quantity);
    if (hold->status == HOLD_LATE)
        at = wire_put_number(at, hold->quantity);
    return wire_put_seats(at, hold->seats, (uint32_t)hold->count);
}

static struct test_bytes put(const struct snapshot *snapshot)
{
    static const uint8_t head[] = {'F', 'G', 'S', 'N', 1}, plan[PLAN_HASH_BYTES];
    static uint8_t bytes[2048];
    uint8_t *at = bytes;
    memcpy(at, head, sizeof(head));
    at += sizeof(head);
    memcpy(at, plan, sizeof(plan));
    at += sizeof(plan);
    at = wire_put_number(at, 1); /* the highest generation */
    at = wire_put_number(at, snapshot->lists);
    for (uint32_t i = 0; i < snapshot->lists; i++) {
        at = wire_put_number(at, i == 0 ? 1000 : i); /* see `price` below */
        at = wire_put_number(at, 2000);
    }
    at = wire_put_number(at, snapshot->places_blocked);
    at = wire_put_number(at, 0);
    at = wire_put_number(at, snapshot->len);
    for (uint32_t i = 0; i < snapshot->len; i++)
        at = put_hold(&snapshot->holds[i], at);
    at = wire_put_hash(at, snapshot->hash);
    return (struct test_bytes){bytes, (size_t)(at - bytes)};
}

enum { OPEN, SOLD, LATE, LATE_PLACES, KINDS, ALL = (1 << KINDS) - 1 };

/* Opens a hall with a hold of each of these kinds; the nth has the nth letter and two seats from 2n
 * on, or three places. */
static void open_kinds(unsigned kinds)
{
    engine_script("hall (12)a floor=10");
    for (unsigned kind = 0; kind < KINDS; kind++) {
        char name = (char)('a' + kind);
        if (!(kinds >> kind & 1))
            continue;
        if (kind == LATE_PLACES)
            engine_script("at 0; places %c u%u 3", name, kind + 1);
        else
            engine_script("at %ds; hold %c u%u %u,%u", kind == OPEN ? 400 : 0, name, kind + 1,
                          2 * kind, 2 * kind + 1);
        if (kind != OPEN)
            engine_script("extend %c o", name);
        if (kind == SOLD)
            engine_script("confirm %c o", name);
    }
    if (kinds >> LATE & 1)
        engine_script("at 480064ms; expire %c", 'a' + LATE); /* in the order of their slots */
    if (kinds >> LATE_PLACES & 1)
        engine_script("at 480064ms; expire %c", 'a' + LATE_PLACES);
}

static struct snapshot snapshot_of(unsigned kinds)
{
    struct engine *engine = engine_world.engine;
    struct snapshot snapshot = {.lists = engine_price_list(engine) + 1u,
                                .hash = engine_state_hash(engine)};
    uint32_t number = 1;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        const struct hold_slot *slot = engine_slot(engine, number);
        if (!(kinds >> kind & 1))
            continue;
        struct kept *kept = &snapshot.holds[snapshot.len++];
        *kept = (struct kept){.id = hold_id(&engine->holds, number++),
                              .buyer = slot->buyer,
                              .session = slot->session,
                              .order = slot->order,
                              .expires_ms = slot->expires_ms,
                              .hard_end_ms = slot->hard_end_ms,
                              .version = slot->version,
                              .quantity = slot->count,
                              .seats = {2 * kind, 2 * kind + 1},
                              .count = kind == LATE_PLACES ? 0 : 2,
                              .price_list = slot->price_list,
                              .area = slot->area,
                              .status = slot->status,
                              .verdict = slot->verdict};
    }
    return snapshot;
}

static void an_engine_writes_the_bytes_that_are_described(void **state)
{
    (void)state;
    for (unsigned kinds = 1; kinds <= ALL; kinds++) { /* without a hold there is no generation */
        open_kinds(kinds);
        struct snapshot snapshot = snapshot_of(kinds);
        struct test_bytes bytes = test_snapshot(engine_world.follower), by_hand = put(&snapshot);
        assert_int_equal(bytes.len, by_hand.len);
        assert_memory_equal(bytes.at, by_hand.at, bytes.len);
        free(bytes.at);
        engine_script_end();
    }
}

static void a_hold_by_the_last_price_list_is_read(void **state)
{
    (void)state;
    uint64_t hash;
    struct err_slot err;
    engine_script("hall (12)a floor=10");
    for (int list = 1; list < PRICE_LISTS_MAX; list++)
        engine_script("price 0 %d", list);
    engine_script("hold a u1 0,1; read a list %d", PRICE_LISTS_MAX - 1);
    struct snapshot snapshot = snapshot_of(1 << OPEN);
    struct test_bytes bytes = put(&snapshot);
    assert_int_equal(read_into(bytes, &hash, &err), 0);
    assert_true(hash == engine_state_hash(engine_world.engine));
    engine_script_end();
}

/* Stored snapshots name the hash of their state: another hash would make them void. */
static void a_state_keeps_its_hash(void **state)
{
    (void)state;
    static const struct {
        unsigned kinds;
        uint64_t hash;
    } cases[] = {{0, UINT64_C(0x373870fd0ea934cd)},
                 {1 << OPEN, UINT64_C(0xe457089eefaebf73)},
                 {ALL, UINT64_C(0xacc2d81041c842eb)}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        open_kinds(cases[i].kinds);
        assert_true(engine_state_hash(engine_world.engine) == cases[i].hash);
        engine_script_end();
    }
}

static void refuse(const char *name, const struct snapshot *snapshot, int rc, const char *says)
{
    struct err_slot err;
    uint64_t hash;
    int got = read_into(put(snapshot), &hash, &err);
    if (got != rc || strstr(err.text, says) == NULL)
        fail_msg("%s: it is %d, \"%s\"", name, got, err.text);
}

static void a_snapshot_that_no_engine_writes_is_refused_by_name(void **state)
{
    (void)state;
    open_kinds(ALL);
    const struct snapshot right = snapshot_of(ALL);
    const uint64_t next_life = right.holds[OPEN].id + (UINT64_C(1) << 24);
#define AT(MEMBER) offsetof(struct snapshot, MEMBER)
    const struct {
        const char *name;
        size_t at;
        uint64_t value; /* instead of what is right */
        int rc;
        const char *says;
    } cases[] = {
        {"no prices", AT(lists), 0, ERR_SYNTAX, "has no prices"},
        {"too many blocked", AT(places_blocked), 11, ERR_SYNTAX,
         "blocks more places than an area has"},
        {"all blocked, of which the late hold needs none", AT(places_blocked), 10, ERR_STATE,
         "does not give the state"},
        {"a late area beyond the last", AT(holds[LATE_PLACES].area), 1, ERR_SYNTAX,
         "has a number that is too large"},
        {"a late price beyond the last", AT(holds[LATE].price_list), 1, ERR_STATE,
         "its prices are not known"},
        {"a price beyond the last", AT(holds[OPEN].price_list), 1, ERR_STATE,
         "its prices are not known"},
        {"a late seat less", AT(holds[LATE].count), 1, ERR_SYNTAX,
         "another number of seats than it had"},
        {"a late hold twice", AT(holds[LATE_PLACES].id), right.holds[LATE].id, ERR_STATE,
         "its hold exists already"},
        {"a late hold in a slot in use", AT(holds[LATE].id), next_life, ERR_STATE,
         "its hold exists already"},
        {"a hold in a slot in use", AT(holds[SOLD].id), next_life, ERR_STATE,
         "its hold exists already"},
        {"an unknown status", AT(holds[OPEN].status), HOLD_LATE + 1, ERR_SYNTAX,
         "has a wrong status"},
        {"another state", AT(hash), right.hash + 1, ERR_STATE, "does not give the state"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct snapshot snapshot = right;
        memcpy((uint8_t *)&snapshot + cases[i].at, &cases[i].value, sizeof(cases[i].value));
        refuse(cases[i].name, &snapshot, cases[i].rc, cases[i].says);
    }
    struct snapshot snapshot = right;
    snapshot.holds[LATE].seats[1] = 12;
    refuse("a late seat beyond the last", &snapshot, ERR_STATE,
           "a seat or area that the plan does not have");
    engine_script_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_hours_of_abandoned_payments_replay),
        cmocka_unit_test(abandoned_payments_of_places_do_not_use_up_the_slots),
        cmocka_unit_test(late_holds_of_different_seats_are_different_states),
        cmocka_unit_test(a_late_hold_beyond_the_reader_s_room_is_kept_without_its_seats),
        cmocka_unit_test(a_snapshot_that_lost_or_gained_bytes_is_refused),
        cmocka_unit_test(a_snapshot_with_a_wrong_byte_is_refused_or_means_the_same),
        cmocka_unit_test(an_engine_writes_the_bytes_that_are_described),
        cmocka_unit_test(a_hold_by_the_last_price_list_is_read),
        cmocka_unit_test(a_state_keeps_its_hash),
        cmocka_unit_test(a_snapshot_that_no_engine_writes_is_refused_by_name),
    };
    return script_tests(SCRIPT_LIST(tests), SCRIPT_LIST(rows), engine_script_row);
}
