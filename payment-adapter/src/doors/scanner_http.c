/* scanner_http.c: scanners, and the operator's view of doors: who is in, what was scanned twice,
 * who did what.
 *
 * A scanner works at a gate on a phone network, so its calls are on the public listener, behind the
 * edge with its TLS; the private listener is the operator's and stays inside the deployment. A
 * stolen scanner checks people in at one gate of one event until it is revoked or expires, and can
 * read nothing. Calls are rate-limited per token and per address before the database is queried, so
 * guessing tokens (256 bits) costs at most a hundred look-ups a second per address. */
#include "doors/scanner.h"

#include "api/guard.h"
#include "base/json_in.h"
#include "doors/routes.h"
#include "observe/log.h"
#include "store/statements.h"

#include <assert.h>
#include <sodium.h>

enum {
    TOKEN_BYTES = 32,
    B64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
    AUDIT_DEFAULT = 200, /* acts per answer */
    AUDIT_MAX = 1000,
};

#define TOKEN_PREFIX "FGS1."

/* ---- who scans ---- */

struct question {
    struct http_req *req;
    scanner_then *then;
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
    const struct question *question = ctx;
    if (!guard_row(question->req, answer, 0, REFUSAL_SCANNER_UNKNOWN))
        return;
    const struct sql_scanner_find_row row = sql_scanner_find_row(answer->results[0], 0);
    struct scanner scanner;
    bool fits = span_to_cstr(row.id, scanner.id, sizeof(scanner.id)) &&
                span_to_cstr(row.event, scanner.event, sizeof(scanner.event)) &&
                span_to_cstr(row.gate, scanner.gate, sizeof(scanner.gate)) &&
                span_to_cstr(row.expires_at, scanner.expires_at, sizeof(scanner.expires_at));
    assert(fits); /* they fitted when it was created */
    question->then(question->req, &scanner);
}

static bool keeps_pace(struct http_req *req, struct span token)
{
    struct paces *paces = pay_of(req)->common->paces;
    uint64_t now_us = clock_mono_us(pay_of(req)->loop->clock);
    if (guard_site(req, &paces->addresses) && gate_set_take(&paces->scanners, token, now_us))
        return true;
    refusal_reply(req, REFUSAL_SCANS_FAST);
    return false;
}

void scanner_of(struct http_req *req, scanner_then *then)
{
    assert(then != NULL);
    struct span token = http_req_bearer(req);
    if (!span_starts(token, SPAN(TOKEN_PREFIX)) || token.len >= SCANNER_TOKEN_MAX) {
        refusal_reply(req, REFUSAL_SCANNER_MISSING);
        return;
    }
    if (!keeps_pace(req, token))
        return;
    struct question *question = guard_room(req, sizeof(*question));
    if (question == NULL)
        return;
    *question = (struct question){req, then};
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

static void visit_end(void *room)
{
    sodium_memzero(room, sizeof(struct visit));
}

static struct visit *visit_begin(struct http_req *req)
{
    struct visit *visit = http_req_room(req, sizeof(*visit), visit_end);
    if (visit == NULL)
        guard_unavailable(req, ERR_NOMEM);
    if (visit == NULL || !guard_id(req, 0, visit->event, sizeof(visit->event)))
        return NULL;
    visit->req = req;
    return visit;
}

static void on_list(void *ctx, const struct pg_answer *answer)
{
    guard_doc(ctx, 200, answer, REFUSAL_NOT_FOUND);
}

static void on_get_scanners(struct http_req *req)
{
    char event[ORDER_EVENT_MAX];
    if (guard_id(req, 0, event, sizeof(event)))
        sql_scanner_list(pay_of(req)->pg, &(struct sql_scanner_list_args){event}, on_list, req);
}

static void say(const struct visit *visit, const char *what)
{
    assert(visit->id[0] != '\0');
    struct log_line line;
    log_begin(&line, pay_of(visit->req)->loop->log, LOG_LEVEL_WARN, what);
    log_cstr(&line, "scanner", visit->id);
    log_cstr(&line, "event", visit->event);
    log_end(&line);
}

/* The token is returned only this once. */
static void on_created(void *ctx, const struct pg_answer *answer)
{
    const struct visit *visit = ctx;
    if (!guard_answer(visit->req, answer))
        return;
    if (PQntuples(answer->results[0]) == 0) {
        refusal_say(visit->req, REFUSAL_SCANNERS_FULL,
                    "An event can have at most %d scanners; revoke some first.", SCANNERS_MAX);
        return;
    }
    char memory[512];
    struct text body = text_on(memory, sizeof(memory));
    json_open(&body, '{');
    json_member_cstr(&body, "scanner", visit->id);
    json_member_cstr(&body, "event", visit->event);
    json_member_cstr(&body, "gate", visit->gate);
    json_member_cstr(&body, "token", visit->token);
    json_member_str(&body, "expires_at", sql_scanner_create_row(answer->results[0], 0).expires_at);
    json_close(&body, '}');
    say(visit, "operator created a scanner");
    guard_reply(visit->req, 201, &body, SPAN("Cache-Control: no-store\r\n"));
}

struct wanted {
    char gate[SCANNER_GATE_MAX], reason[DOOR_REASON_MAX + 1];
    uint64_t ttl_s;
};

static void read_wanted(struct json_in *in, void *ctx)
{
    struct wanted *out = ctx;
    json_in_copy(in, "gate", out->gate, sizeof(out->gate));
    json_in_copy(in, "reason", out->reason, sizeof(out->reason));
    json_in_u64(in, "expires_in_s", SCANNER_TTL_MIN_S, SCANNER_TTL_MAX_S, &out->ttl_s);
}

static void on_post_scanner(struct http_req *req)
{
    struct wanted wanted = {.ttl_s = 86400};
    char hash[SCANNER_HASH_MAX];
    struct visit *visit = guard_read(req, read_wanted, &wanted) ? visit_begin(req) : NULL;
    if (visit == NULL)
        return;
    memcpy(visit->gate, wanted.gate, sizeof(visit->gate));
    assert(visit->gate[0] != '\0' && wanted.reason[0] != '\0');
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
    hash_token(span_of(visit->token), hash);
    const struct sql_scanner_create_args args = {.id = visit->id,
                                                 .event = visit->event,
                                                 .gate = visit->gate,
                                                 .hash = hash,
                                                 .ttl_s = wanted.ttl_s,
                                                 .reason = wanted.reason,
                                                 .who = guard_who(req),
                                                 .most = SCANNERS_MAX};
    sql_scanner_create(pay_of(req)->pg, &args, on_created, visit);
}

static void on_revoked(void *ctx, const struct pg_answer *answer)
{
    const struct visit *visit = ctx;
    if (answer->rc == 0 && PQntuples(answer->results[0]) > 0)
        say(visit, "operator revoked a scanner");
    guard_done(visit->req, answer, REFUSAL_SCANNER_GONE);
}

static void on_revoke(struct http_req *req)
{
    char reason[DOOR_REASON_MAX + 1];
    struct visit *visit = guard_reason(req, reason, sizeof(reason)) ? visit_begin(req) : NULL;
    if (visit == NULL || !guard_id(req, 1, visit->id, sizeof(visit->id)))
        return;
    const struct sql_scanner_revoke_args args = {
        .event = visit->event, .id = visit->id, .reason = reason, .who = guard_who(req)};
    sql_scanner_revoke(pay_of(req)->pg, &args, on_revoked, visit);
}

/* ---- what happened at the doors ---- */

static void on_get_doors(struct http_req *req)
{
    char event[ORDER_EVENT_MAX];
    if (guard_id(req, 0, event, sizeof(event)))
        sql_door_conflicts(pay_of(req)->pg, &(struct sql_door_conflicts_args){event}, on_list, req);
}

static void on_get_audit(struct http_req *req)
{
    struct span before = http_req_query_arg(req, SPAN("before"));
    struct span subject = http_req_query_arg(req, SPAN("subject"));
    struct span limit = http_req_query_arg(req, SPAN("limit"));
    char event[ORDER_EVENT_MAX], subject_text[ORDER_EVENT_MAX];
    uint64_t number = 0, most = AUDIT_DEFAULT;
    if ((before.len > 0 && !span_u64(before, INT64_MAX, &number)) ||
        (limit.len > 0 && !span_u64(limit, AUDIT_MAX, &most)) ||
        (subject.len > 0 && !span_to_cstr(subject, subject_text, sizeof(subject_text)))) {
        refusal_say(req, REFUSAL_REQUEST,
                    "before is an act's id; limit at most %d; subject a ticket, a scanner, an "
                    "order or the event.",
                    AUDIT_MAX);
        return;
    }
    if (!guard_id(req, 0, event, sizeof(event)))
        return;
    const struct sql_audit_list_args args = {
        .event = event,
        .has_before = before.len > 0,
        .before = number,
        .subject = subject.len > 0 ? subject_text : NULL,
        .scans = !span_eq(http_req_query_arg(req, SPAN("scans")), SPAN("false")),
        .most = (uint32_t)most,
    };
    sql_audit_list(pay_of(req)->pg, &args, on_list, req);
}

const struct http_route scanner_routes[] = {
    {HTTP_METHOD_GET, "/admin/events/{event}/scanners", on_get_scanners, NULL, 0},
    {HTTP_METHOD_POST, "/admin/events/{event}/scanners", on_post_scanner, NULL, BODY_SMALL_MAX},
    {HTTP_METHOD_POST, "/admin/events/{event}/scanners/{scanner}/revoke", on_revoke, NULL,
     BODY_SMALL_MAX},
    {HTTP_METHOD_GET, "/admin/events/{event}/doors", on_get_doors, NULL, 0},
    {HTTP_METHOD_GET, "/admin/events/{event}/audit", on_get_audit, NULL, 0},
    {.pattern = NULL},
};
