/* judge_internal.h: what the files of the judge share; nobody else includes it.
 *
 *     judge.c         one pass over the records, with a picture of each visitor
 *     judge_found.c   findings, by name
 *     judge_owners.c  whose a place, a seat or an order is
 *     judge_time.c    all on one line of time: the order of joins, the most inside
 *     judge_line.c    all on one line of people: jumps, the rate, how many are ahead
 *     judge_seats.c   all at one hall: which seat is whose, and for which time
 *     judge_expect.c  whether enough people got through
 *     judge_history.c the records as a history, for another judge */
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

void judge_found(struct judge_verdict *verdict, enum judge_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Makes room for one more. False: no memory. */
bool judge_room(void **array, size_t len, size_t *cap, size_t size);

/* ---- judge_owners.c ---- */

struct judge_owners;

struct judge_owners *judge_owners_create(void); /* NULL: no memory */
void judge_owners_destroy(struct judge_owners *owners);
/* Whom the key belongs to, after giving it to `visitor` if it was nobody's. */
uint32_t judge_owners_claim(struct judge_owners *owners, uint64_t key, uint32_t visitor);
/* ERR_NOMEM: there was none for some of them, so a second owner may not have been found. */
int judge_owners_end(const struct judge_owners *owners, const char *what, struct err_slot *err);

/* ---- judge_time.c ---- */

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

/* These are told in the order of the instants at which visitors were told. At `at_us` the line had
 * surely not come past `place`; it had surely come as far. */
void judge_line_below(struct judge_line *line, uint64_t at_us, uint64_t place, uint32_t visitor);
void judge_line_reached(struct judge_line *line, uint64_t at_us, uint64_t place, uint32_t visitor);
/* The furthest place that the line had surely come to, by what was told so far. */
uint64_t judge_line_came(const struct judge_line *line);
/* Somebody was told of more people ahead than before, when the line had come to `came`. */
void judge_line_rose(struct judge_line *line, uint64_t place, uint64_t from, uint64_t to,
                     uint64_t came, uint32_t visitor);

/* `places`: all that are known, sorted in place. */
int judge_line_judge(struct judge_line *line, struct judge_place *places, size_t len,
                     const struct judge_conf *conf, struct err_slot *err,
                     struct judge_verdict *verdict);

/* ---- judge_expect.c ---- */

void judge_expect(const struct expect *expect, struct judge_verdict *verdict);

/* ---- judge_seats.c ---- */

struct judge_seats;

struct judge_seats *judge_seats_create(void); /* NULL: no memory */
void judge_seats_destroy(struct judge_seats *seats);

/* A seat is a visitor's from the instant at which that was read. Returns its number, for the next
 * call.
 */
size_t judge_seats_held(struct judge_seats *seats, uint64_t seat, uint64_t from_us, uint64_t to_us,
                        uint32_t visitor);
/* From this instant on it may be anybody's. */
void judge_seats_given_back(struct judge_seats *seats, size_t number, uint64_t at_us);
void judge_seats_sold(struct judge_seats *seats, size_t number);

/* Looks for two who had a seat at the same time. Sorts in place: no number is good any more. */
int judge_seats_judge(struct judge_seats *seats, struct err_slot *err,
                      struct judge_verdict *verdict);

#endif
