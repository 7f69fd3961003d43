/* odds_test.c: the odds of a sell-out before a visitor's turn, and that they are steady.
 *
 *   set FIELD=N ...         changes line, model and shown odds (slots.h); lanes: there are two
 *   come N TAKEN LEFT       N visitors entered and took TAKEN seats; LEFT seats are left
 *   feed LEFT, first LEFT   feeds the seats left, after the last feed or as the first one
 *   gap FROM UPTO           places whose visitors have gone
 *   is FIELD N ..., each N: seats per visitor, in thousandths; at LANE PLACE ODDS */
#include "core/line/ghosts.h"
#include "core/wait/odds.h"
#include "line/line_limits.h"
#include "slots.h"

enum { MOST = 4 };

static struct {
    struct line_view view[2];
    unsigned lanes;
    struct eta_model model;
    struct ghosts ghosts;
    struct odds odds;
} live;

static void start(void)
{
    memset(&live, 0, sizeof(live));
    live.lanes = 1;
    live.view[0] = (struct line_view){.state = LINE_OPEN,
                                      .issued = 10000,
                                      .serving = 1000,
                                      .admitted = 1000,
                                      .show_up_milli = 1000,
                                      .ghosts = &live.ghosts};
}

static void feed(const struct odds *before, uint64_t left)
{
    const struct odds_line lines[2] = {{&live.view[0], &live.model}, {&live.view[1], &live.model}};
    live.odds = odds_feed(before, lines, live.lanes, left, MOST);
}

static void come(uint64_t came, uint64_t taken, uint64_t left)
{
    uint64_t fans = live.view[1].admitted;
    live.view[0].admitted = live.view[1].admitted = 0;
    feed(NULL, left + taken);
    assert_false(live.odds.known);
    live.view[0].admitted = came;
    live.view[1].admitted = fans;
    feed(&live.odds, left);
}

static const struct slot general[] = {
    SLOT("issued", SLOT_U64, live.view[0].issued),
    SLOT("admitted", SLOT_U64, live.view[0].admitted),
    SLOT("active", SLOT_U64, live.view[0].active),
    SLOT("outstanding", SLOT_U64, live.view[0].outstanding),
    SLOT("show_up", SLOT_U32, live.view[0].show_up_milli),
    SLOT("gone", SLOT_REAL, live.model.gone_share),
    SLOT("taken_sum", SLOT_U64, live.odds.taken_sum_milli),
    SLOT("came_sum", SLOT_U64, live.odds.came_sum_milli),
    SLOT("known", SLOT_FLAG, live.odds.known),
    SLOT("seats", SLOT_U64, live.odds.seats),
    SLOT("came", SLOT_U64, live.odds.came_milli),
    SLOT("lanes", SLOT_U32, live.odds.lanes),
    SLOT("unlikely", SLOT_U64, live.odds.cut[0].unlikely_upto),
    SLOT("likely", SLOT_U64, live.odds.cut[0].likely_from),
    SLOT("fans_unlikely", SLOT_U64, live.odds.cut[1].unlikely_upto),
    SLOT("fans_likely", SLOT_U64, live.odds.cut[1].likely_from),
    SLOT("fans_waiting", SLOT_U64, live.view[1].waiting),
    SLOT("fans_issued", SLOT_U64, live.view[1].issued),
    {.name = NULL},
};

SCRIPT_DOES("set", slots_set(line, general))

/* A thousand visitors of both lanes took two seats each; 30 of 100 calls go to the 500 fans. */
SCRIPT_VERB(set_lanes, "lanes")
{
    live.lanes = 2;
    live.view[0].admitted = 600;
    live.view[0].waiting = 9000;
    live.view[0].knobs.shares = 30;
    live.view[1] = live.view[0];
    live.view[1].lane = 1;
    live.view[1].admitted = live.view[1].serving = 400;
    live.view[1].waiting = 500;
    live.view[1].issued = 900;
}

SCRIPT_DOES("come",
            come(script_number_at(line, 1), script_number_at(line, 2), script_number_at(line, 3)))

SCRIPT_VERB(feed_words, "feed|first")
{
    const struct odds before = live.odds;
    feed(strcmp(line->words[0], "first") == 0 ? NULL : &before, script_number_at(line, 1));
}

SCRIPT_VERB(add_gap, "gap")
{
    if (script_number_at(line, 2) > 0)
        ghosts_add_gap(&live.ghosts,
                       (struct line_gap){script_number_at(line, 1), script_number_at(line, 2)});
}

SCRIPT_DOES("is", slots_expect(line, general))
SCRIPT_DOES("each", script_expect(line, script_word(line, 1), odds_seats_milli(&live.odds)))
SCRIPT_DOES("at",
            script_expect_text(line, script_word(line, 3),
                               odds_name(odds_at(&live.odds, (unsigned)script_number_at(line, 1),
                                                 script_number_at(line, 2)))))

static const struct script_row rows[] = {
    /* Seats for 2000 more visitors, up to place 3000, with a good tenth of doubt either way. */
    {"the line is cut where the seats end",
     "come 1000 2000 4000; is known 1; each 2000; at 0 1001 unlikely; at 0 3000 unsure;"
     "at 0 10000 likely"},
    /* By the formula at the top of odds.c. With few seats sold nothing is certain. */
    {"the line is cut at nine in ten and one in ten",
     "come $a $b $c; is known 1 unlikely $d likely $e || 1000 2000 4000 2843 3186 |"
     "100 100 50 1036 1075 | 50 200 3000 1646 1895 | 3000 3000 1 1001 1007 |"
     "60 4 10 1000 1000000001001"},
    {"a no-show takes no seat",
     "set show_up=500; come 1000 2000 4000; is unlikely 4500..4950 likely 5370;"
     "set outstanding=1000; come 1000 2000 4000; is likely 4370"},
    {"one of a hundred who are called comes at least",
     "set show_up=0; come 1000 2000 4000; is likely 219401..219501"},
    {"few visitors give no odds",
     "come 49 2000 4000; is known 0; come 49 100 10; is known 0; come 50 100 10; is known 1;"
     "set active=62; come 80 2000 4000; is known 0"},
    {"a visit under way counts by half",
     "set admitted=$a active=10; first 10; is came $b || 4 0 | 5 0 | 6 1000"},
    {"called visitors may buy the last seats", "come 1000 2000 0; is likely 1001 unlikely 1000"},
    {"blocked seats are no demand",
     "set active=400; come 1000 2000 64850; each 2500; at 0 1284 unlikely;"
     "set admitted=1010; feed 13042; each 2500; at 0 1284 unlikely; feed 64850; each 2500;"
     "at 0 1284 unlikely"},
    /* Seats for a thousand more visitors, 300 of them fans. */
    {"each lane is cut where its share of the seats ends",
     "lanes; come 600 2000 2000; each 2000; is lanes 2 unlikely 1595..1700 likely 1700..1805;"
     "is fans_unlikely 655..700 fans_likely 700..745; at 1 600 unlikely; at 0 1900 likely"},
    /* With these thirty fans 970 of the general lane come, with an endless row of fans only 700. A
     * place keeps its shown odds until they are even. */
    {"a lane that ends leaves the others unsure",
     "lanes; set fans_waiting=30 fans_issued=430; come 600 2000 2000; is unlikely 1595..1665;"
     "is likely 2018..2115; at 0 1800 unsure; at 1 431 unlikely; set unlikely=1750 likely=1850; "
     "feed 2000;"
     "is unlikely 1700 likely 1971"},
    /* The bounds are 2184 and 1843 people away, which is further back where visitors have gone. */
    {"places of visitors who have gone take no seats",
     "come 1000 2000 4000; set known=0 gone=$a/100 issued=$b outstanding=$c; gap $d $e; feed 4000;"
     "is unlikely $f likely $g || 0 10000 0 1501 2000 3343 3686 | 0 10000 0 4001 9000 2843 3186 |"
     "0 10000 0 1501 10000 11343 11686 | 0 1000 0 0 0 2843 3186 | 50 1000 0 0 0 4686 5370 |"
     "50 2000 0 1001 2000 5686 6370 | 80 1000 0 0 0 10215 11922 | 0 10000 5000 2001 2100 1000 "
     "1001"},
    {"a shown bound moves no further than it must",
     "come 1000 2000 4000; set unlikely=$a likely=$b; feed 4000; is unlikely $c likely $d;"
     "come 1000 2000 4000; set unlikely=$a likely=$b known=0; feed 4000; is unlikely 2843 likely "
     "3186;"
     "come 1000 2000 4000; set unlikely=$a likely=$b lanes=2; feed 4000; is likely 3186"
     " || 2900 3100 2900 3100 | 2843 3186 2843 3186 | 2842 3187 2843 3186 | 3000 3001 3000 3001 |"
     "2700 3000 2843 3001 | 3001 3300 3000 3186"},
    /* Nobody may have more than four seats. Older visitors count less as more come, as if four
     * thousand were remembered. Visitors inside count as half, and may give back what they hold. */
    {"impossible purchases are not counted",
     "come 1000 2000 4000; set taken_sum=$a admitted=$b active=$c; feed $d;"
     "is seats $d came $e taken_sum $f came_sum $g known $h"
     " || 2000000 2000 0 1000 2000000 4600000 1800000 1 |"
     "2000000 1100 0 3600 1100000 2351220 1075610 1 | 2000000 1100 0 3599 1100000 2000000 1000000 "
     "1 |"
     "2000000 1100 20 3560 1090000 2395990 1067995 1 |"
     "2000000 1100 20 3559 1090000 2000000 1000000 1 |"
     "2000000 1100 20 4080 1090000 1875990 1067995 1 |"
     "2000000 1100 20 4081 1090000 2000000 1000000 1 | 10000 1100 20 4080 1090000 0 1067995 0 |"
     "4000000 1100 20 3560 1090000 4271980 1067995 1 |"
     "2000000 1000 0 4000 1000000 2000000 1000000 1 | 2000000 999 0 4000 999000 0 0 0"},
};

static void end(void)
{
    ghosts_deinit(&live.ghosts);
}

TEST_CASE(stored_odds_read_back_and_other_texts_do_not)
{
    struct odds back;
    come(1000, 2000, 4000);
    char memory[LINE_ODDS_MAX];
    struct text text = text_on(memory, sizeof(memory));
    odds_put(&text, &live.odds);
    assert_true(odds_parse(text_span(&text), &back));
    assert_memory_equal(&back, &live.odds, sizeof(back));
    static const char *const bad[] = {"",
                                      ":",
                                      "1:2:3:4:1:5",
                                      "1:2:3:4:1:5:5",
                                      "1:2:3:4:2:5:6",
                                      "1:2:3:0:1:5:6",
                                      "1:2:3:4:1:5:6:7",
                                      "1:2:3:4:1:5:6:7:7",
                                      "1:2:3:4:1:1:2:1:2:1:2:1:2:1:2:1:2",
                                      "1:2:3:4:1:5:x",
                                      "1:2:3:4:1:x:6",
                                      "1:2:3:4:1:6:5:7:8",
                                      "-1:2:3:4:0:5:6"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(odds_parse(span_of(bad[i]), &back));
    /* The highest values: seats as fed, a billion visits, places as far as the search goes. */
    struct odds most = {.seats = SEATS_LEFT_MAX,
                        .came_milli = 5 * LINE_PLACE_MAX * 1000,
                        .taken_sum_milli = INT64_MAX,
                        .came_sum_milli = INT64_MAX,
                        .known = true,
                        .lanes = LANES_ALL};
    for (unsigned i = 0; i < LANES_ALL; i++)
        most.cut[i] = (struct odds_cut){99999999999998, 99999999999999};
    text = text_on(memory, sizeof(memory));
    odds_put(&text, &most);
    assert_false(text.overflown);
}

static uint64_t pick(const struct rng *rng, uint64_t bits)
{
    return rng_u64(rng) >> (64 - 1 - rng_below(rng, bits));
}

TEST_CASE(any_feed_gives_bounds_that_can_be_stored)
{
    const struct rng *rng = unit_rng();
    for (int round = 0; round < 2000; round++) {
        struct odds odds, back;
        struct eta_model model = {.judged_ahead = (double)pick(rng, 20),
                                  .gone_share = (double)rng_below(rng, 90) / 100.0};
        uint64_t shares[LANES_MAX];
        unsigned lanes = (unsigned)rng_below(rng, LANES_MAX + 1);
        for (unsigned i = 0; i < lanes; i++)
            shares[i] = 1 + rng_below(rng, 24);
        for (int n = 0; n < 10; n++) {
            struct line_view view[LANES_ALL];
            struct odds_line lines[LANES_ALL];
            for (unsigned i = 0; i <= lanes; i++) {
                view[i] = (struct line_view){.issued = pick(rng, 30),
                                             .outstanding = pick(rng, 20),
                                             .admitted = pick(rng, 30),
                                             .active = pick(rng, 20),
                                             .show_up_milli = (uint32_t)rng_below(rng, 1001)};
                view[i].serving = rng_below(rng, view[i].issued + 1);
                view[i].waiting = rng_below(rng, view[i].issued - view[i].serving + 1);
                view[i].knobs.shares = line_lanes_pack(shares, lanes);
                lines[i] = (struct odds_line){&view[i], &model};
            }
            odds =
                odds_feed(n == 0 ? NULL : &odds, lines, lanes + 1, rng_below(rng, 10000001), MOST);
            for (unsigned i = 0; i <= lanes; i++)
                assert_true(!odds.known || odds.cut[i].unlikely_upto < odds.cut[i].likely_from);
            char memory[LINE_ODDS_MAX];
            struct text text = text_on(memory, sizeof(memory));
            odds_put(&text, &odds);
            assert_true(odds_parse(text_span(&text), &back));
            assert_int_equal(back.lanes, lanes + 1);
        }
    }
}

UNIT_BETWEEN(start, end)
SCRIPT_TESTS(rows, script_verbs)
