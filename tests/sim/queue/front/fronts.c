/* fronts.c: see fronts.h. A front that was killed or has left restarts after a while, as under
 * runit, perhaps with the other version; the edge sends each request to some live front. */
#include "queue/front/fronts.h"

#include "queue/front/proc.h"
#include "queue/front/wire.h"
#include "stage/faults.h"

#include <assert.h>
#include <dlfcn.h>
#include <stdio.h>

enum { ANSWER_S = 10 };

static struct {
    struct proc all[FRONTS];
    unsigned events;
    const struct proc_version *before; /* the previous version; NULL: none runs */
} fronts;

/* The other version's picture has perhaps other fields. */
const struct line_view *fronts_view(struct line_ref line)
{
    for (unsigned i = 0; i < FRONTS; i++) {
        const struct proc *proc = &fronts.all[i];
        if (proc->sim.alive && !proc->leaving && proc->version == &proc_version &&
            proc_view(proc, line) != NULL)
            return proc_view(proc, line);
    }
    return NULL;
}

unsigned fronts_events(void)
{
    return fronts.events;
}

/* ---- requests on their way ---- */

static void handle(void *ctx)
{
    struct ask *ask = ctx;
    struct proc *proc = proc_of(sim_current());
    char memory[WIRE_REQUEST_MAX];
    struct text request = text_on(memory, sizeof(memory));
    if (proc->leaving)
        return; /* it accepts none; a browser sees a closed connection */
    ask_put(&request, ask);
    proc->version->ask(proc, ask, text_span(&request));
}

/* The edge sends no requests to a new front until it is ready. */
static bool is_served(struct proc *proc)
{
    if (!proc->sim.alive || proc->leaving)
        return false;
    proc->serves = proc->serves || proc->version->is_ready(proc);
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
    struct ask *ask = sim_copy(asked, sizeof(*asked));
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

/* The first front is always of this version, whose pictures the operators and checkers read. */
static void start(void *ctx)
{
    struct proc *proc = ctx;
    bool is_before = fronts.before != NULL && proc->number > 0 && sim_below(SIM_FAULTS, 2) == 0;
    proc->version = is_before ? fronts.before : &proc_version;
    if (is_before)
        sim_note("%s begins with the previous version", proc->name);
    proc->version->start(proc);
}

static void on_death(struct sim_proc *sim)
{
    struct proc *proc = proc_of(sim);
    proc_fleet()->ears.on_silenced(proc->number);
    sim_after(NULL, sim_between(200 * SIM_MS, 5 * (uint64_t)SIM_S), start, proc);
}

void fronts_fault(uint32_t ms)
{
    bool rotates = proc_fleet_is_rotated() && fault_within(FAULT_KEYS_ROTATE, ms);
    if (rotates)
        proc_fleet_rotate(fronts.before);
    for (unsigned i = 0; i < FRONTS; i++) {
        struct proc *proc = &fronts.all[i];
        if (!proc->sim.alive || proc->leaving)
            continue;
        if (rotates)
            sim_after(&proc->sim, sim_between(0, PROC_ROTATES_US), proc->version->use_keys, proc);
        if (fault_within(FAULT_FRONT_KILL, ms)) {
            sim_proc_kill(&proc->sim, "killed");
        } else if (fault_within(FAULT_FRONT_STOP, ms)) {
            proc_fleet()->ears.on_silenced(i);
            sim_proc_stop(&proc->sim, sim_between(100 * SIM_MS, 6 * (uint64_t)SIM_S));
        } else if (fault_within(FAULT_FRONT_LEAVE, ms)) {
            sim_after(&proc->sim, 0, proc->version->leave, proc);
        }
    }
}

void fronts_begin(const struct ask_ears *ears, unsigned events)
{
    fronts.events = events;
    proc_peer_begin();
    proc_fleet_begin(ears);
    if (fronts.before != NULL)
        fronts.before->begin(proc_fleet());
    for (unsigned i = 0; i < FRONTS; i++) {
        struct proc *proc = &fronts.all[i];
        snprintf(proc->name, sizeof(proc->name), "front%u", i + 1);
        proc->number = i;
        proc->sim = (struct sim_proc){.name = proc->name, .on_death = on_death};
        start(proc);
    }
}

bool fronts_load_before(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    fronts.before = library != NULL ? dlsym(library, "proc_version") : NULL;
    if (fronts.before == NULL)
        fprintf(stderr, "%s\n", dlerror());
    assert(fronts.before == NULL || fronts.before->proc_bytes == sizeof(struct proc));
    assert(fronts.before == NULL || fronts.before->ask_bytes == sizeof(struct ask));
    return fronts.before != NULL;
}
