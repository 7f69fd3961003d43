/* schema.h: brings the database up to what this program expects. */
#ifndef FG_PAY_SCHEMA_H
#define FG_PAY_SCHEMA_H

#include "base/err.h"

/* Applies the missing files of payment-adapter/sql/ (pg/pg_migrate.h), so that any number of
 * instances may start at once. It blocks, and is for the start of the program only.
 * ERR_STATE if the database is newer than the program, or was made by other steps. */
int schema_apply(const char *conninfo, struct err_slot *err);
/* The same, and tells what it waits for. */
int schema_migrate(const char *conninfo, void (*on_wait)(const char *words), struct err_slot *err);

#endif
