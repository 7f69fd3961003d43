/* shards_test.c: the turns of a front, step by step. Several fronts, and the loss of calls, shards
 * and cuts, are in tests/sim/world --line; the loss of one shard at a time is in
 * tests/integration/line/shards.test.js.
 *
 * A row starts with a front of a line with two shards.
 *
 *   shards N             the front has N shards
 *   begin, next CALL F=N a turn begins; expects the next call. `hurry`: a visitor waits here
 *   turn CALL F=N        both, at a front that is at rest
 *   of K F=N             what the next reply contains about shard K
 *   learn NTH GROWN      a cut in the reply of cut.lua, or a range of cuts
 *   reply OUTCOME F=N    the reply itself; `lost`: it never came
 *   read K OUTCOME       the reply of shard K
 *   find, hear NTH GROWN a cut from a plain read, or from another loop; `wrong`: bad checksum
 *   looked whole more claimed   the plain read is done
 *   doubt, refuse K, saw K N    other reports by the caller
 *   room, full           expect the room of the line, and the number at which a shard is full
 *   known K F=N, expect F=N     expect what the front knows */
#include "core/line/shards.h"

#include "outcomes.h"

static struct shards *shards;
static struct shards_reply reply;

static uint32_t known_cuts(void)
{
    return cuts_count(shards_cuts(shards));
}

static struct cut cut_of(const char *grown)
{
    struct cut cut = {.kind = CUT_JOINS};
    for (uint8_t k = 0; *grown != '\0'; k++) {
        char *end;
        cut.grown[k] = (uint32_t)strtoul(grown, &end, 10);
        grown = end + (*end == ',');
    }
    return cut;
}

SCRIPT_VERB(set_shards, "shards")
{
    shards_destroy(shards);
    shards = shards_create((uint8_t)script_number_at(line, 1));
    assert_int_equal(script_number_at(line, 1), shards_count(shards));
}

SCRIPT_VERB(begin, "begin")
{
    shards_begin(shards, script_has(line, "hurry"));
}

static void expect_call(const struct script_line *line, unsigned at)
{
    static const char *const names[] = {"nothing", "look", "shard", "cut"};
    struct shards_call call = shards_next(shards);
    script_expect_text(line, script_word(line, at), names[call.ask]);
    const struct script_field fields[SCRIPT_FIELDS] = {
        SCRIPT_NUMBER("of", call.shard),     SCRIPT_NUMBER("seals", call.seals),
        SCRIPT_NUMBER("epoch", call.epoch),  SCRIPT_NUMBER("nth", call.nth),
        SCRIPT_NUMBER("slot", call.slot_ms), SCRIPT_NUMBER("first", call.first),
        SCRIPT_NUMBER("sent", call.sent),
    };
    script_expect_values(line, at + 1, fields);
}

SCRIPT_DOES("next", expect_call(line, 1))

SCRIPT_VERB(turn, "turn")
{
    assert_true(shards_is_resting(shards));
    begin(line);
    expect_call(line, script_has(line, "hurry") ? 2 : 1);
}

SCRIPT_VERB(set_shard, "of")
{
    struct shards_known *of = &reply.shard[script_number_at(line, 1)];
    of->epoch = script_value_or(line, "epoch", 0);
    of->upto = script_value_or(line, "upto", 0);
    of->lease = script_value_or(line, "lease", 0);
    of->issued = script_value_or(line, "issued", 0);
    strcpy(of->opening, "run@1");
}

SCRIPT_VERB(learn, "learn")
{
    const char *first = script_word(line, 1), *to = strstr(first, "..");
    uint64_t last = script_number(to != NULL ? to + 2 : first);
    struct cut cut = cut_of(script_word(line, 2));
    for (uint64_t nth = strtoul(first, NULL, 10); nth <= last; nth++)
        assert_int_equal(0, shards_learn(shards, (uint32_t)nth, &cut, NULL));
}

SCRIPT_VERB(take_reply, "reply")
{
    if (script_has(line, "lost")) {
        assert_true(shards_take_cut(shards, NULL));
        return;
    }
    reply.outcome = outcome_at(line, 1);
    reply.count = (uint32_t)script_value_or(line, "count", 0);
    reply.retry_ms = (uint32_t)script_value_or(line, "retry", 0);
    reply.due = script_has(line, "due");
    assert_int_equal(reply.outcome != LINE_CONFLICT, shards_take_cut(shards, &reply));
    reply = (struct shards_reply){0};
}

SCRIPT_VERB(take_shard, "read")
{
    uint8_t k = (uint8_t)script_number_at(line, 1);
    struct shards_read read = {.issued = script_value_or(line, "issued", 0), .opening = "run@1"};
    if (script_has(line, "lost"))
        shards_take_shard(shards, k, LINE_OK, NULL);
    else
        shards_take_shard(shards, k, outcome_at(line, 2), &read);
}

SCRIPT_VERB(find, "find|hear")
{
    const char *at = script_word(line, 1);
    uint32_t count = known_cuts();
    uint32_t nth = strcmp(at, "next") == 0 ? count + 1 : (uint32_t)script_number(at);
    struct cut cut = cut_of(script_word(line, 2));
    uint32_t sum = cut_sum(cuts_sum(shards_cuts(shards), count), &cut, shards_count(shards)) +
                   script_has(line, "wrong");
    bool (*take)(struct shards *, uint32_t, const struct cut *, uint32_t) =
        strcmp(line->words[0], "hear") == 0 ? shards_noted : shards_found;
    assert_int_equal(!script_has(line, "refused"), take(shards, nth, &cut, sum));
}

SCRIPT_DOES("looked", shards_take_look(shards, script_has(line, "whole"), script_has(line, "more"),
                                       script_has(line, "claimed")))
SCRIPT_DOES("doubt", shards_doubt(shards))
SCRIPT_DOES("refuse", shards_refused(shards, (uint8_t)script_number_at(line, 1)))
SCRIPT_DOES("saw",
            shards_saw(shards, (uint8_t)script_number_at(line, 1), script_number_at(line, 2)))

SCRIPT_VERB(expect_room, "room")
{
    uint64_t room =
        shards_room(shards, script_value_or(line, "max", 0), script_value_or(line, "waiting", 0),
                    script_value_or(line, "issued", 0));
    script_expect(line, script_word(line, 1), room);
}

SCRIPT_VERB(expect_full, "full")
{
    uint8_t k = (uint8_t)script_value_or(line, "of", 0);
    script_expect(line, script_word(line, 1),
                  shards_full_from(shards, k, script_value_or(line, "room", 0)));
}

SCRIPT_VERB(expect_known, "known")
{
    const struct shards_known *known = shards_known(shards, (uint8_t)script_number_at(line, 1));
    const struct script_field fields[SCRIPT_FIELDS] = {
        SCRIPT_NUMBER("epoch", known->epoch),   SCRIPT_NUMBER("upto", known->upto),
        SCRIPT_NUMBER("lease", known->lease),   SCRIPT_NUMBER("issued", known->issued),
        SCRIPT_TEXT("opening", known->opening),
    };
    script_expect_values(line, 2, fields);
}

SCRIPT_VERB(expect_state, "expect")
{
    const struct script_field fields[SCRIPT_FIELDS] = {
        SCRIPT_NUMBER("resting", shards_is_resting(shards)),
        SCRIPT_NUMBER("sure", shards_is_sure(shards)),
        SCRIPT_NUMBER("led", shards_is_led(shards)),
        SCRIPT_NUMBER("pause", shards_pause_ms(shards, true)),
        SCRIPT_NUMBER("idle", shards_pause_ms(shards, false)),
        SCRIPT_NUMBER("cuts", known_cuts()),
        SCRIPT_NUMBER("places", cuts_places(shards_cuts(shards))),
        SCRIPT_NUMBER("open0", shards_open(shards, 0)),
        SCRIPT_NUMBER("open1", shards_open(shards, 1)),
        SCRIPT_NUMBER("read0", shards_read(shards, 0)->there),
        SCRIPT_NUMBER("read1", shards_read(shards, 1)->there),
    };
    script_expect_values(line, 1, fields);
}

/* The front knows all cuts: none, or two. */
#define SURE        "turn hurry cut; reply same; next nothing;"
#define SURE_OF_TWO "turn hurry cut; learn 1..2 3,4; reply same count=2; next nothing;"
/* It has called both shards. */
#define READING SURE "doubt; turn hurry cut; reply same due; next shard of=0; next shard of=1;"
/* It calls both shards, and neither replies. */
#define IN_VAIN      "next shard; next shard; read 0 lost; read 1 lost; next nothing; expect resting=1;"
#define QUIET        "turn look slot=0; looked whole; turn hurry look slot=15; looked whole;"
#define QUIET_5      QUIET QUIET QUIET QUIET QUIET
#define FINDS(LOOK)  "turn hurry look " LOOK "; find next 5,0; looked whole; expect resting=1;"
#define LEFT         "expect led=1;" FINDS("slot=0")
#define CLAIMS_AGAIN LEFT LEFT LEFT LEFT "expect led=0;" FINDS("slot=15")
/* Shard 0 has to be sealed. The front seals it and reads it again. */
#define SEALED                                                                                     \
    "read 0 unavailable issued=5; next cut seals=1 of=0; reply ok; next shard of=0; next nothing;"
#define SEALED_THRICE                                                                              \
    SEALED SEALED SEALED "read 0 unavailable issued=5; next nothing; expect resting=1;"

static const struct script_row rows[] = {
    {"a front that is not chosen only reads",
     "next nothing; expect pause=20 idle=1000; begin hurry; next cut nth=0 sent=0 slot=40;"
     "next nothing; begin hurry; learn 1 3,4; reply same count=2; next cut sent=0; learn 2 3,4;"
     "reply same count=2; next nothing; expect resting=1 places=14"},
    {"a turn without news is one plain read, and every 65th asks cut.lua",
     SURE_OF_TWO QUIET_5 QUIET_5 QUIET_5 QUIET_5 QUIET_5 QUIET_5 QUIET
     "turn look slot=0; next nothing; looked whole; next nothing; turn hurry look slot=15;"
     "looked whole more; next look; looked whole; next nothing;"
     "turn hurry cut; reply lost; turn hurry cut"},
    {"a plain read finds cuts and claims the next",
     SURE_OF_TWO "turn hurry look; find 3 5,0; find 4 5,0; looked whole more claimed;"
                 "next look slot=0; looked whole; expect places=24; next cut slot=10 sent=0;"
                 "reply same count=4 due;" IN_VAIN},
    {"a claim with fresh cuts leads straight to the shards",
     SURE_OF_TWO "turn hurry look; looked whole claimed;" IN_VAIN
                 "turn hurry look; find next 5,0; looked whole claimed;" IN_VAIN
                 "turn hurry look slot=15; looked claimed; next cut"},
    {"a front leaves the claim to the front that makes cuts, and tries again",
     SURE_OF_TWO FINDS("slot=15") CLAIMS_AGAIN CLAIMS_AGAIN CLAIMS_AGAIN},
    {"a front claims again when no cut comes or a new visitor waits",
     SURE_OF_TWO FINDS("slot=15") "turn hurry look slot=0; looked whole;" FINDS(
         "slot=15") "turn look slot=0; find next 5,0; looked whole; turn hurry look slot=15"},
    {"cuts from another loop need no turn",
     "expect sure=0;" SURE_OF_TWO "expect sure=1; hear 3 0,6 wrong refused; hear 3 0,6;"
     "expect places=20 sure=1; turn look; looked whole; expect resting=1"},
    {"a cut of another past is left to cut.lua",
     SURE_OF_TWO "turn look; find 3 5,0 wrong refused; find 4 5,0 refused; looked more;"
                 "expect sure=0 cuts=2; next cut"},
    {"another Redis is asked for its cuts", SURE "doubt; turn cut"},
    {"a shard that another front has opened is sealed by its old epoch",
     READING "next nothing; read 0 unavailable; next nothing; read 1 unavailable;"
             "next cut seals=1 of=0 epoch=0; of 0 epoch=1 lease=100; of 1 epoch=1 lease=100;"
             "reply ok due; next cut seals=1 of=1 epoch=0"},
    {"a sealed shard is read again, then the next cut is made",
     READING "read 0 unavailable; read 1 conflict; next cut seals=1 of=0; reply ok;"
             "next shard of=0; next nothing; read 0 ok issued=1; next cut seals=0 nth=0; reply ok;"
             "next shard of=1; next nothing; read 1 ok issued=1; next cut nth=1"},
    {"a shown shard is read again, then the next cut is made",
     READING "read 0 conflict; read 1 unavailable; next cut seals=1 of=1; reply ok;"
             "next shard of=1; next nothing; read 1 ok issued=1; next cut seals=0 nth=0; reply ok;"
             "next shard of=0; next nothing; read 0 ok issued=1; next cut nth=1"},
    {"a shard that refused rests until the turn is over",
     "expect open0=1 open1=1 resting=1; refuse 0; begin hurry; next cut; expect resting=0;"
     "expect open0=0 open1=1; reply lost;"
     "expect open0=1; refuse 1; begin hurry; next cut; expect open0=1 open1=0; reply lost;"
     "expect open1=1"},
    {"all shards share the room left by the cuts",
     "shards 3; learn 1 7,1,2; room 12 max=20 waiting=6 issued=8; full 11 of=0 room=12;"
     "full 5 of=1 room=12; full 3 of=2 room=1; full 7 of=0 room=0; room 0 max=8 waiting=6 issued=8;"
     "room 0 max=7 waiting=6 issued=8; room 1 max=9 waiting=8 issued=40"},
    {"lost cuts are sent, and a front with other cuts forgets them",
     "learn 1..3 1; begin hurry; next cut first=1 sent=3; reply unavailable count=3 retry=700 due;"
     "expect resting=1 pause=700; turn hurry cut sent=0 first=0; reply conflict; expect cuts=0;"
     "turn hurry cut sent=0; reply same; expect pause=20"},
    {"a call sends a bounded number of cuts",
     "learn 1..600 1; turn hurry cut first=1 sent=512; reply same count=512 due;"
     "next cut first=513 sent=88; reply same count=512 due; expect resting=1;"
     "turn hurry cut sent=88"},
    {"a reply without the cuts that it counts ends the turn",
     SURE_OF_TWO "doubt; turn hurry cut; reply same count=4 due; turn hurry cut"},
    {"a reply that knows no event ends the turn",
     SURE_OF_TWO "doubt; turn hurry cut; reply unknown count=2 due; turn hurry cut"},
    {"no cut is made without joins",
     READING "begin hurry; read 0 ok; read 1 ok; next nothing; expect resting=1"},
    {"joins of the first shard are one cut, which ends the turn",
     READING "read 0 ok issued=5; read 1 ok; known 0 issued=5; known 1 issued=0; next cut nth=1;"
             "learn 1 5,0; reply ok count=1; expect resting=1"},
    {"joins of the second shard are one cut, which ends the turn",
     READING "read 0 ok; read 1 ok issued=5; known 0 issued=0; known 1 issued=5; next cut nth=1;"
             "learn 1 0,5; reply ok count=2; expect resting=1"},
    {"a shard without a good reply is left out",
     READING "read 0 unknown issued=5; read 1 ok issued=5; expect read0=0 read1=1; next cut nth=1;"
             "reply lost; turn hurry cut"},
    {"a seal names the epoch that was read", READING
     "read 1 ok; read 0 unavailable; expect read0=1; next cut seals=1 of=0 epoch=0;"
     "of 0 epoch=4; reply ok; next shard; read 0 unavailable; next cut seals=1 of=0 epoch=4;"
     "of 0 epoch=4; reply ok; next shard; read 0 lost; expect read0=0; next nothing"},
    {"a front keeps the state and the highest number of each shard",
     SURE "saw 0 9; saw 0 7; saw 1 9; saw 1 7; of 0 epoch=1 upto=20 lease=50 issued=3;"
          "of 1 epoch=1 upto=21 lease=51 issued=3; doubt; turn hurry cut; reply same; doubt;"
          "turn hurry cut; reply unavailable;"
          "known 0 epoch=1 upto=20 lease=50 opening=run@1 issued=9;"
          "known 1 epoch=1 upto=21 lease=51 opening=run@1 issued=9"},
    {"a shard that does not open is sealed three times a turn",
     READING "read 1 ok;" SEALED_THRICE "turn hurry look; looked whole claimed;"
             "next shard; next shard; read 1 ok;" SEALED_THRICE},
    {"a shard that does not open is not sealed while cuts are collected",
     READING "read 1 ok; read 0 unavailable issued=5; next cut seals=1; reply unavailable retry=1;"
             "expect resting=1 pause=1"},
};

static void start(void)
{
    shards = shards_create(2);
}

static void end(void)
{
    shards_destroy(shards);
    shards = NULL;
}

TEST_CASE(visitors_are_spread_evenly_over_the_shards)
{
    const struct rng *rng = unit_rng();
    struct shards *five = shards_create(5);
    unsigned of[5] = {0};
    uint8_t idem[LINE_IDEM_BYTES];
    for (unsigned i = 0; i < 50000; i++) {
        for (size_t at = 0; at < sizeof(idem); at++)
            idem[at] = (uint8_t)rng_below(rng, 256);
        uint8_t k = shards_of(five, idem);
        assert_true(k < 5);
        of[k]++;
    }
    for (unsigned k = 0; k < 5; k++)
        assert_in_range(of[k], 9000, 11000);
    memset(idem, 0xFF, sizeof(idem));
    assert_int_equal(4, shards_of(five, idem));
    shards_destroy(five);
}

/* Fronts of two versions count the same address in the same shard. */
TEST_CASE(an_address_keeps_its_shard)
{
    static const uint8_t first[] = {0, 1, 6, 7, 4, 5, 2, 3, 0, 1, 5, 6, 3, 4, 1, 2};
    struct shards *eight = shards_create(8);
    unsigned of[8] = {0};
    for (unsigned i = 0; i < 256; i++) {
        const char address[4] = {(char)198, 51, 100, (char)i};
        uint8_t k = shards_of_address(eight, (struct span){address, sizeof(address)});
        if (i < sizeof(first))
            assert_int_equal(first[i], k);
        of[k]++;
    }
    for (unsigned k = 0; k < 8; k++)
        assert_in_range(of[k], 12, 64);
    shards_destroy(eight);
    shards_destroy(NULL);
}

_Static_assert(SHARDS_LOOKS_MAX == 64 && SHARDS_SEND_MAX == 512 && SHARDS_LEFT_TURNS == 4,
               "rows name them");

SCRIPT_TESTS_IN(rows, script_verbs, start, end)
