/* visitor_seats.c: handles the seat service's answers to a visitor: which seats to try next, when
 * to give up, which seats are held.
 *
 * Visitors choose as people do: they take the best seats offered, or try seats that are free on the
 * map and try again a moment later if they are taken. So refusals are part of the measurement, and
 * only answers that nobody should get count as failures. */
#include "visitor/visitor_internal.h"

#include "base/tag.h"

#include <stdio.h>

enum phase visitor_first_at_seats(struct visitor *visitor)
{
    struct crowd *crowd = visitor->crowd;
    bool by_map = crowd->scenario->choice == CHOICE_MAP ||
                  (crowd->scenario->choice == CHOICE_MIXED && rng_below(crowd->rng, 2) == 0);
    if (visitor_is(visitor, MANNER_HOARDER))
        return PHASE_HOLD;
    if (by_map && !crowd->plan_asked) {
        crowd->plan_asked = true;
        return PHASE_PLAN;
    }
    return by_map && crowd->hall != NULL ? PHASE_LOOK : PHASE_HOLD;
}

/* ---- the plan ---- */

/* Parsing a stadium's plan takes a tenth of a second, too long for a loop. */
struct plan_work {
    uv_work_t work;
    struct crowd *crowd;
    struct hall *hall;
    size_t len;
    char text[];
};

static void plan_read(uv_work_t *work)
{
    struct plan_work *plan = work->data;
    struct err_slot err;
    if (hall_parse((struct span){plan->text, plan->len}, &err, &plan->hall) < 0)
        fprintf(stderr, "crowd: the plan of the hall: %s\n", err.text);
}

static void on_plan_read(uv_work_t *work, int status)
{
    struct plan_work *plan = work->data;
    if (status == 0)
        plan->crowd->hall = plan->hall;
    free(plan);
}

void visitor_on_plan(struct visitor *visitor, const struct pool_answer *answer)
{
    struct crowd *crowd = visitor->crowd;
    struct plan_work *plan = malloc(sizeof(*plan) + answer->body.len);
    if (plan == NULL) {
        visitor_unexpected(visitor, answer);
        return;
    }
    visitor_step(visitor, answer);
    *plan = (struct plan_work){.crowd = crowd, .len = answer->body.len};
    plan->work.data = plan;
    memcpy(plan->text, answer->body.ptr, answer->body.len);
    if (uv_queue_work(crowd->loop, &plan->work, plan_read, on_plan_read) < 0)
        free(plan);
    visitor_soon(visitor, PHASE_HOLD, 50, 1000);
}

/* ---- choosing ---- */

void visitor_on_look(struct visitor *visitor, const struct pool_answer *answer)
{
    visitor_step(visitor, answer);
    struct baggage *baggage = visitor->baggage;
    const struct crowd *crowd = visitor->crowd;
    bool found = hall_choose(crowd->hall, answer->body, visitor->party, crowd->rng, baggage->seat);
    baggage->chosen = found ? visitor->party : 0;
    /* a pause, in which others may take the seats */
    visitor_soon(visitor, PHASE_HOLD, 20, 400);
}

static void note_taken(struct visitor *visitor, const struct pool_answer *answer)
{
    struct span ids[VISITOR_SEATS_MAX];
    uint32_t len = 0;
    if (visitor_has_code(answer, "seats-taken"))
        len = peek_strs(answer->body, "seats", ids, VISITOR_SEATS_MAX);
    for (uint32_t i = 0; i < len; i++)
        visitor_note(visitor, RECORD_TAKEN, answer, tag_hash(ids[i]), 0);
}

static void seats_lost(struct visitor *visitor, const struct pool_answer *answer)
{
    note_taken(visitor, answer);
    visitor->tries = 0; /* the next attempt is another call, with its own key */
    visitor_note(visitor, RECORD_OTHER, answer, visitor->phase, 0);
    visitor_count(&visitor->crowd->stats->conflicts, 1);
    if (++visitor->attempt >= VISITOR_TRIES_MAX) {
        visitor_end(visitor, END_SOLD_OUT);
        return;
    }
    if (visitor->attempt > VISITOR_TRIES_MAX / 2 && visitor->party > 1)
        visitor->party--; /* fewer seats rather than none */
    bool looks = visitor->baggage->chosen > 0 && visitor->attempt < 4;
    visitor->baggage->chosen = 0;
    visitor_soon(visitor, looks ? PHASE_LOOK : PHASE_HOLD, 10, 200);
}

/* ---- holding ---- */

static void note_seats(struct visitor *visitor, const struct pool_answer *answer)
{
    struct baggage *baggage = visitor->baggage;
    struct span ids[VISITOR_SEATS_MAX];
    uint32_t len = peek_strs(answer->body, "seats", ids, VISITOR_SEATS_MAX);
    peek_u64(answer->body, "total", &baggage->amount);
    visitor_note(visitor, RECORD_HOLD, answer, len, baggage->amount);
    for (uint32_t i = 0; i < len; i++)
        visitor_note(visitor, RECORD_SEAT, answer, tag_hash(ids[i]), 0);
    struct span hold = {NULL, 0};
    peek_str(answer->body, "hold", &hold);
    visitor_note(visitor, RECORD_UNTIL, answer, visitor_time_us(answer, "expires_at"),
                 tag_hash(hold));
    baggage->held = len;
    visitor_count(&visitor->crowd->stats->seats_held, len);
}

static void hoard_answered(struct visitor *visitor, const struct pool_answer *answer)
{
    struct baggage *baggage = visitor->baggage;
    if (answer->rc != 0 || answer->status >= 500) {
        visitor_again(visitor, answer);
        return;
    }
    bool got = answer->status < 300;
    if (got) {
        note_seats(visitor, answer);
        baggage->hoarded += baggage->held;
    }
    /* The checker decides whether it is too much: a few holds are allowed. */
    visitor_note(visitor, RECORD_TRICK, answer, TRICK_HOARD, baggage->hoarded);
    visitor_count(&visitor->crowd->stats->tricks_met[TRICK_HOARD], got ? 0 : 1);
    visitor->tries = 0;
    if (++visitor->attempt >= VISITOR_HOARD_MAX)
        visitor_end(visitor, END_LEFT);
    else
        visitor_soon(visitor, PHASE_HOLD, 50, 300);
}

static void go_on_with_hold(struct visitor *visitor)
{
    unsigned journey = visitor->crowd->scenario->journey;
    if (visitor_is(visitor, MANNER_ABANDONER) || journey == JOURNEY_BACK)
        visitor_soon(visitor, PHASE_DROP, 100, 3000);
    else if (journey == JOURNEY_HOLD)
        visitor_end(visitor, END_DONE);
    else
        visitor_soon(visitor, journey == JOURNEY_SOLD ? PHASE_EXTEND : PHASE_ORDER, 50, 1000);
}

void visitor_on_hold(struct visitor *visitor, const struct pool_answer *answer)
{
    struct baggage *baggage = visitor->baggage;
    if (visitor_is(visitor, MANNER_HOARDER)) {
        hoard_answered(visitor, answer);
        return;
    }
    bool other_seats = answer->status == 409 || visitor_has_code(answer, "accessible-seat") ||
                       visitor_has_code(answer, "channel") ||
                       visitor_has_code(answer, "companion-seat");
    if (answer->rc == 0 && other_seats) {
        seats_lost(visitor, answer);
        return;
    }
    if (visitor_is_for_later(answer)) {
        visitor_again(visitor, answer);
        return;
    }
    struct span hold;
    if (answer->status >= 300 || !peek_str(answer->body, "hold", &hold) ||
        !span_to_cstr(hold, baggage->hold, sizeof(baggage->hold))) {
        visitor_unexpected(visitor, answer);
        return;
    }
    note_seats(visitor, answer);
    go_on_with_hold(visitor);
}

/* Another account tried to hold seats with the pass of an ended visit. */
void visitor_on_second(struct visitor *visitor, const struct pool_answer *answer)
{
    visitor_trick(visitor, TRICK_SECOND, answer, answer->status < 300, 0);
    visitor_through(visitor, MANNER_SHARER);
}

/* ---- sold without money ---- */

void visitor_on_step(struct visitor *visitor, const struct pool_answer *answer)
{
    if (visitor->phase == PHASE_EXTEND) {
        visitor_step(visitor, answer);
        visitor_later(visitor, PHASE_CONFIRM, 0);
        return;
    }
    visitor_note(visitor, RECORD_SOLD, answer, visitor->baggage->held, 0);
    visitor_count(&visitor->crowd->stats->seats_sold, visitor->baggage->held);
    visitor_end(visitor, END_DONE);
}
