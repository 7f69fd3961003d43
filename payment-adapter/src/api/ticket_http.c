/* ticket_http.c: tickets for their holders, and what a door without a network reads beforehand:
 * public keys and the list of revoked tickets. doors/door_http.c has the doors themselves. */
#include "api/routes.h"

#include "api/guard.h"
#include "api/plain.h"
#include "base/grow.h"
#include "base/json_in.h"
#include "base/magic.h"
#include "base/rfc3339.h"
#include "number.h"
#include "sale/show.h"
#include "store/statements.h"
#include "web/qr.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

/* The longest token's QR code takes 40 KB, most take 8, and an order can have a hundred tickets. So
 * the answer grows with them, and only one ticket's buffer has room for the longest. */
enum { QR_MAX = 64 * 1024, TICKET_MAX = QR_MAX + 16 * 1024 };

/* For a page of the doors' list: each id with quotes and comma, and the text around the list. */
enum { REVOKED_ID_MAX = TICKET_ID_MAX + 3, REVOKED_HEAD_MAX = 1024 + ORDER_EVENT_MAX };

/* Buffers for writing one ticket. */
struct buffers {
    char qr[QR_MAX], ticket[TICKET_MAX];
};

struct visit {
    uint32_t magic;
    struct http_req *req;
    struct pay *pay;
    char id[ORDER_EVENT_MAX]; /* of an order, a ticket or an event: fits the longest */
    char to[ORDER_MEMBER_MAX];
    struct ticket ticket; /* the new ticket, for the member who takes it */
    bool accepts;
    struct session session;
    char as_of_memory[RFC3339_LEN + 1];
    struct text as_of;
    void (*then)(struct visit *visit);
    struct pay_work work; /* writes a long list off the loop */
    PGresult *rows;
    struct http_blob *blob;
    struct span headers;
    unsigned mine; /* tickets visible to the viewer */
    bool fits;
};

MAGIC(visit, 0x3a700011);

static void on_session(void *ctx, int rc, const struct session *session)
{
    struct visit *visit = MAGIC_OF(visit, ctx);
    assert(visit->then != NULL);
    if (!guard_session(visit->req, rc, session))
        return;
    visit->session = *session;
    visit->then(visit);
}

static struct visit *visit_begin(struct http_req *req, void (*then)(struct visit *visit))
{
    struct visit *visit = guard_room(req, sizeof(*visit));
    if (visit == NULL || !guard_id(req, 0, visit->id, sizeof(visit->id)))
        return NULL;
    MAGIC_BEGIN(visit, visit);
    visit->req = req;
    visit->pay = pay_of(req);
    visit->then = then;
    return visit;
}

/* ---- the holder's tickets ---- */

/* `offered`: another member's ticket, offered to the viewer. */
static void put_ticket(struct text *body, char *qr_memory, const struct sql_order_tickets_row *row,
                       bool offered)
{
    char number[NUMBER_MAX];
    assert(!offered || row->offered_to.len > 0);
    number_of(row->id, number);
    json_open(body, '{');
    json_member_str(body, "ticket", row->id);
    json_member_cstr(body, "ticket_number", number);
    json_member_str(body, "seat", row->seat);
    json_member_str(body, "event", row->event);
    json_member_str(body, "event_name", row->event_name);
    json_member_some(body, "starts_at", row->starts_at);
    json_member_some(body, "zone", row->zone);
    if (row->number.len > 0) {
        json_member_str(body, "row", row->row);
        json_member_str(body, "number", row->number);
        json_member_some(body, "label", row->label);
    }
    json_member_cstr(body, "state",
                     row->revoked ? "revoked"
                     : row->used  ? "used"
                     : offered    ? "offered"
                                  : "valid");
    json_member_str(body, "issued_at", row->issued_at);
    if (offered) { /* until it is taken, only its holder sees the token */
        json_close(body, '}');
        return;
    }
    if (row->offered_to.ptr != NULL)
        json_member_str(body, "offered_to", row->offered_to);
    json_member_str(body, "token", row->token);
    struct text qr = text_on(qr_memory, QR_MAX);
    if (!row->revoked && qr_svg(row->token, NULL, &qr) == 0)
        json_member_str(body, "qr", text_span(&qr));
    json_close(body, '}');
}

/* Transferred tickets belong to their new holder; the buyer no longer sees them. False: one is too
 * long. */
static bool put_tickets(struct visit *visit, struct buffers *buffers, struct grow *body)
{
    struct span who = span_of(visit->session.member);
    assert(who.len > 0);
    assert(visit->mine == 0);
    struct show show = {.venue.name.len = 0};
    struct text one = text_on(buffers->ticket, sizeof(buffers->ticket));
    json_open(&one, '{');
    json_member_cstr(&one, "order", visit->id);
    if (PQntuples(visit->rows) > 0 &&
        show_parse(sql_order_tickets_row(visit->rows, 0).show, &show) < 0)
        one.overflown = true; /* out of memory, treated like a ticket that is too long */
    if (show.venue.name.len > 0) {
        json_key(&one, "venue");
        show_put_venue(&one, &show.venue);
    }
    json_member_open(&one, "tickets", '[');
    grow_add(body, text_span(&one));
    for (int i = 0; i < PQntuples(visit->rows) && !one.overflown; i++) {
        const struct sql_order_tickets_row row = sql_order_tickets_row(visit->rows, i);
        bool owned = span_eq(row.member, who);
        bool offered = !owned && row.offered_to.ptr != NULL && span_eq(row.offered_to, who);
        if (!owned && !offered)
            continue;
        one = text_on(buffers->ticket, sizeof(buffers->ticket));
        one.comma = visit->mine++ > 0;
        put_ticket(&one, buffers->qr, &row, offered);
        grow_add(body, text_span(&one));
    }
    grow_add(body, SPAN("]}"));
    return !one.overflown;
}

static void draw(void *ctx)
{
    struct visit *visit = MAGIC_OF(visit, ctx);
    struct grow body = {.ptr = NULL};
    struct buffers *buffers = malloc(sizeof(*buffers));
    if (buffers != NULL)
        visit->fits = put_tickets(visit, buffers, &body);
    if (buffers != NULL && !body.failed)
        visit->blob = http_blob_create((struct span){body.ptr, body.len});
    grow_free(&body);
    free(buffers);
    PQclear(visit->rows);
}

static void on_written(void *ctx)
{
    const struct visit *visit = MAGIC_OF(visit, ctx);
    struct http_blob *blob = visit->blob;
    assert(visit->headers.len > 0); /* says whether caches may store the list */
    if (blob == NULL)
        guard_unavailable(visit->req, ERR_NOMEM);
    else if (visit->mine == 0)
        refusal_reply(visit->req, REFUSAL_TICKETS_UNKNOWN);
    else if (!visit->fits)
        refusal_reply(visit->req, REFUSAL_ANSWER_LONG);
    else
        http_reply(visit->req, &(struct http_reply){.status = 200,
                                                    .type = "application/json",
                                                    .headers = visit->headers,
                                                    .blob = blob});
    http_blob_unref(blob);
}

/* `limit` NULL: the list is short and is written here. */
static void write_list(struct visit *visit, const struct pg_answer *answer, void (*run)(void *ctx),
                       struct pay_limit *limit)
{
    assert(answer->rc == 0);
    assert(visit->rows == NULL);
    visit->rows = answer->results[0];
    answer->results[0] = NULL;
    visit->work = (struct pay_work){
        .loop = visit->pay->loop, .run = run, .then = on_written, .ctx = visit, .limit = limit};
    if (!pay_work_begin(&visit->work)) {
        PQclear(visit->rows);
        refusal_reply(visit->req, REFUSAL_BUSY);
    }
}

/* A QR code takes a millisecond to draw, and an order may have a hundred: too long for the loop. */
static void on_tickets(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = MAGIC_OF(visit, ctx);
    visit->headers = SPAN("Cache-Control: private, no-store\r\n");
    if (guard_answer(visit->req, answer))
        write_list(visit, answer, draw, &visit->pay->common->caps->drawing);
}

static void then_tickets(struct visit *visit)
{
    sql_order_tickets(visit->pay->pg, &(struct sql_order_tickets_args){visit->id, TICKET_HOPS_MAX},
                      on_tickets, visit);
}

static void on_get_tickets(struct http_req *req)
{
    struct visit *visit = visit_begin(req, then_tickets);
    if (visit != NULL)
        session_of(visit->pay->sessions, req, on_session, visit);
}

/* ---- transferring a ticket ----
 *
 * A ticket is offered to a member number. It stays its holder's, and valid, until that member has
 * logged in and taken it. So a typo loses nothing, the answer does not reveal who is a member, and
 * the company's user table is not queried. */

static void reply_moved(const struct visit *visit, unsigned status, const struct text *body)
{
    if (plain_go_to_field(visit->req, SPAN("back"), (struct span){NULL, 0}))
        return;
    guard_reply(visit->req, status, body, SPAN("Cache-Control: no-store\r\n"));
}

static void on_offered(void *ctx, const struct pg_answer *answer)
{
    const struct visit *visit = MAGIC_OF(visit, ctx);
    assert(!visit->accepts);
    if (!guard_answer(visit->req, answer))
        return;
    if (PQntuples(answer->results[1]) == 0) {
        refusal_say(visit->req, REFUSAL_NOT_TRANSFERABLE,
                    "Only an unused ticket of yours, of a completed order, can be transferred, and"
                    " at most %d times.",
                    TICKET_HOPS_MAX);
    } else if (visit->to[0] == '\0') {
        if (!plain_go_to_field(visit->req, SPAN("back"), (struct span){NULL, 0}))
            http_reply(visit->req, &(struct http_reply){.status = 204});
    } else {
        char memory[256];
        struct text body = text_on(memory, sizeof(memory));
        json_open(&body, '{');
        json_member_cstr(&body, "ticket", visit->id);
        json_member_cstr(&body, "offered_to", visit->to);
        json_close(&body, '}');
        reply_moved(visit, 202, &body);
    }
}

static void on_accepted(void *ctx, const struct pg_answer *answer)
{
    const struct visit *visit = MAGIC_OF(visit, ctx);
    assert(visit->accepts);
    if (!guard_row(visit->req, answer, 1, REFUSAL_NOT_OFFERED))
        return;
    const struct sql_ticket_accept_row row = sql_ticket_accept_row(answer->results[1], 0);
    char memory[256];
    struct text body = text_on(memory, sizeof(memory));
    json_open(&body, '{');
    json_member_str(&body, "ticket", row.ticket);
    json_member_str(&body, "order", row.order_id);
    json_close(&body, '}');
    reply_moved(visit, 201, &body);
}

/* Locks the order's row first: check-ins, refunds and transfers exclude each other. */
static struct pg_job *move_job(struct visit *visit, pg_on_done *on_done)
{
    struct pg_job *job = pg_job_create(visit->pay->pg, on_done, visit);
    sql_ticket_lock_add(job, &(struct sql_ticket_lock_args){visit->id});
    return job;
}

static void accept_offer(struct visit *visit)
{
    const struct secrets *keys = visit->pay->secrets;
    struct ticket *ticket = &visit->ticket;
    uint8_t id[15];
    rng_fill(rng_system(), id, sizeof(id));
    memcpy(ticket->id, "t_", 2);
    sodium_bin2base64(ticket->id + 2, sizeof(ticket->id) - 2, id, sizeof(id),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    assert(visit->session.member[0] != '\0');
    assert(strlen(ticket->id) == 2 + sizeof(id) / 3 * 4);
    ticket_signer_holder(keys->signer, visit->session.member, ticket->holder);
    char token[TICKET_TOKEN_MAX];
    if (ticket_sign(keys->signer, ticket, NULL, token) < 0) {
        guard_unavailable(visit->req, ERR_RANGE);
        return;
    }
    struct pg_job *job = move_job(visit, on_accepted);
    const struct sql_ticket_accept_args args = {.old = visit->id,
                                                .member = visit->session.member,
                                                .id = ticket->id,
                                                .holder = ticket->holder,
                                                .kid = ticket->kid,
                                                .token = token,
                                                .lang = pay_lang(&visit->session)};
    sql_ticket_accept_add(job, &args);
    pg_job_send(job);
}

/* The holder may offer it; the member to whom it is offered may take it. */
static void on_ticket_to_move(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = MAGIC_OF(visit, ctx);
    if (!guard_row(visit->req, answer, 0, REFUSAL_TICKET_UNKNOWN))
        return;
    struct span who = span_of(visit->session.member);
    assert(who.len > 0); /* a ticket always has a holder */
    const struct sql_ticket_read_row row = sql_ticket_read_row(answer->results[0], 0);
    if (!span_eq(visit->accepts ? row.offered_to : row.member, who)) {
        refusal_reply(visit->req, REFUSAL_TICKET_UNKNOWN);
    } else if (span_eq(span_of(visit->to), who)) {
        refusal_reply(visit->req, REFUSAL_TO_YOURSELF);
    } else if (visit->accepts) {
        span_to_cstr(row.order_id, visit->ticket.order, sizeof(visit->ticket.order));
        span_to_cstr(row.event, visit->ticket.event, sizeof(visit->ticket.event));
        span_to_cstr(row.seat, visit->ticket.seat, sizeof(visit->ticket.seat));
        span_to_cstr(row.purchase, visit->ticket.purchase, sizeof(visit->ticket.purchase));
        accept_offer(visit);
    } else {
        struct pg_job *job = move_job(visit, on_offered);
        const struct sql_ticket_offer_args args = {.id = visit->id,
                                                   .member = visit->session.member,
                                                   .to = visit->to[0] != '\0' ? visit->to : NULL,
                                                   .hops_max = TICKET_HOPS_MAX};
        sql_ticket_offer_add(job, &args);
        pg_job_send(job);
    }
}

static void then_move(struct visit *visit)
{
    uint64_t now_us = clock_mono_us(visit->pay->loop->clock);
    if (!gate_set_take(&visit->pay->common->paces->members, span_of(visit->session.member),
                       now_us)) {
        refusal_reply(visit->req, REFUSAL_TICKETS_FAST);
        return;
    }
    sql_ticket_read(visit->pay->pg, &(struct sql_ticket_read_args){visit->id}, on_ticket_to_move,
                    visit);
}

static void move_begin(struct http_req *req, const char *to, bool accepts)
{
    struct visit *visit = visit_begin(req, then_move);
    if (visit == NULL)
        return;
    assert(strlen(to) < sizeof(visit->to));
    assert(!accepts || to[0] == '\0');
    snprintf(visit->to, sizeof(visit->to), "%s", to);
    visit->accepts = accepts;
    session_of(visit->pay->sessions, req, on_session, visit);
}

static void on_take_back(struct http_req *req)
{
    if (guard_origin(req))
        move_begin(req, "", false);
}

static void read_to(struct json_in *in, void *out)
{
    json_in_copy(in, "to", out, ORDER_MEMBER_MAX);
}

/* Forms have no DELETE. */
static void on_post_transfer(struct http_req *req)
{
    char memory[8], member[ORDER_MEMBER_MAX];
    struct text act = text_on(memory, sizeof(memory));
    if (span_eq(form_field(req, SPAN("act"), &act), SPAN("keep")))
        on_take_back(req);
    else if (guard_origin(req) && guard_read(req, read_to, member))
        move_begin(req, member, false);
}

static void on_accept(struct http_req *req)
{
    if (guard_origin(req))
        move_begin(req, "", true);
}

/* ---- for doors ---- */

static void on_get_keys(struct http_req *req)
{
    http_reply(req, &(struct http_reply){.status = 200,
                                         .type = "application/json",
                                         .headers = SPAN("Cache-Control: public, max-age=300\r\n"),
                                         .body = span_of(pay_of(req)->secrets->ticket_keys_json)});
}

/* One page of the list. A page that starts at the beginning and is not full is complete by itself;
 * pages chained by `after` and `next` are complete together. */
static void put_revoked(void *ctx)
{
    struct visit *visit = MAGIC_OF(visit, ctx);
    int len = PQntuples(visit->rows);
    bool more = len > REVOKED_PAGE_MAX;
    const struct span none = {NULL, 0};
    size_t room = REVOKED_HEAD_MAX + (size_t)len * REVOKED_ID_MAX;
    char *memory = malloc(room);
    struct text body = text_on(memory, memory != NULL ? room : 0);
    json_open(&body, '{');
    json_member_cstr(&body, "event", visit->id);
    json_member_str(&body, "as_of", text_span(&visit->as_of));
    json_member_or_null(&body, "after", visit->to[0] != '\0' ? span_of(visit->to) : none);
    json_member_or_null(&body, "next",
                        more ? sql_ticket_revoked_row(visit->rows, REVOKED_PAGE_MAX - 1).id : none);
    json_member_bool(&body, "complete", !more && visit->to[0] == '\0');
    json_member_open(&body, "revoked", '[');
    for (int i = 0; i < len && i < REVOKED_PAGE_MAX; i++)
        json_str(&body, sql_ticket_revoked_row(visit->rows, i).id);
    json_close(&body, ']');
    json_close(&body, '}');
    visit->mine = 1;
    visit->fits = !body.overflown;
    if (memory != NULL)
        visit->blob = http_blob_create(text_span(&body));
    free(memory);
    PQclear(visit->rows);
}

static void on_revoked(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = MAGIC_OF(visit, ctx);
    visit->headers = SPAN("Cache-Control: public, max-age=10\r\n");
    if (!guard_answer(visit->req, answer))
        return;
    bool is_long = PQntuples(answer->results[0]) > REVOKED_SHORT_MAX;
    write_list(visit, answer, put_revoked, is_long ? &visit->pay->common->caps->listing : NULL);
}

static void on_get_revoked(struct http_req *req)
{
    struct span after = http_req_query_arg(req, SPAN("after"));
    struct visit *visit = visit_begin(req, NULL);
    if (visit == NULL)
        return;
    if (after.len > 0 && !span_to_cstr(after, visit->to, sizeof(visit->to))) {
        refusal_say(req, REFUSAL_REQUEST, "after must be the `next` of the previous page.");
        return;
    }
    visit->as_of = text_on(visit->as_of_memory, sizeof(visit->as_of_memory));
    rfc3339_put(&visit->as_of, clock_wall_us(visit->pay->loop->clock) / 1000);
    const struct sql_ticket_revoked_args args = {
        .event = visit->id, .after = visit->to, .most = REVOKED_PAGE_MAX + 1};
    sql_ticket_revoked(visit->pay->pg, &args, on_revoked, visit);
}

const struct http_route ticket_routes[] = {
    {HTTP_METHOD_GET, "/v1/pay/orders/{id}/tickets", on_get_tickets, NULL, 0},
    {HTTP_METHOD_POST, "/v1/pay/tickets/{id}/transfer", on_post_transfer, NULL, BODY_SMALL_MAX},
    {HTTP_METHOD_DELETE, "/v1/pay/tickets/{id}/transfer", on_take_back, NULL, 0},
    {HTTP_METHOD_POST, "/v1/pay/tickets/{id}/accept", on_accept, NULL, BODY_SMALL_MAX},
    {HTTP_METHOD_GET, "/v1/pay/ticket-keys", on_get_keys, NULL, 0},
    {HTTP_METHOD_GET, "/v1/pay/events/{event}/revoked-tickets", on_get_revoked, NULL, 0},
    {.pattern = NULL},
};
