/* system_seam_test.c: a program that brings its own platform. It defines what system.h declares, so
 * the linker leaves the real one out, and the clock and the dice of the library are this file's. */
#include "unit.h"

#include "base/clock.h"
#include "system/system.h"

#include <string.h>

static uint64_t now_us;
static struct rng_seeded dice;

uint64_t system_mono_us(void)
{
    return now_us;
}

uint64_t system_wall_us(void)
{
    return UINT64_C(1700000000000000) + now_us;
}

uint64_t system_boot_us(void)
{
    return now_us;
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
    rng_fill(&dice.rng, out, len);
}

void system_sleep_us(uint64_t us)
{
    now_us += us;
}

int system_thread_start(const char *name, void *(*run)(void *ctx), void *ctx, pthread_t *out)
{
    (void)name;
    *out = pthread_self();
    run(ctx); /* as a simulation may: at once, and to its end */
    return 0;
}

void system_thread_join(pthread_t thread)
{
    (void)thread;
}

int system_bell_open(void)
{
    return 0;
}

void system_bell_close(int bell)
{
    (void)bell;
}

void system_bell_ring(int bell)
{
    (void)bell;
}

void system_bell_wait(int bell, uint32_t ms)
{
    (void)bell;
    now_us += ms * UINT64_C(1000);
}

int system_write_all(int fd, const void *bytes, size_t len)
{
    (void)fd;
    (void)bytes;
    (void)len;
    return 0;
}

int system_sync(int fd)
{
    (void)fd;
    return 0;
}

_Noreturn void system_abort(void)
{
    __builtin_trap();
}

static void a_simulation_owns_the_clock_and_sleeps_without_waiting(void **state)
{
    (void)state;
    now_us = 5;
    assert_int_equal(5, clock_mono_us(clock_system()));
    system_sleep_us(UINT64_C(86400000000));
    assert_int_equal(UINT64_C(86400000005), clock_mono_us(clock_system()));
    assert_int_equal(UINT64_C(1700086400000005), clock_wall_us(clock_system()));
}

static void a_simulation_with_the_same_seed_throws_the_same_dice(void **state)
{
    (void)state;
    uint64_t first[4], again[4];
    rng_seeded_init(&dice, 7);
    for (size_t i = 0; i < 4; i++)
        first[i] = rng_u64(rng_system());
    rng_seeded_init(&dice, 7);
    for (size_t i = 0; i < 4; i++)
        again[i] = rng_u64(rng_system());
    assert_memory_equal(first, again, sizeof(first));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_simulation_owns_the_clock_and_sleeps_without_waiting),
        cmocka_unit_test(a_simulation_with_the_same_seed_throws_the_same_dice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
