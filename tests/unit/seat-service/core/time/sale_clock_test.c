/* sale_clock_test.c: the time of the sale follows the server's clock, whatever other clocks say. A
 * clock is given by its value at the monotonic clock's 0. */
#include "core/time/sale_clock.h"
#include "script.h"
#include "steps.h"

static struct clock_fake machine;
static struct sale_clock sale;
static uint64_t server_us, newest_us;

static uint64_t now_us(void)
{
    uint64_t time_us = clock_wall_us(&sale.clock);
    assert_true(time_us >= newest_us);
    newest_us = time_us;
    assert_int_equal(clock_mono_us(&machine.clock), clock_mono_us(&sale.clock));
    return time_us;
}

SCRIPT_DOES("machine", machine.now_wall_us = machine.now_mono_us + script_number_at(line, 1))
SCRIPT_DOES("server", server_us = script_number_at(line, 1))

/* "asks 10ms": a response takes this long, and the server reads its clock halfway; with "first" or
 * "last" at the beginning or the end. */
SCRIPT_VERB(ask, "asks")
{
    uint64_t asked_us = machine.now_mono_us, wait_us = script_number_at(line, 1);
    uint64_t given_us = script_has(line, "first")  ? 0
                        : script_has(line, "last") ? wait_us
                                                   : wait_us / 2;
    clock_fake_step(&machine, wait_us);
    sale_clock_sample(&sale, asked_us, machine.now_mono_us, asked_us + given_us + server_us);
    (void)now_us();
}

SCRIPT_VERB(pass, "passes")
{
    uint64_t whole_us = script_number_at(line, 1);
    for (unsigned i = 0; i < 100; i++) {
        clock_fake_step(&machine, whole_us / 100);
        (void)now_us();
    }
}

SCRIPT_DOES("is", script_expect(line, script_word(line, 1), now_us() - machine.now_mono_us))
SCRIPT_DOES("apart", script_expect(line, script_word(line, 1), atomic_load(&sale.apart_ms)))
SCRIPT_DOES("trusted",
            script_expect(line, script_has(line, "yes") ? "1" : "0", sale_clock_is_trusted(&sale)))

static const struct script_row rows[] = {
    {"follows_the_machine_until_the_first_answer",
     "is 9000s; passes 60s; machine 9999s; is 9000s; trusted no"},
    {"the_first_answer_sets_the_clock", "server 12600s; asks 10ms; is 12600s; apart 0; trusted no"},
    {"a_machine_that_is_behind_is_set_as_well", "server 5400s; asks 10ms; is 5400s; trusted no"},
    {"is_trusted_once_the_two_clocks_agree",
     "server 12600s; asks 10ms; trusted no; machine 12605s; asks 10ms; trusted yes"},
    {"is_not_trusted_with_more_than_the_bound_between_them",
     "server 9000s; machine 9006s; asks 10ms; trusted no; machine 8994s; asks 10ms; trusted no; "
     "machine 8996s; asks 10ms; trusted yes"},
    {"stays_trusted_when_the_machine_is_set_later",
     "server 9000s; asks 10ms; machine 12600s; asks 10ms; trusted yes"},
    {"is_not_trusted_while_the_server_is_far_away",
     "server 9000s; asks 10ms; server 5400s; asks 1ms; trusted no; server 9005s; asks 0; trusted "
     "yes"},
    {"a_time_that_a_wrong_server_has_set_is_not_trusted",
     "server 12600s; asks 2ms; server 9000s; asks 1ms; trusted no; machine 12600s; asks 0; trusted "
     "no"},
    {"a_machine_that_is_set_changes_nothing",
     "server 9000s; asks 10ms; machine 99s; passes 60s; asks 10ms; is 9000s; apart 0"},
    {"a_server_that_is_set_ahead_is_approached_slowly",
     "server 9000s; asks 2ms; server 12600s; asks 1ms; is 9000s; apart 3600000; passes 100s; "
     "is 9000s+500ms; asks 1ms; apart 3599499..3599500; passes 1000s; is 9005500000..9005500010"},
    {"a_server_that_is_set_back_is_approached_slowly_and_time_goes_on",
     "server 9000s; asks 2ms; server 5400s; asks 1ms; passes 100s; is 8999s+500ms; asks 1ms; "
     "apart 3599499..3599500"},
    {"the_drift_ends_at_the_time_of_the_server",
     "server 9000s; asks 2ms; server 9000s+100ms; asks 1ms; passes 19s; is 9000s+95ms; passes 2s; "
     "is 9000s+100ms; passes 600s; is 9000s+100ms; asks 1ms; server 9000s; asks 0; passes 20s; "
     "is 9000s; passes 600s; is 9000s"},
    {"the_fastest_answer_wins",
     "server 9000s; asks 800ms first; is 8999s+600ms; asks 10ms last; passes 200s; is 9000s+5ms; "
     "asks 900ms last; passes 200s; is 9000s+5ms; "
     "asks 10ms first; passes 200s; is 9000s+5ms; asks 9ms first; passes 200s; is 8999995500"},
    {"an_old_answer_is_forgotten",
     "server 9000s; asks 1ms; server 9000s+50ms; asks 20ms; asks 20ms; asks 20ms; asks 20ms; "
     "asks 20ms; asks 20ms; asks 20ms; asks 20ms; asks 20ms; asks 20ms; asks 20ms; asks 20ms; "
     "asks 20ms; asks 20ms; asks 20ms; passes 60s; is 9000s; asks 20ms; passes 60s; "
     "is 9000s+50ms"},
    {"a_slow_answer_is_ignored",
     "server 12600s; asks 1001ms; is 9000s; trusted no; asks 1000ms; is 12600s"},
};

static void begin(void)
{
    clock_fake_init(&machine, 0);
    machine.now_wall_us = machine.now_mono_us + UINT64_C(9000) * 1000000;
    sale_clock_init(&sale, &machine.clock);
    server_us = newest_us = 0;
}

/* ---- a response arrives during a read ---- */

static uint64_t read_us;

static void read_time(void *ctx)
{
    (void)ctx;
    read_us = clock_wall_us(&sale.clock) - machine.now_mono_us;
}

static void answer_twice(void *ctx)
{
    const uint64_t *server = ctx;
    uint64_t now_us = machine.now_mono_us;
    sale_clock_sample(&sale, now_us, now_us, now_us + server[0]);
    sale_clock_sample(&sale, now_us, now_us, now_us + server[1]);
}

static void begin_long_ago(void)
{
    begin();
    clock_fake_step(&machine, UINT64_C(1000000) * 1000000);
}

/* The time reaches the new target at once; plus the old rest, a reader would see a third time. */
TEST_CASE(reader_never_sees_a_mix_of_two_times)
{
    const uint64_t old_us = UINT64_C(9000) * 1000000, new_us = 2 * old_us;
    uint64_t server[] = {new_us, new_us};
    unsigned new_reads = 0, n = 1;
    begin_long_ago();
    for (; steps_until(n, read_time, answer_twice, server); n++, begin_long_ago()) {
        assert_true(read_us == old_us || read_us == new_us);
        new_reads += read_us == new_us;
    }
    assert_true(n == 1 || (new_reads > 0 && new_reads < n));
}

SCRIPT_TESTS_IN(rows, script_verbs, begin, NULL)
