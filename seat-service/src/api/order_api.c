/* order_api.c: the checkout's calls for a hold during payment.
 *
 * The engine stores which order has a hold, so a repeat returns the same response without a second
 * change: no idempotency key is needed. Releasing or refunding a hold that is already gone
 * succeeds.
 *
 * The saga moves money because of these responses, so a response without a write waits until the
 * journal has proven that we still own the event: a process that was stopped has a stale state, and
 * would report a hold taken since as gone.
 *
 * A sold seat is moved only here, for the saga that replaces its ticket. */
#include "api/order_api.h"
#include "access/hold_id.h"
#include "access/pass.h"
#include "api/request.h"
#include "api/verdict.h"
#include "base/json_in.h"
#include "loop/ended.h"
#include "loop/pending.h"
#include "sale/purchase.h"

#include <assert.h>

#define ORDER_FEES_MAX (UINT64_C(1) << 53) /* the largest integer that JSON carries exactly */

enum { PAY_TTL_DEFAULT_S = 600, PAY_TTL_MAX_S = 7200, MEMBER_NAME_MAX = 64 };
enum { ORDER_BODY_MAX = 32 * 1024 }; /* a hold's seats twice, all escaped */

static const struct {
    const char *word;
    size_t counter; /* in the loop's counters; 0: not counted */
} kinds[CHANGE_KIND_COUNT] = {
    [CHANGE_EXTENDED] = {"extended", offsetof(struct counter_stats, extended)},
    [CHANGE_CONFIRMED] = {"confirmed", offsetof(struct counter_stats, confirmed)},
    [CHANGE_RELEASED] = {"released", offsetof(struct counter_stats, released)},
    [CHANGE_FORGOTTEN] = {"released", offsetof(struct counter_stats, released)},
    [CHANGE_REFUNDED] = {"refunded", offsetof(struct counter_stats, refunded)},
    [CHANGE_MOVED] = {"moved", 0},
};

/* {verdict, ...the hold, if it still exists}. Repeats get the same response, but are not counted
 * again. */
static void finish(struct call *call, const struct engine_op *op)
{
    bool retaken =
        op->change.kind == CHANGE_CONFIRMED && op->change.verdict == CHANGE_VERDICT_RETAKEN;
    struct counter_stats *stats = call->loop->conf.stats;
    struct span event = span_of(call->event->id);
    struct hold_id name = hold_id_make(call->loop->conf.hold_keys, event, op->change.hold);
    struct render_event shown = call_view(call);
    struct engine_hold_view view;
    struct text body = loop_text(call->loop);
    if (call->verdict != ENGINE_OK && call->verdict != ENGINE_SAME) {
        verdict_reply_proven(call, call->verdict, op, NULL);
        return;
    }
    const char *word = kinds[op->change.kind].word;
    size_t counter =
        retaken ? offsetof(struct counter_stats, retaken) : kinds[op->change.kind].counter;
    if (call->verdict == ENGINE_OK && counter != 0)
        atomic_fetch_add_explicit((_Atomic uint64_t *)(void *)((char *)stats + counter), 1,
                                  memory_order_relaxed);
    json_open(&body, '{');
    json_member_cstr(&body, "verdict", retaken ? "retaken" : word != NULL ? word : "unknown");
    if (engine_hold_read(call->event->engine, op->change.hold, &view) == ENGINE_OK) {
        render_hold(&body, &shown, name.text, &view);
    } else {
        json_member_cstr(&body, "hold", name.text);
        json_member_cstr(&body, "state", "gone");
        render_times(&body, shown.now_ms);
    }
    json_close(&body, '}');
    call_reply(call, 200, &body, (struct span){NULL, 0});
}

static void go_on(struct call *call, enum engine_verdict verdict, struct commit_entry *entry)
{
    call->verdict = verdict;
    call->finish = finish;
    if (verdict == ENGINE_OK)
        pending_commit(call, entry);
    else
        pending_prove(call, entry);
}

struct order {
    struct engine_order who;
    uint64_t pay_ttl_s;
    struct engine_purchase purchase; /* `who` points here if the request has one */
    bool part;                       /* of a refund: these seats, or all places except `keep` */
    uint32_t seats[REQUEST_SEATS_MAX], seats_len;
    uint64_t keep;
};

/* {digest, fees, terms}: places and prices are the hold's own, and not sent. */
static void read_purchase(struct json_in *in, struct order *order)
{
    struct json_in child;
    struct span digest = {NULL, 0};
    if (!json_in_child(in, "purchase", &child))
        return;
    json_in_require(&child, "digest");
    if (json_in_str(&child, "digest", 1, PURCHASE_DIGEST_CHARS, &digest) &&
        !purchase_digest_parse(digest, order->purchase.digest))
        json_in_refuse(&child, "digest", "must be %d letters of base64url", PURCHASE_DIGEST_CHARS);
    json_in_u64(&child, "fees", 0, ORDER_FEES_MAX, &order->purchase.fees);
    json_in_str(&child, "terms", 0, PURCHASE_TERMS_MAX, &order->purchase.terms);
    json_in_end(&child);
    order->who.purchase = &order->purchase;
}

/* Returns false if it has responded. Texts are borrowed from the document. */
static bool read_order(struct call *call, json_t *doc, struct order *order)
{
    struct err_slot err = {0};
    struct json_in in;
    json_t *seats = NULL;
    struct span member = {NULL, 0}; /* with extend; absent: the hold keeps its buyer */
    *order = (struct order){.pay_ttl_s = PAY_TTL_DEFAULT_S};
    order->purchase.event = span_of(call->event->id);
    json_in_object(&in, doc, &err);
    json_in_require(&in, "order");
    json_in_str(&in, "order", 1, CHANGE_TEXT_MAX, &order->who.id);
    if (json_in_str(&in, "member", 1, MEMBER_NAME_MAX, &member))
        order->who.buyer = pass_hash(member);
    json_in_u64(&in, "pay_ttl_s", 1, PAY_TTL_MAX_S, &order->pay_ttl_s);
    read_purchase(&in, order);
    bool keeps = json_in_u64(&in, "keep", 1, HOLD_AREA_QUANTITY_MAX, &order->keep);
    order->part = json_in_array(&in, "seats", 1, REQUEST_SEATS_MAX, &seats) || keeps;
    return request_end(call, &in, &err) &&
           (seats == NULL || request_seats(call, seats, "seats", order->seats, &order->seats_len));
}

enum action { EXTEND, CONFIRM, RELEASE, REFUND, ACTIONS };

static const char *const actions[ACTIONS] = {"extend", "confirm", "release", "refund"};

static enum engine_verdict act(struct call *call, enum action action, uint64_t hold,
                               const struct order *order, struct engine_op *op)
{
    struct engine *engine = call->event->engine;
    struct span id = order->who.id;
    const struct engine_purchase *purchase = order->who.purchase;
    assert(action < ACTIONS);
    if (action == EXTEND)
        return engine_extend(engine, hold, &order->who, order->pay_ttl_s * 1000, call->now_ms, op);
    if (action == CONFIRM)
        return engine_confirm(engine, hold, id, purchase != NULL ? purchase->digest : NULL,
                              call->now_ms, op);
    if (action == RELEASE)
        return engine_order_release(engine, hold, id, call->now_ms, op);
    if (order->part)
        return engine_refund_part(engine, hold, id, order->seats, order->seats_len,
                                  (uint32_t)order->keep, call->now_ms, op);
    return engine_refund(engine, hold, id, call->now_ms, op);
}

static void post_action(struct http_req *req)
{
    struct call call;
    struct order order;
    uint64_t hold;
    json_t *doc;
    enum action action = 0;
    while (action < ACTIONS && !span_eq(http_req_param(req, 2), span_of(actions[action])))
        action++;
    if (action == ACTIONS) {
        call = (struct call){.req = req, .loop = loop_of(req)};
        call_refuse(&call, REFUSAL_ACTION_UNKNOWN);
        return;
    }
    if (!request_event(&call, req) || !request_hold(&call, &hold) || !request_body(&call, &doc))
        return;
    struct commit_entry *entry = NULL;
    if (read_order(&call, doc, &order) && (entry = pending_entry(&call)) != NULL) {
        enum engine_verdict verdict = act(&call, action, hold, &order, &entry->op);
        /* If nothing is left to give back, release and refund succeed. */
        if (action >= RELEASE && verdict == ENGINE_NO_HOLD) {
            change_init(&entry->op.change, action == REFUND ? CHANGE_REFUNDED : CHANGE_RELEASED,
                        call.now_ms);
            entry->op.change.hold = hold;
            verdict = ENGINE_SAME;
        }
        if (verdict == ENGINE_GONE)
            atomic_fetch_add_explicit(&call.loop->conf.stats->late_gone, 1, memory_order_relaxed);
        go_on(&call, verdict, entry);
    }
    json_decref(doc);
}

/* ---- moving sold seats ---- */

struct move {
    struct span order;
    uint32_t from[REQUEST_SEATS_MAX], to[REQUEST_SEATS_MAX];
    uint32_t from_len, to_len;
};

/* {order, from, to}: from[i] is replaced by to[i]. Returns false if it has responded. */
static bool read_move(struct call *call, json_t *doc, struct move *move)
{
    struct err_slot err = {0};
    struct json_in in;
    json_t *from = NULL, *to = NULL;
    json_in_object(&in, doc, &err);
    json_in_require(&in, "order");
    json_in_str(&in, "order", 1, CHANGE_TEXT_MAX, &move->order);
    json_in_require(&in, "from");
    json_in_require(&in, "to");
    json_in_array(&in, "from", 1, HOLD_SEATS_MAX, &from);
    json_in_array(&in, "to", 1, HOLD_SEATS_MAX, &to);
    if (to != NULL && json_array_size(to) != json_array_size(from))
        json_in_refuse(&in, "to", "must have as many seats as from");
    return request_end(call, &in, &err) &&
           request_seats(call, from, "from", move->from, &move->from_len) &&
           request_seats(call, to, "to", move->to, &move->to_len);
}

static bool same_categories(const struct plan *plan, const struct move *move)
{
    const struct plan_facts *facts = plan_facts(plan);
    for (uint32_t i = 0; i < move->from_len; i++) {
        if (facts->category[move->from[i]] != facts->category[move->to[i]])
            return false;
    }
    return true;
}

/* The move has begun and is undone at once, so that the same rules check it; nothing is journaled
 * or promised. */
static void answer_movable(struct call *call, enum engine_verdict verdict, const struct move *move,
                           struct commit_entry *entry)
{
    if (verdict == ENGINE_OK)
        engine_undo(call->event->engine, &entry->op);
    if (verdict == ENGINE_OK || verdict == ENGINE_SAME) {
        struct text body = loop_text(call->loop);
        json_open(&body, '{');
        json_member_bool(&body, "same_category", same_categories(call->event->plan->plan, move));
        json_close(&body, '}');
        call_reply(call, 200, &body, (struct span){NULL, 0});
    } else {
        verdict_reply(call, verdict, &entry->op, NULL);
    }
    pending_drop(entry);
}

static void move_seats(struct http_req *req, bool only_asks)
{
    struct call call;
    struct move move = {0};
    uint64_t hold;
    json_t *doc;
    if (!request_event(&call, req) || !request_hold(&call, &hold) || !request_body(&call, &doc))
        return;
    struct commit_entry *entry = NULL;
    if (read_move(&call, doc, &move) && (entry = pending_entry(&call)) != NULL) {
        enum engine_verdict verdict = engine_move(call.event->engine, hold, move.order, move.from,
                                                  move.to, move.from_len, call.now_ms, &entry->op);
        if (only_asks)
            answer_movable(&call, verdict, &move, entry);
        else
            go_on(&call, verdict, entry);
    }
    json_decref(doc);
}

/* For the saga that replaces these seats' tickets. The purchase and its digest stay unchanged: the
 * price is paid, and a move is separate from the sale. */
static void post_move(struct http_req *req)
{
    move_seats(req, false);
}

/* Whether these seats could move. For a caller that has to void their tickets first, which is
 * final. */
static void post_movable(struct http_req *req)
{
    move_seats(req, true);
}

/* The state of a hold, for a caller that must decide by it. */
static void get_hold(struct http_req *req)
{
    struct call call;
    uint64_t hold;
    if (request_event(&call, req) && request_hold(&call, &hold))
        verdict_reply_hold(&call, 200, hold, NULL);
}

/* The waiting room or the operator ends a session, which invalidates its passes. */
static void post_session_end(struct http_req *req)
{
    ended_session(loop_of(req)->conf.ended, req, http_req_param(req, 0));
}

const struct http_route order_api_routes[] = {
    {HTTP_METHOD_POST, "/internal/events/{event}/holds/{hold}/{action}", post_action, NULL,
     ORDER_BODY_MAX},
    {HTTP_METHOD_POST, "/internal/events/{event}/holds/{hold}/move", post_move, NULL,
     ORDER_BODY_MAX},
    {HTTP_METHOD_POST, "/internal/events/{event}/holds/{hold}/movable", post_movable, NULL,
     ORDER_BODY_MAX},
    {HTTP_METHOD_GET, "/internal/events/{event}/holds/{hold}", get_hold, NULL, 0},
    {HTTP_METHOD_POST, "/internal/sessions/{session}/end", post_session_end, NULL, ORDER_BODY_MAX},
    {.pattern = NULL},
};
