/* histogram.h: the distribution of values, exact to 1.6 % of each, in 7.6 KB and without a lock.
 *
 * Log-linear: each power of two is cut into 32 equal parts. Durations are recorded in microseconds
 * (1 to 4.7 hours), other values as they are. One thread writes a histogram, any thread reads it;
 * to count on several loops, give each its own and add them up when reading. */
#ifndef FG_OBSERVE_HISTOGRAM_H
#define FG_OBSERVE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

enum {
    HISTOGRAM_PARTS_LOG2 = 5,
    HISTOGRAM_PARTS = 1 << HISTOGRAM_PARTS_LOG2,
    HISTOGRAM_VALUE_LOG2 = 34, /* values from 2^34 on count as 2^34 - 1 */
    HISTOGRAM_BUCKETS = HISTOGRAM_PARTS * (HISTOGRAM_VALUE_LOG2 - HISTOGRAM_PARTS_LOG2 + 1),
};

struct histogram { /* all zero is empty */
    _Atomic uint64_t bucket[HISTOGRAM_BUCKETS];
    _Atomic uint64_t sum;
    _Atomic uint64_t max;
};

/* A reader's copy, or the sum of several histograms. */
struct histogram_view {
    uint64_t bucket[HISTOGRAM_BUCKETS];
    uint64_t count;
    uint64_t sum;
    uint64_t max;
};

/* Only on its one writing thread. */
void histogram_record(struct histogram *histogram, uint64_t value);

/* By any thread. A value that is being recorded may or may not be included. */
void histogram_add_to(const struct histogram *histogram, struct histogram_view *view);

/* The value below which the share q (0..1) of all values lies; 0 if empty. */
uint64_t histogram_quantile(const struct histogram_view *view, double q);

/* The number of values below `bound`; exact if bound is a power of two, or that plus a multiple of
 * its 32nd. */
uint64_t histogram_below(const struct histogram_view *view, uint64_t bound);

#endif
