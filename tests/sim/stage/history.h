/* history.h: the responses to callers of the world and the final state of its books, in the format
 * that tests/history/ checks.
 *
 * Formats are JSON with single quotes, which become double ones. Times are the world's. Writing a
 * history does not affect the run, neither its dice nor its hash. */
#ifndef FG_SIM_HISTORY_H
#define FG_SIM_HISTORY_H

#include <stdint.h>

/* NULL: no history. `settings`: members of the first line. */
void history_begin(const char *path, const char *settings);
/* A call begins; `call` identifies it until its response. The format gives members of its line. */
void history_ask(const void *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* `answer`: ok or refused, with further members. Ignored for a call without history_ask(). */
void history_answer(const void *call, const char *answer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A fact whose begin and end are this moment. */
void history_fact(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Calls without a response stay so. Without a requested history no file is left. A line with a draw
 * or a presale leaves none either: the checker knows neither. */
void history_end(void);

#endif
