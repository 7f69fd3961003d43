/* door_http.c: check-in, check-out and re-entry, and the undo of a check-in.
 *
 * Scans come from one event's scanner at one gate (scanner.h), or from the operator, who names
 * both. A ticket for another event is refused by its signed claims, and is not used up.
 *
 * A check-in is an insert under the ticket's own key: of ten gates that scan the same ticket, one
 * gets a row and nine get the name of that gate (I1: one ticket lets one person in). A check-out
 * keeps the row, so the ticket stays used, and its next scan lets its holder back in. An undo
 * removes the row: only at the same gate, within DOOR_UNDO_MS, and with a reason. Check-ins,
 * transfers and refunds exclude each other by locking the order's row (sql/statements/doors.sql).
 * Everything is recorded in pay.audit.
 *
 * A door without a network admits people by the signature and the list of revoked tickets alone,
 * and sends its scans later. A scan that arrives too late (another scan let the ticket in, or it
 * was refunded or transferred meanwhile) becomes a conflict for an operator, as does any scan of a
 * ticket that is missing here. No scan is refused for its time: if the door also sends its clock's
 * time now, a scan counts by its age, else from its arrival at the latest. */
#include "doors/routes.h"

#include "api/guard.h"
#include "base/json_in.h"
#include "base/magic.h"
#include "doors/scanner.h"
#include "service/persons.h"
#include "store/statements.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { DOOR_ANSWER_MAX = 512 * 1024 };

enum door_call { CALL_IN, CALL_OUT, CALL_UNDO };

struct door; /* one call */

struct scan {
    struct door *door;
    struct ticket ticket;
    const char *token;           /* in the call's document */
    int judged;                  /* result of verifying the signature */
    bool has_at;                 /* online it may be missing */
    uint64_t at_ms;              /* by the gate's clock */
    bool again;                  /* re-entry after a check-out */
    bool restored;               /* it was missing and may be restored now */
    char why[32];                /* "": let in */
    char gate[SCANNER_GATE_MAX]; /* which gate let it in */
    char at[32];
};

struct door {
    uint32_t magic;
    struct http_req *req;
    struct pay *pay;
    json_t *doc;
    char event[ORDER_EVENT_MAX];
    char gate[SCANNER_GATE_MAX];
    char actor[SCANNER_ID_MAX];
    char who[PERSONS_NAME_BYTES_MAX + 1]; /* the operator's name; "": none */
    char reason[DOOR_REASON_MAX + 1];
    enum door_call call;
    bool by_operator, offline, has_sent_ms;
    uint64_t sent_ms;          /* by the gate's clock */
    bool one;                  /* a single ticket, answered by the status code */
    uint32_t len, begun, done; /* scans */
    bool going_on;
    int rc, unread; /* `unread`: the body is not JSON */
    struct err_slot err;
    struct pay_work work; /* reads a long list off the loop */
    struct ticket_keys keys;
    struct scan scans[];
};

MAGIC(door, 0x3a700012);

static void door_end(void *room)
{
    json_decref(((struct door *)room)->doc);
}

static const char *who_of(const struct door *door)
{
    return door->who[0] != '\0' ? door->who : NULL;
}

static void put_scan(struct text *body, const struct scan *scan)
{
    json_open(body, '{');
    json_member_cstr(body, "ticket", scan->ticket.id);
    json_member_cstr(body, "seat", scan->ticket.seat);
    json_member_cstr(body, "event", scan->ticket.event);
    json_member_bool(body, "admit", scan->why[0] == '\0');
    if (scan->again)
        json_member_bool(body, "again", true);
    json_member_some(body, "code", span_of(scan->why));
    if (scan->gate[0] != '\0') {
        json_member_cstr(body, "gate", scan->gate);
        json_member_cstr(body, "at", scan->at);
    }
    json_close(body, '}');
}

static unsigned status_of(const struct scan *scan)
{
    bool unknown = strcmp(scan->why, "forged") == 0 || strcmp(scan->why, "unknown") == 0;
    return scan->why[0] == '\0' ? 200 : unknown ? 404 : 409;
}

static void door_reply(struct door *door)
{
    assert(door->rc < 0 || door->done == door->len);
    assert(!door->one || door->len == 1);
    char *memory = malloc(DOOR_ANSWER_MAX);
    struct text body = text_on(memory, memory != NULL ? DOOR_ANSWER_MAX : 0);
    if (memory == NULL || door->rc < 0) {
        guard_unavailable(door->req, door->rc < 0 ? door->rc : ERR_NOMEM);
    } else if (door->one) {
        put_scan(&body, &door->scans[0]);
        guard_reply(door->req, status_of(&door->scans[0]), &body,
                    SPAN("Cache-Control: no-store\r\n"));
    } else {
        json_open(&body, '{');
        json_member_open(&body, "results", '[');
        for (uint32_t i = 0; i < door->len; i++)
            put_scan(&body, &door->scans[i]);
        json_close(&body, ']');
        json_close(&body, '}');
        guard_reply(door->req, 200, &body, SPAN("Cache-Control: no-store\r\n"));
    }
    free(memory);
}

static void check_in(struct scan *scan);

/* Begins the next scans; none after a failure, as all will be sent again. A forged ticket is done
 * at once and does not call this. */
static void go_on(struct door *door)
{
    assert(door->begun <= door->len);
    assert(door->done <= door->begun);
    if (door->going_on)
        return;
    door->going_on = true;
    while (door->rc == 0 && door->begun < door->len &&
           door->begun - door->done < DOOR_SCANS_AT_ONCE)
        check_in(&door->scans[door->begun++]);
    door->going_on = false;
    if (door->done == door->begun)
        door_reply(door);
}

static void scan_done(struct scan *scan)
{
    struct door *door = scan->door;
    assert(door->done < door->begun);
    door->done++;
    go_on(door);
}

/* ---- in ---- */

static void on_conflict_kept(void *ctx, const struct pg_answer *answer)
{
    struct scan *scan = ctx;
    assert(scan->why[0] != '\0');
    if (answer->rc < 0)
        scan->door->rc = answer->rc;
    scan_done(scan);
}

/* Refuses entry; if the door was offline, the person is inside already. A missing ticket is
 * recorded in any case: an operator has to learn of its order. */
static void refuse(struct scan *scan, const char *why)
{
    struct door *door = scan->door;
    assert(scan->why[0] == '\0');
    assert(strlen(why) < sizeof(scan->why));
    snprintf(scan->why, sizeof(scan->why), "%s", why);
    if (!door->offline && strcmp(why, "unknown") != 0) {
        scan_done(scan);
        return;
    }
    const struct sql_checkin_conflict_args args = {.ticket = scan->ticket.id,
                                                   .event = scan->ticket.event,
                                                   .seat = scan->ticket.seat,
                                                   .order = scan->ticket.order,
                                                   .gate = door->gate,
                                                   .has_at_ms = door->offline,
                                                   .at_ms = scan->at_ms,
                                                   .reason = scan->why};
    sql_checkin_conflict(door->pay->pg, &args, on_conflict_kept, scan);
}

static void check_in_now(struct scan *scan);

static void put_why(struct scan *scan, const PGresult *res)
{
    if (PQntuples(res) == 0 && !scan->restored) {
        scan->restored = true;
        check_in_now(scan);
        return;
    }
    if (PQntuples(res) == 0) {
        refuse(scan, "unknown");
        return;
    }
    const struct sql_checkin_why_row row = sql_checkin_why_row(res, 0);
    if (row.resent) { /* after a failed call; not a second person */
        scan_done(scan);
        return;
    }
    bool gate_fits = span_to_cstr(row.gate, scan->gate, sizeof(scan->gate));
    bool at_fits = span_to_cstr(row.scanned_at, scan->at, sizeof(scan->at));
    assert(gate_fits && at_fits);
    if (row.other_event)
        refuse(scan, "other-event");
    else if (row.revoked)
        refuse(scan, "revoked");
    else if (row.status != ORDER_COMPLETED)
        refuse(scan, "order-not-completed");
    else
        refuse(scan, "already-used");
}

static void on_checked_in(void *ctx, const struct pg_answer *answer)
{
    struct scan *scan = ctx;
    if (answer->rc < 0) {
        scan->door->rc = answer->rc;
        scan_done(scan);
        return;
    }
    assert(answer->len == (scan->restored ? 4 : 3));
    const PGresult *in = answer->results[answer->len - 2];
    if (PQntuples(in) == 1) {
        scan->again = sql_checkin_row(in, 0).again;
        scan_done(scan);
    } else {
        put_why(scan, answer->results[answer->len - 1]);
    }
}

static void check_in(struct scan *scan)
{
    struct door *door = scan->door;
    assert(door->done < door->begun);
    assert(scan->why[0] == '\0');
    if (scan->judged == ERR_NOMEM) { /* no reason to turn anybody away */
        door->rc = scan->judged;
        scan_done(scan);
        return;
    }
    if (scan->judged < 0) {
        snprintf(scan->why, sizeof(scan->why), "forged");
        scan_done(scan);
        return;
    }
    if (strcmp(scan->ticket.event, door->event) != 0) {
        refuse(scan, "other-event");
        return;
    }
    check_in_now(scan);
}

static void check_in_now(struct scan *scan)
{
    struct door *door = scan->door;
    assert(scan->judged >= 0); /* we signed it */
    const struct sql_checkin_args in = {.ticket = scan->ticket.id,
                                        .gate = door->gate,
                                        .has_at_ms = scan->has_at,
                                        .at_ms = scan->at_ms,
                                        .has_sent_ms = door->has_sent_ms,
                                        .sent_ms = door->sent_ms,
                                        .offline = door->offline,
                                        .event = door->event,
                                        .actor = door->actor,
                                        .who = who_of(door)};
    const struct sql_checkin_why_args why = {.ticket = in.ticket,
                                             .gate = in.gate,
                                             .has_at_ms = in.has_at_ms,
                                             .at_ms = in.at_ms,
                                             .event = in.event};
    struct pg_job *job = pg_job_create(door->pay->pg, on_checked_in, scan);
    if (scan->restored) {
        const struct ticket *ticket = &scan->ticket;
        assert(strcmp(ticket->event, door->event) == 0);
        sql_order_lock_add(job, &(struct sql_order_lock_args){.id = ticket->order});
        sql_ticket_restore_add(job, &(struct sql_ticket_restore_args){.ticket = ticket->id,
                                                                      .order = ticket->order,
                                                                      .event = ticket->event,
                                                                      .seat = ticket->seat,
                                                                      .holder = ticket->holder,
                                                                      .kid = ticket->kid,
                                                                      .token = scan->token,
                                                                      .gate = door->gate,
                                                                      .actor = door->actor,
                                                                      .who = who_of(door)});
    } else
        sql_ticket_lock_add(job, &(struct sql_ticket_lock_args){.id = in.ticket});
    sql_checkin_add(job, &in);
    sql_checkin_why_add(job, &why);
    pg_job_send(job);
}

/* ---- check-out and undo ---- */

static void on_acted(void *ctx, const struct pg_answer *answer)
{
    struct door *door = MAGIC_OF(door, ctx);
    bool undo = door->call == CALL_UNDO;
    assert(door->one && door->len == 1);
    assert(answer->rc < 0 || answer->len == 2);
    if (guard_row(door->req, answer, 1, undo ? REFUSAL_NOT_UNDOABLE : REFUSAL_NOT_INSIDE)) {
        char memory[1024];
        struct text body = text_on(memory, sizeof(memory));
        const struct scan *scan = &door->scans[0];
        json_open(&body, '{');
        json_member_cstr(&body, "ticket", scan->ticket.id);
        json_member_cstr(&body, "seat", scan->ticket.seat);
        json_member_cstr(&body, "event", scan->ticket.event);
        json_member_cstr(&body, "act", undo ? "undo" : "out");
        json_close(&body, '}');
        guard_reply(door->req, 200, &body, SPAN("Cache-Control: no-store\r\n"));
    }
}

/* False: the request has been answered. */
static bool is_ours(struct door *door)
{
    assert(door->len == 1);
    const struct scan *scan = &door->scans[0];
    if (scan->judged == 0 && strcmp(scan->ticket.event, door->event) == 0)
        return true;
    if (scan->judged == ERR_NOMEM)
        guard_unavailable(door->req, scan->judged);
    else if (scan->judged < 0)
        refusal_reply(door->req, REFUSAL_FORGED);
    else
        refusal_reply(door->req, REFUSAL_OTHER_EVENT);
    return false;
}

static void door_act(struct door *door)
{
    assert(!door->offline);
    assert(door->reason[0] != '\0');
    if (!is_ours(door))
        return;
    const char *ticket = door->scans[0].ticket.id;
    struct pg_job *job = pg_job_create(door->pay->pg, on_acted, door);
    sql_ticket_lock_add(job, &(struct sql_ticket_lock_args){.id = ticket});
    if (door->call == CALL_UNDO)
        sql_checkin_undo_add(job, &(struct sql_checkin_undo_args){.ticket = ticket,
                                                                  .event = door->event,
                                                                  .gate = door->gate,
                                                                  .actor = door->actor,
                                                                  .reason = door->reason,
                                                                  .who = who_of(door),
                                                                  .within_ms = DOOR_UNDO_MS});
    else
        sql_checkout_add(job, &(struct sql_checkout_args){.ticket = ticket,
                                                          .event = door->event,
                                                          .gate = door->gate,
                                                          .actor = door->actor,
                                                          .reason = door->reason,
                                                          .who = who_of(door)});
    pg_job_send(job);
}

/* ---- reading a call ---- */

/* {token, at}. The time names the scan when it is sent again. */
static void read_scan(struct door *door, struct json_in *in)
{
    assert(door->len < DOOR_SCANS_MAX);
    struct scan *scan = &door->scans[door->len];
    struct span token;
    json_in_require(in, "token");
    bool good = json_in_str(in, "token", 1, TICKET_TOKEN_MAX, &token);
    if (door->call == CALL_IN)
        scan->has_at = json_in_time(in, "at", &scan->at_ms);
    if (!good)
        return;
    door->len++;
    scan->door = door;
    scan->token = token.ptr;
    scan->judged = ticket_verify(&door->keys, token, NULL, &scan->ticket);
}

static void read_scans(struct door *door, struct json_in *in)
{
    json_t *scans = NULL;
    door->has_sent_ms = json_in_time(in, "sent_at", &door->sent_ms);
    if (!json_in_array(in, "scans", 0, DOOR_SCANS_MAX, &scans))
        return;
    for (size_t i = 0; i < json_array_size(scans); i++) {
        struct json_in item;
        if (!json_in_item_child(in, "scans", scans, i, &item))
            return;
        json_in_require(&item, "at");
        read_scan(door, &item);
        json_in_end(&item);
    }
}

/* A check-in is {token, at}, where `at` may be missing, or {scans: [{token, at}], sent_at} from a
 * door that was offline, where `sent_at` may be; the other calls are {token, reason}. The operator
 * adds event and gate, which a scanner's token implies. */
static int read_door(struct door *door)
{
    struct json_in in;
    json_in_object(&in, door->doc, &door->err);
    if (door->by_operator) {
        json_in_copy(&in, "event", door->event, sizeof(door->event));
        json_in_copy(&in, "gate", door->gate, sizeof(door->gate));
    }
    if (door->call != CALL_IN)
        json_in_copy(&in, "reason", door->reason, sizeof(door->reason));
    door->offline = door->call == CALL_IN && json_in_has(&in, "scans");
    door->one = !door->offline;
    if (door->offline)
        read_scans(door, &in);
    else
        read_scan(door, &in);
    return json_in_end(&in);
}

static void read_body(void *ctx)
{
    struct door *door = MAGIC_OF(door, ctx);
    assert(door->doc == NULL);
    door->unread = json_in_parse(http_req_body(door->req), &door->err, &door->doc);
    if (door->unread == 0)
        door->rc = read_door(door);
}

static void on_read(void *ctx)
{
    struct door *door = MAGIC_OF(door, ctx);
    struct http_req *req = door->req;
    if (door->unread < 0 || door->rc < 0 || pay_of(req) == NULL) {
        if (door->unread < 0)
            guard_unread(req, door->unread, &door->err);
        else if (door->rc < 0)
            refusal_say(req, REFUSAL_REQUEST, "%s", door->err.text);
        else
            guard_unavailable(req, ERR_CLOSED);
    } else if (door->call == CALL_IN) {
        assert(door->one ? door->len == 1 : door->offline);
        go_on(door);
    } else {
        door_act(door);
    }
}

static void door_begin(struct http_req *req, const struct scanner *scanner, enum door_call call)
{
    struct pay *pay = pay_of(req);
    if (!guard_type(req))
        return;
    struct door *door =
        http_req_room(req, sizeof(*door) + DOOR_SCANS_MAX * sizeof(struct scan), door_end);
    if (door == NULL) {
        guard_unavailable(req, ERR_NOMEM);
        return;
    }
    MAGIC_BEGIN(door, door);
    door->req = req;
    door->pay = pay;
    door->call = call;
    door->by_operator = scanner == NULL;
    door->keys = pay->secrets->ticket_keys; /* a reload may free those */
    if (scanner != NULL) {
        memcpy(door->event, scanner->event, sizeof(door->event));
        memcpy(door->gate, scanner->gate, sizeof(door->gate));
    }
    const char *who = scanner == NULL ? guard_who(req) : NULL;
    if (who != NULL)
        snprintf(door->who, sizeof(door->who), "%s", who);
    snprintf(door->actor, sizeof(door->actor), "%s",
             scanner != NULL ? scanner->id : ACTOR_OPERATOR);
    door->work =
        (struct pay_work){.loop = pay->loop, .run = read_body, .then = on_read, .ctx = door};
    if (http_req_body(req).len > DOOR_SHORT_MAX)
        door->work.limit = &pay->common->caps->drawing;
    if (!pay_work_begin(&door->work))
        refusal_reply(req, REFUSAL_BUSY);
}

/* ---- the calls ---- */

static enum door_call call_of(const struct http_req *req)
{
    return *(const enum door_call *)http_req_route_ctx(req);
}

static void then_call(struct http_req *req, const struct scanner *scanner)
{
    door_begin(req, scanner, call_of(req));
}

static void then_say(struct http_req *req, const struct scanner *scanner)
{
    char memory[512];
    struct text body = text_on(memory, sizeof(memory));
    json_open(&body, '{');
    json_member_cstr(&body, "scanner", scanner->id);
    json_member_cstr(&body, "event", scanner->event);
    json_member_cstr(&body, "gate", scanner->gate);
    json_member_cstr(&body, "expires_at", scanner->expires_at);
    json_close(&body, '}');
    assert(!body.overflown);
    guard_reply(req, 200, &body, SPAN("Cache-Control: no-store\r\n"));
}

static void on_door(struct http_req *req)
{
    scanner_of(req, then_say);
}

static void on_scanner(struct http_req *req)
{
    scanner_of(req, then_call);
}

static void on_operator(struct http_req *req)
{
    door_begin(req, NULL, call_of(req));
}

static enum door_call in = CALL_IN, out = CALL_OUT, undo = CALL_UNDO;

const struct http_route door_routes[] = {
    {HTTP_METHOD_GET, "/v1/pay/door", on_door, NULL, 0},
    {HTTP_METHOD_POST, "/v1/pay/door/checkin", on_scanner, &in, BODY_CHECKIN_MAX},
    {HTTP_METHOD_POST, "/v1/pay/door/checkout", on_scanner, &out, BODY_SMALL_MAX},
    {HTTP_METHOD_POST, "/v1/pay/door/undo", on_scanner, &undo, BODY_SMALL_MAX},
    {.pattern = NULL},
};
const struct http_route door_private_routes[] = {
    {HTTP_METHOD_POST, "/admin/checkin", on_operator, &in, BODY_CHECKIN_MAX},
    {HTTP_METHOD_POST, "/admin/checkin/undo", on_operator, &undo, BODY_SMALL_MAX},
    {.pattern = NULL},
};
