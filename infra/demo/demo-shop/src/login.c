/* login.c: login, logout, "who am I", and the token by which a partner recognises a customer of
 * ours.
 *
 * A password check takes some fifty milliseconds of a core, so it runs on libuv's worker threads,
 * and only a bounded number may wait. An unknown user's password is checked too, against a hash
 * that matches no password, so the time reveals nothing. The session is 32 random bytes in a
 * cookie; the database stores their hash. */
#include "base/base64.h"
#include "base/json_in.h"
#include "crypto/jwt.h"
#include "password.h"
#include "routes.h"
#include "shop.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

struct login {
    uv_work_t work;
    struct http_req *req;
    struct shop *shop;
    json_t *doc;          /* the request's body */
    const char *password; /* a member of it */
    bool known;
    bool holds;
    char user[24];
    char hash[PASSWORD_HASH_MAX];
    char cookie[64];
};

static void login_free(struct login *login)
{
    login->shop->hashing--;
    json_decref(login->doc);
    free(login);
}

static void on_session_open(void *ctx, const struct pg_answer *answer)
{
    struct login *login = ctx;
    if (shop_result(login->req, answer) == NULL) {
        login_free(login);
        return;
    }
    char memory[256];
    struct text headers = text_on(memory, sizeof(memory));
    text_printf(&headers,
                "Set-Cookie: shop_session=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%d%s\r\n"
                "Cache-Control: no-store\r\n",
                login->cookie, SESSION_TTL_S, http_req_is_tls(login->req) ? "; Secure" : "");
    char json[64];
    int len = snprintf(json, sizeof(json), "{\"customer\":\"%s\"}", login->user);
    http_reply(login->req, &(struct http_reply){.status = 200,
                                                .type = "application/json",
                                                .headers = text_span(&headers),
                                                .body = {json, (size_t)len}});
    login_free(login);
}

static void open_session(struct login *login)
{
    uint8_t token[SESSION_TOKEN_BYTES];
    uint8_t digest[crypto_hash_sha256_BYTES];
    char hash[SHOP_TOKEN_HASH];
    char seconds[16];
    struct text cookie = text_on(login->cookie, sizeof(login->cookie) - 1);
    rng_fill(login->shop->rng, token, sizeof(token));
    base64_put(&cookie, token, sizeof(token));
    assert(!cookie.overflown);
    login->cookie[cookie.len] = '\0';
    crypto_hash_sha256(digest, token, sizeof(token));
    sodium_bin2hex(hash, sizeof(hash), digest, sizeof(digest));
    snprintf(seconds, sizeof(seconds), "%d", SESSION_TTL_S);
    const char *const params[] = {hash, login->user, seconds};
    pg_pool_query(login->shop->db, SHOP_SESSION_OPEN, 3, params, on_session_open, login);
}

static void on_hash(uv_work_t *work) /* a worker thread */
{
    struct login *login = work->data;
    login->holds = password_holds(login->hash, login->password);
}

static void on_hashed(uv_work_t *work, int status)
{
    struct login *login = work->data;
    if (status < 0 || login->shop->db == NULL) {
        shop_reply_trouble(login->req, ERR_CLOSED);
        login_free(login);
    } else if (!login->known || !login->holds) {
        http_problem(login->req, 401, "wrong-login", "Login and password do not belong together.");
        login_free(login);
    } else {
        open_session(login);
    }
}

static void on_user(void *ctx, const struct pg_answer *answer)
{
    struct login *login = ctx;
    const PGresult *res = shop_result(login->req, answer);
    if (res == NULL) {
        login_free(login);
        return;
    }
    login->known = PQntuples(res) == 1 &&
                   span_to_cstr(pg_text(res, 0, 0), login->user, sizeof(login->user)) &&
                   span_to_cstr(pg_text(res, 0, 1), login->hash, sizeof(login->hash));
    if (!login->known)
        strcpy(login->hash, login->shop->dummy_hash);
    login->work.data = login;
    int queued = uv_queue_work(login->shop->loop, &login->work, on_hash, on_hashed);
    assert(queued == 0); /* it only fails on a NULL function */
}

static void on_login(struct http_req *req)
{
    struct shop *shop = shop_of(req);
    struct login *login = shop->hashing < PASSWORD_QUEUE_MAX ? calloc(1, sizeof(*login)) : NULL;
    struct err_slot err;
    struct json_in in;
    struct span user, password;
    if (login == NULL) {
        shop_reply_trouble(req, ERR_FULL);
        return;
    }
    login->req = req;
    login->shop = shop;
    shop->hashing++;
    if (!shop_read_body(req, &login->doc)) {
        login_free(login);
        return;
    }
    json_in_object(&in, login->doc, &err);
    json_in_require(&in, "login");
    json_in_require(&in, "password");
    json_in_str(&in, "login", 1, EMAIL_MAX, &user);
    json_in_str(&in, "password", 1, PASSWORD_MAX, &password);
    if (json_in_end(&in) < 0) {
        http_problem(req, 400, "bad-login", "%s", err.text);
        login_free(login);
        return;
    }
    login->password = password.ptr;
    const char *const params[] = {user.ptr};
    pg_pool_query(shop->db, SHOP_LOGIN, 1, params, on_user, login);
}

/* ---- with a session ---- */

static void on_closed(void *ctx, const struct pg_answer *answer)
{
    struct http_req *req = ctx;
    if (shop_result(req, answer) == NULL)
        return;
    http_reply(req, &(struct http_reply){
                        .status = 204,
                        .headers = SPAN("Set-Cookie: shop_session=; Path=/; HttpOnly; "
                                        "SameSite=Lax; Max-Age=0\r\n"),
                    });
}

static void on_logout(struct http_req *req)
{
    shop_query_session(req, SHOP_SESSION_CLOSE, on_closed);
}

static void on_get_me(struct http_req *req)
{
    shop_query_session(req, SHOP_ME, shop_answer);
}

static void on_token_for(void *ctx, const struct pg_answer *answer)
{
    struct http_req *req = ctx;
    const PGresult *res = shop_result(req, answer);
    if (res == NULL)
        return;
    if (PQntuples(res) != 1) {
        shop_reply_problem(req, "no-session");
        return;
    }
    struct shop *shop = shop_of(req);
    uint64_t now_s = clock_wall_us(shop->clock) / 1000000;
    uint8_t random[16];
    char jti[2 * sizeof(random) + 1];
    char extra[32];
    rng_fill(shop->rng, random, sizeof(random));
    sodium_bin2hex(jti, sizeof(jti), random, sizeof(random));
    bool korean = span_eq(pg_text(res, 0, 1), SPAN("ko"));
    int extra_len = snprintf(extra, sizeof(extra), "\"lang\":\"%s\"", korean ? "ko" : "en");
    struct jwt_claims claims = {.iss = span_of(shop->settings->issuer),
                                .aud = span_of(shop->settings->audience),
                                .sub = pg_text(res, 0, 0),
                                .jti = span_of(jti),
                                .iat_s = now_s,
                                .exp_s = now_s + PARTNER_TOKEN_TTL_S,
                                .extra = {extra, (size_t)extra_len}};
    struct err_slot err;
    char bytes[JWT_BYTES_MAX];
    struct text token = text_on(bytes, sizeof(bytes));
    if (jwt_sign(jwks_signer(shop->keys), "JWT", &claims, &err, &token) < 0) {
        http_problem(req, 500, "cannot-sign", "%s", err.text);
        return;
    }
    char memory[JWT_BYTES_MAX + 128];
    struct text json = text_on(memory, sizeof(memory));
    json_open(&json, '{');
    json_member_str(&json, "token", text_span(&token));
    json_member_u64(&json, "expires_at", claims.exp_s);
    json_close(&json, '}');
    shop_reply_json(req, 200, text_span(&json));
}

static void on_token(struct http_req *req)
{
    if (shop_of(req)->keys == NULL)
        http_problem(req, 404, "no-tokens", "This shop signs no tokens.");
    else
        shop_query_session(req, SHOP_WHO, on_token_for);
}

static void on_jwks(struct http_req *req)
{
    struct shop *shop = shop_of(req);
    char memory[JWKS_TEXT_MAX];
    struct text json = text_on(memory, sizeof(memory));
    if (shop->keys != NULL)
        jwks_put(&json, shop->keys);
    else
        TEXT_LIT(&json, "{\"keys\":[]}");
    http_reply(req, &(struct http_reply){.status = 200,
                                         .type = "application/json",
                                         .headers = SPAN("Cache-Control: max-age=300\r\n"),
                                         .body = text_span(&json)});
}

int login_add_routes(struct http_router *router, struct err_slot *err)
{
    static const struct http_route routes[] = {
        {HTTP_METHOD_POST, "/api/login", on_login, NULL, BODY_MAX},
        {HTTP_METHOD_POST, "/api/logout", on_logout, NULL, BODY_MAX},
        {HTTP_METHOD_GET, "/api/me", on_get_me, "no-session", 0},
        {HTTP_METHOD_POST, "/api/session/token", on_token, NULL, BODY_MAX},
        {HTTP_METHOD_GET, "/.well-known/jwks.json", on_jwks, NULL, 0},
    };
    return http_router_add_all(router, routes, sizeof(routes) / sizeof(routes[0]), err);
}
