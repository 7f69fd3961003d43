/* cuts-sim: how far from their order of arrival people stand in a line that is kept in shards.
 *
 *     cuts-sim [SEED [JOINS_PER_S [SECONDS]]] */
#include "sim/cuts_sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { FRONTS = 16, LATE_US = 10000, JOINS_MAX = 50 * 1000 * 1000 };

static uint64_t number_of(int argc, char **argv, int at, uint64_t otherwise)
{
    return argc > at ? strtoull(argv[at], NULL, 10) : otherwise;
}

static bool print_row(struct cuts_sim_ask ask)
{
    struct cuts_sim_result got;
    if (!cuts_sim_run(&ask, &got))
        return false;
    printf("%6u %7.0f ms %8.2f ms %8.2f ms %8.2f ms %9.1f ms %9.1f ms %7" PRIu32 " %s\n",
           ask.shards, ask.late_us / 1e3, got.moved_p50_ms, got.moved_p99_ms, got.moved_max_ms,
           got.answered_p50_ms, got.answered_p99_ms, got.cuts,
           got.whole ? "each place once" : "PLACES LOST OR DOUBLE");
    return true;
}

int main(int argc, char **argv)
{
    static const uint8_t shards[] = {1, 2, 4, 8, 16};
    uint64_t joins_per_s = number_of(argc, argv, 2, 1000000);
    uint64_t joins = joins_per_s * number_of(argc, argv, 3, 1);
    if (joins == 0 || joins > JOINS_MAX) {
        fprintf(stderr, "cuts-sim: 1 to %d joins\n", JOINS_MAX);
        return 2;
    }
    printf("%" PRIu64 " joins a second, %u fronts\n", joins_per_s, FRONTS);
    printf("%6s %10s %11s %11s %11s %12s %12s %7s\n", "shards", "one late", "moved p50", "p99",
           "max", "answer p50", "p99", "cuts");
    for (unsigned late = 0; late < 2; late++) {
        for (size_t i = 0; i < sizeof(shards); i++) {
            struct cuts_sim_ask ask = {number_of(argc, argv, 1, 1),
                                       (uint32_t)joins,
                                       (uint32_t)joins_per_s,
                                       shards[i],
                                       FRONTS,
                                       late * LATE_US};
            if (!print_row(ask)) {
                fputs("cuts-sim: no memory\n", stderr);
                return 1;
            }
        }
    }
    return 0;
}
