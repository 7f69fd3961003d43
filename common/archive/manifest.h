/* manifest.h: what an archive of an event is made of: DIR/manifest.json, which names each file with
 * its number of rows, its size and its hash. The manifest's own SHA-256 stands for the whole
 * archive: the database keeps it, and any later change to the archive contradicts it. */
#ifndef FG_ARCHIVE_MANIFEST_H
#define FG_ARCHIVE_MANIFEST_H

#include "archive/lines.h"

enum {
    MANIFEST_TABLES_MAX = 32,
    MANIFEST_WORD_MAX = 64,
    MANIFEST_EVENT_MAX = 128,
    MANIFEST_TOTALS_MAX = 16384,
};

struct manifest_table {
    char name[MANIFEST_WORD_MAX];
    struct lines_sum sum;
};

struct manifest {
    char service[MANIFEST_WORD_MAX], version[MANIFEST_WORD_MAX];
    char event[MANIFEST_EVENT_MAX];
    uint32_t part; /* 1; what came later has the next numbers */
    uint64_t made_ms;
    char totals[MANIFEST_TOTALS_MAX]; /* a JSON object */
    uint32_t tables_len;
    struct manifest_table tables[MANIFEST_TABLES_MAX]; /* in the order in which they are deleted */
};

/* The path of a table's file; false: too long. */
bool manifest_path(const char *dir, const char *table, char out[LINES_PATH_MAX]);

int manifest_write(const char *dir, const struct manifest *manifest, struct err_slot *err,
                   char digest[LINES_SHA256_MAX]);
int manifest_read(const char *dir, struct err_slot *err, struct manifest *out,
                  char digest[LINES_SHA256_MAX]);
/* Is each file what the manifest says? Reads all of them. ERR_STATE: it is another one. */
int manifest_check(const char *dir, const struct manifest *manifest, struct err_slot *err);
/* Of one file, that was just read. */
int manifest_compare(const struct manifest_table *table, const struct lines_sum *found,
                     struct err_slot *err);
uint64_t manifest_rows(const struct manifest *manifest);

#endif
