/* pg_migrate.h: brings a schema to the version that a program expects.
 *
 * A program carries its steps as text, in order. A step is applied once, completely, and recorded
 * with the SHA-256 of its text in SCHEMA.migration. A step that was applied is never edited;
 * changes become further steps. */
#ifndef FG_PG_PG_MIGRATE_H
#define FG_PG_PG_MIGRATE_H

#include "pg/pg.h"

struct pg_migrate_step {
    const char *name; /* "001_seats" */
    const char *sql;
    unsigned oldest; /* a program needs this many steps to run with it; 0: including this one */
};

struct pg_migrate {
    const char *schema;
    int32_t lock; /* of the advisory lock: unique per schema */
    const struct pg_migrate_step *steps;
    unsigned steps_len;
    /* Called once with a sentence that says what blocks the migration and which process has it;
     * retries continue. May be NULL. */
    void (*on_wait)(const char *words);
};

/* Applies the missing steps in one transaction under an advisory lock, so any number of instances
 * may start at once. ERR_TIMEOUT if another one kept the lock for the connection's answer timeout.
 * If another transaction has a table open, the lock on it is retried for as long, so that others
 * who need the table wait for a second at most; then ERR_PEER. ERR_STATE, with nothing changed, if
 * the database is too new for this program or an applied step differs from the program's. After an
 * error the connection may still have the lock and must be closed. */
int pg_migrate_run(struct pg *pg, const struct pg_migrate *migrate, struct err_slot *err);

enum { PG_AWAIT_US = 30000000 }; /* for a command, which then says what is wrong */

/* A machine may start its programs before its PostgreSQL. Waits while the server is starting,
 * stopping, silent or only a standby of the primary that the DSN wants, or fails at TLS. A refusal
 * of a password or a database is about us: pg_open() reports it. on_down is called once, before the
 * first pause; it may be NULL. Blocks. */
void pg_await(const char *dsn, uint64_t within_us,
              void (*on_down)(const void *ctx, const char *why), const void *ctx);

/* As pg_migrate_run on its own connection; with on_wait, first waits PG_AWAIT_US for the server.
 * Blocks. */
int pg_migrate_alone(const struct pg_conf *conf, const struct pg_migrate *migrate,
                     struct err_slot *err);

#endif
