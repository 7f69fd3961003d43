/* status_test.c: the shared status and that of one visitor, byte by byte, with ' for ".
 *
 *   set FIELD=N ..., doc, lanes, odds   changes (slots.h) line and place; adds these parts
 *   fans, me, status   puts the visitor in lane "fans"; writes the visitor's or the shared status
 *   is, has, lacks, begins, ends JSON   expects this of the written text */
#include "core/wait/status.h"
#include "outcomes.h"
#include "slots.h"

static const struct eta_model measured = {.basis = ETA_MEASURED, .pace = {2, 2, 2}};
static char memory[STATUS_BYTES_MAX];

static struct {
    struct line_view view, fans;
    struct eta_model eta;
    struct event_doc doc;
    struct odds odds;
    struct me_ask me;
    struct status_ask status;
} it;

static void start(void)
{
    memset(&it, 0, sizeof(it));
    it.view = (struct line_view){
        .id = "show", .state = LINE_OPEN, .version = 4, .issued = 30, .serving = 20, .waiting = 9};
    it.fans = it.view;
    it.fans.serving = 3;
    it.fans.knobs.line_max = 1;
    it.eta = measured;
    strcpy(it.doc.name, "The \"Show\"");
    it.me = (struct me_ask){.view = &it.view,
                            .doc = &it.doc,
                            .eta = &it.eta,
                            .entry = 25,
                            .place = {.state = PLACE_WAITING}};
    it.status = (struct status_ask){.view = &it.view, .doc = &it.doc, .eta = &it.eta};
}

SCRIPT_VERB(set, "set")
{
    struct place *place = &it.me.place;
    const struct slot slots[] = {
        SLOT("rate", SLOT_U64, it.view.knobs.rate_milli),
        SLOT("line_max", SLOT_U64, it.view.knobs.line_max),
        SLOT("stale", SLOT_FLAG, it.view.stale),
        SLOT("halted", SLOT_U64, it.view.halted_ms),
        SLOT("paused", SLOT_U32, it.eta.reason),
        SLOT("poll", SLOT_U32, it.status.poll_after_ms),
        SLOT("token", SLOT_FLAG, it.me.shows_token),
        SLOT("position", SLOT_U64, place->position),
        SLOT("ahead", SLOT_U64, place->ahead),
        SLOT("called_until", SLOT_U64, place->call_expires_ms),
        SLOT("expires", SLOT_U64, place->session_expires_ms),
        SLOT("ends", SLOT_U64, place->session_ends_ms),
        SLOT("extensions", SLOT_U8, place->extensions),
        {.name = NULL},
    };
    slots_set(line, slots);
}

SCRIPT_DOES("state", it.view.state = state_named(script_word(line, 1)))

SCRIPT_VERB(set_place, "place")
{
    unsigned state = 0;
    while (strcmp(place_state_name((enum place_state)state), script_word(line, 1)) != 0)
        assert_true(++state < PLACE_STATE_COUNT);
    it.me.place.state = (enum place_state)state;
}

SCRIPT_VERB(set_doc, "doc")
{
    it.doc.member_required |= script_has(line, "member");
    it.doc.code_required |= script_has(line, "code");
    if (script_has(line, "message")) {
        it.doc.messages_len = 1;
        it.doc.message[0] = (struct event_text){.tag = "en", .len = 2, .text = "hi"};
    }
    if (script_has(line, "prices"))
        it.doc.prices =
            (struct prices){.len = 1, .currency = "KRW", .price = {{.name = "R", .amount = 5}}};
}

/* Two lanes; only the fans' figures are known. */
SCRIPT_VERB(set_lanes, "lanes")
{
    it.doc.lanes_len = it.status.lanes_len = 2;
    it.doc.lane[0] = (struct event_lane){.id = "fans", .name = "Fans", .share = 30};
    it.doc.lane[1] = (struct event_lane){.id = "press", .name = "Press", .share = 5};
    it.status.lane[0] = (struct status_lane){&it.fans, &it.eta};
    it.view.knobs.shares = line_lanes_pack((const uint64_t[]){30, 5}, 2);
}

SCRIPT_VERB(set_odds, "odds")
{
    it.odds = (struct odds){.seats = 120,
                            .taken_sum_milli = 187500,
                            .came_sum_milli = 100000,
                            .known = true,
                            .lanes = 2,
                            .cut = {{24, 27}, {8, 9}}};
    it.me.odds = it.status.odds = &it.odds;
}

SCRIPT_VERB(join_fans, "fans")
{
    it.view.lane = 1;
    it.me.lane = "fans";
}

SCRIPT_VERB(write, "me|status")
{
    bool me = strcmp(line->words[0], "me") == 0;
    struct text text = text_on(memory, me ? ME_BYTES_MAX : sizeof(memory) - 1);
    if (me)
        status_me_json(&text, &it.me);
    else
        status_json(&text, &it.status);
    assert_false(text.overflown);
    memory[text.len] = '\0';
}

SCRIPT_VERB(expect, "is|has|lacks|begins|ends")
{
    const char *verb = line->words[0], *want = script_json(script_rest(line, 0));
    const char *at = strstr(memory, want);
    size_t len = strlen(memory), want_len = strlen(want);
    bool good = at != NULL;
    if (strcmp(verb, "is") == 0)
        good = strcmp(memory, want) == 0;
    else if (strcmp(verb, "lacks") == 0)
        good = !good;
    else if (strcmp(verb, "begins") == 0)
        good = at == memory;
    else if (strcmp(verb, "ends") == 0)
        good = len >= want_len && strcmp(memory + len - want_len, want) == 0;
    if (!good)
        fail_msg("%s: \"%s\": it is %s", line->row, line->text, memory);
}

static const struct script_row rows[] = {
    {"the status has the members of the contract",
     "doc message; set rate=2500 poll=10000; status;"
     "is {'event':'show','name':'The \\'Show\\'','state':'open','serving':20,'issued':30,"
     "'waiting':9,'rate_per_s':2.5,'message':{'en':'hi'},'version':4,'opens_at':null,"
     "'closes_at':null,'poll_after_ms':10000,'eta':[[0,2,2],[1,4,4],[2,6,6],[5,12,12],"
     "[10,22,22]],'eta_basis':'measured'}"},
    {"an old picture says so", "set stale=1 position=25; me; ends ,'stale':true}"},
    {"a waiting visitor sees place and wait",
     "set position=25 ahead=4; me; is {'event':'show','state':'open','place':'waiting',"
     "'position':25,'ahead':4,'eta':{'p50_s':10,'p90_s':10,'basis':'measured'},'called':false,"
     "'call_expires_at':null,'poll_after_ms':5000}"},
    {"a called visitor sees the end of the call",
     "place called; set position=12 called_until=1798859045000; me;"
     "is {'event':'show','state':'open','place':'called','position':12,'ahead':0,"
     "'eta':{'p50_s':0,'p90_s':0,'basis':'measured'},'called':true,"
     "'call_expires_at':'2027-01-02T03:04:05.000Z','extensions_left':10,'poll_after_ms':5000}"},
    {"a visitor sees an entry before the draw",
     "state pre-queue; set ahead=24; me; begins {'event':'show','state':'pre-queue',"
     "'place':'waiting','position':null,'entry':25,'ahead':null,"},
    {"a wait before the draw reaches to nine tenths of the entries",
     "state pre-queue; set ahead=25; me; has 'eta':{'p50_s':52,'p90_s':92,"},
    {"a waiting visitor sees the odds and their figures",
     "odds; set position=$a ahead=4; me; has 'odds':{'sold_out':'$b','seats_left':120,'ahead':4,"
     "'seats_per_visitor':1.875} || 24 unlikely | 25 unsure | 27 likely"},
    {"a called visitor sees no odds", "odds; place called; set position=24; me; lacks odds"},
    {"a visitor in a lane sees the odds of the lane",
     "odds; fans; set position=9 ahead=4; me; has 'odds':{'sold_out':'likely',"},
    {"the status has the odds of all readers",
     "odds; status; ends 'odds':{'seats_left':120,'seats_per_visitor':1.875,'unlikely_upto':24,"
     "'likely_from':27}}"},
    {"the status has the figures of each lane",
     "lanes; status; has 'lanes':[{'id':'general','name':'general','share':65,'serving':20,;"
     "has {'id':'fans','name':'Fans','share':30,'serving':3,'issued':30,'waiting':9,'full':true,;"
     "has {'id':'press','name':'Press','share':5}]; lacks likely_from"},
    {"the status has the basis and the reason of each lane's wait",
     "lanes; set paused=1; status; has [10,22,22]],'eta_basis':'measured','eta_reason':'paused'},"
     "{'id':'fans',; has 'eta_basis':'measured','eta_reason':'paused'},{'id':'press',"},
    {"the status has the odds of each lane that has some",
     "lanes; odds; status; has 'unlikely_upto':8,'likely_from':9}},"
     "{'id':'press','name':'Press','share':5}]"},
    {"the status has optional members only when they apply",
     "doc prices; status; has 'prices':{; lacks 'stale'; lacks 'full'; lacks eta_reason;"
     "lacks 'lanes'; set stale=1 paused=1 line_max=9; status; has 'stale':true; has 'full':true;"
     "has 'eta_reason':'paused'; set line_max=10; status; lacks 'full'"},
    {"an event without prices shows none", "status; lacks prices"},
    {"a visitor in a pause sees the reason",
     "state paused; set paused=1 position=25 ahead=4; me; has 'eta_reason':'paused'; lacks lane;"
     "lacks session; lacks can_join"},
    {"a late visitor of a lane sees lane, call and session",
     "lanes; fans; place late; set position=12 called_until=1798859045000 expires=1798859046000"
     " ends=1798859047000 extensions=3; me; has 'lane':'fans','lane_share':30,; has 'called':true;"
     "has 'extensions_left':7; has 'session_expires_at':'2027-01-02T03:04:06.000Z',"
     "'session_ends_at':'2027-01-02T03:04:07.000Z'; lacks eta_reason; lacks visits_halted;"
     "set halted=1; me; has 'visits_halted':true"},
    {"a visitor whose call expired may join an open line again",
     "place expired; set position=12; me; has 'basis':'unknown'; has 'called':false;"
     "has 'can_join':true; set line_max=9; me; has 'can_join':false; set line_max=10; me;"
     "has 'can_join':true; doc code; me; has 'can_join':false; set token=1; me;"
     "has 'can_join':false; lanes; me; has 'can_join':true; set line_max=9; me; has "
     "'can_join':true; doc member; me;"
     "has 'can_join':true; fans; me; has 'can_join':false; set line_max=10; me;"
     "has 'can_join':true; set token=0; me; has 'can_join':false; state closed; me; has "
     "'can_join':false"},
};

TEST_CASE(the_longest_answer_fits)
{
    memset(it.view.id, 'x', LINE_EVENT_ID_MAX);
    it.view.state = LINE_PRE_QUEUE;
    it.view.stale = true;
    struct odds most = {INT64_MAX, 0, INT64_MAX, 1, true, 1, {{INT64_MAX - 1, INT64_MAX}}};
    struct me_ask ask = {
        .view = &it.view,
        .odds = &most,
        .eta = &(struct eta_model){.basis = ETA_MEASURED, .pace = {1e-9, 1e-9, 1e-9}},
        .entry = UINT64_MAX,
        .place = {.state = PLACE_WAITING, .ahead = UINT64_MAX, .call_expires_ms = 1798859045000},
        .ticket = SPAN("AwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    };
    struct text text = text_on(memory, ME_BYTES_MAX);
    status_me_json(&text, &ask);
    assert_false(text.overflown);
    assert_non_null(memmem(memory, text.len, "AwAAAA", 6)); /* the ticket */
}

TEST_CASE(a_frame_is_one_event_of_the_stream)
{
    struct text text = text_on(memory, sizeof(memory));
    status_frame(&text, SPAN("{\"a\":1}"), SPAN("tag"));
    assert_true(span_eq(text_span(&text), SPAN("event: status\nid: tag\ndata: {\"a\":1}\n\n")));
}

UNIT_BETWEEN(start, NULL)
SCRIPT_TESTS(rows, script_verbs)
