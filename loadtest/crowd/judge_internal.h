/* judge_internal.h: what judge.c and judge_time.c share; nobody else includes it. */
#ifndef FG_CROWD_JUDGE_INTERNAL_H
#define FG_CROWD_JUDGE_INTERNAL_H

#include "judge.h"

void judge_found(struct judge_verdict *verdict, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Somebody asked between two instants and was given a number. */
struct judge_join {
    uint64_t asked_us, told_us, number;
    uint32_t visitor;
};

/* Whoever was told a number before another one even asked has the lower one. Sorts in place. */
int judge_joins(struct judge_join *joins, size_t len, const char *what, struct err_slot *err,
                struct judge_verdict *verdict);

/* Somebody was surely inside between two instants. */
struct judge_visit {
    uint64_t from_us, to_us;
};

/* The most at the same time. Sorts in place. */
int judge_visits(struct judge_visit *visits, size_t len, struct err_slot *err, uint64_t *out);

#endif
