/* migrate.h: brings the schema up to what this program expects. */
#ifndef FG_SEAT_SERVICE_MIGRATE_H
#define FG_SEAT_SERVICE_MIGRATE_H

#include "pg/pg.h"

#define MIGRATE_SCHEMA "seats" /* where the tables are; every connection names it */

/* Applies what is missing (pg/pg_migrate.h), so that any number of instances may start at once.
 * ERR_STATE, with nothing changed, if the database is newer than this program or if a step that was
 * applied is not the one that the program knows. */
int migrate_run(struct pg *pg, struct err_slot *err);

/* The same by a connection of its own, with all the time that a large table takes: before a
 * rollout, while nobody waits for the seats. May block. */
int migrate_alone(const char *dsn, void (*on_wait)(const char *words), struct err_slot *err);

#endif
