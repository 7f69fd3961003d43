/* admin_ended.c: lists of ended events, page by page; the trail and the series of one event, and
 * its archive, part by part; the trail of the deployment.
 *
 * An archive is lines of JSON in several parts, so that neither this program nor Redis ever has all
 * of it in memory: first the head of the event (`fairgate-archive`) and, for each lane, the body of
 * GET fairness; then the trail and the series, each from its beginning, ARCHIVE_ROWS_MAX rows per
 * part; last a line with the number of parts. Each part but the last names the next (Link,
 * rel="next"). A closed event does not change between two parts except by operators' actions, which
 * are at the end of the trail. For a running event (requested by name, so that nobody takes it for
 * the final archive) the head is a snapshot from this front's picture, and each part is read from
 * Redis at its own time. archive.h describes the proof of completeness, and the data for a
 * restore. */
#include "ended/ended.h"

#include "admin/admin_answer.h"
#include "admin/admin_find.h"
#include "api/answer.h"
#include "api/fairness.h"
#include "api/refusal.h"
#include "base/grow.h"
#include "base/json_time.h"
#include "base/rfc3339.h"
#include "core/event/draw_seal.h"
#include "core/event/event_state.h"
#include "ended/archive.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>

enum { LOOK_AGAIN_US = 300000 };
/* Document, the fairness of each line, the proof again with each quote escaped, the mark. */
enum {
    HEAD_MAX = EVENT_DOC_BYTES_MAX + LANES_ALL * (FAIRNESS_BYTES_MAX + 1536) +
               2 * FAIRNESS_BYTES_MAX + 2 * DRAW_SEAL_LEN_MAX + 4096
};

struct reading {
    struct line_admin line; /* first: the store returns a pointer to it */
    struct front_wait wait;
    bool running;      /* of an archive: the event need not be closed */
    bool looked_again; /* our picture may be a tick old: another front may have closed it */
    struct front *front;
    struct http_req *req;
    struct service_job job;
    uint32_t page;    /* of a trail: its rows */
    uint32_t left;    /* rows that may still be requested */
    struct grow rows; /* so far, separated by commas */
    struct http_blob *blob;
    struct text text; /* in the blob */
    uint64_t parts;   /* of an archive: number of parts before this one */
    char chain[ARCHIVE_SHA_LEN + 1];
    char words[ENDED_WORDS_MAX];
};

static void free_rows(void *room)
{
    struct reading *reading = room;
    grow_free(&reading->rows);
}

static void refuse(struct reading *reading, enum line_outcome outcome)
{
    struct answer_refusal refusal = {.outcome = outcome, .retry_after_ms = 1000};
    answer_refuse(reading->req, &refusal);
}

/* False: no memory. */
static bool reading_room(struct reading *reading, size_t len)
{
    reading->blob = http_blob_room(len);
    if (reading->blob != NULL)
        reading->text = text_on(reading->blob->bytes, len);
    return reading->blob != NULL;
}

/* Without a blob, memory ran out. `next` is the path of the next part behind the event's. */
static void answer_rows(struct reading *reading, const char *type, struct span next)
{
    struct http_blob *blob = reading->blob;
    char memory[512 + 2 * LINE_EVENT_ID_MAX];
    struct text headers = text_on(memory, sizeof(memory));
    if (blob == NULL) {
        answer_overloaded(reading->req);
        return;
    }
    TEXT_LIT(&headers, "Cache-Control: no-store\r\n");
    if (next.len > 0) {
        text_str(&headers, "Link: </admin");
        text_str(&headers, reading->line.event[0] != '\0' ? "/events/" : "");
        text_str(&headers, reading->line.event);
        text_put(&headers, next);
        TEXT_LIT(&headers, ">; rel=\"next\"\r\n");
    }
    assert(!headers.overflown && !reading->text.overflown);
    blob->len = (uint32_t)reading->text.len;
    http_reply(reading->req,
               &(struct http_reply){
                   .status = 200, .type = type, .headers = text_span(&headers), .blob = blob});
    http_blob_unref(blob);
}

/* False: the request was answered. */
static bool read_number(struct http_req *req, struct span name, uint64_t max, uint64_t *out)
{
    struct span given = http_req_query_arg(req, name);
    if (given.ptr == NULL || span_u64(given, max, out))
        return true;
    refusal_say(req, REFUSAL_PAGE, "%.*s is a number up to %" PRIu64 ".", (int)name.len, name.ptr,
                max);
    return false;
}

/* ---- pages of ended events, and rows ---- */

/* Off the loop: rows have megabytes, and a sample takes a microsecond. */
static void put_rows(void *ctx)
{
    struct reading *reading = ctx;
    const struct line_admin *line = &reading->line;
    struct text *json = &reading->text;
    struct span rows = {reading->rows.ptr, reading->rows.len};
    bool series = line->call == LINE_SERIES, part = line->oldest_first;
    size_t len = series ? line_store_samples_len(rows) : rows.len;
    if (!reading->rows.failed && reading_room(reading, len + 256)) {
        json_open(json, '{');
        if (line->event[0] != '\0' && !part)
            json_member_cstr(json, "event", line->event);
        json_member_open(json,
                         line->call == LINE_ENDED ? "events"
                         : series                 ? "series"
                                                  : "audit",
                         '[');
        if (series)
            line_store_samples(rows, json);
        else
            text_put(json, rows);
        json_close(json, ']');
        if (line->call == LINE_ENDED && line->version > 0)
            json_member_u64(json, "next", line->version);
        else if (line->call == LINE_ENDED)
            json_member_null(json, "next");
        json_close(json, '}');
        if (part) {
            text_char(json, '\n');
            archive_chain(reading->chain, text_span(json));
        }
    }
}

static void on_put(void *ctx)
{
    struct reading *reading = ctx;
    char memory[96];
    struct text next = text_on(memory, sizeof(memory));
    if (reading->page > 0 && reading->line.more) {
        TEXT_LIT(&next, "/audit?limit=");
        text_u64(&next, reading->page);
        TEXT_LIT(&next, "&before=");
        text_str(&next, reading->line.from_row);
    }
    answer_rows(reading, "application/json", text_span(&next));
}

/* Requests as many as one Redis call may return. */
static void ask_rows(struct reading *reading)
{
    struct line_admin *line = &reading->line;
    assert(reading->left > 0);
    bool chunks = line->call == LINE_AUDIT || line->call == LINE_REGISTRY_AUDIT;
    line->limit = chunks && reading->left > ROWS_AT_ONCE ? ROWS_AT_ONCE : reading->left;
    reading->left -= line->limit;
    line_store_admin(reading->front->store, line);
}

static void on_rows(struct line_admin *line)
{
    struct reading *reading = (struct reading *)line;
    if (line->outcome != LINE_OK) {
        refuse(reading, line->outcome);
        return;
    }
    assert(line->reply.len >= 2);
    struct span rows = {line->reply.ptr + 1, line->reply.len - 2}; /* without the brackets */
    if (rows.len > 0 && reading->rows.len > 0)
        grow_add(&reading->rows, SPAN(","));
    grow_add(&reading->rows, rows);
    if (line->more && reading->left > 0)
        ask_rows(reading);
    else
        service_run(&reading->job);
}

/* Which page of a trail. False: the request was answered. */
static bool read_before(struct reading *reading)
{
    struct span ms, before = http_req_query_arg(reading->req, SPAN("before"));
    uint64_t number = 0, nth;
    reading->page = reading->left;
    if (before.ptr == NULL)
        return true;
    struct span rest = span_cut(before, '-', &ms);
    if (span_u64(ms, RFC3339_MS_MAX, &number) && number > 0 && span_u64(rest, UINT64_MAX, &nth) &&
        span_to_cstr(before, reading->line.from_row, sizeof(reading->line.from_row)))
        return true;
    refusal_say(reading->req, REFUSAL_PAGE, "before must be what the previous page named.");
    return false;
}

static struct reading *reading_begin(struct http_req *req)
{
    struct reading *reading = http_req_room(req, sizeof(*reading), free_rows);
    if (reading == NULL) {
        answer_overloaded(req);
        return NULL;
    }
    reading->front = front_of(req);
    reading->req = req;
    reading->line.on_done = on_rows;
    reading->job = (struct service_job){
        .loop = reading->front->loop, .run = put_rows, .then = on_put, .ctx = reading};
    return reading;
}

static void on_ended(struct http_req *req)
{
    uint64_t limit = ENDED_ROWS_DEFAULT;
    struct reading *reading = reading_begin(req);
    if (reading == NULL)
        return;
    struct text words = text_on(reading->words, sizeof(reading->words));
    if (!read_number(req, SPAN("limit"), ENDED_ROWS_MAX, &limit) ||
        !read_number(req, SPAN("below"), INT64_MAX, &reading->line.below)) {
        return;
    }
    if (!http_url_decode(http_req_query_arg(req, SPAN("q")), true, &words)) {
        refusal_say(req, REFUSAL_PAGE, "q has at most %d bytes.", ENDED_WORDS_MAX);
        return;
    }
    reading->line.call = LINE_ENDED;
    reading->left = limit > 0 ? (uint32_t)limit : 1;
    reading->line.words = text_span(&words);
    ask_rows(reading);
}

static void on_trail(struct http_req *req)
{
    uint64_t limit = AUDIT_ROWS_DEFAULT;
    if (!read_number(req, SPAN("limit"), REGISTRY_ROWS_MAX, &limit))
        return;
    struct reading *reading = reading_begin(req);
    if (reading == NULL)
        return;
    reading->line.call = LINE_REGISTRY_AUDIT;
    reading->left = limit > 0 ? (uint32_t)limit : 1;
    if (read_before(reading))
        ask_rows(reading);
}

static void on_rest(void *ctx, const struct front_line *event, bool unavailable)
{
    struct reading *reading = ctx;
    if (event == NULL)
        refuse(reading, unavailable ? LINE_UNAVAILABLE : LINE_UNKNOWN);
    else
        ask_rows(reading);
}

/* Rows of one event, newest first. They are read from Redis at each request: operators read them
 * rarely, and a front that cached them would cache them for every event. */
static void read_rows(struct http_req *req, enum line_admin_call call, uint64_t limit,
                      uint64_t limit_max)
{
    struct span id = http_req_param(req, 0), given = http_req_query_arg(req, SPAN("limit"));
    if (given.ptr != NULL && (!span_u64(given, limit_max, &limit) || limit == 0)) {
        refusal_say(req, REFUSAL_LIMIT, "limit is a number from 1 to %" PRIu64 ".", limit_max);
        return;
    }
    if (!front_of(req)->complete) {
        answer_starting(req);
        return;
    }
    struct reading *reading = reading_begin(req);
    if (reading == NULL)
        return;
    span_to_cstr(id, reading->line.event, sizeof(reading->line.event));
    reading->line.call = call;
    reading->left = (uint32_t)limit;
    if (call == LINE_SERIES || read_before(reading))
        admin_find(reading->front, id, on_rest, reading);
}

static void on_audit(struct http_req *req)
{
    read_rows(req, LINE_AUDIT, AUDIT_ROWS_DEFAULT, AUDIT_ROWS_MAX);
}

static void on_series(struct http_req *req)
{
    read_rows(req, LINE_SERIES, SERIES_ROWS_DEFAULT, SERIES_ROWS_MAX);
}

/* ---- an archive ---- */

static void put_figures(struct text *out, const struct line_view *view)
{
    json_member_open(out, "figures", '{');
    json_member_u64(out, "joined", view->issued - view->raised);
    json_member_u64(out, "called", view->serving);
    json_member_u64(out, "entered", view->admitted);
    json_member_u64(out, "no_shows", view->no_shows);
    json_member_u64(out, "ghosts", view->skipped);
    json_member_u64(out, "waiting", view->waiting);
    uint64_t known = view->serving + view->waiting + view->nobodys;
    json_member_u64(out, "left", view->issued > known ? view->issued - known : 0);
    json_close(out, '}');
}

/* Includes the seed only after the draw: before it, the key and the seal give the seed when it is
 * due. */
static void put_line(struct text *out, const struct line_view *view)
{
    const struct line_draw *draw = &view->draw;
    char seed[2 * DRAW_SEED_BYTES + 1];
    json_open(out, '{');
    json_member_u64(out, "issued", view->issued);
    json_member_u64(out, "serving", view->serving);
    json_member_u64(out, "admitted", view->admitted);
    json_member_u64(out, "no_shows", view->no_shows);
    json_member_u64(out, "skipped", view->skipped);
    json_member_u64(out, "waiting", view->waiting);
    if (draw->closed) {
        json_member_u64(out, "closed", draw->closed_entries);
        json_member_u64(out, "closed_ms", draw->closed_ms);
    }
    if (draw->drawn) {
        sodium_bin2hex(seed, sizeof(seed), draw->seed, sizeof(draw->seed));
        json_member_cstr(out, "seed", seed);
        json_member_u64(out, "entries", draw->order.entries);
        json_member_u64(out, "drawn_ms", draw->drawn_ms);
    }
    if (view->state != LINE_CLOSED) {
        /* Data to resume the line. */
        json_member_u64(out, "dead", view->dead);
        json_member_u64(out, "outstanding",
                        view->outstanding < view->serving ? view->outstanding : view->serving);
        json_member_u64(out, "show_up_milli", view->show_up_milli);
        json_member_u64(out, "service_rate_milli", view->service_rate_milli);
        json_member_u64(out, "joins_milli", view->joins_milli);
    }
    json_close(out, '}');
}

/* Data for a restore that the head does not have. */
static void put_restore(struct text *out, const struct front *front, const struct front_line *event)
{
    const struct line_draw *draw = &event->view->draw;
    char memory[DRAW_SEAL_LEN_MAX];
    struct text seal = text_on(memory, sizeof(memory));
    if (draw->has_seal)
        draw_seal_put(&seal, &draw->seal);
    json_member_open(out, "restore", '{');
    json_member_str(out, "seal", text_span(&seal));
    json_member_cstr(out, "identity", event->view->identity);
    json_member_str(out, "beacon", (struct span){draw->beacon, draw->drawn ? draw->beacon_len : 0});
    json_member_str(out, "proof", event->view->proof);
    if (event->view->state != LINE_CLOSED) {
        json_member_u64(out, "read_ms", front_line_now_ms(front, event));
        json_member_u64(out, "active", event->view->active);
        json_member_u64(out, "hall_until_ms", event->view->hall_until_ms);
    }
    if (event->view->state == LINE_FROZEN)
        json_member_u64(out, "frozen_from", event->view->frozen_from);
    if (event->view->state != LINE_CLOSED && event->view->has_seats_left)
        json_member_u64(out, "seats_left", event->view->seats_left);
    uint64_t codes = line_codes_known(event->view);
    if (event->view->state != LINE_CLOSED && codes > 0)
        json_member_u64(out, "codes", codes);
    json_member_open(out, "lines", '[');
    for (unsigned lane = 0; lane <= event->doc.lanes_len; lane++) {
        const struct front_line *line = front_line_in(front, event, lane);
        if (line == NULL)
            break;
        put_line(out, line->view);
    }
    json_close(out, ']');
    json_close(out, '}');
}

static void put_head(struct text *out, const struct front *front, const struct front_line *event)
{
    json_open(out, '{');
    json_member_cstr(out, "format", "fairgate-archive");
    json_member_u64(out, "format_version", ARCHIVE_FORMAT);
    json_member_cstr(out, "event", event->id);
    json_member_cstr(out, "incarnation", event->view->incarnation);
    json_member_cstr(out, "state", event_state_name(event->view->state));
    json_member_u64(out, "version", event->view->version);
    json_member_time(out, "read_at", front_line_now_ms(front, event));
    json_member_raw(out, "document", event->view->doc);
    put_figures(out, event->view);
    json_member_open(out, "lanes", '[');
    for (unsigned lane = 1; lane <= event->doc.lanes_len; lane++) {
        const struct front_line *line = front_line_in(front, event, lane);
        if (line == NULL)
            continue;
        json_open(out, '{');
        json_member_cstr(out, "id", event->doc.lane[lane - 1].id);
        put_figures(out, line->view);
        json_close(out, '}');
    }
    json_close(out, ']');
    put_restore(out, front, event);
    json_close(out, '}');
}

static void on_head(void *ctx, const struct front_line *event, bool unavailable);

static void on_looked_again(struct front_wait *wait, bool seen)
{
    struct reading *reading = (struct reading *)((char *)wait - offsetof(struct reading, wait));
    (void)seen;
    on_head(reading, front_line_find(reading->front, span_of(wait->event)), false);
}

/* Its lines fit: HEAD_MAX is the sum of their limits. */
static void on_head(void *ctx, const struct front_line *event, bool unavailable)
{
    struct reading *reading = ctx;
    if (event == NULL) {
        refuse(reading, unavailable ? LINE_UNAVAILABLE : LINE_UNKNOWN);
        return;
    }
    if (event->view->state != LINE_CLOSED && !reading->running) {
        if (reading->looked_again) {
            refusal_reply(reading->req, REFUSAL_NOT_CLOSED_RUNNING);
            return;
        }
        reading->looked_again = true;
        memcpy(reading->wait.event, reading->line.event, sizeof(reading->wait.event));
        reading->wait.version = event->view->version + 1;
        reading->wait.deadline_us = clock_mono_us(reading->front->loop->clock) + LOOK_AGAIN_US;
        reading->wait.on_done = on_looked_again;
        front_await(reading->front, &reading->wait);
        return;
    }
    if (event->shut == FRONT_SHUT_DOCUMENT) { /* another front may be able to read it */
        admin_answer_unreadable(reading->req, event);
        return;
    }
    if (!front_has_lanes(reading->front, event)) {
        refuse(reading, LINE_UNAVAILABLE);
        return;
    }
    if (!reading_room(reading, HEAD_MAX)) {
        answer_overloaded(reading->req);
        return;
    }
    struct text *lines = &reading->text;
    put_head(lines, reading->front, event);
    for (unsigned lane = 0; lane <= event->doc.lanes_len; lane++) {
        const struct front_line *line = front_line_in(reading->front, event, lane);
        if (line == NULL)
            continue;
        lines->comma = false;
        text_char(lines, '\n');
        fairness_put(lines, reading->front, line);
    }
    text_char(lines, '\n');
    archive_put_mark(lines, &reading->front->keys->draws, reading->chain);
    char next_memory[ARCHIVE_SHA_LEN + 32];
    struct text next = text_on(next_memory, sizeof(next_memory));
    TEXT_LIT(&next, "/archive?from=trail.0-0.1.");
    text_str(&next, reading->chain);
    answer_rows(reading, "application/x-ndjson", text_span(&next));
}

static void put_next(struct text *next, const struct reading *reading)
{
    const struct line_admin *line = &reading->line;
    bool trail = line->call == LINE_AUDIT;
    if (trail && line->more) {
        TEXT_LIT(next, "/archive?from=trail.");
        text_str(next, line->from_row);
    } else if (trail) {
        TEXT_LIT(next, "/archive?from=series.0");
    } else if (line->more) {
        TEXT_LIT(next, "/archive?from=series.");
        text_str(next, line->from_row);
    } else {
        return;
    }
    text_char(next, '.');
    text_u64(next, reading->parts + 1);
    text_char(next, '.');
    text_str(next, reading->chain);
}

static void on_part(void *ctx)
{
    struct reading *reading = ctx;
    char memory[112 + ARCHIVE_SHA_LEN];
    struct text *lines = &reading->text, next = text_on(memory, sizeof(memory));
    put_next(&next, reading);
    if (next.len == 0 && reading->blob != NULL) {
        lines->comma = false;
        json_open(lines, '{');
        json_member_u64(lines, "parts", reading->parts + 1);
        json_member_cstr(lines, "sha256", reading->chain);
        json_close(lines, '}');
        text_char(lines, '\n');
    }
    answer_rows(reading, "application/x-ndjson", text_span(&next));
}

/* "trail.ID.PARTS.CHAIN" or "series.INDEX.PARTS.CHAIN", as named by the previous part. */
static bool read_from(struct reading *reading, struct span from)
{
    struct span what, row;
    from = span_cut(from, '.', &what);
    from = span_cut(from, '.', &row);
    struct span parts, chain = span_cut(from, '.', &parts);
    bool trail = span_eq(what, SPAN("trail"));
    reading->line.call = trail ? LINE_AUDIT : LINE_SERIES;
    return (trail || span_eq(what, SPAN("series"))) && row.len > 0 &&
           span_is_of(row, trail ? SPAN_DIGITS "-" : SPAN_DIGITS) &&
           span_to_cstr(row, reading->line.from_row, sizeof(reading->line.from_row)) &&
           span_u64(parts, UINT32_MAX, &reading->parts) && chain.len == ARCHIVE_SHA_LEN &&
           span_is_of(chain, SPAN_HEX) &&
           span_to_cstr(chain, reading->chain, sizeof(reading->chain));
}

static void on_archive(struct http_req *req)
{
    struct front *front = front_of(req);
    struct span id = http_req_param(req, 0), from = http_req_query_arg(req, SPAN("from"));
    if (!front->complete) {
        answer_starting(req);
        return;
    }
    struct reading *reading = reading_begin(req);
    if (reading == NULL)
        return;
    if (from.ptr != NULL && !read_from(reading, from)) {
        refusal_reply(req, REFUSAL_PAGE_FROM);
        return;
    }
    span_to_cstr(id, reading->line.event, sizeof(reading->line.event));
    reading->running = span_eq(http_req_query_arg(req, SPAN("running")), SPAN("true"));
    reading->left = ARCHIVE_ROWS_MAX;
    reading->line.oldest_first = true;
    reading->job.then = on_part;
    admin_find(front, id, from.ptr == NULL ? on_head : on_rest, reading);
}

const struct http_route admin_ended_routes[] = {
    {HTTP_METHOD_GET, "/admin/ended", on_ended, NULL, 0},
    {HTTP_METHOD_GET, "/admin/audit", on_trail, NULL, 0},
    {HTTP_METHOD_GET, "/admin/events/{event}/audit", on_audit, NULL, 0},
    {HTTP_METHOD_GET, "/admin/events/{event}/series", on_series, NULL, 0},
    {HTTP_METHOD_GET, "/admin/events/{event}/archive", on_archive, NULL, 0},
    {.pattern = NULL},
};
