/* journal.h: an append-only file of JSON objects, read once at start. The kernel has a record when
 * journal_append() returns: a kill -9 loses nothing that was answered. */
#ifndef FG_PSP_SANDBOX_JOURNAL_H
#define FG_PSP_SANDBOX_JOURNAL_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

/* Reads the file, creates it if missing, cuts off an incomplete record at its end, and opens it for
 * appending in *fd. ERR_SYNTAX: not a journal, or damaged before its end. */
int journal_open(const char *path, bool (*on_record)(void *ctx, json_t *record), void *ctx,
                 struct err_slot *err, int *fd);
/* Takes the record. After an error, nothing that happened since may be answered. */
int journal_append(int fd, json_t *record, struct err_slot *err);

#endif
