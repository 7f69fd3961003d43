/* health_test.c: what a page of figures says, and what two of them say together. */
#include "core/load/health.h"

#include "unit.h"

#include <math.h>
#include <string.h>

static const char page[] =
    "# HELP fairgate_http_request_duration_seconds x\n"
    "fairgate_http_request_duration_seconds_bucket{listener=\"public\",le=\"0.1\"} 100\n"
    "fairgate_http_request_duration_seconds_bucket{listener=\"public\",le=\"0.5\"} 100\n"
    "fairgate_http_request_duration_seconds_bucket{listener=\"public\",le=\"+Inf\"} 100\n"
    "fairgate_http_responses_total{listener=\"public\",class=\"2xx\"} 90\n"
    "fairgate_http_responses_total{listener=\"public\",class=\"5xx\"} 10\n"
    "fairgate_http_responses_total{listener=\"private\",class=\"5xx\"} 1000\n"
    "fairgate_seats_held{event=\"show\"} 12\n"
    "fairgate_seats_held{event=\"other\"} 99\n"
    "fairgate_sagas_open 7\n";

static const char later[] =
    "fairgate_http_request_duration_seconds_bucket{listener=\"public\",le=\"0.1\"} 190\n"
    "fairgate_http_request_duration_seconds_bucket{listener=\"public\",le=\"0.5\"} 200\n"
    "fairgate_http_request_duration_seconds_bucket{listener=\"public\",le=\"+Inf\"} 200\n"
    "fairgate_http_responses_total{listener=\"public\",class=\"2xx\"} 185\n"
    "fairgate_http_responses_total{listener=\"public\",class=\"5xx\"} 15\n"
    "fairgate_seats_held{event=\"show\"} 15\n"
    "fairgate_sagas_open 3 1700000000000\n";

static void two_looks_make_a_reading(void **state)
{
    (void)state;
    struct health_look before, now;
    struct health_reading reading = {0};
    assert_true(health_parse(span_of(page), SPAN("show"), &before));
    assert_true(health_parse(span_of(later), SPAN("show"), &now));
    assert_true(health_ripe(&before, &now));
    health_add(&reading, &before, &now);
    /* 90 of 100 below 100 ms, ten between 100 and 500: the 99th percentile is 9/10 into the latter.
     */
    assert_int_equal(reading.p99_ms, 460);
    assert_int_equal(reading.errors_milli, 50);
    assert_int_equal(reading.held, 15);
    assert_int_equal(reading.backlog, 3);
    char memory[160];
    struct text text = text_on(memory, sizeof(memory));
    health_json(&text, &reading);
    assert_span(text_span(&text),
                "{\"p99_ms\":460,\"error_share\":0.05,\"held\":15,\"backlog\":3}");
}

static void a_first_look_tells_gauges_only_and_a_restart_is_one(void **state)
{
    (void)state;
    struct health_look before, now;
    struct health_reading reading = {0};
    assert_true(health_parse(span_of(page), SPAN("show"), &now));
    health_add(&reading, NULL, &now);
    assert_false(reading.has_p99);
    assert_false(reading.has_errors);
    assert_int_equal(reading.held, 12);
    assert_true(health_parse(span_of(later), SPAN("show"), &before));
    reading = (struct health_reading){0};
    health_add(&reading, &before, &now); /* fewer answers than before */
    assert_false(reading.has_p99);
    assert_false(reading.has_errors);
    assert_int_equal(reading.backlog, 7);
}

static void few_answers_are_not_ripe(void **state)
{
    (void)state;
    struct health_look before, now;
    struct health_reading reading = {0};
    assert_true(health_parse(span_of(page), SPAN("show"), &before));
    now = before;
    for (uint32_t i = 0; i < now.buckets_len; i++)
        now.bucket[i].count += HEALTH_REQUESTS_MIN - 1;
    assert_false(health_ripe(&before, &now));
    health_add(&reading, &before, &now);
    assert_false(reading.has_p99);
    assert_true(reading.has_errors); /* none, of none */
    assert_int_equal(reading.errors_milli, 0);
}

static void services_together_are_as_ill_as_the_worst(void **state)
{
    (void)state;
    struct health_look one, two;
    struct health_reading reading = {0};
    assert_true(health_parse(SPAN("{\"p99_ms\": 80, \"error_share\": 0.5, \"held\": 3, \"x\": []}"),
                             SPAN("show"), &one));
    assert_true(health_parse(SPAN(" {\"p99_ms\": 812.4, \"held\": 4}\n"), SPAN("show"), &two));
    health_add(&reading, NULL, &one);
    health_add(&reading, NULL, &two);
    assert_int_equal(reading.p99_ms, 812);
    assert_int_equal(reading.errors_milli, 500);
    assert_int_equal(reading.held, 7);
    assert_false(reading.has_backlog);
}

static void what_is_no_page_of_figures_is_no_look(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{",
        "{}",
        "{\"p99_ms\":\"fast\"}",
        "[1]",
        "<html>busy</html>",
        "ok\n",
        "fairgate_sagas_open\n",
        "{\"p99_ms\":-1}",
        "fairgate_sagas_open NaN\n",
        "fairgate_sagas_open -3\n",
        "fairgate_seats_held{event=\"other\"} 5\n",
    };
    struct health_look look;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(health_parse(span_of(bad[i]), SPAN("show"), &look));
}

static void no_page_breaks_it(void **state)
{
    (void)state;
    struct rng_seeded seeded;
    rng_seeded_init(&seeded, unit_seed());
    char memory[4096];
    struct health_look before = {0}, now;
    for (int i = 0; i < 20000; i++) {
        size_t len =
            unit_mutate(&seeded.rng, span_of(i % 2 == 0 ? page : later), memory, sizeof(memory));
        struct health_reading reading = {0};
        if (!health_parse((struct span){memory, len}, SPAN("show"), &now))
            continue;
        assert_true(now.buckets_len <= HEALTH_BUCKETS_MAX);
        health_ripe(&before, &now);
        health_add(&reading, &before, &now);
        assert_true(reading.errors_milli <= 1000);
        before = now;
    }
}

static void a_page_tells_of_each_event_whether_it_is_served(void **state)
{
    (void)state;
    static const char text[] = "# HELP fairgate_seats_open 1 while they can be taken\n"
                               "# TYPE fairgate_seats_open gauge\n"
                               "fairgate_seats_open{event=\"show\"} 1\n"
                               "fairgate_seats_open_ever{event=\"not-this\"} 1\n"
                               "fairgate_seats_open 1\n"
                               "fairgate_seats_open{event=\"gala\"} no\n"
                               "fairgate_seats_open{event=\"gala\"} 0";
    struct span rest = span_of(text), event;
    bool served;
    assert_true(health_next_served(&rest, &event, &served));
    assert_true(span_eq(event, SPAN("show")));
    assert_true(served);
    assert_true(health_next_served(&rest, &event, &served));
    assert_true(span_eq(event, SPAN("gala")));
    assert_false(served);
    assert_false(health_next_served(&rest, &event, &served));
}

static void of_several_services_the_worst_counts_and_what_they_hold_adds_up(void **state)
{
    (void)state;
    static const char *const pages[] = {"{\"p99_ms\":200,\"error_share\":0.5}",
                                        "{\"p99_ms\":100,\"error_share\":0.1}",
                                        "{\"p99_ms\":300,\"error_share\":0.7}"};
    struct health_reading reading = {0};
    struct health_look look;
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        assert_true(health_parse(span_of(pages[i]), SPAN("show"), &look));
        health_add(&reading, NULL, &look);
        assert_int_equal(reading.p99_ms, i < 2 ? 200 : 300);
        assert_int_equal(reading.errors_milli, i < 2 ? 500 : 700);
    }
    struct health_look held = {.has_held = true, .held = 2e15, .has_backlog = true, .backlog = 4};
    struct health_look few = {.has_held = true, .held = 7, .has_backlog = true, .backlog = 3};
    health_add(&reading, NULL, &few);
    assert_int_equal(reading.held, 7);
    assert_int_equal(reading.backlog, 3);
    health_add(&reading, NULL, &held); /* more than anybody has: told as very many */
    assert_int_equal(reading.held, UINT64_C(1000000000000007));
    assert_int_equal(reading.backlog, 7);
}

static void a_missing_figure_is_null(void **state)
{
    (void)state;
    char memory[160];
    struct text text = text_on(memory, sizeof(memory));
    health_json(&text, &(struct health_reading){.has_backlog = true, .backlog = 3});
    assert_span(text_span(&text),
                "{\"p99_ms\":null,\"error_share\":null,\"held\":null,\"backlog\":3}");
}

static void of_a_histogram_with_too_many_bounds_the_first_are_kept(void **state)
{
    (void)state;
    static char page_of_many[16384];
    struct text text = text_on(page_of_many, sizeof(page_of_many));
    for (unsigned i = 1; i <= HEALTH_BUCKETS_MAX + 4; i++)
        text_printf(&text,
                    "fairgate_http_request_duration_seconds_bucket{listener=\"public\",le=\"%u\"} "
                    "%u\n",
                    i, i);
    assert_false(text.overflown);
    struct health_look look;
    assert_true(health_parse(text_span(&text), SPAN("show"), &look));
    assert_int_equal(look.buckets_len, HEALTH_BUCKETS_MAX);
    assert_true(look.bucket[HEALTH_BUCKETS_MAX - 1].le_s == HEALTH_BUCKETS_MAX);
}

static void each_figure_alone_makes_a_look(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{\"p99_ms\":0}",
        "{\"error_share\":0}",
        "{\"held\":0}",
        "{\"backlog\":0}",
        "fairgate_sagas_open 0",
        "fairgate_seats_held 0",
        "fairgate_seats_held{event=\"show\"} 1e2\n",
        "fairgate_http_responses_total{class=\"2xx\"} 1",
        "fairgate_http_request_duration_seconds_bucket{le=\"0.1\"} 1",
        "fairgate_sagas_open 000000000000000000000000000000000000007", /* 39 digits */
    };
    static const char *const bad[] = {
        "fairgate_sagas_open 0000000000000000000000000000000000000007",
        "fairgate_sagas_open 7x",
        "fairgate_sagas_open{event=\"show\" 7",
        "#fairgate_sagas_open 7",
        "fairgate_sagas_opened 7",
        "fairgate_http_responses_total{listener=\"private\",class=\"2xx\"} 1",
        "fairgate_http_request_duration_seconds_bucket 1",
        "fairgate_http_request_duration_seconds_bucket{le=\"\"} 1",
        "fairgate_http_request_duration_seconds_bucket{le=0.1} 1",
        "fairgate_http_request_duration_seconds_bucket{le=\"-1\"} 1",
    };
    struct health_look look;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (!health_parse(span_of(good[i]), SPAN("show"), &look))
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (health_parse(span_of(bad[i]), SPAN("show"), &look))
            fail_msg("%s", bad[i]);
}

static void buckets_of_several_listeners_add_up_in_whatever_order_they_stand(void **state)
{
    (void)state;
    struct health_look look;
    assert_true(health_parse(
        SPAN("fairgate_http_request_duration_seconds_bucket{le=\"+Inf\", listener=\"a\"} 9\n"
             "fairgate_http_request_duration_seconds_bucket{listener=\"a\", le=\"0.1\"} 1\n"
             "fairgate_http_request_duration_seconds_bucket{listener=\"a\",le=\"1\"} 5\n"
             "fairgate_http_request_duration_seconds_bucket{listener=\"b\",le=\"0.1\"} 2\n"
             "fairgate_http_request_duration_seconds_bucket{listener=\"b\",le=\"0.5\"} 3\n"
             "fairgate_http_request_duration_seconds_bucket{listener=\"b\",le=\"+Inf\"} 4\n"),
        SPAN("show"), &look));
    static const double counts[] = {3, 3, 5, 13}, bounds[] = {0.1, 0.5, 1};
    assert_int_equal(look.buckets_len, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(look.bucket[i].count == counts[i]);
        assert_true(i == 3 || look.bucket[i].le_s == bounds[i]);
    }
    assert_true(look.bucket[3].le_s > 1e300);
}

/* So many answers, up to 0.1 s, 0.5 s, and in all. */
static struct health_look look_of(double fast, double slow, double all)
{
    return (struct health_look){.bucket = {{0.1, fast}, {0.5, slow}, {HUGE_VAL, all}},
                                .buckets_len = 3};
}

static void enough_answers_between_two_looks_tell_how_slow_they_are(void **state)
{
    (void)state;
    static const struct {
        double fast, slow, all;
        bool told;
        uint64_t p99_ms;
    } rows[] = {
        {HEALTH_REQUESTS_MIN, HEALTH_REQUESTS_MIN, HEALTH_REQUESTS_MIN, true, 99},
        {HEALTH_REQUESTS_MIN - 1, HEALTH_REQUESTS_MIN - 1, HEALTH_REQUESTS_MIN - 1, false, 0},
        {0, 1000, 1000, true, 496},   /* 0.1 s, and 99 of 100 parts of 0.4 s */
        {990, 1000, 1000, true, 100}, /* at the bound itself */
        {0, 0, 1000, true, 995},      /* nobody knows how slow: as if below twice the last bound */
        {0, 990, 1000, true, 500},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct health_look before = look_of(1, 2, 3);
        struct health_look now = look_of(1 + rows[i].fast, 2 + rows[i].slow, 3 + rows[i].all);
        struct health_reading reading = {0};
        assert_int_equal(health_ripe(&before, &now), rows[i].told);
        health_add(&reading, &before, &now);
        assert_int_equal(reading.has_p99, rows[i].told);
        assert_int_equal(reading.p99_ms, rows[i].p99_ms);
        assert_false(reading.has_errors);
    }
}

static void looks_of_another_life_or_version_are_not_compared(void **state)
{
    (void)state;
    struct health_look before = look_of(100, 100, 100), now[5];
    for (unsigned i = 0; i < 5; i++)
        now[i] = look_of(300, 300, 300);
    now[0].buckets_len = 2;
    now[1].bucket[1].le_s = 0.6;
    now[2].bucket[0].count = 99;
    before.has_answers = true;
    before.answers = 10;
    before.failures = 5;
    for (unsigned i = 0; i < 5; i++) {
        now[i].has_answers = true;
        now[i].answers = 20;
        now[i].failures = 5;
    }
    now[3].answers = 9;
    now[4].failures = 4;
    for (unsigned i = 0; i < 5; i++) {
        struct health_reading reading = {0};
        assert_true(health_ripe(&before, &now[i])); /* there is no use in waiting */
        health_add(&reading, &before, &now[i]);
        assert_false(reading.has_p99);
        assert_false(reading.has_errors);
    }
    assert_true(health_ripe(NULL, &now[4]));
    struct health_look good = now[4];
    struct health_reading reading = {0};
    good.failures = 10;
    health_add(&reading, &before, &good);
    assert_int_equal(reading.errors_milli, 500);
    assert_true(reading.has_p99);
}

static void shares_and_figures_are_whole_numbers(void **state)
{
    (void)state;
    static const struct {
        double told;
        uint64_t p99_ms, errors_milli;
    } rows[] = {{0.4, 0, 400},  {0.5, 1, 500},  {1.0, 1, 1000},
                {2.5, 3, 1000}, {0.0004, 0, 0}, {0.0005, 0, 1}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct health_look look = {
            .has_p99 = true, .p99_ms = rows[i].told, .has_errors = true, .errors = rows[i].told};
        struct health_reading reading = {0};
        health_add(&reading, NULL, &look);
        assert_int_equal(reading.p99_ms, rows[i].p99_ms);
        assert_int_equal(reading.errors_milli, rows[i].errors_milli);
        assert_false(reading.has_held);
        assert_false(reading.has_backlog);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_looks_make_a_reading),
        cmocka_unit_test(a_first_look_tells_gauges_only_and_a_restart_is_one),
        cmocka_unit_test(few_answers_are_not_ripe),
        cmocka_unit_test(services_together_are_as_ill_as_the_worst),
        cmocka_unit_test(what_is_no_page_of_figures_is_no_look),
        cmocka_unit_test(no_page_breaks_it),
        cmocka_unit_test(a_page_tells_of_each_event_whether_it_is_served),
        cmocka_unit_test(of_several_services_the_worst_counts_and_what_they_hold_adds_up),
        cmocka_unit_test(a_missing_figure_is_null),
        cmocka_unit_test(of_a_histogram_with_too_many_bounds_the_first_are_kept),
        cmocka_unit_test(each_figure_alone_makes_a_look),
        cmocka_unit_test(buckets_of_several_listeners_add_up_in_whatever_order_they_stand),
        cmocka_unit_test(enough_answers_between_two_looks_tell_how_slow_they_are),
        cmocka_unit_test(looks_of_another_life_or_version_are_not_compared),
        cmocka_unit_test(shares_and_figures_are_whole_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
