/* fronts.c: see fronts.h. A front that was killed or has left restarts after a while, as under
 * runit; the edge sends each request to some live front. */
#include "queue/front/fronts.h"

#include "queue/front/proc.h"
#include "stage/faults.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { ANSWER_S = 10 };

static struct {
    struct proc all[FRONTS];
    unsigned events;
} fronts;

const struct line_view *fronts_view(struct line_ref line)
{
    for (unsigned i = 0; i < FRONTS; i++) {
        const struct proc *proc = &fronts.all[i];
        if (proc->sim.alive && !proc->leaving && proc_view(proc, line) != NULL)
            return proc_view(proc, line);
    }
    return NULL;
}

unsigned fronts_events(void)
{
    return fronts.events;
}

void fronts_tell(void (*on_left)(const char *session))
{
    proc_fleet_report(on_left);
}

/* ---- requests on their way ---- */

static void handle(void *ctx)
{
    struct ask *ask = ctx;
    struct proc *proc = proc_of(sim_current());
    if (!proc->leaving) /* a leaving front accepts none; a browser sees a closed connection */
        proc_ask(proc, ask);
}

/* The edge sends no requests to a new front until it is ready. */
static bool is_served(struct proc *proc)
{
    if (!proc->sim.alive || proc->leaving)
        return false;
    proc->serves = proc->serves || line_store_ready(proc->front->store);
    return proc->serves;
}

static void arrive(void *ctx)
{
    struct proc *alive[FRONTS];
    unsigned len = 0;
    for (unsigned i = 0; i < FRONTS; i++)
        if (is_served(&fronts.all[i]))
            alive[len++] = &fronts.all[i];
    if (len > 0 && !fault_now(FAULT_ASK_LOST))
        sim_after(&alive[sim_below(SIM_CHOICES, len)]->sim, 0, handle, ctx);
}

void fronts_ask(struct ask *ask)
{
    ask->outcome = ANSWER_NONE;
    ask->asked_us = sim_us();
    ask->asked_lane = ask->line.lane;
    sim_after(NULL, sim_between(SIM_MS, 40 * SIM_MS), arrive, ask);
}

struct ask *fronts_copy(struct sim_gate *bell, const struct ask *asked)
{
    struct ask *ask = malloc(sizeof(*ask));
    assert(ask != NULL);
    *ask = *asked;
    ask->bell = bell;
    return ask;
}

bool fronts_await(struct ask *ask)
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

/* ---- the life of a front ---- */

static void start(void *ctx)
{
    proc_start(ctx);
}

static void on_death(struct sim_proc *sim)
{
    struct proc *proc = proc_of(sim);
    proc_fleet()->ears.on_silenced(proc->number);
    sim_after(NULL, sim_between(200 * SIM_MS, 5 * (uint64_t)SIM_S), start, proc);
}

static void leave(void *ctx)
{
    proc_leave(ctx);
}

void fronts_fault(uint32_t ms)
{
    bool rotates = proc_fleet_is_rotated() && fault_within(FAULT_KEYS_ROTATE, ms);
    if (rotates)
        proc_fleet_rotate();
    for (unsigned i = 0; i < FRONTS; i++) {
        struct proc *proc = &fronts.all[i];
        if (!proc->sim.alive || proc->leaving)
            continue;
        if (rotates)
            proc_reload(proc);
        if (fault_within(FAULT_FRONT_KILL, ms)) {
            sim_proc_kill(&proc->sim, "killed");
        } else if (fault_within(FAULT_FRONT_STOP, ms)) {
            proc_fleet()->ears.on_silenced(i);
            sim_proc_stop(&proc->sim, sim_between(100 * SIM_MS, 6 * (uint64_t)SIM_S));
        } else if (fault_within(FAULT_FRONT_LEAVE, ms)) {
            sim_after(&proc->sim, 0, leave, proc);
        }
    }
}

void fronts_begin(const struct ask_ears *ears, unsigned events)
{
    fronts.events = events;
    proc_peer_begin();
    proc_fleet_begin(ears);
    for (unsigned i = 0; i < FRONTS; i++) {
        struct proc *proc = &fronts.all[i];
        snprintf(proc->name, sizeof(proc->name), "front%u", i + 1);
        proc->number = i;
        proc->sim = (struct sim_proc){.name = proc->name, .on_death = on_death};
        proc_start(proc);
    }
}
