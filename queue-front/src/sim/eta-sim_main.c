/* eta-sim: how true the waits and odds are that we tell, in seven scenarios of virtual time.
 *
 *     eta-sim [SEED [SECONDS]] */
#include "sim/line_sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static double share(uint64_t part, uint64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0.0;
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint32_t seconds = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 3600;
    printf("%-26s %8s %8s %9s %9s %9s %6s %11s\n", "scenario", "visitors", "wait", "at join",
           "p50 error", "coverage", "jumps", "unexplained");
    for (unsigned i = 0; i < LINE_SIM_SCENARIOS; i++) {
        struct line_sim_ask ask = {(enum line_sim_scenario)i, seed, seconds};
        struct line_sim_result got;
        if (!line_sim_run(&ask, &got)) {
            fputs("eta-sim: no memory\n", stderr);
            return 1;
        }
        printf("%-26s %8" PRIu64 " %6.0f s %7.1f %% %7.1f %% %7.1f %% %6" PRIu64 " %11" PRIu64 "\n",
               line_sim_name(ask.scenario), got.visitors, got.wait_s, 100 * got.p50_error_join,
               100 * got.p50_error, 100 * got.coverage, got.jumps, got.unexplained);
        if (got.likely + got.unlikely > 0)
            printf("  sold out before their turn: told likely %" PRIu64 " times, true of %.1f %%; "
                   "unsure %" PRIu64 ", %.1f %%; unlikely %" PRIu64 ", %.1f %%; %" PRIu64
                   " wavered\n",
                   got.likely, share(got.likely_true, got.likely), got.unsure,
                   share(got.unsure_true, got.unsure), got.unlikely,
                   share(got.unlikely_true, got.unlikely), got.wavered);
    }
    return 0;
}
