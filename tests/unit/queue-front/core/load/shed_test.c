/* shed_test.c: which joins are accepted, and when rejected ones should come back.
 *
 *   init N                 initial room for N joins: N in 0.4 s
 *   tick ANSWERED WAITING [TIMES] [MS that each answered join had waited]
 *   room N                 N - 1 waiting joins leave room for another one, N do not
 *   refuse TIMES PENDING   TIMES joins are rejected while PENDING wait
 *   back LUCK SECONDS      when to come back; LUCK: 0, half or all of the random range */
#include "core/load/shed.h"
#include "script.h"

static struct shed shed;

SCRIPT_DOES("init", shed_init(&shed, (uint32_t)script_number_at(line, 1)))

SCRIPT_VERB(tick, "tick")
{
    uint64_t times = line->len > 3 ? script_number_at(line, 3) : 1;
    for (uint64_t i = 0; i < times; i++) {
        for (uint64_t answered = 0; answered < script_number_at(line, 1); answered++)
            shed_answered(&shed, line->len > 4 ? (uint32_t)script_number_at(line, 4) : 0);
        shed_tick(&shed, (uint32_t)script_number_at(line, 2));
    }
}

SCRIPT_VERB(expect_room, "room")
{
    script_expect(line, "1", shed_allows(&shed, script_number_at(line, 1) - 1));
    script_expect(line, "0", shed_allows(&shed, script_number_at(line, 1)));
}

SCRIPT_VERB(refuse, "refuse")
{
    for (uint64_t times = script_number_at(line, 1), pending = script_number_at(line, 2); times > 0;
         times--)
        assert_false(shed_allows(&shed, pending));
}

SCRIPT_VERB(expect_back, "back")
{
    static const char *const names[] = {"0", "half", "all", NULL};
    static const uint32_t random[] = {0, UINT32_MAX / 2, UINT32_MAX};
    unsigned luck = script_choice(line, script_word(line, 1), names);
    script_expect(line, script_word(line, 2), shed_retry_s(&shed, random[luck]));
}

static const struct script_row rows[] = {
    /* A tick of 5000 is 50,000 a second. While no join waits, the capacity is unknown. */
    {"as many wait for Redis as it answers in time",
     "init 4096; room 4096; tick 5000 1; room 20000; tick 0 1 50; room 512; tick 0 0; room 4096"},
    /* The joins wait for the loop's own turns: fewer waiting joins would speed up none. */
    {"a loop with long turns accepts more as long as they are in time",
     "init 512; refuse 100 512; tick 128 512 1 350; room 640; refuse 100 640; tick 160 640 1 399;"
     "room 800; tick 160 640 1 401; room 760; tick 160 640 40 401; room 640"},
    /* At a thousand a second: twenty seconds of work, plus two. */
    {"refused joins come back while all of them can be served",
     "init 400; refuse 20000 512; back 0 1; back all 22; back half 11..12"},
    {"the time to come back is bounded and falls again",
     "init 4096; back all 1..2; refuse 2000000 1000000000; back all 120; tick 0 1;"
     "tick 10000 1 300; back all 1..2"},
    {"a line with room for less than a batch is measured with few",
     "init 100; tick 0 1 100; room 100; back all 1..120"},
    {"answers while nobody waits count if they are many", "init 400; tick 1000 0; room 4000"},
    /* A thousand are served in ten ticks, and a thirtieth fades per second. */
    {"a refused visitor counts until served",
     "init 400; refuse 20000 512; tick 100 1; back all 22; tick 100 1 10; back all 20;"
     "tick 100 1 190; back all 2"},
};

SCRIPT_TESTS(rows, script_verbs)
