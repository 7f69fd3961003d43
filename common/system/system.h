/* system.h: what the program needs of the operating system: the time, randomness, a pause, a thread
 * and the bell that it sleeps at, bytes that must reach the disk, the end. Nothing else here calls
 * clock_gettime(), getrandom(), nanosleep(), fsync() or abort().
 *
 * It is also the seam of a simulation. A program that defines all of these functions itself is
 * linked with them instead of system.c, and then owns the time and the dice; one that defines only
 * some of them does not link. tests/sim/stage/platform.c does so. Sockets and timers are libuv's: a
 * simulation drives the cores, which know neither, and the threads that block.
 *
 * Any thread may call any of them. */
#ifndef FG_SYSTEM_SYSTEM_H
#define FG_SYSTEM_SYSTEM_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

uint64_t system_mono_us(void);        /* never goes back; for durations and deadlines */
uint64_t system_wall_us(void);        /* since 1970; for people and other machines */
uint64_t system_boot_us(void);        /* since the machine started */
uint64_t system_thread_cpu_us(void);  /* used by this thread */
uint64_t system_process_cpu_us(void); /* used by all threads */

void system_random(void *out, size_t len); /* unpredictable: fit for keys */

void system_sleep_us(uint64_t us); /* at least that long, despite signals */

/* A thread that may block, unlike a loop. Returns 0, or the errno of the failure. */
int system_thread_start(const char *name, void *(*run)(void *ctx), void *ctx, pthread_t *out);
void system_thread_join(pthread_t thread); /* returns when run() has */

/* A bell wakes such a thread. A ring without a waiter wakes the next wait; several rings wake it
 * once. Returns a descriptor, or minus the errno. */
int system_bell_open(void);
void system_bell_close(int bell);
void system_bell_ring(int bell);              /* never waits */
void system_bell_wait(int bell, uint32_t ms); /* for at most ms; one thread at a time */

/* Writes all bytes, in as many calls as needed. Returns 0, or the errno. */
int system_write_all(int fd, const void *bytes, size_t len);
/* Returns once the disk has the data; for a directory's entries pass a descriptor of the
 * directory. */
int system_sync(int fd);

_Noreturn void system_abort(void); /* panic() reports first; nothing else calls this */

#endif
