/* users.c: a query passes three limits: one in this process, which keeps a crowd even from our own
 * database; the circuit breaker; and the deployment's pace, which our own database counts (pace.h).
 * If the company's database rejects a query's parameter (a member number that is not a number),
 * there is no such user; that is not a failure of the database, and does not count towards the
 * breaker. */
#include "login/users.h"

#include "base/magic.h"
#include "login/pace.h"
#include "observe/log.h"
#include "pay_limits.h"
#include "store/statements.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BREAKER_TRIP = 5,
    BREAKER_OPEN_MS = 1000,
    CAP_RETRY_MS = 1000,
    QUEUE_MAX = 64,
};

struct users {
    struct pg_pool *pg;
    struct pg_pool *own; /* borrowed: our own database, which counts for all processes */
    struct pace_users pace;
    struct breaker breaker;
    struct gate *cap;
    const struct clock *clock;
    struct pg_statement statements[PACE_SHARES]; /* one query for each share */
    char setup[256];
    struct users_stats stats;
    unsigned under_way;
    bool closing;
};

struct question {
    uint32_t magic;
    struct users *users;
    enum pace_share share; /* says which query it is, too */
    char param[LOGIN_ACCOUNT_MAX + 1];
    users_on_done *on_done;
    void *ctx;
};

MAGIC(question, 0x3a700006);

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

int users_create(uv_loop_t *loop, const struct settings *settings, struct pg_pool *own,
                 struct gate *cap, const struct clock *clock, const struct rng *rng,
                 struct logger *log, struct err_slot *err, struct users **out)
{
    struct users *users = calloc(1, sizeof(*users));
    if (users == NULL)
        return err_set(err, ERR_NOMEM, "user database");
    users->clock = clock;
    users->own = own;
    users->pace = pace_users_of((uint32_t)settings->users_queries_per_s);
    users->statements[PACE_LOGIN] = (struct pg_statement){"login", settings->users_login_sql};
    users->statements[PACE_MAIL] = (struct pg_statement){"mail", settings->users_mail_sql};
    breaker_init(&users->breaker, BREAKER_TRIP, BREAKER_OPEN_MS, BREAKER_OPEN_MS);
    users->cap = cap;
    /* Our connections are read-only whatever the role allows. Their statements time out before we
     * do, so a slow table costs an answer and not a connection. */
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
        .guest = true,
        .queue_max = QUEUE_MAX,
        .deadline_ms = (uint32_t)settings->users_timeout_ms,
        .statements = users->statements,
        .statements_len = PACE_SHARES,
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

bool users_reached(const struct users *users)
{
    return pg_pool_ready(users->pg);
}

static void read_user(const PGresult *res, enum pace_share share, struct user *user)
{
    if (PQntuples(res) == 0)
        return;
    if (share == PACE_MAIL) {
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

static void question_end(struct question *question, int rc, const struct user *user)
{
    struct users *users = question->users;
    users->under_way--;
    question->on_done(question->ctx, rc, user);
    MAGIC_END(question, question);
    free(question);
    users_free_if_over(users);
}

static bool is_about_data(const struct pg_answer *answer)
{
    return answer->rc == ERR_PEER && memcmp(answer->sqlstate, "22", 2) == 0;
}

static void on_answer(void *ctx, const struct pg_answer *answer)
{
    struct question *question = MAGIC_OF(question, ctx);
    struct users *users = question->users;
    struct user user = {0};
    bool nobody = is_about_data(answer);
    if (answer->rc == 0 || nobody) {
        breaker_answered(&users->breaker);
        if (!nobody)
            read_user(answer->results[0], question->share, &user);
    } else {
        breaker_missed(&users->breaker, clock_mono_us(users->clock));
    }
    question_end(question, nobody ? 0 : answer->rc, &user);
}

static void hold_back(struct question *question, _Atomic uint64_t *why)
{
    struct user nobody = {0};
    atomic_fetch_add_explicit(why, 1, memory_order_relaxed);
    question_end(question, ERR_FULL, &nobody);
}

static void on_paced(void *ctx, const struct pg_answer *answer)
{
    struct question *question = MAGIC_OF(question, ctx);
    struct users *users = question->users;
    struct user nobody = {0};
    if (answer->rc < 0 || users->closing) {
        question_end(question, ERR_CLOSED, &nobody);
    } else if (!sql_pace_users_row(answer->results[0], 0).granted) {
        hold_back(question, &users->stats.capped);
    } else if (!breaker_allow(&users->breaker, clock_mono_us(users->clock))) {
        hold_back(question, &users->stats.broken);
    } else {
        const char *const params[] = {question->param};
        atomic_fetch_add_explicit(&users->stats.asked, 1, memory_order_relaxed);
        pg_pool_query(users->pg, (uint32_t)question->share, 1, params, on_answer, question);
    }
}

static int ask(struct users *users, enum pace_share share, const char *param,
               users_on_done *on_done, void *ctx, uint32_t *retry_ms)
{
    uint64_t now_us = clock_mono_us(users->clock);
    if (!gate_take(users->cap, now_us)) {
        atomic_fetch_add_explicit(&users->stats.capped, 1, memory_order_relaxed);
        *retry_ms = CAP_RETRY_MS;
        return ERR_FULL;
    }
    if (breaker_wait_ms(&users->breaker, now_us) > 0) {
        atomic_fetch_add_explicit(&users->stats.broken, 1, memory_order_relaxed);
        *retry_ms = breaker_wait_ms(&users->breaker, now_us);
        return ERR_FULL;
    }
    struct question *question = calloc(1, sizeof(*question));
    if (question == NULL)
        return ERR_NOMEM;
    *question = (struct question){.users = users, .share = share, .on_done = on_done, .ctx = ctx};
    MAGIC_BEGIN(question, question);
    bool fits = span_to_cstr(span_of(param), question->param, sizeof(question->param));
    assert(fits);
    users->under_way++;
    const struct pace_users *pace = &question->users->pace;
    const struct sql_pace_users_args args = {.share = pace_share_name(share),
                                             .interval_us = pace->own[share].interval_us,
                                             .burst_us = pace->own[share].burst_us,
                                             .common_interval_us = pace->common.interval_us,
                                             .common_burst_us = pace->common.burst_us};
    sql_pace_users(question->users->own, &args, on_paced, question);
    return 0;
}

int users_login(struct users *users, const char *login, users_on_done *on_done, void *ctx,
                uint32_t *retry_ms)
{
    return ask(users, PACE_LOGIN, login, on_done, ctx, retry_ms);
}

int users_address(struct users *users, const char *id, users_on_done *on_done, void *ctx,
                  uint32_t *retry_ms)
{
    return ask(users, PACE_MAIL, id, on_done, ctx, retry_ms);
}

/* ---- is there an index? ---- */

static void log_unserved(struct logger *log, const char *setting, const char *why)
{
    log_text(log, LOG_LEVEL_WARN, why, "setting", setting);
}

/* With sequential scans disabled, a plan contains one only if no index helps. */
static void explain(PGconn *pq, const char *setting, const char *sql, struct logger *log)
{
    PGresult *prepared = PQprepare(pq, setting, sql, 0, NULL);
    char memory[64];
    snprintf(memory, sizeof(memory), "EXPLAIN EXECUTE %s ('1')", setting);
    PGresult *plan = PQexec(pq, memory);
    if (PQresultStatus(plan) != PGRES_TUPLES_OK)
        log_unserved(log, setting, "the user database rejects this question");
    for (int i = 0; i < PQntuples(plan); i++) {
        if (strstr(PQgetvalue(plan, i, 0), "Seq Scan") != NULL) {
            log_unserved(log, setting, "no index of the user database serves this question");
            break;
        }
    }
    PQclear(plan);
    PQclear(prepared);
}

static void check_limit(PGconn *pq, uint64_t needed, struct logger *log)
{
    char memory[160];
    snprintf(memory, sizeof(memory),
             "SELECT FROM pg_roles WHERE rolname = current_user AND NOT rolsuper"
             " AND rolconnlimit BETWEEN 0 AND %llu",
             (unsigned long long)needed - 1);
    PGresult *lower = PQexec(pq, memory);
    if (PQntuples(lower) > 0) {
        struct log_line line;
        log_begin(
            &line, log, LOG_LEVEL_WARN,
            "the CONNECTION LIMIT of the user database's role is below what this process needs");
        log_u64(&line, "needed", needed);
        log_end(&line);
    }
    PQclear(lower);
}

void users_look_at_plans(const struct settings *settings, unsigned loops, struct logger *log)
{
    const char *const keys[] = {"dbname", "connect_timeout", "application_name", NULL};
    const char *const values[] = {settings->users_conninfo, "2", "fairgate-login", NULL};
    if (settings->users_conninfo[0] == '\0')
        return;
    PGconn *pq = PQconnectdbParams(keys, values, 1);
    if (PQstatus(pq) == CONNECTION_OK) {
        PQclear(PQexec(pq, "SELECT set_config('default_transaction_read_only', 'on', false),"
                           " set_config('statement_timeout', '1s', false),"
                           " set_config('enable_seqscan', 'off', false),"
                           " set_config('plan_cache_mode', 'force_generic_plan', false)"));
        explain(pq, "login_sql", settings->users_login_sql, log);
        explain(pq, "mail_sql", settings->users_mail_sql, log);
        check_limit(pq, settings->users_connections * loops, log);
    } /* otherwise the first query reports it */
    PQfinish(pq);
}
