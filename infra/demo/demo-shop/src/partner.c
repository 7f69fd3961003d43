/* partner.c: orders that a partner submits, and what it may read back. The API key is all the
 * authority a partner has. The shop sets the pace: above it, requests are refused before the
 * database is asked. */
#include "base/json_in.h"
#include "base/rfc3339.h"
#include "routes.h"
#include "shop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct import {
    char external_id[IMPORT_TEXT_MAX + 1];
    char customer[24];
    char event[IMPORT_TEXT_MAX + 1];
    char currency[4];
    char amount[24];
    char provider[IMPORT_TEXT_MAX + 1];
    char payment[IMPORT_TEXT_MAX + 1];
    char placed_at[RFC3339_LEN + 1];
    char seats[IMPORT_BODY_MAX];
    bool refunded, moved;
};

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

static bool keeps_pace(struct http_req *req)
{
    struct shop *shop = shop_of(req);
    uint64_t wait_us;
    if (pace_take(&shop->import_pace, shop_now_us(shop), &wait_us))
        return true;
    http_problem_reply(req, &(struct http_problem){
                                .status = 429,
                                .code = "too-fast",
                                .detail = "The shop takes orders at its own pace.",
                                .retry_after_s = (unsigned)(wait_us / 1000000) + 1,
                            });
    return false;
}

/* ---- reading an order ---- */

static void copy(struct json_in *in, const char *name, size_t max, char *out)
{
    struct span value;
    json_in_require(in, name);
    if (json_in_str(in, name, 1, max, &value) && !span_to_cstr(value, out, max + 1))
        json_in_refuse(in, name, "holds a NUL");
}

static void read_numbers(struct json_in *in, struct import *import)
{
    uint64_t amount = 0;
    uint64_t customer = 0;
    uint64_t placed_ms = 0;
    struct span text = {0};
    json_in_require(in, "amount");
    json_in_require(in, "customer");
    json_in_require(in, "created_at");
    json_in_allow(in, "purchase"); /* a digest of what was bought, for later comparison */
    json_in_u64(in, "amount", 0, 99999999999, &amount);
    if (json_in_str(in, "customer", 1, 19, &text) && !span_u64(text, INT64_MAX, &customer))
        json_in_refuse(in, "customer", "must be the number of a customer, as text");
    json_in_time(in, "created_at", &placed_ms);
    snprintf(import->amount, sizeof(import->amount), "%llu", (unsigned long long)amount);
    snprintf(import->customer, sizeof(import->customer), "%llu", (unsigned long long)customer);
    struct text at = text_on(import->placed_at, sizeof(import->placed_at) - 1);
    rfc3339_put(&at, placed_ms);
    import->placed_at[at.len] = '\0';
}

static void read_seats(struct json_in *in, struct import *import)
{
    json_t *seats;
    struct text out = text_on(import->seats, sizeof(import->seats) - 1);
    json_in_require(in, "seats");
    json_open(&out, '[');
    if (json_in_array(in, "seats", 1, IMPORT_SEATS_MAX, &seats)) {
        for (size_t i = 0; i < json_array_size(seats); i++) {
            struct span seat;
            if (json_in_item_str(in, "seats", seats, i, 1, IMPORT_TEXT_MAX, &seat))
                json_str(&out, seat);
        }
    }
    json_close(&out, ']');
    if (out.overflown) /* some bytes take six when escaped */
        json_in_refuse(in, "seats", "is too long");
    import->seats[out.len] = '\0';
}

/* False: the request has been answered. */
static bool read_import(struct http_req *req, struct import *import)
{
    static const char *const kinds[] = {"completed", "refunded", "moved", NULL};
    struct err_slot err;
    json_t *doc;
    if (!shop_read_body(req, &doc))
        return false;
    struct json_in in;
    unsigned kind = 0;
    json_in_object(&in, doc, &err);
    json_in_require(&in, "kind");
    json_in_allow(&in, "refund_amount"); /* this shop's books only know whole orders, */
    json_in_allow(&in, "fees");          /* and the sum of what was paid */
    json_in_allow(&in, "vat");
    json_in_word(&in, "kind", kinds, &kind);
    copy(&in, "external_id", IMPORT_TEXT_MAX, import->external_id);
    copy(&in, "event", IMPORT_TEXT_MAX, import->event);
    copy(&in, "currency", 3, import->currency);
    copy(&in, "provider", IMPORT_TEXT_MAX, import->provider);
    copy(&in, "payment", IMPORT_TEXT_MAX, import->payment);
    read_numbers(&in, import);
    read_seats(&in, import);
    import->refunded = kind == 1;
    import->moved = kind == 2;
    bool good = json_in_end(&in) == 0;
    if (!good)
        http_problem(req, 400, "bad-order", "%s", err.text);
    json_decref(doc);
    return good;
}

/* ---- taking it in ---- */

static void on_imported(void *ctx, const struct pg_answer *answer)
{
    struct http_req *req = ctx;
    const PGresult *res = shop_result(req, answer);
    if (res == NULL)
        return;
    struct span outcome = pg_text(res, 0, 0);
    if (span_eq(outcome, SPAN("unknown-customer"))) {
        http_problem(req, 422, "unknown-customer", "There is no such customer.");
    } else if (span_eq(outcome, SPAN("unknown-order"))) {
        http_problem(req, 404, "unknown-order",
                     "Unknown order. Register the order before its outcome.");
    } else if (span_eq(outcome, SPAN("taken"))) {
        http_problem(req, 409, "external-id-taken", "Another order came under this external_id.");
    } else {
        char memory[256];
        struct text json = text_on(memory, sizeof(memory));
        json_open(&json, '{');
        json_member_u64(&json, "order", pg_u64(res, 0, 1));
        json_member_str(&json, "status", pg_text(res, 0, 2));
        json_close(&json, '}');
        shop_reply_json(req, span_eq(outcome, SPAN("new")) ? 201 : 200, text_span(&json));
    }
}

static void on_import(struct http_req *req)
{
    if (!has_key(req) || !keeps_pace(req))
        return;
    struct shop *shop = shop_of(req);
    struct import *import = malloc(sizeof(*import));
    if (import == NULL) {
        shop_reply_trouble(req, ERR_FULL);
        return;
    }
    bool good = read_import(req, import);
    if (good && import->refunded) {
        const char *const params[] = {shop->partner, import->external_id};
        pg_pool_query(shop->db, SHOP_REFUND, 2, params, on_imported, req);
    } else if (good && import->moved) {
        const char *const params[] = {shop->partner, import->external_id, import->seats};
        pg_pool_query(shop->db, SHOP_MOVE, 3, params, on_imported, req);
    } else if (good) {
        const char *const params[] = {shop->partner,    import->external_id, import->customer,
                                      import->event,    import->currency,    import->amount,
                                      import->seats,    import->provider,    import->payment,
                                      import->placed_at};
        pg_pool_query(shop->db, SHOP_IMPORT, 10, params, on_imported, req);
    }
    free(import);
}

/* ---- reading them back ---- */

static void put_imported(struct text *json, const PGresult *res, int row)
{
    json_open(json, '{');
    json_member_u64(json, "order", pg_u64(res, row, 0));
    json_member_str(json, "external_id", pg_text(res, row, 1));
    json_member_str(json, "status", pg_text(res, row, 2));
    json_member_str(json, "customer", pg_text(res, row, 3));
    json_member_str(json, "event", pg_text(res, row, 4));
    json_member_str(json, "currency", pg_text(res, row, 5));
    json_member_u64(json, "amount", pg_u64(res, row, 6));
    json_member_raw(json, "seats", pg_text(res, row, 7));
    json_member_str(json, "provider", pg_text(res, row, 8));
    json_member_str(json, "payment", pg_text(res, row, 9));
    json_member_str(json, "received_at", pg_text(res, row, 10));
    if (pg_text(res, row, 11).ptr != NULL)
        json_member_str(json, "refunded_at", pg_text(res, row, 11));
    else
        json_member_null(json, "refunded_at");
    json_close(json, '}');
}

static void on_one(void *ctx, const struct pg_answer *answer)
{
    struct http_req *req = ctx;
    const PGresult *res = shop_result(req, answer);
    if (res == NULL)
        return;
    if (PQntuples(res) == 0) {
        http_problem(req, 404, "unknown-order", "No order came under this external_id.");
        return;
    }
    char memory[IMPORT_BODY_MAX];
    struct text json = text_on(memory, sizeof(memory));
    put_imported(&json, res, 0);
    shop_reply_json(req, 200, text_span(&json));
}

static void on_get_one(struct http_req *req)
{
    char external_id[IMPORT_TEXT_MAX + 1];
    if (!has_key(req))
        return;
    if (!span_to_cstr(http_req_param(req, 0), external_id, sizeof(external_id))) {
        http_problem(req, 404, "unknown-order", "No order came under this external_id.");
        return;
    }
    const struct shop *shop = shop_of(req);
    const char *const params[] = {shop->partner, external_id};
    pg_pool_query(shop->db, SHOP_IMPORTED, 2, params, on_one, req);
}

static void on_list(void *ctx, const struct pg_answer *answer)
{
    struct http_req *req = ctx;
    const PGresult *res = shop_result(req, answer);
    if (res == NULL)
        return;
    char *memory = malloc(ANSWER_BYTES_MAX);
    if (memory == NULL) {
        shop_reply_trouble(req, ERR_FULL);
        return;
    }
    struct text json = text_on(memory, ANSWER_BYTES_MAX);
    int rows = PQntuples(res);
    json_open(&json, '{');
    json_key(&json, "orders");
    json_open(&json, '[');
    for (int row = 0; row < rows; row++)
        put_imported(&json, res, row);
    json_close(&json, ']');
    if (rows > 0)
        json_member_u64(&json, "next", pg_u64(res, rows - 1, 0));
    else
        json_member_null(&json, "next");
    json_close(&json, '}');
    if (json.overflown)
        http_problem(req, 422, "too-long", "Ask for fewer orders at once.");
    else
        shop_reply_json(req, 200, text_span(&json));
    free(memory);
}

static void on_get_list(struct http_req *req)
{
    uint64_t after = 0;
    uint64_t limit = LIST_LIMIT_DEFAULT;
    struct span after_text = http_req_query_arg(req, SPAN("after"));
    struct span limit_text = http_req_query_arg(req, SPAN("limit"));
    if (!has_key(req))
        return;
    if ((after_text.len > 0 && !span_u64(after_text, INT64_MAX, &after)) ||
        (limit_text.len > 0 && (!span_u64(limit_text, LIST_LIMIT_MAX, &limit) || limit == 0))) {
        http_problem(req, 400, "bad-query", "after is an order's number, limit 1 to %d",
                     LIST_LIMIT_MAX);
        return;
    }
    const struct shop *shop = shop_of(req);
    char from[24];
    char most[24];
    snprintf(from, sizeof(from), "%llu", (unsigned long long)after);
    snprintf(most, sizeof(most), "%llu", (unsigned long long)limit);
    const char *const params[] = {shop->partner, from, most};
    pg_pool_query(shop->db, SHOP_IMPORTED_LIST, 3, params, on_list, req);
}

int partner_add_routes(struct http_router *router, struct err_slot *err)
{
    static const struct http_route routes[] = {
        {HTTP_METHOD_POST, "/api/orders/import", on_import, NULL, IMPORT_BODY_MAX / 2},
        {HTTP_METHOD_GET, "/api/orders/import", on_get_list, NULL, 0},
        {HTTP_METHOD_GET, "/api/orders/import/{external_id}", on_get_one, NULL, 0},
    };
    return http_router_add_all(router, routes, sizeof(routes) / sizeof(routes[0]), err);
}
