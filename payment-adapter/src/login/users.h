/* users.h: the company's user database, which must not notice our load: read-only, over a separate
 * pool, at most a set number of queries a second from all processes, with reserved shares for
 * logins and mails (pace.h), and no queries for a while when it does not answer. The configuration
 * sets the SQL, and thereby the order of the columns. */
#ifndef FG_PAY_USERS_H
#define FG_PAY_USERS_H

#include "core/pace/breaker.h"
#include "core/pace/gate.h"
#include "pg/pg_pool.h"
#include "settings.h"

struct users;

struct users_stats {
    _Atomic uint64_t asked, capped, broken;
};

/* The limit of this process, all loops together; it outlives the users. */
void users_cap_init(struct gate *cap, uint32_t per_s);

/* `own` is our own database, which counts queries for all processes; close it after the users. */
int users_create(uv_loop_t *loop, const struct settings *settings, struct pg_pool *own,
                 struct gate *cap, const struct clock *clock, const struct rng *rng,
                 struct logger *log, struct err_slot *err, struct users **out);
void users_close(struct users *users);
const struct users_stats *users_stats(const struct users *users);
bool users_reached(const struct users *users); /* the connection works, and the queries are valid */

enum { USERS_ID_MAX = 65, USERS_ADDRESS_MAX = 321 };

struct user {
    bool found;
    char id[USERS_ID_MAX];
    char hash[512];
    char lang[3]; /* "" if the query returns none */
    char address[USERS_ADDRESS_MAX];
};

/* rc 0: answered, see user->found. Otherwise the query failed. ERR_FULL: over the cap, or the
 * breaker is open; *retry_ms says when to retry. */
typedef void users_on_done(void *ctx, int rc, const struct user *user);

int users_login(struct users *users, const char *login, users_on_done *on_done, void *ctx,
                uint32_t *retry_ms);
int users_address(struct users *users, const char *id, users_on_done *on_done, void *ctx,
                  uint32_t *retry_ms);

/* Called at start; blocks. Logs which of the configured queries have no index, and a limit of the
 * role's connections that is too low for the loops of this process. */
void users_look_at_plans(const struct settings *settings, unsigned loops, struct logger *log);

#endif
