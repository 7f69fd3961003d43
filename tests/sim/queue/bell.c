/* bell.c: see bell.h. */
#include "queue/bell.h"

#include <assert.h>
#include <stdlib.h>

enum { ANSWER_S = 10 };

struct ask *bell_copy(struct sim_gate *bell, const struct ask *asked)
{
    struct ask *ask = malloc(sizeof(*ask));
    assert(ask != NULL);
    *ask = *asked;
    ask->bell = bell;
    return ask;
}

bool bell_ask(struct ask *ask)
{
    ask->bell->rung = false;
    fronts_ask(ask);
    uint64_t until_us = sim_us() + ANSWER_S * (uint64_t)SIM_S;
    while (!ask->over && sim_us() < until_us)
        (void)sim_gate_wait(ask->bell, until_us - sim_us());
    bool answered = ask->over;
    if (!answered)
        ask->outcome = ANSWER_NONE;
    ask->over = true; /* a late response is ignored */
    return answered;
}
