/* shop.h: the configuration, what the handlers of one loop share, and their queries. */
#ifndef FG_DEMO_SHOP_SHOP_H
#define FG_DEMO_SHOP_SHOP_H

#include "base/clock.h"
#include "base/rng.h"
#include "base/secret_file.h"
#include "config/config.h"
#include "crypto/jwks.h"
#include "http/http.h"
#include "pg/pg_pool.h"
#include "shop_limits.h"

#include <jansson.h>

/* Most return one row of an outcome and a text of JSON: shop_answer(). */
enum shop_query {
    SHOP_LOGIN,         /* email -> id, hash */
    SHOP_SESSION_OPEN,  /* token hash, user, seconds */
    SHOP_SESSION_CLOSE, /* token hash */
    SHOP_WHO,           /* token hash -> id, lang */
    SHOP_ME,            /* token hash */
    SHOP_PRODUCTS,      /* for a setting */
    SHOP_PRODUCT,       /* sku */
    SHOP_PLACE,         /* token hash, basket */
    SHOP_MY_ORDERS,     /* token hash */
    SHOP_IMPORT,        /* partner, order, as the next two */
    SHOP_REFUND,
    SHOP_MOVE,
    SHOP_IMPORTED,      /* partner, external id */
    SHOP_IMPORTED_LIST, /* partner, after, limit */
    SHOP_QUERIES,
};

struct settings {
    char conninfo[CONFIG_STRING_MAX];
    uint64_t connections;
    char session_key[CONFIG_STRING_MAX];
    char issuer[CONFIG_STRING_MAX];
    char audience[CONFIG_STRING_MAX];
    char partner[CONFIG_STRING_MAX];
    char api_key[CONFIG_STRING_MAX];
    char reader_role[CONFIG_STRING_MAX];
    uint64_t import_per_s;
    uint64_t import_burst;
    uint64_t seed_users;
    char line_url[CONFIG_STRING_MAX];
    char demo_users[CONFIG_STRING_MAX];
    unsigned seed_hashes; /* enum password_cost */
};

struct shop {
    const struct settings *settings;
    uv_loop_t *loop;
    const struct clock *clock;
    const struct rng *rng; /* the kernel's; makes session tokens */
    struct pg_pool *db;
    struct jwks *keys;                  /* signs partner tokens */
    struct secret_file *api_key;        /* NULL: partners cannot submit orders */
    uint64_t import_due_us;             /* when the next order is due at an even rate; monotonic */
    unsigned hashing;                   /* password checks running or waiting */
    char dummy_hash[PASSWORD_HASH_MAX]; /* checked against when the user is unknown */
};

extern const struct pg_statement shop_statements[SHOP_QUERIES];

struct shop *shop_of(const struct http_req *req);

/* Hex of the session token's hash, as the queries take it; false: the request has been answered. */
enum { SHOP_TOKEN_HASH = 65 };
bool shop_session(struct http_req *req, char hash[SHOP_TOKEN_HASH]);

/* A limit (of the query `limit`, or the usual one) as text; false: the request has been answered.
 */
bool shop_limit(struct http_req *req, char out[16]);

/* False: the request has been answered. The document is the caller's. */
bool shop_read_body(struct http_req *req, json_t **out);
void shop_reply_json(struct http_req *req, unsigned status, struct span json);
/* The single result of a query; NULL after answering the request with an error. */
const PGresult *shop_result(struct http_req *req, const struct pg_answer *answer);
/* 503, also if there is no memory, or 500 if the database refused the query (ERR_PEER). */
void shop_reply_trouble(struct http_req *req, int rc);
/* Runs a query with the session's hash, if there is a session. */
void shop_query_session(struct http_req *req, enum shop_query query, pg_on_done *on_done);
/* Runs a query with these two parameters, the second as JSON, and answers the request. */
void shop_query_doc(struct http_req *req, enum shop_query query, const char *first,
                    const json_t *doc);
/* Answers with the problem of this code, one of those that a query may return. */
void shop_reply_problem(struct http_req *req, const char *code);
/* Answers the request with a query's outcome and JSON: 201 for "new" and "placed", otherwise 200.
 * An outcome may be a problem's code. Without a row, the route's ctx is the problem. */
void shop_answer(void *req, const struct pg_answer *answer);

#endif
