/* judge_internal.h: what the files of the judge share; no other file includes it. judge.c passes
 * over the records once, with a picture of each visitor, and compares them afterwards;
 * judge_line.c has all visitors in one line; judge_history.c writes the records for another judge.
 */
#ifndef FG_CROWD_JUDGE_INTERNAL_H
#define FG_CROWD_JUDGE_INTERNAL_H

#include "judge/judge.h"

enum {
    /* An answer of a front shows the line as it was up to a second before: then the front says that
     * its picture is stale. Twice that, for a front that its machine did not let run and that does
     * not know yet how old its picture is. */
    JUDGE_LAG_US = 2000000,
    JUDGE_GONE_AFTER_MS = 90000, /* the default of [line] gone_after of queue-front */
    JUDGE_WAITS_MIN = 20,        /* fewer waits than that are no measure of how many come true */
};

/* Counts a finding. A few of each kind are written out, so that a thousand findings of one kind do
 * not hide the only one of another. */
void judge_found(struct judge_verdict *verdict, enum judge_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Makes room for one more. False: no memory. */
bool judge_room(void **array, size_t len, size_t *cap, size_t size);

/* For qsort(): the first numbers decide, and the second ones where those are equal. */
static inline int judge_compare(uint64_t a, uint64_t b, uint64_t a_second, uint64_t b_second)
{
    if (a != b)
        return a < b ? -1 : 1;
    return a_second < b_second ? -1 : a_second > b_second;
}

uint64_t judge_gone_after_us(const struct judge_conf *conf);

/* ---- judge_line.c ---- */

struct judge_line;

/* A place of the line whose owner is known to us. */
struct judge_place {
    uint64_t place;
    bool left;   /* by its owner: the line moves past it for nothing */
    bool silent; /* long enough to have counted as gone, and come back */
};

struct judge_line *judge_line_create(void); /* NULL: no memory */
void judge_line_destroy(struct judge_line *line);

/* To be called in the order in which visitors got their answers. At `at_us` the line had surely not
 * come past `place`; it had surely come as far. */
void judge_line_below(struct judge_line *line, uint64_t at_us, uint64_t place, uint32_t visitor);
void judge_line_reached(struct judge_line *line, uint64_t at_us, uint64_t place, uint32_t visitor);
/* The furthest place that the line had surely come to so far. */
uint64_t judge_line_came(const struct judge_line *line);
/* A visitor was shown more people ahead than before, when the line had come to `came`. */
void judge_line_rose(struct judge_line *line, uint64_t place, uint64_t from, uint64_t to,
                     uint64_t came, uint32_t visitor);

/* `places`: all that are known, sorted in place. */
int judge_line_judge(struct judge_line *line, struct judge_place *places, size_t len,
                     const struct judge_conf *conf, struct err_slot *err,
                     struct judge_verdict *verdict);

#endif
