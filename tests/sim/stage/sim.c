/* sim.c: a heap of events and ucontext fibers.
 *
 * Dice decide the order of events of the same microsecond. An event of a process that has died
 * since is dropped; one of a paused process waits until that resumes. A fiber has at most one event
 * that may resume it: each pause has a number, and events of earlier pauses are dropped.
 *
 * Determinism rests on three things: nothing here reads the machine's time or randomness
 * (platform.c replaces both), nothing is ordered by addresses, and the sanitizers would report
 * uninitialised memory. */
#include "stage/sim.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#define STACKS_TOLD 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define STACKS_TOLD 1
#endif
#endif
#ifdef STACKS_TOLD
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

enum { STACK_BYTES = 512 * 1024, LINE_MAX = 200, LINES_KEPT = 4096 };

struct sim_fiber {
    ucontext_t context;
    void *stack;
    void *fake_stack; /* for the sanitizer */
    struct sim_proc *proc;
    uint32_t life;
    uint64_t pause; /* number of the current pause */
    void (*run)(void *ctx);
    void *ctx;
    bool over;
    struct sim_gate ended;
    struct sim_gate *waits; /* the gate it waits at */
};

struct event {
    uint64_t at_us, order, nth;
    struct sim_proc *proc;
    uint32_t life;
    struct sim_fiber *fiber; /* resumed if its pause is this one; or NULL */
    uint64_t pause;
    void (*happens)(void *ctx);
    void *ctx;
};

static struct {
    uint64_t now_us, events, hash;
    struct rng_seeded dice[SIM_DICE];
    struct event *heap;
    size_t heap_len, heap_cap;
    struct sim_proc *proc;   /* the current one */
    struct sim_fiber *fiber; /* the running one */
    ucontext_t scheduler;
    const void *bottom; /* of the scheduler's stack, for the sanitizer */
    size_t bottom_len;
    bool tells;
    char (*lines)[LINE_MAX];
    uint64_t lines_len;
} sim;

void *sim_new(size_t bytes)
{
    void *made = calloc(1, bytes);
    assert(made != NULL);
    return made;
}

void *sim_copy(const void *bytes, size_t len)
{
    void *copy = sim_new(len + 1);
    if (len > 0)
        memcpy(copy, bytes, len);
    return copy;
}

void sim_begin(uint64_t seed, bool tells)
{
    for (unsigned i = 0; i < SIM_DICE; i++)
        rng_seeded_init(&sim.dice[i], seed * SIM_DICE + i);
    sim.hash = UINT64_C(14695981039346656037);
    sim.tells = tells;
    sim.lines = sim_new(LINES_KEPT * sizeof(*sim.lines));
}

uint64_t sim_us(void)
{
    return sim.now_us;
}

uint64_t sim_mono_us(void *unused)
{
    (void)unused;
    return sim.now_us;
}

uint64_t sim_wall_us(void *unused)
{
    (void)unused;
    return (uint64_t)SIM_EPOCH_S * SIM_S + sim.now_us;
}

uint64_t sim_wall_ms(void)
{
    return sim_wall_us(NULL) / SIM_MS;
}

uint64_t sim_below(enum sim_dice dice, uint64_t bound)
{
    return rng_below(&sim.dice[dice].rng, bound);
}

uint64_t sim_between(uint64_t least, uint64_t most)
{
    return least + sim_below(SIM_TIMES, most - least + 1);
}

bool sim_chance(unsigned percent)
{
    return sim_below(SIM_CHOICES, 100) < percent;
}

const struct rng *sim_rng(enum sim_dice dice)
{
    return &sim.dice[dice].rng;
}

/* ---- the heap ---- */

static bool is_before(const struct event *a, const struct event *b)
{
    if (a->at_us != b->at_us)
        return a->at_us < b->at_us;
    return a->order != b->order ? a->order < b->order : a->nth < b->nth;
}

static void push(const struct event *event)
{
    if (sim.heap_len == sim.heap_cap) {
        sim.heap_cap = sim.heap_cap > 0 ? 2 * sim.heap_cap : 1024;
        sim.heap = realloc(sim.heap, sim.heap_cap * sizeof(*sim.heap));
        assert(sim.heap != NULL);
    }
    size_t at = sim.heap_len++;
    while (at > 0 && is_before(event, &sim.heap[(at - 1) / 2])) {
        sim.heap[at] = sim.heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    sim.heap[at] = *event;
}

static struct event pop(void)
{
    assert(sim.heap_len > 0);
    struct event first = sim.heap[0], last = sim.heap[--sim.heap_len];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < sim.heap_len && is_before(&sim.heap[child + 1], &sim.heap[child]))
            child += 1;
        if (child >= sim.heap_len || !is_before(&sim.heap[child], &last))
            break;
        sim.heap[at] = sim.heap[child];
        at = child;
    }
    if (sim.heap_len > 0)
        sim.heap[at] = last;
    return first;
}

static void add(struct event event, uint64_t us)
{
    event.at_us = sim.now_us + us;
    event.order = sim_below(SIM_TIMES, 1u << 16);
    event.nth = sim.events++;
    if (event.fiber != NULL)
        event.life = event.fiber->life;
    else
        event.life = event.proc != NULL ? event.proc->life : 0;
    push(&event);
}

void sim_after(struct sim_proc *proc, uint64_t us, void (*happens)(void *ctx), void *ctx)
{
    add((struct event){.proc = proc, .happens = happens, .ctx = ctx}, us);
}

/* ---- fibers ---- */

/* Switches to another stack; returns when a switch comes back. */
static void switch_to(ucontext_t *from, void **kept, ucontext_t *to, const void *bottom, size_t len)
{
#ifdef STACKS_TOLD
    __sanitizer_start_switch_fiber(kept, bottom, len);
    swapcontext(from, to);
    const void *was;
    size_t was_len;
    __sanitizer_finish_switch_fiber(kept != NULL ? *kept : NULL, &was, &was_len);
    if (sim.fiber != NULL) {
        sim.bottom = was;
        sim.bottom_len = was_len;
    }
#else
    (void)kept;
    (void)bottom;
    (void)len;
    swapcontext(from, to);
#endif
}

static void pause_fiber(void)
{
    struct sim_fiber *fiber = sim.fiber;
    switch_to(&fiber->context, &fiber->fake_stack, &sim.scheduler, sim.bottom, sim.bottom_len);
}

static void begin_fiber(void)
{
#ifdef STACKS_TOLD
    __sanitizer_finish_switch_fiber(NULL, &sim.bottom, &sim.bottom_len);
#endif
    struct sim_fiber *fiber = sim.fiber;
    fiber->run(fiber->ctx);
    fiber->over = true;
    sim_gate_ring(&fiber->ended);
    for (;;)
        pause_fiber(); /* never resumed */
}

static void resume(struct sim_fiber *fiber)
{
    static void *fake_stack;
    sim.fiber = fiber;
    fiber->pause += 1;
    switch_to(&sim.scheduler, &fake_stack, &fiber->context, fiber->stack, STACK_BYTES);
    sim.fiber = NULL;
}

struct sim_fiber *sim_spawn(struct sim_proc *proc, void (*run)(void *ctx), void *ctx)
{
    struct sim_fiber *fiber = sim_new(sizeof(*fiber));
    fiber->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert(fiber->stack != MAP_FAILED);
    fiber->proc = proc;
    fiber->life = proc != NULL ? proc->life : 0;
    fiber->run = run;
    fiber->ctx = ctx;
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = fiber->stack;
    fiber->context.uc_stack.ss_size = STACK_BYTES;
    makecontext(&fiber->context, begin_fiber, 0);
#ifdef STACKS_TOLD
    /* At each swapcontext() to a stack whose size it knows, the sanitizer clears its marks there,
     * which takes as long as all the rest and finds less. So hide the size, and clear the marks of
     * the address's previous stack once. */
    fiber->context.uc_stack.ss_size = 0;
    __asan_unpoison_memory_region(fiber->stack, STACK_BYTES);
#endif
    add((struct event){.proc = proc, .fiber = fiber, .pause = fiber->pause}, 0);
    return fiber;
}

struct sim_proc *sim_current(void)
{
    return sim.proc;
}

/* A process may be killed at each of its pauses. */
void sim_sleep(uint64_t us)
{
    struct sim_fiber *fiber = sim.fiber;
    assert(fiber != NULL);
    struct sim_proc *proc = fiber->proc;
    if (proc != NULL && proc->alive && proc->dies_here != NULL && proc->dies_here())
        sim_proc_kill(proc, "killed");
    add((struct event){.proc = proc, .fiber = fiber, .pause = fiber->pause}, us);
    pause_fiber();
}

void sim_sleep_ms(uint64_t least, uint64_t most)
{
    sim_sleep((least + sim_below(SIM_CHOICES, most - least + 1)) * SIM_MS);
}

bool sim_gate_wait(struct sim_gate *gate, uint64_t us)
{
    if (!gate->rung) {
        gate->waiter = sim.fiber;
        sim_sleep(us);
        gate->waiter = NULL;
    }
    bool rung = gate->rung;
    gate->rung = false;
    return rung;
}

void sim_gate_ring(struct sim_gate *gate)
{
    struct sim_fiber *waiter = gate->waiter;
    gate->rung = true;
    if (waiter != NULL)
        add((struct event){.proc = waiter->proc, .fiber = waiter, .pause = waiter->pause}, 0);
}

void sim_join(struct sim_fiber *fiber)
{
    while (!fiber->over)
        (void)sim_gate_wait(&fiber->ended, 3600 * (uint64_t)SIM_S);
}

/* ---- processes ---- */

void sim_proc_start(struct sim_proc *proc)
{
    assert(!proc->alive);
    proc->alive = true;
    proc->stopped_until_us = 0;
    sim_note("%s starts", proc->name);
}

void sim_proc_kill(struct sim_proc *proc, const char *how)
{
    if (!proc->alive)
        return;
    sim_note("%s is %s", proc->name, how);
    proc->alive = false;
    proc->life += 1;
    if (proc->on_death != NULL)
        proc->on_death(proc);
}

void sim_proc_stop(struct sim_proc *proc, uint64_t us)
{
    proc->stopped_until_us = sim.now_us + us;
    sim_note("%s is stopped for %" PRIu64 " ms", proc->name, us / SIM_MS);
}

/* ---- running ---- */

static void hash_in(uint64_t value)
{
    sim.hash = (sim.hash ^ value) * UINT64_C(1099511628211);
}

/* A fiber's event belongs to the life in which the fiber began. */
static void happen(struct event *event)
{
    struct sim_proc *proc = event->proc;
    if (proc != NULL && proc->life != event->life)
        return;
    if (event->fiber != NULL && event->fiber->pause != event->pause)
        return;
    if (proc != NULL && proc->stopped_until_us > sim.now_us) {
        event->at_us = proc->stopped_until_us;
        push(event);
        return;
    }
    hash_in(sim.now_us);
    hash_in(event->order);
    sim.proc = proc;
    if (event->fiber != NULL)
        resume(event->fiber);
    else
        event->happens(event->ctx);
    sim.proc = NULL;
}

bool sim_run(uint64_t until_us, uint64_t every_us, bool (*over)(void))
{
    uint64_t ask_us = sim.now_us + every_us;
    while (sim.heap_len > 0 && sim.heap[0].at_us <= until_us) {
        struct event event = pop();
        sim.now_us = event.at_us;
        happen(&event);
        if (sim.now_us < ask_us)
            continue;
        ask_us = sim.now_us + every_us;
        if (over != NULL && over())
            return true;
    }
    sim.now_us = until_us;
    return over != NULL && over();
}

/* ---- the story ---- */

void sim_note(const char *format, ...)
{
    char *line = sim.lines[sim.lines_len++ % LINES_KEPT];
    int len = snprintf(line, LINE_MAX, "%9.3f  %-9s ", (double)sim.now_us / SIM_S,
                       sim.proc != NULL ? sim.proc->name : "");
    va_list args;
    va_start(args, format);
    vsnprintf(line + len, (size_t)(LINE_MAX - len), format, args);
    va_end(args);
    for (const char *c = line; *c != '\0'; c++)
        hash_in((unsigned char)*c);
    if (sim.tells)
        puts(line);
}

uint64_t sim_hash(void)
{
    return sim.hash;
}

uint64_t sim_events(void)
{
    return sim.events;
}

void sim_print_last(size_t lines)
{
    uint64_t from = sim.lines_len > LINES_KEPT ? sim.lines_len - LINES_KEPT : 0;
    if (sim.lines_len - from > lines)
        from = sim.lines_len - lines;
    if (sim.tells)
        return; /* nothing was dropped */
    for (uint64_t i = from; i < sim.lines_len; i++)
        puts(sim.lines[i % LINES_KEPT]);
}
