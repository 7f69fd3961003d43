/* visit_test.c: each row is one request about a visit, from the request to its answer. Now is 1000,
 * a session lasts 60 seconds, and the ticket has place 9 and moves=N.
 *
 *   pass|extend|leave|heartbeat|verify|end FLAG ...   the request; ticket=ERROR and pass=ERROR
 *       make either invalid; place=N until=S ends=S are fields of the pass
 *   member FLAG       the requesting member "holds" the place, or does not
 *   no-room           no call to Redis is possible
 *   reply OUTCOME FLAG ...   Redis's reply
 *   check, ask CALL, answer WHAT   expect this effect, with the words that follow */
#include "core/visit/visit.h"

#include "outcomes.h"

static struct visit visit;
static struct visit_effect effect;

static const char *const turns[] = {
    [TURN_NONE] = "-", [TURN_KEPT] = "kept", [TURN_ENDED] = "ended", [TURN_DONE] = "done", NULL};

static int error_of(const struct script_line *line, const char *key)
{
    const char *value = script_value(line, key);
    for (int rc = ERR_NOMEM; value != NULL && rc >= ERR_UNKNOWN; rc--)
        if (strcmp(err_name(rc), value) == 0)
            return rc;
    assert_null(value);
    return 0;
}

SCRIPT_VERB(request, "pass|extend|leave|heartbeat|verify|end")
{
    static const char *const wishes[] = {"pass",   "extend", "leave", "heartbeat",
                                         "verify", "end",    NULL};
    struct visit_event event = {.input = VISIT_REQUEST, .now_s = 1000, .session_ttl_ms = 60000};
    struct visit_request *out = &event.request;
    out->wish = (enum visit_wish)script_choice(line, script_word(line, 0), wishes);
    bool has_ticket = out->wish <= VISIT_LEAVE, has_pass = out->wish >= VISIT_LEAVE;
    out->ticket_rc = has_ticket ? error_of(line, "ticket") : 0;
    out->pass_rc = has_pass ? error_of(line, "pass") : 0;
    if (has_ticket && out->ticket_rc == 0) {
        out->ticket = (struct ticket){.entry = 7, .member = script_has(line, "member")};
        out->ticket.moves = (uint8_t)script_value_or(line, "moves", 0);
        out->begun = (struct pass){.session = "of-ticket", .place = 9, .visitor = "t"};
    }
    if (has_pass && out->pass_rc == 0) {
        out->pass = (struct pass){
            .session = "of-pass",
            .place = script_value_or(line, "place", 5),
            .expires_s = script_value_or(line, "until", 1060),
            .ends_s = script_value_or(line, "ends", 2000),
            .visitor = "p",
            .channel = "club",
        };
        if (script_has(line, "member"))
            out->pass.member = (struct member_name){.text = "m"};
    }
    out->is_shut = script_has(line, "shut");
    out->surely_waits = script_has(line, "far");
    out->is_renewed = script_has(line, "earlier");
    out->has_ordered = script_has(line, "order");
    visit_step(&visit, &event, &effect);
}

SCRIPT_VERB(member, "member")
{
    struct visit_event event = {
        .input = VISIT_MEMBER, .holds = script_has(line, "holds"), .name = {.text = "m"}};
    visit_step(&visit, &event, &effect);
}

SCRIPT_DOES("no-room", visit_step(&visit, &(struct visit_event){.input = VISIT_NO_ROOM}, &effect))

SCRIPT_VERB(reply, "reply")
{
    const char *turn = script_value(line, "turn");
    struct visit_event event = {
        .input = VISIT_REPLY,
        .now_s = 1000,
        .knows_event = !script_has(line, "event-is-gone"),
        .session_ttl_ms = 60000,
        .outcome = outcome_at(line, 1),
        .turn = (enum turn_kind)script_choice(line, turn != NULL ? turn : "-", turns),
    };
    visit_step(&visit, &event, &effect);
}

SCRIPT_DOES("check", assert_int_equal(effect.kind, VISIT_CHECK))

SCRIPT_VERB(expect_ask, "ask")
{
    static const char *const calls[] = {"pass", "heartbeat", "end",   "leave",
                                        "look", "done",      "extend"};
    assert_int_equal(effect.kind, VISIT_ASK);
    script_expect_values(
        line, 1,
        (struct script_field[]){SCRIPT_TEXT("call", calls[effect.call]),
                                SCRIPT_NUMBER("place", visit.pass.place),
                                SCRIPT_TEXT("whose", (const char *)visit.pass.visitor),
                                SCRIPT_NUMBER("entry", visit.ticket.entry),
                                SCRIPT_NUMBER("moves", visit.ticket.moves),
                                SCRIPT_NUMBER("member", visit.is_member),
                                SCRIPT_NUMBER("ends", effect.ends_ms / 1000),
                                SCRIPT_NUMBER("told", effect.shown_ms / 1000),
                                {.name = NULL}});
}

SCRIPT_VERB(expect_answer, "answer")
{
    static const char *const answers[] = {[VISIT_ANSWERED] = "answered",
                                          [VISIT_ADMITTED] = "admitted",
                                          [VISIT_EXTENDED] = "extended",
                                          [VISIT_LEFT] = "left",
                                          [VISIT_VERIFIED] = "verified",
                                          [VISIT_ENDED] = "ended",
                                          [VISIT_SHUT] = "shut",
                                          [VISIT_OVERLOADED] = "overloaded",
                                          [VISIT_BAD_TICKET] = "ticket",
                                          [VISIT_BAD_PASS] = "pass",
                                          [VISIT_EXTENDED_ENOUGH] = "enough",
                                          [VISIT_REFUSED] = "refused"};
    assert_int_equal(effect.kind, VISIT_ANSWER);
    script_expect_text(line, script_word(line, 1), answers[effect.answer]);
    script_expect_values(
        line, 2,
        (struct script_field[]){SCRIPT_NUMBER("new", effect.is_new),
                                SCRIPT_TEXT("rc", err_name(effect.rc)),
                                SCRIPT_TEXT("by", visit.pass.session),
                                SCRIPT_TEXT("member", visit.pass.member.text),
                                SCRIPT_TEXT("channel", visit.pass.channel),
                                SCRIPT_NUMBER("life", effect.pass_life_ms / 1000),
                                SCRIPT_TEXT("outcome", outcome_names[effect.outcome]),
                                SCRIPT_TEXT("turn", turns[effect.turn]),
                                {.name = NULL}});
}

static const struct script_row rows[] = {
    /* pass */
    {"a called visitor is admitted",
     "pass moves=2; ask call=pass place=9 whose=t entry=7 moves=2 member=0;"
     "reply ok; answer admitted new=1 by=of-ticket member=-"},
    {"the same place gets the same visit", "pass; ask; reply same; answer admitted new=0"},
    {"a visitor far from the call waits without Redis", "pass far; answer refused outcome=not-yet"},
    {"a member who is far as well",
     "pass far member; check; member holds; answer refused outcome=not-yet"},
    {"a member shows a token", "pass member; check; member holds; ask call=pass member=1;"
                               "reply ok; answer admitted member=m"},
    {"another member is answered", "pass member; check; member; answer answered"},
    {"nobody enters a shut event", "pass shut member; answer shut"},
    {"a ticket comes first", "pass shut ticket=state; answer ticket rc=state"},
    {"a full front admits nobody", "pass; ask; no-room; answer overloaded"},
    {"a refusal has the outcome of the visit there was",
     "pass; ask; reply gone turn=done; answer refused outcome=gone turn=done"},
    /* extend */
    {"a call is extended", "extend; ask call=extend entry=7 whose=t; reply ok; answer extended"},
    {"a call is not extended for ever", "extend; ask; reply exhausted; answer enough"},
    {"extend refuses what Redis refuses",
     "extend; ask; reply inside; answer refused outcome=inside"},
    {"extend has no place to show of an event that is gone",
     "extend; ask; reply ok event-is-gone; answer refused outcome=unknown"},
    {"extend needs a ticket", "extend ticket=not-found; answer ticket"},
    /* heartbeat */
    {"a heartbeat goes on with what the pass says",
     "heartbeat member; ask call=heartbeat place=5 whose=p entry=0 member=1 ends=2000 told=1060;"
     "reply ok; answer admitted new=0 by=of-pass channel=club member=m"},
    {"a pass that ran out restores nothing beyond its time",
     "heartbeat until=1000; ask ends=1000 told=1000"},
    {"a heartbeat needs a pass", "heartbeat pass=auth; answer pass"},
    {"a heartbeat of an ended visit says so",
     "heartbeat; ask; reply gone; answer refused outcome=gone turn=ended"},
    {"... also by the clock",
     "heartbeat; ask; reply expired; answer refused outcome=expired turn=ended"},
    {"... and that the order is complete",
     "heartbeat; ask; reply gone turn=done; answer refused outcome=gone turn=done"},
    /* verify */
    {"a fresh pass is verified without Redis",
     "verify until=1031; answer verified new=0 by=of-pass"},
    {"a pass half over is renewed",
     "verify until=1030; ask call=heartbeat told=1030 ends=2000; reply ok; answer verified new=1"},
    {"... unless it lasts as long as the visit",
     "verify until=1030 ends=1031; answer verified new=0"},
    {"... or there is no room to ask", "verify until=1030; ask; no-room; answer verified new=0"},
    {"... or no answer",
     "verify until=1030; ask; reply $a; answer verified new=0 || unavailable | unknown"},
    {"an ended visit is not verified",
     "verify until=1030; ask; reply $a; answer pass rc=timeout || gone | expired"},
    {"... nor one of an earlier event",
     "verify until=1030; ask; reply renewed; answer pass rc=exists"},
    {"a wrong pass is not verified", "verify pass=full; answer pass"},
    /* leave: by ticket or by pass */
    {"a ticket gives the place up",
     "leave pass=not-found member; ask call=leave place=9 whose=t entry=7 member=1"},
    {"a pass does",
     "leave ticket=not-found member; ask call=leave place=5 whose=p entry=0 member=1"},
    {"a ticket comes before a pass", "leave; ask place=9"},
    {"... and is not looked past", "leave ticket=state; answer ticket rc=state"},
    {"neither is no ticket", "leave ticket=not-found pass=timeout; answer ticket rc=not-found"},
    {"a pass of an earlier event is named",
     "leave ticket=not-found pass=exists; answer ticket rc=exists"},
    {"a pass that could not be read is named",
     "leave ticket=not-found pass=$a; answer pass || full | no-memory"},
    /* leave: when the end of a visit is reported */
    {"without a visit nothing is reported",
     "leave pass=not-found; ask; reply ok; answer left life=0"},
    {"the end of a visit is reported",
     "leave pass=not-found; ask; reply ok turn=ended; answer left life=60 by=of-ticket"},
    {"... for as long as its pass runs",
     "leave ticket=not-found until=1200; ask; reply ok; answer left life=200"},
    {"... which may be next to the ticket", "leave place=9; ask; reply ok; answer left life=60"},
    {"... if it is of that place", "leave place=5; ask; reply ok; answer left life=0"},
    {"... and not again without a turn",
     "leave ticket=not-found; ask; reply $a; answer left life=0 || gone | same"},
    {"leave refuses what Redis refuses",
     "leave; ask; reply unavailable; answer refused outcome=unavailable"},
    {"leave of an event that is gone is refused",
     "leave; ask; reply $a event-is-gone; answer refused outcome=unknown || ok | gone"},
    /* end */
    {"another service ends a visit",
     "end; ask call=end place=5 whose=p member=1; reply ok; answer ended"},
    {"... with its order", "end order; ask call=done"},
    {"... that is over already",
     "end; ask; reply $a; answer ended || same | gone | expired | renewed"},
    {"... also where the event is gone by then", "end; ask; reply ok event-is-gone; answer ended"},
    {"... or of an earlier event", "end earlier; answer ended"},
    {"an end that may not be so is refused",
     "end; ask; reply $a; answer refused || unavailable | unknown"},
};

static void start(void)
{
    visit = (struct visit){.state = VISIT_BEGUN};
}

SCRIPT_TESTS_IN(rows, script_verbs, start, NULL)
