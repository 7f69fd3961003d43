/* holders.c: a row per entry.
 *
 * What Redis lost may be given again: keys, work and invitations are compared with those of joins
 * since the last loss. A move that a visitor saw survives a loss, since its front knows it, unless
 * that front is silent as well. */
#include "queue/judge/holders.h"

#include "queue/judge/losses.h"
#include "stage/invariant.h"
#include "stage/probes.h"

#include <assert.h>
#include <inttypes.h>

enum { HOLDERS_MAX = 2048 };

struct holder {
    uint64_t number; /* of the entry */
    uint64_t who, work, invitation;
    uint64_t given_us, left_us, answered_us; /* answered: its newest join */
    bool is_new, left, by_ticket;            /* by_ticket: its join sent a ticket */
    /* to another device: how often, the last device, when and from which front */
    uint8_t moves;
    uint64_t taker, moved_us;
    unsigned moved_front;
};

static struct holder holders[HOLDERS_MAX];
static uint32_t holders_count;

static uint64_t number_of(const struct ask *ask)
{
    return lines_number(ask->line, ask->entry);
}

static struct holder *find(uint64_t number)
{
    for (uint32_t i = 0; i < holders_count; i++)
        if (holders[i].number == number)
            return &holders[i];
    return NULL;
}

/* ---- joins ---- */

static bool is_same_visitor(const struct ask *ask, const struct holder *other)
{
    return ask->who != 0 && other->who == ask->who && lines_are_same(other->number, number_of(ask));
}

/* The invitation that a new place used. A visitor who already had a place in this line gets it
 * back, and the invitation is not used. */
static uint64_t invitation_of(const struct ask *ask)
{
    for (uint32_t i = 0; i < holders_count; i++)
        if (holders[i].number != number_of(ask) && is_same_visitor(ask, &holders[i]))
            return 0;
    return ask->invitation;
}

/* Work and invitations of one place must not give another. */
static void judge_spent(const struct ask *ask, bool had_to_work, const struct holder *other)
{
    if (ask->outcome != LINE_OK || other->who == ask->who)
        return;
    bool same_event = lines_is_of(other->number, ask->line.event);
    uint64_t invitation = invitation_of(ask);
    if (had_to_work && other->work == ask->work && same_event)
        invariant_broken(INVARIANT_6, "place %s is given for work that place %s was had by",
                         lines_says(number_of(ask)), lines_says(other->number));
    if (invitation != 0 && other->invitation == invitation &&
        lines_are_same(other->number, number_of(ask)))
        invariant_broken(INVARIANT_6,
                         "place %s is given for invitation %" PRIu64 ", by which place %s was had",
                         lines_says(number_of(ask)), invitation, lines_says(other->number));
}

static void judge_others(const struct ask *ask, bool had_to_work,
                         bool (*may_be_over)(uint64_t number))
{
    for (uint32_t i = 0; i < holders_count; i++) {
        const struct holder *other = &holders[i];
        if (other->number == number_of(ask))
            continue;
        if (other->given_us <= losses_last_us()) {
            if (is_same_visitor(ask, other))
                probe_reached(PROBE_LINE_TWICE);
            continue;
        }
        /* A name that Redis lost and an older ticket may lead to two places; a ticket takes
         * precedence over a cookie even if its place was given up. */
        bool may_have_two =
            other->left || may_be_over(other->number) ||
            ((ask->shows_ticket || other->by_ticket) && (losses_any() || ask_has_cookie(ask)));
        if (is_same_visitor(ask, other) && may_have_two)
            probe_reached(PROBE_LINE_ANEW);
        else if (is_same_visitor(ask, other))
            invariant_broken(INVARIANT_6, "visitor %" PRIu64 " gets place %s, and has %s", ask->who,
                             lines_says(number_of(ask)), lines_says(other->number));
        judge_spent(ask, had_to_work, other);
    }
}

void holders_on_join(const struct ask *ask, bool had_to_work, bool (*may_be_over)(uint64_t number))
{
    struct holder *holder = find(number_of(ask));
    /* The response to the holder may come after the response to a later request. */
    if (holder != NULL && (holder->who != ask->who || (holder->is_new && ask->outcome == LINE_OK)))
        invariant_broken(INVARIANT_6,
                         "place %s is given to visitor %" PRIu64 ", and is %" PRIu64 "'s",
                         lines_says(number_of(ask)), ask->who, holder->who);
    if (ask->outcome == LINE_OK && ask->work == 0 && had_to_work)
        invariant_broken(INVARIANT_6, "place %s is had without work", lines_says(number_of(ask)));
    if (holder != NULL && holder->left && holder->left_us < ask->asked_us &&
        holder->left_us > losses_last_us())
        invariant_broken(INVARIANT_6, "place %s was given up, and is handed out again",
                         lines_says(number_of(ask)));
    judge_others(ask, had_to_work, may_be_over);
    if (holder == NULL) {
        assert(holders_count < HOLDERS_MAX);
        holder = &holders[holders_count++];
        holder->number = number_of(ask);
    }
    holder->who = ask->who;
    holder->by_ticket = ask->shows_ticket;
    holder->answered_us = sim_us();
    holder->given_us = ask->asked_us; /* a paused front's response may be about a lost place */
    if (ask->outcome == LINE_OK) {
        holder->is_new = true;
        holder->work = had_to_work ? ask->work : 0; /* otherwise the front ignores it */
        holder->invitation = invitation_of(ask);
    }
}

/* A full line, or a full address, has no say about a place that was given before. */
void holders_on_full(const struct ask *ask, bool (*may_be_over)(uint64_t number))
{
    for (uint32_t i = 0; i < holders_count; i++) {
        const struct holder *holder = &holders[i];
        bool may_have_two = (ask->shows_ticket || holder->by_ticket) &&
                            (losses_any() || ask_has_cookie(ask)); /* as in judge_others() */
        if (is_same_visitor(ask, holder) && !may_have_two && holder->answered_us < ask->asked_us &&
            holder->given_us > losses_last_us() && !holder->left && !may_be_over(holder->number))
            invariant_broken(INVARIANT_6, "visitor %" PRIu64 " has place %s, and is refused one",
                             ask->who, lines_says(holder->number));
    }
}

/* A name is free once its place is over, even if it moved to another device. */
void holders_on_moved(const struct ask *ask, bool (*is_over)(uint64_t entry, uint64_t before_us))
{
    const struct holder *over = NULL;
    for (uint32_t i = 0; i < holders_count; i++) {
        const struct holder *holder = &holders[i];
        if (holder->who != ask->who || lines_of(holder->number).event != ask->line.event)
            continue;
        bool has_left = holder->left && holder->left_us < ask->asked_us;
        if (holder->given_us <= losses_last_us() ||
            (!has_left && !is_over(holder->number, ask->asked_us)))
            return;
        over = holder;
    }
    if (over != NULL)
        invariant_broken(INVARIANT_6,
                         "visitor %" PRIu64 " hears that place %s has moved, and it is over",
                         ask->who, lines_says(over->number));
}

/* ---- moves ---- */

void holders_on_done(const struct ask *ask)
{
    const struct holder *holder = find(number_of(ask));
    if (holder == NULL || ask->moves >= holder->moves ||
        losses_may_forget(holder->moved_front, holder->moved_us))
        return;
    invariant_broken(INVARIANT_6,
                     "%s is done with a ticket of place %s that has moved on: %u moves, and it "
                     "says %u",
                     ask_says(ask->kind), lines_says(holder->number), holder->moves, ask->moves);
}

void holders_on_taken(unsigned front, const struct ask *ask)
{
    struct holder *holder = find(number_of(ask));
    if (holder == NULL)
        return; /* the join had no response, so no code of it can exist */
    bool kept = holder->moves > 0 && !losses_may_forget(holder->moved_front, holder->moved_us);
    if (kept && ask->moves < holder->moves)
        invariant_broken(INVARIANT_6, "place %s is taken by move %u, and was by move %u",
                         lines_says(holder->number), ask->moves, holder->moves);
    if (kept && ask->moves == holder->moves && ask->who != holder->taker)
        invariant_broken(INVARIANT_6,
                         "place %s is %" PRIu64 "'s by a code, and %" PRIu64 "'s by the same",
                         lines_says(holder->number), holder->taker, ask->who);
    if (ask->moves > holder->moves)
        probe_reached(PROBE_LINE_CARRIED);
    holder->moves = ask->moves;
    holder->taker = ask->who;
    holder->moved_us = sim_us();
    holder->moved_front = front;
}

/* ---- leaving ---- */

void holders_on_left(const struct ask *ask)
{
    struct holder *holder = find(number_of(ask));
    if (holder == NULL)
        return;
    holder->left = true;
    holder->left_us = sim_us();
}

bool holders_has_left(const struct ask *ask)
{
    const struct holder *holder = find(number_of(ask));
    return holder != NULL && holder->left;
}

bool holders_has_left_for_good(const struct ask *ask)
{
    return holders_has_left(ask) && find(number_of(ask))->left_us > losses_last_us();
}

uint32_t holders_len(void)
{
    return holders_count;
}
