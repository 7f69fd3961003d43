/* platform.c: system.h as the world has it, linked instead of system.c: the time is the world's, a
 * thread is a fiber of the process that starts it, and a sleeping fiber lets the others run.
 * libsodium's random numbers are the world's, too.
 *
 * Processes have their own clocks, which seats.c and adapter.c pass to what they start; the clock
 * here is the world's. */
#include "stage/sim.h"

#include "system/system.h"

#include <assert.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS_MAX = 4096, BELLS_MAX = 4096 };

static struct thread {
    void *(*run)(void *ctx);
    void *ctx;
    struct sim_fiber *fiber;
} threads[THREADS_MAX];
static unsigned threads_len;

static struct sim_gate bells[BELLS_MAX];
static int bells_len;

uint64_t system_mono_us(void)
{
    return sim_us();
}

uint64_t system_wall_us(void)
{
    return (uint64_t)SIM_EPOCH_S * SIM_S + sim_us();
}

uint64_t system_boot_us(void)
{
    return sim_us();
}

uint64_t system_thread_cpu_us(void)
{
    return 0;
}

uint64_t system_process_cpu_us(void)
{
    return 0;
}

void system_random(void *out, size_t len)
{
    rng_fill(sim_rng(SIM_SYSTEM), out, len);
}

static const char *name(void)
{
    return "the world's";
}

static uint32_t random_number(void)
{
    uint32_t number;
    system_random(&number, sizeof(number));
    return number;
}

void sim_platform_begin(void)
{
    static randombytes_implementation dice = {
        .implementation_name = name, .random = random_number, .buf = system_random};
    (void)randombytes_set_implementation(&dice);
}

void system_sleep_us(uint64_t us)
{
    sim_sleep(us);
}

static void run_thread(void *ctx)
{
    struct thread *thread = ctx;
    thread->run(thread->ctx);
}

int system_thread_start(const char *name, void *(*run)(void *ctx), void *ctx, pthread_t *out)
{
    (void)name;
    assert(threads_len < THREADS_MAX);
    struct thread *thread = &threads[threads_len];
    *thread = (struct thread){run, ctx, NULL};
    thread->fiber = sim_spawn(sim_current(), run_thread, thread);
    *out = (pthread_t)threads_len++;
    return 0;
}

void system_thread_join(pthread_t thread)
{
    assert(thread < threads_len);
    sim_join(threads[thread].fiber);
}

int system_bell_open(void)
{
    assert(bells_len < BELLS_MAX);
    return bells_len++;
}

void system_bell_close(int bell)
{
    (void)bell; /* each bell is used once */
}

void system_bell_ring(int bell)
{
    sim_gate_ring(&bells[bell]);
}

void system_bell_wait(int bell, uint32_t ms)
{
    (void)sim_gate_wait(&bells[bell], (uint64_t)ms * SIM_MS);
}

int system_write_all(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        ssize_t sent = write(fd, at, len);
        if (sent <= 0)
            return 1;
        at += sent;
        len -= (size_t)sent;
    }
    return 0;
}

int system_sync(int fd)
{
    (void)fd;
    return 0;
}

_Noreturn void system_abort(void)
{
    signal(SIGABRT, SIG_DFL);
    abort();
}
