/* place_test.c: the state of a place, from before the opening to long after its call. Each row
 * starts with the open line below, where three stretches called 20 of 100 places.
 *
 *   line FIELD=N ...                changes the line
 *   turn PLACE KIND until= times=   the front learns this about a visit
 *   at PLACE MS STATE FIELD=N ...   expects this state and these fields at this time
 *   call PLACE MS                   expects the time of its call
 *   now US MS, time US MS           expect the clock, which pauses without Redis or not */
#include "core/line/place.h"

#include "core/line/turns.h"
#include "outcomes.h"

static const struct line_stretch calls[] = {
    {.upto = 10, .called_ms = 1000, .expires_ms = 61000},
    {.upto = 15, .called_ms = 1100, .expires_ms = 61100},
    {.upto = 20, .called_ms = 9000, .expires_ms = 69000},
};

static struct turns turns;
static struct line_view view;

static void start(void)
{
    view = (struct line_view){
        .id = "show",
        .state = LINE_OPEN,
        .issued = 100,
        .serving = 20,
        .knobs.grace_ms = 5000,
        .redis_ms = 10000,
        .at_us = 500000,
        .calls = calls,
        .calls_len = 3,
        .turns = &turns,
    };
}

SCRIPT_VERB(set_line, "line")
{
    const char *state = script_value(line, "state");
    if (state != NULL)
        view.state = state_named(state);
    view.issued = script_value_or(line, "issued", view.issued);
    view.serving = script_value_or(line, "serving", view.serving);
    view.dead = script_value_or(line, "dead", view.dead);
    view.stood_ms = script_value_or(line, "paused", view.stood_ms);
    view.redis_ms = script_value_or(line, "redis", view.redis_ms);
    view.calls_len = (uint32_t)script_value_or(line, "calls", view.calls_len);
    view.stale = script_value_or(line, "stale", view.stale) != 0;
}

SCRIPT_VERB(note_turn, "turn")
{
    turns_note(&turns, (struct turn){
                           .place = script_number_at(line, 1),
                           .kind = turn_at(line, 2),
                           .until_ms = script_value_or(line, "until", 0),
                           .times = (uint8_t)script_value_or(line, "times", 0),
                       });
}

SCRIPT_VERB(expect_place, "at")
{
    struct place place = place_at(&view, script_number_at(line, 1), script_number_at(line, 2));
    script_expect_text(line, script_word(line, 3), place_state_name(place.state));
    const struct script_field fields[SCRIPT_FIELDS] = {
        SCRIPT_NUMBER("position", place.position),
        SCRIPT_NUMBER("ahead", place.ahead),
        SCRIPT_NUMBER("expires", place.call_expires_ms),
        SCRIPT_NUMBER("extensions", place.extensions),
        SCRIPT_NUMBER("over", place_is_over(place)),
    };
    script_expect_values(line, 4, fields);
}

SCRIPT_DOES("call", script_expect(line, script_word(line, 2),
                                  place_called_ms(&view, script_number_at(line, 1))))
SCRIPT_DOES("now", script_expect(line, script_word(line, 2),
                                 place_now_ms(&view, script_number_at(line, 1))))
SCRIPT_DOES("time", script_expect(line, script_word(line, 2),
                                  place_time_ms(&view, script_number_at(line, 1))))

static const struct script_row rows[] = {
    {"a place has the time of its stretch's call", "call 1 1000; call 10 1000; call 11 1100;"
                                                   "call 20 9000"},
    {"a waiting place has no time of a call", "call 21 0"},
    {"a call of an unknown stretch has no time", "line calls=2; call 20 0"},
    {"a place has no position before the opening, and half are ahead",
     "line state=pre-queue issued=50; at 7 0 waiting position=0 ahead=25"},
    {"a late joiner before the opening may be the last",
     "line state=draft issued=50; at 90 0 waiting ahead=45 position=0; at 50 0 waiting ahead=25;"
     "line state=scheduled; at 90 0 waiting ahead=45 position=0; at 50 0 waiting ahead=25;"
     "line state=pre-queue; at 90 0 waiting ahead=45 position=0; at 50 0 waiting ahead=25"},
    {"the next place has nobody ahead",
     "at 21 10000 waiting position=21 ahead=0; at 100 10000 waiting ahead=79"},
    {"a place beyond the last known one waits behind all", "at 5000 10000 waiting ahead=4979"},
    {"a call expires with the stretch of its place",
     "at 10 10000 called expires=61000; at 11 10000 called expires=61100;"
     "at 15 10000 called expires=61100; at 16 10000 called expires=69000;"
     "at 20 10000 called expires=69000"},
    {"a call expires into grace, and then for good",
     "at 10 61000 called; at 10 61001 late; at 10 66000 late; at 10 66001 expired expires=0"},
    {"a dead place has expired whatever its stretch says",
     "line dead=8; at 8 10000 expired; at 9 10000 called"},
    {"a call of an unknown stretch is a call", "line serving=40; at 30 10000 called expires=0"},
    {"a sold-out event stops the time of calls",
     "line state=sold-out; at 10 10000000 called expires=0; at 50 10000000 waiting ahead=29"},
    {"the clock goes on between two ticks and never back",
     "now 500000 10000; now 1750000 11250; now 400000 10000"},
    {"no call expires while Redis is silent", "line stale=1; now 3600000000 10000"},
    {"the event's time goes on while Redis is silent",
     "line stale=1; time 400000 10000; time 500000 10000; time 600500000 610000"},
    {"a finished visit is known however old its call is",
     "turn 12 done; turn 4 ended; line dead=10; at 12 10000 done expires=0 over=1;"
     "at 4 10000 ended over=1; at 5 10000 expired over=1; at 13 10000 called over=0;"
     "at 13 62000 late over=0; at 21 0 waiting over=0"},
    {"a place that was given up is over, called or not, and before the draw",
     "turn 12 given_up; turn 30 given_up; at 12 10000 ended over=1 position=12 expires=0;"
     "at 30 10000 ended over=1 position=30 ahead=0; at 31 10000 waiting ahead=10;"
     "line state=pre-queue; at 30 0 ended over=1 position=0 ahead=0; at 31 0 waiting position=0"},
    {"a call extended too often counts as the last extension",
     "turn 12 kept until=1 times=11; at 12 0 called extensions=10"},
    {"an extended call ends later and never sooner",
     "turn 12 kept until=61101 times=2; turn 13 kept until=61100 times=1;"
     "at 12 10000 called expires=61101 extensions=2; at 13 10000 called expires=61100"},
    {"an extended call has back the time of a pause",
     "turn 12 kept until=61101 times=2; line paused=500; at 12 10000 called expires=61601;"
     "at 12 61602 late"},
    {"an extended call outlives its stretch",
     "turn 12 kept until=61601 times=2; line dead=15; at 12 61601 called; at 12 66601 late;"
     "at 12 66602 expired"},
    {"a freeze takes no time from an extended call",
     "turn 12 kept until=61601 times=2; line dead=15 state=frozen redis=66601;"
     "at 12 90000 called expires=0; line redis=66602; at 12 66602 expired;"
     "line redis=90000 paused=23399; at 12 90500 called expires=0"},
};

static void end(void)
{
    turns_deinit(&turns);
    turns = (struct turns){0};
}

TEST_CASE(a_draw_gives_each_position_once)
{
    static const uint8_t seed[DRAW_SEED_BYTES] = {1};
    draw_init(&view.draw.order, seed, (struct span){NULL, 0}, 100);
    uint64_t sum = 0;
    bool moved = false;
    for (uint64_t entry = 1; entry <= 100; entry++) {
        view.draw.drawn = false;
        assert_int_equal(place_position(&view, entry), entry);
        view.draw.drawn = true;
        assert_int_equal(place_position(&view, entry), draw_position(&view.draw.order, entry));
        moved = moved || place_position(&view, entry) != entry;
        sum += place_position(&view, entry);
    }
    assert_true(moved);
    assert_int_equal(sum, 5050);
}

_Static_assert(TURN_EXTENSIONS_MAX == 10, "a row names it");

UNIT_BETWEEN(start, end)
SCRIPT_TESTS(rows, script_verbs)
