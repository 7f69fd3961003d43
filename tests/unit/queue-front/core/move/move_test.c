/* move_test.c: each row is one request to move a place, from the request to its answer. Now is
 * 1000 s; a window of codes begins at 600.
 *
 *   makes|takes FLAG ... banned=MS   the request
 *   member FLAG                    the requesting member "holds" the place, or does not
 *   reply OUTCOME FLAG ... moves=N retry=MS   Redis's reply
 *   check, ask CALL, answer WHAT   expect this effect, with the words that follow */
#include "core/move/move.h"

#include "outcomes.h"

static struct moving moving;
static struct move_effect effect;

SCRIPT_VERB(request, "makes|takes")
{
    struct move_event event = {.input = MOVE_REQUEST};
    event.request = (struct move_request){
        .now_s = 1000,
        .is_refused = script_has(line, "refused"),
        .has_room = !script_has(line, "no-room"),
        .takes = strcmp(script_word(line, 0), "takes") == 0,
        .banned_ms = script_value_or(line, "banned", 0),
    };
    if (!event.request.takes)
        event.request.ticket = (struct ticket){.entry = 7, .moves = 2};
    move_step(&moving, &event, &effect);
}

SCRIPT_VERB(member, "member")
{
    struct move_event event = {.input = MOVE_MEMBER, .holds = script_has(line, "holds")};
    move_step(&moving, &event, &effect);
}

SCRIPT_VERB(reply, "reply")
{
    struct move_event event = {
        .input = MOVE_REPLY,
        .outcome = outcome_at(line, 1),
        .retry_after_ms = script_value_or(line, "retry", 0),
        .knows_event = !script_has(line, "event-is-gone"),
        .knows_lane = !script_has(line, "lane-is-unseen"),
        .ticket = {.entry = 9,
                   .moves = (uint8_t)script_value_or(line, "moves", 0),
                   .member = script_has(line, "member")},
    };
    move_step(&moving, &event, &effect);
}

SCRIPT_VERB(expect, "check|ask|answer")
{
    static const char *const kinds[] = {
        [MOVE_CHECK] = "check", [MOVE_ASK] = "ask", [MOVE_ANSWER] = "answer"};
    static const char *const calls[] = {"make", "look", "take"};
    static const char *const answers[] = {[MOVE_ANSWERED] = "answered",
                                          [MOVE_CODE] = "code",
                                          [MOVE_PLACE] = "place",
                                          [MOVE_OVERLOADED] = "overloaded",
                                          [MOVE_REFUSED] = "refused"};
    script_expect_text(line, script_word(line, 0), kinds[effect.kind]);
    assert_int_equal(effect.counts, script_has(line, "counts"));
    assert_int_equal(effect.bans_ms, script_value_or(line, "bans", 0));
    if (effect.kind == MOVE_ASK) {
        script_expect_text(line, script_word(line, 1), calls[effect.call]);
        assert_int_equal(effect.life_ms, script_value_or(line, "life", 0));
    } else if (effect.kind == MOVE_ANSWER) {
        script_expect_text(line, script_word(line, 1), answers[effect.answer]);
    }
    if (effect.kind == MOVE_ANSWER && effect.answer == MOVE_REFUSED) {
        script_expect_text(line, script_word(line, 2), outcome_names[effect.outcome]);
        assert_int_equal(effect.retry_after_ms, script_value_or(line, "retry", 0));
        assert_int_equal(effect.is_unchecked, script_has(line, "unchecked"));
    } else if (effect.kind == MOVE_ANSWER && effect.answer == MOVE_PLACE) {
        assert_int_equal(moving.ticket.entry, 9);
        assert_int_equal(moving.ticket.moves, script_value_or(line, "moves", 0));
    } else if (effect.kind == MOVE_ANSWER && effect.answer == MOVE_CODE) {
        assert_int_equal(moving.expires_s, script_value_or(line, "until", 0));
    }
}

#define LOOKED "takes; ask look; "

static const struct script_row rows[] = {
    /* the request */
    {"a request that cannot be read is answered",
     "$a refused no-room; answer answered || makes | takes"},
    {"a full front moves nothing", "$a no-room; answer overloaded || makes | takes"},
    {"an address that is banned is not asked about",
     "takes banned=5; answer refused guesses retry=5 unchecked"},
    {"... and may make a code", "makes banned=5; ask make life=800000"},
    /* making a code */
    {"a code lives for the rest of this window and the next",
     "makes; ask make life=800000; reply ok; answer code until=1800"},
    {"no code is made of a place that was used",
     "makes; ask make life=800000; reply $a; answer refused $a || inside | moved | gone |"
     " expired"},
    {"... nor of an event that is gone",
     "makes; ask make life=800000; reply ok event-is-gone; answer refused unknown"},
    /* taking the place */
    {"a place is looked at, then taken",
     LOOKED "reply ok moves=2; ask take; reply ok moves=3; answer place moves=3"},
    {"a place that this device has taken is given again, and counted",
     LOOKED "reply same moves=3; answer place moves=3 counts"},
    {"a code that another device has used is counted",
     LOOKED "reply code-used; answer refused code-used counts"},
    {"... and not where it was quicker", LOOKED "reply ok; ask take; reply code-used;"
                                                "answer refused code-used"},
    {"a wrong code is counted by Redis alone", LOOKED "reply no-code; answer refused no-code"},
    {"... until it has been enough",
     LOOKED "reply limited retry=7; answer refused guesses retry=7 bans=7"},
    {"a member's place is taken by the member",
     LOOKED "reply ok member; check; member holds; ask take; reply ok member; answer place"},
    {"... also again", LOOKED "reply same member; check counts; member holds; answer place"},
    {"... and by nobody else", LOOKED "reply ok member; check; member; answer answered"},
    {"a place of a lane that this front has not seen yet waits",
     LOOKED "reply ok lane-is-unseen; answer refused unavailable"},
    {"a place of an event that is gone is not taken",
     LOOKED "reply $a event-is-gone; answer refused unknown || ok | same | code-used"},
    {"... nor while it is taken",
     LOOKED "reply ok; ask take; reply ok event-is-gone; answer refused unknown"},
    {"a move is refused while Redis does not answer", LOOKED "reply unavailable retry=9;"
                                                             "answer refused unavailable retry=9"},
};

static void start(void)
{
    moving = (struct moving){.state = MOVE_BEGUN};
}

SCRIPT_TESTS_IN(rows, script_verbs, start, NULL)
