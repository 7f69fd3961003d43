/* move.c: taking a place takes two Redis calls. The first finds the place, because its position
 * follows from the draw, which only a front can compute. The second validates everything again and
 * takes it. Its reply is final, and a repeated request with the same cookie or key finds that it
 * has already taken the place.
 *
 * A typing error is detected by the code's own check. Redis counts codes that never existed, and
 * bans the address; expired codes are counted here. */
#include "core/move/move.h"

#include <assert.h>

#define BIT(INPUT) (1u << (INPUT))

static const unsigned allowed[MOVE_STATE_COUNT] = {
    [MOVE_BEGUN] = BIT(MOVE_REQUEST), [MOVE_MAKING] = BIT(MOVE_REPLY),
    [MOVE_LOOKING] = BIT(MOVE_REPLY), [MOVE_CHECKING] = BIT(MOVE_MEMBER),
    [MOVE_TAKING] = BIT(MOVE_REPLY),
};

static void answer(struct moving *moving, enum move_answer what, struct move_effect *effect)
{
    assert(moving->state != MOVE_DONE);
    moving->state = MOVE_DONE;
    effect->kind = MOVE_ANSWER;
    effect->answer = what;
}

static void refuse(struct moving *moving, enum line_outcome outcome, uint64_t retry_after_ms,
                   struct move_effect *effect)
{
    assert(outcome != LINE_OK && outcome != LINE_SAME);
    answer(moving, MOVE_REFUSED, effect);
    effect->outcome = outcome == LINE_LIMITED ? LINE_PRESALE_GUESSES : outcome; /* of wrong codes */
    effect->retry_after_ms = retry_after_ms;
}

static void ask(struct moving *moving, enum line_move_call call, struct move_effect *effect)
{
    static const enum move_state states[] = {[LINE_MOVE_MAKE] = MOVE_MAKING,
                                             [LINE_MOVE_LOOK] = MOVE_LOOKING,
                                             [LINE_MOVE_TAKE] = MOVE_TAKING};
    assert((call == LINE_MOVE_LOOK) == (moving->ticket.entry == 0));
    moving->state = states[call];
    effect->kind = MOVE_ASK;
    effect->call = call;
}

static void on_request(struct moving *moving, const struct move_request *request,
                       struct move_effect *effect)
{
    moving->takes = request->takes;
    if (request->is_refused) {
        answer(moving, MOVE_ANSWERED, effect);
    } else if (!request->has_room) {
        answer(moving, MOVE_OVERLOADED, effect);
    } else if (request->takes && request->banned_ms > 0) {
        refuse(moving, LINE_LIMITED, request->banned_ms, effect);
        effect->is_unchecked = true;
    } else if (request->takes) {
        ask(moving, LINE_MOVE_LOOK, effect);
    } else {
        moving->ticket = request->ticket;
        moving->expires_s = move_code_expires_s(request->now_s);
        ask(moving, LINE_MOVE_MAKE, effect);
        effect->life_ms = (moving->expires_s - request->now_s) * 1000;
    }
}

/* The place exists, and the requester may have it. */
static void take(struct moving *moving, struct move_effect *effect)
{
    assert(moving->ticket.entry > 0);
    if (moving->is_taken)
        answer(moving, MOVE_PLACE, effect);
    else
        ask(moving, LINE_MOVE_TAKE, effect);
}

static void on_reply(struct moving *moving, const struct move_event *event,
                     struct move_effect *effect)
{
    enum move_state state = moving->state;
    enum line_outcome outcome = event->knows_event ? event->outcome : LINE_UNKNOWN;
    bool is_good = outcome == LINE_OK || outcome == LINE_SAME;
    effect->counts = state == MOVE_LOOKING && (outcome == LINE_SAME || outcome == LINE_CODE_USED);
    effect->bans_ms = outcome == LINE_LIMITED ? event->retry_after_ms : 0;
    if (is_good && state == MOVE_MAKING) {
        answer(moving, MOVE_CODE, effect);
        return;
    }
    if (!is_good || !event->knows_lane) {
        refuse(moving, is_good ? LINE_UNAVAILABLE : outcome, event->retry_after_ms, effect);
        return;
    }
    moving->ticket = event->ticket;
    moving->is_taken = state == MOVE_TAKING || outcome == LINE_SAME;
    if (state == MOVE_LOOKING && event->ticket.member) {
        moving->state = MOVE_CHECKING;
        effect->kind = MOVE_CHECK;
    } else {
        take(moving, effect);
    }
}

void move_step(struct moving *moving, const struct move_event *event, struct move_effect *effect)
{
    assert(moving->state < MOVE_STATE_COUNT);
    assert((allowed[moving->state] & BIT(event->input)) != 0);
    *effect = (struct move_effect){.kind = MOVE_ANSWER};
    switch (event->input) {
    case MOVE_REQUEST:
        on_request(moving, &event->request, effect);
        break;
    case MOVE_MEMBER:
        if (event->holds)
            take(moving, effect);
        else
            answer(moving, MOVE_ANSWERED, effect);
        break;
    case MOVE_REPLY:
        on_reply(moving, event, effect);
        break;
    case MOVE_INPUT_COUNT:
        assert(false);
    }
    assert((moving->state == MOVE_DONE) == (effect->kind == MOVE_ANSWER));
    assert(effect->life_ms == 0 || effect->call == LINE_MOVE_MAKE);
}
