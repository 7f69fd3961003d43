/* status.c: member by member, in the order of the contract.
 *
 * The shared status contains nothing that changes with time alone, so its bytes, and with them its
 * entity tag, change only with news. Nearly all polls of it are therefore answered "not modified".
 * "me" is different: it is written for one visitor and never cached, so it must be quick to write
 * instead. */
#include "core/wait/status.h"

#include "base/json_time.h"
#include "core/event/event_state.h"
#include "core/wait/poll.h"

#include <assert.h>

/* From the picture; the limit itself applies when a join takes its place. */
static bool is_full(const struct line_view *view)
{
    return view->knobs.line_max > 0 && view->waiting >= view->knobs.line_max;
}

static void put_full(struct text *out, const struct line_view *view)
{
    if (is_full(view))
        json_member_bool(out, "full", true);
}

bool status_opens_lane(const struct event_doc *doc, bool shows_token)
{
    assert(doc->lanes_len <= LANES_MAX);
    return shows_token && doc->lanes_len > 0;
}

const char *status_join_refused(const struct line_view *view, const struct event_doc *doc,
                                bool shows_token)
{
    if (doc->member_required && !shows_token)
        return "member-required";
    if (view->lane == 0 && status_opens_lane(doc, shows_token))
        return NULL; /* that lane is not shown here */
    if (event_doc_asks_code(doc, view->lane))
        return "code-required";
    return is_full(view) ? "line-full" : NULL;
}

bool status_may_join(const struct line_view *view, const struct event_doc *doc, bool shows_token)
{
    return event_state_takes_joins(view->state) &&
           status_join_refused(view, doc, shows_token) == NULL;
}

static void put_why(struct text *out, const struct eta_model *eta)
{
    json_member_cstr(out, "eta_basis", eta_basis_name(eta->basis));
    if (eta->reason != ETA_REASON_NONE)
        json_member_cstr(out, "eta_reason", eta_reason_name(eta->reason));
}

/* `cut` NULL: no odds to show. */
static void put_lane(struct text *out, const char *id, const char *name, unsigned share,
                     const struct status_lane *lane, const struct odds_cut *cut)
{
    assert(cut == NULL || cut->unlikely_upto < cut->likely_from);
    json_open(out, '{');
    json_member_cstr(out, "id", id);
    json_member_cstr(out, "name", name);
    json_member_u64(out, "share", share);
    if (lane->view != NULL) {
        json_member_u64(out, "serving", lane->view->serving);
        json_member_u64(out, "issued", lane->view->issued);
        json_member_u64(out, "waiting", lane->view->waiting);
        put_full(out, lane->view);
        json_key(out, "eta");
        eta_table_json(out, lane->eta, lane->view->waiting);
        put_why(out, lane->eta);
    }
    if (cut != NULL) {
        json_member_open(out, "odds", '{');
        json_member_u64(out, "unlikely_upto", cut->unlikely_upto);
        json_member_u64(out, "likely_from", cut->likely_from);
        json_close(out, '}');
    }
    json_close(out, '}');
}

void status_json(struct text *out, const struct status_ask *ask)
{
    const struct line_view *view = ask->view;
    assert(view->serving <= view->issued);
    json_open(out, '{');
    json_member_cstr(out, "event", view->id);
    json_member_cstr(out, "name", ask->doc->name);
    json_member_cstr(out, "state", event_state_name(view->state));
    json_member_u64(out, "serving", view->serving);
    json_member_u64(out, "issued", view->issued);
    json_member_u64(out, "waiting", view->waiting);
    put_full(out, view);
    json_member_milli(out, "rate_per_s", (int64_t)view->knobs.rate_milli);
    json_key(out, "message");
    event_doc_messages(out, ask->doc);
    json_member_u64(out, "version", view->version);
    if (ask->doc->prices.len > 0) {
        json_key(out, "prices");
        prices_show(out, &ask->doc->prices);
    }
    json_member_time(out, "opens_at", ask->doc->opens_at_ms);
    json_member_time(out, "closes_at", ask->doc->closes_at_ms);
    json_member_u64(out, "poll_after_ms", ask->poll_after_ms);
    json_key(out, "eta");
    eta_table_json(out, ask->eta, view->waiting);
    put_why(out, ask->eta);
    /* The lanes and their shares are public. */
    const struct event_doc *doc = ask->doc;
    const struct status_lane general = {ask->view, ask->eta};
    assert(ask->lanes_len <= LANES_MAX && ask->lanes_len <= doc->lanes_len);
    if (ask->lanes_len != 0) {
        json_member_open(out, "lanes", '[');
        const struct odds_cut *cut = ask->odds != NULL ? ask->odds->cut : NULL;
        put_lane(out, "general", "general", line_lane_share(ask->view->knobs.shares, 0), &general,
                 cut);
        for (uint32_t i = 0; i < ask->lanes_len; i++)
            put_lane(out, doc->lane[i].id, doc->lane[i].name, (unsigned)doc->lane[i].share,
                     &ask->lane[i], cut != NULL && i + 1 < ask->odds->lanes ? cut + i + 1 : NULL);
        json_close(out, ']');
    }
    if (ask->odds != NULL) {
        /* For pages that know their place and read only the shared status. */
        const struct odds_cut *here = &ask->odds->cut[0];
        assert(here->unlikely_upto < here->likely_from);
        json_member_open(out, "odds", '{');
        json_member_u64(out, "seats_left", ask->odds->seats);
        json_member_milli(out, "seats_per_visitor", (int64_t)odds_seats_milli(ask->odds));
        json_member_u64(out, "unlikely_upto", here->unlikely_upto);
        json_member_u64(out, "likely_from", here->likely_from);
        json_close(out, '}');
    }
    if (view->stale)
        json_member_bool(out, "stale", true);
    json_close(out, '}');
}

void status_frame(struct text *out, struct span json, struct span tag)
{
    assert(json.len > 0 && json.ptr[0] == '{');
    TEXT_LIT(out, "event: status\nid: ");
    text_put(out, tag);
    TEXT_LIT(out, "\ndata: ");
    text_put(out, json); /* one line: JSON escapes every line end */
    TEXT_LIT(out, "\n\n");
}

static void put_position(struct text *out, const struct me_ask *ask)
{
    assert(ask->place.position == 0 || ask->place.ahead < ask->place.position);
    assert(ask->place.extensions <= TURN_EXTENSIONS_MAX);
    if (ask->place.position == 0) {
        TEXT_LIT(out, ",\"position\":null,\"entry\":");
        text_u64(out, ask->entry);
        TEXT_LIT(out, ",\"ahead\":null");
        return;
    }
    TEXT_LIT(out, ",\"position\":");
    text_u64(out, ask->place.position);
    TEXT_LIT(out, ",\"ahead\":");
    text_u64(out, ask->place.ahead);
}

struct eta status_eta(const struct eta_model *eta, struct place place)
{
    if (place.state == PLACE_WAITING && place.position == 0) {
        /* A visitor in a draw may get any place: half of them in the first half, nine in ten before
         * the last tenth. */
        struct eta middle = eta_at(eta, place.ahead);
        struct eta late = eta_at(eta, place.ahead / 5 * 9);
        if (late.p90_s > middle.p90_s)
            middle.p90_s = late.p90_s;
        assert(middle.basis == ETA_UNKNOWN || middle.p50_s <= middle.p90_s);
        return middle;
    }
    if (place.state == PLACE_WAITING)
        return eta_at(eta, place.ahead);
    /* Called or inside: no wait is left. A place that has ended has no wait either. */
    return (struct eta){.basis = place_is_over(place) ? ETA_UNKNOWN : ETA_MEASURED};
}

static void put_call(struct text *out, struct place place)
{
    assert(place.state < PLACE_STATE_COUNT);
    if (place.state == PLACE_CALLED || place.state == PLACE_LATE)
        TEXT_LIT(out, ",\"called\":true");
    else
        TEXT_LIT(out, ",\"called\":false");
    if (place.call_expires_ms == 0)
        TEXT_LIT(out, ",\"call_expires_at\":null");
    else
        json_member_time(out, "call_expires_at", place.call_expires_ms);
}

/* Written for each poll, and mostly constant: keys include their commas, so that most of the work
 * is copying. Rare members use the JSON calls, for which `comma` stays true. Event ids, tickets and
 * state names need no escaping. */
void status_me_json(struct text *out, const struct me_ask *ask)
{
    const struct line_view *view = ask->view;
    struct eta eta = status_eta(ask->eta, ask->place);
    struct poll_ask poll = {
        .line = view->state,
        .place = ask->place.state,
        .ahead = ask->place.ahead,
        .eta = eta,
        .load_milli = ask->load_milli,
        .random = ask->random,
    };
    TEXT_LIT(out, "{\"event\":\"");
    text_put(out, line_view_event(view));
    TEXT_LIT(out, "\",\"state\":\"");
    text_str(out, event_state_name(view->state));
    TEXT_LIT(out, "\",\"place\":\"");
    text_str(out, place_state_name(ask->place.state));
    TEXT_LIT(out, "\"");
    out->comma = true;
    if (ask->ticket.ptr != NULL) { /* base64url, so no escaping */
        TEXT_LIT(out, ",\"ticket\":\"");
        text_put(out, ask->ticket);
        TEXT_LIT(out, "\"");
    }
    if (ask->lane != NULL)
        json_member_cstr(out, "lane", ask->lane);
    if (view->knobs.shares != 0)
        json_member_u64(out, "lane_share", line_lane_share(view->knobs.shares, view->lane));
    put_position(out, ask);
    TEXT_LIT(out, ",\"eta\":");
    eta_json(out, eta);
    enum eta_reason reason = eta_reason_at(ask->eta, &eta);
    if (ask->place.state == PLACE_WAITING && reason != ETA_REASON_NONE) {
        TEXT_LIT(out, ",\"eta_reason\":\"");
        text_str(out, eta_reason_name(reason));
        TEXT_LIT(out, "\"");
    }
    if (ask->odds != NULL && ask->place.state == PLACE_WAITING && ask->place.position > 0) {
        uint64_t position = ask->place.position;
        assert(view->lane < LANES_ALL);
        json_member_open(out, "odds", '{');
        json_member_cstr(out, "sold_out", odds_name(odds_at(ask->odds, view->lane, position)));
        json_member_u64(out, "seats_left", ask->odds->seats);
        json_member_u64(out, "ahead", ask->place.ahead);
        json_member_milli(out, "seats_per_visitor", (int64_t)odds_seats_milli(ask->odds));
        json_close(out, '}');
    }
    put_call(out, ask->place);
    if (ask->place.call_expires_ms > 0)
        json_member_u64(out, "extensions_left", TURN_EXTENSIONS_MAX - ask->place.extensions);
    if (ask->place.session_expires_ms > 0) {
        json_member_time(out, "session_expires_at", ask->place.session_expires_ms);
        json_member_time(out, "session_ends_at", ask->place.session_ends_ms);
        if (view->halted_ms > 0)
            json_member_bool(out, "visits_halted", true);
    }
    if (place_is_over(ask->place))
        json_member_bool(out, "can_join", status_may_join(view, ask->doc, ask->shows_token));
    TEXT_LIT(out, ",\"poll_after_ms\":");
    text_u64(out, poll_after_ms(&poll));
    if (view->stale)
        TEXT_LIT(out, ",\"stale\":true");
    TEXT_LIT(out, "}");
}
