/* line_sim_test.c: the short form of eta-sim: shown waits against real ones, in every scenario.
 */
#include "sim/line_sim.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

enum { SECONDS = 3600, SEED = 2, SEEDS_SOAKED = 16 };

static void shown_is_what_comes(struct line_sim_ask ask)
{
    struct line_sim_result got;
    assert_true(line_sim_run(&ask, &got));
    print_message("seed %u, %s: error %.1f %%, coverage %.1f %%\n", (unsigned)ask.seed,
                  line_sim_name(ask.scenario), 100 * got.p50_error, 100 * got.coverage);
    assert_true(got.visitors > 1000);
    assert_true(got.p50_error <= 0.10);
    assert_true(got.coverage >= 0.85);
    assert_true(got.coverage <= 0.95);
    assert_int_equal(got.unexplained, 0);
}

static void the_shown_wait_is_the_real_wait(void **state)
{
    (void)state;
    bool soak = getenv("FAIRGATE_SOAK") != NULL;
    for (unsigned seed = soak ? 1 : SEED; seed <= (soak ? SEEDS_SOAKED : SEED); seed++) {
        for (unsigned i = 0; i < LINE_SIM_SCENARIOS; i++)
            shown_is_what_comes((struct line_sim_ask){(enum line_sim_scenario)i, seed, SECONDS});
    }
    /* A hall that comes into play only when a step of the schedule falls due. */
    shown_is_what_comes((struct line_sim_ask){LINE_SIM_SCHEDULE, 3, SECONDS});
}

/* "Likely" and "unlikely" promise nine in ten, and a visitor who saw one does not see the other and
 * it again. */
static void the_shown_odds_come_true_and_are_steady(void **state)
{
    (void)state;
    struct line_sim_ask ask = {LINE_SIM_SELLOUT, 2, SECONDS};
    struct line_sim_result got;
    assert_true(line_sim_run(&ask, &got));
    assert_true(got.likely > 1000);
    assert_true(got.unlikely > 1000);
    assert_true(got.likely_true * 10 >= got.likely * 9);
    assert_true(got.unlikely_true * 10 <= got.unlikely);
    assert_true(got.unsure_true * 10 > got.unsure); /* which is not said to be on the safe side, */
    assert_true(got.unsure_true * 10 < got.unsure * 9); /* nor of more than is unsure */
    assert_true(got.unsure * 10 < got.likely + got.unlikely);
    assert_true(got.wavered * 500 <= got.visitors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shown_wait_is_the_real_wait),
        cmocka_unit_test(the_shown_odds_come_true_and_are_steady),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
