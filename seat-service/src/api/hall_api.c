/* hall_api.c: the plan is a blob that was compressed at import; availability is rendered once per
 * version and shared by all requests. Buyers' requests come through buyer_api.c, with a pass; the
 * operator's map needs none, so a hall can be inspected before its sale. A plan's ETag is its hash;
 * a correction replaces the plan at the same address, so caches must revalidate. Availability's
 * ETag is its version, and it is sent whole or as the changes since a version. */
#include "api/hall_api.h"

#include "api/request.h"
#include "loop/avail_view.h"
#include "web/visit.h"

/* ---- the plan ---- */

static const char *const forms[RENDER_FORMS] = {[RENDER_SEATS] = "seats", [RENDER_ROWS] = "rows"};

/* ?form=rows */
static bool read_form(struct call *call, enum render_form *form)
{
    struct span asked = http_req_query_arg(call->req, SPAN("form"));
    *form = RENDER_SEATS;
    if (asked.ptr == NULL)
        return true;
    while (*form < RENDER_FORMS && !span_eq(asked, span_of(forms[*form])))
        *form += 1;
    if (*form < RENDER_FORMS)
        return true;
    call_refuse(call, REFUSAL_FORM);
    return false;
}

void hall_api_reply_plan(struct call *call)
{
    static const char *const codings[] = {[SHOWN_GZIP] = "gzip", [SHOWN_BROTLI] = "br"};
    struct http_req *req = call->req;
    const struct shown_plan *plan = call->event->plan;
    enum shown_plan_coding coding = SHOWN_IDENTITY;
    enum render_form form;
    if (!read_form(call, &form))
        return;
    if (visit_accepts(req, SPAN("br")) && shown_plan_geometry(plan, form, SHOWN_BROTLI) != NULL)
        coding = SHOWN_BROTLI;
    else if (visit_accepts(req, SPAN("gzip")) &&
             shown_plan_geometry(plan, form, SHOWN_GZIP) != NULL)
        coding = SHOWN_GZIP;
    char memory[256], tag_memory[2 * PLAN_HASH_BYTES + 16];
    struct text headers = text_on(memory, sizeof(memory));
    struct text tag = text_on(tag_memory, sizeof(tag_memory));
    text_printf(&tag, "\"%s%s%s\"", plan->hash, form == RENDER_SEATS ? "" : "-",
                form == RENDER_SEATS ? "" : forms[form]);
    http_header_add(&headers, "ETag", text_span(&tag));
    TEXT_LIT(&headers, "Vary: Accept-Encoding, Authorization\r\n"
                       "Cache-Control: private, no-cache\r\n");
    if (coding != SHOWN_IDENTITY)
        http_header_add(&headers, "Content-Encoding", span_of(codings[coding]));
    bool same = span_eq(http_req_header(req, HTTP_HEADER_IF_NONE_MATCH), text_span(&tag));
    http_reply(req, &(struct http_reply){
                        .status = same ? 304 : 200,
                        .type = same ? NULL : "application/json",
                        .headers = text_span(&headers),
                        .blob = same ? NULL : shown_plan_geometry(plan, form, coding),
                    });
}

/* ---- the seats ---- */

/* ?since=V: the changes, or `resync`. */
static void reply_since(struct call *call, const struct mark *since)
{
    static const struct span none = {NULL, 0};
    struct engine_delta deltas[1024];
    enum { DELTAS = sizeof(deltas) / sizeof(deltas[0]) };
    uint64_t version, prices[PLAN_CATEGORIES_MAX];
    int count = avail_view_since(call->loop, call->event, since, deltas, DELTAS, &version);
    struct text body = loop_text(call->loop);
    json_open(&body, '{');
    json_member_u64(&body, "version", version);
    mark_member(&body, mark_line(call->loop, call->event));
    json_member_u64(&body, "since", since->version);
    json_member_bool(&body, "resync", count < 0);
    render_changes(&body, deltas, count);
    render_areas_free(&body, call->event->plan->plan, call->event->engine);
    engine_prices(call->event->engine, prices);
    render_prices(&body, call->event->plan->plan, prices);
    json_member_cstr(&body, "plan", call->event->plan->hash);
    render_times(&body, call->now_ms);
    json_close(&body, '}');
    call_reply(call, 200, &body, none);
}

static void put_state(struct text *text, const struct call *call)
{
    struct render_event shown = call_view(call);
    const uint32_t seats = plan_seat_count(call->event->plan->plan);
    uint64_t version;
    (void)avail_view_octets(call->loop->avail, call->event, &version);
    const uint64_t line = mark_line(call->loop, call->event);
    const struct http_blob *letters = avail_view_letters(call->loop->avail, call->event);
    json_open(text, '{');
    json_member_u64(text, "version", version);
    mark_member(text, line);
    json_member_u64(text, "seats", seats);
    /* One letter per seat, in plan order: f h s b. */
    json_key(text, "states");
    TEXT_LIT(text, "\"");
    if (letters != NULL)
        text_put(text, (struct span){letters->bytes, letters->len});
    TEXT_LIT(text, "\"");
    text->comma = true;
    render_counts(text, &shown);
    render_times(text, shown.now_ms);
    json_close(text, '}');
}

void hall_api_reply_seats(struct call *call, void (*again)(struct http_req *req))
{
    struct http_req *req = call->req;
    uint64_t version = 0;
    struct mark since;
    struct span asked = http_req_query_arg(req, SPAN("since"));
    if (asked.ptr != NULL) {
        if (!mark_read(asked, &since))
            call_refuse(call, REFUSAL_SINCE);
        else if (request_since(call, &since, again))
            reply_since(call, &since);
        return;
    }
    bool octets =
        span_eq(http_req_query_arg(req, SPAN("form")), SPAN("octets")) ||
        visit_lists(http_req_header(req, HTTP_HEADER_ACCEPT), SPAN("application/octet-stream"));
    struct http_blob *whole = avail_view_octets(call->loop->avail, call->event, &version);
    struct http_blob *shorter = NULL;
    if (octets && visit_accepts(req, SPAN("gzip")))
        shorter = avail_view_gzip(call->loop->avail, call->event);
    char memory[256], tag_memory[64];
    struct text tag = text_on(tag_memory, sizeof(tag_memory));
    struct text headers = text_on(memory, sizeof(memory));
    struct mark mark = {version, mark_line(call->loop, call->event)};
    text_char(&tag, '"');
    mark_put(&tag, mark);
    text_str(&tag, shorter != NULL ? "-gzip" : "");
    text_char(&tag, '"');
    struct span etag = text_span(&tag);
    TEXT_LIT(&headers, "ETag: ");
    text_put(&headers, etag);
    TEXT_LIT(&headers, "\r\nVary: Accept, Accept-Encoding, Authorization\r\n");
    bool same = span_eq(http_req_header(req, HTTP_HEADER_IF_NONE_MATCH), etag);
    if (!same && !octets) {
        struct text body = loop_text(call->loop);
        put_state(&body, call);
        if (body.overflown)
            call_refuse(call, REFUSAL_OCTETS_ONLY);
        else
            call_reply(call, 200, &body, text_span(&headers));
        return;
    }
    TEXT_LIT(&headers, "Cache-Control: private, no-cache\r\n");
    if (shorter != NULL)
        TEXT_LIT(&headers, "Content-Encoding: gzip\r\n");
    http_reply(req, &(struct http_reply){
                        .status = same ? 304 : 200,
                        .type = same ? NULL : "application/octet-stream",
                        .headers = text_span(&headers),
                        .blob = same              ? NULL
                                : shorter != NULL ? shorter
                                                  : whole,
                    });
}

/* ---- for the operator ---- */

static void get_plan(struct http_req *req)
{
    struct call call;
    if (request_event(&call, req))
        hall_api_reply_plan(&call);
}

static void get_availability(struct http_req *req)
{
    struct call call;
    if (request_event(&call, req))
        hall_api_reply_seats(&call, get_availability);
}

const struct http_route hall_api_routes[] = {
    {HTTP_METHOD_GET, "/admin/events/{event}/plan", get_plan, NULL, 0},
    {HTTP_METHOD_GET, "/admin/events/{event}/availability", get_availability, NULL, 0},
    {.pattern = NULL},
};
