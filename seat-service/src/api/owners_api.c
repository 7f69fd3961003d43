/* owners_api.c: GET /internal/owners. Every process reports all events that it serves or
 * follows, so any of them can answer. If another process has the event, the answer is its owner row
 * of a tenth of a second ago. A caller that is sent to the wrong place is refused there. */
#include "api/owners_api.h"

#include "loop/call.h"

static void put_place(struct text *body, const char *instance, const struct store_address *address)
{
    if (instance != NULL)
        json_member_cstr(body, "owner", instance);
    json_member_cstr(body, "address", address->open);
    json_member_cstr(body, "private_address", address->within);
}

static void put_event(struct text *body, const struct loop_conf *conf,
                      const struct journal_view *view)
{
    const struct event *event = events_nth(conf->events, view->nth);
    struct journal_place place;
    bool here = event != NULL && events_is_open(event);
    json_open(body, '{');
    json_member_cstr(body, "event", view->id);
    json_member_bool(body, "here", here);
    if (here) {
        json_member_u64(body, "epoch", event->epoch);
        put_place(body, journal_name(conf->journal), journal_address(conf->journal));
    } else if (journal_elsewhere(conf->journal, view->nth, &place)) {
        json_member_u64(body, "epoch", place.epoch);
        put_place(body, place.instance, &place.address);
    }
    json_close(body, '}');
}

static void get_owners(struct http_req *req)
{
    static const struct span none = {NULL, 0};
    struct call call = {.req = req, .loop = loop_of(req)};
    const struct loop_conf *conf = &call.loop->conf;
    struct journal_view view;
    struct text body = loop_text(call.loop);
    json_open(&body, '{');
    json_key(&body, "events");
    json_open(&body, '[');
    uint32_t nth = 0;
    while (journal_next(conf->journal, &nth, &view))
        put_event(&body, conf, &view);
    json_close(&body, ']');
    json_close(&body, '}');
    call_reply(&call, 200, &body, none);
}

int owners_api_routes(struct http_router *private_routes, struct err_slot *err)
{
    static const struct http_route routes[] = {
        {HTTP_METHOD_GET, "/internal/owners", get_owners, NULL, 0},
    };
    return http_router_add_all(private_routes, routes, sizeof(routes) / sizeof(routes[0]), err);
}
