/* What a front takes from an answer of tick.lua, and what it refuses to take. Answers are written
 * as Redis would send them. */
#include "line/event/line_event.h"

#include "core/limits.h"
#include "core/line/place.h"
#include "core/wait/promise.h"
#include "core/wait/status.h"
#include "line/line_limits.h"
#include "queue-front/lua/line_wire.h"
#include "unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct answer {
    uint64_t numbers[14]; /* from state to generation, as tick.lua orders them */
    const char *doc;      /* NULL: the front has it */
    const char *stretches[4];
    uint64_t ghosts[6]; /* judged, skipped, waiting, newest change, whole, at_ms */
    const char *gaps;
    uint64_t raised;            /* places that heals have added, ever */
    const char *seed, *entries; /* of the draw; NULL: none */
    uint64_t seats;             /* left, plus one; 0: unknown */
    uint64_t early;             /* an entry given up before the draw, or 0 */
    uint64_t pilot_rate_milli;  /* 0: no autopilot */
    const char *pilot_reading;
    uint64_t moves[4];    /* run, newest, entry, moves */
    const char *digest;   /* of the document; NULL: "d1" */
    const char *turns[3]; /* how far, then each */
    uint64_t times[4];    /* late, stood still, clock ahead, behind */
    uint64_t codes[2];    /* there, and lost */
    uint64_t visits[2];   /* last seen served, clock stopped since */
};

enum {
    STATE,
    VERSION,
    ISSUED,
    SERVING,
    WAITING,
    ACTIVE,
    OUTSTANDING,
    ADMITTED,
    NO_SHOWS,
    SHOW_UP,
    SERVICE_RATE,
    REDIS_MS,
    DEAD,
    GENERATION
};

static const struct answer plain = {
    .numbers = {[STATE] = LINE_OPEN,
                [VERSION] = 2,
                [ISSUED] = 100,
                [SERVING] = 20,
                [WAITING] = 80,
                [OUTSTANDING] = 20,
                [SHOW_UP] = 1000,
                [REDIS_MS] = 1700000000000},
    .doc = "{\"id\":\"e\"}",
    .stretches = {"10:1000:9000", "20:1100:9100"},
    .moves = {0, 1, 9, 1},
};

#define SEED "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static redisReply *read_reply(const struct text *text)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    assert_false(text->overflown);
    assert_int_equal(REDIS_OK, redisReaderFeed(reader, text->ptr, text->len));
    assert_int_equal(REDIS_OK, redisReaderGetReply(reader, &reply));
    redisReaderFree(reader);
    assert_non_null(reply);
    return reply;
}

static void put_integer(struct text *text, uint64_t number)
{
    text_char(text, ':');
    text_u64(text, number);
    TEXT_LIT(text, "\r\n");
}

static redisReply *make_reply(const struct answer *answer)
{
    char memory[4096];
    struct text text = text_on(memory, sizeof(memory));
    uint64_t stretches = 0;
    while (stretches < 4 && answer->stretches[stretches] != NULL)
        stretches++;
    resp_begin(&text, TELL_TICK_WORDS);
    put_integer(&text, LINE_OK);
    for (size_t i = 0; i < 14; i++)
        put_integer(&text, answer->numbers[i]);
    resp_begin(&text, answer->doc != NULL ? 4 + LINE_KNOBS : 0);
    if (answer->doc != NULL) {
        resp_cstr(&text, answer->doc);
        for (uint64_t knob = 1; knob <= LINE_KNOBS; knob++)
            /* The last ones: no shards, and one lane's share. */
            resp_u64(&text, knob < LINE_KNOBS - 1 ? knob * 1000 : knob < LINE_KNOBS ? 0 : 30);
        resp_u64(&text, 1700000000123);
        resp_cstr(&text, answer->digest != NULL ? answer->digest : "d1");
        resp_cstr(&text, "1-0123abcd");
    }
    resp_begin(&text, stretches);
    for (uint64_t i = 0; i < stretches; i++)
        resp_cstr(&text, answer->stretches[i]);
    resp_begin(&text, 6);
    for (size_t i = 0; i < 6; i++)
        put_integer(&text, answer->ghosts[i]);
    resp_begin(&text, answer->doc != NULL ? 12 : 0);
    if (answer->doc != NULL) {
        resp_cstr(&text, answer->seed != NULL ? answer->seed : "");
        resp_cstr(&text, answer->entries != NULL ? answer->entries : "");
        resp_cstr(&text, "");
        for (int i = 0; i < 4; i++)
            resp_u64(&text, 0);
        resp_cstr(&text, "018f00000000abcdef");
        resp_cstr(&text, ""); /* seal, entries at the closing, when it was, proof */
        resp_cstr(&text, "");
        resp_u64(&text, 0);
        resp_cstr(&text, "");
    }
    resp_begin(&text, answer->early > 0 ? 1 : 0);
    if (answer->early > 0)
        put_integer(&text, answer->early);
    put_integer(&text, answer->seats);
    resp_begin(&text, answer->pilot_rate_milli > 0 ? 9 : 0);
    if (answer->pilot_rate_milli > 0) {
        put_integer(&text, answer->pilot_rate_milli);
        for (uint64_t i = 1; i <= 4; i++)
            put_integer(&text, i * 1000);
        resp_cstr(&text, "climb");
        resp_cstr(&text, "all within limits");
        resp_cstr(&text, "{\"reason\":\"climb\"}");
        resp_cstr(&text, answer->pilot_reading);
    }
    resp_begin(&text, 4);
    for (size_t i = 0; i < 4; i++)
        put_integer(&text, answer->moves[i]);
    resp_cstr(&text, "");
    uint64_t turns = 1;
    while (turns < 3 && answer->turns[turns] != NULL)
        turns++;
    resp_begin(&text, turns);
    resp_cstr(&text, answer->turns[0] != NULL ? answer->turns[0] : "0-0");
    for (uint64_t i = 1; i < turns; i++)
        resp_cstr(&text, answer->turns[i]);
    resp_begin(&text, TELL_GAPS_WORDS);
    put_integer(&text, 0);
    put_integer(&text, 0);
    resp_cstr(&text, answer->gaps != NULL ? answer->gaps : "");
    put_integer(&text, answer->raised);
    put_integer(&text, 3); /* fronts */
    for (size_t i = 0; i < 4; i++)
        put_integer(&text, answer->times[i]);
    for (size_t i = 0; i < 2; i++)
        put_integer(&text, answer->codes[i]);
    for (size_t i = 0; i < 2; i++)
        put_integer(&text, answer->visits[i]);
    return read_reply(&text);
}

static enum line_tick take(struct line_event *event, const struct answer *answer)
{
    redisReply *reply = make_reply(answer);
    enum line_tick tick = line_event_take_tick(event, reply, 5000000, 5000000);
    freeReplyObject(reply);
    return tick;
}

static int setup(void **state)
{
    struct line_event *event = malloc(sizeof(*event));
    assert_non_null(event);
    line_event_init(event, SPAN("e"));
    *state = event;
    return 0;
}

static int teardown(void **state)
{
    line_event_deinit(*state);
    free(*state);
    return 0;
}

static void a_first_answer_fills_the_picture(void **state)
{
    struct line_event *event = *state;
    assert_true(event->view.stale);
    assert_int_equal(LINE_TICK_CHANGED, take(event, &plain));
    const struct line_view *view = &event->view;
    assert_false(view->stale);
    assert_int_equal(LINE_OPEN, view->state);
    assert_int_equal(2, view->version);
    assert_int_equal(100, view->issued);
    assert_int_equal(20, view->serving);
    assert_int_equal(5000000, view->at_us);
    assert_span(view->doc, "{\"id\":\"e\"}");
    assert_int_equal(1000, view->knobs.rate_milli);
    assert_int_equal(11000, view->knobs.prequeue_at_ms);
    assert_int_equal(2, view->calls_len);
    assert_int_equal(9100, view->calls[1].expires_ms);
    assert_int_equal(20, event->marks.upto);
    assert_string_equal("018f00000000abcdef", view->incarnation);
    assert_int_equal(0xABCDEF, view->tag);
}

static void a_clock_of_visits_that_stops_is_a_change(void **state)
{
    struct line_event *event = *state;
    struct answer one = plain;
    one.visits[0] = 1700000000000;
    take(event, &one);
    one.doc = NULL;
    one.visits[0] += 1000;
    assert_int_equal(LINE_TICK_SAME, take(event, &one));
    one.visits[1] = 1700000004000;
    assert_int_equal(LINE_TICK_CHANGED, take(event, &one));
    assert_int_equal(1700000004000, event->view.halted_ms);
    assert_int_equal(0, event->view.resumed_ms);
    one.visits[1] = 0;
    one.numbers[REDIS_MS] += 100;
    assert_int_equal(LINE_TICK_CHANGED, take(event, &one));
    assert_int_equal(one.numbers[REDIS_MS], event->view.resumed_ms);
}

static void an_answer_in_which_only_the_clock_moved_is_no_change(void **state)
{
    struct line_event *event = *state;
    take(event, &plain);
    struct answer later = plain;
    later.doc = NULL;
    later.stretches[0] = NULL;
    later.numbers[REDIS_MS] += 100;
    assert_int_equal(LINE_TICK_SAME, take(event, &later));
    assert_int_equal(later.numbers[REDIS_MS], event->view.redis_ms);
    later.numbers[WAITING]--;
    assert_int_equal(LINE_TICK_CHANGED, take(event, &later));
}

/* What the next tick answers after `plain`, and which calls the front then knows. */
static void a_front_learns_calls_as_they_grow_end_and_are_written_anew(void **state)
{
    static const struct {
        uint64_t dead, generation;
        const char *stretches[2], *calls;
        enum line_tick tick;
    } rows[] = {
        {0, 0, {"10:1000:9000", "20:1100:9100"}, "10:9000 20:9100 ", LINE_TICK_SAME},
        {0, 0, {"25:1100:9180", "30:1200:9200"}, "10:9000 25:9180 30:9200 ", LINE_TICK_CHANGED},
        {10, 0, {NULL}, "20:9100 ", LINE_TICK_CHANGED},
        {0, 77, {"20:5000:99000"}, "20:99000 ", LINE_TICK_CHANGED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct line_event event;
        char memory[128];
        struct text calls = text_on(memory, sizeof(memory));
        struct answer later = plain;
        line_event_init(&event, SPAN("e"));
        take(&event, &plain);
        later.doc = NULL;
        memcpy(later.stretches, rows[i].stretches, sizeof(rows[i].stretches));
        later.numbers[DEAD] = rows[i].dead;
        later.numbers[GENERATION] = rows[i].generation;
        assert_int_equal(rows[i].tick, take(&event, &later));
        for (uint32_t call = 0; call < event.view.calls_len; call++) {
            text_u64(&calls, event.view.calls[call].upto);
            text_char(&calls, ':');
            text_u64(&calls, event.view.calls[call].expires_ms);
            text_char(&calls, ' ');
        }
        assert_span(text_span(&calls), rows[i].calls);
        line_event_deinit(&event);
    }
}

static void calls_kept_are_bounded(void **state)
{
    struct line_event *event = *state;
    take(event, &plain);
    struct answer later = plain;
    later.doc = NULL;
    later.stretches[1] = NULL;
    for (uint64_t i = 0; i < LINE_CALLS_MAX + 10; i++) {
        char stretch[64];
        snprintf(stretch, sizeof(stretch), "%" PRIu64 ":%" PRIu64 ":9", 100 + i, 2000 + i);
        later.numbers[ISSUED] = 200 + i;
        later.stretches[0] = stretch;
        take(event, &later);
    }
    assert_int_equal(LINE_CALLS_MAX, event->view.calls_len);
    assert_int_equal(100 + LINE_CALLS_MAX + 9, event->view.calls[LINE_CALLS_MAX - 1].upto);
}

static void marks_never_go_back(void **state)
{
    struct line_event *event = *state;
    line_event_saw_place(event, 150);
    take(event, &plain);
    assert_int_equal(150, event->marks.issued);
    line_event_saw_place(event, 120);
    assert_int_equal(150, event->marks.issued);
    line_event_saw_place(event, LINE_PLACE_MAX + 1);
    assert_int_equal(150, event->marks.issued);
}

static void passes_are_counted_until_the_tick_that_sends_them(void **state)
{
    struct line_event *event = *state;
    event->passes = 3;
    take(event, &plain);
    assert_int_equal(0, event->passes);
}

static void an_answer_without_sense_changes_nothing(void **state)
{
    struct line_event *event = *state;
    take(event, &plain);
    struct line_view before = event->view;
    struct answer bad[4] = {plain, plain, plain, plain};
    bad[0].numbers[STATE] = LINE_STATE_COUNT;
    bad[1].numbers[SERVING] = 101; /* more than issued */
    bad[2].numbers[ISSUED] = LINE_PLACE_MAX + 1;
    bad[3].numbers[SHOW_UP] = 1001;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(LINE_TICK_BAD, take(event, &bad[i]));
        assert_memory_equal(&before, &event->view, sizeof(before));
    }
}

/* What a front does with a picture for each poll: nothing that Redis says may stop it. */
struct polled {
    struct eta_meter meter;
    struct eta_watch watch;
    struct promise_book book;
};

static void be_polled(const struct line_event *event, struct polled *polled)
{
    const struct line_view *view = &event->view;
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

static struct polled *begin_polled(void)
{
    struct polled *polled = calloc(1, sizeof(*polled));
    assert_non_null(polled);
    eta_meter_init(&polled->meter);
    promise_init(&polled->book);
    return polled;
}

/* A time that no calendar has would stop the front that shows it. */
static void a_time_beyond_the_calendar_is_refused(void **state)
{
    struct line_event *event = *state;
    struct polled *polled = begin_polled();
    struct answer late[4] = {plain, plain, plain, plain};
    late[0].numbers[REDIS_MS] = INT64_MAX;
    late[1].stretches[1] = "20:1100:18446744073709551615";
    late[2].turns[0] = "1700000000000-1";
    late[2].turns[1] = "15:1:9223372036854775807:2";
    late[3].times[1] = INT64_MAX; /* stood still */
    for (size_t i = 0; i < 4; i++) {
        take(event, &late[i]);
        be_polled(event, polled);
        assert_true(place_at(&event->view, 15, 0).call_expires_ms <= RFC3339_MS_MAX);
    }
    free(polled);
}

static void a_first_answer_must_bring_the_document(void **state)
{
    struct line_event *event = *state;
    struct answer bare = plain;
    bare.doc = NULL;
    assert_int_equal(LINE_TICK_BAD, take(event, &bare));
    assert_false(event->seen);
}

static void a_short_or_foreign_answer_is_bad_and_one_word_asks_for_a_heal(void **state)
{
    static const struct {
        const char *resp;
        enum line_tick want;
    } cases[] = {
        {"*1\r\n:9\r\n", LINE_TICK_HEAL}, {"*1\r\n:5\r\n", LINE_TICK_NOT_YET},
        {"*1\r\n:0\r\n", LINE_TICK_BAD},  {"*0\r\n", LINE_TICK_BAD},
        {":5\r\n", LINE_TICK_BAD},        {"$2\r\nhi\r\n", LINE_TICK_BAD},
        {"*1\r\n:-1\r\n", LINE_TICK_BAD}, {"*2\r\n$-1\r\n:1\r\n", LINE_TICK_BAD},
        {"-ERR no\r\n", LINE_TICK_BAD},
    };
    struct line_event *event = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char memory[64];
        struct text text = text_on(memory, sizeof(memory));
        text_str(&text, cases[i].resp);
        redisReply *reply = read_reply(&text);
        assert_int_equal(cases[i].want, line_event_take_tick(event, reply, 1, 1));
        freeReplyObject(reply);
    }
}

/* Any answer with bytes changed is either refused or taken without harm: the sanitizers look, and
 * so do the asserts of what works with the picture. */
static void a_damaged_answer_does_no_harm(void **state)
{
    struct line_event *event = *state;
    struct rng_seeded seeded;
    char good[4096], bad[4096];
    rng_seeded_init(&seeded, unit_seed());
    struct text text = text_on(good, sizeof(good));
    resp_begin(&text, TELL_TICK_WORDS);
    for (size_t i = 0; i < 15; i++)
        put_integer(&text, i == 0 ? LINE_OK : plain.numbers[i - 1]);
    resp_begin(&text, 4 + LINE_KNOBS);
    for (size_t i = 0; i < 1 + LINE_KNOBS; i++)
        resp_cstr(&text, i < LINE_KNOBS - 1 ? "1000" : i < LINE_KNOBS ? "0" : "30");
    resp_cstr(&text, "1700000000123");
    resp_cstr(&text, "d1");
    resp_cstr(&text, "1-0123abcd");
    resp_begin(&text, 2);
    resp_cstr(&text, "10:1000:9000");
    resp_cstr(&text, "20:1100:9100");
    resp_begin(&text, 6);
    for (size_t i = 0; i < 6; i++)
        put_integer(&text, plain.ghosts[i]);
    resp_begin(&text, 12);
    resp_cstr(&text, SEED);
    resp_cstr(&text, "100");
    resp_cstr(&text, "beacon");
    resp_cstr(&text, "1700000000000");
    for (int i = 0; i < 3; i++)
        resp_u64(&text, LINE_PAUSED);
    resp_cstr(&text, "");
    resp_cstr(&text, "");
    resp_cstr(&text, "100");
    resp_cstr(&text, "1700000000000");
    resp_cstr(&text, "{}");
    resp_begin(&text, 1);
    put_integer(&text, 7);
    put_integer(&text, 3);
    resp_begin(&text, 0);
    resp_begin(&text, 4);
    for (uint64_t i = 1; i <= 4; i++)
        put_integer(&text, i);
    resp_cstr(&text, "1:2:3:4:1:5:6");
    resp_begin(&text, 2);
    resp_cstr(&text, "1700000000000-1");
    resp_cstr(&text, "7:1:1700000009000:2");
    resp_begin(&text, TELL_GAPS_WORDS);
    put_integer(&text, 0);
    put_integer(&text, 0);
    resp_cstr(&text, "30:40,51:59");
    put_integer(&text, 0);
    put_integer(&text, 3);
    for (int i = TELL_TICK_LATE_MS; i < TELL_TICK_WORDS; i++)
        put_integer(&text, 0);
    redisReply *whole = read_reply(&text);
    assert_int_equal(LINE_TICK_CHANGED, line_event_take_tick(event, whole, 1, 1));
    freeReplyObject(whole);
    struct polled *polled = begin_polled();
    for (int i = 0; i < 20000; i++) {
        size_t len = unit_mutate(&seeded.rng, text_span(&text), bad, sizeof(bad));
        redisReader *reader = redisReaderCreate();
        void *reply = NULL;
        redisReaderFeed(reader, bad, len);
        if (redisReaderGetReply(reader, &reply) == REDIS_OK && reply != NULL)
            line_event_take_tick(event, reply, 1, 1);
        freeReplyObject(reply);
        redisReaderFree(reader);
        assert_true(event->view.serving <= event->view.issued);
        be_polled(event, polled);
    }
    free(polled);
}

static void an_answer_with_an_invalid_seed_is_refused_whole(void **state)
{
    struct line_event *event = *state;
    struct answer bad = plain;
    bad.seed = "0001";
    assert_int_equal(LINE_TICK_BAD, take(event, &bad));
    bad.seed = SEED;
    bad.entries = "9999999999999";
    assert_int_equal(LINE_TICK_BAD, take(event, &bad));
    assert_false(event->seen);
}

/* The rate in force is the autopilot's; what a heal writes back is the operator's. */
static void the_autopilots_rate_replaces_that_of_the_knobs(void **state)
{
    struct line_event *event = *state;
    struct answer flown = plain;
    flown.pilot_rate_milli = 700;
    flown.pilot_reading = "{\"p99_ms\":5}";
    assert_int_equal(LINE_TICK_CHANGED, take(event, &flown));
    const struct line_view *view = &event->view;
    assert_true(view->pilot.on);
    assert_int_equal(700, view->knobs.rate_milli);
    assert_int_equal(2000, view->pilot.heard_ms);
    assert_string_equal("climb", view->pilot.reason);
    assert_string_equal("{\"reason\":\"climb\"}", view->pilot.because);
    assert_string_equal("{\"p99_ms\":5}", view->pilot.reading);

    char memory[4096];
    struct text text = text_on(memory, sizeof(memory));
    resp_begin(&text, ASK_HEAL_WORDS);
    line_event_put_heal(event, &text, SPAN("front"), 6000000);
    redisReply *reply = read_reply(&text);
    uint64_t rate_milli = 0;
    assert_true(resp_get_u64(reply, ASK_HEAL_KNOBS, &rate_milli));
    assert_int_equal(1000, rate_milli);
    freeReplyObject(reply);

    flown.doc = NULL;
    flown.pilot_rate_milli = 900;
    assert_int_equal(LINE_TICK_CHANGED, take(event, &flown));
    assert_int_equal(900, view->knobs.rate_milli);
    flown.pilot_rate_milli = 0; /* off again */
    assert_int_equal(LINE_TICK_CHANGED, take(event, &flown));
    assert_false(view->pilot.on);
    assert_int_equal(1000, view->knobs.rate_milli);
    flown.pilot_rate_milli = 900;
    char longer[LINE_PILOT_READING_MAX + 2];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    flown.pilot_reading = longer;
    assert_int_equal(LINE_TICK_BAD, take(event, &flown));
}

/* What it tells is as old as its question. */
static void an_answer_that_took_long_is_stale(void **state)
{
    struct line_event *event = *state;
    redisReply *reply = make_reply(&plain);
    const uint64_t late_us = STORE_STALE_MS * 1000 + 1;
    line_event_take_tick(event, reply, 5000000, 5000000 + late_us);
    assert_true(event->view.stale);
    line_event_take_tick(event, reply, 9000000, 9000000 + late_us - 1);
    assert_false(event->view.stale);
    freeReplyObject(reply);
}

/* What the next tick sends. */
static redisReply *tick_sent(struct line_event *event)
{
    char memory[8192];
    struct text text = text_on(memory, sizeof(memory));
    uint32_t more = line_event_pick_moves(event);
    resp_begin(&text, ASK_TICK_WORDS + more);
    line_event_put_tick(event, &text, 50, 5000000);
    return read_reply(&text);
}

static uint64_t sum_sent(struct line_event *event, size_t at)
{
    redisReply *reply = tick_sent(event);
    uint64_t sum = 0;
    assert_true(resp_get_u64(reply, at, &sum));
    freeReplyObject(reply);
    return sum;
}

/* Told with each tick until one is answered; then only what is new. */
static void counts_are_sent_until_a_tick_is_answered(void **state)
{
    enum {
        JUDGED = ASK_TICK_JOIN_JUDGED,
        ERROR_MILLI = ASK_TICK_WAY_ERROR,
        ERRORS = ASK_TICK_ERRORS
    };
    struct line_event *event = *state;
    event->view.told->judged[0] = 5;
    event->view.told->error_milli[1] = 700;
    event->view.told->errors = 4;
    assert_int_equal(5, sum_sent(event, JUDGED));
    assert_int_equal(700, sum_sent(event, ERROR_MILLI));
    assert_int_equal(4, sum_sent(event, ERRORS));
    event->view.told->judged[0] = 8; /* while that tick is under way */
    event->view.told->errors = 6;
    assert_int_equal(LINE_TICK_CHANGED, take(event, &plain));
    assert_int_equal(3, sum_sent(event, JUDGED));
    assert_int_equal(0, sum_sent(event, ERROR_MILLI));
    assert_int_equal(2, sum_sent(event, ERRORS));
    assert_int_equal(3, sum_sent(event, JUDGED)); /* that one was not answered */
}

/* Whatever its number: another one is another one, and what heals a line tells of which era it is.
 */
static void another_document_under_the_same_number_is_taken(void **state)
{
    struct line_event *event = *state;
    struct answer told = plain;
    take(event, &told);
    assert_string_equal("1-0123abcd", event->view.identity);
    assert_int_equal(1700000000123, event->marks.era);
    uint64_t serial = event->view.doc_serial;
    told.doc = "{\"id\":\"e\",\"name\":\"other\"}";
    told.digest = "d2";
    assert_int_equal(LINE_TICK_CHANGED, take(event, &told));
    assert_int_equal(serial + 1, event->view.doc_serial);
    assert_string_equal("d2", event->marks.digest);
    line_event_doubt_document(event);
    assert_string_equal("", event->marks.digest);
    told.doc = NULL;
    take(event, &told);
    assert_int_equal(serial + 1, event->view.doc_serial);
    told = plain;
    told.digest = "a digest that is longer than any that ours can be";
    assert_int_equal(LINE_TICK_BAD, take(event, &told));
}

static uint64_t heal_word(const struct line_event *event, uint64_t now_us, unsigned word)
{
    char memory[4096];
    struct text text = text_on(memory, sizeof(memory));
    uint64_t number = 0;
    resp_begin(&text, ASK_HEAL_WORDS);
    line_event_put_heal(event, &text, SPAN("front"), now_us);
    redisReply *reply = read_reply(&text);
    assert_int_equal(ASK_HEAL_WORDS, resp_len(reply));
    assert_true(resp_get_u64(reply, word, &number));
    freeReplyObject(reply);
    return number;
}

static enum line_tick take_only(struct line_event *event, enum line_outcome outcome,
                                uint64_t now_us)
{
    char memory[16];
    struct text text = text_on(memory, sizeof(memory));
    resp_begin(&text, 1);
    put_integer(&text, outcome);
    redisReply *reply = read_reply(&text);
    enum line_tick tick = line_event_take_tick(event, reply, now_us, now_us);
    freeReplyObject(reply);
    return tick;
}

static uint64_t wait_sent(struct line_event *event, uint64_t now_us)
{
    char memory[4096];
    struct text text = text_on(memory, sizeof(memory));
    uint64_t with_tick = 0, with_heal = heal_word(event, now_us, ASK_HEAL_WAITED_MS);
    resp_begin(&text, ASK_TICK_WORDS);
    line_event_put_tick(event, &text, 50, now_us);
    redisReply *reply = read_reply(&text);
    assert_true(resp_get_u64(reply, ASK_TICK_WAITED_MS, &with_tick));
    freeReplyObject(reply);
    assert_int_equal(with_heal, with_tick);
    return with_tick;
}

static void a_front_that_waits_sends_for_how_long_it_has_waited(void **state)
{
    struct line_event *event = *state;
    assert_int_equal(0, wait_sent(event, 1000000));
    assert_int_equal(LINE_TICK_NOT_YET, take_only(event, LINE_NOT_YET, 1000000));
    assert_false(event->seen);
    assert_int_equal(0, wait_sent(event, 1000000));
    assert_int_equal(LINE_TICK_NOT_YET, take_only(event, LINE_NOT_YET, 1500000));
    assert_int_equal(700, wait_sent(event, 1700000));
    /* Another Redis has not yet asked it to wait. */
    assert_int_equal(LINE_TICK_HEAL, take_only(event, LINE_UNAVAILABLE, 5000000));
    assert_int_equal(0, wait_sent(event, 5100000));
    assert_int_equal(LINE_TICK_NOT_YET, take_only(event, LINE_NOT_YET, 5200000));
    assert_int_equal(300, wait_sent(event, 5500000));
    assert_int_equal(LINE_TICK_CHANGED, take(event, &plain));
    assert_int_equal(0, wait_sent(event, 9000000));
}

/* Calls may be shorter since, so the newest need not be the last to run out. */
static void a_heal_sends_the_latest_end_of_a_call(void **state)
{
    struct line_event *event = *state;
    assert_int_equal(0, heal_word(event, 6000000, ASK_HEAL_CALLS_UNTIL_MS));
    struct answer told = plain;
    told.stretches[0] = "10:1000:61000";
    take(event, &told);
    assert_int_equal(61000, heal_word(event, 6000000, ASK_HEAL_CALLS_UNTIL_MS));
}

static uint64_t moves_sent(struct line_event *event)
{
    redisReply *reply = tick_sent(event);
    uint64_t count = 0;
    assert_true(resp_get_u64(reply, ASK_TICK_MOVES_LEN, &count));
    assert_int_equal(ASK_TICK_WORDS + 2 * count, resp_len(reply));
    freeReplyObject(reply);
    return count;
}

static void a_heal_sends_which_places_have_moved(void **state)
{
    struct line_event *event = *state;
    struct answer told = plain;
    assert_int_equal(ASK_HEAL_WORDS, line_event_heal_words(event));
    told.moves[0] = 7, told.moves[1] = 3, told.moves[2] = 42, told.moves[3] = 2;
    take(event, &told);
    char memory[4096];
    struct text text = text_on(memory, sizeof(memory));
    uint32_t words = line_event_heal_words(event);
    assert_int_equal(ASK_HEAL_WORDS + 2, words);
    resp_begin(&text, words);
    line_event_put_heal(event, &text, SPAN("front"), 6000000);
    redisReply *reply = read_reply(&text);
    uint64_t count = 0, entry = 0, moves = 0;
    assert_int_equal(words, resp_len(reply));
    assert_true(resp_get_u64(reply, ASK_HEAL_MOVES_LEN, &count));
    assert_true(resp_get_u64(reply, ASK_HEAL_WORDS, &entry));
    assert_true(resp_get_u64(reply, ASK_HEAL_WORDS + 1, &moves));
    assert_int_equal(1, count);
    assert_int_equal(42, entry);
    assert_int_equal(2, moves);
    freeReplyObject(reply);
}

static void a_place_that_moved_is_sent_to_a_redis_that_lost_it(void **state)
{
    struct line_event *event = *state;
    struct answer told = plain;
    told.moves[0] = 7, told.moves[1] = 3, told.moves[2] = 42, told.moves[3] = 2;
    assert_int_equal(0, moves_sent(event));
    take(event, &told);
    assert_int_equal(2, moves_of(event->view.moves, 42));
    assert_int_equal(0, moves_of(event->view.moves, 43));
    assert_int_equal(3, event->marks.moves_seq);
    moves_sent(event);
    take(event, &told);
    assert_int_equal(0, moves_sent(event)); /* Redis has said so itself */
    told.moves[0] = 8, told.moves[1] = 0, told.moves[2] = 43, told.moves[3] = 1;
    take(event, &told); /* healed: another run */
    assert_int_equal(2, moves_of(event->view.moves, 42));
    assert_int_equal(2, moves_sent(event));
    assert_int_equal(2, moves_sent(event)); /* until a tick was answered */
    take(event, &told);
    assert_int_equal(0, moves_sent(event));
}

/* Each row is one more tick; a first one begins with `plain`. The gap covers the joins of the time
 * since that tick and of one second more, twice. */
static void the_safety_gap_follows_how_fast_people_joined(void **state)
{
    static const struct {
        bool first;
        uint64_t issued, raised, redis_ms, generation, joins_milli, gap;
        uint64_t gap_late; /* minutes after the tick; 0: not checked */
    } rows[] = {
        {.first = true, .gap = HEAL_GAP_MIN},
        {.issued = 1000, .redis_ms = 1000, .joins_milli = 1000000, .gap = 4000, .gap_late = 12000},
        /* Places that a heal added are no joins: Redis came back empty, or its counter was raised.
         */
        {true, 1000000, 1000000, 1000, 77, 0, HEAL_GAP_MIN, 0},
        {false, 1000000, 1000000, 1000, 77, 0, HEAL_GAP_MIN, 0},
        {false, 500, 0, 1000, 77, 500000, 2000, 0},
        /* A batch of joins between two ticks is no rush: fronts tick by chance. */
        {.first = true, .issued = 200, .redis_ms = 1, .gap = HEAL_GAP_MIN},
        {.redis_ms = JOINS_WINDOW_MS - 2, .gap = HEAL_GAP_MIN},
        {false, 10, 0, 1, 0, 210 * 1000000 / JOINS_WINDOW_MS, 8400, 0},
    };
    struct line_event *event = *state;
    struct answer later = plain;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].first) {
            line_event_deinit(event);
            line_event_init(event, SPAN("e"));
            take(event, &plain);
            later = plain;
            later.doc = NULL;
        }
        later.numbers[ISSUED] += rows[i].issued;
        later.numbers[REDIS_MS] += rows[i].redis_ms;
        later.numbers[GENERATION] = rows[i].generation;
        later.raised += rows[i].raised;
        take(event, &later);
        assert_int_equal(rows[i].joins_milli, event->view.joins_milli);
        assert_int_equal(rows[i].gap, heal_word(event, 6000000, ASK_HEAL_GAP));
        if (rows[i].gap_late > 0)
            assert_int_equal(rows[i].gap_late, heal_word(event, 500000000, ASK_HEAL_GAP));
    }
    later.numbers[ISSUED] += 100; /* the next window begins behind it */
    later.numbers[REDIS_MS] += JOINS_WINDOW_MS / 2;
    take(event, &later);
    assert_true(event->view.joins_milli < 210 * 1000000 / JOINS_WINDOW_MS);
}

static struct span turns_asked(struct line_event *event, char memory[64])
{
    redisReply *reply = tick_sent(event);
    struct span upto;
    assert_true(resp_get_str(reply, ASK_TICK_TURNS_UPTO, &upto));
    assert_true(span_to_cstr(upto, memory, 64));
    freeReplyObject(reply);
    return span_of(memory);
}

static void ends_of_visits_are_read_once_and_once_more_after_a_loss(void **state)
{
    struct line_event *event = *state;
    char memory[64];
    assert_true(span_eq(turns_asked(event, memory), SPAN("0-0")));
    struct answer answer = plain;
    answer.turns[0] = "1700000000000-1";
    answer.turns[1] = "7:3:0:0";
    answer.turns[2] = "8:1:1700000009000:2";
    assert_int_equal(LINE_TICK_CHANGED, take(event, &answer));
    assert_true(span_eq(turns_asked(event, memory), SPAN("1700000000000-1")));
    assert_int_equal(TURN_DONE, turns_of(event->view.turns, 7).kind);
    struct turn kept = turns_of(event->view.turns, 8);
    assert_int_equal(TURN_KEPT, kept.kind);
    assert_int_equal(1700000009000, kept.until_ms);
    assert_int_equal(2, kept.times);
    assert_int_equal(TURN_NONE, turns_of(event->view.turns, 9).kind);

    answer.turns[1] = "9:4:0:0"; /* of a newer Redis script: passed over */
    answer.turns[2] = NULL;
    answer.numbers[GENERATION] = 77;
    take(event, &answer);
    assert_int_equal(TURN_NONE, turns_of(event->view.turns, 9).kind);
    assert_true(span_eq(turns_asked(event, memory), SPAN("1699999940000-0")));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_first_answer_fills_the_picture),
        TEST(a_clock_of_visits_that_stops_is_a_change),
        TEST(an_answer_in_which_only_the_clock_moved_is_no_change),
        TEST(an_answer_that_took_long_is_stale),
        TEST(a_front_learns_calls_as_they_grow_end_and_are_written_anew),
        TEST(calls_kept_are_bounded),
        TEST(marks_never_go_back),
        TEST(passes_are_counted_until_the_tick_that_sends_them),
        TEST(an_answer_without_sense_changes_nothing),
        TEST(a_time_beyond_the_calendar_is_refused),
        TEST(a_first_answer_must_bring_the_document),
        TEST(a_short_or_foreign_answer_is_bad_and_one_word_asks_for_a_heal),
        TEST(a_damaged_answer_does_no_harm),
        TEST(an_answer_with_an_invalid_seed_is_refused_whole),
        TEST(counts_are_sent_until_a_tick_is_answered),
        TEST(the_autopilots_rate_replaces_that_of_the_knobs),
        TEST(another_document_under_the_same_number_is_taken),
        TEST(ends_of_visits_are_read_once_and_once_more_after_a_loss),
        TEST(a_heal_sends_which_places_have_moved),
        TEST(a_place_that_moved_is_sent_to_a_redis_that_lost_it),
        TEST(the_safety_gap_follows_how_fast_people_joined),
        TEST(a_front_that_waits_sends_for_how_long_it_has_waited),
        TEST(a_heal_sends_the_latest_end_of_a_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
