/* journal.c: a line that identifies the file, then one line per record. Each line is one write(),
 * so a record without a newline was being written when the process died. */
#include "journal.h"

#include "base/json_in.h"
#include "must.h"
#include "system/system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const char magic[] = "psp-sandbox journal 4\n";

static int cannot(const char *what, struct err_slot *err)
{
    return err_set(err, ERR_IO, "%s the journal: %s", what, strerror(errno));
}

/* *end is the length up to the last complete record. */
static int read_all(FILE *file, bool (*on_record)(void *ctx, json_t *record), void *ctx,
                    struct err_slot *err, size_t *end)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    bool good = true;
    *end = 0;
    while (good && (len = getline(&line, &cap, file)) > 0 && line[len - 1] == '\n') {
        json_t *record = NULL;
        good = *end == 0 ? strcmp(line, magic) == 0
                         : json_in_parse((struct span){line, (size_t)len - 1}, err, &record) == 0 &&
                               on_record(ctx, record);
        json_decref(record);
        if (good)
            *end += (size_t)len;
    }
    free(line);
    if (ferror(file))
        return cannot("reading", err);
    if (*end == 0 && len > 0)
        return err_set(err, ERR_SYNTAX, "the journal is not of this version");
    return good ? 0 : err_set(err, ERR_SYNTAX, "the journal is damaged at byte %zu", *end);
}

static int append(int fd, const char *bytes, size_t len, struct err_slot *err)
{
    errno = system_write_all(fd, bytes, len);
    return errno == 0 ? 0 : cannot("writing", err);
}

int journal_append(int fd, json_t *record, struct err_slot *err)
{
    char *line = must(json_in_text(must(record), 0));
    size_t len = strlen(line);
    line[len] = '\n'; /* in the place of the NUL */
    int rc = append(fd, line, len + 1, err);
    free(line);
    json_decref(record);
    return rc;
}

int journal_open(const char *path, bool (*on_record)(void *ctx, json_t *record), void *ctx,
                 struct err_slot *err, int *fd)
{
    size_t end = 0;
    FILE *file = fopen(path, "re");
    int rc = file != NULL ? read_all(file, on_record, ctx, err, &end) : 0;
    if (file == NULL && errno != ENOENT)
        rc = cannot("reading", err);
    if (file != NULL)
        fclose(file);
    int out = rc == 0 ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (rc == 0 && (out < 0 || ftruncate(out, (off_t)end) < 0))
        rc = cannot("opening", err);
    if (rc == 0 && end == 0)
        rc = append(out, magic, sizeof(magic) - 1, err);
    if (rc == 0)
        *fd = out;
    else if (out >= 0)
        close(out);
    return rc == 0 ? 0 : err_wrap(err, "%s", path);
}
