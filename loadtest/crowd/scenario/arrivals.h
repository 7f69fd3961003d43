/* arrivals.h: when each visitor comes, by the shape of the rush. Pure: randomness comes in. */
#ifndef FG_CROWD_ARRIVALS_H
#define FG_CROWD_ARRIVALS_H

#include "base/err.h"
#include "base/rng.h"

enum arrivals_kind {
    ARRIVALS_SPIKE,   /* half of them in the first tenth of the time */
    ARRIVALS_EVEN,    /* one after the other, equally far apart */
    ARRIVALS_POISSON, /* each whenever they like */
    ARRIVALS_CURVE,   /* as a file says */
};

struct arrivals_conf {
    enum arrivals_kind kind;
    uint64_t within_us; /* from the first to the last; a curve has a length of its own */
    uint32_t visitors;
    const char *curve_file;
};

struct arrivals;

/* A curve is a text of lines "SECOND RATE", seconds rising: from that second on visitors come in
 * that proportion, until the next line; the last line says when it ends, its rate is not read. #
 * begins a comment. What cannot be read names file and line. */
int arrivals_create(const struct arrivals_conf *conf, struct err_slot *err, struct arrivals **out);
/* Microseconds from the start until the visitor with this number comes. */
uint64_t arrivals_at(const struct arrivals *arrivals, uint32_t number, const struct rng *rng);
void arrivals_destroy(struct arrivals *arrivals);

#endif
