/* rate.c: per event a bucket of tokens for calls, and their sum. */
#include "queue/judge/rate.h"

#include "stage/invariant.h"
#include "stage/sim.h"

struct rate {
    double level, allowed, paid, rate, burst;
    uint64_t level_us;
    bool begun;
};

static struct rate rates[EVENTS];

/* A setting also limits what was saved before, and rate 0 saves nothing. */
static double room(const struct rate *of)
{
    return of->rate > 0 ? of->burst + 0.25 * of->rate : 0;
}

static void refill(struct rate *of)
{
    double more = (double)(sim_us() - of->level_us) / SIM_S * of->rate;
    of->level_us = sim_us();
    of->allowed += more;
    of->level += more;
    if (of->level > room(of))
        of->level = room(of);
}

void rate_refill(unsigned event)
{
    refill(&rates[event]);
}

void rate_forget(unsigned event)
{
    rates[event] = (struct rate){.level_us = sim_us()};
}

void rate_set(unsigned event, double rate, double burst_knob, unsigned lanes)
{
    struct rate *of = &rates[event];
    double burst = burst_knob;
    if (lanes > 0 && burst < lanes + 1 && burst > 0)
        burst = lanes + 1; /* each line may save up one */
    refill(of);
    if (!of->begun)
        of->allowed = of->level = burst + 0.25 * rate;
    of->begun = of->begun || (burst > 0 && rate > 0);
    if (rate > of->rate) { /* the next tick uses the new rate for a quarter of a second */
        of->level += 0.25 * (rate - of->rate);
        of->allowed += 0.25 * (rate - of->rate);
    }
    if (burst > of->burst)
        of->allowed += burst - of->burst;
    of->rate = rate;
    of->burst = burst;
}

void rate_on_step(void)
{
    for (unsigned i = 0; i < EVENTS; i++) {
        rates[i].level += 0.25 * rates[i].rate;
        rates[i].allowed += 0.25 * rates[i].rate;
    }
}

void rate_pay(uint64_t number)
{
    struct rate *of = &rates[lines_of(number).event];
    of->paid += 1;
    if (of->paid > of->allowed + 1e-6)
        invariant_broken(INVARIANT_6, "%.0f were called by place %s, and the rate allows %.2f ever",
                         of->paid, lines_says(number), of->allowed);
}

void rate_call(uint64_t number)
{
    struct rate *of = &rates[lines_of(number).event];
    of->level -= 1;
    rate_pay(number);
    if (of->level < -1e-6)
        invariant_broken(INVARIANT_6,
                         "place %s is called %.2f tokens before the rate allows it (%.3f a "
                         "second, burst %.0f)",
                         lines_says(number), -of->level, of->rate, of->burst);
}
