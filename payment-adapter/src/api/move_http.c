/* move_http.c: the operator moves sold seats of an order. The first step of a move voids tickets,
 * and a void ticket does not come back. So the seat service checks beforehand whether the new seats
 * exist, are free, and are in the old ones' category (unless the operator wants another). One
 * commit then stores the saga, its record, and the mark that keeps refunds, transfers, doors and
 * other moves away from these seats. The saga does the rest (core/checkout/move_steps.h), and the
 * order's timeline shows it.
 *
 * Seats that move to where they are get new tickets, without a request to the seat service. */
#include "api/routes.h"

#include "api/guard.h"
#include "api/order_view.h"
#include "base/json_in.h"
#include "base/magic.h"
#include "core/checkout/moving.h"
#include "service/persons.h"
#include "store/statements.h"

#include <assert.h>
#include <stdio.h>

enum { REASON_MAX = 200, MOVE_BODY_MAX = 32 * 1024, JUDGE_MS = 5000 };

struct wish {
    char reason[REASON_MAX + 1];
    char seats[MOVE_BODY_MAX]; /* [{from, to}] */
    bool other_category, renewal;
};

struct visit {
    uint32_t magic;
    struct http_req *req;
    char id[ORDER_ID_MAX];
    struct wish wish;
    char who[PERSONS_NAME_BYTES_MAX + 1]; /* "": a nameless token */
    /* For the request to the seat service. */
    struct order order;
    struct moving moving;
    struct peer_call peer;
    char trace[TRACE_TEXT_LEN + 1];
};

MAGIC(visit, 0x3a70000e);

/* Why order_move refuses. */
static const enum refusal noes[] = {REFUSAL_NOT_COMPLETED, REFUSAL_SEAT_NOT_IN_ORDER,
                                    REFUSAL_TICKET_USED, REFUSAL_SEATS_TICKETED};
enum { NOES = sizeof(noes) / sizeof(noes[0]) };

static void on_moving(void *ctx, const struct pg_answer *answer)
{
    const struct visit *visit = MAGIC_OF(visit, ctx);
    assert(answer->rc < 0 || answer->len > 1);
    if (!guard_row(visit->req, answer, 1, REFUSAL_ORDER_UNKNOWN))
        return;
    struct span code = sql_order_move_row(answer->results[1], 0).code;
    if (code.ptr != NULL) {
        refusal_reply(visit->req, refusal_of(code, noes, NOES));
        return;
    }
    worker_nudge(pay_of(visit->req)->worker);
    guard_begun(visit->req, visit->id, NULL);
}

/* True: this seat has not been named in another pair. */
static bool is_new(const json_t *seats, size_t len, const char *name)
{
    for (size_t i = 0; i < len; i++) {
        const json_t *seat = json_array_get(seats, i);
        if (strcmp(json_string_value(json_object_get(seat, "from")), name) == 0 ||
            strcmp(json_string_value(json_object_get(seat, "to")), name) == 0)
            return false;
    }
    return true;
}

static bool read_name(const json_t *seat, const char *key, const char **out)
{
    const json_t *name = json_object_get(seat, key);
    *out = json_string_value(name);
    size_t len = json_string_length(name);
    return *out != NULL && len > 0 && len < ORDER_SEAT_MAX && strlen(*out) == len;
}

static void read_wish(struct json_in *in, void *ctx)
{
    struct visit *visit = ctx;
    json_in_copy(in, "reason", visit->wish.reason, sizeof(visit->wish.reason));
    json_in_bool(in, "other_category", &visit->wish.other_category);
    struct wish *wish = &visit->wish;
    struct moving *moving = &visit->moving;
    json_t *seats = NULL;
    struct text out = text_on(wish->seats, sizeof(wish->seats) - 1);
    json_in_require(in, "seats");
    if (!json_in_array(in, "seats", 1, MOVING_SEATS_MAX, &seats))
        return;
    json_open(&out, '[');
    for (size_t i = 0; i < json_array_size(seats); i++) {
        const json_t *seat = json_array_get(seats, i);
        const char *from, *to;
        bool good = json_object_size(seat) == 2 && read_name(seat, "from", &from) &&
                    read_name(seat, "to", &to) && is_new(seats, i, from) && is_new(seats, i, to);
        if (good && i == 0)
            wish->renewal = strcmp(from, to) == 0;
        if (!good || wish->renewal != (strcmp(from, to) == 0)) {
            json_in_refuse(in, "seats",
                           "must be [{from, to}], no seat in two of them, and all or none staying");
            return;
        }
        assert(moving->len == i);
        assert(i < MOVING_SEATS_MAX);
        snprintf(moving->seats[i].from, ORDER_SEAT_MAX, "%s", from);
        snprintf(moving->seats[i].to, ORDER_SEAT_MAX, "%s", to);
        moving->len++;
        json_open(&out, '{');
        json_member_cstr(&out, "from", from);
        json_member_cstr(&out, "to", to);
        json_close(&out, '}');
    }
    json_close(&out, ']');
    if (out.overflown)
        json_in_refuse(in, "seats", "is too long");
    wish->seats[out.len] = '\0';
}

static void begin_move(struct visit *visit)
{
    assert(visit->moving.len > 0);
    assert(visit->trace[0] != '\0');
    struct pg_job *job = pg_job_create(pay_of(visit->req)->pg, on_moving, visit);
    const struct sql_order_move_args args = {
        .order = visit->id,
        .saga = checkout_now(pay_of(visit->req)->checkout, CHECKOUT_MOVE)->key,
        .trace = visit->trace,
        .seats = visit->wish.seats,
        .reason = visit->wish.reason,
        .who = visit->who[0] != '\0' ? visit->who : NULL};
    sql_order_lock_add(job, &(struct sql_order_lock_args){visit->id});
    sql_order_move_add(job, &args);
    sql_order_refund_shop_add(job, &(struct sql_order_refund_shop_args){visit->id});
    sql_order_refund_mail_add(job, &(struct sql_order_refund_mail_args){visit->id});
    pg_job_send(job);
}

/* ---- would the seats move? ---- */

static void on_judged(struct peer_call *peer)
{
    struct visit *visit = peer->ctx;
    assert(peer == &visit->peer);
    assert(!visit->wish.renewal); /* a renewal makes no request */
    if (peer->verdict == SAGA_UNKNOWN) {
        guard_unavailable(visit->req, ERR_CLOSED);
    } else if (peer->verdict != SAGA_DONE) {
        /* Phrases a refusal of the seat service in terms of the order. */
        const char *code = visit->peer.code;
        if (strcmp(code, "seats-taken") == 0)
            refusal_reply(visit->req, REFUSAL_SEATS_TAKEN);
        else if (strcmp(code, "seat-unknown") == 0)
            refusal_reply(visit->req, REFUSAL_SEAT_UNKNOWN);
        else if (strcmp(code, "not-in-hold") == 0 || strcmp(code, "seats-and-area") == 0)
            refusal_reply(visit->req, REFUSAL_SEAT_NOT_IN_ORDER);
        else
            refusal_reply(visit->req, REFUSAL_NOT_COMPLETED);
    } else if (!peer->same_category && !visit->wish.other_category) {
        refusal_reply(visit->req, REFUSAL_CATEGORY_DIFFERS);
    } else {
        begin_move(visit);
    }
}

static void on_order(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = MAGIC_OF(visit, ctx);
    if (!guard_row(visit->req, answer, 0, REFUSAL_ORDER_UNKNOWN))
        return;
    const struct sql_order_row row = sql_order_row(answer->results[0], 0);
    snprintf(visit->order.id, sizeof(visit->order.id), "%s", visit->id);
    span_to_cstr(row.event, visit->order.event, sizeof(visit->order.event));
    span_to_cstr(row.hold, visit->order.hold, sizeof(visit->order.hold));
    visit->peer = (struct peer_call){.op = PEER_SEATS_MOVABLE,
                                     .trace = visit->trace,
                                     .order = &visit->order,
                                     .moving = &visit->moving,
                                     .timeout_ms = JUDGE_MS,
                                     .on_done = on_judged,
                                     .ctx = visit};
    struct peers peers = peers_http_peers(&pay_of(visit->req)->peers);
    peers.start(peers.ctx, &visit->peer);
}

static void move(struct http_req *req, const char *id)
{
    struct visit *visit = guard_room(req, sizeof(*visit));
    if (visit == NULL)
        return;
    MAGIC_BEGIN(visit, visit);
    visit->req = req;
    assert(strlen(id) < sizeof(visit->id));
    snprintf(visit->id, sizeof(visit->id), "%s", id);
    const char *who = guard_who(req);
    if (who != NULL)
        snprintf(visit->who, sizeof(visit->who), "%s", who);
    if (!guard_read(req, read_wish, visit))
        return;
    guard_trace(req, visit->trace);
    if (visit->wish.renewal)
        begin_move(visit);
    else
        sql_order_read(pay_of(req)->pg, &(struct sql_order_read_args){visit->id}, on_order, visit);
}

static void on_move(struct http_req *req)
{
    guard_order(req, http_req_param(req, 0), move);
}

const struct http_route move_routes[] = {
    {HTTP_METHOD_POST, "/admin/orders/{order}/move", on_move, NULL, MOVE_BODY_MAX},
    {.pattern = NULL},
};
