/* system.h: what the program asks of the operating system: the time, randomness, a pause, bytes
 * that must reach the disk, the end. Nothing else here calls clock_gettime(), getrandom(),
 * nanosleep(), fsync() or abort().
 *
 * It is also the seam at which a simulation takes the world's place. A program that defines all of
 * these functions itself is linked with them instead of system.c, and then owns the time and the
 * dice; one that defines only some of them does not link. tests/unit/common/system_seam_test.c is
 * such a program. Sockets and timers are libuv's and are not asked for here: a simulation drives
 * the cores, which know neither.
 *
 * Any thread may call any of them. */
#ifndef FG_SYSTEM_SYSTEM_H
#define FG_SYSTEM_SYSTEM_H

#include <stddef.h>
#include <stdint.h>

uint64_t system_mono_us(void);        /* never goes back; for durations and deadlines */
uint64_t system_wall_us(void);        /* since 1970; for what people and other machines read */
uint64_t system_boot_us(void);        /* since this machine was started */
uint64_t system_thread_cpu_us(void);  /* that this thread has used */
uint64_t system_process_cpu_us(void); /* that all threads have used */

void system_random(void *out, size_t len); /* unpredictable: fit for keys */

void system_sleep_us(uint64_t us); /* at least as long, whatever signals come */

/* All bytes, however many calls that takes. 0, or the errno of what failed. */
int system_write_all(int fd, const void *bytes, size_t len);
/* Back only when the disk has it; a directory's entries are synced by a descriptor of the
 * directory. */
int system_sync(int fd);

_Noreturn void system_abort(void); /* panic() says why first; nobody else calls this */

#endif
