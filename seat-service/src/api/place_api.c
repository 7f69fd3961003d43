/* place_api.c: which process owns an event.
 *
 * GET /internal/owners: every process reports all events that it serves or follows, so any of them
 * can answer. For another process's event the response is from its owner row, which may be a tenth
 * of a second old. A caller sent to the wrong process is refused there.
 *
 * GET /internal/events/{event} says whether the event exists, awake or asleep, without waking it:
 * the waiting room polls it before a sale, and often while a line waits for its hall.
 *
 * POST /admin/events/{event}/place moves an event. Any process accepts it: it writes the wish into
 * the event's owner row, from which all processes read it. The wanted process writes that it has
 * read the journal. The owner then releases the event, and the wanted process takes it. A wish that
 * no process fulfils expires: the caller gets an error, and nothing has to be undone. */
#include "api/place_api.h"

#include "api/operation.h"
#include "api/request.h"
#include "base/json_in.h"

#include <string.h>

/* A move that is not answered yet. */
struct moving {
    struct operation operation;
    char event[EVENT_ID_MAX + 1], owner[JOURNAL_INSTANCE_MAX];
    int rc;
    struct err_slot err;
};

static const struct operation_kind moving_kind = {.size = sizeof(struct moving),
                                                  .most = 1,
                                                  .full = REFUSAL_MOVES,
                                                  .unfinished = REFUSAL_UNFINISHED};

/* Whether the process of that name owns the event, as far as known here. */
static bool is_there(const struct loop_conf *conf, const char *id, const char *owner,
                     struct journal_place *place)
{
    struct journal_view view;
    const struct event *event = events_find(conf->events, span_of(id));
    if (event != NULL && events_is_open(event)) {
        *place = (struct journal_place){.epoch = event->epoch,
                                        .address = *journal_address(conf->journal)};
        span_to_cstr_cut(span_of(journal_name(conf->journal)), place->instance,
                         sizeof(place->instance));
        return strcmp(place->instance, owner) == 0;
    }
    return journal_find(conf->journal, span_of(id), &view) &&
           view.state == JOURNAL_EVENT_FOLLOWING &&
           journal_elsewhere(conf->journal, view.nth, place) && strcmp(place->instance, owner) == 0;
}

static void reply_place(struct call *call, const char *event, const struct journal_place *place)
{
    struct text body = loop_text(call->loop);
    json_open(&body, '{');
    json_member_cstr(&body, "event", event);
    json_member_cstr(&body, "owner", place->instance);
    json_member_u64(&body, "epoch", place->epoch);
    json_member_cstr(&body, "address", place->address.open);
    json_member_cstr(&body, "private_address", place->address.within);
    json_close(&body, '}');
    call_reply(call, 200, &body, (struct span){NULL, 0});
}

static bool look_whether_there(struct operation *operation)
{
    const struct moving *moving = operation_of(operation, &moving_kind);
    struct journal_place place;
    if (!is_there(&operation->call.loop->conf, moving->event, moving->owner, &place))
        return false;
    reply_place(&operation->call, moving->event, &place);
    return true;
}

static void write_wish(struct operation *operation)
{
    struct moving *moving = operation_of(operation, &moving_kind);
    struct pg *pg = NULL;
    moving->rc = operation_connect(operation, "fairgate seat-service place", JOURNAL_ANSWER_MS,
                                   &moving->err, &pg);
    if (moving->rc == 0)
        moving->rc = store_want(pg, span_of(moving->event), span_of(moving->owner), MOVE_WAIT_MS,
                                &moving->err);
    pg_close(pg);
}

static bool on_wish_written(struct operation *operation)
{
    struct moving *moving = operation_of(operation, &moving_kind);
    if (moving->rc < 0) {
        log_failure(operation->call.loop->conf.log, "a move was not written", &moving->err);
        call_refuse(&operation->call,
                    moving->rc == ERR_NOT_FOUND ? REFUSAL_EVENT_UNKNOWN : REFUSAL_MOVE_UNWRITTEN);
        return true;
    }
    operation_watch(operation, look_whether_there, MOVE_WAIT_MS, REFUSAL_NOT_MOVED);
    return false;
}

static bool read_body(struct call *call, char *owner)
{
    struct err_slot err = {0};
    struct json_in in;
    json_t *doc;
    if (!request_body(call, &doc))
        return false;
    json_in_object(&in, doc, &err);
    json_in_copy(&in, "owner", owner, JOURNAL_INSTANCE_MAX);
    bool good = request_end(call, &in, &err);
    json_decref(doc);
    return good;
}

/* Returns true if the event is here, awake and shared; otherwise responds and returns false. */
static bool may_move(struct call *call)
{
    const struct loop_conf *conf = &call->loop->conf;
    struct journal_view view;
    if (!journal_find(conf->journal, http_req_param(call->req, 0), &view))
        call_refuse(call, REFUSAL_EVENT_UNKNOWN);
    else if (!journal_is_shared(conf->journal))
        call_refuse(call, REFUSAL_NOT_SHARED);
    else if (view.state == JOURNAL_EVENT_ASLEEP)
        request_wake(call);
    else
        return true;
    return false;
}

static void post_place(struct http_req *req)
{
    struct call call = {.req = req, .loop = loop_of(req)};
    char event[EVENT_ID_MAX + 1], owner[JOURNAL_INSTANCE_MAX];
    struct journal_place place;
    if (!may_move(&call) || !read_body(&call, owner))
        return;
    span_to_cstr_cut(http_req_param(req, 0), event, sizeof(event));
    if (is_there(&call.loop->conf, event, owner, &place)) {
        reply_place(&call, event, &place);
        return;
    }
    struct moving *moving = operation_begin(loop_of(req)->conf.operations, &moving_kind, &call);
    if (moving == NULL)
        return;
    memcpy(moving->event, event, sizeof(event));
    memcpy(moving->owner, owner, sizeof(owner));
    operation_do(&moving->operation, write_wish, on_wish_written);
}

/* ---- the owners of all events ---- */

static void put_place(struct text *body, const char *instance, const struct store_address *address)
{
    if (instance != NULL)
        json_member_cstr(body, "owner", instance);
    json_member_cstr(body, "address", address->open);
    json_member_cstr(body, "private_address", address->within);
}

static void get_owners(struct http_req *req)
{
    static const struct span none = {NULL, 0};
    struct call call = {.req = req, .loop = loop_of(req)};
    const struct loop_conf *conf = &call.loop->conf;
    struct journal_view view;
    struct text body = loop_text(call.loop);
    json_open(&body, '{');
    json_member_open(&body, "events", '[');
    uint32_t nth = 0;
    while (journal_next(conf->journal, &nth, &view)) {
        const struct event *event = events_nth(conf->events, view.nth);
        struct journal_place place;
        bool here = event != NULL && events_is_open(event);
        json_open(&body, '{');
        json_member_cstr(&body, "event", view.id);
        json_member_bool(&body, "here", here);
        if (here) {
            json_member_u64(&body, "epoch", event->epoch);
            put_place(&body, journal_name(conf->journal), journal_address(conf->journal));
        } else if (journal_elsewhere(conf->journal, view.nth, &place)) {
            json_member_u64(&body, "epoch", place.epoch);
            put_place(&body, place.instance, &place.address);
        }
        json_close(&body, '}');
    }
    json_close(&body, ']');
    json_close(&body, '}');
    call_reply(&call, 200, &body, none);
}

static void get_event(struct http_req *req)
{
    struct call call = {.req = req, .loop = loop_of(req)};
    struct journal *journal = call.loop->conf.journal;
    const enum journal_reason reason = journal_reason(journal);
    struct journal_view view;
    bool known = journal_find(journal, http_req_param(req, 0), &view);
    if (known && view.state == JOURNAL_EVENT_OUT) {
        call_refuse(&call, REFUSAL_EVENT_OUT);
    } else if (known) {
        struct text body = loop_text(call.loop);
        json_open(&body, '{');
        json_member_cstr(&body, "event", view.id);
        json_member_bool(&body, "asleep", view.state == JOURNAL_EVENT_ASLEEP);
        json_close(&body, '}');
        call_reply(&call, 200, &body, (struct span){NULL, 0});
    } else if (reason == JOURNAL_REASON_NONE) {
        call_refuse(&call, REFUSAL_EVENT_UNKNOWN);
    } else {
        request_away(&call, reason); /* the list is unread, or older than another's */
    }
}

const struct http_route place_api_routes[] = {
    {HTTP_METHOD_POST, "/admin/events/{event}/place", post_place, NULL, ADMIN_BODY_MAX},
    {HTTP_METHOD_GET, "/internal/owners", get_owners, NULL, 0},
    {HTTP_METHOD_GET, "/internal/events/{event}", get_event, NULL, 0},
    {.pattern = NULL},
};
