/* health_test.c: what a page of figures contains, and what two looks at it give together.
 *
 *   look PAGE, bad PAGE    parses a page, with ' for "; a bad one has no usable figure
 *   set FIELD=N ...        changes the look; buckets FAST SLOW ALL: answers up to 0.1 s, 0.5 s, all
 *   before                 the look becomes the previous one
 *   add                    adds the look to the reading; ripe N: are there enough responses?
 *   is FIELD N ..., json TEXT   expects the reading */
#include "core/load/health.h"
#include "slots.h"

#include <math.h>

#define BUCKET  "fairgate_http_request_duration_seconds_bucket"
#define ANSWERS "fairgate_http_responses_total"
#define PAGE                                                                                       \
    "# HELP fairgate_http_request_duration_seconds x\n" BUCKET                                     \
    "{listener='public',le='0.1'} 100\n" BUCKET "{listener='public',le='0.5'} 100\n" BUCKET        \
    "{listener='public',le='+Inf'} 100\n" ANSWERS "{listener='public',class='2xx'} 90\n" ANSWERS   \
    "{listener='public',class='5xx'} 10\n" ANSWERS "{listener='private',class='5xx'} 1000\n"       \
    "fairgate_seats_held{event='show'} 12\nfairgate_seats_held{event='other'} 99\n"                \
    "fairgate_sagas_open 7\n"
#define LATER                                                                                      \
    BUCKET "{listener='public',le='0.1'} 190\n" BUCKET "{listener='public',le='0.5'} 200\n" BUCKET \
           "{listener='public',le='+Inf'} 200\n" ANSWERS                                           \
           "{listener='public',class='2xx'} 185\n" ANSWERS                                         \
           "{listener='public',class='5xx'} 15\nfairgate_seats_held{event='show'} 15\n"            \
           "fairgate_sagas_open 3 1700000000000\n"

static struct health_look before, now;
static const struct health_look *before_or_null;
static struct health_reading reading;

static bool parse(const struct script_line *line)
{
    return health_parse(span_of(script_json(script_rest(line, 0))), SPAN("show"), &now);
}

SCRIPT_DOES("look", script_expect(line, "1", parse(line)))
SCRIPT_DOES("bad", script_expect(line, "0", parse(line)))

static double number(const struct script_line *line, unsigned at)
{
    return strtod(script_word(line, at), NULL);
}

SCRIPT_VERB(set_buckets, "buckets")
{
    now = (struct health_look){
        .bucket = {{0.1, number(line, 1)}, {0.5, number(line, 2)}, {HUGE_VAL, number(line, 3)}},
        .buckets_len = 3};
}

SCRIPT_VERB(set, "set")
{
    const struct slot slots[] = {
        SLOT("answers", SLOT_REAL, now.answers),   SLOT("failures", SLOT_REAL, now.failures),
        SLOT("held", SLOT_REAL, now.held),         SLOT("backlog", SLOT_REAL, now.backlog),
        SLOT("le", SLOT_REAL, now.bucket[1].le_s), SLOT("fast", SLOT_REAL, now.bucket[0].count),
        SLOT("len", SLOT_U32, now.buckets_len),    {.name = NULL},
    };
    slots_set(line, slots);
    now.has_answers |= script_value(line, "answers") != NULL;
    now.has_held |= script_value(line, "held") != NULL;
    now.has_backlog |= script_value(line, "backlog") != NULL;
}

SCRIPT_VERB(keep, "before")
{
    before = now;
    before_or_null = &before;
}

SCRIPT_DOES("add", health_add(&reading, before_or_null, &now))
SCRIPT_DOES("ripe", script_expect(line, script_word(line, 1), health_ripe(before_or_null, &now)))

/* "-": unknown. */
static struct script_field figure(const char *name, bool has, uint64_t value)
{
    return (struct script_field){name, value, has ? NULL : ""};
}

SCRIPT_VERB(expect, "is")
{
    const struct script_field fields[SCRIPT_FIELDS] = {
        figure("p99", reading.has_p99, reading.p99_ms),
        figure("errors", reading.has_errors, reading.errors_milli),
        figure("held", reading.has_held, reading.held),
        figure("backlog", reading.has_backlog, reading.backlog),
    };
    for (unsigned i = 1; i < line->len; i += 2)
        script_expect_field(line, i, fields);
}

SCRIPT_VERB(expect_json, "json")
{
    char memory[160];
    struct text text = text_on(memory, sizeof(memory));
    health_json(&text, &reading);
    assert_span(text_span(&text), script_json(script_word(line, 1)));
}

static const struct script_row rows[] = {
    /* 90 of 100 are below 100 ms, ten up to 500: the 99th percentile is 9/10 into these ten. */
    {"two looks make a reading",
     "look " PAGE "; before; look " LATER "; ripe 1; add; is p99 460 errors 50 held 15 backlog 3;"
     "json {'p99_ms':460,'error_share':0.05,'held':15,'backlog':3}"},
    {"a first look has gauges only", "look " PAGE "; ripe 1; add; is p99 - errors - held 12"},
    {"a restarted service counts as a first look",
     "look " LATER "; before; look " PAGE "; add; is p99 - errors - backlog 7"},
    {"services together are as bad as the worst and their holds add up",
     "buckets 0 0 0; set answers=0 failures=0; before;"
     "buckets 99 99 100; set answers=10 failures=5 held=3; add;"
     "is p99 100 errors 500 held 3 backlog -;"
     "buckets 0 99 100; set answers=10 failures=1 held=4; add; is p99 500 errors 500 held 7;"
     "buckets 99 99 100; set answers=10 failures=7 backlog=3; add;"
     "is p99 500 errors 700 held 7 backlog 3"},
    {"an impossible number of held seats counts as very many",
     "set held=7 backlog=3; add; set held=2e15 backlog=4; add; is held 1000000000000007 backlog 7"},
    {"a missing figure is null",
     "set backlog=3; add; json {'p99_ms':null,'error_share':null,'held':null,'backlog':3}"},
    {"each figure alone makes a look",
     "look fairgate_sagas_open 0; look fairgate_seats_held 0;"
     "look fairgate_seats_held{event='show'} 1e2\n; look " ANSWERS "{class='2xx'} 1;"
     "look " BUCKET "{le='0.1'} 1;"
     "look fairgate_sagas_open 000000000000000000000000000000000000007"},
    {"a page without figures is refused",
     "bad; bad {; bad {}; bad {'held':4}; bad <html>busy</html>; bad ok\n;"
     "bad fairgate_sagas_open\n; bad fairgate_sagas_open NaN\n;"
     "bad fairgate_sagas_open -3\n; bad fairgate_seats_held{event='other'} 5\n"},
    {"a line that is not understood is skipped",
     "bad fairgate_sagas_open 0000000000000000000000000000000000000007;"
     "bad fairgate_sagas_open 7x; bad fairgate_sagas_open{event='show' 7;"
     "bad #fairgate_sagas_open 7; bad fairgate_sagas_opened 7;"
     "bad " ANSWERS "{listener='private',class='2xx'} 1; bad " BUCKET " 1;"
     "bad " BUCKET "{le=''} 1; bad " BUCKET "{le=0.1} 1; bad " BUCKET "{le='-1'} 1"},
    /* Twenty are enough. Responses beyond the last bound count as below twice that bound. */
    {"enough answers between two looks give a percentile",
     "buckets 1 2 3; before; buckets $a $b $c; ripe $d; add; is p99 $e errors -"
     " || 21 22 23 1 99 | 20 21 22 0 - | 1 1002 1003 1 496 | 991 1002 1003 1 100 | 1 2 1003 1 995 |"
     "1 992 1003 1 500"},
    {"one answer is enough for a share of errors",
     "set answers=10 failures=5; before; set answers=11 failures=6; add; is errors 1000"},
    {"without answers errors are 0", "look " PAGE "; before; ripe 0; add; is p99 - errors 0"},
    {"looks of another run or version are not compared",
     "buckets 100 100 100; set answers=10 failures=5; before; buckets 300 300 300;"
     "set answers=20 failures=5; set $a; ripe 1; add; is p99 - errors -"
     " || len=2 | le=0.6 | fast=99 | answers=9 | failures=4"},
    {"looks of one run are compared",
     "buckets 100 100 100; set answers=10 failures=5; before; buckets 300 300 300;"
     "set answers=20 failures=10; add; is p99 99 errors 500"},
    {"a share of errors is rounded to thousandths, and at most 1",
     "set answers=0 failures=0; before; set answers=$a failures=$b; add; is errors $c"
     " || 10000 4 0 | 10000 5 1 | 10000 14 1 | 2 5 1000"},
};

static void start(void)
{
    memset(&before, 0, sizeof(before));
    memset(&now, 0, sizeof(now));
    memset(&reading, 0, sizeof(reading));
    before_or_null = NULL;
}

TEST_CASE(a_page_lists_whether_each_event_is_served)
{
    struct span rest = span_of(script_json("# HELP fairgate_seats_open 1 while they can be taken\n"
                                           "# TYPE fairgate_seats_open gauge\n"
                                           "fairgate_seats_open{event='show'} 1\n"
                                           "fairgate_seats_open_ever{event='not-this'} 1\n"
                                           "fairgate_seats_open 1\n"
                                           "fairgate_seats_open{event='gala'} no\n"
                                           "fairgate_seats_open{event='gala'} 0")),
                event;
    bool served;
    assert_true(health_next_served(&rest, &event, &served));
    assert_span(event, "show");
    assert_true(served);
    assert_true(health_next_served(&rest, &event, &served));
    assert_span(event, "gala");
    assert_false(served);
    assert_false(health_next_served(&rest, &event, &served));
}

TEST_CASE(only_the_first_buckets_of_a_long_histogram_are_used)
{
    static char many[16384];
    struct text text = text_on(many, sizeof(many));
    for (unsigned i = 1; i <= HEALTH_BUCKETS_MAX + 4; i++)
        text_printf(&text, BUCKET "{listener=\"public\",le=\"%u\"} %u\n", i, i);
    assert_false(text.overflown);
    assert_true(health_parse(text_span(&text), SPAN("show"), &now));
    assert_int_equal(now.buckets_len, HEALTH_BUCKETS_MAX);
    assert_true(now.bucket[HEALTH_BUCKETS_MAX - 1].le_s == HEALTH_BUCKETS_MAX);
}

TEST_CASE(buckets_of_several_listeners_add_up_in_any_order)
{
    static const char text[] =
        BUCKET "{le='+Inf', listener='a'} 9\n" BUCKET "{listener='a', le='0.1'} 1\n" BUCKET
               "{listener='a',le='1'} 5\n" BUCKET "{listener='b',le='0.1'} 2\n" BUCKET
               "{listener='b',le='0.5'} 3\n" BUCKET "{listener='b',le='+Inf'} 4\n";
    static const double counts[] = {3, 3, 5, 13}, bounds[] = {0.1, 0.5, 1, HUGE_VAL};
    assert_true(health_parse(span_of(script_json(text)), SPAN("show"), &now));
    assert_int_equal(now.buckets_len, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(now.bucket[i].count == counts[i]);
        assert_true(now.bucket[i].le_s == bounds[i]);
    }
}

UNIT_BETWEEN(start, NULL)
SCRIPT_TESTS(rows, script_verbs)
