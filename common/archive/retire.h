/* retire.h: an event that is long over leaves its database for files. `PROGRAM retire`:
 *
 *     PROGRAM retire EVENT --to DIR      archive it below DIR, and delete it
 *     PROGRAM retire --verify DIR        are the files of this archive what was written?
 *     PROGRAM retire --restore DIR       load them into a database made for that
 *     PROGRAM retire --list              list what has been retired
 *
 * DIR/EVENT.SERVICE.PART/ has a file TABLE.ndjson.gz per table, a row_to_json() line per row, and
 * manifest.json, which names each file with its rows, size and SHA-256. The manifest's own SHA-256
 * is kept in SCHEMA.retired. Rows that come after an event was retired are the next part.
 *
 * The schema knows the service: retire_begin(event, after) runs before anything is written,
 * retire_wait(event) waits for processes that use the event. In the transaction that deletes,
 * retire_seal(event) locks the event, retire_refusals(event, after) returns the reasons against it,
 * retire_totals(event) its sums, and retire_done(event, part) clears what points to it.
 *
 * It blocks, and prints. */
#ifndef FG_ARCHIVE_RETIRE_H
#define FG_ARCHIVE_RETIRE_H

#include "service/service.h"

#include <stdbool.h>

/* Exit codes. RETIRE_NO: the event may not be retired, or an archive was changed. RETIRE_UNDONE: an
 * operation failed. */
enum { RETIRE_GOOD = 0, RETIRE_NO = 1, RETIRE_UNDONE = 2, RETIRE_TABLES_MAX = 32 };

struct retire_table {
    const char *name;
    const char *of; /* which rows `t` belong to the event current_setting('fairgate.retiring') */
};

struct retire_conf {
    const char *help, *schema;
    /* Settings of the service, which are read first. */
    const char *dsn;
    const uint64_t *after_ms; /* since the event began; refused earlier */
    /* In the order of deletion: tables that refer to others come first. */
    const struct retire_table *tables;
    uint32_t tables_len;
};

bool retire_is_asked(int argc, char **argv); /* the first word is "retire" */
/* Returns the exit code. */
int retire_run(const struct service_conf *service, const struct retire_conf *conf, int argc,
               char **argv);

#endif
