/* tracer_test.c: the data a collector receives; a collector that is down, refuses or hangs does not
 * block the program. */
#include "http_peer.h"
#include "script.h"

#include "observe/tracer.h"

#include <assert.h>
#include <curl/curl.h>
#include <dlfcn.h>
#include <jansson.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SECOND_US = 1000000 };

#define GOOD "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

static struct {
    struct http_peer *collector;
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

/* Fails at once if a batch failed, since its spans will not come. */
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

static void clean(void)
{
    destroy_tracer();
    http_peer_close(test.collector);
    test.collector = NULL;
}

UNIT_BETWEEN(NULL, clean)

static void begin(const char *answer, uint32_t sample_milli)
{
    test.collector = http_peer_open(answer);
    test.port = test.collector->port;
    test.tracer = tracer_to(test.port, sample_milli);
}

/* ---- scripts ---- */

/* begin SAMPLE_MILLI [busy]: a tracer, and a collector that may refuse */
SCRIPT_VERB(run_begin, "begin")
{
    bool busy = script_has(line, "busy");
    begin(busy ? "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n" : GOOD,
          (uint32_t)script_number_at(line, 1));
}

/* Another tracer, and no collector any more. */
SCRIPT_VERB(run_away, "away")
{
    clean();
    test.tracer = tracer_to(test.port, 1000);
}

/* add TRACE TIMES [failed] [slow] [unwanted] */
SCRIPT_VERB(run_add, "add")
{
    struct tracer_span span = span_of_trace((uint8_t)script_number_at(line, 1));
    span.failed = script_has(line, "failed");
    if (script_has(line, "slow"))
        span.took_us = SECOND_US;
    if (script_has(line, "unwanted"))
        span.trace.flags = 0;
    for (uint64_t n = script_number_at(line, 2); n > 0; n--)
        tracer_add(test.tracer, &span);
}

/* sent COUNT, failed COUNT: waits for so many */
SCRIPT_DOES("sent", await_sent(script_number_at(line, 1)))

SCRIPT_VERB(run_failed, "failed")
{
    const struct tracer_stats *stats = tracer_stats(test.tracer);
    while (stats->failed < script_number_at(line, 1))
        usleep(1000);
    assert_int_equal(0, stats->sent);
}

/* end BATCHES: the end of the tracer, by which the collector has got so many */
SCRIPT_VERB(run_end, "end")
{
    destroy_tracer();
    script_expect(line, script_word(line, 1), test.collector->requests);
}

static_assert(TRACER_HELD == 4096, "a row fills it");

static const struct script_row rows[] = {
    {"waiting spans are sent at the end", "begin 1000; add 1 1; end 1"},
    {"several batches that wait are sent at the end", "begin 1000; add 1 1000; end 8..1000"},
    {"a collector that refuses or is away costs only its spans",
     "begin 1000 busy; add 1 1; failed 1; away; add 1 1; failed 1"},
    {"a failed or slow span is sent with all held spans of its trace",
     "begin 0; add 1 3; add 2 5; add 1 1 failed; sent 4; add 2 1; add 1 1; sent 5; add 2 1 slow;"
     "sent 12"},
    {"the oldest held span is dropped first",
     "begin 0; add 1 2; add 2 4095; add 1 1 failed; sent 2"},
    {"a caller that wants no trace gets one for failures only",
     "begin 1000; add 1 1 unwanted; add 1 1 unwanted failed; sent 1; end 1"},
};

/* ---- what a script cannot say ---- */

TEST_CASE(an_endpoint_is_an_address_and_nothing_else)
{
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

TEST_CASE(a_span_has_the_form_of_otlp)
{
    begin(GOOD, 1000);
    struct tracer_span span = span_of_trace(0xab);
    memset(span.parent, 0xef, sizeof(span.parent));
    span.failed = true;
    tracer_span_text(&span, "http.route", SPAN("/a\"b"));
    tracer_span_text(&span, "empty", SPAN(""));
    tracer_span_number(&span, "http.response.status_code", 503);
    tracer_add(test.tracer, &span);
    await_sent(1);
    const char *want =
        "{'resourceSpans':[{'resource':{'attributes':["
        "{'key':'service.name','value':{'stringValue':'sample'}},"
        "{'key':'service.version','value':{'stringValue':'1.2.3'}}]},"
        "'scopeSpans':[{'scope':{'name':'fairgate'},'spans':[{"
        "'traceId':'abababababababababababababababab','spanId':'cdcdcdcdcdcdcdcd',"
        "'parentSpanId':'efefefefefefefef','name':'GET /v1/{event}','kind':2,"
        "'startTimeUnixNano':'1700000000000001000','endTimeUnixNano':'1700000000002501000',"
        "'attributes':[{'key':'http.route','value':{'stringValue':'/a\\\"b'}},"
        "{'key':'http.response.status_code','value':{'intValue':'503'}}],"
        "'status':{'code':2}}]}]}]}";
    assert_string_equal(script_json(want), http_peer_body(test.collector));
}

TEST_CASE(the_longest_batch_fits)
{
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
    json_t *body = json_loads(http_peer_body(test.collector), 0, NULL);
    assert_non_null(body);
    json_decref(body);
}

/* Replaces libcurl's function: the linker finds the program's first. */
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

/* The collector gets no spans of the previous batch, and no part of one. */
TEST_CASE(spans_that_libcurl_has_no_memory_for_count_as_failed)
{
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
        assert_int_equal(1, test.collector->requests);
    }
}

/* The collector takes a batch and does not respond: the queue fills, then spans are dropped. */
TEST_CASE(spans_for_which_the_queue_has_no_room_are_dropped)
{
    begin(NULL, 1000);
    struct tracer_span span = span_of_trace(1);
    for (size_t i = 0; i < TRACER_QUEUE + 4 * TRACER_BATCH; i++)
        tracer_add(test.tracer, &span);
    /* The thread may have taken a batch in the meantime, or two. */
    uint64_t dropped = tracer_stats(test.tracer)->dropped;
    assert_true(dropped > 0 && dropped <= 4 * TRACER_BATCH);
    while (test.collector->requests < 1)
        usleep(1000);
    shutdown(test.collector->listener, SHUT_RDWR);
    shutdown(test.collector->fd, SHUT_RDWR);
}

TEST_CASE(a_sample_of_wanted_traces_and_each_failed_or_slow_one_is_sent)
{
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

TEST_CASE(a_call_has_a_child_span_of_its_caller)
{
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
    assert_true(tracer_end(&work, clock_system(), &span));
    assert_memory_equal(span.trace.span_id, trace.span_id, sizeof(trace.span_id));
    assert_true(trace_parse(span_of(above), &trace));
    assert_memory_equal(span.parent, trace.span_id, sizeof(trace.span_id));

    tracer_begin(tracer, "no traceparent", clock_system(), rng_system(), &work, below);
    assert_string_equal("", below);
    assert_false(tracer_end(&work, clock_system(), &span));
    tracer_begin(NULL, above, clock_system(), rng_system(), &work, below);
    assert_string_equal(above, below); /* the trace continues, though no span is sent here */
    assert_false(tracer_end(&work, clock_system(), &span));
    tracer_destroy(tracer);
}

SCRIPT_TESTS(rows, script_verbs)
