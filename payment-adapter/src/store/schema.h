/* schema.h: brings the database up to the schema that this program expects. */
#ifndef FG_PAY_SCHEMA_H
#define FG_PAY_SCHEMA_H

#include "base/err.h"

#include <stddef.h>

/* Applies the missing files of payment-adapter/sql/ (pg/pg_migrate.h); any number of instances may
 * start at once. Blocks, so it is called only at program start. on_wait: see pg_migrate.h.
 * ERR_STATE: the database is newer than the program, or was made by other steps. */
int schema_migrate(const char *conninfo, void (*on_wait)(const char *words), struct err_slot *err);

/* Reads the installation's name, created with the schema, which fills `out`. Blocks. */
int schema_installation(const char *conninfo, struct err_slot *err, char *out, size_t out_size);

#endif
