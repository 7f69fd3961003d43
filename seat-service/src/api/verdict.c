/* verdict.c: the engine's verdicts over HTTP, from the same list as the engine's enum
 * (core/engine/verdicts.h). Codes are the engine's own, so that logs, metrics and responses use the
 * same word. */
#include "api/verdict.h"

#include "access/hold_id.h"
#include "access/rate.h"
#include "base/json_time.h"
#include "loop/pending.h"
#include "shell_limits.h"

#include <assert.h>

static const struct {
    unsigned status;
    enum engine_tells tells;
    const char *detail;
} replies[ENGINE_VERDICT_COUNT] = {
#define ROW(NAME, CODE, STATUS, TELLS, DETAIL)                                                     \
    [ENGINE_##NAME] = {STATUS, ENGINE_TELLS_##TELLS, DETAIL},
    ENGINE_VERDICTS(ROW)
#undef ROW
};

void verdict_charge(const struct call *call, uint32_t searched)
{
    uint32_t per_s = plan_limits(call->event->plan->plan)->rate_per_session_per_s;
    rate_charge(call->loop->conf.rate, call->who.session, per_s, searched / SEARCH_OF_REQUEST,
                http_req_started_us(call->req));
}

void verdict_alternatives(struct text *text, const struct call *call, const struct engine_ask *ask)
{
    uint32_t searched;
    struct engine_offer offers[ALTERNATIVES_MAX];
    const struct plan *plan = call->event->plan->plan;
    uint32_t count = engine_alternatives(call->event->engine, ask, call->now_ms, offers, &searched);
    verdict_charge(call, searched);
    json_member_open(text, "alternatives", '[');
    for (uint32_t i = 0; i < count; i++) {
        json_open(text, '{');
        json_key(text, "seats");
        render_guids(text, plan, offers[i].seats, offers[i].count);
        json_member_u64(text, "total", offers[i].total);
        json_close(text, '}');
    }
    json_close(text, ']');
}

void verdict_reply_proven(struct call *call, enum engine_verdict verdict,
                          const struct engine_op *op, const struct engine_ask *ask)
{
    assert(replies[verdict].status != 0);
    if (verdict == ENGINE_TAKEN || verdict == ENGINE_SOLD_OUT)
        atomic_fetch_add_explicit(&call->loop->conf.stats->conflicts, 1, memory_order_relaxed);
    struct text members = loop_text(call->loop);
    const struct plan *plan = call->event->plan->plan;
    switch (replies[verdict].tells) {
    case ENGINE_TELLS_PRICE:
        json_member_u64(&members, "price", op->price);
        __attribute__((fallthrough));
    case ENGINE_TELLS_SEAT:
        if (op->seat < plan_seat_count(plan))
            json_member_str(&members, "seat", plan_seat(plan, op->seat).guid);
        break;
    case ENGINE_TELLS_OPENS:
        json_member_time(&members, "opens_at", op->opens_ms);
        break;
    case ENGINE_TELLS_LIMIT:
        json_member_u64(&members, "limit", op->limit);
        json_member_u64(&members, "has", op->has);
        break;
    case ENGINE_TELLS_LOST:
        json_key(&members, "seats");
        render_guids(&members, plan, op->lost, op->lost_count);
        if (ask != NULL && ask->seat_count > 0)
            verdict_alternatives(&members, call, ask);
        break;
    case ENGINE_TELLS_NOTHING:
        break;
    }
    assert(!members.overflown);
    call_refuse_with(call, &(struct call_refusal){
                               .status = replies[verdict].status,
                               .code = engine_verdict_name(verdict),
                               .retry_after_s = replies[verdict].status == 503 ? 1 : 0,
                               .detail = replies[verdict].detail,
                               .members = text_span(&members),
                           });
}

static void finish_refused(struct call *call, const struct engine_op *op)
{
    verdict_reply_proven(call, call->verdict, op, NULL);
}

void verdict_reply(struct call *call, enum engine_verdict verdict, const struct engine_op *op,
                   const struct engine_ask *ask)
{
    const struct journal *journal = call->loop->conf.journal;
    if (!journal_is_unproven(journal) && !journal_is_stuck(journal, call->event->nth)) {
        verdict_reply_proven(call, verdict, op, ask);
        return;
    }
    struct commit_entry *entry = pending_entry(call);
    if (entry == NULL)
        return;
    if (op != NULL)
        entry->op = *op;
    call->verdict = verdict;
    call->finish = finish_refused;
    pending_prove(call, entry);
}

void verdict_go_on(struct call *call, enum engine_verdict verdict, struct commit_entry *entry,
                   const struct engine_ask *ask)
{
    assert(call->finish != NULL);
    if (verdict == ENGINE_OK) {
        pending_commit(call, entry);
        return;
    }
    if (verdict == ENGINE_SAME)
        call->finish(call, &entry->op);
    else
        verdict_reply(call, verdict, &entry->op, ask);
    pending_drop(entry);
}

void verdict_reply_hold(struct call *call, unsigned status, uint64_t hold, const unsigned *flags)
{
    struct engine_hold_view view;
    enum engine_verdict verdict = engine_hold_read(call->event->engine, hold, &view);
    if (verdict != ENGINE_OK) {
        verdict_reply(call, verdict, NULL, NULL);
        return;
    }
    struct span event = span_of(call->event->id);
    struct hold_id name = hold_id_make(call->loop->conf.hold_keys, event, hold);
    struct render_event shown = call_view(call);
    struct text body = loop_text(call->loop);
    json_open(&body, '{');
    render_hold(&body, &shown, name.text, &view);
    if (flags != NULL)
        render_choice(&body, *flags);
    json_close(&body, '}');

    char memory[192];
    struct text headers = text_on(memory, sizeof(memory));
    if (status == 201) {
        TEXT_LIT(&headers, "Location: /v1/seats/");
        text_put(&headers, event);
        TEXT_LIT(&headers, "/holds/");
        text_str(&headers, name.text);
        TEXT_LIT(&headers, "\r\n");
    }
    call_reply(call, status, &body, text_span(&headers));
}
