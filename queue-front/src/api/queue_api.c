/* queue_api.c: join calls Redis; me, status and stream never do.
 *
 * `me` is the hot path: find the event, check the ticket's MAC, do the arithmetic of place and
 * wait, write the answer. No allocation, no printf, no lock.
 *
 * A join is safe to repeat. With a ticket, the answer is the same ticket. Without one, the visitor
 * is recognised by Idempotency-Key or by the waiting page's cookie; a visitor with neither cannot
 * be recognised, and has not got a number yet. A place that was given up or used, or whose call has
 * expired, does not count: its owner gets a new one at the end, and repeating that is safe too. */
#include "api/queue_api.h"

#include "api/answer.h"
#include "api/api.h"
#include "api/caller.h"
#include "api/member.h"
#include "api/slowed.h"
#include "core/event/event_state.h"
#include "core/join/join.h"
#include "core/line/moves.h"
#include "core/load/shed.h"
#include "core/token/pow.h"
#include "core/token/presale.h"
#include "core/wait/status.h"

#include "base/base64.h"
#include "base/ip.h"
#include "base/json_in.h"
#include "base/rfc3339.h"
#include "page/form.h"
#include "web/visit.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

enum { COOKIES_MAX = 640, VISITOR_COOKIE_S = 30 * 86400, INVITATION_INPUT_MAX = 64 };

/* ---- me ---- */

static void answer_me(struct http_req *req, const struct front_line *event, uint64_t entry,
                      struct place place, struct span ticket, unsigned status,
                      const struct text *headers)
{
    char memory[ME_BYTES_MAX];
    struct text json = text_on(memory, sizeof(memory));
    const struct front *front = front_of(req);
    struct me_ask ask = {
        .view = event->view,
        .doc = &event->doc,
        .shows_token = member_shows_token(req, event),
        .eta = &event->eta,
        .odds = front_odds(event),
        .entry = entry,
        .place = place,
        .load_milli = front->load_milli,
        .random = (uint32_t)rng_u64(front->loop->rng),
        .ticket = ticket,
        .lane = front_lane_id(event),
    };
    status_me_json(&json, &ask);
    answer_json(req, status, &json, headers);
}

static void on_me(struct http_req *req)
{
    struct front *front = front_of(req);
    const struct front_line *event = answer_unless_event(req, front);
    if (event == NULL)
        return;
    struct ticket ticket;
    int rc = caller_ticket(req, front, event, &ticket);
    if (rc < 0) {
        answer_ticket_invalid(req, rc);
        return;
    }
    event = front_line_in(front, event, ticket.lane);
    bool unread;
    struct place place = caller_place(req, front, event, ticket.entry, &unread);
    if (unread) {
        answer_overloaded(req);
        return;
    }
    answer_me(req, event, ticket.entry, place, (struct span){NULL, 0}, 200, NULL);
}

/* ---- status and stream ---- */

static void on_status(struct http_req *req)
{
    struct front *front = front_of(req);
    struct front_line *event = answer_unless_event(req, front);
    if (event == NULL)
        return;
    front_render(front, event);
    bool same = visit_has(req, span_of(event->tag));
    struct http_blob *blob = same ? event->not_modified : event->status;
    if (blob == NULL) { /* out of memory while rendering */
        answer_overloaded(req);
        return;
    }
    http_reply_raw(req, blob, same ? blob->len : event->status_head_len);
}

static void on_stream(struct http_req *req)
{
    struct front *front = front_of(req);
    struct front_line *event = answer_unless_event(req, front);
    if (event == NULL)
        return;
    struct ticket ticket;
    if (caller_ticket(req, front, event, &ticket) == 0)
        caller_place(req, front, front_line_in(front, event, ticket.lane), ticket.entry,
                     NULL); /* the stream stays open */
    front_render(front, event);
    http_reply_stream(req, event->channel, event->frame,
                      SPAN("Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n"));
}

/* ---- join ---- */

/* One request, from its start until it is answered. */
struct joining {
    struct line_join line; /* first: the store returns a pointer to it */
    /* Fields that nearly every answer reads are near its end. */
    struct front *front;
    struct http_req *req;
    char event[LINE_EVENT_ID_MAX + 1];
    bool page; /* a form: answer with a redirect to a page */
    bool member, cookie_is_new;
    uint8_t visitor[LINE_VISITOR_BYTES];
    uint64_t asked_us; /* time of the last Redis call */
    struct join machine;
    struct line_visit visit;
    struct front_wait wait;  /* for the document to check it against */
    uint64_t serial;         /* of the document that it was checked against */
    uint32_t tag;            /* of the event that it was checked for */
    int ticket_rc;           /* result of reading its ticket */
    bool has_work, has_code; /* sent with the join; the place uses one use of each: */
    uint8_t invitation[LINE_IDEM_BYTES], code[LINE_CODE_BYTES];
    struct pow_once work;
    uint8_t site[IP_BYTES];
    char cookie[VISITOR_COOKIE_LEN];
};

static_assert(offsetof(struct joining, visit) <= LINE_NEAR_BYTES, "near when it is answered");

static const struct front_line *event_of(const struct joining *join)
{
    return front_line_find(join->front, span_of(join->event));
}

/* Counts the outcome of the join's presale code. */
static void count_code(const struct joining *join)
{
    if (!join->line.has_code)
        return;
    struct front_stats *stats = &join->front->stats;
    _Atomic uint64_t *const counters[LINE_OUTCOME_COUNT] = {
        [LINE_OK] = &stats->codes_taken,
        [LINE_PRESALE_UNKNOWN] = &stats->codes_unknown,
        [LINE_PRESALE_USED_UP] = &stats->codes_used_up,
        [LINE_PRESALE_GUESSES] = &stats->codes_guesses,
        [LINE_PRESALE_MISSING] = &stats->codes_missing,
    };
    if (counters[join->line.outcome] != NULL)
        front_count(counters[join->line.outcome]);
}

static void refuse_join(struct joining *join, enum line_outcome outcome)
{
    join->line.outcome = outcome;
    struct answer_refusal refusal = {
        .outcome = outcome,
        .state = join->line.state,
        .retry_after_ms = join->line.retry_after_ms,
    };
    if (outcome == LINE_FULL) /* spread the retries */
        refusal.retry_after_ms += rng_u64(join->front->loop->rng) % refusal.retry_after_ms;
    if (outcome == LINE_UNAVAILABLE)
        front_count(&join->front->stats.joins_unavailable);
    else if (outcome == LINE_FULL)
        front_count(&join->front->stats.joins_full);
    else
        front_count(&join->front->stats.joins_refused);
    count_code(join);
    const struct front_line *event = event_of(join);
    const char *notice = refusal_row(answer_refusal_of(&refusal))->notice;
    struct slowed slowed = {.reference = ""};
    if (event != NULL && outcome == LINE_LIMITED)
        slowed = slowed_note(join->front, event, APPEAL_JOINS);
    else if (event != NULL && outcome == LINE_PRESALE_GUESSES)
        slowed = slowed_note(join->front, event, APPEAL_CODES);
    if (join->page && event != NULL) {
        slowed_answer_page(join->req, event, notice, &slowed);
        return;
    }
    char memory[EVENT_APPEALS_JSON_MAX];
    struct text members = text_on(memory, sizeof(memory));
    if (event != NULL)
        slowed_put(&members, event, &slowed);
    assert(!members.overflown);
    refusal.members = text_span(&members);
    if (join->page)
        refusal.page = span_of(join->event);
    answer_refuse(join->req, &refusal);
}

/* The visitor is a stranger from here on, and joining again gives a new place. */
static void refuse_moved(struct joining *join)
{
    char memory[256];
    struct text cookies = text_on(memory, sizeof(memory));
    caller_set_cookie(join->req, &cookies, SPAN(VISITOR_COOKIE), SPAN(""), 0);
    front_count(&join->front->stats.joins_refused);
    if (join->page)
        answer_waiting_page(join->req, span_of(join->event),
                            refusal_row(REFUSAL_TICKET_MOVED)->notice, &cookies);
    else
        refusal_reply_more(join->req, REFUSAL_TICKET_MOVED,
                           &(struct refusal_more){.headers = text_span(&cookies)});
}

void queue_answer_place(struct http_req *req, struct front *front, const struct front_line *event,
                        uint64_t entry, struct span ticket, unsigned status,
                        const struct text *headers)
{
    struct place place = caller_place(req, front, event, entry, NULL); /* it was issued */
    answer_me(req, event, entry, place, ticket, status, headers);
}

/* Sets the ticket's time and the promised wait: none before the draw, when the wait shown is the
 * same for all places, and none while nobody is called. */
static void promise(const struct front *front, const struct front_line *event, struct place place,
                    struct ticket *ticket)
{
    uint64_t wall_ms = clock_wall_us(front->loop->clock) / 1000;
    ticket->issued_s = (uint32_t)(wall_ms / 1000);
    ticket->issued_ms = (uint16_t)(wall_ms % 1000);
    if (event->view->state != LINE_OPEN)
        return;
    struct eta eta = status_eta(&event->eta, place);
    if (place.state != PLACE_WAITING || eta.basis == ETA_UNKNOWN || eta.p50_s < 1)
        return;
    static_assert((int)ETA_MAX_S <= (int)TICKET_WAIT_MAX_S, "any promised wait fits");
    ticket->p50_s = eta.p50_s;
    ticket->p90_s = eta.p90_s;
}

void queue_answer_ticket(struct http_req *req, const struct front_line *event, struct ticket ticket,
                         struct span cookie, unsigned status)
{
    struct front *front = front_of(req);
    assert(ticket.entry > 0);
    struct place place = caller_place(req, front, event, ticket.entry, NULL);
    promise(front, event, place, &ticket);
    char ticket_memory[TICKET_LEN], cookies_memory[COOKIES_MAX];
    struct text text = text_on(ticket_memory, sizeof(ticket_memory));
    struct text cookies = text_on(cookies_memory, sizeof(cookies_memory));
    ticket_put(&text, &front->keys->tickets, front_line_id(event), &ticket);
    caller_set_cookie(req, &cookies, (struct span){event->ticket_cookie, event->ticket_cookie_len},
                      text_span(&text), front->config->ticket_lifetime_ms / 1000);
    if (cookie.len > 0)
        caller_set_cookie(req, &cookies, SPAN(VISITOR_COOKIE), cookie, VISITOR_COOKIE_S);
    assert(!text.overflown);
    if (caller_wants_page(req))
        answer_waiting_page(req, front_line_id(event), NULL, &cookies);
    else
        answer_me(req, event, ticket.entry, place, text_span(&text), status, &cookies);
}

/* ---- proof of work ---- */

/* 428: the challenge, and what was wrong with the last solution, if any. */
static void answer_work(struct http_req *req, struct front *front, const struct front_line *event,
                        const struct pow_bond *bond, const char *reason)
{
    struct slowed slowed = slowed_note(front, event, APPEAL_WORK);
    if (caller_wants_page(req)) { /* without script there is no work: the page says so */
        slowed_answer_page(req, event, refusal_row(REFUSAL_WORK)->notice, &slowed);
        return;
    }
    char memory[512 + EVENT_APPEALS_JSON_MAX], challenge_memory[POW_CHALLENGE_LEN],
        time_memory[RFC3339_LEN];
    struct text members = text_on(memory, sizeof(memory));
    struct text challenge = text_on(challenge_memory, sizeof(challenge_memory));
    struct text time = text_on(time_memory, sizeof(time_memory));
    unsigned floor = (unsigned)event->doc.pow_bits, most = (unsigned)event->doc.pow_bits_max;
    unsigned bits = floor == 0
                        ? 0
                        : pow_bits_for(floor, most > floor ? most : floor,
                                       event->view->joins_milli / 1000, POW_CALM_JOINS_PER_S);
    uint8_t salt[POW_SALT_BYTES];
    rng_fill(rng_system(), salt, sizeof(salt));
    pow_challenge_put(&challenge, &front->keys->tickets, bond, bits, front_work_s(front, event),
                      salt);
    rfc3339_put(&time, (front_wall_s(front) + POW_LIFETIME_S) * 1000);
    json_member_str(&members, "challenge", text_span(&challenge));
    json_member_u64(&members, "bits", bits);
    json_member_cstr(&members, "algorithm", POW_ALGORITHM);
    json_member_str(&members, "expires_at", text_span(&time));
    json_member_cstr(&members, "reason", reason);
    slowed_put(&members, event, &slowed);
    assert(!members.overflown);
    refusal_reply_more(req, REFUSAL_WORK, &(struct refusal_more){.members = text_span(&members)});
}

/* Work is bound to the visitor by the cookie, which survives a change of address. */
static struct pow_bond bond_of(const struct http_req *req, struct span event, uint8_t whose[16])
{
    struct span cookie = http_req_cookie(req, SPAN(VISITOR_COOKIE));
    bool by_cookie = visitor_cookie_ok(cookie) && base64_decode_exact(cookie, whose, 16);
    if (!by_cookie)
        ip_site(http_req_addr(req), whose);
    return (struct pow_bond){.event = event, .whose = whose, .by_cookie = by_cookie};
}

/* A challenge issued to this address before there was a cookie is valid too. */
static int check_work(const struct http_req *req, const struct front *front,
                      const struct front_line *event, const struct pow_bond *bond,
                      struct span solution, struct pow_once *work)
{
    const struct mac_ring *ring = &front->keys->tickets;
    unsigned bits = (unsigned)event->doc.pow_bits;
    uint64_t now_s = front_work_s(front, event);
    int rc = pow_check(ring, bond, solution, bits, now_s, work);
    if (rc != ERR_AUTH || !bond->by_cookie)
        return rc;
    uint8_t site[16];
    ip_site(http_req_addr(req), site);
    const struct pow_bond by_site = {.event = bond->event, .whose = site};
    return pow_check(ring, &by_site, solution, bits, now_s, work);
}

/* True: no work is required, or it was done; then `work` names the challenge. A solution begun at a
 * lower difficulty counts as long as it meets the operator's minimum. */
static bool has_worked(struct joining *join, const struct front_line *event)
{
    struct http_req *req = join->req;
    struct front *front = join->front;
    if (event->doc.pow_bits == 0)
        return true;
    uint8_t whose[16];
    struct pow_bond bond = bond_of(req, front_line_id(event), whose);
    char memory[POW_SOLUTION_MAX];
    struct text field = text_on(memory, sizeof(memory));
    struct span solution = span_trim(http_req_header_named(req, SPAN("X-Proof-Of-Work")));
    if (solution.len == 0)
        solution = form_field(req, SPAN("proof_of_work"), &field);
    if (solution.len == 0) {
        answer_work(req, front, event, &bond, "missing");
        return false;
    }
    int rc = check_work(req, front, event, &bond, solution, &join->work);
    if (rc < 0) {
        front_count(&front->stats.joins_unworked);
        answer_work(req, front, event, &bond, pow_fault_name(rc));
        return false;
    }
    join->has_work = true;
    return true;
}

/* ---- which lane ---- */

/* False: answered. True: `lane` is the lane; with an invitation `given` is the visitor. */
static bool is_invited(struct http_req *req, const struct front *front,
                       const struct front_line *event, unsigned *lane, struct visitor *given)
{
    char memory[INVITATION_INPUT_MAX];
    struct text field = text_on(memory, sizeof(memory));
    struct span code = span_trim(http_req_header_named(req, SPAN("X-Invitation")));
    struct invitation invitation;
    if (code.len == 0)
        code = form_field(req, SPAN("invitation"), &field);
    if (code.len == 0)
        return true;
    struct span id = front_line_id(event);
    int rc = identity_read_code(&front->keys->identities, id, code, &invitation);
    if (rc == 0 && invitation.lane <= event->doc.lanes_len &&
        invitation.number <= event->doc.lane[invitation.lane - 1].invitations) {
        *lane = invitation.lane;
        *given =
            visitor_by_invitation(event->identity->visitors, front_line_scope(event), invitation);
        return true;
    }
    answer_refusal(req, id,
                   rc == ERR_SYNTAX ? REFUSAL_INVITATION_MISTYPED : REFUSAL_INVITATION_FOREIGN);
    return false;
}

/* ---- presale codes ---- */

/* {"code": ".."} or a form field; any other body has no code. Appends it to `memory`; ERR_NOMEM. */
static int read_code(const struct http_req *req, struct text *memory)
{
    char field_memory[PRESALE_INPUT_MAX];
    struct text field = text_on(field_memory, sizeof(field_memory));
    struct span code = form_field(req, SPAN("code"), &field), body = http_req_body(req);
    json_t *json = NULL;
    struct err_slot err;
    if (code.ptr == NULL && span_starts(body, SPAN("{"))) {
        if (json_in_parse(body, &err, &json) == ERR_NOMEM)
            return ERR_NOMEM;
        const json_t *given = json_object_get(json, "code");
        code = (struct span){json_string_value(given), json_string_length(given)};
    }
    text_put(memory, code);
    json_decref(json);
    return 0;
}

/* False: answered. Only Redis knows the valid codes; this checks that a required code was sent, and
 * its format. */
static bool has_shown_code(struct joining *join, const struct front_line *event, unsigned lane)
{
    struct http_req *req = join->req;
    struct front *front = join->front;
    uint8_t sha[PRESALE_SHA_BYTES];
    char memory[FORM_BODY_MAX];
    struct text code = text_on(memory, sizeof(memory));
    if (read_code(req, &code) < 0) {
        answer_overloaded(req);
        return false;
    }
    struct span given = span_trim(text_span(&code));
    if (given.len == 0 && !event_doc_asks_code(&event->doc, lane))
        return true;
    if (given.len == 0) {
        front_count(&front->stats.codes_required);
        answer_refusal(req, front_line_id(event), REFUSAL_CODE_REQUIRED);
        return false;
    }
    if (!presale_digest(given, sha)) {
        front_count(&front->stats.codes_unknown);
        answer_refusal(req, front_line_id(event), REFUSAL_CODE_UNKNOWN);
        return false;
    }
    join->has_code = true;
    presale_sign(&event->identity->codes, front_line_id(event), sha, join->code);
    return true;
}

/* ---- the shell of the machine (core/join/join.h) ---- */

/* Checks work, membership, invitation and code against the current document. The owner of a place
 * has done its work. False: answered. */
static bool read_newcomer(struct joining *join, const struct front_line *event,
                          struct join_newcomer *out)
{
    struct front *front = join->front;
    struct http_req *req = join->req;
    join->has_work = join->has_code = join->member = false;
    if (event->shut != FRONT_OPEN) {
        front_count(&front->stats.joins_refused);
        answer_shut(req, front_line_id(event), event->shut);
        return false;
    }
    uint64_t pending = atomic_load_explicit(&front->stats.pending, memory_order_relaxed);
    /* Under overload new joins are rejected first, before anything expensive is done for them. */
    if (join->machine.judged == 0 && !shed_allows(&front->shed, pending)) {
        front_count(&front->stats.joins_shed);
        answer_shed(req, front_line_id(event),
                    shed_retry_s(&front->shed, (uint32_t)rng_u64(front->loop->rng)));
        return false;
    }
    out->takes_joins = event_state_takes_joins(event->view->state);
    if (out->takes_joins && ((!join->machine.holds && !has_worked(join, event)) ||
                             !member_check(req, front, event, &out->member, &out->lane) ||
                             !is_invited(req, front, event, &out->lane, &out->invited) ||
                             !has_shown_code(join, event, out->lane)))
        return false;
    if (pending >= FRONT_JOINS_PENDING_MAX || front_line_in(front, event, out->lane) == NULL) {
        answer_overloaded(req);
        return false;
    }
    out->idem = http_req_header(req, HTTP_HEADER_IDEMPOTENCY_KEY);
    if (out->idem.ptr != NULL && !visitor_idem_ok(out->idem)) {
        answer_idem_invalid(req);
        return false;
    }
    out->whose = caller_whose(req, join->site);
    out->cookie = http_req_cookie(req, SPAN(VISITOR_COOKIE));
    out->is_new = !visitor_cookie_ok(out->cookie);
    if (out->is_new && out->idem.ptr == NULL) { /* a key needs no cookie */
        struct text text = text_on(join->cookie, sizeof(join->cookie));
        if (join->cookie[0] == '\0') /* otherwise it has made claims by this one */
            visitor_cookie_put(&text, rng_system());
        out->cookie = (struct span){join->cookie, sizeof(join->cookie)};
    }
    if (join->has_work)
        out->work = (struct span){(const char *)join->work.name, sizeof(join->work.name)};
    out->key = event->identity->visitors;
    out->scope = front_line_scope(event);
    join->member = out->member.has_idem;
    memcpy(join->invitation, out->invited.idem, sizeof(join->invitation));
    return true;
}

static void read_request(struct joining *join, const struct front_line *event,
                         struct join_request *out)
{
    struct front *front = join->front;
    struct http_req *req = join->req;
    int rc = join->ticket_rc = caller_ticket(req, front, event, &out->ticket);
    if (rc == ERR_STATE) {
        out->shows = JOIN_TICKET_ELSEWHERE;
        return;
    }
    if (rc < 0) { /* a cookie must not lock anybody out, unless only its lane is unseen as yet */
        bool is_bad = rc == ERR_CLOSED ? event->view->state != LINE_CLOSED
                                       : rc != ERR_NOT_FOUND && caller_ticket_is_bearer(req);
        out->shows = is_bad ? JOIN_TICKET_BAD : JOIN_NO_TICKET;
        return;
    }
    out->shows = JOIN_TICKET;
    out->is_shut = event->shut != FRONT_OPEN;
    if (out->is_shut)
        return;
    unsigned lane = out->ticket.lane;
    struct visitor invited;
    out->is_refused = !is_invited(req, front, event, &lane, &invited);
    out->other_lane = lane != out->ticket.lane;
    if (out->is_refused || out->other_lane)
        return;
    const struct front_line *line = front_line_in(front, event, lane);
    struct place place = caller_place(req, front, line, out->ticket.entry, &out->is_unread);
    out->is_over = place_is_over(place) || event->view->state == LINE_CLOSED;
    bool takes_joins = event_state_takes_joins(line->view->state);
    uint64_t pending = atomic_load_explicit(&front->stats.pending, memory_order_relaxed);
    out->can_look = takes_joins && pending < FRONT_PENDING_MAX;
    /* A called visitor must not lose the call for a place at the end of a lane. */
    if (lane == 0 && takes_joins && place.state == PLACE_WAITING) {
        out->other_lane = member_lane(req, front, event) > 0;
        /* On a sharded line a code is claimed before its lane is known. */
        char memory[FORM_BODY_MAX];
        struct text code = text_on(memory, sizeof(memory));
        out->shows_code = event->doc.lanes_len > 0 && event->view->knobs.shards <= 1 &&
                          http_req_body(req).len > 0 && read_code(req, &code) == 0 &&
                          span_trim(text_span(&code)).len > 0;
    }
}

static void answer_again(struct http_req *req, struct front *front, const struct front_line *event,
                         const struct ticket *ticket)
{
    front_count(&front->stats.joins_again);
    if (caller_wants_page(req)) {
        answer_waiting_page(req, front_line_id(event), NULL, NULL);
        return;
    }
    /* Returned as sent, not signed again: the session's name depends on the signing key. */
    struct span text = caller_ticket_text(req, event);
    char cookies_memory[COOKIES_MAX];
    struct text cookies = text_on(cookies_memory, sizeof(cookies_memory));
    uint64_t age_s = front_wall_s(front) - ticket->issued_s;
    uint64_t lifetime_s = front->config->ticket_lifetime_ms / 1000;
    caller_set_cookie(req, &cookies, (struct span){event->ticket_cookie, event->ticket_cookie_len},
                      text, age_s < lifetime_s ? lifetime_s - age_s : lifetime_s);
    queue_answer_place(req, front, event, ticket->entry, text, 200, &cookies);
}

static void answer_join(struct joining *join, const struct front_line *event,
                        const struct join_effect *effect)
{
    struct front *front = join->front;
    const struct front_line *line =
        event != NULL ? front_line_in(front, event, effect->ticket.lane) : NULL;
    struct span cookie = {join->cookie, join->cookie_is_new ? sizeof(join->cookie) : 0};
    bool is_new = effect->outcome == LINE_OK;
    switch (effect->answer) {
    case JOIN_ANSWERED:
        return;
    case JOIN_PLACE:
        assert(line != NULL);
        count_code(join);
        front_count(is_new ? &front->stats.joins_new : &front->stats.joins_again);
        queue_answer_ticket(join->req, line, effect->ticket, cookie, is_new ? 201 : 200);
        return;
    case JOIN_KEPT:
        assert(line != NULL);
        answer_again(join->req, front, line, &effect->ticket);
        return;
    case JOIN_MOVED:
        refuse_moved(join);
        return;
    case JOIN_BAD_TICKET:
        answer_ticket_invalid(join->req, join->ticket_rc);
        return;
    case JOIN_NO_MEMORY:
        answer_refusal(join->req, span_of(join->event), REFUSAL_OVERLOADED);
        return;
    case JOIN_NO_EVENT:
        answer_event_unknown(join->req, span_of(join->event));
        return;
    case JOIN_REFUSED:
        if (effect->outcome != LINE_WORK_SPENT) {
            refuse_join(join, effect->outcome);
            return;
        }
        assert(event != NULL);
        /* Redis found that this work was done for another place. */
        uint8_t whose[16];
        struct pow_bond bond = bond_of(join->req, front_line_id(event), whose);
        front_count(&join->front->stats.joins_unworked);
        answer_work(join->req, join->front, event, &bond, "used");
    }
}

static void on_joined(struct line_join *line);
static void on_looked(struct line_visit *visit);
static void on_document(struct front_wait *wait, bool seen);

static void set_name(struct joining *join, const struct visitor *name)
{
    join->line.has_idem = name->has_idem;
    memcpy(join->line.idem, name->idem, sizeof(join->line.idem));
    memcpy(join->visitor, name->id, sizeof(join->visitor));
}

static void ask_for_place(struct joining *join, const struct front_line *event,
                          const struct join_effect *effect)
{
    struct line_join *line = &join->line;
    bool is_claimed = join->machine.used > 0 && line->has_claimed; /* by an earlier Redis call */
    *line = (struct line_join){
        .version = event->view->version,
        .era = event->view->era,
        .has_work = join->has_work && !is_claimed,
        .has_claimed = is_claimed,
        .work_minute = join->work.minute,
        .has_invitation = effect->invitation_is_used,
        .has_code = join->has_code,
        .over = effect->over,
        .held = effect->held,
        .on_done = on_joined,
    };
    memcpy(line->event, front_line_in(join->front, event, effect->lane)->id, sizeof(line->event));
    set_name(join, &effect->name);
    memcpy(line->work, join->work.name, sizeof(line->work));
    memcpy(line->invitation, join->invitation, sizeof(line->invitation));
    memcpy(line->code, join->code, sizeof(line->code));
    ip_site(http_req_addr(join->req), line->addr);
    join->cookie_is_new = effect->cookie_is_new;
    join->serial = event->doc_serial;
    join->tag = event->view->tag;
    line_store_join(join->front->store, line);
}

static void look_at(struct joining *join, const struct front_line *line,
                    const struct ticket *ticket)
{
    join->visit = (struct line_visit){
        .call = LINE_LOOK,
        .place = place_position(line->view, ticket->entry),
        .entry = ticket->entry,
        .moves = ticket->moves,
        .on_done = on_looked,
    };
    memcpy(join->visit.event, line->id, sizeof(join->visit.event));
    line_store_visit(join->front->store, &join->visit);
}

static void await_document(struct joining *join)
{
    struct front *front = join->front;
    front_count(&front->stats.joins_judged_again);
    join->wait = (struct front_wait){
        .any_other = true,
        .not_serial = join->serial,
        .not_tag = join->tag,
        .deadline_us = clock_mono_us(front->loop->clock) + JOINS_JUDGED_WAIT_MS * 1000,
        .on_done = on_document,
    };
    static_assert(sizeof(join->wait.event) == sizeof(join->event), "an event's id");
    memcpy(join->wait.event, join->event, sizeof(join->event));
    front_await(front, &join->wait);
}

/* Steps the join to its next effect; its answer frees it. `event`: its current state, or NULL. */
static void join_go_on(struct joining *join, const struct front_line *event,
                       const struct join_event *next)
{
    struct front *front = join->front;
    struct join_effect effect;
    join_step(&join->machine, next, &effect);
    assert(event != NULL || effect.kind == JOIN_ANSWER || effect.kind == JOIN_AWAIT);
    if (effect.kind == JOIN_READ) {
        struct join_event read = {.input = JOIN_NEWCOMER, .newcomer = {.lane = 0}};
        read.newcomer.is_refused = !read_newcomer(join, event, &read.newcomer);
        join_step(&join->machine, &read, &effect);
    }
    if (effect.kind == JOIN_ANSWER) {
        answer_join(join, event, &effect);
        free(join);
        return;
    }
    atomic_fetch_add_explicit(&front->stats.pending, 1, memory_order_relaxed);
    join->asked_us = http_server_now_us(front->loop->server);
    switch (effect.kind) {
    case JOIN_ASK:
        ask_for_place(join, event, &effect);
        break;
    case JOIN_ASK_LANE:
        join->line.over = join->line.held = 0;
        join->line.has_work = join->line.has_work && !join->line.has_claimed; /* used already */
        set_name(join, &effect.name);
        memcpy(join->line.event, front_line_in(front, event, effect.lane)->id,
               sizeof(join->line.event));
        line_store_join(front->store, &join->line);
        break;
    case JOIN_LOOK:
        look_at(join, front_line_in(front, event, effect.ticket.lane), &effect.ticket);
        break;
    case JOIN_AWAIT:
        await_document(join);
        break;
    case JOIN_READ:
    case JOIN_ANSWER:
        assert(false);
    }
}

static void on_joined(struct line_join *answer)
{
    struct joining *join = (struct joining *)answer;
    struct front *front = join->front;
    http_req_prefetch(join->req);
    uint64_t waited_us = http_server_now_us(front->loop->server) - join->asked_us;
    if (answer->outcome != LINE_UNAVAILABLE)
        shed_answered(&front->shed, (uint32_t)(waited_us / 1000));
    atomic_fetch_sub_explicit(&front->stats.pending, 1, memory_order_relaxed);
    const struct front_line *event = event_of(join);
    const struct front_line *line = front_line_named(front, answer->event);
    struct join_event next = {.input = JOIN_REPLY, .reply = {.outcome = answer->outcome}};
    struct join_reply *reply = &next.reply;
    reply->knows_event = line != NULL && event != NULL;
    reply->lane = answer->lane;
    reply->knows_lane = answer->outcome == LINE_PRESALE_LANE && event != NULL &&
                        front_line_in(front, event, answer->lane) != NULL;
    if (reply->knows_event && (answer->outcome == LINE_OK || answer->outcome == LINE_SAME)) {
        reply->ticket = (struct ticket){
            .entry = answer->entry,
            .member = join->member,
            .lane = line->view->lane,
            .tag = line->view->tag,
        };
        memcpy(reply->ticket.visitor, join->visitor, sizeof(reply->ticket.visitor));
        if (answer->outcome == LINE_SAME) {
            reply->ticket.moves = moves_of(line->view->moves, answer->entry);
            reply->can_look = event_state_takes_joins(line->view->state);
        }
    }
    join_go_on(join, event, &next);
}

static void on_looked(struct line_visit *visit)
{
    struct joining *join = (struct joining *)((char *)visit - offsetof(struct joining, visit));
    struct front *front = join->front;
    atomic_fetch_sub_explicit(&front->stats.pending, 1, memory_order_relaxed);
    const struct front_line *event = event_of(join);
    const struct front_line *line = front_line_named(front, visit->event);
    struct join_event next = {.input = JOIN_LOOKED, .looked = {.outcome = visit->outcome}};
    struct join_looked *looked = &next.looked;
    looked->knows_event = line != NULL && event != NULL;
    if (line != NULL) {
        uint64_t entry = visit->entry;
        looked->is_renewed = line->view->tag != join->machine.ticket.tag;
        looked->is_over =
            place_is_over(place_at(line->view, entry, front_line_now_ms(front, line)));
        uint8_t seen = moves_of(line->view->moves, entry);
        looked->moves = seen > visit->moves ? seen : visit->moves;
    }
    join_go_on(join, event, &next);
}

static void on_document(struct front_wait *wait, bool seen)
{
    struct joining *join =
        (struct joining *)(void *)((char *)wait - offsetof(struct joining, wait));
    atomic_fetch_sub_explicit(&join->front->stats.pending, 1, memory_order_relaxed);
    const struct front_line *event = event_of(join);
    struct join_event next = {.input = JOIN_DOCUMENT, .document = {.is_there = false}};
    next.document.is_there = seen && event != NULL;
    if (next.document.is_there) {
        next.document.is_same_event = event->view->tag == join->tag;
        read_request(join, event, &next.document.request);
    }
    join_go_on(join, event, &next);
}

static void on_join(struct http_req *req)
{
    struct front *front = front_of(req);
    const struct front_line *event = answer_unless_ours(req, front);
    if (event == NULL)
        return;
    struct joining *join = calloc(1, sizeof(*join));
    if (join == NULL) {
        answer_overloaded(req);
        return;
    }
    join->front = front;
    join->req = req;
    join->page = caller_wants_page(req);
    bool fits = span_to_cstr(front_line_id(event), join->event, sizeof(join->event));
    assert(fits);
    struct join_event begin = {.input = JOIN_REQUEST, .request = {.is_over = false}};
    read_request(join, event, &begin.request);
    join_go_on(join, event, &begin);
}

const struct http_route queue_api_routes[] = {
    {HTTP_METHOD_POST, "/v1/queue/{event}/join", on_join, NULL, FORM_BODY_MAX},
    {HTTP_METHOD_GET, "/v1/queue/{event}/me", on_me, NULL, 0},
    {HTTP_METHOD_GET, "/v1/queue/{event}/status", on_status, NULL, 0},
    {HTTP_METHOD_GET, "/v1/queue/{event}/stream", on_stream, NULL, 0},
    {.pattern = NULL},
};
