/* queue.c: a rush with faults; then the faults stop, the line is open and moves, and within
 * SETTLE_S every visitor is inside or gone. */
#include "queue/queue.h"

#include "queue/front/fronts.h"
#include "queue/front/keeper.h"
#include "queue/judge/ledger.h"
#include "queue/people.h"
#include "stage/faults.h"
#include "stage/invariant.h"
#include "stage/sim.h"

enum { FAULTS_MS = 100, CALM_BEFORE_S = 3, SETTLE_S = 400, REST_S = 30 };

static void go_wrong(void *ctx)
{
    if (fronts_view((struct line_ref){0, 0}) != NULL) {
        keeper_fault(FAULTS_MS);
        fronts_fault(FAULTS_MS);
    }
    sim_after(NULL, FAULTS_MS * SIM_MS, go_wrong, ctx);
}

static void let_somebody_in(void)
{
    static const struct span words[] = {SPAN("EVAL"),
                                        SPAN("redis.call('SETBIT', KEYS[1], 999, '1')"), SPAN("1"),
                                        SPAN("fg:{show}:called")};
    struct bytes out = {0};
    if (keeper_run() != 0)
        keeper_do(words, sizeof(words) / sizeof(words[0]), &out);
    bytes_free(&out);
}

void queue_begin(uint32_t visitors, uint64_t sale_us, unsigned events)
{
    struct keeper_ears keeper;
    struct ask_ears fronts;
    ledger_begin(&keeper, &fronts);
    keeper_begin(&keeper);
    fronts_begin(&fronts, events);
    people_begin(visitors, sale_us);
    sim_after(NULL, CALM_BEFORE_S * (uint64_t)SIM_S, go_wrong, NULL);
}

void queue_judge(void)
{
    ledger_judge_end();
}

void queue_run(uint32_t visitors, uint32_t sale_s, bool canary)
{
    uint64_t sale_us = (uint64_t)sale_s * SIM_S;
    queue_begin(visitors, sale_us, sim_below(SIM_CHOICES, 3) == 0 ? EVENTS : 1);
    if (fault_now(FAULT_CLOCKS)) /* before the events are created */
        keeper_set_clock();
    (void)sim_run(sale_us, sale_us, NULL);
    sim_note("nothing goes wrong any more");
    fault_end();
    if (canary)
        let_somebody_in();
    people_calm_down();
    if (!sim_run(sale_us + SETTLE_S * (uint64_t)SIM_S, SIM_S, people_gone))
        invariant_broken(INVARIANT_4, "after %d s without a fault %u visitors still stand in line",
                         SETTLE_S, people_left());
    uint64_t now_us = sim_us();
    (void)sim_run(now_us + REST_S * (uint64_t)SIM_S, REST_S * (uint64_t)SIM_S, NULL);
    ledger_judge_end();
}

bool queue_load_before(const char *library)
{
    return fronts_load_before(library);
}

uint32_t queue_joined(void)
{
    return ledger_joined();
}

uint32_t queue_entered(void)
{
    return ledger_entered();
}
