/* schema.c: the files of payment-adapter/sql/, compiled into the program, in sequence
 * (pg/pg_migrate.h). */
#include "store/schema.h"

#include "pg/pg_migrate.h"
#include "store/statements.h"

#include <libpq-fe.h>

enum {
    LOCK = 2,
    CONNECT_MS = 30000,
    STEP_MS = 3600000, /* an index over a large table takes time */
};

/* The build makes a C string of each file; see the Makefile. */
static const struct pg_migrate_step steps[] = {
    {.name = "001_pay", .sql =
#include "payment-adapter/sql/001_pay.sql.inc"
    },
    {.name = "002_picture", .oldest = 1, .sql =
#include "payment-adapter/sql/002_picture.sql.inc"
    },
    {.name = "003_letters", .oldest = 1, .sql =
#include "payment-adapter/sql/003_letters.sql.inc"
    },
    {.name = "004_turns", .oldest = 1, .sql =
#include "payment-adapter/sql/004_turns.sql.inc"
    },
};

enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

int schema_migrate(const char *conninfo, void (*on_wait)(const char *words), struct err_slot *err)
{
    const struct pg_conf conf = {conninfo, "payment-adapter", NULL, CONNECT_MS, STEP_MS};
    const struct pg_migrate migrate = {"pay", LOCK, steps, STEPS, on_wait};
    int rc = pg_migrate_alone(&conf, &migrate, err);
    return rc < 0 ? err_wrap(err, "database") : 0;
}

int schema_installation(const char *conninfo, struct err_slot *err, char *out, size_t out_size)
{
    PGconn *pq = PQconnectdb(conninfo);
    PGresult *res = sql_installation(pq);
    struct span id = PQntuples(res) == 1 ? sql_installation_row(res, 0).id : SPAN("");
    int rc = id.len + 1 == out_size && span_to_cstr(id, out, out_size)
                 ? 0
                 : err_set(err, ERR_PEER, "reading pay.installation: %s", PQerrorMessage(pq));
    PQclear(res);
    PQfinish(pq);
    return rc;
}
