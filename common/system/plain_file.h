/* plain_file.h: reads a whole file that is not secret: a key set, a certificate, a picture. For
 * secrets use secret_file.h. It blocks, so call it at start or on the thread pool. */
#ifndef FG_SYSTEM_PLAIN_FILE_H
#define FG_SYSTEM_PLAIN_FILE_H

#include <stddef.h>

/* Returns a descriptor to read from, or -1 with a readable reason in *why. */
int plain_file_open(const char *path, const char **why);

/* Reads up to the end, or `cap` bytes. Returns NULL, or strerror()'s words. */
const char *plain_file_fill(int fd, void *out, size_t cap, size_t *len);

/* Returns NULL, with at most `cap` bytes in `out`; or why the file cannot be read, in words: a
 * static text, or strerror()'s. More than `cap` bytes is such a reason. */
const char *plain_file_read(const char *path, void *out, size_t cap, size_t *len);

#endif
