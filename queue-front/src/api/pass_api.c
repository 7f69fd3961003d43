/* pass_api.c: from the call to the end of the visit.
 *
 * Visitors who are far from their call are answered from memory. Redis is asked only for those who
 * may have been called already, a little before this front knows. Its answer is final: a pass is a
 * slot in `max_active`, and the same place always gets the same session.
 *
 * A heartbeat answers with a new pass, since the old one runs out with the session as it was
 * before. verify judges the signature alone, so that an edge can ask for each request it lets
 * through; for a pass that soon runs out it is a heartbeat. */
#include "api/pass_api.h"

#include "api/answer.h"
#include "api/caller.h"
#include "api/member.h"
#include "api/queue_api.h"
#include "api/refusal.h"
#include "base/json_in.h"
#include "behind/endings.h"
#include "core/json_time.h"
#include "core/line/event_id.h"
#include "core/wait/status.h"

#include <assert.h>
#include <stdlib.h>

enum {
    COOKIES_MAX = PASS_LEN_MAX + 512,
    ANSWER_MAX = PASS_LEN_MAX + NEXT_URL_BYTES_MAX + 512,
};

struct visit {
    struct line_visit line; /* first: the store hands back a pointer to it */
    struct front *front;
    struct http_req *req;
    bool page;
    char session[SESSION_LEN_MAX + 1]; /* LINE_PASS, LINE_HEARTBEAT, LINE_LEAVE */
    uint8_t visitor[LINE_VISITOR_BYTES];
    struct member_name member;
    char incarnation[LINE_INCARNATION_LEN + 1];
    char channel[LINE_CHANNEL_MAX + 1]; /* LINE_HEARTBEAT: as the pass says */
    uint64_t pass_expires_s;            /* LINE_LEAVE: of the pass that was shown; 0: none was */
    uint32_t p50_s, p90_s;              /* LINE_PASS: the ticket's promise, made at */
    uint64_t told_ms;
};

static struct visit *visit_begin(struct http_req *req, struct front *front, const char *line_id,
                                 enum line_visit_call call, uint64_t place)
{
    uint64_t pending = atomic_load_explicit(&front->stats.pending, memory_order_relaxed);
    struct visit *visit = pending < FRONT_PENDING_MAX ? calloc(1, sizeof(*visit)) : NULL;
    if (visit == NULL) {
        answer_overloaded(req);
        return NULL;
    }
    visit->front = front;
    visit->req = req;
    visit->page = caller_wants_page(req);
    visit->line.call = call;
    visit->line.place = place;
    bool fits = span_to_cstr(span_of(line_id), visit->line.event, sizeof(visit->line.event));
    assert(fits);
    return visit;
}

/* By `place`, which names the lane as well: of a pass or a session. */
static struct visit *visit_at(struct http_req *req, struct front *front, struct span event,
                              enum line_visit_call call, uint64_t place)
{
    char name[LINE_ID_MAX + 1];
    line_name(event, line_lane_of(place), name);
    return visit_begin(req, front, name, call, line_place_in_lane(place));
}

/* By the ticket, which also says how the place was moved. */
static struct visit *visit_with(struct http_req *req, struct front *front,
                                const struct front_line *event, enum line_visit_call call,
                                const struct ticket *ticket)
{
    const struct front_line *line = front_line_in(front, event, ticket->lane);
    uint64_t place = place_position(line->view, ticket->entry);
    struct visit *visit = visit_begin(req, front, line->id, call, place);
    if (visit == NULL)
        return NULL;
    visit->line.entry = ticket->entry;
    visit->line.moves = ticket->moves;
    return visit;
}

static void visit_of(struct visit *visit, const uint8_t visitor[LINE_VISITOR_BYTES], bool member)
{
    visit->line.has_member = member;
    memcpy(visit->line.member, visitor, LINE_VISITOR_BYTES);
}

/* Named before Redis is asked: by the time of the answer, a reload may have dropped the ticket's
 * key. */
static void visit_name(struct visit *visit, const struct front_line *event,
                       const struct ticket *ticket)
{
    struct text session = text_on(visit->session, SESSION_LEN_MAX);
    session_put(&session, &visit->front->keys->tickets, front_line_id(event), ticket,
                line_place_of(ticket->lane, visit->line.place));
    assert(!session.overflown);
}

static void visit_ask(struct visit *visit, void (*on_done)(struct line_visit *))
{
    visit->line.on_done = on_done;
    atomic_fetch_add_explicit(&visit->front->stats.pending, 1, memory_order_relaxed);
    line_store_visit(visit->front->store, &visit->line);
}

static void visit_end(struct visit *visit)
{
    atomic_fetch_sub_explicit(&visit->front->stats.pending, 1, memory_order_relaxed);
    free(visit);
}

static void visit_refuse(const struct visit *visit, struct span members)
{
    struct answer_refusal refusal = {
        .outcome = visit->line.outcome,
        .state = visit->line.state,
        .retry_after_ms = visit->line.retry_after_ms,
        .turn = visit->line.turn,
        .members = members,
    };
    if (!visit->page) {
        answer_refuse(visit->req, &refusal);
        return;
    }
    answer_waiting_page(visit->req, line_event_of(span_of(visit->line.event)),
                        refusal_row(answer_refusal_of(&refusal))->notice, NULL);
}

/* ---- a pass, written ---- */

/* Its end is by Redis's clock, and so is its beginning if this front's own clock is ahead: others
 * that look at it may mind what was made in their future. */
static uint64_t made_s(const struct visit *visit)
{
    const struct front_line *line = front_line_named(visit->front, visit->line.event);
    uint64_t own_s = front_wall_s(visit->front);
    uint64_t line_s = line != NULL ? front_line_now_ms(visit->front, line) / 1000 : own_s;
    return line_s < own_s ? line_s : own_s;
}

/* Writes a pass and the cookie that holds it. A failure is logged. */
static int put_pass(const struct visit *visit, struct text *pass, struct text *cookies)
{
    struct front *front = visit->front;
    const struct line_visit *line = &visit->line;
    struct span event = line_event_of(span_of(line->event));
    struct pass_grant grant = {
        .event = event,
        .session = span_of(visit->session),
        .place = line_place_of(line_lane_named(line->event), line->place),
        .now_s = made_s(visit),
        .expires_s = (line->expires_ms + 999) / 1000, /* not called yet */
        .ends_s = (line->ends_ms + 999) / 1000,
    };
    memcpy(grant.visitor, visit->visitor, LINE_VISITOR_BYTES);
    grant.member = visit->member;
    grant.incarnation = span_of(visit->incarnation);
    grant.channel = span_of(line->call == LINE_PASS ? line->channel : visit->channel);
    struct err_slot err;
    int rc = pass_put(pass, front->keys->passes, front->config->pass_issuer, &grant, &err);
    if (rc < 0) {
        log_failure(front->loop->log, "a pass could not be signed", &err);
        return rc;
    }
    assert(!pass->overflown);
    char name_memory[COOKIE_NAME_MAX];
    struct text name = text_on(name_memory, sizeof(name_memory));
    TEXT_LIT(&name, PASS_COOKIE_PREFIX);
    text_put(&name, event);
    /* The visit may outlive this pass, and then begins the next one. */
    uint64_t left_s = grant.ends_s > grant.now_s ? grant.ends_s - grant.now_s : 1;
    caller_set_cookie(visit->req, cookies, text_span(&name), text_span(pass),
                      left_s + VISITS_HALT_MAX_MS / 1000);
    return 0;
}

static void answer_pass(const struct visit *visit, unsigned status)
{
    struct front *front = visit->front;
    const struct line_visit *line = &visit->line;
    struct span event = line_event_of(span_of(line->event));
    char pass_memory[PASS_LEN_MAX], cookie_memory[COOKIES_MAX];
    struct text pass = text_on(pass_memory, sizeof(pass_memory));
    struct text cookies = text_on(cookie_memory, sizeof(cookie_memory));
    if (put_pass(visit, &pass, &cookies) < 0) {
        refusal_reply(visit->req, REFUSAL_PASS_UNSIGNED);
        return;
    }
    char next_memory[NEXT_URL_BYTES_MAX], json_memory[ANSWER_MAX];
    struct text next = text_on(next_memory, sizeof(next_memory));
    front_next_url(front, event, &next);
    if (visit->page && line->call == LINE_HEARTBEAT) {
        answer_waiting_page(visit->req, event, "extended", &cookies);
        return;
    }
    if (visit->page) {
        answer_see_other(visit->req, text_span(&next), &cookies);
        return;
    }
    struct text json = text_on(json_memory, sizeof(json_memory));
    json_open(&json, '{');
    json_member_str(&json, "pass", text_span(&pass));
    json_member_str(&json, "session", span_of(visit->session));
    json_member_time(&json, "expires_at", line->expires_ms);
    json_member_time(&json, "ends_at", line->ends_ms);
    json_member_str(&json, "next_url", text_span(&next));
    json_close(&json, '}');
    answer_json(visit->req, status, &json, &cookies);
}

/* ---- POST pass ---- */

/* Members for a visitor who must go on waiting: where they stand. */
static void put_standing(struct text *members, const struct front *front,
                         const struct front_line *event, uint64_t entry)
{
    struct place place = place_at(event->view, entry, front_line_now_ms(front, event));
    json_member_u64(members, "position", place.position);
    json_member_u64(members, "ahead", place.ahead);
    json_key(members, "eta");
    eta_json(members, place.state == PLACE_WAITING ? eta_at(&event->eta, place.ahead)
                                                   : (struct eta){.basis = ETA_MEASURED});
}

static void refuse_pass(struct visit *visit)
{
    struct front *front = visit->front;
    char memory[256];
    struct text members = text_on(memory, sizeof(memory));
    const struct front_line *event = front_line_named(front, visit->line.event);
    if (visit->line.outcome == LINE_NOT_YET && event != NULL &&
        event->view->state != LINE_PRE_QUEUE) {
        put_standing(&members, front, event, visit->line.entry);
        assert(!members.overflown);
    }
    if (visit->line.outcome == LINE_NOT_YET)
        front_count(&front->stats.passes_not_yet);
    else if (visit->line.outcome == LINE_UNAVAILABLE)
        front_count(&front->stats.passes_unavailable);
    else
        front_count(&front->stats.passes_expired);
    visit_refuse(visit, text_span(&members));
}

/* A visitor who has just entered was promised a wait with the ticket. Was it kept? It is judged
 * once, by the front that lets them in; for lanes in the figures of the event. */
static void judge_wait(const struct visit *visit)
{
    struct front *front = visit->front;
    const struct front_line *line = front_line_named(front, visit->line.event);
    struct front_line *event = front_line_find(front, line_event_of(span_of(visit->line.event)));
    if (visit->p90_s == 0 || line == NULL || event == NULL)
        return;
    /* Called since our last picture: now. */
    uint64_t called_ms = place_called_ms(line->view, visit->line.place);
    if (called_ms == 0)
        called_ms = front_line_now_ms(front, line);
    uint64_t real_ms = called_ms > visit->told_ms ? called_ms - visit->told_ms : 0;
    struct promise_kept met = promise_met(&event->promises, visit->p50_s, visit->p90_s, real_ms);
    front_count(&front->stats.waits_judged);
    if (met.kept)
        front_count(&front->stats.waits_kept);
    front_count_by(&front->stats.waits_error_milli, met.error_milli);
}

static void on_passed(struct line_visit *line)
{
    struct visit *visit = (struct visit *)line;
    struct front *front = visit->front;
    if (line->outcome == LINE_OK || line->outcome == LINE_SAME) {
        bool is_new = line->outcome == LINE_OK;
        front_count(is_new ? &front->stats.passes_new : &front->stats.passes_again);
        if (is_new)
            judge_wait(visit);
        answer_pass(visit, is_new ? 201 : 200);
    } else {
        refuse_pass(visit);
    }
    visit_end(visit);
}

static void on_pass(struct http_req *req)
{
    struct front *front = front_of(req);
    struct front_line *event = answer_unless_ours(req, front);
    if (event == NULL)
        return;
    struct ticket ticket;
    if (!answer_unless_ticket(req, front, event, &ticket))
        return;
    if (event->shut != FRONT_OPEN) {
        front_count(&front->stats.passes_unavailable);
        answer_shut(req, front_line_id(event), event->shut);
        return;
    }
    struct member_name member = {.text = ""};
    if (ticket.member && !member_holds(req, front, event, ticket.visitor, &member))
        return;
    struct visit *visit = visit_with(req, front, event, LINE_PASS, &ticket);
    if (visit == NULL)
        return;
    visit_of(visit, ticket.visitor, ticket.member);
    visit->member = member;
    memcpy(visit->incarnation, event->view->incarnation, sizeof(visit->incarnation));
    visit->p50_s = ticket.p50_s;
    visit->p90_s = ticket.p90_s;
    visit->told_ms = (uint64_t)ticket.issued_s * 1000 + ticket.issued_ms;
    visit_name(visit, event, &ticket);
    memcpy(visit->visitor, ticket.visitor, LINE_VISITOR_BYTES);
    const struct front_line *line = front_line_in(front, event, ticket.lane);
    struct place place = place_at(line->view, ticket.entry, front_line_now_ms(front, line));
    if (!front_surely_waits(line, place)) {
        visit_ask(visit, on_passed);
        return;
    }
    visit->line.outcome = LINE_NOT_YET;
    visit->line.state = line->view->state;
    visit->line.retry_after_ms = 2000;
    refuse_pass(visit);
    free(visit);
}

/* ---- POST extend ---- */

static void on_extended(struct line_visit *line)
{
    struct visit *visit = (struct visit *)line;
    struct front *front = visit->front;
    const struct front_line *event = front_line_named(front, line->event);
    if (event == NULL)
        line->outcome = LINE_UNKNOWN;
    if (line->outcome == LINE_EXHAUSTED && !visit->page)
        refusal_say(visit->req, REFUSAL_EXTENDED_ENOUGH, "A call can be made longer %d times.",
                    TURN_EXTENSIONS_MAX);
    else if (line->outcome == LINE_EXHAUSTED)
        answer_waiting_page(visit->req, front_line_id(event),
                            refusal_row(REFUSAL_EXTENDED_ENOUGH)->notice, NULL);
    else if (line->outcome != LINE_OK)
        visit_refuse(visit, (struct span){NULL, 0});
    else if (visit->page)
        answer_waiting_page(visit->req, front_line_id(event), "extended", NULL);
    else
        queue_answer_place(visit->req, front, event, line->entry, (struct span){NULL, 0}, 200,
                           NULL);
    visit_end(visit);
}

static void on_extend(struct http_req *req)
{
    struct front *front = front_of(req);
    struct front_line *event = answer_unless_ours(req, front);
    if (event == NULL)
        return;
    struct ticket ticket;
    if (!answer_unless_ticket(req, front, event, &ticket))
        return;
    struct visit *visit = visit_with(req, front, event, LINE_EXTEND, &ticket);
    if (visit != NULL)
        visit_ask(visit, on_extended);
}

/* ---- POST session, POST leave ---- */

static void on_heartbeat(struct line_visit *line)
{
    struct visit *visit = (struct visit *)line;
    if (line->outcome == LINE_OK || line->outcome == LINE_SAME) {
        answer_pass(visit, 200);
    } else {
        line->turn = TURN_ENDED; /* there was a visit */
        visit_refuse(visit, (struct span){NULL, 0});
    }
    visit_end(visit);
}

static struct visit *visit_inside(struct http_req *req, struct front *front,
                                  const struct front_line *event, const struct pass *pass)
{
    struct visit *visit = visit_at(req, front, front_line_id(event), LINE_HEARTBEAT, pass->place);
    if (visit == NULL)
        return NULL;
    memcpy(visit->session, pass->session, sizeof(visit->session));
    memcpy(visit->visitor, pass->visitor, LINE_VISITOR_BYTES);
    visit->member = pass->member;
    visit_of(visit, pass->visitor, pass->member.text[0] != '\0');
    memcpy(visit->incarnation, pass->incarnation, sizeof(visit->incarnation));
    memcpy(visit->channel, pass->channel, sizeof(visit->channel));
    /* For a Redis that has forgotten the session and should not restore it from an expired pass. */
    bool ran_out = pass->expires_s <= front_wall_s(front);
    visit->line.ends_ms = (ran_out ? pass->expires_s : pass->ends_s) * 1000;
    visit->line.told_ms = pass->expires_s * 1000;
    return visit;
}

static void on_session(struct http_req *req)
{
    struct front *front = front_of(req);
    struct front_line *event = answer_unless_ours(req, front);
    if (event == NULL)
        return;
    struct pass pass;
    struct err_slot err;
    int rc = caller_visit(req, front, event, &err, &pass);
    if (rc < 0 && caller_wants_page(req)) {
        enum refusal refusal = rc == ERR_NOMEM ? REFUSAL_OVERLOADED : REFUSAL_SESSION_EXPIRED;
        answer_waiting_page(req, front_line_id(event), refusal_row(refusal)->notice, NULL);
        return;
    }
    if (rc < 0) {
        answer_pass_invalid(req, rc);
        return;
    }
    struct visit *visit = visit_inside(req, front, event, &pass);
    if (visit != NULL)
        visit_ask(visit, on_heartbeat);
}

static void put_farewell(const struct http_req *req, struct text *cookies,
                         const struct front_line *event)
{
    const struct span none = {"", 0};
    caller_set_cookie(req, cookies, (struct span){event->ticket_cookie, event->ticket_cookie_len},
                      none, 0);
    caller_set_cookie(req, cookies, (struct span){event->pass_cookie, event->pass_cookie_len}, none,
                      0);
    /* The visitor cookie goes too: with it, the next join would be given the same place again. */
    caller_set_cookie(req, cookies, SPAN(VISITOR_COOKIE), none, 0);
}

/* A visitor who was inside, or whose session Redis has lost, leaves with a valid pass. */
static void tell_left(const struct visit *visit, const struct front_line *event)
{
    bool by_pass = visit->line.outcome == LINE_OK && visit->pass_expires_s > 0;
    if (visit->line.turn == TURN_NONE && !by_pass)
        return;
    uint64_t now_s = front_wall_s(visit->front), life_ms = event->view->knobs.session_ttl_ms;
    /* The knob may have been longer when the pass was made. */
    if (visit->pass_expires_s > now_s && (visit->pass_expires_s - now_s) * 1000 > life_ms)
        life_ms = (visit->pass_expires_s - now_s) * 1000;
    endings_tell(visit->front->endings, span_of(visit->session), life_ms);
}

static void on_left(struct line_visit *line)
{
    struct visit *visit = (struct visit *)line;
    const struct front_line *event = front_line_named(visit->front, line->event);
    bool left = line->outcome == LINE_OK || line->outcome == LINE_SAME ||
                line->outcome == LINE_GONE || line->outcome == LINE_EXPIRED;
    if (left && event != NULL) {
        tell_left(visit, event);
        char memory[768];
        struct text cookies = text_on(memory, sizeof(memory));
        put_farewell(visit->req, &cookies, event);
        if (visit->page)
            answer_waiting_page(visit->req, front_line_id(event), "left", &cookies);
        else
            answer_empty(visit->req, 204, &cookies);
    } else {
        visit_refuse(visit, (struct span){NULL, 0});
    }
    visit_end(visit);
}

/* By ticket or by pass: either is enough to give the place up. A pass next to the ticket tells that
 * there was a visit, where Redis has lost that. */
static void on_leave(struct http_req *req)
{
    struct front *front = front_of(req);
    struct front_line *event = answer_unless_ours(req, front);
    if (event == NULL)
        return;
    struct pass pass;
    struct ticket ticket;
    struct err_slot err;
    int rc = caller_ticket(req, front, event, &ticket), rc_pass = ERR_NOT_FOUND;
    if (rc == 0 || rc == ERR_NOT_FOUND)
        rc_pass = caller_pass(req, front, event, &err, &pass);
    if (rc != 0 && (rc_pass == ERR_FULL || rc_pass == ERR_NOMEM)) {
        answer_pass_invalid(req, rc_pass);
        return;
    }
    if (rc != 0 && rc_pass != 0) {
        answer_ticket_invalid(req, rc_pass == ERR_EXISTS ? rc_pass : rc);
        return;
    }
    struct visit *visit = rc == 0
                              ? visit_with(req, front, event, LINE_LEAVE, &ticket)
                              : visit_at(req, front, front_line_id(event), LINE_LEAVE, pass.place);
    if (visit == NULL)
        return;
    if (rc == 0) {
        visit_of(visit, ticket.visitor, ticket.member);
        visit_name(visit, event, &ticket);
        if (rc_pass == 0 && pass.place == line_place_of(ticket.lane, visit->line.place))
            visit->pass_expires_s = pass.expires_s;
    } else {
        visit_of(visit, pass.visitor, pass.member.text[0] != '\0');
        memcpy(visit->session, pass.session, sizeof(visit->session));
        visit->pass_expires_s = pass.expires_s;
    }
    visit_ask(visit, on_left);
}

/* ---- GET verify, GET jwks ---- */

static void answer_verified(struct http_req *req, struct span event, struct span session,
                            uint64_t place, struct span cookie)
{
    char memory[COOKIES_MAX + 512], number[24];
    struct text headers = text_on(memory, sizeof(memory));
    struct text place_text = text_on(number, sizeof(number));
    text_u64(&place_text, place);
    http_header_add(&headers, "X-Fairgate-Event", event);
    http_header_add(&headers, "X-Fairgate-Session", session);
    http_header_add(&headers, "X-Fairgate-Place", text_span(&place_text));
    text_put(&headers, cookie);
    assert(!headers.overflown);
    answer_empty(req, 204, &headers);
}

static void on_verified(struct line_visit *line)
{
    struct visit *visit = (struct visit *)line;
    bool is_renewed = line->outcome == LINE_RENEWED; /* since this front's last picture */
    if (is_renewed || line->outcome == LINE_EXPIRED || line->outcome == LINE_GONE) {
        answer_pass_invalid(visit->req, is_renewed ? ERR_EXISTS : ERR_TIMEOUT);
        visit_end(visit);
        return;
    }
    char pass_memory[PASS_LEN_MAX], cookie_memory[COOKIES_MAX];
    struct text pass = text_on(pass_memory, sizeof(pass_memory));
    struct text cookie = text_on(cookie_memory, sizeof(cookie_memory));
    if (line->outcome == LINE_OK || line->outcome == LINE_SAME)
        (void)put_pass(visit, &pass, &cookie); /* without a new one the old pass is still good */
    uint64_t place = line_place_of(line_lane_named(line->event), line->place);
    answer_verified(visit->req, line_event_of(span_of(line->event)), span_of(visit->session), place,
                    text_span(&cookie));
    visit_end(visit);
}

/* Visitors on somebody else's pages send no heartbeat: what they look at keeps them inside. */
static void on_verify(struct http_req *req)
{
    struct front *front = front_of(req);
    struct front_line *event = answer_unless_event(req, front);
    if (event == NULL)
        return;
    struct pass pass;
    struct err_slot err;
    int rc = caller_pass(req, front, event, &err, &pass);
    if (rc < 0) {
        answer_pass_invalid(req, rc);
        return;
    }
    uint64_t half_s = event->view->knobs.session_ttl_ms / 2000;
    bool is_busy =
        atomic_load_explicit(&front->stats.pending, memory_order_relaxed) >= FRONT_PENDING_MAX;
    if (is_busy || pass.expires_s > front_wall_s(front) + half_s || pass.expires_s >= pass.ends_s) {
        answer_verified(req, front_line_id(event), span_of(pass.session), pass.place,
                        (struct span){"", 0});
        return;
    }
    struct visit *visit = visit_inside(req, front, event, &pass);
    if (visit == NULL)
        return;
    visit->page = false;
    visit_ask(visit, on_verified);
}

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

/* ---- POST /internal/sessions/{session}/end ---- */

static void on_ended(struct line_visit *line)
{
    struct visit *visit = (struct visit *)line;
    switch (line->outcome) {
    case LINE_OK:
    case LINE_SAME:
    case LINE_RENEWED: /* its event is no more */
    case LINE_EXPIRED: /* the slot is free already: what was asked for is so */
    case LINE_GONE:
        answer_empty(visit->req, 204, NULL);
        break;
    default:
        visit->page = false;
        visit_refuse(visit, (struct span){NULL, 0});
    }
    visit_end(visit);
}

/* {"order": ...}: the visit led to one, and it is through. False: answered. */
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
    bool order;
    struct front *front = front_of(req);
    struct session session;
    if (session_parse(&front->keys->tickets, http_req_param(req, 0), &session) < 0) {
        refusal_reply(req, REFUSAL_SESSION_UNKNOWN);
        return;
    }
    if (!read_end(req, &order))
        return;
    const struct front_line *event = front_line_find(front, session.event);
    if (event != NULL && event->view->tag != session.tag) {
        answer_empty(req, 204, NULL); /* of an earlier event of this id: over with it */
        return;
    }
    struct visit *visit =
        visit_at(req, front, session.event, order ? LINE_DONE : LINE_END, session.place);
    if (visit == NULL)
        return;
    visit_of(visit, session.visitor, true); /* the name does not say; nobody else is called so */
    visit_ask(visit, on_ended);
}

int pass_api_routes(struct http_router *routes, struct http_router *private_routes,
                    struct err_slot *err)
{
    static const struct http_route all[] = {
        {HTTP_METHOD_POST, "/v1/queue/{event}/pass", on_pass, NULL, FORM_BODY_MAX},
        {HTTP_METHOD_POST, "/v1/queue/{event}/extend", on_extend, NULL, FORM_BODY_MAX},
        {HTTP_METHOD_POST, "/v1/queue/{event}/session", on_session, NULL, FORM_BODY_MAX},
        {HTTP_METHOD_POST, "/v1/queue/{event}/leave", on_leave, NULL, FORM_BODY_MAX},
        {HTTP_METHOD_GET, "/v1/queue/{event}/verify", on_verify, NULL, 0},
        {HTTP_METHOD_GET, "/.well-known/jwks.json", on_jwks, NULL, 0},
    };
    static const struct http_route internal = {HTTP_METHOD_POST, "/internal/sessions/{session}/end",
                                               on_end, NULL, FORM_BODY_MAX};
    int rc = http_router_add_all(routes, all, sizeof(all) / sizeof(all[0]), err);
    return rc < 0 ? rc : http_router_add(private_routes, &internal, err);
}
