/* queue.c: first the rush, while things go wrong; then nothing goes wrong any more, the line is
 * open and moves, and within SETTLE_S everybody is inside or has gone. */
#include "queue/queue.h"

#include "queue/fronts.h"
#include "queue/keeper.h"
#include "queue/ledger.h"
#include "queue/people.h"
#include "stage/faults.h"
#include "stage/invariant.h"
#include "stage/sim.h"

enum { FAULTS_MS = 100, CALM_BEFORE_S = 3, SETTLE_S = 400, REST_S = 30 };

static void go_wrong(void *ctx)
{
    if (fronts_view() != NULL) {
        keeper_fault(FAULTS_MS);
        fronts_fault(FAULTS_MS);
    }
    sim_after(NULL, FAULTS_MS * SIM_MS, go_wrong, ctx);
}

static bool never(void)
{
    return false;
}

static void let_somebody_in(void)
{
    static const struct span words[] = {SPAN("EVAL"),
                                        SPAN("redis.call('SETBIT', KEYS[1], 999, '1')"), SPAN("1"),
                                        SPAN("fg:{" FRONTS_EVENT "}:called")};
    struct bytes out = {0};
    if (keeper_run() != 0)
        keeper_do(words, sizeof(words) / sizeof(words[0]), &out);
    bytes_free(&out);
}

void queue_run(uint32_t visitors, uint32_t sale_s, bool canary)
{
    struct keeper_ears keeper;
    struct fronts_ears fronts;
    uint64_t sale_us = (uint64_t)sale_s * SIM_S;
    ledger_begin(&keeper, &fronts);
    keeper_begin(&keeper);
    fronts_begin(&fronts);
    people_begin(visitors, sale_us);
    sim_after(NULL, CALM_BEFORE_S * (uint64_t)SIM_S, go_wrong, NULL);
    (void)sim_run(sale_us, sale_us, never);
    sim_note("nothing goes wrong any more");
    fault_end();
    if (canary)
        let_somebody_in();
    people_calm_down();
    if (!sim_run(sale_us + SETTLE_S * (uint64_t)SIM_S, SIM_S, people_gone))
        invariant_broken(INVARIANT_4, "after %d s without a fault %u visitors still stand in line",
                         SETTLE_S, people_left());
    uint64_t now_us = sim_us();
    (void)sim_run(now_us + REST_S * (uint64_t)SIM_S, REST_S * (uint64_t)SIM_S, never);
    ledger_judge_end();
}

uint32_t queue_joined(void)
{
    return ledger_joined();
}

uint32_t queue_entered(void)
{
    return ledger_entered();
}
