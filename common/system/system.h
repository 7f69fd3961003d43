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
uint64_t system_wall_us(void);        /* since 1970; for what people and other machines read */
uint64_t system_boot_us(void);        /* since this machine was started */
uint64_t system_thread_cpu_us(void);  /* that this thread has used */
uint64_t system_process_cpu_us(void); /* that all threads have used */

void system_random(void *out, size_t len); /* unpredictable: fit for keys */

void system_sleep_us(uint64_t us); /* at least that long, whatever signals come */

/* A thread that may block, unlike a loop. 0, or the errno of the failure. */
int system_thread_start(const char *name, void *(*run)(void *ctx), void *ctx, pthread_t *out);
void system_thread_join(pthread_t thread); /* back when run() is */

/* A bell is what such a thread sleeps at. One that was rung while nobody waited is heard by the
 * next wait; rung several times it is heard once. Answers a descriptor, or minus the errno. */
int system_bell_open(void);
void system_bell_close(int bell);
void system_bell_ring(int bell);              /* never waits */
void system_bell_wait(int bell, uint32_t ms); /* for at most ms; one thread at a time */

/* All bytes, however many calls that takes. 0, or the errno of what failed. */
int system_write_all(int fd, const void *bytes, size_t len);
/* Back only when the disk has it; a directory's entries are synced by a descriptor of the
 * directory. */
int system_sync(int fd);

_Noreturn void system_abort(void); /* panic() says why first; nobody else calls this */

#endif
