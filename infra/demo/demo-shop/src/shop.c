/* shop.c: one loop's shop, put together: the queries, the pool of connections, the pages. Also what
 * every handler needs: the session behind a cookie and the one result of a query. An answer that
 * the database could not give is told apart from one that it refused (503 or 500), because only the
 * first is worth trying again. */
#include "shop.h"

#include "base/base64.h"
#include "base/json_in.h"
#include "observe/log.h"
#include "service/service.h"

#include <assert.h>
#include <sodium.h>

#define SESSION_USER                                                                               \
    "(SELECT user_id FROM sessions WHERE token_hash = decode($1, 'hex') AND expires_at > now())"
#define IMPORTED                                                                                   \
    "SELECT o.id, o.external_id, o.status, o.user_id, p.event, o.currency, o.amount, p.seats,"     \
    " p.provider, p.payment, to_char(o.created_at AT TIME ZONE 'UTC', "                            \
    "'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),"                                                        \
    " to_char(p.refunded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"              \
    " FROM orders o JOIN partner_orders p ON p.order_id = o.id WHERE o.source = $1"

const struct pg_statement shop_statements[SHOP_QUERIES] = {
    [SHOP_LOGIN] =
        {"login", "SELECT id, password_hash FROM users WHERE lower(email) = lower($1) AND active"},
    [SHOP_SESSION_OPEN] = {"session_open",
                           "INSERT INTO sessions VALUES (decode($1, 'hex'), $2::bigint,"
                           " now() + $3::integer * interval '1 s')"},
    [SHOP_SESSION_CLOSE] = {"session_close",
                            "DELETE FROM sessions WHERE token_hash = decode($1, 'hex')"
                            " OR expires_at < now() - interval '1 day'"},
    [SHOP_ME] = {"me", "SELECT id, email, name, lang FROM users WHERE id = " SESSION_USER},
    [SHOP_PRODUCTS] = {"products", "SELECT sku, name, price, stock FROM products WHERE sku > $1"
                                   " ORDER BY sku LIMIT $2::integer"},
    [SHOP_PRODUCT] = {"product",
                      "SELECT sku, name, price, stock, description FROM products WHERE sku = $1"},
    [SHOP_PLACE] =
        {"place", "SELECT outcome, order_id, total FROM place_order(decode($1, 'hex'), $2::jsonb)"},
    [SHOP_MY_ORDERS] = {"my_orders",
                        "SELECT s.user_id, o.id, o.source, o.status, o.currency, o.amount"
                        " FROM " SESSION_USER " s LEFT JOIN orders o ON o.user_id = s.user_id"
                        " ORDER BY o.id DESC LIMIT 50"},
    [SHOP_IMPORT] = {"import",
                     "SELECT outcome, order_id, order_status FROM import_order($1, $2, $3::bigint,"
                     " $4, $5, $6::bigint, $7::jsonb, $8, $9, $10::timestamptz)"},
    [SHOP_MOVE] = {"move", "SELECT outcome, order_id, order_status FROM move_order($1, $2, $3)"},
    [SHOP_REFUND] = {"refund", "SELECT outcome, order_id, order_status FROM refund_order($1, $2)"},
    [SHOP_IMPORTED] = {"imported", IMPORTED " AND o.external_id = $2"},
    [SHOP_IMPORTED_LIST] = {"imported_list",
                            IMPORTED " AND o.id > $2::bigint ORDER BY o.id LIMIT $3::integer"},
};

struct shop *shop_of(const struct http_req *req)
{
    return service_loop_of(req)->ctx;
}

uint64_t shop_now_us(const struct shop *shop)
{
    return clock_mono_us(shop->clock);
}

bool shop_session(const struct http_req *req, char hash[SHOP_TOKEN_HASH])
{
    uint8_t token[SESSION_TOKEN_BYTES];
    uint8_t digest[crypto_hash_sha256_BYTES];
    static_assert(SHOP_TOKEN_HASH == 2 * sizeof(digest) + 1, "hex of a SHA-256");
    if (!base64_decode_exact(http_req_cookie(req, SPAN("shop_session")), token, sizeof(token)))
        return false;
    crypto_hash_sha256(digest, token, sizeof(token));
    sodium_bin2hex(hash, SHOP_TOKEN_HASH, digest, sizeof(digest));
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

void shop_reply_no_session(struct http_req *req)
{
    http_problem(req, 401, "login-required", "Log in first.");
}
