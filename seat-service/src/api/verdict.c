/* verdict.c: one table. Codes are the engine's own names of its verdicts, so that log, metric and
 * answer say the same word. */
#include "api/verdict.h"

#include <assert.h>

static const struct {
    unsigned status;
    const char *detail;
} told[ENGINE_VERDICT_COUNT] = {
    [ENGINE_NO_SEATS] = {422, "at least one seat or place has to be named"},
    [ENGINE_TOO_MANY] = {422, "more seats than one hold may have"},
    [ENGINE_TWICE] = {422, "a seat is named twice"},
    [ENGINE_UNKNOWN] = {422, "there is no such seat, area or category"},
    [ENGINE_NOT_IN_HOLD] = {422, "a seat to remove is not in the hold"},
    [ENGINE_MIXED] = {422, "seats and places of an area cannot be in one hold"},
    [ENGINE_CHANNEL] = {403, "a seat belongs to an allocation; its code is needed"},
    [ENGINE_NOT_ON_SALE] = {409, "this is not on sale now"},
    [ENGINE_BUYER_LIMIT] = {409, "more seats than one buyer may have"},
    [ENGINE_ACCESS] = {403, "an accessible seat is kept for people who need it"},
    [ENGINE_COMPANION] = {422, "a companion's seat goes with its accessible seat"},
    [ENGINE_TABLE] = {422, "this table is sold whole"},
    [ENGINE_ORPHAN] = {409, "a single seat would be left over"},
    [ENGINE_TAKEN] = {409, "seats are held or sold by now; nothing was taken"},
    [ENGINE_SOLD_OUT] = {409, "nothing is left that fits"},
    [ENGINE_NO_HOLD] = {410, "the hold is not there any more"},
    [ENGINE_EXPIRED] = {410, "the hold has run out"},
    [ENGINE_BUSY] = {409, "another change of this hold is under way; try again"},
    [ENGINE_PAYING] = {409, "an order has this hold; it can be changed by the order only"},
    [ENGINE_SOLD] = {409, "the seats of this hold are sold"},
    [ENGINE_NOT_SOLD] = {409, "the seats of this hold are not sold"},
    [ENGINE_OTHER_ORDER] = {409, "another order has this hold"},
    [ENGINE_NO_ORDER] = {404, "no such order has this hold"},
    [ENGINE_GONE] = {409, "the hold had run out and its seats have gone to somebody else"},
    [ENGINE_HARD_END] = {409, "the hold cannot be extended any further"},
    [ENGINE_BY_ORDER] = {409, "an order has bought these seats, and its tickets name them; they do "
                              "not move without the tickets"},
    [ENGINE_DIFFERS] = {409, "the hold is not what this order bought, or costs something else"},
    [ENGINE_FULL] = {503, "a bound of the engine is reached; try again"},
};

void verdict_alternatives(struct text *text, const struct call *call, const struct engine_ask *ask)
{
    struct engine_offer offers[ALTERNATIVES_MAX];
    struct engine *engine = call->event->engine;
    const struct plan *plan = call->event->plan->plan;
    uint32_t count = engine_alternatives(engine, ask, call->now_ms, offers);
    json_key(text, "alternatives");
    json_open(text, '[');
    for (uint32_t i = 0; i < count; i++) {
        json_open(text, '{');
        json_key(text, "seats");
        render_guids(text, plan, offers[i].seats, offers[i].count);
        json_member_u64(text, "total",
                        render_total(engine, plan, engine_price_list(engine), offers[i].seats,
                                     offers[i].count));
        json_close(text, '}');
    }
    json_close(text, ']');
}

static void put_members(struct text *text, const struct call *call, enum engine_verdict verdict,
                        const struct engine_op *op, const struct engine_ask *ask)
{
    const struct plan *plan = call->event->plan->plan;
    switch (verdict) {
    case ENGINE_TWICE:
    case ENGINE_UNKNOWN:
    case ENGINE_NOT_IN_HOLD:
    case ENGINE_CHANNEL:
    case ENGINE_ACCESS:
    case ENGINE_COMPANION:
    case ENGINE_TABLE:
    case ENGINE_ORPHAN:
        if (op->seat < plan_seat_count(plan))
            json_member_str(text, "seat", plan_seat(plan, op->seat).guid);
        break;
    case ENGINE_NOT_ON_SALE:
        render_member_time(text, "opens_at", op->opens_ms);
        break;
    case ENGINE_BUYER_LIMIT:
    case ENGINE_TOO_MANY:
        json_member_u64(text, "limit", op->limit);
        json_member_u64(text, "has", op->has);
        break;
    case ENGINE_TAKEN:
    case ENGINE_GONE:
        json_key(text, "seats");
        render_guids(text, plan, op->lost, op->lost_count);
        if (ask != NULL && ask->seat_count > 0)
            verdict_alternatives(text, call, ask);
        break;
    default:
        break;
    }
}

void verdict_reply(struct call *call, enum engine_verdict verdict, const struct engine_op *op,
                   const struct engine_ask *ask)
{
    assert(told[verdict].status != 0);
    const char *code = engine_verdict_name(verdict);
    if (told[verdict].status == 503) {
        call_unavailable(call, code, told[verdict].detail);
        return;
    }
    if (verdict == ENGINE_TAKEN || verdict == ENGINE_SOLD_OUT)
        atomic_fetch_add_explicit(&call->loop->conf.stats->conflicts, 1, memory_order_relaxed);
    struct text members = loop_text(call->loop);
    put_members(&members, call, verdict, op, ask);
    assert(!members.overflown);
    call_problem(call, told[verdict].status, code, told[verdict].detail, text_span(&members));
}
