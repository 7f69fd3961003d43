/* visitor.c: a visitor's life as a table of phases. Each phase has a request (visitor_ask.c) and a
 * handler for its answer (visitor_line.c, visitor_seats.c, visitor_order.c).
 *
 *     page -> join -> wait ... wait  -> pass -> look -> hold -> order -> pay -> watch -> tickets
 *               solve   listen                              -> extend -> confirm
 *
 * The lower branch is for runs that test only the seats. A temporary refusal (429, 503, no answer)
 * is retried under the same key, after the pause that the service named or a doubling one, a
 * bounded number of times. A visitor's manners are drawn once, at the start, from the run's seed.
 *
 * Invariant: at most one entry of the schedule is the visitor's current turn, and none is while a
 * call or a proof of work is in progress. */
#include "visitor/visitor_internal.h"

#include "base/tag.h"

#include <assert.h>

/* ---- calls ---- */

/* Each phase's service, and the handler of its answer. Temporary refusals are retried; a status
 * other than `status` (0: any) ends the visit, unless the phase handles all. */
static const struct {
    const char *name;
    enum service service;
    unsigned status;
    visitor_reply *on_answer;
    bool hears_all;
} phases[PHASES] = {
    [PHASE_AWAY] = {"away"},
    [PHASE_PAGE] = {"page", SERVICE_QUEUE, 200, visitor_on_page},
    [PHASE_JOIN] = {"join", SERVICE_QUEUE, 0, visitor_on_join},
    [PHASE_SOLVE] = {"solve"},
    [PHASE_WAIT] = {"me", SERVICE_QUEUE, 200, visitor_on_wait},
    [PHASE_LISTEN] = {"listen"},
    [PHASE_PASS] = {"pass", SERVICE_QUEUE, 0, visitor_on_pass, .hears_all = true},
    [PHASE_REPASS] = {"repass", SERVICE_QUEUE, 0, visitor_on_repass},
    [PHASE_PLAN] = {"plan", SERVICE_SEATS, 200, visitor_on_plan},
    [PHASE_LOOK] = {"look", SERVICE_SEATS, 200, visitor_on_look},
    [PHASE_HOLD] = {"hold", SERVICE_SEATS, 0, visitor_on_hold, .hears_all = true},
    [PHASE_EXTEND] = {"extend", SERVICE_SAGA, 200, visitor_on_step},
    [PHASE_CONFIRM] = {"confirm", SERVICE_SAGA, 200, visitor_on_step},
    [PHASE_ORDER] = {"order", SERVICE_PAY, 0, visitor_on_order},
    [PHASE_SHARE] = {"share", SERVICE_PAY, 0, visitor_on_share},
    [PHASE_PAY] = {"pay", SERVICE_PSP, 0, visitor_on_pay},
    [PHASE_WATCH] = {"watch", SERVICE_PAY, 200, visitor_on_watch},
    [PHASE_TICKETS] = {"tickets", SERVICE_PAY, 200, visitor_on_tickets},
    [PHASE_OVER] = {"over", SERVICE_PAY, 200, visitor_on_over},
    [PHASE_RETURN] = {"return", SERVICE_QUEUE, 0, visitor_on_return},
    [PHASE_SECOND] = {"second", SERVICE_SEATS, 0, visitor_on_second},
    [PHASE_DROP] = {"drop", SERVICE_SEATS, 0, visitor_on_leave},
    [PHASE_LEAVE] = {"leave", SERVICE_QUEUE, 0, visitor_on_leave},
};

const char *visitor_phase_name(enum phase phase)
{
    return phases[phase].name;
}

static void on_answer(void *ctx, const struct pool_answer *answer)
{
    struct visitor *visitor = ctx;
    if (visitor->ended)
        return; /* the run ended before the answer arrived */
    struct crowd_stats *stats = visitor->crowd->stats;
    unsigned status = answer->rc == 0 && answer->status < 600 ? answer->status : 0;
    unsigned phase = visitor->phase, wanted = phases[phase].status;
    visitor_count(&stats->answers[status], 1);
    histogram_record(&stats->took[phase], answer->took_us);
    if (!phases[phase].hears_all && visitor_is_for_later(answer))
        visitor_again(visitor, answer);
    else if (wanted != 0 && answer->status != wanted)
        visitor_unexpected(visitor, answer);
    else
        phases[phase].on_answer(visitor, answer);
}

/* Each call of a visitor may reach another front, as behind an edge. */
static struct pool *pool_for(const struct visitor *visitor)
{
    const struct crowd *crowd = visitor->crowd;
    enum service service = phases[visitor->phase].service;
    return crowd->service[service] == NULL
               ? crowd->queue[(visitor->number + visitor->turn) % crowd->fronts]
               : crowd->service[service];
}

/* Enters the seats directly; false if the visitor's journey ended here. */
static bool enter_with_pass(struct visitor *visitor)
{
    const struct crowd *crowd = visitor->crowd;
    visitor->baggage = calloc(1, sizeof(*visitor->baggage));
    if (visitor->baggage == NULL ||
        !span_to_cstr(passes_of(crowd->passes, visitor->number), visitor->baggage->pass,
                      sizeof(visitor->baggage->pass))) {
        visitor_end(visitor, END_FAILED);
        return false;
    }
    visitor_enter(visitor, visitor_first_at_seats(visitor));
    return true;
}

static bool arrive(struct visitor *visitor)
{
    struct crowd *crowd = visitor->crowd;
    visitor_count(&crowd->stats->arrived, 1);
    visitor_note(visitor, RECORD_WHO, NULL, visitor->manner, 0);
    if (crowd->passes != NULL)
        return enter_with_pass(visitor);
    visitor_enter(visitor, crowd->scenario->page ? PHASE_PAGE : PHASE_JOIN);
    return true;
}

static void note_hold_sending(struct visitor *visitor)
{
    const struct baggage *baggage = visitor->baggage;
    visitor_note(visitor, RECORD_SENT, NULL, SENT_HOLD, 0);
    for (uint32_t i = 0; i < baggage->chosen; i++)
        visitor_note(visitor, RECORD_WANT, NULL,
                     tag_hash(span_of(hall_seat_id(visitor->crowd->hall, baggage->seat[i]))), 0);
}

/* Records a request that counts once sent, since its answer may be lost or come after the run. */
static void note_sending(struct visitor *visitor)
{
    enum phase phase = (enum phase)visitor->phase;
    if (visitor->tries == 0 && (phase == PHASE_ORDER || phase == PHASE_EXTEND))
        visitor_note(visitor, RECORD_SENT, NULL, SENT_ORDER, 0);
    else if (visitor->tries == 0 && phase == PHASE_DROP)
        visitor_note(visitor, RECORD_SENT, NULL, SENT_DROP, 0);
    else if (visitor->tries == 0 && phase == PHASE_HOLD)
        note_hold_sending(visitor);
}

void visitor_due(struct crowd *crowd, const struct due *due)
{
    struct visitor *visitor = &crowd->visitors[due->visitor];
    if (visitor->ended || due->turn != visitor->turn ||
        (visitor->phase == PHASE_AWAY && !arrive(visitor)))
        return;
    if (visitor->phase == PHASE_LISTEN) {
        visitor_listen(visitor);
        return;
    }
    if (visitor->phase == PHASE_JOIN && visitor->asked_us == 0)
        visitor->asked_us = due->at_us;
    if (visitor->phase == PHASE_PASS)
        visitor_prepare_trick(visitor);
    note_sending(visitor);
    visitor->call = (struct pool_call){
        .write = visitor_ask, .on_answer = on_answer, .ctx = visitor, .due_us = due->at_us};
    pool_ask(pool_for(visitor), &visitor->call);
}

/* ---- all of them ---- */

static uint16_t manner_drawn(const struct crowd *crowd)
{
    unsigned manner = 0;
    for (unsigned i = 0; i < MANNERS; i++) {
        if (rng_below(crowd->rng, 100) < crowd->scenario->share[i])
            manner |= 1u << i;
    }
    if ((manner & 1u << MANNER_SLOW) !=
        0) /* a slow reader cannot wait for events that it does not read */
        manner &= ~(1u << MANNER_LISTENER);
    return (uint16_t)manner;
}

struct visitor *visitors_create(struct crowd *crowd, uint32_t count, uint32_t first_number)
{
    static_assert(MANNERS <= 16, "a manner is a bit of sixteen");
    struct visitor *visitors = calloc(count, sizeof(*visitors));
    for (uint32_t i = 0; visitors != NULL && i < count; i++) {
        visitors[i].crowd = crowd;
        visitors[i].number = first_number + i;
        visitors[i].party = (uint8_t)(1 + rng_below(crowd->rng, crowd->scenario->party_max));
        visitors[i].manner = manner_drawn(crowd);
    }
    return visitors;
}

void visitors_end(struct crowd *crowd)
{
    for (uint32_t i = 0; i < crowd->visitors_len; i++) {
        if (!crowd->visitors[i].ended)
            visitor_end(&crowd->visitors[i], END_PATIENCE);
    }
}
