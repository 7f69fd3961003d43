/* server.c: see server.h, and pg.h as far as the journal uses it. */
#include "postgres/server.h"

#include "stage/faults.h"
#include "stage/probes.h"

#include "tables/migrate.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SESSIONS_MAX = 1 << 14 };

struct server_session {
    int32_t pid;
    bool alive;
    const struct sim_proc *client;
    uint32_t client_life;
    struct server_ask *works_on;
    bool closing; /* client gone: ends after the statement */
    uint64_t idle_since_us;
};

struct pg {
    struct server_session *session;
    bool broken, known; /* known: the server knows, or will soon */
    char sqlstate[SERVER_STATE_BYTES];
    uint64_t answer_us, lock_us;
};

static struct {
    struct server_session *sessions[SESSIONS_MAX];
    uint32_t sessions_len, living_from; /* all sessions before that are dead */
    struct lock {
        int32_t class, key;
        struct server_session *session;
        unsigned times;
    } locks[SERVER_LOCKS_MAX], shared[SERVER_SHARED_MAX];
    struct server_ask *rows[SERVER_ROWS]; /* who has each owner row locked */
    struct server_ask *waiting;           /* for rows, in order of arrival */
    uint64_t down_until_us;
} server;

/* ---- backends ---- */

static void grant(void);

static void finish(struct server_ask *ask, int rc)
{
    ask->over = true;
    ask->known = rc;
    sim_gate_ring(&ask->gate);
}

static void leave_rows(struct server_ask *ask)
{
    for (struct server_ask **at = &server.waiting; *at != NULL; at = &(*at)->next)
        if (*at == ask) {
            *at = ask->next;
            break;
        }
    for (unsigned row = 0; row < SERVER_ROWS; row++)
        if (server.rows[row] == ask)
            server.rows[row] = NULL;
    grant();
}

static void end_session(struct server_session *session)
{
    if (!session->alive)
        return;
    session->alive = false;
    for (unsigned i = 0; i < SERVER_LOCKS_MAX; i++)
        if (server.locks[i].session == session)
            server.locks[i].session = NULL;
    for (unsigned i = 0; i < SERVER_SHARED_MAX; i++)
        if (server.shared[i].session == session)
            server.shared[i].session = NULL;
    struct server_ask *ask = session->works_on;
    session->works_on = NULL;
    if (ask == NULL)
        return;
    leave_rows(ask);
    finish(ask, ERR_CLOSED);
}

/* The client is gone. A backend notices that once it is idle. */
static void close_session(void *ctx)
{
    struct server_session *session = ctx;
    session->closing = true;
    if (session->works_on == NULL)
        end_session(session);
}

static void part_with(struct server_session *session)
{
    uint64_t us = fault_now(FAULT_PG_LINGER) ? sim_between(SIM_S, 20 * SIM_S) : sim_between(0, 500);
    sim_after(NULL, us, close_session, session);
}

static bool is_down(void)
{
    return sim_us() < server.down_until_us;
}

/* ---- somebody else's transaction ---- */

static struct server_ask
    somebody[SERVER_ROWS]; /* each holds a row like a writer, without writing */

bool server_row_is_free(const struct server_ask *self, unsigned row)
{
    return server.rows[row] == NULL || server.rows[row] == self;
}

bool server_lock_row(unsigned row)
{
    if (is_down() || server.rows[row] != NULL)
        return false;
    server.rows[row] = &somebody[row];
    return true;
}

void server_unlock_row(unsigned row)
{
    leave_rows(&somebody[row]);
}

/* ---- statements ---- */

static void act(struct server_ask *ask)
{
    ask->wrote = ask->finds != NULL && ask->finds(ask) != 0;
    ask->act(ask);
}

static void take_effect(void *ctx);
static void answer(struct server_ask *ask);

/* How long the transaction that holds its rows takes, with its faults. */
static uint64_t commit_us(struct server_ask *ask)
{
    if (fault_now(FAULT_PG_COMMIT_CUT)) {
        ask->session->closing = true;
        finish(ask, ERR_CLOSED);
        return sim_between(10, 3 * SIM_S);
    }
    uint64_t us = fault_now(FAULT_PG_COMMIT_HANG)   ? sim_between(0, 8 * SIM_S)
                  : fault_now(FAULT_PG_SLOW)        ? sim_between(0, 1500 * SIM_MS)
                  : fault_now(FAULT_PG_COMMIT_BUSY) ? sim_between(0, 300 * SIM_MS)
                                                    : sim_between(50, 900);
    if (fault_now(FAULT_PG_COMMIT_RESTART))
        sim_after(NULL, sim_between(0, us), server_restart, NULL);
    return us;
}

/* One row after another, by number and not by the order of a transaction's statements; while one is
 * not free, those before it stay locked. */
static bool lock_rows(struct server_ask *ask)
{
    for (unsigned row = 0; row < SERVER_ROWS; row++) {
        if ((ask->rows >> row & 1) == 0)
            continue;
        if (!server_row_is_free(ask, row))
            return false;
        server.rows[row] = ask;
    }
    return true;
}

static void grant(void)
{
    for (struct server_ask **at = &server.waiting; *at != NULL;) {
        struct server_ask *ask = *at;
        if (!lock_rows(ask)) {
            at = &ask->next;
            continue;
        }
        *at = ask->next;
        ask->granted = true;
        sim_after(NULL, commit_us(ask), take_effect, ask);
    }
}

static bool is_at_work(const struct server_ask *ask)
{
    return ask->session->alive && ask->session->works_on == ask;
}

static void give_up_lock(void *ctx)
{
    struct server_ask *ask = ctx;
    if (!is_at_work(ask) || ask->granted)
        return;
    leave_rows(ask);
    probe_reached(PROBE_LOCK_TIMEOUT);
    ask->rc = ERR_PEER;
    memcpy(ask->sqlstate, "55P03", sizeof(ask->sqlstate));
    answer(ask);
}

static void arrive(void *ctx)
{
    struct server_ask *ask = ctx;
    struct server_session *session = ask->session;
    if (!session->alive) {
        finish(ask, ERR_CLOSED);
        return;
    }
    assert(session->works_on == NULL);
    session->works_on = ask;
    ask->rows = ask->finds != NULL ? ask->finds(ask) : 0;
    if (ask->rows == 0) {
        take_effect(ask);
        return;
    }
    struct server_ask **end = &server.waiting;
    while (*end != NULL)
        end = &(*end)->next;
    *end = ask;
    if (ask->lock_until_us > 0)
        sim_after(NULL, ask->lock_until_us, give_up_lock, ask);
    grant();
}

static void take_effect(void *ctx)
{
    struct server_ask *ask = ctx;
    if (!is_at_work(ask))
        return;
    bool given_up = ask->over, refused = ask->finds != NULL && fault_now(FAULT_PG_REFUSES);
    ask->rc = refused ? ERR_PEER : 0;
    if (refused)
        memcpy(ask->sqlstate, "53100", sizeof(ask->sqlstate));
    else
        act(ask);
    if (ask->finds != NULL && given_up)
        probe_reached(ask->wrote ? PROBE_GHOST_WRITE : PROBE_GHOST_FENCED);
    leave_rows(ask);
    answer(ask);
}

static void hear(void *ctx)
{
    struct server_ask *ask = ctx;
    if (!ask->over)
        finish(ask, ask->rc);
}

static void answer(struct server_ask *ask)
{
    struct server_session *session = ask->session;
    session->works_on = NULL;
    session->idle_since_us = sim_us();
    if (session->closing) {
        end_session(session);
        return;
    }
    if (fault_now(FAULT_PG_CUT_AFTER)) {
        part_with(session);
        finish(ask, ERR_CLOSED);
        return;
    }
    sim_after(NULL, sim_between(20, 200), hear, ask);
}

static int broken(struct pg *pg, int rc, struct err_slot *err)
{
    pg->broken = true;
    pg->known = rc != ERR_TIMEOUT;
    return err_set(err, (enum err_code)rc, "the connection broke");
}

int server_ask(struct pg *pg, struct server_ask *ask, struct err_slot *err)
{
    if (pg->broken)
        return err_set(err, ERR_CLOSED, "the connection is broken");
    ask->session = pg->session;
    ask->lock_until_us = pg->lock_us;
    if (ask->finds != NULL && fault_now(FAULT_PG_GHOST)) {
        uint64_t late_us = sim_between(10, 8 * SIM_S);
        sim_after(NULL, late_us, arrive, ask);
        sim_after(NULL, late_us + 1, close_session, pg->session);
        ask->over = true;
        return broken(pg, ERR_CLOSED, err);
    }
    if (fault_now(FAULT_PG_CUT_BEFORE)) {
        sim_sleep(sim_between(20, 2000));
        part_with(pg->session);
        return broken(pg, ERR_CLOSED, err);
    }
    uint64_t us = fault_now(FAULT_PG_HANG)   ? sim_between(0, 20 * (uint64_t)SIM_S)
                  : fault_now(FAULT_PG_SLOW) ? sim_between(0, 1500 * SIM_MS)
                                             : sim_between(20, 300);
    sim_after(NULL, us, arrive, ask);
    if (!sim_gate_wait(&ask->gate, pg->answer_us)) {
        ask->over = true;
        return broken(pg, ERR_TIMEOUT, err);
    }
    if (ask->known == ERR_CLOSED)
        return broken(pg, ERR_CLOSED, err);
    memcpy(pg->sqlstate, ask->sqlstate, sizeof(pg->sqlstate));
    return ask->known == 0 ? 0
                           : err_set(err, (enum err_code)ask->known, "sqlstate %s", ask->sqlstate);
}

/* A transaction in flight is either in the log that survives, or lost. */
void server_restart(void *unused)
{
    (void)unused;
    sim_note("the seats' database restarts");
    for (unsigned row = 0; row < SERVER_ROWS; row++) {
        struct server_ask *ask = server.rows[row];
        bool is_first = ask != NULL && ask->granted && ask->rows >> row << row == ask->rows;
        if (is_first && sim_below(SIM_FAULTS, 2) == 0) {
            probe_reached(PROBE_IN_LOG);
            act(ask);
        } else if (is_first) {
            probe_reached(PROBE_NOT_IN_LOG);
        }
    }
    memset(server.rows, 0, sizeof(server.rows));
    server.waiting = NULL;
    server.down_until_us = sim_us() + sim_between(100 * SIM_MS, 6 * SIM_S);
    for (uint32_t i = server.living_from; i < server.sessions_len; i++)
        end_session(server.sessions[i]);
    server.living_from = server.sessions_len;
}

void server_lost(const struct sim_proc *proc)
{
    for (uint32_t i = server.living_from; i < server.sessions_len; i++) {
        struct server_session *session = server.sessions[i];
        if (session->alive && session->client == proc && session->client_life < proc->life)
            part_with(session);
    }
}

void server_cut(const struct sim_proc *proc)
{
    for (uint32_t i = server.living_from; i < server.sessions_len; i++)
        if (server.sessions[i]->client == proc)
            end_session(server.sessions[i]);
}

uint32_t server_sessions(void)
{
    uint32_t n = 0;
    for (uint32_t i = server.living_from; i < server.sessions_len; i++)
        n += server.sessions[i]->alive;
    return n;
}

/* ---- locks ---- */

static struct lock *lock_of(int32_t class, int32_t key)
{
    struct lock *unused = NULL;
    for (unsigned i = 0; i < SERVER_LOCKS_MAX; i++) {
        struct lock *lock = &server.locks[i];
        if (lock->session != NULL && lock->class == class && lock->key == key)
            return lock;
        if (lock->session == NULL)
            unused = lock;
    }
    assert(unused != NULL);
    unused->class = class;
    unused->key = key;
    return unused;
}

bool server_lock(struct server_session *session, int32_t class, int32_t key)
{
    struct lock *lock = lock_of(class, key);
    if (lock->session != NULL && lock->session != session)
        return false;
    lock->times = lock->session == NULL ? 1 : lock->times + 1;
    lock->session = session;
    return true;
}

bool server_unlock(struct server_session *session, int32_t class, int32_t key)
{
    struct lock *lock = lock_of(class, key);
    bool had = lock->session == session;
    if (had && --lock->times == 0)
        lock->session = NULL;
    return had;
}

void server_share(struct server_session *session, int32_t class, int32_t key, bool take)
{
    struct lock *unused = NULL;
    for (unsigned i = 0; i < SERVER_SHARED_MAX; i++) {
        struct lock *lock = &server.shared[i];
        if (lock->session == session && lock->class == class && lock->key == key) {
            lock->times += take ? 1 : -1u;
            lock->session = lock->times > 0 ? session : NULL;
            return;
        }
        unused = lock->session == NULL ? lock : unused;
    }
    assert(!take || unused != NULL);
    if (take)
        *unused = (struct lock){class, key, session, 1};
}

uint32_t server_shared(const struct server_session *self, int32_t class, uint32_t ms,
                       int32_t keys[SERVER_SHARED_MAX])
{
    uint32_t len = 0;
    for (unsigned i = 0; i < SERVER_SHARED_MAX; i++) {
        const struct lock *lock = &server.shared[i];
        if (lock->session == NULL || lock->session == self || lock->class != class)
            continue;
        if (lock->session->works_on != NULL ||
            sim_us() - lock->session->idle_since_us < ms * (uint64_t)SIM_MS)
            keys[len++] = lock->key; /* one entry per session */
    }
    return len;
}

static bool is_silent(const struct server_session *session, uint32_t ms)
{
    return session->works_on == NULL && sim_us() - session->idle_since_us > ms * (uint64_t)SIM_MS;
}

uint32_t server_held(const struct server_session *self, uint32_t ms,
                     struct sql_locks_held_row held[SERVER_LOCKS_MAX])
{
    uint32_t len = 0;
    for (unsigned i = 0; i < SERVER_LOCKS_MAX; i++) {
        const struct lock *lock = &server.locks[i];
        if (lock->session != NULL)
            held[len++] = (struct sql_locks_held_row){
                lock->class, lock->key, lock->session->pid, lock->session == self,
                lock->session != self && is_silent(lock->session, ms)};
    }
    return len;
}

bool server_end(struct server_session *self, int32_t class, int32_t key, uint32_t ms,
                const int32_t *pids, uint32_t pids_len)
{
    struct server_session *session = lock_of(class, key)->session;
    if (session == NULL || session == self)
        return false;
    bool ends = ms > 0 && is_silent(session, ms);
    for (uint32_t i = 0; i < pids_len; i++)
        ends = ends || pids[i] == session->pid;
    if (ends) {
        probe_reached(ms > 0 ? PROBE_BACKEND_ENDED : PROBE_OWN_ENDED);
        sim_note("ends backend %d of %s", (int)session->pid, session->client->name);
        end_session(session);
    }
    return ends;
}

/* ---- pg.h ---- */

int pg_open(const struct pg_conf *conf, struct err_slot *err, struct pg **out)
{
    sim_sleep(sim_between(200, 3 * SIM_MS));
    if (is_down())
        return err_set(err, ERR_CLOSED, "nobody listens");
    if (server.sessions_len == SESSIONS_MAX)
        return err_set(err, ERR_FULL, "too many connections for a world");
    struct pg *pg = sim_new(sizeof(*pg));
    struct server_session *session = sim_new(sizeof(*session));
    session->client = sim_current();
    session->client_life = sim_current()->life;
    session->alive = true;
    session->idle_since_us = sim_us();
    server.sessions[server.sessions_len++] = session;
    session->pid = (int32_t)server.sessions_len;
    pg->session = session;
    pg->answer_us = conf->query_ms * (uint64_t)SIM_MS;
    *out = pg;
    return 0;
}

void pg_close(struct pg *pg)
{
    if (pg == NULL)
        return;
    if (!pg->known)
        sim_after(NULL, sim_between(0, 500), close_session, pg->session);
    free(pg);
}

int pg_backend_pid(const struct pg *pg)
{
    return pg->session->pid;
}

const char *pg_sqlstate(const struct pg *pg)
{
    return pg->sqlstate;
}

int pg_run(struct pg *pg, const char *sql, struct err_slot *err)
{
    unsigned ms;
    if (sscanf(sql, "SET lock_timeout = %u", &ms) == 1)
        pg->lock_us = ms * (uint64_t)SIM_MS;
    return pg->broken ? err_set(err, ERR_CLOSED, "the connection is broken") : 0;
}

/* The world begins with the current schema. */
int migrate_run(struct pg *pg, struct err_slot *err)
{
    return pg_run(pg, "", err);
}
