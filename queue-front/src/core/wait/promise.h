/* promise.h: checks promised waits. The promise in a visitor's ticket is compared with the real
 * wait when they enter. Some waits along the line are sampled as well; when such a place is called,
 * the real wait is compared, and the spread between p50 and p90 is corrected so that nine in ten
 * promises are kept. Plain memory of one front, no clean-up. */
#ifndef FG_QUEUE_FRONT_CORE_PROMISE_H
#define FG_QUEUE_FRONT_CORE_PROMISE_H

#include "core/wait/eta.h"

enum {
    /* Open promises of one event. A place is sampled four hundred times during the longest wait,
     * from the five parts of the line in turn, so about 160 are open; 400 if the wait at the end of
     * the line is unknown. */
    PROMISE_OPEN_MAX = 512,
    PROMISE_EVERY_MS = 1000,
};

struct promise {
    uint64_t place;
    uint64_t at_ms; /* Redis's clock */
    double p50_s;
    double p90_s;    /* as promised */
    double spread_s; /* p90 minus p50 before the correction */
    bool later;      /* along the line, not at its end */
};

struct promise_book {
    struct promise open[PROMISE_OPEN_MAX]; /* unordered */
    uint32_t open_len;
    uint32_t turn; /* the part of the line that is sampled next */
    uint64_t next_at_ms;
    double log_scale;   /* of the correction */
    uint64_t judged;    /* promises whose place was called */
    uint64_t kept;      /* of these, called by p90 */
    double error;       /* smoothed: the error of p50, as a share of the real wait */
    double kept_lately; /* smoothed share; the aim is 0.9 */
    struct line_sums sums;
};

void promise_init(struct promise_book *book);
/* With each new picture: checks promises whose place was called, adds new ones. */
void promise_observe(struct promise_book *book, const struct line_view *view,
                     const struct eta_model *model);
struct promise_kept {
    bool kept;            /* called by p90 */
    uint64_t error_milli; /* of p50, thousandths of the real wait */
};

/* A visitor with this promise in the ticket entered, and was called after `real_ms`. */
struct promise_kept promise_met(struct promise_book *book, uint32_t p50_s, uint32_t p90_s,
                                uint64_t real_ms);
/* The factor for the spread. */
double promise_scale(const struct promise_book *book);

#endif
