/* pass_api.c: from the call to the end of the visit: the shell of core/visit/visit.h. A request is
 * on the stack until it calls Redis, and most never do: visitors ask for a pass too early, and an
 * edge verifies a pass for each request that it lets through. */
#include "api/api.h"

#include "api/answer.h"
#include "api/caller.h"
#include "api/member.h"
#include "api/queue_api.h"
#include "api/refusal.h"
#include "base/json_in.h"
#include "base/json_time.h"
#include "behind/endings.h"
#include "core/visit/visit.h"
#include "core/wait/status.h"

#include <assert.h>
#include <stdlib.h>

enum {
    COOKIES_MAX = PASS_LEN_MAX + 512,
    ANSWER_MAX = PASS_LEN_MAX + NEXT_URL_BYTES_MAX + SHOW_PICTURE_MAX + 512,
    WAITS_RETRY_MS = 2000, /* long before the call: like the shortest poll */
};
static_assert(TURN_EXTENSIONS_MAX == 10, "as REFUSAL_EXTENDED_ENOUGH says");

/* One request, from its start until it is answered. */
struct visiting {
    struct line_visit line; /* first: the store returns a pointer to it */
    struct front *front;
    struct http_req *req;
    struct visit machine;
    bool page; /* a form: answer with a redirect to a page */
};

static struct visiting begin(struct http_req *req, struct span event, enum visit_wish wish)
{
    struct visiting visit = {
        .front = front_of(req),
        .req = req,
        .page = wish != VISIT_VERIFY && wish != VISIT_END && caller_wants_page(req),
        .line.retry_after_ms = WAITS_RETRY_MS, /* unless Redis returns another */
    };
    bool fits = span_to_cstr(event, visit.line.event, sizeof(visit.line.event));
    assert(fits);
    return visit;
}

static struct span event_id(const struct visiting *visit)
{
    return line_event_of(span_of(visit->line.event));
}

/* The line of the place; NULL: not known to this front, or no longer. */
static const struct front_line *line_of(const struct visiting *visit)
{
    const struct front_line *event = front_line_find(visit->front, event_id(visit));
    unsigned lane = line_lane_of(visit->machine.pass.place);
    return event != NULL ? front_line_in(visit->front, event, lane) : NULL;
}

/* ---- a pass ---- */

/* Writes a pass and its cookie. Logs a failure. */
static int put_pass(const struct visiting *visit, struct text *pass, struct text *cookies)
{
    struct front *front = visit->front;
    const struct pass *said = &visit->machine.pass;
    const struct front_line *line = line_of(visit);
    bool is_called = visit->machine.wish == VISIT_PASS; /* Redis knows which seats its code opens */
    uint64_t own_s = front_wall_s(front), line_s = front_line_now_ms(front, line) / 1000;
    struct pass_grant grant = {
        .event = event_id(visit),
        .session = span_of(said->session),
        .place = said->place,
        .now_s = line_s < own_s ? line_s : own_s, /* other hosts may reject times in their future */
        .expires_s = visit->line.expires_ms / 1000, /* as long as its slot is held */
        .ends_s = (visit->line.ends_ms + 999) / 1000,
        .member = said->member,
        .incarnation = span_of(said->incarnation),
        .channel = span_of(is_called ? visit->line.channel : said->channel),
    };
    memcpy(grant.visitor, said->visitor, LINE_VISITOR_BYTES);
    struct err_slot err;
    int rc = pass_put(pass, front->keys->passes, front->config->pass_issuer, &grant, &err);
    if (rc < 0) {
        log_failure(front->loop->log, "a pass could not be signed", &err);
        return rc;
    }
    assert(!pass->overflown);
    /* The visit may outlive this pass, and then starts the next one. */
    uint64_t left_s = grant.ends_s > grant.now_s ? grant.ends_s - grant.now_s : 1;
    caller_set_cookie(visit->req, cookies, (struct span){line->pass_cookie, line->pass_cookie_len},
                      text_span(pass), left_s + VISITS_HALT_MAX_MS / 1000);
    return 0;
}

static void answer_pass(const struct visiting *visit, unsigned status)
{
    struct span event = event_id(visit);
    char pass_memory[PASS_LEN_MAX], cookie_memory[COOKIES_MAX];
    struct text pass = text_on(pass_memory, sizeof(pass_memory));
    struct text cookies = text_on(cookie_memory, sizeof(cookie_memory));
    if (put_pass(visit, &pass, &cookies) < 0) {
        refusal_reply(visit->req, REFUSAL_PASS_UNSIGNED);
        return;
    }
    char next_memory[NEXT_URL_BYTES_MAX], json_memory[ANSWER_MAX];
    struct text next = text_on(next_memory, sizeof(next_memory));
    front_next_url(visit->front, event, &next);
    if (visit->page) {
        if (visit->machine.wish == VISIT_HEARTBEAT)
            answer_waiting_page(visit->req, event, "extended", &cookies);
        else if (line_of(visit)->view->no_hall)
            answer_waiting_page(visit->req, event, NULL, &cookies);
        else
            answer_see_other(visit->req, text_span(&next), &cookies);
        return;
    }
    struct text json = text_on(json_memory, sizeof(json_memory));
    json_open(&json, '{');
    json_member_str(&json, "pass", text_span(&pass));
    json_member_str(&json, "session", span_of(visit->machine.pass.session));
    json_member_time(&json, "expires_at", visit->line.expires_ms);
    json_member_time(&json, "ends_at", visit->line.ends_ms);
    json_member_str(&json, "next_url", text_span(&next));
    if (visit->machine.wish == VISIT_HEARTBEAT) /* for a page that shows the seats */
        json_member_some(&json, "picture",
                         span_of(front_line_find(visit->front, event)->doc.show.picture));
    json_close(&json, '}');
    answer_json(visit->req, status, &json, &cookies);
}

/* Compares the wait promised in the ticket with the actual one. Done once, by the front that lets
 * the visitor in; a lane counts towards its event. */
static void judge_wait(const struct visiting *visit)
{
    struct front *front = visit->front;
    const struct ticket *ticket = &visit->machine.ticket;
    const struct front_line *line = line_of(visit);
    struct front_line *event = front_line_find(front, event_id(visit));
    if (ticket->p90_s == 0)
        return;
    /* Called since our last picture: use the current time. */
    uint64_t called_ms = place_called_ms(line->view, visit->line.place);
    if (called_ms == 0)
        called_ms = front_line_now_ms(front, line);
    uint64_t shown_ms = (uint64_t)ticket->issued_s * 1000 + ticket->issued_ms;
    uint64_t real_ms = called_ms > shown_ms ? called_ms - shown_ms : 0;
    struct promise_kept met = promise_met(&event->promises, ticket->p50_s, ticket->p90_s, real_ms);
    front_count(&front->stats.waits_judged);
    if (met.kept)
        front_count(&front->stats.waits_kept);
    front_count_by(&front->stats.waits_error_milli, met.error_milli);
}

static void answer_refused(const struct visiting *visit, const struct visit_effect *effect)
{
    char memory[256];
    struct text members = text_on(memory, sizeof(memory));
    struct front_stats *stats = &visit->front->stats;
    const struct front_line *line = line_of(visit);
    bool is_early = effect->outcome == LINE_NOT_YET;
    if (visit->machine.wish == VISIT_PASS)
        front_count(is_early                              ? &stats->passes_not_yet
                    : effect->outcome == LINE_UNAVAILABLE ? &stats->passes_unavailable
                                                          : &stats->passes_expired);
    if (visit->machine.wish == VISIT_PASS && is_early && line != NULL &&
        line->view->state != LINE_PRE_QUEUE) { /* where they stand */
        struct place place = place_at(line->view, visit->machine.ticket.entry,
                                      front_line_now_ms(visit->front, line));
        json_member_u64(&members, "position", place.position);
        json_member_u64(&members, "ahead", place.ahead);
        json_key(&members, "eta");
        eta_json(&members, place.state == PLACE_WAITING ? eta_at(&line->eta, place.ahead)
                                                        : (struct eta){.basis = ETA_MEASURED});
    }
    if (line != NULL && (effect->outcome == LINE_GONE || effect->outcome == LINE_EXPIRED))
        json_member_bool(
            &members, "can_join",
            status_may_join(line->view, &line->doc, member_shows_token(visit->req, line)));
    assert(!members.overflown);
    struct answer_refusal refusal = {
        .outcome = effect->outcome,
        .state = visit->line.state,
        .retry_after_ms = visit->line.retry_after_ms,
        .turn = effect->turn,
        .members = text_span(&members),
        .page = visit->page ? event_id(visit) : (struct span){NULL, 0},
    };
    answer_refuse(visit->req, &refusal);
}

static void answer_left(const struct visiting *visit, uint64_t pass_life_ms)
{
    const struct front_line *line = line_of(visit);
    assert(line != NULL);
    if (pass_life_ms > 0)
        endings_report(visit->front->endings, span_of(visit->machine.pass.session), pass_life_ms);
    char memory[768];
    struct text cookies = text_on(memory, sizeof(memory));
    caller_set_cookie(visit->req, &cookies,
                      (struct span){line->ticket_cookie, line->ticket_cookie_len}, SPAN(""), 0);
    caller_set_cookie(visit->req, &cookies, (struct span){line->pass_cookie, line->pass_cookie_len},
                      SPAN(""), 0);
    /* The visitor cookie is deleted too: with it, the next join would get the same place again. */
    caller_set_cookie(visit->req, &cookies, SPAN(VISITOR_COOKIE), SPAN(""), 0);
    if (visit->page)
        answer_waiting_page(visit->req, event_id(visit), "left", &cookies);
    else
        answer_empty(visit->req, 204, &cookies);
}

static void answer_verified(const struct visiting *visit, bool is_new)
{
    char pass_memory[PASS_LEN_MAX], cookie_memory[COOKIES_MAX];
    char memory[COOKIES_MAX + 512], number[24];
    struct text pass = text_on(pass_memory, sizeof(pass_memory));
    struct text cookie = text_on(cookie_memory, sizeof(cookie_memory));
    struct text headers = text_on(memory, sizeof(memory));
    struct text place = text_on(number, sizeof(number));
    if (is_new)
        (void)put_pass(visit, &pass, &cookie); /* without a new one the old pass is still valid */
    text_u64(&place, visit->machine.pass.place);
    http_header_add(&headers, "X-Fairgate-Event", event_id(visit));
    http_header_add(&headers, "X-Fairgate-Session", span_of(visit->machine.pass.session));
    http_header_add(&headers, "X-Fairgate-Place", text_span(&place));
    text_put(&headers, text_span(&cookie));
    assert(!headers.overflown);
    answer_empty(visit->req, 204, &headers);
}

static void answer(const struct visiting *visit, const struct visit_effect *effect)
{
    struct front_stats *stats = &visit->front->stats;
    struct span event = event_id(visit);
    switch (effect->answer) {
    case VISIT_ANSWERED:
        return;
    case VISIT_ADMITTED:
        if (visit->machine.wish == VISIT_PASS)
            front_count(effect->is_new ? &stats->passes_new : &stats->passes_again);
        if (effect->is_new)
            judge_wait(visit);
        answer_pass(visit, effect->is_new ? 201 : 200);
        return;
    case VISIT_EXTENDED:
        if (visit->page)
            answer_waiting_page(visit->req, event, "extended", NULL);
        else
            queue_answer_place(visit->req, visit->front, line_of(visit),
                               visit->machine.ticket.entry, (struct span){NULL, 0}, 200, NULL);
        return;
    case VISIT_LEFT:
        answer_left(visit, effect->pass_life_ms);
        return;
    case VISIT_VERIFIED:
        answer_verified(visit, effect->is_new);
        return;
    case VISIT_ENDED:
        answer_empty(visit->req, 204, NULL);
        return;
    case VISIT_SHUT:
        front_count(&stats->passes_unavailable);
        answer_shut(visit->req, event, front_line_find(visit->front, event)->shut);
        return;
    case VISIT_OVERLOADED:
        answer_overloaded(visit->req);
        return;
    case VISIT_BAD_TICKET:
        answer_ticket_invalid(visit->req, effect->rc);
        return;
    case VISIT_BAD_PASS:
        if (visit->page && visit->machine.wish == VISIT_HEARTBEAT)
            answer_waiting_page(visit->req, event,
                                effect->rc == ERR_NOMEM    ? "overloaded"
                                : effect->rc == ERR_EXISTS ? "event-renewed"
                                                           : "session-expired",
                                NULL);
        else
            answer_pass_invalid(visit->req, effect->rc);
        return;
    case VISIT_EXTENDED_ENOUGH:
        answer_refusal(visit->req, event, REFUSAL_EXTENDED_ENOUGH);
        return;
    case VISIT_REFUSED:
        answer_refused(visit, effect);
    }
}

/* ---- the shell of the machine ---- */

static void on_visited(struct line_visit *line);

/* False: no memory for the call. */
static bool ask(const struct visiting *from, const struct visit_effect *effect)
{
    struct front *front = from->front;
    const struct visit *machine = &from->machine;
    uint64_t pending = atomic_load_explicit(&front->stats.pending, memory_order_relaxed);
    struct visiting *visit = pending < FRONT_PENDING_MAX ? malloc(sizeof(*visit)) : NULL;
    if (visit == NULL)
        return false;
    *visit = *from;
    visit->line = (struct line_visit){
        .call = effect->call,
        .place = line_place_in_lane(machine->pass.place),
        .entry = machine->ticket.entry,
        .moves = machine->ticket.moves,
        .has_member = machine->is_member,
        .ends_ms = effect->ends_ms,
        .shown_ms = effect->shown_ms,
        .on_done = on_visited,
    };
    line_name(event_id(from), line_lane_of(machine->pass.place), visit->line.event);
    memcpy(visit->line.member, machine->pass.visitor, sizeof(visit->line.member));
    atomic_fetch_add_explicit(&front->stats.pending, 1, memory_order_relaxed);
    line_store_visit(front->store, &visit->line);
    return true;
}

/* Steps the request to its answer, or to its Redis call. */
static void step(struct visiting *visit, struct visit_event *next)
{
    struct visit_effect effect;
    const struct front_line *event = front_line_find(visit->front, event_id(visit));
    next->now_s = front_wall_s(visit->front);
    next->knows_event = line_of(visit) != NULL;
    next->session_ttl_ms = event != NULL ? event->view->knobs.session_ttl_ms : 0;
    visit_step(&visit->machine, next, &effect);
    if (effect.kind == VISIT_CHECK) {
        next->input = VISIT_MEMBER;
        next->holds =
            member_holds(visit->req, visit->front, event, visit->machine.pass.visitor, &next->name);
        visit_step(&visit->machine, next, &effect);
    }
    if (effect.kind == VISIT_ASK && ask(visit, &effect))
        return;
    if (effect.kind == VISIT_ASK)
        visit_step(&visit->machine, &(struct visit_event){.input = VISIT_NO_ROOM}, &effect);
    assert(effect.kind == VISIT_ANSWER);
    answer(visit, &effect);
}

static void on_visited(struct line_visit *line)
{
    struct visiting *visit = (struct visiting *)line;
    struct front *front = visit->front;
    struct visit_event next = {.input = VISIT_REPLY, .outcome = line->outcome, .turn = line->turn};
    step(visit, &next);
    atomic_fetch_sub_explicit(&front->stats.pending, 1, memory_order_relaxed);
    free(visit);
}

/* The session is named before Redis is called: a reload in between may drop the ticket's key. */
static void read_ticket(struct visiting *visit, const struct front_line *event,
                        struct visit_request *out)
{
    struct front *front = visit->front;
    const struct ticket *ticket = &out->ticket;
    out->ticket_rc = caller_ticket(visit->req, front, event, &out->ticket);
    if (out->ticket_rc < 0)
        return;
    const struct front_line *line = front_line_in(front, event, ticket->lane);
    struct place place = place_at(line->view, ticket->entry, front_line_now_ms(front, line));
    out->surely_waits = place_surely_waits(line->view, place);
    visit->line.state = line->view->state;
    struct pass *begun = &out->begun;
    begun->place = line_place_of(ticket->lane, place_position(line->view, ticket->entry));
    memcpy(begun->visitor, ticket->visitor, sizeof(begun->visitor));
    memcpy(begun->incarnation, event->view->incarnation, sizeof(begun->incarnation));
    struct text session = text_on(begun->session, SESSION_LEN_MAX);
    session_put(&session, &front->keys->tickets, front_line_id(event), ticket, begun->place);
    assert(!session.overflown);
}

static void on_visit(struct http_req *req)
{
    struct front *front = front_of(req);
    enum visit_wish wish = *(const enum visit_wish *)http_req_route_ctx(req);
    const struct front_line *event =
        wish == VISIT_VERIFY ? answer_unless_event(req, front) : answer_unless_ours(req, front);
    if (event == NULL)
        return;
    struct visiting visit = begin(req, front_line_id(event), wish);
    struct visit_event first = {.input = VISIT_REQUEST, .request = {.wish = wish}};
    struct visit_request *request = &first.request;
    request->is_shut = event->shut != FRONT_OPEN;
    if (wish == VISIT_PASS || wish == VISIT_EXTEND || wish == VISIT_LEAVE)
        read_ticket(&visit, event, request);
    if (wish == VISIT_LEAVE || wish == VISIT_HEARTBEAT || wish == VISIT_VERIFY)
        request->pass_rc = caller_pass(req, front, event, wish == VISIT_HEARTBEAT, &request->pass);
    step(&visit, &first);
}

/* ---- POST /internal/sessions/{session}/end ---- */

/* {"order": ...}: the visit led to a completed order. False: answered. */
static bool read_end(struct http_req *req, bool *order)
{
    struct span body = http_req_body(req);
    *order = false;
    if (body.len == 0)
        return true;
    json_t *json = NULL;
    struct err_slot err;
    if (json_in_parse(body, &err, &json) == ERR_NOMEM) {
        answer_overloaded(req);
        return false;
    }
    const json_t *member = json_object_get(json, "order");
    bool good = json_is_object(json) && (member == NULL || json_is_string(member));
    *order = good && member != NULL;
    json_decref(json);
    if (!good)
        refusal_reply(req, REFUSAL_ORDER_BODY);
    return good;
}

static void on_end(struct http_req *req)
{
    struct front *front = front_of(req);
    struct session session;
    struct visit_event first = {.input = VISIT_REQUEST, .request = {.wish = VISIT_END}};
    struct visit_request *request = &first.request;
    if (session_parse(&front->keys->tickets, http_req_param(req, 0), &session) < 0) {
        refusal_reply(req, REFUSAL_SESSION_UNKNOWN);
        return;
    }
    if (!read_end(req, &request->has_ordered))
        return;
    const struct front_line *event = front_line_find(front, session.event);
    request->is_renewed = event != NULL && event->view->tag != session.tag;
    request->pass.place = session.place;
    memcpy(request->pass.visitor, session.visitor, sizeof(session.visitor));
    struct visiting visit = begin(req, session.event, VISIT_END);
    step(&visit, &first);
}

/* ---- the rest ---- */

static void on_jwks(struct http_req *req)
{
    struct http_reply reply = {
        .status = 200,
        .type = "application/jwk-set+json",
        .headers = SPAN("Cache-Control: public, max-age=60\r\n"),
        .blob = front_of(req)->keys->jwks_json,
    };
    http_reply(req, &reply);
}

static enum visit_wish pass = VISIT_PASS, extend = VISIT_EXTEND, beat = VISIT_HEARTBEAT,
                       leave = VISIT_LEAVE, verify = VISIT_VERIFY;

const struct http_route pass_api_routes[] = {
    {HTTP_METHOD_POST, "/v1/queue/{event}/pass", on_visit, &pass, FORM_BODY_MAX},
    {HTTP_METHOD_POST, "/v1/queue/{event}/extend", on_visit, &extend, FORM_BODY_MAX},
    {HTTP_METHOD_POST, "/v1/queue/{event}/session", on_visit, &beat, FORM_BODY_MAX},
    {HTTP_METHOD_POST, "/v1/queue/{event}/leave", on_visit, &leave, FORM_BODY_MAX},
    {HTTP_METHOD_GET, "/v1/queue/{event}/verify", on_visit, &verify, 0},
    {HTTP_METHOD_GET, "/.well-known/jwks.json", on_jwks, NULL, 0},
    {.pattern = NULL},
};

const struct http_route pass_api_private_routes[] = {
    {HTTP_METHOD_POST, "/internal/sessions/{session}/end", on_end, NULL, FORM_BODY_MAX},
    {.pattern = NULL},
};
