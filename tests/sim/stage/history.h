/* history.h: what callers of the world were answered and what its books say, in the form that
 * tests/history/ reads and judges.
 *
 * Formats are JSON with single quotes, which become double ones. Times are the world's. Writing
 * changes nothing of a run: not its dice, nor its hash. */
#ifndef FG_SIM_HISTORY_H
#define FG_SIM_HISTORY_H

#include <stdint.h>

/* NULL: nothing is written. `settings`: members of the first line. */
void history_begin(const char *path, const char *settings);
/* A call is under way from now on; `call` is its name until it is answered. Members of its line. */
void history_ask(const void *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* `answer`: ok or refused, with further members. One that nobody asked is not heard. */
void history_answer(const void *call, const char *answer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Both at this moment. */
void history_fact(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What is not answered never will be. Without a request for a history no file is
 * left: of a line with a draw or a presale nothing is, since the checker knows neither. */
void history_end(void);

#endif
