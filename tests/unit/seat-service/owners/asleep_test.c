/* asleep_test.c: names are added and removed, up to a database's maximum. No name is lost, and only
 * requested events are wanted. */
#include "base/rng.h"
#include "base/text.h"
#include "owners/asleep.h"
#include "script.h"

#include <inttypes.h>

static struct asleep *asleep;
static struct err_slot err;

static void open_list(void)
{
    assert_int_equal(0, asleep_create(&err, &asleep));
}

static void close_list(void)
{
    asleep_destroy(asleep);
}

static const char *name_of(uint32_t no)
{
    static char id[EVENT_ID_MAX + 1];
    snprintf(id, sizeof(id), "event-%u", no);
    return id;
}

static int put(uint32_t no, uint64_t incarnation, bool awake)
{
    const struct asleep_event event = {(int32_t)no, name_of(no), incarnation, 0, false, 1};
    return asleep_put(asleep, &event, awake, &err);
}

static const char *name_at(const struct script_line *line)
{
    return name_of((uint32_t)script_number_at(line, 1));
}

/* put NO due=MS [asked] [awake]: an event of NO bytes; remove NO; want NO MS */
SCRIPT_VERB(run_put, "put")
{
    uint64_t no = script_number_at(line, 1), due_ms = script_value_or(line, "due", 0);
    const struct asleep_event event = {
        (int32_t)no, name_at(line), 0, due_ms, script_has(line, "asked"), no};
    assert_int_equal(0, asleep_put(asleep, &event, script_has(line, "awake"), &err));
}

SCRIPT_DOES("remove", asleep_remove(asleep, name_at(line)))
SCRIPT_DOES("want", asleep_want(asleep, span_of(name_at(line)), script_number_at(line, 2)))

/* awake|due|wanted NOS now=MS places=NUMBER bytes=NUMBER left=PLACES,BYTES;
 * refused NOS: expects these events in this order, each with the time of its first request */
SCRIPT_VERB(run_take, "awake|due|wanted|refused")
{
    static const char *const kinds[] = {"awake", "due", "wanted", "refused", NULL};
    unsigned kind = script_choice(line, line->words[0], kinds);
    struct asleep_room room = {(uint32_t)script_value_or(line, "places", 4),
                               script_value_or(line, "bytes", 100)};
    int32_t nos[4];
    uint64_t asked_ms[4], now_ms = script_value_or(line, "now", 0);
    uint32_t len = kind > ASLEEP_WANTED
                       ? asleep_refused(asleep, nos, asked_ms, 4)
                       : asleep_take(asleep, (enum asleep_kind)kind, now_ms, nos, asked_ms, &room);
    char got[128] = "";
    struct text text = text_on(got, sizeof(got) - 1);
    for (uint32_t i = 0; i < len; i++)
        text_printf(&text, "%s%d/%" PRIu64, i > 0 ? "," : "", (int)nos[i], asked_ms[i]);
    got[text.len] = '\0';
    script_expect_text(line, script_word(line, 1), got);
    const char *left = script_value(line, "left");
    if (left == NULL)
        return;
    script_expect(line, left, room.places);
    script_expect(line, strchr(left, ',') + 1, room.bytes);
}

/* waiting NUMBER LARGEST now=MS */
SCRIPT_VERB(run_waiting, "waiting")
{
    uint64_t largest, now_ms = script_value_or(line, "now", 0);
    script_expect(line, script_word(line, 1), asleep_waiting(asleep, now_ms, &largest));
    script_expect(line, script_word(line, 2), largest);
}

static const struct script_row rows[] = {
    {"the event that is due first is woken first if it has room",
     "put 1 due=8000; put 2 due=7000; put 3 due=6000; put 4 due=5000; put 5 due=4000; remove 1;"
     "put 1 due=9000; due 5/0,4/0 now=9000 places=2 bytes=100; due 4/0 now=9000 places=1 bytes=4"},
    {"an event is due from its time until it is awake or its hold has ended",
     "put 1 due=1000; put 2 due=2000; put 3 due=3000; put 4; due - now=999; due 1/0 now=1000;"
     "due 1/0,2/0 now=3000 places=2; due 1/0,2/0 now=3000 bytes=5; remove 1; put 2;"
     "due 3/0 now=3000; remove 3; due - now=3000; put 5 due=10; due 5/0 now=3000"},
    {"a requested event is not due as well and always counts as waiting",
     "put 1 due=1000; put 2 due=2000; put 3 due=3000; want 1 500; due 2/0,3/0 now=3000;"
     "waiting 1 1 now=999; waiting 3 3 now=3000"},
    {"a woken event takes a place and its bytes",
     "put 1; put 2 awake; want 1 500; wanted 1/500 left=3,99; awake 2/0 left=3,98"},
    {"the event that was requested first is woken first",
     "put 1; put 2; put 3; put 4; want 1 800; want 2 700; want 3 600; want 4 500; want 3 900;"
     "wanted 4/500,3/600 places=2"},
    {"a refusal is noted once, of an event of which a hold ends",
     "put 1 due=9000; put 2 due=9000; put 3 due=9000; put 4; want 1 800; want 2 700; want 3 600;"
     "want 4 500; refused 1/800,2/700,3/600; put 1 due=9000 asked; refused 2/700,3/600;"
     "wanted 4/500,3/600,2/700,1/800"},
};

TEST_CASE(names_have_a_bound)
{
    for (uint32_t no = 0; no < ASLEEP_NAMES_MAX; no++)
        assert_int_equal(0, put(no, 0, false));
    assert_int_equal(ERR_FULL, put(ASLEEP_NAMES_MAX, 0, true));
    assert_int_equal(0, put(7, 0, true)); /* already listed */
    assert_int_equal(ASLEEP_NAMES_MAX, asleep_len(asleep));
    assert_true(asleep_knows(asleep, SPAN("event-7"), NULL, NULL));
    asleep_remove(asleep, "event-0");
    assert_int_equal(0, put(ASLEEP_NAMES_MAX, 0, false));
}

/* Compared with a plain array. The newest incarnation stays known. A requested event is wanted
 * until it is removed or goes back to sleep after it was awake. */
TEST_CASE(names_agree_with_a_plain_array)
{
    enum { NAMES = 50, STEPS = 20000 };
    const struct rng *rng = unit_rng();
    struct {
        bool here, wanted, awake;
        uint64_t incarnation;
    } events[NAMES] = {{.here = false}};
    for (unsigned step = 0; step < STEPS; step++) {
        uint32_t no = (uint32_t)rng_below(rng, NAMES), len = 0, wanted_len = 0;
        uint64_t incarnation = rng_below(rng, 4), known;
        int32_t nos[NAMES];
        switch (rng_below(rng, 4)) {
        case 0:
            events[no].here = events[no].wanted = events[no].awake = false;
            asleep_remove(asleep, name_of(no));
            break;
        case 1:
            events[no].wanted = events[no].here;
            asleep_want(asleep, span_of(name_of(no)), step + 1);
            break;
        default:
            if (!events[no].here || events[no].incarnation < incarnation)
                events[no].incarnation = incarnation;
            events[no].here = true;
            events[no].wanted = step % 2 == 0 || (events[no].wanted && !events[no].awake);
            events[no].awake = step % 2 == 0;
            assert_int_equal(0, put(no, incarnation, events[no].awake));
        }
        for (uint32_t i = 0; i < NAMES; i++) {
            len += events[i].here;
            wanted_len += events[i].wanted;
            assert_int_equal(events[i].here,
                             asleep_knows(asleep, span_of(name_of(i)), &known, NULL));
            if (events[i].here)
                assert_int_equal(events[i].incarnation, known);
        }
        assert_int_equal(len, asleep_len(asleep));
        struct asleep_room one = {1, NAMES}, all = {NAMES, NAMES};
        uint64_t ms[NAMES];
        uint32_t awake = asleep_take(asleep, ASLEEP_AWAKE, 0, nos, ms, &one);
        assert_int_equal(wanted_len > 0,
                         awake + asleep_take(asleep, ASLEEP_WANTED, 0, nos + awake, ms, &one));
        awake = asleep_take(asleep, ASLEEP_AWAKE, 0, nos, ms, &all);
        assert_int_equal(wanted_len,
                         awake + asleep_take(asleep, ASLEEP_WANTED, 0, nos + awake, ms, &all));
        for (uint32_t i = 0; i < wanted_len; i++)
            assert_true(events[nos[i]].wanted);
    }
}

UNIT_BETWEEN(open_list, close_list)
SCRIPT_TESTS(rows, script_verbs)
