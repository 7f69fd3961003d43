/* lines.h: a file of lines, compressed as gzip does (`zcat FILE` shows it): the rows of a table
 * that leaves its database.
 *
 * A file has its name only once it is whole and the disk has it: until then it is called
 * NAME.part, and one that a dead program left is written anew. All of it blocks. */
#ifndef FG_ARCHIVE_LINES_H
#define FG_ARCHIVE_LINES_H

#include "base/err.h"
#include "base/span.h"

#include <stdint.h>

enum {
    LINES_SHA256_MAX = 65,
    LINES_PATH_MAX = 4096,
    LINES_LINE_MAX = 1 << 30, /* PostgreSQL itself has no longer text */
};

/* A file in figures. The hash is that of the compressed file, as `sha256sum` prints it. */
struct lines_sum {
    uint64_t lines, bytes;
    char sha256[LINES_SHA256_MAX];
};

struct lines;

int lines_create(const char *path, struct err_slot *err, struct lines **out);
int lines_put(struct lines *lines, struct span line, struct err_slot *err);
/* The last lines, the disk, the name. The file is closed, however this ends. */
int lines_finish(struct lines *lines, struct err_slot *err);
void lines_drop(struct lines *lines); /* instead of lines_finish(): nothing remains */

/* Reads a file from the disk to its end. on_line may be NULL; a negative answer of it ends the
 * reading and is the call's answer. ERR_SYNTAX: it is no such file, or only a part of one. */
int lines_read(const char *path, int (*on_line)(void *ctx, struct span line), void *ctx,
               struct err_slot *err, struct lines_sum *out);

/* A whole small file, written in the same manner: under its name all of it, or nothing. */
int lines_write_whole(const char *path, struct span text, struct err_slot *err);

#endif
