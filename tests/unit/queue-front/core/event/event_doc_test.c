/* event_doc_test.c: operators' documents: which ones are accepted or refused, and why. */
#include "scarce.h"
#include "script.h"

#include "base/json_in.h"
#include "core/event/event_doc.h"
#include "core/event/event_state.h"

#include <jansson.h>

#define LEN(rows) (sizeof(rows) / sizeof((rows)[0]))

static struct event_doc doc, base_doc; /* too big for a sanitized stack */
static struct event_doc_fault fault;
static char base[EVENT_DOC_BYTES_MAX], memory[EVENT_DOC_BYTES_MAX];
static struct line_pilot pilot;
static struct event_doc_now now;

static int parse(const char *json)
{
    fault = (struct event_doc_fault){{0}, {0}};
    return event_doc_load(span_of(json), SPAN("show"), &fault, &doc);
}

static int patch(const char *json)
{
    fault = (struct event_doc_fault){{0}, {0}};
    return event_doc_patch(span_of(base), span_of(json), SPAN("show"), &now, &fault, &doc);
}

static const char *written(const struct event_doc_now *now_or_null)
{
    struct text text = text_on(memory, sizeof(memory) - 1);
    event_doc_show(&text, &doc, now_or_null);
    assert_false(text.overflown);
    memory[text.len] = '\0';
    return memory;
}

static void accept(const struct script_line *line, int rc)
{
    if (rc != 0)
        fail_msg("%s: \"%s\" is refused: %s: %s", line->row, line->text, fault.pointer, fault.rule);
}

SCRIPT_VERB(take, "take")
{
    accept(line, parse(script_json(script_rest(line, 0))));
}

/* Stores the document for "patch", "load" and "same lanes". */
SCRIPT_VERB(store, "store")
{
    take(line);
    strcpy(base, written(NULL));
    base_doc = doc;
}

SCRIPT_DOES("patch", accept(line, patch(script_json(script_rest(line, 0)))))
SCRIPT_DOES("load", accept(line, parse(base)))

/* "bad POINTER JSON RULE": JSON (without blanks) is refused at POINTER by a rule with this text. */
SCRIPT_VERB(bad, "bad")
{
    int rc = parse(script_json(script_word(line, 2)));
    if (rc >= 0 || strstr(fault.rule, script_json(script_rest(line, 2))) == NULL)
        fail_msg("%s: \"%s\": %d, %s", line->row, line->text, rc, fault.rule);
    script_expect_text(line, script_word(line, 1), fault.pointer);
}

SCRIPT_VERB(bad_patch, "bad_patch")
{
    assert_int_equal(patch(script_json(script_word(line, 1))), ERR_RANGE);
    script_expect_text(line, script_word(line, 2), fault.pointer);
}

static void expect_part(const struct script_line *line, bool want, const char *text)
{
    if ((strstr(text, script_json(script_rest(line, 0))) != NULL) != want)
        fail_msg("%s: \"%s\": it is %s", line->row, line->text, text);
}

SCRIPT_DOES("has", expect_part(line, true, written(NULL)))
SCRIPT_DOES("lacks", expect_part(line, false, written(NULL)))
SCRIPT_DOES("shows", expect_part(line, true, written(&now)))

SCRIPT_VERB(messages, "messages")
{
    struct text text = text_on(memory, sizeof(memory) - 1);
    event_doc_messages(&text, &doc);
    event_doc_appeals(&text, &doc);
    memory[text.len] = '\0';
    expect_part(line, true, memory);
}

/* A shown document that is sent back works as a patch. */
SCRIPT_VERB(send_back, "send_back")
{
    strcpy(base, written(NULL));
    accept(line, patch(written(&now)));
}

SCRIPT_VERB(autopilot, "autopilot")
{
    pilot = (struct line_pilot){.on = true,
                                .rate_milli = 2500,
                                .from_milli = 5000,
                                .at_ms = 1000,
                                .heard_ms = 2000,
                                .moved_ms = 3000,
                                .reason = "slow",
                                .why = "errors"};
    if (script_has(line, "reading")) {
        strcpy(pilot.reading, "{\"p99\":7}");
        strcpy(pilot.because, "[1]");
    }
    pilot.on = !script_has(line, "off");
    now.pilot = &pilot;
    now.incarnation = script_has(line, "off") ? "" : "0123456789abcdef";
}

SCRIPT_VERB(is, "is")
{
    struct line_knobs knobs = event_doc_knobs(&doc);
    script_expect_field(line, 1,
                        (const struct script_field[SCRIPT_FIELDS]){
                            SCRIPT_TEXT("name", doc.name),
                            SCRIPT_NUMBER("newer", doc.newer),
                            SCRIPT_NUMBER("burst", knobs.burst),
                            SCRIPT_NUMBER("rate", knobs.rate_milli),
                            SCRIPT_NUMBER("max_active", knobs.max_active),
                            SCRIPT_NUMBER("ttl", knobs.session_ttl_ms),
                            SCRIPT_NUMBER("max", knobs.session_max_ms),
                            SCRIPT_NUMBER("call", knobs.call_ttl_ms),
                            SCRIPT_NUMBER("grace", knobs.grace_ms),
                            SCRIPT_NUMBER("line_max", knobs.line_max),
                            SCRIPT_NUMBER("joins", knobs.joins_per_ip_per_min),
                            SCRIPT_NUMBER("opens", knobs.opens_at_ms),
                            SCRIPT_NUMBER("prequeue", knobs.prequeue_at_ms),
                            SCRIPT_NUMBER("end", doc.planned_end_at_ms),
                            SCRIPT_NUMBER("shards", knobs.shards),
                            SCRIPT_NUMBER("ceiling", knobs.pilot_ceiling_milli),
                            SCRIPT_NUMBER("floor", knobs.pilot_floor_milli),
                            SCRIPT_NUMBER("late_s", doc.beacon.late_s),
                            SCRIPT_NUMBER("messages", doc.messages_len),
                            SCRIPT_NUMBER("appeals", doc.appeals_len),
                            SCRIPT_TEXT("lane_name", doc.lane[0].name),
                            SCRIPT_NUMBER("lanes", line_lanes(knobs.shares)),
                            SCRIPT_NUMBER("share0", line_lane_share(knobs.shares, 0)),
                            SCRIPT_NUMBER("share1", line_lane_share(knobs.shares, 1)),
                            SCRIPT_NUMBER("share2", line_lane_share(knobs.shares, 2)),
                            SCRIPT_NUMBER("code0", event_doc_asks_code(&doc, 0)),
                            SCRIPT_NUMBER("code1", event_doc_asks_code(&doc, 1)),
                            SCRIPT_NUMBER("codes", event_doc_asks_code_anywhere(&doc)),
                            SCRIPT_NUMBER("same_lanes", event_doc_same_lanes(&base_doc, &doc))});
}

SCRIPT_VERB(lane, "lane")
{
    const char *id = script_word(line, 1);
    script_expect(line, script_word(line, 2),
                  event_doc_lane(&doc, span_of(strcmp(id, "-") == 0 ? "" : id)));
}

#define TWO_LANES "{'lanes':[{'id':'a','share':1},{'id':'b','share':1}]}"
#define ALL                                                                                        \
    "{'id':'show','name':'\xEA\xB3\xB5\xEC\x97\xB0','rate_per_s':0.125,'burst':1,"                 \
    "'max_active':0,'session_ttl_s':1,'session_max_s':86400,'call_ttl_s':86400,'grace_s':0,"       \
    "'joins_per_ip_per_min':7,'message':{'ko':'\xEC\x95\x88\xEB\x85\x95','en':'say \\'you\\''},"   \
    "'appeal':{'en':'tel:+82'},"                                                                   \
    "'prices':{'currency':'KRW','categories':{'R':{'price':99000,'gone':true}}},"                  \
    "'opens_at':'2027-01-02T03:04:05.000Z','prequeue_at':'2027-01-02T03:00:00.000Z',"              \
    "'closes_at':'2027-01-03T03:00:00.000Z',"                                                      \
    "'beacon':{'kind':'text','words':'the lottery','late_s':60,'since':null,'changes':1},"         \
    "'pow_bits':30,'pow_bits_max':25,'member_required':true,"                                      \
    "'lanes':[{'id':'fans','name':'Fan club','share':30,'invitations':9},"                         \
    "{'id':'press','name':'press','share':5,'invitations':0}],"                                    \
    "'schedule':[{'at':'2027-01-02T04:00:00.000Z','rate_per_s':2.5},"                              \
    "{'at':'2027-01-02T05:00:00.000Z','rate_per_s':0}],"                                           \
    "'autopilot':{'on':true,'ceiling':99.5,'floor':2.5,'target_p99_ms':250,"                       \
    "'errors_max':0.5,'held_max':3,'backlog_max':4},'seats_left':true,'auto_reopen':true}"

static const struct script_row rows[] = {
    {"an empty document has every default",
     "take {}; is late_s 120; has {'id':'show','name':'show','rate_per_s':10,'burst':20,"
     "'max_active':1000,'session_ttl_s':300,'session_max_s':1800,'call_ttl_s':120,'grace_s':600,"
     "'joins_per_ip_per_min':0,'message':{},'appeal':{},'prices':null,'opens_at':null,"
     "'prequeue_at':null,'closes_at':null,'beacon':null,'pow_bits':0,'pow_bits_max':20,"
     "'member_required':false,'lanes':[],'schedule':[],'autopilot':{'on':false,'ceiling':10,"
     "'floor':1,'target_p99_ms':300,'errors_max':0.02,'held_max':0,'backlog_max':0},"
     "'seats_left':false,'auto_reopen':false}"},
    {"every setting is stored as given",
     "take " ALL "; has " ALL "; is rate 125; is max 86400000; is opens 1798859045000;"
     "is prequeue 1798858800000; is ceiling 99500; is floor 2500; is lanes 2; is share0 65;"
     "is share1 30; is share2 5; lane fans 1; lane press 2; lane general 0; lane - 5; lane pres 5"},
    {"admission gets the numbers of the document",
     "take {'rate_per_s':1.5,'burst':2,'max_active':3,'session_ttl_s':4,'session_max_s':5,"
     "'call_ttl_s':6,'grace_s':7,'line_max':8,'joins_per_ip_per_min':9,"
     "'autopilot':{'ceiling':10,'floor':11}}; is rate 1500; is burst 2; is max_active 3;"
     "is ttl 4000; is max 5000; is call 6000; is grace 7000; is line_max 8; is joins 9; is opens 0;"
     "is prequeue 0; is ceiling 0; is floor 11000; is lanes 0"},
    {"a code for the general lane needs format 2",
     "store {'code_required':true}; has 'needs':2; load; is newer 0; is code0 1; is code1 0;"
     "patch {'code_required':false,'lanes':null}; is codes 0"},
    {"a code for one lane needs format 2",
     "store "
     "{'lanes':[{'id':'fans','name':'fans','share':30,'invitations':0,'code_required':true}]};"
     "has 'needs':2; load; is newer 0; is code0 0; is code1 1; patch {'lanes':null}; is codes 0"},
    {"shards need format 3",
     "store {'shards':16}; has {'id':'show','name':'show','needs':3,'shards':16,; is shards 16;"
     "load; is shards 16; is newer 0; take {'shards':2}; is shards 2;"
     "has {'id':'show','name':'show','needs':3,'shards':2,;"
     "take {'shards':1}; lacks shards; lacks needs; is shards 0"},
    {"a planned end is stored and may be ignored",
     "take {'planned_end_at':'2027-01-02T03:00:00Z'}; has 'needs':1; is end 1798858800000"},
    {"a cap on the line is stored and may be ignored",
     "take {'line_max':250000}; has 'needs':1; is line_max 250000; take {'line_max':1};"
     "has 'needs':1; take {'line_max':0}; lacks line_max; lacks needs"},
    {"a date and venue are stored unless empty",
     "take {'about':{'en':'An evening'}}; has 'needs':1; has 'about':{'en':'An evening'};"
     "take {'about':{}}; lacks about"},
    {"a picture is a path of the pages' own origin",
     "take {'picture':'/pictures/a-1.webp'}; has 'needs':1; has 'picture':'/pictures/a-1.webp';"
     "bad_patch {'picture':'//else.example/a.webp'} /picture;"
     "bad_patch {'picture':'https://else.example/'} /picture; bad_patch {'picture':'/a?b'} "
     "/picture;"
     "bad_patch {'picture':''} /picture; patch {'picture':null}; lacks picture"},
    {"date and place are written in a form that older fronts read",
     "store {'starts_at':'2027-06-12T19:00:00+09:00','doors_at':'2027-06-12T08:30:00Z',"
     "'time_zone':'Asia/Seoul','venue':{'name':{'en':'Dome','ko':'돔'},'address':'Incheon'}};"
     "has 'needs':1; has "
     "'starts_at':'2027-06-12T10:00:00.000Z','doors_at':'2027-06-12T08:30:00.000Z',"
     "'time_zone':'Asia/Seoul','venue':{'name':{'en':'Dome','ko':'돔'},'address':'Incheon'};"
     "patch {'venue':{'name':{'ko':null}}}; has 'venue':{'name':{'en':'Dome'};"
     "bad_patch {'time_zone':'Asia/Soul'} /time_zone; bad_patch {'starts_at':null} /doors_at;"
     "bad_patch {'time_zone':null} /time_zone;"
     "patch {'starts_at':null,'doors_at':null,'time_zone':null,'venue':null}; lacks _at':'2; lacks "
     "venue"},
    {"a date needs a zone",
     "store {}; bad_patch {'starts_at':'2027-06-12T11:00:00.000Z'} /time_zone;"
     "patch {'starts_at':'2027-06-12T11:00:00.000Z','time_zone':'UTC'}"},
    {"a withdrawn beacon stays counted",
     "take {'beacon':{'kind':'none','words':'old','changes':2}};"
     "has 'beacon':{'kind':'none','late_s':"},
    {"a drand beacon is stored with its round",
     "take {'beacon':{'kind':'drand','chain':'ab','round':7,'at':'2027-01-02T03:04:05.000Z',"
     "'since':'2027-01-01T00:00:00.000Z'}};"
     "has 'beacon':{'kind':'drand','chain':'ab','round':7,'at':'2027-01-02T03:04:05.000Z',"},
    {"every allowed letter is accepted in tag, contact and lane",
     "take {'message':{'aZ-z9':'1','Az-09':'a\\nb','en':null},"
     "'appeal':{'en':'https://a~!','ko':'mailto:a','fr':'tel:1'},"
     "'lanes':[{'id':'az-09','share':98},{'id':'b','share':1}]};"
     "is messages 2; is appeals 3; is lane_name az-09; is share0 1"},
    {"the next time may be a millisecond later",
     "take {'opens_at':'2027-01-02T03:00:00Z','prequeue_at':'2027-01-02T02:59:59.999Z',"
     "'closes_at':'2027-01-02T03:00:00.001Z','planned_end_at':'2027-01-02T03:00:00.001Z'};"
     "take {'closes_at':'2027-01-02T03:00:00Z'}; take {'opens_at':'2027-01-02T03:00:00Z'};"
     "take {'schedule':[{'at':'2027-01-02T03:00:00Z','rate_per_s':0},"
     "{'at':'2027-01-02T03:00:00.001Z','rate_per_s':100000}]}"},
    {"null is the default",
     "take {'opens_at':null,'closes_at':null,'schedule':null,'autopilot':null,'message':null,"
     "'shards':null,'id':null,'name':null};"
     "take {'lanes':[{'id':'a','share':1,'name':null,'code_required':null}]}"},
    {"messages and contacts are written alone",
     "take {'about':{'en':'a'},'message':{'en':'m','ko':'n'},'appeal':{'en':'tel:1'}};"
     "messages {'en':'m','ko':'n'},{'en':'tel:1'}"},
    {"lanes are the same by number, order and id",
     "store " TWO_LANES "; is same_lanes 1;"
     "take {'lanes':[{'id':'a','share':2},{'id':'b','share':1,'name':'x'}]}; is same_lanes 1;"
     "take {'lanes':[{'id':'a','share':1}]}; is same_lanes 0;"
     "take {'lanes':[{'id':'c','share':1},{'id':'b','share':1}]}; is same_lanes 0;"
     "take {'lanes':[{'id':'a','share':1},{'id':'c','share':1}]}; is same_lanes 0;"
     "take {}; is same_lanes 0"},
    {"a patch changes only what it names",
     "store {'name':'Show','rate_per_s':3,'message':{'en':'a'}};"
     "patch {'max_active':5,'message':{'ko':'b'}}; is name Show; is rate 3000; is max_active 5;"
     "is messages 2; patch {'rate_per_s':null,'message':null}; is rate 10000; is messages 0"},
    {"a patch is checked as the document it makes",
     "store {'session_ttl_s':100,'session_max_s':100};"
     "bad_patch {'session_ttl_s':101} /session_max_s; bad_patch {'colour':'red'} /colour;"
     "bad_patch 17 -"},
    {"a patch may repeat read-only members but not change them",
     "store {}; patch {'state':'open','version':12,'burst':2}; is burst 2;"
     "bad_patch {'state':'closed'} /state; bad_patch {'version':11} /version;"
     "bad_patch {'id':'other'} /id"},
    {"a shown document may come back as a patch",
     "autopilot; take {'burst':3,'shards':2,'code_required':true}; send_back; is burst 3;"
     "is shards 2; is code0 1"},
    {"a shown document has state and version",
     "take {}; shows {'id':'show','name':'show','state':'open','version':12,'incarnation':null,"
     "'shards':1,'rate_per_s':10,"},
    {"a shown document has the last move of the autopilot",
     "take {}; autopilot; shows 'incarnation':'0123456789abcdef';"
     "shows 'autopilot_state':{'rate_per_s':2.5,'reason':'slow',"
     "'decided_at':'1970-01-01T00:00:01.000Z','heard_at':'1970-01-01T00:00:02.000Z',"
     "'reading':null,'last_move':{'at':'1970-01-01T00:00:03.000Z','from_per_s':5,'to_per_s':2.5,"
     "'why':'errors','because':null}}}; autopilot reading; shows 'reading':{'p99':7},;"
     "shows 'because':[1]}}}; autopilot off; shows 'autopilot_state':null;"
     "shows 'incarnation':null"},
    {"a newer document is read if it says that this is safe",
     "take {'burst':5}; is burst 5; is newer 0; take {'burst':5,'needs':1}; is newer 0;"
     "take {'burst':5,'needs':1,'confetti':{'much':[1]}}; is burst 5; is newer 1"},
    {"a document of an unknown format is refused",
     "bad /confetti {'burst':5,'confetti':true} not known;"
     "bad /needs {'burst':5,'needs':0} whole number;"
     "bad /needs {'burst':5,'needs':4} format 4, and this program knows up to 3;"
     "bad /needs {'burst':5,'needs':4,'confetti':true} format 4, and;"
     "bad /needs {'burst':5,'needs':'1'} whole number; bad /burst {'burst':0,'needs':1} 1 to;"
     "bad - [1] object"},
    {"a refusal names the member and the rule",
     "bad - [] object; bad - {'rate_per_s':1,}; bad /rate {'rate':1} not known;"
     "bad /state {'state':'open'} not known; bad /id {'id':'other'} must be 'show';"
     "bad /id {'id':5} text; bad /id {'id':''} text;"
     "bad /member_required {'member_required':1} true or false"},
    {"a number is a number with few decimals",
     "bad /rate_per_s {'rate_per_s':1.0001} three decimals; bad /rate_per_s {'rate_per_s':'10'} "
     "number;"
     "bad /burst {'burst':0} must be a whole number from 1 to 1000000;"
     "bad /burst {'burst':1.5} whole number; bad /grace_s {'grace_s':true} whole number;"
     "bad /shards {'shards':0} 1 to 16; bad /shards {'shards':17} 1 to 16"},
    {"a name has no control characters",
     "bad /name {'name':'a$ab'} control || \\u0007 | \\u007f | \\u001f"},
    {"a language has a tag of two letters or more",
     "bad /message/$b {'message':{'$a':'x'}} language tag"
     " || <b> <b> | a1 a1 | 1a 1a | e~ e~0 | en_GB en_GB | en.GB en.GB | en:GB en:GB | en- en-"},
    {"texts are an object of at most eight texts",
     "bad /message {'message':'hello'} object; bad /message/en {'message':{'en':5}} text;"
     "bad /message/en {'message':{'en':'a\\rb'}} control; bad /message {'message':{'aa':'','ab':'',"
     "'ac':'','ad':'','ae':'','af':'','ag':'','ah':'','ai':''}} at most 8"},
    {"a contact is an address without blanks and quotes",
     "bad /appeal/en {'appeal':{'en':'$a'}} https:// || http://a | tel:1\\u00202 | tel:\xC2\xA0 |"
     "https://a\\'b | https://a<b | https://a>b | a"},
    {"a contact is not empty and has no control characters",
     "bad /appeal/en {'appeal':{'en':''}} https://;"
     "bad /appeal/en {'appeal':{'en':'https://a~\\u007f'}} control"},
    {"times are in order",
     "bad /opens_at {'opens_at':'tomorrow'} time; bad /opens_at {'opens_at':1798859045} time;"
     "bad /prequeue_at {'prequeue_at':'2027-01-02T03:00:00Z'} needs opens_at;"
     "bad /$a {'opens_at':'2027-01-02T03:00:00Z','$a':'2027-01-02T03:00:00Z'} $b"
     " || prequeue_at earlier | closes_at later | planned_end_at later"},
    {"a visit is at least as long as one without activity",
     "bad /session_max_s {'session_ttl_s':60,'session_max_s':59} session_ttl_s"},
    {"a schedule is a list of times and rates in order",
     "bad /schedule {'schedule':{}} list; bad /schedule/0 {'schedule':[1]} object;"
     "bad /schedule/0/at {'schedule':[{'rate_per_s':1}]} missing;"
     "bad /schedule/0/rate_per_s {'schedule':[{'at':'2027-01-02T03:00:00Z'}]} missing;"
     "bad /schedule/0/x {'schedule':[{'at':'2027-01-02T03:00:00Z','rate_per_s':1,'x':1}]} not "
     "known;"
     "bad /schedule/1/at {'schedule':[{'at':'2027-01-02T03:00:00Z','rate_per_s':1},"
     "{'at':'2027-01-02T03:00:00Z','rate_per_s':2}]} later"},
    {"the autopilot is an object of known members",
     "bad /autopilot {'autopilot':true} object; bad /autopilot/on {'autopilot':{'on':1}} true;"
     "bad /autopilot/speed {'autopilot':{'speed':1}} not known"},
    {"a lane has an id of its own",
     "bad /lanes/0/id {'lanes':[{'id':'$a','share':1}]} $b || general general | Fans a-z |"
     "fans_ a-z | fans: a-z | fans~ a-z | fans+ a-z"},
    {"no two lanes have one id",
     "bad /lanes/1/id {'lanes':[{'id':'a','share':1},{'id':'a','share':1}]} another lane;"
     "bad /lanes/2/id {'lanes':[{'id':'a','share':1},{'id':'b','share':1},{'id':'b','share':1}]} "
     "another"},
    {"a lane has a share and known members",
     "bad /lanes {'lanes':{}} list; bad /lanes/0 {'lanes':[1]} object;"
     "bad /lanes/0/id {'lanes':[{'share':1}]} missing; bad /lanes/0/share {'lanes':[{'id':'a'}]} "
     "missing;"
     "bad /lanes/0/share {'lanes':[{'id':'a','share':100}]} 1 to 99;"
     "bad /lanes/0/share {'lanes':[{'id':'a','share':0}]} 1 to 99;"
     "bad /lanes/1/share {'lanes':[{'id':'a','share':60},{'id':'b','share':40}]} general lane;"
     "bad /lanes/0/name {'lanes':[{'id':'a','share':1,'name':'\\u0001'}]} control;"
     "bad /lanes/0/code_required {'lanes':[{'id':'a','share':1,'code_required':1}]} true or false;"
     "bad /lanes/0/size {'lanes':[{'id':'a','share':1,'size':1}]} not known"},
    {"beacon and prices have rules of their own",
     "bad /beacon {'beacon':5} object;"
     "bad /prices/categories/R {'prices':{'currency':'KRW','categories':{'R':5}}} object;"
     "bad /prices/categories/ {'prices':{'currency':'KRW','categories':{'a\\\\b':{'price':1}}}} "
     "backslashes;"
     "bad /prices/categories/ {'prices':{'currency':'KRW','categories':{'a\\u007f':{'price':1}}}} "
     "control"},
};

static void start(void)
{
    now = (struct event_doc_now){.state = LINE_OPEN, .version = 12};
}

TEST_CASE(syntax_errors_have_no_pointer)
{
    assert_int_equal(parse("{\"burst\":0}"), ERR_RANGE);
    assert_int_equal(parse("{\"the rate\":1}"), ERR_RANGE);
    assert_string_equal(fault.pointer, "/the rate");
    assert_int_equal(parse("{"), ERR_SYNTAX);
    assert_int_equal(0, strncmp(fault.rule, "not JSON: line 1", strlen("not JSON: line 1")));
    assert_int_equal(parse(""), ERR_SYNTAX);
    assert_non_null(strstr(fault.rule, "there is no JSON"));
    strcpy(base, "{}");
    assert_int_equal(patch("{"), ERR_SYNTAX);
    strcpy(base, "{\"burst\":");
    assert_int_equal(patch("{}"), ERR_SYNTAX);
    assert_string_equal(fault.pointer, "");
    assert_true(fault.rule[0] != '\0');
}

/* ---- what a row cannot say ---- */

TEST_CASE(lack_of_memory_is_not_a_bad_document)
{
    static const char *const reads[][2] = {
        /* the stored document, unless the text is one; the text */
        {"", "{'id':'show','name':'a night','needs':1}"},
        {"", "{'name':'a night','message':{'en':'a word'}}"},
        {"{'id':'show','burst':7}", "{'burst':null,'name':'a night'}"},
    };
    for (size_t i = 0; i < LEN(reads); i++) {
        bool lacking = true;
        unsigned nth = 0;
        for (; lacking; nth++) {
            const char *json = script_json(reads[i][1]);
            strcpy(base, script_json(reads[i][0]));
            scarce_nth(nth);
            int rc = base[0] == '\0' ? parse(json) : patch(json);
            lacking = scarce_end();
            if (rc != (lacking ? ERR_NOMEM : 0) ||
                (lacking && (fault.pointer[0] != '\0' || fault.rule[0] == '\0')))
                fail_msg("%zu without the %uth: %s: %s", i, nth, err_name(rc), fault.rule);
        }
        assert_true(nth > 5);
        assert_string_equal(doc.name, "a night");
    }
}

TEST_CASE(a_new_document_equals_an_empty_one)
{
    assert_int_equal(parse("{}"), 0);
    event_doc_init(SPAN("show"), &base_doc);
    assert_memory_equal(&base_doc, &doc, sizeof(doc));
    assert_int_equal(event_doc_load(SPAN("{\"id\":\"s\"}"), SPAN("s"), &fault, &doc), 0);
    assert_string_equal(doc.name, "s");
}

TEST_CASE(the_audit_trail_has_only_the_differences)
{
    static const struct {
        const char *before, *after, *from, *to;
    } diffs[] = {
        {"{'a':1,'b':'x','c':[1]}", "{'a':2,'b':'x','c':[1,2],'d':true}",
         "{'a':1,'c':[1],'d':null}", "{'a':2,'c':[1,2],'d':true}"},
        {"{'a':1}", "{'a':1}", "{}", "{}"},
        {"{'a':1,'b':2}", "{'a':1}", "{'b':2}", "{'b':null}"},
    };
    char from_memory[512], to_memory[512];
    struct text from, to;
    bool differ = false;
    for (size_t i = 0; i < LEN(diffs); i++) {
        from = text_on(from_memory, sizeof(from_memory));
        to = text_on(to_memory, sizeof(to_memory));
        int rc = event_doc_diff(span_of(script_json(diffs[i].before)),
                                span_of(script_json(diffs[i].after)), &from, &to, &differ);
        unit_never(i == 0 && rc == 0 && !differ, "a change that counts as none");
        assert_int_equal(rc, 0);
        assert_span(text_span(&from), script_json(diffs[i].from));
        assert_span(text_span(&to), script_json(diffs[i].to));
        assert_int_equal(differ, i != 1);
    }
    assert_int_equal(event_doc_diff(SPAN("{"), SPAN("{}"), &from, &to, &differ), ERR_SYNTAX);
    assert_int_equal(event_doc_diff(SPAN("{}"), SPAN("{"), &from, &to, &differ), ERR_SYNTAX);
    assert_true(differ); /* unchanged */
}

TEST_CASE(the_largest_document_fits_its_bound)
{
    static char json[64 * 1024];
    struct text text = text_on(json, sizeof(json) - 1);
    text_printf(&text, "{\"message\":{");
    for (int i = 0; i < EVENT_LANGUAGES_MAX; i++) {
        text_printf(&text, "%s\"a%c-Abcd-abcdefg\":\"", i > 0 ? "," : "", 'a' + i);
        for (int c = 0; c < EVENT_MESSAGE_BYTES_MAX; c++)
            TEXT_LIT(&text, "\\\"");
        TEXT_LIT(&text, "\"");
    }
    TEXT_LIT(&text, "},\"schedule\":[");
    for (int i = 0; i < EVENT_SCHEDULE_MAX; i++)
        text_printf(&text, "%s{\"at\":\"2027-01-02T03:%02d:00Z\",\"rate_per_s\":99999.999}",
                    i > 0 ? "," : "", i < 60 ? i : 59);
    TEXT_LIT(&text, "]}");
    json[text.len] = '\0';
    /* The last minutes repeat, which is refused, so the schedule ends after sixty rows. */
    assert_int_equal(parse(json), ERR_RANGE);
    assert_string_equal(fault.pointer, "/schedule/60/at");
    text = text_on(memory, sizeof(memory));
    event_doc_json(&text, &doc);
    assert_false(text.overflown);
}

TEST_CASE(the_table_describes_every_setting)
{
    struct text text = text_on(memory, sizeof(memory) - 1);
    event_doc_table(&text);
    assert_false(text.overflown);
    memory[text.len] = '\0';
    assert_non_null(strstr(memory, "\"default\":10,\"unit\":\"people/s\""));
    assert_non_null(strstr(memory, "\"name\":\"seats_left\",\"kind\":\"bool\",\"unit\":\"\","));
    json_t *table = json_loads(memory, 0, NULL);
    assert_int_equal(json_array_size(table), 32);
    for (size_t i = 0; i < json_array_size(table); i++) {
        const json_t *row = json_array_get(table, i);
        bool is_pilot = strcmp(json_string_value(json_object_get(row, "kind")), "autopilot") == 0;
        assert_true(json_string_length(json_object_get(row, "help")) > 0);
        assert_int_equal(json_array_size(json_object_get(row, "members")), is_pilot ? 6 : 0);
    }
    json_decref(table);
}

/* The same bounds as in openapi.yaml and in the table from which the console is built. */
TEST_CASE(every_number_has_its_bounds_and_is_described_with_them)
{
    static const struct {
        const char *before, *name, *kind, *below, *least, *most, *above, *usual;
    } numbers[] = {
        {"", "rate_per_s", "decimal", "-0.001", "0", "100000", "100000.001", "10"},
        {"", "burst", "number", "0", "1", "1000000", "1000001", "20"},
        {"", "max_active", "number", "-1", "0", "10000000", "10000001", "1000"},
        {"\"session_max_s\":86400,", "session_ttl_s", "number", "0", "1", "86400", "86401", "300"},
        {"\"session_ttl_s\":1,", "session_max_s", "number", "0", "1", "86400", "86401", "1800"},
        {"", "call_ttl_s", "number", "0", "1", "86400", "86401", "120"},
        {"", "grace_s", "number", "-1", "0", "86400", "86401", "600"},
        {"", "line_max", "number", "-1", "0", "10000000", "10000001", "0"},
        {"", "joins_per_ip_per_min", "number", "-1", "0", "10000000", "10000001", "0"},
        {"", "pow_bits", "number", "-1", "0", "30", "31", "0"},
        {"", "pow_bits_max", "number", "-1", "0", "30", "31", "20"},
        {"\"autopilot\":{", "ceiling", "decimal", "0", "0.001", "100000", "100000.001", "10"},
        {"\"autopilot\":{", "floor", "decimal", "0", "0.001", "100000", "100000.001", "1"},
        {"\"autopilot\":{", "target_p99_ms", "number", "0", "1", "60000", "60001", "300"},
        {"\"autopilot\":{", "errors_max", "decimal", "-0.001", "0", "1", "1.001", "0.02"},
        {"\"autopilot\":{", "held_max", "number", "-1", "0", "10000000", "10000001", "0"},
        {"\"autopilot\":{", "backlog_max", "number", "-1", "0", "10000000", "10000001", "0"},
    };
    static char table[16384];
    struct text text = text_on(table, sizeof(table) - 1);
    event_doc_table(&text);
    for (size_t i = 0; i < LEN(numbers); i++) {
        const char *const values[] = {numbers[i].below, numbers[i].least, numbers[i].most,
                                      numbers[i].above};
        bool inner = strchr(numbers[i].before, '{') != NULL;
        for (unsigned v = 0; v < 4; v++) {
            char json[160], pointer[64], bounds[64];
            snprintf(json, sizeof(json), "{%s\"%s\":%s}%s", numbers[i].before, numbers[i].name,
                     values[v], inner ? "}" : "");
            snprintf(pointer, sizeof(pointer), "%s/%s", inner ? "/autopilot" : "", numbers[i].name);
            snprintf(bounds, sizeof(bounds), "%s to %s", numbers[i].least, numbers[i].most);
            int rc = parse(json);
            if ((rc == 0) != (v == 1 || v == 2))
                fail_msg("%s: %d", json, rc);
            if (rc != 0) {
                assert_string_equal(fault.pointer, pointer);
                assert_non_null(strstr(fault.rule, bounds));
            }
        }
        char row[160];
        snprintf(row, sizeof(row),
                 "\"name\":\"%s\",\"kind\":\"%s\",\"min\":%s,\"max\":%s,\"default\":%s,",
                 numbers[i].name, numbers[i].kind, numbers[i].least, numbers[i].most,
                 numbers[i].usual);
        if (strstr(table, row) == NULL)
            fail_msg("%s is not described", row);
    }
}

TEST_CASE(a_text_may_be_as_long_as_its_bound_and_no_longer)
{
    static const struct {
        const char *form; /* the text replaces @ */
        size_t least, most;
        const char *pointer;
    } texts[] = {
        {"{'name':'@'}", 1, 160, "/name"},
        {"{'about':{'en':'@'}}", 0, 240, "/about/en"},
        {"{'message':{'en':'@'}}", 0, 1000, "/message/en"},
        {"{'appeal':{'en':'tel:@'}}", 0, 196, "/appeal/en"},
        {"{'message':{'@':'x'}}", 2, 15, "/message/"},
        {"{'lanes':[{'share':1,'id':'@'}]}", 1, 24, "/lanes/0/id"},
        {"{'lanes':[{'share':1,'id':'a','name':'@'}]}", 1, 80, "/lanes/0/name"},
    };
    for (size_t i = 0; i < LEN(texts); i++) {
        const size_t lens[] = {texts[i].least, texts[i].most, texts[i].most + 1,
                               texts[i].least - 1};
        for (unsigned l = 0; l < (texts[i].least > 0 ? 4 : 3); l++) {
            char json[2048], letters[1002];
            const char *form = script_json(texts[i].form), *at = strchr(form, '@');
            memset(letters, 'a', lens[l]);
            letters[lens[l]] = '\0';
            snprintf(json, sizeof(json), "%.*s%s%s", (int)(at - form), form, letters, at + 1);
            int rc = parse(json);
            const char *pointer = l < 2 ? "" : texts[i].pointer;
            if ((rc == 0) != (l < 2) || strncmp(fault.pointer, pointer, strlen(pointer)) != 0)
                fail_msg("%.200s: %d, %s: %s", json, rc, fault.pointer, fault.rule);
        }
    }
}

SCRIPT_TESTS_IN(rows, script_verbs, start, NULL)
