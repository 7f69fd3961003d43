/* histogram_test.c: no value is off by more than 2 %, and reading while writing is safe. */
#include "unit.h"

#include "observe/histogram.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static uint64_t told_for(uint64_t value)
{
    struct histogram *histogram = calloc(1, sizeof(*histogram));
    static struct histogram_view view;
    memset(&view, 0, sizeof(view));
    histogram_record(histogram, value);
    histogram_record(histogram, UINT64_C(1) << 33); /* so that the maximum does not help */
    histogram_add_to(histogram, &view);
    free(histogram);
    return histogram_quantile(&view, 0.5);
}

static void every_value_comes_back_within_two_percent(void **state)
{
    (void)state;
    for (uint64_t value = 0; value < UINT64_C(1) << 33; value += 1 + value / 97) {
        uint64_t told = told_for(value);
        uint64_t off = told > value ? told - value : value - told;
        if (off * 50 > value)
            fail_msg("%llu came back as %llu", (unsigned long long)value, (unsigned long long)told);
    }
}

static void the_ends_of_the_range_hold(void **state)
{
    (void)state;
    static struct histogram histogram;
    static struct histogram_view view;
    histogram_record(&histogram, 0);
    histogram_record(&histogram, UINT64_MAX / 4);
    histogram_add_to(&histogram, &view);
    assert_int_equal(2, view.count);
    assert_int_equal(0, histogram_quantile(&view, 0));
    assert_true(histogram_quantile(&view, 1) == UINT64_MAX / 4);
    assert_true(view.sum == UINT64_MAX / 4);
}

static void an_empty_histogram_tells_nothing(void **state)
{
    (void)state;
    static struct histogram_view view;
    assert_int_equal(0, histogram_quantile(&view, 0.99));
    assert_int_equal(0, histogram_below(&view, 1000));
}

static void a_share_between_two_values_is_the_upper_one(void **state)
{
    (void)state;
    static struct histogram histogram;
    static struct histogram_view view;
    for (uint64_t value = 1; value <= 3; value++)
        histogram_record(&histogram, value);
    histogram_add_to(&histogram, &view);
    assert_int_equal(1, histogram_quantile(&view, 0));
    assert_int_equal(1, histogram_quantile(&view, 1.0 / 3));
    assert_int_equal(2, histogram_quantile(&view, 0.5));
    assert_int_equal(3, histogram_quantile(&view, 0.7));
    assert_int_equal(3, histogram_quantile(&view, 1));
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void quantiles_agree_with_a_sorted_list(void **state)
{
    (void)state;
    enum { N = 20000 };
    static uint64_t values[N];
    static struct histogram first, second;
    static struct histogram_view view;
    struct rng_seeded rng;
    rng_seeded_init(&rng, unit_seed());
    for (unsigned i = 0; i < N; i++) {
        values[i] = rng_u64(&rng.rng) >> (31 + rng_below(&rng.rng, 33));
        histogram_record(i % 2 == 0 ? &first : &second, values[i]);
    }
    histogram_add_to(&first, &view);
    histogram_add_to(&second, &view);
    assert_int_equal(N, view.count);
    qsort(values, N, sizeof(values[0]), by_value);
    static const double quantiles[] = {0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1};
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
        double want = (double)values[(unsigned)(quantiles[i] * N) - 1];
        double got = (double)histogram_quantile(&view, quantiles[i]);
        assert_true(got >= want * 0.98 - 1 && got <= want * 1.02 + 1);
    }
    for (unsigned log2 = 0; log2 < 34; log2++) {
        uint64_t bound = UINT64_C(1) << log2, below = 0;
        while (below < N && values[below] < bound)
            below++;
        assert_int_equal(below, histogram_below(&view, bound));
    }
}

struct race {
    struct histogram histogram;
    _Atomic bool over;
};

static void *write_values(void *arg)
{
    struct race *race = arg;
    for (uint64_t i = 0; i < 200000; i++)
        histogram_record(&race->histogram, i % 5000);
    atomic_store(&race->over, true);
    return NULL;
}

static void reading_while_writing_sees_no_value_twice(void **state)
{
    (void)state;
    static struct race race;
    static struct histogram_view view;
    pthread_t writer;
    assert_int_equal(0, pthread_create(&writer, NULL, write_values, &race));
    uint64_t before = 0;
    while (!atomic_load(&race.over)) {
        memset(&view, 0, sizeof(view));
        histogram_add_to(&race.histogram, &view);
        assert_true(view.count >= before && view.count <= 200000);
        before = view.count;
    }
    pthread_join(writer, NULL);
    memset(&view, 0, sizeof(view));
    histogram_add_to(&race.histogram, &view);
    assert_int_equal(200000, view.count);
    assert_int_equal(4999, view.max);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_comes_back_within_two_percent),
        cmocka_unit_test(the_ends_of_the_range_hold),
        cmocka_unit_test(an_empty_histogram_tells_nothing),
        cmocka_unit_test(a_share_between_two_values_is_the_upper_one),
        cmocka_unit_test(quantiles_agree_with_a_sorted_list),
        cmocka_unit_test(reading_while_writing_sees_no_value_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
