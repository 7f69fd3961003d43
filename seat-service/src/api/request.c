/* request.c: what the calls of buyers, orders and operators have in common: an event and a hold in
 * the path, a JSON body, seats by name. Requests for something that does not exist, or is not being
 * served, are refused here, in the same words for every call. */
#include "api/request.h"

#include "access/hold_id.h"
#include "base/json_in.h"

/* Says why the event is not open: a problem of its own, or of the process, or because it is served
 * elsewhere. What its own problem is, only the operator is told. */
static void tell_closed(struct call *call)
{
    static const char detail[] = "this instance does not serve the event at the moment";
    struct journal *journal = call->loop->conf.journal;
    const char *reason = journal_reason(journal);
    bool to_operator = span_starts(http_req_path(call->req), SPAN("/admin/"));
    struct journal_view view;
    bool known = journal_find(journal, http_req_param(call->req, 0), &view);
    if (known && view.state == JOURNAL_EVENT_OUT)
        call_unavailable(call, "event-out",
                         to_operator ? view.reason : "this event is not served at the moment");
    else if (reason != NULL)
        call_unavailable(call, reason, detail);
    else if (known)
        call_unavailable(call, view.state == JOURNAL_EVENT_FOLLOWING ? "standby" : "loading",
                         detail);
    else
        call_problem(call, 404, "event-unknown", "there is no such event here",
                     (struct span){NULL, 0});
}

bool request_event(struct call *call, struct http_req *req)
{
    *call = (struct call){.req = req, .loop = loop_of(req)};
    call->event = events_find(call->loop->conf.events, http_req_param(req, 0));
    call->now_ms = events_now_ms(call->loop->conf.events);
    if (call->event != NULL && events_is_open(call->event))
        return true;
    tell_closed(call);
    return false;
}

bool request_hold(struct call *call, unsigned param, uint64_t *hold)
{
    if (hold_id_read(call->loop->conf.hold_keys, span_of(call->event->id),
                     http_req_param(call->req, param), hold))
        return true;
    call_problem(call, 404, "hold-unknown", "there is no such hold", (struct span){NULL, 0});
    return false;
}

bool request_body(struct call *call, json_t **doc)
{
    struct err_slot err;
    if (json_in_parse(http_req_body(call->req), &err, doc) == 0)
        return true;
    call_problem(call, 400, "bad-json", err.text, (struct span){NULL, 0});
    return false;
}

void request_bad_field(struct call *call, const struct err_slot *err)
{
    call_problem(call, 422, "bad-field", err->text, (struct span){NULL, 0});
}

static void unknown_seat(struct call *call, struct span guid)
{
    struct text members = loop_text(call->loop);
    json_member_str(&members, "seat", guid);
    call_problem(call, 422, "seat-unknown", "there is no such seat", text_span(&members));
}

bool request_seats(struct call *call, const json_t *array, const char *member, uint32_t *out,
                   uint32_t *count)
{
    size_t len = json_array_size(array);
    if (len > REQUEST_SEATS_MAX) {
        call_problem(call, 422, engine_verdict_name(ENGINE_TOO_MANY),
                     "more seats than one hold may have", (struct span){NULL, 0});
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        const json_t *item = json_array_get(array, i);
        struct span guid = {json_string_value(item), json_string_length(item)};
        if (!json_is_string(item)) {
            struct err_slot err;
            err_set(&err, ERR_RANGE, "/%s/%zu: must be a text", member, i);
            request_bad_field(call, &err);
            return false;
        }
        if (!plan_seat_find(call->event->plan->plan, guid, &out[i])) {
            unknown_seat(call, guid);
            return false;
        }
    }
    *count = (uint32_t)len;
    return true;
}
