/* visitor.c: a life, as a table of phases: each has a request (visitor_ask.c) and what its answer
 * means (visitor_line.c, visitor_seats.c, visitor_order.c).
 *
 *     page -> join -> wait ... wait  -> pass -> look -> hold -> order -> pay -> watch -> tickets
 *               solve   listen                              -> extend -> confirm, if the seats
 * alone are the matter
 *
 * Whatever refuses for the moment (429, 503, no answer) is asked again later under the same key,
 * with the pause that the service named or one that doubles, a bounded number of times. How
 * somebody behaves is drawn once, at the start, from the run's seed.
 *
 * Invariant: of the instants in the schedule at most one is the visitor's present turn, and none
 * while a call or a proof of work is under way. */
#include "visitor/visitor_internal.h"

#include "base/rfc3339.h"
#include "system/system.h"

#include <assert.h>
#include <stdio.h>

const char *const phase_names[PHASES] = {
    [PHASE_AWAY] = "away",       [PHASE_PAGE] = "page",       [PHASE_JOIN] = "join",
    [PHASE_SOLVE] = "solve",     [PHASE_WAIT] = "me",         [PHASE_LISTEN] = "listen",
    [PHASE_PASS] = "pass",       [PHASE_REPASS] = "repass",   [PHASE_PLAN] = "plan",
    [PHASE_LOOK] = "look",       [PHASE_HOLD] = "hold",       [PHASE_ORDER] = "order",
    [PHASE_SHARE] = "share",     [PHASE_PAY] = "pay",         [PHASE_WATCH] = "watch",
    [PHASE_RETURN] = "return",   [PHASE_TICKETS] = "tickets", [PHASE_SECOND] = "second",
    [PHASE_DROP] = "drop",       [PHASE_LEAVE] = "leave",     [PHASE_EXTEND] = "extend",
    [PHASE_CONFIRM] = "confirm", [PHASE_OVER] = "over",
};

uint64_t visitor_now_us(void)
{
    return system_mono_us();
}

uint64_t visitor_wall_us(void)
{
    return system_wall_us();
}

uint64_t visitor_hash(struct span text)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.ptr[i]) * UINT64_C(1099511628211);
    return hash;
}

/* ---- what is kept ---- */

void visitor_note_flagged(struct visitor *visitor, enum record_kind kind,
                          const struct pool_answer *answer, uint64_t value, uint64_t more,
                          unsigned flags)
{
    struct record record = {
        .at_us = visitor_wall_us(),
        .value = value,
        .more = more,
        .visitor = visitor->number,
        .took_us = answer != NULL ? (uint32_t)answer->took_us : 0,
        .status = answer != NULL ? (uint16_t)answer->status : 0,
        .kind = (uint8_t)kind,
        .flags = (uint8_t)flags,
    };
    if (kind == RECORD_JOIN || kind == RECORD_ENTRY) /* an earlier try may have got it */
        record.took_us = (uint32_t)(visitor_now_us() - visitor->asked_us);
    recorder_put(visitor->crowd->recorder, &record);
}

void visitor_note(struct visitor *visitor, enum record_kind kind, const struct pool_answer *answer,
                  uint64_t value, uint64_t more)
{
    visitor_note_flagged(visitor, kind, answer, value, more, 0);
}

uint64_t visitor_time_us(const struct pool_answer *answer, const char *key)
{
    struct span text;
    uint64_t at_ms;
    return peek_str(answer->body, key, &text) && rfc3339_parse(text, &at_ms) ? at_ms * 1000 : 0;
}

void visitor_step(struct visitor *visitor, const struct pool_answer *answer)
{
    visitor_note(visitor, RECORD_STEP, answer, visitor->phase, 0);
}

void visitor_trick(struct visitor *visitor, enum record_trick trick,
                   const struct pool_answer *answer, bool worked, uint64_t more)
{
    struct crowd_stats *stats = visitor->crowd->stats;
    visitor_count(worked ? &stats->tricks_worked[trick] : &stats->tricks_met[trick], 1);
    visitor_note(visitor, RECORD_TRICK, answer, trick, more);
}

/* ---- moving ---- */

void visitor_enter(struct visitor *visitor, enum phase phase)
{
    struct crowd_stats *stats = visitor->crowd->stats;
    if (visitor->phase == phase)
        return;
    atomic_fetch_sub_explicit(&stats->in[visitor->phase], 1, memory_order_relaxed);
    visitor->phase = (uint8_t)phase;
    visitor->tries = 0;
    visitor_count(&stats->in[phase], 1);
}

void visitor_end(struct visitor *visitor, enum record_end how)
{
    assert(!visitor->ended);
    visitor_stop_listening(visitor);
    visitor->ended = true;
    visitor_enter(visitor, PHASE_AWAY);
    free(visitor->baggage);
    free(visitor->proof);
    visitor->baggage = NULL;
    visitor->proof = NULL;
    visitor->crowd->here--;
    visitor->crowd->ended++;
    visitor_count(&visitor->crowd->stats->ended[how], 1);
    visitor_note(visitor, RECORD_END, NULL, how, 0);
}

void visitor_later(struct visitor *visitor, enum phase phase, uint64_t in_ms)
{
    struct crowd *crowd = visitor->crowd;
    visitor_enter(visitor, phase);
    struct due due = {.at_us = visitor_now_us() + in_ms * 1000,
                      .visitor = (uint32_t)(visitor - crowd->visitors),
                      .turn = ++visitor->turn};
    schedule_add(crowd->schedule, &due);
}

uint64_t visitor_between_ms(const struct visitor *visitor, uint64_t low, uint64_t high)
{
    return low + rng_below(visitor->crowd->rng, high - low + 1);
}

void visitor_again(struct visitor *visitor, const struct pool_answer *answer)
{
    visitor_note(visitor, RECORD_OTHER, answer, visitor->phase, 0);
    if (++visitor->tries >= VISITOR_TRIES_MAX) {
        visitor_end(visitor, answer->rc == 0 ? END_TURNED : END_FAILED);
        return;
    }
    uint64_t pause_ms = UINT64_C(500) << (visitor->tries - 1);
    if (pause_ms > VISITOR_AGAIN_MAX_MS)
        pause_ms = VISITOR_AGAIN_MAX_MS;
    if (answer->retry_after_s > 0)
        pause_ms = answer->retry_after_s * 1000u;
    visitor_later(visitor, visitor->phase, visitor_between_ms(visitor, pause_ms, pause_ms * 3 / 2));
}

bool visitor_is_for_later(const struct pool_answer *answer)
{
    return answer->rc != 0 || answer->status == 429 || answer->status == 503 ||
           answer->status == 502 || answer->status == 504;
}

bool visitor_has_code(const struct pool_answer *answer, const char *code)
{
    struct span text;
    return peek_str(answer->body, "code", &text) && span_eq(text, span_of(code));
}

void visitor_unexpected(struct visitor *visitor, const struct pool_answer *answer)
{
    visitor_note(visitor, RECORD_OTHER, answer, visitor->phase, 0);
    if (getenv("CROWD_DEBUG") != NULL)
        fprintf(stderr, "visitor %u in %s: %u %.*s\n", visitor->number, phase_names[visitor->phase],
                answer->status, (int)(answer->body.len < 400 ? answer->body.len : 400),
                answer->body.ptr);
    visitor_end(visitor, END_FAILED);
}

/* ---- calls ---- */

static void on_answer(void *ctx, const struct pool_answer *answer)
{
    static visitor_heard *const meaning[PHASES] = {
        [PHASE_PAGE] = visitor_on_page,     [PHASE_JOIN] = visitor_on_join,
        [PHASE_WAIT] = visitor_on_wait,     [PHASE_PASS] = visitor_on_pass,
        [PHASE_REPASS] = visitor_on_repass, [PHASE_PLAN] = visitor_on_plan,
        [PHASE_LOOK] = visitor_on_look,     [PHASE_HOLD] = visitor_on_hold,
        [PHASE_ORDER] = visitor_on_order,   [PHASE_SHARE] = visitor_on_share,
        [PHASE_PAY] = visitor_on_pay,       [PHASE_WATCH] = visitor_on_watch,
        [PHASE_RETURN] = visitor_on_return, [PHASE_TICKETS] = visitor_on_tickets,
        [PHASE_SECOND] = visitor_on_second, [PHASE_DROP] = visitor_on_leave,
        [PHASE_LEAVE] = visitor_on_leave,   [PHASE_EXTEND] = visitor_on_step,
        [PHASE_CONFIRM] = visitor_on_step,  [PHASE_OVER] = visitor_on_over,
    };
    struct visitor *visitor = ctx;
    if (visitor->ended)
        return; /* the run was over before the answer came */
    struct crowd_stats *stats = visitor->crowd->stats;
    unsigned class = answer->rc == 0 && answer->status < 600 ? answer->status / 100 : 0;
    visitor_count(&stats->answers[class], 1);
    histogram_record(&stats->took[visitor->phase], answer->took_us);
    meaning[visitor->phase](visitor, answer);
}

/* Each call of a visitor may reach another front, as behind an edge. */
static struct pool *pool_for(const struct visitor *visitor)
{
    const struct crowd *crowd = visitor->crowd;
    switch ((enum phase)visitor->phase) {
    case PHASE_PLAN:
    case PHASE_LOOK:
    case PHASE_HOLD:
    case PHASE_SECOND:
    case PHASE_DROP:
        return crowd->seats;
    case PHASE_EXTEND:
    case PHASE_CONFIRM:
        return crowd->saga;
    case PHASE_ORDER:
    case PHASE_SHARE:
    case PHASE_WATCH:
    case PHASE_TICKETS:
    case PHASE_OVER:
        return crowd->pay;
    case PHASE_PAY:
        return crowd->psp;
    default:
        return crowd->queue[(visitor->number + visitor->turn) % crowd->fronts];
    }
}

/* Straight to the seats; false if the visitor's way ended here. */
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
    crowd->here++;
    visitor_count(&crowd->stats->arrived, 1);
    visitor_note(visitor, RECORD_WHO, NULL, visitor->manner, 0);
    if (crowd->passes != NULL)
        return enter_with_pass(visitor);
    visitor_enter(visitor, crowd->scenario->page ? PHASE_PAGE : PHASE_JOIN);
    return true;
}

/* What counts from its sending on, since the answer may be lost or come when the run is over. */
static void note_sending(struct visitor *visitor)
{
    enum phase phase = (enum phase)visitor->phase;
    if (visitor->tries == 0 && (phase == PHASE_ORDER || phase == PHASE_EXTEND))
        visitor_note(visitor, RECORD_SENT, NULL, SENT_ORDER, 0);
    else if (visitor->tries == 0 && phase == PHASE_DROP)
        visitor_note(visitor, RECORD_SENT, NULL, SENT_DROP, 0);
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
        0) /* a visitor that does not read cannot wait for what it would read */
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
        struct visitor *visitor = &crowd->visitors[i];
        if (visitor->ended)
            continue;
        if (visitor->phase == PHASE_AWAY)
            crowd->here++;
        visitor_end(visitor, END_PATIENCE);
    }
}
