/* secret_file.c: reads a secret so that nobody can swap the file in between: it is opened first and
 * then checked through the open descriptor (fstat). Called when a service starts and reloads, never
 * on a loop.
 *
 * read() stores the bytes in our own memory; a stdio buffer would keep a copy. Every return path
 * wipes them. */
#include "base/secret_file.h"

#include "system/plain_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct secret_file {
    size_t len;
    char bytes[SECRET_FILE_BYTES_MAX];
};

/* A mode such as 0640 is refused too: a group shared with a service must not get its keys. */
static int judge(int fd, const char *path, struct err_slot *err)
{
    struct stat stat;
    if (fstat(fd, &stat) < 0)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(stat.st_mode))
        return err_set(err, ERR_AUTH, "%s: a secret must be a plain file", path);
    if ((stat.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return err_set(err, ERR_AUTH,
                       "%s: mode %04o lets others at this secret; it must be 0600 or 0400", path,
                       stat.st_mode & 07777u);
    if (stat.st_size > SECRET_FILE_BYTES_MAX)
        return err_set(err, ERR_RANGE, "%s: a secret has at most %d bytes", path,
                       SECRET_FILE_BYTES_MAX);
    return 0;
}

static int fill(int fd, const char *path, struct secret_file *secret, struct err_slot *err)
{
    const char *why = plain_file_fill(fd, secret->bytes, sizeof(secret->bytes), &secret->len);
    if (why != NULL)
        return err_set(err, ERR_IO, "%s: %s", path, why);
    if (secret->len > 0 && secret->bytes[secret->len - 1] == '\n')
        secret->len--;
    if (secret->len == 0)
        return err_set(err, ERR_SYNTAX, "%s: the file is empty", path);
    return 0;
}

int secret_file_read(const char *path, struct err_slot *err, struct secret_file **out)
{
    /* Without O_NONBLOCK, opening a FIFO would block before it can be checked. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                       strerror(errno));
    int rc = judge(fd, path, err);
    if (rc < 0)
        goto close_file;
    struct secret_file *secret = calloc(1, sizeof(*secret));
    if (secret == NULL) {
        rc = err_set(err, ERR_NOMEM, "secret of %zu bytes", sizeof(*secret));
        goto close_file;
    }
    rc = fill(fd, path, secret, err);
    if (rc < 0)
        secret_file_destroy(secret);
    else
        *out = secret;

close_file:
    close(fd);
    return rc;
}

struct span secret_file_span(const struct secret_file *secret)
{
    assert(secret->len > 0);
    return (struct span){secret->bytes, secret->len};
}

void secret_file_destroy(struct secret_file *secret)
{
    if (secret == NULL)
        return;
    sodium_memzero(secret, sizeof(*secret));
    free(secret);
}
