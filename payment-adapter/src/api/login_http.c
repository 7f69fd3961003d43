/* login_http.c: POST /v1/pay/login and /logout, GET /v1/pay/me.
 *
 * A login by password passes five stages, cheapest first; each can refuse before the next one runs:
 *
 *   1. throttle (our database): too many failures of this account, from here or everywhere, or
 *      of this address? A browser that has logged in to the account before is counted
 *      separately (device.h), so that nobody can lock a member out
 *   2. cap and breaker: may the company's database be queried at all?
 *   3. the look-up there, which has less than a second
 *   4. the hash, on a worker thread, from a bounded queue
 *   5. the session
 *
 * An unknown login is checked too, against a hash of the same cost that no password matches. The
 * login itself selects one of the configured hashes, so the same unknown login always takes the
 * same time, as a known one does. Only one check of an account runs at a time from one place, so
 * that parallel guesses cannot bypass the throttle.
 *
 * The shop's signed token replaces password and look-up: a customer who is logged in there is
 * logged in here. Each token works once, and is used up in the same transaction that begins the
 * session; a client whose answer was lost repeats the request with the same Idempotency-Key. */
#include "api/routes.h"

#include "api/guard.h"
#include "api/plain.h"
#include "base/ip.h"
#include "base/json_in.h"
#include "base/magic.h"
#include "crypto/jwt.h"
#include "login/device.h"
#include "login/password.h"
#include "store/statements.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>

enum { LOGINS_MAX = 256, KEY_MAX = 64, SSO_LIFETIME_S = 300 };

struct login {
    uint32_t magic;
    struct login *next; /* in progress, on this loop */
    struct http_req *req;
    struct pay *pay;
    char account[LOGIN_ACCOUNT_MAX + 1];
    char password[LOGIN_PASSWORD_MAX + 1];
    char lower[LOGIN_ACCOUNT_MAX + 1]; /* the account in lower case, for comparison */
    char account_key[KEY_MAX];         /* the account, from anywhere */
    char here_key[KEY_MAX];            /* the account from this address, or in a known browser */
    char keys[3 * KEY_MAX + 8];        /* the keys that count, as an array literal */
    struct user user;
    struct pay_work work; /* checks the hash */
    int checked;          /* the result of password_check() */
};

MAGIC(login, 0x3a700015);

static void leave_list(struct login *login)
{
    for (struct login **at = &login->pay->login_list; *at != NULL; at = &(*at)->next) {
        if (*at == login) {
            assert(login->pay->logins > 0);
            *at = login->next;
            login->pay->logins--;
            break;
        }
    }
}

static void login_end(void *room)
{
    struct login *login = room;
    if (pay_of(login->req) != NULL) /* otherwise the loop has stopped, and its list is gone */
        leave_list(login);
    sodium_memzero(login, sizeof(*login));
}

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void shed(struct login *login, uint32_t retry_ms)
{
    assert(retry_ms > 0);
    count(&login->pay->logins_shed);
    refusal_wait(login->req, REFUSAL_LOGIN_BUSY, retry_ms / 1000 + 1);
}

/* ---- 5. the session ---- */

static void on_begun(void *ctx, int rc, const char *set_cookie)
{
    struct login *login = MAGIC_OF(login, ctx);
    if (rc == ERR_EXISTS) {
        refusal_reply(login->req, REFUSAL_TOKEN_USED);
        return;
    }
    if (rc < 0) {
        shed(login, 1000);
        return;
    }
    char header_memory[768], body_memory[256];
    struct text headers = text_on(header_memory, sizeof(header_memory));
    struct text body = text_on(body_memory, sizeof(body_memory));
    http_header_add(&headers, "Set-Cookie", span_of(set_cookie));
    if (login->lower[0] != '\0') {
        char device[DEVICE_SET_COOKIE_MAX];
        device_cookie_put(login->pay->secrets->throttle_key, login->req, span_of(login->lower),
                          device);
        http_header_add(&headers, "Set-Cookie", span_of(device));
    }
    http_header_add(&headers, "Cache-Control", SPAN("no-store"));
    assert(!headers.overflown); /* a truncated cookie would log nobody in */
    json_open(&body, '{');
    json_member_cstr(&body, "member", login->user.id);
    json_close(&body, '}');
    count(&login->pay->logins_good);
    if (!plain_go_to_field(login->req, SPAN("next"), text_span(&headers)))
        guard_reply(login->req, 200, &body, text_span(&headers));
}

static void begin_session(struct login *login, const char *jti_or_null)
{
    assert(login->user.id[0] != '\0');
    assert((jti_or_null == NULL) == (login->here_key[0] != '\0')); /* by token or by password */
    if (login->here_key[0] != '\0')
        sql_throttle_clear(login->pay->pg, &(struct sql_throttle_clear_args){login->here_key},
                           pg_ignore, NULL);
    const struct session_start start = {
        .member = login->user.id,
        .lang = login->user.lang[0] != '\0' ? login->user.lang : lang_tag(LANG_OF_MEMBERS),
        .jti = jti_or_null};
    session_begin(login->pay->sessions, login->req, &start, on_begun, login);
}

/* ---- 4. the hash ---- */

static void on_failed(void *ctx, const struct pg_answer *answer)
{
    struct login *login = MAGIC_OF(login, ctx);
    if (answer->rc < 0) { /* a failure that was not counted must not be a free guess */
        shed(login, 1000);
        return;
    }
    assert(login->here_key[0] != '\0');
    count(&login->pay->logins_bad);
    refusal_reply(login->req, REFUSAL_CREDENTIALS);
}

static void check_hash(struct login *login);

static void run_check(void *ctx)
{
    struct login *login = MAGIC_OF(login, ctx);
    assert(login->here_key[0] != '\0'); /* it came by a password */
    login->checked = password_check(login->user.hash, login->password);
}

static void on_checked(void *ctx)
{
    struct login *login = MAGIC_OF(login, ctx);
    int rc = login->checked;
    if (pay_of(login->req) == NULL) { /* shutdown: not a wrong guess */
        refusal_wait(login->req, REFUSAL_LOGIN_BUSY, 2);
        return;
    }
    if (rc == 0 && login->user.found) {
        begin_session(login, NULL);
        return;
    }
    if (rc == ERR_NOMEM) { /* nothing was compared: not a wrong guess */
        shed(login, 1000);
        return;
    }
    if ((rc == ERR_SYNTAX || rc == ERR_RANGE) && login->user.found) {
        log_text(login->pay->loop->log, LOG_LEVEL_WARN, "a stored password hash cannot be checked",
                 "member", login->user.id);
        login->user.found = false; /* nothing was computed: cost as much as the others */
        check_hash(login);
        return;
    }

    const struct knobs *knobs = &login->pay->secrets->knobs;
    const struct sql_throttle_fail_args args = {.keys = login->keys,
                                                .free_fails = (uint32_t)knobs->free_fails,
                                                .window_ms = knobs->window_ms,
                                                .pause_ms = knobs->pause_ms,
                                                .pause_max_ms = knobs->pause_max_ms};
    sql_throttle_fail(login->pay->pg, &args, on_failed, login);
}

static void check_hash(struct login *login)
{
    if (!login->user.found) {
        /* One of the configured hashes, always the same for a login. */
        struct span all = span_of(login->pay->settings->users_unknown_hash), item;
        unsigned len = 0, n = 0;
        for (struct span rest = all; rest.ptr != NULL; len += item.len > 0)
            rest = span_cut(rest, ' ', &item);
        unsigned pick = len > 0 ? (unsigned char)login->account_key[2] % len : 0;
        for (struct span rest = all; rest.ptr != NULL;) {
            rest = span_cut(rest, ' ', &item);
            if (item.len > 0 && n++ == pick)
                span_to_cstr(item, login->user.hash, sizeof(login->user.hash));
        }
    }
    login->work = (struct pay_work){.loop = login->pay->loop,
                                    .run = run_check,
                                    .then = on_checked,
                                    .ctx = login,
                                    .limit = &login->pay->common->caps->hashing};
    if (!pay_work_begin(&login->work)) {
        count(&login->pay->hashes_refused);
        shed(login, 2000);
    }
}

static void on_user(void *ctx, int rc, const struct user *user)
{
    struct login *login = MAGIC_OF(login, ctx);
    if (rc < 0) {
        shed(login, 1000);
        return;
    }
    login->user = *user;
    /* No password, for example because the member logs in elsewhere. Django writes "!...". */
    if (user->hash[0] == '\0' || user->hash[0] == '!')
        login->user.found = false;
    check_hash(login);
}

/* ---- 1. to 3. ---- */

static void on_throttle(void *ctx, const struct pg_answer *answer)
{
    struct login *login = MAGIC_OF(login, ctx);
    if (answer->rc < 0) {
        shed(login, 1000);
        return;
    }
    assert(PQntuples(answer->results[0]) == 1); /* max() of no rows returns a row, too */
    uint64_t left_us = sql_throttle_read_row(answer->results[0], 0).left_us;
    if (left_us > 0) {
        count(&login->pay->logins_throttled);
        refusal_wait(login->req, REFUSAL_ATTEMPTS, (unsigned)(left_us / 1000000 + 1));
        return;
    }
    uint32_t retry_ms = 0;
    if (login->pay->users == NULL) {
        refusal_reply(login->req, REFUSAL_PASSWORDS_OFF);
    } else if (users_login(login->pay->users, login->account, on_user, login, &retry_ms) < 0) {
        shed(login, retry_ms);
    }
}

static void make_key(const struct secrets *keys, char kind, struct span what, char out[KEY_MAX])
{
    uint8_t hash[24];
    crypto_generichash_state state;
    crypto_generichash_init(&state, keys->throttle_key, sizeof(keys->throttle_key), sizeof(hash));
    crypto_generichash_update(&state, (const uint8_t *)&kind, 1);
    crypto_generichash_update(&state, (const uint8_t *)what.ptr, what.len);
    crypto_generichash_final(&state, hash, sizeof(hash));
    out[0] = kind;
    out[1] = ':';
    sodium_bin2hex(out + 2, KEY_MAX - 2, hash, sizeof(hash));
}

static void make_keys(struct login *login)
{
    const struct secrets *keys = login->pay->secrets;
    size_t len = strlen(login->account);
    assert(len > 0);
    assert(len <= LOGIN_ACCOUNT_MAX); /* `both` has room for it */
    for (size_t i = 0; i <= len; i++) {
        char c = login->account[i];
        login->lower[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    struct span account = {login->lower, len};
    uint8_t device[DEVICE_BYTES], site[IP_BYTES];
    make_key(keys, 'g', account, login->account_key);
    if (device_known(keys->throttle_key, login->req, account, device)) {
        make_key(keys, 'd', (struct span){(const char *)device, sizeof(device)}, login->here_key);
        snprintf(login->keys, sizeof(login->keys), "{%s}", login->here_key);
        return;
    }
    char address_key[KEY_MAX], both[LOGIN_ACCOUNT_MAX + IP_BYTES];
    ip_site(http_req_addr(login->req), site);
    memcpy(both, site, sizeof(site));
    memcpy(both + sizeof(site), account.ptr, account.len);
    make_key(keys, 'a', (struct span){both, sizeof(site) + account.len}, login->here_key);
    make_key(keys, 'i', (struct span){(const char *)site, sizeof(site)}, address_key);
    snprintf(login->keys, sizeof(login->keys), "{%s,%s,%s}", login->here_key, address_key,
             login->account_key);
}

static bool is_under_way(const struct login *login)
{
    assert(login->here_key[0] != '\0'); /* "" would be shared by all logins without a key */
    for (const struct login *other = login->pay->login_list; other != NULL; other = other->next) {
        if (strcmp(other->here_key, login->here_key) == 0)
            return true;
    }
    return false;
}

static void start_password(struct login *login)
{
    make_keys(login);
    if (is_under_way(login)) {
        count(&login->pay->logins_throttled);
        refusal_reply(login->req, REFUSAL_LOGIN_UNDER_WAY);
        return;
    }
    assert(login->pay->logins < LOGINS_MAX);
    login->next = login->pay->login_list;
    login->pay->login_list = login;
    login->pay->logins++;
    sql_throttle_read(login->pay->pg, &(struct sql_throttle_read_args){login->keys}, on_throttle,
                      login);
}

/* ---- by the shop's token ---- */

static int judge_token(struct login *login, struct span token, char jti[80], struct err_slot *err)
{
    const struct settings *settings = login->pay->settings;
    const struct jwks *keys = jwks_feed_keys(login->pay->sso);
    struct jwt_rules rules = {.typ = settings->sso_typ,
                              .iss = settings->sso_issuer,
                              .aud = settings->sso_audience,
                              .leeway_s = 10,
                              .lifetime_s_max = SSO_LIFETIME_S,
                              .clock = login->pay->loop->clock};
    if (keys == NULL)
        return err_set(err, ERR_CLOSED, "the shop's keys are not known yet");
    struct jwt jwt;
    int rc = jwt_verify(keys, &rules, token, err, &jwt);
    if (rc < 0)
        return rc;
    if (!span_to_cstr(jwt.claims.sub, login->user.id, sizeof(login->user.id)) ||
        login->user.id[0] == '\0' || jwt.claims.jti.len == 0 || jwt.claims.jti.len >= 80)
        rc = err_set(err, ERR_AUTH, "token whose sub or jti is missing or too long");
    else
        span_to_cstr(jwt.claims.jti, jti, 80);
    if (rc == 0)
        json_in_copy_of(jwt.payload, "lang", login->user.lang, sizeof(login->user.lang));
    jwt_deinit(&jwt);
    return rc;
}

static bool too_many_wrong_tokens(struct login *login, struct span who, uint64_t now_ms)
{
    uint64_t wait_ms = tally_wait_ms(&login->pay->tokens_wrong, who, TOKENS_WRONG_MAX, now_ms);
    if (wait_ms == 0)
        return false;
    count(&login->pay->logins_throttled);
    refusal_wait(login->req, REFUSAL_TOKENS_WRONG, (unsigned)(wait_ms / 1000 + 1));
    return true;
}

static void start_token(struct login *login, struct span token)
{
    struct err_slot err = {0};
    char jti[80];
    uint8_t site[IP_BYTES];
    ip_site(http_req_addr(login->req), site);
    struct span who = {(const char *)site, sizeof(site)};
    uint64_t now_ms = http_req_started_us(login->req) / 1000;
    if (login->pay->sso == NULL) {
        refusal_reply(login->req, REFUSAL_TOKENS_OFF);
        return;
    }
    if (too_many_wrong_tokens(login, who, now_ms))
        return;
    int rc = judge_token(login, token, jti, &err);
    if (rc == ERR_AUTH)
        tally_add(&login->pay->tokens_wrong, who, now_ms);
    bool is_fetching = rc == ERR_UNKNOWN && jwks_feed_doubt(login->pay->sso); /* a new key? */
    if (rc == ERR_CLOSED || rc == ERR_NOMEM || is_fetching) {
        shed(login, 1000);
    } else if (rc < 0) {
        count(&login->pay->logins_bad);
        refusal_say(login->req, REFUSAL_TOKEN, "%s", err.text);
    } else {
        begin_session(login, jti);
    }
}

/* ---- the calls ---- */

static void on_login(struct http_req *req)
{
    struct err_slot err = {0};
    json_t *doc;
    if (!guard_origin(req) || !guard_json(req, &err, &doc))
        return;
    struct span account = {NULL, 0}, password = {NULL, 0}, token = {NULL, 0};
    struct json_in in;
    json_in_object(&in, doc, &err);
    bool by_token = json_in_has(&in, "token");
    if (by_token) {
        json_in_str(&in, "token", 1, JWT_BYTES_MAX, &token);
    } else {
        json_in_require(&in, "login");
        json_in_require(&in, "password");
        json_in_str(&in, "login", 1, LOGIN_ACCOUNT_MAX, &account);
        json_in_str(&in, "password", 1, LOGIN_PASSWORD_MAX, &password);
    }
    struct pay *pay = pay_of(req);
    struct login *login = NULL;
    if (json_in_end(&in) < 0)
        refusal_say(req, REFUSAL_REQUEST, "%s", err.text);
    else if (pay->logins >= LOGINS_MAX ||
             (login = http_req_room(req, sizeof(*login), login_end)) == NULL)
        guard_unavailable(req, ERR_FULL);
    if (login != NULL) {
        MAGIC_BEGIN(login, login);
        login->req = req;
        login->pay = pay;
        span_to_cstr(account, login->account, sizeof(login->account));
        span_to_cstr(password, login->password, sizeof(login->password));
        if (by_token)
            start_token(login, token);
        else
            start_password(login);
    }
    json_decref(doc);
}

static void on_ended(void *ctx, int rc, const char *set_cookie)
{
    struct http_req *req = ctx;
    if (rc < 0) {
        guard_unavailable(req, rc);
        return;
    }
    char memory[512];
    struct text headers = text_on(memory, sizeof(memory));
    http_header_add(&headers, "Set-Cookie", span_of(set_cookie));
    assert(!headers.overflown);
    if (plain_go_to_field(req, SPAN("back"), text_span(&headers)))
        return;
    http_reply(req, &(struct http_reply){.status = 204, .headers = text_span(&headers)});
}

static void on_logout(struct http_req *req)
{
    if (guard_origin(req))
        session_end(pay_of(req)->sessions, req, on_ended, req);
}

static void on_me(void *ctx, int rc, const struct session *session)
{
    struct http_req *req = ctx;
    if (!guard_session(req, rc, session))
        return;
    char memory[256];
    struct text body = text_on(memory, sizeof(memory));
    json_open(&body, '{');
    json_member_cstr(&body, "member", session->member);
    json_member_cstr(&body, "lang", pay_lang(session));
    json_close(&body, '}');
    guard_reply(req, 200, &body, SPAN("Cache-Control: no-store\r\n"));
}

static void on_get_me(struct http_req *req)
{
    session_of(pay_of(req)->sessions, req, on_me, req);
}

const struct http_route login_routes[] = {
    {HTTP_METHOD_POST, "/v1/pay/login", on_login, NULL, BODY_SMALL_MAX},
    {HTTP_METHOD_POST, "/v1/pay/logout", on_logout, NULL, BODY_SMALL_MAX},
    {HTTP_METHOD_GET, "/v1/pay/me", on_get_me, NULL, 0},
    {.pattern = NULL},
};
