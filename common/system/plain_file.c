/* plain_file.c: files named in settings. A start must not hang on any of them: a FIFO without a
 * writer would block open() forever, and reading a device may never end. So the file is opened
 * without blocking and checked through its descriptor before anything is read. */
#include "system/plain_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int plain_file_open(const char *path, const char **why)
{
    struct stat stat;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        *why = strerror(errno);
        return -1;
    }
    if (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode))
        return fd;
    close(fd);
    *why = "it is not a plain file";
    return -1;
}

const char *plain_file_fill(int fd, void *out, size_t cap, size_t *len)
{
    size_t have = 0;
    while (have < cap) {
        ssize_t got = read(fd, (char *)out + have, cap - have);
        if (got < 0 && errno != EINTR)
            return strerror(errno);
        if (got == 0)
            break;
        if (got > 0)
            have += (size_t)got;
    }
    *len = have;
    return NULL;
}

const char *plain_file_read(const char *path, void *out, size_t cap, size_t *len)
{
    const char *why = NULL;
    int fd = plain_file_open(path, &why);
    if (fd < 0)
        return why;
    size_t have = 0, more = 0;
    char beyond;
    why = plain_file_fill(fd, out, cap, &have);
    if (why == NULL && have == cap)
        why = plain_file_fill(fd, &beyond, 1, &more);
    close(fd);
    if (why == NULL && more > 0)
        why = "it is too long";
    if (why == NULL)
        *len = have;
    return why;
}
