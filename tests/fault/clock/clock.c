/* clock.c: a wrong wall clock for a program that preloads this. FAIRGATE_CLOCK_OFF names a file
 * whose eight mapped bytes are the error in milliseconds, so that a test can make the clock step
 * while the program runs. The monotonic clock stays right, as on a machine whose time was set. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *off_ms;

__attribute__((constructor)) static void map_off(void)
{
    const char *path = getenv("FAIRGATE_CLOCK_OFF");
    int file = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped = file >= 0 ? mmap(NULL, sizeof(*off_ms), PROT_READ, MAP_SHARED, file, 0) : NULL;
    off_ms = mapped != MAP_FAILED ? mapped : NULL;
    if (file >= 0)
        close(file);
}

int clock_gettime(clockid_t id, struct timespec *out)
{
    int rc = (int)syscall(SYS_clock_gettime, id, out);
    if (rc == 0 && off_ms != NULL && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        int64_t ms = (int64_t)out->tv_sec * 1000 + out->tv_nsec / 1000000 + *off_ms;
        out->tv_nsec = ms % 1000 * 1000000 + out->tv_nsec % 1000000;
        out->tv_sec = ms / 1000;
    }
    return rc;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *out = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}
