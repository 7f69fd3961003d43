/* admin_seats.c: takes the number of seats left from the system that sells them. It is not an
 * operator's action, so only its consequences are in the audit trail. The front that gets the feed
 * computes the odds shown in the line, from one feed to the next, and stores them with the event
 * for all other fronts. */
#include "admin/admin.h"

#include "admin/act.h"
#include "api/answer.h"
#include "api/refusal.h"
#include "base/json_in.h"

#include <assert.h>

static void answer_fed(struct act *act)
{
    struct front_line *event = front_line_find(act->front, span_of(act->line.event));
    if (act->line.outcome != LINE_OK) {
        act_refuse(act);
        return;
    }
    if (event != NULL)
        front_seats_fed(act->front, event);
    answer_empty(act->req, 204, NULL);
}

static bool read_seats(struct act *act, uint64_t *most)
{
    struct err_slot err;
    json_t *json;
    if (json_in_parse(http_req_body(act->req), &err, &json) < 0) {
        answer_body_unread(act->req, &err);
        return false;
    }
    struct json_in in;
    json_in_object(&in, json, &err);
    json_in_require(&in, "seats_left");
    json_in_u64(&in, "seats_left", 0, SEATS_LEFT_MAX, &act->line.seats_left);
    *most = SEATS_PER_BUYER;
    json_in_u64(&in, "seats_per_buyer", 1, SEATS_LEFT_MAX, most);
    int rc = json_in_end(&in);
    json_decref(json);
    if (rc < 0)
        refusal_say(act->req, REFUSAL_SEATS_LEFT, "%s", err.text);
    return rc == 0;
}

/* The odds with this feed, to be stored with it. A front that does not know all lanes leaves the
 * odds unchanged, and the next feed continues from there. */
static struct span new_odds(const struct act *act, const struct front_line *event, uint64_t most,
                            struct text *text)
{
    struct odds_line lines[LANES_ALL];
    unsigned lines_len = 1 + line_lanes(event->view->knobs.shares);
    for (unsigned lane = 0; lane < lines_len; lane++) {
        const struct front_line *line = front_line_in(act->front, event, lane);
        if (line == NULL)
            return span_of(event->view->odds);
        lines[lane] = (struct odds_line){line->view, &line->eta};
    }
    struct odds odds = odds_feed(event->has_odds ? &event->odds : NULL, lines, lines_len,
                                 act->line.seats_left, most);
    odds_put(text, &odds);
    assert(!text->overflown);
    return text_span(text);
}

static void on_seats_left(struct http_req *req)
{
    struct act *act = act_begin(req, sizeof(*act), NULL);
    if (act == NULL)
        return;
    const struct front_line *event = act_event(act);
    uint64_t most;
    if (event == NULL) {
        answer_event_unknown(req, http_req_param(req, 0));
    } else if (!event->doc.seats_left) {
        refusal_reply(req, REFUSAL_SEATS_FEED_OFF);
    } else if (read_seats(act, &most)) {
        struct text text = text_on(act->audit, LINE_ODDS_MAX);
        act->line.audit = new_odds(act, event, most, &text);
        act->line.to = event->doc.auto_reopen ? LINE_OPEN : event->view->state;
        act_ask(act, LINE_SEATS, answer_fed);
    }
}

const struct http_route admin_seats_routes[] = {
    {HTTP_METHOD_PUT, "/admin/events/{event}/seats-left", on_seats_left, NULL, ADMIN_BODY_MAX},
    {.pattern = NULL},
};
