/* waiting_look.c: the ticket names the place, and the front's picture has its state. The page
 * contains all views. The view to show depends first on the state of the line (closed or sold out
 * for everybody but those inside), then on the place. */
#include "pages/waiting_look.h"

#include "api/caller.h"
#include "api/member.h"
#include "core/event/event_state.h"
#include "core/wait/poll.h"

const char *waiting_look_over(const struct waiting_look *look)
{
    static const struct {
        const char *notice, *name;
    } notices[] = {
        {"call-expired", "expired"}, {"place-gone", "ended"},    {"session-expired", "ended"},
        {"session-ended", "ended"},  {"order-complete", "done"},
    };
    /* The visitor may have been refused before this front learns the outcome. */
    if (place_is_over(look->place))
        return place_state_name(look->place.state);
    for (size_t i = 0; i < sizeof(notices) / sizeof(notices[0]); i++) {
        if (look->entry > 0 && look->place.state != PLACE_WAITING &&
            span_eq(look->notice, span_of(notices[i].notice)))
            return notices[i].name;
    }
    return NULL;
}

static const char *view_of(const struct waiting_look *look)
{
    enum line_state state = look->event->view->state;
    if (state == LINE_CLOSED && look->place.state != PLACE_ADMITTED)
        return "closed";
    if (waiting_look_over(look) != NULL)
        return "expired";
    if (state == LINE_SOLD_OUT && look->place.state != PLACE_ADMITTED)
        return "sold-out";
    if (look->moved && event_state_takes_joins(state))
        return "moved";
    if (look->entry == 0)
        return event_state_takes_joins(state) ? "join" : "soon";
    switch (look->place.state) {
    case PLACE_CALLED:
    case PLACE_LATE:
        return "called";
    case PLACE_ADMITTED:
        return "admitted";
    default:
        return look->place.position > 0 ? "waiting" : "draw";
    }
}

void waiting_look_take(struct waiting_look *look, const struct http_req *req)
{
    const struct front *front = look->front;
    const struct front_line *event = look->event;
    struct ticket ticket;
    look->now_ms = front_line_now_ms(front, event);
    int rc = caller_ticket(req, front, event, &ticket);
    look->moved = rc == ERR_STATE;
    if (rc == 0) {
        event = look->event = front_line_in(front, event, ticket.lane);
        look->entry = ticket.entry;
        look->place = caller_place(req, front, event, ticket.entry, &look->unread);
    }
    look->shows_token = look->kept || member_shows_token(req, event);
    look->view = view_of(look);
    look->eta = status_eta(&event->eta, look->place);
    if (look->kept) /* no visitor's wait */
        look->eta = (struct eta){.basis = ETA_UNKNOWN};
    struct poll_ask ask = {
        .line = event->view->state,
        .place = look->entry > 0 ? look->place.state : PLACE_WAITING,
        .ahead = look->place.ahead,
        .eta = look->eta,
        .load_milli = front->load_milli,
        .random = (uint32_t)rng_u64(front->loop->rng),
    };
    look->poll_ms = poll_after_ms(&ask);
}

bool waiting_look_is_shared(const struct waiting_look *look)
{
    bool is_anybodys =
        look->entry == 0 && look->notice.len == 0 && look->reference.len == 0 && !look->moved;
    return is_anybodys && look->kept == (look->front->config->web_page_kept_ms > 0);
}
