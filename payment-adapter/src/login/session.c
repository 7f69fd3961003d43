/* session.c: the cookie is 32 random bytes; the database and the cache store only its hash, so
 * neither a dump nor a core file lets anybody log in. The cache is a table with one entry per slot,
 * chosen by the hash's first bytes: sessions that collide are only looked up more often. A session
 * ended here is dropped at once; one ended by another process, within SESSION_TRUST_MS. */
#include "login/session.h"

#include "store/statements.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum { B64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING };

#define COOKIE_NAME "fg_session"

struct entry {
    char hash[SESSION_HASH_MAX];
    uint64_t until_us;
    struct session session;
};

struct sessions {
    struct sessions_conf conf;
    struct entry *cache;
};

struct lookup {
    struct sessions *sessions;
    session_on_done *on_done;
    session_on_begun *on_begun;
    void *ctx;
    char hash[SESSION_HASH_MAX];
    char set_cookie[256];
};

int sessions_create(const struct sessions_conf *conf, struct err_slot *err, struct sessions **out)
{
    struct sessions *sessions = calloc(1, sizeof(*sessions));
    struct entry *cache = calloc(SESSION_CACHE_MAX, sizeof(*cache));
    if (sessions == NULL || cache == NULL) {
        free(sessions);
        free(cache);
        return err_set(err, ERR_NOMEM, "sessions");
    }
    sessions->conf = *conf;
    sessions->cache = cache;
    *out = sessions;
    return 0;
}

void sessions_destroy(struct sessions *sessions)
{
    if (sessions == NULL)
        return;
    free(sessions->cache);
    free(sessions);
}

static bool hash_of_cookie(const struct http_req *req, char out[SESSION_HASH_MAX])
{
    struct span cookie = http_req_cookie(req, SPAN(COOKIE_NAME));
    uint8_t token[SESSION_TOKEN_BYTES], hash[32];
    size_t len;
    if (cookie.len == 0 || cookie.len >= SESSION_COOKIE_MAX ||
        sodium_base642bin(token, sizeof(token), cookie.ptr, cookie.len, NULL, &len, NULL, B64) !=
            0 ||
        len != sizeof(token))
        return false;
    crypto_generichash(hash, sizeof(hash), token, sizeof(token), NULL, 0);
    sodium_bin2base64(out, SESSION_HASH_MAX, hash, sizeof(hash), B64);
    return true;
}

static struct entry *entry_of(struct sessions *sessions, const char *hash)
{
    uint32_t index = 0;
    for (int i = 0; i < 6; i++)
        index = index * 131 + (unsigned char)hash[i];
    return &sessions->cache[index % SESSION_CACHE_MAX];
}

static void forget(struct sessions *sessions, const char *hash)
{
    struct entry *entry = entry_of(sessions, hash);
    if (strcmp(entry->hash, hash) == 0)
        entry->until_us = 0;
}

static void on_read(void *ctx, const struct pg_answer *answer)
{
    struct lookup *lookup = ctx;
    struct session session = {0};
    if (answer->rc == 0 && PQntuples(answer->results[0]) == 1) {
        const struct sql_session_read_row row = sql_session_read_row(answer->results[0], 0);
        session.here =
            row.member.len > 0 && span_to_cstr(row.member, session.member, sizeof(session.member));
        span_to_cstr(row.lang, session.lang, sizeof(session.lang));
        struct entry *entry = entry_of(lookup->sessions, lookup->hash);
        memcpy(entry->hash, lookup->hash, sizeof(entry->hash));
        entry->session = session;
        entry->until_us =
            clock_mono_us(lookup->sessions->conf.clock) + SESSION_TRUST_MS * UINT64_C(1000);
    }
    lookup->on_done(lookup->ctx, answer->rc, &session);
    free(lookup);
}

void session_of(struct sessions *sessions, const struct http_req *req, session_on_done *on_done,
                void *ctx)
{
    struct session nobody = {0};
    char hash[SESSION_HASH_MAX];
    if (!hash_of_cookie(req, hash)) {
        on_done(ctx, 0, &nobody);
        return;
    }
    struct entry *entry = entry_of(sessions, hash);
    if (strcmp(entry->hash, hash) == 0 && clock_mono_us(sessions->conf.clock) < entry->until_us) {
        struct session session = entry->session;
        on_done(ctx, 0, &session);
        return;
    }
    struct lookup *lookup = calloc(1, sizeof(*lookup));
    if (lookup == NULL) {
        on_done(ctx, ERR_NOMEM, &nobody);
        return;
    }
    *lookup = (struct lookup){.sessions = sessions, .on_done = on_done, .ctx = ctx};
    memcpy(lookup->hash, hash, sizeof(hash));
    sql_session_read(sessions->conf.pg, &(struct sql_session_read_args){lookup->hash}, on_read,
                     lookup);
}

static void answer_lookup(struct lookup *lookup, int rc)
{
    forget(lookup->sessions, lookup->hash); /* a request meanwhile may have read it */
    lookup->on_begun(lookup->ctx, rc, lookup->set_cookie);
    free(lookup);
}

static void on_begun(void *ctx, const struct pg_answer *answer)
{
    int rc = answer->rc;
    if (rc == 0 && sql_session_create_row(answer->results[0], 0).begun == 0)
        rc = ERR_EXISTS;
    answer_lookup(ctx, rc);
}

static struct lookup *begin(struct sessions *sessions, const struct http_req *req,
                            session_on_begun *on_done, void *ctx)
{
    struct lookup *lookup = calloc(1, sizeof(*lookup));
    if (lookup == NULL) {
        on_done(ctx, ERR_NOMEM, "");
        return NULL;
    }
    *lookup = (struct lookup){.sessions = sessions, .on_begun = on_done, .ctx = ctx};
    if (hash_of_cookie(req, lookup->hash))
        forget(sessions, lookup->hash);
    return lookup;
}

/* Lax, not Strict: the buyer comes back from the provider's page by a link and must be recognised.
 * A post from another site does not carry the cookie, and its Origin is checked as well. */
static void write_cookie(char out[256], const char *value, const char *age, bool tls)
{
    snprintf(out, 256, COOKIE_NAME "=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%s%s", value, age,
             tls ? "; Secure" : "");
}

/* The hash by which a repeated login by token is recognised; NULL without a key long enough to be
 * random. Stored as a hash, like the cookie: a reader of the table cannot repeat any login. */
static const char *hash_of_key(const struct http_req *req, char out[SESSION_HASH_MAX])
{
    struct span key = http_req_header(req, HTTP_HEADER_IDEMPOTENCY_KEY);
    if (key.len < SESSION_KEY_MIN)
        return NULL;
    uint8_t digest[32];
    crypto_generichash(digest, sizeof(digest), (const uint8_t *)key.ptr, key.len, NULL, 0);
    sodium_bin2base64(out, SESSION_HASH_MAX, digest, sizeof(digest), B64);
    return out;
}

void session_begin(struct sessions *sessions, const struct http_req *req,
                   const struct session_start *start, session_on_begun *on_done, void *ctx)
{
    struct lookup *lookup = begin(sessions, req, on_done, ctx);
    if (lookup == NULL)
        return;
    uint8_t token[SESSION_TOKEN_BYTES], digest[32];
    char cookie[SESSION_COOKIE_MAX], hash[SESSION_HASH_MAX], key_hash[SESSION_HASH_MAX], age[24];
    randombytes_buf(token, sizeof(token));
    crypto_generichash(digest, sizeof(digest), token, sizeof(token), NULL, 0);
    sodium_bin2base64(cookie, sizeof(cookie), token, sizeof(token), B64);
    sodium_bin2base64(hash, sizeof(hash), digest, sizeof(digest), B64);
    snprintf(age, sizeof(age), "%llu", (unsigned long long)(sessions->conf.ttl_ms / 1000));
    write_cookie(lookup->set_cookie, cookie, age, http_req_is_tls(req));
    const struct sql_session_create_args args = {.token = hash,
                                                 .member = start->member,
                                                 .lang = start->lang,
                                                 .ttl_ms = sessions->conf.ttl_ms,
                                                 .before = lookup->hash,
                                                 .jti = start->jti,
                                                 .key = hash_of_key(req, key_hash)};
    sql_session_create(sessions->conf.pg, &args, on_begun, lookup);
    sodium_memzero(token, sizeof(token));
}

static void on_ended(void *ctx, const struct pg_answer *answer)
{
    answer_lookup(ctx, answer->rc);
}

void session_end(struct sessions *sessions, const struct http_req *req, session_on_begun *on_done,
                 void *ctx)
{
    struct lookup *lookup = begin(sessions, req, on_done, ctx);
    if (lookup == NULL)
        return;
    write_cookie(lookup->set_cookie, "", "0", http_req_is_tls(req));
    sql_session_revoke(sessions->conf.pg, &(struct sql_session_revoke_args){lookup->hash}, on_ended,
                       lookup);
}
