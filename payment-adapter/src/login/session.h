/* session.h: who is logged in: a random cookie, of which the database keeps a hash.
 *
 * A session can be ended from here at any time. What was read from the database is believed for
 * SESSION_TRUST_MS, so a visitor who polls costs a look-up now and then, and an end that another
 * process made is known here after that time at the latest. */
#ifndef FG_PAY_SESSION_H
#define FG_PAY_SESSION_H

#include "http/http.h"
#include "login/users.h"
#include "pay_limits.h"
#include "pg/pg_pool.h"

struct sessions;

enum { SESSION_TRUST_MS = 3000, SESSION_COOKIE_MAX = 64, SESSION_HASH_MAX = 64 };

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

/* Who sends this request? on_done is called once, maybe at once: rc 0 and session->here, or rc < 0
 * when it could not be found out. */
typedef void session_on_done(void *ctx, int rc, const struct session *session);
void session_of(struct sessions *sessions, const struct http_req *req, session_on_done *on_done,
                void *ctx);

/* A new session, with a new cookie; the one that the browser had before is ended. On rc 0 `cookie`
 * is the value of Set-Cookie. */
typedef void session_on_begun(void *ctx, int rc, const char *set_cookie);
void session_begin(struct sessions *sessions, const struct http_req *req, const char *member,
                   const char *lang, session_on_begun *on_done, void *ctx);
/* Ends this one, or all of the member's. */
void session_end(struct sessions *sessions, const struct http_req *req, const char *member_or_null,
                 session_on_begun *on_done, void *ctx);

#endif
