/* join.c: a join requests a place by one name, the best that the request offers. The place of this
 * name may have been used or given up, which only Redis knows, so it is checked first. If it has
 * ended, its owner joins again by a second name, the same for all later places, and says which of
 * them has ended: Redis then gives this name its next place, once. So a member gets one living
 * place, however often, and nobody gets a dead one.
 *
 * Redis accepts a join only if it was checked against the current document. If this front's
 * differs, no place was given: the join waits for that document and is checked again. */
#include "core/join/join.h"

#include "core/limits.h"

#include <assert.h>
#include <string.h>

#define BIT(INPUT) (1u << (INPUT))

static const unsigned allowed[JOIN_STATE_COUNT] = {
    [JOIN_BEGUN] = BIT(JOIN_REQUEST),     [JOIN_READING] = BIT(JOIN_NEWCOMER),
    [JOIN_ASKING] = BIT(JOIN_REPLY),      [JOIN_LOOKING] = BIT(JOIN_LOOKED),
    [JOIN_AWAITING] = BIT(JOIN_DOCUMENT),
};

static void answer(struct join *join, enum join_answer what, struct join_effect *effect)
{
    assert(join->state != JOIN_DONE); /* answered once */
    join->state = JOIN_DONE;
    effect->kind = JOIN_ANSWER;
    effect->answer = what;
}

static void refuse(struct join *join, enum line_outcome outcome, struct join_effect *effect)
{
    assert(outcome != LINE_OK);
    assert(outcome != LINE_SAME);
    answer(join, JOIN_REFUSED, effect);
    effect->outcome = outcome;
}

/* `over`: this visitor's previous place; NULL: none that counts. */
static void join_anew(struct join *join, const struct ticket *over, unsigned used,
                      struct join_effect *effect)
{
    assert(over != NULL || used == 0);
    assert(used <= JOINS_AGAIN_MAX);
    join->has_over = over != NULL;
    if (over != NULL)
        join->over = *over;
    join->is_elsewhere = false;
    join->used = used;
    join->state = JOIN_READING;
    effect->kind = JOIN_READ;
}

static void join_from_elsewhere(struct join *join, const struct ticket *ticket,
                                struct join_effect *effect)
{
    join_anew(join, ticket, 0, effect);
    join->is_elsewhere = true;
}

static void join_holding(struct join *join, const struct ticket *ticket, struct join_effect *effect)
{
    assert(ticket->entry > 0); /* an entry of 0 would hold nothing */
    join_anew(join, NULL, 0, effect);
    join->holds = true;
    join->held = *ticket;
}

static void look(struct join *join, const struct ticket *ticket, bool by_name,
                 struct join_effect *effect)
{
    assert(ticket->entry > 0);
    join->ticket = *ticket;
    join->by_name = by_name;
    join->state = JOIN_LOOKING;
    effect->kind = JOIN_LOOK;
    effect->ticket = *ticket;
}

static void keep(struct join *join, const struct ticket *ticket, struct join_effect *effect)
{
    answer(join, JOIN_KEPT, effect);
    effect->ticket = *ticket;
}

static void on_request(struct join *join, const struct join_request *request,
                       struct join_effect *effect)
{
    const struct ticket *ticket = &request->ticket;
    join->holds = false;
    join->code_lane = 0;
    switch (request->shows) {
    case JOIN_TICKET_ELSEWHERE: /* its former owner may join again */
        join_from_elsewhere(join, ticket, effect);
        return;
    case JOIN_TICKET_BAD:
        answer(join, JOIN_BAD_TICKET, effect);
        return;
    case JOIN_NO_TICKET:
        join_anew(join, NULL, 0, effect);
        return;
    case JOIN_TICKET:
        break;
    }
    if (request->is_shut)
        keep(join, ticket, effect);
    else if (request->is_refused)
        answer(join, JOIN_ANSWERED, effect);
    else if (request->other_lane)
        join_anew(join, NULL, 0, effect);
    else if (request->is_unread) /* a visitor inside gets no other place */
        answer(join, JOIN_NO_MEMORY, effect);
    else if (request->is_over)
        join_anew(join, ticket, 0, effect);
    else if (request->shows_code)
        join_holding(join, ticket, effect);
    else if (request->can_look)
        look(join, ticket, false, effect);
    else
        keep(join, ticket, effect);
}

/* One place per line for a member, however many invitations they have. */
static const struct visitor *given_of(const struct join_newcomer *newcomer)
{
    return newcomer->member.has_idem ? &newcomer->member : &newcomer->invited;
}

/* Whether the place that has ended is this visitor's, who joins by the second name. */
static bool is_again(const struct join *join, const struct join_newcomer *newcomer)
{
    const struct visitor *given = given_of(newcomer);
    assert(join->has_over);
    if (given->has_idem)
        return newcomer->takes_joins && !join->is_elsewhere &&
               memcmp(given->id, join->over.visitor, sizeof(given->id)) == 0;
    return join->used > 0 || newcomer->idem.ptr == NULL;
}

/* The visitor, by the best evidence. */
static struct visitor name_of(const struct join *join, const struct join_newcomer *newcomer,
                              bool again)
{
    const uint8_t *key = newcomer->key;
    struct span scope = newcomer->scope;
    struct visitor name = *given_of(newcomer);
    if (again) {
        name = visitor_again(key, scope, &join->over);
    } else if (name.has_idem) { /* one place per member or invitation, on any device */
        return name;
    } else if (newcomer->idem.ptr != NULL) {
        name = visitor_by_key(key, scope, newcomer->whose, newcomer->idem);
    } else if (!newcomer->is_new) {
        name = visitor_by_cookie(key, scope, newcomer->cookie);
    } else { /* repeated work gets the same place and visit */
        name = newcomer->work.ptr != NULL ? visitor_by_key(key, scope, SPAN("work"), newcomer->work)
                                          : visitor_by_cookie(key, scope, newcomer->cookie);
        name.has_idem = false;
    }
    return name;
}

static void on_newcomer(struct join *join, const struct join_newcomer *newcomer,
                        struct join_effect *effect)
{
    if (newcomer->is_refused) {
        answer(join, JOIN_ANSWERED, effect);
        return;
    }
    effect->lane = join->code_lane > 0 ? join->code_lane : newcomer->lane;
    assert(effect->lane <= LANES_MAX);
    bool is_over = join->has_over && join->over.lane == effect->lane;
    effect->held = join->holds ? join->held.entry : 0;
    bool again = is_over && is_again(join, newcomer);
    effect->over = again ? join->over.entry : 0;
    join->own = name_of(join, newcomer, false);
    effect->name = again ? name_of(join, newcomer, true) : join->own; /* each name costs a hash */
    effect->cookie_is_new = !effect->name.has_idem;
    join->in_lane = effect->lane > 0;
    /* It was used for a place that has ended. */
    effect->invitation_is_used = newcomer->member.has_idem && newcomer->invited.has_idem &&
                                 join->used == 0 &&
                                 (!is_over || join->is_elsewhere || !newcomer->takes_joins);
    effect->kind = JOIN_ASK;
    join->state = JOIN_ASKING;
}

/* A place that the same name got before. */
static void accept_again(struct join *join, const struct ticket *ticket, struct join_effect *effect)
{
    if (ticket->moves > 0) { /* it has moved to another device since */
        answer(join, JOIN_MOVED, effect);
        return;
    }
    answer(join, JOIN_PLACE, effect);
    effect->outcome = LINE_SAME;
    effect->ticket = *ticket;
}

/* For the owner of a place: it stays, unless there is one in the lane that the code opens. */
static bool is_kept(const struct join *join, const struct join_reply *reply)
{
    bool is_given = reply->outcome == LINE_OK || reply->outcome == LINE_SAME;
    bool is_judged_again = reply->outcome == LINE_CONFLICT || reply->outcome == LINE_RENEWED;
    bool opens_lane = reply->outcome == LINE_PRESALE_LANE && reply->knows_lane;
    return join->holds && reply->knows_event && !is_judged_again &&
           (join->in_lane ? !is_given : !opens_lane);
}

static void on_reply(struct join *join, const struct join_reply *reply, struct join_effect *effect)
{
    if (is_kept(join, reply)) {
        if (reply->outcome == LINE_UNAVAILABLE) {
            keep(join, &join->held, effect);
            return;
        }
        join->holds = false; /* the place may have been given up in the meantime */
        look(join, &join->held, false, effect);
        return;
    }
    switch (reply->outcome) {
    case LINE_CONFLICT:
    case LINE_RENEWED:
        if (join->judged == JOINS_JUDGED_MAX) {
            refuse(join, LINE_UNAVAILABLE, effect);
            return;
        }
        join->state = JOIN_AWAITING;
        effect->kind = JOIN_AWAIT;
        return;
    case LINE_PRESALE_LANE: /* nothing was given or used yet */
        if (!reply->knows_lane || join->in_lane) {
            refuse(join, LINE_PRESALE_LANE, effect);
            return;
        }
        assert(reply->lane <= LANES_MAX);
        join->in_lane = true;
        join->code_lane = effect->lane = reply->lane;
        effect->name = join->own; /* whatever has ended in the general line */
        effect->kind = JOIN_ASK_LANE;
        return;
    case LINE_OK:
    case LINE_SAME:
        if (!reply->knows_event) {
            refuse(join, LINE_UNKNOWN, effect);
        } else if (reply->outcome == LINE_OK) {
            answer(join, JOIN_PLACE, effect);
            effect->outcome = LINE_OK;
            effect->ticket = reply->ticket;
        } else if (reply->can_look) {
            look(join, &reply->ticket, true, effect);
        } else {
            accept_again(join, &reply->ticket, effect);
        }
        return;
    default:
        refuse(join, reply->knows_event ? reply->outcome : LINE_UNKNOWN, effect);
    }
}

static void on_looked(struct join *join, const struct join_looked *looked,
                      struct join_effect *effect)
{
    struct ticket ticket = join->ticket;
    /* It was called, and nobody came in time. */
    bool is_missed = join->by_name && looked->is_over && looked->outcome == LINE_NOT_YET;
    bool is_used = looked->outcome == LINE_GONE || looked->outcome == LINE_EXPIRED || is_missed;
    bool lives = looked->outcome == LINE_SAME || looked->outcome == LINE_NOT_YET;
    if (!looked->knows_event) {
        answer(join, JOIN_NO_EVENT, effect);
    } else if (looked->outcome == LINE_RENEWED || looked->is_renewed) {
        join_anew(join, NULL, 0, effect);
    } else if (is_used && join->used < JOINS_AGAIN_MAX) { /* even if it was moved */
        join_anew(join, &ticket, join->used + 1, effect);
    } else if (join->by_name && (is_used || !lives)) { /* it may have been given up */
        refuse(join, LINE_UNAVAILABLE, effect);
    } else if (join->by_name) {
        ticket.moves = looked->moves;
        accept_again(join, &ticket, effect);
    } else if (looked->moves > ticket.moves) { /* since this front's last picture */
        join_from_elsewhere(join, &ticket, effect);
    } else {
        keep(join, &ticket, effect);
    }
}

static void on_document(struct join *join, const struct join_document *document,
                        struct join_effect *effect)
{
    assert(join->judged < JOINS_JUDGED_MAX);
    if (!document->is_there) {
        refuse(join, LINE_UNAVAILABLE, effect);
        return;
    }
    join->judged++;
    struct ticket over = join->over;
    if (document->request.is_refused)
        answer(join, JOIN_ANSWERED, effect);
    else if (join->used > 0 && document->is_same_event)
        join_anew(join, &over, join->used, effect);
    else /* an expired call may have its time back */
        on_request(join, &document->request, effect);
}

void join_step(struct join *join, const struct join_event *event, struct join_effect *effect)
{
    assert(join->state < JOIN_STATE_COUNT);
    assert(event->input < JOIN_INPUT_COUNT);
    assert((allowed[join->state] & BIT(event->input)) != 0);
    *effect = (struct join_effect){.kind = JOIN_ANSWER};
    switch (event->input) {
    case JOIN_REQUEST:
        on_request(join, &event->request, effect);
        break;
    case JOIN_NEWCOMER:
        on_newcomer(join, &event->newcomer, effect);
        break;
    case JOIN_REPLY:
        on_reply(join, &event->reply, effect);
        break;
    case JOIN_LOOKED:
        on_looked(join, &event->looked, effect);
        break;
    case JOIN_DOCUMENT:
        on_document(join, &event->document, effect);
        break;
    case JOIN_INPUT_COUNT:
        assert(false);
    }
    assert((join->state == JOIN_DONE) == (effect->kind == JOIN_ANSWER));
    assert(join->used <= JOINS_AGAIN_MAX);
    assert(join->judged <= JOINS_JUDGED_MAX);
}
