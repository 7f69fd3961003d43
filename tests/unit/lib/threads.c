/* threads.c: a test program that starts a thread, through whatever library, creates the file that
 * FAIRGATE_THREADS names: only those programs are run under the thread sanitizer (infra/run-unit).
 * It is linked with the address sanitizer, whose verbose log lists each thread, but also each large
 * variable. */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

extern const int unit_tells_of_threads;
const int unit_tells_of_threads = 1; /* the linker takes the file in by this name */

static void report(void)
{
    const char *path = getenv("FAIRGATE_THREADS");
    int fd = path != NULL ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd >= 0)
        close(fd);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *ctx)
{
    int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    *(void **)&next = dlsym(RTLD_NEXT, "pthread_create");
    report();
    return next(thread, attr, run, ctx);
}
