/* pacing_test.c: how a peer in trouble is left alone, and how fast all processes call one.
 *
 * Statements of a row (script.h):
 *
 *   breaker TRIP OPEN_MS MAX_MS | budget SHARE PER_S CAP | gate PER_S BURST | pace PER_S
 *                              the thing under test
 *   at TIME, after TIME        the clock
 *   missed | heard | unasked | allows | refuses | wait MS | opened N           of the breaker
 *   probes N MS                N times: the wait is MS, then a probe goes and is not answered
 *   earn | give-back           of the budget
 *   take WANT N                of N callers at the budget or the gate this many get through
 *   until TIME STEP N WANT     the same of N callers at each step of the clock until then
 *   pay N                      so many calls leave, at the pace
 *   asks N, answered, lost     a report of N calls leaves (0: none), and its end
 *   calls PURPOSE TIMES STEP N WANT [reported]   of N callers after each step of the clock
 *   share TIME                 the pace of this process: the time between two of its calls */
#include "core/pace/breaker.h"
#include "core/pace/budget.h"
#include "core/pace/gate.h"
#include "core/pace/pace.h"
#include "script.h"
#include "steps.h"

enum { MS = 1000, PROCESSES = 5, BEGIN_US = 60000000 };

static struct breaker breaker;
static struct budget budget;
static struct gate gate;
static bool is_gate;

static struct processes {
    uint64_t now_us, paid_us; /* the database stores up to when calls are paid for */
    struct pace paces[PROCESSES];
    uint32_t answers_after_ms;
    uint64_t asked_us[PROCESSES];
    uint32_t reports[PROCESSES]; /* that are out; 0: none */
    unsigned calls[PROCESSES], each_ms[10000], len;
} all;

static struct pace *begin(uint32_t per_s, uint32_t answers_after_ms)
{
    all = (struct processes){.answers_after_ms = answers_after_ms, .now_us = BEGIN_US};
    for (int i = 0; i < PROCESSES; i++)
        pace_init(&all.paces[i], per_s);
    return &all.paces[0];
}

static void answer(struct pace *pace, uint32_t calls)
{
    uint64_t from_us = all.paid_us > all.now_us ? all.paid_us : all.now_us;
    all.paid_us = from_us + (uint64_t)calls * pace_interval_us(pace);
    pace_reported(pace, calls, all.paid_us - all.now_us, all.now_us);
}

static void report(struct pace *pace)
{
    uint32_t calls;
    if (pace_report(pace, all.now_us, &calls))
        answer(pace, calls);
}

/* How many of `callers` calls are allowed. */
static unsigned paid(struct pace *pace, enum pace_purpose purpose, unsigned callers)
{
    unsigned calls = 0;
    for (; callers > 0; callers--) {
        if (pace_wait_ms(pace, purpose, all.now_us) > 0)
            continue;
        pace_pay(pace, all.now_us);
        calls++;
    }
    return calls;
}

/* ---- rows ---- */

/* A number of the statement. */
static uint32_t given(const struct script_line *line, unsigned at)
{
    return (uint32_t)script_number_at(line, at);
}

SCRIPT_DOES("breaker", breaker_init(&breaker, given(line, 1), given(line, 2), given(line, 3)))
SCRIPT_DOES("pace", begin(given(line, 1), 0))

SCRIPT_VERB(set_up_budget, "budget")
{
    budget_init(&budget, given(line, 1), given(line, 2), given(line, 3), 0);
    is_gate = false;
}

SCRIPT_VERB(set_up_gate, "gate")
{
    gate_init(&gate, given(line, 1), given(line, 2));
    is_gate = true;
}

SCRIPT_DOES("at", all.now_us = script_number_at(line, 1))
SCRIPT_DOES("after", all.now_us += script_number_at(line, 1))
SCRIPT_DOES("missed", breaker_missed(&breaker, all.now_us))
SCRIPT_DOES("heard", breaker_answered(&breaker))
SCRIPT_DOES("unasked", breaker_unasked(&breaker, all.now_us))
SCRIPT_DOES("wait",
            script_expect(line, script_word(line, 1), breaker_wait_ms(&breaker, all.now_us)))
SCRIPT_DOES("opened", script_expect(line, script_word(line, 1), breaker.opened))
SCRIPT_DOES("allows", assert_true(breaker_allow(&breaker, all.now_us)))
SCRIPT_DOES("refuses", assert_false(breaker_allow(&breaker, all.now_us)))
SCRIPT_DOES("earn", budget_earn(&budget))
SCRIPT_DOES("give-back", budget_give_back(&budget))

SCRIPT_VERB(miss_probes, "probes")
{
    uint64_t wait_ms = script_number_at(line, 2);
    for (uint64_t probes = script_number_at(line, 1); probes > 0; probes--) {
        assert_int_equal(breaker_wait_ms(&breaker, all.now_us), wait_ms);
        all.now_us += wait_ms * MS;
        assert_true(breaker_allow(&breaker, all.now_us));
        breaker_missed(&breaker, all.now_us);
    }
}

static uint64_t taken(uint64_t callers)
{
    uint64_t taken = 0;
    for (; callers > 0; callers--)
        taken += is_gate ? gate_take(&gate, all.now_us) : budget_take(&budget, all.now_us);
    return taken;
}

SCRIPT_DOES("take", script_expect(line, script_word(line, 1), taken(script_number_at(line, 2))))

SCRIPT_VERB(expect_taken_until, "until")
{
    uint64_t sum = 0;
    for (; all.now_us <= script_number_at(line, 1); all.now_us += script_number_at(line, 2))
        sum += taken(script_number_at(line, 3));
    script_expect(line, script_word(line, 4), sum);
}

SCRIPT_VERB(pay, "pay")
{
    for (uint64_t calls = script_number_at(line, 1); calls > 0; calls--)
        pace_pay(&all.paces[0], all.now_us);
}

SCRIPT_VERB(expect_report, "asks")
{
    all.reports[0] = 0;
    pace_report(&all.paces[0], all.now_us, &all.reports[0]);
    script_expect(line, script_word(line, 1), all.reports[0]);
}

SCRIPT_DOES("answered", pace_reported(&all.paces[0], all.reports[0], 0, all.now_us))
SCRIPT_DOES("lost", pace_unanswered(&all.paces[0]))
SCRIPT_DOES("share",
            script_expect(line, script_word(line, 1), atomic_load(&all.paces[0].share_ns) / 1000))

SCRIPT_VERB(expect_calls, "calls")
{
    static const char *const purposes[] = {"poll", "make", "take", NULL};
    enum pace_purpose purpose = script_choice(line, script_word(line, 1), purposes);
    unsigned sum = 0;
    for (uint64_t times = script_number_at(line, 2); times > 0; times--) {
        all.now_us += script_number_at(line, 3);
        sum += paid(&all.paces[0], purpose, (unsigned)script_number_at(line, 4));
        if (script_has(line, "reported"))
            report(&all.paces[0]);
    }
    script_expect(line, script_word(line, 5), sum);
}

static void start(void)
{
    all.now_us = 0;
}

#define OPEN "breaker 1 1000 1000; missed; "

static const struct script_row rows[] = {
    {"breaker_opens_after_misses_in_a_row",
     "breaker 3 1000 1000; missed; missed; heard; missed; missed; allows; missed; refuses; at "
     "400ms; wait 600; opened 1"},
    {"half_open_breaker_lets_one_probe_through",
     OPEN "at 1s-1; refuses; at 1s; allows; at 1s+1; refuses; at 1500ms; missed; at 2400ms; "
          "refuses; at 2500ms; allows; heard; at 2500ms+1; allows; wait 0"},
    {"probe_that_never_reports_is_given_up", OPEN "at 1s; allows; at 2s; allows"},
    {"probe_that_was_not_sent_leaves_its_turn_to_another",
     "breaker 1 1000 1000; unasked; allows; missed; at 500ms; unasked; at 1s-1; refuses; at 1s; "
     "allows; at 1s+1; unasked; allows; at 1s+2; refuses"},
    {"long_outage_is_probed_less_often", "breaker 1 500 3000; missed; probes 9 500; probes 1 1000; "
                                         "probes 1 2000; probes 9 3000; heard; missed; wait 500"},
    {"late_misses_do_not_keep_a_breaker_open", OPEN "at 900ms; missed; at 1s; allows"},
    {"breaker_whose_pause_is_over_needs_no_wait", OPEN "at 1s-1; wait 1; at 1s; wait 0"},

    {"retries_are_a_share_of_first_tries_and_a_trickle",
     "budget 100 2 5; take 5 6; earn; earn; earn; earn; earn; earn; earn; earn; earn; earn; take 1 "
     "2; at 500ms; take 1 2; give-back; take 1 2"},
    {"frequent_calls_do_not_round_the_trickle_away", "budget 0 1 1; take 1 1; until 10s 333 1 9"},
    {"unused_budget_is_full_after_days_and_no_fuller",
     "budget 100 1 2000; at 1h; take 2000 2001; budget 100 1 2000; at 1000h; take 2000 2001; "
     "budget 100 1 2000; at 1000000h; take 2000 2001; budget 100 1 2000; at 1000000000h; take 2000 "
     "2001"},

    {"gate_lets_a_burst_and_then_its_rate_through",
     "gate 10 3; at 5s; take 3 100; at 5100ms-1; take 0 100; at 5100ms; take 1 100; at 9s; take 3 "
     "100; at 9s+1; until 10s 1000 2 9..10"},

    {"low_rate_allows_whole_tries_as_well",
     "pace 1; calls take 5 10ms 100 8 reported; pace 36; calls take 5 10ms 100 9..10 reported"},
    {"late_answer_to_a_report_measures_no_pace",
     "pace 100; pay 1; asks 1; pay 1; answered; after 3s; asks 1; answered; share 1s"},
    {"lost_report_is_repeated_after_a_longer_pause",
     "pace 100; pay 1; asks 1; answered; pay 1; after 10ms-1; asks 0; after 1; pay 1; asks 2; lost;"
     "pay 1; after 200ms-1; asks 0; after 1; pay 1; asks 4; answered; after 10ms; asks 0"},
    /* Measured from the first report on: so many calls, and again so many in the time. */
    {"last_pace_is_between_a_call_a_second_and_the_whole_rate",
     "pace 10; calls make 1 0 0 0 reported; pay $a; calls make 1 0 0 0 reported; pay $a; after $b;"
     "calls make 1 0 0 0 reported; pay 1; after 1s; asks 1..99; lost; calls make 10000 1ms 1 $c"
     " || 1 5s 10..11 | 3 1s 29..31 | 50 1s 99..101"},
    {"process_that_never_had_an_answer_makes_a_call_a_second",
     "pace 1000; calls take 1 0 1 1; asks 1; lost; calls make 9999 1ms 1 9..10"},
};

/* ---- two callers of which one interrupts the other anywhere ---- */

struct two {
    struct gate gate;
    struct pace pace;
    uint32_t waits[2];
    bool took[2];
};

static void take_one(void *ctx)
{
    ((struct two *)ctx)->took[0] = gate_take(&((struct two *)ctx)->gate, 1000000);
}

static void take_another(void *ctx)
{
    ((struct two *)ctx)->took[1] = gate_take(&((struct two *)ctx)->gate, 1000000);
}

static void pay_one(void *ctx)
{
    gate_pay(&((struct two *)ctx)->gate, 1000000);
}

static void wait_one(void *ctx)
{
    struct two *two = ctx;
    two->waits[0] = pace_wait_ms(&two->pace, PACE_TAKE, 1000000);
}

static void wait_another(void *ctx)
{
    struct two *two = ctx;
    two->waits[1] = pace_wait_ms(&two->pace, PACE_TAKE, 1000000);
}

TEST_CASE(two_simultaneous_callers_are_both_counted)
{
    bool took = true, paid = true, waited = true;
    for (unsigned n = 1; took || paid || waited; n++) {
        struct two two = {.took = {false, false}};
        gate_init(&two.gate, 10, 1);
        took = steps_until(n, take_one, take_another, &two);
        assert_true(took ? two.took[0] != two.took[1] : two.took[0]);

        gate_init(&two.gate, 10, 4);
        paid = steps_until(n, pay_one, pay_one, &two);
        assert_int_equal(gate_ahead_ns(&two.gate, 1000000), paid ? 200000000 : 100000000);

        pace_init(&two.pace, 10);
        while (pace_wait_ms(&two.pace, PACE_TAKE, 1000000) == 0)
            pace_pay(&two.pace, 1000000);
        waited = steps_until(n, wait_one, wait_another, &two);
        assert_true(two.waits[0] > 0);
        if (waited)
            assert_int_equal(abs((int)two.waits[0] - (int)two.waits[1]), 100);
    }
}

TEST_CASE(each_of_many_callers_has_its_own_rate)
{
    static struct gate_set set;
    static const char *const keys[] = {"a", "b", "ab", "ba"};
    gate_set_init(&set, 1, 2);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        for (unsigned n = 0; n < 3; n++)
            assert_int_equal(gate_set_take(&set, span_of(keys[i]), 1), n < 2);
        assert_true(gate_set_take(&set, span_of(keys[i]), 1000001));
    }
}

TEST_CASE(members_with_consecutive_numbers_rarely_share_a_rate)
{
    static struct gate_set set;
    unsigned shared = 0;
    gate_set_init(&set, 1, 1);
    for (unsigned member = 1; member <= 200; member++) {
        char key[8];
        snprintf(key, sizeof(key), "%u", member);
        shared += !gate_set_take(&set, span_of(key), 1);
    }
    assert_in_range(shared, 0, 20);
}

/* ---- the pace of several processes ---- */

/* Simulates milliseconds in which the first `len` processes call as often as they may. */
static void run(unsigned ms, int len)
{
    for (; ms > 0; ms--) {
        unsigned calls = 0;
        for (int i = 0; i < len; i++) {
            struct pace *pace = &all.paces[i];
            unsigned made = paid(pace, PACE_TAKE, 50);
            all.calls[i] += made;
            calls += made;
            if (all.reports[i] == 0 && pace_report(pace, all.now_us, &all.reports[i]))
                all.asked_us[i] = all.now_us;
            if (all.reports[i] > 0 && all.now_us >= all.asked_us[i] + all.answers_after_ms * MS) {
                answer(pace, all.reports[i]);
                all.reports[i] = 0;
            }
        }
        assert_true(all.len < sizeof(all.each_ms) / sizeof(all.each_ms[0]));
        all.each_ms[all.len++] = calls;
        all.now_us += MS;
    }
}

static unsigned most_in_a_second(void)
{
    unsigned most = 0, sum = 0;
    for (unsigned i = 0; i < all.len; i++) {
        sum += all.each_ms[i] - (i >= 1000 ? all.each_ms[i - 1000] : 0);
        most = sum > most ? sum : most;
    }
    return most;
}

static unsigned calls_of_all(void)
{
    unsigned sum = 0;
    for (int i = 0; i < PROCESSES; i++)
        sum += all.calls[i];
    return sum;
}

TEST_CASE(several_processes_share_one_rate)
{
    static const uint32_t rates[] = {20, 100, 1000};
    for (int rate = 0; rate < 3; rate++) {
        for (uint32_t slow_ms = 0; slow_ms <= 100; slow_ms += 50) {
            uint32_t per_s = rates[rate], burst = per_s / 4 > 8 ? per_s / 4 : 8;
            uint32_t trust = per_s / 16 > 6 ? per_s / 16 : 6;
            begin(per_s, slow_ms);
            run(5000, PROCESSES);
            assert_true(most_in_a_second() <= per_s + burst + PROCESSES * trust);
            assert_in_range(calls_of_all(), 5 * per_s * 95 / 100,
                            5 * per_s + burst + PROCESSES * trust);
            for (int i = 0; i < PROCESSES; i++) /* each keeps a share */
                assert_true(all.calls[i] >= per_s / 4);
        }
    }
}

TEST_CASE(remaining_processes_have_the_whole_rate_at_once)
{
    begin(100, 5);
    for (int left = PROCESSES; left > 0; left--) { /* processes die one by one */
        unsigned before = calls_of_all();
        run(2000, left);
        assert_in_range(calls_of_all() - before, 190, 200 + (left == PROCESSES ? 60 : 30));
    }
}

/* Ten seconds in which no report succeeds: refused, or without a response. */
static unsigned calls_alone(struct pace *pace, bool refused)
{
    unsigned sum = 0;
    uint32_t calls;
    if (all.reports[pace - all.paces] > 0 && refused)
        pace_unanswered(pace);
    for (int ms = 0; ms < 10000; ms++) {
        sum += paid(pace, PACE_POLL, 2) + paid(pace, PACE_TAKE, 2);
        if (pace_report(pace, all.now_us, &calls) && refused)
            pace_unanswered(pace);
        all.now_us += MS;
    }
    if (!refused)
        pace_unanswered(pace); /* so that another report may follow */
    return sum;
}

TEST_CASE(process_without_the_database_keeps_its_last_rate)
{
    begin(90, 5);
    run(3000, 3);
    for (int i = 0; i < 3; i++) {
        struct pace *pace = &all.paces[i];
        uint32_t calls;
        assert_in_range(calls_alone(pace, i != 0), 200, 400); /* its share is thirty a second */
        assert_true(atomic_load(&pace->unanswered) >= 1);
        /* Those calls do not block the other processes afterwards. */
        all.now_us += 1000000;
        assert_true(pace_report(pace, all.now_us, &calls));
        assert_true(calls <= 6 + 1);
        pace_reported(pace, calls, 0, all.now_us);
        assert_int_equal(pace_wait_ms(pace, PACE_TAKE, all.now_us), 0);
    }
}

/* ---- the pace of one process ---- */

TEST_CASE(polls_leave_a_reserve_for_captures)
{
    struct pace *pace = begin(100, 0); /* a burst of 25, a trust of 6 */
    unsigned sums[PACE_PURPOSES] = {0};
    for (int i = 0; i < 220;
         i++, all.now_us += 10000) { /* too many polls, then makes, then takes */
        enum pace_purpose purpose = i < 200 ? PACE_POLL : i < 210 ? PACE_MAKE : PACE_TAKE;
        sums[purpose] += paid(pace, purpose, 100);
        if (purpose == PACE_POLL && i % 10 == 0)
            assert_int_equal(paid(pace, PACE_TAKE, 1), 1);
        report(pace);
    }
    assert_in_range(sums[PACE_POLL], 150, 12 + 200 - 20);
    assert_in_range(sums[PACE_MAKE], 5 + 9, 20);
    assert_in_range(sums[PACE_TAKE], 4 + 9, 16);
    assert_true(atomic_load(&pace->held_back[PACE_POLL]) > 1000);
    assert_true(atomic_load(&pace->calls) <= 25 + 220);
}

TEST_CASE(waiting_callers_get_turns_at_the_rate)
{
    struct pace *pace = begin(50, 0);
    uint32_t last_ms = 0;
    paid(pace, PACE_POLL, 6);
    for (int i = 0; i < 1000; i++) {
        uint32_t wait_ms = pace_wait_ms(pace, PACE_POLL, all.now_us);
        assert_true(wait_ms >= last_ms);
        last_ms = wait_ms;
    }
    assert_in_range(last_ms, 19500, 20500); /* a thousand turns of 20 ms */
    for (int i = 0; i < 1000; i++)
        assert_true(pace_wait_ms(pace, PACE_POLL, all.now_us) <= 30000);
    assert_in_range(pace_wait_ms(pace, PACE_TAKE, all.now_us), 0, 100); /* has its own queue */
}

SCRIPT_TESTS_IN(rows, script_verbs, start, NULL)
