/* session.h: login sessions: a random cookie, stored as a hash.
 *
 * A session can be ended on the server at any time. Looked-up sessions are trusted for
 * SESSION_TRUST_MS, so a polling visitor rarely costs a look-up, and a session that another
 * process ended is refused here after that time at the latest. */
#ifndef FG_PAY_SESSION_H
#define FG_PAY_SESSION_H

#include "http/http.h"
#include "login/users.h"
#include "pay_limits.h"
#include "pg/pg_pool.h"

struct sessions;

enum {
    SESSION_TRUST_MS = 3000,
    SESSION_COOKIE_MAX = 64,
    SESSION_HASH_MAX = 64,
    SESSION_KEY_MIN = 16, /* a shorter Idempotency-Key could be guessed by a token's finder */
};

struct session {
    bool here;
    char member[USERS_ID_MAX];
    char lang[4];
};

struct sessions_conf {
    struct pg_pool *pg; /* borrowed */
    uint64_t ttl_ms;
    const struct clock *clock;
};

int sessions_create(const struct sessions_conf *conf, struct err_slot *err, struct sessions **out);
void sessions_destroy(struct sessions *sessions);

/* Finds the session of a request. on_done is called once, possibly synchronously: with rc 0 and
 * session->here, or with rc < 0 if the look-up failed. */
typedef void session_on_done(void *ctx, int rc, const struct session *session);
void session_of(struct sessions *sessions, const struct http_req *req, session_on_done *on_done,
                void *ctx);

/* Starts a session with a new cookie, and ends the browser's previous one. With rc 0, set_cookie is
 * the value of Set-Cookie. ERR_EXISTS: the shop's token was used before, other than by a request
 * with the same Idempotency-Key within the last minute. */
struct session_start {
    const char *member, *lang;
    const char *jti; /* the shop's token that this uses up; NULL: none */
};
typedef void session_on_begun(void *ctx, int rc, const char *set_cookie);
void session_begin(struct sessions *sessions, const struct http_req *req,
                   const struct session_start *start, session_on_begun *on_done, void *ctx);
/* Ends this session; set_cookie removes its cookie. */
void session_end(struct sessions *sessions, const struct http_req *req, session_on_begun *on_done,
                 void *ctx);

#endif
