/* line_sim.h: a line in virtual time, with the rules of tick.lua, and visitors whose
 * wait is shown by the same code as in production. It is compared with what
 * happened. Deterministic for a seed. */
#ifndef FG_QUEUE_FRONT_SIM_LINE_SIM_H
#define FG_QUEUE_FRONT_SIM_LINE_SIM_H

#include <stdbool.h>
#include <stdint.h>

enum line_sim_scenario {
    LINE_SIM_STEADY,
    LINE_SIM_SURGE,
    LINE_SIM_HALVED,
    LINE_SIM_PAUSE,
    LINE_SIM_GHOSTS,   /* 40 % go without a word, and a front is killed */
    LINE_SIM_SCHEDULE, /* the rate by schedule, known from the beginning */
    LINE_SIM_SELLOUT,  /* the hall has seats for two thirds of those who come */
    LINE_SIM_SCENARIOS,
};

const char *line_sim_name(enum line_sim_scenario scenario);

struct line_sim_ask {
    enum line_sim_scenario scenario;
    uint64_t seed;
    uint32_t seconds; /* how long people arrive; then all are served */
};

struct line_sim_result {
    uint64_t visitors; /* called, of those who were watched */
    uint64_t polls;
    double wait_s;    /* median */
    double p50_error; /* median over polls after the first tenth of a wait, of the whole wait */
    double p50_error_join; /* at join */
    double coverage;       /* of polls: called by the p90 that was shown */
    uint64_t jumps;        /* of more than a fifth between two polls */
    uint64_t unexplained;  /* of these, without a cause named */
    /* Odds of being sold out before one's turn, where seats are fed: how many polls were answered
     * that it is likely, unlikely, and for how many of either it was so. */
    uint64_t likely, likely_true, unlikely, unlikely_true, unsure, unsure_true;
    uint64_t wavered; /* visitors who saw one value, then another, then the first again */
};

/* False: no memory. */
bool line_sim_run(const struct line_sim_ask *ask, struct line_sim_result *out);

#endif
