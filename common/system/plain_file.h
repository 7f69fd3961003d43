/* plain_file.h: reads a whole file that may be read by all: a key set, a certificate, a picture.
 * Secrets have secret_file.h. It blocks, so it is for a start and for the thread pool. */
#ifndef FG_SYSTEM_PLAIN_FILE_H
#define FG_SYSTEM_PLAIN_FILE_H

#include <stddef.h>

/* A descriptor to read from, or -1 with the reason, in words, in *why. */
int plain_file_open(const char *path, const char **why);

/* NULL, with at most `cap` bytes in `out`; or why the file cannot be read, in words: a static text,
 * or strerror()'s. A file of more than `cap` bytes is one of these. */
const char *plain_file_read(const char *path, void *out, size_t cap, size_t *len);

#endif
