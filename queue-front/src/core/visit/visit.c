/* visit.c: Redis is called once, and its reply is final: a pass is a slot in `max_active`, and a
 * place always gets the same session. Some requests need no Redis: a visitor far from the call has
 * to wait, and a pass with half of its time left is valid. A heartbeat returns a new pass, since
 * the old one expires with the previous session time.
 *
 * If there is no room for the call, the answer is `overloaded`, but verify accepts a pass that is
 * still valid: it would only have been renewed. */
#include "core/visit/visit.h"

#include <assert.h>

#define BIT(INPUT) (1u << (INPUT))

static const unsigned allowed[VISIT_STATE_COUNT] = {
    [VISIT_BEGUN] = BIT(VISIT_REQUEST),
    [VISIT_CHECKING] = BIT(VISIT_MEMBER),
    [VISIT_ASKING] = BIT(VISIT_REPLY) | BIT(VISIT_NO_ROOM),
};

/* `rc`: the fault of a ticket or pass; else 0. */
static void answer(struct visit *visit, enum visit_answer what, int rc, struct visit_effect *effect)
{
    assert((rc < 0) == (what == VISIT_BAD_TICKET || what == VISIT_BAD_PASS));
    assert(visit->state != VISIT_DONE);
    visit->state = VISIT_DONE;
    effect->kind = VISIT_ANSWER;
    effect->answer = what;
    effect->rc = rc;
}

static void refuse(struct visit *visit, enum line_outcome outcome, struct visit_effect *effect)
{
    assert(outcome != LINE_OK && outcome != LINE_SAME);
    answer(visit, VISIT_REFUSED, 0, effect);
    effect->outcome = outcome;
}

static void ask(struct visit *visit, enum line_visit_call call, struct visit_effect *effect)
{
    assert(line_place_in_lane(visit->pass.place) > 0);
    visit->state = VISIT_ASKING;
    effect->kind = VISIT_ASK;
    effect->call = call;
}

static void enter(struct visit *visit, struct visit_effect *effect)
{
    assert(visit->wish == VISIT_PASS && visit->ticket.entry > 0);
    if (visit->surely_waits)
        refuse(visit, LINE_NOT_YET, effect);
    else
        ask(visit, LINE_PASS, effect);
}

/* It lasts as long as the visit may. A pass rounds its own end down, and the visit's end up. */
static bool is_last(const struct pass *pass)
{
    assert(pass->ends_s > 0);
    return pass->expires_s + 1 >= pass->ends_s;
}

static void on_request(struct visit *visit, const struct visit_event *event,
                       struct visit_effect *effect)
{
    const struct visit_request *request = &event->request;
    enum visit_wish wish = visit->wish = request->wish;
    bool by_ticket = request->ticket_rc == 0 && request->ticket.entry > 0;
    uint64_t half_s = event->session_ttl_ms / 2000;
    visit->surely_waits = request->surely_waits;
    visit->pass = by_ticket ? request->begun : request->pass;
    visit->is_member = wish == VISIT_END || request->pass.member.text[0] != '\0';
    if (by_ticket) {
        visit->ticket = request->ticket;
        visit->is_member = request->ticket.member;
    }
    if (wish == VISIT_LEAVE) {
        /* A ticket or a pass is enough to give the place up. A pass next to the ticket proves that
         * there was a visit, in case Redis has lost it. */
        int ticket_rc = request->ticket_rc, pass_rc = request->pass_rc;
        bool has_none = ticket_rc == ERR_NOT_FOUND;
        if (ticket_rc == 0 && pass_rc == 0 && request->pass.place == visit->pass.place)
            visit->pass.expires_s = request->pass.expires_s;
        if (ticket_rc == 0 || (has_none && pass_rc == 0))
            ask(visit, LINE_LEAVE, effect);
        else if (has_none && (pass_rc == ERR_FULL || pass_rc == ERR_NOMEM))
            answer(visit, VISIT_BAD_PASS, pass_rc, effect);
        else
            answer(visit, VISIT_BAD_TICKET, has_none && pass_rc == ERR_EXISTS ? pass_rc : ticket_rc,
                   effect);
    } else if (request->ticket_rc < 0) {
        answer(visit, VISIT_BAD_TICKET, request->ticket_rc, effect);
    } else if (request->pass_rc < 0) {
        answer(visit, VISIT_BAD_PASS, request->pass_rc, effect);
    } else if (wish == VISIT_PASS && request->is_shut) {
        answer(visit, VISIT_SHUT, 0, effect);
    } else if (wish == VISIT_PASS && visit->is_member) {
        visit->state = VISIT_CHECKING;
        effect->kind = VISIT_CHECK;
    } else if (wish == VISIT_PASS) {
        enter(visit, effect);
    } else if (wish == VISIT_EXTEND) {
        ask(visit, LINE_EXTEND, effect);
    } else if (wish == VISIT_VERIFY &&
               (visit->pass.expires_s > event->now_s + half_s || is_last(&visit->pass))) {
        answer(visit, VISIT_VERIFIED, 0, effect);
    } else if (wish == VISIT_VERIFY || wish == VISIT_HEARTBEAT) {
        /* A Redis that has lost the session restores none from an expired pass. */
        uint64_t now_s = event->now_s;
        const struct pass *pass = &visit->pass;
        assert(visit->ticket.entry == 0);
        ask(visit, LINE_HEARTBEAT, effect);
        effect->ends_ms = (pass->expires_s <= now_s ? pass->expires_s : pass->ends_s) * 1000;
        effect->shown_ms = pass->expires_s * 1000;
    } else if (request->is_renewed) { /* ended with its event */
        answer(visit, VISIT_ENDED, 0, effect);
    } else {
        ask(visit, request->has_ordered ? LINE_DONE : LINE_END, effect);
    }
}

static void on_reply(struct visit *visit, const struct visit_event *event,
                     struct visit_effect *effect)
{
    static const enum visit_answer granted[] = {
        [VISIT_PASS] = VISIT_ADMITTED,      [VISIT_EXTEND] = VISIT_EXTENDED,
        [VISIT_LEAVE] = VISIT_LEFT,         [VISIT_END] = VISIT_ENDED,
        [VISIT_HEARTBEAT] = VISIT_ADMITTED, [VISIT_VERIFY] = VISIT_VERIFIED,
    };
    enum visit_wish wish = visit->wish;
    enum line_outcome outcome = event->outcome;
    uint64_t expires_s = visit->pass.expires_s;
    bool is_good = outcome == LINE_OK || outcome == LINE_SAME;
    bool is_over = outcome == LINE_GONE || outcome == LINE_EXPIRED;
    bool is_renewed = outcome == LINE_RENEWED; /* since this front's last picture */
    bool is_granted = is_good || (wish == VISIT_LEAVE && is_over) ||
                      (wish == VISIT_END && (is_over || is_renewed)); /* the slot is free */
    if (is_granted && (event->knows_event || wish == VISIT_END)) {
        answer(visit, granted[wish], 0, effect);
        effect->is_new = wish == VISIT_PASS ? outcome == LINE_OK : wish == VISIT_VERIFY;
        /* It was inside, according to Redis, or to a pass if Redis has lost the session.
         * session_ttl_s may have been longer when the pass was made. */
        bool by_pass = outcome == LINE_OK && expires_s > 0;
        uint64_t left_ms = expires_s > event->now_s ? (expires_s - event->now_s) * 1000 : 0;
        if (wish == VISIT_LEAVE && (event->turn != TURN_NONE || by_pass))
            effect->pass_life_ms =
                left_ms > event->session_ttl_ms ? left_ms : event->session_ttl_ms;
    } else if (wish == VISIT_VERIFY && (is_over || is_renewed)) {
        answer(visit, VISIT_BAD_PASS, is_renewed ? ERR_EXISTS : ERR_TIMEOUT, effect);
    } else if (wish == VISIT_VERIFY) { /* without a new pass the old one is still valid */
        answer(visit, VISIT_VERIFIED, 0, effect);
    } else if (wish == VISIT_EXTEND && outcome == LINE_EXHAUSTED) {
        answer(visit, VISIT_EXTENDED_ENOUGH, 0, effect);
    } else {
        refuse(visit, is_granted ? LINE_UNKNOWN : outcome, effect);
        bool was_inside = wish == VISIT_HEARTBEAT && event->turn == TURN_NONE;
        effect->turn = was_inside ? TURN_ENDED : event->turn;
    }
}

void visit_step(struct visit *visit, const struct visit_event *event, struct visit_effect *effect)
{
    assert(visit->state < VISIT_STATE_COUNT);
    assert((allowed[visit->state] & BIT(event->input)) != 0);
    *effect = (struct visit_effect){.kind = VISIT_ANSWER};
    switch (event->input) {
    case VISIT_REQUEST:
        on_request(visit, event, effect);
        break;
    case VISIT_MEMBER:
        visit->pass.member = event->name;
        if (event->holds)
            enter(visit, effect);
        else
            answer(visit, VISIT_ANSWERED, 0, effect);
        break;
    case VISIT_NO_ROOM:
        answer(visit, visit->wish == VISIT_VERIFY ? VISIT_VERIFIED : VISIT_OVERLOADED, 0, effect);
        break;
    case VISIT_REPLY:
        on_reply(visit, event, effect);
        break;
    case VISIT_INPUT_COUNT:
        assert(false);
    }
    assert((visit->state == VISIT_DONE) == (effect->kind == VISIT_ANSWER));
    assert(effect->pass_life_ms == 0 || effect->answer == VISIT_LEFT);
}
