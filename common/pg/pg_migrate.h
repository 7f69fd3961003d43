/* pg_migrate.h: brings a schema to what a program expects.
 *
 * A program carries its steps as text, in order. A step is applied once, whole, and remembered with
 * the SHA-256 of its text, in SCHEMA.migration. A step that was applied is never edited; what has
 * to change becomes a further step. */
#ifndef FG_PG_PG_MIGRATE_H
#define FG_PG_PG_MIGRATE_H

#include "pg/pg.h"

struct pg_migrate_step {
    const char *name; /* "001_seats" */
    const char *sql;
    unsigned oldest; /* a program must know so many steps to run on it; 0: this one, too */
};

struct pg_migrate {
    const char *schema;
    int32_t lock; /* of the advisory lock: another one for each schema */
    const struct pg_migrate_step *steps;
    unsigned steps_len;
    /* Told once, in words, what is waited for and which process has it; trying goes on. NULL is
     * fine. */
    void (*on_wait)(const char *words);
};

/* Applies what is missing, in one transaction under an advisory lock, so that
 * any number of instances may start at once. ERR_TIMEOUT if another one kept the lock for as long
 * as the connection waits for an answer. A table that somebody else has in an open transaction is
 * asked for again and again for as long, so that those who want it too wait for a second at most;
 * then ERR_PEER. ERR_STATE, with nothing changed, if the database is newer
 * than this program can run on or if a step that was applied is not the one that the program knows.
 * After an error the connection may still have the lock, and is to be closed. */
int pg_migrate_run(struct pg *pg, const struct pg_migrate *migrate, struct err_slot *err);

#endif
