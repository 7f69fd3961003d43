/* secret_file.h: a secret in a file of its own, mode 0600. The configuration names the file, not
 * the secret, so that it appears neither in an argument list nor in the environment. */
#ifndef FG_BASE_SECRET_FILE_H
#define FG_BASE_SECRET_FILE_H

#include "base/err.h"
#include "base/span.h"

enum { SECRET_FILE_BYTES_MAX = 16384 }; /* a PEM key is a tenth of this */

struct secret_file;

/* Reads the whole file, without one trailing newline. Refuses files that others can read or change,
 * that are not regular files, empty or too long. The error never quotes the content. On success
 * *out is the caller's, to end with secret_file_destroy(), which wipes it. */
int secret_file_read(const char *path, struct err_slot *err, struct secret_file **out);
struct span secret_file_span(const struct secret_file *secret); /* borrowed until it is destroyed */
void secret_file_destroy(struct secret_file *secret);

#endif
