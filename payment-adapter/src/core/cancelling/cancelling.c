/* cancelling.c: everything here may be repeated, because an order that is being refunded rejects
 * another refund. So a process that dies halfway loses nothing: its event is due again when the
 * lease expires, and an order that could not be begun comes up again in the next pass.
 *
 * Passes follow each other until a whole one finds nothing left. So an order with a payment in
 * progress, or one that waits for an operator, is handled as soon as it can be. */
#include "core/cancelling/cancelling.h"

#include <assert.h>

#define BIT(INPUT) (1u << (INPUT))

enum { LOOK_MS = 1000, PASS_PAUSE_MS = 5000 };

static const unsigned allowed[CANCELLING_STATES] = {
    [CANCELLING_RESTS] = BIT(CANCELLING_TICK),
    [CANCELLING_TAKES] = BIT(CANCELLING_TAKEN),
    [CANCELLING_BEGINS] = BIT(CANCELLING_BEGUN),
    [CANCELLING_PASSES] = BIT(CANCELLING_PASSED),
};

/* One page per second, counted from take to take, however long its refunds take to begin. Any
 * process may take the next page a tick before we would. */
static enum cancelling_state pass(struct cancelling *cancelling, uint64_t now_ms)
{
    uint64_t due_ms = cancelling->look_at_ms - CANCELLING_TICK_MS;
    uint64_t left_ms = due_ms > now_ms ? due_ms - now_ms : 0;
    assert(cancelling->open == 0);
    assert(left_ms < LOOK_MS);
    cancelling->pause_ms = cancelling->last ? PASS_PAUSE_MS : (uint32_t)left_ms;
    return CANCELLING_PASSES;
}

static enum cancelling_state on_taken(struct cancelling *cancelling,
                                      const struct cancelling_event *event)
{
    assert(event->orders <= event->most);
    if (event->most == 0)
        return CANCELLING_RESTS;
    cancelling->open = event->orders;
    cancelling->last = event->orders < event->most;
    return event->orders > 0 ? CANCELLING_BEGINS : pass(cancelling, event->now_ms);
}

enum cancelling_state cancelling_step(struct cancelling *cancelling,
                                      const struct cancelling_event *event)
{
    assert(cancelling->state < CANCELLING_STATES);
    assert((allowed[cancelling->state] & BIT(event->input)) != 0);
    switch (event->input) {
    case CANCELLING_TICK:
        if (event->now_ms < cancelling->look_at_ms)
            break;
        cancelling->look_at_ms = event->now_ms + LOOK_MS;
        cancelling->state = CANCELLING_TAKES;
        break;
    case CANCELLING_TAKEN:
        cancelling->state = on_taken(cancelling, event);
        break;
    case CANCELLING_BEGUN:
        assert(cancelling->open > 0);
        cancelling->open -= 1;
        if (cancelling->open == 0)
            cancelling->state = pass(cancelling, event->now_ms);
        break;
    case CANCELLING_PASSED:
        cancelling->state = CANCELLING_RESTS;
        break;
    case CANCELLING_INPUTS:
        assert(false);
    }
    assert((cancelling->state == CANCELLING_BEGINS) == (cancelling->open > 0));
    return cancelling->state;
}
