/* lines.c: zlib's stream in front of a descriptor. What is read back is asked of the disk and not
 * of the memory that has just written it, as far as the kernel heeds the request
 * (POSIX_FADV_DONTNEED): a file that is compared before its rows are deleted has to be the one that
 * will be there in years.
 */
#include "archive/lines.h"

#include "base/grow.h"
#include "system/system.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { PIECE = 65536, GZIP = 15 + 16, LEVEL = 6, MEMORY = 8 };

struct lines {
    char path[LINES_PATH_MAX], part[LINES_PATH_MAX + 8];
    int fd;
    z_stream stream;
    uint8_t piece[PIECE];
};

static int refused(struct err_slot *err, const char *what, const char *path)
{
    return err_set(err, ERR_IO, "%s: %s: %s", path, what, strerror(errno));
}

/* ---- writing ---- */

static int part_open(const char *path, char *part, size_t cap, struct err_slot *err, int *fd)
{
    int len = snprintf(part, cap, "%s.part", path);
    if (len < 0 || (size_t)len >= cap)
        return err_set(err, ERR_RANGE, "the path %.64s... is too long", path);
    *fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return *fd < 0 ? refused(err, "cannot be written", part) : 0;
}

/* The entries of the folder in which the path lies reach the disk. */
static int sync_folder(const char *path, struct err_slot *err)
{
    char folder[LINES_PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof(folder), "%.*s", slash != NULL ? (int)(slash - path) : 1,
             slash != NULL ? path : ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return refused(err, "cannot be opened", folder);
    errno = system_sync(fd);
    close(fd);
    return errno != 0 ? refused(err, "does not reach the disk", folder) : 0;
}

/* Takes the descriptor. */
static int part_name(int fd, const char *part, const char *path, struct err_slot *err)
{
    errno = system_sync(fd);
    int rc = errno != 0 ? refused(err, "does not reach the disk", part) : 0;
    if (close(fd) != 0 && rc == 0)
        rc = refused(err, "cannot be closed", part);
    if (rc == 0 && rename(part, path) != 0)
        rc = refused(err, "cannot be named", part);
    return rc == 0 ? sync_folder(path, err) : rc;
}

int lines_create(const char *path, struct err_slot *err, struct lines **out)
{
    struct lines *lines = calloc(1, sizeof(*lines));
    if (lines == NULL)
        return err_set(err, ERR_NOMEM, "an archive file");
    int rc = 0;
    if ((size_t)snprintf(lines->path, sizeof(lines->path), "%s", path) >= sizeof(lines->path))
        rc = err_set(err, ERR_RANGE, "the path %.64s... is too long", path);
    if (rc == 0)
        rc = part_open(path, lines->part, sizeof(lines->part), err, &lines->fd);
    if (rc < 0)
        goto free_lines;
    if (deflateInit2(&lines->stream, LEVEL, Z_DEFLATED, GZIP, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK) {
        rc = err_set(err, ERR_NOMEM, "%s: to compress it", path);
        goto close_file;
    }
    *out = lines;
    return 0;

close_file:
    close(lines->fd);
    unlink(lines->part);
free_lines:
    free(lines);
    return rc;
}

static int squeeze(struct lines *lines, const void *bytes, size_t len, int flush,
                   struct err_slot *err)
{
    z_stream *stream = &lines->stream;
    stream->next_in = (Bytef *)(uintptr_t)bytes; /* zlib only reads it */
    stream->avail_in = (uInt)len;
    int rc = Z_OK;
    do {
        stream->next_out = lines->piece;
        stream->avail_out = PIECE;
        rc = deflate(stream, flush);
        assert(rc != Z_STREAM_ERROR);
        errno = system_write_all(lines->fd, lines->piece, PIECE - stream->avail_out);
        if (errno != 0)
            return refused(err, "cannot be written", lines->part);
    } while (flush == Z_FINISH ? rc != Z_STREAM_END : stream->avail_out == 0);
    return 0;
}

int lines_put(struct lines *lines, struct span line, struct err_slot *err)
{
    assert(line.len < LINES_LINE_MAX);
    if (memchr(line.ptr, '\n', line.len) != NULL)
        return err_set(err, ERR_STATE, "%s: a row has a line's end in it", lines->path);
    int rc = squeeze(lines, line.ptr, line.len, Z_NO_FLUSH, err);
    return rc == 0 ? squeeze(lines, "\n", 1, Z_NO_FLUSH, err) : rc;
}

int lines_finish(struct lines *lines, struct err_slot *err)
{
    int rc = squeeze(lines, "", 0, Z_FINISH, err);
    if (rc < 0) {
        lines_drop(lines);
        return rc;
    }
    (void)deflateEnd(&lines->stream);
    rc = part_name(lines->fd, lines->part, lines->path, err);
    free(lines);
    return rc;
}

void lines_drop(struct lines *lines)
{
    if (lines == NULL)
        return;
    (void)deflateEnd(&lines->stream);
    close(lines->fd);
    unlink(lines->part);
    free(lines);
}

int lines_write_whole(const char *path, struct span text, struct err_slot *err)
{
    char part[LINES_PATH_MAX + 8];
    int fd;
    int rc = part_open(path, part, sizeof(part), err, &fd);
    if (rc < 0)
        return rc;
    errno = system_write_all(fd, text.ptr, text.len);
    if (errno == 0)
        return part_name(fd, part, path, err);
    rc = refused(err, "cannot be written", part);
    close(fd);
    unlink(part);
    return rc;
}

/* ---- reading ---- */

struct reading {
    const char *path;
    int (*on_line)(void *ctx, struct span line);
    void *ctx;
    struct err_slot *err;
    struct grow line; /* what there is of the next one */
    z_stream stream;
    bool over; /* of the compressed stream */
    struct lines_sum sum;
    uint8_t in[PIECE], out[PIECE];
};

static int not_whole(const struct reading *reading, const char *why)
{
    return err_set(reading->err, ERR_SYNTAX, "%s: %s", reading->path, why);
}

static int end_line(struct reading *reading)
{
    reading->sum.lines += 1;
    int rc = 0;
    if (reading->on_line != NULL)
        rc = reading->on_line(reading->ctx, (struct span){reading->line.ptr, reading->line.len});
    grow_clear(&reading->line);
    return rc;
}

static int take_text(struct reading *reading, const char *text, size_t len)
{
    int rc = 0;
    while (rc == 0 && len > 0) {
        const char *end = memchr(text, '\n', len);
        size_t some = end != NULL ? (size_t)(end - text) : len;
        grow_add(&reading->line, (struct span){text, some});
        if (reading->line.failed)
            return err_set(reading->err, ERR_NOMEM, "%s: a line", reading->path);
        if (reading->line.len >= LINES_LINE_MAX)
            return not_whole(reading, "a line is too long");
        if (end != NULL)
            rc = end_line(reading);
        text += some + (end != NULL);
        len -= some + (end != NULL);
    }
    return rc;
}

static int inflate_piece(struct reading *reading, size_t len)
{
    z_stream *stream = &reading->stream;
    stream->next_in = reading->in;
    stream->avail_in = (uInt)len;
    int rc = 0;
    do {
        if (reading->over)
            return not_whole(reading, "there is more behind its end");
        stream->next_out = reading->out;
        stream->avail_out = PIECE;
        int state = inflate(stream, Z_NO_FLUSH);
        if (state == Z_MEM_ERROR)
            return err_set(reading->err, ERR_NOMEM, "%s: to read it", reading->path);
        if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR)
            return not_whole(reading, "it is damaged");
        reading->over = state == Z_STREAM_END;
        rc = take_text(reading, (const char *)reading->out, PIECE - stream->avail_out);
    } while (rc == 0 && (stream->avail_in > 0 || (stream->avail_out == 0 && !reading->over)));
    return rc;
}

static int read_pieces(struct reading *reading, int fd)
{
    crypto_hash_sha256_state hash;
    crypto_hash_sha256_init(&hash);
    for (;;) {
        ssize_t len = read(fd, reading->in, PIECE);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return refused(reading->err, "cannot be read", reading->path);
        if (len == 0)
            break;
        reading->sum.bytes += (uint64_t)len;
        crypto_hash_sha256_update(&hash, reading->in, (size_t)len);
        int rc = inflate_piece(reading, (size_t)len);
        if (rc < 0)
            return rc;
    }
    if (!reading->over || reading->line.len > 0)
        return not_whole(reading, "its end is missing");
    uint8_t sha256[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_final(&hash, sha256);
    sodium_bin2hex(reading->sum.sha256, sizeof(reading->sum.sha256), sha256, sizeof(sha256));
    return 0;
}

int lines_read(const char *path, int (*on_line)(void *ctx, struct span line), void *ctx,
               struct err_slot *err, struct lines_sum *out)
{
    struct reading *reading = calloc(1, sizeof(*reading));
    if (reading == NULL)
        return err_set(err, ERR_NOMEM, "to read %s", path);
    reading->path = path;
    reading->on_line = on_line;
    reading->ctx = ctx;
    reading->err = err;
    int rc = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        rc = refused(err, "cannot be opened", path);
        goto free_reading;
    }
    if (inflateInit2(&reading->stream, GZIP) != Z_OK) {
        rc = err_set(err, ERR_NOMEM, "to read %s", path);
        goto close_file;
    }
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    rc = read_pieces(reading, fd);
    (void)inflateEnd(&reading->stream);
    if (rc == 0 && out != NULL)
        *out = reading->sum;

close_file:
    close(fd);
free_reading:
    grow_free(&reading->line);
    free(reading);
    return rc;
}
