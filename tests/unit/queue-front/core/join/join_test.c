/* join_test.c: each row is one request to join, from the request to its answer.
 *
 *   request no|ticket|elsewhere|bad FLAG ...   the request; for flags, see request_of()
 *   newcomer FLAG ... lane=N                   what the visitor shows
 *   reply OUTCOME FLAG ... entry=N moves=N     Redis's reply to the join
 *   looked OUTCOME FLAG ... moves=N            Redis's reply about a place
 *   document FLAG ...                          a document, with the flags of a request's ticket
 *   read, ask, ask-lane, look, await, answer   expect this effect, with the words that follow */
#include "core/join/join.h"

#include "core/limits.h"
#include "outcomes.h"

static const uint8_t key[VISITOR_KEY_BYTES] = "a key";
static struct join join;
static struct join_effect effect;
static const struct ticket mine = {.entry = 7, .visitor = "me", .lane = 0};
static const struct visitor member = {.has_idem = true, .idem = "member", .id = "me"};
static const struct visitor guest = {.has_idem = true, .idem = "guest", .id = "me"};

static struct join_request request_of(const struct script_line *line)
{
    return (struct join_request){
        .shows = script_has(line, "ticket")      ? JOIN_TICKET
                 : script_has(line, "elsewhere") ? JOIN_TICKET_ELSEWHERE
                 : script_has(line, "bad")       ? JOIN_TICKET_BAD
                                                 : JOIN_NO_TICKET,
        .ticket = mine,
        .is_shut = script_has(line, "shut"),
        .is_refused = script_has(line, "refused"),
        .other_lane = script_has(line, "other-lane"),
        .is_unread = script_has(line, "unread"),
        .is_over = script_has(line, "over"),
        .can_look = script_has(line, "may-be-used"),
        .shows_code = script_has(line, "code"),
    };
}

static struct join_newcomer newcomer_of(const struct script_line *line)
{
    struct join_newcomer newcomer = {
        .is_refused = script_has(line, "refused"),
        .takes_joins = !script_has(line, "closed"),
        .lane = (unsigned)script_value_or(line, "lane", 0),
        .whose = SPAN("sender"),
        .cookie = SPAN("cookie"),
        .is_new = !script_has(line, "cookie"),
        .key = key,
        .scope = SPAN("show"),
    };
    if (script_has(line, "member"))
        newcomer.member = member;
    if (script_has(line, "another"))
        memset(newcomer.member.id, 'x', sizeof(newcomer.member.id));
    if (script_has(line, "invited"))
        newcomer.invited = guest;
    if (script_has(line, "key"))
        newcomer.idem = SPAN("idempotency-key");
    if (script_has(line, "work"))
        newcomer.work = SPAN("work-done");
    return newcomer;
}

SCRIPT_VERB(take, "request|newcomer|reply|looked|document")
{
    const char *verb = script_word(line, 0);
    struct join_event event = {.input = JOIN_REQUEST};
    if (strcmp(verb, "request") == 0) {
        event.request = request_of(line);
    } else if (strcmp(verb, "newcomer") == 0) {
        event.input = JOIN_NEWCOMER;
        event.newcomer = newcomer_of(line);
    } else if (strcmp(verb, "reply") == 0) {
        event.input = JOIN_REPLY;
        event.reply = (struct join_reply){
            .outcome = outcome_at(line, 1),
            .ticket = {.entry = script_value_or(line, "entry", 9),
                       .moves = (uint8_t)script_value_or(line, "moves", 0),
                       .lane = (uint8_t)script_value_or(line, "lane", 0),
                       .visitor = "me"},
            .knows_event = !script_has(line, "event-is-gone"),
            .lane = (unsigned)script_value_or(line, "lane", 0),
            .knows_lane = script_has(line, "seen"),
            .can_look = !script_has(line, "no-room"),
        };
    } else if (strcmp(verb, "looked") == 0) {
        event.input = JOIN_LOOKED;
        event.looked = (struct join_looked){
            .outcome = outcome_at(line, 1),
            .knows_event = !script_has(line, "event-is-gone"),
            .is_renewed = script_has(line, "of-earlier"),
            .is_over = script_has(line, "over"),
            .moves = (uint8_t)script_value_or(line, "moves", 0),
        };
    } else {
        event.input = JOIN_DOCUMENT;
        event.document = (struct join_document){
            .is_there = !script_has(line, "late"),
            .is_same_event = !script_has(line, "renewed"),
            .request = request_of(line),
        };
    }
    join_step(&join, &event, &effect);
}

/* Returns which of the known names it is. */
static const char *name_of(const struct visitor *name)
{
    const struct {
        const char *says;
        struct visitor visitor;
    } known[] = {
        {"member", member},
        {"guest", guest},
        {"key", visitor_by_key(key, SPAN("show"), SPAN("sender"), SPAN("idempotency-key"))},
        {"work", visitor_by_key(key, SPAN("show"), SPAN("work"), SPAN("work-done"))},
        {"cookie", visitor_by_cookie(key, SPAN("show"), SPAN("cookie"))},
        {"again", visitor_again(key, SPAN("show"), &mine)},
    };
    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (memcmp(known[i].visitor.idem, name->idem, LINE_IDEM_BYTES) == 0)
            return known[i].says;
    return "nobody";
}

SCRIPT_VERB(expect, "read|ask|ask-lane|look|await|answer")
{
    static const char *const kinds[] = {
        [JOIN_READ] = "read", [JOIN_ASK] = "ask",     [JOIN_ASK_LANE] = "ask-lane",
        [JOIN_LOOK] = "look", [JOIN_AWAIT] = "await", [JOIN_ANSWER] = "answer"};
    static const char *const answers[] = {
        [JOIN_ANSWERED] = "done",  [JOIN_PLACE] = "place",       [JOIN_KEPT] = "kept",
        [JOIN_MOVED] = "moved",    [JOIN_BAD_TICKET] = "ticket", [JOIN_NO_MEMORY] = "memory",
        [JOIN_NO_EVENT] = "event", [JOIN_REFUSED] = "refused"};
    script_expect_text(line, script_word(line, 0), kinds[effect.kind]);
    if (effect.kind == JOIN_ASK) {
        script_expect_text(line, script_word(line, 1), name_of(&effect.name));
        assert_int_equal(effect.lane, script_value_or(line, "lane", 0));
        assert_int_equal(effect.over, script_value_or(line, "over", 0));
        assert_int_equal(effect.held, script_value_or(line, "held", 0));
        assert_int_equal(effect.invitation_is_used, script_has(line, "uses-invitation"));
        assert_int_equal(effect.cookie_is_new, script_has(line, "new"));
        assert_int_equal(effect.name.has_idem, !script_has(line, "new"));
        if (script_has(line, "as-member"))
            assert_memory_equal(effect.name.id, member.id, sizeof(member.id));
    } else if (effect.kind == JOIN_ASK_LANE && line->len > 1) {
        script_expect_text(line, script_word(line, 1), name_of(&effect.name));
        assert_int_equal(effect.lane, script_value_or(line, "lane", 0));
    } else if (effect.kind == JOIN_LOOK) {
        assert_int_equal(effect.ticket.entry, script_number_at(line, 1));
    } else if (effect.kind == JOIN_ANSWER) {
        script_expect_text(line, script_word(line, 1), answers[effect.answer]);
        if (effect.answer == JOIN_PLACE || effect.answer == JOIN_REFUSED)
            assert_int_equal(effect.outcome, outcome_at(line, 2));
        if (effect.answer == JOIN_PLACE || effect.answer == JOIN_KEPT)
            assert_int_equal(effect.ticket.entry, script_value_or(line, "entry", 9));
    }
}

/* A new visitor; one with a cookie; a member; a waiting visitor who shows a code; one who gave up
 * the place. */
#define NEW      "request no; read; newcomer; ask cookie new;"
#define COOKIE   "request no; read; newcomer cookie; ask cookie;"
#define MEMBER   "request no; read; newcomer member; ask member;"
#define BY_CODE  "request ticket code; read; newcomer cookie; ask cookie held=7;"
#define GIVEN_UP "request ticket may-be-used; look 7; looked gone; read;"

static const struct script_row rows[] = {
    /* the ticket of the request */
    {"a newcomer gets a place", NEW "reply ok entry=3; answer place ok entry=3"},
    {"a waiting place is kept without asking Redis", "request ticket; answer kept entry=7"},
    {"a called place is looked at, and kept while it lives",
     "request ticket may-be-used; look 7; looked same; answer kept entry=7"},
    {"nobody joins by a place that was given up",
     GIVEN_UP "newcomer cookie; ask again over=7; reply ok; answer place ok"},
    {"nobody joins by a place that was used",
     "request ticket may-be-used; look 7; looked expired; read; newcomer cookie; ask again over=7"},
    {"a missed call is over", "request ticket over; read; newcomer; ask again over=7"},
    {"a place that cannot be looked at is shown as it is known",
     "request ticket may-be-used; look 7; looked unavailable; answer kept entry=7"},
    {"who moved a place may join again",
     "request elsewhere; read; newcomer cookie; ask again over=7"},
    {"... also if the move was only found in Redis",
     "request ticket may-be-used; look 7; looked same moves=1; read; newcomer cookie;"
     "ask again over=7"},
    {"... and by the name that it had, once the place is over there",
     "request ticket may-be-used; look 7; looked gone moves=1; read; newcomer key cookie;"
     "ask again over=7"},
    {"a bad ticket is refused", "request bad; answer ticket"},
    {"a shut event keeps places, also over ones", "request ticket shut over; answer kept entry=7"},
    {"an invitation to another lane is a new join",
     "request ticket other-lane; read; newcomer invited lane=1; ask guest lane=1"},
    {"a wrong invitation is refused, not looked past", "request ticket refused; answer done"},
    {"nobody who may be inside gets another place", "request ticket unread over; answer memory"},
    {"a place of an earlier event does not count",
     "request ticket may-be-used; look 7; looked renewed; read; newcomer cookie; ask cookie"},
    {"... by the picture as well",
     "request ticket may-be-used; look 7; looked gone of-earlier; read; newcomer cookie;"
     "ask cookie"},
    {"an event may go meanwhile",
     "request ticket may-be-used; look 7; looked same event-is-gone; answer event"},
    /* the name under which it joins */
    {"a join that was already answered is done", "request no; read; newcomer refused; answer done"},
    {"an idempotency key comes before the cookie",
     "request no; read; newcomer key cookie; ask key"},
    {"... and before an over place", "request ticket over; read; newcomer key cookie; ask key"},
    {"a member comes before both",
     "request no; read; newcomer member key cookie; ask member as-member"},
    {"... or one of them", "request no; read; newcomer member cookie; ask member as-member"},
    {"an invitation as well", "request no; read; newcomer invited lane=1 key; ask guest lane=1"},
    {"a member uses an invitation",
     "request no; read; newcomer member invited lane=2; ask member lane=2 uses-invitation"},
    {"work names a visitor without a cookie", "request no; read; newcomer work; ask work new"},
    {"... and nobody who has one", "request no; read; newcomer work cookie; ask cookie"},
    {"a member whose call is over joins once more for that place",
     "request ticket over; read; newcomer member; ask again over=7 as-member"},
    {"... and does not use the invitation again",
     "request ticket over; read; newcomer member invited; ask again over=7 as-member"},
    {"... of another lane it does", "request ticket over; read; newcomer member invited lane=1;"
                                    "ask member lane=1 uses-invitation"},
    {"... nor by somebody else's place",
     "request ticket over; read; newcomer member another; ask member"},
    {"... nor where the place is on another device",
     "request elsewhere; read; newcomer member; ask member as-member"},
    {"... nor before the event takes joins",
     "request ticket over; read; newcomer closed member; ask member"},
    /* a place found by its name */
    {"a join that comes again gets its place",
     COOKIE "reply same; look 9; looked not-yet; answer place same"},
    {"... also without room to look", COOKIE "reply same no-room; answer place same"},
    {"a name does not lead to a place that was given up",
     MEMBER "reply same; look 9; looked gone; read; newcomer member; ask again over=9 as-member;"
            "reply ok entry=12; answer place ok entry=12"},
    {"... nor to a later one",
     "request no; read; newcomer work; ask work new; reply same; look 9;"
     "looked gone; read; newcomer work; ask again over=9; reply same entry=12; look 12;"
     "looked gone; read; newcomer work; ask again over=12; reply ok; answer place ok"},
    {"... nor does an invitation buy another place",
     "request no; read; newcomer member invited lane=1; ask member lane=1 uses-invitation;"
     "reply same lane=1; look 9; looked gone; read; newcomer member invited lane=1;"
     "ask again over=9 lane=1"},
    {"a place that has moved on is not handed out by name",
     COOKIE "reply same moves=1 no-room; answer moved"},
    {"... if it moves meanwhile", COOKIE "reply same; look 9; looked same moves=1; answer moved"},
    {"... and if it is over there, its owner joins again",
     MEMBER "reply same; look 9; looked gone moves=1; read; newcomer member;"
            "ask again over=9 as-member"},
    {"... also if nobody came there",
     MEMBER "reply same moves=1; look 9; looked not-yet over moves=1; read; newcomer member;"
            "ask again over=9 as-member"},
    {"a name whose call was missed joins again",
     COOKIE "reply same; look 9; looked not-yet over; read; newcomer cookie; ask again over=9"},
    {"... unless it came in", COOKIE "reply same; look 9; looked same over; answer place same"},
    {"a place that may have been given up is not handed out",
     COOKIE "reply same; look 9; looked unavailable over; answer refused unavailable"},
    {"... nor while its draw is unknown here",
     COOKIE "reply same; look 9; looked conflict; answer refused unavailable"},
    /* Redis's replies */
    {"a refusal is passed on", NEW "reply full; answer refused full"},
    {"... but not of an event that is gone",
     NEW "reply full event-is-gone; answer refused unknown"},
    {"a place of an event that is gone is refused",
     NEW "reply ok event-is-gone; answer refused unknown"},
    {"a code of another lane joins there",
     NEW "reply other-lane seen; ask-lane; reply ok; answer place ok"},
    {"... once",
     NEW "reply other-lane seen; ask-lane; reply other-lane seen; answer refused other-lane"},
    {"... from the general lane",
     "request no; read; newcomer invited lane=1; ask guest lane=1; reply other-lane seen;"
     "answer refused other-lane"},
    {"... if this front sees the lane", NEW "reply other-lane; answer refused other-lane"},
    {"... by its own name there, whatever was over in the general line",
     MEMBER "reply same; look 9; looked gone; read; newcomer member; ask again over=9 as-member;"
            "reply other-lane seen lane=1; ask-lane member lane=1; reply ok; answer place ok"},
    {"... and once more for a place that is over there",
     MEMBER "reply other-lane seen lane=1; ask-lane member lane=1; reply same lane=1; look 9;"
            "looked gone; read; newcomer member; ask again over=9 lane=1 as-member; reply ok;"
            "answer place ok"},
    /* a code next to a place in the general line */
    {"a code of another lane opens it to one who waits",
     BY_CODE "reply other-lane seen; ask-lane; reply ok entry=3; answer place ok entry=3"},
    {"... who has a place there",
     BY_CODE "reply other-lane seen; ask-lane; reply same; look 9; looked not-yet;"
             "answer place same"},
    {"... and keeps the general place if it opens none",
     BY_CODE "reply same entry=7; look 7; looked not-yet; answer kept entry=7"},
    {"... or is used up there",
     BY_CODE "reply other-lane seen; ask-lane; reply full; look 7; looked not-yet;"
             "answer kept entry=7"},
    {"... or cannot be looked at", BY_CODE "reply unavailable; answer kept entry=7"},
    {"... or opens a lane that is unknown here",
     BY_CODE "reply other-lane; look 7; looked not-yet; answer kept entry=7"},
    {"... but not if that was given up",
     BY_CODE "reply same entry=7; look 7; looked gone; read; newcomer cookie; ask again over=7"},
    {"... and is judged again by a newer document",
     BY_CODE "reply conflict; await; document ticket; answer kept entry=7"},
    {"... unless the event is gone", BY_CODE "reply same event-is-gone; answer refused unknown"},
    /* checked again */
    {"a join is judged by the document that holds",
     NEW "reply conflict; await; document; read; newcomer refused; answer done"},
    {"... which may give an over place its time back",
     "request ticket over; read; newcomer; ask again over=7; reply conflict; await; document "
     "ticket;"
     "answer kept entry=7"},
    {"... and not one that was used",
     GIVEN_UP "newcomer; ask again over=7; reply conflict; await; document ticket; read; newcomer;"
              "ask again over=7"},
    {"... unless it is another event's",
     GIVEN_UP "newcomer; ask again over=7; reply renewed; await; document renewed; read;"
              "newcomer cookie; ask cookie"},
    {"... which may know of no such invitation",
     GIVEN_UP "newcomer; ask again over=7; reply conflict; await; document ticket refused;"
              "answer done"},
    {"... if it comes in time",
     NEW "reply conflict; await; document late; answer refused unavailable"},
};

static void start(void)
{
    join = (struct join){.state = JOIN_BEGUN};
}

static void run(const char *text)
{
    const struct script_row row = {"bounds", text};
    script_run(&row, script_verbs);
}

/* Both limits are reached, and each ends the join. */
TEST_CASE(a_join_ends_at_each_limit)
{
    run("request no; read; newcomer member; ask member");
    for (unsigned used = 0; used < JOINS_AGAIN_MAX; used++)
        run("reply same; look 9; looked gone; read; newcomer member; ask again over=9");
    run("reply same; look 9; looked gone; answer refused unavailable");
    start();
    run("request no; read; newcomer; ask cookie new");
    for (unsigned judged = 0; judged < JOINS_JUDGED_MAX; judged++)
        run("reply conflict; await; document; read; newcomer; ask cookie new");
    run("reply conflict; answer refused unavailable");
}

UNIT_BETWEEN(start, NULL)
SCRIPT_TESTS(rows, script_verbs)
