/* pacing_test.c: backoff, breaker and retry budget: how a peer in trouble is treated. */
#include "core/pace/breaker.h"
#include "core/pace/budget.h"
#include "core/pace/gate.h"
#include "core/pace/pace.h"
#include "pace/backoff.h"
#include "steps.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_backoff_is_spread_from_nothing_to_its_bound(void **state)
{
    (void)state;
    struct rng_seeded rng;
    rng_seeded_init(&rng, 1);
    uint32_t low = 0, high = 0;
    for (int i = 0; i < 1000; i++) {
        uint32_t ms = backoff_ms(100, 10000, 4, &rng.rng); /* 100, 200, 400, 800 */
        assert_true(ms <= 800);
        low += ms < 200;
        high += ms > 600;
    }
    assert_true(low > 150 && high > 150);
}

static void a_backoff_never_passes_its_cap(void **state)
{
    (void)state;
    struct rng_seeded rng;
    rng_seeded_init(&rng, 2);
    for (uint32_t tries = 1; tries < 5000; tries += 7)
        assert_true(backoff_ms(100, 3000, tries, &rng.rng) <= 3000);
    assert_true(backoff_ms(100, 3000, UINT32_MAX, &rng.rng) <= 3000);
}

static void a_breaker_opens_after_silence_in_a_row(void **state)
{
    (void)state;
    struct breaker breaker;
    breaker_init(&breaker, 3, 1000, 1000);
    breaker_missed(&breaker, 0);
    breaker_missed(&breaker, 0);
    breaker_heard(&breaker); /* not in a row */
    breaker_missed(&breaker, 0);
    breaker_missed(&breaker, 0);
    assert_true(breaker_allow(&breaker, 0));
    breaker_missed(&breaker, 0);
    assert_false(breaker_allow(&breaker, 0));
    assert_int_equal(breaker_wait_ms(&breaker, 400000), 600);
    assert_int_equal(breaker.opened, 1);
}

static void half_open_lets_one_probe_through(void **state)
{
    (void)state;
    struct breaker breaker;
    breaker_init(&breaker, 1, 1000, 1000);
    breaker_missed(&breaker, 0);
    assert_false(breaker_allow(&breaker, 999999));
    assert_true(breaker_allow(&breaker, 1000000));
    assert_false(breaker_allow(&breaker, 1000001));
    breaker_missed(&breaker, 1500000);
    assert_false(breaker_allow(&breaker, 2400000));
    assert_true(breaker_allow(&breaker, 2500000));
    breaker_heard(&breaker);
    assert_true(breaker_allow(&breaker, 2500001));
    assert_int_equal(breaker_wait_ms(&breaker, 2500001), 0);
}

static void probe_that_never_reports_is_given_up(void **state)
{
    (void)state;
    struct breaker breaker;
    breaker_init(&breaker, 1, 1000, 1000);
    breaker_missed(&breaker, 0);
    assert_true(breaker_allow(&breaker, 1000000));
    assert_true(breaker_allow(&breaker, 2000000));
}

static void probe_that_asked_nothing_leaves_its_turn_to_another(void **state)
{
    (void)state;
    struct breaker breaker;
    breaker_init(&breaker, 1, 1000, 1000);
    breaker_unasked(&breaker, 0);
    assert_true(breaker_allow(&breaker, 0));
    breaker_missed(&breaker, 0);
    breaker_unasked(&breaker, 500000); /* a straggler */
    assert_false(breaker_allow(&breaker, 999999));
    assert_true(breaker_allow(&breaker, 1000000));
    breaker_unasked(&breaker, 1000001);
    assert_true(breaker_allow(&breaker, 1000001));
    assert_false(breaker_allow(&breaker, 1000002));
}

static void an_outage_that_lasts_is_probed_less_often(void **state)
{
    (void)state;
    struct breaker breaker;
    breaker_init(&breaker, 1, 500, 3000);
    uint64_t now_us = 0;
    breaker_missed(&breaker, now_us);
    for (uint32_t probes = 1; probes <= 20; probes++) {
        uint32_t wait_ms = breaker_wait_ms(&breaker, now_us);
        uint32_t grown = probes <= 9 ? 500 : probes == 10 ? 1000 : probes == 11 ? 2000 : 3000;
        assert_int_equal(grown, wait_ms);
        now_us += wait_ms * 1000;
        assert_true(breaker_allow(&breaker, now_us));
        breaker_missed(&breaker, now_us);
    }
    breaker_heard(&breaker);
    breaker_missed(&breaker, now_us);
    assert_int_equal(500, breaker_wait_ms(&breaker, now_us));
}

static void stragglers_do_not_keep_a_breaker_open(void **state)
{
    (void)state;
    struct breaker breaker;
    breaker_init(&breaker, 1, 1000, 1000);
    breaker_missed(&breaker, 0);
    breaker_missed(&breaker, 900000);
    assert_true(breaker_allow(&breaker, 1000000));
}

static void retries_are_a_share_of_first_tries_and_a_trickle(void **state)
{
    (void)state;
    struct budget budget;
    budget_init(&budget, 100, 2, 5, 0);
    for (int i = 0; i < 5; i++)
        assert_true(budget_take(&budget, 0));
    assert_false(budget_take(&budget, 0));
    for (int i = 0; i < 10; i++)
        budget_earn(&budget);
    assert_true(budget_take(&budget, 0));
    assert_false(budget_take(&budget, 0));
    assert_true(budget_take(&budget, 500000)); /* two a second */
    assert_false(budget_take(&budget, 500000));
    budget_give_back(&budget); /* that one was not made */
    assert_true(budget_take(&budget, 500000));
    assert_false(budget_take(&budget, 500000));
}

static void frequent_calls_do_not_round_the_trickle_away(void **state)
{
    (void)state;
    struct budget budget;
    budget_init(&budget, 0, 1, 1, 0);
    assert_true(budget_take(&budget, 0));
    uint32_t taken = 0;
    for (uint64_t now_us = 0; now_us <= 10000000; now_us += 333)
        taken += budget_take(&budget, now_us);
    assert_int_equal(taken, 9);
}

/* ---- the gate ---- */

static unsigned taken(struct gate *gate, uint64_t now_us, unsigned asks)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < asks; i++)
        taken += gate_take(gate, now_us);
    return taken;
}

static void a_gate_lets_a_burst_and_then_its_rate_through(void **state)
{
    (void)state;
    struct gate gate;
    gate_init(&gate, 10, 3);
    assert_int_equal(3, taken(&gate, 5000000, 100));
    assert_int_equal(0, taken(&gate, 5099999, 100));
    assert_int_equal(1, taken(&gate, 5100000, 100));
    assert_int_equal(3, taken(&gate, 9000000, 100)); /* what was not used is not saved up */
    unsigned sum = 0;
    for (uint64_t us = 9000001; us <= 10000000; us += 1000)
        sum += taken(&gate, us, 2);
    assert_in_range(sum, 9, 10);
}

static struct gate shared_gate;

static void *take_many(void *arg)
{
    unsigned *sum = arg;
    for (uint64_t us = 0; us < 1000000; us += 50)
        *sum += gate_take(&shared_gate, 1000000 + us);
    return NULL;
}

static void threads_at_one_gate_get_no_more_than_one_would(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    unsigned sums[THREADS] = {0}, sum = 0;
    gate_init(&shared_gate, 100, 25);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(0, pthread_create(&threads[i], NULL, take_many, &sums[i]));
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        sum += sums[i];
    }
    assert_in_range(sum, 100, 125);
}

/* ---- the pace ---- */

/* What the database keeps for all: the moment up to which calls are paid for. */
struct house {
    uint64_t paid_us;
};

static void report(struct house *house, struct pace *pace, uint64_t now_us)
{
    uint32_t calls;
    if (!pace_report(pace, now_us, &calls))
        return;
    house->paid_us = (house->paid_us > now_us ? house->paid_us : now_us) +
                     (uint64_t)calls * pace_interval_us(pace);
    pace_reported(pace, calls, house->paid_us - now_us, now_us);
}

static unsigned paid(struct pace *pace, enum pace_purpose purpose, uint64_t now_us, unsigned asks)
{
    unsigned calls = 0;
    for (unsigned i = 0; i < asks; i++) {
        if (pace_wait_ms(pace, purpose, now_us) > 0)
            continue;
        pace_pay(pace, now_us);
        calls++;
    }
    return calls;
}

static void polls_leave_a_reserve_for_captures(void **state)
{
    (void)state;
    struct pace pace;
    struct house house = {0};
    pace_init(&pace, 100); /* a burst of 25, a trust of 6 */
    uint64_t now_us = 5000000;
    unsigned polls = 0;
    for (int i = 0; i < 200; i++, now_us += 10000) { /* two seconds of more polls than may be */
        polls += paid(&pace, PACE_POLL, now_us, 100);
        if (i % 10 == 0)
            assert_in_range(paid(&pace, PACE_TAKE, now_us, 1), 1, 1);
        report(&house, &pace, now_us);
    }
    assert_in_range(polls, 150, 12 + 200 - 20);
    unsigned makes = 0, takes = 0;
    for (int i = 0; i < 10; i++, now_us += 10000) {
        makes += paid(&pace, PACE_MAKE, now_us, 100);
        report(&house, &pace, now_us);
    }
    assert_in_range(makes, 5 + 9, 20);
    for (int i = 0; i < 10; i++, now_us += 10000) {
        takes += paid(&pace, PACE_TAKE, now_us, 100);
        report(&house, &pace, now_us);
    }
    assert_in_range(takes, 4 + 9, 16);
    assert_true(atomic_load(&pace.held_back[PACE_POLL]) > 1000);
    assert_true(atomic_load(&pace.calls) <= 25 + 220);
}

static void waiting_callers_get_turns_at_the_rate(void **state)
{
    (void)state;
    struct pace pace;
    pace_init(&pace, 50);
    uint64_t now_us = 5000000;
    paid(&pace, PACE_POLL, now_us, 6);
    uint32_t last_ms = 0;
    for (int i = 0; i < 1000; i++) {
        uint32_t wait_ms = pace_wait_ms(&pace, PACE_POLL, now_us);
        assert_true(wait_ms >= last_ms);
        last_ms = wait_ms;
    }
    assert_in_range(last_ms, 19500, 20500); /* a thousand turns of 20 ms */
    for (int i = 0; i < 1000; i++)
        assert_true(pace_wait_ms(&pace, PACE_POLL, now_us) <= 30000);
    assert_in_range(pace_wait_ms(&pace, PACE_TAKE, now_us), 0, 100); /* a line of its own */
}

/* ---- the pace of several processes ---- */

enum { PROCESSES = 5, MS = 1000 };

struct processes {
    struct house house;
    struct pace paces[PROCESSES];
    uint32_t answers_after_ms;
    uint64_t asked_us[PROCESSES], now_us;
    uint32_t reports[PROCESSES]; /* that are out; 0: none */
    unsigned calls[PROCESSES], each_ms[10000], len;
};

static void processes_init(struct processes *all, uint32_t per_s, uint32_t answers_after_ms)
{
    *all = (struct processes){.answers_after_ms = answers_after_ms, .now_us = 60000000};
    for (int i = 0; i < PROCESSES; i++)
        pace_init(&all->paces[i], per_s);
}

/* A millisecond in which the first `len` of them want to call as often as they may. */
static void step(struct processes *all, int len)
{
    unsigned calls = 0;
    for (int i = 0; i < len; i++) {
        struct pace *pace = &all->paces[i];
        unsigned made = paid(pace, PACE_TAKE, all->now_us, 50);
        all->calls[i] += made;
        calls += made;
        if (all->reports[i] == 0 && pace_report(pace, all->now_us, &all->reports[i]))
            all->asked_us[i] = all->now_us;
        if (all->reports[i] > 0 && all->now_us >= all->asked_us[i] + all->answers_after_ms * MS) {
            uint64_t from_us = all->house.paid_us > all->now_us ? all->house.paid_us : all->now_us;
            all->house.paid_us = from_us + (uint64_t)all->reports[i] * pace_interval_us(pace);
            pace_reported(pace, all->reports[i], all->house.paid_us - all->now_us, all->now_us);
            all->reports[i] = 0;
        }
    }
    assert_true(all->len < sizeof(all->each_ms) / sizeof(all->each_ms[0]));
    all->each_ms[all->len++] = calls;
    all->now_us += MS;
}

static unsigned most_in_a_second(const struct processes *all)
{
    unsigned most = 0, sum = 0;
    for (unsigned i = 0; i < all->len; i++) {
        sum += all->each_ms[i];
        if (i >= 1000)
            sum -= all->each_ms[i - 1000];
        if (sum > most)
            most = sum;
    }
    return most;
}

static unsigned calls_of(const struct processes *all)
{
    unsigned sum = 0;
    for (int i = 0; i < PROCESSES; i++)
        sum += all->calls[i];
    return sum;
}

static void several_processes_hold_the_pace_of_one(void **state)
{
    (void)state;
    static struct processes all;
    static const uint32_t rates[] = {20, 100, 1000};
    for (int rate = 0; rate < 3; rate++) {
        for (uint32_t slow_ms = 0; slow_ms <= 100; slow_ms += 50) {
            uint32_t per_s = rates[rate], burst = per_s / 4 > 8 ? per_s / 4 : 8;
            uint32_t trust = per_s / 16 > 6 ? per_s / 16 : 6;
            processes_init(&all, per_s, slow_ms);
            for (int ms = 0; ms < 5000; ms++)
                step(&all, PROCESSES);
            assert_true(most_in_a_second(&all) <= per_s + burst + PROCESSES * trust);
            assert_in_range(calls_of(&all), 5 * per_s * 95 / 100,
                            5 * per_s + burst + PROCESSES * trust);
            for (int i = 0; i < PROCESSES; i++) /* none is left with nothing */
                assert_true(all.calls[i] >= per_s / 4);
        }
    }
}

static void remaining_processes_have_the_whole_pace_at_once(void **state)
{
    (void)state;
    static struct processes all;
    processes_init(&all, 100, 5);
    for (int left = PROCESSES; left > 0; left--) { /* one after the other dies */
        unsigned before = calls_of(&all);
        for (int ms = 0; ms < 2000; ms++)
            step(&all, left);
        assert_in_range(calls_of(&all) - before, 190, 200 + (left == PROCESSES ? 60 : 30));
    }
}

/* Ten seconds in which no report is answered: refused, or left without an answer. */
static unsigned calls_alone(struct processes *all, struct pace *pace, bool refused)
{
    unsigned sum = 0;
    uint32_t calls;
    if (all->reports[pace - all->paces] > 0 && refused)
        pace_unheard(pace);
    for (int ms = 0; ms < 10000; ms++) {
        sum += paid(pace, PACE_POLL, all->now_us, 2);
        sum += paid(pace, PACE_TAKE, all->now_us, 2);
        if (pace_report(pace, all->now_us, &calls) && refused)
            pace_unheard(pace);
        all->now_us += MS;
    }
    if (!refused)
        pace_unheard(pace); /* so that another one may follow */
    return sum;
}

static void process_without_the_database_keeps_its_last_pace(void **state)
{
    (void)state;
    static struct processes all;
    processes_init(&all, 90, 5);
    for (int ms = 0; ms < 3000; ms++)
        step(&all, 3);
    for (int i = 0; i < 3; i++) {
        struct pace *pace = &all.paces[i];
        uint32_t calls;
        assert_in_range(calls_alone(&all, pace, i != 0), 200,
                        400); /* thirty a second is its part */
        assert_true(atomic_load(&pace->unheard) >= 1);
        /* What it called meanwhile does not stop everybody afterwards. */
        all.now_us += 1000000;
        assert_true(pace_report(pace, all.now_us, &calls));
        assert_true(calls <= 6 + 1);
        pace_reported(pace, calls, 0, all.now_us);
        assert_int_equal(pace_wait_ms(pace, PACE_TAKE, all.now_us), 0);
    }
}

static void process_without_any_answer_calls_once_a_second(void **state)
{
    (void)state;
    struct pace pace;
    uint32_t calls;
    pace_init(&pace, 1000);
    unsigned sum = paid(&pace, PACE_TAKE, 1000000, 1);
    assert_true(pace_report(&pace, 1000000, &calls));
    pace_unheard(&pace);
    for (uint64_t now_us = 1001000; now_us < 11000000; now_us += MS)
        sum += paid(&pace, PACE_MAKE, now_us, 1);
    assert_in_range(sum, 10, 11);
}

/* So many calls are made in so long, then no report is answered any more: how many it makes in ten
 * seconds by itself. */
static unsigned alone_after(unsigned burst, uint64_t quiet_us)
{
    struct pace pace;
    struct house house = {0};
    uint64_t now_us = 60000000;
    uint32_t calls;
    unsigned sum = 0;
    pace_init(&pace, 10);
    for (unsigned i = 0; i < burst; i++)
        pace_pay(&pace, now_us);
    report(&house, &pace, now_us); /* from here on it is measured */
    for (unsigned i = 0; i < burst; i++)
        pace_pay(&pace, now_us);
    now_us += quiet_us;
    report(&house, &pace, now_us);
    pace_pay(&pace, now_us);
    now_us += 1000000;
    assert_true(pace_report(&pace, now_us, &calls));
    pace_unheard(&pace);
    for (int ms = 0; ms < 10000; ms++)
        sum += paid(&pace, PACE_MAKE, now_us += MS, 1);
    return sum;
}

static void last_pace_is_between_a_call_a_second_and_the_whole_rate(void **state)
{
    (void)state;
    assert_in_range(alone_after(1, 5000000), 10, 11);
    assert_in_range(alone_after(3, 1000000), 29, 31);
    assert_in_range(alone_after(50, 1000000), 99, 101);
}

static void late_answer_to_a_report_measures_no_pace(void **state)
{
    (void)state;
    struct pace pace;
    uint32_t calls;
    pace_init(&pace, 100);
    pace_pay(&pace, 60000000);
    assert_true(pace_report(&pace, 60000000, &calls));
    pace_pay(&pace, 60000000);
    pace_reported(&pace, calls, 0, 60000000); /* both calls are in what was measured */
    assert_true(pace_report(&pace, 63000000, &calls));
    pace_reported(&pace, calls, 0, 63000000); /* and none was made since */
    assert_int_equal(atomic_load(&pace.share_ns), 1000000000);
}

static void lost_report_is_repeated_after_a_longer_pause(void **state)
{
    (void)state;
    struct pace pace;
    uint32_t calls;
    uint64_t now_us = 60000000;
    pace_init(&pace, 100);
    for (unsigned lost = 0; lost < 3; lost++) { /* the second one is */
        pace_pay(&pace, now_us);
        assert_true(pace_report(&pace, now_us, &calls));
        if (lost == 1)
            pace_unheard(&pace);
        else
            pace_reported(&pace, calls, 0, now_us);
        pace_pay(&pace, now_us);
        uint64_t pause_us = lost == 1 ? 200000 : 10000;
        assert_false(pace_report(&pace, now_us + pause_us - 1, &calls));
        now_us += pause_us;
    }
}

static void breaker_whose_pause_is_over_needs_no_wait(void **state)
{
    (void)state;
    struct breaker breaker;
    breaker_init(&breaker, 1, 1000, 1000);
    breaker_missed(&breaker, 0);
    assert_int_equal(breaker_wait_ms(&breaker, 999999), 1);
    assert_int_equal(breaker_wait_ms(&breaker, 1000000), 0);
}

static void unused_budget_is_full_after_days_and_no_fuller(void **state)
{
    (void)state;
    for (uint64_t hours = 1; hours <= 1000000000; hours *= 1000) {
        struct budget budget;
        unsigned taken = 0;
        budget_init(&budget, 100, 1, 2000, 0);
        while (budget_take(&budget, hours * 3600000000))
            taken++;
        assert_int_equal(taken, 2000);
    }
}

static void low_rate_allows_whole_tries_as_well(void **state)
{
    (void)state;
    for (uint32_t per_s = 1; per_s <= 36; per_s += 35) {
        struct pace pace;
        unsigned taken = 0;
        pace_init(&pace, per_s);
        struct house house = {0};
        for (uint64_t now_us = 1000000; now_us < 1050000; now_us += 10000) {
            taken += paid(&pace, PACE_TAKE, now_us, 100);
            report(&house, &pace, now_us);
        }
        uint32_t burst = per_s / 4 > 8 ? per_s / 4 : 8;
        assert_in_range(taken, burst, burst + per_s / 20); /* in 50 ms */
    }
}

/* Two at the same word: wherever one interrupts the other, both are counted. */
struct two {
    struct gate gate;
    struct pace pace;
    uint32_t waits[2];
    bool took[2];
};

static void take_one(void *ctx)
{
    struct two *two = ctx;
    two->took[0] = gate_take(&two->gate, 1000000);
}

static void take_another(void *ctx)
{
    struct two *two = ctx;
    two->took[1] = gate_take(&two->gate, 1000000);
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

static void one_of_two_callers_gets_the_last_room_of_a_gate(void **state)
{
    (void)state;
    bool came = true;
    for (unsigned n = 1; came; n++) {
        struct two two = {.took = {false, false}};
        gate_init(&two.gate, 10, 1);
        came = steps_until(n, take_one, take_another, &two);
        assert_true(came ? two.took[0] != two.took[1] : two.took[0]);
    }
}

static void two_simultaneous_payments_are_paid_twice(void **state)
{
    (void)state;
    bool came = true;
    for (unsigned n = 1; came; n++) {
        struct two two = {.took = {false, false}};
        gate_init(&two.gate, 10, 4);
        came = steps_until(n, pay_one, pay_one, &two);
        assert_int_equal(gate_ahead_ns(&two.gate, 1000000), came ? 200000000 : 100000000);
    }
}

static void two_simultaneous_waits_get_two_turns(void **state)
{
    (void)state;
    bool came = true;
    for (unsigned n = 1; came; n++) {
        struct two two = {.took = {false, false}};
        pace_init(&two.pace, 10);
        while (pace_wait_ms(&two.pace, PACE_TAKE, 1000000) == 0)
            pace_pay(&two.pace, 1000000);
        came = steps_until(n, wait_one, wait_another, &two);
        assert_true(two.waits[0] > 0);
        if (came)
            assert_int_equal(two.waits[0] > two.waits[1] ? two.waits[0] - two.waits[1]
                                                         : two.waits[1] - two.waits[0],
                             100);
    }
}

static void each_of_many_callers_has_its_own_rate(void **state)
{
    (void)state;
    static struct gate_set set;
    gate_set_init(&set, 1, 2);
    static const char *const keys[] = {"a", "b", "ab", "ba"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        assert_true(gate_set_take(&set, span_of(keys[i]), 1));
        assert_true(gate_set_take(&set, span_of(keys[i]), 1));
        assert_false(gate_set_take(&set, span_of(keys[i]), 1));
        assert_true(gate_set_take(&set, span_of(keys[i]), 1000001));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backoff_is_spread_from_nothing_to_its_bound),
        cmocka_unit_test(a_backoff_never_passes_its_cap),
        cmocka_unit_test(a_breaker_opens_after_silence_in_a_row),
        cmocka_unit_test(half_open_lets_one_probe_through),
        cmocka_unit_test(probe_that_never_reports_is_given_up),
        cmocka_unit_test(probe_that_asked_nothing_leaves_its_turn_to_another),
        cmocka_unit_test(an_outage_that_lasts_is_probed_less_often),
        cmocka_unit_test(stragglers_do_not_keep_a_breaker_open),
        cmocka_unit_test(retries_are_a_share_of_first_tries_and_a_trickle),
        cmocka_unit_test(frequent_calls_do_not_round_the_trickle_away),
        cmocka_unit_test(a_gate_lets_a_burst_and_then_its_rate_through),
        cmocka_unit_test(threads_at_one_gate_get_no_more_than_one_would),
        cmocka_unit_test(polls_leave_a_reserve_for_captures),
        cmocka_unit_test(waiting_callers_get_turns_at_the_rate),
        cmocka_unit_test(several_processes_hold_the_pace_of_one),
        cmocka_unit_test(remaining_processes_have_the_whole_pace_at_once),
        cmocka_unit_test(process_without_the_database_keeps_its_last_pace),
        cmocka_unit_test(process_without_any_answer_calls_once_a_second),
        cmocka_unit_test(last_pace_is_between_a_call_a_second_and_the_whole_rate),
        cmocka_unit_test(late_answer_to_a_report_measures_no_pace),
        cmocka_unit_test(lost_report_is_repeated_after_a_longer_pause),
        cmocka_unit_test(breaker_whose_pause_is_over_needs_no_wait),
        cmocka_unit_test(unused_budget_is_full_after_days_and_no_fuller),
        cmocka_unit_test(low_rate_allows_whole_tries_as_well),
        cmocka_unit_test(one_of_two_callers_gets_the_last_room_of_a_gate),
        cmocka_unit_test(two_simultaneous_payments_are_paid_twice),
        cmocka_unit_test(two_simultaneous_waits_get_two_turns),
        cmocka_unit_test(each_of_many_callers_has_its_own_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
