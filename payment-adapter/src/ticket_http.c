/* ticket_http.c: tickets for their owner, and what doors need: public keys, what was revoked, and
 * one check-in for each ticket.
 *
 * A check-in is an insert under the ticket's own key: of ten gates that scan the same ticket one
 * gets a row, and nine are told who had it. A door without a network lets people in by the
 * signature and the revocation list alone, and sends its scans later; a scan that is already there
 * under another gate becomes a conflict, for a person to look at. */
#include "base/json_in.h"
#include "guard.h"
#include "statements.h"
#include "web/qr.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum { QR_MAX = 64 * 1024, TICKETS_BODY_MAX = 2 * 1024 * 1024, GATE_MAX = 64, SCANS_MAX = 500 };

struct visit {
    struct http_req *req;
    struct pay *pay;
    char id[ORDER_EVENT_MAX]; /* an order's, a ticket's or an event's: the longest of them */
    char to[ORDER_MEMBER_MAX];
    struct ticket ticket; /* the one that is handed on */
    struct session session;
    void (*then)(struct visit *visit);
};

static void visit_end(struct visit *visit)
{
    free(visit);
}

static void on_session(void *ctx, int rc, const struct session *session)
{
    struct visit *visit = ctx;
    if (rc == 0 && session->here) {
        visit->session = *session;
        visit->then(visit);
        return;
    }
    if (rc < 0)
        guard_unavailable(visit->req, rc);
    else
        guard_login(visit->req);
    visit_end(visit);
}

static struct visit *visit_begin(struct http_req *req, void (*then)(struct visit *visit))
{
    char id[ORDER_EVENT_MAX];
    if (!guard_id(req, 0, id, sizeof(id)))
        return NULL;
    struct visit *visit = calloc(1, sizeof(*visit));
    if (visit == NULL) {
        guard_unavailable(req, ERR_NOMEM);
        return NULL;
    }
    visit->req = req;
    visit->pay = pay_of(req);
    visit->then = then;
    memcpy(visit->id, id, sizeof(id));
    return visit;
}

static void reply(struct http_req *req, unsigned status, const char *type, const struct text *body,
                  struct span headers)
{
    if (body->overflown)
        http_problem(req, 500, "too-long", "The answer would be too long.");
    else
        http_reply(
            req, &(struct http_reply){
                     .status = status, .type = type, .headers = headers, .body = text_span(body)});
}

/* ---- the owner's tickets ---- */

static void put_ticket(struct text *body, const PGresult *res, int i)
{
    bool revoked = pg_bool(res, i, 4), used = pg_bool(res, i, 5);
    json_open(body, '{');
    json_member_str(body, "ticket", pg_text(res, i, 0));
    json_member_str(body, "seat", pg_text(res, i, 1));
    json_member_str(body, "event", pg_text(res, i, 2));
    json_member_str(body, "event_name", pg_text(res, i, 8));
    if (pg_text(res, i, 11).len > 0)
        json_member_str(body, "zone", pg_text(res, i, 11));
    if (pg_text(res, i, 13).len > 0) {
        json_member_str(body, "row", pg_text(res, i, 12));
        json_member_str(body, "number", pg_text(res, i, 13));
    }
    json_member_cstr(body, "state", revoked ? "revoked" : used ? "used" : "valid");
    json_member_str(body, "issued_at", pg_text(res, i, 7));
    json_member_str(body, "token", pg_text(res, i, 3));
    char *svg = malloc(QR_MAX);
    struct text qr = text_on(svg, svg != NULL ? QR_MAX : 0);
    if (svg != NULL && !revoked && qr_svg(pg_text(res, i, 3), NULL, &qr) == 0)
        json_member_str(body, "qr", text_span(&qr));
    free(svg);
    json_close(body, '}');
}

/* Tickets that were handed on are their new owner's: who bought them sees them no more. */
static void on_tickets(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = ctx;
    char *memory = answer->rc == 0 ? malloc(TICKETS_BODY_MAX) : NULL;
    if (memory == NULL) {
        guard_unavailable(visit->req, answer->rc);
        visit_end(visit);
        return;
    }
    const PGresult *res = answer->results[0];
    struct text body = text_on(memory, TICKETS_BODY_MAX);
    unsigned mine = 0;
    json_open(&body, '{');
    json_member_cstr(&body, "order", visit->id);
    json_key(&body, "tickets");
    json_open(&body, '[');
    for (int i = 0; i < PQntuples(res); i++) {
        if (!span_eq(pg_text(res, i, 6), span_of(visit->session.member)))
            continue;
        put_ticket(&body, res, i);
        mine++;
    }
    json_close(&body, ']');
    json_close(&body, '}');
    if (mine == 0)
        guard_nothing(visit->req, "tickets-unknown");
    else
        reply(visit->req, 200, "application/json", &body,
              SPAN("Cache-Control: private, no-store\r\n"));
    free(memory);
    visit_end(visit);
}

static void then_tickets(struct visit *visit)
{
    const char *const params[] = {visit->id};
    pg_pool_query(visit->pay->pg, SQL_ORDER_TICKETS, 1, params, on_tickets, visit);
}

static void on_get_tickets(struct http_req *req, void *ctx)
{
    (void)ctx;
    struct visit *visit = visit_begin(req, then_tickets);
    if (visit != NULL)
        session_of(visit->pay->sessions, req, on_session, visit);
}

/* ---- handing one on ---- */

static void on_transferred(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = ctx;
    if (answer->rc < 0) {
        guard_unavailable(visit->req, answer->rc);
    } else if (PQntuples(answer->results[0]) == 0) {
        http_problem(visit->req, 409, "not-transferable",
                     "Only an unused ticket of yours, of a completed order, can be handed on.");
    } else {
        char memory[256];
        struct text body = text_on(memory, sizeof(memory));
        json_open(&body, '{');
        json_member_str(&body, "ticket", pg_text(answer->results[0], 0, 0));
        json_member_cstr(&body, "member", visit->to);
        json_close(&body, '}');
        reply(visit->req, 201, "application/json", &body, (struct span){NULL, 0});
    }
    visit_end(visit);
}

static void transfer(struct visit *visit)
{
    const struct pay_keys *keys = visit->pay->keys;
    struct ticket *ticket = &visit->ticket;
    uint8_t id[15];
    rng_fill(rng_system(), id, sizeof(id));
    memcpy(ticket->id, "t_", 2);
    sodium_bin2base64(ticket->id + 2, sizeof(ticket->id) - 2, id, sizeof(id),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    ticket_signer_holder(keys->signer, visit->to, ticket->holder);
    char token[TICKET_TOKEN_MAX];
    if (ticket_sign(keys->signer, ticket, NULL, token) < 0) {
        guard_unavailable(visit->req, ERR_RANGE);
        visit_end(visit);
        return;
    }
    const char *const params[] = {visit->id,      visit->session.member, ticket->id, visit->to,
                                  ticket->holder, ticket->kid,           token};
    pg_pool_query(visit->pay->pg, SQL_TICKET_TRANSFER, 7, params, on_transferred, visit);
}

static void on_member(void *ctx, int rc, const struct user *user)
{
    struct visit *visit = ctx;
    if (rc == 0 && user->found) {
        transfer(visit);
        return;
    }
    if (rc < 0)
        guard_unavailable(visit->req, rc);
    else
        http_problem(visit->req, 422, "member-unknown", "There is no member of this number.");
    visit_end(visit);
}

/* A slip of the finger would give the ticket to nobody, for good: so the number has to be
 * somebody's. Where the company's table is not ours to ask, nobody can tell. */
static void ask_for_member(struct visit *visit)
{
    uint32_t retry_ms;
    if (visit->pay->users == NULL) {
        transfer(visit);
    } else if (users_address(visit->pay->users, visit->to, on_member, visit, &retry_ms) < 0) {
        guard_unavailable(visit->req, ERR_FULL);
        visit_end(visit);
    }
}

static void on_ticket_to_transfer(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = ctx;
    const PGresult *res = answer->rc == 0 ? answer->results[0] : NULL;
    if (res == NULL) {
        guard_unavailable(visit->req, answer->rc);
        visit_end(visit);
        return;
    }
    if (PQntuples(res) == 0 || !span_eq(pg_text(res, 0, 4), span_of(visit->session.member))) {
        guard_nothing(visit->req, "ticket-unknown");
        visit_end(visit);
        return;
    }
    span_to_cstr(pg_text(res, 0, 1), visit->ticket.order, sizeof(visit->ticket.order));
    span_to_cstr(pg_text(res, 0, 2), visit->ticket.event, sizeof(visit->ticket.event));
    span_to_cstr(pg_text(res, 0, 3), visit->ticket.seat, sizeof(visit->ticket.seat));
    ask_for_member(visit);
}

static void then_transfer(struct visit *visit)
{
    const char *const params[] = {visit->id};
    pg_pool_query(visit->pay->pg, SQL_TICKET_READ, 1, params, on_ticket_to_transfer, visit);
}

static void on_transfer(struct http_req *req, void *ctx)
{
    (void)ctx;
    struct err_slot err = {0};
    json_t *doc;
    if (!guard_origin(req) || !guard_json(req, &err, &doc))
        return;
    struct span to = {NULL, 0};
    struct json_in in;
    json_in_object(&in, doc, &err);
    json_in_require(&in, "to");
    json_in_str(&in, "to", 1, ORDER_MEMBER_MAX - 1, &to);
    int rc = json_in_end(&in);
    char member[ORDER_MEMBER_MAX] = "";
    if (rc == 0 && !span_to_cstr(to, member, sizeof(member)))
        rc = err_set(&err, ERR_RANGE, "/to: must be a member's id");
    json_decref(doc);
    if (rc < 0) {
        http_problem(req, 400, "bad-request", "%s", err.text);
        return;
    }
    struct visit *visit = visit_begin(req, then_transfer);
    if (visit == NULL)
        return;
    memcpy(visit->to, member, sizeof(member));
    session_of(visit->pay->sessions, req, on_session, visit);
}

/* ---- what doors read ---- */

static void on_get_keys(struct http_req *req, void *ctx)
{
    (void)ctx;
    http_reply(req, &(struct http_reply){.status = 200,
                                         .type = "application/json",
                                         .headers = SPAN("Cache-Control: public, max-age=300\r\n"),
                                         .body = span_of(pay_of(req)->keys->ticket_keys_json)});
}

static void on_revoked(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = ctx;
    char *memory = answer->rc == 0 ? malloc(TICKETS_BODY_MAX) : NULL;
    if (memory == NULL) {
        guard_unavailable(visit->req, answer->rc);
        visit_end(visit);
        return;
    }
    const PGresult *res = answer->results[0];
    struct text body = text_on(memory, TICKETS_BODY_MAX);
    json_open(&body, '{');
    json_member_cstr(&body, "event", visit->id);
    json_key(&body, "revoked");
    json_open(&body, '[');
    for (int i = 0; i < PQntuples(res); i++)
        json_str(&body, pg_text(res, i, 0));
    json_close(&body, ']');
    json_close(&body, '}');
    reply(visit->req, 200, "application/json", &body,
          SPAN("Cache-Control: public, max-age=10\r\n"));
    free(memory);
    visit_end(visit);
}

static void on_get_revoked(struct http_req *req, void *ctx)
{
    (void)ctx;
    struct visit *visit = visit_begin(req, NULL);
    if (visit == NULL)
        return;
    const char *const params[] = {visit->id};
    pg_pool_query(visit->pay->pg, SQL_TICKET_REVOKED, 1, params, on_revoked, visit);
}

/* ---- the door ---- */

struct door; /* one call of POST /admin/checkin */

struct scan {
    struct door *door;
    uint32_t index;
    struct ticket ticket;
    int judged; /* of the signature */
    uint64_t at_ms;
    char why[32];        /* "" let in */
    char gate[GATE_MAX]; /* who had it */
    char at[32];
    char seat[ORDER_SEAT_MAX];
};

struct door {
    struct http_req *req;
    struct pay *pay;
    char gate[GATE_MAX];
    bool offline;
    bool one; /* a single ticket, answered by status */
    uint32_t len, left;
    int rc;
    struct scan scans[];
};

static void put_scan(struct text *body, const struct scan *scan)
{
    json_open(body, '{');
    json_member_cstr(body, "ticket", scan->ticket.id);
    json_member_cstr(body, "seat", scan->ticket.seat);
    json_member_cstr(body, "event", scan->ticket.event);
    json_member_bool(body, "admit", scan->why[0] == '\0');
    if (scan->why[0] != '\0')
        json_member_cstr(body, "code", scan->why);
    if (scan->gate[0] != '\0') {
        json_member_cstr(body, "gate", scan->gate);
        json_member_cstr(body, "at", scan->at);
    }
    json_close(body, '}');
}

static void door_reply(struct door *door)
{
    char *memory = malloc(TICKETS_BODY_MAX);
    if (memory == NULL || door->rc < 0) {
        guard_unavailable(door->req, door->rc);
    } else if (door->one) {
        struct text body = text_on(memory, TICKETS_BODY_MAX);
        const struct scan *scan = &door->scans[0];
        bool unknown = strcmp(scan->why, "forged") == 0 || strcmp(scan->why, "unknown") == 0;
        put_scan(&body, scan);
        reply(door->req,
              scan->why[0] == '\0' ? 200
              : unknown            ? 404
                                   : 409,
              "application/json", &body, (struct span){NULL, 0});
    } else {
        struct text body = text_on(memory, TICKETS_BODY_MAX);
        json_open(&body, '{');
        json_key(&body, "results");
        json_open(&body, '[');
        for (uint32_t i = 0; i < door->len; i++)
            put_scan(&body, &door->scans[i]);
        json_close(&body, ']');
        json_close(&body, '}');
        reply(door->req, 200, "application/json", &body, (struct span){NULL, 0});
    }
    free(memory);
    free(door);
}

static void scan_done(struct scan *scan)
{
    struct door *door = scan->door;
    if (--door->left == 0)
        door_reply(door);
}

static void on_conflict_kept(void *ctx, const struct pg_answer *answer)
{
    struct scan *scan = ctx;
    if (answer->rc < 0)
        scan->door->rc = answer->rc;
    scan_done(scan);
}

static void keep_conflict(struct scan *scan)
{
    char at[24];
    snprintf(at, sizeof(at), "%llu", (unsigned long long)scan->at_ms);
    const char *const params[] = {scan->ticket.id, scan->door->gate, at, scan->why};
    pg_pool_query(scan->door->pay->pg, SQL_CHECKIN_CONFLICT, 4, params, on_conflict_kept, scan);
}

static void on_why(void *ctx, const struct pg_answer *answer)
{
    struct scan *scan = ctx;
    struct door *door = scan->door;
    const PGresult *res = answer->rc == 0 ? answer->results[0] : NULL;
    const char *why = "unknown";
    if (res == NULL) {
        door->rc = answer->rc;
        scan_done(scan);
        return;
    }
    bool same = false;
    if (PQntuples(res) == 1) {
        why = pg_bool(res, 0, 1)                                ? "revoked"
              : !span_eq(pg_text(res, 0, 2), SPAN("completed")) ? "order-not-completed"
                                                                : "already-used";
        span_to_cstr(pg_text(res, 0, 3), scan->gate, sizeof(scan->gate));
        span_to_cstr(pg_text(res, 0, 4), scan->at, sizeof(scan->at));
        same = door->offline && strcmp(scan->gate, door->gate) == 0;
    }
    /* The same door sends the same scans again after a broken call: that is no second person. */
    if (same && strcmp(why, "already-used") == 0) {
        scan_done(scan);
        return;
    }
    snprintf(scan->why, sizeof(scan->why), "%s", why);
    if (door->offline)
        keep_conflict(scan);
    else
        scan_done(scan);
}

static void on_checked_in(void *ctx, const struct pg_answer *answer)
{
    struct scan *scan = ctx;
    if (answer->rc < 0) {
        scan->door->rc = answer->rc;
        scan_done(scan);
    } else if (PQntuples(answer->results[0]) == 1) {
        scan_done(scan);
    } else {
        const char *const params[] = {scan->ticket.id};
        pg_pool_query(scan->door->pay->pg, SQL_CHECKIN_WHY, 1, params, on_why, scan);
    }
}

static void door_start(struct door *door)
{
    door->left = door->len + 1; /* one for ourselves: a door of forged tickets has no query */
    for (uint32_t i = 0; i < door->len; i++) {
        struct scan *scan = &door->scans[i];
        if (scan->judged < 0) {
            snprintf(scan->why, sizeof(scan->why), "forged");
            door->left--;
            continue;
        }
        char at[24];
        snprintf(at, sizeof(at), "%llu", (unsigned long long)scan->at_ms);
        const char *const params[] = {scan->ticket.id, door->gate, at,
                                      door->offline ? "true" : "false"};
        pg_pool_query(door->pay->pg, SQL_CHECKIN, 4, params, on_checked_in, scan);
    }
    if (--door->left == 0)
        door_reply(door);
}

static void take_scan(struct door *door, struct span token, uint64_t at_ms)
{
    struct scan *scan = &door->scans[door->len];
    scan->door = door;
    scan->index = door->len++;
    scan->at_ms = at_ms;
    scan->judged = ticket_verify(&door->pay->keys->ticket_keys, token, NULL, &scan->ticket);
}

/* {gate, token} now, or {gate, scans: [{token, at}]} of a door that was offline. */
static int read_door(struct door *door, json_t *doc, struct err_slot *err)
{
    struct span gate = {NULL, 0}, token = {NULL, 0};
    json_t *scans = NULL;
    uint64_t now_ms = clock_wall_us(door->pay->loop->clock) / 1000;
    struct json_in in;
    json_in_object(&in, doc, err);
    json_in_require(&in, "gate");
    json_in_str(&in, "gate", 1, GATE_MAX - 1, &gate);
    door->offline = json_in_has(&in, "scans");
    door->one = !door->offline;
    if (door->one) {
        json_in_require(&in, "token");
        if (json_in_str(&in, "token", 1, TICKET_TOKEN_MAX, &token))
            take_scan(door, token, now_ms);
    } else if (json_in_array(&in, "scans", 0, SCANS_MAX, &scans)) {
        for (size_t i = 0; i < json_array_size(scans); i++) {
            struct json_in item;
            uint64_t at_ms = now_ms;
            if (!json_in_item_child(&in, "scans", scans, i, &item))
                break;
            json_in_require(&item, "token");
            json_in_require(&item, "at");
            bool good = json_in_str(&item, "token", 1, TICKET_TOKEN_MAX, &token);
            json_in_time(&item, "at", &at_ms);
            if (json_in_end(&item) == 0 && good)
                take_scan(door, token, at_ms);
        }
    }
    if (!span_to_cstr(gate, door->gate, sizeof(door->gate)) && gate.len > 0)
        json_in_refuse(&in, "gate", "must be text");
    return json_in_end(&in);
}

static void on_checkin(struct http_req *req, void *ctx)
{
    (void)ctx;
    struct err_slot err = {0};
    json_t *doc;
    if (!guard_json(req, &err, &doc))
        return;
    struct door *door = calloc(1, sizeof(*door) + SCANS_MAX * sizeof(struct scan));
    if (door == NULL) {
        json_decref(doc);
        guard_unavailable(req, ERR_NOMEM);
        return;
    }
    door->req = req;
    door->pay = pay_of(req);
    int rc = read_door(door, doc, &err);
    json_decref(doc);
    if (rc < 0) {
        http_problem(req, 400, "bad-request", "%s", err.text);
        free(door);
        return;
    }
    door_start(door);
}

int ticket_routes(struct http_router *routes, struct err_slot *err)
{
    const struct http_route all[] = {
        {HTTP_METHOD_GET, "/v1/pay/orders/{id}/tickets", on_get_tickets, NULL, 0},
        {HTTP_METHOD_POST, "/v1/pay/tickets/{id}/transfer", on_transfer, NULL, BODY_SMALL_MAX},
        {HTTP_METHOD_GET, "/v1/pay/ticket-keys", on_get_keys, NULL, 0},
        {HTTP_METHOD_GET, "/v1/pay/events/{event}/revoked-tickets", on_get_revoked, NULL, 0},
    };
    return http_router_add_all(routes, all, sizeof(all) / sizeof(all[0]), err);
}

int checkin_routes(struct http_router *private_routes, struct err_slot *err)
{
    const struct http_route route = {HTTP_METHOD_POST, "/admin/checkin", on_checkin, NULL,
                                     BODY_CHECKIN_MAX};
    return http_router_add(private_routes, &route, err);
}
