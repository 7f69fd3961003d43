/* migrate.h: brings the schema up to what this program expects. */
#ifndef FG_SEAT_SERVICE_MIGRATE_H
#define FG_SEAT_SERVICE_MIGRATE_H

#include "pg/pg.h"

#define MIGRATE_SCHEMA "seats" /* of all tables; every connection sets it */

/* Applies the missing steps (pg/pg_migrate.h); any number of instances may start at once.
 * ERR_STATE, with nothing changed, if the database is too new for this program or an applied step
 * differs from the program's. */
int migrate_run(struct pg *pg, struct err_slot *err);

/* The same on its own connection, with MIGRATE_ALONE_MS for each statement: before a rollout, when
 * a large table may take its time. Blocks. on_wait: see pg_migrate.h. */
int migrate_alone(const char *dsn, void (*on_wait)(const char *words), struct err_slot *err);

#endif
