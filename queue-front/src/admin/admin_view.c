/* admin_view.c: the operators' views that need no Redis.
 *
 * All data is in this front's pictures already, so an operator who keeps a console open costs the
 * store nothing. It also means that a view may be a tick old; a stale one is marked. */
#include "admin/admin.h"

#include "admin/admin_answer.h"
#include "admin/admin_find.h"
#include "api/answer.h"
#include "api/refusal.h"
#include "base/json_time.h"
#include "core/event/schedule.h"
#include "core/line/lanes.h"
#include "core/token/appeal.h"
#include "core/token/invitation.h"
#include "front/front.h"
#include "line/line_limits.h"

#include <stdlib.h>
#include <string.h>

enum {
    LIST_MAX = FRONT_EVENTS_MAX * 1728 + FRONTS_LISTED_MAX * 128,
    PREVIEW_MAX = 1024,
    MINUTE_MS = 60000,
    APPEAL_MAX = 512,
    INVITATIONS_DEFAULT = 100,
    INVITATIONS_READ_MAX = 1000,
    INVITATION_BYTES = 64,
};

static void on_found(void *ctx, const struct front_line *event, bool unavailable)
{
    struct http_req *req = ctx;
    if (event == NULL && unavailable) {
        answer_refuse(req, &(struct answer_refusal){.outcome = LINE_UNAVAILABLE});
        return;
    }
    if (event == NULL) {
        answer_event_unknown(req, http_req_param(req, 0));
        return;
    }
    if (event->shut == FRONT_SHUT_DOCUMENT) {
        admin_answer_unreadable(req, event);
        return;
    }
    admin_answer_event(req, event);
}

static void on_get(struct http_req *req)
{
    if (front_of(req)->complete)
        admin_find(front_of(req), http_req_param(req, 0), on_found, req);
    else
        on_found(req, front_line_find(front_of(req), http_req_param(req, 0)), false);
}

struct listing {
    struct text *out;
    const struct front *front;
    struct span only; /* this event, even if it has ended; absent: all running ones */
};

static void put_counts(struct text *out, const struct front_sum *of)
{
    json_member_u64(out, "issued", of->issued);
    json_member_u64(out, "joined", of->joined);
    json_member_u64(out, "serving", of->serving);
    json_member_u64(out, "waiting", of->waiting);
    json_member_u64(out, "outstanding", of->outstanding);
    json_member_u64(out, "admitted", of->admitted);
    json_member_u64(out, "no_shows", of->no_shows);
}

static void put_line_counts(struct text *out, const struct line_view *view)
{
    const struct front_sum own = front_sum_add((struct front_sum){0}, view);
    put_counts(out, &own);
}

static void put_listed(struct front_line *event, void *ctx)
{
    const struct listing *listing = ctx;
    struct text *out = listing->out;
    const struct line_view *view = event->view;
    bool wanted =
        listing->only.ptr != NULL ? span_eq(listing->only, front_line_id(event)) : !view->resting;
    if (view->lane > 0 || !wanted)
        return; /* part of its event's row; ended events are in GET /admin/ended */
    json_open(out, '{');
    json_member_cstr(out, "id", event->id);
    json_member_cstr(out, "name", event->doc.name);
    json_member_cstr(out, "state", event_state_name(view->state));
    json_member_u64(out, "version", view->version);
    json_member_time(out, "prequeue_at", event->doc.prequeue_at_ms);
    json_member_time(out, "opens_at", event->doc.opens_at_ms);
    json_member_bool(out, "seats_fed", event->doc.seats_left);
    if (front_is_shut(event))
        json_member_cstr(out, "shut", front_shut_name(event->shut));
    json_member_open(out, "live", '{');
    struct front_sum sum = front_sum(listing->front, event);
    put_counts(out, &sum);
    json_member_u64(out, "active", view->active);
    json_member_milli(out, "show_up", (int64_t)view->show_up_milli);
    json_member_milli(out, "rate_per_s", (int64_t)view->knobs.rate_milli);
    json_member_milli(out, "service_rate_per_s", (int64_t)view->service_rate_milli);
    json_member_u64(out, "streams", http_channel_streams(event->channel));
    if (view->has_seats_left)
        json_member_u64(out, "seats_left", view->seats_left);
    else
        json_member_null(out, "seats_left");
    json_member_bool(out, "stale", view->stale);
    json_member_u64(out, "clock_ahead_ms", view->clock_ahead_ms);
    json_member_u64(out, "clock_behind_ms", view->clock_behind_ms);
    json_member_u64(out, "codes_missing", line_codes_missing(view));
    json_member_bool(out, "visits_halted", view->halted_ms > 0);
    json_member_bool(out, "hall_missing", event->hall_missing);
    if (event->doc.lanes_len > 0) {
        /* A lane has its own counts, and the general line; everything else is the event's. */
        const struct front *front = listing->front;
        json_member_open(out, "general", '{');
        put_line_counts(out, view);
        json_close(out, '}');
        json_member_open(out, "lanes", '[');
        for (unsigned lane = 1; lane <= event->doc.lanes_len; lane++) {
            const struct front_line *line = front_line_in(front, event, lane);
            if (line == NULL)
                continue; /* no picture yet */
            json_open(out, '{');
            json_member_cstr(out, "id", event->doc.lane[lane - 1].id);
            put_line_counts(out, line->view);
            json_close(out, '}');
        }
        json_close(out, ']');
    }
    json_close(out, '}');
    json_close(out, '}');
}

static void on_list(struct http_req *req)
{
    char *memory = malloc(LIST_MAX + FRONT_EVENTS_MAX * 2 * EVENT_NAME_BYTES_MAX);
    if (memory == NULL) {
        answer_overloaded(req);
        return;
    }
    struct text json = text_on(memory, LIST_MAX + FRONT_EVENTS_MAX * 2 * EVENT_NAME_BYTES_MAX);
    TEXT_LIT(&json, "{\"events\":");
    json_open(&json, '[');
    struct listing listing = {&json, front_of(req), http_req_query_arg(req, SPAN("id"))};
    front_each_event(front_of(req), put_listed, &listing);
    json_close(&json, ']');
    /* {place, silent_ms} of each front that reported to Redis lately, including this one. */
    const struct front *front = front_of(req);
    unsigned len;
    const struct store_front *fronts = line_store_fronts(front->store, &len);
    json_member_open(&json, "fronts", '[');
    for (unsigned i = 0; i < len; i++) {
        json_open(&json, '{');
        json_member_cstr(&json, "place", fronts[i].place);
        json_member_u64(&json, "silent_ms", fronts[i].silent_ms);
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_close(&json, '}');
    answer_json(req, 200, &json, NULL);
    free(memory);
}

static void on_knobs(struct http_req *req)
{
    char memory[16384];
    struct text json = text_on(memory, sizeof(memory));
    TEXT_LIT(&json, "{\"knobs\":");
    event_doc_table(&json);
    json_close(&json, '}');
    answer_json(req, 200, &json, NULL);
}

struct look {
    uint64_t from_ms; /* earliest time of the first call */
    uint64_t waiting[LANES_ALL];
};

/* When that many people will have been called: by the rate and the schedule, but no sooner than a
 * full hall lets them in. 0: never. */
static uint64_t reach_ms(const struct front_line *event, const struct look *look,
                         uint64_t rate_milli, uint64_t people)
{
    static const double NEVER_MS = 365.0 * 86400.0 * 1000.0;
    uint64_t by_rate = schedule_reach_ms(&event->doc, rate_milli, look->from_ms, people);
    struct eta_hall hall = eta_hall(&event->meter, event->view);
    if (by_rate == 0 || (double)people <= hall.free)
        return by_rate;
    double full_ms = 1000.0 * ((double)people - hall.free) / hall.per_s;
    if (full_ms > NEVER_MS)
        return 0;
    uint64_t by_hall = look->from_ms + (uint64_t)full_ms;
    return by_hall > by_rate ? by_hall : by_rate;
}

static void put_lanes(struct text *out, const struct front_line *event, const struct look *look,
                      uint64_t rate_milli)
{
    uint64_t shares = event->view->knobs.shares, upto[LANES_ALL];
    lanes_reach(look->waiting, shares, upto);
    json_member_open(out, "lanes", '[');
    for (unsigned lane = 0; lane <= event->doc.lanes_len; lane++) {
        json_open(out, '{');
        json_member_cstr(out, "id", lane > 0 ? event->doc.lane[lane - 1].id : "general");
        json_member_u64(out, "share", line_lane_share(shares, lane));
        json_member_u64(out, "waiting", look->waiting[lane]);
        json_member_time(out, "last_enters_at", reach_ms(event, look, rate_milli, upto[lane]));
        json_close(out, '}');
    }
    json_close(out, ']');
}

/* "0.25" as 250: in thousandths, like the knob. */
static bool rate_in_milli(struct span text, uint64_t *out)
{
    struct span whole = text, decimals = {NULL, 0};
    const char *point = text.len > 0 ? memchr(text.ptr, '.', text.len) : NULL;
    if (point != NULL) {
        whole.len = (size_t)(point - text.ptr);
        decimals = (struct span){point + 1, text.len - whole.len - 1};
    }
    uint64_t rate, milli = 0;
    if (!span_u64(whole, LINE_RATE_MILLI_MAX / 1000, &rate) || decimals.len > 3 ||
        (point != NULL && !span_u64(decimals, 999, &milli)))
        return false;
    for (size_t digits = decimals.len; digits < 3; digits++)
        milli *= 10;
    *out = rate * 1000 + milli;
    return *out <= LINE_RATE_MILLI_MAX;
}

/* {event,waiting,rate_per_s,last_enters_at}: when the last waiting visitor is called, at the
 * current rate or one that the operator tries out, by the schedule and max_active; also for each
 * lane. */
static void on_preview(struct http_req *req)
{
    struct front *front = front_of(req);
    const struct front_line *event = answer_unless_event(req, front);
    if (event == NULL)
        return;
    uint64_t rate_milli = event->view->knobs.rate_milli;
    struct span given = http_req_query_arg(req, SPAN("rate_per_s"));
    if (given.ptr != NULL && !rate_in_milli(given, &rate_milli)) {
        refusal_say(req, REFUSAL_RATE,
                    "rate_per_s is a number up to %u, with up to three decimals.",
                    (unsigned)(LINE_RATE_MILLI_MAX / 1000));
        return;
    }
    const struct line_knobs *knobs = &event->view->knobs;
    struct look look = {.from_ms = front_line_now_ms(front, event)};
    if (event->view->state != LINE_OPEN && knobs->opens_at_ms > look.from_ms)
        look.from_ms = knobs->opens_at_ms;
    for (unsigned lane = 0; lane <= event->doc.lanes_len; lane++) {
        const struct front_line *line = front_line_in(front, event, lane);
        look.waiting[lane] = line != NULL ? line->view->waiting : 0;
    }
    uint64_t all = 0;
    for (unsigned lane = 0; lane < LANES_ALL; lane++)
        all += look.waiting[lane];
    char memory[PREVIEW_MAX];
    struct text json = text_on(memory, sizeof(memory));
    json_open(&json, '{');
    json_member_cstr(&json, "event", event->id);
    json_member_u64(&json, "waiting", all);
    json_member_milli(&json, "rate_per_s", (int64_t)rate_milli);
    json_member_time(&json, "last_enters_at", reach_ms(event, &look, rate_milli, all));
    if (event->doc.lanes_len > 0)
        put_lanes(&json, event, &look, rate_milli);
    json_close(&json, '}');
    answer_json(req, 200, &json, NULL);
}

/* ---- appeals ----
 *
 * A slowed-down visitor gives a reference to the operator's staff, who look it up here. The
 * reference itself contains the limit and the minute (core/token/appeal.h). Nothing is recorded
 * about the visitor, or how many others there were. */

static void answer_appeal(struct http_req *req, const struct front *front,
                          const struct front_line *event, struct span reference)
{
    struct appeal appeal;
    uint64_t now = front_line_now_ms(front, event) / MINUTE_MS;
    int rc = appeal_parse(&event->identity->codes, front_line_id(event), reference, now, &appeal);
    if (rc < 0) {
        refusal_reply(req,
                      rc == ERR_SYNTAX ? REFUSAL_REFERENCE_MISTYPED : REFUSAL_REFERENCE_UNKNOWN);
        return;
    }
    char memory[APPEAL_MAX];
    struct text json = text_on(memory, sizeof(memory));
    json_open(&json, '{');
    json_member_cstr(&json, "event", event->id);
    json_member_cstr(&json, "why", appeal_limit_code(appeal.limit));
    json_member_time(&json, "minute", appeal.minute * MINUTE_MS);
    json_close(&json, '}');
    assert(!json.overflown);
    answer_json(req, 200, &json, NULL);
}

static void on_appeal_event(void *ctx, const struct front_line *event, bool unavailable)
{
    struct http_req *req = ctx;
    struct answer_refusal refusal = {.outcome = LINE_UNAVAILABLE, .retry_after_ms = 1000};
    if (unavailable)
        answer_refuse(req, &refusal);
    else if (event == NULL)
        answer_event_unknown(req, http_req_param(req, 0));
    else if (event->identity == NULL)
        answer_shut(req, front_line_id(event), event->shut);
    else
        answer_appeal(req, front_of(req), event, http_req_param(req, 1));
}

static void on_appeal(struct http_req *req)
{
    admin_find(front_of(req), http_req_param(req, 0), on_appeal_event, req);
}

/* ---- invitations ----
 *
 * Nothing is stored about an invitation: a code is computed from its number and a key
 * (core/token/invitation.c). So the list is computed at each request, and the event's document has
 * the highest valid number. Lowering it revokes the invitations above it. */

static bool read_number(const struct http_req *req, struct span name, uint64_t max, uint64_t *out)
{
    struct span given = http_req_query_arg(req, name);
    return given.ptr == NULL || (span_u64(given, max, out) && *out > 0);
}

static void on_invitations(struct http_req *req)
{
    const struct front *front = front_of(req);
    const struct front_line *event = answer_unless_event(req, front);
    if (event == NULL)
        return;
    if (event->shut != FRONT_OPEN) {
        answer_shut(req, front_line_id(event), event->shut);
        return;
    }
    unsigned lane = event_doc_lane(&event->doc, http_req_param(req, 1));
    if (lane == 0 || lane > event->doc.lanes_len) {
        refusal_reply(req, REFUSAL_LANE_UNKNOWN);
        return;
    }
    uint64_t from = 1, limit = INVITATIONS_DEFAULT;
    if (!read_number(req, SPAN("from"), INVITATIONS_MAX, &from) ||
        !read_number(req, SPAN("limit"), INVITATIONS_READ_MAX, &limit)) {
        refusal_say(req, REFUSAL_LIMIT, "from is a number from 1 to %d, limit from 1 to %d.",
                    INVITATIONS_MAX, INVITATIONS_READ_MAX);
        return;
    }
    uint64_t good = event->doc.lane[lane - 1].invitations;
    uint64_t upto = from + limit - 1 < good ? from + limit - 1 : good;
    size_t cap = (size_t)(limit * INVITATION_BYTES) + 512;
    char *memory = malloc(cap);
    if (memory == NULL) {
        answer_overloaded(req);
        return;
    }
    struct text json = text_on(memory, cap);
    json_open(&json, '{');
    json_member_str(&json, "event", front_line_id(event));
    json_member_cstr(&json, "lane", event->doc.lane[lane - 1].id);
    json_member_u64(&json, "good", good);
    json_member_open(&json, "invitations", '[');
    struct invitation one = {(uint8_t)lane, (uint32_t)from};
    for (; one.number <= upto; one.number++) {
        char code_memory[INVITATION_TEXT_LEN];
        struct text code = text_on(code_memory, sizeof(code_memory));
        invitation_put(&code, &event->identity->codes, front_line_id(event), one);
        json_open(&json, '{');
        json_member_u64(&json, "number", one.number);
        json_member_str(&json, "code", text_span(&code));
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_close(&json, '}');
    answer_json(req, 200, &json, NULL);
    free(memory);
}

const struct http_route admin_view_routes[] = {
    {HTTP_METHOD_GET, "/admin/knobs", on_knobs, NULL, 0},
    {HTTP_METHOD_GET, "/admin/events", on_list, NULL, 0},
    {HTTP_METHOD_GET, "/admin/events/{event}", on_get, NULL, 0},
    {HTTP_METHOD_GET, "/admin/events/{event}/preview", on_preview, NULL, 0},
    {HTTP_METHOD_GET, "/admin/events/{event}/appeals/{reference}", on_appeal, NULL, 0},
    {HTTP_METHOD_GET, "/admin/events/{event}/lanes/{lane}/invitations", on_invitations, NULL, 0},
    {.pattern = NULL},
};
