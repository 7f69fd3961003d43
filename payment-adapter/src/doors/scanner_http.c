/* scanner_http.c: scanners, and what an operator reads about doors: who is in, what was scanned
 * twice, who did what.
 *
 * A scanner stands at a gate on a phone network, so its calls are on the public listener, behind
 * the edge with its TLS; the private one belongs to the operator and stays inside the deployment. A
 * stolen scanner checks people in at one gate of one event until it is revoked or expires, and can
 * read nothing. The rate of each token and of each address is limited before the database is asked,
 * so guessing tokens (256 bits) costs at most a hundred look-ups a second per address. */
#include "doors/scanner.h"

#include "api/guard.h"
#include "base/json_in.h"
#include "observe/log.h"
#include "store/statements.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    BODY_MAX = 512 * 1024,
    TOKEN_BYTES = 32,
    B64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
};

#define TOKEN_PREFIX "FGS1."

/* ---- who scans ---- */

struct question {
    struct http_req *req;
    scanner_then *then;
    void *ctx;
};

static void hash_token(struct span token, char out[SCANNER_HASH_MAX])
{
    uint8_t hash[32];
    static_assert(sodium_base64_ENCODED_LEN(sizeof(hash), B64) <= SCANNER_HASH_MAX, "it fits");
    assert(token.len > 0);
    crypto_generichash(hash, sizeof(hash), (const uint8_t *)token.ptr, token.len, NULL, 0);
    sodium_bin2base64(out, SCANNER_HASH_MAX, hash, sizeof(hash), B64);
}

static void on_found(void *ctx, const struct pg_answer *answer)
{
    struct question question = *(struct question *)ctx;
    free(ctx);
    if (answer->rc < 0) {
        guard_unavailable(question.req, answer->rc);
        return;
    }
    const PGresult *res = answer->results[0];
    if (PQntuples(res) == 0) {
        refusal_reply(question.req, REFUSAL_SCANNER_UNKNOWN);
        return;
    }
    const struct sql_scanner_find_row row = sql_scanner_find_row(res, 0);
    struct scanner scanner;
    bool fits = span_to_cstr(row.id, scanner.id, sizeof(scanner.id)) &&
                span_to_cstr(row.event, scanner.event, sizeof(scanner.event)) &&
                span_to_cstr(row.gate, scanner.gate, sizeof(scanner.gate)) &&
                span_to_cstr(row.expires_at, scanner.expires_at, sizeof(scanner.expires_at));
    assert(fits); /* as they were when it was created */
    question.then(question.req, &scanner, question.ctx);
}

static bool keeps_pace(struct http_req *req, struct span token)
{
    struct paces *paces = pay_of(req)->common->paces;
    uint64_t now_us = clock_mono_us(pay_of(req)->loop->clock);
    struct span address = {(const char *)http_req_addr(req), 16};
    if (gate_set_take(&paces->addresses, address, now_us) &&
        gate_set_take(&paces->scanners, token, now_us))
        return true;
    refusal_reply(req, REFUSAL_SCANS_FAST);
    return false;
}

void scanner_of(struct http_req *req, scanner_then *then, void *ctx)
{
    assert(then != NULL);
    struct span token = http_req_bearer(req);
    if (!span_starts(token, SPAN(TOKEN_PREFIX)) || token.len >= SCANNER_TOKEN_MAX) {
        refusal_reply(req, REFUSAL_SCANNER_MISSING);
        return;
    }
    if (!keeps_pace(req, token))
        return;
    struct question *question = malloc(sizeof(*question));
    if (question == NULL) {
        guard_unavailable(req, ERR_NOMEM);
        return;
    }
    *question = (struct question){req, then, ctx};
    char hash[SCANNER_HASH_MAX];
    hash_token(token, hash);
    sql_scanner_find(pay_of(req)->pg, &(struct sql_scanner_find_args){.hash = hash}, on_found,
                     question);
}

/* ---- the operator's ---- */

struct visit {
    struct http_req *req;
    char event[ORDER_EVENT_MAX];
    char id[SCANNER_ID_MAX];
    char gate[SCANNER_GATE_MAX];
    char token[SCANNER_TOKEN_MAX];
};

static struct visit *visit_begin(struct http_req *req)
{
    char event[ORDER_EVENT_MAX];
    struct visit *visit = guard_begin(req, sizeof(*visit), event, sizeof(event));
    if (visit == NULL)
        return NULL;
    visit->req = req;
    memcpy(visit->event, event, sizeof(event));
    return visit;
}

static void visit_end(struct visit *visit)
{
    assert(visit != NULL);
    sodium_memzero(visit, sizeof(*visit));
    free(visit);
}

static void member_text(struct text *body, const char *name, struct span text)
{
    if (text.ptr != NULL)
        json_member_str(body, name, text);
}

/* Replies with a list as the only member. */
static void reply_rows(void *ctx, const struct pg_answer *answer, const char *name,
                       void (*put)(struct text *body, const PGresult *res, int i))
{
    struct visit *visit = ctx;
    assert(visit->event[0] != '\0');
    char *memory = answer->rc == 0 ? malloc(BODY_MAX) : NULL;
    if (memory == NULL) {
        guard_unavailable(visit->req, answer->rc);
        visit_end(visit);
        return;
    }
    assert(answer->len == 1 || answer->len == 2);
    const PGresult *res = answer->results[answer->len - 1];
    struct text body = text_on(memory, BODY_MAX);
    json_open(&body, '{');
    json_member_cstr(&body, "event", visit->event);
    if (answer->len > 1) {
        const struct sql_door_counts_row counts = sql_door_counts_row(answer->results[0], 0);
        json_member_u64(&body, "entered", counts.entered);
        json_member_u64(&body, "inside", counts.inside);
    }
    json_key(&body, name);
    json_open(&body, '[');
    for (int i = 0; i < PQntuples(res); i++) {
        json_open(&body, '{');
        put(&body, res, i);
        json_close(&body, '}');
    }
    json_close(&body, ']');
    json_close(&body, '}');
    guard_reply(visit->req, 200, &body, SPAN("Cache-Control: no-store\r\n"));
    free(memory);
    visit_end(visit);
}

static void put_scanner(struct text *body, const PGresult *res, int i)
{
    const struct sql_scanner_list_row row = sql_scanner_list_row(res, i);
    json_member_str(body, "scanner", row.id);
    json_member_str(body, "gate", row.gate);
    json_member_str(body, "created_at", row.created_at);
    json_member_str(body, "expires_at", row.expires_at);
    member_text(body, "revoked_at", row.revoked_at);
    json_member_bool(body, "good", row.good);
}

static void on_list(void *ctx, const struct pg_answer *answer)
{
    reply_rows(ctx, answer, "scanners", put_scanner);
}

static void on_get_scanners(struct http_req *req)
{
    struct visit *visit = visit_begin(req);
    if (visit == NULL)
        return;
    sql_scanner_list(pay_of(req)->pg, &(struct sql_scanner_list_args){visit->event}, on_list,
                     visit);
}

static void say(struct visit *visit, const char *what)
{
    assert(visit->id[0] != '\0');
    struct log_line line;
    log_begin(&line, pay_of(visit->req)->loop->log, LOG_LEVEL_WARN, what);
    log_cstr(&line, "scanner", visit->id);
    log_cstr(&line, "event", visit->event);
    log_end(&line);
}

/* This is the only time that anybody sees the token. */
static void on_created(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = ctx;
    if (answer->rc < 0) {
        guard_unavailable(visit->req, answer->rc);
    } else if (PQntuples(answer->results[0]) == 0) {
        refusal_say(visit->req, REFUSAL_SCANNERS_FULL,
                    "An event can have at most %d scanners; revoke some first.", SCANNERS_MAX);
    } else {
        char memory[512];
        struct text body = text_on(memory, sizeof(memory));
        json_open(&body, '{');
        json_member_cstr(&body, "scanner", visit->id);
        json_member_cstr(&body, "event", visit->event);
        json_member_cstr(&body, "gate", visit->gate);
        json_member_cstr(&body, "token", visit->token);
        json_member_str(&body, "expires_at",
                        sql_scanner_create_row(answer->results[0], 0).expires_at);
        json_close(&body, '}');
        say(visit, "operator created a scanner");
        guard_reply(visit->req, 201, &body, SPAN("Cache-Control: no-store\r\n"));
    }
    visit_end(visit);
}

static void make_token(struct visit *visit)
{
    assert(visit->token[0] == '\0');
    uint8_t id[12], secret[TOKEN_BYTES];
    rng_fill(rng_system(), id, sizeof(id));
    rng_fill(rng_system(), secret, sizeof(secret));
    memcpy(visit->id, "sc_", 3);
    sodium_bin2base64(visit->id + 3, sizeof(visit->id) - 3, id, sizeof(id), B64);
    memcpy(visit->token, TOKEN_PREFIX, sizeof(TOKEN_PREFIX) - 1);
    sodium_bin2base64(visit->token + sizeof(TOKEN_PREFIX) - 1,
                      sizeof(visit->token) - sizeof(TOKEN_PREFIX) + 1, secret, sizeof(secret), B64);
    sodium_memzero(secret, sizeof(secret));
    assert(strlen(visit->token) < sizeof(visit->token) - 1);
}

static void on_post_scanner(struct http_req *req)
{
    struct err_slot err = {0};
    json_t *doc;
    if (!guard_json(req, &err, &doc))
        return;
    struct visit *visit = visit_begin(req);
    if (visit == NULL) {
        json_decref(doc);
        return;
    }
    struct span gate = {NULL, 0}, reason = {NULL, 0};
    char reason_text[DOOR_REASON_MAX + 1] = "", hash[SCANNER_HASH_MAX];
    uint64_t ttl_s = 86400;
    struct json_in in;
    json_in_object(&in, doc, &err);
    json_in_require(&in, "gate");
    json_in_require(&in, "reason");
    if (json_in_str(&in, "gate", 1, SCANNER_GATE_MAX - 1, &gate) &&
        !span_to_cstr(gate, visit->gate, sizeof(visit->gate)))
        json_in_refuse(&in, "gate", "must be text");
    if (json_in_str(&in, "reason", 1, DOOR_REASON_MAX, &reason) &&
        !span_to_cstr(reason, reason_text, sizeof(reason_text)))
        json_in_refuse(&in, "reason", "must be text");
    json_in_u64(&in, "expires_in_s", SCANNER_TTL_MIN_S, SCANNER_TTL_MAX_S, &ttl_s);
    int rc = json_in_end(&in);
    json_decref(doc);
    if (rc < 0) {
        refusal_say(req, REFUSAL_REQUEST, "%s", err.text);
        visit_end(visit);
        return;
    }
    assert(visit->gate[0] != '\0' && reason_text[0] != '\0');
    make_token(visit);
    hash_token(span_of(visit->token), hash);
    const struct sql_scanner_create_args args = {.id = visit->id,
                                                 .event = visit->event,
                                                 .gate = visit->gate,
                                                 .hash = hash,
                                                 .ttl_s = ttl_s,
                                                 .reason = reason_text,
                                                 .who = guard_who(req),
                                                 .most = SCANNERS_MAX};
    sql_scanner_create(pay_of(req)->pg, &args, on_created, visit);
}

static void on_revoked(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = ctx;
    if (answer->rc < 0) {
        guard_unavailable(visit->req, answer->rc);
    } else if (PQntuples(answer->results[0]) == 0) {
        refusal_reply(visit->req, REFUSAL_SCANNER_GONE);
    } else {
        say(visit, "operator revoked a scanner");
        http_reply(visit->req, &(struct http_reply){.status = 204});
    }
    visit_end(visit);
}

static void on_revoke(struct http_req *req)
{
    struct err_slot err = {0};
    json_t *doc;
    if (!guard_json(req, &err, &doc))
        return;
    struct visit *visit = visit_begin(req);
    if (visit == NULL || !guard_id(req, 1, visit->id, sizeof(visit->id))) {
        json_decref(doc);
        free(visit);
        return;
    }
    struct span reason = {NULL, 0};
    char text[DOOR_REASON_MAX + 1] = "";
    struct json_in in;
    json_in_object(&in, doc, &err);
    json_in_require(&in, "reason");
    json_in_str(&in, "reason", 1, DOOR_REASON_MAX, &reason);
    int rc = json_in_end(&in);
    span_to_cstr(reason, text, sizeof(text));
    json_decref(doc);
    if (rc < 0) {
        refusal_say(req, REFUSAL_REQUEST, "%s", err.text);
        visit_end(visit);
        return;
    }
    const struct sql_scanner_revoke_args args = {
        .event = visit->event, .id = visit->id, .reason = text, .who = guard_who(req)};
    sql_scanner_revoke(pay_of(req)->pg, &args, on_revoked, visit);
}

/* ---- what happened at the doors ---- */

static void put_conflict(struct text *body, const PGresult *res, int i)
{
    const struct sql_door_conflicts_row row = sql_door_conflicts_row(res, i);
    json_member_str(body, "ticket", row.ticket);
    json_member_str(body, "seat", row.seat);
    json_member_str(body, "order", row.order_id);
    json_member_str(body, "gate", row.gate);
    json_member_str(body, "scanned_at", row.scanned_at);
    json_member_str(body, "reason", row.reason);
    json_member_str(body, "recorded_at", row.recorded_at);
}

static void on_conflicts(void *ctx, const struct pg_answer *answer)
{
    reply_rows(ctx, answer, "conflicts", put_conflict);
}

static void on_get_doors(struct http_req *req)
{
    struct visit *visit = visit_begin(req);
    struct pg_job *job = visit != NULL ? pg_job_create(pay_of(req)->pg, on_conflicts, visit) : NULL;
    if (job == NULL) {
        if (visit != NULL)
            guard_unavailable(req, ERR_NOMEM);
        free(visit);
        return;
    }
    sql_door_counts_add(job, &(struct sql_door_counts_args){visit->event});
    sql_door_conflicts_add(job, &(struct sql_door_conflicts_args){visit->event});
    pg_job_send(job);
}

static void put_act(struct text *body, const PGresult *res, int i)
{
    const struct sql_audit_list_row row = sql_audit_list_row(res, i);
    json_member_u64(body, "id", row.id);
    json_member_str(body, "at", row.at);
    json_member_str(body, "act", row.act);
    json_member_str(body, "subject", row.subject);
    json_member_str(body, "actor", row.actor);
    member_text(body, "gate", row.gate);
    member_text(body, "reason", row.reason);
    if (row.detail.ptr != NULL)
        json_member_raw(body, "detail", row.detail);
    member_text(body, "who", row.who);
}

static void on_audit(void *ctx, const struct pg_answer *answer)
{
    reply_rows(ctx, answer, "acts", put_act);
}

static void on_get_audit(struct http_req *req)
{
    struct span before = http_req_query_arg(req, SPAN("before"));
    struct span subject = http_req_query_arg(req, SPAN("subject"));
    char subject_text[ORDER_EVENT_MAX];
    uint64_t number = 0;
    if ((before.len > 0 && !span_u64(before, INT64_MAX, &number)) ||
        (subject.len > 0 && !span_to_cstr(subject, subject_text, sizeof(subject_text)))) {
        refusal_say(req, REFUSAL_REQUEST,
                    "before is an act's id; subject a ticket, a scanner, an order or the event.");
        return;
    }
    struct visit *visit = visit_begin(req);
    if (visit == NULL)
        return;
    const struct sql_audit_list_args args = {.event = visit->event,
                                             .has_before = before.len > 0,
                                             .before = number,
                                             .subject = subject.len > 0 ? subject_text : NULL};
    sql_audit_list(pay_of(req)->pg, &args, on_audit, visit);
}

int scanner_routes(struct http_router *private_routes, struct err_slot *err)
{
    const struct http_route all[] = {
        {HTTP_METHOD_GET, "/admin/events/{event}/scanners", on_get_scanners, NULL, 0},
        {HTTP_METHOD_POST, "/admin/events/{event}/scanners", on_post_scanner, NULL, BODY_SMALL_MAX},
        {HTTP_METHOD_POST, "/admin/events/{event}/scanners/{scanner}/revoke", on_revoke, NULL,
         BODY_SMALL_MAX},
        {HTTP_METHOD_GET, "/admin/events/{event}/doors", on_get_doors, NULL, 0},
        {HTTP_METHOD_GET, "/admin/events/{event}/audit", on_get_audit, NULL, 0},
    };
    return http_router_add_all(private_routes, all, sizeof(all) / sizeof(all[0]), err);
}
