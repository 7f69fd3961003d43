/* shop.c: one loop's shop: the queries, the pool of connections, the pages. Also what every handler
 * needs: the session behind a cookie and the single result of a query. A failure to reach the
 * database (503) is kept apart from a query that it refused (500), because only the first is worth
 * retrying. */
#include "shop.h"

#include "base/base64.h"
#include "base/json_in.h"
#include "observe/log.h"
#include "service/service.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define DONE "SELECT outcome, json_build_object('order', order_id, 'status', order_status) FROM "

/* The functions and the view are in sql/schema.sql. */
const struct pg_statement shop_statements[SHOP_QUERIES] = {
    [SHOP_LOGIN] =
        {"login", "SELECT id, password_hash FROM users WHERE lower(email) = lower($1) AND active"},
    [SHOP_SESSION_OPEN] = {"session_open",
                           "INSERT INTO sessions VALUES (decode($1, 'hex'), $2::bigint,"
                           " now() + $3::integer * interval '1 s')"},
    [SHOP_SESSION_CLOSE] = {"session_close",
                            "DELETE FROM sessions WHERE token_hash = decode($1, 'hex')"
                            " OR expires_at < now() - interval '1 day'"},
    [SHOP_WHO] = {"who", "SELECT id, lang FROM users WHERE id = user_of($1)"},
    [SHOP_ME] = {"me", "SELECT 'ok', json_build_object('customer', id::text, 'login', email,"
                       " 'name', name, 'lang', lang) FROM users WHERE id = user_of($1)"},
    [SHOP_PRODUCTS] = {"products", "SELECT 'ok', products_after($1, $2::integer)"},
    [SHOP_PRODUCT] = {"product",
                      "SELECT 'ok', row_to_json(p) FROM (SELECT sku, name, price,"
                      " 'KRW' AS currency, stock, description FROM products WHERE sku = $1) p"},
    [SHOP_PLACE] = {"place", "SELECT outcome, json_build_object('order', order_id, 'total', total)"
                             " FROM place_order(decode($1, 'hex'), $2::jsonb)"},
    [SHOP_MY_ORDERS] = {"my_orders", "SELECT 'ok', orders_of(customer) FROM user_of($1) customer"
                                     " WHERE customer IS NOT NULL"},
    [SHOP_IMPORT] = {"import", DONE "import_order($1, $2::jsonb)"},
    [SHOP_MOVE] = {"move", DONE "move_order($1, $2::jsonb)"},
    [SHOP_REFUND] = {"refund", DONE "refund_order($1, $2::jsonb)"},
    [SHOP_IMPORTED] = {"imported", "SELECT 'ok', (to_jsonb(i) - 'source' || jsonb_build_object("
                                   "'letters', letters_of(i.order)))::json FROM imported i"
                                   " WHERE source = $1 AND external_id = $2"},
    [SHOP_IMPORTED_LIST] = {"imported_list",
                            "SELECT 'ok', imported_after($1, $2::bigint, $3::integer)"},
};

struct shop *shop_of(const struct http_req *req)
{
    return service_loop_of(req)->ctx;
}

bool shop_session(struct http_req *req, char hash[SHOP_TOKEN_HASH])
{
    uint8_t token[SESSION_TOKEN_BYTES];
    uint8_t digest[crypto_hash_sha256_BYTES];
    static_assert(SHOP_TOKEN_HASH == 2 * sizeof(digest) + 1, "hex of a SHA-256");
    if (!base64_decode_exact(http_req_cookie(req, SPAN("shop_session")), token, sizeof(token))) {
        shop_reply_problem(req, "no-session");
        return false;
    }
    crypto_hash_sha256(digest, token, sizeof(token));
    sodium_bin2hex(hash, SHOP_TOKEN_HASH, digest, sizeof(digest));
    return true;
}

void shop_query_session(struct http_req *req, enum shop_query query, pg_on_done *on_done)
{
    char hash[SHOP_TOKEN_HASH];
    const char *const params[] = {hash};
    if (shop_session(req, hash))
        pg_pool_query(shop_of(req)->db, query, 1, params, on_done, req);
}

bool shop_limit(struct http_req *req, char out[16])
{
    uint64_t limit = LIST_LIMIT_DEFAULT;
    struct span wanted = http_req_query_arg(req, SPAN("limit"));
    if (wanted.len > 0 && (!span_u64(wanted, LIST_LIMIT_MAX, &limit) || limit == 0)) {
        http_problem(req, 400, "bad-query", "limit is a number from 1 to %d", LIST_LIMIT_MAX);
        return false;
    }
    snprintf(out, 16, "%llu", (unsigned long long)limit);
    return true;
}

void shop_reply_json(struct http_req *req, unsigned status, struct span json)
{
    http_reply(req, &(struct http_reply){.status = status,
                                         .type = "application/json",
                                         .headers = SPAN("Cache-Control: no-store\r\n"),
                                         .body = json});
}

const PGresult *shop_result(struct http_req *req, const struct pg_answer *answer)
{
    if (answer->rc == 0)
        return answer->results[0];
    if (answer->rc == ERR_PEER) {
        struct log_line line;
        log_begin(&line, service_loop_of(req)->log, LOG_LEVEL_ERROR, "query refused");
        log_cstr(&line, "sqlstate", answer->sqlstate);
        log_cstr(&line, "reason", answer->text);
        log_end(&line);
    }
    shop_reply_trouble(req, answer->rc);
    return NULL;
}

void shop_reply_trouble(struct http_req *req, int rc)
{
    if (rc == ERR_PEER) {
        http_problem(req, 500, "database-error", "The shop could not do this.");
        return;
    }
    http_problem_reply(req, &(struct http_problem){.status = 503,
                                                   .code = "busy",
                                                   .detail = "The shop is busy. Try again shortly.",
                                                   .retry_after_s = 1});
}

bool shop_read_body(struct http_req *req, json_t **out)
{
    struct err_slot err;
    int rc = json_in_parse(http_req_body(req), &err, out);
    if (rc == ERR_NOMEM)
        shop_reply_trouble(req, rc);
    else if (rc < 0)
        http_problem(req, 400, "bad-json", "%s", err.text);
    return rc == 0;
}

void shop_reply_problem(struct http_req *req, const char *code)
{
    static const struct {
        const char *outcome;
        unsigned status;
        const char *code, *detail;
    } problems[] = {
        {"no-session", 401, "login-required", "Log in first."},
        {"unknown-product", 404, "unknown-product", "There is no such product."},
        {"unknown-products", 422, "unknown-product", "There is no such product."},
        {"out-of-stock", 409, "out-of-stock", "There is not enough of it left."},
        {"unknown-customer", 422, "unknown-customer", "There is no such customer."},
        {"unknown-order", 404, "unknown-order", "No order with this external_id was handed in."},
        {"taken", 409, "external-id-taken", "Another order has this external_id."},
    };
    size_t i = 0;
    while (strcmp(problems[i].outcome, code) != 0) {
        i++;
        assert(i < sizeof(problems) / sizeof(problems[0]));
    }
    http_problem(req, problems[i].status, problems[i].code, "%s", problems[i].detail);
}

void shop_answer(void *ctx, const struct pg_answer *answer)
{
    static const char *const good[] = {"new", "placed", "ok", "same", "moved", "refunded", NULL};
    struct http_req *req = ctx;
    const PGresult *res = shop_result(req, answer);
    if (res == NULL)
        return;
    if (PQntuples(res) == 0) {
        shop_reply_problem(req, http_req_route_ctx(req));
        return;
    }
    char outcome[32];
    bool fits = span_to_cstr(pg_text(res, 0, 0), outcome, sizeof(outcome));
    assert(fits);
    unsigned i = 0;
    while (good[i] != NULL && strcmp(good[i], outcome) != 0)
        i++;
    if (good[i] == NULL)
        shop_reply_problem(req, outcome);
    else
        shop_reply_json(req, i < 2 ? 201 : 200, pg_text(res, 0, 1));
}

void shop_query_doc(struct http_req *req, enum shop_query query, const char *first,
                    const json_t *doc)
{
    char *text = json_in_text(doc, 0);
    const char *const params[] = {first, text};
    if (text != NULL)
        pg_pool_query(shop_of(req)->db, query, 2, params, shop_answer, req);
    else
        shop_reply_trouble(req, ERR_NOMEM);
    free(text);
}
