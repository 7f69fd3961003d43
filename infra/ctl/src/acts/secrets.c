/* secrets.c: services reject a secret that others than its owner can read (base/secret_file.h), and
 * libpq rejects such a password file. Kubernetes mounts secrets as root's, readable by the pod's
 * group. So before a service starts, this copies them into a folder in memory, as files of the user
 * that both run as.
 *
 * A file gets its final name only when it is complete. Names that begin with a dot are skipped:
 * Kubernetes keeps its own files under them. */
#include "acts/runs.h"

#include "base/secret_file.h"
#include "system/plain_file.h"
#include "system/system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int failed(const struct job *job, const char *what, const char *name)
{
    return job_say(job, EXIT_USAGE, "%s %.200s: %s", what, name, strerror(errno));
}

/* Writes under a name that no service reads, then renames. */
static int put(const struct job *job, int to, const char *name, const char *bytes, size_t len)
{
    char beside[NAME_MAX + 8];
    int cut = snprintf(beside, sizeof(beside), ".%s.new", name);
    if (cut < 0 || cut > NAME_MAX)
        return job_say(job, EXIT_USAGE, "%.200s: the name is too long", name);
    if (unlinkat(to, beside, 0) < 0 && errno != ENOENT)
        return failed(job, "replacing", name);
    int fd = openat(to, beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR);
    if (fd < 0)
        return failed(job, "writing", name);
    bool whole = system_write_all(fd, bytes, len) == 0;
    whole = close(fd) == 0 && whole;
    if (!whole || renameat(to, beside, to, name) < 0)
        return failed(job, "writing", name);
    return EXIT_DONE;
}

static int copy(const struct job *job, const char *from, int to, const char *name)
{
    char path[PATH_MAX], bytes[SECRET_FILE_BYTES_MAX];
    size_t len = 0;
    snprintf(path, sizeof(path), "%s/%s", from, name);
    const char *why = plain_file_read(path, bytes, sizeof(bytes), &len);
    int status = EXIT_DONE;
    if (why == NULL)
        status = put(job, to, name, bytes, len);
    else
        status = job_say(job, EXIT_USAGE, "reading %.200s, at most %d bytes: %s", name,
                         SECRET_FILE_BYTES_MAX, why);
    sodium_memzero(bytes, sizeof(bytes));
    return status;
}

int secrets_run(struct job *job)
{
    const char *from = args_word(job->args, "FROM");
    const char *to = args_word(job->args, "TO");
    DIR *dir = opendir(from);
    if (dir == NULL)
        return failed(job, "reading", from);
    int status = EXIT_DONE;
    int room = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (room < 0) {
        status = failed(job, "writing to", to);
        goto close_dir;
    }
    unsigned copied = 0;
    for (struct dirent *entry; status == EXIT_DONE && (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        status = copy(job, from, room, entry->d_name);
        copied++;
    }
    if (status == EXIT_DONE && copied == 0)
        status = job_say(job, EXIT_USAGE, "%.200s: there is no secret in it", from);
    if (status == EXIT_DONE)
        fprintf(job->out, "%u secrets are in %s.\n", copied, to);
    close(room);

close_dir:
    closedir(dir);
    return status;
}
