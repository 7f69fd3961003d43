/* tracer_test.c: what a collector is told, and that nobody waits for one that is away, refuses or
 * hangs. */
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
        char *end = strstr(bytes, "\r\n\r\n"), *told = strcasestr(bytes, "content-length: ");
        if (end != NULL && told != NULL)
            want = (size_t)(end + 4 - bytes) + strtoul(told + 16, NULL, 10);
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

static struct tracer_span a_span(void)
{
    struct tracer_span span = {.trace = trace_new(rng_system()),
                               .kind = TRACER_SERVER,
                               .began_us = UINT64_C(1700000000000001),
                               .took_us = 2500};
    memset(span.trace.trace_id, 0xab, sizeof(span.trace.trace_id));
    memset(span.trace.span_id, 0xcd, sizeof(span.trace.span_id));
    tracer_span_name(&span, "GET", "/v1/{event}");
    return span;
}

static void await_told(const _Atomic uint64_t *counter, uint64_t want)
{
    while (atomic_load_explicit(counter, memory_order_relaxed) < want)
        usleep(1000);
}

/* Where none may fail: of a batch that did nothing more comes. */
static void await_sent(const struct tracer *tracer, uint64_t want)
{
    const struct tracer_stats *stats = tracer_stats(tracer);
    while (atomic_load_explicit(&stats->sent, memory_order_relaxed) < want) {
        assert_int_equal(0, stats->failed);
        usleep(1000);
    }
}

#define GOOD "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

static const char *text_at(const json_t *span, const char *key)
{
    return json_string_value(json_object_get(span, key));
}

static void a_span_is_told_as_otlp_has_it(void **state)
{
    (void)state;
    struct collector *collector = open_collector(GOOD);
    struct tracer *tracer = tracer_to(collector->port, 1000);
    struct tracer_span span = a_span();
    memset(span.parent, 0xef, sizeof(span.parent));
    span.failed = true;
    tracer_span_text(&span, "http.route", SPAN("/a\"b"));
    tracer_span_text(&span, "empty", SPAN(""));
    tracer_span_number(&span, "http.response.status_code", 503);
    tracer_add(tracer, &span);
    await_sent(tracer, 1);
    json_t *said = json_loads(collector->body, 0, NULL);
    assert_non_null(said);
    json_t *resource = json_array_get(json_object_get(said, "resourceSpans"), 0);
    json_t *scope = json_array_get(json_object_get(resource, "scopeSpans"), 0);
    json_t *told = json_array_get(json_object_get(scope, "spans"), 0);
    assert_string_equal("abababababababababababababababab", text_at(told, "traceId"));
    assert_string_equal("cdcdcdcdcdcdcdcd", text_at(told, "spanId"));
    assert_string_equal("efefefefefefefef", text_at(told, "parentSpanId"));
    assert_string_equal("GET /v1/{event}", text_at(told, "name"));
    assert_string_equal("1700000000000001000", text_at(told, "startTimeUnixNano"));
    assert_string_equal("1700000000002501000", text_at(told, "endTimeUnixNano"));
    char *attributes = json_dumps(json_object_get(told, "attributes"), JSON_COMPACT);
    assert_string_equal("[{\"key\":\"http.route\",\"value\":{\"stringValue\":\"/a\\\"b\"}},"
                        "{\"key\":\"http.response.status_code\",\"value\":{\"intValue\":\"503\"}}]",
                        attributes);
    assert_int_equal(2,
                     json_integer_value(json_object_get(json_object_get(told, "status"), "code")));
    char *service = json_dumps(json_object_get(json_object_get(resource, "resource"), "attributes"),
                               JSON_COMPACT);
    assert_non_null(strstr(service, "\"service.name\",\"value\":{\"stringValue\":\"sample\"}"));
    free(service);
    free(attributes);
    json_decref(said);
    tracer_destroy(tracer);
    close_collector(collector);
}

static void the_longest_batch_has_room(void **state)
{
    (void)state;
    struct collector *collector = open_collector(GOOD);
    struct tracer *tracer = tracer_to(collector->port, 1000);
    struct tracer_span span = a_span();
    memset(span.name, 1, sizeof(span.name) - 1);
    char text[200];
    memset(text, 1, sizeof(text)); /* six bytes each in JSON */
    for (size_t i = 0; i <= TRACER_ATTRIBUTES; i++)
        tracer_span_text(&span, "a.key.that.is.rather.long.as.keys.go",
                         (struct span){text, sizeof(text)});
    for (size_t i = 0; i < 2 * TRACER_BATCH; i++)
        tracer_add(tracer, &span);
    await_sent(tracer, 2 * TRACER_BATCH);
    tracer_destroy(tracer);
    json_t *said = json_loads(collector->body, 0, NULL);
    assert_non_null(said);
    json_decref(said);
    close_collector(collector);
}

static void what_waits_is_sent_at_the_end(void **state)
{
    (void)state;
    struct collector *collector = open_collector(GOOD);
    struct tracer *tracer = tracer_to(collector->port, 1000);
    struct tracer_span span = a_span();
    tracer_add(tracer, &span);
    tracer_destroy(tracer);
    assert_int_equal(1, collector->bodies);
    close_collector(collector);
}

static void a_collector_that_refuses_or_is_away_costs_its_spans_alone(void **state)
{
    (void)state;
    struct collector *collector = open_collector("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    struct tracer_span span = a_span();
    struct tracer *tracer = tracer_to(collector->port, 1000);
    tracer_add(tracer, &span);
    await_told(&tracer_stats(tracer)->failed, 1);
    assert_int_equal(0, tracer_stats(tracer)->sent);
    tracer_destroy(tracer);
    uint16_t port = collector->port;
    close_collector(collector);
    tracer = tracer_to(port, 1000);
    tracer_add(tracer, &span);
    await_told(&tracer_stats(tracer)->failed, 1);
    tracer_destroy(tracer);
}

/* libcurl's stands behind this one: the program's comes first to all who call it. */
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

/* Nor is it told what it was told before, or a part. */
static void spans_that_there_is_no_memory_to_hand_over_count_as_failed(void **state)
{
    (void)state;
    static const CURLoption options[] = {CURLOPT_POSTFIELDS, CURLOPT_POSTFIELDSIZE};
    struct collector *collector = open_collector(GOOD);
    struct tracer *tracer = tracer_to(collector->port, 1000);
    const struct tracer_stats *stats = tracer_stats(tracer);
    struct tracer_span span = a_span();
    tracer_add(tracer, &span);
    await_sent(tracer, 1);
    for (uint64_t i = 0; i < 2; i++) {
        refused = options[i];
        tracer_add(tracer, &span);
        while (stats->sent + stats->failed < 2 + i)
            usleep(1000);
        refused = 0;
        assert_int_equal(1 + i, stats->failed);
        assert_int_equal(1, collector->bodies);
    }
    tracer_destroy(tracer);
    close_collector(collector);
}

/* It takes a batch and says nothing: the queue fills, and more is dropped at once. */
static void what_does_not_fit_is_dropped_and_counted(void **state)
{
    (void)state;
    struct collector *collector = open_collector(NULL);
    struct tracer *tracer = tracer_to(collector->port, 1000);
    struct tracer_span span = a_span();
    for (size_t i = 0; i < TRACER_QUEUE + 4 * TRACER_BATCH; i++)
        tracer_add(tracer, &span);
    /* Whether the thread has taken a batch meanwhile, or two, is its own affair. */
    uint64_t dropped = tracer_stats(tracer)->dropped;
    assert_true(dropped > 0 && dropped <= 4 * TRACER_BATCH);
    await_told(&collector->bodies, 1);
    shutdown(collector->listener, SHUT_RDWR);
    shutdown(collector->fd, SHUT_RDWR);
    tracer_destroy(tracer);
    close_collector(collector);
}

static void told_are_some_of_what_the_caller_wants_and_all_that_fails_or_is_slow(void **state)
{
    (void)state;
    struct tracer *none = tracer_to(1, 0), *some = tracer_to(1, 100), *all = tracer_to(1, 1000);
    struct trace trace = trace_new(rng_system());
    uint32_t told = 0;
    assert_true(tracer_wants(all, &trace, false, 0, true));
    assert_false(tracer_wants(none, &trace, false, SECOND_US - 1, true));
    assert_true(tracer_wants(none, &trace, true, 0, true));
    assert_true(tracer_wants(none, &trace, false, SECOND_US, true));
    assert_true(tracer_wants(none, &trace, false, 0, false)); /* what comes later may make it so */
    for (unsigned i = 0; i < 10000; i++) {
        trace = trace_new(rng_system());
        bool wanted = tracer_wants(some, &trace, false, 0, true);
        assert_int_equal(wanted, tracer_wants(some, &trace, false, 0, true)); /* whoever is asked */
        told += wanted;
    }
    assert_in_range(told, 700, 1300);
    trace.flags = 0;
    assert_false(tracer_wants(all, &trace, false, 0, true));
    assert_true(tracer_wants(all, &trace, true, 0, true));
    tracer_destroy(none);
    tracer_destroy(some);
    tracer_destroy(all);
}

/* A span of the trace whose id is all `letter`; nobody chose it. */
static struct tracer_span one_of(uint8_t letter, bool failed)
{
    struct tracer_span span = a_span();
    memset(span.trace.trace_id, letter, sizeof(span.trace.trace_id));
    span.failed = failed;
    return span;
}

static void add_of(struct tracer *tracer, uint8_t letter, bool failed, uint32_t times)
{
    struct tracer_span span = one_of(letter, failed);
    for (uint32_t i = 0; i < times; i++)
        tracer_add(tracer, &span);
}

static void what_fails_is_told_with_all_that_is_known_of_its_trace(void **state)
{
    (void)state;
    struct collector *collector = open_collector(GOOD);
    struct tracer *tracer = tracer_to(collector->port, 0);
    add_of(tracer, 1, false, 3);
    add_of(tracer, 2, false, 5);
    add_of(tracer, 1, true, 1);
    await_sent(tracer, 4);
    add_of(tracer, 2, false, 1);
    add_of(tracer, 1, false, 1); /* of a trace in trouble; of the other six nobody hears */
    await_sent(tracer, 5);
    struct tracer_span slow = one_of(2, false);
    slow.took_us = SECOND_US;
    tracer_add(tracer, &slow);
    await_sent(tracer, 5 + 7);
    tracer_destroy(tracer);
    close_collector(collector);
}

static void what_is_held_is_bounded_and_the_oldest_goes_first(void **state)
{
    (void)state;
    struct collector *collector = open_collector(GOOD);
    struct tracer *tracer = tracer_to(collector->port, 0);
    add_of(tracer, 1, false, 2);
    add_of(tracer, 2, false, TRACER_HELD - 1); /* one of the first is still there */
    add_of(tracer, 1, true, 1);
    await_sent(tracer, 2);
    tracer_destroy(tracer);
    close_collector(collector);
}

static void a_caller_that_wants_nothing_told_is_heard_but_for_failures(void **state)
{
    (void)state;
    struct collector *collector = open_collector(GOOD);
    struct tracer *tracer = tracer_to(collector->port, 1000);
    struct tracer_span span = one_of(1, false);
    span.trace.flags = 0;
    tracer_add(tracer, &span);
    span.failed = true;
    tracer_add(tracer, &span);
    await_sent(tracer, 1);
    tracer_destroy(tracer);
    assert_int_equal(1, collector->bodies);
    close_collector(collector);
}

static void what_work_causes_stands_below_it(void **state)
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
    assert_string_equal(above, below); /* the trace goes on, though nothing is told here */
    assert_false(tracer_end(&work, TRACER_CLIENT, clock_system(), &span));
    tracer_destroy(tracer);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_span_is_told_as_otlp_has_it),
        cmocka_unit_test(the_longest_batch_has_room),
        cmocka_unit_test(what_waits_is_sent_at_the_end),
        cmocka_unit_test(a_collector_that_refuses_or_is_away_costs_its_spans_alone),
        cmocka_unit_test(spans_that_there_is_no_memory_to_hand_over_count_as_failed),
        cmocka_unit_test(what_does_not_fit_is_dropped_and_counted),
        cmocka_unit_test(told_are_some_of_what_the_caller_wants_and_all_that_fails_or_is_slow),
        cmocka_unit_test(what_fails_is_told_with_all_that_is_known_of_its_trace),
        cmocka_unit_test(what_is_held_is_bounded_and_the_oldest_goes_first),
        cmocka_unit_test(a_caller_that_wants_nothing_told_is_heard_but_for_failures),
        cmocka_unit_test(what_work_causes_stands_below_it),
        cmocka_unit_test(an_endpoint_is_an_address_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
