/* metrics_test.c: the exact text that Prometheus reads, and sums over shards. */
#include "unit.h"

#include "http/http_server.h"
#include "observe/metrics.h"

static struct metrics *metrics; /* of each test */
static char *text;              /* its last scrape */

static void create(void)
{
    assert_int_equal(0, metrics_create(NULL, &metrics));
}

static void destroy(void)
{
    metrics_destroy(metrics);
    free(text);
    text = NULL;
}

UNIT_BETWEEN(create, destroy)

static void scrape(void)
{
    size_t len;
    free(text);
    assert_int_equal(0, metrics_render(metrics, NULL, &text, &len));
    text = realloc(text, len + 1);
    text[len] = '\0';
}

/* Scrapes and expects these parts in the text; NULL ends them. */
static void expect(const char *const *parts)
{
    scrape();
    for (; *parts != NULL; parts++) {
        if (strstr(text, *parts) == NULL)
            fail_msg("\"%s\" is not in: %s", *parts, text);
    }
}

#define EXPECT(...) expect((const char *const[]){__VA_ARGS__, NULL})

TEST_CASE(counters_of_several_loops_are_summed)
{
    _Atomic uint64_t a = 3, b = 4, c = 5;
    struct metrics_desc desc = {"joins_total", "Joins.", "event=\"x\""};
    assert_int_equal(0, metrics_counter(metrics, &desc, &a, NULL));
    assert_int_equal(0, metrics_counter(metrics, &desc, &b, NULL));
    desc.labels = "event=\"y\"";
    assert_int_equal(0, metrics_counter(metrics, &desc, &c, NULL));
    desc = (struct metrics_desc){"waiting", "Waiting.", NULL};
    assert_int_equal(0, metrics_gauge(metrics, &desc, &c, NULL));
    scrape();
    assert_string_equal(text, "# HELP joins_total Joins.\n# TYPE joins_total counter\n"
                              "joins_total{event=\"x\"} 7\njoins_total{event=\"y\"} 5\n"
                              "# HELP waiting Waiting.\n# TYPE waiting gauge\nwaiting 5\n");
    atomic_store(&b, 40);
    metrics_forget(metrics, &c);
    scrape();
    assert_string_equal(text, "# HELP joins_total Joins.\n# TYPE joins_total counter\n"
                              "joins_total{event=\"x\"} 43\n");
}

TEST_CASE(label_values_are_escaped)
{
    char memory[128];
    struct text labels = text_on(memory, sizeof(memory));
    metrics_label(&labels, "event", SPAN("a\"b\\c\nd"));
    metrics_label(&labels, "loop", SPAN("0"));
    assert_span(text_span(&labels), "event=\"a\\\"b\\\\c\\nd\",loop=\"0\"");
}

/* Checks "name{...le="X"} N" lines: bounds rise, counts do not fall, the last is +Inf. */
static void check_buckets(const char *prefix, uint64_t count)
{
    double bound_before = -1;
    unsigned long long before = 0;
    bool infinite = false;
    for (const char *at = strstr(text, prefix); at != NULL; at = strstr(at + 1, prefix)) {
        const char *le = strstr(at, "le=\"") + 4;
        double bound = strtod(le, NULL);
        assert_true(bound > bound_before);
        unsigned long long n = strtoull(strstr(at, "} ") + 2, NULL, 10);
        assert_true(n >= before);
        bound_before = bound;
        before = n;
        infinite = strncmp(le, "+Inf\"", 5) == 0;
    }
    assert_true(infinite);
    assert_int_equal(count, before);
}

TEST_CASE(a_histogram_has_exact_cumulative_buckets)
{
    static struct histogram one, two;
    struct metrics_desc desc = {"took_seconds", "Took.", "loop=\"all\""};
    assert_int_equal(0, metrics_histogram(metrics, &desc, METRICS_UNIT_SECONDS, &one, NULL));
    assert_int_equal(0, metrics_histogram(metrics, &desc, METRICS_UNIT_SECONDS, &two, NULL));
    histogram_record(&one, 127);
    histogram_record(&two, 128);
    histogram_record(&two, 1000000);
    histogram_record(&two, 60000000);
    EXPECT("# TYPE took_seconds histogram\n",
           "took_seconds_bucket{loop=\"all\",le=\"0.000128\"} 1\n",
           "took_seconds_bucket{loop=\"all\",le=\"0.00016\"} 2\n",
           "took_seconds_bucket{loop=\"all\",le=\"1.048576\"} 3\n",
           "took_seconds_bucket{loop=\"all\",le=\"33.554432\"} 3\n",
           "took_seconds_bucket{loop=\"all\",le=\"+Inf\"} 4\n",
           "took_seconds_sum{loop=\"all\"} 61.000255\n", "took_seconds_count{loop=\"all\"} 4\n");
    check_buckets("took_seconds_bucket", 4);
}

TEST_CASE(a_histogram_of_counts_has_inclusive_bounds)
{
    static struct histogram batch;
    struct metrics_desc desc = {"batch", "Batch.", NULL};
    assert_int_equal(0, metrics_histogram(metrics, &desc, METRICS_UNIT_ONE, &batch, NULL));
    for (uint64_t i = 0; i <= 8; i++)
        histogram_record(&batch, i);
    EXPECT("batch_bucket{le=\"0\"} 1\n", "batch_bucket{le=\"7\"} 8\n",
           "batch_bucket{le=\"15\"} 9\n", "batch_sum 36\n");
    check_buckets("batch_bucket", 9);
}

TEST_CASE(a_name_has_one_kind_and_the_registry_a_bound)
{
    static _Atomic uint64_t value;
    struct err_slot err;
    struct metrics_desc desc = {"a_total", "A.", NULL};
    assert_int_equal(0, metrics_counter(metrics, &desc, &value, &err));
    assert_int_equal(ERR_EXISTS, metrics_gauge(metrics, &desc, &value, &err));
    for (unsigned i = 1; i < METRICS_SERIES_MAX; i++)
        assert_int_equal(0, metrics_counter(metrics, &desc, &value, &err));
    assert_int_equal(ERR_FULL, metrics_counter(metrics, &desc, &value, &err));
    metrics_forget(metrics, &value);
    assert_int_equal(0, metrics_counter(metrics, &desc, &value, &err));
    char long_labels[METRICS_LABELS_MAX + 1];
    memset(long_labels, 'x', METRICS_LABELS_MAX);
    long_labels[METRICS_LABELS_MAX] = '\0';
    desc.labels = long_labels;
    assert_int_equal(ERR_RANGE, metrics_counter(metrics, &desc, &value, &err));
    metrics_destroy(NULL);
}

TEST_CASE(a_long_text_is_written_whole)
{
    static struct histogram histogram;
    char labels[32];
    for (unsigned i = 0; i < 200; i++) {
        snprintf(labels, sizeof(labels), "n=\"%u\"", i);
        struct metrics_desc desc = {"h_seconds", "H.", labels};
        assert_int_equal(0,
                         metrics_histogram(metrics, &desc, METRICS_UNIT_SECONDS, &histogram, NULL));
    }
    scrape();
    assert_true(strlen(text) > 256 * 1024);
    assert_non_null(strstr(text, "h_seconds_count{n=\"199\"} 0\n"));
}

TEST_CASE(servers_and_the_process_have_metrics)
{
    static struct http_stats first, second;
    assert_int_equal(0, metrics_http(metrics, "public", &first, NULL));
    assert_int_equal(0, metrics_http(metrics, "public", &second, NULL));
    assert_int_equal(0, metrics_process(metrics, NULL));
    atomic_store(&first.status[2], 10);
    atomic_store(&second.status[2], 5);
    atomic_store(&second.connections, 7);
    EXPECT("fairgate_http_responses_total{listener=\"public\",class=\"2xx\"} 15\n",
           "fairgate_http_connections{listener=\"public\"} 7\n");
    assert_true(strtod(strstr(text, "\nprocess_resident_memory_bytes ") + 31, NULL) > 1e6);
    assert_non_null(strstr(text, "\nfairgate_memory_allocated_bytes "));
    assert_true(strtod(strstr(text, "\nprocess_open_fds ") + 18, NULL) >= 3);
    assert_true(strtod(strstr(text, "\nprocess_cpu_seconds_total ") + 27, NULL) > 0);
    double start = strtod(strstr(text, "\nprocess_start_time_seconds ") + 28, NULL);
    double now = (double)(clock_wall_us(clock_system()) / 1000000);
    assert_true(start > now - 600 && start < now + 5);
    /* The seconds of the two clocks involved do not change at the same moment. */
    uint64_t last_us = clock_mono_us(clock_system()) + 1100000;
    while (clock_mono_us(clock_system()) < last_us) {
        scrape();
        assert_true(strtod(strstr(text, "\nprocess_start_time_seconds ") + 28, NULL) == start);
    }

    metrics_forget_within(metrics, &first, sizeof(first));
    scrape();
    assert_non_null(
        strstr(text, "fairgate_http_responses_total{listener=\"public\",class=\"2xx\"} 5\n"));
    metrics_forget_within(metrics, &second, sizeof(second));
    scrape();
    assert_null(strstr(text, "fairgate_http"));
    assert_non_null(strstr(text, "process_open_fds"));
}
