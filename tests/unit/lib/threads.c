/* threads.c: a program of tests that starts a thread, whichever library asks for it, leaves the
 * file that FAIRGATE_THREADS names: the thread sanitizer has something to say of those only
 * (infra/run-unit). Linked into those with the address sanitizer, whose own word of each thread
 * comes with one of each large variable. */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

extern const int unit_tells_of_threads;
const int unit_tells_of_threads = 1; /* by this name the linker takes the file in */

static void tell(void)
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
    tell();
    return next(thread, attr, run, ctx);
}
