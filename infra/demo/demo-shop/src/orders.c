/* orders.c: the shop's own orders, where one statement makes a basket an order or fails; orders
 * that a partner submits, and what it may read back. The API key is a partner's only credential.
 * The shop limits the rate: requests above it are refused before the database is queried. */
#include "base/json_in.h"
#include "routes.h"
#include "shop.h"

#include <stdio.h>

static int check_basket(json_t *doc, struct err_slot *err)
{
    struct json_in in, line;
    json_t *lines = NULL;
    struct span sku;
    uint64_t quantity;
    json_in_object(&in, doc, err);
    json_in_require(&in, "lines");
    json_in_array(&in, "lines", 1, BASKET_LINES_MAX, &lines);
    for (size_t i = 0; i < json_array_size(lines); i++) {
        if (!json_in_item_child(&in, "lines", lines, i, &line))
            continue;
        json_in_require(&line, "sku");
        json_in_str(&line, "sku", 1, SKU_MAX, &sku);
        json_in_u64(&line, "quantity", 1, BASKET_QUANTITY_MAX, &quantity);
        json_in_end(&line);
    }
    return json_in_end(&in);
}

static void on_checkout(struct http_req *req)
{
    char hash[SHOP_TOKEN_HASH];
    struct err_slot err;
    json_t *doc;
    if (!shop_session(req, hash) || !shop_read_body(req, &doc))
        return;
    if (check_basket(doc, &err) < 0)
        http_problem(req, 400, "bad-basket", "%s", err.text);
    else
        shop_query_doc(req, SHOP_PLACE, hash, doc);
    json_decref(doc);
}

static void on_my_orders(struct http_req *req)
{
    shop_query_session(req, SHOP_MY_ORDERS, shop_answer);
}

/* ---- a partner ---- */

/* False: the request has been answered. */
static bool has_key(struct http_req *req)
{
    const struct shop *shop = shop_of(req);
    if (shop->api_key != NULL &&
        span_eq_secret(http_req_bearer(req), secret_file_span(shop->api_key)))
        return true;
    http_problem(req, 401, "unknown-key", "This call needs a partner's API key.");
    return false;
}

/* Orders are due at even intervals; a burst may run ahead of them. */
static bool keeps_pace(struct http_req *req)
{
    struct shop *shop = shop_of(req);
    uint64_t now_us = clock_mono_us(shop->clock), each_us = 1000000 / shop->settings->import_per_s;
    uint64_t due_us = shop->import_due_us > now_us ? shop->import_due_us : now_us;
    uint64_t latest_us = now_us + (shop->settings->import_burst - 1) * each_us;
    if (due_us <= latest_us) {
        shop->import_due_us = due_us + each_us;
        return true;
    }
    http_problem_reply(req, &(struct http_problem){
                                .status = 429,
                                .code = "too-fast",
                                .detail = "The shop takes orders at its own pace.",
                                .retry_after_s = (unsigned)((due_us - latest_us) / 1000000) + 1,
                            });
    return false;
}

static void check_seats(struct json_in *in)
{
    json_t *seats;
    struct span seat;
    json_in_require(in, "seats");
    if (!json_in_array(in, "seats", 1, IMPORT_SEATS_MAX, &seats))
        return;
    for (size_t i = 0; i < json_array_size(seats); i++)
        json_in_item_str(in, "seats", seats, i, 1, IMPORT_TEXT_MAX, &seat);
}

/* Chooses the query for a submitted order. This shop stores orders, their lines and the sum that
 * was paid; other members are allowed and dropped. */
static int check_order(json_t *doc, struct err_slot *err, enum shop_query *query)
{
    static const char *const kinds[] = {"completed", "refunded", "credited", "moved", NULL};
    static const enum shop_query queries[] = {SHOP_IMPORT, SHOP_REFUND, SHOP_MOVE, SHOP_MOVE};
    static const char *const texts[] = {"external_id", "event", "provider", "payment"};
    enum { TEXTS_REQUIRED = 2 }; /* a free order has no payment */
    static const char *const unread[] = {
        "installation", "event_name", "starts_at",     "doors_at",   "time_zone",
        "venue",        "lines",      "refund_amount", "refund_vat", "refund_cause",
        "fees",         "vat",        "terms",         "purchase"};
    struct json_in in;
    struct span text;
    unsigned kind = 0;
    uint64_t number;
    json_in_object(&in, doc, err);
    json_in_require(&in, "kind");
    json_in_word(&in, "kind", kinds, &kind);
    if (queries[kind] == SHOP_REFUND)
        json_in_require(&in, "refund_amount");
    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (i < TEXTS_REQUIRED)
            json_in_require(&in, texts[i]);
        json_in_str(&in, texts[i], 1, IMPORT_TEXT_MAX, &text);
    }
    for (unsigned i = 0; i < sizeof(unread) / sizeof(unread[0]); i++)
        json_in_allow(&in, unread[i]);
    json_in_require(&in, "currency");
    json_in_str(&in, "currency", 1, 3, &text);
    json_in_require(&in, "amount");
    json_in_u64(&in, "amount", 0, 99999999999, &number);
    json_in_require(&in, "customer");
    if (json_in_str(&in, "customer", 1, 19, &text) && !span_u64(text, INT64_MAX, &number))
        json_in_refuse(&in, "customer", "must be the number of a customer, as text");
    json_in_require(&in, "created_at");
    json_in_time(&in, "created_at", &number);
    check_seats(&in);
    *query = queries[kind];
    return json_in_end(&in);
}

static void on_import(struct http_req *req)
{
    struct shop *shop = shop_of(req);
    enum shop_query query;
    struct err_slot err;
    json_t *doc;
    struct span letter = http_req_header(req, HTTP_HEADER_IDEMPOTENCY_KEY);
    if (!has_key(req) || !keeps_pace(req) || !shop_read_body(req, &doc))
        return;
    bool good = check_order(doc, &err, &query) == 0;
    if (good && letter.len > 0)
        json_object_set_new(doc, "letter", json_stringn(letter.ptr, letter.len));
    if (good)
        shop_query_doc(req, query, shop->settings->partner, doc);
    else
        http_problem(req, 400, "bad-order", "%s", err.text);
    json_decref(doc);
}

static void on_get_one(struct http_req *req)
{
    char external_id[IMPORT_TEXT_MAX + 1];
    if (!has_key(req))
        return;
    if (!span_to_cstr(http_req_param(req, 0), external_id, sizeof(external_id))) {
        shop_reply_problem(req, "unknown-order");
        return;
    }
    const struct shop *shop = shop_of(req);
    const char *const params[] = {shop->settings->partner, external_id};
    pg_pool_query(shop->db, SHOP_IMPORTED, 2, params, shop_answer, req);
}

static void on_get_list(struct http_req *req)
{
    const struct shop *shop = shop_of(req);
    uint64_t after = 0;
    char from[24], limit[16];
    struct span after_text = http_req_query_arg(req, SPAN("after"));
    if (!has_key(req) || !shop_limit(req, limit))
        return;
    if (after_text.len > 0 && !span_u64(after_text, INT64_MAX, &after)) {
        http_problem(req, 400, "bad-query", "after is an order's number");
        return;
    }
    snprintf(from, sizeof(from), "%llu", (unsigned long long)after);
    const char *const params[] = {shop->settings->partner, from, limit};
    pg_pool_query(shop->db, SHOP_IMPORTED_LIST, 3, params, shop_answer, req);
}

int orders_add_routes(struct http_router *router, struct err_slot *err)
{
    static const struct http_route routes[] = {
        {HTTP_METHOD_POST, "/api/checkout", on_checkout, NULL, BODY_MAX},
        {HTTP_METHOD_GET, "/api/my/orders", on_my_orders, "no-session", 0},
        {HTTP_METHOD_POST, "/api/orders/import", on_import, NULL, IMPORT_BODY_MAX},
        {HTTP_METHOD_GET, "/api/orders/import", on_get_list, NULL, 0},
        {HTTP_METHOD_GET, "/api/orders/import/{external_id}", on_get_one, "unknown-order", 0},
    };
    return http_router_add_all(router, routes, sizeof(routes) / sizeof(routes[0]), err);
}
