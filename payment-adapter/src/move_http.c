/* move_http.c: the operator moves sold seats of an order. That it begins is one commit with its
 * saga, its record and the mark that keeps refunds, hand-overs, doors and other moves away from
 * these seats; what becomes of it is the saga's (core/move_steps.h), and the order's timeline tells
 * it. */
#include "base/json_in.h"
#include "core/moving.h"
#include "guard.h"
#include "statements.h"

#include <stdio.h>
#include <stdlib.h>

enum { REASON_MAX = 200, MOVE_BODY_MAX = 16 * 1024 };

struct visit {
    struct http_req *req;
    char id[ORDER_ID_MAX];
};

struct wish {
    char reason[REASON_MAX + 1];
    char seats[MOVE_BODY_MAX]; /* [{from, to}] */
};

static void on_moving(void *ctx, const struct pg_answer *answer)
{
    static const struct {
        const char *code, *detail;
    } noes[] = {
        {"not-completed", "Only a completed order moves, and one move at a time."},
        {"seat-not-in-order", "`from` has to be a numbered seat of this order."},
        {"ticket-used", "A ticket of these seats was let in."},
        {"seats-taken", "Somebody has a ticket for one of the new seats."},
    };
    struct visit *visit = ctx;
    const PGresult *res = answer->rc == 0 ? answer->results[1] : NULL;
    if (res == NULL) {
        guard_unavailable(visit->req, answer->rc);
    } else if (PQntuples(res) == 0) {
        guard_nothing(visit->req, "order-unknown");
    } else if (!pg_null(res, 0, 0)) {
        for (size_t i = 0; i < sizeof(noes) / sizeof(noes[0]); i++) {
            if (span_eq(pg_text(res, 0, 0), span_of(noes[i].code)))
                http_problem(visit->req, 409, noes[i].code, "%s", noes[i].detail);
        }
    } else {
        worker_nudge(pay_of(visit->req)->worker);
        char memory[128];
        struct text body = text_on(memory, sizeof(memory));
        json_open(&body, '{');
        json_member_cstr(&body, "order", visit->id);
        json_close(&body, '}');
        http_reply(visit->req, &(struct http_reply){.status = 202,
                                                    .type = "application/json",
                                                    .body = text_span(&body)});
    }
    free(visit);
}

/* No seat is named twice, on whichever side. */
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

static void read_seats(struct json_in *in, struct wish *wish)
{
    json_t *seats = NULL;
    struct text out = text_on(wish->seats, sizeof(wish->seats) - 1);
    json_in_require(in, "seats");
    if (!json_in_array(in, "seats", 1, MOVING_SEATS_MAX, &seats))
        return;
    json_open(&out, '[');
    for (size_t i = 0; i < json_array_size(seats); i++) {
        const json_t *seat = json_array_get(seats, i);
        const char *from, *to;
        if (json_object_size(seat) != 2 || !read_name(seat, "from", &from) ||
            !read_name(seat, "to", &to) || strcmp(from, to) == 0 || !is_new(seats, i, from) ||
            !is_new(seats, i, to)) {
            json_in_refuse(in, "seats", "has to be [{from, to}], and no seat in it twice");
            return;
        }
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

/* False: answered. */
static bool read_wish(struct http_req *req, struct wish *wish)
{
    struct err_slot err = {0};
    json_t *doc;
    if (!guard_json(req, &err, &doc))
        return false;
    struct span reason = {NULL, 0};
    struct json_in in;
    json_in_object(&in, doc, &err);
    json_in_require(&in, "reason");
    json_in_str(&in, "reason", 1, REASON_MAX, &reason);
    read_seats(&in, wish);
    int rc = json_in_end(&in);
    span_to_cstr(reason, wish->reason, sizeof(wish->reason));
    json_decref(doc);
    if (rc < 0)
        http_problem(req, 400, "bad-request", "%s", err.text);
    return rc == 0;
}

static void begin_move(struct http_req *req, const char *id, const struct wish *wish)
{
    struct visit *visit = calloc(1, sizeof(*visit));
    struct pg_job *job = visit != NULL ? pg_job_create(pay_of(req)->pg, on_moving, visit) : NULL;
    if (job == NULL) {
        guard_unavailable(req, ERR_NOMEM);
        free(visit);
        return;
    }
    visit->req = req;
    snprintf(visit->id, sizeof(visit->id), "%s", id);
    const char *const params[] = {visit->id, CHECKOUT_MOVE, "", wish->seats, wish->reason};
    pg_job_add(job, SQL_ORDER_LOCK, 1, params);
    pg_job_add(job, SQL_ORDER_MOVE, 5, params);
    pg_job_add(job, SQL_ORDER_REFUND_SHOP, 1, params);
    pg_job_add(job, SQL_ORDER_REFUND_MAIL, 1, params);
    pg_job_send(job);
}

static void on_move(struct http_req *req, void *ctx)
{
    (void)ctx;
    char id[ORDER_ID_MAX];
    if (!guard_id(req, 0, id, sizeof(id)))
        return;
    struct wish *wish = calloc(1, sizeof(*wish));
    if (wish == NULL)
        guard_unavailable(req, ERR_NOMEM);
    else if (read_wish(req, wish))
        begin_move(req, id, wish);
    free(wish);
}

int move_routes(struct http_router *private_routes, struct err_slot *err)
{
    const struct http_route route = {HTTP_METHOD_POST, "/admin/orders/{order}/move", on_move, NULL,
                                     MOVE_BODY_MAX};
    return http_router_add(private_routes, &route, err);
}
