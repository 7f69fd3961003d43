/* trace_test.c: W3C traceparent, and histograms whose values are off by 2 % at most. */
#include "unit.h"

#include "observe/histogram.h"
#include "observe/trace.h"

#include <pthread.h>

static const char good[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST_CASE(headers_are_read_and_written_back_or_refused)
{
    static const char *const rows[][2] = {
        {good, good},
        /* a later version is read as far as it is known */
        {"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-what", good},
        {"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02",
         "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"},
        {"", NULL},
        {"00", NULL},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", NULL},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-", NULL},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x", NULL},
        {"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", NULL},
        {"00-00000000000000000000000000000000-00f067aa0ba902b7-01", NULL},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", NULL},
        {"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", NULL},
        {"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x", NULL},
        {"00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", NULL},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01", NULL},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01", NULL},
        {"00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01", NULL},
        {" 0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct trace trace;
        char memory[TRACE_TEXT_LEN];
        struct text text = text_on(memory, sizeof(memory));
        if (trace_parse(span_of(rows[i][0]), &trace) != (rows[i][1] != NULL))
            fail_msg("\"%s\"", rows[i][0]);
        if (rows[i][1] != NULL) {
            trace_put(&text, &trace);
            assert_span(text_span(&text), rows[i][1]);
        }
    }
}

TEST_CASE(a_good_trace_is_continued_and_otherwise_a_new_one_begins)
{
    struct rng_seeded rng;
    rng_seeded_init(&rng, 1);
    struct trace theirs, ours = trace_continue(SPAN(good), &rng.rng), back;
    assert_true(trace_parse(SPAN(good), &theirs));
    assert_int_equal(0x4b, ours.trace_id[0]);
    assert_int_equal(0xb7, theirs.span_id[7]);
    assert_memory_equal(theirs.trace_id, ours.trace_id, sizeof(ours.trace_id));
    assert_memory_not_equal(theirs.span_id, ours.span_id, sizeof(ours.span_id));
    assert_int_equal(1, ours.flags);

    struct trace a = trace_continue((struct span){NULL, 0}, &rng.rng);
    struct trace b = trace_continue(SPAN("nonsense"), &rng.rng);
    assert_memory_not_equal(a.trace_id, b.trace_id, sizeof(a.trace_id));
    char memory[TRACE_TEXT_LEN];
    struct text text = text_on(memory, sizeof(memory));
    trace_put(&text, &a);
    assert_true(trace_parse(text_span(&text), &back));
}

static void fill_zero_then_one(void *ctx, void *out, size_t len)
{
    unsigned *calls = ctx;
    memset(out, (*calls)++ == 0 ? 0 : 1, len);
}

TEST_CASE(an_id_of_zeros_is_drawn_again)
{
    unsigned calls = 0;
    struct rng rng = {fill_zero_then_one, &calls};
    struct trace trace = trace_new(&rng);
    assert_int_equal(1, trace.trace_id[0]);
    assert_int_equal(3, calls);
}

/* ---- histogram ---- */

static uint64_t quantile_for(uint64_t value)
{
    struct histogram *histogram = calloc(1, sizeof(*histogram));
    static struct histogram_view view;
    memset(&view, 0, sizeof(view));
    histogram_record(histogram, value);
    histogram_record(histogram, UINT64_C(1) << 33); /* the maximum does not help then */
    histogram_add_to(histogram, &view);
    free(histogram);
    return histogram_quantile(&view, 0.5);
}

TEST_CASE(every_value_comes_back_within_two_percent)
{
    for (uint64_t value = 0; value < UINT64_C(1) << 33; value += 1 + value / 97) {
        uint64_t got = quantile_for(value);
        uint64_t off = got > value ? got - value : value - got;
        if (off * 50 > value)
            fail_msg("%llu came back as %llu", (unsigned long long)value, (unsigned long long)got);
    }
}

TEST_CASE(zero_and_the_largest_value_are_exact)
{
    static struct histogram histogram;
    static struct histogram_view view;
    assert_int_equal(0, histogram_quantile(&view, 0.99)); /* still empty */
    assert_int_equal(0, histogram_below(&view, 1000));
    histogram_record(&histogram, 0);
    histogram_record(&histogram, UINT64_MAX / 4);
    histogram_add_to(&histogram, &view);
    assert_int_equal(2, view.count);
    assert_int_equal(0, histogram_quantile(&view, 0));
    assert_true(histogram_quantile(&view, 1) == UINT64_MAX / 4);
    assert_true(view.sum == UINT64_MAX / 4);
}

TEST_CASE(a_quantile_between_two_values_is_the_upper_one)
{
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

TEST_CASE(quantiles_agree_with_a_sorted_list)
{
    enum { N = 20000 };
    static uint64_t values[N];
    static struct histogram first, second;
    static struct histogram_view view;
    const struct rng *rng = unit_rng();
    for (unsigned i = 0; i < N; i++) {
        values[i] = rng_u64(rng) >> (31 + rng_below(rng, 33));
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

TEST_CASE(reading_while_writing_sees_no_value_twice)
{
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
