/* best_test.c: which seats are the best, how the search relaxes its conditions, and what is offered
 * instead. engine_model_test.c checks in random halls that the very best are found. engine_script.h
 * documents the words of a row. */
#include "core/seats/best.h"
#include "core/seats/seats.h"
#include "engine_script.h"

#include "plan_body.h" /* after the verdicts, whose list defines a ROW too */

static const struct script_row rows[] = {
    {"the seats nearest to the focal point are the best",
     "hall aaaaaaaa/aaaaaaaa; adjacent 2 ...hh.../........; block 3,4;"
     "adjacent 2 ...##hh./........; block 5,2; adjacent 2 ..####../...hh..."},
    {"of two seats as near the first is taken", "hall aaaaa; adjacent 1 ..h..; offers 2 .213."},
    {"the search gives way step by step and reports it",
     "hall #aaaa/a#aaa orphans; adjacent 4 #hhhh/.#... flags=best,adjacent; adjacent 3 #..../.#hhh;"
     "block 9; adjacent 3 #hhh./.#..# flags=best,adjacent,orphan,last-resort; adjacent 5 sold-out;"
     "any 6 #hhhh/.#hh# flags=best; any 8 sold-out"},
    {"one row with a gap comes before two rows", "hall ##aa/aa#aa; any 4 ##../hh#hh flags=best"},
    {"a category is kept to and no aisle is crossed",
     "hall aa_bbb/bbb_bb; adjacent 2 hh.../.....; adjacent 3 sold-out;"
     "adjacent 3 ..hhh/..... category=1; adjacent 4 sold-out category=1;"
     "adjacent 4 sold-out category=any"},
    {"a window may lie in both bitmaps of a long row",
     "hall (60)#(9)a(58)#aaa(20)# hold=64 orphans; adjacent 9 (60)#(9)h(58)#...(20)# "
     "flags=best,adjacent;"
     "adjacent 7 (60)#..hhhhhhh(58)#...(20)# flags=best,adjacent;"
     "adjacent 3 (60)#......hhh(58)#...(20)# flags=best,adjacent"},
    {"three offers are near the lost seats, free and adjacent",
     "hall 7*(20)a; hold a u1 65,66; offers 65,66 "
     "(20)./(20)./......22(12)./.....hh33(11)./......11(12)./(20)./(20)."},
    {"one row of a nearly full hall has several offers",
     "hall aa##aa####aa/########aa## orphans; offers 6,7 ..##22####33/########11##; block 20,21;"
     "offers 6,7 33##11####22/(12)#; block 0,1,10,11; offers 6,7 ####11######/(12)#"},
    {"offers from one long row share no seat", "hall (100)a; offers 62-65 (58).333311112222(30)."},
    {"an offer leaves no single seat", "hall aaaa#### orphans; offers 4 2..1####"},
    {"few rows give as many offers as there is room for",
     "hall aaaa##aaaa/aaaaaaaaaa; offers 4,5 ....##22../...3311..."},
    {"an offer behind the border of bitmaps is not repeated before it",
     "hall (60)#aaaaaaaa##; offers 64-67 (60)#22221111##"},
    {"a large group has as many offers as a small one",
     "hall 5*(40)a; offers 0-39 (40)1/(40)2/(40)3/(40)./(40)."},
    {"an offer in one row hides none in another",
     "hall (64)#aaaa##/(57)#aaaa#aaaa####; offers 57-60 (64)#2222##/(57)#1111#3333####"},
    {"a companion is found with its place and not without",
     "hall A+A+A+A+; adjacent 2 ....hh.. need; block 4; adjacent 2 ..hh#... need;"
     "any 4 hhhh#... need"},
    {"in a long row the nearest place is found",
     "hall (10)#A#+(57)#A#+(39)# orphans; any 2 (10)#.#.(57)#h#h(39)# need;"
     "hall (40)#A#+(57)#A#+(9)# orphans; any 2 (40)#h#h(57)#.#.(9)# need;"
     "hall (64)#A#+(33)#A#+(9)# orphans; any 2 (64)#h#h(33)#.#.(9)# need"},
    {"a public seat next to a companion is single already",
     "hall (60)#A#+a(36)#A#+(9)# orphans; any 2 (60)#h#.h(36)#.#.(9)# need;"
     "hall (61)#A#+a(35)#A#+(9)# orphans; any 2 (61)#h#h.(35)#.#.(9)# need"},
    {"next to kept seats no public seat is left single while there are pairs",
     "hall 4*Aaaaaaa orphans; best a u1 2; best b u1 2; best c u1 2; best d u1 2; best e u1 2;"
     "best f u1 2; best g u1 2; best h u1 2; best i u1 2; best j u1 2; best k u1 2; best l u1 2;"
     "seats .hhhhhh.hhhhhh.hhhhhh.hhhhhh; hall 4*aaa2aaaa orphans; best a u1 2; best b u1 2;"
     "best c u1 2; best d u1 2; best e u1 2; best f u1 2; best g u1 2; best h u1 2;"
     "seats ....hhhh....hhhh....hhhh....hhhh"},
    {"seats with a gap leave none single next to one kept for others",
     "hall #aa#a2/#aa##aa#a orphans; any 3 #hh#h./#..##..#. flags=best;"
     "hall #aa#aa2/#aa#a orphans; any 3 #..#.../#hh#h flags=best"},
    {"a need for one accessible seat spares others, even if one is single",
     "hall AA_AA__aa orphans; any 3 ..hhh. need flags=best,orphan,last-resort; block 4,5;"
     "any 3 .hhh## need"},
    {"seats of a channel are found only by its holders",
     "hall 2233/#aa#; adjacent 2 ..../#hh# channels=1; adjacent 3 sold-out channels=1;"
     "adjacent 2 hh../#..# channels=3; adjacent 2 ..hh/#..# channels=5;"
     "adjacent 3 sold-out channels=5; adjacent 4 hhhh/#..# channels=7"},
    {"an allocation may lie in two bitmaps",
     "hall (62)#222222##; adjacent 1 sold-out channels=1; adjacent 6 (62)#hhhhhh## channels=3;"
     "adjacent 7 sold-out channels=3; hall (63)#aaa2###; adjacent 4 sold-out channels=1;"
     "adjacent 3 (63)#hhh.### channels=1; adjacent 4 (63)#hhhh### channels=3"},
    {"an accessible seat and its companion may lie in two bitmaps",
     "hall (62)#aA+#####; adjacent 3 (62)#hhh##### need; adjacent 4 sold-out need;"
     "hall (62)#a+A#####; adjacent 2 (62)#.hh##### need"},
    {"a companion in the second bitmap is not taken alone",
     "hall (63)#A+#a#a#; any 3 (63)#hh#h#.# need; hall (63)#A+#a#A#; any 3 (63)#hh#h#.# need;"
     "block 63; any 2 (64)#.#h#h# need; any 3 sold-out need"},
    {"a seat in the same place of another bitmap is no accessible seat",
     "hall (63)#A+(60)#A#a; any 3 (63)#hh(60)#.#h need; hall A(62)#aa(63)#; adjacent 2 sold-out "
     "need;"
     "hall 2A(62)#a(63)#; adjacent 2 sold-out need"},
    {"a companion next to its own seat does not leave the row", "hall aA/A+#a; any 3 ../hh#h need"},
    {"of several ways to sit in one row the closest is taken",
     "hall a#a##aa#a; any 3 .#.##hh#h; hall a#a###a#a; any 3 h#h###h#.;"
     "hall aa#a#aa; any 3 hh#h#.."},
    {"at a table nobody is single with a gap either",
     "hall ~aa#aa/aa#a# orphans; any 3 hh#h./..#.#"},
    {"a gap weighs more than a row further back", "hall #a##a#/#aa#a#; any 3 #.##.#/#hh#h#"},
    {"seats with a gap may lie in the second bitmap", "hall (64)#a#aa##; any 3 (64)#h#hh##"},
    {"a gap that leaves a single seat across the border is not offered",
     "hall (63)#aa#a#a(43)#/(100)#aa#a(8)# orphans;"
     "any 3 (63)#..#.#.(43)#/(100)#hh#h######## flags=best;"
     "hall (59)#a#a#aa(47)#/(100)#aa#a(8)# orphans;"
     "any 3 (59)#.#.#..(47)#/(100)#hh#h######## flags=best"},
    {"a gap next to a seat that is single already is offered",
     "hall (62)#a#a#a#a(43)#/(100)#aa#a(8)# orphans; any 3 (62)#.#h#h#h(43)#/(100)#..#.######## "
     "flags=best;"
     "hall (59)#a#a#a#a(46)#/(100)#aa#a(8)# orphans; any 3 (59)#h#h#h#.(46)#/(100)#..#.######## "
     "flags=best"},
    {"more neighbours than a window holds are found as one row",
     "hall (64)a hold=64; adjacent 62 .(62)h.; adjacent 63 sold-out; any 63 (63)h.; any 64 (64)h"},
    {"more than any row has are taken from several",
     "hall (40)a/(40)a hold=64; any 62 (40)h/(9).(22)h(9).; any 63 (40)h/........(23)h(9).; any 64 "
     "(40)h/........(24)h........"},
    {"the next piece is near the first and not near the stage",
     "hall ____aa____/bbbbbbbbbb/bbbbbbbbbb/aaa_aa____/aa________;"
     "any 5 ../(10)./(10)./hhh../hh; block 27,28; any 5 ../(10)./(10)./hhhhh/##"},
    {"a table is proposed whole or not at all",
     "hall =aaa/=aa/a_a orphans; adjacent 3 hhh/../..; adjacent 2 .../hh/..; adjacent 1 .../../.h;"
     "adjacent 4 sold-out; block 1; adjacent 3 sold-out; any 3 .#./hh/.h"},
    {"whole tables come first where nearer seats would not leave enough",
     "hall aa/=aa; any 2 hh/.. flags=best,adjacent; any 3 h./hh flags=best;"
     "hall aa/=aaa/=aa; any 6 h./hhh/hh flags=best; any 7 hh/hhh/hh; any 8 sold-out"},
    {"a seat in a row of its own has no distance", "hall a/a/a; any 2 h/h/."},
    {"accessible seats are kept for those who need them until a time",
     "hall aA+a access=1ms; adjacent 4 sold-out; adjacent 2 sold-out;"
     "adjacent 4 hhhh need; adjacent 2 .hh. need"},
    {"from then on they are like others",
     "hall aA+a access=1ms; at 1ms; adjacent 4 hhhh; adjacent 2 .hh.; adjacent 4 hhhh need;"
     "adjacent 2 .hh. need"},
    {"a single seat is seen on both sides of the border of bitmaps",
     "hall ($a)#aaa($b)# orphans; adjacent 2 * flags=best,adjacent,orphan,last-resort;"
     "adjacent 3 * flags=best,adjacent"
     " || 0 97 | 30 67 | 61 36 | 62 35 | 63 34 | 64 33 | 97 0"},
    {"a smaller gap is worth three rows at any size and direction",
     "hall a##aa/#####/#####/aa#a# turns=$a apart=$b; any 3 .##../#####/#####/hh#h#"
     " || 0 10 | 1 10 | 2 10 | 3 10 | 0 0.1 | 1 0.1 | 2 0.1 | 3 0.1"},
};

#define ROW_AT(y, seats) "{'row_number':'2','position':{'x':0,'y':" y "},'seats':[" seats "]}"

/* Distance is from the middle: a pair may be nearer than each of its seats, or the reverse. */
TEST_CASE(distance_is_measured_from_the_middle_of_the_seats)
{
    static const struct {
        const char *body, *one, *two;
    } cases[] = {
        {BODY(PLAN(ROW(SEAT("a", "1.55") "," SEAT("b", "2.55")) "," ROW_AT(
                  "2", SEAT("c", "-0.5") "," SEAT("d", "0.5"))),
              ",'focal_point':{'x':100,'y':50}"),
         "h...", "..hh"},
        {BODY(PLAN(ROW(SEAT("a", "0.3")) "," ROW_AT(
                  "0", SEAT("b", "-1") "," SEAT("c", "0") ","
                                                          "" SEAT("d", "1"))),
              ",'limits':{'orphan_rule':false},'focal_point':{'x':100,'y':50}"),
         "..h.", ".hh."},
    };
    for (unsigned i = 0; i < 2; i++) {
        engine_world.plan = plan_body_taken(cases[i].body);
        engine_script_open();
        engine_script("adjacent 1 %s; adjacent 2 %s", cases[i].one, cases[i].two);
        engine_script_end();
    }
}

/* ---- a crowd ---- */

/* Forty buyers in a row get four seats each from the first rows. */
TEST_CASE(lone_buyer_gets_the_best)
{
    struct engine_op ops[40];
    engine_script("hall 50*(20)a");
    for (uint32_t i = 0; i < 40; i++) {
        struct engine_ask ask = test_ask_best(i, 0, 4, true);
        assert_int_equal(engine_hold(engine_world.engine, &ask, TEST_NOW_MS, &ops[i]), ENGINE_OK);
        assert_true(ops[i].change.seats[0] / 20 < 17);
    }
    assert_int_equal(engine_stats(engine_world.engine).best_retries, 0);
    for (uint32_t i = 0; i < 40; i++)
        engine_undo(engine_world.engine, &ops[i]);
}

/* Counts the different places proposed in 400 searches; returns the furthest one too. */
static uint32_t proposed(struct best *best, unsigned attempt, uint32_t *furthest)
{
    struct best_ask ask = {
        .categories = 1, .on_sale = 1, .channels = 1, .quantity = 4, .adjacent = true};
    bool seen[50 * 10] = {false};
    uint32_t count = 0;
    *furthest = 0;
    for (unsigned i = 0; i < 400; i++) {
        struct best_pick pick;
        assert_int_equal(best_find(best, &ask, attempt, &pick), BEST_ADJACENT);
        assert_int_equal(pick.count, 4);
        count += !seen[pick.seats[0]];
        seen[pick.seats[0]] = true;
        *furthest = pick.seats[0] > *furthest ? pick.seats[0] : *furthest;
    }
    return count;
}

TEST_CASE(a_crowd_is_spread_over_the_nearest_seats_up_to_a_bound)
{
    struct plan *plan = test_hall_block(50, 10, test_limits(), 0);
    struct seats seats;
    struct best *best;
    assert_int_equal(seats_init(&seats, plan_facts(plan)), 0);
    assert_int_equal(best_create(plan, &seats, 7, &best), 0);
    uint32_t furthest;
    assert_int_equal(proposed(best, 0, &furthest), 1);
    assert_int_equal(proposed(best, 1, &furthest), 16); /* looks further after a lost race, */
    assert_int_equal(furthest / 10, 15);
    assert_int_equal(proposed(best, 2, &furthest), BEST_SPREAD_MAX); /* up to a bound */
    assert_int_equal(furthest / 10, BEST_SPREAD_MAX - 1);
    assert_int_equal(proposed(best, BEST_RETRIES_MAX - 1, &furthest), BEST_SPREAD_MAX);
    best_enter(best);
    assert_int_equal(proposed(best, 0, &furthest), 1); /* a lone search */
    best_enter(best);
    assert_int_equal(proposed(best, 0, &furthest), 8);
    assert_int_equal(furthest / 10, 7);
    best_enter(best);
    assert_int_equal(proposed(best, 0, &furthest), 12);
    best_leave(best);
    best_leave(best);
    best_leave(best);
    assert_int_equal(proposed(best, 0, &furthest), 1);
    best_destroy(best);
    seats_deinit(&seats);
    plan_destroy(plan);
}

/* ---- the cost of a search ---- */

enum { STADIUM_ROWS = 1000 };

static uint64_t chequered(uint32_t row, const struct rng *rng)
{
    (void)rng;
    return UINT64_C(0x5555555555555555) << row % 2;
}

static uint64_t pairs(uint32_t row, const struct rng *rng)
{
    (void)rng;
    return row < STADIUM_ROWS / 2 ? 0 : UINT64_C(0x3333333333333333);
}

static uint64_t any_length(uint32_t row, const struct rng *rng)
{
    return row < STADIUM_ROWS / 2 ? 0 : (UINT64_C(1) << rng_below(rng, 40)) - 1;
}

static uint64_t half_sold(uint32_t row, const struct rng *rng)
{
    (void)row;
    return rng_u64(rng);
}

static uint64_t nearly_sold_out(uint32_t row, const struct rng *rng)
{
    (void)rng;
    return row % 16 == 0;
}

/* Rows of 66 seats; most of the free ones are far from the focal point. */
TEST_CASE(every_search_costs_a_bounded_number_of_looks_at_the_hall)
{
    static const struct {
        uint64_t (*free)(uint32_t row, const struct rng *rng);
        uint32_t quantity;
        enum best_step step;
    } cases[] = {
        {chequered, 64, BEST_PIECES},     {chequered, 20, BEST_SAME_ROW},
        {pairs, 64, BEST_PIECES},         {any_length, 63, BEST_PIECES},
        {half_sold, 64, BEST_PIECES},     {half_sold, 20, BEST_SAME_ROW},
        {nearly_sold_out, 64, BEST_NONE},
    };
    struct plan *plan = test_hall_block(STADIUM_ROWS, 66, test_limits(), 0);
    struct seats seats;
    struct best *best;
    struct rng_seeded rng;
    rng_seeded_init(&rng, 7);
    assert_int_equal(seats_init(&seats, plan_facts(plan)), 0);
    assert_int_equal(best_create(plan, &seats, 7, &best), 0);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (uint32_t word = 0; word < seats.row_free_count; word++)
            seats.row_free[word] = word % 2 ? 0 : cases[i].free(word / 2, &rng.rng);
        const struct best_ask ask = {.categories = 1,
                                     .on_sale = 1,
                                     .channels = 1,
                                     .quantity = cases[i].quantity,
                                     .orphan_rule = true};
        struct best_pick pick;
        assert_int_equal(best_find(best, &ask, 0, &pick), cases[i].step);
        assert_in_range(pick.work, 1, 12 * seats.row_free_count);
    }
    best_destroy(best);
    seats_deinit(&seats);
    plan_destroy(plan);
}

UNIT_BETWEEN(NULL, engine_script_end)
SCRIPT_TESTS(rows, engine_script_verbs())
