/* sim.h: the world's time, dice and processes: one thread runs everything, in an order that a seed
 * decides.
 *
 * Everything that happens is an event with a time, kept in a heap; no time passes between two
 * events. Code that blocks, such as the journal's threads, runs as a fiber with its own stack:
 * where it would wait, it yields the thread, and an event resumes it. A process can be killed or
 * paused: its events and fibers then stop, for good or for a while.
 *
 * A run has an operating system process to itself and does not free what a killed process of the
 * world left: the end of the run frees it all. */
#ifndef FG_SIM_SIM_H
#define FG_SIM_SIM_H

#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIM_MS = 1000, SIM_S = 1000 * SIM_MS };
enum { SIM_EPOCH_S = 1700000000 }; /* the wall clock at the beginning */

/* The dice have separate streams, so that a run without one fault resembles the run with it. */
enum sim_dice { SIM_TIMES, SIM_FAULTS, SIM_CHOICES, SIM_SYSTEM, SIM_DICE };

/* Memory that is zeroed; a copy, with a NUL behind it. Neither is ever NULL. */
void *sim_new(size_t bytes);
void *sim_copy(const void *bytes, size_t len);

void sim_begin(uint64_t seed, bool tells);
void sim_platform_begin(void); /* links platform.c: system.h as the world has it */
uint64_t sim_us(void);
/* The same for a struct clock, then the wall clock for one, and in milliseconds. */
uint64_t sim_mono_us(void *unused);
uint64_t sim_wall_us(void *unused);
uint64_t sim_wall_ms(void);
uint64_t sim_below(enum sim_dice dice, uint64_t bound);
uint64_t sim_between(uint64_t least, uint64_t most); /* a random time */
bool sim_chance(unsigned percent);
const struct rng *sim_rng(enum sim_dice dice);

/* ---- processes ---- */

struct sim_proc {
    const char *name;
    uint32_t life; /* incremented when it dies */
    bool alive;
    uint64_t stopped_until_us;
    bool (*dies_here)(void); /* checked at each pause of its fibers; or NULL */
    void (*on_death)(struct sim_proc *proc);
};

void sim_proc_start(struct sim_proc *proc);
void sim_proc_kill(struct sim_proc *proc, const char *how);
void sim_proc_stop(struct sim_proc *proc, uint64_t us); /* like SIGSTOP, then SIGCONT */

/* ---- events ---- */

/* With `proc` NULL the event happens even if processes die. */
void sim_after(struct sim_proc *proc, uint64_t us, void (*happens)(void *ctx), void *ctx);
/* Runs events until over(), checked each `every_us`; NULL: never. Returns false on a timeout. */
bool sim_run(uint64_t until_us, uint64_t every_us, bool (*over)(void));

/* ---- fibers ---- */

struct sim_fiber;

struct sim_fiber *sim_spawn(struct sim_proc *proc, void (*run)(void *ctx), void *ctx);
struct sim_proc *sim_current(void); /* owner of the running event or fiber; or NULL */
/* On a fiber only: */
void sim_sleep(uint64_t us);
void sim_sleep_ms(uint64_t least, uint64_t most); /* as long as the dice say */
/* Waits at most `us`; returns false on a timeout. A gate that was rung before is open, once. */
struct sim_gate {
    struct sim_fiber *waiter;
    bool rung;
};
bool sim_gate_wait(struct sim_gate *gate, uint64_t us);
void sim_gate_ring(struct sim_gate *gate);
void sim_join(struct sim_fiber *fiber);

/* ---- the story ---- */

/* A line of the story, with its time and process. It is part of the hash that both runs of a seed
 * must share. */
void sim_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint64_t sim_hash(void);
uint64_t sim_events(void);
void sim_print_last(size_t lines); /* to stdout */

#endif
