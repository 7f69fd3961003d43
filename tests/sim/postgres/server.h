/* server.h: a PostgreSQL in the world: connections, backends, statements on their way, locks. What
 * the statements do to the tables is sql.c's.
 *
 * A statement travels to its backend, waits there for the rows that it locks, takes effect, and its
 * answer travels back. A backend works on even if its client is gone: a statement may take
 * effect long after its connection broke, unless the backend was ended before.
 *
 * A restart stands for a failover as well: each connection breaks, and a transaction that was under
 * way is either in what comes after, or is not. What was answered is, as the replica is
 * synchronous. */
#ifndef FG_SIM_SERVER_H
#define FG_SIM_SERVER_H

#include "stage/sim.h"

#include "base/err.h"
#include "pg/pg.h"
#include "tables/statements.h"

enum { SERVER_LOCKS_MAX = 64, SERVER_SHARED_MAX = 32, SERVER_STATE_BYTES = 6 };

struct server_session;

/* A statement and its outcome; on the heap, and never freed while the world lasts. */
struct server_ask {
    /* Takes effect; may set rc and sqlstate instead. At that moment nothing else happens. */
    void (*act)(struct server_ask *ask);
    bool wrote; /* act()'s: it found what it wanted to change */
    /* Of one that locks owner rows, and keeps them until it has taken effect: whether there is a
     * row that it would lock. */
    bool (*finds)(const struct server_ask *ask);
    struct server_session *session;
    int rc;
    char sqlstate[SERVER_STATE_BYTES];
    /* The server's. */
    bool granted, over;
    int told; /* to the caller */
    struct sim_gate gate;
    struct server_ask *next;
    uint64_t lock_until_us;
};

/* On a fiber. The ask's rc, or that of the connection. */
int server_ask(struct pg *pg, struct server_ask *ask, struct err_slot *err);
void server_restart(void);
bool server_lock_row(void); /* somebody else has the owner rows now; false: they are not free */
void server_unlock_row(void);
bool server_row_is_free(void);
void server_lost(const struct sim_proc *proc); /* it died: its connections close */
uint32_t server_sessions(void);                /* backends that live */

/* ---- for act() ---- */

/* Advisory. As often as one is taken it has to be given back. */
bool server_lock(struct server_session *session, int32_t class, int32_t key);
bool server_unlock(struct server_session *session, int32_t class, int32_t key);
/* A shared one. As often as one is taken it has to be given back. */
void server_share(struct server_session *session, int32_t class, int32_t key, bool take);
/* The keys of those that other sessions have, which did something within `ms`. */
uint32_t server_shared(const struct server_session *self, int32_t class, uint32_t ms,
                       int32_t keys[SERVER_SHARED_MAX]);
/* Who has which, and was silent for `ms`. */
uint32_t server_held(const struct server_session *self, uint32_t ms,
                     struct sql_locks_held_row held[SERVER_LOCKS_MAX]);
/* Ends the backend that has it, if `ms` (not 0) have passed since it last did something, or if it
 * is one of `pids`, and not `self`. */
bool server_end(struct server_session *self, int32_t class, int32_t key, uint32_t ms,
                const int32_t *pids, uint32_t pids_len);

#endif
