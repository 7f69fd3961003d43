/* buyer_api.c: turns a request into a call of the engine, and the result into a response.
 *
 * Every call passes the same checks: the event is here and open, the pass is valid, the session is
 * within its rate. Changes then check their idempotency key. Only then does a request reach the
 * engine. */
#include "api/buyer_api.h"

#include "access/hold_id.h"
#include "api/hall_api.h"
#include "api/plain_page.h"
#include "api/request.h"
#include "api/verdict.h"
#include "base/ip.h"
#include "base/json_in.h"
#include "base/json_time.h"
#include "loop/pending.h"
#include "loop/retry.h"
#include "loop/stream.h"
#include "page/form.h"
#include "shell_limits.h"
#include "web/visit.h"

#include <assert.h>
#include <string.h>

/* ---- admission ---- */

/* Verifies the pass, unless too many from this address were wrong: then only known passes are
 * accepted, for *wait_ms more. */
static enum pass_verdict look_at_pass(struct call *call, struct span event, uint64_t *wait_ms,
                                      struct pass *pass)
{
    uint8_t site[IP_BYTES];
    ip_site(http_req_addr(call->req), site);
    struct span who = {(const char *)site, sizeof(site)};
    struct tally *wrong = &call->loop->passes_wrong;
    uint64_t now_ms = http_req_started_us(call->req) / 1000;
    *wait_ms = tally_wait_ms(wrong, who, PASSES_WRONG_MAX, now_ms);
    struct span token = visit_pass(call->req, event);
    enum pass_verdict verdict = *wait_ms == 0 ? pass_check(call->loop->passes, event, token, pass)
                                              : pass_recall(call->loop->passes, event, token, pass);
    if (verdict == PASS_FORGED || verdict == PASS_FOREIGN)
        tally_add(wrong, who, now_ms);
    return verdict;
}

static void refuse_for(struct call *call, enum refusal refusal, uint64_t wait_ms)
{
    struct call_refusal row = call_refusal(refusal);
    row.retry_after_s = (unsigned)(wait_ms / 1000 + 1);
    call_refuse_with(call, &row);
}

static bool judge_pass(struct call *call, struct span event, struct pass *pass)
{
    static const enum refusal refusals[] = {
        [PASS_MISSING] = REFUSAL_PASS_MISSING, [PASS_INVALID] = REFUSAL_PASS_INVALID,
        [PASS_FORGED] = REFUSAL_PASS_INVALID,  [PASS_FOREIGN] = REFUSAL_PASS_FOREIGN,
        [PASS_EXPIRED] = REFUSAL_PASS_EXPIRED, [PASS_ENDED] = REFUSAL_PASS_ENDED,
        [PASS_NO_KEYS] = REFUSAL_KEYS_MISSING, [PASS_UNREAD] = REFUSAL_PASS_UNREAD,
    };
    uint64_t wait_ms;
    enum pass_verdict verdict = look_at_pass(call, event, &wait_ms, pass);
    if (verdict == PASS_OK)
        return true;
    if (verdict == PASS_INVALID && wait_ms > 0)
        refuse_for(call, REFUSAL_PASSES_WRONG, wait_ms);
    else
        call_refuse(call, refusals[verdict]);
    return false;
}

/* An event that the waiting room has deleted and created again is a new one: visitors admitted to
 * the old one have not waited for it. */
static bool judge_incarnation(struct call *call, const struct pass *pass)
{
    if (events_admit(call->event, pass->incarnation))
        return true;
    call_refuse(call, REFUSAL_EVENT_RENEWED);
    return false;
}

static bool judge_rate(struct call *call)
{
    uint64_t retry_ms = 0;
    uint32_t per_s = plan_limits(call->event->plan->plan)->rate_per_session_per_s;
    if (rate_allows(call->loop->conf.rate, call->who.session, per_s, http_req_started_us(call->req),
                    &retry_ms))
        return true;
    refuse_for(call, REFUSAL_REQUESTS, retry_ms);
    return false;
}

/* The channels that the pass opens, with the public. The waiting room has checked the code, so none
 * is needed here; a channel that this event does not have opens nothing. */
static uint32_t opened_by(const struct pass *pass, const struct plan *plan)
{
    for (uint32_t i = 1; pass->channel != 0 && i < plan_channel_count(plan); i++) {
        if (pass_hash(plan_channel(plan, i)->id) == pass->channel)
            return 1 | UINT32_C(1) << i;
    }
    return 1;
}

/* A use costs the visitor's address the time for which it keeps an event awake that nobody else
 * has used. */
static bool pays_for(struct call *call, uint64_t unused_ms, uint64_t *retry_ms)
{
    uint64_t idle_ms = call->loop->conf.idle_ms;
    uint64_t cost_ms = unused_ms < idle_ms ? unused_ms : idle_ms;
    uint8_t site[IP_BYTES];
    ip_site(http_req_addr(call->req), site);
    return rate_spends(call->loop->conf.rate, pass_hash((struct span){(char *)site, sizeof(site)}),
                       cost_ms * 1000 / EVENTS_OF_ADDRESS_MAX, idle_ms * 1000,
                       http_req_started_us(call->req), retry_ms);
}

/* Only visitors with a pass for an event may wake it or keep it awake, because that costs more than
 * a response. A pass of an earlier incarnation is for another event. */
static void wake(struct call *call)
{
    struct span id = http_req_param(call->req, 0);
    struct pass pass;
    struct journal_view view;
    uint64_t retry_ms;
    if (!judge_pass(call, id, &pass))
        return;
    bool known = journal_find(call->loop->conf.journal, id, &view);
    bool asleep = known && view.state == JOURNAL_EVENT_ASLEEP; /* it may have woken since */
    if (known && pass.incarnation < view.incarnation)
        call_refuse(call, REFUSAL_EVENT_RENEWED);
    else if (asleep && !view.asked && !pays_for(call, UINT64_MAX, &retry_ms))
        refuse_for(call, REFUSAL_EVENTS_OF_ADDRESS, retry_ms);
    else
        request_wake(call);
}

/* The event is open or shown. */
static bool judge_visitor(struct call *call)
{
    struct events *events = call->loop->conf.events;
    struct pass pass;
    if (!judge_pass(call, span_of(call->event->id), &pass) || !judge_incarnation(call, &pass))
        return false;
    call->who = (struct engine_who){.buyer = pass.buyer, .session = pass.session};
    call->who.channels = opened_by(&pass, call->event->plan->plan);
    if (!retry_resumes(call->loop->retry, call->req) && !judge_rate(call))
        return false;
    /* Who has woken it has paid, and may find it shown before it is open. Where another process
     * has it, nobody has paid here. */
    struct journal_place place;
    bool paid = !events_is_open(call->event) && !events_was_used(call->event) &&
                !journal_elsewhere(call->loop->conf.journal, call->event->nth, &place);
    uint64_t retry_ms, unused_ms = events_unused_ms(events, call->event);
    if (paid || unused_ms < EVENT_USED_MS || pays_for(call, unused_ms, &retry_ms))
        events_used(events, call->event);
    return true;
}

static bool enter(struct call *call, struct http_req *req)
{
    return request_event_or(call, req, wake) && judge_visitor(call);
}

/* For reads that are the same for all visitors. A standby serves them, too. */
static bool look_in(struct call *call, struct http_req *req)
{
    return request_shown(call, req, wake) && judge_visitor(call);
}

/* ---- idempotency ---- */

/* Repeats a response; its body is made from the hold's current state. */
static void answer_again(struct call *call, const struct idem_answer *answer);

typedef void handler(struct http_req *req);

/* True: proceed. A repeat that arrives before the first response is handled again later, through
 * `again`. */
static bool first_time(struct call *call, handler *again)
{
    /* A form's key is one of its fields; a changed form is another request. */
    struct span key = call->plain != NULL ? http_req_body(call->req)
                                          : http_req_header(call->req, HTTP_HEADER_IDEMPOTENCY_KEY);
    if (key.ptr == NULL)
        return true;
    if (key.len == 0 || (key.len > IDEM_KEY_MAX && call->plain == NULL)) {
        call_refuse(call, REFUSAL_IDEM_KEY);
        return false;
    }
    const struct retry_ask ask = retry_ask(call, again, REFUSAL_OUTCOME_UNKNOWN);
    struct idem_answer answer = {0};
    call->idem = idem_key_of(call->who.session, call->req, key);
    switch (
        idem_begin(call->loop->conf.idem, call->who.session, &call->idem, call->now_ms, &answer)) {
    case IDEM_NEW:
        call->has_idem = true;
        return true;
    case IDEM_RUNNING:
        if (retry_wait(call->loop->retry, &ask))
            break;
        call_refuse(call, REFUSAL_IDEM_RUNNING);
        break;
    case IDEM_OTHER:
        call_refuse(call, REFUSAL_IDEM_REUSED);
        break;
    case IDEM_FULL:
        call_refuse(call, REFUSAL_KEYED_REQUESTS);
        break;
    case IDEM_DONE:
        answer_again(call, &answer);
        break;
    }
    return false;
}

/* ---- replies about holds ---- */

static void answer_again(struct call *call, const struct idem_answer *answer)
{
    const unsigned flags = answer->flags;
    atomic_fetch_add_explicit(&call->loop->conf.stats->replays, 1, memory_order_relaxed);
    call->replayed = true;
    if (answer->kind == CHANGE_RELEASED)
        call_reply(call, 204, NULL, (struct span){NULL, 0});
    else
        verdict_reply_hold(call, answer->kind == CHANGE_TAKEN ? 201 : 200, answer->hold, &flags);
}

static void note_done(struct call *call, const struct engine_op *op)
{
    call->done = (struct idem_answer){op->change.hold, op->change.kind, op->change.flags};
}

static void finish_hold(struct call *call, const struct engine_op *op)
{
    unsigned flags = op->change.flags;
    bool held = op->change.kind == CHANGE_TAKEN;
    struct counter_stats *stats = call->loop->conf.stats;
    atomic_fetch_add_explicit(held ? &stats->holds : &stats->changed, 1, memory_order_relaxed);
    note_done(call, op);
    verdict_reply_hold(call, held ? 201 : 200, op->change.hold, &flags);
}

static void finish_release(struct call *call, const struct engine_op *op)
{
    atomic_fetch_add_explicit(&call->loop->conf.stats->released, 1, memory_order_relaxed);
    note_done(call, op);
    call_reply(call, 204, NULL, (struct span){NULL, 0});
}

/* ---- POST holds ---- */

/* The body, as the engine's request. */
struct wish {
    struct engine_ask ask;
    uint32_t seats[REQUEST_SEATS_MAX];
};

static void read_best(struct call *call, struct json_in *in, struct wish *wish)
{
    struct json_in best;
    struct span category = {NULL, 0};
    uint64_t quantity = 0;
    const struct plan *plan = call->event->plan->plan;
    if (!json_in_child(in, "best_available", &best))
        return;
    wish->ask.best = true;
    wish->ask.adjacent = true;
    json_in_require(&best, "quantity");
    json_in_u64(&best, "quantity", 0, UINT32_MAX, &quantity);
    json_in_bool(&best, "adjacent", &wish->ask.adjacent);
    if (json_in_chars(&best, "category", 1, PLAN_TEXT_MAX, &category)) {
        int found = plan_category_find(plan, category);
        if (found < 0)
            json_in_refuse(&best, "category", "must be a category of this event");
        else
            wish->ask.category = (uint8_t)found;
    }
    wish->ask.quantity = (uint32_t)quantity;
    json_in_end(&best);
}

/* Only bytes, without padding, so that it can be a tally's key. */
struct guesser {
    char event[EVENT_ID_MAX];
    uint8_t who[IP_BYTES]; /* session, or address */
};

static struct guesser guesser_of(const struct call *call, const void *who, size_t len)
{
    struct guesser guesser = {0};
    size_t id_len = strlen(call->event->id);
    assert(id_len <= sizeof(guesser.event));
    assert(len <= sizeof(guesser.who));
    memcpy(guesser.event, call->event->id, id_len);
    memcpy(guesser.who, who, len);
    return guesser;
}

/* Checks a code, unless its session has sent too many wrong ones. Then right and wrong codes get
 * the same refusal, so that a guess reveals nothing. -1: it has responded. */
static int check_code(struct call *call, struct span code)
{
    uint8_t site[IP_BYTES];
    ip_site(http_req_addr(call->req), site);
    const struct guesser session = guesser_of(call, &call->who.session, sizeof(call->who.session));
    const struct guesser address = guesser_of(call, site, sizeof(site));
    const struct span by_session = {(const char *)&session, sizeof(session)};
    const struct span by_address = {(const char *)&address, sizeof(address)};
    struct loop *loop = call->loop;
    struct counter_stats *stats = loop->conf.stats;
    uint64_t now_ms = http_req_started_us(call->req) / 1000;
    bool crowded = tally_wait_ms(&loop->codes_wrong_of_address, by_address,
                                 CODES_WRONG_OF_ADDRESS_MAX, now_ms) > 0;
    uint64_t wait_ms = tally_wait_ms(&loop->codes_wrong, by_session,
                                     crowded ? CODES_WRONG_CROWDED_MAX : CODES_WRONG_MAX, now_ms);
    if (wait_ms > 0) {
        atomic_fetch_add_explicit(&stats->codes_unchecked, 1, memory_order_relaxed);
        refuse_for(call, REFUSAL_CODES_WRONG, wait_ms);
        return -1;
    }
    int channel = plan_channel_by_code(call->event->plan->plan, code);
    if (channel < 0) {
        tally_add(&loop->codes_wrong, by_session, now_ms);
        tally_add(&loop->codes_wrong_of_address, by_address, now_ms);
        atomic_fetch_add_explicit(&stats->codes_wrong, 1, memory_order_relaxed);
        call_refuse(call, REFUSAL_CODE_UNKNOWN);
    }
    return channel;
}

/* Opens the code's channel. A code that opens nothing is refused, since its buyer expects seats
 * from it. Returns false if it has responded. */
static bool open_channel(struct call *call, struct span code, int *channel)
{
    *channel = check_code(call, code);
    if (*channel < 0)
        return false;
    call->who.channels |= UINT32_C(1) << *channel;
    return true;
}

/* Ends a body that may have a code. Returns false if it has responded. */
static bool end_with_code(struct call *call, struct json_in *in, const struct err_slot *err)
{
    struct span code = {NULL, 0};
    int channel;
    json_in_str(in, "code", 1, PLAN_ID_MAX, &code);
    return request_end(call, in, err) && (code.ptr == NULL || open_channel(call, code, &channel));
}

/* Returns false if it has responded. */
static bool read_wish(struct call *call, const json_t *doc, struct wish *wish)
{
    struct err_slot err = {0};
    struct json_in in;
    json_t *seats = NULL;
    wish->ask = (struct engine_ask){.area = ENGINE_AREA_NONE, .category = ENGINE_CATEGORY_ANY};
    json_in_object(&in, (json_t *)(uintptr_t)doc, &err);
    json_in_array(&in, "seats", 0, SIZE_MAX, &seats);
    read_best(call, &in, wish);
    struct span area;
    uint64_t quantity = 0;
    if (json_in_str(&in, "area", 1, PLAN_ID_MAX, &area)) {
        int found = plan_area_find(call->event->plan->plan, area);
        if (found < 0)
            json_in_refuse(&in, "area", "must be an area of this event");
        else
            wish->ask.area = (uint16_t)found;
        json_in_require(&in, "quantity");
    }
    if (json_in_u64(&in, "quantity", 0, UINT32_MAX, &quantity))
        wish->ask.quantity = (uint32_t)quantity;
    json_in_bool(&in, "access", &call->who.access_need);
    int ways = (seats != NULL) + (wish->ask.best ? 1 : 0) + (json_in_has(&in, "area") ? 1 : 0);
    if (ways != 1)
        json_in_refuse(&in, "seats", "give either seats, or best_available, or area and quantity");
    if (!end_with_code(call, &in, &err))
        return false;
    if (seats != NULL && !request_seats(call, seats, "seats", wish->seats, &wish->ask.seat_count))
        return false;
    wish->ask.seats = wish->seats;
    wish->ask.who = call->who;
    return true;
}

static void post_holds(struct http_req *req)
{
    struct call call;
    struct wish wish;
    json_t *doc;
    if (!enter(&call, req) || !first_time(&call, post_holds))
        return;
    call.finish = finish_hold;
    if (!request_body(&call, &doc))
        return;
    bool good = read_wish(&call, doc, &wish);
    json_decref(doc);
    if (!good)
        return;
    struct commit_entry *entry = pending_entry(&call);
    if (entry == NULL)
        return;
    enum engine_verdict verdict =
        engine_hold(call.event->engine, &wish.ask, call.now_ms, &entry->op);
    verdict_charge(&call, entry->op.searched);
    verdict_go_on(&call, verdict, entry, &wish.ask);
}

/* ---- POST codes ---- */

/* Returns the channel that a code opens, before any seat depends on it. */
static void post_codes(struct http_req *req)
{
    struct call call;
    struct err_slot err = {0};
    struct json_in in;
    struct span code = {NULL, 0};
    json_t *doc;
    int channel;
    if (!enter(&call, req) || !request_body(&call, &doc))
        return;
    json_in_object(&in, doc, &err);
    json_in_require(&in, "code");
    json_in_str(&in, "code", 1, PLAN_ID_MAX, &code);
    if (request_end(&call, &in, &err) && open_channel(&call, code, &channel)) {
        const struct plan_channel *opened = plan_channel(call.event->plan->plan, (uint32_t)channel);
        struct text body = loop_text(call.loop);
        json_open(&body, '{');
        json_member_str(&body, "channel", opened->id);
        json_member_str(&body, "name", opened->name.len > 0 ? opened->name : opened->id);
        json_member_time(&body, "on_sale_at", opened->on_sale_ms);
        render_times(&body, call.now_ms);
        json_close(&body, '}');
        call_reply(&call, 200, &body, (struct span){NULL, 0});
    }
    json_decref(doc);
}

/* ---- POST proposals ---- */

static bool opens_sooner(const struct engine_op *op, const struct engine_op *than)
{
    return op->opens_ms != 0 && (than->opens_ms == 0 || op->opens_ms < than->opens_ms);
}

/* The best seats of each requested category; nothing is held. If there are none, the response is
 * the one that a hold would get: sold out if any category is, else the time of the soonest sale. */
static void reply_proposals(struct call *call, struct engine_ask *ask)
{
    struct engine_op op, refused = {0};
    struct engine_offer offer;
    enum engine_verdict verdict = ENGINE_OK; /* a refusal, once a category has one */
    const uint8_t asked = ask->category;
    const uint32_t categories = plan_category_count(call->event->plan->plan);
    uint32_t proposals = 0, searched = 0;
    struct text body = loop_text(call->loop);
    json_open(&body, '{');
    json_member_open(&body, "proposals", '[');
    for (uint32_t c = 0; c < categories; c++) {
        if (asked != ENGINE_CATEGORY_ANY && c != asked)
            continue;
        ask->category = (uint8_t)c;
        enum engine_verdict found =
            engine_propose(call->event->engine, ask, call->now_ms, &op, &offer);
        searched += op.searched;
        if (found == ENGINE_OK) {
            const struct plan *plan = call->event->plan->plan;
            json_open(&body, '{');
            json_member_str(&body, "category", plan_category(plan, c)->name);
            json_key(&body, "seats");
            render_guids(&body, plan, offer.seats, offer.count);
            json_member_u64(&body, "total", offer.total);
            json_close(&body, '}');
            proposals++;
        } else if (found == ENGINE_SOLD_OUT || verdict == ENGINE_OK ||
                   (verdict == found && opens_sooner(&op, &refused))) {
            verdict = found;
            refused = op;
        }
    }
    verdict_charge(call, searched);
    json_close(&body, ']');
    render_times(&body, call->now_ms);
    json_close(&body, '}');
    if (proposals == 0)
        verdict_reply(call, verdict, &refused, NULL);
    else if (body.overflown)
        call_refuse_as(call, REFUSAL_FIELD,
                       "/best_available: so many seats of all categories are too long an answer; "
                       "name a category");
    else
        call_reply(call, 200, &body, (struct span){NULL, 0});
}

static void post_proposals(struct http_req *req)
{
    struct call call;
    struct wish wish;
    json_t *doc;
    if (!enter(&call, req) || !request_body(&call, &doc))
        return;
    bool good = read_wish(&call, doc, &wish);
    json_decref(doc);
    if (!good)
        return;
    if (wish.ask.best)
        reply_proposals(&call, &wish.ask);
    else
        call_refuse_as(&call, REFUSAL_FIELD, "/best_available: is needed");
}

/* ---- one hold ---- */

/* Another session's hold is reported as unknown: its name may have been read over a shoulder. */
static bool read_mine(struct call *call, uint64_t hold, struct engine_hold_view *view)
{
    enum engine_verdict verdict = engine_hold_read(call->event->engine, hold, view);
    if (verdict == ENGINE_OK && view->session == call->who.session)
        return true;
    if (verdict == ENGINE_OK)
        call_refuse(call, REFUSAL_HOLD_UNKNOWN);
    else
        verdict_reply(call, verdict, NULL, NULL);
    return false;
}

static bool is_mine(struct call *call, uint64_t hold)
{
    struct engine_hold_view view;
    return read_mine(call, hold, &view);
}

/* For browsers that lost their storage, or another browser with the same pass. */
static void get_holds(struct http_req *req)
{
    struct call call;
    struct engine_hold_view view;
    uint64_t hold = 0;
    enum engine_verdict verdict = ENGINE_NO_HOLD;
    if (!enter(&call, req))
        return;
    struct render_event shown = call_view(&call);
    struct text body = loop_text(call.loop);
    json_open(&body, '{');
    json_member_open(&body, "holds", '[');
    while (body.len < HOLDS_LISTED_BYTES &&
           (verdict = engine_hold_next(call.event->engine, call.who.session, &hold, &view)) ==
               ENGINE_OK) {
        if (view.expires_ms <= call.now_ms)
            continue;
        json_open(&body, '{');
        render_hold(&body, &shown,
                    hold_id_make(call.loop->conf.hold_keys, span_of(call.event->id), hold).text,
                    &view);
        json_close(&body, '}');
    }
    json_close(&body, ']');
    render_times(&body, call.now_ms);
    json_close(&body, '}');
    if (verdict == ENGINE_BUSY)
        verdict_reply(&call, verdict, NULL, NULL);
    else
        call_reply(&call, 200, &body, (struct span){NULL, 0});
}

static void get_hold(struct http_req *req)
{
    struct call call;
    uint64_t hold;
    if (enter(&call, req) && request_hold(&call, &hold) && is_mine(&call, hold))
        verdict_reply_hold(&call, 200, hold, NULL);
}

/* Buyers of best available may still want to choose: PATCH swaps the hold for one of these. */
static void get_alternatives(struct http_req *req)
{
    struct call call;
    uint64_t hold;
    struct engine_hold_view view;
    if (!enter(&call, req) || !request_hold(&call, &hold) || !read_mine(&call, hold, &view))
        return;
    const struct engine_ask ask = {
        .who = call.who,
        .seats = view.seats,
        .seat_count = view.seat_count,
        .area = ENGINE_AREA_NONE,
        .category = ENGINE_CATEGORY_ANY,
    };
    struct text body = loop_text(call.loop);
    json_open(&body, '{');
    verdict_alternatives(&body, &call, &ask);
    render_times(&body, call.now_ms);
    json_close(&body, '}');
    call_reply(&call, 200, &body, (struct span){NULL, 0});
}

static void delete_hold(struct http_req *req)
{
    struct call call;
    uint64_t hold;
    if (!enter(&call, req) || !first_time(&call, delete_hold) || !request_hold(&call, &hold) ||
        !is_mine(&call, hold))
        return;
    call.finish = finish_release;
    struct commit_entry *entry = pending_entry(&call);
    if (entry == NULL)
        return;
    enum engine_verdict verdict =
        engine_release(call.event->engine, hold, call.who.session, call.now_ms, &entry->op);
    verdict_go_on(&call, verdict, entry, NULL);
}

struct edit {
    struct engine_edit edit;
    uint32_t add[REQUEST_SEATS_MAX], remove[REQUEST_SEATS_MAX];
};

static bool read_edit(struct call *call, const json_t *doc, struct edit *edit)
{
    struct err_slot err = {0};
    struct json_in in;
    json_t *add = NULL, *removed = NULL;
    uint64_t quantity = 0;
    *edit = (struct edit){0};
    json_in_object(&in, (json_t *)(uintptr_t)doc, &err);
    json_in_array(&in, "add", 0, SIZE_MAX, &add);
    json_in_array(&in, "remove", 0, SIZE_MAX, &removed);
    if (json_in_u64(&in, "quantity", 1, UINT32_MAX, &quantity))
        edit->edit.quantity = (uint32_t)quantity;
    json_in_bool(&in, "access", &call->who.access_need);
    if (!end_with_code(call, &in, &err))
        return false;
    if ((add != NULL && !request_seats(call, add, "add", edit->add, &edit->edit.add_count)) ||
        (removed != NULL &&
         !request_seats(call, removed, "remove", edit->remove, &edit->edit.remove_count)))
        return false;
    edit->edit.add = edit->add;
    edit->edit.remove = edit->remove;
    return true;
}

static void patch_hold(struct http_req *req)
{
    struct call call;
    struct edit edit;
    uint64_t hold;
    json_t *doc;
    if (!enter(&call, req) || !first_time(&call, patch_hold) || !request_hold(&call, &hold) ||
        !is_mine(&call, hold) || !request_body(&call, &doc))
        return;
    bool good = read_edit(&call, doc, &edit);
    json_decref(doc);
    if (!good)
        return;
    call.finish = finish_hold;
    struct commit_entry *entry = pending_entry(&call);
    if (entry == NULL)
        return;
    enum engine_verdict verdict =
        engine_change(call.event->engine, hold, &call.who, &edit.edit, call.now_ms, &entry->op);
    verdict_charge(&call, entry->op.searched);
    struct engine_ask ask = {
        .who = call.who,
        .seats = edit.add,
        .seat_count = edit.edit.add_count,
        .area = ENGINE_AREA_NONE,
        .category = ENGINE_CATEGORY_ANY,
    };
    verdict_go_on(&call, verdict, entry, &ask);
}

/* ---- without scripts ---- */

static void get_plain(struct http_req *req)
{
    struct call call;
    if (enter(&call, req))
        plain_page_reply(&call);
}

static void post_plain_hold(struct http_req *req)
{
    char memory[16];
    struct text act = text_on(memory, sizeof(memory));
    if (span_eq(form_field(req, SPAN("act"), &act), SPAN("release")))
        delete_hold(req);
    else
        patch_hold(req);
}

/* ---- reading the hall ---- */

static void get_info(struct http_req *req)
{
    struct call call;
    char memory[JOURNAL_INSTANCE_MAX + 32];
    struct text headers = text_on(memory, sizeof(memory));
    if (!look_in(&call, req))
        return;
    /* If processes share the events, a page's first call tells the edge the event's owner. */
    struct journal *journal = call.loop->conf.journal;
    struct journal_place place;
    if (journal_elsewhere(journal, call.event->nth, &place))
        http_header_add(&headers, "Fairgate-Owner", span_of(place.instance));
    else if (journal_is_shared(journal) && events_is_open(call.event))
        http_header_add(&headers, "Fairgate-Owner", span_of(journal_name(journal)));
    struct render_event shown = call_view(&call);
    struct text body = loop_text(call.loop);
    json_open(&body, '{');
    render_info(&body, &shown);
    json_close(&body, '}');
    call_reply(&call, 200, &body, text_span(&headers));
}

static void get_plan(struct http_req *req)
{
    struct call call;
    if (look_in(&call, req))
        hall_api_reply_plan(&call);
}

static void get_availability(struct http_req *req)
{
    struct call call;
    if (look_in(&call, req))
        hall_api_reply_seats(&call, get_availability);
}

/* The stream begins with the changes since the reader's version (Last-Event-ID, or ?since), or
 * tells the reader to fetch everything again. */
static void get_stream(struct http_req *req)
{
    struct call call;
    if (!look_in(&call, req))
        return;
    struct span asked = http_req_header(req, HTTP_HEADER_LAST_EVENT_ID);
    if (asked.ptr == NULL)
        asked = http_req_query_arg(req, SPAN("since"));
    struct mark since;
    if (!mark_read(asked, &since))
        since = (struct mark){0}; /* 0 is not a version: the response is a resync */
    if (!request_since(&call, &since, get_stream))
        return;
    struct http_channel *channel = stream_channel(call.loop->streams, call.event);
    if (channel == NULL) {
        call_refuse(&call, REFUSAL_STREAMS);
        return;
    }
    struct http_blob *first = stream_delta(call.loop->streams, call.event, &since);
    if (!http_reply_stream_to(req, call.who.session, STREAMS_OF_SESSION_MAX, channel, first,
                              SPAN("Cache-Control: no-store\r\n")))
        call_refuse(&call, REFUSAL_STREAMS_OF_SESSION);
    http_blob_unref(first);
}

const struct http_route buyer_api_routes[] = {
    {HTTP_METHOD_GET, "/v1/seats/{event}", get_info, NULL, 0},
    {HTTP_METHOD_GET, "/v1/seats/{event}/plan", get_plan, NULL, 0},
    {HTTP_METHOD_GET, "/v1/seats/{event}/availability", get_availability, NULL, 0},
    {HTTP_METHOD_GET, "/v1/seats/{event}/stream", get_stream, NULL, 0},
    {HTTP_METHOD_POST, "/v1/seats/{event}/codes", post_codes, NULL, API_BODY_MAX},
    {HTTP_METHOD_GET, "/v1/seats/{event}/holds", get_holds, NULL, 0},
    {HTTP_METHOD_POST, "/v1/seats/{event}/holds", post_holds, NULL, API_BODY_MAX},
    {HTTP_METHOD_POST, "/v1/seats/{event}/proposals", post_proposals, NULL, API_BODY_MAX},
    {HTTP_METHOD_GET, "/v1/seats/{event}/holds/{hold}", get_hold, NULL, 0},
    {HTTP_METHOD_GET, "/v1/seats/{event}/holds/{hold}/alternatives", get_alternatives, NULL, 0},
    {HTTP_METHOD_PATCH, "/v1/seats/{event}/holds/{hold}", patch_hold, NULL, API_BODY_MAX},
    {HTTP_METHOD_DELETE, "/v1/seats/{event}/holds/{hold}", delete_hold, NULL, 0},
    {HTTP_METHOD_GET, "/v1/seats/{event}/plain", get_plain, NULL, 0},
    {HTTP_METHOD_POST, "/v1/seats/{event}/plain", post_holds, NULL, API_BODY_MAX},
    {HTTP_METHOD_POST, "/v1/seats/{event}/plain/{hold}", post_plain_hold, NULL, API_BODY_MAX},
    {.pattern = NULL},
};
