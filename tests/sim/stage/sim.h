/* sim.h: the world's time, dice and processes: one thread runs everything, in an order that a seed
 * decides.
 *
 * What happens is an event with a time, kept in a heap; between two events no time passes. Code
 * that blocks, such as the journal's threads, runs as a fiber with a stack of its own: where it
 * would wait, it gives the thread back, and an event resumes it. A process is what can be killed or
 * stopped: none of its events and fibers run any more, or not for a while.
 *
 * A run has a process of the operating system to itself, and nothing is freed that a killed process
 * of the world may have left: the end of the run frees it all. */
#ifndef FG_SIM_SIM_H
#define FG_SIM_SIM_H

#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIM_MS = 1000, SIM_S = 1000 * SIM_MS };
enum { SIM_EPOCH_S = 1700000000 }; /* the wall clock at the beginning */

/* The dice are thrown in separate streams, so that a run with a fault left out resembles the run
 * with it. */
enum sim_dice { SIM_TIMES, SIM_FAULTS, SIM_CHOICES, SIM_SYSTEM, SIM_DICE };

void sim_begin(uint64_t seed, bool tells);
uint64_t sim_us(void);
uint64_t sim_below(enum sim_dice dice, uint64_t bound);
uint64_t sim_between(uint64_t least, uint64_t most); /* a time */
const struct rng *sim_rng(enum sim_dice dice);

/* ---- processes ---- */

struct sim_proc {
    const char *name;
    uint32_t life; /* rises when it dies */
    bool alive;
    uint64_t stopped_until_us;
    bool (*dies_here)(void); /* asked at each of its fibers' pauses; or NULL */
    void (*on_death)(struct sim_proc *proc);
};

void sim_proc_start(struct sim_proc *proc);
void sim_proc_kill(struct sim_proc *proc, const char *how);
void sim_proc_stop(struct sim_proc *proc, uint64_t us); /* as SIGSTOP, then SIGCONT */

/* ---- events ---- */

/* `proc` NULL: it happens whatever becomes of anybody. */
void sim_after(struct sim_proc *proc, uint64_t us, void (*happens)(void *ctx), void *ctx);
/* Runs what comes until `over` says so (asked each `every_us`) or the time is up: false. */
bool sim_run(uint64_t until_us, uint64_t every_us, bool (*over)(void));

/* ---- fibers ---- */

struct sim_fiber;

struct sim_fiber *sim_spawn(struct sim_proc *proc, void (*run)(void *ctx), void *ctx);
struct sim_proc *sim_current(void); /* whose event or fiber runs; or NULL */
/* On a fiber: */
void sim_sleep(uint64_t us);
/* At most us; false: the time was up. A gate that was rung before is open, once. */
struct sim_gate {
    struct sim_fiber *waiter;
    bool rung;
};
bool sim_gate_wait(struct sim_gate *gate, uint64_t us);
void sim_gate_ring(struct sim_gate *gate);
void sim_join(struct sim_fiber *fiber);

/* ---- the story ---- */

/* A line of the story, with its time and who tells it. It is part of the hash that two runs of a
 * seed must have in common. */
void sim_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint64_t sim_hash(void);
uint64_t sim_events(void);
void sim_tell_last(size_t lines); /* to stdout */

#endif
