/* line_trail.c: converts rows of Redis streams to JSON.
 *
 * An audit entry already is a JSON object. Its time, which is the stream id, and its version are
 * inserted at the front; the rest is copied. A sample of the series is nineteen numbers separated
 * by colons. Samples become JSON off the loop: five thousand take milliseconds. An unreadable row
 * is left out rather than spoiling the list. */
#include "line/line_trail.h"

#include "base/rfc3339.h"
#include "line/line_store.h"
#include "redis/resp.h"

#include <assert.h>
#include <stdlib.h>

enum { AUDIT_ROW_EXTRA = 96, SERIES_ROW_MAX = 640, SAMPLE_NUMBERS = 19 };

static bool open_list(struct text *out, size_t bytes)
{
    char *memory = malloc(bytes + 2);
    if (memory == NULL)
        return false;
    *out = text_on(memory, bytes + 2);
    json_open(out, '[');
    return true;
}

/* [id, [a, json, v, version]] */
static bool read_entry(const redisReply *reply, size_t at, uint64_t *ms, struct span *json,
                       uint64_t *version)
{
    const redisReply *entry, *fields;
    struct span id, head;
    if (!resp_array(reply, at, &entry) || !resp_get_str(entry, 0, &id) ||
        !resp_array(entry, 1, &fields) || !resp_get_str(fields, 1, json) ||
        !resp_get_u64(fields, 3, version))
        return false;
    span_cut(id, '-', &head);
    return span_u64(head, RFC3339_MS_MAX, ms) && json->len >= 2 && json->ptr[0] == '{';
}

static void put_time(struct text *out, uint64_t ms)
{
    assert(ms <= RFC3339_MS_MAX); /* checked by the row parser */
    char memory[RFC3339_LEN];
    struct text time = text_on(memory, sizeof(memory));
    rfc3339_put(&time, ms);
    json_member_str(out, "at", text_span(&time));
}

bool line_trail_audit(const redisReply *reply, struct text *out)
{
    uint64_t ms, version;
    struct span json;
    size_t bytes = 2;
    for (size_t i = 0; i < resp_len(reply); i++)
        bytes += read_entry(reply, i, &ms, &json, &version) ? json.len + AUDIT_ROW_EXTRA : 0;
    if (!open_list(out, bytes))
        return false;
    for (size_t i = 0; i < resp_len(reply); i++) {
        if (!read_entry(reply, i, &ms, &json, &version))
            continue;
        json_open(out, '{');
        put_time(out, ms);
        json_member_u64(out, "version", version);
        struct span rest = span_trim(span_skip(json, 1));
        if (rest.ptr[0] != '}')
            text_char(out, ',');
        text_put(out, rest);
        out->comma = true;
    }
    json_close(out, ']');
    return true;
}

static bool read_sample(struct span text, uint64_t numbers[SAMPLE_NUMBERS])
{
    for (size_t i = 0; i < SAMPLE_NUMBERS; i++) {
        struct span number;
        text = span_cut(text, ':', &number);
        if (!span_u64(number, RFC3339_MS_MAX, &numbers[i]))
            return false;
    }
    return true;
}

static void put_promise(struct text *out, const char *name, const uint64_t numbers[3])
{
    json_key(out, name);
    json_open(out, '{');
    json_member_u64(out, "judged", numbers[0]);
    json_member_u64(out, "kept", numbers[1]);
    json_member_milli(out, "error_sum", (int64_t)numbers[2]);
    json_close(out, '}');
}

bool line_trail_series(const redisReply *reply, struct text *out)
{
    struct span sample;
    size_t bytes = 2;
    for (size_t i = 0; i < resp_len(reply); i++)
        bytes += resp_get_str(reply, i, &sample) ? sample.len + 1 : 0;
    if (!open_list(out, bytes))
        return false;
    for (size_t i = 0; i < resp_len(reply); i++) {
        if (!resp_get_str(reply, i, &sample))
            continue;
        if (out->len > 1)
            text_char(out, ',');
        text_put(out, sample);
    }
    text_char(out, ']');
    return true;
}

size_t line_store_samples_len(struct span samples)
{
    size_t len = 1;
    for (size_t i = 0; i < samples.len; i++)
        len += samples.ptr[i] == ',';
    return len * SERIES_ROW_MAX;
}

void line_store_samples(struct span samples, struct text *out)
{
    static const char *const names[] = {"issued",      "serving",  "waiting", "active",
                                        "outstanding", "admitted", "no_shows"};
    struct span sample;
    while (span_next(&samples, ',', &sample)) {
        uint64_t numbers[SAMPLE_NUMBERS];
        if (!read_sample(sample, numbers))
            continue;
        json_open(out, '{');
        put_time(out, numbers[0]);
        for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
            json_member_u64(out, names[n], numbers[1 + n]);
        json_member_milli(out, "rate_per_s", (int64_t)numbers[8]);
        json_member_milli(out, "show_up", (int64_t)numbers[9]);
        put_promise(out, "eta_join", numbers + 10);
        put_promise(out, "eta_way", numbers + 13);
        json_member_u64(out, "errors", numbers[16]);
        json_member_u64(out, "late_ms", numbers[17]);
        json_member_u64(out, "joined", numbers[1] > numbers[18] ? numbers[1] - numbers[18] : 0);
        json_close(out, '}');
    }
}
