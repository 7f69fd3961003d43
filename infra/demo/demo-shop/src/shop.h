/* shop.h: what the handlers of one loop share, and their queries. */
#ifndef FG_DEMO_SHOP_SHOP_H
#define FG_DEMO_SHOP_SHOP_H

#include "base/clock.h"
#include "base/rng.h"
#include "base/secret_file.h"
#include "crypto/jwks.h"
#include "http/http.h"
#include "pace.h"
#include "pg/pg_pool.h"
#include "shop_limits.h"

#include <jansson.h>

enum shop_query {
    SHOP_LOGIN,         /* email -> id, hash */
    SHOP_SESSION_OPEN,  /* token hash, user, seconds */
    SHOP_SESSION_CLOSE, /* token hash */
    SHOP_ME,            /* token hash -> id, email, name, lang */
    SHOP_PRODUCTS,      /* after, limit -> sku, name, price, stock */
    SHOP_PRODUCT,       /* sku -> sku, name, price, stock, description */
    SHOP_PLACE,         /* token hash, lines -> outcome, order, total */
    SHOP_MY_ORDERS,     /* token hash -> id, source, status, currency, amount, created */
    SHOP_IMPORT,        /* see import_order() */
    SHOP_REFUND,        /* partner, external id */
    SHOP_MOVE,          /* partner, external id, seats */
    SHOP_IMPORTED,      /* partner, external id */
    SHOP_IMPORTED_LIST, /* partner, after, limit */
    SHOP_QUERIES,
};

struct catalog;

struct shop {
    uv_loop_t *loop;
    const struct clock *clock;
    const struct rng *rng; /* the kernel's: it makes session tokens */
    struct pg_pool *db;
    const struct catalog *catalog;
    struct jwks *keys; /* signs partner tokens */
    const char *issuer;
    const char *audience;
    struct secret_file *api_key; /* NULL: nobody submits orders */
    const char *partner;
    struct pace import_pace;
    unsigned hashing;                   /* password checks running or waiting */
    char dummy_hash[PASSWORD_HASH_MAX]; /* what an unknown user's password is checked against */
};

extern const struct pg_statement shop_statements[SHOP_QUERIES];

struct shop *shop_of(const struct http_req *req);
uint64_t shop_now_us(const struct shop *shop); /* monotonic */

/* Hex of the session token's hash, as the queries take it; false if the request has no session. */
enum { SHOP_TOKEN_HASH = 65 };
bool shop_session(const struct http_req *req, char hash[SHOP_TOKEN_HASH]);

/* False: the request has been answered. The document is the caller's. */
bool shop_read_body(struct http_req *req, json_t **out);
void shop_reply_json(struct http_req *req, unsigned status, struct span json);
/* The one result of a query; NULL after the request was answered that there is none. */
const PGresult *shop_result(struct http_req *req, const struct pg_answer *answer);
/* 503, also for want of memory, or 500 if the database refused (ERR_PEER). */
void shop_reply_trouble(struct http_req *req, int rc);
void shop_reply_no_session(struct http_req *req);

#endif
