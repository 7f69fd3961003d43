/* engine_replay_test.c: an engine rebuilt from a journal or a snapshot. Both restore everything,
 * including late holds and counts of buyers. A change or a snapshot with any wrong part is refused
 * and leaves the engine unchanged. engine_script.h documents the words of a row. */
#include "engine_script.h"
#include "unit.h"

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
    {"a hold may reach its limits and not exceed them",
     "hall 2*(40)a hold=64 floor=3072; begin hold a u1 0-63; wrong add=0-64 says no seats, or too "
     "many;"
     "commit; begin change a u1 add=64 remove=0;"
     "wrong remove=- says no seats would be left, or too many; commit; begin places b u2 64;"
     "wrong quantity=1025 says no seats, or too many; commit; change b u2 quantity=1;"
     "begin change b u2 quantity=64; wrong quantity=1025 says no places"},
    {"blocked seats and places are unblocked, and no others",
     HALL "hold a u1 1; begin block 2,3,4; wrong add=1,3,4 says seats are not free; commit;"
          "begin unblock 2,3; wrong remove=1,3 says its seats are not blocked;"
          "wrong remove=2,5 says its seats are not blocked; commit; begin block-places 4;"
          "wrong quantity=11 says seats are not free; commit; begin unblock-places 4;"
          "wrong quantity=5 says its places are not blocked; commit; area free 10"},
    {"a journal is of this plan, and its price lists are new or free",
     HALL "import; wrong plan=1 says it is of another plan; begin price 1 700;"
          "wrong category=2 says its category is unknown, or its price list is not free;"
          "wrong list=2 says its category is unknown, or its price list is not free;"
          "wrong list=0 says its category is unknown, or its price list is not free; commit;"
          "takeover; places a u1 1; op total 700; hold b u1 5; op total 1000; price 1 800;"
          "begin price 1 900;"
          "wrong list=1 says its category is unknown, or its price list is not free;"
          "wrong list=4 says its category is unknown, or its price list is not free; commit;"
          "begin price 0 600 1 650; wrong category=2 says its category is unknown; commit;"
          "takeover; hold c u2 0; op total 600"},
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

    /* ---- late holds ---- */
    {"beyond its room a late hold is over",
     "hall (8)a floor=20 late=2; hold a u1 0; extend a o; at 600s; expire a; hold b u3 2;"
     "extend b o; at 1200s; expire b; hold c u5 4; extend c o; at 1800s; expire c;"
     "op kind late flags -; confirm c o -> no-such-hold; confirm a o;"
     "hold d u7 6; extend d o; at 2400s; expire d; places e u9 3; extend e o; at 3000s; expire e;"
     "confirm e o -> no-such-hold; confirm d o; confirm b o"},
    {"room that two late holds gave back is for two",
     "hall (8)a late=2; hold a u1 0; extend a o; hold b u2 2; extend b o; at 600s; expire a;"
     "expire b; confirm a o; confirm b o; hold c u3 4; extend c o; hold d u4 6; extend d o;"
     "at 1200s; expire c; op flags remembered; expire d; op flags remembered; confirm c o; confirm "
     "d o"},
    {"an undone expiry uses no room, an undone forgetting keeps the hold",
     "hall (8)a late=1; hold a u1 0; extend a o; at 600s; begin expire a; op flags remembered; "
     "undo;"
     "at 1200s; begin expire a; op flags remembered; undo; at 1800s; expire a;"
     "op flags remembered; at 9060s; begin expire a; op kind forgotten; undo; confirm a o"},
    {"room for late places comes back as that for seats",
     "hall (8)a floor=20 late=1; places a u1 2; extend a o; at 600s; begin expire a; undo;"
     "at 1200s; expire a; op flags remembered; confirm a o; hold b u2 0; extend b o; at 1800s;"
     "expire b; op flags remembered"},
    {"a late hold that was given up or refunded is no longer sold",
     "hall (8)a floor=20; hold a u1 0; extend a o; at 600s; expire a; $a a p -> other-order;"
     "$a a o; op kind forgotten; confirm a o -> no-such-hold; takeover $b;"
     "confirm a o -> no-such-hold; extend a o -> no-such-hold; give-up a o -> no-such-hold"
     " || give-up follower | refund snapshot"},
    {"a refund before its confirm is final",
     "hall (8)a floor=20; hold a u1 3; extend a o; refund a p -> other-order; refund a o;"
     "op kind released; confirm a o -> no-such-hold; takeover snapshot;"
     "confirm a o -> no-such-hold; places b u1 4; extend b o; at 600s; expire b; refund b o;"
     "confirm b o -> no-such-hold"},
};

/* ---- long histories ---- */

TEST_CASE(two_hours_of_abandoned_payments_replay)
{
    enum { ROW = 60, ROWS = LATE_HOLDS_MAX / ROW + 2, NOW_S = 600, FORGOTTEN_S = NOW_S + 7200 };
    struct engine_world *w = &engine_world;
    w->plan = test_hall_block(ROWS, ROW, test_limits(), 0);
    engine_script_open();
    for (uint32_t i = 0; i < LATE_HOLDS_MAX; i++)
        engine_script("hold a u%u %u; extend a o", i + 1, i);
    engine_script("at %ds; expire-all %d", NOW_S, LATE_HOLDS_MAX);
    engine_script("at %ds; hold b u1 %d; extend b o", FORGOTTEN_S - 450, LATE_HOLDS_MAX);
    engine_script("at %ds; expire-all %d", FORGOTTEN_S + 1, LATE_HOLDS_MAX);  /* forgets these, */
    engine_script("at %ds; expire b; op flags remembered", FORGOTTEN_S + 31); /* so there is room */
    engine_script("confirm b o; op verdict retaken");
}

TEST_CASE(abandoned_payments_of_places_do_not_use_up_the_slots)
{
    enum { HOLDS = 1000 + LATE_HOLDS_MAX + 3000 }; /* more than the hall has slots */
    engine_script("hall (8)a floor=1000 ttl=1s max=1s");
    for (uint32_t i = 0; i < HOLDS; i++) /* four per second for an hour and a half */
        engine_script("at %ums; expire-all 0..9; places a u%u 1; extend a o ttl=1ms", 250 * i,
                      i % 90 + 1);
}

/* A late hold's seats are free, so the hash must cover the seats that the hold remembers. */
TEST_CASE(late_holds_of_different_seats_are_different_states)
{
    static const char *const seats[] = {"1,3", "1,4", "2,3", "1,3"};
    uint64_t hashes[4];
    for (size_t i = 0; i < 4; i++) {
        engine_script("hall (8)a; hold a u1 %s; extend a o; at 600s; expire a; seats ........",
                      seats[i]);
        hashes[i] = engine_state_hash(engine_world.engine);
    }
    assert_int_not_equal(hashes[0], hashes[1]);
    assert_int_not_equal(hashes[0], hashes[2]);
    assert_int_not_equal(hashes[1], hashes[2]);
    assert_int_equal(hashes[0], hashes[3]);
}

/* The journal was written by an owner with more room. */
TEST_CASE(a_late_hold_beyond_the_reader_s_room_is_kept_without_its_seats)
{
    engine_script("hall (8)a late=1; hold a u1 0; extend a o; hold b u2 2; extend b o; at 600s;"
                  "expire a; begin expire b; op flags -");
    struct change change = engine_world.op->change;
    change.flags = CHANGE_FLAG_REMEMBERED;
    assert_int_equal(engine_apply(engine_world.follower, &change, NULL), 0);
    engine_world.begun[0] = false; /* its owner is gone */
    engine_script("takeover; confirm b o -> seats-gone; op lost -; takeover snapshot;"
                  "read b quantity 1; confirm b o -> seats-gone; at 7801s; expire-all 2;"
                  "confirm b o -> no-such-hold");
}

/* ---- snapshots ---- */

/* Blocked, late, sold and held, both seats and places. */
#define FULL                                                                                       \
    HALL "hold a u1 0,1; places b u2 3; extend a o; extend b o; at 600s; expire a; expire b;"      \
         "hold c u3 1,3; places d u4 2; extend c o for=77; confirm c o; extend d o; confirm d o;"  \
         "price 0 700; hold e u5 6,7,8; places f u6 4; block 9,11; block-places 2"

static uint64_t hash; /* of the state after the last read */
static struct err_slot err;

static int read_into(struct test_bytes bytes)
{
    struct engine *next = test_hall_engine(engine_world.plan);
    err.text[0] = '\0';
    engine_replay_begin(next);
    int rc = engine_snapshot_read(next, bytes.at, bytes.len, &err);
    assert_int_equal(rc < 0, err.text[0] != '\0');
    hash = engine_state_hash(next);
    engine_destroy(next);
    return rc;
}

TEST_CASE(a_snapshot_that_lost_or_gained_bytes_is_refused)
{
    engine_script(FULL);
    struct test_bytes bytes = test_snapshot(engine_world.follower);
    for (size_t len = 0; len <= bytes.len + 1; len++)
        if (len != bytes.len)
            assert_int_equal(read_into((struct test_bytes){bytes.at, len}), ERR_SYNTAX);
    free(bytes.at);
}

static void turn_each_byte(uint8_t bits)
{
    struct test_bytes bytes = test_snapshot(engine_world.follower);
    for (size_t at = 0; at < bytes.len; at++) {
        bytes.at[at] ^= bits;
        int rc = read_into(bytes);
        if (rc == 0) /* the highest generation is not part of the state */
            assert_int_equal(hash, engine_state_hash(engine_world.follower));
        if (at < 4) /* the magic */
            assert_int_equal(rc, ERR_SYNTAX);
        if (at == 4) /* the format, or one with less in it */
            assert_true(rc < 0);
        if (at >= 5 && at < 5 + PLAN_HASH_BYTES)
            assert_int_equal(rc, ERR_STATE);
        if (at >= bytes.len - 8) /* the state's hash */
            assert_int_equal(rc, ERR_STATE);
        bytes.at[at] ^= bits;
    }
    free(bytes.at);
}

TEST_CASE(a_snapshot_with_a_wrong_byte_is_refused_or_means_the_same)
{
    engine_script(FULL);
    turn_each_byte(1);
    engine_script("hall aaa bbb; hold a u1 0,3; extend a o1; confirm a o1; move a o1 3 1");
    turn_each_byte(1);
    turn_each_byte(0x40); /* categories that are not there */
}

/* ---- a snapshot, byte by byte ---- */

/* A hold of each kind: open, sold, late with two seats and late with three places. */
#define KINDS                                                                                      \
    "hall (12)a floor=10; at 400s; hold a u1 0,1; at 0; hold b u2 2,3; extend b o; confirm b o;"   \
    "hold c u3 4,5; extend c o; places d u4 3; extend d o; at 480064ms; expire c; expire d"
#define ZEROS_32 "0000000000000000000000000000000000000000000000000000000000000000"
#define ORDER    "bef601864ce263af" ZEROS_32 /* without a purchase */

/* Stored snapshots outlive programs: later programs must read these bytes. */
static const struct piece {
    const char *name, *hex;
} pieces[] = {
    {"magic and format", "4647534e01"},
    {"plan", ZEROS_32},
    {"highest generation", "01"},
    {"price lists", "01"},
    {"prices of both categories", "e807d00f"},
    {"places blocked", "00"},
    {"seats blocked", "00"},
    {"holds", "04"},

    {"open id", "0100000100000000"},
    {"open version", "01"},
    {"open status", "00"},
    {"open verdict", "00"},
    {"open price list", "00"},
    {"open buyer and session", "01000000000000000100000000000000"},
    {"open order", "0000000000000000"},
    {"open end and hard end", "c0df72e0b08c01"},
    {"open area", "00"},
    {"open seats", "020000"},

    {"sold id", "0200000100000000"},
    {"sold version", "03"},
    {"sold status", "01"},
    {"sold verdict", "01"},
    {"sold price list", "00"},
    {"sold buyer and session", "02000000000000000200000000000000"},
    {"sold order", ORDER},
    {"sold end and hard end", "c0aa5ae0fb73"},
    {"sold area", "00"},
    {"sold seats", "020200"},

    {"late id", "0300000100000000"},
    {"late version", "03"},
    {"late status", "02"},
    {"late verdict", "00"},
    {"late price list", "00"},
    {"late buyer and session", "03000000000000000300000000000000"},
    {"late order", ORDER},
    {"late end and hard end", "80e59104e0fb73"},
    {"late area", "00"},
    {"late quantity", "02"},
    {"late seats", "020400"},

    {"late places' id", "0400000100000000"},
    {"late places' version", "03"},
    {"late places' status", "02"},
    {"late places' verdict", "00"},
    {"late places' price list", "00"},
    {"late places' buyer and session", "04000000000000000400000000000000"},
    {"late places' order", ORDER},
    {"late places' end and hard end", "80e59104e0fb73"},
    {"late places' area", "01"},
    {"late places' quantity", "03"},

    {"hash of the state", "eb42c84110d8c2ac"},
};

/* All pieces, with one of them replaced. */
static struct test_bytes assemble(const char *name, const char *hex)
{
    static uint8_t bytes[1024];
    struct test_bytes all = {bytes, 0};
    bool replaced = name == NULL;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        bool other = name != NULL && strcmp(pieces[i].name, name) == 0;
        unsigned byte;
        for (const char *at = other ? hex : pieces[i].hex; sscanf(at, "%2x", &byte) == 1; at += 2)
            bytes[all.len++] = (uint8_t)byte;
        replaced = replaced || other;
    }
    assert_true(replaced);
    return all;
}

TEST_CASE(an_engine_writes_the_bytes_that_later_programs_read)
{
    engine_script(KINDS);
    struct test_bytes bytes = test_snapshot(engine_world.follower), want = assemble(NULL, NULL);
    assert_int_equal(bytes.len, want.len);
    assert_memory_equal(bytes.at, want.at, want.len);
    free(bytes.at);
}

/* Stored snapshots contain the hash of their state, so a different hash would invalidate them. */
TEST_CASE(a_state_keeps_its_hash)
{
    static const struct {
        const char *script;
        uint64_t hash;
    } cases[] = {
        {"hall (12)a floor=10", UINT64_C(0x373870fd0ea934cd)},
        {"hall (12)a floor=10; at 400s; hold a u1 0,1", UINT64_C(0xe457089eefaebf73)},
        {KINDS, UINT64_C(0xacc2d81041c842eb)},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        engine_script("%s", cases[i].script);
        assert_true(engine_state_hash(engine_world.engine) == cases[i].hash);
    }
}

TEST_CASE(an_impossible_snapshot_is_refused_with_the_reason)
{
    static const struct {
        const char *piece, *hex; /* replaces the right bytes */
        int rc;
        const char *says;
    } cases[] = {
        {"price lists", "00", ERR_SYNTAX, "has no prices"},
        {"places blocked", "0b", ERR_SYNTAX, "blocks more places than an area has"},
        {"places blocked", "0a", ERR_STATE, "does not give the state"}, /* none is left for d */
        {"late seats", "020407", ERR_STATE, "a seat or area that the plan does not have"},
        {"late seats", "0104", ERR_SYNTAX, "another number of seats than it had"},
        {"late places' area", "02", ERR_SYNTAX, "has a number that is too large"},
        {"late price list", "01", ERR_STATE, "its prices are not known"},
        {"open price list", "01", ERR_STATE, "its prices are not known"},
        {"late places' id", "0300000100000000", ERR_STATE, "its hold exists already"},
        {"late id", "0100000200000000", ERR_STATE, "its hold exists already"}, /* of the open one */
        {"sold id", "0100000200000000", ERR_STATE, "its hold exists already"}, /* its next life */
        {"open status", "03", ERR_SYNTAX, "has a wrong status"},
        {"hash of the state", "ec42c84110d8c2ac", ERR_STATE, "does not give the state"},
    };
    engine_script(KINDS);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int rc = read_into(assemble(cases[i].piece, cases[i].hex));
        if (rc != cases[i].rc || strstr(err.text, cases[i].says) == NULL)
            fail_msg("%s: it is %d, \"%s\"", cases[i].piece, rc, err.text);
    }
}

/* ---- under a corrected plan ---- */

/* Applies a change of a slot's first hold. */
static int applied(struct engine *engine, enum change_kind kind, uint64_t seq, uint32_t slot,
                   uint32_t places)
{
    struct change change;
    change_init(&change, kind, TEST_NOW_MS);
    change.seq = seq;
    change.hold = UINT64_C(1) << 24 | slot;
    change.hold_version = 1;
    change.area = 0;
    change.quantity = places;
    return engine_apply(engine, &change, NULL);
}

static int revised(struct engine *engine, uint64_t seq)
{
    struct change change;
    change_init(&change, CHANGE_REVISED, TEST_NOW_MS);
    change.seq = seq;
    memcpy(change.plan_hash, plan_hash(engine_plan(engine)), CHANGE_HASH_BYTES);
    return engine_apply(engine, &change, NULL);
}

TEST_CASE(sales_beyond_a_reduced_capacity_replay)
{
    struct plan *plan = test_hall_block(1, 12, test_limits(), 10);
    struct engine_conf conf = {.plan = plan, .now_ms = TEST_NOW_MS, .since = 5, .base = 1};
    struct engine *engine;
    for (conf.places = 0; conf.places <= 40000; conf.places += 40000) {
        assert_int_equal(engine_create(&conf, NULL, &engine), 0);
        assert_int_equal(engine_places(engine), conf.places == 0 ? 22 : 40000);
        engine_replay_begin(engine);
        assert_int_equal(applied(engine, CHANGE_TAKEN, 2, 1, 20), 0);
        assert_int_equal(applied(engine, CHANGE_TAKEN, 3, 30000, 1),
                         conf.places == 0 ? ERR_STATE : 0);
        assert_int_equal(revised(engine, 5), ERR_STATE);
        assert_int_equal(applied(engine, CHANGE_RELEASED, 4, 1, 20), 0);
        assert_int_equal(revised(engine, 5), 0);
        assert_int_equal(applied(engine, CHANGE_TAKEN, 6, 2, 11), ERR_STATE);
        assert_int_equal(applied(engine, CHANGE_TAKEN, 6, 2, 9), 0);
        engine_replay_end(engine);
        assert_int_equal(engine_area(engine, 0).capacity, 10);
        engine_destroy(engine);
    }
    plan_destroy(plan);
}

TEST_CASE(an_event_that_restarted_gives_no_hold_id_again)
{
    struct plan *plan = test_hall_block(1, 12, test_limits(), 10);
    struct engine_conf conf = {.plan = plan, .now_ms = TEST_NOW_MS, .since = 5, .base = 5};
    struct engine *engine;
    assert_int_equal(engine_create(&conf, NULL, &engine), 0);
    engine_replay_begin(engine);
    assert_int_equal(applied(engine, CHANGE_TAKEN, 2, 1, 20),
                     0); /* more places than this plan has */
    assert_int_equal(revised(engine, 5), 0);
    engine_replay_end(engine);
    struct engine_op op;
    struct engine_ask ask = test_ask_area(1, 1);
    assert_int_equal(engine_hold(engine, &ask, TEST_NOW_MS, &op), ENGINE_OK);
    assert_int_equal(op.change.hold, UINT64_C(2) << 24 | 1);
    engine_undo(engine, &op);
    engine_destroy(engine);
    plan_destroy(plan);
}

UNIT_BETWEEN(NULL, engine_script_end)
SCRIPT_TESTS(rows, engine_script_verbs())
