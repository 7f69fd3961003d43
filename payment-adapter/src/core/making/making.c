/* making.c: the same key, or the same hold, leads to the same order however often it is sent. The
 * database's unique indexes decide that, not our memory: if an order was not stored, we look for
 * the existing one. If the number in our new id belongs to another order, nothing is stored and
 * nothing is found; then a new id is made, at most MAKING_TRIES_MAX times.
 *
 * Another loop or process may run the saga and does not notify us of its moves. So the order is
 * polled: first when nearly all payments exist, then at doubling intervals. */
#include "core/making/making.h"

#include <assert.h>

#define BIT(INPUT) (1u << (INPUT))

enum { MAKING_TRIES_MAX = 3, LOOK_FIRST_MS = 250 };

static const unsigned allowed[MAKING_STATES] = {
    [MAKING_BEGUN] = BIT(MAKING_REQUEST), [MAKING_LOOKS] = BIT(MAKING_FOUND),
    [MAKING_ASKS] = BIT(MAKING_HELD),     [MAKING_STORES] = BIT(MAKING_STORED),
    [MAKING_WAITS] = BIT(MAKING_WAITED),  [MAKING_READS] = BIT(MAKING_READ),
};

static enum making_state answer(struct making *making, enum making_answer what)
{
    assert(making->state == MAKING_LOOKS || making->state == MAKING_READS);
    making->answer = what;
    return MAKING_DONE;
}

static enum making_state await(struct making *making)
{
    uint32_t next_ms = making->pause_ms == 0 ? LOOK_FIRST_MS : 2 * making->pause_ms;
    making->pause_ms = next_ms < making->left_ms ? next_ms : making->left_ms;
    making->left_ms -= making->pause_ms;
    assert(making->pause_ms > 0); /* otherwise it would poll in every turn */
    return MAKING_WAITS;
}

static enum making_state on_found(struct making *making, const struct making_event *event)
{
    if (event->is_there && !event->is_ours)
        return answer(making, MAKING_NOT_OURS);
    if (event->is_there && event->has_key && !event->says_same)
        return answer(making, MAKING_KEY_REUSED);
    if (event->is_there)
        return answer(making, MAKING_MADE_BEFORE);
    if (making->tries == MAKING_TRIES_MAX)
        return answer(making, MAKING_NOT_NOW);
    making->tries += 1;
    return MAKING_ASKS;
}

enum making_state making_step(struct making *making, const struct making_event *event)
{
    assert(making->state < MAKING_STATES);
    assert((allowed[making->state] & BIT(event->input)) != 0);
    switch (event->input) {
    case MAKING_REQUEST:
        assert(event->wait_ms > 0);
        making->left_ms = event->wait_ms;
        making->state = MAKING_LOOKS;
        break;
    case MAKING_FOUND:
        making->state = on_found(making, event);
        break;
    case MAKING_HELD:
        making->state = MAKING_STORES;
        break;
    case MAKING_STORED:
        making->state = event->is_new ? await(making) : MAKING_LOOKS;
        break;
    case MAKING_WAITED:
        making->left_ms = event->has_room ? making->left_ms : 0;
        making->state = MAKING_READS;
        break;
    case MAKING_READ:
        making->state =
            event->is_unpaid && making->left_ms > 0 ? await(making) : answer(making, MAKING_MADE);
        break;
    case MAKING_INPUTS:
        assert(false);
    }
    assert(making->state != MAKING_BEGUN);
    return making->state;
}
