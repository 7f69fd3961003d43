/* tracer.c: a ring of spans and a thread that empties it. An addition copies half a kilobyte under
 * a mutex that the thread holds only while it copies a batch out: never while it writes JSON or
 * waits for the collector.
 *
 * A batch that the collector does not take is dropped. Redirects are not followed.
 *
 * Spans of traces that are not sampled go into a second ring, `held`, in which the newest replaces
 * the oldest. When a span of such a trace fails or is slow, the held spans of the trace move to the
 * first ring. Held spans are searched by their keys, one word each, since a program in trouble has
 * many failed ones.
 *
 * Invariant: len spans wait, the first at `first`. Threading: the mutex guards both rings, the
 * troubled and `closing`; the rest is the thread's. */
#include "observe/tracer.h"

#include "system/system.h"

#include <assert.h>
#include <curl/curl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { URL_MAX = 512, JSON_BYTES = TRACER_BATCH * 4096 + 1024 };

struct tracer {
    struct tracer_conf conf;
    struct tracer_stats stats;
    char url[URL_MAX];
    pthread_t thread;
    pthread_mutex_t mutex;
    int bell; /* rung for a whole batch, and on destroy */
    bool closing;
    uint32_t first, len;
    struct tracer_span *ring;       /* TRACER_QUEUE */
    struct tracer_span *held;       /* TRACER_HELD */
    uint64_t held_key[TRACER_HELD]; /* of its trace; 0: free */
    uint32_t held_at;               /* the oldest, replaced next */
    uint64_t troubled[TRACER_TROUBLED];
    uint32_t troubled_at;
    struct tracer_span *batch; /* the thread's, TRACER_BATCH */
    char *json;                /* the thread's */
    CURL *easy;                /* the thread's, as are the headers */
    struct curl_slist *headers;
};

/* ---- a span ---- */

void tracer_span_name(struct tracer_span *span, const char *first, const char *second)
{
    struct text text = text_on(span->name, sizeof(span->name) - 1);
    text_str(&text, first);
    text_char(&text, ' ');
    text_str(&text, second);
    if (text.overflown)
        span_to_cstr_cut(span_of(second), span->name, sizeof(span->name));
    else
        span->name[text.len] = '\0';
}

static struct tracer_attribute *next_attribute(struct tracer_span *span, const char *key)
{
    for (size_t i = 0; i < TRACER_ATTRIBUTES; i++) {
        if (span->attribute[i].key == NULL) {
            span->attribute[i].key = key;
            return &span->attribute[i];
        }
    }
    return NULL;
}

void tracer_span_text(struct tracer_span *span, const char *key, struct span value)
{
    struct tracer_attribute *attribute = value.len > 0 ? next_attribute(span, key) : NULL;
    if (attribute != NULL)
        span_to_cstr_cut(value, attribute->text, sizeof(attribute->text));
}

void tracer_span_number(struct tracer_span *span, const char *key, uint64_t value)
{
    struct tracer_attribute *attribute = next_attribute(span, key);
    if (attribute != NULL)
        attribute->number = value;
}

/* ---- sampling ---- */

static bool is_trouble(const struct tracer *tracer, bool failed, uint64_t took_us)
{
    return failed || took_us >= tracer->conf.slow_us;
}

static bool may_be_sent(const struct trace *trace)
{
    return (trace->flags & 1) != 0;
}

static bool is_chosen(const struct tracer *tracer, const struct trace *trace)
{
    uint32_t chance;
    /* The standard requires the last bytes to be random if only a part of the id is. */
    memcpy(&chance, trace->trace_id + sizeof(trace->trace_id) - sizeof(chance), sizeof(chance));
    return may_be_sent(trace) && chance % 1000 < tracer->conf.sample_milli;
}

bool tracer_wants(const struct tracer *tracer, const struct trace *trace, bool failed,
                  uint64_t took_us, bool alone)
{
    if (is_trouble(tracer, failed, took_us) || is_chosen(tracer, trace))
        return true;
    return may_be_sent(trace) && !alone;
}

/* All functions below need the mutex. */

static void put(struct tracer *tracer, const struct tracer_span *span)
{
    if (tracer->len == TRACER_QUEUE) {
        atomic_fetch_add_explicit(&tracer->stats.dropped, 1, memory_order_relaxed);
        return;
    }
    tracer->ring[(tracer->first + tracer->len) % TRACER_QUEUE] = *span;
    tracer->len++;
}

static bool is_troubled(const struct tracer *tracer, uint64_t key)
{
    for (uint32_t i = 0; i < TRACER_TROUBLED; i++) {
        if (tracer->troubled[i] == key)
            return true;
    }
    return false;
}

void tracer_add(struct tracer *tracer, const struct tracer_span *span)
{
    pthread_mutex_lock(&tracer->mutex);
    uint32_t before = tracer->len;
    bool trouble = is_trouble(tracer, span->failed, span->took_us);
    bool chosen = is_chosen(tracer, &span->trace);
    /* Never 0. Traces with the same key are sent together. */
    const struct trace *trace = &span->trace;
    uint64_t halves[2];
    static_assert(sizeof(halves) == sizeof(trace->trace_id), "an id is two words");
    memcpy(halves, trace->trace_id, sizeof(halves));
    uint64_t mixed = halves[0] ^ (halves[1] << 1 | halves[1] >> 63);
    uint64_t key = mixed != 0 ? mixed : 1;
    if (!chosen && may_be_sent(&span->trace)) {
        bool known = is_troubled(tracer, key);
        if (trouble && !known) {
            /* From here on all spans of this trace are sent; the held ones are sent now. */
            tracer->troubled[tracer->troubled_at] = key;
            tracer->troubled_at = (tracer->troubled_at + 1) % TRACER_TROUBLED;
            for (uint32_t i = 0; i < TRACER_HELD; i++) {
                uint32_t at = (tracer->held_at + i) % TRACER_HELD;
                if (tracer->held_key[at] == key) {
                    put(tracer, &tracer->held[at]);
                    tracer->held_key[at] = 0;
                }
            }
        }
        if (!trouble && !known) {
            tracer->held[tracer->held_at] = *span;
            tracer->held_key[tracer->held_at] = key;
            tracer->held_at = (tracer->held_at + 1) % TRACER_HELD;
        }
        trouble |= known;
    }
    if (chosen || trouble)
        put(tracer, span);
    bool is_batch = before < TRACER_BATCH && tracer->len >= TRACER_BATCH;
    pthread_mutex_unlock(&tracer->mutex);
    if (is_batch)
        system_bell_ring(tracer->bell);
}

/* ---- create and destroy ---- */

void tracer_begin(const struct tracer *tracer, const char *above, const struct clock *clock,
                  const struct rng *rng, struct tracer_work *work, char below[TRACE_TEXT_LEN + 1])
{
    struct trace trace;
    *work = (struct tracer_work){.began_us = 0};
    below[0] = '\0';
    if (!trace_parse(span_of(above), &trace))
        return;
    if (tracer != NULL) {
        memcpy(work->parent, trace.span_id, sizeof(work->parent));
        work->trace = trace = trace_continue(span_of(above), rng);
        work->began_us = clock_mono_us(clock);
    }
    struct text text = text_on(below, TRACE_TEXT_LEN);
    trace_put(&text, &trace);
    below[TRACE_TEXT_LEN] = '\0';
}

bool tracer_end(const struct tracer_work *work, const struct clock *clock, struct tracer_span *span)
{
    if (work->began_us == 0)
        return false;
    uint64_t took_us = clock_mono_us(clock) - work->began_us;
    *span = (struct tracer_span){.trace = work->trace,
                                 .kind = TRACER_CLIENT,
                                 .began_us = clock_wall_us(clock) - took_us,
                                 .took_us = took_us};
    memcpy(span->parent, work->parent, sizeof(span->parent));
    return true;
}

/* ---- JSON, as OTLP has it: ids in hex, 64-bit numbers as strings ---- */

static void put_hex(struct text *text, const char *key, const uint8_t *bytes, size_t len)
{
    char hex[2 * sizeof(((struct trace *)0)->trace_id) + 1];
    json_member_cstr(text, key, sodium_bin2hex(hex, sizeof(hex), bytes, len));
}

static void put_u64_text(struct text *text, const char *key, uint64_t value)
{
    json_key(text, key);
    text_printf(text, "\"%" PRIu64 "\"", value);
    text->comma = true;
}

static void put_attribute(struct text *text, const char *key, const char *value, uint64_t number)
{
    json_open(text, '{');
    json_member_cstr(text, "key", key);
    json_member_open(text, "value", '{');
    if (value[0] != '\0')
        json_member_cstr(text, "stringValue", value);
    else
        put_u64_text(text, "intValue", number);
    json_close(text, '}');
    json_close(text, '}');
}

static void put_span(struct text *text, const struct tracer_span *span)
{
    static const uint8_t none[sizeof(span->parent)];
    json_open(text, '{');
    put_hex(text, "traceId", span->trace.trace_id, sizeof(span->trace.trace_id));
    put_hex(text, "spanId", span->trace.span_id, sizeof(span->trace.span_id));
    if (memcmp(span->parent, none, sizeof(none)) != 0)
        put_hex(text, "parentSpanId", span->parent, sizeof(span->parent));
    json_member_cstr(text, "name", span->name);
    json_member_u64(text, "kind", (uint64_t)span->kind);
    put_u64_text(text, "startTimeUnixNano", span->began_us * 1000);
    put_u64_text(text, "endTimeUnixNano", (span->began_us + span->took_us) * 1000);
    json_member_open(text, "attributes", '[');
    for (size_t i = 0; i < TRACER_ATTRIBUTES && span->attribute[i].key != NULL; i++)
        put_attribute(text, span->attribute[i].key, span->attribute[i].text,
                      span->attribute[i].number);
    json_close(text, ']');
    if (span->failed) {
        json_member_open(text, "status", '{');
        json_member_u64(text, "code", 2);
        json_close(text, '}');
    }
    json_close(text, '}');
}

static struct span put_batch(const struct tracer *tracer, uint32_t len)
{
    struct text text = text_on(tracer->json, JSON_BYTES);
    TEXT_LIT(&text, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[");
    put_attribute(&text, "service.name", tracer->conf.service, 0);
    put_attribute(&text, "service.version", tracer->conf.version, 0);
    TEXT_LIT(&text, "]},\"scopeSpans\":[{\"scope\":{\"name\":\"fairgate\"},\"spans\":[");
    text.comma = false;
    for (uint32_t i = 0; i < len; i++)
        put_span(&text, &tracer->batch[i]);
    TEXT_LIT(&text, "]}]}]}");
    assert(!text.overflown); /* JSON_BYTES has room for the longest of each */
    return text_span(&text);
}

/* ---- the thread ---- */

static size_t ignore(char *bytes, size_t size, size_t count, void *ctx)
{
    (void)bytes;
    (void)ctx;
    return size * count;
}

static bool send_json(const struct tracer *tracer, struct span json)
{
    long status = 0;
    /* Otherwise the rest of the previous batch would be sent again. */
    if (curl_easy_setopt(tracer->easy, CURLOPT_POSTFIELDS, json.ptr) != CURLE_OK ||
        curl_easy_setopt(tracer->easy, CURLOPT_POSTFIELDSIZE, (long)json.len) != CURLE_OK)
        return false;
    CURLcode rc = curl_easy_perform(tracer->easy);
    if (rc == CURLE_OK)
        curl_easy_getinfo(tracer->easy, CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && status < 300;
}

/* Returns how many were taken; needs the mutex. */
static uint32_t take_batch(struct tracer *tracer)
{
    uint32_t len = tracer->len < TRACER_BATCH ? tracer->len : TRACER_BATCH;
    for (uint32_t i = 0; i < len; i++)
        tracer->batch[i] = tracer->ring[(tracer->first + i) % TRACER_QUEUE];
    tracer->first = (tracer->first + len) % TRACER_QUEUE;
    tracer->len -= len;
    return len;
}

static void *run(void *arg)
{
    struct tracer *tracer = arg;
    bool closing = false, taken = true;
    uint32_t len = 0;
    uint64_t until_us = 0; /* once it is closing */
    while (!closing || (taken && len == TRACER_BATCH && clock_mono_us(clock_system()) < until_us)) {
        if (len < TRACER_BATCH)
            system_bell_wait(tracer->bell, TRACER_EVERY_MS);
        pthread_mutex_lock(&tracer->mutex);
        if (tracer->closing && !closing)
            until_us = clock_mono_us(clock_system()) + TRACER_END_MS * UINT64_C(1000);
        closing = tracer->closing;
        len = take_batch(tracer);
        pthread_mutex_unlock(&tracer->mutex);
        if (len > 0) {
            taken = send_json(tracer, put_batch(tracer, len));
            atomic_fetch_add_explicit(taken ? &tracer->stats.sent : &tracer->stats.failed, len,
                                      memory_order_relaxed);
        }
    }
    return NULL;
}

/* ---- life ---- */

bool tracer_endpoint_ok(struct span endpoint)
{
    struct span rest = span_after_scheme(endpoint);
    if (rest.len == 0 || rest.ptr[0] == '/' || endpoint.len > URL_MAX - 16)
        return false;
    return span_is_visible(rest) && !span_has_any(rest, "?#@\"");
}

static bool prepare_easy(struct tracer *tracer)
{
    tracer->easy = curl_easy_init();
    tracer->headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (tracer->easy == NULL || tracer->headers == NULL)
        return false;
    CURL *easy = tracer->easy;
    return curl_easy_setopt(easy, CURLOPT_URL, tracer->url) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTPHEADER, tracer->headers) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)TRACER_CALL_MS) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore) == CURLE_OK;
}

static bool start_thread(struct tracer *tracer)
{
    tracer->bell = system_bell_open();
    if (tracer->bell < 0)
        return false;
    pthread_mutex_init(&tracer->mutex, NULL);
    if (system_thread_start("tracer", run, tracer, &tracer->thread) == 0)
        return true;
    pthread_mutex_destroy(&tracer->mutex);
    system_bell_close(tracer->bell);
    return false;
}

static void free_all(struct tracer *tracer)
{
    if (tracer->easy != NULL)
        curl_easy_cleanup(tracer->easy);
    curl_slist_free_all(tracer->headers);
    free(tracer->ring);
    free(tracer->held);
    free(tracer->batch);
    free(tracer->json);
    free(tracer);
}

int tracer_create(const struct tracer_conf *conf, struct err_slot *err, struct tracer **out)
{
    struct span endpoint = span_of(conf->endpoint);
    assert(tracer_endpoint_ok(endpoint) && conf->sample_milli <= 1000);
    struct tracer *tracer = calloc(1, sizeof(*tracer));
    if (tracer == NULL)
        return err_set(err, ERR_NOMEM, "tracer");
    while (endpoint.ptr[endpoint.len - 1] == '/')
        endpoint.len--;
    struct text url = text_on(tracer->url, sizeof(tracer->url) - 1);
    text_put(&url, endpoint);
    TEXT_LIT(&url, "/v1/traces");
    assert(!url.overflown);
    tracer->conf = *conf;
    tracer->conf.endpoint = tracer->url;
    tracer->ring = calloc(TRACER_QUEUE, sizeof(*tracer->ring));
    tracer->held = calloc(TRACER_HELD, sizeof(*tracer->held));
    tracer->batch = calloc(TRACER_BATCH, sizeof(*tracer->batch));
    tracer->json = malloc(JSON_BYTES);
    if (tracer->ring == NULL || tracer->held == NULL || tracer->batch == NULL ||
        tracer->json == NULL || !prepare_easy(tracer) || !start_thread(tracer)) {
        free_all(tracer);
        return err_set(err, ERR_NOMEM, "tracer, its queue or its thread");
    }
    *out = tracer;
    return 0;
}

const struct tracer_stats *tracer_stats(const struct tracer *tracer)
{
    return &tracer->stats;
}

void tracer_destroy(struct tracer *tracer)
{
    if (tracer == NULL)
        return;
    pthread_mutex_lock(&tracer->mutex);
    tracer->closing = true;
    pthread_mutex_unlock(&tracer->mutex);
    system_bell_ring(tracer->bell);
    system_thread_join(tracer->thread);
    pthread_mutex_destroy(&tracer->mutex);
    system_bell_close(tracer->bell);
    free_all(tracer);
}
