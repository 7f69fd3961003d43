/* system.c: the real operating system behind system.h.
 *
 * Each function is one or two system calls and the loop that they need: write() may take less than
 * it was given, and a signal interrupts getrandom() and nanosleep(). None of them can fail for a
 * reason that a caller could do something about, except for the disk, whose errno is handed on;
 * where the others fail the machine is not one that this program can run on, and it says so and
 * ends.
 *
 * The functions are thin on purpose. Whatever is decided here cannot be simulated, so nothing is.
 */
#include "system/system.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static uint64_t read_us(clockid_t id)
{
    struct timespec now;
    int rc = clock_gettime(id, &now);
    assert(rc == 0); /* the kernel knows this clock */
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

uint64_t system_mono_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

uint64_t system_wall_us(void)
{
    return read_us(CLOCK_REALTIME);
}

uint64_t system_boot_us(void)
{
    return read_us(CLOCK_BOOTTIME);
}

uint64_t system_thread_cpu_us(void)
{
    return read_us(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t system_process_cpu_us(void)
{
    return read_us(CLOCK_PROCESS_CPUTIME_ID);
}

void system_random(void *out, size_t len)
{
    unsigned char *at = out;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        assert(got >= 0 || errno == EINTR); /* the kernel has randomness */
        if (got > 0) {
            at += got;
            len -= (size_t)got;
        }
    }
}

void system_sleep_us(uint64_t us)
{
    struct timespec rest = {.tv_sec = (time_t)(us / 1000000),
                            .tv_nsec = (long)(us % 1000000 * 1000)};
    while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {
    }
}

int system_thread_start(const char *name, void *(*run)(void *ctx), void *ctx, pthread_t *out)
{
    int rc = pthread_create(out, NULL, run, ctx);
    if (rc == 0)
        pthread_setname_np(*out, name);
    return rc;
}

void system_thread_join(pthread_t thread)
{
    pthread_join(thread, NULL);
}

int system_bell_open(void)
{
    int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return bell < 0 ? -errno : bell;
}

void system_bell_close(int bell)
{
    close(bell);
}

void system_bell_ring(int bell)
{
    ssize_t wrote = write(bell, &(uint64_t){1}, sizeof(uint64_t));
    (void)wrote; /* a full counter wakes just as well */
}

void system_bell_wait(int bell, uint32_t ms)
{
    struct pollfd fd = {.fd = bell, .events = POLLIN};
    uint64_t count;
    (void)poll(&fd, 1, (int)ms);
    ssize_t got = read(bell, &count, sizeof(count));
    (void)got; /* nothing to read is fine: the time is up */
}

int system_write_all(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        ssize_t sent = write(fd, at, len);
        if (sent < 0 && errno != EINTR)
            return errno;
        if (sent > 0) {
            at += sent;
            len -= (size_t)sent;
        }
    }
    return 0;
}

int system_sync(int fd)
{
    return fsync(fd) == 0 ? 0 : errno;
}

_Noreturn void system_abort(void)
{
    abort();
}
