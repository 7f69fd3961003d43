/* queue_api.c: join asks Redis; me, status and stream never do.
 *
 * `me` is the hot path: find the event, check the ticket's MAC, do the arithmetic of place and
 * wait, write the answer. No allocation, no printf, no lock.
 *
 * A join is safe to repeat. With a ticket, the answer is the same ticket. Without, the visitor is
 * recognised by Idempotency-Key or by the cookie that the waiting page has set; a visitor with
 * neither cannot be recognised, and has not been given a number yet. A ticket whose call has run
 * out is no longer a place: its owner gets a new one, at the end, and repeating that is safe too.
 */
#include "api/queue_api.h"

#include "api/answer.h"
#include "api/caller.h"
#include "api/member.h"
#include "api/slowed.h"
#include "api/standing.h"
#include "core/event/event_state.h"
#include "core/line/moves.h"
#include "core/load/shed.h"
#include "core/token/pow.h"
#include "core/token/presale.h"
#include "core/wait/status.h"

#include "base/base64.h"
#include "base/ip.h"
#include "base/json_in.h"
#include "base/rfc3339.h"
#include "web/visit.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

enum { COOKIES_MAX = 640, VISITOR_COOKIE_S = 30 * 86400, INVITATION_INPUT_MAX = 64 };

/* ---- me ---- */

static void write_me(struct text *out, const struct front *front, const struct front_line *event,
                     uint64_t entry, struct place place, struct span ticket)
{
    struct me_ask ask = {
        .view = event->view,
        .eta = &event->eta,
        .odds = front_odds(event),
        .entry = entry,
        .place = place,
        .load_milli = front->load_milli,
        .random = (uint32_t)rng_u64(front->loop->rng),
        .ticket = ticket,
        .lane = front_lane_id(event),
    };
    status_me_json(out, &ask);
}

static void on_me(struct http_req *req)
{
    struct front *front = front_of(req);
    const struct front_line *event = answer_unless_event(req, front);
    if (event == NULL)
        return;
    struct ticket ticket;
    if (!answer_unless_ticket(req, front, event, &ticket))
        return;
    event = front_line_in(front, event, ticket.lane);
    char memory[ME_BYTES_MAX];
    struct text json = text_on(memory, sizeof(memory));
    bool unread;
    struct place place = standing_of(req, front, event, ticket.entry, &unread);
    if (unread) {
        answer_overloaded(req);
        return;
    }
    write_me(&json, front, event, ticket.entry, place, (struct span){NULL, 0});
    answer_json(req, 200, &json, NULL);
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
    if (blob == NULL) { /* the allocator said no while rendering */
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
        standing_of(req, front, front_line_in(front, event, ticket.lane), ticket.entry,
                    NULL); /* it lives */
    front_render(front, event);
    http_reply_stream(req, event->channel, event->frame,
                      SPAN("Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n"));
}

/* ---- join ---- */

struct join {
    struct line_join line; /* first: the store hands back a pointer to it */
    struct front *front;
    struct http_req *req;
    struct front_wait wait; /* for the document to judge it by */
    struct ticket run_out;  /* used > 0: the last of those */
    unsigned judged;        /* so often it was judged by a document that was over */
    uint64_t serial;        /* of the document that it was judged by */
    uint32_t tag;           /* of the event that it was judged for */
    bool page;              /* a form: answer by a page to go on to */
    bool new_cookie;
    bool member;
    unsigned used; /* places of this visitor that were found used up on the way to this one */
    char cookie[VISITOR_COOKIE_LEN];
    uint8_t visitor[LINE_VISITOR_BYTES];
};

/* The outcome of the presale code that it shows. */
static void count_code(const struct join *join)
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

static void refuse_join(struct join *join)
{
    struct answer_refusal refusal = {
        .outcome = join->line.outcome,
        .state = join->line.state,
        .retry_after_ms = join->line.retry_after_ms,
    };
    if (join->line.outcome == LINE_FULL) /* not all of them at the same moment */
        refusal.retry_after_ms += rng_u64(join->front->loop->rng) % refusal.retry_after_ms;
    if (join->line.outcome == LINE_UNAVAILABLE)
        front_count(&join->front->stats.joins_unavailable);
    else if (join->line.outcome == LINE_FULL)
        front_count(&join->front->stats.joins_full);
    else
        front_count(&join->front->stats.joins_refused);
    count_code(join);
    struct span id = line_event_of(span_of(join->line.event));
    const struct front_line *event = front_line_find(join->front, id);
    const char *notice = refusal_row(answer_refusal_of(&refusal))->notice;
    struct slowed slowed = {.reference = ""};
    if (event != NULL && join->line.outcome == LINE_LIMITED)
        slowed = slowed_note(join->front, event, APPEAL_JOINS);
    else if (event != NULL && join->line.outcome == LINE_PRESALE_GUESSES)
        slowed = slowed_note(join->front, event, APPEAL_CODES);
    if (join->page && event != NULL) {
        slowed_answer_page(join->req, event, notice, &slowed);
    } else if (join->page) {
        answer_waiting_page(join->req, id, notice, NULL);
    } else {
        char memory[EVENT_APPEALS_JSON_MAX];
        struct text members = text_on(memory, sizeof(memory));
        if (event != NULL)
            slowed_put(&members, event, &slowed);
        assert(!members.overflown);
        refusal.members = text_span(&members);
        answer_refuse(join->req, &refusal);
    }
}

/* A stranger from here on: to join once more is to join again. */
static void refuse_moved(struct join *join, const struct front_line *event)
{
    char memory[256];
    struct text cookies = text_on(memory, sizeof(memory));
    caller_set_cookie(join->req, &cookies, SPAN(VISITOR_COOKIE), SPAN(""), 0);
    front_count(&join->front->stats.joins_refused);
    if (join->page)
        answer_waiting_page(join->req, front_line_id(event),
                            refusal_row(REFUSAL_TICKET_MOVED)->notice, &cookies);
    else
        answer_ticket_moved(join->req, &cookies);
}

static struct span write_ticket(const struct front *front, const struct front_line *event,
                                const struct ticket *ticket, char memory[TICKET_LEN])
{
    struct text text = text_on(memory, TICKET_LEN);
    ticket_put(&text, &front->keys->tickets, front_line_id(event), ticket);
    assert(!text.overflown);
    return text_span(&text);
}

void queue_answer_place(struct http_req *req, struct front *front, const struct front_line *event,
                        uint64_t entry, struct span ticket, unsigned status,
                        const struct text *headers)
{
    char memory[ME_BYTES_MAX];
    struct text json = text_on(memory, sizeof(memory));
    struct place place = standing_of(req, front, event, entry, NULL); /* it has been given */
    write_me(&json, front, event, entry, place, ticket);
    answer_json(req, status, &json, headers);
}

/* Not before the draw, when the wait told is that of any place, and not while nobody is called. */
void queue_promise(const struct front *front, const struct front_line *event, struct ticket *ticket)
{
    uint64_t wall_ms = clock_wall_us(front->loop->clock) / 1000;
    ticket->issued_s = (uint32_t)(wall_ms / 1000);
    ticket->issued_ms = (uint16_t)(wall_ms % 1000);
    if (event->view->state != LINE_OPEN)
        return;
    struct place place = place_at(event->view, ticket->entry, front_line_now_ms(front, event));
    struct eta eta = status_eta(&event->eta, place);
    if (place.state != PLACE_WAITING || eta.basis == ETA_UNKNOWN || eta.p50_s < 1)
        return;
    static_assert((int)ETA_MAX_S <= (int)TICKET_WAIT_MAX_S, "any promised wait fits");
    ticket->p50_s = eta.p50_s;
    ticket->p90_s = eta.p90_s;
}

static struct ticket ticket_of(const struct join *join, const struct front_line *event)
{
    struct ticket ticket = {
        .entry = join->line.entry,
        .member = join->member,
        .lane = event->view->lane,
        .tag = event->view->tag,
    };
    memcpy(ticket.visitor, join->visitor, sizeof(ticket.visitor));
    return ticket;
}

static void accept_join(struct join *join, const struct front_line *event)
{
    struct front *front = join->front;
    assert(join->line.entry > 0);
    if (join->line.outcome == LINE_SAME && moves_of(event->view->moves, join->line.entry) > 0) {
        refuse_moved(join, event); /* the one who joined before has it on another device now */
        return;
    }
    struct ticket ticket = ticket_of(join, event);
    queue_promise(front, event, &ticket);
    char ticket_memory[TICKET_LEN], cookies_memory[COOKIES_MAX];
    struct span text = write_ticket(front, event, &ticket, ticket_memory);
    struct text cookies = text_on(cookies_memory, sizeof(cookies_memory));
    caller_set_cookie(join->req, &cookies,
                      (struct span){event->ticket_cookie, event->ticket_cookie_len}, text,
                      front->config->ticket_lifetime_ms / 1000);
    if (join->new_cookie)
        caller_set_cookie(join->req, &cookies, SPAN(VISITOR_COOKIE),
                          (struct span){join->cookie, sizeof(join->cookie)}, VISITOR_COOKIE_S);
    bool is_new = join->line.outcome == LINE_OK;
    front_count(is_new ? &front->stats.joins_new : &front->stats.joins_again);
    count_code(join);
    if (join->page) {
        answer_waiting_page(join->req, front_line_id(event), NULL, &cookies);
        return;
    }
    queue_answer_place(join->req, front, event, ticket.entry, text, is_new ? 201 : 200, &cookies);
}

static bool look_at_place(struct join *join, const struct front_line *event);
static void refuse_work(struct join *join, const struct front_line *line);
static bool judge_again(struct join *join);
static bool ask_in_lane(struct join *join);
static void join_with(struct http_req *req, struct front *front, const struct front_line *event,
                      unsigned judged);

static void on_joined(struct line_join *line)
{
    struct join *join = (struct join *)line;
    if (line->outcome != LINE_UNAVAILABLE)
        shed_answered(&join->front->shed);
    bool changed = line->outcome == LINE_CONFLICT || line->outcome == LINE_RENEWED;
    if (changed && judge_again(join))
        return;
    if (changed)
        line->outcome = LINE_UNAVAILABLE;
    if (line->outcome == LINE_PRESALE_LANE && ask_in_lane(join))
        return;
    atomic_fetch_sub_explicit(&join->front->stats.pending, 1, memory_order_relaxed);
    const struct front_line *event = front_line_named(join->front, line->event);
    if (event == NULL) /* taken away while we asked */
        line->outcome = LINE_UNKNOWN;
    if (line->outcome == LINE_SAME && look_at_place(join, event))
        return;
    if (line->outcome == LINE_OK || line->outcome == LINE_SAME)
        accept_join(join, event);
    else if (line->outcome == LINE_WORK_SPENT)
        refuse_work(join, event);
    else
        refuse_join(join);
    free(join);
}

struct entrant {
    struct visitor given; /* by membership or invitation; else not there */
    bool has_work;
    struct pow_once work;
    bool has_invitation; /* next to a membership, which is the key then */
    uint8_t invitation[LINE_IDEM_BYTES];
    bool has_code; /* of a presale */
    uint8_t code[LINE_CODE_BYTES];
    unsigned lane;
    bool member;
};

/* ---- proof of work ---- */

static unsigned work_asked(const struct front_line *event)
{
    unsigned floor = (unsigned)event->doc.pow_bits;
    unsigned ceiling = (unsigned)event->doc.pow_bits_max;
    if (floor == 0)
        return 0;
    return pow_bits_for(floor, ceiling > floor ? ceiling : floor, event->view->joins_milli / 1000,
                        POW_CALM_JOINS_PER_S);
}

/* 428: what to solve, and what was wrong with the last solution, if there was one. */
static void answer_work(struct http_req *req, struct front *front, const struct front_line *event,
                        const struct pow_bond *bond, const char *reason)
{
    struct slowed slowed = slowed_note(front, event, APPEAL_WORK);
    if (caller_wants_page(req)) { /* no script, no work: the page says so */
        slowed_answer_page(req, event, refusal_row(REFUSAL_WORK)->notice, &slowed);
        return;
    }
    char memory[512 + EVENT_APPEALS_JSON_MAX], challenge_memory[POW_CHALLENGE_LEN],
        time_memory[RFC3339_LEN];
    struct text members = text_on(memory, sizeof(memory));
    struct text challenge = text_on(challenge_memory, sizeof(challenge_memory));
    struct text time = text_on(time_memory, sizeof(time_memory));
    unsigned bits = work_asked(event);
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

/* Work is bound to the visitor: by the cookie, which stays what it is when the address changes. */
static struct pow_bond bond_of(const struct http_req *req, struct span event, uint8_t whose[16])
{
    struct span cookie = http_req_cookie(req, SPAN(VISITOR_COOKIE));
    bool by_cookie = visitor_cookie_ok(cookie) && base64_decode_exact(cookie, whose, 16);
    if (!by_cookie)
        ip_site(http_req_addr(req), whose);
    return (struct pow_bond){.event = event, .whose = whose, .by_cookie = by_cookie};
}

/* A challenge that was given to this address before there was a cookie is as good. */
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

/* True: no work is asked for, or it was done; then `work` names the challenge. A solution that was
 * begun while less was asked for is honoured as long as it meets the operator's own floor. */
static bool has_worked(struct http_req *req, struct front *front, const struct front_line *event,
                       struct entrant *entrant)
{
    if (event->doc.pow_bits == 0)
        return true;
    uint8_t whose[16];
    struct pow_bond bond = bond_of(req, front_line_id(event), whose);
    char memory[POW_SOLUTION_MAX];
    struct text field = text_on(memory, sizeof(memory));
    struct span solution = span_trim(http_req_header_named(req, SPAN("X-Proof-Of-Work")));
    if (solution.len == 0)
        solution = caller_form_field(req, SPAN("proof_of_work"), &field);
    if (solution.len == 0) {
        answer_work(req, front, event, &bond, "missing");
        return false;
    }
    int rc = check_work(req, front, event, &bond, solution, &entrant->work);
    if (rc < 0) {
        front_count(&front->stats.joins_unworked);
        answer_work(req, front, event, &bond, pow_fault_name(rc));
        return false;
    }
    entrant->has_work = true;
    return true;
}

/* Redis has found that it was done for another place. */
static void refuse_work(struct join *join, const struct front_line *line)
{
    struct front *front = join->front;
    const struct front_line *event = front_line_find(front, front_line_id(line));
    uint8_t whose[16];
    struct pow_bond bond = bond_of(join->req, front_line_id(line), whose);
    front_count(&front->stats.joins_unworked);
    answer_work(join->req, front, event != NULL ? event : line, &bond, "used");
}

/* ---- who joins ---- */

/* The visitor, by the best evidence in the request. False: its Idempotency-Key is malformed. */
static bool recognise(struct join *join, const struct front_line *event,
                      const struct ticket *run_out, const struct entrant *entrant)
{
    const struct visitor *given = &entrant->given;
    struct span id = front_line_scope(event);
    const uint8_t *key = event->identity->visitors;
    struct span idem = http_req_header(join->req, HTTP_HEADER_IDEMPOTENCY_KEY);
    struct span cookie = http_req_cookie(join->req, SPAN(VISITOR_COOKIE));
    struct visitor visitor;
    uint8_t site[16];
    if (idem.ptr != NULL && !visitor_idem_ok(idem))
        return false;
    if (join->used > 0) { /* whatever named the used-up place would find it once more */
        visitor = visitor_again(key, id, run_out);
        if (given->has_idem)
            memcpy(visitor.id, given->id, sizeof(visitor.id));
    } else if (given->has_idem) { /* one place for one member or invitation, on any device */
        visitor = *given;
    } else if (idem.ptr != NULL) {
        visitor = visitor_by_key(key, id, caller_whose(join->req, site), idem);
    } else if (run_out != NULL) {
        visitor = visitor_again(key, id, run_out);
    } else if (visitor_cookie_ok(cookie)) {
        visitor = visitor_by_cookie(key, id, cookie);
    } else {
        struct text text = text_on(join->cookie, sizeof(join->cookie));
        visitor_cookie_put(&text, rng_system());
        visitor = visitor_by_cookie(key, id, text_span(&text));
        if (entrant->has_work) /* the same work again is the same place, and the same visit */
            visitor = visitor_by_key(
                key, id, SPAN("work"),
                (struct span){(const char *)entrant->work.name, sizeof(entrant->work.name)});
        visitor.has_idem = false;
        join->new_cookie = true;
    }
    join->line.has_idem = visitor.has_idem;
    memcpy(join->line.idem, visitor.idem, LINE_IDEM_BYTES);
    memcpy(join->visitor, visitor.id, LINE_VISITOR_BYTES);
    return true;
}

/* Under overload new joins are refused first, before anything expensive is done for them.
 * */
static bool is_shed(struct http_req *req, struct front *front, const struct front_line *event)
{
    uint64_t pending = atomic_load_explicit(&front->stats.pending, memory_order_relaxed);
    if (shed_allows(&front->shed, pending))
        return false;
    front_count(&front->stats.joins_shed);
    answer_shed(req, front_line_id(event),
                shed_retry_s(&front->shed, (uint32_t)rng_u64(front->loop->rng)));
    return true;
}

/* ---- which lane ---- */

static struct span invitation_of(const struct http_req *req, struct text *memory)
{
    struct span code = span_trim(http_req_header_named(req, SPAN("X-Invitation")));
    return code.len > 0 ? code : caller_form_field(req, SPAN("invitation"), memory);
}

/* False: answered. True: `lane` is the lane, and with an invitation `given` is the visitor. */
static bool is_invited(struct http_req *req, const struct front *front,
                       const struct front_line *event, unsigned *lane, struct visitor *given)
{
    char memory[INVITATION_INPUT_MAX];
    struct text field = text_on(memory, sizeof(memory));
    struct span code = invitation_of(req, &field);
    struct invitation invitation;
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

/* {"code": ".."} or a form's field; what is neither has none. Appends it to `memory`, or ERR_NOMEM.
 */
static int read_code(const struct http_req *req, struct text *memory)
{
    char field_memory[PRESALE_INPUT_MAX];
    struct text field = text_on(field_memory, sizeof(field_memory));
    struct span code = caller_form_field(req, SPAN("code"), &field), body = http_req_body(req);
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

/* False: answered. Which codes there are is known to Redis; here it is only seen that one was given
 * where one must be, and that it could be one. */
static bool has_shown_code(struct http_req *req, struct front *front,
                           const struct front_line *event, struct entrant *entrant)
{
    uint8_t sha[PRESALE_SHA_BYTES];
    char memory[FORM_BODY_MAX];
    struct text code = text_on(memory, sizeof(memory));
    if (read_code(req, &code) < 0) {
        answer_overloaded(req);
        return false;
    }
    struct span given = span_trim(text_span(&code));
    if (given.len == 0 && !event_doc_asks_code(&event->doc, entrant->lane))
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
    entrant->has_code = true;
    presale_sign(&event->identity->codes, front_line_id(event), sha, entrant->code);
    return true;
}

/* The code opens a lane, and nothing was given or used yet: the same join, there. False: this front
 * does not see the lane. */
static bool ask_in_lane(struct join *join)
{
    struct span id = line_event_of(span_of(join->line.event));
    struct front_line *event = front_line_find(join->front, id);
    const struct front_line *line =
        event != NULL ? front_line_in(join->front, event, join->line.lane) : NULL;
    if (line == NULL || line_lane_named(join->line.event) != 0)
        return false;
    memcpy(join->line.event, line->id, sizeof(join->line.event));
    line_store_join(join->front->store, &join->line);
    return true;
}

/* The newcomer, as far as work, membership and invitation say. False: answered. */
static bool may_join(struct http_req *req, struct front *front, const struct front_line *event,
                     const struct ticket *run_out, bool moved, struct entrant *entrant)
{
    struct visitor member;
    *entrant = (struct entrant){.lane = 0};
    if (!event_state_takes_joins(event->view->state))
        return true;
    if (!has_worked(req, front, event, entrant) ||
        !member_check(req, front, event, &member, &entrant->lane))
        return false;
    entrant->member = member.has_idem;
    if (!is_invited(req, front, event, &entrant->lane, &entrant->given))
        return false;
    if (entrant->member) { /* one place in a line, however many invitations to it they have */
        entrant->has_invitation = entrant->given.has_idem;
        memcpy(entrant->invitation, entrant->given.idem, sizeof(entrant->invitation));
        entrant->given = member;
    }
    bool by_name = member.has_idem || entrant->lane > 0;
    if (by_name && !moved && run_out != NULL && run_out->lane == entrant->lane) {
        /* A visitor whose turn is over may join again, once for each such place. */
        struct visitor again =
            visitor_again(event->identity->visitors, front_line_scope(event), run_out);
        memcpy(entrant->given.idem, again.idem, sizeof(again.idem));
        entrant->has_invitation = false; /* it was used up for that one */
    }
    return has_shown_code(req, front, event, entrant);
}

/* `used`: so many places were found used up before; run_out is then the last of them. `moved`: it
 * is no place that is over, but one on another device, and whatever names it leads there. `judged`:
 * so often it was tried by a document that was over. */
static void ask_for_place(struct http_req *req, struct front *front, const struct front_line *event,
                          const struct ticket *run_out, unsigned used, bool moved, unsigned judged)
{
    if (event->shut != FRONT_OPEN) {
        front_count(&front->stats.joins_refused);
        answer_shut(req, front_line_id(event), event->shut);
        return;
    }
    if (judged == 0 && is_shed(req, front, event))
        return;
    uint64_t pending = atomic_load_explicit(&front->stats.pending, memory_order_relaxed);
    struct entrant entrant;
    if (!may_join(req, front, event, run_out, moved, &entrant))
        return;
    const struct front_line *line = front_line_in(front, event, entrant.lane);
    struct join *join = pending < FRONT_JOINS_PENDING_MAX ? calloc(1, sizeof(*join)) : NULL;
    if (join == NULL || line == NULL) {
        free(join);
        answer_overloaded(req);
        return;
    }
    join->front = front;
    join->req = req;
    join->page = caller_wants_page(req);
    join->member = entrant.member;
    join->used = used;
    join->judged = judged;
    join->tag = event->view->tag;
    join->line.version = event->view->version;
    join->line.era = event->view->era;
    join->serial = event->doc_serial;
    if (run_out != NULL)
        join->run_out = *run_out;
    if (!recognise(join, event, run_out, &entrant)) {
        free(join);
        answer_idem_invalid(req);
        return;
    }
    join->line.has_work = entrant.has_work;
    join->line.work_minute = entrant.work.minute;
    memcpy(join->line.work, entrant.work.name, sizeof(join->line.work));
    join->line.has_invitation = entrant.has_invitation && used == 0;
    memcpy(join->line.invitation, entrant.invitation, sizeof(join->line.invitation));
    join->line.has_code = entrant.has_code;
    memcpy(join->line.code, entrant.code, sizeof(join->line.code));
    memcpy(join->line.event, line->id, sizeof(join->line.event));
    ip_site(http_req_addr(req), join->line.addr);
    join->line.on_done = on_joined;
    atomic_fetch_add_explicit(&front->stats.pending, 1, memory_order_relaxed);
    line_store_join(front->store, &join->line);
}

/* ---- judged by what holds ----
 *
 * What a join has to show is judged here, by this front's document; Redis takes it only if that is
 * the document that holds. If not, nothing was given: the join waits for the new document and is
 * judged by that. So no opening and no new rule can be passed by on the picture of a tick ago. */

static void on_new_document(struct front_wait *wait, bool seen)
{
    struct join *join = (struct join *)(void *)((char *)wait - offsetof(struct join, wait));
    struct front *front = join->front;
    atomic_fetch_sub_explicit(&front->stats.pending, 1, memory_order_relaxed);
    const struct front_line *event = front_line_find(front, span_of(wait->event));
    if (!seen || event == NULL) {
        join->line.outcome = LINE_UNAVAILABLE;
        refuse_join(join);
    } else if (join->used > 0 && event->view->tag == join->tag) {
        ask_for_place(join->req, front, event, &join->run_out, join->used, false, join->judged + 1);
    } else { /* a call that seemed over may have its time back */
        join_with(join->req, front, event, join->judged + 1);
    }
    free(join);
}

/* True: the join goes on when the new document is here. */
static bool judge_again(struct join *join)
{
    struct front *front = join->front;
    if (join->judged == JOINS_JUDGED_MAX)
        return false;
    front_count(&front->stats.joins_judged_again);
    struct span id = line_event_of(span_of(join->line.event));
    join->wait = (struct front_wait){
        .any_other = true,
        .not_serial = join->serial,
        .not_tag = join->tag,
        .deadline_us = clock_mono_us(front->loop->clock) + JOINS_JUDGED_WAIT_MS * 1000,
        .on_done = on_new_document,
    };
    bool fits = span_to_cstr(id, join->wait.event, sizeof(join->wait.event));
    assert(fits);
    front_await(front, &join->wait);
    return true;
}

/* A visitor with a place gets the same one, without asking Redis. */
static void answer_again(struct http_req *req, struct front *front, const struct front_line *event,
                         const struct ticket *ticket)
{
    front_count(&front->stats.joins_again);
    if (caller_wants_page(req)) {
        answer_waiting_page(req, front_line_id(event), NULL, NULL);
        return;
    }
    /* As it came, not signed again: the session's name depends on the key it was signed with. */
    struct span text = caller_ticket_text(req, event);
    char cookies_memory[COOKIES_MAX];
    struct text cookies = text_on(cookies_memory, sizeof(cookies_memory));
    uint64_t age_s = front_wall_s(front) - ticket->issued_s;
    uint64_t lifetime_s = front->config->ticket_lifetime_ms / 1000;
    caller_set_cookie(req, &cookies, (struct span){event->ticket_cookie, event->ticket_cookie_len},
                      text, age_s < lifetime_s ? lifetime_s - age_s : lifetime_s);
    queue_answer_place(req, front, event, ticket->entry, text, 200, &cookies);
}

/* ---- a place that was used up ----
 *
 * Whether somebody has been inside with a place, or has given it up, is known to Redis alone. So a
 * place that a name leads to is looked up there; one by ticket only if it was called, since the
 * ticket is given back with the place. A place that was used up or given up is over, and its
 * owner joins again, as after a missed call. A place that cannot be looked up is shown as this
 * front knows it. */

struct look {
    struct line_visit line; /* first: the store hands back a pointer to it */
    struct front *front;
    struct http_req *req;
    struct ticket ticket;
    struct join *join; /* of a visitor found by name; NULL: the ticket came with the request */
    unsigned judged;
};

static bool may_be_used(const struct front *front, const struct front_line *line, uint64_t entry,
                        bool by_name)
{
    struct place place = place_at(line->view, entry, front_line_now_ms(front, line));
    return event_state_takes_joins(line->view->state) &&
           (by_name || (place.position > 0 && !front_surely_waits(line, place)));
}

/* The place was carried to another device since our last picture. */
static void answer_elsewhere(struct look *look, const struct front_line *event,
                             const struct front_line *line)
{
    if (look->join != NULL)
        refuse_moved(look->join, line);
    else
        ask_for_place(look->req, look->front, event, &look->ticket, 0, true, look->judged);
}

/* By a name, of a place that was carried to another device: was it called there, and nobody came?
 */
static bool is_over_elsewhere(const struct look *look, const struct front_line *line)
{
    uint64_t now_ms = front_line_now_ms(look->front, line);
    return look->join != NULL && look->ticket.moves > 0 &&
           place_is_over(place_at(line->view, look->ticket.entry, now_ms));
}

static void look_end(struct look *look)
{
    struct front *front = look->front;
    struct span id = line_event_of(span_of(look->line.event));
    const struct front_line *event = front_line_find(front, id);
    const struct front_line *line = front_line_named(front, look->line.event);
    bool used = look->line.outcome == LINE_GONE || look->line.outcome == LINE_EXPIRED ||
                (line != NULL && is_over_elsewhere(look, line));
    unsigned before = look->join != NULL ? look->join->used : 0;
    if (event == NULL || line == NULL)
        answer_event_unknown(look->req, id);
    else if (look->line.outcome == LINE_RENEWED || line->view->tag != look->ticket.tag)
        ask_for_place(look->req, front, event, NULL, 0, false, look->judged);
    else if (look->line.outcome == LINE_MOVED)
        answer_elsewhere(look, event, line);
    else if (used && before < JOINS_AGAIN_MAX)
        ask_for_place(look->req, front, event, &look->ticket, before + 1, false, look->judged);
    else if (look->join != NULL)
        accept_join(look->join, line);
    else
        answer_again(look->req, front, line, &look->ticket);
}

static void on_looked(struct line_visit *line)
{
    struct look *look = (struct look *)line;
    atomic_fetch_sub_explicit(&look->front->stats.pending, 1, memory_order_relaxed);
    look_end(look);
    free(look->join);
    free(look);
}

/* False: there is nothing to look for, or no room to. */
static bool look_up(struct http_req *req, struct front *front, const struct front_line *line,
                    const struct ticket *ticket, struct join *join, unsigned judged)
{
    uint64_t pending = atomic_load_explicit(&front->stats.pending, memory_order_relaxed);
    if (!may_be_used(front, line, ticket->entry, join != NULL) || pending >= FRONT_PENDING_MAX)
        return false;
    struct look *look = calloc(1, sizeof(*look));
    if (look == NULL)
        return false;
    *look = (struct look){
        .front = front, .req = req, .ticket = *ticket, .join = join, .judged = judged};
    memcpy(look->line.event, line->id, sizeof(look->line.event));
    look->line.call = LINE_LOOK;
    look->line.place = place_position(line->view, ticket->entry);
    look->line.entry = ticket->entry;
    look->line.moves = ticket->moves;
    look->line.on_done = on_looked;
    atomic_fetch_add_explicit(&front->stats.pending, 1, memory_order_relaxed);
    line_store_visit(front->store, &look->line);
    return true;
}

/* Of a join that found the place it was given before. True: the join is answered later. */
static bool look_at_place(struct join *join, const struct front_line *event)
{
    struct ticket ticket = ticket_of(join, event);
    ticket.moves = moves_of(event->view->moves, ticket.entry);
    return look_up(join->req, join->front, event, &ticket, join, join->judged);
}

/* `judged`: so often it was tried by a document that was over. */
static void join_with(struct http_req *req, struct front *front, const struct front_line *event,
                      unsigned judged)
{
    struct ticket ticket;
    int rc = caller_ticket(req, front, event, &ticket);
    if (rc == ERR_STATE) { /* the place is elsewhere; its old owner may join again */
        ask_for_place(req, front, event, &ticket, 0, true, judged);
        return;
    }
    if (rc < 0 && rc != ERR_NOT_FOUND) {
        front_count(&front->stats.tickets_invalid);
        if (caller_ticket_is_bearer(req)) {
            answer_ticket_invalid(req, rc);
            return;
        }
    }
    /* A cookie that is not a valid ticket (any more) must not lock anybody out: this is a new join.
     */
    if (rc < 0) {
        ask_for_place(req, front, event, NULL, 0, false, judged);
        return;
    }
    unsigned lane = ticket.lane;
    struct visitor invited;
    if (event->shut != FRONT_OPEN) { /* visitors with a place keep it */
        answer_again(req, front, front_line_in(front, event, lane), &ticket);
        return;
    }
    if (!is_invited(req, front, event, &lane, &invited))
        return;
    if (lane != ticket.lane) { /* a visitor in one lane shows the invitation to another */
        ask_for_place(req, front, event, NULL, 0, false, judged);
        return;
    }
    const struct front_line *line = front_line_in(front, event, ticket.lane);
    bool unread;
    struct place place = standing_of(req, front, line, ticket.entry, &unread);
    if (unread) /* nobody who is inside gets another place */
        answer_refusal(req, front_line_id(event), REFUSAL_OVERLOADED);
    else if (place_is_over(place) || event->view->state == LINE_CLOSED)
        ask_for_place(req, front, event, &ticket, 0, false, judged);
    else if (!look_up(req, front, line, &ticket, NULL, judged))
        answer_again(req, front, line, &ticket);
}

static void on_join(struct http_req *req)
{
    struct front *front = front_of(req);
    const struct front_line *event = answer_unless_ours(req, front);
    if (event != NULL)
        join_with(req, front, event, 0);
}

int queue_api_routes(struct http_router *routes, struct err_slot *err)
{
    static const struct http_route all[] = {
        {HTTP_METHOD_POST, "/v1/queue/{event}/join", on_join, NULL, FORM_BODY_MAX},
        {HTTP_METHOD_GET, "/v1/queue/{event}/me", on_me, NULL, 0},
        {HTTP_METHOD_GET, "/v1/queue/{event}/status", on_status, NULL, 0},
        {HTTP_METHOD_GET, "/v1/queue/{event}/stream", on_stream, NULL, 0},
    };
    return http_router_add_all(routes, all, sizeof(all) / sizeof(all[0]), err);
}
