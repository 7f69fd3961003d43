/* users.c: see users.h. The cap lets three quarters of the allowed rate through and a burst of a
 * quarter of a second's questions: so no second, wherever it begins, sees more than the allowed
 * number, and the database behind it sees no burst. All loops of the process share one. */
#include "users.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    QUERY_LOGIN,
    QUERY_MAIL,
    QUERIES,
    BREAKER_TRIP = 5,
    BREAKER_OPEN_MS = 1000,
    CAP_RETRY_MS = 1000,
    QUEUE_MAX = 64,
};

struct users {
    struct pg_pool *pg;
    struct breaker breaker;
    struct gate *cap;
    const struct clock *clock;
    struct pg_statement statements[QUERIES];
    char setup[256];
    struct users_stats stats;
    unsigned under_way;
    bool closing;
};

struct question {
    struct users *users;
    int query;
    users_on_done *on_done;
    void *ctx;
};

static void users_free_if_over(struct users *users)
{
    if (users->closing && users->under_way == 0)
        free(users);
}

void users_cap_init(struct gate *cap, uint32_t per_s)
{
    uint32_t burst = per_s / 4 > 0 ? per_s / 4 : 1;
    gate_init(cap, per_s - burst > 0 ? per_s - burst : 1, burst);
}

int users_create(uv_loop_t *loop, const struct settings *settings, struct gate *cap,
                 const struct clock *clock, const struct rng *rng, struct logger *log,
                 struct err_slot *err, struct users **out)
{
    struct users *users = calloc(1, sizeof(*users));
    if (users == NULL)
        return err_set(err, ERR_NOMEM, "user database");
    users->clock = clock;
    users->statements[QUERY_LOGIN] = (struct pg_statement){"login", settings->users_login_sql};
    users->statements[QUERY_MAIL] = (struct pg_statement){"mail", settings->users_mail_sql};
    breaker_init(&users->breaker, BREAKER_TRIP, BREAKER_OPEN_MS);
    users->cap = cap;
    /* Sessions of the reader are read-only whatever the role says, and give up before we do: then a
     * slow table costs an answer, not a connection. */
    unsigned timeout_ms = (unsigned)settings->users_timeout_ms;
    snprintf(users->setup, sizeof(users->setup),
             "SELECT set_config('default_transaction_read_only', 'on', false),"
             " set_config('statement_timeout', '%ums', false)",
             timeout_ms - timeout_ms / 8);
    struct pg_pool_conf conf = {
        .loop = loop,
        .what = "users",
        .conninfo = settings->users_conninfo,
        .app = "fairgate-login",
        .setup = users->setup,
        .connections = (uint32_t)settings->users_connections,
        .depth = 4,
        .queue_max = QUEUE_MAX,
        .deadline_ms = (uint32_t)settings->users_timeout_ms,
        .statements = users->statements,
        .statements_len = QUERIES,
        .clock = clock,
        .rng = rng,
        .log = log,
    };
    int rc = pg_pool_create(&conf, err, &users->pg);
    if (rc < 0) {
        free(users);
        return rc;
    }
    *out = users;
    return 0;
}

void users_close(struct users *users)
{
    if (users == NULL)
        return;
    pg_pool_close(users->pg);
    users->closing = true;
    users_free_if_over(users);
}

const struct users_stats *users_stats(const struct users *users)
{
    return &users->stats;
}

struct pg_pool *users_pg(const struct users *users)
{
    return users->pg;
}

static void read_user(const PGresult *res, int query, struct user *user)
{
    if (PQntuples(res) == 0)
        return;
    if (query == QUERY_MAIL) {
        user->found = span_to_cstr(pg_text(res, 0, 0), user->address, sizeof(user->address)) &&
                      user->address[0] != '\0';
        return;
    }
    user->found =
        PQnfields(res) >= 2 && span_to_cstr(pg_text(res, 0, 0), user->id, sizeof(user->id)) &&
        user->id[0] != '\0' && span_to_cstr(pg_text(res, 0, 1), user->hash, sizeof(user->hash));
    if (PQnfields(res) >= 3)
        span_to_cstr(pg_text(res, 0, 2), user->lang, sizeof(user->lang));
}

static void on_answer(void *ctx, const struct pg_answer *answer)
{
    struct question *question = ctx;
    struct users *users = question->users;
    struct user user = {0};
    users->under_way--;
    if (answer->rc == 0) {
        breaker_heard(&users->breaker);
        read_user(answer->results[0], question->query, &user);
    } else {
        breaker_missed(&users->breaker, clock_mono_us(users->clock));
    }
    question->on_done(question->ctx, answer->rc, &user);
    free(question);
    users_free_if_over(users);
}

static int ask(struct users *users, int query, const char *param, users_on_done *on_done, void *ctx,
               uint32_t *retry_ms)
{
    uint64_t now_us = clock_mono_us(users->clock);
    if (!gate_take(users->cap, now_us)) {
        atomic_fetch_add_explicit(&users->stats.capped, 1, memory_order_relaxed);
        *retry_ms = CAP_RETRY_MS;
        return ERR_FULL;
    }
    if (!breaker_allow(&users->breaker, now_us)) {
        atomic_fetch_add_explicit(&users->stats.broken, 1, memory_order_relaxed);
        *retry_ms = breaker_wait_ms(&users->breaker, now_us);
        return ERR_FULL;
    }
    struct question *question = calloc(1, sizeof(*question));
    if (question == NULL)
        return ERR_NOMEM;
    *question = (struct question){users, query, on_done, ctx};
    users->under_way++;
    atomic_fetch_add_explicit(&users->stats.asked, 1, memory_order_relaxed);
    pg_pool_query(users->pg, (uint32_t)query, 1, &param, on_answer, question);
    return 0;
}

int users_login(struct users *users, const char *login, users_on_done *on_done, void *ctx,
                uint32_t *retry_ms)
{
    return ask(users, QUERY_LOGIN, login, on_done, ctx, retry_ms);
}

int users_address(struct users *users, const char *id, users_on_done *on_done, void *ctx,
                  uint32_t *retry_ms)
{
    return ask(users, QUERY_MAIL, id, on_done, ctx, retry_ms);
}
