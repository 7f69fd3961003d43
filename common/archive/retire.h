/* retire.h: an event that is long over leaves its database: its rows are written to files, the
 * files are compared with the rows, and then exactly these rows are deleted.
 *
 *     PROGRAM retire EVENT --to DIR      archive it below DIR, then delete it
 *     PROGRAM retire --verify DIR        are the files of this archive what was written?
 *     PROGRAM retire --restore DIR       put them into a database made for that
 *     PROGRAM retire --list              what has been retired
 *
 * A program that dies while it writes has deleted nothing: the next run writes the files anew. Once
 * they are whole and were compared, the part is sealed by a row of SCHEMA.retired:
 *
 *     deleting -> retired
 *             \-> left: something had changed after it was written, and stays
 *
 * From then on the files are what counts: each row is deleted if it is still, in every column, what
 * its line says, so that the same files may be gone through any number of times. What has changed
 * since, or comes later, is another part, by another run.
 *
 * The schema brings what knows the service: retire_begin(event, after) runs before anything is
 * written, retire_refusals(event, after) tells what speaks against it, retire_totals(event) its
 * sums; retire_seal(event) closes the event in the transaction that seals; retire_done(event, part)
 * clears what points to it.
 *
 * For a program of its own: it blocks, and prints. */
#ifndef FG_ARCHIVE_RETIRE_H
#define FG_ARCHIVE_RETIRE_H

#include "archive/retire_rows.h"

#include <stdbool.h>

/* Exit codes. RETIRE_NO: the event may not be retired, or an archive is not what was written.
 * RETIRE_UNDONE: something failed on the way. */
enum { RETIRE_GOOD = 0, RETIRE_NO = 1, RETIRE_UNDONE = 2 };

struct retire_words {
    const char *event, *to;       /* archive and delete */
    const char *verify, *restore; /* or one of these */
    bool list;
    const char *config;
    uint64_t halt_at; /* for tests: the process kills itself at this edge; 0: never */
};

bool retire_is_asked(int argc, char **argv); /* the first word is "retire" */
/* False: `help` was printed, because it was asked for or because the words make no sense; the exit
 * code is in *code. */
bool retire_words_read(struct retire_words *words, const char *help, int argc, char **argv,
                       int *code);

struct retire_conf {
    const char *service, *version;
    const char *dsn, *schema;
    uint64_t after_ms; /* since the event began: refused before that */
    /* Asked once the event is marked: waits until the processes have let go of $1, or for as long
     * as it takes to tell that they do not. NULL: none has it. */
    const char *wait;
    /* In the order in which they are deleted: tables that refer to others come first. */
    const struct retire_table *tables;
    uint32_t tables_len;
};

/* Answers the exit code. */
int retire_run(const struct retire_conf *conf, const struct retire_words *words);

#endif
