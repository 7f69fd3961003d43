/* best_test.c: which seats are the best, how the search gives way, and what is offered instead.
 * That the very best are found in random halls is checked by engine_model_test.c.
 *
 * Halls are drawn as in test_hall.h, in one word: '/' is between rows, '#' is a seat of category a
 * that is blocked, "(62)#" is 62 of them, and "20*" before a row makes 20 rows. What is found is
 * drawn in the same way: 'h' is held and '.' is free. */
#include "core/seats/best.h"
#include "core/seats/seats.h"
#include "script.h"
#include "test_hall.h"

#include "plan_body.h" /* after the verdicts, whose list has a ROW, too */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 64, TEXT_MAX = 4096 };

static struct {
    struct plan *plan;
    struct engine *engine;
    struct engine_op op;
    uint32_t ends[ROWS_MAX]; /* of rows: the seat that follows */
    unsigned rows;
} hall;

static void close_hall(void)
{
    engine_destroy(hall.engine);
    plan_destroy(hall.plan);
    memset(&hall, 0, sizeof(hall));
}

static void block(const uint32_t *seats, uint32_t count)
{
    struct engine_op op;
    for (uint32_t len; count > 0; seats += len, count -= len) {
        len = count < HOLD_SEATS_MAX ? count : HOLD_SEATS_MAX;
        assert_int_equal(engine_block(hall.engine, seats, len, SPAN(""), 1, &op), ENGINE_OK);
        engine_settle(hall.engine, &op);
    }
}

static void unblock(uint32_t seat)
{
    struct engine_op op;
    assert_int_equal(engine_unblock(hall.engine, &seat, 1, SPAN(""), 1, &op), ENGINE_OK);
    engine_settle(hall.engine, &op);
}

static void open_hall(const char *drawing, struct test_hall conf)
{
    static char memory[TEXT_MAX];
    const char *rows[ROWS_MAX + 1] = {memory};
    uint32_t seat = 0, blocked[TEXT_MAX], blocked_len = 0;
    char *out = memory;
    close_hall();
    for (const char *at = drawing; *at != '\0';) {
        char *row = out;
        unsigned times = 1, places = 0;
        const char *star = strpbrk(at, "*/");
        if (star != NULL && *star == '*') {
            times = (unsigned)strtoul(at, NULL, 10);
            at = star + 1;
        }
        for (; *at != '\0' && *at != '/'; at++) {
            unsigned count = 1;
            if (*at == '(') {
                count = (unsigned)strtoul(at + 1, NULL, 10);
                at = strchr(at, ')') + 1;
            }
            for (; count > 0; count--) {
                if (*at == '#')
                    blocked[blocked_len++] = seat + places;
                places += strchr("_=~", *at) == NULL;
                *out++ = (char)(*at == '#' ? 'a' : *at);
            }
        }
        *out++ = '\0';
        for (; times > 0; times--) {
            assert_true(hall.rows < ROWS_MAX && out < memory + sizeof(memory));
            seat += places;
            rows[hall.rows] = row;
            hall.ends[hall.rows++] = seat;
        }
        at += *at == '/';
    }
    rows[hall.rows] = NULL;
    conf.rows = rows;
    hall.plan = test_hall_plan(&conf);
    hall.engine = test_hall_engine(hall.plan);
    assert_int_equal(plan_seat_count(hall.plan), seat);
    if (blocked_len > 0)
        block(blocked, blocked_len);
}

/* ---- statements ---- */

/* "hall DRAWING [orphan] [turns=N] [apart=N] [access_until=MS]" */
static void do_hall(const struct script_line *line)
{
    struct test_hall conf = {.limits = test_limits()};
    const char *apart = script_value(line, "apart");
    conf.limits.max_per_hold = HOLD_SEATS_MAX;
    conf.limits.orphan_rule = script_has(line, "orphan");
    conf.limits.access_until_ms = script_value_or(line, "access_until", 0);
    conf.turns = (unsigned)script_value_or(line, "turns", 0);
    conf.apart = apart != NULL ? (float)atof(apart) : 0;
    open_hall(script_word(line, 1), conf);
}

/* "4,7-9" */
static uint32_t seats_of(const char *list, uint32_t *seats)
{
    uint32_t count = 0;
    for (char *end; *list != '\0'; list = end + (*end == ',')) {
        uint32_t first = (uint32_t)strtoul(list, &end, 10), last = first;
        if (*end == '-')
            last = (uint32_t)strtoul(end + 1, &end, 10);
        for (; first <= last; first++)
            seats[count++] = first;
    }
    return count;
}

static void do_block(const struct script_line *line)
{
    uint32_t seats[HOLD_SEATS_MAX];
    uint32_t count = seats_of(script_word(line, 1), seats);
    block(seats, count);
}

static void do_hold(const struct script_line *line)
{
    uint32_t seats[HOLD_SEATS_MAX];
    uint32_t count = seats_of(script_word(line, 1), seats);
    test_hold(hall.engine, 1, seats, count);
}

/* Rows with '/' between them; more than eight of one kind with their number. */
static const char *drawn(const char *states)
{
    static char text[TEXT_MAX];
    char *out = text;
    uint32_t seat = 0;
    for (unsigned row = 0; row < hall.rows; row++) {
        if (row > 0)
            *out++ = '/';
        while (seat < hall.ends[row]) {
            uint32_t len = 1;
            while (seat + len < hall.ends[row] && states[seat + len] == states[seat])
                len++;
            if (len > 8)
                out += sprintf(out, "(%u)%c", len, states[seat]);
            else
                out += sprintf(out, "%.*s", (int)len, states + seat);
            seat += len;
        }
    }
    *out = '\0';
    return text;
}

/* What is found, drawn as the hall, or the verdict. */
static const char *best_for(const struct engine_ask *ask)
{
    char states[TEXT_MAX];
    enum engine_verdict verdict = engine_hold(hall.engine, ask, TEST_NOW_MS, &hall.op);
    if (verdict != ENGINE_OK)
        return engine_verdict_name(verdict);
    test_states(hall.engine, plan_seat_count(hall.plan), states);
    engine_undo(hall.engine, &hall.op);
    return drawn(states);
}

static const char *flags(void)
{
    static char text[64];
    unsigned flags = hall.op.change.flags;
    assert_true((flags & CHANGE_FLAG_BEST) != 0);
    sprintf(text, "%s%s%s", flags & CHANGE_FLAG_ADJACENT ? "adjacent" : "apart",
            flags & CHANGE_FLAG_ORPHAN ? ",orphan" : "",
            flags & CHANGE_FLAG_LAST_RESORT ? ",last-resort" : "");
    return text;
}

/* "N DRAWING|* [category=N|any] [access] [channels=N] [flags=LIST]" */
static void ask_best(const struct script_line *line, bool adjacent)
{
    const char *category = script_value(line, "category"), *want = script_value(line, "flags");
    bool any = script_has(line, "access") || script_value(line, "channels") != NULL ||
               (category != NULL && strcmp(category, "any") == 0);
    struct engine_ask ask = test_ask_best(1, ENGINE_CATEGORY_ANY,
                                          (uint32_t)script_number(script_word(line, 1)), adjacent);
    if (!any)
        ask.category = (uint8_t)script_value_or(line, "category", 0);
    ask.who.access_need = script_has(line, "access");
    ask.who.channels = (uint32_t)script_value_or(line, "channels", 1);
    const char *got = best_for(&ask);
    if (strcmp(script_word(line, 2), "*") != 0)
        script_expect_text(line, script_word(line, 2), got);
    if (want != NULL)
        script_expect_text(line, want, flags());
}

static void do_adjacent(const struct script_line *line)
{
    ask_best(line, true);
}

static void do_any(const struct script_line *line)
{
    ask_best(line, false);
}

/* "offers SEATS DRAWING": 1, 2 and 3 where the offers instead of these seats are. */
static void do_offers(const struct script_line *line)
{
    uint32_t lost[HOLD_SEATS_MAX], count = seats_of(script_word(line, 1), lost);
    struct engine_ask ask = test_ask_seats(2, lost, count);
    struct engine_offer offers[ALTERNATIVES_MAX];
    char states[TEXT_MAX];
    uint32_t len = engine_alternatives(hall.engine, &ask, TEST_NOW_MS, offers);
    test_states(hall.engine, plan_seat_count(hall.plan), states);
    for (uint32_t i = 0; i < len; i++) {
        assert_int_equal(offers[i].count, count);
        for (uint32_t j = 0; j < count; j++) {
            assert_int_equal(states[offers[i].seats[j]], '.'); /* free, and in no other offer */
            states[offers[i].seats[j]] = (char)('1' + i);
        }
    }
    script_expect_text(line, script_word(line, 2), drawn(states));
}

static const struct script_verb verbs[] = {
    {"hall", do_hall}, {"block", do_block},   {"hold", do_hold}, {"adjacent", do_adjacent},
    {"any", do_any},   {"offers", do_offers}, {NULL, NULL}};

static const struct script_row rows[] = {
    {"the seats nearest to the focal point are the best",
     "hall aaaaaaaa/aaaaaaaa; adjacent 2 ...hh.../........; block 3,4;"
     "adjacent 2 ...##hh./........; block 5,2; adjacent 2 ..####../...hh..."},
    {"of two seats as near the first is taken", "hall aaaaa; adjacent 1 ..h..; offers 2 .213."},
    {"the search gives way step by step and reports it",
     "hall #aaaa/a#aaa orphan; adjacent 4 #hhhh/.#... flags=adjacent; adjacent 3 #..../.#hhh;"
     "block 9; adjacent 3 #hhh./.#..# flags=adjacent,orphan,last-resort; adjacent 5 sold-out;"
     "any 6 #hhhh/.#hh# flags=apart; any 8 sold-out"},
    {"one row with a gap comes before two rows", "hall ##aa/aa#aa; any 4 ##../hh#hh flags=apart"},
    {"a category is kept to and no aisle is crossed",
     "hall aa_bbb/bbb_bb; adjacent 2 hh.../.....; adjacent 3 sold-out;"
     "adjacent 3 ..hhh/..... category=1; adjacent 4 sold-out category=1;"
     "adjacent 4 sold-out category=any"},
    {"a window may lie in both bitmaps of a long row",
     "hall (60)#(9)a(58)#aaa(20)# orphan; adjacent 9 (60)#(9)h(58)#...(20)# flags=adjacent;"
     "adjacent 7 (60)#..hhhhhhh(58)#...(20)# flags=adjacent;"
     "adjacent 3 (60)#......hhh(58)#...(20)# flags=adjacent"},
    {"three offers are near the lost seats, free and adjacent",
     "hall 7*(20)a; hold 65,66; offers 65,66 "
     "(20)./(20)./......22(12)./.....hh33(11)./......11(12)./(20)./(20)."},
    {"one row of a nearly full hall has several offers",
     "hall aa##aa####aa/########aa## orphan; offers 6,7 ..##22####33/########11##; block 20,21;"
     "offers 6,7 33##11####22/(12)#; block 0,1,10,11; offers 6,7 ####11######/(12)#"},
    {"offers from one long row share no seat", "hall (100)a; offers 62-65 (58).333311112222(30)."},
    {"an offer leaves no single seat", "hall aaaa#### orphan; offers 4 2..1####"},
    {"few rows give as many offers as there is room for",
     "hall aaaa##aaaa/aaaaaaaaaa; offers 4,5 ....##22../...3311..."},
    {"an offer behind the border of bitmaps is not repeated before it",
     "hall (60)#aaaaaaaa##; offers 64-67 (60)#22221111##"},
    {"a large group has as many offers as a small one",
     "hall 5*(40)a; offers 0-39 (40)1/(40)2/(40)3/(40)./(40)."},
    {"an offer in one row hides none in another",
     "hall (64)#aaaa##/(57)#aaaa#aaaa####; offers 57-60 (64)#2222##/(57)#1111#3333####"},
    {"a companion is found with its place and not without",
     "hall A+A+A+A+; adjacent 2 ....hh.. access; block 4; adjacent 2 ..hh#... access;"
     "any 4 hhhh#... access"},
    {"in a long row the nearest place is found",
     "hall (10)#A#+(57)#A#+(39)# orphan; any 2 (10)#.#.(57)#h#h(39)# access;"
     "hall (40)#A#+(57)#A#+(9)# orphan; any 2 (40)#h#h(57)#.#.(9)# access;"
     "hall (64)#A#+(33)#A#+(9)# orphan; any 2 (64)#h#h(33)#.#.(9)# access"},
    {"a seat next to a companion is not left single",
     "hall (60)#A#+a(36)#A#+(9)#; any 2 (60)#h#.h(36)#.#.(9)# access;"
     "hall (60)#A#+a(36)#A#+(9)# orphan; any 2 (60)#.#..(36)#h#h(9)# access"},
    {"nor is one across the border of bitmaps",
     "hall (61)#A#+(36)#A#+(9)# orphan; any 2 (61)#h#h(36)#.#.(9)# access;"
     "hall (61)#A#+a(35)#A#+(9)# orphan; any 2 (61)#.#..(35)#h#h(9)# access"},
    {"the need for one accessible seat leaves the others, even if a seat is single",
     "hall AA_AA__aa orphan; any 3 ..hhh. access flags=apart,orphan,last-resort; block 4,5;"
     "any 3 .hhh## access"},
    {"an allocation is found by those who have it",
     "hall 2233/#aa#; adjacent 2 ..../#hh# channels=1; adjacent 3 sold-out channels=1;"
     "adjacent 2 hh../#..# channels=3; adjacent 2 ..hh/#..# channels=5;"
     "adjacent 3 sold-out channels=5; adjacent 4 hhhh/#..# channels=7"},
    {"an allocation may lie in two bitmaps",
     "hall (62)#222222##; adjacent 1 sold-out channels=1; adjacent 6 (62)#hhhhhh## channels=3;"
     "adjacent 7 sold-out channels=3; hall (63)#aaa2###; adjacent 4 sold-out channels=1;"
     "adjacent 3 (63)#hhh.### channels=1; adjacent 4 (63)#hhhh### channels=3"},
    {"an accessible seat and its companion may lie in two bitmaps",
     "hall (62)#aA+#####; adjacent 3 (62)#hhh##### access; adjacent 4 sold-out access;"
     "hall (62)#a+A#####; adjacent 2 (62)#.hh##### access"},
    {"a companion in the second bitmap is not taken alone",
     "hall (63)#A+#a#a#; any 3 (63)#hh#h#.# access; hall (63)#A+#a#A#; any 3 (63)#hh#h#.# access;"
     "block 63; any 2 (64)#.#h#h# access; any 3 sold-out access"},
    {"a seat in the same place of another bitmap is no accessible seat",
     "hall (63)#A+(60)#A#a; any 3 (63)#hh(60)#.#h access; hall A(62)#aa(63)#; adjacent 2 sold-out "
     "access;"
     "hall 2A(62)#a(63)#; adjacent 2 sold-out access"},
    {"a companion next to its own seat does not leave the row",
     "hall aA/A+#a; any 3 ../hh#h access"},
    {"of several ways to sit in one row the closest is taken",
     "hall a#a##aa#a; any 3 .#.##hh#h; hall a#a###a#a; any 3 h#h###h#.;"
     "hall aa#a#aa; any 3 hh#h#.."},
    {"at a table nobody is single with a gap either",
     "hall ~aa#aa/aa#a# orphan; any 3 hh#h./..#.#"},
    {"a gap weighs more than a row further back", "hall #a##a#/#aa#a#; any 3 #.##.#/#hh#h#"},
    {"seats with a gap may lie in the second bitmap", "hall (64)#a#aa##; any 3 (64)#h#hh##"},
    {"a gap that leaves a single seat across the border is not offered",
     "hall (63)#aa#a#a(43)#/(100)#aa#a(8)# orphan;"
     "any 3 (63)#..#.#.(43)#/(100)#hh#h######## flags=apart;"
     "hall (59)#a#a#aa(47)#/(100)#aa#a(8)# orphan;"
     "any 3 (59)#.#.#..(47)#/(100)#hh#h######## flags=apart"},
    {"a gap next to a seat that is single already is offered",
     "hall (62)#a#a#a#a(43)#/(100)#aa#a(8)# orphan; any 3 (62)#.#h#h#h(43)#/(100)#..#.######## "
     "flags=apart;"
     "hall (59)#a#a#a#a(46)#/(100)#aa#a(8)# orphan; any 3 (59)#h#h#h#.(46)#/(100)#..#.######## "
     "flags=apart"},
    {"more neighbours than a window holds are found as one row",
     "hall (64)a; adjacent 62 .(62)h.; adjacent 63 sold-out; any 63 (63)h.; any 64 (64)h"},
    {"more than any row has are taken from several",
     "hall (40)a/(40)a; any 62 (40)h/(9).(22)h(9).; any 63 (40)h/........(23)h(9).; any 64 "
     "(40)h/........(24)h........"},
    {"the next piece is near the first and not near the stage",
     "hall ____aa____/bbbbbbbbbb/bbbbbbbbbb/aaa_aa____/aa________;"
     "any 5 ../(10)./(10)./hhh../hh; block 27,28; any 5 ../(10)./(10)./hhhhh/##"},
    {"a table is proposed whole or not at all",
     "hall =aaa/=aa/a_a orphan; adjacent 3 hhh/../..; adjacent 2 .../hh/..; adjacent 1 .../../.h;"
     "adjacent 4 sold-out; block 1; adjacent 3 sold-out; any 3 .#./hh/.h"},
    {"a seat in a row of its own has no distance", "hall a/a/a; any 2 h/h/."},
    {"accessible seats are kept for those who need them until a time",
     "hall aA+a access_until=1000001; adjacent 4 sold-out; adjacent 2 sold-out;"
     "adjacent 4 hhhh access; adjacent 2 .hh. access"},
    {"from then on they are like others",
     "hall aA+a access_until=1000000; adjacent 4 hhhh; adjacent 2 .hh.; adjacent 4 hhhh access;"
     "adjacent 2 .hh. access"},
};

static void run_row(void **state)
{
    script_run(*state, verbs);
    close_hall();
}

/* Of three free seats two are taken: before the border of the bitmaps and behind it. */
static void single_seat_is_seen_on_both_sides_of_the_border(void **state)
{
    (void)state;
    static const unsigned firsts[] = {0, 30, 61, 62, 63, 64, 97};
    for (unsigned i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
        char script[256];
        snprintf(script, sizeof(script),
                 "hall (%u)#aaa(%u)# orphan; adjacent 2 * flags=adjacent,orphan,last-resort;"
                 "adjacent 3 * flags=adjacent",
                 firsts[i], 97 - firsts[i]);
        script_run(&(struct script_row){"a long row", script}, verbs);
    }
    close_hall();
}

/* A gap of two places, or one of one place three rows further back, in drawings of any size. */
static void smaller_gap_is_worth_some_rows_in_any_drawing(void **state)
{
    (void)state;
    for (unsigned drawing = 0; drawing < 8; drawing++) {
        char script[256];
        snprintf(script, sizeof(script),
                 "hall a##aa/#####/#####/aa#a# turns=%u apart=%s; any 3 .##../#####/#####/hh#h#",
                 drawing % 4, drawing < 4 ? "10" : "0.1");
        script_run(&(struct script_row){"a drawing", script}, verbs);
    }
    close_hall();
}

#define ROW_AT(y, seats) "{'row_number':'2','position':{'x':0,'y':" y "},'seats':[" seats "]}"

/* A pair may be nearer than either of its seats is; a seat may be nearer than any pair with it. */
static void middle_of_the_seats_is_what_is_near(void **state)
{
    (void)state;
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
        hall.plan = plan_body_taken(cases[i].body);
        hall.engine = test_hall_engine(hall.plan);
        hall.rows = 1;
        hall.ends[0] = 4;
        struct engine_ask one = test_ask_best(1, 0, 1, true), two = test_ask_best(1, 0, 2, true);
        assert_string_equal(best_for(&one), cases[i].one);
        assert_string_equal(best_for(&two), cases[i].two);
        close_hall();
    }
}

/* ---- random halls with accessible seats and companions ---- */

enum { ACCESS_SEATS = 25 };

static uint32_t set_of(const uint32_t *seats, uint32_t count)
{
    uint32_t set = 0;
    for (uint32_t i = 0; i < count; i++)
        set |= 1u << seats[i];
    return set;
}

/* A set of free seats without a companion whose accessible seat is missing. */
static bool is_legal(const struct plan *plan, uint32_t set)
{
    bool accessible = false;
    for (uint32_t s = 0; s < ACCESS_SEATS; s++) {
        if ((set >> s & 1) == 0)
            continue;
        unsigned flags = plan_flags_of(plan_facts(plan), s);
        if ((flags & PLAN_SEAT_COMPANION) && (set >> plan_companion_of(plan, s) & 1) == 0)
            return false;
        accessible = accessible || (flags & PLAN_SEAT_ACCESSIBLE) != 0;
    }
    return accessible;
}

static bool is_legal_window_left(const struct plan *plan, uint32_t free, uint32_t n)
{
    const struct plan_facts *facts = plan_facts(plan);
    for (uint32_t s = 0; s + n <= ACCESS_SEATS; s++) {
        uint32_t window = ((1u << n) - 1) << s;
        bool one = (free & window) == window; /* row, and category */
        for (uint32_t i = s; i < s + n; i++)
            one = one && facts->run[i] == facts->run[s] && facts->category[i] == facts->category[s];
        if (one && is_legal(plan, window))
            return true;
    }
    return false;
}

/* All that may be taken together: every free seat but companions whose accessible seat is gone. */
static bool is_legal_choice_left(const struct plan *plan, uint32_t free, uint32_t n)
{
    for (uint32_t s = 0; s < ACCESS_SEATS; s++)
        if ((plan_flags_of(plan_facts(plan), s) & PLAN_SEAT_COMPANION) &&
            (free >> plan_companion_of(plan, s) & 1) == 0)
            free &= ~(1u << s);
    return is_legal(plan, free) && (uint32_t)__builtin_popcount(free) >= n;
}

static void need_for_access_is_refused_only_if_no_legal_seats_are_left(void **state)
{
    (void)state;
    static const char *const drawings[] = {"A_+aA_+aaa/a+_Aa_+_A+aa/bbb+_A_+bb",
                                           "A+A+A+A+/+Aa_aaA+aa/bb+A+bbb"};
    struct rng_seeded rng;
    rng_seeded_init(&rng, unit_seed());
    /* To make an engine takes longer than all searches of one round. */
    struct plan *plans[4];
    struct engine *engines[4];
    for (unsigned i = 0; i < 4; i++) {
        struct test_hall conf = {.limits = test_limits()};
        conf.limits.orphan_rule = i & 1;
        open_hall(drawings[i / 2], conf);
        assert_int_equal(plan_seat_count(hall.plan), ACCESS_SEATS);
        plans[i] = hall.plan;
        engines[i] = hall.engine;
        memset(&hall, 0, sizeof(hall));
    }
    for (unsigned round = 0; round < 3000; round++) {
        hall.plan = plans[round & 3];
        hall.engine = engines[round & 3];
        uint32_t free = (1u << (ACCESS_SEATS)) - 1, crowd = (uint32_t)rng_below(&rng.rng, 5);
        for (uint32_t s = 0; s < ACCESS_SEATS; s++)
            if (rng_below(&rng.rng, 5) < crowd) {
                block(&s, 1);
                free &= ~(1u << s);
            }
        for (uint32_t n = 1; n <= 5; n++)
            for (int adjacent = 0; adjacent < 2; adjacent++) {
                struct engine_ask ask = test_ask_best(1, ENGINE_CATEGORY_ANY, n, adjacent);
                ask.who.access_need = true;
                bool found = best_for(&ask)[0] != 's';
                uint32_t set = set_of(hall.op.change.seats, hall.op.change.add_count);
                if (found) {
                    assert_int_equal(__builtin_popcount(set), n);
                    assert_int_equal(set & ~free, 0);
                    assert_true(is_legal(hall.plan, set));
                }
                assert_int_equal(found, adjacent ? is_legal_window_left(hall.plan, free, n)
                                                 : is_legal_choice_left(hall.plan, free, n));
            }
        for (uint32_t s = 0; s < ACCESS_SEATS; s++)
            if ((free >> s & 1) == 0)
                unblock(s);
    }
    memset(&hall, 0, sizeof(hall));
    for (unsigned i = 0; i < 4; i++) {
        engine_destroy(engines[i]);
        plan_destroy(plans[i]);
    }
}

/* ---- a crowd ---- */

/* Forty buyers, one after the other, get four seats each from the first rows. */
static void lone_buyer_gets_the_best(void **state)
{
    (void)state;
    struct engine_op ops[40];
    open_hall("50*(20)a", (struct test_hall){.limits = test_limits()});
    for (uint32_t i = 0; i < 40; i++) {
        struct engine_ask ask = test_ask_best(i, 0, 4, true);
        assert_int_equal(engine_hold(hall.engine, &ask, TEST_NOW_MS, &ops[i]), ENGINE_OK);
        assert_true(ops[i].change.seats[0] / 20 < 17);
    }
    assert_int_equal(engine_stats(hall.engine).best_retries, 0);
    for (uint32_t i = 0; i < 40; i++)
        engine_undo(hall.engine, &ops[i]);
    close_hall();
}

/* How many different places are proposed in 400 searches, and the furthest of them. */
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

static void a_crowd_is_spread_over_the_nearest_and_no_further(void **state)
{
    (void)state;
    struct plan *plan = test_hall_block(50, 10, test_limits(), 0);
    struct seats seats;
    struct best *best;
    assert_int_equal(seats_init(&seats, plan_facts(plan)), 0);
    assert_int_equal(best_create(plan, &seats, 7, &best), 0);
    uint32_t furthest;
    assert_int_equal(proposed(best, 0, &furthest), 1);
    assert_int_equal(proposed(best, 1, &furthest), 16); /* after a lost race it looks further, */
    assert_int_equal(furthest / 10, 15);
    assert_int_equal(proposed(best, 2, &furthest), BEST_SPREAD_MAX); /* up to a bound */
    assert_int_equal(furthest / 10, BEST_SPREAD_MAX - 1);
    assert_int_equal(proposed(best, BEST_RETRIES_MAX - 1, &furthest), BEST_SPREAD_MAX);
    best_enter(best);
    assert_int_equal(proposed(best, 0, &furthest), 1); /* alone */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_seat_is_seen_on_both_sides_of_the_border),
        cmocka_unit_test(smaller_gap_is_worth_some_rows_in_any_drawing),
        cmocka_unit_test(middle_of_the_seats_is_what_is_near),
        cmocka_unit_test(need_for_access_is_refused_only_if_no_legal_seats_are_left),
        cmocka_unit_test(lone_buyer_gets_the_best),
        cmocka_unit_test(a_crowd_is_spread_over_the_nearest_and_no_further),
    };
    return script_tests(SCRIPT_LIST(tests), SCRIPT_LIST(rows), run_row);
}
