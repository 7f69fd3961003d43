/* line_event_test.c: what a front takes from a reply of tick.lua, what it refuses to take, and what
 * it sends with the next tick or heal. Replies are written as Redis would send them. They start as
 * `plain`; what a statement sets stays set until the end of the row.
 *
 *   tick RESULT F=N ...    a tick's reply: `+N` adds; nodoc: without the document; took=US
 *   raw RESULT RESP        any other reply
 *   at US                  the clock
 *   saw PLACE, passes N, doubt, plain     what happens to the front, or to the reply
 *   judged F=N ...         what the front counts
 *   sent F=N ..., heal F=N ...            expects what it sends with its next tick, or with a heal
 *   expect F=N ...         the picture and the marks
 *   poll                   polls of several places */
#include "line/event/line_event.h"

#include "core/limits.h"
#include "core/line/place.h"
#include "core/wait/promise.h"
#include "core/wait/status.h"
#include "line/line_limits.h"
#include "queue-front/lua/line_wire.h"
#include "resp_reply.h"
#include "script.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From state to generation, as tick.lua orders them. */
static const char *const number_names[] = {
    "state",    "version",  "issued",  "serving", "waiting",  "active", "outstanding",
    "admitted", "no_shows", "show_up", "rate",    "redis_ms", "dead",   "generation"};
enum { NUMBERS = 14, NAMED = 32 };

struct answer {
    uint64_t numbers[NUMBERS];
    bool no_doc; /* the front has it */
    char doc[NAMED], digest[64];
    char stretches[2 * NAMED], turns[3 * NAMED]; /* with commas; turns: how far, then each */
    char seed[80], entries[NAMED];               /* of the draw; "": none */
    uint64_t raised;                             /* places that heals have added, ever */
    uint64_t pilot;                              /* its rate; 0: no autopilot */
    char reading[LINE_PILOT_READING_MAX + 2];
    uint64_t run, newest, moved, moves; /* moves */
    uint64_t stood_ms;
    uint64_t served, stopped; /* last seen served, clock stopped since */
};

static const struct answer plain = {
    .numbers = {LINE_OPEN, 2, 100, 20, 80, 0, 20, 0, 0, 1000, 0, 1700000000000, 0, 0},
    .doc = "{\"id\":\"e\"}",
    .digest = "d1",
    .stretches = "10:1000:9000,20:1100:9100",
    .turns = "0-0",
    .newest = 1,
    .moved = 9,
    .moves = 1,
};

#define SEED "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

/* What a front does with a picture for each poll. */
struct polled {
    struct eta_meter meter;
    struct eta_watch watch;
    struct promise_book book;
};

static struct answer answer;
static struct line_event event;
static struct polled *polled;
static uint64_t now_us;

/* ---- replies ---- */

static void put_integer(struct text *text, uint64_t number)
{
    text_char(text, ':');
    text_u64(text, number);
    TEXT_LIT(text, "\r\n");
}

static void put_integers(struct text *text, const uint64_t *numbers, size_t len)
{
    for (size_t i = 0; i < len; i++)
        put_integer(text, numbers[i]);
}

static void put_list(struct text *text, const char *list)
{
    char copy[3 * NAMED], *rest = NULL;
    size_t len = list[0] != '\0';
    for (const char *at = list; *at != '\0'; at++)
        len += *at == ',';
    strcpy(copy, list);
    resp_begin(text, len);
    for (char *item = strtok_r(copy, ",", &rest); item; item = strtok_r(NULL, ",", &rest))
        resp_cstr(text, item);
}

static void put_document(struct text *text)
{
    resp_begin(text, answer.no_doc ? 0 : 4 + LINE_KNOBS);
    if (answer.no_doc)
        return;
    resp_cstr(text, answer.doc);
    for (uint64_t knob = 1; knob <= LINE_KNOBS; knob++)
        /* The last ones: no shards, and the share of one lane. */
        resp_u64(text, knob < LINE_KNOBS - 1 ? knob * 1000 : knob < LINE_KNOBS ? 0 : 30);
    resp_u64(text, 1700000000123);
    resp_cstr(text, answer.digest);
    resp_cstr(text, "1-0123abcd");
}

static void put_draw(struct text *text)
{
    bool drawn = answer.seed[0] != '\0';
    resp_begin(text, answer.no_doc ? 0 : 12);
    if (answer.no_doc)
        return;
    resp_cstr(text, answer.seed);
    resp_cstr(text, answer.entries);
    resp_cstr(text, drawn ? "beacon" : "");
    resp_u64(text, drawn ? 1700000000000 : 0);
    for (int i = 0; i < 3; i++)
        resp_u64(text, drawn ? LINE_PAUSED : 0);
    resp_cstr(text, "018f00000000abcdef");
    resp_cstr(text, ""); /* seal, entries at the closing, when it was, proof */
    resp_cstr(text, drawn ? "100" : "");
    resp_u64(text, drawn ? 1700000000000 : 0);
    resp_cstr(text, drawn ? "{}" : "");
}

static void put_pilot(struct text *text)
{
    resp_begin(text, answer.pilot > 0 ? 9 : 0);
    if (answer.pilot == 0)
        return;
    put_integers(text, (uint64_t[]){answer.pilot, 1000, 2000, 3000, 4000}, 5);
    resp_cstr(text, "climb");
    resp_cstr(text, "all within limits");
    resp_cstr(text, "{\"reason\":\"climb\"}");
    resp_cstr(text, answer.reading);
}

static void put_answer(struct text *text)
{
    static const uint64_t none[12];
    bool drawn = answer.seed[0] != '\0';
    resp_begin(text, TELL_TICK_WORDS);
    put_integer(text, LINE_OK);
    put_integers(text, answer.numbers, NUMBERS);
    put_document(text);
    put_list(text, answer.stretches);
    resp_begin(text, 6); /* ghosts */
    put_integers(text, none, 6);
    put_draw(text);
    resp_begin(text, drawn); /* entries that were given up before it */
    put_integers(text, (uint64_t[]){7}, drawn);
    put_integer(text, drawn ? 3 : 0); /* seats */
    put_pilot(text);
    resp_begin(text, 4);
    put_integers(text, (uint64_t[]){answer.run, answer.newest, answer.moved, answer.moves}, 4);
    resp_cstr(text, drawn ? "1:2:3:4:1:5:6" : "");
    put_list(text, answer.turns);
    resp_begin(text, TELL_GAPS_WORDS);
    put_integers(text, none, 2);
    resp_cstr(text, drawn ? "30:40,51:59" : "");
    /* Then fronts, late, stood still, clock ahead, behind; codes there and lost. */
    put_integers(text, (uint64_t[]){answer.raised, 3, 0, answer.stood_ms, 0, 0, 0, 0}, 8);
    put_integers(text, (uint64_t[]){answer.served, answer.stopped}, 2);
    assert_false(text->overflown);
}

static enum line_tick take_answer(uint64_t took_us)
{
    char memory[4096];
    struct text text = text_on(memory, sizeof(memory));
    put_answer(&text);
    redisReply *reply = resp_reply(text_span(&text));
    enum line_tick tick = line_event_take_tick(&event, reply, now_us, now_us + took_us);
    freeReplyObject(reply);
    return tick;
}

/* ---- statements ---- */

static void set_number(const struct script_line *line, const char *name, uint64_t *number)
{
    const char *value = script_value(line, name);
    if (value != NULL)
        *number =
            value[0] == '+' ? *number + strtoull(value + 1, NULL, 10) : strtoull(value, NULL, 10);
}

static void set_text(const struct script_line *line, const char *name, char *text)
{
    const char *value = script_value(line, name);
    if (value != NULL)
        strcpy(text, strcmp(value, "-") == 0 ? "" : value);
}

static void expect_result(const struct script_line *line, enum line_tick got)
{
    static const char *const names[] = {"same", "changed", "heal", "renewed", "not_yet", "bad"};
    if (strcmp(script_word(line, 1), "any") != 0)
        script_expect_text(line, script_word(line, 1), names[got]);
}

static void tick(const struct script_line *line)
{
    for (size_t i = 0; i < NUMBERS; i++)
        set_number(line, number_names[i], &answer.numbers[i]);
    set_number(line, "raised", &answer.raised);
    set_number(line, "pilot", &answer.pilot);
    set_number(line, "run", &answer.run);
    set_number(line, "newest", &answer.newest);
    set_number(line, "moved", &answer.moved);
    set_number(line, "moves", &answer.moves);
    set_number(line, "stood", &answer.stood_ms);
    set_number(line, "served", &answer.served);
    set_number(line, "stopped", &answer.stopped);
    set_text(line, "doc", answer.doc);
    set_text(line, "digest", answer.digest);
    set_text(line, "stretches", answer.stretches);
    set_text(line, "turns", answer.turns);
    set_text(line, "seed", answer.seed);
    set_text(line, "entries", answer.entries);
    set_text(line, "reading", answer.reading);
    answer.no_doc =
        (answer.no_doc || script_has(line, "nodoc")) && script_value(line, "doc") == NULL;
    struct line_view before = event.view;
    expect_result(line, take_answer(script_value_or(line, "took", 0)));
    if (script_has(line, "unchanged"))
        assert_memory_equal(&before, &event.view, sizeof(before));
}

static void take_raw(const struct script_line *line)
{
    redisReply *reply = resp_reply(span_of(script_rest(line, 1)));
    expect_result(line, line_event_take_tick(&event, reply, now_us, now_us));
    freeReplyObject(reply);
}

static void set_clock(const struct script_line *line)
{
    now_us = script_number(script_word(line, 1));
}

static void start_plain(const struct script_line *line)
{
    (void)line;
    answer = plain;
}

static void saw(const struct script_line *line)
{
    line_event_saw_place(&event, script_number(script_word(line, 1)));
}

static void add_passes(const struct script_line *line)
{
    event.passes = script_number(script_word(line, 1));
}

static void doubt(const struct script_line *line)
{
    (void)line;
    line_event_doubt_document(&event);
}

static void judge(const struct script_line *line)
{
    struct line_told *told = event.view.told;
    told->judged[0] = script_value_or(line, "joins", told->judged[0]);
    told->error_milli[1] = script_value_or(line, "error", told->error_milli[1]);
    told->errors = script_value_or(line, "errors", told->errors);
}

static uint64_t number_of(const redisReply *reply, size_t at)
{
    uint64_t number = 0;
    assert_true(resp_get_u64(reply, at, &number));
    return number;
}

static void expect_sent(const struct script_line *line)
{
    char memory[8192], turns[NAMED];
    struct span upto;
    struct text text = text_on(memory, sizeof(memory));
    resp_begin(&text, ASK_TICK_WORDS + line_event_pick_moves(&event));
    line_event_put_tick(&event, &text, 50, now_us);
    redisReply *reply = resp_reply(text_span(&text));
    assert_true(resp_get_str(reply, ASK_TICK_TURNS_UPTO, &upto));
    assert_true(span_to_cstr(upto, turns, sizeof(turns)));
    uint64_t moves = number_of(reply, ASK_TICK_MOVES_LEN);
    assert_int_equal(ASK_TICK_WORDS + 2 * moves, resp_len(reply));
    const struct script_field fields[] = {
        SCRIPT_NUMBER("joins", number_of(reply, ASK_TICK_JOIN_JUDGED)),
        SCRIPT_NUMBER("error", number_of(reply, ASK_TICK_WAY_ERROR)),
        SCRIPT_NUMBER("errors", number_of(reply, ASK_TICK_ERRORS)),
        SCRIPT_NUMBER("waited", number_of(reply, ASK_TICK_WAITED_MS)),
        SCRIPT_NUMBER("moves", moves),
        SCRIPT_TEXT("turns", turns),
        {.name = NULL},
    };
    script_expect_values(line, 1, fields);
    freeReplyObject(reply);
}

static void expect_heal(const struct script_line *line)
{
    char memory[4096];
    struct text text = text_on(memory, sizeof(memory));
    uint32_t words = line_event_heal_words(&event);
    resp_begin(&text, words);
    line_event_put_heal(&event, &text, SPAN("front"), now_us);
    redisReply *reply = resp_reply(text_span(&text));
    assert_int_equal(words, resp_len(reply));
    bool moves = words > ASK_HEAL_WORDS;
    const struct script_field fields[] = {
        SCRIPT_NUMBER("rate", number_of(reply, ASK_HEAL_KNOBS)),
        SCRIPT_NUMBER("gap", number_of(reply, ASK_HEAL_GAP)),
        SCRIPT_NUMBER("waited", number_of(reply, ASK_HEAL_WAITED_MS)),
        SCRIPT_NUMBER("calls_until", number_of(reply, ASK_HEAL_CALLS_UNTIL_MS)),
        SCRIPT_NUMBER("more", words - ASK_HEAL_WORDS),
        SCRIPT_NUMBER("moves_len", number_of(reply, ASK_HEAL_MOVES_LEN)),
        SCRIPT_NUMBER("moved", moves ? number_of(reply, ASK_HEAL_WORDS) : 0),
        SCRIPT_NUMBER("moves", moves ? number_of(reply, ASK_HEAL_WORDS + 1) : 0),
        {.name = NULL},
    };
    script_expect_values(line, 1, fields);
    freeReplyObject(reply);
}

/* "10:9000,20:9100": how far each call reaches, and when it expires. */
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

static void expect(const struct script_line *line)
{
    const struct line_view *view = &event.view;
    const struct turn turn8 = turns_of(view->turns, 8);
    char calls[128], doc[NAMED] = "";
    if (view->doc.ptr != NULL)
        assert_true(span_to_cstr(view->doc, doc, sizeof(doc)));
    const struct script_field fields[] = {
        SCRIPT_NUMBER("seen", event.seen),
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
        {.name = NULL},
    };
    script_expect_values(line, 1, fields);
}

static void be_polled(void)
{
    const struct line_view *view = &event.view;
    eta_meter_observe(&polled->meter, view);
    struct eta_model model = eta_model(&polled->meter, view, place_now_ms(view, 2));
    eta_watch_observe(&polled->watch, view, &model);
    promise_observe(&polled->book, view, &model);
    const uint64_t entries[] = {
        1, 15, view->serving, view->serving + 1, view->issued, view->issued + 5, UINT32_MAX};
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        char memory[ME_BYTES_MAX];
        struct text text = text_on(memory, sizeof(memory));
        uint64_t entry = entries[i] > 0 ? entries[i] : 1;
        const struct me_ask me = {.view = view,
                                  .eta = &model,
                                  .entry = entry,
                                  .place = place_at(view, entry, place_now_ms(view, 2))};
        status_me_json(&text, &me);
        assert_false(text.overflown);
    }
}

static void poll(const struct script_line *line)
{
    (void)line;
    be_polled();
    assert_true(place_at(&event.view, 15, 0).call_expires_ms <= RFC3339_MS_MAX);
}

static const struct script_verb verbs[] = {
    {"tick", tick},        {"raw", take_raw},      {"at", set_clock},  {"plain", start_plain},
    {"saw", saw},          {"passes", add_passes}, {"doubt", doubt},   {"judged", judge},
    {"sent", expect_sent}, {"heal", expect_heal},  {"expect", expect}, {"poll", poll},
    {NULL, NULL},
};

#define NOT_YET "raw not_yet *1\r\n:5\r\n;"

static const struct script_row rows[] = {
    {"a first answer fills the picture",
     "expect stale=1; tick changed;"
     "expect stale=0 state=3 version=2 issued=100 serving=20 at=5000000 doc={\"id\":\"e\"};"
     "expect rate=1000 prequeue=11000 calls=10:9000,20:9100 upto=20 tag=11259375;"
     "expect incarnation=018f00000000abcdef"},
    {"a first answer must bring the document", "tick bad nodoc; expect seen=0"},
    {"a visit clock that pauses or runs again is a change",
     "tick any served=1700000000000; tick same nodoc served=+1000;"
     "tick changed stopped=1700000004000; expect halted=1700000004000 resumed=0;"
     "tick changed stopped=0 redis_ms=+100; expect resumed=1700000000100"},
    {"an answer in which only the clock moved is no change",
     "tick any; tick same nodoc stretches=- redis_ms=+100; expect redis_ms=1700000000100;"
     "tick changed waiting=79"},
    {"an answer that took long is stale",
     "tick any took=1000001; expect stale=1; at 9s; tick any took=1000000; expect stale=0"},
    {"a front keeps the calls that it knows",
     "tick any; tick same nodoc; expect calls=10:9000,20:9100"},
    {"calls grow, and new ones follow",
     "tick any; tick changed nodoc stretches=25:1100:9180,30:1200:9200;"
     "expect calls=10:9000,25:9180,30:9200"},
    {"calls that are over are dropped",
     "tick any; tick changed nodoc stretches=- dead=10; expect calls=20:9100"},
    {"calls that were written anew replace all",
     "tick any; tick changed nodoc stretches=20:5000:99000 generation=77; expect calls=20:99000"},
    {"marks never go back",
     "saw 150; tick any; expect marked=150; saw 120; expect marked=150; saw 1073741825;"
     "expect marked=150"},
    {"passes are counted until the tick that sends them", "passes 3; tick any; expect passes=0"},
    {"an answer with an impossible number changes nothing",
     "tick any; tick bad unchanged state=8; plain; tick bad unchanged serving=101; plain;"
     "tick bad unchanged issued=1073741825; plain; tick bad unchanged show_up=1001"},
    /* It would stop the front that shows it. */
    {"a time beyond the calendar is refused",
     "tick any redis_ms=9223372036854775807; poll; plain;"
     "tick any stretches=10:1000:9000,20:1100:18446744073709551615; poll; plain;"
     "tick any turns=1700000000000-1,15:1:9223372036854775807:2; poll; plain;"
     "tick any stood=9223372036854775807; poll"},
    {"a short or foreign answer is bad, and one word asks for a heal",
     "raw heal *1\r\n:9\r\n; raw not_yet *1\r\n:5\r\n; raw bad *1\r\n:0\r\n; raw bad *0\r\n;"
     "raw bad :5\r\n; raw bad $2\r\nhi\r\n; raw bad *1\r\n:-1\r\n; raw bad *2\r\n$-1\r\n:1\r\n;"
     "raw bad -ERR no\r\n"},
    {"an answer with an invalid seed is refused whole",
     "tick bad seed=0001; tick bad seed=" SEED " entries=9999999999999; expect seen=0"},
    /* The rate in force is the autopilot's; what a heal writes back is the operator's. */
    {"the autopilot's rate replaces that of the knobs",
     "tick changed pilot=700 reading={\"p99_ms\":5}; expect pilot=1 rate=700 heard=2000;"
     "expect reason=climb because={\"reason\":\"climb\"} reading={\"p99_ms\":5}; at 6s;"
     "heal rate=1000; tick changed nodoc pilot=900; expect rate=900; tick changed pilot=0;"
     "expect pilot=0 rate=1000"},
    {"counts are sent until a tick is answered, then only what is new",
     "judged joins=5 error=700 errors=4; sent joins=5 error=700 errors=4; judged joins=8 errors=6;"
     "tick changed; sent joins=3 error=0 errors=2; sent joins=3"},
    {"another document under the same number is taken",
     "tick any; expect identity=1-0123abcd era=1700000000123 serial=1;"
     "tick changed doc={} digest=d2;"
     "expect serial=2 digest=d2; doubt; expect digest=-; tick any nodoc; expect serial=2;"
     "plain; tick bad digest=a-digest-that-is-longer-than-any-that-ours-can-be"},
    {"a front that waits sends for how long it has waited",
     "at 1s; heal waited=0; sent waited=0;" NOT_YET "expect seen=0; heal waited=0; sent waited=0;"
     "at 1500ms;" NOT_YET "at 1700ms; heal waited=700; sent waited=700; at 5s;"
     /* Another Redis has not yet asked it to wait. */
     "raw heal *1\r\n:9\r\n; at 5100ms; heal waited=0; sent waited=0; at 5200ms;" NOT_YET
     "at 5500ms; heal waited=300; sent waited=300; at 5s; tick changed; at 9s; heal waited=0;"
     "sent waited=0"},
    /* Calls may have become shorter, so the newest need not be the last to expire. */
    {"a heal sends the latest end of a call",
     "heal calls_until=0; tick any stretches=10:1000:61000,20:1100:9100; heal calls_until=61000"},
    {"a heal sends which places have moved",
     "heal more=0; tick any run=7 newest=3 moved=42 moves=2;"
     "heal more=2 moves_len=1 moved=42 moves=2"},
    {"a place that moved is sent to a Redis that lost it",
     "sent moves=0; tick any run=7 newest=3 moved=42 moves=2;"
     "expect moves42=2 moves43=0 moves_seq=3;"
     "sent; tick any; sent moves=0;"
     /* A heal, so it is another run. */
     "tick any run=8 newest=0 moved=43 moves=1; expect moves42=2; sent moves=2; sent moves=2;"
     "tick any; sent moves=0"},
    /* The gap covers the joins since the last tick and of one second more, twice. */
    {"the safety gap follows how fast people joined",
     "tick any; at 6s; heal gap=128; at 5s; tick any nodoc issued=+1000 redis_ms=+1000;"
     "expect joins=1000000; at 6s; heal gap=4000; at 500s; heal gap=12000"},
    /* Redis came back empty, or its counter was raised. */
    {"places that a heal added are no joins",
     "tick any; tick any nodoc issued=+1000000 raised=+1000000 redis_ms=+1000 generation=77;"
     "expect joins=0; at 6s; heal gap=128; at 5s;"
     "tick any issued=+1000000 raised=+1000000 redis_ms=+1000;"
     "expect joins=0; at 6s; heal gap=128; at 5s; tick any issued=+500 redis_ms=+1000;"
     "expect joins=500000; at 6s; heal gap=2000"},
    /* Fronts tick by chance. */
    {"a batch of joins between two ticks is no rush",
     "tick any; tick any nodoc issued=+200 redis_ms=+1; expect joins=0; at 6s; heal gap=128; at 5s;"
     "tick any redis_ms=+98; expect joins=0; at 6s; heal gap=128; at 5s;"
     "tick any issued=+10 redis_ms=+1; expect joins=2100000; at 6s; heal gap=8400; at 5s;"
     /* The next window begins after it. */
     "tick any issued=+100 redis_ms=+50; expect joins=0..2099999"},
    {"ends of visits are read once, and once more after a loss",
     "sent turns=0-0; tick changed turns=1700000000000-1,7:3:0:0,8:1:1700000009000:2;"
     "sent turns=1700000000000-1; expect turn7=3 turn8=1 until8=1700000009000 times8=2 turn9=0;"
     /* The kind 4 is of a newer script. */
     "tick any turns=1700000000000-1,9:4:0:0 generation=77; expect turn9=0;"
     "sent turns=1699999940000-0"},
};

static void set_up(void)
{
    answer = plain;
    now_us = 5000000;
    line_event_init(&event, SPAN("e"));
    polled = calloc(1, sizeof(*polled));
    assert_non_null(polled);
    eta_meter_init(&polled->meter);
    promise_init(&polled->book);
}

static void tear_down(void)
{
    line_event_deinit(&event);
    free(polled);
}

static void run_row(void **state)
{
    set_up();
    script_run(*state, verbs);
    tear_down();
}

static void calls_kept_are_bounded(void **state)
{
    (void)state;
    set_up();
    take_answer(0);
    answer.no_doc = true;
    for (uint64_t i = 0; i < LINE_CALLS_MAX + 10; i++) {
        snprintf(answer.stretches, sizeof(answer.stretches), "%" PRIu64 ":%" PRIu64 ":9", 100 + i,
                 2000 + i);
        answer.numbers[2] = 200 + i; /* issued */
        take_answer(0);
    }
    assert_int_equal(LINE_CALLS_MAX, event.view.calls_len);
    assert_int_equal(100 + LINE_CALLS_MAX + 9, event.view.calls[LINE_CALLS_MAX - 1].upto);
    tear_down();
}

static void a_reading_of_the_autopilot_that_is_too_long_is_refused(void **state)
{
    (void)state;
    set_up();
    answer.pilot = 900;
    memset(answer.reading, 'x', LINE_PILOT_READING_MAX);
    assert_int_equal(LINE_TICK_CHANGED, take_answer(0));
    answer.reading[LINE_PILOT_READING_MAX] = 'x';
    assert_int_equal(LINE_TICK_BAD, take_answer(0));
    tear_down();
}

int main(void)
{
    const struct CMUnitTest functions[] = {
        cmocka_unit_test(calls_kept_are_bounded),
        cmocka_unit_test(a_reading_of_the_autopilot_that_is_too_long_is_refused),
    };
    _Static_assert(LINE_OPEN == 3 && LINE_STATE_COUNT == 8 && LINE_PLACE_MAX == 1 << 30 &&
                       HEAL_GAP_MIN == 128 && JOINS_WINDOW_MS == 100 && STORE_STALE_MS == 1000 &&
                       TURN_KEPT == 1 && TURN_DONE == 3,
                   "rows name them");
    return script_tests(SCRIPT_LIST(functions), SCRIPT_LIST(rows), run_row);
}
