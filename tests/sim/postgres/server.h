/* server.h: a PostgreSQL in the world: connections, backends, statements in flight, locks. What the
 * statements do to the tables is in sql.c.
 *
 * A statement travels to its backend, waits there for its row locks, takes effect, and its response
 * travels back. A backend finishes even if its client is gone: a statement may take effect long
 * after its connection broke, unless the backend was terminated before.
 *
 * A restart also stands for a failover: every connection breaks, and a transaction in flight either
 * survives or is lost. Acknowledged ones survive, as the replica is synchronous. */
#ifndef FG_SIM_SERVER_H
#define FG_SIM_SERVER_H

#include "stage/sim.h"

#include "base/err.h"
#include "pg/pg.h"
#include "tables/statements.h"

enum { SERVER_ROWS = 3, SERVER_LOCKS_MAX = 64, SERVER_SHARED_MAX = 256, SERVER_STATE_BYTES = 6 };

struct server_session;

/* A statement and its outcome. It lives on the heap and is never freed. */
struct server_ask {
    /* Applies the statement atomically; may set rc and sqlstate instead. */
    void (*act)(struct server_ask *ask);
    /* For a statement that locks owner rows until it takes effect: a bit for each that it would
     * lock. */
    unsigned (*finds)(const struct server_ask *ask);
    struct server_session *session;
    int rc;
    char sqlstate[SERVER_STATE_BYTES];
    /* Set by the server. */
    unsigned rows; /* found when it arrived; locked, once it is granted */
    bool granted, over;
    bool wrote; /* before act(): there is a row to change */
    int known;  /* rc for the caller */
    struct sim_gate gate;
    struct server_ask *next;
    uint64_t lock_until_us;
};

/* Runs on a fiber. Returns the ask's rc, or that of the connection. */
int server_ask(struct pg *pg, struct server_ask *ask, struct err_slot *err);
void server_restart(void *unused);
bool server_lock_row(unsigned row); /* another transaction locks an owner row; false: not free */
void server_unlock_row(unsigned row);
void server_lost(const struct sim_proc *proc); /* its process died: closes its connections */
void server_cut(const struct sim_proc *proc);  /* ends its backends; it lives on */
uint32_t server_sessions(void);                /* live backends */

/* ---- for act() ---- */

bool server_row_is_free(const struct server_ask *self, unsigned row); /* or its own */
/* Advisory lock. It needs one unlock per lock. */
bool server_lock(struct server_session *session, int32_t class, int32_t key);
bool server_unlock(struct server_session *session, int32_t class, int32_t key);
/* A shared lock. It needs one unlock per lock. */
void server_share(struct server_session *session, int32_t class, int32_t key, bool take);
/* The keys that other sessions active within `ms` have locked. */
uint32_t server_shared(const struct server_session *self, int32_t class, uint32_t ms,
                       int32_t keys[SERVER_SHARED_MAX]);
/* Lists the locks of sessions that were idle for `ms`. */
uint32_t server_held(const struct server_session *self, uint32_t ms,
                     struct sql_locks_held_row held[SERVER_LOCKS_MAX]);
/* Terminates the backend that holds the lock, unless it is `self`, if it was idle for `ms` (not 0)
 * or is one of `pids`. */
bool server_end(struct server_session *self, int32_t class, int32_t key, uint32_t ms,
                const int32_t *pids, uint32_t pids_len);

#endif
