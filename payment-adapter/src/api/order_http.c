/* order_http.c: orders: creating, reading, streaming, cancelling and refunding them.
 *
 * Creating one takes two proofs and one request: the cookie says who is buying, the admission pass
 * says that it is their turn, and seat-service, called with the buyer's own pass, says what is held
 * and what it costs. Seats from the browser are never used. The hold's version and the sum that it
 * showed are only compared; unknown members are refused.
 *
 * The order and its saga are created by one statement. core/making/making.h decides which request
 * leads to which order. */
#include "api/routes.h"

#include "api/guard.h"
#include "api/held.h"
#include "api/order_view.h"
#include "api/order_watch.h"
#include "api/plain.h"
#include "base/bug.h"
#include "base/json_in.h"
#include "base/json_time.h"
#include "base/magic.h"
#include "core/making/making.h"
#include "crypto/jwt.h"
#include "crypto/member_name.h"
#include "observe/trace.h"
#include "store/refunding.h"
#include "web/visit.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    IDEM_KEY_MAX = 255,
    IDEM_HASH_MAX = 64,
};

struct ask {
    uint32_t magic;
    struct http_req *req;
    struct pay *pay;
    struct order order;
    char idem_key[IDEM_KEY_MAX + 1];
    char idem_body[IDEM_HASH_MAX];
    /* What the buyer was shown; "", 0 or false: not sent. */
    char refund_terms[REFUND_TERMS_ID_MAX + 1], member[ORDER_MEMBER_MAX];
    bool has_amount;
    uint64_t amount, hold_version;
    char pass[HELD_PASS_MAX];
    bool others_pass; /* names a member other than the logged-in one */
    char trace[TRACE_TEXT_LEN + 1];
    struct held_fetch fetch;
    struct making making;
    uint64_t saga;     /* of the order created by this request; 0: none */
    struct sale *sale; /* from on_hold() to on_terms() */
};

/* Half a megabyte. A request's room is zeroed, and stays while the order waits for its payment. */
struct sale {
    json_t *hold;
    struct seat_names places;
    char purchase[HELD_JSON_MAX];
};

MAGIC(ask, 0x3a70000f);

/* ---- the answer ---- */

/* Redirects a form to the order's page. */
static bool go_to_order(struct http_req *req, struct span order)
{
    char memory[ORDER_ID_MAX + 16];
    struct text address = text_on(memory, sizeof(memory));
    if (!plain_is(req))
        return false;
    TEXT_LIT(&address, "/pay/orders/");
    text_put(&address, order);
    assert(!address.overflown);
    plain_go(req, text_span(&address), (struct span){NULL, 0});
    return true;
}

/* The order's times are by the clock of the seats, so a countdown needs its time. */
static void close_order(struct text *body, const struct pay *pay)
{
    uint64_t now_ms = clock_wall_us(&pay->common->seats_clock.clock) / 1000;
    assert(now_ms > 0);
    json_member_time(body, "server_time", now_ms);
    json_close(body, '}');
}

static void reply_order(struct http_req *req, unsigned status, const struct sql_order_row *row)
{
    if (go_to_order(req, row->id))
        return;
    char memory[ORDER_ROW_MAX];
    struct text body = text_on(memory, sizeof(memory));
    int rc = order_row_put(&body, row, pay_of(req)->common->site);
    close_order(&body, pay_of(req));
    if (rc < 0)
        guard_unavailable(req, rc);
    else
        guard_reply(req, status, &body, SPAN("Cache-Control: no-store\r\n"));
}

/* ---- the order and its saga ---- */

static void perform(struct ask *ask, const struct making_event *event,
                    const struct sql_order_row *row);

static void on_stored(void *ctx, const struct pg_answer *answer)
{
    struct ask *ask = MAGIC_OF(ask, ctx);
    if (!guard_answer(ask->req, answer))
        return; /* if UNKNOWN too: the same key finds a stored order */
    assert(PQntuples(answer->results[0]) == 1); /* stored or not */
    const struct sql_order_create_row row = sql_order_create_row(answer->results[0], 0);
    if (row.off) {
        refusal_reply(ask->req, REFUSAL_EVENT_CANCELLED);
        return;
    }
    if (row.has_id) {
        ask->saga = row.id;
        worker_nudge(ask->pay->worker);
    }
    perform(ask, &(struct making_event){.input = MAKING_STORED, .is_new = row.has_id}, NULL);
}

static void store(struct ask *ask)
{
    struct order *order = &ask->order;
    uint8_t id[12];
    assert(ask->saga == 0);
    assert(order->seats_len > 0);
    assert(ask->sale->purchase[0] == '{');
    enum { HEAD = 2 + ORDER_INSTALLATION_CHARS }; /* the format that pay.order_origin() reads */
    rng_fill(rng_system(), id, sizeof(id));       /* from the kernel: ids must not be guessable */
    snprintf(order->id, sizeof(order->id), "o_%s", ask->pay->common->installation);
    sodium_bin2base64(order->id + HEAD, sizeof(order->id) - HEAD, id, sizeof(id),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    assert(strlen(order->id) == HEAD + sizeof(id) / 3 * 4);
    char *data;
    if (order_dump(order, NULL, &data) < 0) {
        guard_unavailable(ask->req, ERR_NOMEM);
        return;
    }
    char seats[ORDER_SEATS_MAX * (ORDER_SEAT_MAX * 2 + 3) + 3];
    struct text list = text_on(seats, sizeof(seats) - 1);
    json_open(&list, '[');
    for (uint32_t i = 0; i < order->seats_len; i++)
        json_str(&list, span_of(order->seats[i]));
    json_close(&list, ']');
    assert(!list.overflown);
    seats[list.len] = '\0';
    const struct sql_order_create_args args = {
        .id = order->id,
        .event = order->event,
        .hold = order->hold,
        .member = order->member,
        .lang = order->lang,
        .provider = order->provider,
        .currency = order->currency,
        .amount = order->amount,
        .seats = seats,
        .status = ORDER_PENDING_PAYMENT,
        .idem_key = ask->idem_key,
        .idem_body = ask->idem_body,
        .expires_ms = order->expires_ms,
        .event_name = ask->sale->places.name,
        .show = ask->sale->places.show,
        .places = ask->sale->places.json,
        .purchase = ask->sale->purchase,
        .saga = checkout_now(ask->pay->checkout, CHECKOUT_SALE)->key,
        .trace = ask->trace,
        .data = data};
    sql_order_create(ask->pay->pg, &args, on_stored, ask);
    free(data);
}

/* ---- the hold ---- */

/* False: the request has been answered. A provider that counts the currency otherwise would charge
 * another sum. A free order needs no provider. */
static bool is_payable(struct ask *ask)
{
    const struct order *order = &ask->order;
    const struct psp *psp = peers_http_psp(&ask->pay->peers, span_of(order->provider));
    assert(psp != NULL);
    if (order->amount == 0 || psp->driver->takes(order->currency))
        return true;
    refusal_say(ask->req, REFUSAL_CURRENCY,
                "This event is sold in %s, which cannot be paid with %s.", order->currency,
                order->provider);
    return false;
}

static void judge_hold(struct ask *ask, const struct sql_terms_for_row *terms)
{
    const json_t *hold = ask->sale->hold;
    assert(terms->id.len > 0);
    bool good = held_read(hold, terms->refund, &ask->order, ask->sale->purchase);
    /* An exchange for seats of the same price changes no sum. */
    bool differs = ask->hold_version != 0 && ask->hold_version != json_in_count_of(hold, "version");
    if (!good) {
        log_say(ask->pay->loop->log, LOG_LEVEL_ERROR,
                "seat-service described a hold in a way that cannot be read");
        guard_unavailable(ask->req, ERR_CLOSED);
        return;
    }
    if (ask->order.expires_ms <= clock_wall_us(&ask->pay->common->seats_clock.clock) / 1000) {
        refusal_reply(ask->req, REFUSAL_HOLD_EXPIRED);
        return;
    }
    if (differs || (ask->has_amount && ask->amount != ask->order.amount))
        refusal_reply(ask->req, REFUSAL_CHECKOUT_DIFFERS);
    else if (ask->refund_terms[0] != '\0' && !span_eq(terms->id, span_of(ask->refund_terms)))
        refusal_reply(ask->req, REFUSAL_TERMS_DIFFER);
    else if (is_payable(ask))
        perform(ask, &(struct making_event){.input = MAKING_HELD}, NULL);
}

static void on_terms(void *ctx, const struct pg_answer *answer)
{
    struct ask *ask = MAGIC_OF(ask, ctx);
    struct sale *sale = ask->sale;
    assert(sale != NULL); /* on_hold() made it */
    if (guard_row(ask->req, answer, 0, REFUSAL_UNAVAILABLE)) {
        const struct sql_terms_for_row row = sql_terms_for_row(answer->results[0], 0);
        judge_hold(ask, &row);
    }
    json_decref(sale->hold);
    free(sale);
}

static void on_hold(void *ctx, const struct outcall_answer *answer)
{
    struct ask *ask = MAGIC_OF(ask, ctx);
    if (answer == NULL || answer->rc < 0 || answer->status != 200) {
        refusal_reply(ask->req, held_fetch_refusal(answer));
        return;
    }
    json_t *hold;
    int rc = json_in_read(answer->body, &hold);
    if (rc < 0) {
        guard_unavailable(ask->req, rc);
        return;
    }
    if (held_is_too_large(hold)) {
        refusal_say(ask->req, REFUSAL_ORDER_LARGE,
                    "An order can have at most %d places; make the hold smaller.", ORDER_SEATS_MAX);
        json_decref(hold);
        return;
    }
    struct sale *sale = malloc(sizeof(*sale));
    if (sale == NULL) {
        guard_unavailable(ask->req, ERR_NOMEM);
        json_decref(hold);
        return;
    }
    seat_names_read(hold, &sale->places);
    memcpy(ask->order.event_name, sale->places.name, sizeof(ask->order.event_name));
    sale->hold = hold;
    ask->sale = sale;
    const struct sql_terms_for_args args = {.event = ask->order.event, .show = sale->places.show};
    sql_terms_for(ask->pay->pg, &args, on_terms, ask);
}

/* ---- from step to step ---- */

static void on_found(void *ctx, const struct pg_answer *answer)
{
    struct ask *ask = MAGIC_OF(ask, ctx);
    struct sql_order_by_idem_row row = {0};
    if (!guard_answer(ask->req, answer))
        return;
    assert(PQntuples(answer->results[0]) <= 1);
    struct making_event event = {.input = MAKING_FOUND,
                                 .is_there = PQntuples(answer->results[0]) == 1};
    if (event.is_there) {
        row = sql_order_by_idem_row(answer->results[0], 0);
        event.is_ours = span_eq(row.order.member, span_of(ask->order.member));
        event.has_key = span_eq(row.idem_key, span_of(ask->idem_key));
        event.says_same = span_eq(row.order.idem_body, span_of(ask->idem_body));
    }
    perform(ask, &event, &row.order);
}

static void on_ready(void *ctx)
{
    perform(MAGIC_OF(ask, ctx), &(struct making_event){.input = MAKING_WAITED, .has_room = true},
            NULL);
}

static void on_read(void *ctx, const struct pg_answer *answer)
{
    struct ask *ask = MAGIC_OF(ask, ctx);
    assert(ask->saga != 0);
    if (!guard_row(ask->req, answer, 0, REFUSAL_UNAVAILABLE))
        return;
    const struct sql_order_row row = sql_order_row(answer->results[0], 0);
    bool unpaid = row.status == ORDER_PENDING_PAYMENT && row.payment.len == 0;
    perform(ask, &(struct making_event){.input = MAKING_READ, .is_unpaid = unpaid}, &row);
}

static void reply_made(struct ask *ask, const struct sql_order_row *row)
{
    static const enum refusal refusals[] = {[MAKING_NOT_OURS] = REFUSAL_HOLD_UNKNOWN,
                                            [MAKING_KEY_REUSED] = REFUSAL_IDEM_KEY_REUSED,
                                            [MAKING_NOT_NOW] = REFUSAL_UNAVAILABLE};
    enum making_answer answer = ask->making.answer;
    if (answer == MAKING_MADE || answer == MAKING_MADE_BEFORE)
        reply_order(ask->req, answer == MAKING_MADE ? 201 : 200, row);
    else
        refusal_reply(ask->req, refusals[answer]);
}

/* `row`: the order that was found or read, or NULL. */
static void perform(struct ask *ask, const struct making_event *event,
                    const struct sql_order_row *row)
{
    const struct order *order = &ask->order;
    assert(order->member[0] != '\0');
    switch (making_step(&ask->making, event)) {
    case MAKING_LOOKS:
        sql_order_by_idem(ask->pay->pg,
                          &(struct sql_order_by_idem_args){.member = order->member,
                                                           .idem_key = ask->idem_key,
                                                           .event = order->event,
                                                           .hold = order->hold},
                          on_found, ask);
        return;
    case MAKING_ASKS:
        ask->fetch = (struct held_fetch){.outcalls = ask->pay->outcalls,
                                         .map = ask->pay->seats_map,
                                         .event = order->event,
                                         .hold = order->hold,
                                         .pass = ask->pass,
                                         .trace = ask->trace,
                                         .on_done = on_hold,
                                         .ctx = ask};
        held_fetch_begin(&ask->fetch);
        return;
    case MAKING_STORES:
        store(ask);
        return;
    case MAKING_WAITS:
        if (order_watches_payment(ask->pay->watches, ask->saga, ask->making.pause_ms, on_ready,
                                  ask) < 0)
            perform(ask, &(struct making_event){.input = MAKING_WAITED, .has_room = false}, NULL);
        return;
    case MAKING_READS:
        sql_order_read(ask->pay->pg, &(struct sql_order_read_args){.id = order->id}, on_read, ask);
        return;
    case MAKING_DONE:
        reply_made(ask, row);
        return;
    case MAKING_BEGUN:
    case MAKING_STATES:
        BUG_STOP("no step of an order");
    }
}

/* ---- authentication ---- */

static int judge_pass(struct ask *ask, struct err_slot *err)
{
    const struct jwks *keys = jwks_feed_keys(ask->pay->passes);
    assert(ask->order.member[0] != '\0'); /* a pass may name the member */
    if (keys == NULL)
        return err_set(err, ERR_CLOSED, "the waiting room's keys are not known yet");
    struct jwt_rules rules = {.typ = "fairgate-pass+jwt",
                              .iss = ask->pay->settings->queue_issuer,
                              .aud = ask->order.event,
                              .iat_ahead_ok = true,
                              .clock = &ask->pay->common->seats_clock.clock};
    struct jwt jwt;
    int rc = jwt_verify(keys, &rules, span_of(ask->pass), err, &jwt);
    if (rc < 0)
        return rc;
    if (!span_to_cstr(jwt.claims.sub, ask->order.session, sizeof(ask->order.session)))
        rc = err_set(err, ERR_AUTH, "pass without a session");
    const char *named = json_string_value(json_object_get(jwt.payload, "member"));
    if (named != NULL) {
        struct member_name member =
            member_name_make(span_of(ask->order.event), span_of(ask->order.member));
        ask->others_pass = strcmp(named, member.text) != 0;
    }
    jwt_deinit(&jwt);
    return rc;
}

static void on_session(void *ctx, int rc, const struct session *session)
{
    struct ask *ask = MAGIC_OF(ask, ctx);
    struct err_slot err = {0};
    if (!guard_session(ask->req, rc, session))
        return;
    if (ask->member[0] != '\0' && strcmp(ask->member, session->member) != 0) {
        refusal_reply(ask->req, REFUSAL_CHECKOUT_DIFFERS);
        return;
    }
    memcpy(ask->order.member, session->member, sizeof(ask->order.member));
    if (ask->order.lang[0] == '\0')
        memcpy(ask->order.lang, pay_lang(session), sizeof(ask->order.lang));
    rc = judge_pass(ask, &err);
    if (rc == ERR_CLOSED || rc == ERR_NOMEM) {
        guard_unavailable(ask->req, rc);
    } else if (rc < 0) {
        (void)jwks_feed_doubt(ask->pay->passes); /* the key may be new */
        refusal_say(ask->req, REFUSAL_PASS, "%s", err.text);
    } else if (ask->others_pass) {
        refusal_reply(ask->req, REFUSAL_MEMBER_DIFFERS);
    } else {
        const struct making_event event = {.input = MAKING_REQUEST, .wait_ms = ORDERS_WAIT_MS};
        perform(ask, &event, NULL);
    }
}

#define ID_LETTERS SPAN_LETTERS SPAN_DIGITS "-_."

static void read_ask(struct json_in *in, void *ctx)
{
    struct ask *ask = ctx;
    struct order *order = &ask->order;
    unsigned provider = ask->pay->settings->psp_default;
    struct span terms;
    if (json_in_copy(in, "event", order->event, sizeof(order->event)) &&
        !span_is_of(span_of(order->event), ID_LETTERS))
        json_in_refuse(in, "event", "must be an event's id");
    if (json_in_copy(in, "hold", order->hold, sizeof(order->hold)) &&
        !span_is_of(span_of(order->hold), ID_LETTERS))
        json_in_refuse(in, "hold", "must be a hold's id");
    if (json_in_word(in, "provider", psp_names, &provider) &&
        peers_http_psp(&ask->pay->peers, span_of(psp_names[provider])) == NULL)
        json_in_refuse(in, "provider", "is not offered here");
    if (json_in_str(in, "refund_terms", 1, REFUND_TERMS_ID_MAX, &terms) &&
        (!span_is_of(terms, ID_LETTERS) ||
         !span_to_cstr(terms, ask->refund_terms, sizeof(ask->refund_terms))))
        json_in_refuse(in, "refund_terms", "must be the id of terms");
    json_in_u64(in, "hold_version", 1, UINT32_MAX, &ask->hold_version);
    ask->has_amount = json_in_u64(in, "amount", 0, INT64_MAX, &ask->amount);
    if (json_in_has(in, "member"))
        json_in_copy(in, "member", ask->member, sizeof(ask->member));
    assert(provider < PSP_PROVIDERS);
    snprintf(order->provider, sizeof(order->provider), "%s", psp_names[provider]);
    char asked[sizeof(order->event) + sizeof(order->hold) + sizeof(order->provider) +
               sizeof(ask->refund_terms) + sizeof(ask->member) + 40];
    int len = snprintf(asked, sizeof(asked), "%s/%s/%s%s%s", order->event, order->hold,
                       order->provider, ask->refund_terms[0] != '\0' ? "/" : "", ask->refund_terms);
    if (ask->has_amount || ask->member[0] != '\0')
        len += snprintf(asked + len, sizeof(asked) - (size_t)len, "/%" PRIu64 "/%s", ask->amount,
                        ask->member);
    if (ask->hold_version != 0)
        snprintf(asked + len, sizeof(asked) - (size_t)len, "#%" PRIu64, ask->hold_version);
    uint8_t hash[32];
    crypto_generichash(hash, sizeof(hash), (const uint8_t *)asked, strlen(asked), NULL, 0);
    sodium_bin2base64(ask->idem_body, sizeof(ask->idem_body), hash, sizeof(hash),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static void on_post(struct http_req *req)
{
    if (!guard_origin(req))
        return;
    struct ask *ask = guard_room(req, sizeof(*ask));
    if (ask == NULL)
        return;
    MAGIC_BEGIN(ask, ask);
    ask->req = req;
    ask->pay = pay_of(req);
    guard_trace(req, ask->trace);
    /* The order's language is also that of the provider's page and of the mails. */
    enum lang lang;
    if (visit_asks_lang(req, &lang))
        span_to_cstr(span_of(lang_tag(lang)), ask->order.lang, sizeof(ask->order.lang));
    if (!guard_read(req, read_ask, ask))
        return;
    struct span key = http_req_header(req, HTTP_HEADER_IDEMPOTENCY_KEY);
    char form_key[33];
    if (plain_is(req)) { /* a form sent twice has the same hold, which leads to the same order */
        uint8_t random[16];
        rng_fill(rng_system(), random, sizeof(random));
        sodium_bin2hex(form_key, sizeof(form_key), random, sizeof(random));
        key = span_of(form_key);
    }
    struct span pass = visit_pass(req, span_of(ask->order.event));
    if (key.len == 0 || !span_to_cstr(key, ask->idem_key, sizeof(ask->idem_key)))
        refusal_say(req, REFUSAL_IDEM_KEY, "An Idempotency-Key of 1 to %d bytes is needed.",
                    IDEM_KEY_MAX);
    else if (pass.len == 0 || !span_to_cstr(pass, ask->pass, sizeof(ask->pass)))
        refusal_reply(req, REFUSAL_PASS_MISSING);
    else
        session_of(ask->pay->sessions, req, on_session, ask);
}

/* ---- reading, cancelling, refunding: each first checks who owns the order ---- */

struct look {
    uint32_t magic;
    struct http_req *req;
    struct pay *pay;
    char order[ORDER_ID_MAX];
    struct session session;
    const struct act *act;
};

/* What a request does with its order. */
struct act {
    void (*then)(struct look *look, const struct pg_answer *answer,
                 const struct sql_order_row *row);
    bool changes;
};

MAGIC(look, 0x3a700010);

/* A missing order never existed here, or has gone with its event. */
static void on_retired(void *ctx, const struct pg_answer *answer)
{
    struct look *look = MAGIC_OF(look, ctx);
    if (guard_row(look->req, answer, 0, REFUSAL_ORDER_UNKNOWN))
        refusal_reply(look->req, REFUSAL_ORDER_RETIRED);
}

static void on_looked(void *ctx, const struct pg_answer *answer)
{
    struct look *look = MAGIC_OF(look, ctx);
    if (!guard_answer(look->req, answer))
        return;
    assert(PQntuples(answer->results[0]) <= 1);
    assert(look->session.member[0] != '\0');
    if (PQntuples(answer->results[0]) == 0) {
        sql_order_retired(look->pay->pg, &(struct sql_order_retired_args){look->order}, on_retired,
                          look);
        return;
    }
    const struct sql_order_row row = sql_order_row(answer->results[0], 0);
    if (span_eq(row.member, span_of(look->session.member)))
        look->act->then(look, answer, &row);
    else
        refusal_reply(look->req, REFUSAL_ORDER_UNKNOWN);
}

static void on_look_session(void *ctx, int rc, const struct session *session)
{
    struct look *look = MAGIC_OF(look, ctx);
    if (!guard_session(look->req, rc, session))
        return;
    look->session = *session;
    struct pg_job *job = pg_job_create(look->pay->pg, on_looked, look);
    sql_order_read_add(job, &(struct sql_order_read_args){.id = look->order});
    sql_order_timeline_add(job, &(struct sql_order_timeline_args){.order = look->order});
    pg_job_send(job);
}

static void on_act(struct http_req *req)
{
    const struct act *act = http_req_route_ctx(req);
    if (act->changes && !guard_origin(req))
        return;
    struct look *look = guard_room(req, sizeof(*look));
    if (look == NULL || !guard_id(req, 0, look->order, sizeof(look->order)))
        return;
    MAGIC_BEGIN(look, look);
    look->req = req;
    look->pay = pay_of(req);
    look->act = act;
    session_of(look->pay->sessions, req, on_look_session, look);
}

static int put_whole(struct text *body, struct look *look, const struct pg_answer *answer,
                     const struct sql_order_row *row)
{
    assert(answer->len > 1);
    assert(span_eq(row->member, span_of(look->session.member)));
    int rc = order_row_put(body, row, look->pay->common->site);
    order_timeline_put(body, answer->results[1], look->pay->checkout);
    close_order(body, look->pay);
    return rc;
}

static void then_read(struct look *look, const struct pg_answer *answer,
                      const struct sql_order_row *row)
{
    char *memory = malloc(ORDER_VIEW_MAX);
    struct text body = {0};
    int rc = ERR_NOMEM;
    if (memory != NULL) {
        body = text_on(memory, ORDER_VIEW_MAX);
        rc = put_whole(&body, look, answer, row);
    }
    if (rc < 0)
        guard_unavailable(look->req, rc);
    else
        guard_reply(look->req, 200, &body, SPAN("Cache-Control: no-store\r\n"));
    free(memory);
}

static void then_stream(struct look *look, const struct pg_answer *answer,
                        const struct sql_order_row *row)
{
    char memory[ORDER_ROW_MAX];
    struct text body = text_on(memory, sizeof(memory));
    (void)answer;
    assert(span_eq(row->member, span_of(look->session.member)));
    TEXT_LIT(&body, "event: order\ndata: ");
    int rc = order_row_put(&body, row, look->pay->common->site);
    json_close(&body, '}');
    TEXT_LIT(&body, "\n\n");
    /* Without it the stream begins with the next poll of the order, within a second. */
    struct http_blob *first = rc < 0 || body.overflown ? NULL : http_blob_create(text_span(&body));
    order_watches_stream(look->pay->watches, look->req, look->order, first);
    http_blob_unref(first);
}

/* Answers after a statement that turned the order back, or that refused to. */
static void reply_turned(struct look *look, const struct pg_answer *answer, bool turned,
                         enum order_status status, enum refusal refusal)
{
    assert(!turned || answer->rc == 0);
    if (!guard_answer(look->req, answer))
        return;
    if (!turned) {
        refusal_reply(look->req, refusal);
        return;
    }
    worker_nudge(look->pay->worker);
    if (go_to_order(look->req, span_of(look->order)))
        return;
    guard_begun(look->req, look->order, order_status_name(status));
}

static void on_cancelled(void *ctx, const struct pg_answer *answer)
{
    reply_turned(MAGIC_OF(look, ctx), answer, answer->rc == 0 && PQntuples(answer->results[0]) > 0,
                 ORDER_CANCELLED, REFUSAL_CANCEL_LATE);
}

static void then_cancel(struct look *look, const struct pg_answer *answer,
                        const struct sql_order_row *row)
{
    (void)answer;
    if (row->status == ORDER_CANCELLED || row->status == ORDER_EXPIRED ||
        row->status == ORDER_FAILED) {
        reply_order(look->req, 200, row);
        return;
    }
    const struct sql_order_cancel_args args = {.order = look->order,
                                               .pivots = checkout_pivots(look->pay->checkout)};
    sql_order_cancel(look->pay->pg, &args, on_cancelled, look);
}

/* Why order_refund refuses. */
static const enum refusal noes[] = {REFUSAL_NOT_REFUNDABLE, REFUSAL_REFUND_BY_OPERATOR,
                                    REFUSAL_REFUND_LATE, REFUSAL_HANDED_ON,
                                    REFUSAL_EVENT_CANCELLED};
enum { NOES = sizeof(noes) / sizeof(noes[0]) };

static void on_refunding(void *ctx, const struct pg_answer *answer)
{
    struct span code = {NULL, 0};
    bool judged = answer->rc == 0 && PQntuples(answer->results[REFUNDING_RESULT]) == 1;
    if (judged)
        code = sql_order_refund_row(answer->results[REFUNDING_RESULT], 0).code;
    reply_turned(MAGIC_OF(look, ctx), answer, judged && code.ptr == NULL, ORDER_REFUNDING,
                 code.ptr != NULL ? refusal_of(code, noes, NOES) : REFUSAL_NOT_REFUNDABLE);
}

static void then_refund(struct look *look, const struct pg_answer *answer,
                        const struct sql_order_row *row)
{
    (void)answer;
    if (row->status == ORDER_REFUNDING || row->status == ORDER_REFUNDED) {
        reply_order(look->req, 200, row);
        return;
    }
    char trace[TRACE_TEXT_LEN + 1];
    guard_trace(look->req, trace);
    const struct sql_order_refund_args args = {
        .order = look->order,
        .saga = checkout_now(look->pay->checkout, CHECKOUT_REFUND)->key,
        .trace = trace,
        .actor = ACTOR_BUYER};
    struct pg_job *job = pg_job_create(look->pay->pg, on_refunding, look);
    refunding_add_whole(job, &args);
    pg_job_send(job);
}

static struct act read_it = {then_read, false}, stream_it = {then_stream, false};
static struct act cancel_it = {then_cancel, true}, refund_it = {then_refund, true};

const struct http_route order_routes[] = {
    {HTTP_METHOD_POST, "/v1/pay/orders", on_post, NULL, BODY_SMALL_MAX},
    {HTTP_METHOD_GET, "/v1/pay/orders/{id}", on_act, &read_it, 0},
    {HTTP_METHOD_GET, "/v1/pay/orders/{id}/stream", on_act, &stream_it, 0},
    {HTTP_METHOD_POST, "/v1/pay/orders/{id}/cancel", on_act, &cancel_it, BODY_SMALL_MAX},
    {HTTP_METHOD_POST, "/v1/pay/orders/{id}/refund", on_act, &refund_it, BODY_SMALL_MAX},
    {.pattern = NULL},
};
