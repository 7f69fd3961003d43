/* tracer_test.c: what a collector receives, and that a collector that is away, refuses or hangs
 * does not hold up the program. */
#include "unit.h"

#include "observe/tracer.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <dlfcn.h>
#include <jansson.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SAID_MAX = 1 << 20, SECOND_US = 1000000 };

#define GOOD "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

/* A collector that takes one connection after the other. */
struct collector {
    int listener;
    uint16_t port;
    pthread_t thread;
    const char *answer; /* NULL: none, until the peer goes */
    pthread_mutex_t mutex;
    _Atomic int fd; /* of the last connection */
    _Atomic uint64_t bodies;
    char body[SAID_MAX]; /* the last one */
};

/* One request, whole; false: the peer has gone. */
static bool read_request(struct collector *collector, int fd)
{
    static char bytes[SAID_MAX];
    size_t len = 0, want = 0;
    while (want == 0 || len < want) {
        ssize_t got = read(fd, bytes + len, sizeof(bytes) - 1 - len);
        if (got <= 0)
            return false;
        len += (size_t)got;
        bytes[len] = '\0';
        char *end = strstr(bytes, "\r\n\r\n"), *length = strcasestr(bytes, "content-length: ");
        if (end != NULL && length != NULL)
            want = (size_t)(end + 4 - bytes) + strtoul(length + 16, NULL, 10);
    }
    pthread_mutex_lock(&collector->mutex);
    memcpy(collector->body, strstr(bytes, "\r\n\r\n") + 4,
           len + 1 - (size_t)(strstr(bytes, "\r\n\r\n") + 4 - bytes));
    collector->bodies++;
    pthread_mutex_unlock(&collector->mutex);
    return true;
}

static void *serve(void *arg)
{
    struct collector *collector = arg;
    for (int fd; (fd = accept(collector->listener, NULL, NULL)) >= 0; close(fd)) {
        collector->fd = fd;
        while (read_request(collector, fd)) {
            if (collector->answer != NULL)
                (void)!write(fd, collector->answer, strlen(collector->answer));
        }
    }
    return NULL;
}

static struct collector *open_collector(const char *answer)
{
    struct collector *collector = calloc(1, sizeof(*collector));
    assert_non_null(collector);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    collector->answer = answer;
    pthread_mutex_init(&collector->mutex, NULL);
    collector->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(0, bind(collector->listener, (struct sockaddr *)&at, sizeof(at)));
    assert_int_equal(0, listen(collector->listener, 8));
    assert_int_equal(0, getsockname(collector->listener, (struct sockaddr *)&at, &len));
    collector->port = ntohs(at.sin_port);
    assert_int_equal(0, pthread_create(&collector->thread, NULL, serve, collector));
    return collector;
}

static void close_collector(struct collector *collector)
{
    shutdown(collector->listener, SHUT_RDWR);
    close(collector->listener);
    pthread_join(collector->thread, NULL);
    pthread_mutex_destroy(&collector->mutex);
    free(collector);
}

static struct {
    struct collector *collector;
    uint16_t port;
    struct tracer *tracer;
} test;

static struct tracer *tracer_to(uint16_t port, uint32_t sample_milli)
{
    char endpoint[64];
    struct err_slot err;
    struct tracer *tracer;
    snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%u/", port);
    const struct tracer_conf conf = {.endpoint = endpoint,
                                     .service = "sample",
                                     .version = "1.2.3",
                                     .sample_milli = sample_milli,
                                     .slow_us = SECOND_US};
    assert_int_equal(0, tracer_create(&conf, &err, &tracer));
    return tracer;
}

/* A span of the trace whose id is all `letter`. */
static struct tracer_span span_of_trace(uint8_t letter)
{
    struct tracer_span span = {.trace = trace_new(rng_system()),
                               .kind = TRACER_SERVER,
                               .began_us = UINT64_C(1700000000000001),
                               .took_us = 2500};
    memset(span.trace.trace_id, letter, sizeof(span.trace.trace_id));
    memset(span.trace.span_id, 0xcd, sizeof(span.trace.span_id));
    tracer_span_name(&span, "GET", "/v1/{event}");
    return span;
}

/* Fails at once if a batch failed, since no more of it comes. */
static void await_sent(uint64_t want)
{
    const struct tracer_stats *stats = tracer_stats(test.tracer);
    while (atomic_load_explicit(&stats->sent, memory_order_relaxed) < want) {
        assert_int_equal(0, stats->failed);
        usleep(1000);
    }
    assert_int_equal(want, stats->sent);
}

static void destroy_tracer(void)
{
    if (test.tracer != NULL)
        tracer_destroy(test.tracer);
    test.tracer = NULL;
}

static void away(void)
{
    if (test.collector != NULL)
        close_collector(test.collector);
    test.collector = NULL;
}

static int clean(void **state)
{
    (void)state;
    destroy_tracer();
    away();
    return 0;
}

static void begin(const char *answer, uint32_t sample_milli)
{
    test.collector = open_collector(answer);
    test.port = test.collector->port;
    test.tracer = tracer_to(test.port, sample_milli);
}

static void add(uint8_t letter, unsigned times, bool failed)
{
    struct tracer_span span = span_of_trace(letter);
    span.failed = failed;
    for (unsigned i = 0; i < times; i++)
        tracer_add(test.tracer, &span);
}

static void await_failed(void)
{
    const struct tracer_stats *stats = tracer_stats(test.tracer);
    while (atomic_load_explicit(&stats->failed, memory_order_relaxed) < 1)
        usleep(1000);
    assert_int_equal(0, stats->sent);
}

/* ---- tests ---- */

static void waiting_spans_are_sent_at_the_end(void **state)
{
    (void)state;
    begin(GOOD, 1000);
    add(1, 1, false);
    destroy_tracer();
    assert_int_equal(1, test.collector->bodies);
}

static void a_collector_that_refuses_or_is_away_costs_only_its_spans(void **state)
{
    (void)state;
    begin("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 1000);
    add(1, 1, false);
    await_failed();
    destroy_tracer();
    away();
    test.tracer = tracer_to(test.port, 1000);
    add(1, 1, false);
    await_failed();
}

static void a_failed_span_is_sent_with_all_held_spans_of_its_trace(void **state)
{
    (void)state;
    begin(GOOD, 0);
    add(1, 3, false);
    add(2, 5, false);
    add(1, 1, true);
    await_sent(4);
    add(2, 1, false);
    add(1, 1, false); /* of a failed trace; the other six are held */
    await_sent(5);
    struct tracer_span slow = span_of_trace(2);
    slow.took_us = SECOND_US;
    tracer_add(test.tracer, &slow);
    await_sent(5 + 7);
}

static void the_oldest_held_span_is_dropped_first(void **state)
{
    (void)state;
    begin(GOOD, 0);
    add(1, 2, false);
    add(2, TRACER_HELD - 1, false); /* one of the first is still held */
    add(1, 1, true);
    await_sent(2);
}

static void a_caller_that_wants_no_trace_gets_one_for_failures_only(void **state)
{
    (void)state;
    begin(GOOD, 1000);
    struct tracer_span span = span_of_trace(1);
    span.trace.flags = 0;
    tracer_add(test.tracer, &span);
    span.failed = true;
    tracer_add(test.tracer, &span);
    await_sent(1);
    destroy_tracer();
    assert_int_equal(1, test.collector->bodies);
}

static void an_endpoint_is_an_address_and_nothing_else(void **state)
{
    (void)state;
    const char *const good[] = {"http://127.0.0.1:4318", "https://otel.example/base",
                                "http://[::1]:4318/"};
    const char *const bad[] = {
        "",           "otel.example", "ftp://otel.example",           "http://",
        "http:///v1", "http://a b",   "http://user:key@otel.example", "http://otel.example/?key=1"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(tracer_endpoint_ok(span_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(tracer_endpoint_ok(span_of(bad[i])));
}

static const char *text_at(const json_t *span, const char *key)
{
    return json_string_value(json_object_get(span, key));
}

static void a_span_has_the_form_of_otlp(void **state)
{
    (void)state;
    begin(GOOD, 1000);
    struct tracer_span span = span_of_trace(0xab);
    memset(span.parent, 0xef, sizeof(span.parent));
    span.failed = true;
    tracer_span_text(&span, "http.route", SPAN("/a\"b"));
    tracer_span_text(&span, "empty", SPAN(""));
    tracer_span_number(&span, "http.response.status_code", 503);
    tracer_add(test.tracer, &span);
    await_sent(1);
    json_t *body = json_loads(test.collector->body, 0, NULL);
    assert_non_null(body);
    json_t *resource = json_array_get(json_object_get(body, "resourceSpans"), 0);
    json_t *scope = json_array_get(json_object_get(resource, "scopeSpans"), 0);
    json_t *sent = json_array_get(json_object_get(scope, "spans"), 0);
    assert_string_equal("abababababababababababababababab", text_at(sent, "traceId"));
    assert_string_equal("cdcdcdcdcdcdcdcd", text_at(sent, "spanId"));
    assert_string_equal("efefefefefefefef", text_at(sent, "parentSpanId"));
    assert_string_equal("GET /v1/{event}", text_at(sent, "name"));
    assert_string_equal("1700000000000001000", text_at(sent, "startTimeUnixNano"));
    assert_string_equal("1700000000002501000", text_at(sent, "endTimeUnixNano"));
    char *attributes = json_dumps(json_object_get(sent, "attributes"), JSON_COMPACT);
    assert_string_equal("[{\"key\":\"http.route\",\"value\":{\"stringValue\":\"/a\\\"b\"}},"
                        "{\"key\":\"http.response.status_code\",\"value\":{\"intValue\":\"503\"}}]",
                        attributes);
    assert_int_equal(2,
                     json_integer_value(json_object_get(json_object_get(sent, "status"), "code")));
    char *service = json_dumps(json_object_get(json_object_get(resource, "resource"), "attributes"),
                               JSON_COMPACT);
    assert_non_null(strstr(service, "\"service.name\",\"value\":{\"stringValue\":\"sample\"}"));
    free(service);
    free(attributes);
    json_decref(body);
}

static void the_longest_batch_has_room(void **state)
{
    (void)state;
    begin(GOOD, 1000);
    struct tracer_span span = span_of_trace(0xab);
    memset(span.name, 1, sizeof(span.name) - 1);
    char text[200];
    memset(text, 1, sizeof(text)); /* six bytes each in JSON */
    for (size_t i = 0; i <= TRACER_ATTRIBUTES; i++)
        tracer_span_text(&span, "a.key.that.is.rather.long.as.keys.go",
                         (struct span){text, sizeof(text)});
    for (size_t i = 0; i < 2 * TRACER_BATCH; i++)
        tracer_add(test.tracer, &span);
    await_sent(2 * TRACER_BATCH);
    destroy_tracer();
    json_t *body = json_loads(test.collector->body, 0, NULL);
    assert_non_null(body);
    json_decref(body);
}

/* In place of libcurl's function: the program's is found first. */
static _Atomic CURLoption refused;

#undef curl_easy_setopt
CURLcode curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
    CURLcode (*set)(CURL *, CURLoption, ...);
    va_list args;
    *(void **)&set = dlsym(RTLD_NEXT, "curl_easy_setopt");
    va_start(args, option);
    void *value = va_arg(args, void *);
    va_end(args);
    return option == refused ? CURLE_OUT_OF_MEMORY : set(easy, option, value);
}

/* The collector does not get the spans of the batch before, or a part. */
static void spans_that_libcurl_has_no_memory_for_count_as_failed(void **state)
{
    (void)state;
    static const CURLoption options[] = {CURLOPT_POSTFIELDS, CURLOPT_POSTFIELDSIZE};
    begin(GOOD, 1000);
    const struct tracer_stats *stats = tracer_stats(test.tracer);
    struct tracer_span span = span_of_trace(1);
    tracer_add(test.tracer, &span);
    await_sent(1);
    for (uint64_t i = 0; i < 2; i++) {
        refused = options[i];
        tracer_add(test.tracer, &span);
        while (stats->sent + stats->failed < 2 + i)
            usleep(1000);
        refused = 0;
        assert_int_equal(1 + i, stats->failed);
        assert_int_equal(1, test.collector->bodies);
    }
}

/* The collector takes a batch and does not answer: the queue fills, and more is dropped at once. */
static void spans_for_which_the_queue_has_no_room_are_dropped(void **state)
{
    (void)state;
    begin(NULL, 1000);
    struct tracer_span span = span_of_trace(1);
    for (size_t i = 0; i < TRACER_QUEUE + 4 * TRACER_BATCH; i++)
        tracer_add(test.tracer, &span);
    /* The thread may have taken a batch in the meantime, or two. */
    uint64_t dropped = tracer_stats(test.tracer)->dropped;
    assert_true(dropped > 0 && dropped <= 4 * TRACER_BATCH);
    while (test.collector->bodies < 1)
        usleep(1000);
    shutdown(test.collector->listener, SHUT_RDWR);
    shutdown(test.collector->fd, SHUT_RDWR);
}

static void a_sample_of_wanted_traces_and_each_failed_or_slow_one_is_sent(void **state)
{
    (void)state;
    struct tracer *none = tracer_to(1, 0), *some = tracer_to(1, 100), *all = tracer_to(1, 1000);
    struct trace trace = trace_new(rng_system());
    uint32_t count = 0;
    assert_true(tracer_wants(all, &trace, false, 0, true));
    assert_false(tracer_wants(none, &trace, false, SECOND_US - 1, true));
    assert_true(tracer_wants(none, &trace, true, 0, true));
    assert_true(tracer_wants(none, &trace, false, SECOND_US, true));
    assert_true(tracer_wants(none, &trace, false, 0, false)); /* a later span may fail */
    for (unsigned i = 0; i < 10000; i++) {
        trace = trace_new(rng_system());
        bool wanted = tracer_wants(some, &trace, false, 0, true);
        assert_int_equal(wanted, tracer_wants(some, &trace, false, 0, true));
        count += wanted;
    }
    assert_in_range(count, 700, 1300);
    trace.flags = 0;
    assert_false(tracer_wants(all, &trace, false, 0, true));
    assert_true(tracer_wants(all, &trace, true, 0, true));
    tracer_destroy(none);
    tracer_destroy(some);
    tracer_destroy(all);
}

static void a_call_has_a_span_below_the_callers(void **state)
{
    (void)state;
    const char *above = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    struct tracer *tracer = tracer_to(1, 1000);
    struct tracer_work work;
    struct tracer_span span;
    struct trace trace;
    char below[TRACE_TEXT_LEN + 1];
    tracer_begin(tracer, above, clock_system(), rng_system(), &work, below);
    assert_true(trace_parse(span_of(below), &trace));
    assert_memory_equal(above, below, 36);
    assert_string_not_equal(above, below);
    assert_true(tracer_end(&work, TRACER_CLIENT, clock_system(), &span));
    assert_memory_equal(span.trace.span_id, trace.span_id, sizeof(trace.span_id));
    assert_true(trace_parse(span_of(above), &trace));
    assert_memory_equal(span.parent, trace.span_id, sizeof(trace.span_id));

    tracer_begin(tracer, "no traceparent", clock_system(), rng_system(), &work, below);
    assert_string_equal("", below);
    assert_false(tracer_end(&work, TRACER_CLIENT, clock_system(), &span));
    tracer_begin(NULL, above, clock_system(), rng_system(), &work, below);
    assert_string_equal(above, below); /* the trace goes on, though no span is sent here */
    assert_false(tracer_end(&work, TRACER_CLIENT, clock_system(), &span));
    tracer_destroy(tracer);
}

int main(void)
{
#define CLEAN(test) cmocka_unit_test_teardown(test, clean)
    const struct CMUnitTest tests[] = {
        CLEAN(waiting_spans_are_sent_at_the_end),
        CLEAN(a_collector_that_refuses_or_is_away_costs_only_its_spans),
        CLEAN(a_failed_span_is_sent_with_all_held_spans_of_its_trace),
        CLEAN(the_oldest_held_span_is_dropped_first),
        CLEAN(a_caller_that_wants_no_trace_gets_one_for_failures_only),
        CLEAN(an_endpoint_is_an_address_and_nothing_else),
        CLEAN(a_span_has_the_form_of_otlp),
        CLEAN(the_longest_batch_has_room),
        CLEAN(spans_that_libcurl_has_no_memory_for_count_as_failed),
        CLEAN(spans_for_which_the_queue_has_no_room_are_dropped),
        CLEAN(a_sample_of_wanted_traces_and_each_failed_or_slow_one_is_sent),
        CLEAN(a_call_has_a_span_below_the_callers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
