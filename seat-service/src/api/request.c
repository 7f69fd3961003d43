/* request.c: shared by the calls of buyers, orders and operators: an event and a hold in the path,
 * a JSON body, seats by name. Requests for unknown events, or events not served now, are refused
 * here, in the same way for every call. */
#include "api/request.h"

#include "access/hold_id.h"
#include "api/plain_page.h"
#include "api/verdict.h"
#include "loop/retry.h"
#include "page/form.h"

#include <string.h>

void request_elsewhere(struct call *call, const struct journal_place *place)
{
    char detail[ERR_TEXT_MAX];
    struct text members = loop_text(call->loop);
    struct text words = text_on(detail, sizeof(detail) - 1);
    struct call_refusal out = call_refusal(REFUSAL_EVENT_ELSEWHERE);
    text_printf(&words, "%s owns this event: ask at %s", place->instance, place->address.within);
    detail[words.len] = '\0';
    out.detail = words.overflown ? "another process owns this event" : detail;
    json_member_cstr(&members, "owner", place->instance);
    json_member_u64(&members, "epoch", place->epoch);
    json_member_cstr(&members, "address", place->address.open);
    json_member_cstr(&members, "private_address", place->address.within);
    out.members = text_span(&members);
    out.owner = place->instance;
    call_refuse_with(call, &out);
}

/* Tells visitors to retry. A header names the owner, not its address, and the edge sends the retry
 * there. */
static void reply_elsewhere(struct call *call, const struct journal_place *place)
{
    struct call_refusal out = call_refusal(REFUSAL_AWAY_STANDBY);
    out.owner = place->instance;
    if (span_starts(http_req_path(call->req), SPAN("/v1/")))
        call_refuse_with(call, &out);
    else
        request_elsewhere(call, place);
}

void request_wake(struct call *call)
{
    bool wakes = journal_wake(call->loop->conf.journal, http_req_param(call->req, 0));
    call_refuse(call, wakes ? REFUSAL_EVENT_ASLEEP : REFUSAL_EVENTS_HOT);
}

void request_away(struct call *call, enum journal_reason reason)
{
    struct call_refusal out =
        call_refusal((enum refusal)(REFUSAL_AWAY_STARTING + reason - JOURNAL_REASON_STARTING));
    if (!span_starts(http_req_path(call->req), SPAN("/admin/")))
        out.detail = JOURNAL_AWAY;
    call_refuse_with(call, &out);
}

/* Says why the event is not open: it is out, the process cannot serve, or it is served elsewhere.
 * Only operators see why an event is out. */
static void reply_closed(struct call *call, void (*on_asleep)(struct call *call))
{
    struct journal *journal = call->loop->conf.journal;
    const enum journal_reason reason = journal_reason(journal);
    bool to_operator = span_starts(http_req_path(call->req), SPAN("/admin/"));
    struct journal_view view;
    bool known = journal_find(journal, http_req_param(call->req, 0), &view);
    struct journal_place place;
    struct call_refusal out = call_refusal(REFUSAL_EVENT_OUT);
    if (to_operator)
        out.detail = view.reason;
    bool here = reason == JOURNAL_REASON_NONE || reason == JOURNAL_REASON_STANDBY ||
                reason == JOURNAL_REASON_NAMESAKE || reason == JOURNAL_REASON_CLOCK;
    /* An owner knows all events, even while another process has its name. */
    bool unknown =
        !known && reason == JOURNAL_REASON_NAMESAKE && journal_role(journal) == JOURNAL_OWNER;
    if (known && view.state == JOURNAL_EVENT_ASLEEP)
        on_asleep(call);
    else if (known && here && view.state == JOURNAL_EVENT_FOLLOWING &&
             journal_elsewhere(journal, view.nth, &place))
        reply_elsewhere(call, &place);
    else if (known && view.state == JOURNAL_EVENT_OUT)
        call_refuse_with(call, &out);
    else if (reason != JOURNAL_REASON_NONE && !unknown)
        request_away(call, reason);
    else if (known)
        call_refuse(call, view.state == JOURNAL_EVENT_FOLLOWING ? REFUSAL_AWAY_STANDBY
                                                                : REFUSAL_AWAY_LOADING);
    else
        call_refuse(call, REFUSAL_EVENT_UNKNOWN);
}

/* Calls of the page without scripts have their own path. */
static struct call begin(struct http_req *req)
{
    struct call call = {.req = req, .loop = loop_of(req)};
    if (strstr(http_req_route(req)->pattern, "/plain") != NULL)
        call.plain = call.loop->conf.plain;
    return call;
}

bool request_event_or(struct call *call, struct http_req *req, void (*on_asleep)(struct call *call))
{
    *call = begin(req);
    call->event = events_find(call->loop->conf.events, http_req_param(req, 0));
    call->now_ms = events_now_ms(call->loop->conf.events);
    if (call->event != NULL && events_is_open(call->event))
        return true;
    reply_closed(call, on_asleep);
    return false;
}

/* The event is shown here, but its picture is too old. */
static void reply_behind(struct call *call)
{
    struct call_refusal out = call_refusal(REFUSAL_BEHIND);
    struct journal_place place;
    if (journal_elsewhere(call->loop->conf.journal, call->event->nth, &place))
        out.owner = place.instance;
    call_refuse_with(call, &out);
}

bool request_shown(struct call *call, struct http_req *req, void (*on_asleep)(struct call *call))
{
    *call = begin(req);
    struct events *events = call->loop->conf.events;
    call->event = events_find(events, http_req_param(req, 0));
    call->now_ms = events_now_ms(events);
    bool known = call->event != NULL;
    if (known && events_shows(events, call->event))
        return true;
    if (known && events_follows(call->event))
        reply_behind(call);
    else
        reply_closed(call, on_asleep);
    return false;
}

bool request_since(struct call *call, const struct mark *since, void (*again)(struct http_req *req))
{
    bool fits = mark_fits(call->loop, call->event, since);
    if (!events_lags(call->event, fits ? since->version : UINT64_MAX,
                     retry_asked_us(call->loop->retry, call->req)))
        return true;
    struct retry_ask ask = retry_ask(call, again, REFUSAL_BEHIND);
    ask.looks = true;
    if (!retry_wait(call->loop->retry, &ask))
        reply_behind(call);
    return false;
}

bool request_event(struct call *call, struct http_req *req)
{
    bool open = request_event_or(call, req, request_wake);
    if (open)
        events_used(call->loop->conf.events, call->event);
    return open;
}

bool request_hold(struct call *call, uint64_t *hold)
{
    if (hold_id_read(call->loop->conf.hold_keys, span_of(call->event->id),
                     http_req_param(call->req, 1), hold))
        return true;
    call_refuse(call, REFUSAL_HOLD_UNKNOWN);
    return false;
}

bool request_body(struct call *call, json_t **doc)
{
    struct err_slot err;
    int rc = call->plain != NULL ? form_read(call->req, &err, doc)
                                 : json_in_parse(http_req_body(call->req), &err, doc);
    if (rc == 0 && call->plain != NULL) {
        *doc = plain_page_body(*doc);
        rc = *doc != NULL ? 0 : err_set(&err, ERR_NOMEM, "a form");
    }
    if (rc < 0)
        call_refuse_as(call, rc == ERR_NOMEM ? REFUSAL_MEMORY : REFUSAL_JSON, err.text);
    return rc == 0;
}

bool request_end(struct call *call, struct json_in *in, const struct err_slot *err)
{
    bool good = json_in_end(in) == 0;
    if (!good)
        call_refuse_as(call, REFUSAL_FIELD, err->text);
    return good;
}

bool request_seats(struct call *call, const json_t *array, const char *member, uint32_t *out,
                   uint32_t *count)
{
    size_t len = json_array_size(array);
    if (len > REQUEST_SEATS_MAX) {
        struct engine_op op = {.limit = plan_limits(call->event->plan->plan)->max_per_hold};
        verdict_reply(call, ENGINE_TOO_MANY, &op, NULL);
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        const json_t *item = json_array_get(array, i);
        struct span guid = json_in_words(item);
        if (!json_is_string(item)) {
            struct err_slot err;
            err_set(&err, ERR_RANGE, "/%s/%zu: must be a text", member, i);
            call_refuse_as(call, REFUSAL_FIELD, err.text);
            return false;
        }
        if (!plan_seat_find(call->event->plan->plan, guid, &out[i])) {
            struct text members = loop_text(call->loop);
            struct call_refusal refusal = call_refusal(REFUSAL_SEAT_UNKNOWN);
            json_member_str(&members, "seat", guid);
            refusal.members = text_span(&members);
            call_refuse_with(call, &refusal);
            return false;
        }
        engine_seat_prefetch(call->event->engine, out[i]);
    }
    *count = (uint32_t)len;
    return true;
}
