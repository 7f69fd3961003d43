/* health.c: reads metrics pages line by line, without copying the page.
 *
 * Numbers go through strtod() from a copy of at most 40 characters, since a page is not a C string.
 * Unknown text is skipped: a metrics page grows with each version of its service. A page may
 * contain infinities, counters that fall, or another version's buckets. Counters that are not
 * comparable with the previous look are not used at all, and every number is clamped before it
 * becomes an integer. */
#include "core/load/health.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static const char LATENCY[] = "fairgate_http_request_duration_seconds_bucket";
static const char ANSWERS[] = "fairgate_http_responses_total";
static const char HELD[] = "fairgate_seats_held";
static const char BACKLOG[] = "fairgate_sagas_open";
static const char SERVED[] = "fairgate_seats_open";

static bool read_number(struct span text, double *out)
{
    char memory[40];
    char *end;
    text = span_trim(text);
    if (text.len == 0 || text.len >= sizeof(memory))
        return false;
    memcpy(memory, text.ptr, text.len);
    memory[text.len] = '\0';
    double value = strtod(memory, &end);
    if (*end != '\0' || isnan(value) || value < 0.0)
        return false;
    *out = value;
    return true;
}

/* name{labels} value [timestamp] */
struct line {
    struct span name, labels;
    double value;
};

static bool read_line(struct span text, struct line *line)
{
    size_t at = 0;
    while (at < text.len && text.ptr[at] != '{' && text.ptr[at] != ' ')
        at++;
    assert(at <= text.len);
    line->name = (struct span){text.ptr, at};
    line->labels = (struct span){NULL, 0};
    struct span rest = span_skip(text, at);
    if (rest.len > 0 && rest.ptr[0] == '{') {
        /* A brace inside a label's text would not be escaped; ours have none. */
        const char *end = memchr(rest.ptr, '}', rest.len);
        if (end == NULL)
            return false;
        line->labels = (struct span){rest.ptr + 1, (size_t)(end - rest.ptr) - 1};
        rest = span_skip(rest, (size_t)(end - rest.ptr) + 1);
    }
    struct span value;
    span_cut(span_trim(rest), ' ', &value);
    return read_number(value, &line->value);
}

/* The text of one label; our labels contain no comma or escaped quote. */
static struct span label(struct span labels, struct span name)
{
    struct span pair, key;
    while (span_next(&labels, ',', &pair)) {
        struct span value = span_cut(span_trim(pair), '=', &key);
        if (span_eq(key, name) && value.len >= 2 && value.ptr[0] == '"')
            return (struct span){value.ptr + 1, value.len - 2};
    }
    return (struct span){NULL, 0};
}

static void add_bucket(struct health_look *look, const struct line *line)
{
    double le_s;
    struct span le = label(line->labels, SPAN("le"));
    if (span_eq(le, SPAN("+Inf")))
        le_s = HUGE_VAL;
    else if (!read_number(le, &le_s))
        return;
    uint32_t at = 0;
    while (at < look->buckets_len && look->bucket[at].le_s < le_s)
        at++;
    if (at == look->buckets_len || look->bucket[at].le_s > le_s) {
        if (look->buckets_len == HEALTH_BUCKETS_MAX)
            return;
        memmove(&look->bucket[at + 1], &look->bucket[at],
                (look->buckets_len - at) * sizeof(look->bucket[0]));
        look->bucket[at] = (struct health_bucket){.le_s = le_s};
        look->buckets_len++;
    }
    assert(at < look->buckets_len && look->bucket[at].le_s == le_s);
    assert(at == 0 || look->bucket[at - 1].le_s < le_s); /* rising */
    look->bucket[at].count += line->value;
}

static void take_line(struct health_look *look, const struct line *line, struct span event)
{
    assert(line->value >= 0.0); /* checked by read_number() */
    struct span of = label(line->labels, SPAN("event"));
    if (of.ptr != NULL && !span_eq(of, event))
        return;
    if (span_eq(line->name, SPAN(LATENCY))) {
        add_bucket(look, line);
    } else if (span_eq(line->name, SPAN(ANSWERS))) {
        struct span listener = label(line->labels, SPAN("listener"));
        if (listener.ptr != NULL && !span_eq(listener, SPAN("public")))
            return;
        look->has_answers = true;
        look->answers += line->value;
        if (span_eq(label(line->labels, SPAN("class")), SPAN("5xx")))
            look->failures += line->value;
    } else if (span_eq(line->name, SPAN(HELD))) {
        look->has_held = true;
        look->held += line->value;
    } else if (span_eq(line->name, SPAN(BACKLOG))) {
        look->has_backlog = true;
        look->backlog += line->value;
    }
}

bool health_next_served(struct span *rest, struct span *event, bool *served)
{
    while (rest->len > 0) {
        struct span text;
        struct line line;
        *rest = span_cut(*rest, '\n', &text);
        text = span_trim(text);
        if (!span_starts(text, SPAN(SERVED)) || !read_line(text, &line) ||
            !span_eq(line.name, SPAN(SERVED)))
            continue;
        *event = label(line.labels, SPAN("event"));
        *served = line.value > 0.0;
        assert(line.value >= 0.0); /* checked by read_number() */
        if (event->ptr != NULL)
            return true;
    }
    return false;
}

bool health_parse(struct span body, struct span event, struct health_look *out)
{
    *out = (struct health_look){0};
    struct span text;
    while (span_next(&body, '\n', &text)) {
        struct line line;
        text = span_trim(text);
        if (text.len > 0 && text.ptr[0] != '#' && read_line(text, &line))
            take_line(out, &line, event);
    }
    assert(out->buckets_len <= HEALTH_BUCKETS_MAX);
    return out->buckets_len > 0 || out->has_answers || out->has_held || out->has_backlog;
}

/* ---- between two looks ---- */

static double seen(const struct health_look *look)
{
    assert(look->buckets_len <= HEALTH_BUCKETS_MAX);
    return look->buckets_len > 0 ? look->bucket[look->buckets_len - 1].count : 0.0;
}

/* A restarted service counts from 0 again, and another version may have other buckets. */
static bool comparable(const struct health_look *before, const struct health_look *now)
{
    assert(now->buckets_len <= HEALTH_BUCKETS_MAX);
    if (before == NULL || before->buckets_len != now->buckets_len ||
        now->answers < before->answers || now->failures < before->failures)
        return false;
    for (uint32_t i = 0; i < now->buckets_len; i++) {
        if (before->bucket[i].le_s != now->bucket[i].le_s ||
            now->bucket[i].count < before->bucket[i].count)
            return false;
    }
    return true;
}

bool health_ripe(const struct health_look *before, const struct health_look *now)
{
    assert(before != now);
    return now->buckets_len == 0 || !comparable(before, now) ||
           seen(now) - seen(before) >= HEALTH_REQUESTS_MIN;
}

/* Assumes an even distribution within a bucket; the last bucket only has a lower limit. */
static double p99_ms(const struct health_look *before, const struct health_look *now)
{
    assert(comparable(before, now));
    double rank = 0.99 * (seen(now) - seen(before)), below = 0.0, from_s = 0.0;
    for (uint32_t i = 0; i < now->buckets_len; i++) {
        assert(i == 0 || now->bucket[i - 1].le_s < now->bucket[i].le_s);
        double count = now->bucket[i].count - before->bucket[i].count;
        double upto_s = isinf(now->bucket[i].le_s) ? 2.0 * from_s : now->bucket[i].le_s;
        if (count >= rank) {
            double share = count > below ? (rank - below) / (count - below) : 1.0;
            return 1000.0 * (from_s + share * (upto_s - from_s));
        }
        below = count;
        from_s = now->bucket[i].le_s;
    }
    return 1000.0 * from_s;
}

static uint64_t whole(double value)
{
    assert(!(value < 0.0)); /* beyond an integer's range the conversion is undefined */
    return value < 1e15 ? (uint64_t)(value + 0.5) : UINT64_C(1000000000000000);
}

static void worst(bool *has, uint64_t *most, double value)
{
    uint64_t now = whole(value);
    *most = *has && *most > now ? *most : now;
    *has = true;
    assert(*most >= now);
}

void health_add(struct health_reading *reading, const struct health_look *before,
                const struct health_look *now)
{
    bool counts = comparable(before, now);
    if (counts && seen(now) - seen(before) >= HEALTH_REQUESTS_MIN)
        worst(&reading->has_p99, &reading->p99_ms, p99_ms(before, now));
    if (counts && now->has_answers) {
        double answers = now->answers - before->answers;
        double share = answers > 0.0 ? (now->failures - before->failures) / answers : 0.0;
        worst(&reading->has_errors, &reading->errors_milli, 1000.0 * fmin(share, 1.0));
    }
    reading->held += now->has_held ? whole(now->held) : 0;
    reading->has_held = reading->has_held || now->has_held;
    reading->backlog += now->has_backlog ? whole(now->backlog) : 0;
    reading->has_backlog = reading->has_backlog || now->has_backlog;
    assert(reading->errors_milli <= 1000); /* a share */
}

/* ---- output ---- */

static void put(struct text *out, const char *name, bool has, uint64_t value)
{
    assert(has || value == 0); /* an absent number is 0 */
    if (has)
        json_member_u64(out, name, value);
    else
        json_member_null(out, name);
}

void health_json(struct text *out, const struct health_reading *reading)
{
    assert(reading->errors_milli <= 1000);
    json_open(out, '{');
    put(out, "p99_ms", reading->has_p99, reading->p99_ms);
    if (reading->has_errors)
        json_member_milli(out, "error_share", (int64_t)reading->errors_milli);
    else
        json_member_null(out, "error_share");
    put(out, "held", reading->has_held, reading->held);
    put(out, "backlog", reading->has_backlog, reading->backlog);
    json_close(out, '}');
}
