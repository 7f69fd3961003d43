/* line_event_test.c: what a front takes from a reply of tick.lua, what it refuses, and what it
 * sends with the next tick or heal. Replies look as Redis sends them, with the words of
 * `plain`; a value that a statement sets stays until the end of the row.
 *
 *   tick RESULT WORD=TEXT ...  a tick's reply: +N adds, [A|B] is a list; took=US
 *   raw RESULT RESP        any other reply
 *   at US                  sets the clock
 *   saw PLACE, passes N, doubt, plain     events at the front; plain: resets the reply
 *   judged F=N ...         sets the front's counts
 *   sent F=N ..., heal F=N ...            expects what it sends with its next tick, or with a heal
 *   expect F=N ...         expects the picture and the marks */
#include "line/event/line_event.h"

#include "line/line_limits.h"
#include "queue-front/lua/line_wire.h"
#include "resp_reply.h"
#include "script.h"

#include <inttypes.h>

#define SEED "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

/* Each knob is a thousand times its number; no shards, and a lane with a share of 30. */
#define KNOBS                                                                                      \
    "1000|2000|3000|4000|5000|6000|7000|8000|9000|10000|11000|12000|13000|0|30|1700000000123"
#define DOCUMENT(JSON, DIGEST) "[" JSON "|" KNOBS "|" DIGEST "|1-0123abcd]"
#define DRAW(SEED, ENTRIES)    "[" SEED "|" ENTRIES "||0|0|0|0|018f00000000abcdef|||0|]"
#define PILOT(RATE, READING)                                                                       \
    "[" RATE "|1000|2000|3000|4000|climb|all-ok|{\"reason\":\"climb\"}|" READING "]"

/* The words of reply_tick in wire.list. */
static const struct {
    const char *name, *text;
} plain[REPLY_TICK_WORDS] = {
    {"outcome", "0"},
    {"state", "3"},
    {"version", "2"},
    {"issued", "100"},
    {"serving", "20"},
    {"waiting", "80"},
    {"active", "0"},
    {"outstanding", "20"},
    {"admitted", "0"},
    {"no_shows", "0"},
    {"show_up", "1000"},
    {"service_rate", "0"},
    {"redis_ms", "1700000000000"},
    {"dead", "0"},
    {"generation", "0"},
    {"doc", DOCUMENT("{\"id\":\"e\"}", "d1")},
    {"stretches", "[10:1000:9000|20:1100:9100]"},
    {"ghosts", "[0|0|0|0|0|0]"},
    {"draw", DRAW("", "")},
    {"early", "[]"},
    {"seats", "0"},
    {"pilot", "[]"},
    {"moves", "[0|1|9|1]"}, /* run, newest, place 9 moved once */
    {"odds", ""},
    {"turns", "[0-0]"}, /* known up to here, then each turn */
    {"gaps", "[0|0||0]"},
    {"fronts", "3"},
    {"late", "0"},
    {"stood", "0"},
    {"ahead", "0"},
    {"behind", "0"},
    {"codes", "0"},
    {"codes_lost", "0"},
    {"served", "0"},
    {"halted", "0"},
    {"hall_until", "0"},
    {"wrong_codes", "0"},
};

static char answer[REPLY_TICK_WORDS][256];
static struct line_event event;
static uint64_t now_us;

/* ---- replies ---- */

/* A text or, in brackets, a list of texts. */
static void put_word(struct text *text, const char *word)
{
    if (word[0] != '[') {
        resp_cstr(text, word);
        return;
    }
    struct span rest = {word + 1, strlen(word) - 2};
    size_t len = rest.len > 0;
    for (size_t i = 0; i < rest.len; i++)
        len += rest.ptr[i] == '|';
    resp_begin(text, len);
    for (; len > 0; len--) {
        struct span item;
        rest = span_cut(rest, '|', &item);
        resp_word(text, item);
    }
}

static enum line_tick take_answer(uint64_t took_us)
{
    char memory[4096];
    struct text text = text_on(memory, sizeof(memory));
    resp_begin(&text, REPLY_TICK_WORDS);
    for (size_t i = 0; i < REPLY_TICK_WORDS; i++)
        put_word(&text, answer[i]);
    assert_false(text.overflown);
    redisReply *reply = resp_reply(text_span(&text));
    enum line_tick tick = line_event_take_tick(&event, reply, now_us, now_us + took_us);
    freeReplyObject(reply);
    return tick;
}

/* ---- statements ---- */

static void set_plain(void)
{
    for (size_t i = 0; i < REPLY_TICK_WORDS; i++)
        strcpy(answer[i], plain[i].text);
}

static void expect_result(const struct script_line *line, enum line_tick got)
{
    static const char *const names[] = {"same", "changed", "heal", "renewed", "not_yet", "bad"};
    if (strcmp(script_word(line, 1), "any") != 0)
        script_expect_text(line, script_word(line, 1), names[got]);
}

SCRIPT_VERB(tick, "tick")
{
    for (size_t i = 0; i < REPLY_TICK_WORDS; i++) {
        const char *text = script_value(line, plain[i].name);
        if (text != NULL && text[0] == '+')
            snprintf(answer[i], sizeof(answer[i]), "%" PRIu64,
                     script_number(answer[i]) + script_number(text + 1));
        else if (text != NULL)
            strcpy(answer[i], text);
    }
    struct line_view before = event.view;
    expect_result(line, take_answer(script_value_or(line, "took", 0)));
    if (script_has(line, "unchanged"))
        assert_memory_equal(&before, &event.view, sizeof(before));
}

SCRIPT_VERB(take_raw, "raw")
{
    redisReply *reply = resp_reply(span_of(script_rest(line, 1)));
    expect_result(line, line_event_take_tick(&event, reply, now_us, now_us));
    freeReplyObject(reply);
}

SCRIPT_DOES("at", now_us = script_number_at(line, 1))
SCRIPT_DOES("saw", line_event_saw_place(&event, script_number_at(line, 1)))
SCRIPT_DOES("passes", event.passes = script_number_at(line, 1))
SCRIPT_DOES("plain", set_plain())
SCRIPT_DOES("doubt", line_event_doubt_document(&event))

SCRIPT_VERB(judge, "judged")
{
    struct line_sums *sums = event.view.sums;
    sums->judged[0] = script_value_or(line, "joins", sums->judged[0]);
    sums->error_milli[1] = script_value_or(line, "error", sums->error_milli[1]);
    sums->errors = script_value_or(line, "errors", sums->errors);
}

static uint64_t number_of(const redisReply *reply, size_t at)
{
    uint64_t number = 0;
    assert_true(resp_get_u64(reply, at, &number));
    return number;
}

SCRIPT_VERB(expect_sent, "sent")
{
    char memory[8192], turns[32];
    struct span upto;
    struct text text = text_on(memory, sizeof(memory));
    resp_begin(&text, ASK_TICK_WORDS + line_event_pick_moves(&event));
    line_event_put_tick(&event, &text, 50, now_us);
    redisReply *reply = resp_reply(text_span(&text));
    assert_true(resp_get_str(reply, ASK_TICK_TURNS_UPTO, &upto));
    assert_true(span_to_cstr(upto, turns, sizeof(turns)));
    uint64_t moves = number_of(reply, ASK_TICK_MOVES_LEN);
    assert_int_equal(ASK_TICK_WORDS + 2 * moves, resp_len(reply));
    const struct script_field fields[SCRIPT_FIELDS] = {
        SCRIPT_NUMBER("joins", number_of(reply, ASK_TICK_JOIN_JUDGED)),
        SCRIPT_NUMBER("error", number_of(reply, ASK_TICK_WAY_ERROR)),
        SCRIPT_NUMBER("errors", number_of(reply, ASK_TICK_ERRORS)),
        SCRIPT_NUMBER("waited", number_of(reply, ASK_TICK_WAITED_MS)),
        SCRIPT_NUMBER("moves", moves),
        SCRIPT_TEXT("turns", turns),
    };
    script_expect_values(line, 1, fields);
    freeReplyObject(reply);
}

SCRIPT_VERB(expect_heal, "heal")
{
    char memory[4096], gaps[32];
    struct span list;
    struct text text = text_on(memory, sizeof(memory));
    uint32_t words = line_event_heal_words(&event);
    resp_begin(&text, words);
    line_event_put_heal(&event, &text, SPAN("front"), now_us);
    redisReply *reply = resp_reply(text_span(&text));
    assert_int_equal(words, resp_len(reply));
    bool moves = words > ASK_HEAL_WORDS;
    assert_true(resp_get_str(reply, ASK_HEAL_GAPS, &list));
    assert_true(span_to_cstr(list, gaps, sizeof(gaps)));
    const struct script_field fields[SCRIPT_FIELDS] = {
        SCRIPT_NUMBER("rate", number_of(reply, ASK_HEAL_KNOBS)),
        SCRIPT_NUMBER("gap", number_of(reply, ASK_HEAL_GAP)),
        SCRIPT_NUMBER("waited", number_of(reply, ASK_HEAL_WAITED_MS)),
        SCRIPT_NUMBER("calls_until", number_of(reply, ASK_HEAL_CALLS_UNTIL_MS)),
        SCRIPT_NUMBER("more", words - ASK_HEAL_WORDS),
        SCRIPT_NUMBER("moves_len", number_of(reply, ASK_HEAL_MOVES_LEN)),
        SCRIPT_TEXT("gaps", gaps),
        SCRIPT_NUMBER("moved", moves ? number_of(reply, ASK_HEAL_WORDS) : 0),
        SCRIPT_NUMBER("moves", moves ? number_of(reply, ASK_HEAL_WORDS + 1) : 0),
    };
    script_expect_values(line, 1, fields);
    freeReplyObject(reply);
}

/* "10:9000,20:9100": how far each call reaches and when it expires. */
static const char *calls_text(char memory[128])
{
    struct text text = text_on(memory, 127);
    for (uint32_t i = 0; i < event.view.calls_len; i++) {
        if (i > 0)
            text_char(&text, ',');
        text_u64(&text, event.view.calls[i].upto);
        text_char(&text, ':');
        text_u64(&text, event.view.calls[i].expires_ms);
    }
    memory[text.len] = '\0';
    return memory;
}

SCRIPT_VERB(expect, "expect")
{
    const struct line_view *view = &event.view;
    const struct turn turn8 = turns_of(view->turns, 8);
    char calls[128], doc[32] = "";
    if (view->doc.ptr != NULL)
        assert_true(span_to_cstr(view->doc, doc, sizeof(doc)));
    const struct script_field fields[SCRIPT_FIELDS] = {
        SCRIPT_NUMBER("seen", event.filled),
        SCRIPT_NUMBER("stale", view->stale),
        SCRIPT_NUMBER("state", view->state),
        SCRIPT_NUMBER("version", view->version),
        SCRIPT_NUMBER("issued", view->issued),
        SCRIPT_NUMBER("serving", view->serving),
        SCRIPT_NUMBER("at", view->at_us),
        SCRIPT_NUMBER("redis_ms", view->redis_ms),
        SCRIPT_NUMBER("rate", view->knobs.rate_milli),
        SCRIPT_NUMBER("prequeue", view->knobs.prequeue_at_ms),
        SCRIPT_NUMBER("halted", view->halted_ms),
        SCRIPT_NUMBER("resumed", view->resumed_ms),
        SCRIPT_NUMBER("joins", view->joins_milli),
        SCRIPT_NUMBER("tag", view->tag),
        SCRIPT_NUMBER("serial", view->doc_serial),
        SCRIPT_NUMBER("pilot", view->pilot.on),
        SCRIPT_NUMBER("heard", view->pilot.heard_ms),
        SCRIPT_NUMBER("upto", event.marks.upto),
        SCRIPT_NUMBER("marked", event.marks.issued),
        SCRIPT_NUMBER("era", event.marks.era),
        SCRIPT_NUMBER("moves_seq", event.marks.moves_seq),
        SCRIPT_NUMBER("passes", event.passes),
        SCRIPT_NUMBER("owed", event.ghosts.owed_len),
        SCRIPT_NUMBER("moves42", moves_of(view->moves, 42)),
        SCRIPT_NUMBER("moves43", moves_of(view->moves, 43)),
        SCRIPT_NUMBER("turn7", turns_of(view->turns, 7).kind),
        SCRIPT_NUMBER("turn8", turn8.kind),
        SCRIPT_NUMBER("until8", turn8.until_ms),
        SCRIPT_NUMBER("times8", turn8.times),
        SCRIPT_NUMBER("turn9", turns_of(view->turns, 9).kind),
        SCRIPT_TEXT("doc", doc),
        SCRIPT_TEXT("calls", calls_text(calls)),
        SCRIPT_TEXT("incarnation", view->incarnation),
        SCRIPT_TEXT("identity", view->identity),
        SCRIPT_TEXT("digest", event.marks.digest),
        SCRIPT_TEXT("reason", view->pilot.reason),
        SCRIPT_TEXT("because", view->pilot.because),
        SCRIPT_TEXT("reading", view->pilot.reading),
    };
    script_expect_values(line, 1, fields);
}

#define NOT_YET "raw not_yet *1\r\n:5\r\n;"

static const struct script_row rows[] = {
    {"a first answer fills the picture",
     "expect stale=1; tick changed;"
     "expect stale=0 state=3 version=2 issued=100 serving=20 at=5000000 doc={\"id\":\"e\"};"
     "expect rate=1000 prequeue=11000 calls=10:9000,20:9100 upto=20 tag=11259375;"
     "expect incarnation=018f00000000abcdef"},
    {"a first answer must bring the document", "tick bad doc=[]; expect seen=0"},
    {"a visit clock that pauses or runs again is a change",
     "tick any served=1700000000000; tick same doc=[] served=+1000;"
     "tick changed halted=1700000004000; expect halted=1700000004000 resumed=0;"
     "tick changed halted=0 redis_ms=+100; expect resumed=1700000000100"},
    {"an answer in which only the clock moved is no change",
     "tick any; tick same doc=[] stretches=[] redis_ms=+100; expect redis_ms=1700000000100;"
     "tick changed waiting=79"},
    {"an answer that took long is stale",
     "tick any took=1000001; expect stale=1; at 9s; tick any took=1000000; expect stale=0"},
    {"a front keeps the calls that it knows",
     "tick any; tick same doc=[]; expect calls=10:9000,20:9100"},
    {"calls grow, and new ones follow",
     "tick any; tick changed doc=[] stretches=[25:1100:9180|30:1200:9200];"
     "expect calls=10:9000,25:9180,30:9200"},
    {"calls that are over are dropped",
     "tick any; tick changed doc=[] stretches=[] dead=10; expect calls=20:9100"},
    {"calls that were written anew replace all",
     "tick any; tick changed doc=[] stretches=[20:5000:99000] generation=77; expect "
     "calls=20:99000"},
    {"marks never go back",
     "saw 150; tick any; expect marked=150; saw 120; expect marked=150; saw 1073741825;"
     "expect marked=150"},
    {"passes are counted until the tick that sends them", "passes 3; tick any; expect passes=0"},
    {"an answer with an impossible number changes nothing",
     "tick any; tick bad unchanged state=8; plain; tick bad unchanged serving=101; plain;"
     "tick bad unchanged issued=1073741825; plain; tick bad unchanged show_up=1001"},
    /* It would stop the front that displays it. */
    {"a time beyond the calendar is refused",
     "tick bad redis_ms=9223372036854775807; plain; tick bad stood=9223372036854775807; plain;"
     "tick changed stretches=[10:1000:9000|20:1100:18446744073709551615]; expect calls=10:9000;"
     "plain; tick changed turns=[1700000000000-1|8:1:9223372036854775807:2]; expect turn8=0"},
    {"a short or foreign answer is bad, and one word asks for a heal",
     "raw heal *1\r\n:9\r\n; raw not_yet *1\r\n:5\r\n; raw bad *1\r\n:0\r\n; raw bad *0\r\n;"
     "raw bad :5\r\n; raw bad $2\r\nhi\r\n; raw bad *1\r\n:-1\r\n; raw bad *2\r\n$-1\r\n:1\r\n;"
     "raw bad -ERR no\r\n"},
    {"an answer with an invalid seed is refused whole",
     "tick bad draw=" DRAW("0001", "") "; tick bad draw=" DRAW(SEED,
                                                               "9999999999999") ";"
                                                                                "expect seen=0"},
    /* The autopilot's rate is in force; a heal writes back the operator's. */
    {"the autopilot's rate replaces that of the knobs",
     "tick changed pilot=" PILOT(
         "700", "{\"p99_ms\":5}") "; expect pilot=1 rate=700 heard=2000;"
                                  "expect reason=climb because={\"reason\":\"climb\"} "
                                  "reading={\"p99_ms\":5}; at 6s;"
                                  "heal rate=1000; tick changed doc=[] pilot=" PILOT(
                                      "900", "") "; expect rate=900; tick changed pilot=[];"
                                                 "expect pilot=0 rate=1000"},
    {"counts are sent until a tick is answered, then only what is new",
     "judged joins=5 error=700 errors=4; sent joins=5 error=700 errors=4; judged joins=8 errors=6;"
     "tick changed; sent joins=3 error=0 errors=2; sent joins=3"},
    {"another document under the same number is taken",
     "tick any; expect identity=1-0123abcd era=1700000000123 serial=1;"
     "tick changed doc=" DOCUMENT(
         "{}", "d2") ";"
                     "expect serial=2 digest=d2; doubt; expect digest=-; tick any doc=[]; expect "
                     "serial=2;"
                     "tick bad doc=" DOCUMENT("{}",
                                              "a-digest-that-is-longer-than-any-that-ours-can-be")},
    {"a front that waits sends for how long it has waited",
     "at 1s; heal waited=0; sent waited=0;" NOT_YET "expect seen=0; heal waited=0; sent waited=0;"
     "at 1500ms;" NOT_YET "at 1700ms; heal waited=700; sent waited=700; at 5s;"
     /* A different Redis has not asked it to wait yet. */
     "raw heal *1\r\n:9\r\n; at 5100ms; heal waited=0; sent waited=0; at 5200ms;" NOT_YET
     "at 5500ms; heal waited=300; sent waited=300; at 5s; tick changed; at 9s; heal waited=0;"
     "sent waited=0"},
    /* Calls may have become shorter, so the newest may not be the last to expire. */
    {"a heal sends the latest end of a call",
     "heal calls_until=0; tick any stretches=[10:1000:61000|20:1100:9100]; heal calls_until=61000"},
    {"a heal sends which places have moved", "heal more=0; tick any moves=[7|3|42|2];"
                                             "heal more=2 moves_len=1 moved=42 moves=2"},
    {"a heal sends the gaps that are still ahead, and then their ghosts",
     "heal gaps=-; tick any; tick any ghosts=[0|0|20|0|0|0] gaps=[19|0|30:40,51:58|0];"
     "heal gaps=30:40,51:58; expect owed=0; tick any moves=[8|1|9|1]; expect owed=1"},
    {"a gap of entries is sent, and shown once they are places",
     "tick any state=2; tick any gaps=[0|0|30:40|0]; heal gaps=30:40; tick any moves=[8|1|9|1];"
     "expect owed=0; tick any state=3 ghosts=[0|0|11|0|0|0] gaps=[11|0|30:40|0];"
     "tick any moves=[9|1|9|1]; expect owed=1"},
    {"a place that moved is sent to a Redis that lost it",
     "sent moves=0; tick any moves=[7|3|42|2];"
     "expect moves42=2 moves43=0 moves_seq=3;"
     "sent; tick any; sent moves=0;"
     /* Another run, because of a heal. */
     "tick any moves=[8|0|43|1]; expect moves42=2; sent moves=2; sent moves=2;"
     "tick any; sent moves=0"},
    /* The gap is twice the joins since the last tick plus those of one more second. */
    {"the safety gap follows how fast people joined",
     "tick any; at 6s; heal gap=128; at 5s; tick any doc=[] issued=+1000 redis_ms=+1000;"
     "expect joins=1000000; at 6s; heal gap=4000; at 500s; heal gap=12000"},
    /* Redis came back empty, or its counter was raised. */
    {"places that a heal added are no joins",
     "tick any; tick any doc=[] issued=+1000000 gaps=[0|0||1000000] redis_ms=+1000 generation=77;"
     "expect joins=0; at 6s; heal gap=128; at 5s;"
     "tick any issued=+1000000 gaps=[0|0||2000000] redis_ms=+1000;"
     "expect joins=0; at 6s; heal gap=128; at 5s; tick any issued=+500 redis_ms=+1000;"
     "expect joins=500000; at 6s; heal gap=2000"},
    /* Fronts tick at random times. */
    {"a batch of joins between two ticks is no rush",
     "tick any; tick any doc=[] issued=+200 redis_ms=+1; expect joins=0; at 6s; heal gap=128; at "
     "5s;"
     "tick any redis_ms=+98; expect joins=0; at 6s; heal gap=128; at 5s;"
     "tick any issued=+10 redis_ms=+1; expect joins=2100000; at 6s; heal gap=8400; at 5s;"
     /* The next window begins after it. */
     "tick any issued=+100 redis_ms=+50; expect joins=0..2099999"},
    {"ends of visits are read once, and once more after a loss",
     "sent turns=0-0; tick changed turns=[1700000000000-1|7:3:0:0|8:1:1700000009000:2];"
     "sent turns=1700000000000-1; expect turn7=3 turn8=1 until8=1700000009000 times8=2 turn9=0;"
     /* Kind 4 comes from a newer script. */
     "tick any turns=[1700000000000-1|9:4:0:0] generation=77; expect turn9=0;"
     "sent turns=1699999940000-0"},
};

static void set_up(void)
{
    set_plain();
    now_us = 5000000;
    line_event_init(&event, SPAN("e"));
}

static void tear_down(void)
{
    line_event_deinit(&event);
}

static void set_word(const char *name, const char *text)
{
    for (size_t i = 0; i < REPLY_TICK_WORDS; i++)
        if (strcmp(plain[i].name, name) == 0)
            strcpy(answer[i], text);
}

TEST_CASE(calls_kept_are_bounded)
{
    char call[64];
    set_word("issued", "100000");
    for (unsigned i = 0; i < LINE_CALLS_MAX + 10; i++) {
        snprintf(call, sizeof(call), "[%u:%u:9]", 100 + i, 2000 + i);
        set_word("stretches", call);
        take_answer(0);
    }
    assert_int_equal(LINE_CALLS_MAX, event.view.calls_len);
    assert_int_equal(100 + LINE_CALLS_MAX + 9, event.view.calls[LINE_CALLS_MAX - 1].upto);
}

TEST_CASE(a_reading_of_the_autopilot_that_is_too_long_is_refused)
{
    char reading[LINE_PILOT_READING_MAX + 2] = "", pilot[256];
    for (unsigned over = 0; over < 2; over++) {
        memset(reading, 'x', LINE_PILOT_READING_MAX + over);
        snprintf(pilot, sizeof(pilot), PILOT("900", "%s"), reading);
        set_word("pilot", pilot);
        assert_int_equal(over ? LINE_TICK_BAD : LINE_TICK_CHANGED, take_answer(0));
    }
}

_Static_assert(LINE_OK == 0 && LINE_OPEN == 3 && LINE_STATE_COUNT == 8 &&
                   LINE_PLACE_MAX == 1 << 30 && HEAL_GAP_MIN == 128 && JOINS_WINDOW_MS == 100 &&
                   STORE_STALE_MS == 1000 && TURN_KEPT == 1 && TURN_DONE == 3,
               "rows name them");

UNIT_BETWEEN(set_up, tear_down)
SCRIPT_TESTS(rows, script_verbs)
