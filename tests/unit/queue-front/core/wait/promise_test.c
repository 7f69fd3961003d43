/* promise_test.c: promises are compared with the real waits, and the spread follows.
 *
 *   live FACTOR SECONDS    a line serves one a second and promises FACTOR times that pace
 *   met P50 P90 REAL       a ticket with this promise is called after REAL ms
 *   keep REAL [TIMES]      a place promised 10 s, at most 20 s, is called after REAL ms
 *   stop                   the line is sold out
 *   note STATE WAITING PACE NOTED   one look at a line notes NOTED places
 *   is FIELD VALUE ...     expects a field of the book; LOW..HIGH is a range */
#include "core/wait/promise.h"
#include "outcomes.h"
#include "slots.h"

static struct promise_book book;
static struct promise_kept met;

static void start(void)
{
    promise_init(&book);
}

static struct eta_model model_of(double pace)
{
    return (struct eta_model){.basis = pace > 0 ? ETA_MEASURED : ETA_UNKNOWN,
                              .scale = promise_scale(&book),
                              .pace = {pace, pace, pace},
                              .doubt2 = 0.01};
}

SCRIPT_VERB(live, "live")
{
    struct line_view view = {.state = LINE_OPEN, .redis_ms = 1000000};
    for (uint64_t seconds = script_number_at(line, 2); seconds > 0; seconds--) {
        view.redis_ms += 1000;
        view.serving++;
        view.issued = view.serving + 100;
        struct eta_model model = model_of(strtod(script_word(line, 1), NULL));
        promise_observe(&book, &view, &model);
        assert_true(book.open_len <= PROMISE_OPEN_MAX);
    }
}

SCRIPT_VERB(stop, "stop")
{
    struct line_view view = {.state = LINE_SOLD_OUT, .serving = 1000000, .redis_ms = 9000000};
    struct eta_model model = model_of(1.0);
    promise_observe(&book, &view, &model);
}

SCRIPT_DOES("met",
            met = promise_met(&book, (uint32_t)script_number_at(line, 1),
                              (uint32_t)script_number_at(line, 2), script_number_at(line, 3)))

SCRIPT_VERB(keep, "keep")
{
    for (uint64_t times = line->len > 2 ? script_number_at(line, 2) : 1; times > 0; times--) {
        struct line_view view = {.state = LINE_OPEN, .redis_ms = 1000000, .issued = 1};
        struct eta_model model = model_of(10.0);
        model.doubt2 = 1.0;
        book.turn = 0;
        book.next_at_ms = 0;
        promise_observe(&book, &view, &model);
        assert_int_equal(book.open_len, 1);
        view.serving = 1;
        view.redis_ms += script_number_at(line, 1);
        promise_observe(&book, &view, &model);
        assert_int_equal(book.open_len, 0);
    }
}

SCRIPT_VERB(note, "note")
{
    struct line_view view = {.stale = script_has(line, "stale"), .serving = 5, .redis_ms = 1000000};
    struct eta_model model = model_of(strtod(script_word(line, 3), NULL));
    view.state = state_named(script_word(line, 1));
    view.issued = 5 + script_number_at(line, 2);
    promise_observe(&book, &view, &model);
    script_expect(line, script_word(line, 4), book.open_len);
    assert_true(book.open_len == 0 || book.next_at_ms > view.redis_ms);
}

SCRIPT_VERB(expect, "is")
{
    const double scale = promise_scale(&book);
    const struct slot slots[] = {
        SLOT("kept", SLOT_FLAG, met.kept),
        SLOT("error_milli", SLOT_U64, met.error_milli),
        SLOT("scale", SLOT_REAL, scale),
        SLOT("log_scale", SLOT_REAL, book.log_scale),
        SLOT("kept_lately", SLOT_REAL, book.kept_lately),
        SLOT("error", SLOT_REAL, book.error),
        SLOT("judged", SLOT_U64, book.judged),
        SLOT("kept_all", SLOT_U64, book.kept),
        SLOT("open", SLOT_U32, book.open_len),
        SLOT("turn", SLOT_U32, book.turn),
        SLOT("tickets", SLOT_U64, book.sums.judged[0]),
        SLOT("tickets_kept", SLOT_U64, book.sums.kept[0]),
        SLOT("tickets_error", SLOT_U64, book.sums.error_milli[0]),
        SLOT("on_the_way", SLOT_U64, book.sums.judged[1]),
        {.name = NULL},
    };
    slots_expect(line, slots);
}

static const struct script_row rows[] = {
    /* The model's waits are a quarter too short: its p90 is 85 of a real 100. */
    {"broken promises widen the spread until nine in ten are kept",
     "live 0.75 3000; is scale 1.5001..8 kept_lately 0.8501..1 error 0.2001..0.2999"},
    /* A call at once counts as ten times off, the maximum. The correction learns only from the
     * sample, and the sample reports only waits on the way. */
    {"a promise on a ticket is checked in seconds",
     "met 80 100 100999; is kept 1 error_milli 200; met 80 100 101000; is kept 0 error_milli 208;"
     "met 30 50 0; is kept 1 error_milli 10000 tickets 3 tickets_kept 2 tickets_error 10408;"
     "is judged 0; live 1 200; is tickets 3 on_the_way 1..100 judged 2..300"},
    {"a line that stopped for good judges nobody",
     "live 1 50; is open 1..100 judged 11; stop; is open 0 judged 11"},
    {"only a wait in an open line is a promise",
     "note $a $b $c $d $e || open 100 1 1 - | open 100 1 0 stale | paused 100 1 0 - |"
     "open 0 1 0 - | open 5 0.001 0 - | draft 100 1 0 - | sold-out 100 1 0 - | closed 100 1 0 -"},
    {"an unknown wait is no promise", "note open 95 0 0; is turn 1"},
    {"a book without promises corrects nothing", "is scale 1 kept_lately 0.9001..0.9499 judged 0"},
    {"a kept promise narrows the spread",
     "keep 10000; is log_scale -0.039 kept_all 1 kept_lately 1 error 0"},
    /* A miss moves it as far as a dozen kept promises; fifty of sixty seconds are off. */
    {"a missed promise widens the spread",
     "keep 60000; is log_scale 0.461 kept_all 0 kept_lately 0 error 0.833"},
    {"the correction has its bounds",
     "keep 10000000 200; is scale 7.99..8.01; keep 1000 3000; is scale 0.0999..0.1001"},
};

/* No prediction exceeds a week, so only the waits of half of this line, a quarter, ... can be
 * noted. They last for days. With a note each second, all room would be used in ten minutes, and
 * the correction would learn nothing from the days that follow. */
TEST_CASE(places_on_the_way_in_an_endless_line_are_noted_rarely)
{
    struct line_view view = {.state = LINE_OPEN, .redis_ms = 1000000};
    struct eta_model model = model_of(1.0);
    for (unsigned s = 0; s < 7200; s++) {
        view.redis_ms += 1000;
        view.serving++;
        view.issued = view.serving + ETA_MAX_S + 9;
        promise_observe(&book, &view, &model);
    }
    assert_in_range(book.open_len, 12, 25);
    for (uint32_t i = 0; i < book.open_len; i++)
        assert_true(book.open[i].later && book.open[i].p50_s < ETA_MAX_S);
}

TEST_CASE(the_first_hundred_promises_move_the_correction_most)
{
    double last = 0.0, first = 0.0, step = 0.0;
    const struct script_line one = {.row = "", .text = "", .words = {"keep", "10000"}, .len = 2};
    for (unsigned i = 0; i < 150; i++) {
        book.log_scale = 0.0;
        keep(&one);
        step = -book.log_scale;
        first = i == 0 ? step : first;
        assert_true(i == 0 || step <= last);
        last = step;
    }
    assert_true(first > 12.0 * step && first < 13.0 * step);
    assert_int_equal(book.judged, 150);
}

UNIT_BETWEEN(start, NULL)
SCRIPT_TESTS(rows, script_verbs)
