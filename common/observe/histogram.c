/* histogram.c: below 32 each value has a bucket of its own. From there on each power of two [2^e,
 * 2^(e+1)) is cut into 32 equal buckets, each 2^(e-5) wide; a bucket is reported as its middle, so
 * the error is at most half a width, 1/64 of the value.
 *
 *     bucket   0..31     32..63        64..95         96..127   ...
 *     values   0..31     32..63        64..127        128..255  ...
 *     width    1         1             2              4
 *
 * Threading: the only writer loads and stores without a lock or an atomic addition; readers see
 * each counter whole, and slightly old at worst. The count is the sum of the buckets a reader saw,
 * so its quantiles belong to one set of values. */
#include "observe/histogram.h"

#include <assert.h>

static unsigned bucket_of(uint64_t value)
{
    if (value < HISTOGRAM_PARTS)
        return (unsigned)value;
    if (value >> HISTOGRAM_VALUE_LOG2 != 0)
        return HISTOGRAM_BUCKETS - 1;
    unsigned exponent = 63 - (unsigned)__builtin_clzll(value);
    unsigned shift = exponent - HISTOGRAM_PARTS_LOG2;
    return shift * HISTOGRAM_PARTS + (unsigned)(value >> shift);
}

/* The middle of a bucket's values. */
static uint64_t value_of(unsigned bucket)
{
    assert(bucket < HISTOGRAM_BUCKETS - 1);
    if (bucket < 2 * HISTOGRAM_PARTS)
        return bucket;
    unsigned shift = bucket / HISTOGRAM_PARTS - 1;
    uint64_t lowest = (uint64_t)(HISTOGRAM_PARTS + bucket % HISTOGRAM_PARTS) << shift;
    return lowest + (UINT64_C(1) << shift) / 2;
}

static void add(_Atomic uint64_t *counter, uint64_t n)
{
    /* relaxed: no other memory is read because of this number */
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + n, memory_order_relaxed);
}

void histogram_record(struct histogram *histogram, uint64_t value)
{
    unsigned bucket = bucket_of(value);
    assert(bucket < HISTOGRAM_BUCKETS);
    add(&histogram->bucket[bucket], 1);
    add(&histogram->sum, value);
    if (value > atomic_load_explicit(&histogram->max, memory_order_relaxed))
        atomic_store_explicit(&histogram->max, value, memory_order_relaxed);
}

void histogram_add_to(const struct histogram *histogram, struct histogram_view *view)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t n = atomic_load_explicit(&histogram->bucket[i], memory_order_relaxed);
        view->bucket[i] += n;
        view->count += n;
    }
    view->sum += atomic_load_explicit(&histogram->sum, memory_order_relaxed);
    uint64_t max = atomic_load_explicit(&histogram->max, memory_order_relaxed);
    view->max = max > view->max ? max : view->max;
    assert(view->count >= view->bucket[HISTOGRAM_BUCKETS - 1]);
}

uint64_t histogram_quantile(const struct histogram_view *view, double q)
{
    assert(q >= 0 && q <= 1);
    if (view->count == 0)
        return 0;
    double exact = q * (double)view->count;
    uint64_t rank = (uint64_t)exact;
    rank += (double)rank < exact ? 1 : 0; /* the first value that has a share q at or below it */
    rank = rank == 0 ? 1 : rank;
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += view->bucket[i];
        if (seen >= rank) {
            uint64_t value = i < HISTOGRAM_BUCKETS - 1 ? value_of(i) : view->max;
            return value < view->max ? value : view->max;
        }
    }
    return view->max;
}

uint64_t histogram_below(const struct histogram_view *view, uint64_t bound)
{
    if (bound >> HISTOGRAM_VALUE_LOG2 != 0)
        return view->count;
    uint64_t below = 0;
    for (unsigned i = 0; i < bucket_of(bound); i++)
        below += view->bucket[i];
    return below;
}
