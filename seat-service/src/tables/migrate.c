/* migrate.c: the migrations of seat-service/sql/, compiled into the program, in order
 * (pg/pg_migrate.h). */
#include "tables/migrate.h"

#include "pg/pg_migrate.h"
#include "shell_limits.h"

/* infra/embed.js makes a C string of each file. */
static const struct pg_migrate_step steps[] = {
    {.name = "001_seats", .sql =
#include "seat-service/sql/001_seats.sql.inc"
    },
};

enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

static int bring_up(struct pg *pg, void (*on_wait)(const char *words), struct err_slot *err)
{
    const struct pg_migrate migrate = {MIGRATE_SCHEMA, 1, steps, STEPS, on_wait};
    return pg_migrate_run(pg, &migrate, err);
}

int migrate_run(struct pg *pg, struct err_slot *err)
{
    return bring_up(pg, NULL, err);
}

int migrate_alone(const char *dsn, void (*on_wait)(const char *words), struct err_slot *err)
{
    const struct pg_conf conf = {
        .dsn = dsn,
        .app = "fairgate seat-service migrate",
        .schema = MIGRATE_SCHEMA,
        .connect_ms = JOURNAL_CONNECT_MS,
        .query_ms = MIGRATE_ALONE_MS,
    };
    struct pg *pg;
    int rc = pg_open(&conf, err, &pg);
    if (rc < 0)
        return rc;
    rc = bring_up(pg, on_wait, err);
    pg_close(pg);
    return rc;
}
